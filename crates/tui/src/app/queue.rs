//! What waits for the end of the turn, and what becomes of it: done, or given back when the turn is stopped.

use agent_protocol::Event;

use super::App;
use crate::effect::Effect;

impl App {
    /// After a turn comes what was written for then. A turn that did not end well gives it back instead.
    pub(super) fn go_on_with_queue(&mut self, event: &Event) -> Vec<Effect> {
        match event {
            Event::TurnCompleted(_) => self.carry_out_queue(),
            Event::TurnFailed(_) => {
                self.write_on_queued();
                vec![]
            }
            _ => vec![],
        }
    }

    /// Up to what begins a turn, whose end goes on with the rest, or ends the thread.
    fn carry_out_queue(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(message) = self.outbox.next() {
            let more = self.carry_out(message);
            let goes_on = |effect: &Effect| matches!(effect, Effect::Run(_) | Effect::Compact);
            let is_last = !more.iter().all(goes_on);
            effects.extend(more);
            if is_last {
                break;
            }
        }
        effects
    }

    /// Stops what runs. What waits to be heard, or for the end of the turn, comes back to be written anew.
    pub(super) fn interrupt(&mut self) -> Vec<Effect> {
        self.write_on_queued();
        let wanted = self.outbox.take_all_back().into_iter().map(Effect::TakeBack);
        wanted.chain([Effect::Interrupt]).collect()
    }

    fn write_on_queued(&mut self) {
        for message in self.outbox.take_queued().into_iter().rev() {
            self.composer.put_back(&message);
        }
    }
}
