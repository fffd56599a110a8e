//! What is under way, in words: known only while one watches, so that no fold depends on it.

use agent_protocol::{DeltaField, Event, ItemDetails, Status, ThreadItem};

use crate::cell;
use crate::transcript::Transcript;
use crate::view::duration;
use crate::width;

/// How much of a command line is said.
const COMMAND_COLUMNS: usize = 40;
/// Of a command this much is always shown.
const LEAST_COLUMNS: usize = 6;
/// "running ``" and the mark of what was cut.
const AROUND_COMMAND: usize = 11;

#[derive(Debug, Default)]
pub(super) struct Activity {
    phase: Phase,
    /// When the turn, or what is done without one, began.
    began_ms: u64,
    calls: Vec<Call>,
    /// Something came from the model in this process.
    is_connected: bool,
}

/// One under way.
#[derive(Debug)]
struct Call {
    item_id: String,
    call_id: Option<String>,
    /// A question about it does not count.
    began_ms: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Working,
    /// A request was sent.
    Waiting,
    Thinking,
    Writing,
}

impl Activity {
    pub(super) fn begin(&mut self, now_ms: u64) {
        self.began_ms = now_ms;
    }

    pub(super) fn hear(&mut self, event: &Event, now_ms: u64) {
        match event {
            Event::StepStarted { .. } => self.phase = Phase::Waiting,
            Event::ItemDelta { field, .. } => {
                self.is_connected = true;
                self.phase = match field {
                    DeltaField::Reasoning => Phase::Thinking,
                    DeltaField::Text => Phase::Writing,
                    DeltaField::Output => self.phase,
                };
            }
            Event::PatchDelta { .. } => {
                self.is_connected = true;
                self.phase = Phase::Writing;
            }
            Event::ItemStarted { item, .. } if is_call(item) => {
                let (item_id, call_id) = (item.id.clone(), item.call_id.clone());
                self.calls.push(Call { item_id, call_id, began_ms: now_ms });
                self.phase = Phase::Working;
            }
            Event::ItemCompleted { item } => {
                self.calls.retain(|call| call.item_id != item.id);
                self.phase = Phase::Working;
            }
            Event::ApprovalResolved { call_id, .. } => {
                let asked = self.calls.iter_mut().filter(|it| it.call_id.as_ref() == Some(call_id));
                asked.for_each(|call| call.began_ms = now_ms);
            }
            Event::StepCompleted(_) => self.is_connected = true,
            Event::TurnCompleted(_) | Event::TurnFailed(_) => self.calls.clear(),
            _ => {}
        }
    }

    /// Running `cargo test` and 2 more, 12 s: in so many columns, if the command can be cut to that.
    pub(super) fn words(&self, transcript: &Transcript, now_ms: u64, columns: usize) -> String {
        if let Some(retry) = &transcript.retry {
            return retry.clone();
        }
        if !transcript.questions.is_empty() {
            return "tab shows the question".to_owned();
        }
        let since = |ms: u64| match now_ms.saturating_sub(ms) {
            ms @ ..60_000 => format!("{} s", ms / 1_000),
            ms => duration(ms),
        };
        let running = self.calls.first().and_then(|call| {
            let item = transcript.item(&call.item_id)?;
            Some((item, since(call.began_ms)))
        });
        if let Some((item, took)) = running {
            let more = match self.calls.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let rest = format!("{more}, {took}");
            let room = columns.saturating_sub(rest.len() + AROUND_COMMAND);
            let what = doing(&item.details, room.clamp(LEAST_COLUMNS, COMMAND_COLUMNS));
            return format!("{what}{rest}");
        }
        let what = match self.phase {
            Phase::Waiting if !self.is_connected => "connecting",
            Phase::Waiting => "waiting for the model",
            Phase::Thinking => "thinking",
            Phase::Writing => "writing",
            Phase::Working => "working",
        };
        format!("{what}, {}", since(self.began_ms))
    }
}

fn is_call(item: &ThreadItem) -> bool {
    use ItemDetails::{CommandExecution, FileChange, McpToolCall, ToolCall};
    let in_progress = |status: &Status| *status == Status::InProgress;
    match &item.details {
        CommandExecution(command) => in_progress(&command.status),
        FileChange { status, .. } | McpToolCall { status, .. } | ToolCall { status, .. } => {
            in_progress(status)
        }
        _ => false,
    }
}

fn doing(details: &ItemDetails, columns: usize) -> String {
    match details {
        ItemDetails::CommandExecution(command) => {
            let line = cell::bare(&command.command);
            let first = line.lines().next().unwrap_or_default();
            let short = width::head(first, columns);
            let rest = if short.len() < line.len() { "…" } else { "" };
            format!("running `{}{rest}`", crate::filter::plain(short))
        }
        ItemDetails::FileChange { .. } => "changing files".to_owned(),
        ItemDetails::McpToolCall { tool, .. } => format!("calling {}", crate::filter::plain(tool)),
        ItemDetails::ToolCall { tool, subject, .. } => {
            let (_, present) = cell::verb(tool);
            format!("{present} {}", crate::filter::plain(width::head(subject, columns)))
        }
        _ => "working".to_owned(),
    }
}
