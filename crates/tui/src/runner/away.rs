//! The terminal given to somebody else for a while, or for good, and taken again.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use tokio::time::Instant;

use super::survey::Answer;
use super::system::size;
use super::{Terminal, listen};
use crate::app::App;
use crate::decoder::Report;
use crate::effect::{Effect, Input};
use crate::keyboard::Keyboard;
use crate::markdown::Rendered;
use crate::output;
use crate::raw::Raw;
use crate::terminal::Region;

/// Answers that are on their way come within this time, if they come: a terminal that never answers is not asked, and over
/// a slow line they take long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The signal that we go on comes within this time after we do.
const ECHO: Duration = Duration::from_secs(1);

impl Terminal {
    /// Ctrl-Z.
    pub(super) async fn stop(&mut self, app: &mut App) -> io::Result<Vec<Effect>> {
        self.leave_whole()?;
        self.clear()?;
        self.hear_out().await?;
        if let Some((_, raw)) = &self.raw {
            raw.stop()?;
            self.came_back = Some(Instant::now());
        }
        self.resize(app)
    }

    /// On the alternate screen there is nothing that would stay.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        if self.full.is_some() { Ok(()) } else { self.inline.clear() }
    }

    /// The terminal may be anything by now, and whoever had it has left the cursor somewhere.
    pub(super) fn go_on(&mut self, app: &mut App) -> io::Result<Vec<Effect>> {
        if self.came_back.take().is_some_and(|when| when.elapsed() < ECHO) {
            return Ok(vec![]);
        }
        self.whole = None;
        if let Some((_, raw)) = &self.raw {
            raw.take_again()?;
            self.inline.forget();
        }
        self.resize(app)
    }

    pub(super) fn mend_after_panic(&mut self, app: &mut App) -> io::Result<()> {
        if !Raw::was_taken_away() {
            return Ok(());
        }
        self.whole = None;
        if let Some((_, raw)) = &self.raw {
            raw.take_again()?;
        }
        self.inline.forget();
        self.restart(app)
    }

    /// Gives the terminal back until `until` is over.
    pub(super) async fn lend(
        &mut self,
        until: Pin<Box<dyn Future<Output = Input>>>,
    ) -> io::Result<Input> {
        self.leave_whole()?;
        self.clear()?;
        self.hear_out().await?;
        self.raw = None;
        let input = until.await;
        let mut raw = Raw::enter()?;
        if self.manners.answers {
            raw.ask()?;
        }
        self.raw = Some((Keyboard::new(raw.typed_before())?, raw));
        Ok(input)
    }

    /// Puts what became finished since the last frame into the scrollback, in the place of the region: the thread has
    /// ended, and nothing is drawn any more.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw_end(&mut self, app: &mut App) -> io::Result<()> {
        // The alternate screen is forgotten, and who reads no more has no use for it.
        if self.full.is_some() || !self.reads {
            return Ok(());
        }
        self.leave_whole()?;
        let Rendered { lines, mut links } = app.finish();
        if !self.manners.answers {
            links.clear();
        }
        let cells = Buffer::empty(Rect::new(0, 0, self.columns, 1));
        self.inline.draw(&lines, &links, Region { cells, links: vec![], cursor: None })
    }

    /// Takes the region away: what comes next stands right below what is finished.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn leave(mut self) -> io::Result<()> {
        self.leave_whole()?;
        self.clear()
    }

    /// What comes from the terminal is heard until it has answered: its answers must not be typed into what comes after
    /// us.
    pub(super) async fn hear_out(&mut self) -> io::Result<()> {
        let until = Instant::now() + LAST_WORDS;
        while self.inline.asked() > 0 && self.survey.may_ask() {
            let heard = tokio::time::timeout_at(until, async {
                if output::is_behind() {
                    self.reading.caught_up().await?;
                }
                listen(self.raw.as_mut()).await
            });
            let heard = heard.await;
            let Ok(Some(reports)) = heard.unwrap_or(Ok(None)) else { break };
            for report in reports {
                let Report::Position { row, column } = report else {
                    self.unheard.push(report);
                    continue;
                };
                if let Some(Answer { size, .. }) = self.survey.hear(row, column, Instant::now()) {
                    self.inline.answered(size.0, size.1);
                }
            }
        }
        if self.inline.asked() > 0 {
            self.inline.give_up();
            self.survey.give_up();
            if let Some((_, raw)) = &mut self.raw {
                raw.is_asked();
            }
        }
        Ok(())
    }

    /// Somebody else had the terminal; what they left of it is above the region.
    pub(super) fn resize(&mut self, app: &mut App) -> io::Result<Vec<Effect>> {
        self.leave_whole()?;
        (self.columns, self.rows) = size();
        self.survey.differs(self.size(), self.size());
        if self.full.is_some() {
            self.restart(app)?;
            return Ok(app.update(Input::Resize { columns: self.columns, rows: self.rows }));
        }
        self.settle(app, self.size(), None)
    }
}
