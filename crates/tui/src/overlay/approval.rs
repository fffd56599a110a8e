//! The question whether a call may be done: all of what it would do, and nothing is done before all was seen. Only the
//! keys that are named answer it.

use std::borrow::Cow;

use agent_protocol::{Action, ChangeKind, Decision, FileChange};
use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};

use super::{Around, Overlay, Reply};
use crate::composer::{Composer, ComposerOutcome, Message};
use crate::effect::Effect;
use crate::filter::exact;
use crate::key::{KeyCode, KeyEvent};
use crate::theme::Theme;
use crate::transcript::{Question, Transcript};
use crate::wrap::Styled;
use crate::{diff, view, wrap};

/// On fewer columns the words of a rule stand below what is said of them.
const PREFIX_COLUMNS: usize = 60;

/// A call that waits for the person.
#[derive(Debug)]
pub(crate) struct Approval {
    question: Question,
    /// All its rows, for so many columns and questions: a patch may be long.
    laid: Vec<Line<'static>>,
    laid_for: (usize, usize),
    /// The first row that is shown.
    top: usize,
    /// So many rows from the first on were on the screen.
    seen: usize,
    /// Rows that did not fit when it was drawn last.
    below: usize,
    page: usize,
    /// What the model is told instead; what was begun of it is gone on with.
    reason: Composer,
    /// It is being written.
    is_telling: bool,
}

impl Approval {
    pub(crate) fn new(question: Question) -> Self {
        Self {
            question,
            laid: Vec::new(),
            laid_for: (0, 0),
            top: 0,
            seen: 0,
            below: usize::MAX,
            page: 1,
            reason: Composer::field(),
            is_telling: false,
        }
    }

    fn decide(&self, decision: Decision) -> Reply {
        Reply::Done(vec![Effect::Decide { call_id: self.question.call_id.clone(), decision }])
    }

    fn tell(&mut self, key: KeyEvent) -> Reply {
        if key.code == KeyCode::Esc {
            self.is_telling = false;
        } else if self.reason.handle(key) == ComposerOutcome::Send {
            let message = Some(self.reason.take().text());
            return self.decide(Decision::deny(message));
        }
        Reply::Stay
    }

    /// Nothing is allowed that was not seen to its end.
    fn allow(&mut self, decision: Decision) -> Reply {
        if self.below > 0 {
            self.top += self.page.min(self.below);
            return Reply::Stay;
        }
        self.decide(decision)
    }
}

