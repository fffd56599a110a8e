//! The screen on a real terminal, byte by byte: keys in, cells out, and the terminal given back however it ends.

mod calls;
mod ends;
mod looks;
mod sizes;

use agent_testkit::{Answers, PtyScreen, Scene, ScriptedModel, ScriptedServer, Step};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

/// What the status line says while something runs, and while nothing does.
const RUNNING: &str = "esc stops";
const FACTS: &str = "· read-only ·";

fn start(model: ScriptedModel) -> (Scene, ScriptedServer, PtyScreen) {
    let server = model.serve();
    let scene = Scene::new(AGENT).facing(&server);
    let screen = scene.screen(&["-m", "scripted", "-s", "read-only"], COLUMNS, ROWS);
    (scene, server, screen)
}

/// So many lines, each of which says its number.
fn lines(count: usize) -> String {
    (1..=count).map(|number| format!("line {number} of many.\n\n")).collect()
}

/// Each of the numbered lines is there once, in order.
fn assert_each_once(rows: &[String], count: usize) {
    let said: Vec<_> = rows.iter().filter(|row| row.ends_with("of many.")).collect();
    let expected: Vec<_> = (1..=count).map(|number| format!("line {number} of many.")).collect();
    assert_eq!(said, expected.iter().collect::<Vec<_>>(), "{rows:#?}");
}

/// Nothing runs, and the person can write.
fn wait_until_ready(screen: &PtyScreen) {
    screen.wait_until("it is ready", |screen| {
        let shown = screen.screen();
        shown.contains(FACTS) && !shown.contains(RUNNING)
    });
}

fn leave(mut screen: PtyScreen) -> agent_testkit::Left {
    screen.press("<c-c>");
    screen.wait_for("ctrl-c again leaves");
    screen.press("<c-c>");
    let left = screen.finish();
    left.gave_the_terminal_back();
    left
}

#[test]
fn a_message_is_sent_and_its_answer_streams_in_and_stays() {
    let model = ScriptedModel::new()
        .step(Step::new().says("The answer is 42.").at_tokens_per_second(200.0))
        .says("So it is.");
    let (_scene, server, mut screen) = start(model);
    wait_until_ready(&screen);
    assert!(!screen.is_restored(), "the check can fail");
    screen.press("what is it?<enter>");
    screen.wait_for("The answer is 42.");
    wait_until_ready(&screen);
    screen.press("sure?<enter>");
    screen.wait_for("So it is.");
    wait_until_ready(&screen);
    let left = leave(screen);
    assert_eq!(left.code, Some(0));
    let said = |text: &str| left.rows.iter().filter(|row| row.contains(text)).count();
    for once in ["what is it?", "The answer is 42.", "sure?", "So it is."] {
        assert_eq!(said(once), 1, "{once}: {:#?}", left.rows);
    }
    assert_eq!(said(FACTS), 0, "the region is gone: {:#?}", left.rows);
    assert_eq!(server.posts().len(), 0);
}

