//! Connections that are opened and warmed before they are needed (protocol.md 5.5, C5.4), and left before they
//! are too old.

use std::time::Duration;

use agent_protocol::Item;
use agent_transport::{Credential, Endpoint, Network, Resilient, Transport};
use serde_json::json;
use tokio::join;
use tokio::time::{Instant, sleep};

use crate::client::{Client, endpoint, pair};
use crate::server::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Of a server where a second request waits for the first.
fn queueing() -> Endpoint {
    Endpoint::new("agent", "http://model.test/v1", Credential::None).unwrap()
}

fn warm_up(client: &mut Client) {
    let request = client.request();
    client.transport.warm_up(&request);
}

#[tokio::test(start_paused = true)]
async fn a_warm_up_is_the_parent_of_the_first_request() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        let warm_up = peer.request().await;
        assert_eq!((&warm_up["generate"], input(&warm_up)), (&json!(false), vec!["rules".into()]));
        peer.responds("w", &[]).await;
        let first = peer.request().await;
        assert!(first.get("generate").is_none());
        assert_eq!(
            (&first["previous_response_id"], input(&first)),
            (&json!("w"), vec!["go".into()])
        );
        peer.responds("r1", &[]).await;
    };
    let ask = async {
        client.log.push(Item::developer("rules"));
        warm_up(&mut client);
        sleep(MINUTE).await;
        assert_eq!(
            client.says("go").await,
            ["sent on socket 1: chained", "created r1", "completed r1"]
        );
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_turn_does_not_wait_for_a_warm_up_longer_than_150_ms() {
    let (mut client, mut server) = pair(queueing());
    let start = Instant::now();
    let serve = async {
        let mut peer = server.socket().await;
        assert_eq!(peer.request().await["generate"], false);
        peer.says(created("w")).await;
        let first = peer.request().await;
        assert_eq!(start.elapsed().as_millis(), 150);
        assert!(first.get("previous_response_id").is_none());
        assert_eq!(input(&first), ["go"]);
        // Its answer comes behind that of the warm-up.
        peer.says(completed("w")).await;
        peer.responds("r1", &[]).await;
        assert_eq!(peer.request().await["previous_response_id"], "r1");
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        warm_up(&mut client);
        assert_eq!(
            client.says("go").await,
            ["sent on socket 1: first", "created r1", "completed r1"]
        );
        client.asks().await;
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn where_requests_do_not_queue_a_turn_takes_another_connection() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut warmed = server.socket().await;
        warmed.request().await;
        let mut peer = server.socket().await;
        assert_eq!(input(&peer.request().await), ["go"]);
        peer.responds("r1", &[]).await;
        assert!(warmed.is_left().await);
    };
    let ask = async {
        warm_up(&mut client);
        assert_eq!(client.says("go").await[1..], ["created r1", "completed r1"]);
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_warm_up_that_fails_is_not_shown_and_one_that_is_unknown_not_repeated() {
    let (network, connections) = Network::in_memory();
    let mut server = Server::new(connections);
    let mut client = Client::new(Resilient::new(endpoint(), network.clone()));
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        let failure = json!({"code": "unknown_parameter", "param": "generate", "message": "No."});
        peer.says(json!({"type": "error", "status": 400, "error": failure})).await;
        assert_eq!(input(&peer.request().await), ["go"]);
        peer.responds("r1", &[]).await;
        let mut peer = server.socket().await;
        assert!(peer.request().await.get("generate").is_none());
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        warm_up(&mut client);
        assert_eq!(
            client.says("go").await,
            ["sent on socket 1: first", "created r1", "completed r1"]
        );
        let mut other = Client::new(Resilient::new(endpoint(), network));
        warm_up(&mut other);
        assert_eq!(
            other.says("go").await,
            ["sent on socket 1: first", "created r2", "completed r2"]
        );
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_connection_opened_early_is_used() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
    };
    let ask = async {
        client.transport.connect();
        sleep(MINUTE).await;
        assert_eq!(
            client.says("go").await,
            ["sent on socket 1: first", "created r1", "completed r1"]
        );
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_prepared_connection_that_dies_is_replaced() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        drop(server.socket().await);
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
    };
    let ask = async {
        client.transport.connect();
        sleep(MINUTE).await;
        assert_eq!(client.says("go").await[1..], ["created r1", "completed r1"]);
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_refused_in_the_background_is_told_once() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        server.answers("426 Upgrade Required", "").await;
        let mut peer = server.http().await;
        for id in ["r1", "r2"] {
            peer.request().await;
            peer.responds(id, &[]).await;
        }
    };
    let ask = async {
        client.transport.connect();
        sleep(MINUTE).await;
        let told = "fallback: the endpoint refused the WebSocket upgrade (status 426)";
        assert_eq!(client.says("go").await[..2], [told, "sent on http 1: stateless"]);
        assert_eq!(client.asks().await[0], "sent on http 1: stateless");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn the_next_connection_is_warm_before_the_old_one_is_left() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut old = server.socket().await;
        old.request().await;
        old.responds("r1", &[message("x")]).await;
        // Minute 51: a turn begins, and the old connection serves it.
        assert_eq!(old.request().await["previous_response_id"], "r1");
        let mut next = server.socket().await;
        let warm_up = next.request().await;
        assert_eq!(
            (&warm_up["generate"], input(&warm_up)),
            (&json!(false), vec!["a".into(), "x".into(), "b".into()])
        );
        next.responds("w", &[]).await;
        old.responds("r2", &[call("c")]).await;
        // The next step goes on where the warm-up ended, with the call that this server has not seen.
        let step = next.request().await;
        assert_eq!(
            (&step["previous_response_id"], input(&step)),
            (&json!("w"), vec!["c".into(), "c".into()])
        );
        next.responds("r3", &[]).await;
        assert!(old.is_left().await);
    };
    let ask = async {
        client.says("a").await;
        sleep(51 * MINUTE).await;
        assert_eq!(client.says("b").await[0], "sent on socket 1: chained");
        sleep(Duration::from_secs(1)).await; // The tool runs.
        client.log.push(output("c"));
        assert_eq!(client.asks().await[0], "sent on socket 2: chained");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn within_a_turn_a_connection_is_left_five_minutes_later() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut old = server.socket().await;
        old.request().await;
        old.responds("r1", &[call("c")]).await;
        old.request().await;
        old.responds("r2", &[call("d")]).await;
        assert!(server.has_no_connection_waiting());
        old.request().await;
        let mut next = server.socket().await;
        assert_eq!(next.request().await["generate"], false);
        old.responds("r3", &[]).await;
    };
    let ask = async {
        client.says("a").await;
        client.log.push(output("c"));
        sleep(54 * MINUTE).await;
        client.asks().await;
        client.log.push(output("d"));
        sleep(2 * MINUTE).await;
        client.asks().await;
    };
    join!(serve, ask);
}
