//! What came of a patch, for the model, the shell and the screen.

use std::fmt;

use agent_protocol::{ChangeKind, FileChange, RejectReason};

use super::parse::{Hunk, HunkLine, Patch, Section};
use super::place::Places;
use super::plan::{Change, Kind};
use super::unified::UnifiedDiff;
use crate::files;

/// Bytes of a diff in a display item; exec-json.md 11.
const MAX_DIFF: usize = 64 << 10;
/// Bytes of a refusal.
const MAX_MESSAGE: usize = 20_000;

/// A patch that was applied. Displayed as one line a file that was changed: `A`, `M` or `D` and the path as the patch names it.
#[derive(Debug)]
pub struct PatchSummary {
    pub(crate) changes: Vec<Change>,
    /// What the model should know.
    pub(crate) notes: Vec<String>,
}

impl fmt::Display for PatchSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, change) in self.changes.iter().filter(|change| !change.is_done()).enumerate() {
            let (letter, path) = match &change.kind {
                Kind::Add => ('A', &change.shown),
                Kind::Update => ('M', &change.shown),
                Kind::Delete => ('D', &change.shown),
                Kind::Move { shown, .. } => ('M', shown),
            };
            let line_break = if index > 0 { "\n" } else { "" };
            write!(f, "{line_break}{letter} {path}")?;
        }
        Ok(())
    }
}

impl PatchSummary {
    /// What was out of the ordinary, a sentence each: where a file came from, what was overlooked to place a hunk.
    pub fn notes(&self) -> Vec<String> {
        let of_change = |change: &Change| {
            let moved = match &change.kind {
                Kind::Move { shown, .. } => Some(format!("{shown}: moved from {}", change.shown)),
                _ => None,
            };
            let at = match &change.kind {
                Kind::Move { shown, .. } => shown.clone(),
                _ => change.shown.clone(),
            };
            let same = (change.is_done() && change.notes.is_empty())
                .then(|| format!("{at}: nothing was changed, it is already as the patch makes it"));
            let notes = change.notes.iter().map(move |note| format!("{at}: {note}"));
            moved.into_iter().chain(same).chain(notes).collect::<Vec<_>>()
        };
        self.changes.iter().flat_map(of_change).chain(self.notes.iter().cloned()).collect()
    }

    pub(crate) fn file_changes(&self) -> Vec<FileChange> {
        self.changes.iter().map(file_change).collect()
    }
}

/// A patch that was not applied, and why, for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatchRefusal {
    /// None when the disk was to blame.
    pub(crate) reason: Option<RejectReason>,
    message: String,
}

impl PatchRefusal {
    pub(crate) fn new(reason: RejectReason, problems: &[String]) -> Self {
        Self::failed(Some(reason), problems.join("\n\n"), &[])
    }

    /// `left` is what was done before and could not be undone.
    pub(crate) fn failed(reason: Option<RejectReason>, problem: String, left: &[String]) -> Self {
        let shown = files::cut(&problem, MAX_MESSAGE);
        let more = if shown.len() < problem.len() { "\n[… more of the same]" } else { "" };
        let message = if left.is_empty() {
            format!("The patch was refused, no file was changed.\n{shown}{more}")
        } else {
            let left = left.join("\n");
            format!("The patch failed half-way.\n{shown}{more}\nThis could not be undone:\n{left}")
        };
        Self { reason, message }
    }
}

fn file_change(change: &Change) -> FileChange {
    let kind = match change.kind {
        Kind::Add => ChangeKind::Add,
        Kind::Delete => ChangeKind::Delete,
        Kind::Update | Kind::Move { .. } => ChangeKind::Update,
    };
    let move_path = match &change.kind {
        Kind::Move { to, .. } => Some(to.clone()),
        _ => None,
    };
    let before = change.before.as_deref().unwrap_or_default();
    // What only moves has no text after, and keeps the one it had.
    let after = match (&change.kind, &change.after) {
        (Kind::Move { .. }, None) => before,
        (_, after) => after.as_deref().unwrap_or_default(),
    };
    let UnifiedDiff { text, additions, deletions } = UnifiedDiff::new(before, after);
    shown(FileChange {
        path: change.path.clone(),
        kind,
        additions: Some(additions),
        deletions: Some(deletions),
        diff: Some(text),
        diff_truncated: false,
        move_path,
    })
}

