//! What the person said of directories and of the configuration in them: a file of ours, so that no configuration of
//! theirs is ever written. What their configuration says of a directory stands above it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const FILE: &str = "trust.json";

/// What was said of each directory.
pub(crate) type AllSaid = BTreeMap<PathBuf, Said>;

/// What was said of one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub(crate) struct Said {
    /// Commands may write in it. None where only its files were asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trusted: Option<bool>,
    /// None where nobody was asked about them, as by versions that asked about the directory alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<Answers>,
}

/// What was said of a project's files: each by its name and the hash of what was in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Answers {
    pub(crate) accepted: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) declined: BTreeMap<String, String>,
}

/// Versions before this one wrote whether the directory is trusted, and no more.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Directory(bool),
    Whole { trusted: Option<bool>, files: Option<Answers> },
}

impl From<Stored> for Said {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Directory(trusted) => Self { trusted: Some(trusted), files: None },
            Stored::Whole { trusted, files } => Self { trusted, files },
        }
    }
}

/// Where it is kept.
pub(crate) fn file(state: &Path) -> PathBuf {
    state.join(FILE)
}

/// What was said of each directory; nothing when nothing was, or the file cannot be read.
pub(crate) fn read(state: &Path) -> AllSaid {
    let text = std::fs::read(file(state)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Remembers what was said of `directory`.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn remember(state: &Path, directory: &Path, said: Said) -> io::Result<()> {
    let mut all = read(state);
    all.insert(directory.to_owned(), said);
    agent_core::create_private_dir(state)?;
    let mut new = tempfile::NamedTempFile::new_in(state)?;
    serde_json::to_writer_pretty(&mut new, &all)?;
    new.persist(file(state)).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(trusted: bool) -> Said {
        Said { trusted: Some(trusted), files: None }
    }

    #[test]
    fn what_was_said_last_of_a_directory_counts() {
        let scratch = tempfile::tempdir().unwrap();
        let state = scratch.path().join("state");
        assert!(read(&state).is_empty());
        let accepted = [("a".to_owned(), "1".to_owned())].into();
        let files = Some(Answers { accepted, ..Answers::default() });
        let whole = Said { trusted: Some(true), files };
        remember(&state, Path::new("/a"), said(false)).unwrap();
        remember(&state, Path::new("/b"), said(true)).unwrap();
        remember(&state, Path::new("/a"), whole.clone()).unwrap();
        let all: Vec<_> = read(&state).into_iter().collect();
        assert_eq!(all, [("/a".into(), whole), ("/b".into(), said(true))]);
    }

    #[test]
    fn s16_what_earlier_versions_wrote_is_read_and_says_nothing_of_files() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join(FILE), r#"{"/a": true, "/b": false}"#).unwrap();
        let all: Vec<_> = read(scratch.path()).into_iter().collect();
        assert_eq!(all, [("/a".into(), said(true)), ("/b".into(), said(false))]);
    }
}
