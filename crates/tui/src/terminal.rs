//! The inline terminal: finished lines go once into the terminal's own scrollback, and below them a region is redrawn
//! in place, only where it changed, inside synchronized updates. It writes bytes and asks the terminal nothing: every
//! move is relative to the region, whose place on the screen nobody needs to know.

use std::io::{self, Write};

use crossterm::Command;
use crossterm::cursor::{Hide, MoveDown, MoveToColumn, MoveUp, Show};
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::text::Line;

use crate::markdown::Link;

/// The bottom of the terminal, drawn on `W`.
#[derive(Debug)]
pub struct Inline<W> {
    out: W,
    columns: u16,
    rows: u16,
    /// What is on the screen.
    shown: Buffer,
    /// Of the region, where the terminal's cursor stands.
    cursor: Position,
    /// The terminal breaks its lines anew when it becomes narrower, as all but a few do.
    reflows: bool,
}

impl<W: Write> Inline<W> {
    /// A region of no rows where the cursor stands, at the beginning of a line.
    pub fn new(out: W, columns: u16, rows: u16, reflows: bool) -> Self {
        Self {
            out,
            columns,
            rows,
            shown: Buffer::empty(Rect::default()),
            cursor: Position::ORIGIN,
            reflows,
        }
    }

    /// The terminal has another size: what is drawn next begins where the region does now. A terminal that became
    /// lower has moved rows of the region out of reach, if there are more of them than rows.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        if (columns, rows) == (self.columns, self.rows) {
            return Ok(());
        }
        let up = if self.reflows { self.rows_above_cursor(columns) } else { self.cursor.y };
        let mut bytes = String::from('\r');
        up_by(&mut bytes, up);
        tell(&mut bytes, Clear(ClearType::FromCursorDown));
        (self.columns, self.rows) = (columns, rows);
        self.forget();
        self.write(&bytes)
    }

    /// The terminal has this size, nothing on it, and the cursor at its beginning.
    pub fn restart(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns, rows);
        self.forget();
    }

    /// Something else was written since: the region begins anew where the cursor stands.
    pub fn forget(&mut self) {
        self.shown = Buffer::empty(Rect::default());
        self.cursor = Position::ORIGIN;
    }

    /// How many rows of the screen are above the cursor when the region's rows are broken at `columns`.
    fn rows_above_cursor(&self, columns: u16) -> u16 {
        let columns = columns.max(1);
        let above = (0..self.cursor.y).map(|y| used(&self.shown, y).div_ceil(columns).max(1));
        above.sum::<u16>() + self.cursor.x / columns
    }

    /// Writes `finished` with its `links` above the region, and makes the region look like `next`, with the cursor at `cursor`.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(
        &mut self,
        finished: &[Line<'_>],
        links: &[Link],
        next: Buffer,
        cursor: Position,
    ) -> io::Result<()> {
        let mut bytes = String::new();
        let same_shape = finished.is_empty() && self.shown.area == next.area;
        if same_shape {
            self.damage(&mut bytes, &next);
        } else {
            self.afresh(&mut bytes, finished, links, &next);
        }
        if bytes.is_empty() && cursor == self.cursor {
            return Ok(());
        }
        self.go(&mut bytes, cursor);
        self.shown = next;
        self.write(&bytes)
    }

    /// Only the cells that differ.
    fn damage(&mut self, bytes: &mut String, next: &Buffer) {
        let changes: Vec<_> = self.shown.diff(next);
        let mut pen = Style::reset();
        let mut after = None;
        for (x, y, cell) in changes {
            if after != Some((x, y)) {
                self.go(bytes, Position { x, y });
            }
            put(bytes, cell, &mut pen);
            let width = u16::try_from(crate::width::of(cell.symbol())).unwrap_or(1).max(1);
            // In the last column terminals differ about where the cursor then is.
            after = (x + width < self.columns).then_some((x + width, y));
            self.cursor = Position { x: (x + width).min(self.columns.saturating_sub(1)), y };
            if after.is_none() {
                bytes.push('\r');
                self.cursor.x = 0;
            }
        }
        end_style(bytes, pen);
    }

    /// From the region's first row on: what is finished, then the region.
    fn afresh(&mut self, bytes: &mut String, finished: &[Line<'_>], links: &[Link], next: &Buffer) {
        bytes.push('\r');
        up_by(bytes, self.cursor.y);
        tell(bytes, Clear(ClearType::FromCursorDown));
        let mut links = links;
        for (index, line) in finished.iter().enumerate() {
            let mut row = Buffer::empty(Rect::new(0, 0, self.columns, 1));
            row.set_line(0, 0, line, self.columns);
            let of_line = links.iter().take_while(|link| link.line <= index).count();
            put_row(bytes, &row, 0, &links[..of_line]);
            links = &links[of_line..];
            bytes.push_str("\r\n");
        }
        for y in 0..next.area.height {
            if y > 0 {
                bytes.push_str("\r\n");
            }
            put_row(bytes, next, y, &[]);
        }
        bytes.push('\r');
        self.cursor = Position { x: 0, y: next.area.height.saturating_sub(1) };
    }

    fn go(&mut self, bytes: &mut String, to: Position) {
        up_by(bytes, self.cursor.y.saturating_sub(to.y));
        let down = to.y.saturating_sub(self.cursor.y);
        if down > 0 {
            tell(bytes, MoveDown(down));
        }
        if to.x != self.cursor.x {
            tell(bytes, MoveToColumn(to.x));
        }
        self.cursor = to;
    }

    /// Takes the region away: what comes next on this terminal stands right below what is finished.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn clear(&mut self) -> io::Result<()> {
        self.draw(&[], &[], Buffer::empty(Rect::new(0, 0, self.columns, 0)), Position::ORIGIN)
    }

    /// All at once. Terminals that know no synchronized updates at least do not show the cursor run about.
    fn write(&mut self, bytes: &str) -> io::Result<()> {
        let mut update = String::with_capacity(bytes.len() + 32);
        tell(&mut update, BeginSynchronizedUpdate);
        tell(&mut update, Hide);
        update.push_str(bytes);
        tell(&mut update, Show);
        tell(&mut update, EndSynchronizedUpdate);
        self.out.write_all(update.as_bytes())?;
        self.out.flush()
    }
}

