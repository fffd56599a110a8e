//! What can go wrong on a connection.

use std::time::Duration;

/// Something a server or the path to it does, once.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection ends without a close frame.
    Cut,
    /// The same with a reset: what was under way is lost.
    Reset,
    /// Nothing comes any more, but the connection stays.
    Stall,
    Delay(Duration),
    /// A close frame with this code.
    Close(u16),
    /// A text frame that the gateway did not send.
    Text(String),
    Binary(Vec<u8>),
    /// Bytes that need not be a frame.
    Bytes(Vec<u8>),
    /// As the answer to a create, before anything of it: the parent is not known (protocol.md 5.4). The gateway does
    /// not see the create.
    ForgetChain,
    /// The same: the connection is too old (protocol.md 10.8); it is closed with 1001.
    Expire,
}

/// An answer that is not the one hoped for: to an upgrade or a `POST`.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Refusal {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    pub(crate) fn to_http(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let headers: String = headers.collect();
        format!(
            "HTTP/1.1 {} Refused\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
            self.status,
            self.body.len(),
            self.body
        )
    }
}

pub(crate) const FORGOTTEN: &str = r#"{"type":"error","status":400,"error":{"type":"invalid_request_error","code":"previous_response_not_found","message":"Previous response not found.","param":"previous_response_id"}}"#;

pub(crate) const EXPIRED: &str = r#"{"type":"error","status":400,"error":{"type":"invalid_request_error","code":"websocket_connection_limit_reached","message":"Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue.","param":null}}"#;
