//! Connections of commands, made by the room's first process in their stead (S5). The kernel looks for the socket
//! behind a path in all network namespaces, and no mount keeps it from that: so it is asked here whose socket it is.
//!
//! A call that was judged is never let through to the kernel: its address, and the descriptor it names, may be others
//! by then. What is connected is our copy of the descriptor, and what to is the file that was looked at.

use std::io::{self, Error, ErrorKind};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags};

use super::asked::{self, Request};
use super::{Forked, diag, fork, room};

/// One more than the longest address.
const MAX_ADDRESS: usize = 128;

/// Which of the machine's sockets commands may reach.
#[derive(Clone, Copy)]
pub(super) enum Sockets {
    /// The network namespace is the world's own, and so is every socket in it.
    OfTheWorld,
    /// The network is the host's: only what lies in the world's own directories is the world's.
    InItsDirectories,
}

/// Makes the connection that is asked for, or says why not. One that may take long is made by a process of its own.
pub(super) fn answer(listener: BorrowedFd<'_>, request: &Request, sockets: Sockets) {
    // No copy of the socket is left by then: what the caller closes afterwards is closed, and for as long as it wants.
    if let Some(made) = make(listener, request, sockets).transpose() {
        asked::respond(listener, request, made);
    }
}

/// None: a process of its own makes it, and answers.
fn make(listener: BorrowedFd<'_>, request: &Request, sockets: Sockets) -> io::Result<Option<()>> {
    let call = Call::take(listener, request)?;
    if !call.waits() {
        match within(BRIEFLY, || call.make(sockets)) {
            // It waits after all: whoever has the socket may say so at any time.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            made => return made.map(Some),
        }
    }
    // Never made here: whoever waits in this process keeps it from ending the room.
    match fork()? {
        Forked::Child => {
            let made = call.make_while(sockets, || asked::is_waiting(listener, request).is_ok());
            drop(call);
            asked::respond(listener, request, made);
            room::leave(0);
        }
        Forked::Parent(_) => Ok(None),
    }
}

/// How long a connection may keep the room's first process.
const BRIEFLY: libc::timeval = libc::timeval { tv_sec: 0, tv_usec: 20_000 };
/// How often it is looked whether somebody still wants one.
const NOW_AND_THEN: libc::timeval = libc::timeval { tv_sec: 1, tv_usec: 0 };
const NEVER: libc::timeval = libc::timeval { tv_sec: 0, tv_usec: 0 };

/// Interrupts what takes longer.
fn within<T>(limit: libc::timeval, call: impl FnOnce() -> T) -> T {
    // Again and again: the first may come before what it is to interrupt.
    alarms(limit);
    let done = call();
    alarms(NEVER);
    done
}

#[allow(unsafe_code)]
fn alarms(every: libc::timeval) {
    extern "C" fn interrupt(_: libc::c_int) {}
    let timer = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: the handler does nothing; both structures outlive the calls.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = interrupt as *const () as usize;
        libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut());
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
    }
}

/// A copy of a descriptor of a command's. The command may have closed its own by the time this one is closed, and have
/// said how long the last close of a socket waits for what is unsent (`SO_LINGER`): that is interrupted.
pub(super) struct Copied {
    descriptor: OwnedFd,
    /// Dropped behind it.
    _closed: Closed,
}

impl Drop for Copied {
    fn drop(&mut self) {
        alarms(BRIEFLY);
    }
}

struct Closed;

impl Drop for Closed {
    fn drop(&mut self) {
        alarms(NEVER);
    }
}

impl From<OwnedFd> for Copied {
    fn from(descriptor: OwnedFd) -> Self {
        Self { descriptor, _closed: Closed }
    }
}

impl AsFd for Copied {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// What a command wants to connect, and what to.
struct Call {
    thread: u32,
    socket: Copied,
    address: Vec<u8>,
}

impl Call {
    fn take(listener: BorrowedFd<'_>, request: &Request) -> io::Result<Self> {
        let [descriptor, address, length, ..] = request.arguments;
        let length = usize::try_from(length as u32).unwrap_or(usize::MAX);
        if length > MAX_ADDRESS {
            return Err(Error::from_raw_os_error(libc::EINVAL));
        }
        let thread = request.thread;
        let call = Self {
            thread,
            socket: descriptor_of(thread, descriptor as i32)?,
            address: asked::memory_of(thread, address, length)?,
        };
        // Had it ended meanwhile, its number might be another's.
        asked::is_waiting(listener, request)?;
        Ok(call)
    }

    fn waits(&self) -> bool {
        rustix::fs::fcntl_getfl(&self.socket).is_ok_and(|flags| !flags.contains(OFlags::NONBLOCK))
    }

