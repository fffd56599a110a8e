//! Requests as each endpoint takes them: lean frames, and fields that are left out (protocol.md 2.3, 6.2).

use agent_protocol::{ReasoningOptions, Settings, ToolSpec};
use agent_transport::{Network, Resilient};
use serde_json::json;
use tokio::join;

use crate::client::{Client, endpoint, pair, settings};
use crate::server::*;

fn lean_settings() -> Settings {
    let mut fields = settings("gpt-6-sol").fields().clone();
    fields.tools = vec![ToolSpec::Function {
        name: "t".to_owned(),
        description: String::new(),
        strict: false,
        parameters: json!({}),
    }];
    Settings::new(fields)
}

fn refused(param: &str) -> serde_json::Value {
    let error = json!({"code": "unknown_parameter", "param": param, "message": format!("Unknown: {param}.")});
    json!({"type": "error", "status": 400, "error": error})
}

#[tokio::test(start_paused = true)]
async fn lean_frames_say_tools_and_instructions_once() {
    let mut endpoint = endpoint();
    endpoint.facts.lean = true;
    let (mut client, mut server) = pair(endpoint);
    client.settings = lean_settings();
    let serve = async {
        let mut peer = server.socket().await;
        let first = peer.request().await;
        assert_eq!(first["input"][0]["type"], "additional_tools");
        assert_eq!(input(&first)[1..], ["Be brief.", "a"]);
        for field in ["tools", "instructions"] {
            assert!(first.get(field).is_none());
        }
        peer.responds("r1", &[call("c")]).await;
        let second = peer.request().await;
        assert_eq!(
            (&second["previous_response_id"], input(&second)),
            (&json!("r1"), vec!["c".into()])
        );
        assert!(second.get("tools").is_none());
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        client.says("a").await;
        client.log.push(output("c"));
        client.asks().await;
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_cannot_read_lean_frames_gets_classic_ones_from_then_on() {
    let mut endpoint = endpoint();
    endpoint.facts.lean = true;
    let (network, connections) = Network::in_memory();
    let mut server = Server::new(connections);
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(refused("input[0].additional_tools")).await;
        let classic = peer.request().await;
        assert_eq!(
            (input(&classic), &classic["instructions"]),
            (vec!["a".into()], &json!("Be brief."))
        );
        peer.responds("r1", &[]).await;
        let mut peer = server.socket().await;
        assert_eq!(peer.request().await["instructions"], "Be brief.");
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        for lines in [
            vec![
                "sent on socket 1: first",
                "other agent.without additional_tools",
                "sent on socket 1: after error",
            ],
            vec!["sent on socket 1: first"],
        ] {
            let mut client = Client::new(Resilient::new(endpoint.clone(), network.clone()));
            client.settings = lean_settings();
            assert_eq!(client.says("a").await[..lines.len()], lines);
        }
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn an_optional_field_that_is_refused_is_left_out_once_and_the_chain_holds_without_it() {
    let (mut client, mut server) = pair(endpoint());
    let mut fields = client.settings.fields().clone();
    let summary = Some("auto".to_owned());
    fields.reasoning = Some(ReasoningOptions { effort: None, summary });
    client.settings = Settings::new(fields);
    let serve = async {
        let mut peer = server.socket().await;
        assert_eq!(peer.request().await["reasoning"], json!({"summary": "auto"}));
        peer.says(refused("reasoning.summary")).await;
        assert!(peer.request().await.get("reasoning").is_none());
        peer.responds("r1", &[]).await;
        let next = peer.request().await;
        assert_eq!(next["previous_response_id"], "r1");
        assert!(next.get("reasoning").is_none());
        peer.says(refused("reasoning.summary")).await;
        peer
    };
    let ask = async {
        assert_eq!(client.says("a").await[1], "other agent.without reasoning.summary");
        let lines = client.says("b").await;
        assert_eq!(lines[1], "error: Unknown: reasoning.summary. (status 400, unknown_parameter)");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn what_the_person_asked_for_is_never_left_out() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        peer.request().await;
        peer.says(refused("reasoning.effort")).await;
        peer
    };
    let (_peer, lines) = join!(serve, client.says("a"));
    assert_eq!(lines[1..], ["error: Unknown: reasoning.effort. (status 400, unknown_parameter)"]);
}
