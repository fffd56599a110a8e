//! The text in rows: where the cursor stands, and what is above or below it.

use std::{borrow::Cow, ops::Range};

use ratatui_core::{
    buffer::Buffer as Cells,
    layout::{Position, Rect},
    style::{Modifier, Style},
};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{
    chip::{Chips, is_chip},
    motion,
};
use crate::{
    theme::Theme,
    view, width,
    wrap::{Atom, fill},
};

/// On fewer rows nothing is said of those that are not seen: the text needs them all.
const LEAST_MARKED: usize = 3;

/// Rows of a text, of the bytes they hold.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    text: &'a str,
    chips: &'a Chips,
    columns: usize,
    rows: Vec<Row>,
    /// Stands out.
    selected: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    start: usize,
    /// Before the line break, if that ends it.
    end: usize,
    /// It goes on in the next row.
    soft: bool,
}

impl<'a> Layout<'a> {
    /// Breaks `text` into rows of `columns`, of which the last is kept for the cursor.
    pub(super) fn new(text: &'a str, chips: &'a Chips, columns: usize) -> Self {
        let mut layout = Self { text, chips, columns, rows: Vec::new(), selected: 0..0 };
        let mut start = 0;
        for line in text.split('\n') {
            layout.break_line(start, line);
            start += line.len() + 1;
        }
        layout
    }

    /// These bytes stand out.
    pub(super) fn selecting(self, selected: Range<usize>) -> Self {
        Self { selected, ..self }
    }

    fn break_line(&mut self, start: usize, line: &str) {
        let atoms: Vec<Atom> = line
            .graphemes(true)
            .map(|grapheme| match self.shown(grapheme) {
                Cow::Borrowed(shown) => Atom::new(shown),
                Cow::Owned(shown) => Atom::chip(grapheme.len(), width::of(&shown)),
            })
            .collect();
        let mut at = start;
        let rows = fill(&atoms, self.columns.saturating_sub(1));
        let last = rows.len() - 1;
        for (index, row) in rows.into_iter().enumerate() {
            let end = at + atoms[row].iter().map(|atom| atom.len).sum::<usize>();
            self.rows.push(Row { start: at, end, soft: index < last });
            at = end;
        }
    }

    /// What is seen of a grapheme: borrowed when it is itself.
    fn shown<'g>(&self, grapheme: &'g str) -> Cow<'g, str> {
        let c = motion::first(grapheme);
        if is_chip(c) {
            return Cow::Owned(self.chips.label(c).unwrap_or("[?]").to_owned());
        }
        if grapheme != "\t" && width::of_grapheme(grapheme) == 0 {
            return Cow::Owned(
                grapheme.chars().map(|c| format!("<U+{:04X}>", u32::from(c))).collect(),
            );
        }
        Cow::Borrowed(grapheme)
    }

    fn columns_of(&self, grapheme: &str) -> usize {
        width::of(&self.shown(grapheme))
    }

    pub(super) fn height(&self) -> usize {
        self.rows.len()
    }

    /// The row and column of an offset.
    pub(super) fn locate(&self, offset: usize) -> (usize, usize) {
        let index = self.rows.partition_point(|row| row.start <= offset).saturating_sub(1);
        let start = self.rows[index].start;
        let column: usize =
            self.text[start..offset].graphemes(true).map(|g| self.columns_of(g)).sum();
        (index, column.min(self.columns.saturating_sub(1)))
    }

    /// The offset in row `index` that is nearest to `column` from the left.
    pub(super) fn offset(&self, index: usize, column: usize) -> usize {
        let Some(row) = self.rows.get(index) else { return self.text.len() };
        let mut used = 0;
        for (at, grapheme) in self.text[row.start..row.end].grapheme_indices(true) {
            used += self.columns_of(grapheme);
            if used > column {
                return row.start + at;
            }
        }
        // The end of a row that goes on is the beginning of the next.
        if row.soft { motion::left(self.text, row.end) } else { row.end }
    }

    /// Draws the rows around the cursor into `area` and says where the cursor is. What is above or below is told by a mark
    /// in place of a row, where there are rows to spare.
    pub(super) fn draw(
        &self,
        cursor: usize,
        area: Rect,
        cells: &mut Cells,
        theme: &Theme,
    ) -> Position {
        let (row, column) = self.locate(cursor);
        let height = usize::from(area.height.max(1));
        let top = self.top(row, height);
        for (y, row) in (area.y..area.bottom()).zip(&self.rows[top..]) {
            self.draw_row(*row, y, area, cells, theme);
        }
        if height >= LEAST_MARKED {
            let below = self.height().saturating_sub(top + height);
            if top > 0 {
                draw_mark(theme.glyphs.up, top + 1, area.y, area, cells, theme);
            }
            if below > 0 {
                draw_mark(theme.glyphs.down, below + 1, area.bottom() - 1, area, cells, theme);
            }
        }
        let offset = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let right = area.right().saturating_sub(1).max(area.x);
        Position {
            x: area.x.saturating_add(offset(column)).min(right),
            y: area.y.saturating_add(offset(row - top)),
        }
    }

    /// The first row that is drawn, so that the cursor's is, and is under no mark.
    fn top(&self, row: usize, height: usize) -> usize {
        let marks_below = usize::from(height >= LEAST_MARKED);
        let top = (row + 1 + marks_below).saturating_sub(height);
        top.min(self.height().saturating_sub(height))
    }

    fn draw_row(&self, row: Row, y: u16, area: Rect, cells: &mut Cells, theme: &Theme) {
        let mut x = area.x;
        for (offset, grapheme) in self.text[row.start..row.end].grapheme_indices(true) {
            let room = usize::from(area.right().saturating_sub(x));
            let shown = self.shown(grapheme);
            let style = match shown {
                Cow::Owned(_) => theme.accent,
                Cow::Borrowed(_) => Style::new(),
            };
            let is_selected = self.selected.contains(&(row.start + offset));
            let style = if is_selected { style.add_modifier(Modifier::REVERSED) } else { style };
            let text = if grapheme == "\t" { "    " } else { shown.as_ref() };
            (x, _) = cells.set_stringn(x, y, text, room, style);
        }
    }
}

