//! What git or we would run or obey later, outside the sandbox (S9, S10). Before a command it is pinned where mounts
//! can do that, else remembered; when the command is over, what was changed all the same is put back as it was.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use agent_protocol::SandboxMode;

use super::arrivals::{Origin, Present};
use super::begun::WEB_SERVER;
use super::changes::Changes;
use super::earlier::{Earlier, Record};
use super::holding::Holding;
use super::known::Known;
use super::links::{self, Way};
use super::mirrors::Mirrors;
use super::mounts::{self, Place};
use super::named::Here;
use super::pins::{Kind, Pin};
use super::put_back::Change;
use super::register::{Records, Stay};
use super::repositories::{self, Look, Patience};
use super::repository::{self, Repository};
use super::seen::Seen;
use super::state::{self, State, changed_at};
use super::steps::Steps;
use super::trees::{Before, Trees};
use super::{World, index, roots};
use crate::sandbox::message::Order;
use crate::sandbox::{OF_PROJECT, Tier, ours, secrets};

/// Of the git directory of a root, what no command has to change.
const PINNED_OF_GIT: &[&str] = &["hooks", "info/attributes", "commondir", WEB_SERVER];

/// Whoever makes so many directories that more time is needed wants to hide something; what did not change may be too
/// much to be looked at for each command.
pub(super) const PATIENCE: Patience =
    Patience { for_changed: Duration::from_secs(3), for_all: Duration::from_secs(1) };
/// Bytes that are remembered of repositories; of others beside those of the roots no more than whether they have changed.
const MOST_REMEMBERED: usize = 32 << 20;

/// What was there before a command.
pub(super) struct Metadata {
    roots: Vec<PathBuf>,
    /// What there was at each of them.
    places: Vec<Option<Place>>,
    /// Where commands can write besides, by a path that holds outside too.
    beside: Vec<PathBuf>,
    /// Cannot be changed by the command while the pin holds: what changes there is the person's doing.
    pinned: Vec<Pin>,
    /// What those lie in, made unmovable.
    holders: Vec<(PathBuf, Place)>,
    guarded: Vec<(PathBuf, State)>,
    /// Those that are not pinned: profiles that appear there are a command's.
    our_homes: Vec<PathBuf>,
    /// What a configuration names.
    named: Vec<(PathBuf, State)>,
    /// None for an edit, which is shown as what it is.
    trees: Option<Trees>,
    repositories: Vec<Repository>,
    present: Present,
    /// What secrets are known by.
    steps: Steps,
    /// The git directories of the roots.
    of_roots: Vec<PathBuf>,
    earlier: Earlier,
    /// This room or, of those whose commands still run, the first; in nanoseconds, by the clock of files.
    began: i64,
}

/// What the looks of all rooms are to compare with; by the holder, before there is a room.
pub(super) fn seen(world: &World) -> Seen {
    if world.policy.mode != SandboxMode::WorkspaceWrite {
        return Seen::default();
    }
    repositories::seen_below(&roots::of(world), PATIENCE)
}

/// In the full tier nothing: its temporary directories are on no disk of the machine's.
pub(super) fn beside(world: &World) -> Vec<PathBuf> {
    let own = (world.tier == Tier::Reduced).then(|| world.temporary.clone());
    let own = own.into_iter().chain(world.shared_memory.clone());
    own.filter_map(|path| path.canonicalize().ok()).collect()
}

impl Metadata {
    /// What there is, but where commands run by now what there was before those. From here on this room counts too, as one
    /// that runs or will.
    ///
    /// # Errors
    /// When other rooms keep this one from beginning.
    pub(super) fn remember(
        world: &World,
        known: &Known,
        order: &Order,
        stay: Stay,
    ) -> Result<Self, String> {
        let entered = world.register.enter(stay, |records| {
            let roots = roots::of(world);
            let earlier = Earlier::of(&records, &roots, world_began(world));
            let metadata = Self::taking_over(earlier, roots, world, known, order);
            let records = metadata.records(world, known);
            (metadata, records)
        });
        entered.map_err(|error| format!("what other commands may change: {error}"))
    }

