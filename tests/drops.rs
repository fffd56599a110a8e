//! Connections that break while something is under way: what is done stays done, and the person is told (protocol.md 6).

use std::collections::BTreeMap;
use std::sync::Arc;

use agent_testkit::{Fault, Scene, ScriptedModel, ScriptedServer};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const GO: [&str; 5] = ["exec", "--json", "-s", "workspace-write", "go"];

/// Three steps, two of them with side effects, the first with two at once.
fn three_steps() -> ScriptedServer {
    let call = |name: &str| json!({"cmd": format!("echo ran >> {name}")});
    ScriptedModel::new()
        .calls_at_once([("exec_command", call("one")), ("exec_command", call("two"))])
        .calls("exec_command", call("three"))
        .says("Done.")
        .says("More.")
        .serve()
}

/// Where in the answer to the first request its first item is done.
async fn first_item_done() -> usize {
    let server = three_steps();
    Scene::new(AGENT).facing(&server).run(&GO).await.succeeded();
    let is_done = |event: &String| event.contains("response.output_item.done");
    server.events().iter().position(is_done).unwrap() + 1
}

#[tokio::test]
async fn a_break_after_an_item_is_told_with_its_cause_and_costs_no_second_run() {
    let server = three_steps();
    server.fail(1, first_item_done().await, Fault::Cut);
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let run = scene.run(&GO).await.succeeded();
    let retry = run.event("transport.retry");
    assert_eq!((&retry["attempt"], &retry["kind"]), (&json!(1), &json!("network")), "{retry}");
    assert!(retry["message"].as_str().unwrap().starts_with("the connection broke"), "{retry}");
    assert!((160..=240).contains(&retry["delay_ms"].as_u64().unwrap()), "{retry}");
    assert_eq!(scene.read("one").unwrap(), "ran\n");
}

#[tokio::test]
async fn a_wait_that_is_too_long_ends_the_turn_after_an_item_too() {
    let server = three_steps();
    let failed = json!({"type": "response.failed", "response": {"error": {
        "code": "rate_limit_exceeded", "message": "Slow.", "headers": {"retry-after": "3600"}}}});
    server.fail(1, first_item_done().await, Fault::Text(failed.to_string()));
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let run = scene.run(&GO).await;
    let error = &run.event("turn.failed")["error"];
    assert_eq!(error["kind"], "rate_limit");
    assert!(error["message"].as_str().unwrap().contains("wait for 3600 s"), "{error}");
}

/// What a run leaves behind, and what the model is told of it afterwards.
#[derive(Debug, PartialEq)]
struct Outcome {
    files: BTreeMap<&'static str, String>,
    /// Sorted: after a cut between two calls of one response, each output stands behind its own call.
    window: Vec<String>,
    commands: usize,
}

/// Bytes on the wire, of the run and of its whole conversation sent once.
struct Cost {
    up: u64,
    down: u64,
    whole: u64,
}

async fn outcome(server: &ScriptedServer) -> (Outcome, Cost) {
    let scene = Scene::new(AGENT).unrehearsed().facing(server);
    let run = scene.run(&GO).await.succeeded();
    let (up, down) = server.bytes();
    scene.run(&["exec", "resume", "--last", "more"]).await.succeeded();
    let frame = server.frames().last().unwrap().clone();
    let items = frame.json["input"].as_array().unwrap();
    let go = items.iter().position(|item| item["content"][0]["text"] == "go").unwrap();
    let mut window: Vec<_> = items[go..].iter().map(|item| known(&scene, item)).collect();
    window.sort();
    let files = ["one", "two", "three"].map(|name| (name, scene.read(name).unwrap_or_default()));
    let commands = run.items("command_execution").len();
    let outcome = Outcome { files: files.into(), window, commands };
    (outcome, Cost { up, down, whole: frame.text.len() as u64 })
}

/// An item without what differs from run to run.
fn known(scene: &Scene, item: &Value) -> String {
    scene.normal(&item.to_string())
}

#[tokio::test]
async fn cut_anywhere_in_either_direction_it_ends_with_the_same_files_and_the_same_conversation() {
    let (uncut, cost) = outcome(&three_steps()).await;
    assert!(uncut.files.values().all(|text| text == "ran\n"), "{uncut:?}");
    let uncut = Arc::new(uncut);
    let handshake = 2048;
    // More than the gate has time for: `AGENT_CUTS=10000` tries nearly each byte, in half an hour.
    let count = std::env::var("AGENT_CUTS").map_or(30, |count| count.parse().unwrap());
    let points = |bytes: u64| (0..count).map(move |point| (bytes * point / count) as usize + 7);
    let cuts = points(cost.down).map(|bytes| (true, bytes));
    let mut cuts = cuts.chain(points(cost.up).map(|bytes| (false, bytes)));
    let (mut running, mut reconnected) = (JoinSet::new(), 0);
    loop {
        while running.len() < 4
            && let Some((is_down, bytes)) = cuts.next()
        {
            let uncut = uncut.clone();
            running.spawn(async move {
                let server = three_steps();
                if is_down {
                    server.cut_down_after(1, bytes);
                } else {
                    server.cut_up_after(1, bytes);
                }
                let (cut, after) = outcome(&server).await;
                let case =
                    format!("cut after {bytes} bytes {}", if is_down { "down" } else { "up" });
                assert_eq!(cut, *uncut, "{case}");
                let bound = cost.up + after.whole + handshake;
                assert!(after.up <= bound, "{case}: {} bytes sent, not {bound}", after.up);
                server.connections() > 2
            });
        }
        match running.join_next().await {
            Some(done) => reconnected += usize::from(done.unwrap()),
            None => break,
        }
    }
    assert!(reconnected as u64 * 6 > count * 10, "the cuts were noticed: {reconnected}");
}
