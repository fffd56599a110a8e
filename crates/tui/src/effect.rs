//! What the screen hears, and what it asks for: the only way into the [`App`](crate::app::App), and out of it.

use agent_protocol::{Decision, Record};

use crate::composer::Message;
use crate::key::KeyEvent;

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    Key(KeyEvent),
    Paste(String),
    Record(Box<Record>),
    Resize {
        columns: u16,
        rows: u16,
    },
    /// Milliseconds since the screen began.
    Tick(u64),
    /// The message could not be sent, for this reason: the person has it again.
    NotSent {
        message: Message,
        reason: String,
    },
}

/// What is to be done about it, by whoever runs the screen; what comes of it is an [`Input`].
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Send(Message),
    Interrupt,
    Decide { call_id: String, decision: Decision },
    Compact,
    Leave,
}
