//! Lists a directory, a level or more deep. Never follows a link, and is bounded in time and memory even where a
//! directory holds a million names.

use std::fmt::Write as _;
use std::fs::FileType;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use agent_protocol::{ToolCall, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::job::{Job, looking};
use crate::{Prepared, Rejection, ToolOutput, Toolbox, ToolboxConfig, arguments, files};

pub(crate) const NAME: &str = "list_dir";

const DEFAULT_LIMIT: usize = 200;
const MAX_LIMIT: usize = 2_000;
const MAX_DEPTH: usize = 10;
/// Entries read before the listing stops.
const MAX_ENTRIES: usize = 100_000;
/// Bytes of text the model gets of one call: about 10,000 tokens.
const MAX_TEXT: usize = 40_000;

pub(crate) fn spec(_config: &ToolboxConfig) -> ToolSpec {
    ToolSpec::Function {
        name: NAME.into(),
        description: "List a directory, sorted by name. `/` marks directories, `@ ->` links."
            .into(),
        strict: false,
        parameters: json!({
            "type": "object",
            "properties": {
                "dir_path": {"type": "string", "description": "Absolute, or relative to the working directory, which is listed when this is absent."},
                "offset": {"type": "integer", "description": "First entry to show, counted from 1."},
                "limit": {"type": "integer", "description": "How many entries; 200 when absent."},
                "depth": {"type": "integer", "description": "How many levels; 1 when absent."}
            },
            "required": [],
            "additionalProperties": false
        }),
    }
}

#[derive(Deserialize)]
struct Args {
    #[serde(alias = "path")]
    dir_path: Option<PathBuf>,
    offset: Option<usize>,
    limit: Option<usize>,
    depth: Option<usize>,
}

pub(crate) fn prepare(toolbox: &Toolbox, call: &ToolCall) -> Result<Prepared, Rejection> {
    let config = toolbox.config();
    let args: Args = arguments::parse(call, &spec(config))?;
    let dir = args.dir_path.unwrap_or_else(|| ".".into());
    let job = ListDir {
        path: config.cwd.join(&dir),
        first: args.offset.unwrap_or(1).max(1),
        limit: args.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
        depth: args.depth.unwrap_or(1).clamp(1, MAX_DEPTH),
        subject: files::one_line(&dir),
    };
    let details = looking(NAME, job.subject.clone());
    let path = files::resolved(&config.cwd, &dir);
    Ok(Job::ListDir(job).looking(toolbox, path, details))
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListDir {
    path: PathBuf,
    /// Counted from 1.
    first: usize,
    limit: usize,
    depth: usize,
    pub(crate) subject: String,
}

impl ListDir {
    pub(crate) fn perform(self) -> ToolOutput {
        match self.list(MAX_ENTRIES) {
            Ok((text, summary)) => ToolOutput::found(NAME, self.subject, summary, text),
            Err(message) => ToolOutput::not_found(NAME, self.subject, message),
        }
    }

    /// What the model and the person read, of no more entries than `most`.
    fn list(&self, most: usize) -> Result<(String, String), String> {
        let path = self.path.display();
        let metadata =
            self.path.metadata().map_err(|error| format!("{path}: {}", files::trouble(&error)))?;
        if !metadata.is_dir() {
            return Err(format!("{path} is not a directory: read it with read_file"));
        }
        let mut listing = Listing::new(self.first, self.limit, most);
        let (entries, _) =
            listing.entries(&self.path).map_err(|error| format!("{path}: {error}"))?;
        listing.take(entries, self.depth, 0);
        Ok(listing.finish())
    }
}

struct Entry {
    path: PathBuf,
    name: String,
    kind: Option<FileType>,
}

struct Listing {
    first: usize,
    limit: usize,
    text: String,
    /// Entries in `text`.
    shown: usize,
    /// Entries passed so far, shown or not.
    total: usize,
    /// Entries that may still be read from directories.
    left: usize,
    /// There are more.
    is_cut: bool,
}

impl Listing {
    fn new(first: usize, limit: usize, most: usize) -> Self {
        Self { first, limit, text: String::new(), shown: 0, total: 0, left: most, is_cut: false }
    }

    /// The entries of a directory, sorted, and whether it has more than could still be read.
    fn entries(&mut self, dir: &Path) -> Result<(Vec<Entry>, bool), String> {
        let mut found = std::fs::read_dir(dir).map_err(|error| files::trouble(&error))?;
        let mut entries = Vec::new();
        for entry in found.by_ref().take(self.left) {
            let entry = entry.map_err(|error| files::trouble(&error))?;
            let name = files::one_line(Path::new(&entry.file_name()));
            entries.push(Entry { path: entry.path(), name, kind: entry.file_type().ok() });
        }
        self.left -= entries.len();
        let has_more = self.left == 0 && found.next().is_some();
        self.is_cut |= has_more;
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok((entries, has_more))
    }

    fn take(&mut self, entries: Vec<Entry>, depth: usize, level: usize) {
        for entry in entries {
            let is_dir = entry.kind.is_some_and(|kind| kind.is_dir());
            // What is in there is never what one is looking for, and there is much of it.
            let below = if is_dir && depth > 1 && entry.name != ".git" {
                Some(self.entries(&entry.path))
            } else {
                None
            };
            let trouble = match &below {
                Some(Err(message)) => format!(" ({message})"),
                Some(Ok((_, true))) => " (has more than was read)".to_owned(),
                _ => String::new(),
            };
            self.line(level, &format!("{}{}{trouble}", entry.name, mark(&entry)));
            if let Some(Ok((below, _))) = below {
                self.take(below, depth - 1, level + 1);
            }
        }
    }

    fn line(&mut self, level: usize, text: &str) {
        self.total += 1;
        if self.total >= self.first
            && self.shown < self.limit
            && self.text.len() + text.len() < MAX_TEXT
        {
            let _ = writeln!(self.text, "{:1$}{text}", "", 2 * level);
            self.shown += 1;
        }
    }

    fn finish(mut self) -> (String, String) {
        let counted = files::count(&self.total.to_string(), "entry");
        // In no order of names were they read, so what was not may belong anywhere between them.
        let (all, missing) = if self.is_cut {
            (
                format!("the {counted} that were read"),
                "; there are more, anywhere between these: `find` lists them all",
            )
        } else {
            (counted.clone(), "")
        };
        let summary = match (self.total, self.shown) {
            (0, _) => "empty directory".to_owned(),
            (_, 0) if self.is_cut => {
                format!("there is no entry {} among {all}{missing}", self.first)
            }
            (_, 0) => format!("there is no entry {}: {all}", self.first),
            (total, shown) if total == shown && !self.is_cut => counted,
            (total, shown) => {
                let last = self.first + shown - 1;
                let next = if last < total {
                    format!("; go on with offset {}", last + 1)
                } else {
                    String::new()
                };
                let all = if self.is_cut { all } else { total.to_string() };
                format!("entries {}-{last} of {all}{next}{missing}", self.first)
            }
        };
        let _ = write!(self.text, "[{summary}]");
        (self.text, summary)
    }
}

fn mark(entry: &Entry) -> String {
    let Some(kind) = entry.kind else { return String::new() };
    match () {
        () if kind.is_dir() => "/".into(),
        () if kind.is_symlink() => match std::fs::read_link(&entry.path) {
            Ok(target) => format!("@ -> {}", files::one_line(&target)),
            Err(_) => "@".into(),
        },
        () if kind.is_fifo() => " (pipe)".into(),
        () if kind.is_socket() => " (socket)".into(),
        () if kind.is_block_device() || kind.is_char_device() => " (device)".into(),
        () => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        std::fs::create_dir_all(path.join("src/deep")).unwrap();
        std::fs::create_dir(path.join(".git")).unwrap();
        for file in ["b.txt", "a\nb", "src/lib.rs", "src/deep/x", ".git/HEAD"] {
            std::fs::write(path.join(file), "").unwrap();
        }
        std::os::unix::fs::symlink("/nowhere", path.join("link")).unwrap();
        std::os::unix::fs::symlink("..", path.join("src/loop")).unwrap();
        dir
    }

    fn list(dir: &Path, first: usize, limit: usize, depth: usize) -> String {
        let job = ListDir { path: dir.into(), first, limit, depth, subject: String::new() };
        job.list(MAX_ENTRIES).unwrap_or_else(|message| (message, String::new())).0
    }

    #[test]
    fn entries_are_sorted_and_marked() {
        let dir = sample();
        assert_eq!(
            list(dir.path(), 1, 99, 1),
            ".git/\na\u{fffd}b\nb.txt\nlink@ -> /nowhere\nsrc/\n[5 entries]"
        );
    }

    #[test]
    fn deeper_levels_are_indented_and_links_not_followed() {
        let dir = sample();
        assert_eq!(
            list(dir.path(), 5, 99, 3),
            "src/\n  deep/\n    x\n  lib.rs\n  loop@ -> ..\n[entries 5-9 of 9]"
        );
    }

    #[test]
    fn a_part_says_where_to_go_on() {
        let dir = sample();
        assert_eq!(
            list(dir.path(), 2, 2, 1),
            "a\u{fffd}b\nb.txt\n[entries 2-3 of 5; go on with offset 4]"
        );
        assert_eq!(list(dir.path(), 9, 2, 1), "[there is no entry 9: 5 entries]");
        assert_eq!(list(&dir.path().join("src/deep"), 1, 2, 1), "x\n[1 entry]");
    }

    #[test]
    fn where_not_all_was_read_it_is_said_that_some_are_missing_and_from_where() {
        let dir = sample();
        let list = |dir: &Path, first, depth, most| {
            let job = ListDir { path: dir.into(), first, limit: 2, depth, subject: String::new() };
            job.list(most).unwrap().1
        };
        let more = "there are more, anywhere between these: `find` lists them all";
        assert_eq!(list(dir.path(), 1, 1, 5), "entries 1-2 of 5; go on with offset 3");
        assert_eq!(
            list(dir.path(), 1, 1, 4),
            format!("entries 1-2 of the 4 entries that were read; go on with offset 3; {more}")
        );
        assert_eq!(
            list(dir.path(), 3, 1, 4),
            format!("entries 3-4 of the 4 entries that were read; {more}")
        );
        assert_eq!(
            list(dir.path(), 5, 1, 4),
            format!("there is no entry 5 among the 4 entries that were read; {more}")
        );
        let job = ListDir {
            path: dir.path().into(),
            first: 5,
            limit: 9,
            depth: 3,
            subject: String::new(),
        };
        let text = job.list(5).unwrap().0;
        assert!(text.starts_with("src/ (has more than was read)\n[entries 5-5 of"), "{text}");
    }

    #[test]
    fn what_is_no_directory_is_said() {
        let dir = sample();
        let message = list(&dir.path().join("b.txt"), 1, 1, 1);
        assert!(message.ends_with("b.txt is not a directory: read it with read_file"), "{message}");
        let message = list(&dir.path().join("missing"), 1, 1, 1);
        assert!(message.ends_with("missing: no such file or directory"), "{message}");
    }
}
