//! Something that is written or pasted unseen: a key.

use ratatui_core::style::Modifier;
use ratatui_core::text::{Line, Span};

use super::{Around, Overlay, Reply};
use crate::effect::Effect;
use crate::key::{KeyCode, KeyEvent};
use crate::wrap;

pub(crate) struct Secret {
    title: String,
    text: String,
}

impl Secret {
    pub(crate) fn new(title: String) -> Self {
        Self { title, text: String::new() }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Overlay for Secret {
    fn press(&mut self, key: KeyEvent) -> Reply {
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Esc, _) | (KeyCode::Char('c' | 'd'), true) => {
                return Reply::Done(vec![Effect::Leave]);
            }
            (KeyCode::Enter, _) if !self.text.is_empty() => {
                return Reply::Done(vec![Effect::Chosen(std::mem::take(&mut self.text))]);
            }
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
        self.text.push_str(text.trim());
    }

    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        let style = around.theme.accent.add_modifier(Modifier::BOLD);
        let mut rows = vec![Line::default()];
        rows.extend(wrap::wrap(&Line::styled(self.title.clone(), style), around.columns));
        let count = self.text.chars().count();
        let hidden = "*".repeat(count.min(around.columns.saturating_sub(3)));
        rows.push(Line::from(vec![Span::styled("› ", around.theme.accent), Span::raw(hidden)]));
        rows.push(Line::styled("enter takes it · esc goes back", around.theme.dim));
        rows
    }
}
