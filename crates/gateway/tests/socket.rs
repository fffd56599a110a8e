//! What a client of the gateway's WebSocket can rely on, a test a rule of protocol.md.

#![allow(clippy::unwrap_used)]

mod support;

use agent_gateway::Limits;
use serde_json::{Value, json};
use std::time::Duration;
use support::{scripted, scripted_within, text_of};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

const CALL_THEN_TEXT: &str = r#"
name = "call then text"
[[step]]
think = "I look."
say = "Looking."
[[step.call]]
tool = "shell"
as = "list"
arguments = { cmd = "ls" }
[[step]]
expect.output.list = "Cargo.toml"
say = "Done."
[[step]]
expect.user = "thanks"
say = "Welcome."
"#;

const TALK: &str = r#"
name = "talk"
[[step]]
say = "One."
[[step]]
say = "Two."
[[step]]
say = "Three."
"#;

fn call_id(response: &Value) -> String {
    let calls = response["output"].as_array().unwrap().iter();
    let call = calls.rev().find(|item| item["type"] == "function_call").unwrap();
    call["call_id"].as_str().unwrap().to_owned()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_response_is_the_full_sequence_of_events() {
    let server = scripted(CALL_THEN_TEXT).await;
    let mut client = server.connect().await;
    client.create(json!({"input": "go"})).await;
    let events = client.until_end().await;
    let mut expected = vec!["response.created", "response.in_progress"];
    expected.extend(["response.output_item.added", "response.reasoning_summary_part.added"]);
    expected.extend(["response.reasoning_summary_text.delta"; 2]);
    expected
        .extend(["response.reasoning_summary_text.done", "response.reasoning_summary_part.done"]);
    expected.extend(["response.output_item.done", "response.output_item.added"]);
    expected.extend(["response.content_part.added", "response.output_text.delta"]);
    expected.extend(["response.output_text.done", "response.content_part.done"]);
    expected.extend(["response.output_item.done", "response.output_item.added"]);
    expected.extend([
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
    ]);
    expected.extend(["response.output_item.done", "response.completed"]);
    assert_eq!(kinds(&events), expected);
    let numbers: Vec<_> =
        events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..expected.len() as u64).collect::<Vec<_>>());
    // Deltas name the item they belong to, by the id it is opened and closed with (G4.2).
    for event in events.iter().filter(|event| event["item_id"].is_string()) {
        let index = &event["output_index"];
        let of_item = |kind: &str| {
            let mut found = events
                .iter()
                .filter(|other| other["type"] == kind && other["output_index"] == *index);
            found.next().unwrap()["item"]["id"].clone()
        };
        assert_eq!(event["item_id"], of_item("response.output_item.added"));
        assert_eq!(event["item_id"], of_item("response.output_item.done"));
    }
}

