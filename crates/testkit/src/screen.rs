//! The binary on a real pseudo-terminal, whose other end is `terminal.rs`. Whoever waits here waits for what is to be
//! seen, never for time to pass.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use agent_tui::key::{KeyCode, KeyEvent, keys};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};
use rustix::pty::OpenptFlags;
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::terminal::{Answers, MARK, Modes, Terminal};

/// How long something may take to appear before the test fails; far more than anything needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program on a terminal of its own.
pub struct PtyScreen {
    child: Child,
    master: std::fs::File,
    /// Kept open, so that the terminal and its settings outlive the program.
    slave: std::fs::File,
    before: Termios,
    shared: Arc<Shared>,
}

struct Shared {
    terminal: Mutex<Terminal>,
    changed: Condvar,
    /// Nothing is read of what the program writes.
    is_stalled: AtomicBool,
}

/// A program that is over, and what it left of its terminal.
#[derive(Debug)]
pub struct Left {
    /// None when a signal ended it.
    pub code: Option<i32>,
    /// Every row there was.
    pub rows: Vec<String>,
    pub modes: Modes,
    /// The terminal's settings are what they were before.
    pub settings_restored: bool,
}

impl PtyScreen {
    /// Starts `command` as the leader of a session on a terminal of this size.
    ///
    /// # Panics
    /// When there are no pseudo-terminals, or the program does not start.
    pub fn start(command: Command, columns: u16, rows: u16, answers: Answers) -> Self {
        Self::open(command, columns, rows, answers).expect("a pseudo-terminal and a program on it")
    }

