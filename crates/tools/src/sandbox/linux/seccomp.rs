//! Which system calls a confined command may make (S4, S6, S8). Refused ones fail like on a system without them or
//! without the right; nothing is killed.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

use libc::sock_filter;

use super::bpf::{Filter, Test, Verdict};
use super::others::{Naming, SIGNALLING, STEERING};
use crate::sandbox::Tier;

/// What the filter depends on beside the architecture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) tier: Tier,
    pub(super) network: bool,
    /// Calls that are not judged here are answered by the room's first process.
    pub(super) is_answered: bool,
    /// Signals are outside Landlock's reach here.
    pub(super) signals_unguarded: bool,
    /// `truncate` is outside Landlock's reach here.
    pub(super) truncate_unguarded: bool,
}

const DENY: Verdict = Verdict::Fail(libc::EPERM);

/// Bits of `clone` and `unshare` that ask for a namespace. 0x80 (time) is a signal number in `clone`.
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET)
    .cast_unsigned();
const TIME_NAMESPACE: u32 = 0x80;

/// Mounts, keys, modules, clocks, tracing of the kernel, and the rest no command has business with.
const NEVER: &[i64] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    OPEN_TREE_ATTR,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_nfsservctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];
const OPEN_TREE_ATTR: i64 = 467;

/// As if the kernel were older: programs then take another way.
const ABSENT: &[i64] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// What only namespaces confine: without them these reach processes and memory of the whole machine.
const HOST_WIDE: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

/// Terminal requests that push keystrokes, redirect the console or load line disciplines.
const TERMINAL_TRICKS: &[u32] = &[0x5412, 0x541c, 0x541d, 0x5423];

/// Whoever is named as the owner of a file is signalled when something happens to that, and may be anybody.
const SIGNALS_OF_FILES: &[(i64, u32)] = &[
    (libc::SYS_fcntl, libc::F_SETOWN.cast_unsigned()),
    (libc::SYS_fcntl, F_SETOWN_EX),
    (libc::SYS_ioctl, FIOSETOWN),
    (libc::SYS_ioctl, SIOCSPGRP),
];
const F_SETOWN_EX: u32 = 15;
const FIOSETOWN: u32 = 0x8901;
const SIOCSPGRP: u32 = 0x8902;

/// Leases and delegations. Whoever opens such a file, or changes such a directory, is kept for 45 seconds: the person,
/// the agent, and the room's first process. Not every file system has them.
const HOLDING_UP: &[u32] = &[libc::F_SETLEASE.cast_unsigned(), F_SETDELEG];
/// Linux 6.19.
const F_SETDELEG: u32 = 1040;

/// What file systems do on a descriptor that was opened for reading, whatever mounts and Landlock say of writing: btrfs
/// makes, removes and changes subvolumes; keys and policies of encryption (`fscrypt`) change, and with them what all can
/// read; a file is sealed for good (`fs-verity`). They fail as on a file system that knows none of it: what tries them
/// for being quicker, as `systemd` and `podman` do, then makes a directory or a copy.
const OF_FILE_SYSTEMS: &[u32] = &[
    // Snapshots.
    0x5000_9401,
    0x5000_9417,
    // Subvolumes are made,
    0x5000_940e,
    0x5000_9418,
    // removed,
    0x5000_940f,
    0x5000_943f,
    // made read-only, and called received.
    0x4008_941a,
    0xc0c8_9425,
    // A policy, a key more, and a key less: one's own, everybody's.
    0x800c_6613,
    0xc050_6617,
    0xc040_6618,
    0xc040_6619,
    // Sealed.
    0x4080_6685,
];

/// How long what is written will live, kept with the file, and set on a descriptor that was opened for reading.
const HINTS: &[u32] = &[1036, 1038];

