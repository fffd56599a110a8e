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
    let mut found = BTreeSet::new();
    let mut open: VecDeque<PathBuf> = roots.iter().cloned().collect();
    for _ in 0..MAX_DIRECTORIES {
        let Some(directory) = open.pop_front() else { break };
        let mut inner = Vec::new();
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory {
                inner.push(entry.path());
            } else if entry.file_name() == ".git" {
                found.extend(pointed_to(&directory, &entry.path()));
            }
        }
        if is_repository(&directory) {
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

/// As git sees it: a head, and objects and references here or elsewhere.
fn is_repository(directory: &Path) -> bool {
    let has = |name: &str| fs::symlink_metadata(directory.join(name)).is_ok();
    has("HEAD") && (has("commondir") || (has("objects") && has("refs")))
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
pub(super) fn common_directory(git: &Path) -> Option<PathBuf> {
    let text = read(&git.join("commondir"), MAX_POINTER)?;
    git.join(std::str::from_utf8(&text).ok()?.trim()).canonicalize().ok()
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
