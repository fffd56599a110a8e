//! Vim's text objects: what an operator, or a selection, takes of a text around the cursor.

use std::ops::Range;

use super::moves;
use crate::composer::motion::{self, Words};

/// The object of this key around `at`; with what delimits it (`around`), or only what is within.
pub(super) fn object(key: char, around: bool, text: &str, at: usize) -> Option<Range<usize>> {
    match key {
        'w' | 'W' => {
            let words = if key == 'w' { Words::Letters } else { Words::Space };
            Some(if around {
                moves::word_and_space_at(text, at, words)
            } else {
                moves::word_at(text, at, words)
            })
        }
        '"' | '\'' | '`' => quoted(key, around, text, at),
        '(' | ')' | 'b' => enclosed(('(', ')'), around, text, at),
        '[' | ']' => enclosed(('[', ']'), around, text, at),
        '{' | '}' | 'B' => enclosed(('{', '}'), around, text, at),
        '<' | '>' => enclosed(('<', '>'), around, text, at),
        _ => None,
    }
}

/// In its line, else the next one there. As with a word, the space behind it goes with it, or that before it where there
/// is none.
fn quoted(quote: char, around: bool, text: &str, at: usize) -> Option<Range<usize>> {
    let (start, end) = (motion::line_start(text, at), motion::line_end(text, at));
    let marks: Vec<_> =
        text[start..end].match_indices(quote).map(|(offset, _)| start + offset).collect();
    let pair = marks.chunks_exact(2).find(|pair| at <= pair[1])?;
    if !around {
        return Some(pair[0] + 1..pair[1]);
    }
    let (before, behind) = (&text[start..pair[0]], &text[pair[1] + 1..end]);
    let space = behind.len() - behind.trim_start_matches([' ', '\t']).len();
    Some(if space > 0 {
        pair[0]..pair[1] + 1 + space
    } else {
        start + before.trim_end_matches([' ', '\t']).len()..pair[1] + 1
    })
}

/// The innermost pair around `at`, over lines too.
fn enclosed(pair: (char, char), around: bool, text: &str, at: usize) -> Option<Range<usize>> {
    let (open, close) = pair;
    let before = if text[at..].starts_with(open) { at + open.len_utf8() } else { at };
    let begin = unmatched(text[..before].char_indices().rev(), open, close)?;
    let after = begin + open.len_utf8();
    let end = after + unmatched(text[after..].char_indices(), close, open)?;
    Some(if around { begin..end + close.len_utf8() } else { after..end })
}

/// The other one of the first bracket in the line from `at` on.
pub(super) fn matching(text: &str, at: usize) -> Option<usize> {
    const PAIRS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];
    let end = motion::line_end(text, at);
    text[at..end].char_indices().find_map(|(offset, c)| {
        let (open, close) = *PAIRS.iter().find(|(open, close)| c == *open || c == *close)?;
        let here = at + offset;
        Some(if c == open {
            let after = here + c.len_utf8();
            unmatched(text[after..].char_indices(), close, open).map(|found| after + found)
        } else {
            unmatched(text[..here].char_indices().rev(), open, close)
        })
    })?
}

/// The first `wanted` that does not belong to an `other` that came before it.
fn unmatched(
    mut chars: impl Iterator<Item = (usize, char)>,
    wanted: char,
    other: char,
) -> Option<usize> {
    let mut depth = 0_usize;
    chars.find_map(|(at, c)| {
        if c == other {
            depth += 1;
        } else if c == wanted {
            match depth.checked_sub(1) {
                Some(left) => depth = left,
                None => return Some(at),
            }
        }
        None
    })
}
