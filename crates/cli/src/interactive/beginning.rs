//! The first time, when there is no key to ask anybody with: the three ways to go on, to choose from.

use agent_tui::app::App;
use agent_tui::effect::{Choice, Effect, Input};
use agent_tui::runner::{Act, Terminal};
use tokio::sync::mpsc;

use super::manners::manners;
use crate::config::Environment;
use crate::providers::MissingKey;
use crate::settings::Settings;

/// What the person chose.
pub(crate) enum Way {
    /// A key for this run, as if this variable held it.
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
    let choice = |value: &str, label: String, note: &str| Choice {
        value: value.to_owned(),
        label,
        note: note.to_owned(),
        is_here: true,
        is_current: false,
    };
    let title =
        format!("Welcome. There is no key for {} yet; nothing was sent anywhere.", missing.name);
    let choices = vec![
        choice(
            "key",
            "Give a key".to_owned(),
            &format!("for this run; to keep it, export {variable}=…"),
        ),
        choice("local", "Use a model on this machine".to_owned(), "Ollama"),
        choice("demo", "See the demo".to_owned(), "a scripted model, everything else real"),
    ];
    let mut terminal = Terminal::enter(manners(environment, settings))?;
    let chosen = match ask(&mut terminal, Input::Ask { title, choices }).await? {
        Some(chosen) if chosen == "key" => {
            let title = format!("The key for {} (it is not shown):", missing.name);
            let key = ask(&mut terminal, Input::AskSecret { title }).await?;
            key.map(|key| Way::Key { variable: variable.to_owned(), key })
        }
        Some(chosen) if chosen == "local" => Some(Way::Local),
        Some(_) => Some(Way::Demo),
        None => None,
    };
    terminal.leave()?;
    Ok(chosen)
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
