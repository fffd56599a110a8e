//! The screen's state: what it makes of keys and records. No input or output happens here, and no clock is read; what
//! is wanted of the outside is an [`Effect`], how it all looks is `app/draw.rs`.

mod commands;
mod draw;
mod pages;

use agent_protocol::{ItemDetails, Record};

use crate::completion::Completion;
use crate::composer::{Composer, ComposerOutcome, History, Message, TokenKind};
use crate::effect::{Effect, Facts, Input, Page};
use crate::key::{KeyCode, KeyEvent, Modifiers};
use crate::overlay::{Approval, Overlay, Pager, Reply};
use crate::prompts::Prompt;
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
    /// What the word under the cursor may become.
    completion: Option<Completion>,
    /// The word for which nothing more is to be offered.
    dismissed: Option<TokenKind>,
    /// They were asked for.
    found_prompts: bool,
    prompts: Vec<Prompt>,
    facts: Facts,
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

impl App {
    pub fn new(theme: Theme, columns: u16, rows: u16) -> Self {
        let mut app = Self {
            transcript: Transcript::default(),
            composer: Composer::new(History::new([])),
            overlays: Vec::new(),
            asked: None,
            completion: None,
            dismissed: None,
            found_prompts: false,
            prompts: Vec::new(),
            facts: Facts::default(),
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

    /// Something was said in the thread.
    pub fn has_turns(&self) -> bool {
        self.transcript.turns > 0
    }

    /// Another thread comes. What is in the scrollback stays there.
    pub fn clear(&mut self) {
        self.transcript = Transcript::default();
        self.drawn = 0;
        self.asked = None;
        self.waiting.clear();
        self.overlays.clear();
    }

    /// Takes what happened next.
    pub fn update(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Tick(ms) => self.now_ms = ms,
            Input::Resize { columns, rows } => self.resize(columns, rows),
            Input::Paste(text) => self.paste(&text),
            Input::Record(record) => self.hear(&record),
            Input::NotSent { message, reason } => self.take_back(&message, &reason),
            Input::Notice(notice) => self.transcript.cells.push(Cell::Notice(notice)),
            Input::Page { title, page } => {
                self.overlays.push(Box::new(Pager::page(&title, page)));
            }
            Input::Facts(facts) => self.facts = facts,
            Input::Prompts(prompts) => {
                (self.prompts, self.found_prompts) = (prompts, true);
                return self.offer();
            }
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
        if let Some(effects) = self.complete(key) {
            return effects;
        }
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Char('c'), true) if may_leave => return vec![Effect::Leave],
            (KeyCode::Char('c'), true) => {
                self.may_leave = true;
                self.composer.clear();
                self.completion = None;
                return if self.is_running() { vec![Effect::Interrupt] } else { vec![] };
            }
            (KeyCode::Char('d'), true) if self.composer.is_empty() => return vec![Effect::Leave],
            (KeyCode::Char('t'), true) => self.overlays.push(Box::new(Pager::transcript())),
            (KeyCode::Char('o'), true) => self.open_output(),
            (KeyCode::Esc, _) if self.is_running() => return vec![Effect::Interrupt],
            _ => {
                if self.composer.handle(key) == ComposerOutcome::Send {
                    return self.send();
                }
                return self.offer();
            }
        }
        vec![]
    }

