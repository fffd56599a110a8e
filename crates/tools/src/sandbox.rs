//! Where commands and file operations run: one confined world per thread, one fresh room per command
//! (docs/sandbox.md). The agent never forks itself: it spawns its own executable as the world's holder, which
//! forks the rooms. Nothing here judges whether a command may run at all; that is `policy.rs`.

mod channel;
mod confined;
mod hidden;
mod kept;
mod linked;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
mod message;
mod ours;
mod program;
#[cfg_attr(
    not(any(test, target_os = "macos")),
    expect(dead_code, reason = "only macOS runs anything under it")
)]
mod seatbelt;
mod secrets;
mod spawn;
mod world;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use agent_protocol::SandboxMode;
use serde::{Deserialize, Serialize};

use crate::ToolboxConfig;

pub use confined::{probe, run_confined};
pub use hidden::Hidden;
pub(crate) use message::{DirectoryId, Errand, Input, Order, Reach, WindowSize};
pub use message::{Exit, NotStarted};
pub use ours::obeyed_through_links;
pub use secrets::{SecretPlaces, secret_places};
pub(crate) use world::{Launched, Sandbox};

/// What we obey of a project, beside its repository (S10).
pub(crate) const OF_PROJECT: &[&str] = &[".agent", ".agents", ".codex"];

/// Whether git or we may later run or obey what is at `path` (S9, S10), wherever it lies. Some file systems know no
/// case.
pub fn is_obeyed(path: &Path) -> bool {
    path.components().any(|part| {
        let name = part.as_os_str();
        name.eq_ignore_ascii_case(".git")
            || OF_PROJECT.iter().any(|own| name.eq_ignore_ascii_case(own))
    })
}

/// The hidden first argument that makes our executable the holder of a world.
const HELPER_ARGUMENT: &str = "__confined";

/// What the commands of one thread may reach; fixed for the thread's life. It comes from the person, never from
/// the model or the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SandboxPolicy {
    pub(crate) mode: SandboxMode,
    /// Absolute; writable under `workspace-write`, the workspace among them.
    pub(crate) writable_roots: Vec<PathBuf>,
    /// Commands may use the network.
    pub(crate) network: bool,
    /// The whole environment of commands.
    #[serde(with = "pairs")]
    pub(crate) env: BTreeMap<OsString, OsString>,
    /// The [`persons_places`] of the person, where commands have others or none.
    #[serde(with = "pairs")]
    pub(crate) person: BTreeMap<OsString, OsString>,
    /// Where secrets are.
    pub(crate) secrets: SecretPlaces,
    /// The only tier to try; by default the best one the system offers.
    pub(crate) tier: Option<Tier>,
}

impl SandboxPolicy {
    pub(crate) fn new(config: &ToolboxConfig) -> Self {
        Self::of(config, config.sandbox)
    }

    /// For what a person allowed to run outside the sandbox.
    pub(crate) fn unconfined(config: &ToolboxConfig) -> Self {
        Self::of(config, SandboxMode::DangerFullAccess)
    }

    fn of(config: &ToolboxConfig, mode: SandboxMode) -> Self {
        let mut writable_roots = vec![config.cwd.clone()];
        writable_roots.extend(config.writable_roots.iter().cloned());
        let mut secrets = config.secrets.clone();
        secrets.extend(secret_places(&config.env, &writable_roots));
        let mut person = persons_places(&config.env);
        person.extend(config.person.clone());
        let mut env = config.env.clone();
        env.extend(telling(mode, config.network));
        Self { mode, writable_roots, network: config.network, env, person, secrets, tier: None }
    }
}

/// Variables that say where the person's own files are, and ours.
const OF_PERSON: &[&str] = &[
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "AGENT_HOME",
    "CODEX_HOME",
    "ZDOTDIR",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
];

