//! Servers that do what no server should: each has a bounded cost and a defined outcome.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::join;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::client::{endpoint, pair};
use crate::server::*;

#[tokio::test(start_paused = true)]
async fn what_is_unknown_changes_nothing() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        for frame in [
            json!({"type": "codex.rate_limits", "plan": [1, {"x": null}]}),
            created("r1"),
            json!({"type": "keepalive", "sequence_number": 1}),
            json!({"type": "response.output_text.delta", "output_index": 7, "delta": "early", "obfuscation": "x"}),
            json!({"type": "response.created", "stream_id": "another lane", "response": {"id": "no"}}),
            json!({"type": "response.completed", "stream_id": "another lane", "response": {"id": "no"}}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "brand_new", "x": [1.0]}}),
            completed("r1"),
        ] {
            peer.says(frame).await;
        }
        peer.request().await;
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        assert_eq!(
            client.says("a").await,
            [
                "sent on socket 1: first",
                "other codex.rate_limits",
                "created r1",
                "delta 7 early",
                r#"item Other { kind: "brand_new" }"#,
                "completed r1"
            ]
        );
        assert_eq!(client.asks().await[0], "sent on socket 1: chained");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn items_may_interleave_and_be_done_twice() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(created("r1")).await;
        let added = |index: usize, item| json!({"type": "response.output_item.added", "output_index": index, "item": item});
        for frame in [
            added(0, call("a")),
            added(1, call("b")),
            done(1, &call("b")),
            done(0, &call("a")),
            done(0, &call("a")),
            completed("r1"),
        ] {
            peer.says(frame).await;
        }
        let next = peer.request().await;
        assert_eq!(input(&next), ["b", "a"]);
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        let lines = client.says("go").await;
        let calls: Vec<_> = lines.iter().filter(|line| line.starts_with("call")).collect();
        assert_eq!(calls, ["call b", "call a"]);
        client.log.push(output("b"));
        client.log.push(output("a"));
        assert_eq!(client.asks().await[0], "sent on socket 1: chained");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn what_no_server_may_send_is_one_clean_error_and_the_next_request_starts_anew() {
    let garbage = [
        (Message::text("garbage"), "a frame that is no event"),
        (Message::text("[1]"), "a frame that is no event"),
        (Message::text("{}"), "a frame that is no event"),
        (Message::text(r#"{"type":"response.output_item.done"}"#), "an event without `item`"),
        (Message::binary(vec![0; 9]), "a binary frame of 9 bytes"),
    ];
    for (frame, complaint) in garbage {
        let (mut client, mut server) = pair(endpoint());
        let serve = async {
            let mut peer = server.socket().await;
            peer.request().await;
            peer.says(created("r1")).await;
            peer.sends(frame).await;
            let mut peer = server.socket().await;
            assert_eq!(input(&peer.request().await), ["a"]);
            peer.responds("r2", &[]).await;
        };
        let ask = async {
            let lines = client.says("a").await;
            assert_eq!(lines.len(), 3, "{lines:?}");
            assert!(lines[2].starts_with("error: the server broke the protocol"), "{lines:?}");
            assert!(lines[2].contains(complaint), "{lines:?}");
            assert_eq!(client.asks().await[0], "sent on socket 2: after error");
        };
        join!(serve, ask);
    }
}

/// Sends raw bytes behind a good start of a response and returns what the client makes of it.
async fn after_these_bytes(bytes: &[u8]) -> String {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(created("r1")).await;
        peer.says(done(0, &message("kept"))).await;
        let raw = peer.0.get_mut();
        raw.write_all(bytes).await.unwrap();
        peer
    };
    // The connection stays open until the client has seen enough.
    let (_peer, lines) = join!(serve, client.says("a"));
    lines.last().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_100_mb_is_refused_before_it_is_read() {
    let mut head = vec![0x81, 127];
    head.extend(100_000_000_u64.to_be_bytes());
    let line = after_these_bytes(&head).await;
    assert!(line.contains("100000000"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_frames_are_refused() {
    for (bytes, complaint) in [
        (&b"\x81\x02\xff\xff"[..], "not UTF-8"),
        (b"\xf1\x01x", "Reserved bits"),
        (b"\x80\x01x", "ontinue"),
        (b"\x8b\x00", "invalid opcode"),
    ] {
        let line = after_these_bytes(bytes).await;
        assert!(line.starts_with("error: the server broke the protocol"), "{line}");
        assert!(line.contains(complaint), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_trickles_ends_at_the_idle_limit() {
    let (mut client, mut server) = pair(endpoint());
    let start = tokio::time::Instant::now();
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(done(0, &message("kept"))).await;
        let raw = peer.0.get_mut();
        raw.write_all(&[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]).await.unwrap();
        while raw.write_all(b"x").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    let ask = async {
        assert_eq!(client.says("a").await[2], "error: nothing came from the model for 300 s")
    };
    join!(serve, ask);
    assert!((300..=301).contains(&start.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn a_close_code_says_what_the_loop_can_make_of_it() {
    for (code, reason, line) in [
        (1000, "", "error: the server closed the connection: code 1000"),
        (
            1011,
            "up\u{1b}[31mstream",
            "error: the server closed the connection: code 1011, up[31mstream",
        ),
        (1008, "model switch", "error: the server closed the connection: code 1008, model switch"),
        (4402, "", "error: the server closed the connection: code 4402"),
    ] {
        let (mut client, mut server) = pair(endpoint());
        let serve = async {
            let mut peer = server.socket().await;
            peer.request().await;
            peer.says(done(0, &message("kept"))).await;
            let frame = CloseFrame { code: code.into(), reason: reason.into() };
            peer.sends(Message::Close(Some(frame))).await;
            peer
        };
        let (_peer, lines) = join!(serve, client.says("a"));
        assert_eq!(lines[2], line);
    }
}
