//! The styles and signs of the screen: for dark and light backgrounds, in as many colours as the terminal has, without
//! colour, and without Unicode.

use ratatui_core::style::{Color, Modifier, Style};

/// How each kind of text looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// What stands back: markers, rules, targets of links.
    pub dim: Style,
    pub heading: Style,
    pub link: Style,
    /// Code within a line.
    pub code: Style,
    /// Code in lines of its own, where it is nothing in particular.
    pub code_block: Style,
    pub added: Style,
    pub removed: Style,
    /// Lines of a diff: with a background, the language's colours stay on it.
    pub added_line: Style,
    pub removed_line: Style,
    /// What is of ours within the person's text.
    pub accent: Style,
    pub syntax: Syntax,
    pub glyphs: Glyphs,
}

/// How code looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Syntax {
    pub comment: Style,
    pub string: Style,
    pub constant: Style,
    pub keyword: Style,
    pub r#type: Style,
    pub function: Style,
}

/// The signs that text does not contain itself; each but the ellipsis and the arrow is one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyphs {
    pub bullet: &'static str,
    pub quote: &'static str,
    pub vertical: &'static str,
    pub horizontal: &'static str,
    pub cross: &'static str,
    pub ellipsis: &'static str,
    pub arrow: &'static str,
    pub up: &'static str,
    pub down: &'static str,
    /// What came of a call.
    pub done: &'static str,
    pub failed: &'static str,
}

impl Glyphs {
    pub const UNICODE: Self = Self {
        bullet: "•",
        quote: "▌",
        vertical: "│",
        horizontal: "─",
        cross: "┼",
        ellipsis: "…",
        arrow: "→",
        up: "↑",
        down: "↓",
        done: "✓",
        failed: "✗",
    };

    pub const ASCII: Self = Self {
        bullet: "*",
        quote: "|",
        vertical: "|",
        horizontal: "-",
        cross: "+",
        ellipsis: "...",
        arrow: "->",
        up: "^",
        down: "v",
        done: "+",
        failed: "x",
    };
}

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    None,
    /// Those whose looks the person chose for the terminal.
    Sixteen,
    Many,
    /// 24 bits.
    All,
}

/// What is behind the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    Dark,
    Light,
}

impl Background {
    /// Of red, green and blue, as the eye weighs them.
    pub fn of([red, green, blue]: [u8; 3]) -> Self {
        let light = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
        if light > 127 * 1000 { Self::Light } else { Self::Dark }
    }
}

/// What the person wants of the colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// As the terminal says.
    #[default]
    Auto,
    Dark,
    Light,
    /// No colours.
    None,
}

impl Scheme {
    pub const ALL: [Self; 4] = [Self::Auto, Self::Dark, Self::Light, Self::None];

    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Dark => "dark",
            Self::Light => "light",
            Self::None => "none",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }
}

/// What is known of a terminal, and wanted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// As many as it has.
    pub colours: Colours,
    /// A guess, until it has said it.
    pub background: Background,
    pub scheme: Scheme,
    pub unicode: bool,
}

impl Look {
    /// Whether a theme makes a difference.
    pub fn has_colours(self) -> bool {
        self.colours != Colours::None
    }

    /// The same on the background that the terminal told.
    #[must_use]
    pub fn on(self, colour: [u8; 3]) -> Self {
        Self { background: Background::of(colour), ..self }
    }

    /// The colours and the background of all that is drawn.
    fn chosen(self) -> (Colours, Background) {
        match self.scheme {
            Scheme::Auto => (self.colours, self.background),
            Scheme::Dark => (self.colours, Background::Dark),
            Scheme::Light => (self.colours, Background::Light),
            Scheme::None => (Colours::None, self.background),
        }
    }

    pub fn theme(self) -> Theme {
        let (colours, background) = self.chosen();
        let theme = match (colours, background) {
            (Colours::None, _) => Theme::colourless(),
            (_, Background::Dark) => Theme::default(),
            (_, Background::Light) => Theme::light(),
        };
        let lines = match (colours, background) {
            (Colours::None | Colours::Sixteen, _) => None,
            (Colours::Many, Background::Dark) => Some((Color::Indexed(22), Color::Indexed(52))),
            (Colours::Many, Background::Light) => Some((Color::Indexed(194), Color::Indexed(224))),
            (Colours::All, Background::Dark) => {
                Some((Color::Rgb(20, 48, 30), Color::Rgb(66, 26, 30)))
            }
            (Colours::All, Background::Light) => {
                Some((Color::Rgb(218, 245, 222), Color::Rgb(255, 226, 224)))
            }
        };
        let (added_line, removed_line) = lines
            .map_or((theme.added_line, theme.removed_line), |(added, removed)| {
                (Style::new().bg(added), Style::new().bg(removed))
            });
        let glyphs = if self.unicode { Glyphs::UNICODE } else { Glyphs::ASCII };
        Theme { added_line, removed_line, glyphs, ..theme }
    }
}

