//! Vim's keys: counts, operators and motions of normal mode. Insert mode is the composer's own keys.

mod insert;
mod moves;
mod objects;
mod operate;
mod repeat;
mod select;

use super::{
    buffer::{Buffer, Side},
    motion,
};
use crate::key::{KeyCode, KeyEvent, Modifiers};
use insert::Insertion;
use moves::{Find, Reach, Target};
use operate::{in_case, join, put, replace_with};
use repeat::Repeat;
use select::Selection;

/// Operators that we do not have; they take what follows them as those we have do.
const OTHER_OPERATORS: [char; 4] = ['>', '<', '=', '!'];
/// What takes one more key with it, and does nothing here: registers, marks, macros, windows.
const OTHER_PREFIXES: [char; 10] = ['"', 'm', 'q', '@', '\'', '`', 'z', 'Z', '[', ']'];
/// What begins a line that ends with Enter or Esc, and does nothing here.
const LINES: [char; 3] = [':', '/', '?'];

/// What keys mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Text.
    #[default]
    Insert,
    /// Commands.
    Normal,
    /// What is gone over is selected.
    Visual,
}

/// What came of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    /// The cursor goes up or down a row, which only the composer knows.
    Up,
    Down,
    /// It means what it means without vim.
    Pass,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Vim {
    mode: Mode,
    pending: Pending,
    /// The last search for a character in the line.
    find: Option<Find>,
    selection: Option<Selection>,
    /// What is being typed, if it is to stand there more than once.
    insertion: Option<Insertion>,
    repeat: Repeat,
}

/// What was typed of a command that is not complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pending {
    count: usize,
    /// `d`, `c`, `y` or another, and the count before it.
    operator: Option<(char, usize)>,
    /// What waits for one more character.
    prefix: Option<char>,
}

impl Pending {
    fn count(self) -> usize {
        self.given_count().unwrap_or(1)
    }

    /// The product of the counts, if there is one.
    fn given_count(self) -> Option<usize> {
        let before = self.operator.map_or(0, |(_, count)| count);
        match (before, self.count) {
            (0, 0) => None,
            (a, b) => Some(a.max(1).saturating_mul(b.max(1)).min(100_000)),
        }
    }
}

impl Vim {
    pub(super) fn mode(&self) -> Mode {
        if self.selection.is_some() { Mode::Visual } else { self.mode }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.pending != Pending::default()
    }

    /// What was begun is not gone on with.
    pub(super) fn give_up(&mut self) {
        (self.pending, self.selection, self.insertion) = (Pending::default(), None, None);
    }

    pub(super) fn key(&mut self, key: KeyEvent, buffer: &mut Buffer) -> Answer {
        let held = key.modifiers.ctrl || key.modifiers.alt;
        match (self.mode, key.code) {
            (Mode::Insert, KeyCode::Esc) => {
                self.mode = Mode::Normal;
                self.end_insertion(buffer);
                let (text, at) = (buffer.text(), buffer.cursor());
                buffer.go(motion::left(text, at).max(motion::line_start(text, at)));
            }
            (Mode::Insert, _) => {
                self.go_on_insertion(key, buffer);
                return Answer::Pass;
            }
            (Mode::Normal, KeyCode::Enter) if self.is_in_line() => {
                self.pending = Pending::default()
            }
            (Mode::Normal, KeyCode::Backspace) if self.is_in_line() => {}
            (Mode::Normal, KeyCode::Esc) if self.pending != Pending::default() => {
                self.pending = Pending::default();
            }
            (Mode::Normal, KeyCode::Esc) if self.selection.is_some() => self.selection = None,
            (Mode::Normal, KeyCode::Char('r')) if key.modifiers.ctrl => buffer.redo(),
            (Mode::Normal, KeyCode::Char(c)) if !held => return self.command(c, buffer),
            (Mode::Normal, KeyCode::Backspace) => return self.command('h', buffer),
            _ => return Answer::Pass,
        }
        Answer::Done
    }

    fn is_in_line(&self) -> bool {
        self.pending.prefix.is_some_and(|prefix| LINES.contains(&prefix))
    }

