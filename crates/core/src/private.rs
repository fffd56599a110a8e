//! Files of our own: for their owner alone (S22), and whole for whoever reads them.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Others than the person and root decide over a directory or a file of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    #[error("{} belongs to another user (uid {owner}), so it is not used", path.display())]
    Foreign { path: PathBuf, owner: u32 },
    #[error("everybody can write {}, so it is not used", path.display())]
    Writable { path: PathBuf },
}

/// Judges what is at a path, links followed, before it decides anything (S22). What is not there, or not to be seen, is
/// judged by whoever opens it; what is neither a directory nor a file decides nothing. A group may write: many systems
/// give each person one, and a umask to match.
///
/// # Errors
/// When it belongs neither to the person nor to root, or everybody may write to it.
pub fn require_ours(path: &Path) -> Result<(), NotOurs> {
    let own = rustix::process::geteuid().as_raw();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() || found.is_file() => {
            judge(path, found.uid(), found.mode(), own)
        }
        _ => Ok(()),
    }
}

fn judge(path: &Path, owner: u32, mode: u32, own: u32) -> Result<(), NotOurs> {
    let path = || path.to_owned();
    if ![0, own].contains(&owner) {
        return Err(NotOurs::Foreign { path: path(), owner });
    }
    if mode & 0o002 != 0 {
        return Err(NotOurs::Writable { path: path() });
    }
    Ok(())
}

/// Makes the directory and its missing parents, for their owner alone (S22). One that is there is judged.
///
/// # Errors
/// As the file system says, and when it is not the person's.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.or_else(|error| match error.kind() {
        // It is there, but it could not be seen that it is a directory; or it is none.
        io::ErrorKind::AlreadyExists if fs::metadata(path)?.is_dir() => Ok(()),
        _ => Err(error),
    })?;
    require_ours(path).map_err(|error| io::Error::new(io::ErrorKind::PermissionDenied, error))
}

/// Writes a file so that a reader sees the old one or the new one, never half of it.
///
/// # Errors
/// As the file system says; then the old one is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let write = || {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?
            .write_all(bytes)?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn s22_what_belongs_to_another_or_is_open_to_all_is_refused() {
        let path = Path::new("/state");
        let foreign = |owner| Err(NotOurs::Foreign { path: path.to_owned(), owner });
        let writable = Err(NotOurs::Writable { path: path.to_owned() });
        for (owner, mode, own, expected) in [
            (1000, 0o40700, 1000, Ok(())),
            (0, 0o40755, 1000, Ok(())),
            (1000, 0o40775, 1000, Ok(())),
            (1001, 0o40700, 1000, foreign(1001)),
            (1000, 0o40700, 0, foreign(1000)),
            (1000, 0o40777, 1000, writable.clone()),
            (0, 0o41777, 0, writable),
        ] {
            assert_eq!(judge(path, owner, mode, own), expected, "{owner} {mode:o} {own}");
        }
    }

    #[test]
    fn s22_a_directory_of_ours_that_is_there_is_judged_where_a_link_leads() {
        let scratch = tempfile::tempdir().unwrap();
        let (open, link) = (scratch.path().join("open"), scratch.path().join("link"));
        create_private_dir(&open).unwrap();
        assert_eq!(fs::metadata(&open).unwrap().mode() & 0o777, 0o700);
        std::os::unix::fs::symlink(&open, &link).unwrap();
        create_private_dir(&link).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let error = create_private_dir(&link).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }
}
