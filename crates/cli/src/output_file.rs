//! A file that the person names to be written. Where it leads is found out before anything runs or is written: the model
//! and its commands have no say in it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

/// How long a pipe or a device may take nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a directory is kept with: it need not be one that can be listed.
#[cfg(target_os = "linux")]
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// The file, as it was found.
pub(crate) struct OutputFile {
    /// As the person names it.
    path: PathBuf,
    place: Place,
}

/// What is done where the name is that of a link to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// It is followed, once.
    Followed,
    /// It is refused: a command may have put it there.
    Refused,
}

enum Place {
    /// A device or a pipe, which just gets the message.
    Stream(File),
    /// A file, which stands in this directory or is to.
    File { directory: OwnedFd, name: OsString },
}

impl OutputFile {
    /// Finds where it is.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub(crate) fn find(path: &Path, links: Links) -> anyhow::Result<Self> {
        let place = Place::find(path, links).with_context(|| cannot_write(path))?;
        Ok(Self { path: path.to_owned(), place })
    }

    /// Writes it, whole or not at all where a file stands or is to stand. What has come to be called so meanwhile is
    /// replaced, not followed.
    ///
    /// # Errors
    /// As the file system says, and when a pipe is not read.
    pub(crate) fn write(&self, text: &str) -> anyhow::Result<()> {
        let written = match &self.place {
            Place::Stream(stream) if stream.is_terminal() => {
                send(stream, agent_tui::printable(text).as_bytes())
            }
            Place::Stream(stream) => send(stream, text.as_bytes()),
            Place::File { directory, name } => replace(directory, name, text.as_bytes()),
        };
        written.with_context(|| cannot_write(&self.path))
    }

    /// Removes it: nothing stale stays there when a run failed (exec-json.md 12.11).
    ///
    /// # Errors
    /// As the file system says.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        let Place::File { directory, name } = &self.place else { return Ok(()) };
        let found = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
        let is_directory = |mode| FileType::from_raw_mode(mode) == FileType::Directory;
        if found.is_ok_and(|found| is_directory(found.st_mode)) {
            return Ok(());
        }
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => {
                Err(error).with_context(|| format!("cannot remove {}", self.path.display()))
            }
        }
    }
}

impl Place {
    fn find(path: &Path, links: Links) -> anyhow::Result<Self> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => anyhow::bail!("it is a directory"),
            Ok(found) if !found.is_file() => return Ok(Self::Stream(open_stream(path)?)),
            _ => {}
        }
        let real = match links {
            // One that leads nowhere is replaced.
            Links::Followed => fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            Links::Refused => {
                if let Ok(target) = fs::read_link(path) {
                    anyhow::bail!("it is a link to {}; name the file itself", target.display());
                }
                path.to_owned()
            }
        };
        let name = real.file_name().context("it is no name of a file")?.to_owned();
        let directory = real.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        anyhow::ensure!(directory.is_dir(), "there is no directory {}", directory.display());
        let directory = rustix::fs::open(directory, DIRECTORY, Mode::empty())?;
        Ok(Self::File { directory, name })
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// Opens a device or a pipe without waiting for anybody.
fn open_stream(path: &Path) -> anyhow::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::NXIO) => anyhow::bail!("nobody reads from it"),
        opened => {
            let stream = File::from(opened?);
            anyhow::ensure!(!stream.metadata()?.is_file(), "it has become a file meanwhile");
            Ok(stream)
        }
    }
}

/// Writes to what may have no room, for as long as it takes some now and then.
fn send(mut stream: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => until_writable(stream)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn until_writable(stream: &File) -> io::Result<()> {
    let patience = Timespec::try_from(PATIENCE).map_err(io::Error::other)?;
    let ready = poll(&mut [PollFd::new(stream, PollFlags::OUT)], Some(&patience));
    match ready {
        Ok(0) => Err(io::Error::other("nobody reads from it")),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Puts a file there, in the place of whatever has its name.
fn replace(directory: &OwnedFd, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!(".agent-{}", agent_core::new_thread_id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, &temporary, flags, Mode::from(0o600))?;
    let written = File::from(file).write_all(bytes);
    let placed =
        written.and_then(|()| match rustix::fs::renameat(directory, &temporary, directory, name) {
            Err(Errno::ISDIR) => Err(io::Error::other("it is a directory now")),
            placed => Ok(placed?),
        });
    placed.inspect_err(|_| {
        let _ = rustix::fs::unlinkat(directory, &temporary, AtFlags::empty());
    })
}
