//! Why nothing was done.

use std::io;

use agent_protocol::RejectReason;

use crate::files;
use crate::patch::look::Looked;
use crate::patch::plan::Found;
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

    /// It is not as it was seen before.
    pub(super) fn otherwise(slot: &Slot, now: &Looked) -> Self {
        let why = match &now.found {
            Found::Barred(why) => why,
            _ => "someone else changed it just now: read it again",
        };
        let message = format!("{}: {why}", slot.path().display());
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
