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
    /// Of the JSON of the items of the log.
    bytes: usize,
    epoch: u64,
    /// Stands behind the log's items in this window only.
    last: Option<Item>,
}

impl Window {
    pub fn len(&self) -> usize {
        self.len + usize::from(self.last.is_some())
    }

    /// Bytes of the JSON of all items together, without what stands between them.
    pub fn json_len(&self) -> usize {
        self.bytes + self.last.as_ref().map_or(0, |item| item.json().len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same with one more item that is not part of the conversation: a request about it. It may continue
    /// a chain; whoever asks it rewrites the log, or breaks the chain, before the next request.
    #[must_use]
    pub fn with_last(&self, item: Item) -> Self {
        Self { last: Some(item), ..self.clone() }
    }

    /// The conversation alone, and the item that is no part of it.
    pub fn split_last(&self) -> (Self, Option<&Item>) {
        (Self { last: None, ..self.clone() }, self.last.as_ref())
    }

    /// Changes when the log was rewritten (compaction, rollback): a chain of another epoch does not hold.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether this is `earlier` with at least `more` items behind it, as far as the log knows: no item is compared.
    pub fn continues(&self, earlier: &Self, more: usize) -> bool {
        Arc::ptr_eq(&self.log, &earlier.log)
            && self.epoch == earlier.epoch
            && earlier.last.is_none()
            && earlier.len + more <= self.len
    }

    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.from(0)
    }

    /// The items from `start` on: the delta, when the server has the ones before.
    pub fn from(&self, start: usize) -> impl Iterator<Item = &Item> {
        let of_log = (start.min(self.len)..self.len).map(|index| &self.log[index]);
        of_log.chain(self.last.iter().filter(move |_| start <= self.len))
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
    bytes: usize,
    epoch: u64,
}

impl WindowLog {
    pub fn push(&mut self, item: Item) {
        self.bytes += item.json().len();
        self.log.push(item);
    }

    pub fn window(&self) -> Window {
        Window {
            log: self.log.clone(),
            len: self.log.count(),
            bytes: self.bytes,
            epoch: self.epoch,
            last: None,
        }
    }

    /// What was asked last is not followed by what is asked next: no chain holds beyond this.
    pub fn new_epoch(&mut self) {
        self.epoch += 1;
    }

    /// Starts again with other items, in a new epoch.
    pub fn rewrite(&mut self, items: impl IntoIterator<Item = Item>) {
        self.log = Arc::default();
        self.bytes = 0;
        items.into_iter().for_each(|item| self.push(item));
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_continues_an_earlier_one_of_its_log_and_epoch() {
        let mut log = WindowLog::default();
        log.push(Item::developer("a"));
        let a = log.window();
        log.push(Item::developer("b"));
        let ab = log.window();
        assert!(
            ab.continues(&a, 0)
                && ab.continues(&a, 1)
                && !ab.continues(&a, 2)
                && !a.continues(&ab, 0)
        );
        // The same items in another log are another conversation.
        assert!(!ab.iter().cloned().collect::<Window>().continues(&a, 0));
        // What was asked about the conversation is not followed by it, but may follow it.
        let about = ab.with_last(Item::developer("sum up"));
        assert!(about.continues(&ab, 0) && !log.window().continues(&about, 0));
        log.new_epoch();
        assert!(!log.window().continues(&a, 0));
    }

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

    #[test]
    fn a_last_item_stands_behind_the_others_in_that_window_only() {
        let mut log = WindowLog::default();
        log.push(Item::developer("a"));
        let window = log.window().with_last(Item::compaction_trigger());
        assert_eq!(
            window.iter().collect::<Vec<_>>(),
            [&Item::developer("a"), &Item::compaction_trigger()]
        );
        assert_eq!(window.from(1).collect::<Vec<_>>(), [&Item::compaction_trigger()]);
        assert_eq!((window.from(2).count(), window.len(), log.window().len()), (0, 2, 1));
    }
}
