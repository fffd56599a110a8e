//! The inline terminal: finished lines go once into the terminal's own scrollback, and below them a region is redrawn
//! in place, only where it changed, inside synchronized updates. Every move is relative to the region; where that is
//! has to be known only when the terminal takes another size, and then the terminal says it.

mod above;
mod extent;
mod pen;
mod row;
mod target;

use std::io::{self, Write};

use crossterm::Command;
use crossterm::cursor::{Hide, MoveToColumn, MoveUp, Show};
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_core::text::Line;

use crate::markdown::Link;
use above::{Above, Rebuilt, Upper};
use extent::{Extent, Fold};
use pen::{end_style, put};
use row::{Said, fitting, has_disputed, is_disputed, last_used, used};
use target::{link, target_at};

/// Moving fewer rows than this costs more than writing them.
const WORTH_A_SCROLL: usize = 3;

/// Where the cursor is, and where it would be in the last cell.
const QUESTION: &str = "\x1b[6n\x1b7\x1b[9999;9999H\x1b[6n\x1b8";

/// A row is not broken, whatever the width has become meanwhile: what is drawn takes the rows it is meant to take.
const WRAP_OFF: &str = "\x1b[?7l";
const WRAP_ON: &str = "\x1b[?7h";

/// The bottom of the terminal, drawn on `W`.
#[derive(Debug)]
pub struct Inline<W> {
    out: W,
    columns: u16,
    rows: u16,
    /// What is on the screen.
    shown: Buffer,
    /// The row of the region and the column where the terminal's cursor stands.
    cursor: (usize, u16),
    is_cursor_hidden: bool,
    /// Of what is on the screen.
    links: Vec<Link>,
    above: Above,
    /// The terminal breaks its lines anew when it becomes narrower, as all but a few do.
    reflows: bool,
}

/// The rows that are redrawn, as they are to look.
#[derive(Debug)]
pub struct Region {
    pub cells: Buffer,
    /// Of its rows, in their order.
    pub links: Vec<Link>,
    /// None hides it.
    pub cursor: Option<Position>,
}

impl<W: Write> Inline<W> {
    /// A region of no rows where the cursor stands, at the beginning of a line.
    pub fn new(out: W, columns: u16, rows: u16, reflows: bool) -> Self {
        Self {
            out,
            columns,
            rows,
            shown: Buffer::empty(Rect::default()),
            cursor: (0, 0),
            is_cursor_hidden: false,
            links: Vec::new(),
            above: Above::default(),
            reflows,
        }
    }

