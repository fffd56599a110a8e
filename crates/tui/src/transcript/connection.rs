//! How requests travel, as far as the thread has said it: nothing is claimed of a way before it has worked.

use agent_protocol::{DeltaField, ErrorKind, Event, ItemDetails, StepCompleted, TransportKind};

use super::{Notice, Transcript};

/// How the last request travelled that was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// There was none yet in this process.
    #[default]
    Unknown,
    By(TransportKind),
    /// The last one did not arrive.
    Lost,
    /// The last one arrived, and was not answered: there were too many.
    Limited,
}

/// The request is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    pub attempt: u32,
    /// 0 tries for as long as the network is away.
    pub max: u32,
    pub kind: ErrorKind,
    pub reason: String,
}

impl Retry {
    /// There were too many requests; the connection is all right.
    pub fn is_limited(&self) -> bool {
        self.kind == ErrorKind::RateLimit
    }
}

/// What went up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    pub sent: u64,
    pub stateless: u64,
}

impl Transcript {
    /// HTTP in place of the socket has worked as soon as something came that way.
    pub(super) fn note_fallback(&mut self, event: &Event) {
        let has_worked = match event {
            Event::ItemDelta { field: DeltaField::Text | DeltaField::Reasoning, .. } => {
                self.live.sent == Some(TransportKind::HttpSse)
            }
            Event::ItemStarted { item, .. } | Event::ItemCompleted { item } => {
                item.step.is_some()
                    && !matches!(item.details, ItemDetails::AgentMessage { partial: true, .. })
            }
            Event::StepCompleted(step) => {
                step.transport == TransportKind::HttpSse && !step.response_id.is_empty()
            }
            Event::TurnFailed(_) => {
                self.fallback = None;
                false
            }
            _ => false,
        };
        if has_worked && let Some(reason) = self.fallback.take() {
            self.notice(Notice::Said(format!("Went on over HTTP: {reason}")));
        }
    }

    /// What went wrong says how things are until a request is answered.
    pub(super) fn note_trouble(&mut self, kind: ErrorKind) {
        match kind {
            ErrorKind::Network | ErrorKind::Timeout | ErrorKind::Auth => {
                self.connection = Connection::Lost;
            }
            ErrorKind::RateLimit => self.connection = Connection::Limited,
            _ => {}
        }
    }

    /// A step whose request never left travelled no way, and one that was not answered says nothing of it.
    pub(super) fn note_way(&mut self, step: &StepCompleted) {
        let is_answered = step.connection > 0 && !step.response_id.is_empty();
        if is_answered && !self.fill.is_compacting() {
            self.connection = Connection::By(step.transport);
        }
    }
}
