//! The files to search, as version control sees them, in batches and sorted by path. It opens nothing but ignore files
//! and follows no links.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ignore::overrides::Override;
use ignore::{DirEntry, WalkBuilder};

use crate::ignore_files::{Fate, IgnoreRules, is_store};

/// Entries of a batch: few, since any may be large, and enough that the walk is seldom waited for.
const BATCH: usize = 64;

/// Some of the files, and their place among all.
pub(super) struct Batch {
    pub(super) number: usize,
    pub(super) entries: Vec<Entry>,
}

pub(super) enum Entry {
    File(PathBuf),
    /// Whatever it holds.
    Unreadable,
}

pub(super) struct Walk {
    entries: ignore::Walk,
    include: Override,
    /// Directories passed by, because what they call ignore files would never end.
    closed: Arc<AtomicUsize>,
    batches: usize,
}

impl Walk {
    pub(super) fn below(root: &Path, include: Override) -> Self {
        let closed = Arc::new(AtomicUsize::new(0));
        let passed = Arc::clone(&closed);
        let rules = IgnoreRules::below(root).unwrap_or_default();
        let entries = WalkBuilder::new(root)
            .standard_filters(false)
            // Of entries in the same directory: as their paths are sorted.
            .sort_by_file_name(OsStr::cmp)
            .filter_entry(move |entry| {
                let fate = rules.fate_of(entry.path(), is_directory(entry));
                let is_closed = fate == Fate::Closed;
                passed.fetch_add(usize::from(is_closed), Ordering::Relaxed);
                fate == Fate::Seen && !is_store(entry.path())
            })
            .build();
        Self { entries, include, closed, batches: 0 }
    }

    /// The next files; None after the last. It goes on only as long as `goes_on`.
    pub(super) fn batch(&mut self, goes_on: impl Fn() -> bool) -> Option<Batch> {
        let mut entries = Vec::new();
        // The first are small: where there are few files, each thread is to have some.
        let size = (self.batches + 1).min(BATCH);
        while entries.len() < size && goes_on() {
            let Some(entry) = self.entries.next() else { break };
            let closed = self.closed.swap(0, Ordering::Relaxed);
            entries.extend((0..closed).map(|_| Entry::Unreadable));
            match entry {
                Ok(entry) if self.is_wanted(&entry) => entries.push(Entry::File(entry.into_path())),
                Ok(_) => {}
                Err(_) => entries.push(Entry::Unreadable),
            }
        }
        let closed = self.closed.swap(0, Ordering::Relaxed);
        entries.extend((0..closed).map(|_| Entry::Unreadable));
        let number = self.batches;
        self.batches += 1;
        (!entries.is_empty()).then_some(Batch { number, entries })
    }

    fn is_wanted(&self, entry: &DirEntry) -> bool {
        entry.file_type().is_some_and(|kind| kind.is_file())
            && !self.include.matched(entry.path(), false).is_ignore()
    }
}

fn is_directory(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}
