//! Shared memory and terminals of a room in the reduced tier, where `/dev` is everybody's and closed. What programs open
//! there by its name is opened by the room's first process: memory in a directory of the world's own, and a terminal if
//! its other end is held in this room.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer};

use super::asked::{self, Answer, Patience, Request};
use super::{World, connect, tree};

pub(super) const MEMORY: &str = "/dev/shm";
const TERMINALS: &str = "/dev/pts";

/// Longer than any path of ours with the longest name.
const LONGEST: usize = 300;

/// A call with the paths it names.
enum Call {
    Open { path: PathBuf, flags: i32, mode: u32 },
    Link { from: PathBuf, to: PathBuf },
    Unlink { path: PathBuf },
}

/// None: another call.
pub(super) fn answer(
    world: &World,
    listener: BorrowedFd<'_>,
    request: &Request,
) -> Option<io::Result<Answer>> {
    let call = Call::of(request)?;
    // Too long, or nowhere: as the kernel finds it.
    let Ok(call) = call else { return Some(Ok(Answer::GoOn)) };
    Some(match call {
        Call::Open { path, flags, mode } => match terminal(&path) {
            Some(_) => open_terminal(listener, request, &path, flags),
            None => open(world, &path, flags, mode),
        },
        Call::Link { from, to } => link(world, &from, &to),
        Call::Unlink { path } => match memory(world, &path) {
            Some(own) => std::fs::remove_file(own).map(|()| Answer::Done),
            None => Ok(Answer::GoOn),
        },
    })
}

impl Call {
    fn of(request: &Request) -> Option<io::Result<Self>> {
        let path = |index: usize| -> io::Result<PathBuf> {
            let text = asked::string_of(request.thread, request.arguments[index], LONGEST)?;
            Ok(PathBuf::from(OsStr::from_bytes(&text)))
        };
        let open = |index: usize| {
            let [flags, mode] = [1, 2].map(|next| request.arguments[index + next] as u32);
            Ok(Self::Open { path: path(index)?, flags: flags.cast_signed(), mode })
        };
        let link = |from, to| Ok(Self::Link { from: path(from)?, to: path(to)? });
        let unlink = |index| Ok(Self::Unlink { path: path(index)? });
        Some(match i64::from(request.number) {
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => open(0),
            libc::SYS_openat => open(1),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_link => link(0, 1),
            libc::SYS_linkat => link(1, 3),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_unlink => unlink(0),
            libc::SYS_unlinkat => unlink(1),
            _ => return None,
        })
    }
}

fn open(world: &World, path: &Path, flags: i32, mode: u32) -> io::Result<Answer> {
    let Some(place) = memory(world, path) else { return Ok(Answer::GoOn) };
    let own = OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let wanted = OFlags::from_bits_retain(flags.cast_unsigned());
    let mode = Mode::from_bits_truncate(mode & 0o700);
    let file = open_at_once(&place, wanted | own, mode)?;
    Ok(Answer::Opened(file, flags))
}

/// Whoever waits in this process keeps it from ending the room: what would have to be waited for, as a file that another
/// has a lease on, is not opened.
fn open_at_once(place: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let file = rustix::fs::open(place, flags | OFlags::NONBLOCK, mode)?;
    waiting_as_wanted(file, flags)
}

fn waiting_as_wanted(file: OwnedFd, flags: OFlags) -> io::Result<OwnedFd> {
    if !flags.contains(OFlags::NONBLOCK) {
        let set = rustix::fs::fcntl_getfl(&file)?;
        rustix::fs::fcntl_setfl(&file, set.difference(OFlags::NONBLOCK))?;
    }
    Ok(file)
}

fn link(world: &World, from: &Path, to: &Path) -> io::Result<Answer> {
    let (Some(from), Some(to)) = (memory(world, from), memory(world, to)) else {
        return Ok(Answer::GoOn);
    };
    rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty())?;
    Ok(Answer::Done)
}

/// Where what is called so is for this world.
fn memory(world: &World, path: &Path) -> Option<PathBuf> {
    Some(world.shared_memory.as_ref()?.join(name_in(MEMORY, path)?))
}

fn terminal(path: &Path) -> Option<u32> {
    let name = name_in(TERMINALS, path)?.to_str()?;
    name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok()).flatten()
}

/// Only as the C library writes it: by any other way it is closed.
fn name_in<'a>(directory: &str, path: &'a Path) -> Option<&'a OsStr> {
    let name =
        path.as_os_str().as_bytes().strip_prefix(directory.as_bytes())?.strip_prefix(b"/")?;
    let is_name = !name.is_empty() && !name.contains(&b'/') && name != b"." && name != b"..";
    is_name.then(|| OsStr::from_bytes(name))
}

/// If a process of this room holds its other end: most often the one that asks. It is opened by that end and not by its
/// name, where another may lie by then; or another with the same number, as each `devpts` counts for itself.
fn open_terminal(
    listener: BorrowedFd<'_>,
    request: &Request,
    path: &Path,
    flags: i32,
) -> io::Result<Answer> {
    let patience = &mut Patience::new();
    let Ok(wanted) = Terminal::at(path, flags) else { return Ok(Answer::GoOn) };
    let found = wanted.opened_by(request.thread.cast_signed(), patience).or_else(|| {
        let others = tree::descendants_within(patience)?;
        others.into_iter().find_map(|process| wanted.opened_by(process, patience))
    });
    asked::is_waiting(listener, request)?;
    match found {
        Some(file) => Ok(Answer::Opened(waiting_as_wanted(file, wanted.flags)?, flags)),
        None => Ok(Answer::GoOn),
    }
}

