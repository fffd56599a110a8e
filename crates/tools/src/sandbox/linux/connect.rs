//! Connections of commands, made by the room's first process in their stead (S5). The kernel looks for the socket
//! behind a path in all network namespaces, and no mount keeps it from that: so it is asked here whose socket it is.
//!
//! A call that was judged is never let through to the kernel: its address, and the descriptor it names, may be others
//! by then. What is connected is our copy of the descriptor, and what to is the file that was looked at.

use std::io::{self, Error};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};

use super::{Forked, diag, fork, room};

/// One more than the longest address.
const MAX_ADDRESS: usize = 128;

const RECEIVE: u64 = 0xc050_2100;
const SEND: u64 = 0xc018_2101;
const IS_VALID: u64 = 0x4008_2102;
const SET_FLAGS: u64 = 0x4008_2104;

/// The kernel's `struct seccomp_notif`.
#[repr(C)]
struct Request {
    id: u64,
    thread: u32,
    flags: u32,
    number: i32,
    architecture: u32,
    instruction: u64,
    arguments: [u64; 6],
}

/// The kernel's `struct seccomp_notif_resp`.
#[repr(C)]
struct Response {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

/// Which of the machine's sockets commands may reach.
#[derive(Clone, Copy)]
pub(super) enum Sockets {
    /// The network namespace is the world's own, and so is every socket in it.
    OfTheWorld,
    /// The network is the host's: only what lies in the world's own directories is the world's.
    InItsDirectories,
}

/// Who asks and who answers take turns, so the kernel need not look for another processor for either. Linux 6.6; without
/// it answers take a little longer.
pub(super) fn take_turns(listener: BorrowedFd<'_>) {
    const SYNC_WAKE_UP: usize = 1;
    let _ = control(listener, SET_FLAGS, std::ptr::without_provenance_mut::<()>(SYNC_WAKE_UP));
}

/// Answers one call that waits at `listener`. One that may take long is answered by a process of its own.
pub(super) fn answer(listener: BorrowedFd<'_>, sockets: Sockets) {
    let Ok(request) = receive(listener) else { return };
    let call = match Call::take(listener, &request) {
        Ok(call) => call,
        Err(error) => return respond(listener, request.id, Err(error)),
    };
    if call.waits() {
        match fork() {
            Ok(Forked::Child) => {
                respond(listener, request.id, call.make(sockets));
                room::leave(0);
            }
            Ok(Forked::Parent(_)) => return,
            Err(_) => {}
        }
    }
    respond(listener, request.id, call.make(sockets));
}

/// What a command wants to connect, and what to.
struct Call {
    thread: u32,
    socket: OwnedFd,
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
            address: memory_of(thread, address, length)?,
        };
        // Had it ended meanwhile, its number might be another's.
        control(listener, IS_VALID, &raw const request.id as *mut u64)?;
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

fn device(number: u64) -> (u32, u32) {
    (libc::major(number), libc::minor(number))
}

#[allow(unsafe_code)]
fn control<T>(listener: BorrowedFd<'_>, request: u64, argument: *mut T) -> io::Result<()> {
    // SAFETY: each request comes with the structure that the kernel knows for it, which outlives the call.
    match unsafe { libc::ioctl(listener.as_raw_fd(), request as _, argument) } {
        -1 => Err(Error::last_os_error()),
        _ => Ok(()),
    }
}

#[allow(unsafe_code)]
fn receive(listener: BorrowedFd<'_>) -> io::Result<Request> {
    // SAFETY: all-zero bytes are a valid request, and the kernel wants them so.
    let mut request: Request = unsafe { std::mem::zeroed() };
    control(listener, RECEIVE, &raw mut request)?;
    Ok(request)
}

/// Whoever asked may be gone; then nobody hears it.
fn respond(listener: BorrowedFd<'_>, id: u64, outcome: io::Result<()>) {
    let error = match outcome {
        Ok(()) => 0,
        Err(error) => -error.raw_os_error().unwrap_or(libc::EACCES),
    };
    let mut response = Response { id, value: 0, error, flags: 0 };
    let _ = control(listener, SEND, &raw mut response);
}

/// A copy of a descriptor of a thread.
#[allow(unsafe_code)]
fn descriptor_of(thread: u32, descriptor: i32) -> io::Result<OwnedFd> {
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
            copied => Ok(OwnedFd::from_raw_fd(copied as i32)),
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
fn memory_of(thread: u32, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0_u8; length];
    let to = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: length };
    let from = libc::iovec { iov_base: at as *mut libc::c_void, iov_len: length };
    // SAFETY: the kernel writes at most `length` bytes into the buffer; the other address is the other process's.
    let read = unsafe {
        libc::process_vm_readv(thread.cast_signed(), &raw const to, 1, &raw const from, 1, 0)
    };
    match usize::try_from(read) {
        Ok(read) if read == length => Ok(bytes),
        Ok(_) => Err(Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => Err(Error::last_os_error()),
    }
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
