//! Talking: messages, what waits, what is being done, what the model says.

use super::*;
use ratatui_core::style::Modifier;

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
fn r10_esc_stops_what_runs_and_ctrl_c_twice_leaves() {
    let mut app = app();
    assert!(type_in(&mut app, "<esc>").is_empty());
    happened(&mut app, Event::TurnStarted {});
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
    assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Interrupt]);
    assert!(shown(&mut app).1.last().unwrap().contains("ctrl-c again leaves"));
    assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Leave]);
}

#[test]
fn r10_ctrl_c_leaves_only_soon_after_the_first() {
    let ctrl_c = |app: &mut App| app.update(Input::Key(keys("<c-c>").unwrap()[0]));
    let is_told = |app: &mut App| shown(app).1.iter().any(|row| row.contains("again leaves"));
    for (later_ms, leaves) in [(1_999, true), (2_000, false), (60_000, false)] {
        for is_asked in [false, true] {
            let mut app = app();
            let stops = if is_asked { vec![Effect::Interrupt] } else { vec![] };
            if is_asked {
                step_started(&mut app);
                asks(&mut app, "make");
            }
            app.update(Input::Tick(10_000));
            assert_eq!(app.changes_at_ms(), None, "nothing changes by itself");
            assert_eq!(ctrl_c(&mut app), stops);
            assert!(is_told(&mut app));
            assert_eq!(app.changes_at_ms(), Some(12_000));
            app.update(Input::Tick(10_000 + later_ms));
            assert_eq!(is_told(&mut app), leaves, "{later_ms}");
            assert_eq!(app.changes_at_ms().is_some(), leaves, "{later_ms}");
            let expected = if leaves { vec![Effect::Leave] } else { stops };
            assert_eq!(ctrl_c(&mut app), expected, "{later_ms}");
        }
    }
}

#[test]
fn r10_what_is_pasted_between_two_ctrl_c_is_not_left_for() {
    let mut app = app();
    type_in(&mut app, "<c-c>");
    app.update(Input::Paste("keep me".into()));
    assert!(!shown(&mut app).1.last().unwrap().contains("leaves"));
    assert!(type_in(&mut app, "<c-c>").is_empty(), "it is the first again");
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
fn a_command_line_of_ones_own_is_run_and_waits_while_a_turn_runs() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "! ls -l<enter>"), [Effect::Run("ls -l".into())]);
    happened(&mut app, Event::TurnStarted {});
    type_in(&mut app, "!make<enter>");
    assert!(shown(&mut app).1[0].ends_with("! make (up takes it back)"));
    let details = ItemDetails::CommandExecution(agent_protocol::CommandExecution::begun("make"));
    let item =
        ThreadItem { id: "i7".into(), details, call_id: None, step: None, duration_ms: None };
    happened(&mut app, Event::ItemStarted { item, rule: None });
    assert!(!shown(&mut app).1.iter().any(|row| row.contains("! make")));
}

#[test]
fn while_a_turn_runs_it_says_what_it_is_doing() {
    let mut app = app();
    let doing = |app: &mut App| {
        let rows = shown(app).1;
        rows.into_iter().find(|row| row.ends_with("esc stops")).unwrap()
    };
    app.update(Input::Tick(1_000));
    step_started(&mut app);
    assert_eq!(doing(&mut app), "• connecting, 0 s · esc stops");
    happened(&mut app, Event::RequestSent { transport: TransportKind::Websocket });
    assert!(doing(&mut app).starts_with("• waiting for the model"));
    happened(&mut app, delta(DeltaField::Reasoning, "Hm."));
    app.update(Input::Tick(3_500));
    assert_eq!(doing(&mut app), "• thinking, 2 s · esc stops");
    happened(&mut app, said("I see."));
    let command = CommandExecution::begun("/bin/bash -c 'cargo test --all'");
    let item = ThreadItem {
        id: "i2".into(),
        details: ItemDetails::CommandExecution(command),
        call_id: Some("c".into()),
        step: None,
        duration_ms: None,
    };
    happened(&mut app, Event::ItemStarted { item, rule: None });
    app.update(Input::Tick(15_900));
    assert_eq!(
        doing(&mut app),
        "• running `cargo tes…`, 12 s · esc stops",
        "what stops it is never cut"
    );
    asks(&mut app, "cargo test --all");
    app.update(Input::Tick(60_000));
    let (call_id, decision) = ("c".to_owned(), Decision::Once);
    happened(&mut app, Event::ApprovalResolved { call_id, decision, rule: None });
    app.update(Input::Tick(61_000));
    assert!(doing(&mut app).contains("1 s"), "the question does not count");
}

