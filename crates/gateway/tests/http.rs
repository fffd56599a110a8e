//! What a client of the gateway's HTTP side can rely on.

#![allow(clippy::unwrap_used)]

mod support;

use agent_gateway::{Gateway, GatewayConfig, GatewayError, Limits};
use agent_transport::{Script, Scripted};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Server, scripted, scripted_within, text_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Less than the patience with those who are known.
const SOON: Duration = Duration::from_secs(15);

const CALL_THEN_TEXT: &str = r#"
name = "call then text"
[[step]]
call = [{ tool = "shell", as = "list", arguments = { cmd = "ls" } }]
[[step]]
expect.output.list = "Cargo.toml"
say = "Done."
"#;

fn body(fields: Value) -> String {
    let mut body = json!({"model": "scripted"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body.to_string()
}

#[tokio::test]
async fn a_response_is_streamed_as_the_same_events_as_on_the_socket() {
    let server = scripted(CALL_THEN_TEXT).await;
    let reply =
        server.http("POST", "/v1/responses", &body(json!({"input": "go", "stream": true}))).await;
    assert_eq!(reply.status, 200);
    assert!(reply.headers["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let events = reply.events();
    let names: Vec<_> =
        reply.body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(names, kinds);
    assert_eq!(kinds[..2], ["response.created", "response.in_progress"]);
    assert_eq!(*kinds.last().unwrap(), "response.completed");
    // Over HTTP the next request carries the whole conversation.
    let call = &events.last().unwrap()["response"]["output"][0];
    let window = json!([
        {"role": "user", "content": "go"}, call,
        {"type": "function_call_output", "call_id": call["call_id"], "output": "Cargo.toml"},
    ]);
    let reply =
        server.http("POST", "/responses", &body(json!({"input": window, "stream": true}))).await;
    assert_eq!(text_of(&reply.events().last().unwrap()["response"]), "Done.");
}

#[tokio::test]
async fn a_response_can_be_had_whole() {
    let server = scripted(CALL_THEN_TEXT).await;
    let reply = server.http("POST", "/openai/v1/responses", &body(json!({"input": "go"}))).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (200, &json!("completed")));
    assert_eq!(reply.json()["output"][0]["name"], "shell");
}

#[tokio::test]
async fn errors_before_the_stream_are_statuses_and_later_ones_events() {
    let server = scripted(
        r#"
        name = "busy"
        [[step]]
        refuse = { status = 429, code = "rate_limit_exceeded", message = "Slow down.", retry_after = 7 }
        [[step]]
        say = "Half"
        fail = { code = "server_is_overloaded", message = "Oops." }
        "#,
    )
    .await;
    let ask = body(json!({"input": "go", "stream": true}));
    let reply = server.http("POST", "/v1/responses", &ask).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(reply.json()["error"]["code"], "rate_limit_exceeded");
    let reply = server.http("POST", "/v1/responses", &ask).await;
    let events = reply.events();
    let failed = events.last().unwrap();
    // By its own code Codex would not try again (G6.3).
    assert_eq!(
        (&failed["type"], &failed["response"]["error"]["code"]),
        (&json!("response.failed"), &json!("server_error"))
    );
}

#[tokio::test]
async fn there_is_no_chain_over_http() {
    let server = scripted(CALL_THEN_TEXT).await;
    let ask = body(json!({"input": "go", "previous_response_id": "resp_1"}));
    let reply = server.http("POST", "/v1/responses", &ask).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["error"]["code"]),
        (400, &json!("previous_response_not_found"))
    );
}

#[tokio::test]
async fn the_models_are_listed() {
    let server = scripted(CALL_THEN_TEXT).await;
    let reply = server.http("GET", "/v1/models", "").await;
    assert_eq!(reply.json()["data"][0]["id"], "scripted");
}

#[tokio::test]
async fn s24_paths_methods_and_the_token_are_checked() {
    let server = scripted(CALL_THEN_TEXT).await;
    let token = format!("Bearer {}", support::TOKEN);
    let token = &[("authorization", &*token)][..];
    for (method, path, headers, status, code) in [
        ("GET", "/v1/responses", token, 426, "upgrade_required"),
        ("DELETE", "/v1/responses", token, 405, "method_not_allowed"),
        ("GET", "/v2/responses", token, 404, "not_found"),
        ("GET", "/v1/responses", &[][..], 401, "invalid_api_key"),
        ("POST", "/v1/responses", &[][..], 401, "invalid_api_key"),
        ("GET", "/v1/models", &[("authorization", "Bearer x")][..], 401, "invalid_api_key"),
        (
            "OPTIONS",
            "/v1/responses",
            &[("origin", "http://evil.example")][..],
            403,
            "origin_not_allowed",
        ),
    ] {
        let reply = server.http_with(method, path, "", headers).await;
        assert_eq!(reply.status, status, "{method} {path}");
        assert_eq!(reply.json()["error"]["code"], code);
        assert!(reply.headers.contains_key("x-request-id"));
        let cors = reply.headers.keys().filter(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(cors.count(), 0);
    }
    let reply = server.http("GET", "/v1/responses", "").await;
    assert_eq!(reply.headers["upgrade"], "websocket");
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused() {
    let limits = Limits { message: 1000, ..Limits::default() };
    let server = scripted_within(CALL_THEN_TEXT, limits).await;
    for (body, status, code) in [
        ("nonsense".to_owned(), 400, "invalid_json"),
        (body(json!({"background": true})), 400, "unsupported_parameter"),
        (body(json!({"input": "x".repeat(2000)})), 413, "context_too_large"),
    ] {
        let reply = server.http("POST", "/v1/responses", &body).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["error"]["code"]),
            (status, &json!(code)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn s24_the_gateway_listens_on_loopback_only_and_makes_its_own_token() {
    let model =
        || Box::new(Scripted::new(Script::new("", []))) as Box<dyn agent_transport::Transport>;
    let bind =
        |address: &str| Gateway::bind(address.parse().unwrap(), GatewayConfig::default(), model);
    assert!(matches!(bind("0.0.0.0:0").await, Err(GatewayError::NotLoopback(_))));
    let (one, two) = (bind("127.0.0.1:0").await.unwrap(), bind("127.0.0.1:0").await.unwrap());
    assert_eq!(one.token().as_str().len(), 64);
    assert_ne!(one.token(), two.token());
    assert!(one.base_url().unwrap().starts_with("http://127.0.0.1:"));
}

/// As many as fit, each with half a request.
async fn strangers(server: &Server) -> Vec<TcpStream> {
    let mut strangers = Vec::new();
    for _ in 0..256 {
        let mut stranger = TcpStream::connect(server.address).await.unwrap();
        stranger.write_all(b"GET /v1/models HTTP/1.1\r\n").await.unwrap();
        strangers.push(stranger);
    }
    strangers
}

#[tokio::test]
async fn s24_who_shows_no_token_keeps_nobody_waiting_who_does() {
    let server = scripted(CALL_THEN_TEXT).await;
    let mut socket = server.connect().await;
    let mut strangers = strangers(&server).await;
    let reply = timeout(SOON, server.http("GET", "/v1/models", "")).await;
    assert_eq!(reply.expect("there is room for it").status, 200);
    // Who came first without a token has made room, and nobody else.
    let mut said = Vec::new();
    timeout(SOON, strangers[0].read_to_end(&mut said)).await.expect("it is given up").ok();
    socket.ask(json!({"input": "go"})).await;
    let mut last = strangers.pop().unwrap();
    let rest = format!("host: {}\r\n\r\n", server.address);
    last.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(SOON, last.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
}

#[tokio::test]
async fn s24_who_shows_no_token_in_time_is_given_up_also_one_that_keeps_asking() {
    let limits = Limits { unknown: Duration::from_millis(100), ..Limits::default() };
    let server = scripted_within(CALL_THEN_TEXT, limits).await;
    let mut socket = server.connect().await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut guessing = TcpStream::connect(server.address).await.unwrap();
    let guess = format!("GET /v1/models HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    guessing.write_all(guess.as_bytes()).await.unwrap();
    for stream in [&mut silent, &mut guessing] {
        let mut said = Vec::new();
        timeout(SOON, stream.read_to_end(&mut said)).await.expect("it is given up").unwrap();
    }
    socket.ask(json!({"input": "go"})).await;
}
