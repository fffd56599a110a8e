//! Which file the name of a program stands for. A name on a list says nothing of a program that lies where the model or
//! a project may have put it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::shared::Shared;

/// Where the system's own programs are, if nothing else is left.
const OF_THE_SYSTEM: &str = "/usr/local/bin:/usr/bin:/bin";

/// What is left of the search path `path` for programs that are started outside of the sandbox: not what lies below a
/// `shared` directory or is reached through one, where the model or a project may have put them, nor what depends on where
/// one is. The entries keep their names: nobody else can change where one of these leads, and programs that look for
/// themselves in it (as those of pyenv do) find what the person wrote.
pub(crate) fn own_search_path(path: &OsStr, shared: &Shared) -> OsString {
    let entries = std::env::split_paths(path);
    let own = entries.filter(|entry| entry.is_absolute() && !shared.holds(entry));
    // Each was between two colons.
    let own = std::env::join_paths(own).unwrap_or_default();
    // To search along nothing is to search where one is.
    if own.is_empty() { OF_THE_SYSTEM.into() } else { own }
}

/// The directories in which commands look for programs, and those below which not only the person writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchPath {
    entries: Vec<PathBuf>,
    shared: Shared,
}

impl SearchPath {
    pub(crate) fn new(path: &OsStr, shared: Shared) -> Self {
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
                return !self.shared.holds(&program);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn s20_what_is_started_outside_is_looked_for_where_only_the_person_writes() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for entry in ["work/bin", "own"] {
            std::fs::create_dir_all(at(entry)).unwrap();
        }
        symlink(at("work/bin"), at("link")).unwrap();
        symlink(at("own"), at("work/link")).unwrap();
        symlink(at("own"), at("own-link")).unwrap();
        let left = |entries: &[PathBuf]| {
            let path = std::env::join_paths(entries).unwrap();
            own_search_path(&path, &Shared::new([at("work")]))
        };
        let of_the_model =
            [at("work/bin"), at("work/link"), at("link"), "".into(), ".".into(), "bin".into()];
        assert_eq!(left(&of_the_model), OF_THE_SYSTEM);
        let own = [at("own"), at("own-link")];
        let expected = std::env::join_paths(&own).unwrap();
        assert_eq!(left(&[&of_the_model[..], &own].concat()), expected);
    }

    #[test]
    fn s19_a_name_stands_for_the_first_file_of_that_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for file in ["work/bin/ls", "work/bin/own", "system/ls", "system/cat"] {
            std::fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            std::fs::write(at(file), "").unwrap();
        }
        symlink(at("work/bin/own"), at("system/rg")).unwrap();
        symlink(at("work/bin"), at("link")).unwrap();
        symlink(at("system"), at("work/link")).unwrap();
        let finds = |entries: &[&str], name: &str| {
            let entries = entries.iter().map(|entry| match *entry {
                "" | "." | "bin" => PathBuf::from(entry),
                entry => at(entry),
            });
            let path = std::env::join_paths(entries).unwrap();
            SearchPath::new(&path, Shared::new([at("work")])).finds_the_systems(name)
        };
        for (entries, name, expected) in [
            (&["system", "work/bin"][..], "ls", true),
            (&["work/bin", "system"], "ls", false),
            (&["link", "system"], "ls", false),
            (&["work/bin", "system"], "cat", true),
            (&["work/bin", "system"], "nowhere", true),
            (&["system"], "rg", false),
            // It leads to the system's until somebody changes it.
            (&["work/link", "system"], "ls", false),
            // Who knows what is there.
            (&["bin", "system"], "cat", false),
            (&["", "system"], "cat", false),
            (&["system", "."], "cat", true),
        ] {
            assert_eq!(finds(entries, name), expected, "{entries:?} {name}");
        }
    }
}
