//! Which file the name of a program stands for. A name on a list says nothing of a program that lies where the model or
//! a project may have put it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Where the system's own programs are, if nothing else is left.
const OF_THE_SYSTEM: &str = "/usr/local/bin:/usr/bin:/bin";

/// What is left of the search path `path` for programs that are started outside of the sandbox: not what lies below a
/// `shared` directory, where the model or a project may have put them, nor what depends on where one is.
pub fn own_search_path(path: &OsStr, shared: &[PathBuf]) -> OsString {
    let SearchPath { mut entries, shared } = SearchPath::new(path, shared);
    let is_shared =
        |entry: &Path| shared.iter().any(|directory| real(entry).starts_with(directory));
    entries.retain(|entry| entry.is_absolute() && !is_shared(entry));
    // To search along nothing is to search where one is.
    if entries.is_empty() {
        return OF_THE_SYSTEM.into();
    }
    // Each was between two colons.
    std::env::join_paths(entries).unwrap_or_else(|_| OF_THE_SYSTEM.into())
}

/// The directories in which commands look for programs, and those below which not only the person writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchPath {
    entries: Vec<PathBuf>,
    shared: Vec<PathBuf>,
}

impl SearchPath {
    pub(crate) fn new(path: &OsStr, shared: &[PathBuf]) -> Self {
        let shared = shared.iter().map(|directory| real(directory)).collect();
        Self { entries: std::env::split_paths(path).collect(), shared }
    }

    /// Whether what is found by this name is none of theirs; what is found nowhere is nobody's.
    pub(crate) fn finds_the_systems(&self, name: &str) -> bool {
        for entry in &self.entries {
            // It depends on where a command is then.
            if !entry.is_absolute() {
                return false;
            }
            let program = entry.join(name);
            if program.symlink_metadata().is_ok() {
                return !self.is_shared(&real(entry)) && !self.is_shared(&real(&program));
            }
        }
        true
    }

    fn is_shared(&self, path: &Path) -> bool {
        self.shared.iter().any(|directory| path.starts_with(directory))
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s20_what_is_started_outside_is_looked_for_where_only_the_person_writes() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for entry in ["work/bin", "own"] {
            std::fs::create_dir_all(at(entry)).unwrap();
        }
        std::os::unix::fs::symlink(at("work/bin"), at("link")).unwrap();
        let left = |entries: &[PathBuf]| {
            own_search_path(&std::env::join_paths(entries).unwrap(), &[at("work")])
        };
        let of_the_model = [at("work/bin"), at("link"), "".into(), ".".into(), "bin".into()];
        assert_eq!(left(&of_the_model), OF_THE_SYSTEM);
        assert_eq!(left(&[&of_the_model[..], &[at("own")]].concat()), at("own"));
    }

    #[test]
    fn s19_a_name_stands_for_the_first_file_of_that_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for file in ["work/bin/ls", "work/bin/own", "system/ls", "system/cat"] {
            std::fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            std::fs::write(at(file), "").unwrap();
        }
        std::os::unix::fs::symlink(at("work/bin/own"), at("system/rg")).unwrap();
        std::os::unix::fs::symlink(at("work/bin"), at("link")).unwrap();
        let finds = |entries: &[&str], name: &str| {
            let entries = entries.iter().map(|entry| match *entry {
                "" | "." | "bin" => PathBuf::from(entry),
                entry => at(entry),
            });
            let path = std::env::join_paths(entries).unwrap();
            SearchPath::new(&path, &[at("work")]).finds_the_systems(name)
        };
        for (entries, name, expected) in [
            (&["system", "work/bin"][..], "ls", true),
            (&["work/bin", "system"], "ls", false),
            (&["link", "system"], "ls", false),
            (&["work/bin", "system"], "cat", true),
            (&["work/bin", "system"], "nowhere", true),
            (&["system"], "rg", false),
            // Who knows what is there.
            (&["bin", "system"], "cat", false),
            (&["", "system"], "cat", false),
            (&["system", "."], "cat", true),
        ] {
            assert_eq!(finds(entries, name), expected, "{entries:?} {name}");
        }
    }
}