fn tell(bytes: &mut String, command: impl Command) {
    // Writing to a string does not fail.
    let _ = command.write_ansi(bytes);
}

fn up_by(bytes: &mut String, rows: u16) {
    if rows > 0 {
        tell(bytes, MoveUp(rows));
    }
}

/// The columns of a row up to its last cell that is not blank.
fn used(buffer: &Buffer, y: u16) -> u16 {
    let blank = Cell::default();
    let last = (0..buffer.area.width).rev().find(|x| buffer[(*x, y)] != blank);
    last.map_or(0, |x| x + u16::try_from(crate::width::of(buffer[(x, y)].symbol())).unwrap_or(1))
}

fn put_row(bytes: &mut String, buffer: &Buffer, y: u16, links: &[Link]) {
    let (end, mut pen, mut x) = (used(buffer, y), Style::reset(), 0);
    let mut open: Option<&str> = None;
    while x < end.min(buffer.area.width) {
        let leads = links.iter().find(|link| link.columns.contains(&usize::from(x)));
        let target = leads.map(|link| &*link.target).filter(|target| may_be_opened(target));
        if target != open {
            bytes.push_str(&link(target.unwrap_or_default()));
            open = target;
        }
        let cell = &buffer[(x, y)];
        put(bytes, cell, &mut pen);
        x += u16::try_from(crate::width::of(cell.symbol())).unwrap_or(1).max(1);
    }
    if open.is_some() {
        bytes.push_str(&link(""));
    }
    end_style(bytes, pen);
}

