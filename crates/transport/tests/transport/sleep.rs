//! A machine that slept (C1.4): connections from before are left at once, not waited for. Here they are as quiet as
//! those that a router forgot: nobody answers on them, and nobody says so.

use std::time::Duration;

use agent_transport::{Endpoint, Network, Resilient, Transport, TransportChoice};
use tokio::join;
use tokio::time::{Instant, sleep};

use crate::client::{Client, endpoint};
use crate::server::*;

const HOUR: Duration = Duration::from_secs(3600);

fn pair(endpoint: Endpoint) -> (Client, Server, Network) {
    let (network, connections) = Network::in_memory();
    let client = Client::new(Resilient::new(endpoint, network.clone()));
    (client, Server::new(connections), network)
}

#[tokio::test(start_paused = true)]
async fn an_idle_socket_is_left() {
    let (mut client, mut server, network) = pair(endpoint());
    let serve = async {
        let mut before = server.socket().await;
        before.request().await;
        before.responds("r1", &[]).await;
        let mut peer = server.socket().await;
        assert_eq!(input(&peer.request().await), ["a", "b"]);
        peer.responds("r2", &[]).await;
        before
    };
    let ask = async {
        client.says("a").await;
        network.sleeps_for(HOUR);
        let start = Instant::now();
        assert_eq!(client.says("b").await[0], "sent on socket 2: after error");
        assert!(start.elapsed().is_zero());
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_was_prepared_is_left() {
    let (mut client, mut server, network) = pair(endpoint());
    let serve = async {
        let mut before = server.socket().await;
        assert_eq!(before.request().await["generate"], false);
        before.responds("w", &[]).await;
        let mut peer = server.socket().await;
        assert_eq!(input(&peer.request().await), ["a"]);
        peer.responds("r1", &[]).await;
        before
    };
    let ask = async {
        let request = client.request();
        client.transport.warm_up(&request);
        sleep(Duration::from_secs(1)).await;
        network.sleeps_for(HOUR);
        let start = Instant::now();
        assert_eq!(client.says("a").await[0], "sent on socket 2: first");
        assert!(start.elapsed().is_zero());
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_http_is_left() {
    let mut endpoint = endpoint();
    endpoint.choice = TransportChoice::Http;
    let (mut client, mut server, network) = pair(endpoint);
    let serve = async {
        let mut before = server.http().await;
        before.request().await;
        before.responds("r1", &[]).await;
        let mut peer = server.http().await;
        peer.request().await;
        peer.responds("r2", &[]).await;
        before
    };
    let ask = async {
        client.says("a").await;
        network.sleeps_for(HOUR);
        assert_eq!(client.says("b").await[0], "sent on http 2: stateless");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_only_set_right_changes_nothing() {
    let (mut client, mut server, network) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        for id in ["r1", "r2"] {
            peer.request().await;
            peer.responds(id, &[]).await;
        }
    };
    let ask = async {
        client.says("a").await;
        network.sleeps_for(Duration::from_secs(20));
        assert_eq!(client.says("b").await[0], "sent on socket 1: chained");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_response_under_way_is_asked_for_a_sign_of_life_at_once() {
    for is_alive in [false, true] {
        let (mut client, mut server, network) = pair(endpoint());
        let start = Instant::now();
        let serve = async {
            let mut peer = server.socket().await;
            peer.request().await;
            peer.says(done(0, &message("kept"))).await;
            sleep(Duration::from_secs(1)).await;
            network.sleeps_for(HOUR);
            if is_alive {
                // Reading is what answers pings.
                let _ = tokio::time::timeout(Duration::from_secs(100), peer.frame()).await;
                peer.says(completed("r1")).await;
            }
            peer
        };
        let (_peer, lines) = join!(serve, client.says("a"));
        if is_alive {
            assert_eq!(lines[2], "completed r1");
        } else {
            assert!(lines[2].contains("no sign of life for 10 s"), "{lines:?}");
            assert_eq!(start.elapsed().as_secs(), 10);
        }
    }
}
