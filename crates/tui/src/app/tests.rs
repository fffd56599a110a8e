//! The screen, by keys as people say them and by what a thread says.

mod anything;
mod asking;
mod commands;
mod looks;
mod permissions;
mod queue;
mod reading;
mod reading_on;
mod recalling;
mod refusing;
mod searching;
mod shortening;
mod talking;
mod thinking;
mod threads;
mod together;
mod trusting;
mod writing;

use super::*;
use crate::effect::{Change, Changed, Choice, GoOn, Next, Page, Scope, TrustAnswer, TrustQuestion};
use crate::fuzzy::FileMatch;
use crate::key::keys;
use crate::overlay::Place;
use agent_protocol::{
    Action, CommandExecution, Decision, DeltaField, ErrorKind, Event, ItemDetails, Network,
    SandboxMode, Status, ThreadItem, ThreadStarted, Timing, TransportKind, TurnError, TurnFailed,
    Unheard, Usage,
};

/// What happens on a screen.
type Play = fn(&mut App);

fn app() -> App {
    let mut app = App::new(Theme::colourless(), 40, 12);
    app.update(Input::Prompts(vec![]));
    app
}

/// As fast as people type, on a screen that is drawn after each key.
fn type_fast(app: &mut App, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys(text).unwrap() {
        app.update(Input::Tick(app.now_ms + 120));
        effects.extend(app.update(Input::Key(key)));
        shown(app);
    }
    effects
}

fn type_in(app: &mut App, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys(text).unwrap() {
        // Whoever answers has read what is asked.
        if app.overlays.last().is_some_and(|top| top.asks()) || app.is_unbidden() {
            app.was_drawn();
            app.update(Input::Tick(app.now_ms + 1_000));
        }
        effects.extend(app.update(Input::Key(key)));
    }
    effects
}

fn happened(app: &mut App, event: Event) {
    let record = Record { seq: None, at: String::new(), event, wire: vec![] };
    assert!(app.update(Input::Record(Box::new(record))).is_empty());
}

fn turn_completed() -> Event {
    let TurnFailed { usage, turn_usage, duration_ms, steps, timing, network, .. } =
        turn_failed(ErrorKind::Internal);
    Event::TurnCompleted(agent_protocol::TurnCompleted {
        usage,
        turn_usage,
        cost_usd: None,
        duration_ms,
        steps,
        final_message: String::new(),
        timing,
        network,
        schema_valid: None,
    })
}

/// What is done at the end of a turn.
fn turn_completes(app: &mut App) -> Vec<Effect> {
    let event = turn_completed();
    let record = Record { seq: None, at: String::new(), event, wire: vec![] };
    app.update(Input::Record(Box::new(record)))
}

fn shown(app: &mut App) -> (Vec<String>, Vec<String>) {
    let Frame { finished, region, .. } = app.draw();
    app.was_drawn();
    let rows = (0..region.area.height).map(|y| {
        let row: String = (0..region.area.width).map(|x| region[(x, y)].symbol()).collect();
        row.trim_end().to_owned()
    });
    // The row that keeps the region apart is of no interest.
    let rows = rows.skip_while(String::is_empty).collect();
    (finished.iter().map(ToString::to_string).collect(), rows)
}

fn said(text: &str) -> Event {
    said_as("i", text)
}

fn said_as(id: &str, text: &str) -> Event {
    let details = ItemDetails::AgentMessage { text: text.into(), phase: None, partial: false };
    let item = ThreadItem { id: id.into(), details, call_id: None, step: None, duration_ms: None };
    Event::ItemCompleted { item }
}

fn asks(app: &mut App, command: &str) {
    asks_about(app, "c", command);
}

fn asks_about(app: &mut App, call_id: &str, command: &str) {
    let action = Action::Run {
        command: command.into(),
        cwd: "/w".into(),
        escalated: false,
        justification: None,
        terminal: false,
    };
    let (call_id, reason) = (call_id.to_owned(), "Because.".to_owned());
    happened(
        app,
        Event::ApprovalRequested {
            call_id,
            action,
            reason,
            rule: None,
            lifts: Some("It could write everywhere.".to_owned()),
            prefix: None,
        },
    );
}

fn step_started(app: &mut App) {
    happened(app, Event::TurnStarted {});
    happened(app, Event::StepStarted { step: 1 });
}

fn delta(field: DeltaField, text: &str) -> Event {
    Event::ItemDelta { item_id: "i".into(), field, delta: text.into() }
}

fn step_completed(step: u32) -> Event {
    Event::StepCompleted(agent_protocol::StepCompleted {
        step,
        response_id: "r".into(),
        model: "m".into(),
        transport: TransportKind::Websocket,
        connection: 1,
        bytes_up: 0,
        bytes_down: 0,
        bytes_stateless: 0,
        incremental: true,
        reason: agent_protocol::SendReason::Chained,
        connect_ms: 0.0,
        ttfb_ms: 0.0,
        queue_ms: None,
        ttft_ms: None,
        total_ms: 0.0,
        tool_wait_ms: 0.0,
        tool_ms: 0.0,
        overhead_ms: 0.0,
        usage: Usage::default(),
        cache_diagnostics: None,
        broken: false,
    })
}

fn turn_failed(kind: ErrorKind) -> TurnFailed {
    TurnFailed {
        error: TurnError {
            message: "interrupted".into(),
            kind,
            retryable: true,
            http_status: None,
            provider_code: None,
            request_id: None,
        },
        usage: Usage::default(),
        turn_usage: Usage::default(),
        duration_ms: 0,
        steps: 1,
        timing: Timing::default(),
        network: Network {
            transport: TransportKind::Websocket,
            connects: 1,
            reconnects: 0,
            bytes_up: 0,
            bytes_down: 0,
        },
    }
}

fn thread_started() -> Event {
    Event::ThreadStarted(ThreadStarted {
        thread_id: "0199".into(),
        schema_version: 1,
        agent_version: "0.1.0".into(),
        model: "gpt-6-sol".into(),
        provider: "openai".into(),
        transport: TransportKind::Websocket,
        cwd: "/home/me/project".into(),
        sandbox: SandboxMode::WorkspaceWrite,
        approval_policy: agent_protocol::ApprovalPolicy::OnRequest,
        resumed_from: None,
        session_path: None,
    })
}

fn running(line: &str) -> Event {
    let details = ItemDetails::CommandExecution(CommandExecution::begun(line));
    let call_id = Some("c".to_owned());
    let item = ThreadItem { id: "i9".into(), details, call_id, step: None, duration_ms: None };
    Event::ItemStarted { item, rule: None }
}

fn files(query: &str, paths: &[&str]) -> Input {
    let found = paths
        .iter()
        .map(|path| FileMatch { path: (*path).to_owned(), positions: vec![] })
        .collect();
    Input::Files { query: query.into(), found }
}

fn patch_delta(index: u32, path: &str, diff: &str) -> Event {
    let count = |mark| Some(diff.lines().filter(|line| line.starts_with(mark)).count() as u64);
    let change = agent_protocol::FileChange {
        path: path.into(),
        kind: agent_protocol::ChangeKind::Update,
        additions: count('+'),
        deletions: count('-'),
        diff: Some(diff.into()),
        diff_truncated: false,
        move_path: None,
    };
    Event::PatchDelta { item_id: "p".into(), call_id: Some("c".into()), index, change }
}
