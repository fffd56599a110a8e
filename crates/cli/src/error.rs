//! How a failure ends the process: one clear sentence, what to do next, an exit code (exec-json.md 7 and 12).

mod hint;

use std::fmt;
use std::io::{self, ErrorKind as IoKind};

use agent_protocol::{ErrorKind, TurnError};
use agent_tools::SandboxError;
use agent_transport::TransportError;

use crate::args::ExitCodes;
use crate::config::ConfigError;
use crate::providers::ProviderError;
use crate::say;
use crate::settings::{Settings, SettingsError};
use crate::workspace::WorkspaceError;

/// What is printed, and what the process ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) message: String,
    /// What to do next; may have several lines.
    pub(crate) hint: Option<String>,
    pub(crate) exit_code: u8,
}

/// A turn that ended in `turn.failed`, as an error of the run.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub(crate) struct TurnFailure(pub(crate) TurnError);

/// What is known of the run when it fails, to point at the right thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    pub(crate) exit_codes: ExitCodes,
    model: String,
    provider: String,
    /// Where the key came from.
    key_source: Option<String>,
    base_url: Option<String>,
    /// The thread is on disk and can be gone on with.
    pub(crate) kept: bool,
}

impl Context {
    /// Before there are settings.
    pub(crate) fn new(exit_codes: ExitCodes) -> Self {
        Self { exit_codes, ..Self::default() }
    }

    pub(crate) fn of(settings: &Settings, exit_codes: ExitCodes) -> Self {
        Self {
            exit_codes,
            model: settings.model.name.clone(),
            provider: settings.provider.id.clone(),
            key_source: settings.provider.key_source.clone(),
            base_url: settings.provider.base_url.clone(),
            kept: settings.state_dir.is_some(),
        }
    }
}

impl Report {
    /// Reads an error and what caused it.
    pub(crate) fn of(error: &anyhow::Error, context: &Context) -> Self {
        let kind = kind_of(error);
        Self {
            message: message(error),
            hint: hint::hint(error, context),
            exit_code: exit_code(kind, context.exit_codes),
        }
    }

    /// Says it on standard error.
    pub(crate) fn print(&self) {
        say::progress(&agent_tui::written(&self.to_string()));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        for line in self.hint.iter().flat_map(|hint| hint.lines()) {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

/// The exit code of a kind of failure.
pub(crate) fn exit_code(kind: ErrorKind, codes: ExitCodes) -> u8 {
    if codes == ExitCodes::Plain {
        return 1;
    }
    match kind {
        ErrorKind::Auth => 3,
        ErrorKind::Quota | ErrorKind::RateLimit => 4,
        ErrorKind::Network => 5,
        ErrorKind::Budget | ErrorKind::Timeout => 6,
        ErrorKind::Schema => 7,
        ErrorKind::Sandbox => 8,
        ErrorKind::Interrupted => 130,
        ErrorKind::BadRequest
        | ErrorKind::ContextOverflow
        | ErrorKind::OutputTruncated
        | ErrorKind::Server
        | ErrorKind::Config
        | ErrorKind::Internal => 1,
    }
}

/// Whether the error is only that nobody reads our output any more (exec-json.md 12.3).
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == IoKind::BrokenPipe)
}

/// The chain as one sentence, without a cause that only repeats what was said.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn find<E: std::error::Error + Send + Sync + 'static>(error: &anyhow::Error) -> Option<&E> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

fn provider_error(error: &anyhow::Error) -> Option<&ProviderError> {
    match find::<SettingsError>(error) {
        Some(SettingsError::Provider(error)) => Some(error),
        _ => find(error),
    }
}

fn config_error(error: &anyhow::Error) -> Option<&ConfigError> {
    match find::<SettingsError>(error) {
        Some(SettingsError::Config(error)) => Some(error),
        _ => find(error),
    }
}

fn workspace_error(error: &anyhow::Error) -> Option<&WorkspaceError> {
    match find::<SettingsError>(error) {
        Some(SettingsError::Workspace(error)) => Some(error),
        _ => find(error),
    }
}

fn kind_of(error: &anyhow::Error) -> ErrorKind {
    if let Some(TurnFailure(failure)) = find(error) {
        return failure.kind;
    }
    if let Some(error) = find::<TransportError>(error) {
        return error.kind();
    }
    if find::<SandboxError>(error).is_some() {
        return ErrorKind::Sandbox;
    }
    match provider_error(error) {
        Some(ProviderError::NoKey(_)) => ErrorKind::Auth,
        _ => ErrorKind::Config,
    }
}

#[cfg(test)]
mod tests;
