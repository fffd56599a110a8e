//! A timer that is set again with every frame, thousands of times a second, and almost never goes off.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// Setting it again costs nothing: the timer of the runtime is only moved when it goes off too early.
#[derive(Debug)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Ready once `due` is reached. `due` may be another one at every call.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, due: Instant) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= due {
                self.0 = None;
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_at_the_last_time_it_was_set_to() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut alarm = Alarm::new();
        let wait = async |alarm: &mut Alarm, due| {
            std::future::poll_fn(|context| alarm.poll(context, due)).await;
            start.elapsed().as_secs()
        };
        let early = tokio::time::timeout(Duration::from_secs(5), wait(&mut alarm, at(10))).await;
        assert!(early.is_err());
        assert_eq!(wait(&mut alarm, at(20)).await, 20);
        assert_eq!(wait(&mut alarm, at(30)).await, 30);
        let early = tokio::time::timeout(Duration::from_secs(1), wait(&mut alarm, at(90))).await;
        assert!(early.is_err());
        assert_eq!(wait(&mut alarm, at(40)).await, 40);
    }
}
