//! What travels over one socket (protocol.md 5).

use agent_protocol::Item;
use serde_json::json;
use tokio::join;

use crate::client::{endpoint, pair, settings};
use crate::server::*;

#[tokio::test(start_paused = true)]
async fn each_step_sends_only_what_the_server_does_not_have() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        let first = peer.request().await;
        assert_eq!(input(&first), ["go"]);
        assert!(first.get("previous_response_id").is_none());
        assert_eq!(first["instructions"], "Be brief.");
        assert_eq!(first["prompt_cache_key"], "thread");
        peer.responds("r1", &[message("Looking."), call("a"), call("b")]).await;

        let second = peer.request().await;
        assert_eq!(
            (&second["previous_response_id"], input(&second)),
            (&json!("r1"), vec!["a".into(), "b".into()])
        );
        assert_eq!(second["instructions"], "Be brief.");
        peer.responds("r2", &[message("Done.")]).await;

        let third = peer.request().await;
        assert_eq!(
            (&third["previous_response_id"], input(&third)),
            (&json!("r2"), vec!["more".into()])
        );
        peer.responds("r3", &[]).await;

        let fourth = peer.request().await;
        assert_eq!((&fourth["previous_response_id"], input(&fourth)), (&json!("r3"), vec![]));
        peer.responds("r4", &[]).await;
    };
    let ask = async {
        assert_eq!(
            client.says("go").await,
            [
                "sent on socket 1: first",
                "created r1",
                "message Looking.",
                "call a",
                "call b",
                "completed r1"
            ]
        );
        client.log.push(output("a"));
        client.log.push(output("b"));
        assert_eq!(client.asks().await[0], "sent on socket 1: chained");
        client.says("more").await;
        client.asks().await;
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn changed_settings_and_a_rewritten_history_are_sent_whole_on_the_same_socket() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        for expected in [vec!["a", "b"], vec!["summary"]] {
            let request = peer.request().await;
            assert!(request.get("previous_response_id").is_none());
            assert_eq!(input(&request), expected);
            peer.responds("r2", &[]).await;
        }
    };
    let ask = async {
        client.says("a").await;
        client.settings = settings("other");
        assert_eq!(client.says("b").await[0], "sent on socket 1: settings changed");
        client.log.rewrite([Item::developer("summary")]);
        assert_eq!(client.asks().await[0], "sent on socket 1: history rewritten");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_parent_costs_one_full_send_on_the_same_socket_and_nothing_else() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[message("x")]).await;
        assert_eq!(peer.request().await["previous_response_id"], "r1");
        peer.says(error(400, "previous_response_not_found")).await;
        let full = peer.request().await;
        assert!(full.get("previous_response_id").is_none());
        assert_eq!(input(&full), ["a", "x", "b"]);
        peer.responds("r2", &[]).await;
        assert_eq!(peer.request().await["previous_response_id"], "r2");
        // As `response.failed` it means the same.
        let failure = json!({"code": "previous_response_not_found", "message": "Gone."});
        peer.says(json!({"type": "response.failed", "response": {"error": failure}})).await;
        assert_eq!(input(&peer.request().await), ["a", "x", "b", "c"]);
        peer.responds("r3", &[]).await;
    };
    let ask = async {
        client.says("a").await;
        assert_eq!(
            client.says("b").await,
            ["sent on socket 1: chained", "sent on socket 1: missed", "created r2", "completed r2"]
        );
        assert_eq!(client.says("c").await[1], "sent on socket 1: missed");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_misses_what_it_was_not_asked_for_is_reported() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        for _ in 0..2 {
            peer.request().await;
            peer.says(error(400, "previous_response_not_found")).await;
        }
    };
    let ask = async {
        client.says("a").await;
        let lines = client.says("b").await;
        assert!(lines[2].starts_with("error: the server broke the protocol"), "{lines:?}");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn after_an_error_the_whole_conversation_is_sent_on_the_same_socket() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        peer.request().await;
        peer.says(error(400, "invalid_prompt")).await;
        let full = peer.request().await;
        assert!(full.get("previous_response_id").is_none());
        assert_eq!(input(&full), ["a", "b"]);
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        client.says("a").await;
        let lines = client.says("b").await;
        assert_eq!(lines[1], "error: Because. (status 400, invalid_prompt)");
        assert_eq!(client.asks().await[0], "sent on socket 1: after error");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_response_given_up_half_way_costs_its_connection() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        peer.request().await;
        peer.says(created("r2")).await;
        peer.says(text_delta("Hel")).await;
        assert!(peer.is_left().await);
        let mut peer = server.socket().await;
        assert_eq!(input(&peer.request().await), ["a"]);
        peer.responds("r3", &[]).await;
    };
    let ask = async {
        client.says("a").await;
        let seen = client.asks_and_drops_after(3).await;
        assert_eq!(seen, ["sent on socket 1: chained", "created r2", "delta 0 Hel"]);
        assert_eq!(client.asks().await[0], "sent on socket 2: after error");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_was_cut_short_can_be_continued() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(created("r1")).await;
        peer.says(done(0, &message("half"))).await;
        let response = json!({"id": "r1", "incomplete_details": {"reason": "max_output_tokens"}});
        peer.says(json!({"type": "response.incomplete", "response": response})).await;
        let next = peer.request().await;
        assert_eq!(
            (&next["previous_response_id"], input(&next)),
            (&json!("r1"), vec!["go on".into()])
        );
        // C4.3: not an event of this API, and whether it can be continued is unknown.
        peer.says(json!({"type": "response.cancelled", "response": {"id": "r2"}})).await;
        assert_eq!(input(&peer.request().await), ["a", "half", "go on"]);
        peer.says(json!({"type": "response.done", "response": {"id": "r3"}})).await;
    };
    let ask = async {
        assert_eq!(client.says("a").await.last().unwrap(), "incomplete r1: max_output_tokens");
        assert_eq!(client.says("go on").await.last().unwrap(), "incomplete r2: cancelled");
        assert_eq!(client.asks().await, ["sent on socket 1: after error", "completed r3"]);
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_become_too_old_is_replaced_at_no_cost() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        peer.request().await;
        peer.says(error(400, "websocket_connection_limit_reached")).await;
        let mut peer = server.socket().await;
        assert_eq!(input(&peer.request().await), ["a", "b"]);
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        client.says("a").await;
        assert_eq!(
            client.says("b").await,
            [
                "sent on socket 1: chained",
                "sent on socket 2: rotated",
                "created r2",
                "completed r2"
            ]
        );
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_while_idle_is_replaced_before_it_is_used() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        drop(peer);
        let mut peer = server.socket().await;
        assert_eq!(input(&peer.request().await), ["a", "b"]);
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        client.says("a").await;
        tokio::task::yield_now().await;
        assert_eq!(
            client.says("b").await,
            ["sent on socket 2: after error", "created r2", "completed r2"]
        );
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_on_the_next_request_is_asked_again_at_once() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r1", &[]).await;
        peer.request().await;
        drop(peer);
        let mut peer = server.socket().await;
        peer.request().await;
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        client.says("a").await;
        let start = tokio::time::Instant::now();
        assert_eq!(
            client.says("b").await,
            [
                "sent on socket 1: chained",
                "sent on socket 2: after error",
                "created r2",
                "completed r2"
            ]
        );
        assert!(start.elapsed().is_zero());
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn the_server_can_be_asked_why_its_cache_missed() {
    let mut endpoint = endpoint();
    endpoint.debug_cache = true;
    let (mut client, mut server) = pair(endpoint);
    let serve = async {
        let mut peer = server.socket().await;
        assert!(peer.request().await.get("prompt_cache_options").is_none());
        peer.responds("r1", &[]).await;
        let options = json!({"comparison_response_id": "r1"});
        assert_eq!(peer.request().await["prompt_cache_options"], options);
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        client.says("a").await;
        assert_eq!(client.asks().await[0], "sent on socket 1: chained");
    };
    join!(serve, ask);
}
