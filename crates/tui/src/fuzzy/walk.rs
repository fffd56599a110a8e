//! The files below a directory, as far as they are to be offered. It opens nothing, follows no links, and so ends. What
//! ignore files leave out says who calls it.

use std::{ops::ControlFlow, path::Path};

use ignore::{DirEntry, WalkBuilder};

/// The first batch is small, so that there is something to see.
const FIRST_BATCH: usize = 200;
const BATCH: usize = 4000;

/// Hands the paths below `root` to `found` in batches, relative to it and with `/` between their parts, until all are
/// found or it breaks. Names that are no text are left out, and so is what `is_seen` says no to, with all below it; it is
/// told whether a path is a directory.
pub fn walk(
    root: &Path,
    is_seen: impl Fn(&Path, bool) -> bool + Send + Sync + 'static,
    mut found: impl FnMut(Vec<String>) -> ControlFlow<()>,
) {
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .follow_links(false)
        .filter_entry(move |entry| is_seen(entry.path(), is_directory(entry)))
        .build();
    let mut batch = Vec::new();
    let mut size = FIRST_BATCH;
    for entry in walk.flatten() {
        batch.extend(path_below(root, &entry));
        if batch.len() >= size {
            size = BATCH;
            if found(std::mem::take(&mut batch)).is_break() {
                return;
            }
        }
    }
    if !batch.is_empty() {
        let _ = found(batch);
    }
}

fn is_directory(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}

fn path_below(root: &Path, entry: &DirEntry) -> Option<String> {
    let path = entry.path().strip_prefix(root).ok()?.to_str()?;
    if path.is_empty() || path.contains(char::is_control) {
        return None;
    }
    let mut path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    if is_directory(entry) {
        path.push('/');
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn all(_: &Path, _: bool) -> bool {
        true
    }

    fn walked(root: &Path, is_seen: fn(&Path, bool) -> bool) -> Vec<String> {
        let mut all = Vec::new();
        walk(root, is_seen, |batch| {
            all.extend(batch);
            ControlFlow::Continue(())
        });
        all.sort();
        all
    }

    #[test]
    fn what_is_seen_is_found_hidden_or_not() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        for path in [".github/ci.yml", "src/main.rs", "target/x", "문서/한글.md", "new\nline"] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), "").unwrap();
        }
        let is_seen = |path: &Path, is_directory| !(is_directory && path.ends_with("target"));
        let expected =
            [".github/", ".github/ci.yml", "src/", "src/main.rs", "문서/", "문서/한글.md"];
        assert_eq!(walked(root, is_seen), expected);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pipes_and_loops_do_not_hold_it_up() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        let pipe = |path: &str| {
            mknodat(CWD, root.join(path), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        };
        fs::create_dir_all(root.join("a/b")).unwrap();
        std::os::unix::fs::symlink(root, root.join("a/loop")).unwrap();
        pipe("pipe");
        pipe("a/b/.gitignore");
        fs::write(root.join("a/x"), "").unwrap();
        let expected = ["a/", "a/b/", "a/b/.gitignore", "a/loop", "a/x", "pipe"];
        assert_eq!(walked(root, all), expected);
    }

    #[test]
    fn it_ends_when_it_is_told_to() {
        let scratch = tempfile::tempdir().unwrap();
        (0..FIRST_BATCH * 2)
            .for_each(|n| fs::write(scratch.path().join(n.to_string()), "").unwrap());
        let mut batches = 0;
        walk(scratch.path(), all, |batch| {
            batches += 1;
            assert_eq!(batch.len(), FIRST_BATCH);
            ControlFlow::Break(())
        });
        assert_eq!(batches, 1);
    }
}
