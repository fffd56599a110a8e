//! How long to wait before the next try (protocol.md 6.4).

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::HeaderMap;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);

/// The wait before try `attempt` (from 1): 200 ms, doubled each time, at most 10 s, give or take a fifth.
pub(crate) fn backoff(attempt: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(10));
    // A hasher with random keys is all the randomness that jitter needs.
    let jitter = RandomState::new().hash_one(attempt) % 401;
    doubled.min(LONGEST).mul_f64(0.8 + jitter as f64 / 1000.0)
}

/// The wait that the headers of an HTTP answer ask for.
pub(crate) fn stated_wait(headers: &HeaderMap) -> Option<Duration> {
    agent_protocol::stated_wait(|name| headers.get(name)?.to_str().ok().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_stated_in_three_spellings() {
        for (name, value, wait) in [
            ("retry-after", "2", Some(2.0)),
            ("retry-after", "1.5", Some(1.5)),
            ("retry-after-ms", "250", Some(0.25)),
            ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT", Some(0.0)),
            ("retry-after", "soon", None),
            ("x-other", "2", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(
                stated_wait(&headers).map(|wait| wait.as_secs_f64()),
                wait,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn tries_come_further_apart_up_to_ten_seconds() {
        for (attempt, middle) in
            [(1, 200), (2, 400), (3, 800), (6, 6400), (7, 10_000), (60, 10_000)]
        {
            let wait = backoff(attempt).as_millis();
            assert!((middle * 8 / 10..=middle * 12 / 10).contains(&wait), "{attempt}: {wait}");
        }
    }
}
