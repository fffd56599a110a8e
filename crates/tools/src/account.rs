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
    let user = rustix::process::getuid().as_raw().to_string();
    field_where(2, user.as_bytes(), column)
}

/// The home of whoever is called so there.
#[cfg(target_os = "linux")]
pub(crate) fn home_of_account_called(name: &[u8]) -> Option<PathBuf> {
    field_where(0, name, 5).map(PathBuf::from)
}

fn field_where(key: usize, value: &[u8], column: usize) -> Option<OsString> {
    let accounts = std::fs::read("/etc/passwd").ok()?;
    let field = accounts.split(|byte| *byte == b'\n').find_map(|line| {
        let fields: Vec<_> = line.split(|byte| *byte == b':').collect();
        (fields.get(key) == Some(&value)).then(|| fields.get(column).copied()).flatten()
    })?;
    Some(OsStr::from_bytes(field).to_owned())
}
