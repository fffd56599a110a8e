//! Rows of cells: how much of one is seen, and one that is finished, kept to be written again.

use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::text::{Line, Span};

use std::borrow::Cow;

use super::extent::Extent;
use super::pen::{end_style, put};
use super::target::{link, target_at};
use crate::markdown::Link;
use crate::wrap::wrap;

/// A finished line.
#[derive(Clone, Debug)]
pub(super) struct Said {
    line: Line<'static>,
    /// Of the line.
    links: Vec<Link>,
    pub(super) extent: Extent,
}

impl Said {
    pub(super) fn new(line: &Line<'_>, links: &[Link], extent: Extent) -> Self {
        let owned = |span: &Span<'_>| Span::styled(span.content.to_string(), span.style);
        let spans = line.spans.iter().map(owned).collect();
        let line = Line { spans, style: line.style, alignment: line.alignment };
        Self { line, links: links.to_vec(), extent }
    }

    /// Writes it where the cursor stands, to be broken where the terminal breaks it: on more columns it is whole again.
    pub(super) fn write(&self, bytes: &mut String) {
        let width = self.extent.width();
        let mut row = Buffer::empty(Rect::new(0, 0, width, 1));
        row.set_line(0, 0, &self.line, width);
        let mut pen = Style::reset();
        let mut open: Option<&str> = None;
        let mut x = 0;
        while x < width {
            let cell = &row[(x, 0)];
            let target = target_at(&self.links, x);
            if target != open {
                bytes.push_str(&link(target.unwrap_or_default()));
                open = target;
            }
            put(bytes, cell, &mut pen);
            x += u16::try_from(crate::width::of(cell.symbol())).unwrap_or(1).max(1);
        }
        if open.is_some() {
            bytes.push_str(&link(""));
        }
        end_style(bytes, pen);
        bytes.push_str("\r\n");
    }
}

/// Lines that are wider than so many columns, as they were meant for more, are broken: nothing of them is cut. Where their
/// links would be then is not followed.
pub(super) fn fitting<'a>(
    lines: &'a [Line<'a>],
    links: &'a [Link],
    columns: u16,
) -> (Cow<'a, [Line<'a>]>, Cow<'a, [Link]>) {
    let columns = usize::from(columns);
    let width = |line: &Line<'_>| {
        line.spans.iter().map(|span| crate::width::of(&span.content)).sum::<usize>()
    };
    if lines.iter().all(|line| width(line) <= columns) {
        return (lines.into(), links.into());
    }
    let (mut fitting, mut kept) = (Vec::new(), Vec::new());
    for (index, line) in lines.iter().enumerate() {
        if width(line) > columns {
            fitting.extend(wrap(line, columns));
        } else {
            let of_line = links.iter().filter(|link| link.line == index);
            kept.extend(of_line.map(|link| Link { line: fitting.len(), ..link.clone() }));
            fitting.push(line.clone());
        }
    }
    (fitting.into(), kept.into())
}

/// The columns of a row up to its last cell that is not blank.
pub(super) fn used(buffer: &Buffer, y: u16) -> u16 {
    let width = |x| u16::try_from(crate::width::of(buffer[(x, y)].symbol())).unwrap_or(1);
    last_used(buffer, y).map_or(0, |x| x + width(x))
}

/// The last cell of a row that is not blank.
pub(super) fn last_used(buffer: &Buffer, y: u16) -> Option<u16> {
    let blank = Cell::default();
    (0..buffer.area.width).rev().find(|x| buffer[(*x, y)] != blank)
}

/// Terminals differ about how wide it is: not all of them join what belongs together.
pub(super) fn is_disputed(cell: &Cell) -> bool {
    !cell.symbol().is_ascii() && cell.symbol().chars().nth(1).is_some()
}

/// Row `y` has such a cell before column `end`.
pub(super) fn has_disputed(buffer: &Buffer, y: u16, end: u16) -> bool {
    (0..end.min(buffer.area.width)).any(|x| is_disputed(&buffer[(x, y)]))
}
