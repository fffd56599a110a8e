//! What the person asks of the thread while work is under way: interrupts, decisions, messages.

use std::collections::HashMap;

use agent_protocol::{Command, Content, Decision, Item};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use crate::turn::Stop;

/// The thread's end of its front end's commands.
#[derive(Debug)]
pub(crate) struct Inbox {
    commands: mpsc::UnboundedReceiver<Command>,
    /// Messages that came while a turn ran: heard at its next step.
    messages: Vec<Vec<Content>>,
    /// Messages on their way into the running response, as they were sent.
    steered: Vec<(Item, Vec<Content>)>,
    decisions: HashMap<String, Decision>,
    /// Command lines of the person's own that came while a turn ran.
    lines: Vec<String>,
    /// Processes that are to end.
    stops: Vec<u32>,
    /// Rows and columns of the person's terminal, when it has changed.
    size: Option<(u16, u16)>,
    /// The conversation is to be shortened.
    compacts: bool,
    closing: bool,
    /// When the turn under way has taken all the time it may.
    deadline: Option<Instant>,
}

/// What a thread is to do next.
pub(crate) enum Task {
    Turn(Vec<Content>),
    Compact,
    Run(String),
    /// [`Inbox::take_stops`] says what.
    Stop,
    /// [`Inbox::take_size`] says to what.
    Resize,
}

impl Inbox {
    pub(crate) fn new(commands: mpsc::UnboundedReceiver<Command>) -> Self {
        Self {
            commands,
            messages: Vec::new(),
            steered: Vec::new(),
            decisions: HashMap::new(),
            lines: Vec::new(),
            stops: Vec::new(),
            size: None,
            compacts: false,
            closing: false,
            deadline: None,
        }
    }

    /// Between turns: what is to be done next; none when the front end wants to end, or is gone.
    pub(crate) async fn next_task(&mut self) -> Option<Task> {
        loop {
            if self.closing {
                return None;
            }
            if self.size.is_some() {
                return Some(Task::Resize);
            }
            if !self.lines.is_empty() {
                return Some(Task::Run(self.lines.remove(0)));
            }
            if !self.messages.is_empty() {
                return Some(Task::Turn(self.messages.remove(0)));
            }
            if self.take_compacts() {
                return Some(Task::Compact);
            }
            match self.commands.recv().await {
                Some(Command::Send(content)) => return Some(Task::Turn(content)),
                Some(Command::Compact) => return Some(Task::Compact),
                Some(Command::Run(line)) => return Some(Task::Run(line)),
                Some(Command::Stop { pid }) => {
                    self.stops.push(pid);
                    return Some(Task::Stop);
                }
                Some(Command::Resize { rows, columns }) => self.size = Some((rows, columns)),
                Some(Command::Interrupt | Command::Decide { .. }) => {}
                Some(Command::Shutdown) | None => self.closing = true,
            }
        }
    }

    /// From now on the turn may take this long.
    pub(crate) fn limit(&mut self, time: Option<Duration>) {
        self.deadline = time.and_then(|time| Instant::now().checked_add(time));
    }

    /// During a turn: returns when something came that changes what the turn waits for, or stops it. Cancel safe.
    pub(crate) async fn attend(&mut self) -> Result<(), Stop> {
        let command = match self.deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, self.commands.recv())
                .await
                .map_err(|_| Stop::OutOfTime)?,
            None => self.commands.recv().await,
        };
        match command {
            Some(Command::Send(content)) => self.messages.push(content),
            Some(Command::Decide { call_id, decision }) => {
                self.decisions.insert(call_id, decision);
            }
            Some(Command::Compact) => self.compacts = true,
            Some(Command::Run(line)) => self.lines.push(line),
            Some(Command::Stop { pid }) => self.stops.push(pid),
            Some(Command::Resize { rows, columns }) => self.size = Some((rows, columns)),
            Some(Command::Interrupt) => return Err(Stop::Interrupted),
            // Without a front end nobody can answer or stop it any more.
            Some(Command::Shutdown) | None => {
                self.closing = true;
                return Err(Stop::Interrupted);
            }
        }
        Ok(())
    }

    /// Whether the person wants the conversation shortened.
    pub(crate) fn take_compacts(&mut self) -> bool {
        std::mem::take(&mut self.compacts)
    }

    pub(crate) fn take_stops(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.stops)
    }

    pub(crate) fn take_size(&mut self) -> Option<(u16, u16)> {
        self.size.take()
    }

    pub(crate) fn take_messages(&mut self) -> Vec<Vec<Content>> {
        std::mem::take(&mut self.messages)
    }

    /// What is to be said to the response that runs, if the server lets it hear.
    pub(crate) fn steer(&mut self) -> Vec<Item> {
        let messages = std::mem::take(&mut self.messages).into_iter();
        let steered: Vec<_> = messages.map(|content| (Item::user(&content), content)).collect();
        let items = steered.iter().map(|(item, _)| item.clone()).collect();
        self.steered.extend(steered);
        items
    }

    /// The response has heard these.
    pub(crate) fn heard(&mut self, items: &[Item]) -> Vec<Vec<Content>> {
        let heard = self.steered.extract_if(.., |(item, _)| items.contains(item));
        heard.map(|(_, content)| content).collect()
    }

    /// Whatever the response has not heard is for the next request, before what came later.
    pub(crate) fn take_back(&mut self) {
        let unheard = self.steered.drain(..).map(|(_, content)| content);
        self.messages.splice(..0, unheard);
    }

    pub(crate) fn take_decision(&mut self, call_id: &str) -> Option<Decision> {
        self.decisions.remove(call_id)
    }
}