#[test]
fn of_commands_that_run_at_a_time_each_is_seen_with_its_latest_rows() {
    let mut app = App::new(Theme::colourless(), 40, 24);
    app.update(Input::Prompts(vec![]));
    step_started(&mut app);
    for name in ["a", "b", "c"] {
        let details = ItemDetails::CommandExecution(CommandExecution::begun(name));
        let call_id = Some(name.to_owned());
        let item = ThreadItem { id: name.into(), details, call_id, step: None, duration_ms: None };
        happened(&mut app, Event::ItemStarted { item, rule: None });
        let delta = (1..=9).map(|row| format!("{name}{row}\n")).collect();
        let (item_id, field) = (name.into(), DeltaField::Output);
        happened(&mut app, Event::ItemDelta { item_id, field, delta });
    }
    let region = shown(&mut app).1;
    for row in ["$ a", "  a9", "$ b", "  b9", "$ c", "  c9"] {
        assert!(region.contains(&row.to_owned()), "{row}: {region:#?}");
    }
    assert!(!region.contains(&"  a7".to_owned()), "{region:#?}");
}

#[test]
fn a_message_for_after_the_turn_can_be_taken_back_and_is_sent_when_it_is_over() {
    let mut app = app();
    step_started(&mut app);
    assert!(type_in(&mut app, "then this<tab>").is_empty());
    assert!(shown(&mut app).1.iter().any(|row| row.contains("then this (after")));
    type_in(&mut app, "<up> too<tab>");
    let failed = |kind| Event::TurnFailed(turn_failed(kind));
    happened(&mut app, failed(ErrorKind::Interrupted));
    assert_eq!(shown(&mut app).1[0], "› then this too");
}

#[test]
fn what_runs_in_the_background_is_ended_for_nothing_that_comes_next_without_a_question() {
    let mut app = App::new(Theme::colourless(), 60, 12);
    app.update(Input::Prompts(vec![]));
    happened(&mut app, thread_started());
    happened(&mut app, left_running("i3"));
    assert_eq!(type_in(&mut app, "/model other<enter>"), [Effect::UseModel("other".into())]);
    happened(&mut app, thread_started());
    assert!(shown(&mut app).1.last().unwrap().contains("1 in the background"));
    assert!(type_in(&mut app, "/sandbox read-only<enter>").is_empty());
    let region = shown(&mut app).1;
    assert_eq!(region[0], "This ends 1 command in the background.");
    assert_eq!(region[2], "  go on  ends npm run dev");
    assert!(type_in(&mut app, "<enter>").is_empty(), "it stays");
    assert!(type_in(&mut app, "/new<enter><esc>").is_empty());
    let next = Next::Sandbox(SandboxMode::ReadOnly);
    let effects = type_in(&mut app, "/sandbox read-only<enter><down><enter>");
    assert_eq!(effects, [Effect::Open(next)]);
    assert!(type_in(&mut app, "/quit<enter>").is_empty());
    assert_eq!(shown(&mut app).1[0], "This ends 1 command in the background.");
    assert_eq!(type_in(&mut app, "<down><enter>"), [Effect::Leave]);
    assert!(type_in(&mut app, "/quit<enter><esc>").is_empty());
    assert_eq!(type_in(&mut app, "<c-c><c-c>"), [Effect::Leave], "at once");
}

