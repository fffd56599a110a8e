//! Repositories that were not there before a command, and new ways to those that were: what of them is to be put back. Those
//! that are looked at as they were themselves are `repository.rs`'s.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::earlier::Earlier;
use super::known::Known;
use super::put_back::Change;
use super::repositories;
use super::repository::{self, Repository, change};
use super::state::State;

/// Which repositories there were before a command.
pub(super) struct Present {
    gits: BTreeSet<PathBuf>,
    /// With what led to them.
    ways: BTreeSet<(PathBuf, PathBuf)>,
    /// Below these may have been others: there was no time to look. Not below what nobody could look into, as commands can
    /// make that for themselves.
    left: Vec<PathBuf>,
}

impl Present {
    /// Of the `gits` that are there now, those that no command made which still runs.
    pub(super) fn of(known: &Known, gits: BTreeSet<PathBuf>, earlier: &Earlier) -> Self {
        let gits = gits.into_iter().filter(|git| !earlier.came_later(git)).collect();
        Self { gits, ways: known.trees.clone(), left: known.left.clone() }
    }

    /// All there were, if that is known.
    pub(super) fn all(&self) -> Option<&BTreeSet<PathBuf>> {
        self.left.is_empty().then_some(&self.gits)
    }

    /// Whether the command has made a repository of it: by as little as a name, be all that is in it older. One that was
    /// only moved is what it was; what had another name is not, as git looks for one name only.
    pub(super) fn is_arrival(
        &self,
        git: &Path,
        remembered: &[Repository],
        earlier: &Earlier,
    ) -> bool {
        let was_perhaps = || self.left.iter().any(|directory| git.starts_with(directory));
        let was_there = self.gits.contains(git) || (was_perhaps() && !earlier.came_later(git));
        let has_its_name = |git: &Path| git.file_name() == Some(OsStr::new(".git"));
        let was_moved = || {
            let mut before = remembered.iter().filter(|before| has_its_name(&before.git));
            has_its_name(git) && before.any(|before| before.was_moved_to(git))
        };
        !was_there && !was_moved()
    }

    /// New ways to repositories that were there, where what those hold would run. A stranger's may lie among their files,
    /// and harm nobody until something leads to it.
    pub(super) fn new_ways(
        &self,
        pointed: &BTreeSet<(PathBuf, PathBuf)>,
        roots: &[PathBuf],
    ) -> Vec<Change> {
        let new = pointed.difference(&self.ways).filter(|(git, _)| self.is_strange(git, roots));
        let ways = new.map(|(_, tree)| Change {
            path: tree.join(".git"),
            to: State::Absent,
            aside: tree.clone(),
        });
        ways.collect()
    }

    /// The same for what a repository that has arrived shares with another one; of whose worktrees it is none.
    pub(super) fn sharing(&self, git: &Path, roots: &[PathBuf]) -> Option<Change> {
        let common = repositories::common_directory(git)?;
        let is_worktree = git.parent() == Some(&*common.join("worktrees"));
        (!is_worktree && self.is_strange(&common, roots))
            .then(|| change(git, &git.join("commondir"), State::Absent))
    }

    /// A submodule or worktree is its repository's own.
    fn is_strange(&self, git: &Path, roots: &[PathBuf]) -> bool {
        let is_within = |other: &PathBuf| git != other && git.starts_with(other);
        self.gits.contains(git)
            && !self.gits.iter().any(is_within)
            && !repository::appeared(git, roots, |_| true).is_empty()
    }
}
