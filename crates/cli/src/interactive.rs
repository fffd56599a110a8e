//! `agent` without a command: threads on the screen, one after the other, until the person leaves.

mod beginning;
mod clipboard;
mod desk;
mod editor;
mod files;
mod history;
mod manners;
mod others;
mod prompts;

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;

use agent_core::{Origin, Thread, ThreadHandle, Threads, UndoLog};
use agent_protocol::{Command, Event, Record, TransportKind};
use agent_tui::app::App;
use agent_tui::effect::{Change, Choice, Effect, Facts, GoOn, Input, Next, Scope};
use agent_tui::runner::{Act, Terminal};
use agent_tui::transcript::Notice;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::args::{Args, OpenArgs};
use crate::config::{Environment, trust};
use crate::screen::Screen;
use crate::session::{self, Begin, SessionOptions};
use crate::settings::Settings;
use crate::threads::{NoThread, ThreadArg};
use crate::undo::{self, UndoArgs};
use crate::window;
use crate::workspace::Head;
pub(crate) use beginning::{Way, without_key};
use desk::Desk;
use files::Files;
use history::History;
use manners::{manners, themes};

/// Opens a thread and shows it, and those the person opens after it. Returns the
/// signal that ended it, if one did.
///
/// # Errors
/// When the provider cannot be asked, the log not be written, or the terminal not be used.
pub(crate) async fn run(
    settings: &Settings,
    start: Start<'_>,
    surroundings: Surroundings<'_>,
    process_started: Instant,
) -> anyhow::Result<Option<i32>> {
    let Surroundings { args, environment } = surroundings;
    settings.require_model()?;
    let is_new = matches!(start, Start::New);
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
        args,
        environment,
        app: App::new(terminal.theme(), columns, rows),
        terminal,
        files: Files::below(&settings.workspace.cwd, say.clone()),
        history: History::of(settings),
        say,
        inputs,
    };
    if settings.vim() {
        stage.app.use_vim();
    }
    if let Some(prompt) = args.prompt.clone().filter(|_| is_new) {
        // Nobody but us holds the other end.
        let _ = stage.say.send(Input::Say(prompt));
    }
    stage.app.update(Input::History(stage.history.read()));
    let played = tokio::select! {
        played = stage.begin(first, opened) => played,
        never = panic_when_told() => match never {},
    };
    let ended_by = stage.terminal.ended_by();
    let left = stage.terminal.leave();
    played?;
    // After a signal the terminal may be gone, and there is nothing to be done about it.
    if ended_by.is_none() {
        left?;
    }
    Ok(ended_by)
}

/// What the settings are made of.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) args: &'a Args,
    pub(crate) environment: &'a Environment,
}

/// What is shown first.
pub(crate) enum Start<'a> {
    /// A new thread, in which the prompt of the command line is said first, if there is one.
    New,
    Earlier(GoOn, &'a OpenArgs),
}

/// There is nobody to show anything to.
#[derive(Debug, thiserror::Error)]
#[error("this needs a terminal; `agent exec` does without one")]
pub(crate) struct NoScreen;

/// The first thread, or those among which the person chooses it.
enum First {
    Thread(Begin),
    Choice(GoOn, Vec<Choice>),
}

impl First {
    fn of(start: Start<'_>, settings: &Settings) -> anyhow::Result<Self> {
        let Start::Earlier(how, args) = start else { return Ok(Self::Thread(Begin::New)) };
        let state = crate::state_dir(settings)?;
        if args.id.is_some() || args.last {
            let thread = ThreadArg { id: args.id.clone(), last: args.last, all: args.all };
            let found = thread.find(&Threads::under(state), &settings.workspace.cwd)?;
            return Ok(Self::Thread(going_on(how, found.path)));
        }
        let mut threads = others::list(settings, None)?;
        if args.all {
            threads.iter_mut().for_each(|thread| thread.is_here = true);
        }
        if threads.is_empty() {
            return Err(NoThread::Anywhere.into());
        }
        Ok(Self::Choice(how, threads))
    }
}

fn going_on(how: GoOn, path: PathBuf) -> Begin {
    match how {
        GoOn::Resume => Begin::Resume(path),
        GoOn::Fork => Begin::Fork(path),
    }
}

const FILES_WENT_BACK: &str =
    "The person has put back files that you changed; look at them again before you rely on them.";

