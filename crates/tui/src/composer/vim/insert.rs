//! What is typed several times: a count before `i`, `a`, `o` and their like takes effect when insert mode is left.

use super::{Mode, Vim};
use crate::composer::buffer::Buffer;

/// A text that is longer was not typed by anybody who counts.
const MAX_BYTES: usize = 100_000;

/// Where one began to insert.
#[derive(Clone, Copy, Debug)]
pub(super) struct Insertion {
    at: usize,
    /// Bytes behind it: as many as that stand there as long as nothing but this was changed.
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
            buffer.insert(&more);
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
