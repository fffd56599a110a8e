//! The front end of `agent exec`: sends one message, prints what the thread says until the turn is over, and turns
//! signals into an orderly end (exec-json.md 7 and 12).

use std::io::{self, Write};
use std::pin::Pin;

use agent_core::ThreadHandle;
use agent_protocol::{Command, Content, Decision, Event, Fill, ItemDetails, Record, TurnError};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::human::HumanPrinter;
use super::json::JsonPrinter;
use super::stdin::Later;
use crate::window;

/// What is printed where.
pub(crate) enum Printer {
    /// Events on standard output.
    Json(JsonPrinter<io::Stdout>),
    /// Progress on standard error, the answer on standard output.
    Human(HumanPrinter<io::Stderr>),
}

/// How a run ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) error: Option<TurnError>,
    pub(crate) thread_id: String,
    /// The last message of the model.
    pub(crate) message: String,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Whoever read standard output had gone.
    pub(crate) reader_gone: bool,
    /// Why standard output could not be written, where it was not that.
    pub(crate) unwritten: Option<io::Error>,
    /// Whether the answer fits the schema that was asked for.
    pub(crate) schema_valid: Option<bool>,
    /// A tool call failed, or was refused.
    pub(crate) tool_failed: bool,
}

/// The signals that end a run.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

impl Signals {
    /// # Errors
    /// When they cannot be listened to.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The number of the next one.
    pub(crate) async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => SIGINT,
            _ = self.terminate.recv() => SIGTERM,
            _ = self.hang_up.recv() => SIGHUP,
        }
    }
}

/// What may still be learnt while the turn runs.
#[derive(Default)]
pub(crate) struct Beside {
    /// Standard input that was silent so far.
    pub(crate) later: Option<Later>,
    /// Tokens at which the window is to be shortened, as far as the provider says how much goes into it.
    pub(crate) compact_at: Option<CompactAt>,
}

/// Finds it out.
pub(crate) type CompactAt = Pin<Box<dyn Future<Output = Option<u64>> + Send>>;

/// Of less the provider is not asked how much goes into the window.
const ASKED_FROM_TOKENS: u64 = 16_000;

/// Sends `message` and follows the turn to its end.
///
/// # Errors
/// When signals cannot be listened to.
pub(crate) async fn follow(
    handle: ThreadHandle,
    message: Vec<Content>,
    beside: Beside,
    printer: &mut Printer,
    die_on_epipe: bool,
) -> io::Result<Outcome> {
    let ThreadHandle { commands, mut records } = handle;
    let mut signals = Signals::listen()?;
    let mut outcome = Outcome::default();
    window::tell(&commands);
    let _ = commands.send(Command::Send(message));
    let Beside { later, mut compact_at } = beside;
    let mut fill = Fill::default();
    if let Some(later) = later {
        let commands = commands.clone();
        tokio::spawn(async move {
            if let Some(block) = later.block().await {
                let _ = commands.send(Command::Send(vec![Content::text(block)]));
            }
        });
    }
    loop {
        tokio::select! {
            biased;
            number = signals.next() => {
                outcome.signal = Some(number);
                // Once the front end is gone the turn stops and the thread ends.
                let _ = commands.send(Command::Shutdown);
            }
            record = records.recv() => {
                let Some(record) = record else { break };
                outcome.observe(&record);
                fill.apply(&record.event);
                if matches!(record.event, Event::StepStarted { .. })
                    && fill.tokens() >= ASKED_FROM_TOKENS
                    && let Some(asking) = compact_at.take()
                {
                    let commands = commands.clone();
                    tokio::spawn(async move {
                        if let Some(tokens) = asking.await {
                            let _ = commands.send(Command::CompactAt(tokens));
                        }
                    });
                }
                if outcome.is_heard()
                    && let Err(error) = print(printer, &record)
                {
                    outcome.goes_unheard(error);
                    if die_on_epipe {
                        let _ = commands.send(Command::Shutdown);
                    }
                }
                if let Event::ApprovalRequested { call_id, reason, .. } = &record.event {
                    let message = Some(format!("It was to be asked for: {reason}."));
                    let decision = Decision::Deny { message, unattended: true };
                    let call_id = call_id.clone();
                    let _ = commands.send(Command::Decide { call_id, decision });
                }
                if record.event.is_terminal() {
                    let _ = commands.send(Command::Shutdown);
                }
            }
        }
    }
    Ok(outcome)
}

fn print(printer: &mut Printer, record: &Record) -> io::Result<()> {
    match printer {
        Printer::Json(printer) => printer.print(record),
        // A person whose terminal has gone still wants the work done.
        Printer::Human(printer) => {
            let _ = printer.print(record);
            Ok(())
        }
    }
}

impl Outcome {
    /// All of standard output was written so far.
    fn is_heard(&self) -> bool {
        !self.reader_gone && self.unwritten.is_none()
    }

    /// A reader that has gone had what it wanted; where there is no room, somebody misses the answer.
    pub(super) fn goes_unheard(&mut self, error: io::Error) {
        match error.kind() {
            io::ErrorKind::BrokenPipe => self.reader_gone = true,
            _ => self.unwritten = Some(error),
        }
    }

    fn observe(&mut self, record: &Record) {
        match &record.event {
            Event::ThreadStarted(thread) => self.thread_id.clone_from(&thread.thread_id),
            Event::TurnCompleted(turn) => {
                self.message.clone_from(&turn.final_message);
                self.schema_valid = turn.schema_valid;
            }
            Event::TurnFailed(turn) => self.error = Some(turn.error.clone()),
            Event::ToolRejected { .. } => self.tool_failed = true,
            Event::ItemCompleted { item } => {
                self.tool_failed |= match &item.details {
                    ItemDetails::CommandExecution(command) => {
                        command.status == agent_protocol::Status::Failed
                    }
                    ItemDetails::FileChange { status, .. }
                    | ItemDetails::ToolCall { status, .. } => {
                        *status == agent_protocol::Status::Failed
                    }
                    _ => false,
                };
            }
            _ => {}
        }
    }
}

/// Prints the answer on standard output.
///
/// # Errors
/// When it cannot be written, or whoever reads has gone.
pub(crate) fn print_answer(message: &str) -> io::Result<()> {
    let mut out = io::stdout();
    let text = agent_tui::written(message);
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}
