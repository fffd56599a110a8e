//! `-o FILE`: where the last message of a run goes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Looks before anything is paid for whether the message can go there at all.
///
/// # Errors
/// When it cannot.
pub(super) fn check(path: &Path) -> anyhow::Result<()> {
    let dir = dir_of(path);
    let problem = if path.is_dir() {
        "it is a directory".to_owned()
    } else if !dir.is_dir() {
        format!("there is no directory {}", dir.display())
    } else {
        return Ok(());
    };
    anyhow::bail!("cannot write the last message to {}: {problem}", path.display())
}

/// Writes it, whole or not at all where a file stands or is to stand; a device or a pipe just gets it.
///
/// # Errors
/// As the file system says.
pub(super) fn write(path: &Path, message: &str) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return File::options().write(true).open(path)?.write_all(message.as_bytes());
        }
        // A link to where the person keeps it stays one.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut file = tempfile::NamedTempFile::new_in(dir_of(&path))?;
        file.write_all(message.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write the last message to {}", path.display()))
}

/// No stale message stays there when a run failed (exec-json.md 12.11).
///
/// # Errors
/// As the file system says.
pub(super) fn remove(path: &Path) -> anyhow::Result<()> {
    if !fs::metadata(path).is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}

fn dir_of(path: &Path) -> PathBuf {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    dir.unwrap_or(Path::new(".")).to_owned()
}
