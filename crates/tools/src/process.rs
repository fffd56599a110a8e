//! Commands while they run: each is followed by a task of its own that collects what it prints, so that it never
//! waits for us. One that outlives its call becomes a session. Dropping a command ends its whole room.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::{ioctl_fionread, retry_on_intr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, mpsc};

use crate::Progress;
use crate::exec_command::Directory;
use crate::live::Live;
use crate::output::{Capture, Decoder, Kept};
use crate::redact::{Redactor, Secrets};
use crate::sandbox::{
    Errand, Exit, Input, Launched, NotStarted, Order, Reach, Sandbox, SandboxError,
};
use crate::sessions::Sessions;
use crate::terminal::{AskedSize, Terminal};

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) argv: Vec<OsString>,
    pub(crate) cwd: PathBuf,
    /// It runs in this one or not at all.
    pub(crate) directory: Option<Directory>,
    /// Beside the environment that all commands get.
    pub(crate) env: Vec<(OsString, OsString)>,
    /// It gets a terminal, and can be written to.
    pub(crate) terminal: Option<AskedSize>,
    /// Where its whole output goes when it is long.
    pub(crate) spill: PathBuf,
    /// What is taken out of its output.
    pub(crate) secrets: Secrets,
    /// After so long it is ended with all it started.
    pub(crate) at_most: Option<Duration>,
}

/// A command that was started, and may be over.
pub(crate) struct Command {
    pub(crate) pid: u32,
    pub(crate) started: Instant,
    state: Arc<Shared>,
    /// Dropping it asks the command to end.
    asks: Mutex<Option<mpsc::UnboundedSender<Ask>>>,
    is_limited: bool,
    terminal: Option<Arc<Terminal>>,
}

/// What the task that follows a command is asked for.
enum Ask {
    /// To send this signal to its process group.
    Signal(i32),
    /// To let it go on without us, its output going to the file.
    Leave(File),
}

/// What the task and the calls share.
struct Shared {
    progress: Mutex<State>,
    changed: Notify,
}

struct State {
    /// What everything printed goes through first.
    redactor: Redactor,
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
    /// It had taken all the time it was given.
    pub(crate) timed_out: bool,
}

/// What a call may report of a command.
pub(crate) struct Report {
    pub(crate) ended: Option<Ended>,
    /// Printed since the last report, as much as there is room for.
    pub(crate) new: String,
    /// Bytes printed since then.
    pub(crate) bytes: u64,
    /// Where the whole is when something is missing.
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
            directory: launch.directory.as_ref().map(|directory| directory.id),
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
                redactor: Redactor::new(&launch.secrets),
                capture: Capture::new(launch.spill),
                decoder: Decoder::default(),
                ended: None,
                watcher: None,
            }),
            changed: Notify::new(),
        });
        let pid = launched.pid();
        let (asks, asked) = mpsc::unbounded_channel();
        let life = sessions.living.begin();
        let time = Time { started, at_most: launch.at_most };
        let following = follow(launched, output, state.clone(), time, asked);
        let (ends, shared) = (sessions.ends.clone(), state.clone());
        tokio::spawn(async move {
            following.await;
            let ended = shared.lock().ended;
            if let Some(ended) = ended {
                ends.over(pid, ended);
            }
            drop(life);
        });
        let (asks, is_limited) = (Mutex::new(Some(asks)), launch.at_most.is_some());
        Ok(Self { pid, started, state, asks, is_limited, terminal })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Sends what it prints from now on to `watcher`.
    pub(crate) fn watch(&self, watcher: mpsc::Sender<Progress>) {
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

    /// What it printed since the last report is cut to about `limit` bytes.
    pub(crate) fn report(&self, limit: usize) -> Report {
        let mut state = self.state();
        state.pass_on();
        state.watcher = None;
        let unread = state.capture.take_unread();
        let (new, is_cut) = unread.text(limit);
        let kept = if is_cut { state.capture.keep() } else { Kept::Nothing };
        Report { ended: state.ended, new, bytes: unread.total(), kept }
    }

    pub(crate) fn ended(&self) -> Option<Ended> {
        self.state().ended
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended().is_some()
    }

    /// All it prints is in its file from here on.
    pub(crate) fn keep_output(&self) {
        self.state().capture.keep();
    }

    /// All it printed, at most about `limit` bytes, and whether something is missing.
    pub(crate) fn output(&self, limit: usize) -> (String, bool) {
        self.state().capture.all().text(limit)
    }

    /// Lines it printed so far.
    pub(crate) fn lines(&self) -> u64 {
        self.state().capture.all().lines()
    }

    fn asks(&self) -> MutexGuard<'_, Option<mpsc::UnboundedSender<Ask>>> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a signal to its process group, unless it is over.
    pub(crate) fn signal(&self, number: i32) {
        let _ = self.asks().as_ref().map(|asks| asks.send(Ask::Signal(number)));
    }

    /// It may run for some time only.
    pub(crate) fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// Lets it live on after the agent. Returns where its output goes; none when there is no such place, and then it
    /// ends like any other.
    pub(crate) fn keep(&self) -> Option<PathBuf> {
        let asks = self.asks().take()?;
        let (file, path) = self.state().capture.hand_over()?;
        asks.send(Ask::Leave(file)).ok()?;
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

    fn take(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let bytes = state.redactor.push(bytes);
        state.take(&bytes);
    }

    fn end(&self, ended: Ended) {
        let mut state = self.lock();
        let rest = state.redactor.finish();
        state.take(&rest);
        state.pass_on();
        state.ended = Some(ended);
    }

    /// Pends until something that was printed is to be passed on, and for ever where nothing is.
    async fn is_due(&self) {
        let due = self.lock().watcher.as_ref().and_then(Live::due);
        match due {
            Some(due) => tokio::time::sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    }
}

impl State {
    /// What may be seen.
    fn take(&mut self, bytes: &[u8]) {
        self.capture.push(bytes);
        let text = self.decoder.push(bytes);
        if let Some(watcher) = &mut self.watcher {
            watcher.show(&text, Instant::now());
        }
    }

    fn pass_on(&mut self) {
        if let Some(watcher) = &mut self.watcher {
            watcher.pass_on(Instant::now());
        }
    }
}

#[expect(unsafe_code, reason = "tokio asks for a promise that an owned descriptor keeps")]
fn nonblocking(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    rustix::io::ioctl_fionbio(&descriptor, true)?;
    // SAFETY: the descriptor is owned by what is returned, and nobody replaces or closes it there.
    Ok(unsafe { AsyncFd::register(descriptor) }?)
}

/// Bytes after which it is not asked whether there are more at once.
const MUCH: usize = 16 * 1024;

/// Pieces in which they may come: a command can have its pipe hand out every byte by itself (`O_DIRECT`).
const PIECES: usize = 256;

/// What is there now, as far as there is room for it.
fn read_some(output: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    for _ in 0..PIECES {
        match retry_on_intr(|| rustix::io::read(output, &mut buffer[filled..])) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if filled == 0 => return Err(error.into()),
            Err(_) => break,
        }
        if filled >= MUCH.min(buffer.len()) {
            break;
        }
    }
    Ok(filled)
}

/// More than a terminal holds, which does not say how much that is.
const IN_A_TERMINAL: usize = 128 * 1024;

/// What was printed before the room was empty. What comes after it is not the command's, whoever was handed its output
/// and holds it open.
fn take_rest(output: &OwnedFd, buffer: &mut [u8], state: &Shared) {
    let there = ioctl_fionread(output).ok().and_then(|there| usize::try_from(there).ok());
    let mut left = there.unwrap_or_default().max(IN_A_TERMINAL);
    while left > 0 {
        let room = left.min(buffer.len());
        match read_some(output, &mut buffer[..room]) {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                state.take(&buffer[..read]);
                left -= read;
            }
        }
    }
}

