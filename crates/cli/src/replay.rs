//! `agent replay`: a recording played without network and key. The model's part is played back; the tools really run, in
//! a copy of the workspace, unless their outputs are played back too.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agent_protocol::{Content, Item, SandboxMode, TransportKind};
use agent_tools::{Fate, Hidden, IgnoreRules, PlayedBack};
use agent_transport::{Recorded, Speed};
use anyhow::Context as _;
use clap::Parser as _;
use tokio::sync::oneshot;

use crate::args::{Args, ExecOptions, PermissionFlags, ReplayArgs, ReplaySpeed};
use crate::config::Environment;
use crate::exec::{self, About, Beside, Outcome, Signals};
use crate::say;
use crate::scratch;
use crate::session::{self, Begin, SessionOptions};
use crate::settings::Settings;

/// Plays it to its end, within what the person has allowed. A request that differs from the recorded one ends it, with
/// the first difference.
///
/// # Errors
/// When the recording cannot be read or asks for more than is allowed, or the workspace cannot be copied.
pub(crate) async fn run(
    args: &ReplayArgs,
    allowed: &PermissionFlags,
    workspace: &Path,
    environment: &Environment,
    process_started: Instant,
) -> anyhow::Result<Outcome> {
    let recorded = exec::recorded(&args.file)?;
    let about: About = serde_json::from_value(recorded.about().clone())
        .context("the recording does not say what was asked of the agent")?;
    let sandbox = sandbox(args, allowed, about.sandbox)?;
    let folder = scratch::folder("agent-replay-").context("cannot make a folder for the replay")?;
    let copy = folder.path().join("workspace");
    std::fs::create_dir(&copy)?;
    if !args.stub_tools {
        let hidden = session::hidden(&settings(environment, workspace, sandbox)?, environment)?;
        let copied = copy_unless_ended(workspace, &copy, hidden).await;
        let copied = copied.with_context(|| format!("cannot copy {}", workspace.display()))?;
        if let Some(signal) = copied {
            return Ok(Outcome { signal: Some(signal), ..Outcome::default() });
        }
    }
    let settings = settings(&beside(environment, folder.path())?, &copy, sandbox)?;
    let played_back = args.stub_tools.then(|| outputs(&recorded));
    let speed = match args.speed {
        ReplaySpeed::Original => Speed::Original,
        ReplaySpeed::Fastest => Speed::Fastest,
    };
    let options = ExecOptions { json: args.json, color: args.color, ..ExecOptions::default() };
    let printer = exec::printer(&options, &settings, process_started);
    let session = SessionOptions {
        transport_kind: TransportKind::Replay,
        ephemeral: true,
        played_back,
        ..SessionOptions::new(&settings, environment, process_started)?
    };
    let transport = Box::new(exec::replay(recorded, speed, &settings, environment));
    let outcome = exec::converse(
        &settings,
        Begin::New,
        transport,
        session,
        about.message,
        Beside::default(),
        printer,
        &options,
    )
    .await?;
    if outcome.error.is_none() && !args.json {
        say::note("every request was as recorded");
    }
    Ok(outcome)
}

/// In which sandbox it is played. A recording may come from anybody: that there is none is for the person to say (S14).
fn sandbox(
    args: &ReplayArgs,
    allowed: &PermissionFlags,
    recorded: SandboxMode,
) -> anyhow::Result<SandboxMode> {
    if allowed.bypass {
        return Ok(SandboxMode::DangerFullAccess);
    }
    let needs_leave = recorded == SandboxMode::DangerFullAccess && !args.stub_tools;
    match allowed.reach.sandbox {
        Some(sandbox) => Ok(sandbox),
        None if needs_leave => anyhow::bail!(
            "{} was recorded without a sandbox, and its commands would run here without one: with all your rights, on \
             all your files. If you know what is in it, allow that with `-s danger-full-access`; with `--stub-tools` \
             nothing is run",
            args.file.display()
        ),
        None => Ok(recorded),
    }
}

/// Where our own files are in `folder`.
fn beside(environment: &Environment, folder: &Path) -> anyhow::Result<Environment> {
    let home = folder.join("home");
    agent_core::create_private_dir(&home)?;
    Ok(environment.clone().with("AGENT_HOME", &home).with("CODEX_HOME", &home))
}

