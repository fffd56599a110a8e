//! A directory is removed with all there is in it, however commands have closed it or how deep they have made it (R7): by
//! descriptors, so that no link leads out, and level by level, so that neither the stack nor descriptors run out.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, chmod, openat, renameat, unlinkat};
use rustix::io::Errno;

/// Removes what is at `path`, a directory.
///
/// # Errors
/// When something stays: what belongs to somebody else, or is mounted there. As much as can be is gone then.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let top = opened(&openat(CWD, path, PLACE, Mode::empty())?)?;
    let mut moved = 0;
    loop {
        let names = names_in(&top)?;
        if names.is_empty() {
            return std::fs::remove_dir(path);
        }
        let mut trouble = None;
        let mut is_stuck = true;
        for name in &names {
            match remove_at(&top, name, &mut moved) {
                Ok(()) => is_stuck = false,
                Err(error) => trouble = Some(error),
            }
        }
        if let Some(error) = trouble.filter(|_| is_stuck) {
            return Err(error.into());
        }
    }
}

const PLACE: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// One entry of `top`; directories in it come to lie beside it first, and have their turn later.
fn remove_at(top: &OwnedFd, name: &CString, moved: &mut u64) -> Result<(), Errno> {
    let directory = match unlinkat(top, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => opened(&openat(top, name, PLACE, Mode::empty())?)?,
        removed => return removed,
    };
    for inner in names_in(&directory)? {
        if matches!(unlinkat(&directory, &inner, AtFlags::empty()), Err(Errno::ISDIR | Errno::PERM))
        {
            // What is moved is written to: it says what it lies in.
            opened(&openat(&directory, &inner, PLACE, Mode::empty())?)?;
            move_up(&directory, &inner, top, moved)?;
        }
    }
    unlinkat(top, name, AtFlags::REMOVEDIR)
}

/// By a name that is free.
fn move_up(from: &OwnedFd, name: &CString, top: &OwnedFd, moved: &mut u64) -> Result<(), Errno> {
    loop {
        *moved += 1;
        match renameat(from, name, top, format!("moved-{moved}")) {
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
            done => return done,
        }
    }
}

/// A directory to be listed and changed, whatever its mode was.
fn opened(place: &OwnedFd) -> Result<OwnedFd, Errno> {
    // What fails here is told below.
    let _ = chmod(format!("/proc/self/fd/{}", place.as_raw_fd()), Mode::RWXU);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(place, c".", flags, Mode::empty())
}

fn names_in(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if ![OsStr::new("."), OsStr::new("..")].contains(&OsStr::from_bytes(name.as_bytes())) {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::linux::connect::tests::in_a_process;
    use rustix::fs::mkdirat;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    /// Who may do nothing to what is closed; root may.
    #[allow(unsafe_code)]
    fn become_somebody() {
        const NOBODY: u32 = 65534;
        // SAFETY: no memory is involved.
        unsafe {
            if libc::geteuid() == 0 {
                assert_eq!(libc::setresgid(NOBODY, NOBODY, NOBODY), 0);
                assert_eq!(libc::setresuid(NOBODY, NOBODY, NOBODY), 0);
            }
        }
    }

    fn chain(below: &Path, links: usize) {
        let mut at = openat(CWD, below, PLACE, Mode::empty()).unwrap();
        for _ in 0..links {
            mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = openat(&at, "d", PLACE, Mode::empty()).unwrap();
        }
    }

    #[test]
    fn r7_what_is_closed_and_what_is_deep_is_removed_and_no_link_is_followed() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::set_permissions(place, fs::Permissions::from_mode(0o777)).unwrap();
        let is_removed = || {
            become_somebody();
            let (own, other) = (place.join("own"), place.join("other"));
            fs::create_dir_all(own.join("cache/module/deep")).unwrap();
            fs::create_dir_all(own.join("none/deep")).unwrap();
            fs::create_dir_all(other.join("deep")).unwrap();
            for file in ["own/cache/module/deep/x", "own/none/x", "own/moved-1", "other/x"] {
                fs::write(place.join(file), "").unwrap();
            }
            symlink(&other, own.join("cache/link")).unwrap();
            symlink(&other, own.join("link")).unwrap();
            chain(&own, 5_000);
            for (directory, mode) in [
                ("own/cache/module/deep", 0o555),
                ("own/cache/module", 0o555),
                ("own/cache", 0o555),
                ("own/none/deep", 0),
                ("own/none", 0),
                ("own", 0o500),
                ("other", 0o555),
            ] {
                let mode = fs::Permissions::from_mode(mode);
                fs::set_permissions(place.join(directory), mode).unwrap();
            }
            remove(&own).unwrap();
            let mode = fs::metadata(&other).unwrap().permissions().mode() & 0o777;
            !own.exists() && other.join("x").exists() && mode == 0o555
        };
        assert!(in_a_process(is_removed));
    }
}
