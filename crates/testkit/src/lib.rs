//! For tests: a scripted model in a line a step, the same on a real socket with a recording of what went over the
//! wire, and faults on it; the binary in a scratch place, and on a real pseudo-terminal.

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
mod screen;
mod terminal;
pub use scene::{Finished, Running, Scene};
pub use screen::{Left, PtyScreen};
pub use terminal::{Answers, Modes};
