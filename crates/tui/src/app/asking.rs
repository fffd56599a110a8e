//! When a question is put, and which keys are meant for it: one that comes up takes nothing of what is being typed. How
//! it looks and what answers it is `overlay/approval.rs`.

use agent_protocol::ThreadItem;

use super::App;
use crate::effect::Effect;
use crate::key::{KeyCode, KeyEvent};
use crate::overlay::{Approval, Pager, Trust};
use crate::transcript::Question;

/// Before this nobody has seen what is asked.
const SEEN_MS: u64 = 600;

/// Keys that follow each other faster are typing.
const TYPING_MS: u64 = 400;

/// Since when a question can be seen, and what was typed last.
#[derive(Debug, Default)]
pub(super) struct Attentive {
    /// When the question was drawn that was put last; none before that.
    shown_ms: Option<u64>,
    /// The last key or paste.
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    at_ms: u64,
    /// It was meant for a question.
    to_question: bool,
}

/// Whom a key is meant for while a question is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    Question,
    /// Whatever is below the question.
    Writing,
    /// An answer that came too soon after another key for the question.
    Nobody,
}

impl Attentive {
    /// Something was typed or pasted that no question gets.
    pub(super) fn wrote(&mut self, now_ms: u64) {
        self.last = Some(Last { at_ms: now_ms, to_question: false });
    }

    /// Something else lay over it, or it was not there: it is to be seen anew.
    pub(super) fn was_covered(&mut self) {
        self.shown_ms = None;
    }

    /// What came up was seen, and nothing was typed since that belongs to something else.
    fn is_quiet(&self, now_ms: u64) -> bool {
        let since = self.last.as_ref().map(|last| now_ms.saturating_sub(last.at_ms));
        let shown = self.shown_ms.map(|shown| now_ms.saturating_sub(shown));
        let was_seen = shown.is_some_and(|since| since >= SEEN_MS);
        let is_typing = since.is_some_and(|since| since < TYPING_MS);
        was_seen && !is_typing
    }

    fn meant(&self, key: KeyEvent, now_ms: u64) -> Meant {
        let is_text = matches!(key.code, KeyCode::Char(_)) && writes(key);
        if !is_text || self.is_quiet(now_ms) {
            return Meant::Question;
        }
        match key.code {
            // It only scrolls.
            KeyCode::Char(' ') if self.reads(now_ms) => Meant::Question,
            _ if self.reads(now_ms) => Meant::Nobody,
            _ => Meant::Writing,
        }
    }

    /// The person has just pressed a key for a question.
    fn reads(&self, now_ms: u64) -> bool {
        let follows = |last: &Last| now_ms.saturating_sub(last.at_ms) < SEEN_MS;
        self.last.as_ref().is_some_and(|last| last.to_question && follows(last))
    }
}

/// It would change or send what is written.
fn writes(key: KeyEvent) -> bool {
    let is_chord = key.modifiers.ctrl || key.modifiers.alt;
    matches!(key.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Backspace) && !is_chord
}

impl App {
    /// Several keys came at once, and may have been typed long before, while nothing could be drawn.
    pub fn typed_at_once(&mut self) {
        if !self.attentive.reads(self.now_ms) {
            self.attentive.wrote(self.now_ms);
        }
    }

    /// The terminal shows what was drawn last: nothing was seen before that.
    pub fn was_drawn(&mut self) {
        if self.is_asking() || self.is_unbidden() {
            self.attentive.shown_ms.get_or_insert(self.now_ms);
        }
    }

    /// The whole conversation, over the question, which is there again after it.
    pub(super) fn look_up(&mut self) {
        self.attentive.was_covered();
        self.overlays.push(Box::new(Pager::transcript()));
    }

    /// A question waits to be put.
    pub(super) fn has_unasked(&self) -> bool {
        self.unasked().is_some() || self.waits_for_trust()
    }

