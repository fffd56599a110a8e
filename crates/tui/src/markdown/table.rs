//! Tables: columns as wide as their text where it fits, narrower with wrapped cells where it does not, and where even
//! that is too wide, each row as a list of its cells.

use pulldown_cmark::Alignment;
use ratatui_core::{
    style::{Modifier, Style},
    text::{Line, Span},
};

use super::{Rendered, inline::Inline};
use crate::{theme::Theme, width, wrap::room_beside};

/// A column narrower than this is not worth reading.
const MIN_COLUMN: usize = 4;

/// Columns between two cells: a line with a space on either side.
const BETWEEN: usize = 3;

#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) alignments: Vec<Alignment>,
    /// Rows of cells, the head first.
    pub(super) rows: Vec<Vec<Inline>>,
}

impl Table {
    /// Adds the table to `out`, every row behind `prefix`.
    pub(super) fn write(
        &self,
        columns: usize,
        theme: &Theme,
        prefix: &[Span<'static>],
        out: &mut Rendered,
    ) {
        match self.column_widths(room_beside(columns, prefix, &[])) {
            Some(widths) => self.write_grid(&widths, theme, prefix, out),
            None => self.write_records(columns, theme, prefix, out),
        }
    }

    /// How wide each column is within `room`, unless they do not fit.
    fn column_widths(&self, room: usize) -> Option<Vec<usize>> {
        let count = self.rows.first().map_or(0, Vec::len);
        let mut natural = vec![1; count];
        for row in &self.rows {
            for (column, cell) in natural.iter_mut().zip(row) {
                *column = (*column).max(cell.columns());
            }
        }
        let room = room.checked_sub(BETWEEN * count.saturating_sub(1))?;
        if natural.iter().sum::<usize>() <= room {
            return Some(natural);
        }
        // The widest columns give way until all fit.
        let mut sorted = natural.clone();
        sorted.sort_unstable();
        let (mut left, mut limit) = (room, 0);
        for (index, &columns) in sorted.iter().enumerate() {
            limit = left / (count - index);
            if columns > limit {
                break;
            }
            left -= columns;
        }
        (limit >= MIN_COLUMN).then(|| natural.iter().map(|&c| c.min(limit)).collect())
    }

    fn write_grid(
        &self,
        columns: &[usize],
        theme: &Theme,
        prefix: &[Span<'static>],
        out: &mut Rendered,
    ) {
        let wraps = self
            .rows
            .iter()
            .any(|row| row.iter().zip(columns).any(|(cell, &w)| cell.columns() > w));
        let last = self.rows.len().saturating_sub(1);
        for (index, row) in self.rows.iter().enumerate() {
            self.write_row(row, columns, theme, prefix, out);
            if index == 0 || (wraps && index < last) {
                out.lines.push(ruled(columns, theme, prefix));
            }
        }
    }

    fn write_row(
        &self,
        row: &[Inline],
        columns: &[usize],
        theme: &Theme,
        prefix: &[Span<'static>],
        out: &mut Rendered,
    ) {
        let cells: Vec<Rendered> = row
            .iter()
            .zip(columns)
            .map(|(cell, &columns)| {
                let mut rendered = Rendered::default();
                cell.write(columns, &[], &[], &mut rendered);
                rendered
            })
            .collect();
        let height = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or(0);
        let top = out.lines.len();
        for line in 0..height {
            let mut spans = prefix.to_vec();
            let mut at: usize = prefix.iter().map(|s| width::of(&s.content)).sum();
            for (index, (cell, &room)) in cells.iter().zip(columns).enumerate() {
                if index > 0 {
                    spans.push(Span::styled(format!(" {} ", theme.glyphs.vertical), theme.dim));
                    at += BETWEEN;
                }
                let content = cell.lines.get(line).cloned().unwrap_or_default();
                let (before, after) =
                    self.padding(index, room.saturating_sub(line_columns(&content)));
                out.links.extend(cell.links.iter().filter(|link| link.line == line).map(|link| {
                    let columns = link.columns.start + at + before..link.columns.end + at + before;
                    super::Link { line: top + line, columns, ..link.clone() }
                }));
                spans.push(Span::raw(" ".repeat(before)));
                spans.extend(content.spans);
                if index + 1 < cells.len() {
                    spans.push(Span::raw(" ".repeat(after)));
                }
                at += room;
            }
            spans.retain(|span| !span.content.is_empty());
            out.lines.push(spans.into());
        }
    }

    fn padding(&self, column: usize, free: usize) -> (usize, usize) {
        match self.alignments.get(column) {
            Some(Alignment::Right) => (free, 0),
            Some(Alignment::Center) => (free / 2, free - free / 2),
            _ => (0, free),
        }
    }

    fn write_records(
        &self,
        columns: usize,
        theme: &Theme,
        prefix: &[Span<'static>],
        out: &mut Rendered,
    ) {
        let Some((head, rows)) = self.rows.split_first() else { return };
        if rows.is_empty() {
            head.iter().for_each(|cell| cell.write(columns, prefix, prefix, out));
        }
        let mut indented = prefix.to_vec();
        indented.push(Span::raw("  "));
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                out.lines.push(ruled(&[columns.min(8)], theme, prefix));
            }
            for (name, cell) in head.iter().zip(row) {
                name.write(columns, prefix, prefix, out);
                if !cell.is_empty() {
                    cell.write(columns, &indented, &indented, out);
                }
            }
        }
    }
}

/// The style of a table's head.
pub(super) fn head_style() -> Style {
    Modifier::BOLD.into()
}

fn ruled(columns: &[usize], theme: &Theme, prefix: &[Span<'static>]) -> Line<'static> {
    let mut rule = String::new();
    for (index, &columns) in columns.iter().enumerate() {
        if index > 0 {
            rule.push_str(&format!(
                "{h}{c}{h}",
                h = theme.glyphs.horizontal,
                c = theme.glyphs.cross
            ));
        }
        rule.push_str(&theme.glyphs.horizontal.repeat(columns));
    }
    let mut spans = prefix.to_vec();
    spans.push(Span::styled(rule, theme.dim));
    spans.into()
}

fn line_columns(line: &Line<'_>) -> usize {
    line.spans.iter().map(|span| width::of(&span.content)).sum()
}
