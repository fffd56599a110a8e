//! `agent exec`: one turn without questions, then exit. Finds the prompt and the thread, wires them to a printer and
//! turns the outcome into an exit code (exec-json.md 7).

mod answer_schema;
mod front;
mod human;
mod json;
mod stdin;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_core::{Limits, Opened};
use agent_protocol::{Content, SandboxMode, TransportKind};
use agent_tools::Hidden;
use agent_transport::{
    Comparison, Recorded, Recording, Redaction, Replay, ReplayOptions, Speed, Transport,
    TransportChoice,
};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::args::{Color, ExecOptions, ExecRun, Limits as Limit, ThreadChoice};
use crate::config::Environment;
use crate::models::Models;
use crate::notify::{self, TurnOver};
use crate::output_file::{Links, OutputFile};
use crate::say;
use crate::session::{self, Begin, SessionOptions};
use crate::settings::Settings;

use answer_schema::AnswerSchema;
use front::CompactAt;
pub(crate) use front::{Beside, Outcome, Printer, Signals};
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
    let limits = limits(options, settings)?;
    let shared = session::written_directories(settings);
    let output = options.output.as_deref();
    let output = output.map(|path| OutputFile::find(path, Links::Followed, &shared)).transpose()?;
    let hidden = || session::hidden(settings, environment);
    let schema = options.output_schema.as_deref();
    let schema = schema.map(|path| AnswerSchema::read(path, &hidden()?)).transpose()?;
    let model = Model::open(options, settings, environment)?;
    let begin = begin(run, settings)?;
    let prompt = stdin::prompt(run.prompt.as_deref(), options.stdin.unwrap_or_default(), |note| {
        say::note(note);
    })
    .await?;
    let said = prompt.text.clone();
    let mut message = vec![Content::text(prompt.text)];
    for image in &options.images {
        message.push(image_content(&settings.workspace.cwd, image, &hidden()?)?);
    }
    let printer = printer(options, settings, process_started);
    let mut session = SessionOptions {
        limits,
        answer_format: schema.as_ref().map(AnswerSchema::format),
        answer_check: schema.map(AnswerSchema::into_check),
        transport_kind: model.kind,
        live: options.stream,
        ephemeral: options.ephemeral,
        ..SessionOptions::new(settings, environment, process_started)?
    };
    session.toolbox.keep_background = options.keep_background;
    let asks = options.replay.is_none();
    let compact_at = asks.then(|| compact_at(settings, environment)).flatten();
    let beside = Beside { later: prompt.later, compact_at };
    let transport = model.recorded(options, settings, environment, &message)?;
    let outcome =
        converse(settings, begin, transport, session, message, beside, printer, options).await?;
    finish(&outcome, output.as_ref())?;
    notify(&outcome, settings, environment, said);
    Ok(outcome)
}

/// Who answers, and how it is reached.
struct Model {
    transport: Box<dyn Transport>,
    kind: TransportKind,
}

impl Model {
    /// The provider, connected to in the background already; with `--replay` a recording.
    fn open(
        options: &ExecOptions,
        settings: &Settings,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        if let Some(path) = &options.replay {
            let transport = replay(recorded(path)?, Speed::Fastest, settings, environment);
            return Ok(Self { transport: Box::new(transport), kind: TransportKind::Replay });
        }
        settings.require_model()?;
        let offline = options.limits.network_timeout.unwrap_or(NETWORK_TIMEOUT);
        let mut transport = session::transport(settings, environment, Some(offline))?;
        transport.connect();
        let kind = match settings.provider.endpoint()?.choice {
            TransportChoice::Http => TransportKind::HttpSse,
            TransportChoice::Auto | TransportChoice::Websocket => TransportKind::Websocket,
        };
        Ok(Self { transport: Box::new(transport), kind })
    }

    /// With `--record`, all that passes is written down.
    fn recorded(
        self,
        options: &ExecOptions,
        settings: &Settings,
        environment: &Environment,
        message: &[Content],
    ) -> anyhow::Result<Box<dyn Transport>> {
        let Some(path) = &options.record else { return Ok(self.transport) };
        let about = About {
            agent_version: session::version().to_owned(),
            cwd: settings.workspace.cwd.clone(),
            state_dir: settings.state_dir.clone(),
            sandbox: settings.permissions.sandbox,
            provider: settings.provider.id.clone(),
            message: message.to_vec(),
        };
        let about = serde_json::to_value(&about)?;
        let redaction = Redaction::new(session::secrets(settings, environment));
        let shared = session::written_directories(settings);
        let recording = OutputFile::find(path, Links::Refused, &shared)
            .and_then(|output| Ok(output.create()?))
            .and_then(|file| Ok(Recording::begin(self.transport, file, &about, redaction)?))
            .with_context(|| format!("cannot write the recording {}", path.display()))?;
        Ok(Box::new(recording))
    }
}

/// What a recording says of its run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) agent_version: String,
    pub(crate) cwd: PathBuf,
    /// Where threads are kept.
    #[serde(default)]
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) sandbox: SandboxMode,
    pub(crate) provider: String,
    /// What the person said.
    pub(crate) message: Vec<Content>,
}

