//! `agent threads`: the threads kept on this machine, listed, shown, named, removed, imported. How they are found is
//! `agent-core`'s business.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use agent_core::{Among, CodexHome, Import, Last, ThreadSummary, Threads, ThreadsError};
use agent_protocol::{Event, ItemDetails, MessagePhase, Record};
use agent_tui::{exact, written};
use serde_json::json;

use crate::exec::HumanPrinter;
use crate::json_line::json_line;
use crate::say;
use crate::screen::Screen;

/// `agent threads`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ThreadsArgs {
    /// Print JSON, one thread per line.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<ThreadsCommand>,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum ThreadsCommand {
    /// Show what was said and done in a thread.
    Show {
        #[command(flatten)]
        thread: ThreadArg,
        /// Print its records, one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Give a thread a name by which it is found; an empty one takes it away.
    Name { id: String, name: String },
    /// Make the sessions of another program threads of ours; its files are only read.
    Import {
        /// Whose they are.
        #[arg(long, value_name = "PROGRAM", value_parser = ["codex"])]
        from: String,
        /// Only these files; all sessions of the program if not given.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Remove threads, and all that is kept of them.
    Rm {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// Which thread is meant.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ThreadArg {
    /// Its id, the beginning of its id, or its name; if not given, the last thread of this directory.
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// The last thread of this directory.
    #[arg(long, conflicts_with = "id")]
    pub(crate) last: bool,
    /// The last thread of all directories.
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
}

/// Nobody said where Codex keeps its sessions.
#[derive(Debug, thiserror::Error)]
#[error("there is no home directory, so no sessions of Codex; name their files")]
pub(crate) struct NoCodexHome;

/// There is no thread to speak of.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoThread {
    #[error("no thread was kept of {}", .0.display())]
    InDirectory(PathBuf),
    #[error("no thread was kept")]
    Anywhere,
}

impl ThreadArg {
    /// Says so where it is an older one than the last, because that cannot be read.
    ///
    /// # Errors
    /// When there is none, or more than one may be meant.
    pub(crate) fn find(&self, threads: &Threads, cwd: &Path) -> anyhow::Result<ThreadSummary> {
        if let Some(id) = &self.id {
            return Ok(threads.find(id)?);
        }
        let among = Among { cwd: (!self.all).then_some(cwd), provider: None };
        let none =
            if self.all { NoThread::Anywhere } else { NoThread::InDirectory(cwd.to_owned()) };
        let last = threads.last(among)?;
        if last.thread.is_some() {
            say_passed_over(&last);
        }
        let Last { thread, passed_over } = last;
        let why = passed_over.into_iter().next();
        thread.ok_or_else(|| why.map_or_else(|| none.into(), anyhow::Error::from))
    }
}

/// Says in a line which thread is taken for the last, where a later one cannot be read.
pub(crate) fn say_passed_over(last: &Last) {
    let Some((first, more)) = last.passed_over.split_first() else { return };
    let folder = first.path().parent().and_then(Path::file_name).unwrap_or_default();
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    let taken = last.thread.as_ref().map_or_else(
        || "a new one begins".to_owned(),
        |taken| format!("the last that can be read is {} ({})", taken.id, taken.title()),
    );
    let id = folder.to_string_lossy();
    say::note(format_args!("note: passed over the thread {id} ({first}){more}: {taken}"));
}

/// Does it and returns what is to be printed. `now` is what ages are told from, `codex_home` where Codex keeps its
/// sessions.
///
/// # Errors
/// When a thread is not found, cannot be read, or is in use.
pub(crate) fn run(
    args: &ThreadsArgs,
    state: &Path,
    codex_home: Option<&Path>,
    cwd: &Path,
    screen: Screen,
    now: SystemTime,
) -> anyhow::Result<String> {
    let threads = Threads::under(state);
    match &args.command {
        None => list(&threads, args.json, screen, now),
        Some(ThreadsCommand::Show { thread, json }) => {
            let loaded = agent_core::read_rollout(&thread.find(&threads, cwd)?.path)?;
            if *json { records(&loaded.records) } else { Ok(conversation(&loaded, screen)) }
        }
        Some(ThreadsCommand::Name { id, name }) => {
            let thread = threads.find(id)?;
            threads.set_name(&thread.id, name)?;
            Ok(String::new())
        }
        Some(ThreadsCommand::Import { files, .. }) => import(&threads, files, codex_home),
        Some(ThreadsCommand::Rm { ids }) => {
            // All are found before any is removed.
            let found =
                ids.iter().map(|id| threads.find(id)).collect::<Result<Vec<_>, ThreadsError>>()?;
            let mut text = String::new();
            for thread in found {
                threads.remove(&thread)?;
                let _ = writeln!(text, "removed {}  {}", thread.id, written(thread.title()));
            }
            Ok(text)
        }
    }
}

/// One that cannot be imported keeps no other from it.
fn import(threads: &Threads, files: &[PathBuf], home: Option<&Path>) -> anyhow::Result<String> {
    let home = home.map(CodexHome::at);
    let names = home.as_ref().map(CodexHome::names).unwrap_or_default();
    let all = || home.as_ref().map(CodexHome::rollouts);
    let files = if files.is_empty() { all().ok_or(NoCodexHome)? } else { files.to_vec() };
    let (mut text, mut done, mut known, mut others) = (String::new(), 0, 0, 0);
    for file in files {
        // The id ends the file's name.
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let name =
            names.iter().find(|(id, _)| stem.ends_with(id.as_str())).map(|(_, name)| name.as_str());
        match agent_core::import_codex(&file, name, threads) {
            Ok(Import::Done(imported)) => {
                done += 1;
                let _ = writeln!(text, "imported {}  {} turns", imported.id, imported.turns);
            }
            Ok(Import::Known { .. }) => known += 1,
            Ok(Import::Nothing { .. }) => others += 1,
            Err(error) => {
                let _ = writeln!(text, "left out: {}", written(&error.to_string()));
            }
        }
    }
    let _ = writeln!(
        text,
        "{done} imported, {known} were here already, {others} had nothing to import"
    );
    Ok(text)
}

fn list(threads: &Threads, json: bool, screen: Screen, now: SystemTime) -> anyhow::Result<String> {
    let listing = threads.list()?;
    let mut text = String::new();
    if json {
        for thread in &listing.threads {
            let _ = writeln!(text, "{}", json_line(&as_json(thread))?);
        }
        return Ok(text);
    }
    let length = unique_prefix(&listing.threads);
    for thread in &listing.threads {
        let age = age(now.duration_since(thread.changed).unwrap_or_default().as_secs());
        let turns =
            if thread.turns == 1 { "1 turn".to_owned() } else { format!("{} turns", thread.turns) };
        let id = screen.paint(&thread.id[..length.min(thread.id.len())], "36");
        let title = written(thread.title());
        let place = screen.paint(&exact(&thread.cwd.display().to_string()), "2");
        let _ = writeln!(text, "{id}  {age:>8}  {turns:>9}  {title}  {place}");
    }
    for error in &listing.unreadable {
        let _ = writeln!(text, "{}", screen.paint(&format!("unreadable: {error}"), "33"));
    }
    if text.is_empty() {
        text.push_str("No thread was kept yet.\n");
    }
    Ok(text)
}

fn as_json(thread: &ThreadSummary) -> serde_json::Value {
    let changed = jiff::Timestamp::try_from(thread.changed).map(|changed| format!("{changed:.3}"));
    json!({
        "id": thread.id,
        "name": thread.name,
        "first_message": thread.first_message,
        "cwd": thread.cwd,
        "provider": thread.provider,
        "model": thread.model,
        "created_at": thread.created_at,
        "changed_at": changed.ok(),
        "turns": thread.turns,
        "forked_from": thread.forked_from,
        "path": thread.path,
    })
}

/// How many characters of an id tell it from all others; at least 8.
fn unique_prefix(threads: &[ThreadSummary]) -> usize {
    let mut ids: Vec<_> = threads.iter().map(|thread| thread.id.as_str()).collect();
    ids.sort_unstable();
    let common = |pair: &[&str]| {
        pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count() + 1
    };
    ids.windows(2).map(common).max().unwrap_or_default().max(8)
}

/// `now`, `5 min`, `3 h`, `12 d`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => "now".to_owned(),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The rollout's records without the items of the API.
fn records(records: &[Record]) -> anyhow::Result<String> {
    let mut text = String::new();
    for record in records.iter().filter(|record| record.event != Event::WireRecorded {}) {
        let shown = Record { wire: vec![], ..record.clone() };
        text += &json_line(&shown)?;
        text.push('\n');
    }
    Ok(text)
}

/// What was said and done, as a person saw it.
fn conversation(loaded: &agent_core::Loaded, screen: Screen) -> String {
    let mut out = Vec::new();
    for record in &loaded.records {
        if let Some(said) = said(record, screen) {
            out.extend(said.into_bytes());
            continue;
        }
        let mut printer = HumanPrinter::new(&mut out, screen.coloured, &loaded.header.cwd);
        // Writing to memory does not fail.
        let _ = printer.print(record);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What the progress of a run leaves out: the person's words, and the answer.
fn said(record: &Record, screen: Screen) -> Option<String> {
    let Event::ItemCompleted { item } = &record.event else { return None };
    match &item.details {
        ItemDetails::UserMessage { text } => {
            let lines = written(text.trim()).replace('\n', "\n  ");
            Some(format!("\n{}\n\n", screen.paint(&format!("› {lines}"), "1")))
        }
        ItemDetails::AgentMessage {
            text,
            phase: Some(MessagePhase::Final) | None,
            partial: false,
        } => Some(format!("\n{}\n", written(text.trim()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
