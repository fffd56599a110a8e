//! What the directories below the writable roots held when their world began, so that those that have not changed since
//! need not be read again after each command: to ask for their times takes a fifth of it. What is made of the entries is
//! `repositories.rs`.

use std::collections::HashMap;
use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::state::changed_at;

/// Times of files are so coarse that what changed this shortly before a look, in nanoseconds, may change once more
/// without another time.
const COARSE: i64 = 2_000_000_000;

/// What counts of a directory's entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    pub(super) directories: Vec<PathBuf>,
    /// By their names, which are among those asked for.
    pub(super) marks: Vec<&'static str>,
    /// Each is a `.git`, in whatever case, and no directory.
    pub(super) pointers: Vec<PathBuf>,
    /// All others. Kept in git directories alone: elsewhere they count only where something changed.
    pub(super) links: Vec<PathBuf>,
    /// There were some, and they were not kept.
    pub(super) is_without_links: bool,
}

impl Entries {
    /// # Errors
    /// When the directory cannot be listed.
    pub(super) fn read(directory: &Path, marks: &[&'static str]) -> io::Result<Self> {
        let mut read = Self::default();
        for entry in fs::read_dir(directory)?.flatten() {
            let name = entry.file_name();
            read.marks.extend(marks.iter().find(|mark| name == **mark));
            let kind = entry.file_type();
            if kind.as_ref().is_ok_and(FileType::is_dir) {
                read.directories.push(entry.path());
            } else if name.eq_ignore_ascii_case(".git") {
                read.pointers.push(entry.path());
            } else if kind.is_ok_and(|kind| kind.is_symlink()) {
                read.links.push(entry.path());
            }
        }
        Ok(read)
    }

    pub(super) fn hold_nothing(&self) -> bool {
        let Self { directories, marks, pointers, links, is_without_links } = self;
        let are_empty = [directories, pointers, links].into_iter().all(Vec::is_empty);
        are_empty && marks.is_empty() && !is_without_links
    }
}

/// By the name that git looks for.
pub(super) fn is_in_git(directory: &Path) -> bool {
    directory.components().any(|part| part.as_os_str() == ".git")
}

/// Which directory it is that has a name, and when it changed last: another one may have changed at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    device: u64,
    number: u64,
    pub(super) changed: i64,
}

impl Version {
    pub(super) fn of(found: &fs::Metadata) -> Self {
        Self { device: found.dev(), number: found.ino(), changed: changed_at(found) }
    }
}

/// The entries of directories, each with its version when they were read.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<PathBuf, (Version, Entries)>);

impl Seen {
    /// Keeps what was read of a directory at `now`, its links where they count.
    pub(super) fn keep(
        &mut self,
        directory: &Path,
        version: Version,
        now: i64,
        entries: &Entries,
        links_count: bool,
    ) {
        if version.changed < now - COARSE {
            let mut entries = entries.clone();
            if !links_count {
                entries.is_without_links = !entries.links.is_empty();
                entries.links.clear();
            }
            self.0.insert(directory.to_owned(), (version, entries));
        }
    }

    /// None when the directory was not seen, is another one, or has changed since, forwards or, by a clock put back,
    /// backwards.
    pub(super) fn entries(&self, directory: &Path, version: Version) -> Option<&Entries> {
        self.0.get(directory).filter(|(then, _)| *then == version).map(|(_, entries)| entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_at_any_other_time_or_shortly_before_it_was_read_is_read_again() {
        let mut seen = Seen::default();
        let (early, late) = (Path::new("/early"), Path::new("/late"));
        let entries = Entries { marks: vec!["HEAD"], ..Entries::default() };
        let version = Version { device: 1, number: 2, changed: 10 };
        seen.keep(early, version, 10 + COARSE + 1, &entries, false);
        seen.keep(late, version, 10 + COARSE, &entries, false);
        assert_eq!(seen.entries(early, version).unwrap().marks, ["HEAD"]);
        let others = [
            Version { changed: 9, ..version },
            Version { changed: 11, ..version },
            Version { device: 2, ..version },
            Version { number: 3, ..version },
        ];
        for other in others {
            assert!(seen.entries(early, other).is_none(), "{other:?}");
        }
        for directory in [late, Path::new("/")] {
            assert!(seen.entries(directory, version).is_none(), "{directory:?}");
        }
    }
}
