//! How much memory there is for the commands of a world and all others together.

use super::cgroup;

/// Where the kernel does not tell.
const SOME: u64 = 1 << 30;

/// In bytes: what the machine has, or what the control group (v2) that we run in may use.
pub(super) fn there_is() -> u64 {
    let told = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let of_group = cgroup::own_memory().unwrap_or(u64::MAX);
    of_machine(&told).unwrap_or(SOME).min(of_group)
}

fn of_machine(told: &str) -> Option<u64> {
    let total = told.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r11_the_memory_of_the_machine_is_known() {
        let told = "MemTotal:       24683008 kB\nMemFree:          772 kB\n";
        assert_eq!(of_machine(told), Some(24_683_008 * 1024));
        assert_eq!(of_machine("MemFree: 1 kB"), None);
        assert!(there_is() >= 1 << 20);
    }
}
