//! What the rooms of a world remember together: since when not everything was looked at.

use std::sync::atomic::{AtomicI64, Ordering};

const NOTHING: i64 = i64::MAX;

/// In memory that all rooms share, and no command: it is not handed on to a program.
pub(super) struct Unseen(&'static AtomicI64);

impl Unseen {
    #[allow(unsafe_code)]
    pub(super) fn new() -> std::io::Result<Self> {
        // SAFETY: a new mapping of zeroes, large enough and aligned for the number, and never unmapped.
        let shared = unsafe {
            let page = libc::mmap(
                std::ptr::null_mut(),
                size_of::<AtomicI64>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            if page == libc::MAP_FAILED {
                return Err(std::io::Error::last_os_error());
            }
            &*page.cast::<AtomicI64>()
        };
        shared.store(NOTHING, Ordering::SeqCst);
        Ok(Self(shared))
    }

    /// In nanoseconds; later than anything, when nothing is left to be looked at.
    pub(super) fn since(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// What changed since then was not looked at.
    pub(super) fn missed(&self, since: i64) {
        self.0.fetch_min(since, Ordering::SeqCst);
    }

    /// Everything was, that was not `before` the look; unless something was missed meanwhile.
    pub(super) fn saw_everything(&self, before: i64) {
        let _ = self.0.compare_exchange(before, NOTHING, Ordering::SeqCst, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_missing_until_all_was_seen_after_it() {
        let unseen = Unseen::new().unwrap();
        unseen.missed(20);
        unseen.missed(10);
        unseen.missed(30);
        assert_eq!(unseen.since(), 10);
        let before = unseen.since();
        // By another room, during the look.
        unseen.missed(5);
        unseen.saw_everything(before);
        assert_eq!(unseen.since(), 5);
        unseen.saw_everything(5);
        assert_eq!(unseen.since(), NOTHING);
    }
}
