//! The binary `agent`: parses, resolves, and hands over to what was asked for.

mod apply_patch;
mod args;
mod config;
mod credentials;
mod demo;
mod doctor;
mod error;
mod exec;
mod execpolicy;
mod gateway;
mod interactive;
mod json_line;
mod models;
mod notify;
mod output_file;
mod providers;
mod replay;
mod say;
mod scratch;
mod screen;
mod session;
mod settings;
mod threads;
mod trace;
mod trust;
mod undo;
mod window;
mod workspace;
mod worktree;

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use agent_core::Threads;
use agent_protocol::ErrorKind;
use agent_tools::{NotStarted, SandboxError};
use agent_tui::effect::GoOn;
use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Args, Command, ConfigCommand, ExitCodes};
use crate::config::{Environment, Homes};
use crate::error::{Context, Report, TurnFailure};
use crate::exec::Outcome;
use crate::execpolicy::ExecpolicyCommand;
use crate::interactive::{Ended, Start, Surroundings, Way};
use crate::providers::{MissingKey, ProviderError};
use crate::screen::Screen;
use crate::settings::Settings;
use crate::workspace::Workspace;
use crate::worktree::{Links, Worktree};

fn main() -> ExitCode {
    // The sandbox's own processes are this executable too; they know no command line.
    if let Some(code) = agent_tools::confined_main(std::env::args_os()) {
        return code;
    }
    without_core_dumps();
    let process_started = Instant::now();
    let args = Args::parse();
    let mut context = Context::new(exit_codes(&args));
    match run(&args, &mut context, process_started) {
        Ok(code) => code,
        Err(error) if error::is_broken_pipe(&error) => ExitCode::from(BROKEN_PIPE),
        Err(error) => {
            let report = Report::of(&error, &context);
            report.print();
            ExitCode::from(report.exit_code)
        }
    }
}

/// Whatever ends us, no key is left in a file (S23), nor given to a program of the machine's that takes dumps: the kernel heeds
/// the limit there if it is 1, and no other. Commands that are not confined can have them again: only the soft limit is
/// lowered, which they take over from us.
fn without_core_dumps() {
    let limit = getrlimit(Resource::Core);
    let heeded = Rlimit { current: Some(1), maximum: limit.maximum.map(|hard| hard.max(1)) };
    // Only root has it above a hard limit of 0.
    if setrlimit(Resource::Core, heeded).is_err() {
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..limit });
    }
}

/// What a shell sees of a process that SIGPIPE ended (exec-json.md 12.3).
const BROKEN_PIPE: u8 = 141;

/// What a shell makes of a program that is not there, and of one that cannot be executed.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

fn exit_codes(args: &Args) -> ExitCodes {
    match &args.command {
        Some(Command::Exec(exec)) => exec.run().options.exit_codes.unwrap_or_default(),
        _ => ExitCodes::default(),
    }
}

