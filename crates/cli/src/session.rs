//! Wires settings to a thread: tools, policy, instructions, log. What is then done with the thread is the front
//! ends' business.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_core::{
    Among, AnswerCheck, Caps, CompactionStyle, DocSearch, GitFacts, Limits, Log, Opening,
    RolloutError, Surroundings, Thread, ThreadConfig, ThreadHandle, Threads, ThreadsError,
    UndoConfig,
};
use agent_protocol::{
    Asked, Item, ReasoningOptions, SandboxMode, SettingsFields, TextOptions, ToolChoice,
    TransportKind,
};
use agent_tools::{
    Hidden, OwnEnvironment, PlayedBack, Policy, Secrets, Shared, Toolbox, ToolboxConfig,
};
use agent_transport::{Resilient, Transport};
use anyhow::Context as _;

use crate::args::ThreadChoice;
use crate::config::Environment;
use crate::settings::{Settings, secret_values};
use crate::threads::say_passed_over;
use crate::workspace::{Head, Repository, Workspace};

/// What differs from run to run, beside the settings.
pub(crate) struct SessionOptions {
    pub(crate) limits: Limits,
    /// `text.format` of the requests.
    pub(crate) answer_format: Option<serde_json::Value>,
    pub(crate) answer_check: Option<AnswerCheck>,
    pub(crate) transport_kind: TransportKind,
    /// Someone watches the text as it comes.
    pub(crate) live: bool,
    /// A person sits before it: what commands leave running lives on between turns.
    pub(crate) interactive: bool,
    /// Nothing is kept.
    pub(crate) ephemeral: bool,
    /// What the model is told when an earlier thread goes on.
    pub(crate) remarks: Vec<String>,
    pub(crate) process_started: Instant,
    /// As of [`toolbox_config`].
    pub(crate) toolbox: ToolboxConfig,
    /// What calls are answered, instead of being done.
    pub(crate) played_back: Option<PlayedBack>,
}

impl SessionOptions {
    /// Of a run that is like any other.
    ///
    /// # Errors
    /// When the system cannot name our own executable.
    pub(crate) fn new(
        settings: &Settings,
        environment: &Environment,
        process_started: Instant,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            limits: Limits::default(),
            answer_format: None,
            answer_check: None,
            transport_kind: TransportKind::Websocket,
            live: false,
            interactive: false,
            ephemeral: false,
            remarks: vec![],
            process_started,
            toolbox: toolbox_config(settings, environment)?,
            played_back: None,
        })
    }
}

/// The log to begin with.
#[derive(Clone, Debug)]
pub(crate) enum Begin {
    New,
    Resume(PathBuf),
    /// A new thread that begins with all of this one.
    Fork(PathBuf),
}

/// Where no file can be made: nothing is left of a thread that is not kept, however it ends (R7).
const NOWHERE: &str = "/dev/null/outputs";

