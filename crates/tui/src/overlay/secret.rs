//! Something that is written or pasted unseen: a key.

use ratatui_core::style::Modifier;
use ratatui_core::text::{Line, Span};

use super::{Around, Overlay, Reply};
use crate::effect::Effect;
use crate::key::{KeyCode, KeyEvent};
use crate::slash::Verb;
use crate::wrap;

pub(crate) struct Secret {
    title: String,
    text: String,
    /// Asked in a thread, which goes on also without.
    is_of_thread: bool,
    /// Why what was given last is no key.
    refusal: Option<&'static str>,
}

impl Secret {
    pub(crate) fn new(title: String) -> Self {
        Self { title, text: String::new(), is_of_thread: false, refusal: None }
    }

    /// For the thread that is open.
    pub(crate) fn of_thread(title: String) -> Self {
        Self { is_of_thread: true, ..Self::new(title) }
    }

    /// What was given, if it can be a key; if not, one is asked for again.
    fn take(&mut self) -> Reply {
        let text = std::mem::take(&mut self.text);
        let key = text.trim();
        self.refusal = match key {
            "" => Some("Nothing was given yet."),
            // Two keys, or something else that was in the clipboard: no server takes it.
            _ if key.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                Some("A key has no spaces and no line breaks in it. Give it again.")
            }
            _ if self.is_of_thread => return Reply::Run(Verb::Key, key.to_owned()),
            _ => return Reply::Done(vec![Effect::Chosen(key.to_owned())]),
        };
        Reply::Stay
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Overlay for Secret {
    fn press(&mut self, key: KeyEvent) -> Reply {
        self.refusal = None;
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Esc, _) | (KeyCode::Char('c' | 'd'), true) => {
                let leaves = (!self.is_of_thread).then_some(Effect::Leave);
                return Reply::Done(leaves.into_iter().collect());
            }
            (KeyCode::Enter, _) => return self.take(),
            (KeyCode::Char('u'), true) => self.text.clear(),
            (KeyCode::Char(c), false) => self.text.push(c),
            (KeyCode::Backspace, _) => {
                self.text.pop();
            }
            _ => {}
        }
        Reply::Stay
    }

    fn paste(&mut self, text: &str) {
        self.refusal = None;
        self.text.push_str(text.trim());
    }

    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        let style = around.theme.accent.add_modifier(Modifier::BOLD);
        let mut rows = vec![Line::default()];
        rows.extend(wrap::wrap(&Line::styled(self.title.clone(), style), around.columns));
        let count = self.text.chars().count();
        let hidden = "*".repeat(count.min(around.columns.saturating_sub(3)));
        rows.push(Line::from(vec![Span::styled("› ", around.theme.accent), Span::raw(hidden)]));
        if let Some(refusal) = self.refusal {
            let refusal = Line::styled(format!("! {refusal}"), around.theme.removed);
            rows.extend(wrap::wrap(&refusal, around.columns));
        }
        rows.push(Line::styled("enter takes it · esc goes back", around.theme.dim));
        rows
    }
}
