//! The terminal is given back: to a shell for a while, and however it ends.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::*;

/// A shell that starts the agent, says when it is stopped, and goes on with it on enter.
fn in_a_shell(scene: &Scene) -> PtyScreen {
    let agent = scene.command(&["-m", "scripted", "-s", "read-only"]);
    let agent = agent.as_std();
    #[expect(clippy::disallowed_methods, reason = "only a shell with job control stops its jobs")]
    let mut shell = std::process::Command::new("bash");
    let script = format!(
        "{} -m scripted -s read-only; echo the job stopped; read _; fg >/dev/null; echo the job ended",
        agent.get_program().to_string_lossy()
    );
    shell.args(["--norc", "-m", "-c", &script]).current_dir(scene.workspace()).env_clear();
    shell.envs(agent.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("TERM", "xterm-256color").env("XTERM_VERSION", "XTerm(390)");
    PtyScreen::start(shell, COLUMNS, ROWS, Answers::all())
}

#[test]
fn a_terminal_that_can_place_nothing_is_left_alone_and_told_what_does_without_it() {
    let scene = Scene::new(AGENT).env("TERM", "dumb");
    let screen = scene.screen(&[], COLUMNS, ROWS);
    screen.wait_for("this terminal (TERM=dumb) cannot show it; `agent exec` does without");
    assert_eq!(screen.finish().code, Some(1));
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_brings_the_screen_back() {
    let server = ScriptedModel::new().says("I am back.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = in_a_shell(&scene);
    wait_until_ready(&screen);
    screen.wait_until("the keyboard protocol is on", |screen| screen.modes().keyboard == [5]);
    screen.press("half a<c-z>");
    screen.wait_for("the job stopped");
    assert!(screen.is_restored());
    assert_eq!(screen.modes(), agent_testkit::Modes::default());
    assert!(!screen.screen().contains(FACTS), "{}", screen.screen());
    screen.press("<enter>");
    screen.wait_for("half a");
    wait_until_ready(&screen);
    screen.press(" message<enter>");
    screen.wait_for("I am back.");
    wait_until_ready(&screen);
    screen.press("<c-d>");
    screen.wait_for("the job ended");
    screen.finish().gave_the_terminal_back();
}

/// As over a line that takes half a second for both ways.
#[test]
fn what_a_distant_terminal_answers_is_not_typed_into_the_shell() {
    let answer = Step::new().says(&lines(2_000)).at_tokens_per_second(400.0);
    let server = ScriptedModel::new().step(answer).serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = in_a_shell(&scene);
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_for("line 20");
    let passes = |screen: &PtyScreen, ms| {
        let begun = Instant::now();
        screen.wait_until("time passes", |_| begun.elapsed() > Duration::from_millis(ms));
    };
    screen.stall();
    passes(&screen, 100);
    screen.press("<c-z>");
    passes(&screen, 500);
    screen.go_on();
    screen.wait_for("the job stopped");
    passes(&screen, 300);
    assert!(!screen.screen().contains("^[["), "{}", screen.screen());
    screen.press("<enter>");
    screen.wait_for(RUNNING);
    screen.press("<esc>");
    wait_until_ready(&screen);
    screen.press("<c-d>");
    screen.wait_for("the job ended");
    screen.finish().gave_the_terminal_back();
}

#[test]
fn after_a_stop_from_outside_the_terminal_is_taken_again() {
    let (_scene, _server, mut screen) = start(ScriptedModel::new().says("Still here."));
    wait_until_ready(&screen);
    screen.press("half a");
    screen.wait_for("› half a");
    screen.signal(Signal::STOP);
    // As a shell does that goes on with its own prompt.
    screen.restore();
    assert!(screen.is_restored());
    screen.signal(Signal::CONT);
    screen.wait_until("it is raw again", |screen| !screen.is_restored());
    screen.press(" message<enter>");
    screen.wait_for("Still here.");
    leave(screen);
}

#[test]
fn a_signal_ends_it_in_order_and_the_exit_code_says_which() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let model =
            ScriptedModel::new().calls("exec_command", json!({"cmd": "echo begun; sleep 1000"}));
        let (_scene, _server, mut screen) = start(model);
        wait_until_ready(&screen);
        screen.press("go<enter>");
        screen.wait_for("begun");
        screen.signal(signal);
        let left = screen.finish();
        left.gave_the_terminal_back();
        assert_eq!(left.code, Some(code), "{:#?}", left.rows);
    }
}

#[test]
fn a_signal_ends_it_also_where_the_terminal_reads_no_more() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let (scene, _server, mut screen) = start(ScriptedModel::new().says(&lines(20_000)));
        wait_until_ready(&screen);
        screen.press("go<enter>");
        screen.wait_for("line 1");
        screen.stall();
        screen.wait_until("it waits for the terminal", PtyScreen::is_full);
        screen.signal(signal);
        let left = screen.finish();
        assert_eq!(left.code, Some(code), "{:#?}", left.rows.last());
        left.gave_the_terminal_back();
        assert!(left.rows.iter().any(|row| row.starts_with("To go on: ")), "{:#?}", left.rows);
        let rollout = std::fs::read_to_string(&scene.rollouts()[0]).unwrap();
        assert!(rollout.trim_end().ends_with('}') && rollout.contains("go"), "it is kept");
    }
}

