//! The screen on a real terminal: keys, records and whatever else comes go to the [`App`], its frames to the terminal.
//! What it asks for is done by whoever runs it. The terminal is given back however this ends.

mod away;
mod showing;
mod sizes;
mod survey;
mod system;
mod watch;

use std::io::{self, Write as _};
use std::pin::Pin;
use std::time::Duration;

use agent_protocol::Record;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, MissedTickBehavior};

use crate::app::App;
use crate::attention::{Attention, Notify};
use crate::decoder::Report;
use crate::effect::{Effect, Input};
use crate::full::Full;
use crate::key::{KeyCode, KeyEvent};
use crate::keyboard::Keyboard;
use crate::output::{self, Output, Reading};
use crate::raw::{self, Raw};
use crate::terminal::Inline;
use crate::theme::{Look, Scheme, Theme};
use crate::transcript::Notice;
use survey::Survey;
use system::{Signals, Told, size};

/// Between two frames while much happens.
const FRAME: Duration = Duration::from_millis(16);

/// Why a theme makes no difference.
const NO_COLOURS: &str = "There are no colours here: `NO_COLOR` is set, or the terminal has none.";

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
    reading: Reading,
    manners: Manners,
    attention: Attention,
    /// The terminal has said what its background is, and will again.
    tells_background: bool,
    columns: u16,
    rows: u16,
    survey: Survey,
    /// The region has to be drawn anew.
    is_rebuilt: bool,
    began: Instant,
    signals: Signals,
    /// Typed, and not heard yet.
    unheard: Vec<Report>,
    /// When we came back from a stop of our own; the system tells of it once more, later.
    came_back: Option<Instant>,
    ended_by: Option<i32>,
    /// It was not found to have stopped reading when that came.
    reads: bool,
}