/// A command that outlived its call.
fn left_running(id: &str) -> Event {
    let command = CommandExecution {
        pid: Some(77),
        status: agent_protocol::Status::Completed,
        ..CommandExecution::begun("/bin/bash -c 'npm run dev'")
    };
    let details = ItemDetails::CommandExecution(command);
    let item = ThreadItem { id: id.into(), details, call_id: None, step: None, duration_ms: None };
    Event::ItemCompleted { item }
}

#[test]
fn what_runs_in_the_background_is_counted_and_can_be_stopped() {
    let mut app = app();
    happened(&mut app, left_running("i3"));
    assert!(shown(&mut app).1.last().unwrap().contains("1 in the background"));
    let event = left_running("i2");
    app.remember(&[Record { seq: None, at: String::new(), event, wire: vec![] }]);
    let last = shown(&mut app).1.pop().unwrap();
    assert!(!last.contains("background"), "they were those of another process: {last}");
    happened(&mut app, thread_started());
    happened(&mut app, left_running("i4"));
    let last = shown(&mut app).1.pop().unwrap();
    assert_eq!(last, "gpt-6-sol · 1 in the background (/ps)", "it is never cut");
    type_in(&mut app, "/ps<enter>");
    assert_eq!(type_in(&mut app, "npm<enter>"), [Effect::Stop { pid: 77 }]);
    let (command, reason) = ("npm run dev".to_owned(), "you stopped it".to_owned());
    happened(&mut app, Event::ProcessReaped { pid: 77, command, reason });
    assert!(!shown(&mut app).1.last().unwrap().contains("background"));
}

#[test]
fn of_a_long_message_the_beginning_is_shown_and_a_picture_is_heard_by_another_name() {
    let mut app = app();
    let text = "a row\n".repeat(100);
    app.update(Input::Paste(text.clone()));
    let effects = type_in(&mut app, "<enter>");
    assert!(matches!(&effects[..], [Effect::Send(message)] if message.text() == text));
    happened(&mut app, heard(&text));
    let (finished, region) = shown(&mut app);
    assert_eq!(region[0], "›", "nothing waits");
    assert!(finished.len() < 30 && finished.last().unwrap().contains("more lines"), "{finished:?}");
    app.update(Input::Paste("/tmp/picture.png".into()));
    type_in(&mut app, "look<enter>");
    happened(&mut app, heard("look\n[image]"));
    assert_eq!(shown(&mut app).1[0], "›");
}

#[test]
fn a_message_that_ends_in_empty_lines_waits_no_longer_when_it_was_heard() {
    let mut app = app();
    let message = Message::from("go\n\n".to_owned());
    assert!(matches!(app.update(Input::Say(message))[..], [Effect::Send(_)]));
    step_started(&mut app);
    happened(&mut app, heard("go\n\n"));
    let region = shown(&mut app).1;
    assert!(!region.iter().any(|row| row.contains("go")), "{region:?}");
    assert!(type_in(&mut app, "<up>").is_empty(), "there is nothing to take back");
}

#[test]
fn shortening_the_conversation_between_turns_is_seen_and_can_be_stopped() {
    let mut app = app();
    happened(&mut app, Event::StepStarted { step: 1 });
    assert!(shown(&mut app).1.iter().any(|row| row.contains("esc stops")));
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
}

/// However it was wrapped.
fn in_a_row(rows: &[String]) -> String {
    rows.iter().flat_map(|row| row.split_whitespace()).collect::<Vec<_>>().join(" ")
}

pub(super) fn heard(text: &str) -> Event {
    let details = ItemDetails::UserMessage { text: text.into() };
    let item = ThreadItem { id: "u".into(), details, call_id: None, step: None, duration_ms: None };
    Event::ItemCompleted { item }
}

fn returned(what: Unheard) -> Event {
    Event::WaitingReturned { what }
}

