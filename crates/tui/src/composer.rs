//! Where the person writes: text in lines, with chips for what is too large to show, a history and, if wanted, vim's
//! keys. It is pure state: what keys do to it, and how it looks.

mod buffer;
mod chip;
mod history;
mod keys;
mod layout;
mod motion;
mod paste;
mod recall;
mod token;
mod vim;
mod words;

use ratatui_core::{
    buffer::Buffer as Cells,
    layout::{Position, Rect},
};

use crate::{
    key::{KeyCode, KeyEvent, Modifiers},
    theme::Theme,
};
use buffer::{Buffer, Side};
use chip::{Chip, Chips, cleaned};
pub use chip::{Image, ImageSource, Message, Part};
pub use history::History;
pub use keys::KEYS;
use layout::Layout;
use motion::Words;
use paste::Files;
pub use token::{Token, TokenKind};
pub use vim::Mode;
use vim::Vim;

/// What came of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComposerOutcome {
    /// It is no key of the composer's.
    Ignored,
    /// It did something, or nothing that could be done.
    Handled,
    /// The message is to be sent: [`Composer::take`] it.
    Send,
}

/// The text that becomes the next message.
#[derive(Clone, Debug)]
pub struct Composer {
    buffer: Buffer,
    chips: Chips,
    history: History,
    /// With vim's keys.
    vim: Option<Vim>,
    columns: usize,
    /// As many rows are gone by a page key.
    page: usize,
    /// It is for text alone, of which nothing was sent before.
    is_field: bool,
    files: Files,
    /// The column that going up and down keeps to.
    goal: Option<usize>,
}

impl Composer {
    /// An empty composer of 80 columns.
    pub fn new(history: History) -> Self {
        Self {
            buffer: Buffer::default(),
            chips: Chips::default(),
            history,
            vim: None,
            columns: 80,
            page: 10,
            is_field: false,
            files: Files::default(),
            goal: None,
        }
    }

    /// An empty field that is for text alone: what was sent before is of no interest, and the path of a picture stays one.
    pub fn field() -> Self {
        Self { is_field: true, ..Self::new(History::default()) }
    }

    /// Breaks its text at `columns`, the last of which is kept for the cursor.
    pub fn resize(&mut self, columns: usize) {
        self.columns = columns.max(2);
    }

    /// Is shown in so many rows at most; of a page, two are marks and one is seen before and after.
    pub fn confine(&mut self, rows: usize) {
        self.page = rows.saturating_sub(3).max(1);
    }

    /// Turns vim's keys on, in insert mode, or off.
    pub fn toggle_vim(&mut self) {
        self.vim = if self.vim.is_some() { None } else { Some(Vim::default()) };
    }

    /// Vim's mode, if its keys are on.
    pub fn mode(&self) -> Option<Mode> {
        self.vim.as_ref().map(Vim::mode)
    }

    /// What a key does.
    pub fn handle(&mut self, key: KeyEvent) -> ComposerOutcome {
        if self.search_key(key) {
            return ComposerOutcome::Handled;
        }
        let Some(vim) = &self.vim else { return self.press(key) };
        if let Some(keys) = vim.repeated(key) {
            keys.into_iter().for_each(|key| {
                self.press(key);
            });
            return ComposerOutcome::Handled;
        }
        let (mode, before) = (vim.mode(), self.buffer.text().to_owned());
        let outcome = self.press(key);
        let has_changed = self.buffer.text() != before;
        if let Some(vim) = &mut self.vim {
            vim.note(key, mode, has_changed);
        }
        outcome
    }

