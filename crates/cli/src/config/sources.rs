//! Where the layers come from, lowest first: built in, the machine's file, the person's, the project's where it is
//! trusted, a profile, environment variables, `-c`, flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use agent_core::NotOurs;

use super::environment::Environment;
use super::key::KeyPath;
use super::layer::{Entry, Layer, Origin};
use super::project_files::Kind;
use super::standing::{Project, Trust};
use super::{Config, ConfigError, Notes, project, trust};
use crate::args::{Flags, PermissionFlags};
use crate::workspace::Workspace;

/// What the binary comes with.
const BUILT_IN: &str = include_str!("builtin.toml");

/// The directories that are the person's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Homes {
    /// Our own configuration.
    pub(crate) agent: Option<PathBuf>,
    /// That of Codex, read where we have none; never written.
    pub(crate) codex: Option<PathBuf>,
    /// Our rollouts.
    pub(crate) state: Option<PathBuf>,
}

impl Homes {
    pub(crate) fn of(environment: &Environment) -> Self {
        let below = |dir: &str| environment.home.as_ref().map(|home| home.join(dir));
        let agent = environment.path("AGENT_HOME");
        let xdg = |name: &str, default: &str| {
            let base = environment.path(name).or_else(|| below(default))?;
            Some(base.join("agent"))
        };
        Self {
            codex: environment.path("CODEX_HOME").or_else(|| below(".codex")),
            state: agent.clone().or_else(|| xdg("XDG_STATE_HOME", ".local/state")),
            agent: agent.or_else(|| xdg("XDG_CONFIG_HOME", ".config")),
        }
    }

    /// The home whose `config.toml` counts: ours if it has one, else Codex's.
    pub(crate) fn config(&self) -> Option<&Path> {
        let has_config = |home: &&PathBuf| home.join("config.toml").exists();
        let (agent, codex) = (self.agent.as_ref(), self.codex.as_ref());
        agent.filter(has_config).or(codex.filter(has_config)).or(agent).map(PathBuf::as_path)
    }

    /// Whether nobody but the person and root decides over what is read from here: settings, keys, documents, what was
    /// said of directories, threads (S22).
    ///
    /// # Errors
    /// When somebody else does.
    pub(crate) fn judge(&self) -> Result<(), NotOurs> {
        let state = self.state.as_ref().map(|state| [state.join("threads"), trust::file(state)]);
        let homes = [&self.agent, &self.state, &self.codex].map(Option::as_deref);
        let state = state.iter().flatten().map(PathBuf::as_path);
        homes.into_iter().flatten().chain(state).try_for_each(agent_core::require_ours)
    }

    /// Where the person's own rules are, the machine's first.
    pub(crate) fn rules(&self, environment: &Environment) -> Vec<PathBuf> {
        let system = environment.system_config.parent();
        let homes = [system, self.codex.as_deref(), self.agent.as_deref()];
        let mut dirs: Vec<PathBuf> =
            homes.into_iter().flatten().map(|home| home.join("rules")).collect();
        dirs.dedup();
        dirs
    }
}

/// The configuration with what was found on the way to it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) homes: Homes,
    pub(crate) workspace: Workspace,
    pub(crate) project: Project,
}

/// What the command itself sets.
#[derive(Debug, Default)]
pub(crate) struct CommandLayers {
    /// Above what is built in.
    pub(crate) defaults: Vec<Entry>,
    /// Above all files, below the command line.
    pub(crate) imposed: Vec<Entry>,
}

/// What is the person's own, before a project has a say.
struct Own {
    config: Config,
    homes: Homes,
    /// Retired tables of each file.
    profiles: Vec<BTreeMap<String, Vec<Entry>>>,
    /// `-c`.
    overrides: Layer,
    workspace: Workspace,
    project: Project,
}

/// Reads all layers for a run in `cwd`.
///
/// # Errors
/// When a file that exists cannot be used, or a value does not fit.
pub(crate) fn load(
    flags: &Flags,
    command: CommandLayers,
    cwd: &Path,
    environment: &Environment,
    notes: &mut Notes,
) -> Result<Loaded, ConfigError> {
    let Own { mut config, homes, mut profiles, overrides, workspace, project } =
        own(flags, command.defaults, cwd, environment, notes)?;
    for (path, bytes) in project.accepted(Kind::Config) {
        let layer = Layer::of_bytes(bytes, path, environment, notes)?;
        let entries = project::permitted(layer, &config, notes);
        config.add(entries);
    }

    let in_file = config.entry(&["profile"].into()).cloned();
    let name = flags.config.profile.clone();
    if let Some(name) = name.or_else(|| in_file.as_ref()?.value.as_str().map(str::to_owned)) {
        if let Some(Entry { origin, .. }) = in_file.filter(|_| flags.config.profile.is_none()) {
            notes.object(format!("{origin}: `profile` is retired: use `-p {name}`; applied"))?;
        }
        let home = homes.config().unwrap_or(Path::new(""));
        let table = profiles.iter_mut().rev().find_map(|known| known.remove(&name));
        config.add(profile(&name, home, table, environment, notes)?);
    }

    config.add(command.imposed);
    config.add(variables(environment).entries);
    config.add(overrides.entries);
    config.add(flag_entries(flags, &config, environment).entries);
    Ok(Loaded { config, homes, workspace, project })
}

