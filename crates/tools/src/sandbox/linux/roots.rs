//! The writable roots of a world, found once: where one lies in another, a command can put a link in its place, and what
//! that leads to is no root, not for the commands that follow, and not when the next world begins (S1).

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use super::{World, links};

/// What becomes of the directories that somebody named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Roots {
    /// Where they are, without links.
    pub(super) kept: Vec<PathBuf>,
    /// As they were named: the way there leads through a link that commands can make.
    pub(super) left_out: Vec<PathBuf>,
}

/// What is not there is none: whatever takes its place later, a command may have made.
pub(super) fn find(named: &[PathBuf]) -> Roots {
    let ways: Vec<_> = named.iter().map(|root| links::follow(root)).collect();
    let is_made = |link: &Path, index: usize| {
        let among = |(other, way): (usize, &links::Way)| {
            other != index && link.parent().is_some_and(|parent| parent.starts_with(&way.end))
        };
        ways.iter().enumerate().any(among)
    };
    let mut roots = Roots::default();
    let mut led = Vec::new();
    for (index, (root, way)) in named.iter().zip(&ways).enumerate() {
        if open(&way.end).is_err() {
            continue;
        }
        if way.links.iter().any(|link| is_made(link, index)) {
            led.push((root, &way.end));
        } else {
            roots.kept.push(way.end.clone());
        }
    }
    // Where it leads may be writable all the same.
    let is_writable = |end: &Path| roots.kept.iter().any(|root| end.starts_with(root));
    let led = led.into_iter().filter(|(_, end)| !is_writable(end));
    roots.left_out = led.map(|(root, _)| root.clone()).collect();
    roots
}

/// Those of a world that are where they were found.
pub(super) fn of(world: &World) -> Vec<PathBuf> {
    let roots = world.policy.writable_roots.iter();
    roots.filter(|root| root.canonicalize().is_ok_and(|real| real == **root)).cloned().collect()
}

/// What is there, to be named to the kernel. A path without links leads out of no directory that it lies in.
///
/// # Errors
/// When there is none, or a link on the way.
pub(super) fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn s1_no_root_is_where_a_link_leads_that_commands_can_make() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let at = |name: &str| place.join(name);
        for directory in ["work/sub/deep", "work/own", "victim/deep", "data", "other"] {
            std::fs::create_dir_all(at(directory)).unwrap();
        }
        for (link, target) in [
            ("work/out", "../victim"),
            ("work/back", "own"),
            ("way", "data"),
            ("work/two", "../other/far"),
            ("other/far", "../victim"),
        ] {
            symlink(target, at(link)).unwrap();
        }
        let all = |names: &[&str]| names.iter().map(|name| at(name)).collect::<Vec<_>>();
        let found = |named: &[&str]| {
            let Roots { kept, left_out } = find(&all(named));
            (kept, left_out)
        };
        assert_eq!(found(&["way", "work/sub"]), (all(&["data", "work/sub"]), vec![]));
        for led in ["work/out", "work/out/deep", "work/two", "work/sub/../out"] {
            assert_eq!(found(&["work", led]), (all(&["work"]), all(&[led])), "{led}");
            assert_eq!(found(&[led, "work"]), (all(&["work"]), all(&[led])), "{led}");
        }
        // Nobody but the person has made that.
        assert_eq!(found(&["work/out"]), (all(&["victim"]), vec![]));
        assert_eq!(found(&["work", "work/back", "work/absent"]), (all(&["work"]), vec![]));
        assert!(open(&at("work/sub")).is_ok());
        std::fs::rename(at("work/sub"), at("work/moved")).unwrap();
        symlink(at("victim"), at("work/sub")).unwrap();
        assert!(open(&at("work/sub")).is_err() && open(&at("work/sub/deep")).is_err());
    }
}
