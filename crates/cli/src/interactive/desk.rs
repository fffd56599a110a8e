//! Does what the screen asks for: sends commands to the thread, looks things up beside it, and says what came of it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_core::{Threads, UndoLog};
use agent_protocol::{ApprovalPolicy, Command, Content, ImageDetail, RuleChange, SandboxMode};
use agent_tui::composer::{Image, ImageSource, Message, Part};
use agent_tui::effect::{Effect, Facts, Input, Next, Page};
use agent_tui::plain;
use agent_tui::runner::Act;
use agent_tui::transcript::Notice;
use base64::Engine as _;
use tokio::sync::mpsc::UnboundedSender;

use super::files::Files;
use super::history::History;
use super::{branch, clipboard, editor, facts, others, printed, prompts};
use crate::args::ReviewArgs;
use crate::config::{Environment, models_of_profiles};
use crate::models::Models;
use crate::output_file::{Links, OutputFile};
use crate::screen::Screen;
use crate::session;
use crate::settings::Settings;
use crate::threads::ThreadArg;
use crate::trace::{self, TraceArgs};
use crate::undo::{self, DiffArgs, Difference};

/// What is at hand while one thread is shown.
pub(super) struct Desk<'a> {
    pub(super) commands: UnboundedSender<Command>,
    pub(super) say: UnboundedSender<Input>,
    pub(super) settings: &'a mut Settings,
    pub(super) environment: &'a Environment,
    pub(super) thread_id: String,
    pub(super) files: &'a mut Files,
    pub(super) history: &'a History,
    pub(super) models: &'a Models,
    /// What is to be shown when this thread has ended; none: nothing.
    pub(super) next: Option<Next>,
}