/// The project around `cwd`, without its configuration, and where what is said of it is kept.
///
/// # Errors
/// When the person's own configuration cannot be used.
pub(crate) fn look_at_project(
    flags: &Flags,
    cwd: &Path,
    environment: &Environment,
) -> Result<(Project, Option<PathBuf>), ConfigError> {
    let own = own(flags, vec![], cwd, environment, &mut Notes::default())?;
    Ok((own.project, own.homes.state))
}

fn own(
    flags: &Flags,
    defaults: Vec<Entry>,
    cwd: &Path,
    environment: &Environment,
    notes: &mut Notes,
) -> Result<Own, ConfigError> {
    let homes = Homes::of(environment);
    homes.judge()?;
    let mut overrides = Layer::default();
    for assignment in &flags.config.overrides {
        overrides.assign(&assignment.key, &assignment.value, environment, notes)?;
    }

    let mut config = Config::default();
    config.add(Layer::built_in(BUILT_IN, environment, &mut Notes::default())?.entries);
    config.add(defaults);
    let mut profiles = vec![];
    let user_config = homes.config().map(|home| home.join("config.toml"));
    let user_config = user_config.filter(|_| !flags.config.ignore_user_config);
    for path in [Some(environment.system_config.clone()), user_config.clone()].into_iter().flatten()
    {
        if let Some(layer) = Layer::read(&path, environment, notes)? {
            config.add(layer.entries);
            profiles.push(layer.profiles);
        }
    }

    let markers = config.texts(["project_root_markers"]).unwrap_or_default();
    let workspace = Workspace::of(cwd, &markers);
    let said = homes.state.as_deref().map(trust::read).unwrap_or_default();
    let trust = match trust_said(&workspace, &config, &overrides, &said) {
        _ if flags.config.trust => Trust::ThisRun,
        Some(true) => Trust::Trusted,
        Some(false) => Trust::Untrusted,
        None => Trust::Open,
    };
    // The home directory may be a project too; its files are then the person's own.
    let rules = homes.rules(environment);
    let is_own =
        |path: &Path| Some(path) == user_config.as_deref() || rules.iter().any(|dir| path == dir);
    let project = Project::look(&workspace, trust, &said, is_own);
    Ok(Own { config, homes, profiles, overrides, workspace, project })
}

/// Whether the workspace is to be trusted, by any name it has: as `[projects."…"]` says, else as the person said on the
/// screen; none when nobody said anything.
fn trust_said(
    workspace: &Workspace,
    config: &Config,
    overrides: &Layer,
    said: &trust::AllSaid,
) -> Option<bool> {
    let names = workspace.names();
    let configured = names.iter().filter_map(|path| {
        let key = KeyPath::from(["projects", path.to_str()?, "trust_level"]);
        let overridden = overrides.entries.iter().rev().find(|entry| entry.key == key);
        let level = overridden.or_else(|| config.entry(&key))?.value.as_str()?;
        Some(level == "trusted")
    });
    // One name that is trusted is enough.
    if let Some(trusted) = configured.reduce(|one, other| one || other) {
        return Some(trusted);
    }
    names.iter().find_map(|path| said.get(path)?.trusted)
}

/// A profile: its own file, else a retired table.
fn profile(
    name: &str,
    home: &Path,
    table: Option<Vec<Entry>>,
    environment: &Environment,
    notes: &mut Notes,
) -> Result<Vec<Entry>, ConfigError> {
    let path = home.join(format!("{name}.config.toml"));
    let plain_name = Path::new(name).components().count() == 1 && !name.contains('/');
    let layer = if plain_name { Layer::read(&path, environment, notes)? } else { None };
    match (layer, table) {
        (None, None) => Err(ConfigError::NoProfile { name: name.to_owned(), path }),
        (layer, table) => {
            let mut entries = table.unwrap_or_default();
            entries.extend(layer.unwrap_or_default().entries);
            Ok(entries)
        }
    }
}

