//! Undo: what a turn may change in the workspace is known before it does, so that it can be shown and put back. Works
//! on the file system alone; version control is neither asked nor touched. When a look is taken is the loop's business.

mod compare;
mod entry;
mod handed_on;
mod identity;
mod log;
mod manifest;
mod place;
mod plan;
mod shadow;
mod walk;
mod work;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::holder::{self, Holder};
use crate::private::{create_private_dir, replace};
pub use entry::{Digest, Entry, EntryKind, RelativePath};
pub use identity::Identity;
pub use log::{Change, ChangeSet, Origin, UndoLog};
use manifest::{Manifest, What};
use place::Place;
pub use plan::{Kept, KeptBecause, Plan, PlannedChange, UndoReport};
use shadow::Shadow;
pub use work::Work;

/// Where a thread's changes are kept, and of which workspace.
#[derive(Clone, Debug)]
pub struct UndoConfig {
    /// The thread's own folder; [`crate::Threads::undo_dir`].
    pub undo_dir: PathBuf,
    /// The state directory: holds the shadows of all workspaces, and is never itself covered.
    pub state_dir: PathBuf,
    /// Absolute.
    pub workspace: PathBuf,
    pub caps: Caps,
}

/// What is not covered, for its size.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Bytes of a single file.
    pub file: u64,
    /// Bytes of all files of a workspace.
    pub total: u64,
    /// Paths of a workspace; one that has more is not covered at all.
    pub paths: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { file: 16 << 20, total: 1 << 30, paths: 250_000 }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{} holds more than {limit} files: changes there cannot be undone", workspace.display())]
    TooManyPaths { workspace: PathBuf, limit: usize },
    #[error("{holder} works on this thread: {}", path.display())]
    InUse { path: PathBuf, holder: Holder },
    #[error("the thread has no change set {0}")]
    NoSuchSet(u32),
    #[error(
        "{} is another directory now than the one that was changed; nothing there is put back",
        .0.display()
    )]
    AnotherDirectory(PathBuf),
    #[error("what was known of the workspace before the turn is lost: {}", .0.display())]
    Lost(PathBuf),
}

impl UndoError {
    fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// The changes of one thread, held by us alone. All methods block: call them off the loop's thread. `Sync`, so that it
/// can be shared with the thread that does the work.
#[derive(Debug)]
pub struct Snapshots {
    config: UndoConfig,
    log: UndoLog,
    _lock: File,
}

/// A turn whose changes are not known yet: written once the look before it is complete.
#[derive(Serialize, Deserialize)]
struct OpenTurn {
    turn: u32,
    workspace: PathBuf,
    /// None of a turn that an earlier version began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    directory: Option<Identity>,
}

impl Snapshots {
    /// # Errors
    /// When the folder cannot be made, or another process holds it.
    pub fn open(config: UndoConfig) -> Result<Self, UndoError> {
        create_private_dir(&config.undo_dir)
            .map_err(UndoError::io("make the directory", &config.undo_dir))?;
        let path = config.undo_dir.join("lock");
        let mut options = OpenOptions::new();
        let lock = options
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(UndoError::io("open", &path))?;
        holder::take(&lock)
            .map_err(UndoError::io("lock", &path))?
            .map_err(|holder| UndoError::InUse { path: config.undo_dir.clone(), holder })?;
        let log = UndoLog::at(&config.undo_dir);
        Ok(Self { config, log, _lock: lock })
    }

    pub fn log(&self) -> &UndoLog {
        &self.log
    }

    /// Remembers the workspace as it is before the turn of this number (from 1) changes anything. Costs a stat for each
    /// path that has not changed since anybody looked; a second call in the same turn costs nothing. A turn that was
    /// never finished is finished first.
    ///
    /// # Errors
    /// When the workspace cannot be looked at or nothing can be kept: then the turn cannot be undone.
    pub fn before_turn(&self, turn: u32) -> Result<(), UndoError> {
        match self.open_turn()? {
            Some(open) if open.turn == turn => return Ok(()),
            Some(_) => {
                self.finish(true, None)?;
            }
            None => {}
        }
        let workspace = self.config.workspace.clone();
        let place = Place::open(&workspace).map_err(UndoError::io("open", &workspace))?;
        let directory = place.identity().map_err(UndoError::io("open", &workspace))?;
        let shadow = self.shadow(&workspace, place)?;
        shadow.look(None)?;
        let dir = self.open_dir();
        let failed = || UndoError::io("write", &dir);
        let _ = fs::remove_dir_all(&dir);
        create_private_dir(&dir).map_err(failed())?;
        // The shadow goes on without them; these names keep what it was.
        fs::hard_link(shadow.manifest_path(), dir.join("manifest")).map_err(failed())?;
        fs::hard_link(shadow.pack_path(), dir.join("pack")).map_err(failed())?;
        let open = OpenTurn { turn, workspace, directory: Some(directory) };
        let bytes = serde_json::to_vec(&open).map_err(io::Error::other).map_err(failed())?;
        replace(&dir.join("turn.json"), &bytes).map_err(failed())
    }

