//! What a process of a room does last: it becomes a program as a shell would start it, or does its job. Its confinement is
//! in place by then, or is what the program puts in place.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;

use crate::job::Job;

/// Nothing blocked, nothing ignored.
#[allow(unsafe_code)]
pub(super) fn usual_signals() {
    // SAFETY: no handler is installed; the set is initialised by the first call.
    unsafe {
        let mut none = std::mem::MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
}

/// Becomes the program with this environment and no other. Returns only when it fails, why.
#[allow(clippy::disallowed_methods)]
pub(super) fn execute(
    arguments: &[OsString],
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> String {
    let Some((program, rest)) = arguments.split_first() else {
        return "an empty command line".into();
    };
    let error = std::process::Command::new(program).args(rest).env_clear().envs(environment).exec();
    format!("{}: {error}", program.to_string_lossy())
}

/// Does a job and prints its output. Returns the exit code.
pub(super) fn serve(job: Job) -> i32 {
    // Standard error is the journal of an edit: no fault of ours is to be written into it.
    std::panic::set_hook(Box::new(|_| {}));
    let output = std::panic::catch_unwind(|| job.perform());
    let print = |json: Vec<u8>| {
        let mut output = std::io::stdout();
        output.write_all(&json).and_then(|()| output.flush())
    };
    match output.map(|output| serde_json::to_vec(&output).map(print)) {
        Ok(Ok(printed)) => i32::from(printed.is_err()),
        _ => 101,
    }
}
