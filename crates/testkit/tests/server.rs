//! The scripted server records what clients send and fails when and how it is told to.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use agent_testkit::{Fault, Refusal, ScriptedModel, ScriptedServer};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

type Socket = WebSocketStream<TcpStream>;

async fn connect(server: &ScriptedServer) -> Result<Socket, Error> {
    let mut request = format!("ws://{}/v1/responses", server.address()).into_client_request()?;
    let token = format!("Bearer {}", server.token());
    request.headers_mut().insert("authorization", token.parse().unwrap());
    let stream = TcpStream::connect(server.address()).await?;
    Ok(tokio_tungstenite::client_async(request, stream).await?.0)
}

async fn ask(socket: &mut Socket, previous: Option<&Value>) {
    let mut frame = json!({"type": "response.create", "model": "m", "input": "go"});
    if let Some(previous) = previous {
        frame["previous_response_id"] = previous.clone();
    }
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

/// All events up to the end of the response, or of the connection.
async fn events(socket: &mut Socket) -> Vec<Value> {
    let mut events = Vec::new();
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let event: Value = serde_json::from_str(&text).unwrap_or_else(|_| text.as_str().into());
        let ends = event["type"] == "response.completed" || event["type"] == "error";
        events.push(event);
        if ends {
            break;
        }
    }
    events
}

fn talk() -> ScriptedServer {
    ScriptedModel::new().says("One.").says("Two.").says("Three.").serve()
}

#[tokio::test]
async fn what_clients_send_is_recorded() {
    let server = talk();
    let mut socket = connect(&server).await.unwrap();
    ask(&mut socket, None).await;
    let first = events(&mut socket).await.pop().unwrap();
    ask(&mut socket, Some(&first["response"]["id"])).await;
    events(&mut socket).await;
    let frames = server.frames();
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].json["input"], "go");
    assert_eq!(frames[1].json["previous_response_id"], first["response"]["id"]);
    let upgrades = server.upgrades();
    assert_eq!((upgrades[0].status, upgrades[0].path.as_str()), (101, "/v1/responses"));
    assert!(upgrades[0].header("authorization").unwrap().starts_with("Bearer "));
    assert_eq!(server.connections(), 1);
    assert!(server.events()[0].contains("response.created"));
}

#[tokio::test]
async fn an_upgrade_is_refused_once_with_status_headers_and_body() {
    let server = talk();
    server.refuse_upgrade(Refusal::status(503).header("retry-after", "1").body("{}"));
    let Err(Error::Http(answer)) = connect(&server).await else { panic!() };
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    connect(&server).await.unwrap();
    assert_eq!(
        server.upgrades().iter().map(|upgrade| upgrade.status).collect::<Vec<_>>(),
        [503, 101]
    );
}

#[tokio::test]
async fn a_connection_is_cut_after_an_event_and_the_next_one_gets_the_same_answer() {
    let server = talk();
    server.fail(1, 3, Fault::Cut);
    let mut socket = connect(&server).await.unwrap();
    ask(&mut socket, None).await;
    assert_eq!(events(&mut socket).await.len(), 3);
    let mut socket = connect(&server).await.unwrap();
    ask(&mut socket, None).await;
    let events = events(&mut socket).await;
    assert_eq!(events.last().unwrap()["response"]["output"][0]["content"][0]["text"], "One.");
}

#[tokio::test]
async fn a_chain_is_forgotten_and_a_connection_expires() {
    let server = talk();
    server.fail(2, 0, Fault::ForgetChain);
    server.fail(3, 0, Fault::Expire);
    let mut socket = connect(&server).await.unwrap();
    ask(&mut socket, None).await;
    let first = events(&mut socket).await.pop().unwrap();
    let id = &first["response"]["id"];
    ask(&mut socket, Some(id)).await;
    assert_eq!(events(&mut socket).await[0]["error"]["code"], "previous_response_not_found");
    ask(&mut socket, Some(id)).await;
    assert_eq!(events(&mut socket).await[0]["error"]["code"], "websocket_connection_limit_reached");
    assert!(
        matches!(socket.next().await, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1001)
    );
}

#[tokio::test]
async fn anything_can_come_in_between() {
    let server = talk();
    server.fail(1, 1, Fault::Text("garbage".to_owned()));
    server.fail(1, 1, Fault::Delay(Duration::from_millis(1)));
    server.fail(1, 2, Fault::Binary(vec![1]));
    let mut socket = connect(&server).await.unwrap();
    ask(&mut socket, None).await;
    assert_eq!(events(&mut socket).await[1], "garbage");
    server.fail(2, 1, Fault::Close(1011));
    let mut socket = connect(&server).await.unwrap();
    ask(&mut socket, None).await;
    assert_eq!(events(&mut socket).await.len(), 1);
    server.fail(3, 1, Fault::Stall);
    let mut socket = connect(&server).await.unwrap();
    ask(&mut socket, None).await;
    assert!(socket.next().await.unwrap().unwrap().is_text());
    server.wait_for_event("response.completed");
    assert!(tokio::time::timeout(Duration::from_millis(50), socket.next()).await.is_err());
    server.fail(4, 1, Fault::Reset);
    let mut socket = connect(&server).await.unwrap();
    ask(&mut socket, None).await;
    let reset = socket.get_mut().read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_connection_is_cut_at_any_byte() {
    let server = talk();
    server.cut_down_after(1, 400);
    let mut socket = connect(&server).await.unwrap();
    ask(&mut socket, None).await;
    assert_eq!(events(&mut socket).await.len(), 0);
    assert_eq!(server.bytes().1, 400);
    server.cut_up_after(2, 10);
    assert!(connect(&server).await.is_err());
}

#[tokio::test]
async fn plain_http_is_recorded_connection_by_connection_and_refused() {
    let server = talk();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let post = async |stream: &mut TcpStream, stream_events: bool| {
        let body = json!({"model": "m", "input": "go", "stream": stream_events}).to_string();
        let head = format!(
            "POST /v1/responses HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
            server.address(),
            server.token(),
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        let mut answer = String::new();
        let ends = |answer: &str| answer.ends_with("}") || answer.ends_with("0\r\n\r\n");
        while !ends(&answer) {
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "{answer}");
            answer += std::str::from_utf8(&bytes[..read]).unwrap();
        }
        answer
    };
    assert!(post(&mut stream, true).await.contains("event: response.completed"));
    assert!(post(&mut stream, false).await.contains("\"status\":\"completed\""));
    let posts = server.posts();
    assert_eq!(posts.iter().map(|post| post.connection).collect::<Vec<_>>(), [1, 1]);
    assert_eq!((posts[0].method.as_str(), &posts[0].json["input"]), ("POST", &json!("go")));
    server.refuse_post(Refusal::status(500).body(r#"{"error":{}}"#));
    assert!(post(&mut stream, true).await.starts_with("HTTP/1.1 500 "));
}
