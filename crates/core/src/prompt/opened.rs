//! A document that was opened. A command that still runs may exchange it for a link at any moment: what is judged is
//! therefore what is read, the open file, and not what its name leads to.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::retry_on_intr;

/// A regular file.
pub(super) struct Opened(File);

impl Opened {
    /// None when there is no such file, or it is something else. A pipe is not opened: nobody may ever write to it.
    pub(super) fn open(path: &Path) -> Option<Self> {
        // Looked at before, since opening alone does something to some devices.
        if !fs::metadata(path).ok()?.is_file() {
            return None;
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()));
        let file = File::from(opened.ok()?);
        file.metadata().ok()?.is_file().then_some(Self(file))
    }

    /// Where it lies, without links; none when that cannot be found out.
    pub(super) fn real_path(&self) -> Option<PathBuf> {
        agent_tools::real_path(&self.0)
    }

    /// Its text, invalid UTF-8 replaced, and whether that is all of it.
    pub(super) fn read_at_most(self, limit: u64) -> Option<(String, bool)> {
        let mut bytes = vec![];
        self.0.take(limit.saturating_add(1)).read_to_end(&mut bytes).ok()?;
        let whole = bytes.len() as u64 <= limit;
        bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                // A character cut in two by the limit is left out, not replaced.
                let valid = error.utf8_error();
                let bytes = error.as_bytes();
                let bytes = if !whole && valid.error_len().is_none() {
                    &bytes[..valid.valid_up_to()]
                } else {
                    bytes
                };
                String::from_utf8_lossy(bytes).into_owned()
            }
        };
        Some((text, whole))
    }
}
