//! The [`App`] drawn: what is finished, what is under way, an overlay or the composer, and a line of facts.

use agent_protocol::DeltaField;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::text::Line;

use super::App;
use crate::cell::Detail;
use crate::composer::Composer;
use crate::markdown::{Link, Rendered};
use crate::overlay::{Around, Place};
use crate::theme::{Glyphs, Theme};
use crate::transcript::Cell;
use crate::{cell, view, wrap};

/// What is to be drawn: lines that never change again, and the region below them.
#[derive(Debug)]
pub struct Frame {
    /// Handed out once; none while an overlay takes all of the terminal.
    pub finished: Vec<Line<'static>>,
    /// Of what is finished.
    pub links: Vec<Link>,
    pub region: Buffer,
    pub cursor: Position,
    pub place: Place,
}

impl App {
    /// What is to be drawn now. Finished lines are handed out once.
    pub fn draw(&mut self) -> Frame {
        let rows = usize::from(self.rows.saturating_sub(1));
        let place = self.overlays.last().map_or(Place::Below, |overlay| overlay.place());
        if place == Place::Whole {
            let field = self.overlays.last_mut().and_then(|overlay| overlay.field());
            let written = field.map_or(0, |field| field.height());
            let over = self.over(usize::from(self.rows).saturating_sub(written));
            return self.frame(Vec::new(), Vec::new(), over, None, Place::Whole);
        }
        let Rendered { lines: finished, links } = self.finish();
        let mut over = self.over(rows);
        if let (Some(completion), true) = (&self.completion, self.overlays.is_empty()) {
            over = completion.rows(usize::from(self.columns), &self.theme);
        }
        let status = Line::styled(self.status(), self.theme.dim);
        let live = self.live();
        Frame { links, ..self.frame(finished, live, over, Some(status), Place::Below) }
    }

    /// What became finished since the last time.
    fn finish(&mut self) -> Rendered {
        let finished = self.transcript.finished().max(self.drawn);
        let mut rendered = Rendered::default();
        for cell in &self.transcript.cells[self.drawn..finished] {
            let links = cell::links(cell, usize::from(self.columns), &self.theme);
            rendered.append(Rendered { lines: self.lines(cell), links });
        }
        self.drawn = finished;
        rendered
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

    fn frame(
        &mut self,
        finished: Vec<Line<'static>>,
        mut above: Vec<Line<'static>>,
        over: Vec<Line<'static>>,
        status: Option<Line<'static>>,
        place: Place,
    ) -> Frame {
        let field = match self.overlays.last_mut() {
            Some(overlay) => overlay.field().map(|field| &*field),
            None => Some(&self.composer),
        };
        let written = field.map_or(0, Composer::height);
        let written = u16::try_from(written).unwrap_or(u16::MAX).min(self.rows.div_ceil(2));
        let below = written + u16::from(status.is_some());
        let room = usize::from(self.rows.saturating_sub(below + 1)).saturating_sub(over.len());
        above.drain(..above.len().saturating_sub(room));
        above.extend(over);
        above.truncate(usize::from(self.rows.saturating_sub(below)));
        let top = u16::try_from(above.len()).unwrap_or(0);
        let height = if place == Place::Whole { self.rows } else { top + below };
        let mut region = Buffer::empty(Rect::new(0, 0, self.columns, height.max(1)));
        for (y, line) in (0..).zip(&above) {
            region.set_line(0, y, line, self.columns);
        }
        let mut cursor = Position { x: 0, y: height.saturating_sub(1) };
        if let Some(field) = field {
            cursor = draw_field(field, top, written, &mut region, &self.theme);
        }
        if let Some(status) = status {
            region.set_line(0, top + written, &status, self.columns);
        }
        if self.theme.glyphs == Glyphs::ASCII {
            in_ascii(&mut region);
        }
        Frame { finished, links: Vec::new(), region, cursor, place }
    }

    fn lines(&self, cell: &Cell) -> Vec<Line<'static>> {
        let tail = match cell {
            Cell::Item(item) => self.transcript.tail_of(&item.id),
            Cell::Notice(_) => "",
        };
        cell::lines(cell, tail, usize::from(self.columns), Detail::Brief, &self.theme)
    }

    /// What is under way: calls, what the model says, the plan, what waits.
    fn live(&self) -> Vec<Line<'static>> {
        let columns = usize::from(self.columns);
        let cells = &self.transcript.cells[self.drawn..];
        let mut lines: Vec<_> = cells.iter().flat_map(|cell| self.lines(cell)).collect();
        let said =
            self.transcript.previews.iter().filter(|preview| preview.field == DeltaField::Text);
        lines.extend(said.flat_map(|said| cell::message(&said.text, columns, &self.theme)));
        lines.extend(cell::plan(&self.transcript.plan, columns, &self.theme));
        for waiting in &self.waiting {
            let line =
                Line::styled(format!("{} {waiting}", self.theme.glyphs.quote), self.theme.dim);
            lines.extend(wrap::wrap(&line, columns));
        }
        lines
    }

    fn status(&self) -> String {
        if self.may_leave {
            return "ctrl-c again leaves".to_owned();
        }
        if let Some((query, is_found)) = self.composer.search() {
            let outcome = if is_found { "" } else { "in no message: " };
            return format!(
                "search: {outcome}{query} · ctrl-r older · enter takes it · esc goes back"
            );
        }
        let thread = self.transcript.thread.as_ref();
        let facts = thread.map(|thread| {
            format!("{} · {} · {}", thread.model, thread.sandbox, thread.cwd.display())
        });
        let facts = facts.unwrap_or_default();
        match (&self.transcript.retry, self.is_running()) {
            (Some(retry), _) => retry.clone(),
            (None, true) => {
                let took = view::duration(self.now_ms.saturating_sub(self.turn_began_ms));
                format!("working, {took} · esc stops · {facts}")
            }
            (None, false) => {
                format!("{facts} · {} tokens in the window", self.transcript.window_tokens)
            }
        }
    }
}

/// Draws what is being written into rows `top..top + height`, and says where the cursor is.
fn draw_field(
    field: &Composer,
    top: u16,
    height: u16,
    region: &mut Buffer,
    theme: &Theme,
) -> Position {
    region.set_string(0, top, "›", theme.accent);
    let area = Rect::new(2, top, region.area.width.saturating_sub(2), height);
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
