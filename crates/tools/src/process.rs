//! Commands while they run: each is followed by a task of its own that collects what it prints, so that it never
//! waits for us. One that outlives its call becomes a session. Dropping a command ends its whole room.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::Progress;
use crate::live::Live;
use crate::output::{Capture, Decoder, Ends, Kept};
use crate::sandbox::{
    Errand, Exit, Input, Launched, NotStarted, Order, Reach, Sandbox, SandboxError,
};
use crate::terminal::{AskedSize, Terminal, Terminals};

/// A process that outlived its call, and what became of it at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaped {
    pub pid: u32,
    pub command: String,
    pub reason: String,
}

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) argv: Vec<OsString>,
    pub(crate) cwd: PathBuf,
    /// Beside the environment that all commands get.
    pub(crate) env: Vec<(OsString, OsString)>,
    /// It gets a terminal, and can be written to.
    pub(crate) terminal: Option<AskedSize>,
    /// Where its whole output goes when it is long.
    pub(crate) spill: PathBuf,
}

/// A command that was started, and may be over.
pub(crate) struct Command {
    pub(crate) pid: u32,
    pub(crate) started: Instant,
    state: Arc<Shared>,
    /// Dropping it asks the command to end; sending, to go on without us, its output going to the file.
    leave: Mutex<Option<oneshot::Sender<File>>>,
    terminal: Option<Arc<Terminal>>,
}

/// What the task and the calls share.
struct Shared {
    progress: Mutex<State>,
    changed: Notify,
}

struct State {
    capture: Capture,
    decoder: Decoder,
    ended: Option<Ended>,
    /// Who watches the output as it comes.
    watcher: Option<Live>,
}

/// How it ended, and after how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// None: its room was ended from outside.
    pub(crate) exit: Option<Exit>,
    pub(crate) after: Duration,
}

/// What a call may report of a command.
pub(crate) struct Report {
    pub(crate) ended: Option<Ended>,
    /// Printed since the last report.
    pub(crate) new: Ends,
    pub(crate) kept: Kept,
}

