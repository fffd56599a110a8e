//! What text from models, tools, files and servers must pass before it reaches a terminal (S21): of escape sequences
//! only colour and style survive, and what could not be seen becomes a visible mark.
//!
//! Our own state machine rather than crate `vte`: there an escape string that never ends hides all that follows, and
//! here it must not.

mod backspace;
mod invisible;
mod sgr;
mod whole;

use std::fmt::Write as _;
use std::ops::Range;

use backspace::Behind;
use invisible::{Visibility, joins, visibility};
use sgr::Sgr;
pub(crate) use whole::pasteable;
pub use whole::{exact, exact_name, is_harmless, plain, printable, written};

/// What becomes of colour and style.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Styling {
    /// Kept, but for what hides text or blinks.
    #[default]
    Keep,
    /// Dropped.
    Drop,
}

/// An escape string longer than this is shown as the text it is.
const MAX_SEQUENCE: usize = 4096;

/// Makes text safe for a terminal piece by piece: sequences may be cut anywhere between two pieces.
///
/// A carriage return begins its line again, so that of a progress bar the last version stays; where the line was
/// handed out already, a new one begins instead. A backspace goes back over what was not handed out.
#[derive(Debug, Default)]
pub struct Filter {
    styling: Styling,
    state: State,
    /// The last character let through, which decides about joiners.
    before: Option<char>,
    /// A joiner that may pass, once we know what follows it.
    joiner: Option<char>,
    returned: bool,
    out: String,
    /// What a backspace went back over.
    behind: Behind,
    /// Where in `out` marks stand for what takes no room.
    marks: Vec<Range<usize>>,
    /// Where the current line begins in `out`; none when its beginning was handed out.
    line: Option<usize>,
    /// The line has something on it.
    line_used: bool,
    sgr: Sgr,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    /// After `ESC [`, with what came since.
    Csi(String),
    /// An operating system command or its kind: its introducer, and what came since.
    Text(char, String),
    /// The same, after an escape that may end it.
    TextEscape(char, String),
}

impl Filter {
    /// A filter at the beginning of a line.
    pub fn new(styling: Styling) -> Self {
        Self { styling, line: Some(0), ..Self::default() }
    }

    /// Takes the next piece and returns what can be shown of it by now.
    pub fn push(&mut self, piece: &str) -> String {
        for c in piece.chars() {
            self.take(c);
        }
        self.hand_out()
    }

    /// Takes no more: returns what was held back, and ends any colour.
    pub fn finish(&mut self) -> String {
        match std::mem::take(&mut self.state) {
            State::Ground => {}
            State::Escape => self.mark('\u{1b}'),
            State::Csi(text) => self.expose('[', &text),
            State::Text(kind, text) => self.expose(kind, &text),
            State::TextEscape(kind, text) => {
                self.expose(kind, &text);
                self.mark('\u{1b}');
            }
        }
        self.go_behind();
        if self.sgr.is_set() {
            self.out.push_str("\x1b[0m");
            self.sgr = Sgr::default();
        }
        self.hand_out()
    }

    fn hand_out(&mut self) -> String {
        self.line = if self.line_used { None } else { Some(0) };
        self.marks.clear();
        std::mem::take(&mut self.out)
    }

    fn take(&mut self, c: char) {
        match std::mem::take(&mut self.state) {
            State::Ground => self.ground(c),
            State::Escape => self.escape(c),
            State::Csi(text) => self.csi(text, c),
            State::Text(kind, text) => self.text(kind, text, c),
            State::TextEscape(kind, text) => {
                self.report(kind, &text);
                // An escape ends the string, whatever it introduces.
                self.escape(c);
            }
        }
    }

    fn ground(&mut self, c: char) {
        match c {
            '\u{1b}' => self.state = State::Escape,
            '\u{9b}' => self.state = State::Csi(String::new()),
            '\u{9d}' => self.state = State::Text(']', String::new()),
            '\u{90}' => self.state = State::Text('P', String::new()),
            '\u{98}' => self.state = State::Text('X', String::new()),
            '\u{9e}' => self.state = State::Text('^', String::new()),
            '\u{9f}' => self.state = State::Text('_', String::new()),
            '\r' => {
                self.go_behind();
                self.returned = true;
                // Nothing of the line's earlier version stands before what comes.
                self.before = None;
            }
            '\n' => self.end_line(),
            '\u{8}' => {
                self.settle_joiner(None);
                self.behind.go_back(&mut self.out, self.line, &mut self.marks);
                self.before = None;
            }
            c => self.show(c),
        }
    }

