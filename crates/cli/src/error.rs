//! How a failure ends the process: one clear sentence, what to do next, an exit code (exec-json.md 7 and 12).

use std::fmt;
use std::io::{self, ErrorKind as IoKind, Write};

use agent_protocol::{ErrorKind, TurnError};
use agent_transport::{ConnectStage, TransportError};

use crate::args::ExitCodes;
use crate::config::ConfigError;
use crate::providers::{MissingKey, ProviderError};
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

/// A schema for `--output-schema` that is none.
#[derive(Debug, thiserror::Error)]
#[error("--output-schema {}: {reason}", path.display())]
pub(crate) struct BadSchema {
    pub(crate) path: std::path::PathBuf,
    pub(crate) reason: String,
}

/// What is known of the run when it fails, to point at the right thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    pub(crate) exit_codes: ExitCodes,
    model: String,
    provider: String,
    /// Where the key came from.
    key_source: Option<String>,
    base_url: Option<String>,
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
        }
    }
}

impl Report {
    /// Reads an error and what caused it.
    pub(crate) fn of(error: &anyhow::Error, context: &Context) -> Self {
        let kind = kind_of(error);
        Self {
            message: message(error),
            hint: hint(error, context),
            exit_code: exit_code(kind, context.exit_codes),
        }
    }