    /// Whether the directory is trusted is to be asked, and is not at the moment.
    pub(super) fn waits_for_trust(&self) -> bool {
        !self.for_trust.is_empty() && !self.overlays.iter().any(|over| over.asks())
    }

    /// The question about a call that was not put yet.
    fn unasked(&self) -> Option<&Question> {
        let question = self.transcript.questions.first()?;
        (self.asked.as_ref() != Some(&question.call_id)).then_some(question)
    }

    /// Puts it, unless the person is writing: what one was about to type must not be taken for an answer.
    pub(super) fn ask(&mut self) {
        if self.writes_nothing() {
            self.ask_now();
        }
    }

    pub(super) fn ask_now(&mut self) {
        if let Some(question) = self.unasked().cloned() {
            self.asked = Some(question.call_id.clone());
            self.attentive.was_covered();
            let begun = self.put_off.take().filter(|begun| !begun.is_over(&self.transcript));
            self.overlays.push(begun.unwrap_or_else(|| Box::new(Approval::new(question))));
        } else if let Some(question) =
            self.facts.asks_trust.as_ref().filter(|_| self.waits_for_trust())
        {
            self.overlays.push(Box::new(Trust::new(question)));
            self.attentive.was_covered();
        }
    }

    /// A list or a page that came up by itself gets nothing that is written before it was seen, and all after the first.
    pub(super) fn meet_unbidden(&mut self, is_written: bool) {
        if !self.is_unbidden() {
            return;
        }
        if self.attentive.is_quiet(self.now_ms) {
            self.way.see();
        } else if is_written {
            self.put_off_unbidden();
        }
    }

    /// A key goes to whom it is meant for.
    pub(super) fn press(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.meet_unbidden(writes(key));
        let was_covered = self.is_covered();
        let asks = self.is_asking();
        let asked = self.asked.clone().filter(|_| self.is_asked());
        let is_taken = self.overlays.last().is_some_and(|top| top.takes(key)) || !writes(key);
        let meant = match asks && is_taken {
            true => self.attentive.meant(key, self.now_ms),
            false => Meant::Writing,
        };
        let to_question = asks && meant != Meant::Writing;
        self.attentive.last = Some(Last { at_ms: self.now_ms, to_question });
        match meant {
            Meant::Nobody => return vec![],
            Meant::Writing => self.put_off(),
            Meant::Question => {}
        }
        let mut effects = self.take_key(key);
        if !asks && self.is_asking() {
            self.attentive.was_covered();
        }
        if was_covered && !self.is_covered() {
            match effects.is_empty() {
                true => self.go_on_unchosen(),
                false => self.way.see(),
            }
        }
        if !asks && asked.is_some() && self.asked == asked && self.is_asking() {
            // Back from what was begun of an answer, or from the conversation: what comes now is no writing.
            self.attentive.last = Some(Last { at_ms: self.now_ms, to_question: true });
        }
        self.go_on_when_answered(&mut effects);
        self.ask();
        effects
    }

    /// Several calls are asked about, and this is the one that is shown.
    pub(super) fn is_asked_first(&self, item: &ThreadItem) -> bool {
        let questions = &self.transcript.questions;
        let is_first = |first: &Question| Some(&first.call_id) == item.call_id.as_ref();
        questions.len() > 1 && self.is_asked() && questions.first().is_some_and(is_first)
    }

    /// The question about a call is open, be it below what is read.
    fn is_asked(&self) -> bool {
        self.overlays.iter().any(|over| over.is_of_turn())
    }

    /// The top of the stack is a question that keys would answer.
    pub(super) fn is_asking(&self) -> bool {
        self.overlays.last().is_some_and(|top| top.asks())
    }

    /// The question waits: the person is writing.
    pub(super) fn put_off(&mut self) {
        if let Some(question) = self.overlays.pop_if(|top| top.asks())
            && question.is_of_turn()
        {
            self.put_off = Some(question);
            self.asked = None;
        }
    }
}