/// Opens the thread's log and publishes its beginning; nothing was sent to the model yet.
///
/// # Errors
/// When the log cannot be opened or written.
pub(crate) fn open(
    settings: &Settings,
    begin: Begin,
    opening: Opening,
    transport: Box<dyn Transport>,
    mut options: SessionOptions,
) -> Result<(Thread, ThreadHandle), RolloutError> {
    let threads = settings.state_dir.as_deref().map(Threads::under);
    threads.iter().for_each(Threads::hide_changes);
    let threads_dir = threads.map(|threads| threads.dir().to_owned());
    let forks = matches!(begin, Begin::Fork(_));
    let begin = match (begin, &settings.state_dir) {
        (Begin::Fork(path), Some(state)) => Begin::Resume(Threads::under(state).fork(&path)?),
        (begin, _) => begin,
    };
    let (log, earlier) = match (begin, &threads_dir) {
        (Begin::Resume(path) | Begin::Fork(path), _) => {
            let (rollout, loaded) = agent_core::Rollout::open(&path)?;
            let header = loaded.header.clone();
            (Log::Resumed(rollout, Box::new(loaded)), Some(header))
        }
        (Begin::New, Some(dir)) if !options.ephemeral => (Log::New(dir.clone()), None),
        (Begin::New, _) => (Log::Ephemeral, None),
    };
    let thread_id =
        earlier.as_ref().map_or_else(agent_core::new_thread_id, |header| header.thread_id.clone());
    let resumed_from = earlier.as_ref().map(|header| {
        // Only a fork that nothing was said in yet goes on from another thread than itself.
        header.forked_from.clone().filter(|_| forks).unwrap_or_else(|| header.thread_id.clone())
    });
    let kept = threads_dir.as_ref().filter(|_| !options.ephemeral).map(|dir| dir.join(&thread_id));
    let outputs_dir = kept.as_ref().map_or_else(|| NOWHERE.into(), |dir| dir.join("outputs"));
    let journal_dir = kept.map(|dir| dir.join("journal"));
    let policy = Policy::new(
        settings.permissions.approval,
        settings.permissions.sandbox,
        settings.workspace.cwd.clone(),
    )
    .with_rules(settings.rules.clone(), settings.rule_files.clone())
    .guarding(own_directories(settings))
    .guarding_linked(obeyed_through_links(settings));
    let policy = match settings.permissions.trusted {
        true => policy.trusting_repository(),
        false => policy,
    };
    let policy = match options.toolbox.env.get(OsStr::new("PATH")) {
        Some(path) => policy.searching(path, shared(&options.toolbox)),
        None => policy,
    };
    let may_change = !options.ephemeral && settings.permissions.sandbox != SandboxMode::ReadOnly;
    let undo = settings.state_dir.as_ref().filter(|_| may_change);
    let undo = undo.map(|state| UndoConfig {
        undo_dir: Threads::under(state).undo_dir(&thread_id),
        state_dir: state.clone(),
        workspace: settings.workspace.cwd.clone(),
        caps: Caps::default(),
    });
    let mut notes = opening.notes;
    notes.extend(journal_dir.as_deref().map(agent_tools::recover_patches).unwrap_or_default());
    notes.extend(threads_dir.iter().flat_map(|threads| recovered_of_others(threads, &thread_id)));
    let mut env = options.toolbox.env.clone();
    // By which a command finds the thread it belongs to (conventions.md 11).
    env.extend(
        ["AGENT_SESSION_ID", "CODEX_THREAD_ID"].map(|name| (name.into(), (&thread_id).into())),
    );
    let toolbox =
        Toolbox::new(ToolboxConfig { env, outputs_dir, journal_dir, ..options.toolbox.clone() });
    let toolbox = match options.played_back.take() {
        Some(outputs) => toolbox.playing_back(outputs),
        None => toolbox,
    };
    let mut fields = request_settings(settings, &options, &thread_id, opening.instructions);
    fields.tools = toolbox.specs();
    // A thread that goes on sends the bytes it began with: they are the provider's cached prefix.
    if let Some(header) = earlier.filter(|header| header.agent_version == version()) {
        fields.instructions = header.instructions;
        fields.tools = header.tools;
    }
    let config = ThreadConfig {
        thread_id,
        agent_version: version().to_owned(),
        provider: settings.provider.id.clone(),
        transport: options.transport_kind,
        cwd: settings.workspace.cwd.clone(),
        sandbox: settings.permissions.sandbox,
        approval_policy: settings.permissions.approval,
        settings: agent_protocol::Settings::new(fields),
        preamble: opening.items,
        remarks: options.remarks.iter().map(|remark| Item::developer(remark)).collect(),
        resumed_from,
        warnings: notes,
        limits: options.limits,
        price: settings.model.price,
        answer_check: options.answer_check,
        live: options.live,
        sessions_outlive_turns: options.interactive,
        compaction: CompactionStyle::Trigger,
        undo,
        compact_at: compact_at(settings),
        process_started: options.process_started,
    };
    Thread::start(config, log, transport, toolbox, policy)
}

