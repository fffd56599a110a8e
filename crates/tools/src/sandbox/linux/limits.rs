//! How much of the machine the commands of a world may take (R11). A limit is only ever lowered.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::sandbox::Tier;

/// Processes and threads of a world at one time: more than any work needs, and few enough to be ended.
pub(super) const MOST_PROCESSES: u64 = 8_192;

/// Signals that wait, where there is no limit to take a part of.
const MOST_SIGNALS: u64 = 16_384;

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
    if tier == Tier::Full && version() >= Some(COUNTS_IN_NAMESPACES) {
        setrlimit(Resource::Nproc, lowered(getrlimit(Resource::Nproc), MOST_PROCESSES))?;
    }
    Ok(())
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
}
