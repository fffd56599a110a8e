//! What is typed several times: a count before `i`, `a`, `o` and their like takes effect when insert mode is left.

use super::{Mode, Vim};
use crate::composer::buffer::Buffer;
use crate::key::{KeyCode, KeyEvent, Modifiers};

/// A text that is longer was not typed by anybody who counts.
const MAX_BYTES: usize = 100_000;

/// Where one began to insert.
#[derive(Clone, Copy, Debug)]
pub(super) struct Insertion {
    at: usize,
    /// Bytes behind it.
    behind: usize,
    times: usize,
    /// Each time on a line of its own.
    opens_line: bool,
}

impl Vim {
    pub(super) fn insert_at(&mut self, at: usize, buffer: &mut Buffer) {
        self.begin_insertion(at, false, buffer);
    }

    /// On the empty line at `at`.
    pub(super) fn insert_line_at(&mut self, at: usize, buffer: &mut Buffer) {
        self.begin_insertion(at, true, buffer);
    }

    fn begin_insertion(&mut self, at: usize, opens_line: bool, buffer: &mut Buffer) {
        self.mode = Mode::Insert;
        buffer.go(at);
        let behind = buffer.text().len() - buffer.cursor();
        let (at, times) = (buffer.cursor(), self.pending.count());
        self.insertion = Some(Insertion { at, behind, times, opens_line });
    }

    /// Insert mode is left: the other times.
    pub(super) fn end_insertion(&mut self, buffer: &mut Buffer) {
        let more = self.insertion.take().and_then(|insertion| insertion.more(buffer));
        if let Some(more) = more {
            buffer.insert_on(&more);
        }
    }

    /// Something else is done than to type: what comes then is typed once.
    pub(in crate::composer) fn leave_insertion(&mut self) {
        self.insertion = None;
    }

    /// The same, if this key in insert mode does so.
    pub(super) fn go_on_insertion(&mut self, key: KeyEvent, buffer: &Buffer) {
        let Some(insertion) = self.insertion else { return };
        let Modifiers { ctrl, alt, .. } = key.modifiers;
        let types = match key.code {
            KeyCode::Char(c) => !ctrl && !alt || ctrl && c == 'j',
            KeyCode::Enter => true,
            KeyCode::Backspace => !ctrl && !alt && buffer.cursor() > insertion.at,
            _ => false,
        };
        if !types {
            self.leave_insertion();
        }
    }
}

impl Insertion {
    /// What is left to be inserted.
    fn more(self, buffer: &Buffer) -> Option<String> {
        let (text, cursor) = (buffer.text(), buffer.cursor());
        let typed = text.get(self.at..cursor).filter(|_| text.len() - cursor == self.behind)?;
        let once = if self.opens_line { format!("\n{typed}") } else { typed.to_owned() };
        let most = MAX_BYTES / once.len().max(1);
        Some(once.repeat((self.times - 1).min(most)))
    }
}
