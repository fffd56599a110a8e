//! The first time, when there is no key to ask anybody with: the three ways to go on, to choose from.

use std::path::Path;
use std::time::Duration;

use agent_tui::app::App;
use agent_tui::effect::{Choice, Effect, Input};
use agent_tui::runner::{Act, Terminal};
use anyhow::Context as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::manners::manners;
use crate::config::{Environment, Homes};
use crate::credentials;
use crate::providers::{MissingKey, Provider, is_loopback};
use crate::settings::Settings;

/// A server of this machine says sooner whether it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the person chose.
pub(crate) enum Way {
    /// A key, as if this variable held it.
    Key {
        variable: String,
        key: String,
    },
    /// A model server of this machine.
    Local,
    Demo,
}

/// Asks; `local` is the model server of this machine that can be chosen. None when the person leaves.
///
/// # Errors
/// When the terminal cannot be used.
pub(crate) async fn without_key(
    environment: &Environment,
    settings: &Settings,
    missing: &MissingKey,
    local: &Provider,
) -> anyhow::Result<Option<Way>> {
    let names = || missing.variables.iter().map(String::as_str);
    let known = names().find(|name| *name == "OPENAI_API_KEY");
    let variable = known.or_else(|| names().next()).unwrap_or("AGENT_API_KEY");
    let welcome =
        format!("Welcome. There is no key for {} yet; nothing was sent anywhere.", missing.name);
    let mut title = welcome.clone();
    let choices = [
        choice("key", "Give a key", "it is asked for next, and whether to keep it"),
        choice("local", "Use a model on this machine", &local.name),
        choice("demo", "See the demo", "a scripted model, everything else real"),
    ];
    let mut terminal = Terminal::enter(manners(environment, settings))?;
    let chosen = loop {
        let question = Input::Ask { title, choices: choices.to_vec() };
        match ask(&mut terminal, question).await?.as_deref() {
            Some("key") => {
                let prompt = format!("The key for {} (it is not shown):", missing.name);
                match ask(&mut terminal, Input::AskSecret { title: prompt }).await? {
                    Some(key) => {
                        let home = Homes::of(environment).agent;
                        let keeping = keep(&mut terminal, settings, variable, key, home.as_deref());
                        break keeping.await;
                    }
                    None if terminal.ended_by().is_some() => break Ok(None),
                    None => title = welcome.clone(),
                }
            }
            Some("local") => match absence(local).await {
                Some(said) => title = said,
                None => break Ok(Some(Way::Local)),
            },
            Some(_) => break Ok(Some(Way::Demo)),
            None => break Ok(None),
        }
    };
    terminal.leave()?;
    chosen
}

/// What to do where nothing listens; none where something does, or it is not of this machine.
async fn absence(local: &Provider) -> Option<String> {
    let endpoint = local.endpoint().ok().filter(|endpoint| is_loopback(endpoint.host()))?;
    match timeout(PATIENCE, TcpStream::connect((endpoint.host(), endpoint.port()))).await {
        Ok(Ok(_)) => None,
        _ => Some(format!(
            "{} does not run: nothing listens at {}. Start it with `{}`, then choose again.",
            local.name,
            local.base_url.as_deref().unwrap_or_default(),
            if local.id == "lmstudio" { "lms server start" } else { "ollama serve" },
        )),
    }
}

/// Asks whether the key is to be kept. None when the person leaves.
async fn keep(
    terminal: &mut Terminal,
    settings: &Settings,
    variable: &str,
    key: String,
    home: Option<&Path>,
) -> anyhow::Result<Option<Way>> {
    if let Some(home) = home {
        let file = credentials::file(home);
        let choices = vec![
            choice("keep", "Keep it", &format!("in {}", file.display())),
            choice("once", "For this run", &format!("to keep it yourself: export {variable}=…")),
        ];
        let title =
            "Keep the key for the next time? Only you can read it then, and no command in the sandbox.".to_owned();
        match ask(terminal, Input::Ask { title, choices }).await? {
            Some(answer) if answer == "keep" => {
                credentials::keep(home, &settings.provider.id, &key)
                    .with_context(|| format!("cannot keep the key in {}", file.display()))?;
            }
            Some(_) => {}
            None => return Ok(None),
        }
    }
    Ok(Some(Way::Key { variable: variable.to_owned(), key }))
}

fn choice(value: &str, label: &str, note: &str) -> Choice {
    Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        note: note.to_owned(),
        is_here: true,
        is_current: false,
    }
}

/// One question before there is a thread.
async fn ask(terminal: &mut Terminal, question: Input) -> anyhow::Result<Option<String>> {
    let (columns, rows) = terminal.size();
    let mut app = App::new(terminal.theme(), columns, rows);
    app.update(question);
    let (_no_thread, mut records) = mpsc::unbounded_channel();
    let (_nobody, mut inputs) = mpsc::unbounded_channel();
    let mut chosen = None;
    let acting = |effect| match effect {
        Effect::Chosen(answer) => {
            chosen = Some(answer);
            Act::End
        }
        Effect::Leave => Act::End,
        _ => Act::Done,
    };
    terminal.show(&mut app, &mut records, &mut inputs, acting).await?;
    Ok(chosen)
}