    fn open(mut command: Command, columns: u16, rows: u16, answers: Answers) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        let name = rustix::pty::ptsname(&master, Vec::new())?;
        let slave = rustix::fs::open(
            &*name,
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )?;
        set_size(&slave, columns, rows)?;
        let before = tcgetattr(&slave)?;
        command.stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(slave.try_clone()?);
        on_its_own_terminal(&mut command);
        let child = command.spawn()?;
        // It holds three more of the terminal's descriptors.
        drop(command);
        let terminal = Mutex::new(Terminal::new(columns, rows, answers));
        let shared = Arc::new(Shared {
            terminal,
            changed: Condvar::new(),
            is_stalled: AtomicBool::new(false),
        });
        let (reader, answerer) = (master.try_clone()?, master.try_clone()?);
        let followed = shared.clone();
        std::thread::spawn(move || followed.follow(reader.into(), answerer.into()));
        let (master, slave) = (master.into(), slave.into());
        Ok(Self { child, master, slave, before, shared })
    }

    /// Presses keys as people say them: `fix it<enter>`, `<c-c>`, `<s-enter>`.
    ///
    /// # Panics
    /// When a name is unknown, or the program reads no more.
    pub fn press(&mut self, text: &str) {
        let keys = keys(text).unwrap_or_else(|| panic!("{text} has an unknown key"));
        let protocol = !self.modes().keyboard.is_empty();
        let bytes: Vec<u8> = keys.into_iter().flat_map(|key| bytes_of(key, protocol)).collect();
        self.send(&bytes);
    }

    /// Pastes, as the terminal does where this was asked for.
    pub fn paste(&mut self, text: &str) {
        if self.modes().paste {
            self.send(format!("\x1b[200~{text}\x1b[201~").as_bytes());
        } else {
            self.send(text.as_bytes());
        }
    }

    /// The person gives the terminal another background: `rgb:ffff/ffff/ffff` is white.
    pub fn repaint(&self, background: &str) {
        self.shared.lock().repaint(background);
    }

    /// Tells that the window has, or has no longer, the person's attention, if the program wants to know.
    pub fn focus(&mut self, focused: bool) {
        self.wait_until("it wants to know of the focus", |screen| screen.modes().focus);
        self.send(if focused { b"\x1b[I" } else { b"\x1b[O" });
    }

    /// Bytes as they are.
    ///
    /// # Panics
    /// When the program reads no more.
    pub fn send(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).expect("the terminal takes input");
    }

    /// # Panics
    /// When the terminal refuses it.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        // Both under the lock: no byte for the new size meets the old one.
        let mut terminal = self.shared.lock();
        terminal.resize(columns, rows);
        set_size(&self.slave, columns, rows).expect("the terminal takes a size");
    }

    /// The terminal reads no more of what the program writes, until it goes on or that has ended.
    pub fn stall(&self) {
        self.shared.is_stalled.store(true, Ordering::Relaxed);
    }

    /// The terminal reads again.
    pub fn go_on(&self) {
        self.shared.is_stalled.store(false, Ordering::Relaxed);
    }

    /// Whoever writes to the terminal waits.
    ///
    /// # Panics
    /// When that cannot be asked.
    pub fn is_full(&self) -> bool {
        let mut polled = [PollFd::new(&self.slave, PollFlags::OUT)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&at_once)).expect("the terminal is open") == 0
    }

    /// Sends a signal to the program.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("it still runs");
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What is to be seen, without blanks at the ends.
    pub fn screen(&self) -> String {
        let terminal = self.shared.lock();
        let (_, columns) = terminal.screen().size();
        let rows = terminal.screen().rows(0, columns.get());
        let rows: Vec<_> = rows.map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// What is to be seen, with its colours.
    pub fn cells(&self) -> vt100::Screen {
        self.shared.lock().screen().clone()
    }

    /// Every row there was, those that left the screen first.
    pub fn scrollback(&self) -> Vec<String> {
        self.shared.lock().history()
    }

    pub fn modes(&self) -> Modes {
        self.shared.lock().modes()
    }

    /// The terminal is as it was before: line by line, with echo.
    pub fn is_restored(&self) -> bool {
        same(&self.before, &tcgetattr(&self.slave).expect("the terminal is open"))
    }

    /// Puts it back as it was, as a shell does.
    ///
    /// # Panics
    /// When the terminal refuses it.
    pub fn restore(&self) {
        let settings = rustix::termios::OptionalActions::Now;
        rustix::termios::tcsetattr(&self.slave, settings, &self.before).expect("it is open");
    }

    /// What was written to the terminal, byte for byte.
    pub fn log(&self) -> Vec<u8> {
        self.shared.lock().log.clone()
    }

    /// The window's titles, in the order they were set.
    pub fn titles(&self) -> Vec<String> {
        self.shared.lock().heard().titles.clone()
    }

    /// Notifications for the desktop, and how often the bell rang.
    pub fn notifications(&self) -> (Vec<String>, usize) {
        let terminal = self.shared.lock();
        (terminal.heard().notifications.clone(), terminal.heard().bells)
    }

    /// The targets of links, in the order they were written.
    pub fn links(&self) -> Vec<String> {
        self.shared.lock().heard().links.clone()
    }

    /// Waits until `text` is to be seen.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(&format!("{text:?} is to be seen"), |screen| {
            screen.screen().contains(text)
        });
    }

    /// A question takes no answer that comes sooner than anybody could have read it.
    pub fn read_a_question(&self) {
        let shown = Instant::now();
        self.wait_until("it was read", |_| shown.elapsed() > Duration::from_millis(700));
    }

    /// Waits until this holds; it is asked again whenever something was written.
    ///
    /// # Panics
    /// When it does not come to hold.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.shared.lock().log.len();
            if holds(self) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "never: {what}; instead:\n{}", self.screen());
            self.shared
                .wait(left.min(Duration::from_millis(50)), |terminal| terminal.log.len() > seen);
        }
    }

    /// Waits for the program's end, and for all it wrote.
    ///
    /// # Panics
    /// When it does not end.
    pub fn finish(mut self) -> Left {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("it is our child") {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "it runs on:\n{}", self.screen()),
            }
            self.shared.wait(Duration::from_millis(5), |_| false);
        };
        self.shared.is_stalled.store(false, Ordering::Relaxed);
        let _ = self.slave.write_all(MARK);
        self.wait_until("all it wrote", |screen| screen.shared.lock().heard().marks > 0);
        Left {
            code: status.code(),
            rows: self.scrollback(),
            modes: self.modes(),
            settings_restored: self.is_restored(),
        }
    }
}

