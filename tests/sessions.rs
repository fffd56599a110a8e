//! Commands that go on for long: given a limited time, interrupted, or left to themselves.

use agent_testkit::{Scene, ScriptedModel, ScriptedServer};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// What the model was told of the call before this request.
fn told(server: &ScriptedServer, request: usize) -> String {
    let input = server.frames()[request].json["input"].clone();
    let outputs = input.as_array().unwrap().iter();
    let mut outputs = outputs.filter(|item| item["type"] == "function_call_output");
    outputs.next_back().unwrap()["output"].to_string()
}

#[tokio::test]
async fn a_command_that_takes_longer_than_it_may_is_ended_with_all_it_started() {
    let server = ScriptedModel::new()
        .calls(
            "exec_command",
            json!({
                "cmd": "trap '' TERM; setsid sleep 4711 & echo begun; sleep 4711; echo over",
                "timeout_ms": 200, "yield_time_ms": 120_000,
            }),
        )
        .calls("exec_command", json!({"cmd": "cat gate", "timeout_ms": 0}))
        .calls("exec_command", json!({"cmd": "exit 3", "timeout_ms": 60_000}))
        .says("So.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    scene.fifo("gate");
    let mut run = scene.start(&["exec", "--json", "-s", "workspace-write", "go"]);
    let done = run.until("item.completed command_execution").await["item"].clone();
    assert_eq!(done["timed_out"], true, "{done}");
    assert_eq!((&done["status"], &done["signal"]), (&json!("failed"), &json!(9)));
    assert_eq!(done["aggregated_output"], "begun\n");
    let left = scene.inhabitants();
    assert!(!left.iter().any(|process| process.contains("4711")), "{left:?}");
    std::fs::write(scene.workspace().join("gate"), "").unwrap();
    let run = run.finish().await.succeeded();
    let said = told(&server, 1);
    assert!(said.contains("Timed out: it was ended with all it started"), "{said}");
    let others = &run.items("command_execution")[1..];
    assert!(others.iter().all(|item| item.get("timed_out").is_none()), "{others:?}");
}

#[tokio::test]
async fn the_time_of_a_command_that_became_a_session_is_limited_too() {
    let server = ScriptedModel::new()
        .calls(
            "exec_command",
            json!({"cmd": "echo begun; sleep 1000", "timeout_ms": 2_000, "yield_time_ms": 50}),
        )
        .calls("write_stdin", json!({"session_id": 1, "yield_time_ms": 120_000}))
        .says("So.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    assert!(told(&server, 1).contains("Process running with session ID 1"), "{}", told(&server, 1));
    let said = told(&server, 2);
    assert!(said.contains("Timed out: it was ended") && said.contains("signal 15"), "{said}");
    assert!(run.items("tool_call")[0].to_string().contains("Timed out"), "the person sees it");
}

#[tokio::test]
async fn a_command_whose_time_is_limited_is_not_left_running() {
    let command = json!({"cmd": "sleep 1000", "timeout_ms": 600_000, "yield_time_ms": 50});
    let server = ScriptedModel::new().calls("exec_command", command).says("It runs.").serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let run = scene.run(&["exec", "--json", "--keep-background", "go"]).await.succeeded();
    assert_eq!(run.event("process.reaped")["reason"], "ended, as its time is limited");
    assert_eq!(scene.inhabitants(), Vec::<String>::new());
}

#[tokio::test]
async fn a_command_without_a_terminal_hears_ctrl_c_and_nothing_else_that_is_typed() {
    let hears = "trap 'echo heard; exit 3' QUIT; sleep 1000 & echo > ready; wait";
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "sleep 1000; echo over", "yield_time_ms": 50}))
        .calls("exec_command", json!({"cmd": hears, "yield_time_ms": 50}))
        // Both have begun by then.
        .calls("exec_command", json!({"cmd": "cat ready"}))
        .calls("write_stdin", json!({"session_id": 1, "chars": "q\u{3}"}))
        .calls("write_stdin", json!({"session_id": 1, "chars": "\u{3}", "yield_time_ms": 120_000}))
        .calls("write_stdin", json!({"session_id": 2, "chars": "\u{1c}", "yield_time_ms": 120_000}))
        .says("So.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    scene.fifo("ready");
    scene.run(&["exec", "--json", "-s", "workspace-write", "go"]).await.succeeded();
    let said = told(&server, 4);
    assert!(said.contains("cannot type into session 1: it has no terminal"), "{said}");
    let said = told(&server, 5);
    assert!(said.contains("SIGINT was sent to its process group"), "{said}");
    assert!(said.contains("Ended by signal 2") && !said.contains("over"), "{said}");
    let said = told(&server, 6);
    assert!(said.contains("SIGQUIT was sent"), "{said}");
    assert!(said.contains("Exit code: 3") && said.contains("heard"), "{said}");
}

#[tokio::test]
async fn r16_typing_where_nothing_is_read_ends_with_the_calls_time_and_says_how_much_was_typed() {
    const CALLS: usize = 12;
    // More in all than a terminal has room for.
    let typed = json!({"session_id": 1, "chars": "x".repeat(8_000), "yield_time_ms": 50});
    let mut model = ScriptedModel::new().calls(
        "exec_command",
        json!({"cmd": "stty raw -echo; echo ready; kill -STOP $$", "tty": true, "yield_time_ms": 2_000}),
    );
    for _ in 0..CALLS {
        model = model.calls("write_stdin", typed.clone());
    }
    let server = model.says("So.").serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    scene.run(&["exec", "--json", "go"]).await.succeeded();
    assert!(told(&server, 1).contains("ready"), "{}", told(&server, 1));
    assert!(!told(&server, 2).contains("Only"), "there was room: {}", told(&server, 2));
    let said = told(&server, CALLS + 1);
    assert!(said.contains("Only the first 0 of 8000 bytes were typed"), "{said}");
    assert!(said.contains("Process running with session ID 1"), "{said}");
}

/// Somebody beside the room holds the command's output open and prints on; the two meet without a sandbox, where they
/// see each other.
#[tokio::test]
async fn r8_a_command_that_has_handed_its_output_on_is_over_with_its_room() {
    let holds =
        "read pid < told; exec 3> /proc/$pid/fd/4; echo > taken; while :; do echo forged; done >&3";
    // Its first descriptor is the pipe while it tells.
    let gives = "echo genuine; exec 4>&1; echo $$ > told; cat taken; exit 7";
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": holds, "yield_time_ms": 50}))
        .calls("exec_command", json!({"cmd": gives, "yield_time_ms": 20_000}))
        .says("So.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    scene.fifo("told");
    scene.fifo("taken");
    let run = scene.run(&["exec", "--json", "-s", "danger-full-access", "go"]).await.succeeded();
    let given = &run.items("command_execution")[1];
    assert_eq!((&given["exit_code"], &given["status"]), (&json!(7), &json!("failed")), "{given}");
    assert!(given["aggregated_output"].as_str().unwrap().contains("genuine\n"), "{given}");
    assert!(!told(&server, 2).contains("Process running"), "{}", told(&server, 2));
}
