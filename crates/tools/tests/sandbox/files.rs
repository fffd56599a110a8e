//! S1, S2, S3 and S11: files outside of the roots, by every way that leads there.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::attack::{Attack, attack, check, impossible, number, own, unless};

/// Allowed under `workspace-write` only.
pub(crate) const WRITE_AT_HOME: Attack =
    attack("s3_write_in_the_workspace", |_| fs::write("written", "x"));

pub(crate) const ATTACKS: &[Attack] = &[
    attack("s1_write_by_path", |home| fs::write(home.join("victim"), "x")),
    attack("s1_append", |home| {
        OpenOptions::new().append(true).open(home.join("victim"))?.write_all(b"x")
    }),
    attack("s1_truncate", |home| {
        File::options().write(true).truncate(true).open(home.join("victim")).map(drop)
    }),
    attack("s1_truncate_by_path", |home| {
        // SAFETY: the path outlives the call.
        check(unsafe { libc::truncate(text(&home.join("victim"))?.as_ptr(), 0) }).map(drop)
    }),
    attack("s1_truncate_while_reading", |home| {
        let flags = OpenOptions::new().read(true).custom_flags(libc::O_TRUNC).clone();
        flags.open(home.join("victim"))?;
        unless(fs::metadata(home.join("victim"))?.len() == 0)
    }),
    attack("s1_create", |home| fs::write(home.join("new"), "x")),
    attack("s1_delete", |home| fs::remove_file(home.join("victim"))),
    attack("s1_make_a_directory", |home| fs::create_dir(home.join("directory"))),
    attack("s1_delete_a_directory", |home| fs::remove_dir(home.join("empty"))),
    attack("s1_make_a_pipe", |home| {
        // SAFETY: the path outlives the call.
        check(unsafe { libc::mkfifo(text(&home.join("pipe"))?.as_ptr(), 0o600) }).map(drop)
    }),
    attack("s1_make_a_device", |home| {
        // SAFETY: the path outlives the call.
        let made = unsafe {
            libc::mknod(
                text(&home.join("null"))?.as_ptr(),
                libc::S_IFCHR | 0o600,
                libc::makedev(1, 3),
            )
        };
        check(made).map(drop)
    })
    .as_root(),
    attack("s1_rename_within", |home| fs::rename(home.join("victim"), home.join("moved"))),
    attack("s1_rename_in", |home| fs::rename(home.join("victim"), "taken")),
    attack("s1_rename_out", |home| {
        fs::write(own("mine"), "x")?;
        fs::rename(own("mine"), home.join("victim"))
    }),
    attack("s1_exchange", |home| {
        let mine = own("mine");
        fs::create_dir_all(&mine)?;
        rustix::fs::renameat_with(
            rustix::fs::CWD,
            mine,
            rustix::fs::CWD,
            home.join("empty"),
            rustix::fs::RenameFlags::EXCHANGE,
        )?;
        Ok(())
    }),
    attack("s1_symlink_there", |home| symlink("/", home.join("link"))),
    attack("s1_hard_link_there", |home| fs::hard_link(home.join("victim"), home.join("linked"))),
    attack("s1_hard_link_to_it", |home| {
        fs::hard_link(home.join("victim"), "linked")?;
        fs::write("linked", "x")
    }),
    attack("s1_link_an_unnamed_file_there", |home| {
        let mut unnamed = OpenOptions::new();
        unnamed.write(true).custom_flags(libc::O_TMPFILE);
        let file = unnamed.open(own("."))?;
        let from = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        // SAFETY: both paths outlive the call.
        let linked = unsafe {
            libc::linkat(
                libc::AT_FDCWD,
                from.as_ptr(),
                libc::AT_FDCWD,
                text(&home.join("new"))?.as_ptr(),
                libc::AT_SYMLINK_FOLLOW,
            )
        };
        check(linked).map(drop)
    }),
    attack("s1_through_a_link", |home| {
        symlink(home, own("way"))?;
        fs::write(own("way").join("victim"), "x")
    }),
    attack("s1_through_a_link_swapped_while_writing", swapped_while_writing),
    attack("s1_through_proc", |home| {
        let file = File::open(home.join("victim"))?;
        fs::write(format!("/proc/self/fd/{}", file.as_raw_fd()), "x")
    }),
    attack("s1_through_the_root_of_a_process", |home| {
        fs::write(under("/proc/self/root", home).join("victim"), "x")
    }),
    attack("s1_through_the_root_of_another", |home| {
        let bystander = number(home, "bystander")?;
        fs::write(under(&format!("/proc/{bystander}/root"), home).join("victim"), "x")
    }),
    attack("s1_through_a_mapping", |home| {
        let file = File::options().read(true).write(true).open(home.join("victim"))?;
        // SAFETY: a mapping of one byte that nothing else knows of.
        unsafe {
            let flags = libc::PROT_READ | libc::PROT_WRITE;
            let at =
                libc::mmap(std::ptr::null_mut(), 1, flags, libc::MAP_SHARED, file.as_raw_fd(), 0);
            unless(at != libc::MAP_FAILED)?;
            at.cast::<u8>().write_volatile(b'x');
        }
        Ok(())
    }),
    attack("s1_through_an_inherited_descriptor", |home| {
        inherited(home, "descriptor")?.write_all(b"x")
    }),
    attack("s1_through_an_inherited_directory", |home| {
        let directory = std::mem::ManuallyDrop::new(inherited(home, "directory_descriptor")?);
        let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::TRUNC;
        let file = rustix::fs::openat(&*directory, "victim", flags, rustix::fs::Mode::empty())?;
        File::from(file).write_all(b"x")
    }),
    attack("s1_by_a_handle", by_handle).as_root(),
    attack("s1_into_a_device_of_the_host", |_| {
        File::options().write(true).open(disk().ok_or_else(impossible)?).map(drop)
    })
    .as_root(),
    attack("s2_mode", |home| {
        fs::set_permissions(home.join("victim"), fs::Permissions::from_mode(0o777))
    })
    .on_full(),
    attack("s2_mode_of_an_open_file", |home| {
        File::open(home.join("victim"))?.set_permissions(fs::Permissions::from_mode(0o777))
    })
    .on_full(),
    attack("s2_mode_through_a_link", |home| {
        symlink(home.join("victim"), own("way"))?;
        fs::set_permissions(own("way"), fs::Permissions::from_mode(0o777))
    })
    .on_full(),
    attack("s2_owner", |home| {
        let found = fs::metadata(home.join("victim"))?;
        std::os::unix::fs::chown(home.join("victim"), Some(found.uid()), Some(found.gid()))
    })
    .on_full(),
    attack("s2_owner_of_an_open_file", |home| {
        let file = File::open(home.join("victim"))?;
        let found = file.metadata()?;
        std::os::unix::fs::fchown(&file, Some(found.uid()), Some(found.gid()))
    })
    .on_full(),
    attack("s2_mode_of_a_device", |_| {
        let mode = fs::metadata("/dev/full")?.permissions();
        fs::set_permissions("/dev/full", mode)
    })
    .on_full()
    .as_root(),
    attack("s2_times", |home| File::open(home.join("victim"))?.set_modified(std::time::UNIX_EPOCH))
        .on_full(),
    attack("s2_times_of_a_directory", |home| File::open(home)?.set_modified(std::time::UNIX_EPOCH))
        .on_full(),
    attack("s2_an_attribute", |home| {
        let set = |path: &Path| {
            rustix::fs::setxattr(path, c"user.x", b"x", rustix::fs::XattrFlags::empty())
        };
        match set(&home.join("victim")) {
            Err(rustix::io::Errno::OPNOTSUPP) => Err(impossible()),
            done => Ok(done?),
        }
    })
    .on_full(),
    attack("s2_an_attribute_of_an_open_file", |home| {
        let file = File::open(home.join("victim"))?;
        match rustix::fs::fsetxattr(&file, c"user.x", b"x", rustix::fs::XattrFlags::empty()) {
            Err(rustix::io::Errno::OPNOTSUPP) => Err(impossible()),
            done => Ok(done?),
        }
    })
    .on_full(),
    attack("s2_flags", |home| {
        let file = File::open(home.join("victim"))?;
        let flags = rustix::fs::ioctl_getflags(&file).map_err(|_| impossible())?;
        Ok(rustix::fs::ioctl_setflags(&file, flags | rustix::fs::IFlags::NODUMP)?)
    })
    .on_full(),
    attack("s11_read_a_secret", |home| read_secret(&home.join(".ssh/id"))),
    attack("s11_read_the_first_secret_that_a_variable_names", |home| {
        read_secret(&home.join("clusters/one"))
    }),
    attack("s11_read_the_second_secret_that_a_variable_names", |home| {
        read_secret(&home.join("clusters/two"))
    }),
    attack("s11_read_the_passwords_that_git_keeps_where_it_was_told", |home| {
        read_secret(&home.join("passwords"))
    }),
    attack("s11_read_a_secret_through_a_link", |home| {
        symlink(home.join(".ssh"), own("keys"))?;
        read_secret(&own("keys/id"))
    }),
    attack("s11_read_a_secret_through_proc", |home| {
        read_secret(&under("/proc/self/root", home).join(".ssh/id"))
    }),
    attack("s11_move_a_secret_to_where_it_can_be_read", |home| {
        fs::rename(home.join(".ssh"), "keys")?;
        read_secret(Path::new("keys/id"))
    }),
    attack("s11_link_a_secret_to_where_it_can_be_read", |home| {
        fs::hard_link(home.join(".ssh/id"), "key")?;
        read_secret(Path::new("key"))
    }),
    attack("s11_read_the_disk_that_holds_them", |_| {
        File::open(disk().ok_or_else(impossible)?).map(drop)
    })
    .as_root(),
    attack("s11_read_passwords", |_| read_secret(Path::new("/etc/shadow"))).as_root(),
];