/// One that somebody wants to open.
struct Terminal {
    /// As what `/proc` tells of its other end says it.
    line: String,
    file: (u64, u64),
    flags: OFlags,
}

impl Terminal {
    fn at(path: &Path, flags: i32) -> io::Result<Self> {
        let number = terminal(path).ok_or(io::ErrorKind::NotFound)?;
        let found = std::fs::symlink_metadata(path)?;
        let flags = OFlags::from_bits_retain(flags.cast_unsigned());
        Ok(Self { line: format!("tty-index:\t{number}"), file: (found.dev(), found.ino()), flags })
    }

    /// None, if this process does not hold the other end.
    fn opened_by(&self, process: i32, patience: &mut Patience) -> Option<OwnedFd> {
        let own = PathBuf::from(format!("/proc/{process}"));
        let entries = std::fs::read_dir(own.join("fd")).ok()?.flatten();
        for entry in entries {
            if !patience.lasts() {
                return None;
            }
            let told = own.join("fdinfo").join(entry.file_name());
            let is_it = std::fs::read_link(entry.path()).is_ok_and(|file| file.ends_with("ptmx"))
                && std::fs::read_to_string(told)
                    .is_ok_and(|told| told.lines().any(|line| line == self.line));
            let descriptor = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let opened = descriptor.filter(|_| is_it).and_then(|it| self.opened_at(process, it));
            // It may have ended, and its number be another's.
            if opened.is_some() && tree::is_of_room(process, patience) {
                return opened;
            }
        }
        None
    }

    /// By what may be its other end.
    fn opened_at(&self, process: i32, descriptor: i32) -> Option<OwnedFd> {
        let end = connect::descriptor_of(process.cast_unsigned(), descriptor).ok()?;
        // It becomes the terminal of whoever asks for it, and not of this process.
        let own = OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let flags = OpenptFlags::from_bits_retain((self.flags | own).bits());
        let opened = ioctl_tiocgptpeer(&end, flags).ok()?;
        let found = rustix::fs::fstat(&opened).ok()?;
        ((found.st_dev, found.st_ino) == self.file).then_some(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of this process's, until the file is closed.
    #[allow(unsafe_code)]
    fn take_lease(file: &OwnedFd) -> bool {
        use std::os::fd::AsRawFd as _;
        // SAFETY: no memory is involved. The signal is ignored by default.
        unsafe {
            libc::signal(libc::SIGIO, libc::SIG_IGN);
            libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) == 0
        }
    }

    #[test]
    fn r9_a_file_with_a_lease_is_not_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("memory");
        std::fs::write(&path, "").unwrap();
        let held = rustix::fs::open(&path, OFlags::RDONLY, Mode::empty()).unwrap();
        if !take_lease(&held) {
            println!("not run: this file system has no leases");
            return;
        }
        let open = |flags| open_at_once(&path, flags, Mode::empty());
        let begun = std::time::Instant::now();
        assert_eq!(open(OFlags::RDWR).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        // Linux takes a lease away after 45 seconds.
        assert!(begun.elapsed().as_secs() < 30);
        drop(held);
        for flags in [OFlags::RDWR, OFlags::RDWR | OFlags::NONBLOCK] {
            let opened = rustix::fs::fcntl_getfl(open(flags).unwrap()).unwrap();
            assert!(opened.contains(flags));
            assert_eq!(opened.contains(OFlags::NONBLOCK), flags.contains(OFlags::NONBLOCK));
        }
    }

    #[test]
    fn r8_a_terminal_is_looked_for_as_long_as_there_is_patience() {
        use rustix::pty::{openpt, ptsname, unlockpt};
        use std::time::Duration;
        let ends: Vec<_> = (0..100)
            .map(|_| openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC))
            .map(Result::unwrap)
            .collect();
        let last = ends.last().unwrap();
        unlockpt(last).unwrap();
        let path = ptsname(last, vec![]).unwrap().into_string().unwrap();
        let wanted = Terminal::at(Path::new(&path), libc::O_RDWR).unwrap();
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let mut patience = Patience::of(Duration::ZERO);
        assert!(wanted.opened_by(own, &mut patience).is_none() && patience.looks() == 64);
        let other = Terminal { file: (0, 0), ..Terminal::at(Path::new(&path), 0).unwrap() };
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(last);
        assert!(wanted.opened_at(own, descriptor).is_some());
        assert!(other.opened_at(own, descriptor).is_none());
    }

    #[test]
    fn only_names_in_the_directory_itself_are_taken() {
        let name = |path: &str| name_in(MEMORY, Path::new(path)).map(OsStr::to_owned);
        assert_eq!(name("/dev/shm/sem.x"), Some("sem.x".into()));
        for other in ["/dev/shm", "/dev/shm/", "/dev/shm/a/b", "/dev/shm/..", "/dev/shmx", "shm/x"]
        {
            assert_eq!(name(other), None, "{other}");
        }
        assert_eq!(terminal(Path::new("/dev/pts/12")), Some(12));
        assert_eq!(terminal(Path::new("/dev/pts/ptmx")), None);
        assert_eq!(terminal(Path::new("/dev/pts/+1")), None);
    }
}
