//! File operations run in a confined process of our own executable, like any command: the same kernel sandbox,
//! the same view of the files (S13). A job is what that process is told on its standard input; its
//! [`ToolOutput`], as JSON on standard output, is the answer.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use agent_protocol::{Action, ItemDetails, Status};
use serde::{Deserialize, Serialize};

use crate::apply_patch::ApplyPatch;
use crate::grep_files::GrepFiles;
use crate::list_dir::ListDir;
use crate::read_file::ReadFile;
use crate::view_image::ViewImage;
use crate::{Prepared, ToolOutput, Toolbox, ToolboxConfig};

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
    /// Does it, in whatever process this is called. An edit writes its journal to standard error if it has one.
    pub(crate) fn perform(self) -> ToolOutput {
        match self {
            Self::ApplyPatch(job) => job.perform(),
            Self::ReadFile(job) => job.perform(),
            Self::ListDir(job) => job.perform(),
            Self::GrepFiles(job) => job.perform(),
            Self::ViewImage(job) => job.perform(),
        }
    }

    /// The job of a tool that only looks.
    pub(crate) fn looking(
        self,
        toolbox: &Toolbox,
        path: PathBuf,
        details: ItemDetails,
    ) -> Prepared {
        let config = Arc::clone(toolbox.config());
        Prepared {
            action: Action::Read { path },
            details,
            writes: vec![],
            perform: Box::new(move |_progress| {
                Box::pin(async move { run_job(&config, self, false, None).await })
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

/// Stands in for the sandbox: the job is done here. `journal` is its standard error there.
pub(crate) async fn run_job(
    _config: &ToolboxConfig,
    job: Job,
    _writable: bool,
    journal: Option<File>,
) -> ToolOutput {
    match job {
        Job::ApplyPatch(job) => job.perform_with(journal),
        job => job.perform(),
    }
}
