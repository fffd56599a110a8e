//! `@path` in a CLAUDE.md: the named file belongs to the document. Other documents have no imports.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::docs::Bounds;
use crate::opened::Opened;

/// Imports of imports of imports: no deeper than this.
const MAX_DEPTH: usize = 5;

/// No more than this of one file, and of all together.
const MAX_BYTES: u64 = 256 << 10;

/// As many of those that are not read are named: a document may have thousands.
const MAX_NOTES: usize = 5;

/// `text` of the file at `path`, followed by what it imports from within `bounds`.
pub(super) fn expand(
    text: String,
    path: &Path,
    bounds: Bounds<'_>,
    notes: &mut Vec<String>,
) -> String {
    let mut left_out = LeftOut::default();
    let mut seen: BTreeSet<PathBuf> = path.canonicalize().into_iter().collect();
    let mut expanded = text.clone();
    let mut open = vec![(text, path.to_owned())];
    for _ in 0..MAX_DEPTH {
        let mut next = vec![];
        for (text, path) in &open {
            let directory = path.parent().unwrap_or(bounds.root);
            for name in names(text) {
                let Ok(opened) = Opened::open(&directory.join(name)) else { continue };
                let Some(target) = opened.real_path() else { continue };
                if let Some(why) = bounds.forbid(&target) {
                    left_out.add(format!("{}: @{name} {why} and was not read", path.display()));
                    continue;
                }
                if expanded.len() as u64 > MAX_BYTES || !seen.insert(target.clone()) {
                    continue;
                }
                if let Some((imported, _)) = opened.read_at_most(MAX_BYTES) {
                    expanded
                        .push_str(&format!("\n\nContents of {}:\n\n{imported}", target.display()));
                    next.push((imported, target));
                }
            }
        }
        open = next;
    }
    notes.extend(left_out.notes(path));
    expanded
}

/// Imports that were not read, and why, each once.
#[derive(Default)]
struct LeftOut {
    named: Vec<String>,
    all: BTreeSet<String>,
}

impl LeftOut {
    fn add(&mut self, note: String) {
        if self.all.insert(note.clone()) && self.named.len() < MAX_NOTES {
            self.named.push(note);
        }
    }

    /// What is said of those of the document at `path`.
    fn notes(self, path: &Path) -> impl Iterator<Item = String> {
        let more = self.all.len() - self.named.len();
        let path = path.display();
        let more =
            (more > 0).then(|| format!("{path}: not read either: {more} more of its imports"));
        self.named.into_iter().chain(more)
    }
}

/// What is imported: words that begin with `@`, outside of code.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().flat_map(move |line| {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            fenced = !fenced;
            return vec![];
        }
        if fenced { vec![] } else { names_in(line) }
    })
}

fn names_in(line: &str) -> Vec<&str> {
    // Every second part stands between backticks.
    let plain = line.split('`').step_by(2);
    plain
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.trim_start_matches(['(', '"', '\'']).strip_prefix('@'))
        .map(|name| name.trim_end_matches(['.', ',', ';', ':', ')', '"', '\'', '!', '?']))
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_a_word_that_begins_with_an_at_sign_outside_of_code() {
        let text = "See @README.md, and (@docs/a.md).\n`@not/this` mail me@x.org\n```\n@nor/this\n```\n@last";
        assert_eq!(names(text).collect::<Vec<_>>(), ["README.md", "docs/a.md", "last"]);
    }
}
