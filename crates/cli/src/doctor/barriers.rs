//! What of this machine forbids the full sandbox its namespaces, as far as the kernel tells, and what can be done about
//! each.

use std::path::Path;

const NOT_BUILT_IN: &str = "This kernel was built without user namespaces.";

const NONE_ALLOWED: &str = "This machine allows no user namespaces. To allow them, as root:
  sysctl -w user.max_user_namespaces=15000";

const ROOT_ONLY: &str =
    "This machine allows user namespaces to root only. To allow them to all, as root:
  sysctl -w kernel.unprivileged_userns_clone=1";

const APPARMOR: &str = "AppArmor forbids namespaces to programs it does not know, as Ubuntu has it. To allow them to this one, as root:
  printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile agent PATH flags=(unconfined) { userns, }\\n' \\
    > /etc/apparmor.d/agent && apparmor_parser -r /etc/apparmor.d/agent";

const FILTER: &str = "A filter of system calls stands around this program, as in a container or another sandbox; most forbid namespaces.
Docker and Podman leave theirs away with --security-opt seccomp=unconfined, for all programs of the container; Docker's
AppArmor profile and masks of /proc are in the way then, too (apparmor=unconfined, systempaths=unconfined).";

const UNKNOWN: &str =
    "What forbids it here was not found: no setting of the kernel that is known to.";

/// The one that lets a process make namespaces of any kind (`CAP_SYS_ADMIN`).
const ADMINISTRATION: u32 = 21;

/// All that may be the reason, below `proc`, the kernel's own directory; `program` is ours.
pub(super) fn found(proc: &Path, program: &Path) -> String {
    let number = |setting: &str| -> Option<u64> {
        std::fs::read_to_string(proc.join("sys").join(setting)).ok()?.trim().parse().ok()
    };
    let status = std::fs::read_to_string(proc.join("self/status")).unwrap_or_default();
    let of_status = |name: &str| {
        status.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    };
    let is_privileged = of_status("CapEff")
        .and_then(|rights| u64::from_str_radix(rights, 16).ok())
        .is_some_and(|rights| rights >> ADMINISTRATION & 1 == 1);
    let is_on = |setting| number(setting).is_some_and(|value| value != 0);
    let barriers = [
        (!proc.join("self/ns/user").exists(), NOT_BUILT_IN),
        (number("user/max_user_namespaces") == Some(0), NONE_ALLOWED),
        (!is_privileged && number("kernel/unprivileged_userns_clone") == Some(0), ROOT_ONLY),
        (!is_privileged && is_on("kernel/apparmor_restrict_unprivileged_userns"), APPARMOR),
        (of_status("Seccomp").is_some_and(|mode| mode != "0"), FILTER),
    ];
    let mut found: Vec<_> =
        barriers.into_iter().filter_map(|(stands, advice)| stands.then_some(advice)).collect();
    if found.is_empty() {
        found.push(UNKNOWN);
    }
    found.join("\n").replace("PATH", &program.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_the_way_is_named() {
        const UNPRIVILEGED: &str = "Name:\tagent\nCapEff:\t0000000000000000\nSeccomp:\t0\n";
        const FILTERED: &str = "Name:\tagent\nCapEff:\t0000000000000000\nSeccomp:\t2\n";
        const ROOT: &str = "Name:\tagent\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n";
        let none = ("user/max_user_namespaces", "0\n");
        let some = ("user/max_user_namespaces", "96365\n");
        let debian = ("kernel/unprivileged_userns_clone", "0\n");
        let ubuntu = ("kernel/apparmor_restrict_unprivileged_userns", "1\n");
        let lifted = ("kernel/apparmor_restrict_unprivileged_userns", "0\n");
        for (status, settings, named) in [
            (UNPRIVILEGED, &[some][..], &[UNKNOWN][..]),
            (UNPRIVILEGED, &[none], &[NONE_ALLOWED]),
            (UNPRIVILEGED, &[debian, some], &[ROOT_ONLY]),
            (UNPRIVILEGED, &[ubuntu], &[APPARMOR]),
            (UNPRIVILEGED, &[lifted], &[UNKNOWN]),
            (FILTERED, &[some], &[FILTER]),
            (FILTERED, &[ubuntu], &[APPARMOR, FILTER]),
            (ROOT, &[debian, ubuntu], &[UNKNOWN]),
        ] {
            let proc = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(proc.path().join("self/ns/user")).unwrap();
            std::fs::write(proc.path().join("self/status"), status).unwrap();
            for (setting, value) in settings {
                let path = proc.path().join("sys").join(setting);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, value).unwrap();
            }
            let said = found(proc.path(), Path::new("/bin/agent"));
            assert_eq!(said, named.join("\n").replace("PATH", "/bin/agent"), "{settings:?}");
        }
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(found(empty.path(), Path::new("/bin/agent")), NOT_BUILT_IN);
    }
}
