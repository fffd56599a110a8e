//! Calls that the filter does not judge: each waits until the room's first process has made it in the caller's stead, let
//! it happen or refused it. What a call is about is judged in `connect.rs`, `devices.rs` and `others.rs`.

use std::io::{self, Error};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use super::confine::Confinement;
use super::{World, connect, devices, others};

const RECEIVE: u64 = 0xc050_2100;
const SEND: u64 = 0xc018_2101;
const IS_VALID: u64 = 0x4008_2102;
const ADD_FILE: u64 = 0x4018_2103;
const SET_FLAGS: u64 = 0x4008_2104;

/// The kernel's `struct seccomp_notif`.
#[repr(C)]
pub(super) struct Request {
    id: u64,
    pub(super) thread: u32,
    flags: u32,
    pub(super) number: i32,
    architecture: u32,
    instruction: u64,
    pub(super) arguments: [u64; 6],
}

/// The kernel's `struct seccomp_notif_resp`.
#[repr(C)]
struct Response {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

/// The kernel's `struct seccomp_notif_addfd`.
#[repr(C)]
struct Added {
    id: u64,
    flags: u32,
    file: u32,
    number: u32,
    file_flags: u32,
}

/// The call happens as it was made. Its arguments, but for what they point to, cannot have changed since.
const GO_ON: u32 = 1;

/// How long one request may keep the room's first process, which nobody else can reach meanwhile: not the agent, not its
/// end. What takes longer, since the command has made it so or the machine is so full, is refused.
const PATIENCE: Duration = Duration::from_millis(300);

/// What is left of that for one request.
pub(super) struct Patience {
    until: Instant,
    looks: u32,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self::of(PATIENCE)
    }

    pub(super) fn of(long: Duration) -> Self {
        Self { until: Instant::now() + long, looks: 0 }
    }

    #[cfg(test)]
    pub(super) fn looks(&self) -> u32 {
        self.looks
    }

    /// Whether there is some for one look more. A few looks always are, however slow the machine is.
    pub(super) fn lasts(&mut self) -> bool {
        const BETWEEN: u32 = 64;
        self.looks += 1;
        !self.looks.is_multiple_of(BETWEEN) || Instant::now() < self.until
    }
}

/// Who asks and who answers take turns, so the kernel need not look for another processor for either. Linux 6.6; without
/// it answers take a little longer.
pub(super) fn take_turns(listener: BorrowedFd<'_>) {
    const SYNC_WAKE_UP: usize = 1;
    let _ = control(listener, SET_FLAGS, std::ptr::without_provenance_mut::<()>(SYNC_WAKE_UP));
}

/// Answers one call that waits at `listener`.
pub(super) fn answer(world: &World, listener: BorrowedFd<'_>) {
    let Ok(request) = receive(listener) else { return };
    if i64::from(request.number) == libc::SYS_connect {
        return connect::answer(listener, &request, Confinement::sockets(world));
    }
    let answer = match devices::answer(world, listener, &request) {
        Some(answer) => answer,
        None => others::judge(&request).map(|()| Answer::GoOn),
    };
    match answer {
        Ok(Answer::GoOn) => send(listener, Response { flags: GO_ON, ..Response::to(&request) }),
        Ok(Answer::Done) => respond(listener, &request, Ok(())),
        Ok(Answer::Opened(file, flags)) => match hand_over(listener, &request, &file, flags) {
            Ok(value) => send(listener, Response { value, ..Response::to(&request) }),
            Err(error) => respond(listener, &request, Err(error)),
        },
        Err(error) => respond(listener, &request, Err(error)),
    }
}

/// What becomes of a call, when it does not fail.
pub(super) enum Answer {
    /// It happens as it was made.
    GoOn,
    /// It was made in the caller's stead.
    Done,
    /// The same, and the caller gets this file, with `O_CLOEXEC` or without.
    Opened(OwnedFd, i32),
}

/// Returns the caller's number for the file.
#[allow(unsafe_code)]
fn hand_over(
    listener: BorrowedFd<'_>,
    request: &Request,
    file: &OwnedFd,
    flags: i32,
) -> io::Result<i64> {
    let file = file.as_raw_fd().cast_unsigned();
    let flags = (flags & libc::O_CLOEXEC).cast_unsigned();
    let added = Added { id: request.id, flags: 0, file, number: 0, file_flags: flags };
    // SAFETY: the request comes with the structure that the kernel knows for it, which outlives the call.
    match unsafe { libc::ioctl(listener.as_raw_fd(), ADD_FILE as _, &raw const added) } {
        -1 => Err(Error::last_os_error()),
        number => Ok(number.into()),
    }
}

/// Says what came of a call that was made in the caller's stead.
pub(super) fn respond(listener: BorrowedFd<'_>, request: &Request, outcome: io::Result<()>) {
    let error = match outcome {
        Ok(()) => 0,
        Err(error) => -error.raw_os_error().unwrap_or(libc::EACCES),
    };
    send(listener, Response { error, ..Response::to(request) });
}

impl Response {
    fn to(request: &Request) -> Self {
        Self { id: request.id, value: 0, error: 0, flags: 0 }
    }
}

/// Whoever asked may be gone; then nobody hears it.
fn send(listener: BorrowedFd<'_>, mut response: Response) {
    let _ = control(listener, SEND, &raw mut response);
}

/// # Errors
/// When whoever asked has ended, and its number may be another's.
pub(super) fn is_waiting(listener: BorrowedFd<'_>, request: &Request) -> io::Result<()> {
    control(listener, IS_VALID, (&raw const request.id).cast_mut())
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

/// So many bytes of a thread's memory.
pub(super) fn memory_of(thread: u32, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let bytes = some_memory_of(thread, at, length)?;
    if bytes.len() == length { Ok(bytes) } else { Err(Error::from_raw_os_error(libc::EFAULT)) }
}

/// What ends with a zero byte within so many, without it.
pub(super) fn string_of(thread: u32, at: u64, longest: usize) -> io::Result<Vec<u8>> {
    let mut bytes = some_memory_of(thread, at, longest)?;
    let end = bytes.iter().position(|byte| *byte == 0);
    bytes.truncate(end.ok_or_else(|| Error::from_raw_os_error(libc::ENAMETOOLONG))?);
    Ok(bytes)
}

/// As many bytes as there are, up to so many.
#[allow(unsafe_code)]
fn some_memory_of(thread: u32, at: u64, length: usize) -> io::Result<Vec<u8>> {
    /// None is smaller: what begins in one may not go on in the next.
    const PAGE: usize = 4096;
    let mut bytes = vec![0_u8; length];
    let to = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: length };
    let first = length.min(PAGE - at as usize % PAGE);
    let from = [(at, first), (at.wrapping_add(first as u64), length - first)]
        .map(|(at, length)| libc::iovec { iov_base: at as *mut libc::c_void, iov_len: length });
    // SAFETY: the kernel writes at most `length` bytes into the buffer; the other addresses are the other process's.
    let read = unsafe {
        libc::process_vm_readv(thread.cast_signed(), &raw const to, 1, from.as_ptr(), 2, 0)
    };
    let read = usize::try_from(read).map_err(|_| Error::last_os_error())?;
    bytes.truncate(read);
    Ok(bytes)
}
