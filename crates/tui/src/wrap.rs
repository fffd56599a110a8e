//! Breaks styled text into rows of a width: at words, between ideographs, and within a word only where it is longer
//! than a row; never within a grapheme. What the text means is the caller's business.

use std::ops::Range;

use ratatui_core::{
    style::Style,
    text::{Line, Span},
};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::width;

/// Breaks `line` into rows of at most `columns`. Spaces at a break are left out, tabs become spaces.
pub fn wrap(line: &Line<'_>, columns: usize) -> Vec<Line<'static>> {
    let mut text = Styled::default();
    for span in &line.spans {
        text.push(&span.content, span.style);
    }
    let mut rows = text.wrap(columns, &[], &[]);
    for row in &mut rows {
        row.style = line.style;
        row.alignment = line.alignment;
    }
    rows
}

/// Text in runs of one style each, without line breaks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Styled {
    text: String,
    /// Where each run ends, and its style.
    runs: Vec<(usize, Style)>,
}

impl Styled {
    /// `text` in one style.
    pub fn new(text: &str, style: Style) -> Self {
        let mut styled = Self::default();
        styled.push(text, style);
        styled
    }

    /// Adds `text`: tabs as spaces, other control characters left out.
    pub fn push(&mut self, text: &str, style: Style) {
        if text.contains('\t') {
            let column = width::of(&self.text);
            let expanded = width::expand_tabs(text, column).into_owned();
            self.push(&expanded, style);
            return;
        }
        if text.contains(char::is_control) {
            self.text.extend(text.chars().filter(|c| !c.is_control()));
        } else {
            self.text.push_str(text);
        }
        match self.runs.last_mut() {
            Some((end, last)) if *last == style => *end = self.text.len(),
            _ => self.runs.push((self.text.len(), style)),
        }
    }

    /// The text without its styles.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A part of the text as spans.
    pub fn spans(&self, range: Range<usize>) -> Vec<Span<'static>> {
        let mut spans = Vec::new();
        let mut start = range.start;
        let first = self.runs.partition_point(|&(end, _)| end <= range.start);
        for &(end, style) in &self.runs[first..] {
            if start >= range.end {
                break;
            }
            let end = end.min(range.end);
            spans.push(Span::styled(self.text[start..end].to_owned(), style));
            start = end;
        }
        spans
    }

    /// The whole text as one line.
    pub fn line(&self) -> Line<'static> {
        Line::from(self.spans(0..self.text.len()))
    }

    /// The ranges of rows that are full, without regard to words: for code.
    pub fn cut(&self, columns: usize) -> Vec<Range<usize>> {
        let mut cuts = Vec::new();
        let mut start = 0;
        while start < self.text.len() {
            let rest = &self.text[start..];
            let first = rest.graphemes(true).next().map_or(0, str::len);
            let end = start + width::head(rest, columns).len().max(first);
            cuts.push(start..end);
            start = end;
        }
        cuts
    }

    /// Rows of at most `columns`, the first behind `first`, the others behind `rest`.
    pub fn wrap(
        &self,
        columns: usize,
        first: &[Span<'static>],
        rest: &[Span<'static>],
    ) -> Vec<Line<'static>> {
        let room = room_beside(columns, first, rest);
        let rows = rows(&self.text, room);
        let prefixes = std::iter::once(first).chain(std::iter::repeat(rest));
        rows.into_iter()
            .zip(prefixes)
            .map(|(row, prefix)| {
                let mut spans = prefix.to_vec();
                spans.extend(self.spans(row));
                Line::from(spans)
            })
            .collect()
    }
}

/// The columns left beside the wider of two prefixes.
pub(crate) fn room_beside(columns: usize, first: &[Span<'_>], rest: &[Span<'_>]) -> usize {
    let used = |prefix: &[Span<'_>]| prefix.iter().map(|s| width::of(&s.content)).sum::<usize>();
    columns.saturating_sub(used(first).max(used(rest))).max(1)
}

/// The byte ranges of the rows of `text`, which is one line without tabs; at least one. Spaces at a break belong to
/// no row.
pub fn rows(text: &str, columns: usize) -> Vec<Range<usize>> {
    if text.len() <= columns && text.is_ascii() {
        return std::iter::once(0..text.len()).collect();
    }
    let atoms: Vec<Atom> = if text.is_ascii() {
        (0..text.len()).map(|at| Atom::new(&text[at..=at])).collect()
    } else {
        text.graphemes(true).map(Atom::new).collect()
    };
    let mut rows = Vec::new();
    let mut offset = 0;
    for row in fill(&atoms, columns) {
        let end = offset + atoms[row.clone()].iter().map(|atom| atom.len).sum::<usize>();
        let last = row.end == atoms.len();
        rows.push(offset..visible_end(text, offset..end, columns, last));
        offset = end;
    }
    rows
}

/// Where a row ends without the spaces that hang over its edge.
fn visible_end(text: &str, row: Range<usize>, columns: usize, last: bool) -> usize {
    let whole = &text[row.clone()];
    let trimmed = whole.trim_end_matches([' ', '\u{3000}']);
    if !last || width::of(trimmed) >= columns {
        return row.start + trimmed.len();
    }
    row.start + width::head(whole, columns).len()
}

/// What is never broken: a grapheme, or a chip of the composer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atom {
    /// Its bytes in the source.
    pub(crate) len: usize,
    pub(crate) columns: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A row may end after it, and it may hang over the edge.
    Space,
    /// Part of a word.
    Letter,
    /// A row may end on either side of it.
    Ideograph,
    /// It stays with what follows.
    Opening { wide: bool },
    /// It stays with what precedes.
    Closing { wide: bool },
}

