//! What the commands of a world see of the file system, in the full tier: everything read-only, the writable roots
//! put back, temporary space and devices of their own, secrets and the host's sockets covered. Built once by the
//! holder; each room copies it and adds its own `/proc` and pins (`pins.rs`).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use agent_protocol::SandboxMode;

use super::first::{self, Likelihood};
use super::mounts::{self, Tree, at};
use super::state::{self, changed_at};
use super::{memory, roots, steps, untold};
use crate::sandbox::{SandboxPolicy, secrets};

const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

const DEVICE_LINKS: &[(&str, &str)] = &[
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Directories the world gets empty ones for: their modes, and what part of the memory each may take. All of it is lost to
/// others while the world is there, and no process has it: together, with what files take beside, they leave two fifths.
const COVERED: &[(&str, &str, u64)] =
    &[("/run", "755", 64), ("/tmp", "1777", 4), ("/var/tmp", "1777", 8), ("/dev", "755", 64)];
/// The same part of shared memory, within `/dev`.
const PART_OF_SHARED_MEMORY: u64 = 16;

/// Those of them that commands write to.
const TEMPORARY: &[&str] = &["/tmp", "/var/tmp"];

/// The kernel's own, whatever the person names as a writable root.
pub(super) const OF_KERNEL: &[&str] = &["/dev", "/proc", "/sys"];

/// File systems that steer the kernel, wherever they are mounted.
const KERNELS: &[&str] = &[
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devtmpfs",
    "efivarfs",
    "proc",
    "pstore",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

/// What programs need of `/run`.
const OF_RUN: &[&str] = &["/run/current-system", "/run/opengl-driver"];

/// Where an empty file and an empty directory lie to cover others with.
const BLANK: &str = "/run/.blank";

/// Parts of `/proc` that tell of the kernel's memory or of what others do.
const KERNEL_SECRETS: &[&str] = &[
    "kcore",
    "keys",
    "key-users",
    "kmsg",
    "latency_stats",
    "locks",
    "sched_debug",
    "timer_list",
    "timer_stats",
    "vmallocinfo",
    "vmcore",
];

/// # Errors
/// In words for the person, when the system lets one of the steps not happen.
pub(super) fn build(policy: &SandboxPolicy) -> Result<Hidden, String> {
    mounts::keep_apart()?;
    let kept = Kept::collect(policy)?;
    let devices = DEVICES
        .iter()
        .map(|name| Ok((*name, Tree::copy(&Path::new("/dev").join(name))?)))
        .collect::<Result<Vec<_>, String>>()?;
    mounts::close_all(Path::new("/"))?;
    let memory = memory::there_is();
    for (path, mode, part) in COVERED {
        // Where it is a link, what it leads to is covered.
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
            mounts::cover(Path::new(path), mode, memory / part)?;
        }
    }
    build_devices(devices, memory / PART_OF_SHARED_MEMORY)?;
    kept.put_back(policy.mode)?;
    blank()?;
    untold::hide()?;
    let hidden = Hidden::all(policy)?;
    for sealed in ["/dev", "/run"] {
        mounts::make_this_read_only(Path::new(sealed))?;
    }
    Ok(hidden)
}

/// Trees that stay to be seen, or stay writable, copied before everything else is closed.
struct Kept {
    roots: Vec<(PathBuf, Tree)>,
    read_only: Vec<(PathBuf, Tree)>,
    /// The root directory itself is a writable root.
    everything: bool,
}

impl Kept {
    fn collect(policy: &SandboxPolicy) -> Result<Self, String> {
        let mut roots = BTreeSet::new();
        roots.extend(policy.writable_roots.iter().cloned());
        roots.retain(|root| !is_kernels(root));
        let everything = roots.remove(Path::new("/"));
        let read_only = visible(policy).into_iter().filter(|path| !roots.contains(path));
        let copy = |path: PathBuf| Tree::copy(&path).map(|tree| (path, tree));
        Ok(Self {
            read_only: read_only.map(copy).collect::<Result<_, _>>()?,
            // A set of paths is in order: what lies within another root comes after it.
            roots: roots.into_iter().filter_map(copy_root).collect::<Result<_, _>>()?,
            everything,
        })
    }

    fn put_back(self, mode: SandboxMode) -> Result<(), String> {
        for (path, tree) in self.read_only {
            make_place(&path)?;
            tree.without_devices()?.read_only()?.put(&path)?;
        }
        let writable = mode == SandboxMode::WorkspaceWrite;
        if self.everything && writable {
            mounts::make_writable(Path::new("/"))?;
        }
        for (path, tree) in self.roots {
            make_place(&path)?;
            let tree = tree.without_devices()?;
            let tree = if writable { tree } else { tree.read_only()? };
            tree.put(&path)?;
            close_kernels(&path)?;
        }
        Ok(())
    }
}

/// None, if it is not there any more.
fn copy_root(path: PathBuf) -> Option<Result<(PathBuf, Tree), String>> {
    let opened = roots::open(&path).ok()?;
    Some(Tree::copy_of(&opened, &path).map(|tree| (path, tree)))
}

pub(super) fn is_kernels(path: &Path) -> bool {
    OF_KERNEL.iter().any(|kernels| path.starts_with(kernels))
}

/// What steers the kernel below a writable root, as in another system that is made there.
fn close_kernels(root: &Path) -> Result<(), String> {
    for (path, kind) in mounts::below(root)? {
        if KERNELS.contains(&&*kind) {
            mounts::close(&path)?;
        }
    }
    Ok(())
}

/// What has to stay in sight although it may lie in a directory that is covered.
fn visible(policy: &SandboxPolicy) -> BTreeSet<PathBuf> {
    let mut paths: Vec<PathBuf> = OF_RUN.iter().map(PathBuf::from).collect();
    paths.extend(policy.env.get(std::ffi::OsStr::new("HOME")).map(PathBuf::from));
    if policy.network {
        paths.push("/etc/resolv.conf".into());
    }
    let is_covered = |path: &PathBuf| {
        COVERED.iter().any(|(covered, ..)| path.starts_with(covered) && path != Path::new(covered))
    };
    paths.iter().filter_map(|path| path.canonicalize().ok()).filter(is_covered).collect()
}

/// A mount needs something to lie on; in a covered directory that is made, elsewhere it is there.
fn make_place(path: &Path) -> Result<(), String> {
    if path.exists() {
        return Ok(());
    }
    if COVERED.iter().all(|(covered, ..)| !path.starts_with(covered)) {
        return Err(format!("{} cannot be reached", path.display()));
    }
    let mut way: Vec<_> = path.ancestors().skip(1).take_while(|way| !way.exists()).collect();
    way.reverse();
    for directory in way {
        fs::create_dir(directory).map_err(at("making", directory))?;
        // Whoever moves it takes the mount along, and can make another one by its name. The rest is closed anyway.
        if TEMPORARY.iter().any(|temporary| directory.starts_with(temporary)) {
            mounts::hold(directory)?;
        }
    }
    fs::create_dir(path).map_err(at("making", path))
}

fn build_devices(devices: Vec<(&str, Tree)>, shared_memory: u64) -> Result<(), String> {
    let own = Path::new("/dev");
    for (name, tree) in devices {
        let path = own.join(name);
        fs::write(&path, "").map_err(at("making", &path))?;
        // It may be written to all the same, while its mode and its times are the machine's.
        tree.read_only()?.put(&path)?;
    }
    for (name, target) in DEVICE_LINKS {
        symlink(target, own.join(name)).map_err(at("making", &own.join(name)))?;
    }
    for name in ["pts", "shm"] {
        fs::create_dir(own.join(name)).map_err(at("making", &own.join(name)))?;
    }
    mounts::mount_kernels("devpts", &own.join("pts"), "newinstance,ptmxmode=0666,mode=620")?;
    mounts::cover(&own.join("shm"), "1777", shared_memory)
}

fn blank() -> Result<(), String> {
    let blank = Path::new(BLANK);
    fs::create_dir_all(blank.join("directory")).map_err(at("making", blank))?;
    fs::write(blank.join("file"), "").map_err(at("making", blank))?;
    for name in ["directory", "file"] {
        let mode = fs::Permissions::from_mode(if name == "file" { 0o444 } else { 0o555 });
        fs::set_permissions(blank.join(name), mode).map_err(at("closing", blank))?;
    }
    Ok(())
}

/// The secrets are hidden where they were at one time: who replaces one, or makes one, uncovers it.
pub(super) struct Hidden {
    /// The directories they lie in, or would, and when those changed last.
    parents: Vec<(PathBuf, Option<i64>)>,
}

impl Hidden {
    /// Hides those that are not hidden already.
    pub(super) fn all(policy: &SandboxPolicy) -> Result<Self, String> {
        let secrets = secrets::paths(&policy.secrets);
        let parents: BTreeSet<_> = secrets.iter().filter_map(|secret| existing(secret)).collect();
        // By the clock of files, what changes shortly after seems to have changed before.
        let now = state::now();
        let settled = |path: &Path| changed(path).filter(|changed| *changed < now);
        let parents = parents.into_iter().map(|path| (path.to_owned(), settled(path))).collect();
        if policy.mode == SandboxMode::WorkspaceWrite {
            let places: Vec<_> = policy.secrets.iter().cloned().collect();
            steps::hold(&places, &policy.writable_roots)?;
        }
        secrets.iter().try_for_each(|secret| hide(secret))?;
        Ok(Self { parents })
    }

    /// Whether something may have come to where secrets lie since.
    pub(super) fn is_outdated(&self) -> bool {
        self.parents.iter().any(|(parent, then)| then.is_none() || changed(parent) != *then)
    }
}

/// The directory that a path lies in, or that which would have to change first.
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors().skip(1).find(|directory| directory.is_dir())
}

