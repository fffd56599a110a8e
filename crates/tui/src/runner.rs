//! The screen on a real terminal: keys, records and whatever else comes go to the [`App`], its frames to the terminal.
//! What it asks for is done by whoever runs it. The terminal is given back however this ends.

mod system;

use std::io::{self, Write as _};
use std::pin::Pin;
use std::time::{Duration, Instant};

use agent_protocol::Record;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::MissedTickBehavior;

use crate::app::{App, Frame};
use crate::attention::{Attention, Notify};
use crate::decoder::Report;
use crate::effect::{Effect, Input};
use crate::full::Full;
use crate::key::{KeyCode, KeyEvent};
use crate::keyboard::Keyboard;
use crate::overlay::Place;
use crate::raw::{Output, Raw};
use crate::terminal::{Inline, Region};
use crate::theme::{Look, Theme};
use system::{Signals, Told, size};

/// Between two frames while much happens.
const FRAME: Duration = Duration::from_millis(16);

/// The signal that we go on comes within this time after we do.
const ECHO: Duration = Duration::from_secs(1);

/// What is known of the terminal, and wanted of it.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// As [`Inline::new`] has it.
    pub reflows: bool,
    /// It can be asked for what it knows, and what it does not understand stays invisible.
    pub answers: bool,
    /// The whole terminal, on its alternate screen, instead of the rows below what was there.
    pub full: bool,
    pub look: Look,
    pub notify: Notify,
}

/// What came of an effect.
pub enum Act {
    /// It is done or under way; what comes of it will be an input.
    Done,
    /// Something else needs the terminal, and this until it is over.
    Lend(Pin<Box<dyn Future<Output = Input>>>),
    /// The screen is over.
    End,
}

/// The terminal in raw mode, for as many threads as are shown on it one after the other.
pub struct Terminal {
    /// What an overlay draws that takes all of it; it is on the alternate screen then.
    whole: Option<Inline<Output>>,
    inline: Inline<Output>,
    /// Instead of `inline`, where the whole terminal is wanted.
    full: Option<Full<Output>>,
    /// None while the terminal is lent.
    raw: Option<(Keyboard, Raw)>,
    manners: Manners,
    attention: Attention,
    /// The terminal has said what its background is, and will again.
    tells_background: bool,
    columns: u16,
    rows: u16,
    began: Instant,
    signals: Signals,
    /// Typed, and not heard yet.
    unheard: Vec<Report>,
    /// When we came back from a stop of our own; the system tells of it once more, later.
    came_back: Option<Instant>,
    ended_by: Option<i32>,
}

