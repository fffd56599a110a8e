//! The settings as meant: command line, configuration and surroundings resolved into one value. Everything a run
//! needs is here; nothing later looks at the environment or the configuration again.

mod rules;
mod secret_variables;
mod shell_environment;
mod way_out;
mod windows;

use std::path::PathBuf;

use agent_core::Opened;
use agent_protocol::{ApprovalPolicy, Price, ReasoningOptions, SandboxMode};
use agent_tools::{RuleFiles, Rules};
use agent_transport::Network;
use agent_tui::effect::TrustQuestion;

use crate::args::{Args, Command, Flags};
use crate::config::{
    self, BadKey, CommandLayers, Config, ConfigError, Entry, Environment, Homes, KeyPath, Notes,
    Origin, Project,
};
use crate::providers::{Provider, ProviderError};
use crate::workspace::{Workspace, WorkspaceError};

pub(crate) use secret_variables::secret_values;
pub(crate) use shell_environment::ShellEnvironment;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("`{key}`: {error}")]
    Key { key: String, error: BadKey },
    #[error("cannot read the instructions {}: {error}", path.display())]
    Instructions { path: PathBuf, error: std::io::Error },
    #[error("cannot read the certificates {} of {named_by}: {error}", path.display())]
    Certificates { named_by: String, path: PathBuf, error: std::io::Error },
}

/// Fully resolved.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) model: ModelSettings,
    pub(crate) provider: Provider,
    pub(crate) workspace: Workspace,
    pub(crate) permissions: Permissions,
    /// About commands.
    pub(crate) rules: Rules,
    /// Where the rules go that the person makes by an answer.
    pub(crate) rule_files: RuleFiles,
    pub(crate) project_docs: ProjectDocs,
    /// Stands in for our own base instructions.
    pub(crate) instructions: Option<String>,
    /// Said to the model beside the facts about the surroundings.
    pub(crate) developer_instructions: Option<String>,
    /// The environment of commands.
    pub(crate) shell_environment: ShellEnvironment,
    /// Where threads are kept; none without a home directory.
    pub(crate) state_dir: Option<PathBuf>,
    /// Started after each turn, with one more argument.
    pub(crate) notify: Option<Vec<String>>,
    /// The project around the working directory, its configuration as it was read.
    pub(crate) project: Project,
    /// What is to be asked of it before the first turn.
    pub(crate) asks_trust: Option<TrustQuestion>,
    /// The provider is asked why its prompt cache missed.
    pub(crate) debug_cache: bool,
    /// What the person is told on standard error, a line each.
    pub(crate) notes: Vec<String>,
    config: Config,
}

/// What is asked of the model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelSettings {
    pub(crate) name: String,
    pub(crate) reasoning: ReasoningOptions,
    pub(crate) verbosity: Option<String>,
    pub(crate) service_tier: Option<String>,
    /// Tokens, as the configuration says.
    pub(crate) context_window: Option<u64>,
    /// As the endpoint says, when it was asked.
    pub(crate) endpoint_window: Option<u64>,
    /// Tokens of the window at which it is shortened.
    pub(crate) compact_limit: Option<u64>,
    /// Tokens of one tool output.
    pub(crate) tool_output_limit: Option<u64>,
    /// None when the configuration names none: prices change, and are not ours to know.
    pub(crate) price: Option<Price>,
}

impl ModelSettings {
    /// Tokens that go into its window.
    pub(crate) fn window(&self) -> Option<u64> {
        self.context_window.or(self.endpoint_window).or_else(|| windows::known(&self.name))
    }
}

/// How far it may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Permissions {
    pub(crate) sandbox: SandboxMode,
    pub(crate) approval: ApprovalPolicy,
    /// Writable beside the working directory under `workspace-write`; absolute.
    pub(crate) writable_roots: Vec<PathBuf>,
    pub(crate) network: bool,
    /// The person trusts the working directory.
    pub(crate) trusted: bool,
    /// `--yolo`.
    pub(crate) bypass: bool,
}

/// How AGENTS.md files are found (conventions.md 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProjectDocs {
    /// Bytes of all files of a project together; 0 reads none.
    pub(crate) max_bytes: u64,
    /// Further names, after AGENTS.md and before our own.
    pub(crate) fallback_names: Vec<String>,
    /// Where the person's own file may be: the first that has one.
    pub(crate) homes: Vec<PathBuf>,
}

