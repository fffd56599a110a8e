//! What under the cursor asks to be completed: a file behind `@`, a command behind `/`.

use std::ops::Range;

/// A word that can be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    /// What is written of it up to the cursor, without its sign.
    pub query: String,
    /// The bytes that a completion replaces, its sign included.
    pub(super) range: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `@src/ma`
    File,
    /// `/mo` at the beginning.
    Command,
}

/// The token that `cursor` is in.
pub(super) fn under(text: &str, cursor: usize) -> Option<Token> {
    let before = &text[..cursor];
    let start = before
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let kind = match text[start..].chars().next()? {
        '@' => TokenKind::File,
        '/' if start == 0 => TokenKind::Command,
        _ => return None,
    };
    if cursor == start {
        return None;
    }
    let end = text[cursor..].find(char::is_whitespace).map_or(text.len(), |at| cursor + at);
    Some(Token { kind, query: text[start + 1..cursor].to_owned(), range: start..end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_begins_with_its_sign_and_ends_at_space() {
        for (text, cursor, expected) in [
            ("@ma", 3, Some((TokenKind::File, "ma", 0..3))),
            ("see @src/main.rs now", 8, Some((TokenKind::File, "src", 4..16))),
            ("한\n@", 5, Some((TokenKind::File, "", 4..5))),
            ("a@b", 3, None),
            ("@a b", 4, None),
            ("@a", 0, None),
            ("/mo", 3, Some((TokenKind::Command, "mo", 0..3))),
            ("/", 1, Some((TokenKind::Command, "", 0..1))),
            ("/model x", 8, None),
            ("a /mo", 5, None),
            ("", 0, None),
        ] {
            let token = under(text, cursor);
            let seen =
                token.as_ref().map(|token| (token.kind, token.query.as_str(), token.range.clone()));
            assert_eq!(seen, expected, "{text:?}");
        }
    }
}
