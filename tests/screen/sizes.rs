//! Windows that take another size while something is on them.

use super::*;

/// How often `text` is in a row, scrolled away or not.
fn count(rows: &[String], text: &str) -> usize {
    rows.iter().filter(|row| row.contains(text)).count()
}

#[test]
fn each_finished_line_is_there_once_when_the_size_changes_while_they_come() {
    const COUNT: usize = 200;
    let answer = Step::new().says(&lines(COUNT)).at_tokens_per_second(400.0);
    let (_scene, _server, mut screen) = start(ScriptedModel::new().step(answer));
    wait_until_ready(&screen);
    screen.press("many<enter>");
    let sizes = [(80, 12), (70, 30), (90, 10), (80, 24), (70, 8), (100, 40), (80, 24)];
    for (at, (columns, rows)) in (1..).zip(sizes) {
        let line = format!("line {} of many.", at * 25);
        screen.wait_until(&line, |screen| count(&screen.scrollback(), &line) > 0);
        screen.resize(columns, rows);
    }
    let last = format!("line {COUNT} of many.");
    screen.wait_until(&last, |screen| count(&screen.scrollback(), &last) > 0);
    wait_until_ready(&screen);
    let left = leave(screen);
    assert_each_once(&left.rows, COUNT);
}

#[test]
fn what_a_lower_window_pushed_away_is_gone_when_it_is_higher_again() {
    let (_scene, _server, screen) = start(ScriptedModel::new());
    wait_until_ready(&screen);
    pushed_away_and_gone(screen);
}

#[test]
fn a_window_that_was_of_one_column_is_asked_as_before() {
    let (_scene, _server, mut screen) = start(ScriptedModel::new());
    wait_until_ready(&screen);
    let before = screen.log().len();
    screen.resize(1, 2);
    screen.wait_until("it begins anew on it", |screen| {
        String::from_utf8_lossy(&screen.log()[before..]).contains("\x1b[J")
    });
    screen.resize(COLUMNS, ROWS);
    wait_until_ready(&screen);
    pushed_away_and_gone(screen);
}

fn pushed_away_and_gone(mut screen: PtyScreen) {
    screen.wait_until("the keyboard protocol is on", |screen| screen.modes().keyboard == [5]);
    screen.press(&"<s-enter>row".repeat(6));
    screen.wait_until("all of it is written", |screen| count(&screen.scrollback(), "row") == 6);
    let before = screen.scrollback();
    screen.resize(COLUMNS, 5);
    screen.wait_until("there is less room", |screen| {
        screen.screen().contains(FACTS) && count(&screen.scrollback(), FACTS) == 1
    });
    screen.resize(COLUMNS, ROWS);
    screen.wait_until("all is as it was", |screen| screen.scrollback() == before);
    leave(screen);
}

#[test]
fn a_frame_that_the_terminal_does_not_take_at_once_is_drawn_to_its_end() {
    const HIGH: u16 = 400;
    let row = "is a row that is nearly as long as the window is wide, so that a frame is large";
    let rows: String = (1..=2 * HIGH).map(|number| format!("{number} {row}\n")).collect();
    let server = ScriptedModel::new().says(&format!("```\n{rows}```\n")).serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = scene.screen(&["-m", "scripted", "-s", "read-only"], 100, HIGH);
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_for("800 is a row");
    wait_until_ready(&screen);
    for _ in 0..5 {
        screen.press("<c-t>");
        screen.wait_until("the whole frame is there", |screen| {
            let modes = screen.modes();
            modes.alternate && !modes.synchronized && screen.screen().contains("800 is a row")
        });
        screen.press("q");
        screen.wait_until("it is closed", |screen| !screen.modes().alternate);
        wait_until_ready(&screen);
    }
    leave(screen);
}

#[test]
fn a_terminal_that_answers_nothing_gets_its_new_size_all_the_same() {
    let server = ScriptedModel::new().says("Hello.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let args = ["-m", "scripted", "-s", "read-only"];
    let mut screen = scene.screen_answering(&args, COLUMNS, ROWS, Answers::none());
    wait_until_ready(&screen);
    screen.press("hi<enter>");
    screen.wait_for("Hello.");
    screen.resize(60, 20);
    screen.press("x");
    screen.wait_for("› x");
    wait_until_ready(&screen);
    leave(screen);
}

#[test]
fn keys_that_are_typed_while_the_size_is_not_certain_are_not_lost() {
    let (_scene, _server, mut screen) = start(ScriptedModel::new());
    wait_until_ready(&screen);
    for (key, columns) in ["a", "b", "c", "d"].into_iter().zip([60, 100, 70, 80]) {
        screen.resize(columns, ROWS);
        screen.press(key);
    }
    screen.wait_for("› abcd");
    leave(screen);
}
