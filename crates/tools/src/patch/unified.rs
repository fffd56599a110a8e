//! What changed between two texts, as a unified diff with lines as git and `apply_patch` count them: one ends by a line
//! feed and by nothing else.

use std::fmt::Write as _;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// How long a diff may be looked for before a coarser one will do.
const MAX_TIME: Duration = Duration::from_millis(300);

/// The hunks of a file, without a header, and how many lines they add and remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnifiedDiff {
    pub text: String,
    pub additions: u64,
    pub deletions: u64,
}

impl UnifiedDiff {
    /// Of what leads from `before` to `after`, with three lines around each change.
    pub fn new(before: &str, after: &str) -> Self {
        let (before, after) = (lines_of(before), lines_of(after));
        let diff = TextDiff::configure().timeout(MAX_TIME).diff_slices(&before, &after);
        let mut unified = Self::default();
        for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
            let _ = writeln!(unified.text, "{}", hunk.header());
            for change in hunk.iter_changes() {
                unified.line(change.tag(), change.value());
            }
        }
        unified
    }

    fn line(&mut self, tag: ChangeTag, line: &str) {
        match tag {
            ChangeTag::Insert => self.additions += 1,
            ChangeTag::Delete => self.deletions += 1,
            ChangeTag::Equal => {}
        }
        let _ = write!(self.text, "{tag}{line}");
        if !line.ends_with('\n') {
            self.text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

fn lines_of(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carriage_return_ends_no_line() {
        let hidden = UnifiedDiff::new("", "safe\nrm -rf x #\recho harmless\n");
        assert_eq!(hidden.text, "@@ -0,0 +1,2 @@\n+safe\n+rm -rf x #\recho harmless\n");
        assert_eq!((hidden.additions, hidden.deletions), (2, 0));
        let at_end = UnifiedDiff::new("a\r", "b\r\n");
        let mark = "\\ No newline at end of file";
        assert_eq!(at_end.text, format!("@@ -1 +1 @@\n-a\r\n{mark}\n+b\r\n"));
    }

    #[test]
    fn what_is_the_same_has_no_hunks() {
        assert_eq!(UnifiedDiff::new("a\nb", "a\nb"), UnifiedDiff::default());
    }
}
