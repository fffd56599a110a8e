//! The first process of a room: prepares the confinement and the process of its command, does for it what takes rights, and
//! ends everything with the command, or with the agent. It stays outside the walls, out of the command's reach.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use agent_protocol::SandboxMode;
use rustix::process::Pid;

use super::World;
use super::alongside::Alongside;
use super::closed::Opened;
use super::command::{self, say};
use super::confine::Confinement;
use super::first::{LIKELIHOOD, Likelihood, children_as_descriptor, wake_by};
use super::known::Known;
use super::left;
use super::metadata::Metadata;
use super::register::Stay;
use super::stdio::Stdio;
use super::supervise::{Watched, supervise};
use super::tree::Signals;
use super::view::{self, Hidden};
use super::walls;
use crate::sandbox::channel::BlockingChannel;
use crate::sandbox::message::{Errand, Input, Order, Reach, Reply};
use crate::sandbox::{NotStarted, Tier};

/// Lives until the room is empty; never returns to the holder's code.
pub(super) fn live(world: World, control: BlockingChannel) -> ! {
    // Both processes of the room use them to its end.
    let (world, control): (&'static World, &'static BlockingChannel) =
        (Box::leak(Box::new(world)), Box::leak(Box::new(control)));
    match serve(world, control) {
        // The agent need not wait for the end of this process too, which takes its mounts and namespaces with it: on
        // this processor neither.
        Ok(true) => {
            let _ = rustix::net::shutdown(control, rustix::net::Shutdown::Both);
            rustix::thread::sched_yield();
        }
        Ok(false) => {}
        Err(reason) => drop(control.send(&Reply::Failed(reason), &[])),
    }
    leave(0)
}

