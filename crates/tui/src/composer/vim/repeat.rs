//! What `.` does again: the keys of the last command that changed the text, with what was typed in it.

use super::{Mode, Pending, Vim};
use crate::key::{KeyCode, KeyEvent};

/// More than anybody types in one command.
const MAX_KEYS: usize = 10_000;

#[derive(Clone, Debug, Default)]
pub(super) struct Repeat {
    /// Of the command under way.
    typed: Vec<KeyEvent>,
    has_changed: bool,
    /// Of the last one that changed something.
    last: Vec<KeyEvent>,
}

impl Vim {
    /// The keys that this one stands for, if it is the one that repeats.
    pub(in crate::composer) fn repeated(&self, key: KeyEvent) -> Option<Vec<KeyEvent>> {
        let is_it = key == KeyEvent::plain(KeyCode::Char('.'))
            && self.mode == Mode::Normal
            && self.pending == Pending::default()
            && self.selection.is_none();
        is_it.then(|| self.repeat.last.clone())
    }

    /// Takes down a key that was pressed in this mode, and whether the text is another since.
    pub(in crate::composer) fn note(&mut self, key: KeyEvent, mode: Mode, has_changed: bool) {
        // What is typed before the first command belongs to none; going back and forth is no change of one's own.
        let is_none = mode == Mode::Insert
            || key.modifiers.ctrl
            || !matches!(key.code, KeyCode::Char(c) if !matches!(c, 'u' | 'j' | 'k'));
        let repeat = &mut self.repeat;
        if repeat.typed.is_empty() && is_none {
            return;
        }
        if repeat.typed.len() < MAX_KEYS {
            repeat.typed.push(key);
        }
        repeat.has_changed |= has_changed;
        let is_complete = self.mode == Mode::Normal
            && self.pending == Pending::default()
            && self.selection.is_none();
        if is_complete {
            let typed = std::mem::take(&mut repeat.typed);
            if std::mem::take(&mut repeat.has_changed) {
                repeat.last = typed;
            }
        }
    }
}
