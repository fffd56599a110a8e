//! What no command can read, for whoever reads or copies outside of the sandbox: what the agent brings to the model by
//! itself is none of it (S11). The list is the one that the sandbox closes; nothing is closed here.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::secrets::paths;
use super::{SandboxPolicy, SecretPlaces};
use crate::ToolboxConfig;
use crate::files::real_path;

/// Where secrets are as it is first asked, and what that leads to: each place is looked up, which a start that reads no
/// document need not wait for.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    config: Option<ToolboxConfig>,
    places: OnceLock<Vec<PathBuf>>,
}

impl Hidden {
    /// From the commands of such a toolbox, were there a sandbox or not: what a project names is not what the person named.
    pub fn of(config: &ToolboxConfig) -> Self {
        Self { config: Some(config.clone()), ..Self::default() }
    }

    /// Whether what lies at `path`, which leads through no link, is hidden.
    pub fn holds(&self, path: &Path) -> bool {
        let places =
            self.places.get_or_init(|| self.config.as_ref().map(places).unwrap_or_default());
        places.iter().any(|place| path.starts_with(place))
    }

    /// Whether what the person named, and is open, is hidden and they did not say so: a link leads there, and a command may
    /// have made it.
    pub fn is_behind(&self, named: &Path, open: impl AsFd) -> bool {
        !self.holds(named) && real_path(open).is_none_or(|real| self.holds(&real))
    }
}

fn places(config: &ToolboxConfig) -> Vec<PathBuf> {
    let policy = SandboxPolicy::new(config);
    let mut places = policy.secrets.clone();
    places.extend(known_to_system(&policy));
    paths(&places)
}

#[cfg(target_os = "linux")]
fn known_to_system(policy: &SandboxPolicy) -> SecretPlaces {
    super::linux::further_secrets(policy)
}

#[cfg(not(target_os = "linux"))]
fn known_to_system(_: &SandboxPolicy) -> SecretPlaces {
    SecretPlaces::default()
}
