//! Landlock: which files a command may open for what. In the reduced tier it stands alone, so reading is granted
//! around the secrets; in the full tier the mounts have hidden them already.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use agent_protocol::SandboxMode;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath,
    PathFd, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope,
};

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::{World, metadata, roots, untold, view};
use crate::sandbox::secrets::{SecretPlaces, each_once, resolve};
use crate::sandbox::{Reach, Tier};

const BEST: ABI = ABI::V10;

/// Devices that hold nothing.
const HARMLESS: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
];

/// Directories where the things of all lie side by side; in the full tier they are the world's own (see `devices.rs`).
const SHARED: &[&str] = &["/dev/shm", "/dev/pts"];

/// The kernel's version of Landlock; 0 or less without it.
#[allow(unsafe_code)]
fn abi() -> i64 {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the call reads no memory and only returns a number.
    unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION)
    }
}

/// # Errors
/// When Landlock is missing: nothing would keep writes in.
pub(super) fn available() -> Result<(), String> {
    if abi() >= 1 {
        Ok(())
    } else {
        Err("this kernel offers no Landlock (Linux 5.13 and later do, unless it was switched off)"
            .into())
    }
}

/// `truncate` is confined from the third version on.
pub(super) fn guard_truncate() -> bool {
    abi() >= 3
}

/// Signals are from the sixth on.
pub(super) fn guard_signals() -> bool {
    abi() >= 6
}

/// From here on this process, and all it starts, can signal nobody but these. Returns whether that is certain.
pub(super) fn keep_signals_in() -> bool {
    // Who has started this process is the same user, so nothing else keeps a signal from them.
    let reaches_others = || {
        let parent = rustix::process::getppid();
        parent.map(rustix::process::test_kill_process) != Some(Err(Errno::PERM))
    };
    let Ok(root) = PathFd::new("/") else { return false };
    restrict_signals(root).is_ok_and(|status| status == RulesetStatus::FullyEnforced)
        && !reaches_others()
}

/// Any ruleset keeps files from being moved to other directories, unless it says that they may be: below the root.
fn restrict_signals(root: PathFd) -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::Refer)?
        .scope(Scope::Signal)?
        .create()?
        .add_rule(PathBeneath::new(root, AccessFs::Refer))?;
    Ok(ruleset.restrict_self()?.ruleset)
}

/// The walls of one room; built before its command is known, raised just before it runs.
pub(super) struct Walls {
    ruleset: RulesetCreated,
    /// The full tier stands without them.
    required: bool,
}