    /// No secrets: whoever can read our state could read them there.
    fn records(&self, world: &World, known: &Known) -> Records {
        let listed = &world.policy.secrets;
        let resolved = if known.of_person.is_empty() { vec![] } else { secrets::paths(listed) };
        let is_secret =
            |path: &Path| listed.iter().chain(&resolved).any(|secret| path.starts_with(secret));
        let files = self.guarded.iter().chain(&self.named);
        let files = files.filter(|(path, _)| !is_secret(path)).collect();
        let (began, roots) = (self.began, &*self.reached());
        let short = Record { began, roots, files: vec![], repositories: &[], present: None };
        let (repositories, present) = (&*self.repositories, self.present.all());
        let full = Record { began, roots, files, repositories, present };
        Records { full: full.encoded(), short: short.encoded() }
    }

    fn taking_over(
        mut earlier: Earlier,
        roots: Vec<PathBuf>,
        world: &World,
        known: &Known,
        order: &Order,
    ) -> Self {
        let now = state::now();
        let began = earlier.began.map_or(now, |earlier| earlier.min(now));
        let of_roots: Vec<_> =
            roots.iter().filter_map(|root| repositories::of_root(root)).collect();
        let mut gits: BTreeSet<_> = known.gits.clone();
        gits.extend(of_roots.iter().flat_map(|git| repositories::within(git)));
        let others = gits.iter().filter(|git| !of_roots.contains(git));
        let mut repositories: Vec<Repository> = Vec::new();
        let mut room = MOST_REMEMBERED;
        for git in of_roots.iter().chain(others) {
            let repository = earlier.repository(git, room > 0 || of_roots.contains(git));
            room = room.saturating_sub(repository.as_ref().map_or(0, Repository::size));
            repositories.extend(repository);
        }
        gits.extend(of_roots.iter().cloned());
        let present = Present::of(known, gits, &repositories, &earlier);
        let mut metadata = Self {
            places: roots.iter().map(|root| Place::of(root)).collect(),
            roots,
            present,
            beside: beside(world),
            steps: world.steps.now(),
            pinned: vec![],
            holders: vec![],
            guarded: vec![],
            our_homes: vec![],
            named: vec![],
            trees: None,
            repositories,
            of_roots,
            earlier,
            began,
        };
        metadata.guard_all(known, world.tier == Tier::Full);
        metadata.pin_mirrors(&world.mirrors);
        // An edit is shown as what it is, and its file as what it does.
        if matches!(order, Order::Run(_)) {
            metadata.guard_what_is_named(world, known);
            metadata.trees = Some(Trees::of(known));
        }
        metadata
    }

    fn guard_all(&mut self, known: &Known, is_pinned: bool) {
        let pointers = self
            .roots
            .iter()
            .map(|root| root.join(".git"))
            .filter(|path| !path.is_dir() || path.is_symlink());
        let of_person = known.of_person.iter().cloned();
        let paths: BTreeSet<_> =
            of_projects(&self.roots).chain(pointers).chain(of_person).collect();
        for path in paths {
            self.guard(path, known, is_pinned);
        }
        for home in &known.our_homes {
            match Pin::of(home, Kind::OurHome).filter(|_| is_pinned) {
                Some(pin) => self.pinned.push(pin),
                None => self.guard_our_home(home, known, is_pinned),
            }
        }
        if is_pinned {
            let of_gits = self.of_roots.iter();
            let of_gits = of_gits.flat_map(|git| PINNED_OF_GIT.iter().map(|name| git.join(name)));
            let is_open =
                |path: &PathBuf| self.repositories.iter().any(|known| known.is_open(path));
            let of_gits = of_gits.filter(|path| !is_open(path));
            self.pinned.extend(of_gits.filter_map(|path| Pin::of(&path, Kind::OfGit)));
        }
    }

    /// What is pinned may be written to where it is mounted a second time.
    fn pin_mirrors(&mut self, mirrors: &Mirrors) {
        let others = self.pinned.iter().flat_map(|pin| {
            mirrors.of(&pin.path).into_iter().filter_map(|other| pin.mirrored(&other))
        });
        let others: Vec<_> = others.filter(|pin| self.is_below_root(&pin.path)).collect();
        for pin in others {
            if !self.pinned.iter().any(|known| known.path == pin.path) {
                self.pinned.push(pin);
            }
        }
    }

