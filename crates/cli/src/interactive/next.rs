//! What comes after a thread: another one, or the same one with something changed.

use std::path::Path;
use std::time::Instant;

use agent_core::{Origin, Threads, UndoLog};
use agent_protocol::{Event, Item, ItemDetails, Record, SandboxMode};
use agent_tui::composer::Message;
use agent_tui::effect::{GoOn, Input, Next, Scope, TrustAnswer};
use agent_tui::exact_name;
use agent_tui::transcript::Notice;
use anyhow::Context as _;

use super::opening::{Opened, open};
use super::{Stage, desk, going_on};
use crate::config::Homes;
use crate::credentials;
use crate::models::Models;
use crate::screen::Screen;
use crate::session::Begin;
use crate::settings::Settings;
use crate::threads::ThreadArg;
use crate::undo::{self, UndoArgs, Undone};

const FILES_CAME_BACK: &str = "The person has taken back an undo of files that you changed; look at them again before you \
                               rely on them.";

const FILES_WENT_BACK: &str =
    "The person has put back files that you changed; look at them again before you rely on them.";

/// Where nothing of a turn could be put back, the next undo is about the same one.
const PAST_IT: &str = "/undo stays at this turn; /rewind goes on to those before it.";

impl Stage<'_> {
    /// Opens what comes after the thread of this id. What cannot be done is said, and the thread goes on.
    pub(super) fn next(&mut self, id: &str, next: Next) -> anyhow::Result<Opened> {
        let before = (self.settings.clone(), self.approval);
        self.begin_next(id, next).or_else(|error| {
            // What does not work must not cost the conversation.
            let _ = self.say.send(Input::NotOpened(desk::went_wrong(&error)));
            (self.settings, self.approval) = before;
            let opened = self.open(self.again(id)?, vec![])?;
            Ok(Opened { earlier: vec![], ..opened })
        })
    }

    fn begin_next(&mut self, id: &str, next: Next) -> anyhow::Result<Opened> {
        let mut remarks = vec![];
        // Something was done, whatever comes of the rest.
        let mut is_done = true;
        // What the answer lets begin goes on by itself.
        let begins = matches!(next, Next::Trust { .. });
        let said = match next {
            Next::New => {
                let opened = self.open(Begin::New, remarks)?;
                self.forget_if_empty(id);
                self.app.clear();
                return Ok(opened);
            }
            Next::Earlier(how, which) => return self.earlier(id, how, &which),
            Next::Trust { answer, then } => {
                let _ = self.say.send(Input::Do(then));
                match self.trust(answer) {
                    Ok(said) => Notice::Said(said),
                    Err(error) => {
                        // It is not asked again and again.
                        self.settings.asks_trust = None;
                        Notice::Failed(desk::sentence(&error))
                    }
                }
            }
            Next::Key(key) => Notice::Said(self.use_key(&key)?),
            Next::Rewind { turn, scope } => return self.rewind(id, turn, scope),
            Next::Sandbox(mode) => {
                is_done = false;
                self.settings.permissions.sandbox = mode;
                let warning = match mode {
                    SandboxMode::DangerFullAccess => " Commands may do what you may do.",
                    SandboxMode::ReadOnly | SandboxMode::WorkspaceWrite => "",
                };
                Notice::Said(format!("The sandbox is {mode} from here on.{warning}"))
            }
            Next::Approvals(policy) => {
                is_done = false;
                self.approval = Some(policy);
                self.settings.permissions.approval = policy;
                let says = desk::asked(policy);
                Notice::Said(format!("The approval policy is {policy} from here on. {says}"))
            }
            Next::Undo => match self.undo(id, UndoArgs::default()) {
                Ok(undone) if undone.take_back.is_empty() => {
                    let text = undone.text.trim_end();
                    Notice::Said(format!("{text}\n{PAST_IT}"))
                }
                Ok(undone) => {
                    let text = undone.text.trim_end();
                    remarks.push(format!("{FILES_WENT_BACK}\n{text}"));
                    Notice::Said(format!("{text}\n/redo takes this back."))
                }
                Err(error) => Notice::Failed(desk::sentence(&error)),
            },
            Next::Redo => match self.undo(id, UndoArgs { redo: true, ..UndoArgs::default() }) {
                Ok(undone) => {
                    let text = undone.text.trim_end().to_owned();
                    remarks.push(format!("{FILES_CAME_BACK}\n{text}"));
                    Notice::Said(text)
                }
                Err(error) => Notice::Failed(desk::sentence(&error)),
            },
        };
        let opened = self.again(id).and_then(|begin| self.open(begin, remarks));
        if is_done || opened.is_ok() {
            self.app.update(Input::Notice(said));
        }
        if !begins {
            self.go_on();
        }
        // It is on the screen already.
        Ok(Opened { earlier: vec![], ..opened? })
    }

    /// What waited behind what is done now goes on in the thread that comes.
    fn go_on(&self) {
        let _ = self.say.send(Input::Do(vec![]));
    }

    /// Opens an earlier thread after the one of this id.
    fn earlier(&mut self, id: &str, how: GoOn, which: &str) -> anyhow::Result<Opened> {
        let threads = Threads::under(crate::state_dir(&self.settings)?);
        let opened = self.open(going_on(how, threads.find(which)?.path), vec![])?;
        if how == GoOn::Fork && which == id {
            let said = "A new thread goes on from here; the one before stays as it is.";
            self.app.update(Input::Notice(Notice::Said(said.to_owned())));
            self.go_on();
            return Ok(Opened { earlier: vec![], ..opened });
        }
        self.forget_if_empty(id);
        Ok(opened)
    }

    /// Asks with this key from now on. Where one of ours is kept it takes its place; what the environment says counts
    /// again the next time.
    fn use_key(&mut self, key: &str) -> anyhow::Result<String> {
        let provider = &self.settings.provider;
        let Some(variable) = provider.key_variable.clone() else {
            anyhow::bail!("{} takes no key", provider.name);
        };
        let home = Homes::of(&self.environment).agent;
        let file = home.as_deref().map(credentials::file);
        let is_kept = provider.key_source.is_none()
            || file
                .as_ref()
                .is_some_and(|file| provider.key_source == Some(file.display().to_string()));
        let until = match (&home, &file) {
            (Some(home), Some(file)) if is_kept => {
                credentials::keep(home, &provider.id, key)
                    .with_context(|| format!("cannot keep the key in {}", file.display()))?;
                format!("It is kept in {}.", exact_name(&file.display().to_string()))
            }
            _ => format!("It is for this run; to keep it: export {variable}=…"),
        };
        self.environment = self.environment.clone().with(&variable, key);
        self.settings.provider = Settings::resolve(self.args, &self.environment)?.provider;
        self.models = Models::of(&self.settings, &self.environment);
        Ok(format!("The new key for {} counts from here on. {until}", self.settings.provider.name))
    }

    /// Remembers what was said of this directory and its configuration as they were shown, and lets that count at once.
    fn trust(&mut self, answer: TrustAnswer) -> anyhow::Result<String> {
        self.settings
            .project
            .remember(crate::state_dir(&self.settings)?, answer)
            .context("cannot remember it")?;
        // What was changed on the screen stays changed.
        let model = self.settings.model.clone();
        self.settings = Settings::resolve(self.args, &self.environment)?;
        self.app.update(Input::OtherPrompts);
        self.settings.model = model;
        if let Some(policy) = self.approval {
            self.settings.permissions.approval = policy;
        }
        // Its configuration may name another provider.
        self.models = Models::of(&self.settings, &self.environment);
        let (project, mode) = (&self.settings.project, self.settings.permissions.sandbox);
        let directory = exact_name(&project.directory().display().to_string()).into_owned();
        if answer == TrustAnswer::Nothing {
            return Ok(format!("{directory} is not trusted; the sandbox is {mode}."));
        }
        let mut said = format!("{directory} is trusted; the sandbox is {mode}.");
        let (used, declined) = (project.names().join(", "), project.declined().join(", "));
        if !used.is_empty() {
            said += &format!(" Of its own configuration counts: {}.", exact_name(&used));
        }
        if !declined.is_empty() {
            let declined = exact_name(&declined);
            said += &format!(
                "\nWithout effect, as you declined it: {declined}; /trust accepts it as it is."
            );
        }
        Ok(said)
    }

    /// Opens the thread of this id as it was before a turn. As it is now it stays on the disk.
    fn rewind(&mut self, id: &str, turn: u32, scope: Scope) -> anyhow::Result<Opened> {
        let mut said = vec![];
        if scope != Scope::Conversation {
            said.push(match self.undo_from(id, turn) {
                Ok((text, undone)) => {
                    let way = way_back(id, scope, undone);
                    [text].into_iter().chain(way).collect::<Vec<_>>().join("\n")
                }
                Err(error) => desk::sentence(&error),
            });
        }
        let remarks = match scope {
            Scope::Conversation => vec![],
            Scope::Files | Scope::Both => vec![FILES_WENT_BACK.to_owned()],
        };
        let begin = self.again(id)?;
        let opened = match begin {
            Begin::Resume(path) if scope != Scope::Files => {
                let message = message_of(&path, turn).unwrap_or_else(|| {
                    Message::from(self.app.message_of(turn).unwrap_or_default())
                });
                let threads = Threads::under(crate::state_dir(&self.settings)?);
                let opened =
                    self.open(Begin::Resume(threads.fork_before(&path, turn)?), remarks)?;
                self.app.clear();
                self.app.remember(&opened.earlier);
                self.app.skip_what_was_shown();
                let shown = message.shown();
                let first = shown.lines().next().unwrap_or_default();
                said.insert(
                    0,
                    format!(
                        "Back to before “{first}”. What came after it is kept as the thread {id}."
                    ),
                );
                self.app.update(Input::SayAgain(message));
                opened
            }
            begin => self.open(begin, remarks)?,
        };
        self.app.update(Input::Notice(Notice::Said(said.join("\n"))));
        Ok(Opened { earlier: vec![], ..opened })
    }

    /// Puts back what the turns from this one on changed. Returns also how many undos can be taken back.
    fn undo_from(&self, id: &str, turn: u32) -> anyhow::Result<(String, usize)> {
        let state = crate::state_dir(&self.settings)?;
        let threads = Threads::under(state);
        let thread = threads.find(id)?;
        let log = UndoLog::at(&threads.undo_dir(&thread.id));
        let (mut said, mut done) = (String::new(), 0);
        for set in log.sets()?.iter().rev() {
            let is_meant = matches!(set.origin, Origin::Turn(number) if number >= turn);
            // What has to stay of one turn keeps nothing of the turns before it.
            if is_meant && !set.changes.is_empty() && !log.is_undone(set.number)? {
                let args = UndoArgs { set: Some(set.number), ..UndoArgs::default() };
                let undone = self.undo(id, args)?;
                said.push_str(&undone.text);
                done += usize::from(!undone.take_back.is_empty());
            }
        }
        for outside in undo::outside(&thread)?.iter().filter(|outside| outside.turn >= turn) {
            said.push_str(&outside.lines("not put back", &thread.cwd));
        }
        if said.is_empty() {
            said.push_str("No file was changed since then.");
        }
        Ok((said.trim_end().to_owned(), done))
    }

    /// The thread of this id again; a new one where nothing was said or run in it, so that it begins with what now
    /// holds.
    fn again(&self, id: &str) -> anyhow::Result<Begin> {
        if !self.app.has_turns() && !self.has_own_lines(id) {
            self.forget_if_empty(id);
            return Ok(Begin::New);
        }
        let state = crate::state_dir(&self.settings)?;
        Ok(Begin::Resume(Threads::under(state).find(id)?.path))
    }

    /// Whether the person has run something in this thread: the model has yet to read of it.
    fn has_own_lines(&self, id: &str) -> bool {
        let Some(state) = &self.settings.state_dir else { return false };
        let found = Threads::under(state).find(id);
        let records = found.ok().and_then(|thread| agent_core::read_rollout(&thread.path).ok());
        let is_own_line = |record: &Record| {
            let Event::ItemCompleted { item } = &record.event else { return false };
            matches!(item.details, ItemDetails::CommandExecution(_))
        };
        records.is_some_and(|loaded| loaded.records.iter().any(is_own_line))
    }

    pub(super) fn open(&self, begin: Begin, remarks: Vec<String>) -> anyhow::Result<Opened> {
        // An answer in the thread before may have made rules.
        let settings = self.settings.with_rules_of_now(&self.environment);
        open(&settings, begin, remarks, &self.environment, Instant::now())
    }

    /// A thread in which nothing was said is not worth keeping.
    pub(super) fn forget_if_empty(&self, id: &str) {
        let Some(state) = self.settings.state_dir.as_ref().filter(|_| !self.app.has_turns()) else {
            return;
        };
        let threads = Threads::under(state);
        if let Ok(thread) = threads.find(id) {
            // It is in nobody's way.
            let _ = threads.remove(&thread);
        }
    }

    /// Puts files of this thread back as `args` say.
    fn undo(&self, id: &str, args: UndoArgs) -> anyhow::Result<Undone> {
        let state = crate::state_dir(&self.settings)?;
        let thread = ThreadArg { id: Some(id.to_owned()), ..ThreadArg::default() };
        let args = UndoArgs { thread, ..args };
        undo::undo(&args, state, &self.settings.workspace.cwd, Screen::PLAIN)
    }
}

