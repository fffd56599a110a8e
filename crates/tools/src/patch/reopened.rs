//! The roots of a patch that was cut off, opened again to undo it outside of the sandbox. By then a command may have put
//! a link in the place of one, or another directory: nothing is done there (S1, S13).

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::place::{Folder, Missing, NoFolder, Roots, open_root};
use super::slot::Slot;
use crate::files;

/// Which directory a root was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Directory {
    device: u64,
    inode: u64,
}

impl Directory {
    pub(crate) fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|found| Self::of(&found))
    }

    fn of(found: &std::fs::Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }

    /// Devices get other numbers when they are mounted again: then it is the one that lies where it lay, through no
    /// link.
    fn is(self, known: Option<Self>, lies_there: bool) -> bool {
        match known {
            Some(known) => self.inode == known.inode && (self.device == known.device || lies_there),
            // Of an earlier version's journal.
            None => lies_there,
        }
    }
}

/// Each root, and what is there.
pub(crate) struct Reopened(Vec<(PathBuf, Result<File, NoRoot>)>);

enum NoRoot {
    Gone,
    Another,
    Io(io::Error),
}

impl Reopened {
    /// `known` are the directories that the roots were, in their order.
    pub(crate) fn new(roots: &Roots, known: &[Option<Directory>]) -> Self {
        let known = known.iter().copied().chain(std::iter::repeat(None));
        let reopened =
            roots.paths().zip(known).map(|(root, known)| (root.clone(), reopen(root, known)));
        Self(reopened.collect())
    }

    /// # Errors
    /// As [`Roots::open_folder`], and when its root is not what it was.
    pub(crate) fn slot(&self, path: &Path) -> Result<Slot, NoFolder> {
        let name = path.file_name().ok_or(NoFolder::Outside)?;
        let inside = |(root, _): &&(PathBuf, _)| path.starts_with(root) && path != root.as_path();
        let root = self.0.iter().filter(inside).max_by_key(|(root, _)| root.as_os_str().len());
        let (root, dir) = root.ok_or(NoFolder::Outside)?;
        let dir = match dir {
            Ok(dir) => dir.try_clone().map_err(NoFolder::Io)?,
            Err(NoRoot::Gone) => return Err(NoFolder::Missing),
            Err(NoRoot::Another) => return Err(NoFolder::Another(root.clone())),
            Err(NoRoot::Io(error)) => {
                return Err(NoFolder::Io(io::Error::new(error.kind(), error.to_string())));
            }
        };
        let folder = Folder { dir, path: root.clone() };
        Ok(Slot::named(folder.on_the_way_to(path, Missing::Fail, &mut vec![])?, name))
    }
}

fn reopen(root: &Path, known: Option<Directory>) -> Result<File, NoRoot> {
    let opened = open_root(root).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => NoRoot::Gone,
        io::ErrorKind::NotADirectory => NoRoot::Another,
        _ => NoRoot::Io(error),
    })?;
    let found = opened.metadata().map_err(NoRoot::Io)?;
    let lies_there = files::real_path(&opened).is_some_and(|path| path == root);
    if !Directory::of(&found).is(known, lies_there) {
        return Err(NoRoot::Another);
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s13_a_root_is_the_one_of_its_number_or_lies_where_it_lay() {
        let is = |device, inode| Directory { device, inode };
        let known = Some(is(1, 2));
        for (now, lies_there, expected) in [
            (is(1, 2), false, true),
            (is(1, 2), true, true),
            (is(9, 2), true, true),
            (is(9, 2), false, false),
            (is(1, 3), true, false),
            (is(1, 3), false, false),
        ] {
            assert_eq!(now.is(known, lies_there), expected, "{now:?} {lies_there}");
        }
        assert!(is(1, 2).is(None, true) && !is(1, 2).is(None, false));
    }
}
