//! S14: whatever keeps the sandbox from being set up, nothing runs then, and why is said. What can do with the reduced
//! tier gets it and says so; nothing gets less than it had.

use std::fs;
use std::io;
use std::path::Path;

use agent_tools::{Exit, Tier, Toolbox, probe, run_confined};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::agent::{self, Refused, refuse};
use crate::place::{Host, Place};
use crate::{FAILED, IMPOSSIBLE, Outcome, WORKED};

pub(crate) struct Failing {
    pub(crate) name: &'static str,
    users: Users,
    /// Done to the process that plays the agent, before it starts anything.
    trouble: fn() -> io::Result<()>,
    then: Then,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Users {
    All,
    Root,
    Ordinary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    Reduced,
    Full,
}

const fn failing(name: &'static str, then: Then, trouble: fn() -> io::Result<()>) -> Failing {
    Failing { name, users: Users::All, trouble, then }
}

impl Failing {
    const fn of(self, users: Users) -> Self {
        Self { users, ..self }
    }
}

const NO_LANDLOCK: &str = "s14_no_landlock";
const LOWERED: &str = "s14_a_lower_tier_in_the_middle_of_a_thread";

pub(crate) const FAILING: &[Failing] = &[
    failing("s14_no_user_namespaces", Then::Reduced, || {
        without(&[Refused::all(libc::SYS_unshare)], libc::EPERM)
    }),
    failing("s14_no_user_namespaces_left", Then::Reduced, || {
        without(&[Refused::all(libc::SYS_unshare)], libc::ENOSPC)
    }),
    failing("s14_no_namespaces_of_processes", Then::Reduced, || {
        without(&[Refused::with(libc::SYS_clone, libc::CLONE_NEWPID as u32)], libc::EPERM)
    }),
    failing("s14_no_mounts", Then::Reduced, || {
        without(&[Refused::all(libc::SYS_mount)], libc::EPERM)
    }),
    failing("s14_no_read_only_trees", Then::Reduced, || {
        without(&[Refused::all(libc::SYS_mount_setattr)], libc::ENOSYS)
    }),
    failing("s14_no_copies_of_trees", Then::Reduced, || {
        without(&[Refused::all(libc::SYS_open_tree)], libc::ENOSYS)
    }),
    failing("s14_no_trees_moved", Then::Reduced, || {
        without(&[Refused::all(libc::SYS_move_mount)], libc::EACCES)
    }),
    failing(NO_LANDLOCK, Then::Full, || {
        without(&[Refused::all(libc::SYS_landlock_create_ruleset)], libc::ENOSYS)
    }),
    failing("s14_neither_namespaces_nor_landlock", Then::Nothing, || {
        without(
            &[Refused::all(libc::SYS_unshare), Refused::all(libc::SYS_landlock_create_ruleset)],
            libc::ENOSYS,
        )
    }),
    failing("s14_landlock_switched_off", Then::Nothing, || {
        without(
            &[Refused::all(libc::SYS_unshare), Refused::all(libc::SYS_landlock_create_ruleset)],
            libc::EOPNOTSUPP,
        )
    }),
    failing("s14_no_rules_for_landlock", Then::Nothing, || {
        without(
            &[Refused::all(libc::SYS_unshare), Refused::all(libc::SYS_landlock_add_rule)],
            libc::EPERM,
        )
    }),
    failing("s14_landlock_cannot_be_entered", Then::Nothing, || {
        without(
            &[Refused::all(libc::SYS_unshare), Refused::all(libc::SYS_landlock_restrict_self)],
            libc::EPERM,
        )
    }),
    failing("s14_no_filter_of_calls", Then::Nothing, || {
        without(&[Refused::all(libc::SYS_seccomp)], libc::EPERM)
    }),
    failing("s14_no_filter_of_calls_in_the_reduced_tier", Then::Nothing, || {
        without(&[Refused::all(libc::SYS_unshare), Refused::all(libc::SYS_seccomp)], libc::EINVAL)
    }),
    failing("s14_new_privileges_cannot_be_given_up", Then::Nothing, || {
        // Of the operations only this one and few others, which nothing here needs, have this bit.
        without(&[Refused::with(libc::SYS_prctl, 0x20)], libc::EINVAL)
    }),
    failing("s14_capabilities_cannot_be_given_up", Then::Nothing, || {
        without(&[Refused::all(libc::SYS_capset)], libc::EPERM)
    }),
    failing("s14_no_session_of_its_own", Then::Nothing, || {
        without(&[Refused::all(libc::SYS_setsid)], libc::EPERM)
    }),
    failing("s14_limits_cannot_be_set", Then::Nothing, || {
        without(
            &[Refused::all(libc::SYS_prlimit64), Refused::all(libc::SYS_setrlimit)],
            libc::EPERM,
        )
    }),
    failing("s14_no_process_left", Then::Nothing, || {
        let calls = [libc::SYS_clone, libc::SYS_clone3, libc::SYS_fork, libc::SYS_vfork];
        without(&calls.map(Refused::all), libc::EAGAIN)
    }),
    failing("s14_no_process_left_to_the_person", Then::Nothing, || {
        Ok(setrlimit(Resource::Nproc, Rlimit { current: Some(0), maximum: Some(0) })?)
    })
    .of(Users::Ordinary),
    failing("s14_no_descriptor_left", Then::Nothing, || {
        // The runtime of the agent itself stands already, with some to spare.
        without(&[Refused::all(libc::SYS_pipe2), Refused::all(libc::SYS_socketpair)], libc::EMFILE)
    }),
    failing("s14_a_full_disk", Then::Nothing, || {
        without(&[Refused::all(libc::SYS_mkdir), Refused::all(libc::SYS_mkdirat)], libc::ENOSPC)
    }),
    failing("s14_nothing_temporary_in_the_reduced_tier", Then::Nothing, || {
        read_only_except_here(Path::new("/tmp"))?;
        without(&[Refused::all(libc::SYS_unshare)], libc::EPERM)
    })
    .of(Users::Root),
    failing("s14_no_proc", Then::Nothing, || cover(Path::new("/proc"))).of(Users::Root),
    failing("s14_no_helper", Then::Nothing, || fs::remove_file("attacker")),
    failing("s14_a_helper_that_cannot_be_run", Then::Nothing, || {
        fs::remove_file("attacker")?;
        fs::write("attacker", "no program")
    }),
    failing("s14_a_helper_that_is_another_program", Then::Nothing, || {
        fs::remove_file("attacker")?;
        fs::copy("/bin/true", "attacker").map(drop)
    }),
    failing(LOWERED, Then::Nothing, || Ok(())),
];

fn without(refused: &[Refused], errno: i32) -> io::Result<()> {
    refuse(refused, errno);
    Ok(())
}

/// In a mount namespace of its own, as all that follow.
fn apart() -> io::Result<()> {
    use rustix::mount::{MountPropagationFlags, mount_change};
    // SAFETY: nothing is shared with anybody.
    crate::attack::check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    Ok(mount_change("/", private)?)
}

/// Puts an empty directory there.
fn cover(path: &Path) -> io::Result<()> {
    apart()?;
    Ok(rustix::mount::mount("none", path, "tmpfs", rustix::mount::MountFlags::empty(), None)?)
}

fn read_only_except_here(path: &Path) -> io::Result<()> {
    use rustix::mount::{MountFlags, mount_bind, mount_remount};
    let here = std::env::current_dir()?;
    if !here.starts_with(path) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    apart()?;
    mount_bind(path, path)?;
    mount_remount(path, MountFlags::BIND | MountFlags::RDONLY, "")?;
    // The working directory is still the one below the mount.
    mount_bind("/proc/self/cwd", &here)?;
    std::env::set_current_dir(&here)
}

impl Failing {
    pub(crate) fn concerns(&self, user: u32) -> bool {
        match self.users {
            Users::All => true,
            Users::Root => user == 0,
            Users::Ordinary => user != 0,
        }
    }

