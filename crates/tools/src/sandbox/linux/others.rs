//! Calls that name another process. In the full tier a command sees those of its room alone, and the first of them is not to
//! be touched; in the reduced one it sees everybody's, and each call that names one is asked about.

use std::io::{self, Error};

use super::asked::{Patience, Request};
use super::tree;

/// A call, the argument that names a process, and the values of its first argument that make it name a group or a user.
pub(super) struct Naming {
    pub(super) call: i64,
    pub(super) argument: u8,
    group: Option<u32>,
    pub(super) user: Option<u32>,
}

const fn naming(call: i64) -> Naming {
    Naming { call, argument: 0, group: None, user: None }
}

const fn of_several(call: i64, group: u32, user: u32) -> Naming {
    Naming { call, argument: 1, group: Some(group), user: Some(user) }
}

/// A limit lowered under another process ends it as surely as a signal does, and one that never runs ends nothing.
pub(super) const STEERING: &[Naming] = &[
    naming(libc::SYS_prlimit64),
    naming(libc::SYS_sched_setaffinity),
    naming(libc::SYS_sched_setattr),
    naming(libc::SYS_sched_setparam),
    naming(libc::SYS_sched_setscheduler),
    naming(libc::SYS_migrate_pages),
    naming(libc::SYS_move_pages),
    of_several(libc::SYS_setpriority, 1, 2),
    of_several(libc::SYS_ioprio_set, 2, 3),
];

/// For where Landlock does not keep signals in.
pub(super) const SIGNALLING: &[Naming] = &[
    naming(libc::SYS_kill),
    naming(libc::SYS_tkill),
    naming(libc::SYS_tgkill),
    naming(libc::SYS_rt_sigqueueinfo),
    naming(libc::SYS_rt_tgsigqueueinfo),
];

/// Whether the call may happen: what it names has to be of this room.
///
/// # Errors
/// Those of the call itself.
pub(super) fn judge(request: &Request) -> io::Result<()> {
    let mut all = STEERING.iter().chain(SIGNALLING);
    let naming = all.find(|naming| naming.call == i64::from(request.number));
    let naming = naming.ok_or_else(|| Error::from_raw_os_error(libc::ENOSYS))?;
    let named = request.arguments[usize::from(naming.argument)] as i32;
    let is_group = naming.group.is_some_and(|group| group == request.arguments[0] as u32);
    let patience = &mut Patience::new();
    let is_of_room = match named {
        0 => true,
        // Everybody.
        i32::MIN | -1 => false,
        group if is_group => tree::is_group_of_room(group, patience),
        group if group < 0 => tree::is_group_of_room(-group, patience),
        process => tree::is_of_room(process, patience),
    };
    if is_of_room { Ok(()) } else { Err(Error::from_raw_os_error(libc::EPERM)) }
}
