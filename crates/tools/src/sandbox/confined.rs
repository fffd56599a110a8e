//! A command line of the person's under exactly what the model's commands get, with our own streams, and the tier
//! that is to be had here. Nothing of a thread is involved.

use std::ffi::OsString;

use rustix::process::{Signal, getpid, kill_process};
use rustix::stdio::{stderr, stdin, stdout};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Errand, Exit, Input, Launched, Order, Reach, Sandbox, SandboxError, SandboxPolicy, TierReport,
};
use crate::ToolboxConfig;

/// The signals that are passed on to the command: all that are sent to ask something of a program, and those by which a
/// terminal or a shell does.
const PASSED_ON: [SignalKind; 9] = [
    SignalKind::interrupt(),
    SignalKind::terminate(),
    SignalKind::hangup(),
    SignalKind::quit(),
    SignalKind::window_change(),
    SignalKind::user_defined1(),
    SignalKind::user_defined2(),
    SignalKind::alarm(),
    SignalKind::from_raw(libc::SIGCONT),
];

/// Ctrl+Z. The command, which has no terminal of its own, would not be stopped by it.
const SUSPENDED: SignalKind = SignalKind::from_raw(libc::SIGTSTP);

/// Runs `argv` with descriptors 0 to 2 of this process, to its end. Signals are passed on; Ctrl+Z suspends both.
///
/// # Errors
/// When the sandbox cannot be set up, or the command not be started in it.
pub async fn run_confined(config: &ToolboxConfig, argv: &[OsString]) -> Result<Exit, SandboxError> {
    let sandbox = Sandbox::new(config.helper.clone(), SandboxPolicy::new(config));
    let errand = Errand {
        order: Order::Run(argv.to_vec()),
        cwd: config.cwd.clone(),
        directory: None,
        env: vec![],
        reach: Reach::Policy,
        input: Input::Given,
    };
    let (told, mut asked) = tokio::sync::mpsc::unbounded_channel();
    for kind in PASSED_ON.into_iter().chain([SUSPENDED]) {
        let mut signals = signal(kind)?;
        let told = told.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() && told.send(kind.as_raw_value()).is_ok() {}
        });
    }
    let room = sandbox.room().await?;
    let (mut launched, _) = room.launch(errand, &[stdin(), stdout(), stderr()]).await?;
    loop {
        tokio::select! {
            exit = launched.exit() => {
                let killed = Exit::Signal(libc::SIGKILL);
                return Ok(exit.unwrap_or(killed));
            }
            Some(number) = asked.recv() => pass_on(&mut launched, number).await,
        }
    }
}

async fn pass_on(command: &mut Launched, number: i32) {
    if number != SUSPENDED.as_raw_value() {
        return command.signal(number).await;
    }
    command.signal(libc::SIGSTOP).await;
    // Goes on with a SIGCONT, which is passed on like all others.
    let _ = kill_process(getpid(), Signal::STOP);
}

/// The tier that commands get here, found by really trying.
///
/// # Errors
/// When none can be set up.
pub async fn probe(config: &ToolboxConfig) -> Result<TierReport, SandboxError> {
    Sandbox::new(config.helper.clone(), SandboxPolicy::new(config)).report().await
}
