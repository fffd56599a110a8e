//! The keys that numbers and letters of sequences stand for.

use crate::key::{KeyCode, KeyEvent, Modifiers};

pub(super) fn modifiers(code: u16) -> Modifiers {
    let bits = code.saturating_sub(1);
    Modifiers { shift: bits & 1 != 0, alt: bits & (2 | 32) != 0, ctrl: bits & 4 != 0 }
}

/// With super or hyper held a key types nothing, and is no other key of ours.
pub(super) fn is_foreign(key: KeyEvent, held: u16) -> bool {
    const SUPER_HYPER: u16 = 8 | 16;
    matches!(key.code, KeyCode::Char(_)) && held.saturating_sub(1) & SUPER_HYPER != 0
}

/// Whether a key of a layout without Latin letters is part of a chord, which means the key of the Latin layout there.
pub(super) fn is_chord(code: u32, held: u16) -> bool {
    const ALT_CTRL: u16 = 2 | 4;
    code > 0x7f && held.saturating_sub(1) & ALT_CTRL != 0
}

/// What a key of the standard layout types with shift, where it is no letter.
pub(super) fn shifted_latin(code: u32) -> Option<u32> {
    const KEYS: &[u8] = b"`1234567890-=[]\\;',./";
    const SHIFTED: &[u8] = b"~!@#$%^&*()_+{}|:\"<>?";
    let at = KEYS.iter().position(|key| u32::from(*key) == code)?;
    SHIFTED.get(at).map(|key| u32::from(*key))
}

pub(super) fn lettered(letter: u8, modifiers: Modifiers) -> Option<KeyEvent> {
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

pub(super) fn numbered(number: u16, modifiers: Modifiers) -> Option<KeyEvent> {
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
pub(super) fn coded(code: u32, shifted: Option<u32>, mut modifiers: Modifiers) -> Option<KeyEvent> {
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