/// What woke the screen up.
enum Woken {
    Reports(Vec<Report>),
    Input(Input),
    /// The time for the next frame.
    Due,
    Told(Told),
    Over,
}

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn enter(manners: Manners) -> io::Result<Self> {
        let signals = Signals::new()?;
        let mut raw = Raw::enter()?;
        if manners.answers {
            raw.ask()?;
        }
        let keyboard = Keyboard::new(raw.typed_before())?;
        let (columns, rows) = size();
        let full = manners.full.then(|| Full::new(Output, columns, rows));
        if manners.full {
            raw.stay_on_alternate()?;
        }
        Ok(Self {
            full,
            whole: None,
            inline: Inline::new(Output, columns, rows, manners.reflows),
            raw: Some((keyboard, raw)),
            manners,
            attention: Attention::new(manners.notify),
            tells_background: false,
            columns,
            rows,
            began: Instant::now(),
            signals,
            unheard: Vec::new(),
            came_back: None,
            ended_by: None,
        })
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        (self.columns, self.rows)
    }

    /// How it looks by what is known now.
    pub fn theme(&self) -> Theme {
        self.manners.look.theme()
    }

    /// The signal that ended it, if one did.
    pub fn ended_by(&self) -> Option<i32> {
        self.ended_by
    }

    /// Shows a thread until `act` ends it, the thread ends, or the terminal goes.
    ///
    /// # Errors
    /// When the terminal cannot be used.
    pub async fn show(
        &mut self,
        app: &mut App,
        records: &mut UnboundedReceiver<Record>,
        inputs: &mut UnboundedReceiver<Input>,
        mut act: impl FnMut(Effect) -> Act,
    ) -> io::Result<()> {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        // Nobody asks for it while nothing runs, and what was not asked for is not made up for.
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut drawn: Option<tokio::time::Instant> = None;
        let mut is_due = true;
        loop {
            self.mend_after_panic(app)?;
            if is_due {
                self.draw(app)?;
                app.update(self.now());
                app.was_drawn();
                drawn = Some(tokio::time::Instant::now());
            }
            let is_stale = !is_due;
            let next = drawn.unwrap_or_else(tokio::time::Instant::now) + FRAME;
            let is_running = app.is_running();
            // What was typed behind a key that had consequences comes after them, be it in the next thread.
            let unheard = std::mem::take(&mut self.unheard);
            let woken = if unheard.is_empty() {
                tokio::select! {
                    reports = listen(self.raw.as_mut()) => reports?.map_or(Woken::Over, Woken::Reports),
                    told = self.signals.next() => Woken::Told(told),
                    Some(input) = inputs.recv() => Woken::Input(input),
                    record = records.recv() => {
                        record.map_or(Woken::Over, |record| Woken::Input(Input::Record(Box::new(record))))
                    }
                    () = tokio::time::sleep_until(next), if is_stale => Woken::Due,
                    _ = seconds.tick(), if is_running => Woken::Input(self.now()),
                }
            } else {
                Woken::Reports(unheard)
            };
            // What the thread says quickly belongs to one frame; what the person does is seen at once.
            let is_record = matches!(woken, Woken::Input(Input::Record(_)));
            // The app has no clock, and none ticks while nothing runs.
            app.update(self.now());
            let effects = match woken {
                Woken::Due => vec![],
                Woken::Reports(reports) => self.hear(app, reports)?,
                Woken::Input(input) => {
                    let mut effects = app.update(input);
                    while let Ok(record) = records.try_recv() {
                        effects.extend(app.update(Input::Record(Box::new(record))));
                    }
                    effects
                }
                Woken::Told(Told::Resized) => self.resize(app)?,
                Woken::Told(Told::GoesOn) => self.go_on(app)?,
                Woken::Over => return Ok(()),
                Woken::Told(Told::Ended(signal)) => {
                    self.ended_by = Some(signal.as_raw());
                    return Ok(());
                }
            };
            is_due = !is_record && self.unheard.is_empty() || next <= tokio::time::Instant::now();
            let said = self.attention.look(app.state());
            if self.manners.answers && !said.is_empty() {
                Output.write_all(said.as_bytes())?;
            }
            for effect in effects {
                match act(effect) {
                    Act::Done => {}
                    Act::Lend(until) => {
                        let input = self.lend(until).await?;
                        self.resize(app)?;
                        app.update(self.now());
                        app.update(input);
                    }
                    Act::End => return Ok(()),
                }
            }
        }
    }

    fn now(&self) -> Input {
        Input::Tick(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// What came from the terminal, up to the first that has consequences.
    fn hear(&mut self, app: &mut App, reports: Vec<Report>) -> io::Result<Vec<Effect>> {
        let mut effects = Vec::new();
        if reports.iter().filter(|report| matches!(report, Report::Key(_))).count() > 1 {
            app.typed_at_once();
        }
        let mut reports = reports.into_iter();
        while effects.is_empty()
            && let Some(report) = reports.next()
        {
            match report {
                Report::Key(key) if stops(key) => effects.extend(self.stop(app)?),
                Report::Key(key) if !app.is_covered() && self.scrolls(key) => {}
                Report::Key(key) => effects.extend(app.update(Input::Key(key))),
                Report::Paste(text) => effects.extend(app.update(Input::Paste(text))),
                Report::Focus(focused) => {
                    self.attention.focus(focused);
                    if let Some((_, raw)) = &mut self.raw
                        && focused
                        && self.tells_background
                    {
                        raw.ask_background()?;
                    }
                }
                Report::Background(colour) => {
                    self.tells_background = true;
                    let look = self.manners.look.on(colour);
                    if look != std::mem::replace(&mut self.manners.look, look) {
                        app.restyle(self.theme());
                        if self.full.is_some() {
                            self.restart(app)?;
                        }
                    }
                }
                Report::Keyboard => {
                    if let Some((_, raw)) = &self.raw {
                        raw.use_keyboard_protocol()?;
                    }
                }
                Report::Attributes => {
                    if let Some((_, raw)) = &mut self.raw {
                        raw.is_answered();
                    }
                }
            }
        }
        self.unheard = reports.collect();
        Ok(effects)
    }

    /// Whether the key is ours: the terminal's own scrolling knows nothing of the alternate screen.
    fn scrolls(&mut self, key: KeyEvent) -> bool {
        let Some(full) = &mut self.full else { return false };
        match key.code {
            KeyCode::PageUp => full.page_up(),
            KeyCode::PageDown => full.page_down(),
            KeyCode::Enter => {
                full.to_end();
                return false;
            }
            _ => return false,
        }
        true
    }

    /// The alternate screen is empty, and all is drawn again.
    fn restart(&mut self, app: &mut App) -> io::Result<()> {
        if let (Some(full), Some((_, raw))) = (&mut self.full, &self.raw) {
            raw.stay_on_alternate()?;
            full.restart(self.columns, self.rows);
            app.draw_again();
        }
        Ok(())
    }

    fn draw(&mut self, app: &mut App) -> io::Result<()> {
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
            return self.inline.draw(&finished, &links, region);
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

    fn leave_whole(&mut self) -> io::Result<()> {
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

    fn resize(&mut self, app: &mut App) -> io::Result<Vec<Effect>> {
        // Where the terminal put what it showed is known of its main screen only.
        self.leave_whole()?;
        (self.columns, self.rows) = size();
        if self.full.is_some() {
            self.restart(app)?;
        } else {
            self.inline.resize(self.columns, self.rows)?;
        }
        Ok(app.update(Input::Resize { columns: self.columns, rows: self.rows }))
    }

    /// Ctrl-Z.
    fn stop(&mut self, app: &mut App) -> io::Result<Vec<Effect>> {
        self.leave_whole()?;
        self.clear()?;
        if let Some((_, raw)) = &self.raw {
            raw.stop()?;
            self.came_back = Some(Instant::now());
        }
        self.resize(app)
    }

    /// On the alternate screen there is nothing that would stay.
    fn clear(&mut self) -> io::Result<()> {
        if self.full.is_some() { Ok(()) } else { self.inline.clear() }
    }

    /// The terminal may be anything by now, and whoever had it has left the cursor somewhere.
    fn go_on(&mut self, app: &mut App) -> io::Result<Vec<Effect>> {
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

    fn mend_after_panic(&mut self, app: &mut App) -> io::Result<()> {
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
    async fn lend(&mut self, until: Pin<Box<dyn Future<Output = Input>>>) -> io::Result<Input> {
        self.leave_whole()?;
        self.clear()?;
        self.raw = None;
        let input = until.await;
        let mut raw = Raw::enter()?;
        if self.manners.answers {
            raw.ask()?;
        }
        self.raw = Some((Keyboard::new(raw.typed_before())?, raw));
        Ok(input)
    }

    /// Takes the region away: what comes next stands right below what is finished.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn leave(mut self) -> io::Result<()> {
        self.leave_whole()?;
        self.clear()
    }
}

async fn listen(terminal: Option<&mut (Keyboard, Raw)>) -> io::Result<Option<Vec<Report>>> {
    match terminal {
        Some((keyboard, _)) => keyboard.next().await,
        None => std::future::pending().await,
    }
}

/// Raw mode leaves it to us to do what Ctrl-Z does everywhere.
fn stops(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('z') && key.modifiers.ctrl && !key.modifiers.shift
}