#[test]
fn what_was_not_heard_yet_is_taken_back_the_last_first_and_what_was_stays_said() {
    let mut app = app();
    step_started(&mut app);
    type_in(&mut app, "one<enter>two<enter>!make<enter>");
    let region = shown(&mut app).1;
    assert!(region.contains(&"▌ ! make (up takes it back)".to_owned()), "{region:?}");
    assert_eq!(type_in(&mut app, "<up>"), [Effect::TakeBack(Unheard::Line)]);
    assert_eq!(type_in(&mut app, "<up>"), [Effect::TakeBack(Unheard::Message)]);
    happened(&mut app, returned(Unheard::Line));
    assert!(shown(&mut app).1.contains(&"› ! make".to_owned()));
    type_in(&mut app, "<c-u>");
    happened(&mut app, heard("one"));
    happened(&mut app, returned(Unheard::Message));
    let region = shown(&mut app).1;
    assert!(region.contains(&"› two".to_owned()), "{region:?}");
    assert!(!region.iter().any(|row| row.contains("one") || row.contains("back")), "{region:?}");
}

#[test]
fn what_is_on_its_way_is_taken_back_before_what_was_and_sent_on_as_it_was() {
    let back = || vec![Effect::TakeBack(Unheard::Message)];
    let taken_back = || {
        let mut app = app();
        step_started(&mut app);
        type_in(&mut app, "!make<enter>two<enter>three<enter>after it<tab>");
        assert_eq!(type_in(&mut app, "<up>"), []);
        for written in ["three", "two\nthree"] {
            assert_eq!(type_in(&mut app, "<up>"), back());
            happened(&mut app, returned(Unheard::Message));
            assert_eq!(app.composer.text(), written);
        }
        app
    };
    let mut app = taken_back();
    // A line for the shell is not taken into it, and it is not shown as if it were.
    let rows = shown(&mut app).1;
    assert!(rows.contains(&"▌ ! make".to_owned()), "{rows:?}");
    for key in ["<down>", "<tab>"] {
        let mut app = taken_back();
        let sent = type_in(&mut app, key);
        assert!(matches!(&sent[..], [Effect::Send(message)] if message.text() == "two\nthree"));
        let expected = if key == "<down>" { "after it" } else { "" };
        assert_eq!(app.composer.text(), expected);
    }
    // What something was done in is kept for after the turn.
    let mut app = taken_back();
    assert_eq!(type_in(&mut app, "!<tab>"), []);
    let queued: Vec<_> = app.outbox.queued().iter().map(Message::text).collect();
    assert_eq!(queued, ["after it", "two\nthree!"]);
}

#[test]
fn what_waits_comes_back_to_be_written_anew_when_the_turn_is_stopped() {
    let mut app = app();
    step_started(&mut app);
    type_in(&mut app, "one<enter>two<enter>three<tab>");
    let back = || Effect::TakeBack(Unheard::Message);
    assert_eq!(type_in(&mut app, "<esc>"), [back(), back(), Effect::Interrupt]);
    happened(&mut app, returned(Unheard::Message));
    happened(&mut app, returned(Unheard::Message));
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    assert_eq!(app.composer.text(), "one\ntwo\nthree");
    assert_eq!(type_in(&mut app, "<esc>"), [], "nothing waits any more");
}

#[test]
fn a_line_or_a_command_that_comes_back_is_never_one_text_with_a_message() {
    let mut app = app();
    step_started(&mut app);
    type_in(&mut app, "!make<enter>touch a please<tab><esc>");
    happened(&mut app, returned(Unheard::Line));
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    assert_eq!(app.composer.text(), "touch a please");
    let said = in_a_row(&shown(&mut app).0);
    assert!(said.contains("“! make” was not done; going back (Up) finds it."), "{said}");
    type_in(&mut app, "<c-u><up>");
    assert_eq!(app.composer.text(), "! make");

    let mut app = self::app();
    step_started(&mut app);
    type_in(&mut app, "/model other<enter>and then<tab><esc>");
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    assert_eq!(app.composer.text(), "and then");
}

#[test]
fn ctrl_d_leaves_no_turn_that_runs_and_asks_about_commands_that_do() {
    let mut app = app();
    step_started(&mut app);
    assert_eq!(type_in(&mut app, "<c-d>"), []);
    let told = in_a_row(&shown(&mut app).1);
    assert!(told.contains("ctrl-c twice"), "{told}");
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    assert_eq!(type_in(&mut app, "<c-d>"), [Effect::Leave]);
}