impl Desk<'_> {
    pub(super) fn act(&mut self, effect: Effect) -> Act {
        match effect {
            Effect::Leave => return Act::End,
            Effect::Open(next) => {
                self.next = Some(next);
                return Act::End;
            }
            Effect::UseModel(name) => {
                *self.settings = self.settings.with_model(&name);
                self.settings.model.endpoint_window = self.models.window_of(&name);
                self.ask(format!("{name} answers from here on."));
            }
            Effect::UseEffort(level) => {
                let said = format!("The model thinks with effort {level} from here on.");
                self.settings.model.reasoning.effort = Some(level);
                self.ask(said);
            }
            Effect::Interrupt => self.command(Command::Interrupt),
            Effect::Compact => self.command(Command::Compact),
            Effect::Decide { call_id, decision } => {
                self.command(Command::Decide { call_id, decision });
            }
            Effect::Run(line) => {
                self.history.add(&Message::from(format!("! {line}")));
                self.command(Command::Run(line));
            }
            Effect::Stop { pid } => self.command(Command::Stop { pid }),
            Effect::Send(message) => match message.contents(|image| self.load(image)) {
                Ok(contents) => {
                    self.history.add(&self.kept(message));
                    self.command(Command::Send(contents));
                }
                Err(reason) => self.say(Input::NotSent { message, reason }),
            },
            Effect::Review(what) => {
                let prompt = (!what.is_empty()).then_some(what);
                let task = ReviewArgs { prompt, ..ReviewArgs::default() }.task();
                self.command(Command::Send(vec![Content::text(task)]));
            }
            // Asked only where there is no thread.
            Effect::Chosen(_) => {}
            Effect::Name(name) => self.say(Input::Notice(self.name(&name))),
            Effect::TakeBack(what) => self.command(Command::TakeBack(what)),
            Effect::ShowPermissions => {
                self.say(Input::Permissions { about: permissions(self.settings) });
                self.command(Command::Rules(RuleChange::Show));
            }
            Effect::ChangeRules(change) => self.command(Command::Rules(change)),
            Effect::ShowOutput { call_id, title, known } => {
                self.find_output(&call_id, known, |whole| Input::Page {
                    title,
                    page: Page::Plain(whole),
                });
            }
            Effect::FindOutput { item_id, call_id, known } => {
                self.find_output(&call_id, known, |whole| Input::Output { item_id, whole });
            }
            Effect::ShowDiff { turn_runs } => self.show_diff(turn_runs),
            Effect::ShowTrace => self.show_trace(),
            Effect::Copy(text) => copy(&text),
            Effect::Write { path, text } => {
                let name = format!("thread-{}.md", self.thread_id.get(..13).unwrap_or("new"));
                let path = path.unwrap_or_else(|| PathBuf::from(name));
                let shared = session::written_directories(self.settings);
                self.say(Input::Notice(write(&self.absolute(&path), &text, &shared)));
            }
            Effect::FindThreads(how) => {
                let (settings, id) = (self.settings.clone(), self.thread_id.clone());
                self.aside(move || {
                    Some(match others::list(&settings, Some(&id)) {
                        Ok(others::Others { threads, unreadable }) => {
                            Input::Threads { how, threads, unreadable: unreadable.len() }
                        }
                        Err(error) => Input::NotShown(went_wrong(&error)),
                    })
                });
            }
            Effect::FindModels => self.find_models(),
            Effect::FindBranch => self.say(Input::Branch(branch(self.settings))),
            Effect::FindWindow => self.find_window(),
            Effect::UseWindow { model, tokens } => self.use_window(&model, tokens),
            Effect::FindFiles(query) => self.files.find(query),
            // Whoever shows us has done it.
            Effect::Dress(_) => {}
            Effect::TakePicture => {
                let own = session::own_environment(self.settings, self.environment);
                let taking = clipboard::take(self.environment, own, self.pictures());
                let say = self.say.clone();
                tokio::spawn(async move {
                    let _ = say.send(taking.await);
                });
            }
            Effect::Edit(text) => {
                let own = session::own_environment(self.settings, self.environment);
                return Act::Lend(Box::pin(editor::edit(self.environment, own, text)));
            }
            Effect::FindPrompts => {
                let (settings, environment) = (self.settings.clone(), self.environment.clone());
                self.aside(move || Some(Input::Prompts(prompts::find(&settings, &environment))));
            }
        }
        Act::Done
    }

    /// Those of the person's profiles, and those that the provider says it has: not every one says.
    fn find_models(&self) {
        let (say, models) = (self.say.clone(), self.models.clone());
        let mut found = models_of_profiles(self.environment);
        tokio::spawn(async move {
            found.extend(models.list().await.iter().map(|model| model.name.clone()));
            let _ = say.send(Input::Models(found));
        });
        self.find_window();
    }

    /// How much goes into the window, if the provider says it.
    fn find_window(&self) {
        if self.settings.model.context_window.is_some() {
            return;
        }
        let (say, models) = (self.say.clone(), self.models.clone());
        let model = self.settings.model.name.clone();
        tokio::spawn(async move {
            models.list().await;
            if let Some(tokens) = models.window_of(&model) {
                let _ = say.send(Input::Do(vec![Effect::UseWindow { model, tokens }]));
            }
        });
    }

    /// Another model may have been chosen since it was asked for.
    fn use_window(&mut self, model: &str, tokens: u64) {
        if self.settings.model.name != model {
            return;
        }
        self.settings.model.endpoint_window = Some(tokens);
        if let Some(tokens) = session::compact_at(self.settings) {
            self.command(Command::CompactAt(tokens));
        }
        self.say(Input::Facts(self.facts()));
    }

    fn facts(&self) -> Facts {
        facts(self.settings, self.models)
    }

    /// Where pictures of this thread are kept.
    fn pictures(&self) -> PathBuf {
        match &self.settings.state_dir {
            Some(state) => state.join("threads").join(&self.thread_id).join("images"),
            None => std::env::temp_dir().join(format!("agent-{}", self.thread_id)).join("images"),
        }
    }

    fn load(&self, image: &Image) -> Result<Content, String> {
        match &image.source {
            ImageSource::File(path) => {
                let hidden = session::hidden(self.settings, self.environment);
                let hidden = hidden.map_err(|error| error.to_string())?;
                agent_tools::image_content(&self.absolute(path), &hidden)
            }
            ImageSource::Data(url) => {
                Ok(Content::Image { image_url: url.to_string(), detail: ImageDetail::High })
            }
        }
    }

    /// The message with all its pictures in files, as the history keeps it. One for which there is no room stays as it is.
    fn kept(&self, message: Message) -> Message {
        let kept = |mut part: Part| {
            if let Part::Image(image) = &mut part
                && let ImageSource::Data(url) = &image.source
                && let Some((_, encoded)) = url.split_once(";base64,")
                && let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(encoded)
                && let Ok(path) = clipboard::keep(&self.pictures(), "said", &bytes)
            {
                image.source = ImageSource::File(path);
            }
            part
        };
        Message { parts: message.parts.into_iter().map(kept).collect() }
    }

    /// A path as the person gives it.
    fn absolute(&self, path: &Path) -> PathBuf {
        self.environment.absolute(path, &self.settings.workspace.cwd)
    }

    fn command(&self, command: Command) {
        // A thread that is gone says so by itself.
        let _ = self.commands.send(command);
    }

    /// The model is asked as the settings say from now on.
    fn ask(&self, said: String) {
        self.command(Command::Ask(Box::new(session::asked(self.settings))));
        self.say(Input::Facts(self.facts()));
        self.say(Input::Notice(Notice::Said(said)));
    }

    fn say(&self, input: Input) {
        let _ = self.say.send(input);
    }

    /// Does what takes time beside the loop.
    fn aside(&self, work: impl FnOnce() -> Option<Input> + Send + 'static) {
        let say = self.say.clone();
        tokio::task::spawn_blocking(move || {
            if let Some(input) = work() {
                let _ = say.send(input);
            }
        });
    }

    fn name(&self, name: &str) -> Notice {
        let Some(state) = &self.settings.state_dir else {
            return Notice::Failed(
                "Nothing is kept here, so a name would be of no use.".to_owned(),
            );
        };
        match Threads::under(state).set_name(&self.thread_id, name) {
            Ok(()) if name.is_empty() => Notice::Said("This thread has no name.".to_owned()),
            Ok(()) => Notice::Said(format!("This thread is called {name}.")),
            Err(error) => Notice::Failed(error.to_string()),
        }
    }

    /// The whole output is beside the rollout; what is known of it stands in where it is not.
    fn find_output(
        &self,
        call_id: &str,
        known: String,
        told: impl FnOnce(String) -> Input + Send + 'static,
    ) {
        let state = self.settings.state_dir.as_ref();
        let outputs =
            state.map(|state| state.join("threads").join(&self.thread_id).join("outputs"));
        let file = outputs.map(|outputs| agent_tools::output_file(&outputs, call_id));
        self.aside(move || {
            let whole = file.and_then(|file| printed::read(&file)).unwrap_or(known);
            // Of much this takes a while.
            Some(told(plain(&whole).into_owned()))
        });
    }

    fn show_trace(&self) {
        let Some(state) = &self.settings.state_dir else {
            return self.say(not_shown("Nothing is kept here, so nothing can be traced."));
        };
        let rollout = state.join("threads").join(&self.thread_id).join("rollout.jsonl");
        let screen = Screen { coloured: false, ..Screen::of_stdout() };
        self.aside(move || {
            Some(match trace::run(&TraceArgs::default(), &rollout, &[], screen) {
                Ok(text) => Input::Page {
                    title: "Where time and bytes went".to_owned(),
                    page: Page::Plain(text),
                },
                Err(error) => Input::NotShown(went_wrong(&error)),
            })
        });
    }

    fn show_diff(&self, turn_runs: bool) {
        let Some(state) = self.settings.state_dir.clone() else {
            return self.say(not_shown("Nothing is kept here, so no changes are known."));
        };
        let thread = ThreadArg { id: Some(self.thread_id.clone()), ..ThreadArg::default() };
        let args = DiffArgs { thread, ..DiffArgs::default() };
        let cwd = self.settings.workspace.cwd.clone();
        let log = UndoLog::at(&Threads::under(&state).undo_dir(&self.thread_id));
        let say = self.say.clone();
        self.aside(move || {
            if !turn_runs {
                wait_for_last_turn(&log);
            }
            let Difference { text, left_out } = match undo::diff(&args, &state, &cwd, Screen::PLAIN)
            {
                Ok(difference) => difference,
                Err(error) => return Some(Input::NotShown(went_wrong(&error))),
            };
            if !left_out.is_empty() {
                let _ = say.send(Input::Notice(Notice::Said(left_out.trim().to_owned())));
            }
            Some(if text.is_empty() {
                Input::NotShown(Notice::Said("This thread has changed no file.".to_owned()))
            } else {
                let title = "What this thread changed".to_owned();
                Input::Page { title, page: Page::Diff(text) }
            })
        });
    }
}