#[tokio::test]
async fn responses_are_complete_objects() {
    let server = scripted(TALK).await;
    let mut client = server.connect().await;
    client
        .create(json!({"input": "go", "reasoning": {"effort": "low"}, "prompt_cache_key": "k"}))
        .await;
    let events = client.until_end().await;
    for event in [&events[0], &events[1], events.last().unwrap()] {
        let response = &event["response"];
        for field in [
            "id",
            "object",
            "created_at",
            "model",
            "output",
            "parallel_tool_calls",
            "tool_choice",
            "tools",
        ] {
            assert!(!response[field].is_null(), "{field} in {event}");
        }
        assert_eq!(response["tools"], json!([]));
        assert_eq!(response["reasoning"]["effort"], "low");
    }
    let response = &events.last().unwrap()["response"];
    assert_eq!((&response["status"], text_of(response)), (&json!("completed"), "One.".to_owned()));
    let usage = &response["usage"];
    let sum = usage["input_tokens"].as_u64().unwrap() + usage["output_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], json!(sum));
    assert_eq!(usage["output_tokens_details"]["reasoning_tokens"], 0);
}

#[tokio::test]
async fn a_continuation_needs_only_what_is_new() {
    let server = scripted(CALL_THEN_TEXT).await;
    let mut client = server.connect().await;
    let first = client.ask(json!({"input": "go"})).await;
    let output =
        json!({"type": "function_call_output", "call_id": call_id(&first), "output": "Cargo.toml"});
    let second = client.ask(json!({"previous_response_id": first["id"], "input": [output]})).await;
    assert_eq!(text_of(&second), "Done.");
    assert_eq!(second["previous_response_id"], first["id"]);
    let thanks = json!({"role": "user", "content": "thanks"});
    let third = client.ask(json!({"previous_response_id": second["id"], "input": [thanks]})).await;
    assert_eq!(text_of(&third), "Welcome.");
}

#[tokio::test]
async fn only_the_latest_response_of_a_lane_can_be_continued() {
    let server = scripted(TALK).await;
    let mut client = server.connect().await;
    let first = client.ask(json!({"input": "go"})).await;
    let second = client.ask(json!({"previous_response_id": first["id"], "input": "go on"})).await;
    let error =
        client.ask_in_vain(json!({"previous_response_id": first["id"], "input": "go on"})).await;
    assert_eq!(
        (&error["status"], &error["error"]["code"]),
        (&json!(400), &json!("previous_response_not_found"))
    );
    assert_eq!(error["error"]["param"], "previous_response_id");
    // The miss named another response: the latest one is still there.
    let third = client.ask(json!({"previous_response_id": second["id"], "input": "go on"})).await;
    assert_eq!(text_of(&third), "Three.");
}

#[tokio::test]
async fn nothing_outlives_the_connection() {
    let server = scripted(TALK).await;
    let first = server.connect().await.ask(json!({"input": "go"})).await;
    let mut client = server.connect().await;
    let error =
        client.ask_in_vain(json!({"previous_response_id": first["id"], "input": "go on"})).await;
    assert_eq!(error["error"]["code"], "previous_response_not_found");
}

#[tokio::test]
async fn a_continuation_that_fails_loses_its_parent() {
    let server = scripted(
        r#"
        name = "failing"
        [[step]]
        say = "One."
        [[step]]
        say = "Half"
        fail = { code = "server_error", message = "Oops." }
        "#,
    )
    .await;
    let mut client = server.connect().await;
    let first = client.ask(json!({"input": "go"})).await;
    client.create(json!({"previous_response_id": first["id"], "input": "go on"})).await;
    let events = client.until_end().await;
    let failed = &events.last().unwrap()["response"];
    assert_eq!(
        (&failed["status"], &failed["error"]["code"]),
        (&json!("failed"), &json!("server_error"))
    );
    let error =
        client.ask_in_vain(json!({"previous_response_id": first["id"], "input": "go on"})).await;
    assert_eq!(error["error"]["code"], "previous_response_not_found");
}

#[tokio::test]
async fn an_incomplete_response_can_be_continued() {
    let server = scripted(
        r#"
        name = "long"
        [[step]]
        say = "Half"
        incomplete = "max_output_tokens"
        [[step]]
        say = "The rest."
        "#,
    )
    .await;
    let mut client = server.connect().await;
    client.create(json!({"input": "go"})).await;
    let events = client.until_end().await;
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
    let rest = client.ask(json!({"previous_response_id": response["id"], "input": "go on"})).await;
    assert_eq!(text_of(&rest), "The rest.");
}

#[tokio::test]
async fn a_warm_up_is_answered_at_once_and_is_a_parent() {
    let server = scripted(TALK).await;
    let mut client = server.connect().await;
    client.create(json!({"generate": false, "instructions": "Be brief.", "input": []})).await;
    let events = client.until_end().await;
    assert_eq!(kinds(&events), ["response.created", "response.in_progress", "response.completed"]);
    let warm = &events[2]["response"];
    assert_eq!((&warm["output"], &warm["usage"]["total_tokens"]), (&json!([]), &json!(0)));
    let first = client.ask(json!({"previous_response_id": warm["id"], "input": "go"})).await;
    assert_eq!(text_of(&first), "One.");
}

#[tokio::test]
async fn what_codex_sends_is_tolerated() {
    let server = scripted(TALK).await;
    let mut client = server.connect().await;
    let response = client
        .ask(json!({
            "stream": true, "store": true, "stream_options": {"include_obfuscation": false},
            "client_metadata": {"thread_id": "t"}, "brand_new": {"x": [1]}, "tool_choice": {"type": "function", "name": "x"},
            "tools": [{"type": "web_search"}, {"type": "namespace", "name": "functions", "tools": []}],
            "input": [{"id": "msg_1", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}, {"type": "moon_phase"}],
        }))
        .await;
    assert_eq!(text_of(&response), "One.");
}

#[tokio::test]
async fn a_bad_frame_is_an_error_and_the_connection_stays() {
    let server = scripted(TALK).await;
    let mut client = server.connect().await;
    for (frame, code, param) in [
        ("not json", "invalid_json", Value::Null),
        ("[1]", "invalid_json", Value::Null),
        (r#"{"type":"response.dance"}"#, "unknown_event_type", json!("type")),
        (r#"{"no":"type"}"#, "unknown_event_type", json!("type")),
        (r#"{"type":"response.create","input":"x"}"#, "missing_required_parameter", json!("model")),
        (r#"{"type":"response.create","model":"m"}"#, "missing_required_parameter", json!("input")),
        (
            r#"{"type":"response.create","model":"m","background":true,"input":"x"}"#,
            "unsupported_parameter",
            json!("background"),
        ),
        (
            r#"{"type":"response.create","model":"m","stream_id":"","input":"x"}"#,
            "invalid_stream_id",
            json!("stream_id"),
        ),
    ] {
        client.send_text(frame).await;
        let error = client.next().await;
        assert_eq!(error["type"], "error");
        // A number, or Codex ignores it (G6.1).
        assert_eq!(error["status"].as_u64(), Some(400), "{frame}");
        assert_eq!(
            (&error["error"]["code"], &error["error"]["param"]),
            (&json!(code), &param),
            "{frame}"
        );
    }
    assert_eq!(text_of(&client.ask(json!({"input": "go"})).await), "One.");
}

#[tokio::test]
async fn an_error_before_the_response_is_wrapped_and_says_how_long_to_wait() {
    let server = scripted(
        r#"
        name = "busy"
        [[step]]
        refuse = { status = 429, code = "rate_limit_exceeded", message = "Slow down." }
        [[step]]
        refuse = { status = 401, code = "invalid_api_key", message = "No." }
        "#,
    )
    .await;
    let mut client = server.connect().await;
    let error = client.ask_in_vain(json!({"input": "go"})).await;
    assert_eq!((&error["status"], &error["headers"]["retry-after"]), (&json!(429), &json!("2")));
    let error = client.ask_in_vain(json!({"input": "go"})).await;
    // The client cannot mend the gateway's credentials (G6.3).
    assert_eq!(
        (&error["status"], &error["error"]["code"]),
        (&json!(400), &json!("upstream_auth_error"))
    );
}

#[tokio::test]
async fn a_script_that_is_not_followed_is_a_fatal_error_with_its_reason() {
    let server = scripted(CALL_THEN_TEXT).await;
    let mut client = server.connect().await;
    let first = client.ask(json!({"input": "go"})).await;
    let output =
        json!({"type": "function_call_output", "call_id": call_id(&first), "output": "empty"});
    let error =
        client.ask_in_vain(json!({"previous_response_id": first["id"], "input": [output]})).await;
    assert_eq!(
        (&error["status"], &error["error"]["code"]),
        (&json!(400), &json!("script_mismatch"))
    );
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("step 2 (line 10)") && message.contains("\"Cargo.toml\""),
        "{message}"
    );
}

#[tokio::test]
async fn lanes_do_not_disturb_each_other() {
    let server = scripted(TALK).await;
    let mut client = server.connect().await;
    let main = client.ask(json!({"input": "go"})).await;
    // A fork carries its lane in each event.
    client
        .create(json!({"stream_id": "review", "previous_response_id": main["id"], "input": "look"}))
        .await;
    let events = client.until_end().await;
    assert!(events.iter().all(|event| event["stream_id"] == "review"));
    assert_eq!(text_of(&events.last().unwrap()["response"]), "Two.");
    // An error of a lane carries it too, and leaves the parent where it is.
    let error = client
        .ask_in_vain(
            json!({"stream_id": "review", "previous_response_id": "resp_x", "input": "look"}),
        )
        .await;
    assert_eq!(error["stream_id"], "review");
    let next = client.ask(json!({"previous_response_id": main["id"], "input": "go on"})).await;
    assert_eq!(text_of(&next), "Two.");
}

#[tokio::test]
async fn requests_of_one_lane_are_answered_in_their_order() {
    let server = scripted(TALK).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.create(json!({"input": "go"})).await;
    }
    for _ in 0..3 {
        let events = client.until_end().await;
        let ids: Vec<_> = [&events[0], events.last().unwrap()]
            .map(|event| event["response"]["id"].clone())
            .into();
        assert_eq!(ids[0], ids[1]);
        assert_eq!(events.iter().filter(|event| event["type"] == "response.created").count(), 1);
    }
}

#[tokio::test]
async fn there_are_so_many_lanes_and_so_many_responses_at_a_time() {
    const SLOW: &str = r#"
        name = "slow"
        [[step]]
        item = [{ wait_ms = 600000 }, { say = "Late." }]
        "#;
    let limits = Limits { lanes: 3, in_flight: 2, waiting: 1, ..Limits::default() };
    let server = scripted_within(SLOW, limits).await;
    let mut client = server.connect().await;
    for lane in ["a", "b", "c"] {
        client.create(json!({"stream_id": lane, "input": "go"})).await;
    }
    for _ in 0..4 {
        let event = client.next().await;
        assert!(["a", "b"].contains(&event["stream_id"].as_str().unwrap()), "{event}");
    }
    let error = client.ask_in_vain(json!({"stream_id": "a", "input": "go"})).await;
    assert_eq!((&error["status"], &error["headers"]["retry-after"]), (&json!(429), &json!("2")));
    client.send(&json!({"type": "response.interrupt", "response_id": "nobody"})).await;
    assert_eq!(client.next().await["type"], "response.interrupt.failed");
    let mut other = server.connect().await;
    for lane in ["a", "b", "c", "d"] {
        other.create(json!({"stream_id": lane, "generate": false, "input": []})).await;
    }
    let mut last = other.until_end().await;
    while last.last().unwrap()["type"] != "error" {
        last = other.until_end().await;
    }
    let error = last.last().unwrap();
    assert_eq!(
        (&error["error"]["code"], &error["stream_id"]),
        (&json!("websocket_stream_limit_reached"), &json!("d"))
    );
}

#[tokio::test]
async fn an_interrupted_response_keeps_its_complete_items_and_can_be_continued() {
    let server = scripted(
        r#"
        name = "slow"
        [[step]]
        item = [{ say = "One." }, { wait_ms = 600000 }, { say = "Two." }]
        [[step]]
        expect.items = 3
        say = "Three."
        "#,
    )
    .await;
    let mut client = server.connect().await;
    client.create(json!({"input": "go"})).await;
    let mut events = vec![client.next().await];
    while events.last().unwrap()["type"] != "response.output_item.done" {
        events.push(client.next().await);
    }
    let id = events[0]["response"]["id"].clone();
    client.send(&json!({"type": "response.interrupt", "response_id": id, "mode": "discard_partial_items"})).await;
    let events = client.until_end().await;
    assert_eq!(kinds(&events), ["response.interrupt.accepted", "response.incomplete"]);
    let response = &events[1]["response"];
    assert_eq!(response["incomplete_details"]["reason"], "interrupted");
    assert_eq!((&response["id"], text_of(response)), (&id, "One.".to_owned()));
    let next = client.ask(json!({"previous_response_id": id, "input": "stop"})).await;
    assert_eq!(text_of(&next), "Three.");
}

#[tokio::test]
async fn a_steer_is_refused_aloud_and_the_input_comes_back() {
    let server = scripted(TALK).await;
    let mut client = server.connect().await;
    client.send(&json!({"type": "response.steer", "previous_response_id": "resp_1", "input": "Use tabs."})).await;
    let event = client.next().await;
    assert_eq!(event["type"], "response.steer.failed");
    assert_eq!(event["error"]["code"], "steering_not_supported");
    assert_eq!(event["steer"], json!({"previous_response_id": "resp_1", "input": "Use tabs."}));
}

#[tokio::test]
async fn silence_in_a_response_is_broken_by_keepalives() {
    let limits = Limits { keepalive: Duration::from_millis(10), ..Limits::default() };
    let server = scripted_within(
        r#"
        name = "slow"
        pace = { first_token_ms = 100 }
        [[step]]
        say = "One."
        "#,
        limits,
    )
    .await;
    let mut client = server.connect().await;
    client.create(json!({"input": "go"})).await;
    let events = client.until_end().await;
    assert!(kinds(&events).iter().filter(|kind| **kind == "keepalive").count() >= 2, "{events:?}");
    let numbers: Vec<_> =
        events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted());
}

#[tokio::test]
async fn a_connection_too_old_says_so_and_is_closed_after_what_runs() {
    let limits = Limits { age: Duration::ZERO, ..Limits::default() };
    let server = scripted_within(TALK, limits).await;
    let mut client = server.connect().await;
    let error = client.ask_in_vain(json!({"input": "go"})).await;
    assert_eq!(error["error"]["code"], "websocket_connection_limit_reached");
    assert_eq!(client.closed().await, CloseCode::Away);
}

#[tokio::test]
async fn an_idle_client_is_pinged_and_left_when_it_does_not_answer() {
    use tokio::io::AsyncReadExt;
    let limits = Limits { ping: Duration::from_millis(20), ..Limits::default() };
    let server = scripted_within(TALK, limits).await;
    let mut client = server.connect().await;
    // Read beside the WebSocket, whose client would answer.
    let mut bytes = Vec::new();
    client.socket.get_mut().read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes[..4], [0x89, 0, 0x89, 0], "two pings");
    assert_eq!(bytes[4..8], [0x88, 2 + 18, 0x03, 0xe9], "close 1001: {bytes:?}");
}

#[tokio::test]
async fn r19_a_message_too_large_is_closed_with_1009() {
    let limits = Limits { message: 1000, ..Limits::default() };
    let server = scripted_within(TALK, limits).await;
    let mut client = server.connect().await;
    client.create(json!({"input": "x".repeat(1_000_000)})).await;
    assert_eq!(client.closed().await, CloseCode::Size);
}

#[tokio::test]
async fn a_conversation_too_large_to_remember_is_refused() {
    let limits = Limits { window: 1000, ..Limits::default() };
    let server = scripted_within(TALK, limits).await;
    let mut client = server.connect().await;
    let first = client.ask(json!({"input": "go"})).await;
    let error = client
        .ask_in_vain(json!({"previous_response_id": first["id"], "input": "x".repeat(2000)}))
        .await;
    assert_eq!(
        (&error["status"], &error["error"]["code"]),
        (&json!(413), &json!("context_too_large"))
    );
}

#[tokio::test]
async fn binary_frames_are_not_taken() {
    use futures_util::SinkExt;
    let server = scripted(TALK).await;
    let mut client = server.connect().await;
    client.socket.send(Message::binary(b"{}".to_vec())).await.unwrap();
    assert_eq!(client.closed().await, CloseCode::Unsupported);
}

#[tokio::test]
async fn the_upgrade_has_a_request_id_and_names_no_model() {
    let server = scripted(TALK).await;
    let client = server.connect().await;
    assert!(client.headers.contains_key("x-request-id"));
    assert!(!client.headers.contains_key("openai-model"));
    assert!(!client.headers.contains_key("sec-websocket-extensions"));
}

#[tokio::test]
async fn an_upgrade_needs_the_token_a_path_and_a_free_place() {
    let limits = Limits { sockets: 1, ..Limits::default() };
    let server = scripted_within(TALK, limits).await;
    let token = format!("Bearer {}", support::TOKEN);
    let good = ("authorization", &*token);
    for (path, headers, status) in [
        ("/v1/responses", vec![good], 101),
        ("/responses", vec![good], 101),
        ("/openai/v1/responses?api-version=1", vec![good], 101),
        ("/v1/chat", vec![good], 404),
        ("/v1/responses", vec![], 401),
        ("/v1/responses", vec![("authorization", "Bearer wrong")], 401),
        ("/v1/responses", vec![good, ("origin", "http://evil.example")], 403),
        ("/v1/responses", vec![good, ("host", "evil.example")], 403),
    ] {
        assert_eq!(server.upgrade_refused(path, &headers).await, status, "{path} {headers:?}");
    }
    let _first = server.connect().await;
    assert_eq!(server.upgrade_refused("/v1/responses", &[good]).await, 429);
}
