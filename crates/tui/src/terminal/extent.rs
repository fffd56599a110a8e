//! How much of a row is not blank, and what a terminal that takes another width makes of it: a wide character that does not
//! fit at the end of a row goes into the next one, and leaves a column.

use ratatui_core::buffer::Buffer;

use super::row::used;

/// The columns of a row up to its last that is not blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    width: usize,
    /// Where wide characters begin, in their order; the last may be what came next, where this is the first part of a row.
    wide: Vec<u16>,
}

/// How many rows a terminal makes of one that was written for another width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fold {
    pub(super) columns: usize,
    /// It breaks rows anew; else it cuts them.
    pub(super) reflows: bool,
}

impl Extent {
    /// Of row `y`.
    pub(super) fn of(cells: &Buffer, y: u16) -> Self {
        let width = used(cells, y);
        let is_wide = |x: &u16| {
            let symbol = cells[(*x, y)].symbol();
            !symbol.is_ascii() && crate::width::of(symbol) > 1
        };
        let wide = (0..width.min(cells.area.width)).filter(is_wide).collect();
        Self { width: usize::from(width), wide }
    }

    pub(super) fn width(&self) -> u16 {
        u16::try_from(self.width).unwrap_or(u16::MAX)
    }

    /// Nothing is seen of it.
    pub(super) fn is_empty(&self) -> bool {
        self.width == 0
    }

    /// The rows that a terminal makes of it.
    pub(super) fn rows(&self, fold: Fold) -> usize {
        if fold.reflows { 1 + self.breaks(fold.columns).count() } else { 1 }
    }

    /// It ends where a row ends.
    pub(super) fn fills_rows(&self, columns: usize) -> bool {
        let last = self.breaks(columns).last().unwrap_or(0);
        self.width == 0 || self.end(last + columns) <= self.width
    }

    /// The row among them that `column` is in.
    pub(super) fn row_of(&self, column: usize, fold: Fold) -> usize {
        if fold.reflows {
            self.breaks(fold.columns).take_while(|begin| *begin <= column).count()
        } else {
            0
        }
    }

    /// So many of the rows that a terminal makes of it.
    pub(super) fn first(&self, rows: usize, fold: Fold) -> Self {
        let end = match rows.checked_sub(1) {
            None => 0,
            Some(last) if fold.reflows => self.breaks(fold.columns).nth(last).unwrap_or(self.width),
            Some(_) => self.width,
        };
        let wide = self.wide.iter().take_while(|x| usize::from(**x) <= end).copied().collect();
        Self { width: end, wide }
    }

    /// Cut at this width.
    pub(super) fn cut(&mut self, columns: usize) {
        if columns < self.width {
            self.width = self.end(columns);
            let end = self.width;
            self.wide.retain(|x| usize::from(*x) < end);
        }
    }

    /// Where a row ends that could reach to `column`.
    fn end(&self, column: usize) -> usize {
        let is_cut = column > 0
            && u16::try_from(column - 1).is_ok_and(|x| self.wide.binary_search(&x).is_ok());
        if is_cut { column - 1 } else { column }
    }

    /// Where the second row begins, and those after it.
    fn breaks(&self, columns: usize) -> impl Iterator<Item = usize> {
        // On one column a wide character is cut.
        let next = move |begin: &usize| Some(self.end(begin + columns).max(begin + 1));
        std::iter::successors(next(&0), next).take_while(|begin| *begin < self.width)
    }
}

#[cfg(test)]
mod tests {
    use ratatui_core::layout::Rect;
    use ratatui_core::style::Style;

    use super::*;

    fn extent(text: &str) -> Extent {
        let mut cells = Buffer::empty(Rect::new(0, 0, 40, 1));
        cells.set_string(0, 0, text, Style::new());
        Extent::of(&cells, 0)
    }

    #[test]
    fn a_wide_character_that_does_not_fit_goes_into_the_next_row() {
        let fold = |columns| Fold { columns, reflows: true };
        for (text, columns, rows) in [
            ("", 4, 1),
            ("abcd", 4, 1),
            ("abcde", 4, 2),
            ("한글한글", 4, 2),
            ("a한글한글", 4, 3),
            ("a한글한글", 5, 2),
            ("a한글한글", 3, 4),
            ("한글", 1, 4),
        ] {
            assert_eq!(extent(text).rows(fold(columns)), rows, "{text} on {columns}");
            assert_eq!(extent(text).rows(Fold { columns, reflows: false }), 1);
        }
        let mixed = extent("a한글한글");
        let rows: Vec<_> = [0, 2, 3, 6, 7, 8].map(|column| mixed.row_of(column, fold(4))).into();
        assert_eq!(rows, [0, 0, 1, 1, 2, 2]);
        for (rows, width) in [(1, 3), (2, 7), (3, 9)] {
            let first = mixed.first(rows, fold(4));
            assert_eq!((first.rows(fold(4)), first.width()), (rows, width));
            assert_eq!(first.fills_rows(4), rows < 3, "as a wide one came next");
        }
        assert_eq!(mixed.first(9, fold(4)), mixed);
        assert!(mixed.first(0, fold(4)).is_empty());
        let mut cut = mixed;
        cut.cut(6);
        assert_eq!(cut, extent("a한글"), "half of one is not shown");
        assert!(extent("한글한글").fills_rows(4) && !extent("한글한").fills_rows(4));
    }
}
