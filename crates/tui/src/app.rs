//! The screen's state: what it makes of keys and records. No input or output happens here, and no clock is read; what
//! is wanted of the outside is an [`Effect`], how it all looks is `app/draw.rs`.

mod draw;

use agent_protocol::{ItemDetails, Record};

use crate::composer::{Composer, ComposerOutcome, History, Message};
use crate::effect::{Effect, Input};
use crate::key::{KeyCode, KeyEvent};
use crate::overlay::{Approval, Overlay, Reply};
use crate::theme::Theme;
use crate::transcript::{Cell, Notice, Transcript};

pub use draw::Frame;

/// The whole screen.
#[derive(Debug)]
pub struct App {
    transcript: Transcript,
    composer: Composer,
    /// The top is the last.
    overlays: Vec<Box<dyn Overlay>>,
    /// The call that was asked about last.
    asked: Option<String>,
    theme: Theme,
    columns: u16,
    rows: u16,
    /// Cells that are in the scrollback.
    drawn: usize,
    /// Ctrl-C was pressed, and nothing since.
    may_leave: bool,
    now_ms: u64,
    turn_began_ms: u64,
    /// Sent while a turn runs, and not heard yet.
    waiting: Vec<String>,
}

const HELP: &str =
    "/compact shortens the conversation, /quit leaves; esc stops what runs, ctrl-c twice leaves";

impl App {
    pub fn new(theme: Theme, columns: u16, rows: u16) -> Self {
        let mut app = Self {
            transcript: Transcript::default(),
            composer: Composer::new(History::new([])),
            overlays: Vec::new(),
            asked: None,
            theme,
            columns: 0,
            rows: 0,
            drawn: 0,
            may_leave: false,
            now_ms: 0,
            turn_began_ms: 0,
            waiting: Vec::new(),
        };
        app.resize(columns, rows);
        app
    }

    /// Time passes on the screen.
    pub fn is_running(&self) -> bool {
        self.transcript.is_running
    }

    /// Takes what happened next.
    pub fn update(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Tick(ms) => self.now_ms = ms,
            Input::Resize { columns, rows } => self.resize(columns, rows),
            Input::Paste(text) => self.paste(&text),
            Input::Record(record) => self.hear(&record),
            Input::NotSent { message, reason } => self.take_back(&message, &reason),
            Input::Key(key) => return self.press(key),
        }
        vec![]
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns, rows);
        self.composer.resize(usize::from(columns.saturating_sub(2)));
    }

    fn paste(&mut self, text: &str) {
        match self.overlays.last_mut() {
            Some(overlay) => {
                if let Some(field) = overlay.field() {
                    field.paste(text);
                }
            }
            None => self.composer.paste(text),
        }
    }

    /// A message that could not be sent, for this reason: the person has it again.
    fn take_back(&mut self, message: &Message, reason: &str) {
        let text = message.text();
        self.waiting.retain(|waiting| waiting != text.trim());
        self.composer.put_back(message);
        self.transcript.cells.push(Cell::Notice(Notice::Failed(format!("Not sent: {reason}"))));
    }

    fn hear(&mut self, record: &Record) {
        let was_running = self.transcript.is_running;
        self.transcript.apply(&record.event);
        if !was_running && self.transcript.is_running {
            self.turn_began_ms = self.now_ms;
        }
        if let Some(Cell::Item(item)) = self.transcript.cells.last()
            && let ItemDetails::UserMessage { text } = &item.details
        {
            self.waiting.retain(|waiting| waiting != text);
        }
        self.overlays.retain(|overlay| !overlay.is_over(&self.transcript));
        self.ask();
    }

    /// Puts the first question that was not put yet.
    fn ask(&mut self) {
        let Some(question) = self.transcript.questions.first() else { return };
        if self.asked.as_ref() != Some(&question.call_id) {
            self.asked = Some(question.call_id.clone());
            let surprises = !self.composer.is_empty();
            self.overlays.push(Box::new(Approval::new(question.clone(), surprises)));
        }
    }

    fn press(&mut self, key: KeyEvent) -> Vec<Effect> {
        let may_leave = std::mem::take(&mut self.may_leave);
        if let Some(overlay) = self.overlays.last_mut() {
            let reply = overlay.press(key);
            return self.answer(reply);
        }
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Char('c'), true) if may_leave => vec![Effect::Leave],
            (KeyCode::Char('c'), true) => {
                self.may_leave = true;
                self.composer.clear();
                if self.is_running() { vec![Effect::Interrupt] } else { vec![] }
            }
            (KeyCode::Char('d'), true) if self.composer.is_empty() => vec![Effect::Leave],
            (KeyCode::Esc, _) if self.is_running() => vec![Effect::Interrupt],
            _ => match self.composer.handle(key) {
                ComposerOutcome::Send => self.send(),
                ComposerOutcome::Handled | ComposerOutcome::Ignored => vec![],
            },
        }
    }

    /// Does what the top of the stack asks for.
    fn answer(&mut self, reply: Reply) -> Vec<Effect> {
        match reply {
            Reply::Stay => vec![],
            Reply::Ask(effects) => effects,
            Reply::Done(effects) => {
                self.overlays.pop();
                effects
            }
        }
    }

    fn send(&mut self) -> Vec<Effect> {
        let message = self.composer.take();
        match message.text().trim() {
            "" => vec![],
            "/quit" | "/exit" => vec![Effect::Leave],
            "/compact" => vec![Effect::Compact],
            "/help" => {
                self.transcript.cells.push(Cell::Notice(Notice::Said(HELP.to_owned())));
                vec![]
            }
            text => {
                self.waiting.push(text.to_owned());
                vec![Effect::Send(message)]
            }
        }
    }
}

#[cfg(test)]
mod tests;