    /// The terminal has another size, and so many rows above the cursor, if that is known: what is drawn next begins
    /// where the region does now. A terminal that became lower has moved rows of the region out of reach, if there are
    /// more of them than rows; they go when they can be reached again.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn resize(&mut self, columns: u16, rows: u16, above: Option<u16>) -> io::Result<()> {
        let fold = self.fold(columns);
        let Rebuilt { up, again } = self.above.rebuild(self.upper(), fold, above.map(usize::from));
        let mut bytes = String::from('\r');
        up_by(&mut bytes, up);
        clear_below(&mut bytes, rows);
        (self.columns, self.rows) = (columns, rows);
        self.forget_region();
        if !again.is_empty() {
            bytes.push_str(WRAP_ON);
            again.iter().for_each(|said| said.write(&mut bytes));
        }
        if above.is_some() {
            self.above.ask_about_cleared(up);
            bytes.push_str(QUESTION);
        }
        self.write(&bytes)
    }

    /// The terminal has this size, nothing on it, and the cursor at its beginning.
    pub fn restart(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns, rows);
        self.forget();
    }

    /// Something else was written since: the region begins anew where the cursor stands.
    pub fn forget(&mut self) {
        self.above.forget();
        self.forget_region();
    }

    fn forget_region(&mut self) {
        self.shown = Buffer::empty(Rect::default());
        self.links.clear();
        self.cursor = (0, 0);
        self.is_cursor_hidden = false;
    }

    /// Asks where the cursor is and how large the terminal is.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn ask(&mut self) -> io::Result<()> {
        self.above.ask(None, 0);
        self.write(QUESTION)
    }

    /// Questions that have no answer yet.
    pub fn asked(&self) -> usize {
        self.above.asked()
    }

    /// No more answers will come.
    pub fn give_up(&mut self) {
        self.above.give_up();
    }

    /// The terminal has this size, and has done all before the first question that has no answer yet.
    pub fn answered(&mut self, columns: u16, rows: u16) {
        let fold = self.fold(columns);
        self.above.arrived(fold, rows, self.columns);
    }

    fn fold(&self, columns: u16) -> Fold {
        Fold { columns: usize::from(columns), reflows: self.reflows }
    }

    /// Something else has shown the cursor since.
    pub fn cursor_was_shown(&mut self) {
        self.is_cursor_hidden = false;
    }

    /// Nothing more is drawn, and the terminal goes on with its cursor.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn end(mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_cursor_hidden) { self.write("") } else { Ok(()) }
    }

    fn upper(&self) -> Upper {
        let extent = |y| Extent::of(&self.shown, y);
        let (row, column) = self.cursor;
        let height = self.shown.area.height;
        let own = u16::try_from(row).ok().filter(|row| *row < height);
        Upper {
            rows: (0..height).take(row).map(extent).collect(),
            own: own.map(extent).unwrap_or_default(),
            column: usize::from(column),
        }
    }

    /// Writes `finished` with its `links` above the region, and makes the region look like `next`.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, finished: &[Line<'_>], links: &[Link], next: Region) -> io::Result<()> {
        let (finished, links) = &fitting(finished, links, self.columns);
        let bytes = self.frame(finished, links, next);
        self.above.go_on(finished.len());
        bytes.map_or(Ok(()), |bytes| self.write(&bytes))
    }

    /// The same, and if that is anything to do, the terminal is asked what came of it.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw_and_ask(
        &mut self,
        finished: &[Line<'_>],
        links: &[Link],
        next: Region,
    ) -> io::Result<()> {
        let before = self.upper();
        let (finished, links) = &fitting(finished, links, self.columns);
        let Some(mut bytes) = self.frame(finished, links, next) else {
            self.above.stands_already(finished.len());
            return Ok(());
        };
        self.above.ask(Some(before), finished.len());
        bytes.push_str(QUESTION);
        self.write(&bytes)
    }

    /// What has to be written for it, if anything.
    fn frame(&mut self, finished: &[Line<'_>], mut links: &[Link], next: Region) -> Option<String> {
        let Region { cells: next, links: next_links, cursor } = next;
        let mut bytes = String::new();
        if finished.is_empty() {
            self.scroll(&mut bytes, &next);
        }
        for (index, line) in finished.iter().enumerate() {
            let mut row = Buffer::empty(Rect::new(0, 0, self.columns, 1));
            row.set_line(0, 0, line, self.columns);
            let of_line = links.iter().take_while(|link| link.line <= index).count();
            self.put(&mut bytes, index, &row, 0, &links[..of_line]);
            self.above.push(Said::new(line, &links[..of_line], Extent::of(&row, 0)));
            links = &links[of_line..];
        }
        let top = finished.len();
        for y in 0..next.area.height {
            let line = usize::from(y);
            let from = next_links.partition_point(|link| link.line < line);
            let to = next_links.partition_point(|link| link.line <= line);
            self.put(&mut bytes, top + line, &next, y, &next_links[from..to]);
        }
        let end = top + usize::from(next.area.height);
        if end < usize::from(self.shown.area.height) {
            self.go(&mut bytes, (end, 0));
            clear_below(&mut bytes, self.rows);
        }
        let is_hidden = std::mem::replace(&mut self.is_cursor_hidden, cursor.is_none());
        let is_as_before = is_hidden == self.is_cursor_hidden;
        let cursor = cursor.unwrap_or_else(|| end_of(&next, self.columns));
        self.go(&mut bytes, (top + usize::from(cursor.y), cursor.x));
        self.cursor = (usize::from(cursor.y), cursor.x);
        (self.shown, self.links) = (next, next_links);
        (!bytes.is_empty() || !is_as_before).then_some(bytes)
    }

    /// Moves rows that stand higher in `next` there, and leaves those below them where they are: text that scrolls is
    /// not written again.
    fn scroll(&mut self, bytes: &mut String, next: &Buffer) {
        let Rect { width, height, .. } = next.area;
        if self.shown.area != next.area {
            return;
        }
        let row = |buffer: &Buffer, y: u16| {
            let start = usize::from(y) * usize::from(width);
            start..(start + usize::from(width)).min(buffer.content.len())
        };
        let same = |shown: u16, y: u16| {
            self.shown.content[row(&self.shown, shown)] == next.content[row(next, y)]
        };
        // Of blank rows there are many alike.
        let worth =
            |rows: &mut dyn Iterator<Item = u16>| rows.filter(|y| used(next, *y) > 0).count();
        let in_place = worth(&mut (0..height).filter(|y| same(*y, *y)));
        let moved = |by: u16| (0..height - by).take_while(move |y| same(y + by, *y));
        let best = (1..height).max_by_key(|by| worth(&mut moved(*by)));
        let Some(by) = best.filter(|by| worth(&mut moved(*by)) >= in_place + WORTH_A_SCROLL) else {
            return;
        };
        let rows = moved(by).count();
        self.go(bytes, (0, 0));
        bytes.push_str(&format!("\x1b[{by}M"));
        self.go(bytes, (rows, 0));
        bytes.push_str(&format!("\x1b[{by}L"));
        let (by, width) = (usize::from(by), usize::from(width));
        let moved = &mut self.shown.content[..(by + rows) * width];
        moved.rotate_left(by * width);
        moved[rows * width..].fill(Cell::default());
        self.links.retain(|link| link.line >= by);
        self.links.iter_mut().filter(|link| link.line < by + rows).for_each(|link| link.line -= by);
    }

    /// Where the cell that is shown there leads.
    fn shown_target(&self, row: usize, x: u16) -> Option<&str> {
        let from = self.links.partition_point(|link| link.line < row);
        let of_row = self.links[from..].iter().take_while(|link| link.line == row);
        target_at(of_row, x)
    }

    /// Writes row `y` of `cells` into row `row`, counted from the region's first one as it was: what differs there, or
    /// all of it below.
    fn put(&mut self, bytes: &mut String, row: usize, cells: &Buffer, y: u16, links: &[Link]) {
        let height = usize::from(self.shown.area.height);
        if row >= height.max(1) {
            self.go(bytes, (row - 1, self.cursor.1));
            bytes.push_str("\r\n");
            self.cursor = (row, 0);
        }
        let shown = u16::try_from(row).ok().filter(|_| row < height);
        let written = shown.map_or(0, |shown| used(&self.shown, shown));
        let end = used(cells, y).min(self.columns);
        // A row of which only the end is cleared stays as long as it was for tmux, which then breaks its blanks.
        let shrinks = written > end;
        if shrinks {
            self.go(bytes, (row, 0));
            tell(bytes, Clear(ClearType::UntilNewLine));
        }
        let mut pen = Style::reset();
        let mut open: Option<&str> = None;
        let mut is_written = false;
        let mut x = 0;
        while x < end {
            let cell = &cells[(x, y)];
            let width = u16::try_from(crate::width::of(cell.symbol())).unwrap_or(1).max(1);
            let target = target_at(links, x);
            let there = shown.filter(|_| !shrinks).and_then(|shown| self.shown.cell((x, shown)));
            let is_there = there == Some(cell) && self.shown_target(row, x) == target;
            if !is_there {
                self.go(bytes, (row, x));
                if target != open {
                    bytes.push_str(&link(target.unwrap_or_default()));
                    open = target;
                }
                put(bytes, cell, &mut pen);
                is_written = true;
                self.cursor.1 = x + width;
                // In the last column terminals differ about where the cursor then is.
                if self.cursor.1 >= self.columns {
                    bytes.push('\r');
                    self.cursor.1 = 0;
                } else if is_disputed(cell) {
                    tell(bytes, MoveToColumn(self.cursor.1));
                }
            }
            x += width;
        }
        if open.is_some() {
            bytes.push_str(&link(""));
        }
        end_style(bytes, pen);
        // What the terminal draws wider than it is counted reaches beyond its end.
        let reaches = |it: &Buffer, y, end| is_written && has_disputed(it, y, end);
        let is_left = end < self.columns
            && (reaches(cells, y, end)
                || shown.is_some_and(|shown| reaches(&self.shown, shown, written)));
        if is_left {
            self.go(bytes, (row, end));
            tell(bytes, Clear(ClearType::UntilNewLine));
        }
    }

    fn go(&mut self, bytes: &mut String, to: (usize, u16)) {
        let (row, column) = self.cursor;
        up_by(bytes, row.saturating_sub(to.0));
        // On the last row this makes a new one. A terminal that has just become lower may have dropped the rows below
        // the cursor, and all moves after this one would be off.
        bytes.extend(std::iter::repeat_n('\n', to.0.saturating_sub(row)));
        match to.1 {
            same if same == column => {}
            0 => bytes.push('\r'),
            x => tell(bytes, MoveToColumn(x)),
        }
        self.cursor = to;
    }

    /// Takes the region away: what comes next on this terminal stands right below what is finished.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn clear(&mut self) -> io::Result<()> {
        let cells = Buffer::empty(Rect::new(0, 0, self.columns, 0));
        self.draw(&[], &[], Region { cells, links: vec![], cursor: Some(Position::ORIGIN) })?;
        self.above.forget();
        Ok(())
    }

    /// All at once. Terminals that know no synchronized updates at least do not show the cursor run about.
    fn write(&mut self, bytes: &str) -> io::Result<()> {
        let mut update = String::with_capacity(bytes.len() + 32);
        tell(&mut update, BeginSynchronizedUpdate);
        tell(&mut update, Hide);
        update.push_str(WRAP_OFF);
        update.push_str(bytes);
        update.push_str(WRAP_ON);
        if !self.is_cursor_hidden {
            tell(&mut update, Show);
        }
        tell(&mut update, EndSynchronizedUpdate);
        self.out.write_all(update.as_bytes())?;
        self.out.flush()
    }
}