impl Drop for PtyScreen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The thread that reads ends with what it reads.
        let _ = self.slave.write_all(MARK);
    }
}

impl Left {
    /// # Panics
    /// When the terminal is not as it was.
    pub fn gave_the_terminal_back(&self) {
        assert!(self.settings_restored, "the terminal's settings are not what they were");
        assert_eq!(self.modes, Modes::default());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Terminal> {
        self.terminal.lock().expect("no panic while it was held")
    }

    fn wait(&self, at_most: Duration, over: impl Fn(&Terminal) -> bool) {
        let guard = self.lock();
        let waited = self.changed.wait_timeout_while(guard, at_most, |terminal| !over(terminal));
        drop(waited.expect("no panic while it was held"));
    }

    fn follow(&self, mut reader: std::fs::File, mut answerer: std::fs::File) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = reader.read(&mut buffer) {
            let answer = self.lock().write(&buffer[..read]);
            self.changed.notify_all();
            if answerer.write_all(&answer).is_err() {
                break;
            }
            while self.is_stalled.load(Ordering::Relaxed) {
                self.wait(Duration::from_millis(5), |_| false);
            }
        }
    }
}

/// In a session of its own, whose terminal is its standard input.
#[expect(unsafe_code, reason = "std starts no process on a terminal of its own")]
fn on_its_own_terminal(command: &mut Command) {
    // SAFETY: between fork and exec only two system calls are made.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        });
    }
}

fn set_size(terminal: &impl std::os::fd::AsFd, columns: u16, rows: u16) -> io::Result<()> {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(tcsetwinsize(terminal.as_fd(), size)?)
}

fn same(a: &Termios, b: &Termios) -> bool {
    a.input_modes == b.input_modes
        && a.output_modes == b.output_modes
        && a.control_modes == b.control_modes
        && a.local_modes == b.local_modes
}

/// What a terminal makes of a key, the old way or, where the program asked for it, in kitty's protocol.
fn bytes_of(key: KeyEvent, protocol: bool) -> Vec<u8> {
    let held = key.modifiers;
    let code = 1 + u8::from(held.shift) + 2 * u8::from(held.alt) + 4 * u8::from(held.ctrl);
    let text = match key.code {
        KeyCode::Esc if protocol => "\x1b[27u".to_owned(),
        KeyCode::Enter if protocol && code > 1 => format!("\x1b[13;{code}u"),
        KeyCode::Char(c) if protocol && (held.ctrl || held.alt) => {
            format!("\x1b[{};{code}u", u32::from(c))
        }
        KeyCode::Char(c) if held.ctrl => return vec![c as u8 & 0x1f],
        KeyCode::Char(c) if held.alt => format!("\x1b{c}"),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter if held.alt => "\x1b\r".to_owned(),
        KeyCode::Enter => "\r".to_owned(),
        KeyCode::Tab if held.shift => "\x1b[Z".to_owned(),
        KeyCode::Tab => "\t".to_owned(),
        KeyCode::Backspace => "\x7f".to_owned(),
        KeyCode::Esc => "\x1b".to_owned(),
        KeyCode::Up => letter(code, 'A'),
        KeyCode::Down => letter(code, 'B'),
        KeyCode::Right => letter(code, 'C'),
        KeyCode::Left => letter(code, 'D'),
        KeyCode::Home => letter(code, 'H'),
        KeyCode::End => letter(code, 'F'),
        KeyCode::Insert => "\x1b[2~".to_owned(),
        KeyCode::Delete => "\x1b[3~".to_owned(),
        KeyCode::PageUp => "\x1b[5~".to_owned(),
        KeyCode::PageDown => "\x1b[6~".to_owned(),
        KeyCode::F(number) => format!("\x1bO{}", char::from(b'P' + number.clamp(1, 4) - 1)),
    };
    text.into_bytes()
}

fn letter(code: u8, letter: char) -> String {
    if code > 1 { format!("\x1b[1;{code}{letter}") } else { format!("\x1b[{letter}") }
}
