//! The control group of a world (R9, R11): where a group may be made beside our own, all rooms are in it, their processes
//! are counted together, and what outlives the last of them is killed. Elsewhere there is none, and nothing is said.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock, mkdirat, openat, unlinkat};

use super::{Forked, limits};

const PREFIX: &str = "agent-world-";

/// With some to spare, so that a command that takes all it may does not keep a room from being opened.
const MOST_PROCESSES: u64 = limits::MOST_PROCESSES + 256;

/// How long what was killed may take to be gone.
const SOON: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

pub(super) struct Cgroup {
    parent: OwnedFd,
    name: String,
    /// Locked, so that nobody takes it for one that was left.
    directory: OwnedFd,
}

impl Cgroup {
    /// None where there is none to be had. Made before the mounts are closed.
    pub(super) fn make() -> Option<Self> {
        let read = |name| std::fs::read_to_string(Path::new("/proc/self").join(name)).ok();
        let parent = parent_of_own(&read("cgroup")?, &read("mountinfo")?)?;
        let made = Self::below(&parent).ok()?;
        // Not everywhere are processes counted.
        let _ = made.write("pids.max", &MOST_PROCESSES.to_string());
        Some(made)
    }

    fn below(parent: &Path) -> io::Result<Self> {
        let parent = open(CWD, parent)?;
        sweep(&parent);
        let name = format!("{PREFIX}{}", std::process::id());
        mkdirat(&parent, &name, Mode::from_raw_mode(0o755))?;
        let directory = open(&parent, &name)?;
        flock(&directory, FlockOperation::LockShared)?;
        Ok(Self { parent, name, directory })
    }

    /// Forks a process into it. `flags` are those of `clone`; without a stack and shared memory it is a fork.
    #[allow(unsafe_code)]
    pub(super) fn fork(&self, flags: i32) -> io::Result<Forked> {
        /// The kernel's `struct clone_args`.
        #[repr(C)]
        #[derive(Default)]
        struct Arguments {
            flags: u64,
            descriptors: [u64; 3],
            exit_signal: u64,
            memory: [u64; 3],
            numbers: [u64; 2],
            cgroup: u64,
        }
        const INTO_CGROUP: u64 = 1 << 33;
        let arguments = Arguments {
            flags: u64::from(flags.cast_unsigned()) | INTO_CGROUP,
            exit_signal: libc::SIGCHLD.cast_unsigned().into(),
            cgroup: self.directory.as_raw_fd().cast_unsigned().into(),
            ..Arguments::default()
        };
        // SAFETY: the kernel only reads the structure, which is as long as it is told; this process has one thread, so
        // the child's copy of all state is consistent.
        let forked = unsafe {
            libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<Arguments>())
        };
        match forked {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(Forked::Child),
            pid => Ok(Forked::Parent(u32::try_from(pid).unwrap_or_default())),
        }
    }

    /// Kills what is left in it, and takes it away. What has not gone by then is swept by the next.
    pub(super) fn end(self) {
        if self.remove().is_ok() {
            return;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let Ok(events) = openat(&self.directory, "cgroup.events", flags, Mode::empty()) else {
            return;
        };
        // What was read is what it is compared with.
        let _ = rustix::io::read(&events, &mut [0_u8; 256]);
        if self.write("cgroup.kill", "1").is_ok() {
            let _ = poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&SOON));
            let _ = self.remove();
        }
    }

    fn remove(&self) -> rustix::io::Result<()> {
        unlinkat(&self.parent, &self.name, AtFlags::REMOVEDIR)
    }

    fn write(&self, file: &str, text: &str) -> rustix::io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(&self.directory, file, flags, Mode::empty())?;
        rustix::io::write(&file, text.as_bytes()).map(drop)
    }
}

fn open(
    parent: impl std::os::fd::AsFd,
    path: impl rustix::path::Arg,
) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, path, flags, Mode::empty())
}

/// Takes away those whose holder was killed; one in which something runs cannot be removed.
fn sweep(parent: &OwnedFd) {
    let Ok(entries) = rustix::fs::Dir::read_from(parent) else { return };
    for name in entries.flatten().map(|entry| entry.file_name().to_owned()) {
        if !name.to_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let left = open(parent, &*name);
        let is_left = left
            .and_then(|left| flock(&left, FlockOperation::NonBlockingLockExclusive).map(|()| left));
        if is_left.is_ok() {
            let _ = unlinkat(parent, &*name, AtFlags::REMOVEDIR);
        }
    }
}

/// The directory of the group that ours lies in, by what `/proc` tells of our groups and mounts.
fn parent_of_own(groups: &str, mounts: &str) -> Option<PathBuf> {
    places(own(groups)?.parent()?, mounts).next()
}

