//! What is at a path, as far as it has to be put back: remembered, compared, and written again. How it comes back to its
//! place is in `put_back.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::encoded::Encoded;
use super::put_back::Change;

/// Bytes and entries that are remembered of one path.
pub(super) const MAX_FILE: u64 = 16 << 20;
const MAX_ENTRIES: usize = 10_000;
/// Bytes of all its entries.
const MAX_BYTES: u64 = 32 << 20;

/// What may be remembered of one path, or of what lies in one directory.
pub(super) struct Budget {
    entries: usize,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { entries: MAX_ENTRIES, bytes: MAX_BYTES }
    }
}

impl Budget {
    /// Of whatever is there, nothing is remembered but its number and when it changed.
    pub(super) fn none() -> Self {
        Self { entries: 0, bytes: 0 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    File {
        bytes: Vec<u8>,
        mode: u32,
        /// It has other names, by which it can be written to.
        is_shared: bool,
    },
    Link(PathBuf),
    Directory(BTreeMap<OsString, Self>),
    /// Something that is too big to be remembered, or closed: known by its number and when it changed.
    Other(u64, i64),
}

impl Encoded for State {
    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Absent => 0_u32.write(to),
            Self::File { bytes, mode, is_shared } => {
                1_u32.write(to);
                bytes.write(to);
                mode.write(to);
                is_shared.write(to);
            }
            Self::Link(target) => {
                2_u32.write(to);
                target.write(to);
            }
            Self::Directory(states) => {
                3_u32.write(to);
                states.write(to);
            }
            Self::Other(number, changed) => {
                4_u32.write(to);
                number.write(to);
                changed.write(to);
            }
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(match u32::read(from)? {
            0 => Self::Absent,
            1 => Self::File {
                bytes: Vec::read(from)?,
                mode: u32::read(from)?,
                is_shared: bool::read(from)?,
            },
            2 => Self::Link(PathBuf::read(from)?),
            3 => Self::Directory(BTreeMap::read(from)?),
            4 => Self::Other(u64::read(from)?, i64::read(from)?),
            _ => return None,
        })
    }
}

/// In nanoseconds, by the clock of files, which no command can turn back.
pub(super) fn changed_at(found: &fs::Metadata) -> i64 {
    found.ctime().saturating_mul(1_000_000_000).saturating_add(found.ctime_nsec())
}

pub(super) fn now() -> i64 {
    nanoseconds(SystemTime::now())
}

/// By the clock of files, which stands still for up to ten milliseconds.
pub(super) fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX).saturating_sub(10_000_000)
}

/// Whether what is in a directory can be reached by its name.
pub(super) fn can_be_searched(directory: &Path) -> bool {
    fs::symlink_metadata(directory.join(".")).is_ok()
}

/// A file that may be anything by now: not followed, not waited for, and not longer than `limit`.
pub(super) fn read(path: &Path, limit: u64) -> Option<Vec<u8>> {
    read_with(path, limit, libc::O_NOFOLLOW)
}

/// The same, through links.
pub(super) fn read_through(path: &Path, limit: u64) -> Option<Vec<u8>> {
    read_with(path, limit, 0)
}

fn read_with(path: &Path, limit: u64, flags: i32) -> Option<Vec<u8>> {
    let flags = flags | libc::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags).open(path).ok()?;
    let found = file.metadata().ok().filter(|found| found.is_file() && found.len() <= limit)?;
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).ok()? + 1);
    file.take(limit).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

impl State {
    /// A file without other names.
    pub(super) fn file(bytes: Vec<u8>, mode: u32) -> Self {
        Self::File { bytes, mode, is_shared: false }
    }

    /// What is there `now` without the other names that it did not have here.
    pub(super) fn parted(&self, now: &Self) -> Option<Self> {
        match (self, now) {
            (Self::File { is_shared: true, .. }, _) => None,
            (_, Self::File { bytes, mode, is_shared: true }) => {
                Some(Self::file(bytes.clone(), *mode))
            }
            _ => None,
        }
    }

    pub(super) fn of(path: &Path) -> Self {
        Self::within(path, &mut Budget::default())
    }

