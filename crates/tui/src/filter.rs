//! What text from models, tools, files and servers must pass before it reaches a terminal (S21): of escape sequences
//! only colour and style survive, and what could not be seen becomes a visible mark.
//!
//! Our own state machine rather than crate `vte`: there an escape string that never ends hides all that follows, and
//! here it must not.

mod invisible;
mod sgr;

use std::borrow::Cow;
use std::fmt::Write as _;

use invisible::{Visibility, joins, visibility};
use sgr::Sgr;

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
/// handed out already, a new one begins instead.
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
        self.settle_joiner(None);
        if self.sgr.is_set() {
            self.out.push_str("\x1b[0m");
            self.sgr = Sgr::default();
        }
        self.hand_out()
    }

    fn hand_out(&mut self) -> String {
        self.line = if self.line_used { None } else { Some(0) };
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
                self.settle_joiner(None);
                self.returned = true;
                // Nothing of the line's earlier version stands before what comes.
                self.before = None;
            }
            '\n' => self.end_line(),
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
            '@'..='~' => {}
            c => {
                self.expose('[', &text);
                self.take(c);
            }
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
        self.out.push_str(text);
        self.before = None;
        self.line_used = true;
    }

    fn print_char(&mut self, c: char) {
        self.begin_again();
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
            Some(start) => {
                self.out.truncate(start);
                self.out.push_str(&self.sgr.sequence());
            }
            None => {
                self.out.push('\n');
                self.line = Some(self.out.len());
            }
        }
    }

    fn end_line(&mut self) {
        self.settle_joiner(None);
        self.returned = false;
        self.out.push('\n');
        self.line = Some(self.out.len());
        self.line_used = false;
        self.before = None;
    }
}

/// `text` made safe for a terminal, with its colours.
pub fn printable(text: &str) -> Cow<'_, str> {
    filtered(text, Styling::Keep)
}

/// `text` made safe for a terminal, without colours.
pub fn plain(text: &str) -> Cow<'_, str> {
    filtered(text, Styling::Drop)
}

fn filtered(text: &str, styling: Styling) -> Cow<'_, str> {
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut filter = Filter::new(styling);
    let mut safe = filter.push(text);
    safe.push_str(&filter.finish());
    Cow::Owned(safe)
}

