//! Searches file contents with ripgrep's own crates: ignore files are respected, binary files and links skipped,
//! results sorted by path and bounded.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agent_protocol::{RejectReason, ToolCall, ToolSpec};
use grep_matcher::{LineTerminator, Matcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};
use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::job::{Job, looking};
use crate::{Prepared, Rejection, ToolOutput, Toolbox, ToolboxConfig, arguments, files};

pub(crate) const NAME: &str = "grep_files";

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;
const MAX_CONTEXT: usize = 20;
/// Bytes shown of one line.
const MAX_LINE: usize = 300;
/// Bytes of text the model gets of one call: about 10,000 tokens.
const MAX_TEXT: usize = 40_000;
/// Bytes the searcher may hold: no line is longer.
const MAX_HEAP: usize = 64 << 20;
/// Bytes of a pattern once it is compiled: it is compiled before the sandbox is asked, and matched one step a byte.
const MAX_PATTERN: usize = 10 << 20;
/// When the search stops with what it has.
const MAX_TIME: Duration = Duration::from_secs(30);

pub(crate) fn spec(_config: &ToolboxConfig) -> ToolSpec {
    ToolSpec::Function {
        name: NAME.into(),
        description: "Search file contents with a regular expression (Rust syntax; `(?i)` ignores case), line by \
                      line. Ignored files and `.git` are left out, hidden files are not."
            .into(),
        strict: false,
        parameters: json!({
            "type": "object",
            "properties": {
                "pattern": {"type": "string"},
                "include": {"type": "string", "description": "Only files that match this glob, e.g. `*.rs` or `src/**/*.{ts,tsx}`."},
                "path": {"type": "string", "description": "Directory or file to search; the working directory when absent."},
                "limit": {"type": "integer", "description": "How many matches; 100 when absent."},
                "context": {"type": "integer", "description": "Lines to show around each match; 0 when absent."}
            },
            "required": ["pattern"],
            "additionalProperties": false
        }),
    }
}

#[derive(Deserialize)]
struct Args {
    pattern: String,
    include: Option<String>,
    path: Option<PathBuf>,
    limit: Option<usize>,
    context: Option<usize>,
}

pub(crate) fn prepare(toolbox: &Toolbox, call: &ToolCall) -> Result<Prepared, Rejection> {
    let config = toolbox.config();
    let args: Args = arguments::parse(call, &spec(config))?;
    let path = args.path.filter(|path| !path.as_os_str().is_empty());
    let mut subject = format!("{:?}", args.pattern);
    if let Some(path) = &path {
        let _ = write!(subject, " in {}", files::one_line(path));
    }
    let path = path.unwrap_or_else(|| ".".into());
    let job = GrepFiles {
        pattern: args.pattern,
        include: args.include.filter(|glob| !glob.is_empty()),
        cwd: config.cwd.clone(),
        path: path.clone(),
        limit: args.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
        context: args.context.unwrap_or(0).min(MAX_CONTEXT),
        subject,
    };
    let wrong = |message| Rejection {
        reason: RejectReason::BadArguments,
        message: format!("{NAME}: {message}"),
    };
    job.matcher().map_err(wrong)?;
    job.filter().map_err(wrong)?;
    let details = looking(NAME, job.subject.clone());
    let path = files::resolved(&config.cwd, &path);
    Ok(Job::GrepFiles(job).looking(toolbox, path, details))
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GrepFiles {
    pattern: String,
    include: Option<String>,
    cwd: PathBuf,
    /// Relative to `cwd`, or absolute.
    path: PathBuf,
    limit: usize,
    context: usize,
    pub(crate) subject: String,
}

impl GrepFiles {
    pub(crate) fn perform(self) -> ToolOutput {
        match self.search() {
            Ok((text, summary)) => ToolOutput::found(NAME, self.subject, summary, text),
            Err(message) => ToolOutput::not_found(NAME, self.subject, message),
        }
    }

    fn matcher(&self) -> Result<RegexMatcher, String> {
        // The matcher wraps a pattern before it parses it; parsed as it is, the error points to the right place.
        regex_syntax::parse(&self.pattern).map_err(|error| format!("wrong `pattern`: {error}"))?;
        let mut builder = RegexMatcherBuilder::new();
        builder.multi_line(true).crlf(true).size_limit(MAX_PATTERN);
        builder.build(&self.pattern).map_err(|error| format!("wrong `pattern`: {error}"))
    }

    /// What `include` leaves out. Kept apart from the walk, where a glob would also bring ignored files back.
    fn filter(&self) -> Result<Override, String> {
        let wrong = |error| format!("wrong `include`: {error}");
        let mut builder = OverrideBuilder::new(&self.cwd);
        if let Some(glob) = &self.include {
            builder.add(glob).map_err(wrong)?;
        }
        builder.build().map_err(wrong)
    }

    fn search(&self) -> Result<(String, String), String> {
        let (matcher, filter) = (self.matcher()?, self.filter()?);
        // Without `.`, or no glob with a folder in it would fit.
        let root: PathBuf = self.cwd.join(&self.path).components().collect();
        let metadata = root
            .metadata()
            .map_err(|error| format!("{}: {}", root.display(), files::trouble(&error)))?;
        let mut searcher = SearcherBuilder::new()
            .line_terminator(LineTerminator::crlf())
            .before_context(self.context)
            .after_context(self.context)
            .heap_limit(Some(MAX_HEAP))
            .binary_detection(BinaryDetection::quit(0))
            .build();
        let mut found = Found::new(&matcher, self.limit);
        if metadata.is_file() {
            found.search(&mut searcher, &root, &self.shown(&root));
            return Ok(found.finish());
        }
        for entry in walk(&root) {
            match entry {
                Ok(entry) if is_file(&entry) => {
                    if !filter.matched(entry.path(), false).is_ignore() {
                        found.search(&mut searcher, entry.path(), &self.shown(entry.path()));
                    }
                }
                Ok(_) => {}
                Err(_) => found.unreadable += 1,
            }
            found.late |= Instant::now() > found.deadline;
            if found.full || found.late {
                break;
            }
        }
        Ok(found.finish())
    }

    /// As short as it can be and still be used as an argument.
    fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.cwd).unwrap_or(path);
        files::one_line(path)
    }
}