/// Says in row `y` how many rows are not seen.
fn draw_mark(sign: &str, rows: usize, y: u16, area: Rect, cells: &mut Cells, theme: &Theme) {
    let row = Rect { y, height: 1, ..area };
    for at in row.positions() {
        cells[at].reset();
    }
    let text = format!("{sign} {} more", view::grouped(rows as u64));
    cells.set_stringn(area.x, y, text, usize::from(area.width), theme.dim);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(text: &str, columns: usize) -> Vec<(usize, usize)> {
        let chips = Chips::default();
        let layout = Layout::new(text, &chips, columns);
        text.grapheme_indices(true)
            .map(|(at, _)| at)
            .chain([text.len()])
            .map(|at| layout.locate(at))
            .collect()
    }

    #[test]
    fn the_cursor_stands_where_the_text_is() {
        assert_eq!(positions("", 10), [(0, 0)]);
        assert_eq!(positions("한a", 10), [(0, 0), (0, 2), (0, 3)]);
        assert_eq!(positions("ab cd", 4), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
        assert_eq!(positions("a\n", 4), [(0, 0), (0, 1), (1, 0)]);
        assert_eq!(positions("\tx", 10), [(0, 0), (0, 4), (0, 5)]);
        // What fills a row leaves the cursor its column.
        assert_eq!(positions("abc", 4).last(), Some(&(0, 3)));
        assert_eq!(positions("abcd", 4).last(), Some(&(1, 1)));
        assert_eq!(positions("abc   ", 4).last(), Some(&(0, 3)));
        assert_eq!(positions("a\u{200b}b", 20), [(0, 0), (0, 1), (0, 9), (0, 10)]);
    }

    #[test]
    fn up_and_down_keep_their_column() {
        let chips = Chips::default();
        let layout = Layout::new("abcdef\n한글\nx", &chips, 20);
        assert_eq!(layout.offset(0, 3), 3);
        assert_eq!(layout.offset(1, 3), 10);
        assert_eq!(layout.offset(1, 9), 13);
        assert_eq!(layout.offset(2, 9), 15);
        let soft = Layout::new("aaa bbb", &chips, 5);
        assert_eq!(soft.offset(0, 9), 3);
        assert_eq!(soft.offset(1, 9), 7);
    }
}
