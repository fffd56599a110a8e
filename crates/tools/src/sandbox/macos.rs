//! The confined side on macOS: the holder of a world forks a room for each command, which runs it under `sandbox-exec`
//! with the profile of `seatbelt.rs`. It compiles, and was read with care, but was never run on a Mac.

mod room;

use std::ffi::OsString;
use std::io::Read as _;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use agent_protocol::SandboxMode;

use super::channel::BlockingChannel;
use super::message::{Build, Built, Found, OpenRoom, Reply};
use super::spawn::CHANNEL;
use super::{Reach, SandboxPolicy, Tier, program, seatbelt};
use crate::job::Job;

/// The hidden first argument that makes our executable do one file operation, within the profile it was started under.
pub(super) const JOB_ARGUMENT: &str = "__confined_job";

/// The descriptor at which such a process finds its job.
const JOB: i32 = 3;

/// What the rooms of a world share.
struct World {
    policy: SandboxPolicy,
    /// Private to the world; none where nothing is confined.
    temporary: Option<tempfile::TempDir>,
}

/// The main function of the holder: lives until the agent closes the channel.
pub(super) fn hold() -> ExitCode {
    let Some(channel) = take(CHANNEL).map(BlockingChannel::new) else { return ExitCode::FAILURE };
    let _ = rustix::process::chdir("/");
    let Ok(Some((Build { policy, tier }, _))) = channel.receive::<Build>() else {
        return ExitCode::FAILURE;
    };
    let world = match World::build(policy, tier) {
        Ok(world) => world,
        Err(reason) => {
            let _ = channel.send(&Built::Refused(reason), &[]);
            return ExitCode::FAILURE;
        }
    };
    if channel.send(&Built::Ready(Found::default()), &[]).is_err() {
        return ExitCode::FAILURE;
    }
    room::ignore_children();
    while let Ok(Some((OpenRoom, descriptors))) = channel.receive::<OpenRoom>() {
        let Some(control) = descriptors.into_iter().next() else { break };
        let control = BlockingChannel::new(control);
        match room::fork() {
            Ok(None) => {
                drop(channel);
                room::live(&world, &control);
            }
            Ok(Some(pid)) => drop(control.send(&Reply::Room(pid), &[])),
            Err(error) => {
                drop(
                    control.send(&Reply::Failed(format!("no process for it: {error}").into()), &[]),
                );
            }
        }
    }
    ExitCode::SUCCESS
}

/// The main function of a process that does one file operation: reads it, does it, writes what came of it.
pub(super) fn perform_job() -> ExitCode {
    let mut json = Vec::new();
    let told = take(JOB).map(|job| std::fs::File::from(job).read_to_end(&mut json));
    let (Some(Ok(_)), Ok(job)) = (told, serde_json::from_slice::<Job>(&json)) else {
        return ExitCode::FAILURE;
    };
    ExitCode::from(u8::try_from(program::serve(job)).unwrap_or(u8::MAX))
}

/// What whoever started this process left at that number.
#[allow(unsafe_code)]
fn take(number: i32) -> Option<OwnedFd> {
    // SAFETY: the descriptor is ours alone: whoever gave the hidden argument put it there, and nothing of this
    // process has opened one yet. That it is open at all is checked first.
    unsafe {
        (libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) >= 0)
            .then(|| OwnedFd::from_raw_fd(number))
    }
}

impl World {
    fn build(mut policy: SandboxPolicy, tier: Tier) -> Result<Self, String> {
        if tier == Tier::None {
            return Ok(Self { policy, temporary: None });
        }
        if tier == Tier::Reduced {
            return Err("macOS has no second kind of sandbox".into());
        }
        // The profile knows real paths only.
        for root in &mut policy.writable_roots {
            if let Ok(real) = root.canonicalize() {
                *root = real;
            }
        }
        let temporary = std::env::temp_dir()
            .canonicalize()
            .and_then(|parent| tempfile::Builder::new().prefix("agent-world-").tempdir_in(parent));
        let temporary =
            temporary.map_err(|error| format!("no private temporary directory: {error}"))?;
        let world = Self { policy, temporary: Some(temporary) };
        world.try_profile()?;
        Ok(world)
    }

    /// Whether this tier is to be had is known when something ran in it.
    #[allow(clippy::disallowed_methods)]
    fn try_profile(&self) -> Result<(), String> {
        let line = self.command_line(Reach::Policy, &["/usr/bin/true".into()]);
        let (program, arguments) = line.split_first().ok_or("an empty command line")?;
        let mut trial = std::process::Command::new(program);
        trial.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
        let tried = trial.stderr(Stdio::piped()).output();
        let tried = tried.map_err(|error| format!("{}: {error}", program.to_string_lossy()))?;
        if tried.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&tried.stderr);
        Err(format!("sandbox-exec refused the profile ({}): {}", tried.status, said.trim()))
    }

    /// What runs `argv` in this world.
    fn command_line(&self, reach: Reach, argv: &[OsString]) -> Vec<OsString> {
        let Some(temporary) = &self.temporary else { return argv.to_vec() };
        let policy = match reach {
            Reach::Policy => self.policy.clone(),
            Reach::Reading => SandboxPolicy { mode: SandboxMode::ReadOnly, ..self.policy.clone() },
        };
        seatbelt::command_line(&policy, temporary.path(), argv)
    }

    /// So that programs find their temporary space.
    fn temporary_variables(&self) -> Vec<(&'static str, PathBuf)> {
        let path = self.temporary.as_ref().map(|temporary| temporary.path().to_owned());
        let variables = ["TMPDIR", "TMP", "TEMP"].into_iter();
        path.map(|path| variables.map(|name| (name, path.clone())).collect()).unwrap_or_default()
    }
}
