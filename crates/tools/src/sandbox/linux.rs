//! The confined side on Linux: the holder of a world. It keeps what the commands of a thread share, and forks a
//! room for each of them; it has one thread, so forking is safe, and little memory, so it is cheap.

mod addresses;
mod alongside;
mod arrivals;
mod asked;
mod begun;
mod bpf;
mod cgroup;
mod changes;
mod closed;
mod command;
mod command_line;
mod configuration;
mod confine;
mod connect;
mod credentials;
mod devices;
mod diag;
mod earlier;
mod encoded;
mod first;
mod git_config;
mod harmless;
mod holding;
mod hooks;
mod index;
mod known;
mod leading;
mod left;
mod limits;
mod links;
mod memory;
mod metadata;
mod mirrors;
mod mounts;
mod named;
mod namespaces;
mod others;
mod persons;
mod pins;
mod put_back;
mod register;
mod removal;
mod repositories;
mod repository;
mod room;
mod roots;
mod seccomp;
mod seen;
mod settings;
mod state;
mod stdio;
mod steps;
mod supervise;
mod temporary;
mod tree;
mod trees;
mod unseen;
mod untold;
mod view;
mod walls;

use std::io::{Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::ExitCode;

use agent_protocol::SandboxMode;

use super::channel::BlockingChannel;
use super::message::{Build, Built, Found, OpenRoom, Reply};
use super::spawn::CHANNEL;
use super::{SandboxPolicy, SecretPlaces, Tier};
use cgroup::Cgroup;
use first::Order;
use mirrors::Mirrors;
use register::Register;
use roots::Roots;
use seen::Seen;
use steps::Steps;
use temporary::Temporary;
use unseen::Unseen;
use view::Hidden;

/// What the rooms of a world share.
pub(super) struct World {
    policy: SandboxPolicy,
    tier: Tier,
    /// Private to the world.
    temporary: std::path::PathBuf,
    /// In the full tier: what was hidden when it was built.
    hidden: Option<Hidden>,
    /// In the reduced tier: the directories that this and the shared memory lie in.
    own: Vec<Temporary>,
    /// In the reduced tier: where that of commands lies.
    shared_memory: Option<std::path::PathBuf>,
    began: std::time::SystemTime,
    unseen: Unseen,
    register: Register,
    /// What there was below the writable roots when it began.
    seen: Seen,
    /// What links among the person's files lead to below the writable roots. Nothing that commands can write makes such a
    /// link.
    linked: std::collections::BTreeSet<std::path::PathBuf>,
    /// In which processes go when memory is short. None, where the kernel is not to be told.
    order: Option<Order>,
    /// What the secrets in the roots are known by.
    steps: Steps,
    /// Where else what is in the roots can be found.
    mirrors: Mirrors,
    /// Roots that are none.
    left_out: Vec<std::path::PathBuf>,
}

/// The main function of the holder: lives until the agent closes the channel.
pub(super) fn hold() -> ExitCode {
    let Some(channel) = take_channel() else { return ExitCode::FAILURE };
    // The person may want to unmount or remove what the agent was started in.
    let _ = rustix::process::chdir("/");
    let Ok(Some((build, _))) = channel.receive::<Build>() else { return ExitCode::FAILURE };
    let mut cgroup = (build.tier != Tier::None).then(Cgroup::make).flatten();
    let mut world = match World::build(build) {
        Ok(world) => world,
        Err(reason) => {
            let _ = channel.send(&Built::Refused(reason), &[]);
            cgroup.into_iter().for_each(Cgroup::end);
            return ExitCode::FAILURE;
        }
    };
    let found = Found {
        open_secrets: walls::open_secrets(&world),
        left_out: std::mem::take(&mut world.left_out),
        without_landlock: world.tier == Tier::Full && walls::available().is_err(),
    };
    if channel.send(&Built::Ready(found), &[]).is_err() {
        return ExitCode::FAILURE;
    }
    world.seen = metadata::seen(&world);
    ignore_children();
    while let Ok(Some((OpenRoom, descriptors))) = channel.receive::<OpenRoom>() {
        let Some(control) = descriptors.into_iter().next() else { break };
        let control = BlockingChannel::new(control);
        match world.fork(cgroup.as_ref()) {
            Ok(Forked::Child) => {
                drop((channel, cgroup.take()));
                room::live(world, control);
            }
            Ok(Forked::Parent(pid)) => drop(control.send(&Reply::Room(pid), &[])),
            Err(error) => drop(
                control.send(&Reply::Failed(format!("no process for it: {error}").into()), &[]),
            ),
        }
    }
    if cgroup.is_some() || !world.own.is_empty() {
        // To the end of the last room, be it kept.
        while rustix::process::wait(rustix::process::WaitOptions::empty()).is_ok() {}
    }
    drop(world);
    cgroup.into_iter().for_each(Cgroup::end);
    ExitCode::SUCCESS
}

#[allow(unsafe_code)]
fn take_channel() -> Option<BlockingChannel> {
    // SAFETY: the descriptor is ours alone: whoever gave the hidden argument put it there, and nothing of this
    // process has opened one yet. That it is open at all is checked first.
    unsafe {
        if libc::fcntl(CHANNEL, libc::F_SETFD, libc::FD_CLOEXEC) < 0 {
            return None;
        }
        libc::close_range(CHANNEL as u32 + 1, u32::MAX, 0);
        Some(BlockingChannel::new(OwnedFd::from_raw_fd(CHANNEL)))
    }
}

/// The kernel forgets rooms that have ended: nobody asks the holder about them.
#[allow(unsafe_code)]
fn ignore_children() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

fn no_memory(error: std::io::Error) -> String {
    format!("memory for all rooms: {error}")
}

/// Secrets that are found by looking at this machine: what git was told to keep passwords in, and where else all of
/// them are mounted.
pub(super) fn further_secrets(policy: &SandboxPolicy) -> SecretPlaces {
    let mut further = SecretPlaces { kept: vec![], named: credentials::files(policy) };
    let mut all = policy.secrets.clone();
    all.extend(further.clone());
    further.extend(mirrors::of(&all));
    further
}

/// What a world of this policy expects to be there, made by the agent.
pub(super) fn prepare(policy: &SandboxPolicy) {
    // Where it cannot be made the world does without.
    let _ = place_of_register(policy).map(|place| register::make(&place));
}

/// Where no command of the world can write, if that is to be had.
fn place_of_register(policy: &SandboxPolicy) -> Option<std::path::PathBuf> {
    let file = persons::our_state(&policy.person)?.join("rooms");
    let resolved = super::secrets::resolve(&file);
    let is_writable = |root: &std::path::PathBuf| {
        root.canonicalize().is_ok_and(|root| resolved.starts_with(root))
    };
    let is_needed = policy.mode == SandboxMode::WorkspaceWrite;
    (is_needed && !policy.writable_roots.iter().any(is_writable)).then_some(file)
}

pub(super) enum Forked {
    Child,
    Parent(u32),
}

#[allow(unsafe_code)]
pub(super) fn fork() -> std::io::Result<Forked> {
    // SAFETY: this process has one thread, so the child's copy of all state is consistent.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent(pid.unsigned_abs())),
    }
}

