//! What the model may do on this machine: the tools it is offered, the policy that judges each call, and the
//! sandbox every command and file operation runs in. Whether and when a call is made is `agent-core`'s business.

mod arguments;
mod job;
mod policy;
mod process;
mod toolbox;
mod update_plan;

pub use policy::{Policy, Verdict};
pub use process::Reaped;
pub use toolbox::{Prepared, Progress, Rejection, ToolOutput, Toolbox, ToolboxConfig};
