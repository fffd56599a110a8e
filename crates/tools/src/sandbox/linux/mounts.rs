//! The few ways in which a view of the file system is changed: copy a tree, put it somewhere, make it read-only,
//! lay an empty file system over a directory. Thin words over the kernel's mount interface (Linux 5.12).

use std::ffi::{CStr, CString, OsString};
use std::fmt::Display;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change,
    move_mount, open_tree,
};

/// A copy of a directory or file with all that is mounted below it, not yet to be seen anywhere.
pub(super) struct Tree(OwnedFd);

impl Tree {
    pub(super) fn copy(path: &Path) -> Result<Self, String> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE;
        open_tree(CWD, path, flags).map(Self).map_err(at("copying", path))
    }

    /// Of what is opened already.
    pub(super) fn copy_of(opened: &OwnedFd, path: &Path) -> Result<Self, String> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH
            | OpenTreeFlags::AT_RECURSIVE;
        open_tree(opened, "", flags).map(Self).map_err(at("copying", path))
    }

    pub(super) fn read_only(self) -> Result<Self, String> {
        self.with(READ_ONLY).map_err(|error| format!("making a mount read-only: {error}"))
    }

    /// What is a device there is none any more.
    pub(super) fn without_devices(self) -> Result<Self, String> {
        self.with(NO_DEVICES).map_err(|error| format!("closing the devices of a mount: {error}"))
    }

    fn with(self, attributes: u64) -> std::io::Result<Self> {
        let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
        set_attributes(self.0.as_fd(), c"", flags, attributes, 0)?;
        Ok(self)
    }

    pub(super) fn put(&self, path: &Path) -> Result<(), String> {
        move_mount(&self.0, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .map_err(at("mounting", path))
    }

    /// Where it is found once it was put somewhere. None, when the kernel does not tell.
    pub(super) fn place(&self) -> Option<Place> {
        Place::at(self.0.as_fd(), c"", AtFlags::EMPTY_PATH)
    }

    /// Where it can be reached whatever lies by its name.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

/// What is at a path: its device and number there, and the mount that it is seen through, where the kernel tells (Linux
/// 5.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    device: (u32, u32),
    number: u64,
    mount: u64,
}

impl Place {
    /// No link is followed.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let path = CString::new(path.as_os_str().as_bytes()).ok()?;
        Self::at(CWD, &path, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn at(directory: BorrowedFd<'_>, path: &CStr, flags: AtFlags) -> Option<Self> {
        let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
        let found = rustix::fs::statx(directory, path, flags, wanted).ok()?;
        let device = (found.stx_dev_major, found.stx_dev_minor);
        Some(Self { device, number: found.stx_ino, mount: found.stx_mnt_id })
    }
}

/// Whatever is mounted outside from now on stays outside.
pub(super) fn keep_apart() -> Result<(), String> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(at("keeping mounts apart below", Path::new("/")))
}

/// Closes a directory with all that is mounted below it: it is read-only, and its devices are none any more.
pub(super) fn close_all(path: &Path) -> Result<(), String> {
    change(path, libc::AT_RECURSIVE, READ_ONLY | NO_DEVICES, 0)
}

/// Makes one mount read-only, but none below it.
pub(super) fn make_this_read_only(path: &Path) -> Result<(), String> {
    change(path, 0, READ_ONLY, 0)
}

/// The same, and its devices are none any more.
pub(super) fn close(path: &Path) -> Result<(), String> {
    change(path, 0, READ_ONLY | NO_DEVICES, 0)
}

/// Whether something is mounted there.
pub(super) fn is_mounted(path: &Path) -> bool {
    let found = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Makes a directory unmovable by mounting it on itself. Returns the mount.
pub(super) fn hold(path: &Path) -> Result<Tree, String> {
    let tree = Tree::copy(path)?;
    tree.put(path)?;
    Ok(tree)
}

/// What is mounted somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Of the file system, as two numbers.
    pub(super) device: Vec<u8>,
    /// What of it is mounted.
    pub(super) root: PathBuf,
    pub(super) place: PathBuf,
    /// Of the file system.
    pub(super) kind: String,
}

