//! What git or we would run or obey later, outside the sandbox (S9, S10). Before a command it is pinned where mounts
//! can do that, else remembered; when the command is over, what was changed all the same is put back as it was.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use agent_protocol::SandboxMode;

use super::mounts::Tree;
use super::put_back::{self, Change};
use super::repositories::{self, Look, Patience};
use super::repository::{self, Repository};
use super::seen::Seen;
use super::state::{self, State, changed_at};
use super::{World, git_config, persons};
use crate::sandbox::message::Order;
use crate::sandbox::{OF_PROJECT, Tier, secrets};

/// Of the git directory of a root, what no command has to change.
const PINNED_OF_GIT: &[&str] = &["hooks", "info/attributes", "commondir"];

/// What git looks for in `core.hooksPath`.
const HOOKS: &[&str] = &[
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-checkout",
    "post-merge",
    "pre-push",
    "pre-auto-gc",
    "post-rewrite",
    "sendemail-validate",
    "fsmonitor-watchman",
    "post-index-change",
    "reference-transaction",
    "push-to-checkout",
    "pre-receive",
    "update",
    "proc-receive",
    "post-receive",
    "post-update",
];

/// Whoever makes so many directories that more time is needed wants to hide something; what did not change may be too
/// much to be looked at for each command.
const PATIENCE: Patience =
    Patience { for_changed: Duration::from_secs(3), for_all: Duration::from_secs(1) };
/// A repository that is not known before its command is judged by its age alone.
const PATIENCE_BEFORE: Patience =
    Patience { for_changed: Duration::from_millis(300), for_all: Duration::from_millis(300) };

/// What was there before a command.
pub(super) struct Metadata {
    roots: Vec<PathBuf>,
    /// Cannot be changed by the command, so what changes there is the person's doing.
    pinned: Vec<PathBuf>,
    guarded: Vec<(PathBuf, State)>,
    repositories: Vec<Repository>,
    /// The git directories of the roots.
    of_roots: Vec<PathBuf>,
    /// In nanoseconds, by the clock of files.
    began: i64,
}

/// What is no longer as it may be.
pub(super) struct Changes {
    changes: Vec<Change>,
    unseen: Option<PathBuf>,
    /// Not to be told of.
    secrets: Vec<PathBuf>,
}

/// What takes its time to be found, and is looked for before there is anything to do.
pub(super) struct Known {
    gits: BTreeSet<PathBuf>,
    /// Of the person's files, those in the roots. A root that is one of them was named for itself.
    of_person: Vec<PathBuf>,
    our_homes: Vec<PathBuf>,
}

impl Known {
    pub(super) fn look(world: &World) -> Self {
        if world.policy.mode != SandboxMode::WorkspaceWrite {
            return Self { gits: BTreeSet::new(), of_person: vec![], our_homes: vec![] };
        }
        let (roots, env) = (roots(world), &world.policy.env);
        let gits =
            repositories::below(&roots, world_began(world), PATIENCE_BEFORE, &world.seen).found;
        let (mut of_person, mut our_homes) = (persons::files(env), persons::our_homes(env));
        of_person.retain(|path| is_below(&roots, path));
        our_homes.retain(|home| roots.iter().any(|root| home.starts_with(root)));
        Self { gits, of_person, our_homes }
    }
}

/// What the looks of all rooms are to compare with; by the holder, before there is a room.
pub(super) fn seen(world: &World) -> Seen {
    if world.policy.mode != SandboxMode::WorkspaceWrite {
        return Seen::default();
    }
    repositories::seen_below(&roots(world), PATIENCE)
}

fn roots(world: &World) -> Vec<PathBuf> {
    world.policy.writable_roots.iter().filter_map(|root| root.canonicalize().ok()).collect()
}

impl Metadata {
    pub(super) fn remember(world: &World, known: &Known, order: &Order) -> Self {
        let began = state::now();
        let roots = roots(world);
        let of_roots: Vec<_> =
            roots.iter().filter_map(|root| repositories::of_root(root)).collect();
        let mut gits: BTreeSet<_> = known.gits.clone();
        gits.extend(of_roots.iter().flat_map(|git| repositories::within(git)));
        gits.extend(of_roots.iter().cloned());
        let repositories = gits.into_iter().map(Repository::remember).collect();
        let mut metadata =
            Self { roots, pinned: vec![], guarded: vec![], repositories, of_roots, began };
        metadata.guard_all(known, world.tier == Tier::Full);
        // An edit is shown as what it is, and its file as what it does.
        if matches!(order, Order::Run(_)) {
            metadata.guard_what_is_named(world);
        }
        metadata
    }

