//! What to do next about a failure: the line or two below the message.

use agent_core::{NotOurs, RolloutError};
use agent_protocol::{ErrorKind, TurnError};
use agent_tools::SandboxError;
use agent_transport::{ConnectStage, TransportError};

use super::{Context, TurnFailure, config_error, find, provider_error, workspace_error};
use crate::config::{ConfigError, Origin};
use crate::providers::{MissingKey, ProviderError};
use crate::workspace::WorkspaceError;

/// What to do about `error`, in a line or a few.
pub(super) fn hint(error: &anyhow::Error, context: &Context) -> Option<String> {
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
    if let Some(RolloutError::Locked { .. }) = find(error) {
        return Some("Wait until it is done, or go on beside it in a thread of its own: `agent exec fork ID`, `agent fork ID`.".to_owned());
    }
    if let Some(error) = find::<RolloutError>(error) {
        let kept = match error.begins_a_thread() {
            true => "",
            false => {
                " What was recorded stays: `agent resume --last` goes on from there, and so does `agent exec resume --last`."
            }
        };
        return Some(format!(
            "Nothing is done that cannot be recorded first. Make room, set AGENT_HOME to a folder that can be written, or keep nothing: `agent exec --ephemeral`.{kept}"
        ));
    }
    if let Some(SandboxError::Unavailable { .. }) = find(error) {
        return Some("`agent doctor` says what is missing and how to get it.".to_owned());
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
    let names = || missing.variables.iter();
    let openai = names().find(|name| *name == "OPENAI_API_KEY");
    let variable = openai.or_else(|| names().next()).map_or("AGENT_API_KEY", String::as_str);
    let mut text = String::from("Nothing was sent. Three ways to go on:\n");
    text += &format!("  a key:           export {variable}=…\n");
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
        ConfigError::Wrong { origin, .. } if !matches!(origin, Origin::File { .. }) => None,
        ConfigError::Syntax { .. } | ConfigError::Wrong { .. } => {
            Some("`agent config explain KEY` shows where a setting comes from; `--ignore-user-config` does without your file.".to_owned())
        }
        ConfigError::BadOverride { .. } => Some("Write it as in `-c model_reasoning_effort=high`.".to_owned()),
        ConfigError::NotOurs(error) => Some(not_ours_hint(error)),
        ConfigError::NoProfile { .. } | ConfigError::Unreadable { .. } => None,
    }
}

fn not_ours_hint(error: &NotOurs) -> String {
    match error {
        NotOurs::Writable { path } => {
            format!("See that what is in it is yours, then: chmod o-w {}", path.display())
        }
        NotOurs::Foreign { path, .. } => format!(
            "If what is in it is yours, take it: chown -R \"$(id -u)\" {}; else set AGENT_HOME to a folder of your own.",
            path.display()
        ),
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
        WorkspaceError::NotUtf8(_) => {
            Some("Rename the directory with the odd bytes in its name, or work elsewhere.".to_owned())
        }
        WorkspaceError::Closed { .. } => None,
    }
}

/// What helps with an error whose cause the server or the network named.
fn turn_hint(failure: &TurnError, context: &Context) -> Option<String> {
    if failure.kind == ErrorKind::Network {
        return network_hint(&failure.message, context);
    }
    kind_hint(failure.kind, failure.http_status, failure.provider_code.as_deref(), context)
}

fn transport_hint(error: &TransportError, context: &Context) -> Option<String> {
    match error {
        TransportError::Api(api) => {
            kind_hint(error.kind(), api.status, api.code.as_deref(), context)
        }
        TransportError::Connect { .. } => network_hint(&error.to_string(), context),
        _ => kind_hint(error.kind(), None, None, context),
    }
}

const TLS_HINT: &str = "If the certificate is your own or that of a proxy on the way, name its authority:\n  \
                        export SSL_CERT_FILE=/path/to/ca.pem";

const RESUME: &str = "agent exec resume --last \"go on\"";

/// The work so far is on disk.
fn resume_hint(context: &Context) -> Option<String> {
    context.kept.then(|| format!("Nothing is lost: {RESUME}"))
}

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
        ErrorKind::RateLimit if context.kept => format!("Wait a little, then: {RESUME}"),
        ErrorKind::RateLimit => "Wait a little, then try again.".to_owned(),
        ErrorKind::Server | ErrorKind::Timeout | ErrorKind::Budget | ErrorKind::Interrupted => {
            return resume_hint(context);
        }
        ErrorKind::Network => return network_hint("", context),
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
fn network_hint(message: &str, context: &Context) -> Option<String> {
    let url = context.base_url.as_deref().unwrap_or("the provider");
    let stage = |stage: ConnectStage| message.contains(&stage.to_string());
    Some(if stage(ConnectStage::Tls) || stage(ConnectStage::Certificate) {
        TLS_HINT.to_owned()
    } else if stage(ConnectStage::Dns) {
        format!("Is the host of {url} spelled right, and is this machine online?")
    } else if stage(ConnectStage::Proxy) {
        "Check HTTPS_PROXY, and NO_PROXY for hosts that need none.".to_owned()
    } else if stage(ConnectStage::Tcp) && message.contains("refused") {
        match context.provider.as_str() {
            "ollama" => format!("Nothing listens at {url}. Start it with `ollama serve`."),
            "lmstudio" => format!("Nothing listens at {url}. Start it with `lms server start`."),
            _ => format!("Nothing listens at {url}. Is the server running, and is the URL right?"),
        }
    } else {
        return resume_hint(context);
    })
}
