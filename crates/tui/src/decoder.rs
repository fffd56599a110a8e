//! The bytes a terminal sends, as what they mean: keys in all the ways terminals write them, pastes, and the answers to
//! what was asked. An answer may come at any time, or never; nobody waits for one.

use std::time::Duration;

use crate::key::{KeyCode, KeyEvent, Modifiers};

/// What came from the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    Key(KeyEvent),
    Paste(String),
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

impl Decoder {
    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Report> {
        let mut reports = Vec::new();
        for byte in bytes {
            if let Some(text) = &mut self.pasted {
                text.push(*byte);
                if text.ends_with(PASTE_END) {
                    text.truncate(text.len() - PASTE_END.len());
                    let text = self.pasted.take().unwrap_or_default();
                    reports.push(Report::Paste(String::from_utf8_lossy(&text).into_owned()));
                }
                continue;
            }
            self.held.push(*byte);
            self.settle(&mut reports);
        }
        reports
    }

    fn settle(&mut self, reports: &mut Vec<Report>) {
        while !self.held.is_empty() {
            match parse(&self.held) {
                Parsed::Open if self.held.len() > MAX_SEQUENCE => self.held.clear(),
                Parsed::Open => return,
                Parsed::Done(used, report) => {
                    self.held.drain(..used);
                    reports.extend(report);
                }
                Parsed::BeginPaste => {
                    self.held.clear();
                    self.pasted = Some(Vec::new());
                }
            }
        }
    }

    /// How long to wait for more before [`Decoder::give_up`]; none when nothing is open.
    pub fn patience(&self) -> Option<Duration> {
        match self.held[..] {
            [] => None,
            // Alt and one of these is hardly ever pressed, and means nothing here.
            [0x1b, b'[' | b'O'] => Some(WITHIN_SEQUENCE),
            [_] | [_, _] => Some(AFTER_ESCAPE),
            _ => Some(WITHIN_SEQUENCE),
        }
    }

    /// No more came: what has begun was a key, or nothing.
    pub fn give_up(&mut self) -> Option<Report> {
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
    let modifiers = modifiers(held.parse().unwrap_or(1));
    let key = match last {
        b'~' if first == "27" => coded(parameters.next()?.parse().ok()?, None, modifiers),
        b'~' => numbered(first.parse().ok()?, modifiers),
        b'u' => {
            let mut codes = first.split(':').map(|code| code.parse().ok());
            coded(codes.next()??, codes.next().flatten(), modifiers)
        }
        b'Z' => {
            Some(KeyEvent { code: KeyCode::Tab, modifiers: Modifiers { shift: true, ..modifiers } })
        }
        letter => lettered(letter, modifiers),
    };
    key.map(Report::Key)
}

fn modifiers(code: u16) -> Modifiers {
    let bits = code.saturating_sub(1);
    Modifiers { shift: bits & 1 != 0, alt: bits & 2 != 0, ctrl: bits & 4 != 0 }
}

fn lettered(letter: u8, modifiers: Modifiers) -> Option<KeyEvent> {
    let code = match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'M' => KeyCode::Enter,
        c @ b'P'..=b'S' => KeyCode::F(c - b'P' + 1),
        _ => return None,
    };
    Some(KeyEvent { code, modifiers })
}

fn numbered(number: u16, modifiers: Modifiers) -> Option<KeyEvent> {
    let function = |n: u16| KeyCode::F(u8::try_from(n).unwrap_or_default());
    let code = match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => function(number - 10),
        17..=21 => function(number - 11),
        23 | 24 => function(number - 12),
        _ => return None,
    };
    Some(KeyEvent { code, modifiers })
}

/// A key by its Unicode code, or kitty's own; `shifted` is what it types with shift.
fn coded(code: u32, shifted: Option<u32>, mut modifiers: Modifiers) -> Option<KeyEvent> {
    const KEYPAD: [KeyCode; 28] = {
        use KeyCode::{
            Char, Delete, Down, End, Enter, Home, Insert, Left, PageDown, PageUp, Right, Up,
        };
        [
            Char('0'),
            Char('1'),
            Char('2'),
            Char('3'),
            Char('4'),
            Char('5'),
            Char('6'),
            Char('7'),
            Char('8'),
            Char('9'),
            Char('.'),
            Char('/'),
            Char('*'),
            Char('-'),
            Char('+'),
            Enter,
            Char('='),
            Char(','),
            Left,
            Right,
            Up,
            Down,
            PageUp,
            PageDown,
            Home,
            End,
            Insert,
            Delete,
        ]
    };
    const FIRST_OF_KEYPAD: u32 = 57_399;
    let keypad = code.checked_sub(FIRST_OF_KEYPAD).and_then(|at| KEYPAD.get(at as usize));
    let code = match code {
        9 => KeyCode::Tab,
        13 => KeyCode::Enter,
        27 => KeyCode::Esc,
        8 | 127 => KeyCode::Backspace,
        _ if keypad.is_some() => *keypad?,
        // Further keys of kitty's: locks, media, modifiers alone.
        57_344..=63_743 => return None,
        code => {
            let mut c = char::from_u32(code)?;
            // A character has shift applied, save where it is part of a chord.
            if modifiers.shift && !modifiers.ctrl {
                c = shifted.and_then(char::from_u32).unwrap_or(c.to_ascii_uppercase());
                modifiers.shift = false;
            }
            KeyCode::Char(c)
        }
    };
    Some(KeyEvent { code, modifiers })
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
