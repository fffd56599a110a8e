//! What may be done, and the rules about commands: seen, made, changed and taken away. What comes of it the thread says,
//! by listing them again.

mod form;

use agent_protocol::{RuleChange, RuleEffect, RulePlace, RuleScope, ShownRule};
use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};

use super::{Around, Overlay, QUESTION_WAITS, Reply};
use crate::composer::Composer;
use crate::effect::Effect;
use crate::filter::{exact, written};
use crate::key::{KeyCode, KeyEvent};
use crate::transcript::Rules;
use crate::wrap::Styled;
use crate::{view, width, wrap};
use form::{Form, Outcome};

/// Rows that say where a rule is.
const PLACE_ROWS: usize = 4;

#[derive(Debug)]
pub(crate) struct Permissions {
    about: String,
    /// As they were listed when it was drawn last.
    listed: Option<Rules>,
    at: usize,
    form: Option<Form>,
    /// A key was pressed that takes the rule away when it is pressed again.
    removes: bool,
    /// What cannot be done, and why.
    note: Option<String>,
}

impl Permissions {
    pub(crate) fn new(about: &str) -> Self {
        Self {
            about: written(about).into_owned(),
            listed: None,
            at: 0,
            form: None,
            removes: false,
            note: None,
        }
    }

    fn rules(&self) -> &[ShownRule] {
        self.listed.as_ref().map_or(&[], |listed| &listed.rules)
    }

    /// The rule that is pointed at, if it can be changed.
    fn ours(&mut self) -> Option<ShownRule> {
        let rule = self.rules().get(self.at)?.clone();
        if rule.scope.is_none() {
            self.note = Some(format!("{} is not ours to change.", place(&rule)));
            return None;
        }
        Some(rule)
    }

    fn fill_in(&mut self, key: KeyEvent) -> Reply {
        let outcome = self.form.as_mut().map_or(Outcome::Closed, |form| form.press(key));
        match outcome {
            Outcome::Open => Reply::Stay,
            Outcome::Closed => {
                (self.form, self.note) = (None, None);
                Reply::Stay
            }
            Outcome::Done(change) => Reply::Ask(vec![Effect::ChangeRules(change)]),
        }
    }

    /// Takes what was listed since.
    fn take_up(&mut self, listed: Option<&Rules>) {
        let Some(listed) = listed else { return };
        if self.listed.as_ref().is_some_and(|known| known.count == listed.count) {
            return;
        }
        self.note = listed.failed.as_ref().map(|why| format!("Not done: {why}."));
        if listed.failed.is_none() && self.form.as_ref().is_some_and(Form::was_sent) {
            self.form = None;
            // It is what the next key is about.
            let new = listed.rules.iter().position(|rule| !self.rules().contains(rule));
            self.at = new.unwrap_or(self.at);
        }
        self.at = self.at.min(listed.rules.len().saturating_sub(1));
        self.listed = Some(listed.clone());
    }

    /// The first rule that is shown of those that there is room for.
    fn first(&self, room: usize) -> usize {
        (self.at + 1).saturating_sub(room)
    }

