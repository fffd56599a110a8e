//! The WebSocket handshake (protocol.md 1.2). hyper does it, so that the status and the body of a refusal are read.

use agent_protocol::ApiError;
use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::delay::stated_wait;
use crate::stream::Stream;
use crate::wire::{Refusal, Wire};
use crate::{ConnectStage, Endpoint, TransportError};

/// C1.2.
pub(crate) const MESSAGE_BYTES: usize = 64 << 20;
/// What may wait to be written: the largest frame of ours, and answers to pings of a server that reads nothing.
const UNSENT_BYTES: usize = 16 << 20;
/// Cleared before every read, so no larger than a burst of deltas.
const READ_BUFFER_BYTES: usize = 16 * 1024;

const BETA: (HeaderName, HeaderValue) = (
    HeaderName::from_static("openai-beta"),
    HeaderValue::from_static("responses_websockets=2026-02-06"),
);

/// In the answer of our own gateway, which can do what no public endpoint promises.
const GATEWAY: HeaderName = HeaderName::from_static("x-agent-gateway");

pub(crate) struct Upgraded {
    pub(crate) socket: WebSocketStream<Stream>,
    pub(crate) is_gateway: bool,
}

/// Asks for the socket on a fresh connection.
///
/// # Errors
/// `Refused` with what the endpoint says instead, or `Connect` at the stage `Upgrade`.
pub(crate) async fn upgrade(
    stream: Stream,
    endpoint: &Endpoint,
    user_agent: &str,
    deadline: Instant,
) -> Result<Upgraded, TransportError> {
    let failed = |message: String| TransportError::Connect {
        stage: ConnectStage::Upgrade,
        host: endpoint.host().to_owned(),
        message,
    };
    match timeout_at(deadline, shake_hands(stream, endpoint, user_agent)).await {
        Err(_) => Err(failed("no answer in time".to_owned())),
        Ok(Err(Failure::Broken(message))) => Err(failed(message)),
        Ok(Err(Failure::Answered(error))) => Err(TransportError::Refused(error)),
        Ok(Ok(upgraded)) => Ok(upgraded),
    }
}

enum Failure {
    Answered(ApiError),
    Broken(String),
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

async fn shake_hands(
    stream: Stream,
    endpoint: &Endpoint,
    user_agent: &str,
) -> Result<Upgraded, Failure> {
    let key = generate_key();
    let mut wire = Wire::over(stream).await?;
    let answer = wire.ask(request(endpoint, user_agent, &key)).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let Refusal { status, headers, body } = wire.read(answer).await;
        return Err(Failure::Answered(api_error(status, &headers, &body)));
    }
    let accept = answer.headers().get(SEC_WEBSOCKET_ACCEPT);
    if accept.is_none_or(|accept| accept != derive_accept_key(key.as_bytes()).as_str()) {
        return Err(Failure::Broken(
            "the server answered with a wrong Sec-WebSocket-Accept".to_owned(),
        ));
    }
    let is_gateway = answer.headers().contains_key(GATEWAY);
    let (stream, read) = wire.into_stream().await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_write_buffer_size(UNSENT_BYTES)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let read = read.to_vec();
    let socket = WebSocketStream::from_partially_read(stream, read, Role::Client, Some(config));
    Ok(Upgraded { socket: socket.await, is_gateway })
}

fn request(endpoint: &Endpoint, user_agent: &str, key: &str) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::GET;
    // `Endpoint::new` has parsed it; a query added later is encoded.
    *request.uri_mut() = endpoint.path().parse().unwrap_or_default();
    let headers = request.headers_mut();
    headers.extend(common_headers(endpoint, user_agent));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    if let Ok(key) = HeaderValue::from_str(key) {
        headers.insert(SEC_WEBSOCKET_KEY, key);
    }
    if endpoint.facts.beta_header {
        headers.entry(BETA.0).or_insert(BETA.1);
    }
    request
}

/// What every request carries, by upgrade or by POST.
pub(crate) fn common_headers(endpoint: &Endpoint, user_agent: &str) -> HeaderMap {
    let mut headers = endpoint.request_headers();
    if let Ok(host) = HeaderValue::from_str(endpoint.authority()) {
        headers.insert(HOST, host);
    }
    if let (false, Ok(agent)) = (user_agent.is_empty(), HeaderValue::from_str(user_agent)) {
        headers.entry(USER_AGENT).or_insert(agent);
    }
    headers
}

/// An answer that is an error, with the request id that the provider's support asks for.
pub(crate) fn api_error(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ApiError {
    let text = String::from_utf8_lossy(body);
    let mut error = ApiError::from_http(status.as_u16(), stated_wait(headers), &text);
    let id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    error.request_id = error.request_id.or(id.map(str::to_owned));
    error
}
