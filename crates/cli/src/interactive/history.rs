//! What the person has sent, over all threads: a file of ours, a message a line.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use crate::settings::Settings;

/// As many of the latest bytes are read.
const MAX_READ: u64 = 512 * 1024;
/// A file of more is halved.
const MAX_KEPT: u64 = 4 * 1024 * 1024;

pub(super) struct History {
    /// None where nothing is kept.
    path: Option<PathBuf>,
}

impl History {
    pub(super) fn of(settings: &Settings) -> Self {
        Self { path: settings.state_dir.as_ref().map(|state| state.join("history.jsonl")) }
    }

    /// The latest messages, the last one last. What cannot be read is done without.
    pub(super) fn read(&self) -> Vec<String> {
        let text = self.path.as_ref().and_then(|path| {
            let mut file = fs::File::open(path).ok()?;
            let len = file.metadata().ok()?.len();
            file.seek(SeekFrom::Start(len.saturating_sub(MAX_READ))).ok()?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).ok()?;
            Some(bytes)
        });
        let lines = text.as_deref().unwrap_or_default().split(|byte| *byte == b'\n');
        // The first may be half a line, which is no JSON.
        lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    /// Adds a message. It is a convenience: a disk that is full keeps nobody from sending.
    pub(super) fn add(&self, message: &str) {
        let Some(path) = &self.path else { return };
        let Ok(mut line) = serde_json::to_string(message) else { return };
        line.push('\n');
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(path);
        let Ok(mut file) = file else { return };
        let _ = file.write_all(line.as_bytes());
        if file.metadata().is_ok_and(|found| found.len() > MAX_KEPT) {
            self.halve();
        }
    }

    fn halve(&self) {
        let Some(path) = &self.path else { return };
        let Ok(text) = fs::read_to_string(path) else { return };
        let middle = text.len() / 2;
        let Some(cut) = text.as_bytes()[middle..].iter().position(|byte| *byte == b'\n') else {
            return;
        };
        let _ = fs::write(path, &text.as_bytes()[middle + cut + 1..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_in_order_whatever_they_hold() {
        let scratch = tempfile::tempdir().unwrap();
        let history = History { path: Some(scratch.path().join("history.jsonl")) };
        assert!(history.read().is_empty());
        history.add("one\nline and another");
        history.add("\"quoted\" 한글");
        assert_eq!(history.read(), ["one\nline and another", "\"quoted\" 한글"]);
    }
}
