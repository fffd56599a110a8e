//! The whole terminal instead of the rows below what was there: the same frames, with scrolling of our own. The terminal
//! forgets it all when we leave.

use std::io::{self, Write};
use std::ops::Range;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Style;
use ratatui_core::text::Line;

use crate::app::Frame;
use crate::markdown::Link;
use crate::overlay::Place;
use crate::terminal::{Inline, Region};
use crate::view::count;

/// Rows that say how much is below what is shown.
const LABEL: usize = 1;

/// All cells of the terminal, drawn on `W`.
#[derive(Debug)]
pub struct Full<W> {
    inline: Inline<W>,
    columns: u16,
    rows: u16,
    /// All that is finished.
    lines: Vec<Line<'static>>,
    /// Of these lines, in their order.
    links: Vec<Link>,
    /// The person reads what was said earlier.
    reads_back: bool,
    /// Lines below what is shown of them.
    below: usize,
    /// Where one was before all came again.
    kept: Option<Kept>,
    /// Rows above the region.
    page: usize,
}

/// A place among lines that are broken anew.
#[derive(Clone, Copy, Debug)]
struct Kept {
    below: usize,
    lines: usize,
    columns: u16,
}

impl Kept {
    /// Lines below, of so many of this width.
    fn below(self, lines: usize, columns: u16) -> usize {
        if columns == self.columns {
            return self.below;
        }
        self.below.saturating_mul(lines) / self.lines.max(1)
    }
}

impl<W: Write> Full<W> {
    /// On an empty screen, with the cursor at its beginning.
    pub fn new(out: W, columns: u16, rows: u16) -> Self {
        let inline = Inline::new(out, columns, rows, false);
        let (lines, links) = (Vec::new(), Vec::new());
        let (reads_back, below, kept) = (false, 0, None);
        Self { inline, columns, rows, lines, links, reads_back, below, kept, page: 1 }
    }

    /// The terminal has this size, and nothing on it; finished lines come again.
    pub fn restart(&mut self, columns: u16, rows: u16) {
        if self.reads_back && self.kept.is_none() {
            let (below, lines) = (self.below, self.lines.len());
            self.kept = Some(Kept { below, lines, columns: self.columns });
        }
        (self.columns, self.rows) = (columns, rows);
        self.inline.restart(columns, rows);
        self.lines.clear();
        self.links.clear();
        self.below = 0;
    }

    /// Shows earlier lines.
    pub fn page_up(&mut self) {
        self.up(self.page.saturating_sub(1).max(1));
    }

    /// Shows so many lines before those that are shown.
    pub fn up(&mut self, lines: usize) {
        if self.lines.len() <= self.page {
            return;
        }
        let shown = self.page.saturating_sub(LABEL).max(1);
        self.reads_back = true;
        self.below = (self.below + lines).min(self.lines.len().saturating_sub(shown));
    }

    /// Shows so many lines after those that are shown.
    pub fn down(&mut self, lines: usize) {
        self.below = self.below.saturating_sub(lines);
        self.reads_back &= self.below > 0;
    }

    /// Shows later lines.
    pub fn page_down(&mut self) {
        self.down(self.page.saturating_sub(1).max(1));
    }

    /// What is shown is what was chosen, and not always the last lines.
    pub fn reads_back(&self) -> bool {
        self.reads_back
    }

