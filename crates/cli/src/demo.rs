//! `agent demo`: the ordinary path of `exec`, or of the screen, against our own gateway with a scripted model, on this
//! machine, over a real socket, with real tools in the real sandbox. It needs no key and no network.

use std::ffi::OsString;
use std::io;
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
use crate::exec::{self, Beside, Outcome};
use crate::interactive::{self, Start, Surroundings};
use crate::say;
use crate::scratch;
use crate::session::{self, Begin, SessionOptions};
use crate::settings::Settings;
use crate::trace::steps_table;

const SCRIPT: &str = include_str!("../../../fixtures/demo/script.toml");

/// Where there is somebody to answer it.
const QUESTION: &str = include_str!("../../../fixtures/demo/question.toml");

/// Where the person can say more than the task.
const OVER: &str = include_str!("../../../fixtures/demo/over.toml");

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
    anyhow::ensure!(
        !args.tui || interactive::check(environment).is_ok(),
        "--tui shows the demo on a terminal, and there is none that could show it; `agent demo` prints it line by line"
    );
    let folder = scratch::folder("agent-demo-").context("cannot make a folder for the demo")?;
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
    let script = if args.tui { screen_script() } else { SCRIPT.to_owned() };
    let model = Scripted::new(Script::parse(&script).context("the demo's script")?);
    let upstream = move || -> Box<dyn Transport> { Box::new(model.clone()) };
    let gateway = Gateway::bind(([127, 0, 0, 1], 0).into(), GatewayConfig::default(), upstream)
        .await
        .context("cannot start the gateway")?;
    let url = gateway.base_url()?;
    let token = gateway.token().as_str().to_owned();
    let serving = tokio::spawn(gateway.serve());

    let place = Place { environment, folder, workspace: &workspace, url: &url, token: &token };
    say(
        args,
        "The model of this demo is scripted; everything else is real: the socket, the tools, the sandbox.\n",
    );
    let (outcome, state) = if args.tui {
        on_the_screen(args, &place, process_started).await?
    } else {
        in_lines(args, &place, process_started).await?
    };
    serving.abort();
    if !args.json {
        show_result(args, &workspace, state.as_deref().unwrap_or(folder))?;
    }
    Ok(outcome)
}

/// Where the demo plays.
struct Place<'a> {
    environment: &'a Environment,
    folder: &'a Path,
    workspace: &'a Path,
    url: &'a str,
    token: &'a str,
}

/// The script with a question before its last step, and an answer to whatever is said after it.
fn screen_script() -> String {
    const STEP: &str = "[[step]]";
    let (task, report) = SCRIPT.rsplit_once(STEP).unwrap_or((SCRIPT, ""));
    [task, QUESTION, STEP, report, OVER].concat()
}

async fn in_lines(
    args: &DemoArgs,
    place: &Place<'_>,
    process_started: Instant,
) -> anyhow::Result<(Outcome, Option<PathBuf>)> {
    let (_, _, settings) = place.settings(&["exec"])?;
    say(args, &format!("Task: {TASK}\n\n"));
    let options = ExecOptions { json: args.json, color: args.color, ..ExecOptions::default() };
    let printer = exec::printer(&options, &settings, process_started);
    let patience = Some(Duration::from_secs(10));
    let outcome = exec::converse(
        &settings,
        Begin::New,
        Box::new(session::transport(&settings, place.environment, patience)?),
        SessionOptions::new(&settings, place.environment, process_started)?,
        vec![Content::text(TASK)],
        Beside::default(),
        printer,
        &options,
    )
    .await?;
    Ok((outcome, settings.state_dir))
}

async fn on_the_screen(
    args: &DemoArgs,
    place: &Place<'_>,
    process_started: Instant,
) -> anyhow::Result<(Outcome, Option<PathBuf>)> {
    let flags: &[&str] = if args.alt_screen { &["--alt-screen"] } else { &[] };
    let (mut args, environment, settings) = place.settings(flags)?;
    args.prompt = Some(TASK.to_owned());
    let surroundings = Surroundings { args: &args, environment: &environment };
    let ended = interactive::run(&settings, Start::New, surroundings, process_started).await?;
    Ok((Outcome { signal: ended.signal, ..Outcome::default() }, settings.state_dir))
}

fn write_workspace(workspace: &Path) -> io::Result<()> {
    for (name, text) in FILES {
        let path = workspace.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(workspace))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

impl Place<'_> {
    /// Arguments, environment and settings of an ordinary `agent`, with this command, whose provider is the gateway; the person's own
    /// configuration, keys and threads stay out of it.
    fn settings(&self, command: &[&str]) -> anyhow::Result<(Args, Environment, Settings)> {
        let home = self.folder.join("home");
        agent_core::create_private_dir(&home)?;
        let environment = self
            .environment
            .clone()
            .with("AGENT_HOME", &home)
            .with("OPENAI_BASE_URL", self.url)
            .with("AGENT_API_KEY", self.token);
        let flags = ["--ignore-user-config", "-s", "workspace-write", "-m", "scripted", "-C"];
        let arguments = ["agent"].iter().chain(command).chain(&flags).map(OsString::from);
        let args = Args::try_parse_from(arguments.chain([self.workspace.into()]))?;
        let settings = Settings::resolve(&args, &environment)?;
        Ok((args, environment, settings))
    }
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
        say::progress(text);
    }
}