    fn command(&mut self, c: char, buffer: &mut Buffer) -> Answer {
        if self.is_in_line() {
            return Answer::Done;
        }
        if self.pending.prefix == Some('g') && matches!(c, 'u' | 'U' | '~') {
            self.pending.prefix = None;
            return self.begin_operator(c);
        }
        if let Some(prefix) = self.pending.prefix.take() {
            self.prefixed(prefix, c, buffer);
            self.settle(buffer);
            return Answer::Done;
        }
        match c {
            '1'..='9' | '0' if c != '0' || self.pending.count > 0 => {
                let digit = c.to_digit(10).unwrap_or_default() as usize;
                self.pending.count =
                    self.pending.count.saturating_mul(10).saturating_add(digit).min(100_000);
                return Answer::Done;
            }
            'r' | 'f' | 'F' | 't' | 'T' | 'g' => {
                self.pending.prefix = Some(c);
                return Answer::Done;
            }
            'i' | 'a' if self.pending.operator.is_some() || self.selection.is_some() => {
                self.pending.prefix = Some(c);
                return Answer::Done;
            }
            c if OTHER_PREFIXES.contains(&c) || LINES.contains(&c) => {
                self.pending.prefix = Some(c);
                return Answer::Done;
            }
            _ => {}
        }
        if let Some(selection) = self.selection {
            return self.select(selection, c, buffer);
        }
        let begins = matches!(c, 'd' | 'c' | 'y') || OTHER_OPERATORS.contains(&c);
        match c {
            c if begins && self.pending.operator.is_none() => return self.begin_operator(c),
            'v' | 'V' if self.pending.operator.is_none() => {
                self.begin_selection(c, buffer);
                self.pending = Pending::default();
                return Answer::Done;
            }
            'j' | 'k' if self.pending.operator.is_none() => {
                self.pending = Pending::default();
                return if c == 'j' { Answer::Down } else { Answer::Up };
            }
            _ => {}
        }
        match self.target(c, buffer) {
            Some(target) => self.go(target, buffer),
            None if self.pending.operator.is_none() => self.change(c, buffer),
            None => {}
        }
        self.settle(buffer);
        Answer::Done
    }

    fn begin_operator(&mut self, c: char) -> Answer {
        self.pending.operator = Some((c, self.pending.count));
        self.pending.count = 0;
        Answer::Done
    }

    /// The command is complete: the next one begins, and the cursor stands on a character again.
    fn settle(&mut self, buffer: &mut Buffer) {
        self.pending = Pending::default();
        let (text, at) = (buffer.text(), buffer.cursor());
        let start = motion::line_start(text, at);
        if self.mode == Mode::Normal && at > start && at == motion::line_end(text, at) {
            buffer.go(motion::left(text, at));
        }
    }

    /// `rx`, `fx`, `gg`, `iw` and their like.
    fn prefixed(&mut self, prefix: char, c: char, buffer: &mut Buffer) {
        let (text, at) = (buffer.text(), buffer.cursor());
        match (prefix, c) {
            ('r', c) => replace_with(c, self.pending.count(), buffer),
            ('g', 'e' | 'E') => {
                if let Some(target) = moves::previous_end(c, text, at, self.pending.count()) {
                    self.go(target, buffer);
                }
            }
            ('g', 'g') => self.go(Target { at: 0, reach: Reach::Lines }, buffer),
            ('i' | 'a', c) if self.selection.is_some() => {
                self.select_object(prefix == 'a', c, buffer);
            }
            ('i' | 'a', c) => {
                if let Some(range) = objects::object(c, prefix == 'a', text, at) {
                    self.operate(range, buffer);
                }
            }
            ('f' | 'F' | 't' | 'T', c) => {
                let find = Find { kind: prefix, c };
                self.find = Some(find);
                if let Some(target) = find.target(text, at, self.pending.count()) {
                    self.go(target, buffer);
                }
            }
            _ => {}
        }
    }

