//! How the transports behave towards a server, seen from both ends. The server is written out in each test; the
//! connection is a pipe in memory and the clock is paused, unless the network itself is the subject.

// clippy knows only functions marked as tests for tests; these are their helpers.
#![allow(clippy::unwrap_used)]

mod client;
mod server;

mod adaptation;
mod chain;
mod cuts;
mod http;
mod misbehaviour;
mod network;
mod patience;
mod preparation;
mod sleep;
mod steering;
