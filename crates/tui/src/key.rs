//! A key as it was pressed, whatever bytes the terminal made of it.

/// A key and what was held with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyEvent {
    pub code: KeyCode,
    pub modifiers: Modifiers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// What it types, with shift applied.
    Char(char),
    Enter,
    Tab,
    Backspace,
    Delete,
    Insert,
    Esc,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
}

/// What is held down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Modifiers {
    pub ctrl: bool,
    pub alt: bool,
    pub shift: bool,
}

impl KeyEvent {
    /// `code` alone.
    pub fn plain(code: KeyCode) -> Self {
        Self { code, modifiers: Modifiers::default() }
    }
}

/// Keys as people write them: `fix it<enter>`, `<c-c>`, `<a-s-left>`, `<lt>` for `<`. None when a name is unknown.
pub fn keys(text: &str) -> Option<Vec<KeyEvent>> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = rest.find('>').filter(|_| c == '<');
        let Some(end) = end else {
            keys.push(KeyEvent::plain(if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) }));
            rest = &rest[c.len_utf8()..];
            continue;
        };
        keys.push(named(&rest[1..end])?);
        rest = &rest[end + 1..];
    }
    Some(keys)
}

/// A key's name as a person says it: `<c-r>` is ctrl-r.
pub fn spoken(name: &str) -> String {
    let inner = name.trim_start_matches('<').trim_end_matches('>');
    let (mut said, mut rest) = (String::new(), inner);
    for (short, long) in [("c-", "ctrl-"), ("a-", "alt-"), ("s-", "shift-")] {
        if let Some(after) = rest.strip_prefix(short).filter(|after| !after.is_empty()) {
            said.push_str(long);
            rest = after;
        }
    }
    said + rest
}

/// What stands between the angle brackets.
fn named(text: &str) -> Option<KeyEvent> {
    let mut modifiers = Modifiers::default();
    let mut name = text;
    while let Some((prefix, rest)) = name.split_once('-').filter(|(_, rest)| !rest.is_empty()) {
        match prefix {
            "c" => modifiers.ctrl = true,
            "a" => modifiers.alt = true,
            "s" => modifiers.shift = true,
            _ => return None,
        }
        name = rest;
    }
    let mut chars = name.chars();
    let code = match (name, chars.next(), chars.next()) {
        ("enter", ..) => KeyCode::Enter,
        ("tab", ..) => KeyCode::Tab,
        ("backspace" | "bs", ..) => KeyCode::Backspace,
        ("delete" | "del", ..) => KeyCode::Delete,
        ("insert", ..) => KeyCode::Insert,
        ("esc", ..) => KeyCode::Esc,
        ("left", ..) => KeyCode::Left,
        ("right", ..) => KeyCode::Right,
        ("up", ..) => KeyCode::Up,
        ("down", ..) => KeyCode::Down,
        ("home", ..) => KeyCode::Home,
        ("end", ..) => KeyCode::End,
        ("pageup", ..) => KeyCode::PageUp,
        ("pagedown", ..) => KeyCode::PageDown,
        ("space", ..) => KeyCode::Char(' '),
        ("lt", ..) => KeyCode::Char('<'),
        (_, Some(c), None) => KeyCode::Char(c),
        (_, Some('f'), Some(_)) => KeyCode::F(name[1..].parse().ok()?),
        _ => return None,
    };
    Some(KeyEvent { code, modifiers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_people_say_them() {
        let ctrl = Modifiers { ctrl: true, ..Modifiers::default() };
        assert_eq!(
            keys("a<enter><c-c><c--><lt>"),
            Some(vec![
                KeyEvent::plain(KeyCode::Char('a')),
                KeyEvent::plain(KeyCode::Enter),
                KeyEvent { code: KeyCode::Char('c'), modifiers: ctrl },
                KeyEvent { code: KeyCode::Char('-'), modifiers: ctrl },
                KeyEvent::plain(KeyCode::Char('<')),
            ])
        );
        let held = Modifiers { alt: true, shift: true, ctrl: false };
        assert_eq!(
            keys("<a-s-left>"),
            Some(vec![KeyEvent { code: KeyCode::Left, modifiers: held }])
        );
        assert_eq!(keys("<f12>"), Some(vec![KeyEvent::plain(KeyCode::F(12))]));
        assert_eq!(keys("<nothing>"), None);
    }
}
