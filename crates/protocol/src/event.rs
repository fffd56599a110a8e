//! What a thread says: one vocabulary for the rollout, the screen and `exec --json` (docs/events.md). Names and
//! fields follow exec-json.md; the API's own items travel beside an event in its record's `wire`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    Action, ApprovalPolicy, Decision, ErrorKind, SandboxMode, SendReason, ShownRule, TransportKind,
    Usage,
};

/// Something that happened in a thread. Durable ones are written before they are acted on or shown; live-only
/// ones ([`Event::is_durable`]) preview what a durable one will say: drop them and every fold ends the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type")]
pub enum Event {
    #[serde(rename = "thread.started")]
    ThreadStarted(ThreadStarted),
    #[serde(rename = "turn.started")]
    TurnStarted {},
    #[serde(rename = "step.started")]
    StepStarted { step: u32 },
    #[serde(rename = "item.started")]
    ItemStarted {
        item: ThreadItem,
        /// Of a call: what permits it. None while the person is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
    },
    #[serde(rename = "item.updated")]
    ItemUpdated { item: ThreadItem },
    #[serde(rename = "item.completed")]
    ItemCompleted { item: ThreadItem },
    /// Live only: the request of the step has left, over a connection that stands.
    #[serde(rename = "request.sent")]
    RequestSent { transport: TransportKind },
    /// Live only.
    #[serde(rename = "item.delta")]
    ItemDelta { item_id: String, field: DeltaField, delta: String },
    /// Live only: more of a patch whose call is still being written. It is shown as the item of this id until that begins.
    #[serde(rename = "patch.delta")]
    PatchDelta {
        item_id: String,
        /// The provider's id of the call, where it was told before the call was complete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call_id: Option<String>,
        /// Which of the patch's changes this belongs to, counted from 0.
        index: u32,
        /// What is new of it: whole lines, and their count.
        change: FileChange,
    },
    #[serde(rename = "tool.rejected")]
    ToolRejected {
        call_id: String,
        tool: String,
        reason: RejectReason,
        message: String,
        /// What forbids it, when the policy does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
    },
    #[serde(rename = "approval.requested")]
    ApprovalRequested {
        call_id: String,
        action: Action,
        reason: String,
        /// What says that the person is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// What of the confinement would not hold for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lifts: Option<String>,
        /// The words a rule for the project, or for always, would begin with; none when no such rule is offered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<Vec<String>>,
    },
    #[serde(rename = "approval.resolved")]
    ApprovalResolved {
        call_id: String,
        decision: Decision,
        /// What permits or forbids it from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
    },
    #[serde(rename = "step.completed")]
    StepCompleted(StepCompleted),
    /// Live only.
    #[serde(rename = "transport.retry")]
    TransportRetry { attempt: u32, max: u32, delay_ms: u64, kind: ErrorKind, message: String },
    #[serde(rename = "transport.fallback")]
    TransportFallback { from: TransportKind, to: TransportKind, reason: String },
    /// What the model is asked from here on is for a shorter window, until one of the next two says what came of it.
    #[serde(rename = "context.compacting")]
    ContextCompacting { reason: String },
    #[serde(rename = "context.compacted")]
    ContextCompacted { before_tokens: u64, after_tokens: u64, reason: String },
    /// The window stays as it was.
    #[serde(rename = "context.kept")]
    ContextKept {
        /// Because the person, or a limit, ended it; else because the model could not.
        stopped: bool,
    },
    #[serde(rename = "budget")]
    Budget { kind: BudgetKind, used: f64, limit: f64 },
    #[serde(rename = "process.reaped")]
    ProcessReaped { pid: u32, command: String, reason: String },
    /// Live only: what the person wanted back will not be heard.
    #[serde(rename = "waiting.returned")]
    WaitingReturned { what: Unheard },
    /// Live only: the rules about commands that hold now, as the person asked to see them.
    #[serde(rename = "rules.listed")]
    RulesListed {
        rules: Vec<ShownRule>,
        /// Why the change that was asked for was not made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// The window grew by items that have no display form. Log only: no front end shows it.
    #[serde(rename = "wire.recorded")]
    WireRecorded {},
    #[serde(rename = "error")]
    Error { message: String },
    #[serde(rename = "turn.completed")]
    TurnCompleted(TurnCompleted),
    #[serde(rename = "turn.failed")]
    TurnFailed(TurnFailed),
}

impl Event {
    pub fn is_durable(&self) -> bool {
        !matches!(
            self,
            Self::RequestSent { .. }
                | Self::ItemDelta { .. }
                | Self::PatchDelta { .. }
                | Self::TransportRetry { .. }
                | Self::WaitingReturned { .. }
                | Self::RulesListed { .. }
        )
    }