    fn make(&self, sockets: Sockets) -> io::Result<()> {
        if family_of(self.socket.as_fd())? != libc::AF_UNIX {
            return connect(self.socket.as_fd(), &self.address);
        }
        let Some((family, name)) = self.address.split_first_chunk::<2>() else {
            return Err(Error::from_raw_os_error(libc::EINVAL));
        };
        if i32::from(u16::from_ne_bytes(*family)) != libc::AF_UNIX || name.is_empty() {
            return Err(Error::from_raw_os_error(libc::EINVAL));
        }
        if name[0] == 0 {
            return match sockets {
                Sockets::OfTheWorld => connect(self.socket.as_fd(), &self.address),
                Sockets::InItsDirectories => Err(Error::from_raw_os_error(libc::ECONNREFUSED)),
            };
        }
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        let file = self.find(&name[..end])?;
        if !is_of_world(&file, sockets)? {
            return Err(Error::from_raw_os_error(libc::ECONNREFUSED));
        }
        let mut address = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
        address.extend(format!("/proc/self/fd/{}\0", file.as_raw_fd()).bytes());
        connect(self.socket.as_fd(), &address)
    }

    /// However long it takes, as long as somebody waits for it.
    fn make_while(&self, sockets: Sockets, is_wanted: impl Fn() -> bool) -> io::Result<()> {
        loop {
            match within(NOW_AND_THEN, || self.make(sockets)) {
                Err(error) if error.kind() == ErrorKind::Interrupted && is_wanted() => {}
                made => return made,
            }
        }
    }

    /// The file behind a path, as the command would find it.
    fn find(&self, path: &[u8]) -> io::Result<OwnedFd> {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        let own = PathBuf::from(format!("/proc/{}", self.thread));
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        if path.is_relative() {
            let start = rustix::fs::open(own.join("cwd"), flags, Mode::empty())?;
            return Ok(rustix::fs::openat(start, path, flags, Mode::empty())?);
        }
        // What is called so is another for each process.
        let own_names = [
            ("/proc/self", own.clone()),
            ("/proc/thread-self", own.clone()),
            ("/dev/fd", own.join("fd")),
        ];
        let path = own_names
            .iter()
            .find_map(|(name, own)| Some(own.join(path.strip_prefix(name).ok()?)))
            .unwrap_or_else(|| path.to_owned());
        Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
    }
}

fn is_of_world(file: &OwnedFd, sockets: Sockets) -> io::Result<bool> {
    let found = std::fs::metadata(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    if !found.file_type().is_socket() {
        return Ok(false);
    }
    match sockets {
        // Nothing of the world can have made it there. What the kernel tells of sockets is half of a number and the device of
        // a whole file system, which others in it may share.
        Sockets::OfTheWorld if is_read_only(file) => Ok(false),
        Sockets::OfTheWorld => {
            let devices = [Some(device(found.dev())), diag::device_of_mount(file)];
            let listening = diag::listening()?;
            Ok(listening.iter().any(|bound| {
                bound.inode == found.ino() as u32 && devices.contains(&Some(bound.device))
            }))
        }
        Sockets::InItsDirectories => Ok(["/tmp", "/var/tmp", "/dev/shm"].iter().any(|own| {
            std::fs::symlink_metadata(own).is_ok_and(|own| own.is_dir() && own.dev() == found.dev())
        })),
    }
}

/// Where it was found: elsewhere the same may be written to.
fn is_read_only(file: &OwnedFd) -> bool {
    let found = rustix::fs::fstatvfs(file);
    found.is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

fn device(number: u64) -> (u32, u32) {
    (libc::major(number), libc::minor(number))
}

/// A copy of a descriptor of a thread.
#[allow(unsafe_code)]
pub(super) fn descriptor_of(thread: u32, descriptor: i32) -> io::Result<Copied> {
    /// Linux 6.9; before, only the first thread of a process has such a descriptor.
    const THREAD: u32 = libc::O_EXCL as u32;
    let open = |pid: u32, flags: u32| {
        // SAFETY: no memory is involved; what is returned is ours alone.
        unsafe {
            match libc::syscall(libc::SYS_pidfd_open, pid, flags) {
                -1 => Err(Error::last_os_error()),
                opened => Ok(OwnedFd::from_raw_fd(opened as i32)),
            }
        }
    };
    let process = open(thread, THREAD).or_else(|_| open(process_of(thread)?, 0))?;
    // SAFETY: no memory is involved; what is returned is ours alone.
    unsafe {
        match libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), descriptor, 0) {
            -1 => Err(Error::last_os_error()),
            copied => Ok(OwnedFd::from_raw_fd(copied as i32).into()),
        }
    }
}

fn process_of(thread: u32) -> io::Result<u32> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    line.and_then(|number| number.trim().parse().ok())
        .ok_or(libc::ESRCH)
        .map_err(Error::from_raw_os_error)
}

