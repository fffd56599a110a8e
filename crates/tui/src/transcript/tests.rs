//! What the fold makes of events, live and read back.

use super::live::MAX_TAIL;
use super::*;
use agent_protocol::{CommandExecution, DeltaField, FileChange};

fn command(status: Status) -> ThreadItem {
    let details = ItemDetails::CommandExecution(CommandExecution {
        exit_code: (status == Status::Completed).then_some(0),
        status,
        ..CommandExecution::begun("make")
    });
    item("i1", details)
}

fn item(id: &str, details: ItemDetails) -> ThreadItem {
    ThreadItem { id: id.into(), details, call_id: None, step: None, duration_ms: None }
}

fn said(text: &str) -> ThreadItem {
    item("i2", ItemDetails::AgentMessage { text: text.into(), phase: None, partial: false })
}

fn patch(diff: &str) -> FileChange {
    FileChange {
        path: "/w/a".into(),
        kind: agent_protocol::ChangeKind::Update,
        additions: Some(diff.lines().count() as u64),
        deletions: Some(0),
        diff: Some(diff.into()),
        diff_truncated: false,
        move_path: None,
    }
}

fn drawn(item_id: &str, call_id: &str, diff: &str) -> Event {
    let (item_id, call_id) = (item_id.into(), Some(call_id.into()));
    Event::PatchDelta { item_id, call_id, index: 0, change: patch(diff) }
}

#[test]
fn a_patch_is_seen_while_it_is_written_until_it_begins_or_is_refused() {
    let mut transcript = fold(&[drawn("i1", "c1", "+a\n"), drawn("i2", "c2", "+b\n")]);
    transcript.apply(&drawn("i1", "c1", "+c\n"));
    assert_eq!(transcript.live.drafts[0].changes, [patch("+a\n+c\n")]);
    let details = ItemDetails::FileChange { changes: vec![], status: Status::InProgress };
    transcript.apply(&Event::ItemStarted { item: item("i1", details), rule: None });
    let ids = |transcript: &Transcript| -> Vec<_> {
        transcript.live.drafts.iter().map(|draft| draft.item_id.clone()).collect()
    };
    assert_eq!(ids(&transcript), ["i2"]);
    transcript.apply(&drawn("i3", "c3", "+d\n"));
    transcript.apply(&Event::ToolRejected {
        call_id: "c2".into(),
        tool: "apply_patch".into(),
        reason: agent_protocol::RejectReason::PatchMismatch,
        message: String::new(),
        rule: None,
    });
    assert_eq!(ids(&transcript), ["i3"]);
    transcript.rest();
    assert_eq!(transcript.live.drafts, []);
}

#[test]
fn of_a_long_patch_the_end_is_kept_and_all_is_counted() {
    let mut transcript = Transcript::default();
    let line = drawn("i1", "c", &"+0123456789\n".repeat(100));
    (0..100).for_each(|_| transcript.apply(&line));
    let change = &transcript.live.drafts[0].changes[0];
    let diff = change.diff.as_deref().unwrap();
    assert!(diff.len() <= 3 * MAX_TAIL && diff.ends_with("+0123456789\n"), "{}", diff.len());
    assert_eq!(change.additions, Some(10_000));
}

fn a_turn() -> Vec<Event> {
    let delta = |id: &str, field, delta: &str| Event::ItemDelta {
        item_id: id.into(),
        field,
        delta: delta.into(),
    };
    vec![
        Event::TurnStarted {},
        Event::ItemStarted { item: command(Status::InProgress), rule: None },
        delta("i1", DeltaField::Output, "compiling\n"),
        delta("i2", DeltaField::Text, "It "),
        Event::ItemCompleted { item: command(Status::Completed) },
        delta("i2", DeltaField::Text, "works."),
        Event::ItemCompleted { item: said("It works.") },
    ]
}

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Transcript {
    let mut transcript = Transcript::default();
    events.into_iter().for_each(|event| transcript.apply(event));
    transcript
}