/// What stays from thread to thread.
struct Stage<'a> {
    settings: Settings,
    args: &'a Args,
    environment: &'a Environment,
    app: App,
    terminal: Terminal,
    files: Files,
    history: History,
    say: UnboundedSender<Input>,
    inputs: UnboundedReceiver<Input>,
}

/// A thread that nobody has seen yet.
struct Opened {
    thread: Thread,
    handle: ThreadHandle,
    /// What it has said before.
    earlier: Vec<Record>,
}

impl Stage<'_> {
    async fn begin(&mut self, first: First, opened: Option<Opened>) -> anyhow::Result<()> {
        let opened = match (opened, first) {
            (Some(opened), _) => opened,
            (None, First::Choice(how, threads)) => {
                let Some(begin) = self.choose(how, threads).await? else { return Ok(()) };
                self.open(begin, vec![])?
            }
            (None, First::Thread(begin)) => self.open(begin, vec![])?,
        };
        self.play(opened).await
    }

    /// Lets the person choose a thread while there is none yet.
    async fn choose(&mut self, how: GoOn, threads: Vec<Choice>) -> anyhow::Result<Option<Begin>> {
        self.app.update(Input::Threads { how, threads });
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
        let Opened { thread, handle, earlier } = opened;
        if !earlier.is_empty() {
            self.app.clear();
            self.app.remember(&earlier);
        }
        let ThreadHandle { commands, mut records } = handle;
        window::tell(&commands);
        let thread_id = self.take_up(&mut records);
        self.app.update(Input::Facts(facts(&self.settings, self.environment)));
        let mut desk = Desk {
            commands,
            say: self.say.clone(),
            settings: &self.settings,
            environment: self.environment,
            thread_id,
            files: &mut self.files,
            history: &self.history,
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
            Next::Earlier(how, which) => return self.earlier(id, *how, which),
            Next::Trust { trusted, then } => {
                let _ = self.say.send(Input::Do(then.clone()));
                match self.trust(*trusted) {
                    Ok(said) => Notice::Said(said),
                    Err(error) => {
                        // It is not asked again and again.
                        self.settings.asks_trust = false;
                        Notice::Failed(format!("{error:#}"))
                    }
                }
            }
            Next::Rewind { turn, scope } => return self.rewind(id, *turn, *scope),
            Next::Again(change) => {
                self.settings = changed(&before, change);
                Notice::Said(words(change))
            }
            Next::Undo => match self.undo(id) {
                Ok(text) => {
                    remarks.push(format!("{FILES_WENT_BACK}\n{text}"));
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
        // It is on the screen already.
        Ok(Opened { earlier: vec![], ..opened })
    }

    /// Opens an earlier thread after the one of this id, which goes on when that cannot be done.
    fn earlier(&mut self, id: &str, how: GoOn, which: &str) -> anyhow::Result<Opened> {
        let threads = Threads::under(crate::state_dir(&self.settings)?);
        let found = threads.find(which).map_err(anyhow::Error::from);
        match found.and_then(|found| self.open(going_on(how, found.path), vec![])) {
            Ok(opened) if how == GoOn::Fork && which == id => {
                let said = "A new thread goes on from here; the one before stays as it is.";
                self.app.update(Input::Notice(Notice::Said(said.to_owned())));
                Ok(Opened { earlier: vec![], ..opened })
            }
            Ok(opened) => {
                self.forget_if_empty(id);
                Ok(opened)
            }
            Err(error) => {
                let _ = self.say.send(desk::failed(&format!("{error:#}")));
                let opened = self.open(self.again(id)?, vec![])?;
                Ok(Opened { earlier: vec![], ..opened })
            }
        }
    }

    /// Remembers whether this directory is trusted, and lets it count at once.
    fn trust(&mut self, trusted: bool) -> anyhow::Result<String> {
        let directory = trusted_directory(&self.settings);
        trust::remember(crate::state_dir(&self.settings)?, &directory, trusted)
            .context("cannot remember it")?;
        // What was changed on the screen stays changed.
        let model = self.settings.model.clone();
        self.settings = Settings::resolve(self.args, self.environment)?;
        self.settings.model = model;
        let (directory, mode) = (directory.display(), self.settings.permissions.sandbox);
        Ok(if trusted {
            format!("{directory} is trusted; the sandbox is {mode}.")
        } else {
            format!("{directory} is not trusted; the sandbox is {mode}.")
        })
    }

    /// Opens the thread of this id as it was before a turn. As it is now it stays on the disk.
    fn rewind(&mut self, id: &str, turn: u32, scope: Scope) -> anyhow::Result<Opened> {
        let mut said = vec![];
        if scope != Scope::Conversation {
            said.push(self.undo_from(id, turn).unwrap_or_else(|error| format!("{error:#}")));
        }
        let remarks = match scope {
            Scope::Conversation => vec![],
            Scope::Files | Scope::Both => vec![FILES_WENT_BACK.to_owned()],
        };
        let begin = self.again(id)?;
        let opened = match begin {
            Begin::Resume(path) if scope != Scope::Files => {
                let message = self.app.message_of(turn).unwrap_or_default();
                let threads = Threads::under(crate::state_dir(&self.settings)?);
                let opened =
                    self.open(Begin::Resume(threads.fork_before(&path, turn)?), remarks)?;
                self.app.clear();
                self.app.remember(&opened.earlier);
                self.app.skip_what_was_shown();
                self.app.update(Input::Edited(message.clone()));
                let first = message.lines().next().unwrap_or_default();
                said.insert(
                    0,
                    format!(
                        "Back to before “{first}”. What came after it is kept as the thread {id}."
                    ),
                );
                opened
            }
            begin => self.open(begin, remarks)?,
        };
        self.app.update(Input::Notice(Notice::Said(said.join("\n"))));
        Ok(Opened { earlier: vec![], ..opened })
    }

    /// Puts back what the turns from this one on changed.
    fn undo_from(&self, id: &str, turn: u32) -> anyhow::Result<String> {
        let state = crate::state_dir(&self.settings)?;
        let thread = Threads::under(state).find(id)?;
        let log = UndoLog::at(&thread.path.with_file_name("undo"));
        let mut said = String::new();
        let mut last = None;
        while let Some(set) = log.last_done()? {
            let Origin::Turn(number) = set.origin else { break };
            // One of which something had to stay would be found again and again.
            if number < turn || last == Some(set.number) {
                break;
            }
            last = Some(set.number);
            said.push_str(&self.undo(id)?);
            said.push('\n');
        }
        if said.is_empty() {
            said.push_str("No file was changed since then.");
        }
        Ok(said.trim_end().to_owned())
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
        // An answer in the thread before may have made rules.
        let settings = self.settings.with_rules_of_now(self.environment);
        open(&settings, begin, remarks, self.environment, Instant::now())
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
    mut remarks: Vec<String>,
    environment: &Environment,
    process_started: Instant,
) -> anyhow::Result<Opened> {
    let mut transport = session::transport(settings, environment, None)?;
    transport.connect();
    let earlier = match &begin {
        Begin::New => vec![],
        Begin::Resume(path) | Begin::Fork(path) => agent_core::read_rollout(path)?.records,
    };
    remarks.extend(self::remarks(&earlier, settings));
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
    Ok(Opened { thread, handle, earlier })
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

/// What is no longer as the model was told.
fn remarks(earlier: &[Record], settings: &Settings) -> Vec<String> {
    let started = earlier.iter().rev().find_map(|record| match &record.event {
        Event::ThreadStarted(started) => Some(started),
        _ => None,
    });
    let Some(started) = started else { return vec![] };
    let mut remarks = vec![];
    let (mode, cwd) = (settings.permissions.sandbox, &settings.workspace.cwd);
    if started.sandbox != mode {
        remarks.push(format!("The sandbox is `{mode}` from here on."));
    }
    if started.cwd != *cwd {
        remarks.push(format!("The working directory is {} from here on.", cwd.display()));
    }
    remarks
}

/// What is trusted, or is not: the whole repository, where there is one.
fn trusted_directory(settings: &Settings) -> PathBuf {
    let workspace = &settings.workspace;
    let root = workspace.repository.as_ref().map(|repository| repository.root.clone());
    root.unwrap_or_else(|| workspace.cwd.clone())
}

fn facts(settings: &Settings, environment: &Environment) -> Facts {
    let repository = settings.workspace.repository.as_ref();
    Facts {
        effort: settings.model.reasoning.effort.clone(),
        context_window: settings.model.context_window,
        branch: repository.and_then(|repository| repository.head()).map(|head| match head {
            Head::Branch(name) => name,
            Head::Detached(commit) => commit[..7].to_owned(),
        }),
        asks_trust: settings.asks_trust.then(|| trusted_directory(settings).display().to_string()),
        status_line: settings.status_line(),
        models: settings.known_models(),
        themes: themes(environment, settings),
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
pub(crate) fn is_possible() -> bool {
    use io::IsTerminal as _;
    io::stdin().is_terminal() && io::stdout().is_terminal()
}
