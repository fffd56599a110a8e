//! Repositories that were not there before a command, or not there, and new ways to those that were: what of them is to be
//! put back. Those that are where they were are compared in `repository.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::earlier::Earlier;
use super::known::Known;
use super::put_back::Change;
use super::repositories::{self, has_its_name};
use super::repository::{self, Repository, change};
use super::state::State;

/// Of a repository, what holds repositories that are its own.
const OWN: [&str; 2] = ["modules", "worktrees"];

/// Git directories, with what leads to each from elsewhere.
pub(super) type Ways = BTreeSet<(PathBuf, PathBuf)>;

/// Which repositories there were before a command. A stranger's may lie among their files, and harm nobody until git
/// is led to it.
pub(super) struct Present {
    gits: BTreeSet<PathBuf>,
    ways: Ways,
    /// Git finds a repository also where a link leads.
    linked: Ways,
    /// Below these may have been others: there was no time to look. Not below what nobody could look into, as commands can
    /// make that for themselves.
    left: Vec<PathBuf>,
}

/// What a repository is that is not remembered by its path.
pub(super) enum Origin<'a> {
    /// It was there, for all that is known.
    There,
    /// It has another path now.
    Moved(&'a Repository),
    /// A command has made it one, or led git to it: by as little as a name, be all that is in it older.
    Arrived,
}

impl Present {
    /// Of the `gits` that are there now, and of what leads to them, all that no command made which still runs.
    pub(super) fn of(known: &Known, gits: BTreeSet<PathBuf>, earlier: &Earlier) -> Self {
        let gits = gits.into_iter().filter(|git| !earlier.came_later(git)).collect();
        let ways = known.trees.iter().filter(|way| !earlier.way_came_later(way));
        let ways = ways.cloned().collect();
        Self { gits, ways, linked: known.linked.clone(), left: known.left.clone() }
    }

    /// All repositories there were, and all that led to them, if that is known.
    pub(super) fn all(&self) -> Option<(&BTreeSet<PathBuf>, &Ways)> {
        self.left.is_empty().then_some((&self.gits, &self.ways))
    }

    /// `remembered` are those that were there, `roots` the writable ones.
    pub(super) fn origin<'a>(
        &self,
        git: &Path,
        remembered: &'a [Repository],
        roots: &[PathBuf],
        earlier: &Earlier,
    ) -> Origin<'a> {
        let was_perhaps = || self.left.iter().any(|directory| git.starts_with(directory));
        if self.gits.contains(git) || (was_perhaps() && !earlier.came_later(git)) {
            return Origin::There;
        }
        let is_for_root = roots.iter().any(|root| git == root || git == root.join(".git"));
        // Where git looks for one by itself comes only what it looked at before.
        let is_found = has_its_name(git) || self.is_part_of_own(git);
        let may_move = |before: &Path| !is_for_root && (self.is_own(before) || !is_found);
        let moved = remembered.iter().find(|before| before.was_moved_to(git));
        moved.filter(|before| may_move(&before.git)).map_or(Origin::Arrived, Origin::Moved)
    }

    /// New ways to repositories that were there and that git was not led to, where they would run something: what points to
    /// them, and links.
    pub(super) fn new_ways(&self, pointed: &Ways, linked: &Ways, roots: &[PathBuf]) -> Vec<Change> {
        let is_strange = |git: &Path| {
            !self.has_way(git) && !self.is_part_of_own(git) && self.runs_something(git, roots)
        };
        let pointed = pointed.difference(&self.ways).map(|(git, tree)| (git, tree.join(".git")));
        let linked = linked.difference(&self.linked).map(|(git, link)| (git, link.clone()));
        let new = pointed.chain(linked).filter(|(git, _)| is_strange(git));
        new.map(|(_, way)| taken_away(way)).collect()
    }

    /// What leads one that has arrived to another one, whose worktree it is not.
    pub(super) fn sharing(&self, git: &Path, roots: &[PathBuf]) -> Option<Change> {
        let file = git.join("commondir");
        file.symlink_metadata().ok()?;
        let may_stay = repositories::common_directory(git).is_some_and(|common| {
            let is_worktree = git.parent() == Some(&*common.join("worktrees"));
            (is_worktree && self.is_own(&common)) || !self.runs_something(&common, roots)
        });
        (!may_stay).then(|| change(git, &file, State::Absent))
    }

    /// Whether git was led to it before.
    fn is_own(&self, git: &Path) -> bool {
        self.gits.contains(git)
            && (has_its_name(git) || self.has_way(git) || self.is_part_of_own(git))
    }

    fn has_way(&self, git: &Path) -> bool {
        self.ways.iter().any(|(to, _)| to == git || is_part(to, git))
    }

    fn is_part_of_own(&self, git: &Path) -> bool {
        self.gits.iter().any(|other| is_part(git, other) && self.is_own(other))
    }

    /// One that was there, by itself or by what it shares.
    fn runs_something(&self, git: &Path, roots: &[PathBuf]) -> bool {
        let runs = |git: &Path| {
            self.gits.contains(git) && !repository::appeared(git, roots, |_| true).is_empty()
        };
        runs(git) || repositories::common_directory(git).is_some_and(|common| runs(&common))
    }
}

fn taken_away(way: PathBuf) -> Change {
    let aside = way.parent().unwrap_or(&way).to_owned();
    Change { path: way, to: State::Absent, aside }
}

/// Whether it is a submodule's or a worktree's of `whole`.
fn is_part(git: &Path, whole: &Path) -> bool {
    let rest = git.strip_prefix(whole);
    rest.is_ok_and(|rest| OWN.iter().any(|name| rest.starts_with(name)))
}