/// When a command began, and how long it may take.
struct Time {
    started: Instant,
    at_most: Option<Duration>,
}

impl Time {
    /// Pends until it is up.
    async fn is_up(&self) {
        match self.at_most {
            Some(limit) => tokio::time::sleep(limit.saturating_sub(self.started.elapsed())).await,
            None => std::future::pending().await,
        }
    }
}

/// Collects until the command is over and its room empty: all that was printed there, and nothing longer. When nobody
/// wants the command any more, or its time is up, it is ended. However it prints, all else comes first.
async fn follow(
    mut launched: Launched,
    output: Arc<AsyncFd<OwnedFd>>,
    state: Arc<Shared>,
    time: Time,
    mut asked: mpsc::UnboundedReceiver<Ask>,
) {
    let mut is_up = pin!(time.is_up());
    let mut timed_out = false;
    let mut buffer = vec![0; 64 * 1024];
    let mut open = true;
    let mut wanted = true;
    let exit = loop {
        tokio::select! {
            biased;
            ask = asked.recv(), if wanted => match ask {
                Some(Ask::Signal(number)) => launched.signal(number).await,
                Some(Ask::Leave(file)) => {
                    // A room that is gone meanwhile has nothing left to keep.
                    let redactor = std::mem::take(&mut state.lock().redactor);
                    let _ = launched.keep(output.get_ref().as_fd(), file.as_fd(), redactor).await;
                    return;
                }
                None => {
                    wanted = false;
                    launched.end().await;
                }
            },
            () = &mut is_up, if !timed_out => {
                timed_out = true;
                launched.end().await;
            }
            exit = launched.exit() => break exit,
            () = state.is_due() => state.lock().pass_on(),
            read = output.async_io(Interest::READABLE, |output| read_some(output, &mut buffer)), if open => {
                match read {
                    Ok(0) | Err(_) => open = false,
                    Ok(read) => {
                        state.take(&buffer[..read]);
                        // Who watches is to keep up with a command that prints without end, or all of it piles up.
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    };
    if open {
        take_rest(output.get_ref(), &mut buffer, &state);
    }
    for line in launched.said() {
        state.take(format!("agent: {line}\n").as_bytes());
    }
    // What does not end when it is asked to is killed with its room, and nobody hears of its end.
    let killed = timed_out.then_some(Exit::Signal(libc::SIGKILL));
    state.end(Ended { exit: exit.or(killed), after: time.started.elapsed(), timed_out });
    state.changed.notify_waiters();
}
