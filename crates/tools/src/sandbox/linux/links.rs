//! Where a path leads: the links on the way, each of which may be made to lead elsewhere, and what is at its end, whether
//! it is there yet or not.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// As the kernel has it.
const MOST_LINKS: usize = 40;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) links: Vec<PathBuf>,
    pub(super) end: PathBuf,
}

/// Where an absolute path leads.
pub(super) fn follow(path: &Path) -> Way {
    let mut way = Way::default();
    let mut rest = parts(path);
    way.end.push("/");
    while let Some(part) = rest.pop() {
        if part == ".." {
            way.end.pop();
            continue;
        }
        way.end.push(&part);
        if way.links.len() >= MOST_LINKS {
            continue;
        }
        if let Ok(target) = way.end.read_link() {
            way.links.push(way.end.clone());
            way.end.pop();
            if target.is_absolute() {
                way.end.push("/");
            }
            rest.extend(parts(&target));
        }
    }
    way
}

/// The last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let plain = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let mut parts: Vec<_> = plain.map(|part| part.as_os_str().to_owned()).collect();
    parts.reverse();
    parts
}

/// Many paths have a few directories in common.
#[derive(Default)]
pub(super) struct Ways(HashMap<PathBuf, Way>);

impl Ways {
    /// No link leads to `path`.
    pub(super) fn add_plain(&mut self, path: &Path) {
        self.0.insert(path.to_owned(), Way { links: vec![], end: path.to_owned() });
    }

    pub(super) fn follow(&mut self, path: &Path) -> Way {
        if let Some(way) = self.0.get(path) {
            return way.clone();
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return follow(path);
        };
        let mut way = self.follow(parent);
        way.end.push(name);
        if way.end.read_link().is_ok() {
            let rest = follow(&way.end);
            way.links.extend(rest.links);
            way.end = rest.end;
        }
        self.0.insert(path.to_owned(), way.clone());
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn all_links_on_the_way_are_found_and_where_it_ends() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        std::fs::create_dir_all(place.join("a/b")).unwrap();
        symlink("a/b", place.join("one")).unwrap();
        symlink(place.join("one/../file"), place.join("a/b/two")).unwrap();
        let way = Way {
            links: vec![place.join("one"), place.join("a/b/two"), place.join("one")],
            end: place.join("a/file"),
        };
        let path = place.join("./a/../one/two");
        assert_eq!(follow(&path), way);
        let mut ways = Ways::default();
        assert_eq!([ways.follow(&path), ways.follow(&path)], [way.clone(), way]);
        ways.add_plain(&place.join("one"));
        assert_eq!(ways.follow(&place.join("one/x")).end, place.join("one/x"));
        symlink("round", place.join("round")).unwrap();
        assert_eq!(follow(&place.join("round")).links.len(), MOST_LINKS);
    }
}
