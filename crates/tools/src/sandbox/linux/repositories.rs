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

use rustix::fs::{Access, access};
use rustix::process::getuid;

use super::leading::{Gits, Leading, is_late};
use super::links;
use super::seen::{Entries, Seen, Version, is_in_git};
use super::state::{can_be_searched, changed_at, now, read, read_through};

/// Bytes of what is in a git directory and leads elsewhere. Git reads it whole, however long it is, and only then cuts off
/// the ends of lines.
const MAX_FILE: u64 = 16 << 20;
/// Bytes of a `.git` that points to a repository, as git has it.
const MAX_POINTER: u64 = 1 << 20;

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
    pub(super) leading: Leading,
    /// Directories that git would make a repository of, with what is in them already.
    pub(super) halves: BTreeSet<PathBuf>,
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

/// All git directories below `roots`, and where something leads there, below `others`; all are resolved. What changed after
/// `since` is looked at first, so that no number of other directories hides it; what is as it was `seen` before is not read
/// again.
pub(super) fn below(
    roots: &[PathBuf],
    others: &[PathBuf],
    since: i64,
    patience: Patience,
    seen: &Seen,
) -> Look {
    let mut walk = Walk::new(since, seen);
    walk.through(roots, patience);
    if walk.leads_to(others) {
        walk.through(others, patience);
    }
    let Walk { mut look, links, ids, is_too_deep, .. } = walk;
    let gits = Gits { whole: &look.found, halves: &look.halves };
    look.leading.follow(&links, &ids, gits, is_too_deep, since);
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
    /// In what has changed, and in git directories.
    links: Vec<PathBuf>,
    /// Git directories that do not lie in one of the usual name.
    odd: Vec<PathBuf>,
    /// Directories that are called as objects are.
    ids: Vec<PathBuf>,
    /// There is something that has no name, as that would be too long.
    is_too_deep: bool,
    look: Look,
}

