//! What is known of the terminal from the environment, and wanted of it by the configuration.

use agent_tui::attention::{How, Notify, When};
use agent_tui::runner::Manners;
use agent_tui::theme::{Background, Colours, Look, Scheme};

use crate::config::Environment;
use crate::settings::Settings;

pub(super) fn manners(environment: &Environment, settings: &Settings) -> Manners {
    let text = |name| settings.screen(name).and_then(toml::Value::as_str);
    Manners {
        reflows: reflows(environment),
        answers: colours(environment) != Colours::None || environment.var("NO_COLOR").is_some(),
        full: text("alternate_screen") == Some("always"),
        look: look(environment, text("theme").unwrap_or_default()),
        notify: notify(settings.screen("notifications"), text),
    }
}

/// Whether the terminal breaks its lines anew when it becomes narrower; xterm, GNU screen and the console cut them.
fn reflows(environment: &Environment) -> bool {
    let is_screen = environment.var("STY").is_some() && environment.var("TMUX").is_none();
    let is_console = environment.var("TERM") == Some("linux");
    environment.var("XTERM_VERSION").is_none() && !is_screen && !is_console
}

fn look(environment: &Environment, theme: &str) -> Look {
    let plain = environment.var("NO_COLOR").is_some();
    Look {
        colours: if plain { Colours::None } else { colours(environment) },
        background: background(environment).unwrap_or(Background::Dark),
        scheme: Scheme::named(theme).unwrap_or_default(),
        unicode: is_unicode(environment),
    }
}

fn colours(environment: &Environment) -> Colours {
    let term = environment.var("TERM").unwrap_or("dumb");
    match environment.var("COLORTERM") {
        _ if term == "dumb" => Colours::None,
        Some("truecolor" | "24bit") => Colours::All,
        _ if term.ends_with("direct") => Colours::All,
        _ if term.contains("256color") => Colours::Many,
        _ => Colours::Sixteen,
    }
}

/// Some terminals say which of their colours is behind the text: `15;0`.
fn background(environment: &Environment) -> Option<Background> {
    let number = environment.var("COLORFGBG")?.rsplit(';').next()?.parse().ok()?;
    Some(match number {
        0..=6 | 8 => Background::Dark,
        7 | 9..=15 => Background::Light,
        _ => return None,
    })
}

/// Whoever says nothing of it is not taken at their word.
fn is_unicode(environment: &Environment) -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| environment.var(name));
    named.is_none_or(|name| {
        let name = name.to_ascii_lowercase();
        name.contains("utf-8") || name.contains("utf8")
    })
}

fn notify<'a>(wanted: Option<&toml::Value>, text: impl Fn(&'a str) -> Option<&'a str>) -> Notify {
    let is_wanted = match wanted {
        Some(toml::Value::Boolean(wanted)) => *wanted,
        Some(toml::Value::Array(names)) => !names.is_empty(),
        _ => true,
    };
    let when = match text("notification_condition") {
        _ if !is_wanted => When::Never,
        Some("always") => When::Always,
        _ => When::Unfocused,
    };
    let how = match text("notification_method") {
        Some("osc9") => How::Osc9,
        Some("bel") => How::Bell,
        _ => How::Both,
    };
    Notify { when, how }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_tui::theme::Theme;
    use std::path::Path;

    fn with(variables: &[(&str, &str)]) -> Environment {
        let bare = Environment::bare(Path::new("/home/p"), Path::new("/w"));
        variables.iter().fold(bare, |environment, (name, value)| environment.with(name, value))
    }

    #[test]
    fn the_colours_are_those_the_terminal_has() {
        for (variables, expected) in [
            (&[("TERM", "xterm")][..], Colours::Sixteen),
            (&[("TERM", "xterm-256color")], Colours::Many),
            (&[("TERM", "xterm-direct")], Colours::All),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Colours::All),
            (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], Colours::None),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], Colours::None),
            (&[], Colours::None),
        ] {
            assert_eq!(look(&with(variables), "auto").colours, expected, "{variables:?}");
        }
        let plain = look(&with(&[("TERM", "xterm")]), "none");
        assert_eq!(plain.theme(), Theme::colourless());
    }

    #[test]
    fn the_background_is_chosen_or_guessed() {
        for (variable, theme, expected) in [
            ("15;0", "auto", (Background::Dark, Scheme::Auto)),
            ("0;15", "auto", (Background::Light, Scheme::Auto)),
            ("0;default;15", "dracula", (Background::Light, Scheme::Auto)),
            ("0;15", "dark", (Background::Light, Scheme::Dark)),
            ("what", "", (Background::Dark, Scheme::Auto)),
            ("15;0", "light", (Background::Dark, Scheme::Light)),
        ] {
            let look = look(&with(&[("TERM", "xterm"), ("COLORFGBG", variable)]), theme);
            assert_eq!((look.background, look.scheme), expected, "{variable} {theme}");
        }
    }

    #[test]
    fn without_unicode_the_signs_are_ascii() {
        for (variables, expected) in [
            (&[("LANG", "C")][..], false),
            (&[("LANG", "de_DE.UTF-8")], true),
            (&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "POSIX")], false),
            (&[("LANG", "C"), ("LC_CTYPE", "C.utf8")], true),
            (&[], true),
        ] {
            assert_eq!(is_unicode(&with(variables)), expected, "{variables:?}");
        }
    }
}
