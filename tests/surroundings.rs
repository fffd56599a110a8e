//! What surrounds a run may be anything: no terminal, closed streams, a tiny window, no home, no room, no descriptors
//! (R13, R14). It ends in order and says what is wrong.

use agent_testkit::{Finished, Scene, ScriptedModel, ScriptedServer};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

fn task() -> ScriptedServer {
    ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "echo one > one; echo said"}))
        .says("Done.")
        .serve()
}

/// A task that is started by a shell which does this first.
async fn after(prelude: &str, args: &[&str]) -> (Scene, Finished) {
    let server = task();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server).after(prelude);
    let run = scene.run(args).await;
    assert!(!run.stderr.contains("panicked"), "{prelude}: {}", run.stderr);
    (scene, run)
}

const TASK: &[&str] = &["exec", "-s", "workspace-write", "go"];

#[tokio::test]
async fn r13_closed_streams_stop_no_work() {
    for (prelude, code) in
        [("exec <&-", 0), ("exec 2>&-", 0), ("exec <&- 2>&-", 0), ("exec 2>/dev/full", 0)]
    {
        let (scene, run) = after(prelude, TASK).await;
        assert_eq!(
            (run.code, scene.read("one").as_deref()),
            (Some(code), Some("one\n")),
            "{prelude}: {}",
            run.stderr
        );
        assert_eq!(run.stdout, "Done.\n", "{prelude}");
    }
    // Whoever cannot hear the answer is not told that all is well.
    for prelude in ["exec >&-", "exec >/dev/full", "exec <&- >&- 2>&-"] {
        let (scene, run) = after(prelude, TASK).await;
        assert!(run.code.is_some_and(|code| code != 101), "{prelude}: {:?}", run.code);
        assert_eq!(scene.read("one").as_deref(), Some("one\n"), "{prelude}: {}", run.stderr);
    }
}

#[tokio::test]
async fn r13_an_input_that_never_ends_is_given_up() {
    for args in [TASK, &["exec"], &["exec", "-"]] {
        let (scene, run) = after("exec </dev/zero", args).await;
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("does not end"), "{}", run.stderr);
        assert!(scene.read("one").is_none());
    }
}

#[tokio::test]
async fn r13_a_closed_stream_is_never_taken_for_a_file_that_is_opened_later() {
    // The first that is opened gets the number of one that is closed.
    let (scene, _) =
        after("exec <&- >&- 2>&-", &["exec", "--json", "-s", "workspace-write", "go"]).await;
    for rollout in scene.rollouts() {
        for line in std::fs::read_to_string(&rollout).unwrap().lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(record.get("t_ms").is_none() || record.get("seq").is_some(), "{line}");
        }
    }
    assert!(!scene.rollouts().is_empty());
}

#[tokio::test]
async fn r13_without_a_terminal_the_screen_says_so_at_once() {
    let run = Scene::new(AGENT).env("AGENT_API_KEY", "k").run(&["go"]).await;
    assert!(run.code.is_some_and(|code| code != 0 && code != 101), "{:?}", run.code);
    assert!(run.stderr.contains("terminal") && run.stderr.contains("exec"), "{}", run.stderr);
}

#[tokio::test]
async fn r13_any_name_of_a_terminal_will_do() {
    for term in ["", "dumb", "no-such-terminal", "\u{fffd}"] {
        let server = task();
        let scene = Scene::new(AGENT).facing(&server).env("TERM", term);
        scene.run(TASK).await.succeeded();
    }
    let (_, run) = after("unset TERM", TASK).await;
    run.succeeded();
}

#[test]
fn r13_a_window_of_one_cell_can_be_written_in_and_left() {
    let server = ScriptedModel::new().says("A long answer in a small window. ").serve();
    let scene = Scene::new(AGENT).facing(&server);
    for (columns, rows) in [(1, 1), (2, 1), (1, 40), (500, 1)] {
        let mut screen = scene.screen(&["-m", "scripted"], columns, rows);
        screen.wait_until("it draws", |screen| !screen.log().is_empty());
        screen.press("hello");
        screen.resize(80, 24);
        screen.wait_for("hello");
        screen.press("<c-c>");
        screen.wait_for("ctrl-c again leaves");
        screen.press("<c-c>");
        let left = screen.finish();
        assert_eq!(left.code, Some(0), "{columns} by {rows}");
        left.gave_the_terminal_back();
    }
}

