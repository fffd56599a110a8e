//! A name in an open folder, and what can be done to it: the only place where patches touch the disk.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{Access, AtFlags, Gid, Mode, OFlags, RawMode, RenameFlags, Uid, XattrFlags};
use rustix::io::{Errno, retry_on_intr};

use super::look::Attributes;
use super::place::{Folder, Missing, NoFolder, Roots};

/// A name in a folder that is held open: what is done there cannot be led astray by a path that changes meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) folder: Rc<Folder>,
    pub(crate) name: OsString,
}

impl Slot {
    /// # Errors
    /// As [`Roots::open_folder`].
    pub(crate) fn open(
        roots: &Roots,
        path: &Path,
        missing: Missing,
        made: &mut Vec<PathBuf>,
    ) -> Result<Self, NoFolder> {
        let name = path.file_name().ok_or(NoFolder::Outside)?;
        Ok(Self::named(roots.open_folder(path, missing, made)?, name))
    }

    pub(crate) fn named(folder: Folder, name: &OsStr) -> Self {
        Self { folder: Rc::new(folder), name: name.to_owned() }
    }

    /// Another name in the same folder.
    pub(crate) fn beside(&self, name: &str) -> Self {
        Self { folder: Rc::clone(&self.folder), name: name.into() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path.join(&self.name)
    }

    /// Which file has this name; None when there is none.
    pub(crate) fn inode(&self) -> Option<u64> {
        let stat = rustix::fs::statat(&self.folder.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW);
        stat.ok().map(|stat| stat.st_ino)
    }

    /// A file that is read-only is meant to be: that it could be replaced does not make it ours to change.
    /// For root, too, whom the rights would not hold back.
    pub(crate) fn check_writable(&self) -> io::Result<()> {
        let stat = rustix::fs::statat(&self.folder.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW)?;
        let anybody_writes = Mode::WUSR | Mode::WGRP | Mode::WOTH;
        if !Mode::from_raw_mode(stat.st_mode).intersects(anybody_writes) {
            return Err(Errno::ACCESS.into());
        }
        Ok(rustix::fs::accessat(&self.folder.dir, &self.name, Access::WRITE_OK, AtFlags::EACCESS)?)
    }

    /// Makes a file where nothing is, with the rights of any new file.
    pub(crate) fn create(&self) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        self.open_as(flags, Mode::from_raw_mode(0o666))
    }

