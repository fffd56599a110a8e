//! `agent exec`: one turn without questions, then exit. Finds the prompt and the thread, wires them to a printer and
//! turns the outcome into an exit code (exec-json.md 7).

mod front;
mod human;
mod json;
mod stdin;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_core::Limits;
use agent_protocol::Content;
use agent_transport::Transport;
use anyhow::Context as _;

use crate::args::{Color, ExecOptions, ExecRun, ThreadChoice};
use crate::config::Environment;
use crate::notify::{self, TurnOver};
use crate::session::{self, Begin, SessionOptions};
use crate::settings::Settings;

pub(crate) use front::{Outcome, Printer};
pub(crate) use human::{HumanPrinter, bytes};
pub(crate) use json::{JsonOptions, JsonPrinter};

/// How long the model may be out of reach unless `--network-timeout` says otherwise.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(120);

/// Runs the turn that was asked for.
///
/// # Errors
/// Before anything was sent: no key, no prompt, not a repository, a log that cannot be written.
pub(crate) async fn run(
    run: &ExecRun,
    settings: &Settings,
    environment: &Environment,
    process_started: Instant,
) -> anyhow::Result<Outcome> {
    let options = &run.options;
    if !options.skip_git_repo_check && !settings.permissions.bypass {
        settings.workspace.require_repository()?;
    }
    settings.require_model()?;
    let offline = options.limits.network_timeout.unwrap_or(NETWORK_TIMEOUT);
    let mut transport = session::transport(settings, environment, Some(offline))?;
    transport.connect();
    let begin = begin(&run.thread, settings)?;
    let answer_format = options.output_schema.as_deref().map(answer_format).transpose()?;
    let prompt = stdin::prompt(run.prompt.as_deref(), options.stdin.unwrap_or_default(), |note| {
        let _ = writeln!(io::stderr(), "{note}");
    })
    .await?;
    let said = prompt.text.clone();
    let mut message = vec![Content::text(prompt.text)];
    for image in &options.images {
        message.push(image_content(&settings.workspace.cwd, image)?);
    }
    let printer = printer(options, settings, process_started);
    let session = SessionOptions {
        limits: limits(options),
        answer_format,
        live: options.stream,
        ephemeral: options.ephemeral,
        ..SessionOptions::new(settings, environment, process_started)?
    };
    let outcome = converse(
        settings,
        begin,
        Box::new(transport),
        session,
        message,
        prompt.later,
        printer,
        options,
    )
    .await?;
    finish(&outcome, options)?;
    notify(&outcome, settings, said);
    Ok(outcome)
}

/// One message, one turn, to its end.
#[expect(clippy::too_many_arguments, reason = "the parts of a run meet here and nowhere else")]
pub(crate) async fn converse(
    settings: &Settings,
    begin: Begin,
    transport: Box<dyn Transport>,
    session: SessionOptions,
    message: Vec<Content>,
    later: Option<stdin::Later>,
    mut printer: Printer,
    options: &ExecOptions,
) -> anyhow::Result<Outcome> {
    let (thread, handle) =
        session::open(settings, begin, session::opening(settings), transport, session)?;
    let following = front::follow(handle, message, later, &mut printer, options.die_on_epipe);
    let (worked, outcome) = tokio::join!(thread.run(), following);
    let mut outcome = outcome?;
    worked?;
    if outcome.error.is_none() && matches!(printer, Printer::Human(_)) {
        outcome.reader_gone |= !front::print_answer(&outcome.message);
    }
    Ok(outcome)
}

/// Where the run is shown.
pub(crate) fn printer(
    options: &ExecOptions,
    settings: &Settings,
    process_started: Instant,
) -> Printer {
    if options.json {
        let json = JsonOptions { stream: options.stream, compat: options.json_compat };
        Printer::Json(JsonPrinter::new(io::stdout(), json, process_started))
    } else {
        let coloured = is_coloured(options.color.unwrap_or_default());
        Printer::Human(HumanPrinter::new(io::stderr(), coloured, &settings.workspace.cwd))
    }
}

/// Whether standard error takes colours.
pub(crate) fn is_coloured(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
            io::stderr().is_terminal() && !set("NO_COLOR") && !dumb
        }
    }
}

fn limits(options: &ExecOptions) -> Limits {
    Limits {
        steps: options.limits.max_steps,
        seconds: options.limits.max_seconds.map(|limit| limit.as_secs_f64()),
        tokens: options.limits.max_tokens,
    }
}

fn begin(thread: &ThreadChoice, settings: &Settings) -> anyhow::Result<Begin> {
    if *thread == ThreadChoice::New {
        return Ok(Begin::New);
    }
    let state = settings
        .state_dir
        .as_deref()
        .context("there is no home directory, so no thread was kept")?;
    let found = session::find_thread(state, thread, settings)?;
    Ok(found.map_or(Begin::New, Begin::Resume))
}

/// `text.format` of a JSON Schema (exec-json.md 9).
fn answer_format(path: &Path) -> anyhow::Result<serde_json::Value> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the schema {}", path.display()))?;
    let schema: serde_json::Value = serde_json::from_str(&text)
        .with_context(|| format!("the schema {} is not JSON", path.display()))?;
    anyhow::ensure!(schema.is_object(), "the schema {} is not a JSON object", path.display());
    Ok(
        serde_json::json!({"type": "json_schema", "name": "codex_output_schema", "strict": true, "schema": schema}),
    )
}

fn image_content(cwd: &Path, path: &Path) -> anyhow::Result<Content> {
    let path: PathBuf = cwd.join(path);
    agent_tools::image_content(&path)
        .map_err(|error| anyhow::anyhow!("cannot use the image: {error}"))
}

/// Tells the person's own program of a turn that is done.
fn notify(outcome: &Outcome, settings: &Settings, said: String) {
    let Some(argv) = settings.notify.as_deref().filter(|_| outcome.error.is_none()) else { return };
    let turn = TurnOver {
        thread_id: &outcome.thread_id,
        // A process has one turn, and a thread one process at a time.
        turn_id: &format!("{}-{}", outcome.thread_id, std::process::id()),
        cwd: &settings.workspace.cwd,
        input_messages: &[said],
        last_message: &outcome.message,
    };
    if let Err(error) = notify::notify(argv, &turn) {
        let _ = writeln!(io::stderr(), "note: `notify` could not be started: {error}");
    }
}

/// Writes the last message where `-o` says; on failure no stale one stays there (exec-json.md 12.11).
fn finish(outcome: &Outcome, options: &ExecOptions) -> anyhow::Result<()> {
    let Some(path) = &options.output else { return Ok(()) };
    if outcome.error.is_some() {
        return match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        };
    }
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(outcome.message.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write the last message to {}", path.display()))
}
