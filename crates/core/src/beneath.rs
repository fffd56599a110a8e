//! The way to a path below a directory in which commands change things meanwhile: nothing on it is followed out of it.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

pub(crate) const DIRECTORY: OFlags =
    OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What is done about a directory on the way that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Made,
    Left,
}

/// The directory below `root` that holds `path`, and the name it has there. None when it is missing and not to be made,
/// or when something else than a directory is on the way.
pub(crate) fn parent(
    root: impl AsFd,
    path: &Path,
    missing: Missing,
) -> io::Result<Option<(OwnedFd, &OsStr)>> {
    let mut names = Vec::new();
    for component in path.components() {
        let Component::Normal(name) = component else {
            return Err(io::Error::other("a path that leaves its directory"));
        };
        names.push(name);
    }
    let Some(last) = names.pop() else { return Err(io::Error::other("a path without a name")) };
    let mut dir = root.as_fd().try_clone_to_owned()?;
    for name in names {
        let opened = match open(&dir, name, DIRECTORY, Mode::empty()) {
            Err(Errno::NOENT) if missing == Missing::Made => {
                rustix::fs::mkdirat(&dir, name, Mode::from(0o777))?;
                open(&dir, name, DIRECTORY, Mode::empty())
            }
            opened => opened,
        };
        dir = match opened {
            Ok(opened) => opened,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
    }
    Ok(Some((dir, last)))
}

/// Opens what is called `name` in a directory.
pub(crate) fn open(
    parent: impl AsFd,
    name: &OsStr,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| rustix::fs::openat(parent.as_fd(), name, flags, mode))
}

/// Opens what lies at a path below `root`, through no link, were it only the last name.
///
/// # Errors
/// As the file system says, also where a link is on the way.
pub(crate) fn open_below(root: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match open_at_once(&root, path, flags) {
        // Linux before 5.6, or a filter around us that does not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open_by_steps(root, path, flags),
        opened => Ok(opened?),
    }
}

#[cfg(not(target_os = "macos"))]
fn open_at_once(root: impl AsFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    retry_on_intr(|| rustix::fs::openat2(root.as_fd(), path, flags, Mode::empty(), resolve))
}

#[cfg(target_os = "macos")]
fn open_at_once(_: impl AsFd, _: &Path, _: OFlags) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

fn open_by_steps(root: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let (parent, name) = parent(root, path, Missing::Left)?.ok_or(Errno::NOTDIR)?;
    Ok(open(parent, name, flags, Mode::empty())?)
}

/// What stands at a path below `root`, a link being one itself.
///
/// # Errors
/// As the file system says, also where a link is on the way.
#[cfg(not(target_os = "macos"))]
pub(crate) fn metadata(root: impl AsFd, path: &Path) -> io::Result<Metadata> {
    File::from(open_below(root, path, OFlags::PATH)?).metadata()
}

/// What stands at a path below `root`, a link being one itself.
///
/// # Errors
/// As the file system says, also where a link is on the way.
#[cfg(target_os = "macos")]
pub(crate) fn metadata(root: impl AsFd, path: &Path) -> io::Result<Metadata> {
    let (parent, name) = parent(root, path, Missing::Left)?.ok_or(Errno::NOTDIR)?;
    agent_tools::real_path(parent).ok_or(Errno::NOENT)?.join(name).symlink_metadata()
}

/// Copies one file, with its mode, from below one directory to the same path below another. Neither a link on either
/// side is followed, nor is anything replaced that is there already.
///
/// # Errors
/// When it is no file, when something is in its place, and as the file system says.
pub fn copy_beneath(from: impl AsFd, to: impl AsFd, path: &Path) -> io::Result<()> {
    let (parent, name) = parent(from, path, Missing::Left)?
        .ok_or_else(|| io::Error::other("a link or a file is on the way to it"))?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let source = match open(parent, name, flags, Mode::empty()) {
        Err(Errno::LOOP) => return Err(io::Error::other("it is a link")),
        opened => File::from(opened?),
    };
    let stat = rustix::fs::fstat(&source)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no file"));
    }
    let (parent, name) = self::parent(to, path, Missing::Made)?
        .ok_or_else(|| io::Error::other("a link or a file is where its directory would be"))?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = match open(parent, name, flags, Mode::from(0o600)) {
        Err(Errno::EXIST) => return Err(io::Error::other("something else has its name there")),
        made => File::from(made?),
    };
    io::copy(&mut &source, &mut &made)?;
    Ok(rustix::fs::fchmod(&made, Mode::from_raw_mode(stat.st_mode & 0o777))?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_lies_below_a_directory_is_opened_through_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let of = |name: &str| dir.path().join(name);
        fs::create_dir_all(of("in/d")).unwrap();
        fs::create_dir(of("out")).unwrap();
        for name in ["in/d/a", "out/a"] {
            fs::write(of(name), name).unwrap();
        }
        symlink(of("out"), of("in/away")).unwrap();
        symlink("d", of("in/there")).unwrap();
        symlink("d/a", of("in/link")).unwrap();
        let root = File::open(of("in")).unwrap();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let at_once = |path: &Path| open_below(&root, path, flags);
        let by_steps = |path: &Path| open_by_steps(&root, path, flags);
        for open in [&at_once as &dyn Fn(&Path) -> io::Result<OwnedFd>, &by_steps] {
            let read = |path: &str| io::read_to_string(File::from(open(Path::new(path))?));
            assert_eq!(read("d/a").unwrap(), "in/d/a");
            for path in ["away/a", "there/a", "link", "../out/a", "d/../../out/a"] {
                assert!(read(path).is_err(), "{path}");
            }
        }
        let metadata = |path: &str| metadata(&root, Path::new(path));
        assert!(metadata("d/a").unwrap().is_file() && metadata("link").unwrap().is_symlink());
        assert!(metadata("away/a").is_err() && metadata("there/a").is_err());
    }

    #[test]
    fn a_copy_goes_through_no_link_and_over_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let of = |name: &str| dir.path().join(name);
        for name in ["from/d", "from/e/f", "to", "elsewhere"] {
            fs::create_dir_all(of(name)).unwrap();
        }
        for name in ["from/d/a", "from/e/f/a", "from/a", "from/b", "from/c"] {
            fs::write(of(name), "new").unwrap();
        }
        fs::write(of("elsewhere/a"), "own").unwrap();
        symlink(of("elsewhere"), of("to/d")).unwrap();
        symlink(of("elsewhere/a"), of("to/a")).unwrap();
        symlink(of("elsewhere/new"), of("to/c")).unwrap();
        symlink(of("elsewhere"), of("from/out")).unwrap();
        symlink(of("elsewhere/a"), of("from/link")).unwrap();
        let (from, to) = (File::open(of("from")).unwrap(), File::open(of("to")).unwrap());
        let copy = |name: &str| copy_beneath(&from, &to, Path::new(name));
        for name in ["d/a", "a", "c", "out/a", "link", "e", "../from/b", "missing"] {
            assert!(copy(name).is_err(), "{name}");
        }
        copy("b").unwrap();
        copy("e/f/a").unwrap();
        assert_eq!(fs::read_to_string(of("to/e/f/a")).unwrap(), "new");
        assert_eq!(fs::read_to_string(of("elsewhere/a")).unwrap(), "own");
        assert_eq!(fs::read_dir(of("elsewhere")).unwrap().count(), 1);
    }
}
