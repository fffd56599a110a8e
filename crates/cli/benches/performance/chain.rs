//! The floor of a command whose room is ready: the processes that are woken on its way there and back, in the same order,
//! and no sandbox. The first passes the word on to the second, which becomes the command; what they cost beside a plain
//! spawn is what this machine takes to wake them.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::child;

/// The benchmark's own executable plays both parts when it is given one of these.
pub(crate) const FIRST: &str = "chain-first";
pub(crate) const SECOND: &str = "chain-second";

/// Two processes that wait for the word.
pub(crate) struct Chain {
    line: UnixStream,
    first: Child,
}

impl Chain {
    /// Returns when both wait. `prepare` gives the command its environment.
    ///
    /// # Errors
    /// When they cannot be started.
    pub(crate) fn ready(
        workspace: &Path,
        argv: &[&str],
        prepare: impl Fn(&mut Command),
    ) -> io::Result<Self> {
        let (mut line, theirs) = UnixStream::pair()?;
        let mut first = child::command(std::env::current_exe()?, workspace);
        prepare(&mut first);
        first.arg(FIRST).args(argv).stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        let first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        word(&mut line)?;
        Ok(Self { line, first })
    }

    /// How long it takes until the command runs, and until it is over.
    ///
    /// # Errors
    /// When one of them came to grief.
    pub(crate) fn run(mut self) -> io::Result<(Duration, Duration)> {
        let asked = Instant::now();
        self.line.write_all(b"x")?;
        word(&mut self.line)?;
        let began = asked.elapsed();
        word(&mut self.line)?;
        let over = asked.elapsed();
        self.first.wait()?;
        Ok((began, over))
    }
}

fn word(line: &mut UnixStream) -> io::Result<()> {
    line.read_exact(&mut [0])
}

fn line() -> io::Result<UnixStream> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Waits for the word, passes it on, and says when the command runs and when it is over.
///
/// # Errors
/// When a neighbour is gone.
pub(crate) fn first(argv: &[String]) -> io::Result<()> {
    let mut agent = line()?;
    let (mut line, theirs) = UnixStream::pair()?;
    #[expect(clippy::disallowed_methods, reason = "the benchmark starts what it measures")]
    let mut second = Command::new(std::env::current_exe()?);
    second.arg(SECOND).args(argv).stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
    let mut running = second.spawn()?;
    // It holds their end too.
    drop(second);
    word(&mut line)?;
    agent.write_all(b"x")?;
    word(&mut agent)?;
    line.write_all(b"x")?;
    // Its end: the program that is executed has another standard input.
    let _ = line.read(&mut [0])?;
    agent.write_all(b"x")?;
    running.wait()?;
    agent.write_all(b"x")
}

/// Waits for the word and becomes the command.
///
/// # Errors
/// When it cannot.
pub(crate) fn second(argv: &[String]) -> io::Result<()> {
    let mut line = line()?;
    line.write_all(b"x")?;
    word(&mut line)?;
    let (program, rest) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    #[expect(clippy::disallowed_methods, reason = "the benchmark starts what it measures")]
    let mut command = Command::new(program);
    Err(command.args(rest).stdin(Stdio::null()).exec())
}
