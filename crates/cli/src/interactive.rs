//! `agent` without a command: threads on the screen, one after the other, until the person leaves.

mod beginning;
mod clipboard;
mod desk;
mod editor;
mod files;
mod history;
mod leaving;
mod manners;
mod next;
mod opening;
mod others;
mod printed;
mod prompts;

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use agent_core::{ThreadHandle, Threads};
use agent_protocol::{ApprovalPolicy, Command, Event, Record};
use agent_tui::app::App;
use agent_tui::composer::{Image, Message, Part};
use agent_tui::effect::{Effect, Facts, GoOn, Input, Next};
use agent_tui::runner::{Act, Terminal};
use agent_tui::transcript::Notice;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::args::{Args, OpenArgs};
use crate::config::Environment;
use crate::models::Models;
use crate::session::{self, Begin};
use crate::settings::Settings;
use crate::threads::{NoThread, ThreadArg};
use crate::window;
use crate::workspace::{Head, Repository};
pub(crate) use beginning::{Way, without_key};
use desk::Desk;
use files::Files;
use history::History;
use leaving::Left;
use manners::manners;
use opening::{Opened, open};
use others::Others;

/// What is left when the person has gone.
pub(crate) struct Ended {
    /// That ended it, if one did.
    pub(crate) signal: Option<i32>,
    pub(crate) left: Left,
}

/// Opens a thread and shows it, and those the person opens after it.
///
/// # Errors
/// When the provider cannot be asked, the log not be written, or the terminal not be used.
pub(crate) async fn run(
    settings: &Settings,
    start: Start<'_>,
    surroundings: Surroundings<'_>,
    process_started: Instant,
) -> anyhow::Result<Ended> {
    let Surroundings { args, environment } = surroundings;
    settings.require_model()?;
    let prompt = match start {
        Start::New => args.prompt.as_deref(),
        Start::Earlier(_, open) => open.prompt(),
    };
    let said = said_first(surroundings, settings, prompt)?;
    let first = First::of(start, settings)?;
    let opened = match &first {
        First::Thread(begin) => {
            Some(open(settings, begin.clone(), vec![], environment, process_started)?)
        }
        First::Choice(..) => None,
    };
    let terminal = Terminal::enter(manners(environment, settings))?;
    let (columns, rows) = terminal.size();
    let (say, inputs) = mpsc::unbounded_channel();
    let mut stage = Stage {
        settings: settings.clone(),
        approval: None,
        args,
        environment: environment.clone(),
        app: App::new(terminal.theme(), columns, rows),
        terminal,
        files: Files::below(&settings.workspace.cwd, say.clone()),
        history: History::of(settings),
        models: Models::of(settings, environment),
        say,
        inputs,
    };
    let (environment, cwd) = (environment.clone(), settings.workspace.cwd.clone());
    stage.app.know_files(move |path| environment.absolute(path, &cwd).is_file());
    if settings.vim() {
        stage.app.use_vim();
    }
    if settings.shows_reasoning() {
        stage.app.unfold();
    }
    for input in said {
        // Nobody but us holds the other end.
        let _ = stage.say.send(input);
    }
    stage.app.update(Input::History(stage.history.read()));
    let played = tokio::select! {
        played = stage.begin(first, opened) => played,
        never = panic_when_told() => match never {},
    };
    let signal = stage.terminal.ended_by();
    let drawn = stage.terminal.draw_end(&mut stage.app);
    let given_back = drawn.and_then(|()| stage.terminal.leave());
    let left = played?;
    // After a signal the terminal may be gone, and there is nothing to be done about it.
    if signal.is_none() {
        given_back?;
    }
    Ok(Ended { signal, left })
}

