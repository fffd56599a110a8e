//! S2: modes, owners, times and attributes by the ways that are seldom gone: descriptors that may not even read, other
//! names of a file, newer calls.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, XattrFlags, chownat, removexattr, setxattr, statat, utimensat};

use crate::attack::{Attack, attack, check, impossible};
use crate::files::inherited;

const ALL: u32 = 0o777;

pub(crate) const ATTACKS: &[Attack] = &[
    attack("s2_mode_by_a_descriptor_of_a_path", |home| {
        let file = only_a_path(home)?;
        open_to_all(format!("/proc/self/fd/{}", file.as_raw_fd()))
    })
    .on_full(),
    attack("s2_mode_by_the_newer_call", |home| {
        const FCHMODAT2: i64 = 452;
        let file = only_a_path(home)?;
        // SAFETY: the path is a literal.
        let changed = unsafe {
            libc::syscall(FCHMODAT2, file.as_raw_fd(), c"".as_ptr(), ALL, libc::AT_EMPTY_PATH)
        };
        check(changed).map(drop).map_err(newer)
    })
    .on_full(),
    attack("s2_owner_by_a_descriptor_of_a_path", |home| {
        let file = only_a_path(home)?;
        let found = file.metadata()?;
        let (user, group) = (found.uid(), found.gid());
        let (user, group) = (rustix::fs::Uid::from_raw(user), rustix::fs::Gid::from_raw(group));
        Ok(chownat(&file, "", Some(user), Some(group), AtFlags::EMPTY_PATH)?)
    })
    .on_full(),
    attack("s2_times_by_a_descriptor_of_a_path", |home| {
        let file = only_a_path(home)?;
        let found = statat(&file, "", AtFlags::EMPTY_PATH)?;
        let time = rustix::fs::Timespec { tv_sec: found.st_mtime, tv_nsec: 0 };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        Ok(utimensat(&file, "", &times, AtFlags::EMPTY_PATH)?)
    })
    .on_full(),
    attack("s2_times_set_to_now", |home| {
        let file = File::open(home.join("victim"))?;
        // SAFETY: no memory is involved: without times it is now.
        check(unsafe { libc::futimens(file.as_raw_fd(), std::ptr::null()) }).map(drop)
    })
    .on_full(),
    // Modes there are the kernel's own, for all who have it mounted; each of these stays what it was.
    attack("s2_mode_of_what_the_kernel_tells", |_| {
        fs::set_permissions(TOLD, fs::metadata(TOLD)?.permissions())
    })
    .on_full()
    .as_root(),
    attack("s2_owner_of_what_the_kernel_tells", |_| {
        let found = fs::metadata(TOLD)?;
        std::os::unix::fs::chown(TOLD, Some(found.uid()), Some(found.gid()))
    })
    .on_full()
    .as_root(),
    attack("s2_mode_of_what_the_kernel_tells_by_a_descriptor", |_| {
        let file = File::open(TOLD)?;
        file.set_permissions(file.metadata()?.permissions())
    })
    .on_full()
    .as_root(),
    attack("s2_mode_by_an_inherited_descriptor", |home| {
        inherited(home, "descriptor")?.set_permissions(fs::Permissions::from_mode(ALL))
    }),
    attack("s2_owner_by_an_inherited_descriptor", |home| {
        let file = inherited(home, "descriptor")?;
        let found = file.metadata()?;
        std::os::unix::fs::fchown(&file, Some(found.uid()), Some(found.gid()))
    }),
    attack("s2_times_by_an_inherited_descriptor", |home| {
        inherited(home, "descriptor")?.set_modified(std::time::UNIX_EPOCH)
    }),
    attack("s2_mode_of_what_was_renamed", |home| {
        fs::rename(home.join("victim"), "taken")?;
        open_to_all("taken")
    }),
    attack("s2_mode_by_another_name", |home| {
        fs::hard_link(home.join("victim"), "linked")?;
        open_to_all("linked")
    }),
    attack("s2_times_by_another_name", |home| {
        fs::hard_link(home.join("victim"), "linked")?;
        File::open("linked")?.set_modified(std::time::UNIX_EPOCH)
    }),
    attack("s2_access_list", |home| {
        // The version; then who, what it may do, and its number: the owner, user 1, the group, the mask, all others.
        let entries =
            [(1, 6, NOBODY), (2, 6, 1), (4, 0, NOBODY), (0x10, 6, NOBODY), (0x20, 0, NOBODY)];
        let entry = |(who, may, number): (u16, u16, u32)| {
            [&who.to_le_bytes()[..], &may.to_le_bytes(), &number.to_le_bytes()].concat()
        };
        let list = [2_u32.to_le_bytes().to_vec(), entries.map(entry).concat()].concat();
        attribute(home, c"system.posix_acl_access", &list)
    })
    .on_full(),
    attack("s2_an_attribute_by_the_newer_call", |home| {
        const SETXATTRAT: i64 = 463;
        let file = File::open(home.join("victim"))?;
        // The value, its size and flags.
        let arguments = [c"x".as_ptr() as u64, 1];
        // SAFETY: all strings are literals, and the arguments outlive the call, which is told their size.
        let set = unsafe {
            libc::syscall(
                SETXATTRAT,
                file.as_raw_fd(),
                c"".as_ptr(),
                libc::AT_EMPTY_PATH,
                c"user.x".as_ptr(),
                arguments.as_ptr(),
                size_of_val(&arguments),
            )
        };
        check(set).map(drop).map_err(newer)
    })
    .on_full(),
    attack("s2_an_attribute_that_is_taken_away", |home| {
        Ok(removexattr(home.join("victim"), c"user.x")?)
    })
    .after(|home| attribute(home, c"user.x", b"x"))
    .on_full(),
    attack("s2_flags_by_the_call_of_all_file_systems", |home| {
        const GET: u64 = 0x801c_581f;
        const SET: u64 = 0x401c_5820;
        let mut attributes = [0_u32; 7];
        let file = File::open(home.join("victim"))?;
        // SAFETY: the attributes are as long as the kernel's structure.
        unsafe {
            check(libc::ioctl(file.as_raw_fd(), GET, attributes.as_mut_ptr()))
                .map_err(|_| impossible())?;
            attributes[0] |= NO_DUMP;
            check(libc::ioctl(file.as_raw_fd(), SET, attributes.as_ptr())).map(drop)
        }
    })
    .on_full(),
    attack("s2_flags_by_the_newer_call", |home| {
        const FILE_GETATTR: i64 = 468;
        const FILE_SETATTR: i64 = 469;
        let mut attributes = [0_u32; 6];
        let size = size_of_val(&attributes);
        let file = File::open(home.join("victim"))?;
        let (file, path, here) = (file.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH);
        // SAFETY: the attributes are as long as is said.
        unsafe {
            let at = attributes.as_mut_ptr();
            check(libc::syscall(FILE_GETATTR, file, path, at, size, here))
                .map_err(|_| impossible())?;
            attributes[0] |= NO_DUMP;
            let at = attributes.as_ptr();
            check(libc::syscall(FILE_SETATTR, file, path, at, size, here)).map(drop)
        }
    })
    .on_full(),
];

const TOLD: &str = "/proc/version";

const NOBODY: u32 = u32::MAX;
const NO_DUMP: u32 = 0x80;

fn only_a_path(home: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(home.join("victim"))
}

fn open_to_all(path: impl AsRef<Path>) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(ALL))
}

fn attribute(home: &Path, name: &std::ffi::CStr, value: &[u8]) -> io::Result<()> {
    match setxattr(home.join("victim"), name, value, XattrFlags::empty()) {
        Err(rustix::io::Errno::OPNOTSUPP) => Err(impossible()),
        done => Ok(done?),
    }
}

/// Not every kernel is new enough.
fn newer(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EOPNOTSUPP) => impossible(),
        _ => error,
    }
}
