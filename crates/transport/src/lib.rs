//! How a request reaches a model and its events come back: the [`Transport`] trait and its implementations. What
//! is asked, and what is done with the answer, is `agent-core`'s.

mod control;
mod error;
mod script;
mod scripted;

use futures_util::stream::BoxStream;

pub use control::{Control, ControlSender, Steering};
pub use error::{ConnectStage, TransportError};
pub use script::{Expect, Expected, Script, ScriptError, Step};
pub use scripted::Scripted;

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

    /// Prepares connection and server state for a request like this one; returns at once and never fails the caller.
    fn warm_up(&mut self, request: &Request);
}
