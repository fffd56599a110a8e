//! Looks at every path of a workspace that ignore rules leave visible: one stat each, on several threads where there
//! are many. Contents are not read here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use agent_tools::{Fate, IgnoreRules, is_store};
use ignore::{DirEntry, ParallelVisitor, ParallelVisitorBuilder, WalkBuilder, WalkState};

use super::UndoError;
use super::manifest::Stat;

/// Paths below the root, with their stat; unsorted.
pub(super) type Found = Vec<(Box<[u8]>, Stat)>;

/// A workspace that was walked through.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) found: Found,
    /// Directories that we may not read, or whose ignore files would never end: what is in them is not known.
    pub(super) closed: Vec<PathBuf>,
    /// Why it is not known what is there.
    failed: Option<(PathBuf, io::Error)>,
}

impl Walked {
    /// A directory that was not walked through.
    fn pass_by(&mut self, root: &Path, folder: PathBuf) {
        if let (Ok(path), Ok(found)) = (folder.strip_prefix(root), folder.symlink_metadata()) {
            self.found.push((bytes_of(path), Stat::of(&found)));
        }
        self.closed.push(folder);
    }
}

/// More threads than this wait for the disk rather than speed it up.
const MOST_THREADS: usize = 4;

pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// So many paths are walked through on one thread before others could have begun.
const MANY: usize = 10_000;

/// Whether so many more threads can be had. The walker would panic with none of them, and wait for ever with some.
fn are_to_be_had(threads: usize) -> bool {
    let (hold, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let begin = || {
        let held = Arc::clone(&held);
        // Until `hold` is dropped.
        thread::Builder::new().spawn(move || held.lock().map(|held| held.recv().is_ok()).is_ok())
    };
    let begun: io::Result<Vec<_>> = (0..threads).map(|_| begin()).collect();
    drop(hold);
    begun.is_ok_and(|begun| begun.into_iter().all(|thread| thread.join().is_ok()))
}

/// Nothing below `exclude` is looked at. `expected` are as many paths as there were at the last look.
///
/// # Errors
/// When there are more than `limit` paths, or it cannot be known what is there.
pub(super) fn walk(
    root: &Path,
    exclude: &Path,
    limit: usize,
    expected: usize,
) -> Result<Walked, UndoError> {
    loop {
        match walk_once(root, exclude, limit, expected) {
            Err(UndoError::Io { source, .. }) if source.kind() == io::ErrorKind::Interrupted => {}
            walked => return walked,
        }
    }
}

fn walk_once(
    root: &Path,
    exclude: &Path,
    limit: usize,
    expected: usize,
) -> Result<Walked, UndoError> {
    let exclude = exclude.to_owned();
    // Without them, what is ignored would be taken for new.
    let rules = IgnoreRules::below(root).map_err(|path| {
        let source = io::Error::other(
            "an ignore file is no regular file, longer than 1 MiB, or has more patterns than fit",
        );
        UndoError::Io { what: "read", path, source }
    })?;
    let closed = Arc::new(Mutex::new(Vec::new()));
    let passed = Arc::clone(&closed);
    let mut walker = WalkBuilder::new(root);
    walker.standard_filters(false).follow_links(false).filter_entry(move |entry| {
        // What version control keeps is not the person's to undo, and large.
        if entry.depth() > 0 && (is_store(entry.path()) || entry.path() == exclude) {
            return false;
        }
        let fate = rules.fate_of(entry.path(), is_directory(entry));
        if fate == Fate::Closed
            && let Ok(mut passed) = passed.lock()
        {
            passed.push(entry.path().to_owned());
        }
        fate == Fate::Seen
    });
    let count = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut builder = Builder { root, limit, count: &count, sender };
    if expected >= MANY && are_to_be_had(threads()) {
        walker.threads(threads()).build_parallel().visit(&mut builder);
    } else {
        let mut visitor = builder.build();
        let goes_on = |entry| matches!(visitor.visit(entry), WalkState::Continue);
        walker.build().all(goes_on);
    }
    drop(builder);
    let mut walked = Walked::default();
    for folder in closed.lock().iter_mut().flat_map(|closed| closed.drain(..)) {
        walked.pass_by(root, folder);
    }
    for part in receiver {
        walked.found.extend(part.found);
        walked.closed.extend(part.closed);
        walked.failed = walked.failed.or(part.failed);
    }
    if count.into_inner() > limit {
        return Err(UndoError::TooManyPaths { workspace: root.to_owned(), limit });
    }
    match walked.failed.take() {
        Some((path, source)) => Err(UndoError::Io { what: "read", path, source }),
        None => Ok(walked),
    }
}

fn is_directory(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}

struct Builder<'a> {
    root: &'a Path,
    limit: usize,
    count: &'a AtomicUsize,
    sender: mpsc::Sender<Walked>,
}

