//! The [`App`] drawn: what is finished, what is under way, an overlay or the composer, and a line of facts.

use agent_protocol::{DeltaField, ItemDetails};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::Modifier;
use ratatui_core::text::{Line, Span};

use super::said::Said;
use super::{App, status};
use crate::cell::{Detail, Fold, Look};
use crate::composer::{Composer, Mode};
use crate::filter::{exact_name, written};
use crate::markdown::{Link, Rendered};
use crate::overlay::{Around, Place};
use crate::theme::{Glyphs, Theme};
use crate::transcript::{Cell, Transcript, together};
use crate::{cell, width, wrap};

/// What is to be drawn: lines that never change again, and the region below them.
#[derive(Debug)]
pub struct Frame {
    /// Handed out once; none while an overlay takes all of the terminal.
    pub finished: Vec<Line<'static>>,
    /// Of what is finished; of the region while an overlay takes all of the terminal.
    pub links: Vec<Link>,
    pub region: Buffer,
    /// None where nothing is written.
    pub cursor: Option<Position>,
    pub place: Place,
}

impl App {
    /// What is to be drawn now. Finished lines are handed out once.
    pub fn draw(&mut self) -> Frame {
        let place = self.overlays.last().map_or(Place::Below, |overlay| overlay.place());
        let (columns, most) = (usize::from(self.columns), usize::from(self.most_written()));
        if let Some(field) = self.overlays.last_mut().and_then(|overlay| overlay.field()) {
            field.resize(columns.saturating_sub(2));
            field.confine(most);
        }
        if place == Place::Whole {
            let field = self.overlays.last_mut().and_then(|overlay| overlay.field());
            let written = field.map_or(0, |field| field.height());
            let over = self.over(usize::from(self.rows).saturating_sub(written));
            let links = self.overlays.last().map(|overlay| overlay.links()).unwrap_or_default();
            let frame = self.frame(Vec::new(), Vec::new(), over, None, Place::Whole);
            return Frame { links, ..frame };
        }
        let said = self.transcript.live.previews.iter().find(|said| said.field == DeltaField::Text);
        if let Some(said) = said {
            self.said.follow(said, usize::from(self.columns), &self.theme);
        }
        let Rendered { lines: finished, links } = self.finish();
        let mut over = self.over(usize::from(self.rows.saturating_sub(1)));
        if self.overlays.is_empty() {
            over = match &self.completion {
                Some(completion) => completion.rows(usize::from(self.columns), &self.theme),
                None => self.activity(),
            };
            over.insert(0, Line::default());
        }
        let status = self.status();
        let room = self.room(over.len(), status.is_some());
        let live = self.live(self.live_room(room, over.len()));
        Frame { links, ..self.frame(finished, live, over, status, Place::Below) }
    }

    /// What became finished since the last time.
    pub(crate) fn finish(&mut self) -> Rendered {
        let mut rendered = std::mem::take(&mut self.left_over);
        rendered.append(Rendered { lines: self.greet(), links: Vec::new() });
        let finished = self.transcript.finished().max(self.drawn);
        let mut before = self.drawn.checked_sub(1).map(|last| &self.transcript.cells[last]);
        let look = look(&self.transcript, &self.theme, self.fold, usize::from(self.columns));
        let mut cells = &self.transcript.cells[self.drawn..finished];
        while let Some(first) = cells.first() {
            let (shown, after) = cells.split_at(together(cells));
            rendered.append(rest(&mut self.said, first, &look).unwrap_or_else(|| {
                self.said.step_aside(Rendered {
                    lines: cell::all(shown, before, |item| self.activity.of_stopped(item), &look),
                    links: cell::links(first, look.columns, look.theme),
                })
            }));
            (before, cells) = (shown.last(), after);
        }
        self.drawn = finished;
        // What is under way stands above it.
        if finished == self.transcript.cells.len() {
            rendered.append(self.said.hand_out());
        }
        rendered
    }