#[test]
fn what_was_wanted_back_too_late_is_shown_as_said() {
    let mut app = app();
    step_started(&mut app);
    type_in(&mut app, "stop that<enter><up>");
    let region = shown(&mut app).1;
    assert!(region.iter().any(|row| row.contains("stop that (taken back")), "{region:?}");
    happened(&mut app, heard("stop that"));
    let (finished, region) = shown(&mut app);
    assert!(finished.iter().any(|row| row.contains("stop that")), "{finished:?}");
    assert!(!region.iter().any(|row| row.contains("stop that")), "{region:?}");
    assert!(type_in(&mut app, "<up>").is_empty(), "nothing waits any more");
}

/// A step that was asked over HTTP after the socket could not be opened.
fn asked_over_http(app: &mut App) {
    let (from, to) = (TransportKind::Websocket, TransportKind::HttpSse);
    step_started(app);
    happened(app, Event::TransportFallback { from, to, reason: "no socket".into() });
}

#[test]
fn how_requests_travel_is_said_when_one_did_and_http_when_it_worked() {
    let mut app = App::new(Theme::colourless(), 80, 12);
    let status = |app: &mut App| shown(app).1.pop().unwrap();
    happened(&mut app, thread_started());
    assert!(!status(&mut app).contains("WebSocket"), "{}", status(&mut app));
    asked_over_http(&mut app);
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Network)));
    assert!(status(&mut app).contains("not connected"), "{}", status(&mut app));
    asked_over_http(&mut app);
    happened(&mut app, Event::RequestSent { transport: TransportKind::HttpSse });
    assert!(status(&mut app).contains("· HTTP ·"), "{}", status(&mut app));
    assert!(!shown(&mut app).0.join("\n").contains("Went on over HTTP"));
    let mut http = step_completed(1);
    if let Event::StepCompleted(step) = &mut http {
        step.transport = TransportKind::HttpSse;
    }
    happened(&mut app, http);
    assert!(shown(&mut app).0.join("\n").contains("Went on over HTTP: no socket"));
}

#[test]
fn what_breaks_off_for_good_is_shown_once_and_no_way_on_is_claimed() {
    let mut app = app();
    step_started(&mut app);
    let delta = |item_id: &str, delta: &str| Event::ItemDelta {
        item_id: item_id.into(),
        field: DeltaField::Text,
        delta: delta.into(),
    };
    let retry = || Event::TransportRetry {
        attempt: 1,
        max: 3,
        delay_ms: 1,
        kind: ErrorKind::Network,
        message: "gone".into(),
    };
    happened(&mut app, delta("m", "alpha\n\nbeta\n\ngam"));
    let mut finished = shown(&mut app).0;
    happened(&mut app, retry());
    finished.extend(shown(&mut app).0);
    let (from, to) = (TransportKind::Websocket, TransportKind::HttpSse);
    happened(&mut app, Event::TransportFallback { from, to, reason: "no socket".into() });
    let partial = |id: &str, text: &str| {
        let details = ItemDetails::AgentMessage { text: text.into(), phase: None, partial: true };
        let (id, step) = (id.into(), Some(1));
        let item = ThreadItem { id, details, call_id: None, step, duration_ms: None };
        Event::ItemCompleted { item }
    };
    happened(&mut app, partial("m", "alpha\n\nbeta\n\ngamma"));
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Network)));
    finished.extend(shown(&mut app).0);
    let all = finished.join("\n");
    for once in ["alpha", "beta", "gamma"] {
        assert_eq!(all.matches(once).count(), 1, "{all}");
    }
    assert!(!all.contains("begins again") && !all.contains("Went on"), "{all}");

    step_started(&mut app);
    happened(&mut app, delta("n", "four\n\nfive\n\nsi"));
    let mut finished = shown(&mut app).0;
    happened(&mut app, retry());
    happened(&mut app, delta("o", "four\n\nfive\n\nsix"));
    finished.extend(shown(&mut app).0);
    let all = in_a_row(&finished);
    assert!(
        all.contains("four • The connection broke; what was being said begins again. four"),
        "{all}"
    );
}

