//! What the kernel tells of the machine's other processes beside `/proc` (S7): traces, what drivers and security modules
//! report, groups of processes, and second copies of what each room has of its own. In the full tier nothing is in their place.

use std::path::{Path, PathBuf};

use super::mounts::{self, Tree};
use super::{cgroup, view};

/// File systems that tell of processes and of the kernel's memory, wherever they are mounted.
const TELLING: &[&str] =
    &["bpf", "configfs", "debugfs", "efivarfs", "pstore", "securityfs", "tracefs"];

/// The machine's, where they are mounted beside the places that a room has its own at, as in another system made there.
const OF_THE_MACHINE: &[&str] = &["devpts", "devtmpfs", "mqueue", "proc"];

/// # Errors
/// In words for the person, when something cannot be covered.
pub(super) fn hide() -> Result<(), String> {
    for (path, kind) in mounts::below(Path::new("/"))? {
        let is_machines = OF_THE_MACHINE.contains(&&*kind) && !view::is_kernels(&path);
        if is_machines || kind == "cgroup" || TELLING.contains(&&*kind) {
            view::hide(&path)?;
        } else if kind == "cgroup2" {
            leave_own_group(&path)?;
        }
    }
    Ok(())
}

/// Programs ask what their own group may use, so that stays in sight; the others do not, not even those below it.
fn leave_own_group(mount: &Path) -> Result<(), String> {
    let Some(own) = cgroup::of_own(mount).filter(|own| own.is_dir()) else {
        return view::hide(mount);
    };
    if own != mount {
        Tree::copy(&own)?.read_only()?.put(mount)?;
    }
    let Ok(entries) = std::fs::read_dir(mount) else { return view::hide(mount) };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            view::hide(&entry.path())?;
        }
    }
    Ok(())
}

/// Those of the telling ones that this user could read: mostly none, unless it is root.
pub(super) fn readable() -> Vec<PathBuf> {
    let mounts = mounts::below(Path::new("/sys")).unwrap_or_default();
    let telling = mounts.into_iter().filter(|(_, kind)| TELLING.contains(&&**kind));
    telling.map(|(path, _)| path).filter(|path| std::fs::read_dir(path).is_ok()).collect()
}
