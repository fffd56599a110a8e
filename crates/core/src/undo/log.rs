//! What each turn of a thread changed, with the contents before and after: complete in itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::UndoError;
use super::entry::{Digest, Entry, RelativePath};
use super::identity::Identity;
use crate::private::{create_private_dir, replace};

/// What one turn, or one undo, changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Counts the change sets of a thread from 1.
    pub number: u32,
    pub origin: Origin,
    /// RFC 3339, UTC.
    pub at: String,
    pub workspace: PathBuf,
    /// What stood there. None in sets of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<Identity>,
    /// Sorted by path.
    pub changes: Vec<Change>,
    /// The turn broke off: what was changed until somebody looked again may be somebody else's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// How many files of the workspace were not covered, changed or not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uncovered: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The turn of the thread of this number, from 1.
    Turn(u32),
    /// The change set of this number was undone.
    Undo(u32),
}

/// One path; `None` is that nothing stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub path: RelativePath,
    pub before: Option<Entry>,
    pub after: Option<Entry>,
    /// It changed last while nothing of the turn ran: that is somebody else's doing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub meanwhile: bool,
}

impl Change {
    /// Whether both sides can be put back.
    pub fn is_covered(&self) -> bool {
        [&self.before, &self.after].into_iter().flatten().all(Entry::is_covered)
    }
}

/// The change sets of one thread, read without holding them.
#[derive(Clone, Debug)]
pub struct UndoLog {
    dir: PathBuf,
}

impl UndoLog {
    /// `dir` is the thread's folder ([`crate::Threads::undo_dir`]); it need not exist.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// A turn runs, or what it changed is not kept yet, or never will be.
    pub fn has_open_turn(&self) -> bool {
        self.dir.join("open").join("turn.json").exists()
    }

    /// All change sets, the oldest first. One that is damaged is left out.
    ///
    /// # Errors
    /// When the folder or what is in it cannot be read.
    pub fn sets(&self) -> Result<Vec<ChangeSet>, UndoError> {
        let dir = self.dir.join("sets");
        let paths = agent_tools::entries(&dir).map_err(UndoError::io("read", &dir))?;
        let mut sets = Vec::new();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
            let bytes = fs::read(path).map_err(UndoError::io("read", path))?;
            sets.extend(serde_json::from_slice::<ChangeSet>(&bytes));
        }
        sets.sort_by_key(|set| set.number);
        Ok(sets)
    }

    /// # Errors
    /// When there is none of this number.
    pub fn set(&self, number: u32) -> Result<ChangeSet, UndoError> {
        self.sets()?
            .into_iter()
            .find(|set| set.number == number)
            .ok_or(UndoError::NoSuchSet(number))
    }

    /// The last turn that changed something and is not undone.
    ///
    /// # Errors
    /// As [`UndoLog::sets`].
    pub fn last_done(&self) -> Result<Option<ChangeSet>, UndoError> {
        let sets = self.sets()?;
        let turns = sets
            .iter()
            .rev()
            .filter(|set| matches!(set.origin, Origin::Turn(_)) && !set.changes.is_empty());
        Ok(turns.into_iter().find(|set| !is_undone(&sets, set.number)).cloned())
    }

    /// The last undo that is not itself undone.
    ///
    /// # Errors
    /// As [`UndoLog::sets`].
    pub fn last_undone(&self) -> Result<Option<ChangeSet>, UndoError> {
        let sets = self.sets()?;
        let undos = sets.iter().rev().filter(|set| is_undo_of_turn(&sets, set));
        Ok(undos.into_iter().find(|set| !is_undone(&sets, set.number)).cloned())
    }

    /// Whether what this set changed was put back, and that was not taken back.
    ///
    /// # Errors
    /// As [`UndoLog::sets`].
    pub fn is_undone(&self, number: u32) -> Result<bool, UndoError> {
        Ok(is_undone(&self.sets()?, number))
    }

    /// Bytes of a file or target of a link.
    ///
    /// # Errors
    /// When it was lost or damaged, or cannot be read.
    pub fn content(&self, digest: Digest) -> io::Result<Vec<u8>> {
        let path = self.object(digest);
        let bytes = fs::read(&path).map_err(|error| named(&path, error))?;
        let is_whole = Digest::of(&bytes) == digest;
        is_whole.then_some(bytes).ok_or_else(|| io::Error::other("the kept content is damaged"))
    }

    pub(super) fn keep(&self, digest: Digest, bytes: &[u8]) -> Result<(), UndoError> {
        let path = self.object(digest);
        if path.exists() {
            return Ok(());
        }
        let failed = || UndoError::io("write", &path);
        create_private_dir(path.parent().unwrap_or(&self.dir)).map_err(failed())?;
        replace(&path, bytes).map_err(failed())
    }

    /// # Errors
    /// When it cannot be found out.
    pub(super) fn holds(&self, digest: Digest) -> io::Result<bool> {
        let path = self.object(digest);
        path.try_exists().map_err(|error| named(&path, error))
    }

    /// Writes a set, or a later state of it.
    pub(super) fn put(&self, set: &ChangeSet) -> Result<(), UndoError> {
        let dir = self.dir.join("sets");
        create_private_dir(&dir).map_err(UndoError::io("make the directory", &dir))?;
        let path = dir.join(format!("{:06}.json", set.number));
        let bytes = serde_json::to_vec(set).map_err(io::Error::other);
        bytes.and_then(|bytes| replace(&path, &bytes)).map_err(UndoError::io("write", &path))
    }

    pub(super) fn next_number(&self) -> Result<u32, UndoError> {
        Ok(self.sets()?.last().map_or(1, |set| set.number + 1))
    }

    pub(super) fn object(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.dir.join("objects").join(&name[..2]).join(&name[2..])
    }
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))
}

fn is_undone(sets: &[ChangeSet], number: u32) -> bool {
    // An undo is younger than what it undoes; a damaged file that says otherwise must not lead us in circles.
    let of = |set: &&ChangeSet| set.origin == Origin::Undo(number) && set.number > number;
    sets.iter().rfind(of).is_some_and(|undo| !is_undone(sets, undo.number))
}

fn is_undo_of_turn(sets: &[ChangeSet], set: &ChangeSet) -> bool {
    let Origin::Undo(number) = set.origin else { return false };
    sets.iter().any(|of| of.number == number && matches!(of.origin, Origin::Turn(_)))
}