fn changed(directory: &Path) -> Option<i64> {
    fs::metadata(directory).ok().as_ref().map(changed_at)
}

/// Puts something empty in the place of a file or a directory; what is not there needs none.
pub(super) fn hide(path: &Path) -> Result<(), String> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    // What a link leads to is hidden where it is.
    let kind = found.file_type();
    if kind.is_symlink() {
        return Ok(());
    }
    let blank = Path::new(BLANK).join(if kind.is_dir() { "directory" } else { "file" });
    let is_hidden = fs::metadata(&blank)
        .is_ok_and(|blank| (blank.dev(), blank.ino()) == (found.dev(), found.ino()));
    if is_hidden { Ok(()) } else { Tree::copy(&blank)?.read_only()?.put(path) }
}

/// Mounts the room's own `/proc`; called by its first process. All of it is read-only: what steers the kernel, and modes,
/// which are the machine's here too.
pub(super) fn own_processes() -> Result<Likelihood, String> {
    let proc = Path::new("/proc");
    mounts::mount_kernels("proc", proc, "")?;
    for name in KERNEL_SECRETS {
        hide(&proc.join(name))?;
    }
    // Seen through a mount that stays writable, of which nobody else knows.
    let likelihood = Tree::copy(Path::new(first::LIKELIHOOD))?;
    mounts::make_this_read_only(proc)?;
    Ok(Likelihood::at(&likelihood.path()))
}