impl Overlay for Approval {
    fn press(&mut self, key: KeyEvent) -> Reply {
        if self.is_telling {
            return self.tell(key);
        }
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Char('y'), false) => self.allow(Decision::Once),
            (KeyCode::Char('a'), false) => self.allow(Decision::Thread),
            (KeyCode::Char(key @ ('p' | 'e')), false) => match self.question.prefix.clone() {
                Some(prefix) if key == 'p' => self.allow(Decision::Project { prefix }),
                Some(prefix) => self.allow(Decision::Always { prefix }),
                None => Reply::Stay,
            },
            (KeyCode::Char('n'), false) => self.decide(Decision::deny(None)),
            (KeyCode::Char('t'), false) => {
                self.is_telling = true;
                Reply::Stay
            }
            (KeyCode::Esc, _) => Reply::Ask(vec![Effect::Interrupt]),
            (KeyCode::Down, _) => {
                self.top += 1.min(self.below);
                Reply::Stay
            }
            (KeyCode::PageDown | KeyCode::Char(' '), _) => {
                self.top += self.page.min(self.below);
                Reply::Stay
            }
            (KeyCode::Up, _) => {
                self.top = self.top.saturating_sub(1);
                Reply::Stay
            }
            (KeyCode::PageUp, _) => {
                self.top = self.top.saturating_sub(self.page);
                Reply::Stay
            }
            _ => Reply::Stay,
        }
    }

    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        let wanted = (around.columns, around.transcript.questions.len());
        if self.laid_for != wanted {
            let laid = asked(&self.question, around);
            // They are other rows now: which of them were seen is not known.
            if self.laid_for.0 != wanted.0 || self.laid.len() != laid.len() {
                (self.top, self.seen) = (0, 0);
            }
            (self.laid_for, self.laid) = (wanted, laid);
        }
        let all = &self.laid;
        let answers = answers(self.is_telling, self.question.prefix.is_some(), around);
        let room = around.rows.saturating_sub(answers.len() + 2).max(1);
        self.page = room.saturating_sub(1).max(1);
        // Of keys that came before it was drawn none passes over a row.
        self.top = self.top.min(all.len().saturating_sub(room)).min(self.seen);
        self.seen = self.seen.max(self.top + room);
        self.below = all.len().saturating_sub(self.top + room);
        let mut rows: Vec<_> = all.iter().skip(self.top).take(room).cloned().collect();
        if self.below > 0 {
            let mark = around.theme.glyphs.ellipsis;
            let text = format!("{mark} {}; space goes on", view::count(self.below, "more row"));
            rows.push(Line::styled(text, around.theme.accent));
        }
        rows.extend(answers);
        rows
    }

    fn field(&mut self) -> Option<&mut Composer> {
        self.is_telling.then_some(&mut self.reason)
    }

    fn take_written(&mut self) -> Option<Message> {
        self.reason.take_written()
    }

    fn asks(&self) -> bool {
        !self.is_telling
    }

    fn takes(&self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Char('y' | 'a' | 'n' | 't' | ' ') => true,
            KeyCode::Char('p' | 'e') => self.question.prefix.is_some(),
            KeyCode::Char(_) => false,
            _ => true,
        }
    }

    fn is_of_turn(&self) -> bool {
        true
    }

    fn is_over(&self, transcript: &Transcript) -> bool {
        !transcript.questions.iter().any(|question| question.call_id == self.question.call_id)
    }
}

