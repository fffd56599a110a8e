//! What goes over the wire: the frames of a run, as the server sees them (protocol.md 2 and 5).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent_protocol::{ApiError, Usage};
use agent_testkit::{Fault, Finished, Refusal, Scene, ScriptedModel, ScriptedServer, Step};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// Of an endpoint that is told tools and instructions each time, and of our own gateway, which is told them once.
async fn three_steps() -> [ScriptedServer; 2] {
    [run_three_steps(three().incognito()).await, run_three_steps(three()).await]
}

fn three() -> ScriptedServer {
    ScriptedModel::new()
        .calls_at_once([
            ("exec_command", json!({"cmd": "echo one"})),
            ("exec_command", json!({"cmd": "echo two"})),
        ])
        .calls("read_file", json!({"file_path": "a.txt"}))
        .says("Done.")
        .serve()
}

async fn run_three_steps(server: ScriptedServer) -> ScriptedServer {
    let scene = Scene::new(AGENT).file("a.txt", "text\n").facing(&server);
    scene.run(&["exec", "-m", "gpt-6-sol", "look around"]).await.succeeded();
    server
}

fn input(frame: &Value) -> Vec<String> {
    let items = frame["input"].as_array().unwrap().iter();
    items.map(|item| item["type"].as_str().unwrap_or("message").to_owned()).collect()
}

#[tokio::test]
async fn the_upgrade_names_us_and_offers_no_compression() {
    let [server, _] = three_steps().await;
    let upgrade = &server.upgrades()[0];
    let header = |name: &str| {
        upgrade.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    };
    assert_eq!(upgrade.path, "/v1/responses");
    assert_eq!(header("authorization"), Some(&*format!("Bearer {}", server.token())));
    assert!(header("user-agent").unwrap().starts_with("agent/"), "{upgrade:?}");
    assert_eq!(header("sec-websocket-extensions"), None);
}

#[tokio::test]
async fn a_trace_around_the_run_is_told_to_the_endpoint() {
    let server = ScriptedModel::new().says("Done.").serve();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let scene = Scene::new(AGENT).facing(&server).env("TRACEPARENT", parent);
    scene.run(&["exec", "go"]).await.succeeded();
    assert_eq!(server.upgrades()[0].header("traceparent"), Some(parent));
}

#[tokio::test]
async fn the_first_frame_is_whole_and_each_further_one_only_what_is_new() {
    for server in three_steps().await {
        let frames = server.frames();
        assert_eq!(frames.len(), 3);
        assert!(frames.iter().all(|frame| frame.connection == frames[0].connection));
        for frame in &frames {
            let fields: Vec<_> = frame.json.as_object().unwrap().keys().cloned().collect();
            assert_eq!(fields[0], "type", "the type comes first");
            assert_eq!(frame.json["type"], "response.create");
            assert_eq!(frame.json["store"], false);
            for absent in ["stream", "background", "stream_options"] {
                assert!(!fields.iter().any(|field| field == absent), "{absent} is for HTTP");
            }
        }
        assert_eq!(frames[0].json["previous_response_id"], Value::Null);
        assert_eq!(input(&frames[0].json).last().unwrap(), "message");
        assert_eq!(input(&frames[1].json), ["function_call_output", "function_call_output"]);
        assert_eq!(input(&frames[2].json), ["function_call_output"]);
        assert!(frames[1..].iter().all(|frame| frame.json["previous_response_id"].is_string()));
    }
}

#[tokio::test]
async fn tools_and_instructions_are_the_same_bytes_each_time() {
    let [server, _] = three_steps().await;
    let frames = server.frames();
    for name in ["tools", "instructions"] {
        let first = raw(&frames[0].text, name).unwrap();
        assert!(first.len() > 1_000, "{name}: {first}");
        for frame in &frames[1..] {
            assert_eq!(raw(&frame.text, name).as_ref(), Some(&first), "{name}");
        }
    }
}

#[tokio::test]
async fn where_lean_frames_are_read_tools_and_instructions_are_said_once() {
    let [_, server] = three_steps().await;
    let frames = server.frames();
    assert_eq!(input(&frames[0].json)[..2], ["additional_tools", "message"]);
    for frame in &frames {
        assert_eq!(
            (&frame.json["tools"], &frame.json["instructions"]),
            (&Value::Null, &Value::Null)
        );
    }
    assert!(frames[2].text.len() < 1_000, "{}", frames[2].text);
}

