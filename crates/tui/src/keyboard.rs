//! Standard input of the terminal, read when there is something: no thread waits for it, and nobody else's file is made
//! non-blocking.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stdin;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use crate::decoder::{Decoder, Report};

/// What one read takes; a terminal hands out no more than this at once.
const CHUNK: usize = 4096;

pub(crate) struct Keyboard {
    terminal: AsyncFd<OwnedFd>,
    decoder: Decoder,
    /// So many bytes were typed before the terminal was in raw mode.
    early: usize,
    /// When something was read last: patience must not begin anew with each call.
    read_at: Instant,
}

impl Keyboard {
    /// `early` bytes were typed before the terminal was in raw mode, which made ends of lines of enter.
    ///
    /// # Errors
    /// When standard input cannot be waited for.
    pub(crate) fn new(early: u64) -> io::Result<Self> {
        let terminal = rustix::io::fcntl_dupfd_cloexec(stdin(), 0)?;
        #[expect(
            deprecated,
            reason = "a descriptor that is owned stays what it is; the successor is unsafe"
        )]
        let terminal = AsyncFd::with_interest(terminal, Interest::READABLE)?;
        let early = usize::try_from(early).unwrap_or(usize::MAX);
        let decoder = Decoder::default();
        Ok(Self { terminal, decoder, early, read_at: Instant::now() })
    }

    /// Waits for what comes next; none when the terminal is gone. Nothing is lost when this is dropped.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Vec<Report>>> {
        loop {
            let readable = self.terminal.readable();
            let mut ready = match self.decoder.patience() {
                None => readable.await?,
                Some(patience) => {
                    match tokio::time::timeout_at(self.read_at + patience, readable).await {
                        Ok(ready) => ready?,
                        Err(_) => return Ok(Some(self.decoder.give_up().into_iter().collect())),
                    }
                }
            };
            if !is_readable(self.terminal.get_ref())? {
                ready.clear_ready();
                continue;
            }
            let mut bytes = [0; CHUNK];
            let reports = match rustix::io::read(self.terminal.get_ref(), &mut bytes) {
                Ok(0) | Err(rustix::io::Errno::IO) => return Ok(None),
                Ok(read) => {
                    let early = self.early.min(read);
                    self.early -= early;
                    bytes[..early].iter_mut().filter(|c| **c == b'\n').for_each(|c| *c = b'\r');
                    let before = self.decoder.pasted();
                    let reports = self.decoder.feed(&bytes[..read]);
                    // Answers of the terminal are no news of a paste.
                    if before.is_none() || self.decoder.pasted() != before {
                        self.read_at = Instant::now();
                    }
                    reports
                }
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
                Err(error) => return Err(error.into()),
            };
            if !reports.is_empty() {
                return Ok(Some(reports));
            }
        }
    }
}

/// It would not keep us waiting.
fn is_readable(terminal: &OwnedFd) -> io::Result<bool> {
    let mut polled = [PollFd::new(terminal, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        match poll(&mut polled, Some(&at_once)) {
            // A signal that waits to be handled is told even to who does not wait.
            Err(rustix::io::Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}
