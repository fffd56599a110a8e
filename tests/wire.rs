//! What goes over the wire: the frames of a run, as the server sees them (protocol.md 2 and 5).

use agent_testkit::{Scene, ScriptedModel, ScriptedServer};
use serde_json::{Value, json};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

async fn three_steps() -> ScriptedServer {
    let server = ScriptedModel::new()
        .calls_at_once([
            ("exec_command", json!({"cmd": "echo one"})),
            ("exec_command", json!({"cmd": "echo two"})),
        ])
        .calls("read_file", json!({"file_path": "a.txt"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).file("a.txt", "text\n").facing(&server);
    scene.run(&["exec", "-m", "gpt-6-sol", "look around"]).await.succeeded();
    server
}

fn input(frame: &Value) -> Vec<String> {
    let items = frame["input"].as_array().unwrap().iter();
    items.map(|item| item["type"].as_str().unwrap_or("message").to_owned()).collect()
}

#[tokio::test]
async fn the_upgrade_names_us_and_the_mode() {
    let server = three_steps().await;
    let upgrade = &server.upgrades()[0];
    let header = |name: &str| {
        upgrade.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    };
    assert_eq!(upgrade.path, "/v1/responses");
    assert_eq!(header("authorization"), Some(&*format!("Bearer {}", server.token())));
    assert!(header("user-agent").unwrap().starts_with("agent/"), "{upgrade:?}");
    assert_eq!(header("sec-websocket-extensions"), None, "no compression is offered");
}

#[tokio::test]
async fn the_first_frame_is_whole_and_each_further_one_only_what_is_new() {
    let server = three_steps().await;
    let frames = server.frames();
    assert_eq!(frames.len(), 3);
    assert!(frames.iter().all(|frame| frame.connection == frames[0].connection));
    for frame in &frames {
        let fields: Vec<_> = frame.json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields[0], "type", "the type comes first");
        assert_eq!(frame.json["type"], "response.create");
        assert_eq!(frame.json["store"], false);
        for absent in ["stream", "background", "stream_options"] {
            assert!(
                !fields.iter().any(|field| field == absent),
                "{absent} is for HTTP: {fields:?}"
            );
        }
    }
    assert_eq!(frames[0].json["previous_response_id"], Value::Null);
    assert_eq!(input(&frames[0].json).last().unwrap(), "message");
    assert_eq!(input(&frames[1].json), ["function_call_output", "function_call_output"]);
    assert_eq!(input(&frames[2].json), ["function_call_output"]);
    for (frame, parent) in [(1, "first"), (2, "second")] {
        assert!(
            frames[frame].json["previous_response_id"].is_string(),
            "the {parent} response is the parent"
        );
    }
}

#[tokio::test]
async fn what_the_providers_cache_is_keyed_by_never_changes() {
    let server = three_steps().await;
    let frames = server.frames();
    let key = &frames[0].json["prompt_cache_key"];
    assert!(key.is_string());
    let part = |text: &str, name: &str| {
        // Byte for byte, not merely the same value.
        let start = text.find(&format!("\"{name}\":")).map(|start| &text[start..]);
        let raw: Option<std::collections::BTreeMap<String, Box<serde_json::value::RawValue>>> =
            start.and_then(|_| serde_json::from_str(text).ok());
        raw.and_then(|fields| fields.get(name).map(|raw| raw.get().to_owned()))
    };
    let first = part(&frames[0].text, "tools").unwrap();
    assert!(first.contains("exec_command") && first.contains("apply_patch"));
    for frame in &frames[1..] {
        assert_eq!(&frame.json["prompt_cache_key"], key);
        assert_eq!(frame.json["model"], "gpt-6-sol");
        let tools = part(&frame.text, "tools");
        assert!(tools.is_none() || tools.as_deref() == Some(&*first), "{tools:?}");
    }
}

#[tokio::test]
async fn the_cost_of_a_step_does_not_grow_with_the_conversation() {
    let mut model = ScriptedModel::new();
    for _ in 0..40 {
        model = model.calls("read_file", json!({"file_path": "a.txt"}));
    }
    let server = model.says("Done.").serve();
    let text = "0123456789abcdef\n".repeat(200);
    let scene = Scene::new(AGENT).file("a.txt", &text).facing(&server);
    scene.run(&["exec", "read it often"]).await.succeeded();
    let frames = server.frames();
    let sizes: Vec<_> = frames.iter().map(|frame| frame.text.len()).collect();
    assert_eq!(sizes.len(), 41);
    let spread = sizes[40].abs_diff(sizes[1]);
    assert!(spread < 16, "step 1 sent {} bytes, step 40 {}", sizes[1], sizes[40]);
}

#[tokio::test]
async fn a_thread_that_goes_on_in_another_process_sends_what_it_was_byte_for_byte() {
    let server = ScriptedModel::new()
        .calls("read_file", json!({"file_path": "a.txt"}))
        .says("It says text.")
        .says("Again: text.")
        .serve();
    let scene = Scene::new(AGENT).file("a.txt", "text\n").facing(&server);
    scene.run(&["exec", "read it"]).await.succeeded();
    scene.run(&["exec", "resume", "--last", "once more"]).await.succeeded();
    let frames = server.frames();
    let whole = &frames[2].json;
    assert_eq!(whole["previous_response_id"], Value::Null);
    assert_eq!(whole["prompt_cache_key"], frames[0].json["prompt_cache_key"]);
    assert_eq!(whole["instructions"], frames[0].json["instructions"]);
    let items = whole["input"].as_array().unwrap();
    let before = frames[0].json["input"].as_array().unwrap();
    assert_eq!(&items[..before.len()], &before[..], "the old window comes first, unchanged");
    let sent: Vec<_> = server.events();
    let call = items.iter().find(|item| item["type"] == "function_call").unwrap();
    let raw = serde_json::to_string(call).unwrap();
    assert!(sent.iter().any(|event| event.contains(&raw)), "{raw} is what the server sent");
}
