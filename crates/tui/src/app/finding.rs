//! What is found out beside the conversation, and when: how much goes into the window, what is checked out,
//! all that a command printed.

use agent_protocol::{CommandExecution, Event, ItemDetails, ThreadItem};

use super::{App, pages};
use crate::effect::Effect;
use crate::transcript::goes_on;

/// How often it is read what a command in the background prints, while somebody looks.
const FOLLOWS_EACH_MS: u64 = 1_000;

impl App {
    /// What is to be found out now that this has happened.
    pub(super) fn find_out(&mut self, event: &Event) -> Vec<Effect> {
        let window = self.ask_for_window(event);
        let branch = self.look_for_branch().filter(|_| may_have_switched(event));
        let output = self.find_output(event);
        window.into_iter().chain(branch).chain(output).collect()
    }

    /// Who followed a command that is over sees more of it than is known here, and the end of one in the background.
    fn find_output(&mut self, event: &Event) -> Option<Effect> {
        match event {
            Event::ItemCompleted { item } if self.is_looked_at(&item.id) => {
                let ItemDetails::CommandExecution(command) = &item.details else { return None };
                if goes_on(command) {
                    return Some(self.begin_to_follow(item, command));
                }
                command.truncated.then(|| found_of(item, command))
            }
            Event::ProcessReaped { .. } => self.followed_output(),
            _ => None,
        }
    }

    fn is_looked_at(&self, item_id: &str) -> bool {
        self.overlays.iter().any(|overlay| overlay.follows(item_id))
    }

    /// Its output is read now, and again and again as long as it runs and somebody looks.
    pub(super) fn begin_to_follow(
        &mut self,
        item: &ThreadItem,
        command: &CommandExecution,
    ) -> Effect {
        self.followed = Some((item.id.clone(), self.now_ms + FOLLOWS_EACH_MS));
        found_of(item, command)
    }

    /// The time has come to read it again.
    pub(super) fn follow(&mut self) -> Vec<Effect> {
        let now_ms = self.now_ms;
        let Some((item_id, at)) = &mut self.followed else { return vec![] };
        if now_ms < *at {
            return vec![];
        }
        *at = now_ms + FOLLOWS_EACH_MS;
        let runs = self.transcript.processes.iter().any(|process| process.item_id == *item_id);
        let found = self.followed_output().filter(|_| runs);
        if found.is_none() {
            self.followed = None;
        }
        found.into_iter().collect()
    }

    fn followed_output(&self) -> Option<Effect> {
        let (item_id, _) = self.followed.as_ref()?;
        let item = self.transcript.item(item_id).filter(|_| self.is_looked_at(item_id))?;
        let ItemDetails::CommandExecution(command) = &item.details else { return None };
        Some(found_of(item, command))
    }

    /// Once, and in the way of nothing: the first answer is there.
    fn ask_for_window(&mut self, event: &Event) -> Option<Effect> {
        let Event::StepCompleted(step) = event else { return None };
        let is_time = self.facts.asks_window && !step.broken;
        is_time.then(|| {
            self.facts.asks_window = false;
            Effect::FindWindow
        })
    }

    pub(super) fn look_for_branch(&self) -> Option<Effect> {
        self.facts.finds_branch.then_some(Effect::FindBranch)
    }

    /// `/status`, with the branch of now.
    pub(super) fn say_status(&mut self) -> Vec<Effect> {
        let looking = self.look_for_branch();
        if looking.is_some() {
            self.wants_status = true;
        } else {
            self.note(pages::status(self));
        }
        looking.into_iter().collect()
    }
}

/// All that the command of this item printed so far.
fn found_of(item: &ThreadItem, command: &CommandExecution) -> Effect {
    Effect::FindOutput {
        item_id: item.id.clone(),
        call_id: call_of(item),
        known: command.aggregated_output.clone(),
    }
}

/// What the output of a command is kept by; a command line of the person's own has a name of its own.
pub(super) fn call_of(item: &ThreadItem) -> String {
    item.call_id.clone().unwrap_or_else(|| format!("own-{}", item.id))
}

/// A turn is over, or a command line of the person's own.
fn may_have_switched(event: &Event) -> bool {
    match event {
        Event::ItemCompleted { item } => {
            item.call_id.is_none() && matches!(item.details, ItemDetails::CommandExecution(_))
        }
        event => event.is_terminal(),
    }
}