#[test]
fn keys_typed_before_the_first_frame_are_not_lost() {
    let server = ScriptedModel::new().says("I heard you.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = scene.screen(&["-m", "scripted", "-s", "read-only"], COLUMNS, ROWS);
    screen.press("early<enter>");
    screen.wait_for("I heard you.");
    leave(screen);
}

#[test]
fn a_terminal_that_answers_nothing_is_not_waited_for() {
    let server = ScriptedModel::new().says("Hello.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = scene.screen_answering(
        &["-m", "scripted", "-s", "read-only"],
        COLUMNS,
        ROWS,
        Answers::none(),
    );
    wait_until_ready(&screen);
    assert_eq!(screen.modes().keyboard, [0_u16; 0]);
    screen.press("hi<enter>");
    screen.wait_for("Hello.");
    leave(screen);
}

#[test]
fn shift_and_enter_begin_a_line_where_the_terminal_can_say_so() {
    let (_scene, server, mut screen) = start(ScriptedModel::new().says("Two lines."));
    screen.wait_until("the keyboard protocol is on", |screen| screen.modes().keyboard == [5]);
    screen.press("one<s-enter>two<enter>");
    screen.wait_for("Two lines.");
    assert!(server.frames().iter().any(|frame| frame.json.to_string().contains("one\\ntwo")));
    leave(screen);
}

#[test]
fn a_question_waits_and_yes_lets_the_command_run() {
    let command = json!({
        "cmd": "echo asked > asked; cat asked",
        "sandbox_permissions": "require_escalated",
        "justification": "May I?"
    });
    let (scene, _server, mut screen) =
        start(ScriptedModel::new().calls("exec_command", command).says("Thank you."));
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_for("May I?");
    assert_eq!(scene.read("asked"), None);
    screen.read_a_question();
    screen.press("y");
    screen.wait_for("Thank you.");
    assert_eq!(scene.read("asked").unwrap(), "asked\n");
    leave(screen);
}

#[test]
fn r10_what_was_not_heard_when_esc_stops_the_turn_begins_no_other_one() {
    let model =
        ScriptedModel::new().calls("exec_command", json!({"cmd": "echo begun; sleep 1000"}));
    let (_scene, server, mut screen) = start(model);
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_for("begun");
    let frames = server.frames().len();
    screen.press("first this<enter>");
    screen.wait_for("first this (heard");
    screen.press("then that<tab>");
    screen.wait_for("then that (after this turn");
    screen.press("<esc>");
    screen.wait_for("Stopped.");
    wait_until_ready(&screen);
    let rows = screen.screen();
    assert!(rows.contains("› first this\n  then that"), "{rows}");
    assert_eq!(server.frames().len(), frames, "nothing was asked");
    leave(screen);
}

#[test]
fn r10_esc_interrupts_at_once_and_the_thread_goes_on() {
    let model = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "echo begun; sleep 1000"}))
        .says("I stopped.");
    let (_scene, _server, mut screen) = start(model);
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_for("begun");
    screen.press("<esc>");
    wait_until_ready(&screen);
    screen.press("and now?<enter>");
    screen.wait_for("I stopped.");
    leave(screen);
}

#[test]
fn a_lone_escape_byte_is_the_key_too() {
    let model =
        ScriptedModel::new().calls("exec_command", json!({"cmd": "echo begun; sleep 1000"}));
    let server = model.serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = scene.screen_answering(
        &["-m", "scripted", "-s", "read-only"],
        COLUMNS,
        ROWS,
        Answers::none(),
    );
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_for("begun");
    screen.send(b"\x1b");
    wait_until_ready(&screen);
    leave(screen);
}

#[test]
fn a_lone_escape_byte_stops_an_answer_that_streams_in_without_a_pause() {
    let model = ScriptedModel::new()
        .step(Step::new().says(&lines(1_000)).at_tokens_per_second(400.0))
        .says("I stopped.");
    let server = model.serve();
    let scene = Scene::new(AGENT).facing(&server);
    let args = ["-m", "scripted", "-s", "read-only"];
    let mut screen = scene.screen_answering(&args, COLUMNS, ROWS, Answers::none());
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_for("line 9 of many.");
    screen.send(b"\x1b");
    wait_until_ready(&screen);
    assert!(!screen.scrollback().contains(&"line 1000 of many.".to_owned()), "it was stopped");
    screen.press("and now?<enter>");
    screen.wait_for("I stopped.");
    leave(screen);
}

#[test]
fn the_scrollback_holds_each_finished_line_once_whatever_size_the_window_takes() {
    const COUNT: usize = 60;
    let model = ScriptedModel::new().says(&lines(COUNT)).step(
        Step::new().says("It goes on and on, and comes to its end.").at_tokens_per_second(20.0),
    );
    let (_scene, _server, mut screen) = start(model);
    wait_until_ready(&screen);
    screen.press("many<enter>");
    screen.wait_for(&format!("line {COUNT} of many."));
    wait_until_ready(&screen);
    screen.press("on<enter>");
    for (columns, rows) in [(80, 10), (60, 10), (60, 40), (100, 12), (80, 24)] {
        screen.resize(columns, rows);
        screen.wait_for(RUNNING);
    }
    screen.wait_for("comes to its end.");
    wait_until_ready(&screen);
    let left = leave(screen);
    assert_each_once(&left.rows, COUNT);
    let said = left.rows.iter().filter(|row| row.contains("It goes on and on")).count();
    assert_eq!(said, 1, "{:#?}", left.rows);
}

