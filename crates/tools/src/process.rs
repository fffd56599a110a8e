//! Processes.

/// A process that was ended because the thread no longer needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaped {
    pub pid: u32,
    pub command: String,
    pub reason: String,
}
