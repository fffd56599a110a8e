//! What is at a path, as far as it has to be put back: remembered, compared, and written again. What is in its place
//! by then is laid aside, never deleted: it may be the person's own, who works on while commands run.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes and entries that are remembered of one path.
const MAX_FILE: u64 = 16 << 20;
const MAX_ENTRIES: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    File {
        bytes: Vec<u8>,
        mode: u32,
    },
    Link(PathBuf),
    Directory(BTreeMap<OsString, Self>),
    /// Something that is too big to be remembered, or cannot be: known by its number and when it changed.
    Other(u64, i64),
}

/// Something to be put back.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    pub(super) to: State,
    /// The directory where what is there now can lie and mean nothing.
    pub(super) aside: PathBuf,
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

/// A file that may be anything by now: not followed, not waited for, and not longer than `limit`.
pub(super) fn read(path: &Path, limit: u64) -> Option<Vec<u8>> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags).open(path).ok()?;
    let found = file.metadata().ok().filter(|found| found.is_file() && found.len() <= limit)?;
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).ok()? + 1);
    file.take(limit).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

impl State {
    pub(super) fn of(path: &Path) -> Self {
        Self::read(path, &mut 0)
    }

    fn read(path: &Path, entries: &mut usize) -> Self {
        let Ok(found) = fs::symlink_metadata(path) else { return Self::Absent };
        let other = Self::Other(found.ino(), changed_at(&found));
        *entries += 1;
        if *entries > MAX_ENTRIES {
            return other;
        }
        let kind = found.file_type();
        if kind.is_symlink() {
            return fs::read_link(path).map_or(other, Self::Link);
        }
        if kind.is_dir() {
            let Ok(directory) = fs::read_dir(path) else { return other };
            let states = directory
                .flatten()
                .map(|entry| (entry.file_name(), Self::read(&entry.path(), entries)));
            return Self::Directory(states.collect());
        }
        if !kind.is_file() || found.len() > MAX_FILE {
            return other;
        }
        let mode = found.mode() & 0o7777;
        read(path, MAX_FILE).map_or(other, |bytes| Self::File { bytes, mode })
    }

    /// What has to be put back for all to be again as it was here.
    pub(super) fn changes_at(&self, path: &Path, aside: &Path) -> Vec<Change> {
        let mut changes = Vec::new();
        self.compare(&Self::of(path), path, aside, &mut changes);
        changes
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
            (before, now) if before == now => {}
            (before, _) => changes.push(Change {
                path: path.to_owned(),
                to: before.clone(),
                aside: aside.to_owned(),
            }),
        }
    }

    fn restore(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Absent => Ok(()),
            Self::Other(..) => Err(io::Error::other("it was too big to be remembered")),
            Self::Link(target) => symlink(target, path),
            Self::File { bytes, mode } => {
                fs::write(path, bytes)?;
                fs::set_permissions(path, fs::Permissions::from_mode(*mode))
            }
            Self::Directory(states) => {
                fs::create_dir_all(path)?;
                states.iter().try_for_each(|(name, state)| state.restore(&path.join(name)))
            }
        }
    }
}

impl Change {
    /// Does it, and says what was done.
    pub(super) fn put_back(&self) -> String {
        let path = self.path.display();
        let because = "it could make code run outside the sandbox";
        // Nothing is taken away that cannot be put back, and nothing is lost.
        let done = match &self.to {
            State::Other(..) => self.to.restore(&self.path).map(|()| None),
            to => self.lay_aside().and_then(|aside| to.restore(&self.path).map(|()| aside)),
        };
        match (done, &self.to) {
            (Ok(Some(aside)), State::Absent) => {
                format!(
                    "took away {path}, which was not there: {because}; it is now {}",
                    aside.display()
                )
            }
            (Ok(Some(aside)), _) => {
                format!("put back {path}: {because}; what was there is now {}", aside.display())
            }
            (Ok(None), _) => {
                format!("put back {path}: without it, code could run outside the sandbox")
            }
            (Err(error), _) => format!("could not put back {path}: {because} ({error})"),
        }
    }

    /// Under a name that nobody looks for, and that cannot be executed. None: nothing is there.
    fn lay_aside(&self) -> io::Result<Option<PathBuf>> {
        let Ok(found) = fs::symlink_metadata(&self.path) else { return Ok(None) };
        let name = self.path.file_name().unwrap_or(OsStr::new("root")).to_owned();
        let named = |directory: &Path| {
            let mut name = name.clone();
            name.push(format!(".aside-{}", now()));
            directory.join(name)
        };
        let mut aside = named(&self.aside);
        while fs::symlink_metadata(&aside).is_ok() {
            aside = named(&self.aside);
        }
        if found.is_file() {
            let mode = found.mode() & 0o666;
            let _ = fs::set_permissions(&self.path, fs::Permissions::from_mode(mode));
        }
        // Before Linux 5.19, the walls let nothing be moved to another directory.
        if fs::rename(&self.path, &aside).is_ok() {
            return Ok(Some(aside));
        }
        if State::of(&self.path).restore(&aside).and_then(|()| clear(&self.path)).is_ok() {
            return Ok(Some(aside));
        }
        let mut beside = named(self.path.parent().unwrap_or(&self.aside)).into_os_string();
        // Git takes it for no hook.
        beside.push(".sample");
        fs::rename(&self.path, &beside)?;
        Ok(Some(beside.into()))
    }
}

fn clear(path: &Path) -> io::Result<()> {
    let is_directory = fs::symlink_metadata(path)?.is_dir();
    if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &Path) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_file())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                let name = name.split(".aside-").next().unwrap().to_owned();
                (name, fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn only_what_changed_is_put_back_and_nothing_is_lost() {
        let place = tempfile::tempdir().unwrap();
        let (place, own) = (place.path(), place.path().join("own"));
        fs::create_dir(&own).unwrap();
        for number in 0..700 {
            fs::write(own.join(format!("{number}")), "own").unwrap();
        }
        let before = State::of(&own);
        fs::write(own.join("7"), "other").unwrap();
        fs::write(own.join("new"), "new").unwrap();
        fs::remove_file(own.join("8")).unwrap();
        let changes = before.changes_at(&own, place);
        assert_eq!(changes.len(), 3);
        for change in changes {
            assert!(!change.put_back().starts_with("could not"));
        }
        assert!(State::of(&own) == before);
        let kept = [("7", "other"), ("new", "new")];
        assert_eq!(files(place), kept.map(|(name, text)| (name.into(), text.into())));
    }

    #[test]
    fn what_was_too_big_to_be_remembered_is_left_and_said() {
        let place = tempfile::tempdir().unwrap();
        let big = place.path().join("big");
        fs::File::create(&big).unwrap().set_len(MAX_FILE + 1).unwrap();
        let before = State::of(&big);
        assert!(before.changes_at(&big, place.path()).is_empty());
        fs::write(&big, "other").unwrap();
        let changes = before.changes_at(&big, place.path());
        assert!(changes[0].put_back().starts_with("could not put back"));
        assert_eq!(fs::read_to_string(big).unwrap(), "other");
    }
}
