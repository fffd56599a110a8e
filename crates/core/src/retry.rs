//! How long to wait before a broken response is asked for again. What may be tried again is the transport's
//! knowledge (`TransportError::is_retryable`).

use std::time::Duration;

use agent_transport::TransportError;

/// Delays that double (protocol.md 6.4). Every retry here follows progress, so the count starts again with each
/// item that was completed; it only grows while a server keeps breaking off.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

const FIRST: Duration = Duration::from_millis(200);
const CAP: Duration = Duration::from_secs(10);

impl Backoff {
    pub(crate) fn next(&mut self, error: &TransportError) -> Duration {
        let delay = FIRST.saturating_mul(1 << self.attempts.min(6)).min(CAP);
        self.attempts += 1;
        error.retry_after().unwrap_or(delay)
    }
}