/// Until it is known what the turn that has just ended changed; not for ever, as it may have broken off.
fn wait_for_last_turn(log: &UndoLog) {
    const PATIENCE: Duration = Duration::from_secs(5);
    let began = Instant::now();
    while log.has_open_turn() && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What may be done, in words.
fn permissions(settings: &Settings) -> String {
    let rules = &settings.permissions;
    let sandbox = match rules.sandbox {
        SandboxMode::ReadOnly => "Commands and edits may write nothing but temporary files.",
        SandboxMode::WorkspaceWrite => "Commands and edits may write in the working directory.",
        SandboxMode::DangerFullAccess => "There is no sandbox: commands may do what you may do.",
    };
    let approval = asked(rules.approval);
    let network = match (rules.sandbox, rules.network) {
        (SandboxMode::DangerFullAccess, _) | (_, true) => "Commands may use the network.",
        (_, false) => "Commands have no network.",
    };
    let trust = match (rules.trusted, settings.project.not_used()) {
        (true, None) => "This directory is trusted: its own configuration counts.",
        (true, Some(_)) => {
            "This directory is trusted: its own configuration counts where it is as you accepted it."
        }
        (false, _) => "This directory is not trusted: its own configuration does not count.",
    };
    let roots =
        rules.writable_roots.iter().map(|root| format!("Writable too: {}\n", root.display()));
    let modes = format!("sandbox {}, asks {}", rules.sandbox, rules.approval);
    format!("{sandbox} {network}\n{approval}\n{trust}\n{}{modes}", roots.collect::<String>())
}

/// About what the person is asked, in words.
pub(super) fn asked(policy: ApprovalPolicy) -> &'static str {
    match policy {
        ApprovalPolicy::Untrusted => {
            "You are asked before everything that is not known to only look."
        }
        ApprovalPolicy::OnRequest => {
            "You are asked when the model wants more than the sandbox gives."
        }
        ApprovalPolicy::Granular(_) => {
            "You are asked about those things that `approval_policy` lets through to you."
        }
        ApprovalPolicy::Never => "You are never asked: what would need a question is refused.",
    }
}