/// Those of an environment that say where the person's own files are: commands need not have them for these to be guarded.
pub fn persons_places(env: &BTreeMap<OsString, OsString>) -> BTreeMap<OsString, OsString> {
    let of_person = OF_PERSON.iter().filter_map(|name| env.get_key_value(OsStr::new(name)));
    of_person.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What tells a command that it is confined: test suites look for it (conventions.md 11).
fn telling(mode: SandboxMode, network: bool) -> impl Iterator<Item = (OsString, OsString)> {
    let is_confined = mode != SandboxMode::DangerFullAccess;
    let seatbelt = cfg!(target_os = "macos").then_some(("CODEX_SANDBOX", "seatbelt"));
    let offline = (!network).then_some(("CODEX_SANDBOX_NETWORK_DISABLED", "1"));
    let told = [Some(("AGENT_SANDBOX", mode.as_str())), seatbelt, offline];
    let told = told.into_iter().flatten().filter(move |_| is_confined);
    told.map(|(name, value)| (name.into(), value.into()))
}

/// JSON's keys are text, and variables need not be.
mod pairs {
    use std::collections::BTreeMap;
    use std::ffi::OsString;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<OsString, OsString>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<OsString, OsString>, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

/// How strong the confinement is (threat-model.md 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    /// Namespaces, Landlock and seccomp.
    Full,
    /// Landlock and seccomp, where namespaces are forbidden.
    Reduced,
    /// Nothing is confined, because the person said so; processes are still ended with their command.
    None,
}

/// What was found by really trying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierReport {
    pub tier: Tier,
    /// Why it is not the full one; empty when it is.
    pub reasons: Vec<String>,
    /// Secrets that commands can read all the same.
    pub open_secrets: Vec<PathBuf>,
    /// Writable roots, as they were named, that are none: the way there leads through a link that commands can make.
    pub left_out: Vec<PathBuf>,
    /// The full tier stands without Landlock, which this kernel does not have.
    pub without_landlock: bool,
}

impl TierReport {
    /// What is weaker here than elsewhere, in words for the person.
    pub fn weaknesses(&self) -> String {
        let reasons = self.reasons.iter().map(|reason| format!("; {reason}"));
        let open = self.open_secrets.iter().map(|path| {
            format!("; commands can read {}, which lies among what they write", path.display())
        });
        let left_out = self.roots_left_out().map(|said| format!("; {said}"));
        let landlock = self.without_landlock.then(|| {
            "; without Landlock, which this kernel does not have, commands can write to pipes (FIFOs) anywhere"
                .to_owned()
        });
        reasons.chain(open).chain(left_out).chain(landlock).collect()
    }

    /// Which of the writable roots are none, and why, in words for the person.
    pub fn roots_left_out(&self) -> Option<String> {
        let roots: Vec<_> = self.left_out.iter().map(|root| root.display().to_string()).collect();
        (!roots.is_empty()).then(|| {
            format!(
                "commands cannot write to {}: the way there leads through a link that commands can make; \
                 name the directory itself",
                roots.join(", ")
            )
        })
    }
}

/// Why nothing ran.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Neither tier can be set up here (S14).
    #[error("the sandbox cannot be set up, so nothing was run: {}", reasons.join("; "))]
    Unavailable { reasons: Vec<String> },
    /// The sandbox stands, but the command could not be started in it.
    #[error(transparent)]
    NotStarted(#[from] NotStarted),
    #[error("the sandbox's own process: {0}")]
    Io(#[from] std::io::Error),
}

/// Becomes the confined helper when this process was started as one, and then returns how it ended. The binary
/// calls it before anything else, while it has one thread. `None`: an ordinary start.
pub fn confined_main(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let argument = args.into_iter().nth(1)?;
    #[cfg(target_os = "macos")]
    if argument == macos::JOB_ARGUMENT {
        return Some(macos::perform_job());
    }
    if argument != HELPER_ARGUMENT {
        return None;
    }
    #[cfg(target_os = "linux")]
    return Some(linux::hold());
    #[cfg(target_os = "macos")]
    return Some(macos::hold());
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    return Some(ExitCode::FAILURE);
}