/// How so many undos of the thread of this id are taken back; none where there are none. On the screen that is about the
/// thread that goes on, which is another one where the conversation went back too.
fn way_back(id: &str, scope: Scope, undos: usize) -> Option<String> {
    let command = match scope {
        Scope::Files => "/redo".to_owned(),
        Scope::Conversation | Scope::Both => format!("agent undo {id} --redo"),
    };
    match undos {
        0 => None,
        1 => Some(format!("To take this back: {command}")),
        _ => Some(format!("To take this back: {command}, {undos} times, a turn each time")),
    }
}

/// The message that began the turn of this number, with its pictures.
fn message_of(rollout: &Path, turn: u32) -> Option<Message> {
    let records = agent_core::read_rollout(rollout).ok()?.records;
    let begins = |record: &&Record| matches!(record.event, Event::TurnStarted {});
    let mut begun = records.iter().enumerate().filter(|(_, record)| begins(record));
    let (at, _) = begun.nth(usize::try_from(turn).ok()?.checked_sub(1)?)?;
    let said = records[at + 1..].iter().take_while(|record| !begins(record)).find(|record| {
        let Event::ItemCompleted { item } = &record.event else { return false };
        matches!(item.details, ItemDetails::UserMessage { .. })
    })?;
    let contents: Vec<_> = said.wire.iter().flat_map(Item::content).collect();
    (!contents.is_empty()).then(|| Message::sent(&contents))
}
