//! What the person asks of the thread while work is under way: interrupts, decisions, messages.

use std::collections::HashMap;

use agent_protocol::{Command, Content, Decision};
use tokio::sync::mpsc;

use crate::turn::Stop;

/// The thread's end of its front end's commands.
#[derive(Debug)]
pub(crate) struct Inbox {
    commands: mpsc::UnboundedReceiver<Command>,
    /// Messages that came while a turn ran: heard at its next step.
    messages: Vec<Vec<Content>>,
    decisions: HashMap<String, Decision>,
    closing: bool,
}

impl Inbox {
    pub(crate) fn new(commands: mpsc::UnboundedReceiver<Command>) -> Self {
        Self { commands, messages: Vec::new(), decisions: HashMap::new(), closing: false }
    }

    /// Between turns: the next message; none when the front end wants to end, or is gone.
    pub(crate) async fn next_message(&mut self) -> Option<Vec<Content>> {
        loop {
            if self.closing {
                return None;
            }
            if !self.messages.is_empty() {
                return Some(self.messages.remove(0));
            }
            match self.commands.recv().await {
                Some(Command::Send(content)) => return Some(content),
                Some(Command::Interrupt | Command::Decide { .. }) => {}
                Some(Command::Shutdown) | None => self.closing = true,
            }
        }
    }

    /// During a turn: returns when something came that changes what the turn waits for, or stops it. Cancel safe.
    pub(crate) async fn attend(&mut self) -> Result<(), Stop> {
        match self.commands.recv().await {
            Some(Command::Send(content)) => self.messages.push(content),
            Some(Command::Decide { call_id, decision }) => {
                self.decisions.insert(call_id, decision);
            }
            Some(Command::Interrupt) => return Err(Stop::Interrupted),
            // Without a front end nobody can answer or stop it any more.
            Some(Command::Shutdown) | None => {
                self.closing = true;
                return Err(Stop::Interrupted);
            }
        }
        Ok(())
    }

    pub(crate) fn take_messages(&mut self) -> Vec<Vec<Content>> {
        std::mem::take(&mut self.messages)
    }

    pub(crate) fn take_decision(&mut self, call_id: &str) -> Option<Decision> {
        self.decisions.remove(call_id)
    }
}
