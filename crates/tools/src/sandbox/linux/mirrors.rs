//! Where else secrets, and what is pinned, can be found: a file system, or a part of it, may be mounted a second time (a
//! bind mount, the top of a btrfs, a system in another), and what is closed lies there by another path.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::mounts::{self, Mount};
use crate::sandbox::secrets::{SecretPlaces, resolve};

/// The other places of these.
pub(super) fn of(places: &SecretPlaces) -> SecretPlaces {
    let mounted = mounts::all().unwrap_or_default();
    let others = |places: &[PathBuf]| {
        let places = places.iter().map(|place| resolve(place));
        places.flat_map(|place| others_of(&mounted, &place)).collect()
    };
    SecretPlaces { kept: others(&places.kept), named: others(&places.named) }
}

/// What is mounted, where something of it is in the roots.
#[derive(Default)]
pub(super) struct Mirrors(Vec<Mount>);

impl Mirrors {
    pub(super) fn in_roots(roots: &[PathBuf]) -> Self {
        let mut mounted = mounts::all().unwrap_or_default();
        let is_in_roots = |mount: &Mount| roots.iter().any(|root| mount.place.starts_with(root));
        if !mounted.iter().any(is_in_roots) {
            mounted.clear();
        }
        Self(mounted)
    }

    /// The other places of this one.
    pub(super) fn of(&self, place: &Path) -> Vec<PathBuf> {
        if self.0.is_empty() { vec![] } else { others_of(&self.0, place) }
    }
}

fn others_of(mounted: &[Mount], place: &Path) -> Vec<PathBuf> {
    let depth = |mount: &&Mount| mount.place.components().count();
    // Of several in one place the last one lies on top.
    let through = mounted.iter().filter(|mount| place.starts_with(&mount.place)).max_by_key(depth);
    let Some(through) = through else { return vec![] };
    let Ok(below) = place.strip_prefix(&through.place) else { return vec![] };
    if below.as_os_str().is_empty() && is_empty(place) {
        return vec![];
    }
    let within = joined(&through.root, below);
    let same = mounted.iter().filter(|mount| mount.device == through.device);
    let others = same.filter_map(|mount| match within.strip_prefix(&mount.root) {
        Ok(below) => Some(joined(&mount.place, below)).filter(|other| is_same(place, other)),
        // All of it lies in the secret one.
        Err(_) => mount.root.starts_with(&within).then(|| mount.place.clone()),
    });
    others.filter(|other| !other.starts_with(place)).collect()
}

/// As what a sandbox around us has put over a secret, the same one over each of them.
fn is_empty(place: &Path) -> bool {
    match fs::metadata(place) {
        Ok(found) if found.is_dir() => {
            fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none())
        }
        Ok(found) => found.len() == 0,
        Err(_) => false,
    }
}

/// Joining nothing leaves a `/` behind the name of a file.
fn joined(path: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { path.to_owned() } else { path.join(below) }
}

/// Or could be, once it is made. Something else may be mounted over it.
fn is_same(place: &Path, other: &Path) -> bool {
    let number = |path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    number(place) == number(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s11_a_secret_is_found_through_every_mount_of_what_it_lies_in() {
        let mount = |device: &str, root: &str, place: &str| Mount {
            device: device.into(),
            root: root.into(),
            place: place.into(),
            kind: String::new(),
        };
        // None of it is there, which is as good as the same.
        let mounted = [
            mount("1:0", "/", "/"),
            mount("0:5", "/@home", "/absent/home"),
            mount("0:5", "/", "/absent/top"),
            mount("0:5", "/@home/u/.ssh/keys", "/absent/keys"),
            mount("0:5", "/@home/v", "/absent/v"),
            mount("0:6", "/", "/absent/other"),
        ];
        let others = |place: &str| others_of(&mounted, Path::new(place));
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let found = paths(&["/absent/top/@home/u/.ssh", "/absent/keys"]);
        assert_eq!(others("/absent/home/u/.ssh"), found);
        let found = paths(&["/absent/top/@home/v", "/absent/v"]);
        assert_eq!(others("/absent/home/v"), found);
        assert_eq!(others("/etc/shadow"), paths(&[]));
    }
}
