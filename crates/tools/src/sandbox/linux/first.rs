//! What the first process of a room asks the kernel for itself: how it is woken, what it is ended before, and to be told of its
//! children.

use std::fs::File;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// How this process is taken into account when it is woken. Without that right it goes on as before.
#[allow(unsafe_code)]
pub(super) fn wake_by(policy: i32) {
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameter outlives the call.
    unsafe { libc::sched_setscheduler(0, policy, &raw const priority) };
}

/// Where the kernel is told how likely it is to end this process.
pub(super) const LIKELIHOOD: &str = "/proc/self/oom_score_adj";

/// In which order the kernel ends processes when memory is short: the command before the agent, and of two that are alike the
/// holder before the command, as its end frees what was written to the world's own `/tmp`, which no process has.
pub(super) struct Order {
    agent: i32,
}

impl Order {
    /// Of the agent that this process, the holder, was started by. From here on it is ended before that.
    pub(super) fn after_this_process() -> Option<Self> {
        let agent = std::fs::read_to_string(LIKELIHOOD).ok()?.trim().parse().ok()?;
        let order = Self { agent };
        std::fs::write(LIKELIHOOD, order.holder().to_string()).ok()?;
        Some(order)
    }

    fn command(&self) -> i32 {
        (self.agent + 100).clamp(500, 1000)
    }

    fn holder(&self) -> i32 {
        (self.command() + 20).min(1000)
    }
}

/// How likely the kernel is to end this process. To it all who share a memory are as likely.
pub(super) struct Likelihood(Option<File>);

impl Likelihood {
    /// Opened once, as `/proc` may be closed to writing. Where that cannot be done it stays what it is.
    pub(super) fn at(path: &Path) -> Self {
        Self(File::options().write(true).open(path).ok())
    }

    pub(super) fn as_command(&self, order: &Order) {
        self.write(order.command());
    }

    /// When the command has left this memory: who puts back what it changed is not to be ended in its stead.
    pub(super) fn as_agent(&self, order: &Order) {
        self.write(order.agent);
    }

    fn write(&self, likelihood: i32) {
        self.0.iter().for_each(|file| drop(file.write_at(likelihood.to_string().as_bytes(), 0)));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r11_when_memory_is_short_the_agent_goes_last() {
        for agent in [-500, 0, 300, 700] {
            let order = Order { agent };
            assert!(order.command() > agent && order.command() >= 500, "{agent}");
            assert!(order.holder() > order.command(), "{agent}");
        }
        assert_eq!(Order { agent: 1000 }.holder(), 1000);
    }
}