    fn escape(&mut self, c: char) {
        match c {
            '[' => self.state = State::Csi(String::new()),
            ']' | 'P' | 'X' | '^' | '_' => self.state = State::Text(c, String::new()),
            '\u{1b}' => {
                self.mark('\u{1b}');
                self.state = State::Escape;
            }
            // Two-character sequences: cursor, modes, character sets. They print nothing.
            '7' | '8' | '=' | '>' | 'c' | 'D' | 'E' | 'H' | 'M' | 'N' | 'O' | 'Z' | '\\' => {}
            c => {
                self.mark('\u{1b}');
                self.ground(c);
            }
        }
    }

    fn csi(&mut self, mut text: String, c: char) {
        match c {
            ' '..='?' if text.len() < MAX_SEQUENCE => {
                text.push(c);
                self.state = State::Csi(text);
            }
            'm' if self.styling == Styling::Keep => {
                if let Some(sequence) = self.sgr.apply(&text) {
                    self.out.push_str(&sequence);
                }
            }
            'K' => self.erase(&text),
            '@'..='~' => {}
            c => {
                self.expose('[', &text);
                self.take(c);
            }
        }
    }

    /// What a backspace went over goes, or the line whose beginning the cursor is at.
    fn erase(&mut self, how: &str) {
        self.settle_joiner(None);
        if !matches!(how, "" | "0" | "2") {
            return;
        }
        self.behind.erase();
        if self.returned {
            self.erase_line();
        }
    }

    /// All of it that was not handed out.
    fn erase_line(&mut self) {
        if let Some(start) = self.line {
            self.out.truncate(start);
            self.marks.clear();
            self.out.push_str(&self.sgr.sequence());
            self.line_used = false;
        }
    }

    fn text(&mut self, kind: char, mut text: String, c: char) {
        match c {
            '\u{7}' | '\u{9c}' => self.report(kind, &text),
            '\u{1b}' => self.state = State::TextEscape(kind, text),
            // A string that spans lines, or never ends, would hide what follows.
            '\n' | '\r' => {
                self.expose(kind, &text);
                self.take(c);
            }
            c if text.len() < MAX_SEQUENCE => {
                text.push(c);
                self.state = State::Text(kind, text);
            }
            c => {
                self.expose(kind, &text);
                self.take(c);
            }
        }
    }

    /// An escape string that was left out. A link's are not worth a word: its text stands beside it.
    fn report(&mut self, kind: char, text: &str) {
        if kind == ']' && text.starts_with("8;") {
            return;
        }
        let number: String = text.chars().take_while(char::is_ascii_digit).take(5).collect();
        let name = match kind {
            ']' => format!("<OSC {number}>"),
            'P' => "<DCS>".to_owned(),
            'X' => "<SOS>".to_owned(),
            '^' => "<PM>".to_owned(),
            _ => "<APC>".to_owned(),
        };
        self.print(&name);
    }

    /// A sequence that broke off: what looks like one is shown as text.
    fn expose(&mut self, introducer: char, text: &str) {
        self.mark('\u{1b}');
        self.show(introducer);
        for c in text.chars() {
            self.show(c);
        }
    }

    fn show(&mut self, c: char) {
        self.settle_joiner(Some(c));
        match visibility(c, self.before) {
            Visibility::Seen => self.print_char(c),
            Visibility::Joins => self.joiner = Some(c),
            Visibility::Hidden => self.mark(c),
        }
    }

    fn settle_joiner(&mut self, after: Option<char>) {
        if let Some(joiner) = self.joiner.take() {
            if after.is_some_and(|after| joins(joiner, after)) {
                self.print_char(joiner);
            } else {
                self.mark(joiner);
            }
        }
    }

    fn mark(&mut self, c: char) {
        let mut mark = String::new();
        let _ = write!(mark, "<U+{:04X}>", u32::from(c));
        self.print(&mark);
    }

    fn print(&mut self, text: &str) {
        // A joiner stands before the mark, and so joins nothing.
        self.settle_joiner(None);
        self.begin_again();
        let start = self.out.len();
        self.out.push_str(text);
        self.marks.push(start..self.out.len());
        self.before = None;
        self.line_used = true;
    }

    fn print_char(&mut self, c: char) {
        self.begin_again();
        self.behind.overwrite(c);
        self.out.push(c);
        self.before = Some(c);
        self.line_used = true;
    }

    /// After a carriage return: the line's earlier version makes way.
    fn begin_again(&mut self) {
        if !std::mem::take(&mut self.returned) || !self.line_used {
            return;
        }
        match self.line {
            Some(_) => self.erase_line(),
            None => {
                self.out.push('\n');
                self.line = Some(self.out.len());
            }
        }
    }

    /// To the end of what stands in the line.
    fn go_behind(&mut self) {
        self.settle_joiner(None);
        self.out.push_str(&self.behind.take());
    }

    fn end_line(&mut self) {
        self.go_behind();
        self.returned = false;
        self.out.push('\n');
        self.line = Some(self.out.len());
        self.marks.clear();
        self.line_used = false;
        self.before = None;
    }
}

#[cfg(test)]
mod tests;
