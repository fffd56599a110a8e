//! What the machine's list of accounts says of the person: for where the environment does not.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// The login shell of the person, by the machine's list of accounts: for where no `SHELL` is set.
pub fn shell_of_account() -> Option<PathBuf> {
    field_of_account(6).map(PathBuf::from)
}

/// What the system's list of accounts has in one of its columns for the person.
pub(crate) fn field_of_account(column: usize) -> Option<OsString> {
    let accounts = std::fs::read("/etc/passwd").ok()?;
    let user = rustix::process::getuid().as_raw().to_string();
    let field = accounts.split(|byte| *byte == b'\n').find_map(|line| {
        let fields: Vec<_> = line.split(|byte| *byte == b':').collect();
        (fields.get(2) == Some(&user.as_bytes())).then(|| fields.get(column).copied()).flatten()
    })?;
    Some(OsStr::from_bytes(field).to_owned())
}
