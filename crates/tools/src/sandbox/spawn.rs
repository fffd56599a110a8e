//! Starts our own executable as the holder of a world: by `posix_spawn`, which does not copy the agent's memory,
//! with an empty environment and no descriptor but the channel.

use std::ffi::{CString, c_char};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The descriptor the holder finds its channel at.
pub(super) const CHANNEL: i32 = 3;

/// Returns the process id. Whoever calls it has to wait for that process some day.
#[allow(unsafe_code)]
pub(super) fn spawn_holder(executable: &Path, channel: BorrowedFd<'_>) -> io::Result<i32> {
    let executable = CString::new(executable.as_os_str().as_bytes())?;
    let argument = CString::new(super::HELPER_ARGUMENT)?;
    let null = c"/dev/null";
    let argv: [*const c_char; 3] = [executable.as_ptr(), argument.as_ptr(), std::ptr::null()];
    let envp: [*const c_char; 1] = [std::ptr::null()];
    // `posix_spawn` leaves a descriptor that is copied onto itself closed on exec.
    let copy =
        (channel.as_raw_fd() == CHANNEL).then(|| channel.try_clone_to_owned()).transpose()?;
    let channel = copy.as_ref().map_or(channel.as_raw_fd(), |copy| copy.as_raw_fd());

    let mut actions = MaybeUninit::<libc::posix_spawn_file_actions_t>::uninit();
    let mut attributes = MaybeUninit::<libc::posix_spawnattr_t>::uninit();
    let mut pid = 0;
    // SAFETY: both objects are initialised before use and destroyed after; all strings and arrays outlive the
    // call, which keeps none of them.
    unsafe {
        check(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
        let actions = actions.as_mut_ptr();
        check(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
        let attributes = attributes.as_mut_ptr();
        let result = (|| {
            check(libc::posix_spawn_file_actions_addopen(
                actions,
                0,
                null.as_ptr(),
                libc::O_RDWR,
                0,
            ))?;
            check(libc::posix_spawn_file_actions_adddup2(actions, 0, 1))?;
            check(libc::posix_spawn_file_actions_adddup2(actions, 0, 2))?;
            check(libc::posix_spawn_file_actions_adddup2(actions, channel, CHANNEL))?;
            let mut signals = MaybeUninit::uninit();
            libc::sigfillset(signals.as_mut_ptr());
            check(libc::posix_spawnattr_setsigdefault(attributes, signals.as_ptr()))?;
            libc::sigemptyset(signals.as_mut_ptr());
            check(libc::posix_spawnattr_setsigmask(attributes, signals.as_ptr()))?;
            let flags = libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETSIGMASK | OWN;
            check(libc::posix_spawnattr_setflags(attributes, flags as libc::c_short))?;
            check(libc::posix_spawn(
                &mut pid,
                executable.as_ptr(),
                actions,
                attributes,
                argv.as_ptr().cast(),
                envp.as_ptr().cast(),
            ))
        })();
        libc::posix_spawn_file_actions_destroy(actions);
        libc::posix_spawnattr_destroy(attributes);
        result?;
    }
    Ok(pid)
}

/// Its own session: no terminal of ours, no signal meant for our group.
#[cfg(target_os = "linux")]
const OWN: i32 = 0x80;
/// The same, and no descriptor but those named here; on Linux the holder itself closes the others.
#[cfg(target_os = "macos")]
const OWN: i32 = 0x400 | libc::POSIX_SPAWN_CLOEXEC_DEFAULT;

fn check(code: i32) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}
