//! The private temporary directories of a world in the reduced tier. Its world and all rooms hold a lock on each; one that
//! nobody holds is of a world that was killed, and is removed when the next begins (R7).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use super::removal;

const PREFIX: &str = "agent-world-";

/// A directory that young may be one whose lock is only about to be taken.
const YOUNG: Duration = Duration::from_secs(10);

/// Open as long as this process, or one that it forked, lives.
pub(super) struct Temporary {
    pub(super) path: PathBuf,
    _lock: File,
}

impl Temporary {
    /// Makes one below `parent`, and takes away those that were left there.
    pub(super) fn make(parent: &Path) -> io::Result<Self> {
        sweep(parent, SystemTime::now());
        let mut options = tempfile::Builder::new();
        let path = options
            .prefix(PREFIX)
            .make_in(parent, |path| fs::DirBuilder::new().mode(0o700).create(path))?;
        let (_, path) = path.keep().map_err(|error| error.error)?;
        let lock = open(&path)?;
        flock(&lock, FlockOperation::LockShared)?;
        Ok(Self { path, _lock: lock })
    }

    /// Makes a directory in it.
    pub(super) fn part(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(path)
    }

    pub(super) fn remove(&self) {
        // What stays is left to the next world.
        let _ = removal::remove(&self.path);
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Only what is our own user's: others look after theirs.
fn sweep(parent: &Path, now: SystemTime) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            let _ = remove_if_left(&entry.path(), now);
        }
    }
}

fn remove_if_left(path: &Path, now: SystemTime) -> io::Result<()> {
    let directory = open(path)?;
    let found = directory.metadata()?;
    let is_young = now.duration_since(found.modified()?).is_ok_and(|age| age < YOUNG);
    if found.uid() != rustix::process::geteuid().as_raw() || is_young {
        return Ok(());
    }
    flock(&directory, FlockOperation::NonBlockingLockExclusive)?;
    removal::remove(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r7_what_a_killed_world_left_is_removed_and_what_is_in_use_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let used = Temporary::make(parent.path()).unwrap();
        let left = Temporary::make(parent.path()).unwrap().path;
        fs::write(left.join("something"), "").unwrap();
        let other = parent.path().join("agent-other");
        fs::create_dir(&other).unwrap();
        std::os::unix::fs::symlink(&other, parent.path().join("agent-world-link")).unwrap();
        sweep(parent.path(), SystemTime::now());
        assert!(left.exists(), "it may be about to be used");
        // What another test forks meanwhile holds all that is open here, for a moment.
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while left.exists() && std::time::Instant::now() < until {
            sweep(parent.path(), SystemTime::now() + 2 * YOUNG);
            std::thread::yield_now();
        }
        assert!(!left.exists());
        assert!(used.path.exists() && other.exists());
        let mode = fs::metadata(&used.path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
