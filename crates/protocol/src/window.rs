//! The conversation as the model sees it: append-only and shared, so that building a request costs the same at
//! step 1,000 as at step 1. Who appends in which order is `agent-core`'s `History`.

use std::sync::Arc;

use crate::Item;

/// The complete list of input items that stands for the conversation so far (protocol.md 0), as of the moment
/// it was taken: what is appended later does not show in it. Cloning costs one reference count.
#[derive(Clone, Debug)]
pub struct Window {
    log: Arc<boxcar::Vec<Item>>,
    len: usize,
    epoch: u64,
}

impl Window {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Changes when the log was rewritten (compaction, rollback): a chain of another epoch does not hold.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.from(0)
    }

    /// The items from `start` on: the delta, when the server has the ones before.
    pub fn from(&self, start: usize) -> impl Iterator<Item = &Item> {
        (start..self.len).map(|index| &self.log[index])
    }
}

impl FromIterator<Item> for Window {
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Self {
        let mut log = WindowLog::default();
        items.into_iter().for_each(|item| log.push(item));
        log.window()
    }
}

/// The one writer of a [`Window`].
#[derive(Debug, Default)]
pub struct WindowLog {
    log: Arc<boxcar::Vec<Item>>,
    epoch: u64,
}

impl WindowLog {
    pub fn push(&mut self, item: Item) {
        self.log.push(item);
    }

    pub fn window(&self) -> Window {
        Window { log: self.log.clone(), len: self.log.count(), epoch: self.epoch }
    }

    /// Starts again with other items, in a new epoch.
    pub fn rewrite(&mut self, items: impl IntoIterator<Item = Item>) {
        self.log = Arc::new(items.into_iter().collect());
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_does_not_see_what_is_appended_after_it_was_taken() {
        let mut log = WindowLog::default();
        log.push(Item::developer("a"));
        let before = log.window();
        log.push(Item::developer("b"));
        assert_eq!((before.len(), log.window().len()), (1, 2));
        assert_eq!(log.window().from(1).collect::<Vec<_>>(), [&Item::developer("b")]);
        log.rewrite([Item::developer("c")]);
        assert_ne!(before.epoch(), log.window().epoch());
        assert_eq!(before.iter().count(), 1);
    }
}