pub(super) fn program(scope: Scope) -> Vec<sock_filter> {
    let mut filter = Filter::default();
    for call in NEVER {
        filter.always(*call, DENY);
    }
    for call in ABSENT {
        filter.always(*call, Verdict::Fail(libc::ENOSYS));
    }
    if scope.tier != Tier::Full {
        for call in HOST_WIDE {
            filter.always(*call, DENY);
        }
    }
    core_dumps(&mut filter);
    others(&mut filter, scope);
    if scope.tier == Tier::Reduced && scope.is_answered {
        devices(&mut filter);
    }
    requests(&mut filter, libc::SYS_fcntl, HOLDING_UP, Verdict::Fail(libc::EINVAL));
    requests(&mut filter, libc::SYS_fcntl, HINTS, Verdict::Fail(libc::EINVAL));
    if scope.truncate_unguarded {
        filter.always(libc::SYS_truncate, DENY);
    }
    filter.when(libc::SYS_clone, vec![Test::Any { argument: 0, mask: NAMESPACES }], DENY);
    filter.when(
        libc::SYS_unshare,
        vec![Test::Any { argument: 0, mask: NAMESPACES | TIME_NAMESPACE }],
        DENY,
    );
    requests(&mut filter, libc::SYS_ioctl, TERMINAL_TRICKS, DENY);
    requests(&mut filter, libc::SYS_ioctl, OF_FILE_SYSTEMS, Verdict::Fail(libc::ENOTTY));
    sockets(&mut filter, scope);
    filter.assemble()
}

/// Those of one call that says in its second argument what is wanted.
fn requests(filter: &mut Filter, call: i64, requests: &[u32], verdict: Verdict) {
    for request in requests {
        let is_it = Test::Is { argument: 1, mask: u32::MAX, value: *request };
        filter.when(call, vec![is_it], verdict);
    }
}

/// Their limit stays what it is (`limits.rs`). Who lowers it himself, as those do who know keys, goes on as if that were done; but
/// nobody is told of an earlier one what is not so.
fn core_dumps(filter: &mut Filter) {
    const DONE: Verdict = Verdict::Fail(0);
    let of_cores = |argument| Test::Is { argument, mask: u32::MAX, value: libc::RLIMIT_CORE };
    filter.when(libc::SYS_setrlimit, vec![of_cores(0)], DONE);
    let [new, old] = [2, 3].map(|argument| Test::Given { argument });
    filter.when(libc::SYS_prlimit64, vec![of_cores(1), new, old], DENY);
    filter.when(libc::SYS_prlimit64, vec![of_cores(1), new], DONE);
}

/// Which other processes a command may steer, and in the reduced tier signal: those of its room, but for the first.
fn others(filter: &mut Filter, scope: Scope) {
    let named = |naming: &Naming| match scope.tier {
        Tier::Full => Test::Is { argument: naming.argument, mask: u32::MAX, value: 1 },
        _ => Test::Any { argument: naming.argument, mask: u32::MAX },
    };
    let unknown = match (scope.tier, scope.is_answered) {
        (Tier::Full, _) | (_, false) => DENY,
        (_, true) => Verdict::Ask,
    };
    for naming in STEERING {
        if let Some(user) = naming.user {
            let everybody = Test::Is { argument: 0, mask: u32::MAX, value: user };
            filter.when(naming.call, vec![everybody], DENY);
        }
        filter.when(naming.call, vec![named(naming)], unknown);
    }
    if scope.tier != Tier::Full && scope.signals_unguarded {
        for (call, request) in SIGNALS_OF_FILES {
            filter.when(
                *call,
                vec![Test::Is { argument: 1, mask: u32::MAX, value: *request }],
                DENY,
            );
        }
    }
    if scope.tier != Tier::Full && scope.signals_unguarded && scope.is_answered {
        for naming in SIGNALLING {
            filter.when(naming.call, vec![named(naming)], Verdict::Ask);
        }
        // A descriptor does not say whose it is; without it, programs signal by number.
        filter.always(libc::SYS_pidfd_send_signal, Verdict::Fail(libc::ENOSYS));
    }
}

