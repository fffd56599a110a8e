//! The tools as a table, and what a call of one becomes: first something that can be judged and shown, then the
//! deed itself. The tools are a file each.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agent_protocol::{
    Action, Content, ItemDetails, RejectReason, SandboxMode, Status, ToolCall, ToolSpec,
};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::login_environment::{LoginEnvironment, LoginPolicy};
use crate::patch::PatchPreview;
use crate::redact::Secrets;
use crate::sandbox::{Sandbox, SandboxPolicy, SecretPlaces, Tier, WindowSize};
use crate::sessions::Sessions;
use crate::{
    apply_patch, exec_command, grep_files, list_dir, read_file, update_plan, view_image,
    write_stdin,
};

/// All a thread's tools need to know; fixed for its life.
#[derive(Clone, Debug)]
pub struct ToolboxConfig {
    /// Absolute; where commands run and relative paths start.
    pub cwd: PathBuf,
    /// Absolute; writable beside `cwd` under `workspace-write`.
    pub writable_roots: Vec<PathBuf>,
    pub sandbox: SandboxMode,
    /// Absolute; others in which not only the person writes, as those of the project: no program that is started outside of
    /// the sandbox is looked for there.
    pub shared: Vec<PathBuf>,
    /// Commands may use the network. Off unless the person said otherwise.
    pub network: bool,
    /// The executable that is spawned as the sandbox's helper: our own.
    pub helper: PathBuf,
    /// The whole environment of commands, already without secrets.
    pub env: BTreeMap<OsString, OsString>,
    /// The [`persons_places`](crate::persons_places) of the person's whole environment.
    pub person: BTreeMap<OsString, OsString>,
    /// What no command may read beside what `env` names: the [`secret_places`](crate::secret_places) of the person's whole
    /// environment.
    pub secrets: SecretPlaces,
    /// Taken out of whatever a tool says.
    pub secret_values: Secrets,
    /// What commands get of the environment of the person's login shell; none: it is not asked.
    pub login: Option<LoginPolicy>,
    /// Where whole outputs go that are too long for the model; made when first needed.
    pub outputs_dir: PathBuf,
    /// Where a patch is noted before it is applied, so that a crash in the middle is undone (`recover_patches`); made
    /// when first needed. None when nobody would come back for it.
    pub journal_dir: Option<PathBuf>,
    /// What is still running at the end lives on.
    pub keep_background: bool,
    /// Tokens of one output that the model is shown unless it asks for more or fewer; none leaves it to us.
    pub output_tokens: Option<usize>,
    /// The endpoint takes custom tools with a grammar; else `apply_patch` is offered as a function.
    pub freeform_patch: bool,
}

/// A call that was understood: what it would do, how it looks while it runs, and how to do it.
pub struct Prepared {
    /// For the policy and the person.
    pub action: Action,
    /// The display item as it begins.
    pub details: ItemDetails,
    pub(crate) perform:
        Box<dyn FnOnce(mpsc::Sender<Progress>) -> BoxFuture<'static, ToolOutput> + Send>,
}

impl Prepared {
    /// Does it. Dropping the future ends every process it started.
    pub fn perform(self, progress: mpsc::Sender<Progress>) -> BoxFuture<'static, ToolOutput> {
        (self.perform)(progress)
    }
}

/// What a call says while it runs; live only.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// More output of a command, printable.
    Output(String),
}

impl Progress {
    /// Pieces that wait for who watches; what does not find a place is kept back, or left out.
    pub const MOST_WAITING: usize = 16;

    /// From a call to whoever watches it.
    pub fn channel() -> (mpsc::Sender<Self>, mpsc::Receiver<Self>) {
        mpsc::channel(Self::MOST_WAITING)
    }
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

impl ToolOutput {
    /// What a tool that only looks found: `text` for the model, `summary` in one line for the person.
    pub(crate) fn found(tool: &str, subject: String, summary: String, text: String) -> Self {
        let details = ItemDetails::ToolCall {
            tool: tool.to_owned(),
            subject,
            summary,
            status: Status::Completed,
        };
        Self { content: vec![Content::text(text)], details, success: true, rejected: None }
    }

    /// A tool that only looks could not; model and person read the same.
    pub(crate) fn not_found(tool: &str, subject: String, message: String) -> Self {
        let summary = message.lines().next().unwrap_or_default().to_owned();
        let details = ItemDetails::ToolCall {
            tool: tool.to_owned(),
            subject,
            summary,
            status: Status::Failed,
        };
        Self { content: vec![Content::text(message)], details, success: false, rejected: None }
    }
}

/// A call that cannot even be tried; the model reads `message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub reason: RejectReason,
    pub message: String,
}

