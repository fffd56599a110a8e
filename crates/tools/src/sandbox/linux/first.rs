//! What the first process of a room asks the kernel for itself: how it is woken, what it is ended before, and to be told of its
//! children.

use std::os::fd::{FromRawFd as _, OwnedFd};

/// How this process is taken into account when it is woken. Without that right it goes on as before.
#[allow(unsafe_code)]
pub(super) fn wake_by(policy: i32) {
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameter outlives the call.
    unsafe { libc::sched_setscheduler(0, policy, &raw const priority) };
}

/// How likely the kernel is to end this process when memory is short.
const LIKELY: &str = "/proc/self/oom_score_adj";

/// Of two that are too big, the command dies before the agent does. To the kernel all who share a memory are as likely to
/// be ended; what is dropped here, when the command has left it, makes this process less likely again.
pub(super) fn likelier_to_be_ended() -> impl Drop {
    struct Likely(Option<Vec<u8>>);
    impl Drop for Likely {
        fn drop(&mut self) {
            self.0.iter().for_each(|before| drop(std::fs::write(LIKELY, before)));
        }
    }
    let before = std::fs::read(LIKELY).ok();
    let _ = std::fs::write(LIKELY, "500");
    Likely(before)
}

/// The end of a child makes the descriptor readable.
#[allow(unsafe_code)]
pub(super) fn children_as_descriptor() -> std::io::Result<OwnedFd> {
    // SAFETY: the set is initialised before it is used; the descriptor is ours alone.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        let mut set = std::mem::MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
        match libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(std::io::Error::last_os_error()),
            descriptor => Ok(OwnedFd::from_raw_fd(descriptor)),
        }
    }
}