    /// Finds out what the turn changed and keeps it, before and after. None when nothing was remembered or nothing
    /// has changed, or only while nothing of the turn was at `work`.
    ///
    /// # Errors
    /// When the workspace cannot be looked at or nothing can be kept.
    pub fn after_turn(&self, work: Option<&Work>) -> Result<Option<ChangeSet>, UndoError> {
        self.finish(false, work)
    }

    /// Forgets what was remembered before a turn in which nothing was started that may change the workspace.
    pub fn forget_turn(&self) {
        // What is left of it would be finished as a turn that broke off, and nothing has changed in that.
        let _ = fs::remove_dir_all(self.open_dir());
    }

    /// Finishes a turn that broke off, as by a crash; to be called when a thread is taken up again.
    ///
    /// # Errors
    /// As [`Snapshots::after_turn`].
    pub fn recover(&self) -> Result<Option<ChangeSet>, UndoError> {
        self.finish(true, None)
    }

    fn finish(
        &self,
        interrupted: bool,
        work: Option<&Work>,
    ) -> Result<Option<ChangeSet>, UndoError> {
        let Some(open) = self.open_turn()? else { return Ok(None) };
        let dir = self.open_dir();
        let before = present(&dir.join("manifest"), |path| fs::read(path))?;
        let before = before.and_then(|bytes| Manifest::from_bytes(&bytes));
        let old = present(&dir.join("pack"), |path| File::open(path))?;
        let (Some(before), Some(old)) = (before, old) else {
            let _ = fs::remove_dir_all(&dir);
            return Err(UndoError::Lost(dir));
        };
        let Some(place) = still_there(&open)? else {
            let _ = fs::remove_dir_all(&dir);
            return Err(UndoError::AnotherDirectory(open.workspace));
        };
        let shadow = self.shadow(&open.workspace, place)?;
        let after = shadow.look(Some(&before))?;
        let new =
            File::open(shadow.pack_path()).map_err(UndoError::io("open", &shadow.pack_path()))?;
        let mut changes = compare::changes(shadow.place(), &before, &after);
        let work = work.filter(|work| work.is_told_by_times(&open.workspace));
        for change in &mut changes {
            let path = walk::bytes_of(change.path.as_path());
            change.meanwhile = work.zip(after.find(&path)).is_some_and(|(work, node)| {
                // A directory changes with what anybody makes in it.
                node.what != What::Directory && !work.covers(node.stat.ctime_ns)
            });
            for (entry, manifest, pack) in
                [(&mut change.before, &before, &old), (&mut change.after, &after, &new)]
            {
                let node = manifest.find(&path);
                let Some((entry, what)) = entry.as_mut().zip(node.map(|node| node.what)) else {
                    continue;
                };
                if !self.keep(what, pack)? {
                    // The disk lost it; what it was is known by its digest alone.
                    entry.content = None;
                    shadow.forget();
                }
            }
        }
        let uncovered =
            after.nodes.iter().filter(|node| matches!(node.what, What::Uncovered(_))).count()
                as u64;
        let set = ChangeSet {
            number: self.log.next_number()?,
            origin: Origin::Turn(open.turn),
            at: now(),
            workspace: open.workspace,
            directory: open.directory,
            changes,
            interrupted,
            uncovered,
        };
        let changed = set.changes.iter().any(|change| !change.meanwhile);
        if changed {
            self.log.put(&set)?;
        }
        fs::remove_dir_all(&dir).map_err(UndoError::io("remove", &dir))?;
        Ok(changed.then_some(set))
    }

    /// False when the content is lost.
    fn keep(&self, what: What, pack: &File) -> Result<bool, UndoError> {
        let What::Content { digest, .. } = what else { return Ok(true) };
        // What may be there already is only written again.
        if self.log.holds(digest).is_ok_and(|holds| holds) {
            return Ok(true);
        }
        match shadow::read_content(pack, what) {
            Some(bytes) => self.log.keep(digest, &bytes).map(|()| true),
            None => Ok(false),
        }
    }

    fn shadow(&self, workspace: &Path, place: Place) -> Result<Shadow, UndoError> {
        let state = &self.config.state_dir;
        Shadow::open(&state.join("shadows"), workspace, place, state, self.config.caps)
    }

    fn open_dir(&self) -> PathBuf {
        self.config.undo_dir.join("open")
    }

    fn open_turn(&self) -> Result<Option<OpenTurn>, UndoError> {
        let bytes = present(&self.open_dir().join("turn.json"), |path| fs::read(path))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

/// The workspace, if it is the directory that the turn began in. What is in another is none of its changes.
fn still_there(open: &OpenTurn) -> Result<Option<Place>, UndoError> {
    let failed = || UndoError::io("open", &open.workspace);
    let place = Place::open(&open.workspace).map_err(failed())?;
    let Some(directory) = &open.directory else { return Ok(Some(place)) };
    let now = place.identity().map_err(failed())?;
    Ok(now.is(Some(directory), &open.workspace).then_some(place))
}

/// What is not there is none; what cannot be read just now must not be taken for lost.
fn present<T>(
    path: &Path,
    read: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<Option<T>, UndoError> {
    match read(path) {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(UndoError::io("read", path)(error)),
    }
}

fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

#[cfg(test)]
mod tests;
