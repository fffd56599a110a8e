//! Which repository a program of version control obeys in a directory: that of the thread, or one that came with the
//! files or was made by the model, whose hooks and configuration say what runs.

use std::path::{Component, Path, PathBuf};

/// What is found from a directory upwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Repository {
    #[default]
    Nothing,
    /// Its work tree begins here.
    At(PathBuf),
    /// One without a work tree, or what may be one: plain files, which a clone brings along. It is nobody's own.
    Bare,
}

impl Repository {
    /// That of `directory`, which may lead somewhere else.
    pub(crate) fn of(directory: &Path) -> Self {
        let real = directory.canonicalize();
        let real = real.as_deref().unwrap_or(directory);
        let found = real.ancestors().find_map(|directory| {
            // Git passes over a `.git` that is none, and takes what lies beside it.
            if may_be_bare(directory) {
                Some(Self::Bare)
            } else {
                is_marked(directory).then(|| Self::At(directory.to_owned()))
            }
        });
        found.unwrap_or_default()
    }

    /// Whether in `directory` this one is found, and no other.
    pub(crate) fn is_found_in(&self, directory: &Path) -> bool {
        let is_it = |directory: &Path| *self != Self::Bare && Self::of(directory) == *self;
        // The shell takes back the last word for `..`, the system goes up from where a link leads.
        is_it(directory) && is_it(&without_parents(directory))
    }

    /// Whether its work tree begins in `directory`: whatever files are there, this is the one that is found.
    pub(crate) fn begins_in(&self, directory: &Path) -> bool {
        let begins = |directory: &Path| {
            let real = directory.canonicalize();
            matches!((self, real), (Self::At(root), Ok(real)) if *root == real)
        };
        begins(directory) && begins(&without_parents(directory))
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn is_marked(directory: &Path) -> bool {
    MARKS.iter().any(|mark| is_there(&directory.join(mark)))
}

const MARKS: &[&str] = &[".bzr", ".fslckout", ".git", ".hg", ".jj", ".sl", "_FOSSIL_", "_darcs"];

/// What git asks of a directory before it obeys it, and less.
fn may_be_bare(directory: &Path) -> bool {
    let has = |name: &str| is_there(&directory.join(name));
    has("HEAD") && (has("objects") || has("refs") || has("commondir"))
}

/// The path as a shell reads it.
fn without_parents(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s19_another_repository_is_known_wherever_git_would_find_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let at = |path: &str| root.join(path);
        for directory in [
            "own/.git",
            "own/sub/deep",
            "own/evil/objects",
            "own/evil/refs",
            "own/shared",
            "own/nested/.git/deep",
            "own/hg/.hg",
            "own/both/.git",
            "own/both/refs",
            "outside/x",
        ] {
            std::fs::create_dir_all(at(directory)).unwrap();
        }
        for file in ["own/evil/HEAD", "own/shared/HEAD", "own/shared/commondir", "own/both/HEAD"] {
            std::fs::write(at(file), "").unwrap();
        }
        std::fs::create_dir(at("own/linked")).unwrap();
        std::fs::write(at("own/linked/.git"), "gitdir: ../evil").unwrap();
        std::os::unix::fs::symlink(at("own/evil"), at("own/sub/link")).unwrap();
        std::os::unix::fs::symlink(at("own/sub/deep"), at("own/way")).unwrap();
        let own = Repository::of(&at("own"));
        for (place, expected) in [
            ("own", true),
            ("own/sub", true),
            ("own/sub/deep", true),
            ("own/sub/../sub", true),
            ("own/way/..", true),
            ("own/evil", false),
            ("own/evil/refs", false),
            ("own/shared", false),
            ("own/linked", false),
            ("own/nested", false),
            ("own/nested/.git/deep", false),
            ("own/hg", false),
            ("own/both", false),
            ("own/.git", true),
            ("own/sub/link", false),
            ("own/sub/link/refs", false),
            ("own/way/../evil", false),
            ("own/way/../link", false),
            ("outside", false),
        ] {
            assert_eq!(own.is_found_in(&at(place)), expected, "{place}");
        }
        assert!(own.begins_in(&at("own/sub/..")) && !own.begins_in(&at("own/sub")));
        assert!(!Repository::of(&at("own/evil")).is_found_in(&at("own/evil")));
        assert!(Repository::of(&at("outside")).is_found_in(&at("outside/x")));
    }
}
