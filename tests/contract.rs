//! What holds for the lines of `exec --json` whatever happens (exec-json.md 13): each is JSON, numbered without gaps,
//! what begins also ends, the last one says how the turn ended.

use std::collections::BTreeSet;

use agent_testkit::{Fault, Finished, Scene, ScriptedModel, ScriptedServer};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const ARGUMENTS: [&str; 5] = ["exec", "--json", "-s", "workspace-write", "go"];

fn server() -> ScriptedServer {
    ScriptedModel::new()
        .calls_at_once([
            ("exec_command", json!({"cmd": "echo one"})),
            ("exec_command", json!({"cmd": "echo two >&2; exit 2"})),
            ("list_dir", json!({"dir_path": "."})),
        ])
        .calls("update_plan", json!({"plan": [{"step": "look", "status": "in_progress"}]}))
        .calls("exec_command", json!({"cmd": "echo three"}))
        .says("Done.")
        .serve()
}

/// Checks the contract; `case` says which run it is.
fn check(run: &Finished, case: &str) {
    let events = run.events();
    let mut open = BTreeSet::new();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], number, "{case}");
        let id = event["item"]["id"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().unwrap() {
            "item.started" => assert!(open.insert(id), "{case}: begun twice: {event}"),
            "item.completed" => drop(open.remove(&id)),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{case}: never ended: {open:?}");
    let terminal = |kind: &str| kind == "turn.completed" || kind == "turn.failed";
    let types = run.types();
    assert_eq!(types.iter().filter(|kind| terminal(kind)).count(), 1, "{case}: {types:?}");
    assert!(terminal(types.last().unwrap()), "{case}: {types:?}");
}

async fn count() -> usize {
    let server = server();
    let run = Scene::new(AGENT).facing(&server).run(&ARGUMENTS).await.succeeded();
    check(&run, "undisturbed");
    run.types().len()
}

#[tokio::test]
async fn a_signal_after_any_event() {
    for event in 1..count().await {
        let server = server();
        let scene = Scene::new(AGENT).facing(&server);
        let mut run = scene.start(&ARGUMENTS);
        run.events(event).await;
        run.signal("INT").await;
        let run = run.finish().await;
        check(&run, &format!("SIGINT after event {event}"));
        // It may have been done before it heard the signal.
        let expected =
            if run.types().last().unwrap() == "turn.completed" { [0, 1] } else { [1, 1] };
        assert!(expected.contains(&run.code.unwrap()), "event {event}: {:?}", run.code);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_anywhere_in_any_response() {
    for create in 1..=4 {
        for event in [0, 1, 2, 4] {
            let server = server();
            server.fail(create, event, Fault::Reset);
            let run = Scene::new(AGENT).facing(&server).run(&ARGUMENTS).await.succeeded();
            check(&run, &format!("reset after event {event} of response {create}"));
            assert_eq!(run.items("command_execution").len(), 3, "nothing ran twice");
        }
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_after_any_event() {
    for event in 1..count().await {
        let server = server();
        let scene = Scene::new(AGENT).facing(&server);
        let mut child = scene.command(&ARGUMENTS).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..event {
            lines.next_line().await.unwrap();
        }
        drop(lines);
        let code = child.wait().await.unwrap().code();
        // The last lines may have been in the pipe already.
        assert!(matches!(code, Some(141 | 0)), "event {event}: {code:?}");
        assert_eq!(server.frames().len(), 4, "the work was done all the same");
    }
}

#[tokio::test]
async fn what_a_server_of_the_future_says_breaks_nothing() {
    let server = server();
    for (event, text) in [
        (1, r#"{"type":"response.brand_new","sequence_number":0,"x":{"y":[1]}}"#),
        (
            2,
            r#"{"type":"response.output_text.delta","item_id":"nobody","output_index":9,"delta":"x"}"#,
        ),
        (
            3,
            r#"{"type":"response.output_item.added","output_index":7,"item":{"type":"brand_new_item","id":"n"}}"#,
        ),
    ] {
        server.fail(1, event, Fault::Text(text.to_owned()));
    }
    let run = Scene::new(AGENT).facing(&server).run(&ARGUMENTS).await.succeeded();
    check(&run, "unknown events");
    assert_eq!(run.event("turn.completed")["final_message"], "Done.");
}

#[tokio::test]
async fn long_output_is_cut_in_the_middle_and_said_to_be() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "seq 1 200000"}))
        .says("Long.")
        .serve();
    let run = Scene::new(AGENT).facing(&server).run(&ARGUMENTS).await.succeeded();
    check(&run, "long output");
    let command = &run.items("command_execution")[0];
    let output = command["aggregated_output"].as_str().unwrap();
    assert_eq!(command["truncated"], true);
    assert!(output.starts_with("1\n2\n") && output.ends_with("199999\n200000\n"));
    assert!(output.len() < 1 << 20, "{} bytes", output.len());
    let told = server.frames()[1].json["input"][0]["output"].as_str().unwrap().to_owned();
    assert!(told.len() < 100_000 && told.contains("Whole output: "), "{} bytes", told.len());
}
