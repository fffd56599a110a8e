//! The screen on a real terminal: keys, records and whatever else comes go to the [`App`], its frames to the terminal.
//! What it asks for is done by whoever runs it. The terminal is given back however this ends.

use std::io::{self, Stdout, Write as _};
use std::pin::Pin;
use std::time::{Duration, Instant};

use agent_protocol::Record;
use crossterm::event::{self as terminal_event, Event, EventStream};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode, size};
use futures_util::StreamExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::MissedTickBehavior;

use crate::app::{App, Frame};
use crate::effect::{Effect, Input};
use crate::key::{KeyCode, KeyEvent, Modifiers};
use crate::overlay::Place;
use crate::terminal::Inline;

/// Between two frames while much happens.
const FRAME: Duration = Duration::from_millis(16);

/// Raw mode and pasting in one piece, until it is dropped.
struct Raw;

impl Raw {
    fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        let raw = Self;
        io::stdout().write_all(b"\x1b[?2004h")?;
        io::stdout().flush()?;
        Ok(raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A frame that broke off would hold back everything that comes after it.
        let _ = io::stdout().write_all(b"\x1b[?2026l\x1b[?2004l\x1b[0m");
        let _ = io::stdout().flush();
        let _ = disable_raw_mode();
    }
}

/// The alternate screen, until it is dropped.
struct Whole {
    inline: Inline<Stdout>,
}

impl Whole {
    fn enter(columns: u16) -> io::Result<Self> {
        io::stdout().write_all(b"\x1b[?1049h\x1b[H")?;
        Ok(Self { inline: Inline::new(io::stdout(), columns, false) })
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        let _ = io::stdout().write_all(b"\x1b[?2026l\x1b[0m\x1b[?1049l");
        let _ = io::stdout().flush();
    }
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
    // Dropped in this order: the alternate screen is left before raw mode.
    whole: Option<Whole>,
    inline: Inline<Stdout>,
    /// None while the terminal is lent.
    raw: Option<(EventStream, Raw)>,
    columns: u16,
    rows: u16,
    began: Instant,
    terminate: Signal,
    hang_up: Signal,
}

impl Terminal {
    /// Takes the terminal; `reflows` is as [`Inline::new`] has it.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn enter(reflows: bool) -> io::Result<Self> {
        let raw = Raw::enter()?;
        let (columns, rows) = size()?;
        Ok(Self {
            whole: None,
            inline: Inline::new(io::stdout(), columns, reflows),
            raw: Some((EventStream::new(), raw)),
            columns,
            rows,
            began: Instant::now(),
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        (self.columns, self.rows)
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
        loop {
            self.draw(app.draw())?;
            let drawn = tokio::time::Instant::now();
            let events = self.raw.as_mut().map(|(events, _)| events);
            let input = tokio::select! {
                event = next(events) => match event {
                    Some(event) => read(event?),
                    None => return Ok(()),
                },
                record = records.recv() => match record {
                    Some(record) => Some(Input::Record(Box::new(record))),
                    None => return Ok(()),
                },
                Some(input) = inputs.recv() => Some(input),
                _ = self.terminate.recv() => return Ok(()),
                _ = self.hang_up.recv() => return Ok(()),
                _ = seconds.tick(), if app.is_running() => Some(self.now()),
            };
            let Some(input) = input else { continue };
            if let Input::Resize { columns, rows } = input {
                self.resize(columns, rows)?;
            }
            let is_record = matches!(input, Input::Record(_));
            let mut effects = app.update(input);
            // What comes in the meantime belongs to the same frame.
            while is_record && drawn.elapsed() < FRAME {
                match tokio::time::timeout_at(drawn + FRAME, records.recv()).await {
                    Ok(Some(record)) => effects.extend(app.update(Input::Record(Box::new(record)))),
                    Ok(None) | Err(_) => break,
                }
            }
            for effect in effects {
                match act(effect) {
                    Act::Done => {}
                    Act::Lend(until) => {
                        let input = self.lend(until).await?;
                        app.update(Input::Resize { columns: self.columns, rows: self.rows });
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

    fn draw(&mut self, frame: Frame) -> io::Result<()> {
        let Frame { finished, region, cursor, place } = frame;
        if place == Place::Below {
            self.whole = None;
            return self.inline.draw(&finished, region, cursor);
        }
        let whole = match &mut self.whole {
            Some(whole) => whole,
            none => none.insert(Whole::enter(self.columns)?),
        };
        whole.inline.draw(&finished, region, cursor)
    }

    fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        // Where the terminal put what it showed is known of its main screen only.
        self.whole = None;
        (self.columns, self.rows) = (columns, rows);
        self.inline.resize(columns)
    }

    /// Gives the terminal back until `until` is over.
    async fn lend(&mut self, until: Pin<Box<dyn Future<Output = Input>>>) -> io::Result<Input> {
        self.whole = None;
        self.inline.clear()?;
        self.raw = None;
        let input = until.await;
        self.raw = Some((EventStream::new(), Raw::enter()?));
        (self.columns, self.rows) = size()?;
        self.inline.resize(self.columns)?;
        Ok(input)
    }

    /// Takes the region away: what comes next stands right below what is finished.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn leave(mut self) -> io::Result<()> {
        self.whole = None;
        self.inline.clear()
    }
}

async fn next(events: Option<&mut EventStream>) -> Option<io::Result<Event>> {
    events?.next().await
}

/// What the terminal says, in our words.
fn read(event: Event) -> Option<Input> {
    match event {
        Event::Paste(text) => Some(Input::Paste(text)),
        Event::Resize(columns, rows) => Some(Input::Resize { columns, rows }),
        Event::Key(key) if key.kind != terminal_event::KeyEventKind::Release => {
            use terminal_event::KeyModifiers as Held;
            let held = Modifiers {
                ctrl: key.modifiers.contains(Held::CONTROL),
                alt: key.modifiers.contains(Held::ALT),
                // A character has it applied, save where it is part of a chord.
                shift: key.modifiers.contains(Held::SHIFT)
                    && (key.modifiers.contains(Held::CONTROL)
                        || !matches!(key.code, terminal_event::KeyCode::Char(_))),
            };
            Some(Input::Key(KeyEvent { code: code(key.code)?, modifiers: held }))
        }
        _ => None,
    }
}

fn code(code: terminal_event::KeyCode) -> Option<KeyCode> {
    use terminal_event::KeyCode as Theirs;
    Some(match code {
        Theirs::Char(c) => KeyCode::Char(c),
        Theirs::Enter => KeyCode::Enter,
        Theirs::Tab | Theirs::BackTab => KeyCode::Tab,
        Theirs::Backspace => KeyCode::Backspace,
        Theirs::Delete => KeyCode::Delete,
        Theirs::Insert => KeyCode::Insert,
        Theirs::Esc => KeyCode::Esc,
        Theirs::Left => KeyCode::Left,
        Theirs::Right => KeyCode::Right,
        Theirs::Up => KeyCode::Up,
        Theirs::Down => KeyCode::Down,
        Theirs::Home => KeyCode::Home,
        Theirs::End => KeyCode::End,
        Theirs::PageUp => KeyCode::PageUp,
        Theirs::PageDown => KeyCode::PageDown,
        Theirs::F(number) => KeyCode::F(number),
        _ => return None,
    })
}
