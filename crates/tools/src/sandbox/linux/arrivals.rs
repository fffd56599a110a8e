//! Repositories that were not there before a command, or not there, and new ways to those that were: what of them is to be
//! put back. Those that are where they were are compared in `repository.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::begun;
use super::earlier::Earlier;
use super::known::Known;
use super::leading::Leading;
use super::put_back::Change;
use super::repositories::{self, has_its_name};
use super::repository::{self, Repository, change};
use super::state::{Budget, State};
use super::trees::taken_away;

/// Of a repository, what holds repositories that are its own.
const OWN: [&str; 2] = ["modules", "worktrees"];

/// Git directories, with what leads to each from elsewhere.
pub(super) type Ways = BTreeSet<(PathBuf, PathBuf)>;

/// Which repositories there were before a command. A stranger's may lie among their files, and harm nobody until git
/// is led to it.
pub(super) struct Present {
    led: Led,
    leading: Leading,
    /// Below these may have been others: there was no time to look. Not below what nobody could look into, as commands can
    /// make that for themselves.
    left: Vec<PathBuf>,
}

/// Repositories, and what led git to them.
#[derive(Clone, Default)]
pub(super) struct Led {
    pub(super) gits: BTreeSet<PathBuf>,
    pub(super) ways: Ways,
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

impl Led {
    /// Whether git was led to it.
    pub(super) fn is_own(&self, git: &Path) -> bool {
        self.gits.contains(git)
            && (has_its_name(git) || self.has_way(git) || self.is_part_of_own(git))
    }

    fn has_way(&self, git: &Path) -> bool {
        self.ways.iter().any(|(to, _)| to == git || is_part(to, git))
    }

    fn is_part_of_own(&self, git: &Path) -> bool {
        self.gits.iter().any(|other| is_part(git, other) && self.is_own(other))
    }
}

impl Present {
    /// Of the `gits` that are there now, and of what leads to them, all that no command made which still runs; what of them
    /// is `remembered` was there, if with another path.
    pub(super) fn of(
        known: &Known,
        mut gits: BTreeSet<PathBuf>,
        remembered: &[Repository],
        earlier: &Earlier,
    ) -> Self {
        let is_remembered = |git: &Path| remembered.iter().any(|before| before.git == git);
        gits.retain(|git| is_remembered(git) || !earlier.came_later(git));
        let ways = known.trees.iter().filter(|way| !earlier.way_came_later(way));
        let led = Led { gits, ways: ways.cloned().collect() };
        Self { led, leading: known.leading.clone(), left: known.left.clone() }
    }

    /// All repositories there were, and all that led to them, if that is known.
    pub(super) fn all(&self) -> Option<&Led> {
        self.left.is_empty().then_some(&self.led)
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
        if self.led.gits.contains(git) || (was_perhaps() && !earlier.came_later(git)) {
            return Origin::There;
        }
        self.moved_to(git, remembered, roots).map_or(Origin::Arrived, Origin::Moved)
    }

    /// As what it is remembered, if it was moved and git had been led to it before. A stranger's that is moved may be met
    /// where nobody expects one, and none becomes that of a root.
    pub(super) fn moved_to<'a>(
        &self,
        git: &Path,
        remembered: &'a [Repository],
        roots: &[PathBuf],
    ) -> Option<&'a Repository> {
        let is_for_root = roots.iter().any(|root| git == root || git == root.join(".git"));
        let moved = repository::that_is_now_at(git, remembered.iter())?;
        (moved.git != git && !is_for_root && self.led.is_own(&moved.git)).then_some(moved)
    }

    /// What leads git elsewhere than before: to repositories that were there and that it was not led to, where they would run
    /// something, by what points to them or by links; to where nobody here knows; and out of git directories.
    pub(super) fn new_ways(
        &self,
        pointed: &Ways,
        leading: &Leading,
        remembered: &[Repository],
        roots: &[PathBuf],
    ) -> Vec<Change> {
        let runs = |git: &Path| {
            let parts = self.led.gits.iter().filter(|part| is_part(part, git));
            self.runs_something(git, roots)
                || parts.clone().any(|part| self.runs_something(part, roots))
        };
        let is_strange =
            |git: &Path| !self.led.has_way(git) && !self.led.is_part_of_own(git) && runs(git);
        let pointed =
            pointed.difference(&self.led.ways).map(|(git, tree)| (git, tree.join(".git")));
        let before = &self.leading;
        let linked = leading.linked.difference(&before.linked);
        let linked = linked.map(|(git, link)| (git, link.clone()));
        let strange = pointed.chain(linked).filter(|(git, _)| is_strange(git)).map(|(_, way)| way);
        let unknowable = leading.unknowable.difference(&before.unknowable).cloned();
        let ways = strange.chain(unknowable).map(taken_away);
        let shared = leading.shared.difference(&before.shared);
        let mut left = Budget::default();
        let shared = shared.map(|pointer| {
            let alone = State::Absent.parted(&State::within(pointer, &mut left));
            Change { to: alone.unwrap_or(State::Absent), ..taken_away(pointer.clone()) }
        });
        let was_there = |(git, link): &(PathBuf, PathBuf)| {
            let moved = self.moved_to(git, remembered, roots);
            moved.zip(link.strip_prefix(git).ok()).is_some_and(|(moved, rest)| {
                before.inner.contains(&(moved.git.clone(), moved.git.join(rest)))
            })
        };
        let inner = leading.inner.difference(&before.inner).filter(|way| !was_there(way));
        let inner = inner.map(|(git, link)| change(git, link, State::Absent));
        let ids = leading.ids.difference(&before.ids);
        let ids = ids.map(|(git, id)| change(git, id, State::Absent));
        let replayed = leading.replayed.difference(&before.replayed);
        let replayed =
            replayed.map(|(git, _)| change(git, &git.join(begun::CONFLICTS), State::Absent));
        ways.chain(shared).chain(inner).chain(ids).chain(replayed).collect()
    }

    /// What leads one that has arrived to another one, whose worktree it is not.
    pub(super) fn sharing(&self, git: &Path, roots: &[PathBuf]) -> Option<Change> {
        let file = git.join("commondir");
        file.symlink_metadata().ok()?;
        let may_stay = repositories::common_directory(git).is_some_and(|common| {
            let is_worktree = git.parent() == Some(&*common.join("worktrees"));
            (is_worktree && self.led.is_own(&common)) || !self.runs_something(&common, roots)
        });
        (!may_stay).then(|| change(git, &file, State::Absent))
    }

    /// One that was there, by itself or by what it shares.
    fn runs_something(&self, git: &Path, roots: &[PathBuf]) -> bool {
        let runs = |git: &Path| {
            self.led.gits.contains(git) && !repository::appeared(git, roots, |_| true).is_empty()
        };
        runs(git) || repositories::common_directory(git).is_some_and(|common| runs(&common))
    }
}

/// Whether it is a submodule's or a worktree's of `whole`.
fn is_part(git: &Path, whole: &Path) -> bool {
    let rest = git.strip_prefix(whole);
    rest.is_ok_and(|rest| OWN.iter().any(|name| rest.starts_with(name)))
}
