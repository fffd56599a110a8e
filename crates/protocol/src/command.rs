//! What a front end asks of a thread.

use crate::{Content, Decision, Price, ReasoningOptions, RuleChange, Unheard};

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Starts a turn; while one runs, it is steered in at the next step.
    Send(Vec<Content>),
    /// Stops what is under way and keeps what was done.
    Interrupt,
    /// Shortens the conversation now, or at the next step.
    Compact,
    /// Answers `approval.requested` for this call.
    Decide { call_id: String, decision: Decision },
    /// Runs a command line of the person's own in the sandbox, after the turn under way. The model reads what came of it
    /// with the next message.
    Run(String),
    /// Ends the command of this process id that was left running.
    Stop { pid: u32 },
    /// The person's terminal is this large now, and those that the model gives commands follow it.
    Resize { rows: u16, columns: u16 },
    /// Gives back the last of those that wait, as `waiting.returned` says; one that was heard already stays said.
    TakeBack(Unheard),
    /// Changes the rules about commands, from now on; `rules.listed` says which there are then.
    Rules(RuleChange),
    /// Asks another model, or the same one otherwise, from the next turn on. What commands left running goes on.
    Ask(Box<Asked>),
    /// From so many tokens on the window is shortened before the next step: how much goes into it was found out.
    CompactAt(u64),
    /// Ends the thread; a turn under way is interrupted.
    Shutdown,
}

/// Which model is asked, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub model: String,
    pub reasoning: Option<ReasoningOptions>,
    pub price: Option<Price>,
    /// Tokens of the window at which it is shortened before the next step; none: only when the model refuses it.
    pub compact_at: Option<u64>,
}