#[test]
fn live_or_read_back_from_the_rollout_it_ends_the_same() {
    let live = fold(&a_turn());
    let read_back = fold(a_turn().iter().filter(|event| event.is_durable()));
    assert_eq!(live.cells, read_back.cells);
    assert_eq!(live.live, read_back.live);
    assert_eq!(live.finished(), 2);
}

fn thread_started() -> Event {
    Event::ThreadStarted(ThreadStarted {
        thread_id: "0199".into(),
        schema_version: 1,
        agent_version: "0.1.0".into(),
        model: "m".into(),
        provider: "p".into(),
        transport: agent_protocol::TransportKind::Websocket,
        cwd: "/w".into(),
        sandbox: agent_protocol::SandboxMode::ReadOnly,
        approval_policy: agent_protocol::ApprovalPolicy::Never,
        resumed_from: None,
        session_path: None,
    })
}

/// As a thread is taken up whose process was killed: the rest of its records come from the one that goes on with it.
fn taken_up(before: &[Event], after: &[Event]) -> Transcript {
    let mut transcript = fold(before);
    transcript.rest();
    after.iter().for_each(|event| transcript.apply(event));
    transcript
}

#[test]
fn a_turn_whose_process_was_killed_is_marked_once_also_where_it_is_read_back() {
    let call = |status| {
        let Event::ItemStarted { item, .. } = &a_turn()[1] else { unreachable!() };
        let mut item = ThreadItem { call_id: Some("c".into()), step: Some(1), ..item.clone() };
        if let ItemDetails::CommandExecution(command) = &mut item.details {
            command.status = status;
        }
        item
    };
    let before = [
        thread_started(),
        Event::TurnStarted {},
        Event::StepStarted { step: 1 },
        Event::ItemStarted { item: call(Status::InProgress), rule: None },
    ];
    // What goes on with the thread closes the call.
    let after = [thread_started(), Event::ItemCompleted { item: call(Status::Failed) }];
    let mark =
        Cell::Notice(Notice::Said("Broken off: the agent ended before this turn did.".into()));
    let taken_up = taken_up(&before, &after);
    assert!(!taken_up.is_busy());
    assert_eq!(taken_up.cells[1..], [mark]);
    let Cell::Item(command) = &taken_up.cells[0] else { panic!("{:?}", taken_up.cells) };
    assert_eq!(status(&command.details), Some(Status::Declined), "it was never begun");
    let log = [&before[..], &after, &[thread_started()]].concat();
    assert_eq!(fold(&log).cells, taken_up.cells);
    assert_eq!(self::taken_up(&log, &[thread_started()]).cells, taken_up.cells);
}

#[test]
fn nothing_is_said_of_a_turn_that_ended_or_of_a_line_of_ones_own_that_was_killed() {
    let begun = Event::ItemStarted { item: command(Status::InProgress), rule: None };
    let taken_up = taken_up(std::slice::from_ref(&begun), &[thread_started()]);
    assert!(!taken_up.is_busy(), "nobody says that it is over");
    assert_eq!(taken_up.cells.len(), 1);
    assert_eq!(fold(&[begun, thread_started()]).cells, taken_up.cells);
    let budget = Event::Budget { kind: BudgetKind::Steps, used: 1.0, limit: 1.0 };
    assert_eq!(fold(&[thread_started(), budget, thread_started()]).cells.len(), 1);
}

#[test]
fn a_running_command_shows_what_it_has_printed_and_holds_back_what_comes_after_it() {
    let running = fold(&a_turn()[..4]);
    assert_eq!(running.tail_of("i1"), "compiling\n");
    assert_eq!((running.finished(), running.is_running), (0, true));
}

#[test]
fn of_a_long_output_the_end_is_kept() {
    let mut transcript = fold(&a_turn()[..2]);
    let line = Event::ItemDelta {
        item_id: "i1".into(),
        field: DeltaField::Output,
        delta: "é 0123456789\n".repeat(100),
    };
    (0..100).for_each(|_| transcript.apply(&line));
    let tail = transcript.tail_of("i1");
    assert!(tail.len() <= 3 * MAX_TAIL && tail.ends_with("0123456789\n"), "{}", tail.len());
}
