//! One call of the model: what comes back, as the loop sees it. The frames these are read from are `frame.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Item;

/// What a transport yields while a response runs. The stream ends after [`ResponseEvent::Completed`],
/// [`ResponseEvent::Incomplete`] or an error.
#[derive(Clone, Debug)]
pub enum ResponseEvent {
    /// The request has left. For accounting; comes before anything of the answer, and again after a retry.
    Sent(Sent),
    /// The transport tries again by itself: nothing of this response had been completed yet.
    Retry(Retry),
    /// From here on the answer comes another way.
    Fallback(Fallback),
    Created {
        response_id: String,
        model: Option<String>,
    },
    /// An item has begun. Of it only kind and place are known; [`ResponseEvent::ItemDone`] brings the truth.
    ItemAdded {
        output_index: u32,
        /// Some servers change it between here and the item's end: key by `output_index` (C4.2).
        id: Option<String>,
        kind: String,
        name: Option<String>,
        call_id: Option<String>,
    },
    Delta {
        output_index: u32,
        part: DeltaPart,
        delta: String,
    },
    /// An item as it enters the window; each exactly once, in the order of the window.
    ItemDone {
        output_index: u32,
        item: Item,
    },
    /// A steer was taken, waits or came back to us (protocol.md 4.5).
    Steer(SteerOutcome),
    /// A frame that means nothing to the loop; shown in traces at most.
    Other {
        kind: String,
    },
    Completed(ResponseEnd),
    /// The response was cut short, but exists and can be continued (protocol.md 5.2).
    Incomplete {
        reason: String,
        end: ResponseEnd,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaPart {
    Text,
    Refusal,
    ReasoningSummary,
    ReasoningText,
    /// Of a function's `arguments` or a custom tool's `input`.
    CallInput,
    /// A new paragraph of a reasoning summary begins; its delta is empty.
    ReasoningBreak,
}

/// The terminal event's own facts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResponseEnd {
    pub response_id: String,
    pub usage: Usage,
    /// The model wants to go on although it called no tool (C4.4).
    pub wants_to_continue: bool,
    pub bytes_down: u64,
    /// `prompt_cache_diagnostics`, as it came.
    pub cache_diagnostics: Option<serde_json::Value>,
}

/// Tokens (protocol.md 4.2). `cached` and `cache_write` are parts of `input`, `reasoning` of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    pub input_tokens: u64,
    pub cached_input_tokens: u64,
    #[serde(default)]
    pub cache_write_input_tokens: u64,
    pub output_tokens: u64,
    pub reasoning_output_tokens: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.cached_input_tokens += other.cached_input_tokens;
        self.cache_write_input_tokens += other.cache_write_input_tokens;
        self.output_tokens += other.output_tokens;
        self.reasoning_output_tokens += other.reasoning_output_tokens;
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub transport: TransportKind,
    /// Counts the connections of this thread from 1; 0 when there is none (a recording).
    pub connection: u32,
    pub incremental: bool,
    /// Why the whole window was sent, or that it was not.
    pub reason: SendReason,
    /// Payload bytes of this request.
    pub bytes_up: u64,
    /// What a client without connection state would have sent.
    pub bytes_stateless: u64,
    /// Time this request waited for a connection; zero on one that was open.
    pub connect: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SendReason {
    /// Only what is new: the connection remembers the rest.
    Chained,
    First,
    Rotated,
    /// The server had forgotten the parent (protocol.md 5.4).
    Missed,
    SettingsChanged,
    HistoryRewritten,
    AfterError,
    /// The transport keeps no state at all.
    Stateless,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TransportKind {
    Websocket,
    HttpSse,
    Replay,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Counts the failures of this request from 1.
    pub attempt: u32,
    /// 0 while the network is away: then time counts, not tries.
    pub max: u32,
    pub delay: Duration,
    pub kind: ErrorKind,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    pub from: TransportKind,
    pub to: TransportKind,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SteerOutcome {
    /// The server has it. It takes effect when it is applied.
    Accepted,
    /// It waits for the outputs of this response's calls.
    Pending,
    /// These messages enter the window here: behind the items that were done so far, before whatever comes next.
    Applied { items: Vec<Item> },
    /// These messages come back to us, to be sent with the next request.
    Failed { items: Vec<Item>, message: String },
}

/// Why a turn failed (exec-json.md 11, `turn.failed`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    Auth,
    Quota,
    RateLimit,
    BadRequest,
    ContextOverflow,
    OutputTruncated,
    Server,
    Network,
    Timeout,
    Budget,
    Interrupted,
    Sandbox,
    Schema,
    Config,
    Internal,
}
