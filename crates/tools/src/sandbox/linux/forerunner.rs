//! A process that goes on in the memory of the one that prepared it, on a stack of its own. What takes longest about
//! becoming another program is to take the old memory down, page by page; so that the program does not wait for it, the
//! forerunner keeps the memory, and takes it down when the other has left.

use std::ffi::c_void;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::IntoRawFd as _;

use super::room::leave;

/// As much as the first stack of a process usually has. Only what is touched takes memory.
const STACK: usize = 8 << 20;

/// Goes on with `then` in another process, a child of this one's parent. Returns only when there can be none; this process
/// ends with the memory's last use.
pub(super) fn go_on(then: impl FnOnce()) -> io::Error {
    match try_to(then) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn try_to<F: FnOnce()>(then: F) -> io::Result<std::convert::Infallible> {
    let (left, here) = io::pipe()?;
    let top = stack()?;
    let mut then = Some(then);
    start::<F>(top, &mut then)?;
    wait_for(left, here)
}

/// Memory for a stack, with nothing below it. Returns its upper end.
#[allow(unsafe_code)]
fn stack() -> io::Result<*mut c_void> {
    // SAFETY: a new mapping; its first page is closed, and never used.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let bottom = libc::mmap(std::ptr::null_mut(), STACK, protection, flags, -1, 0);
        if bottom == libc::MAP_FAILED || libc::mprotect(bottom, 4096, libc::PROT_NONE) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(bottom.byte_add(STACK))
    }
}

#[allow(unsafe_code)]
fn start<F: FnOnce()>(stack: *mut c_void, then: &mut Option<F>) -> io::Result<()> {
    extern "C" fn begin<F: FnOnce()>(then: *mut c_void) -> libc::c_int {
        // SAFETY: what was given to `clone` below; it stays where it is, as its owner never leaves `try_to`.
        if let Some(then) = unsafe { &mut *then.cast::<Option<F>>() }.take() {
            then();
        }
        leave(1)
    }
    let flags = libc::CLONE_VM | libc::CLONE_PARENT | libc::SIGCHLD;
    let then = std::ptr::from_mut(then).cast();
    // SAFETY: the stack is large enough and used by nobody else. The memory is shared, but from here on this process
    // makes system calls only, from variables of its own, and never leaves `wait_for`.
    match unsafe { libc::clone(begin::<F>, stack, flags, then) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Until the other process has left the memory for its program, or ended: its end of the pipe is closed then.
#[allow(unsafe_code)]
fn wait_for(left: PipeReader, here: PipeWriter) -> ! {
    let (left, here) = (left.into_raw_fd(), here.into_raw_fd());
    let mut byte = 0_u8;
    // SAFETY: nothing but system calls on descriptors that are ours, and on a variable on our own stack; the memory they
    // leave out of account belongs to the other process.
    unsafe {
        libc::close(here);
        // Of two who could run, the program is to.
        libc::sched_setscheduler(0, libc::SCHED_BATCH, &libc::sched_param { sched_priority: 0 });
        while libc::read(left, (&raw mut byte).cast(), 1) == -1 {}
    }
    leave(0)
}
