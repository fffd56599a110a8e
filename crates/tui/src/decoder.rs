//! The bytes a terminal sends, as what they mean: keys in all the ways terminals write them, pastes, and the answers to
//! what was asked. An answer may come at any time, or never; nobody waits for one.

mod codes;

use std::time::Duration;

use codes::{coded, is_chord, is_foreign, lettered, modifiers, numbered, shifted_latin};

use crate::key::{KeyCode, KeyEvent, Modifiers};

/// What came from the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    Key(KeyEvent),
    Paste(String),
    /// What came of a paste whose end did not come.
    OpenPaste(String),
    /// The window has the person's attention, or has it no longer.
    Focus(bool),
    /// The colour behind the text: red, green, blue.
    Background([u8; 3]),
    /// It knows kitty's keyboard protocol.
    Keyboard,
    /// It has answered all that was asked before.
    Attributes,
    /// The wheel was turned by a step, away from the person or towards them.
    Wheel {
        up: bool,
    },
    /// The cursor is there, counted from 1; or F3 was pressed together with others, which writes the same.
    Position {
        row: u16,
        column: u16,
    },
}

/// Takes bytes cut anywhere.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of something.
    held: Vec<u8>,
    pasted: Option<Vec<u8>>,
    /// A paste broke off. Its rest may still come, in which a line break must send nothing and a letter answer nothing:
    /// until its end does come, or a key that no text holds, what could be of it is.
    lacks_end: bool,
}

/// What the bytes so far are.
enum Parsed {
    /// The beginning of something.
    Open,
    /// So many bytes, and what they mean, if anything to us.
    Done(usize, Option<Report>),
    BeginPaste,
}

const PASTE_END: &[u8] = b"\x1b[201~";

/// A sequence longer than this is none.
const MAX_SEQUENCE: usize = 4096;

/// The escape key sends the byte that begins every sequence: it was the key when nothing follows in this time.
const AFTER_ESCAPE: Duration = Duration::from_millis(40);

/// The rest of a sequence that has begun may come late over a slow line.
const WITHIN_SEQUENCE: Duration = Duration::from_secs(1);

/// A paste that says nothing for so long may have lost its end, and must not take every key for good.
const WITHIN_PASTE: Duration = Duration::from_secs(1);

impl Decoder {
    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Report> {
        let mut reports = Vec::new();
        if self.lacks_end && self.pasted.is_none() && self.held.is_empty() && is_text(bytes) {
            self.pasted = Some(Vec::new());
        }
        if self.lacks_end && self.pasted.is_some() && is_untyped_key(bytes) {
            reports.push(Report::OpenPaste(self.take_pasted()));
        }
        for byte in bytes {
            if let Some(text) = &mut self.pasted {
                text.push(*byte);
                if text.ends_with(PASTE_END) {
                    text.truncate(text.len() - PASTE_END.len());
                    reports.push(Report::Paste(self.take_pasted()));
                    self.lacks_end = false;
                } else if let Some((at, report)) = answer_at_end(text) {
                    text.truncate(at);
                    reports.push(report);
                }
                continue;
            }
            self.held.push(*byte);
            self.settle(&mut reports);
        }
        reports
    }

    /// So much of a paste has come; none while there is none.
    pub fn pasted(&self) -> Option<usize> {
        self.pasted.as_ref().map(Vec::len)
    }

    fn take_pasted(&mut self) -> String {
        String::from_utf8_lossy(&self.pasted.take().unwrap_or_default()).into_owned()
    }

    fn settle(&mut self, reports: &mut Vec<Report>) {
        while !self.held.is_empty() {
            match parse(&self.held) {
                Parsed::Open if self.held.len() > MAX_SEQUENCE => self.held.clear(),
                Parsed::Open => return,
                Parsed::Done(used, report) => {
                    let ends_paste = self.held[..used] == *PASTE_END;
                    self.held.drain(..used);
                    self.lacks_end &= !ends_paste;
                    reports.extend(report.map(|report| self.in_doubt(report)));
                }
                Parsed::BeginPaste => {
                    self.held.clear();
                    self.lacks_end = false;
                    self.pasted = Some(Vec::new());
                }
            }
        }
    }

    /// A key that could as well be of the paste that broke off is taken for that.
    fn in_doubt(&mut self, report: Report) -> Report {
        let Report::Key(key) = report else { return report };
        match typed(key).filter(|_| self.lacks_end) {
            Some(c) => Report::OpenPaste(c.into()),
            None => {
                self.lacks_end = false;
                report
            }
        }
    }

    /// How long to wait for more before [`Decoder::give_up`]; none when nothing is open.
    pub fn patience(&self) -> Option<Duration> {
        if self.pasted.is_some() {
            return Some(WITHIN_PASTE);
        }
        match self.held[..] {
            [] => None,
            // Alt and one of these is hardly ever pressed, and means nothing here.
            [0x1b, b'[' | b'O'] => Some(WITHIN_SEQUENCE),
            [0x1b] | [0x1b, ..0x80] => Some(AFTER_ESCAPE),
            // A sequence, or a letter of several bytes: no key ends there.
            _ => Some(WITHIN_SEQUENCE),
        }
    }

