//! What ends a run from outside: signals, a reader that goes away, a kill. Nothing is left running and nothing is lost.

use agent_testkit::{Scene, ScriptedModel};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// A command that says it runs, by a file, and then waits for ever, with a child that does the same.
fn endless() -> serde_json::Value {
    json!({"cmd": "sleep 1000 & echo begun > begun; echo begun; sleep 1000"})
}

/// The same, deaf to all that can be ignored, and in a session of its own.
fn deaf() -> serde_json::Value {
    json!({"cmd": "trap '' TERM INT HUP; setsid sleep 1000 & echo begun > begun; echo begun; sleep 1000"})
}

async fn stopped_by(signal: &str, options: &[&str]) -> (Scene, agent_testkit::Finished) {
    stopped_while_running(endless(), signal, options).await
}

async fn stopped_while_running(
    command: serde_json::Value,
    signal: &str,
    options: &[&str],
) -> (Scene, agent_testkit::Finished) {
    let server = ScriptedModel::new().calls("exec_command", command).says("Never.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let arguments: Vec<_> = ["exec", "--json", "-s", "workspace-write"]
        .iter()
        .chain(options)
        .chain(&["go"])
        .copied()
        .collect();
    let mut run = scene.start(&arguments);
    run.until("item.started command_execution").await;
    // The command itself is under way when its file is there.
    while scene.read("begun").is_none() {
        tokio::task::yield_now().await;
    }
    assert!(!scene.inhabitants().is_empty(), "the check can fail");
    run.signal(signal).await;
    let finished = run.finish().await;
    (scene, finished)
}

fn ended_in_order(scene: &Scene, finished: &agent_testkit::Finished) {
    assert_eq!(finished.types().last().unwrap(), "turn.failed");
    assert_eq!(finished.event("turn.failed")["error"]["kind"], "interrupted");
    assert_eq!(finished.items("command_execution")[0]["status"], "failed");
    assert_eq!(scene.inhabitants(), Vec::<String>::new());
}

/// The end of a terminal is said to what uses it.
const DEAF: &str = "nohup sleep 1000 <&- >/dev/null 2>&1 &";

/// Waits until all that is in the background is the program it is to be.
const BEGUN: &str =
    "for job in $(jobs -p); do until grep -q sleep /proc/$job/comm; do :; done; done; echo begun";

#[tokio::test]
async fn r8_what_a_command_leaves_in_the_background_ends_with_it_and_the_model_is_told() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": format!("sleep 1000 & nohup sleep 1000 & {BEGUN}")}))
        .calls("exec_command", json!({"cmd": format!("{DEAF} {BEGUN}"), "tty": true}))
        .calls("exec_command", json!({"cmd": "exec > >(cat); sleep 1000 & echo begun; kill $!"}))
        .calls("exec_command", json!({"cmd": "sleep 1000 & wait", "timeout_ms": 50}))
        .says("Well.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "go"]).await.succeeded();
    let said = "agent: ended with the command: ";
    let outputs: Vec<_> = run.items("command_execution");
    let output = |call: usize| outputs[call]["aggregated_output"].as_str().unwrap().to_owned();
    for (call, left) in
        [(0, "2 processes it left running (sleep)"), (1, "1 process it left running (sleep)")]
    {
        assert!(output(call).contains(&format!("{said}{left}")), "{}", output(call));
        let told = server.frames()[call + 1].json["input"].to_string();
        assert!(told.contains(&format!("{said}{left}")), "{told}");
    }
    assert_eq!(output(2), "begun\n", "what ends by itself is not ended");
    for call in [2, 3] {
        assert!(!output(call).contains(said), "{}", output(call));
    }
    assert_eq!(scene.inhabitants(), Vec::<String>::new());
}

#[tokio::test]
async fn r10_ctrl_c_closes_what_is_open_ends_every_process_and_exits_1() {
    let (scene, finished) = stopped_by("INT", &[]).await;
    assert_eq!(finished.code, Some(1));
    ended_in_order(&scene, &finished);
    let (scene, finished) = stopped_by("INT", &["--exit-codes", "fine"]).await;
    assert_eq!(finished.code, Some(130));
    ended_in_order(&scene, &finished);
}

#[tokio::test]
async fn r9_terminate_and_hang_up_do_the_same_with_their_own_codes() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let (scene, finished) = stopped_by(signal, &[]).await;
        assert_eq!(finished.code, Some(code));
        ended_in_order(&scene, &finished);
    }
}

