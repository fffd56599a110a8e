//! The tool that edits files. What a patch is and how it is applied is `patch`'s business; here it is offered,
//! understood, and carried into the confined process.

use std::path::{Path, PathBuf};

use agent_protocol::{
    Action, CallForm, Content, CustomFormat, FileChange, ItemDetails, RejectReason, SandboxMode,
    Status, ToolCall, ToolSpec,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::job::{self, Job};
use crate::patch::{self, Patch, PatchRefusal, PatchSummary, Places, Roots};
use crate::{Prepared, Rejection, ToolOutput, Toolbox, ToolboxConfig, arguments};

pub(crate) const NAME: &str = "apply_patch";

const FORMAT: &str = "\
*** Begin Patch
*** Update File: src/app.rs
@@ fn greet() {
     let name = user();
-    println!(\"Hi\");
+    println!(\"Hi, {name}\");
 }
*** Add File: docs/new.md
+First line
*** Delete File: old.txt
*** End Patch";

pub(crate) fn spec(config: &ToolboxConfig) -> ToolSpec {
    if config.freeform_patch {
        let format =
            CustomFormat::Grammar { syntax: "lark".into(), definition: patch::GRAMMAR.into() };
        let description = "Edit files. The input is a patch, not JSON.".into();
        return ToolSpec::Custom { name: NAME.into(), description, format };
    }
    ToolSpec::Function {
        name: NAME.into(),
        description: format!(
            "Edit files by a patch, all of it or nothing. Example:\n{FORMAT}\n\
             In a hunk each line begins with a space (kept), `-` (removed) or `+` (added); give about three kept lines \
             around a change, exactly as they are in the file, without line numbers. `@@ LINE` names a line above, \
             such as a function's first, when those are not unique. `*** Move to: PATH` after `*** Update File:` \
             renames; `*** End of File` after a hunk says that it ends the file."
        ),
        strict: false,
        parameters: json!({
            "type": "object",
            "properties": {"input": {"type": "string", "description": "The whole patch."}},
            "required": ["input"],
            "additionalProperties": false
        }),
    }
}

#[derive(Deserialize)]
struct Args {
    #[serde(alias = "patch")]
    input: String,
}

pub(crate) fn prepare(toolbox: &Toolbox, call: &ToolCall) -> Result<Prepared, Rejection> {
    let config = toolbox.config();
    let text = match call.form {
        CallForm::Function => arguments::parse::<Args>(call, &spec(config))?.input,
        _ => call.input.clone(),
    };
    let refuse = |problem: String| {
        let refusal = PatchRefusal::new(RejectReason::PatchMismatch, &[problem]);
        Rejection { reason: RejectReason::PatchMismatch, message: refusal.to_string() }
    };
    let patch = patch::parse(&text).map_err(|error| refuse(error.to_string()))?;
    let places = patch::resolve_all(&patch, &config.cwd).map_err(refuse)?;
    let mut paths: Vec<PathBuf> =
        patch::changed(&patch, &places).map(|(_, path)| path.clone()).collect();
    paths.sort();
    paths.dedup();
    let changes = patch::announced(&patch, &places);
    let job = ApplyPatch { patch, places, roots: roots(config), announced: changes.clone() };
    let config = config.clone();
    Ok(Prepared {
        action: Action::Edit { paths: paths.clone() },
        details: ItemDetails::FileChange { changes, status: Status::InProgress },
        writes: paths,
        perform: Box::new(move |_progress| {
            Box::pin(async move { job::run(&config, Job::ApplyPatch(job), true).await })
        }),
    })
}

/// Where patches may write when the sandbox lets them.
fn roots(config: &ToolboxConfig) -> Roots {
    if config.sandbox == SandboxMode::DangerFullAccess {
        return Roots::new([Path::new("/")]);
    }
    let temporary = config.env.get(std::ffi::OsStr::new("TMPDIR")).map(Path::new);
    let temporary = temporary.into_iter().chain([Path::new("/tmp")]);
    let own = config.writable_roots.iter().map(PathBuf::as_path);
    Roots::new(std::iter::once(config.cwd.as_path()).chain(own).chain(temporary))
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ApplyPatch {
    patch: Patch,
    places: Places,
    roots: Roots,
    announced: Vec<FileChange>,
}

impl ApplyPatch {
    pub(crate) fn perform(self) -> ToolOutput {
        match patch::apply(&self.patch, &self.places, &self.roots) {
            Ok(summary) => {
                let notes = summary.notes();
                let notes: String = notes.iter().map(|note| format!("\n{note}")).collect();
                let changes = summary.file_changes();
                ToolOutput {
                    content: vec![Content::text(format!("Done.\n{summary}{notes}"))],
                    details: ItemDetails::FileChange { changes, status: Status::Completed },
                    success: true,
                    rejected: None,
                }
            }
            Err(refusal) => ToolOutput {
                content: vec![Content::text(refusal.to_string())],
                details: ItemDetails::FileChange {
                    changes: self.announced,
                    status: Status::Failed,
                },
                success: false,
                rejected: Some(refusal.reason),
            },
        }
    }
}

/// Applies `patch` below `dir` and nowhere else, without a sandbox: what `agent apply-patch` does.
///
/// # Errors
/// When `patch` is none or cannot be applied as a whole; then no file was changed.
pub fn apply_patch_to(dir: &Path, patch: &str) -> Result<PatchSummary, PatchRefusal> {
    let refuse = |problem| PatchRefusal::new(RejectReason::PatchMismatch, &[problem]);
    let parsed = patch::parse(patch).map_err(|error| refuse(error.to_string()))?;
    let places = patch::resolve_all(&parsed, dir).map_err(refuse)?;
    patch::apply(&parsed, &places, &Roots::new([dir]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_protocol::ChangeKind;
    use std::collections::BTreeMap;
    use tokio::sync::mpsc;

    const PATCH: &str = "*** Begin Patch\n*** Update File: a\n-1\n+2\n*** End Patch";

    fn toolbox(cwd: &Path, freeform_patch: bool) -> Toolbox {
        Toolbox::new(ToolboxConfig {
            cwd: std::fs::canonicalize(cwd).unwrap(),
            writable_roots: vec![],
            sandbox: SandboxMode::WorkspaceWrite,
            network: false,
            helper: PathBuf::new(),
            env: BTreeMap::new(),
            outputs_dir: PathBuf::new(),
            freeform_patch,
        })
    }

    fn call(form: CallForm, input: &str) -> ToolCall {
        ToolCall {
            call_id: "c".into(),
            name: NAME.into(),
            namespace: None,
            form,
            input: input.into(),
        }
    }

    #[test]
    fn the_tool_is_free_text_where_the_endpoint_takes_that_else_a_function() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "1\n").unwrap();
        let function = serde_json::json!({"input": PATCH}).to_string();
        for (freeform, call) in
            [(true, call(CallForm::Custom, PATCH)), (false, call(CallForm::Function, &function))]
        {
            let toolbox = toolbox(dir.path(), freeform);
            assert_eq!(matches!(spec(toolbox.config()), ToolSpec::Custom { .. }), freeform);
            assert!(prepare(&toolbox, &call).is_ok());
        }
    }

    #[test]
    fn the_example_in_the_description_is_a_patch() {
        assert_eq!(patch::parse(FORMAT).unwrap().sections.len(), 3);
    }

    #[tokio::test]
    async fn a_call_says_first_what_it_would_do_then_what_it_did() {
        let dir = tempfile::tempdir().unwrap();
        let file = std::fs::canonicalize(dir.path()).unwrap().join("a");
        std::fs::write(&file, "0\n1\n").unwrap();
        let prepared = patch::parse(PATCH)
            .map(|_| prepare(&toolbox(dir.path(), true), &call(CallForm::Custom, PATCH)));
        let prepared = prepared.unwrap().ok().unwrap();
        assert_eq!(prepared.action, Action::Edit { paths: vec![file.clone()] });
        assert_eq!(prepared.writes, std::slice::from_ref(&file));
        let change = |diff: &str| FileChange {
            path: file.clone(),
            kind: ChangeKind::Update,
            additions: Some(1),
            deletions: Some(1),
            diff: Some(diff.into()),
            diff_truncated: false,
            move_path: None,
        };
        let announced = vec![change("@@\n-1\n+2\n")];
        assert_eq!(
            prepared.details,
            ItemDetails::FileChange { changes: announced, status: Status::InProgress }
        );
        let output = prepared.perform(mpsc::unbounded_channel().0).await;
        let changes = vec![change("@@ -1,2 +1,2 @@\n 0\n-1\n+2\n")];
        assert_eq!(output.details, ItemDetails::FileChange { changes, status: Status::Completed });
        assert_eq!(output.content, [Content::text("Done.\nM a")]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "0\n2\n");
    }

    #[test]
    fn what_is_no_patch_is_rejected_before_anything_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let rejection =
            prepare(&toolbox(dir.path(), true), &call(CallForm::Custom, "*** Begin Patch"))
                .err()
                .unwrap();
        assert_eq!(rejection.reason, RejectReason::PatchMismatch);
        assert!(rejection.message.contains("may have been cut off"), "{}", rejection.message);
    }
}