    fn guard_all(&mut self, known: &Known, is_pinned: bool) {
        let of_projects =
            self.roots.iter().flat_map(|root| OF_PROJECT.iter().map(|name| root.join(name)));
        let pointers = self
            .roots
            .iter()
            .map(|root| root.join(".git"))
            .filter(|path| !path.is_dir() || path.is_symlink());
        let of_person = known.of_person.iter().cloned();
        let paths: BTreeSet<_> = of_projects.chain(pointers).chain(of_person).collect();
        for path in paths {
            self.guard(path, is_pinned);
        }
        for home in &known.our_homes {
            if is_pinned && can_be_pinned(home) {
                self.pinned.push(home.clone());
            } else {
                persons::in_our_home(home).for_each(|path| self.guard(path, is_pinned));
            }
        }
        if is_pinned {
            let of_gits = self.of_roots.iter();
            let of_gits = of_gits.flat_map(|git| PINNED_OF_GIT.iter().map(|name| git.join(name)));
            self.pinned.extend(of_gits.filter(|path| can_be_pinned(path)));
        }
    }

    fn guard(&mut self, path: PathBuf, is_pinned: bool) {
        if is_pinned && can_be_pinned(&path) {
            self.pinned.push(path);
        } else {
            let state = State::of(&path);
            self.guarded.push((path, state));
        }
    }

    fn is_below_root(&self, path: &Path) -> bool {
        is_below(&self.roots, path)
    }

    /// What the configuration that holds here names in the roots. Not pinned: much of it is made anew by the tools it
    /// belongs to, and then as it was.
    fn guard_what_is_named(&mut self, world: &World) {
        let home = persons::variable(&world.policy.env, "HOME");
        if self.repositories.is_empty() {
            return;
        }
        let of_person: Vec<_> = persons::git_configs(&world.policy.env)
            .into_iter()
            .filter_map(|path| Some((state::read(&path.canonicalize().ok()?, 1 << 20)?, path)))
            .collect();
        let mut named = BTreeSet::new();
        for repository in &self.repositories {
            let (git, own) = (&repository.git, repository.config());
            let tree = tree_of(git, own);
            let of_person = of_person
                .iter()
                .map(|(text, path)| (&**text, path.parent().unwrap_or(Path::new("/"))));
            for (text, beside) in of_person.chain([(own, git.as_path())]) {
                named.extend(named_in(text, &tree, beside, home.as_deref()));
            }
        }
        for path in named {
            let is_known = self.guarded.iter().any(|(known, _)| *known == path)
                || self.of_roots.iter().any(|git| path.starts_with(git.join("hooks")));
            if self.is_below_root(&path) && !is_known {
                self.guard(path, false);
            }
        }
    }

    /// Makes read-only what is there, and unmovable what it lies in. In a room of the full tier only.
    pub(super) fn pin(&self, tier: Tier) -> Result<(), String> {
        if tier != Tier::Full {
            return Ok(());
        }
        let gits = self.of_roots.iter().flat_map(|git| git.ancestors());
        let pinned = self.pinned.iter().flat_map(|path| path.ancestors().skip(1));
        let holders: BTreeSet<_> =
            gits.chain(pinned).filter(|path| self.is_below_root(path)).collect();
        for path in holders.into_iter().filter(|path| !self.roots.iter().any(|root| root == path)) {
            Tree::copy(path)?.put(path)?;
        }
        for path in &self.pinned {
            Tree::copy(path)?.read_only()?.put(path)?;
        }
        Ok(())
    }

    pub(super) fn changed(&self, world: &World) -> Changes {
        let mut changes = Vec::new();
        for (path, before) in &self.guarded {
            // A repository that appeared is looked into below.
            if !(path.ends_with(".git") && *before == State::Absent && is_directory(path)) {
                let aside = path.parent().unwrap_or(path);
                changes.extend(before.changes_at(path, aside));
            }
        }
        // A link in the place of a repository that was moved away.
        for git in self.of_roots.iter().filter(|git| git.is_symlink() || git.is_file()) {
            let aside = git.parent().unwrap_or(git).to_owned();
            changes.push(Change { path: git.clone(), to: State::Absent, aside });
        }
        changes.extend(self.repositories.iter().flat_map(Repository::changes));
        let unseen = self.look(world, &mut changes);
        changes.retain(|change| !self.pinned.iter().any(|path| change.path.starts_with(path)));
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        changes.dedup_by(|later, first| later.path.starts_with(&first.path));
        let secrets =
            if changes.is_empty() { vec![] } else { secrets::paths(&world.policy.secrets) };
        Changes { changes, unseen, secrets }
    }

