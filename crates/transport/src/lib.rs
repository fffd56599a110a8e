//! How a request reaches a model and its events come back: the [`Transport`] trait and its implementations. What
//! is asked, and what is done with the answer, is `agent-core`'s.

mod adaptation;
mod alarm;
mod answer;
mod chain;
mod clocks;
mod connect;
mod connection;
mod control;
mod delay;
mod endpoint;
mod error;
mod exchange;
#[cfg(test)]
mod fixture;
mod http;
mod idle;
mod models;
mod network;
mod opener;
mod outlet;
mod preparation;
mod provider;
mod proxy;
mod recording;
mod resilient;
mod script;
mod scripted;
mod sse;
mod steers;
mod stream;
mod tls;
mod upgrade;
mod websocket;
mod wire;
mod withheld;

use futures_util::stream::BoxStream;

pub use self::http::ResponsesHttp;
pub use control::{Control, ControlSender, Steering};
pub use endpoint::{Credential, Endpoint, EndpointError, TransportChoice};
pub use error::{ConnectStage, TransportError};
pub use models::{Model, models};
pub use network::{Network, NetworkConfig};
pub use opener::try_socket;
pub use provider::Facts;
pub use recording::{
    Comparison, Recorded, RecordedRequest, Recording, RecordingError, Redaction, Replay,
    ReplayOptions, Speed,
};
pub use resilient::{Patience, Resilient};
pub use script::{Expect, Expected, Script, ScriptError, Step};
pub use scripted::Scripted;
pub use websocket::WebSocket;

use agent_protocol::{Request, ResponseEvent};

/// A way to a model.
pub trait Transport: Send {
    /// Streams the answer to one request. The request is always the whole conversation; what of it travels is the
    /// transport's business. Ends after one terminal event or one error. `control` steers or interrupts the
    /// response under way.
    ///
    /// Dropping the stream gives the response up; the next request then starts from nothing.
    fn respond<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>>;

    /// Asks the endpoint for a shorter window in place of the request's (`POST /responses/compact`, protocol.md 5.6).
    /// The items of the answer are the new window, whole; nothing is chained to them. A transport that has no such
    /// endpoint yields [`TransportError::Unsupported`].
    fn compact<'a>(
        &'a mut self,
        _request: &'a Request,
        _control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        Box::pin(futures_util::stream::iter([Err(TransportError::Unsupported("compaction"))]))
    }

    /// Prepares connection and server state for a request like this one; returns at once and never fails the caller.
    fn warm_up(&mut self, request: &Request);
}
