//! Every value that crosses a boundary between the crates; serde only, no I/O. What is done with these values
//! lives in the other crates.

mod command;
mod event;
mod fill;
mod frame;
mod item;
mod permission;
mod price;
mod record;
mod request;
mod response;
mod window;

pub use command::{Asked, Command};
pub use event::{
    BudgetKind, ChangeKind, CommandExecution, DeltaField, ErrorMessage, Event, FileChange,
    ItemDetails, MessagePhase, Network, RejectReason, Status, StepCompleted, ThreadItem,
    ThreadStarted, Timing, Todo, TurnCompleted, TurnError, TurnFailed, Unheard,
};
pub use fill::Fill;
pub use frame::{
    ApiError, Continue, FrameStyle, ServerEvent, ServerFrame, add_cache_comparison, compact_body,
    http_body, read_compaction, read_server_frame, response_create, response_interrupt,
    response_steer, response_warm_up, stated_wait, stateless_len,
};
pub use item::{CallForm, Content, ImageDetail, Item, ItemKind, Phase, Role, ToolCall, WebSearch};
pub use permission::{
    Action, ApprovalPolicy, Decision, Granular, RuleChange, RuleEffect, RulePlace, RuleScope,
    SandboxMode, ShownRule,
};
pub use price::Price;
pub use record::{Header, ROLLOUT_FORMAT, Record};
pub use request::{
    CustomFormat, ReasoningOptions, Request, Settings, SettingsFields, TextOptions, ToolChoice,
    ToolSpec,
};
pub use response::{
    DeltaPart, ErrorKind, Fallback, ResponseEnd, ResponseEvent, Retry, SendReason, Sent,
    SteerOutcome, TransportKind, Usage,
};
pub use window::{Window, WindowLog};
