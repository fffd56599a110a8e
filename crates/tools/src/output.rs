//! What a command prints, in bounded memory: head and tail are kept, the middle is counted, the whole goes to a file
//! when it is long, or more than the model is shown. It never makes the command wait.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Bytes kept of the beginning, and of the end.
const HALF: usize = 256 * 1024;

/// Bytes from which the whole output is also kept in a file; fewer, when somebody is shown less than all.
const SPILL_FROM: u64 = 16 * 1024;

/// Bytes at which that file ends.
const SPILL_LIMIT: u64 = 64 << 20;

/// Bytes it leaves free on its disk: without it the work goes on, without the thread's log it does not.
const LEFT_FREE: u64 = 32 << 20;

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
    spill: Spill,
    /// Bytes that the file leaves free on its disk.
    left_free: u64,
}

/// What is kept of an output beside its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nothing: all of it was shown, or its thread keeps nothing.
    Nothing,
    Whole(PathBuf),
    /// As much as such a file may hold.
    Beginning(PathBuf),
    /// Nothing, for this reason.
    Lost(String),
}

impl Kept {
    /// For whoever reads a part of the output.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Whole(file) => format!("Whole output: {}\n", file.display()),
            Self::Beginning(file) => {
                format!("First {} MiB of the output: {}\n", SPILL_LIMIT >> 20, file.display())
            }
            Self::Lost(reason) => format!("The whole output is not kept: {reason}\n"),
        }
    }
}

impl Capture {
    /// `path` is made when the output is long, or asked for; it is not there before.
    pub(crate) fn new(path: PathBuf) -> Self {
        let (all, unread) = (Ends::default(), Ends::default());
        Self { all, unread, path, spill: Spill::Due, left_free: LEFT_FREE }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.all.push(bytes);
        self.unread.push(bytes);
        if self.all.total > SPILL_FROM || !matches!(self.spill, Spill::Due) {
            self.spill(bytes);
        }
    }

    /// A file that cannot be written is done without, and takes no room.
    fn spill(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_to_spill(bytes)
            && let Spill::Open(..) = std::mem::replace(&mut self.spill, Spill::GivenUp(error))
        {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn try_to_spill(&mut self, bytes: &[u8]) -> io::Result<()> {
        if matches!(self.spill, Spill::Due) {
            self.spill = Spill::Open(create(&self.path)?, 0);
            // Up to here the head holds everything.
            if self.all.tail.is_empty() {
                return self.spill.append(&self.all.head, self.left_free);
            }
        }
        self.spill.append(bytes, self.left_free)
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
        self.begin_file();
        self.spill.take().map(|file| (file, self.path.clone()))
    }

    fn begin_file(&mut self) {
        if matches!(self.spill, Spill::Due) {
            self.spill(&[]);
        }
    }

    /// Where all of it is, for whoever was shown a part.
    pub(crate) fn keep(&mut self) -> Kept {
        self.begin_file();
        match &self.spill {
            Spill::Due | Spill::HandedOver => Kept::Nothing,
            Spill::Open(_, written) if *written < self.all.total => {
                Kept::Beginning(self.path.clone())
            }
            Spill::Open(..) => Kept::Whole(self.path.clone()),
            // Below what is no directory a thread says that it keeps nothing.
            Spill::GivenUp(error) if error.kind() == ErrorKind::NotADirectory => Kept::Nothing,
            Spill::GivenUp(error) => Kept::Lost(error.to_string()),
        }
    }
}

/// The file that holds the whole output, or its beginning.
#[derive(Debug)]
enum Spill {
    /// There is none yet.
    Due,
    /// So many bytes are in it.
    Open(File, u64),
    HandedOver,
    GivenUp(io::Error),
}

impl Spill {
    /// # Errors
    /// When they cannot be written, or less than `left_free` would be left on the disk.
    fn append(&mut self, bytes: &[u8], left_free: u64) -> io::Result<()> {
        let Self::Open(file, written) = self else { return Ok(()) };
        let room = usize::try_from(SPILL_LIMIT - *written).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        if bytes.is_empty() {
            return Ok(());
        }
        if free(file).is_some_and(|free| free < left_free.saturating_add(bytes.len() as u64)) {
            return Err(io::Error::other("its disk is nearly full"));
        }
        file.write_all(bytes)?;
        *written += bytes.len() as u64;
        Ok(())
    }

    fn take(&mut self) -> Option<File> {
        match std::mem::replace(self, Self::HandedOver) {
            Self::Open(file, _) => Some(file),
            other => {
                *self = other;
                None
            }
        }
    }
}

/// Bytes that we may still write to the file's disk; none where it does not say.
fn free(file: &File) -> Option<u64> {
    let disk = rustix::fs::fstatvfs(file).ok().filter(|disk| disk.f_blocks > 0)?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn create(path: &Path) -> io::Result<File> {
    let parent = path.parent().ok_or(ErrorKind::NotADirectory)?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    File::options().write(true).create_new(true).mode(0o600).open(path)
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
        let mut capture = Capture::new("/dev/null/outputs/none".into());
        let block = [b'x'; 64 * 1024];
        for _ in 0..1_000 {
            capture.push(&block);
        }
        assert_eq!(capture.all().total(), 65_536_000);
        assert!(capture.all.head.capacity() + capture.all.tail.capacity() < 8 * HALF);
        assert_eq!(capture.keep(), Kept::Nothing);
    }

    #[test]
    fn a_long_output_is_whole_in_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut capture = Capture::new(dir.path().join("outputs/1.txt"));
        let text: String = (0..100_000).map(|n| format!("{n}\n")).collect();
        text.as_bytes().chunks(777).for_each(|chunk| capture.push(chunk));
        let file = dir.path().join("outputs/1.txt");
        assert_eq!(capture.keep(), Kept::Whole(file.clone()));
        assert_eq!(std::fs::read_to_string(file).unwrap(), text);
    }

    #[test]
    fn a_short_output_is_whole_in_a_file_when_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("outputs/1.txt");
        let mut capture = Capture::new(file.clone());
        capture.push(b"one\n");
        assert!(!file.exists());
        assert_eq!(capture.keep(), Kept::Whole(file.clone()));
        capture.push(b"two\n");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\ntwo\n");
        assert_eq!(capture.keep(), Kept::Whole(file));
    }

    #[test]
    fn where_the_disk_is_nearly_full_no_file_is_left_and_it_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("1.txt");
        let mut capture = Capture::new(file.clone());
        capture.push(&[b'x'; 20_000]);
        assert_eq!(capture.keep(), Kept::Whole(file.clone()));
        capture.left_free = u64::MAX;
        capture.push(b"x");
        assert!(!file.exists());
        let reason = "its disk is nearly full".to_owned();
        assert_eq!(capture.keep(), Kept::Lost(reason));
        capture.left_free = 0;
        capture.push(&[b'x'; 20_000]);
        assert!(!file.exists() && capture.hand_over().is_none());
        assert_eq!(capture.all().total(), 40_001);
    }

    #[test]
    fn a_file_that_ends_before_the_output_is_called_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("1.txt");
        let mut capture = Capture::new(file.clone());
        capture.push(&[b'x'; 20_000]);
        if let Spill::Open(_, written) = &mut capture.spill {
            *written = SPILL_LIMIT;
        }
        capture.all.total = SPILL_LIMIT;
        assert_eq!(capture.keep(), Kept::Whole(file.clone()));
        capture.push(b"x");
        assert_eq!(
            capture.keep().line(),
            format!("First 64 MiB of the output: {}\n", file.display())
        );
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
