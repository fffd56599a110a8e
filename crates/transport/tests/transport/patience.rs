//! What is tried again, for how long, and which way (protocol.md 1.7, 6).

use std::time::Duration;

use agent_transport::{Network, NetworkConfig, Resilient, TransportChoice};
use serde_json::json;
use tokio::join;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::client::{Client, endpoint, pair};
use crate::server::*;

#[tokio::test(start_paused = true)]
async fn a_refused_upgrade_becomes_http_at_once_and_is_remembered_for_ten_minutes() {
    for status in ["426 Upgrade Required", "404 Not Found", "405 No", "501 No", "200 OK"] {
        let (mut client, mut server) = pair(endpoint());
        let start = Instant::now();
        let serve = async {
            let asked = server.answers(status, r#"{"error":{"message":"No sockets."}}"#).await;
            for header in [
                "GET /v1/responses HTTP/1.1\r\n",
                "upgrade: websocket",
                "authorization: Bearer key",
            ] {
                assert!(asked.head.contains(header), "{}", asked.head);
            }
            let mut peer = server.http().await;
            for id in ["r1", "r2"] {
                peer.request().await;
                peer.responds(id, &[]).await;
            }
            let mut peer = server.socket().await;
            peer.request().await;
            peer.responds("r3", &[]).await;
        };
        let ask = async {
            let lines = client.says("a").await;
            let code = &status[..3];
            let reason = format!(
                "fallback: the endpoint refused the WebSocket upgrade: No sockets. (status {code})"
            );
            assert_eq!(
                lines,
                [&*reason, "sent on http 1: stateless", "created r1", "completed r1"]
            );
            assert!(start.elapsed().is_zero());
            assert_eq!(client.asks().await[0], "sent on http 1: stateless");
            tokio::time::sleep(Duration::from_secs(600)).await;
            assert_eq!(client.asks().await[0], "sent on socket 2: first");
        };
        join!(serve, ask);
    }
}

#[tokio::test(start_paused = true)]
async fn r21_a_wrong_key_is_said_at_once() {
    let (mut client, mut server) = pair(endpoint());
    let body = r#"{"error":{"code":"invalid_api_key","message":"Incorrect API key."}}"#;
    let (_, lines) = join!(server.answers("401 Unauthorized", body), client.says("a"));
    assert_eq!(
        lines,
        [
            "error: the endpoint refused the WebSocket upgrade: Incorrect API key. (status 401, invalid_api_key)"
        ]
    );
    assert!(server.has_no_connection_waiting());
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_upgrade_is_tried_once_by_http() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        server.answers("403 Forbidden", "firewall").await;
        server.answers("403 Forbidden", r#"{"error":{"message":"Not in your country."}}"#).await;
    };
    let (_, lines) = join!(serve, client.says("a"));
    assert_eq!(
        lines[1..],
        ["sent on http 1: stateless", "error: Not in your country. (status 403)"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_breaks_is_tried_three_times_then_the_request_goes_by_http() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        for _ in 0..3 {
            let mut peer = server.socket().await;
            peer.request().await;
            peer.says(created("r0")).await;
            peer.says(text_delta("He")).await;
        }
        let mut peer = server.http().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        // A minute later the socket is tried again, behind the next request.
        peer.request().await;
        let mut socket = server.socket().await;
        assert_eq!(socket.request().await["generate"], false);
        socket.responds("w", &[]).await;
        peer.responds("r2", &[]).await;
        assert_eq!(socket.request().await["previous_response_id"], "w");
        socket.responds("r3", &[]).await;
    };
    let ask = async {
        let lines = client.says("a").await;
        let kinds: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
        let each = ["sent", "created", "delta"];
        let expected = [
            &each[..],
            &["retry"],
            &each,
            &["retry"],
            &each,
            &["fallback:", "sent", "created", "completed"],
        ];
        assert_eq!(kinds, expected.concat());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(client.asks().await[0], "sent on http 4: stateless");
        assert_eq!(client.asks().await[0], "sent on socket 5: chained");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_again_once_an_item_is_done() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(done(0, &call("a"))).await;
    };
    let (_, lines) = join!(serve, client.says("go"));
    assert_eq!(lines[1], "call a");
    assert!(lines[2].starts_with("error: the connection broke"), "{lines:?}");
    assert!(server.has_no_connection_waiting());
}

#[tokio::test(start_paused = true)]
async fn r21_a_stated_wait_is_kept_and_one_that_is_too_long_is_an_error() {
    let limited = |wait: &str| {
        json!({"type": "error", "status": 429, "headers": {"retry-after": wait},
               "error": {"code": "rate_limit_exceeded", "message": "Slow."}})
    };
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(limited("7")).await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        peer.request().await;
        peer.says(limited("3600")).await;
        peer
    };
    let ask = async {
        let start = Instant::now();
        let lines = client.says("a").await;
        assert_eq!(lines[1], "retry 1 of 6: Slow. (status 429, rate_limit_exceeded)");
        assert_eq!(lines[2], "sent on socket 1: after error");
        assert_eq!(start.elapsed().as_secs(), 7);
        let too_long =
            "error: Slow. The server asks to wait for 3600 s. (status 429, rate_limit_exceeded)";
        assert_eq!(client.asks().await[1], too_long);
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn retries_come_to_an_end() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        for _ in 0..7 {
            peer.request().await;
            peer.says(error(503, "server_is_overloaded")).await;
        }
        peer
    };
    let (_peer, lines) = join!(serve, client.says("a"));
    assert_eq!(lines.iter().filter(|line| line.starts_with("retry")).count(), 6);
    assert_eq!(lines.last().unwrap(), "error: Because. (status 503, server_is_overloaded)");
}

#[tokio::test(start_paused = true)]
async fn r21_what_will_not_get_better_is_not_tried_again() {
    for (status, code) in
        [(400, "invalid_value"), (404, "model_not_found"), (422, "x"), (429, "insufficient_quota")]
    {
        let (mut client, mut server) = pair(endpoint());
        let serve = async {
            let mut peer = server.socket().await;
            peer.request().await;
            peer.says(error(status, code)).await;
            peer
        };
        let (_peer, lines) = join!(serve, client.says("a"));
        assert_eq!(lines[1..], [format!("error: Because. (status {status}, {code})")]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_too_large_for_the_socket_goes_by_http_and_the_socket_keeps_its_chain() {
    let mut endpoint = endpoint();
    endpoint.facts.frame_limit = 2000;
    let (mut client, mut server) = pair(endpoint);
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        let mut http = server.http().await;
        assert_eq!(http.request().await.body["input"].as_array().unwrap().len(), 2);
        http.responds("r2", &[]).await;
        peer
    };
    let ask = async {
        client.says("a").await;
        let lines = client.says(&"x".repeat(3000)).await;
        assert!(lines[0].starts_with("fallback: the request of 3"), "{lines:?}");
        assert_eq!(lines[1], "sent on http 2: stateless");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn the_socket_alone_is_an_error_when_it_is_refused() {
    let mut endpoint = endpoint();
    endpoint.choice = TransportChoice::Websocket;
    let (mut client, mut server) = pair(endpoint);
    let (_, lines) = join!(server.answers("426 Upgrade Required", ""), client.says("a"));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("error: the endpoint refused the WebSocket upgrade"), "{lines:?}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", gone.local_addr().unwrap());
    drop(gone);
    let mut endpoint =
        agent_transport::Endpoint::new("p", &url, agent_transport::Credential::None).unwrap();
    endpoint.patience.max_retries = 1;
    let network = Network::new(NetworkConfig::default());
    let lines = Client::new(Resilient::new(endpoint, network)).says("a").await;
    let last = lines.last().unwrap();
    assert!(last.starts_with("error: cannot connect to 127.0.0.1: no TCP connection"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn the_model_may_be_silent_for_minutes_as_long_as_it_answers_pings() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(created("r1")).await;
        // Reading is what answers the pings.
        let silence = tokio::time::timeout(Duration::from_secs(250), peer.frame()).await;
        assert!(silence.is_err());
        peer.says(completed("r1")).await;
        peer
    };
    let (_peer, lines) = join!(serve, client.says("a"));
    assert_eq!(lines, ["sent on socket 1: first", "created r1", "completed r1"]);
}

#[tokio::test(start_paused = true)]
async fn r20_a_path_that_answers_nothing_is_dead_after_thirty_seconds() {
    let (mut client, mut server) = pair(endpoint());
    let start = Instant::now();
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(done(0, &message("kept"))).await;
        peer
    };
    let (_peer, lines) = join!(serve, client.says("a"));
    assert!(lines[2].ends_with("no sign of life for 30 s"), "{lines:?}");
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_alive_and_a_dead_one_is_noticed() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        // Answers pings for forty minutes, then no more.
        peer.request().await;
        peer.responds("r2", &[]).await;
        let mut second = server.socket().await;
        second.request().await;
        second.responds("r3", &[]).await;
        peer
    };
    let ask = async {
        client.says("a").await;
        tokio::time::sleep(Duration::from_secs(2400)).await;
        assert_eq!(client.says("b").await[0], "sent on socket 1: chained");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(client.says("c").await[0], "sent on socket 2: after error");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn while_the_network_is_away_time_counts_and_the_socket_stays_the_way() {
    let (mut client, server) = pair(endpoint());
    drop(server);
    let start = Instant::now();
    let lines = client.says("a").await;
    let away = "cannot connect to model.test: no TCP connection: nobody listens";
    assert_eq!(lines.last().unwrap(), &format!("error: {away}"));
    assert!(
        lines.len() > 10 && lines[..lines.len() - 1].iter().all(|line| line.starts_with("retry")),
        "{lines:?}"
    );
    assert_eq!(lines[0], format!("retry 1 of 0: {away}"));
    assert!((100..=120).contains(&start.elapsed().as_secs()));

    let mut patient = endpoint();
    patient.patience.offline = None;
    let (mut client, server) = pair(patient);
    drop(server);
    let day = tokio::time::timeout(Duration::from_secs(86_400), client.says("a")).await;
    assert!(day.is_err(), "parked until the network is back");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_big_for_the_server_goes_by_http_and_so_do_all_as_large() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        let frame = CloseFrame { code: 1009.into(), reason: "".into() };
        peer.sends(Message::Close(Some(frame))).await;
        let mut http = server.http().await;
        for id in ["r1", "r2"] {
            http.request().await;
            http.responds(id, &[]).await;
        }
    };
    let ask = async {
        let lines = client.says("a").await;
        assert!(lines[1].starts_with("fallback: the request of"), "{lines:?}");
        assert_eq!(lines[2], "sent on http 2: stateless");
        let lines = client.says("b").await;
        assert!(lines[0].starts_with("fallback: the request of"), "{lines:?}");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_close_code_that_means_no_is_not_tried_again() {
    for code in [1008, 4402] {
        let (mut client, mut server) = pair(endpoint());
        let serve = async {
            let mut peer = server.socket().await;
            peer.request().await;
            let frame = CloseFrame { code: code.into(), reason: "".into() };
            peer.sends(Message::Close(Some(frame))).await;
        };
        let (_, lines) = join!(serve, client.says("a"));
        assert_eq!(lines[1..], [format!("error: the server closed the connection: code {code}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_somebody_swallows_is_waited_for_once() {
    let (mut client, mut server) = pair(endpoint());
    let start = Instant::now();
    let serve = async {
        let swallowed = server.http().await;
        let mut http = server.http().await;
        http.request().await;
        http.responds("r1", &[]).await;
        swallowed
    };
    let (_swallowed, lines) = join!(serve, client.says("a"));
    let late = "cannot connect to model.test: the WebSocket upgrade failed: no answer in time";
    assert_eq!(lines[0], format!("fallback: {late}"));
    assert_eq!(lines[1..], ["sent on http 1: stateless", "created r1", "completed r1"]);
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_upgrade_is_waited_for_as_long_as_it_says() {
    let (mut client, mut server) = pair(endpoint());
    let start = Instant::now();
    let serve = async {
        let body = r#"{"error":{"message":"Too many connections."}}"#;
        server.answers("429 Too Many Requests\r\nretry-after: 3", body).await;
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
    };
    let (_, lines) = join!(serve, client.says("a"));
    let refused = "the endpoint refused the WebSocket upgrade: Too many connections. (status 429)";
    assert_eq!(lines[0], format!("retry 1 of 6: {refused}"));
    assert_eq!(lines[1], "sent on socket 1: first");
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_told_after_an_item_too() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(done(0, &call("a"))).await;
        let error = json!({"code": "rate_limit_exceeded", "message": "Slow.", "headers": {"retry-after": "3600"}});
        peer.says(json!({"type": "response.failed", "response": {"error": error}})).await;
        peer
    };
    let (_peer, lines) = join!(serve, client.says("a"));
    let error = "error: Slow. The server asks to wait for 3600 s. (rate_limit_exceeded)";
    assert_eq!(lines.last().unwrap(), error);
}
