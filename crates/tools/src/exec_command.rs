//! The tool that runs a command line with a shell. What confines it is the sandbox's business, how it is followed is
//! `process.rs`; here a call becomes a launch, and what came of it becomes words.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_protocol::{
    Action, CommandExecution, Content, ItemDetails, RejectReason, SandboxMode, Status, ToolCall,
    ToolSpec,
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use crate::exec_command::command_line::quoted;
use crate::login_environment::LoginEnvironment;
use crate::process::{Command, Launch, Report};
use crate::sandbox::{Exit, Sandbox};
use crate::sessions::{Session, Sessions};
use crate::terminal::AskedSize;
use crate::{
    Prepared, Progress, Rejection, ToolOutput, Toolbox, ToolboxConfig, apply_patch, arguments,
    files, patch,
};

mod command_line;
mod directory;

pub(crate) use directory::Directory;

pub(crate) const NAME: &str = "exec_command";

/// Milliseconds after which a command that still runs becomes a session.
const YIELD: u64 = 10_000;
const YIELD_RANGE: std::ops::RangeInclusive<u64> = 50..=120_000;

/// Tokens of output that the model is shown unless it asks for more or fewer.
const OUTPUT_TOKENS: usize = 10_000;
const MOST_OUTPUT_TOKENS: usize = 50_000;
const BYTES_PER_TOKEN: usize = 4;

/// Bytes of a command line: more is no argument of a program on Linux, which counts one for its end.
const MOST_BYTES: usize = 128 * 1024 - 1;

/// Bytes of output that the person is shown of one command.
const SHOWN: usize = 64 * 1024;

pub(crate) fn spec(_config: &ToolboxConfig) -> ToolSpec {
    ToolSpec::Function {
        name: NAME.into(),
        description: "Run a command line with bash. Returns its output and exit code, or, when it is still running after \
                      yield_time_ms, a session ID to go on with by write_stdin. What it leaves in the background is ended with it: run a server \
                      in the foreground with a short yield_time_ms, as a session."
            .into(),
        strict: false,
        parameters: json!({
            "type": "object",
            "properties": {
                "cmd": {"type": "string", "description": "The command line."},
                "workdir": {"type": "string", "description": "Where it runs; the working directory if not given."},
                "tty": {"type": "boolean", "description": "Give it a terminal, so that write_stdin can type into it. Otherwise its standard input is empty."},
                "rows": {"type": "integer", "description": "Height of that terminal; the person's if not given."},
                "cols": {"type": "integer", "description": "Width of that terminal; the person's if not given."},
                "yield_time_ms": {"type": "integer", "description": "How long to wait for its end; 10000 if not given."},
                "timeout_ms": {"type": "integer", "description": "How long it may run at all, also as a session; then it is ended with all it started. No limit if not given."},
                "max_output_tokens": {"type": "integer", "description": "More output is cut in the middle; 10000 if not given."},
                "sandbox_permissions": {"type": "string", "enum": ["use_default", "require_escalated"], "description": "require_escalated runs it outside the sandbox, if the person allows it."},
                "justification": {"type": "string", "description": "With require_escalated: the question put to the person, in one sentence."}
            },
            "required": ["cmd"],
            "additionalProperties": false
        }),
    }
}

