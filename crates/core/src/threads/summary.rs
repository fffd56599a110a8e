//! What is told of a thread in a list, read from the beginnings of its rollout's lines: no record is parsed that says
//! nothing about it.

use std::fs::{File, Metadata};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use agent_protocol::{Event, ItemDetails, ROLLOUT_FORMAT, Record};
use serde::{Deserialize, Serialize};

use crate::rollout::{RolloutError, read_first_line};

/// One thread of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadSummary {
    /// UUID version 7.
    pub id: String,
    /// The rollout.
    pub path: PathBuf,
    /// The person's name for it.
    pub name: Option<String>,
    /// The first line of what the person said first, at most 200 characters.
    pub first_message: Option<String>,
    pub cwd: PathBuf,
    /// As of its last process.
    pub provider: String,
    pub model: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// When its rollout was last written.
    pub changed: SystemTime,
    pub turns: u32,
    pub forked_from: Option<String>,
}

impl ThreadSummary {
    /// Its name, else what was said first.
    pub fn title(&self) -> &str {
        self.name.as_deref().or(self.first_message.as_deref()).unwrap_or_default()
    }
}

/// A line of the index: what is told of a rollout as of a size and a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Indexed {
    pub(super) id: String,
    inode: u64,
    size: u64,
    mtime_ns: i64,
    /// When anything of the file was last changed; unlike the time before, nobody can set it.
    ctime_ns: i64,
    /// Whole lines up to here were read.
    scanned: u64,
    /// The rollout's.
    format: u32,
    first_message: Option<String>,
    cwd: PathBuf,
    provider: String,
    model: String,
    created_at: String,
    turns: u32,
    forked_from: Option<String>,
}

/// Of the header only what a list tells; its instructions and tools are skipped unread.
#[derive(Deserialize)]
struct Head {
    format: u32,
    created_at: String,
    cwd: PathBuf,
    provider: String,
    model: String,
    forked_from: Option<String>,
}

/// A record says what it is at its beginning.
const HEAD_OF_LINE: usize = 256;

const LONGEST_TITLE: usize = 200;

impl Indexed {
    /// Whether the rollout is still as it was, and one that we read: a later version may have written the index.
    pub(super) fn is_of(&self, found: &Metadata) -> bool {
        self.format <= ROLLOUT_FORMAT
            && (self.inode, self.size) == (found.ino(), found.size())
            && (self.mtime_ns, self.ctime_ns) == (mtime_ns(found), ctime_ns(found))
    }

    /// Whether all of the rollout may still be what it was, but for what was appended. Its header says so, which whoever
    /// writes another format writes anew.
    fn is_begun_by(&self, head: &Head, found: &Metadata) -> bool {
        (self.inode, self.format) == (found.ino(), head.format)
            && self.created_at == head.created_at
            && self.scanned <= found.size()
    }

    /// Reads a rollout, or its header and what was appended since `earlier`.
    pub(super) fn scan(
        id: &str,
        path: &Path,
        found: &Metadata,
        earlier: Option<Self>,
    ) -> Result<Self, RolloutError> {
        let failed = |source| RolloutError::Io { what: "read", path: path.to_owned(), source };
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line).map_err(failed)?;
        let head: Head = read_first_line(path, &line)?;
        let mut indexed = earlier
            .filter(|earlier| earlier.is_begun_by(&head, found))
            .unwrap_or_else(|| Self::begin(id, head));
        let mut appended = Vec::new();
        file.seek(SeekFrom::Start(indexed.scanned)).map_err(failed)?;
        file.read_to_end(&mut appended).map_err(failed)?;
        indexed.inode = found.ino();
        indexed.size = found.size();
        indexed.mtime_ns = mtime_ns(found);
        indexed.ctime_ns = ctime_ns(found);
        indexed.read_lines(&appended);
        Ok(indexed)
    }

    fn begin(id: &str, head: Head) -> Self {
        Self {
            id: id.to_owned(),
            inode: 0,
            size: 0,
            mtime_ns: 0,
            ctime_ns: 0,
            scanned: 0,
            format: head.format,
            first_message: None,
            cwd: head.cwd,
            provider: head.provider,
            model: head.model,
            created_at: head.created_at,
            turns: 0,
            forked_from: head.forked_from,
        }
    }

    fn read_lines(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if line.last() != Some(&b'\n') {
                break;
            }
            self.scanned += line.len() as u64;
            self.read_line(line);
        }
    }

    fn read_line(&mut self, line: &[u8]) {
        let head = &line[..line.len().min(HEAD_OF_LINE)];
        // Quotes inside of strings are escaped, so these are never part of what somebody said.
        if contains(head, br#""type":"turn.started""#) {
            self.turns += 1;
        } else if self.first_message.is_none() && contains(head, br#""type":"user_message""#) {
            if let Some(Event::ItemCompleted { item }) = event(line)
                && let ItemDetails::UserMessage { text } = item.details
            {
                self.first_message = Some(title(&text));
            }
        } else if contains(head, br#""type":"thread.started""#)
            && let Some(Event::ThreadStarted(started)) = event(line)
        {
            self.provider = started.provider;
            self.model = started.model;
        }
    }

    pub(super) fn at(&self, path: &Path, name: Option<String>) -> ThreadSummary {
        ThreadSummary {
            id: self.id.clone(),
            path: path.to_owned(),
            name,
            first_message: self.first_message.clone(),
            cwd: self.cwd.clone(),
            provider: self.provider.clone(),
            model: self.model.clone(),
            created_at: self.created_at.clone(),
            changed: SystemTime::UNIX_EPOCH
                + Duration::from_nanos(self.mtime_ns.try_into().unwrap_or(0)),
            turns: self.turns,
            forked_from: self.forked_from.clone(),
        }
    }
}

fn mtime_ns(found: &Metadata) -> i64 {
    found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec())
}

fn ctime_ns(found: &Metadata) -> i64 {
    found.ctime().saturating_mul(1_000_000_000).saturating_add(found.ctime_nsec())
}

fn event(line: &[u8]) -> Option<Event> {
    serde_json::from_slice::<Record>(line).ok().map(|record| record.event)
}

fn title(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(LONGEST_TITLE).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
