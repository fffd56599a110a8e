//! The threads kept on this machine: listed, found by id, prefix or name, removed. The rollouts are the truth; the
//! index beside them only spares reading them again. What is in a rollout is `rollout.rs`'s business.

mod index;
mod summary;

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::{Path, PathBuf};

use crate::holder::{self, Holder};
use crate::private::{create_private_dir, replace};
use crate::rollout::{Loaded, Rollout, RolloutError, read_rollout};
use crate::thread::new_thread_id;
use crate::undo::{UndoError, UndoLog};
use agent_protocol::{Event, Header};
use index::Index;
use summary::Indexed;
pub use summary::ThreadSummary;

/// All threads below one state directory.
#[derive(Clone, Debug)]
pub struct Threads {
    /// Holds a folder for each thread, named by its id.
    dir: PathBuf,
    /// Holds a folder for each thread that changed something, named by its id.
    changes: PathBuf,
    index: PathBuf,
}

/// What [`Threads::list`] found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The one changed last comes first.
    pub threads: Vec<ThreadSummary>,
    /// Rollouts of which not even the header can be read.
    pub unreadable: Vec<RolloutError>,
}

/// What [`Threads::last`] found.
#[derive(Debug, Default)]
pub struct Last {
    pub thread: Option<ThreadSummary>,
    /// Rollouts that were changed later and cannot be read, whatever is done; the one changed last comes first. It is not
    /// known which directory and provider they are of.
    pub passed_over: Vec<RolloutError>,
}

/// Which threads count when the last one is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Among<'a> {
    /// Those that worked in this directory; none: everywhere.
    pub cwd: Option<&'a Path>,
    /// Those that go on with this provider; none: any.
    pub provider: Option<&'a str>,
}

#[derive(Debug, thiserror::Error)]
pub enum ThreadsError {
    #[error("there is no thread `{0}`")]
    Unknown(String),
    #[error("`{which}` may mean any of these threads:{}", Candidates(.candidates))]
    Ambiguous { which: String, candidates: Vec<ThreadSummary> },
    #[error("{holder} works on the thread {id}")]
    InUse { id: String, holder: Holder },
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Rollout(#[from] RolloutError),
}

impl Threads {
    /// The threads that are kept below `state`; there may be none yet.
    pub fn under(state: &Path) -> Self {
        Self {
            dir: state.join("threads"),
            changes: state.join("undo"),
            index: state.join("threads.index"),
        }
    }

    /// Holds a folder for each thread.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the changes of a thread are kept, with all contents: not in its folder, as commands read what they printed
    /// there, and must not read this (S11).
    pub fn undo_dir(&self, id: &str) -> PathBuf {
        let (hidden, earlier) = (self.changes.join(id), self.undo_dir_of_earlier_versions(id));
        if !hidden.exists() && earlier.exists() { earlier } else { hidden }
    }

    /// Moves what earlier versions kept in the folders of threads to where no command reads it. What cannot be moved
    /// now, as that of a thread which such a version works on, stays until the next time.
    pub fn hide_changes(&self) {
        let is_held = |dir: &Path| {
            let lock = File::open(dir.join("lock"));
            lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
        };
        for id in self.ids().unwrap_or_default() {
            let earlier = self.undo_dir_of_earlier_versions(&id);
            if earlier.is_dir() && !is_held(&earlier) && create_private_dir(&self.changes).is_ok() {
                let _ = fs::rename(&earlier, self.changes.join(&id));
            }
        }
    }

    fn undo_dir_of_earlier_versions(&self, id: &str) -> PathBuf {
        self.dir.join(id).join("undo")
    }

    /// All of them. Only what was written since the last time is read; an index that cannot be written is done
    /// without.
    ///
    /// # Errors
    /// When the directory of threads exists and cannot be read.
    pub fn list(&self) -> Result<Listing, ThreadsError> {
        let mut known = Index::read(&self.index);
        let mut listing = Listing::default();
        let mut changed = false;
        for id in self.ids()? {
            let path = self.rollout(&id);
            let found = match fs::metadata(&path) {
                Ok(found) => found,
                Err(error) if matches!(error.kind(), NotFound | NotADirectory) => continue,
                Err(source) => {
                    listing.unreadable.push(RolloutError::Io { what: "read", path, source });
                    continue;
                }
            };
            let earlier = known.take(&id);
            let read = match earlier {
                Some(earlier) if earlier.is_of(&found) => Ok(earlier),
                earlier => {
                    changed = true;
                    Indexed::scan(&id, &path, &found, earlier)
                }
            };
            match read {
                Ok(read) => {
                    listing.threads.push(read.at(&path, self.name(&id)));
                    known.put(read);
                }
                Err(error) => listing.unreadable.push(error),
            }
        }
        if changed || known.has_stale() {
            known.write(&self.index);
        }
        listing.threads.sort_by(|a, b| b.changed.cmp(&a.changed).then_with(|| b.id.cmp(&a.id)));
        Ok(listing)
    }

