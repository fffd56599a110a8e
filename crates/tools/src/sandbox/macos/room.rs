//! The process of a room: waits for its errand, starts the command under the profile, and ends its group with it, or
//! with the agent. What a command started in a session of its own is out of its reach.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, kill_process_group, setrlimit, waitpid,
};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::{JOB, JOB_ARGUMENT, World};
use crate::sandbox::channel::BlockingChannel;
use crate::sandbox::kept::Kept;
use crate::sandbox::message::{Errand, Input, Instruction, Order, Reply, WindowSize, Wish};
use crate::sandbox::program::{self, Program};
use crate::sandbox::{Exit, NotStarted};

/// How long what was asked to end may take over it.
const GRACE: Duration = Duration::from_secs(1);

/// Puts the step that failed before the system's words.
fn say<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}

/// None in the child.
#[allow(unsafe_code)]
pub(super) fn fork() -> std::io::Result<Option<u32>> {
    // SAFETY: this process has one thread, so the child's copy of all state is consistent.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some(pid.unsigned_abs())),
    }
}

/// The kernel forgets rooms that have ended: nobody asks the holder about them.
#[allow(unsafe_code)]
pub(super) fn ignore_children() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

/// Lives until its command is over; never returns to the holder's code.
pub(super) fn live(world: &World, control: &BlockingChannel) -> ! {
    if let Err(reason) = serve(world, control) {
        let _ = control.send(&Reply::Failed(reason), &[]);
    }
    leave(0)
}

/// Without running what the holder would run at its end.
#[allow(unsafe_code)]
fn leave(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

fn serve(world: &World, control: &BlockingChannel) -> Result<(), NotStarted> {
    let ended = children_as_descriptor().map_err(say("watching processes"))?;
    let Some((errand, descriptors)) = await_errand(control)? else { return Ok(()) };
    let stdio = Stdio::open(errand.input, descriptors).map_err(say("input and output"))?;
    let command = start(world, errand, &stdio)?;
    let terminal = stdio.master.as_ref().map(|master| master.as_fd());
    control.send(&Reply::Started, terminal.as_slice()).map_err(|error| error.to_string())?;
    drop(stdio);
    supervise(control, &ended, command);
    Ok(())
}

/// That a command will come is nothing to get ready for here.
fn await_errand(control: &BlockingChannel) -> Result<Option<(Errand, Vec<OwnedFd>)>, String> {
    loop {
        match control.receive::<Instruction>().map_err(|error| error.to_string())? {
            Some((Instruction::Expect, _)) => {}
            Some((Instruction::Do(errand), descriptors)) => {
                return Ok(Some((*errand, descriptors)));
            }
            None => return Ok(None),
        }
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
        let mut given = given.into_iter();
        let mut next =
            || given.next().ok_or_else(|| std::io::Error::other("descriptors are missing"));
        match input {
            Input::Empty => {
                let null = File::open("/dev/null")?.into();
                Ok(Self { descriptors: [null, next()?, next()?], master: None })
            }
            Input::Given => Ok(Self { descriptors: [next()?, next()?, next()?], master: None }),
            Input::Terminal(size) => Self::terminal(size),
        }
    }

    fn terminal(size: WindowSize) -> std::io::Result<Self> {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        fcntl_setfd(&master, FdFlags::CLOEXEC)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        let name = rustix::pty::ptsname(&master, Vec::new())?;
        let flags =
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let terminal = rustix::fs::open(&*name, flags, rustix::fs::Mode::empty())?;
        let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&terminal, size)?;
        let (input, output) = (terminal.try_clone()?, terminal.try_clone()?);
        Ok(Self { descriptors: [input, output, terminal], master: Some(master) })
    }
}

/// Forks the command; returns when it runs. A file operation is told to the process that does it.
fn start(world: &World, errand: Errand, stdio: &Stdio) -> Result<Pid, NotStarted> {
    let (argv, job) = match &errand.order {
        Order::Run(argv) => (argv.clone(), None),
        Order::Serve(job) => {
            let own = std::env::current_exe().map_err(say("our own executable"))?;
            let json = serde_json::to_vec(job).map_err(|error| error.to_string())?;
            (vec![own.into(), JOB_ARGUMENT.into()], Some(json))
        }
    };
    let line = world.command_line(errand.reach, &argv);
    let (mut trouble, report) = std::io::pipe().map_err(|error| error.to_string())?;
    let (told, mut tells) = std::io::pipe().map_err(|error| error.to_string())?;
    match fork().map_err(say("no process for the command"))? {
        None => {
            drop((trouble, tells));
            let mut report = report;
            let told = job.is_some().then(|| OwnedFd::from(told));
            let Err(reason) = become_command(world, errand, &line, stdio, told);
            let _ = serde_json::to_writer(&mut report, &reason);
            leave(1)
        }
        Some(pid) => {
            drop((report, told));
            let mut said = Vec::new();
            trouble.read_to_end(&mut said).map_err(|error| error.to_string())?;
            if !said.is_empty() {
                let reason = serde_json::from_slice(&said);
                return Err(reason.unwrap_or_else(|error| error.to_string().into()));
            }
            if let Some(job) = job {
                tells.write_all(&job).map_err(say("telling it what to do"))?;
            }
            Pid::from_raw(pid.cast_signed()).ok_or_else(|| "a process without an id".into())
        }
    }
}

