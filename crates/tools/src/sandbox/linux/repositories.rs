//! Finds what git would take for a repository below the writable roots: by what makes it one, as a name is soon
//! changed, and by what points to it.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Directories that are looked into; the shallow ones first.
const MAX_DIRECTORIES: usize = 10_000;

/// Bytes of a configuration, and of a file that points to a repository.
const MAX_CONFIG: u64 = 16 << 20;
const MAX_POINTER: u64 = 4 << 10;

/// Of a repository, what holds no other.
const WITHOUT_OTHERS: &[&str] = &["objects", "refs", "logs", "hooks", "info", "rr-cache", "lfs"];

/// All git directories below `roots`, which are resolved.
pub(super) fn below(roots: &[PathBuf]) -> BTreeSet<PathBuf> {
    within(MAX_DIRECTORIES, roots)
}

fn within(directories: usize, roots: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open: VecDeque<PathBuf> = roots.iter().cloned().collect();
    for _ in 0..directories {
        let Some(directory) = open.pop_front() else { break };
        let mut inner = Vec::new();
        let mut marks = Vec::new();
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            marks.extend(MARKS.iter().find(|mark| name == **mark));
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                inner.push(entry.path());
            } else if name == ".git" {
                found.extend(pointed_to(&directory, &entry.path()));
            }
        }
        if make_repository(|mark| marks.contains(&mark)) {
            inner.retain(|path| !WITHOUT_OTHERS.iter().any(|name| path.ends_with(name)));
            found.insert(directory);
        }
        open.extend(inner);
    }
    let common: Vec<_> = found.iter().filter_map(|git| common_directory(git)).collect();
    found.extend(common);
    found.retain(|git| roots.iter().any(|root| git.starts_with(root)));
    found
}

/// What is in a directory that git takes for a repository.
const MARKS: [&str; 4] = ["HEAD", "commondir", "objects", "refs"];

/// As git sees it: a head, and objects and references here or elsewhere.
fn make_repository(has: impl Fn(&'static str) -> bool) -> bool {
    let [head, elsewhere, objects, references] = MARKS;
    has(head) && (has(elsewhere) || (has(objects) && has(references)))
}

fn is_repository(directory: &Path) -> bool {
    make_repository(|mark| fs::symlink_metadata(directory.join(mark)).is_ok())
}

/// Where a `.git` that is no directory leads.
fn pointed_to(directory: &Path, pointer: &Path) -> Option<PathBuf> {
    if pointer.is_symlink() {
        return pointer.canonicalize().ok().filter(|path| path.is_dir());
    }
    let text = read(pointer, MAX_POINTER)?;
    let path = std::str::from_utf8(&text).ok()?.trim().strip_prefix("gitdir:")?;
    directory.join(path.trim()).canonicalize().ok()
}

/// What a worktree's git directory shares with those of the other worktrees.
fn common_directory(git: &Path) -> Option<PathBuf> {
    let text = read(&git.join("commondir"), MAX_POINTER)?;
    git.join(std::str::from_utf8(&text).ok()?.trim()).canonicalize().ok()
}

/// The common git directory of a worktree, when it lies elsewhere and itself says that the worktree is one of its own:
/// what a `.git` in the worktree says is not enough, as it may have come with a stranger's files.
pub(super) fn common_of_worktree(root: &Path) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let pointer = root.join(".git");
    let git = pointed_to(&root, &pointer).filter(|_| !pointer.is_symlink())?;
    let back = read(&git.join("gitdir"), MAX_POINTER)?;
    let back = git.join(std::str::from_utf8(&back).ok()?.trim()).canonicalize().ok()?;
    let common = common_directory(&git)?;
    let is_own = back == pointer && git.parent() == Some(&*common.join("worktrees"));
    (is_own && is_repository(&common) && !common.starts_with(&root)).then_some(common)
}

