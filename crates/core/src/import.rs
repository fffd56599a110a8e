//! Threads of other programs, made ours. Their files are only read; what is not understood of them is left out, and
//! said. So far those of Codex (conventions.md 10).

mod codex;
mod repair;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use agent_protocol::{
    ApprovalPolicy, Event, Header, Item, ItemDetails, Network, ROLLOUT_FORMAT, Record, SandboxMode,
    ThreadItem, ThreadStarted, Timing, TransportKind, TurnCompleted, Usage,
};

use crate::opened::Opened;
use crate::private::create_private_dir;
use crate::rollout::{Rollout, RolloutError};
use crate::threads::{Threads, ThreadsError};
pub use codex::CodexHome;
use codex::Session;

/// What became of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Import {
    Done(Imported),
    /// A thread of this id is kept already.
    Known {
        id: String,
    },
    /// It holds nothing that a person said, or belongs to another session.
    Nothing {
        why: &'static str,
    },
}

/// A session that is now a thread of ours, under the id it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    pub id: String,
    pub turns: u32,
    /// Lines that were not understood.
    pub skipped: u32,
    /// Calls that were given an output, and outputs that were left out, so that each call has exactly one.
    pub repaired: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a session of Codex", .0.display())]
    Foreign(PathBuf),
    #[error("cannot keep the thread {id}: {source}")]
    Keep { id: String, source: io::Error },
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// Of a session: more than any has.
const MOST_BYTES: u64 = 1 << 30;

/// Makes one session of Codex a thread of ours. `name` is what the person called it.
///
/// # Errors
/// When it cannot be read, is no such session, or the thread cannot be written; then there is no half of one.
pub fn import_codex(
    path: &Path,
    name: Option<&str>,
    threads: &Threads,
) -> Result<Import, ImportError> {
    let bytes = Opened::named(path)
        .and_then(|opened| opened.bytes(MOST_BYTES))
        .map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
    let session = Session::read(&String::from_utf8_lossy(&bytes))
        .ok_or_else(|| ImportError::Foreign(path.to_owned()))?;
    if session.is_of_another {
        return Ok(Import::Nothing { why: "it is part of another session" });
    }
    if session.turns.is_empty() {
        return Ok(Import::Nothing { why: "nothing was said in it" });
    }
    if threads.dir().join(&session.id).exists() {
        return Ok(Import::Known { id: session.id });
    }
    let imported = keep(&session, threads)?;
    if let Some(name) = name {
        threads.set_name(&imported.id, name)?;
    }
    Ok(Import::Done(imported))
}

/// Written aside and moved into place whole.
fn keep(session: &Session, threads: &Threads) -> Result<Imported, ImportError> {
    let id = session.id.clone();
    let failed = |source| ImportError::Keep { id: id.clone(), source };
    let aside = threads.dir().join(format!(".import-{}", std::process::id()));
    create_private_dir(&aside).map_err(failed)?;
    let _ = fs::remove_dir_all(aside.join(&id));
    let mut rollout = Rollout::create(&aside, &header(session))?;
    let (window, repaired) = repair::paired(session.window.clone());
    for (index, mut record) in records(session, window).into_iter().enumerate() {
        record.seq = Some(index as u64 + 1);
        rollout.append(&record)?;
    }
    rollout.sync()?;
    if let Some(changed) = session.last_at().and_then(time) {
        // Where it stands in the list; not worth failing for.
        let _ = File::options()
            .append(true)
            .open(rollout.path())
            .and_then(|file| file.set_modified(changed));
    }
    drop(rollout);
    fs::rename(aside.join(&id), threads.dir().join(&id)).map_err(failed)?;
    let _ = fs::remove_dir(&aside);
    Ok(Imported { id, turns: session.turns.len() as u32, skipped: session.skipped, repaired })
}

fn header(session: &Session) -> Header {
    Header {
        format: ROLLOUT_FORMAT,
        thread_id: session.id.clone(),
        created_at: session.created_at.clone(),
        // Not ours: a thread that goes on gets our instructions and tools.
        agent_version: format!("codex {}", session.version),
        cwd: session.cwd.clone(),
        provider: session.provider.clone(),
        model: session.model.clone(),
        forked_from: None,
        instructions: session.instructions.clone(),
        tools: vec![],
    }
}

/// What was seen, turn by turn; then the window as it was at the end, which compactions may have shortened.
fn records(session: &Session, window: Vec<Item>) -> Vec<Record> {
    let record = |at: &str, event| Record { seq: None, at: at.to_owned(), event, wire: vec![] };
    let mut records = vec![record(&session.created_at, Event::ThreadStarted(started(session)))];
    let mut number = 0;
    for turn in &session.turns {
        records.push(record(&turn.at, Event::TurnStarted {}));
        for (at, details, call_id) in &turn.shown {
            number += 1;
            let item = ThreadItem {
                id: format!("i{number}"),
                details: details.clone(),
                call_id: call_id.clone(),
                step: None,
                duration_ms: None,
            };
            records.push(record(at, Event::ItemCompleted { item }));
        }
        let last = turn.shown.last().map_or(&turn.at, |(at, ..)| at);
        records.push(record(last, Event::TurnCompleted(completed(turn))));
    }
    let at = session.last_at().unwrap_or(&session.created_at);
    records.push(Record { wire: window, ..record(at, Event::WireRecorded {}) });
    records
}

fn started(session: &Session) -> ThreadStarted {
    ThreadStarted {
        thread_id: session.id.clone(),
        schema_version: 1,
        agent_version: format!("codex {}", session.version),
        model: session.model.clone(),
        provider: session.provider.clone(),
        transport: TransportKind::HttpSse,
        cwd: session.cwd.clone(),
        sandbox: SandboxMode::default(),
        approval_policy: ApprovalPolicy::default(),
        resumed_from: None,
        session_path: None,
    }
}

/// Codex does not log where the time went; nothing is better than something made up.
fn completed(turn: &codex::Turn) -> TurnCompleted {
    let messages = turn.shown.iter().rev().filter_map(|(_, details, _)| match details {
        ItemDetails::AgentMessage { text, .. } => Some(text.clone()),
        _ => None,
    });
    TurnCompleted {
        usage: Usage::default(),
        turn_usage: Usage::default(),
        cost_usd: None,
        duration_ms: 0,
        steps: 0,
        final_message: messages.into_iter().next().unwrap_or_default(),
        timing: Timing::default(),
        network: Network {
            transport: TransportKind::HttpSse,
            connects: 0,
            reconnects: 0,
            bytes_up: 0,
            bytes_down: 0,
        },
        schema_valid: None,
    }
}

fn time(at: &str) -> Option<SystemTime> {
    let at: jiff::Timestamp = at.parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_millis(at.as_millisecond().try_into().ok()?))
}

#[cfg(test)]
mod tests;