#[test]
fn r13_a_thousand_resizes_while_an_answer_comes_lose_nothing() {
    let lines: String = (1..=40).map(|number| format!("line {number} of many.\n\n")).collect();
    let server = ScriptedModel::new().says(&lines).serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = scene.screen(&["-m", "scripted", "-s", "read-only"], 80, 24);
    screen.wait_for("scripted");
    screen.press("many<enter>");
    for number in 0..1_000_u16 {
        screen.resize(20 + number % 97, 2 + number % 41);
    }
    screen.resize(80, 24);
    screen.wait_for("line 40 of many.");
    screen.wait_until("it is ready", |screen| !screen.screen().contains("esc stops"));
    screen.press("<c-c>");
    screen.wait_for("ctrl-c again leaves");
    screen.press("<c-c>");
    let left = screen.finish();
    assert_eq!(left.code, Some(0));
    left.gave_the_terminal_back();
}

#[tokio::test]
async fn r14_without_any_home_it_works_or_says_what_is_missing() {
    for prelude in [
        "unset HOME AGENT_HOME",
        "unset AGENT_HOME; HOME=/no/such/home",
        "unset AGENT_HOME; HOME=",
        "unset AGENT_HOME; HOME=relative",
        "unset AGENT_HOME; HOME=/proc",
        "AGENT_HOME=/proc/agent",
        "AGENT_HOME=/dev/null",
    ] {
        let (scene, run) = after(prelude, TASK).await;
        match run.code {
            Some(0) => assert_eq!(scene.read("one").unwrap(), "one\n", "{prelude}"),
            Some(1) => {
                assert!(scene.read("one").is_none(), "{prelude}: nothing runs unrecorded");
                assert!(run.stderr.contains("AGENT_HOME"), "{prelude}: {}", run.stderr);
            }
            code => panic!("{prelude}: {code:?} {}", run.stderr),
        }
        let (scene, run) =
            after(prelude, &["exec", "--ephemeral", "-s", "workspace-write", "go"]).await;
        assert_eq!(
            (run.code, scene.read("one").is_some()),
            (Some(0), true),
            "{prelude}: {}",
            run.stderr
        );
    }
}

#[tokio::test]
async fn r14_a_home_that_cannot_be_written_is_named() {
    if rustix::process::geteuid().is_root() {
        println!("not run: root may write anywhere; /proc stands for it above");
        return;
    }
    let (scene, run) = after("chmod 500 \"$AGENT_HOME\"", TASK).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains(scene.home().to_str().unwrap()), "{}", run.stderr);
}

#[tokio::test]
async fn r14_with_few_descriptors_it_works_or_says_that_there_are_none() {
    let mut worked = 0;
    // With fewer, the system cannot even load a program.
    for limit in [5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 64] {
        let prelude = format!("ulimit -n {limit}");
        let (scene, run) = after(&prelude, TASK).await;
        match run.code {
            Some(0) if scene.read("one").is_some() => worked += 1,
            // The model was told why the command did not run.
            Some(0) => {}
            Some(code) => {
                assert!(code == 1, "{limit}: {code} {}", run.stderr);
                assert!(!run.stderr.trim().is_empty(), "{limit}: it says why");
            }
            None => panic!("{limit}: a signal ended it: {}", run.stderr),
        }
    }
    assert!(worked >= 2, "it needs less than 32: {worked}");
}

#[tokio::test]
async fn r14_a_full_disk_in_the_workspace_leaves_the_file_as_it_was() {
    // 512 bytes each; the thread's log fits, what the patch makes does not.
    let big = "+0123456789abcdef\n".repeat(20_000);
    let patch = format!(
        "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n{big}*** Add File: b\n+x\n*** End Patch"
    );
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "head -c 10M /dev/zero > big; echo $?"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT)
        .unrehearsed()
        .file("a.txt", "one\n")
        .facing(&server)
        .after("ulimit -f 400");
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    let run = scene.run_with_input(&["apply-patch"], &patch).await;
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("a.txt") && run.stderr.contains("too large"), "{}", run.stderr);
    assert_eq!((scene.read("a.txt").as_deref(), scene.read("b")), (Some("one\n"), None));
    let names =
        std::fs::read_dir(scene.workspace()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, [".git", "a.txt", "big"]);
}