    /// Makes a file where nothing is, that nobody else may read yet.
    pub(crate) fn create_private(&self) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        self.open_as(flags, Mode::from_raw_mode(0o600))
    }

    pub(crate) fn open_to_write(&self) -> io::Result<File> {
        self.open_as(OFlags::WRONLY, Mode::empty())
    }

    /// That file, if it has this name still.
    pub(crate) fn open_to_write_over(&self, inode: u64) -> io::Result<File> {
        let file = self.open_to_write()?;
        let found = file.metadata()?;
        if !found.is_file() || found.ino() != inode {
            return Err(io::Error::other("it changes just now"));
        }
        Ok(file)
    }

    fn open_as(&self, flags: OFlags, mode: Mode) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&self.folder.dir, &self.name, flags, mode);
        Ok(retry_on_intr(open)?.into())
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.folder.dir, &self.name, AtFlags::empty())?)
    }

    /// Fails when it is not empty.
    pub(crate) fn remove_folder(&self) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.folder.dir, &self.name, AtFlags::REMOVEDIR)?)
    }

    pub(crate) fn rename_over(&self, to: &Self) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.folder.dir, &self.name, &to.folder.dir, &to.name)?)
    }

    /// Renames, but never over what is there.
    pub(crate) fn rename_new(&self, to: &Self) -> io::Result<()> {
        let done = self.rename_with(to, RenameFlags::NOREPLACE);
        match done {
            Err(error) if is_unsupported(&error) => {
                self.link(to)?;
                self.remove()
            }
            done => done,
        }
    }

    /// Takes the place of `target`, whose file is then the one of `self`, or of `spare` where the file system has no
    /// exchange; returns which.
    pub(crate) fn exchange(&self, target: &Self, spare: Self) -> io::Result<Self> {
        match self.rename_with(target, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(self.clone()),
            Err(error) if is_unsupported(&error) => self.exchange_by_link(target, spare),
            Err(error) => Err(error),
        }
    }

    /// By a second name for the file, so that its place is never empty; failing that, by moving it.
    fn exchange_by_link(&self, target: &Self, spare: Self) -> io::Result<Self> {
        target.link(&spare).or_else(|_| target.rename_over(&spare))?;
        if let Err(error) = self.rename_over(target) {
            spare.rename_over(target)?;
            return Err(error);
        }
        Ok(spare)
    }

    fn rename_with(&self, to: &Self, flags: RenameFlags) -> io::Result<()> {
        let (from_dir, to_dir) = (&self.folder.dir, &to.folder.dir);
        Ok(rustix::fs::renameat_with(from_dir, &self.name, to_dir, &to.name, flags)?)
    }

    fn link(&self, to: &Self) -> io::Result<()> {
        let (from_dir, to_dir) = (&self.folder.dir, &to.folder.dir);
        Ok(rustix::fs::linkat(from_dir, &self.name, to_dir, &to.name, AtFlags::empty())?)
    }

    /// Gives `file` the access list and the user's own attributes of this one, where the file system has them.
    pub(crate) fn give_extended(&self, file: &File) {
        let Ok(from) = self.open_as(OFlags::RDONLY, Mode::empty()) else { return };
        let mut names = vec![0_u8; 64 << 10];
        let Ok(len) = rustix::fs::flistxattr(&from, &mut names[..]) else { return };
        for name in names[..len].split(|byte| *byte == 0) {
            if !(name.starts_with(b"user.") || name == b"system.posix_acl_access") {
                continue;
            }
            let mut value = vec![0_u8; 64 << 10];
            if let Ok(len) = rustix::fs::fgetxattr(&from, name, &mut value[..]) {
                let _ = rustix::fs::fsetxattr(file, name, &value[..len], XattrFlags::empty());
            }
        }
    }
}

/// Gives a new file owner, group and mode of the one it stands for; false when the owner cannot be given.
pub(crate) fn take_after(file: &File, like: &Attributes) -> io::Result<bool> {
    let metadata = file.metadata()?;
    if (metadata.uid(), metadata.gid()) != (like.owner, like.group) {
        let owner = (metadata.uid() != like.owner).then(|| Uid::from_raw(like.owner));
        if rustix::fs::fchown(file, owner, Some(Gid::from_raw(like.group))).is_err() {
            return Ok(false);
        }
    }
    // Rights to run as another user do not survive a change of content, as with any write.
    rustix::fs::fchmod(file, Mode::from_raw_mode((like.mode & 0o1777) as RawMode))?;
    Ok(true)
}

/// Replaces the content of a file without replacing the file.
pub(crate) fn write_over(file: &mut File, text: &str) -> io::Result<()> {
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// The file system has no such rename.
fn is_unsupported(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    let unsupported = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP];
    unsupported.iter().any(|other| Some(other.raw_os_error()) == errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_files_cannot_be_exchanged_the_old_one_is_kept_under_the_spare_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        for (name, content) in [("target", "old"), ("staged", "new")] {
            std::fs::write(root.join(name), content).unwrap();
        }
        let roots = Roots::new([root.as_path()]);
        let target = Slot::open(&roots, &root.join("target"), Missing::Fail, &mut vec![]).unwrap();
        let staged = target.beside("staged");
        let kept = staged.exchange_by_link(&target, target.beside("spare")).unwrap();
        assert_eq!(kept.path(), root.join("spare"));
        assert_eq!(std::fs::read_to_string(root.join("target")).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(root.join("spare")).unwrap(), "old");
        assert!(!root.join("staged").exists());
    }
}