impl Atom {
    pub(crate) fn new(grapheme: &str) -> Self {
        if let [b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'] = grapheme.as_bytes() {
            return Self { len: 1, columns: 1, kind: Kind::Letter };
        }
        let columns = width::of_grapheme(grapheme);
        Self { len: grapheme.len(), columns, kind: Kind::of(grapheme, columns) }
    }

    /// What takes `columns` and stands in the source for `len` bytes.
    pub(crate) fn chip(len: usize, columns: usize) -> Self {
        Self { len, columns, kind: Kind::Ideograph }
    }
}

impl Kind {
    fn of(grapheme: &str, columns: usize) -> Self {
        let wide = columns > 1;
        if matches!(grapheme, " " | "\t" | "\u{3000}") {
            return Self::Space;
        }
        match grapheme.chars().next() {
            Some(
                '(' | '[' | '{' | '“' | '‘' | '（' | '［' | '｛' | '「' | '『' | '【' | '《' | '〈'
                | '〔',
            ) => Self::Opening { wide },
            Some(
                ')' | ']' | '}' | ',' | '.' | '!' | '?' | ':' | ';' | '”' | '’' | '…' | '、' | '。'
                | '，' | '．' | '！' | '？' | '：' | '；' | '）' | '］' | '｝' | '」' | '』' | '】'
                | '》' | '〉' | '〕' | '・' | 'ー' | '～' | '々' | 'ぁ' | 'ぃ' | 'ぅ' | 'ぇ' | 'ぉ'
                | 'っ' | 'ゃ' | 'ゅ' | 'ょ' | 'ァ' | 'ィ' | 'ゥ' | 'ェ' | 'ォ' | 'ッ' | 'ャ' | 'ュ'
                | 'ョ',
            ) => Self::Closing { wide },
            // Korean separates its words by spaces.
            Some('\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{a960}'..='\u{d7ff}') => {
                Self::Letter
            }
            _ if wide => Self::Ideograph,
            _ => Self::Letter,
        }
    }

    fn is_wide(self) -> bool {
        matches!(
            self,
            Self::Ideograph | Self::Opening { wide: true } | Self::Closing { wide: true }
        )
    }

    /// A row may end between this and `next`.
    fn breaks_before(self, next: Self) -> bool {
        match (self, next) {
            (_, Self::Space) => false,
            (Self::Space, _) => true,
            (Self::Opening { .. }, _) | (_, Self::Closing { .. }) => false,
            _ => self.is_wide() || next.is_wide(),
        }
    }
}

/// Distributes atoms over rows of `columns`; at least one row. Spaces stay at the end of their row, and hang.
pub(crate) fn fill(atoms: &[Atom], columns: usize) -> Vec<Range<usize>> {
    let columns = columns.max(1);
    let mut rows = Vec::new();
    let (mut start, mut used) = (0, 0);
    // Where the row could end, and the columns used up to there.
    let mut chance = (0, 0);
    for (index, atom) in atoms.iter().enumerate() {
        if index > start && atoms[index - 1].kind.breaks_before(atom.kind) {
            chance = (index, used);
        }
        if atom.kind != Kind::Space && used + atom.columns > columns && index > start {
            let (end, before) = if chance.0 > start { chance } else { (index, used) };
            rows.push(start..end);
            used -= before;
            start = end;
            // What moved down can fill the row so that this no longer fits.
            if used + atom.columns > columns && index > start {
                rows.push(start..index);
                (start, used) = (index, 0);
            }
        }
        used += atom.columns;
    }
    rows.push(start..atoms.len());
    rows
}

#[cfg(test)]
mod tests;
