//! What is found out beside the conversation, and when: how much goes into the window, what is checked out,
//! all that a command printed.

use agent_protocol::{Event, ItemDetails, ThreadItem};

use super::{App, pages};
use crate::effect::Effect;

impl App {
    /// What is to be found out now that this has happened.
    pub(super) fn find_out(&mut self, event: &Event) -> Vec<Effect> {
        let window = self.ask_for_window(event);
        let branch = self.look_for_branch().filter(|_| may_have_switched(event));
        let output = self.find_output(event);
        window.into_iter().chain(branch).chain(output).collect()
    }

    /// Who followed a command that is over sees more of it than is known here.
    fn find_output(&self, event: &Event) -> Option<Effect> {
        let Event::ItemCompleted { item } = event else { return None };
        let ItemDetails::CommandExecution(command) = &item.details else { return None };
        let is_followed = self.overlays.iter().any(|overlay| overlay.follows(&item.id));
        (is_followed && command.truncated).then(|| Effect::FindOutput {
            item_id: item.id.clone(),
            call_id: call_of(item),
            known: command.aggregated_output.clone(),
        })
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