    fn list(&self, around: &Around<'_>, room: usize) -> Vec<Line<'static>> {
        let theme = around.theme;
        if self.rules().is_empty() {
            return vec![Line::styled("  No rule says anything of a command.", theme.dim)];
        }
        let first = self.first(room);
        let shown: Vec<_> = self.rules().iter().enumerate().skip(first).take(room).collect();
        let mark = theme.glyphs.ellipsis;
        let widest = shown.iter().map(|(_, rule)| width::of(&in_a_row(rule))).max().unwrap_or(0);
        let widest = widest.min(most_of_words(around));
        let row = |(at, rule): (usize, &ShownRule)| {
            let is_taken = at == self.at;
            let words = width::shortened(&in_a_row(rule), widest, mark);
            let gap = " ".repeat((widest + 2).saturating_sub(width::of(&words)));
            let room = around.columns.saturating_sub(widest + 11);
            let line = Line::from(vec![
                Span::styled(if is_taken { "› " } else { "  " }, theme.accent),
                Span::styled(format!("{:<7}", effect_word(rule.effect)), theme.accent),
                Span::raw(format!("{words}{gap}")),
                Span::styled(width::shortened(reach(rule), room, mark), theme.dim),
            ]);
            if is_taken { line.style(Modifier::BOLD) } else { line }
        };
        shown.into_iter().map(row).collect()
    }

    /// Where the rule is that is pointed at, why, and what it is about where the list has not room for all of that.
    fn place(&self, around: &Around<'_>) -> Vec<Line<'static>> {
        let Some(rule) = self.rules().get(self.at) else { return Vec::new() };
        let whole = whole(rule, around);
        let end = if whole.is_empty() { "" } else { ":" };
        let place = format!("{}{end}", place(rule));
        let texts = rule.justification.clone().into_iter().chain([place]);
        let rows = texts.flat_map(|text| {
            let text = exact(&text).replace('\n', " ");
            let row = Line::styled(text, around.theme.dim);
            wrap::wrap(&row, around.columns.saturating_sub(2).max(1))
        });
        let rows = part_of(rows.collect(), PLACE_ROWS, around);
        let whole = part_of(whole, (around.rows / 3).max(PLACE_ROWS), around);
        rows.into_iter().map(|row| indented(2, row)).chain(whole).collect()
    }

    /// Below so many of the rules, if not all are shown.
    fn hint(&self, room: Option<usize>, around: &Around<'_>) -> Vec<Line<'static>> {
        let parts: &[&str] = if self.removes {
            &["d again takes it away", "any other key keeps it"]
        } else if self.rules().is_empty() {
            &["a makes a rule", "esc closes"]
        } else {
            &["a makes a rule", "enter changes it", "d takes it away", "esc closes"]
        };
        let part = room.and_then(|room| {
            let first = self.first(room);
            view::part(first..first + room, self.rules().len())
        });
        let waits = around.transcript.asks().then_some(QUESTION_WAITS);
        let parts = part.as_deref().into_iter().chain(parts.iter().copied());
        let parts: Vec<_> = waits.into_iter().chain(parts).collect();
        let rows = view::flow(&parts, " · ", around.columns);
        rows.into_iter().map(|row| Line::styled(row, around.theme.dim)).collect()
    }
}

impl Overlay for Permissions {
    fn press(&mut self, key: KeyEvent) -> Reply {
        if self.form.is_some() {
            return self.fill_in(key);
        }
        self.note = None;
        let removes = std::mem::take(&mut self.removes);
        let last = self.rules().len().saturating_sub(1);
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Esc | KeyCode::Char('q'), false) | (KeyCode::Char('c' | 'd'), true) => {
                return Reply::Done(vec![]);
            }
            (KeyCode::Up | KeyCode::Char('k'), false) | (KeyCode::Char('p'), true) => {
                self.at = self.at.saturating_sub(1);
            }
            (KeyCode::Down | KeyCode::Char('j'), false) | (KeyCode::Char('n'), true) => {
                self.at = (self.at + 1).min(last);
            }
            (KeyCode::Home, _) => self.at = 0,
            (KeyCode::End, _) => self.at = last,
            (KeyCode::Char('a'), false) => self.form = Some(Form::new()),
            (KeyCode::Enter | KeyCode::Char('e'), false) => match self.ours() {
                Some(rule) if matches!(rule.at, RulePlace::Answer { .. }) => {
                    let text = "An answer is exactly what was asked; d takes it away.";
                    self.note = Some(text.to_owned());
                }
                Some(rule) => self.form = Some(Form::changing(rule)),
                None => {}
            },
            (KeyCode::Char('d') | KeyCode::Delete, false) => match self.ours() {
                Some(rule) if removes => {
                    return Reply::Ask(vec![Effect::ChangeRules(RuleChange::Remove(rule))]);
                }
                rule => self.removes = rule.is_some(),
            },
            _ => {}
        }
        Reply::Stay
    }

    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        self.take_up(around.transcript.rules.as_ref());
        let theme = around.theme;
        let title = theme.accent.add_modifier(Modifier::BOLD);
        let note = self.note.iter().flat_map(|note| {
            wrap::wrap(&Line::styled(written(note).into_owned(), theme.accent), around.columns)
        });
        let note: Vec<_> = note.collect();
        if let Some(form) = &mut self.form {
            let mut rows = vec![Line::default(), Line::styled(form.title(), title)];
            rows.extend(form.rows(around));
            rows.extend(note);
            return rows;
        }
        let place = self.place(around);
        let wanted = self.rules().len().clamp(1, 12);
        let beside = 3 + place.len() + note.len();
        let mut hint = self.hint(None, around);
        if around.rows.saturating_sub(beside + hint.len()) < self.rules().len()
            || wanted < self.rules().len()
        {
            // As long as it can get.
            hint = self.hint(Some(1), around);
        }
        let taken = beside + hint.len();
        let about = self
            .about
            .lines()
            .flat_map(|row| wrap::wrap(&Line::styled(row.to_owned(), theme.dim), around.columns));
        let about: Vec<_> = about.take(around.rows.saturating_sub(taken + wanted.min(4))).collect();
        let room = around.rows.saturating_sub(taken + about.len()).clamp(1, wanted);
        let mut rows = vec![Line::default(), Line::styled("Permissions", title)];
        rows.extend(about);
        rows.push(Line::default());
        rows.extend(self.list(around, room));
        rows.extend(place);
        rows.extend(note);
        rows.extend(self.hint(Some(room).filter(|room| *room < self.rules().len()), around));
        rows
    }