/// Undoes what crashes left half done in other threads: nobody may ever go on with those (R5). Only the youngest are
/// looked at, so that a start takes no longer the more there are.
fn recovered_of_others(threads: &Path, own: &str) -> Vec<String> {
    const LOOKED_AT: usize = 100;
    let (folders, trouble) = match agent_tools::entries(threads) {
        Ok(folders) => (folders, None),
        Err(error) => (vec![], Some(format!("cannot read {}: {error}", threads.display()))),
    };
    let others = folders.iter().rev().filter(|folder| !folder.ends_with(own));
    let journals = others.take(LOOKED_AT).map(|folder| folder.join("journal"));
    let from_the_shell = threads.with_file_name(crate::apply_patch::JOURNALS);
    let all = journals.chain([from_the_shell]);
    let said = all.flat_map(|journal| agent_tools::recover_patches_of_others(&journal));
    said.chain(trouble).collect()
}

/// Ours and Codex's homes and the rollouts, by their real names too.
fn own_directories(settings: &Settings) -> Vec<PathBuf> {
    let named = settings.project_docs.homes.iter().chain(&settings.state_dir);
    named.flat_map(|dir| [Some(dir.clone()), dir.canonicalize().ok()]).flatten().collect()
}

/// What the links in them lead to.
fn obeyed_through_links(settings: &Settings) -> Vec<PathBuf> {
    let homes = settings.project_docs.homes.iter().chain(&settings.state_dir);
    let homes: Vec<_> = homes.cloned().collect();
    let working = std::slice::from_ref(&settings.workspace.cwd);
    let roots = [working, settings.permissions.writable_roots.as_slice()].concat();
    agent_tools::obeyed_through_links(&homes, &roots)
}

/// Where no program is known by its name: not only the person writes there, but the model, commands, and who made the project.
fn shared(toolbox: &ToolboxConfig) -> Shared {
    let directories = toolbox.shared.iter().chain(&toolbox.writable_roots).cloned();
    Shared::new(directories).and_temporary(&toolbox.env)
}

/// For what we start ourselves, outside of the sandbox: nothing in it leads to what the model or the project may have put
/// somewhere.
pub(crate) fn own_environment(settings: &Settings, environment: &Environment) -> OwnEnvironment {
    let shared = Shared::new(written_directories(settings));
    OwnEnvironment::new(environment.variables(), &shared)
}

/// Where commands of this thread or of an earlier one may have made links.
pub(crate) fn written_directories(settings: &Settings) -> Vec<PathBuf> {
    let mut written = project_directories(settings);
    written.extend(settings.permissions.writable_roots.iter().cloned());
    written
}

/// The workspace, its project and its repository, with what lies beside that one's git directory, as the main work tree
/// does: what is there may be anybody's. Commands write in the git directories too, wherever they lie.
fn project_directories(settings: &Settings) -> Vec<PathBuf> {
    let Workspace { cwd, root, repository, .. } = &settings.workspace;
    let mut directories = vec![cwd.clone()];
    directories.extend(root.clone());
    if let Some(Repository { root, git_dir, common_dir }) = repository {
        directories.extend([root, git_dir, common_dir].map(Clone::clone));
        let main = common_dir.parent().filter(|_| common_dir.ends_with(".git"));
        directories.extend(main.map(Path::to_owned));
    }
    directories
}

/// What no command can read, whatever the sandbox: what we read outside of it is none of it, either (S11).
///
/// # Errors
/// As [`toolbox_config`]'s.
pub(crate) fn hidden(settings: &Settings, environment: &Environment) -> anyhow::Result<Hidden> {
    Ok(Hidden::of(&toolbox_config(settings, environment)?))
}

