//! A gateway with a scripted model on a loopback socket, and clients that say what they are told.

#![allow(dead_code, clippy::unwrap_used)]

use std::net::SocketAddr;

use agent_gateway::{Gateway, GatewayConfig, Limits, Token};
use agent_transport::{Script, Scripted, Transport};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

pub(crate) const TOKEN: &str = "test-token";

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn scripted(toml: &str) -> Server {
    scripted_within(toml, Limits::default()).await
}

pub(crate) async fn scripted_within(toml: &str, limits: Limits) -> Server {
    let model = Scripted::new(Script::parse(toml).unwrap());
    let upstream = move || Box::new(model.clone()) as Box<dyn Transport>;
    let token = Some(Token::new(TOKEN));
    let config = GatewayConfig { token, models: vec!["scripted".into()], limits };
    let gateway = Gateway::bind("127.0.0.1:0".parse().unwrap(), config, upstream).await.unwrap();
    let address = gateway.local_addr().unwrap();
    let task = tokio::spawn(async move {
        gateway.serve().await;
    });
    Server { address, task }
}

impl Server {
    pub(crate) async fn connect(&self) -> Client {
        let mut request =
            format!("ws://{}/v1/responses", self.address).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (socket, answer) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        Client { socket, headers: answer.headers().clone() }
    }

    pub(crate) async fn upgrade_refused(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> u16 {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Err(Error::Http(answer)) => answer.status().as_u16(),
            Ok(_) => 101,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn http(&self, method: &str, path: &str, body: &str) -> Reply {
        self.http_with(method, path, body, &[("authorization", &format!("Bearer {TOKEN}"))]).await
    }

    pub(crate) async fn http_with(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::<bytes::Bytes>::from(body.to_owned())).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        connection.abort();
        Reply { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    pub(crate) headers: HeaderMap,
}

impl Client {
    pub(crate) async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// A `response.create` with these fields beside the model.
    pub(crate) async fn create(&mut self, fields: Value) {
        let mut frame = json!({"type": "response.create", "model": "scripted"});
        frame.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.send(&frame).await;
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The events up to the end of one response.
    pub(crate) async fn until_end(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await);
            if is_terminal(&events[events.len() - 1]) {
                return events;
            }
        }
    }

    /// Asks and waits for the end, which must be a completion.
    pub(crate) async fn ask(&mut self, fields: Value) -> Value {
        self.create(fields).await;
        let events = self.until_end().await;
        let last = events.last().unwrap().clone();
        assert_eq!(last["type"], "response.completed", "{last}");
        last["response"].clone()
    }

    /// Asks and waits for the error.
    pub(crate) async fn ask_in_vain(&mut self, fields: Value) -> Value {
        self.create(fields).await;
        let event = self.next().await;
        assert_eq!(event["type"], "error", "{event}");
        event
    }

    pub(crate) async fn closed(&mut self) -> CloseCode {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(crate) fn is_terminal(event: &Value) -> bool {
    matches!(
        event["type"].as_str().unwrap(),
        "response.completed" | "response.incomplete" | "response.failed" | "error"
    )
}

pub(crate) fn text_of(response: &Value) -> String {
    let items = response["output"].as_array().unwrap().iter();
    let parts = items.filter_map(|item| item["content"].as_array()).flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}
