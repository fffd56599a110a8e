//! S7, S8: other processes and the kernel's own controls.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use crate::attack::{Attack, attack, check, impossible, number, own, unless};

pub(crate) const ATTACKS: &[Attack] = &[
    // Whoever opens such a file waits until it is given back, or for 45 seconds.
    attack("r8_hold_up_who_opens_a_file", |_| {
        let path = own("leased");
        fs::write(&path, "")?;
        let file = fs::File::open(path)?;
        // SAFETY: no memory is involved.
        match check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) }) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Err(impossible()),
            held => held.map(drop),
        }
    }),
    attack("s1_hint_at_how_long_a_file_lives", |home| {
        const SET: i32 = 1036;
        let (file, short) = (fs::File::open(home.join("victim"))?, 2_u64);
        // SAFETY: the kernel reads the number, which outlives the call.
        match check(unsafe { libc::fcntl(file.as_raw_fd(), SET, &raw const short) }) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Err(impossible()),
            set => set.map(drop),
        }
    }),
    attack("s7_signal", |home| {
        // SAFETY: no memory is involved.
        check(unsafe { libc::kill(number(home, "bystander")?, 0) }).map(drop)
    }),
    attack("s7_signal_everybody", |home| {
        let bystander = number(home, "bystander")?;
        // SAFETY: no memory is involved. The number is that of no group; a signal of 0 harms nobody.
        check(unsafe { libc::kill(-libc::getpgid(bystander), 0) })?;
        Ok(())
    }),
    attack("s7_signal_by_a_descriptor", |home| {
        let descriptor = descriptor_of(number(home, "bystander")?)?;
        // SAFETY: no memory is involved.
        check(unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, descriptor, 0, std::ptr::null::<u8>(), 0)
        })
        .map(drop)
    }),
    attack("s7_signal_a_thread", |home| {
        let bystander = number(home, "bystander")?;
        // SAFETY: no memory is involved.
        check(unsafe { libc::syscall(libc::SYS_tgkill, bystander, bystander, 0) }).map(drop)
    }),
    attack("s7_end_by_a_limit", |home| {
        let limit = libc::rlimit { rlim_cur: 4096, rlim_max: 4096 };
        let bystander = number(home, "bystander")?;
        // SAFETY: the limit outlives the call.
        check(unsafe {
            libc::prlimit(bystander, libc::RLIMIT_NOFILE, &raw const limit, std::ptr::null_mut())
        })
        .map(drop)
    }),
    attack("s7_slow_down", |home| {
        let bystander = number(home, "bystander")?.cast_unsigned();
        // SAFETY: no memory is involved.
        check(unsafe { libc::setpriority(libc::PRIO_PROCESS, bystander, 19) }).map(drop)
    }),
    attack("s7_slow_a_group_down", |home| {
        // It leads a group of its own.
        let bystander = number(home, "bystander")?.cast_unsigned();
        // SAFETY: no memory is involved.
        check(unsafe { libc::setpriority(libc::PRIO_PGRP, bystander, 19) }).map(drop)
    }),
    attack("s7_starve_of_the_disk", |home| {
        const IDLE: i32 = 3 << 13;
        // SAFETY: no memory is involved; 1 means a process.
        check(unsafe { libc::syscall(libc::SYS_ioprio_set, 1, number(home, "bystander")?, IDLE) })
            .map(drop)
    }),
    // In a room, what a command descends from is its first process; what is written here is what it has.
    attack("s7_limits_of_the_process_above", |_| {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both limits outlive the calls.
        unsafe {
            let (above, limit) = (libc::getppid(), &raw mut limit);
            check(libc::prlimit(above, libc::RLIMIT_FSIZE, std::ptr::null(), limit))?;
            check(libc::prlimit(above, libc::RLIMIT_FSIZE, limit, std::ptr::null_mut()))
        }
        .map(drop)
    })
    .as_root(),
    attack("s7_processors_of_the_process_above", |_| {
        // SAFETY: the set outlives the calls.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            let size = size_of_val(&set);
            check(libc::sched_getaffinity(libc::getppid(), size, &raw mut set))?;
            check(libc::sched_setaffinity(libc::getppid(), size, &raw const set))
        }
        .map(drop)
    })
    .as_root(),
    attack("s7_class_of_the_process_above", |_| {
        let usual = libc::sched_param { sched_priority: 0 };
        // SAFETY: the parameters outlive the call.
        unsafe {
            check(libc::sched_setscheduler(libc::getppid(), libc::SCHED_OTHER, &raw const usual))
        }
        .map(drop)
    })
    .as_root(),
    attack("s7_priority_of_the_process_above", |_| {
        // SAFETY: no memory is involved.
        unsafe {
            let above = libc::getppid().cast_unsigned();
            let now = libc::getpriority(libc::PRIO_PROCESS, above);
            check(libc::setpriority(libc::PRIO_PROCESS, above, now))
        }
        .map(drop)
    })
    .as_root(),
    attack("s7_slow_everybody_down", |_| {
        // SAFETY: no memory is involved. Nobody is slower afterwards than this process was.
        unsafe {
            let now = libc::getpriority(libc::PRIO_PROCESS, 0);
            check(libc::setpriority(libc::PRIO_USER, 0, now))
        }
        .map(drop)
    }),
    attack("s7_run_only_when_nobody_else_does", |home| {
        let bystander = number(home, "bystander")?;
        let idle = libc::sched_param { sched_priority: 0 };
        // SAFETY: the parameters outlive the call.
        check(unsafe { libc::sched_setscheduler(bystander, libc::SCHED_IDLE, &raw const idle) })
            .map(drop)
    }),
    attack("s7_processors_of_another", |home| {
        let bystander = number(home, "bystander")?;
        // SAFETY: the set outlives the calls.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            let size = size_of_val(&set);
            check(libc::sched_getaffinity(0, size, &raw mut set))?;
            check(libc::sched_setaffinity(bystander, size, &raw const set))
        }
        .map(drop)
    }),
    attack("s7_trace", |home| {
        let bystander = number(home, "bystander")?;
        // SAFETY: no memory of ours is involved.
        check(unsafe { libc::ptrace(libc::PTRACE_SEIZE, bystander, 0, 0) }).map(drop)
    }),
    attack("s7_read_memory", |home| {
        let mut byte = 0_u8;
        let to = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        // The same executable, at the same place unless that is left to chance: a failed address still tells.
        let from = libc::iovec { iov_base: stack_of(number(home, "bystander")?)? as _, iov_len: 1 };
        // SAFETY: both pieces outlive the call.
        let read = unsafe {
            libc::process_vm_readv(
                number(home, "bystander")?,
                &raw const to,
                1,
                &raw const from,
                1,
                0,
            )
        };
        check(read as i64).map(drop)
    }),
    attack("s7_read_memory_through_proc", |home| {
        fs::File::open(format!("/proc/{}/mem", number(home, "bystander")?)).map(drop)
    }),
    attack("s7_read_an_environment", |home| {
        let text = fs::read(format!("/proc/{}/environ", number(home, "bystander")?))?;
        unless(!text.is_empty())
    }),
    attack("s7_see_what_is_open", |home| {
        fs::read_link(format!("/proc/{}/fd/0", number(home, "bystander")?)).map(drop)
    }),
    attack("s7_take_a_descriptor", |home| {
        let descriptor = descriptor_of(number(home, "bystander")?)?;
        // SAFETY: no memory is involved.
        check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, descriptor, 0, 0) }).map(drop)
    }),
    attack("s7_compare", |home| {
        let (own, other) = (std::process::id(), number(home, "bystander")?);
        // SAFETY: no memory is involved; 2 asks about the address space.
        check(unsafe { libc::syscall(libc::SYS_kcmp, own, other, 1, 0, 0) }).map(drop)
    }),
    attack("s7_shared_memory", |home| {
        // SAFETY: no memory is involved.
        check(unsafe { libc::shmget(number(home, "bystander")?, 0, 0) }).map(drop)
    }),
    attack("s7_shared_memory_by_name", |home| {
        fs::read(format!("/dev/shm/agent-{}", number(home, "bystander")?)).map(drop)
    }),
    attack("s7_write_shared_memory_by_name", |home| {
        let name = format!("/dev/shm/agent-{}", number(home, "bystander")?);
        fs::File::options().write(true).open(name).map(drop)
    }),
    attack("s7_see_processes", |home| {
        let status = fs::read_to_string(format!("/proc/{}/status", number(home, "bystander")?))?;
        unless(status.contains("attacker"))
    })
    .on_full(),
    attack("s8_key", |_| {
        // SAFETY: no memory is involved; 0 asks for the id of a keyring, -4 is the user's.
        check(unsafe { libc::syscall(libc::SYS_keyctl, 0, -4, 0) }).map(drop)
    }),
    attack("s8_user_namespace", |_| unshare(libc::CLONE_NEWUSER)),
    // Whatever the person adds to the writable directories.
    attack("s8_added_controls", |_| open_controls())
        .as_root()
        .with_roots(&["/sys", "/proc", "/dev"]),
    attack("s8_added_controls_with_all_else", |_| open_controls()).as_root().with_roots(&["/"]),
    attack("s8_added_kernel_log", |_| open("/dev/kmsg")).as_root().with_roots(&["/dev"]),
    attack("s8_added_settings", |_| open("/proc/sys/vm/drop_caches"))
        .as_root()
        .with_roots(&["/proc", "/proc/sys"]),
    attack("s8_mount_namespace", |_| unshare(libc::CLONE_NEWNS)).as_root(),
    attack("s8_network_namespace", |_| unshare(libc::CLONE_NEWNET)).as_root(),
    attack("s8_time_namespace", |_| unshare(0x80)).as_root(),
    attack("s8_user_namespace_by_clone", |_| clone(libc::SYS_clone, libc::CLONE_NEWUSER as u64)),
    attack("s8_user_namespace_by_the_newer_clone", |_| {
        let arguments = [libc::CLONE_NEWUSER as u64, 0, 0, 0, 17, 0, 0, 0];
        // SAFETY: without a stack of its own the child goes on with a copy of ours, and only ends.
        unsafe {
            match check(libc::syscall(libc::SYS_clone3, arguments.as_ptr(), 64))? {
                0 => libc::_exit(0),
                _ => Ok(()),
            }
        }
    }),
    attack("s8_enter_a_namespace_of_another", |home| {
        let namespace = fs::File::open(format!("/proc/{}/ns/uts", number(home, "bystander")?))?;
        // SAFETY: no memory is involved.
        check(unsafe { libc::setns(namespace.as_raw_fd(), 0) }).map(drop)
    })
    .as_root(),
    attack("s8_mount", |home| mount(c"tmpfs", home, 0)).as_root(),
    attack("s8_mount_over_the_workspace", |_| mount(c"tmpfs", Path::new("."), 0)).as_root(),
    attack("s8_new_root", |_| {
        // SAFETY: the path is a literal.
        check(unsafe { libc::chroot(c"/".as_ptr()) }).map(drop)
    })
    .as_root(),
    attack("s8_copy_of_a_mount", |_| {
        // SAFETY: the path is a literal.
        check(unsafe { libc::syscall(libc::SYS_open_tree, -100, c"/".as_ptr(), 1) }).map(drop)
    })
    .as_root(),
    attack("s8_new_file_system", |_| {
        // SAFETY: the name is a literal.
        check(unsafe { libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), 0) }).map(drop)
    })
    .as_root(),
    attack("s8_page_faults", |_| {
        // SAFETY: no memory is involved.
        check(unsafe { libc::syscall(libc::SYS_userfaultfd, 1) }).map(drop).map_err(absent)
    }),
    attack("s8_program_in_the_kernel", |_| {
        // A map of one entry: type, size of key and value, entries.
        let attributes = [2_u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        // SAFETY: the attributes are as long as is said.
        let made = unsafe {
            libc::syscall(libc::SYS_bpf, 0, attributes.as_ptr(), size_of_val(&attributes))
        };
        check(made).map(drop).map_err(absent)
    })
    .as_root(),
    attack("s8_count_events", |_| {
        let mut attributes = [0_u32; 32];
        // The clock of the processor, counted by the kernel itself.
        (attributes[0], attributes[1]) = (1, 128);
        // SAFETY: the attributes are as long as they say.
        let made =
            unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0) };
        check(made).map(drop).map_err(absent)
    })
    .as_root(),
    // Where the machine has a program for what crashes, the kernel runs it outside as root unless the limit is 1.
    attack("s8_have_the_machines_own_program_take_a_crash", |_| {
        limit_dumps(|limit| {
            // SAFETY: the limit outlives the call.
            check(unsafe { libc::setrlimit(libc::RLIMIT_CORE, limit) })
        })
    }),
    attack("s8_the_same_by_the_newer_call", |_| {
        limit_dumps(|limit| {
            let old = std::ptr::null_mut();
            // SAFETY: the limit outlives the call.
            check(unsafe { libc::prlimit(libc::getpid(), libc::RLIMIT_CORE, limit, old) })
        })
    }),
    attack("s8_set_the_clock", |_| {
        // SAFETY: the time is zeroed first, filled in by the kernel, and put back as it was.
        unsafe {
            let mut now = std::mem::zeroed();
            check(libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now))?;
            check(libc::clock_settime(libc::CLOCK_REALTIME, &raw const now)).map(drop)
        }
    })
    .as_root(),
    attack("s8_name_of_the_host", |_| {
        let name = fs::read_to_string("/proc/sys/kernel/hostname")?;
        let name = name.trim();
        // SAFETY: the name outlives the call. It stays what it was.
        check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) }).map(drop)
    })
    .as_root(),
    attack("s8_log_of_the_kernel", |_| {
        // SAFETY: no memory is involved; 10 asks for the size of the log's buffer.
        check(unsafe { libc::syscall(libc::SYS_syslog, 10, 0, 0) }).map(drop)
    })
    .as_root(),
    attack("s8_watch_the_file_system", |_| {
        // SAFETY: no memory is involved.
        check(unsafe { libc::fanotify_init(0, 0) }).map(drop).map_err(absent)
    })
    .as_root(),
    attack("s8_ports_of_the_machine", |_| {
        // SAFETY: no memory is involved.
        #[cfg(target_arch = "x86_64")]
        return check(unsafe { libc::ioperm(0x80, 1, 1) }).map(drop).map_err(absent);
        #[cfg(not(target_arch = "x86_64"))]
        Err(impossible())
    })
    .as_root(),
    attack("s8_setting_of_the_kernel", |_| {
        let path = "/proc/sys/vm/overcommit_memory";
        fs::write(path, fs::read(path)?)
    })
    .as_root(),
    attack("s8_setting_of_the_kernel_in_sys", |_| {
        let path = "/sys/kernel/mm/transparent_hugepage/khugepaged/defrag";
        let text = fs::read(path).map_err(|_| impossible())?;
        fs::write(path, text)
    })
    .as_root(),
    attack("s8_sysrq", |_| {
        fs::write("/proc/sysrq-trigger", "h").map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => impossible(),
            _ => error,
        })
    })
    .as_root(),
    attack("s8_memory_of_the_kernel", |_| {
        fs::File::open("/proc/kcore")
            .map_err(|_| impossible())
            .and_then(|file| unless(file.metadata()?.len() > 0))
    })
    .as_root(),
    attack("s8_a_group_of_processes", |_| {
        let group = group()?.join("cgroup.procs");
        fs::write(group, std::process::id().to_string())
    })
    .as_root(),
    attack("s8_capabilities", |_| {
        let status = fs::read_to_string("/proc/self/status")?;
        let sets = status.lines().filter(|line| line.starts_with("Cap"));
        unless(sets.filter(|line| !line.starts_with("CapBnd")).any(|line| {
            line.rsplit('\t').next().is_some_and(|bits| bits.bytes().any(|bit| bit != b'0'))
        }))
    })
    .as_root(),
    attack("s8_new_privileges", |_| {
        // SAFETY: no memory is involved.
        unless(unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) } == 0)
    }),
    attack("s8_calls_of_another_architecture", |_| {
        const X32: i64 = 0x4000_0000;
        // SAFETY: no memory is involved.
        let made = unsafe { libc::syscall(X32 | libc::SYS_getpid) };
        check(made).map(drop).map_err(|error| match error.raw_os_error() {
            Some(libc::ENOSYS) => impossible(),
            _ => error,
        })
    }),
];