fn run(args: &Args, context: &mut Context, process_started: Instant) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process().context("cannot tell the working directory")?;
    if args.command.is_none() {
        args.check_prompt()?;
    }
    let args = &*in_worktree(args, &environment)?;
    let Some(command) = &args.command else {
        return show(args, Start::New, &environment, context, process_started);
    };
    match command {
        Command::Resume(open) => {
            show(args, Start::Earlier(GoOn::Resume, open), &environment, context, process_started)
        }
        Command::Fork(open) => {
            show(args, Start::Earlier(GoOn::Fork, open), &environment, context, process_started)
        }
        Command::Exec(exec) => {
            let mut run = exec.run();
            run.options.images.splice(0..0, args.images.iter().cloned());
            let settings = resolve(args, &environment, context)?;
            let outcome = block_on(exec::run(&run, &settings, &environment, process_started))??;
            ended(outcome, &run.options)
        }
        Command::Demo(demo) => {
            let outcome = block_on(demo::run(demo, &environment, process_started))??;
            ended(outcome, &args::ExecOptions::default())
        }
        Command::Replay(replay) => {
            let workspace = directory(args, &environment)?;
            let allowed = args.all_flags().permission;
            let playing = replay::run(replay, &allowed, &workspace, &environment, process_started);
            let outcome = block_on(playing)??;
            ended(outcome, &args::ExecOptions::default())
        }
        Command::Gateway(gateway) => {
            let settings = resolve(args, &environment, context)?;
            block_on(gateway::run(gateway, &settings, &environment))??;
            Ok(ExitCode::SUCCESS)
        }
        Command::Sandbox(sandbox) => {
            let settings = resolve(args, &environment, context)?;
            settings.state_dir.iter().for_each(|state| Threads::under(state).hide_changes());
            let config = session::toolbox_config(&settings, &environment)?;
            match block_on(agent_tools::run_confined(&config, &sandbox.argv))? {
                Ok(ended) => Ok(exit_of(ended)),
                Err(error) => {
                    let code = match &error {
                        SandboxError::NotStarted(NotStarted::NotFound(_)) => NOT_FOUND,
                        SandboxError::NotStarted(NotStarted::NotExecutable(_)) => NOT_EXECUTABLE,
                        _ => return Err(error.into()),
                    };
                    say::note(format_args!("agent: {error}"));
                    Ok(ExitCode::from(code))
                }
            }
        }
        Command::Execpolicy(ExecpolicyCommand::Check(check)) => {
            let rules = if check.rules.is_empty() {
                resolve(args, &environment, context)?.rules
            } else {
                execpolicy::read(&check.rules, &environment.cwd)?
            };
            for sentence in rules.not_honoured().iter().filter(|_| !check.rules.is_empty()) {
                say::note(format_args!("note: {sentence}"));
            }
            print(&execpolicy::check(check, &rules, &directory(args, &environment)?)?)
        }
        Command::ApplyPatch(_) => {
            let (directory, homes) = (directory(args, &environment)?, Homes::of(&environment));
            homes.judge().map_err(config::ConfigError::from)?;
            Workspace::check_utf8(&directory)?;
            print(&apply_patch::run(&directory, homes.state.as_deref())?)
        }
        Command::Threads(threads) => {
            let settings = resolve(args, &environment, context)?;
            let (state, cwd) = (state_dir(&settings)?, &settings.workspace.cwd);
            let codex = Homes::of(&environment).codex;
            let screen = Screen::of_stdout();
            print(&threads::run(threads, state, codex.as_deref(), cwd, screen, SystemTime::now())?)
        }
        Command::Trace(trace) => {
            let settings = resolve(args, &environment, context)?;
            let threads = Threads::under(state_dir(&settings)?);
            let rollout = trace.thread.find(&threads, &settings.workspace.cwd)?.path;
            let shared = session::written_directories(&settings);
            print(&trace::run(trace, &rollout, &shared, Screen::of_stdout())?)
        }
        Command::Diff(diff) => {
            let settings = resolve(args, &environment, context)?;
            let cwd = &settings.workspace.cwd;
            let screen = Screen::of_stdout();
            let found = undo::diff(diff, state_dir(&settings)?, cwd, screen)?;
            let text = found.text + &found.left_out;
            // `git apply` reads it too, and would miss a carriage return.
            let print = if screen.is_terminal { say::answer } else { say::for_programs };
            print(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Undo(undo) => {
            let settings = resolve(args, &environment, context)?;
            let cwd = &settings.workspace.cwd;
            let undone = undo::undo(undo, state_dir(&settings)?, cwd, Screen::of_stdout())?;
            print(&format!("{}{}", undone.text, undone.take_back))?;
            Ok(if undone.complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Doctor(doctor) => {
            let settings = resolve(args, &environment, context)?;
            let config = session::toolbox_config(&settings, &environment)?;
            let looking =
                doctor::run(&settings, &environment, &config, doctor.json, Screen::of_stdout());
            let report = block_on(looking)?;
            print(&report.text)?;
            Ok(if report.is_usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Config(ConfigCommand::Explain(explain)) => {
            let settings = resolve(args, &environment, context)?;
            print(&settings.explain(explain.key.as_deref())?)
        }
        Command::Trust(trust) => {
            let flags = args.all_flags();
            let directory = directory(args, &environment)?;
            let look = || config::look_at_project(&flags, &directory, &environment);
            print(&trust::run(trust, look)?)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "agent", &mut script);
            say::for_programs(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Shows threads on the screen.
fn show(
    args: &Args,
    start: Start<'_>,
    environment: &Environment,
    context: &mut Context,
    process_started: Instant,
) -> anyhow::Result<ExitCode> {
    interactive::check(environment)?;
    let settings = resolve(args, environment, context)?;
    if let Some(missing) = settings.provider.missing_key() {
        return first_run(args, start, environment, context, process_started, &settings, &missing);
    }
    let surroundings = Surroundings { args, environment };
    let showing = interactive::run(&settings, start, surroundings, process_started);
    Ok(left(block_on(showing)??))
}

/// Says below the screen what was not sent there, and how to go on with it.
fn left(ended: Ended) -> ExitCode {
    let way_on = ended.left.thread.map(|thread| format!("To go on: agent resume {thread}"));
    for line in ended.left.unsaid.into_iter().chain(way_on) {
        // After a signal the terminal may be gone.
        let _ = writeln!(io::stdout(), "{line}");
    }
    ended.signal.map_or(ExitCode::SUCCESS, by_signal)
}

/// Lets the person choose what to do without a key, and does it.
fn first_run(
    args: &Args,
    start: Start<'_>,
    environment: &Environment,
    context: &mut Context,
    process_started: Instant,
    settings: &Settings,
    missing: &MissingKey,
) -> anyhow::Result<ExitCode> {
    let mut args = args.clone();
    let mut locally = args.clone();
    locally.flags.model.oss = true;
    let local = Settings::resolve(&locally, environment)?.provider;
    let asking = interactive::without_key(environment, settings, missing, &local);
    let environment = match block_on(asking)?? {
        None => return Ok(ExitCode::SUCCESS),
        Some(Way::Key { variable, key }) => environment.clone().with(&variable, key),
        Some(Way::Local) => {
            args = locally;
            environment.clone()
        }
        Some(Way::Demo) => {
            let demo = args::DemoArgs { tui: true, ..args::DemoArgs::default() };
            let outcome = block_on(demo::run(&demo, environment, process_started))??;
            return ended(outcome, &args::ExecOptions::default());
        }
    };
    let settings = resolve(&args, &environment, context)?;
    let surroundings = Surroundings { args: &args, environment: &environment };
    let showing = interactive::run(&settings, start, surroundings, process_started);
    Ok(left(block_on(showing)??))
}

/// What is asked for in the work tree that `--worktree` wants, once that is made.
fn in_worktree<'a>(args: &'a Args, environment: &Environment) -> anyhow::Result<Cow<'a, Args>> {
    let name = args.worktree().unwrap_or_else(|error| error.exit());
    let Some(name) = name else { return Ok(Cow::Borrowed(args)) };
    // What is wrong with the rest is said before anything is made.
    let settings = Settings::resolve(args, environment)?;
    settings.require_model()?;
    if let (Some(missing), Some(_)) = (settings.provider.missing_key(), &args.command) {
        return Err(ProviderError::NoKey(missing).into());
    }
    let trusted = settings.permissions.trusted;
    let terms = worktree::Terms {
        own: &session::own_environment(&settings, environment),
        hidden: &session::hidden(&settings, environment)?,
        links: if trusted { Links::Followed } else { Links::Refused },
    };
    let made = Worktree::make(&directory(args, environment)?, name, &terms)?;
    let (directory, branch) = (made.directory.display(), &made.branch);
    say::note(format_args!("note: working in {directory}, on the new branch {branch}"));
    Ok(Cow::Owned(args.within(made.directory)))
}

/// The directory of `-C`, without the rest of the configuration.
fn directory(args: &Args, environment: &Environment) -> anyhow::Result<std::path::PathBuf> {
    let named = args.all_flags().config.directory;
    let named = named.map(|directory| environment.absolute(&directory, &environment.cwd));
    Ok(Workspace::check(named.as_deref().unwrap_or(&environment.cwd))?)
}

fn state_dir(settings: &Settings) -> anyhow::Result<&Path> {
    settings.state_dir.as_deref().context("there is no home directory, so no thread was kept")
}

/// As a shell has it.
fn exit_of(ended: agent_tools::Exit) -> ExitCode {
    match ended {
        agent_tools::Exit::Code(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        agent_tools::Exit::Signal(number) => {
            ExitCode::from(128 + u8::try_from(number).unwrap_or(0))
        }
    }
}

fn resolve(
    args: &Args,
    environment: &Environment,
    context: &mut Context,
) -> anyhow::Result<Settings> {
    let settings = Settings::resolve(args, environment)?;
    *context = Context::of(&settings, context.exit_codes);
    for note in &settings.notes {
        say::note(format_args!("note: {note}"));
    }
    Ok(settings)
}

/// One thread does it all: what is waited for is the network and other processes.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    without_panic(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().thread_keep_alive(FOR_EVER).build()?;
        // Where files may not grow (`ulimit -f`), writing is to fail, not to end us.
        runtime.block_on(async { signal(SignalKind::from_raw(libc::SIGXFSZ)).map(drop) })?;
        // As long as there is one thread for what blocks, a system that gives no more of them does no harm.
        drop(runtime.spawn_blocking(|| ()));
        Ok(runtime)
    })
}

/// Runs it to its end. What has blocked a thread by then, as a network disk that does not answer, is waited for a moment
/// only: what it writes is whole or not there, as after a crash, and the next start sees to the rest.
fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(PATIENCE);
    Ok(done)
}

/// Long enough for the look at a large workspace that follows a turn, and for no person to take us for hung.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(1 << 32);

/// Tokio panics where it gets no descriptor or no thread to begin with; to us that is an error like any other. To be
/// called before there are other threads.
fn without_panic<T>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let made = panic::catch_unwind(AssertUnwindSafe(make));
    panic::set_hook(hook);
    made.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map_or("it cannot begin", String::as_str);
        Err(io::Error::other(message.to_owned()))
    })
}

