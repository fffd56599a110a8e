//! `agent` without a command: a thread on the screen, until the person leaves.

use std::io;
use std::time::Instant;

use agent_core::ThreadHandle;
use agent_protocol::{Command, Content, ImageDetail, TransportKind};
use agent_transport::Transport;
use agent_tui::app::App;
use agent_tui::composer::{Image, ImageSource};
use agent_tui::effect::{Effect, Input};
use agent_tui::runner::{Act, Terminal};
use agent_tui::theme::Theme;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::config::Environment;
use crate::session::{self, Begin, SessionOptions};
use crate::settings::Settings;

/// Opens a thread and shows it.
///
/// # Errors
/// When the provider cannot be asked, the log not be written, or the terminal not be used.
pub(crate) async fn run(
    settings: &Settings,
    begin: Begin,
    environment: &Environment,
    process_started: Instant,
) -> anyhow::Result<()> {
    settings.require_model()?;
    let mut transport = session::transport(settings, environment, None)?;
    transport.connect();
    show(settings, begin, Box::new(transport), vec![], environment, process_started).await
}

/// The same over any transport; `first` is sent before the person has said anything, unless it is empty.
///
/// # Errors
/// When the log cannot be written, or the terminal not be used.
pub(crate) async fn show(
    settings: &Settings,
    begin: Begin,
    transport: Box<dyn Transport>,
    first: Vec<Content>,
    environment: &Environment,
    process_started: Instant,
) -> anyhow::Result<()> {
    let options = SessionOptions {
        transport_kind: TransportKind::Websocket,
        live: true,
        interactive: true,
        ..SessionOptions::new(settings, environment, process_started)?
    };
    let (mut thread, handle) =
        session::open(settings, begin, session::opening(settings), transport, options)?;
    thread.warm_up();
    let ThreadHandle { commands, mut records } = handle;
    if !first.is_empty() {
        let _ = commands.send(Command::Send(first));
    }
    let (say, mut inputs) = mpsc::unbounded_channel();
    let desk = Desk { commands, say };
    let screen = async {
        let mut terminal = Terminal::enter(reflows(environment))?;
        let (columns, rows) = terminal.size();
        let mut app = App::new(theme(environment), columns, rows);
        let shown = terminal.show(&mut app, &mut records, &mut inputs, |effect| desk.act(effect));
        let shown = shown.await;
        let _ = desk.commands.send(Command::Shutdown);
        shown.and_then(|()| terminal.leave())
    };
    let (worked, shown) = tokio::join!(thread.run(), screen);
    shown?;
    Ok(worked?)
}

/// Does what the screen asks for.
struct Desk {
    commands: UnboundedSender<Command>,
    say: UnboundedSender<Input>,
}

impl Desk {
    fn act(&self, effect: Effect) -> Act {
        let command = match effect {
            Effect::Leave => return Act::End,
            Effect::Interrupt => Command::Interrupt,
            Effect::Compact => Command::Compact,
            Effect::Decide { call_id, decision } => Command::Decide { call_id, decision },
            Effect::Send(message) => match message.contents(load) {
                Ok(contents) => Command::Send(contents),
                Err(reason) => {
                    let _ = self.say.send(Input::NotSent { message, reason });
                    return Act::Done;
                }
            },
        };
        let _ = self.commands.send(command);
        Act::Done
    }
}

fn theme(environment: &Environment) -> Theme {
    if environment.var("NO_COLOR").is_some() { Theme::colourless() } else { Theme::default() }
}

/// Whether the terminal breaks its lines anew when it becomes narrower; xterm, GNU screen and the console cut them.
fn reflows(environment: &Environment) -> bool {
    let is_screen = environment.var("STY").is_some() && environment.var("TMUX").is_none();
    let is_console = environment.var("TERM") == Some("linux");
    environment.var("XTERM_VERSION").is_none() && !is_screen && !is_console
}

fn load(image: &Image) -> Result<Content, String> {
    match &image.source {
        ImageSource::File(path) => {
            agent_tools::image_content(path).map_err(|error| error.to_string())
        }
        ImageSource::Data(url) => {
            Ok(Content::Image { image_url: url.to_string(), detail: ImageDetail::Auto })
        }
    }
}

/// Whether there is a person and a screen.
pub(crate) fn is_possible() -> bool {
    use io::IsTerminal as _;
    io::stdin().is_terminal() && io::stdout().is_terminal()
}