    /// The thread of this id, whose id alone begins so, or which is named so.
    ///
    /// # Errors
    /// [`ThreadsError::Unknown`], [`ThreadsError::Ambiguous`], why it cannot be read, or as [`Threads::list`].
    pub fn find(&self, which: &str) -> Result<ThreadSummary, ThreadsError> {
        let Listing { threads, unreadable } = self.list()?;
        let lower = which.to_lowercase();
        let by_prefix =
            |thread: &&ThreadSummary| !which.is_empty() && thread.id.starts_with(&lower);
        let titled = |thread: &&ThreadSummary| thread.title().to_lowercase() == lower;
        let begins = |thread: &&ThreadSummary| {
            !which.is_empty() && thread.title().to_lowercase().starts_with(&lower)
        };
        if let Some(thread) = threads.iter().find(|thread| thread.id == lower) {
            return Ok(thread.clone());
        }
        let ways: [&dyn Fn(&&ThreadSummary) -> bool; 3] = [&by_prefix, &titled, &begins];
        for way in ways {
            let found: Vec<_> = threads.iter().filter(way).collect();
            match found.as_slice() {
                [] => {}
                [one] => return Ok((*one).clone()),
                many => {
                    let candidates = many.iter().map(|thread| (*thread).clone()).collect();
                    return Err(ThreadsError::Ambiguous { which: which.to_owned(), candidates });
                }
            }
        }
        // It is one that cannot be read, or may be one that could not be read just now.
        let is_it = |error: &RolloutError| {
            let folder = error.path().parent().and_then(Path::file_name);
            folder.and_then(|id| id.to_str()).is_some_and(|id| {
                let named = || self.name(id).is_some_and(|name| name.to_lowercase() == lower);
                !which.is_empty() && (id.starts_with(&lower) || named())
            })
        };
        let (meant, others): (Vec<_>, Vec<_>) = unreadable.into_iter().partition(is_it);
        let others = others.into_iter().filter(RolloutError::is_of_the_disk);
        match meant.into_iter().chain(others).next() {
            Some(error) => Err(error.into()),
            None => Err(ThreadsError::Unknown(which.to_owned())),
        }
    }

    /// The one among these that was changed last.
    ///
    /// # Errors
    /// As [`Threads::list`], and when the disk does not give one that was changed later: it may be the one that is meant,
    /// and in another one all that was done in it would be done again.
    pub fn last(&self, among: Among<'_>) -> Result<Last, ThreadsError> {
        let Listing { threads, unreadable } = self.list()?;
        let thread = threads.into_iter().find(|thread| among.includes(thread));
        let changed = |error: &RolloutError| {
            fs::metadata(error.path()).and_then(|found| found.modified()).ok()
        };
        let mut later: Vec<_> = unreadable
            .into_iter()
            .map(|error| (changed(&error), error))
            .filter(|(changed, _)| {
                thread.as_ref().is_none_or(|last| changed.is_some_and(|it| it > last.changed))
            })
            .collect();
        later.sort_by_key(|(changed, _)| std::cmp::Reverse(*changed));
        let (of_the_disk, passed_over): (Vec<_>, Vec<_>) =
            later.into_iter().map(|(_, error)| error).partition(RolloutError::is_of_the_disk);
        match of_the_disk.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(Last { thread, passed_over }),
        }
    }

    /// Begins a new thread with all that was said and done in another, which stays as it is, and may be in use. What its
    /// turns changed can be put back in both. Returns the new rollout.
    ///
    /// # Errors
    /// When the one cannot be read or the other not be written.
    pub fn fork(&self, from: &Path) -> Result<PathBuf, RolloutError> {
        self.copy(read_rollout(from)?, from, None)
    }

    /// The same with only what was said and done before a turn, counted from 1.
    ///
    /// # Errors
    /// As [`Threads::fork`].
    pub fn fork_before(&self, from: &Path, turn: u32) -> Result<PathBuf, RolloutError> {
        let Loaded { header, records } = read_rollout(from)?;
        let mut begun = 0;
        let before = records.into_iter().take_while(|record| {
            begun += u32::from(matches!(record.event, Event::TurnStarted {}));
            begun < turn
        });
        self.copy(Loaded { records: before.collect(), header }, from, Some(turn))
    }