/// What woke the screen up.
enum Woken {
    Reports(Vec<Report>),
    Input(Input),
    /// The time for the next frame.
    Due,
    /// The terminal has taken what it had not read.
    CaughtUp,
    /// No answer came.
    Unanswered,
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
        watch::begin();
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
            reading: Reading::new(),
            manners,
            attention: Attention::new(manners.notify),
            tells_background: false,
            columns,
            rows,
            survey: Survey::new((columns, rows), manners.answers),
            is_rebuilt: false,
            began: Instant::now(),
            signals,
            unheard: Vec::new(),
            came_back: None,
            ended_by: None,
            reads: true,
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
        act: impl FnMut(Effect) -> Act,
    ) -> io::Result<()> {
        self.go_through(app, records, inputs, act).await?;
        self.hear_out().await
    }

    async fn go_through(
        &mut self,
        app: &mut App,
        records: &mut UnboundedReceiver<Record>,
        inputs: &mut UnboundedReceiver<Input>,
        mut act: impl FnMut(Effect) -> Act,
    ) -> io::Result<()> {
        app.restyle(self.manners.look);
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        // Nobody asks for it while nothing runs, and what was not asked for is not made up for.
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut drawn: Option<Instant> = None;
        let mut is_due = true;
        let mut is_stale = true;
        loop {
            self.mend_after_panic(app)?;
            let is_held = is_due && (output::is_behind() || !self.may_draw(app)?);
            if is_due && !is_held {
                self.draw(app)?;
                app.update(self.now());
                app.was_drawn();
                drawn = Some(Instant::now());
                is_stale = false;
            }
            // It may not have taken all of what was just drawn. What it has not read it cannot answer.
            let is_behind = output::is_behind();
            let answer_by = self.survey.deadline(is_held).filter(|_| !is_behind);
            let next = drawn.unwrap_or_else(Instant::now) + FRAME;
            let is_running = app.is_running();
            let changes_at = app.changes_at_ms().map(|ms| self.began + Duration::from_millis(ms));
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
                    caught_up = self.reading.caught_up(), if is_behind => caught_up.map(|()| Woken::CaughtUp)?,
                    () = tokio::time::sleep_until(next), if is_stale && !is_held => Woken::Due,
                    () = tokio::time::sleep_until(answer_by.unwrap_or(next)), if answer_by.is_some() => {
                        Woken::Unanswered
                    }
                    () = tokio::time::sleep_until(changes_at.unwrap_or(next)), if changes_at.is_some() => {
                        Woken::Due
                    }
                    _ = seconds.tick(), if is_running => Woken::Input(self.now()),
                }
            } else {
                Woken::Reports(unheard)
            };
            // What the thread says quickly belongs to one frame; what the person does is seen at once.
            let is_record = matches!(woken, Woken::Input(Input::Record(_)));
            let is_ours = is_only_about_the_size(&woken);
            // The app has no clock, and none ticks while nothing runs.
            app.update(self.now());
            let effects = match woken {
                Woken::Due => app.update(Input::Due),
                Woken::CaughtUp => {
                    self.survey.was_held_up(Instant::now());
                    vec![]
                }
                Woken::Unanswered => self.go_without_answer(app)?,
                Woken::Reports(reports) => self.hear(app, reports).await?,
                Woken::Input(input) => {
                    let mut effects = app.update(input);
                    while let Ok(record) = records.try_recv() {
                        effects.extend(app.update(Input::Record(Box::new(record))));
                    }
                    effects
                }
                Woken::Told(Told::Resized) => self.look_at_size(app)?,
                Woken::Told(Told::GoesOn) => self.go_on(app)?,
                Woken::Over => return Ok(()),
                Woken::Told(Told::Ended(signal)) => {
                    self.reads = raw::end();
                    self.ended_by = Some(signal.as_raw());
                    return Ok(());
                }
            };
            let is_seen = !is_record && self.unheard.is_empty();
            is_due = std::mem::take(&mut self.is_rebuilt)
                || is_held
                || !is_ours && (is_seen || next <= Instant::now());
            is_stale |= !is_ours;
            let said = self.attention.look(app.state());
            if self.manners.answers && !said.is_empty() {
                Output.write_all(said.as_bytes())?;
            }
            for effect in effects {
                if let Effect::Dress(scheme) = effect {
                    self.dress(app, Look { scheme, ..self.manners.look })?;
                    if !self.manners.look.has_colours() && scheme != Scheme::None {
                        app.update(Input::Notice(Notice::Said(NO_COLOURS.to_owned())));
                    }
                    continue;
                }
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
    async fn hear(&mut self, app: &mut App, reports: Vec<Report>) -> io::Result<Vec<Effect>> {
        let mut effects = Vec::new();
        if reports.iter().filter(|report| matches!(report, Report::Key(_))).count() > 1 {
            app.typed_at_once();
        }
        let mut reports = reports.into_iter();
        while effects.is_empty()
            && let Some(report) = reports.next()
        {
            match report {
                Report::Key(key) if stops(key) => effects.extend(self.stop(app).await?),
                Report::Key(key) if !app.is_covered() && self.scrolls(app, key) => {}
                Report::Key(key) => effects.extend(app.update(Input::Key(key))),
                Report::Paste(text) => effects.extend(app.update(Input::Paste(text))),
                Report::OpenPaste(text) => {
                    effects.extend(app.update(Input::Paste(text)));
                    app.paste_lacks_end();
                }
                Report::Focus(focused) => {
                    self.attention.focus(focused);
                    if focused {
                        effects.extend(app.update(Input::Focused));
                    }
                    if let Some((_, raw)) = &mut self.raw
                        && focused
                        && self.tells_background
                    {
                        raw.ask_background()?;
                    }
                }
                Report::Background(colour) => {
                    self.tells_background = true;
                    self.dress(app, self.manners.look.on(colour))?;
                }
                Report::Keyboard => {
                    if let Some((_, raw)) = &self.raw {
                        raw.use_keyboard_protocol()?;
                    }
                }
                Report::Position { row, column } => {
                    let now = Instant::now();
                    if self.inline.asked() > 0
                        && let Some(answer) = self.survey.hear(row, column, now)
                    {
                        effects.extend(self.hear_answer(app, answer)?);
                    }
                }
                Report::Wheel { up } => effects.extend(self.roll(app, up)),
                Report::Attributes => {
                    if let Some((_, raw)) = &mut self.raw {
                        raw.is_answered();
                    }
                }
            }
        }
        let heard_since = std::mem::take(&mut self.unheard);
        self.unheard = reports.chain(heard_since).collect();
        Ok(effects)
    }
}

fn is_only_about_the_size(woken: &Woken) -> bool {
    match woken {
        Woken::Reports(reports) => {
            reports.iter().all(|report| matches!(report, Report::Position { .. }))
        }
        Woken::Unanswered | Woken::CaughtUp => true,
        _ => false,
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
