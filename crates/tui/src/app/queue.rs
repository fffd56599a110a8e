//! What waits for the end of the turn, and what becomes of it: done, or given back when the turn is stopped.

use agent_protocol::Event;

use super::App;
use super::outbox::Back;
use crate::composer::Message;
use crate::effect::{Effect, Input};

/// How far what waits for the end of a turn has come, once it is over.
#[derive(Debug, Default)]
pub(super) enum Way {
    /// Nothing holds it up but what runs.
    #[default]
    Free,
    /// Until what is asked is answered, and nothing is written.
    Held,
    /// The same, and what is open, or is being found, came up by itself for this. Before it was seen no key was meant for it.
    Opening { message: Message, is_seen: bool },
}

impl Way {
    /// What came up has been seen.
    pub(super) fn see(&mut self) {
        if let Self::Opening { is_seen, .. } = self {
            *is_seen = true;
        }
    }

    fn is_unseen(&self) -> bool {
        matches!(self, Self::Opening { is_seen: false, .. })
    }

    /// What came up goes, or did not come: for what it was to come. The rest is held as by anything else.
    fn take_opening(&mut self) -> Option<Message> {
        let Self::Opening { message, .. } = self else { return None };
        let message = std::mem::take(message);
        *self = Self::Held;
        Some(message)
    }
}

/// What was taken back of what waits: one goes on from it as long as nothing is done in it.
#[derive(Debug)]
pub(super) enum TakenBack {
    /// For after the turn, where this was its place.
    Queued(usize, Message),
    /// It was on its way to the model, and stands as one text with what was sent after it.
    Sent { parts: Vec<Message>, whole: Message },
}

impl TakenBack {
    fn parts(&self) -> &[Message] {
        match self {
            Self::Queued(_, message) => std::slice::from_ref(message),
            Self::Sent { parts, .. } => parts,
        }
    }
}

impl App {
    /// After a turn, or what else went on, comes what was written for then. A turn that did not end well gives it back
    /// instead.
    pub(super) fn go_on_with_queue(&mut self, event: &Event, was_running: bool) -> Vec<Effect> {
        match event {
            Event::TurnFailed(_) => {
                self.write_on_queued();
                vec![]
            }
            Event::TurnCompleted(_) => self.carry_out_queue(),
            _ if was_running && !self.is_running() => self.carry_out_queue(),
            _ => vec![],
        }
    }

    /// Up to what begins a turn, whose end goes on with the rest, ends the thread, or asks something. Nothing opens while
    /// the person writes or reads: it would get the keys of that.
    pub(super) fn carry_out_queue(&mut self) -> Vec<Effect> {
        (self.way, self.taken_back) = (Way::Free, None);
        let mut effects = Vec::new();
        while let Some(first) = self.outbox.first().filter(|first| !self.must_wait(first)) {
            if self.may_open(first) && !self.writes_nothing() {
                self.way = Way::Held;
                break;
            }
            let Some(message) = self.outbox.next() else { break };
            let overlays = self.overlays.len();
            let more = self.carry_out(message.clone());
            let is_last = more.iter().any(ends_idleness);
            let opens = self.overlays.len() > overlays || more.iter().any(opens_something);
            effects.extend(more);
            if is_last {
                break;
            }
            if opens && !self.is_asking() {
                self.way = Way::Opening { message, is_seen: false };
                self.attentive.was_covered();
                break;
            }
            if opens || self.waits_for_trust() {
                self.way = Way::Held;
                break;
            }
        }
        effects
    }

    /// What was asked on the way through the queue is answered, or nothing is written any more: the rest comes after that.
    pub(super) fn go_on_when_answered(&mut self, effects: &mut Vec<Effect>) {
        let is_held = match self.way {
            Way::Free => false,
            Way::Held => true,
            Way::Opening { is_seen, .. } => is_seen,
        };
        if is_held && !self.waits_for_trust() && self.overlays.is_empty() {
            self.way = Way::Free;
            let begins =
                |effect: &Effect| ends_idleness(effect) || matches!(effect, Effect::Run(_));
            let may_go_on = !self.is_running() && !effects.iter().any(begins);
            effects.extend(if may_go_on { self.carry_out_queue() } else { vec![] });
        }
    }

