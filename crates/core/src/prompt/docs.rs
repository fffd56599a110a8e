//! AGENTS.md and its kin (conventions.md 5): which files are read, in which order, and how much of them. The only
//! file reads of this module's parent.

use std::fs;
use std::path::{Path, PathBuf};

use agent_tools::Hidden;

use super::imports;
use crate::opened::Opened;

/// In each directory the first of these that is a file.
const NAMES: [&str; 2] = ["AGENTS.override.md", "AGENTS.md"];

/// What other agents' projects have instead; after the configured fallbacks.
const FOREIGN_NAMES: [&str; 4] =
    ["CLAUDE.md", ".claude/CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md"];

/// The person's own file counts against no limit, so it has one of its own.
const MAX_GLOBAL_BYTES: u64 = 1 << 20;

/// Where documents may be.
#[derive(Clone, Debug)]
pub struct DocSearch {
    /// Directories of the person; the first that has a file with anything in it counts.
    pub homes: Vec<PathBuf>,
    /// From the project's root down to the working directory.
    pub directories: Vec<PathBuf>,
    /// Further names, after AGENTS.md and before those of other agents; relative.
    pub fallback_names: Vec<String>,
    /// Bytes of all files of the project together; 0 reads none of them.
    pub max_bytes: u64,
    /// What no document of the project may lead to.
    pub hidden: Hidden,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docs {
    /// All documents in one; none if there is nothing to say.
    pub text: Option<String>,
    /// The files it comes from, in its order.
    pub files: Vec<PathBuf>,
    /// What was left out and why, a sentence each.
    pub notes: Vec<String>,
}

/// A document of one directory.
struct Doc {
    path: PathBuf,
    text: String,
}

impl DocSearch {
    /// Finds and reads the documents.
    pub fn read(&self) -> Docs {
        let mut docs = Docs::default();
        let global = self.global();
        let project = self.project(&mut docs.notes);
        let project_text =
            project.iter().map(|doc| doc.text.as_str()).collect::<Vec<_>>().join("\n\n");
        let mut parts = vec![];
        if let Some(global) = global {
            parts.push(global.text);
            docs.files.push(global.path);
        }
        if !project.is_empty() {
            parts.push(project_text);
            docs.files.extend(project.into_iter().map(|doc| doc.path));
        }
        docs.text = (!parts.is_empty()).then(|| parts.join("\n\n--- project-doc ---\n\n"));
        docs
    }

    fn global(&self) -> Option<Doc> {
        let candidates = self.homes.iter().flat_map(|home| NAMES.map(|name| home.join(name)));
        candidates.into_iter().find_map(|path| {
            let (text, _) = Opened::open(&path).ok()?.read_at_most(MAX_GLOBAL_BYTES)?;
            let text = text.trim();
            (!text.is_empty()).then(|| Doc { text: text.to_owned(), path })
        })
    }

    /// The documents of the project, root first. The nearest are kept whole; what does not fit is cut from the
    /// farthest.
    fn project(&self, notes: &mut Vec<String>) -> Vec<Doc> {
        let root = self.directories.first().and_then(|root| root.canonicalize().ok());
        let Some(root) = root.filter(|_| self.max_bytes > 0) else { return vec![] };
        let bounds = Bounds { root: &root, hidden: &self.hidden };
        let mut left = self.max_bytes;
        let mut docs = vec![];
        for directory in self.directories.iter().rev() {
            let Some((path, opened)) = self.document_of(directory, bounds, notes) else { continue };
            let Some((mut text, whole)) = opened.read_at_most(left) else { continue };
            if whole && is_claude(&path) {
                text = imports::expand(text, &path, bounds, notes);
            }
            if text.trim().is_empty() && whole {
                continue;
            }
            let size = text.len() as u64;
            if !whole || size > left {
                cut_to(&mut text, left);
                notes.push(self.cut(&path, text.len()));
                text.push_str(&format!("\n[The rest of {} was left out.]", path.display()));
                left = 0;
            } else {
                left -= size;
            }
            docs.push(Doc { path, text });
        }
        docs.reverse();
        docs
    }

