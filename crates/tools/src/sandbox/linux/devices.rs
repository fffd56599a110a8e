//! Shared memory and terminals of a room in the reduced tier, where `/dev` is everybody's and closed. What programs open
//! there by its name is opened by the room's first process: memory in a directory of the world's own, and a terminal if
//! its other end is held in this room.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use super::asked::{self, Answer, Request};
use super::{World, tree};

const MEMORY: &str = "/dev/shm";
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
pub(super) fn answer(world: &World, request: &Request) -> Option<io::Result<Answer>> {
    let call = Call::of(request)?;
    // Too long, or nowhere: as the kernel finds it.
    let Ok(call) = call else { return Some(Ok(Answer::GoOn)) };
    Some(match call {
        Call::Open { path, flags, mode } => open(world, &path, flags, mode),
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
    let place = match (memory(world, path), terminal(path)) {
        (Some(own), _) => own,
        (_, Some(number)) if is_of_room(number) => path.to_owned(),
        _ => return Ok(Answer::GoOn),
    };
    // A terminal becomes that of whoever asks for it, and not of this process.
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

/// Whether a process of this room holds the other end of this terminal.
fn is_of_room(terminal: u32) -> bool {
    let line = format!("tty-index:\t{terminal}");
    tree::descendants().into_iter().any(|pid| {
        let process = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
        let entries = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        let mut masters = entries.filter(|entry| {
            std::fs::read_link(entry.path()).is_ok_and(|file| file.ends_with("ptmx"))
        });
        masters.any(|entry| {
            let told = std::fs::read_to_string(process.join("fdinfo").join(entry.file_name()));
            told.is_ok_and(|told| told.lines().any(|told| told == line))
        })
    })
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