#[test]
fn a_terminal_that_reads_no_more_keeps_nobody_from_working_and_gets_it_all_later() {
    let model = ScriptedModel::new()
        .step(Step::new().says(&lines(20_000)).calls("exec_command", json!({"cmd": "echo"})))
        .says("All done.");
    let (scene, _server, mut screen) = start(model);
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_for("line 1");
    screen.stall();
    screen.wait_until("the terminal is full", PtyScreen::is_full);
    let is_over = |_: &PtyScreen| {
        std::fs::read_to_string(&scene.rollouts()[0]).is_ok_and(|text| text.contains("All done."))
    };
    screen.wait_until("the turn is over", is_over);
    assert!(screen.is_full(), "and it has read nothing meanwhile");
    screen.go_on();
    screen.wait_for("All done.");
    wait_until_ready(&screen);
    let rows = screen.scrollback();
    for line in ["line 17000", "line 18500", "line 19999", "line 20000"] {
        assert_eq!(
            rows.iter().filter(|row| row.trim() == format!("{line} of many.")).count(),
            1,
            "{line}"
        );
    }
    leave(screen);
}

#[test]
fn a_panic_gives_the_terminal_back_and_says_what_happened_below_the_screen() {
    let (_scene, _server, screen) = start(ScriptedModel::new());
    wait_until_ready(&screen);
    screen.wait_until("the keyboard protocol is on", |screen| screen.modes().keyboard == [5]);
    // Builds with debug assertions panic when they are told to.
    screen.signal(Signal::USR1);
    let left = screen.finish();
    left.gave_the_terminal_back();
    assert_eq!(left.code, Some(101));
    let at = left.rows.iter().position(|row| row.contains("panicked at")).unwrap();
    assert!(left.rows[at..].iter().any(|row| row == "asked to"), "{:#?}", left.rows);
}

#[test]
fn a_pager_gives_the_terminal_back_too() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::USR1, 101)] {
        let (_scene, _server, mut screen) = start(ScriptedModel::new().says("It is 42."));
        wait_until_ready(&screen);
        screen.press("what is it?<enter>");
        screen.wait_for("It is 42.");
        wait_until_ready(&screen);
        screen.press("<c-t>");
        screen.wait_for("The conversation");
        assert!(screen.modes().alternate);
        screen.signal(signal);
        let left = screen.finish();
        left.gave_the_terminal_back();
        assert_eq!(left.code, Some(code), "{:#?}", left.rows);
        let said = left.rows.iter().filter(|row| *row == "It is 42.").count();
        assert_eq!(said, 1, "{:#?}", left.rows);
    }
}

#[test]
fn ctrl_z_in_a_pager_leaves_the_alternate_screen_to_nobody() {
    let server = ScriptedModel::new().serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = in_a_shell(&scene);
    wait_until_ready(&screen);
    screen.press("<c-t>");
    screen.wait_for("The conversation");
    screen.press("<c-z>");
    screen.wait_for("the job stopped");
    assert!(screen.is_restored());
    assert_eq!(screen.modes(), agent_testkit::Modes::default());
    screen.press("<enter>");
    screen.wait_until("the pager is back", |screen| screen.modes().alternate);
    screen.press("q");
    wait_until_ready(&screen);
    screen.press("<c-d>");
    screen.wait_for("the job ended");
    screen.finish().gave_the_terminal_back();
}
