//! The commands a person gives behind a slash, as one table: what each is called, what it takes and what it does in
//! words. What is then done is the [`App`](crate::app::App)'s business.

use std::collections::HashSet;

use crate::prompts::{Origin, Prompt};

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Slash {
    pub(crate) name: &'static str,
    /// `NAME` is asked for when it is not given, `[NAME]` need not be given.
    pub(crate) argument: &'static str,
    pub(crate) says: &'static str,
    pub(crate) verb: Verb,
    pub(crate) when: When,
}

/// Whether it waits for the end of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// Not while a turn runs.
    Idle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    New,
    Resume,
    Fork,
    Rewind,
    Name,
    Permissions,
    Trust,
    Key,
    Model,
    Effort,
    Sandbox,
    Approvals,
    Processes,
    Output,
    Status,
    Diff,
    Trace,
    Undo,
    Redo,
    Compact,
    Review,
    Init,
    Copy,
    Export,
    Theme,
    Vim,
    Help,
    Keys,
    Quit,
    /// Of no command: the answer to a question of the outside.
    Answer,
    /// Of no command: the answer to whether the thread is to end although commands of it go on.
    EndThread,
}

use When::{Always, Idle};

const fn slash(
    name: &'static str,
    argument: &'static str,
    verb: Verb,
    when: When,
    says: &'static str,
) -> Slash {
    Slash { name, argument, says, verb, when }
}

pub(crate) static TABLE: &[Slash] = &[
    slash("new", "", Verb::New, Idle, "begin a new thread"),
    slash("resume", "[ID]", Verb::Resume, Idle, "go on with an earlier thread"),
    slash(
        "fork",
        "[ID]",
        Verb::Fork,
        Idle,
        "go on in a new thread with all of this one, or of another",
    ),
    slash(
        "rewind",
        "[TURN]",
        Verb::Rewind,
        Idle,
        "go back to an earlier message, with the files or without",
    ),
    slash("name", "[NAME]", Verb::Name, Always, "give this thread a name to find it by"),
    slash(
        "permissions",
        "",
        Verb::Permissions,
        Always,
        "what may be done without a question; make and change rules",
    ),
    slash(
        "trust",
        "[no]",
        Verb::Trust,
        Idle,
        "let commands write here, and its configuration count",
    ),
    slash("key", "", Verb::Key, Idle, "give another key for the provider"),
    slash("model", "[NAME]", Verb::Model, Idle, "say which model answers, or let another one"),
    slash("effort", "[LEVEL]", Verb::Effort, Idle, "how long the model thinks"),
    slash("sandbox", "[MODE]", Verb::Sandbox, Idle, "how far commands and edits reach"),
    slash("approvals", "[POLICY]", Verb::Approvals, Idle, "about what you are asked"),
    slash("status", "", Verb::Status, Always, "model, directory, permissions, tokens, connection"),
    slash("ps", "[PID]", Verb::Processes, Always, "what runs in the background; stop one of it"),
    slash("output", "", Verb::Output, Always, "all that a command printed"),
    slash("diff", "", Verb::Diff, Always, "what this thread changed"),
    slash("trace", "", Verb::Trace, Always, "where the time and the bytes went"),
    slash("undo", "", Verb::Undo, Idle, "put back the files that the last turn changed"),
    slash("redo", "", Verb::Redo, Idle, "take the last undo back"),
    slash("compact", "", Verb::Compact, Idle, "shorten the conversation"),
    slash("review", "[WHAT]", Verb::Review, Idle, "have changes reviewed"),
    slash("init", "", Verb::Init, Idle, "have an AGENTS.md written for this project"),
    slash("copy", "", Verb::Copy, Always, "copy the last answer"),
    slash("export", "[FILE]", Verb::Export, Always, "write the conversation to a file"),
    slash("theme", "[NAME]", Verb::Theme, Always, "change the colours"),
    slash("vim", "", Verb::Vim, Always, "vim's keys, on or off"),
    slash("help", "", Verb::Help, Always, "all commands"),
    slash("keys", "", Verb::Keys, Always, "all keys"),
    slash("quit", "", Verb::Quit, Always, "leave"),
];

/// What other programs call them.
const ALIASES: [(&str, &str); 6] = [
    ("login", "key"),
    ("exit", "quit"),
    ("clear", "new"),
    ("rename", "name"),
    ("processes", "ps"),
    ("checkpoints", "rewind"),
];

/// What may stand before the name of a prompt: as Codex has it, and as Claude Code had it.
const fn prefix(origin: Origin) -> &'static str {
    match origin {
        Origin::Person => "prompts:",
        Origin::Project => "project:",
    }
}