    /// A profile that an earlier room, which guards this home, does not know may be its command's.
    fn guard_our_home(&mut self, home: &Path, known: &Known, is_pinned: bool) {
        let is_known = ours::in_our_home(home).any(|path| self.earlier.state(&path).is_some());
        ours::in_our_home(home).for_each(|path| self.guard(path, known, is_pinned));
        for path in ours::profiles_in(home) {
            if is_known && self.earlier.state(&path).is_none() {
                self.guarded.push((path, State::Absent));
            } else {
                self.guard(path, known, is_pinned);
            }
        }
        self.our_homes.push(home.to_owned());
    }

    /// Profiles in our homes that there were not before.
    fn new_profiles(&self) -> Vec<Change> {
        let profiles = self.our_homes.iter().flat_map(|home| ours::profiles_in(home));
        let new = profiles.filter(|path| !self.is_guarded(path));
        let changes =
            new.flat_map(|path| State::Absent.changes_at(&path, path.parent().unwrap_or(&path)));
        changes.collect()
    }

    /// And what it leads to, where it is a link.
    fn guard(&mut self, path: PathBuf, known: &Known, is_pinned: bool) {
        if self.is_guarded(&path) {
            return;
        }
        let is_config = known.ends_of_configs.contains(&path);
        let kind = if is_config { Kind::Settings } else { Kind::Plain };
        let earlier = self.earlier.state(&path);
        // What may be a command's is nothing to be kept.
        let can_be = is_pinned && !known.open.contains(&path) && earlier.is_none();
        if let Some(pin) = Pin::of(&path, kind).filter(|_| can_be) {
            self.pinned.push(pin);
            return;
        }
        let state = earlier.unwrap_or_else(|| State::of(&path));
        let further = match state {
            State::Link(_) => links::follow(&path),
            _ => Way::default(),
        };
        // At the end of that one is a repository, which is there to be written to.
        let end = (!path.ends_with(".git")).then_some(further.end);
        self.guarded.push((path, state));
        for path in further.links.into_iter().chain(end) {
            if self.is_below_root(&path) {
                self.guard(path, known, is_pinned);
            }
        }
    }

    fn is_below_root(&self, path: &Path) -> bool {
        is_below(&self.roots, path)
    }

    /// What the configuration that holds here names in the roots. Not pinned: much of it is made anew by the tools it
    /// belongs to, and then as it was.
    fn guard_what_is_named(&mut self, world: &World, known: &Known) {
        let here =
            Here { roots: &self.roots, repositories: &self.repositories, trees: &known.trees };
        let everywhere = Holding::everywhere(&known.configs, &world.policy.env);
        let ends = known.ends_of_configs.iter().cloned();
        for path in here.named(&everywhere).paths().into_iter().chain(ends) {
            if self.is_below_root(&path) && !self.is_guarded(&path) {
                let state = self.earlier.state(&path).or_else(|| State::of_file(&path));
                self.named.extend(state.map(|state| (path, state)));
            }
        }
    }

    fn is_guarded(&self, path: &Path) -> bool {
        self.guarded.iter().any(|(known, _)| *known == path)
            || self.pinned.iter().any(|pin| path.starts_with(&pin.path))
            || self.repositories.iter().any(|known| known.judges(path))
    }

    /// Makes read-only what is there, and unmovable what it lies in. In a room of the full tier only.
    pub(super) fn pin(&mut self, tier: Tier) -> Result<(), String> {
        if tier != Tier::Full {
            return Ok(());
        }
        for path in self.to_be_held() {
            let place = mounts::hold(&path)?.place();
            self.holders.extend(place.map(|place| (path, place)));
        }
        self.pinned.iter_mut().try_for_each(Pin::put)
    }

