//! Where a connection waits between two responses: kept alive, and thrown away as soon as it is known to be dead.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use tokio::task::AbortHandle;

use crate::connection::Connection;

/// C1.4: between two looks at the clocks the wall clock went this much further: the machine has slept.
const SLEPT: Duration = Duration::from_secs(30);

/// One place. Putting and taking cost a lock that nobody holds for long; the keeper runs only while something
/// happens on the connection.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    slot: Arc<Mutex<Slot>>,
    keeper: Option<AbortHandle>,
}

#[derive(Debug, Default)]
struct Slot {
    waiting: Option<(Connection, Stamp)>,
    keeper: Option<Waker>,
}

impl Idle {
    /// Must be called within a runtime.
    pub(crate) fn put(&mut self, connection: Connection) {
        let mut slot = lock(&self.slot);
        slot.waiting = Some((connection, Stamp::now()));
        if let Some(keeper) = &slot.keeper {
            keeper.wake_by_ref();
        }
        drop(slot);
        if self.keeper.is_none() {
            let slot = Arc::downgrade(&self.slot);
            let keeping = std::future::poll_fn(move |context| keep(&slot, context));
            self.keeper = Some(tokio::spawn(keeping).abort_handle());
        }
    }

    /// The connection, if there is one and nothing speaks against it.
    pub(crate) fn take(&mut self) -> Option<Connection> {
        let (mut connection, put) = lock(&self.slot).waiting.take()?;
        (!put.slept_until(Stamp::now()) && connection.is_alive()).then_some(connection)
    }

    /// Looks without taking.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&Connection) -> T) -> Option<T> {
        lock(&self.slot).waiting.as_ref().map(|(connection, _)| look(connection))
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(slot: &Weak<Mutex<Slot>>, context: &mut Context<'_>) -> Poll<()> {
    let Some(slot) = slot.upgrade() else { return Poll::Ready(()) };
    let mut slot = lock(&slot);
    if slot.keeper.is_none() {
        slot.keeper = Some(context.waker().clone());
    }
    if let Some((connection, _)) = &mut slot.waiting
        && connection.poll_idle(context).is_ready()
    {
        slot.waiting = None;
    }
    Poll::Pending
}

/// A moment on both clocks: the monotonic one stands still while the machine sleeps, the wall clock does not.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    awake: Instant,
    wall: SystemTime,
}

impl Stamp {
    fn now() -> Self {
        Self { awake: Instant::now(), wall: SystemTime::now() }
    }

    fn slept_until(self, now: Self) -> bool {
        // A wall clock that was set back says nothing.
        let wall = now.wall.duration_since(self.wall).unwrap_or_default();
        wall.saturating_sub(now.awake.duration_since(self.awake)) > SLEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_slept_is_known_by_its_clocks() {
        let put = Stamp::now();
        let later = |awake: u64, wall: i64| Stamp {
            awake: put.awake + Duration::from_secs(awake),
            wall: if wall < 0 {
                put.wall - Duration::from_secs(wall.unsigned_abs())
            } else {
                put.wall + Duration::from_secs(wall.unsigned_abs())
            },
        };
        for (awake, wall, slept) in
            [(0, 0, false), (3600, 3600, false), (5, 30, false), (5, 36, true), (5, -100, false)]
        {
            assert_eq!(put.slept_until(later(awake, wall)), slept, "{awake} {wall}");
        }
    }
}
