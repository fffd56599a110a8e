//! The first process of a room: prepares the confinement, waits for its errand, starts the command in it and ends
//! everything with it, or with the agent. It stays outside the walls, out of the command's reach.

use std::convert::Infallible;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;

use agent_protocol::SandboxMode;
use rustix::process::{Pid, Resource, Rlimit};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::confine::Confinement;
use super::metadata::Metadata;
use super::supervise::{Watched, supervise};
use super::walls::Walls;
use super::{Forked, World, fork, view};
use crate::sandbox::Tier;
use crate::sandbox::channel::BlockingChannel;
use crate::sandbox::message::{Errand, Input, Order, Reach, Reply, WindowSize};

/// Puts the step that failed before the system's words.
fn say(what: &'static str) -> impl Fn(rustix::io::Errno) -> String {
    move |error| format!("{what}: {error}")
}

/// Lives until the room is empty; never returns to the holder's code.
pub(super) fn live(world: &World, control: &BlockingChannel) -> ! {
    if let Err(reason) = serve(world, control) {
        let _ = control.send(&Reply::Failed(reason), &[]);
    }
    leave(0)
}

/// Without running what the holder would run at its end.
#[allow(unsafe_code)]
pub(super) fn leave(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// What a room has for itself beside the things of its world; done by its first process.
pub(super) fn furnish(world: &World) -> Result<(), String> {
    match world.tier {
        Tier::Full => view::own_processes(),
        Tier::Reduced | Tier::None => {
            rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
                .map_err(say("adopting orphans"))
        }
    }
}

fn serve(world: &World, control: &BlockingChannel) -> Result<(), String> {
    furnish(world)?;
    let confinement = match world.tier {
        Tier::None => None,
        Tier::Full | Tier::Reduced => Some(Confinement {
            walls: Walls::build(world, Reach::Policy).map_err(|error| error.to_string())?,
            scope: Confinement::scope(world),
        }),
    };
    let ended = children_as_descriptor().map_err(|error| format!("watching processes: {error}"))?;

    let Some((errand, descriptors)) =
        control.receive::<Errand>().map_err(|error| error.to_string())?
    else {
        return Ok(());
    };
    let confinement = match (confinement, errand.reach) {
        (Some(confinement), Reach::Reading) => {
            let walls = Walls::build(world, Reach::Reading).map_err(|error| error.to_string())?;
            Some(Confinement { walls, ..confinement })
        }
        (confinement, _) => confinement,
    };
    let stdio = Stdio::open(errand.input, descriptors)
        .map_err(|error| format!("input and output: {error}"))?;
    let metadata = remember(world, &errand)?;
    // What is said of it goes where the command's own complaints go; an edit has its journal there.
    let complaints = match errand.order {
        Order::Run(_) => stdio.descriptors[2].try_clone().ok(),
        Order::Serve(_) => None,
    };
    let (command, listener) = start(world, errand, confinement, &stdio)?;
    let terminal = stdio.master.as_ref().map(|master| master.as_fd());
    control.send(&Reply::Started, terminal.as_slice()).map_err(|error| error.to_string())?;
    drop(stdio);
    supervise(world, &Watched { control, ended: &ended }, command, listener);
    if let Some(metadata) = metadata {
        settle(world, &metadata, complaints);
    }
    Ok(())
}

/// Nothing, when no file in the roots can change.
fn remember(world: &World, errand: &Errand) -> Result<Option<Metadata>, String> {
    if world.policy.mode != SandboxMode::WorkspaceWrite || errand.reach == Reach::Reading {
        return Ok(None);
    }
    let metadata = Metadata::remember(&world.policy.writable_roots, world.began);
    metadata.pin(world.tier)?;
    Ok(Some(metadata))
}

/// Puts back what the command was not to change; by a process within its walls, so that no link leads it out.
fn settle(world: &World, metadata: &Metadata, complaints: Option<OwnedFd>) {
    let changed = metadata.changed();
    if changed.is_empty() {
        return;
    }
    if let Ok(Forked::Child) = fork() {
        let walls = Walls::build(world, Reach::Policy).map_err(|error| error.to_string());
        let scope = Confinement::scope(world);
        if walls.and_then(|walls| Confinement { walls, scope }.enter()).is_ok() {
            metadata.put_back(&changed);
        }
        leave(0)
    }
    while rustix::process::wait(rustix::process::WaitOptions::empty()).is_ok() {}
    let Some(complaints) = complaints else { return };
    let mut complaints = File::from(complaints);
    for path in changed {
        let _ = writeln!(
            complaints,
            "agent: put back {}: it could make code run outside the sandbox",
            path.display()
        );
    }
}

/// Descriptors 0 to 2 of the command.
struct Stdio {
    descriptors: [OwnedFd; 3],
    /// The agent's end of the terminal, when there is one.
    master: Option<OwnedFd>,
}

impl Stdio {
    fn open(input: Input, given: Vec<OwnedFd>) -> std::io::Result<Self> {
        let missing = || std::io::Error::other("descriptors are missing");
        let mut given = given.into_iter();
        let mut next = || given.next().ok_or_else(missing);
        match input {
            // Opened here: a descriptor from outside would lead out of the mounts, to be changed by its owner.
            Input::Empty => {
                let null = File::open("/dev/null")?.into();
                Ok(Self { descriptors: [null, next()?, next()?], master: None })
            }
            Input::Given => Ok(Self { descriptors: [next()?, next()?, next()?], master: None }),
            Input::Terminal(size) => Self::terminal(size),
        }
    }

    /// Made here, so that the terminal has a name in this room.
    fn terminal(size: WindowSize) -> std::io::Result<Self> {
        let master =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::pty::unlockpt(&master)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
        rustix::termios::tcsetwinsize(
            &terminal,
            Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 },
        )?;
        let (input, output) = (terminal.try_clone()?, terminal.try_clone()?);
        Ok(Self { descriptors: [input, output, terminal], master: Some(master) })
    }
}

