//! The diffs of a thread's patches, newest last, as far as they are worth telling the model again. What a command line
//! changed is not among them.

use std::collections::VecDeque;

use agent_protocol::{Event, FileChange, Item, ItemDetails, Status};

/// Bytes of diffs that are kept; of more, the oldest are left out.
const KEPT_BYTES: usize = 64 << 10;

/// The fold of a thread's records into what it changed by patches.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    diffs: VecDeque<String>,
    bytes: usize,
    /// Something was left out.
    shortened: bool,
}

impl Changes {
    pub(crate) fn apply(&mut self, event: &Event) {
        let Event::ItemCompleted { item } = event else { return };
        let ItemDetails::FileChange { changes, status: Status::Completed } = &item.details else {
            return;
        };
        for change in changes {
            let Some(diff) = told(change) else { continue };
            self.bytes += diff.len();
            self.diffs.push_back(diff);
        }
        while self.bytes > KEPT_BYTES
            && let Some(oldest) = self.diffs.pop_front()
        {
            self.bytes -= oldest.len();
            self.shortened = true;
        }
    }

    /// In words for the model; none when nothing was changed.
    pub(crate) fn item(&self) -> Option<Item> {
        if self.diffs.is_empty() {
            return None;
        }
        let older = if self.shortened { " (older ones are left out)" } else { "" };
        let diffs: Vec<_> = self.diffs.iter().map(String::as_str).collect();
        Some(Item::developer(&format!(
            "The patches that were applied so far, newest last{older}. Files may have changed since.\n\n{}",
            diffs.join("\n\n")
        )))
    }
}

fn told(change: &FileChange) -> Option<String> {
    let diff = change.diff.as_deref()?;
    let path = change.path.display();
    let moved = change.move_path.as_ref().map(|to| format!(" -> {}", to.display()));
    let cut = if change.diff_truncated { "\n[the rest of this diff is left out]" } else { "" };
    Some(format!("{path}{}\n{}{cut}", moved.unwrap_or_default(), diff.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_protocol::{ChangeKind, ThreadItem};

    fn patched(status: Status, diff: &str) -> Event {
        let change = FileChange {
            path: "/w/a.rs".into(),
            kind: ChangeKind::Update,
            additions: None,
            deletions: None,
            diff: Some(diff.to_owned()),
            diff_truncated: false,
            move_path: None,
        };
        let details = ItemDetails::FileChange { changes: vec![change], status };
        let item =
            ThreadItem { id: "i".into(), details, call_id: None, step: None, duration_ms: None };
        Event::ItemCompleted { item }
    }

    fn told_after(events: &[Event]) -> Option<String> {
        let mut changes = Changes::default();
        events.iter().for_each(|event| changes.apply(event));
        changes.item().map(|item| item.json().to_owned())
    }

    #[test]
    fn what_was_applied_is_told_in_order_and_what_was_refused_is_not() {
        let told = told_after(&[
            patched(Status::Completed, "+first"),
            patched(Status::Failed, "+never"),
            patched(Status::Completed, "+second"),
        ])
        .unwrap();
        assert!(told.find("+first").unwrap() < told.find("+second").unwrap(), "{told}");
        assert!(!told.contains("+never") && told.contains("/w/a.rs"), "{told}");
        assert_eq!(told_after(&[patched(Status::Failed, "+never")]), None);
    }

    #[test]
    fn of_too_much_the_oldest_is_left_out_and_that_is_said() {
        let long = "+x\n".repeat(KEPT_BYTES / 6);
        let told = told_after(&[
            patched(Status::Completed, "+oldest"),
            patched(Status::Completed, &long),
            patched(Status::Completed, &long),
        ])
        .unwrap();
        assert!(told.contains("older ones are left out") && !told.contains("oldest\""), "{told}");
    }
}
