//! What git would start of a repository by its name, and the files that stand for remotes: found even where they cannot be
//! listed. What is to become of it is said in `repository.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::links;
use super::named::{HOOKS, OF_WORK};
use super::state::{Budget, State, can_be_searched};

/// Directories of files that each stand for a remote, as git once had them; nothing writes them any more.
const REMOTES: &[&str] = &["remotes", "branches"];

/// What git would start: anything but the samples it brings, unless another hook is a link that leads to one.
fn hooks(git: &Path) -> BTreeMap<PathBuf, State> {
    let directory = git.join("hooks");
    let mut hooks = paths_in(&directory, HOOKS);
    hooks.retain(|path| !is_sample(path));
    let links = hooks.iter().filter(|path| path.is_symlink());
    let ways =
        links.map(|link| links::follow(link)).flat_map(|way| [way.links, vec![way.end]].concat());
    let samples: BTreeSet<_> = ways
        .filter_map(|path| Some(directory.join(path.strip_prefix(&directory).ok()?.iter().next()?)))
        .filter(|path| is_sample(path))
        .collect();
    with_states(hooks.into_iter().chain(samples))
}

pub(super) fn is_sample(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "sample")
}

pub(super) fn hooks_and_remotes(git: &Path) -> BTreeMap<PathBuf, State> {
    let remotes = REMOTES.iter().flat_map(|name| with_states(paths_in(&git.join(name), &[])));
    hooks(git).into_iter().chain(remotes).collect()
}

/// What is in a directory; itself, when it is a link. Of one that cannot be listed what git looks for by its name, or itself
/// where that is anything, or closed too.
fn paths_in(directory: &Path, looked_for: &[&str]) -> Vec<PathBuf> {
    if directory.is_symlink() {
        return vec![directory.to_owned()];
    }
    let is_there = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    match fs::read_dir(directory) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            vec![]
        }
        Ok(entries) if can_be_searched(directory) => {
            entries.flatten().map(|entry| entry.path()).collect()
        }
        Err(_) if can_be_searched(directory) && !looked_for.is_empty() => {
            looked_for.iter().map(|name| directory.join(name)).filter(is_there).collect()
        }
        _ => vec![directory.to_owned()],
    }
}

/// As much of them as can be remembered together.
fn with_states(paths: impl IntoIterator<Item = PathBuf>) -> BTreeMap<PathBuf, State> {
    let mut left = Budget::default();
    let with_state = |path: PathBuf| {
        let state = State::within(&path, &mut left);
        (path, state)
    };
    paths.into_iter().map(with_state).collect()
}

/// Whether git would start something there when it is pushed to or fetched from.
pub(super) fn has_hooks(git: &Path) -> bool {
    let is_of_work = |path: &PathBuf| OF_WORK.iter().any(|name| path.ends_with(name));
    hooks(git).keys().any(|path| path.is_symlink() || !is_of_work(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::linux::repository::{Repository, appeared};

    #[test]
    fn samples_are_no_hooks_however_many_there_are_unless_a_link_leads_to_them() {
        let place = tempfile::tempdir().unwrap();
        let git = place.path().canonicalize().unwrap();
        let directory = git.join("hooks");
        fs::create_dir(&directory).unwrap();
        for name in &HOOKS[1..] {
            fs::write(directory.join(name), "own").unwrap();
        }
        std::os::unix::fs::symlink("x.sample", directory.join(HOOKS[0])).unwrap();
        for number in 0..10_100 {
            fs::write(directory.join(format!("{number}.sample")), "").unwrap();
        }
        let absent = State::Absent;
        let found = hooks(&git);
        assert_eq!(found.len(), HOOKS.len() + 1);
        assert_eq!(found.get(&directory.join("x.sample")), Some(&absent));
        let of_name = |name: &&str| found.get(&directory.join(name)).and_then(State::bytes);
        assert!(HOOKS[1..].iter().all(|name| of_name(name) == Some(b"own")));

        let repository = Repository::remember(git.clone());
        fs::write(directory.join("0.sample"), "other").unwrap();
        fs::write(directory.join("x.sample"), "other").unwrap();
        let changes = repository.changes(&[]);
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!((&changes[0].path, &changes[0].to), (&directory.join("x.sample"), &absent));
        let changes = appeared(&git, &[], |_| true);
        assert_eq!(changes.len(), HOOKS.len());
    }

    #[test]
    fn a_sample_that_was_a_hook_is_nothing_to_be_put_into_another_repository() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let (git, directory) = (place.join("a"), place.join("a/hooks"));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("x.sample"), "own").unwrap();
        std::os::unix::fs::symlink("x.sample", directory.join(HOOKS[0])).unwrap();
        let repository = Repository::remember(git.clone());
        fs::remove_file(directory.join("x.sample")).unwrap();
        let changes = repository.changes(&[]);
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0].to.bytes(), Some(&b"own"[..]));
        fs::rename(&git, place.join("b")).unwrap();
        fs::create_dir(&git).unwrap();
        assert!(repository.changes(&[]).is_empty());
    }
}
