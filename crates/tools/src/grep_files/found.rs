//! What was found in files, first in some of them and then in all: bounded, and the same whoever searched what.

use std::fmt::Write as _;

use super::{MAX_TEXT, MAX_TIME};
use crate::files;

/// What became of files one after the other, before it is known how much of it can still be shown.
#[derive(Default)]
pub(super) struct Part {
    /// The lines of all, one after the other.
    text: String,
    seen: Vec<Seen>,
    matches: usize,
}

enum Seen {
    /// A file begins.
    File,
    Match(Ends),
    Context(Ends),
    /// Between groups of lines.
    Break,
    Unreadable,
    /// Time was up before the file's end.
    Late,
}

/// Where a line ends in the text.
type Ends = usize;

/// How long a part may be when it is cut off.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    text: usize,
    seen: usize,
    matches: usize,
}

impl Part {
    pub(super) fn file(&mut self) {
        self.seen.push(Seen::File);
    }

    pub(super) fn matched(&mut self, line: &str) {
        self.text.push_str(line);
        self.seen.push(Seen::Match(self.text.len()));
        self.matches += 1;
    }

    pub(super) fn context(&mut self, line: &str) {
        self.text.push_str(line);
        self.seen.push(Seen::Context(self.text.len()));
    }

    pub(super) fn parted(&mut self) {
        self.seen.push(Seen::Break);
    }

    pub(super) fn unreadable(&mut self) {
        self.seen.push(Seen::Unreadable);
    }

    pub(super) fn late(&mut self) {
        self.seen.push(Seen::Late);
    }

    /// Whether whatever follows cannot be shown.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        self.matches > limit || self.text.len() > MAX_TEXT
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { text: self.text.len(), seen: self.seen.len(), matches: self.matches }
    }

    pub(super) fn back_to(&mut self, mark: Mark) {
        self.text.truncate(mark.text);
        self.seen.truncate(mark.seen);
        self.matches = mark.matches;
    }
}

/// The results so far, as the model gets them.
#[derive(Default)]
pub(super) struct Found {
    limit: usize,
    text: String,
    /// Matches in `text`.
    matches: usize,
    /// Files with a match.
    files: usize,
    searched: usize,
    unreadable: usize,
    /// There is more than `limit` or the text can hold.
    full: bool,
    late: bool,
    /// What follows is not wanted any more.
    pub(super) is_over: bool,
}

impl Found {
    pub(super) fn at_most(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Time was up before all files were taken up.
    pub(super) fn late(&mut self) {
        self.late = true;
    }

    /// What comes next in the order of paths.
    pub(super) fn add(&mut self, part: &Part) {
        let (mut from, mut has_match) = (0, false);
        for seen in &part.seen {
            match *seen {
                Seen::File => {
                    self.searched += 1;
                    has_match = false;
                }
                Seen::Match(_) if self.matches == self.limit => self.full = true,
                Seen::Match(ends) => {
                    if self.line(&part.text[from..ends]) {
                        self.matches += 1;
                        self.files += usize::from(!has_match);
                        has_match = true;
                    }
                    from = ends;
                }
                Seen::Context(ends) => {
                    self.line(&part.text[from..ends]);
                    from = ends;
                }
                Seen::Break => self.text.push_str("--\n"),
                Seen::Unreadable => self.unreadable += 1,
                Seen::Late => self.late = true,
            }
            self.is_over |= self.full || matches!(seen, Seen::Late);
            if self.is_over {
                break;
            }
        }
    }

    /// False when there is no room for it.
    fn line(&mut self, line: &str) -> bool {
        self.full = self.text.len() + line.len() > MAX_TEXT;
        if !self.full {
            self.text.push_str(line);
        }
        !self.full
    }

    /// The text for the model, and the summary at its end.
    pub(super) fn finish(mut self) -> (String, String) {
        let count = |number: usize, one| files::count(&number.to_string(), one);
        let mut summary = match self.matches {
            0 => format!("no matches in {}", count(self.searched, "file")),
            _ => format!("{} in {}", count(self.matches, "match"), count(self.files, "file")),
        };
        if self.full {
            summary.push_str(", and there are more: narrow the pattern, `path` or `include`");
        }
        if self.late {
            let _ = write!(summary, "; stopped after {} s", MAX_TIME.as_secs());
        }
        if self.unreadable > 0 {
            let _ = write!(summary, "; {} could not be read", count(self.unreadable, "entry"));
        }
        let _ = write!(self.text, "[{summary}]");
        (self.text, summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(lines: &[&str]) -> Part {
        let mut part = Part::default();
        part.file();
        lines.iter().for_each(|line| part.matched(line));
        part
    }

    #[test]
    fn of_a_file_whose_time_was_up_the_beginning_is_shown_and_of_the_next_nothing() {
        let mut found = Found::at_most(9);
        let mut slow = part(&["a\n"]);
        slow.late();
        for part in [part(&["b\n"]), slow, part(&["c\n"])] {
            if !found.is_over {
                found.add(&part);
            }
        }
        assert_eq!(found.finish().0, "b\na\n[2 matches in 2 files; stopped after 30 s]");
    }

    #[test]
    fn what_is_unreadable_counts_until_no_more_is_shown() {
        let mut found = Found::at_most(1);
        let mut part = part(&["a\n"]);
        part.unreadable();
        part.file();
        part.matched("b\n");
        part.unreadable();
        assert!(part.is_full(1));
        found.add(&part);
        assert_eq!(
            found.finish().1,
            "1 match in 1 file, and there are more: narrow the pattern, `path` or `include`; \
             1 entry could not be read"
        );
    }
}