#[allow(unsafe_code)]
fn family_of(socket: BorrowedFd<'_>) -> io::Result<i32> {
    let mut family = 0_i32;
    let mut size = size_of_val(&family) as u32;
    // SAFETY: the kernel writes as much as it is told there is room for.
    let code = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_DOMAIN,
            (&raw mut family).cast(),
            &raw mut size,
        )
    };
    if code == 0 { Ok(family) } else { Err(Error::last_os_error()) }
}

#[allow(unsafe_code)]
fn connect(socket: BorrowedFd<'_>, address: &[u8]) -> io::Result<()> {
    let length = address.len() as u32;
    // SAFETY: the kernel reads as many bytes as there are.
    match unsafe { libc::connect(socket.as_raw_fd(), address.as_ptr().cast(), length) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sandbox::linux::mounts::Tree;
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::time::{Duration, Instant};

    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

    /// In a process with one thread, as a room's first one is: the signal is for whoever has none other to give it to.
    #[allow(unsafe_code)]
    pub(in crate::sandbox::linux) fn in_a_process(test: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child makes system calls only, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            room::leave(i32::from(!test()));
        }
        let child = rustix::process::Pid::from_raw(child);
        let ended = rustix::process::waitpid(child, rustix::process::WaitOptions::empty()).unwrap();
        ended.is_some_and(|(_, status)| status.exit_status() == Some(0))
    }

    fn unix_socket(flags: SocketFlags) -> OwnedFd {
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap()
    }

    /// The bytes that are under way when nobody reads them.
    fn send_until_full(socket: &OwnedFd) -> rustix::io::Result<()> {
        let flags = rustix::net::SendFlags::DONTWAIT;
        loop {
            match rustix::net::send(socket, &[0; 1 << 14], flags) {
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Two ends of a connection, of which the first waits at its last close for what the other does not read.
    fn lingering(patience: Duration) -> rustix::io::Result<(OwnedFd, OwnedFd)> {
        let socket =
            || socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let (listener, one) = (socket()?, socket()?);
        rustix::net::bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        rustix::net::listen(&listener, 1)?;
        rustix::net::connect(&one, &rustix::net::getsockname(&listener)?)?;
        let other = rustix::net::accept(&listener)?;
        send_until_full(&one)?;
        rustix::net::sockopt::set_socket_linger(&one, Some(patience))?;
        Ok((one, other))
    }

    #[test]
    fn r8_the_last_close_of_a_socket_does_not_keep_the_process() {
        let patience = Duration::from_secs(60);
        assert!(in_a_process(|| {
            lingering(patience).is_ok_and(|(last, _unread)| {
                let begun = Instant::now();
                drop(Copied::from(last));
                begun.elapsed() < patience / 2
            })
        }));
    }

    #[test]
    fn r8_a_connection_that_comes_to_wait_does_not_keep_the_process() {
        let place = tempfile::tempdir().unwrap();
        let address = SocketAddrUnix::new(place.path().join("full")).unwrap();
        let listener = unix_socket(SocketFlags::CLOEXEC);
        rustix::net::bind(&listener, &address).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let mut waiting = Vec::new();
        loop {
            waiting.push(unix_socket(SocketFlags::NONBLOCK));
            if rustix::net::connect(waiting.last().unwrap(), &address).is_err() {
                break;
            }
        }
        let socket = unix_socket(SocketFlags::CLOEXEC);
        assert!(in_a_process(|| {
            let made = within(BRIEFLY, || rustix::net::connect(&socket, &address));
            made == Err(rustix::io::Errno::INTR)
        }));
    }
    /// In namespaces of its own, where that is to be had.
    #[allow(unsafe_code)]
    fn may_mount() -> bool {
        // SAFETY: this process has one thread, and goes on as another user sees it.
        unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) == 0 }
    }

    #[test]
    fn s5_no_socket_of_the_world_lies_where_nothing_can_be_written() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let is_of_world = || {
            let file = rustix::fs::open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            super::is_of_world(&file, Sockets::OfTheWorld)
        };
        assert!(is_of_world().unwrap());
        let close = || Tree::copy(place.path())?.read_only()?.put(place.path());
        assert!(in_a_process(|| {
            !may_mount() || close().is_err() || is_of_world().is_ok_and(|is| !is)
        }));
    }
}