#[derive(Deserialize)]
struct Args {
    #[serde(alias = "command", deserialize_with = "command_line::deserialize")]
    cmd: String,
    workdir: Option<PathBuf>,
    tty: Option<bool>,
    rows: Option<u64>,
    cols: Option<u64>,
    yield_time_ms: Option<u64>,
    timeout_ms: Option<u64>,
    max_output_tokens: Option<usize>,
    sandbox_permissions: Option<Permissions>,
    justification: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Permissions {
    UseDefault,
    RequireEscalated,
}

pub(crate) fn prepare(toolbox: &Toolbox, call: &ToolCall) -> Result<Prepared, Rejection> {
    let config = toolbox.config();
    let args: Args = arguments::parse(call, &spec(config))?;
    let refuse = |message: String| Rejection { reason: RejectReason::BadArguments, message };
    if args.cmd.trim().is_empty() {
        return Err(refuse("exec_command: `cmd` is empty".to_owned()));
    }
    let asked = args.workdir.map_or_else(|| config.cwd.clone(), |dir| config.cwd.join(dir));
    let directory = find(&asked).map_err(refuse)?;
    let cwd = directory.path.clone();
    // Models trained on a program of that name call it by a shell.
    if patch::is_call(&args.cmd) {
        return apply_patch::prepare_text(toolbox, &args.cmd, &cwd);
    }
    if let Some(problem) = too_long(&args.cmd) {
        return Err(refuse(problem));
    }
    let terminal = args.tty == Some(true);
    let escalated = args.sandbox_permissions == Some(Permissions::RequireEscalated);
    let is_free = escalated || config.sandbox == SandboxMode::DangerFullAccess;
    let shell = shell();
    let shown = CommandExecution {
        cwd: Some(cwd.clone()),
        ..CommandExecution::begun(format!("{shell} -c {}", quoted(&args.cmd)))
    };
    let run = Run {
        sandbox: if escalated { toolbox.unconfined().clone() } else { toolbox.sandbox().clone() },
        sessions: toolbox.sessions().clone(),
        login: toolbox.login().clone(),
        launch: Launch {
            argv: [shell, "-c", &as_argument(&args.cmd)].map(OsString::from).into(),
            cwd: cwd.clone(),
            // The sandbox has places of its own, and its walls stand wherever it leads.
            directory: is_free.then_some(directory),
            env: going_where_it_says(config),
            terminal: terminal.then(|| AskedSize::of(args.rows, args.cols)),
            spill: spill_path(config, call),
            secrets: config.secret_values.clone(),
            // None at all is what some models mean by 0.
            at_most: args.timeout_ms.filter(|ms| *ms > 0).map(Duration::from_millis),
        },
        line: args.cmd.clone(),
        escalated,
        patience: patience(args.yield_time_ms),
        limit: limit(config, args.max_output_tokens),
        shown: shown.clone(),
        called: Instant::now(),
    };
    Ok(Prepared {
        action: Action::Run {
            command: args.cmd,
            cwd,
            escalated,
            justification: args.justification,
            terminal,
        },
        details: ItemDetails::CommandExecution(shown),
        perform: Box::new(move |progress| Box::pin(run.perform(progress))),
    })
}

fn find(asked: &Path) -> Result<Directory, String> {
    let shown = asked.display();
    let found = std::fs::metadata(asked);
    if found.as_ref().is_ok_and(|found| !found.is_dir()) {
        return Err(format!("exec_command: there is no directory {shown}"));
    }
    found.and_then(|_| Directory::at(asked)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("exec_command: there is no directory {shown}"),
        _ => format!("exec_command: {shown}: {}", files::trouble(&error)),
    })
}

/// By this variable `cd DIR` would lead to another place than the one that was judged.
fn going_where_it_says(config: &ToolboxConfig) -> Vec<(OsString, OsString)> {
    const VARIABLE: &str = "CDPATH";
    let is_set = config.env.contains_key(OsStr::new(VARIABLE));
    is_set.then(|| (VARIABLE.into(), OsString::new())).into_iter().collect()
}

/// A line that begins as an option does would be taken for one.
fn as_argument(line: &str) -> Cow<'_, str> {
    if line.starts_with(['-', '+']) { Cow::Owned(format!(" {line}")) } else { Cow::Borrowed(line) }
}

fn too_long(line: &str) -> Option<String> {
    (line.len() > MOST_BYTES).then(|| {
        format!(
            "exec_command: the command line has {} bytes and may have {MOST_BYTES}: write the script into a file with \
             apply_patch, and run that",
            line.len()
        )
    })
}

/// A name of its own for each call; what the provider calls it may hold anything.
fn spill_path(config: &ToolboxConfig, call: &ToolCall) -> PathBuf {
    output_file(&config.outputs_dir, &call.call_id)
}

/// Where the whole output of a call is kept that was too long to be shown.
pub fn output_file(outputs_dir: &Path, call_id: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    let name: String = call_id.chars().take(80).map(plain).collect();
    outputs_dir.join(format!("{name}.txt"))
}

