//! What the person asks of the thread while work is under way: interrupts, decisions, messages.

use std::collections::HashMap;

use agent_protocol::{Asked, Command, Content, Decision, Item, RuleChange, Unheard};
use agent_tools::Reaped;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use crate::conversation::Conversation;
use crate::rollout::RolloutError;
use crate::turn::Stop;

/// The thread's end of its front end's commands.
#[derive(Debug)]
pub(crate) struct Inbox {
    commands: mpsc::UnboundedReceiver<Command>,
    /// Commands in the background that have ended, as it is told and not said yet.
    ends: mpsc::UnboundedReceiver<Reaped>,
    ended: Vec<Reaped>,
    /// Messages that came while a turn ran: heard at its next step.
    messages: Vec<Vec<Content>>,
    /// Messages on their way into the running response, as they were sent.
    steered: Vec<Steered>,
    decisions: HashMap<String, Decision>,
    /// Command lines of the person's own that came while a turn ran.
    lines: Vec<String>,
    /// Processes that are to end.
    stops: Vec<u32>,
    /// Rows and columns of the person's terminal, when it has changed.
    size: Option<(u16, u16)>,
    /// What the person has back.
    returned: Vec<Unheard>,
    rule_changes: Vec<RuleChange>,
    /// How the model is to be asked.
    asked: Option<Asked>,
    /// The conversation is to be shortened.
    compacts: bool,
    /// Tokens at which it is to be shortened from now on.
    compact_at: Option<u64>,
    closing: bool,
    /// When the turn under way has taken all the time it may.
    deadline: Option<Instant>,
}

/// A message on its way into the running response.
#[derive(Debug)]
struct Steered {
    /// As it was sent.
    item: Item,
    content: Vec<Content>,
    /// The server does not let this response hear it.
    is_refused: bool,
    /// The person wants it back, and the server may have heard it.
    is_wanted: bool,
}

/// What has come.
enum Came {
    /// None when the front end is gone.
    Command(Option<Command>),
    /// A command in the background has ended.
    Ended,
}

/// What a thread is to do next.
pub(crate) enum Task {
    Turn(Vec<Content>),
    Compact,
    Run(String),
    Ask(Asked),
    /// What is not for the conversation: [`crate::asides`].
    Aside,
}

impl Steered {
    fn new(content: Vec<Content>) -> Self {
        Self { item: Item::user(&content), content, is_refused: false, is_wanted: false }
    }
}

