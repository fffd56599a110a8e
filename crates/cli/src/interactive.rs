//! `agent` without a command: threads on the screen, one after the other, until the person leaves.

mod desk;
mod prompts;

use std::io;
use std::time::Instant;

use agent_core::{Thread, ThreadHandle, Threads};
use agent_protocol::{Command, Content, Event, Record, SandboxMode, TransportKind};
use agent_tui::app::App;
use agent_tui::effect::{Change, Facts, Input, Next};
use agent_tui::runner::Terminal;
use agent_tui::theme::Theme;
use agent_tui::transcript::Notice;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::config::Environment;
use crate::screen::Screen;
use crate::session::{self, Begin, SessionOptions};
use crate::settings::Settings;
use crate::threads::ThreadArg;
use crate::undo::{self, UndoArgs};
use crate::workspace::Head;
use desk::Desk;

/// Opens a thread and shows it, and those the person opens after it. `first` is sent before the person has said
/// anything, unless it is empty.
///
/// # Errors
/// When the provider cannot be asked, the log not be written, or the terminal not be used.
pub(crate) async fn run(
    settings: &Settings,
    begin: Begin,
    first: Vec<Content>,
    environment: &Environment,
    process_started: Instant,
) -> anyhow::Result<()> {
    settings.require_model()?;
    let opened = open(settings, begin, vec![], environment, process_started)?;
    if !first.is_empty() {
        let _ = opened.handle.commands.send(Command::Send(first));
    }
    let terminal = Terminal::enter(reflows(environment))?;
    let (columns, rows) = terminal.size();
    let (say, inputs) = mpsc::unbounded_channel();
    let mut stage = Stage {
        settings: settings.clone(),
        environment,
        app: App::new(theme(environment), columns, rows),
        terminal,
        say,
        inputs,
    };
    let played = stage.play(opened).await;
    let left = stage.terminal.leave();
    played?;
    Ok(left?)
}

/// What stays from thread to thread.
struct Stage<'a> {
    settings: Settings,
    environment: &'a Environment,
    app: App,
    terminal: Terminal,
    say: UnboundedSender<Input>,
    inputs: UnboundedReceiver<Input>,
}

/// A thread that nobody has seen yet.
struct Opened {
    thread: Thread,
    handle: ThreadHandle,
}

