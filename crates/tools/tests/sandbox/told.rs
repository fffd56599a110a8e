//! S7, S11: what the kernel tells of others beside `/proc`: traces, lists, groups, and what is mounted or made a second
//! time elsewhere.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change};

use crate::attack::{Attack, attack, impossible, number, unless};
use crate::files::disk;

pub(crate) const ATTACKS: &[Attack] = &[
    attack("s7_read_what_the_kernel_traces", |_| any_tells(TRACES))
        .after(|_| any_tells(TRACES).or_else(|_| mount_traces()))
        .as_root(),
    attack("s7_read_what_the_kernel_lists", |_| {
        any_tells(&[
            "/proc/keys",
            "/proc/key-users",
            "/proc/latency_stats",
            "/proc/locks",
            "/proc/sched_debug",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/proc/vmallocinfo",
        ])
    })
    .on_full(),
    attack("s7_addresses_in_the_kernel", |_| {
        let symbols = fs::read_to_string("/proc/kallsyms").map_err(|_| impossible())?;
        unless(symbols.lines().any(|line| line.bytes().take(8).any(|digit| digit != b'0')))
    })
    .as_root(),
    attack("s7_see_groups_of_processes", |home| {
        let groups = fs::read_to_string(home.join("groups"))?;
        if groups.is_empty() {
            return Err(impossible());
        }
        unless(groups.lines().any(|group| Path::new(group).join("cgroup.procs").exists()))
    })
    .on_full(),
    attack("s7_see_the_group_beside_its_own", |home| {
        let made = fs::read_to_string(home.join(MADE_GROUPS))?;
        unless(made.lines().any(|group| Path::new(group).join("cgroup.procs").exists()))
    })
    .after(make_groups)
    .on_full()
    .as_root(),
    attack("s7_see_processes_where_they_are_mounted_again", |home| {
        let status = home.join(format!("empty/{}/status", number(home, "bystander")?));
        unless(fs::read_to_string(status)?.contains("attacker"))
    })
    .after(|home| {
        apart()?;
        Ok(mount("proc", home.join("empty"), "proc", MountFlags::empty(), None)?)
    })
    .on_full()
    .as_root(),
    attack("s11_read_the_disk_where_devices_are_mounted_again", |home| {
        fs::File::open(below(&home.join("empty"), &disk().ok_or_else(impossible)?)).map(drop)
    })
    .after(|home| {
        apart()?;
        Ok(mount_bind_recursive("/dev", home.join("empty"))?)
    })
    .on_full()
    .as_root(),
    attack("s11_read_the_disk_by_another_name", |home| {
        fs::File::open(home.join("disk")).or_else(|_| fs::File::open("disk")).map(drop)
    })
    .after(|home| {
        let device = fs::metadata(disk().ok_or_else(impossible)?)?.rdev();
        for name in [home.join("disk"), "disk".into()] {
            mknodat(CWD, name, FileType::BlockDevice, Mode::RUSR, device)?;
        }
        Ok(())
    })
    .on_full()
    .as_root(),
];

const TRACES: &[&str] = &[
    "/sys/kernel/tracing/saved_cmdlines",
    "/sys/kernel/tracing/trace",
    "/sys/kernel/debug/tracing/trace",
    "/sys/kernel/debug/sched/debug",
];

/// Not every machine does it as it starts.
fn mount_traces() -> io::Result<()> {
    apart()?;
    for (kind, place) in [("tracefs", "/sys/kernel/tracing"), ("debugfs", "/sys/kernel/debug")] {
        let _ = mount(kind, place, kind, MountFlags::empty(), None);
    }
    any_tells(TRACES).map_err(|_| impossible())
}

/// A file that names groups which have to be taken away again, a line each.
pub(crate) const MADE_GROUPS: &str = "made-groups";

/// This process is in one of two groups from now on.
fn make_groups(home: &Path) -> io::Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "));
    let mount = mount.and_then(|line| line.split(' ').nth(4)).ok_or_else(impossible)?;
    let group = |name| format!("{mount}/agent-attacked-{}-{name}", std::process::id());
    let (own, beside) = (group("own"), group("beside"));
    fs::write(home.join(MADE_GROUPS), format!("{own}\n{beside}\n"))?;
    fs::create_dir(&own)?;
    fs::create_dir(&beside)?;
    fs::write(Path::new(&own).join("cgroup.procs"), "0")
}

fn any_tells(paths: &[&str]) -> io::Result<()> {
    let tells = |path: &&str| {
        let read = fs::File::open(path).and_then(|mut file| file.read(&mut [0; 64]));
        read.is_ok_and(|length| length > 0)
    };
    unless(paths.iter().any(tells))
}

/// What this process mounts from now on nobody else sees, and goes with it.
pub(crate) fn apart() -> io::Result<()> {
    // SAFETY: nothing is shared with anybody.
    crate::attack::check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

fn below(directory: &Path, path: &Path) -> PathBuf {
    directory.join(path.file_name().unwrap_or_default())
}

/// Those that lie in others, of which there are none but the machine's own.
pub(crate) fn groups() -> Vec<PathBuf> {
    let mut groups = vec![PathBuf::from("/sys/fs/cgroup")];
    let mut found = Vec::new();
    while let Some(group) = groups.pop() {
        let entries = fs::read_dir(&group).into_iter().flatten().flatten();
        let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let within: Vec<_> = directories.map(|entry| entry.path()).collect();
        if group.join("cgroup.procs").exists() {
            found.extend(within.iter().cloned());
        }
        groups.extend(within);
    }
    found
}