impl World {
    fn build(build: Build) -> Result<Self, String> {
        let Build { mut policy, tier } = build;
        let Roots { kept, left_out } = roots::find(&policy.writable_roots);
        policy.writable_roots = kept;
        let is_written = policy.mode == SandboxMode::WorkspaceWrite;
        if policy.mode == SandboxMode::WorkspaceWrite {
            // To commit in a worktree is to write there.
            let roots = policy.writable_roots.iter();
            let common: Vec<_> =
                roots.filter_map(|root| repositories::common_of_worktree(root)).collect();
            policy.writable_roots.extend(common);
        }
        addresses::know_home(&policy.person);
        links::know_view(&policy, tier);
        let further = further_secrets(&policy);
        policy.secrets.extend(further);
        // Before anything is closed to this process.
        let register = Register::open(place_of_register(&policy).as_deref()).map_err(no_memory)?;
        let linked = match policy.mode {
            SandboxMode::WorkspaceWrite => {
                let behind = |env| persons::behind_links(env, &policy.writable_roots);
                [&policy.env, &policy.person].into_iter().flat_map(behind).collect()
            }
            _ => std::collections::BTreeSet::new(),
        };
        // As it is found in the view, too, where the roots are mounted with all that is mounted below.
        let mirrors = Mirrors::in_roots(if is_written { &policy.writable_roots } else { &[] });
        let mut world = match tier {
            Tier::Full => Self::apart(policy, tier, register),
            Tier::Reduced => {
                walls::available()?;
                tree::available()?;
                Self::with_temporary(policy, tier, register)
            }
            Tier::None => Self::new(policy, tier, std::env::temp_dir(), register),
        }?;
        world.linked = linked;
        if world.tier != Tier::Full {
            world.order = Order::after_this_process();
        }
        world.left_out = if is_written { left_out } else { vec![] };
        if is_written {
            (world.steps, world.mirrors) = (world.steps_to_secrets(), mirrors);
        }
        Ok(world)
    }

