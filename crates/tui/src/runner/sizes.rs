//! What is done when the terminal takes another size: nothing is drawn until that is certain, and then the region begins
//! anew where the terminal has put it.

use std::io;

use tokio::time::Instant;

use super::Terminal;
use super::survey::{Answer, Next};
use super::system::size;
use crate::app::App;
use crate::effect::{Effect, Input};

impl Terminal {
    /// Whether the size is certain; else it is found out first.
    pub(super) fn may_draw(&mut self, app: &App) -> io::Result<bool> {
        if self.full.is_some() {
            return Ok(true);
        }
        if self.survey.differs(size(), self.size()) {
            self.doubt()?;
        }
        if !self.survey.is_certain() {
            return Ok(false);
        }
        let is_guarded = app.is_running() && self.survey.is_guarded(Instant::now());
        if is_guarded && self.inline.asked() == 0 {
            self.ask()?;
        }
        Ok(!is_guarded)
    }

    pub(super) fn ask(&mut self) -> io::Result<()> {
        self.survey.ask(Instant::now(), self.inline.asked());
        self.inline.ask()
    }

    pub(super) fn doubt(&mut self) -> io::Result<()> {
        // Where the terminal put what it showed is known of its main screen only.
        self.leave_whole()?;
        self.survey.doubt(Instant::now());
        Ok(())
    }

    /// The system says that the size has changed.
    pub(super) fn look_at_size(&mut self, app: &mut App) -> io::Result<Vec<Effect>> {
        if self.full.is_some() {
            return self.resize(app);
        }
        self.survey.differs(size(), self.size());
        self.doubt()?;
        Ok(vec![])
    }

    pub(super) fn hear_answer(&mut self, app: &mut App, answer: Answer) -> io::Result<Vec<Effect>> {
        let Answer { size: (columns, rows), above } = answer;
        self.inline.answered(columns, rows);
        if self.survey.is_certain() {
            if answer.size != self.size() {
                self.doubt()?;
            }
            return Ok(vec![]);
        }
        if self.inline.asked() > 0 || !self.survey.holds(answer.size, Instant::now()) {
            return Ok(vec![]);
        }
        self.settle(app, answer.size, Some(above))
    }

    pub(super) fn go_without_answer(&mut self, app: &mut App) -> io::Result<Vec<Effect>> {
        match self.survey.due(Instant::now(), self.inline.asked()) {
            Next::Wait => {}
            Next::Ask => self.ask()?,
            Next::Guess => return self.settle(app, size(), None),
        }
        Ok(vec![])
    }

    /// From here on it has this size, and so many rows above the cursor, if that is known.
    pub(super) fn settle(
        &mut self,
        app: &mut App,
        size: (u16, u16),
        above: Option<u16>,
    ) -> io::Result<Vec<Effect>> {
        self.survey.settle(Instant::now());
        (self.columns, self.rows) = size;
        self.inline.resize(self.columns, self.rows, above)?;
        self.is_rebuilt = true;
        Ok(app.update(Input::Resize { columns: self.columns, rows: self.rows }))
    }
}