/// What went wrong, as a sentence like the others on the screen: in the shell it stands behind `error: `.
pub(super) fn sentence(error: &anyhow::Error) -> String {
    let mut text = crate::error::message(error);
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

pub(super) fn went_wrong(error: &anyhow::Error) -> Notice {
    let is_locked = matches!(error.downcast_ref(), Some(agent_core::RolloutError::Locked { .. }));
    let beside = if is_locked { " /fork goes on beside it, in a thread of its own." } else { "" };
    Notice::Failed(sentence(error) + beside)
}

pub(super) fn failed(text: &str) -> Input {
    Input::Notice(Notice::Failed(text.to_owned()))
}

fn not_shown(why: &str) -> Input {
    Input::NotShown(Notice::Failed(why.to_owned()))
}

/// By the terminal, which knows the clipboard even where it is on another machine.
fn copy(text: &str) {
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    let mut out = std::io::stdout();
    // A terminal that is gone ends the screen by itself.
    let _ = write!(out, "\x1b]52;c;{encoded}\x07").and_then(|()| out.flush());
}

/// Writes a new file, through no link of a command's that leads out of the `shared` directories; one that is there stays as
/// it is.
fn write(path: &Path, text: &str, shared: &[PathBuf]) -> Notice {
    let file = match OutputFile::find(path, Links::Refused, shared) {
        Ok(file) => file,
        Err(error) => return Notice::Failed(sentence(&error)),
    };
    match file.write_new(text) {
        Ok(()) => Notice::Said(format!("Written to {}.", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Notice::Failed(format!("{} is there already; name another file.", path.display()))
        }
        Err(error) => Notice::Failed(format!("Cannot write {}: {error}.", path.display())),
    }
}