#[tokio::test]
async fn what_the_providers_cache_is_keyed_by_never_changes() {
    for server in three_steps().await {
        let frames = server.frames();
        assert!(frames[0].json["prompt_cache_key"].is_string());
        for name in ["prompt_cache_key", "model", "reasoning", "include", "parallel_tool_calls"] {
            let first = raw(&frames[0].text, name);
            assert!(frames.iter().all(|frame| raw(&frame.text, name) == first), "{name}");
        }
        assert_eq!(frames[0].json["model"], "gpt-6-sol");
    }
}

/// A field of a frame, byte for byte.
fn raw(text: &str, name: &str) -> Option<String> {
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
    fields.get(name).map(|raw| raw.get().to_owned())
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

#[tokio::test]
async fn a_conversation_that_nears_the_limit_is_shortened_and_goes_on() {
    let compacted = r#"{"type":"compaction","id":"cmp_1","encrypted_content":"all of it"}"#;
    let server = ScriptedModel::new()
        .calls("read_file", json!({"file_path": "a.txt"}))
        .step(Step::new().yields(compacted))
        .says("It says text.")
        .serve();
    let scene = Scene::new(AGENT)
        .config("model_auto_compact_token_limit = 100\n")
        .file("a.txt", "text\n")
        .facing(&server);
    let run = scene.run(&["exec", "--json", "read it"]).await.succeeded();
    assert_eq!(run.event("context.compacting")["reason"], "the context window is nearly full");
    let event = run.event("context.compacted");
    assert!(event["before_tokens"].as_u64() > Some(100), "{event}");
    let frames = server.frames();
    let trigger = frames[1].json["input"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(trigger["type"], "compaction_trigger");
    // The server had forgotten nothing, so this too was only what is new.
    assert!(frames[1].json["previous_response_id"].is_string());
    let told = usize::try_from(event["after_tokens"].as_u64().unwrap()).unwrap() * 4;
    let sent = frames[2].text.len();
    assert!(
        sent.abs_diff(told) < sent / 10,
        "{told} of {sent} bytes: instructions and tools count"
    );
    let after = frames[2].json["input"].as_array().unwrap();
    assert!(frames[2].json["previous_response_id"].is_null());
    let types: Vec<_> =
        after.iter().map(|item| item["type"].as_str().unwrap_or("message")).collect();
    assert!(types.contains(&"compaction") && !types.contains(&"function_call"), "{types:?}");
    assert!(frames[2].text.contains("read it"), "the person's own words stay");
}

#[tokio::test]
async fn what_shortening_costs_counts_for_the_turn_and_its_limits() {
    let used = |input_tokens| Usage { input_tokens, output_tokens: 10, ..Usage::default() };
    let sealed = r#"{"type":"compaction","encrypted_content":"all of it"}"#;
    let model = || {
        let read = Step::new().calls("read_file", json!({"file_path": "a.txt"}));
        ScriptedModel::new()
            .step(read.using(used(1_000)))
            .step(Step::new().yields(sealed).using(used(2_000)).and_goes_on())
    };
    let scene = |server: &ScriptedServer| {
        let prices = "[prices.scripted]\ninput = 1000.0\noutput = 0.0\n";
        Scene::new(AGENT)
            .config(&format!("model_auto_compact_token_limit = 100\n{prices}"))
            .file("a.txt", "text\n")
            .facing(server)
    };
    let server = model().step(Step::new().says("Text.").using(used(50))).serve();
    let run =
        scene(&server).run(&["exec", "--json", "-m", "scripted", "read it"]).await.succeeded();
    let turn = run.event("turn.completed");
    assert_eq!(turn["turn_usage"]["input_tokens"], 3_050);
    assert_eq!((&turn["turn_usage"], &turn["steps"]), (&turn["usage"], &json!(3)));
    assert_eq!(turn["cost_usd"], 3.05);
    let server = model().serve();
    let args = ["exec", "--json", "-m", "scripted", "--max-usd", "2.5", "read it"];
    let failed = scene(&server).run(&args).await.event("turn.failed");
    assert_eq!(failed["error"]["kind"], "budget");
    assert_eq!(failed["turn_usage"]["input_tokens"], 3_000);
    assert_eq!(server.frames().len(), 2, "the shorter conversation is not asked about");
}

/// A model that changes a file, is then full, and does not know the `compaction_trigger`.
fn full_without_trigger(after: Vec<Step>) -> ScriptedServer {
    let unknown = ApiError {
        status: Some(400),
        message: "Invalid value: 'compaction_trigger'.".to_owned(),
        ..ApiError::default()
    };
    let patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-text\n+better text\n*** End Patch";
    let model = ScriptedModel::new()
        .calls("apply_patch", json!({"input": patch}))
        .step(Step::new().refuses(unknown));
    after.into_iter().fold(model, ScriptedModel::step).serve()
}

fn count(run: &Finished, kind: &str) -> usize {
    run.types().iter().filter(|found| *found == kind).count()
}

const SMALL_WINDOW: &str =
    "model_auto_compact_token_limit = 100\nsandbox_mode = \"workspace-write\"\n";

#[tokio::test]
async fn where_the_trigger_is_unknown_the_endpoints_own_window_is_used_as_it_is() {
    let server = full_without_trigger(vec![Step::new().says("Done.")]);
    let kept = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "mend it"}]});
    let sealed = json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "all of it"});
    let answer = json!({"id": "cr_1", "object": "response.compaction", "output": [kept, sealed], "usage": {"input_tokens": 900, "output_tokens": 40}});
    server.refuse_post(Refusal::status(200).body(&answer.to_string()));
    let scene = Scene::new(AGENT).config(SMALL_WINDOW).file("a.txt", "text\n").facing(&server);
    let run = scene.run(&["exec", "--json", "mend it"]).await.succeeded();
    assert_eq!(count(&run, "context.compacted"), 1);
    let posts = server.posts();
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].path, "/v1/responses/compact");
    let fields: Vec<_> = posts[0].json.as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["model", "instructions", "input"]);
    let frames = server.frames();
    let window = frames.last().unwrap().json["input"].as_array().unwrap().clone();
    let at = window.iter().position(|item| *item == kept).unwrap();
    assert_eq!(window[at + 1], sealed, "whole and in its order");
    let told = window[at + 2].to_string();
    assert!(told.contains("+better text"), "the open diff stays word for word: {told}");
    assert_eq!(window.iter().filter(|item| item.to_string().contains("mend it")).count(), 1);
}

