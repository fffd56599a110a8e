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