impl<'a> ParallelVisitorBuilder<'a> for Builder<'a> {
    fn build(&mut self) -> Box<dyn ParallelVisitor + 'a> {
        Box::new(Visitor {
            root: self.root,
            limit: self.limit,
            count: self.count,
            sender: self.sender.clone(),
            walked: Walked::default(),
        })
    }
}

/// One thread's part; handed over when the thread is done.
struct Visitor<'a> {
    root: &'a Path,
    limit: usize,
    count: &'a AtomicUsize,
    sender: mpsc::Sender<Walked>,
    walked: Walked,
}

impl Visitor<'_> {
    /// # Errors
    /// With the directory that is not known for it.
    fn look_at(&mut self, entry: &DirEntry) -> Result<(), (PathBuf, io::Error)> {
        let path = entry.path().strip_prefix(self.root).unwrap_or(Path::new(""));
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        // A directory that may be listed and not entered hides what is in it.
        let folder = || entry.path().parent().unwrap_or(self.root).to_owned();
        let found = entry.metadata().map_err(|error| (folder(), cause(error)))?;
        let stat = Stat::of(&found);
        if stat.kind().is_some() {
            self.walked.found.push((bytes_of(path), stat));
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// What is not seen now, and is there at the next look, must not be taken for new.
    fn not_seen(&mut self, folder: PathBuf, error: io::Error) {
        match error.kind() {
            // It is gone already.
            io::ErrorKind::NotFound => {}
            io::ErrorKind::PermissionDenied if folder != self.root => {
                self.walked.closed.push(folder);
            }
            _ => self.walked.failed = Some((folder, error)),
        }
    }
}

fn cause(error: ignore::Error) -> io::Error {
    error.into_io_error().unwrap_or_else(|| io::Error::other("it cannot be looked at"))
}

fn path_in(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_in(err)
        }
        _ => None,
    }
}

impl ParallelVisitor for Visitor<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        let seen = match entry {
            Ok(entry) => self.look_at(&entry),
            Err(error) => Err((path_in(&error).unwrap_or(self.root).to_owned(), cause(error))),
        };
        if let Err((folder, error)) = seen {
            self.not_seen(folder, error);
        }
        if self.count.load(Ordering::Relaxed) > self.limit {
            WalkState::Quit
        } else {
            WalkState::Continue
        }
    }
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        let _ = self.sender.send(std::mem::take(&mut self.walked));
    }
}

pub(super) fn bytes_of(path: &Path) -> Box<[u8]> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().into()
}

/// A path below the root.
pub(super) fn below(path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    std::ffi::OsStr::from_bytes(path).into()
}

pub(super) fn path_of(root: &Path, path: &[u8]) -> PathBuf {
    root.join(below(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    fn pipe(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    #[test]
    fn r16_a_pipe_called_an_ignore_file_closes_its_directory() {
        let scratch = tempfile::tempdir().unwrap();
        let (root, odd) = (scratch.path(), scratch.path().join("odd"));
        std::fs::create_dir(&odd).unwrap();
        std::fs::write(odd.join("file"), "").unwrap();
        std::fs::write(root.join("plain"), "").unwrap();
        pipe(&odd.join(".gitignore"));
        for expected in [0, MANY] {
            let mut walked = walk(root, Path::new("/none"), 99, expected).unwrap();
            walked.found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            let found: Vec<_> = walked.found.iter().map(|(path, _)| path_of(root, path)).collect();
            assert_eq!(found, [odd.clone(), root.join("plain")]);
            assert_eq!(walked.closed, std::slice::from_ref(&odd));
        }
        // What is ignored from here on is not known: nothing may be taken for new.
        pipe(&root.join(".ignore"));
        assert!(walk(root, Path::new("/none"), 99, 0).is_err());
    }
}
