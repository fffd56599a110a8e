//! What waits for the end of the turn, and what becomes of it: done, or given back when the turn is stopped.

use agent_protocol::Event;

use super::App;
use crate::composer::Message;
use crate::effect::Effect;

impl App {
    /// After a turn, or what else went on, comes what was written for then. A turn that did not end well gives it back
    /// instead.
    pub(super) fn go_on_with_queue(&mut self, event: &Event, was_running: bool) -> Vec<Effect> {
        match event {
            Event::TurnFailed(_) => {
                self.write_on_queued();
                vec![]
            }
            Event::TurnCompleted(_) => self.carry_out_queue(),
            _ if was_running && !self.is_running() => self.carry_out_queue(),
            _ => vec![],
        }
    }

    /// Up to what begins a turn, whose end goes on with the rest, ends the thread, or asks something.
    fn carry_out_queue(&mut self) -> Vec<Effect> {
        let overlays = self.overlays.len();
        let mut effects = Vec::new();
        while self.outbox.first().is_some_and(|first| !self.must_wait(first))
            && let Some(message) = self.outbox.next()
        {
            let more = self.carry_out(message);
            let is_last = more.iter().any(ends_idleness);
            effects.extend(more);
            if is_last {
                break;
            }
            if self.overlays.len() > overlays {
                self.queue_is_held = true;
                break;
            }
        }
        effects
    }

    /// What was asked on the way through the queue is answered: the rest comes after that.
    pub(super) fn go_on_when_answered(&mut self, effects: &mut Vec<Effect>) {
        if self.overlays.is_empty() && std::mem::take(&mut self.queue_is_held) {
            let may_go_on = !self.is_running() && !effects.iter().any(ends_idleness);
            effects.extend(if may_go_on { self.carry_out_queue() } else { vec![] });
        }
    }

    /// Stops what runs. What waits to be heard, or for the end of the turn, comes back to be written anew.
    pub(super) fn interrupt(&mut self) -> Vec<Effect> {
        self.write_on_queued();
        let wanted = self.outbox.take_all_back().into_iter().map(Effect::TakeBack);
        wanted.chain([Effect::Interrupt]).collect()
    }

    pub(super) fn write_on_queued(&mut self) {
        for message in self.outbox.take_queued().into_iter().rev() {
            self.give_back(&message);
        }
    }

    /// The person writes on this. A line or a command never takes in what else is written, nor is taken in by it: going
    /// back finds what comes second.
    pub(super) fn give_back(&mut self, message: &Message) {
        let text = message.text();
        let written = self.composer.text();
        if written.is_empty() || ![&text, &written].iter().any(|text| is_of_its_own(text)) {
            return self.composer.put_back(message);
        }
        self.composer.recall_later(message.clone());
        self.put_by.push(message.clone());
        let first = text.lines().next().unwrap_or_default();
        self.note(format!("“{first}” was not done; going back (Up) finds it."));
    }
}

/// It is for the shell, or for us: not a message.
fn is_of_its_own(text: &str) -> bool {
    text.trim_start().starts_with(['!', '/'])
}

/// A turn begins, or the thread ends.
fn ends_idleness(effect: &Effect) -> bool {
    matches!(effect, Effect::Send(_) | Effect::Review(_) | Effect::Open(_) | Effect::Leave)
}
