//! Messages of the person into a running response, and stopping one (protocol.md 2.4, 2.5, 4.5).

use agent_protocol::{Content, Item};
use agent_transport::{Steering, TransportChoice};
use serde_json::json;
use tokio::join;
use tokio::time::Instant;

use crate::client::{Client, endpoint, pair, settings};
use crate::server::*;

/// Of a server that can be steered, with a model that can be.
fn steerable() -> (Client, Server) {
    let mut endpoint = endpoint();
    endpoint.facts.steers = true;
    let (mut client, server) = pair(endpoint);
    client.settings = settings("gpt-6-sol");
    (client, server)
}

fn tabs() -> Steering {
    Steering::Steer(vec![Item::user(&[Content::text("tabs")])])
}

/// Until the other side has taken in what was said: the clock of the test moves only when nobody has work.
async fn heard() {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
}

fn steer_event(kind: &str) -> serde_json::Value {
    json!({"type": format!("response.steer.{kind}"), "error": {"message": "Too late."}})
}

fn incomplete(id: &str, reason: &str) -> serde_json::Value {
    let response = json!({"id": id, "incomplete_details": {"reason": reason}});
    json!({"type": "response.incomplete", "response": response})
}

#[tokio::test(start_paused = true)]
async fn a_steered_response_goes_on_in_its_successor_within_the_same_stream() {
    let (mut client, mut server) = steerable();
    let steering = client.steering.clone();
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        // Said before the response has an id: it waits.
        steering.send(tabs());
        heard().await;
        peer.says(created("r1")).await;
        let steer = peer.frame().await;
        assert_eq!(
            steer,
            json!({"type": "response.steer", "previous_response_id": "r1",
                   "input": [{"type": "message", "role": "user",
                              "content": [{"type": "input_text", "text": "tabs"}]}]})
        );
        peer.says(steer_event("accepted")).await;
        peer.says(done(0, &message("I will"))).await;
        peer.says(incomplete("r1", "steered")).await;
        peer.responds("r2", &[message("Using tabs.")]).await;
        let next = peer.request().await;
        assert_eq!(
            (&next["previous_response_id"], input(&next)),
            (&json!("r2"), vec!["more".into()])
        );
        peer.responds("r3", &[]).await;
    };
    let ask = async {
        let lines = client.says("a").await;
        assert_eq!(
            lines,
            [
                "sent on socket 1: first",
                "created r1",
                "steer accepted",
                "message I will",
                "steer applied tabs",
                "created r2",
                "message Using tabs.",
                "completed r2"
            ]
        );
        assert_eq!(client.says("more").await[0], "sent on socket 1: chained");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_steer_that_waits_for_outputs_stands_before_them_and_is_not_sent_again() {
    let (mut client, mut server) = steerable();
    let steering = client.steering.clone();
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(created("r1")).await;
        steering.send(tabs());
        peer.frame().await;
        peer.says(done(0, &call("c"))).await;
        peer.says(completed("r1")).await;
        // The server's word comes behind the end of the response.
        peer.says(steer_event("accepted")).await;
        let next = peer.request().await;
        assert_eq!((&next["previous_response_id"], input(&next)), (&json!("r1"), vec!["c".into()]));
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        let lines = client.says("a").await;
        assert_eq!(lines[2..], ["call c", "steer accepted", "steer applied tabs", "completed r1"]);
        client.log.push(output("c"));
        assert_eq!(client.asks().await[0], "sent on socket 1: chained");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_steer_that_comes_too_late_comes_back_and_the_response_ends() {
    let (mut client, mut server) = steerable();
    let steering = client.steering.clone();
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(created("r1")).await;
        steering.send(tabs());
        peer.frame().await;
        peer.says(completed("r1")).await;
        peer.says(steer_event("failed")).await;
        assert_eq!(peer.request().await["previous_response_id"], "r1");
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        let lines = client.says("a").await;
        assert_eq!(lines[2..], ["steer failed tabs: Too late.", "completed r1"]);
        client.asks().await;
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_keeps_silent_about_a_steer_costs_seconds_and_its_connection() {
    let (mut client, mut server) = steerable();
    let steering = client.steering.clone();
    let start = Instant::now();
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(created("r1")).await;
        steering.send(tabs());
        peer.frame().await;
        peer.says(completed("r1")).await;
        assert!(peer.is_left().await);
        let mut peer = server.socket().await;
        assert_eq!(input(&peer.request().await), ["a"]);
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        let lines = client.says("a").await;
        assert_eq!(lines[2..], ["steer failed tabs: the response broke off", "completed r1"]);
        assert_eq!(start.elapsed().as_secs(), 5);
        client.asks().await;
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_steered_the_message_comes_back_at_once() {
    let mut over_http = endpoint();
    over_http.choice = TransportChoice::Http;
    for endpoint in [endpoint(), over_http] {
        let is_http = endpoint.choice == TransportChoice::Http;
        let (mut client, mut server) = pair(endpoint);
        let steering = client.steering.clone();
        let serve = async {
            if is_http {
                let mut peer = server.http().await;
                peer.request().await;
                steering.send(tabs());
                heard().await;
                peer.responds("r1", &[]).await;
            } else {
                let mut peer = server.socket().await;
                peer.request().await;
                steering.send(tabs());
                heard().await;
                peer.responds("r1", &[]).await;
            }
        };
        let (_, lines) = join!(serve, client.says("a"));
        assert!(
            lines.contains(&"steer failed tabs: this response cannot be steered".to_owned()),
            "{lines:?}"
        );
        assert_eq!(lines.last().unwrap(), "completed r1");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_breaks_gives_its_steers_back() {
    let (mut client, mut server) = steerable();
    let steering = client.steering.clone();
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(created("r1")).await;
        peer.says(done(0, &call("c"))).await;
        steering.send(tabs());
        peer.frame().await;
        peer.says(steer_event("accepted")).await;
    };
    let (_, lines) = join!(serve, client.says("a"));
    assert_eq!(lines[3..5], ["steer accepted", "steer failed tabs: the response broke off"]);
    assert!(lines[5].starts_with("error: the connection broke"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_keeps_the_chain_where_the_server_says_that_it_is_our_gateway() {
    let (mut client, mut server) = pair(endpoint());
    let steering = client.steering.clone();
    let serve = async {
        let mut peer = server.gateway_socket().await;
        peer.request().await;
        peer.says(created("r1")).await;
        peer.says(done(0, &message("kept"))).await;
        peer.says(text_delta("half")).await;
        heard().await;
        steering.send(Steering::Interrupt);
        let frame = peer.frame().await;
        assert_eq!(
            (&frame["type"], &frame["response_id"]),
            (&json!("response.interrupt"), &json!("r1"))
        );
        peer.says(json!({"type": "response.interrupt.accepted", "response_id": "r1"})).await;
        peer.says(incomplete("r1", "interrupted")).await;
        let next = peer.request().await;
        assert_eq!((&next["previous_response_id"], input(&next)), (&json!("r1"), vec!["b".into()]));
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        let lines = client.says("a").await;
        assert_eq!(lines.last().unwrap(), "incomplete r1: interrupted");
        assert_eq!(client.says("b").await[0], "sent on socket 1: chained");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn elsewhere_an_interrupt_drops_the_connection() {
    let (mut client, mut server) = pair(endpoint());
    let steering = client.steering.clone();
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(created("r1")).await;
        heard().await;
        steering.send(Steering::Interrupt);
        assert!(peer.is_left().await);
        let mut peer = server.socket().await;
        assert_eq!(input(&peer.request().await), ["a", "b"]);
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        let lines = client.says("a").await;
        assert_eq!(lines[1..], ["created r1", "incomplete r1: interrupted"]);
        assert_eq!(client.says("b").await[0], "sent on socket 2: after error");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn r10_an_interrupt_ends_the_wait_for_the_next_try() {
    let (mut client, mut server) = pair(endpoint());
    let steering = client.steering.clone();
    let start = Instant::now();
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        let limited =
            json!({"type": "error", "status": 429, "headers": {"retry-after": "60"}, "error": {}});
        peer.says(limited).await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        steering.send(Steering::Interrupt);
        peer
    };
    let (_peer, lines) = join!(serve, client.says("a"));
    assert_eq!(lines.last().unwrap(), "incomplete : interrupted");
    assert_eq!(start.elapsed().as_secs(), 1);
}