/// Calls by which the C library makes shared memory, and programs open a terminal; and few others (`devices.rs`).
fn devices(filter: &mut Filter) {
    const BOTH_WAYS: u32 = libc::O_RDWR.cast_unsigned();
    const MEMORY: u32 = (libc::O_NOFOLLOW | libc::O_NONBLOCK).cast_unsigned();
    const DIRECTORY: u32 = libc::O_DIRECTORY.cast_unsigned();
    let here = libc::AT_FDCWD.cast_unsigned();
    let is = |argument, mask, value| Test::Is { argument, mask, value };
    let accesses = libc::O_ACCMODE.cast_unsigned();
    let opens: &[(i64, u8)] = &[
        (libc::SYS_openat, 2),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, 1),
    ];
    for (call, flags) in opens {
        filter.when(*call, vec![is(*flags, accesses, BOTH_WAYS)], Verdict::Ask);
        filter.when(*call, vec![is(*flags, MEMORY | DIRECTORY, MEMORY)], Verdict::Ask);
    }
    #[cfg(target_arch = "x86_64")]
    for call in [libc::SYS_link, libc::SYS_unlink] {
        filter.always(call, Verdict::Ask);
    }
    filter.always(libc::SYS_linkat, Verdict::Ask);
    let of_here = vec![is(0, u32::MAX, here), is(2, u32::MAX, 0)];
    filter.when(libc::SYS_unlinkat, of_here, Verdict::Ask);
}

fn sockets(filter: &mut Filter, scope: Scope) {
    const STREAM: u32 = libc::SOCK_STREAM.cast_unsigned();
    const DATAGRAM: u32 = libc::SOCK_DGRAM.cast_unsigned();
    const PACKETS: u32 = libc::SOCK_SEQPACKET.cast_unsigned();
    let family =
        |family: i32| Test::Is { argument: 0, mask: u32::MAX, value: family.cast_unsigned() };
    let kind = |kind| Test::Is { argument: 1, mask: 0xf, value: kind };

    // A datagram socket can be pointed at any path by each message it sends; a connected stream cannot.
    for connected in [STREAM, PACKETS] {
        filter.when(
            libc::SYS_socketpair,
            vec![family(libc::AF_UNIX), kind(connected)],
            Verdict::Allow,
        );
    }
    filter.always(libc::SYS_socketpair, DENY);

    if scope.tier != Tier::Full && !scope.network {
        // An end of a pair can be given a name that is the whole machine's.
        filter.always(libc::SYS_bind, DENY);
    }
    if scope.network || scope.tier == Tier::Full {
        for internet in [libc::AF_INET, libc::AF_INET6] {
            for plain in [STREAM, DATAGRAM] {
                filter.when(libc::SYS_socket, vec![family(internet), kind(plain)], Verdict::Allow);
            }
        }
        // Programs list their interfaces by it; in a network namespace it speaks of that one only.
        let routing = Test::Is { argument: 2, mask: u32::MAX, value: 0 };
        filter.when(libc::SYS_socket, vec![family(libc::AF_NETLINK), routing], Verdict::Allow);
    }
    if scope.tier == Tier::Full && scope.is_answered {
        filter.always(libc::SYS_connect, Verdict::Ask);
        for connected in [STREAM, PACKETS] {
            filter.when(
                libc::SYS_socket,
                vec![family(libc::AF_UNIX), kind(connected)],
                Verdict::Allow,
            );
        }
    }
    filter.always(libc::SYS_socket, DENY);
}

/// Puts the filter over this process and all it becomes. Returns where what it asks is to be answered.
#[allow(unsafe_code)]
pub(super) fn install(program: &[sock_filter], asking: Asking) -> io::Result<Option<OwnedFd>> {
    const NEW_LISTENER: u32 = 1 << 3;
    // Signals wait for the answer, as a connection is made once. Linux 5.19.
    const ONLY_KILLED: u32 = 1 << 5;
    match asking {
        Asking::Nobody => set(program, 0).map(|_| None),
        Asking::Listener => {
            let listener = set(program, NEW_LISTENER | ONLY_KILLED).or_else(|error| match error
                .raw_os_error()
            {
                Some(libc::EINVAL) => set(program, NEW_LISTENER),
                _ => Err(error),
            })?;
            // SAFETY: with that flag the call returns a descriptor, ours alone.
            Ok(Some(unsafe { OwnedFd::from_raw_fd(listener) }))
        }
    }
}

/// Who is asked about the calls that are neither allowed nor refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// Then they fail.
    Nobody,
    Listener,
}

