//! The binary under ptrace(2): each call it makes of the system is seen, and one can be made to fail. Calls that are made
//! without libc are seen as well. Only the process itself is followed, with its threads; what it starts is left alone.

mod known;
mod tracee;

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, WaitStatus};

use crate::Finished;
use crate::calls::{Call, Failing, How, Kind, Traced};
use known::Known;
use tracee::{Registers, Stop, is_poll, ptrace, seen};

/// Runs it to its end on this thread, which becomes its tracer.
///
/// # Errors
/// When no process may be traced here.
pub(crate) fn run(
    mut command: Command,
    input: &[u8],
    failing: Option<Failing>,
    patience: Duration,
) -> io::Result<Traced> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ask_to_be_traced(&mut command);
    let mut child = command.spawn()?;
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let pid = Pid::from_child(&child);
    let in_time = guard(child, patience);
    let mut tracer = Tracer::new(pid, failing);
    let status = tracer.follow();
    drop(in_time);
    let text = |output: std::thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&output.join().unwrap_or_default()).into_owned()
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
    let code = status?.exit_status();
    let finished = Finished { code, stdout, stderr };
    Ok(Traced { finished, calls: tracer.calls, failed: tracer.failed })
}

#[expect(unsafe_code, reason = "std starts no process that is traced")]
fn ask_to_be_traced(command: &mut Command) {
    // SAFETY: between fork and exec only one system call is made.
    unsafe {
        command.pre_exec(|| ptrace(libc::PTRACE_TRACEME, 0, 0, 0).map(drop));
    }
}

fn collect(output: Option<impl io::Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = output.map(|mut output| output.read_to_end(&mut bytes));
        bytes
    })
}

/// Ends the process when what is returned is not dropped in time.
fn guard(mut child: Child, patience: Duration) -> mpsc::Sender<()> {
    let (sender, over) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if over.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = child.kill();
        }
    });
    sender
}

/// What has to be done when a call that was meddled with returns.
enum Owed {
    /// It says that it failed so.
    Error(i32),
    /// The argument is what it was: a call changes none.
    Argument(usize, u64),
}

struct Tracer {
    process: Pid,
    failing: Option<Failing>,
    /// The program's own calls have begun; before them are the loader's.
    begun: bool,
    made: HashMap<Kind, usize>,
    /// By the thread's number; none where nothing is owed.
    threads: HashMap<i32, Option<Owed>>,
    calls: Vec<Call>,
    failed: Option<Call>,
}

impl Tracer {
    fn new(process: Pid, failing: Option<Failing>) -> Self {
        Self {
            process,
            failing,
            begun: false,
            made: HashMap::new(),
            threads: HashMap::from([(process.as_raw_pid(), None)]),
            calls: vec![],
            failed: None,
        }
    }

    /// Until the process has ended.
    fn follow(&mut self) -> io::Result<WaitStatus> {
        let (_, first) = wait()?;
        if !first.stopped() {
            return Ok(first);
        }
        let options =
            libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
        let process = self.process.as_raw_pid();
        ptrace(libc::PTRACE_SETOPTIONS, process, 0, options as usize)?;
        self.go_on(process, 0);
        loop {
            let (thread, status) = wait()?;
            if !status.stopped() {
                self.threads.remove(&thread);
                if thread == process {
                    return Ok(status);
                }
                continue;
            }
            let signal = self.stopped(thread, status.as_raw());
            self.go_on(thread, signal);
        }
    }

    /// A thread that has been killed meanwhile goes nowhere; that is seen at its end.
    fn go_on(&self, thread: i32, signal: usize) {
        let _ = ptrace(libc::PTRACE_SYSCALL, thread, 0, signal);
    }

    /// Returns the signal that it is to get.
    fn stopped(&mut self, thread: i32, status: i32) -> usize {
        const CALL: i32 = libc::SIGTRAP | 0x80;
        let is_new = !self.threads.contains_key(&thread);
        if is_new {
            self.threads.insert(thread, None);
        }
        match libc::WSTOPSIG(status) {
            CALL => self.call(thread),
            _ if status >> 16 != 0 => {}
            libc::SIGSTOP if is_new => {}
            signal => return signal as usize,
        }
        0
    }

    fn call(&mut self, thread: i32) {
        match Stop::at(thread) {
            Ok(Stop::Entry { number, arguments }) => {
                // The first that Rust's runtime does is to look at the standard streams.
                self.begun |= is_poll(number);
                if self.begun
                    && let Some((known, call)) = seen(thread, number, &arguments)
                    && let Some(owed) = self.made(thread, known, call, &arguments)
                {
                    self.threads.insert(thread, Some(owed));
                }
            }
            Ok(Stop::Exit) => {
                if let Some(owed) = self.threads.insert(thread, None).flatten() {
                    let done = Registers::of(thread).and_then(|mut registers| {
                        match owed {
                            Owed::Error(error) => registers.set_result(-i64::from(error)),
                            Owed::Argument(argument, value) => {
                                registers.set_argument(argument, value)
                            }
                        }
                        registers.put(thread)
                    });
                    done.unwrap_or_else(|error| {
                        panic!("a call could not be made to fail: {error}")
                    });
                }
            }
            // It has just been killed.
            Err(_) => {}
        }
    }

    fn made(
        &mut self,
        thread: i32,
        known: Known,
        call: Call,
        arguments: &[u64; 6],
    ) -> Option<Owed> {
        let number = self.made.entry(call.kind).or_default();
        let is_it = self.failing.filter(|it| it.kind == call.kind && it.number == *number);
        *number += 1;
        self.calls.push(call.clone());
        let how = is_it?.how;
        let mut registers = Registers::of(thread).ok()?;
        let owed = match how {
            How::Error(error) => {
                registers.skip(thread).ok()?;
                Owed::Error(error)
            }
            How::Short => {
                let argument = known.count?;
                let count = arguments[argument];
                registers.set_argument(argument, if count > 1 { count / 2 } else { return None });
                registers.put(thread).ok()?;
                Owed::Argument(argument, count)
            }
        };
        self.failed = Some(call);
        Some(owed)
    }
}

/// Of the children of this thread alone: others in this process have theirs.
fn wait() -> io::Result<(i32, WaitStatus)> {
    let options = WaitOptions::from_bits_retain((libc::__WALL | libc::__WNOTHREAD) as u32);
    loop {
        match rustix::process::wait(options) {
            Ok(Some((pid, status))) => return Ok((pid.as_raw_pid(), status)),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
