//! What is on the terminal: frames on its main screen, on the alternate one, or on both in turn, and scrolling where the
//! terminal has none.

use std::io;

use tokio::time::Instant;

use super::Terminal;
use crate::app::{App, Frame};
use crate::effect::{Effect, Input};
use crate::full::Full;
use crate::key::{KeyCode, KeyEvent};
use crate::output::Output;
use crate::overlay::Place;
use crate::terminal::{Inline, Region};
use crate::theme::Look;

impl Terminal {
    /// Whether the key is ours: the terminal's own scrolling knows nothing of the alternate screen.
    pub(super) fn scrolls(&mut self, app: &App, key: KeyEvent) -> bool {
        let Some(full) = &mut self.full else { return false };
        match key.code {
            KeyCode::PageUp => full.page_up(),
            KeyCode::PageDown => full.page_down(),
            // In what is written it is the end of that.
            KeyCode::End if full.reads_back() && app.writes_nothing() => full.to_end(),
            KeyCode::Enter => {
                full.to_end();
                return false;
            }
            _ => return false,
        }
        true
    }

    /// What the wheel does: a pager has rows of its own, else it goes through what was said.
    pub(super) fn roll(&mut self, app: &mut App, up: bool) -> Vec<Effect> {
        const ROWS: usize = 3;
        if app.is_paging() {
            let key = KeyEvent::plain(if up { KeyCode::Up } else { KeyCode::Down });
            return (0..ROWS).flat_map(|_| app.update(Input::Key(key))).collect();
        }
        match &mut self.full {
            Some(full) if up => full.up(ROWS),
            Some(full) => full.down(ROWS),
            None => {}
        }
        vec![]
    }

    /// It looks like this from here on.
    pub(super) fn dress(&mut self, app: &mut App, look: Look) -> io::Result<()> {
        let before = self.theme();
        self.manners.look = look;
        app.restyle(look);
        if self.full.is_some() && self.theme() != before {
            self.restart(app)?;
        }
        Ok(())
    }

    /// The alternate screen is empty, and all is drawn again.
    pub(super) fn restart(&mut self, app: &mut App) -> io::Result<()> {
        if let (Some(full), Some((_, raw))) = (&mut self.full, &self.raw) {
            raw.stay_on_alternate()?;
            full.restart(self.columns, self.rows);
            app.draw_again();
        }
        Ok(())
    }

    pub(super) fn draw(&mut self, app: &mut App) -> io::Result<()> {
        app.read_back(self.full.as_ref().is_some_and(Full::reads_back));
        let mut frame = app.draw();
        if !self.manners.answers {
            frame.links.clear();
        }
        if let Some(full) = &mut self.full {
            return full.draw(frame, self.manners.look.theme().dim);
        }
        let Frame { finished, links, region, cursor, place } = frame;
        if place == Place::Below {
            self.leave_whole()?;
            let region = Region { cells: region, links: vec![], cursor };
            let (is_moving, before) =
                (app.is_running() || !finished.is_empty(), self.inline.asked());
            if !is_moving || !self.survey.may_ask() {
                return self.inline.draw(&finished, &links, region);
            }
            self.inline.draw_and_ask(&finished, &links, region)?;
            if self.inline.asked() > before {
                self.survey.ask(Instant::now(), before);
            }
            return Ok(());
        }
        if self.whole.is_none()
            && let Some((_, raw)) = &self.raw
        {
            raw.enter_alternate()?;
        }
        let (columns, rows) = (self.columns, self.rows);
        let whole = self.whole.get_or_insert_with(|| Inline::new(Output, columns, rows, false));
        whole.draw(&finished, &[], Region { cells: region, links, cursor })
    }

    pub(super) fn leave_whole(&mut self) -> io::Result<()> {
        match (&self.raw, self.whole.take()) {
            (Some((_, raw)), Some(whole)) => {
                // There is one cursor for both screens.
                whole.end()?;
                self.inline.cursor_was_shown();
                raw.leave_alternate()
            }
            _ => Ok(()),
        }
    }
}
