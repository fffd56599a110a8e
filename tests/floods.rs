//! Commands that print without end or take all they can get: our memory stays what it was, and they can be stopped
//! (R11, R12).

use agent_testkit::{Finished, Running, Scene, ScriptedModel};
use serde_json::{Value, json};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// The most memory a process ever held, in kB.
fn peak(run: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Lets a command go on that reads a named pipe.
fn open_gate(scene: &Scene, name: &str) {
    std::fs::write(scene.workspace().join(name), "go\n").unwrap();
}

/// A command that waits until `open_gate` lets it go on.
fn gate(name: &str) -> Value {
    json!({"cmd": format!("cat {name}"), "yield_time_ms": 120_000})
}

/// By how many kB more we ever held after the gate `before` than until then, and what came of it. As many commands stand
/// between that one and the gate `after`.
async fn grown_between_gates(scene: &Scene, commands: usize) -> (u64, Finished) {
    scene.fifo("before");
    scene.fifo("after");
    let mut run = scene.start(&["exec", "--json", "-s", "workspace-write", "go"]);
    run.until("item.started command_execution").await;
    let before = peak(&run);
    open_gate(scene, "before");
    for _ in 0..=commands {
        run.until("item.started command_execution").await;
    }
    let grown = peak(&run) - before;
    open_gate(scene, "after");
    (grown, run.finish().await.succeeded())
}

#[tokio::test]
async fn r12_gigabytes_of_output_take_less_than_20_mb_and_both_ends_are_kept() {
    const FLOOD: &str = "echo the first line; head -c 2000M /dev/zero; echo; yes | head -c 500M; echo the last line";
    let server = ScriptedModel::new()
        .calls("exec_command", gate("before"))
        .calls("exec_command", json!({"cmd": FLOOD, "yield_time_ms": 120_000}))
        .calls("exec_command", gate("after"))
        .says("That was a lot.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let (grown, finished) = grown_between_gates(&scene, 1).await;
    assert!(grown < 20_000, "{grown} kB");
    let flood = &finished.items("command_execution")[1];
    assert_eq!(flood["exit_code"], 0);
    let told = server.frames()[2].json["input"].to_string();
    assert!(told.contains("the first line") && told.contains("the last line"), "both ends");
    assert!(told.len() < 1_000_000, "{} bytes", told.len());
}

#[tokio::test]
async fn r11_what_a_pattern_takes_of_memory_it_takes_in_the_sandbox_and_not_of_ours() {
    // In the tables of Unicode without regard to case: of few bytes much is made.
    let pattern = |bytes: usize| format!("(?i){}", r"\PL".repeat((bytes - 4) / 3));
    let server = ScriptedModel::new()
        .calls("exec_command", gate("before"))
        .calls("grep_files", json!({"pattern": pattern(4_000)}))
        .calls("grep_files", json!({"pattern": pattern(20_000)}))
        .calls("exec_command", gate("after"))
        .says("That was a lot.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let (grown, _) = grown_between_gates(&scene, 0).await;
    assert!(grown < 20_000, "{grown} kB");
    let told = |at: usize| server.frames()[at].json["input"].to_string();
    assert!(told(2).contains("wrong `pattern`") && told(2).contains("limit"), "{}", told(2));
    assert!(told(3).contains("`pattern` is 19999 bytes long, and may be 4000"), "{}", told(3));
}

#[tokio::test]
async fn r11_a_command_that_multiplies_or_takes_much_memory_is_stopped_with_the_step() {
    for hungry in [
        // Each starts the next and ends.
        "link() { sleep 0.01; link & }; for i in 1 2 3 4 5 6 7 8; do link & done; echo begun > begun; wait; sleep 1000",
        "for i in $(seq 200); do sleep 1000 & done; echo begun > begun; wait",
        "echo begun > begun; tail -c 300M /dev/zero",
        "trap '' INT TERM HUP; echo begun > begun; while :; do :; done",
    ] {
        let server = ScriptedModel::new()
            .calls("exec_command", json!({"cmd": hungry, "yield_time_ms": 120_000}))
            .says("Never.")
            .serve();
        let scene = Scene::new(AGENT).unrehearsed().facing(&server);
        let mut run = scene.start(&["exec", "--json", "-s", "workspace-write", "go"]);
        run.until("item.started command_execution").await;
        while scene.read("begun").is_none() {
            tokio::task::yield_now().await;
        }
        run.signal("INT").await;
        let finished = run.finish().await;
        assert_eq!(finished.event("turn.failed")["error"]["kind"], "interrupted", "{hungry}");
        scene.until_deserted().await;
    }
}

#[tokio::test]
async fn r11_when_memory_is_short_commands_go_before_the_agent() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "cat /proc/self/oom_score_adj"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    let score = run.items("command_execution")[0]["aggregated_output"].as_str().unwrap().to_owned();
    assert!(score.trim().parse::<i32>().unwrap() >= 500, "{score}");
}

#[tokio::test]
async fn r12_output_a_byte_at_a_time_takes_neither_memory_nor_the_time_of_anything_else() {
    // Every byte is a packet of its own: whoever reads gets one at a time, and finds more.
    const DRIP: &str = "import fcntl, os
fcntl.fcntl(1, fcntl.F_SETFL, os.O_WRONLY | os.O_DIRECT)
while True: os.write(1, b'y')";
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "cat gate", "yield_time_ms": 120_000}))
        .calls("exec_command", json!({"cmd": "python3 drip.py", "yield_time_ms": 2_000}))
        .calls("write_stdin", json!({"session_id": 1, "yield_time_ms": 1_000}))
        .calls("write_stdin", json!({"session_id": 1, "chars": "\u{3}", "yield_time_ms": 60_000}))
        .says("That was little at a time.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server).file("drip.py", DRIP);
    let python = scene.run(&["sandbox", "--", "python3", "--version"]).await;
    if python.code != Some(0) || cfg!(not(target_os = "linux")) {
        return println!("not run: there is no python3, or no pipe of packets");
    }
    scene.fifo("gate");
    let mut run = scene.start(&["exec", "--json", "--stream", "-s", "workspace-write", "go"]);
    run.until("item.started command_execution").await;
    let before = peak(&run);
    open_gate(&scene, "gate");
    for kind in ["command_execution", "command_execution", "tool_call", "tool_call"] {
        run.until(&format!("item.completed {kind}")).await;
    }
    let grown = peak(&run) - before;
    let run = run.finish().await.succeeded();
    assert!(grown < 20_000, "{grown} kB");
    let drip = &run.items("command_execution")[1];
    let printed = drip["aggregated_output"].as_str().unwrap();
    assert!(printed.contains("yyyy"), "{printed}");
    // A piece each 50 ms, and the first and last of each call.
    let took = run.items("command_execution").into_iter().chain(run.items("tool_call"));
    let took: u64 = took.map(|item| item["duration_ms"].as_u64().unwrap()).sum();
    let pieces = run.events().iter().filter(|event| event["type"] == "item.delta").count() as u64;
    assert!((1..=took / 50 + 8).contains(&pieces), "{pieces} pieces in {took} ms");
    let told = server.frames()[4].json["input"].to_string();
    assert!(told.contains("SIGINT was sent") && !told.contains("Process running"), "{told}");
}