    /// Shows the last lines.
    pub fn to_end(&mut self) {
        (self.reads_back, self.below, self.kept) = (false, 0, None);
    }

    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, frame: Frame, note: Style) -> io::Result<()> {
        let Frame { finished, links, region, cursor, place } = frame;
        if self.reads_back {
            // Who reads what was said earlier goes on reading it.
            self.below += finished.len();
        }
        if place == Place::Whole {
            return self.inline.draw(&[], &[], Region { cells: region, links, cursor });
        }
        let before = self.lines.len();
        self.links.extend(links.into_iter().map(|link| Link { line: before + link.line, ..link }));
        self.lines.extend(finished);
        let height = region.area.height.min(self.rows);
        let page = std::mem::replace(&mut self.page, usize::from(self.rows - height));
        if self.reads_back {
            // What one reads stays where it is; how much of what follows is seen depends on the region.
            self.below = (self.below + page).saturating_sub(self.page);
        }
        if let Some(kept) = self.kept.take() {
            self.below = kept.below(self.lines.len(), self.columns);
        }
        // How much is below stands in a row of its own: nothing that is read is painted over.
        let label = if self.below > 0 && height + 1 < self.rows { LABEL } else { 0 };
        let most = self.page - label;
        self.below = self.below.min(self.lines.len().saturating_sub(most));
        let end = self.lines.len() - self.below;
        let begin = end.saturating_sub(most);
        let shown = &self.lines[begin..end];
        let mut cells = Buffer::empty(Rect::new(0, 0, self.columns, self.rows));
        let mut top = 0;
        for line in shown {
            cells.set_line(0, top, line, self.columns);
            top += 1;
        }
        if self.below > 0 && label > 0 {
            let text = format!("{} below, pagedown or end", count(self.below, "line"));
            let width = u16::try_from(text.len()).unwrap_or(u16::MAX);
            cells.set_string(self.columns.saturating_sub(width), top, text, note);
            top += 1;
        }
        for y in 0..height {
            for x in 0..region.area.width.min(self.columns) {
                cells[(x, top + y)] = region[(x, y)].clone();
            }
        }
        let links = self.links_of(begin..end);
        let cursor = cursor.map(|cursor| Position { x: cursor.x, y: top + cursor.y });
        self.inline.draw(&[], &[], Region { cells, links, cursor })
    }

    /// Of these lines, counted from the first of them.
    fn links_of(&self, lines: Range<usize>) -> Vec<Link> {
        let at = |line: usize| self.links.partition_point(|link| link.line < line);
        let links = self.links[at(lines.start)..at(lines.end)].iter().cloned();
        links.map(|link| Link { line: link.line - lines.start, ..link }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui_core::style::Modifier;

    const COLUMNS: u16 = 30;
    const ROWS: u16 = 6;

    fn frame(finished: &[&str], region: &str) -> Frame {
        let mut buffer = Buffer::empty(Rect::new(0, 0, COLUMNS, 1));
        buffer.set_string(0, 0, region, Style::new());
        Frame {
            finished: finished.iter().map(|line| Line::from((*line).to_owned())).collect(),
            links: vec![],
            region: buffer,
            cursor: Some(Position { x: 2, y: 0 }),
            place: Place::Below,
        }
    }

    /// What is to be seen after all these steps.
    fn seen(steps: impl FnOnce(&mut Full<&mut Vec<u8>>)) -> String {
        let mut bytes = Vec::new();
        steps(&mut Full::new(&mut bytes, COLUMNS, ROWS));
        let cells = |count| std::num::NonZero::new(count).unwrap();
        let mut parser = vt100::Parser::new(cells(ROWS), cells(COLUMNS), 100);
        parser.process(&bytes);
        assert_eq!(parser.screen().scrollback_len(), 0, "nothing leaves the screen");
        let rows: Vec<_> =
            parser.screen().rows(0, COLUMNS).map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    fn draw(full: &mut Full<&mut Vec<u8>>, finished: &[&str], region: &str) {
        full.draw(frame(finished, region), Modifier::DIM.into()).unwrap();
    }

    #[test]
    fn what_is_finished_stands_above_the_region_and_moves_up_when_there_is_no_room() {
        let few = seen(|full| draw(full, &["one", "two"], "> "));
        assert_eq!(few, "one\ntwo\n>");
        let many = seen(|full| {
            draw(full, &["one", "two", "three"], "> a");
            draw(full, &["four", "five", "six"], "> b");
        });
        assert_eq!(many, "two\nthree\nfour\nfive\nsix\n> b");
    }

    #[test]
    fn what_leads_somewhere_does_so_wherever_it_is_scrolled_to() {
        let lines: Vec<_> = (1..=12).map(|number| number.to_string()).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let link = Link { line: 1, columns: 0..1, target: "https://example.com/".into() };
        let mut bytes = Vec::new();
        let mut full = Full::new(&mut bytes, COLUMNS, ROWS);
        let drawn = |full: &mut Full<&mut Vec<u8>>, finished: &[&str], links| {
            let frame = Frame { links, ..frame(finished, "> ") };
            full.draw(frame, Modifier::DIM.into()).unwrap();
        };
        drawn(&mut full, &lines[..3], vec![link.clone()]);
        drawn(&mut full, &lines[3..], vec![]);
        (0..9).for_each(|_| full.page_up());
        drawn(&mut full, &[], vec![]);
        let text = String::from_utf8(bytes).unwrap();
        let led = text.match_indices("]8;;https://example.com/").map(|(at, _)| &text[at..]);
        let led: Vec<_> = led.map(|rest| rest.contains("\u{1b}[0m2\u{1b}]8;;\u{1b}")).collect();
        assert_eq!(led, [true, true], "{text:?}");
    }

    #[test]
    fn pages_go_back_to_the_first_line_and_stay_while_more_comes() {
        let lines: Vec<_> = (1..=12).map(|number| number.to_string()).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let top = seen(|full| {
            draw(full, &lines, "> ");
            (0..9).for_each(|_| full.page_up());
            draw(full, &["13"], "> ");
        });
        assert_eq!(top, "1\n2\n3\n4\n9 lines below, pagedown or end\n>");
        let end = seen(|full| {
            draw(full, &lines, "> ");
            full.page_up();
            draw(full, &[], "> ");
            full.page_down();
            draw(full, &["13"], "> ");
        });
        assert_eq!(end, "9\n10\n11\n12\n13\n>");
    }

    #[test]
    fn who_reads_back_reads_whole_rows_and_comes_to_the_end_at_once() {
        let wide = "so many words fill all columns";
        assert_eq!(wide.len(), usize::from(COLUMNS));
        let shown = seen(|full| {
            draw(full, &[wide; 20], "> ");
            full.page_up();
            draw(full, &[], "> ");
        });
        let rows: Vec<_> = shown.lines().collect();
        assert_eq!(rows[..4], [wide; 4]);
        assert_eq!(rows[4], "4 lines below, pagedown or end");
        let shown = seen(|full| {
            draw(full, &[wide; 20], "> ");
            (0..3).for_each(|_| full.page_up());
            draw(full, &["the end"], "> ");
            assert!(full.reads_back());
            full.to_end();
            draw(full, &[], "> ");
            assert!(!full.reads_back());
        });
        assert!(shown.ends_with("the end\n>"), "{shown}");
    }

    #[test]
    fn what_one_reads_stays_where_it_is_while_the_region_grows_and_shrinks() {
        let lines: Vec<_> = (1..=12).map(|number| number.to_string()).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let first = |regions: &[u16]| {
            let shown = seen(|full| {
                draw(full, &lines, "> ");
                full.page_up();
                for height in regions {
                    let region = Buffer::empty(Rect::new(0, 0, COLUMNS, *height));
                    full.draw(Frame { region, ..frame(&[], "") }, Modifier::DIM.into()).unwrap();
                }
            });
            shown.lines().next().map(str::to_owned)
        };
        assert_eq!(first(&[]).as_deref(), Some("8"));
        assert_eq!(first(&[1, 3]).as_deref(), Some("5"));
        assert_eq!(first(&[3, 1, 4]).as_deref(), Some("5"));
        assert_eq!(first(&[4, 2, 1]).as_deref(), Some("5"));
    }

    #[test]
    fn who_reads_back_does_so_until_the_end_although_all_can_be_seen_by_then() {
        let lines: Vec<_> = (1..=4).map(|number| number.to_string()).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let rows = |height| Frame {
            region: Buffer::empty(Rect::new(0, 0, COLUMNS, height)),
            ..frame(&[], "")
        };
        let shown = seen(|full| {
            draw(full, &lines, "> ");
            full.draw(rows(4), Modifier::DIM.into()).unwrap();
            full.page_up();
            for _ in 0..2 {
                // The region is smaller for who reads back.
                let height = if full.reads_back() { 2 } else { 4 };
                full.draw(rows(height), Modifier::DIM.into()).unwrap();
            }
            assert!(full.reads_back());
        });
        assert_eq!(shown, "1\n2\n3\n4");
        let shown = seen(|full| {
            draw(full, &[lines[0]; 5], "> ");
            full.page_up();
            assert!(!full.reads_back(), "there is nothing above");
            draw(full, &[], "> ");
        });
        assert!(!shown.contains("below"), "{shown}");
    }

    #[test]
    fn another_size_keeps_the_place_and_is_read_on_in_the_first_frame() {
        let lines: Vec<_> = (1..=12).map(|number| number.to_string()).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let mut bytes = Vec::new();
        let mut full = Full::new(&mut bytes, COLUMNS, ROWS);
        draw(&mut full, &lines, "> ");
        full.page_up();
        full.restart(COLUMNS, ROWS);
        assert!(full.reads_back());
        draw(&mut full, &lines, "> ");
        assert_eq!(full.below, 4);
    }

    #[test]
    fn another_size_keeps_the_place() {
        let lines: Vec<_> = (1..=12).map(|number| number.to_string()).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let broken: Vec<_> = lines.iter().flat_map(|line| [*line, "+"]).collect();
        let mut bytes = Vec::new();
        let mut full = Full::new(&mut bytes, COLUMNS, ROWS);
        draw(&mut full, &lines, "> ");
        full.page_up();
        assert_eq!(full.below, 4);
        full.restart(COLUMNS, ROWS - 1);
        full.restart(COLUMNS, ROWS);
        draw(&mut full, &lines, "> ");
        assert_eq!(full.below, 4);
        full.restart(COLUMNS - 1, ROWS);
        draw(&mut full, &broken, "> ");
        assert_eq!(full.below, 8, "each line has become two");
        full.to_end();
        full.restart(COLUMNS, ROWS);
        draw(&mut full, &lines, "> ");
        assert_eq!(full.below, 0);
    }
}
