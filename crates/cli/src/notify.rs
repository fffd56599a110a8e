//! The person's own program that is told of each turn that is over: `notify` of the configuration (conventions.md 4).

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use agent_tools::OwnEnvironment;
use serde_json::json;

/// A turn that is over.
pub(crate) struct TurnOver<'a> {
    pub(crate) thread_id: &'a str,
    /// Tells it from the other turns of its thread.
    pub(crate) turn_id: &'a str,
    pub(crate) cwd: &'a Path,
    pub(crate) input_messages: &'a [String],
    pub(crate) last_message: &'a str,
}

/// Starts the program with what happened as one more argument, and does not wait for it. It does not begin in the
/// workspace, where an interpreter would load what a command put there: it is told where that is.
///
/// # Errors
/// When it cannot be started.
#[expect(clippy::disallowed_methods, reason = "the person's own program, not the model's")]
pub(crate) fn notify(
    argv: &[String],
    own: &OwnEnvironment,
    turn: &TurnOver<'_>,
) -> std::io::Result<()> {
    let Some((program, arguments)) = argv.split_first() else { return Ok(()) };
    let told = json!({
        "type": "agent-turn-complete",
        "thread-id": turn.thread_id,
        "turn-id": turn.turn_id,
        "cwd": turn.cwd,
        "client": "agent",
        "input-messages": turn.input_messages,
        "last-assistant-message": turn.last_message,
    });
    let told = told.to_string();
    let arguments = arguments.iter().map(AsRef::<OsStr>::as_ref).chain([OsStr::new(&told)]);
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(own.variables())
        .current_dir(own.directory())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().map(drop)
}
