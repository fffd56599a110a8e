//! The terminal while it is ours: raw mode and the modes we ask for, and all of it given back however we leave: on
//! drop, on a panic, and while we are stopped.

use std::io::{self, Write as _};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};

use crate::output::{self, Output};

/// Pastes come in one piece, we hear of the focus, the title is kept to be put back.
const ASK: &str = "\x1b[?2004h\x1b[?1004h\x1b[22;2t";

/// Whether it knows kitty's keyboard protocol.
const KEYBOARD_QUERY: &str = "\x1b[?u";

/// Its background; then what every terminal answers: no more will come.
const BACKGROUND_QUERY: &str = "\x1b]11;?\x1b\\\x1b[c";

/// Keys that were the same byte are told apart, and come with what they type with shift. Each screen has its own stack.
const PUSH_KEYBOARD: &str = "\x1b[>5u";
const POP_KEYBOARD: &str = "\x1b[<u";

const ENTER_ALTERNATE: &str = "\x1b[?1049h\x1b[H";
const LEAVE_ALTERNATE: &str = "\x1b[?1049l";

/// On the alternate screen many terminals make arrow keys of the wheel, which are not told from those that are pressed:
/// we hear of it as what it is, and of the mouse's buttons with it.
const HEAR_WHEEL: &str = "\x1b[?1007s\x1b[?1007l\x1b[?1000h\x1b[?1006h";
const WHEEL_BACK: &str = "\x1b[?1006l\x1b[?1000l\x1b[?1007h\x1b[?1007r";

/// A frame that broke off would hold back all that comes after it.
const GIVE_BACK: &str = "\x1b[?2026l\x1b[?2004l\x1b[?1004l\x1b[0m\x1b[?25h\x1b[23;2t";

/// What was asked of the terminal and must be taken back: the panic hook has nothing else to look at.
static STATE: AtomicU8 = AtomicU8::new(0);

/// How often what the terminal did not read was dropped.
static DROPPED: AtomicU32 = AtomicU32::new(0);

const OURS: u8 = 1;
const KNOWS_KEYBOARD: u8 = 2;
const KEYBOARD: u8 = 4;
const ALTERNATE: u8 = 8;
const ALTERNATE_KEYBOARD: u8 = 16;
const HEARS_WHEEL: u8 = 64;
/// A panic gave the terminal back, perhaps of a task that the screen outlives.
const PANICKED: u8 = 32;
/// A signal ends us: nothing waits for the terminal any more.
const ENDING: u8 = 128;

fn has(bit: u8) -> bool {
    STATE.load(Ordering::Relaxed) & bit != 0
}

/// Whether it was not set before.
fn set(bit: u8) -> bool {
    STATE.fetch_or(bit, Ordering::Relaxed) & bit == 0
}

/// Whether it was set before.
fn clear(bit: u8) -> bool {
    STATE.fetch_and(!bit, Ordering::Relaxed) & bit != 0
}

/// A signal that ends us was heard. Where room had to be made, there is room now for what gives the terminal back.
/// Whether the terminal has read all that it was sent.
pub(crate) fn end() -> bool {
    set(ENDING);
    let reads = !is_full() && !output::is_behind() && DROPPED.load(Ordering::Relaxed) == 0;
    if !reads {
        output::forget();
        let _ = tcflush(stdout(), QueueSelector::OFlush);
    }
    reads
}

/// We have the terminal, or are ending.
pub(crate) fn may_wait() -> bool {
    has(OURS) || has(ENDING)
}

/// Whoever writes to the terminal waits until it reads.
pub(crate) fn is_full() -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let polled = poll(&mut [PollFd::new(&stdout(), PollFlags::OUT)], Some(&at_once));
    polled.is_ok_and(|ready| ready == 0)
}

/// Drops what the terminal was sent and has not read, so that who waits for it goes on.
pub(crate) fn make_room() {
    DROPPED.fetch_add(1, Ordering::Relaxed);
    output::forget();
    let _ = tcflush(stdout(), QueueSelector::OFlush);
    // No room wakes who waits to write, but a signal does, and then writing begins again.
    let us = rustix::process::getpid();
    let _ = rustix::process::kill_process(us, rustix::process::Signal::WINCH);
}

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// The terminal, until this is dropped.
pub(crate) struct Raw {
    before: Termios,
    previous_hook: Arc<Hook>,
    /// Answers may still come; they must not be typed into what comes after us.
    unanswered: bool,
    /// Bytes of input that came while the terminal was somebody else's.
    typed_before: u64,
}