/// The last cell that is not blank, of the last row. What is broken anew when the terminal becomes narrower is above the
/// cursor then: what is below may be more than a screen holds, and terminals differ about where the cursor is then.
fn end_of(cells: &Buffer, columns: u16) -> Position {
    let y = cells.area.height.saturating_sub(1);
    let x = if cells.area.is_empty() { None } else { last_used(cells, y) };
    Position { x: x.unwrap_or(0).min(columns.saturating_sub(1)), y }
}

fn tell(bytes: &mut String, command: impl Command) {
    // Writing to a string does not fail.
    let _ = command.write_ansi(bytes);
}

/// Clears all from the cursor's row on; tmux takes it for a wish to keep a screen that is cleared whole, in one go, in
/// its scrollback, where what is drawn anew has no place.
fn clear_below(bytes: &mut String, rows: u16) {
    tell(bytes, Clear(ClearType::UntilNewLine));
    // The only row there is would be scrolled away.
    if rows < 2 {
        return;
    }
    // Relative, as all moves are; in the last row this makes a new one.
    bytes.push('\n');
    tell(bytes, Clear(ClearType::FromCursorDown));
    up_by(bytes, 1);
}

fn up_by(bytes: &mut String, rows: usize) {
    if rows > 0 {
        tell(bytes, MoveUp(u16::try_from(rows).unwrap_or(u16::MAX)));
    }
}

#[cfg(test)]
mod tests;