    fn field(&mut self) -> Option<&mut Composer> {
        self.form.as_mut().map(Form::field)
    }
}

fn indented(columns: usize, mut row: Line<'static>) -> Line<'static> {
    row.spans.insert(0, Span::raw(" ".repeat(columns)));
    row
}

/// What the list shows of a rule.
fn in_a_row(rule: &ShownRule) -> String {
    exact(&rule.words).replace('\n', " ")
}

/// The columns that the list has for the words of a rule.
fn most_of_words(around: &Around<'_>) -> usize {
    around.columns.saturating_sub(9) / 2
}

/// Every byte of what the rule is about, where the list does not show it; cut, as wrapping leaves out spaces.
fn whole(rule: &ShownRule, around: &Around<'_>) -> Vec<Line<'static>> {
    let is_shown = width::of(&in_a_row(rule)) <= most_of_words(around);
    if is_shown && !rule.words.contains('\n') {
        return Vec::new();
    }
    let room = around.columns.saturating_sub(4).max(1);
    let rows = exact(&rule.words);
    let cut = rows.lines().flat_map(|row| {
        let row = Styled::new(row, Style::new());
        let parts = row.cut(room);
        parts.into_iter().map(|part| Line::from(row.spans(part))).collect::<Vec<_>>()
    });
    cut.map(|row| indented(4, row)).collect()
}

/// All of the rows, or the first and the last, by which those are told apart that begin alike.
fn part_of(mut rows: Vec<Line<'static>>, most: usize, around: &Around<'_>) -> Vec<Line<'static>> {
    if rows.len() > most {
        let last = rows.split_off(rows.len() - 1);
        let left_out = rows.split_off(most.saturating_sub(2)).len();
        let mark = around.theme.glyphs.ellipsis;
        let text = format!("  {mark} {}", view::count(left_out, "more row"));
        rows.push(Line::styled(text, around.theme.dim));
        rows.extend(last);
    }
    rows
}

fn effect_word(effect: RuleEffect) -> &'static str {
    match effect {
        RuleEffect::Allow => "allow",
        RuleEffect::Prompt => "ask",
        RuleEffect::Forbidden => "forbid",
    }
}

fn scope_words(scope: RuleScope) -> &'static str {
    match scope {
        RuleScope::Thread => "in this thread",
        RuleScope::Project => "in this project",
        RuleScope::Always => "everywhere",
    }
}

fn reach(rule: &ShownRule) -> &'static str {
    rule.scope.map_or("read only", scope_words)
}

fn place(rule: &ShownRule) -> String {
    match &rule.at {
        RulePlace::File { path, line } => format!("{}:{line}", path.display()),
        RulePlace::Thread { .. } => "until it ends".to_owned(),
        RulePlace::Answer { .. } => "your answer, exactly this".to_owned(),
    }
}
