//! The rules as the person sees and changes them. What an answer makes a rule of comes the same way.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_protocol::{Action, FileChange, RuleChange, RuleEffect, RulePlace, RuleScope, ShownRule};

use super::Policy;
use super::rules::{self, Effect, Place, Rule};

const ALWAYS: &str = "What agent may run without asking.";
const PROJECT: &str = "What agent may run without asking in one project.";

impl Policy {
    /// All rules, and what was allowed for the thread.
    pub fn shown_rules(&self) -> Vec<ShownRule> {
        let rules = self.rules.all().iter().map(|rule| self.shown(rule));
        let answers = self.remembered.iter().enumerate().map(|(number, action)| ShownRule {
            effect: RuleEffect::Allow,
            words: deed_in_words(action),
            scope: Some(RuleScope::Thread),
            at: RulePlace::Answer { number },
            justification: None,
        });
        rules.chain(answers).collect()
    }

    /// Does what the person wants done with the rules; it holds from now on.
    ///
    /// # Errors
    /// When it cannot be written down, or the rule that is meant is gone; then all is as it was.
    pub fn change(&mut self, change: RuleChange) -> io::Result<()> {
        match change {
            RuleChange::Show => Ok(()),
            RuleChange::Remove(shown) => self.remove(&shown),
            RuleChange::Put { old: None, scope, effect, words } => {
                let pattern = rules::read_words(&words)?;
                self.add(scope, &rules::statement(effect, &pattern, None)).map(|_| ())
            }
            RuleChange::Put { old: Some(old), scope, effect, words } => {
                self.put(&old, scope, effect, &words)
            }
        }
    }

    /// Makes the rule of a statement. Returns it as the log has it.
    pub(super) fn add(&mut self, scope: RuleScope, statement: &str) -> io::Result<String> {
        let (file, heading) = match scope {
            RuleScope::Always => (&self.files.always, ALWAYS),
            RuleScope::Project => (&self.files.project, PROJECT),
            RuleScope::Thread => return self.add_to_thread(statement),
        };
        let file = file.as_ref().ok_or_else(|| io::Error::other("there is no file for them"))?;
        let rule = rules::append(file, heading, statement)?;
        let name = format!("rule {}", rule.place);
        self.rules.push(rule);
        Ok(name)
    }

    fn add_to_thread(&mut self, statement: &str) -> io::Result<String> {
        let of_thread = self.rules.all().iter().filter(|rule| self.scope_of(rule) == THREAD);
        let line = 1 + of_thread.map(|rule| rule.place.line).max().unwrap_or_default();
        let place = Place { file: Arc::default(), line, bytes: 0..0 };
        let name = format!("rule {place}");
        self.rules.push(Rule { place, ..rules::read_one(statement)? });
        Ok(name)
    }

    fn put(
        &mut self,
        old: &ShownRule,
        scope: RuleScope,
        effect: Effect,
        words: &str,
    ) -> io::Result<()> {
        let known = self.changeable(old)?;
        let pattern = match &known {
            // Words that hold a blank or a bracket would be read back as others.
            Known::Rule(rule) if words == old.words => rule.pattern.clone(),
            _ => rules::read_words(words)?,
        };
        let is_of_file = old.scope != THREAD;
        let statement = match known {
            Known::Rule(rule) if is_of_file && old.scope == Some(scope) => {
                rules::rewrite(&rule, effect, &pattern)?;
                self.rules.read_again(&rule.place.file);
                return Ok(());
            }
            Known::Rule(rule) if is_of_file => rules::moved(&rule, effect, &pattern)?,
            Known::Rule(rule) => rules::statement(effect, &pattern, rule.justification.as_deref()),
            Known::Answer(_) => rules::statement(effect, &pattern, None),
        };
        self.add(scope, &statement)?;
        self.remove(old)
    }

    fn remove(&mut self, shown: &ShownRule) -> io::Result<()> {
        match self.changeable(shown)? {
            Known::Answer(number) => {
                self.remembered.remove(number);
            }
            Known::Rule(rule) if shown.scope == THREAD => self.rules.retain(|other| *other != rule),
            Known::Rule(rule) => {
                rules::remove(&rule)?;
                self.rules.read_again(&rule.place.file);
            }
        }
        Ok(())
    }

    /// What was shown, if it still is what it was and may be changed.
    fn changeable(&self, shown: &ShownRule) -> io::Result<Known> {
        if let RulePlace::Answer { number } = shown.at {
            let found = self.remembered.get(number).filter(|it| deed_in_words(it) == shown.words);
            return found.map(|_| Known::Answer(number)).ok_or_else(gone);
        }
        let found = self.rules.all().iter().find(|rule| self.shown(rule) == *shown);
        let found = found.ok_or_else(gone)?;
        if self.scope_of(found).is_none() {
            let text = format!("it is in {}, which is not ours to change", found.place);
            return Err(io::Error::other(text));
        }
        Ok(Known::Rule(found.clone()))
    }

    fn shown(&self, rule: &Rule) -> ShownRule {
        let Place { file, line, .. } = &rule.place;
        let scope = self.scope_of(rule);
        let at = if scope == THREAD {
            RulePlace::Thread { number: *line }
        } else {
            RulePlace::File { path: file.as_ref().clone(), line: *line }
        };
        ShownRule {
            effect: rule.effect,
            words: rule.words(),
            scope,
            at,
            justification: rule.justification.clone(),
        }
    }

    /// How far the rule reaches; none when its file is not ours.
    fn scope_of(&self, rule: &Rule) -> Option<RuleScope> {
        let file = rule.place.file.as_path();
        if file.as_os_str().is_empty() {
            return THREAD;
        }
        let is = |ours: &PathBuf| file == ours || file == real(ours);
        if self.files.project.as_ref().is_some_and(is) {
            return Some(RuleScope::Project);
        }
        // Beside the one that answers go to, the person may keep others.
        let always = self.files.always.as_ref()?;
        let dir = always.parent()?;
        let beside = file.parent().is_some_and(|of| of == dir || of == real(dir));
        (beside || is(always)).then_some(RuleScope::Always)
    }
}

const THREAD: Option<RuleScope> = Some(RuleScope::Thread);

/// What a shown rule is.
enum Known {
    Rule(Rule),
    /// Of those that were allowed for the thread, by its number.
    Answer(usize),
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn gone() -> io::Error {
    io::Error::other("that rule is not there any more")
}

fn deed_in_words(action: &Action) -> String {
    let paths = |paths: &[PathBuf]| {
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        paths.join(", ")
    };
    match action {
        Action::Run { command, .. } => command.clone(),
        Action::Attend { session_id, input, command, .. } => {
            let command = command.as_deref().unwrap_or_default();
            format!("type {input:?} into session {session_id}: {command}")
        }
        Action::Edit { paths: changed, changes, .. } => {
            let count =
                |of: fn(&FileChange) -> Option<u64>| changes.iter().filter_map(of).sum::<u64>();
            let (added, removed) = (count(|it| it.additions), count(|it| it.deletions));
            format!("change {} (+{added} -{removed})", paths(changed))
        }
        Action::Read { path } => format!("look at {}", path.display()),
        Action::Note => "take a note".to_owned(),
    }
}

#[cfg(test)]
mod tests;