impl<'a> Walk<'a> {
    fn new(since: i64, seen: &'a Seen) -> Self {
        let (changed, rest) = (VecDeque::new(), VecDeque::new());
        let look = Look::default();
        Self {
            since,
            seen,
            keeping: None,
            changed,
            rest,
            links: vec![],
            odd: vec![],
            ids: vec![],
            is_too_deep: false,
            look,
        }
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

    fn leads_to(&self, places: &[PathBuf]) -> bool {
        let is_there = |end: PathBuf| places.iter().any(|place| end.starts_with(place));
        let late = self.links.iter().filter(|link| is_late(link, self.since));
        let ends = late.filter_map(|link| link.canonicalize().ok());
        let found = &self.look.found;
        let common = found.iter().filter_map(|git| common_directory(git));
        !places.is_empty() && found.iter().cloned().chain(common).chain(ends).any(is_there)
    }

    fn visit(&mut self, (directory, version): Place) {
        let seen = self.seen.entries(&directory, version).map(Cow::Borrowed);
        let read = || Entries::read(&directory, &MARKS).map(Cow::Owned);
        let mut entries = match seen.map_or_else(read, Ok) {
            Ok(entries) => entries,
            Err(error) => return self.visit_blindly(directory, error.kind()),
        };
        let is_repository =
            make_repository(|mark| entries.marks.contains(&mark)) && git_takes(&directory);
        if is_repository && !is_in_git(&directory) {
            self.odd.push(directory.clone());
        }
        let is_in_repository =
            is_in_git(&directory) || self.odd.iter().any(|git| directory.starts_with(git));
        // It may have become one since.
        if is_in_repository && entries.is_without_links {
            entries = read().unwrap_or(entries);
        }
        if let Some(keeping) = &mut self.keeping {
            keeping.keep(&directory, version, now(), &entries, is_in_repository);
        }
        entries.pointers.iter().for_each(|pointer| self.add_pointer(pointer, &directory));
        if version.changed >= self.since || is_in_repository {
            self.links.extend_from_slice(&entries.links);
        }
        let holds_objects = directory.file_name() == Some(OsStr::new("objects"));
        for path in &entries.directories {
            self.add(path, holds_objects && is_fan_out(path));
        }
        self.ids.extend(entries.directories.iter().filter(|path| is_id(path)).cloned());
        let has_config = entries.marks.contains(&CONFIG);
        if is_repository {
            self.look.found.insert(directory);
        } else if has_its_name(&directory) || (has_config && self.is_module(&directory)) {
            self.look.halves.insert(directory);
        }
    }

    /// Whether a submodule's repository may be meant to lie there. In one that is there, a branch may be called `config`.
    fn is_module(&self, directory: &Path) -> bool {
        let is_modules = |at: &&Path| at.ends_with("modules") && at.parent().is_some_and(is_in_git);
        let Some(modules) = directory.ancestors().skip(1).find(is_modules) else { return false };
        let is_of = |at: &Path| at.ends_with(".git") || self.look.found.contains(at);
        modules.parent().is_some_and(is_of)
            && !directory
                .ancestors()
                .take_while(|at| *at != modules)
                .any(|at| self.look.found.contains(at))
    }

    /// What is no pointer yet may become one: by what git writes where a link leads, or by another name of it. One that was
    /// there before, and has lost what it led to, does no harm.
    fn add_pointer(&mut self, pointer: &Path, tree: &Path) {
        let Ok(found) = fs::symlink_metadata(pointer) else { return };
        let is_shared = found.is_file() && found.nlink() > 1;
        let is_late = changed_at(&found) >= self.since;
        let pointed = pointed_to(tree, pointer);
        let leads_nowhere = match found.is_symlink() {
            true => !is_repository(pointer),
            false => pointed.is_none() && (is_shared || text_of_pointer(pointer).is_some()),
        };
        let strays = pointed.is_none() && is_pointer_unknowable(tree, pointer);
        if (is_late && leads_nowhere) || strays {
            self.look.leading.unknowable.insert(pointer.to_owned());
        } else if is_shared && pointed.is_some() {
            self.look.leading.shared.insert(pointer.to_owned());
        }
        if let Some(git) = pointed {
            self.look.pointed.insert((git.clone(), tree.to_owned()));
            self.look.found.insert(git);
        }
    }

    /// Most directories of a repository hold its objects, and nothing else ever: not looked into when they did not
    /// change and hold no other, nor what git would be led away by.
    fn add(&mut self, directory: &Path, may_be_leaf: bool) {
        let found = match fs::symlink_metadata(directory) {
            Ok(found) => found,
            Err(error) => {
                self.is_too_deep |= error.raw_os_error() == Some(libc::ENAMETOOLONG);
                return;
            }
        };
        let version = Version::of(&found);
        // What can be listed may be closed all the same.
        if !found.mode() & 0o111 != 0 && !can_be_searched(directory) {
            self.leave(directory, &found);
        }
        if version.changed >= self.since {
            self.changed.push_back((directory.to_owned(), version));
        } else if !(may_be_leaf && self.is_leaf(directory, version, &found)) {
            self.rest.push_back((directory.to_owned(), version));
        }
    }

    fn is_leaf(&mut self, directory: &Path, version: Version, found: &fs::Metadata) -> bool {
        if self.seen.entries(directory, version).is_some_and(Entries::hold_nothing) {
            return true;
        }
        let leads = |name| fs::symlink_metadata(directory.join(name)).is_ok();
        let is_leaf = found.nlink() == 2 && !LEADING.into_iter().any(leads);
        if let Some(keeping) = self.keeping.as_mut().filter(|_| is_leaf) {
            keeping.keep(directory, version, now(), &Entries::default(), true);
        }
        is_leaf
    }

    /// What cannot be listed may be reached by its name all the same.
    fn visit_blindly(&mut self, directory: PathBuf, error: ErrorKind) {
        if matches!(error, ErrorKind::NotFound | ErrorKind::NotADirectory) {
            return;
        }
        let git = directory.join(".git");
        match fs::symlink_metadata(&git) {
            Ok(found) if found.is_dir() => self.changed.push_back((git, Version::of(&found))),
            Ok(_) => self.add_pointer(&git, &directory),
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

/// What git looks for in a directory and all around it.
pub(super) fn has_its_name(git: &Path) -> bool {
    git.file_name() == Some(OsStr::new(".git"))
}

/// Called as an object of a repository.
fn is_id(path: &Path) -> bool {
    let name = path.file_name().map_or(&b""[..], OsStr::as_bytes);
    matches!(name.len(), 40 | 64) && name.iter().all(u8::is_ascii_hexdigit)
}

/// The first byte of the names of objects.
fn is_fan_out(path: &Path) -> bool {
    let name = path.file_name().map_or(&b""[..], OsStr::as_bytes);
    name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit)
}

/// By what git takes a directory that holds no other for a repository, or goes to one from there.
const LEADING: [&str; 2] = [".git", "HEAD"];

/// What is in a directory that git takes for a repository.
const MARKS: [&str; 5] = ["HEAD", "commondir", "objects", "refs", CONFIG];
const CONFIG: &str = "config";

/// As git sees it: a head, and objects and references here or elsewhere.
fn make_repository(has: impl Fn(&'static str) -> bool) -> bool {
    let [head, elsewhere, objects, references, _] = MARKS;
    has(head) && (has(elsewhere) || (has(objects) && has(references)))
}

pub(super) fn is_repository(directory: &Path) -> bool {
    make_repository(|mark| fs::symlink_metadata(directory.join(mark)).is_ok())
        && git_takes(directory)
}

/// Bytes of a head that git looks at.
const MOST_OF_HEAD: usize = 255;

/// Whether git takes what has all the parts of a repository for one: by a head that is one, and objects and references that
/// can be entered. What cannot be read may be it.
fn git_takes(directory: &Path) -> bool {
    let has_common = || {
        let named = directory.join("commondir");
        let common = match fs::symlink_metadata(&named) {
            Ok(_) => common_directory(directory),
            Err(_) => Some(directory.to_owned()),
        };
        common.is_none_or(|common| {
            ["objects", "refs"].iter().all(|part| may_be_entered(&common.join(part)))
        })
    };
    has_head(directory) && has_common()
}

/// What is closed may be open to the person, who has other rights.
fn may_be_entered(part: &Path) -> bool {
    match fs::metadata(part) {
        Ok(found) => found.is_dir() || access(part, Access::EXEC_OK).is_ok(),
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    }
}

fn has_head(directory: &Path) -> bool {
    let head = directory.join("HEAD");
    if let Ok(to) = head.read_link() {
        return to.as_os_str().as_bytes().starts_with(b"refs/");
    }
    let Some(text) = read(&head, MAX_FILE) else { return !head.is_dir() };
    let text = &text[..text.len().min(MOST_OF_HEAD)];
    let is_id = || text.get(..40).is_some_and(|id| id.iter().all(u8::is_ascii_hexdigit));
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let Some(name) = text.strip_prefix(b"ref:") else { return is_id() };
    let begin = name.iter().position(|byte| !is_space(byte)).unwrap_or(name.len());
    name[begin..].starts_with(b"refs/")
}

/// Where a `.git` that is no directory leads; none, where that cannot be told.
pub(super) fn pointed_to(directory: &Path, pointer: &Path) -> Option<PathBuf> {
    let mut file = pointer.to_owned();
    if pointer.is_symlink() {
        file = end_of(pointer)?;
        if file.is_dir() {
            return Some(file);
        }
    }
    path_in(directory, &text_of_pointer(&file)?)
}

fn text_of_pointer(file: &Path) -> Option<Vec<u8>> {
    let text = read(file, MAX_POINTER)?;
    let text = text.strip_prefix(b"gitdir:")?;
    Some(text.strip_prefix(b" ").unwrap_or(text).to_vec())
}

/// Whether a `.git` that is no directory leads the person nobody here knows where.
fn is_pointer_unknowable(directory: &Path, pointer: &Path) -> bool {
    let end = pointer.canonicalize();
    let text = end.ok().and_then(|file| text_of_pointer(&file)).unwrap_or_default();
    links::is_unknowable(pointer)
        || paths_in(directory, &text).iter().any(|path| links::is_unknowable(path))
}

/// For the person, too.
fn end_of(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().filter(|_| !links::follow(path).strays)
}

/// What a worktree's git directory shares with those of the other worktrees.
pub(super) fn common_directory(git: &Path) -> Option<PathBuf> {
    path_in(git, &read_through(&git.join("commondir"), MAX_FILE)?)
}

/// The path that such a file holds.
fn path_in(base: &Path, text: &[u8]) -> Option<PathBuf> {
    paths_in(base, text).iter().find_map(|path| end_of(path))
}

/// What it may be: any bytes up to the first zero, and ends of lines after it. Of what is around it git keeps some that
/// others do not.
fn paths_in(base: &Path, text: &[u8]) -> [PathBuf; 2] {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let end =
        text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    let text = &text[..end];
    [text, text.trim_ascii()].map(|path| base.join(OsStr::from_bytes(path)))
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
