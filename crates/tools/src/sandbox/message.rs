//! What the agent, a world's holder and its rooms say to each other.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{SandboxPolicy, Tier};
use crate::job::Job;
use crate::redact::Redactor;

/// Agent to holder, first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Build {
    pub(super) policy: SandboxPolicy,
    pub(super) tier: Tier,
}

/// Holder to agent, in answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Built {
    Ready(Found),
    /// This tier cannot be had here.
    Refused(String),
}

/// What is less than was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Found {
    /// Secrets that commands can read all the same.
    pub(super) open_secrets: Vec<PathBuf>,
    /// Writable roots, as they were named, that are none.
    pub(super) left_out: Vec<PathBuf>,
    /// The full tier stands without Landlock.
    pub(super) without_landlock: bool,
}

/// Agent to holder: the one descriptor that comes with it is the control channel of a new room.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OpenRoom;

/// Agent to room, until its command begins.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Instruction {
    /// A command will come soon, if nothing comes between.
    Expect,
    /// The last one. The descriptors that come with it depend on its `input`.
    Do(Box<Errand>),
}

/// What is to be done in a room, once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub(crate) order: Order,
    /// Absolute.
    pub(crate) cwd: PathBuf,
    /// `cwd` is this one by then, and no link leads there, or nothing is done.
    pub(crate) directory: Option<DirectoryId>,
    /// Beside the environment of the world.
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) reach: Reach,
    pub(crate) input: Input,
}

/// Which directory it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DirectoryId {
    device: u64,
    inode: u64,
}

impl DirectoryId {
    pub(crate) fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Become this program.
    Run(Vec<OsString>),
    /// Do a file operation and write its output to standard output.
    Serve(Job),
}

/// How far an errand reaches within its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reach {
    /// As far as the policy says.
    Policy,
    /// No file may change.
    Reading,
}

/// Where descriptors 0 to 2 come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Input {
    /// Two descriptors follow: 1 and 2. Standard input is empty.
    Empty,
    /// Three descriptors follow.
    Given,
    /// None follow: a new terminal, whose other end comes back with [`Reply::Started`].
    Terminal(WindowSize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WindowSize {
    pub(crate) rows: u16,
    pub(crate) columns: u16,
}

/// Agent to room, after the errand. Closing the channel ends everything in the room.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Wish {
    /// Send this signal to the command's process group.
    Signal(i32),
    /// End everything in the room: politely, then by force.
    End,
    /// Live on when the agent is gone. Two descriptors come with it: what the command prints is read from the first
    /// and written, through this, to the second.
    Keep(Redactor),
}

/// Room (and, for the first, holder) to agent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The room's first process has this id outside.
    Room(u32),
    Started,
    /// The command could not be started.
    Failed(NotStarted),
    /// With what is to be said of it where it has no standard error of its own.
    Exited(Exit, Vec<String>),
}

/// Why a command did not begin, in words for whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotStarted {
    /// There is no such program.
    #[error("{0}")]
    NotFound(String),
    /// It is there and cannot be executed.
    #[error("{0}")]
    NotExecutable(String),
    /// Its room could not be made ready for it.
    #[error("{0}")]
    NoRoom(String),
}

impl From<String> for NotStarted {
    fn from(reason: String) -> Self {
        Self::NoRoom(reason)
    }
}

impl From<&str> for NotStarted {
    fn from(reason: &str) -> Self {
        Self::NoRoom(reason.to_owned())
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}
