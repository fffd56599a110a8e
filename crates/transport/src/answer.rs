//! What has come of a response under way, the same for socket and HTTP.

use agent_protocol::{Item, ResponseEnd, ResponseEvent, Usage};

use crate::TransportError;

/// Several times what the longest answer of any model takes: a server that says more will never be done.
const RESPONSE_BYTES: u64 = 256 << 20;

#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) response_id: String,
    pub(crate) bytes_down: u64,
    done: Vec<(u32, Item)>,
}

/// What one event means for its response.
pub(crate) enum Taken {
    /// For the loop.
    Event(ResponseEvent),
    /// Said before.
    Repeated,
    /// The terminal event.
    End(ResponseEvent),
}

impl Answer {
    /// Counts what came.
    ///
    /// # Errors
    /// When it is more than any response.
    pub(crate) fn hear(&mut self, bytes: usize) -> Result<(), TransportError> {
        self.bytes_down += bytes as u64;
        if self.bytes_down > RESPONSE_BYTES {
            let message = format!("a response of more than {RESPONSE_BYTES} bytes");
            return Err(TransportError::Protocol(message));
        }
        Ok(())
    }

    pub(crate) fn take(&mut self, event: ResponseEvent) -> Taken {
        match event {
            ResponseEvent::Completed(end) => Taken::End(ResponseEvent::Completed(self.ended(end))),
            ResponseEvent::Incomplete { reason, end } => {
                Taken::End(ResponseEvent::Incomplete { reason, end: self.ended(end) })
            }
            ResponseEvent::Created { ref response_id, .. } => {
                self.response_id.clone_from(response_id);
                Taken::Event(event)
            }
            ResponseEvent::ItemDone { output_index, ref item } => {
                if self.has(output_index, item) {
                    return Taken::Repeated;
                }
                self.done.push((output_index, item.clone()));
                Taken::Event(event)
            }
            other => Taken::Event(other),
        }
    }

    /// How many items of the response are done.
    pub(crate) fn items(&self) -> usize {
        self.done.len()
    }

    pub(crate) fn has_calls(&self) -> bool {
        self.done.iter().any(|(_, item)| item.as_call().is_some())
    }

    /// The end of a response that we stopped.
    pub(crate) fn interrupted(&self) -> ResponseEvent {
        let end = ResponseEnd {
            response_id: self.response_id.clone(),
            usage: Usage::default(),
            wants_to_continue: false,
            bytes_down: self.bytes_down,
            cache_diagnostics: None,
        };
        ResponseEvent::Incomplete { reason: "interrupted".to_owned(), end }
    }

    fn ended(&self, mut end: ResponseEnd) -> ResponseEnd {
        end.bytes_down = self.bytes_down;
        if end.response_id.is_empty() {
            end.response_id.clone_from(&self.response_id);
        }
        end
    }

    /// Each item enters the window once, however often a server says that it is done.
    fn has(&self, output_index: u32, item: &Item) -> bool {
        let same_call = |other: &Item| match (other.as_call(), item.as_call()) {
            (Some(other), Some(call)) => other.call_id == call.call_id,
            _ => false,
        };
        let known = |(index, other): &(u32, Item)| {
            same_call(other) || (*index == output_index && other == item)
        };
        self.done.iter().any(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_done_once() {
        let call = |id: &str, arguments: &str| {
            let json = format!(
                r#"{{"type":"function_call","call_id":"{id}","name":"t","arguments":"{arguments}"}}"#
            );
            Item::from_json(&json).unwrap()
        };
        let message = Item::developer("same");
        let mut answer = Answer::default();
        let mut done = |output_index, item: &Item| {
            let event = ResponseEvent::ItemDone { output_index, item: item.clone() };
            matches!(answer.take(event), Taken::Event(_))
        };
        assert!(done(0, &call("a", "1")));
        assert!(!done(0, &call("a", "1")));
        assert!(!done(3, &call("a", "2")), "a call is one call, whatever else changes");
        assert!(done(0, &call("b", "1")), "servers without output_index say 0 each time");
        assert!(done(1, &message));
        assert!(!done(1, &message));
        assert!(done(2, &message), "two messages may say the same");
        assert_eq!(answer.items(), 4);
    }

    #[test]
    fn a_response_that_will_never_be_done_is_too_long() {
        let mut answer = Answer::default();
        for _ in 0..4 {
            assert!(answer.hear(64 << 20).is_ok());
        }
        assert!(matches!(answer.hear(1), Err(TransportError::Protocol(_))));
    }
}