impl Settings {
    /// Resolves what `args` ask for in this `environment`. Reads configuration files; writes, starts and sends
    /// nothing.
    ///
    /// # Errors
    /// When the configuration cannot be used, the directory is not there, or the provider is unknown.
    pub(crate) fn resolve(args: &Args, environment: &Environment) -> Result<Self, SettingsError> {
        let flags = args.all_flags();
        let mut notes = Notes::new(flags.config.strict_config);
        if flags.permission.full_auto {
            notes.tell("--full-auto is retired; use `--sandbox workspace-write`".to_owned());
        }
        let cwd = match &flags.config.directory {
            Some(directory) => environment.absolute(directory, &environment.cwd),
            None => environment.cwd.clone(),
        };
        let cwd = Workspace::check(&cwd)?;
        let command = command_layers(args.command.as_ref());
        let loaded = config::load(&flags, command, &cwd, environment, &mut notes)?;
        let config::Loaded { mut config, homes, workspace, project } = loaded;
        let trusted = project.is_trusted();
        // Who says how far commands reach need not say whether the directory is trusted.
        let asks_trust = project
            .question()
            .filter(|question| !question.is_new || is_built_in(&config, "sandbox_mode"));
        let is_interactive = Command::is_interactive(args.command.as_ref());
        // Who is asked on the screen reads there what does not count.
        if !is_interactive || asks_trust.is_none() {
            project.not_used().into_iter().for_each(|line| notes.tell(line));
        }
        if is_interactive && trusted {
            let key: KeyPath = ["sandbox_mode"].into();
            if is_built_in(&config, "sandbox_mode") {
                let value = SandboxMode::WorkspaceWrite.as_str().into();
                config.add([Entry { key, value, origin: Origin::BuiltIn }]);
            }
        }

        for dir in &flags.permission.reach.add_dirs {
            if !environment.absolute(dir, &environment.cwd).is_dir() {
                notes.tell(format!("--add-dir {}: there is no such directory", dir.display()));
            }
        }
        if args.alt_screen {
            let (key, origin) = (["tui", "alternate_screen"].into(), Origin::Flag("--alt-screen"));
            config.add([Entry { key, value: "always".into(), origin }]);
        }
        let provider = config.text(["model_provider"]).unwrap_or("openai").to_owned();
        let provider = Provider::read(&provider, &config, &homes, environment, &mut notes)?;
        if provider.sends_key_in_the_clear() {
            notes.tell(format!(
                "the key of {} travels unencrypted: its base URL is not https",
                provider.name
            ));
        }
        let model = model(&mut config, &flags, &provider);
        let rules = if args.ignores_rules() {
            Rules::default()
        } else {
            rules::read(&homes, &workspace, &project, environment, &mut notes)?
        };
        Ok(Self {
            model: model_settings(&config, model, &provider),
            permissions: permissions(&config, &flags, trusted),
            rules,
            rule_files: rules::files(&homes, &workspace),
            project_docs: ProjectDocs {
                max_bytes: config.count(["project_doc_max_bytes"]).unwrap_or(0),
                fallback_names: config
                    .texts(["project_doc_fallback_filenames"])
                    .unwrap_or_default(),
                homes: [&homes.agent, &homes.codex].into_iter().flatten().cloned().collect(),
            },
            instructions: instructions(&config)?,
            developer_instructions: config.text(["developer_instructions"]).map(str::to_owned),
            shell_environment: ShellEnvironment::read(&config),
            state_dir: homes.state.clone(),
            notify: config.texts(["notify"]).filter(|argv| !argv.is_empty()),
            provider,
            workspace,
            project,
            asks_trust,
            debug_cache: flags.model.debug_cache,
            notes: notes.into_lines(),
            config,
        })
    }

    /// The model's name.
    ///
    /// # Errors
    /// When none is named and the provider has no default.
    pub(crate) fn require_model(&self) -> Result<&str, SettingsError> {
        if self.model.name.is_empty() {
            return Err(ProviderError::NoModel(self.provider.id.clone()).into());
        }
        Ok(&self.model.name)
    }

    /// The same with another model, whose price may be another.
    pub(crate) fn with_model(&self, name: &str) -> Self {
        let model = model_settings(&self.config, name.to_owned(), &self.provider);
        let reasoning = self.model.reasoning.clone();
        Self { model: ModelSettings { reasoning, ..model }, ..self.clone() }
    }

    /// The same with the person's rules that are on the disk by now; those of the project are what was accepted. What is
    /// wrong with them was said at the start.
    pub(crate) fn with_rules_of_now(&self, environment: &Environment) -> Self {
        let (homes, mut notes) = (Homes::of(environment), Notes::new(false));
        match rules::read(&homes, &self.workspace, &self.project, environment, &mut notes) {
            Ok(rules) => Self { rules, ..self.clone() },
            Err(_) => self.clone(),
        }
    }

    /// What the screen's line of facts says.
    pub(crate) fn status_line(&self) -> Option<Vec<String>> {
        self.config.texts(["tui", "status_line"])
    }

    /// The screen begins with vim's keys.
    pub(crate) fn vim(&self) -> bool {
        self.config.flag(["tui", "vim_mode_default"]) == Some(true)
    }

    /// The screen begins with all that the model thinks, not a row of it.
    pub(crate) fn shows_reasoning(&self) -> bool {
        self.config.flag(["hide_agent_reasoning"]) == Some(false)
    }