    fn cut(&self, path: &Path, kept: usize) -> String {
        let size = fs::metadata(path).map_or(0, |found| found.len());
        format!(
            "{}: {kept} of {size} bytes were read; project_doc_max_bytes is {}",
            path.display(),
            self.max_bytes
        )
    }

    /// The document of one directory, whatever it is called.
    fn document_of(
        &self,
        directory: &Path,
        bounds: Bounds<'_>,
        notes: &mut Vec<String>,
    ) -> Option<(PathBuf, Opened)> {
        let configured =
            self.fallback_names.iter().map(String::as_str).filter(|name| is_below(name));
        let names = NAMES.into_iter().chain(configured).chain(FOREIGN_NAMES);
        let path = names.map(|name| directory.join(name)).find(|path| path.is_file())?;
        let opened = Opened::open(&path).ok()?;
        match bounds.forbid_document(&opened.real_path()?) {
            Some(why) => notes.push(format!("{} {why} and was not read", path.display())),
            None => return Some((path, opened)),
        }
        None
    }
}

impl Docs {
    /// The message that carries them.
    pub fn message(&self, cwd: &Path) -> Option<String> {
        let text = self.text.as_ref()?;
        Some(format!(
            "# AGENTS.md instructions for {}\n\n<INSTRUCTIONS>\n{text}\n</INSTRUCTIONS>",
            cwd.display()
        ))
    }
}

/// Shortens `text` to `limit` bytes, between two characters.
fn cut_to(text: &mut String, limit: u64) {
    let mut end = usize::try_from(limit).unwrap_or(usize::MAX).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

/// How far what a project names may lead: a repository, or a command in it, must not be able to have files of the person
/// sent that no command can read (S11).
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'a> {
    /// Of the project, without links.
    pub(super) root: &'a Path,
    pub(super) hidden: &'a Hidden,
}

impl Bounds<'_> {
    /// Why the document at `target`, which leads through no link, is not read. It may lie elsewhere, as a document only.
    fn forbid_document(self, target: &Path) -> Option<&'static str> {
        let lies_elsewhere = !target.starts_with(self.root) && is_document(target, &["md"]);
        if lies_elsewhere { self.forbid_hidden(target) } else { self.forbid(target) }
    }

    /// Why a file of the project at `target`, which leads through no link, is not read.
    pub(super) fn forbid(self, target: &Path) -> Option<&'static str> {
        if !target.starts_with(self.root) {
            return Some("leads out of the project");
        }
        self.forbid_hidden(target)
    }

    fn forbid_hidden(self, target: &Path) -> Option<&'static str> {
        if self.hidden.holds(target) {
            Some("is hidden from commands, as it may hold secrets,")
        } else if is_private(target, self.root) {
            Some("is in a hidden directory")
        } else {
            None
        }
    }
}

/// Where documents for agents lie among what they keep for themselves: settings, keys, what was said.
const OF_AGENTS: [&str; 5] = [".agent", ".agents", ".claude", ".codex", ".cursor"];

/// Hidden by its name only.
const OPEN: &str = ".github";

/// Whether `target` is in a hidden directory that the project below `root` is not in: git's, or a private one, or one of
/// agents where it is no document.
fn is_private(target: &Path, root: &Path) -> bool {
    let in_both = target.components().zip(root.components()).take_while(|(a, b)| a == b).count();
    let directories = target.parent().into_iter().flat_map(Path::components).skip(in_both);
    let mut names = directories.map(|directory| directory.as_os_str());
    names.any(|name| {
        let is_of_agents = OF_AGENTS.iter().any(|own| name == *own);
        let is_open = name == OPEN || (is_of_agents && is_document(target, &["md", "mdc"]));
        name.as_encoded_bytes().starts_with(b".") && !is_open
    })
}

fn is_document(path: &Path, ends: &[&str]) -> bool {
    path.extension().is_some_and(|end| ends.iter().any(|document| end == *document))
}

/// A configured name stays in its directory.
fn is_below(name: &str) -> bool {
    let path = Path::new(name);
    !name.is_empty()
        && path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

fn is_claude(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "CLAUDE.md")
}

#[cfg(test)]
#[path = "docs_tests.rs"]
mod tests;
