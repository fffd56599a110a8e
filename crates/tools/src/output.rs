//! What a command prints, in bounded memory: head and tail are kept, the middle is counted, the whole goes to a file
//! when it is more than a model is shown. It never makes the command wait.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Bytes kept of the beginning, and of the end.
const HALF: usize = 256 * 1024;

/// Bytes from which the whole output is also kept in a file.
const SPILL_FROM: u64 = 16 * 1024;

/// Bytes at which that file ends.
const SPILL_LIMIT: u64 = 64 << 20;

/// Head and tail of a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
    line_ends: u64,
}

impl Ends {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        self.line_ends += memchr::memchr_iter(b'\n', bytes).count() as u64;
        let into_head = bytes.len().min(HALF - self.head.len());
        self.head.extend_from_slice(&bytes[..into_head]);
        let rest = &bytes[into_head..];
        let rest = &rest[rest.len().saturating_sub(HALF)..];
        let excess = (self.tail.len() + rest.len()).saturating_sub(HALF);
        self.tail.drain(..excess);
        self.tail.extend(rest);
    }

    /// Bytes that came in all.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Lines that came in all.
    pub(crate) fn lines(&self) -> u64 {
        let last = self.tail.back().or(self.head.last());
        self.line_ends + u64::from(last.is_some_and(|&byte| byte != b'\n'))
    }

    /// At most about `limit` bytes as text: cut in the middle, at line breaks where there are any, and marked there.
    /// Returns whether anything is missing.
    pub(crate) fn text(&self, limit: usize) -> (String, bool) {
        let kept = (self.head.len() + self.tail.len()) as u64;
        let (front, back) = self.tail.as_slices();
        let joined = [&self.head[..], front, back].concat();
        if self.total == kept && joined.len() <= limit {
            return (String::from_utf8_lossy(&joined).into_owned(), false);
        }
        let half = limit / 2;
        let head = &self.head[..self.head.len().min(half)];
        let head =
            &head[..head.iter().rposition(|&byte| byte == b'\n').map_or(head.len(), |end| end + 1)];
        let tail =
            if self.total == kept { &joined[head.len()..] } else { &joined[self.head.len()..] };
        let tail = &tail[tail.len().saturating_sub(half)..];
        let tail =
            &tail[tail.iter().position(|&byte| byte == b'\n').map_or(0, |start| start + 1)..];
        let missing = self.total - (head.len() + tail.len()) as u64;
        let text = format!(
            "{}\n[… {missing} of {} bytes left out …]\n{}",
            String::from_utf8_lossy(head).trim_end_matches('\n'),
            self.total,
            String::from_utf8_lossy(tail),
        );
        (text, true)
    }
}

/// All that a command printed, and what of it was not read yet.
#[derive(Debug)]
pub(crate) struct Capture {
    all: Ends,
    unread: Ends,
    /// Where the whole would go.
    path: PathBuf,
    spill: Option<File>,
    spilled: u64,
}

impl Capture {
    /// `path` is made when the output is long; it is not there before.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { all: Ends::default(), unread: Ends::default(), path, spill: None, spilled: 0 }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.all.push(bytes);
        self.unread.push(bytes);
        if self.all.total > SPILL_FROM {
            self.spill(bytes);
        }
    }

    /// A file that cannot be written is done without.
    fn spill(&mut self, bytes: &[u8]) {
        if self.spilled >= SPILL_LIMIT {
            return;
        }
        let first = self.spilled == 0;
        if first {
            self.spill = create(&self.path);
        }
        let Some(file) = &mut self.spill else { return };
        // Up to here the head holds everything.
        let bytes = if first && self.all.tail.is_empty() { &self.all.head[..] } else { bytes };
        let room = usize::try_from(SPILL_LIMIT - self.spilled).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        if file.write_all(bytes).is_err() {
            self.spill = None;
            self.spilled = SPILL_LIMIT;
        } else {
            self.spilled += bytes.len() as u64;
        }
    }

    pub(crate) fn all(&self) -> &Ends {
        &self.all
    }

    /// What came since this was last called.
    pub(crate) fn take_unread(&mut self) -> Ends {
        std::mem::take(&mut self.unread)
    }

    /// All that came so far in the file, and the file for what is still to come; none when it cannot be written.
    pub(crate) fn hand_over(&mut self) -> Option<(File, PathBuf)> {
        if self.spill.is_none() && self.spilled == 0 {
            let mut file = create(&self.path)?;
            file.write_all(&self.all.head).ok()?;
            self.spill = Some(file);
        }
        Some((self.spill.take()?, self.path.clone()))
    }

    /// The file that holds the whole output, or its first 64 MiB.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.spill.is_some().then_some(&*self.path)
    }
}