    /// What a key does to the list above the composer; none when it is not meant for it.
    fn complete(&mut self, key: KeyEvent) -> Option<Vec<Effect>> {
        let completion = self.completion.as_mut()?;
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Up, _) | (KeyCode::Char('p'), true) => completion.up(),
            (KeyCode::Down, _) | (KeyCode::Char('n'), true) => completion.down(),
            (KeyCode::Esc, _) => {
                self.dismissed = Some(completion.kind);
                self.completion = None;
            }
            (KeyCode::Tab, _) => self.take_completion(),
            (KeyCode::Enter, _) if key.modifiers == Modifiers::default() => {
                let is_command = completion.kind == TokenKind::Command;
                // A lone slash means none of them yet.
                if is_command && self.composer.text() == "/" && completion.is_untouched() {
                    return Some(vec![]);
                }
                self.take_completion();
                return Some(if is_command { self.send() } else { vec![] });
            }
            _ => return None,
        }
        Some(vec![])
    }

    fn take_completion(&mut self) {
        if let Some(completion) = self.completion.take() {
            self.composer.complete(completion.taken());
        }
    }

    /// Offers what the word under the cursor may become.
    fn offer(&mut self) -> Vec<Effect> {
        let token = self.composer.token().filter(|_| self.composer.search().is_none());
        let Some(token) = token else {
            (self.completion, self.dismissed) = (None, None);
            return vec![];
        };
        if self.dismissed == Some(token.kind) {
            return vec![];
        }
        match token.kind {
            TokenKind::Command => {
                self.completion = Completion::commands(&token.query, &self.prompts);
                if !std::mem::replace(&mut self.found_prompts, true) {
                    return vec![Effect::FindPrompts];
                }
            }
            TokenKind::File => self.completion = None,
        }
        vec![]
    }

    /// All that the last command printed.
    fn open_output(&mut self) {
        let command = self.transcript.cells.iter().rev().find_map(|cell| match cell {
            Cell::Item(item) => match &item.details {
                ItemDetails::CommandExecution(command) => Some((command, &item.id)),
                _ => None,
            },
            Cell::Notice(_) => None,
        });
        let Some((command, id)) = command else { return };
        let output = match command.aggregated_output.as_str() {
            "" => self.transcript.tail_of(id),
            output => output,
        };
        let pager = Pager::page(&command.command, Page::Plain(output.to_owned()));
        self.overlays.push(Box::new(pager));
    }

    /// Does what the top of the stack asks for.
    fn answer(&mut self, reply: Reply) -> Vec<Effect> {
        match reply {
            Reply::Stay => vec![],
            Reply::Ask(effects) => effects,
            Reply::Run(verb, argument) => {
                self.overlays.pop();
                self.run(verb, &argument)
            }
            Reply::Done(effects) => {
                self.overlays.pop();
                effects
            }
        }
    }

    fn send(&mut self) -> Vec<Effect> {
        self.completion = None;
        let message = self.composer.take();
        if message.text().trim().is_empty() {
            return vec![];
        }
        match self.command(&message) {
            Some(effects) => effects,
            None => self.say(message),
        }
    }

    /// Sends a message, which is shown as waiting until it is heard.
    fn say(&mut self, message: Message) -> Vec<Effect> {
        self.waiting.push(message.text().trim().to_owned());
        vec![Effect::Send(message)]
    }
<<<<<<< HEAD
}

#[cfg(test)]
mod tests;
=======

    fn tail(&self, cell: &Cell) -> &str {
        match cell {
            Cell::Item(item) => self.transcript.tail_of(&item.id),
            Cell::Notice(_) => "",
        }
    }

    /// What is under way: what the model says, the plan, what waits, a question.
    fn live(&self) -> Vec<Line<'static>> {
        let columns = usize::from(self.columns);
        let said =
            self.transcript.previews.iter().filter(|preview| preview.field == DeltaField::Text);
        let mut lines: Vec<_> =
            said.flat_map(|preview| cell::message(&preview.text, columns, &self.theme)).collect();
        lines.extend(cell::plan(&self.transcript.plan, columns, &self.theme));
        for waiting in &self.waiting {
            let line =
                Line::styled(format!("{} {waiting}", self.theme.glyphs.quote), self.theme.dim);
            lines.extend(wrap::wrap(&line, columns));
        }
        if let Some(question) = self.transcript.questions.first() {
            for text in asked(question) {
                lines.extend(wrap::wrap(&Line::styled(text, self.theme.accent), columns));
            }
        }
        lines
    }

    fn status(&self) -> String {
        if self.may_leave {
            return "ctrl-c again leaves".to_owned();
        }
        let thread = self.transcript.thread.as_ref();
        let facts = thread.map(|thread| {
            format!("{} · {} · {}", thread.model, thread.sandbox, thread.cwd.display())
        });
        let facts = facts.unwrap_or_default();
        match (&self.transcript.retry, self.is_running()) {
            (Some(retry), _) => retry.clone(),
            (None, true) => {
                let took = view::duration(self.now_ms.saturating_sub(self.turn_began_ms));
                format!("working, {took} · esc stops · {facts}")
            }
            (None, false) => {
                format!("{facts} · {} tokens in the window", self.transcript.window_tokens)
            }
        }
    }
}

/// What a question says, byte for byte, and how it is answered.
fn asked(question: &Question) -> Vec<String> {
    let what = match &question.action {
        Action::Run { command, cwd, escalated, .. } => {
            let where_to = if *escalated { "outside the sandbox" } else { "in the sandbox" };
            format!("Run {where_to}, in {}:\n{}", cwd.display(), exact(command))
        }
        Action::Edit { paths, .. } => {
            let paths =
                paths.iter().map(|path| format!("\n{}", exact(&path.display().to_string())));
            format!("Change these files:{}", paths.collect::<String>())
        }
        Action::Read { path } => format!("Read {}", path.display()),
        Action::Attend { session_id, input, .. } => {
            format!("Type into the command {session_id}:\n{}", exact(input))
        }
        Action::Note => "Take a note".to_owned(),
    };
    let lifts = question.lifts.iter().map(|lifts| format!("\n{}", exact(lifts)));
    let text = format!(
        "{what}\n{}{}\ny once · a for this thread · n no",
        exact(&question.reason),
        lifts.collect::<String>()
    );
    text.lines().map(str::to_owned).collect()
}

