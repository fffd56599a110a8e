//! One of a list, found by typing some of it. What is chosen is the argument of the command that opened the list.

use ratatui_core::style::Modifier;
use ratatui_core::text::{Line, Span};

use super::{Around, Overlay, QUESTION_WAITS, Reply};
use crate::composer::Composer;
use crate::effect::{Choice, Effect};
use crate::filter::written;
use crate::fuzzy::rank;
use crate::key::{KeyCode, KeyEvent};
use crate::slash::Verb;
use crate::{view, width, wrap};

/// Rows of the list.
const ROWS: usize = 12;

/// A label has at least this much beside what is said of it.
const LEAST_LABEL: usize = 24;

#[derive(Debug)]
pub(crate) struct Picker {
    verb: Verb,
    title: String,
    choices: Vec<Choice>,
    /// Those that fit what is written.
    fit: Vec<usize>,
    field: Composer,
    at: usize,
    /// Those of elsewhere too.
    everywhere: bool,
    /// There is nothing to go back to.
    is_first: bool,
}

impl Picker {
    pub(crate) fn new(verb: Verb, title: &str, choices: Vec<Choice>) -> Self {
        let everywhere = choices.iter().all(|choice| !choice.is_here);
        let mut picker = Self {
            verb,
            title: written(title).into_owned(),
            choices,
            fit: Vec::new(),
            field: Composer::field(),
            at: 0,
            everywhere,
            is_first: false,
        };
        picker.narrow();
        picker.at = picker
            .fit
            .iter()
            .position(|&index| picker.choices[index].is_current)
            .unwrap_or_default();
        picker
    }

    /// Who does not choose leaves.
    pub(crate) fn leaving(self) -> Self {
        Self { is_first: true, ..self }
    }

    fn narrow(&mut self) {
        let query = self.field.text();
        // What it is called counts more than what is said of it.
        self.fit = rank(&query, self.choices.iter().map(|choice| choice.label.as_str()));
        let text = |choice: &Choice| format!("{} {}", choice.note, choice.value);
        let texts: Vec<_> = self.choices.iter().map(text).collect();
        let others = rank(&query, texts.iter().map(String::as_str));
        self.fit.extend(
            others.into_iter().filter(|other| !self.fit.contains(other)).collect::<Vec<_>>(),
        );
        if !self.everywhere {
            self.fit.retain(|&index| self.choices[index].is_here);
        }
        self.at = 0;
    }

    /// It asks something before there is a thread, where a key is typed or pasted too early: what is written is not shown.
    fn is_unseen(&self) -> bool {
        self.verb == Verb::Answer
    }

    /// What fits no answer was none, and is not kept.
    fn forget_secret(&mut self) {
        if self.is_unseen() && self.fit.is_empty() {
            self.field = Composer::field();
            self.narrow();
        }
    }

    /// There are some here, and some elsewhere.
    fn has_both(&self) -> bool {
        let here = self.choices.iter().filter(|choice| choice.is_here).count();
        here > 0 && here < self.choices.len()
    }

    /// Below those of the list that are shown, if not all are.
    fn hint(&self, part: Option<String>, around: &Around<'_>) -> Vec<String> {
        let waits = around.transcript.asks().then_some(QUESTION_WAITS);
        let mut parts: Vec<_> = waits.into_iter().chain(part.as_deref()).collect();
        parts.push("enter takes it");
        if self.has_both() {
            parts.push(if self.everywhere {
                "tab: this directory"
            } else {
                "tab: all directories"
            });
        }
        parts.push(if self.is_first { "esc leaves" } else { "esc closes" });
        view::flow(&parts, " · ", around.columns)
    }
}