/// Prompts as they can be called: one whose name is taken only with its [`prefix`]. Those of the project take none from
/// the person's own.
pub(crate) fn beside_commands(mut prompts: Vec<Prompt>) -> Vec<Prompt> {
    prompts.sort_by_key(|prompt| prompt.origin);
    let own = prompts.iter().filter(|prompt| prompt.origin == Origin::Person);
    let own: HashSet<_> = own.map(|prompt| prompt.name.clone()).collect();
    for prompt in &mut prompts {
        let is_own = prompt.origin == Origin::Person;
        if known(&prompt.name).is_some() || (!is_own && own.contains(&prompt.name)) {
            prompt.name.insert_str(0, prefix(prompt.origin));
        }
    }
    prompts
}

fn known(name: &str) -> Option<&'static Slash> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, known)| known);
    TABLE.iter().find(|slash| slash.name == name)
}

/// A line behind a slash, understood.
#[derive(Debug)]
pub(crate) enum Line<'t, 'p> {
    /// It is a message, as a path is.
    Message,
    Known(&'static Slash, &'t str),
    Prompt(&'p Prompt, &'t str),
    /// With the nearest name there is.
    Unknown(&'t str, Option<String>),
}

/// Reads what was written.
pub(crate) fn read<'t, 'p>(text: &'t str, prompts: &'p [Prompt]) -> Line<'t, 'p> {
    let Some(line) = text.strip_prefix('/') else { return Line::Message };
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    let (name, argument) = (&line[..end], line[end..].trim());
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || name.contains('/') {
        return Line::Message;
    }
    if let Some(slash) = known(name) {
        return Line::Known(slash, argument);
    }
    let is_meant = |prompt: &&Prompt| {
        let short = name.strip_prefix(prefix(prompt.origin));
        [Some(name), short].contains(&Some(&prompt.name))
    };
    if let Some(prompt) = prompts.iter().find(is_meant) {
        return Line::Prompt(prompt, argument);
    }
    Line::Unknown(name, nearest(name, prompts))
}

/// The name that is most like `name`.
fn nearest(name: &str, prompts: &[Prompt]) -> Option<String> {
    let names = TABLE.iter().map(|slash| slash.name).chain(prompts.iter().map(|p| p.name.as_str()));
    names
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 3)
        .min()
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s16_a_prompt_of_the_project_takes_the_name_of_none_of_the_persons_own() {
        let of_project = ["fix", "review", "prompts/own", "prompts/review"]
            .map(|name| Prompt::markdown(&format!("{name}.md"), "theirs").of(Origin::Project));
        let own = ["fix.md", "own.md", "review.md"].map(|path| Prompt::markdown(path, "mine"));
        let prompts = beside_commands(of_project.into_iter().chain(own).collect());
        for (text, expected) in [
            ("/fix", "mine"),
            ("/prompts:fix", "mine"),
            ("/project:fix", "theirs"),
            ("/project:review", "theirs"),
            ("/prompts:review", "mine"),
            ("/prompts:own", "mine"),
            ("/project:prompts:own", "theirs"),
        ] {
            let Line::Prompt(prompt, _) = read(text, &prompts) else { panic!("{text}") };
            assert_eq!(prompt.expand("").unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn commands_paths_and_slips_are_told_apart() {
        let prompts =
            ["git/fix.md", "review.md", "exit.md"].map(|path| Prompt::markdown(path, "Fix $1"));
        let prompts = beside_commands(prompts.into());
        let seen = |text: &str| match read(text, &prompts) {
            Line::Message => "message".to_owned(),
            Line::Known(slash, argument) => format!("{:?} {argument}", slash.verb),
            Line::Prompt(prompt, argument) => format!("prompt {} {argument}", prompt.name),
            Line::Unknown(name, near) => format!("{name}? {near:?}"),
        };
        for (text, expected) in [
            ("hello", "message"),
            ("/usr/bin is full", "message"),
            ("/", "message"),
            ("/* no */", "message"),
            ("/model gpt-6-sol ", "Model gpt-6-sol"),
            ("/exit", "Quit "),
            ("/rename parser", "Name parser"),
            ("/git:fix a.rs", "prompt git:fix a.rs"),
            ("/prompts:git:fix a.rs", "prompt git:fix a.rs"),
            ("/review this", "Review this"),
            ("/prompts:review this", "prompt prompts:review this"),
            ("/prompts:exit", "prompt prompts:exit "),
            ("/modle", "modle? Some(\"model\")"),
            ("/xyzzyx", "xyzzyx? None"),
        ] {
            assert_eq!(seen(text), expected, "{text}");
        }
    }
}
