//! Which directories the person trusts, as they said on the screen: a file of ours, so that no configuration of theirs
//! is ever written. What a configuration says stands above it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

const FILE: &str = "trust.json";

/// What was said of each directory; nothing when nothing was, or the file cannot be read.
pub(crate) fn read(state: &Path) -> BTreeMap<PathBuf, bool> {
    let text = std::fs::read(state.join(FILE)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Remembers what was said of `directory`.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn remember(state: &Path, directory: &Path, trusted: bool) -> io::Result<()> {
    let mut all = read(state);
    all.insert(directory.to_owned(), trusted);
    agent_core::create_private_dir(state)?;
    let mut file = tempfile::NamedTempFile::new_in(state)?;
    serde_json::to_writer_pretty(&mut file, &all)?;
    file.persist(state.join(FILE)).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_last_of_a_directory_counts() {
        let scratch = tempfile::tempdir().unwrap();
        let state = scratch.path().join("state");
        assert!(read(&state).is_empty());
        remember(&state, Path::new("/a"), false).unwrap();
        remember(&state, Path::new("/b"), true).unwrap();
        remember(&state, Path::new("/a"), true).unwrap();
        let said: Vec<_> = read(&state).into_iter().collect();
        assert_eq!(said, [("/a".into(), true), ("/b".into(), true)]);
    }
}
