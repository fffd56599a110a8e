//! A room while its command runs: wishes are passed on, connections made, and when the command is over, or the agent
//! gone and nobody has asked for it to be kept, everything in the room is ended.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};

use super::room::Running;
use super::tree::{Left, Rest};
use super::{World, asked, tree};
use crate::sandbox::channel::BlockingChannel;
use crate::sandbox::kept::Kept;
use crate::sandbox::message::{Exit, Wish};

/// How long what was asked to end may take over it.
const GRACE: Duration = Duration::from_millis(1_000);

/// How long what the command has left may take to end by itself: what it has just killed, or what reads what it printed
/// to the end.
const LINGER: Duration = Duration::from_millis(100);

/// What the room's first process waits for, beside connections.
pub(super) struct Watched<'a> {
    pub(super) control: &'a BlockingChannel,
    /// Readable when a child has ended.
    pub(super) ended: &'a OwnedFd,
}

/// How a room became empty.
pub(super) struct Over {
    /// How the command ended, if the agent was not told yet: with the room it hears all at once.
    pub(super) exit: Option<Exit>,
    /// Nothing had to be ended by force.
    pub(super) by_itself: bool,
    /// What the command left running and was ended with it.
    pub(super) left: Left,
}

/// Until the room is empty: passes wishes on, makes connections, ends what is left when the command is over.
pub(super) fn supervise(world: &World, watched: &Watched<'_>, command: Running) -> Over {
    let Running { pid: command, signals, mut listener } = command;
    let mut deadline: Option<Instant> = None;
    let mut kept: Option<Kept> = None;
    let mut over = None;
    let mut lingers: Option<Instant> = None;
    loop {
        let (exit, rest) = tree::reap(command);
        over = over.or(exit);
        if let (Some(_), Some(kept)) = (exit, &mut kept) {
            kept.take_rest();
        }
        let now = Instant::now();
        if over.is_some() {
            lingers.get_or_insert(now + LINGER);
        }
        let end = deadline.or(lingers);
        let is_overdue = end.is_some_and(|end| now >= end);
        // Orphans become ours: with no child left, nothing is.
        let is_empty = rest == Rest::Nothing;
        if is_empty || is_overdue {
            // Of what was asked to end, or goes on without the agent, nobody asks.
            let is_left = !is_empty && deadline.is_none() && kept.is_none();
            let left = is_left.then(|| tree::left_at_rest(signals));
            if !is_empty {
                tree::kill_all(signals);
            }
            return Over { exit: over, by_itself: is_empty, left: left.unwrap_or_default() };
        }
        // When the end is set, and in a room that is kept, wishes no longer count.
        let wishes = (end.is_none() && kept.is_none()).then(|| watched.control.as_fd());
        let left = match rest {
            Rest::MoreThatEnded => Some(Duration::ZERO),
            _ => end.map(|end| end - now),
        };
        let ready = watched.wait(wishes, listener.as_ref(), kept.as_ref(), left);
        if ready.child {
            drain(watched.ended);
        }
        if let Some(kept) = kept.as_mut().filter(|_| ready.printed) {
            kept.take();
        }
        // Before what the command asks: however much that is, the agent is heard between one request and the next.
        if !ready.wish {
            match (&listener, ready.connection) {
                (Some(listener), Some(true)) => asked::answer(world, listener.as_fd()),
                // Nobody is left who could ask.
                (_, Some(false)) => listener = None,
                _ => {}
            }
            continue;
        }
        match watched.control.receive::<Wish>() {
            Ok(Some((Wish::Keep(redactor), descriptors))) => {
                kept = Kept::new(descriptors, redactor);
            }
            Ok(Some((Wish::Signal(number), _))) => forward(command, number),
            Ok(Some((Wish::End, _)) | None) | Err(_) => {
                tree::signal_all(signals, Signal::TERM);
                tree::signal_all(signals, Signal::CONT);
                deadline = Some(Instant::now() + GRACE);
            }
        }
    }
}

/// What there is to do.
struct Ready {
    child: bool,
    wish: bool,
    /// One is to be made (true), or none will ever be (false).
    connection: Option<bool>,
    printed: bool,
}

impl Watched<'_> {
    /// Waits at most as long as is left.
    fn wait(
        &self,
        wishes: Option<BorrowedFd<'_>>,
        listener: Option<&OwnedFd>,
        kept: Option<&Kept>,
        left: Option<Duration>,
    ) -> Ready {
        // What does not count is not waited for at all: the end of a channel would be told again and again.
        let asked = listener.map(|listener| listener.as_fd());
        let output = kept.and_then(Kept::output);
        let mut waited = [Some(self.ended.as_fd()), wishes, asked, output].map(|descriptor| {
            PollFd::from_borrowed_fd(descriptor.unwrap_or(self.ended.as_fd()), PollFlags::IN)
        });
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let _ = poll(&mut waited, left.as_ref());
        let [child, wish, connection, printed] = waited.map(|descriptor| descriptor.revents());
        Ready {
            child: !child.is_empty(),
            wish: wishes.is_some() && !wish.is_empty(),
            connection: (asked.is_some() && !connection.is_empty())
                .then(|| connection.contains(PollFlags::IN)),
            printed: output.is_some() && !printed.is_empty(),
        }
    }
}

fn drain(ended: &OwnedFd) {
    let mut buffer = [0_u8; 128 * 8];
    while rustix::io::read(ended, &mut buffer).is_ok_and(|read| read > 0) {}
}

#[allow(unsafe_code)]
fn forward(command: Pid, number: i32) {
    // SAFETY: no memory is involved; a number that is no signal is refused by the kernel. The command leads its
    // own group, and is not waited for yet, so the id is still its own.
    unsafe { libc::kill(-command.as_raw_nonzero().get(), number) };
}