/// No clock ticks while nothing runs; and whoever thinks about an answer is not at work.
#[test]
fn the_time_of_a_turn_is_that_of_its_work() {
    let mut app = app();
    app.update(Input::Tick(1_000));
    app.update(Input::Tick(60_000));
    happened(&mut app, Event::TurnStarted {});
    app.update(Input::Tick(62_000));
    asks(&mut app, "ls");
    app.update(Input::Tick(90_000));
    let decision = Decision::Once;
    happened(&mut app, Event::ApprovalResolved { call_id: "c".into(), decision, rule: None });
    app.update(Input::Tick(91_000));
    let (_, rows) = shown(&mut app);
    assert!(rows.join("\n").contains("working, 3 s"), "{rows:?}");
}

fn stopped(id: &str) -> Event {
    let command = CommandExecution { status: Status::Failed, ..CommandExecution::begun("make") };
    let details = ItemDetails::CommandExecution(command);
    let call_id = Some("c".to_owned());
    let item = ThreadItem { id: id.into(), details, call_id, step: None, duration_ms: None };
    Event::ItemCompleted { item }
}

#[test]
fn what_was_stopped_has_not_failed() {
    let mut app = app();
    app.update(Input::Tick(1_000));
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, running("make"));
    app.update(Input::Tick(2_500));
    happened(&mut app, stopped("i9"));
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    app.update(Input::Tick(9_000));
    let finished = shown(&mut app).0.join("\n");
    assert!(finished.contains("stopped after 1.5 s") && !finished.contains("failed"), "{finished}");
}

#[test]
fn a_patch_that_was_stopped_while_it_was_asked_about_was_not_tried() {
    let mut app = app();
    let patch = |status| {
        let Event::PatchDelta { change, .. } = patch_delta(0, "/w/a.rs", "@@\n-a\n+b\n") else {
            unreachable!()
        };
        let details = ItemDetails::FileChange { changes: vec![change], status };
        let call_id = Some("c".to_owned());
        ThreadItem { id: "p".into(), details, call_id, step: None, duration_ms: None }
    };
    happened(&mut app, Event::TurnStarted {});
    let item = patch(Status::InProgress);
    happened(&mut app, Event::ItemStarted { item, rule: None });
    asks(&mut app, "a patch");
    happened(&mut app, Event::ItemCompleted { item: patch(Status::Failed) });
    let finished = shown(&mut app).0.join("\n");
    assert!(finished.contains("Did not change /w/a.rs"), "{finished}");
}

#[test]
fn what_is_said_while_a_turn_runs_tells_when_it_is_heard() {
    let mut app = App::new(Theme::colourless(), 80, 24);
    step_started(&mut app);
    type_in(&mut app, "stop that<enter>");
    let region = shown(&mut app).1;
    let row = "▌ stop that (heard at the next step; up takes it back)".to_owned();
    assert!(region.contains(&row), "{region:?}");
}

