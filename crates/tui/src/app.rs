//! The screen's state: what it makes of keys and records, and what is then to be drawn. No input or output happens
//! here, and no clock is read; what is wanted of the outside is an [`Effect`].

use agent_protocol::{Action, Decision, DeltaField, Record};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::text::Line;

use crate::composer::{Composer, ComposerOutcome, History, Message};
use crate::filter::exact;
use crate::key::{KeyCode, KeyEvent};
use crate::theme::Theme;
use crate::transcript::{Cell, Notice, Question, Transcript};
use crate::{cell, view, wrap};

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
}

/// What is to be done about it.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Send(Message),
    Interrupt,
    Decide { call_id: String, decision: Decision },
    Compact,
    Leave,
}

/// What is to be drawn: lines that never change again, and the region below them.
#[derive(Debug)]
pub struct Frame {
    pub finished: Vec<Line<'static>>,
    pub region: Buffer,
    pub cursor: Position,
}

/// The whole screen.
#[derive(Debug)]
pub struct App {
    transcript: Transcript,
    composer: Composer,
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
        let mut composer = Composer::new(History::new([]));
        composer.resize(usize::from(columns.saturating_sub(2)));
        Self {
            transcript: Transcript::default(),
            composer,
            theme,
            columns,
            rows,
            drawn: 0,
            may_leave: false,
            now_ms: 0,
            turn_began_ms: 0,
            waiting: Vec::new(),
        }
    }

    /// Time passes on the screen.
    pub fn is_running(&self) -> bool {
        self.transcript.is_running
    }

    /// Takes what happened next.
    pub fn update(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Tick(ms) => self.now_ms = ms,
            Input::Resize { columns, rows } => {
                (self.columns, self.rows) = (columns, rows);
                self.composer.resize(usize::from(columns.saturating_sub(2)));
            }
            Input::Paste(text) => self.composer.paste(&text),
            Input::Record(record) => self.hear(&record),
            Input::Key(key) => return self.press(key),
        }
        vec![]
    }

    /// A message that could not be sent, for this reason: the person has it again.
    pub fn take_back(&mut self, message: &Message, reason: &str) {
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
            && let agent_protocol::ItemDetails::UserMessage { text } = &item.details
        {
            self.waiting.retain(|waiting| waiting != text);
        }
    }

    fn press(&mut self, key: KeyEvent) -> Vec<Effect> {
        let may_leave = std::mem::take(&mut self.may_leave);
        if let Some(question) = self.transcript.questions.first() {
            return answer(question, key);
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

    /// What is to be drawn now. Finished lines are handed out once.
    pub fn draw(&mut self) -> Frame {
        let columns = usize::from(self.columns);
        let finished = self.transcript.finished().max(self.drawn);
        let cells = &self.transcript.cells;
        let lines = |cell: &Cell| cell::lines(cell, self.tail(cell), columns, &self.theme);
        let done = cells[self.drawn..finished].iter().flat_map(lines).collect();
        let mut live: Vec<_> = cells[finished..].iter().flat_map(lines).collect();
        live.extend(self.live());
        self.drawn = finished;
        let height =
            u16::try_from(self.composer.height()).unwrap_or(u16::MAX).clamp(1, self.rows / 2);
        let room = usize::from(self.rows.saturating_sub(height + 2));
        let hidden = live.len().saturating_sub(room);
        live.drain(..hidden);
        let above = u16::try_from(live.len()).unwrap_or(0);
        let mut region = Buffer::empty(Rect::new(0, 0, self.columns, above + 1 + height));
        for (y, line) in live.iter().enumerate() {
            region.set_line(0, u16::try_from(y).unwrap_or(0), line, self.columns);
        }
        region.set_string(0, above, "›", self.theme.accent);
        let area = Rect::new(2, above, self.columns.saturating_sub(2), height);
        let cursor = self.composer.render(area, &mut region, &self.theme);
        region.set_stringn(0, above + height, self.status(), columns, self.theme.dim);
        Frame { finished: done, region, cursor }
    }

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
        Action::Edit { paths } => {
            let paths =
                paths.iter().map(|path| format!("\n{}", exact(&path.display().to_string())));
            format!("Change these files:{}", paths.collect::<String>())
        }
        Action::Read { path } => format!("Read {}", path.display()),
        Action::Attend { session_id } => format!("Talk to the command {session_id}"),
        Action::Note => "Take a note".to_owned(),
    };
    let text = format!("{what}\n{}\ny once · a for this thread · n no", exact(&question.reason));
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
        };
        let (call_id, reason) = ("c".to_owned(), "It needs the network.".to_owned());
        happened(&mut app, Event::ApprovalRequested { call_id, action, reason });
        let region = shown(&mut app).1.join("\n");
        assert!(region.contains("make<U+202E> x") && region.contains("outside"), "{region}");
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
