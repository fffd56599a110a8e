//! Texts that the screen makes of what it knows: help, keys, status, and the conversation for a file.

use std::fmt::Write as _;

use agent_protocol::{ItemDetails, TransportKind};

use super::App;
use crate::cell;
use crate::composer;
use crate::effect::PageEntry;
use crate::filter::{exact, exact_name, plain, written};
use crate::key::spoken;
use crate::prompts::{Origin, Prompt};
use crate::slash::TABLE;
use crate::transcript::{Cell, Connection, Notice, Transcript};
use crate::view::{grouped, size};

/// Keys of the whole screen, as [`crate::key::keys`] writes them.
const KEYS: &[(&str, &str)] = &[
    ("/", "a command; /help shows all"),
    ("@", "a file, by a few letters of its path"),
    ("!", "a command line of your own; the model reads what came of it"),
    ("<tab>", "take what the list above the composer offers"),
    ("<enter>", "while a turn runs: the model hears it at once"),
    ("<tab>", "while a turn runs: for after it"),
    ("<up>", "while a turn runs: take back what was not heard yet"),
    ("?", "these keys, when nothing is written"),
    ("<esc>", "stop what runs; twice when nothing does: back to an earlier message"),
    ("<c-c>", "stop and clear; twice leaves"),
    ("<c-d>", "leave, when nothing is written and nothing runs"),
    ("<c-t>", "the whole conversation"),
    ("<a-t>", "what the model thinks: in full from here on, or in a row"),
    ("<c-g>", "write in your editor"),
    ("<c-v>", "the picture in the clipboard"),
    ("<f2>", "the line of facts, on or off"),
    ("<c-o>", "the whole output of the last command"),
];

const PAGER_KEYS: &[(&str, &str)] = &[
    ("<up>", "a row up; also k"),
    ("<down>", "a row down; also j"),
    ("<pageup>", "a page up; also b"),
    ("<pagedown>", "a page down; also space"),
    ("g", "to the beginning"),
    ("G", "to the end"),
    ("/", "search; n the next, N the one before"),
    ("<tab>", "in the conversation: to the next command"),
    ("<enter>", "in the conversation: all that the command printed"),
    ("q", "close"),
];

/// `/help`.
pub(super) fn help(prompts: &[Prompt]) -> Vec<PageEntry> {
    let named = |name: &str, argument: &str, says: &str| {
        let name = written(format!("/{name} {argument}").trim_end()).replace('\n', " ");
        PageEntry::Named { name, says: says.to_owned() }
    };
    let known = TABLE.iter().map(|slash| named(slash.name, slash.argument, slash.says));
    let kept = |origin: Origin, heading: &'static str| {
        let of_it = prompts.iter().filter(move |prompt| prompt.origin == origin);
        let heading = of_it.clone().next().map(|_| PageEntry::Heading(heading));
        let named = |it: &Prompt| named(&it.name, &it.argument_hint, &it.description);
        heading.into_iter().chain(of_it.map(named))
    };
    known
        .chain(kept(Origin::Person, "Your own prompts"))
        .chain(kept(Origin::Project, "Prompts of this project"))
        .collect()
}

/// `/keys`.
pub(super) fn keys() -> Vec<PageEntry> {
    let named = |(key, says): &(&str, &str)| PageEntry::Named {
        name: spoken(key),
        says: (*says).to_owned(),
    };
    let known = KEYS.iter().map(named);
    let writing = [PageEntry::Heading("Where you write")].into_iter();
    let writing = writing.chain(composer::KEYS.iter().map(named));
    let paging = [PageEntry::Heading("In a pager")].into_iter();
    let paging = paging.chain(PAGER_KEYS.iter().map(named));
    known.chain(writing).chain(paging).collect()
}

fn columns(rows: impl Iterator<Item = (String, String)>) -> String {
    let rows: Vec<_> = rows.map(|(left, right)| (left.trim_end().to_owned(), right)).collect();
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    rows.iter().map(|(left, right)| format!("  {left:<width$}  {right}\n")).collect()
}