    fn press(&mut self, key: KeyEvent) -> ComposerOutcome {
        let goal = self.goal.take();
        if let Some(vim) = &mut self.vim {
            match vim.key(key, &mut self.buffer) {
                vim::Answer::Done => return ComposerOutcome::Handled,
                vim::Answer::Up => return self.up(goal),
                vim::Answer::Down => return self.down(goal),
                vim::Answer::Pass => {}
            }
        }
        match (key.code, key.modifiers) {
            (KeyCode::Up, Modifiers { alt: false, ctrl: false, .. }) => self.up(goal),
            (KeyCode::Down, Modifiers { alt: false, ctrl: false, .. }) => self.down(goal),
            (KeyCode::Char('p'), Modifiers { ctrl: true, .. }) => self.up(goal),
            (KeyCode::Char('n'), Modifiers { ctrl: true, .. }) => self.down(goal),
            (KeyCode::PageUp, _) => self.rows_up(self.page, goal),
            (KeyCode::PageDown, _) => self.rows_down(self.page, goal),
            (KeyCode::Enter, modifiers) => self.enter(modifiers),
            _ => match (self.edit(key), vim::taken_apart(key)) {
                (ComposerOutcome::Ignored, Some([esc, key]))
                    if self.mode() == Some(Mode::Insert) =>
                {
                    self.press(esc);
                    self.press(key)
                }
                (outcome, _) => outcome,
            },
        }
    }

    fn enter(&mut self, modifiers: Modifiers) -> ComposerOutcome {
        let cursor = self.buffer.cursor();
        if modifiers.shift || modifiers.alt {
            self.buffer.insert("\n");
        } else if self.buffer.text()[..cursor].ends_with('\\') {
            self.buffer.replace(cursor - 1..cursor, "\n");
        } else if !self.is_empty() {
            return ComposerOutcome::Send;
        }
        ComposerOutcome::Handled
    }

    /// The keys that change or move within the text alone.
    fn edit(&mut self, key: KeyEvent) -> ComposerOutcome {
        let Modifiers { ctrl, alt, shift } = key.modifiers;
        let (text, at) = (self.buffer.text(), self.buffer.cursor());
        match key.code {
            KeyCode::Char(c) if !ctrl && !alt => self.type_char(c),
            KeyCode::Char(c) if ctrl => return self.control(c.to_ascii_lowercase(), shift),
            KeyCode::Char(c) => return self.meta(c),
            KeyCode::Left if ctrl || alt => {
                self.buffer.go(motion::word_left(text, at, Words::Letters))
            }
            KeyCode::Right if ctrl || alt => {
                self.buffer.go(motion::word_right(text, at, Words::Letters))
            }
            KeyCode::Left => self.buffer.go(motion::left(text, at)),
            KeyCode::Right => self.buffer.go(motion::right(text, at)),
            KeyCode::Home if ctrl => self.buffer.go(0),
            KeyCode::End if ctrl => self.buffer.go(text.len()),
            KeyCode::Home => self.buffer.go(motion::line_start(text, at)),
            KeyCode::End => self.buffer.go(motion::line_end(text, at)),
            KeyCode::Backspace if ctrl || alt => self.kill_word_left(Words::Letters),
            KeyCode::Delete if ctrl || alt => self.kill_word_right(),
            KeyCode::Backspace => self.buffer.delete_left(),
            KeyCode::Delete => self.buffer.delete_right(),
            _ => return ComposerOutcome::Ignored,
        }
        ComposerOutcome::Handled
    }

    /// Control and a letter.
    fn control(&mut self, c: char, shift: bool) -> ComposerOutcome {
        let (text, at) = (self.buffer.text(), self.buffer.cursor());
        match c {
            'a' => self.buffer.go(motion::line_start(text, at)),
            'e' => self.buffer.go(motion::line_end(text, at)),
            'b' => self.buffer.go(motion::left(text, at)),
            'f' => self.buffer.go(motion::right(text, at)),
            'h' => self.buffer.delete_left(),
            'd' if !text.is_empty() => self.buffer.delete_right(),
            'j' => self.buffer.insert("\n"),
            'k' => self.kill_to_end(),
            'u' => self.kill_to_start(),
            'w' => self.kill_word_left(Words::Space),
            'y' => self.buffer.yank(),
            'z' if shift => self.buffer.redo(),
            '_' | '/' | '7' => self.buffer.undo(),
            'r' if !self.is_field => {
                let message = self.chips.message(text);
                self.history.begin_search(message);
            }
            _ => return ComposerOutcome::Ignored,
        }
        ComposerOutcome::Handled
    }