/// Not every kernel has it, and not for everybody.
fn absent(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EINVAL | libc::ENOENT | libc::EOPNOTSUPP) => impossible(),
        _ => error,
    }
}

fn descriptor_of(pid: i32) -> io::Result<i64> {
    // SAFETY: no memory is involved.
    check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

fn stack_of(pid: i32) -> io::Result<usize> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let line = maps.lines().find(|line| line.ends_with("[stack]")).ok_or_else(impossible)?;
    let end = line.split(['-', ' ']).nth(1).ok_or_else(impossible)?;
    usize::from_str_radix(end, 16).map(|end| end - 8).map_err(io::Error::other)
}

fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: nothing is shared with anybody.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

fn clone(call: i64, flags: u64) -> io::Result<()> {
    // SAFETY: without a stack of its own the child goes on with a copy of ours, and only ends.
    unsafe {
        match check(libc::syscall(call, flags | 17, 0, 0, 0, 0))? {
            0 => libc::_exit(0),
            _ => Ok(()),
        }
    }
}

/// And takes it away again, so that unsandboxed nothing is left of it on the machine.
fn mount(kind: &std::ffi::CStr, on: &Path, flags: u64) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    // By its whole name: what `.` means stays below the mount.
    let on = CString::new(on.canonicalize()?.as_os_str().as_bytes())?;
    // SAFETY: both strings outlive the calls.
    unsafe {
        check(libc::mount(kind.as_ptr(), on.as_ptr(), kind.as_ptr(), flags, std::ptr::null()))?;
        check(libc::umount2(on.as_ptr(), libc::MNT_DETACH)).map(drop)
    }
}

/// Of the first version it is one of several.
fn group() -> io::Result<PathBuf> {
    let groups = PathBuf::from("/sys/fs/cgroup");
    let of_first = fs::read_dir(&groups)?.flatten().map(|entry| entry.path());
    let all = std::iter::once(groups).chain(of_first);
    all.into_iter().find(|group| group.join("cgroup.procs").exists()).ok_or_else(impossible)
}

/// The hard limit stays, so that no right is needed.
fn limit_dumps(set: impl Fn(*const libc::rlimit) -> io::Result<i64>) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit outlives the calls.
    unsafe { check(libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit))? };
    limit.rlim_cur = 0;
    set(&raw const limit)?;
    // SAFETY: as above.
    unsafe { check(libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit))? };
    unless(limit.rlim_cur == 0)
}

/// Only opens it: what would be written harms all.
fn open(path: &str) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path).map(drop)
}

fn open_controls() -> io::Result<()> {
    let controls = ["uevent_helper", "profiling", "rcu_expedited", "mm/ksm/run"];
    let controls = controls.map(|name| Path::new("/sys/kernel").join(name));
    match controls.iter().find(|path| path.exists()) {
        Some(path) => open(&path.display().to_string()),
        None => Err(impossible()),
    }
}
