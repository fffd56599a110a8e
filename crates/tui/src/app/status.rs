//! The line of facts below the composer: which, and in which order, is the person's choice (`tui.status_line`).

use super::{App, pages};
use crate::view::{flow, grouped, size};

/// What it says unless the person wants something else.
const DEFAULT: [Part; 9] = [
    Part::Model,
    Part::Sandbox,
    Part::Directory,
    Part::Context,
    Part::Saved,
    Part::Cached,
    Part::Cost,
    Part::Connection,
    Part::Approval,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Model,
    Directory,
    Branch,
    Sandbox,
    Approval,
    Context,
    Connection,
    Saved,
    Cached,
    Tokens,
    Cost,
    Thread,
}

/// What they are called, and by Codex where it has the same.
const NAMES: [(Part, &[&str]); 12] = [
    (Part::Model, &["model", "model-name", "model-with-reasoning"]),
    (Part::Directory, &["directory", "current-dir", "project-root"]),
    (Part::Branch, &["branch", "git-branch"]),
    (Part::Sandbox, &["sandbox"]),
    (Part::Approval, &["approval"]),
    (Part::Context, &["context", "context-remaining", "context-used"]),
    (Part::Connection, &["connection"]),
    (Part::Saved, &["saved"]),
    (Part::Cached, &["cached"]),
    (Part::Tokens, &["tokens", "used-tokens"]),
    (Part::Cost, &["cost"]),
    (Part::Thread, &["thread", "session-id"]),
];

/// Facts of Codex that there are none of here: whoever shares its configuration has made no mistake.
const OF_CODEX: [&str; 8] = [
    "codex-version",
    "context-window-size",
    "fast-mode",
    "five-hour-limit",
    "thread-title",
    "total-input-tokens",
    "total-output-tokens",
    "weekly-limit",
];

impl Part {
    fn named(name: &str) -> Option<Self> {
        let found = NAMES.iter().find(|(_, names)| names.contains(&name));
        found.map(|(part, _)| *part)
    }
}

/// What is wrong with the names that the person has chosen, if anything is.
pub(super) fn complaint(names: &[String]) -> Option<String> {
    let is_known = |name: &str| Part::named(name).is_some() || OF_CODEX.contains(&name);
    let unknown = names.iter().filter(|name| !is_known(name)).map(|name| format!("`{name}`"));
    let unknown = unknown.collect::<Vec<_>>().join(", ");
    let known: Vec<_> = NAMES.iter().filter_map(|(_, names)| names.first().copied()).collect();
    (!unknown.is_empty()).then(|| {
        format!(
            "`tui.status_line` names {unknown}, which nothing is called. There are: {}.",
            known.join(", ")
        )
    })
}

/// The facts, as many as fit into so many columns.
pub(super) fn line(app: &App, columns: usize) -> String {
    if app.transcript.thread.is_none() {
        return String::new();
    }
    let parts = match &app.facts.status_line {
        Some(names) => names.iter().filter_map(|name| Part::named(name)).collect(),
        None => DEFAULT.to_vec(),
    };
    let said: Vec<_> = parts.into_iter().filter_map(|part| say(app, part)).collect();
    let said: Vec<_> = said.iter().map(String::as_str).collect();
    // What does not fit is left out, not cut.
    flow(&said, " · ", columns).into_iter().next().unwrap_or_default()
}

/// None while there is nothing to say.
fn say(app: &App, part: Part) -> Option<String> {
    let (transcript, facts) = (&app.transcript, &app.facts);
    let thread = transcript.thread.as_ref()?;
    let (usage, bytes) = (&transcript.usage, transcript.bytes);
    Some(match part {
        Part::Model => {
            let effort = facts.effort.as_ref().map(|effort| format!(" {effort}"));
            format!("{}{}", thread.model, effort.unwrap_or_default())
        }
        Part::Directory => {
            let name = thread.cwd.file_name().unwrap_or(thread.cwd.as_os_str()).to_string_lossy();
            let branch = facts.branch.as_ref().map(|branch| format!(" ({branch})"));
            format!("{name}{}", branch.unwrap_or_default())
        }
        Part::Branch => facts.branch.clone()?,
        Part::Sandbox => thread.sandbox.to_string(),
        Part::Approval => format!("asks: {}", thread.approval_policy),
        Part::Context => left(transcript.fill.tokens(), facts.context_window)?,
        Part::Connection if transcript.retry.as_ref().is_some_and(|it| !it.is_limited()) => {
            "reconnecting".to_owned()
        }
        Part::Connection => pages::connection(transcript)?.to_owned(),
        Part::Saved => {
            let saved = bytes.stateless.saturating_sub(bytes.sent);
            (saved >= 1_000).then(|| format!("{} not sent again", size(saved)))?
        }
        Part::Cached => (usage.input_tokens > 0)
            .then(|| pages::percent(usage.cached_input_tokens, usage.input_tokens))
            .map(|share| format!("{share} cached"))?,
        Part::Tokens => format!("{} tokens", grouped(usage.input_tokens + usage.output_tokens)),
        Part::Cost => format!("${:.2}", transcript.cost_usd?),
        Part::Thread => thread.thread_id.clone(),
    })
}

/// How much room the window still has; what it holds where its size is not known.
fn left(used: u64, all: Option<u64>) -> Option<String> {
    match (used, all) {
        (0, _) => None,
        (used, Some(all)) => {
            Some(format!("{} context left", pages::percent(all.saturating_sub(used), all)))
        }
        (used, None) => Some(format!("{} tokens", grouped(used))),
    }
}
