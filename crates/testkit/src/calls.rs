//! The calls of the system that a test lets fail, and how each may fail. How that is brought about is `traced.rs`.

use std::fmt;

use crate::scene::PATIENCE;
use crate::{Finished, Scene, traced};

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Look,
    Open,
    /// To open a file that may not be there yet.
    Create,
    Folder,
    Read,
    List,
    Write,
    /// To write to whoever started it.
    Say,
    Send,
    Cut,
    Sync,
    Rename,
    Remove,
    Attribute,
    Lock,
    /// To get a descriptor for anything else than a file.
    Descriptor,
    Thread,
    Spawn,
    Connect,
}

impl Kind {
    pub const ALL: [Self; 19] = [
        Self::Look,
        Self::Open,
        Self::Create,
        Self::Folder,
        Self::Read,
        Self::List,
        Self::Write,
        Self::Say,
        Self::Send,
        Self::Cut,
        Self::Sync,
        Self::Rename,
        Self::Remove,
        Self::Attribute,
        Self::Lock,
        Self::Descriptor,
        Self::Thread,
        Self::Spawn,
        Self::Connect,
    ];

    /// All ways in which such a call fails on a machine that is in trouble.
    pub fn ways(self) -> &'static [How] {
        use How::{Error, Short};
        const INTERRUPTED: How = Error(libc::EINTR);
        const NO_ROOM: How = Error(libc::ENOSPC);
        const BROKEN: How = Error(libc::EIO);
        const DENIED: How = Error(libc::EACCES);
        const TOO_MANY: How = Error(libc::EMFILE);
        match self {
            Self::Look => &[DENIED, BROKEN],
            Self::Open => &[DENIED, TOO_MANY, BROKEN, INTERRUPTED],
            Self::Create => &[NO_ROOM, DENIED, TOO_MANY, BROKEN, INTERRUPTED],
            Self::Folder | Self::Rename => &[NO_ROOM, DENIED, BROKEN],
            Self::Read => &[BROKEN, INTERRUPTED, Short],
            Self::List | Self::Cut => &[BROKEN],
            Self::Write => &[NO_ROOM, BROKEN, INTERRUPTED, Short],
            Self::Say => &[INTERRUPTED, Short],
            Self::Send => &[Short],
            Self::Sync => &[NO_ROOM, BROKEN, INTERRUPTED],
            Self::Remove => &[DENIED, BROKEN],
            Self::Attribute => &[Error(libc::EPERM), BROKEN],
            Self::Lock => &[Error(libc::ENOLCK)],
            Self::Descriptor => &[TOO_MANY],
            Self::Thread | Self::Spawn => &[Error(libc::EAGAIN)],
            Self::Connect => &[Error(libc::ECONNREFUSED), Error(libc::ENETUNREACH), DENIED],
        }
    }
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Nothing is done, and this is the reason.
    Error(i32),
    /// Only half of the bytes are read or written.
    Short,
}

impl How {
    /// What is tried again or gone on with must come out as if nothing had been.
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::Short | Self::Error(libc::EINTR))
    }

    /// The system's words for it, without the number.
    pub fn cause(self) -> String {
        match self {
            Self::Error(number) => {
                let text = std::io::Error::from_raw_os_error(number).to_string();
                text.split(" (os").next().unwrap_or_default().to_owned()
            }
            Self::Short => "short".to_owned(),
        }
    }
}

/// A call that is to fail: of its kind the one of this number, counted from 0.
#[derive(Clone, Copy, Debug)]
pub struct Failing {
    pub kind: Kind,
    pub number: usize,
    pub how: How,
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub kind: Kind,
    pub name: &'static str,
    /// The file, or the descriptor as the system calls it; empty when it is about neither.
    pub about: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.about)
    }
}

/// A run whose calls were watched.
#[derive(Debug)]
pub struct Traced {
    pub finished: Finished,
    /// Of the kinds that can fail, in their order.
    pub calls: Vec<Call>,
    /// The one that was made to fail.
    pub failed: Option<Call>,
}

impl Scene {
    /// Runs it to its end under ptrace(2), with `input` on standard input, and lets one of its calls fail. Such a run is
    /// not played again.
    ///
    /// # Errors
    /// When no process may be traced here.
    pub async fn traced(
        &self,
        args: &[&str],
        input: &str,
        failing: Option<Failing>,
    ) -> std::io::Result<Traced> {
        let (command, input) = (self.command(args).into_std(), input.to_owned());
        let (tell, told) = tokio::sync::oneshot::channel();
        // A process is traced by one thread.
        std::thread::spawn(move || {
            tell.send(traced::run(command, input.as_bytes(), failing, PATIENCE))
        });
        told.await.expect("the tracer gives an answer")
    }
}