#[test]
fn a_long_answer_goes_into_the_scrollback_while_it_comes_and_stays_there_when_it_is_stopped() {
    let model =
        ScriptedModel::new().step(Step::new().says(&lines(500)).at_tokens_per_second(400.0));
    let (_scene, _server, mut screen) = start(model);
    wait_until_ready(&screen);
    screen.press("many<enter>");
    screen.wait_for("line 40 of many.");
    assert!(screen.screen().contains(RUNNING));
    let rows = screen.scrollback();
    assert!(rows.contains(&"line 1 of many.".to_owned()), "{rows:#?}");
    screen.press("<esc>");
    wait_until_ready(&screen);
    let left = leave(screen);
    let said = left.rows.iter().filter(|row| row.ends_with("of many.")).count();
    assert!((40..500).contains(&said), "{said}");
    assert_each_once(&left.rows, said);
}

#[test]
fn r13_a_paste_of_a_megabyte_is_one_chip_and_sent_whole() {
    let (_scene, server, mut screen) = start(ScriptedModel::new().says("That was long."));
    wait_until_ready(&screen);
    screen.wait_until("pastes come in one piece", |screen| screen.modes().paste);
    let text = "0123456789abcdef\n".repeat(64 * 1024);
    screen.paste(&text);
    screen.press(" end<enter>");
    screen.wait_for("That was long.");
    let sent = server.frames().last().unwrap().json.to_string();
    assert!(sent.len() > text.len() && sent.contains("cdef\\n end"), "{} bytes", sent.len());
    leave(screen);
}

#[test]
fn a_paste_that_loses_its_end_sends_nothing_and_leaves_the_keys_to_the_person() {
    let (_scene, server, mut screen) = start(ScriptedModel::new().says("Yes."));
    wait_until_ready(&screen);
    let before = server.frames().len();
    screen.send(b"\x1b[200~one\rtwo");
    screen.wait_for("the paste has no end");
    screen.wait_for("› one");
    screen.send(b"\r");
    screen.wait_until("there is another row", |screen| screen.cells().cursor_position().1 == 2);
    screen.send(b"three");
    screen.wait_for("three");
    let sent = |server: &ScriptedServer| -> String {
        server.frames()[before..].iter().map(|frame| frame.json.to_string()).collect()
    };
    assert!(!sent(&server).contains("one\\ntwo"));
    screen.send(b"\x1b[D\r");
    screen.wait_for("Yes.");
    assert!(sent(&server).contains("one\\ntwo\\nthree"), "{}", sent(&server));
    leave(screen);
}

#[test]
fn the_demo_asks_its_question_and_shows_what_it_changed_when_it_is_left() {
    let scene = Scene::new(AGENT);
    let mut screen = scene.screen(&["demo", "--tui"], COLUMNS, ROWS);
    screen.wait_for("Run this outside the sandbox?");
    screen.read_a_question();
    screen.press("y");
    screen.wait_for("The test passes now.");
    screen.wait_until("it is over", |screen| !screen.screen().contains(RUNNING));
    screen.press("and now?<enter>");
    screen.wait_for("I am a script, and this was all of it.");
    screen.wait_until("it is over", |screen| !screen.screen().contains(RUNNING));
    let left = leave(screen);
    assert_eq!(left.code, Some(0));
    let shown = left.rows.join("\n");
    for text in ["+        tr -cs 'a-z0-9' '-' |", "Where time and bytes went:"] {
        assert!(shown.contains(text), "{text} is missing:\n{shown}");
    }
    assert!(scene.rollouts().is_empty(), "the person's own threads stay out of it");
}

#[test]
fn nothing_is_written_while_nothing_happens() {
    let (_scene, _server, mut screen) = start(ScriptedModel::new());
    wait_until_ready(&screen);
    screen.press("x");
    screen.wait_for("› x");
    let before = screen.log().len();
    // What is written for a key begins right after what was there: no frame came in between.
    screen.press("y");
    screen.wait_for("› xy");
    let written = screen.log().split_off(before);
    assert!(written.len() < 60, "{}", String::from_utf8_lossy(&written));
}

#[test]
fn the_cursor_is_there_where_one_writes_and_nowhere_else() {
    let (_scene, _server, mut screen) = start(ScriptedModel::new());
    wait_until_ready(&screen);
    let hidden = |screen: &PtyScreen| screen.modes().cursor_hidden;
    assert!(!hidden(&screen));
    screen.press("<c-t>");
    screen.wait_until("nothing is written in a pager", hidden);
    screen.press("/");
    screen.wait_until("but what is searched", |screen| !hidden(screen));
    screen.press("<esc>");
    screen.wait_until("the search is over", hidden);
    screen.press("q");
    screen.wait_until("one writes again", |screen| !hidden(screen));
    leave(screen);
}