    /// No more came: what has begun was a key, or nothing.
    pub fn give_up(&mut self) -> Option<Report> {
        if self.pasted.is_some() {
            self.lacks_end = true;
            return Some(Report::OpenPaste(self.take_pasted()));
        }
        let report = self.give_up_sequence()?;
        Some(self.in_doubt(report))
    }

    fn give_up_sequence(&mut self) -> Option<Report> {
        let held = std::mem::take(&mut self.held);
        match held[..] {
            [0x1b] => Some(Report::Key(KeyEvent::plain(KeyCode::Esc))),
            [0x1b, c] if c.is_ascii_graphic() => {
                let modifiers = Modifiers { alt: true, ..Modifiers::default() };
                Some(Report::Key(KeyEvent { code: KeyCode::Char(char::from(c)), modifiers }))
            }
            _ => None,
        }
    }
}

/// What a key types, if that could stand in a text.
fn typed(key: KeyEvent) -> Option<char> {
    match (key.code, key.modifiers) {
        (KeyCode::Char('j'), Modifiers { ctrl: true, alt: false, shift: false }) => Some('\n'),
        (_, Modifiers { ctrl: true, .. } | Modifiers { alt: true, .. }) => None,
        (KeyCode::Char(c), _) => Some(c),
        (KeyCode::Enter, _) => Some('\n'),
        (KeyCode::Tab, Modifiers { shift: false, .. }) => Some('\t'),
        _ => None,
    }
}

/// A key and nothing else, and none that a text holds.
fn is_untyped_key(bytes: &[u8]) -> bool {
    match parse(bytes) {
        Parsed::Done(used, Some(Report::Key(key))) => used == bytes.len() && typed(key).is_none(),
        _ => false,
    }
}

/// What the terminal said of the cursor while it was handing over a paste, and where that begins.
fn answer_at_end(text: &[u8]) -> Option<(usize, Report)> {
    const LONGEST: usize = 16;
    if text.last() != Some(&b'R') {
        return None;
    }
    let from = text.len().saturating_sub(LONGEST);
    let at = from + text[from..].iter().rposition(|byte| *byte == 0x1b)?;
    match parse(&text[at..]) {
        Parsed::Done(used, Some(report @ Report::Position { .. })) if used == text.len() - at => {
            Some((at, report))
        }
        _ => None,
    }
}

/// More than one key of text came at once: nobody types so.
fn is_text(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut count = 0;
    while let Parsed::Done(used, report) = parse(rest) {
        let is_typed = matches!(report, Some(Report::Key(key)) if typed(key).is_some());
        count += usize::from(is_typed);
        rest = &rest[used..];
        if rest.is_empty() || count > 1 {
            break;
        }
    }
    count > 1 || count > 0 && bytes.ends_with(PASTE_END)
}

fn parse(bytes: &[u8]) -> Parsed {
    match bytes {
        [] | [0x1b] => Parsed::Open,
        [0x1b, b'[', rest @ ..] => csi(rest),
        [0x1b, b'O', rest @ ..] => match rest {
            [] => Parsed::Open,
            [letter, ..] => {
                Parsed::Done(3, lettered(*letter, Modifiers::default()).map(Report::Key))
            }
        },
        [0x1b, b']' | b'P' | b'_' | b'^' | b'X', rest @ ..] => text(rest),
        // The escape key, and then something else.
        [0x1b, 0x1b, ..] => Parsed::Done(1, Some(Report::Key(KeyEvent::plain(KeyCode::Esc)))),
        [0x1b, rest @ ..] => match character(rest) {
            Parsed::Done(used, Some(Report::Key(mut key))) => {
                key.modifiers.alt = true;
                Parsed::Done(used + 1, Some(Report::Key(key)))
            }
            Parsed::Done(used, other) => Parsed::Done(used + 1, other),
            other => other,
        },
        bytes => character(bytes),
    }
}

/// A key that sends no sequence.
fn character(bytes: &[u8]) -> Parsed {
    let control = |c: u8| KeyEvent {
        code: KeyCode::Char(char::from(c)),
        modifiers: Modifiers { ctrl: true, ..Modifiers::default() },
    };
    let key = match bytes[0] {
        b'\r' => KeyEvent::plain(KeyCode::Enter),
        b'\t' => KeyEvent::plain(KeyCode::Tab),
        0x7f => KeyEvent::plain(KeyCode::Backspace),
        0 => control(b' '),
        c @ 0x01..=0x1a => control(c - 1 + b'a'),
        c @ 0x1b..=0x1f => control(c - 0x1c + b'4'),
        first => {
            let len = match first {
                ..0x80 => 1,
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return Parsed::Done(1, None),
            };
            let Some(bytes) = bytes.get(..len) else { return Parsed::Open };
            let text = std::str::from_utf8(bytes).ok();
            let key = text.and_then(|text| text.chars().next());
            let key = key.map(|c| Report::Key(KeyEvent::plain(KeyCode::Char(c))));
            return Parsed::Done(if key.is_some() { len } else { 1 }, key);
        }
    };
    Parsed::Done(1, Some(Report::Key(key)))
}

