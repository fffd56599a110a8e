//! A plain text as rows, of which only those are made that are seen: it may have a million lines. Where some of its lines
//! begin is kept, the others are counted from there.

use std::borrow::Cow;
use std::ops::Range;

use ratatui_core::text::Line;

use super::joined::{folded, hits};
use crate::filter::plain;
use crate::width;
use crate::wrap;

/// Of so many lines one is kept.
const STEP: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Text {
    /// As it may be shown.
    text: String,
    columns: usize,
    kept: Vec<Begin>,
    rows: usize,
}

/// Where a line begins.
#[derive(Clone, Copy, Debug)]
struct Begin {
    byte: usize,
    row: usize,
}

/// A row, and what of it is searched.
pub(super) type Row = (Line<'static>, Vec<Range<usize>>);

impl Text {
    pub(super) fn new(text: String) -> Self {
        let harmless = match plain(&text) {
            Cow::Owned(harmless) => Some(harmless),
            Cow::Borrowed(_) => None,
        };
        Self { text: harmless.unwrap_or(text), ..Self::default() }
    }

    /// Breaks it at so many columns.
    pub(super) fn lay(&mut self, columns: usize) {
        let text = std::mem::take(&mut self.text);
        *self = Self { columns, ..Self::default() };
        let (mut begin, mut lines, mut is_plain) = (0, 0, true);
        // A million lines are to take no time: each byte is looked at once.
        for (at, byte) in text.bytes().enumerate() {
            if byte != b'\n' {
                is_plain &= matches!(byte, b' '..=b'~');
                continue;
            }
            self.lay_line(&text, begin..at, lines, is_plain);
            (begin, lines, is_plain) = (at + 1, lines + 1, true);
        }
        if begin < text.len() {
            self.lay_line(&text, begin..text.len(), lines, is_plain);
        }
        self.text = text;
    }

    fn lay_line(&mut self, text: &str, line: Range<usize>, number: usize, is_plain: bool) {
        if number.is_multiple_of(STEP) {
            self.kept.push(Begin { byte: line.start, row: self.rows });
        }
        let is_row = is_plain && line.len() <= self.columns;
        self.rows += if is_row { 1 } else { broken(&text[line], self.columns).1.len() };
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Its last line is not to go on.
    pub(super) fn is_ended(&self) -> bool {
        self.text.ends_with('\n')
    }

    /// The lines from this one on, as they were before they were broken.
    pub(super) fn lines_from(&self, number: usize) -> impl Iterator<Item = &str> {
        let begin = self.kept.get(number / STEP).map_or(self.text.len(), |begin| begin.byte);
        self.text[begin..].lines().skip(number % STEP)
    }

    /// The number of the line with this row, and how far below its beginning that is.
    pub(super) fn line_at(&self, row: usize) -> (usize, usize) {
        let step = self.kept.partition_point(|begin| begin.row <= row).saturating_sub(1);
        let mut number = step * STEP;
        let mut begin = self.kept.get(step).map_or(0, |begin| begin.row);
        for line in self.lines_from(number) {
            let rows = broken(line, self.columns).1.len();
            if row < begin + rows {
                break;
            }
            (number, begin) = (number + 1, begin + rows);
        }
        (number, row - begin)
    }

    /// The row so far below the beginning of this line, or the last of the line.
    pub(super) fn row_at(&self, number: usize, below: usize) -> usize {
        let begin = self.kept.get(number / STEP).map_or(self.rows, |begin| begin.row);
        let lines = self.lines_from(number / STEP * STEP);
        let mut rows = lines.map(|line| broken(line, self.columns).1.len());
        let before: usize = rows.by_ref().take(number % STEP).sum();
        begin + before + below.min(rows.next().map_or(0, |rows| rows - 1))
    }

    /// These rows of it, with what is searched.
    pub(super) fn rows(&self, wanted: Range<usize>, query: &str) -> Vec<Row> {
        let needle = folded(query);
        let before = self.kept.partition_point(|begin| begin.row <= wanted.start);
        let Some(begin) = before.checked_sub(1).and_then(|at| self.kept.get(at)) else {
            return Vec::new();
        };
        let mut at = begin.row;
        let mut rows = Vec::new();
        for line in self.text[begin.byte..].lines() {
            if at >= wanted.end {
                break;
            }
            let (line, ranges) = broken(line, self.columns);
            let found = if at + ranges.len() > wanted.start {
                found_in(&line, &needle)
            } else {
                Vec::new()
            };
            for range in ranges {
                if wanted.contains(&at) {
                    let here = |hit: &Range<usize>| {
                        let (from, to) = (hit.start.max(range.start), hit.end.min(range.end));
                        (from < to).then(|| from - range.start..to - range.start)
                    };
                    let marks = found.iter().filter_map(here).collect();
                    rows.push((Line::raw(line[range.clone()].to_owned()), marks));
                }
                at += 1;
            }
        }
        rows
    }

    /// The row of each hit.
    pub(super) fn hits(&self, query: &str) -> Vec<usize> {
        let needle = folded(query);
        let mut all = Vec::new();
        let mut row = 0;
        for line in self.text.lines() {
            let (line, ranges) = broken(line, self.columns);
            for hit in found_in(&line, &needle) {
                let before = ranges.partition_point(|range| range.end <= hit.start);
                all.push(row + before.min(ranges.len() - 1));
            }
            row += ranges.len();
        }
        all
    }
}

/// The line as it is shown, and its rows.
fn broken(line: &str, columns: usize) -> (Cow<'_, str>, Vec<Range<usize>>) {
    let line = width::expand_tabs(line, 0);
    let rows = wrap::rows(&line, columns);
    (line, rows)
}

/// What is found in a line, whatever the case.
fn found_in(line: &str, needle: &[char]) -> Vec<Range<usize>> {
    if needle.is_empty() {
        return Vec::new();
    }
    if !line.is_ascii() {
        let found = hits(&[&Line::raw(line)], needle, usize::MAX).into_iter().flatten();
        return found.map(|part| part.bytes).collect();
    }
    let is_it = |at: &usize| {
        let there = line.as_bytes()[*at..].iter().take(needle.len());
        there.zip(needle).all(|(byte, c)| char::from(byte.to_ascii_lowercase()) == *c)
    };
    let mut found = Vec::new();
    let mut at = 0;
    while at + needle.len() <= line.len() {
        if is_it(&at) {
            found.push(at..at + needle.len());
            at += needle.len();
        } else {
            at += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_rows_of_it_are_those_that_breaking_all_of_it_makes() {
        let line = |number: usize| match number % 7 {
            0 => String::new(),
            1 => format!("{number}\tgone on {}", "word ".repeat(number % 13)),
            2 => "한글 ".repeat(number % 11),
            3 => "x".repeat(number % 90),
            _ => format!("line {number}"),
        };
        let text: String = (0..400).map(|number| line(number) + "\n").collect();
        for columns in [7, 20, 200] {
            let all: Vec<_> = text
                .lines()
                .map(|line| Line::raw(width::expand_tabs(line, 0).into_owned()))
                .flat_map(|line| wrap::wrap(&line, columns))
                .map(|line| line.to_string())
                .collect();
            let mut laid = Text::new(text.clone());
            laid.lay(columns);
            assert_eq!(laid.len(), all.len());
            for begin in (0..all.len()).step_by(13) {
                let end = (begin + 9).min(all.len());
                let rows = laid.rows(begin..end, "");
                let rows: Vec<_> = rows.iter().map(|(line, _)| line.to_string()).collect();
                assert_eq!(rows, all[begin..end], "{columns}: from {begin}");
            }
            for row in 0..all.len() {
                let (number, below) = laid.line_at(row);
                assert_eq!(laid.row_at(number, below), row, "{columns}");
                assert_eq!(laid.lines_from(number).next(), Some(line(number).as_str()));
            }
            let hits = laid.hits("LINE 39");
            assert_eq!(hits.len(), 5 + usize::from(line(39).starts_with("line")));
            for row in hits {
                let (line, marks) = laid.rows(row..row + 1, "line 39").remove(0);
                let mark = marks[0].clone();
                assert!("line 39".starts_with(&line.to_string()[mark]), "{line}");
            }
        }
    }

    #[test]
    fn of_a_million_lines_few_are_kept() {
        let mut text = Text::new("y\n".repeat(1_000_000));
        text.lay(80);
        assert_eq!((text.len(), text.kept.len()), (1_000_000, 1_000_000 / STEP));
        assert_eq!(text.rows(999_990..1_000_000, "").len(), 10);
    }
}
