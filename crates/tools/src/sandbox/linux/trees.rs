//! Trees that repositories have got by a command, by a move or a worktree: what configurations name there, and git would run,
//! is to be as it was in a tree there was before (S9).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::World;
use super::arrivals::Ways;
use super::holding::Holding;
use super::known::Known;
use super::named::Here;
use super::put_back::Change;
use super::repositories::has_its_name;
use super::repository::Repository;
use super::state::State;

/// Trees there were before a command.
pub(super) struct Trees {
    /// With their git directories, where something points to those.
    pointed: Ways,
    /// Of git, for all repositories.
    configs: Vec<PathBuf>,
}

impl Trees {
    pub(super) fn of(known: &Known) -> Self {
        Self { pointed: known.trees.clone(), configs: known.configs.clone() }
    }

    /// What is named in trees that are new, and differs from what was `named` in those that were there. `moved` are the
    /// repositories that are no longer where they were, or were not there, as far as it is known what they were.
    pub(super) fn changes(
        &self,
        world: &World,
        pointed: &Ways,
        arrived: &[PathBuf],
        before: &Before<'_>,
        moved: &[Repository],
    ) -> Vec<Change> {
        let mut new: Ways = pointed.difference(&self.pointed).cloned().collect();
        let arrived = arrived.iter().filter(|git| has_its_name(git));
        new.extend(arrived.filter_map(|git| Some((git.clone(), git.parent()?.to_owned()))));
        if new.is_empty() {
            return vec![];
        }
        let everywhere = Holding::everywhere(&self.configs, &world.policy.env);
        let here = Here { roots: before.roots, repositories: moved, trees: &new };
        let paths = here.named(&everywhere).paths().into_iter();
        let old = self.old(before);
        let rests = paths.filter_map(|path| {
            let (_, tree) = new.iter().find(|(_, tree)| path.starts_with(tree))?;
            let rest = path.strip_prefix(tree).ok()?.to_owned();
            Some((path, rest))
        });
        let changed = rests.filter(|(path, rest)| match State::of_file(path) {
            None | Some(State::Absent) => false,
            Some(now) => {
                let was = |tree: &Path| before.state(&tree.join(rest)) == Some(&now);
                before.state(path).is_none() && !old.iter().any(|tree| was(tree))
            }
        });
        changed.map(|(path, _)| taken_away(path)).collect()
    }

    fn old<'a>(&'a self, before: &Before<'a>) -> BTreeSet<&'a Path> {
        let pointed = self.pointed.iter().map(|(_, tree)| tree.as_path());
        let gits = before.repositories.iter().map(|known| known.git.as_path());
        let own = gits.filter(|git| has_its_name(git)).filter_map(Path::parent);
        pointed.chain(own).chain(before.roots.iter().map(PathBuf::as_path)).collect()
    }
}

/// What is known of the time before a command.
pub(super) struct Before<'a> {
    pub(super) roots: &'a [PathBuf],
    pub(super) repositories: &'a [Repository],
    pub(super) named: &'a [(PathBuf, State)],
}

impl Before<'_> {
    fn state(&self, path: &Path) -> Option<&State> {
        self.named.iter().find(|(known, _)| known == path).map(|(_, state)| state)
    }
}

/// What a command led git to, or put where git would run it.
pub(super) fn taken_away(path: PathBuf) -> Change {
    let aside = path.parent().unwrap_or(&path).to_owned();
    Change { path, to: State::Absent, aside }
}
