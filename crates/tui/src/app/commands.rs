//! What the commands behind a slash do. Which there are is the table of `slash.rs`.

use std::path::PathBuf;

use agent_protocol::{CommandExecution, ItemDetails, Status, ThreadItem};

use super::finding::call_of;
use super::{App, pages};
use crate::cell;
use crate::composer::Message;
use crate::effect::{Choice, Effect, GoOn, Next, Page, Scope, TrustAnswer};
use crate::filter::{exact, pasteable};
use crate::overlay::{Pager, Picker, Secret};
use crate::slash::{self, Slash, Verb, When};
use crate::transcript::{Cell, Notice, Process, goes_on};
use crate::view::count;

const SCOPES: [(&str, Scope, &str); 3] = [
    ("both", Scope::Both, "the conversation, and the files that were changed since"),
    ("conversation", Scope::Conversation, "files stay as they are"),
    ("files", Scope::Files, "the conversation stays as it is"),
];

fn scopes(turn: u32) -> Vec<Choice> {
    let choice = |(name, _, note): &(&str, Scope, &str)| Choice {
        value: format!("{turn} {name}"),
        label: (*name).to_owned(),
        note: (*note).to_owned(),
        is_here: true,
        is_current: false,
    };
    SCOPES.iter().map(choice).collect()
}

const NOTHING_SAID: &str = "Nothing was said yet.";

const INIT: &str = "\
Write a file AGENTS.md at the root of this project: what a capable newcomer who is an agent must know to work here. Look \
around first: how it is built, tested, linted and run (the exact command lines, those of CI above all), how it is laid \
out, which conventions its code follows that a glance does not show, and what must not be done. No generalities, nothing \
that the files say anyway; a page at most. If there is such a file already, mend what is wrong or missing in it.";

/// Why a command with these words behind it is not done: it would pass them over, and do something else than was meant.
fn excess(slash: &Slash, text: &str, argument: &str) -> Option<String> {
    // As it was written, be it an alias.
    let name = text.split_whitespace().next().unwrap_or_default();
    match slash.verb {
        _ if argument.is_empty() => None,
        _ if slash.argument.is_empty() => {
            Some(format!("{name} takes nothing behind it; nothing was done."))
        }
        Verb::Trust if !argument.eq_ignore_ascii_case("no") => {
            Some(format!("{name} takes `no` or nothing; `{argument}` is neither."))
        }
        Verb::Model if argument.contains(char::is_whitespace) => {
            Some(format!("A model's name has no spaces; `{argument}` is none."))
        }
        _ => None,
    }
}

impl App {
    /// Does what the written line says, if it is a command; none when it is a message.
    pub(super) fn command(&mut self, message: &Message) -> Option<Vec<Effect>> {
        let text = message.text();
        let text = text.trim();
        match slash::read(text, &self.prompts) {
            slash::Line::Message => None,
            slash::Line::Known(slash, argument) => {
                let name = slash.name;
                if message.pictures().next().is_some() {
                    return Some(
                        self.refuse(message, &format!("A picture does not go with /{name}.")),
                    );
                }
                if let Some(reason) = excess(slash, text, argument) {
                    return Some(self.refuse(message, &reason));
                }
                if self.must_wait(message) {
                    self.outbox.queue(message.clone());
                    return Some(vec![]);
                }
                Some(self.run(slash.verb, argument))
            }
            slash::Line::Prompt(prompt, argument) => match prompt.expand(argument) {
                Ok(text) => Some(self.say(Message::expanded(&text, message))),
                Err(missing) => {
                    let example = missing.iter().map(|name| format!(" {name}=…"));
                    let example = example.collect::<String>();
                    let name = &prompt.name;
                    let reason = format!("/{name} needs more: /{name}{example}");
                    Some(self.refuse(message, &reason))
                }
            },
            slash::Line::Unknown(name, near) => {
                let near = near.map_or_else(
                    || "/help shows all.".to_owned(),
                    |near| format!("Did you mean /{near}?"),
                );
                Some(self.refuse(message, &format!("There is no command /{name}. {near}")))
            }
        }
    }