/// What follows `ESC [`.
fn csi(bytes: &[u8]) -> Parsed {
    // The Linux console's function keys.
    if let [b'[', rest @ ..] = bytes {
        return match rest {
            [] => Parsed::Open,
            [c @ b'A'..=b'E', ..] => Parsed::Done(4, key(KeyCode::F(c - b'A' + 1))),
            _ => Parsed::Done(4, None),
        };
    }
    let Some(end) = bytes.iter().position(|byte| !matches!(byte, 0x20..=0x3f)) else {
        return Parsed::Open;
    };
    let used = end + 3;
    if !matches!(bytes[end], 0x40..=0x7e) {
        // It broke off; what broke it off is looked at again.
        return Parsed::Done(used - 1, None);
    }
    let arguments = std::str::from_utf8(&bytes[..end]).unwrap_or_default();
    if (arguments, bytes[end]) == ("200", b'~') {
        return Parsed::BeginPaste;
    }
    Parsed::Done(used, sequence(arguments, bytes[end]))
}

/// The mouse, as xterm's mode 1006 tells of it; only its wheel is of use.
fn mouse(arguments: &str) -> Option<Report> {
    const UP: u16 = 64;
    const DOWN: u16 = 65;
    const MODIFIERS: u16 = 4 | 8 | 16;
    let button: u16 = arguments.strip_prefix('<')?.split(';').next()?.parse().ok()?;
    match button & !MODIFIERS {
        UP => Some(Report::Wheel { up: true }),
        DOWN => Some(Report::Wheel { up: false }),
        _ => None,
    }
}

fn sequence(arguments: &str, last: u8) -> Option<Report> {
    match (arguments.as_bytes().first(), last) {
        (Some(b'?'), b'u') => return Some(Report::Keyboard),
        (Some(b'?'), b'c') => return Some(Report::Attributes),
        (Some(b'<'), b'M') => return mouse(arguments),
        (Some(b'<'..=b'?'), _) => return None,
        (None, b'I') => return Some(Report::Focus(true)),
        (None, b'O') => return Some(Report::Focus(false)),
        _ => {}
    }
    if last == b'R'
        && let Some((row, column)) = arguments.split_once(';')
    {
        return Some(Report::Position { row: row.parse().ok()?, column: column.parse().ok()? });
    }
    let mut parameters = arguments.split(';');
    let first = parameters.next().unwrap_or_default();
    let held = parameters.next().unwrap_or_default();
    let (held, kind) = held.split_once(':').unwrap_or((held, ""));
    const RELEASED: &str = "3";
    if kind == RELEASED {
        return None;
    }
    let held = held.parse().unwrap_or(1);
    let modifiers = modifiers(held);
    let key = match last {
        b'~' if first == "27" => coded(parameters.next()?.parse().ok()?, None, modifiers),
        b'~' => numbered(first.parse().ok()?, modifiers),
        b'u' => {
            let mut codes = first.split(':').map(|code| code.parse().ok());
            let (code, shifted) = (codes.next()??, codes.next().flatten());
            match codes.next().flatten().filter(|_| is_chord(code, held)) {
                Some(latin) => coded(latin, shifted_latin(latin), modifiers),
                None => coded(code, shifted, modifiers),
            }
        }
        b'Z' => {
            Some(KeyEvent { code: KeyCode::Tab, modifiers: Modifiers { shift: true, ..modifiers } })
        }
        letter => lettered(letter, modifiers),
    };
    key.filter(|key| !is_foreign(*key, held)).map(Report::Key)
}

/// What follows `ESC ]` and its kind, up to its end.
fn text(bytes: &[u8]) -> Parsed {
    const BELL: u8 = 7;
    let Some(end) = bytes.iter().position(|byte| matches!(*byte, BELL | 0x1b)) else {
        return Parsed::Open;
    };
    let used = match bytes[end..] {
        [BELL, ..] => end + 3,
        [_, b'\\', ..] => end + 4,
        [_] => return Parsed::Open,
        // Something else begins.
        _ => return Parsed::Done(end + 2, None),
    };
    let background = std::str::from_utf8(&bytes[..end]).ok().and_then(background);
    Parsed::Done(used, background.map(Report::Background))
}

/// `11;rgb:1e1e/1e1e/2e2e`, with one to four digits a colour, or `rgba:`.
fn background(text: &str) -> Option<[u8; 3]> {
    let colours = text.strip_prefix("11;rgb")?.trim_start_matches('a').strip_prefix(':')?;
    let mut colours = colours.split('/').map(|digits| {
        let most = (1_u32 << (4 * digits.len().clamp(1, 4))) - 1;
        let value = u32::from_str_radix(digits, 16).ok()?;
        u8::try_from(value * 255 / most).ok()
    });
    Some([colours.next()??, colours.next()??, colours.next()??])
}

fn key(code: KeyCode) -> Option<Report> {
    Some(Report::Key(KeyEvent::plain(code)))
}

#[cfg(test)]
mod tests;
