//! The lines of a unified diff, and which of them belong to the files' text: what looks like a header within a hunk
//! is none.

use std::ops::Add;

/// How many lines were added and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub added: usize,
    pub removed: usize,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { added: self.added + other.added, removed: self.removed + other.removed }
    }
}

/// The changes of one file.
#[derive(Debug, Default)]
pub(super) struct File<'a> {
    old: Option<&'a str>,
    new: Option<&'a str>,
    /// What git says that they are; none where it says nothing.
    old_mode: Option<&'a str>,
    new_mode: Option<&'a str>,
    pub(super) rows: Vec<Row<'a>>,
}

#[derive(Debug)]
pub(super) enum Row<'a> {
    /// A gap before the lines that follow; what git says of their surroundings.
    Hunk {
        context: &'a str,
    },
    /// Number 0 is none: where the lines stand is not known.
    Context {
        number: usize,
        text: &'a str,
    },
    Added {
        number: usize,
        text: &'a str,
    },
    Removed {
        number: usize,
        text: &'a str,
    },
    /// What is said beside lines: a binary file, no line break at the end.
    Note(&'a str),
}

impl Row<'_> {
    pub(super) fn counts(&self) -> Counts {
        Counts {
            added: usize::from(matches!(self, Self::Added { .. })),
            removed: usize::from(matches!(self, Self::Removed { .. })),
        }
    }

    fn number(&self) -> usize {
        match self {
            Self::Context { number, .. }
            | Self::Added { number, .. }
            | Self::Removed { number, .. } => *number,
            Self::Hunk { .. } | Self::Note(_) => 0,
        }
    }
}

impl File<'_> {
    pub(super) fn counts(&self) -> Counts {
        self.rows.iter().fold(Counts::default(), |sum, row| sum + row.counts())
    }

    /// The largest line number.
    pub(super) fn last_number(&self) -> usize {
        self.rows.iter().map(Row::number).max().unwrap_or(0)
    }

    /// The path by which its language is known.
    pub(super) fn path(&self) -> String {
        self.new.or(self.old).unwrap_or_default().to_owned()
    }

    /// Its name, and what it was called before, with `arrow` between.
    pub(super) fn title(&self, arrow: &str) -> String {
        const LINK: &str = "120000";
        let is_link = self.new_mode.or(self.old_mode) == Some(LINK);
        let kind = if is_link { " link" } else { "" };
        let title = match (self.old, self.new) {
            (Some(old), Some(new)) if old != new => format!("{old} {arrow} {new}"),
            (Some(old), None) => format!("{old} (deleted{kind})"),
            (None, Some(new)) => format!("{new} (new{kind})"),
            _ => self.path(),
        };
        match (self.old_mode, self.new_mode) {
            (Some(old), Some(new)) if old != new => format!("{title} (mode {old} {arrow} {new})"),
            _ => title,
        }
    }
}

/// The files of `unified`; changes without a header are those of a file without a name.
pub(super) fn parse(unified: &str) -> Vec<File<'_>> {
    let mut parser = Parser::default();
    for line in unified.lines() {
        parser.line(line);
    }
    parser.files
}

#[derive(Default)]
struct Parser<'a> {
    files: Vec<File<'a>>,
    /// The number of the next line on each side, and how many the hunk still has there.
    old: Side,
    new: Side,
    /// The file's lines have not begun: what comes may still be its header.
    in_header: bool,
    /// The hunk does not say where its lines stand, nor how many they are: it goes on as long as they can be its own.
    is_unplaced: bool,
}

#[derive(Clone, Copy, Default)]
struct Side {
    number: usize,
    left: usize,
}

impl Side {
    fn next(&mut self) -> usize {
        let number = self.number;
        self.number += 1;
        self.left = self.left.saturating_sub(1);
        number
    }
}

