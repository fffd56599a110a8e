//! What a command prints, on its way to whoever watches: no more of it than can be read or passed on. A command may
//! print faster than a screen can show, and what waits to be shown is memory (R12).

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::Progress;

/// Bytes that are passed on in each [`SLICE`] of time: far more than anybody reads.
const MOST: usize = 64 * 1024;
const SLICE: Duration = Duration::from_millis(50);

/// Stands for what was left out; the item at the end has both ends of the whole.
const CUT: &str = "\n[…]\n";

pub(crate) struct Live {
    watcher: mpsc::UnboundedSender<Progress>,
    /// When the slice began, and the bytes passed on since.
    slice: Option<(Instant, usize)>,
    left_out: bool,
}

impl Live {
    pub(crate) fn to(watcher: mpsc::UnboundedSender<Progress>) -> Self {
        Self { watcher, slice: None, left_out: false }
    }

    pub(crate) fn show(&mut self, text: String, now: Instant) {
        if text.is_empty() {
            return;
        }
        let (begun, shown) =
            self.slice.filter(|(begun, _)| now.duration_since(*begun) < SLICE).unwrap_or((now, 0));
        if shown > 0 && shown + text.len() > MOST {
            self.left_out = true;
            return;
        }
        self.slice = Some((begun, shown + text.len()));
        let text = if std::mem::take(&mut self.left_out) { CUT.to_owned() + &text } else { text };
        let _ = self.watcher.send(Progress::Output(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r12_what_nobody_could_read_is_left_out_and_marked() {
        let (watcher, mut watching) = mpsc::unbounded_channel();
        let (mut live, begun) = (Live::to(watcher), Instant::now());
        let mut shown = || {
            let next = std::iter::from_fn(|| watching.try_recv().ok());
            next.map(|Progress::Output(text)| text).collect::<Vec<_>>()
        };
        for number in 0..1_000 {
            live.show(format!("{number:01024}"), begun);
        }
        let first = shown();
        assert_eq!(first.len(), 64);
        assert_eq!(first[63], format!("{:01024}", 63));
        live.show("later".into(), begun + SLICE);
        live.show(String::new(), begun + SLICE);
        live.show(" and on".into(), begun + SLICE);
        assert_eq!(shown(), ["\n[…]\nlater", " and on"]);
    }
}
