//! Reads a part of a text file, with line numbers. What the model gets is bounded in lines and bytes, however
//! large the file or its lines are, and so is our memory.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::PathBuf;

use agent_protocol::{SandboxMode, ToolCall, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::job::{Job, looking};
use crate::{Prepared, Rejection, ToolOutput, Toolbox, ToolboxConfig, arguments, files};

pub(crate) const NAME: &str = "read_file";

/// Lines shown when no limit is given.
const DEFAULT_LIMIT: u64 = 2_000;
/// Bytes of text the model gets of one call: about 10,000 tokens.
const MAX_TEXT: usize = 40_000;
/// Bytes shown of one line.
const MAX_LINE: usize = 2_000;
/// Bytes read to find the lines asked for and to count the rest.
const MAX_SCAN: u64 = 512 << 20;

pub(crate) fn spec(_config: &ToolboxConfig) -> ToolSpec {
    ToolSpec::Function {
        name: NAME.into(),
        description: "Read a text file. Each line comes as its number, a tab and the text.".into(),
        strict: false,
        parameters: json!({
            "type": "object",
            "properties": {
                "file_path": {"type": "string", "description": "Absolute, or relative to the working directory."},
                "offset": {"type": "integer", "description": "First line to read, counted from 1."},
                "limit": {"type": "integer", "description": "How many lines; 2000 when absent."}
            },
            "required": ["file_path"],
            "additionalProperties": false
        }),
    }
}

#[derive(Deserialize)]
struct Args {
    #[serde(alias = "path")]
    file_path: PathBuf,
    #[serde(alias = "start_line")]
    offset: Option<u64>,
    limit: Option<u64>,
    /// What other agents call the end of what is read.
    end_line: Option<u64>,
}

impl Args {
    fn first(&self) -> u64 {
        self.offset.unwrap_or(1).max(1)
    }

    /// Lines to read, if it is said.
    fn limit(&self) -> Option<u64> {
        let to_end = || self.end_line.map(|end| end.saturating_add(1).saturating_sub(self.first()));
        self.limit.or_else(to_end).map(|limit| limit.max(1))
    }
}

pub(crate) fn prepare(toolbox: &Toolbox, call: &ToolCall) -> Result<Prepared, Rejection> {
    let config = toolbox.config();
    let args: Args = arguments::parse(call, &spec(config))?;
    let path = files::resolved(&config.cwd, &args.file_path);
    let is_hidden = config.sandbox != SandboxMode::DangerFullAccess && config.secrets.holds(&path);
    let job = ReadFile {
        path: config.cwd.join(&args.file_path),
        is_hidden,
        first: args.first(),
        limit: args.limit().unwrap_or(DEFAULT_LIMIT),
        subject: subject(&args),
    };
    let details = looking(NAME, job.subject.clone());
    Ok(Job::ReadFile(job).looking(toolbox, path, details))
}

/// `src/lib.rs:10-30`
fn subject(args: &Args) -> String {
    let path = files::one_line(&args.file_path);
    match (args.offset, args.limit()) {
        (None, None) => path,
        (Some(first), None) => format!("{path}:{first}-"),
        (_, Some(limit)) => {
            let first = args.first();
            format!("{path}:{first}-{}", first.saturating_add(limit) - 1)
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReadFile {
    path: PathBuf,
    /// Counted from 1.
    first: u64,
    limit: u64,
    pub(crate) subject: String,
    /// It is empty in the sandbox, whatever is in it.
    pub(crate) is_hidden: bool,
}

impl ReadFile {
    pub(crate) fn perform(self) -> ToolOutput {
        match self.read() {
            Ok((text, summary)) => ToolOutput::found(NAME, self.subject, summary, text),
            Err(message) => ToolOutput::not_found(NAME, self.subject, message),
        }
    }

    fn read(&self) -> Result<(String, String), String> {
        if self.path.is_dir() {
            return Err(format!("{} is a directory: list it with list_dir", self.path.display()));
        }
        let (mut file, metadata) = files::open_regular(&self.path)?;
        let say =
            |error: std::io::Error| format!("{}: {}", self.path.display(), files::trouble(&error));
        let mut head = Vec::with_capacity(8 << 10);
        file.by_ref().take(8 << 10).read_to_end(&mut head).map_err(say)?;
        if let Some(kind) = binary_kind(&head) {
            let size = metadata.len();
            return Err(format!("{} is not text but {kind} of {size} bytes", self.path.display()));
        }
        file.rewind().map_err(say)?;
        let mut page = Page::new(self.first, self.limit);
        each_line(BufReader::with_capacity(64 << 10, file), &mut page).map_err(say)?;
        if page.total == 0 && self.is_hidden {
            let path = self.path.display();
            return Err(format!("{path} holds secrets, or could: the sandbox hides it"));
        }
        page.finish()
    }
}

/// What a file that is not text is, by its first bytes.
fn binary_kind(head: &[u8]) -> Option<&'static str> {
    let starts = |marks: &[&[u8]]| marks.iter().any(|mark| head.starts_with(mark));
    if starts(&[b"\xff\xfe", b"\xfe\xff"]) {
        return Some("UTF-16 (convert it with iconv)");
    }
    if starts(&[b"\x89PNG", b"GIF8", b"\xff\xd8\xff"])
        || (starts(&[b"RIFF"]) && head.get(8..12) == Some(b"WEBP"))
    {
        return Some("an image (look at it with view_image)");
    }
    memchr::memchr(0, head).map(|_| "binary data")
}

/// A line without its end; of a long one only the start is kept.
#[derive(Default)]
struct Line {
    start: Vec<u8>,
    len: u64,
    ended: bool,
}

/// Hands on one line after the other without ever holding a whole long one. Gives up after [`MAX_SCAN`] bytes.
fn each_line(mut reader: impl BufRead, page: &mut Page) -> std::io::Result<()> {
    let mut line = Line::default();
    let mut scanned = 0;
    loop {
        let chunk = reader.fill_buf()?;
        let (part, ended) = match memchr::memchr(b'\n', chunk) {
            Some(at) => (&chunk[..at], true),
            None => (chunk, false),
        };
        // One character more than is shown, so that a cut inside one does not look like broken text.
        let room = (MAX_LINE + 4).saturating_sub(line.start.len()).min(part.len());
        line.start.extend_from_slice(&part[..room]);
        line.len += part.len() as u64;
        let at_end = chunk.is_empty();
        let used = part.len() + usize::from(ended);
        reader.consume(used);
        scanned += used as u64;
        if ended || (at_end && line.len > 0) {
            line.ended = ended;
            page.take(&line);
            line = Line { start: std::mem::take(&mut line.start), ..Line::default() };
            line.start.clear();
        }
        if at_end {
            return Ok(());
        }
        if scanned >= MAX_SCAN {
            page.unread = true;
            return Ok(());
        }
    }
}

/// The lines asked for, as the model gets them, and what is to be said of the file.
#[derive(Default)]
struct Page {
    first: u64,
    limit: u64,
    text: String,
    /// Lines in `text`.
    shown: u64,
    /// Lines seen so far.
    total: u64,
    full: bool,
    unread: bool,
    crlf: bool,
    lossy: bool,
    no_final_newline: bool,
}

impl Page {
    fn new(first: u64, limit: u64) -> Self {
        Self { first, limit, ..Self::default() }
    }

    fn take(&mut self, line: &Line) {
        self.total += 1;
        self.no_final_newline = !line.ended;
        if self.total < self.first || self.shown == self.limit || self.full {
            return;
        }
        self.crlf |= line.ended && line.len <= MAX_LINE as u64 && line.start.ends_with(b"\r");
        let text = self.shown_form(line);
        if self.text.len() + text.len() > MAX_TEXT {
            self.full = true;
            return;
        }
        self.text.push_str(&text);
        self.shown += 1;
    }

    fn shown_form(&mut self, line: &Line) -> String {
        let start = String::from_utf8_lossy(&line.start);
        let start = start.strip_suffix('\r').unwrap_or(&start);
        let start =
            if self.total == 1 { start.strip_prefix('\u{feff}').unwrap_or(start) } else { start };
        let shown = files::cut(start, MAX_LINE);
        self.lossy |=
            std::str::from_utf8(&line.start).is_err_and(|error| error.error_len().is_some());
        let more = line.len.saturating_sub(MAX_LINE as u64);
        let mark = if more > 0 { format!("… [{more} more bytes]") } else { String::new() };
        format!("{}\t{shown}{mark}\n", self.total)
    }

    /// The text for the model and one line for the person.
    fn finish(mut self) -> Result<(String, String), String> {
        let total =
            if self.unread { format!("more than {}", self.total) } else { self.total.to_string() };
        if self.total == 0 {
            return Ok(("[empty file]".into(), "empty".into()));
        }
        if self.shown == 0 {
            return Err(format!(
                "there is no line {}: the file has {}",
                self.first,
                files::count(&total, "line")
            ));
        }
        let last = self.first + self.shown - 1;
        let whole = self.shown == self.total && !self.unread;
        let mut notes = vec![if whole {
            files::count(&total, "line")
        } else {
            format!("lines {}-{last} of {total}", self.first)
        }];
        if last < self.total {
            notes.push(format!("go on with offset {}", last + 1));
        }
        if self.crlf {
            notes.push("lines end in CRLF".into());
        }
        if self.no_final_newline && last == self.total {
            notes.push("no newline at the end".into());
        }
        if self.lossy {
            notes.push("not valid UTF-8: wrong bytes are shown as \u{fffd}".into());
        }
        let _ = write!(self.text, "[{}]", notes.join("; "));
        Ok((self.text, notes.swap_remove(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: PathBuf, first: u64, limit: u64) -> ReadFile {
        ReadFile { path, first, limit, subject: String::new(), is_hidden: false }
    }

    #[test]
    fn a_file_that_the_sandbox_hides_is_not_said_to_be_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "").unwrap();
        let hidden = ReadFile { is_hidden: true, ..of(path, 1, 1) };
        assert!(
            hidden.read().unwrap_err().ends_with("holds secrets, or could: the sandbox hides it")
        );
    }

    fn read(content: &[u8], first: u64, limit: u64) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, content).unwrap();
        of(path, first, limit).read().map(|(text, _)| text)
    }

    #[test]
    fn lines_come_with_their_numbers_and_the_total_is_said() {
        assert_eq!(read(b"a\n\tb\n", 1, 10).unwrap(), "1\ta\n2\t\tb\n[2 lines]");
        assert_eq!(
            read(b"a\nb\nc\nd\n", 2, 2).unwrap(),
            "2\tb\n3\tc\n[lines 2-3 of 4; go on with offset 4]"
        );
        assert_eq!(read(b"", 1, 1).unwrap(), "[empty file]");
        assert_eq!(read(b"a\n", 5, 1).unwrap_err(), "there is no line 5: the file has 1 line");
    }

    #[test]
    fn what_cannot_be_seen_is_said() {
        assert_eq!(
            read(b"\xef\xbb\xbfa\r\nb\xff", 1, 9).unwrap(),
            "1\ta\n2\tb\u{fffd}\n[2 lines; lines end in CRLF; no newline at the end; \
             not valid UTF-8: wrong bytes are shown as \u{fffd}]"
        );
    }

    #[test]
    fn a_long_line_is_cut_and_never_in_a_character() {
        let text = read(format!("{}\n", "é".repeat(5_000)).as_bytes(), 1, 1).unwrap();
        assert_eq!(text, format!("1\t{}… [8000 more bytes]\n[1 line]", "é".repeat(1_000)));
    }

    #[test]
    fn the_whole_is_bounded_and_says_where_to_go_on() {
        let text = read("x".repeat(999).as_bytes(), 1, 1).unwrap();
        assert!(text.len() < 1_100);
        let many = format!("{}\n", "y".repeat(99)).repeat(5_000);
        let text = read(many.as_bytes(), 1, 5_000).unwrap();
        assert!(text.len() <= MAX_TEXT + 100);
        let last = text.lines().last().unwrap();
        assert!(
            last.starts_with("[lines 1-") && last.contains(" of 5000; go on with offset "),
            "{last}"
        );
    }

    #[test]
    fn what_is_not_text_is_named() {
        for (content, kind) in [
            (&b"\x7fELF\0\0"[..], "binary data"),
            (b"\x89PNG\r\n\x1a\n\0", "view_image"),
            (b"\xff\xfea\0", "UTF-16"),
        ] {
            let message = read(content, 1, 1).unwrap_err();
            assert!(message.contains(kind), "{message}");
        }
        let dir = tempfile::tempdir().unwrap();
        let job = of(dir.path().into(), 1, 1);
        assert!(job.read().unwrap_err().ends_with("is a directory: list it with list_dir"));
    }
}
