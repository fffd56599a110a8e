//! A process that is measured: when it began, what it cost.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a process and the children it waited for have cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) began: Instant,
    pub(crate) cpu: Duration,
    pub(crate) peak_kib: u64,
}

/// A command with nothing of this machine's environment but `PATH`, and nothing to read.
pub(crate) fn command(program: impl AsRef<OsStr>, workspace: &Path) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the benchmark starts what it measures")]
    let mut command = Command::new(program);
    command
        .current_dir(workspace)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LANG", "C.UTF-8")
        .env("TERM", "dumb")
        .stdin(Stdio::null());
    command
}

/// Runs `command` to its end.
///
/// # Errors
/// When it cannot be started, or fails.
#[expect(unsafe_code, reason = "std and rustix do not tell what a child has cost")]
pub(crate) fn run(command: &mut Command) -> io::Result<Cost> {
    let began = Instant::now();
    let child = command.spawn()?;
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: all zeros are a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to locals that outlive the call. Nobody else waits for this child: `child` is only dropped.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    if waited != pid {
        return Err(io::Error::last_os_error());
    }
    if status != 0 {
        return Err(io::Error::other(format!("{command:?} ended with wait status {status}")));
    }
    Ok(Cost {
        began,
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        peak_kib: u64::try_from(usage.ru_maxrss).unwrap_or_default(),
    })
}

fn duration(time: libc::timeval) -> Duration {
    let micros = time.tv_sec * 1_000_000 + time.tv_usec;
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
