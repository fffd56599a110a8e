//! What the window says of itself to a person who looks elsewhere: its title, and a notification when a turn is over or
//! a question waits.

use std::path::Path;

use crate::filter::exact;

/// When and how a notification is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    pub when: When,
    pub how: How,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    #[default]
    Unfocused,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// Whatever of the others the terminal knows.
    #[default]
    Both,
    /// Of the desktop.
    Osc9,
    Bell,
}

/// What is going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State<'a> {
    pub cwd: Option<&'a Path>,
    pub is_running: bool,
    pub asks: bool,
}

#[derive(Debug)]
pub(crate) struct Attention {
    notify: Notify,
    /// Terminals that say nothing of it are looked at.
    focused: bool,
    was_running: bool,
    asked: bool,
    title: String,
}

/// Characters of a folder's name in a title.
const MAX_NAME: usize = 60;

impl Attention {
    pub(crate) fn new(notify: Notify) -> Self {
        let title = String::new();
        Self { notify, focused: true, was_running: false, asked: false, title }
    }

    pub(crate) fn focus(&mut self, focused: bool) {
        self.focused = focused;
    }

    /// What is to be written to the terminal now.
    pub(crate) fn look(&mut self, now: State<'_>) -> String {
        let mut written = String::new();
        let title = title(now);
        if title != self.title {
            written.push_str(&format!("\x1b]2;{title}\x07"));
            self.title = title;
        }
        let asks = now.asks && !self.asked;
        let is_over = self.was_running && !now.is_running;
        (self.was_running, self.asked) = (now.is_running, now.asks);
        let wanted = match self.notify.when {
            When::Always => true,
            When::Unfocused => !self.focused,
            When::Never => false,
        };
        if wanted && (asks || is_over) {
            let what = if asks { "a question waits for you" } else { "the turn is over" };
            if self.notify.how != How::Bell {
                written.push_str(&format!("\x1b]9;agent: {what}, {}\x07", name(now)));
            }
            if self.notify.how != How::Osc9 {
                written.push('\x07');
            }
        }
        written
    }
}

/// Of a window among many the folder is what tells it apart.
fn title(now: State<'_>) -> String {
    let mark = match now {
        State { asks: true, .. } => "? ",
        State { is_running: true, .. } => "* ",
        _ => "",
    };
    format!("{mark}{} - agent", name(now))
}

fn name(now: State<'_>) -> String {
    let name = now.cwd.and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let name: String = exact(&name).lines().flat_map(str::chars).take(MAX_NAME).collect();
    if name.is_empty() { "/".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(name: &str, is_running: bool, asks: bool) -> State<'_> {
        State { cwd: Some(Path::new(name)), is_running, asks }
    }

    #[test]
    fn the_title_names_the_folder_and_what_goes_on_and_is_set_when_it_changes() {
        let mut attention = Attention::new(Notify::default());
        assert_eq!(attention.look(state("/a/shop", false, false)), "\x1b]2;shop - agent\x07");
        assert_eq!(attention.look(state("/a/shop", false, false)), "");
        assert_eq!(attention.look(state("/a/shop", true, false)), "\x1b]2;* shop - agent\x07");
        assert_eq!(attention.look(state("/a/shop", true, true)), "\x1b]2;? shop - agent\x07");
    }

    #[test]
    fn a_name_cannot_end_the_title_and_say_something_else() {
        let title =
            Attention::new(Notify::default()).look(state("/x\x07\x1b]52;c;aa\x07\n", true, false));
        assert_eq!(title.matches('\x07').count(), 1, "{title:?}");
        assert_eq!(title.matches('\x1b').count(), 1, "{title:?}");
    }

    #[test]
    fn who_looks_elsewhere_hears_of_a_question_and_of_the_end() {
        let mut attention = Attention::new(Notify::default());
        attention.look(state("/s", true, false));
        assert!(!attention.look(state("/s", true, true)).contains("\x1b]9;"), "it is looked at");
        attention.look(state("/s", true, false));
        attention.focus(false);
        let said = attention.look(state("/s", true, true));
        assert!(said.ends_with("\x1b]9;agent: a question waits for you, s\x07\x07"), "{said:?}");
        attention.look(state("/s", true, false));
        let said = attention.look(state("/s", false, false));
        assert!(said.ends_with("\x1b]9;agent: the turn is over, s\x07\x07"), "{said:?}");
    }

    #[test]
    fn how_is_what_the_person_chose() {
        for (how, expected) in [(How::Bell, (false, true)), (How::Osc9, (true, false))] {
            let mut attention = Attention::new(Notify { when: When::Always, how });
            attention.look(state("/s", true, false));
            let said = attention.look(state("/s", false, false));
            let bell = said.ends_with("\x07\x07") || said.ends_with("agent\x07\x07");
            assert_eq!((said.contains("\x1b]9;"), bell), expected, "{said:?}");
        }
    }
}
