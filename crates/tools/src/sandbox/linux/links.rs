//! Where a path leads: the links on the way, each of which may be made to lead elsewhere, and what is at its end, whether
//! it is there yet or not; and whether it leads there for the person too.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use crate::sandbox::{SandboxPolicy, Tier, secrets};

/// As the kernel has it.
const MOST_LINKS: usize = 40;

/// What every process has for itself, or not everybody sees.
const OF_PROCESSES: &str = "/proc";
/// What a world of the full tier has for itself.
const OF_WORLD: &[&str] = &["/run", "/tmp", "/var/tmp", "/dev", "/sys"];

/// Of this process: a world has no variables, and all its rooms are its children.
static VIEW: OnceLock<View> = OnceLock::new();

/// Where this process sees what the person does not, or does not see what they do.
#[derive(Debug, Default)]
struct View {
    own: Vec<PathBuf>,
    roots: Vec<PathBuf>,
}

pub(super) fn know_view(policy: &SandboxPolicy, tier: Tier) {
    VIEW.get_or_init(|| {
        let of_world = if tier == Tier::Full { OF_WORLD } else { &[] };
        let mut own: Vec<_> = of_world.iter().map(PathBuf::from).collect();
        own.extend(secrets::paths(&policy.secrets));
        View { own, roots: policy.writable_roots.clone() }
    });
}

impl View {
    /// Whether it has what is in this directory for itself. Roots are the same for all.
    fn is_own(&self, directory: &Path) -> bool {
        let is_in = |own: &Path| directory.starts_with(own);
        let meets = |root: &PathBuf| root.starts_with(directory) || directory.starts_with(root);
        (is_in(Path::new(OF_PROCESSES)) || self.own.iter().any(|own| is_in(own)))
            && !self.roots.iter().any(meets)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) links: Vec<PathBuf>,
    pub(super) end: PathBuf,
    /// It goes through a directory that is another one for the person, or not there, and out of it again: for them it may
    /// end elsewhere.
    pub(super) strays: bool,
}

impl Way {
    /// To another directory.
    fn turn(&mut self, turn: impl FnOnce(&mut PathBuf)) {
        // The roots are found before the view is known.
        let is_own = |end: &Path| match VIEW.get() {
            Some(view) => view.is_own(end),
            None => View::default().is_own(end),
        };
        let was_own = is_own(&self.end);
        turn(&mut self.end);
        self.strays |= was_own && !is_own(&self.end);
    }
}

/// Whether nobody here can tell where a path leads for the person: it strays, or its end is so deep that it has no name.
pub(super) fn is_unknowable(path: &Path) -> bool {
    let is_too_deep = |error: std::io::Error| error.raw_os_error() == Some(libc::ENAMETOOLONG);
    follow(path).strays || path.canonicalize().is_err_and(is_too_deep)
}

/// Where an absolute path leads.
pub(super) fn follow(path: &Path) -> Way {
    let mut way = Way::default();
    let mut rest = parts(path);
    way.end.push("/");
    while let Some(part) = rest.pop() {
        if part == ".." {
            way.turn(|end| {
                let _ = end.pop();
            });
            continue;
        }
        way.end.push(&part);
        if way.links.len() >= MOST_LINKS {
            continue;
        }
        if let Ok(target) = way.end.read_link() {
            way.links.push(way.end.clone());
            way.turn(|end| {
                end.pop();
                if target.is_absolute() {
                    end.push("/");
                }
            });
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
        self.0.insert(path.to_owned(), Way { end: path.to_owned(), ..Way::default() });
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
            way.strays |= rest.strays;
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
            strays: false,
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