fn text(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

fn under(root: &str, path: &Path) -> std::path::PathBuf {
    Path::new(root).join(path.strip_prefix("/").unwrap_or(path))
}

pub(crate) fn disk() -> Option<PathBuf> {
    use std::os::unix::fs::FileTypeExt as _;
    let devices = fs::read_dir("/dev").ok()?.flatten().map(|entry| entry.path());
    devices
        .into_iter()
        .find(|path| fs::metadata(path).is_ok_and(|found| found.file_type().is_block_device()))
}

pub(crate) fn read_secret(path: &Path) -> io::Result<()> {
    let mut secret = String::new();
    File::open(path)?.read_to_string(&mut secret)?;
    unless(!secret.is_empty())
}

/// What whoever started us left open. It may be anything by now, or nothing.
pub(crate) fn inherited(home: &Path, name: &str) -> io::Result<File> {
    let number = number(home, name)?;
    // SAFETY: whether it is open is checked first, and nobody else uses it.
    let file = unsafe {
        check(libc::fcntl(number, libc::F_GETFD))?;
        File::from_raw_fd(number)
    };
    Ok(file)
}

/// One thread turns a link to and fro, another writes through it.
fn swapped_while_writing(home: &Path) -> io::Result<()> {
    let (mine, link, other) = (own("mine"), own("turning"), own("other"));
    fs::create_dir_all(&mine)?;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for target in [home, &*fs::canonicalize(&mine).unwrap_or_default()] {
                    let _ = symlink(target, &other).and_then(|()| fs::rename(&other, &link));
                }
            }
        });
        let victim = home.join("victim");
        let mut written = false;
        for _ in 0..3_000 {
            if let Ok(mut file) = File::options().write(true).open(link.join("victim")) {
                let _ = file.seek(SeekFrom::Start(0));
                let _ = file.write_all(b"x");
            }
            if fs::read(&victim).is_ok_and(|text| text.starts_with(b"x")) {
                written = true;
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
        unless(written)
    })
}

fn by_handle(home: &Path) -> io::Result<()> {
    #[repr(C)]
    struct Handle {
        bytes: u32,
        kind: i32,
        handle: [u8; 128],
    }
    let mut handle = Handle { bytes: 128, kind: 0, handle: [0; 128] };
    let mut mount = 0;
    let directory = File::open(home)?;
    // SAFETY: all memory outlives the calls, which are told its size.
    unsafe {
        check(libc::syscall(
            libc::SYS_name_to_handle_at,
            libc::AT_FDCWD,
            text(&home.join("victim"))?.as_ptr(),
            &raw mut handle,
            &raw mut mount,
            0,
        ))
        .map_err(|_| impossible())?;
        let opened = check(libc::syscall(
            libc::SYS_open_by_handle_at,
            directory.as_raw_fd(),
            &raw mut handle,
            libc::O_WRONLY,
        ))?;
        File::from_raw_fd(i32::try_from(opened).unwrap_or(-1)).write_all(b"x")
    }
}
