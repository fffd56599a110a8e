//! A thread as spans of time: its turns, their steps, the calls of each. Read from the records of its rollout alone;
//! how it is shown is not known here.

use agent_protocol::{
    ErrorKind, Event, Header, ItemDetails, Record, Status, StepCompleted, ThreadItem,
};
use serde::Serialize;

use super::shares::Shares;

/// Where the time and the bytes of a thread went. All times are milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Trace {
    pub(crate) thread_id: String,
    pub(crate) model: String,
    pub(crate) provider: String,
    pub(crate) turns: Vec<Turn>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Turn {
    /// From 1.
    pub(crate) turn: u32,
    /// What the person said, its first line.
    pub(crate) message: String,
    /// RFC 3339, UTC.
    pub(crate) at: String,
    /// Since the first turn began.
    pub(crate) start_ms: f64,
    pub(crate) duration_ms: f64,
    /// From the start of the process until the first request had left; zero in a later turn of a process.
    pub(crate) startup_ms: f64,
    pub(crate) end: End,
    pub(crate) steps: Vec<Step>,
    pub(crate) shares: Shares,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub(crate) enum End {
    Completed,
    Failed {
        kind: ErrorKind,
        message: String,
    },
    /// The rollout ends in the middle of it.
    Open,
}

/// Its times are since its turn began.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Step {
    /// When the step before it was over.
    pub(crate) start_ms: f64,
    /// When its request had left.
    pub(crate) sent_ms: f64,
    /// When its response and its calls were over.
    pub(crate) end_ms: f64,
    #[serde(flatten)]
    pub(crate) report: StepCompleted,
    pub(crate) calls: Vec<Call>,
    /// What happened to the connection meanwhile.
    pub(crate) notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Call {
    pub(crate) call_id: String,
    pub(crate) tool: String,
    pub(crate) subject: String,
    /// Since its turn began.
    pub(crate) start_ms: f64,
    pub(crate) duration_ms: f64,
    pub(crate) status: Status,
    /// Waiting for the person's word, which is part of neither.
    pub(crate) asked_ms: f64,
}

impl Step {
    /// Until the first token, or the whole response when nothing was streamed.
    pub(crate) fn waiting_ms(&self) -> f64 {
        self.report.ttft_ms.unwrap_or(self.report.total_ms).min(self.report.total_ms)
    }

    pub(crate) fn responded_ms(&self) -> f64 {
        self.sent_ms + self.report.total_ms
    }
}

impl Trace {
    pub(crate) fn of(header: &Header, records: &[Record]) -> Self {
        let mut reader = Reader::default();
        for record in records {
            reader.read(record);
        }
        reader.close_turn(End::Open, None);
        Self {
            thread_id: header.thread_id.clone(),
            model: header.model.clone(),
            provider: header.provider.clone(),
            turns: reader.turns,
        }
    }

    /// All its steps, in order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.turns.iter().flat_map(|turn| &turn.steps)
    }

    pub(crate) fn shares(&self) -> Shares {
        self.turns.iter().map(|turn| turn.shares).sum()
    }
}

#[derive(Default)]
struct Reader {
    turns: Vec<Turn>,
    open: Option<Turn>,
    /// Milliseconds since 1970 of the first turn and of the one under way.
    first_ms: Option<f64>,
    turn_ms: f64,
    last_ms: f64,
    calls: Vec<Call>,
    notes: Vec<String>,
    asked: Vec<(String, f64)>,
}

impl Reader {
    fn read(&mut self, record: &Record) {
        self.last_ms = since_epoch(&record.at).unwrap_or(self.last_ms);
        let now = self.last_ms - self.turn_ms;
        match &record.event {
            Event::TurnStarted {} => self.begin_turn(&record.at),
            Event::ItemCompleted { item } => self.item(item, now),
            Event::ToolRejected { call_id, tool, message, .. } => {
                self.reject(call_id, tool, message, now)
            }
            Event::ApprovalRequested { call_id, .. } => self.asked.push((call_id.clone(), now)),
            Event::ApprovalResolved { call_id, .. } => {
                for (_, asked) in self.asked.iter_mut().filter(|(asked, _)| asked == call_id) {
                    *asked = now - *asked;
                }
            }
            Event::TransportFallback { reason, .. } => {
                self.notes.push(format!("fell back to HTTP: {reason}"))
            }
            Event::ContextCompacted { before_tokens, after_tokens, .. } => {
                let how = if after_tokens < before_tokens { "shortened" } else { "summed up" };
                self.notes.push(format!("{how} from {before_tokens} to {after_tokens} tokens"));
            }
            Event::StepCompleted(report) => self.step(report, now),
            Event::TurnCompleted(turn) => {
                let end = (turn.duration_ms, turn.timing.startup_ms);
                self.close_turn(End::Completed, Some(end));
            }
            Event::TurnFailed(turn) => {
                let end =
                    End::Failed { kind: turn.error.kind, message: turn.error.message.clone() };
                self.close_turn(end, Some((turn.duration_ms, turn.timing.startup_ms)));
            }
            _ => {}
        }
    }

