//! S6: descriptors that were left open, and the terminal the agent itself is on.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::OpenptFlags;

use crate::attack::{Attack, attack, check, impossible, number, unless};

/// Descriptors from here on are left open by whoever runs the attack, beside others (`place.rs`).
pub(crate) const HIGH: i32 = 700;

/// On a terminal the home says more: `terminal` and `free_terminal` are paths, `agent` is a process id, and standard
/// input is the terminal, opened for reading.
pub(crate) const ATTACKS: &[Attack] = &[
    attack("s6_a_descriptor_more", |_| {
        // The one that reads the directory is ours.
        let open = fs::read_dir("/proc/self/fd")?.flatten();
        unless(open.filter(|entry| !is_standard(&entry.path())).count() > 1)
    }),
    attack("s6_a_descriptor_of_a_high_number", |_| {
        // SAFETY: no memory is involved.
        unless((HIGH..HIGH + 400).any(|number| unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0))
    }),
    attack("s6_an_inherited_socket", |_| unless(opened()?.any(|kind| kind == "socket"))),
    attack("s6_an_inherited_file_in_memory", |_| unless(opened()?.any(|kind| kind == "/memfd"))),
    attack("s6_descriptors_of_another", |_| {
        let own = std::process::id().to_string();
        let named = fs::read_dir("/proc")?
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        // The supervisor is one of them.
        let mut others = named.filter(|name| *name != own && name.parse::<u32>().is_ok());
        unless(others.any(|name| fs::read_link(format!("/proc/{name}/fd/0")).is_ok()))
    }),
    attack("s6_descriptors_of_the_agent", |home| {
        File::open(format!("/proc/{}/fd/0", number(home, "agent")?)).map(drop)
    })
    .on_terminal(),
    attack("s6_write_to_our_terminal", |_| write_to(Path::new("/dev/tty"))).on_terminal(),
    attack("s6_write_to_our_terminal_by_its_name", |home| write_to(&named(home, "terminal")?))
        .on_terminal(),
    attack("s6_write_to_the_terminal_that_is_read", |_| write_to(Path::new("/proc/self/fd/0")))
        .on_terminal(),
    attack("s6_write_through_the_descriptor_of_the_agent", |home| {
        write_to(Path::new(&format!("/proc/{}/fd/0", number(home, "agent")?)))
    })
    .on_terminal(),
    attack("s6_read_what_is_typed", |_| File::open("/dev/tty").map(drop)).on_terminal(),
    attack("s6_take_a_free_terminal_by_opening_it", |home| {
        let path = named(home, "free_terminal")?;
        in_its_own_session(|| {
            let taken = File::options().read(true).write(true).open(&path)?;
            File::open("/dev/tty")?;
            drop(taken);
            Ok(())
        })
    })
    .on_terminal(),
    // Each `devpts` counts for itself: the other end of one of its terminals has the number of ours.
    attack("s6_open_a_terminal_by_the_number_of_another", |home| {
        let (path, other) = (named(home, "free_terminal")?, home.join("empty/ptmx"));
        let number = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let line = format!("tty-index:\t{number}\n");
        let mut ends = Vec::new();
        while let Ok(end) = File::options().read(true).custom_flags(libc::O_NOCTTY).open(&other) {
            let told = fs::read_to_string(format!("/proc/self/fdinfo/{}", end.as_raw_fd()))?;
            ends.push(end);
            if told.contains(&line) || ends.len() > 500 {
                break;
            }
        }
        opened_without_taking(&path).map(drop)
    })
    .after(|home| {
        crate::told::apart()?;
        let flags = rustix::mount::MountFlags::empty();
        let options = c"newinstance,ptmxmode=0666";
        Ok(rustix::mount::mount("devpts", home.join("empty"), "devpts", flags, Some(options))?)
    })
    .as_root()
    .on_terminal(),
    attack("s6_steal_our_terminal", |home| {
        let path = named(home, "terminal")?;
        in_its_own_session(|| {
            let terminal = opened_without_taking(&path)?;
            // SAFETY: no memory is involved; 1 takes it away from whoever has it.
            check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 1) }).map(drop)
        })
    })
    .as_root()
    .on_terminal(),
    attack("s6_steal_the_terminal_that_is_read", |_| {
        in_its_own_session(|| {
            // SAFETY: no memory is involved; 1 takes it away from whoever has it.
            check(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 1) }).map(drop)
        })
    })
    .as_root()
    .on_terminal(),
    attack("s6_our_session", |home| {
        // SAFETY: no memory is involved.
        unless(unsafe { libc::getsid(0) } == number(home, "agent")?)
    })
    .on_terminal(),
    attack("s6_in_front_of_our_terminal", |_| {
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        in_front_of(terminal.as_raw_fd())
    })
    .on_terminal(),
    attack("s6_in_front_of_the_terminal_that_is_read", |_| in_front_of(0)).on_terminal(),
    attack("s6_signal_our_group", |home| {
        // SAFETY: no memory is involved; a signal of 0 harms nobody.
        check(unsafe { libc::kill(-number(home, "agent")?, 0) }).map(drop)
    })
    .on_terminal(),
    attack("s6_signal_the_agent", |home| {
        // SAFETY: no memory is involved; a signal of 0 harms nobody.
        check(unsafe { libc::kill(number(home, "agent")?, 0) }).map(drop)
    })
    .on_terminal(),
    attack("s6_push_a_keystroke", |_| push_keystroke(libc::TIOCSTI)),
    attack("s6_push_a_keystroke_with_high_bits", |_| push_keystroke(libc::TIOCSTI | 1 << 32)),
    attack("s6_push_a_keystroke_into_the_terminal_that_is_read", |_| {
        // SAFETY: one byte, which outlives the call.
        check(unsafe { libc::ioctl(0, libc::TIOCSTI, b"x".as_ptr()) })
            .map(drop)
            .map_err(|_| refused_or_impossible())
    })
    .on_terminal(),
    attack("s6_line_discipline_of_the_terminal_that_is_read", |_| {
        let usual = 0_i32;
        // SAFETY: the number outlives the call. It stays what it was.
        check(unsafe { libc::ioctl(0, libc::TIOCSETD, &raw const usual) }).map(drop)
    })
    .on_terminal(),
    attack("s6_hang_our_terminal_up", |_| {
        // SAFETY: no memory is involved. Who hangs up is told so itself.
        unsafe {
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            check(libc::vhangup()).map(drop)
        }
    })
    .as_root()
    .on_terminal(),
    attack("s6_console", |_| {
        opened_without_taking(Path::new("/dev/console")).map(drop).map_err(absent)
    })
    .as_root(),
    attack("s6_screen_of_the_machine", |_| {
        opened_without_taking(Path::new("/dev/tty1")).map(drop).map_err(absent)
    })
    .as_root(),
    attack("s6_what_the_screen_of_the_machine_shows", |_| {
        File::open("/dev/vcs1").map(drop).map_err(absent)
    })
    .as_root(),
];