/// What is said before the person's first message to a thread with such tools. Reads AGENTS.md and its kind.
pub(crate) fn opening(settings: &Settings, toolbox: &ToolboxConfig) -> Opening {
    let permissions = &settings.permissions;
    let workspace = &settings.workspace;
    let surroundings = Surroundings {
        cwd: workspace.cwd.clone(),
        shell: "bash".to_owned(),
        os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        date: jiff::Zoned::now().date().to_string(),
        sandbox: permissions.sandbox,
        network: permissions.network,
        approval: permissions.approval,
        allowed: settings.rules.allowed(),
        writable_roots: permissions.writable_roots.clone(),
        git: workspace.repository.as_ref().map(git_facts),
    };
    let docs = &settings.project_docs;
    let search = DocSearch {
        homes: docs.homes.clone(),
        directories: workspace.root_to_cwd(),
        fallback_names: docs.fallback_names.clone(),
        max_bytes: docs.max_bytes,
        hidden: Hidden::of(toolbox),
    };
    let developer = settings.developer_instructions.as_deref();
    Opening::new(settings.instructions.clone(), &surroundings, developer, &search)
}

fn git_facts(repository: &Repository) -> GitFacts {
    let head = repository.head().map(|head| match head {
        Head::Branch(name) => format!("branch {name}"),
        Head::Detached(commit) => format!("detached at {}", &commit[..7]),
    });
    GitFacts {
        root: repository.root.clone(),
        head,
        under_way: repository.under_way().map(str::to_owned),
    }
}

/// The way to the model. `offline` is how long it may be away; none waits until it is back.
///
/// # Errors
/// When the provider cannot be asked, or a file of certificates cannot be read.
pub(crate) fn transport(
    settings: &Settings,
    environment: &Environment,
    offline: Option<Duration>,
) -> anyhow::Result<Resilient> {
    let mut endpoint = settings.provider.endpoint()?;
    endpoint.patience.offline = offline;
    endpoint.debug_cache = settings.debug_cache;
    // Whoever traces the run finds its requests below it (exec-json.md 9).
    for (variable, header) in [("TRACEPARENT", "traceparent"), ("TRACESTATE", "tracestate")] {
        if let Some(value) = environment.var(variable) {
            // One that cannot be a header is no trace.
            let _ = endpoint.add_header(header, value);
        }
    }
    Ok(Resilient::new(endpoint, settings.network(environment)?))
}

/// Values that must never enter the conversation: our key, and what the environment keeps secret.
pub(crate) fn secrets(settings: &Settings, environment: &Environment) -> Vec<String> {
    let values = secret_values(environment.variables());
    values.into_iter().chain(settings.provider.secret().map(str::to_owned)).collect()
}

/// The rollout of the thread that was asked for; none when there is no newest one. Says so where the newest cannot be
/// read and an earlier one, or none, is taken.
///
/// # Errors
/// When no thread is meant, or more than one may be.
pub(crate) fn find_thread(
    state: &Path,
    choice: &ThreadChoice,
    settings: &Settings,
) -> Result<Option<PathBuf>, ThreadsError> {
    let threads = Threads::under(state);
    let last = |among| {
        let last = threads.last(among)?;
        say_passed_over(&last);
        Ok::<_, ThreadsError>(last.thread)
    };
    let found = match choice {
        ThreadChoice::New => None,
        ThreadChoice::Resume(which) => Some(threads.find(which)?),
        ThreadChoice::ResumeLastAnywhere => last(Among::default())?,
        ThreadChoice::ResumeLast => {
            let (cwd, provider) = (&settings.workspace.cwd, &settings.provider.id);
            last(Among { cwd: Some(cwd), provider: Some(provider) })?
        }
    };
    Ok(found.map(|thread| thread.path))
}

pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The share of the context window at which a conversation is shortened, unless the configuration names a number.
const COMPACT_SHARE: (u64, u64) = (9, 10);