    /// Says once where one is.
    fn greet(&mut self) -> Vec<Line<'static>> {
        let Some(thread) = self.transcript.thread.as_ref().filter(|_| !self.has_greeted) else {
            return Vec::new();
        };
        self.has_greeted = true;
        let name = Span::styled("agent", self.theme.accent.add_modifier(Modifier::BOLD));
        let dot = if self.theme.glyphs == Glyphs::ASCII { '-' } else { '·' };
        let facts = format!(" {} {dot} {}", thread.agent_version, written(&thread.model));
        let place = exact_name(&thread.cwd.display().to_string()).into_owned();
        let line = Line::from(vec![name, Span::raw(facts)]);
        let help = "/ for commands, @ for files, ! for a command line of your own, ? for keys";
        let rows = [line, Line::raw(place), Line::raw(help).style(self.theme.dim)];
        rows.iter().flat_map(|row| wrap::wrap(row, usize::from(self.columns))).collect()
    }

    /// The rows of the overlay that is on top.
    fn over(&mut self, rows: usize) -> Vec<Line<'static>> {
        let Some(overlay) = self.overlays.last_mut() else { return Vec::new() };
        let around = Around {
            transcript: &self.transcript,
            theme: &self.theme,
            columns: usize::from(self.columns),
            rows,
        };
        overlay.rows(&around)
    }

    /// What is being written, and where.
    fn field(&mut self) -> Option<&Composer> {
        match self.overlays.last_mut() {
            Some(overlay) => overlay.field().map(|field| &*field),
            None => Some(&self.composer),
        }
    }

    /// Rows of it.
    fn written(&mut self) -> u16 {
        let height = self.field().map_or(0, Composer::height);
        u16::try_from(height).unwrap_or(u16::MAX).min(self.most_written())
    }

    /// As many rows of it at most.
    pub(super) fn most_written(&self) -> u16 {
        self.rows.div_ceil(2)
    }

    /// Rows for what is under way, above so many others.
    fn room(&mut self, over: usize, has_status: bool) -> usize {
        let below = self.written() + u16::from(has_status && self.rows > 2);
        usize::from(self.rows.saturating_sub(below + 1)).saturating_sub(over)
    }

    fn frame(
        &mut self,
        finished: Vec<Line<'static>>,
        mut above: Vec<Line<'static>>,
        over: Vec<Line<'static>>,
        status: Option<Line<'static>>,
        place: Place,
    ) -> Frame {
        // On hardly any rows, what is being written comes first.
        let status = status.filter(|_| self.rows > 2);
        let room = self.room(over.len(), status.is_some());
        let written = self.written();
        let below = written + u16::from(status.is_some());
        above.drain(..above.len().saturating_sub(room));
        above.extend(over);
        above.truncate(usize::from(self.rows.saturating_sub(below)));
        let top = u16::try_from(above.len()).unwrap_or(0);
        let height = if place == Place::Whole { self.rows } else { top + below };
        let mut region = Buffer::empty(Rect::new(0, 0, self.columns, height.max(1)));
        for (y, line) in (0..).zip(&above) {
            region.set_line(0, y, line, self.columns);
        }
        let field = match self.overlays.last_mut() {
            Some(overlay) => overlay.field().map(|field| &*field),
            None => Some(&self.composer),
        };
        let cursor = field.map(|field| draw_field(field, top, written, &mut region, &self.theme));
        if let Some(status) = status {
            region.set_line(0, top + written, &status, self.columns);
        }
        if self.theme.glyphs == Glyphs::ASCII {
            in_ascii(&mut region);
        }
        Frame { finished, links: Vec::new(), region, cursor, place }
    }

    /// What is being done, while something is.
    fn activity(&self) -> Vec<Line<'static>> {
        let stops = if self.is_running() { " · esc stops" } else { "" };
        let columns = usize::from(self.columns);
        let room = columns.saturating_sub(2 + width::of(stops));
        let mark = self.theme.glyphs.ellipsis;
        let words = if self.waits_for_trust() {
            "tab shows the question".to_owned()
        } else if self.is_running() {
            self.activity.words(&self.transcript, self.now_ms, room, mark)
        } else {
            return Vec::new();
        };
        let words = written(&words).replace('\n', " ");
        let mut line = Line::from(vec![
            Span::styled(format!("{} ", self.theme.glyphs.bullet), self.theme.accent),
            Span::styled(width::shortened(&words, room, mark), self.theme.accent),
            Span::styled(stops, self.theme.dim),
        ]);
        let folds = match self.fold {
            Fold::Folded => " · alt-t unfolds it",
            Fold::Unfolded => " · alt-t folds it",
        };
        if self.transcript.live.is_thinking() && line.width() + width::of(folds) <= columns {
            line.spans.push(Span::styled(folds, self.theme.dim));
        }
        vec![line]
    }

    /// The row below the composer; none when the person wants none and nothing must be said.
    fn status(&self) -> Option<Line<'static>> {
        if self.may_leave_until_ms.is_some() {
            return Some(Line::styled("ctrl-c again leaves", self.theme.accent));
        }
        if self.may_go_back {
            let text = "esc again goes back to an earlier message";
            return Some(Line::styled(text, self.theme.accent));
        }
        if let Some(told) = self.told {
            return Some(Line::styled(told, self.theme.accent));
        }
        if let Some((query, is_found)) = self.composer.search() {
            let outcome = if is_found { "" } else { "in no message: " };
            let text =
                format!("search: {outcome}{query} · ctrl-r older · enter takes it · esc goes back");
            return Some(Line::styled(text, self.theme.accent));
        }
        let mode = match self.composer.mode() {
            Some(Mode::Normal) => "NORMAL · ",
            Some(Mode::Insert) => "INSERT · ",
            Some(Mode::Visual) => "VISUAL · ",
            None => "",
        };
        let background = match self.transcript.processes.len() {
            0 => String::new(),
            count => format!(" · {count} in the background (/ps)"),
        };
        let room =
            usize::from(self.columns).saturating_sub(width::of(mode) + width::of(&background));
        let text = format!("{mode}{}{background}", status::line(self, room));
        (!self.hides_status).then(|| Line::styled(written(&text).into_owned(), self.theme.dim))
    }
}