    /// Alt and a letter.
    fn meta(&mut self, c: char) -> ComposerOutcome {
        let (text, at) = (self.buffer.text(), self.buffer.cursor());
        match c {
            'b' => self.buffer.go(motion::word_left(text, at, Words::Letters)),
            'f' => self.buffer.go(motion::word_right(text, at, Words::Letters)),
            'd' => self.kill_word_right(),
            'y' => self.buffer.yank_earlier(),
            '<' => self.buffer.go(0),
            '>' => self.buffer.go(text.len()),
            '_' | '/' => self.buffer.redo(),
            _ => return ComposerOutcome::Ignored,
        }
        ComposerOutcome::Handled
    }

    fn type_char(&mut self, c: char) {
        let mut bytes = [0; 4];
        for c in cleaned(c.encode_utf8(&mut bytes)).chars() {
            self.buffer.type_char(c);
        }
    }

    fn kill_word_left(&mut self, words: Words) {
        let at = self.buffer.cursor();
        self.buffer.kill(motion::word_left(self.buffer.text(), at, words)..at, Side::Before);
    }

    fn kill_word_right(&mut self) {
        let at = self.buffer.cursor();
        self.buffer
            .kill(at..motion::word_right(self.buffer.text(), at, Words::Letters), Side::After);
    }

    /// To the end of the line, and there the line break.
    fn kill_to_end(&mut self) {
        let (text, at) = (self.buffer.text(), self.buffer.cursor());
        let end = motion::line_end(text, at);
        let end = if end == at { motion::right(text, at) } else { end };
        self.buffer.kill(at..end, Side::After);
    }

    fn kill_to_start(&mut self) {
        let (text, at) = (self.buffer.text(), self.buffer.cursor());
        let start = motion::line_start(text, at);
        let start = if start == at { motion::left(text, at) } else { start };
        self.buffer.kill(start..at, Side::Before);
    }

    /// What is searched in the history, and whether it was found; none when nothing is.
    pub fn search(&self) -> Option<(&str, bool)> {
        self.history.query()
    }

    /// A command of vim's was begun, which takes the next key.
    pub fn has_begun(&self) -> bool {
        self.vim.as_ref().is_some_and(Vim::has_begun)
    }

    /// What is written was sent before, and not changed since.
    pub fn is_recalled(&self) -> bool {
        self.history.shows(&self.chips.message(self.buffer.text()))
    }

    /// Puts `message` in place of the text, which undo brings back.
    fn show(&mut self, message: &Message) {
        let text = self.chips.text(message);
        self.buffer.replace(0..self.buffer.text().len(), &text);
        self.leave_insertion();
    }

    fn leave_insertion(&mut self) {
        if let Some(vim) = &mut self.vim {
            vim.leave_insertion();
        }
    }

    /// Takes a message back for editing, before what is written now: one goes on writing where one was.
    pub fn put_back(&mut self, message: &Message) {
        let mut text = self.chips.text(message);
        if !self.is_empty() {
            text.push('\n');
        }
        self.buffer.precede(&text);
    }

    /// Inserts text as if it had been typed.
    pub fn insert_str(&mut self, text: &str) {
        self.buffer.insert(&cleaned(text));
    }

    /// Messages of earlier threads, the latest last, stand before those of this one.
    pub fn remember(&mut self, earlier: impl IntoIterator<Item = Message>) {
        self.history.precede(earlier);
    }

    /// Puts what an editor made of [`Composer::text`] in its place.
    pub fn edited(&mut self, text: &str) {
        self.leave_search();
        let before = self.chips.message(self.buffer.text());
        self.show(&Message::rewritten(&cleaned(text.trim_end()), &before));
    }