/// What a question says, byte for byte.
fn asked(question: &Question, around: &Around<'_>) -> Vec<Line<'static>> {
    let theme = around.theme;
    let count = around.transcript.questions.len();
    let mut rows = Rows { rows: vec![Line::default()], columns: around.columns, theme, count };
    let is_long = matches!(&question.action, Action::Run { command, .. } if is_long(command));
    match &question.action {
        Action::Run { command, cwd, escalated, .. } => {
            rows.title(if *escalated { "Run this outside the sandbox?" } else { "Run this?" });
            rows.text("  in ", &cwd.display().to_string(), theme.dim);
            if is_long {
                rows.why(question);
            }
            rows.text("  $ ", command, Style::new());
        }
        Action::Edit { paths, changes, .. } => {
            rows.title("Change these files?");
            // A log of old names the files alone.
            let named = paths.iter().filter(|_| changes.is_empty());
            named.for_each(|path| rows.text("  ", &path.display().to_string(), Style::new()));
            changes.iter().for_each(|change| rows.change(change));
        }
        Action::Read { path } => {
            rows.title("Look at this?");
            rows.text("  ", &path.display().to_string(), Style::new());
        }
        Action::Attend { session_id, command, pid, input, .. } => {
            rows.title("Type this into a running command?");
            let pid = pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
            rows.text("  session ", &format!("{session_id}{pid}"), theme.dim);
            rows.text("  of ", command.as_deref().unwrap_or_default(), Style::new());
            rows.text("  > ", &input.replace('\n', "<U+000A>\n"), Style::new());
            if input.contains(['\n', '\r']) {
                rows.prose("<U+000A> and <U+000D> are Enter: what stands before is sent off.");
            }
        }
        Action::Note => rows.title("Take a note?"),
    }
    if !is_long {
        rows.why(question);
    }
    if let Some(prefix) = &question.prefix {
        let words: Vec<_> = prefix.iter().map(|word| as_word(word)).collect();
        rows.prefix(&words.join(" "));
    }
    rows.rows
}

/// As a shell has it: where a word ends is seen.
fn as_word(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:,+@%=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

/// What it is for is read before so much.
fn is_long(command: &str) -> bool {
    command.lines().count() > 6 || command.len() > 400
}

struct Rows<'a> {
    rows: Vec<Line<'static>>,
    columns: usize,
    theme: &'a Theme,
    /// Of the questions that wait; this is the first.
    count: usize,
}

impl Rows<'_> {
    fn title(&mut self, text: &str) {
        let of = if self.count > 1 { format!(" (1 of {})", self.count) } else { String::new() };
        let text = format!("{text}{of}");
        let style = self.theme.accent.add_modifier(Modifier::BOLD);
        self.rows.extend(wrap::wrap(&Line::styled(text, style), self.columns));
    }

    /// What it is for, and what of the confinement would not hold.
    fn why(&mut self, question: &Question) {
        self.prose(&question.reason);
        if let Some(lifts) = &question.lifts {
            self.prose(lifts);
        }
    }

    /// A file, and every line that would change in it.
    fn change(&mut self, change: &FileChange) {
        let path = change.path.display().to_string();
        let lead = match change.kind {
            ChangeKind::Add => "  add ",
            ChangeKind::Delete => "  delete ",
            ChangeKind::Update => "  change ",
        };
        let counts = match (change.additions, change.deletions) {
            (Some(added), Some(removed)) if change.kind != ChangeKind::Delete => {
                format!(" (+{added} -{removed})")
            }
            _ => String::new(),
        };
        self.text(lead, &format!("{path}{counts}"), Style::new());
        if let Some(to) = &change.move_path {
            self.text("  move it to ", &to.display().to_string(), Style::new());
        }
        let unified = exact(change.diff.as_deref().unwrap_or_default());
        let rows = diff::render_file(&path, &unified, self.columns, usize::MAX, self.theme);
        self.rows.extend(rows);
        if change.diff_truncated {
            self.prose("There is more of it than is shown here.");
        }
    }

    /// Sentences, broken at words.
    fn prose(&mut self, text: &str) {
        let room = self.columns.saturating_sub(2).max(1);
        for row in exact(text).lines() {
            let row = Line::styled(row.to_owned(), self.theme.dim);
            self.rows.extend(wrap::wrap(&row, room).into_iter().map(|mut line| {
                line.spans.insert(0, Span::raw("  "));
                line
            }));
        }
    }

    /// What a lasting rule would begin with: beside what is said of it where there is room for both.
    fn prefix(&mut self, prefix: &str) {
        const SAYS: &str = "p and e allow whatever begins with";
        if self.columns < PREFIX_COLUMNS {
            self.prose(SAYS);
            self.text("    ", prefix, self.theme.dim);
        } else {
            self.text(&format!("  {SAYS} "), prefix, self.theme.dim);
        }
    }

    /// Every byte of `text`, behind `lead`.
    fn text(&mut self, lead: &str, text: &str, style: Style) {
        let indent = lead.chars().count();
        let room = self.columns.saturating_sub(indent).max(1);
        let mut lead = lead.to_owned();
        for row in exact(text).lines() {
            if row.is_empty() {
                self.rows.push(Line::raw(""));
            }
            let row = Styled::new(row, style);
            // Cut, not wrapped: wrapping leaves out spaces.
            for part in row.cut(room) {
                let mut spans = vec![Span::styled(lead, self.theme.dim)];
                spans.extend(row.spans(part));
                self.rows.push(Line::from(spans));
                lead = " ".repeat(indent);
            }
        }
    }
}

fn answers(telling: bool, lasts: bool, around: &Around<'_>) -> Vec<Line<'static>> {
    let answers: &[&str] = if telling {
        &["What should it do instead?", "enter sends", "esc goes back"]
    } else if lasts {
        &[
            "y yes, once",
            "a yes, in this thread",
            "p yes, in this project",
            "e yes, everywhere",
            "n no",
            "t no, and say why",
            "esc stop",
        ]
    } else {
        &["y yes, once", "a yes, in this thread", "n no", "t no, and say why", "esc stop"]
    };
    let rows = view::flow(answers, " · ", around.columns);
    rows.into_iter().map(|row| Line::styled(row, around.theme.accent)).collect()
}
