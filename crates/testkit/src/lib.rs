//! For tests: a scripted model in a line a step, the same on a real socket with a recording of what went over the
//! wire, and faults on it.

mod fault;
mod frames;
mod relay;
mod script;
mod server;
mod wire;

pub use agent_transport::{Expect, Expected, Script, Scripted, Step};
pub use fault::{Fault, Refusal};
pub use script::ScriptedModel;
pub use server::ScriptedServer;
pub use wire::{ClientFrame, Post, Upgrade};

mod rehearsal;
mod scene;
pub use scene::{Finished, Running, Scene};
