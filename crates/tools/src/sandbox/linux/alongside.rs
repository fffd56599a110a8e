//! Another process in the memory of this one. The two take turns: while one goes on the other waits, so that what either
//! leaves in the memory the other finds whole. What it becomes begins without any memory to be taken down first.

use std::ffi::c_void;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::Pid;
use rustix::thread::futex;

use super::room::leave;

/// As much as the first stack of a process usually has. Only what is touched takes memory.
const STACK: usize = 8 << 20;

/// Whose turn it is. The kernel itself writes the first of these.
const GONE: u32 = 0;
const FIRST: u32 = 1;
const OTHER: u32 = 2;

/// The other process, to the one that started it.
pub(super) struct Alongside {
    pub(super) pid: Pid,
    turn: &'static Turn,
}

/// Of two processes that share their memory, and until one of them unshares them their descriptors too.
pub(super) struct Turn(AtomicU32);

impl Alongside {
    /// A process that does `then` when it is its turn for the first time, and ends when that returns.
    ///
    /// # Errors
    /// When there can be none.
    pub(super) fn start(then: impl FnOnce(&Turn) + 'static) -> io::Result<Self> {
        let turn: &'static Turn = Box::leak(Box::new(Turn(AtomicU32::new(FIRST))));
        let begin = Box::new(Begin { turn, then });
        Ok(Self { pid: start(stack()?, begin)?, turn })
    }

    /// Waits while the other process goes on. Returns whether it asks for something; otherwise it has left the memory: for a
    /// program's, or because it ended.
    pub(super) fn go_on(&self) -> bool {
        self.turn.pass(OTHER) != GONE
    }
}

impl Turn {
    /// Asks the first process for what was agreed. Returns when that is done.
    pub(super) fn ask(&self) {
        self.pass(FIRST);
    }

    /// Returns what the turn is once it is no longer `to`'s.
    ///
    /// No call of the C library here: it would leave its error where the other process looks for its own.
    fn pass(&self, to: u32) -> u32 {
        self.0.store(to, Ordering::Release);
        let _ = futex::wake(&self.0, futex::Flags::empty(), 1);
        self.while_it_is(to)
    }

    fn while_it_is(&self, of: u32) -> u32 {
        loop {
            match self.0.load(Ordering::Acquire) {
                turn if turn == of => {
                    let _ = futex::wait(&self.0, futex::Flags::empty(), of, None);
                }
                turn => return turn,
            }
        }
    }
}

struct Begin<F> {
    turn: &'static Turn,
    then: F,
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
fn start<F: FnOnce(&Turn)>(stack: *mut c_void, begin: Box<Begin<F>>) -> io::Result<Pid> {
    extern "C" fn run<F: FnOnce(&Turn)>(begin: *mut c_void) -> libc::c_int {
        let begin = begin.cast::<Begin<F>>();
        // SAFETY: what was given to `clone` below, and to nobody else; it is given back when it is this process's turn.
        let Begin { turn, then } = unsafe {
            (*begin).turn.while_it_is(FIRST);
            *Box::from_raw(begin)
        };
        then(turn);
        leave(0)
    }
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD;
    let turn = begin.turn.0.as_ptr();
    let begin = Box::into_raw(begin);
    let unused = std::ptr::null_mut::<c_void>();
    // SAFETY: the stack is large enough and used by nobody else. Of what is shared besides, each process touches nothing
    // but `turn`, by calls of the kernel, while it is the other's turn. The kernel writes zero there when the memory is
    // left, and wakes who waits.
    let pid = unsafe { libc::clone(run::<F>, stack, flags, begin.cast(), unused, unused, turn) };
    Pid::from_raw(pid.max(0)).ok_or_else(io::Error::last_os_error)
}
