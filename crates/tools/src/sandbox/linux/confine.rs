//! A process gives up its rights, in an order that works: capabilities, new privileges, system calls; then, knowing what
//! it is for, files.

use std::os::fd::OwnedFd;

use rustix::thread::{CapabilitySet, CapabilitySets};

use super::connect::Sockets;
use super::seccomp::{self, Asking, Scope};
use super::walls::Walls;
use super::{World, walls};
use crate::sandbox::Reach;

/// What confines the command of one room, made beforehand.
pub(super) struct Confinement {
    walls: Walls,
    /// Of an errand that only looks.
    reading: Walls,
    scope: Scope,
}

impl Confinement {
    pub(super) fn build(world: &World) -> Result<Self, String> {
        let build = |reach| Walls::build(world, reach).map_err(|error| error.to_string());
        Ok(Self {
            walls: build(Reach::Policy)?,
            reading: build(Reach::Reading)?,
            scope: Scope {
                tier: world.tier,
                network: world.policy.network,
                is_answered: true,
                signals_unguarded: !walls::guard_signals(),
                truncate_unguarded: !walls::guard_truncate(),
            },
        })
    }

    /// Which sockets commands may connect to, where they may at all.
    pub(super) fn sockets(world: &World) -> Sockets {
        if world.policy.network { Sockets::InItsDirectories } else { Sockets::OfTheWorld }
    }

    /// All but the files, which the walls close. Returns where connections are to be made in this process's stead, when
    /// they are.
    ///
    /// # Errors
    /// When one of the steps fails; the process must not go on then.
    pub(super) fn give_up_rights(&self) -> Result<Option<OwnedFd>, String> {
        self.give_up(Asking::Listener)
    }

    /// The same for the room's first process, which has nobody to answer it.
    ///
    /// # Errors
    /// As above.
    pub(super) fn give_up_own_rights(&self) -> Result<(), String> {
        self.give_up(Asking::Nobody).map(drop)
    }

    fn give_up(&self, asking: Asking) -> Result<Option<OwnedFd>, String> {
        drop_capabilities().map_err(|error| format!("capabilities cannot be dropped: {error}"))?;
        rustix::thread::set_no_new_privs(true)
            .map_err(|error| format!("no_new_privs cannot be set: {error}"))?;
        install(self.scope, asking)
            .map_err(|error| format!("the system call filter was refused: {error}"))
    }

    /// # Errors
    /// When they do not stand; the process must not go on then.
    pub(super) fn raise_walls(self, reach: Reach) -> Result<(), String> {
        match reach {
            Reach::Policy => self.walls.raise(),
            Reach::Reading => self.reading.raise(),
        }
    }
}

fn install(scope: Scope, asking: Asking) -> std::io::Result<Option<OwnedFd>> {
    let unanswered = || {
        let scope = Scope { is_answered: false, ..scope };
        seccomp::install(&seccomp::program(scope), Asking::Nobody)
    };
    match asking {
        Asking::Nobody => unanswered(),
        // Somebody else may answer for this process already, or the kernel know no such thing: then what would be asked
        // about is refused.
        Asking::Listener => {
            seccomp::install(&seccomp::program(scope), asking).or_else(|_| unanswered())
        }
    }
}

/// All sets. Without the right to shrink the bounding set there is nothing in it that could be gained, since new
/// privileges are refused next.
fn drop_capabilities() -> rustix::io::Result<()> {
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        // Beyond the last there is none; and who may not shrink it will not be able to from one to the next.
        if rustix::thread::remove_capability_from_bounding_set(capability).is_err() {
            break;
        }
    }
    let _ = rustix::thread::clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets { effective: none, permitted: none, inheritable: none },
    )
}
