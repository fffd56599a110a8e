//! The first process of a room: prepares the confinement and the process of its command, waits for its errand, and ends
//! everything with the command, or with the agent. It stays outside the walls, out of the command's reach.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use agent_protocol::SandboxMode;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::command::{Line, Waiting, say};
use super::confine::Confinement;
use super::metadata::{Known, Metadata};
use super::supervise::{Watched, supervise};
use super::view::{self, Hidden};
use super::{Forked, World, fork};
use crate::sandbox::channel::BlockingChannel;
use crate::sandbox::message::{Errand, Input, Order, Reach, Reply, WindowSize};
use crate::sandbox::{NotStarted, Tier};

/// Lives until the room is empty; never returns to the holder's code.
pub(super) fn live(world: &World, control: BlockingChannel) -> ! {
    let forked = Prepared::make(world).and_then(|prepared| {
        let forked = fork().map_err(|error| format!("no process for the command: {error}"))?;
        Ok((forked, prepared))
    });
    let outcome = match forked {
        Ok((Forked::Child, Prepared { line, hidden: _, confinement, ended })) => {
            drop((control, ended));
            line.live(world, confinement)
        }
        Ok((Forked::Parent(pid), Prepared { line, hidden, confinement: _, ended })) => {
            match line.command_after(pid) {
                Ok(command) => serve(world, &control, &ended, hidden, command),
                Err(reason) => Err(reason),
            }
        }
        Err(reason) => Err(reason.into()),
    };
    match outcome {
        // The agent need not wait for the end of this process too, which takes its mounts and namespaces with it: on
        // this processor neither.
        Ok(true) => {
            drop(control);
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

/// What a room has for itself beside the things of its world; done by its first process. Returns what had to be hidden
/// anew.
pub(super) fn furnish(world: &World) -> Result<Option<Hidden>, String> {
    match world.tier {
        Tier::Full => {
            view::own_processes()?;
            hidden_anew(world, world.hidden.as_ref())
        }
        Tier::Reduced | Tier::None => {
            rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
                .map_err(say("adopting orphans"))?;
            Ok(None)
        }
    }
}

/// Hides what came to where secrets lie, if something did.
fn hidden_anew(world: &World, known: Option<&Hidden>) -> Result<Option<Hidden>, String> {
    let is_outdated = known.is_some_and(Hidden::is_outdated);
    is_outdated.then(|| Hidden::all(&world.policy)).transpose()
}

/// What a room is made of before its errand is known.
struct Prepared {
    line: Line,
    hidden: Option<Hidden>,
    confinement: Option<Confinement>,
    /// Readable when a child has ended.
    ended: OwnedFd,
}

impl Prepared {
    fn make(world: &World) -> Result<Self, String> {
        let hidden = furnish(world)?;
        let confinement = match world.tier {
            Tier::None => None,
            Tier::Full | Tier::Reduced => Some(Confinement::build(world)?),
        };
        let ended =
            children_as_descriptor().map_err(|error| format!("watching processes: {error}"))?;
        let line = Line::new().map_err(|error| error.to_string())?;
        Ok(Self { line, hidden, confinement, ended })
    }
}

/// Returns whether the room became empty by itself.
fn serve(
    world: &World,
    control: &BlockingChannel,
    ended: &OwnedFd,
    hidden: Option<Hidden>,
    command: Waiting,
) -> Result<bool, NotStarted> {
    let known = Known::look(world);
    if !is_readable(control.as_fd()) {
        let _ = rehearse(world, &known, &command);
    }
    let received = control.receive::<Errand>().map_err(|error| error.to_string())?;
    let Some((errand, descriptors)) = received else { return Ok(false) };
    let stdio = Stdio::open(errand.input, descriptors)
        .map_err(|error| format!("input and output: {error}"))?;
    hidden_anew(world, hidden.as_ref().or(world.hidden.as_ref()))?;
    let metadata = remember(world, &known, &errand)?;
    // What is said of it goes where the command's own complaints go; an edit has its journal there.
    let complaints = match errand.order {
        Order::Run(_) => stdio.descriptors[2].try_clone().ok(),
        Order::Serve(_) => None,
    };
    let command = command.start(errand, &stdio.descriptors)?;
    let terminal = stdio.master.as_ref().map(|master| master.as_fd());
    // An agent that is gone by now is noticed below, and everything ended.
    let _ = control.send(&Reply::Started, terminal.as_slice());
    drop(stdio);
    let is_empty = supervise(world, &Watched { control, ended }, command);
    if let Some(metadata) = metadata {
        settle(world, &metadata, complaints);
    }
    Ok(is_empty)
}

/// Whether somebody waits already.
fn is_readable(control: BorrowedFd<'_>) -> bool {
    let mut waited = [PollFd::from_borrowed_fd(control, PollFlags::IN)];
    poll(&mut waited, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Goes through what the errand will need, so that the pages for it are mapped (see [`Waiting::rehearse`]).
fn rehearse(world: &World, known: &Known, command: &Waiting) -> std::io::Result<()> {
    let errand = Errand {
        order: Order::Run(vec!["rehearsal".into()]),
        cwd: "/".into(),
        env: vec![("TERM".into(), "dumb".into())],
        reach: Reach::Policy,
        input: Input::Empty,
    };
    let (ours, theirs) = UnixStream::pair()?;
    let [ours, theirs] = [ours, theirs].map(|end| BlockingChannel::new(end.into()));
    ours.send(&errand, &[ours.as_fd(), theirs.as_fd()])?;
    if let Some((errand, descriptors)) = theirs.receive::<Errand>()? {
        drop(Stdio::open(errand.input, descriptors)?);
        drop(remembered(world, known, &errand));
        command.rehearse(errand);
    }
    Ok(())
}

/// Nothing, when no file in the roots can change.
fn remember(world: &World, known: &Known, errand: &Errand) -> Result<Option<Metadata>, String> {
    let metadata = remembered(world, known, errand);
    if let Some(metadata) = &metadata {
        metadata.pin(world.tier)?;
    }
    Ok(metadata)
}

fn remembered(world: &World, known: &Known, errand: &Errand) -> Option<Metadata> {
    let can_change =
        world.policy.mode == SandboxMode::WorkspaceWrite && errand.reach != Reach::Reading;
    can_change.then(|| Metadata::remember(world, known, &errand.order))
}

/// Puts back what the command was not to change; within its walls, so that no link leads out. Not in another process,
/// though this one can do nothing else afterwards: what still runs in the world may have taken all there can be.
fn settle(world: &World, metadata: &Metadata, complaints: Option<OwnedFd>) {
    let changed = metadata.changed(world);
    if changed.is_empty() {
        return;
    }
    let confined = Confinement::build(world).and_then(|confinement| {
        confinement.give_up_own_rights()?;
        confinement.raise_walls(Reach::Policy)
    });
    let said = match confined {
        Ok(()) => changed.put_back(),
        Err(reason) => changed.left(&reason),
    };
    let Some(complaints) = complaints else { return };
    let mut complaints = File::from(complaints);
    for line in said {
        let _ = writeln!(complaints, "agent: {line}");
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