    pub(crate) fn outcome(&self, user: u32, host: &Host) -> Outcome {
        let place = Place::new(user, host);
        let ran = place.run(&["failing", self.name]);
        let trouble = |what: &str| Outcome::Trouble(format!("{what}:\n{}", ran.said));
        match ran.code {
            Some(IMPOSSIBLE) => return Outcome::NotRun("this cannot be brought about here".into()),
            Some(WORKED | FAILED) => {}
            _ => return trouble("the agent came to grief"),
        }
        let done = TRIES.map(|name| place.workspace.join(name).exists());
        match self.then {
            Then::Nothing if done != [false; TRIES.len()] => trouble("something ran"),
            Then::Nothing if ran.said.lines().count() < 2 => trouble("no word on why"),
            Then::Nothing => Outcome::Held,
            Then::Reduced | Then::Full if done != [true; TRIES.len()] => trouble("not all ran"),
            then => match ran.said.contains(&format!("tier {then:?}")) {
                true => Outcome::Held,
                false => trouble("another tier"),
            },
        }
    }
}

/// What is tried, each by a file it would leave.
const TRIES: [&str; 3] = ["by-the-person", "by-a-command", "by-an-edit"];

/// Without any trouble all of it is done.
pub(crate) fn works(user: u32, host: &Host) -> bool {
    let place = Place::new(user, host);
    let ran = place.run(&["failing", ""]);
    ran.code == Some(WORKED) && TRIES.iter().all(|name| place.workspace.join(name).exists())
}

/// Says in a line of its own for each try why it was not done; and which tier it was.
pub(crate) fn tries(name: &str, home: &str) -> i32 {
    let config = agent::config("workspace-write", Path::new(home));
    agent::runtime().block_on(async {
        let toolbox = Toolbox::new(config.clone());
        if name == LOWERED {
            let first = performed(&toolbox, "exec_command", r#"{"cmd": "true"}"#).await;
            first.expect("the full tier");
            end_helpers().await;
            refuse(&[Refused::all(libc::SYS_unshare)], libc::EPERM);
            // A room that stood ready is as good as before; and one call finds out that the world is gone.
            for _ in 0..2 {
                let _ = performed(&toolbox, "exec_command", r#"{"cmd": "true"}"#).await;
            }
            return told(tried_by_model(&toolbox).await);
        }
        let failing = FAILING.iter().find(|failing| failing.name == name);
        match failing.map_or(Ok(()), |failing| (failing.trouble)()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return IMPOSSIBLE,
            Err(error) => panic!("{error}"),
        }
        match probe(&config).await {
            Ok(report) if report.tier == Tier::Full || !report.reasons.is_empty() => {
                let is_said = report.without_landlock && report.weaknesses().contains("Landlock");
                assert!(is_said || name != NO_LANDLOCK, "no word on it: {report:?}");
                println!("tier {:?} {}", report.tier, report.reasons.join("; "));
            }
            Ok(report) => panic!("a lower tier and no word on why: {report:?}"),
            Err(_) => {}
        }
        let argv = ["touch", TRIES[0]].map(std::ffi::OsString::from);
        let by_person = match run_confined(&config, &argv).await {
            Ok(Exit::Code(0)) => Ok(()),
            Ok(exit) => Err(format!("{exit:?}")),
            Err(error) => Err(error.to_string()),
        };
        let by_model = tried_by_model(&toolbox).await;
        told(std::iter::once(by_person).chain(by_model))
    })
}

fn told(tried: impl IntoIterator<Item = Result<(), String>>) -> i32 {
    let refused: Vec<_> = tried.into_iter().filter_map(Result::err).collect();
    for why in &refused {
        println!("{}", why.replace('\n', " "));
    }
    if refused.is_empty() { WORKED } else { FAILED }
}

async fn tried_by_model(toolbox: &Toolbox) -> [Result<(), String>; 2] {
    let command = format!(r#"{{"cmd": "touch {}"}}"#, TRIES[1]);
    let patch = format!("*** Begin Patch\n*** Add File: {}\n+x\n*** End Patch", TRIES[2]);
    [
        performed(toolbox, "exec_command", &command).await,
        performed(toolbox, "apply_patch", &patch).await,
    ]
}

async fn performed(toolbox: &Toolbox, tool: &str, input: &str) -> Result<(), String> {
    agent::performed(agent::prepared(toolbox, tool, input)?).await.map(drop)
}

/// As the kernel does when memory is short. Returns when they are gone.
async fn end_helpers() {
    let children = || std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let mut ended =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::child()).expect("signals");
    for child in children().split_ascii_whitespace() {
        let child = child.parse().ok().and_then(rustix::process::Pid::from_raw);
        let killed =
            rustix::process::kill_process(child.expect("a process"), rustix::process::Signal::KILL);
        killed.expect("its end");
    }
    while !children().is_empty() {
        ended.recv().await;
        tokio::task::yield_now().await;
    }
}