impl Inbox {
    pub(crate) fn new(
        commands: mpsc::UnboundedReceiver<Command>,
        ends: mpsc::UnboundedReceiver<Reaped>,
    ) -> Self {
        Self {
            commands,
            ends,
            ended: Vec::new(),
            messages: Vec::new(),
            steered: Vec::new(),
            decisions: HashMap::new(),
            lines: Vec::new(),
            stops: Vec::new(),
            size: None,
            returned: Vec::new(),
            rule_changes: Vec::new(),
            asked: None,
            compacts: false,
            compact_at: None,
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
            if self.has_asides() {
                return Some(Task::Aside);
            }
            // What waits is for the model that was chosen meanwhile.
            if let Some(asked) = self.asked.take() {
                return Some(Task::Ask(asked));
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
            let Came::Command(command) = self.come().await else { continue };
            match command {
                Some(Command::Send(content)) => return Some(Task::Turn(content)),
                Some(Command::Compact) => return Some(Task::Compact),
                Some(Command::Run(line)) => return Some(Task::Run(line)),
                Some(Command::Stop { pid }) => self.stops.push(pid),
                Some(Command::Resize { rows, columns }) => self.size = Some((rows, columns)),
                Some(Command::Rules(change)) => self.rule_changes.push(change),
                Some(Command::Ask(asked)) => self.asked = Some(*asked),
                Some(Command::CompactAt(tokens)) => self.compact_at = Some(tokens),
                // What waited is heard by now.
                Some(Command::TakeBack(_)) => {}
                Some(Command::Interrupt | Command::Decide { .. }) => {}
                Some(Command::Shutdown) | None => self.closing = true,
            }
        }
    }

    /// From now on the turn may take this long.
    pub(crate) fn limit(&mut self, time: Option<Duration>) {
        self.deadline = time.and_then(|time| Instant::now().checked_add(time));
    }

    fn has_asides(&self) -> bool {
        self.size.is_some()
            || !self.stops.is_empty()
            || !self.returned.is_empty()
            || !self.rule_changes.is_empty()
            || !self.ended.is_empty()
    }

    /// What comes next. Cancel safe.
    async fn come(&mut self) -> Came {
        tokio::select! {
            biased;
            command = self.commands.recv() => Came::Command(command),
            Some(ended) = self.ends.recv() => {
                self.ended.push(ended);
                Came::Ended
            }
        }
    }

    /// During a turn: returns when something came that changes what the turn waits for, or stops it. Cancel safe.
    pub(crate) async fn attend(&mut self) -> Result<(), Stop> {
        let came = match self.deadline {
            Some(deadline) => {
                tokio::time::timeout_at(deadline, self.come()).await.map_err(|_| Stop::OutOfTime)?
            }
            None => self.come().await,
        };
        let Came::Command(command) = came else { return Ok(()) };
        match command {
            Some(Command::Send(content)) => self.messages.push(content),
            Some(Command::Decide { call_id, decision }) => {
                self.decisions.insert(call_id, decision);
            }
            Some(Command::Compact) => self.compacts = true,
            Some(Command::Run(line)) => self.lines.push(line),
            Some(Command::Stop { pid }) => self.stops.push(pid),
            Some(Command::Resize { rows, columns }) => self.size = Some((rows, columns)),
            Some(Command::TakeBack(what)) => self.give_back(what),
            Some(Command::Rules(change)) => self.rule_changes.push(change),
            Some(Command::Ask(asked)) => self.asked = Some(*asked),
            Some(Command::CompactAt(tokens)) => match &mut self.asked {
                // It is the window of the model that was chosen last.
                Some(asked) => asked.compact_at = Some(tokens),
                None => self.compact_at = Some(tokens),
            },
            Some(Command::Interrupt) => {
                self.compacts = false;
                return Err(Stop::Interrupted);
            }
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

    pub(crate) fn take_compact_at(&mut self) -> Option<u64> {
        self.compact_at.take()
    }

    pub(crate) fn take_stops(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.stops)
    }

    pub(crate) fn take_ended(&mut self) -> Vec<Reaped> {
        std::mem::take(&mut self.ended)
    }

    pub(crate) fn take_size(&mut self) -> Option<(u16, u16)> {
        self.size.take()
    }

    pub(crate) fn take_rule_changes(&mut self) -> Vec<RuleChange> {
        std::mem::take(&mut self.rule_changes)
    }

    pub(crate) fn take_returned(&mut self) -> Vec<Unheard> {
        std::mem::take(&mut self.returned)
    }

    /// The last of those that wait goes back to the person, as soon as it is sure that the model does not hear it.
    fn give_back(&mut self, what: Unheard) {
        let is_back = match what {
            Unheard::Message => self.messages.pop().is_some(),
            Unheard::Line => self.lines.pop().is_some(),
        };
        if is_back {
            self.returned.push(what);
        } else if what == Unheard::Message
            && let Some(last) = self.steered.iter_mut().rfind(|steered| !steered.is_wanted)
        {
            last.is_wanted = true;
            self.return_refused();
        }
    }

    /// The running response does not hear these; they are for the next request.
    pub(crate) fn refused(&mut self, items: &[Item]) {
        let refused = self.steered.iter_mut().filter(|steered| items.contains(&steered.item));
        refused.for_each(|steered| steered.is_refused = true);
        self.return_refused();
    }

    fn return_refused(&mut self) {
        let is_back = |steered: &mut Steered| steered.is_wanted && steered.is_refused;
        let back = self.steered.extract_if(.., is_back).map(|_| Unheard::Message);
        self.returned.extend(back);
    }

    pub(crate) fn take_messages(&mut self) -> Vec<Vec<Content>> {
        std::mem::take(&mut self.messages)
    }

    /// What is to be said to the response that runs, if the server lets it hear.
    pub(crate) fn steer(&mut self) -> Vec<Item> {
        let messages = std::mem::take(&mut self.messages).into_iter();
        let steered: Vec<_> = messages.map(Steered::new).collect();
        let items = steered.iter().map(|steered| steered.item.clone()).collect();
        self.steered.extend(steered);
        items
    }

    /// The response has heard these.
    pub(crate) fn heard(&mut self, items: &[Item]) -> Vec<Vec<Content>> {
        let heard = self.steered.extract_if(.., |steered| items.contains(&steered.item));
        heard.map(|steered| steered.content).collect()
    }

    /// Whatever the response has not heard is for the next request, before what came later.
    pub(crate) fn take_back(&mut self) {
        let (back, unheard): (Vec<_>, Vec<_>) =
            self.steered.drain(..).partition(|steered| steered.is_wanted);
        self.returned.extend(back.iter().map(|_| Unheard::Message));
        self.messages.splice(..0, unheard.into_iter().map(|steered| steered.content));
    }

    /// The conversation hears these. What cannot be recorded waits again.
    ///
    /// # Errors
    /// When one cannot be recorded.
    pub(crate) fn tell(
        &mut self,
        conversation: &mut Conversation,
        messages: Vec<Vec<Content>>,
    ) -> Result<(), RolloutError> {
        for (at, message) in messages.iter().enumerate() {
            if let Err(error) = conversation.publish_message(message) {
                self.messages.splice(..0, messages[at..].iter().cloned());
                return Err(error);
            }
        }
        Ok(())
    }

    /// A message that began a turn waits again.
    pub(crate) fn put_back(&mut self, message: Vec<Content>) {
        self.messages.insert(0, message);
    }

    /// All that waits goes back to the person.
    pub(crate) fn give_all_back(&mut self) {
        self.take_back();
        self.returned.extend(self.messages.drain(..).map(|_| Unheard::Message));
        self.returned.extend(self.lines.drain(..).map(|_| Unheard::Line));
    }

    pub(crate) fn take_decision(&mut self, call_id: &str) -> Option<Decision> {
        self.decisions.remove(call_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Vec<Content> {
        vec![Content::text(text)]
    }

    /// All of these were asked during a turn.
    async fn asked(commands: impl IntoIterator<Item = Command>) -> Inbox {
        let (send, commands_of) = mpsc::unbounded_channel();
        let mut inbox = Inbox::new(commands_of, mpsc::unbounded_channel().1);
        attend(&mut inbox, &send, commands).await;
        inbox
    }

    async fn attend(
        inbox: &mut Inbox,
        send: &mpsc::UnboundedSender<Command>,
        commands: impl IntoIterator<Item = Command>,
    ) {
        for command in commands {
            let _ = send.send(command);
        }
        while !inbox.commands.is_empty() {
            assert!(inbox.attend().await.is_ok());
        }
    }

    fn say(text: &str) -> Command {
        Command::Send(content(text))
    }

    const BACK: Command = Command::TakeBack(Unheard::Message);

    #[tokio::test]
    async fn what_waits_for_the_next_step_is_given_back_at_once_the_last_first() {
        let line = Command::Run("make".into());
        let back = Command::TakeBack(Unheard::Line);
        let mut inbox = asked([say("a"), line, say("b"), BACK, back.clone(), back]).await;
        assert_eq!(inbox.take_returned(), [Unheard::Message, Unheard::Line]);
        assert_eq!(inbox.take_messages(), [content("a")]);
        assert!(inbox.lines.is_empty());
    }

    #[tokio::test]
    async fn what_is_on_its_way_is_given_back_only_when_it_was_not_heard() {
        let (send, commands) = mpsc::unbounded_channel();
        let mut inbox = Inbox::new(commands, mpsc::unbounded_channel().1);
        attend(&mut inbox, &send, [say("a"), say("b"), say("c")]).await;
        let sent = inbox.steer();
        attend(&mut inbox, &send, [BACK, BACK]).await;
        assert!(inbox.take_returned().is_empty(), "the server may have heard them");
        assert_eq!(inbox.heard(&sent[..2]), [content("a"), content("b")]);
        inbox.take_back();
        assert_eq!(inbox.take_returned(), [Unheard::Message]);
        assert!(inbox.take_messages().is_empty());
    }

    #[tokio::test]
    async fn what_the_response_may_not_hear_is_given_back_at_once() {
        let (send, commands) = mpsc::unbounded_channel();
        let mut inbox = Inbox::new(commands, mpsc::unbounded_channel().1);
        attend(&mut inbox, &send, [say("a"), say("b"), say("c")]).await;
        let sent = inbox.steer();
        attend(&mut inbox, &send, [BACK]).await;
        inbox.refused(&sent);
        assert_eq!(inbox.take_returned(), [Unheard::Message]);
        attend(&mut inbox, &send, [BACK]).await;
        assert_eq!(inbox.take_returned(), [Unheard::Message]);
        assert!(inbox.steer().is_empty(), "it is not tried again");
        inbox.take_back();
        assert_eq!(inbox.take_messages(), [content("a")]);
    }
}