/// bash where there is one: its grammar is what is judged. Never a login shell: that would run the person's own files.
fn shell() -> &'static str {
    ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or("/bin/sh")
}

pub(crate) fn patience(yield_time_ms: Option<u64>) -> Duration {
    let ms = yield_time_ms.unwrap_or(YIELD);
    Duration::from_millis(ms.clamp(*YIELD_RANGE.start(), *YIELD_RANGE.end()))
}

/// Bytes.
pub(crate) fn limit(config: &ToolboxConfig, max_output_tokens: Option<usize>) -> usize {
    max_output_tokens.or(config.output_tokens).unwrap_or(OUTPUT_TOKENS).min(MOST_OUTPUT_TOKENS)
        * BYTES_PER_TOKEN
}

/// A call under way.
struct Run {
    sandbox: Arc<Sandbox>,
    sessions: Arc<Sessions>,
    login: Arc<LoginEnvironment>,
    launch: Launch,
    line: String,
    escalated: bool,
    patience: Duration,
    limit: usize,
    shown: CommandExecution,
    called: Instant,
}

impl Run {
    async fn perform(mut self, progress: mpsc::Sender<Progress>) -> ToolOutput {
        self.launch.env.extend(self.login.get().await);
        let command = match Command::start(&self.sandbox, self.launch, &self.sessions).await {
            Ok(command) => command,
            Err(error) => return not_started(self.shown, &error.to_string()),
        };
        // The next command of this thread finds its room built.
        tokio::spawn(async move { self.sandbox.prepare().await });
        let mut shown = self.shown;
        shown.pid = Some(command.pid);
        shown.queued_ms = u64::try_from((command.started - self.called).as_millis()).ok();
        command.watch(progress);
        command.over(self.patience).await;
        let report = command.report(self.limit);
        finish(&mut shown, &command, &report);
        let mut header = header(&report);
        header += no_such_program(&self.line, &report.new).unwrap_or_default();
        if report.ended.is_none() {
            let number = self.sessions.add(Session {
                command: Arc::new(command),
                line: self.line,
                escalated: self.escalated,
            });
            header += &format!("Process running with session ID {number}\n");
        }
        let text = words(header, &report);
        let success = shown.status != Status::Failed;
        ToolOutput {
            content: vec![Content::text(text)],
            details: ItemDetails::CommandExecution(shown),
            success,
            rejected: None,
        }
    }
}

fn not_started(mut shown: CommandExecution, message: &str) -> ToolOutput {
    shown.status = Status::Failed;
    message.clone_into(&mut shown.aggregated_output);
    ToolOutput {
        content: vec![Content::text(format!("The command did not run: {message}"))],
        details: ItemDetails::CommandExecution(shown),
        success: false,
        rejected: None,
    }
}

/// What is said where a patch was sent in a way that is not understood as one.
fn no_such_program(line: &str, output: &str) -> Option<&'static str> {
    let was_sent = line.contains("*** Begin Patch")
        && ["apply_patch: command not found", "apply_patch: not found"]
            .iter()
            .any(|said| output.contains(said));
    was_sent.then_some("apply_patch is a tool and no program: call it with the patch alone\n")
}

/// What the person sees of it.
fn finish(shown: &mut CommandExecution, command: &Command, report: &Report) {
    (shown.aggregated_output, shown.truncated) = command.output(SHOWN);
    shown.lines = shown.truncated.then(|| command.lines());
    let Some(ended) = report.ended else {
        // It goes on; this call is over. What else it prints has no item.
        command.keep_output();
        shown.status = Status::Completed;
        return;
    };
    match ended.exit {
        Some(Exit::Code(code)) => shown.exit_code = Some(code),
        Some(Exit::Signal(signal)) => shown.signal = Some(signal),
        None => {}
    }
    shown.timed_out = ended.timed_out;
    let succeeded = shown.exit_code == Some(0) && !ended.timed_out;
    shown.status = if succeeded { Status::Completed } else { Status::Failed };
}

/// Says it before how that came out.
const TIMED_OUT: &str = "Timed out: it was ended with all it started\n";

