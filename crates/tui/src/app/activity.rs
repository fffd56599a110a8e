//! What is under way, in words: known only while one watches, so that no fold depends on it.

use agent_protocol::{DeltaField, Event, ItemDetails, Status, ThreadItem};

use crate::cell::{self, Progress};
use crate::filter::exact;
use crate::transcript::{Retry, Transcript};
use crate::view::elapsed;
use crate::width;

/// How much of a command line is said.
const COMMAND_COLUMNS: usize = 40;
/// Of a command this much is always shown.
const LEAST_COLUMNS: usize = 6;
/// "running ``".
const AROUND_COMMAND: usize = 10;

#[derive(Debug, Default)]
pub(super) struct Activity {
    phase: Phase,
    /// When the turn, or what is done without one, began.
    began_ms: u64,
    calls: Vec<Call>,
    /// Items of commands that were stopped, and for how long they had run.
    stopped: Vec<(String, u64)>,
    /// Questions that wait for the person, and since when: that time is not of the work.
    asked: u32,
    asked_ms: u64,
    /// When the request is sent again that could not be answered.
    tries_again_ms: u64,
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
    /// A request is to be sent.
    Connecting,
    /// It was sent.
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
            Event::StepStarted { .. } => self.phase = Phase::Connecting,
            Event::RequestSent { .. } => self.phase = Phase::Waiting,
            Event::ItemDelta { field, .. } => {
                self.phase = match field {
                    DeltaField::Reasoning => Phase::Thinking,
                    DeltaField::Text => Phase::Writing,
                    DeltaField::Output => self.phase,
                };
            }
            Event::PatchDelta { .. } => self.phase = Phase::Writing,
            Event::ItemStarted { item, .. } if is_call(item) => {
                let (item_id, call_id) = (item.id.clone(), item.call_id.clone());
                self.calls.push(Call { item_id, call_id, began_ms: now_ms });
                self.phase = Phase::Working;
            }
            Event::ItemCompleted { item } => {
                if is_stopped(item)
                    && let Some(ms) = self.elapsed_ms(&item.id, now_ms)
                {
                    self.stopped.push((item.id.clone(), ms));
                }
                self.calls.retain(|call| call.item_id != item.id);
                self.phase = Phase::Working;
            }
            Event::ApprovalRequested { .. } => {
                if self.asked == 0 {
                    self.asked_ms = now_ms;
                }
                self.asked = self.asked.saturating_add(1);
            }
            Event::ApprovalResolved { call_id, .. } => {
                if self.asked == 1 {
                    let waited = now_ms.saturating_sub(self.asked_ms);
                    self.began_ms = self.began_ms.saturating_add(waited);
                }
                self.asked = self.asked.saturating_sub(1);
                let asked = self.calls.iter_mut().filter(|it| it.call_id.as_ref() == Some(call_id));
                asked.for_each(|call| call.began_ms = now_ms);
            }
            Event::TransportRetry { delay_ms, .. } => {
                self.tries_again_ms = now_ms.saturating_add(*delay_ms);
            }
            Event::TurnCompleted(_) | Event::TurnFailed(_) => {
                self.calls.clear();
                self.asked = 0;
            }
            _ => {}
        }
    }

    /// For how long the call has run that is shown as the item of this id.
    pub(super) fn elapsed_ms(&self, item_id: &str, now_ms: u64) -> Option<u64> {
        let call = self.calls.iter().find(|call| call.item_id == item_id);
        let stopped = || self.stopped.iter().find(|(id, _)| id == item_id).map(|(_, ms)| *ms);
        call.map(|call| now_ms.saturating_sub(call.began_ms)).or_else(stopped)
    }

    /// What is known of a call that is over.
    pub(super) fn of_stopped(&self, item: &ThreadItem) -> Progress<'static> {
        Progress { elapsed_ms: self.elapsed_ms(&item.id, 0), ..Progress::default() }
    }

    /// Another thread names its items anew.
    pub(super) fn forget_calls(&mut self) {
        self.calls.clear();
        self.stopped.clear();
        self.asked = 0;
    }

    /// The call never ran, so that it was not stopped after any time.
    pub(super) fn never_ran(&mut self, item: &ThreadItem) {
        self.calls.retain(|call| call.item_id != item.id);
    }

    /// Running `cargo test` and 2 more, 12 s: in so many columns, if the command can be cut to that.
    /// `mark` stands for what was cut.
    pub(super) fn words(
        &self,
        transcript: &Transcript,
        now_ms: u64,
        columns: usize,
        mark: &str,
    ) -> String {
        let since = |ms: u64| elapsed(now_ms.saturating_sub(ms));
        if let Some(retry) = transcript.retry.as_ref().filter(|retry| retry.is_limited()) {
            let left_ms = self.tries_again_ms.saturating_sub(now_ms);
            return limited(retry, left_ms.div_ceil(1000), columns);
        }
        if let Some(retry) = &transcript.retry {
            return reconnecting(retry, &since(self.began_ms), columns, mark);
        }
        if !transcript.questions.is_empty() {
            return "tab shows the question".to_owned();
        }
        let running = self.calls.first().and_then(|call| {
            let item = transcript.item(&call.item_id)?;
            Some((item, since(call.began_ms)))
        });
        if let Some((item, took)) = running {
            return self.calls_in_words(transcript, &item.details, &took, columns, mark);
        }
        let what = match self.phase {
            _ if transcript.fill.is_compacting() => "shortening the conversation",
            Phase::Connecting => "connecting",
            Phase::Waiting => "waiting for the model",
            Phase::Thinking => "thinking",
            Phase::Writing => "writing",
            Phase::Working => "working",
        };
        format!("{what}, {}", since(self.began_ms))
    }

    /// Of several calls the first, which is shown as `details`, or how many commands they are.
    fn calls_in_words(
        &self,
        transcript: &Transcript,
        details: &ItemDetails,
        took: &str,
        columns: usize,
        mark: &str,
    ) -> String {
        if let Some(count) = self.commands(transcript) {
            let words = format!("running {count} commands, {took}");
            let is_short = width::of(&words) <= columns;
            return if is_short { words } else { format!("{count} commands, {took}") };
        }
        let with = |more: &str| {
            let rest = format!("{more}, {took}");
            let room = columns.saturating_sub(rest.len() + AROUND_COMMAND);
            let what = doing(details, room.clamp(LEAST_COLUMNS, COMMAND_COLUMNS), mark);
            format!("{what}{rest}")
        };
        match self.calls.len() {
            ..=1 => with(""),
            all => {
                let words = with(&format!(" and {} more", all - 1));
                if width::of(&words) <= columns { words } else { with("") }
            }
        }
    }

    /// How many run at a time, if nothing else does: which they are is shown.
    fn commands(&self, transcript: &Transcript) -> Option<usize> {
        let is_command = |call: &Call| {
            let item = transcript.item(&call.item_id);
            item.is_some_and(|item| matches!(item.details, ItemDetails::CommandExecution(_)))
        };
        let count = self.calls.len();
        (count > 1 && self.calls.iter().all(is_command)).then_some(count)
    }
}

