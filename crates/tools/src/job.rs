//! File operations run in a confined process of our own executable, like any command: the same kernel sandbox,
//! the same view of the files (S13). A job is what that process is told on its standard input; its
//! [`ToolOutput`], as JSON on standard output, is the answer.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use agent_protocol::{Action, ItemDetails, Status};
use serde::{Deserialize, Serialize};

use crate::apply_patch::ApplyPatch;
use crate::grep_files::GrepFiles;
use crate::list_dir::ListDir;
use crate::read_file::ReadFile;
use crate::view_image::ViewImage;
use crate::{Prepared, ToolOutput, ToolboxConfig};

/// One file operation, self-contained: the process that does it knows nothing else.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    ApplyPatch(ApplyPatch),
    ReadFile(ReadFile),
    ListDir(ListDir),
    GrepFiles(GrepFiles),
    ViewImage(ViewImage),
}

impl Job {
    /// Does it, in whatever process this is called.
    pub(crate) fn perform(self) -> ToolOutput {
        match self {
            Self::ApplyPatch(job) => job.perform(),
            Self::ReadFile(job) => job.perform(),
            Self::ListDir(job) => job.perform(),
            Self::GrepFiles(job) => job.perform(),
            Self::ViewImage(job) => job.perform(),
        }
    }

    /// Only reads.
    pub(crate) fn reading(
        self,
        config: &Arc<ToolboxConfig>,
        path: PathBuf,
        details: ItemDetails,
    ) -> Prepared {
        let config = Arc::clone(config);
        Prepared {
            action: Action::Read { path },
            details,
            writes: vec![],
            perform: Box::new(move |_progress| {
                Box::pin(async move { run(&config, self, false).await })
            }),
        }
    }
}

/// How a tool that only looks is shown while it runs.
pub(crate) fn looking(tool: &str, subject: String) -> ItemDetails {
    ItemDetails::ToolCall {
        tool: tool.to_owned(),
        subject,
        summary: String::new(),
        status: Status::InProgress,
    }
}

/// The confined process: reads a job, does it, writes what came of it.
///
/// # Errors
/// When what it reads is not a job, or the answer cannot be written.
pub(crate) fn serve(mut input: impl Read, mut output: impl Write) -> std::io::Result<()> {
    let mut json = Vec::new();
    input.read_to_end(&mut json)?;
    let job: Job = serde_json::from_slice(&json)?;
    serde_json::to_writer(&mut output, &job.perform())?;
    output.flush()
}

/// Stands in for the sandbox: the job is done here.
pub(crate) async fn run(_config: &ToolboxConfig, job: Job, _writable: bool) -> ToolOutput {
    job.perform()
}