    fn begin_turn(&mut self, at: &str) {
        self.close_turn(End::Open, None);
        self.turn_ms = self.last_ms;
        let first = *self.first_ms.get_or_insert(self.turn_ms);
        let number = u32::try_from(self.turns.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.open = Some(Turn {
            turn: number,
            message: String::new(),
            at: at.to_owned(),
            start_ms: self.turn_ms - first,
            duration_ms: 0.0,
            startup_ms: 0.0,
            end: End::Open,
            steps: Vec::new(),
            shares: Shares::default(),
        });
    }

    fn item(&mut self, item: &ThreadItem, now: f64) {
        let Some(turn) = &mut self.open else { return };
        if let ItemDetails::UserMessage { text } = &item.details
            && turn.message.is_empty()
        {
            turn.message = first_line(text);
        }
        let (Some(call_id), Some((tool, subject, status))) =
            (&item.call_id, described(&item.details))
        else {
            return;
        };
        let duration_ms = item.duration_ms.unwrap_or(0) as f64;
        let asked = self.asked.iter().find(|(asked, _)| asked == call_id);
        self.calls.push(Call {
            call_id: call_id.clone(),
            tool,
            subject,
            start_ms: now - duration_ms,
            duration_ms,
            status,
            asked_ms: asked.map_or(0.0, |(_, waited)| *waited),
        });
    }

    fn reject(&mut self, call_id: &str, tool: &str, message: &str, now: f64) {
        if self.calls.iter().any(|call| call.call_id == call_id) {
            return;
        }
        self.calls.push(Call {
            call_id: call_id.to_owned(),
            tool: tool.to_owned(),
            subject: first_line(message),
            start_ms: now,
            duration_ms: 0.0,
            status: Status::Declined,
            asked_ms: 0.0,
        });
    }

    /// Clocks of the step are finer than the log's: phases follow one another, and the log's time only tells of gaps.
    fn step(&mut self, report: &StepCompleted, now: f64) {
        const FINEST: f64 = 2.0;
        let Some(turn) = &mut self.open else { return };
        let before = report.overhead_ms + report.connect_ms;
        let whole = before + report.total_ms + report.tool_wait_ms;
        let previous = turn.steps.last().map_or(0.0, |step| step.end_ms);
        let by_log = now - whole;
        let start_ms = if by_log - previous > FINEST { by_log } else { previous };
        let sent_ms = start_ms + before;
        let end_ms = sent_ms + report.total_ms + report.tool_wait_ms;
        let mut calls = std::mem::take(&mut self.calls);
        for call in &mut calls {
            call.start_ms = call.start_ms.clamp(sent_ms, end_ms);
            call.duration_ms = call.duration_ms.min(end_ms - call.start_ms);
        }
        let notes = std::mem::take(&mut self.notes);
        turn.steps.push(Step { start_ms, sent_ms, end_ms, report: report.clone(), calls, notes });
    }

    fn close_turn(&mut self, end: End, told: Option<(u64, f64)>) {
        let Some(mut turn) = self.open.take() else { return };
        let steps_end = turn.steps.last().map_or(0.0, |step| step.end_ms);
        turn.duration_ms = told
            .map_or(self.last_ms - self.turn_ms, |(duration, _)| duration as f64)
            .max(steps_end);
        turn.startup_ms = told.map_or(0.0, |(_, startup)| startup);
        turn.end = end;
        turn.shares = Shares::of(&turn);
        self.calls.clear();
        self.notes.clear();
        self.asked.clear();
        self.turns.push(turn);
    }
}

/// Tool, subject and outcome of an item that shows a call.
fn described(details: &ItemDetails) -> Option<(String, String, Status)> {
    Some(match details {
        ItemDetails::CommandExecution(command) => {
            ("exec_command".to_owned(), inner_command(&command.command), command.status)
        }
        ItemDetails::FileChange { changes, status } => {
            let names = changes
                .iter()
                .map(|change| change.path.file_name().unwrap_or_default().to_string_lossy());
            ("apply_patch".to_owned(), names.collect::<Vec<_>>().join(", "), *status)
        }
        ItemDetails::McpToolCall { server, tool, status, .. } => {
            (format!("{server}/{tool}"), String::new(), *status)
        }
        ItemDetails::ToolCall { tool, subject, status, .. } => {
            (tool.clone(), subject.clone(), *status)
        }
        _ => return None,
    })
}

/// Of `/bin/bash -c 'cargo test'` what a person would have typed.
fn inner_command(command: &str) -> String {
    let inner = ["-lc ", "-c "]
        .iter()
        .find_map(|flag| command.split_once(flag))
        .map_or(command, |(_, inner)| inner);
    first_line(inner.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')).unwrap_or(inner))
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

fn since_epoch(at: &str) -> Option<f64> {
    let at: jiff::Timestamp = at.parse().ok()?;
    Some(at.as_microsecond() as f64 / 1e3)
}
