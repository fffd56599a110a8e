//! What is pinned for a command: made read-only by mounts that only its room has. Such a mount lies on what had the name
//! when it was made; who replaces that, as only the person can, takes the mount away with it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::git_config;
use super::mounts::{Place, Tree};
use super::put_back::Change;
use super::state::{MAX_FILE, State, read_through};
use crate::sandbox::ours;

/// By what something is judged whose pin has fallen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As a whole.
    Plain,
    /// By its settings, as a configuration of git.
    Settings,
    /// Part of a repository, which is looked at anyway.
    OfGit,
    /// A home of ours: by what is obeyed there.
    OurHome,
}

pub(super) struct Pin {
    pub(super) path: PathBuf,
    kind: Kind,
    place: Place,
    /// What was there, whatever becomes of its name.
    held: Option<Tree>,
}

impl Pin {
    /// None, where a mount would not keep out what comes by another name.
    pub(super) fn of(path: &Path, kind: Kind) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok()?;
        let is_only_name = found.is_dir() || (found.is_file() && found.nlink() == 1);
        let place = Place::of(path).filter(|_| is_only_name)?;
        Some(Self { path: path.to_owned(), kind, place, held: None })
    }

    /// The same at another place of it.
    pub(super) fn mirrored(&self, other: &Path) -> Option<Self> {
        Self::of(other, self.kind)
    }

    pub(super) fn put(&mut self) -> Result<(), String> {
        let tree = Tree::copy(&self.path)?.read_only()?;
        tree.put(&self.path)?;
        self.place = tree.place().unwrap_or(self.place);
        self.held = Some(tree);
        Ok(())
    }

    /// Whether nothing in it has got another name since, by which it could be written to. Of git's it is asked anyway.
    pub(super) fn keeps_out(&self) -> bool {
        self.kind == Kind::OfGit || !has_open_file(&self.path)
    }

    /// Whether an earlier one holds for this.
    pub(super) fn is_same(&self, earlier: &Self) -> bool {
        (&self.path, self.kind, self.place) == (&earlier.path, earlier.kind, earlier.place)
    }

    /// Whether it still is what was pinned.
    pub(super) fn holds(&self) -> bool {
        Place::of(&self.path) == Some(self.place)
    }

    /// Of a pin that has fallen: whether the person or the command changed what is there cannot be told any more. Nothing,
    /// where nothing is: that much is the person's doing.
    pub(super) fn changes(&self) -> Vec<Change> {
        if self.kind == Kind::OfGit || fs::symlink_metadata(&self.path).is_err() {
            return vec![];
        }
        let paths: BTreeSet<_> = match self.kind {
            Kind::OurHome => {
                let mut paths: BTreeSet<_> = ours::in_our_home(&self.path).collect();
                paths.extend(ours::profiles_in(&self.path));
                paths
            }
            _ => [self.path.clone()].into(),
        };
        let changes = paths.iter().flat_map(|path| {
            let before = self.before(path.strip_prefix(&self.path).unwrap_or(Path::new("")));
            let aside = path.parent().unwrap_or(path);
            match self.kind {
                Kind::Settings => settings_to(&before, &State::of(path))
                    .map(|to| Change { path: path.clone(), to, aside: aside.to_owned() })
                    .into_iter()
                    .collect(),
                _ => before.changes_at(path, aside),
            }
        });
        changes.collect()
    }

    /// As nobody but the person can have left it.
    fn before(&self, below: &Path) -> State {
        let Some(held) = &self.held else { return State::Absent };
        let held = held.path();
        match fs::metadata(&held) {
            Ok(found) if found.is_dir() => State::of(&held.join(".").join(below)),
            Ok(found) => {
                let bytes = read_through(&held, MAX_FILE);
                let mode = found.permissions().mode() & 0o7777;
                bytes.map_or(State::Absent, |bytes| State::file(bytes, mode))
            }
            Err(_) => State::Absent,
        }
    }
}

/// Entries of a directory that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// Whether a file in a directory has another name as well, by which no mount over the directory keeps it from being
/// written to; or may have one, as there are too many.
pub(super) fn has_open_file(directory: &Path) -> bool {
    let (mut directories, mut left) = (vec![directory.to_owned()], MOST_ENTRIES);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Some(fewer) = left.checked_sub(1) else { return true };
            left = fewer;
            match entry.metadata() {
                Ok(found) if found.is_dir() => directories.push(entry.path()),
                Ok(found) if found.is_file() && found.nlink() > 1 => return true,
                _ => {}
            }
        }
    }
    false
}

/// What a configuration has to become, so that what the person may have set stays where it is harmless.
fn settings_to(before: &State, now: &State) -> Option<State> {
    let (State::File { bytes: old, .. }, State::File { bytes, mode, .. }) = (before, now) else {
        return (before != now).then(|| before.clone());
    };
    if git_config::harmful(bytes).is_some_and(|now| Some(now) == git_config::harmful(old)) {
        return None;
    }
    let bytes = git_config::with_harmful_of(bytes, old);
    Some(bytes.map_or_else(|| before.clone(), |bytes| State::file(bytes, *mode)))
}