impl Overlay for Picker {
    fn press(&mut self, key: KeyEvent) -> Reply {
        let last = self.fit.len().saturating_sub(1);
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Esc, _) | (KeyCode::Char('c' | 'd'), true) => {
                return Reply::Done(if self.is_first { vec![Effect::Leave] } else { vec![] });
            }
            (KeyCode::Enter, _) => {
                let Some(&index) = self.fit.get(self.at) else { return Reply::Stay };
                return Reply::Run(self.verb, self.choices[index].value.clone());
            }
            (KeyCode::Up, _) | (KeyCode::Char('p'), true) => self.at = self.at.saturating_sub(1),
            (KeyCode::Down, _) | (KeyCode::Char('n'), true) => self.at = (self.at + 1).min(last),
            (KeyCode::PageUp, _) => self.at = self.at.saturating_sub(ROWS),
            (KeyCode::PageDown, _) => self.at = (self.at + ROWS).min(last),
            (KeyCode::Tab, _) if self.has_both() => {
                self.everywhere = !self.everywhere;
                self.narrow();
            }
            (KeyCode::Tab, _) => {}
            _ => {
                self.field.handle(key);
                self.narrow();
                self.forget_secret();
            }
        }
        Reply::Stay
    }

    fn paste(&mut self, text: &str) {
        self.field.paste(text);
        self.narrow();
        self.forget_secret();
    }

    fn take_choices(&mut self, verb: Verb, choices: &[Choice]) {
        if self.verb != verb {
            return;
        }
        let at = self.fit.get(self.at).map(|&index| self.choices[index].value.clone());
        self.choices = choices.to_vec();
        self.narrow();
        let is_it = |index: &usize| Some(&self.choices[*index].value) == at.as_ref();
        self.at = self.fit.iter().position(is_it).unwrap_or_default();
    }

    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        let theme = around.theme;
        let title = Line::styled(self.title.clone(), theme.accent.add_modifier(Modifier::BOLD));
        let title = wrap::wrap(&title, around.columns);
        let all = self.fit.len();
        // As long as it can get.
        let hint = self.hint(view::part(all.saturating_sub(1)..all, all), around).len();
        let room = around.rows.saturating_sub(2 + hint + title.len()).clamp(1, ROWS);
        let first = (self.at + 1).saturating_sub(room);
        let mut rows = vec![Line::default()];
        rows.extend(title);
        let shown = self.fit.iter().enumerate().skip(first).take(room);
        let shown: Vec<_> = shown.map(|(number, &index)| (number, &self.choices[index])).collect();
        // A long label is cut before what is said of it: a title says it in its first words.
        let notes = shown.iter().map(|(_, choice)| width::of(&written(&choice.note))).max();
        let beside = notes.filter(|&note| note > 0).map_or(0, |note| note + 2);
        let whole = around.columns.saturating_sub(2);
        let label_room = whole.saturating_sub(beside).max(LEAST_LABEL).min(whole);
        let label = |choice: &Choice| {
            let label = written(&choice.label).into_owned();
            width::in_a_row(&label, label_room, theme.glyphs.ellipsis)
        };
        let widest = shown.iter().map(|(_, choice)| width::of(&label(choice))).max().unwrap_or(0);
        let count = shown.len();
        for (number, choice) in shown {
            let taken = number == self.at;
            let label = label(choice);
            let gap = (widest + 2).saturating_sub(width::of(&label));
            let room = around.columns.saturating_sub(widest + 4);
            let note = width::shortened(&written(&choice.note), room, theme.glyphs.ellipsis);
            let line = Line::from(vec![
                Span::styled(if taken { "› " } else { "  " }, theme.accent),
                Span::raw(label),
                Span::raw(" ".repeat(gap)),
                Span::styled(note, theme.dim),
            ]);
            rows.push(if taken { line.style(Modifier::BOLD) } else { line });
        }
        if self.fit.is_empty() {
            rows.push(Line::styled("  nothing fits", theme.dim));
        }
        let hint = self.hint(view::part(first..first + count, all), around);
        rows.extend(hint.into_iter().map(|row| Line::styled(row, theme.dim)));
        rows
    }

    fn field(&mut self) -> Option<&mut Composer> {
        (!self.is_unseen()).then_some(&mut self.field)
    }
}
