//! Rules about commands by the words they begin with, as people have them in `.rules` files. Of the rules that match
//! the strictest counts, and a command line is allowed only when each of its commands is.

mod check;
mod edit;
mod file;
mod parse;
mod spelling;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::beyond::runs_something_else;
use super::places::Places;

pub(crate) use agent_protocol::RuleEffect as Effect;
pub use check::RuleCheck;
pub(crate) use edit::{append, moved, read_one, read_words, remove, rewrite, statement};
pub use file::RuleError;
use spelling::all_commands;
pub(crate) use spelling::is_carrier;

/// One rule, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Word for word, each with its alternatives.
    pub(crate) pattern: Vec<Vec<String>>,
    pub(crate) effect: Effect,
    pub(crate) justification: Option<String>,
    pub(crate) place: Place,
    pub(crate) author: Author,
}

/// Whose word a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    Person,
    /// It came with the project, and only makes stricter.
    Project,
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Person => "the person",
            Self::Project => "the project",
        })
    }
}

/// A line of a file, from 1; of no file what holds for the thread only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: Arc<PathBuf>,
    pub(crate) line: usize,
    /// Of the file, as it was read.
    pub(crate) bytes: Range<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.file.as_os_str().is_empty() {
            return write!(f, "{} of this thread", self.line);
        }
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// The rules that hold for a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
    executables: Vec<Executable>,
    /// Rules about hosts: they were understood, and nothing comes of them.
    not_honoured: Vec<Place>,
}

/// Where a program may lie when it is called by its path and rules allow it by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    name: String,
    paths: Vec<String>,
}

impl Rules {
    /// Adds those of another file.
    pub fn extend(&mut self, other: Self) {
        self.rules.extend(other.rules);
        self.executables.extend(other.executables);
        self.not_honoured.extend(other.not_honoured);
    }

    /// As the word of a project, which may only make stricter (S17). Also says how many of them would have allowed.
    #[must_use]
    pub fn of_project(self) -> (Self, usize) {
        let (mut stricter, dropped) = self.that_tighten();
        stricter.rules.iter_mut().for_each(|rule| rule.author = Author::Project);
        (stricter, dropped)
    }

    /// Without those that allow. Also says how many those were.
    #[must_use]
    pub fn that_tighten(mut self) -> (Self, usize) {
        let all = self.rules.len();
        self.rules.retain(|rule| rule.effect != Effect::Allow);
        self.executables.clear();
        let dropped = all - self.rules.len();
        (self, dropped)
    }

    /// What the person must not rely on, a sentence for each file: the network is open or closed as a whole here.
    pub fn not_honoured(&self) -> Vec<String> {
        let mut files: Vec<&Arc<PathBuf>> = Vec::new();
        for place in &self.not_honoured {
            if !files.contains(&&place.file) {
                files.push(&place.file);
            }
        }
        let sentence = |file: &Arc<PathBuf>| {
            let places = self.not_honoured.iter().filter(|place| place.file == *file);
            let lines: Vec<_> = places.map(|place| place.line.to_string()).collect();
            let (word, verb) = if lines.len() == 1 { ("line", "is") } else { ("lines", "are") };
            format!(
                "{}: network_rule in {word} {} {verb} not honoured: commands reach no host, or with `network_access` every one",
                file.display(),
                lines.join(", "),
            )
        };
        files.into_iter().map(sentence).collect()
    }

    /// What they allow, as a person would say it: `cargo test`, `npm run (build|lint)`.
    pub fn allowed(&self) -> Vec<String> {
        let allowing = self.rules.iter().filter(|rule| rule.effect == Effect::Allow);
        allowing.map(Rule::words).collect()
    }

    pub(crate) fn all(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn retain(&mut self, stays: impl FnMut(&Rule) -> bool) {
        self.rules.retain(stays);
    }

    /// Takes what the file now says instead of what it said.
    pub(crate) fn read_again(&mut self, file: &Path) {
        let real = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        self.rules.retain(|rule| {
            let of = rule.place.file.as_path();
            of != file && of != real
        });
        // What is wrong with it was said when it was read first.
        let (now, _) = Self::read(file);
        self.executables.retain(|known| !now.executables.contains(known));
        self.extend(now);
    }

    pub(crate) fn push(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// The strictest rule that asks about or forbids any command of `line`, understood or not.
    pub(crate) fn against(&self, line: &str) -> Option<&Rule> {
        let strict = |rule: &&Rule| rule.effect != Effect::Allow;
        let mut found = None;
        for words in self.all_commands(line) {
            let against = self.rules.iter().filter(strict).filter(|rule| {
                rule.matches(&words) || by_name(&words).is_some_and(|words| rule.matches(&words))
            });
            found = strictest(found, against.max_by_key(|rule| rule.effect));
        }
        found
    }

    /// All that may be run by `line`, as far as a rule can tell it apart.
    fn all_commands(&self, line: &str) -> Vec<Vec<String>> {
        all_commands(line, self.rules.iter().map(|rule| rule.pattern.len()).max().unwrap_or(0))
    }

    /// The rule that allows the command of these words: not one whose words it begins with, and then says what else is
    /// to be run.
    pub(crate) fn allowing(&self, words: &[String], places: &Places) -> Option<&Rule> {
        let known = self.executables.iter().any(|executable| {
            words.first().is_some_and(|program| executable.paths.contains(program))
        });
        let named = by_name(words).filter(|_| known);
        self.rules.iter().find(|rule| {
            rule.effect == Effect::Allow
                && !runs_something_else(words, rule.pattern.len(), places)
                && (rule.matches(words) || named.as_ref().is_some_and(|words| rule.matches(words)))
        })
    }

    /// The first rule that would allow the command of these words, were it not for what these do.
    pub(crate) fn speaking_of(&self, words: &[String]) -> Option<&Rule> {
        let allows = |rule: &&Rule| rule.effect == Effect::Allow && rule.matches(words);
        self.rules.iter().find(allows)
    }
}

impl Rule {
    /// Which it is and whose, as the log has it.
    pub(crate) fn in_log(&self) -> String {
        match self.author {
            Author::Person => format!("rule {}", self.place),
            Author::Project => format!("project rule {}", self.place),
        }
    }

    /// The pattern, with alternatives in brackets.
    pub(crate) fn words(&self) -> String {
        let words = |any_of: &Vec<String>| match &any_of[..] {
            [word] => word.clone(),
            several => format!("({})", several.join("|")),
        };
        self.pattern.iter().map(words).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn matches(&self, words: &[String]) -> bool {
        words.len() >= self.pattern.len()
            && self.pattern.iter().zip(words).all(|(any_of, word)| any_of.contains(word))
    }
}

fn strictest<'a>(one: Option<&'a Rule>, other: Option<&'a Rule>) -> Option<&'a Rule> {
    one.into_iter().chain(other).max_by_key(|rule| rule.effect)
}

/// `/usr/bin/git push` as `git push`.
fn by_name(words: &[String]) -> Option<Vec<String>> {
    let (_, name) = words.first()?.rsplit_once('/')?;
    Some(std::iter::once(name.to_owned()).chain(words[1..].iter().cloned()).collect())
}

#[cfg(test)]
mod tests;