fn create(path: &Path) -> Option<File> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path.parent()?).ok()?;
    File::options().write(true).create_new(true).mode(0o600).open(path).ok()
}

/// Turns bytes that come in pieces into text, a character at a time: one that is cut waits for its rest.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    rest: Vec<u8>,
}

impl Decoder {
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let incomplete = match std::str::from_utf8(&self.rest) {
            Err(error) if error.error_len().is_none() => self.rest.len() - error.valid_up_to(),
            _ => incomplete_end(&self.rest),
        };
        let whole = self.rest.len() - incomplete;
        let text = String::from_utf8_lossy(&self.rest[..whole]).into_owned();
        self.rest.drain(..whole);
        text
    }
}

/// How many bytes at the end may be the beginning of a character.
fn incomplete_end(bytes: &[u8]) -> usize {
    let last = bytes.len().saturating_sub(3);
    (last..bytes.len())
        .find(|&start| {
            std::str::from_utf8(&bytes[start..])
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .map_or(0, |start| bytes.len() - start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ends(bytes: &[u8]) -> Ends {
        let mut ends = Ends::default();
        bytes.chunks(1000).for_each(|chunk| ends.push(chunk));
        ends
    }

    #[test]
    fn what_fits_is_whole() {
        assert_eq!(ends(b"one\ntwo\n").text(100), ("one\ntwo\n".to_owned(), false));
    }

    #[test]
    fn what_does_not_fit_keeps_both_ends_and_says_what_is_missing() {
        assert_eq!((ends(b"").lines(), ends(b"a\nb").lines(), ends(b"a\nb\n").lines()), (0, 2, 2));
        let lines: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        assert_eq!(ends(lines.as_bytes()).lines(), 10_000);
        let (text, cut) = ends(lines.as_bytes()).text(100);
        assert!(cut && text.starts_with("line 0\n") && text.ends_with("line 9999\n"), "{text}");
        assert!(text.contains("bytes left out"), "{text}");
    }

    #[test]
    fn memory_stays_bounded_however_much_comes() {
        let mut capture = Capture::new("/dev/null/none".into());
        let block = [b'x'; 64 * 1024];
        for _ in 0..1_000 {
            capture.push(&block);
        }
        assert_eq!(capture.all().total(), 65_536_000);
        assert!(capture.all.head.capacity() + capture.all.tail.capacity() < 8 * HALF);
        assert_eq!(capture.file(), None);
    }

    #[test]
    fn a_long_output_is_whole_in_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut capture = Capture::new(dir.path().join("outputs/1.txt"));
        let text: String = (0..100_000).map(|n| format!("{n}\n")).collect();
        text.as_bytes().chunks(777).for_each(|chunk| capture.push(chunk));
        assert_eq!(std::fs::read_to_string(capture.file().unwrap()).unwrap(), text);
    }

    proptest! {
        #[test]
        fn cut_in_pieces_text_is_the_same(text in "\\PC{0,40}", size in 1_usize..5) {
            let mut decoder = Decoder::default();
            let decoded: String = text.as_bytes().chunks(size).map(|chunk| decoder.push(chunk)).collect();
            prop_assert_eq!(decoded, text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), limit in 0_usize..300) {
            let mut decoder = Decoder::default();
            bytes.chunks(3).for_each(|chunk| drop(decoder.push(chunk)));
            let (text, _) = ends(&bytes).text(limit);
            prop_assert!(text.len() <= 3 * limit + 100);
        }
    }
}
