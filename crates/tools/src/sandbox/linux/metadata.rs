//! What git or we would run or obey later, outside the sandbox (S9, S10). Before a command it is pinned where mounts
//! can do that, and remembered; when the command is over, what was changed all the same is put back.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::mounts::Tree;
use super::{git_config, repositories};
use crate::sandbox::{OF_PROJECT, Tier};

/// Of a git directory, beside its `config`.
const OF_GIT: &[&str] = &["hooks", "info/attributes", "config.worktree", "commondir", "gitdir"];
/// Bytes and entries that are remembered of one path; what is bigger is none of these things.
const MAX_FILE: u64 = 1 << 20;
const MAX_ENTRIES: usize = 512;

/// What was there before a command.
pub(super) struct Metadata {
    roots: Vec<PathBuf>,
    before: Vec<(PathBuf, State)>,
    configs: Vec<(PathBuf, Option<Vec<u8>>)>,
    /// In seconds, by the clock of files.
    began: i64,
    /// When the first command of the thread may have begun.
    world_began: SystemTime,
}

#[derive(PartialEq, Eq)]
enum State {
    Absent,
    File {
        bytes: Vec<u8>,
        mode: u32,
    },
    Link(PathBuf),
    Directory(BTreeMap<OsString, Self>),
    /// Something that cannot be remembered, or could not be read.
    Other,
}

impl Metadata {
    pub(super) fn remember(roots: &[PathBuf], world_began: SystemTime) -> Self {
        let roots: Vec<_> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
        let gits: Vec<_> = roots.iter().flat_map(|root| repositories::of_root(root)).collect();
        let of_projects =
            roots.iter().flat_map(|root| OF_PROJECT.iter().map(|name| root.join(name)));
        let of_gits = gits.iter().flat_map(|git| OF_GIT.iter().map(|name| git.join(name)));
        let pointers = roots
            .iter()
            .map(|root| root.join(".git"))
            .filter(|path| !path.is_dir() || path.is_symlink());
        let before = of_projects
            .chain(of_gits)
            .chain(pointers)
            .map(|path| {
                let state = State::of(&path, &mut 0);
                (path, state)
            })
            .collect();
        let configs = gits
            .iter()
            .map(|git| git.join("config"))
            .map(|path| {
                let text = repositories::read_config(&path);
                (path, text)
            })
            .collect();
        let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { roots, before, configs, began: began.cast_signed(), world_began }
    }

    /// Makes read-only what is there, and unmovable what it lies in. In a room of the full tier only.
    pub(super) fn pin(&self, tier: Tier) -> Result<(), String> {
        if tier != Tier::Full {
            return Ok(());
        }
        for root in &self.roots {
            let git = root.join(".git");
            if git.is_dir() && !git.is_symlink() {
                Tree::copy(&git)?.put(&git)?;
            }
        }
        for (path, state) in &self.before {
            if matches!(state, State::File { .. } | State::Directory(_)) {
                Tree::copy(path)?.read_only()?.put(path)?;
            }
        }
        Ok(())
    }

    /// What is no longer as it may be.
    pub(super) fn changed(&self) -> Vec<PathBuf> {
        let kept = self.before.iter().filter(|(path, state)| State::of(path, &mut 0) != *state);
        let configs = self.configs.iter().filter(|(path, text)| is_turned(text.as_deref(), path));
        let known: Vec<_> = self.configs.iter().map(|(path, _)| path).collect();
        let mut changed: Vec<_> = kept.map(|(path, _)| path.clone()).collect();
        // A directory of git's that appeared whole holds nothing but samples.
        changed.retain(|path| {
            !(path.ends_with("hooks") && is_fresh(self, path) && active_hooks(path).is_empty())
        });
        // So is a repository that appeared; it is looked into below.
        changed.retain(|path| !(path.ends_with(".git") && is_fresh(self, path)));
        changed.extend(configs.map(|(path, _)| path.clone()));
        // A link in the place of a repository that was moved away.
        let gits = known.iter().filter_map(|config| config.parent());
        changed.extend(gits.filter(|git| git.is_symlink() || git.is_file()).map(ToOwned::to_owned));
        let appeared = repositories::below(&self.roots);
        for git in appeared.iter().filter(|git| !known.contains(&&git.join("config"))) {
            let hooks = active_hooks(&git.join("hooks"));
            changed.extend(hooks.into_iter().filter(|hook| self.is_new(hook, git)));
            let configs = ["config", "config.worktree"].map(|name| git.join(name));
            changed.extend(
                configs.into_iter().filter(|path| self.is_new(path, git) && is_turned(None, path)),
            );
        }
        changed.sort();
        changed.dedup();
        changed
    }

