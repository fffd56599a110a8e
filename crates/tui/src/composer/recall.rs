//! Going up and down: over the rows of the text, and beyond them through what was sent before; and searching there.

use super::{Composer, ComposerOutcome, chip::cleaned, motion};
use crate::key::{KeyCode, KeyEvent, Modifiers};

impl Composer {
    /// A row up, and from the first one into the history. What was recalled is gone on from at once, however many rows it
    /// has, until something was done in it.
    pub(super) fn up(&mut self, goal: Option<usize>) -> ComposerOutcome {
        if self.is_as_recalled() && self.go_back() {
            return ComposerOutcome::Handled;
        }
        if self.layout().locate(self.buffer.cursor()).0 > 0 {
            return self.rows_up(1, goal);
        }
        self.go_back();
        ComposerOutcome::Handled
    }

    pub(super) fn down(&mut self, goal: Option<usize>) -> ComposerOutcome {
        let layout = self.layout();
        if layout.locate(self.buffer.cursor()).0 + 1 < layout.height() {
            return self.rows_down(1, goal);
        }
        if let Some(message) = self.history.later(self.chips.message(self.buffer.text())) {
            self.show(&message);
        }
        ComposerOutcome::Handled
    }

    /// Shows the message before; whether there is one.
    fn go_back(&mut self) -> bool {
        let earlier = self.history.earlier(self.chips.message(self.buffer.text()));
        earlier.is_some_and(|message| {
            self.show(&message);
            true
        })
    }

    /// Nothing was done since it was recalled, which leaves the cursor at the end.
    fn is_as_recalled(&self) -> bool {
        self.buffer.cursor() == self.buffer.text().len() && self.is_recalled()
    }

    pub(super) fn rows_up(&mut self, rows: usize, goal: Option<usize>) -> ComposerOutcome {
        self.go_to_row(goal, |row, _| row.saturating_sub(rows))
    }

    pub(super) fn rows_down(&mut self, rows: usize, goal: Option<usize>) -> ComposerOutcome {
        self.go_to_row(goal, |row, last| (row + rows).min(last))
    }

    /// Goes to the row that `choose` makes of the present one and the last.
    fn go_to_row(
        &mut self,
        goal: Option<usize>,
        choose: impl FnOnce(usize, usize) -> usize,
    ) -> ComposerOutcome {
        let layout = self.layout();
        let (row, column) = layout.locate(self.buffer.cursor());
        let goal = goal.unwrap_or(column);
        let at = layout.offset(choose(row, layout.height() - 1), goal);
        self.buffer.go(at);
        self.goal = Some(goal);
        ComposerOutcome::Handled
    }

    /// A key while the history is searched, and whether the search takes it. One that it does not ends it, and means what
    /// it always does.
    pub fn search_key(&mut self, key: KeyEvent) -> bool {
        if self.search().is_none() {
            return false;
        }
        let found = match (key.code, key.modifiers) {
            (KeyCode::Char('r'), Modifiers { ctrl: true, .. }) | (KeyCode::Up, _) => {
                self.history.search_older()
            }
            (KeyCode::Char('s'), Modifiers { ctrl: true, .. }) | (KeyCode::Down, _) => {
                self.history.search_newer()
            }
            (KeyCode::Char('g' | 'c'), Modifiers { ctrl: true, .. }) | (KeyCode::Esc, _) => {
                self.history.cancel_search()
            }
            (KeyCode::Char(c), Modifiers { ctrl: false, alt: false, .. }) => {
                self.history.search(|query| query.push(c))
            }
            (KeyCode::Backspace, _) => self.history.search(|query| {
                query.truncate(motion::left(query, query.len()));
            }),
            (code, _) => {
                self.history.accept_search();
                return code == KeyCode::Enter;
            }
        };
        if let Some(message) = found {
            self.show(&message);
        }
        true
    }

    /// What is pasted into a search is searched, as far as it is a line; whether there is one.
    pub(super) fn search_for(&mut self, text: &str) -> bool {
        let line = cleaned(text.lines().next().unwrap_or_default());
        let found = self.history.search(|query| query.push_str(&line));
        found.is_some_and(|message| {
            self.show(&message);
            true
        })
    }

    /// Ends the search, and what was written before it stands there again.
    pub fn leave_search(&mut self) {
        if let Some(before) = self.history.cancel_search() {
            self.show(&before);
        }
    }
}
