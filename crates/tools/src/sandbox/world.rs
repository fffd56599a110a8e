//! The agent's side of a sandbox: starts the holder when it is first needed, opens rooms, and keeps one ready for
//! the next command. Dropping what was launched ends everything in its room.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::process::{Pid, WaitOptions, waitpid};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;

use super::channel::{Channel, is_crowded};
use super::message::{Build, Built, Found, Instruction, OpenRoom, Reply, Wish};
use super::spawn::spawn_holder;
use super::{Errand, Exit, NotStarted, SandboxError, SandboxPolicy, Tier, TierReport};
use crate::redact::Redactor;
use agent_protocol::SandboxMode;

/// The world of one thread.
pub(crate) struct Sandbox {
    executable: PathBuf,
    policy: SandboxPolicy,
    world: Mutex<Option<World>>,
    /// What was found with the first world. One that is gone is followed by its like or by none: never by less (S14).
    found: OnceLock<TierReport>,
}

struct World {
    holder: Channel,
    report: TierReport,
    /// A room that waits for the next errand, its walls built already.
    spare: Option<Room>,
}

/// A room before its errand is known.
pub(crate) struct Room(Channel);

/// A command that runs in its room.
pub(crate) struct Launched {
    channel: Channel,
    /// The room's first process, outside.
    pid: u32,
    /// What it said of the command's end.
    exit: Option<Exit>,
    said: Vec<String>,
}

impl Sandbox {
    /// Nothing is started yet.
    pub(crate) fn new(executable: PathBuf, policy: SandboxPolicy) -> Self {
        Self { executable, policy, world: Mutex::new(None), found: OnceLock::new() }
    }

    /// Builds the world if there is none, and a spare room in it, so that the next command does not wait for them.
    pub(crate) async fn prepare(&self) {
        let mut world = self.world.lock().await;
        if let Ok(world) = self.built(&mut world).await
            && world.spare.is_none()
        {
            world.spare = world.open().await.ok();
        }
    }

    /// Tells the spare room, if there is one by now, that a command will come soon, so that it looks beforehand at what
    /// the command may change.
    pub(crate) fn expect(&self) {
        let Ok(mut world) = self.world.try_lock() else { return };
        let Some(world) = &mut *world else { return };
        if let Some(Room(channel)) = &world.spare
            && channel.send_now(&Instruction::Expect).is_err()
        {
            // Whatever it has heard of this, it is told nothing else.
            world.spare = None;
        }
    }

    /// The tier that was found by trying.
    ///
    /// # Errors
    /// When none can be set up.
    pub(crate) async fn report(&self) -> Result<TierReport, SandboxError> {
        let mut world = self.world.lock().await;
        Ok(self.built(&mut world).await?.report.clone())
    }

    /// The tier of the first world; none before it is built.
    pub(crate) fn found(&self) -> Option<&TierReport> {
        self.found.get()
    }

    /// A room for one errand.
    ///
    /// # Errors
    /// When no world can be set up, or its holder is gone.
    pub(crate) async fn room(&self) -> Result<Room, SandboxError> {
        let mut world = self.world.lock().await;
        let is_there = world.is_some();
        let built = self.built(&mut world).await?;
        let opened = match built.spare.take() {
            Some(room) => Ok(room),
            None => built.open().await,
        };
        let is_gone = opened.as_ref().is_err_and(|error| !is_crowded(error));
        if is_gone {
            // The holder is, as when memory was short: another world takes its place.
            *world = None;
        }
        match opened {
            Err(_) if is_gone && is_there => Ok(self.built(&mut world).await?.open().await?),
            opened => Ok(opened?),
        }
    }

    async fn built<'a>(&self, world: &'a mut Option<World>) -> Result<&'a mut World, SandboxError> {
        let built = match world.take() {
            Some(built) => built,
            None => self.build().await?,
        };
        Ok(world.insert(built))
    }

    async fn build(&self) -> Result<World, SandboxError> {
        let wanted = self.found.get().map(|found| found.tier).or(self.policy.tier);
        let tiers: &[Tier] = match (self.policy.mode, wanted) {
            (SandboxMode::DangerFullAccess, _) => &[Tier::None],
            (_, Some(Tier::Full)) => &[Tier::Full],
            (_, Some(Tier::Reduced)) => &[Tier::Reduced],
            (_, Some(Tier::None) | None) => &[Tier::Full, Tier::Reduced],
        };
        let mut reasons = Vec::new();
        for tier in tiers {
            match self.try_tier(*tier).await? {
                Ok((holder, found)) => {
                    let Found { open_secrets, left_out, without_landlock } = found;
                    let tier = *tier;
                    let report =
                        TierReport { tier, reasons, open_secrets, left_out, without_landlock };
                    let _ = self.found.set(report.clone());
                    return Ok(World { holder, report, spare: None });
                }
                Err(reason) => reasons.push(reason),
            }
        }
        Err(SandboxError::Unavailable { reasons })
    }

    /// The holder, and what its world has less; or why there is none.
    async fn try_tier(&self, tier: Tier) -> io::Result<Result<(Channel, Found), String>> {
        #[cfg(target_os = "linux")]
        super::linux::prepare(&self.policy);
        let (mut holder, theirs) = Channel::pair()?;
        // Listened to before there is a child, so that its end cannot be missed.
        let children = signal(SignalKind::child())?;
        let pid = spawn_holder(&self.executable, theirs.as_fd())?;
        tokio::spawn(forget(pid, children));
        drop(theirs);
        holder.send(&Build { policy: self.policy.clone(), tier }, &[]).await?;
        Ok(match holder.receive::<Built>().await? {
            Some((Built::Ready(found), _)) => Ok((holder, found)),
            Some((Built::Refused(reason), _)) => Err(reason),
            None => Err("the sandbox's helper process ended at once".to_owned()),
        })
    }
}

