//! What git runs or obeys of one repository: before a command, and what of it is to be put back after.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::begun::{Begun, WEB_SERVER};
use super::configuration::Judge;
use super::encoded::{Encoded, read_all, write_all};
use super::hooks::{hooks_and_remotes, is_sample};
use super::pins::has_open_file;
use super::put_back::Change;
use super::settings::Entry;
use super::state::{Budget, MAX_FILE, State, nanoseconds, read_through};
use super::{addresses, git_config, index, links, repositories};

const CONFIGS: &[&str] = &["config", "config.worktree"];
const OTHERS: &[&str] = &["info/attributes", "commondir"];

/// Whether what has this path in a git directory is judged by what it is, be it a link.
pub(super) fn judges(rest: &Path) -> bool {
    rest.starts_with("hooks") || CONFIGS.iter().any(|name| rest == Path::new(name))
}

/// Which of these has this path now, if the directory that was it has it. With the name that git looks for, it has to lie in
/// the directory that it lay in: another one is given no repository by a move.
pub(super) fn that_is_now_at<'a>(
    git: &Path,
    mut remembered: impl Iterator<Item = &'a Repository>,
) -> Option<&'a Repository> {
    let now = identity(git)?;
    let around = git.parent().and_then(identity);
    let is_given = |before: &Repository| repositories::has_its_name(git) && before.around != around;
    remembered.find(|before| before.identity == Some(now) && !is_given(before))
}

/// A repository as it was.
pub(super) struct Repository {
    pub(super) git: PathBuf,
    identity: Option<Identity>,
    /// Of the directory that it lies in.
    around: Option<Identity>,
    configs: Vec<(PathBuf, State)>,
    /// By which hooks of other repositories would have run.
    running: Vec<Entry>,
    /// And remotes.
    hooks: BTreeMap<PathBuf, State>,
    /// One of them has another name, by which it could be written to.
    has_open_hook: bool,
    others: Vec<(PathBuf, State)>,
    /// What git had still to do.
    begun: Begun,
}

impl Repository {
    /// Whether it is still there.
    pub(super) fn is_where_it_was(&self) -> bool {
        self.identity.is_some() && self.identity == identity(&self.git)
    }

    /// As it was, had it been there already.
    pub(super) fn moved_to(&self, git: &Path) -> Self {
        let moved = |path: &Path| match path.strip_prefix(&self.git) {
            Ok(rest) => git.join(rest),
            Err(_) => path.to_owned(),
        };
        let files = |files: &[(PathBuf, State)]| {
            files.iter().map(|(path, state)| (moved(path), state.clone())).collect()
        };
        let hooks = self.hooks.iter().map(|(path, state)| (moved(path), state.clone()));
        Self {
            git: git.to_owned(),
            identity: self.identity,
            around: self.around,
            configs: files(&self.configs),
            running: self.running.clone(),
            hooks: hooks.collect(),
            has_open_hook: self.has_open_hook,
            others: files(&self.others),
            begun: self.begun.clone(),
        }
    }

    /// How many bytes are remembered of it.
    pub(super) fn size(&self) -> usize {
        let states = self.configs.iter().chain(&self.others).map(|(_, state)| state);
        states.chain(self.hooks.values()).map(State::size).sum::<usize>() + self.begun.size()
    }

    pub(super) fn remember(git: PathBuf) -> Self {
        let states = |names: &[&str]| {
            let paths = names.iter().map(|name| git.join(name));
            paths.map(with_state).collect::<Vec<_>>()
        };
        let hooks = hooks_and_remotes(&git);
        let mut configs = states(CONFIGS);
        let texts = configs.iter().filter_map(|(_, state)| state.bytes());
        let running = texts.flat_map(|text| addresses::running(text, &git)).collect();
        // Git writes to what they lead to.
        let links = configs.iter().filter(|(_, state)| matches!(state, State::Link(_)));
        let ends: Vec<_> = links.map(|(path, _)| with_state(links::follow(path).end)).collect();
        configs.extend(ends);
        Self {
            identity: identity(&git),
            around: git.parent().and_then(identity),
            configs,
            running,
            has_open_hook: hooks.keys().any(|path| has_other_names(path)),
            hooks,
            others: states(OTHERS),
            begun: Begun::of(&git),
            git,
        }
    }

    /// Without what hooks and attributes hold: known by number and when it changed.
    pub(super) fn shortened(mut self) -> Self {
        let others = self.others.iter_mut().map(|(path, state)| (&*path, state));
        for (path, state) in self.hooks.iter_mut().chain(others) {
            if matches!(state, State::File { .. } | State::Directory(_)) {
                *state = State::within(path, &mut Budget::none());
            }
        }
        self.begun.shorten(&self.git);
        self
    }