pub(super) fn look<'a>(
    transcript: &'a Transcript,
    theme: &'a Theme,
    fold: Fold,
    columns: usize,
) -> Look<'a> {
    Look { columns, detail: Detail::Brief, theme, fold, cwd: transcript.cwd(), rows: None }
}

/// What was not handed out of a message whose beginning was.
fn rest(said: &mut Said, cell: &Cell, look: &Look<'_>) -> Option<Rendered> {
    let Cell::Item(item) = cell else { return None };
    let ItemDetails::AgentMessage { text, .. } = &item.details else { return None };
    said.rest(&item.id, text, look.columns, look.theme)
}

/// Draws what is being written into rows `top..top + height`, and says where the cursor is.
fn draw_field(
    field: &Composer,
    top: u16,
    height: u16,
    region: &mut Buffer,
    theme: &Theme,
) -> Position {
    let columns = region.area.width;
    let indent = if columns > 3 { 2 } else { 0 };
    if indent > 0 {
        region.set_string(0, top, "›", theme.accent);
    }
    let area = Rect::new(indent, top, columns - indent, height);
    field.render(area, region, theme)
}

/// Of the signs that are no glyphs of the theme, those that stand in our own rows.
fn in_ascii(region: &mut Buffer) {
    for cell in &mut region.content {
        match cell.symbol() {
            "›" => cell.set_symbol(">"),
            "·" => cell.set_symbol("-"),
            _ => continue,
        };
    }
}
