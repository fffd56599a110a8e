//! Servers that do what no server should: each has a bounded cost and a defined outcome.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::join;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::client::{endpoint, pair};
use crate::server::*;

#[tokio::test(start_paused = true)]
async fn r18_what_is_unknown_changes_nothing() {
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
async fn r18_what_no_server_may_send_is_one_clean_error_and_the_next_request_starts_anew() {
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
async fn r19_a_frame_of_100_mb_is_refused_before_it_is_read() {
    let mut head = vec![0x81, 127];
    head.extend(100_000_000_u64.to_be_bytes());
    let line = after_these_bytes(&head).await;
    assert!(line.contains("100000000"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn r18_bytes_that_are_no_frames_are_refused() {
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
async fn r20_a_stream_that_trickles_ends_at_the_idle_limit() {
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

#[tokio::test(start_paused = true)]
async fn every_close_code_has_an_outcome() {
    // Nothing of an answer had come: it is asked for again, goes by HTTP, or the server has said no.
    for (code, outcome) in [
        (1000_u16, "retry 1 of 6: the server closed the connection: code 1000"),
        (1001, "retry 1 of 6: the server closed the connection: code 1001"),
        (1002, "retry 1 of 6: the server closed the connection: code 1002"),
        (1003, "retry 1 of 6: the server closed the connection: code 1003"),
        // Not to be sent in a frame, any of these three.
        (1004, "retry 1 of 6: the server closed the connection: code 1002"),
        (1005, "retry 1 of 6: the server closed the connection: code 1002"),
        (1006, "retry 1 of 6: the server closed the connection: code 1002"),
        (1007, "retry 1 of 6: the server closed the connection: code 1007"),
        (1008, "error: the server closed the connection: code 1008"),
        (1009, "fallback: the request of"),
        (1010, "retry 1 of 6: the server closed the connection: code 1010"),
        (1011, "retry 1 of 6: the server closed the connection: code 1011"),
        (1012, "retry 1 of 6: the server closed the connection: code 1012"),
        (1013, "retry 1 of 6: the server closed the connection: code 1013"),
    ] {
        let (mut client, mut server) = pair(endpoint());
        let serve = async {
            let mut peer = server.socket().await;
            peer.request().await;
            let [high, low] = code.to_be_bytes();
            peer.0.get_mut().write_all(&[0x88, 2, high, low]).await.unwrap();
            if outcome.starts_with("retry") {
                let mut peer = server.socket().await;
                peer.request().await;
                peer.responds("r1", &[]).await;
            } else if outcome.starts_with("fallback") {
                let mut http = server.http().await;
                http.request().await;
                http.responds("r1", &[]).await;
            }
            peer
        };
        let (_peer, lines) = join!(serve, client.says("a"));
        assert!(lines[1].starts_with(outcome), "{code}: {lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_in_endless_pieces_is_refused_at_64_mib() {
    let mut pieces = vec![0x01, 0];
    for _ in 0..70 {
        pieces.extend([0x00, 127, 0, 0, 0, 0, 0, 0x10, 0, 0]);
        pieces.resize(pieces.len() + (1 << 20), b' ');
    }
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(done(0, &message("kept"))).await;
        // It is left while it still speaks.
        assert!(peer.0.get_mut().write_all(&pieces).await.is_err());
    };
    let (_, lines) = join!(serve, client.says("a"));
    assert!(lines[2].starts_with("error: the server broke the protocol"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_pings_and_never_reads_costs_little_memory() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        let raw = peer.0.get_mut();
        let mut ping = vec![0x89, 125];
        ping.resize(2 + 125, b'x');
        // Answers to all of them would be 20 MB.
        let pings = ping.repeat(1500);
        for _ in 0..100 {
            raw.write_all(&pings).await.unwrap();
        }
        let (mut answers, mut buffer) = (0, vec![0; 64 * 1024]);
        let quiet = std::time::Duration::from_secs(1);
        while let Ok(Ok(read)) = tokio::time::timeout(quiet, raw.read(&mut buffer)).await {
            answers += read;
        }
        assert!((1..17 << 20).contains(&answers), "{answers}");
        peer.says(completed("r1")).await;
        peer
    };
    let (_peer, lines) = join!(serve, client.says("a"));
    assert_eq!(lines[1..], ["completed r1"]);
}

#[tokio::test(start_paused = true)]
async fn events_in_any_order_are_taken_for_what_they_are() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        for frame in [
            text_delta("early"),
            done(3, &call("a")),
            json!({"type": "response.output_item.added", "output_index": 3, "item": call("a")}),
            json!({"type": "response.output_text.delta", "output_index": 3, "delta": "late"}),
            done(0, &message("first in the list, last in time")),
            created("r1"),
            completed("r1"),
            // Nothing should follow; the next request does not take it for its answer's end.
            json!({"type": "response.in_progress", "response": {"id": "r1"}}),
        ] {
            peer.says(frame).await;
        }
        assert_eq!(peer.request().await["previous_response_id"], "r1");
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        assert_eq!(
            client.says("go").await[1..],
            [
                "delta 0 early",
                "call a",
                "added 3 function_call",
                "delta 3 late",
                "message first in the list, last in time",
                "created r1",
                "completed r1"
            ]
        );
        client.log.push(output("a"));
        assert_eq!(client.asks().await.last().unwrap(), "completed r2");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_ends_is_given_up_at_the_idle_limit() {
    let (mut client, mut server) = pair(endpoint());
    let start = tokio::time::Instant::now();
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(done(0, &message("kept"))).await;
        // It answers pings, and says no more.
        assert!(peer.is_left().await);
    };
    let (_, lines) = join!(serve, client.says("a"));
    assert_eq!(lines[2], "error: nothing came from the model for 300 s");
    assert_eq!(start.elapsed().as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_refused_upgrade_is_believed_whatever_comes_of_its_body() {
    let endless = format!("HTTP/1.1 401 No\r\n\r\n{}", "x".repeat(1 << 20));
    for (answer, reason) in [
        ("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n", "no explanation (status 401)"),
        ("HTTP/1.1 401 No\r\ncontent-length: 99\r\n\r\nhalf a w", "half a w (status 401)"),
        ("HTTP/1.1 401 No\r\n\r\n<html>\u{1b}[2J", "<html>\u{1b}[2J (status 401)"),
        (&*endless, "xxx (status 401)"),
    ] {
        let (mut client, mut server) = pair(endpoint());
        let start = tokio::time::Instant::now();
        let serve = async {
            let mut http = server.http().await;
            http.request().await;
            // The client leaves when it has heard enough.
            let _ = http.0.write_all(answer.as_bytes()).await;
            http
        };
        let (_http, lines) = join!(serve, client.says("a"));
        assert!(lines[0].starts_with("error: the endpoint refused the WebSocket upgrade"));
        assert!(lines[0].ends_with(reason), "{lines:?}");
        assert!(lines[0].len() < 1000 && start.elapsed().as_secs() <= 2);
    }
}