    fn copy(
        &self,
        loaded: Loaded,
        from: &Path,
        before: Option<u32>,
    ) -> Result<PathBuf, RolloutError> {
        let Loaded { header, records } = loaded;
        let own = UndoLog::at(&self.undo_dir(&header.thread_id));
        let header = Header {
            thread_id: new_thread_id(),
            forked_from: Some(header.thread_id.clone()),
            created_at: format!("{:.3}", jiff::Timestamp::now()),
            ..header
        };
        let mut rollout = Rollout::create(&self.dir, &header)?;
        for record in &records {
            rollout.append(record)?;
        }
        let changes = self.undo_dir(&header.thread_id);
        own.hand_on(&UndoLog::at(&changes), before).map_err(|error| {
            // A fork that knows only some of it would say that nothing else was changed.
            let _ = fs::remove_dir_all(self.dir.join(&header.thread_id));
            let _ = fs::remove_dir_all(changes);
            not_handed_on(from, error)
        })?;
        Ok(rollout.path().to_owned())
    }

    /// Gives a thread a name, or takes it away when `name` is empty. It belongs to the person, not to the
    /// conversation, and is kept beside the rollout.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_name(&self, id: &str, name: &str) -> Result<(), ThreadsError> {
        let path = self.dir.join(id).join("name");
        let name = name.lines().next().unwrap_or_default().trim();
        let written = if name.is_empty() {
            fs::remove_file(&path).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
        } else {
            replace(&path, name.as_bytes())
        };
        written.map_err(|source| ThreadsError::Io { what: "write", path, source })
    }

    /// Removes a thread and all that is kept of it.
    ///
    /// # Errors
    /// When somebody works on it, or it cannot be removed.
    pub fn remove(&self, thread: &ThreadSummary) -> Result<(), ThreadsError> {
        let path = &thread.path;
        let io_error = |what| {
            let path = path.clone();
            move |source| ThreadsError::Io { what, path, source }
        };
        let held = File::open(path).map_err(io_error("open"))?;
        holder::take(&held)
            .map_err(io_error("lock"))?
            .map_err(|holder| ThreadsError::InUse { id: thread.id.clone(), holder })?;
        let folder = self.dir.join(&thread.id);
        // Out of the way at once: a removal cut short leaves no half of a thread behind that looks like one.
        let gone = self.dir.join(format!(".removed-{}", thread.id));
        fs::rename(&folder, &gone).map_err(io_error("remove"))?;
        for rest in [self.changes.join(&thread.id), gone] {
            match fs::remove_dir_all(&rest) {
                Err(error) if error.kind() != NotFound => return Err(io_error("remove")(error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn rollout(&self, id: &str) -> PathBuf {
        self.dir.join(id).join("rollout.jsonl")
    }

    fn name(&self, id: &str) -> Option<String> {
        let name = fs::read_to_string(self.dir.join(id).join("name")).ok()?;
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    }

    fn ids(&self) -> Result<Vec<String>, ThreadsError> {
        let entries = agent_tools::entries(&self.dir).map_err(|source| ThreadsError::Io {
            what: "read",
            path: self.dir.clone(),
            source,
        })?;
        let names = entries.iter().filter_map(|path| path.file_name()?.to_str());
        Ok(names.filter(|name| !name.starts_with('.')).map(str::to_owned).collect())
    }
}

impl Among<'_> {
    fn includes(&self, thread: &ThreadSummary) -> bool {
        self.cwd.is_none_or(|cwd| thread.cwd == cwd)
            && self.provider.is_none_or(|provider| thread.provider == provider)
    }
}

fn not_handed_on(from: &Path, error: UndoError) -> RolloutError {
    match error {
        UndoError::Io { what, path, source } => RolloutError::Io { what, path, source },
        error => {
            let (what, path) = ("take over the changes of", from.to_owned());
            RolloutError::Io { what, path, source: io::Error::other(error) }
        }
    }
}

struct Candidates<'a>(&'a [ThreadSummary]);

impl fmt::Display for Candidates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 10;
        for thread in self.0.iter().take(MOST) {
            write!(f, "\n  {}  {}", thread.id, thread.title())?;
        }
        match self.0.len().saturating_sub(MOST) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests;
