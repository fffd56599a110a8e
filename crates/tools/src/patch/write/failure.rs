//! Why nothing was done.

use std::io;

use agent_protocol::RejectReason;

use crate::files;
use crate::patch::slot::Slot;

/// Nothing was done, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    /// None when the disk was to blame.
    pub(crate) reason: Option<RejectReason>,
    /// At worst: what was done before and could not be undone.
    pub(crate) left: Vec<String>,
}

impl Failure {
    pub(super) fn at(slot: &Slot, what: &str, error: &io::Error) -> Self {
        let message = format!("{}: {what}: {}", slot.path().display(), files::trouble(error));
        Self { message, reason: blamed(error), left: vec![] }
    }

    pub(super) fn changed(slot: &Slot) -> Self {
        let path = slot.path();
        let message =
            format!("{}: someone else changed it just now: read it again", path.display());
        Self { message, reason: Some(RejectReason::PatchMismatch), left: vec![] }
    }

    pub(super) fn journal(error: &io::Error) -> Self {
        let message = format!("the journal that undoes a patch after a crash: {error}");
        Self { message, reason: None, left: vec![] }
    }
}

pub(super) fn blamed(error: &io::Error) -> Option<RejectReason> {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some(RejectReason::Sandbox)
        }
        io::ErrorKind::AlreadyExists => Some(RejectReason::PatchMismatch),
        _ => None,
    }
}