impl Raw {
    /// # Errors
    /// When there is no terminal.
    pub(crate) fn enter() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let previous_hook: Arc<Hook> = std::panic::take_hook().into();
        let (next, settings) = (previous_hook.clone(), before.clone());
        std::panic::set_hook(Box::new(move |info| {
            if give_back(&settings).is_ok_and(|given| given) {
                set(PANICKED);
                // What it says is to be read below what is on the screen.
                let _ = write("\r\n\x1b[J");
            }
            next(info);
        }));
        let mut raw = Self { before, previous_hook, unanswered: false, typed_before: 0 };
        raw.take()?;
        raw.typed_before = rustix::io::ioctl_fionread(stdin())?;
        Ok(raw)
    }

    /// Asks what it knows. Nobody waits for the answers.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(crate) fn ask(&mut self) -> io::Result<()> {
        self.unanswered = true;
        // At once: what the person does next comes behind all answers.
        write(&[KEYBOARD_QUERY, BACKGROUND_QUERY].concat())
    }

    /// Asks for the background alone: the person may have changed it.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(crate) fn ask_background(&mut self) -> io::Result<()> {
        self.unanswered = true;
        write(BACKGROUND_QUERY)
    }

    /// Bytes of input that came while the terminal was somebody else's, in which enter is the end of a line.
    pub(crate) fn typed_before(&self) -> u64 {
        self.typed_before
    }

    /// Answers may still come.
    pub(crate) fn is_asked(&mut self) {
        self.unanswered = true;
    }

    /// No more answers will come.
    pub(crate) fn is_answered(&mut self) {
        self.unanswered = false;
    }

    fn take(&self) -> io::Result<()> {
        let mut settings = self.before.clone();
        settings.make_raw();
        set(OURS);
        tcsetattr(stdin(), OptionalActions::Drain, &settings)?;
        write(ASK)?;
        push_keyboard()
    }

    /// Takes the terminal again after somebody else had it, on its main screen.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(crate) fn take_again(&self) -> io::Result<()> {
        // Where it is ours still, this makes it so: nothing is pushed twice.
        give_back(&self.before)?;
        self.take()
    }

    /// A panic has taken it away since this was asked last.
    pub(crate) fn was_taken_away() -> bool {
        clear(PANICKED)
    }

    /// It knows kitty's keyboard protocol.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(crate) fn use_keyboard_protocol(&self) -> io::Result<()> {
        set(KNOWS_KEYBOARD);
        push_keyboard()
    }

    /// # Errors
    /// When the terminal is gone.
    pub(crate) fn enter_alternate(&self) -> io::Result<()> {
        if !set(ALTERNATE) {
            return Ok(());
        }
        write(ENTER_ALTERNATE)?;
        push_keyboard()
    }

    /// The alternate screen, empty, for as long as we stay.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(crate) fn stay_on_alternate(&self) -> io::Result<()> {
        self.enter_alternate()?;
        let wheel = if set(HEARS_WHEEL) { HEAR_WHEEL } else { "" };
        write(&format!("{wheel}\x1b[H\x1b[2J"))
    }

    /// # Errors
    /// When the terminal is gone.
    pub(crate) fn leave_alternate(&self) -> io::Result<()> {
        write_whole(&away_from_alternate())
    }

    /// Stops us as Ctrl-Z stops any command; returns when we go on.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(crate) fn stop(&self) -> io::Result<()> {
        give_back(&self.before)?;
        // Who has nobody to wake it up again is not stopped by this signal.
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        self.take()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = give_back(&self.before);
        clear(KNOWS_KEYBOARD);
        if self.unanswered {
            let _ = tcflush(stdin(), QueueSelector::IFlush);
        }
        // While a panic unwinds, its hook cannot be changed.
        if !std::thread::panicking() {
            let previous = self.previous_hook.clone();
            std::panic::set_hook(Box::new(move |info| previous(info)));
        }
    }
}

fn push_keyboard() -> io::Result<()> {
    let pushed = if has(ALTERNATE) { ALTERNATE_KEYBOARD } else { KEYBOARD };
    if has(KNOWS_KEYBOARD) && set(pushed) { write(PUSH_KEYBOARD) } else { Ok(()) }
}

fn away_from_alternate() -> String {
    let mut text = String::new();
    if clear(ALTERNATE_KEYBOARD) {
        text.push_str(POP_KEYBOARD);
    }
    if clear(HEARS_WHEEL) {
        text.push_str(WHEEL_BACK);
    }
    if clear(ALTERNATE) {
        text.push_str(LEAVE_ALTERNATE);
    }
    text
}

/// Whether it was ours.
fn give_back(settings: &Termios) -> io::Result<bool> {
    if !clear(OURS) {
        return Ok(false);
    }
    let mut text = away_from_alternate();
    if clear(KEYBOARD) {
        text.push_str(POP_KEYBOARD);
    }
    text.push_str(GIVE_BACK);
    let written = write_whole(&text);
    let when = if has(ENDING) { OptionalActions::Now } else { OptionalActions::Drain };
    tcsetattr(stdin(), when, settings)?;
    written.map(|()| true)
}

/// Waits until the terminal has taken it, and writes it again where some of it may have been dropped.
fn write_whole(text: &str) -> io::Result<()> {
    loop {
        let before = DROPPED.load(Ordering::Relaxed);
        write(text)?;
        output::catch_up()?;
        if DROPPED.load(Ordering::Relaxed) == before {
            return Ok(());
        }
    }
}

fn write(text: &str) -> io::Result<()> {
    Output.write_all(text.as_bytes())
}
