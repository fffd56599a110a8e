//! Secrets among what commands write to, as where the home is a writable root. They are known by their paths: whoever moves
//! one, what it lies in or a link that leads to it, uncovers it for the commands that follow (S11). So what can be held
//! where it is, is, and the rest is remembered and put back after a command.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, StatxFlags, openat, renameat,
    renameat_with, statx, symlinkat,
};
use rustix::io::Errno;

use super::closed::Opened;
use super::links::Ways;
use super::metadata::is_below;
use super::state::now;
use super::{mounts, roots};

/// Which file or directory it is, whatever its name: numbers are soon given to others, so also when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: (u32, u32),
    number: u64,
    kind: FileType,
    made: (i64, u32),
}

impl Identity {
    pub(super) fn of_opened(opened: impl AsFd) -> Option<Self> {
        Self::at(opened, "", AtFlags::EMPTY_PATH)
    }

    /// No link is followed.
    fn at(directory: impl AsFd, name: impl rustix::path::Arg, flags: AtFlags) -> Option<Self> {
        let flags = flags | AtFlags::SYMLINK_NOFOLLOW;
        let wanted = StatxFlags::INO | StatxFlags::TYPE | StatxFlags::BTIME;
        let found = statx(directory, name, flags, wanted).ok()?;
        Some(Self {
            device: (found.stx_dev_major, found.stx_dev_minor),
            number: found.stx_ino,
            kind: FileType::from_raw_mode(found.stx_mode.into()),
            made: (found.stx_btime.tv_sec, found.stx_btime.tv_nsec),
        })
    }
}

/// A secret, a directory on the way to it, or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    path: PathBuf,
    identity: Identity,
    /// Where it leads, if it is a link.
    target: Option<PathBuf>,
}

/// What is to stay where it is.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// The secrets whose ways lead through the roots.
    secrets: Vec<PathBuf>,
    roots: Vec<PathBuf>,
    /// What lies in another comes after it.
    steps: Vec<Step>,
    /// Links are all that cannot be held.
    only_links: bool,
}

impl Steps {
    /// All that is on the way to one of the `secrets` through one of the `roots`.
    pub(super) fn remember(secrets: Vec<PathBuf>, roots: &[PathBuf]) -> Self {
        let mut ways = Ways::default();
        let leads_through = |secret: &PathBuf| {
            let way = ways.follow(secret);
            let mut all = way.links.iter().chain([&way.end, secret]);
            all.any(|path| is_below(roots, path))
        };
        let secrets = secrets.into_iter().filter(leads_through).collect();
        let known = Self { secrets, roots: roots.to_vec(), ..Self::default() };
        Self { steps: known.found(), ..known }
    }

    /// The same where mounts hold all but links.
    pub(super) fn remember_links(secrets: Vec<PathBuf>, roots: &[PathBuf]) -> Self {
        let mut known = Self { only_links: true, ..Self::remember(secrets, roots) };
        known.steps.retain(|step| step.target.is_some());
        known
    }

    /// With what has come to where nothing was, or in the place of what is gone.
    pub(super) fn now(&self) -> Self {
        let mut steps = self.steps.clone();
        steps.retain(|step| step.is_in_place() || step.elsewhere().is_some());
        let mut new = self.found();
        new.retain(|new| {
            let is_wanted = new.target.is_some() || !self.only_links;
            is_wanted && !steps.iter().any(|step| step.path == new.path)
        });
        steps.extend(new);
        steps.sort_by(|a, b| a.path.cmp(&b.path));
        let (secrets, roots) = (self.secrets.clone(), self.roots.clone());
        Self { secrets, roots, steps, only_links: self.only_links }
    }

    fn found(&self) -> Vec<Step> {
        let paths = on_the_way(&self.secrets, &self.roots);
        paths.into_iter().filter_map(Step::of).collect()
    }

    /// Whether this is one of them, by whatever name.
    pub(super) fn is_one(&self, opened: impl AsFd) -> bool {
        !self.steps.is_empty()
            && Identity::of_opened(opened)
                .is_some_and(|identity| self.steps.iter().any(|step| step.identity == identity))
    }

