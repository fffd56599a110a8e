//! One file, line by line.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek as _};
use std::path::Path;

use grep_matcher::{LineTerminator, Matcher as _};
use grep_regex::RegexMatcher;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};

use super::found::Part;
use super::search::{End, Search, lock};

/// Bytes shown of one line.
const MAX_LINE: usize = 300;
/// Bytes read at first: most files as a whole.
const AT_ONCE: usize = 32 << 10;
/// Bytes that each thread's searcher may hold.
const HEAP: usize = 1 << 20;
/// Bytes that the one searcher may hold that is for lines too long for the others: no line is longer.
const MAX_HEAP: usize = 64 << 20;

/// Searches files, one after the other.
pub(super) struct FileSearcher<'a> {
    search: &'a Search<'a>,
    /// Its own: one in common is waited for.
    matcher: RegexMatcher,
    lines: Searcher,
}

impl<'a> FileSearcher<'a> {
    pub(super) fn new(search: &'a Search<'a>) -> Self {
        let matcher = search.matcher.clone();
        Self { search, matcher, lines: lines(search.job.context, HEAP) }
    }

    /// Adds what it finds to `part`.
    pub(super) fn search(
        &mut self,
        path: &Path,
        opened: Result<(File, Metadata), String>,
        part: &mut Part,
    ) {
        part.file();
        let Ok((file, metadata)) = opened else { return part.unreadable() };
        let begin = part.mark();
        let content = Content::new(file, &metadata, &self.search.end);
        // The searcher asks for the first three bytes by themselves.
        let mut content = BufReader::with_capacity(AT_ONCE, content);
        let sink = InFile::new(self.search, &self.matcher, path, part);
        let mut outcome = self.lines.search_reader(&self.matcher, &mut content, sink);
        if outcome.as_ref().is_err_and(is_too_long) {
            part.back_to(begin);
            let sink = InFile::new(self.search, &self.matcher, path, part);
            outcome = content.into_inner().at_its_begin(&metadata).and_then(|content| {
                lock(&self.search.patient).search_reader(&self.matcher, content, sink)
            });
        }
        match outcome {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => part.late(),
            Err(_) => part.unreadable(),
        }
    }
}

/// The searcher for lines too long for the others.
pub(super) fn patient(context: usize) -> Searcher {
    lines(context, MAX_HEAP)
}

fn lines(context: usize, heap: usize) -> Searcher {
    SearcherBuilder::new()
        .line_terminator(LineTerminator::crlf())
        .before_context(context)
        .after_context(context)
        .heap_limit(Some(heap))
        .binary_detection(BinaryDetection::quit(0))
        .build()
}

/// The searcher's own error, which has no kind: its heap does not hold a line.
fn is_too_long(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Other && error.raw_os_error().is_none()
}

/// A file's bytes, until the search ends.
struct Content<'a> {
    file: File,
    /// Bytes until its end is known to come; None: it is not known.
    left: Option<u64>,
    end: &'a End,
}

impl<'a> Content<'a> {
    fn new(file: File, metadata: &Metadata, end: &'a End) -> Self {
        Self { file, left: size(metadata), end }
    }

    fn at_its_begin(mut self, metadata: &Metadata) -> io::Result<Self> {
        self.file.rewind()?;
        Ok(Self { left: size(metadata), ..self })
    }
}

/// What the kernel makes up as it is read has no size.
fn size(metadata: &Metadata) -> Option<u64> {
    Some(metadata.len()).filter(|size| *size > 0)
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.end.has_come() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // Spares a call of the kernel for each file.
        if self.left == Some(0) {
            return Ok(0);
        }
        let read = self.file.read(buffer)?;
        self.left = self.left.map(|left| left.saturating_sub(read as u64));
        Ok(read)
    }
}

struct InFile<'s> {
    search: &'s Search<'s>,
    matcher: &'s RegexMatcher,
    path: &'s Path,
    /// The path as it is shown, once a line is.
    shown: Option<String>,
    part: &'s mut Part,
}

impl<'s> InFile<'s> {
    fn new(
        search: &'s Search<'s>,
        matcher: &'s RegexMatcher,
        path: &'s Path,
        part: &'s mut Part,
    ) -> Self {
        Self { search, matcher, path, shown: None, part }
    }

    fn line(&mut self, mark: char, number: Option<u64>, bytes: &[u8], from: usize) -> String {
        let shown = self.shown.get_or_insert_with(|| self.search.job.shown(self.path));
        let number = number.unwrap_or_default();
        format!("{shown}{mark}{number}{mark} {}\n", around(bytes, from))
    }
}

impl Sink for InFile<'_> {
    type Error = io::Error;

    fn matched(&mut self, _searcher: &Searcher, line: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        let from = self.matcher.find(line.bytes()).ok().flatten().map_or(0, |at| at.start());
        let text = self.line(':', line.line_number(), line.bytes(), from);
        self.part.matched(&text);
        Ok(!self.part.is_full(self.search.job.limit))
    }

    fn context(
        &mut self,
        _searcher: &Searcher,
        line: &SinkContext<'_>,
    ) -> Result<bool, Self::Error> {
        let text = self.line('-', line.line_number(), line.bytes(), 0);
        self.part.context(&text);
        Ok(!self.part.is_full(self.search.job.limit))
    }

    fn context_break(&mut self, _searcher: &Searcher) -> Result<bool, Self::Error> {
        self.part.parted();
        Ok(true)
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
