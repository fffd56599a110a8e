//! What a fork takes over of the thread it came from: the changes of the turns that it holds, so that they can be shown
//! and put back there as well. From then on the two know nothing of each other: what one puts back, the other finds
//! edited, or done already.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::log::{ChangeSet, Origin, UndoLog};
use super::{Digest, UndoError};
use crate::private::create_private_dir;

impl UndoLog {
    /// Puts what the turns before this one changed, counted from 1, into another thread's log, which is empty; none: what
    /// all of them changed. Contents are never written again once they are kept, so both threads share them.
    ///
    /// # Errors
    /// When what is here cannot be read, or nothing be written there.
    pub(crate) fn hand_on(&self, fork: &Self, before: Option<u32>) -> Result<(), UndoError> {
        let sets = of_turns(self.sets()?, before);
        let entries = sets.iter().flat_map(|set| &set.changes);
        let entries = entries.flat_map(|change| [&change.before, &change.after]).flatten();
        let contents: BTreeSet<Digest> = entries.filter_map(|entry| entry.content).collect();
        for digest in contents {
            let (from, to) = (self.object(digest), fork.object(digest));
            if let Some(dir) = to.parent() {
                create_private_dir(dir).map_err(UndoError::io("make the directory", dir))?;
            }
            share(&from, &to).map_err(UndoError::io("write", &to))?;
        }
        sets.iter().try_for_each(|set| fork.put(set))
    }
}

/// Those of the turns before this one, and what was undone of them.
fn of_turns(sets: Vec<ChangeSet>, before: Option<u32>) -> Vec<ChangeSet> {
    let mut kept = BTreeSet::new();
    let mut is_kept = |set: &ChangeSet| {
        let stays = match set.origin {
            Origin::Turn(turn) => before.is_none_or(|before| turn < before),
            Origin::Undo(number) => kept.contains(&number),
        };
        stays && kept.insert(set.number)
    };
    sets.into_iter().filter(|set| is_kept(set)).collect()
}

fn share(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        // Lost here, it is as lost there.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) => {
            Ok(())
        }
        // Not every file system has links.
        Err(_) => fs::copy(from, to).map(|_| ()),
        Ok(()) => Ok(()),
    }
}
