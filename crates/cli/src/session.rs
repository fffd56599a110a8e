//! Wires settings to a thread: tools, policy, instructions, log. What is then done with the thread is the front
//! ends' business.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use agent_core::{
    CompactionStyle, DocSearch, GitFacts, Limits, Log, Opening, RolloutError, Secrets,
    Surroundings, Thread, ThreadConfig, ThreadHandle,
};
use agent_protocol::{ReasoningOptions, SettingsFields, TextOptions, ToolChoice, TransportKind};
use agent_tools::{Policy, Toolbox, ToolboxConfig};
use agent_transport::{Network, NetworkConfig, Transport, TransportChoice};
use anyhow::Context as _;

use crate::args::ThreadChoice;
use crate::config::Environment;
use crate::settings::Settings;
use crate::workspace::{Head, Repository};

/// What differs from run to run, beside the settings.
pub(crate) struct SessionOptions {
    pub(crate) limits: Limits,
    /// `text.format` of the requests.
    pub(crate) answer_format: Option<serde_json::Value>,
    pub(crate) transport_kind: TransportKind,
    /// Someone watches the text as it comes.
    pub(crate) live: bool,
    /// A person sits before it: what commands leave running lives on between turns.
    pub(crate) interactive: bool,
    /// Nothing is kept.
    pub(crate) ephemeral: bool,
    pub(crate) process_started: Instant,
    /// The whole environment of commands, already without secrets.
    pub(crate) command_env: BTreeMap<OsString, OsString>,
    pub(crate) secrets: Secrets,
    /// Our own executable.
    pub(crate) helper: PathBuf,
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
            transport_kind: match settings.provider.endpoint()?.choice {
                TransportChoice::Http => TransportKind::HttpSse,
                TransportChoice::Auto | TransportChoice::Websocket => TransportKind::Websocket,
            },
            live: false,
            interactive: false,
            ephemeral: false,
            process_started,
            command_env: command_env(settings, environment),
            secrets: secrets(settings, environment),
            helper: own_executable().context("cannot find our own executable")?,
        })
    }
}

/// The log to begin with.
pub(crate) enum Begin {
    New,
    Resume(PathBuf),
}

/// Opens the thread's log and publishes its beginning; nothing was sent to the model yet.
///
/// # Errors
/// When the log cannot be opened or written.
pub(crate) fn open(
    settings: &Settings,
    begin: Begin,
    opening: Opening,
    transport: Box<dyn Transport>,
    options: SessionOptions,
) -> Result<(Thread, ThreadHandle), RolloutError> {
    let threads_dir = settings.state_dir.as_ref().map(|state| state.join("threads"));
    let (log, earlier) = match (begin, &threads_dir) {
        (Begin::Resume(path), _) => {
            let (rollout, loaded) = agent_core::Rollout::open(&path)?;
            let header = loaded.header.clone();
            (Log::Resumed(rollout, loaded), Some(header))
        }
        (Begin::New, Some(dir)) if !options.ephemeral => (Log::New(dir.clone()), None),
        (Begin::New, _) => (Log::Ephemeral, None),
    };
    let thread_id =
        earlier.as_ref().map_or_else(agent_core::new_thread_id, |header| header.thread_id.clone());
    let outputs_dir = match &threads_dir {
        Some(dir) => dir.join(&thread_id).join("outputs"),
        None => std::env::temp_dir().join(format!("agent-{thread_id}")),
    };
    let journal_dir = threads_dir.as_ref().filter(|_| !options.ephemeral);
    let journal_dir = journal_dir.map(|dir| dir.join(&thread_id).join("journal"));
    let toolbox = Toolbox::new(toolbox_config(settings, &options, outputs_dir, journal_dir));
    let policy = Policy::new(settings.permissions.approval, settings.permissions.sandbox);
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
        warnings: opening.notes,
        limits: options.limits,
        secrets: options.secrets,
        live: options.live,
        sessions_outlive_turns: options.interactive,
        compaction: CompactionStyle::Trigger,
        compact_at: compact_at(settings),
        process_started: options.process_started,
    };
    Thread::start(config, log, transport, toolbox, policy)
}

