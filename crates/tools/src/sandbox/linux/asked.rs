//! Calls that the filter does not judge: each waits until the room's first process has made it in the caller's stead, let
//! it happen or refused it. What a call is about is judged in `connect.rs` and `others.rs`.

use std::io::{self, Error};
use std::os::fd::{AsRawFd as _, BorrowedFd};

use super::confine::Confinement;
use super::{World, connect, others};

const RECEIVE: u64 = 0xc050_2100;
const SEND: u64 = 0xc018_2101;
const IS_VALID: u64 = 0x4008_2102;
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

/// The call happens as it was made. Its arguments, but for what they point to, cannot have changed since.
const GO_ON: u32 = 1;

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
    match others::judge(&request) {
        Ok(()) => send(listener, Response { flags: GO_ON, ..Response::to(&request) }),
        Err(error) => respond(listener, &request, Err(error)),
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
