//! Requests as each endpoint takes them: lean frames, and fields that are left out (protocol.md 2.3, 6.2).

use agent_protocol::{CustomFormat, Item, ReasoningOptions, Settings, ToolSpec};
use agent_transport::{Network, Resilient};
use serde_json::{Value, json};
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

fn reasoning(id: &str) -> Value {
    json!({"type": "reasoning", "id": id, "summary": [], "encrypted_content": "sealed"})
}

fn ids(request: &Value) -> Vec<&str> {
    let items = request["input"].as_array().unwrap().iter();
    items.filter_map(|item| item["id"].as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn reasoning_that_the_endpoint_cannot_open_is_left_out_and_its_own_kept() {
    let (mut client, mut server) = pair(endpoint());
    let serve = async {
        let mut peer = server.socket().await;
        assert_eq!(ids(&peer.request().await), ["of another"]);
        peer.says(error(400, "invalid_encrypted_content")).await;
        let again = peer.request().await;
        assert_eq!((ids(&again), input(&again)), (vec![], vec!["go".to_owned()]));
        peer.responds("r1", &[reasoning("its own"), call("a")]).await;
        let step = peer.request().await;
        assert_eq!((&step["previous_response_id"], input(&step)), (&json!("r1"), vec!["a".into()]));
        peer.says(error(500, "server_error")).await;
        let whole = peer.request().await;
        assert_eq!((ids(&whole), input(&whole).len()), (vec!["its own"], 4));
        // A refusal that nothing can be left out for any more is told.
        peer.says(error(400, "invalid_encrypted_content")).await;
        assert_eq!(ids(&peer.request().await), [""; 0]);
        peer.says(error(400, "invalid_encrypted_content")).await;
        peer
    };
    let ask = async {
        client.log.push(Item::from_json(&reasoning("of another").to_string()).unwrap());
        let lines = client.says("go").await;
        assert_eq!(
            lines[1..3],
            ["other agent.without sealed reasoning", "sent on socket 1: after error"]
        );
        client.log.push(output("a"));
        let lines = client.asks().await;
        assert_eq!(lines[0], "sent on socket 1: chained");
        assert!(lines.last().unwrap().starts_with("error: Because. (status 400"), "{lines:?}");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn where_a_grammar_cannot_be_read_the_tool_takes_any_text() {
    let (mut client, mut server) = pair(endpoint());
    let mut fields = client.settings.fields().clone();
    let (syntax, definition) = ("lark".to_owned(), "start: /x/".to_owned());
    fields.tools = vec![ToolSpec::Custom {
        name: "apply_patch".to_owned(),
        description: "Edits files.".to_owned(),
        format: CustomFormat::Grammar { syntax, definition },
    }];
    client.settings = Settings::new(fields);
    let serve = async {
        let mut peer = server.socket().await;
        assert_eq!(peer.request().await["tools"][0]["format"]["type"], "grammar");
        let problem = json!({"param": "tools[0].format", "message": "Invalid grammar: line 1."});
        peer.says(json!({"type": "error", "status": 400, "error": problem})).await;
        assert_eq!(peer.request().await["tools"][0]["format"], json!({"type": "text"}));
        peer.responds("r1", &[]).await;
        assert_eq!(peer.request().await["previous_response_id"], "r1");
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        assert_eq!(client.says("a").await[1], "other agent.without grammar");
        assert_eq!(client.says("b").await[0], "sent on socket 1: chained");
    };
    join!(serve, ask);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_refused_is_named_in_its_place_and_the_conversation_goes_on() {
    let (mut client, mut server) = pair(endpoint());
    let image = |name: &str| json!({"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": name}]});
    let images = |request: &Value| {
        let items = request["input"].as_array().unwrap().iter();
        let parts = items.map(|item| item["content"][0].clone());
        parts
            .map(|part| part["image_url"].as_str().unwrap_or("word").to_owned())
            .collect::<Vec<_>>()
    };
    let serve = async {
        let mut peer = server.socket().await;
        assert_eq!(images(&peer.request().await), ["good", "bad", "word"]);
        peer.says(error(400, "image_parse_error")).await;
        let again = peer.request().await;
        assert_eq!(images(&again), ["good", "word", "word"]);
        assert_eq!(input(&again)[1], "[an image that was refused]");
        peer.responds("r1", &[]).await;
        let next = peer.request().await;
        assert_eq!((&next["previous_response_id"], input(&next).len()), (&json!("r1"), 1));
        peer.responds("r2", &[]).await;
    };
    let ask = async {
        for name in ["good", "bad"] {
            client.log.push(Item::from_json(&image(name).to_string()).unwrap());
        }
        assert_eq!(client.says("a").await[1], "other agent.without an image");
        assert_eq!(client.says("b").await[0], "sent on socket 1: chained");
    };
    join!(serve, ask);
}