/// The terminal that whoever runs an attack is on, seen from its other end.
pub(crate) struct Watched {
    screen: OwnedFd,
    _free: OwnedFd,
    /// While it is open, the other end does not end.
    _terminal: OwnedFd,
}

impl Watched {
    /// Makes this process the leader of a session on a new terminal, as a person's shell starts the agent.
    pub(crate) fn take(home: &Path) -> io::Result<Self> {
        rustix::process::setsid()?;
        let (screen, terminal) = terminal()?;
        let terminal = File::options().read(true).write(true).open(terminal)?;
        // SAFETY: no memory is involved.
        check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) })?;
        let name = fs::read_link(format!("/proc/self/fd/{}", terminal.as_raw_fd()))?;
        rustix::stdio::dup2_stdin(File::open(&name)?)?;
        let (free, free_name) = self::terminal()?;
        for (file, text) in [
            ("terminal", name.display().to_string()),
            ("free_terminal", free_name.display().to_string()),
            ("agent", std::process::id().to_string()),
        ] {
            fs::write(home.join(file), text)?;
        }
        Ok(Self { screen, _free: free, _terminal: terminal.into() })
    }

    /// Whether anything was written to it.
    pub(crate) fn shows_something(&self) -> bool {
        let mut waited = [PollFd::from_borrowed_fd(self.screen.as_fd(), PollFlags::IN)];
        poll(&mut waited, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

/// A terminal that nobody is on, and the path of the end programs use.
fn terminal() -> io::Result<(OwnedFd, PathBuf)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let screen = rustix::pty::openpt(flags)?;
    rustix::pty::unlockpt(&screen)?;
    let name = rustix::pty::ptsname(&screen, Vec::new())?;
    Ok((screen, name.into_string().map_err(io::Error::other)?.into()))
}

fn named(home: &Path, name: &str) -> io::Result<PathBuf> {
    fs::read_to_string(home.join(name)).map(PathBuf::from)
}

fn write_to(terminal: &Path) -> io::Result<()> {
    let flags = libc::O_NOCTTY;
    let mut terminal = File::options().write(true).custom_flags(flags).open(terminal)?;
    terminal.write_all(b"x")
}

fn opened_without_taking(terminal: &Path) -> io::Result<File> {
    File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(terminal)
}

fn in_front_of(terminal: i32) -> io::Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { libc::tcsetpgrp(terminal, libc::getpgrp()) }).map(drop)
}

/// Done by a child that leads a session without a terminal.
fn in_its_own_session(deed: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: the attacker has one thread where it forks; the child does the deed and ends.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::setsid();
            libc::_exit(i32::from(deed().is_err()));
        }
        let mut status = 0;
        check(libc::waitpid(child, &raw mut status, 0))?;
        unless(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0)
    }
}

fn is_standard(path: &Path) -> bool {
    path.file_name().is_some_and(|name| ["0", "1", "2"].iter().any(|known| name == *known))
}

/// What else is open, by the word before the colon.
fn opened() -> io::Result<impl Iterator<Item = String>> {
    let open = fs::read_dir("/proc/self/fd")?.flatten().map(|entry| entry.path());
    let links = open.filter(|path| !is_standard(path)).filter_map(|path| fs::read_link(path).ok());
    Ok(links.filter_map(|link| Some(link.to_str()?.split(':').next()?.to_owned())))
}

/// Not every machine has one.
fn absent(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO | libc::EIO) => impossible(),
        _ => error,
    }
}

/// Into a terminal of our own: whether the kernel lets anybody do it is its setting.
fn push_keystroke(request: u64) -> io::Result<()> {
    let (_screen, terminal) = terminal()?;
    let terminal = opened_without_taking(&terminal)?;
    in_its_own_session(|| {
        // SAFETY: one byte, which outlives the calls.
        unsafe {
            libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0);
            let terminal = i64::from(terminal.as_raw_fd());
            check(libc::syscall(libc::SYS_ioctl, terminal, request, b"x".as_ptr())).map(drop)
        }
    })
    .map_err(|_| refused_or_impossible())
}

/// Since Linux 6.2 only the administrator may.
fn refused_or_impossible() -> io::Error {
    let legacy = fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti").unwrap_or_default();
    if legacy.trim() == "0" && !rustix::process::getuid().is_root() {
        impossible()
    } else {
        io::Error::other("refused")
    }
}