    /// It is a command for the end of the turn, or of what else goes on.
    pub(super) fn must_wait(&self, message: &Message) -> bool {
        let text = message.text();
        let line = slash::read(text.trim(), &self.prompts);
        let is_for_later = matches!(line, slash::Line::Known(slash, _) if slash.when == When::Idle);
        is_for_later && self.is_running()
    }

    /// It is a command that leads to another thread, or to an earlier place in this one.
    pub(super) fn leads_elsewhere(&self, message: &Message) -> bool {
        let text = message.text();
        let line = slash::read(text.trim(), &self.prompts);
        let elsewhere = [Verb::Resume, Verb::Fork, Verb::Rewind];
        matches!(line, slash::Line::Known(slash, _) if elsewhere.contains(&slash.verb))
    }

    /// It is a command that asks or shows something, as things are.
    pub(super) fn may_open(&self, message: &Message) -> bool {
        let text = message.text();
        let slash::Line::Known(slash, argument) = slash::read(text.trim(), &self.prompts) else {
            return false;
        };
        match slash.verb {
            Verb::Permissions | Verb::Output | Verb::Diff | Verb::Trace | Verb::Rewind => true,
            Verb::Help | Verb::Keys => true,
            Verb::Model | Verb::Effort | Verb::Theme | Verb::Processes | Verb::Key => {
                argument.is_empty()
            }
            Verb::Sandbox | Verb::Approvals | Verb::Resume if argument.is_empty() => true,
            // It would end commands in the background.
            _ => slash.when == When::Idle && !self.transcript.processes.is_empty(),
        }
    }

    /// Does one command.
    pub(super) fn run(&mut self, verb: Verb, argument: &str) -> Vec<Effect> {
        match verb {
            Verb::New => self.open(Next::New),
            Verb::Resume => self.go_on(GoOn::Resume, argument),
            Verb::Fork => self.go_on(GoOn::Fork, argument),
            Verb::Rewind => self.rewind(argument),
            Verb::Name => vec![Effect::Name(argument.to_owned())],
            Verb::Trust => {
                let ends = argument.eq_ignore_ascii_case("no");
                let answer = if ends { TrustAnswer::Nothing } else { TrustAnswer::All };
                self.open(Next::Trust { answer, then: vec![] })
            }
            Verb::Key => self.key(argument),
            Verb::Answer => vec![Effect::Chosen(argument.to_owned())],
            Verb::EndThread => self.end_thread(argument),
            Verb::Permissions => vec![Effect::ShowPermissions],
            Verb::Model | Verb::Effort | Verb::Sandbox | Verb::Approvals => {
                self.change(verb, argument)
            }
            Verb::Theme => self.choose_theme(argument),
            Verb::Status => self.say_status(),
            Verb::Processes => self.processes(argument),
            Verb::Output => self.output(argument),
            Verb::Diff => self.diff(),
            Verb::Trace => self.if_said(Effect::ShowTrace),
            Verb::Undo => self.open(Next::Undo),
            Verb::Redo => self.open(Next::Redo),
            Verb::Compact => self.if_said(Effect::Compact),
            Verb::Review => self.begin_turn(Effect::Review(argument.to_owned())),
            Verb::Init => self.say(Message::from(INIT.to_owned())),
            Verb::Copy => self.copy(),
            Verb::Export => {
                let path = (!argument.is_empty()).then(|| PathBuf::from(argument));
                vec![Effect::Write { path, text: pages::export(&self.transcript) }]
            }
            Verb::Vim => {
                self.composer.toggle_vim();
                vec![]
            }
            Verb::Help => self.open_page("Commands", Page::Entries(pages::help(&self.prompts))),
            Verb::Keys => self.open_page("Keys", Page::Entries(pages::keys())),
            Verb::Quit => self.quit(),
        }
    }

    /// What is given where it is not seen is the argument; behind the command nothing is.
    fn key(&mut self, given: &str) -> Vec<Effect> {
        if !given.is_empty() {
            return self.open(Next::Key(given.to_owned()));
        }
        let title = "The key for the provider (it is not shown):".to_owned();
        self.overlays.push(Box::new(Secret::of_thread(title)));
        vec![]
    }