    /// How many bytes it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::File { bytes, .. } => bytes.len(),
            Self::Directory(entries) => entries.values().map(Self::size).sum(),
            Self::Absent | Self::Link(_) | Self::Other(..) => 0,
        }
    }

    /// Of a file.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::File { bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// None, where a directory is.
    pub(super) fn of_file(path: &Path) -> Option<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => None,
            Ok(_) => Some(Self::of(path)),
            Err(_) => Some(Self::Absent),
        }
    }

    /// What does not fit into what is left is not read.
    pub(super) fn within(path: &Path, left: &mut Budget) -> Self {
        let Ok(found) = fs::symlink_metadata(path) else { return Self::Absent };
        let other = Self::Other(found.ino(), changed_at(&found));
        let Some(fewer) = left.entries.checked_sub(1) else { return other };
        left.entries = fewer;
        let kind = found.file_type();
        if kind.is_symlink() {
            return fs::read_link(path).map_or(other, Self::Link);
        }
        if kind.is_dir() {
            let Ok(entries) = fs::read_dir(path) else { return other };
            if !can_be_searched(path) {
                return other;
            }
            let states = entries
                .flatten()
                .map(|entry| (entry.file_name(), Self::within(&entry.path(), left)));
            return Self::Directory(states.collect());
        }
        if !kind.is_file() || found.len() > MAX_FILE.min(left.bytes) {
            return other;
        }
        left.bytes -= found.len();
        let (mode, is_shared) = (found.mode() & 0o7777, found.nlink() > 1);
        read(path, MAX_FILE).map_or(other, |bytes| Self::File { bytes, mode, is_shared })
    }

    /// What has to be put back for all to be again as it was here.
    pub(super) fn changes_at(&self, path: &Path, aside: &Path) -> Vec<Change> {
        let mut changes = Vec::new();
        self.compare(&Self::of(path), path, aside, &mut changes);
        changes
    }

    /// Whether what was here then is what is at `path` now. Where each look has other rights, one may have read what the
    /// other could not.
    pub(super) fn is_still(&self, now: &Self, path: &Path) -> bool {
        let is_numbered = |number: u64, changed: i64| {
            fs::symlink_metadata(path)
                .is_ok_and(|found| (found.ino(), changed_at(&found)) == (number, changed))
        };
        match (self, now) {
            // That another name is gone changes nothing.
            (
                Self::File { bytes, mode, is_shared },
                Self::File { bytes: by_now, mode: mode_now, is_shared: is_shared_now },
            ) => (bytes, mode) == (by_now, mode_now) && (*is_shared || !is_shared_now),
            (Self::Other(number, changed), _) => self == now || is_numbered(*number, *changed),
            _ => self == now,
        }
    }

    fn compare(&self, now: &Self, path: &Path, aside: &Path, changes: &mut Vec<Change>) {
        match (self, now) {
            (Self::Directory(before), Self::Directory(now)) => {
                let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
                for name in names {
                    let [before, now] = [before, now].map(|states| states.get(name));
                    let [before, now] = [before, now].map(|state| state.unwrap_or(&Self::Absent));
                    before.compare(now, &path.join(name), aside, changes);
                }
            }
            (before, now) if before.is_still(now, path) => {}
            (before, _) => changes.push(Change {
                path: path.to_owned(),
                to: before.clone(),
                aside: aside.to_owned(),
            }),
        }
    }

    /// Where nothing is yet; on the disk when it returns.
    pub(super) fn write_new(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Absent => Ok(()),
            Self::Other(..) => Err(io::Error::other("it was too big to be remembered")),
            Self::Link(target) => symlink(target, path),
            Self::File { bytes, mode, .. } => {
                // Where it may be written, it need not be readable.
                let mut file = File::options().write(true).create_new(true).open(path)?;
                file.write_all(bytes)?;
                file.set_permissions(fs::Permissions::from_mode(*mode))?;
                file.sync_all()
            }
            Self::Directory(states) => {
                fs::create_dir(path)?;
                states.iter().try_for_each(|(name, state)| state.write_new(&path.join(name)))
            }
        }
    }
}