#[tokio::test]
async fn where_nothing_else_is_known_the_model_writes_a_summary() {
    let server = full_without_trigger(vec![
        Step::new().says("SUMMARY: the text is better."),
        Step::new().says("Done."),
    ]);
    server.refuse_post(Refusal::status(404));
    let scene = Scene::new(AGENT).config(SMALL_WINDOW).file("a.txt", "text\n").facing(&server);
    let run = scene.run(&["exec", "--json", "mend it"]).await.succeeded();
    assert_eq!(count(&run, "context.compacted"), 1);
    assert_eq!((count(&run, "context.compacting"), count(&run, "context.kept")), (1, 0));
    assert!(run.items("error").is_empty(), "a way that worked is no error");
    let last = server.frames().last().unwrap().text.clone();
    assert!(last.contains("SUMMARY: the text is better.") && last.contains("+better text"));
    assert!(!last.contains("function_call"), "the old window is gone");
}

#[tokio::test]
async fn why_the_prompt_cache_missed_is_asked_for_where_that_is_wanted() {
    let server = ScriptedModel::new()
        .calls("read_file", json!({"file_path": "a.txt"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).file("a.txt", "text\n").facing(&server);
    scene.run(&["exec", "--debug-cache", "read it"]).await.succeeded();
    let options = &server.frames()[1].json["prompt_cache_options"];
    assert!(options["comparison_response_id"].is_string(), "{options}");
}

/// A proxy that leads every tunnel to `server`; it counts them and wants a password.
async fn proxy_to(server: &ScriptedServer) -> (u16, Arc<AtomicUsize>) {
    let (listener, far) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), server.address());
    let port = listener.local_addr().unwrap().port();
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counted = tunnels.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(near.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            assert!(head.starts_with("CONNECT model.test:80 HTTP/1.1\r\n"), "{head}");
            // base64 of me:secret
            assert!(head.contains("proxy-authorization: Basic bWU6c2VjcmV0\r\n"), "{head}");
            counted.fetch_add(1, Ordering::Relaxed);
            near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut far = TcpStream::connect(far).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (port, tunnels)
}

#[tokio::test]
async fn what_the_environment_says_of_proxies_holds_for_socket_and_http() {
    let server = ScriptedModel::new().says("By socket.").says("By HTTP.").serve();
    let (port, tunnels) = proxy_to(&server).await;
    let proxy = format!("http://me:secret@127.0.0.1:{port}");
    let scene = Scene::new(AGENT)
        .unrehearsed()
        .facing(&server)
        .env("OPENAI_BASE_URL", "http://model.test/v1")
        .env("ALL_PROXY", &proxy);
    for (transport, count) in [("websocket", 1), ("http", 2)] {
        let choice = format!("model_providers.openai.transport={transport}");
        scene.run(&["exec", "-c", &choice, "go"]).await.succeeded();
        assert_eq!(tunnels.load(Ordering::Relaxed), count, "{transport}");
    }
    assert_eq!((server.upgrades().len(), server.posts().len()), (1, 1));
    let scene = scene.env("NO_PROXY", ".test");
    let run = scene.run(&["exec", "--network-timeout", "0.1", "go"]).await;
    assert!(run.stderr.contains("model.test") && !run.stderr.contains("secret"), "{}", run.stderr);
    assert_eq!((run.code, tunnels.load(Ordering::Relaxed)), (Some(1), 2));
}

#[tokio::test]
async fn a_message_whose_id_changes_before_its_end_is_one_message() {
    let server = ScriptedModel::new().says("Done.").serve();
    for frame in [
        json!({"type": "response.output_item.added", "output_index": 9, "item": {"type": "message", "id": "early", "role": "assistant", "content": []}}),
        json!({"type": "response.output_text.delta", "output_index": 9, "item_id": "early", "delta": "Changing"}),
        json!({"type": "response.output_item.done", "output_index": 9, "item": {"type": "message", "id": "late", "role": "assistant",
            "content": [{"type": "output_text", "text": "Changing names."}]}}),
    ] {
        server.fail(1, 2, Fault::Text(frame.to_string()));
    }
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let run = scene.run(&["exec", "--json", "--stream", "go"]).await.succeeded();
    let messages = run.items("agent_message");
    let texts: Vec<_> = messages.iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["Changing names.", "Done."]);
    let events = run.events();
    let delta = events.iter().find(|event| event["delta"] == "Changing").unwrap();
    assert_eq!(delta["item_id"], messages[0]["id"]);
}

