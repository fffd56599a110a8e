//! Looks at every path of a workspace that ignore rules leave visible: one stat each, on several threads. Contents
//! are not read here.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use ignore::{DirEntry, ParallelVisitor, ParallelVisitorBuilder, WalkBuilder, WalkState};

use super::manifest::Stat;

/// Paths below the root, with their stat; unsorted.
pub(super) type Found = Vec<(Box<[u8]>, Stat)>;

/// What version control keeps for itself. It is not the person's to undo, and large.
const STORES: [&str; 4] = [".git", ".hg", ".jj", ".svn"];

/// More threads than this wait for the disk rather than speed it up.
const MOST_THREADS: usize = 4;

pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// None when there are more than `limit` paths. Nothing below `exclude` is looked at.
pub(super) fn walk(root: &Path, exclude: &Path, limit: usize) -> Option<Found> {
    let exclude = exclude.to_owned();
    let walker = WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .follow_links(false)
        .threads(threads())
        .filter_entry(move |entry| {
            let is_store = STORES.iter().any(|store| entry.file_name() == *store);
            entry.depth() == 0 || !(is_store || entry.path() == exclude)
        })
        .build_parallel();
    let count = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    walker.visit(&mut Builder { root, limit, count: &count, sender });
    let found = receiver.into_iter().flatten().collect();
    (count.into_inner() <= limit).then_some(found)
}

struct Builder<'a> {
    root: &'a Path,
    limit: usize,
    count: &'a AtomicUsize,
    sender: mpsc::Sender<Found>,
}

impl<'a> ParallelVisitorBuilder<'a> for Builder<'a> {
    fn build(&mut self) -> Box<dyn ParallelVisitor + 'a> {
        Box::new(Visitor {
            root: self.root,
            limit: self.limit,
            count: self.count,
            sender: self.sender.clone(),
            found: Vec::new(),
        })
    }
}

/// One thread's part; handed over when the thread is done.
struct Visitor<'a> {
    root: &'a Path,
    limit: usize,
    count: &'a AtomicUsize,
    sender: mpsc::Sender<Found>,
    found: Found,
}

impl ParallelVisitor for Visitor<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        // What cannot be looked at, or is gone already, is not covered.
        let Ok(entry) = entry else { return WalkState::Continue };
        let Ok(path) = entry.path().strip_prefix(self.root) else { return WalkState::Continue };
        if path.as_os_str().is_empty() {
            return WalkState::Continue;
        }
        let Ok(found) = entry.metadata() else { return WalkState::Continue };
        let stat = Stat::of(&found);
        if stat.kind().is_some() {
            self.found.push((bytes_of(path), stat));
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.limit {
            WalkState::Quit
        } else {
            WalkState::Continue
        }
    }
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        let _ = self.sender.send(std::mem::take(&mut self.found));
    }
}

pub(super) fn bytes_of(path: &Path) -> Box<[u8]> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().into()
}

pub(super) fn path_of(root: &Path, path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    root.join(std::ffi::OsStr::from_bytes(path))
}
