//! Which response comes next. It is read from the conversation itself, so that a request that is asked again
//! after a lost connection, by whatever way, gets the same answer; only what leaves no trace in a conversation
//! (an error, an empty response) is remembered.

use std::collections::{HashMap, HashSet};

use agent_protocol::{Item, ItemKind, Request, Role, Window};
use serde::Deserialize;

use super::{End, Output, Script, Step};

/// The response to give, and how many of its items the client has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) number: usize,
    pub(crate) done: usize,
}

/// What happened in one conversation (told apart by its `prompt_cache_key`) that its items do not show.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Responses begun, with the number of messages the person had sent by then.
    begun: HashMap<usize, usize>,
    /// Responses given to their end.
    ended: HashSet<usize>,
}

impl Progress {
    pub(crate) fn begin(&mut self, number: usize, request: &Request) {
        self.begun.entry(number).or_insert_with(|| user_messages(&request.window));
    }

    pub(crate) fn end(&mut self, number: usize) {
        self.ended.insert(number);
    }

    /// Whether a response that left no item behind was given: it had none, or the person interrupted it and has
    /// said something since.
    fn is_over(&self, number: usize, step: &Step, window: &Window) -> bool {
        let begun = self.begun.get(&number);
        (step.completed_items() == 0 && self.ended.contains(&number))
            || begun.is_some_and(|users| *users < user_messages(window))
    }
}

impl Position {
    pub(crate) fn find(script: &Script, request: &Request, progress: &Progress) -> Self {
        let window = &request.window;
        let mut position = Self::in_window(script, window)
            .unwrap_or_else(|| Self { number: first_number(script, progress), done: 0 });
        while position.done == 0
            && let Some((step, _)) = script.step(position.number)
            && progress.is_over(position.number, step, window)
        {
            position.number += 1;
        }
        position
    }

    /// None when the model has said nothing yet.
    fn in_window(script: &Script, window: &Window) -> Option<Self> {
        let located = (0..window.len()).rev().find_map(|index| {
            let item = window.from(index).next()?;
            Some((index, locate(script, item)?))
        });
        let (start, mut current) = match located {
            Some((index, (number, place))) => {
                (index + 1, Some(Run { number, done: place + 1, open: true, foreign: false }))
            }
            None => (0, None),
        };
        let mut person_spoke = false;
        for item in window.from(start) {
            if is_of_the_model(item) {
                match &mut current {
                    Some(run) if run.open => run.done += 1,
                    _ => {
                        let number = current.map_or(0, |run| run.number + 1);
                        current = Some(Run { number, done: 1, open: true, foreign: true });
                    }
                }
                person_spoke = false;
            } else {
                if let Some(run) = &mut current {
                    run.open = false;
                }
                person_spoke |= is_of_the_person(item);
            }
        }
        let run = current?;
        let next = Self { number: run.number + 1, done: 0 };
        let Some((step, _)) = script.step(run.number) else { return Some(next) };
        let items = step.completed_items();
        let here = Self { number: run.number, done: run.done };
        let plain_end = matches!(step.end, End::Completed { end_turn: true });
        Some(match () {
            // The client gave our items other names, or left some out: it has what it wanted of them.
            () if run.foreign || person_spoke => next,
            () if run.done < items => here,
            // All items and nothing behind them: the response was cut before its end.
            () if run.open && plain_end => here,
            () => next,
        })
    }
}

/// Where a conversation without any item of the model stands: at the beginning, or at the latest step that says it
/// follows on a summary and whose predecessor was given.
fn first_number(script: &Script, progress: &Progress) -> usize {
    let after_summary = script
        .steps()
        .filter(|(number, step)| {
            step.starts_over && *number > 0 && progress.ended.contains(&(number - 1))
        })
        .last();
    after_summary.map_or(0, |(number, _)| number)
}

/// Items of the model that stand together: one response.
#[derive(Clone, Copy)]
struct Run {
    number: usize,
    done: usize,
    /// Nothing of the client stands behind it.
    open: bool,
    /// It bears none of our ids.
    foreign: bool,
}

/// The ids that a script states itself, each with its response and the place in it.
pub(crate) fn stated_ids(number: usize, step: &Step) -> Vec<(String, (usize, usize))> {
    let stated = |output: &Output| match output {
        Output::Call(call) => call.call_id.clone().into_iter().collect(),
        Output::Raw(json) => Names::read(json).all(),
        _ => Vec::new(),
    };
    let items = step.items().enumerate();
    items
        .flat_map(|(place, output)| stated(output).into_iter().map(move |id| (id, (number, place))))
        .collect()
}

/// The response an item came with, and its place there; none when it bears no id of ours.
fn locate(script: &Script, item: &Item) -> Option<(usize, usize)> {
    if item.answers().is_some() {
        return None;
    }
    Names::read(item.json()).all().iter().find_map(|id| {
        let place = || parse_id(id).filter(|(number, _)| *number < script.len());
        script.stated_ids.get(id).copied().or_else(place)
    })
}

#[derive(Default, Deserialize)]
struct Names {
    id: Option<String>,
    call_id: Option<String>,
}

impl Names {
    fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    fn all(self) -> Vec<String> {
        self.call_id.into_iter().chain(self.id).collect()
    }
}

/// The id of an item: kind, response (counted from 1), place in it.
pub(crate) fn item_id(prefix: &str, number: usize, place: usize) -> String {
    format!("{prefix}_{}_{place}", number + 1)
}

fn parse_id(id: &str) -> Option<(usize, usize)> {
    let mut parts = id.splitn(3, '_');
    if !matches!(parts.next()?, "rs" | "msg" | "fc" | "ctc" | "call" | "cmp" | "item") {
        return None;
    }
    let number: usize = parts.next()?.parse().ok()?;
    Some((number.checked_sub(1)?, parts.next()?.parse().ok()?))
}

/// The text of the latest output of the call with this label.
pub(crate) fn output_of(script: &Script, label: &str, request: &Request) -> Option<String> {
    let (responses, place) = script.labelled(label)?;
    let (step, _) = script.step(responses.start)?;
    let explicit = step.items().nth(place).and_then(|output| match output {
        Output::Call(call) => call.call_id.as_deref(),
        _ => None,
    });
    let window = &request.window;
    (0..window.len()).rev().find_map(|index| {
        let item = window.from(index).next()?;
        let call_id = item.answers()?;
        let ours = Some(call_id) == explicit
            || parse_id(call_id).is_some_and(|(n, p)| responses.contains(&n) && p == place);
        ours.then(|| output_text(item))
    })
}

/// The text of an output: a string, or the texts of its parts.
fn output_text(item: &Item) -> String {
    #[derive(Deserialize)]
    struct Body {
        output: serde_json::Value,
    }
    match serde_json::from_str(item.json()) {
        Ok(Body { output: serde_json::Value::String(text) }) => text,
        Ok(Body { output: serde_json::Value::Array(parts) }) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        Ok(Body { output }) => output.to_string(),
        Err(_) => String::new(),
    }
}

pub(crate) fn is_of_the_model(item: &Item) -> bool {
    matches!(
        item.kind(),
        ItemKind::Message { role: Role::Assistant, .. }
            | ItemKind::Reasoning { .. }
            | ItemKind::ToolCall(_)
            | ItemKind::WebSearch(_)
            | ItemKind::Compaction
    )
}

fn is_of_the_person(item: &Item) -> bool {
    matches!(item.kind(), ItemKind::Message { role: Role::User, .. })
}

fn user_messages(window: &Window) -> usize {
    window.iter().filter(|item| is_of_the_person(item)).count()
}