    /// Through all of the roots. Returns what was not seen.
    fn look(&self, world: &World, changes: &mut Vec<Change>) -> Option<PathBuf> {
        let missed = world.unseen.since();
        let since = world_began(world);
        let Look { found, unseen } = repositories::below(&self.roots, since, PATIENCE, &world.seen);
        let began = self.began.min(missed);
        for git in &found {
            let is_known = self.repositories.iter().any(|known| known.git == *git);
            // What an earlier look missed, this one may have taken for the person's.
            if !is_known || (missed < self.began && !self.of_roots.contains(git)) {
                let is_new = |path: &Path| is_new(path, git, began, world.began);
                changes.extend(repository::appeared(git, is_new));
            }
        }
        match &unseen {
            Some(_) => world.unseen.missed(self.began),
            None => world.unseen.saw_everything(missed),
        }
        unseen
    }
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.unseen.is_none()
    }

    /// Puts back, and says what was done. Called within the walls of the command, so that no link leads it out.
    pub(super) fn put_back(&self) -> Vec<String> {
        put_back::beyond_limits();
        let put_back = self.changes.iter().map(|change| change.put_back(&self.secrets));
        put_back.chain(self.notice()).collect()
    }

    /// Where nothing can be put back.
    pub(super) fn left(&self, reason: &str) -> Vec<String> {
        let left = self.changes.iter().map(|change| {
            format!(
                "could not put back {}: it could make code run outside the sandbox ({reason})",
                change.path.display()
            )
        });
        left.chain(self.notice()).collect()
    }

    fn notice(&self) -> Option<String> {
        let unseen = self.unseen.as_ref()?.display();
        Some(format!(
            "not all directories could be looked into, not {unseen} for one: there may be something left that git \
             would run; it is looked for again after the next command"
        ))
    }
}

/// A mount keeps out what comes by this name, not by another one.
fn can_be_pinned(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_dir() || (found.is_file() && found.nlink() == 1))
}

fn is_directory(path: &Path) -> bool {
    path.is_dir() && !path.is_symlink()
}

/// Files that a configuration makes git run or obey; `tree` is where programs start, `beside` where the file lies.
fn named_in(text: &[u8], tree: &Path, beside: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let at = |base: &Path, value: &[u8]| match (value.strip_prefix(b"~/"), home) {
        (Some(rest), Some(home)) => lexical(&home.join(OsStr::from_bytes(rest))),
        _ => lexical(&base.join(OsStr::from_bytes(value))),
    };
    let mut named = Vec::new();
    for value in git_config::values(text, "core.hookspath") {
        let hooks = at(tree, &value);
        named.extend(HOOKS.iter().map(|name| hooks.join(name)));
        // The directory may be a link.
        let real = hooks.canonicalize().ok().filter(|real| *real != hooks);
        named.extend(real.iter().flat_map(|real| HOOKS.iter().map(|name| real.join(name))));
    }
    for pattern in ["include.path", "includeif.*.path"] {
        named.extend(git_config::values(text, pattern).iter().map(|value| at(beside, value)));
    }
    let monitors = git_config::values(text, "core.fsmonitor");
    let programs = monitors.iter().filter_map(|value| value.split(u8::is_ascii_whitespace).next());
    named.extend(programs.filter(|program| program.contains(&b'/')).map(|value| at(tree, value)));
    named
}

/// Where git starts programs for a repository.
fn tree_of(git: &Path, config: &[u8]) -> PathBuf {
    match git_config::values(config, "core.worktree").last() {
        Some(tree) => lexical(&git.join(OsStr::from_bytes(tree))),
        None if git.ends_with(".git") => git.parent().unwrap_or(git).to_owned(),
        None => git.to_owned(),
    }
}

/// Without `.` and `..`.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(plain.pop()),
            std::path::Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// Changed since then, or made by an earlier command and only now put where it counts. The kernel says so, whom a
/// command cannot tell the time.
fn is_new(path: &Path, git: &Path, began: i64, world_began: SystemTime) -> bool {
    let changed =
        |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| changed_at(&found) >= began);
    let made = fs::symlink_metadata(path).and_then(|found| found.created());
    changed(path) || (made.is_ok_and(|made| made >= world_began) && changed(git))
}

fn is_below(roots: &[PathBuf], path: &Path) -> bool {
    roots.iter().any(|root| path.starts_with(root) && path != root)
}

fn world_began(world: &World) -> i64 {
    state::nanoseconds(world.began)
}