/// A longer one is no use to a person, and terminals have limits.
const MAX_TARGET: usize = 2000;

/// What a click may do: look at a page, or at a file of this machine. A target names nothing that is not plain to see.
fn may_be_opened(target: &str) -> bool {
    let schemes = ["https://", "http://", "file:///"];
    target.len() <= MAX_TARGET
        && target.bytes().all(|byte| byte.is_ascii_graphic())
        && schemes.iter().any(|scheme| target.len() > scheme.len() && target.starts_with(scheme))
}

/// What follows leads to `target`; to nothing if it is empty.
fn link(target: &str) -> String {
    format!("\x1b]8;;{target}\x1b\\")
}

fn put(bytes: &mut String, cell: &Cell, pen: &mut Style) {
    let style = cell.style();
    if *pen != style {
        bytes.push_str(&sgr(style));
        *pen = style;
    }
    bytes.push_str(cell.symbol());
}

fn end_style(bytes: &mut String, pen: Style) {
    if pen != Style::reset() && pen != Cell::default().style() {
        bytes.push_str("\x1b[0m");
    }
}

/// The sequence that sets exactly `style`.
fn sgr(style: Style) -> String {
    const MODIFIERS: [(Modifier, &str); 6] = [
        (Modifier::BOLD, ";1"),
        (Modifier::DIM, ";2"),
        (Modifier::ITALIC, ";3"),
        (Modifier::UNDERLINED, ";4"),
        (Modifier::REVERSED, ";7"),
        (Modifier::CROSSED_OUT, ";9"),
    ];
    let set = MODIFIERS.iter().filter(|(modifier, _)| style.add_modifier.contains(*modifier));
    let mut codes: String = set.map(|(_, code)| *code).collect();
    codes.push_str(&colour(style.fg, 30));
    codes.push_str(&colour(style.bg, 40));
    format!("\x1b[0{codes}m")
}