impl Walls {
    pub(super) fn build(world: &World, reach: Reach) -> Result<Self, RulesetError> {
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(BEST))?
            .scope(Scope::from_all(BEST))?;
        if world.tier == Tier::Reduced && !world.policy.network {
            ruleset = ruleset.handle_access(AccessNet::from_all(ABI::V4))?;
        }
        let mut walls = Self { ruleset: ruleset.create()?, required: world.tier == Tier::Reduced };
        walls.grant_reading(world)?;
        walls.grant_devices(world)?;
        walls.grant_writing(world, reach)?;
        Ok(walls)
    }

    fn grant_reading(&mut self, world: &World) -> Result<(), RulesetError> {
        let reading = AccessFs::ReadFile | AccessFs::Execute;
        if world.tier == Tier::Full {
            return self.grant(Path::new("/"), reading | AccessFs::ReadDir);
        }
        self.grant(Path::new("/"), AccessFs::ReadDir.into())?;
        let (mut hidden, _) = secrets(world);
        // Disks hold the secrets too, and consoles show what is typed; what is harmless there is granted by itself.
        hidden.push("/dev".into());
        // In `/proc` the like cannot be closed: what is granted beside it is what runs by then.
        hidden.extend(untold::readable());
        let (divided, steps) = (divided(world), world.steps.now());
        for path in around(&hidden) {
            let Ok(opened) = PathFd::new(&path) else { continue };
            // What a command has given another name is granted by none.
            if !steps.is_one(&opened) {
                let is_divided = metadata::is_below(&divided, &path);
                let moving = if is_divided { AccessFs::Refer.into() } else { BitFlags::EMPTY };
                self.grant_on(&opened, reading | moving)?;
            }
        }
        Ok(())
    }

    fn grant_devices(&mut self, world: &World) -> Result<(), RulesetError> {
        let using = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
        for device in HARMLESS {
            self.grant(Path::new(device), using)?;
        }
        for directory in SHARED.iter().filter(|_| world.tier == Tier::Full) {
            self.grant(Path::new(directory), writing() | AccessFs::IoctlDev)?;
        }
        Ok(())
    }

    fn grant_writing(&mut self, world: &World, reach: Reach) -> Result<(), RulesetError> {
        let reading = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::Execute;
        for path in world.temporary_directories() {
            self.grant(&path, writing() | reading)?;
        }
        if world.policy.mode == SandboxMode::WorkspaceWrite && reach == Reach::Policy {
            let divided = divided(world);
            for root in writable(world) {
                // What is there now may be a command's link.
                let Ok(opened) = roots::open(&root) else { continue };
                let is_divided = divided.contains(&root);
                let moving = if is_divided { AccessFs::Refer.into() } else { BitFlags::EMPTY };
                self.grant_on(&opened, writing() & !moving)?;
            }
        }
        Ok(())
    }

    /// Grants rights below a path; a path that is not there needs none.
    fn grant(&mut self, path: &Path, access: BitFlags<AccessFs>) -> Result<(), RulesetError> {
        let Ok(descriptor) = PathFd::new(path) else { return Ok(()) };
        self.grant_on(&descriptor, access)
    }

    fn grant_on(
        &mut self,
        file: &impl AsFd,
        access: BitFlags<AccessFs>,
    ) -> Result<(), RulesetError> {
        let is_directory = fstat(file)
            .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Directory);
        let access = if is_directory { access } else { access & AccessFs::from_file(BEST) };
        (&mut self.ruleset).add_rule(PathBeneath::new(file, access))?;
        Ok(())
    }

    /// From here on they stand for this process and all it starts.
    pub(super) fn raise(self) -> Result<(), String> {
        let status = self.ruleset.restrict_self().map_err(|error| error.to_string())?;
        if self.required && status.ruleset == RulesetStatus::NotEnforced {
            return Err("Landlock did not take effect".into());
        }
        Ok(())
    }
}

/// The roots that hold secrets which are closed in this tier. From the directories on the way to those nothing is moved to
/// another one, where it would be granted as a part of that: it is below these only that files are moved.
fn divided(world: &World) -> Vec<PathBuf> {
    if world.tier == Tier::Full || world.policy.mode != SandboxMode::WorkspaceWrite {
        return vec![];
    }
    let (hidden, mut roots) = (secrets(world).0, writable(world));
    roots.retain(|root| hidden.iter().any(|secret| secret.starts_with(root) && secret != root));
    roots
}

/// The places of secrets that are closed in this tier, by the names they are known by.
pub(super) fn closed_secrets(world: &World) -> Vec<PathBuf> {
    let open = secrets(world).1;
    let places = world.policy.secrets.iter();
    places.filter(|place| !open.contains(&resolve(place))).cloned().collect()
}

/// The secrets that are closed in this tier, and those that are not: Landlock takes nothing away below what it grants.
fn secrets(world: &World) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let is_written = world.policy.mode == SandboxMode::WorkspaceWrite;
    let roots = if is_written { &*world.policy.writable_roots } else { &[] };
    closed_and_open(&world.policy.secrets, roots)
}

/// Those of `places`, without links, that can be closed where nothing can be put in their place, and those that cannot:
/// who closes a file among what commands make closes what they make, so that is done for what programs keep only.
fn closed_and_open(places: &SecretPlaces, written: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let written: Vec<_> = written.iter().map(|root| resolve(root)).collect();
    let kept = each_once(places.kept.iter().map(|path| resolve(path)).collect());
    let named = places.named.iter().map(|path| resolve(path));
    let is_open = |path: &PathBuf| {
        written.iter().any(|root| path.starts_with(root))
            && !kept.iter().any(|kept| path.starts_with(kept))
    };
    let (open, closed): (Vec<_>, Vec<_>) = named.partition(is_open);
    (each_once(kept.into_iter().chain(closed).collect()), each_once(open))
}

