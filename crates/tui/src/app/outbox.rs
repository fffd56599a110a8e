//! What the person said and the thread has not heard yet: sent while a turn runs, or kept for after it.

use agent_protocol::{Event, ItemDetails, Unheard};

use crate::composer::Message;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// To be sent after the turn.
    queued: Vec<Message>,
    /// Sent, the first first.
    sent: Vec<Sent>,
}

#[derive(Debug)]
struct Sent {
    what: Unheard,
    message: Message,
    /// As it was written.
    written: Message,
    /// The person wants it back, and it is not sure yet whether it was heard.
    is_wanted: bool,
}

/// What the person takes back.
#[derive(Debug)]
pub(super) enum Back {
    Here(Message),
    /// The thread has it.
    There(Unheard),
}

/// What the thread gives back.
#[derive(Debug)]
pub(super) struct Returned {
    pub(super) message: Message,
    /// The person has asked for it.
    pub(super) is_wanted: bool,
}

/// What is shown of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Sent,
    /// A command line of the person's own.
    Line,
    Wanted,
    Queued,
}

impl Outbox {
    pub(super) fn queue(&mut self, message: Message) {
        self.queued.push(message);
    }

    /// It is to be the one at this place, or the last.
    pub(super) fn queue_at(&mut self, place: usize, message: Message) {
        self.queued.insert(place.min(self.queued.len()), message);
    }

    /// The one at this place of those for after the turn.
    pub(super) fn take_at(&mut self, place: usize) -> Option<Message> {
        (place < self.queued.len()).then(|| self.queued.remove(place))
    }

    /// Those for after the turn.
    pub(super) fn queued(&self) -> &[Message] {
        &self.queued
    }

    /// All that wait, as they were written.
    pub(super) fn written(&self) -> Vec<Message> {
        let sent = self.sent.iter().map(|sent| &sent.written);
        sent.chain(&self.queued).cloned().collect()
    }

    pub(super) fn sent(&mut self, message: Message) {
        let written = message.clone();
        self.sent.push(Sent { what: Unheard::Message, message, written, is_wanted: false });
    }

    /// A command line of the person's own was sent.
    pub(super) fn sent_line(&mut self, line: &str, written: Message) {
        let message = Message::from(format!("! {line}"));
        self.sent.push(Sent { what: Unheard::Line, message, written, is_wanted: false });
    }

    /// It could not be sent.
    pub(super) fn not_sent(&mut self, message: &Message) {
        self.sent.retain(|sent| sent.message != *message);
    }

    /// The first of those for after the turn.
    pub(super) fn first(&self) -> Option<&Message> {
        self.queued.first()
    }

    /// The same, which no longer waits.
    pub(super) fn next(&mut self) -> Option<Message> {
        (!self.queued.is_empty()).then(|| self.queued.remove(0))
    }

    /// All of those for after the turn.
    pub(super) fn take_queued(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.queued)
    }

    /// All that was sent, and is not known to be heard.
    pub(super) fn take_sent(&mut self) -> impl Iterator<Item = Message> {
        std::mem::take(&mut self.sent).into_iter().map(|sent| sent.message)
    }

    /// Another thread will not hear what was sent to this one.
    pub(super) fn forget_sent(&mut self) {
        self.sent.clear();
    }

    /// Which of all stands before this place of those for after the turn, and can be taken back.
    pub(super) fn before(&self, place: usize) -> Option<usize> {
        match place {
            0 => self.sent.iter().rposition(|sent| !sent.is_wanted),
            place => Some(self.sent.len() + place - 1),
        }
    }

    /// The same, for the person to write on.
    pub(super) fn take_before(&mut self, place: usize) -> Option<Back> {
        let at = self.before(place)?;
        if let Some(message) = at.checked_sub(self.sent.len()).and_then(|at| self.take_at(at)) {
            return Some(Back::Here(message));
        }
        let sent = self.sent.get_mut(at)?;
        sent.is_wanted = true;
        Some(Back::There(sent.what))
    }

    /// All that was sent and not heard, for the person to write on: what to ask the thread for, once for each.
    pub(super) fn take_all_back(&mut self) -> Vec<Unheard> {
        let unwanted = self.sent.iter_mut().filter(|sent| !sent.is_wanted);
        let wanted = unwanted.map(|sent| {
            sent.is_wanted = true;
            sent.what
        });
        wanted.collect()
    }

    /// Takes what the thread says of them.
    pub(super) fn hear(&mut self, event: &Event) -> Option<Returned> {
        match event {
            Event::ItemCompleted { item } => {
                if let ItemDetails::UserMessage { text } = &item.details {
                    self.heard(text);
                }
            }
            // Lines of the person's own run in the order they were given.
            Event::ItemStarted { item, .. } if item.call_id.is_none() => {
                if matches!(item.details, ItemDetails::CommandExecution(_)) {
                    self.remove(|sent| sent.what == Unheard::Line);
                }
            }
            Event::WaitingReturned { what } => {
                // Of several the last comes back first.
                let is_meant = |sent: &Sent| sent.what == *what;
                let is_it = |sent: &Sent| is_meant(sent) && sent.is_wanted;
                let at = self.sent.iter().rposition(is_it);
                let at = at.or_else(|| self.sent.iter().rposition(is_meant))?;
                let Sent { message, is_wanted, .. } = self.sent.remove(at);
                return Some(Returned { message, is_wanted });
            }
            _ => {}
        }
        None
    }

    fn heard(&mut self, text: &str) {
        let is_message = |sent: &Sent| sent.what == Unheard::Message;
        // What is given on the command line, or pasted, may end in an empty line, and is heard with it.
        let is_it = |sent: &Sent| is_message(sent) && sent.message.text().trim() == text.trim();
        // A picture has another name where it was heard; messages are heard in order.
        if self.remove(is_it).is_none() && text.contains("[image]") {
            self.remove(is_message);
        }
    }

    fn remove(&mut self, is_it: impl Fn(&Sent) -> bool) -> Option<Sent> {
        let at = self.sent.iter().position(is_it)?;
        Some(self.sent.remove(at))
    }

    /// In the order in which they will be heard.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Message, State)> {
        let state = |sent: &Sent| match sent.what {
            _ if sent.is_wanted => State::Wanted,
            Unheard::Line => State::Line,
            Unheard::Message => State::Sent,
        };
        let sent = self.sent.iter().map(move |sent| (&sent.message, state(sent)));
        sent.chain(self.queued.iter().map(|message| (message, State::Queued)))
    }
}