/// The wait counts down. Of what the provider says no sentence is cut: it may say the same time in the middle.
fn limited(retry: &Retry, seconds: u64, columns: usize) -> String {
    let Retry { attempt, max, reason, .. } = retry;
    let of = if *max == 0 { String::new() } else { format!(" of {max}") };
    let when = match seconds {
        0 => "tries again".to_owned(),
        _ => format!("tries again in {}", elapsed(seconds.saturating_mul(1000))),
    };
    let words = format!("Rate limit, {when} ({attempt}{of})");
    let first = reason.split_inclusive(". ").next().unwrap_or_default().trim_end();
    let said = [reason.as_str(), first].map(|said| format!("{words} · {said}"));
    let said = said.into_iter().find(|said| width::of(said) <= columns);
    said.unwrap_or(if width::of(&words) <= columns { words } else { when })
}

/// What is the matter stands at both ends of the reason: what failed, and how.
fn reconnecting(retry: &Retry, took: &str, columns: usize, mark: &str) -> String {
    let Retry { attempt, max, reason, .. } = retry;
    let of = if *max == 0 { String::new() } else { format!(" of {max}") };
    let attempt = format!("attempt {attempt}{of} · {took}");
    let words = format!("Reconnecting, {attempt}");
    match columns.checked_sub(width::of(&words) + LEAST_COLUMNS) {
        Some(room) if room > 0 => {
            let room = room + LEAST_COLUMNS - " · ".chars().count();
            format!("{words} · {}", width::shortened_within(reason, room, mark))
        }
        _ if width::of(&words) <= columns => words,
        _ => attempt,
    }
}

fn is_stopped(item: &ThreadItem) -> bool {
    match &item.details {
        ItemDetails::CommandExecution(command) => cell::is_stopped(command, item.duration_ms),
        _ => false,
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

fn doing(details: &ItemDetails, columns: usize, mark: &str) -> String {
    match details {
        ItemDetails::CommandExecution(command) => {
            let line = cell::shown_line(&command.command);
            let first = line.lines().next().unwrap_or_default();
            let more = if first.len() < line.len() { mark } else { "" };
            let short = width::shortened(&format!("{first}{more}"), columns, mark);
            format!("running `{short}`")
        }
        ItemDetails::FileChange { .. } => "changing files".to_owned(),
        ItemDetails::McpToolCall { tool, .. } => format!("calling {}", exact(tool)),
        ItemDetails::ToolCall { tool, subject, .. } => {
            let (_, present) = cell::verb(tool);
            format!("{present} {}", width::shortened(&exact(subject), columns, mark))
        }
        _ => "working".to_owned(),
    }
}
