//! Searches file contents with ripgrep's own crates: ignore files are respected, binary files and links skipped,
//! results sorted by path and bounded.

mod file;
mod found;
mod search;
mod walk;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_protocol::{RejectReason, ToolCall, ToolSpec};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use ignore::overrides::{Override, OverrideBuilder};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::search::{Search, threads};
use self::walk::Walk;
use crate::job::{Job, looking};
use crate::{Prepared, Rejection, ToolOutput, Toolbox, ToolboxConfig, arguments, files};

pub(crate) const NAME: &str = "grep_files";

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;
const MAX_CONTEXT: usize = 20;
/// Bytes of text the model gets of one call: about 10,000 tokens.
const MAX_TEXT: usize = 40_000;
/// Bytes of a pattern and of a glob as they are said: two bytes of a pattern can be 25 kB of tables.
const MAX_SAID: usize = 4_000;
/// Bytes of a pattern once it is compiled.
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
    #[serde(alias = "glob")]
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
    job.check().map_err(wrong)?;
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
        match self.search(threads()) {
            Ok((text, summary)) => ToolOutput::found(NAME, self.subject, summary, text),
            Err(message) => ToolOutput::not_found(NAME, self.subject, message),
        }
    }

    /// What is wrong with the pattern or the glob, as far as this can be seen with little memory and at once: this is asked in
    /// the agent itself, where nothing bounds either. What is only found when a pattern is compiled is said by the search (R11).
    fn check(&self) -> Result<(), String> {
        check_length("pattern", &self.pattern)?;
        check_length("include", self.include.as_deref().unwrap_or_default())?;
        let parsed = regex_syntax::ast::parse::Parser::new().parse(&self.pattern);
        parsed.map_err(|error| format!("wrong `pattern`: {error}"))?;
        self.filter().map(drop)
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

    fn search(&self, threads: usize) -> Result<(String, String), String> {
        let (matcher, include) = (self.matcher()?, self.filter()?);
        // Without `.`, or no glob with a folder in it would fit.
        let root: PathBuf = self.cwd.join(&self.path).components().collect();
        let metadata = root
            .metadata()
            .map_err(|error| format!("{}: {}", root.display(), files::trouble(&error)))?;
        let search = Search::new(self, &matcher);
        let found = if metadata.is_file() {
            search.file(&root)
        } else {
            search.files(Walk::below(&root, include), threads)
        };
        Ok(found.finish())
    }

    /// As short as it can be and still be used as an argument.
    fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.cwd).unwrap_or(path);
        files::one_line(path)
    }
}

fn check_length(name: &str, said: &str) -> Result<(), String> {
    if said.len() <= MAX_SAID {
        return Ok(());
    }
    Err(format!(
        "`{name}` is {} bytes long, and may be {MAX_SAID}: say a shorter one, or search for its parts one after the other",
        said.len()
    ))
}

#[cfg(test)]
mod tests;