    /// Takes the pins of an earlier look over, if they are all that is needed and all hold. Returns whether they are.
    pub(super) fn take_pins_of(&mut self, earlier: &mut Self) -> bool {
        let held = earlier.holders.iter().map(|(path, _)| path);
        let are_held = self.to_be_held().iter().eq(held)
            && earlier.holders.iter().all(|(path, place)| Place::of(path) == Some(*place));
        let are_pinned = self.pinned.len() == earlier.pinned.len()
            && self.pinned.iter().zip(&earlier.pinned).all(|(new, old)| new.is_same(old))
            && self.pinned.iter().all(Pin::keeps_out);
        if are_held && are_pinned {
            self.holders = std::mem::take(&mut earlier.holders);
            self.pinned = std::mem::take(&mut earlier.pinned);
        }
        are_held && are_pinned
    }

    fn to_be_held(&self) -> BTreeSet<PathBuf> {
        let gits = self.of_roots.iter().flat_map(|git| git.ancestors());
        let pinned = self.pinned.iter().flat_map(|pin| pin.path.ancestors().skip(1));
        // One of them may lie in another.
        let roots = self.roots.iter().flat_map(|root| root.ancestors().skip(1));
        let holders = gits.chain(pinned).chain(roots).filter(|path| self.is_below_root(path));
        let is_root = |path: &&Path| self.roots.iter().any(|root| root == path);
        holders.filter(|path| !is_root(path)).map(Path::to_owned).collect()
    }

    /// So that no secret is known by another name. Says what was done.
    pub(super) fn put_secrets_back(&self) -> Vec<String> {
        self.steps.put_back()
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
        changes.extend(self.new_profiles());
        for (path, before) in &self.named {
            // A directory is nothing that git would run, and nothing runs of what is gone.
            let is_nothing = fs::symlink_metadata(path).is_err()
                || (*before == State::Absent && is_directory(path));
            if !is_nothing {
                changes.extend(before.changes_at(path, path.parent().unwrap_or(path)));
            }
        }
        // A link in the place of a repository that was moved away.
        for git in self.of_roots.iter().filter(|git| is_in_the_way(git)) {
            let aside = git.parent().unwrap_or(git).to_owned();
            changes.push(Change { path: git.clone(), to: State::Absent, aside });
        }
        let reached = self.reached();
        for known in &self.repositories {
            // Another one may have its place, which is compared with what that was.
            changes.extend(self.moved_to(&known.git).as_ref().unwrap_or(known).changes(&reached));
        }
        let unseen = self.look(world, &mut changes);
        let (holding, fallen): (Vec<_>, Vec<_>) = self.pinned.iter().partition(|pin| pin.holds());
        changes.retain(|change| !holding.iter().any(|pin| change.path.starts_with(&pin.path)));
        changes.extend(fallen.into_iter().flat_map(Pin::changes));
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        changes.dedup_by(|later, first| later.path.starts_with(&first.path));
        let secrets =
            if changes.is_empty() { vec![] } else { secrets::paths(&world.policy.secrets) };
        Changes { changes, unseen, secrets }
    }

    /// What a repository is compared with that was moved there.
    fn moved_to(&self, git: &Path) -> Option<Repository> {
        let moved = self.present.moved_to(git, &self.repositories, &self.roots);
        moved.map(|before| before.moved_to(git))
    }

    /// Whether a directory that is closed may have been looked into before the command.
    pub(super) fn was_open(&self, directory: &Path) -> bool {
        fs::symlink_metadata(directory).is_ok_and(|found| changed_at(&found) >= self.began)
    }

    /// All that commands can write to.
    fn reached(&self) -> Vec<PathBuf> {
        self.roots.iter().chain(&self.beside).cloned().collect()
    }

    /// What is there now says nothing of what the command wrote to. In another root that is seen wherever it is.
    fn root_that_is_elsewhere(&self) -> Option<PathBuf> {
        let roots = self.roots.iter().zip(&self.places);
        let mut roots = roots.filter(|(root, _)| !self.is_below_root(root));
        let elsewhere = roots.find(|(root, place)| Place::of(root) != **place);
        elsewhere.map(|(root, _)| root.clone())
    }

