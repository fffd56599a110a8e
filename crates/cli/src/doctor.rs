//! `agent doctor`: what this machine offers, found out by really trying: configuration, key, endpoint, sandbox,
//! folder of threads. It changes nothing and asks no model anything.

mod barriers;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use agent_tools::{SandboxError, Secrets, Tier, ToolboxConfig};
use agent_transport::{Endpoint, TransportChoice, TransportError};
use serde::Serialize;

use crate::config::Environment;
use crate::json_line::json_line;
use crate::screen::Screen;
use crate::session;
use crate::settings::Settings;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    verdict: Verdict,
    found: String,
    /// What to do about it, in a line or a few.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Good,
    /// It works, but not as well as it might.
    Weak,
    Bad,
}

/// What was found, and whether all of it is usable.
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) is_usable: bool,
}

/// Looks at everything.
pub(crate) async fn run(
    settings: &Settings,
    environment: &Environment,
    toolbox: &ToolboxConfig,
    json: bool,
    screen: Screen,
) -> Report {
    let checks = [
        program(),
        model(settings),
        endpoint(settings, environment).await,
        sandbox(toolbox).await,
        threads(settings),
        workspace(settings),
    ];
    let is_usable = checks.iter().all(|check| check.verdict != Verdict::Bad);
    let text = if json {
        // To be JSON it lacks nothing.
        checks.iter().filter_map(|check| Some(json_line(check).ok()? + "\n")).collect()
    } else {
        checks.iter().map(|check| line(check, screen)).collect()
    };
    Report { text, is_usable }
}

fn line(check: &Check, screen: Screen) -> String {
    let mark = match check.verdict {
        Verdict::Good => screen.paint("ok  ", "32"),
        Verdict::Weak => screen.paint("weak", "33"),
        Verdict::Bad => screen.paint("bad ", "31"),
    };
    let mut text = format!("{mark}  {:<10} {}\n", check.what, agent_tui::written(&check.found));
    for line in check.advice.iter().flat_map(|advice| advice.lines()) {
        let _ = writeln!(text, "                 {line}");
    }
    text
}

fn program() -> Check {
    let version = crate::session::version();
    let found = format!("agent {version}, {}", own_executable().display());
    Check { what: "program", verdict: Verdict::Good, found, advice: None }
}

/// Linux marks the path of an executable that was replaced while it ran.
fn own_executable() -> PathBuf {
    let path = std::env::current_exe().unwrap_or_else(|_| "agent".into());
    let text = path.to_string_lossy();
    text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from)
}

fn model(settings: &Settings) -> Check {
    let name = settings.model.name.as_str();
    let provider = &settings.provider;
    let key = provider
        .key_source
        .as_deref()
        .map_or("without a key".to_owned(), |source| format!("key from {source}"));
    let found = format!("{name} of {}, {key}", provider.name);
    match settings.require_model() {
        Ok(_) => Check { what: "model", verdict: Verdict::Good, found, advice: None },
        Err(error) => Check {
            what: "model",
            verdict: Verdict::Bad,
            found: error.to_string(),
            advice: Some(
                "Name one with `-m MODEL`, or `model = …` in the configuration.".to_owned(),
            ),
        },
    }
}

async fn endpoint(settings: &Settings, environment: &Environment) -> Check {
    let bad = |found: String, advice: Option<&str>| Check {
        what: "endpoint",
        verdict: Verdict::Bad,
        found,
        advice: advice.map(str::to_owned),
    };
    let endpoint = match settings.provider.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => return bad(error.to_string(), None),
    };
    let network = match settings.network(environment) {
        Ok(network) => network,
        Err(error) => return bad(error.to_string(), None),
    };
    if endpoint.choice == TransportChoice::Http || !endpoint.facts.socket {
        let found = format!("{}, by HTTP; not tried", endpoint.http_url());
        return Check { what: "endpoint", verdict: Verdict::Weak, found, advice: None };
    }
    let mut check = tried(&endpoint, agent_transport::try_socket(endpoint.clone(), network).await);
    // A server may name the key that it refuses.
    Secrets::new(session::secrets(settings, environment)).remove(&mut check.found);
    check
}

fn tried(endpoint: &Endpoint, outcome: Result<(), TransportError>) -> Check {
    let url = endpoint.socket_url();
    let (verdict, found) = match outcome {
        Ok(()) => (Verdict::Good, format!("{url}, by WebSocket")),
        Err(TransportError::Refused(refusal))
            if refusal.status.is_some_and(|status| !matches!(status, 401 | 403)) =>
        {
            (
                Verdict::Weak,
                format!("{url} gives no WebSocket ({}); HTTP is used instead", refusal.message),
            )
        }
        Err(error) => (Verdict::Bad, error.to_string()),
    };
    Check { what: "endpoint", verdict, found, advice: None }
}

async fn sandbox(toolbox: &ToolboxConfig) -> Check {
    let what = "sandbox";
    match agent_tools::probe(toolbox).await {
        Ok(report) => {
            let (verdict, tier) = match report.tier {
                Tier::Full if report.without_landlock => {
                    (Verdict::Weak, "full, but without Landlock: namespaces and seccomp")
                }
                Tier::Full => (Verdict::Good, "full: namespaces, Landlock and seccomp"),
                Tier::Reduced => {
                    (Verdict::Weak, "reduced: Landlock and seccomp without namespaces")
                }
                Tier::None => (Verdict::Weak, "none, as you said"),
            };
            let is_reduced = report.tier == Tier::Reduced;
            let advice = is_reduced.then(|| barriers::found(Path::new("/proc"), &own_executable()));
            Check { what, verdict, found: format!("{tier}{}", report.weaknesses()), advice }
        }
        Err(error) => Check {
            what,
            verdict: Verdict::Bad,
            found: error.to_string(),
            advice: matches!(error, SandboxError::Unavailable { .. }).then(|| {
                "No command will run. Where the machine itself is the sandbox: --yolo.".to_owned()
            }),
        },
    }
}

fn threads(settings: &Settings) -> Check {
    let what = "threads";
    let advice =
        Some("Set AGENT_HOME to a folder you can write to, or use --ephemeral.".to_owned());
    let Some(state) = &settings.state_dir else {
        return Check {
            what,
            verdict: Verdict::Bad,
            found: "there is no home directory".to_owned(),
            advice,
        };
    };
    // The folder itself may not be there yet: what counts is the nearest one that is.
    let nearest = state
        .ancestors()
        .find(|dir| dir.exists())
        .map_or_else(|| PathBuf::from("/"), PathBuf::from);
    match rustix::fs::access(&nearest, rustix::fs::Access::WRITE_OK) {
        Ok(()) => Check {
            what,
            verdict: Verdict::Good,
            found: format!("kept in {}", state.display()),
            advice: None,
        },
        Err(error) => {
            let found = format!("cannot be kept in {}: {error}", state.display());
            Check { what, verdict: Verdict::Bad, found, advice }
        }
    }
}

fn workspace(settings: &Settings) -> Check {
    let what = "workspace";
    let cwd = settings.workspace.cwd.display();
    match &settings.workspace.repository {
        Some(repository) => {
            let found = format!("{cwd}, in the git repository {}", repository.root.display());
            Check { what, verdict: Verdict::Good, found, advice: None }
        }
        None => Check {
            what,
            verdict: Verdict::Weak,
            found: format!("{cwd}, in no git repository"),
            advice: Some("`agent exec` works here only with --skip-git-repo-check.".to_owned()),
        },
    }
}
