//! When the person has gone: how to go on is left to be said, and what was written and not heard is kept.

use agent_core::Threads;
use agent_tui::composer::Message;
use agent_tui::exact_name;

use super::Stage;

/// As many of the messages that were not sent are named.
const NAMED: usize = 3;
/// Characters of each.
const NAME: usize = 40;

/// What is to be said below the screen.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Names the last thread to who wants to go on with it: enough of its id. None where nothing was said, or is kept.
    pub(crate) thread: Option<String>,
    /// What was written and not heard, as a sentence; none where there is nothing.
    pub(crate) unsaid: Option<String>,
}

impl Stage<'_> {
    /// The last thread, which is this one, has ended.
    pub(super) fn leave(&mut self, id: &str) -> Left {
        self.forget_if_empty(id);
        let unsaid = self.app.take_unsaid();
        let is_kept = self.history.keep(&unsaid);
        Left {
            thread: self.enough_of(id).filter(|_| self.app.has_turns()),
            unsaid: (!unsaid.is_empty()).then(|| sentence(&unsaid, is_kept)),
        }
    }

    /// As much of a thread's id as finds it, today and later: the time it began at, which none of the threads to come
    /// shares.
    fn enough_of(&self, id: &str) -> Option<String> {
        let threads = Threads::under(self.settings.state_dir.as_ref()?);
        let finds = |part: &&str| threads.find(part).is_ok_and(|found| found.id == id);
        [id.get(..13).unwrap_or(id), id].iter().copied().find(finds).map(str::to_owned)
    }
}

/// Names the first of them.
fn sentence(unsaid: &[Message], is_kept: bool) -> String {
    let names: Vec<_> = unsaid.iter().take(NAMED).map(name).collect();
    let more = match unsaid.len().saturating_sub(NAMED) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let found = if is_kept { "; going back (Up) finds it next time" } else { "" };
    format!("Not sent: {}{more}{found}.", names.join(", "))
}

fn name(message: &Message) -> String {
    let shown = message.shown();
    let shown = shown.trim();
    let first = exact_name(shown.lines().next().unwrap_or_default()).into_owned();
    let short: String = first.chars().take(NAME).collect();
    let more = if short.len() < first.len() || shown.contains('\n') { "…" } else { "" };
    format!("“{short}{more}”")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_sent_is_named_in_one_line_without_what_a_terminal_would_obey() {
        let messages = |texts: &[&str]| -> Vec<_> {
            texts.iter().map(|text| Message::from((*text).to_owned())).collect()
        };
        for (texts, is_kept, expected) in [
            (&["later"][..], true, "Not sent: “later”; going back (Up) finds it next time."),
            (&["! make", "one\ntwo"], false, "Not sent: “! make”, “one…”."),
            (&["a", "b", "c", "d", "e"], false, "Not sent: “a”, “b”, “c” and 2 more."),
            (&["a\u{1b}[2Jb"], false, "Not sent: “a<U+001B>[2Jb”."),
        ] {
            assert_eq!(sentence(&messages(texts), is_kept), expected);
        }
        let long = sentence(&messages(&[&"word ".repeat(30)]), false);
        assert!(long.ends_with("…”.") && long.chars().count() < 60, "{long}");
    }
}