/// Forks the command. Returns when it runs, with where its connections wait to be made; an error is one of the steps
/// up to that.
fn start(
    world: &World,
    errand: Errand,
    confinement: Option<Confinement>,
    stdio: &Stdio,
) -> Result<(Pid, Option<OwnedFd>), String> {
    let (mut trouble, report) = std::io::pipe().map_err(|error| error.to_string())?;
    let (ours, theirs) = UnixStream::pair().map_err(|error| error.to_string())?;
    let (ours, theirs) = (BlockingChannel::new(ours.into()), BlockingChannel::new(theirs.into()));
    match fork().map_err(|error| format!("no process for the command: {error}"))? {
        Forked::Child => {
            drop((trouble, ours));
            let mut report = report;
            let Err(reason) = become_command(world, errand, confinement, stdio, &report, theirs);
            let _ = report.write_all(reason.as_bytes());
            leave(127)
        }
        Forked::Parent(pid) => {
            drop((report, theirs));
            let mut reason = String::new();
            trouble.read_to_string(&mut reason).map_err(|error| error.to_string())?;
            if !reason.is_empty() {
                return Err(reason);
            }
            let command = Pid::from_raw(pid.cast_signed()).ok_or("a process without an id")?;
            let sent = ours.receive::<()>().ok().flatten();
            Ok((command, sent.and_then(|(_, listener)| listener.into_iter().next())))
        }
    }
}

fn become_command(
    world: &World,
    errand: Errand,
    confinement: Option<Confinement>,
    stdio: &Stdio,
    report: &std::io::PipeWriter,
    supervisor: BlockingChannel,
) -> Result<Infallible, String> {
    rustix::process::setsid().map_err(say("a session of its own"))?;
    if stdio.master.is_some() {
        rustix::process::ioctl_tiocsctty(&stdio.descriptors[0]).map_err(say("its terminal"))?;
    }
    let [input, output, errors] = &stdio.descriptors;
    rustix::stdio::dup2_stdin(input).map_err(say("standard input"))?;
    rustix::stdio::dup2_stdout(output).map_err(say("standard output"))?;
    rustix::stdio::dup2_stderr(errors).map_err(say("standard error"))?;
    rustix::process::chdir(&errand.cwd)
        .map_err(|error| format!("the working directory {}: {error}", errand.cwd.display()))?;
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, no_core).map_err(say("core dumps"))?;
    // Of two that are too big, the command dies before the agent does.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    usual_signals();
    if let Some(listener) = confinement.map(Confinement::enter).transpose()?.flatten() {
        let sent = supervisor.send(&(), &[listener.as_fd()]);
        sent.map_err(|error| format!("who makes its connections: {error}"))?;
    }
    drop(supervisor);
    match errand.order {
        Order::Run(arguments) => Err(execute(world, &arguments, errand.env)),
        Order::Serve(job) => {
            // The agent waits for this pipe's end to know that the command runs.
            rustix::io::dup2(input, &mut raw(report)).map_err(say("the report"))?;
            serve_job(job)
        }
    }
}

/// The descriptor as one that may be replaced; it is never closed through this handle.
#[allow(unsafe_code)]
fn raw(descriptor: &std::io::PipeWriter) -> std::mem::ManuallyDrop<OwnedFd> {
    // SAFETY: the handle is never dropped, so the descriptor keeps its one owner.
    std::mem::ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(descriptor.as_raw_fd()) })
}

/// Returns only when it fails.
#[allow(clippy::disallowed_methods)]
fn execute(
    world: &World,
    arguments: &[std::ffi::OsString],
    env: Vec<(std::ffi::OsString, std::ffi::OsString)>,
) -> String {
    let Some((program, rest)) = arguments.split_first() else {
        return "an empty command line".into();
    };
    let error = std::process::Command::new(program)
        .args(rest)
        .env_clear()
        .envs(&world.policy.env)
        .envs(world.temporary_variables())
        .envs(env)
        .exec();
    format!("{}: {error}", program.to_string_lossy())
}

fn serve_job(job: crate::job::Job) -> ! {
    // Standard error is the journal of an edit: no fault of ours is to be written into it.
    std::panic::set_hook(Box::new(|_| {}));
    let output = std::panic::catch_unwind(|| job.perform());
    let code = match output.map(|output| serde_json::to_vec(&output)) {
        Ok(Ok(json)) => i32::from(
            std::io::stdout().write_all(&json).and_then(|()| std::io::stdout().flush()).is_err(),
        ),
        _ => 101,
    };
    leave(code)
}

/// As a shell would start it: nothing blocked, nothing ignored.
#[allow(unsafe_code)]
fn usual_signals() {
    // SAFETY: no handler is installed; the set is initialised by the first call.
    unsafe {
        let mut none = std::mem::MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
}

/// The end of a child makes the descriptor readable.
#[allow(unsafe_code)]
fn children_as_descriptor() -> std::io::Result<OwnedFd> {
    // SAFETY: the set is initialised before it is used; the descriptor is ours alone.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        let mut set = std::mem::MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
        match libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(std::io::Error::last_os_error()),
            descriptor => Ok(OwnedFd::from_raw_fd(descriptor)),
        }
    }
}
