//! A thread opened for the screen.

use std::time::Instant;

use agent_core::{Thread, ThreadHandle, approval_rule};
use agent_protocol::{Event, Record, ThreadStarted, TransportKind};

use crate::config::Environment;
use crate::session::{self, Begin, SessionOptions};
use crate::settings::Settings;

/// A thread that nobody has seen yet.
pub(super) struct Opened {
    pub(super) thread: Thread,
    pub(super) handle: ThreadHandle,
    /// What it has said before.
    pub(super) earlier: Vec<Record>,
}

/// Opens it, and lets the connection to the model begin.
///
/// # Errors
/// When the provider cannot be asked, or the log not be read or written.
pub(super) fn open(
    settings: &Settings,
    begin: Begin,
    mut remarks: Vec<String>,
    environment: &Environment,
    process_started: Instant,
) -> anyhow::Result<Opened> {
    let mut transport = session::transport(settings, environment, None)?;
    transport.connect();
    let earlier = match &begin {
        Begin::New => vec![],
        Begin::Resume(path) | Begin::Fork(path) => agent_core::read_rollout(path)?.records,
    };
    remarks.extend(self::remarks(&earlier, settings));
    let options = SessionOptions {
        transport_kind: TransportKind::Websocket,
        live: true,
        interactive: true,
        remarks,
        ..SessionOptions::new(settings, environment, process_started)?
    };
    let opening = session::opening(settings, &options.toolbox);
    let (mut thread, handle) =
        session::open(settings, begin, opening, Box::new(transport), options)?;
    thread.warm_up();
    Ok(Opened { thread, handle, earlier })
}

/// How it was begun, or gone on with last.
fn started(earlier: &[Record]) -> Option<&ThreadStarted> {
    earlier.iter().rev().find_map(|record| match &record.event {
        Event::ThreadStarted(started) => Some(started),
        _ => None,
    })
}

/// That more or less may be done from here on than before, for the person.
pub(super) fn other_permissions(earlier: &[Record], settings: &Settings) -> Option<String> {
    let started = started(earlier)?;
    let (before, now) = (
        (started.sandbox, started.approval_policy),
        (settings.permissions.sandbox, settings.permissions.approval),
    );
    (before != now).then(|| {
        format!(
            "This thread had the sandbox {} and asked: {}; from here on it has {} and asks: {}.",
            before.0, before.1, now.0, now.1
        )
    })
}

/// What is no longer as the model was told.
fn remarks(earlier: &[Record], settings: &Settings) -> Vec<String> {
    let Some(started) = started(earlier) else { return vec![] };
    let mut remarks = vec![];
    let (mode, cwd) = (settings.permissions.sandbox, &settings.workspace.cwd);
    if started.sandbox != mode {
        remarks.push(format!("The sandbox is `{mode}` from here on."));
    }
    let approval = settings.permissions.approval;
    if started.approval_policy != approval {
        remarks.push(format!("Approvals from here on: {}", approval_rule(approval)));
    }
    if started.cwd != *cwd {
        remarks.push(format!("The working directory is {} from here on.", cwd.display()));
    }
    remarks
}