    /// One of its files of configuration, if it is this one's.
    pub(super) fn config(&self, path: &Path) -> Option<&State> {
        self.configs.iter().find(|(known, _)| known == path).map(|(_, state)| state)
    }

    /// Whether it is looked at here, whatever else names it.
    pub(super) fn judges(&self, path: &Path) -> bool {
        path.strip_prefix(&self.git).is_ok_and(|rest| rest.starts_with("hooks"))
            || self.config(path).is_some()
    }

    /// Whether no mount would keep what is there from being changed.
    pub(super) fn is_open(&self, path: &Path) -> bool {
        let is =
            |name: &str| path.strip_prefix(&self.git).is_ok_and(|rest| rest == Path::new(name));
        (self.has_open_hook && is("hooks")) || (is(WEB_SERVER) && has_open_file(path))
    }

    /// Those of its files that lead elsewhere, by links of the person's.
    pub(super) fn links(&self) -> impl Iterator<Item = &Path> {
        let others = self.configs.iter().chain(&self.others).map(|(path, state)| (path, state));
        let all = self.hooks.iter().chain(others);
        all.filter(|(_, state)| matches!(state, State::Link(_))).map(|(path, _)| path.as_path())
    }

    /// Nothing, when it is gone as a whole.
    pub(super) fn changes(&self, roots: &[PathBuf]) -> Vec<Change> {
        let now = identity(&self.git);
        if now.is_none() {
            return vec![];
        }
        // Another one in its place may have what this one had, and nothing of it is missing there.
        let is_same = now == self.identity;
        let or_nothing = |before: &State| if is_same { before.clone() } else { State::Absent };
        let mut changes = Vec::new();
        let hooks = self.hooks_by_now();
        let added = hooks.iter().filter(|(path, now)| {
            !self.hooks.get(*path).is_some_and(|before| before.is_still(now, path))
        });
        changes.extend(added.map(|(path, _)| {
            let before = self.hooks.get(path).cloned().unwrap_or_else(|| self.hooks_below(path));
            self.change(path, or_nothing(&before))
        }));
        let missing = self.hooks.iter().filter(|(path, _)| is_same && !hooks.contains_key(*path));
        changes.extend(missing.map(|(path, before)| self.change(path, before.clone())));
        for (path, before) in &self.others {
            let now = State::of(path);
            if !before.is_still(&now, path) && (is_same || now != State::Absent) {
                changes.push(self.change(path, or_nothing(before)));
            }
        }
        let judge = Judge { git: &self.git, roots, running: &self.running };
        for (path, before) in &self.configs {
            let now = State::of(path);
            let to = judge.config_to(before, &now, is_same).or_else(|| before.parted(&now));
            changes.extend(to.map(|to| self.change(path, to)));
        }
        changes.extend(self.begun.changes(&self.git));
        changes
    }

    /// Of the samples, those that were run by another name.
    fn hooks_by_now(&self) -> BTreeMap<PathBuf, State> {
        let mut hooks = hooks_and_remotes(&self.git);
        hooks.retain(|path, _| !is_sample(path));
        let samples = self.hooks.iter().filter(|(path, _)| is_sample(path));
        let samples = samples.map(|(path, before)| (with_state(path.clone()), before));
        // One that is gone is missing like any other hook.
        let known = samples.filter(|((_, now), before)| *now != State::Absent || now == *before);
        hooks.extend(known.map(|(now, _)| now));
        hooks
    }

    /// A directory as it was that is closed by now: with nothing but what was there to be run.
    fn hooks_below(&self, directory: &Path) -> State {
        let below = self.hooks.iter().filter(|(path, _)| path.parent() == Some(directory));
        let named =
            below.filter_map(|(path, state)| Some((path.file_name()?.into(), state.clone())));
        let all: BTreeMap<_, _> = named.collect();
        if all.is_empty() { State::Absent } else { State::Directory(all) }
    }

    fn change(&self, path: &Path, to: State) -> Change {
        change(&self.git, path, to)
    }
}

impl Encoded for Repository {
    fn write(&self, to: &mut Vec<u8>) {
        self.git.write(to);
        self.identity.write(to);
        self.around.write(to);
        write_all(self.configs.iter(), to, |file, to| file.write(to));
        write_all(self.running.iter(), to, |entry, to| entry.write(to));
        self.hooks.write(to);
        self.has_open_hook.write(to);
        write_all(self.others.iter(), to, |file, to| file.write(to));
        self.begun.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Self {
            git: PathBuf::read(from)?,
            identity: Option::read(from)?,
            around: Option::read(from)?,
            configs: read_all(from)?,
            running: read_all(from)?,
            hooks: BTreeMap::read(from)?,
            has_open_hook: bool::read(from)?,
            others: read_all(from)?,
            begun: Begun::read(from)?,
        })
    }
}

