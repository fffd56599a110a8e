//! Finds what git would take for a repository below the writable roots: by what makes it one, as a name is soon
//! changed, and by what points to it. Nothing is left out for its name or for what lies beside it; what could not be
//! looked into is said.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::getuid;

use super::seen::{Entries, Seen, Version};
use super::state::{can_be_searched, changed_at, now, read, read_through};

/// Bytes of a configuration, and of a file that points to a repository. Git reads some of them whole, however long
/// they are, and only then cuts off the ends of lines.
const MAX_FILE: u64 = 16 << 20;

/// How long is looked. Not how much: whoever makes more to be looked at takes longer over it than the look does.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    pub(super) for_changed: Duration,
    pub(super) for_all: Duration,
}

/// What a look below the roots has found.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) found: BTreeSet<PathBuf>,
    /// Git directories, wherever they lie, with what points to them.
    pub(super) pointed: BTreeSet<(PathBuf, PathBuf)>,
    /// Git directories, with links of late that lead to or into them.
    pub(super) linked: BTreeSet<(PathBuf, PathBuf)>,
    /// One of the directories that were not looked into.
    pub(super) unseen: Option<PathBuf>,
    /// Those for which there was no time.
    pub(super) left: Vec<PathBuf>,
}

/// What there is below `roots`, which are resolved, for later looks to compare with.
pub(super) fn seen_below(roots: &[PathBuf], patience: Patience) -> Seen {
    let nothing = Seen::default();
    let mut walk = Walk { keeping: Some(Seen::default()), ..Walk::new(i64::MAX, &nothing) };
    walk.through(roots, patience);
    walk.keeping.unwrap_or_default()
}

/// All git directories below `roots`, and those they point to below `others`; all are resolved. What changed after `since` is looked at first, so that no
/// number of other directories hides it; what is as it was `seen` before is not read again.
pub(super) fn below(
    roots: &[PathBuf],
    others: &[PathBuf],
    since: i64,
    patience: Patience,
    seen: &Seen,
) -> Look {
    let mut walk = Walk::new(since, seen);
    walk.through(roots, patience);
    let Walk { mut look, links, .. } = walk;
    look.linked = linked(&links, &look.found, since);
    let common: Vec<_> = look.found.iter().filter_map(|git| common_directory(git)).collect();
    look.found.extend(common);
    look.found.retain(|git| roots.iter().chain(others).any(|root| git.starts_with(root)));
    look
}

/// A directory to be looked into.
type Place = (PathBuf, Version);

struct Walk<'a> {
    since: i64,
    seen: &'a Seen,
    keeping: Option<Seen>,
    changed: VecDeque<Place>,
    rest: VecDeque<Place>,
    /// In what has changed.
    links: Vec<PathBuf>,
    look: Look,
}

impl<'a> Walk<'a> {
    fn new(since: i64, seen: &'a Seen) -> Self {
        let (changed, rest) = (VecDeque::new(), VecDeque::new());
        Self { since, seen, keeping: None, changed, rest, links: vec![], look: Look::default() }
    }

    fn through(&mut self, roots: &[PathBuf], patience: Patience) {
        roots.iter().for_each(|root| self.add(root, false));
        let began = Instant::now();
        loop {
            let (next, limit) = match self.changed.pop_front() {
                Some(changed) => (Some(changed), patience.for_changed),
                None => (self.rest.pop_front(), patience.for_all),
            };
            let Some(place) = next else { return };
            if began.elapsed() > limit {
                let rest = self.changed.drain(..).chain(self.rest.drain(..));
                self.look.unseen = Some(place.0.clone());
                let rest = std::iter::once(place).chain(rest);
                self.look.left = rest.map(|(directory, _)| directory).collect();
                return;
            }
            self.visit(place);
        }
    }

