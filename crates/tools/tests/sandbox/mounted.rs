//! S1, S2, S10, S11 by mounts: another way to what is closed, something else in its place, or what covers it taken away.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags, fsconfig_create, fsmount, fsopen, mount, mount_bind, mount_move, mount_remount,
    move_mount, open_tree, unmount,
};

use crate::attack::{Attack, attack, check, own, unless};
use crate::files::read_secret;
use crate::told::apart;

pub(crate) const ATTACKS: &[Attack] = &[
    attack("s1_through_a_mount", |home| {
        let way = way(home)?;
        fs::write(way.join("victim"), "x")
    })
    .as_root(),
    attack("s11_where_the_home_is_mounted_again", |home| {
        unless(fs::read(home.join("empty/.ssh/id"))? == b"secret")
    })
    .after(|home| {
        apart()?;
        Ok(mount_bind(home, home.join("empty"))?)
    })
    .as_root(),
    attack("s11_where_a_secret_is_mounted_again", |home| {
        unless(fs::read(home.join("empty/id"))? == b"secret")
    })
    .after(|home| {
        apart()?;
        Ok(mount_bind(home.join(".ssh"), home.join("empty"))?)
    })
    .as_root(),
    // In the reduced tier it is put back afterwards, which whoever writes does not see.
    attack("s10_where_the_workspace_is_mounted_again", |_| {
        fs::write("empty/.agent/config.toml", "evil")?;
        unless(fs::read(".agent/config.toml")? == b"evil")
    })
    .after(|_| {
        fs::create_dir_all(".agent")?;
        fs::create_dir_all("empty")?;
        fs::write(".agent/config.toml", "own")?;
        apart()?;
        Ok(mount_bind(".", "empty")?)
    })
    .as_root()
    .on_full(),
    attack("s1_through_a_mount_in_a_user_namespace", |home| {
        // SAFETY: nothing is shared with anybody.
        check(unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) })?;
        let way = way(home)?;
        fs::write(way.join("victim"), "x")
    }),
    attack("s1_by_mounting_over_it", |home| {
        let _ = apart();
        fs::write(own("mine"), "x")?;
        mount_bind(own("mine"), home.join("victim"))?;
        unless(fs::read(home.join("victim"))? == b"x")
    })
    .as_root(),
    attack("s1_by_mounting_anew", |home| {
        let way = way(home)?;
        mount_remount(&way, MountFlags::BIND, "")?;
        fs::write(way.join("victim"), "x")
    })
    .as_root(),
    attack("s1_by_mounting_all_anew", |home| {
        let _ = apart();
        let root = mount_point(home);
        mount_remount(root, MountFlags::BIND, "")?;
        fs::write(home.join("victim"), "x")
    })
    .as_root(),
    attack("s1_by_moving_a_mount", |home| {
        let (way, moved) = (way(home)?, own("moved"));
        fs::create_dir_all(&moved)?;
        mount_move(way, &moved)?;
        fs::write(moved.join("victim"), "x")
    })
    .as_root(),
    attack("s1_through_an_overlay", |home| {
        let (merged, lower) = (own("merged"), own("lower"));
        let _ = apart();
        for directory in [&merged, &lower] {
            fs::create_dir_all(directory)?;
        }
        let (upper, work) = (home.join("empty"), home.join("clusters"));
        for secret in ["one", "two"] {
            let _ = fs::remove_file(work.join(secret));
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.canonicalize()?.display(),
            upper.display(),
            work.display()
        );
        mount("overlay", &merged, "overlay", MountFlags::empty(), &*CString::new(options)?)?;
        fs::write(merged.join("new"), "x")?;
        unless(upper.join("new").exists())
    })
    .as_root(),
    attack("s1_through_a_copy_of_a_mount", |home| {
        let tree = tree(home)?;
        let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::TRUNC;
        rustix::fs::openat(&tree, "victim", flags, rustix::fs::Mode::empty())?;
        Ok(())
    })
    .as_root(),
    attack("s1_by_a_copy_of_a_mount_put_elsewhere", |home| {
        let (tree, way) = (tree(home)?, own("way"));
        fs::create_dir_all(&way)?;
        put(&tree, &way)?;
        fs::write(way.join("victim"), "x")
    })
    .as_root(),
    attack("s1_by_a_new_file_system_over_it", |home| {
        let _ = apart();
        let opened = fsopen("tmpfs", FsOpenFlags::empty())?;
        fsconfig_create(&opened)?;
        let made = fsmount(&opened, FsMountFlags::empty(), MountAttrFlags::empty())?;
        put(&made, &home.join("empty"))?;
        fs::write(home.join("empty/new"), "x")
    })
    .as_root(),
    attack("s1_by_attributes_of_a_mount", |home| {
        let _ = apart();
        make_writable(&mount_point(home))?;
        fs::write(home.join("victim"), "x")
    })
    .as_root(),
    attack("s2_mode_through_a_mount", |home| {
        let way = way(home)?;
        fs::set_permissions(way.join("victim"), fs::Permissions::from_mode(0o777))
    })
    .as_root(),
    attack("s2_mode_through_a_copy_of_a_mount", |home| {
        let tree = tree(home)?;
        let mode = rustix::fs::Mode::from_raw_mode(0o777);
        Ok(rustix::fs::chmodat(&tree, "victim", mode, rustix::fs::AtFlags::empty())?)
    })
    .as_root(),
    attack("s11_read_a_secret_that_was_uncovered", |home| {
        let _ = apart();
        // Unsandboxed nothing covers it.
        for covered in [home.join(".ssh"), mount_point(home)] {
            if covered != Path::new("/") {
                let _ = unmount(covered, UnmountFlags::DETACH);
            }
        }
        read_secret(&home.join(".ssh/id"))
    })
    .as_root(),
    attack("s11_read_a_secret_through_a_mount", |home| {
        // Not with what is mounted below it.
        let way = way(home)?;
        read_secret(&way.join(".ssh/id"))
    })
    .as_root(),
];

/// The home once more, where the attacker may write.
fn way(home: &Path) -> io::Result<PathBuf> {
    let way = own("way");
    let _ = apart();
    fs::create_dir_all(&way)?;
    mount_bind(home, &way)?;
    Ok(way)
}

fn tree(home: &Path) -> io::Result<OwnedFd> {
    let _ = apart();
    Ok(open_tree(CWD, home, OpenTreeFlags::OPEN_TREE_CLONE)?)
}

fn put(tree: &OwnedFd, at: &Path) -> io::Result<()> {
    Ok(move_mount(tree, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// The mount that a path lies in.
fn mount_point(path: &Path) -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    let around = points.filter(|point| path.starts_with(point));
    around.max_by_key(|point| point.components().count()).unwrap_or("/".into())
}

fn make_writable(mount: &Path) -> io::Result<()> {
    const READ_ONLY: u64 = 1;
    let path = CString::new(mount.as_os_str().as_bytes())?;
    let attributes = [0, READ_ONLY, 0, 0_u64];
    // SAFETY: the path and the attributes outlive the call, which is told their size.
    let code = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            CWD.as_raw_fd(),
            path.as_ptr(),
            0,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    check(code).map(drop)
}
