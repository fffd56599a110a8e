//! How full the window is, as the events of a thread tell it: one fold, so that who decides by it and who shows it count
//! the same.

use crate::Event;

/// The tokens of the window as of the last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    tokens: u64,
    is_compacting: bool,
}

impl Fill {
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::ContextCompacting { .. } => self.is_compacting = true,
            Event::ContextCompacted { after_tokens, .. } => {
                *self = Self { tokens: *after_tokens, is_compacting: false };
            }
            // What a process that is gone had begun is over with it.
            Event::ContextKept { .. } | Event::ThreadStarted(_) => self.is_compacting = false,
            // What is asked for a shorter window does not enter it, and a response that broke off says nothing of it.
            Event::StepCompleted(step) if !self.is_compacting && step.usage.input_tokens > 0 => {
                self.tokens = step.usage.input_tokens + step.usage.output_tokens;
            }
            _ => {}
        }
    }

    /// What the last request sent and got, or what it was shortened to since.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The conversation is being shortened.
    pub fn is_compacting(&self) -> bool {
        self.is_compacting
    }
}