/// The tools of one thread.
pub struct Toolbox {
    config: Arc<ToolboxConfig>,
    sandbox: Arc<Sandbox>,
    /// For what the person allowed to run outside.
    unconfined: Arc<Sandbox>,
    sessions: Arc<Sessions>,
    login: Arc<LoginEnvironment>,
    played_back: Option<PlayedBack>,
    weakness_is_told: AtomicBool,
}

/// What a call of this id is answered; none when it was not recorded.
pub type PlayedBack = Box<dyn Fn(&str) -> Option<Vec<Content>> + Send + Sync>;

/// A line of the table: what the model is told, and how a call is understood.
struct Tool {
    name: &'static str,
    spec: fn(&ToolboxConfig) -> ToolSpec,
    prepare: fn(&Toolbox, &ToolCall) -> Result<Prepared, Rejection>,
}

/// All tools. The order is part of the provider's cached prefix: it never depends on anything.
const TOOLS: &[Tool] = &[
    Tool { name: exec_command::NAME, spec: exec_command::spec, prepare: exec_command::prepare },
    Tool { name: write_stdin::NAME, spec: write_stdin::spec, prepare: write_stdin::prepare },
    Tool { name: apply_patch::NAME, spec: apply_patch::spec, prepare: apply_patch::prepare },
    Tool { name: update_plan::NAME, spec: update_plan::spec, prepare: update_plan::prepare },
    Tool { name: view_image::NAME, spec: view_image::spec, prepare: view_image::prepare },
    Tool { name: read_file::NAME, spec: read_file::spec, prepare: read_file::prepare },
    Tool { name: list_dir::NAME, spec: list_dir::spec, prepare: list_dir::prepare },
    Tool { name: grep_files::NAME, spec: grep_files::spec, prepare: grep_files::prepare },
];

/// What a person reads first of the reduced tier.
const WEAKNESS: &str = "The sandbox is the reduced one: Landlock and seccomp without namespaces";

impl Toolbox {
    pub fn new(config: ToolboxConfig) -> Self {
        let policy = SandboxPolicy::new(&config);
        let unconfined = SandboxPolicy::unconfined(&config);
        Self {
            sandbox: Arc::new(Sandbox::new(config.helper.clone(), policy)),
            unconfined: Arc::new(Sandbox::new(config.helper.clone(), unconfined)),
            sessions: Arc::default(),
            login: Arc::new(LoginEnvironment::new(&config)),
            played_back: None,
            weakness_is_told: AtomicBool::new(false),
            config: Arc::new(config),
        }
    }

    /// Calls are understood and shown as ever, but not done: they are answered as `outputs` says.
    #[must_use]
    pub fn playing_back(self, outputs: PlayedBack) -> Self {
        Self { played_back: Some(outputs), ..self }
    }

    /// Why commands are confined less than they could be, in words for the person: said once, when it is known (S14).
    pub fn take_weakness(&self) -> Option<String> {
        let found = self.sandbox.found()?;
        let said = if found.tier == Tier::Reduced {
            let weaknesses = found.weaknesses();
            format!("{WEAKNESS}{weaknesses}. `agent doctor` says how to get the full one.")
        } else {
            format!("The sandbox: {}.", found.roots_left_out()?)
        };
        let is_new = !self.weakness_is_told.swap(true, Ordering::Relaxed);
        is_new.then_some(said)
    }

    /// Whether this is what [`Toolbox::take_weakness`] said in an earlier process: then it is not said again.
    pub fn hear(&self, said: &str) {
        if said.starts_with(WEAKNESS) {
            self.weakness_is_told.store(true, Ordering::Relaxed);
        }
    }

    /// What no tool may say.
    pub fn secret_values(&self) -> &Secrets {
        &self.config.secret_values
    }

    pub(crate) fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    pub(crate) fn unconfined(&self) -> &Arc<Sandbox> {
        &self.unconfined
    }

    pub(crate) fn login(&self) -> &Arc<LoginEnvironment> {
        &self.login
    }

    /// Tells of the ends of commands in the background from now on.
    pub fn hear_ends(&self) -> mpsc::UnboundedReceiver<crate::Reaped> {
        self.sessions.ends.hear()
    }

    /// Whether commands go on in the background.
    pub fn runs_something(&self) -> bool {
        !self.sessions.numbers().is_empty()
    }

