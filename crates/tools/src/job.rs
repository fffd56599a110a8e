//! File operations run in a confined process of our own executable, like any command: the same kernel sandbox,
//! the same view of the files (S13). A job is what that process is told on its standard input; its
//! [`ToolOutput`], as JSON on standard output, is the answer.

use serde::{Deserialize, Serialize};

use crate::ToolOutput;

/// One file operation, self-contained.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Job {}

impl Job {
    /// Does it, in whatever process this is called.
    pub(crate) fn perform(self) -> ToolOutput {
        match self {}
    }
}