/// What the command line says: a prompt is sent with its pictures, pictures alone go with the message that is written.
fn said_first(
    surroundings: Surroundings<'_>,
    settings: &Settings,
    prompt: Option<&str>,
) -> anyhow::Result<Vec<Input>> {
    let Surroundings { args, environment } = surroundings;
    let cwd = &settings.workspace.cwd;
    if !args.images.is_empty() {
        let hidden = session::hidden(settings, environment)?;
        args.images
            .iter()
            .try_for_each(|path| crate::exec::image_content(cwd, path, &hidden).map(drop))?;
    }
    let pictures = args.images.iter().map(|path| Image::at(cwd.join(path)));
    Ok(match prompt {
        Some(prompt) => {
            let pictures = pictures.flat_map(|it| [Part::Text(" ".to_owned()), Part::Image(it)]);
            let parts = std::iter::once(Part::Text(prompt.to_owned())).chain(pictures).collect();
            vec![Input::Say(Message { parts })]
        }
        None => pictures.map(Input::Picture).collect(),
    })
}

/// What the settings are made of.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) args: &'a Args,
    pub(crate) environment: &'a Environment,
}

/// What is shown first. In it the prompt of the command line is said, if there is one.
pub(crate) enum Start<'a> {
    New,
    Earlier(GoOn, &'a OpenArgs),
}

/// There is nobody to show anything to, or nothing to show it on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoScreen {
    #[error(
        "this needs a terminal; `agent exec` does without one, `agent exec -` takes the task from standard input"
    )]
    NoTerminal,
    #[error("this terminal (TERM=dumb) cannot show it; `agent exec` does without")]
    Dumb,
}

/// The first thread, or those among which the person chooses it.
enum First {
    Thread(Begin),
    Choice(GoOn, Others),
}

impl First {
    fn of(start: Start<'_>, settings: &Settings) -> anyhow::Result<Self> {
        let Start::Earlier(how, args) = start else { return Ok(Self::Thread(Begin::New)) };
        let state = crate::state_dir(settings)?;
        if args.thread().is_some() || args.last {
            let id = args.thread().map(str::to_owned);
            let thread = ThreadArg { id, last: args.last, all: args.all };
            let found = thread.find(&Threads::under(state), &settings.workspace.cwd)?;
            return Ok(Self::Thread(going_on(how, found.path)));
        }
        let mut others = others::list(settings, None)?;
        if args.all {
            others.threads.iter_mut().for_each(|thread| thread.is_here = true);
        }
        if others.threads.is_empty() {
            let why = others.unreadable.into_iter().next();
            return Err(why.map_or_else(|| NoThread::Anywhere.into(), anyhow::Error::from));
        }
        Ok(Self::Choice(how, others))
    }
}

fn going_on(how: GoOn, path: PathBuf) -> Begin {
    match how {
        GoOn::Resume => Begin::Resume(path),
        GoOn::Fork => Begin::Fork(path),
    }
}

/// What stays from thread to thread.
struct Stage<'a> {
    settings: Settings,
    /// Chosen on the screen.
    approval: Option<ApprovalPolicy>,
    args: &'a Args,
    environment: Environment,
    app: App,
    terminal: Terminal,
    files: Files,
    history: History,
    models: Models,
    say: UnboundedSender<Input>,
    inputs: UnboundedReceiver<Input>,
}

