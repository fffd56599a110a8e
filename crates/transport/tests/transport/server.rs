//! The side of the model, over the pipes of `Network::in_memory`: each test says what it does.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

pub(crate) struct Server(UnboundedReceiver<DuplexStream>);

impl Server {
    pub(crate) fn new(connections: UnboundedReceiver<DuplexStream>) -> Self {
        Self(connections)
    }

    /// The next connection, before a byte of it is read.
    pub(crate) async fn connection(&mut self) -> DuplexStream {
        self.0.recv().await.unwrap()
    }

    /// The next connection, upgraded.
    pub(crate) async fn socket(&mut self) -> Peer {
        Peer::accept(self.connection().await).await
    }

    /// The same, from a server that says it is our own gateway.
    pub(crate) async fn gateway_socket(&mut self) -> Peer {
        let sign = |_: &Request, mut answer: Response| {
            answer.headers_mut().insert("x-agent-gateway", HeaderValue::from_static("1"));
            Ok(answer)
        };
        let connection = self.connection().await;
        Peer(tokio_tungstenite::accept_hdr_async(connection, sign).await.unwrap())
    }

    /// Answers the next connection's request with `head` and `body`, then closes it. Returns what was asked.
    pub(crate) async fn answers(&mut self, head: &str, body: &str) -> Asked {
        let mut http = self.http().await;
        let asked = http.request().await;
        http.says(&format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
            .await;
        asked
    }

    /// The next connection, as one that speaks HTTP.
    pub(crate) async fn http(&mut self) -> HttpPeer {
        HttpPeer(self.connection().await)
    }

    pub(crate) fn has_no_connection_waiting(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// One socket, from the server's side.
pub(crate) struct Peer<S = DuplexStream>(pub(crate) WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) async fn accept(stream: S) -> Self {
        Self(tokio_tungstenite::accept_async(stream).await.unwrap())
    }

    /// The next request; every one is checked for what no request may contain.
    pub(crate) async fn request(&mut self) -> Value {
        let request = self.frame().await;
        assert_eq!(request["type"], "response.create");
        for field in ["stream", "background", "stream_id"] {
            assert!(request.get(field).is_none(), "{field} in {request}");
        }
        request
    }

    /// The next text frame.
    pub(crate) async fn frame(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whether the client has left, instead of saying more.
    pub(crate) async fn is_left(&mut self) -> bool {
        loop {
            match self.0.next().await {
                None | Some(Err(_) | Ok(Message::Close(_))) => return true,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_)) => return false,
            }
        }
    }

    pub(crate) async fn says(&mut self, frame: Value) {
        self.sends(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn sends(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// A whole response of these items.
    pub(crate) async fn responds(&mut self, id: &str, items: &[Value]) {
        for event in response(id, items) {
            self.says(event).await;
        }
    }
}

/// One connection that speaks HTTP, from the server's side.
pub(crate) struct HttpPeer(pub(crate) DuplexStream);

/// A request over HTTP.
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl HttpPeer {
    pub(crate) async fn request(&mut self) -> Asked {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).await.unwrap();
        Asked { head, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    pub(crate) async fn says(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// A whole response of these items as a chunked stream of events; the connection stays.
    pub(crate) async fn responds(&mut self, id: &str, items: &[Value]) {
        self.says(&format!("{STREAM_HEAD}transfer-encoding: chunked\r\n\r\n")).await;
        for event in response(id, items) {
            let event = format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
            self.says(&format!("{:x}\r\n{event}\r\n", event.len())).await;
        }
        self.says("0\r\n\r\n").await;
    }
}

pub(crate) const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";

pub(crate) fn created(id: &str) -> Value {
    json!({"type": "response.created", "response": {"id": id}})
}

pub(crate) fn done(index: usize, item: &Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

pub(crate) fn completed(id: &str) -> Value {
    json!({"type": "response.completed", "response": {"id": id}})
}

pub(crate) fn text_delta(text: &str) -> Value {
    json!({"type": "response.output_text.delta", "output_index": 0, "delta": text})
}

pub(crate) fn error(status: u16, code: &str) -> Value {
    json!({"type": "error", "status": status, "error": {"code": code, "message": "Because."}})
}

pub(crate) fn message(text: &str) -> Value {
    json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})
}

pub(crate) fn call(id: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": "t", "arguments": "{}"})
}

pub(crate) fn output(id: &str) -> agent_protocol::Item {
    let json = json!({"type": "function_call_output", "call_id": id, "output": "ok"});
    agent_protocol::Item::from_json(&json.to_string()).unwrap()
}

pub(crate) fn response(id: &str, items: &[Value]) -> Vec<Value> {
    let items = items.iter().enumerate().map(|(index, item)| done(index, item));
    std::iter::once(created(id)).chain(items).chain([completed(id)]).collect()
}

/// The texts or call ids of a request's input.
pub(crate) fn input(request: &Value) -> Vec<String> {
    let name = |item: &Value| {
        let content = &item["content"];
        let text = content.as_str().or(content[0]["text"].as_str()).or(item["call_id"].as_str());
        text.unwrap_or_default().to_owned()
    };
    request["input"].as_array().unwrap().iter().map(name).collect()
}
