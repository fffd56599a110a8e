//! What the process was given: its environment variables and directories. Everything else of this crate reads them
//! from here, so that tests need no process of their own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The surroundings a run is resolved in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// Absolute.
    pub(crate) cwd: PathBuf,
    /// The person's home directory.
    pub(crate) home: Option<PathBuf>,
    /// The configuration of the machine: `/etc/codex/config.toml`.
    pub(crate) system_config: PathBuf,
}

impl Environment {
    /// That of this process.
    ///
    /// # Errors
    /// When the working directory is gone or closed to us.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks for the working directory"
    )]
    pub(crate) fn of_process() -> std::io::Result<Self> {
        Ok(Self {
            variables: std::env::vars_os().collect(),
            cwd: std::env::current_dir()?,
            home: std::env::home_dir().filter(|home| home.is_absolute()),
            system_config: PathBuf::from("/etc/codex/config.toml"),
        })
    }

    /// For tests: nothing set, and no configuration of the machine.
    #[cfg(test)]
    pub(crate) fn bare(home: &Path, cwd: &Path) -> Self {
        Self {
            variables: BTreeMap::new(),
            cwd: cwd.to_owned(),
            home: Some(home.to_owned()),
            system_config: home.join("no-such-directory/config.toml"),
        }
    }

    /// The same with one more variable.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// A variable that is set, not empty and text.
    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.variables.get(OsStr::new(name))?.to_str().filter(|value| !value.trim().is_empty())
    }

    /// A variable that holds an absolute path; the XDG rules say to ignore others.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        let value = self.variables.get(OsStr::new(name))?;
        Some(PathBuf::from(value)).filter(|path| path.is_absolute())
    }

    pub(crate) fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }

    /// `path` with `~` opened, relative to `base`.
    pub(crate) fn absolute(&self, path: &Path, base: &Path) -> PathBuf {
        match (path.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => base.join(path),
        }
    }
}
