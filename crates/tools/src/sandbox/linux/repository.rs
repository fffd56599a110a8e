//! What git runs or obeys of one repository: before a command, and what of it is to be put back after.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::configuration::Judge;
use super::encoded::{Encoded, read_all, write_all};
use super::hooks::{hooks_and_remotes, is_sample};
use super::put_back::Change;
use super::settings::Entry;
use super::state::{Budget, MAX_FILE, State, nanoseconds, read_through};
use super::{addresses, git_config, index, links, repositories};

const CONFIGS: &[&str] = &["config", "config.worktree"];
const OTHERS: &[&str] = &["info/attributes", "commondir"];
const TODO: &str = "rebase-merge/git-rebase-todo";
/// Where a merge's strategy is named, which is a program's name too.
const STRATEGY: &str = "rebase-merge/strategy";
const OPTIONS: &str = "sequencer/opts";
/// Not those that are scripts: they take their options for code.
const STRATEGIES: &[&str] = &["ort", "recursive", "ours", "subtree", ""];

/// Whether what has this path in a git directory is remembered as it is.
pub(super) fn remembers(rest: &Path) -> bool {
    rest.starts_with("hooks") || CONFIGS.iter().chain(OTHERS).any(|name| rest == Path::new(name))
}

/// A repository as it was.
pub(super) struct Repository {
    pub(super) git: PathBuf,
    identity: Option<Identity>,
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
    /// Whether the directory that was this repository has this name now.
    pub(super) fn was_moved_to(&self, git: &Path) -> bool {
        self.identity.is_some() && self.identity == identity(git)
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
        states.chain(self.hooks.values()).map(State::size).sum()
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
        self.has_open_hook
            && path.strip_prefix(&self.git).is_ok_and(|rest| rest == Path::new("hooks"))
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
        write_all(self.configs.iter(), to, |file, to| file.write(to));
        write_all(self.running.iter(), to, |entry, to| entry.write(to));
        self.hooks.write(to);
        self.has_open_hook.write(to);
        write_all(self.others.iter(), to, |file, to| file.write(to));
        self.begun.todo.write(to);
        self.begun.strategy.write(to);
        self.begun.options.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Self {
            git: PathBuf::read(from)?,
            identity: Option::read(from)?,
            configs: read_all(from)?,
            running: read_all(from)?,
            hooks: BTreeMap::read(from)?,
            has_open_hook: bool::read(from)?,
            others: read_all(from)?,
            begun: Begun {
                todo: Option::read(from)?,
                strategy: Option::read(from)?,
                options: Option::read(from)?,
            },
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

/// By which of its indexes, of those that are new, files would be taken out that belong to no tree.
pub(super) fn indexes_that_lead_out(git: &Path, is_new: impl Fn(&Path) -> bool) -> Vec<Change> {
    let is_index = |path: &PathBuf| {
        let name = path.file_name().map_or(&b""[..], OsStr::as_bytes);
        name == b"index" || name.starts_with(b"sharedindex.")
    };
    let entries = fs::read_dir(git).into_iter().flatten().flatten().map(|entry| entry.path());
    let known = entries.chain([git.join("index")]).filter(is_index);
    let new: BTreeSet<_> = known.filter(|path| is_new(path)).collect();
    let leading_out = new.into_iter().filter(|index| index::leads_out(index, size_of_hash(git)));
    leading_out.map(|index| change(git, &index, State::Absent)).collect()
}

/// In bytes: of the names of its objects.
fn size_of_hash(git: &Path) -> usize {
    let common = repositories::common_directory(git);
    let config = common.as_deref().unwrap_or(git).join("config");
    let text = read_through(&config, MAX_FILE).unwrap_or_default();
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
    Change { path: path.to_owned(), to, aside: git.to_owned() }
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

/// A rebase or the like, half done.
#[derive(Clone, Default)]
struct Begun {
    todo: Option<State>,
    strategy: Option<State>,
    options: Option<State>,
}

impl Begun {
    fn of(git: &Path) -> Self {
        let state = |name: &str| Some(State::of(&git.join(name)));
        Self { todo: state(TODO), strategy: state(STRATEGY), options: state(OPTIONS) }
    }

    /// What a command began may be gone on with, but runs nothing that was not to run before.
    fn changes(&self, git: &Path) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut look =
            |name: &str, before: &Option<State>, judge: fn(&State, &State) -> Option<State>| {
                let path = git.join(name);
                let (before, now) = (before.as_ref().unwrap_or(&State::Absent), State::of(&path));
                if !before.is_still(&now, &path) && now != State::Absent {
                    let to = judge(before, &now).or_else(|| before.parted(&now));
                    changes.extend(to.map(|to| change(git, &path, to)));
                }
            };
        look(TODO, &self.todo, without_programs);
        look(STRATEGY, &self.strategy, |before, now| match now {
            State::File { bytes, .. } if is_strategy(bytes) => None,
            _ => Some(before.clone()),
        });
        look(OPTIONS, &self.options, |before, now| match now {
            State::File { bytes, .. }
                if git_config::harmful(bytes).is_some()
                    && git_config::values(bytes, "options.strategy")
                        .iter()
                        .all(|name| is_strategy(name)) =>
            {
                None
            }
            _ => Some(before.clone()),
        });
        changes
    }
}

fn is_strategy(name: &[u8]) -> bool {
    STRATEGIES.iter().any(|known| known.as_bytes() == name.trim_ascii())
}

/// The steps without the commands among them that were not there before.
fn without_programs(before: &State, now: &State) -> Option<State> {
    let State::File { bytes, mode, .. } = now else { return Some(before.clone()) };
    let known: Vec<_> = match before {
        State::File { bytes, .. } => bytes.split(|byte| *byte == b'\n').collect(),
        _ => vec![],
    };
    let lines = bytes.split(|byte| *byte == b'\n');
    let kept: Vec<_> = lines.filter(|line| !runs_program(line) || known.contains(line)).collect();
    let kept = kept.join(&b'\n');
    (kept != *bytes).then(|| State::file(kept, *mode))
}

fn runs_program(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let rest = line.strip_prefix(b"exec").or_else(|| line.strip_prefix(b"x"));
    rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_steps_of_a_rebase_those_that_run_programs_go_but_for_the_persons() {
        let file = |text: &str| State::file(text.into(), 0o644);
        let before = file("pick 1\nexec make\n");
        let now = file("exec make\npick 2 x\n \tx evil\nexec\tevil\nexecute\nxyz\n");
        let to = file("exec make\npick 2 x\nexecute\nxyz\n");
        assert_eq!(without_programs(&before, &now), Some(to));
        assert_eq!(without_programs(&before, &file("exec make\n")), None);
        assert_eq!(without_programs(&State::Absent, &file("pick 1\n")), None);
    }
}
