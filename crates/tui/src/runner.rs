//! The screen on a real terminal: keys and records go to the [`App`], its frames to the terminal, its effects to the
//! thread. The terminal is given back however this ends.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use agent_protocol::{Command, Content, Record};
use crossterm::event::{self as terminal_event, Event, EventStream};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode, size};
use futures_util::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::app::{App, Effect, Input};
use crate::composer::Image;
use crate::key::{KeyCode, KeyEvent, Modifiers};
use crate::terminal::Inline;
use crate::theme::Theme;

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

/// Shows a thread until the person leaves, or the thread ends. `reflows` is as [`Inline::new`] has it; `load` reads a picture that is to be sent.
///
/// # Errors
/// When the terminal cannot be used.
pub async fn run(
    theme: Theme,
    reflows: bool,
    commands: mpsc::UnboundedSender<Command>,
    mut records: mpsc::UnboundedReceiver<Record>,
    mut load: impl FnMut(&Image) -> Result<Content, String>,
) -> io::Result<()> {
    let _raw = Raw::enter()?;
    let (columns, rows) = size()?;
    let mut app = App::new(theme, columns, rows);
    let mut inline = Inline::new(io::stdout(), columns, reflows);
    let mut events = EventStream::new();
    let began = Instant::now();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    // Nobody asks for it while nothing runs, and what was not asked for is not made up for.
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        let frame = app.draw();
        inline.draw(&frame.finished, frame.region, frame.cursor)?;
        let drawn = tokio::time::Instant::now();
        let input = tokio::select! {
            event = events.next() => match event {
                Some(event) => read(event?),
                None => break,
            },
            record = records.recv() => match record {
                Some(record) => Some(Input::Record(Box::new(record))),
                None => break,
            },
            _ = terminate.recv() => break,
            _ = hang_up.recv() => break,
            _ = seconds.tick(), if app.is_running() => {
                Some(Input::Tick(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)))
            }
        };
        let Some(input) = input else { continue };
        if let Input::Resize { columns, .. } = input {
            inline.resize(columns)?;
        }
        let mut effects = app.update(input.clone());
        // What comes in the meantime belongs to the same frame.
        while matches!(input, Input::Record(_)) && drawn.elapsed() < FRAME {
            match tokio::time::timeout_at(drawn + FRAME, records.recv()).await {
                Ok(Some(record)) => effects.extend(app.update(Input::Record(Box::new(record)))),
                Ok(None) | Err(_) => break,
            }
        }
        for effect in effects {
            let command = match effect {
                Effect::Leave => {
                    let _ = commands.send(Command::Shutdown);
                    inline.clear()?;
                    return Ok(());
                }
                Effect::Interrupt => Command::Interrupt,
                Effect::Compact => Command::Compact,
                Effect::Decide { call_id, decision } => Command::Decide { call_id, decision },
                Effect::Send(message) => match message.contents(&mut load) {
                    Ok(contents) => Command::Send(contents),
                    Err(error) => {
                        app.take_back(&message, &error);
                        continue;
                    }
                },
            };
            let _ = commands.send(command);
        }
    }
    let _ = commands.send(Command::Shutdown);
    inline.clear()
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