impl Command {
    /// # Errors
    /// When the sandbox cannot be set up, or the command not be started in it.
    pub(crate) async fn start(
        sandbox: &Sandbox,
        launch: Launch,
        sessions: &Sessions,
    ) -> Result<Self, SandboxError> {
        let room = sandbox.room().await?;
        let size = launch.terminal.map(|asked| sessions.terminals.size(asked));
        let input = size.map_or(Input::Empty, Input::Terminal);
        let terminal_name = if launch.terminal.is_some() { "xterm-256color" } else { "dumb" };
        let mut env = launch.env;
        env.push(("TERM".into(), terminal_name.into()));
        let errand = Errand {
            order: Order::Run(launch.argv),
            cwd: launch.cwd,
            env,
            reach: Reach::Policy,
            input,
        };
        let started = Instant::now();
        let (launched, output, terminal) = if let Some(asked) = launch.terminal {
            let (launched, terminal) = room.launch(errand, &[]).await?;
            let terminal = terminal.ok_or_else(|| NotStarted::from("it got no terminal"))?;
            let terminal = Arc::new(nonblocking(terminal)?);
            (launched, terminal.clone(), Some(sessions.terminals.open(terminal, asked)?))
        } else {
            let (reader, writer) = io::pipe()?;
            // One pipe for both: what is printed to either stays in its order.
            let (launched, _) = room.launch(errand, &[writer.as_fd(), writer.as_fd()]).await?;
            (launched, Arc::new(nonblocking(reader.into())?), None)
        };
        let state = Arc::new(Shared {
            progress: Mutex::new(State {
                capture: Capture::new(launch.spill),
                decoder: Decoder::default(),
                ended: None,
                watcher: None,
            }),
            changed: Notify::new(),
        });
        let pid = launched.pid();
        let (stop, stopped) = oneshot::channel();
        let life = sessions.living.begin();
        let following = follow(launched, output, state.clone(), started, stopped);
        tokio::spawn(async move {
            following.await;
            drop(life);
        });
        Ok(Self { pid, started, state, leave: Mutex::new(Some(stop)), terminal })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Sends what it prints from now on to `watcher`.
    pub(crate) fn watch(&self, watcher: mpsc::UnboundedSender<Progress>) {
        self.state().watcher = Some(Live::to(watcher));
    }

    /// Waits until it is over, but not longer than `limit`. Cancel safe.
    pub(crate) async fn over(&self, limit: Duration) {
        let _ = tokio::time::timeout(limit, async {
            loop {
                let changed = self.state.changed.notified();
                if self.state().ended.is_some() {
                    return;
                }
                changed.await;
            }
        })
        .await;
    }

    pub(crate) fn report(&self) -> Report {
        let mut state = self.state();
        state.watcher = None;
        Report { ended: state.ended, new: state.capture.take_unread(), kept: state.capture.kept() }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state().ended.is_some()
    }

    /// All it printed, at most about `limit` bytes, and whether something is missing.
    pub(crate) fn output(&self, limit: usize) -> (String, bool) {
        self.state().capture.all().text(limit)
    }

    /// Lines it printed so far.
    pub(crate) fn lines(&self) -> u64 {
        self.state().capture.all().lines()
    }

    /// Lets it live on after the agent. Returns where its output goes; none when there is no such place, and then it
    /// ends like any other.
    pub(crate) fn keep(&self) -> Option<PathBuf> {
        let leave = self.leave.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let (file, path) = self.state().capture.hand_over()?;
        leave.send(file).ok()?;
        Some(path)
    }

    /// Its terminal.
    ///
    /// # Errors
    /// When it has none.
    pub(crate) fn terminal(&self) -> io::Result<&Terminal> {
        let none = || io::Error::other("it has no terminal; its standard input is empty");
        self.terminal.as_deref().ok_or_else(none)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(unsafe_code, reason = "tokio asks for a promise that an owned descriptor keeps")]
fn nonblocking(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    rustix::io::ioctl_fionbio(&descriptor, true)?;
    // SAFETY: the descriptor is owned by what is returned, and nobody replaces or closes it there.
    Ok(unsafe { AsyncFd::register(descriptor) }?)
}

/// Bytes in one go from which a command prints much.
const MUCH: usize = 16 * 1024;

/// Collects until the command is over, its room empty and its output at its end: all of it, and nothing longer. When
/// nobody wants the command any more, it is ended.
async fn follow(
    mut launched: Launched,
    output: Arc<AsyncFd<OwnedFd>>,
    state: Arc<Shared>,
    started: Instant,
    mut left: oneshot::Receiver<File>,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut exit = None;
    let mut open = true;
    let mut wanted = true;
    while exit.is_none() || open {
        tokio::select! {
            biased;
            keeping = &mut left, if wanted => match keeping {
                Ok(file) => {
                    // A room that is gone meanwhile has nothing left to keep.
                    let _ = launched.keep(output.get_ref().as_fd(), file.as_fd()).await;
                    return;
                }
                Err(_) => {
                    wanted = false;
                    launched.end().await;
                }
            },
            read = output.async_io(Interest::READABLE, |output| Ok(rustix::io::read(output, &mut buffer[..])?)), if open => {
                match read {
                    Ok(0) | Err(_) => open = false,
                    Ok(read) => {
                        state.take(&buffer[..read]);
                        // Who watches is to keep up with a command that prints without end, or all of it piles up.
                        if read >= MUCH {
                            tokio::task::yield_now().await;
                        }
                    }
                }
            }
            ended = launched.exit(), if exit.is_none() => exit = Some(ended),
        }
    }
    state.lock().ended = Some(Ended { exit: exit.flatten(), after: started.elapsed() });
    state.changed.notify_waiters();
}

/// Counts the commands that are not over yet, wanted or not, so that their end can be waited for.
#[derive(Default)]
pub(crate) struct Living(Arc<watch::Sender<usize>>);

/// One of them.
struct Life(Arc<watch::Sender<usize>>);

impl Living {
    fn begin(&self) -> Life {
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

impl Shared {
    fn take(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.capture.push(bytes);
        let text = state.decoder.push(bytes);
        if let Some(watcher) = &mut state.watcher {
            watcher.show(text, Instant::now());
        }
    }
}

/// The commands of a thread that outlived their calls, by the number the model knows them by.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<Open>,
    /// All commands, also those of calls under way.
    living: Living,
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

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, session: Session) -> u32 {
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
                reason: match session.command.keep() {
                    Some(path) => format!("left running; its output goes to {}", path.display()),
                    None => "ended, as there is no place for its output".to_owned(),
                },
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
