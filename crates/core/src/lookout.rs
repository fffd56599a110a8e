//! Looks at the workspace before and after each turn, off the loop's thread, so that what the turn changed can be
//! undone. What a look is, and what is kept of it, is `undo`'s business.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::spawn_blocking;

use crate::undo::{Snapshots, UndoConfig, UndoError, Work};

/// Done when the look before the turn is; whoever changes something waits for it.
pub(crate) type Before = Shared<BoxFuture<'static, ()>>;

/// What a call that may change the workspace waits for, and tells when it ran.
pub(crate) struct Watched {
    pub(crate) before: Before,
    pub(crate) work: Arc<Work>,
}

/// The looks of one thread.
pub(crate) struct Lookout {
    /// None where nothing can change, or nothing is kept.
    config: Option<UndoConfig>,
    snapshots: Option<Arc<Snapshots>>,
    before: Before,
    /// Something was started in this turn that may change the workspace.
    changes: bool,
    work: Arc<Work>,
    trouble: Arc<std::sync::Mutex<Option<String>>>,
}

impl Lookout {
    pub(crate) fn new(config: Option<UndoConfig>) -> Self {
        Self {
            config,
            snapshots: None,
            before: nothing(),
            changes: false,
            work: Arc::new(Work::new(true)),
            trouble: Arc::default(),
        }
    }

    /// Begins the look before the turn of this number; the model is asked meanwhile. `is_under_way`: commands of earlier
    /// turns still run.
    pub(crate) fn turn_begins(&mut self, turn: u32, is_under_way: bool) {
        self.changes = false;
        self.work = Arc::new(Work::new(is_under_way));
        let Some(config) = self.config.clone() else { return };
        if self.snapshots.is_none() {
            match Snapshots::open(config) {
                Ok(snapshots) => self.snapshots = Some(Arc::new(snapshots)),
                Err(error) => return self.note(&error),
            }
        }
        let Some(snapshots) = self.snapshots.clone() else { return };
        let trouble = self.trouble.clone();
        let look = spawn_blocking(move || {
            if let Err(error) = snapshots.before_turn(turn) {
                put(&trouble, &error);
            }
        });
        self.before = look.map(drop).boxed().shared();
    }

    /// What must be waited for before something changes the workspace.
    pub(crate) fn before_change(&mut self) -> Watched {
        self.changes = true;
        Watched { before: self.before.clone(), work: self.work.clone() }
    }

    /// Why this turn, or the one before, cannot be undone; said once.
    pub(crate) fn take_trouble(&self) -> Option<String> {
        let mut trouble = self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        trouble.take()
    }

    /// Keeps what the turn changed.
    pub(crate) async fn turn_ends(&mut self) {
        std::mem::replace(&mut self.before, nothing()).await;
        let Some(snapshots) = self.snapshots.clone() else { return };
        let (changes, trouble) = (std::mem::take(&mut self.changes), self.trouble.clone());
        let work = self.work.clone();
        let look = spawn_blocking(move || {
            if !changes {
                snapshots.forget_turn();
            } else if let Err(error) = snapshots.after_turn(Some(&work)) {
                put(&trouble, &error);
            }
        });
        // Only a panic of the look could be said here, and that has been printed.
        let _ = look.await;
    }

    fn note(&self, error: &UndoError) {
        put(&self.trouble, error);
    }
}

fn nothing() -> Before {
    std::future::ready(()).boxed().shared()
}

fn put(trouble: &std::sync::Mutex<Option<String>>, error: &UndoError) {
    let mut trouble = trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *trouble = Some(format!("what this turn changes cannot be undone: {error}"));
}
