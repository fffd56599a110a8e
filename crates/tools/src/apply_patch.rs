//! The tool that edits files. What a patch is and how it is applied is `patch`'s business; here it is offered,
//! understood, and carried into the confined process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_protocol::{
    Action, CallForm, Content, CustomFormat, FileChange, ItemDetails, RejectReason, SandboxMode,
    Status, ToolCall, ToolSpec,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::job::{self, Job};
use crate::patch::{self, Journal, Patch, PatchJournal, PatchRefusal, PatchSummary, Places, Roots};
use crate::sandbox::{Sandbox, is_obeyed};
use crate::{Prepared, Rejection, ToolOutput, Toolbox, ToolboxConfig, arguments, files};

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
    // A model may have learnt the other form: no patch begins with a brace, and no JSON object without.
    if call.input.trim_start().starts_with('{') {
        let function = ToolCall { form: CallForm::Function, ..call.clone() };
        let Args { input } = arguments::parse(&function, &spec(toolbox.config()))?;
        return prepare_text(toolbox, &input, &toolbox.config().cwd);
    }
    prepare_text(toolbox, &call.input, &toolbox.config().cwd)
}

/// The call of this tool with `text`, also when it came some other way, whose paths begin at `cwd`.
pub(crate) fn prepare_text(
    toolbox: &Toolbox,
    text: &str,
    cwd: &Path,
) -> Result<Prepared, Rejection> {
    let config = toolbox.config();
    let refuse = |problem: String| {
        let refusal = PatchRefusal::new(RejectReason::PatchMismatch, &[problem]);
        Rejection { reason: RejectReason::PatchMismatch, message: refusal.to_string() }
    };
    let (patch, cwd) = patch::read(text, cwd).map_err(refuse)?;
    let places = patch::resolve_all(&patch, &cwd).map_err(refuse)?;
    let mut paths: Vec<PathBuf> =
        patch::changed(&patch, &places).map(|(_, path)| path.clone()).collect();
    paths.sort();
    paths.dedup();
    let announced = patch::announced(&patch, &places);
    let changes = patch::to_be_judged(&patch, &places);
    let beyond = beyond(config, &paths);
    // Nothing of it is done unless the policy lets these be written too.
    let (sandbox, roots) = if beyond.is_empty() {
        (toolbox.sandbox(), roots(config))
    } else {
        (toolbox.unconfined(), Roots::new([Path::new("/")]))
    };
    let job = ApplyPatch { patch, places, roots, announced: announced.clone(), journal: false };
    let (config, sandbox) = (config.clone(), sandbox.clone());
    Ok(Prepared {
        action: Action::Edit { paths, beyond, changes },
        details: ItemDetails::FileChange { changes: announced, status: Status::InProgress },
        perform: Box::new(move |_progress| Box::pin(finished(run(sandbox, config, job)))),
    })
}

/// A patch that has begun is finished, in milliseconds, even when nobody waits for it any more: half of it would be
/// worse than all of it.
async fn finished(work: impl Future<Output = ToolOutput> + Send + 'static) -> ToolOutput {
    match tokio::spawn(work).await {
        Ok(output) => output,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is going down, and who waits here with it.
        Err(_) => std::future::pending().await,
    }
}

/// Has the patch applied in the sandbox, and undoes what is left half done when that process dies.
async fn run(sandbox: Arc<Sandbox>, config: Arc<ToolboxConfig>, mut job: ApplyPatch) -> ToolOutput {
    let begun = match &config.journal_dir {
        Some(dir) => PatchJournal::create(dir)
            .and_then(|journal| Ok((Some(journal.writer()?), Some(journal)))),
        None => Ok((None, None)),
    };
    let (writer, journal) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let problem =
                format!("the journal that undoes a patch after a crash cannot be written: {error}");
            return job.refused(&PatchRefusal::failed(None, problem, &[]));
        }
    };
    job.journal = writer.is_some();
    let paths: Vec<PathBuf> =
        patch::changed(&job.patch, &job.places).map(|(_, path)| path.clone()).collect();
    let mut output = job::run_job(&sandbox, &config, Job::ApplyPatch(job), true, writer).await;
    if let Some(note) = privacy(&config, &paths).filter(|_| output.success)
        && let Some(Content::Text { text }) = output.content.first_mut()
    {
        *text = format!("{text}\n{note}");
    }
    let said = journal.map(PatchJournal::settle).unwrap_or_default();
    if !said.is_empty() {
        output.content.push(Content::text(said.join("\n")));
    }
    output
}

