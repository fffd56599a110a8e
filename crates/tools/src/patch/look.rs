//! What is at a path before it is changed: its content, and what tells later whether it is still the same (R6).

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::place::{Missing, NoFolder, Roots};
use super::plan::Found;
use super::slot::Slot;
use crate::files;

/// Bytes of a file that can be patched.
const MAX_FILE: u64 = 32 << 20;

/// What tells one file, and one state of it, from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// What a file that takes another's place should have of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) mode: u32,
    pub(crate) owner: u32,
    pub(crate) group: u32,
    pub(crate) links: u64,
}

/// What was found, and of a file also which and how it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    pub(crate) found: Found,
    pub(crate) file: Option<(Identity, Attributes)>,
}

impl Looked {
    pub(crate) const NOTHING: Self = Self { found: Found::Nothing, file: None };

    pub(crate) fn at(roots: &Roots, path: &Path) -> Self {
        let alone = |found| Self { found, file: None };
        match Slot::open(roots, path, Missing::Fail, &mut vec![]) {
            Ok(slot) => Self::in_slot(&slot),
            Err(NoFolder::Missing) => alone(Found::Nothing),
            Err(no_folder) => alone(Found::Barred(no_folder.describe(roots))),
        }
    }

    /// Looks again: a difference to what was seen before means that someone else changed the file.
    pub(crate) fn in_slot(slot: &Slot) -> Self {
        let alone = |found| Self { found, file: None };
        let barred = |errno: Errno| alone(Found::Barred(files::trouble(&errno.into())));
        let Slot { folder, name } = slot;
        let kind = match rustix::fs::statat(&folder.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            Err(Errno::NOENT) => return alone(Found::Nothing),
            Err(errno) => return barred(errno),
        };
        match kind {
            FileType::RegularFile => {}
            FileType::Symlink => return alone(Found::Link),
            FileType::Directory => return alone(Found::Barred("this is a directory".into())),
            _ => return alone(Found::Barred("this is no regular file".into())),
        }
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match retry_on_intr(|| rustix::fs::openat(&folder.dir, name, flags, Mode::empty())) {
            Ok(file) => Self::read(file.into())
                .unwrap_or_else(|error| alone(Found::Barred(files::trouble(&error)))),
            Err(errno) => barred(errno),
        }
    }

    /// The same file, with the same content to the last byte: its times alone may be too coarse to tell, or set. How
    /// many names it has does not count.
    pub(crate) fn holds_the_same_as(&self, seen: &Self) -> bool {
        let identity = |looked: &Self| looked.file.map(|(identity, _)| identity);
        identity(self) == identity(seen) && self.found == seen.found
    }

    fn read(mut file: File) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        file.by_ref().take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        let metadata = file.metadata()?;
        let attributes = Attributes {
            mode: metadata.mode(),
            owner: metadata.uid(),
            group: metadata.gid(),
            links: metadata.nlink(),
        };
        Ok(Self { found: understood(bytes), file: Some((Identity::of(&metadata), attributes)) })
    }
}

impl Identity {
    pub(crate) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

fn understood(bytes: Vec<u8>) -> Found {
    if bytes.len() as u64 > MAX_FILE {
        return Found::Opaque("this file is larger than 32 MiB");
    }
    if memchr::memchr(0, &bytes).is_some() {
        return Found::Opaque("this file is binary");
    }
    match String::from_utf8(bytes) {
        Ok(text) => Found::Text(text),
        Err(_) => Found::Opaque("this file is not UTF-8 text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir(root.join("folder")).unwrap();
        for (name, content) in [("text", &b"a\r\n"[..]), ("binary", b"a\0"), ("latin", b"\xe9")] {
            std::fs::write(root.join(name), content).unwrap();
        }
        std::os::unix::fs::symlink("text", root.join("link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, root.join("fifo"), FileType::Fifo, Mode::RWXU, 0)
            .unwrap();
        let roots = Roots::new([root.as_path()]);
        let found = |name: &str| Looked::at(&roots, &root.join(name)).found;
        assert_eq!(found("text"), Found::Text("a\r\n".into()));
        assert_eq!(found("binary"), Found::Opaque("this file is binary"));
        assert_eq!(found("latin"), Found::Opaque("this file is not UTF-8 text"));
        assert_eq!(found("link"), Found::Link);
        assert_eq!(found("folder"), Found::Barred("this is a directory".into()));
        assert_eq!(found("fifo"), Found::Barred("this is no regular file".into()));
        assert_eq!(found("gone"), Found::Nothing);
        assert_eq!(found("gone/x"), Found::Nothing);
        assert_eq!(
            found("text/x"),
            Found::Barred(format!("{}/text is not a directory", root.display()))
        );
        assert!(matches!(found("../x"), Found::Barred(_)));
    }

    /// A folder with a file `f`, and how that was seen.
    fn seen() -> (tempfile::TempDir, std::path::PathBuf, Roots, Looked) {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        let roots = Roots::new([root.as_path()]);
        let path = root.join("f");
        std::fs::write(&path, "one").unwrap();
        let seen = Looked::at(&roots, &path);
        (dir, root, roots, seen)
    }

    #[test]
    fn r6_a_file_that_was_changed_is_not_the_one_that_was_seen() {
        let (_dir, root, roots, seen) = seen();
        let path = root.join("f");
        assert_eq!(Looked::at(&roots, &path), seen);
        std::fs::write(&path, "two").unwrap();
        assert_ne!(Looked::at(&roots, &path), seen);
        // The same content in another file is another file.
        std::fs::write(root.join("g"), "one").unwrap();
        std::fs::rename(root.join("g"), &path).unwrap();
        assert_ne!(Looked::at(&roots, &path), seen);
    }

    #[test]
    fn r6_other_content_of_the_same_size_and_time_is_told_apart_and_another_name_is_not() {
        let (_dir, root, roots, seen) = seen();
        let path = root.join("f");
        std::fs::hard_link(&path, root.join("g")).unwrap();
        assert!(Looked::at(&roots, &path).holds_the_same_as(&seen));
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::write(&path, "two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert!(!Looked::at(&roots, &path).holds_the_same_as(&seen));
    }
}
