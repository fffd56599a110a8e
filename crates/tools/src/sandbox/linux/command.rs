//! The process that becomes the command. It is there while its errand is not known yet, has given up its rights and waits,
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
use super::{World, asked, forerunner, limits};
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

/// Process of the command to the first one of its room: it has this id, and given up its rights. With it come the pipe
/// where it will say what fails, and the place where its connections wait to be made.
#[derive(Debug, Serialize, Deserialize)]
struct Here(i32);

/// Both ends of what the first process of a room and that of its command say to each other.
pub(super) struct Line {
    first: BlockingChannel,
    command: BlockingChannel,
}

impl Line {
    pub(super) fn new() -> std::io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let [first, command] = [ours, theirs].map(|end| BlockingChannel::new(end.into()));
        Ok(Self { first, command })
    }

    /// The first process's end, once the other one has given up its rights; `forerunner` is what prepared it.
    pub(super) fn command_after(self, forerunner: u32) -> Result<Waiting, NotStarted> {
        let Self { first: channel, command } = self;
        drop(command);
        let said = channel.receive::<Result<Here, NotStarted>>();
        let said = said.map_err(|error| error.to_string())?.ok_or("its process ended at once")?;
        let (Here(pid), descriptors) = (said.0?, said.1);
        let mut descriptors = descriptors.into_iter();
        let trouble = descriptors.next().ok_or("a process that could not say what fails")?;
        let listener = descriptors.next();
        listener.iter().for_each(|listener| asked::take_turns(listener.as_fd()));
        let pid = Pid::from_raw(pid).ok_or("a process without an id")?;
        let forerunner = Pid::from_raw(forerunner.cast_signed());
        Ok(Waiting { pid, forerunner, channel, trouble: trouble.into(), listener })
    }

    /// Becomes the command of the errand that will come, or nothing when none does.
    pub(super) fn live(self, world: &World, confinement: Option<Confinement>) -> ! {
        let Self { first, command: channel } = self;
        drop(first);
        let failed = match prepare(world, confinement) {
            Ok(prepared) => forerunner::go_on(|| prepared.wait(world, &channel)).to_string().into(),
            Err(reason) => NotStarted::from(reason),
        };
        let _ = channel.send(&Err::<Here, _>(failed), &[]);
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
    /// Ends by itself when the command begins.
    pub(super) forerunner: Option<Pid>,
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
    ) -> Result<Running, NotStarted> {
        let descriptors = stdio.each_ref().map(|descriptor| descriptor.as_fd());
        // When it is gone, it has said why.
        let sent = self.channel.send(&Word::Begin(errand), &descriptors);
        if let Some(reason) = reason(&mut self.trouble) {
            return Err(reason);
        }
        sent.map_err(|error| format!("no process for the command: {error}"))?;
        let Self { pid, forerunner, listener, .. } = self;
        Ok(Running { pid, forerunner, listener })
    }
}

/// The command, from when it runs.
pub(super) struct Running {
    pub(super) pid: Pid,
    pub(super) forerunner: Option<Pid>,
    pub(super) listener: Option<OwnedFd>,
}

/// What the process that will be the command is made of.
struct Prepared {
    walls: Option<Confinement>,
    listener: Option<OwnedFd>,
}

/// Gives up the rights of this process, and of those that come after it.
fn prepare(world: &World, confinement: Option<Confinement>) -> Result<Prepared, String> {
    limits::set(world.tier).map_err(say("limits"))?;
    // Of two that are too big, the command dies before the agent does.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    program::usual_signals();
    let listener = match &confinement {
        Some(confinement) => confinement.give_up_rights()?,
        None => None,
    };
    Ok(Prepared { walls: confinement, listener })
}

impl Prepared {
    /// Returns when no errand came, or one of the steps failed, which is said then.
    fn wait(self, world: &World, first: &BlockingChannel) {
        let Ok((trouble, mut report)) = std::io::pipe() else { return };
        if let Err(reason) = self.serve(world, first, trouble, &report) {
            let _ = serde_json::to_writer(&mut report, &reason);
        }
    }

    fn serve(
        self,
        world: &World,
        first: &BlockingChannel,
        trouble: PipeReader,
        report: &PipeWriter,
    ) -> Result<(), NotStarted> {
        let pid = rustix::process::setsid().map_err(say("a session of its own"))?;
        let descriptors = [Some(trouble.as_fd()), self.listener.as_ref().map(|it| it.as_fd())];
        let descriptors: Vec<_> = descriptors.into_iter().flatten().collect();
        first
            .send(&Ok::<_, NotStarted>(Here(pid.as_raw_nonzero().get())), &descriptors)
            .map_err(|error| format!("who makes its connections: {error}"))?;
        drop((trouble, self.listener));
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
                    let Err(reason) = become_command(world, errand, self.walls, &stdio, report);
                    return Err(reason);
                }
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