/// `text` with every character visible that would not print as itself, escape sequences included: for what a person
/// is asked to approve. Line breaks and tabs stay.
pub fn exact(text: &str) -> Cow<'_, str> {
    let odd = |c: char| !is_harmless(c) || invisible::is_odd_space(c);
    if !text.chars().any(odd) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if odd(c) {
            let _ = write!(shown, "<U+{:04X}>", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// It prints as itself whatever stands around it.
fn is_harmless(c: char) -> bool {
    matches!(c, ' '..='~' | '\n' | '\t')
        || (c > '\u{9f}' && matches!(visibility(c, None), Visibility::Seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_colour_and_style_pass() {
        for (text, shown) in [
            ("plain ✓ text\tand\n", "plain ✓ text\tand\n"),
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
            ("\x1b[1;38;5;8mbold", "\x1b[1;38;5;8mbold\x1b[0m"),
            ("\x1b[38:2::1:2:3mx\x1b[m", "\x1b[38:2::1:2:3mx\x1b[0m"),
            ("\x1b[8mhidden\x1b[5;1mblink", "hidden\x1b[1mblink\x1b[0m"),
            ("a\x1b[2K\x1b[1Gb\x1b[?25l\x1b[5;5H", "ab"),
            ("\u{9b}2Jx", "x"),
            ("\x1b]0;title\x07x", "<OSC 0>x"),
            ("\x1b]52;c;cm0gLXJm\x1b\\x", "<OSC 52>x"),
            ("\x1b]8;;https://a.b\x07text\x1b]8;;\x07", "text"),
            ("\x1bP1$r\x1b\\x\x1b_apc\x1b\\", "<DCS>x<APC>"),
            (
                "bell\x07 null\0 back\x08 del\x7f",
                "bell<U+0007> null<U+0000> back<U+0008> del<U+007F>",
            ),
            ("\u{85}\u{8d}", "<U+0085><U+008D>"),
        ] {
            assert_eq!(printable(text), shown, "{text:?}");
        }
        assert_eq!(plain("\x1b[31mred\x1b[0m"), "red");
    }

    #[test]
    fn what_cannot_be_seen_is_marked() {
        for (text, shown) in [
            ("a\u{202e}b\u{2066}c", "a<U+202E>b<U+2066>c"),
            ("rm\u{200b} x\u{feff}", "rm<U+200B> x<U+FEFF>"),
            ("tag\u{e0041}", "tag<U+E0041>"),
            ("soft\u{ad}hyphen \u{3164}", "soft<U+00AD>hyphen <U+3164>"),
            // Joiners stay where scripts and emoji need them, and only there.
            (
                "👩\u{200d}🚀 ❤\u{fe0f} 1\u{fe0f}\u{20e3}",
                "👩\u{200d}🚀 ❤\u{fe0f} 1\u{fe0f}\u{20e3}",
            ),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("a\u{200d}b 👩\u{200d}", "a<U+200D>b 👩<U+200D>"),
            ("👩\u{200d}\x1b🚀", "👩<U+200D><U+001B>🚀"),
            ("❤\u{fe0f}\u{fe0f} 字\u{e0100}\u{e0101}", "❤\u{fe0f}<U+FE0F> 字\u{e0100}<U+E0101>"),
        ] {
            assert_eq!(printable(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_string_that_never_ends_hides_nothing() {
        assert_eq!(printable("a\x1b]0;x\nrm -rf"), "a<U+001B>]0;x\nrm -rf");
        assert_eq!(printable("a\x1b]0;x"), "a<U+001B>]0;x");
        assert_eq!(printable("a\x1b[12\nb"), "a<U+001B>[12\nb");
        assert_eq!(printable("a\x1b"), "a<U+001B>");
    }

    #[test]
    fn of_a_line_drawn_again_and_again_the_last_version_stays() {
        assert_eq!(printable("10%\r50%\r100%\ndone\r\n"), "100%\ndone\n");
        assert_eq!(printable("10%\r"), "10%");
        assert_eq!(printable("\x1b[32mab\rc\n"), "\x1b[32mc\n\x1b[0m");
        let mut filter = Filter::new(Styling::Keep);
        assert_eq!(filter.push("10%\r2"), "2");
        assert_eq!(filter.push("0%"), "0%");
        // What was handed out cannot be taken back.
        assert_eq!(filter.push("\r30%\r40%"), "\n40%");
        assert_eq!(filter.finish(), "");
    }

    #[test]
    fn in_an_approval_every_byte_can_be_seen() {
        assert_eq!(exact("ls\u{a0}-l\t# ok\n"), "ls<U+00A0>-l\t# ok\n");
        assert_eq!(exact("a\x1b[8mb\rc\u{200d}"), "a<U+001B>[8mb<U+000D>c<U+200D>");
    }

    /// Characters that make sequences, among others.
    fn nasty() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\x1b".to_owned()),
            Just("\x1b[".to_owned()),
            Just("\x1b]".to_owned()),
            Just("\x07".to_owned()),
            Just("\r".to_owned()),
            Just("\n".to_owned()),
            "[0-9;:?mHJK]{1,3}",
            "[\u{80}-\u{9f}\u{200b}-\u{2070}👩🚀\u{fe0f}a-z]{1,3}",
            any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    fn without_sgr(text: &str) -> String {
        let mut rest = text;
        let mut kept = String::new();
        while let Some(at) = rest.find("\x1b[") {
            let parameters = &rest[at + 2..];
            let end = parameters.find('m').expect("a sequence that is no SGR");
            assert!(parameters[..end].bytes().all(|b| matches!(b, b'0'..=b';')), "{text:?}");
            kept.push_str(&rest[..at]);
            rest = &parameters[end + 1..];
        }
        kept + rest
    }

    proptest! {
        #[test]
        fn no_control_but_sgr_comes_out_however_the_text_is_cut(text in nasty(), cut in 0usize..40) {
            let whole = printable(&text).into_owned();
            let kept = without_sgr(&whole);
            prop_assert!(!kept.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{:?}", whole);
            prop_assert_eq!(without_sgr(&printable(&kept)), kept);

            let cut = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            let mut filter = Filter::new(Styling::Drop);
            let mut pieces = filter.push(&text[..cut]);
            pieces.push_str(&filter.push(&text[cut..]));
            pieces.push_str(&filter.finish());
            prop_assert!(!pieces.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            if !text.contains('\r') {
                prop_assert_eq!(pieces, plain(&text));
            }
            prop_assert!(!exact(&text).chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