/// `base` is 30 of the foreground, 40 of the background.
fn colour(colour: Option<Color>, base: u16) -> String {
    let named = match colour {
        None | Some(Color::Reset) => return String::new(),
        Some(Color::Rgb(r, g, b)) => return format!(";{};2;{r};{g};{b}", base + 8),
        Some(Color::Indexed(index)) => return format!(";{};5;{index}", base + 8),
        Some(Color::Black) => base,
        Some(Color::Red) => base + 1,
        Some(Color::Green) => base + 2,
        Some(Color::Yellow) => base + 3,
        Some(Color::Blue) => base + 4,
        Some(Color::Magenta) => base + 5,
        Some(Color::Cyan) => base + 6,
        Some(Color::Gray) => base + 7,
        Some(Color::DarkGray) => base + 60,
        Some(Color::LightRed) => base + 61,
        Some(Color::LightGreen) => base + 62,
        Some(Color::LightYellow) => base + 63,
        Some(Color::LightBlue) => base + 64,
        Some(Color::LightMagenta) => base + 65,
        Some(Color::LightCyan) => base + 66,
        Some(Color::White) => base + 67,
    };
    format!(";{named}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: u16 = 20;

    fn size(cells: u16) -> std::num::NonZero<u16> {
        std::num::NonZero::new(cells).unwrap()
    }

    fn region(rows: &[&str]) -> Buffer {
        let height = u16::try_from(rows.len()).unwrap();
        let mut buffer = Buffer::empty(Rect::new(0, 0, COLUMNS, height));
        for (y, row) in rows.iter().enumerate() {
            buffer.set_string(0, u16::try_from(y).unwrap(), row, Style::new());
        }
        buffer
    }

    /// Everything a terminal of six rows has shown, scrolled away or not.
    fn screen(bytes: &[u8]) -> String {
        let mut parser = vt100::Parser::new(size(6), size(COLUMNS), 100);
        parser.process(bytes);
        parser.screen_mut().set_scrollback(100);
        let hidden = parser.screen().scrollback();
        let mut rows: Vec<String> = Vec::new();
        for offset in (0..=hidden).rev() {
            parser.screen_mut().set_scrollback(offset);
            let visible: Vec<_> = parser.screen().rows(0, COLUMNS).collect();
            if offset == 0 { rows.extend(visible) } else { rows.push(visible[0].clone()) }
        }
        rows.join("\n").trim_end().to_owned()
    }

    #[test]
    fn each_finished_line_is_in_the_scrollback_once_and_the_region_below_it() {
        let mut bytes = Vec::new();
        let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
        for number in 0..12 {
            let finished = [Line::from(format!("line {number}"))];
            let typed = format!("> typed {number}");
            inline
                .draw(&finished, &[], region(&["working", &typed]), Position { x: 3, y: 1 })
                .unwrap();
            // A change within the region touches nothing else.
            inline.draw(&[], &[], region(&["thinking", &typed]), Position { x: 3, y: 1 }).unwrap();
        }
        let expected: Vec<_> = (0..12).map(|number| format!("line {number}")).collect();
        assert_eq!(screen(&bytes), format!("{}\nthinking\n> typed 11", expected.join("\n")));
    }

    #[test]
    fn what_did_not_change_is_not_written_again() {
        let mut bytes = Vec::new();
        let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
        let here = Position { x: 0, y: 0 };
        inline.draw(&[], &[], region(&["aaaa", "bbbb"]), here).unwrap();
        inline.draw(&[], &[], region(&["aaaa", "bbbb"]), here).unwrap();
        inline.draw(&[], &[], region(&["aaaa", "bbxb"]), here).unwrap();
        inline.clear().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let updates: Vec<_> = text.split("\x1b[?2026h").skip(1).collect();
        assert_eq!(updates.len(), 3, "{text:?}");
        assert!(updates[1].contains('x') && !updates[1].contains('a'), "{:?}", updates[1]);
        assert_eq!(screen(text.as_bytes()), "");
    }

    #[test]
    fn colours_and_wide_characters_come_out_as_they_were_drawn() {
        let mut bytes = Vec::new();
        let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
        let line =
            Line::styled("한글 ok", Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        inline.draw(&[line], &[], region(&["> "]), Position { x: 2, y: 0 }).unwrap();
        let mut parser = vt100::Parser::new(size(6), size(COLUMNS), 0);
        parser.process(&bytes);
        let screen = parser.screen();
        assert_eq!(screen.contents(), "한글 ok\n>");
        let cell = screen.cell(0, 0).unwrap();
        assert!(cell.bold() && cell.fgcolor() == vt100::Color::Idx(1));
        assert_eq!(screen.cursor_position(), (1, 2));
    }

    #[test]
    fn a_finished_line_leads_where_its_link_does_if_that_is_a_page_or_a_file() {
        let target = |target: &str| {
            let mut bytes = Vec::new();
            let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
            let link = Link { line: 0, columns: 4..7, target: target.into() };
            let line = [Line::from("see the page")];
            inline.draw(&line, &[link], region(&["> "]), Position { x: 2, y: 0 }).unwrap();
            assert!(screen(&bytes).starts_with("see the page\n"));
            String::from_utf8(bytes).unwrap()
        };
        for fine in ["https://a.b/c?d=e#f", "http://a.b", "file:///tmp/x"] {
            let expected = format!("see \x1b]8;;{fine}\x1b\\the\x1b]8;;\x1b\\ page");
            assert!(target(fine).contains(&expected), "{fine}");
        }
        let long = format!("https://{}", "a".repeat(MAX_TARGET));
        let deceits =
            ["https://a.b/\x07x", "https://a.b/\u{202e}x", "https://аррӏе.com", "https://a b"];
        let others = ["javascript:x", "src/a.rs", "file://host/x", "ssh://a", "https://", &long];
        for refused in deceits.iter().chain(&others) {
            assert!(!target(refused).contains("\x1b]8"), "{refused}");
        }
    }
}