impl<'a> Parser<'a> {
    fn line(&mut self, line: &'a str) {
        if self.old.left > 0 || self.new.left > 0 {
            if self.hunk_line(line) {
                return;
            }
            (self.old.left, self.new.left) = (0, 0);
        }
        if self.is_unplaced && self.unplaced_line(line) {
            return;
        }
        self.is_unplaced = false;
        if let Some(rest) = line.strip_prefix("@@ ") {
            self.begin_hunk(rest);
        } else if let Some(paths) = line.strip_prefix("diff --git ") {
            self.begin_file(paths);
        } else if let Some(path) = line.strip_prefix("--- ") {
            if !self.in_header {
                self.files.push(File::default());
                self.in_header = true;
            }
            self.file().old = name(path);
        } else if let Some(path) = line.strip_prefix("+++ ") {
            self.file().new = name(path);
        } else if let Some(mode) = line.strip_prefix("new file") {
            self.file().old = None;
            self.file().new_mode = mode.strip_prefix(" mode ");
        } else if let Some(mode) = line.strip_prefix("deleted file") {
            self.file().new = None;
            self.file().old_mode = mode.strip_prefix(" mode ");
        } else if let Some(mode) = line.strip_prefix("old mode ") {
            self.file().old_mode = Some(mode);
        } else if let Some(mode) = line.strip_prefix("new mode ") {
            self.file().new_mode = Some(mode);
        } else if line.starts_with("Binary") || line.starts_with('\\') {
            self.file().rows.push(Row::Note(line));
        }
    }

    fn file(&mut self) -> &mut File<'a> {
        if self.files.is_empty() {
            self.files.push(File::default());
        }
        let last = self.files.len() - 1;
        &mut self.files[last]
    }

    /// `a/old b/new`, where both names are the same but for a rename: cut in the middle, or at the last ` b/`.
    fn begin_file(&mut self, paths: &'a str) {
        let middle = paths.len() / 2;
        let same = paths.is_char_boundary(middle)
            && paths[..middle].strip_prefix("a/") == paths[middle..].strip_prefix(" b/")
            && paths.starts_with("a/");
        let cut = if same { Some(middle) } else { paths.rfind(" b/") };
        let (old, new) = cut.map_or((paths, paths), |at| (&paths[..at], &paths[at + 1..]));
        self.files.push(File { old: name(old), new: name(new), ..File::default() });
        self.in_header = true;
    }

    /// After `@@ `: `-8,4 +8,5 @@ context`.
    fn begin_hunk(&mut self, rest: &'a str) {
        self.in_header = false;
        let (ranges, context) = rest.split_once("@@").unwrap_or((rest, ""));
        if !ranges.split_whitespace().all(|range| range.starts_with(['-', '+'])) {
            return;
        }
        self.is_unplaced = ranges.trim().is_empty();
        let mut sides = ranges.split_whitespace().map(|range| side(&range[1..]));
        self.old = sides.next().flatten().unwrap_or_default();
        self.new = sides.next().flatten().unwrap_or_default();
        self.file().rows.push(Row::Hunk { context: context.trim() });
    }

    /// The same of a hunk that is not placed.
    fn unplaced_line(&mut self, line: &'a str) -> bool {
        let text = line.get(1..).unwrap_or_default();
        let row = match line.as_bytes().first() {
            Some(b'-') => Row::Removed { number: 0, text },
            Some(b'+') => Row::Added { number: 0, text },
            Some(b' ') => Row::Context { number: 0, text },
            Some(b'\\') => Row::Note(line),
            _ => return false,
        };
        self.file().rows.push(row);
        true
    }

    /// A line of a hunk; false when it can be none.
    fn hunk_line(&mut self, line: &'a str) -> bool {
        let row = match line.as_bytes().first() {
            Some(b'-') if self.old.left > 0 => {
                Row::Removed { number: self.old.next(), text: &line[1..] }
            }
            Some(b'+') if self.new.left > 0 => {
                Row::Added { number: self.new.next(), text: &line[1..] }
            }
            // Editors strip the space of an empty line.
            Some(b' ') | None => {
                self.old.next();
                Row::Context { number: self.new.next(), text: line.get(1..).unwrap_or_default() }
            }
            Some(b'\\') => Row::Note(line),
            _ => return false,
        };
        self.file().rows.push(row);
        true
    }
}

/// `8,4`, or `8` for one line.
fn side(range: &str) -> Option<Side> {
    let (number, left) = range.split_once(',').unwrap_or((range, "1"));
    // Beyond this a number is no file's; sums of it stay in bounds.
    let parse = |text: &str| text.parse::<u32>().ok().map(|n| n as usize);
    Some(Side { number: parse(number)?, left: parse(left)? })
}

/// A header's path without `a/` or `b/` and without a time; none for `/dev/null`.
fn name(path: &str) -> Option<&str> {
    let path = path.split('\t').next().unwrap_or(path).trim_end();
    let path = path.strip_prefix("a/").or_else(|| path.strip_prefix("b/")).unwrap_or(path);
    (path != "/dev/null").then_some(path)
}