/// The models that profiles of the person's own name, each in its file.
pub(crate) fn models_of_profiles(environment: &Environment) -> Vec<String> {
    let homes = Homes::of(environment);
    let files = homes.config().and_then(|home| std::fs::read_dir(home).ok());
    let is_profile = |path: &PathBuf| path.to_string_lossy().ends_with(".config.toml");
    let paths = files.into_iter().flatten().flatten().map(|file| file.path()).filter(is_profile);
    let model = |path: PathBuf| {
        // What is wrong with one is said when it is used.
        let layer = Layer::read(&path, environment, &mut Notes::default()).ok()??;
        let named = layer.entries.into_iter().rfind(|entry| entry.key == ["model"].into())?;
        named.value.as_str().map(str::to_owned)
    };
    let mut models: Vec<_> = paths.filter_map(model).collect();
    models.sort_unstable();
    models
}

/// The environment variables that are settings.
fn variables(environment: &Environment) -> Layer {
    let mut layer = Layer::default();
    for (variable, provider) in [
        ("OPENAI_BASE_URL", "openai"),
        ("CODEX_OSS_BASE_URL", "ollama"),
        ("CODEX_OSS_BASE_URL", "lmstudio"),
    ] {
        if let Some(url) = environment.var(variable) {
            let key = ["model_providers", provider, "base_url"].into();
            layer.set(key, url.trim(), Origin::Variable(variable));
        }
    }
    if let Some(host) = environment.var("OLLAMA_HOST") {
        let key = ["model_providers", "ollama", "base_url"].into();
        layer.set(key, ollama_url(host.trim()), Origin::Variable("OLLAMA_HOST"));
    }
    layer
}

/// `OLLAMA_HOST` is a URL, or a host with or without a port; as a server's own setting it may be `0.0.0.0`.
fn ollama_url(host: &str) -> String {
    let url = if host.contains("://") { host.to_owned() } else { format!("http://{host}") };
    let url = url.trim_end_matches('/').replace("://0.0.0.0", "://127.0.0.1");
    let authority = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = if has_port { "" } else { ":11434" };
    format!("{url}{port}/v1")
}

/// The flags as settings.
fn flag_entries(flags: &Flags, config: &Config, environment: &Environment) -> Layer {
    let mut layer = Layer::default();
    let model = &flags.model;
    if let Some(name) = &model.model {
        layer.set(["model"].into(), name.as_str(), Origin::Flag("--model"));
    }
    if let Some(name) = &model.local_provider {
        layer.set(["model_provider"].into(), name.as_str(), Origin::Flag("--local-provider"));
    } else if model.oss {
        let name = config.text(["oss_provider"]).unwrap_or("ollama");
        layer.set(["model_provider"].into(), name, Origin::Flag("--oss"));
    }
    if let Some(name) = &model.provider {
        layer.set(["model_provider"].into(), name.as_str(), Origin::Flag("--provider"));
    }
    for (names, on, flag) in
        [(&flags.config.enable, true, "--enable"), (&flags.config.disable, false, "--disable")]
    {
        for name in names {
            layer.set(["features", name].into(), on, Origin::Flag(flag));
        }
    }
    permission_entries(&flags.permission, &mut layer);
    let roots: toml::value::Array = flags
        .permission
        .reach
        .add_dirs
        .iter()
        .filter_map(|dir| environment.absolute(dir, &environment.cwd).to_str().map(Into::into))
        .collect();
    if !roots.is_empty() {
        let key = KeyPath::from(["sandbox_workspace_write", "writable_roots"]);
        let mut all = config.value(["sandbox_workspace_write", "writable_roots"]).cloned();
        let all = all.as_mut().and_then(toml::Value::as_array_mut).map(std::mem::take);
        let all = all.unwrap_or_default().into_iter().chain(roots).collect::<toml::value::Array>();
        layer.set(key, all, Origin::Flag("--add-dir"));
    }
    layer
}

fn permission_entries(flags: &PermissionFlags, layer: &mut Layer) {
    let mode = |layer: &mut Layer, mode: &str, flag| {
        layer.set(["sandbox_mode"].into(), mode, Origin::Flag(flag));
    };
    if let Some(chosen) = flags.reach.sandbox {
        mode(layer, chosen.as_str(), "--sandbox");
    } else if flags.bypass {
        mode(layer, "danger-full-access", "--yolo");
    } else if flags.full_auto {
        mode(layer, "workspace-write", "--full-auto");
    }
    if let Some(policy) = flags.approval {
        let flag = Origin::Flag("--ask-for-approval");
        layer.set(["approval_policy"].into(), policy.as_str(), flag);
    } else if flags.bypass {
        layer.set(["approval_policy"].into(), "never", Origin::Flag("--yolo"));
    }
}
