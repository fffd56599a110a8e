//! One of a list, found by typing some of it. What is chosen is the argument of the command that opened the list.

use ratatui_core::style::Modifier;
use ratatui_core::text::{Line, Span};

use super::{Around, Overlay, Reply};
use crate::composer::{Composer, History};
use crate::effect::{Choice, Effect};
use crate::filter::plain;
use crate::fuzzy::rank;
use crate::key::{KeyCode, KeyEvent};
use crate::slash::Verb;
use crate::{width, wrap};

/// Rows of the list.
const ROWS: usize = 12;

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
            title: plain(title).into_owned(),
            choices,
            fit: Vec::new(),
            field: Composer::new(History::default()),
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

    fn hint(&self) -> String {
        let mut parts = vec!["enter takes it"];
        if self.choices.iter().any(|choice| !choice.is_here)
            && self.choices.iter().any(|c| c.is_here)
        {
            parts.push(if self.everywhere {
                "tab: this directory"
            } else {
                "tab: all directories"
            });
        }
        parts.push(if self.is_first { "esc leaves" } else { "esc closes" });
        parts.join(" · ")
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
            (KeyCode::Tab, _) => {
                self.everywhere = !self.everywhere;
                self.narrow();
            }
            _ => {
                self.field.handle(key);
                self.narrow();
            }
        }
        Reply::Stay
    }

    fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        let theme = around.theme;
        self.field.resize(around.columns.saturating_sub(2));
        let title = Line::styled(self.title.clone(), theme.accent.add_modifier(Modifier::BOLD));
        let title = wrap::wrap(&title, around.columns);
        let room = around.rows.saturating_sub(3 + title.len()).clamp(1, ROWS);
        let first = (self.at + 1).saturating_sub(room);
        let mut rows = vec![Line::default()];
        rows.extend(title);
        let shown = self.fit.iter().enumerate().skip(first).take(room);
        let shown: Vec<_> = shown.map(|(number, &index)| (number, &self.choices[index])).collect();
        let label = |choice: &Choice| {
            let label = plain(&choice.label).into_owned();
            let first = label.lines().next().unwrap_or_default();
            width::shortened(first, around.columns.saturating_sub(2), theme.glyphs.ellipsis)
        };
        let widest = shown.iter().map(|(_, choice)| width::of(&label(choice))).max().unwrap_or(0);
        for (number, choice) in shown {
            let taken = number == self.at;
            let label = label(choice);
            let gap = (widest + 2).saturating_sub(width::of(&label));
            let room = around.columns.saturating_sub(widest + 4);
            let note = width::shortened(&plain(&choice.note), room, theme.glyphs.ellipsis);
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
        rows.push(Line::styled(self.hint(), theme.dim));
        rows
    }

    fn field(&mut self) -> Option<&mut Composer> {
        Some(&mut self.field)
    }
}