/// Those that commands can read all the same.
pub(super) fn open_secrets(world: &World) -> Vec<PathBuf> {
    let mut open = if world.tier == Tier::Reduced { secrets(world).1 } else { vec![] };
    open.retain(|path| path.exists());
    open
}

/// The writable roots without what is the kernel's own; in the full tier the mounts keep that out already.
fn writable(world: &World) -> Vec<PathBuf> {
    let of_kernel: Vec<_> = view::OF_KERNEL.iter().map(PathBuf::from).collect();
    let roots = roots::of(world).into_iter().filter(|root| !view::is_kernels(root));
    let split = |root: PathBuf| {
        let is_split = world.tier == Tier::Reduced && root == Path::new("/");
        if is_split { around(&of_kernel) } else { vec![root] }
    };
    roots.flat_map(split).collect()
}

/// All of writing but device nodes.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::from_write(ABI::V4) & !(AccessFs::MakeChar | AccessFs::MakeBlock)
}

/// The fewest paths that cover the whole tree but `hidden`: the siblings along the way to each of them.
fn around(hidden: &[PathBuf]) -> Vec<PathBuf> {
    let hidden: BTreeSet<&Path> = hidden.iter().map(PathBuf::as_path).collect();
    let opened: BTreeSet<&Path> = hidden.iter().flat_map(|path| path.ancestors().skip(1)).collect();
    let mut granted = Vec::new();
    for directory in &opened {
        // Below a hidden directory nothing is granted; through a link the grant would lead elsewhere.
        if hidden.iter().any(|secret| directory.starts_with(secret)) || directory.is_symlink() {
            continue;
        }
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        let paths = entries
            .flatten()
            .filter(|entry| !entry.file_type().is_ok_and(|kind| kind.is_symlink()));
        granted.extend(
            paths
                .map(|entry| entry.path())
                .filter(|path| !hidden.contains(&**path) && !opened.contains(&**path)),
        );
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_hidden_is_covered() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for file in [
            "home/.ssh/id",
            "home/notes",
            "home/.config/gh/hosts",
            "home/.config/other",
            "src/main",
        ] {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let hidden =
            [root.join("home/.ssh"), root.join("home/.config/gh"), root.join("home/absent")];
        let granted = around(&hidden);
        let covered = |path: &str| granted.iter().any(|grant| root.join(path).starts_with(grant));
        for open in ["home/notes", "home/.config/other", "src/main"] {
            assert!(covered(open), "{open}");
        }
        for closed in ["home/.ssh/id", "home/.config/gh/hosts"] {
            assert!(!covered(closed), "{closed}");
        }
        assert!(granted.iter().any(|grant| grant == Path::new("/usr")));
    }

    #[test]
    fn only_what_is_named_among_what_commands_make_is_open_where_nothing_can_be_put_in_its_place() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for file in ["work/kube", "work/ssh/id", "outside", "kept/gh/hosts", "kept/kube"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "").unwrap();
        }
        std::os::unix::fs::symlink(root.join("outside"), root.join("work/link")).unwrap();
        std::os::unix::fs::symlink(root.join("work"), root.join("way")).unwrap();
        let at = |names: &[&str]| names.iter().map(|name| root.join(name)).collect::<Vec<_>>();
        let places = SecretPlaces {
            kept: at(&["work/ssh", "kept/gh"]),
            named: at(&["way/kube", "work/link", "work/ssh/id", "kept/kube"]),
        };
        let (closed, open) = closed_and_open(&places, &at(&["way"]));
        assert_eq!(closed, at(&["kept/gh", "kept/kube", "outside", "work/ssh", "work/ssh/id"]));
        assert_eq!(open, at(&["work/kube"]));
        let (closed, open) = closed_and_open(&places, &[]);
        assert!(closed.contains(&root.join("work/kube")) && open.is_empty());
    }
}