/// The lines before the output.
pub(crate) fn header(report: &Report) -> String {
    let Some(ended) = report.ended else { return String::new() };
    let outcome = match ended.exit {
        Some(Exit::Code(code)) => format!("Exit code: {code}"),
        Some(Exit::Signal(signal)) => format!("Ended by signal {signal}"),
        None => "Ended from outside".to_owned(),
    };
    let time = if ended.timed_out { TIMED_OUT } else { "" };
    format!("{time}{outcome}\nWall time: {:.1} s\n", ended.after.as_secs_f64())
}

pub(crate) fn words(header: String, report: &Report) -> String {
    format!("{header}{}Output:\n{}", report.kept.line(), report.new)
}

/// What [`words`] tells of an earlier command, as the person sees it.
pub(crate) fn read_back(words: &str, shown: &mut CommandExecution) {
    let (header, output) = words.split_once("Output:\n").unwrap_or(("", words));
    output.clone_into(&mut shown.aggregated_output);
    shown.timed_out = header.starts_with(TIMED_OUT);
    for line in header.lines() {
        if let Some(code) = line.strip_prefix("Exit code: ").and_then(|code| code.parse().ok()) {
            shown.exit_code = Some(code);
        }
        if let Some(signal) = line.strip_prefix("Ended by signal ").and_then(|n| n.parse().ok()) {
            shown.signal = Some(signal);
        }
    }
    if shown.exit_code.is_some_and(|code| code != 0) || shown.signal.is_some() || shown.timed_out {
        shown.status = Status::Failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Kept;
    use crate::process::Ended;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the limit is the system's own")]
    fn a_line_that_is_no_argument_of_a_program_is_refused_with_the_limit() {
        let line = format!(": {}", "x".repeat(MOST_BYTES - 2));
        assert_eq!(too_long(&line), None);
        let mut bash = std::process::Command::new(shell());
        assert!(bash.args(["-c", &line]).status().unwrap().success());
        assert!(too_long(&(line + "x")).unwrap().contains("131072 bytes and may have 131071"));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it is the shell's own reading that counts")]
    fn a_line_that_begins_like_an_option_is_a_line() {
        for line in ["--version", "-l", "+x"] {
            let mut bash = std::process::Command::new(shell());
            let said = bash.args(["-c", &as_argument(line)]).output().unwrap();
            assert_eq!(said.status.code(), Some(127), "{line}: there is no such program");
        }
        assert_eq!(as_argument("ls -l"), "ls -l");
    }

    #[test]
    fn who_sends_a_patch_among_other_commands_reads_how_it_is_sent() {
        let line = "set -e; apply_patch <<EOF\n*** Begin Patch\n*** End Patch\nEOF";
        let output = "/bin/bash: line 1: apply_patch: command not found\n";
        assert!(no_such_program(line, output).unwrap().contains("is a tool"));
        assert_eq!(no_such_program(line, "done\n"), None);
        assert_eq!(no_such_program("grep -r x", output), None);
    }

    #[test]
    fn what_the_model_was_told_of_a_command_can_be_read_back() {
        let exits = [
            (Some(Exit::Code(0)), false, Some(0), None, Status::Completed),
            (Some(Exit::Code(0)), true, Some(0), None, Status::Failed),
            (Some(Exit::Code(7)), false, Some(7), None, Status::Failed),
            (Some(Exit::Signal(9)), true, None, Some(9), Status::Failed),
        ];
        for (exit, timed_out, code, signal, status) in exits {
            let new = "Exit code: 3\nOutput:\nlast\n".to_owned();
            let ended = Some(Ended { exit, after: Duration::ZERO, timed_out });
            let report = Report { ended, new, bytes: 26, kept: Kept::Nothing };
            let mut shown =
                CommandExecution { status: Status::Completed, ..CommandExecution::begun("x") };
            read_back(&words(header(&report), &report), &mut shown);
            assert_eq!((shown.exit_code, shown.signal, shown.status), (code, signal, status));
            assert_eq!(shown.timed_out, timed_out);
            assert_eq!(shown.aggregated_output, "Exit code: 3\nOutput:\nlast\n");
        }
    }
}
