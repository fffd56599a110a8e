//! Messages of the person on their way into a running response (protocol.md 2.4, 4.5). Whatever happens, each ends
//! up in one of two places: applied, and so in the window, or back with the loop.

use agent_protocol::{Item, ResponseEvent, SteerOutcome};

/// Said where there is no way to.
pub(crate) const CANNOT_STEER: &str = "this response cannot be steered";

/// In the order in which they were said; the server keeps it.
#[derive(Debug, Default)]
pub(crate) struct Steers {
    /// Not sent: the response has no id yet.
    waiting: Vec<Vec<Item>>,
    /// Sent, not answered.
    sent: Vec<Vec<Item>>,
    accepted: Vec<Vec<Item>>,
    /// Messages that entered the window.
    applied: usize,
}

impl Steers {
    pub(crate) fn wait(&mut self, messages: Vec<Item>) {
        self.waiting.push(messages);
    }

    /// What is to be sent now that the response has an id.
    pub(crate) fn take_waiting(&mut self) -> Vec<Vec<Item>> {
        std::mem::take(&mut self.waiting)
    }

    pub(crate) fn sent(&mut self, messages: Vec<Item>) {
        self.sent.push(messages);
    }

    /// How many messages entered the window.
    pub(crate) fn applied(&self) -> usize {
        self.applied
    }

    pub(crate) fn are_unanswered(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Nothing is left that may still be applied.
    pub(crate) fn are_settled(&self) -> bool {
        self.sent.is_empty() && self.accepted.is_empty()
    }

    /// The server's word on the oldest it has not spoken of.
    pub(crate) fn hear(&mut self, outcome: SteerOutcome) -> SteerOutcome {
        match outcome {
            SteerOutcome::Accepted | SteerOutcome::Pending => {
                if !self.sent.is_empty() {
                    self.accepted.push(self.sent.remove(0));
                }
                outcome
            }
            SteerOutcome::Failed { message, .. } => {
                let failed = if self.sent.is_empty() { &mut self.accepted } else { &mut self.sent };
                let items = if failed.is_empty() { vec![] } else { failed.remove(0) };
                SteerOutcome::Failed { items, message }
            }
            SteerOutcome::Applied { .. } => outcome,
        }
    }

    /// All that were accepted enter the window now.
    pub(crate) fn apply(&mut self) -> Option<ResponseEvent> {
        let items: Vec<Item> = self.accepted.drain(..).flatten().collect();
        self.applied += items.len();
        (!items.is_empty()).then(|| ResponseEvent::Steer(SteerOutcome::Applied { items }))
    }

    /// All that are not in the window come back, for this reason.
    pub(crate) fn return_all(&mut self, message: &str) -> Option<ResponseEvent> {
        let items: Vec<Item> = self
            .accepted
            .drain(..)
            .chain(self.sent.drain(..))
            .chain(self.waiting.drain(..))
            .flatten()
            .collect();
        (!items.is_empty()).then(|| cannot_steer(items, message))
    }
}

/// The person's words come back, to be sent with the next request.
pub(crate) fn cannot_steer(items: Vec<Item>, message: &str) -> ResponseEvent {
    ResponseEvent::Steer(SteerOutcome::Failed { items, message: message.to_owned() })
}
