//! Which directory a workspace is, whatever its path leads to later: a thread that works above it can move it and put a
//! link in its place, which then leads to files of the person's that no turn has changed.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use agent_tools::real_path;
use serde::{Deserialize, Serialize};

/// A directory, known by two marks. Each may change while it stays the same one: the number with some file systems that
/// are mounted again, the path when the person moves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
    /// Without links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
}

impl Identity {
    /// What an open directory is.
    pub(super) fn of(directory: impl AsFd) -> io::Result<Self> {
        let stat = rustix::fs::fstat(directory.as_fd())?;
        let path = real_path(directory);
        Ok(Self { device: stat.st_dev as u64, inode: stat.st_ino, path })
    }

    /// Whether it is the one that was `remembered`; where nothing was, as by earlier versions, whether `path` leads
    /// there through no link.
    pub(super) fn is(&self, remembered: Option<&Self>, path: &Path) -> bool {
        let lies_at = |path: &Path| self.path.as_deref() == Some(path);
        match remembered {
            None => lies_at(path),
            Some(one) => {
                (one.device, one.inode) == (self.device, self.inode)
                    || one.path.as_deref().is_some_and(lies_at)
            }
        }
    }
}
