//! The one text of a JSON object, taken out of it while the object is still being written.

/// What the object has to begin with, white space aside.
const BEGINNINGS: [&str; 2] = [r#"{"input":""#, r#"{"patch":""#];

/// The text so far has been given out; this is what is needed to go on.
#[derive(Debug, Default)]
pub(super) struct Unquote {
    state: State,
    /// The first half of a character that is written as two.
    high: Option<u32>,
}

#[derive(Debug)]
enum State {
    /// What has come of the beginning.
    Before(String),
    Text,
    Escape,
    /// Digits that have come, and their value.
    Unicode(u32, u32),
    /// What comes after the text is of no interest.
    After,
    /// It is another object, or none.
    Lost,
}

impl Default for State {
    fn default() -> Self {
        Self::Before(String::new())
    }
}

impl Unquote {
    /// What of the text comes with this piece.
    pub(super) fn push(&mut self, piece: &str) -> String {
        let mut text = String::with_capacity(piece.len());
        for c in piece.chars() {
            self.state = self.take(c, &mut text).unwrap_or(State::Lost);
        }
        text
    }

    /// The object is another than one with this text first: nothing more will come.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    fn take(&mut self, c: char, text: &mut String) -> Option<State> {
        Some(match std::mem::replace(&mut self.state, State::Lost) {
            State::Before(mut begun) => {
                if !c.is_ascii_whitespace() {
                    begun.push(c);
                }
                if !BEGINNINGS.iter().any(|beginning| beginning.starts_with(&begun)) {
                    return None;
                }
                if BEGINNINGS.contains(&begun.as_str()) {
                    State::Text
                } else {
                    State::Before(begun)
                }
            }
            State::Text => match c {
                '\\' => State::Escape,
                '"' => State::After,
                c => {
                    self.give(u32::from(c), text);
                    State::Text
                }
            },
            State::Escape => {
                let meant = match c {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    '"' | '\\' | '/' => c,
                    'u' => return Some(State::Unicode(0, 0)),
                    _ => return None,
                };
                self.give(u32::from(meant), text);
                State::Text
            }
            State::Unicode(digits, value) => {
                let value = value * 16 + c.to_digit(16)?;
                if digits < 3 {
                    State::Unicode(digits + 1, value)
                } else {
                    self.give(value, text);
                    State::Text
                }
            }
            State::After => State::After,
            State::Lost => State::Lost,
        })
    }

    /// A half without its other half is a character that cannot be shown.
    fn give(&mut self, unit: u32, text: &mut String) {
        let high = self.high.take();
        match (high, unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                let whole = 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00);
                text.push(char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER));
                return;
            }
            (Some(_), _) => text.push(char::REPLACEMENT_CHARACTER),
            (None, _) => {}
        }
        match unit {
            0xd800..=0xdbff => self.high = Some(unit),
            unit => text.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// In pieces of so many characters.
    fn unquoted(json: &str, size: usize) -> Option<String> {
        let mut unquote = Unquote::default();
        let characters: Vec<_> = json.chars().collect();
        let pieces = characters.chunks(size.max(1)).map(|piece| piece.iter().collect::<String>());
        let text = pieces.map(|piece| unquote.push(&piece)).collect();
        (!unquote.is_lost()).then_some(text)
    }

    proptest! {
        #[test]
        fn the_text_is_what_json_says_wherever_it_was_cut(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}|[\u{1f600}é\"\\\\/\n]{0,20}", size in 1_usize..9) {
            let value = serde_json::json!({"input": text});
            prop_assert_eq!(unquoted(&value.to_string(), size), Some(text.clone()));
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(unquoted(&pretty, size), Some(text));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", size in 1_usize..9) {
            let _ = unquoted(&text, size);
            let _ = unquoted(&format!("{{\"patch\":\"{text}"), size);
        }
    }

    #[test]
    fn characters_in_two_halves_are_put_together() {
        assert_eq!(unquoted(r#"{"patch": "\ud83d\ude00 \ud83d x"}"#, 1).unwrap(), "😀 \u{fffd} x");
    }

    #[test]
    fn another_object_is_told_from_it_at_once() {
        for json in [r#"{"cmd":"ls"}"#, r#"{"input":1}"#, "[", r#"{"input":"\x"}"#] {
            assert_eq!(unquoted(json, 1), None, "{json}");
        }
    }
}
