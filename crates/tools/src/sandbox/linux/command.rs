//! The process that becomes the command. It is there while its errand is not known yet, in the memory of the room's first
//! process; it has given up its rights and waits, so that little is left to do when the errand comes.

use std::cell::RefCell;
use std::convert::Infallible;
use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;

use super::alongside::Turn;
use super::confine::Confinement;
use super::room::{Room, leave};
use super::{Forked, World, asked, fork, limits};
use crate::job::Job;
use crate::sandbox::NotStarted;
use crate::sandbox::channel::BlockingChannel;
use crate::sandbox::message::{Errand, Instruction, Order};
use crate::sandbox::program::{self, Program};

/// Puts the step that failed before the system's words.
pub(super) fn say(what: &'static str) -> impl Fn(rustix::io::Errno) -> String {
    move |error| format!("{what}: {error}")
}

/// Becomes the command of the errand that will come. Returns when none does, or when one of the steps failed, which is left
/// in the room then.
pub(super) fn live(
    world: &World,
    room: &RefCell<Room>,
    control: &BlockingChannel,
    confinement: Option<Confinement>,
    turn: &Turn,
) {
    let failed = match await_errand(world, room, control, confinement.as_ref(), turn) {
        Ok(false) => return,
        Ok(true) => begin(world, room, confinement, turn).map(|never| match never {}),
        Err(reason) => Err(reason),
    };
    room.borrow_mut().failed = failed.err();
}

/// Returns whether there is one.
fn await_errand(
    world: &World,
    room: &RefCell<Room>,
    control: &BlockingChannel,
    confinement: Option<&Confinement>,
    turn: &Turn,
) -> Result<bool, NotStarted> {
    give_up_rights(&mut room.borrow_mut(), confinement)?;
    if !is_readable(control, Duration::ZERO) {
        let _ = rehearse(&mut room.borrow_mut());
    }
    loop {
        let held = room.borrow().looked_ahead_for();
        if held.is_some_and(|left| !is_readable(control, left)) {
            room.borrow_mut().forget_look_ahead();
            continue;
        }
        match control.receive::<Instruction>().map_err(|error| error.to_string())? {
            Some((Instruction::Expect, _)) => {
                // What cannot be looked at now is looked at, and complained of, when there is an errand.
                let looked = room.borrow_mut().look_ahead();
                match looked {
                    Ok(true) => {}
                    Ok(false) => turn.ask(),
                    Err(_) => world.register.leave(),
                }
            }
            Some((Instruction::Do(errand), descriptors)) => {
                room.borrow_mut().errand = Some((*errand, descriptors));
                return Ok(true);
            }
            None => return Ok(false),
        }
    }
}

/// This process's, and those of all that it starts.
fn give_up_rights(room: &mut Room, confinement: Option<&Confinement>) -> Result<(), NotStarted> {
    limits::set(room.world.tier).map_err(say("limits"))?;
    program::usual_signals();
    room.listener = match confinement {
        Some(confinement) => confinement.give_up_rights()?,
        None => None,
    };
    room.listener.iter().for_each(|listener| asked::take_turns(listener.as_fd()));
    rustix::process::setsid().map_err(say("a session of its own"))?;
    Ok(())
}

/// Whether something comes within that time.
fn is_readable(control: &BlockingChannel, patience: Duration) -> bool {
    let mut waited = [PollFd::from_borrowed_fd(control.as_fd(), PollFlags::IN)];
    let patience = Timespec::try_from(patience).unwrap_or_default();
    poll(&mut waited, Some(&patience)).is_ok_and(|ready| ready > 0)
}

/// Goes through what an errand will need. The kernel maps each page when a forked process first touches it: better now than
/// when somebody waits.
fn rehearse(room: &mut Room) -> Result<(), NotStarted> {
    let no_room = |error: std::io::Error| error.to_string();
    let (ours, theirs) = UnixStream::pair().map_err(no_room)?;
    let [ours, theirs] = [ours, theirs].map(|end| BlockingChannel::new(end.into()));
    ours.send(&Room::some_errand(), &[ours.as_fd(), theirs.as_fd()]).map_err(no_room)?;
    room.errand = theirs.receive::<Errand>().map_err(no_room)?;
    room.make_ready_without_rights()?;
    room.forget_errand();
    if let Order::Run(arguments) = Room::some_errand().order {
        drop(program_of(room.world, &arguments, vec![])?);
    }
    Ok(())
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

fn begin(
    world: &World,
    room: &RefCell<Room>,
    confinement: Option<Confinement>,
    turn: &Turn,
) -> Result<Infallible, NotStarted> {
    let is_ready = room.borrow_mut().make_ready_without_rights()?;
    if !is_ready {
        turn.ask();
    }
    let errand = room.borrow_mut().errand_when_ready()?;
    take_descriptors(&room.borrow())?;
    program::enter(&errand)?;
    if let Some(confinement) = confinement {
        confinement.raise_walls(errand.reach)?;
    }
    match errand.order {
        Order::Run(arguments) => Err(program_of(world, &arguments, errand.env)?.execute()),
        Order::Serve(job) => serve(room, job),
    }
}

/// Does the job in a memory of its own: the first process wants this one back at once, to hear the agent and to answer what
/// is asked about, as the C library's own connections are.
fn serve(room: &RefCell<Room>, job: Job) -> Result<Infallible, NotStarted> {
    match fork().map_err(|error| format!("no process: {error}"))? {
        Forked::Child => {
            // Signals for the command go to its group.
            let _ = rustix::process::setsid();
            leave(program::serve(job))
        }
        Forked::Parent(pid) => {
            let pid = Pid::from_raw(pid.cast_signed()).ok_or("a process without an id")?;
            room.borrow_mut().serving = Some(pid);
            leave(0)
        }
    }
}

/// From here on this process's descriptors are its own. What is shared is closed by nobody here any more, but by the kernel,
/// when the program begins.
fn take_descriptors(room: &Room) -> Result<(), NotStarted> {
    let stdio = room.stdio().ok_or("no input and output")?;
    own_descriptors().map_err(|error| format!("descriptors of its own: {error}"))?;
    let [input, output, errors] = &stdio.descriptors;
    if stdio.master.is_some() {
        rustix::process::ioctl_tiocsctty(input).map_err(say("its terminal"))?;
    }
    rustix::stdio::dup2_stdin(input).map_err(say("standard input"))?;
    rustix::stdio::dup2_stdout(output).map_err(say("standard output"))?;
    rustix::stdio::dup2_stderr(errors).map_err(say("standard error"))?;
    Ok(())
}

/// Containers often refuse to unshare anything, and let close nothing at all and unshare for that.
#[allow(unsafe_code)]
fn own_descriptors() -> std::io::Result<()> {
    // SAFETY: no memory is involved, and no descriptor has that number.
    match unsafe { libc::close_range(u32::MAX, u32::MAX, libc::CLOSE_RANGE_UNSHARE as i32) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
