//! Looks at and changes single paths below a workspace without ever leaving it: no symbolic link on the way is
//! followed, whoever put it there. Every file is wholly old or wholly new (R5).

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::Pid;

use super::entry::{Digest, Entry, EntryKind, RelativePath};
use super::identity::Identity;
use crate::beneath::{self, DIRECTORY, Missing, open};

/// The workspace, opened.
pub(super) struct Place {
    root: OwnedFd,
}

/// What stands at a path, with its bytes when they are to be had.
pub(super) struct Standing {
    pub(super) entry: Entry,
    pub(super) bytes: Option<Vec<u8>>,
}

impl Place {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        // The root itself may be reached through links of the person's; whether it is the right one is judged by what it
        // is.
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { root: retry_on_intr(|| rustix::fs::open(root, flags, Mode::empty()))? })
    }

    pub(super) fn identity(&self) -> io::Result<Identity> {
        Identity::of(&self.root)
    }

    /// What stands at a path, a link being one itself.
    pub(super) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        beneath::metadata(&self.root, path)
    }

    /// A regular file, opened for reading; waits for no pipe.
    pub(super) fn open_file(&self, path: &Path) -> io::Result<(File, Metadata)> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(beneath::open_below(&self.root, path, flags)?);
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a file any more"));
        }
        Ok((file, found))
    }

    /// Where a link leads.
    pub(super) fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let (parent, name) =
            beneath::parent(&self.root, path, Missing::Left)?.ok_or(Errno::NOTDIR)?;
        let target = rustix::fs::readlinkat(&parent, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    /// None when nothing stands there that could have been covered. Files larger than `limit` are not read.
    pub(super) fn look(&self, path: &RelativePath, limit: u64) -> io::Result<Option<Standing>> {
        let Some((parent, name)) = self.parent(path, Missing::Left)? else { return Ok(None) };
        let stat = match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => EntryKind::File,
            FileType::Symlink => EntryKind::Symlink,
            FileType::Directory => EntryKind::Directory,
            _ => return Err(io::Error::other("it is neither a file nor a link nor a directory")),
        };
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let bytes = match kind {
            EntryKind::Directory => None,
            EntryKind::Symlink => {
                Some(rustix::fs::readlinkat(&parent, name, Vec::new())?.into_bytes())
            }
            EntryKind::File if size > limit => None,
            EntryKind::File => Some(read(&parent, name, limit)?),
        };
        let mtime = stat.st_mtime as i64;
        let mtime_ns =
            mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64);
        let is_dir = kind == EntryKind::Directory;
        let entry = Entry {
            kind,
            mode: stat.st_mode as u32 & 0o7777,
            size: if is_dir { 0 } else { bytes.as_ref().map_or(size, |bytes| bytes.len() as u64) },
            content: bytes.as_deref().map(Digest::of),
            mtime_ns: (bytes.is_none() && !is_dir).then_some(mtime_ns),
        };
        Ok(Some(Standing { entry, bytes }))
    }

    /// Puts a file or link there, in the place of any other; its directory is made when it is missing.
    pub(super) fn put(&self, path: &RelativePath, entry: &Entry, bytes: &[u8]) -> io::Result<()> {
        let (parent, name) = self.parent(path, Missing::Made)?.ok_or_else(no_directory)?;
        sweep(&parent);
        let temporary = OsString::from(format!("{TEMPORARY}{}", std::process::id()));
        let written = match entry.kind {
            EntryKind::Symlink => {
                let target = OsString::from_vec(bytes.to_owned());
                rustix::fs::symlinkat(target, &parent, &temporary).map_err(io::Error::from)
            }
            _ => write(&parent, &temporary, entry.mode, bytes),
        };
        let placed =
            written.and_then(|()| Ok(rustix::fs::renameat(&parent, &temporary, &parent, name)?));
        placed.inspect_err(|_| {
            let _ = rustix::fs::unlinkat(&parent, &temporary, AtFlags::empty());
        })
    }

    /// Makes the directory, or gives the one that is there its mode.
    pub(super) fn put_dir(&self, path: &RelativePath, mode: u32) -> io::Result<()> {
        let (parent, name) = self.parent(path, Missing::Made)?.ok_or_else(no_directory)?;
        match rustix::fs::mkdirat(&parent, name, Mode::from(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let dir = open(&parent, name, DIRECTORY, Mode::empty())?;
        Ok(rustix::fs::fchmod(dir.as_fd(), mode_of(mode))?)
    }

    /// Removes a file or link, if one is there.
    pub(super) fn remove(&self, path: &RelativePath) -> io::Result<()> {
        self.unlink(path, AtFlags::empty())
    }

    /// False when it is not empty, and stays.
    pub(super) fn remove_dir(&self, path: &RelativePath) -> io::Result<bool> {
        match self.unlink(path, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn unlink(&self, path: &RelativePath, flags: AtFlags) -> io::Result<()> {
        let Some((parent, name)) = self.parent(path, Missing::Left)? else { return Ok(()) };
        match rustix::fs::unlinkat(&parent, name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The directory that holds `path`.
    fn parent<'a>(
        &self,
        path: &'a RelativePath,
        missing: Missing,
    ) -> io::Result<Option<(OwnedFd, &'a OsStr)>> {
        beneath::parent(&self.root, path.as_path(), missing)
    }
}

/// How a file is called before it is in its place; then comes the process that makes it.
const TEMPORARY: &str = ".agent-undo-";

/// Takes away what an undo that was killed left in a directory (R7).
fn sweep(parent: &OwnedFd) {
    let entries = rustix::fs::Dir::read_from(parent).into_iter().flatten().flatten();
    for entry in entries {
        let maker = entry.file_name().to_str().ok().and_then(|name| name.strip_prefix(TEMPORARY));
        let maker = maker.and_then(|maker| Pid::from_raw(maker.parse().ok()?));
        let is_gone = |maker| rustix::process::test_kill_process(maker) == Err(Errno::SRCH);
        if maker.is_some_and(is_gone) {
            let _ = rustix::fs::unlinkat(parent, entry.file_name(), AtFlags::empty());
        }
    }
}

fn no_directory() -> io::Error {
    io::Error::other("something else stands where its directory was")
}

fn mode_of(mode: u32) -> Mode {
    Mode::from_raw_mode((mode & 0o7777) as rustix::fs::RawMode)
}

/// What has become something else since it was looked at may have no end.
fn read(parent: &OwnedFd, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(open(parent, name, flags, Mode::empty())?);
    let mut bytes = Vec::new();
    (&file).take(limit).read_to_end(&mut bytes)?;
    if !file.metadata()?.is_file() || bytes.len() as u64 != file.metadata()?.len() {
        return Err(io::Error::other("it changes just now"));
    }
    Ok(bytes)
}

fn write(parent: &OwnedFd, name: &OsStr, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(open(parent, name, flags, Mode::from(0o600))?);
    file.write_all(bytes)?;
    rustix::fs::fchmod(&file, mode_of(mode))?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r7_what_an_undo_that_was_killed_left_goes_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let of = |maker: u32| dir.path().join(format!("{TEMPORARY}{maker}"));
        // No process has so high a number.
        let (left, used) = (of(i32::MAX as u32), of(1));
        for path in [&left, &used] {
            std::fs::write(path, "half").unwrap();
        }
        let entry = Entry {
            kind: EntryKind::File,
            mode: 0o644,
            size: 3,
            content: Some(Digest::of(b"old")),
            mtime_ns: None,
        };
        let place = Place::open(dir.path()).unwrap();
        place.put(&RelativePath::from_bytes(b"file"), &entry, b"old").unwrap();
        assert_eq!(std::fs::read(dir.path().join("file")).unwrap(), b"old");
        assert!(!left.exists() && used.exists());
    }
}