impl Default for Theme {
    fn default() -> Self {
        let foreground = |color: Color| Style::new().fg(color);
        Self {
            dim: Modifier::DIM.into(),
            heading: Modifier::BOLD.into(),
            link: foreground(Color::Cyan).add_modifier(Modifier::UNDERLINED),
            code: foreground(Color::Cyan),
            code_block: Style::new(),
            added: foreground(Color::Green),
            removed: foreground(Color::Red),
            added_line: foreground(Color::Green),
            removed_line: foreground(Color::Red),
            accent: foreground(Color::Cyan),
            syntax: Syntax {
                comment: Modifier::DIM.into(),
                string: foreground(Color::Green),
                constant: foreground(Color::Yellow),
                keyword: foreground(Color::Magenta),
                r#type: foreground(Color::Cyan),
                function: foreground(Color::Blue),
            },
            glyphs: Glyphs::UNICODE,
        }
    }
}

impl Theme {
    /// On white, cyan and yellow are hard to read.
    fn light() -> Self {
        let foreground = |color: Color| Style::new().fg(color);
        Self {
            link: foreground(Color::Blue).add_modifier(Modifier::UNDERLINED),
            code: foreground(Color::Blue),
            accent: foreground(Color::Blue),
            syntax: Syntax {
                comment: Modifier::DIM.into(),
                string: foreground(Color::Green),
                constant: foreground(Color::Magenta),
                keyword: foreground(Color::Blue),
                r#type: foreground(Color::Magenta),
                function: foreground(Color::Blue),
            },
            ..Self::default()
        }
    }

    /// Bold, dim and underlined, but no colour.
    pub fn colourless() -> Self {
        Self {
            dim: Modifier::DIM.into(),
            heading: Modifier::BOLD.into(),
            link: Modifier::UNDERLINED.into(),
            code: Modifier::BOLD.into(),
            code_block: Style::new(),
            added: Style::new(),
            removed: Style::new(),
            added_line: Style::new(),
            removed_line: Style::new(),
            accent: Modifier::BOLD.into(),
            syntax: Syntax { comment: Modifier::DIM.into(), ..Syntax::default() },
            glyphs: Glyphs::UNICODE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUESS: Look = Look {
        colours: Colours::All,
        background: Background::Dark,
        scheme: Scheme::Auto,
        unicode: true,
    };

    #[test]
    fn the_terminal_knows_its_background_better_than_a_guess_and_the_person_better_than_it() {
        const PAPER: [u8; 3] = [253, 246, 227];
        assert_eq!(GUESS.on(PAPER).background, Background::Light);
        assert_eq!(GUESS.on([40, 40, 60]).background, Background::Dark);
        let chosen = Look { scheme: Scheme::Dark, ..GUESS }.on(PAPER);
        assert_eq!(chosen.theme(), GUESS.theme());
        let plain = Look { scheme: Scheme::None, ..GUESS }.on(PAPER);
        assert_eq!(plain.theme(), Theme::colourless());
        let again = Look { scheme: Scheme::Auto, ..chosen };
        assert_eq!(again.theme(), GUESS.on(PAPER).theme(), "what it said meanwhile counts");
    }

    #[test]
    fn a_diff_has_backgrounds_only_where_there_are_colours_to_spare() {
        for (colours, tinted) in [
            (Colours::None, false),
            (Colours::Sixteen, false),
            (Colours::Many, true),
            (Colours::All, true),
        ] {
            for background in [Background::Dark, Background::Light] {
                let theme = Look { colours, background, ..GUESS }.theme();
                assert_eq!(theme.added_line.bg.is_some(), tinted, "{colours:?}");
                assert!(theme.removed.bg.is_none(), "an error is no line of a diff");
            }
        }
    }
}
