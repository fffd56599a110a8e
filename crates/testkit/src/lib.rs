//! For tests: a scripted model in a line a step, the same on a real socket with a recording of what went over the
//! wire, and faults on it; the binary in a scratch place, on a real pseudo-terminal, and with calls of the system that
//! fail.

mod calls;
mod fault;
mod frames;
mod relay;
mod script;
mod server;
mod wire;

pub use agent_transport::{Expect, Expected, Script, Scripted, Step};
pub use calls::{Call, Failing, How, Kind, Traced};
pub use fault::{Fault, Refusal};
pub use script::ScriptedModel;
pub use server::ScriptedServer;
pub use wire::{ClientFrame, Post, Upgrade};

mod rehearsal;
mod scene;
mod screen;
mod terminal;
#[cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))),
    path = "untraced.rs"
)]
mod traced;
pub use scene::{Finished, Running, Scene};
pub use screen::{Left, PtyScreen};
pub use terminal::{Answers, Modes};