fn walk(root: &Path) -> ignore::Walk {
    WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .sort_by_file_path(Path::cmp)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build()
}

fn is_file(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_file())
}

/// The results so far, as the model gets them.
struct Found<'a> {
    matcher: &'a RegexMatcher,
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
    deadline: Instant,
}

impl<'a> Found<'a> {
    fn new(matcher: &'a RegexMatcher, limit: usize) -> Self {
        Self {
            matcher,
            limit,
            text: String::new(),
            matches: 0,
            files: 0,
            searched: 0,
            unreadable: 0,
            full: false,
            late: false,
            deadline: Instant::now() + MAX_TIME,
        }
    }

    fn search(&mut self, searcher: &mut Searcher, path: &Path, shown: &str) {
        self.searched += 1;
        let Ok((file, _)) = files::open_regular(path) else {
            self.unreadable += 1;
            return;
        };
        let before = self.matches;
        let matcher = self.matcher;
        let file = Until { file, deadline: self.deadline };
        match searcher.search_reader(matcher, file, InFile { found: self, shown }) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => self.late = true,
            Err(_) => self.unreadable += 1,
        }
        self.files += usize::from(self.matches > before);
    }

    /// False when there is no room for more.
    fn line(
        &mut self,
        shown: &str,
        mark: char,
        number: Option<u64>,
        bytes: &[u8],
        from: usize,
    ) -> bool {
        let number = number.unwrap_or_default();
        let line = format!("{shown}{mark}{number}{mark} {}\n", around(bytes, from));
        if self.text.len() + line.len() > MAX_TEXT {
            self.full = true;
            return false;
        }
        self.text.push_str(&line);
        true
    }

    fn finish(mut self) -> (String, String) {
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

/// The part of a line that shows what was found at `from`.
fn around(bytes: &[u8], from: usize) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if bytes.len() <= MAX_LINE {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let first = from.saturating_sub(MAX_LINE / 4).min(bytes.len() - MAX_LINE);
    let text = String::from_utf8_lossy(&bytes[first..first + MAX_LINE]);
    // A character halved by the cut is not broken text.
    let text = text.trim_matches('\u{fffd}');
    let (before, after) = (first > 0, first + MAX_LINE < bytes.len());
    format!("{}{text}{}", if before { "…" } else { "" }, if after { "…" } else { "" })
}

/// A file that may be larger than there is time for.
struct Until {
    file: File,
    deadline: Instant,
}

impl Read for Until {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() > self.deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.file.read(buffer)
    }
}

struct InFile<'f, 'm, 's> {
    found: &'f mut Found<'m>,
    shown: &'s str,
}

