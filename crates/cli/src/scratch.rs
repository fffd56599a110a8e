//! Folders of ours for one run.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

/// A new one among the temporary files, for its owner alone whatever the umask (S22). It is removed when it is dropped.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn folder(prefix: &str) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(prefix).permissions(Permissions::from_mode(0o700)).tempdir()
}