    /// Writes it for a person. A reader that has gone is no further error.
    pub(crate) fn print(&self, to: &mut impl Write) {
        let _ = write!(to, "{self}");
        let _ = to.flush();
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
fn message(error: &anyhow::Error) -> String {
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
    match provider_error(error) {
        Some(ProviderError::NoKey(_)) => ErrorKind::Auth,
        _ => ErrorKind::Config,
    }
}

fn hint(error: &anyhow::Error, context: &Context) -> Option<String> {
    if let Some(error) = provider_error(error) {
        return provider_hint(error);
    }
    if let Some(error) = config_error(error) {
        return config_hint(error);
    }
    if let Some(error) = workspace_error(error) {
        return workspace_hint(error);
    }
    if let Some(TurnFailure(failure)) = find(error) {
        return turn_hint(failure, context);
    }
    if let Some(error) = find::<TransportError>(error) {
        return transport_hint(error, context);
    }
    if find::<BadSchema>(error).is_some() {
        return Some("The file must hold one JSON Schema, an object.".to_owned());
    }
    None
}

fn provider_hint(error: &ProviderError) -> Option<String> {
    Some(match error {
        ProviderError::NoKey(missing) => no_key(missing),
        ProviderError::Unknown { .. } => {
            "Choose one with `--provider NAME`, or add [model_providers.NAME] to your configuration.".to_owned()
        }
        ProviderError::NoBaseUrl(id) => {
            let example = if id == "azure" {
                "https://RESOURCE.openai.azure.com/openai/v1"
            } else {
                "https://host/v1"
            };
            format!("Set it: -c model_providers.{id}.base_url={example}")
        }
        ProviderError::NoModel(_) => "Name one with `-m MODEL`.".to_owned(),
        ProviderError::NotSpoken { .. } => {
            "It needs an endpoint of the Responses API; `--provider openrouter` and `--provider vercel` offer one for many models.".to_owned()
        }
        ProviderError::Endpoint { .. } => return None,
    })
}

/// The three ways to go on.
fn no_key(missing: &MissingKey) -> String {
    let variable = missing.variables.last().map_or("OPENAI_API_KEY", String::as_str);
    let own = if missing.variables.iter().any(|name| name == "OPENAI_API_KEY") {
        "OPENAI_API_KEY"
    } else {
        missing.variables.first().map_or(variable, String::as_str)
    };
    let mut text = String::from("Nothing was sent. Three ways to go on:\n");
    text += &format!("  a key:           export {own}=…\n");
    text += "  a local server:  agent exec --oss \"…\"  (Ollama; LM Studio with --local-provider lmstudio)\n";
    text += "  neither:         agent demo  (a scripted model, everything else real)";
    if let Some(instructions) = &missing.instructions {
        text += &format!("\n{instructions}");
    }
    if missing.has_login {
        text += "\nCodex is logged in to ChatGPT on this machine; that login is Codex's own and is not used.";
    }
    text
}

fn config_hint(error: &ConfigError) -> Option<String> {
    match error {
        ConfigError::Strict(_) => Some("Without --strict-config this is only a note.".to_owned()),
        ConfigError::Syntax { .. } | ConfigError::Wrong { .. } => {
            Some("`agent config explain KEY` shows where a setting comes from; `--ignore-user-config` does without your file.".to_owned())
        }
        ConfigError::BadOverride { .. } => Some("Write it as in `-c model_reasoning_effort=high`.".to_owned()),
        ConfigError::NoProfile { .. } | ConfigError::Unreadable { .. } => None,
    }
}

fn workspace_hint(error: &WorkspaceError) -> Option<String> {
    match error {
        WorkspaceError::NoRepository(_) => {
            Some("Run it inside one, where every change can be seen and taken back; or add --skip-git-repo-check.".to_owned())
        }
        WorkspaceError::Missing(_) | WorkspaceError::NotADirectory(_) => {
            Some("Give an existing directory with `-C DIR`.".to_owned())
        }
        WorkspaceError::Closed { .. } => None,
    }
}

/// What helps with an error whose cause the server or the network named.
fn turn_hint(failure: &TurnError, context: &Context) -> Option<String> {
    if failure.kind == ErrorKind::Network {
        return Some(network_hint(&failure.message, context));
    }
    kind_hint(failure.kind, failure.http_status, failure.provider_code.as_deref(), context)
}

fn transport_hint(error: &TransportError, context: &Context) -> Option<String> {
    match error {
        TransportError::Api(api) => {
            kind_hint(error.kind(), api.status, api.code.as_deref(), context)
        }
        TransportError::Connect { stage: ConnectStage::Tls, .. } => Some(TLS_HINT.to_owned()),
        TransportError::Connect { message, .. } => Some(network_hint(message, context)),
        _ => kind_hint(error.kind(), None, None, context),
    }
}

const TLS_HINT: &str = "The server's certificate was not accepted. Behind a proxy that opens TLS, name its \
                        certificate:\n  export SSL_CERT_FILE=/path/to/ca.pem";

fn kind_hint(
    kind: ErrorKind,
    status: Option<u16>,
    code: Option<&str>,
    context: &Context,
) -> Option<String> {
    let unknown_model =
        code == Some("model_not_found") || (kind == ErrorKind::BadRequest && status == Some(404));
    Some(match kind {
        _ if unknown_model => format!(
            "The model `{}` is not known to {}, or not open to this key. Choose another with `-m MODEL`.",
            context.model, context.provider
        ),
        ErrorKind::Auth => match (&context.key_source, status) {
            (Some(source), Some(403)) => {
                format!("The key from {source} is known, but not allowed to do this.")
            }
            (Some(source), _) => format!(
                "The key from {source} was refused by {}. Check that it is complete and belongs to this provider.",
                context.base_url.as_deref().unwrap_or(&context.provider)
            ),
            (None, _) => format!(
                "{} asks for a key and none is set. Export one, or name its variable: -c model_providers.{}.env_key=NAME",
                context.base_url.as_deref().unwrap_or(&context.provider),
                context.provider
            ),
        },
        ErrorKind::Quota => {
            "Check plan and billing of this key with the provider, or use another key.".to_owned()
        }
        ErrorKind::RateLimit => {
            "Wait a little and resume: agent exec resume --last \"go on\"".to_owned()
        }
        ErrorKind::Server | ErrorKind::Timeout => {
            "The trouble is the provider's. Nothing is lost: agent exec resume --last \"go on\""
                .to_owned()
        }
        ErrorKind::Budget | ErrorKind::Interrupted => {
            "Nothing is lost: agent exec resume --last \"go on\"".to_owned()
        }
        ErrorKind::Network => network_hint("", context),
        ErrorKind::BadRequest
        | ErrorKind::ContextOverflow
        | ErrorKind::OutputTruncated
        | ErrorKind::Sandbox
        | ErrorKind::Schema
        | ErrorKind::Config
        | ErrorKind::Internal => return None,
    })
}

/// Names what most likely stands between us and the server.
fn network_hint(message: &str, context: &Context) -> String {
    let url = context.base_url.as_deref().unwrap_or("the provider");
    let stage = |stage: ConnectStage| message.contains(&stage.to_string());
    if stage(ConnectStage::Tls) {
        TLS_HINT.to_owned()
    } else if stage(ConnectStage::Dns) {
        format!("Is the host in {url} spelled right, and is this machine online?")
    } else if stage(ConnectStage::Proxy) {
        "Check HTTPS_PROXY, and NO_PROXY for hosts that need none.".to_owned()
    } else if message.contains("refused") {
        match context.provider.as_str() {
            "ollama" => format!("Nothing listens at {url}. Start it with `ollama serve`."),
            "lmstudio" => format!("Nothing listens at {url}. Start it with `lms server start`."),
            _ => format!("Nothing listens at {url}. Is the server running, and is the URL right?"),
        }
    } else {
        "Nothing is lost: agent exec resume --last \"go on\"".to_owned()
    }
}
