//! What becomes of the output of a command that lives on without the agent.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use crate::redact::Redactor;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Bytes of output that are kept of a command that lives on without the agent.
const KEPT_OUTPUT: u64 = 64 << 20;

/// Times that what is left is read from: a pipe has at most 256 parts. Who goes on printing is not waited for.
const MOST_OF_REST: usize = 512;

/// A room without an agent: what its command prints goes to a file. What is too much, or cannot be written, is thrown
/// away: the command never waits for a reader.
pub(super) struct Kept {
    output: Option<File>,
    redactor: Redactor,
    file: File,
    left: u64,
}

impl Kept {
    pub(super) fn new(descriptors: Vec<OwnedFd>, redactor: Redactor) -> Option<Self> {
        let mut descriptors = descriptors.into_iter();
        let (output, file) = (descriptors.next()?, descriptors.next()?);
        Some(Self { output: Some(output.into()), redactor, file: file.into(), left: KEPT_OUTPUT })
    }

    /// Where more may come from; none at its end.
    pub(super) fn output(&self) -> Option<BorrowedFd<'_>> {
        self.output.as_ref().map(|output| output.as_fd())
    }

    /// What was printed and not read yet.
    pub(super) fn take_rest(&mut self) {
        for _ in 0..MOST_OF_REST {
            let Some(output) = &self.output else { return };
            let mut waited = [PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN)];
            let now = Timespec::default();
            if !poll(&mut waited, Some(&now)).is_ok_and(|ready| ready > 0) {
                return;
            }
            self.take();
        }
    }

    pub(super) fn take(&mut self) {
        let Some(output) = &mut self.output else { return };
        let mut buffer = [0_u8; 16 << 10];
        match output.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            // An error is that of a terminal whose last user is gone.
            Ok(0) | Err(_) => self.output = None,
            Ok(read) => {
                let bytes = self.redactor.push(&buffer[..read]).into_owned();
                self.write(&bytes);
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let kept = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        self.left -= kept as u64;
        if self.file.write_all(&bytes[..kept]).is_err() {
            self.left = 0;
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let rest = self.redactor.finish();
        self.write(&rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Seek as _;

    #[test]
    fn r8_who_prints_without_end_is_not_read_to_the_end() {
        let (mut output, kept) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let text = vec![b'y'; 2 * MOST_OF_REST * (16 << 10)];
        output.write_all(&text).unwrap();
        output.rewind().unwrap();
        let descriptors = vec![output.into(), kept.try_clone().unwrap().into()];
        let mut room = Kept::new(descriptors, Redactor::default()).unwrap();
        room.take_rest();
        assert!(room.output().is_some());
        drop(room);
        assert_eq!(kept.metadata().unwrap().len(), text.len() as u64 / 2);
    }
}