    /// What was to be found for what waited may not be there: then the rest goes on.
    pub(super) fn go_on_without(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.overlays.is_empty()
            && let Some(message) = self.way.take_opening()
            && !self.comes_back_with(&message)
        {
            self.go_on_when_answered(&mut effects);
        }
        effects
    }

    /// What came up for what waited was closed, and nothing chosen.
    pub(super) fn go_on_unchosen(&mut self) {
        if let Some(message) = self.way.take_opening() {
            self.comes_back_with(&message);
        }
    }

    /// Whether this was to lead to another thread, or to another place in this one, which it did not: then what stands behind
    /// it was meant for there, and comes back.
    fn comes_back_with(&mut self, message: &Message) -> bool {
        let leads_elsewhere = self.leads_elsewhere(message);
        if leads_elsewhere {
            self.stay_here();
        }
        leads_elsewhere
    }

    /// No other thread was opened.
    pub(super) fn stay_here(&mut self) {
        self.way = Way::Free;
        self.write_on_queued();
    }

    /// What is open came up by itself, and no key was meant for it yet.
    pub(super) fn is_unbidden(&self) -> bool {
        self.way.is_unseen() && !self.overlays.is_empty()
    }

    /// What came up waits again: the person is writing.
    pub(super) fn put_off_unbidden(&mut self) {
        if self.way.is_unseen()
            && let Some(message) = self.way.take_opening()
        {
            self.overlays.pop();
            self.held = None;
            self.outbox.queue_at(0, message);
        }
    }

    /// What was found for what waited comes when the person writes: it waits again.
    pub(super) fn comes_too_early(&mut self, input: &Input) -> bool {
        let opens =
            matches!(input, Input::Page { .. } | Input::Threads { .. } | Input::Permissions { .. });
        let is_early = opens && self.is_writing() && self.way.is_unseen();
        let message = if is_early { self.way.take_opening() } else { None };
        message.into_iter().for_each(|message| self.outbox.queue_at(0, message));
        is_early
    }

    /// The rest waits, and nothing runs.
    pub(super) fn waits_at_rest(&self) -> bool {
        !matches!(self.way, Way::Free) && !self.is_running()
    }

    /// Stops what runs. What waits to be heard, or for the end of the turn, comes back to be written anew.
    pub(super) fn interrupt(&mut self) -> Vec<Effect> {
        self.write_on_queued();
        let wanted = self.outbox.take_all_back().into_iter().map(Effect::TakeBack);
        wanted.chain([Effect::Interrupt]).collect()
    }

    /// Where one is in the queue: before what was taken back of it, if nothing was done in that, else at its end.
    fn place_in_queue(&self) -> Option<usize> {
        let is_free = self.is_running() && self.overlays.is_empty();
        match &self.taken_back {
            _ if !is_free => None,
            Some(TakenBack::Queued(place, message)) if self.composer.holds(message) => Some(*place),
            Some(TakenBack::Sent { whole, .. }) if self.composer.holds(whole) => Some(0),
            _ => (!self.is_writing()).then(|| self.outbox.queued().len()),
        }
    }

    /// What was on its way to the model is written, and nothing was done in it.
    fn holds_what_was_sent(&self) -> bool {
        matches!(&self.taken_back, Some(TakenBack::Sent { whole, .. }) if self.composer.holds(whole))
    }

    /// What comes back from the thread is before what came back from it just before.
    pub(super) fn take_up(&mut self, message: &Message) {
        let mut parts = vec![message.clone()];
        let joins = match self.taken_back.take() {
            Some(TakenBack::Sent { parts: after, whole }) if self.composer.holds(&whole) => {
                parts.extend(after);
                true
            }
            _ => self.composer.is_empty(),
        };
        let was_written = self.composer.written();
        self.give_back(message);
        let whole = self.composer.written();
        if joins && whole != was_written {
            self.taken_back = Some(TakenBack::Sent { parts, whole });
        }
    }

    /// What was on its way and came back is sent again as it was; none when something else is written.
    pub(super) fn send_on(&mut self) -> Option<Vec<Effect>> {
        if !self.holds_what_was_sent() || self.place_in_queue().is_none() {
            return None;
        }
        self.taken_back = None;
        let whole = self.composer.written();
        self.composer.put_away();
        Some(self.carry_out(whole))
    }

