//! The same conversation over HTTP (protocol.md 7).

use agent_transport::TransportChoice;
use tokio::join;

use crate::client::{Client, endpoint, pair};
use crate::server::*;

fn http_pair() -> (Client, Server) {
    let mut endpoint = endpoint();
    endpoint.choice = TransportChoice::Http;
    pair(endpoint)
}

#[tokio::test(start_paused = true)]
async fn every_request_is_the_whole_conversation_on_one_connection() {
    let (mut client, mut server) = http_pair();
    let serve = async {
        let mut peer = server.http().await;
        let asked = peer.request().await;
        assert!(asked.head.starts_with("POST /v1/responses HTTP/1.1\r\n"), "{}", asked.head);
        for header in ["host: model.test", "authorization: Bearer key", "accept: text/event-stream"]
        {
            assert!(asked.head.contains(header), "{}", asked.head);
        }
        assert_eq!(
            (&asked.body["stream"], input(&asked.body)),
            (&true.into(), vec!["a".to_owned()])
        );
        assert!(asked.body.get("type").is_none());
        peer.responds("r1", &[message("x")]).await;
        assert_eq!(input(&peer.request().await.body), ["a", "x", "b"]);
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        assert_eq!(
            client.says("a").await,
            ["sent on http 1: stateless", "created r1", "message x", "completed r1"]
        );
        assert_eq!(client.says("b").await[0], "sent on http 1: stateless");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_died_is_replaced_at_once() {
    let (mut client, mut server) = http_pair();
    let serve = async {
        let mut peer = server.http().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        peer.request().await;
        drop(peer);
        let mut peer = server.http().await;
        peer.request().await;
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        client.says("a").await;
        let lines = client.says("b").await;
        assert_eq!(
            lines,
            [
                "sent on http 1: stateless",
                "sent on http 2: stateless",
                "created r2",
                "completed r2"
            ]
        );
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn an_error_says_what_the_server_said() {
    let (mut client, mut server) = http_pair();
    let body = r#"{"error":{"code":"model_not_found","message":"No such model."}}"#;
    let (_, lines) =
        join!(server.answers("404 Not Found\r\nx-request-id: req_7", body), client.says("a"));
    assert_eq!(lines[1], "error: No such model. (status 404, model_not_found) [request req_7]");

    let (mut client, mut server) = http_pair();
    let json = r#"{"id":"r","output":[]}"#;
    let (_, lines) =
        join!(server.answers("200 OK\r\ncontent-type: application/json", json), client.says("a"));
    assert!(lines[1].contains("in one piece instead of a stream"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_early_has_broken() {
    for rest in ["", "data: [DONE]\n\n", "data: {\"type\":\"respon"] {
        let (mut client, mut server) = http_pair();
        let serve = async {
            let mut peer = server.http().await;
            peer.request().await;
            let kept = done(0, &message("kept"));
            peer.says(&format!("{STREAM_HEAD}\r\ndata: {kept}\n\n: comment\n\n{rest}")).await;
        };
        let (_, lines) = join!(serve, client.says("a"));
        let broken = "error: the connection broke before the response was complete";
        assert!(lines[2].starts_with(broken), "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn r20_a_silent_stream_ends_at_the_idle_limit() {
    let (mut client, mut server) = http_pair();
    let serve = async {
        let mut peer = server.http().await;
        peer.request().await;
        let kept = done(0, &message("kept"));
        peer.says(&format!("{STREAM_HEAD}\r\ndata: {kept}\n\n")).await;
        peer
    };
    let (_peer, lines) = join!(serve, client.says("a"));
    assert_eq!(lines[2], "error: nothing came from the model for 300 s");
}

#[tokio::test(start_paused = true)]
async fn a_connection_opened_early_is_used() {
    let (mut client, mut server) = http_pair();
    client.transport.connect();
    let mut peer = server.http().await;
    let serve = async {
        peer.request().await;
        peer.responds("r1", &[]).await;
    };
    let (_, lines) = join!(serve, client.says("a"));
    assert_eq!(lines, ["sent on http 1: stateless", "created r1", "completed r1"]);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_believed_whatever_comes_of_its_body() {
    let (mut client, mut server) = http_pair();
    let start = tokio::time::Instant::now();
    let serve = async {
        let mut http = server.http().await;
        http.request().await;
        http.says("HTTP/1.1 400 No\r\ncontent-length: 99\r\n\r\nhalf a w").await;
        http
    };
    let (_http, lines) = join!(serve, client.says("a"));
    assert_eq!(lines[1], "error: half a w (status 400)");
    assert_eq!(start.elapsed().as_secs(), 2);
}