impl Stage<'_> {
    async fn begin(&mut self, first: First, opened: Option<Opened>) -> anyhow::Result<Left> {
        let opened = match (opened, first) {
            (Some(opened), _) => opened,
            (None, First::Choice(how, others)) => {
                let Some(begin) = self.choose(how, others).await? else {
                    return Ok(Left::default());
                };
                self.open(begin, vec![])?
            }
            (None, First::Thread(begin)) => self.open(begin, vec![])?,
        };
        self.play(opened).await
    }

    /// Lets the person choose a thread while there is none yet.
    async fn choose(&mut self, how: GoOn, others: Others) -> anyhow::Result<Option<Begin>> {
        let Others { threads, unreadable } = others;
        self.app.update(Input::Threads { how, threads, unreadable: unreadable.len() });
        let (_nobody, mut records) = mpsc::unbounded_channel();
        let mut chosen = None;
        let acting = |effect| match effect {
            Effect::Open(Next::Earlier(how, id)) => {
                chosen = Some((how, id));
                Act::End
            }
            Effect::Leave => Act::End,
            _ => Act::Done,
        };
        self.terminal.show(&mut self.app, &mut records, &mut self.inputs, acting).await?;
        let Some((how, id)) = chosen else { return Ok(None) };
        let threads = Threads::under(crate::state_dir(&self.settings)?);
        Ok(Some(going_on(how, threads.find(&id)?.path)))
    }

    async fn play(&mut self, mut opened: Opened) -> anyhow::Result<Left> {
        loop {
            let (id, next) = self.show(opened).await?;
            let Some(next) = next else { return Ok(self.leave(&id)) };
            opened = self.next(&id, next)?;
        }
    }

    /// Shows one thread to its end; returns its id, and what is to come.
    async fn show(&mut self, opened: Opened) -> anyhow::Result<(String, Option<Next>)> {
        let Opened { thread, handle, earlier } = opened;
        if !earlier.is_empty() {
            self.app.clear();
            self.app.remember(&earlier);
            if let Some(said) = opening::other_permissions(&earlier, &self.settings) {
                self.app.update(Input::Notice(Notice::Said(said)));
            }
        }
        let ThreadHandle { commands, mut records } = handle;
        window::tell(&commands);
        let thread_id = self.take_up(&mut records);
        self.app.update(Input::Facts(facts(&self.settings, &self.models)));
        let mut desk = Desk {
            commands,
            say: self.say.clone(),
            settings: &mut self.settings,
            environment: &self.environment,
            thread_id,
            files: &mut self.files,
            history: &self.history,
            models: &self.models,
            next: None,
        };
        let screen = async {
            let acting = |effect| desk.act(effect);
            let shown =
                self.terminal.show(&mut self.app, &mut records, &mut self.inputs, acting).await;
            if desk.next.is_none() {
                self.app.leave();
            }
            let _ = desk.commands.send(Command::Shutdown);
            shown
        };
        let (worked, shown) = tokio::join!(thread.run(), screen);
        shown?;
        let (thread_id, next) = (desk.thread_id, desk.next);
        match worked {
            // Another thread, or the same one, may be recorded.
            Err(error) if next.is_some() => {
                let _ = self.say.send(Input::Notice(desk::went_wrong(&error.into())));
            }
            worked => worked?,
        }
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
}

/// What is checked out. It may be in a repository that was made since we began.
fn branch(settings: &Settings) -> Option<String> {
    let repository = Repository::around(&settings.workspace.cwd).ok()??;
    Some(match repository.head()? {
        Head::Branch(name) => name,
        Head::Detached(commit) => commit[..7].to_owned(),
    })
}

fn facts(settings: &Settings, models: &Models) -> Facts {
    Facts {
        effort: settings.model.reasoning.effort.clone(),
        context_window: settings.model.window(),
        asks_window: settings.model.context_window.is_none() && !models.are_listed(),
        branch: branch(settings),
        finds_branch: true,
        asks_trust: settings.asks_trust.clone(),
        status_line: settings.status_line(),
        models: settings.known_models(),
    }
}

/// So that a test can see that a panic gives the terminal back; only in builds with debug assertions.
async fn panic_when_told() -> Infallible {
    if cfg!(debug_assertions)
        && let Ok(mut told) = signal(SignalKind::user_defined1())
    {
        told.recv().await;
        panic!("asked to");
    }
    std::future::pending().await
}

/// Whether there is a person and a screen.
///
/// # Errors
/// When there is not.
pub(crate) fn check(environment: &Environment) -> Result<(), NoScreen> {
    use io::IsTerminal as _;
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(NoScreen::NoTerminal);
    }
    // It can place nothing: all that would move the cursor stands on it as text.
    if environment.var("TERM") == Some("dumb") { Err(NoScreen::Dumb) } else { Ok(()) }
}
