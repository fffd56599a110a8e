//! The search on several threads. Each takes the next files, searches them, and hands in what it found when it is
//! their turn, so that the result is that of one thread: nobody is ahead of the others by more than a few batches,
//! and whoever holds up the others is at work.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use grep_regex::RegexMatcher;
use grep_searcher::Searcher;

use super::file::{FileSearcher, patient};
use super::found::{Found, Part};
use super::walk::{Batch, Entry, Walk};
use super::{GrepFiles, MAX_TIME};
use crate::files;

/// More threads than this wait for the walk.
const MOST_THREADS: usize = 8;
/// Batches whose results may wait for an earlier one.
const AHEAD: usize = 32;

/// What the threads of a search share.
pub(super) struct Search<'a> {
    pub(super) job: &'a GrepFiles,
    pub(super) matcher: &'a RegexMatcher,
    pub(super) end: End,
    /// Searches what the searchers of the threads cannot hold, one file at a time.
    pub(super) patient: Mutex<Searcher>,
    results: Mutex<InOrder>,
    /// The next batch has been handed in.
    turn: Condvar,
}

/// When everybody stops.
pub(super) struct End {
    deadline: Instant,
    /// Nothing more is wanted.
    is_full: AtomicBool,
}

impl End {
    pub(super) fn has_come(&self) -> bool {
        self.is_full.load(Ordering::Relaxed) || self.left().is_zero()
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Results are added in the order of their batches.
struct InOrder {
    found: Found,
    next: usize,
    waiting: BTreeMap<usize, Part>,
}

impl InOrder {
    fn add(&mut self, number: usize, part: Part) {
        self.waiting.insert(number, part);
        while let Some(part) = self.waiting.remove(&self.next) {
            self.next += 1;
            if !self.found.is_over {
                self.found.add(&part);
            }
        }
    }
}

pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

impl<'a> Search<'a> {
    pub(super) fn new(job: &'a GrepFiles, matcher: &'a RegexMatcher) -> Self {
        let found = Found::at_most(job.limit);
        Self {
            job,
            matcher,
            end: End { deadline: Instant::now() + MAX_TIME, is_full: AtomicBool::new(false) },
            patient: Mutex::new(patient(job.context)),
            results: Mutex::new(InOrder { found, next: 0, waiting: BTreeMap::new() }),
            turn: Condvar::new(),
        }
    }

    pub(super) fn file(self, path: &Path) -> Found {
        let mut part = Part::default();
        FileSearcher::new(&self).search(path, files::open_regular(path), &mut part);
        self.hand_in(0, part);
        self.finish()
    }

    /// With this thread and as many others as can be had, `threads` in all.
    pub(super) fn files(self, walk: Walk, threads: usize) -> Found {
        let walk = Mutex::new(walk);
        thread::scope(|scope| {
            let begin = |_| {
                let thread = thread::Builder::new();
                thread.spawn_scoped(scope, || self.work(&walk)).is_ok()
            };
            // Where no more are allowed, fewer do.
            let _ = (1..threads).all(begin);
            self.work(&walk);
        });
        self.finish()
    }

    fn work(&self, walk: &Mutex<Walk>) {
        let mut searcher = FileSearcher::new(self);
        // By a call of its own, or the walk would be locked until the batch is searched.
        let next = || lock(walk).batch(|| !self.end.has_come());
        while let Some(batch) = next() {
            self.hand_in(batch.number, self.part(&mut searcher, &batch));
        }
        if self.end.left().is_zero() {
            lock(&self.results).found.late();
        }
    }

    fn part(&self, searcher: &mut FileSearcher<'_>, batch: &Batch) -> Part {
        let mut part = Part::default();
        for entry in &batch.entries {
            match entry {
                Entry::File(path) => searcher.search(path, files::open_listed(path), &mut part),
                Entry::Unreadable => part.unreadable(),
            }
            if part.is_full(self.job.limit) {
                break;
            }
        }
        part
    }

    fn hand_in(&self, number: usize, part: Part) {
        let mut results = lock(&self.results);
        while number >= results.next + AHEAD && !self.end.has_come() {
            // Whoever is waited for may have come to grief.
            let woken = self.turn.wait_timeout(results, self.end.left());
            results = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        results.add(number, part);
        self.end.is_full.fetch_or(results.found.is_over, Ordering::Relaxed);
        self.turn.notify_all();
    }

    fn finish(self) -> Found {
        self.results.into_inner().unwrap_or_else(PoisonError::into_inner).found
    }
}

/// What another thread left when it came to grief is as good as before; it takes the search with it anyway.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_wait_for_those_before_them() {
        let found = Found::at_most(9);
        let mut results = InOrder { found, next: 0, waiting: BTreeMap::new() };
        for (number, line) in [(1, "b\n"), (2, "c\n"), (0, "a\n")] {
            let mut part = Part::default();
            part.file();
            part.matched(line);
            results.add(number, part);
        }
        assert!(results.waiting.is_empty());
        assert_eq!(results.found.finish().0, "a\nb\nc\n[3 matches in 3 files]");
    }
}
