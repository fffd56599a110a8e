//! Namespaces: the holder enters those that the rooms of a world share, and a room is forked into those of its own.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::process::{getgid, getuid};

use super::Forked;

/// Takes this process into namespaces of its own, under the same user and group as before.
///
/// # Errors
/// In words for the person, when the system does not let us.
pub(super) fn enter(network: bool) -> Result<(), String> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    let own_network = if network { 0 } else { libc::CLONE_NEWNET };
    unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWIPC | own_network)
        .map_err(|error| format!("user namespaces are not allowed here: {error}"))?;
    let map = |file: &str, line: String| {
        std::fs::write(format!("/proc/self/{file}"), line).map_err(|error| {
            format!("user namespaces are restricted here, writing {file}: {error}")
        })
    };
    map("setgroups", "deny".into())?;
    map("uid_map", format!("{user} {user} 1"))?;
    map("gid_map", format!("{group} {group} 1"))?;
    if network { Ok(()) } else { loopback().map_err(|error| format!("loopback: {error}")) }
}

#[allow(unsafe_code)]
fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: descriptors stay shared with nobody, and this process has one thread.
    if unsafe { libc::unshare(flags) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A fresh network namespace has the interface, but it is down.
#[allow(unsafe_code)]
fn loopback() -> io::Result<()> {
    let socket: OwnedFd =
        socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: all-zero bytes are a valid request; the kernel reads it and nothing else.
    let code = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request)
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What each room has for itself.
pub(super) const OWN: i32 =
    libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;

/// Forks the first process of new process, mount, host name and cgroup namespaces.
///
/// Not `fork` and `unshare`, which would need a process between, and could be done only once. The C library does not
/// learn of this fork, and goes on believing in the old thread id; nothing here asks it for that.
#[allow(unsafe_code)]
pub(super) fn fork_into_own() -> io::Result<Forked> {
    // SAFETY: without a stack and shared memory the call is a fork; this process has one thread, so the child's copy
    // of all state is consistent.
    match unsafe {
        libc::syscall(libc::SYS_clone, libc::c_long::from(OWN | libc::SIGCHLD), 0, 0, 0, 0)
    } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent(u32::try_from(pid).unwrap_or_default())),
    }
}
