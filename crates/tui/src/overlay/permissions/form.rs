//! A rule being written: what commands begin with, what becomes of them, and how far that reaches.

use agent_protocol::{RuleChange, RuleEffect, RuleScope, ShownRule};
use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::{Line, Span};

use super::{Around, effect_word};
use crate::composer::{Composer, ComposerOutcome};
use crate::key::{KeyCode, KeyEvent};
use crate::{view, wrap};

const EFFECTS: [RuleEffect; 3] = [RuleEffect::Allow, RuleEffect::Prompt, RuleEffect::Forbidden];
const SCOPES: [RuleScope; 3] = [RuleScope::Thread, RuleScope::Project, RuleScope::Always];

#[derive(Debug)]
pub(super) struct Form {
    old: Option<ShownRule>,
    effect: RuleEffect,
    scope: RuleScope,
    words: Composer,
    was_sent: bool,
}

/// What came of a key.
pub(super) enum Outcome {
    Open,
    Closed,
    Done(RuleChange),
}

impl Form {
    pub(super) fn new() -> Self {
        Self {
            old: None,
            effect: RuleEffect::Allow,
            scope: RuleScope::Project,
            words: Composer::field(),
            was_sent: false,
        }
    }

    pub(super) fn changing(rule: ShownRule) -> Self {
        let mut words = Composer::field();
        words.insert_str(&rule.words);
        let scope = rule.scope.unwrap_or(RuleScope::Project);
        Self { effect: rule.effect, scope, words, was_sent: false, old: Some(rule) }
    }

    /// The thread was asked for it.
    pub(super) fn was_sent(&self) -> bool {
        self.was_sent
    }

    pub(super) fn title(&self) -> &'static str {
        if self.old.is_some() { "Change this rule" } else { "A new rule" }
    }

    pub(super) fn field(&mut self) -> &mut Composer {
        &mut self.words
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Outcome {
        match (key.code, key.modifiers.ctrl) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => return Outcome::Closed,
            (KeyCode::Tab, _) => self.effect = after(&EFFECTS, self.effect),
            (KeyCode::Down, _) => self.scope = after(&SCOPES, self.scope),
            (KeyCode::Up, _) => {
                self.scope = after(&SCOPES, after(&SCOPES, self.scope));
            }
            _ => {
                if self.words.handle(key) == ComposerOutcome::Send {
                    self.was_sent = true;
                    return Outcome::Done(self.change());
                }
            }
        }
        Outcome::Open
    }

    fn change(&self) -> RuleChange {
        RuleChange::Put {
            old: self.old.clone(),
            scope: self.scope,
            effect: self.effect,
            words: self.words.text().trim().to_owned(),
        }
    }

    pub(super) fn rows(&mut self, around: &Around<'_>) -> Vec<Line<'static>> {
        let theme = around.theme;
        let row = |lead: &str, words: [&'static str; 3], at: usize| {
            let mut spans = vec![Span::styled(format!("  {lead:<6}"), theme.dim)];
            for (number, word) in words.into_iter().enumerate() {
                let (mark, style) = if number == at {
                    ("›", theme.accent.add_modifier(Modifier::BOLD))
                } else {
                    (" ", Style::new())
                };
                spans.push(Span::styled(format!("{mark}{word}  "), style));
            }
            Line::from(spans)
        };
        let at_effect = EFFECTS.iter().position(|effect| *effect == self.effect);
        let at_scope = SCOPES.iter().position(|scope| *scope == self.scope);
        let mut rows = vec![
            row("tab", EFFECTS.map(effect_word), at_effect.unwrap_or_default()),
            row("down", SCOPES.map(scope_name), at_scope.unwrap_or_default()),
        ];
        let what = match self.effect {
            RuleEffect::Allow => "runs unasked, also outside the sandbox",
            RuleEffect::Prompt => "you are asked each time",
            RuleEffect::Forbidden => "does not run, and the model is told so",
        };
        let what = Line::styled(format!("  {what}"), theme.dim);
        rows.splice(1..1, wrap::wrap(&what, around.columns));
        let hints = ["what it begins with; (a|b) for either", "enter keeps it", "esc goes back"];
        let hints = view::flow(&hints, " · ", around.columns);
        rows.extend(hints.into_iter().map(|row| Line::styled(row, theme.dim)));
        rows
    }
}

fn scope_name(scope: RuleScope) -> &'static str {
    match scope {
        RuleScope::Thread => "thread",
        RuleScope::Project => "project",
        RuleScope::Always => "everywhere",
    }
}

/// The next one, round and round.
fn after<T: Copy + PartialEq>(all: &[T], one: T) -> T {
    let at = all.iter().position(|other| *other == one).unwrap_or_default();
    all[(at + 1) % all.len()]
}
