//! The tool that goes on with a command that outlived its call: waits for more output, types into its terminal, or sends
//! what has none the signals that are typed there.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_protocol::{Action, Content, ItemDetails, RejectReason, Status, ToolCall, ToolSpec};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use crate::exec_command::{header, limit, patience, words};
use crate::process::Command;
use crate::sessions::Sessions;
use crate::terminal::{AskedSize, Terminal};
use crate::{Prepared, Progress, Rejection, ToolOutput, Toolbox, ToolboxConfig, arguments};

pub(crate) const NAME: &str = "write_stdin";

pub(crate) fn spec(_config: &ToolboxConfig) -> ToolSpec {
    ToolSpec::Function {
        name: NAME.into(),
        description: "Go on with a running command: wait for more of its output, or type into it or resize it if it \
                      was started with tty. Ctrl-C is \\u0003; without a terminal, \\u0003 alone sends SIGINT to its process \
                      group, \\u001c alone SIGQUIT, and nothing else can be typed."
            .into(),
        strict: false,
        parameters: json!({
            "type": "object",
            "properties": {
                "session_id": {"type": "integer", "description": "As exec_command gave it."},
                "chars": {"type": "string", "description": "What to type; nothing if not given."},
                "rows": {"type": "integer", "description": "New height of its terminal, before anything is typed."},
                "cols": {"type": "integer", "description": "New width of its terminal."},
                "yield_time_ms": {"type": "integer", "description": "How long to wait for its end; 10000 if not given, 250 after typing."},
                "max_output_tokens": {"type": "integer", "description": "More output is cut in the middle; 10000 if not given."}
            },
            "required": ["session_id"],
            "additionalProperties": false
        }),
    }
}

#[derive(Deserialize)]
struct Args {
    session_id: u32,
    chars: Option<String>,
    rows: Option<u64>,
    cols: Option<u64>,
    yield_time_ms: Option<u64>,
    max_output_tokens: Option<usize>,
}

/// Milliseconds an answer to what was typed, or to a new size, is waited for.
const AFTER_TYPING: u64 = 250;

pub(crate) fn prepare(toolbox: &Toolbox, call: &ToolCall) -> Result<Prepared, Rejection> {
    let Args { session_id, chars, rows, cols, yield_time_ms, max_output_tokens } =
        arguments::parse(call, &spec(toolbox.config()))?;
    let chars = chars.unwrap_or_default();
    // Nobody is asked about what cannot be done.
    let Some(session) = toolbox.sessions().get(session_id) else {
        let message = format!("{NAME}: {}", no_session(toolbox.sessions(), session_id));
        return Err(Rejection { reason: RejectReason::BadArguments, message });
    };
    let (pid, line) = (session.command.pid, session.line);
    let size = AskedSize::of(rows, cols);
    let subject = subject(session_id, &line, &chars);
    let typed = (!chars.is_empty() || !size.is_nothing()).then_some(AFTER_TYPING);
    let attend = Attend {
        sessions: toolbox.sessions().clone(),
        session_id,
        pid,
        subject: subject.clone(),
        chars: chars.clone(),
        size,
        patience: patience(yield_time_ms.or(typed)),
        limit: limit(toolbox.config(), max_output_tokens),
    };
    Ok(Prepared {
        action: Action::Attend {
            session_id,
            command: Some(line.clone()),
            pid: Some(pid),
            input: chars,
            escalated: session.escalated,
        },
        details: details(&subject, String::new(), Status::InProgress),
        perform: Box::new(move |progress| Box::pin(attend.perform(progress))),
    })
}

fn no_session(sessions: &Sessions, session_id: u32) -> String {
    let open: Vec<_> = sessions.numbers().iter().map(u32::to_string).collect();
    let open = if open.is_empty() { "none".to_owned() } else { open.join(", ") };
    format!("there is no session {session_id}; open: {open}")
}

fn details(subject: &str, summary: String, status: Status) -> ItemDetails {
    ItemDetails::ToolCall { tool: NAME.into(), subject: subject.to_owned(), summary, status }
}

