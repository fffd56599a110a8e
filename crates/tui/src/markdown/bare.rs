//! Addresses that stand in a text as they are, which lead where they say.

use std::{ops::Range, sync::Arc};

/// The addresses in `text`, apart from those within `taken`.
pub(super) fn addresses(
    text: &str,
    taken: &[(Range<usize>, Arc<str>)],
) -> Vec<(Range<usize>, Arc<str>)> {
    let mut found: Vec<(Range<usize>, Arc<str>)> = Vec::new();
    for (at, _) in text.match_indices("://") {
        let Some(start) = ["https", "http"].iter().find_map(|scheme| begin(&text[..at], scheme))
        else {
            continue;
        };
        let end = at + 3 + address_len(&text[at + 3..]);
        let is_taken = |(range, _): &(Range<usize>, _)| range.start < end && start < range.end;
        if end > at + 3 && !taken.iter().chain(&found).any(is_taken) {
            found.push((start..end, text[start..end].into()));
        }
    }
    found
}

/// Where the scheme begins that `before` ends with, if it is no part of a longer word.
fn begin(before: &str, scheme: &str) -> Option<usize> {
    let rest = before.get(..before.len().checked_sub(scheme.len())?)?;
    let is_it = before[rest.len()..].eq_ignore_ascii_case(scheme);
    (is_it && !rest.ends_with(|c: char| c.is_ascii_alphanumeric())).then_some(rest.len())
}

/// How much of `rest` belongs to the address: what ends the sentence around it, or closes what was opened before it, does
/// not.
fn address_len(rest: &str) -> usize {
    let is_end = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '<' | '>' | '"' | '`' | '|' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}')
    };
    let mut address = &rest[..rest.find(is_end).unwrap_or(rest.len())];
    while let Some(last) = address.chars().next_back() {
        let open = match last {
            ')' => '(',
            ']' => '[',
            '}' => '{',
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '…' | '’' | '”' => '\0',
            _ => break,
        };
        let count = |wanted: char| address.chars().filter(|c| *c == wanted).count();
        if open != '\0' && count(open) >= count(last) {
            break;
        }
        address = &address[..address.len() - last.len_utf8()];
    }
    address.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_where_its_sentence_goes_on() {
        for (text, expected) in [
            ("see https://a.example/x_y?z=1&q.", &["https://a.example/x_y?z=1&q"][..]),
            (
                "(https://a.example/b_(c)), https://d.example",
                &["https://a.example/b_(c)", "https://d.example"],
            ),
            ("HTTP://A.example: and", &["HTTP://A.example"]),
            (
                "\"https://a.example/\" 「https://b.example」",
                &["https://a.example/", "https://b.example"],
            ),
            ("xhttps://a.example ftp://b.example https:// https://...", &[]),
        ] {
            let found = addresses(text, &[]);
            let found: Vec<_> = found.iter().map(|(range, _)| &text[range.clone()]).collect();
            assert_eq!(found, expected, "{text}");
        }
        let text = "https://a.example https://b.example";
        let taken = [(0..17, "elsewhere".into())];
        assert_eq!(addresses(text, &taken).len(), 1);
    }
}