    /// Puts back what `changed` has found. Called within the walls of the command, so that no link leads it out.
    pub(super) fn put_back(&self, changed: &[PathBuf]) {
        for path in changed {
            let _ = match (self.state(path), self.config(path)) {
                (Some(state), _) => clear(path).and_then(|()| state.restore(path)),
                (_, Some(Some(text))) => clear(path).and_then(|()| fs::write(path, text)),
                _ if path.ends_with("config") || path.ends_with("config.worktree") => {
                    let found = repositories::read_config(path).unwrap_or_default();
                    let kept = git_config::only_harmless(&found);
                    clear(path).and_then(|()| fs::write(path, kept))
                }
                _ => clear(path),
            };
        }
    }

    fn state(&self, path: &Path) -> Option<&State> {
        self.before.iter().find(|(known, _)| known == path).map(|(_, state)| state)
    }

    fn config(&self, path: &Path) -> Option<&Option<Vec<u8>>> {
        self.configs.iter().find(|(known, _)| known == path).map(|(_, text)| text)
    }

    /// Changed since the command began, or made by an earlier one and only now put where it counts. The kernel says
    /// so, whom a command cannot tell the time.
    fn is_new(&self, path: &Path, git: &Path) -> bool {
        let changed =
            |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.ctime() >= self.began);
        let made = fs::symlink_metadata(path).and_then(|found| found.created());
        changed(path) || (made.is_ok_and(|made| made >= self.world_began) && changed(git))
    }
}

fn is_fresh(metadata: &Metadata, path: &Path) -> bool {
    matches!(metadata.state(path), Some(State::Absent)) && path.is_dir() && !path.is_symlink()
}

/// What git would start: anything but the samples it brings.
fn active_hooks(hooks: &Path) -> Vec<PathBuf> {
    if hooks.is_symlink() {
        return vec![hooks.to_owned()];
    }
    let entries = fs::read_dir(hooks).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_none_or(|extension| extension != "sample")).collect()
}

/// A configuration that makes other code run than the one before did.
fn is_turned(before: Option<&[u8]>, path: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(path) else { return before.is_some() };
    if !found.is_file() {
        return true;
    }
    let Some(now) = repositories::read_config(path) else { return true };
    if before == Some(&*now) {
        return false;
    }
    let before = before.map_or_else(|| Some(vec![]), git_config::harmful);
    git_config::harmful(&now).is_none_or(|now| before != Some(now))
}

impl State {
    fn of(path: &Path, entries: &mut usize) -> Self {
        let Ok(found) = fs::symlink_metadata(path) else { return Self::Absent };
        *entries += 1;
        if *entries > MAX_ENTRIES {
            return Self::Other;
        }
        let kind = found.file_type();
        if kind.is_symlink() {
            return fs::read_link(path).map_or(Self::Other, Self::Link);
        }
        if kind.is_dir() {
            let Ok(directory) = fs::read_dir(path) else { return Self::Other };
            let states = directory
                .flatten()
                .map(|entry| (entry.file_name(), Self::of(&entry.path(), entries)));
            return Self::Directory(states.collect());
        }
        if !kind.is_file() || found.len() > MAX_FILE {
            return Self::Other;
        }
        fs::read(path)
            .map_or(Self::Other, |bytes| Self::File { bytes, mode: found.mode() & 0o7777 })
    }

    fn restore(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Absent | Self::Other => Ok(()),
            Self::Link(target) => symlink(target, path),
            Self::File { bytes, mode } => {
                fs::write(path, bytes)?;
                fs::set_permissions(path, fs::Permissions::from_mode(*mode))
            }
            Self::Directory(states) => {
                fs::create_dir_all(path)?;
                states.iter().try_for_each(|(name, state)| state.restore(&path.join(name)))
            }
        }
    }
}

fn clear(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if found.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}
