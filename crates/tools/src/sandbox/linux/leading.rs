//! Links by which git may be led away: into repositories that it does not meet otherwise, out of git directories that it writes
//! to, and where nobody here knows. What points to repositories is found in `repositories.rs`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::repositories::has_its_name;
use super::state::changed_at;
use super::{begun, links, repository};

/// By what git may be led away, beside what points to repositories.
#[derive(Clone, Debug, Default)]
pub(super) struct Leading {
    /// Git directories, with links of late that lead to them, into them, or to what they lie in.
    pub(super) linked: BTreeSet<(PathBuf, PathBuf)>,
    /// Git directories, with links within them, by which git would write elsewhere.
    pub(super) inner: BTreeSet<(PathBuf, PathBuf)>,
    /// Of what points to repositories or may lead to one, what leads nobody here knows where.
    pub(super) unknowable: BTreeSet<PathBuf>,
    /// Git directories, with directories in them that are called as objects are: by a reference that is called as what leads to
    /// what repositories share, git would be led there.
    pub(super) ids: BTreeSet<(PathBuf, PathBuf)>,
    /// Git directories, with numbers of conflicts that git would solve as it is said there.
    pub(super) replayed: BTreeSet<(PathBuf, OsString)>,
    /// Files that point to repositories and have other names, by which they can be written to.
    pub(super) shared: BTreeSet<PathBuf>,
}

/// Git directories that were found, and such as git would make one of.
#[derive(Clone, Copy)]
pub(super) struct Gits<'a> {
    pub(super) whole: &'a BTreeSet<PathBuf>,
    pub(super) halves: &'a BTreeSet<PathBuf>,
}

impl<'a> Gits<'a> {
    fn contain(self, directory: &Path) -> bool {
        self.whole.contains(directory) || self.halves.contains(directory)
    }

    fn all(self) -> impl Iterator<Item = &'a PathBuf> {
        self.whole.iter().chain(self.halves)
    }
}

impl Leading {
    /// Goes where `links` lead among the repositories that were found, and `ids` lie.
    pub(super) fn follow(
        &mut self,
        links: &[PathBuf],
        ids: &[PathBuf],
        gits: Gits<'_>,
        is_too_deep: bool,
        since: i64,
    ) {
        self.inner = inner(links, gits);
        let within = ids.iter().filter_map(|id| Some((id.parent()?.to_owned(), id.clone())));
        self.ids = within.filter(|(git, _)| gits.contain(git)).collect();
        let replayed = gits.all().flat_map(|git| {
            begun::conflicts_to_be_solved(git).into_iter().map(|number| (git.clone(), number))
        });
        self.replayed = replayed.collect();
        self.follow_late(links, gits.whole, is_too_deep, since);
    }

    /// Those that have changed since: git finds a repository there, too. Those that have the name it looks for do not
    /// count, nor what they hold: they are met without a link, unless they are too deep.
    fn follow_late(
        &mut self,
        links: &[PathBuf],
        found: &BTreeSet<PathBuf>,
        is_too_deep: bool,
        since: i64,
    ) {
        let is_met = |git: &Path| git.ancestors().any(|at| has_its_name(at) && found.contains(at));
        let hidden: Vec<_> = found.iter().filter(|git| !is_met(git)).collect();
        // Most often there are none, and many links.
        if hidden.is_empty() && !is_too_deep {
            return;
        }
        for link in links.iter().filter(|link| is_late(link, since)) {
            if links::is_unknowable(link) {
                self.unknowable.insert(link.clone());
            } else if let Ok(end) = link.canonicalize() {
                let met = hidden.iter().filter(|git| end.starts_with(git) || git.starts_with(&end));
                self.linked.extend(met.map(|git| ((*git).clone(), link.clone())));
            }
        }
    }
}

pub(super) fn is_late(link: &Path, since: i64) -> bool {
    fs::symlink_metadata(link).is_ok_and(|found| changed_at(&found) >= since)
}

/// The links within git directories. Not those that git itself makes of a head, nor what is judged as it is
/// (`repository.rs`).
fn inner(links: &[PathBuf], gits: Gits<'_>) -> BTreeSet<(PathBuf, PathBuf)> {
    let of_git = links.iter().filter_map(|link| {
        let git = link.ancestors().skip(1).find(|at| gits.contain(at))?;
        let rest = link.strip_prefix(git).ok()?;
        let is_head = || {
            let to = link.read_link().unwrap_or_default();
            let goes_back = to.components().any(|part| part.as_os_str() == "..");
            rest == Path::new("HEAD") && to.starts_with("refs") && !goes_back
        };
        (!repository::judges(rest) && !is_head()).then(|| (git.to_owned(), link.clone()))
    });
    of_git.collect()
}