/// What is mounted, in the order in which it was.
///
/// # Errors
/// When the kernel does not tell.
pub(super) fn all() -> std::io::Result<Vec<Mount>> {
    let table = std::fs::read("/proc/self/mountinfo")?;
    Ok(table.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

/// What is mounted below a directory: where, and the kind of its file system.
pub(super) fn below(directory: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let mounts = all().map_err(at("listing mounts below", directory))?.into_iter();
    let mounts = mounts.filter(|mount| mount.place.starts_with(directory));
    Ok(mounts.map(|mount| (mount.place, mount.kind)).collect())
}

/// A line of `/proc/self/mountinfo`.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let path = |field| PathBuf::from(OsString::from_vec(unescape(field)));
    let device = fields.nth(2)?.to_vec();
    let (root, place) = (path(fields.next()?), path(fields.next()?));
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some(Mount { device, root, place, kind: String::from_utf8_lossy(kind).into_owned() })
}

/// The kernel writes some bytes of a path as three digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let [byte, after @ ..] = rest {
        let digits = (*byte == b'\\').then(|| after.get(..3)).flatten();
        let code =
            digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(*byte));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    bytes
}

/// Makes one mount writable again, but none below it.
pub(super) fn make_writable(path: &Path) -> Result<(), String> {
    change(path, 0, 0, READ_ONLY)
}

/// Lays an empty file system over a directory. What is written there takes memory, up to `size` bytes, and for each file some
/// beside.
pub(super) fn cover(path: &Path, mode: &str, size: u64) -> Result<(), String> {
    const BYTES_OF_A_FILE: u64 = 4096;
    let size = size.max(SMALLEST);
    let options = format!("mode={mode},size={size},nr_inodes={}", size / BYTES_OF_A_FILE);
    let options = CString::new(options).map_err(at("covering", path))?;
    mount(c"tmpfs", path, c"tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(&*options))
        .map_err(at("covering", path))
}

/// To the kernel nothing is as good as no limit.
const SMALLEST: u64 = 1 << 20;

/// Mounts one of the kernel's own file systems.
pub(super) fn mount_kernels(kind: &str, path: &Path, options: &str) -> Result<(), String> {
    let options = CString::new(options).map_err(at("mounting", path))?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount(kind, path, kind, flags, Some(&*options)).map_err(at("mounting", path))
}

pub(super) fn at<E: Display>(what: &str, path: &Path) -> impl Fn(E) -> String {
    move |error| format!("{what} {}: {error}", path.display())
}

const READ_ONLY: u64 = 1;
const NO_DEVICES: u64 = 4;

/// The kernel's `struct mount_attr`.
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

fn change(path: &Path, flags: i32, set: u64, clear: u64) -> Result<(), String> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(at("changing", path))?;
    set_attributes(CWD, &name, flags, set, clear).map_err(at("changing", path))
}

#[allow(unsafe_code)]
fn set_attributes(
    directory: BorrowedFd<'_>,
    path: &CStr,
    flags: i32,
    set: u64,
    clear: u64,
) -> std::io::Result<()> {
    let attributes = Attributes { set, clear, propagation: 0, user_namespace: 0 };
    // SAFETY: the kernel only reads the path and the attributes, whose size it is told; both outlive the call.
    let code = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            directory.as_raw_fd(),
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<Attributes>(),
        )
    };
    if code == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_of_mounts_is_understood() {
        let line = br"36 35 98:0 /c\040d /a\040b\134 rw,noatime shared:1 master:2 - sysfs sysfs rw";
        let (device, kind) = (b"98:0".to_vec(), "sysfs".to_owned());
        let mount = Mount { device, root: "/c d".into(), place: r"/a b\".into(), kind };
        assert_eq!(parse(line), Some(mount));
        assert_eq!(parse(b""), None);
    }
}
