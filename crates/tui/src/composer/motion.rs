//! Where the cursor can go in a text: by grapheme, by word, by line. Offsets are bytes, and always between graphemes.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation as _};

use super::chip::is_chip;

/// The grapheme before `at`, where it begins.
pub(super) fn left(text: &str, at: usize) -> usize {
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    cursor.prev_boundary(text, 0).ok().flatten().unwrap_or(0)
}

/// Where the grapheme at `at` ends.
pub(super) fn right(text: &str, at: usize) -> usize {
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    cursor.next_boundary(text, 0).ok().flatten().unwrap_or(text.len())
}

/// What ends a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Whatever is no letter, digit or underscore.
    Letters,
    /// Space only.
    Space,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Space,
    Word,
    Other,
    /// Each is a word of its own.
    Chip,
}

impl Words {
    pub(super) fn class(self, c: char) -> Class {
        match c {
            c if c.is_whitespace() => Class::Space,
            c if is_chip(c) => Class::Chip,
            c if self == Self::Space || c.is_alphanumeric() || c == '_' => Class::Word,
            _ => Class::Other,
        }
    }
}

/// The beginning of the word that `at` is in or behind.
pub(super) fn word_left(text: &str, at: usize, words: Words) -> usize {
    let mut found = None;
    for (start, grapheme) in text[..at].grapheme_indices(true).rev() {
        let class = words.class(first(grapheme));
        match found {
            None if class == Class::Chip => return start,
            None if class == Class::Word => found = Some(start),
            None => {}
            Some(_) if class == Class::Word => found = Some(start),
            Some(found) => return found,
        }
    }
    0
}

/// The end of the word that `at` is in or before.
pub(super) fn word_right(text: &str, at: usize, words: Words) -> usize {
    let mut inside = false;
    for (offset, grapheme) in text[at..].grapheme_indices(true) {
        match words.class(first(grapheme)) {
            Class::Chip if !inside => return at + offset + grapheme.len(),
            Class::Word => inside = true,
            _ if inside => return at + offset,
            _ => {}
        }
    }
    text.len()
}

/// The beginning of the line.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// The end of the line, before its break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline)
}

pub(super) fn first(grapheme: &str) -> char {
    grapheme.chars().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grapheme_is_one_step() {
        let text = "a👩\u{200d}🚀e\u{301}한";
        let mut stops = vec![0];
        while *stops.last().unwrap() < text.len() {
            stops.push(right(text, *stops.last().unwrap()));
        }
        assert_eq!(stops, [0, 1, 12, 15, 18]);
        let back: Vec<usize> = stops.iter().skip(1).map(|&at| left(text, at)).collect();
        assert_eq!(back, [0, 1, 12, 15]);
    }

    #[test]
    fn words_end_where_the_shell_ends_them() {
        let text = "git commit --amend 한글";
        assert_eq!(word_left(text, text.len(), Words::Letters), 19);
        assert_eq!(word_left(text, 19, Words::Letters), 13);
        assert_eq!(word_left(text, 19, Words::Space), 11);
        assert_eq!(word_right(text, 3, Words::Letters), 10);
        assert_eq!(word_right(text, 10, Words::Letters), 18);
        assert_eq!(word_left("  ", 2, Words::Letters), 0);
        assert_eq!(word_right("  ", 0, Words::Space), 2);
    }
}
