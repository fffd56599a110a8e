//! File operations run in a confined process of our own executable, like any command: the same kernel sandbox,
//! the same view of the files (S13). A job is what that process is told on its standard input; its
//! [`ToolOutput`], as JSON on standard output, is the answer.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent_protocol::{Action, Content, ItemDetails, Status};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;

use crate::apply_patch::ApplyPatch;
use crate::grep_files::GrepFiles;
use crate::list_dir::ListDir;
use crate::read_file::ReadFile;
use crate::sandbox::{Errand, Input, Order, Reach, Sandbox, SandboxError};
use crate::view_image::ViewImage;
use crate::{
    Prepared, ToolOutput, Toolbox, ToolboxConfig, grep_files, list_dir, read_file, view_image,
};

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

    /// What is said of it when the process that should have done it could not, for the reason in `message`.
    pub(crate) fn failure(&self, message: String) -> ToolOutput {
        let (tool, subject) = match self {
            Self::ApplyPatch(job) => return job.failure(message),
            Self::ReadFile(job) => (read_file::NAME, &job.subject),
            Self::ListDir(job) => (list_dir::NAME, &job.subject),
            Self::GrepFiles(job) => (grep_files::NAME, &job.subject),
            Self::ViewImage(job) => (view_image::NAME, &job.subject),
        };
        ToolOutput::not_found(tool, subject.clone(), message)
    }

    /// The job of a tool that only looks.
    pub(crate) fn looking(
        self,
        toolbox: &Toolbox,
        path: PathBuf,
        details: ItemDetails,
    ) -> Prepared {
        let config = Arc::clone(toolbox.config());
        let sandbox = Arc::clone(toolbox.sandbox());
        Prepared {
            action: Action::Read { path },
            details,
            perform: Box::new(move |_progress| {
                Box::pin(async move {
                    let late = self.failure(format!("stopped after {} s", MOST_TIME.as_secs()));
                    in_time(MOST_TIME, late, run_job(&sandbox, &config, self, false, None)).await
                })
            }),
        }
    }
}

/// How long a tool that only looks may take. One that watches the clock itself ends before, with what it has.
const MOST_TIME: Duration = Duration::from_secs(40);