    /// Without an argument, the thread that is forked is this one.
    fn go_on(&mut self, how: GoOn, argument: &str) -> Vec<Effect> {
        let which = match (&self.transcript.thread, how) {
            _ if !argument.is_empty() => argument.to_owned(),
            (Some(_), GoOn::Fork) if !self.has_turns() => {
                self.note(NOTHING_SAID.to_owned());
                return vec![];
            }
            (Some(thread), GoOn::Fork) => thread.thread_id.clone(),
            _ => return vec![Effect::FindThreads(how)],
        };
        self.open(Next::Earlier(how, which))
    }

    /// Lets the person choose one of the threads there are.
    pub(super) fn choose_thread(&mut self, how: GoOn, threads: Vec<Choice>, unreadable: usize) {
        let others = match unreadable {
            0 => String::new(),
            count => format!(" {count} cannot be read; `agent threads` says why."),
        };
        if threads.is_empty() {
            return self.note(format!("No other thread was kept yet.{others}"));
        }
        let (verb, title) = match how {
            GoOn::Resume => (Verb::Resume, "Go on with which thread?"),
            GoOn::Fork => (Verb::Fork, "Begin with all of which thread?"),
        };
        let picker = Picker::new(verb, &format!("{title}{others}"), threads);
        let is_first = self.transcript.thread.is_none();
        let picker = if is_first { picker.leaving() } else { picker };
        self.overlays.push(Box::new(picker));
    }

    fn open_page(&mut self, title: &str, page: Page) -> Vec<Effect> {
        self.overlays.push(Box::new(Pager::page(title, page)));
        vec![]
    }

    /// Goes back: to which message is asked first, then with what.
    fn rewind(&mut self, argument: &str) -> Vec<Effect> {
        let mut words = argument.split_whitespace();
        let turn = words.next().and_then(|word| word.parse().ok());
        let turn: Option<u32> = turn.filter(|turn| self.transcript.message_of(*turn).is_some());
        if turn.is_none() && !argument.is_empty() {
            self.fail(format!("There is no turn `{argument}` to go back to."));
        }
        let scope = words.next().and_then(|word| SCOPES.iter().find(|(name, ..)| *name == word));
        let (title, choices) = match (turn, scope) {
            (Some(turn), Some((_, scope, _))) => {
                return self.open(Next::Rewind { turn, scope: *scope });
            }
            (Some(turn), None) => ("What goes back?", scopes(turn)),
            (None, _) => ("Go back to before which message?", self.messages()),
        };
        if choices.is_empty() {
            self.note(NOTHING_SAID.to_owned());
        } else {
            self.overlays.push(Box::new(Picker::new(Verb::Rewind, title, choices)));
        }
        vec![]
    }

    fn diff(&mut self) -> Vec<Effect> {
        let turn_runs = self.is_running();
        if turn_runs {
            self.note("What this turn changes is part of it when the turn is over.".to_owned());
        }
        vec![Effect::ShowDiff { turn_runs }]
    }

    /// What needs something that was said.
    fn if_said(&mut self, effect: Effect) -> Vec<Effect> {
        if self.has_turns() {
            return vec![effect];
        }
        self.note(NOTHING_SAID.to_owned());
        vec![]
    }

    /// The messages that began turns, the latest first.
    fn messages(&self) -> Vec<Choice> {
        let turns = u32::try_from(self.transcript.turns.len()).unwrap_or(u32::MAX);
        let choice = |turn: u32| {
            let message = self.transcript.message_of(turn)?;
            Some(Choice {
                value: turn.to_string(),
                label: message.lines().next().unwrap_or_default().to_owned(),
                note: format!("turn {turn}"),
                is_here: true,
                is_current: false,
            })
        };
        (1..=turns).rev().filter_map(choice).collect()
    }

    /// The commands there were, the last first.
    fn commands_run(&self) -> impl Iterator<Item = (&ThreadItem, &CommandExecution)> {
        self.transcript.cells.iter().rev().filter_map(|cell| match cell {
            Cell::Item(item) => match &item.details {
                ItemDetails::CommandExecution(command) => Some((&**item, command)),
                _ => None,
            },
            Cell::Notice(_) => None,
        })
    }

