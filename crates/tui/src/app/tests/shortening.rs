//! Shortening the conversation, and what is said of the window.

use super::*;

fn compacting() -> Event {
    Event::ContextCompacting { reason: "asked for".into() }
}

fn compacted(after_tokens: u64) -> Event {
    Event::ContextCompacted { before_tokens: 5_914, after_tokens, reason: "asked for".into() }
}

/// A step that took so many tokens, by HTTP.
fn took(input_tokens: u64) -> Event {
    let Event::StepCompleted(mut step) = step_completed(1) else { unreachable!() };
    step.usage = Usage { input_tokens, ..Usage::default() };
    step.transport = TransportKind::HttpSse;
    Event::StepCompleted(step)
}

fn app_with_window() -> App {
    let mut app = App::new(Theme::colourless(), 120, 24);
    app.update(Input::Prompts(vec![]));
    app.update(Input::Facts(Facts { context_window: Some(8_000), ..Facts::default() }));
    happened(&mut app, thread_started());
    app
}

fn line(app: &mut App) -> String {
    shown(app).1.last().unwrap().clone()
}

#[test]
fn a_conversation_that_is_no_shorter_for_it_is_not_said_to_be() {
    for (after, said) in [
        (940, "shortened from 5,914 to 940 tokens."),
        (5_914, "summed up and is no shorter for it: 5,914 tokens, 5,914 before."),
        (6_002, "summed up and is no shorter for it: 6,002 tokens, 5,914 before."),
    ] {
        let mut app = app_with_window();
        happened(&mut app, compacting());
        happened(&mut app, compacted(after));
        let row = format!("• The conversation was {said}");
        let finished = shown(&mut app).0;
        assert!(finished.contains(&row), "{finished:#?}");
    }
}

#[test]
fn what_is_left_of_the_window_goes_up_when_the_conversation_is_shortened() {
    let mut app = app_with_window();
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, took(6_000));
    assert!(line(&mut app).contains("25 % context left"));
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    happened(&mut app, compacting());
    happened(&mut app, Event::StepStarted { step: 2 });
    happened(&mut app, took(6_800));
    assert!(line(&mut app).contains("25 % context left"), "asking for it fills nothing");
    happened(&mut app, compacted(2_000));
    let (finished, region) = shown(&mut app);
    assert!(finished.join("\n").contains("from 5,914 to 2,000 tokens"), "{finished:?}");
    assert!(region.last().unwrap().contains("75 % context left"));
    type_in(&mut app, "/status<enter>");
    let said = shown(&mut app).0.join("\n");
    assert!(said.contains("2,000 of 8,000 tokens, 25 %"), "{said}");
}

#[test]
fn what_is_left_of_the_window_stays_known_when_an_answer_is_stopped() {
    let mut app = app_with_window();
    happened(&mut app, took(6_000));
    step_started(&mut app);
    happened(&mut app, step_completed(2));
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    assert!(line(&mut app).contains("25 % context left"));
}

#[test]
fn shortening_says_so_by_one_clock_whichever_way_it_takes_and_that_it_was_stopped() {
    let mut app = app_with_window();
    let Event::StepCompleted(step) = step_completed(1) else { unreachable!() };
    happened(&mut app, Event::StepCompleted(step));
    app.update(Input::Tick(1_000));
    happened(&mut app, compacting());
    happened(&mut app, Event::StepStarted { step: 2 });
    happened(&mut app, Event::RequestSent { transport: TransportKind::Websocket });
    app.update(Input::Tick(5_000));
    happened(&mut app, step_completed(2));
    happened(&mut app, Event::StepStarted { step: 3 });
    happened(&mut app, Event::RequestSent { transport: TransportKind::HttpSse });
    app.update(Input::Tick(8_000));
    let rows = shown(&mut app).1;
    assert!(rows[0].contains("shortening the conversation, 7 s · esc stops"), "{rows:?}");
    assert!(rows.last().unwrap().contains("WebSocket"), "{rows:?}");
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
    happened(&mut app, took(0));
    happened(&mut app, Event::ContextKept { stopped: true });
    let (finished, rows) = shown(&mut app);
    assert!(finished.iter().any(|row| row.contains("Stopped.")), "{finished:?}");
    assert!(!app.is_running() && rows.last().unwrap().contains("WebSocket"), "{rows:?}");
}

