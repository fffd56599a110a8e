//! Who is connected, so that those who have shown the token are kept waiting by nobody who has not (promise S24).

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// TCP connections at a time, sockets among them.
const CONNECTIONS: usize = 256;

/// All connections, each served by a task of its own, which ends with this.
#[derive(Default)]
pub(crate) struct Visitors {
    tasks: JoinSet<()>,
    /// The oldest first. Some may be over.
    visitors: VecDeque<Visitor>,
}

struct Visitor {
    task: AbortHandle,
    is_known: watch::Receiver<bool>,
}

/// The connection's end of it: says when the token was shown.
pub(crate) struct Acquaintance(watch::Sender<bool>);

impl Visitors {
    /// Whether one more can be served.
    pub(crate) fn have_room(&self) -> bool {
        self.tasks.len() < CONNECTIONS || self.visitors.iter().any(Visitor::is_stranger)
    }

    /// Serves one more. Where there are too many, the stranger that came first has to go.
    pub(crate) fn add<F>(&mut self, serve: impl FnOnce(Acquaintance) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.visitors.retain(|visitor| !visitor.task.is_finished());
        if self.visitors.len() >= CONNECTIONS
            && let Some(first) = self.visitors.iter().position(Visitor::is_stranger)
            && let Some(stranger) = self.visitors.remove(first)
        {
            stranger.task.abort();
        }
        let (known, is_known) = watch::channel(false);
        let task = self.tasks.spawn(serve(Acquaintance(known)));
        self.visitors.push_back(Visitor { task, is_known });
    }

    /// Until one of them is over; none when there is none.
    pub(crate) async fn until_one_is_over(&mut self) -> Option<()> {
        self.tasks.join_next().await.map(|_| ())
    }
}

impl Visitor {
    fn is_stranger(&self) -> bool {
        !self.task.is_finished() && !*self.is_known.borrow()
    }
}

impl Acquaintance {
    /// The token was shown.
    pub(crate) fn make(&self) {
        self.0.send_replace(true);
    }

    /// Until it is too late to show the token, which it is after this long; for ever once it was shown.
    pub(crate) async fn until_too_late(&self, patience: Duration) {
        let mut is_known = self.0.subscribe();
        if tokio::time::timeout(patience, is_known.wait_for(|known| *known)).await.is_ok() {
            std::future::pending().await
        }
    }
}