    /// Puts back what is elsewhere, and says so. No link leads out of the directory in which that is done.
    pub(super) fn put_back(&self) -> Vec<String> {
        self.steps.iter().filter_map(Step::put_back).collect()
    }
}

/// Makes the directories on the way to `secrets` unmovable, as far as they are below `roots`.
///
/// # Errors
/// When one cannot be mounted on itself.
pub(super) fn hold(secrets: &[PathBuf], roots: &[PathBuf]) -> Result<(), String> {
    for path in on_the_way(secrets, roots) {
        let is_secret = secrets.iter().any(|secret| path.starts_with(secret));
        let is_directory = path.symlink_metadata().is_ok_and(|found| found.is_dir());
        if is_directory && !is_secret && !mounts::is_mounted(&path) {
            drop(mounts::hold(&path)?);
        }
    }
    Ok(())
}

/// What is there of the `secrets`, what they lie in, and the links that lead there, below `roots`. What lies in another comes
/// after it.
fn on_the_way(secrets: &[PathBuf], roots: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut ways = Ways::default();
    let mut paths = BTreeSet::new();
    for secret in secrets {
        let way = ways.follow(secret);
        if way.end.symlink_metadata().is_ok() {
            let ends = way.links.iter().chain([&way.end]);
            let all = ends.flat_map(|end| end.ancestors());
            paths.extend(all.filter(|path| is_below(roots, path)).map(Path::to_owned));
        }
    }
    // What is a root of its own is a mount, or looked for by its path in any case.
    paths.retain(|path| !roots.contains(path));
    paths
}

impl Step {
    fn of(path: PathBuf) -> Option<Self> {
        let identity = Identity::at(CWD, &path, AtFlags::empty())?;
        let target = path.read_link().ok();
        Some(Self { path, identity, target })
    }

    /// Or another link that leads there.
    fn is_in_place(&self) -> bool {
        if self.target.is_some() {
            return self.path.read_link().ok() == self.target;
        }
        Identity::at(CWD, &self.path, AtFlags::empty()) == Some(self.identity)
    }

    /// The directory it lay in, and the name it has there now. Nothing can be moved to another one.
    fn elsewhere(&self) -> Option<(OwnedFd, OsString)> {
        let parent = roots::open(self.path.parent()?).ok()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let listed = openat(&parent, ".", flags, Mode::empty()).ok()?;
        let names = Dir::new(listed).ok()?.flatten();
        let names = names.map(|entry| OsString::from_vec(entry.file_name().to_bytes().to_vec()));
        let mut names = names.filter(|name| name != "." && name != "..");
        let name = names
            .find(|name| Identity::at(&parent, &**name, AtFlags::empty()) == Some(self.identity))?;
        Some((parent, name))
    }

    fn put_back(&self) -> Option<String> {
        if self.is_in_place() {
            return None;
        }
        let opened = Opened::on_the_way_to(&self.path);
        let done = match (self.elsewhere(), &self.target) {
            (Some((parent, name)), _) => self.give_name_back(&parent, &name),
            (None, Some(target)) => self.link_again(target),
            // It is gone.
            (None, None) => return None,
        };
        drop(opened);
        let (path, because) = (self.path.display(), "a secret is known by it");
        Some(match done {
            Ok(Some(aside)) => {
                format!("put back {path}: {because}; what was there is now {}", aside.display())
            }
            Ok(None) => format!("put back {path}: {because}"),
            Err(error) => format!(
                "could not put back {path}: {because}, and commands may be able to read it now ({error})"
            ),
        })
    }