#[test]
fn shortening_waits_for_the_end_of_a_turn_in_sight() {
    let mut app = app_with_window();
    happened(&mut app, Event::TurnStarted {});
    assert!(type_in(&mut app, "/compact<enter>").is_empty());
    let (finished, rows) = shown(&mut app);
    assert!(finished.iter().all(|row| !row.contains("/compact")), "{finished:?}");
    assert!(rows.iter().any(|row| row.contains("/compact (after this turn")), "{rows:?}");
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
}

#[test]
fn a_request_that_never_left_travelled_no_way() {
    let mut app = app_with_window();
    step_started(&mut app);
    let Event::StepCompleted(mut step) = step_completed(1) else { unreachable!() };
    step.connection = 0;
    happened(&mut app, Event::StepCompleted(step));
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Auth)));
    let line = line(&mut app);
    assert!(line.contains("not connected") && !line.contains("WebSocket"), "{line}");
}

#[test]
fn reconnecting_says_for_how_long_and_keeps_both_ends_of_the_reason() {
    let reason = "cannot reach gateway.example.com:443: connection refused (os error 111)";
    let row = |columns| {
        let mut app = App::new(Theme::colourless(), columns, 24);
        step_started(&mut app);
        let (message, kind) = (reason.to_owned(), ErrorKind::Network);
        let retry = Event::TransportRetry { attempt: 4, max: 6, delay_ms: 1, kind, message };
        happened(&mut app, retry);
        app.update(Input::Tick(12_000));
        shown(&mut app).1[0].clone()
    };
    assert_eq!(row(130), format!("• Reconnecting, attempt 4 of 6 · 12 s · {reason} · esc stops"));
    let cut = row(80);
    assert!(cut.starts_with("• Reconnecting, attempt 4 of 6 · 12 s · cannot"), "{cut}");
    assert!(cut.ends_with("error 111) · esc stops"), "{cut}");
    assert_eq!(row(40), "• attempt 4 of 6 · 12 s · esc stops");
}

#[test]
fn a_rate_limit_says_when_it_is_tried_again_and_no_connection_was_lost() {
    let reason = "Rate limit reached for m. Please try again in 18.3 s. (status 429)";
    let mut app = app_with_window();
    app.update(Input::Resize { columns: 130, rows: 24 });
    step_started(&mut app);
    app.update(Input::Tick(1_000));
    let (message, kind) = (reason.to_owned(), ErrorKind::RateLimit);
    let retry = Event::TransportRetry { attempt: 2, max: 6, delay_ms: 18_300, kind, message };
    happened(&mut app, retry.clone());
    let row = |app: &mut App, columns| {
        app.update(Input::Resize { columns, rows: 24 });
        shown(app).1[0].clone()
    };
    let words = "• Rate limit, tries again in 19 s (2 of 6)";
    assert_eq!(row(&mut app, 130), format!("{words} · {reason} · esc stops"));
    assert_eq!(row(&mut app, 90), format!("{words} · Rate limit reached for m. · esc stops"));
    assert_eq!(row(&mut app, 60), format!("{words} · esc stops"));
    app.update(Input::Tick(12_000));
    assert!(row(&mut app, 60).contains("tries again in 8 s (2 of 6)"));
    app.update(Input::Tick(20_000));
    assert!(row(&mut app, 60).contains("Rate limit, tries again (2 of 6)"));
    let line = |app: &mut App| shown(app).1.last().cloned().unwrap();
    app.update(Input::Resize { columns: 130, rows: 24 });
    assert!(line(&mut app).contains("rate limit") && !line(&mut app).contains("reconnecting"));
}

#[test]
fn who_stops_what_did_not_get_through_is_told_of_no_connection_that_works() {
    for (kind, says) in
        [(ErrorKind::Network, "not connected"), (ErrorKind::RateLimit, "rate limit")]
    {
        let mut app = app_with_window();
        app.update(Input::Resize { columns: 130, rows: 24 });
        step_started(&mut app);
        happened(&mut app, step_completed(1));
        happened(&mut app, Event::StepStarted { step: 2 });
        happened(&mut app, Event::RequestSent { transport: TransportKind::Websocket });
        let message = "no".to_owned();
        let retry = Event::TransportRetry { attempt: 1, max: 6, delay_ms: 1, kind, message };
        happened(&mut app, retry);
        let Event::StepCompleted(mut step) = step_completed(2) else { unreachable!() };
        step.response_id.clear();
        happened(&mut app, Event::StepCompleted(step));
        happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
        let line = shown(&mut app).1.last().cloned().unwrap();
        assert!(line.contains(says) && !line.contains("WebSocket"), "{line}");
    }
}
