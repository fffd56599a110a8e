//! Rows that were one text before they were broken at the edge, and what is found in that text. Which rows these are is seen
//! of how full they are: the first word of the next had no room.

use std::ops::Range;

use ratatui_core::text::Line;

use crate::width;

/// So many rows are taken for one text at most.
pub(super) const MAX_JOINED: usize = 1000;

/// A hit within a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The index of the row.
    pub(super) row: usize,
    pub(super) bytes: Range<usize>,
}

/// How two rows were one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Joint {
    /// So many bytes at the beginning of the second are its indentation, not text.
    indent: usize,
    /// Nothing may have stood between them, not even a space.
    tight: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Letter { letter: char, part: Part },
    Break { tight: bool },
}

/// As it is compared.
pub(super) fn folded(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The second row goes on with the text of the first.
pub(super) fn are_joined(row: &Line<'_>, next: &Line<'_>, columns: usize) -> bool {
    joint(&row.to_string(), &next.to_string(), columns).is_some()
}

fn joint(row: &str, next: &str, columns: usize) -> Option<Joint> {
    let is_margin = |c: char| matches!(c, ' ' | '▌' | '|');
    let margin = |text: &str| text.len() - text.trim_start_matches(is_margin).len();
    let blank = |text: &str| text.len() - text.trim_start().len();
    // What stands at the edge of each row of a quote.
    let is_quoted = row[..margin(row)].trim() == next[..margin(next)].trim();
    let indent = if is_quoted { margin(next) } else { blank(next) };
    let (text, rest) = (row.trim_end(), next[indent..].trim_end());
    let word = rest.split_whitespace().next()?;
    let (last, first) = (text.chars().next_back()?, word.chars().next()?);
    let used = width::of(text);
    let wide = |c: char| width::of(c.encode_utf8(&mut [0; 4])) > 1;
    let is_full = used + 1 + width::of(word) > columns;
    let tight = used >= columns || wide(last) || wide(first);
    is_full.then_some(Joint { indent, tight })
}

/// What is found in these rows, the parts of each hit in their order.
pub(super) fn hits(rows: &[&Line<'_>], needle: &[char], columns: usize) -> Vec<Vec<Part>> {
    let mut found = Vec::new();
    if needle.is_empty() {
        return found;
    }
    let mut pieces = Vec::new();
    let mut before: Option<String> = None;
    let mut joined = 0;
    for (row, line) in rows.iter().enumerate() {
        let text = line.to_string();
        let joint = before.as_deref().and_then(|before| joint(before, &text, columns));
        let joint = joint.filter(|_| joined < MAX_JOINED);
        joined = if joint.is_some() { joined + 1 } else { 0 };
        match joint {
            Some(Joint { tight, .. }) => pieces.push(Piece::Break { tight }),
            None => search(&std::mem::take(&mut pieces), needle, &mut found),
        }
        spell(&text, joint.map_or(0, |joint| joint.indent), row, &mut pieces);
        before = Some(text);
    }
    search(&pieces, needle, &mut found);
    found
}

/// Adds the letters of a row.
fn spell(text: &str, indent: usize, row: usize, pieces: &mut Vec<Piece>) {
    for (at, c) in text[indent..].char_indices().map(|(at, c)| (indent + at, c)) {
        let part = Part { row, bytes: at..at + c.len_utf8() };
        let letters = c.to_lowercase();
        pieces.extend(letters.map(|letter| Piece::Letter { letter, part: part.clone() }));
    }
}

fn search(pieces: &[Piece], needle: &[char], found: &mut Vec<Vec<Part>>) {
    let mut at = 0;
    while at < pieces.len() {
        match hit_at(&pieces[at..], needle) {
            Some(len) => {
                found.push(parts(&pieces[at..at + len]));
                at += len;
            }
            None => at += 1,
        }
    }
}

/// How many pieces make up what is searched, if they begin with it.
fn hit_at(pieces: &[Piece], needle: &[char]) -> Option<usize> {
    let (mut at, mut wanted) = (0, 0);
    while wanted < needle.len() {
        match pieces.get(at)? {
            Piece::Letter { letter, .. } if *letter == needle[wanted] => wanted += 1,
            Piece::Letter { .. } => return None,
            Piece::Break { .. } if at == 0 => return None,
            Piece::Break { tight } => {
                let spaces = needle[wanted..].iter().take_while(|c| **c == ' ').count();
                if spaces == 0 && !tight {
                    return None;
                }
                wanted += spaces;
            }
        }
        at += 1;
    }
    Some(at)
}

fn parts(pieces: &[Piece]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for piece in pieces {
        let Piece::Letter { part, .. } = piece else { continue };
        match parts.last_mut() {
            Some(last) if last.row == part.row => last.bytes.end = part.bytes.end,
            _ => parts.push(part.clone()),
        }
    }
    parts
}