/// The group of this process, as it is called where it is one of the second version.
fn own(groups: &str) -> Option<&Path> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    (!own.contains("..")).then_some(Path::new(own))
}

/// Where a group of the second version is to be found.
fn places(group: &Path, mounts: &str) -> impl Iterator<Item = PathBuf> {
    mounts.lines().filter_map(move |line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, at) = (fields.next()?, fields.next()?);
        let within = group.strip_prefix(root).ok()?;
        // What is joined with nothing would end in a `/`.
        let place = || Path::new(at).join(within).components().collect();
        kind.starts_with("cgroup2 ").then(place)
    })
}

/// The directory of our own group below a place where groups are mounted.
pub(super) fn of_own(mount: &Path) -> Option<PathBuf> {
    let read = |name| std::fs::read_to_string(Path::new("/proc/self").join(name)).ok();
    let (groups, mounts) = (read("cgroup")?, read("mountinfo")?);
    places(own(&groups)?, &mounts).find(|place| place.starts_with(mount))
}

/// How much memory our own group may use, or one that it lies in if that is less; none, where none says so.
pub(super) fn own_memory() -> Option<u64> {
    let read = |name| std::fs::read_to_string(Path::new("/proc/self").join(name)).ok();
    let (groups, mounts) = (read("cgroup")?, read("mountinfo")?);
    least_memory(&places(own(&groups)?, &mounts).next()?)
}

fn least_memory(group: &Path) -> Option<u64> {
    let limit = |group: &Path| std::fs::read_to_string(group.join("memory.max")).ok();
    group.ancestors().filter_map(limit).filter_map(|limit| limit.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r11_the_memory_of_a_group_is_the_least_of_those_it_lies_in() {
        let outer = tempfile::tempdir().unwrap();
        let group = outer.path().join("a/b");
        std::fs::create_dir_all(&group).unwrap();
        assert_eq!(least_memory(&group), None);
        std::fs::write(group.join("memory.max"), "max\n").unwrap();
        std::fs::write(outer.path().join("memory.max"), "400000\n").unwrap();
        assert_eq!(least_memory(&group), Some(400_000));
        std::fs::write(group.join("memory.max"), "3000\n").unwrap();
        assert_eq!(least_memory(&group), Some(3_000));
    }

    #[test]
    fn r11_the_group_that_ours_lies_in_is_found_where_it_is_mounted() {
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw\n\
                      35 31 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let found = |groups, mounts| parent_of_own(groups, mounts);
        let unified = |path: &str| Some(Path::new("/sys/fs/cgroup/unified").join(path));
        assert_eq!(found("8:pids:/x\n0::/user.slice/a.scope\n", mounts), unified("user.slice"));
        assert_eq!(found("0::/a.scope\n", mounts), unified(""));
        let of_container = "41 31 0:38 /box /sys/fs/cgroup ro - cgroup2 cgroup2 rw";
        assert_eq!(found("0::/box/a/b\n", of_container), Some("/sys/fs/cgroup/a".into()));
        for outside in ["0::/", "0::/../other/a", "8:pids:/x/y", "", "0::/other/a"] {
            assert_eq!(found(outside, of_container), None, "{outside}");
        }
    }

    #[test]
    fn r7_one_that_was_left_is_swept_and_one_in_use_or_of_others_is_not() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["agent-world-0", "agent-other"] {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        let used = Cgroup::below(parent.path()).unwrap();
        sweep(&used.parent);
        let names = || {
            let entries = std::fs::read_dir(parent.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(), ["agent-other", &*used.name]);
        used.end();
        assert_eq!(names(), ["agent-other"]);
    }

    #[test]
    #[allow(unsafe_code)]
    fn r9_what_is_left_in_it_is_killed_with_it() {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own = parent_of_own("0::/own", &mounts);
        let Some(cgroup) = own.and_then(|parent| Cgroup::below(&parent).ok()) else {
            println!("not run: no control group may be made here");
            return;
        };
        let (directory, name) = (cgroup.directory.try_clone().unwrap(), cgroup.name.clone());
        let pid = match cgroup.fork(0) {
            // SAFETY: only calls that are allowed in a copy of one of many threads.
            Ok(Forked::Child) => unsafe {
                loop {
                    libc::pause();
                }
            },
            Ok(Forked::Parent(pid)) => rustix::process::Pid::from_raw(pid.cast_signed()),
            Err(error) => panic!("{error}"),
        };
        let there = std::fs::read_to_string(format!("/proc/{}/cgroup", pid.unwrap())).unwrap();
        assert!(there.contains(&name), "{there}");
        cgroup.end();
        let waited = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty());
        let (_, status) = waited.unwrap().unwrap();
        assert_eq!(status.terminating_signal(), Some(libc::SIGKILL));
        assert!(openat(&directory, "cgroup.procs", OFlags::RDONLY, Mode::empty()).is_err());
    }
}