/// From here on what asks us to end is not heard, and a disk that is full is an error: what has begun is finished.
fn undisturbed() -> io::Result<tokio::runtime::Runtime> {
    let runtime = runtime()?;
    let deaf = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    runtime.block_on(async { deaf.into_iter().try_for_each(|kind| signal(kind).map(drop)) })?;
    Ok(runtime)
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    say::answer(text)?;
    Ok(ExitCode::SUCCESS)
}

/// The exit code of a turn (exec-json.md 7 and 12).
fn ended(outcome: Outcome, options: &args::ExecOptions) -> anyhow::Result<ExitCode> {
    if let Some(signal) = outcome.signal {
        return Ok(signalled(signal, options));
    }
    if let Some(failure) = outcome.error {
        return Err(TurnFailure(failure).into());
    }
    if let Some(error) = outcome.unwritten {
        return Err(anyhow::Error::from(error).context("cannot write to standard output"));
    }
    if outcome.reader_gone {
        return Ok(ExitCode::from(BROKEN_PIPE));
    }
    if outcome.schema_valid == Some(false) && options.fail_on.contains(&args::FailOn::Schema) {
        say::note("error: the answer does not fit the schema");
        let codes = options.exit_codes.unwrap_or_default();
        return Ok(ExitCode::from(error::exit_code(ErrorKind::Schema, codes)));
    }
    if outcome.tool_failed && options.fail_on.contains(&args::FailOn::ToolError) {
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// SIGINT is 1, as Codex has it, or 130; the others are what a shell makes of a process they ended.
fn signalled(signal: i32, options: &args::ExecOptions) -> ExitCode {
    const SIGINT: i32 = 2;
    let fine = options.exit_codes == Some(ExitCodes::Fine);
    if signal == SIGINT && !fine {
        return ExitCode::FAILURE;
    }
    by_signal(signal)
}

/// What a shell makes of a process that a signal ended.
fn by_signal(signal: i32) -> ExitCode {
    ExitCode::from(128 + u8::try_from(signal).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r10_what_blocks_a_thread_for_good_does_not_keep_us() {
        let (_hold, held) = std::sync::mpsc::channel::<()>();
        let done = block_on(async {
            drop(tokio::task::spawn_blocking(move || held.recv()));
            "done"
        });
        assert_eq!(done.unwrap(), "done");
    }
}
