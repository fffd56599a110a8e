//! What the first process of a room asks the kernel for itself: how it is woken, what it is ended before, and to be told of its
//! children.

use std::fs::File;
use std::io::Read as _;
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

/// How likely the kernel is to end this process when memory is short. To the kernel all who share a memory are as likely.
pub(super) struct Likelihood(Option<File>);

/// Of two that are too big, the command dies before the agent does.
const OF_COMMANDS: &str = "500";

impl Likelihood {
    /// Opened once, as `/proc` may be closed to writing. Where that cannot be done it stays what it is.
    pub(super) fn at(path: &Path) -> Self {
        Self(File::options().read(true).write(true).open(path).ok())
    }

    /// What is dropped here, when the command has left this memory, makes this process less likely again.
    pub(super) fn raise(&self) -> impl Drop + use<> {
        struct Raised(Option<(File, Vec<u8>)>);
        impl Drop for Raised {
            fn drop(&mut self) {
                self.0.iter().for_each(|(file, before)| drop(file.write_at(before, 0)));
            }
        }
        let raised = self.0.as_ref().and_then(|file| {
            let mut before = vec![];
            (&*file).read_to_end(&mut before).ok()?;
            file.write_at(OF_COMMANDS.as_bytes(), 0).ok()?;
            Some((file.try_clone().ok()?, before))
        });
        Raised(raised)
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