    fn visit(&mut self, (directory, version): Place) {
        let seen = self.seen;
        let entries = match seen.entries(&directory, version) {
            Some(entries) => Cow::Borrowed(entries),
            None => match Entries::read(&directory, &MARKS) {
                Ok(entries) => Cow::Owned(entries),
                Err(error) => return self.visit_blindly(directory, error.kind()),
            },
        };
        if let Some(keeping) = &mut self.keeping {
            keeping.keep(&directory, version, now(), &entries);
        }
        for git in entries.pointers.iter().filter_map(|path| pointed_to(&directory, path)) {
            self.add_pointed(git, &directory);
        }
        if version.changed >= self.since {
            self.links.extend_from_slice(&entries.links);
        }
        let holds_objects = directory.file_name() == Some(OsStr::new("objects"));
        for path in &entries.directories {
            self.add(path, holds_objects && is_fan_out(path));
        }
        if make_repository(|mark| entries.marks.contains(&mark)) {
            self.look.found.insert(directory);
        }
    }

    fn add_pointed(&mut self, git: PathBuf, tree: &Path) {
        self.look.pointed.insert((git.clone(), tree.to_owned()));
        self.look.found.insert(git);
    }

    /// Most directories of a repository hold its objects, and nothing else ever: not looked into when they did not
    /// change and hold no other, nor what git would be led away by.
    fn add(&mut self, directory: &Path, may_be_leaf: bool) {
        let Ok(found) = fs::symlink_metadata(directory) else { return };
        let version = Version::of(&found);
        let is_leaf = || {
            let leads = |name| fs::symlink_metadata(directory.join(name)).is_ok();
            may_be_leaf && found.nlink() == 2 && !LEADING.into_iter().any(leads)
        };
        // What can be listed may be closed all the same.
        if !found.mode() & 0o111 != 0 && !can_be_searched(directory) {
            self.leave(directory, &found);
        }
        if version.changed >= self.since {
            self.changed.push_back((directory.to_owned(), version));
        } else if !is_leaf() {
            self.rest.push_back((directory.to_owned(), version));
        }
    }

    /// What cannot be listed may be reached by its name all the same.
    fn visit_blindly(&mut self, directory: PathBuf, error: ErrorKind) {
        if matches!(error, ErrorKind::NotFound | ErrorKind::NotADirectory) {
            return;
        }
        let git = directory.join(".git");
        match fs::symlink_metadata(&git) {
            Ok(found) if found.is_dir() => self.changed.push_back((git, Version::of(&found))),
            Ok(_) => {
                if let Some(git) = pointed_to(&directory, &git) {
                    self.add_pointed(git, &directory);
                }
            }
            Err(_) => {}
        }
        if is_repository(&directory) {
            self.look.found.insert(directory.clone());
        }
        if let Ok(found) = fs::symlink_metadata(&directory) {
            self.leave(&directory, &found);
        }
    }

    /// What was closed all along and is somebody else's, their database maybe, is nothing to be said each time.
    fn leave(&mut self, directory: &Path, found: &fs::Metadata) {
        if changed_at(found) >= self.since || found.uid() == getuid().as_raw() {
            self.look.unseen = Some(directory.to_owned());
        }
    }
}

/// Which of the repositories git finds where a link leads, if that has changed since. Those that have the name it looks for
/// do not count, nor what they hold: they are met without a link.
fn linked(
    links: &[PathBuf],
    found: &BTreeSet<PathBuf>,
    since: i64,
) -> BTreeSet<(PathBuf, PathBuf)> {
    let is_met = |git: &Path| git.ancestors().any(|at| has_its_name(at) && found.contains(at));
    let hidden: Vec<_> = found.iter().filter(|git| !is_met(git)).collect();
    let leads_to = |link: &PathBuf| {
        let is_late = fs::symlink_metadata(link).is_ok_and(|one| changed_at(&one) >= since);
        let end = is_late.then(|| link.canonicalize().ok())??;
        let git = hidden.iter().find(|git| end.starts_with(git))?;
        Some(((*git).clone(), link.clone()))
    };
    // Most often there are none, and many links.
    if hidden.is_empty() { BTreeSet::new() } else { links.iter().filter_map(leads_to).collect() }
}

/// What git looks for in a directory and all around it.
pub(super) fn has_its_name(git: &Path) -> bool {
    git.file_name() == Some(OsStr::new(".git"))
}

/// The first byte of the names of objects.
fn is_fan_out(path: &Path) -> bool {
    let name = path.file_name().map_or(&b""[..], OsStr::as_bytes);
    name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit)
}

/// By what git goes elsewhere from a directory that holds nothing but files.
const LEADING: [&str; 2] = [".git", "commondir"];