    /// Where a motion leads.
    fn target(&self, c: char, buffer: &Buffer) -> Option<Target> {
        let (text, at) = (buffer.text(), buffer.cursor());
        let count = self.pending.count();
        let changes = self.pending.operator.map(|(operator, _)| operator);
        match c {
            c if changes == Some(c) => Some(moves::lines_down(text, at, count - 1)),
            'j' => Some(moves::lines_down(text, at, count)),
            'k' => Some(moves::lines_up(text, at, count)),
            'G' => Some(match self.pending.given_count() {
                Some(line) => moves::lines_down(text, 0, line - 1),
                None => Target { at: text.len(), reach: Reach::Lines },
            }),
            // Changing a word leaves the space after it.
            'w' | 'W' if changes == Some('c') && !moves::at_space(text, at) => {
                moves::target(if c == 'w' { 'e' } else { 'E' }, text, at, count)
            }
            'w' | 'W' if changes.is_some() => {
                let target = moves::target(c, text, at, count)?;
                let end = motion::line_end(text, at);
                let same_line = if at < end && count == 1 { target.at.min(end) } else { target.at };
                Some(Target { at: same_line, ..target })
            }
            '}' if changes.is_some() => Some(moves::paragraphs_down(text, at, count)),
            '%' if self.pending.given_count().is_some() => None,
            ';' => self.find?.target(text, at, count),
            ',' => self.find?.reversed().target(text, at, count),
            c => moves::target(c, text, at, count),
        }
    }

    /// Goes to `target`, or does what the operator does to what lies between.
    fn go(&mut self, target: Target, buffer: &mut Buffer) {
        let (text, at) = (buffer.text(), buffer.cursor());
        if self.pending.operator.is_none() {
            let line = motion::line_start(text, target.at);
            buffer.go(if target.reach == Reach::Lines { line } else { target.at });
            return;
        }
        let (start, end) = (at.min(target.at), at.max(target.at));
        match target.reach {
            Reach::Before => self.operate(start..end, buffer),
            Reach::Upto => self.operate(start..motion::right(text, end), buffer),
            Reach::Lines => {
                self.operate_lines(
                    motion::line_start(text, start)..motion::line_end(text, end),
                    buffer,
                );
            }
        }
    }

    /// The commands that are no motions.
    fn change(&mut self, c: char, buffer: &mut Buffer) {
        let (text, at) = (buffer.text(), buffer.cursor());
        let (start, end) = (motion::line_start(text, at), motion::line_end(text, at));
        let as_operator = |operator| Pending { operator: Some((operator, 0)), ..self.pending };
        match c {
            'i' => self.insert_at(at, buffer),
            'a' => self.insert_at(motion::right(text, at).min(end), buffer),
            'I' => self.insert_at(moves::first_word(text, at), buffer),
            'A' => self.insert_at(end, buffer),
            'o' => {
                buffer.replace(end..end, "\n");
                self.insert_line_at(end + 1, buffer);
            }
            'O' => {
                buffer.replace(start..start, "\n");
                self.insert_line_at(start, buffer);
            }
            'x' | 's' | 'D' | 'C' | 'X' | 'S' | 'Y' => {
                let (operator, to) = match c {
                    'x' => ('d', moves::target('l', text, at, self.pending.count())),
                    's' => ('c', moves::target('l', text, at, self.pending.count())),
                    'D' => ('d', moves::target('$', text, at, 1)),
                    'C' => ('c', moves::target('$', text, at, 1)),
                    'X' => ('d', moves::target('h', text, at, self.pending.count())),
                    'S' => ('c', Some(moves::lines_down(text, at, 0))),
                    _ => ('y', Some(moves::lines_down(text, at, 0))),
                };
                self.pending = as_operator(operator);
                if let Some(target) = to {
                    self.go(target, buffer);
                }
            }
            '~' => {
                let to = moves::target('l', text, at, self.pending.count());
                let to = to.map_or(at, |target| target.at);
                let turned = in_case(&text[at..to], '~');
                let behind = at + turned.len();
                buffer.replace(at..to, &turned);
                buffer.go(behind);
            }
            'p' => put(Side::After, self.pending.count(), buffer),
            'P' => put(Side::Before, self.pending.count(), buffer),
            'u' => (0..self.pending.count()).for_each(|_| buffer.undo()),
            // Of two lines as without a count.
            'J' => join((self.pending.count() - 1).max(1), buffer),
            _ => {}
        }
    }
}

/// Esc and the key after it come as that key with Alt where they are read at once: whoever leaves insert mode goes on
/// typing.
pub(super) fn taken_apart(key: KeyEvent) -> Option<[KeyEvent; 2]> {
    let modifiers = Modifiers { alt: false, ..key.modifiers };
    key.modifiers.alt.then(|| [KeyEvent::plain(KeyCode::Esc), KeyEvent { modifiers, ..key }])
}
