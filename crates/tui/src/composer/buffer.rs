//! The text under the cursor with its past: undo, redo, and what was cut. It knows neither keys nor rows.

use std::ops::Range;

use super::motion;

/// More steps back than anybody takes.
const MAX_UNDO: usize = 1000;

/// As many cut texts are kept.
const MAX_KILLS: usize = 32;

/// A text, a cursor in it, and how it came to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer {
    text: String,
    cursor: usize,
    past: Vec<Edit>,
    future: Vec<Edit>,
    kills: Vec<String>,
    last: Last,
}

/// A change, with all it takes to undo and to redo it.
#[derive(Clone, Debug)]
struct Edit {
    at: usize,
    removed: String,
    inserted: String,
    /// Where the cursor stood before.
    cursor: usize,
    /// Where it stood after it.
    after: usize,
}

/// What was done last, where it decides what the next thing does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    /// Typing goes on in the same step of undo.
    Typed,
    /// The next cut joins this one.
    Killed,
    /// What was put back stands at `start`, and is that of this index.
    Yanked { start: usize, index: usize },
}

/// On which side of the cursor a cut lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

impl Buffer {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// The texts that undo and yank can bring back, and the present one.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> + Clone {
        let past =
            self.past.iter().chain(&self.future).flat_map(|edit| [&*edit.removed, &*edit.inserted]);
        past.chain(self.kills.iter().map(String::as_str)).chain([self.text.as_str()])
    }

    /// Puts the cursor at `at`, or before the grapheme that `at` is within.
    pub(super) fn go(&mut self, at: usize) {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        self.cursor = at;
        self.last = Last::Other;
    }

    /// Replaces `range` by `with` as one step; the cursor goes behind it.
    pub(super) fn replace(&mut self, range: Range<usize>, with: &str) {
        self.last = Last::Other;
        self.apply(range, with);
    }

    /// Puts `text` before all else as one step; the cursor stays where it is in the rest.
    pub(super) fn precede(&mut self, text: &str) {
        let cursor = self.cursor + text.len();
        self.replace(0..0, text);
        if let Some(edit) = self.past.last_mut().filter(|_| !text.is_empty()) {
            (edit.after, self.cursor) = (cursor, cursor);
        }
    }

    fn apply(&mut self, range: Range<usize>, with: &str) {
        if range.is_empty() && with.is_empty() {
            return;
        }
        let edit = Edit {
            at: range.start,
            removed: self.text[range.clone()].to_owned(),
            inserted: with.to_owned(),
            cursor: self.cursor,
            after: range.start + with.len(),
        };
        self.cursor = edit.after;
        self.text.replace_range(range, with);
        self.future.clear();
        if self.past.len() == MAX_UNDO {
            self.past.remove(0);
        }
        self.past.push(edit);
    }

    pub(super) fn insert(&mut self, text: &str) {
        self.replace(self.cursor..self.cursor, text);
    }

    /// The same, undone with what was done last, if that ended here.
    pub(super) fn insert_on(&mut self, text: &str) {
        let cursor = self.cursor;
        match self.past.last_mut() {
            Some(edit) if edit.at + edit.inserted.len() == cursor && !edit.inserted.is_empty() => {
                edit.inserted.push_str(text);
                self.text.insert_str(cursor, text);
                self.cursor += text.len();
                edit.after = self.cursor;
                self.future.clear();
                self.last = Last::Other;
            }
            _ => self.insert(text),
        }
    }

    /// A character from the keyboard: undone with its word.
    pub(super) fn type_char(&mut self, c: char) {
        let begins_word =
            !c.is_whitespace() && self.text[..self.cursor].ends_with(char::is_whitespace);
        let goes_on = self.last == Last::Typed && !begins_word;
        let mut bytes = [0; 4];
        let typed = c.encode_utf8(&mut bytes);
        match self.past.last_mut() {
            Some(edit) if goes_on && edit.at + edit.inserted.len() == self.cursor => {
                edit.inserted.push(c);
                self.text.insert(self.cursor, c);
                self.cursor += typed.len();
                edit.after = self.cursor;
                self.future.clear();
            }
            _ => self.apply(self.cursor..self.cursor, typed),
        }
        self.last = Last::Typed;
    }

    pub(super) fn delete_left(&mut self) {
        self.replace(motion::left(&self.text, self.cursor)..self.cursor, "");
    }

    pub(super) fn delete_right(&mut self) {
        self.replace(self.cursor..motion::right(&self.text, self.cursor), "");
    }

    /// Cuts `range`, which ends or begins at the cursor. Cuts in a row are put back together.
    pub(super) fn kill(&mut self, range: Range<usize>, side: Side) {
        if range.is_empty() {
            return;
        }
        let text = self.text[range.clone()].to_owned();
        match (self.kills.last_mut(), side) {
            (Some(kill), Side::After) if self.last == Last::Killed => kill.push_str(&text),
            (Some(kill), Side::Before) if self.last == Last::Killed => kill.insert_str(0, &text),
            _ => self.keep(text),
        }
        self.apply(range, "");
        self.last = Last::Killed;
    }

    /// Keeps `text` as if it had been cut.
    pub(super) fn keep(&mut self, text: String) {
        if self.kills.len() == MAX_KILLS {
            self.kills.remove(0);
        }
        self.kills.push(text);
    }

    /// What was cut last.
    pub(super) fn killed(&self) -> Option<&str> {
        self.kills.last().map(String::as_str)
    }

    /// Puts back what was cut last.
    pub(super) fn yank(&mut self) {
        if let Some(text) = self.kills.last().cloned() {
            let start = self.cursor;
            self.apply(start..start, &text);
            self.last = Last::Yanked { start, index: self.kills.len() - 1 };
        }
    }

    /// Instead of what was just put back, what was cut before it.
    pub(super) fn yank_earlier(&mut self) {
        let Last::Yanked { start, index } = self.last else { return };
        let index = index.checked_sub(1).unwrap_or(self.kills.len() - 1);
        let text = self.kills[index].clone();
        self.apply(start..self.cursor, &text);
        self.last = Last::Yanked { start, index };
    }

    pub(super) fn undo(&mut self) {
        self.last = Last::Other;
        if let Some(edit) = self.past.pop() {
            self.text.replace_range(edit.at..edit.at + edit.inserted.len(), &edit.removed);
            self.cursor = edit.cursor;
            self.future.push(edit);
        }
    }

    pub(super) fn redo(&mut self) {
        self.last = Last::Other;
        if let Some(edit) = self.future.pop() {
            self.text.replace_range(edit.at..edit.at + edit.removed.len(), &edit.inserted);
            self.cursor = edit.after;
            self.past.push(edit);
        }
    }

    /// Takes the text out; its past goes with it, what was cut stays.
    pub(super) fn take(&mut self) -> String {
        let kills = std::mem::take(&mut self.kills);
        std::mem::replace(self, Self { kills, ..Self::default() }).text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(text: &str) -> Buffer {
        let mut buffer = Buffer::default();
        text.chars().for_each(|c| buffer.type_char(c));
        buffer
    }

    #[test]
    fn typing_is_undone_word_by_word() {
        let mut buffer = typed("one two");
        buffer.undo();
        assert_eq!(buffer.text(), "one ");
        buffer.undo();
        assert_eq!(buffer.text(), "");
        buffer.redo();
        buffer.redo();
        assert_eq!((buffer.text(), buffer.cursor()), ("one two", 7));
    }

    #[test]
    fn cuts_in_a_row_come_back_as_one() {
        let mut buffer = typed("one two three");
        buffer.kill(8..13, Side::Before);
        buffer.kill(4..8, Side::Before);
        assert_eq!(buffer.killed(), Some("two three"));
        buffer.go(0);
        buffer.kill(0..4, Side::After);
        buffer.yank();
        assert_eq!(buffer.text(), "one ");
        buffer.yank_earlier();
        assert_eq!(buffer.text(), "two three");
        buffer.yank_earlier();
        assert_eq!(buffer.text(), "one ");
        buffer.undo();
        buffer.undo();
        buffer.undo();
        buffer.undo();
        assert_eq!(buffer.text(), "one ");
    }

    proptest! {
        #[test]
        fn undo_leads_back_and_redo_forth(steps in prop::collection::vec((0u8..9, any::<prop::sample::Index>(), "[a한 \n👩]{0,3}"), 0..40)) {
            let mut buffer = Buffer::default();
            for (step, index, text) in steps {
                match step {
                    0 => text.chars().for_each(|c| buffer.type_char(c)),
                    1 => buffer.insert(&text),
                    2 => buffer.delete_left(),
                    3 => buffer.delete_right(),
                    4 => buffer.kill(buffer.cursor()..buffer.text().len(), Side::After),
                    5 => buffer.yank(),
                    6 => buffer.yank_earlier(),
                    7 => buffer.undo(),
                    _ => buffer.go(index.index(buffer.text().len() + 1)),
                }
                prop_assert!(buffer.text().is_char_boundary(buffer.cursor()));
            }
            let end = buffer.text().to_owned();
            buffer.future.clear();
            (0..200).for_each(|_| buffer.undo());
            prop_assert_eq!(buffer.text(), "");
            (0..200).for_each(|_| buffer.redo());
            prop_assert_eq!(buffer.text(), end);
        }
    }
}