    /// All that the command of this item printed, or one that is chosen.
    fn output(&mut self, id: &str) -> Vec<Effect> {
        let found = self.commands_run().find(|(item, _)| item.id == id);
        if let Some((item, command)) = found {
            return self.open_output(&item.clone(), command.clone());
        }
        let choice = |(item, command): (&ThreadItem, &CommandExecution)| Choice {
            value: item.id.clone(),
            label: cell::shown_line(&command.command),
            // More may have come since.
            note: match goes_on(command) {
                true => "went on in the background".to_owned(),
                false => count(cell::lines_printed(command), "line"),
            },
            is_here: true,
            is_current: false,
        };
        let choices: Vec<_> = self.commands_run().map(choice).collect();
        if choices.is_empty() {
            self.note("No command was run yet.".to_owned());
        } else {
            let picker = Picker::new(Verb::Output, "All that which command printed?", choices);
            self.overlays.push(Box::new(picker));
        }
        vec![]
    }

    pub(super) fn open_last_output(&mut self) -> Vec<Effect> {
        let last =
            self.commands_run().next().map(|(item, command)| (item.clone(), command.clone()));
        last.map_or_else(Vec::new, |(item, command)| self.open_output(&item, command))
    }

    fn open_output(&mut self, item: &ThreadItem, command: CommandExecution) -> Vec<Effect> {
        let title = cell::bare(&command.command);
        if self.transcript.processes.iter().any(|process| process.item_id == item.id) {
            self.overlays.push(Box::new(Pager::output(&title, &item.id)));
            return vec![self.begin_to_follow(item, &command)];
        }
        if command.truncated || goes_on(&command) {
            let call_id = call_of(item);
            return vec![Effect::ShowOutput { call_id, title, known: command.aggregated_output }];
        }
        if command.status == Status::InProgress {
            self.overlays.push(Box::new(Pager::output(&title, &item.id)));
            return vec![];
        }
        self.open_page(&title, Page::Plain(command.aggregated_output))
    }

    /// Ends one of the commands in the background: the one of this process id, or one that is chosen.
    fn processes(&mut self, argument: &str) -> Vec<Effect> {
        if !argument.is_empty() {
            let mut running = self.transcript.processes.iter().map(|process| process.pid);
            let found = argument.parse().ok().and_then(|pid: u32| running.find(|it| *it == pid));
            if found.is_none() {
                self.fail(format!("No process `{argument}` runs in the background."));
            }
            return found.map(|pid| Effect::Stop { pid }).into_iter().collect();
        }
        let choice = |process: &Process| Choice {
            value: process.pid.to_string(),
            label: exact(&process.command).into_owned(),
            note: format!("process {}", process.pid),
            is_here: true,
            is_current: false,
        };
        let choices: Vec<_> = self.transcript.processes.iter().map(choice).collect();
        if choices.is_empty() {
            self.note("Nothing runs in the background.".to_owned());
        } else {
            let picker = Picker::new(Verb::Processes, "Stop which of these?", choices);
            self.overlays.push(Box::new(picker));
        }
        vec![]
    }

    fn copy(&mut self) -> Vec<Effect> {
        let answer = self.transcript.cells.iter().rev().find_map(|cell| match cell {
            Cell::Item(item) => match &item.details {
                ItemDetails::AgentMessage { text, .. } => Some(text.clone()),
                _ => None,
            },
            Cell::Notice(_) => None,
        });
        match answer {
            Some(text) => {
                self.note("Copied the last answer.".to_owned());
                vec![Effect::Copy(pasteable(&text))]
            }
            None => {
                self.fail("There is no answer to copy yet.".to_owned());
                vec![]
            }
        }
    }

    /// Says something of ours.
    pub(super) fn note(&mut self, text: String) {
        self.transcript.cells.push(Cell::Notice(Notice::Said(text)));
    }

    pub(super) fn fail(&mut self, text: String) {
        self.transcript.cells.push(Cell::Notice(Notice::Failed(text)));
    }
}