/// What is in a directory that git takes for a repository.
const MARKS: [&str; 4] = ["HEAD", "commondir", "objects", "refs"];

/// As git sees it: a head, and objects and references here or elsewhere.
fn make_repository(has: impl Fn(&'static str) -> bool) -> bool {
    let [head, elsewhere, objects, references] = MARKS;
    has(head) && (has(elsewhere) || (has(objects) && has(references)))
}

pub(super) fn is_repository(directory: &Path) -> bool {
    make_repository(|mark| fs::symlink_metadata(directory.join(mark)).is_ok())
}

/// Where a `.git` that is no directory leads.
pub(super) fn pointed_to(directory: &Path, pointer: &Path) -> Option<PathBuf> {
    let mut file = pointer.to_owned();
    if pointer.is_symlink() {
        file = pointer.canonicalize().ok()?;
        if file.is_dir() {
            return Some(file);
        }
    }
    let text = read(&file, MAX_FILE)?;
    let text = text.strip_prefix(b"gitdir:")?;
    path_in(directory, text.strip_prefix(b" ").unwrap_or(text))
}

/// What a worktree's git directory shares with those of the other worktrees.
pub(super) fn common_directory(git: &Path) -> Option<PathBuf> {
    path_in(git, &read_through(&git.join("commondir"), MAX_FILE)?)
}

/// A path as such files hold it: any bytes up to the first zero, and ends of lines after it. Of what is around it git
/// keeps some that others do not.
fn path_in(base: &Path, text: &[u8]) -> Option<PathBuf> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let end =
        text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    let text = &text[..end];
    [text, text.trim_ascii()]
        .into_iter()
        .find_map(|path| base.join(OsStr::from_bytes(path)).canonicalize().ok())
}

/// The common git directory of a worktree, when it lies elsewhere and itself says that the worktree is one of its own:
/// what a `.git` in the worktree says is not enough, as it may have come with a stranger's files.
pub(super) fn common_of_worktree(root: &Path) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let pointer = root.join(".git");
    let git = pointed_to(&root, &pointer).filter(|_| !pointer.is_symlink())?;
    let back = path_in(&git, &read(&git.join("gitdir"), MAX_FILE)?)?;
    let common = common_directory(&git)?;
    let is_own = back == pointer && git.parent() == Some(&*common.join("worktrees"));
    (is_own && is_repository(&common) && !common.starts_with(&root)).then_some(common)
}

/// Where a worktree's git directory says that its files are.
pub(super) fn tree_of_worktree(git: &Path) -> Option<PathBuf> {
    let pointer = path_in(git, &read(&git.join("gitdir"), MAX_FILE)?)?;
    pointer.parent().map(Path::to_owned)
}

/// Whether `named`, as a repository's configuration names it, is a directory that itself points to the repository.
pub(super) fn is_tree_of(git: &Path, named: &[u8]) -> bool {
    let tree = git.join(OsStr::from_bytes(named));
    let pointed = pointed_to(&tree, &tree.join(".git"));
    pointed.is_some_and(|pointed| git.canonicalize().is_ok_and(|git| git == pointed))
}

/// The repository that git would find from a directory, and the directory it has its files in.
pub(super) fn around(directory: &Path) -> Option<(PathBuf, PathBuf)> {
    directory.ancestors().find_map(|tree| {
        let git = of_root(tree).or_else(|| pointed_to(tree, &tree.join(".git")))?;
        Some((git, tree.to_owned()))
    })
}

/// A root that is a git directory itself, or the one in it. One that a file points to is not meant: it lies outside,
/// or is a root of its own.
pub(super) fn of_root(root: &Path) -> Option<PathBuf> {
    let inner = root.join(".git");
    match (inner.is_dir() && !inner.is_symlink(), is_repository(root)) {
        (true, _) => Some(inner),
        (false, true) => Some(root.to_owned()),
        (false, false) => None,
    }
}

/// The git directories of the submodules and worktrees of one.
pub(super) fn within(git: &Path) -> Vec<PathBuf> {
    let parts = ["modules", "worktrees"].into_iter().flat_map(|name| {
        let entries = fs::read_dir(git.join(name)).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    });
    parts.filter(|path| is_repository(path)).collect()
}

#[cfg(test)]
mod tests;
