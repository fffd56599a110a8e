//! What is no longer as it may be after a command: put back, and said. How one of it comes back to its place is in
//! `put_back.rs`.

use std::path::PathBuf;

use super::put_back::{self, Change};

/// What is no longer as it may be.
pub(super) struct Changes {
    pub(super) changes: Vec<Change>,
    /// One of the directories that were not looked into.
    pub(super) unseen: Option<PathBuf>,
    /// Not to be told of.
    pub(super) secrets: Vec<PathBuf>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.unseen.is_none()
    }

    /// Puts back, and says what was done. Called within the walls of the command, so that no link leads it out.
    pub(super) fn put_back(&self) -> Vec<String> {
        put_back::beyond_limits();
        let put_back = self.changes.iter().map(|change| change.put_back(&self.secrets));
        put_back.chain(self.notice()).collect()
    }

    /// Where nothing can be put back.
    pub(super) fn left(&self, reason: &str) -> Vec<String> {
        let left = self.changes.iter().map(|change| {
            format!(
                "could not put back {}: it could make code run outside the sandbox ({reason})",
                change.path.display()
            )
        });
        left.chain(self.notice()).collect()
    }

    fn notice(&self) -> Option<String> {
        let unseen = self.unseen.as_ref()?.display();
        Some(format!(
            "not all directories could be looked into, not {unseen} for one: there may be something left that git \
             would run; it is looked for again after the next command"
        ))
    }
}