    /// The models that the configuration names.
    pub(crate) fn known_models(&self) -> Vec<String> {
        let named = self.config.text(["model"]).map(str::to_owned);
        let mut names: Vec<_> = named
            .into_iter()
            .chain(self.provider.default_model())
            .chain(self.config.names(["prices"]))
            .collect();
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    /// The way out to the provider. Reads the certificates that are named; connects to nothing.
    ///
    /// # Errors
    /// When a file of certificates cannot be read.
    pub(crate) fn network(&self, environment: &Environment) -> Result<Network, SettingsError> {
        Ok(Network::new(way_out::resolve(&self.provider, environment)?))
    }

    /// What the configuration says of the screen under this name.
    pub(crate) fn screen(&self, name: &str) -> Option<&toml::Value> {
        self.config.value(["tui", name])
    }

    /// What `agent config explain` prints.
    ///
    /// # Errors
    /// When `key` is none.
    pub(crate) fn explain(&self, key: Option<&str>) -> Result<String, SettingsError> {
        config::explain(&self.config, key)
            .map_err(|error| SettingsError::Key { key: key.unwrap_or_default().to_owned(), error })
    }
}

/// Nobody has set it.
fn is_built_in(config: &Config, key: &str) -> bool {
    config.entry(&[key].into()).is_some_and(|entry| entry.origin == Origin::BuiltIn)
}

/// What differs by command (design.md 6.14): nobody is there to answer `exec`, whatever the files say.
fn command_layers(command: Option<&Command>) -> CommandLayers {
    let entry = |key: &str, value: &str, origin: Origin| Entry {
        key: [key].into(),
        value: value.into(),
        origin,
    };
    let sandbox = match command {
        Some(Command::Sandbox(_)) => SandboxMode::WorkspaceWrite,
        _ => SandboxMode::ReadOnly,
    };
    // With a person before the screen there is somebody to ask.
    let approval = if Command::is_interactive(command) {
        ApprovalPolicy::OnRequest
    } else {
        ApprovalPolicy::Never
    };
    let defaults = vec![
        entry("sandbox_mode", sandbox.as_str(), Origin::BuiltIn),
        entry("approval_policy", approval.as_str(), Origin::BuiltIn),
    ];
    let never = || entry("approval_policy", ApprovalPolicy::Never.as_str(), Origin::Exec);
    let imposed = if matches!(command, Some(Command::Exec(_))) { vec![never()] } else { vec![] };
    CommandLayers { defaults, imposed }
}

/// The model to ask; empty if nobody names one. A model server of this machine does not have the model that the
/// configuration names for another provider.
fn model(config: &mut Config, flags: &Flags, provider: &Provider) -> String {
    let local = flags.model.oss || flags.model.local_provider.is_some();
    let named = config
        .entry(&["model"].into())
        .filter(|entry| !local || matches!(entry.origin, Origin::Flag(_) | Origin::Override));
    if let Some(name) = named.and_then(|entry| entry.value.as_str()) {
        return name.to_owned();
    }
    let Some(name) = provider.default_model() else { return String::new() };
    let value = name.as_str().into();
    config.add([Entry { key: ["model"].into(), value, origin: Origin::BuiltIn }]);
    name
}

fn model_settings(config: &Config, name: String, provider: &Provider) -> ModelSettings {
    let text = |key: &str| config.text([key]).map(str::to_owned);
    // Model servers of this machine are asked for it only when the person says so: some refuse what they do not know.
    let local = matches!(provider.id.as_str(), "ollama" | "lmstudio");
    let said = |key: &str| {
        let entry = config.entry(&[key].into())?;
        if local && entry.origin == Origin::BuiltIn { None } else { text(key) }
    };
    let price = |part: &str| config.amount(["prices", &name, part]);
    let price = price("input").zip(price("output")).map(|(input, output)| Price {
        input,
        output,
        cached_input: price("cached_input").unwrap_or(input),
        cache_write: price("cache_write").unwrap_or(input),
    });
    ModelSettings {
        name,
        price,
        reasoning: ReasoningOptions {
            effort: said("model_reasoning_effort"),
            summary: said("model_reasoning_summary").filter(|summary| summary != "none"),
        },
        verbosity: text("model_verbosity"),
        service_tier: text("service_tier"),
        context_window: config.count(["model_context_window"]),
        endpoint_window: None,
        compact_limit: config.count(["model_auto_compact_token_limit"]),
        tool_output_limit: config.count(["tool_output_token_limit"]),
    }
}

fn permissions(config: &Config, flags: &Flags, trusted: bool) -> Permissions {
    let flag = |name| config.flag(["sandbox_workspace_write", name]) == Some(true);
    let parsed = |key| config.text([key]);
    Permissions {
        sandbox: parsed("sandbox_mode").and_then(|mode| mode.parse().ok()).unwrap_or_default(),
        approval: config
            .value(["approval_policy"])
            .and_then(|policy| policy.clone().try_into().ok())
            .unwrap_or_default(),
        writable_roots: config
            .paths(["sandbox_workspace_write", "writable_roots"])
            .unwrap_or_default(),
        network: flag("network_access"),
        trusted,
        bypass: flags.permission.bypass,
    }
}

fn instructions(config: &Config) -> Result<Option<String>, SettingsError> {
    let Some(path) = config.path(["model_instructions_file"]) else { return Ok(None) };
    match Opened::open(&path).and_then(|opened| opened.text(Opened::BY_HAND)) {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(SettingsError::Instructions { path, error }),
    }
}

#[cfg(test)]
mod tests;
