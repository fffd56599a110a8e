//! A file that the person names to be written. Where it leads is found out before anything runs or is written: the model
//! and its commands have no say in it, and neither have links that they may have made before.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
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
    /// It is followed, once, as far as links on the way to it are.
    Followed,
    /// It is refused, wherever it stands.
    Refused,
}

enum Place {
    /// A device or a pipe, which just gets the message.
    Stream(File),
    /// A file, which stands in this directory or is to.
    File { directory: OwnedFd, name: OsString },
}

impl OutputFile {
    /// Finds where it is. A link in one of the `shared` directories, in which commands write, leads no further than that
    /// directory goes, and to nothing there that is obeyed.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub(crate) fn find(path: &Path, links: Links, shared: &[PathBuf]) -> anyhow::Result<Self> {
        let place = Place::find(path, links, shared).with_context(|| cannot_write(path))?;
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

    /// Writes it where nothing is yet.
    ///
    /// # Errors
    /// When something has its name already, and as the file system says.
    pub(crate) fn write_new(&self, text: &str) -> io::Result<()> {
        self.create()?.write_all(text.as_bytes())
    }

    /// Makes it where nothing is yet, for its owner alone.
    ///
    /// # Errors
    /// As [`Self::write_new`]'s.
    pub(crate) fn create(&self) -> io::Result<File> {
        let Place::File { directory, name } = &self.place else {
            return Err(io::ErrorKind::AlreadyExists.into());
        };
        create(directory, name)
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
    fn find(named: &Path, links: Links, shared: &[PathBuf]) -> anyhow::Result<Self> {
        let path = &std::path::absolute(named)?;
        let shared: Vec<_> = shared.iter().filter_map(|dir| dir.canonicalize().ok()).collect();
        let found = fs::metadata(path);
        match &found {
            Ok(found) if found.is_dir() => anyhow::bail!("it is a directory"),
            Ok(found) if !found.is_file() => return Self::stream(path, &shared),
            _ => {}
        }
        if links == Links::Refused
            && let Ok(target) = fs::read_link(path)
        {
            anyhow::bail!("it is a link to {}; name the file itself", target.display());
        }
        // One that leads nowhere is replaced.
        let real = if found.is_ok() { followed(path, &shared)? } else { path.clone() };
        let name = real.file_name().context("it is no name of a file")?.to_owned();
        let directory = parent(&real);
        anyhow::ensure!(directory.is_dir(), "there is no directory {}", parent(named).display());
        let directory = followed(directory, &shared)?;
        let opened = rustix::fs::open(&directory, DIRECTORY, Mode::empty())?;
        require_at(&directory, &opened)?;
        Ok(Self::File { directory: opened, name })
    }

    fn stream(path: &Path, shared: &[PathBuf]) -> anyhow::Result<Self> {
        let real = followed(path, shared)?;
        let stream = open_stream(path)?;
        // Pipes of a shell have no path, but stand in no directory of commands either.
        if shared.iter().any(|shared| real.starts_with(shared)) {
            require_at(&real, &stream)?;
        }
        Ok(Self::Stream(stream))
    }
}

/// Where a path leads, as far as anything is there, through no link that a command may have made to lead it away.
fn followed(path: &Path, shared: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let mut here = PathBuf::new();
    for part in path.components() {
        let next = here.join(part);
        let real = next.canonicalize();
        let is_link = match &real {
            Ok(real) => *real != next,
            Err(_) => next.is_symlink(),
        };
        let real = real.unwrap_or_else(|_| next.clone());
        if matches!(part, Component::Normal(_)) && is_link && leads_away(&next, &real, shared) {
            anyhow::bail!(
                "{} is a link to {}, and a command may have made it; name that itself",
                next.display(),
                fs::read_link(&next).unwrap_or(real).display()
            );
        }
        here = real;
    }
    Ok(here)
}

/// Whether a link stands in a directory of commands, and leads out of it, to what is obeyed in it, or nowhere.
fn leads_away(link: &Path, real: &Path, shared: &[PathBuf]) -> bool {
    let becomes_obeyed = agent_tools::is_obeyed(real) && !agent_tools::is_obeyed(link);
    let mut around = shared.iter().filter(|shared| link.starts_with(shared));
    around.any(|shared| real == link || becomes_obeyed || !real.starts_with(shared))
}

/// Nothing took its place since we looked.
fn require_at(place: &Path, opened: impl AsFd) -> anyhow::Result<()> {
    let is_there = agent_tools::real_path(opened).is_some_and(|real| real == place);
    anyhow::ensure!(is_there, "{} has become another one meanwhile", place.display());
    Ok(())
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
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
    let written = create(directory, OsStr::new(&temporary))?.write_all(bytes);
    let placed =
        written.and_then(|()| match rustix::fs::renameat(directory, &temporary, directory, name) {
            Err(Errno::ISDIR) => Err(io::Error::other("it is a directory now")),
            placed => Ok(placed?),
        });
    placed.inspect_err(|_| {
        let _ = rustix::fs::unlinkat(directory, &temporary, AtFlags::empty());
    })
}

fn create(directory: &OwnedFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(directory, name, flags, Mode::from(0o600))?))
}
