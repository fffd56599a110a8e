//! A process gives up its rights, in the one order that works: capabilities, new privileges, files, system calls.

use libc::sock_filter;
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::walls::Walls;
use super::{seccomp, walls};
use crate::sandbox::{SandboxPolicy, Tier};

/// What confines the command of one room, made beforehand.
pub(super) struct Confinement {
    pub(super) walls: Walls,
    pub(super) filter: Vec<sock_filter>,
}

impl Confinement {
    pub(super) fn filter(tier: Tier, policy: &SandboxPolicy) -> Vec<sock_filter> {
        seccomp::program(seccomp::Scope {
            tier,
            network: policy.network,
            truncate_unguarded: !walls::guard_truncate(),
        })
    }

    /// # Errors
    /// When one of the steps fails; the process must not go on then.
    pub(super) fn enter(self) -> Result<(), String> {
        drop_capabilities().map_err(|error| format!("capabilities cannot be dropped: {error}"))?;
        rustix::thread::set_no_new_privs(true)
            .map_err(|error| format!("no_new_privs cannot be set: {error}"))?;
        self.walls.raise()?;
        seccomp::install(&self.filter)
            .map_err(|error| format!("the system call filter was refused: {error}"))
    }
}

/// All sets. Without the right to shrink the bounding set there is nothing in it that could be gained, since new
/// privileges are refused next.
fn drop_capabilities() -> rustix::io::Result<()> {
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if rustix::thread::capability_is_in_bounding_set(capability).is_err() {
            break;
        }
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
    let _ = rustix::thread::clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: none, permitted: none, inheritable: none },
    )
}