/// What is said before the person's first message. Reads AGENTS.md and its kind.
pub(crate) fn opening(settings: &Settings) -> Opening {
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
        writable_roots: permissions.writable_roots.clone(),
        git: workspace.repository.as_ref().map(git_facts),
    };
    let docs = &settings.project_docs;
    let search = DocSearch {
        homes: docs.homes.clone(),
        directories: workspace.root_to_cwd(),
        fallback_names: docs.fallback_names.clone(),
        max_bytes: docs.max_bytes,
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

/// The way out: proxies, certificates, and as what we present ourselves.
///
/// # Errors
/// When a certificate file that is named cannot be read.
pub(crate) fn network(settings: &Settings, environment: &Environment) -> anyhow::Result<Network> {
    let either =
        |lower: &str| environment.var(lower).or_else(|| environment.var(&lower.to_uppercase()));
    let all = either("all_proxy");
    let configured = settings.provider.proxy.as_deref();
    let owned = |proxy: Option<&str>| proxy.map(str::to_owned);
    Ok(Network::new(NetworkConfig {
        https_proxy: owned(configured.or(either("https_proxy")).or(all)),
        http_proxy: owned(configured.or(either("http_proxy")).or(all)),
        no_proxy: either("no_proxy").unwrap_or_default().to_owned(),
        extra_roots: extra_roots(settings, environment)?,
        user_agent: format!("agent/{}", version()),
    }))
}

/// Certificates beside the platform's (conventions.md 11).
fn extra_roots(settings: &Settings, environment: &Environment) -> anyhow::Result<Vec<u8>> {
    let named = ["CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"]
        .into_iter()
        .find_map(|name| environment.path(name));
    let files = [
        settings.provider.ca_certificate.clone().or(named),
        environment.path("NODE_EXTRA_CA_CERTS"),
    ];
    let mut roots = Vec::new();
    for path in files.into_iter().flatten() {
        let pem = std::fs::read(&path)
            .with_context(|| format!("cannot read the certificates {}", path.display()))?;
        roots.extend(pem);
        roots.push(b'\n');
    }
    Ok(roots)
}

/// The whole environment of commands, without secrets.
pub(crate) fn command_env(
    _settings: &Settings,
    environment: &Environment,
) -> BTreeMap<OsString, OsString> {
    let secret = |name: &str| {
        ["KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL"]
            .iter()
            .any(|word| name.to_uppercase().contains(word))
    };
    let kept = environment.variables().iter().filter(|(name, _)| !secret(&name.to_string_lossy()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Values that must never enter the conversation: our key, and what the environment keeps secret.
pub(crate) fn secrets(settings: &Settings, environment: &Environment) -> Secrets {
    let kept = command_env(settings, environment);
    let hidden = environment.variables().iter().filter(|(name, _)| !kept.contains_key(*name));
    let hidden = hidden.filter_map(|(_, value)| value.to_str().map(str::to_owned));
    Secrets::new(hidden.chain(settings.provider.secret().map(str::to_owned)))
}

/// The rollout of the thread that was asked for; none when there is no newest one.
///
/// # Errors
/// When no thread has that id.
pub(crate) fn find_thread(
    state: &Path,
    choice: &ThreadChoice,
    settings: &Settings,
) -> anyhow::Result<Option<PathBuf>> {
    let threads = state.join("threads");
    let rollout = |id: &str| threads.join(id).join("rollout.jsonl");
    if let ThreadChoice::Resume(id) = choice {
        let path = rollout(id);
        anyhow::ensure!(path.is_file(), "there is no thread {id}");
        return Ok(Some(path));
    }
    let Ok(entries) = std::fs::read_dir(&threads) else { return Ok(None) };
    let mut ids: Vec<_> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    ids.sort();
    let fits = |path: &PathBuf| {
        agent_core::read_header(path).is_ok_and(|header| {
            *choice == ThreadChoice::ResumeLastAnywhere
                || (header.cwd == settings.workspace.cwd && header.provider == settings.provider.id)
        })
    };
    Ok(ids.iter().rev().map(|id| rollout(id)).find(fits))
}

pub(crate) fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The share of the context window at which a conversation is shortened, unless the configuration names a number.
const COMPACT_SHARE: (u64, u64) = (9, 10);

fn compact_at(settings: &Settings) -> Option<u64> {
    let share = |window: u64| window / COMPACT_SHARE.1 * COMPACT_SHARE.0;
    settings.model.compact_limit.or(settings.model.context_window.map(share))
}

fn toolbox_config(
    settings: &Settings,
    options: &SessionOptions,
    outputs_dir: PathBuf,
    journal_dir: Option<PathBuf>,
) -> ToolboxConfig {
    let permissions = &settings.permissions;
    ToolboxConfig {
        cwd: settings.workspace.cwd.clone(),
        writable_roots: permissions.writable_roots.clone(),
        sandbox: permissions.sandbox,
        network: permissions.network,
        helper: options.helper.clone(),
        env: options.command_env.clone(),
        outputs_dir,
        journal_dir,
        freeform_patch: takes_custom_tools(&settings.provider.id),
    }
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
    let local = matches!(settings.provider.id.as_str(), "ollama" | "lmstudio");
    let or = |value: &Option<String>, default: &str| {
        value.clone().or_else(|| (!local).then(|| default.to_owned()))
    };
    let reasoning = ReasoningOptions {
        effort: or(&model.reasoning.effort, "medium"),
        summary: or(&model.reasoning.summary, "auto"),
    };
    let text =
        TextOptions { verbosity: model.verbosity.clone(), format: options.answer_format.clone() };
    SettingsFields {
        model: model.name.clone(),
        instructions,
        tools: vec![],
        tool_choice: ToolChoice::Auto,
        parallel_tool_calls: true,
        reasoning: (reasoning != ReasoningOptions::default()).then_some(reasoning),
        text: (text != TextOptions::default()).then_some(text),
        store: false,
        include: vec!["reasoning.encrypted_content".to_owned()],
        service_tier: model.service_tier.clone(),
        prompt_cache_key: thread_id.to_owned(),
        max_output_tokens: None,
    }
}

/// Our own executable, by which commands are confined.
///
/// # Errors
/// When the system cannot name it.
pub(crate) fn own_executable() -> std::io::Result<PathBuf> {
    std::env::current_exe().map(|path| strip_deleted(&path))
}

/// Linux marks the path of an executable that was replaced while it ran; what replaced it is meant.
fn strip_deleted(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    text.strip_suffix(" (deleted)").map_or_else(|| path.to_owned(), PathBuf::from)
}
