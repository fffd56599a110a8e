//! What a command prints, on its way to whoever watches: no more of it than can be read or passed on, and in pieces that
//! are worth it. A command may print faster than a screen can show, or a byte at a time; what waits to be shown is memory
//! (R12).

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::Progress;

/// Bytes that are passed on in each [`SLICE`] of time: far more than anybody reads.
const MOST: usize = 64 * 1024;
/// What is printed in it is one piece. What comes after a pause is passed on at once.
const SLICE: Duration = Duration::from_millis(50);

/// Stands for what was left out; the item at the end has both ends of the whole.
const CUT: &str = "\n[…]\n";

pub(crate) struct Live {
    watcher: mpsc::Sender<Progress>,
    /// Not passed on yet.
    waiting: String,
    /// When the next piece may be passed on; none before the first.
    next: Option<Instant>,
    left_out: bool,
}

impl Live {
    pub(crate) fn to(watcher: mpsc::Sender<Progress>) -> Self {
        Self { watcher, waiting: String::new(), next: None, left_out: false }
    }

    pub(crate) fn show(&mut self, text: &str, now: Instant) {
        if text.is_empty() {
            return;
        }
        if !self.waiting.is_empty() && self.waiting.len() + text.len() > MOST {
            self.left_out = true;
            return;
        }
        if std::mem::take(&mut self.left_out) {
            self.waiting.push_str(CUT);
        }
        self.waiting.push_str(text);
        if self.next.is_none_or(|next| next <= now) {
            self.pass_on(now);
        }
    }

    /// When what waits is to be passed on; none where nothing waits.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.next.filter(|_| !self.waiting.is_empty())
    }

    /// Passes on what waits. Where whoever watches has not taken what came before, it waits on.
    pub(crate) fn pass_on(&mut self, now: Instant) {
        if self.waiting.is_empty() {
            return;
        }
        self.next = Some(now + SLICE);
        match self.watcher.try_reserve() {
            Ok(place) => place.send(Progress::Output(std::mem::take(&mut self.waiting))),
            Err(TrySendError::Full(())) => {}
            Err(TrySendError::Closed(())) => self.waiting.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched() -> (Live, impl FnMut() -> Vec<String>) {
        let (watcher, mut watching) = Progress::channel();
        let shown = move || {
            let next = std::iter::from_fn(|| watching.try_recv().ok());
            next.map(|Progress::Output(text)| text).collect()
        };
        (Live::to(watcher), shown)
    }

    #[test]
    fn r12_what_nobody_could_read_is_left_out_and_marked() {
        let ((mut live, mut shown), begun) = (watched(), Instant::now());
        for number in 0..1_000 {
            live.show(&format!("{number:01024}"), begun);
        }
        assert_eq!(shown(), [format!("{:01024}", 0)]);
        live.pass_on(begun + SLICE);
        let joined = shown();
        assert_eq!((joined.len(), joined[0].len()), (1, MOST));
        assert!(joined[0].ends_with(&format!("{:01024}", 64)));
        live.show("later", begun + 2 * SLICE);
        live.show("", begun + 2 * SLICE);
        assert_eq!(live.due(), None);
        live.show(" and on", begun + 3 * SLICE);
        assert_eq!(shown(), ["\n[…]\nlater", " and on"]);
    }

    #[test]
    fn r12_what_comes_a_byte_at_a_time_is_passed_on_in_few_pieces_and_whole() {
        let ((mut live, mut shown), begun) = (watched(), Instant::now());
        for number in 0..10_000 {
            live.show("y", begun + SLICE * number / 1_000);
        }
        assert_eq!(live.due(), Some(begun + 10 * SLICE));
        live.pass_on(begun + 10 * SLICE);
        let pieces = shown();
        assert_eq!((pieces.len(), pieces.concat().len()), (11, 10_000));
    }

    #[test]
    fn r12_nothing_piles_up_before_who_watches_and_takes_nothing() {
        let ((mut live, mut shown), begun) = (watched(), Instant::now());
        for number in 0..10_000 {
            live.show(&format!("{number:01024}"), begun + SLICE * number);
            assert!(live.waiting.len() <= MOST + CUT.len());
        }
        let pieces = shown();
        assert_eq!(pieces.len(), Progress::MOST_WAITING);
        live.pass_on(begun + SLICE * 10_000);
        assert_eq!(shown().len(), 1);
        live.show("on", begun + SLICE * 10_001);
        assert_eq!(shown(), ["\n[…]\non"]);
        drop(shown);
        live.show("to nobody", begun + SLICE * 10_002);
        assert_eq!(live.due(), None);
    }
}