fn answer(question: &Question, key: KeyEvent) -> Vec<Effect> {
    let decision = match (key.code, key.modifiers.ctrl) {
        (KeyCode::Char('y'), false) => Decision::Once,
        (KeyCode::Char('a'), false) => Decision::Thread,
        (KeyCode::Char('n'), false) | (KeyCode::Esc, _) => Decision::Deny { message: None },
        (KeyCode::Char('c'), true) => return vec![Effect::Interrupt],
        _ => return vec![],
    };
    vec![Effect::Decide { call_id: question.call_id.clone(), decision }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::keys;
    use agent_protocol::{Event, ItemDetails, ThreadItem};

    fn app() -> App {
        App::new(Theme::colourless(), 40, 12)
    }

    fn type_in(app: &mut App, text: &str) -> Vec<Effect> {
        keys(text).unwrap().into_iter().flat_map(|key| app.update(Input::Key(key))).collect()
    }

    fn happened(app: &mut App, event: Event) {
        let record = Record { seq: None, at: String::new(), event, wire: vec![] };
        assert!(app.update(Input::Record(Box::new(record))).is_empty());
    }

    fn shown(app: &mut App) -> (Vec<String>, Vec<String>) {
        let Frame { finished, region, .. } = app.draw();
        let rows = (0..region.area.height).map(|y| {
            let row: String = (0..region.area.width).map(|x| region[(x, y)].symbol()).collect();
            row.trim_end().to_owned()
        });
        (finished.iter().map(ToString::to_string).collect(), rows.collect())
    }

    fn said(text: &str) -> Event {
        let details = ItemDetails::AgentMessage { text: text.into(), phase: None, partial: false };
        let item =
            ThreadItem { id: "i".into(), details, call_id: None, step: None, duration_ms: None };
        Event::ItemCompleted { item }
    }

    #[test]
    fn a_message_is_sent_waits_in_sight_and_its_answer_is_finished_once() {
        let mut app = app();
        let effects = type_in(&mut app, "mend it<enter>");
        assert!(matches!(&effects[..], [Effect::Send(message)] if message.text() == "mend it"));
        assert!(shown(&mut app).1[0].ends_with("mend it"));
        happened(&mut app, Event::TurnStarted {});
        happened(&mut app, said("Mended."));
        assert!(shown(&mut app).0.contains(&"Mended.".to_owned()));
        assert!(shown(&mut app).0.is_empty(), "nothing is handed out twice");
    }

    #[test]
    fn esc_stops_what_runs_and_ctrl_c_twice_leaves() {
        let mut app = app();
        assert!(type_in(&mut app, "<esc>").is_empty());
        happened(&mut app, Event::TurnStarted {});
        assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
        assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Interrupt]);
        assert!(shown(&mut app).1.last().unwrap().contains("ctrl-c again leaves"));
        assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Leave]);
    }

    #[test]
    fn a_question_shows_every_byte_and_takes_nothing_but_an_answer() {
        let mut app = app();
        let action = Action::Run {
            command: "make\u{202e} x".into(),
            cwd: "/w".into(),
            escalated: true,
            justification: None,
            terminal: false,
        };
        happened(
            &mut app,
            Event::ApprovalRequested {
                call_id: "c".to_owned(),
                action,
                reason: "It needs the network.".to_owned(),
                rule: None,
                lifts: Some("It could write everywhere.".to_owned()),
                prefix: None,
            },
        );
        let region = shown(&mut app).1.join("\n");
        for shown in ["make<U+202E> x", "outside", "needs the network", "write everywhere"] {
            assert!(region.contains(shown), "{region}");
        }
        assert!(type_in(&mut app, "x<enter>").is_empty());
        let once = Effect::Decide { call_id: "c".into(), decision: Decision::Once };
        assert_eq!(type_in(&mut app, "y"), [once]);
    }

    #[test]
    fn a_message_that_cannot_be_sent_comes_back_with_the_reason() {
        let mut app = app();
        let effects = type_in(&mut app, "look<enter>");
        let [Effect::Send(message)] = &effects[..] else { panic!("{effects:?}") };
        app.take_back(message, "no such picture");
        let (finished, region) = shown(&mut app);
        assert!(finished.contains(&"! Not sent: no such picture".to_owned()), "{finished:?}");
        assert_eq!(region[0], "› look");
    }

    #[test]
    fn commands_of_the_screen_are_not_sent() {
        let mut app = app();
        assert_eq!(type_in(&mut app, "/compact<enter>"), [Effect::Compact]);
        assert_eq!(type_in(&mut app, "/quit<enter>"), [Effect::Leave]);
        assert!(type_in(&mut app, "/help<enter>").is_empty());
    }
}
>>>>>>> 01894f1 (Say in the log which rule made each decision, and ask for what is typed outside the sandbox)
