//! What went over the wire of a server under test, and the faults that wait to happen on it. Shared by all its
//! connections and the test.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::fault::{Fault, Refusal};

/// How long a test waits for something before it fails.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Wire {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) connections: usize,
    pub(crate) upgrades: Vec<Upgrade>,
    pub(crate) frames: Vec<ClientFrame>,
    pub(crate) posts: Vec<Post>,
    /// Text frames the server sent.
    pub(crate) events: Vec<String>,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    /// `response.create` frames that generate something.
    pub(crate) creates: usize,
    pub(crate) faults: Vec<Planned>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) post_refusals: Vec<Refusal>,
    pub(crate) gets: usize,
    /// What it says to a `GET`, in place of what it would.
    pub(crate) models: Option<String>,
    /// (connection, bytes): cut after so many.
    pub(crate) cuts_down: Vec<(usize, usize)>,
    pub(crate) cuts_up: Vec<(usize, usize)>,
    /// It does not say that it is our own gateway.
    pub(crate) incognito: bool,
}

/// A fault and its moment: behind event `event` of the answer to create `create`, both counted from 1; event 0 is the
/// arrival of the create itself.
pub(crate) struct Planned {
    pub(crate) create: usize,
    pub(crate) event: usize,
    pub(crate) fault: Fault,
}

/// A request to speak WebSocket.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Counts TCP connections from 1.
    pub connection: usize,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Of the answer.
    pub status: u16,
}

/// A text frame of the client.
#[derive(Clone, Debug)]
pub struct ClientFrame {
    /// Counts TCP connections from 1.
    pub connection: usize,
    pub text: String,
    /// [`Value::Null`] when the text is not JSON.
    pub json: Value,
}

/// A request over plain HTTP.
#[derive(Clone, Debug)]
pub struct Post {
    /// Counts TCP connections from 1.
    pub connection: usize,
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// [`Value::Null`] when the body is not JSON.
    pub json: Value,
}

impl Upgrade {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl Post {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(header, _)| header == name).map(|(_, value)| &**value)
}

impl Wire {
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// # Panics
    /// When it does not happen in ten seconds.
    pub(crate) fn wait_until(&self, what: &str, happened: impl Fn(&State) -> bool) {
        let (state, waited) = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, |state| !happened(state))
            .unwrap_or_else(PoisonError::into_inner);
        assert!(
            !waited.timed_out(),
            "waited for {what}; there were {} connections, {} frames up, {} down, the last {:?}",
            state.connections,
            state.frames.len(),
            state.events.len(),
            state.events.last()
        );
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is to happen at this moment, in the order in which it was planned.
    pub(crate) fn due(&mut self, create: usize, event: usize) -> Vec<Fault> {
        let is_due = |planned: &mut Planned| planned.create == create && planned.event == event;
        self.faults.extract_if(.., is_due).map(|planned| planned.fault).collect()
    }
}
