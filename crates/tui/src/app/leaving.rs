//! When a thread gives way to what comes next: commands that it left running end with it, which the person is told before.
//! When nothing comes next, what was written and not heard is handed back.

use super::App;
use crate::composer::Message;
use crate::effect::{Choice, Effect, Next};
use crate::overlay::Picker;
use crate::slash::{self, Verb};
use crate::view::count;

const GO_ON: &str = "go on";

impl App {
    /// Another thread is shown, or this one anew.
    pub(super) fn open(&mut self, next: Next) -> Vec<Effect> {
        self.part(Effect::Open(next))
    }

    /// The person leaves by name: ctrl-c twice asks nothing.
    pub(super) fn quit(&mut self) -> Vec<Effect> {
        self.part(Effect::Leave)
    }

    /// Nothing that runs is ended without a question.
    fn part(&mut self, effect: Effect) -> Vec<Effect> {
        if self.transcript.processes.is_empty() {
            return self.part_now(effect);
        }
        self.held = Some(effect);
        let commands: Vec<_> =
            self.transcript.processes.iter().map(|process| process.command.as_str()).collect();
        let choice = |value: &str, note: String| Choice {
            value: value.to_owned(),
            label: value.to_owned(),
            note,
            is_here: true,
            is_current: false,
        };
        let choices = vec![
            choice("stay", String::new()),
            choice(GO_ON, format!("ends {}", commands.join(", "))),
        ];
        let title = format!("This ends {} in the background.", count(commands.len(), "command"));
        self.overlays.push(Box::new(Picker::new(Verb::EndThread, &title, choices)));
        vec![]
    }

    /// The answer to that question.
    pub(super) fn end_thread(&mut self, answer: &str) -> Vec<Effect> {
        let held = self.held.take().filter(|_| answer == GO_ON);
        held.map_or_else(Vec::new, |effect| self.part_now(effect))
    }

    fn part_now(&mut self, effect: Effect) -> Vec<Effect> {
        self.begins_anew = effect == Effect::Open(Next::New);
        vec![effect]
    }

    /// The person leaves: of what waits nothing begins any more, whatever the thread says until it has ended.
    pub fn leave(&mut self) {
        let waits = self.outbox.take_queued();
        self.unsaid.extend(waits);
        let over = self.overlays.iter_mut().chain(&mut self.put_off);
        self.unsaid.extend(over.filter_map(|over| over.take_written()));
        self.unsaid.extend(self.composer.take_written());
    }

    /// The thread has ended: what the person wrote in it, and nobody has heard. Commands of ours are not among it: they
    /// were for this screen, and one may hold a key.
    pub fn take_unsaid(&mut self) -> Vec<Message> {
        let mut unsaid = std::mem::take(&mut self.put_by);
        unsaid.extend(self.outbox.take_sent());
        // It has come back since.
        unsaid.extend(self.composer.take_written());
        unsaid.append(&mut self.unsaid);
        unsaid.retain(|message| {
            let line = message.text();
            matches!(
                slash::read(line.trim(), &self.prompts),
                slash::Line::Message | slash::Line::Prompt(..)
            )
        });
        unsaid
    }
}
