//! The commands of a thread that outlived their calls: listed, and at the end kept or ended. The end of all commands is
//! waited for here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::process::{Command, Ended};
use crate::sandbox::Exit;
use crate::terminal::Terminals;

/// A process that outlived its call, and what became of it at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaped {
    pub pid: u32,
    pub command: String,
    pub reason: String,
}

/// The commands of a thread that outlived their calls, by the number the model knows them by.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<Open>,
    pub(crate) ends: Arc<Ends>,
    /// All commands, also those of calls under way.
    pub(crate) living: Living,
    /// Theirs.
    pub(crate) terminals: Terminals,
}

#[derive(Default)]
struct Open {
    sessions: BTreeMap<u32, Session>,
    /// The number that was given last. None is given twice: what was allowed for one command would hold for another.
    last: u32,
}

/// How long the end of commands is waited for: longer than rooms take to end by force what does not end by itself.
const ENDING: Duration = Duration::from_secs(3);

/// A command the model can come back to.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) command: Arc<Command>,
    /// As the model wrote it.
    pub(crate) line: String,
    /// It runs outside the sandbox.
    pub(crate) escalated: bool,
}

/// What becomes of it when the agent ends. Nobody would be there to end one whose time is limited.
fn left_running(command: &Command) -> String {
    if command.is_limited() {
        return "ended, as its time is limited".to_owned();
    }
    match command.keep() {
        Some(path) => format!("left running; its output goes to {}", path.display()),
        None => "ended, as there is no place for its output".to_owned(),
    }
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, session: Session) -> u32 {
        self.ends.begin(&session);
        let mut open = self.lock();
        open.last += 1;
        let number = open.last;
        open.sessions.insert(number, session);
        number
    }

    pub(crate) fn get(&self, number: u32) -> Option<Session> {
        self.lock().sessions.get(&number).cloned()
    }

    pub(crate) fn remove(&self, number: u32) {
        self.lock().sessions.remove(&number);
    }

    /// Ends the one of this process id. It is ended by the last that lets go of it.
    pub(crate) fn end(&self, pid: u32) -> Option<String> {
        let open = &mut self.lock().sessions;
        let number = open.iter().find(|(_, session)| session.command.pid == pid)?.0;
        let number = *number;
        self.ends.forget(pid);
        open.remove(&number).map(|session| session.line)
    }

    /// The numbers of those that are open.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.lock().sessions.keys().copied().collect()
    }

    /// Lets those that are still running live on after the agent, and ends the rest. Returns what became of each.
    pub(crate) async fn keep_all(&self) -> Vec<Reaped> {
        let sessions = std::mem::take(&mut self.lock().sessions);
        let running = sessions.into_values().filter(|session| !session.command.has_ended());
        let left = running
            .map(|session| Reaped {
                pid: session.command.pid,
                reason: left_running(&session.command),
                command: session.line,
            })
            .collect();
        self.living.ended(ENDING).await;
        left
    }

    /// Ends all of them, and waits until they and those that nobody wants any more are gone. Returns those that were
    /// still running.
    pub(crate) async fn end_all(&self) -> Vec<Reaped> {
        let sessions = std::mem::take(&mut self.lock().sessions);
        let running = sessions.into_values().filter(|session| !session.command.has_ended());
        let reaped = running
            .map(|session| Reaped {
                pid: session.command.pid,
                command: session.line,
                reason: "ended, as it was still running at the end".to_owned(),
            })
            .collect();
        self.living.ended(ENDING).await;
        reaped
    }
}

/// Tells of the ends of commands in the background, whether or not the model asks for them.
#[derive(Default)]
pub(crate) struct Ends(Mutex<Background>);

#[derive(Default)]
struct Background {
    /// Their lines, by process id.
    running: BTreeMap<u32, String>,
    told: Option<mpsc::UnboundedSender<Reaped>>,
}

impl Ends {
    fn lock(&self) -> MutexGuard<'_, Background> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where they are told from now on.
    pub(crate) fn hear(&self) -> mpsc::UnboundedReceiver<Reaped> {
        let (told, hearing) = mpsc::unbounded_channel();
        self.lock().told = Some(told);
        hearing
    }

    fn begin(&self, session: &Session) {
        let pid = session.command.pid;
        self.lock().running.insert(pid, session.line.clone());
        // It may have ended since its call was over.
        if let Some(ended) = session.command.ended() {
            self.over(pid, ended);
        }
    }

    /// The command of this process id has ended; most are none of these.
    pub(crate) fn over(&self, pid: u32, ended: Ended) {
        let mut background = self.lock();
        let Some(command) = background.running.remove(&pid) else { return };
        if let Some(told) = &background.told {
            let _ = told.send(Reaped { pid, command, reason: how(ended) });
        }
    }

    fn forget(&self, pid: u32) {
        self.lock().running.remove(&pid);
    }
}

fn how(ended: Ended) -> String {
    let after = ended.after.as_secs_f64();
    match ended.exit {
        _ if ended.timed_out => format!("ended after {after:.1} s, as its time was up"),
        Some(Exit::Code(code)) => format!("exit code {code} after {after:.1} s"),
        Some(Exit::Signal(signal)) => format!("ended by signal {signal} after {after:.1} s"),
        None => format!("ended from outside after {after:.1} s"),
    }
}

/// Counts the commands that are not over yet, wanted or not, so that their end can be waited for.
#[derive(Default)]
pub(crate) struct Living(Arc<watch::Sender<usize>>);

/// One of them.
pub(crate) struct Life(Arc<watch::Sender<usize>>);

impl Living {
    pub(crate) fn begin(&self) -> Life {
        self.0.send_modify(|living| *living += 1);
        Life(self.0.clone())
    }

    /// Waits until none is left, but not longer than `limit`.
    async fn ended(&self, limit: Duration) {
        let mut living = self.0.subscribe();
        let _ = tokio::time::timeout(limit, living.wait_for(|living| *living == 0)).await;
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.send_modify(|living| *living -= 1);
    }
}