    /// Through all of the roots. Returns what was not seen.
    fn look(&self, world: &World, changes: &mut Vec<Change>) -> Option<PathBuf> {
        let missed = world.unseen.since();
        let since = world_began(world);
        let Look { found, pointed, leading, halves, unseen, .. } =
            repositories::below(&self.roots, &self.beside, since, PATIENCE, &world.seen);
        let (began, reached) = (self.began.min(missed), self.reached());
        let new_ways = self.present.new_ways(&pointed, &leading, &self.repositories, &reached);
        changes.extend(new_ways);
        let (mut arrived, mut moved) = (Vec::new(), Vec::new());
        let mut left = index::MOST_READ;
        for git in &found {
            let known = self.repositories.iter().find(|known| known.git == *git);
            let is_known = known.is_some();
            if !known.is_some_and(Repository::is_where_it_was) {
                arrived.push(git.clone());
                moved.extend(self.moved_to(git));
            }
            let is_touched = |path: &Path| {
                arrived.last() == Some(git)
                    || is_below(&self.beside, git)
                    || is_new(path, git, began, world.began)
            };
            changes.extend(repository::lists_that_lead_out(git, is_touched, &mut left));
            let origin = match is_known {
                true => Origin::There,
                false => self.present.origin(git, &self.repositories, &self.roots, &self.earlier),
            };
            match origin {
                Origin::Moved(before) => changes.extend(before.moved_to(git).changes(&reached)),
                Origin::Arrived => {
                    changes.extend(repository::appeared(git, &reached, |_| true));
                    changes.extend(self.present.sharing(git, &reached));
                }
                // What an earlier look missed, this one may have taken for the person's.
                Origin::There
                    if !is_known || (missed < self.began && !self.of_roots.contains(git)) =>
                {
                    // Nobody else writes there, and an earlier look had no reason to look.
                    let is_beside = is_below(&self.beside, git);
                    let is_new = |path: &Path| is_beside || is_new(path, git, began, world.began);
                    changes.extend(repository::appeared(git, &reached, is_new));
                }
                Origin::There => {}
            }
            if !is_known && is_made_since(git, world.began) {
                changes.extend(repository::turned(git, &reached));
            }
        }
        let is_known = |git: &PathBuf| self.repositories.iter().any(|known| known.git == *git);
        for git in halves.iter().filter(|git| !is_known(git)) {
            let is_new = |path: &Path| is_new(path, git, began, world.began);
            let sharing = self.present.sharing(git, &reached);
            changes.extend(sharing.filter(|change| is_new(&change.path)));
            changes.extend(repository::appeared(git, &reached, is_new));
        }
        if let Some(trees) = &self.trees {
            let Self { roots, repositories, named, .. } = self;
            let before = Before { roots, repositories, named };
            changes.extend(trees.changes(world, &pointed, &arrived, &before, &moved));
        }
        let unseen = unseen.or_else(|| self.root_that_is_elsewhere());
        match &unseen {
            Some(_) => world.unseen.missed(self.began),
            None => world.unseen.saw_everything(missed),
        }
        unseen
    }
}

pub(super) fn of_projects(roots: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    roots.iter().flat_map(|root| OF_PROJECT.iter().map(|name| root.join(name)))
}

fn is_in_the_way(git: &Path) -> bool {
    fs::symlink_metadata(git).is_ok_and(|found| !found.is_dir())
}

fn is_directory(path: &Path) -> bool {
    path.is_dir() && !path.is_symlink()
}

/// Changed since then, or made by an earlier command and only now put where it counts. The kernel says so, whom a
/// command cannot tell the time.
fn is_new(path: &Path, git: &Path, began: i64, world_began: SystemTime) -> bool {
    let changed =
        |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| changed_at(&found) >= began);
    changed(path) || (is_made_since(path, world_began) && changed(git))
}

fn is_made_since(path: &Path, time: SystemTime) -> bool {
    let made = fs::symlink_metadata(path).and_then(|found| found.created());
    made.is_ok_and(|made| made >= time)
}

pub(super) fn is_below(roots: &[PathBuf], path: &Path) -> bool {
    roots.iter().any(|root| path.starts_with(root) && path != root)
}

pub(super) fn world_began(world: &World) -> i64 {
    state::nanoseconds(world.began)
}
