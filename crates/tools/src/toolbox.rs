//! The tools as a table, and what a call of one becomes: first something that can be judged and shown, then the
//! deed itself. The tools are a file each.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use agent_protocol::{Action, Content, ItemDetails, RejectReason, SandboxMode, ToolCall, ToolSpec};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// All a thread's tools need to know; fixed for its life.
#[derive(Clone, Debug)]
pub struct ToolboxConfig {
    /// Absolute; where commands run and relative paths start.
    pub cwd: PathBuf,
    /// Absolute; writable beside `cwd` under `workspace-write`.
    pub writable_roots: Vec<PathBuf>,
    pub sandbox: SandboxMode,
    /// Commands may use the network. Off unless the person said otherwise.
    pub network: bool,
    /// The executable that is spawned as the sandbox's helper: our own.
    pub helper: PathBuf,
    /// The whole environment of commands, already without secrets.
    pub env: BTreeMap<OsString, OsString>,
    /// Where whole outputs go that are too long for the model; made when first needed.
    pub outputs_dir: PathBuf,
    /// The endpoint takes custom tools with a grammar; else `apply_patch` is offered as a function.
    pub freeform_patch: bool,
}

/// A call that was understood: what it would do, how it looks while it runs, and how to do it.
pub struct Prepared {
    /// For the policy and the person.
    pub action: Action,
    /// The display item as it begins.
    pub details: ItemDetails,
    /// Files it writes, resolved: calls of one step that share one run in order.
    pub writes: Vec<PathBuf>,
    pub(crate) perform: Box<dyn FnOnce(mpsc::UnboundedSender<Progress>) -> BoxFuture<'static, ToolOutput> + Send>,
}

impl Prepared {
    /// Does it. Dropping the future ends every process it started.
    pub fn perform(self, progress: mpsc::UnboundedSender<Progress>) -> BoxFuture<'static, ToolOutput> {
        (self.perform)(progress)
    }
}

/// What a call says while it runs; live only.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// More output of a command, printable.
    Output(String),
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolOutput {
    /// What the model reads.
    pub content: Vec<Content>,
    /// The display item as it ends.
    pub details: ItemDetails,
    pub success: bool,
    /// The tool refused, for this reason; the message is in `content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<RejectReason>,
}

/// A call that cannot even be tried; the model reads `message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub reason: RejectReason,
    pub message: String,
}

/// The tools of one thread.
pub struct Toolbox {
    config: ToolboxConfig,
}

impl Toolbox {
    pub fn new(config: ToolboxConfig) -> Self {
        Self { config }
    }

    /// What the model is offered, always in the same order.
    pub fn specs(&self) -> Vec<ToolSpec> {
        let _ = &self.config;
        vec![]
    }

    /// Understands a call without doing anything yet.
    ///
    /// # Errors
    /// When no tool has its name or its arguments do not fit; the model reads why.
    pub fn prepare(&self, call: &ToolCall) -> Result<Prepared, Rejection> {
        Err(Rejection { reason: RejectReason::UnknownTool, message: format!("unsupported call: {}", call.name) })
    }

    /// Ends every process that is still running, and says which.
    pub async fn shutdown(&self) -> Vec<crate::Reaped> {
        Vec::new()
    }
}
