//! The first time, when there is no key to ask anybody with: the three ways to go on, to choose from.

use std::path::Path;

use agent_tui::app::App;
use agent_tui::effect::{Choice, Effect, Input};
use agent_tui::runner::{Act, Terminal};
use anyhow::Context as _;
use tokio::sync::mpsc;

use super::manners::manners;
use crate::config::{Environment, Homes};
use crate::credentials;
use crate::providers::MissingKey;
use crate::settings::Settings;

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

/// Asks. None when the person leaves.
///
/// # Errors
/// When the terminal cannot be used.
pub(crate) async fn without_key(
    environment: &Environment,
    settings: &Settings,
    missing: &MissingKey,
) -> anyhow::Result<Option<Way>> {
    let names = || missing.variables.iter().map(String::as_str);
    let known = names().find(|name| *name == "OPENAI_API_KEY");
    let variable = known.or_else(|| names().next()).unwrap_or("AGENT_API_KEY");
    let title =
        format!("Welcome. There is no key for {} yet; nothing was sent anywhere.", missing.name);
    let choices = vec![
        choice("key", "Give a key", "it is asked for next, and whether to keep it"),
        choice("local", "Use a model on this machine", "Ollama"),
        choice("demo", "See the demo", "a scripted model, everything else real"),
    ];
    let mut terminal = Terminal::enter(manners(environment, settings))?;
    let chosen = match ask(&mut terminal, Input::Ask { title, choices }).await? {
        Some(chosen) if chosen == "key" => {
            let home = Homes::of(environment).agent;
            key(&mut terminal, settings, missing, variable, home.as_deref()).await
        }
        Some(chosen) if chosen == "local" => Ok(Some(Way::Local)),
        Some(_) => Ok(Some(Way::Demo)),
        None => Ok(None),
    };
    terminal.leave()?;
    chosen
}

/// Asks for the key, and whether it is to be kept.
async fn key(
    terminal: &mut Terminal,
    settings: &Settings,
    missing: &MissingKey,
    variable: &str,
    home: Option<&Path>,
) -> anyhow::Result<Option<Way>> {
    let title = format!("The key for {} (it is not shown):", missing.name);
    let Some(key) = ask(terminal, Input::AskSecret { title }).await? else { return Ok(None) };
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