/// Holds the diff to its size.
fn shown(mut change: FileChange) -> FileChange {
    if let Some(diff) = &mut change.diff {
        change.diff_truncated = diff.len() > MAX_DIFF;
        let end = files::cut(diff, MAX_DIFF).len();
        diff.truncate(end);
    }
    change
}

/// What a patch says it will do, before any file was looked at, as it was seen while it came: the diff has no line
/// numbers yet.
pub(crate) fn announced(patch: &Patch, places: &Places) -> Vec<FileChange> {
    let diff = |section: &Section| match section {
        Section::Add { content, .. } => content.lines().map(|line| format!("+{line}\n")).collect(),
        Section::Delete { .. } => String::new(),
        Section::Update { hunks, .. } => {
            let hunk = |hunk: &Hunk| {
                let locator = hunk.locators.last().map(|locator| format!(" {}", locator.text));
                format!("@@{}\n{}", locator.unwrap_or_default(), lines_of(hunk))
            };
            hunks.iter().map(hunk).collect()
        }
    };
    changes(patch, places, diff).into_iter().map(shown).collect()
}

/// All of what a patch says it will do, however long it is, for the person to judge. What is added has its line
/// numbers; the hunks of an update begin with `@@ @@`, and a line that stands above them if one is named, and have
/// none: no file was looked at. Two patches that say different things are never the same here.
pub(crate) fn to_be_judged(patch: &Patch, places: &Places) -> Vec<FileChange> {
    changes(patch, places, |section| match section {
        Section::Add { content, .. } => added(content),
        Section::Delete { .. } => String::new(),
        Section::Update { hunks, .. } => hunks.iter().map(updated).collect(),
    })
}

fn changes(patch: &Patch, places: &Places, diff: impl Fn(&Section) -> String) -> Vec<FileChange> {
    let announce = |section: &Section| {
        let kind = match section {
            Section::Add { .. } => ChangeKind::Add,
            Section::Delete { .. } => ChangeKind::Delete,
            Section::Update { .. } => ChangeKind::Update,
        };
        let move_path = match section {
            Section::Update { move_to: Some(to), .. } => places.get(to),
            _ => None,
        };
        let diff = diff(section);
        let count = |mark| diff.lines().filter(|line: &&str| line.starts_with(mark)).count() as u64;
        let (additions, deletions) = (Some(count('+')), Some(count('-')));
        let place = places.get(section.path());
        FileChange {
            path: place.map(|place| place.changed_by(section).clone()).unwrap_or_default(),
            kind,
            additions,
            deletions,
            diff: Some(diff),
            diff_truncated: false,
            move_path: move_path.map(|place| place.path.clone()),
        }
    };
    patch.sections.iter().map(announce).collect()
}

fn added(content: &str) -> String {
    let lines: Vec<_> = content.split_terminator('\n').collect();
    if lines.is_empty() {
        return String::new();
    }
    let text: String = lines.iter().map(|line| format!("+{line}\n")).collect();
    format!("@@ -0,0 +1,{} @@\n{text}", lines.len())
}

/// Whatever stands in a locator, it is not taken for line numbers.
fn updated(hunk: &Hunk) -> String {
    let mut text: String =
        hunk.locators.iter().map(|locator| format!("@@ @@ {}\n", locator.text)).collect();
    if text.is_empty() {
        text.push_str("@@ @@\n");
    }
    text.push_str(&lines_of(hunk));
    if hunk.at_end {
        text.push_str("\\ End of file\n");
    }
    text
}

fn lines_of(hunk: &Hunk) -> String {
    let lines = hunk.lines.iter().map(|line| match line {
        HunkLine::Context(text) => format!(" {text}\n"),
        HunkLine::Remove(text) => format!("-{text}\n"),
        HunkLine::Add(text) => format!("+{text}\n"),
    });
    lines.collect()
}
