//! When something of a turn was at work: a file that changed at another time is somebody else's, as that of a person who
//! edits while the model writes.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Kernel clocks tick slowly: a change may look this much older than it is.
const TICK_NS: i64 = 50_000_000;

/// Clocks that differ by more since the turn began were set meanwhile.
const DRIFT_NS: i64 = 100_000_000;

/// Those of `statfs(2)` whose times are our own clock's: ext4, xfs, btrfs, tmpfs, overlayfs, f2fs, zfs and bcachefs. Where
/// a server keeps the files, the time is its own.
const OF_THIS_CLOCK: [u64; 8] = [
    0xEF53,
    0x5846_5342,
    0x9123_683E,
    0x0102_1994,
    0x794C_7630,
    0xF2F5_2010,
    0x2FC1_2FC1,
    0xCA45_1A4E,
];

/// The times at which calls of one turn ran.
#[derive(Debug)]
pub struct Work {
    spans: Mutex<Vec<Span>>,
    /// What the clock of the day was ahead of the machine's own by, when the turn began.
    ahead_ns: i64,
}

/// Nanoseconds since 1970. What has no end goes on until the turn is over.
#[derive(Clone, Copy, Debug)]
struct Span {
    begun: i64,
    ended: Option<i64>,
}

impl Work {
    /// Of a turn that begins. `is_under_way`: something runs already that may go on all the time.
    pub fn new(is_under_way: bool) -> Self {
        let running = is_under_way.then_some(Span { begun: i64::MIN, ended: None });
        Self { spans: Mutex::new(running.into_iter().collect()), ahead_ns: ahead_ns() }
    }

    /// A call begins. Its number is for [`Work::end`]; without that it goes on, as what was stopped may for a moment.
    pub fn begin(&self) -> usize {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.push(Span { begun: now_ns(), ended: None });
        spans.len() - 1
    }

    /// Nothing of the call of this number runs any more.
    pub fn end(&self, number: usize) {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(span) = spans.get_mut(number) {
            span.ended = Some(now_ns());
        }
    }

    /// Whether times in this workspace can be compared with ours.
    pub(super) fn is_told_by_times(&self, workspace: &Path) -> bool {
        (ahead_ns() - self.ahead_ns).abs() < DRIFT_NS && is_of_this_clock(workspace)
    }

    /// Whether something was at work when a file changed last.
    pub(super) fn covers(&self, changed_ns: i64) -> bool {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().any(|span| {
            let has_begun = span.begun.saturating_sub(TICK_NS) <= changed_ns;
            has_begun && span.ended.is_none_or(|ended| changed_ns <= ended)
        })
    }
}

#[cfg(target_os = "linux")]
fn is_of_this_clock(workspace: &Path) -> bool {
    // The number has another type on each machine.
    let is_known = |found: rustix::fs::StatFs| {
        u64::try_from(found.f_type).is_ok_and(|kind| OF_THIS_CLOCK.contains(&kind))
    };
    rustix::fs::statfs(workspace).is_ok_and(is_known)
}

#[cfg(not(target_os = "linux"))]
fn is_of_this_clock(_: &Path) -> bool {
    false
}

fn now_ns() -> i64 {
    ns_of(rustix::time::ClockId::Realtime)
}

fn ahead_ns() -> i64 {
    #[cfg(target_os = "linux")]
    let own = ns_of(rustix::time::ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let own = ns_of(rustix::time::ClockId::Monotonic);
    now_ns().saturating_sub(own)
}

fn ns_of(clock: rustix::time::ClockId) -> i64 {
    let now = rustix::time::clock_gettime(clock);
    now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_while_nothing_ran_is_somebody_elses() {
        let work = Work::new(false);
        let first = work.begin();
        let during = now_ns();
        work.end(first);
        let after = now_ns() + 1;
        assert!(work.covers(during) && work.covers(during - TICK_NS / 2));
        assert!(!work.covers(after) && !work.covers(during - 2 * TICK_NS));
    }

    #[test]
    fn what_has_not_ended_goes_on_and_so_does_what_ran_before() {
        let (work, later) = (Work::new(false), Work::new(true));
        work.begin();
        assert!(work.covers(now_ns() + 1) && later.covers(0));
    }
}