/// Waits for the holder's end, so that nothing is left of it in the system's table.
async fn forget(pid: i32, mut children: Signal) {
    let holder = Pid::from_raw(pid);
    while let Ok(None) = waitpid(holder, WaitOptions::NOHANG) {
        if children.recv().await.is_none() {
            return;
        }
    }
}

impl World {
    async fn open(&mut self) -> io::Result<Room> {
        let (ours, theirs) = Channel::pair()?;
        self.holder.send(&OpenRoom, &[theirs.as_fd()]).await?;
        Ok(Room(ours))
    }
}

impl Room {
    /// Sends the errand with its descriptors. Returns when the command runs, with the agent's end of its terminal if
    /// it was to have one.
    ///
    /// # Errors
    /// When the room could not be built or the command not be started.
    pub(crate) async fn launch(
        self,
        errand: Errand,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(Launched, Option<OwnedFd>), SandboxError> {
        let Self(mut channel) = self;
        // A room that could not be built is gone, and has said why. One that is there would wait for ever.
        let sent = channel.send(&Instruction::Do(Box::new(errand)), descriptors).await;
        let sent = match sent {
            Err(error) if !is_of_gone_one(&error) => return Err(error.into()),
            sent => sent,
        };
        let mut pid = 0;
        loop {
            match channel.receive::<Reply>().await? {
                Some((Reply::Room(first), _)) => pid = first,
                Some((Reply::Started, terminal)) => {
                    let launched = Launched { channel, pid, exit: None, said: vec![] };
                    return Ok((launched, terminal.into_iter().next()));
                }
                Some((Reply::Failed(reason), _)) => return Err(reason.into()),
                Some((Reply::Exited(..), _)) | None => {
                    sent?;
                    return Err(NotStarted::from("its process ended before it began").into());
                }
            }
        }
    }
}

fn is_of_gone_one(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

impl Launched {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the command is over and its room is empty. None when the room was killed from outside. Cancel safe
    /// between frames, and a room's frames are so short that they come whole.
    pub(crate) async fn exit(&mut self) -> Option<Exit> {
        loop {
            match self.channel.receive::<Reply>().await {
                Ok(Some((Reply::Exited(exit, said), _))) => {
                    self.exit = Some(exit);
                    self.said = said;
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return self.exit,
            }
        }
    }

    /// What was put back or ended after what is over, in lines for the model, as far as they are not in its output.
    pub(crate) fn said(self) -> Vec<String> {
        self.said
    }

    /// Asks everything in the room to end, and ends what does not.
    pub(crate) async fn end(&mut self) {
        let _ = self.channel.send(&Wish::End, &[]).await;
    }

    /// Lets everything in the room live on after the agent. What is printed there is read from `output`, and goes
    /// through the `redactor` to `file`.
    ///
    /// # Errors
    /// When the room is gone.
    pub(crate) async fn keep(
        mut self,
        output: BorrowedFd<'_>,
        file: BorrowedFd<'_>,
        redactor: Redactor,
    ) -> io::Result<()> {
        self.channel.send(&Wish::Keep(redactor), &[output, file]).await
    }

    /// Sends a signal to the command's process group.
    pub(crate) async fn signal(&mut self, number: i32) {
        let _ = self.channel.send(&Wish::Signal(number), &[]).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Input, Order, Reach};

    #[tokio::test]
    async fn r8_a_room_that_an_errand_cannot_be_sent_to_is_not_waited_for() {
        let (ours, theirs) = Channel::pair().unwrap();
        let errand = Errand {
            order: Order::Run(vec!["true".into()]),
            cwd: "/".into(),
            directory: None,
            env: vec![],
            reach: Reach::Policy,
            input: Input::Given,
        };
        let too_many = [theirs.as_fd(); 9];
        let launched = Room(ours).launch(errand, &too_many).await;
        let error = launched.err().unwrap().to_string();
        assert_eq!(error, "the sandbox's own process: too many descriptors for one frame");
    }
}