impl Stage<'_> {
    async fn play(&mut self, opened: Opened) -> anyhow::Result<()> {
        let mut opened = Some(opened);
        while let Some(shown) = opened.take() {
            let (id, next) = self.show(shown).await?;
            let Some(next) = next else {
                self.forget_if_empty(&id);
                break;
            };
            opened = Some(self.next(&id, next)?);
        }
        Ok(())
    }

    /// Shows one thread to its end; returns its id, and what is to come.
    async fn show(&mut self, opened: Opened) -> anyhow::Result<(String, Option<Next>)> {
        let Opened { thread, handle } = opened;
        let ThreadHandle { commands, mut records } = handle;
        let thread_id = self.take_up(&mut records);
        self.app.update(Input::Facts(facts(&self.settings)));
        let mut desk = Desk {
            commands,
            say: self.say.clone(),
            settings: &self.settings,
            environment: self.environment,
            thread_id,
            next: None,
        };
        let screen = async {
            let acting = |effect| desk.act(effect);
            let shown =
                self.terminal.show(&mut self.app, &mut records, &mut self.inputs, acting).await;
            let _ = desk.commands.send(Command::Shutdown);
            shown
        };
        let (worked, shown) = tokio::join!(thread.run(), screen);
        shown?;
        worked?;
        let (thread_id, next) = (desk.thread_id, desk.next);
        self.take_up(&mut records);
        Ok((thread_id, next))
    }

    /// Hears what was said and nobody has heard; the id of the thread that began.
    fn take_up(&mut self, records: &mut UnboundedReceiver<Record>) -> String {
        let mut id = String::new();
        while let Ok(record) = records.try_recv() {
            if let Event::ThreadStarted(started) = &record.event {
                id.clone_from(&started.thread_id);
            }
            self.app.update(Input::Record(Box::new(record)));
        }
        id
    }

    /// Opens what comes after the thread of this id. What cannot be done is said, and the thread goes on.
    fn next(&mut self, id: &str, next: Next) -> anyhow::Result<Opened> {
        let before = self.settings.clone();
        let mut remarks = vec![];
        let said = match &next {
            Next::New => {
                self.forget_if_empty(id);
                self.app.clear();
                return self.open(Begin::New, remarks);
            }
            Next::Again(change) => {
                self.settings = changed(&before, change);
                if let Change::Sandbox(mode) = change {
                    remarks.push(sandbox_remark(*mode));
                }
                Notice::Said(words(change))
            }
            Next::Undo => match self.undo(id) {
                Ok(text) => {
                    remarks.push(format!(
                        "The person has put back files that you changed; look at them again before you rely on them.\n{text}"
                    ));
                    Notice::Said(text)
                }
                Err(error) => Notice::Failed(format!("{error:#}")),
            },
        };
        let opened = self.open(self.again(id)?, remarks).or_else(|error| {
            // What does not work must not cost the conversation.
            let _ = self.say.send(desk::failed(&format!("{error:#}")));
            self.settings = before;
            self.open(self.again(id)?, vec![])
        })?;
        self.app.update(Input::Notice(said));
        Ok(opened)
    }

    /// The thread of this id again; a new one where nothing was said in it, so that it begins with what now holds.
    fn again(&self, id: &str) -> anyhow::Result<Begin> {
        if !self.app.has_turns() {
            self.forget_if_empty(id);
            return Ok(Begin::New);
        }
        let state = crate::state_dir(&self.settings)?;
        Ok(Begin::Resume(Threads::under(state).find(id)?.path))
    }

    fn open(&self, begin: Begin, remarks: Vec<String>) -> anyhow::Result<Opened> {
        open(&self.settings, begin, remarks, self.environment, Instant::now())
    }

    /// A thread in which nothing was said is not worth keeping.
    fn forget_if_empty(&self, id: &str) {
        let Some(state) = self.settings.state_dir.as_ref().filter(|_| !self.app.has_turns()) else {
            return;
        };
        let threads = Threads::under(state);
        if let Ok(thread) = threads.find(id) {
            // It is in nobody's way.
            let _ = threads.remove(&thread);
        }
    }

    fn undo(&self, id: &str) -> anyhow::Result<String> {
        let state = crate::state_dir(&self.settings)?;
        let thread = ThreadArg { id: Some(id.to_owned()), ..ThreadArg::default() };
        let args = UndoArgs { thread, ..UndoArgs::default() };
        let undone = undo::undo(&args, state, &self.settings.workspace.cwd, Screen::PLAIN)?;
        Ok(undone.text.trim_end().to_owned())
    }
}

fn open(
    settings: &Settings,
    begin: Begin,
    remarks: Vec<String>,
    environment: &Environment,
    process_started: Instant,
) -> anyhow::Result<Opened> {
    let mut transport = session::transport(settings, environment, None)?;
    transport.connect();
    let options = SessionOptions {
        transport_kind: TransportKind::Websocket,
        live: true,
        interactive: true,
        remarks,
        ..SessionOptions::new(settings, environment, process_started)?
    };
    let opening = session::opening(settings);
    let (mut thread, handle) =
        session::open(settings, begin, opening, Box::new(transport), options)?;
    thread.warm_up();
    Ok(Opened { thread, handle })
}

fn changed(settings: &Settings, change: &Change) -> Settings {
    match change {
        Change::Model(name) => settings.with_model(name),
        Change::Effort(level) => {
            let mut settings = settings.clone();
            settings.model.reasoning.effort = Some(level.clone());
            settings
        }
        Change::Sandbox(mode) => {
            let mut settings = settings.clone();
            settings.permissions.sandbox = *mode;
            settings
        }
    }
}

fn words(change: &Change) -> String {
    match change {
        Change::Model(name) => format!("{name} answers from here on."),
        Change::Effort(level) => format!("The model thinks with effort {level} from here on."),
        Change::Sandbox(mode) => format!("The sandbox is {mode} from here on."),
    }
}

fn sandbox_remark(mode: SandboxMode) -> String {
    format!("The person has changed the sandbox: it is `{mode}` from here on.")
}

fn facts(settings: &Settings) -> Facts {
    let repository = settings.workspace.repository.as_ref();
    Facts {
        effort: settings.model.reasoning.effort.clone(),
        context_window: settings.model.context_window,
        branch: repository.and_then(|repository| repository.head()).map(|head| match head {
            Head::Branch(name) => name,
            Head::Detached(commit) => commit[..7].to_owned(),
        }),
        models: settings.known_models(),
        themes: vec![
            ("default".to_owned(), Theme::default()),
            ("colourless".to_owned(), Theme::colourless()),
        ],
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

/// Whether there is a person and a screen.
pub(crate) fn is_possible() -> bool {
    use io::IsTerminal as _;
    io::stdin().is_terminal() && io::stdout().is_terminal()
}
