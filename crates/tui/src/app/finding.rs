//! What is found out beside the conversation, and when: how much goes into the window, what is checked out.

use agent_protocol::{Event, ItemDetails};

use super::{App, pages};
use crate::effect::Effect;

impl App {
    /// What is to be found out now that this has happened.
    pub(super) fn find_out(&mut self, event: &Event) -> Vec<Effect> {
        let window = self.ask_for_window(event);
        let branch = self.look_for_branch().filter(|_| may_have_switched(event));
        window.into_iter().chain(branch).collect()
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
        self.facts.is_repository.then_some(Effect::FindBranch)
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

/// A turn is over, or a command line of the person's own.
fn may_have_switched(event: &Event) -> bool {
    match event {
        Event::ItemCompleted { item } => {
            item.call_id.is_none() && matches!(item.details, ItemDetails::CommandExecution(_))
        }
        event => event.is_terminal(),
    }
}
