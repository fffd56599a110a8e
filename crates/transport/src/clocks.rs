//! Whether the machine has slept (C1.4): the clock that counts stands still meanwhile, the wall clock does not. A
//! connection from before is taken for dead instead of being waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The wall clock went this much further than the other one.
const SLEPT: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, Default)]
pub(crate) struct Clocks {
    /// Seconds by which tests have put the wall clock forward.
    put_forward: Arc<AtomicU64>,
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    awake: Instant,
    wall: SystemTime,
}

impl Clocks {
    pub(crate) fn now(&self) -> Stamp {
        let put_forward = Duration::from_secs(self.put_forward.load(Ordering::Relaxed));
        Stamp { awake: Instant::now(), wall: SystemTime::now() + put_forward }
    }

    pub(crate) fn have_slept_since(&self, before: Stamp) -> bool {
        before.slept_until(self.now())
    }

    pub(crate) fn put_forward(&self, slept: Duration) {
        self.put_forward.fetch_add(slept.as_secs(), Ordering::Relaxed);
    }
}

impl Stamp {
    fn slept_until(self, now: Self) -> bool {
        // A wall clock that was set back says nothing.
        let wall = now.wall.duration_since(self.wall).unwrap_or_default();
        wall.saturating_sub(now.awake.duration_since(self.awake)) > SLEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_slept_is_known_by_its_clocks() {
        let put = Clocks::default().now();
        let later = |awake: u64, wall: i64| Stamp {
            awake: put.awake + Duration::from_secs(awake),
            wall: if wall < 0 {
                put.wall - Duration::from_secs(wall.unsigned_abs())
            } else {
                put.wall + Duration::from_secs(wall.unsigned_abs())
            },
        };
        for (awake, wall, slept) in
            [(0, 0, false), (3600, 3600, false), (5, 30, false), (5, 36, true), (5, -100, false)]
        {
            assert_eq!(put.slept_until(later(awake, wall)), slept, "{awake} {wall}");
        }
    }
}
