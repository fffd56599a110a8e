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
async fn r13_an_answer_there_is_no_room_for_is_told_when_the_work_is_done() {
    for args in [TASK, &["exec", "--json", "-s", "workspace-write", "go"]] {
        let (scene, run) = after("exec >/dev/full", args).await;
        assert_eq!(scene.read("one").as_deref(), Some("one\n"), "{args:?}: {}", run.stderr);
        assert_eq!(run.code, Some(1), "{args:?}");
        let said = "error: cannot write to standard output: No space left on device";
        assert!(run.stderr.contains(said), "{args:?}: {}", run.stderr);
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

/// A shell that first puts a file system of so many inodes at `place`, and lets `then` look at what was left there.
fn with_inodes(place: &str, inodes: u32, first: &str, then: &str) -> String {
    with_disk(place, &format!("nr_inodes={inodes}"), first, then)
}

/// The same with a file system of such a kind.
fn with_disk(place: &str, options: &str, first: &str, then: &str) -> String {
    format!(
        "exec unshare --user --map-root-user --mount sh -c '\
         mount -t tmpfs -o mode=700,{options} none \"{place}\" && cd \"$PWD\" && {first} || exit 99
         \"$0\" \"$@\"; code=$?; {then}; exit $code' \"$0\" \"$@\""
    )
}

/// False, and said, where no file system can be put anywhere.
#[expect(clippy::print_stdout, reason = "a test says what it did not try")]
async fn can_mount() -> bool {
    let scene = Scene::new("true").after(&with_inodes("$PWD", 9, ":", ":"));
    let tried = scene.run(&[]).await;
    if tried.code != Some(0) {
        println!("not run: no file system can be put anywhere here: {}", tried.stderr);
    }
    tried.code == Some(0)
}

#[tokio::test]
async fn r14_without_inodes_in_the_workspace_a_patch_changes_nothing_and_says_why() {
    if !can_mount().await {
        return;
    }
    const PATCH: &str = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** Add File: new/b\n+x\n*** End Patch";
    // The root of the file system and the file are two.
    for inodes in 2..=5 {
        let prelude = with_inodes("$PWD", inodes, "echo one > a.txt", "ls -A; cat a.txt");
        let scene = Scene::new(AGENT).unrehearsed().after(&prelude);
        let run = scene.run_with_input(&["apply-patch"], PATCH).await;
        if run.code == Some(0) {
            assert!(inodes >= 5, "{inodes}: {}", run.stdout);
            continue;
        }
        assert_eq!((run.code, &*run.stdout), (Some(1), "a.txt\none\n"), "{inodes}: {}", run.stderr);
        assert!(run.stderr.contains("No space left on device"), "{inodes}: {}", run.stderr);

        let server = ScriptedModel::new().calls_freely("apply_patch", PATCH).says("Done.").serve();
        let scene = Scene::new(AGENT).unrehearsed().facing(&server).after(&prelude);
        let task = ["exec", "--skip-git-repo-check", "-s", "workspace-write", "go"];
        let run = scene.run(&task).await.succeeded();
        assert_eq!(run.stdout, "Done.\na.txt\none\n", "{inodes}: {}", run.stderr);
        let told = server.frames().last().unwrap().text.clone();
        assert!(told.contains("No space left on device"), "{inodes}: {told}");
    }
}

#[tokio::test]
async fn r14_without_inodes_at_home_nothing_runs_unrecorded_and_it_goes_on_once_there_are_some() {
    if !can_mount().await {
        return;
    }
    let later = "mount -o remount,nr_inodes=1000 \"$AGENT_HOME\"; echo then >&2; \
                 \"$0\" exec -s workspace-write resume --last on";
    let mut worked = 0;
    for inodes in [1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 15, 20] {
        let server = ScriptedModel::new()
            .calls("exec_command", json!({"cmd": "echo one >> one"}))
            .says("Done.")
            .says("Done.")
            .serve();
        let prelude = with_inodes("$AGENT_HOME", inodes, ":", later);
        let scene = Scene::new(AGENT).unrehearsed().facing(&server).after(&prelude);
        let run = scene.run(TASK).await;
        let (first, _) = run.stderr.split_once("then").unwrap();
        match run.code {
            Some(0) => worked += 1,
            code => {
                assert_eq!(code, Some(1), "{inodes}: {first}");
                let says_why = first.contains("No space left") && first.contains("agent");
                assert!(says_why, "{inodes}: {first}");
            }
        }
        assert!(run.stdout.ends_with("Done.\n"), "{inodes}: {} {}", run.stdout, run.stderr);
        assert_eq!(scene.read("one").as_deref(), Some("one\n"), "{inodes}: {}", run.stderr);
    }
    assert!(worked > 0);
}

#[tokio::test]
async fn r14_a_long_output_does_not_take_the_room_that_the_log_needs() {
    if !can_mount().await {
        return;
    }
    for (size, is_kept) in [("8m", false), ("200m", true)] {
        let server = ScriptedModel::new()
            .calls("exec_command", json!({"cmd": "yes | head -c 20000000"}))
            .calls("exec_command", json!({"cmd": "echo one >> one"}))
            .says("Done.")
            .serve();
        let last = "find \"$AGENT_HOME\" -path '*/outputs/*'";
        let prelude = with_disk("$AGENT_HOME", &format!("size={size}"), ":", last);
        let scene = Scene::new(AGENT).unrehearsed().facing(&server).after(&prelude);
        let run = scene.run(TASK).await.succeeded();
        assert_eq!(scene.read("one").as_deref(), Some("one\n"), "{}", run.stderr);
        let told = server.frames()[1].json["input"].to_string();
        let said = "The whole output is not kept: its disk is nearly full";
        assert_eq!(told.contains(said), !is_kept, "{size}");
        assert_eq!(told.contains("Whole output: "), is_kept, "{size}");
        assert_eq!(run.stdout.contains("/outputs/"), is_kept, "{size}: {}", run.stdout);
    }
}