    pub(crate) fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// Builds the place the next call will run in, so that it need not wait for it. Returns at once; must be called
    /// within a runtime.
    pub fn warm_up(&self) {
        let (sandbox, login) = (self.sandbox.clone(), self.login.clone());
        tokio::spawn(async move { sandbox.prepare().await });
        tokio::spawn(async move { drop(login.get().await) });
    }

    pub(crate) fn config(&self) -> &Arc<ToolboxConfig> {
        &self.config
    }

    /// What the model is offered, always in the same order.
    pub fn specs(&self) -> Vec<ToolSpec> {
        TOOLS.iter().map(|tool| (tool.spec)(&self.config)).collect()
    }

    /// Understands a call without doing anything yet.
    ///
    /// # Errors
    /// When no tool has its name or its arguments do not fit; the model reads why.
    pub fn prepare(&self, call: &ToolCall) -> Result<Prepared, Rejection> {
        match TOOLS.iter().find(|tool| tool.name == call.name && call.namespace.is_none()) {
            Some(tool) => {
                let prepared = (tool.prepare)(self, call)?;
                Ok(match &self.played_back {
                    Some(outputs) => played(prepared, outputs(&call.call_id)),
                    None => prepared,
                })
            }
            None => Err(unknown(call)),
        }
    }

    /// The model begins to call this tool, or has just called it: the place it will run in looks around already. What is
    /// called may still turn out to be nothing that runs.
    pub fn expect(&self, tool: &str) {
        if [exec_command::NAME, apply_patch::NAME].contains(&tool) {
            self.sandbox.expect();
        }
    }

    /// What the person would not guess of what a call has done.
    pub fn remark(&self, done: &ItemDetails) -> Option<String> {
        let ItemDetails::FileChange { changes, status: Status::Completed } = done else {
            return None;
        };
        let paths = changes.iter().map(|change| change.move_path.as_ref().unwrap_or(&change.path));
        apply_patch::privacy(&self.config, &paths.cloned().collect::<Vec<_>>())
    }

    /// The person's terminal is this large: so are the model's, unless it says otherwise.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.sessions.terminals.follow(WindowSize { rows, columns });
    }

    /// What a call of this tool can be seen to change while the model still writes it; none for most tools.
    pub fn preview(&self, tool: &str) -> Option<PatchPreview> {
        (tool == apply_patch::NAME).then(|| PatchPreview::below(&self.config.cwd))
    }

    /// Ends the command of this process id that outlived its call; its command line, if there was one.
    pub fn end(&self, pid: u32) -> Option<String> {
        self.sessions.end(pid)
    }

    /// Ends every command that is still running, unless it is to be kept, says what became of each, and returns when
    /// all that are ended are gone.
    pub async fn shutdown(&self) -> Vec<crate::Reaped> {
        if self.config.keep_background {
            self.sessions.keep_all().await
        } else {
            self.sessions.end_all().await
        }
    }
}

/// The call, answered as recorded. A plan is not done but said, and says itself.
fn played(prepared: Prepared, output: Option<Vec<Content>>) -> Prepared {
    if prepared.action == Action::Note {
        return prepared;
    }
    let mut details = prepared.details.clone();
    let recorded = output.is_some();
    let content = output
        .unwrap_or_else(|| vec![Content::text("This call was not answered when it was recorded.")]);
    let text: String = content
        .iter()
        .filter_map(|part| match part {
            Content::Text { text } => Some(text.as_str()),
            Content::Image { .. } => None,
        })
        .collect();
    let ended = if recorded { Status::Completed } else { Status::Failed };
    match &mut details {
        ItemDetails::CommandExecution(command) => {
            command.status = ended;
            exec_command::read_back(&text, command);
        }
        ItemDetails::FileChange { status, .. } => *status = ended,
        ItemDetails::ToolCall { status, summary, .. } => {
            *status = ended;
            "played back".clone_into(summary);
        }
        _ => {}
    }
    let output = ToolOutput { content, details, success: recorded, rejected: None };
    Prepared { perform: Box::new(move |_| Box::pin(std::future::ready(output))), ..prepared }
}

fn unknown(call: &ToolCall) -> Rejection {
    let names: Vec<_> = TOOLS.iter().map(|tool| tool.name).collect();
    let namespace = call.namespace.iter().map(|space| format!("{space}.")).collect::<String>();
    let message =
        format!("unsupported call: {namespace}{}. The tools are: {}.", call.name, names.join(", "));
    Rejection { reason: RejectReason::UnknownTool, message }
}

#[cfg(test)]
mod tests;