/// `/status`.
pub(super) fn status(app: &App) -> String {
    let (transcript, facts) = (&app.transcript, &app.facts);
    let Some(thread) = &transcript.thread else { return "No thread is open.".to_owned() };
    let mut rows = Vec::new();
    let effort = facts.effort.as_ref().map(|effort| format!(", effort {effort}"));
    rows.push((
        "model",
        format!("{}{} ({})", thread.model, effort.unwrap_or_default(), thread.provider),
    ));
    let branch = facts.branch.as_ref().map(|branch| format!(", branch {branch}"));
    rows.push(("directory", format!("{}{}", thread.cwd.display(), branch.unwrap_or_default())));
    rows.push(("sandbox", format!("{}; asks: {}", thread.sandbox, thread.approval_policy)));
    rows.push(("thread", thread.thread_id.clone()));
    if transcript.fill.tokens() > 0 {
        rows.push(("window", window(app)));
    }
    let usage = &transcript.usage;
    if usage.input_tokens > 0 {
        let cached = percent(usage.cached_input_tokens, usage.input_tokens);
        let (read, written) = (grouped(usage.input_tokens), grouped(usage.output_tokens));
        rows.push(("tokens", format!("{read} in, {cached} of them cached; {written} out")));
    }
    if let Some(cost) = transcript.cost_usd {
        rows.push(("cost", format!("${cost:.2} for the last turn")));
    }
    let bytes = transcript.bytes;
    let travels = connection(transcript).unwrap_or("none yet");
    rows.push((
        "connection",
        // Before the first request there is nothing to compare.
        if bytes.stateless == 0 {
            travels.to_owned()
        } else {
            format!("{travels}; {} sent instead of {}", size(bytes.sent), size(bytes.stateless))
        },
    ));
    let rows = columns(rows.into_iter().map(|(name, value)| (name.to_owned(), value)));
    rows.lines().map(|row| format!("{}\n", row.trim_start())).collect()
}

/// How full the window is.
pub(super) fn window(app: &App) -> String {
    let used = app.transcript.fill.tokens();
    match app.facts.context_window {
        Some(all) => {
            format!("{} of {} tokens, {}", grouped(used), grouped(all), percent(used, all))
        }
        None => format!("{} tokens", grouped(used)),
    }
}

/// How requests travel; none before one did.
pub(super) fn connection(transcript: &Transcript) -> Option<&'static str> {
    let sent = transcript.live.sent.map(Connection::By);
    Some(match sent.unwrap_or(transcript.connection) {
        Connection::Unknown => return None,
        Connection::Lost => "not connected",
        Connection::Limited => "rate limit",
        Connection::By(TransportKind::Websocket) => "WebSocket",
        Connection::By(TransportKind::HttpSse) => "HTTP",
        Connection::By(TransportKind::Replay) => "a recording",
    })
}

pub(super) fn percent(part: u64, of: u64) -> String {
    format!("{} %", (part * 100).checked_div(of).unwrap_or(0))
}

/// The conversation as Markdown, with nothing in it that a terminal would obey on which the file is read.
pub(super) fn export(transcript: &Transcript) -> String {
    let mut text = String::new();
    for cell in &transcript.cells {
        let item = match cell {
            Cell::Item(item) => item,
            Cell::Notice(Notice::Said(said) | Notice::Failed(said) | Notice::Refused(said)) => {
                let _ = write!(text, "> {}\n\n", written(said.trim()).replace('\n', "\n> "));
                continue;
            }
        };
        match &item.details {
            ItemDetails::UserMessage { text: said } => {
                let _ = write!(text, "## {}\n\n", written(said.trim()).replace('\n', "\n\n"));
            }
            ItemDetails::AgentMessage { text: said, .. } => {
                let _ = write!(text, "{}\n\n", written(said.trim()));
            }
            ItemDetails::CommandExecution(command) => {
                let output = plain(command.aggregated_output.trim_end());
                let line = cell::shown_line(&command.command);
                let fence = fence(&output);
                let _ = writeln!(text, "{fence}console\n$ {line}");
                if !output.is_empty() {
                    let _ = writeln!(text, "{output}");
                }
                let _ = write!(text, "{fence}\n\n");
            }
            ItemDetails::FileChange { changes, .. } => {
                for change in changes {
                    let diff = exact(change.diff.as_deref().unwrap_or_default().trim_end());
                    let fence = fence(&diff);
                    let path = change.path.display().to_string();
                    let path = exact_name(&path);
                    let _ = write!(text, "`{path}`\n\n{fence}diff\n{diff}\n{fence}\n\n");
                }
            }
            _ => {}
        }
    }
    text
}

/// Longer than every row of backticks within.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}
