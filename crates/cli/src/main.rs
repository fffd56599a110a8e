//! The binary `agent`: parses, resolves, and hands over to what was asked for.

mod args;
mod config;
mod demo;
mod error;
mod exec;
mod gateway;
mod providers;
#[allow(dead_code, reason = "its commands are not on the command line yet")]
mod screen;
mod session;
mod settings;
#[allow(dead_code, reason = "its commands are not on the command line yet")]
mod threads;
#[allow(dead_code, reason = "its command is not on the command line yet")]
mod trace;
#[allow(dead_code, reason = "its commands are not on the command line yet")]
mod undo;
mod workspace;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;

use crate::args::{Args, Command, ConfigCommand, ExitCodes};
use crate::config::Environment;
use crate::error::{Context, Report, TurnFailure};
use crate::exec::Outcome;
use crate::settings::Settings;

fn main() -> ExitCode {
    let process_started = Instant::now();
    let args = Args::parse();
    let mut context = Context::new(exit_codes(&args));
    match run(&args, &mut context, process_started) {
        Ok(code) => code,
        Err(error) if error::is_broken_pipe(&error) => ExitCode::from(BROKEN_PIPE),
        Err(error) => {
            let report = Report::of(&error, &context);
            report.print(&mut io::stderr());
            ExitCode::from(report.exit_code)
        }
    }
}

/// What a shell sees of a process that SIGPIPE ended (exec-json.md 12.3).
const BROKEN_PIPE: u8 = 141;

fn exit_codes(args: &Args) -> ExitCodes {
    match &args.command {
        Command::Exec(exec) => exec.run().options.exit_codes.unwrap_or_default(),
        _ => ExitCodes::default(),
    }
}

fn run(args: &Args, context: &mut Context, process_started: Instant) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process()
        .map_err(|error| anyhow::anyhow!("cannot tell the working directory: {error}"))?;
    match &args.command {
        Command::Exec(exec) => {
            let run = exec.run();
            let settings = resolve(args, &environment, context)?;
            let outcome =
                runtime()?.block_on(exec::run(&run, &settings, &environment, process_started))?;
            ended(outcome, &run.options)
        }
        Command::Demo(demo) => {
            let outcome = runtime()?.block_on(demo::run(demo, &environment, process_started))?;
            ended(outcome, &args::ExecOptions::default())
        }
        Command::Gateway(gateway) => {
            let settings = resolve(args, &environment, context)?;
            runtime()?.block_on(gateway::run(gateway, &settings, &environment))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Config(ConfigCommand::Explain(explain)) => {
            let settings = resolve(args, &environment, context)?;
            print(&settings.explain(explain.key.as_deref())?)
        }
        _ => anyhow::bail!("not wired yet"),
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
        let _ = writeln!(io::stderr(), "note: {note}");
    }
    Ok(settings)
}

/// One thread does it all: what is waited for is the network and other processes.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()?;
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
    if outcome.reader_gone {
        return Ok(ExitCode::from(BROKEN_PIPE));
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
    ExitCode::from(128 + u8::try_from(signal).unwrap_or(0))
}