/// A recording as the model. Where it was recorded and where it is played count as the same place.
pub(crate) fn replay(
    recorded: Recorded,
    speed: Speed,
    settings: &Settings,
    environment: &Environment,
) -> Replay {
    let there = |name: &str| recorded.about()[name].as_str().map(PathBuf::from);
    let places = [
        (there("cwd"), "{workspace}"),
        (Some(settings.workspace.cwd.clone()), "{workspace}"),
        (there("state_dir"), "{state}"),
        (settings.state_dir.clone(), "{state}"),
    ];
    let alias = |(path, name): (Option<PathBuf>, &str)| {
        Some((path?.to_string_lossy().into_owned(), name.to_owned()))
    };
    let aliases = places.into_iter().filter_map(alias).collect();
    let redaction = Redaction::new(session::secrets(settings, environment));
    let comparison = Comparison { aliases, redaction, ..Comparison::default() };
    Replay::new(recorded, ReplayOptions { speed, comparison })
}

/// Asks the provider how much goes into the window, unless the configuration says when it is shortened.
fn compact_at(settings: &Settings, environment: &Environment) -> Option<CompactAt> {
    let model = &settings.model;
    if model.context_window.or(model.compact_limit).is_some() {
        return None;
    }
    let (mut settings, models) = (settings.clone(), Models::of(settings, environment));
    Some(Box::pin(async move {
        models.list().await;
        settings.model.endpoint_window = models.window_of(&settings.model.name);
        session::compact_at(&settings)
    }))
}

/// One message, one turn, to its end.
#[expect(clippy::too_many_arguments, reason = "the parts of a run meet here and nowhere else")]
pub(crate) async fn converse(
    settings: &Settings,
    begin: Begin,
    transport: Box<dyn Transport>,
    session: SessionOptions,
    message: Vec<Content>,
    beside: Beside,
    mut printer: Printer,
    options: &ExecOptions,
) -> anyhow::Result<Outcome> {
    let mut opening = session::opening(settings, &session.toolbox);
    if matches!(printer, Printer::Json(_)) {
        // Who reads standard output alone is to know it, too.
        opening.notes.extend(settings.project.not_used());
    }
    let (thread, handle) = session::open(settings, begin, opening, transport, session)?;
    let following = front::follow(handle, message, beside, &mut printer, options.die_on_epipe);
    let (worked, outcome) = tokio::join!(thread.run(), following);
    let mut outcome = outcome?;
    worked?;
    if outcome.error.is_none()
        && matches!(printer, Printer::Human(_))
        && let Err(error) = front::print_answer(&outcome.message)
    {
        outcome.goes_unheard(error);
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

fn limits(options: &ExecOptions, settings: &Settings) -> anyhow::Result<Limits> {
    let Limit { max_steps, max_seconds, max_tokens, max_usd, .. } = options.limits;
    if max_usd.is_some() && settings.model.price.is_none() {
        let model = &settings.model.name;
        anyhow::bail!(
            "--max-usd: the price of `{model}` is not known; set it in US dollars per million tokens: \
             -c 'prices.\"{model}\".input=…' -c 'prices.\"{model}\".output=…'"
        );
    }
    Ok(Limits {
        steps: max_steps,
        seconds: max_seconds.map(|limit| limit.as_secs_f64()),
        tokens: max_tokens,
        usd: max_usd,
    })
}

fn begin(run: &ExecRun, settings: &Settings) -> anyhow::Result<Begin> {
    if run.thread == ThreadChoice::New {
        return Ok(Begin::New);
    }
    let state = settings
        .state_dir
        .as_deref()
        .context("there is no home directory, so no thread was kept")?;
    let found = session::find_thread(state, &run.thread, settings)?;
    let begin = if run.forks { Begin::Fork } else { Begin::Resume };
    Ok(found.map_or(Begin::New, begin))
}

pub(crate) fn image_content(cwd: &Path, path: &Path, hidden: &Hidden) -> anyhow::Result<Content> {
    let path: PathBuf = cwd.join(path);
    agent_tools::image_content(&path, hidden)
        .map_err(|error| anyhow::anyhow!("cannot use the image: {error}"))
}

/// Of a recording: more than any has.
const MOST_RECORDED: u64 = 1 << 30;

/// The recording at this path.
///
/// # Errors
/// When it cannot be read, or is none.
pub(crate) fn recorded(path: &Path) -> anyhow::Result<Recorded> {
    let text = Opened::named(path)
        .and_then(|opened| opened.bytes(MOST_RECORDED))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Recorded::parse(path, &text)?)
}

/// Tells the person's own program of a turn that is done.
fn notify(outcome: &Outcome, settings: &Settings, environment: &Environment, said: String) {
    let Some(argv) = settings.notify.as_deref().filter(|_| outcome.error.is_none()) else { return };
    let turn = TurnOver {
        thread_id: &outcome.thread_id,
        // A process has one turn, and a thread one process at a time.
        turn_id: &format!("{}-{}", outcome.thread_id, std::process::id()),
        cwd: &settings.workspace.cwd,
        input_messages: &[said],
        last_message: &outcome.message,
    };
    let own = session::own_environment(settings, environment);
    if let Err(error) = notify::notify(argv, &own, &turn) {
        say::note(format_args!("note: `notify` could not be started: {error}"));
    }
}

/// What becomes of the file of `-o`.
fn finish(outcome: &Outcome, output: Option<&OutputFile>) -> anyhow::Result<()> {
    let Some(output) = output else { return Ok(()) };
    match outcome.error {
        Some(_) => output.remove(),
        None => output.write(&outcome.message),
    }
}