    /// Puts a message that was sent in place of the text: with its pictures, and with pastes where the history knows them.
    pub fn say_again(&mut self, message: &Message) {
        self.leave_search();
        match self.history.like(message) {
            Some(known) => self.show(&known.with_pictures_of(message)),
            None => self.show(message),
        }
    }

    /// The whole text, chips in full.
    pub fn text(&self) -> String {
        self.chips.message(self.buffer.text()).text()
    }

    /// All that is written.
    pub fn written(&self) -> Message {
        self.chips.message(self.buffer.text())
    }

    /// Its first character, which tells commands from messages.
    pub fn first_char(&self) -> Option<char> {
        self.buffer.text().chars().next()
    }

    /// There is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.buffer.text().trim().is_empty()
    }

    /// Takes the message out, and into the history.
    pub fn take(&mut self) -> Message {
        let message = self.chips.message(self.buffer.take().trim());
        self.chips.keep(self.buffer.texts());
        self.history.add(message.clone());
        self.goal = None;
        if let Some(vim) = &mut self.vim {
            *vim = Vim::default();
        }
        message
    }

    /// These wait to be said: going back passes them over.
    pub fn pass_over(&mut self, waiting: Vec<Message>) {
        self.history.pass_over(waiting);
    }

    /// This is written and nothing else, and nothing was done since it was put there, which leaves the cursor at the end.
    pub fn holds(&self, message: &Message) -> bool {
        self.buffer.cursor() == self.buffer.text().len()
            && self.written() == message.clone().composed()
    }

    /// What is written is elsewhere now.
    pub fn put_away(&mut self) {
        self.show(&Message::default());
    }

    /// Takes out what was begun and not sent, unless it was sent before as it is.
    pub fn take_written(&mut self) -> Option<Message> {
        let is_new = !self.is_empty() && !self.is_recalled() && self.search().is_none();
        is_new.then(|| self.take())
    }

    /// Going back finds this as if it had been sent last.
    pub fn recall_later(&mut self, message: Message) {
        self.history.add(message);
    }

    /// Drops the text, which going back finds as if it had been sent.
    pub fn set_aside(&mut self) {
        self.leave_search();
        let message = self.chips.message(self.buffer.text().trim());
        if !message.is_empty() {
            self.history.add(message);
        }
        self.clear();
    }

    /// Drops the text, which can be put back as a cut.
    pub fn clear(&mut self) {
        let end = self.buffer.text().len();
        self.buffer.kill(0..end, Side::After);
        if let Some(vim) = &mut self.vim {
            vim.give_up();
        }
    }

    /// What under the cursor can be completed.
    pub fn token(&self) -> Option<Token> {
        token::under(self.buffer.text(), self.buffer.cursor())
    }

    /// Puts `completion` and a space in the place of the token under the cursor.
    pub fn complete(&mut self, completion: &str) {
        let Some(token) = self.token() else { return };
        let mut text = cleaned(completion);
        let mut range = token.range;
        if self.buffer.text()[range.end..].starts_with(' ') {
            range.end += 1;
        }
        text.push(' ');
        self.buffer.replace(range, &text);
    }

    fn layout(&self) -> Layout<'_> {
        Layout::new(self.buffer.text(), &self.chips, self.columns)
    }

    /// How many rows it takes.
    pub fn height(&self) -> usize {
        self.layout().height()
    }

    /// Draws the rows around the cursor, and says where the cursor is.
    pub fn render(&self, area: Rect, cells: &mut Cells, theme: &Theme) -> Position {
        let selected = self.vim.as_ref().and_then(|vim| vim.selected(&self.buffer));
        self.layout().selecting(selected.unwrap_or_default()).draw(
            self.buffer.cursor(),
            area,
            cells,
            theme,
        )
    }
}

#[cfg(test)]
mod tests;
