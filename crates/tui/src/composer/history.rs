//! What was sent before, in this thread and in others: gone through with the arrows, or searched. Where it is kept is
//! not known here.

use super::chip::Message;

/// Sent messages, the latest last.
#[derive(Clone, Debug, Default)]
pub struct History {
    entries: Vec<Message>,
    /// The entry that is shown.
    at: Option<usize>,
    /// What was being written when going back began.
    draft: Message,
    search: Option<Search>,
    /// They are among the entries, but wait to be said: nobody goes back to them yet.
    waiting: Vec<Message>,
}

/// A search under way.
#[derive(Clone, Debug)]
struct Search {
    query: String,
    /// The texts of the entries in lower case.
    texts: Vec<String>,
    /// The entry that was found; none when the query is in no entry.
    at: Option<usize>,
    /// What stood there before.
    before: Message,
}

impl History {
    /// The messages of earlier threads, the latest last.
    pub fn new(entries: impl IntoIterator<Item = Message>) -> Self {
        Self { entries: entries.into_iter().map(Message::composed).collect(), ..Self::default() }
    }

    /// Messages that were sent before all there are.
    pub(super) fn precede(&mut self, earlier: impl IntoIterator<Item = Message>) {
        let earlier: Vec<_> = earlier.into_iter().map(Message::composed).collect();
        self.at = self.at.map(|at| at + earlier.len());
        if let Some(search) = &mut self.search {
            search.at = search.at.map(|at| at + earlier.len());
            search.texts.splice(..0, earlier.iter().map(searched));
        }
        self.entries.splice(..0, earlier);
    }

    /// Adds what was sent, unless it is what was sent last.
    pub(super) fn add(&mut self, message: Message) {
        self.at = None;
        self.draft = Message::default();
        let message = message.composed();
        if self.entries.last() != Some(&message) {
            self.entries.push(message);
        }
    }

    /// These are passed over until they are said.
    pub(super) fn pass_over(&mut self, waiting: Vec<Message>) {
        self.waiting = waiting.into_iter().map(Message::composed).collect();
    }

    fn is_past(&self, at: usize) -> bool {
        self.entries.get(at).is_some_and(|entry| !self.waiting.contains(entry))
    }

    /// The message before the one that is shown, of which `current` has become.
    pub(super) fn earlier(&mut self, current: Message) -> Option<Message> {
        if !self.shows(&current) {
            // A draft is not lost where the entry that took its place became another one.
            if !self.draft.is_empty() {
                let draft = std::mem::take(&mut self.draft);
                self.entries.push(draft.composed());
            }
            (self.at, self.draft) = (None, current);
        }
        let before = self.at.unwrap_or(self.entries.len());
        let before = (0..before).rev().find(|at| self.is_past(*at))?;
        self.at = Some(before);
        self.entries.get(before).cloned()
    }

    /// `current` is the entry that was gone back to, as it was sent.
    pub(super) fn shows(&self, current: &Message) -> bool {
        self.at.and_then(|at| self.entries.get(at)) == Some(current)
    }

    /// The latest that says the same, and has as many pictures.
    pub(super) fn like(&self, message: &Message) -> Option<&Message> {
        let text = message.text();
        let pictures = message.pictures().count();
        let is_it = |entry: &&Message| {
            entry.text().trim() == text.trim() && entry.pictures().count() == pictures
        };
        self.entries.iter().rev().find(is_it)
    }

    /// The message after it, and after the latest what was being written. An entry that was changed stands before that.
    pub(super) fn later(&mut self, current: Message) -> Option<Message> {
        let at = self.at?;
        if self.shows(&current)
            && let Some(after) = (at + 1..self.entries.len()).find(|at| self.is_past(*at))
        {
            self.at = Some(after);
            return self.entries.get(after).cloned();
        }
        if !self.shows(&current) {
            if self.draft.is_empty() {
                return None;
            }
            self.entries.push(current);
        }
        self.at = None;
        Some(std::mem::take(&mut self.draft))
    }

    /// What is searched, and whether it was found.
    pub(super) fn query(&self) -> Option<(&str, bool)> {
        self.search.as_ref().map(|s| (s.query.as_str(), s.query.is_empty() || s.at.is_some()))
    }

    pub(super) fn begin_search(&mut self, current: Message) {
        let text = |(at, entry)| if self.is_past(at) { searched(entry) } else { String::new() };
        let texts = self.entries.iter().enumerate().map(text).collect();
        self.search = Some(Search { query: String::new(), texts, at: None, before: current });
    }

    /// Changes the query and returns what it finds, from the latest on.
    pub(super) fn search(&mut self, change: impl FnOnce(&mut String)) -> Option<Message> {
        let search = self.search.as_mut()?;
        change(&mut search.query);
        search.at = search.older(search.texts.len());
        let found = search.at.and_then(|at| self.entries.get(at));
        Some(found.unwrap_or(&search.before).clone())
    }

    /// The next older entry that holds the query.
    pub(super) fn search_older(&mut self) -> Option<Message> {
        let search = self.search.as_mut()?;
        let at = search.older(search.at.unwrap_or(search.texts.len()))?;
        search.at = Some(at);
        self.entries.get(at).cloned()
    }

    /// The next newer one.
    pub(super) fn search_newer(&mut self) -> Option<Message> {
        let search = self.search.as_mut()?;
        let after = search.at? + 1;
        let query = search.query.to_lowercase();
        let at = after + search.texts[after..].iter().position(|text| text.contains(&query))?;
        search.at = Some(at);
        self.entries.get(at).cloned()
    }

    /// Ends the search with what it found.
    pub(super) fn accept_search(&mut self) {
        if let Some(search) = self.search.take() {
            self.draft = search.before;
            self.at = search.at;
        }
    }

    /// Ends the search and returns what stood there before.
    pub(super) fn cancel_search(&mut self) -> Option<Message> {
        self.search.take().map(|search| search.before)
    }
}

/// What of a message is searched.
fn searched(message: &Message) -> String {
    message.shown().to_lowercase()
}

impl Search {
    fn older(&self, before: usize) -> Option<usize> {
        let query = self.query.to_lowercase();
        if query.is_empty() {
            return None;
        }
        self.texts[..before].iter().rposition(|text| text.contains(&query))
    }
}
