//! The files below a directory, as version control sees them. It opens nothing but ignore files, follows no links, and
//! so ends.

use std::{ops::ControlFlow, path::Path};

use ignore::{DirEntry, WalkBuilder};

/// The first batch is small, so that there is something to see.
const FIRST_BATCH: usize = 200;
const BATCH: usize = 4000;

/// What version control keeps for itself.
const STORES: [&str; 4] = [".git", ".hg", ".jj", ".svn"];

/// Hands the paths below `root` to `found` in batches, relative to it and with `/` between their parts, until all are
/// found or it breaks. What is ignored is left out, and so are names that are no text. `has_plain_rules` says whether
/// the ignore files in a directory can be read: the walk reads whatever is called so.
pub fn walk(
    root: &Path,
    has_plain_rules: fn(&Path) -> bool,
    mut found: impl FnMut(Vec<String>) -> ControlFlow<()>,
) {
    let rules = root.ancestors().all(has_plain_rules);
    let walk = WalkBuilder::new(root)
        .standard_filters(rules)
        .hidden(false)
        .require_git(false)
        .follow_links(false)
        .filter_entry(move |entry| {
            !is_store(entry) && (!is_directory(entry) || has_plain_rules(entry.path()))
        })
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

fn is_store(entry: &DirEntry) -> bool {
    STORES.iter().any(|store| entry.file_name() == *store)
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

    fn has_no_pipes(directory: &Path) -> bool {
        fs::metadata(directory.join(".gitignore")).map_or(true, |found| found.is_file())
    }

    fn walked(root: &Path) -> Vec<String> {
        let mut all = Vec::new();
        walk(root, has_no_pipes, |batch| {
            all.extend(batch);
            ControlFlow::Continue(())
        });
        all.sort();
        all
    }

    #[test]
    fn what_version_control_sees_is_found() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        for (path, text) in [
            (".gitignore", "target\n*.log\n"),
            (".github/ci.yml", ""),
            (".git/HEAD", ""),
            ("src/main.rs", ""),
            ("src/a.log", ""),
            ("target/x", ""),
            ("문서/한글.md", ""),
            ("new\nline", ""),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let expected = [
            ".github/",
            ".github/ci.yml",
            ".gitignore",
            "src/",
            "src/main.rs",
            "문서/",
            "문서/한글.md",
        ];
        assert_eq!(walked(root), expected);
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
        assert_eq!(walked(root), ["a/", "a/loop", "a/x", "pipe"]);
        pipe(".gitignore");
        assert_eq!(walked(&root.join("a")), ["loop", "x"]);
    }

    #[test]
    fn it_ends_when_it_is_told_to() {
        let scratch = tempfile::tempdir().unwrap();
        (0..FIRST_BATCH * 2)
            .for_each(|n| fs::write(scratch.path().join(n.to_string()), "").unwrap());
        let mut batches = 0;
        walk(scratch.path(), has_no_pipes, |batch| {
            batches += 1;
            assert_eq!(batch.len(), FIRST_BATCH);
            ControlFlow::Break(())
        });
        assert_eq!(batches, 1);
    }
}
