//! How much of the machine the commands of a world may take (R11). A limit is only ever lowered.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::sandbox::Tier;

/// Processes and threads of a world at one time: more than any work needs, and few enough to be ended.
pub(super) const MOST_PROCESSES: u64 = 8_192;

/// Signals that wait, where there is no limit to take a part of.
const MOST_SIGNALS: u64 = 16_384;

/// Open files of a process, where there is no limit to take a part of: half of what Linux allows.
const MOST_FILES: u64 = 1 << 19;
/// Less than that is taken from nobody who has it: servers and virtual machines want as many.
const FILES_OF_A_SERVER: u64 = 4_096;

/// Too few bytes for a file. Where dumps go to a program of the machine's, which would run outside as root, 0 means nothing to the
/// kernel, and this that it is not to run.
const NO_DUMPS: u64 = 1;

/// The first Linux that counts processes in each user namespace by itself. Before, those that the person has outside
/// would count.
const COUNTS_IN_NAMESPACES: (u32, u32) = (5, 14);

/// Of this process and all it starts.
pub(super) fn set(tier: Tier) -> rustix::io::Result<()> {
    let dumps =
        |most| setrlimit(Resource::Core, Rlimit { current: Some(most), maximum: Some(most) });
    // Only root has it above a hard limit of 0.
    dumps(NO_DUMPS).or_else(|_| dumps(0))?;
    // Those of all processes of the person's count.
    let signals = getrlimit(Resource::Sigpending);
    let most = signals.maximum.map_or(MOST_SIGNALS, |most| most / 4);
    setrlimit(Resource::Sigpending, lowered(signals, most))?;
    if tier == Tier::None {
        return Ok(());
    }
    // By its own limit for files each process is judged that sends descriptors, and by those that are on their way between all
    // processes of the person's.
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, lowered(files, most_files(files)))?;
    if tier == Tier::Full && version() >= Some(COUNTS_IN_NAMESPACES) {
        let processes = getrlimit(Resource::Nproc);
        setrlimit(Resource::Nproc, lowered(processes, most_processes(processes)))?;
    }
    Ok(())
}

/// Half of what the person may have, so that as many may be sent outside.
fn most_files(limit: Rlimit) -> u64 {
    limit.maximum.map_or(MOST_FILES, |most| half(most).max(FILES_OF_A_SERVER))
}

/// Half of what the programs of the person have, whose own count includes those of the world.
fn most_processes(limit: Rlimit) -> u64 {
    limit.current.or(limit.maximum).map_or(MOST_PROCESSES, |most| half(most).min(MOST_PROCESSES))
}

/// What the kernel counts for each user over all namespaces, and lets a user namespace have less of.
const SHARED: &[(&str, &str)] = &[
    ("/proc/sys/fs/inotify/max_user_instances", "/proc/sys/user/max_inotify_instances"),
    ("/proc/sys/fs/inotify/max_user_watches", "/proc/sys/user/max_inotify_watches"),
];

/// Commands in this user namespace leave half to what the person runs outside. Done before `/proc` is closed; where the kernel
/// does not know of it there is nothing to do.
pub(super) fn share_with_others() {
    for (all, ours) in SHARED {
        let most = std::fs::read_to_string(all).ok().and_then(|most| most.trim().parse().ok());
        if let Some(most) = most {
            let _ = std::fs::write(ours, half(most).to_string());
        }
    }
}

fn half(most: u64) -> u64 {
    (most / 2).max(1)
}

fn lowered(limit: Rlimit, most: u64) -> Rlimit {
    let lower = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    Rlimit { current: lower(limit.current), maximum: lower(limit.maximum) }
}

/// Of this Linux.
fn version() -> Option<(u32, u32)> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r11_a_limit_is_never_raised() {
        let limit = |current, maximum| Rlimit { current, maximum };
        assert_eq!(lowered(limit(None, None), 9), limit(Some(9), Some(9)));
        assert_eq!(lowered(limit(Some(3), None), 9), limit(Some(3), Some(9)));
        assert_eq!(lowered(limit(Some(3), Some(4)), 9), limit(Some(3), Some(4)));
        assert!(version() > Some((3, 0)), "{:?}", version());
    }

    #[test]
    fn s7_half_of_the_descriptors_that_may_be_on_their_way_is_left_to_the_person() {
        let most = |most| most_files(Rlimit { current: Some(1_024), maximum: most });
        assert_eq!(most(Some(1 << 20)), 1 << 19);
        assert_eq!(most(Some(20_000)), 10_000);
        assert_eq!(most(None), MOST_FILES);
        assert_eq!(most(Some(6_000)), 4_096, "enough for a server");
        let few = Rlimit { current: Some(256), maximum: Some(1_024) };
        assert_eq!(lowered(few, most_files(few)), few);
    }

    #[test]
    fn r11_half_of_the_processes_that_the_person_may_have_is_left_to_them() {
        let most = |current, maximum| most_processes(Rlimit { current, maximum });
        assert_eq!(most(Some(120), Some(120)), 60);
        assert_eq!(most(Some(120), None), 60, "the programs outside have the soft limit");
        assert_eq!(most(Some(30_000), Some(30_000)), MOST_PROCESSES);
        assert_eq!(most(None, None), MOST_PROCESSES);
    }
}
