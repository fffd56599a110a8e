//! The frames of the Responses API, in both directions, as text (protocol.md 2, 4, 6.1). What is sent is in `client.rs`,
//! what comes in `server.rs`.

mod client;
mod error;
mod server;
#[cfg(test)]
mod tests;

pub use client::{
    Continue, FrameStyle, add_cache_comparison, compact_body, http_body, response_create,
    response_interrupt, response_steer, response_warm_up, stateless_len,
};
pub use error::{ApiError, stated_wait};
pub use server::{ServerEvent, ServerFrame, read_compaction, read_server_frame};
