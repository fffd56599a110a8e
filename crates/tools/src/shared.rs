//! The places in which not only the person writes: the model, its commands, and who made the project. Whether a path leads
//! there is found out here; what becomes of it is the business of those who start something.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Where everybody may write.
const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// Directories in which not only the person writes. They are known by their names and by what they are: what is mounted in
/// two places, or whose letters do not count, has several names.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    names: BTreeSet<PathBuf>,
    numbers: BTreeSet<(u64, u64)>,
}

impl Shared {
    /// Those of a project, and what else commands may write.
    pub fn new(directories: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut all = Self::default();
        for directory in directories {
            let found = directory.metadata().ok();
            all.numbers.extend(found.map(|found| (found.dev(), found.ino())));
            all.names.extend(directory.canonicalize());
            all.names.insert(directory);
        }
        all
    }

    /// And those for temporary files, by these variables. Commands do not write in those of the machine: it is for names
    /// that are to stand for what is installed.
    #[must_use]
    pub fn and_temporary(mut self, variables: &BTreeMap<OsString, OsString>) -> Self {
        let named = variables.get(OsStr::new("TMPDIR")).map(PathBuf::from);
        let named = named.filter(|directory| directory.is_absolute());
        let temporary = Self::new(TEMPORARY.into_iter().map(PathBuf::from).chain(named));
        self.names.extend(temporary.names);
        self.numbers.extend(temporary.numbers);
        self
    }

    /// Whether somebody else may have a say in what this absolute path stands for.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        leads_through(path, |place| self.are(place))
    }

    fn are(&self, place: &Place<'_>) -> bool {
        self.names.contains(place.path)
            || place.found.is_some_and(|found| self.numbers.contains(&(found.dev(), found.ino())))
    }
}

/// Something that one passes on a way.
struct Place<'a> {
    path: &'a Path,
    found: Option<&'a Metadata>,
}

/// Whether one of these is passed on the way to `path`. Each link is followed by itself: who may write where one lies says
/// where it leads. So it is when nobody can tell.
fn leads_through(path: &Path, is_one: impl Fn(&Place<'_>) -> bool) -> bool {
    let mut at = PathBuf::from("/");
    let mut links = 0;
    let mut left = reversed(path);
    if is_one(&Place { path: &at, found: at.symlink_metadata().ok().as_ref() }) {
        return true;
    }
    while let Some(part) = left.pop() {
        match part {
            Part::Root => at = PathBuf::from("/"),
            Part::Up => drop(at.pop()),
            Part::Named(name) => {
                at.push(name);
                let found = at.symlink_metadata();
                if is_one(&Place { path: &at, found: found.as_ref().ok() }) {
                    return true;
                }
                match found {
                    Ok(found) if found.is_symlink() => {
                        links += 1;
                        let Some(target) = at.read_link().ok().filter(|_| links <= MOST_LINKS)
                        else {
                            return true;
                        };
                        at.pop();
                        left.extend(reversed(&target));
                    }
                    Err(error) if !is_nothing(&error) => return true,
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }
    false
}

enum Part {
    Root,
    Up,
    Named(OsString),
}

fn reversed(path: &Path) -> Vec<Part> {
    let part = |component: Component<'_>| match component {
        Component::RootDir => Some(Part::Root),
        Component::ParentDir => Some(Part::Up),
        Component::Normal(name) => Some(Part::Named(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(part).collect()
}

/// Nothing can be there, and it is not theirs to change that.
fn is_nothing(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn s20_a_path_is_shared_by_its_letters_by_where_it_leads_and_by_each_link_on_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for made in ["work/bin", "own/bin", "common"] {
            std::fs::create_dir_all(at(made)).unwrap();
        }
        for (link, target) in [
            ("work/to-own", at("own/bin")),
            ("own/to-work", at("work/bin")),
            ("own/over-work", at("work/to-own")),
            ("own/to-own", at("own/bin")),
            ("own/nowhere", at("own/none")),
            ("own/not-yet", at("work/none/bin")),
            ("own/round", at("own/round")),
            ("other-name", at("work")),
        ] {
            symlink(target, at(link)).unwrap();
        }
        let shared = Shared::new([at("work"), at("gone")]);
        for (path, expected) in [
            ("work", true),
            ("work/none", true),
            ("work/../own", true),
            ("work/to-own", true),
            ("own/to-work", true),
            ("own/over-work", true),
            ("own/over-work/x", true),
            ("own/not-yet", true),
            ("own/round", true),
            ("other-name/bin", true),
            ("gone/bin", true),
            ("own", false),
            ("own/bin/../none", false),
            ("own/to-own", false),
            ("own/nowhere/x", false),
            ("workshop", false),
        ] {
            assert_eq!(shared.holds(&at(path)), expected, "{path}");
        }
    }

    #[test]
    fn s19_what_is_temporary_is_anybodys() {
        let variables = BTreeMap::from([("TMPDIR".into(), "/elsewhere/tmp".into())]);
        let shared = Shared::new([]).and_temporary(&variables);
        for path in ["/tmp/x", "/var/tmp", "/dev/shm/x", "/elsewhere/tmp/x"] {
            assert!(shared.holds(Path::new(path)), "{path}");
        }
        assert!(!shared.holds(Path::new("/usr/bin")));
    }
}