const LIST: &str = r#"{"object":"list","data":[{"id":"scripted","context_length":20000}]}"#;

#[tokio::test]
async fn how_much_goes_into_the_window_is_asked_for_only_when_much_is_in_it() {
    let taking = |input_tokens| Usage { input_tokens, ..Usage::default() };
    let waits = json!({"cmd": "until [ -e go ]; do sleep 0.02; done"});
    let model = |tokens| {
        let look = json!({"file_path": "a.txt"});
        ScriptedModel::new()
            .step(Step::new().calls("read_file", look).using(taking(tokens)))
            .calls("exec_command", waits.clone())
            .says("Done.")
            .serve()
    };
    let small = model(15_000);
    let scene = Scene::new(AGENT).file("a.txt", "text\n").file("go", "").facing(&small);
    scene.run(&["exec", "-m", "scripted", "read it"]).await.succeeded();
    assert_eq!(small.times_asked_for_models(), 0);
    let large = model(18_500);
    large.list_models(LIST);
    let scene = Scene::new(AGENT).file("a.txt", "text\n").facing(&large);
    let running = scene.start(&["exec", "-m", "scripted", "read it"]);
    large.wait_until_asked_for_models();
    std::fs::write(scene.workspace().join("go"), "").unwrap();
    running.finish().await.succeeded();
    assert_eq!(large.times_asked_for_models(), 1);
}