/// What comes of `work`, or `late`. What is given up ends with its room, whatever it is at.
async fn in_time(
    limit: Duration,
    late: ToolOutput,
    work: impl Future<Output = ToolOutput>,
) -> ToolOutput {
    tokio::time::timeout(limit, work).await.unwrap_or(late)
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

/// Bytes of a job's answer; images are the largest.
const MOST_ANSWER: u64 = 64 << 20;

/// Has the job done in a room of its own. `journal` is its standard error there.
pub(crate) async fn run_job(
    sandbox: &Sandbox,
    config: &ToolboxConfig,
    job: Job,
    writable: bool,
    journal: Option<File>,
) -> ToolOutput {
    #[cfg(test)]
    if config.helper.as_os_str().is_empty() {
        return here(job, journal);
    }
    let broken = job.failure("the file operation broke off in its sandbox".into());
    let failed = |error: &dyn std::fmt::Display| {
        let mut output = broken.clone();
        output.content = vec![Content::text(format!("the file operation did not run: {error}"))];
        output
    };
    match in_a_room(sandbox, config, job, writable, journal).await {
        Ok((output, said)) => {
            let mut output = output.unwrap_or(broken);
            for line in said {
                match output.content.last_mut() {
                    Some(Content::Text { text }) => text.extend(["\n", &line]),
                    _ => output.content.push(Content::text(line)),
                }
            }
            output
        }
        Err(error) => failed(&error),
    }
}

/// Returns also what was put back after it.
async fn in_a_room(
    sandbox: &Sandbox,
    config: &ToolboxConfig,
    job: Job,
    writable: bool,
    journal: Option<File>,
) -> Result<(Option<ToolOutput>, Vec<String>), SandboxError> {
    let (answer, writer) = std::io::pipe()?;
    let errors = match journal {
        Some(journal) => journal,
        None => File::options().write(true).open("/dev/null")?,
    };
    let errand = Errand {
        order: Order::Serve(job),
        cwd: config.cwd.clone(),
        directory: None,
        env: vec![],
        reach: if writable { Reach::Policy } else { Reach::Reading },
        input: Input::Empty,
    };
    let answer = tokio::net::unix::pipe::Receiver::from_owned_fd(answer.into())?;
    let room = sandbox.room().await?;
    let (mut launched, _) = room.launch(errand, &[writer.as_fd(), errors.as_fd()]).await?;
    drop((writer, errors));
    let mut json = Vec::new();
    let read = answer.take(MOST_ANSWER).read_to_end(&mut json).await;
    // Whatever failed: as long as it is at work, nobody may look after what it left.
    launched.exit().await;
    read?;
    Ok((serde_json::from_slice(&json).ok(), launched.said()))
}

/// Tests of the tools themselves have no executable to start.
#[cfg(test)]
fn here(job: Job, journal: Option<File>) -> ToolOutput {
    match job {
        Job::ApplyPatch(job) => job.perform_with(journal),
        job => job.perform(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_protocol::{CallForm, Content, ImageDetail, SandboxMode, ToolCall};

    fn toolbox(cwd: &std::path::Path) -> Toolbox {
        Toolbox::new(ToolboxConfig {
            cwd: cwd.into(),
            writable_roots: vec![],
            shared: vec![],
            person: std::collections::BTreeMap::new(),
            sandbox: SandboxMode::WorkspaceWrite,
            network: false,
            helper: PathBuf::new(),
            env: std::collections::BTreeMap::new(),
            secrets: crate::sandbox::SecretPlaces::default(),
            secret_values: crate::Secrets::default(),
            login: None,
            outputs_dir: PathBuf::new(),
            journal_dir: None,
            keep_background: false,
            output_tokens: None,
            freeform_patch: true,
        })
    }

    #[tokio::test]
    async fn a_look_that_takes_too_long_is_given_up() {
        let done = ToolOutput::found("read_file", "a".into(), "b".into(), "c".into());
        let late = ToolOutput::not_found("read_file", "a".into(), "stopped".into());
        let never = std::future::pending();
        assert_eq!(in_time(Duration::ZERO, late.clone(), never).await, late);
        assert_eq!(in_time(Duration::MAX, late, async { done.clone() }).await, done);
    }

    #[tokio::test]
    async fn what_came_of_a_job_travels_as_json() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "needle\n").unwrap();
        for (name, input, expected) in [
            ("read_file", r#"{"file_path":"a"}"#, "1\tneedle\n[1 line]"),
            ("list_dir", r#"{}"#, "a\n[1 entry]"),
            ("grep_files", r#"{"pattern":"need.e"}"#, "a:1: needle\n[1 match in 1 file]"),
            ("read_file", r#"{"path":"gone","offset":3,"limit":2}"#, "no such file or directory"),
            ("update_plan", r#"{"plan":[{"step":"x","status":"in_progress"}]}"#, "Plan updated"),
            ("apply_patch", "*** Begin Patch\n*** Delete File: a\n*** End Patch", "Done.\nD a"),
        ] {
            let call = ToolCall {
                call_id: "c".into(),
                name: name.into(),
                namespace: None,
                form: CallForm::Function,
                input: input.into(),
            };
            let prepared =
                toolbox(dir.path()).prepare(&call).unwrap_or_else(|r| panic!("{}", r.message));
            let output = prepared.perform(crate::Progress::channel().0).await;
            let [Content::Text { text }] = &output.content[..] else { panic!("{output:?}") };
            assert!(text.ends_with(expected), "{text}");
            let json = serde_json::to_vec(&output).unwrap();
            assert_eq!(serde_json::from_slice::<ToolOutput>(&json).unwrap(), output);
        }
        let image = Content::Image { image_url: "data:,".into(), detail: ImageDetail::High };
        let mut output = ToolOutput::found("view_image", "a".into(), "b".into(), "c".into());
        output.content.push(image);
        let json = serde_json::to_vec(&output).unwrap();
        assert_eq!(serde_json::from_slice::<ToolOutput>(&json).unwrap(), output);
    }
}