    /// What has its place gets the name that it has now.
    fn give_name_back(&self, parent: &OwnedFd, now: &OsStr) -> io::Result<Option<PathBuf>> {
        let name = self.name();
        match renameat_with(parent, now, parent, name, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(None),
            Err(Errno::EXIST) => {}
            // Not every file system can.
            Err(_) if Identity::at(parent, name, AtFlags::empty()).is_none() => {
                renameat(parent, now, parent, name)?;
                return Ok(None);
            }
            Err(_) => {}
        }
        if renameat_with(parent, now, parent, name, RenameFlags::EXCHANGE).is_ok() {
            return Ok(Some(self.path.with_file_name(now)));
        }
        let aside = self.lay_aside(parent)?;
        renameat(parent, now, parent, name)?;
        Ok(Some(aside))
    }

    fn link_again(&self, target: &Path) -> io::Result<Option<PathBuf>> {
        let parent = roots::open(self.path.parent().unwrap_or(&self.path))?;
        let is_taken = Identity::at(&parent, self.name(), AtFlags::empty()).is_some();
        let aside = is_taken.then(|| self.lay_aside(&parent)).transpose()?;
        symlinkat(target, &parent, self.name())?;
        Ok(aside)
    }

    fn lay_aside(&self, parent: &OwnedFd) -> io::Result<PathBuf> {
        let mut aside = self.name().to_owned();
        aside.push(format!(".aside-{}", now()));
        renameat(parent, self.name(), parent, &*aside)?;
        Ok(self.path.with_file_name(aside))
    }

    fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().canonicalize().unwrap();
        for secret in ["ssh/id", "config/gh/hosts", "dotfiles/aws/keys"] {
            fs::create_dir_all(home.join(secret).parent().unwrap()).unwrap();
            fs::write(home.join(secret), "secret").unwrap();
        }
        symlink("dotfiles/aws", home.join("aws")).unwrap();
        (place, home)
    }

    fn known(home: &Path) -> Steps {
        let secrets = ["ssh", "config/gh", "aws", "absent"].map(|name| home.join(name));
        Steps::remember(secrets.to_vec(), &[home.to_owned()])
    }

    #[test]
    fn s11_what_leads_to_a_secret_comes_back_to_its_place_and_nothing_is_lost() {
        let (_place, home) = place();
        let known = known(&home);
        assert_eq!(known.put_back(), Vec::<String>::new());
        fs::rename(home.join("ssh"), home.join("s")).unwrap();
        fs::rename(home.join("config/gh"), home.join("config/g")).unwrap();
        fs::rename(home.join("config"), home.join("c")).unwrap();
        fs::write(home.join("config"), "other").unwrap();
        fs::remove_file(home.join("aws")).unwrap();
        fs::write(home.join("aws"), "other").unwrap();
        let said = known.put_back();
        assert_eq!(said.len(), 4, "{said:?}");
        for secret in ["ssh/id", "config/gh/hosts", "aws/keys"] {
            assert_eq!(fs::read_to_string(home.join(secret)).unwrap(), "secret", "{secret}");
        }
        assert_eq!(fs::read_to_string(home.join("c")).unwrap(), "other");
        assert!(!home.join("s").exists() && said[0].contains(".aside-"), "{said:?}");
        assert_eq!(known.put_back(), Vec::<String>::new());
    }

    #[test]
    fn s11_one_is_known_by_any_name_and_what_the_person_put_in_its_place_is_one_then() {
        let (_place, home) = place();
        fs::write(home.join("absent"), "secret").unwrap();
        let known = known(&home);
        let is_one =
            |known: &Steps, name: &str| known.is_one(fs::File::open(home.join(name)).unwrap());
        fs::rename(home.join("config"), home.join("c")).unwrap();
        fs::hard_link(home.join("absent"), home.join("link")).unwrap();
        fs::create_dir(home.join("config")).unwrap();
        let now = known.now();
        for (name, expected) in [("c", true), ("link", true), ("config", false), ("ssh/id", false)]
        {
            assert_eq!(is_one(&now, name), expected, "{name}");
        }
        fs::remove_file(home.join("link")).unwrap();
        fs::write(home.join("new"), "secret").unwrap();
        fs::rename(home.join("new"), home.join("absent")).unwrap();
        assert!(is_one(&known.now(), "absent"));
    }
}
