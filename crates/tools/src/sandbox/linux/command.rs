//! The process that becomes the command. It is forked while its errand is not known yet, gives up its rights and waits,
//! so that little is left to do when the errand comes.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{PipeReader, PipeWriter, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::confine::Confinement;
use super::room::leave;
use super::{World, connect, limits};
use crate::sandbox::NotStarted;
use crate::sandbox::channel::BlockingChannel;
use crate::sandbox::message::{Errand, Input, Order};
use crate::sandbox::program::{self, Program};

/// Puts the step that failed before the system's words.
pub(super) fn say(what: &'static str) -> impl Fn(rustix::io::Errno) -> String {
    move |error| format!("{what}: {error}")
}

/// First process of a room to that of its command.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    /// Do what can be done without an errand's descriptors, and none of it is to last.
    Rehearse(Errand),
    /// Three descriptors follow.
    Begin(Errand),
}

/// Both ends of what the first process of a room and that of its command say to each other.
pub(super) struct Line {
    first: (BlockingChannel, PipeReader),
    command: (BlockingChannel, PipeWriter),
}

impl Line {
    pub(super) fn new() -> std::io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let (trouble, report) = std::io::pipe()?;
        Ok(Self {
            first: (BlockingChannel::new(ours.into()), trouble),
            command: (BlockingChannel::new(theirs.into()), report),
        })
    }

    /// The first process's end, once the other process of this id has given up its rights.
    pub(super) fn command_at(self, pid: u32) -> Result<Waiting, NotStarted> {
        let Self { first: (channel, mut trouble), command } = self;
        drop(command);
        let Some(((), listener)) = channel.receive().map_err(|error| error.to_string())? else {
            return Err(reason(&mut trouble).unwrap_or_else(|| "its process ended at once".into()));
        };
        let listener = listener.into_iter().next();
        listener.iter().for_each(|listener| connect::take_turns(listener.as_fd()));
        let pid = Pid::from_raw(pid.cast_signed()).ok_or("a process without an id")?;
        Ok(Waiting { pid, channel, trouble, listener })
    }

    /// Becomes the command of the errand that will come, or nothing when none does.
    pub(super) fn live(self, world: &World, confinement: Option<Confinement>) -> ! {
        let Self { first, command: (channel, report) } = self;
        drop(first);
        let mut report = report;
        if let Err(reason) = wait(world, &channel, &report, confinement) {
            let _ = serde_json::to_writer(&mut report, &reason);
        }
        leave(1)
    }
}

/// What the process says when it fails; nothing once it runs the command.
fn reason(trouble: &mut PipeReader) -> Option<NotStarted> {
    let mut said = Vec::new();
    match trouble.read_to_end(&mut said) {
        Ok(0) => None,
        Ok(_) => {
            Some(serde_json::from_slice(&said).unwrap_or_else(|error| error.to_string().into()))
        }
        Err(error) => Some(error.to_string().into()),
    }
}

/// The process, as the first one of the room sees it.
pub(super) struct Waiting {
    pub(super) pid: Pid,
    channel: BlockingChannel,
    trouble: PipeReader,
    /// Where its connections wait to be made.
    pub(super) listener: Option<OwnedFd>,
}

impl Waiting {
    /// Has it done once what it will do. The kernel maps each page when a forked process first touches it: better now
    /// than when somebody waits.
    pub(super) fn rehearse(&self, errand: Errand) {
        // When it is gone, that is noticed with the errand.
        let _ = self.channel.send(&Word::Rehearse(errand), &[]);
    }

    /// Returns when the command runs.
    pub(super) fn start(
        mut self,
        errand: Errand,
        stdio: &[OwnedFd; 3],
    ) -> Result<(Pid, Option<OwnedFd>), NotStarted> {
        let descriptors = stdio.each_ref().map(|descriptor| descriptor.as_fd());
        // When it is gone, it has said why.
        let sent = self.channel.send(&Word::Begin(errand), &descriptors);
        if let Some(reason) = reason(&mut self.trouble) {
            return Err(reason);
        }
        sent.map_err(|error| format!("no process for the command: {error}"))?;
        Ok((self.pid, self.listener))
    }
}

/// Returns when no errand came, or one of the steps failed.
fn wait(
    world: &World,
    first: &BlockingChannel,
    report: &PipeWriter,
    confinement: Option<Confinement>,
) -> Result<(), NotStarted> {
    rustix::process::setsid().map_err(say("a session of its own"))?;
    limits::set(world.tier).map_err(say("limits"))?;
    // Of two that are too big, the command dies before the agent does.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    program::usual_signals();
    let mut walls = None;
    let mut listener = None;
    if let Some(confinement) = confinement {
        listener = confinement.give_up_rights()?;
        walls = Some(confinement);
    }
    let listener = listener.iter().map(|listener| listener.as_fd()).collect::<Vec<_>>();
    first.send(&(), &listener).map_err(|error| format!("who makes its connections: {error}"))?;
    drop(listener);
    loop {
        match first.receive::<Word>().map_err(|error| error.to_string())? {
            None => return Ok(()),
            Some((Word::Rehearse(errand), _)) => {
                if let Order::Run(arguments) = &errand.order {
                    drop(program_of(world, arguments, errand.env)?);
                }
            }
            Some((Word::Begin(errand), descriptors)) => {
                let stdio = descriptors.try_into().map_err(|_| "descriptors are missing")?;
                let Err(reason) = become_command(world, errand, walls, &stdio, report);
                return Err(reason);
            }
        }
    }
}

fn program_of(
    world: &World,
    arguments: &[OsString],
    env: Vec<(OsString, OsString)>,
) -> Result<Program, NotStarted> {
    let temporary = world.temporary_variables();
    let temporary = temporary.into_iter().map(|(name, path)| (name.into(), path.into()));
    Program::new(arguments, world.policy.env.clone().into_iter().chain(temporary).chain(env))
}

fn become_command(
    world: &World,
    errand: Errand,
    confinement: Option<Confinement>,
    stdio: &[OwnedFd; 3],
    report: &PipeWriter,
) -> Result<Infallible, NotStarted> {
    let [input, output, errors] = stdio;
    if matches!(errand.input, Input::Terminal(_)) {
        rustix::process::ioctl_tiocsctty(input).map_err(say("its terminal"))?;
    }
    rustix::stdio::dup2_stdin(input).map_err(say("standard input"))?;
    rustix::stdio::dup2_stdout(output).map_err(say("standard output"))?;
    rustix::stdio::dup2_stderr(errors).map_err(say("standard error"))?;
    rustix::process::chdir(&errand.cwd)
        .map_err(|error| format!("the working directory {}: {error}", errand.cwd.display()))?;
    if let Some(confinement) = confinement {
        confinement.raise_walls(errand.reach)?;
    }
    match errand.order {
        Order::Run(arguments) => Err(program_of(world, &arguments, errand.env)?.execute()),
        Order::Serve(job) => {
            // The agent waits for this pipe's end to know that the command runs.
            rustix::io::dup2(input, &mut raw(report)).map_err(say("the report"))?;
            leave(program::serve(job))
        }
    }
}

/// The descriptor as one that may be replaced; it is never closed through this handle.
#[allow(unsafe_code)]
fn raw(descriptor: &PipeWriter) -> std::mem::ManuallyDrop<OwnedFd> {
    // SAFETY: the handle is never dropped, so the descriptor keeps its one owner.
    std::mem::ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(descriptor.as_raw_fd()) })
}
