//! Where vim's motions lead in a text.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::super::motion::{self, Class, Words, first};
use super::objects;

/// Where a motion leads, and how much an operator takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) at: usize,
    pub(super) reach: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Up to the target.
    Before,
    /// The character at the target too.
    Upto,
    /// The whole lines.
    Lines,
}

/// `f`, `F`, `t` or `T` with its character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Find {
    pub(super) kind: char,
    pub(super) c: char,
}

impl Find {
    pub(super) fn reversed(self) -> Self {
        let kind = match self.kind {
            'f' => 'F',
            'F' => 'f',
            't' => 'T',
            _ => 't',
        };
        Self { kind, ..self }
    }

    pub(super) fn target(self, text: &str, at: usize, count: usize) -> Option<Target> {
        let (start, end) = (motion::line_start(text, at), motion::line_end(text, at));
        let after = motion::right(text, at).min(end);
        if matches!(self.kind, 'f' | 't') {
            let found = after + text[after..end].match_indices(self.c).nth(count - 1)?.0;
            let at = if self.kind == 't' { motion::left(text, found) } else { found };
            return Some(Target { at, reach: Reach::Upto });
        }
        let found = start + text[start..at].rmatch_indices(self.c).nth(count - 1)?.0;
        let at = if self.kind == 'T' { motion::right(text, found) } else { found };
        Some(Target { at, reach: Reach::Before })
    }
}

/// Where the motion of key `c` leads, `count` times.
pub(super) fn target(c: char, text: &str, at: usize, count: usize) -> Option<Target> {
    let words = if c.is_uppercase() { Words::Space } else { Words::Letters };
    let line = (motion::line_start(text, at), motion::line_end(text, at));
    let repeated = |step: &dyn Fn(usize) -> usize| {
        let mut at = at;
        for _ in 0..count {
            let next = step(at);
            if next == at {
                break;
            }
            at = next;
        }
        at
    };
    let (at, reach) = match c {
        'h' => (repeated(&|at| motion::left(text, at).max(line.0)), Reach::Before),
        'l' | ' ' => (repeated(&|at| motion::right(text, at).min(line.1)), Reach::Before),
        '0' => (line.0, Reach::Before),
        '^' => (first_word(text, at), Reach::Before),
        '$' => (line.1, Reach::Before),
        'w' | 'W' => (repeated(&|at| next_word(text, at, words)), Reach::Before),
        'b' | 'B' => (repeated(&|at| previous_word(text, at, words)), Reach::Before),
        'e' | 'E' => (repeated(&|at| word_end(text, at, words)), Reach::Upto),
        '{' => (repeated(&|at| previous_blank_line(text, at)), Reach::Before),
        '}' => (repeated(&|at| next_blank_line(text, at)), Reach::Before),
        '%' => (objects::matching(text, at)?, Reach::Upto),
        _ => return None,
    };
    Some(Target { at, reach })
}

/// `ge` or `gE`: the end of the word before, `count` times.
pub(super) fn previous_end(c: char, text: &str, at: usize, count: usize) -> Option<Target> {
    let words = if c == 'E' { Words::Space } else { Words::Letters };
    let at = (0..count).try_fold(at, |at, _| (at > 0).then(|| end_before(text, at, words)))?;
    Some(Target { at, reach: Reach::Upto })
}

/// What an operator takes up to a blank line: from within a line not the break before that one.
pub(super) fn paragraphs_down(text: &str, at: usize, count: usize) -> Target {
    let target = (0..count).fold(at, |at, _| next_blank_line(text, at));
    let is_within = at > first_word(text, at) && text[..target].ends_with('\n');
    Target { at: if is_within { target - 1 } else { target }, reach: Reach::Before }
}

/// The first line without anything in it below the lines that have something, or the end.
fn next_blank_line(text: &str, at: usize) -> usize {
    let mut from = at;
    while text[from..].starts_with('\n') {
        from += 1;
    }
    text[from..].find("\n\n").map_or(text.len(), |found| from + found + 1)
}

/// The last line without anything in it above the lines that have something, or the beginning.
fn previous_blank_line(text: &str, at: usize) -> usize {
    let mut start = motion::line_start(text, at);
    if motion::line_end(text, start) == start {
        while start > 0 && (start == 1 || text[..start].ends_with("\n\n")) {
            start -= 1;
        }
    }
    text[..start].rfind("\n\n").map_or(0, |found| found + 1)
}