/// The session, and what is typed into it: that is run, and need not be echoed.
fn subject(session_id: u32, line: &str, chars: &str) -> String {
    const MOST: usize = 4_000;
    let session = format!("session {session_id} ({})", in_short(line));
    match chars.char_indices().nth(MOST) {
        _ if chars.is_empty() => session,
        None => format!("{session}, typing {chars:?}"),
        Some((end, _)) => {
            let more = chars[end..].chars().count();
            format!("{session}, typing {:?} and {more} characters more", &chars[..end])
        }
    }
}

/// Enough to know it by.
fn in_short(line: &str) -> String {
    const MOST: usize = 60;
    let first = line.trim().lines().next().unwrap_or_default();
    let short: String = first.chars().take(MOST).collect();
    let rest = if short.len() < line.trim().len() { "…" } else { "" };
    short + rest
}

struct Attend {
    sessions: Arc<Sessions>,
    session_id: u32,
    /// Of what was judged. Whatever gets the number later is something else.
    pid: u32,
    subject: String,
    chars: String,
    size: AskedSize,
    patience: Duration,
    limit: usize,
}

impl Attend {
    async fn perform(self, progress: mpsc::Sender<Progress>) -> ToolOutput {
        let session = self.sessions.get(self.session_id);
        let Some(session) = session.filter(|session| session.command.pid == self.pid) else {
            let message = no_session(&self.sessions, self.session_id);
            return ToolOutput::not_found(NAME, format!("session {}", self.session_id), message);
        };
        let command = &session.command;
        command.watch(progress);
        let until = Instant::now() + self.patience;
        let done = match self.touch(command).await {
            Ok(done) => done,
            Err(error) => {
                let message = format!(
                    "cannot type into session {}: {error}; start it with tty: true",
                    self.session_id
                );
                return ToolOutput::not_found(
                    NAME,
                    format!("session {}", self.session_id),
                    message,
                );
            }
        };
        command.over(until.saturating_duration_since(Instant::now())).await;
        let report = command.report(self.limit);
        let mut header = header(&report);
        let summary = header.trim_end().replace('\n', ", ");
        if report.ended.is_some() {
            self.sessions.remove(self.session_id);
        } else {
            header = format!("Process running with session ID {}\n", self.session_id);
        }
        header.insert_str(0, &done.line());
        let summary =
            if report.ended.is_some() { summary } else { format!("{} bytes more", report.bytes) };
        ToolOutput {
            content: vec![Content::text(words(header, &report))],
            details: details(&self.subject, summary, Status::Completed),
            success: true,
            rejected: None,
        }
    }

    /// Does to its terminal what is asked for, or sends it a signal for want of one.
    async fn touch(&self, command: &Command) -> io::Result<Done> {
        if !self.size.is_nothing() {
            self.sessions.terminals.resize(command.terminal()?, self.size)?;
        }
        if self.chars.is_empty() {
            return Ok(Done::All);
        }
        match (command.terminal(), signal_of(&self.chars)) {
            (Err(_), Some((name, number))) => {
                command.signal(number);
                Ok(Done::Signalled(name))
            }
            (terminal, _) => self.type_into(terminal?, command).await,
        }
    }

    /// No longer than there is patience: what runs there may read nothing, or nothing any more.
    async fn type_into(&self, terminal: &Terminal, command: &Command) -> io::Result<Done> {
        let (bytes, mut typed) = (self.chars.as_bytes(), 0);
        tokio::select! {
            biased;
            written = terminal.write(bytes, &mut typed) => written?,
            () = command.over(self.patience) => {}
        }
        Ok(if typed == bytes.len() { Done::All } else { Done::Typed { typed, of: bytes.len() } })
    }
}

/// What was done of what was asked for.
enum Done {
    All,
    /// So many bytes found room.
    Typed {
        typed: usize,
        of: usize,
    },
    Signalled(&'static str),
}

impl Done {
    /// For the model, where it is not what it expects.
    fn line(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Typed { typed, of } => {
                format!("Only the first {typed} of {of} bytes were typed: nothing reads the rest\n")
            }
            Self::Signalled(name) => format!("{name} was sent to its process group\n"),
        }
    }
}

type NamedSignal = (&'static str, i32);

/// What a terminal makes of this when it is typed.
fn signal_of(chars: &str) -> Option<NamedSignal> {
    match chars {
        "\u{3}" => Some(("SIGINT", libc::SIGINT)),
        "\u{1c}" => Some(("SIGQUIT", libc::SIGQUIT)),
        _ => None,
    }
}