#[test]
fn what_was_said_of_an_answer_stays_dimmed_until_the_connection_is_back() {
    let retry = |attempt| Event::TransportRetry {
        attempt,
        max: 3,
        delay_ms: 1,
        kind: ErrorKind::Network,
        message: "gone".into(),
    };
    for (said_before, stays) in [("It is har", "It is har"), ("One.\n\nTwo.\n\nThr", "Thr")] {
        let mut app = app();
        step_started(&mut app);
        happened(&mut app, delta(DeltaField::Text, said_before));
        let is_dim = |app: &mut App| {
            let region = app.draw().region;
            let is_text = |y: &u16| region[(0, *y)].symbol() == &stays[..1];
            let y = (1..region.area.height).find(is_text)?;
            Some(region[(0, y)].modifier.contains(Modifier::DIM))
        };
        assert_eq!(is_dim(&mut app), Some(false));
        for attempt in 1..=2 {
            happened(&mut app, retry(attempt));
            assert_eq!(is_dim(&mut app), Some(true), "{said_before}");
        }
        type_in(&mut app, "<c-t>");
        assert_eq!(is_dim(&mut app), Some(true), "{said_before} in the conversation");
        type_in(&mut app, "q");
        let again = Event::ItemDelta {
            item_id: "again".into(),
            field: DeltaField::Text,
            delta: "Anew".into(),
        };
        happened(&mut app, again);
        let (finished, rows) = shown(&mut app);
        assert!(rows.contains(&"Anew".to_owned()) && !rows.contains(&stays.to_owned()), "{rows:?}");
        let is_told = finished.join(" ").contains("begins again");
        assert_eq!(is_told, said_before != stays, "only what was finished stays: {finished:?}");
    }
}

#[test]
fn what_does_not_fit_of_what_is_done_is_marked_as_the_terminal_can() {
    let mut theme = Theme::colourless();
    theme.glyphs = crate::theme::Glyphs::ASCII;
    let mut app = App::new(theme, 40, 12);
    step_started(&mut app);
    happened(&mut app, running("cargo test --all --locked"));
    let row = "* running `cargo te...`, 0 s - esc stops".to_owned();
    assert!(shown(&mut app).1.contains(&row), "{:?}", shown(&mut app).1);
    let retry = Event::TransportRetry {
        kind: ErrorKind::Interrupted,
        attempt: 1,
        max: 0,
        delay_ms: 1,
        message: "the connection was reset by the peer".into(),
    };
    happened(&mut app, retry);
    app.update(Input::Resize { columns: 60, rows: 12 });
    let row = "* Reconnecting, attempt 1 - 0 s - the c...e peer - esc stops".to_owned();
    assert!(shown(&mut app).1.contains(&row), "{:?}", shown(&mut app).1);
}

#[test]
fn what_is_kept_for_after_the_turn_is_done_then_as_it_would_have_been_at_once() {
    let mut app = app();
    happened(&mut app, Event::TurnStarted {});
    for line in ["/compact ", "!make", "then this", "and this"] {
        app.update(Input::Paste(line.into()));
        assert!(type_in(&mut app, "<tab>").is_empty(), "{line}");
    }
    let effects = turn_completes(&mut app);
    let [Effect::Compact, Effect::Run(line), Effect::Send(message)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((line.as_str(), message.text().as_str()), ("make", "then this"));
}

#[test]
fn what_is_said_in_the_middle_of_an_answer_stands_apart_from_it() {
    let mut app = app();
    step_started(&mut app);
    let mut printed = Vec::new();
    let mut say = |app: &mut App, text: &str| {
        happened(app, delta(DeltaField::Text, text));
        printed.extend(shown(app).0);
    };
    say(&mut app, "One.\n\nTwo.\n\nThr");
    app.update(Input::Notice(Notice::Said("It has a name.".into())));
    say(&mut app, "ee.\n\nFour.\n\n- five\n- six\n");
    app.update(Input::Notice(Notice::Said("It has another one.".into())));
    say(&mut app, "- seven\n\nEi");
    happened(&mut app, said("One.\n\nTwo.\n\nThree.\n\nFour.\n\n- five\n- six\n- seven\n\nEight."));
    printed.extend(shown(&mut app).0);
    let printed: Vec<_> = printed.iter().map(|row| row.trim_end()).collect();
    let is_apart = |two: &[&str]| !(two[0].is_empty() && two[1].is_empty());
    assert!(printed.windows(2).all(is_apart), "{printed:?}");
    for notice in ["• It has a name.", "• It has another one."] {
        let at = printed.iter().position(|row| *row == notice).unwrap();
        assert!(printed[at - 1].is_empty() && printed[at + 1].is_empty(), "{printed:?}");
    }
    assert_eq!(printed.iter().filter(|row| row.contains("Eight")).count(), 1, "{printed:?}");
}