    /// The last event of a turn.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::TurnCompleted(_) | Self::TurnFailed(_))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ThreadStarted {
    /// UUID version 7.
    pub thread_id: String,
    pub schema_version: u32,
    pub agent_version: String,
    pub model: String,
    pub provider: String,
    pub transport: TransportKind,
    pub cwd: PathBuf,
    pub sandbox: SandboxMode,
    pub approval_policy: ApprovalPolicy,
    /// The thread this one goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<String>,
    /// The rollout; absent when nothing is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_path: Option<PathBuf>,
}

/// What the person said and the thread has not heard yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unheard {
    Message,
    /// A command line of their own.
    Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeltaField {
    /// Of an agent message.
    Text,
    /// Of a reasoning summary.
    Reasoning,
    /// Of a command.
    Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    Policy,
    Sandbox,
    UnknownTool,
    BadArguments,
    PatchMismatch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BudgetKind {
    Tokens,
    Usd,
    Steps,
    Seconds,
}

/// The display form of an item: all a screen needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ThreadItem {
    /// Unique in its thread. `exec --json` prints `item_N` instead, counted per process.
    pub id: String,
    #[serde(flatten)]
    pub details: ItemDetails,
    /// The provider's id of the call: the stable key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The model request that produced it, counted from 1 in its turn's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Milliseconds; of a completed item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ItemDetails {
    /// What the person said. Not printed by `exec --json`: whoever reads that said it.
    UserMessage {
        text: String,
    },
    AgentMessage {
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phase: Option<MessagePhase>,
        /// The connection broke before the model had finished it.
        #[serde(default, skip_serializing_if = "is_false")]
        partial: bool,
    },
    Reasoning {
        text: String,
    },
    CommandExecution(CommandExecution),
    FileChange {
        changes: Vec<FileChange>,
        status: Status,
    },
    McpToolCall {
        server: String,
        tool: String,
        arguments: serde_json::Value,
        result: Option<serde_json::Value>,
        error: Option<ErrorMessage>,
        status: Status,
    },
    WebSearch {
        query: String,
        action: serde_json::Value,
        search_id: String,
    },
    TodoList {
        items: Vec<Todo>,
    },
    /// A tool of ours that is neither a command nor an edit.
    ToolCall {
        tool: String,
        /// What it looks at, in a few words: `src/lib.rs:1-40`.
        subject: String,
        /// One line on the outcome; empty while running.
        summary: String,
        status: Status,
    },
    /// A warning; not fatal.
    Error {
        message: String,
    },
}

fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessagePhase {
    Note,
    Final,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    InProgress,
    Completed,
    Failed,
    Declined,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommandExecution {
    /// The argument list, shell-quoted: `/bin/bash -c 'echo hi'`.
    pub command: String,
    /// stdout and stderr as they came, the middle cut when long; empty while running.
    pub aggregated_output: String,
    /// Null while running.
    pub exit_code: Option<i32>,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Milliseconds between the call and the start of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// How many lines it printed, where `aggregated_output` does not have all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub timed_out: bool,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

impl CommandExecution {
    /// A command that has just been called for.
    pub fn begun(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            aggregated_output: String::new(),
            exit_code: None,
            status: Status::InProgress,
            cwd: None,
            pid: None,
            queued_ms: None,
            stdout_bytes: None,
            stderr_bytes: None,
            truncated: false,
            lines: None,
            timed_out: false,
            signal: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileChange {
    /// Absolute.
    pub path: PathBuf,
    pub kind: ChangeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additions: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletions: Option<u64>,
    /// Unified; at most 64 KiB, then `diff_truncated` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub diff_truncated: bool,
    /// Where a renamed file went; its `kind` is `update`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub move_path: Option<PathBuf>,
}

impl FileChange {
    /// Takes more of the same change.
    pub fn grow(&mut self, more: Self) {
        let sum = |before: Option<u64>, more: Option<u64>| match (before, more) {
            (Some(before), Some(more)) => Some(before + more),
            (before, more) => before.or(more),
        };
        self.additions = sum(self.additions, more.additions);
        self.deletions = sum(self.deletions, more.deletions);
        self.move_path = more.move_path.or(self.move_path.take());
        self.diff_truncated |= more.diff_truncated;
        match (&mut self.diff, more.diff) {
            (Some(diff), Some(more)) => diff.push_str(&more),
            (diff, more) => *diff = diff.take().or(more),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Add,
    Delete,
    Update,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Todo {
    pub text: String,
    pub completed: bool,
    /// It is being worked on; at most one of a list is.
    #[serde(default, skip_serializing_if = "is_false")]
    pub in_progress: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorMessage {
    pub message: String,
}

/// One model request and the calls it made: a row of the latency waterfall. Times are milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepCompleted {
    pub step: u32,
    /// Empty when the response broke off before it had an id.
    pub response_id: String,
    pub model: String,
    pub transport: TransportKind,
    /// Counts the connections of this process from 1.
    pub connection: u32,
    pub bytes_up: u64,
    pub bytes_down: u64,
    /// What a client that re-sends the conversation each time would have sent.
    pub bytes_stateless: u64,
    pub incremental: bool,
    pub reason: SendReason,
    pub connect_ms: f64,
    /// To the first frame of the answer.
    pub ttfb_ms: f64,
    /// In the provider's queue, when it said that the response waits in one (`response.queued`, protocol.md 4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_ms: Option<f64>,
    /// To the first token, or the first item when no token was streamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<f64>,
    /// To the end of the response.
    pub total_ms: f64,
    /// From the end of the response until the last of its calls was done.
    pub tool_wait_ms: f64,
    /// Sum over its calls.
    pub tool_ms: f64,
    /// From the end of the previous step (response and calls) until this request had left.
    pub overhead_ms: f64,
    pub usage: Usage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_diagnostics: Option<serde_json::Value>,
    /// The response broke off; what it had completed is kept, and a new request follows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub broken: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TurnCompleted {
    /// Of the whole thread so far.
    pub usage: Usage,
    pub turn_usage: Usage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    pub duration_ms: u64,
    pub steps: u32,
    pub final_message: String,
    pub timing: Timing,
    pub network: Network,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_valid: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TurnFailed {
    pub error: TurnError,
    pub usage: Usage,
    pub turn_usage: Usage,
    pub duration_ms: u64,
    pub steps: u32,
    pub timing: Timing,
    pub network: Network,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TurnError {
    pub message: String,
    pub kind: ErrorKind,
    pub retryable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Where a turn's time went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Timing {
    /// From the start of the process until the first request had left.
    pub startup_ms: f64,
    /// From the first request to the first frame of its answer.
    pub first_byte_ms: f64,
    pub model_ms: f64,
    pub tool_ms: f64,
    pub overhead_ms: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Network {
    pub transport: TransportKind,
    pub connects: u32,
    pub reconnects: u32,
    pub bytes_up: u64,
    pub bytes_down: u64,
}
