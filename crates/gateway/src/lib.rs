//! The server side: the Responses API over WebSocket and HTTP in front of any `Transport`, with the
//! connection-scoped cache of protocol.md 5.9. What answers is the transport's business; which one, the caller's.

mod config;
mod connection;
mod create;
mod error;
mod events;
mod guard;
mod http;
mod json;
mod run;
mod server;
mod visitors;

pub use config::{GatewayConfig, Limits, Token};
pub use server::{Gateway, GatewayError};