/// Which model is asked, and how, in a thread that goes on.
pub(crate) fn asked(settings: &Settings) -> Asked {
    Asked {
        model: settings.model.name.clone(),
        reasoning: reasoning(settings),
        price: settings.model.price,
        compact_at: compact_at(settings),
    }
}

fn reasoning(settings: &Settings) -> Option<ReasoningOptions> {
    let reasoning = settings.model.reasoning.clone();
    (reasoning != ReasoningOptions::default()).then_some(reasoning)
}

/// Tokens of the window at which the conversation is shortened.
pub(crate) fn compact_at(settings: &Settings) -> Option<u64> {
    let share = |window: u64| window / COMPACT_SHARE.1 * COMPACT_SHARE.0;
    settings.model.compact_limit.or_else(|| settings.model.window().map(share))
}

/// What commands may reach and get. Where whole outputs and the journal of patches are kept is the thread's business:
/// the first is the system's temporary folder here, the second is not kept.
///
/// # Errors
/// When the system cannot name our own executable, by which commands are confined, or a path that commands may write to
/// is not UTF-8.
pub(crate) fn toolbox_config(
    settings: &Settings,
    environment: &Environment,
) -> anyhow::Result<ToolboxConfig> {
    let permissions = &settings.permissions;
    for directory in [&settings.workspace.cwd].into_iter().chain(&permissions.writable_roots) {
        Workspace::check_utf8(directory)?;
    }
    let mut variables = environment.variables().clone();
    if !variables.contains_key(OsStr::new("SHELL")) {
        // As a terminal would have set it. Without it each shell that starts looks its user up: 0.2 ms in a sandbox.
        let shell = agent_tools::shell_of_account().map(Into::into);
        variables.extend(shell.map(|shell| ("SHELL".into(), shell)));
    }
    let working = std::slice::from_ref(&settings.workspace.cwd);
    let roots = [working, permissions.writable_roots.as_slice()].concat();
    Ok(ToolboxConfig {
        cwd: settings.workspace.cwd.clone(),
        person: agent_tools::persons_places(&variables),
        secrets: agent_tools::secret_places(&variables, &roots),
        secret_values: Secrets::new(secrets(settings, environment)),
        writable_roots: permissions.writable_roots.clone(),
        shared: project_directories(settings),
        sandbox: permissions.sandbox,
        network: permissions.network,
        helper: running_executable()?,
        env: settings.shell_environment.apply(&variables),
        login: settings.shell_environment.login_policy(&variables),
        outputs_dir: std::env::temp_dir(),
        journal_dir: None,
        keep_background: false,
        output_tokens: settings
            .model
            .tool_output_limit
            .and_then(|limit| usize::try_from(limit).ok()),
        freeform_patch: takes_custom_tools(&settings.provider.id),
    })
}

/// Endpoints known to take custom tools with a grammar; the others get `apply_patch` as a function.
fn takes_custom_tools(provider: &str) -> bool {
    !matches!(provider, "ollama" | "lmstudio" | "xai")
}

fn request_settings(
    settings: &Settings,
    options: &SessionOptions,
    thread_id: &str,
    instructions: String,
) -> SettingsFields {
    let model = &settings.model;
    let text =
        TextOptions { verbosity: model.verbosity.clone(), format: options.answer_format.clone() };
    SettingsFields {
        model: model.name.clone(),
        instructions,
        tools: vec![],
        tool_choice: ToolChoice::Auto,
        parallel_tool_calls: true,
        reasoning: reasoning(settings),
        text: (text != TextOptions::default()).then_some(text),
        store: false,
        include: vec!["reasoning.encrypted_content".to_owned()],
        service_tier: model.service_tier.clone(),
        prompt_cache_key: thread_id.to_owned(),
        max_output_tokens: None,
    }
}

/// Our own executable, by which commands are confined: the one that runs, whatever has taken its place meanwhile. That
/// may be another version, or a command's doing.
///
/// # Errors
/// When the system cannot name it.
fn running_executable() -> anyhow::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe().context("cannot find our own executable")
}