/// Without running what the holder would run at its end.
#[allow(unsafe_code)]
pub(super) fn leave(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// What a room has for itself beside the things of its world.
pub(super) struct Furniture {
    /// What had to be hidden anew.
    hidden: Option<Hidden>,
    likelihood: Likelihood,
}

/// Done by the room's first process.
pub(super) fn furnish(world: &World) -> Result<Furniture, String> {
    match world.tier {
        Tier::Full => {
            let likelihood = view::own_processes()?;
            Ok(Furniture { hidden: hidden_anew(world, world.hidden.as_ref())?, likelihood })
        }
        Tier::Reduced | Tier::None => {
            rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
                .map_err(say("adopting orphans"))?;
            Ok(Furniture { hidden: None, likelihood: Likelihood::at(Path::new(LIKELIHOOD)) })
        }
    }
}

/// Hides what came to where secrets lie, if something did.
fn hidden_anew(world: &World, known: Option<&Hidden>) -> Result<Option<Hidden>, String> {
    let is_outdated = known.is_some_and(Hidden::is_outdated);
    is_outdated.then(|| Hidden::all(&world.policy)).transpose()
}

/// What the two processes of a room leave each other.
pub(super) struct Room {
    pub(super) world: &'static World,
    known: Known,
    /// What had to be hidden anew.
    hidden: Option<Hidden>,
    likelihood: Likelihood,
    /// What there was when it was pinned last.
    metadata: Option<Metadata>,
    /// What there is, for the errand.
    looked: Option<Metadata>,
    /// When a look ahead of the errand no longer holds, if there was one.
    ahead: Option<Instant>,
    pub(super) errand: Option<(Errand, Vec<OwnedFd>)>,
    ready: Option<Ready>,
    /// Where calls that are asked about wait for an answer.
    pub(super) listener: Option<OwnedFd>,
    /// Does the errand's job, if it is no program.
    pub(super) serving: Option<Pid>,
    /// Why the command does not begin.
    pub(super) failed: Option<NotStarted>,
}

/// How long a look ahead holds: who changes something meanwhile may be taken for the command.
const AHEAD: Duration = Duration::from_millis(500);

/// All that was done for an errand before it begins.
struct Ready {
    stdio: Stdio,
    /// Nothing, when no file in the roots can change.
    metadata: Option<Metadata>,
}

/// The command, from when it runs.
pub(super) struct Running {
    pub(super) pid: Pid,
    /// How it and all that it has started is signalled.
    pub(super) signals: Signals,
    pub(super) listener: Option<OwnedFd>,
}

impl Room {
    fn furnished(world: &'static World) -> Result<Self, String> {
        let Furniture { hidden, likelihood } = furnish(world)?;
        let mut known = Known::look(world);
        let mut metadata = remembered(world, &mut known, &Self::some_errand(), Stay::Expects)?;
        if let Some(metadata) = &mut metadata {
            metadata.pin(world.tier)?;
        }
        // No command runs here yet.
        world.register.leave();
        Ok(Self {
            world,
            known,
            hidden,
            likelihood,
            metadata,
            looked: None,
            ahead: None,
            errand: None,
            ready: None,
            listener: None,
            serving: None,
            failed: None,
        })
    }

    /// Most commands are like it.
    pub(super) fn some_errand() -> Errand {
        Errand {
            order: Order::Run(vec!["rehearsal".into()]),
            cwd: "/".into(),
            directory: None,
            env: vec![("TERM".into(), "dumb".into())],
            reach: Reach::Policy,
            input: Input::Empty,
        }
    }

    /// Looks at what a command may change before there is an errand, so that there is a look less when somebody waits.
    /// Returns whether it could be done without rights.
    pub(super) fn look_ahead(&mut self) -> Result<bool, NotStarted> {
        if self.ahead.is_none() {
            if self.world.tier == Tier::Reduced
                || !self.look(&Self::some_errand(), Stay::Expects)?
            {
                return Ok(false);
            }
            self.ahead = Some(Instant::now() + AHEAD);
        }
        Ok(true)
    }

    /// How much longer that look holds, if there was one.
    pub(super) fn looked_ahead_for(&self) -> Option<Duration> {
        self.ahead.map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// As if there had been none.
    pub(super) fn forget_look_ahead(&mut self) {
        if self.ahead.take().is_some() {
            self.forget_look();
        }
    }

    /// Whether there was one, and holds, as no other command began or ended since: it is the errand's then.
    fn take_look_ahead(&mut self) -> Result<bool, String> {
        let is_over = self.looked_ahead_for().is_none_or(|left| left.is_zero());
        if is_over || !self.known.holds(self.world) {
            self.forget_look_ahead();
            return Ok(false);
        }
        self.ahead = None;
        self.world
            .register
            .run()
            .map_err(|error| format!("what other commands may change: {error}"))?;
        Ok(true)
    }

    fn forget_look(&mut self) {
        if let Some(looked) = self.looked.take() {
            self.metadata = Some(looked);
        }
        self.world.register.leave();
    }

    /// Looks at what such an errand may change. Returns whether all is pinned that can be.
    fn look(&mut self, errand: &Errand, stay: Stay) -> Result<bool, String> {
        self.looked = remembered(self.world, &mut self.known, errand, stay)?;
        let to_be_pinned = self.looked.as_mut().filter(|_| self.world.tier == Tier::Full);
        let is_pinned = to_be_pinned.is_none_or(|looked| {
            self.metadata.as_mut().is_some_and(|earlier| looked.take_pins_of(earlier))
        });
        if !is_pinned {
            self.looked = None;
        }
        Ok(is_pinned)
    }

    /// The same by the first process, which pins what is not pinned yet.
    fn look_with_rights(&mut self, errand: &Errand, stay: Stay) -> Result<(), String> {
        self.looked = remembered(self.world, &mut self.known, errand, stay)?;
        self.looked.iter_mut().try_for_each(|looked| looked.pin(self.world.tier))
    }

    /// Makes the errand's beginning ready, if that takes none of the rights that the process of the command has given up.
    /// Returns whether it is ready.
    pub(super) fn make_ready_without_rights(&mut self) -> Result<bool, NotStarted> {
        let Some((errand, descriptors)) = self.errand.take() else { return Ok(false) };
        let hidden = self.hidden.as_ref().or(self.world.hidden.as_ref());
        // Where much of what is looked at would be asked about, the looks are the first process's.
        let takes_rights = self.world.tier == Tier::Reduced
            || matches!(errand.input, Input::Terminal(_))
            || hidden.is_some_and(Hidden::is_outdated);
        let is_as_expected = matches!(errand.order, Order::Run(_)) && errand.reach == Reach::Policy;
        if !is_as_expected {
            self.forget_look_ahead();
        }
        let is_ready =
            !takes_rights && (self.take_look_ahead()? || self.look(&errand, Stay::Runs)?);
        let mut descriptors = Some(descriptors);
        if is_ready && let Some(given) = descriptors.take() {
            let stdio = Stdio::open(errand.input, given).map_err(no_stdio)?;
            self.ready = Some(Ready { stdio, metadata: self.looked.take() });
        }
        self.errand = Some((errand, descriptors.unwrap_or_default()));
        Ok(is_ready)
    }

    /// The same by the first process, which has all rights there are in the room; where there is no errand yet, a look
    /// ahead.
    fn make_ready(&mut self) -> Result<(), NotStarted> {
        let Some((errand, descriptors)) = &mut self.errand else {
            self.look_with_rights(&Self::some_errand(), Stay::Expects)?;
            self.ahead = Some(Instant::now() + AHEAD);
            return Ok(());
        };
        let (input, descriptors) = (errand.input, std::mem::take(descriptors));
        hidden_anew(self.world, self.hidden.as_ref().or(self.world.hidden.as_ref()))?;
        if !self.take_look_ahead()?
            && let Some((errand, given)) = self.errand.take()
        {
            let looked = self.look_with_rights(&errand, Stay::Runs);
            self.errand = Some((errand, given));
            looked?;
        }
        let stdio = Stdio::open(input, descriptors).map_err(no_stdio)?;
        self.ready = Some(Ready { stdio, metadata: self.looked.take() });
        Ok(())
    }

    /// As if there had been none.
    pub(super) fn forget_errand(&mut self) {
        self.errand = None;
        self.looked = self.ready.take().and_then(|ready| ready.metadata);
        self.forget_look();
    }

    /// # Errors
    /// Why it could not be made ready.
    pub(super) fn errand_when_ready(&mut self) -> Result<Errand, NotStarted> {
        match (self.failed.take(), self.errand.take()) {
            (Some(reason), _) => Err(reason),
            (None, Some((errand, _))) => Ok(errand),
            (None, None) => Err("no errand".into()),
        }
    }

    /// Of the errand that is ready.
    pub(super) fn stdio(&self) -> Option<&Stdio> {
        self.ready.as_ref().map(|ready| &ready.stdio)
    }
}

fn no_stdio(error: std::io::Error) -> NotStarted {
    format!("input and output: {error}").into()
}

/// Returns whether the room became empty by itself.
fn serve(world: &'static World, control: &'static BlockingChannel) -> Result<bool, NotStarted> {
    let room: &'static RefCell<Room> = Box::leak(Box::new(RefCell::new(Room::furnished(world)?)));
    let confinement = match world.tier {
        Tier::None => None,
        Tier::Full | Tier::Reduced => Some(Confinement::build(world)?),
    };
    let signals = signals_in(world.tier);
    let ended = children_as_descriptor().map_err(|error| format!("watching processes: {error}"))?;
    if let Some(order) = &world.order {
        room.borrow().likelihood.as_command(order);
    }
    let command = Alongside::start(move |turn| {
        command::live(world, room, control, confinement, turn);
    });
    let command = command.map_err(|error| format!("no process for the command: {error}"))?;
    // The command begins by waking this process, which is to take nobody's place for it.
    wake_by(libc::SCHED_BATCH);
    while command.go_on() {
        let mut room = room.borrow_mut();
        room.failed = match room.make_ready() {
            // What failed ahead is tried once more when there is an errand.
            Err(_) if room.errand.is_none() => {
                world.register.leave();
                None
            }
            tried => tried.err(),
        };
    }
    wake_by(libc::SCHED_OTHER);
    let Ok(mut room) = room.try_borrow_mut() else { leave(1) };
    if let Some(reason) = room.failed.take() {
        return Err(reason);
    }
    let Some(Ready { stdio, metadata }) = room.ready.take() else { return Ok(false) };
    let terminal = stdio.master.as_ref().map(|master| master.as_fd());
    // An agent that is gone by now is noticed below, and everything ended; one that gets no terminal goes.
    if let Err(error) = control.send(&Reply::Started, terminal.as_slice()) {
        let _ = control.send(&Reply::Failed(no_stdio(error)), &[]);
    }
    // What is said of it goes where the command's own complaints go; but an edit has its journal there, and a terminal is
    // closed by the end of whom it was for.
    let pid = room.serving.unwrap_or(command.pid);
    let (has_terminal, is_served) = (stdio.master.is_some(), room.serving.is_some());
    let has_place = !is_served && !has_terminal;
    let complaints = has_place.then(|| stdio.descriptors[2].try_clone().ok()).flatten();
    drop(stdio);
    if let Some(order) = &world.order {
        room.likelihood.as_agent(order);
    }
    let running = Running { pid, signals, listener: room.listener.take() };
    let over = supervise(world, &Watched { control, ended: &ended }, running);
    let mut said: Vec<_> = left::said(&over.left).into_iter().collect();
    if let Some(metadata) = metadata {
        said.extend(settle(world, &metadata));
        world.register.leave();
    }
    if let Some(complaints) = complaints {
        let mut complaints = File::from(complaints);
        said.drain(..).for_each(|line| drop(writeln!(complaints, "agent: {line}")));
    }
    if has_terminal {
        said.truncate(MOST_SAID);
    }
    if let Some(exit) = over.exit {
        let _ = control.send(&Reply::Exited(exit, said), &[]);
    }
    Ok(over.by_itself)
}

/// How this process will signal what it starts from here on.
fn signals_in(tier: Tier) -> Signals {
    let are_kept_in = match tier {
        Tier::Full => true,
        Tier::Reduced => walls::keep_signals_in(),
        Tier::None => false,
    };
    if are_kept_in { Signals::Together } else { Signals::Singly }
}

/// So many lines are surely one frame that is read without a pause.
const MOST_SAID: usize = 8;

fn remembered(
    world: &World,
    known: &mut Known,
    errand: &Errand,
    stay: Stay,
) -> Result<Option<Metadata>, String> {
    if world.policy.mode != SandboxMode::WorkspaceWrite || errand.reach == Reach::Reading {
        return Ok(None);
    }
    if !known.is_fresh(world) {
        *known = Known::look(world);
    }
    Metadata::remember(world, known, &errand.order, stay).map(Some)
}

/// Directories that are opened for a look; for each there is another look.
const MOST_OPENED: usize = 16;

/// Puts back what the command was not to change, and says so; within its walls, so that no link leads out. Not in another process,
/// though this one can do nothing else afterwards: what still runs in the world may have taken all there can be.
fn settle(world: &World, metadata: &Metadata) -> Vec<String> {
    let mut said = metadata.put_secrets_back();
    let mut changed = metadata.changed(world);
    // What the command has closed it may have closed for what lies there.
    let mut opened = Opened::default();
    while opened.count() < MOST_OPENED
        && changed
            .unseen
            .as_deref()
            .is_some_and(|closed| metadata.was_open(closed) && opened.open(closed))
    {
        changed = metadata.changed(world);
    }
    if changed.is_empty() {
        return said;
    }
    let confined = Confinement::build(world).and_then(|confinement| {
        confinement.give_up_own_rights()?;
        confinement.raise_walls(Reach::Policy)
    });
    said.extend(match confined {
        Ok(()) => changed.put_back(),
        Err(reason) => changed.left(&reason),
    });
    said
}
