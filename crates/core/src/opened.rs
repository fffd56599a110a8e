//! A file that was opened to be read. A command that still runs may exchange it for a link or a pipe at any moment: what
//! is judged is therefore what is read, the open file, and not what its name leads to.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::retry_on_intr;

/// A regular file. Whatever is read of a directory in which commands write, or of a project, goes through this (R16).
#[derive(Debug)]
pub struct Opened(File);

impl Opened {
    /// More bytes than anybody writes by hand.
    pub const BY_HAND: u64 = 16 << 20;

    /// Opens it without waiting for anybody: a pipe is not opened, as nobody may ever write to it.
    ///
    /// # Errors
    /// As the file system says, and when it is something else than a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Looked at before, since opening alone does something to some devices.
        require_regular(&fs::metadata(path)?)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?);
        require_regular(&file.metadata()?)?;
        Ok(Self(file))
    }

    /// Opens what the person names. Beside a file that is a descriptor that was handed to us, as shells do it for `<(…)`: a
    /// name that no command can give to anything of its own. Its other end is the person's to wait for.
    ///
    /// # Errors
    /// As [`Self::open`]'s.
    pub fn named(path: &Path) -> io::Result<Self> {
        let of_descriptors = ["/dev/fd", "/proc/self/fd"].map(Path::new);
        let is_descriptor = path.parent().is_some_and(|parent| of_descriptors.contains(&parent));
        if is_descriptor || path == Path::new("/dev/stdin") {
            return File::open(path).map(Self);
        }
        Self::open(path)
    }

    /// Where it lies, without links; none when that cannot be found out.
    pub fn real_path(&self) -> Option<PathBuf> {
        agent_tools::real_path(&self.0)
    }

    /// All that is in it.
    ///
    /// # Errors
    /// When that is more than `limit` bytes, and as the file system says. Some files without a length never end.
    pub fn bytes(self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![];
        self.0.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::other(format!("it is longer than {limit} bytes")));
        }
        Ok(bytes)
    }

    /// All that is in it, where that is UTF-8.
    ///
    /// # Errors
    /// As [`Self::bytes`]'s, and when it is not UTF-8.
    pub fn text(self, limit: u64) -> io::Result<String> {
        String::from_utf8(self.bytes(limit)?).map_err(|_| io::Error::other("it is not UTF-8"))
    }

    /// Its text, invalid UTF-8 replaced, and whether that is all of it; none when it cannot be read.
    pub fn read_at_most(self, limit: u64) -> Option<(String, bool)> {
        let mut bytes = vec![];
        self.0.take(limit.saturating_add(1)).read_to_end(&mut bytes).ok()?;
        let whole = bytes.len() as u64 <= limit;
        bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                // A character cut in two by the limit is left out, not replaced.
                let valid = error.utf8_error();
                let bytes = error.as_bytes();
                let bytes = if !whole && valid.error_len().is_none() {
                    &bytes[..valid.valid_up_to()]
                } else {
                    bytes
                };
                String::from_utf8_lossy(bytes).into_owned()
            }
        };
        Some((text, whole))
    }
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn require_regular(found: &Metadata) -> io::Result<()> {
    if found.is_file() { Ok(()) } else { Err(io::Error::other("it is not a regular file")) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    fn fifo(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    }

    #[test]
    fn r16_what_is_no_file_or_has_no_end_is_not_read() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fifo(&at("pipe"));
        symlink(at("pipe"), at("link")).unwrap();
        fs::write(at("file"), "text").unwrap();
        for name in ["pipe", "link", "missing", "."] {
            assert!(Opened::open(&at(name)).is_err(), "{name}");
        }
        let read = |limit| Opened::open(&at("file")).unwrap().text(limit);
        assert_eq!(read(4).unwrap(), "text");
        assert!(read(3).is_err());
        assert!(Opened::named(&at("file")).is_ok() && Opened::named(&at("pipe")).is_err());
        #[cfg(target_os = "linux")]
        assert!(Opened::open(Path::new("/proc/self/pagemap")).unwrap().bytes(4096).is_err());
    }

    #[test]
    fn what_a_shell_hands_over_is_read_to_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"text").unwrap();
        drop(writer);
        let name = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
        assert_eq!(Opened::named(&name).unwrap().text(4).unwrap(), "text");
    }
}