#[allow(unsafe_code)]
fn set(program: &[sock_filter], flags: u32) -> io::Result<i32> {
    const SET_MODE_FILTER: u32 = 1;
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len())
            .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel only reads the program, which outlives the call.
    match unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, flags, &raw const filter) } {
        -1 => Err(io::Error::last_os_error()),
        listener => Ok(listener as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::linux::bpf::tests::{FAILED, judged};

    const SCOPE: Scope = Scope {
        tier: Tier::Full,
        network: false,
        is_answered: true,
        signals_unguarded: false,
        truncate_unguarded: false,
    };

    #[test]
    fn s3_file_systems_change_nothing_on_a_descriptor_that_was_opened_for_reading() {
        const CLONE_A_FILE: u64 = 0x4004_9409;
        for tier in [Tier::Full, Tier::Reduced] {
            let program = program(Scope { tier, ..SCOPE });
            let judge = |call, request| judged(&program, call, [3, request, 0, 0, 0, 0]);
            let fails = |error: i32| libc::SECCOMP_RET_ERRNO | error.unsigned_abs();
            for request in OF_FILE_SYSTEMS {
                // The kernel looks at the low half only.
                for request in [u64::from(*request), u64::from(*request) | 1 << 32] {
                    assert_eq!(judge(libc::SYS_ioctl, request), fails(libc::ENOTTY), "{request:x}");
                }
            }
            for request in HINTS {
                assert_eq!(judge(libc::SYS_fcntl, u64::from(*request)), fails(libc::EINVAL));
            }
            for (call, request) in [(libc::SYS_ioctl, CLONE_A_FILE), (libc::SYS_fcntl, 1035)] {
                assert_eq!(judge(call, request), libc::SECCOMP_RET_ALLOW, "{request:x}");
            }
        }
    }

    #[test]
    fn s8_the_limit_of_core_dumps_can_be_asked_for_and_stays() {
        const CORE: u64 = libc::RLIMIT_CORE as u64;
        const FILES: u64 = libc::RLIMIT_NOFILE as u64;
        const AT: u64 = 0x7fff_0000_0000;
        let done = libc::SECCOMP_RET_ERRNO;
        for tier in [Tier::Full, Tier::Reduced] {
            let program = program(Scope { tier, ..SCOPE });
            let limit = |call, arguments| judged(&program, call, arguments);
            assert_eq!(limit(libc::SYS_setrlimit, [CORE, AT, 0, 0, 0, 0]), done);
            assert_eq!(
                limit(libc::SYS_setrlimit, [FILES, AT, 0, 0, 0, 0]),
                libc::SECCOMP_RET_ALLOW
            );
            for process in [0, 1, 7] {
                assert_eq!(limit(libc::SYS_prlimit64, [process, CORE, AT, 0, 0, 0]), done);
                assert_eq!(limit(libc::SYS_prlimit64, [process, CORE, AT, AT, 0, 0]), FAILED);
            }
            let asked = [0, CORE, 0, AT, 0, 0];
            assert_eq!(limit(libc::SYS_prlimit64, asked), libc::SECCOMP_RET_ALLOW);
            let of_files = [0, FILES, AT, AT, 0, 0];
            assert_eq!(limit(libc::SYS_prlimit64, of_files), libc::SECCOMP_RET_ALLOW);
        }
    }

    #[test]
    fn nobody_is_made_the_owner_of_a_file_where_signals_reach_everybody() {
        let judge = |tier, signals_unguarded, call, request| {
            let scope = Scope { tier, signals_unguarded, ..SCOPE };
            judged(&program(scope), call, [3, request, 1, 0, 0, 0])
        };
        for (call, request) in SIGNALS_OF_FILES {
            let request = u64::from(*request);
            assert_eq!(judge(Tier::Reduced, true, *call, request), FAILED);
            assert_eq!(judge(Tier::Reduced, false, *call, request), libc::SECCOMP_RET_ALLOW);
            assert_eq!(judge(Tier::Full, true, *call, request), libc::SECCOMP_RET_ALLOW);
        }
        let duplicate = libc::F_DUPFD as u64;
        assert_eq!(judge(Tier::Reduced, true, libc::SYS_fcntl, duplicate), libc::SECCOMP_RET_ALLOW);
    }
}
