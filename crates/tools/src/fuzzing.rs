//! Doors for the fuzz targets in `fuzz/`: pure functions that take what others wrote, and that nobody else has any
//! business with. Only with feature `fuzzing`, which the product never has.

use agent_protocol::FileChange;

use crate::output::{Decoder, Ends};
use crate::patch::{HunkLine, PatchPreview, Section, TextFile, apply_hunks, parse};
use crate::policy::shell;

/// What is seen of a patch that comes in pieces of so many characters.
pub fn previewed(patch: &str, size: usize) -> Vec<FileChange> {
    let mut preview = PatchPreview::below(std::path::Path::new("/"));
    let mut changes: Vec<FileChange> = Vec::new();
    let characters: Vec<char> = patch.chars().collect();
    for piece in characters.chunks(size) {
        for seen in preview.push(&piece.iter().collect::<String>()) {
            match changes.get_mut(seen.index as usize) {
                Some(change) => change.grow(seen.change),
                None => changes.push(seen.change),
            }
        }
    }
    changes
}

/// The commands of a line, if it is understood.
pub fn commands(line: &str) -> Option<Vec<Vec<String>>> {
    shell::commands(line)
}

/// The commands that may stand anywhere in a line.
pub fn mentions(line: &str) -> Vec<Vec<String>> {
    shell::mentions(line)
}

/// A section of a patch that updates a file, and what came of it.
#[derive(Debug)]
pub struct Updated {
    /// The lines it adds.
    pub added: Vec<String>,
    /// The file afterwards. None: it was refused.
    pub text: Option<String>,
}

/// Every update in a patch, each applied to the same file. None: it is no patch.
pub fn updated(file: &str, patch: &str) -> Option<Vec<Updated>> {
    let patch = parse(patch).ok()?;
    let file = TextFile::parse(file);
    let updates = patch.sections.into_iter().filter_map(|section| match section {
        Section::Update { hunks, .. } => Some(hunks),
        Section::Add { .. } | Section::Delete { .. } => None,
    });
    let outcomes = updates.map(|hunks| {
        let lines = hunks.iter().flat_map(|hunk| &hunk.lines);
        let added = lines.filter_map(|line| match line {
            HunkLine::Add(text) => Some(text.clone()),
            HunkLine::Context(_) | HunkLine::Remove(_) => None,
        });
        let added = added.collect();
        let text = apply_hunks(&file, &hunks).ok().map(|applied| applied.file.to_text());
        Updated { added, text }
    });
    Some(outcomes.collect())
}

/// A text file as it is read and written again.
pub fn rewritten(file: &str) -> String {
    TextFile::parse(file).to_text()
}

/// What is shown of output that came in `pieces`, in at most about `limit` bytes, and whether something is missing.
pub fn shortened<'a>(pieces: impl Iterator<Item = &'a [u8]>, limit: usize) -> (String, bool) {
    let mut ends = Ends::default();
    pieces.for_each(|piece| ends.push(piece));
    ends.text(limit)
}

/// What is shown of it as it comes; a character that is not whole waits.
pub fn decoded<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> String {
    let mut decoder = Decoder::default();
    pieces.map(|piece| decoder.push(piece)).collect()
}