/// A root that is a git directory itself, or the one in it, with those of its worktrees and submodules. One that a
/// file points to is not among them: it lies outside, or is a root of its own.
pub(super) fn of_root(root: &Path) -> Vec<PathBuf> {
    let inner = root.join(".git");
    let git = match (inner.is_dir() && !inner.is_symlink(), is_repository(root)) {
        (true, _) => inner,
        (false, true) => root.to_owned(),
        (false, false) => return vec![],
    };
    let entries = |name: &str| fs::read_dir(git.join(name)).into_iter().flatten().flatten();
    let modules =
        entries("modules").map(|entry| entry.path()).filter(|path| path.join("config").is_file());
    let worktrees =
        entries("worktrees").map(|entry| entry.path()).filter(|path| path.join("HEAD").is_file());
    let mut found: Vec<_> = modules.chain(worktrees).collect();
    found.push(git);
    found
}

pub(super) fn read_config(path: &Path) -> Option<Vec<u8>> {
    read(path, MAX_CONFIG)
}

/// A file that may be anything by now: not followed, not waited for, and not longer than `limit`.
fn read(path: &Path, limit: u64) -> Option<Vec<u8>> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags).open(path).ok()?;
    if !file.metadata().is_ok_and(|found| found.is_file() && found.len() <= limit) {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_number_of_directories_below_hides_a_repository_beside_them() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        // Each directory that is looked into brings the next ones, however the system orders them.
        for crowd in ["a", "z"] {
            for number in 0..10 {
                fs::create_dir_all(root.join(format!("{crowd}/{number}/1/2/3/4"))).unwrap();
            }
        }
        for part in ["m/.git/objects", "m/.git/refs", "m/.git/HEAD"] {
            fs::create_dir_all(root.join(part)).unwrap();
        }
        let found = within(40, std::slice::from_ref(&root));
        assert_eq!(found, BTreeSet::from([root.join("m/.git")]));
    }

    #[test]
    fn a_common_directory_counts_only_if_it_knows_the_worktree() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let (tree, stranger, common) =
            (place.join("tree"), place.join("stranger"), place.join("main/.git"));
        let git = common.join("worktrees/tree");
        for directory in [&tree, &stranger, &git, &common.join("objects"), &common.join("refs")] {
            fs::create_dir_all(directory).unwrap();
        }
        fs::write(common.join("HEAD"), "").unwrap();
        fs::write(git.join("HEAD"), "").unwrap();
        fs::write(git.join("commondir"), "../..\n").unwrap();
        fs::write(git.join("gitdir"), format!("{}/.git\n", tree.display())).unwrap();
        for tree in [&tree, &stranger] {
            fs::write(tree.join(".git"), format!("gitdir: {}\n", git.display())).unwrap();
        }
        assert_eq!(common_of_worktree(&tree), Some(common));
        assert_eq!(common_of_worktree(&stranger), None);
        assert_eq!(common_of_worktree(&place), None);
    }

    #[test]
    fn repositories_are_found_by_whatever_name_and_through_whatever_points_to_them() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let outside = tempfile::tempdir().unwrap();
        for git in ["a/.git", "bare", "deep/1/2/3/4/5/6/.git", "a/.git/modules/x/y"] {
            for part in ["objects", "refs"] {
                fs::create_dir_all(root.join(git).join(part)).unwrap();
            }
            fs::write(root.join(git).join("HEAD"), "").unwrap();
        }
        for worktree in ["a/.git/worktrees/w", "odd/store"] {
            fs::create_dir_all(root.join(worktree)).unwrap();
            fs::write(root.join(worktree).join("HEAD"), "").unwrap();
            fs::write(root.join(worktree).join("commondir"), "../elsewhere\n").unwrap();
        }
        for plain in ["plain/objects", "pointing", "linked", "target", "odd/elsewhere"] {
            fs::create_dir_all(root.join(plain)).unwrap();
        }
        fs::write(root.join("pointing/.git"), "gitdir: ../target\n").unwrap();
        symlink(outside.path(), root.join("linked/.git")).unwrap();
        let found = below(std::slice::from_ref(&root));
        let found: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
            .collect();
        assert_eq!(
            found,
            [
                "a/.git",
                "a/.git/modules/x/y",
                "a/.git/worktrees/w",
                "bare",
                "deep/1/2/3/4/5/6/.git",
                "odd/elsewhere",
                "odd/store",
                "target",
            ]
        );
    }
}