#[tokio::test]
async fn r9_what_does_not_listen_is_ended_by_force() {
    let (scene, finished) = stopped_while_running(deaf(), "INT", &[]).await;
    assert_eq!(finished.code, Some(1));
    ended_in_order(&scene, &finished);
}

#[tokio::test]
async fn r9_a_killed_run_leaves_no_process_and_its_thread_goes_on() {
    let server = ScriptedModel::new()
        .calls("exec_command", endless())
        .says("I see that it was interrupted.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut run = scene.start(&["exec", "--json", "-s", "workspace-write", "go"]);
    run.until("item.started command_execution").await;
    while scene.read("begun").is_none() {
        tokio::task::yield_now().await;
    }
    run.signal("KILL").await;
    run.finish().await;
    scene.until_deserted().await;
    std::fs::remove_file(scene.workspace().join("begun")).unwrap();
    let run =
        scene.run(&["exec", "resume", "--last", "--json", "what happened?"]).await.succeeded();
    assert_eq!(run.items("command_execution")[0]["status"], "failed");
    assert_eq!(scene.read("begun"), None, "nothing that ran runs twice");
    let frames = server.frames();
    let output = frames[1].json["input"].as_array().unwrap().iter();
    let told = output.clone().find(|item| item["type"] == "function_call_output").unwrap();
    assert!(told["output"].to_string().contains("interrupted"), "{told}");
}

#[tokio::test]
async fn r13_a_reader_that_goes_away_does_not_stop_the_work() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "echo done > done"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut command = scene.command(&["exec", "--json", "-s", "workspace-write", "go"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().await.unwrap().code(), Some(141));
    assert_eq!(scene.read("done").unwrap(), "done\n");
}

#[tokio::test]
async fn r8_background_commands_end_with_the_run_and_are_named() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "sleep 1000", "yield_time_ms": 250}))
        .says("It runs in the background.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    assert_eq!(run.event("process.reaped")["command"], "sleep 1000");
    assert_eq!(scene.inhabitants(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_to_be_kept_lives_on_and_its_output_goes_to_the_thread() {
    // It waits until the run is over, and only then does anything.
    let command = "echo begun; read -r word < in; echo \"heard $word\"; echo done > out";
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": command, "yield_time_ms": 250}))
        .says("It waits in the background.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    for name in ["in", "out"] {
        scene.fifo(name);
    }
    let flags = ["exec", "--json", "-s", "workspace-write", "--keep-background", "go"];
    let run = scene.run(&flags).await.succeeded();
    let reason = run.event("process.reaped")["reason"].as_str().unwrap().to_owned();
    let workspace = scene.workspace();
    let talk = tokio::task::spawn_blocking(move || {
        std::fs::write(workspace.join("in"), "you\n").unwrap();
        std::fs::read_to_string(workspace.join("out")).unwrap()
    });
    assert_eq!(talk.await.unwrap(), "done\n");
    let path = reason.rsplit_once("its output goes to ").unwrap().1;
    let printed = async {
        // What the command printed reaches the file a moment after it was printed.
        while std::fs::read_to_string(path).unwrap() != "begun\nheard you\n" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), printed).await.unwrap();
}

/// Within a sandbox no namespaces are to be had, so what is confined once more is so in the reduced tier.
#[tokio::test]
async fn r9_what_goes_on_without_the_agent_keeps_its_temporary_directory() {
    let model = r#"
        name = "keep"
        [[step]]
        [[step.call]]
        tool = "exec_command"
        arguments = { cmd = "read -r go <in; echo kept >$TMPDIR/file; cat $TMPDIR/file >out", yield_time_ms = 250 }
        [[step]]
        say = "It waits."
    "#;
    let script = r#"
        mkfifo in out said; mkdir /tmp/home; export HOME=/tmp/home AGENT_HOME=/tmp/home
        ./agent gateway --script keep.toml --listen 127.0.0.1:0 >said & exec 3<said
        while read -r line <&3; do
            case $line in url=*) export OPENAI_BASE_URL=${line#url=};; token=*) export AGENT_API_KEY=${line#token=}; break;; esac
        done
        ./agent exec -s workspace-write --keep-background go 2>&1 || exit
        echo go >in; cat out
    "#;
    let scene = Scene::new(AGENT).unrehearsed().file("keep.toml", model).file("script", script);
    std::fs::copy(AGENT, scene.workspace().join("agent")).unwrap();
    let run = scene.run(&["sandbox", "--", "bash", "script"]).await.succeeded();
    assert!(run.stdout.contains("The sandbox is the reduced one"), "{}", run.stdout);
    assert!(run.stdout.ends_with("\nkept\n"), "{}", run.stdout);
}
