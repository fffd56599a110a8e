//! A hunk that has no place in its file, in the words that let the model's next try succeed.

use std::fmt;

use crate::files;

/// Lines of the patch or the file in a message, and bytes of one.
pub(super) const MAX_SHOWN: usize = 30;
const MAX_LINE: usize = 300;

/// Why a hunk has no place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Counted from 1.
    pub(super) hunk: usize,
    pub(super) of: usize,
    pub(super) problem: Problem,
    pub(super) nearest: Option<Excerpt>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    NoLocator(String),
    NoLines(Sought),
    /// The lines are there, but not at the end; the index of the first.
    NotAtEnd(usize),
    /// It adds lines before this index, between those an earlier hunk changes.
    InTaken(usize),
    /// The lines are there from this index on, but an earlier hunk changes some of them.
    Taken(usize),
    /// The lines are there from each of these indexes on, and nowhere behind the locator or the hunk before.
    Several(Vec<usize>),
    /// The lines are there from this index on, but indented so that it cannot be told how the added ones are to be.
    Indentation(usize),
    /// It was not looked for: the hunks before took too long.
    NotSought,
}

/// What was looked for in vain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sought {
    /// Those that are shown.
    pub(super) lines: Vec<String>,
    /// How many stand before and after them.
    pub(super) before: usize,
    pub(super) after: usize,
    /// Index of the first line of the file that is another, where they come nearest.
    pub(super) differs: Option<usize>,
}

/// Lines of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// Index of the first.
    pub(super) first: usize,
    pub(super) lines: Vec<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of > 1 {
            write!(f, "hunk {} of {}: ", self.hunk, self.of)?;
        }
        match &self.problem {
            Problem::NoLocator(text) => {
                write!(f, "no line is `{}`, as `@@` says", files::cut(text, MAX_LINE))?
            }
            Problem::NotAtEnd(start) => write!(
                f,
                "the lines stand at line {}, not at the end of the file as `*** End of File` says",
                start + 1
            )?,
            Problem::InTaken(at) => write!(
                f,
                "it adds lines at line {}, in the middle of what an earlier hunk changes: make them one hunk",
                at + 1
            )?,
            Problem::Taken(start) => write!(
                f,
                "its lines stand at line {}, where an earlier hunk changes some of them: make them one hunk",
                start + 1
            )?,
            Problem::Several(starts) => {
                let lines: Vec<_> = starts.iter().take(5).map(|at| (at + 1).to_string()).collect();
                write!(
                    f,
                    "its lines stand at lines {}, each above the hunk before or the line that `@@` names: say by `@@` \
                     which are meant",
                    lines.join(", ")
                )?
            }
            Problem::Indentation(start) => write!(
                f,
                "its lines stand at line {} with another indentation, which does not tell how the added lines are to \
                 be indented: write all of them as the file has them",
                start + 1
            )?,
            Problem::NotSought => f.write_str(
                "it was not looked for, because the search took too long: send fewer or shorter hunks",
            )?,
            Problem::NoLines(Sought { lines, before, after, .. }) => {
                f.write_str("these lines are not in the file:")?;
                if *before > 0 {
                    write!(f, "\n[{before} lines before]")?;
                }
                for line in lines {
                    write!(f, "\n{}", files::cut(line, MAX_LINE))?;
                }
                if *after > 0 {
                    write!(f, "\n[{after} more lines]")?;
                }
            }
        }
        let Some(nearest) = &self.nearest else {
            let says_all = matches!(
                self.problem,
                Problem::InTaken(_) | Problem::Taken(_) | Problem::Several(_) | Problem::NotSought
            );
            if says_all {
                return Ok(());
            }
            return f.write_str("\nNothing in the file is like it: read it again.");
        };
        f.write_str(match self.problem {
            Problem::NotAtEnd(_) => "\nThe file ends with:",
            Problem::Indentation(_) => "\nThe file has:",
            _ => "\nThe nearest lines of the file are:",
        })?;
        for (number, line) in (nearest.first + 1..).zip(&nearest.lines) {
            write!(f, "\n{number}\t{}", files::cut(line, MAX_LINE))?;
        }
        match &self.problem {
            Problem::NoLines(Sought { differs: Some(line), .. }) => {
                write!(f, "\nThey differ first at line {}.", line + 1)
            }
            _ => Ok(()),
        }
    }
}