/// The last character of the word before the one that `at` is in, or the first of all.
fn end_before(text: &str, at: usize, words: Words) -> usize {
    let mut behind = class_at(text, at, words);
    for (start, grapheme) in text[..at].grapheme_indices(true).rev() {
        let class = words.class(first(grapheme));
        if class != Class::Space && (Some(class) != behind || class == Class::Chip) {
            return start;
        }
        behind = Some(class);
    }
    0
}

/// `count` lines further down, or the last.
pub(super) fn lines_down(text: &str, at: usize, count: usize) -> Target {
    let newlines = text[at..].match_indices('\n');
    let at = newlines.take(count).last().map_or(at, |(newline, _)| at + newline + 1);
    Target { at, reach: Reach::Lines }
}

/// `count` lines further up, or the first.
pub(super) fn lines_up(text: &str, at: usize, count: usize) -> Target {
    let newlines = text[..at].rmatch_indices('\n');
    let at = newlines.take(count).last().map_or(at, |(newline, _)| newline);
    Target { at, reach: Reach::Lines }
}

pub(super) fn at_space(text: &str, at: usize) -> bool {
    text[at..].starts_with(char::is_whitespace)
}

/// The first character of the line that is no space.
pub(super) fn first_word(text: &str, at: usize) -> usize {
    let (start, end) = (motion::line_start(text, at), motion::line_end(text, at));
    let line = &text[start..end];
    end - line.trim_start_matches([' ', '\t']).len()
}

fn next_word(text: &str, at: usize, words: Words) -> usize {
    let mut class = None;
    for (offset, grapheme) in text[at..].grapheme_indices(true) {
        let next = words.class(first(grapheme));
        let began = *class.get_or_insert(next);
        if next != Class::Space && (next != began || (next == Class::Chip && offset > 0)) {
            return at + offset;
        }
        if next == Class::Space {
            class = Some(Class::Space);
        }
    }
    text.len()
}

fn previous_word(text: &str, at: usize, words: Words) -> usize {
    let mut found: Option<(usize, Class)> = None;
    for (start, grapheme) in text[..at].grapheme_indices(true).rev() {
        let class = words.class(first(grapheme));
        match found {
            Some((at, of)) if class != of || of == Class::Chip => return at,
            None if class == Class::Space => {}
            _ => found = Some((start, class)),
        }
    }
    found.map_or(0, |(at, _)| at)
}

/// The last character of the word after the character at `at`.
fn word_end(text: &str, at: usize, words: Words) -> usize {
    let from = motion::right(text, at);
    let mut found: Option<(usize, Class)> = None;
    for (offset, grapheme) in text[from..].grapheme_indices(true) {
        let class = words.class(first(grapheme));
        match found {
            Some((at, of)) if class != of || of == Class::Chip => return at,
            None if class == Class::Space => {}
            _ => found = Some((from + offset, class)),
        }
    }
    found.map_or(at, |(at, _)| at)
}

/// The word, or the space, that `at` is in.
pub(super) fn word_at(text: &str, at: usize, words: Words) -> Range<usize> {
    let line_start = motion::line_start(text, at);
    let class = class_at(text, at, words);
    let mut start = at;
    while start > line_start && class_at(text, motion::left(text, start), words) == class {
        start = motion::left(text, start);
    }
    start..end_of(class, text, at, words)
}

/// The same, with the space behind it, or with that before it where there is none.
pub(super) fn word_and_space_at(text: &str, at: usize, words: Words) -> Range<usize> {
    let word = word_at(text, at, words);
    let end = end_of(Some(Class::Space), text, word.end, words);
    if end > word.end {
        return word.start..end;
    }
    let line_start = motion::line_start(text, at);
    let before = text[line_start..word.start].trim_end_matches([' ', '\t']).len();
    line_start + before..word.end
}

/// Where what is of `class` ends, in its line.
fn end_of(class: Option<Class>, text: &str, at: usize, words: Words) -> usize {
    let line_end = motion::line_end(text, at);
    let mut end = at;
    while end < line_end && class_at(text, end, words) == class {
        end = motion::right(text, end);
    }
    end
}

fn class_at(text: &str, at: usize, words: Words) -> Option<Class> {
    text[at..].graphemes(true).next().map(|grapheme| words.class(first(grapheme)))
}
