//! Where a command runs: found once, so that what is judged, shown and used is the same.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::sandbox::DirectoryId;

/// A directory as it was when a call was made.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Without links.
    pub(crate) path: PathBuf,
    pub(crate) id: DirectoryId,
    /// While it is open no other directory gets its number.
    _held: File,
}

impl Directory {
    /// # Errors
    /// When there is none, or it cannot be reached.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let held = File::from(rustix::fs::open(path, OPENED, Mode::empty())?);
        let id = DirectoryId::of(&held.metadata()?);
        Ok(Self { path: path_of(&held, path)?, id, _held: held })
    }
}

/// Also where it may not be read.
#[cfg(target_os = "linux")]
const OPENED: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const OPENED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Of what was opened: the path may lead elsewhere by now.
#[cfg(target_os = "linux")]
fn path_of(held: &File, path: &Path) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd as _;
    std::fs::read_link(format!("/proc/self/fd/{}", held.as_raw_fd()))
        .or_else(|_| path.canonicalize())
}

#[cfg(not(target_os = "linux"))]
fn path_of(_held: &File, path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}
