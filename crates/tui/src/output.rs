//! What is written to the terminal: at once as far as it reads, and the rest when it reads on, so that nobody waits for it
//! but who gives it back. What is written is decided elsewhere.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::stdio::stdout;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The terminal, opened once more: who shares standard output with us shares how it is written to as well.
static OWN: OnceLock<Option<OwnedFd>> = OnceLock::new();

/// Written, and not taken by the terminal yet.
static BEHIND: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Standard output without the buffer of the standard library, which cuts a frame at its lines and which a panic may
/// hold.
#[derive(Debug)]
pub(crate) struct Output;

impl io::Write for Output {
    /// Takes all of it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut behind = behind();
        behind.extend_from_slice(bytes);
        send(&mut behind)?;
        Ok(bytes.len())
    }

    /// Nothing waits here to be sent.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until the terminal has taken all.
///
/// # Errors
/// When it is gone.
pub(crate) fn catch_up() -> io::Result<()> {
    while !send(&mut behind())? {
        match poll(&mut [PollFd::from_borrowed_fd(terminal(), PollFlags::OUT)], None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The terminal has not taken all that was written: what is drawn now would come late.
pub(crate) fn is_behind() -> bool {
    !behind().is_empty()
}

/// What the terminal has not taken is not written any more.
pub(crate) fn forget() {
    behind().clear();
}

/// Tells when the terminal reads on.
#[derive(Debug)]
pub(crate) struct Reading(Option<AsyncFd<BorrowedFd<'static>>>);

impl Reading {
    /// Where the terminal cannot be opened once more, whoever writes waits for it.
    pub(crate) fn new() -> Self {
        #[expect(
            deprecated,
            reason = "a descriptor that is never closed stays what it is; the successor is unsafe"
        )]
        let register =
            |own: &'static OwnedFd| AsyncFd::with_interest(own.as_fd(), Interest::WRITABLE).ok();
        Self(own().and_then(register))
    }

    /// Waits until the terminal has taken all. Nothing is lost if nobody waits any more.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) async fn caught_up(&self) -> io::Result<()> {
        let Some(own) = &self.0 else {
            return catch_up();
        };
        loop {
            let mut ready = own.writable().await?;
            if send(&mut behind())? {
                return Ok(());
            }
            ready.clear_ready();
        }
    }
}

fn behind() -> MutexGuard<'static, Vec<u8>> {
    BEHIND.lock().unwrap_or_else(PoisonError::into_inner)
}

fn terminal() -> BorrowedFd<'static> {
    own().map_or(stdout(), OwnedFd::as_fd)
}

fn own() -> Option<&'static OwnedFd> {
    let open = || {
        let name = rustix::termios::ttyname(stdout(), Vec::new()).ok()?;
        let name = PathBuf::from(name.into_string().ok()?);
        let how = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        rustix::fs::open(name, how, Mode::empty()).ok()
    };
    OWN.get_or_init(open).as_ref()
}

/// Writes as much as the terminal takes; whether that is all.
fn send(behind: &mut Vec<u8>) -> io::Result<bool> {
    let mut sent = 0;
    let outcome = loop {
        if sent == behind.len() {
            break Ok(true);
        }
        match rustix::io::write(terminal(), &behind[sent..]) {
            Ok(written) => sent += written,
            Err(Errno::AGAIN) => break Ok(false),
            Err(Errno::INTR) => {}
            Err(error) => break Err(error.into()),
        }
    };
    behind.drain(..sent);
    outcome
}