impl Sink for InFile<'_, '_, '_> {
    type Error = io::Error;

    fn matched(&mut self, _searcher: &Searcher, line: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        if self.found.matches == self.found.limit {
            self.found.full = true;
            return Ok(false);
        }
        let from = self.found.matcher.find(line.bytes()).ok().flatten().map_or(0, |at| at.start());
        let room = self.found.line(self.shown, ':', line.line_number(), line.bytes(), from);
        self.found.matches += usize::from(room);
        Ok(room)
    }

    fn context(
        &mut self,
        _searcher: &Searcher,
        line: &SinkContext<'_>,
    ) -> Result<bool, Self::Error> {
        Ok(self.found.line(self.shown, '-', line.line_number(), line.bytes(), 0))
    }

    fn context_break(&mut self, _searcher: &Searcher) -> Result<bool, Self::Error> {
        self.found.text.push_str("--\n");
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        for folder in ["src", "target", ".git", ".github"] {
            std::fs::create_dir(path.join(folder)).unwrap();
        }
        for (file, content) in [
            ("src/b.rs", &b"one\ntwo needle\nthree\nfour\nneedle five\n"[..]),
            ("src/a.txt", b"Needle\r\nneedle\r\n"),
            ("target/out.rs", b"needle"),
            ("ignored.rs", b"needle"),
            (".gitignore", b"/target\nignored.rs\n"),
            (".git/config", b"needle"),
            (".github/ci.yml", b"needle\xff"),
            ("binary", b"needle\0needle"),
        ] {
            std::fs::write(path.join(file), content).unwrap();
        }
        std::os::unix::fs::symlink("src/b.rs", path.join("link.rs")).unwrap();
        dir
    }

    fn grep(dir: &Path, change: impl FnOnce(&mut GrepFiles)) -> String {
        let mut job = GrepFiles {
            pattern: "needle".into(),
            include: None,
            cwd: dir.into(),
            path: ".".into(),
            limit: 100,
            context: 0,
            subject: String::new(),
        };
        change(&mut job);
        job.search().unwrap_or_else(|message| (message, String::new())).0
    }

    #[test]
    fn matches_come_sorted_by_path_without_ignored_and_binary_files_and_links() {
        let dir = sample();
        assert_eq!(
            grep(dir.path(), |_| ()),
            ".github/ci.yml:1: needle\u{fffd}\nsrc/a.txt:2: needle\nsrc/b.rs:2: two needle\n\
             src/b.rs:5: needle five\n[4 matches in 3 files]"
        );
    }

    #[test]
    fn a_glob_narrows_and_never_brings_ignored_files_back() {
        let dir = sample();
        assert_eq!(
            grep(dir.path(), |job| job.include = Some("*.rs".into())),
            "src/b.rs:2: two needle\nsrc/b.rs:5: needle five\n[2 matches in 1 file]"
        );
        let text = grep(dir.path(), |job| job.include = Some("!src/**".into()));
        assert_eq!(text, ".github/ci.yml:1: needle\u{fffd}\n[1 match in 1 file]");
    }

    #[test]
    fn context_lines_are_marked_and_groups_parted() {
        let dir = sample();
        let text = grep(dir.path(), |job| {
            job.context = 1;
            job.path = "src/b.rs".into();
            job.pattern = "^(one|.*five)$".into();
        });
        assert_eq!(
            text,
            "src/b.rs:1: one\nsrc/b.rs-2- two needle\n--\nsrc/b.rs-4- four\nsrc/b.rs:5: needle five\n\
             [2 matches in 1 file]"
        );
    }

    #[test]
    fn results_are_bounded_and_say_that_there_are_more() {
        let dir = sample();
        let text = grep(dir.path(), |job| job.limit = 2);
        assert!(text.ends_with(
            "[2 matches in 2 files, and there are more: narrow the pattern, `path` or `include`]"
        ));
        std::fs::write(
            dir.path().join("long"),
            format!("{}needle{}\n", "é".repeat(500), "x".repeat(500)),
        )
        .unwrap();
        let text = grep(dir.path(), |job| job.path = "long".into());
        assert!(
            text.starts_with("long:1: …é") && text.contains("éneedlex") && text.contains("x…\n"),
            "{text}"
        );
        assert!(text.len() < 400);
        std::fs::write(dir.path().join("many"), "needle and more text\n".repeat(5_000)).unwrap();
        let text = grep(dir.path(), |job| {
            job.path = "many".into();
            job.limit = 5_000;
        });
        assert!(text.len() < MAX_TEXT + 200 && text.contains("there are more"));
    }

    #[test]
    fn an_invalid_pattern_is_shown_with_the_place_of_the_error() {
        let dir = sample();
        let message = grep(dir.path(), |job| job.pattern = "fn (".into());
        assert!(
            message.contains("fn (\n") && message.contains("   ^\nerror: unclosed group"),
            "{message}"
        );
        let message = grep(dir.path(), |job| job.include = Some("{a".into()));
        assert!(message.starts_with("wrong `include`: "), "{message}");
    }

    #[test]
    fn a_pattern_that_is_huge_once_compiled_is_refused() {
        let dir = sample();
        let message = grep(dir.path(), |job| job.pattern = "x{1000}{1000}".into());
        assert!(message.starts_with("wrong `pattern`: ") && message.contains("limit"), "{message}");
    }

    #[test]
    fn nothing_found_is_said() {
        let dir = sample();
        assert_eq!(
            grep(dir.path(), |job| job.pattern = "absent".into()),
            "[no matches in 5 files]"
        );
        let message = grep(dir.path(), |job| job.path = "missing".into());
        assert!(message.ends_with("missing: no such file or directory"), "{message}");
    }
}
