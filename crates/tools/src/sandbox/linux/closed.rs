//! Directories of the person's that were closed when a command ended: opened to be looked into and put right, and closed
//! again. No link leads to another one meanwhile.

use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::process::geteuid;

/// What takes for a look, and to move what is there.
const ALL: u32 = 0o700;
const SEARCH: u32 = 0o100;

/// Those that are open for now, with the modes they had.
#[derive(Default)]
pub(super) struct Opened(Vec<(OwnedFd, u32)>);

impl Opened {
    /// What keeps from `path`: of the directory that it lies in, anything.
    pub(super) fn on_the_way_to(path: &Path) -> Self {
        let mut opened = Self::default();
        let mut directories: Vec<_> = path.ancestors().skip(1).collect();
        directories.reverse();
        for directory in directories {
            let is_last = path.parent() == Some(directory);
            opened.open_for(if is_last { ALL } else { SEARCH }, directory);
        }
        opened
    }

    /// Returns whether it was closed, and is open now.
    pub(super) fn open(&mut self, directory: &Path) -> bool {
        self.open_for(ALL, directory).is_some()
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    fn open_for(&mut self, needed: u32, directory: &Path) -> Option<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory =
            openat2(CWD, directory, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).ok()?;
        let found = fstat(&directory).ok()?;
        let mode = found.st_mode & 0o7777;
        if mode & needed == needed || found.st_uid != geteuid().as_raw() {
            return None;
        }
        set_mode(&directory, mode | ALL).ok()?;
        self.0.push((directory, mode));
        Some(())
    }
}

/// The last one first: it may lie in another.
impl Drop for Opened {
    fn drop(&mut self) {
        for (directory, mode) in self.0.iter().rev() {
            let _ = set_mode(directory, *mode);
        }
    }
}

fn set_mode(directory: &OwnedFd, mode: u32) -> std::io::Result<()> {
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    #[test]
    fn what_is_closed_is_open_for_a_while_and_no_link_is_followed() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let (outer, inner) = (place.join("a"), place.join("a/b"));
        fs::create_dir_all(&inner).unwrap();
        symlink("a", place.join("link")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        let close = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        close(&inner, 0o500);
        close(&outer, 0o2600);
        assert!(!Opened::default().open(&place));
        assert!(!Opened::default().open(&place.join("link")));
        let opened = Opened::on_the_way_to(&inner.join("x"));
        assert_eq!((mode(&outer), mode(&inner), opened.count()), (0o2700, 0o700, 2));
        drop(opened);
        assert_eq!(mode(&outer), 0o2600);
        close(&outer, 0o700);
        assert_eq!(mode(&inner), 0o500);
    }
}