/// What is to be put back of a repository that was not known, where `is_new` says that a command made it.
pub(super) fn appeared(
    git: &Path,
    roots: &[PathBuf],
    is_new: impl Fn(&Path) -> bool,
) -> Vec<Change> {
    let mut changes: Vec<_> = hooks_and_remotes(git)
        .into_keys()
        .filter(|path| !is_sample(path) && is_new(path))
        .map(|path| change(git, &path, State::Absent))
        .collect();
    let judge = Judge { git, roots, running: &[] };
    for path in CONFIGS.iter().map(|name| git.join(name)).filter(|path| is_new(path)) {
        let (before, now) = (State::Absent, State::of(&path));
        let to = judge.config_to(&before, &now, false).or_else(|| before.parted(&now));
        changes.extend(to.map(|to| change(git, &path, to)));
    }
    let begun = Begun::default().changes(git);
    changes.extend(begun.into_iter().filter(|change| is_new(&change.path)));
    changes
}

/// Those of its indexes by which files would be taken out that belong to no tree, where they are new, or the configuration
/// that says how they are read; and the same of lists of packs that are not its own. No more is read of them than is `left`.
pub(super) fn lists_that_lead_out(
    git: &Path,
    is_new: impl Fn(&Path) -> bool,
    left: &mut u64,
) -> Vec<Change> {
    let common = repositories::common_directory(git);
    let config = common.as_deref().unwrap_or(git).join("config");
    let (are_read_anew, size) = (is_new(&config), OnceCell::new());
    let packs = git.join("objects/pack");
    let indexes = entries(git, |name| name == b"index" || name.starts_with(b"sharedindex."));
    let lists = entries(&packs, |name| name == b"multi-pack-index");
    let parts = entries(&packs.join("multi-pack-index.d"), |name| name.ends_with(b".midx"));
    let mut leading_out = Vec::new();
    for index in indexes.into_iter().filter(|path| are_read_anew || is_new(path)) {
        let size = *size.get_or_init(|| size_of_hash(&config));
        leading_out.extend(index::leads_out(&index, size, left).then_some(index));
    }
    for list in lists.into_iter().chain(parts).filter(|path| is_new(path)) {
        leading_out.extend(index::packs_lead_out(&list, left).then_some(list));
    }
    leading_out.iter().map(|path| change(git, path, State::Absent)).collect()
}

/// What has one of these names in a directory.
fn entries(directory: &Path, is_meant: fn(&[u8]) -> bool) -> Vec<PathBuf> {
    let all = fs::read_dir(directory).into_iter().flatten().flatten();
    let meant = all.filter(|entry| is_meant(entry.file_name().as_bytes()));
    meant.map(|entry| entry.path()).collect()
}

/// In bytes: of the names of its objects.
fn size_of_hash(config: &Path) -> usize {
    let text = read_through(config, MAX_FILE).unwrap_or_default();
    let format = git_config::values(&text, "extensions.objectformat").pop();
    if format.as_deref() == Some(b"sha256") { 32 } else { 20 }
}

/// Of one that earlier commands made and whose configuration was judged then: what has become of its addresses.
pub(super) fn turned(git: &Path, roots: &[PathBuf]) -> Vec<Change> {
    let judge = Judge { git, roots, running: &[] };
    let configs = CONFIGS.iter().map(|name| with_state(git.join(name)));
    let changes = configs.filter_map(|(path, state)| {
        let to = judge.config_to(&state, &state, true)?;
        Some(change(git, &path, to))
    });
    changes.collect()
}

pub(super) fn change(git: &Path, path: &Path, to: State) -> Change {
    Change { path: path.to_owned(), to, aside: around_all(git).to_owned() }
}

/// What is aside means nothing in the outermost git directory. Further in it may be a worktree by where it lies: one that leads
/// elsewhere is emptied there when git removes it.
pub(super) fn around_all(git: &Path) -> &Path {
    let is_one = |at: &&Path| repositories::has_its_name(at) || repositories::is_repository(at);
    git.ancestors().filter(is_one).last().unwrap_or(git)
}

/// Its numbers, and when it was made, in nanoseconds: numbers are soon given to others.
type Identity = ((u64, u64), i64);

/// None, where there is no directory.
fn identity(git: &Path) -> Option<Identity> {
    let found = fs::symlink_metadata(git).ok().filter(fs::Metadata::is_dir)?;
    let made = found.created().map_or(0, nanoseconds);
    Some(((found.dev(), found.ino()), made))
}

fn has_other_names(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.nlink() > 1)
}

fn with_state(path: PathBuf) -> (PathBuf, State) {
    let state = State::of(&path);
    (path, state)
}