/// Those of `paths` that the sandbox would not let be written, or would put back.
fn beyond(config: &ToolboxConfig, paths: &[PathBuf]) -> Vec<PathBuf> {
    let roots = roots(config);
    let is_beyond = |path: &&PathBuf| match config.sandbox {
        SandboxMode::DangerFullAccess => false,
        SandboxMode::ReadOnly => true,
        SandboxMode::WorkspaceWrite => match roots.below(path) {
            Some(inside) => is_obeyed(inside),
            None => true,
        },
    };
    paths.iter().filter(is_beyond).cloned().collect()
}

/// Says of those of `paths` that lie in `/tmp` that it is the thread's own there: who looks for them in the host's finds
/// nothing (docs/sandbox.md). None where there are none, or a patch that changes all of `paths` is applied outside.
pub(crate) fn privacy(config: &ToolboxConfig, paths: &[PathBuf]) -> Option<String> {
    if config.sandbox != SandboxMode::WorkspaceWrite || !beyond(config, paths).is_empty() {
        return None;
    }
    let own = config.writable_roots.iter().map(PathBuf::as_path);
    let own = Roots::new(std::iter::once(config.cwd.as_path()).chain(own));
    let is_private = |path: &&PathBuf| path.starts_with("/tmp") && own.below(path).is_none();
    let private = paths.iter().filter(is_private).map(|path| path.display().to_string());
    let private = private.collect::<Vec<_>>().join(", ");
    (!private.is_empty()).then(|| {
        format!("{private}: in this thread's own /tmp, which its commands see and nobody else does")
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
    /// Standard error is the journal.
    journal: bool,
}

impl ApplyPatch {
    pub(crate) fn perform(self) -> ToolOutput {
        let journal = if self.journal {
            match rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3) {
                Ok(descriptor) => Some(File::from(descriptor)),
                Err(errno) => {
                    let problem = format!("the journal cannot be reached: {errno}");
                    return self
                        .refused(&PatchRefusal::new(RejectReason::PatchMismatch, &[problem]));
                }
            }
        } else {
            None
        };
        self.perform_with(journal)
    }

    pub(crate) fn perform_with(self, journal: Option<File>) -> ToolOutput {
        let mut journal = journal.map(Journal::to).unwrap_or_default();
        match patch::apply(&self.patch, &self.places, &self.roots, &mut journal) {
            Ok(summary) => {
                let changes = summary.file_changes();
                ToolOutput {
                    content: vec![Content::text(words(&summary))],
                    details: ItemDetails::FileChange { changes, status: Status::Completed },
                    success: true,
                    rejected: None,
                }
            }
            Err(refusal) => self.refused(&refusal),
        }
    }

    pub(crate) fn failure(&self, message: String) -> ToolOutput {
        let changes = self.announced.clone();
        ToolOutput {
            content: vec![Content::text(message)],
            details: ItemDetails::FileChange { changes, status: Status::Failed },
            success: false,
            rejected: None,
        }
    }

    fn refused(self, refusal: &PatchRefusal) -> ToolOutput {
        ToolOutput {
            content: vec![Content::text(refusal.to_string())],
            details: ItemDetails::FileChange { changes: self.announced, status: Status::Failed },
            success: false,
            rejected: refusal.reason,
        }
    }
}

/// What the model reads of it.
fn words(summary: &PatchSummary) -> String {
    let lines = ["Done.".to_owned(), summary.to_string()].into_iter().chain(summary.notes());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Whether git takes a directory with such entries for a repository, whatever its name.
fn makes_repository(has: impl Fn(&str) -> bool) -> bool {
    has("HEAD") && (has("commondir") || (has("objects") && has("refs")))
}

/// Applies `patch` below `dir` and nowhere else, without a sandbox: what `agent apply-patch` does. Nobody is asked, so
/// what the sandbox protects below `dir` is refused. It is noted in
/// `journals` before, where that can be written, for `recover_patches_of_others`.
///
/// # Errors
/// When `patch` is none or cannot be applied as a whole; then no file was changed.
pub fn apply_patch_to(
    dir: &Path,
    patch: &str,
    journals: Option<&Path>,
) -> Result<PatchSummary, PatchRefusal> {
    let refuse = |problem| PatchRefusal::new(RejectReason::PatchMismatch, &[problem]);
    let dir = std::fs::canonicalize(dir)
        .map_err(|error| refuse(format!("{}: {}", dir.display(), files::trouble(&error))))?;
    let (parsed, cwd) = patch::read(patch, &dir).map_err(refuse)?;
    let places = patch::resolve_all(&parsed, &cwd).map_err(refuse)?;
    let roots = Roots::new([dir.as_path()]);
    let changed: Vec<_> = patch::changed(&parsed, &places).collect();
    // Some file systems know no case.
    let plain = |path: &Path| PathBuf::from(path.as_os_str().to_ascii_lowercase());
    let by_then = |path: &Path| {
        path.exists() || changed.iter().any(|(_, new)| plain(new).starts_with(plain(path)))
    };
    let is_in_repository = |path: &Path| {
        let mut around = path.ancestors().skip(1).take_while(|around| around.starts_with(&dir));
        around.any(|around| makes_repository(|mark| by_then(&around.join(mark))))
    };
    let guarded = changed
        .iter()
        .filter(|(_, path)| roots.below(path).is_some_and(is_obeyed) || is_in_repository(path))
        .map(|(shown, _)| {
            format!("{shown}: git or the agent may run or obey this; edit it by hand")
        });
    let guarded: Vec<_> = guarded.collect();
    if !guarded.is_empty() {
        return Err(PatchRefusal::new(RejectReason::Sandbox, &guarded));
    }
    let noted = journals.and_then(|journals| PatchJournal::create(journals).ok());
    let writer = noted.as_ref().and_then(|noted| noted.writer().ok());
    let mut journal = writer.map_or_else(Journal::none, Journal::to);
    let applied = patch::apply(&parsed, &places, &roots, &mut journal);
    noted.map(PatchJournal::settle);
    applied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec_command;
    use agent_protocol::ChangeKind;
    use std::collections::BTreeMap;

    const PATCH: &str = "*** Begin Patch\n*** Update File: a\n-1\n+2\n*** End Patch";

    fn toolbox(cwd: &Path, freeform_patch: bool) -> Toolbox {
        Toolbox::new(ToolboxConfig {
            cwd: std::fs::canonicalize(cwd).unwrap(),
            writable_roots: vec![],
            shared: vec![],
            person: std::collections::BTreeMap::new(),
            sandbox: SandboxMode::WorkspaceWrite,
            network: false,
            helper: PathBuf::new(),
            env: BTreeMap::new(),
            secrets: crate::sandbox::SecretPlaces::default(),
            secret_values: crate::Secrets::default(),
            login: None,
            outputs_dir: PathBuf::new(),
            journal_dir: Some(cwd.join(".journal")),
            keep_background: false,
            output_tokens: None,
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
        let (paths, changes) = (vec![file.clone()], vec![change("@@ @@\n-1\n+2\n")]);
        assert_eq!(prepared.action, Action::Edit { paths, beyond: vec![], changes });
        assert_eq!(
            prepared.details,
            ItemDetails::FileChange { changes: announced, status: Status::InProgress }
        );
        let output = prepared.perform(crate::Progress::channel().0).await;
        let changes = vec![change("@@ -1,2 +1,2 @@\n 0\n-1\n+2\n")];
        assert_eq!(output.details, ItemDetails::FileChange { changes, status: Status::Completed });
        assert_eq!(output.content, [Content::text("Done.\nM a")]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "0\n2\n");
        assert_eq!(std::fs::read_dir(dir.path().join(".journal")).unwrap().count(), 0);
    }

    #[test]
    fn what_is_judged_is_all_of_the_patch_though_the_item_shows_only_so_much() {
        let dir = tempfile::tempdir().unwrap();
        let long = "+0123456789\n".repeat(10_000);
        let patch =
            |last: &str| format!("*** Begin Patch\n*** Add File: b\n{long}+{last}\n*** End Patch");
        let of =
            |text: &str| prepare_text(&toolbox(dir.path(), true), text, dir.path()).ok().unwrap();
        let (one, other) = (of(&patch("one")), of(&patch("two")));
        assert_eq!(one.details, other.details);
        assert_ne!(one.action, other.action);
        let Action::Edit { changes, .. } = one.action else { panic!() };
        let diff = changes[0].diff.as_deref().unwrap();
        assert!(diff.starts_with("@@ -0,0 +1,10001 @@\n+0123") && diff.ends_with("\n+one\n"));
        let hunks =
            |hunks: &str| format!("*** Begin Patch\n*** Update File: a\n{hunks}\n*** End Patch");
        std::fs::write(dir.path().join("a"), "1\n").unwrap();
        let mut seen = Vec::new();
        for text in [
            "@@\n-1\n+2",
            "@@\n-1\n+2\n*** End of File",
            "@@ x\n-1\n+2",
            "@@ y\n@@ x\n-1\n+2",
            "@@\n 1\n+2",
            "*** Move to: c\n@@\n-1\n+2",
        ] {
            let action = of(&hunks(text)).action;
            assert!(!seen.contains(&action), "{text}");
            seen.push(action);
        }
    }

    #[test]
    fn one_that_is_called_by_a_command_line_begins_where_that_would_run() {
        let dir = tempfile::tempdir().unwrap();
        let toolbox = toolbox(dir.path(), true);
        let root = &toolbox.config().cwd;
        std::fs::create_dir(root.join("sub")).unwrap();
        let prepare = |workdir: &str| {
            let line = format!("apply_patch <<'EOF'\n{PATCH}\nEOF");
            let input = json!({"cmd": line, "workdir": workdir}).to_string();
            let call =
                ToolCall { name: exec_command::NAME.into(), ..call(CallForm::Function, &input) };
            exec_command::prepare(&toolbox, &call)
        };
        for (workdir, expected) in [("", "a"), ("sub", "sub/a"), ("sub/..", "a")] {
            let Action::Edit { paths, .. } = prepare(workdir).ok().unwrap().action else {
                panic!("{workdir}")
            };
            assert_eq!(paths, [root.join(expected)], "{workdir}");
        }
        let refusal = prepare("gone").err().unwrap().message;
        assert!(refusal.contains("there is no directory"), "{refusal}");
        let entering = |text: &str| prepare_text(&toolbox, text, root);
        let call = format!("cd sub && apply_patch '{PATCH}'");
        let Action::Edit { paths, .. } = entering(&call).ok().unwrap().action else { panic!() };
        assert_eq!(paths, [root.join("sub/a")]);
        let refusal = entering(&call.replace("sub", "gone")).err().unwrap().message;
        assert!(refusal.contains("there is no directory"), "{refusal}");
    }

    #[test]
    fn what_the_sandbox_would_not_let_be_written_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let toolbox = toolbox(dir.path(), true);
        let root = &toolbox.config().cwd;
        let paths = |names: &[&str]| names.iter().map(|name| root.join(name)).collect::<Vec<_>>();
        let all = paths(&[
            "a",
            "src/.gitignore",
            ".git/hooks/x",
            "sub/.GIT/config",
            ".agent/x",
            "/etc/x",
        ]);
        let far = paths(&[".git/hooks/x", "sub/.GIT/config", ".agent/x", "/etc/x"]);
        assert_eq!(beyond(toolbox.config(), &all), far);
        for (sandbox, expected) in
            [(SandboxMode::ReadOnly, all.clone()), (SandboxMode::DangerFullAccess, vec![])]
        {
            let config = ToolboxConfig { sandbox, ..ToolboxConfig::clone(toolbox.config()) };
            assert_eq!(beyond(&config, &all), expected);
        }
    }

    #[test]
    fn r22_what_is_no_patch_is_rejected_before_anything_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let rejection =
            prepare(&toolbox(dir.path(), true), &call(CallForm::Custom, "*** Begin Patch"))
                .err()
                .unwrap();
        assert_eq!(rejection.reason, RejectReason::PatchMismatch);
        assert!(rejection.message.contains("may have been cut off"), "{}", rejection.message);
    }

    #[tokio::test]
    async fn a_patch_that_has_begun_is_finished_though_nobody_waits() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "1\n").unwrap();
        let prepared =
            prepare(&toolbox(dir.path(), true), &call(CallForm::Custom, PATCH)).ok().unwrap();
        let mut performing = prepared.perform(crate::Progress::channel().0);
        assert!(futures_util::FutureExt::now_or_never(&mut performing).is_none());
        drop(performing);
        while std::fs::read_to_string(&file).unwrap() != "2\n" {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn without_a_journal_no_file_is_touched() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "1\n").unwrap();
        std::fs::write(dir.path().join(".journal"), "no folder").unwrap();
        let prepared =
            prepare(&toolbox(dir.path(), true), &call(CallForm::Custom, PATCH)).ok().unwrap();
        let output = prepared.perform(crate::Progress::channel().0).await;
        assert!(!output.success);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "1\n");
    }

    #[test]
    fn a_patch_from_the_shell_says_each_file_or_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "1\r\n").unwrap();
        let patch = PATCH.replace("*** End", "*** Add File: b/c\n+x\n*** End");
        assert_eq!(apply_patch_to(dir.path(), &patch, None).unwrap().to_string(), "M a\nA b/c");
        assert_eq!(std::fs::read_to_string(dir.path().join("a")).unwrap(), "2\r\n");
        let refusal = apply_patch_to(dir.path(), &patch, None).unwrap_err().to_string();
        assert!(refusal.contains("a: these lines are not in the file:\n1\n"), "{refusal}");
        let guarded = patch.replace("b/c", ".git/hooks/pre-commit");
        let guarded = apply_patch_to(dir.path(), &guarded, None).unwrap_err();
        assert!(guarded.to_string().contains(".git/hooks/pre-commit: git or the agent may run"));
        assert!(!dir.path().join(".git").exists());
        let nowhere =
            apply_patch_to(&dir.path().join("gone"), &patch, None).unwrap_err().to_string();
        assert!(nowhere.ends_with("gone: no such file or directory"), "{nowhere}");
    }

    #[test]
    fn a_patch_from_the_shell_makes_no_repository_of_any_name_be_it_in_two_parts() {
        let dir = tempfile::tempdir().unwrap();
        let patch = |paths: &[&str]| {
            let files: String =
                paths.iter().map(|path| format!("*** Add File: {path}\n+x\n")).collect();
            format!("*** Begin Patch\n{files}*** End Patch")
        };
        let apply = |paths: &[&str]| apply_patch_to(dir.path(), &patch(paths), None);
        let refusal = apply(&["bare/config", "bare/HEAD", "bare/objects/x", "bare/refs/x"]);
        let refusal = refusal.unwrap_err().to_string();
        assert!(refusal.contains("bare/config: git or the agent may run"), "{refusal}");
        assert!(!dir.path().join("bare").exists());
        assert!(apply(&["bare/HEAD", "bare/objects/x", "bare/config"]).is_ok());
        assert!(apply(&["bare/refs/x"]).is_err());
        assert!(apply(&["other/head", "other/CommonDir"]).is_err());
        assert!(apply(&["objects/HEAD", "refs/x"]).is_ok());
    }
}