    fn apart(policy: SandboxPolicy, tier: Tier, register: Register) -> Result<Self, String> {
        namespaces::enter(policy.network)?;
        // The right to raise it is this namespace's by now: were it the machine's, nobody could lower it again.
        let order = Order::after_this_process();
        limits::share_with_others();
        let hidden = view::build(&policy)?;
        let mut world = Self::new(policy, tier, "/tmp".into(), register)?;
        world.hidden = Some(hidden);
        world.order = order;
        world.try_room()?;
        Ok(world)
    }

    fn steps_to_secrets(&self) -> Steps {
        let (secrets, roots) = (&self.policy.secrets, &*self.policy.writable_roots);
        match self.tier {
            Tier::Full => Steps::remember_links(secrets.iter().cloned().collect(), roots),
            Tier::Reduced => Steps::remember(walls::closed_secrets(self), roots),
            Tier::None => Steps::default(),
        }
    }

    /// A room may fail where its world did not: whether this tier is to be had is known when one stood.
    fn try_room(&self) -> Result<(), String> {
        let (mut reader, mut writer) = std::io::pipe().map_err(|error| error.to_string())?;
        match self
            .fork(None)
            .map_err(|error| format!("a process in its own namespaces: {error}"))?
        {
            Forked::Child => {
                drop(reader);
                let trouble = room::furnish(self).err().unwrap_or_default();
                let _ = writer.write_all(trouble.as_bytes());
                room::leave(0)
            }
            Forked::Parent(pid) => {
                drop(writer);
                let mut trouble = String::new();
                reader.read_to_string(&mut trouble).map_err(|error| error.to_string())?;
                let pid = rustix::process::Pid::from_raw(pid.cast_signed());
                let _ = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty());
                if trouble.is_empty() { Ok(()) } else { Err(trouble) }
            }
        }
    }

    /// Forks the first process of a room, into the group where that can be done.
    fn fork(&self, cgroup: Option<&Cgroup>) -> std::io::Result<Forked> {
        let own = if self.tier == Tier::Full { namespaces::OWN } else { 0 };
        if let Some(Ok(forked)) = cgroup.map(|cgroup| cgroup.fork(own)) {
            return Ok(forked);
        }
        if self.tier == Tier::Full { namespaces::fork_into_own() } else { fork() }
    }

    fn with_temporary(
        policy: SandboxPolicy,
        tier: Tier,
        register: Register,
    ) -> Result<Self, String> {
        let nowhere = |error: std::io::Error| format!("no private temporary directory: {error}");
        let temporary = Temporary::make(&std::env::temp_dir()).map_err(nowhere)?;
        // Where no command reads what those of other worlds share.
        let memory = Temporary::make(std::path::Path::new(devices::MEMORY)).ok();
        let shared = memory.as_ref().unwrap_or(&temporary).part("shm").map_err(nowhere)?;
        let files = temporary.part("tmp").map_err(nowhere)?;
        let mut world = Self::new(policy, tier, files, register)?;
        world.shared_memory = Some(shared);
        world.own = memory.into_iter().chain([temporary]).collect();
        Ok(world)
    }

    fn new(
        policy: SandboxPolicy,
        tier: Tier,
        temporary: std::path::PathBuf,
        register: Register,
    ) -> Result<Self, String> {
        let unseen = Unseen::new().map_err(no_memory)?;
        let began = std::time::SystemTime::now();
        let (hidden, own, shared_memory, seen) = (None, vec![], None, Seen::default());
        Ok(Self {
            policy,
            tier,
            temporary,
            hidden,
            own,
            shared_memory,
            began,
            unseen,
            register,
            seen,
            linked: std::collections::BTreeSet::new(),
            order: None,
            steps: Steps::default(),
            mirrors: Mirrors::default(),
            left_out: vec![],
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.own.iter().for_each(Temporary::remove);
    }
}

impl World {
    /// Writable in every mode.
    fn temporary_directories(&self) -> Vec<std::path::PathBuf> {
        match self.tier {
            Tier::Full => vec!["/tmp".into(), "/var/tmp".into()],
            Tier::Reduced => vec![self.temporary.clone()],
            Tier::None => vec![],
        }
    }

    /// So that programs find their temporary space.
    fn temporary_variables(&self) -> Vec<(&'static str, std::path::PathBuf)> {
        match self.tier {
            Tier::Full | Tier::Reduced => {
                ["TMPDIR", "TMP", "TEMP"].map(|name| (name, self.temporary.clone())).to_vec()
            }
            Tier::None => vec![],
        }
    }
}
