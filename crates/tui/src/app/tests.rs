//! The screen, by keys as people say them and by what a thread says.

use super::*;
use crate::key::keys;
use agent_protocol::{Action, Decision, Event, ItemDetails, ThreadItem};

fn app() -> App {
    App::new(Theme::colourless(), 40, 12)
}

fn type_in(app: &mut App, text: &str) -> Vec<Effect> {
    keys(text).unwrap().into_iter().flat_map(|key| app.update(Input::Key(key))).collect()
}

fn happened(app: &mut App, event: Event) {
    let record = Record { seq: None, at: String::new(), event, wire: vec![] };
    assert!(app.update(Input::Record(Box::new(record))).is_empty());
}

fn shown(app: &mut App) -> (Vec<String>, Vec<String>) {
    let Frame { finished, region, .. } = app.draw();
    let rows = (0..region.area.height).map(|y| {
        let row: String = (0..region.area.width).map(|x| region[(x, y)].symbol()).collect();
        row.trim_end().to_owned()
    });
    (finished.iter().map(ToString::to_string).collect(), rows.collect())
}

fn said(text: &str) -> Event {
    let details = ItemDetails::AgentMessage { text: text.into(), phase: None, partial: false };
    let item = ThreadItem { id: "i".into(), details, call_id: None, step: None, duration_ms: None };
    Event::ItemCompleted { item }
}

#[test]
fn a_message_is_sent_waits_in_sight_and_its_answer_is_finished_once() {
    let mut app = app();
    let effects = type_in(&mut app, "mend it<enter>");
    assert!(matches!(&effects[..], [Effect::Send(message)] if message.text() == "mend it"));
    assert!(shown(&mut app).1[0].ends_with("mend it"));
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, said("Mended."));
    assert!(shown(&mut app).0.contains(&"Mended.".to_owned()));
    assert!(shown(&mut app).0.is_empty(), "nothing is handed out twice");
}

#[test]
fn esc_stops_what_runs_and_ctrl_c_twice_leaves() {
    let mut app = app();
    assert!(type_in(&mut app, "<esc>").is_empty());
    happened(&mut app, Event::TurnStarted {});
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
    assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Interrupt]);
    assert!(shown(&mut app).1.last().unwrap().contains("ctrl-c again leaves"));
    assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Leave]);
}

#[test]
fn a_question_shows_every_byte_and_takes_nothing_but_an_answer() {
    let mut app = app();
    let action = Action::Run {
        command: "make\u{202e} x".into(),
        cwd: "/w".into(),
        escalated: true,
        justification: None,
    };
    let (call_id, reason) = ("c".to_owned(), "It needs the network.".to_owned());
    happened(&mut app, Event::ApprovalRequested { call_id, action, reason });
    let region = shown(&mut app).1.join("\n");
    assert!(region.contains("make<U+202E> x") && region.contains("outside"), "{region}");
    assert!(type_in(&mut app, "x<enter>").is_empty());
    let once = Effect::Decide { call_id: "c".into(), decision: Decision::Once };
    assert_eq!(type_in(&mut app, "y"), [once]);
}

#[test]
fn a_message_that_cannot_be_sent_comes_back_with_the_reason() {
    let mut app = app();
    let effects = type_in(&mut app, "look<enter>");
    let [Effect::Send(message)] = &effects[..] else { panic!("{effects:?}") };
    let (message, reason) = (message.clone(), "no such picture".to_owned());
    assert!(app.update(Input::NotSent { message, reason }).is_empty());
    let (finished, region) = shown(&mut app);
    assert!(finished.contains(&"! Not sent: no such picture".to_owned()), "{finished:?}");
    assert_eq!(region[0], "› look");
}

#[test]
fn commands_of_the_screen_are_not_sent() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "/compact<enter>"), [Effect::Compact]);
    assert_eq!(type_in(&mut app, "/quit<enter>"), [Effect::Leave]);
    assert!(type_in(&mut app, "/help<enter>").is_empty());
}

fn asks(app: &mut App, command: &str) {
    let action = Action::Run {
        command: command.into(),
        cwd: "/w".into(),
        escalated: false,
        justification: None,
    };
    let (call_id, reason) = ("c".to_owned(), "Because.".to_owned());
    happened(app, Event::ApprovalRequested { call_id, action, reason });
}

#[test]
fn nothing_is_allowed_before_all_of_it_was_seen() {
    let mut app = app();
    let command: Vec<_> = (0..20).map(|line| format!("line{line}")).collect();
    asks(&mut app, &command.join("\n"));
    assert!(shown(&mut app).1.iter().any(|row| row.contains("more rows")));
    for _ in 0..9 {
        if shown(&mut app).1.iter().any(|row| row.contains("line19")) {
            break;
        }
        assert!(type_in(&mut app, "y").is_empty(), "it was not seen yet");
    }
    let (_, region) = shown(&mut app);
    assert!(region.iter().any(|row| row.contains("line19")), "{region:?}");
    assert!(matches!(&type_in(&mut app, "y")[..], [Effect::Decide { .. }]));
}

#[test]
fn a_question_that_comes_while_one_writes_is_not_answered_by_what_one_was_writing() {
    let mut app = app();
    type_in(&mut app, "and then tr");
    asks(&mut app, "make");
    assert!(type_in(&mut app, "y").is_empty());
    assert_eq!(type_in(&mut app, "n").len(), 1);
    assert_eq!(shown(&mut app).1.iter().rev().nth(1).unwrap(), "› and then tr");
}

#[test]
fn a_refusal_can_say_what_to_do_instead() {
    let mut app = app();
    asks(&mut app, "rm -r target");
    let effects = type_in(&mut app, "tuse cargo clean<enter>");
    let message = Some("use cargo clean".to_owned());
    let expected = Effect::Decide { call_id: "c".into(), decision: Decision::Deny { message } };
    assert_eq!(effects, [expected]);
}

#[test]
fn a_question_that_was_answered_elsewhere_is_gone() {
    let mut app = app();
    asks(&mut app, "make");
    let (call_id, decision) = ("c".to_owned(), Decision::Once);
    happened(&mut app, Event::ApprovalResolved { call_id, decision });
    assert!(!shown(&mut app).1.iter().any(|row| row.contains("make")));
    assert!(type_in(&mut app, "y").is_empty());
}
