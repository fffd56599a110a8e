//! Where a connection waits between two responses: kept alive, and thrown away as soon as it is known to be dead.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use tokio::task::AbortHandle;

use crate::connection::Connection;

/// One place. Putting and taking cost a lock that nobody holds for long; the keeper runs only while something
/// happens on the connection.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    slot: Arc<Mutex<Slot>>,
    keeper: Option<AbortHandle>,
}

#[derive(Debug, Default)]
struct Slot {
    waiting: Option<Connection>,
    keeper: Option<Waker>,
}

impl Idle {
    /// Must be called within a runtime.
    pub(crate) fn put(&mut self, mut connection: Connection) {
        connection.rests();
        let mut slot = lock(&self.slot);
        slot.waiting = Some(connection);
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
        let mut connection = lock(&self.slot).waiting.take()?;
        connection.is_alive().then_some(connection)
    }

    /// Looks without taking.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&Connection) -> T) -> Option<T> {
        lock(&self.slot).waiting.as_ref().map(look)
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
    if let Some(connection) = &mut slot.waiting
        && connection.poll_idle(context).is_ready()
    {
        slot.waiting = None;
    }
    Poll::Pending
}