fn settings(
    environment: &Environment,
    workspace: &Path,
    sandbox: SandboxMode,
) -> anyhow::Result<Settings> {
    let arguments = ["agent", "exec", "--ignore-user-config", "-s", sandbox.as_str(), "-C"];
    let args = Args::try_parse_from(
        arguments.map(Into::into).into_iter().chain([workspace.as_os_str().to_owned()]),
    )?;
    Ok(Settings::resolve(&args, environment)?)
}

/// What each call was answered when it was recorded.
fn outputs(recorded: &Recorded) -> PlayedBack {
    let outputs = recorded.outputs();
    Box::new(move |call_id| content(outputs.get(call_id)?))
}

fn content(output: &Item) -> Option<Vec<Content>> {
    #[derive(serde::Deserialize)]
    struct Output {
        output: Body,
    }
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Body {
        Text(String),
        Parts(Vec<Content>),
    }
    let Output { output } = serde_json::from_str(output.json()).ok()?;
    Some(match output {
        Body::Text(text) => vec![Content::text(text)],
        Body::Parts(parts) => parts,
    })
}

/// How long a copying that is to end may go on.
const PATIENCE: Duration = Duration::from_secs(2);

/// Copies the workspace; the signal that ended that, so that the folder is removed then, too.
async fn copy_unless_ended(from: &Path, to: &Path, hidden: Hidden) -> anyhow::Result<Option<i32>> {
    let mut signals = Signals::listen()?;
    let is_ended = Arc::new(AtomicBool::new(false));
    let (over, mut copied) = oneshot::channel();
    let (from, to, ends) = (from.to_owned(), to.to_owned(), Arc::clone(&is_ended));
    // A thread that is not waited for in the end: one file may be large.
    let copying = move || over.send(copy_tree(&from, &to, &hidden, &ends)).is_ok();
    std::thread::Builder::new().spawn(copying)?;
    tokio::select! {
        copied = &mut copied => copied?.map(|()| None),
        signal = signals.next() => {
            is_ended.store(true, Ordering::Relaxed);
            let _ = tokio::time::timeout(PATIENCE, copied).await;
            Ok(Some(signal))
        }
    }
}

/// All of a workspace but what git ignores, until it is to end; links stay links, and pipes and devices behind. What is
/// hidden from commands is as empty in the copy as they see it.
fn copy_tree(from: &Path, to: &Path, hidden: &Hidden, is_ended: &AtomicBool) -> anyhow::Result<()> {
    let rules = IgnoreRules::below(from).unwrap_or_default();
    let mut walk = ignore::WalkBuilder::new(from);
    let walk = walk.standard_filters(false).filter_entry(move |entry| {
        let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
        rules.fate_of(entry.path(), is_directory) == Fate::Seen
    });
    let (source, target) = (File::open(from)?, File::open(to)?);
    let root = from.canonicalize()?;
    let is_hidden = |path: &Path| hidden.holds(&root.join(path));
    for entry in walk.build() {
        let entry = entry?;
        if is_ended.load(Ordering::Relaxed) {
            break;
        }
        let path = entry.path().strip_prefix(from)?;
        let kind = entry.file_type();
        let is_directory = kind.is_some_and(|kind| kind.is_dir());
        if path.parent().is_some_and(is_hidden) {
            continue;
        } else if is_hidden(path) {
            leave_empty(to, path, is_directory)?;
        } else if is_directory {
            std::fs::create_dir_all(to.join(path))?;
        } else if kind.is_some_and(|kind| kind.is_symlink()) {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, to.join(path))?;
        } else if kind.is_some_and(|kind| kind.is_file()) {
            agent_core::copy_beneath(&source, &target, path)?;
        }
    }
    Ok(())
}

/// What stands for a secret: nothing, and that is said.
fn leave_empty(to: &Path, path: &Path, is_directory: bool) -> std::io::Result<()> {
    let (place, shown) = (to.join(path), path.display());
    say::note(format_args!(
        "note: {shown} is empty in the copy of the workspace: it is hidden from commands"
    ));
    if is_directory {
        return std::fs::create_dir_all(place);
    }
    File::create_new(place)?.set_permissions(Permissions::from_mode(0o444))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_to_end_goes_no_further() {
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        for folder in [&from, &to] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(from.join("file"), "x").unwrap();
        for is_ended in [true, false] {
            copy_tree(&from, &to, &Hidden::default(), &AtomicBool::new(is_ended)).unwrap();
            assert_eq!(to.join("file").exists(), !is_ended);
        }
    }
}