    /// Going back finds nothing that still waits. What was sent while nothing ran is heard at once, and cannot be taken back.
    pub(super) fn pass_over_waiting(&mut self) {
        let outbox = &self.outbox;
        let mut waiting =
            if self.is_running() { outbox.written() } else { outbox.queued().to_vec() };
        // It is being written on.
        waiting.extend(self.taken_back.iter().flat_map(TakenBack::parts).cloned());
        self.composer.pass_over(waiting);
    }

    /// Which of all that waits is taken back next.
    pub(super) fn next_back(&self) -> Option<usize> {
        let at = self.outbox.before(self.place_in_queue()?)?;
        // A line of the shell is no part of a message.
        let joins = || {
            let texts = [self.composer.text(), self.outbox.written().get(at)?.text()];
            Some(!texts.iter().any(|text| is_of_its_own(text)))
        };
        (!self.holds_what_was_sent() || joins() == Some(true)).then_some(at)
    }

    /// What was taken back and left as it was is in its place again, which this is.
    pub(super) fn put_in_place(&mut self) -> Option<usize> {
        let place = self.place_in_queue().filter(|_| !self.composer.is_empty())?;
        let Some(TakenBack::Queued(_, message)) = &self.taken_back else { return None };
        self.outbox.queue_at(place, message.clone());
        self.taken_back = None;
        self.composer.put_away();
        Some(place)
    }

    /// Takes back what waits last, or before what was taken back; none when there is nothing.
    pub(super) fn take_back_earlier(&mut self) -> Option<Vec<Effect>> {
        let place = self.place_in_queue()?;
        if self.holds_what_was_sent() {
            self.next_back()?;
        }
        self.put_in_place();
        match self.outbox.take_before(place)? {
            Back::Here(message) => {
                self.take_from(place - 1, message);
                Some(vec![])
            }
            Back::There(what) => Some(vec![Effect::TakeBack(what)]),
        }
    }

    /// The other way, from what was taken back; none when nothing was.
    pub(super) fn take_back_later(&mut self) -> Option<Vec<Effect>> {
        let (place, effects) = match self.send_on() {
            Some(effects) => (0, effects),
            None => (self.put_in_place()? + 1, vec![]),
        };
        if let Some(message) = self.outbox.take_at(place) {
            self.take_from(place, message);
        }
        Some(effects)
    }

    fn take_from(&mut self, place: usize, message: Message) {
        self.give_back(&message);
        self.taken_back = Some(TakenBack::Queued(place, message));
    }

    pub(super) fn write_on_queued(&mut self) {
        self.taken_back = None;
        for message in self.outbox.take_queued().into_iter().rev() {
            self.give_back(&message);
        }
    }

    /// The person writes on this. A line or a command never takes in what else is written, nor is taken in by it: going
    /// back finds what comes second.
    pub(super) fn give_back(&mut self, message: &Message) {
        self.composer.leave_search();
        let text = message.text();
        let written = self.composer.text();
        if written.is_empty() || ![&text, &written].iter().any(|text| is_of_its_own(text)) {
            return self.composer.put_back(message);
        }
        self.put_by(message.clone());
    }

    /// There is no place to write on it: it is named, and found by going back.
    pub(super) fn put_by(&mut self, message: Message) {
        let text = message.text();
        let first = text.lines().next().unwrap_or_default();
        self.said_at_rest.push(format!("“{first}” was not done; going back (Up) finds it."));
        self.say_at_rest();
        self.composer.recall_later(message.clone());
        self.put_by.push(message);
    }

    /// What is said when nothing runs: it would stand in the middle of an answer that is being stopped.
    pub(super) fn say_at_rest(&mut self) {
        if !self.is_running() {
            std::mem::take(&mut self.said_at_rest).into_iter().for_each(|text| self.note(text));
        }
    }
}

/// It is for the shell, or for us: not a message.
fn is_of_its_own(text: &str) -> bool {
    text.trim_start().starts_with(['!', '/'])
}

/// A turn begins, or the thread ends.
fn ends_idleness(effect: &Effect) -> bool {
    matches!(effect, Effect::Send(_) | Effect::Review(_) | Effect::Open(_) | Effect::Leave)
}

/// It shows something, as soon as that was found.
fn opens_something(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::FindThreads(_)
            | Effect::ShowPermissions
            | Effect::ShowDiff { .. }
            | Effect::ShowTrace
            | Effect::ShowOutput { .. }
    )
}
