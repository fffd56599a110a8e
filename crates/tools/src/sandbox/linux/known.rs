//! What takes its time to be found before a command: the repositories there are, and what is the person's own in the roots.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use agent_protocol::SandboxMode;

use super::leading::Leading;
use super::metadata::{PATIENCE, beside, is_below, of_projects, world_began};
use super::repositories;
use super::{World, links, persons, pins, roots};

/// How long it holds. Whatever else comes meanwhile is taken for the command's.
const FRESH: Duration = Duration::from_millis(500);

/// What links lead to and mounts close; each costs every command about a tenth of a millisecond. More is put back, which
/// is cheaper.
const MOST_CLOSED: usize = 64;

/// Looked for before there is anything to do, and again when that is long ago.
pub(super) struct Known {
    at: Instant,
    /// What the register said then.
    changed: Option<i64>,
    pub(super) gits: BTreeSet<PathBuf>,
    /// Where others may lie, as there was no time to look.
    pub(super) left: Vec<PathBuf>,
    /// Git directories, be they outside the roots, with where their files are.
    pub(super) trees: BTreeSet<(PathBuf, PathBuf)>,
    pub(super) leading: Leading,
    /// Of git, for all repositories.
    pub(super) configs: Vec<PathBuf>,
    /// Where they are, links aside.
    pub(super) ends_of_configs: BTreeSet<PathBuf>,
    /// Of the person's files, those in the roots, be it that links lead there. A root that is one of them was named for itself.
    pub(super) of_person: Vec<PathBuf>,
    pub(super) our_homes: Vec<PathBuf>,
    /// What no mount would close, or is to.
    pub(super) open: BTreeSet<PathBuf>,
}

impl Known {
    pub(super) fn look(world: &World) -> Self {
        if world.policy.mode != SandboxMode::WorkspaceWrite {
            return Self::nothing();
        }
        let (at, changed) = (Instant::now(), world.register.changed());
        let roots = roots::of(world);
        let since = world_began(world);
        let look = repositories::below(&roots, &beside(world), since, PATIENCE, &world.seen);
        let (left, leading) = (look.left, look.leading);
        let mut trees = look.pointed;
        trees.extend(roots.iter().filter_map(|root| repositories::around(root)));
        let of_both = |places| persons::of_both(&world.policy, places);
        let (mut of_person, mut our_homes) = (of_both(persons::files), of_both(persons::our_homes));
        of_person.extend(world.linked.iter().cloned());
        of_person.retain(|path| is_below(&roots, path));
        our_homes.retain(|home| roots.iter().any(|root| home.starts_with(root)));
        let configs = of_both(persons::git_configs);
        let ends_of_configs = configs.iter().map(|path| links::follow(path).end).collect();
        let pinnable = of_projects(&roots).chain(of_person.iter().cloned());
        let mut open: BTreeSet<_> = pinnable.filter(|path| pins::has_open_file(path)).collect();
        open.extend(world.linked.iter().skip(MOST_CLOSED).cloned());
        let gits = look.found;
        Self {
            at,
            changed,
            gits,
            left,
            trees,
            leading,
            configs,
            ends_of_configs,
            of_person,
            our_homes,
            open,
        }
    }

    fn nothing() -> Self {
        Self {
            at: Instant::now(),
            changed: None,
            gits: BTreeSet::new(),
            left: vec![],
            trees: BTreeSet::new(),
            leading: Leading::default(),
            configs: vec![],
            ends_of_configs: BTreeSet::new(),
            of_person: vec![],
            our_homes: vec![],
            open: BTreeSet::new(),
        }
    }

    /// Whether it is known still.
    pub(super) fn is_fresh(&self, world: &World) -> bool {
        self.at.elapsed() < FRESH && self.holds(world)
    }

    /// Whether no command that ran by then, or began since, may have made some of it.
    pub(super) fn holds(&self, world: &World) -> bool {
        self.changed.is_some() && self.changed == world.register.changed()
    }
}
