//! `agent demo`: the ordinary `exec` path against our own gateway with a scripted model, on this machine, over a
//! real socket, with real tools in the real sandbox. It needs no key and no network.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_core::read_rollout;
use agent_gateway::{Gateway, GatewayConfig};
use agent_protocol::{Content, Event, StepCompleted};
use agent_transport::{Script, Scripted, Transport};
use anyhow::Context as _;
use clap::Parser as _;

use crate::args::{Args, DemoArgs, ExecOptions};
use crate::config::Environment;
use crate::exec::{self, Outcome};
use crate::session::{self, Begin, SessionOptions};
use crate::settings::Settings;
use crate::trace::steps_table;

const SCRIPT: &str = include_str!("../../../fixtures/demo/script.toml");

const TASK: &str = "There is a failing test in this project. Find out why it fails, mend it, and show that it passes.";

/// The sample workspace.
const FILES: [(&str, &str); 3] = [
    ("README.md", include_str!("../../../fixtures/demo/workspace/README.md")),
    ("slug.sh", include_str!("../../../fixtures/demo/workspace/slug.sh")),
    ("tests/run.sh", include_str!("../../../fixtures/demo/workspace/tests/run.sh")),
];

/// Plays the demo in a folder of its own, which is removed afterwards unless it is to be kept.
///
/// # Errors
/// When the folder, the gateway or the thread cannot be made.
pub(crate) async fn run(
    args: &DemoArgs,
    environment: &Environment,
    process_started: Instant,
) -> anyhow::Result<Outcome> {
    let folder = tempfile::Builder::new()
        .prefix("agent-demo-")
        .tempdir()
        .context("cannot make a folder for the demo")?;
    let played = play(args, environment, folder.path(), process_started).await;
    if args.keep {
        let kept = folder.keep();
        say(args, &format!("\nKept: {}\n", kept.display()));
    }
    played
}

async fn play(
    args: &DemoArgs,
    environment: &Environment,
    folder: &Path,
    process_started: Instant,
) -> anyhow::Result<Outcome> {
    let workspace = folder.join("workspace");
    write_workspace(&workspace).context("cannot write the sample workspace")?;
    let model = Scripted::new(Script::parse(SCRIPT).context("the demo's script")?);
    let upstream = move || -> Box<dyn Transport> { Box::new(model.clone()) };
    let gateway = Gateway::bind(([127, 0, 0, 1], 0).into(), GatewayConfig::default(), upstream)
        .await
        .context("cannot start the gateway")?;
    let url = gateway.base_url()?;
    let token = gateway.token().as_str().to_owned();
    let serving = tokio::spawn(gateway.serve());

    let settings = settings(environment, folder, &workspace, &url, &token)?;
    say(
        args,
        "The model of this demo is scripted; everything else is real: the socket, the tools, the sandbox.\n",
    );
    say(args, &format!("Task: {TASK}\n\n"));
    let options = ExecOptions { json: args.json, color: args.color, ..ExecOptions::default() };
    let printer = exec::printer(&options, &settings, process_started);
    let outcome = exec::converse(
        &settings,
        Begin::New,
        Box::new(session::transport(&settings, environment, Some(Duration::from_secs(10)))?),
        SessionOptions::new(&settings, environment, process_started)?,
        vec![Content::text(TASK)],
        None,
        printer,
        &options,
    )
    .await?;
    serving.abort();
    if !args.json {
        show_result(args, &workspace, settings.state_dir.as_deref().unwrap_or(folder))?;
    }
    Ok(outcome)
}

fn write_workspace(workspace: &Path) -> io::Result<()> {
    for (name, text) in FILES {
        let path = workspace.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(workspace))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// The settings of an ordinary `agent exec` whose provider is the gateway; the person's own configuration, keys and
/// threads stay out of it.
fn settings(
    environment: &Environment,
    folder: &Path,
    workspace: &Path,
    url: &str,
    token: &str,
) -> anyhow::Result<Settings> {
    let home = folder.join("home");
    std::fs::create_dir_all(&home)?;
    let environment = environment
        .clone()
        .with("AGENT_HOME", &home)
        .with("OPENAI_BASE_URL", url)
        .with("AGENT_API_KEY", token);
    let arguments =
        ["agent", "exec", "--ignore-user-config", "-s", "workspace-write", "-m", "scripted", "-C"];
    let args = Args::try_parse_from(
        arguments.map(Into::into).into_iter().chain([workspace.as_os_str().to_owned()]),
    )?;
    Ok(Settings::resolve(&args, &environment)?)
}

/// The changed files as a diff, and where time and bytes went, step by step.
fn show_result(args: &DemoArgs, workspace: &Path, state: &Path) -> anyhow::Result<()> {
    say(args, "\nWhat it changed:\n");
    for (name, before) in FILES {
        let after = std::fs::read_to_string(workspace.join(name)).unwrap_or_default();
        if after != before {
            let diff = similar::TextDiff::from_lines(before, &after);
            say(
                args,
                &diff.unified_diff().header(&format!("a/{name}"), &format!("b/{name}")).to_string(),
            );
        }
    }
    say(args, "\nWhere time and bytes went:\n");
    say(args, &steps_table(&steps(state)?, exec::is_coloured(args.color.unwrap_or_default())));
    Ok(())
}

/// The steps of the one thread that the state directory holds, from its rollout.
fn steps(state: &Path) -> anyhow::Result<Vec<StepCompleted>> {
    let threads = std::fs::read_dir(state.join("threads"))?;
    let rollouts = threads.filter_map(Result::ok).map(|entry| entry.path().join("rollout.jsonl"));
    let path: PathBuf = rollouts.into_iter().next().context("the demo left no rollout")?;
    let records = read_rollout(&path)?.records.into_iter();
    Ok(records
        .filter_map(|record| match record.event {
            Event::StepCompleted(step) => Some(step),
            _ => None,
        })
        .collect())
}

/// On standard error, like all progress. A reader that has gone is no failure.
fn say(args: &DemoArgs, text: &str) {
    if !args.json {
        let _ = io::stderr().write_all(text.as_bytes());
    }
}