fn become_command(
    world: &World,
    errand: Errand,
    line: &[OsString],
    stdio: &Stdio,
    told: Option<OwnedFd>,
) -> Result<Infallible, NotStarted> {
    rustix::process::setsid().map_err(say("a session of its own"))?;
    if stdio.master.is_some() {
        rustix::process::ioctl_tiocsctty(&stdio.descriptors[0]).map_err(say("its terminal"))?;
    }
    let [input, output, errors] = &stdio.descriptors;
    rustix::stdio::dup2_stdin(input).map_err(say("standard input"))?;
    rustix::stdio::dup2_stdout(output).map_err(say("standard output"))?;
    rustix::stdio::dup2_stderr(errors).map_err(say("standard error"))?;
    if let Some(told) = told {
        place_job(&told).map_err(say("its job"))?;
    }
    program::enter(&errand)?;
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, no_core).map_err(say("core dumps"))?;
    program::usual_signals();
    let temporary = world.temporary_variables();
    let temporary = temporary.into_iter().map(|(name, path)| (name.into(), path.into()));
    let env = world.policy.env.clone().into_iter().chain(temporary).chain(errand.env);
    Err(Program::new(line, env)?.execute())
}

/// At its number, and left open when the program is another.
#[allow(unsafe_code)]
fn place_job(told: &OwnedFd) -> std::io::Result<()> {
    // SAFETY: what was at that number is of no more use in this process: it is replaced, or the same already.
    let placed = unsafe {
        if told.as_raw_fd() == JOB {
            libc::fcntl(JOB, libc::F_SETFD, 0)
        } else {
            libc::dup2(told.as_raw_fd(), JOB)
        }
    };
    if placed < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// Where the signal handler writes.
static TELLS: AtomicI32 = AtomicI32::new(-1);

#[allow(unsafe_code)]
extern "C" fn tell(_signal: libc::c_int) {
    // SAFETY: writing is allowed in a handler; the descriptor is never closed. A full pipe tells as much.
    unsafe { libc::write(TELLS.load(Ordering::Relaxed), [0_u8].as_ptr().cast(), 1) };
}

/// The end of a child makes the descriptor readable.
#[allow(unsafe_code)]
fn children_as_descriptor() -> std::io::Result<OwnedFd> {
    let (ended, tells) = std::io::pipe()?;
    for end in [ended.as_fd(), tells.as_fd()] {
        rustix::io::ioctl_fionbio(end, true)?;
    }
    TELLS.store(std::os::fd::IntoRawFd::into_raw_fd(tells), Ordering::Relaxed);
    // SAFETY: the handler does nothing but write a byte.
    unsafe { libc::signal(libc::SIGCHLD, tell as *const () as libc::sighandler_t) };
    Ok(ended.into())
}

/// Until the command is over: passes wishes on, reports its end, ends the rest of its group.
fn supervise(control: &BlockingChannel, ended: &OwnedFd, command: Pid) {
    let mut deadline: Option<Instant> = None;
    // After that, and in a room that is kept, wishes no longer count.
    let mut ending = false;
    let mut kept: Option<Kept> = None;
    loop {
        if let Some(exit) = exit_of(command) {
            if let Some(kept) = &mut kept {
                kept.take_rest();
            }
            let _ = kill_process_group(command, Signal::KILL);
            let _ = control.send(&Reply::Exited(exit, vec![]), &[]);
            return;
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            let _ = kill_process_group(command, Signal::KILL);
            deadline = None;
        }
        let wishes = (!ending && kept.is_none()).then(|| control.as_fd());
        let output = kept.as_ref().and_then(Kept::output);
        let mut waited = [Some(ended.as_fd()), wishes, output].map(|descriptor| {
            PollFd::from_borrowed_fd(descriptor.unwrap_or(ended.as_fd()), PollFlags::IN)
        });
        let (wished, printing) = (wishes.is_some(), output.is_some());
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let _ = poll(&mut waited, left.as_ref());
        let [_, wish, printed] = waited.map(|descriptor| !descriptor.revents().is_empty());
        drain(ended);
        if let Some(kept) = kept.as_mut().filter(|_| printing && printed) {
            kept.take();
        }
        if !(wished && wish) {
            continue;
        }
        match control.receive::<Wish>() {
            Ok(Some((Wish::Keep(redactor), descriptors))) => {
                kept = Kept::new(descriptors, redactor);
            }
            Ok(Some((Wish::Signal(number), _))) => forward(command, number),
            Ok(Some((Wish::End, _)) | None) | Err(_) => {
                let _ = kill_process_group(command, Signal::TERM);
                let _ = kill_process_group(command, Signal::CONT);
                (ending, deadline) = (true, Some(Instant::now() + GRACE));
            }
        }
    }
}

/// None while it runs.
fn exit_of(command: Pid) -> Option<Exit> {
    let (_, status) = waitpid(Some(command), WaitOptions::NOHANG).ok()??;
    let code = status.exit_status().map(Exit::Code);
    code.or_else(|| status.terminating_signal().map(Exit::Signal))
}

fn drain(ended: &OwnedFd) {
    let mut buffer = [0_u8; 128];
    while rustix::io::read(ended, &mut buffer).is_ok_and(|read| read > 0) {}
}

#[allow(unsafe_code)]
fn forward(command: Pid, number: i32) {
    // SAFETY: no memory is involved; a number that is no signal is refused by the kernel. The command leads its
    // own group, and is not waited for yet, so the id is still its own.
    unsafe { libc::kill(-command.as_raw_nonzero().get(), number) };
}
