//! The configuration: what each key is set to, by whom, and what that overrode. Finding the files is `sources.rs`;
//! what the values mean together is `settings.rs`.

mod environment;
mod explain;
mod key;
mod layer;
mod project;
mod project_files;
mod retired;
mod schema;
mod sources;
mod standing;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use toml::Value;

pub(crate) use environment::Environment;
pub(crate) use explain::explain;
pub(crate) use key::{BadKey, KeyPath};
pub(crate) use layer::{Entry, Origin};
pub(crate) use project_files::Kind as ProjectFileKind;
pub(crate) use sources::{CommandLayers, Homes, Loaded, load, look_at_project, models_of_profiles};
pub(crate) use standing::Project;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{}:{line}: {message}", path.display())]
    Syntax { path: PathBuf, line: usize, message: String },
    #[error("{origin}: `{key}` is {found}; it must be {allowed}")]
    Wrong { origin: Origin, key: KeyPath, found: String, allowed: String },
    #[error("-c {key}: {error}")]
    BadOverride { key: String, error: BadKey },
    /// With `--strict-config`.
    #[error("{0}")]
    Strict(String),
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    NotOurs(#[from] agent_core::NotOurs),
    #[error("there is no profile `{name}`: neither {} nor a table [profiles.{name}]", path.display())]
    NoProfile { name: String, path: PathBuf },
}

/// What the person is told beside the run, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    strict: bool,
    lines: Vec<String>,
}

impl Notes {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, lines: vec![] }
    }

    /// Something the configuration should not say.
    ///
    /// # Errors
    /// With `--strict-config`.
    pub(crate) fn object(&mut self, line: String) -> Result<(), ConfigError> {
        if self.strict {
            return Err(ConfigError::Strict(line));
        }
        self.tell(line);
        Ok(())
    }

    pub(crate) fn tell(&mut self, line: String) {
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines
    }
}

/// All layers, lowest first, key by key. Later layers win; what they overrode is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config(BTreeMap<KeyPath, Vec<Entry>>);

impl Config {
    pub(crate) fn add(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            self.0.entry(entry.key.clone()).or_default().push(entry);
        }
    }

    /// What is in effect for `key`.
    pub(crate) fn entry(&self, key: &KeyPath) -> Option<&Entry> {
        self.0.get(key)?.last()
    }

    pub(crate) fn value<const N: usize>(&self, key: [&str; N]) -> Option<&Value> {
        Some(&self.entry(&key.into())?.value)
    }

    pub(crate) fn text<const N: usize>(&self, key: [&str; N]) -> Option<&str> {
        self.value(key)?.as_str()
    }

    pub(crate) fn flag<const N: usize>(&self, key: [&str; N]) -> Option<bool> {
        self.value(key)?.as_bool()
    }

    pub(crate) fn count<const N: usize>(&self, key: [&str; N]) -> Option<u64> {
        self.value(key)?.as_integer().and_then(|number| u64::try_from(number).ok())
    }

    pub(crate) fn amount<const N: usize>(&self, key: [&str; N]) -> Option<f64> {
        schema::amount(self.value(key)?)
    }

    pub(crate) fn texts<const N: usize>(&self, key: [&str; N]) -> Option<Vec<String>> {
        let all = self.value(key)?.as_array()?;
        Some(all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect())
    }

    pub(crate) fn path<const N: usize>(&self, key: [&str; N]) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    pub(crate) fn paths<const N: usize>(&self, key: [&str; N]) -> Option<Vec<PathBuf>> {
        Some(self.texts(key)?.into_iter().map(PathBuf::from).collect())
    }

    /// The strings directly below `section`.
    pub(crate) fn text_map<const N: usize>(&self, section: [&str; N]) -> BTreeMap<String, String> {
        let section = KeyPath::from(section);
        let depth = section.parts().len();
        self.below(&section)
            .filter_map(|entry| match &entry.key.parts()[depth..] {
                [name] => Some((name.clone(), entry.value.as_str()?.to_owned())),
                _ => None,
            })
            .collect()
    }

    /// The names that stand below `section`.
    pub(crate) fn names<const N: usize>(&self, section: [&str; N]) -> BTreeSet<String> {
        let section = KeyPath::from(section);
        let depth = section.parts().len();
        self.below(&section).filter_map(|entry| entry.key.parts().get(depth).cloned()).collect()
    }

    /// What is in effect at `section` and below.
    fn below(&self, section: &KeyPath) -> impl Iterator<Item = &Entry> {
        self.0
            .range(section.clone()..)
            .take_while(|(key, _)| key.starts_with(section))
            .filter_map(|(_, stack)| stack.last())
    }

    /// Every key at `section` and below with all that was ever said of it, the winner last.
    fn stacks(&self, section: &KeyPath) -> impl Iterator<Item = (&KeyPath, &[Entry])> {
        self.0
            .range(section.clone()..)
            .take_while(|(key, _)| key.starts_with(section))
            .map(|(key, stack)| (key, stack.as_slice()))
    }
}
