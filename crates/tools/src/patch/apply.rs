//! A patch carried out: look at every file it names, plan, write. What is found wrong before the first write leaves
//! the disk untouched; what goes wrong later is undone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use agent_protocol::RejectReason;

use super::journal::Journal;
use super::look::Looked;
use super::parse::Patch;
use super::place::{Places, Roots, changed};
use super::plan::{self, Change, Kind};
use super::report::{PatchRefusal, PatchSummary};
use super::write::{self, Step};

/// Applies a patch below `roots`, wholly or not at all.
///
/// # Errors
/// The reason, for the model: all problems that could be found at once.
pub(crate) fn apply(
    patch: &Patch,
    places: &Places,
    roots: &Roots,
    journal: &mut Journal,
) -> Result<PatchSummary, PatchRefusal> {
    let outside = changed(patch, places).filter(|(_, path)| !roots.contain(path));
    let outside: Vec<_> = outside.map(|(shown, path)| roots.refuse(shown, path)).collect();
    if !outside.is_empty() {
        return Err(PatchRefusal::new(RejectReason::Sandbox, &outside));
    }
    let looked: BTreeMap<PathBuf, Looked> =
        changed(patch, places).map(|(_, path)| (path.clone(), Looked::at(roots, path))).collect();
    let found = looked.iter().map(|(path, looked)| (path.clone(), looked.found.clone())).collect();
    let changes = plan::plan(patch, places, &found)
        .map_err(|problems| PatchRefusal::new(RejectReason::PatchMismatch, &problems))?;
    let notes = write::carry_out(roots, &steps(&changes, &looked), journal)
        .map_err(|failure| PatchRefusal::failed(failure.reason, failure.message, &failure.left))?;
    Ok(PatchSummary { changes, notes })
}

fn steps(changes: &[Change], looked: &BTreeMap<PathBuf, Looked>) -> Vec<Step> {
    let seen = |path: &PathBuf| looked.get(path).cloned().unwrap_or(Looked::NOTHING);
    let like = |path: &PathBuf| looked.get(path).and_then(|looked| Some(looked.file.as_ref()?.1));
    let mut steps = Vec::new();
    for change in changes.iter().filter(|change| !change.is_done()) {
        let Change { path, kind, after, .. } = change;
        match (kind, after.clone()) {
            (Kind::Add | Kind::Update, text) => {
                let (text, seen) = (text.unwrap_or_default(), seen(path));
                steps.push(Step::Write { path: path.clone(), text, seen, like: like(path) });
            }
            (Kind::Delete, _) => steps.push(Step::Remove { path: path.clone(), seen: seen(path) }),
            (Kind::Move { to, .. }, Some(text)) => {
                steps.push(Step::Write {
                    path: to.clone(),
                    text,
                    seen: seen(to),
                    like: like(path),
                });
                steps.push(Step::Remove { path: path.clone(), seen: seen(path) });
            }
            (Kind::Move { to, .. }, None) => {
                let at_target = seen(to);
                if at_target != Looked::NOTHING {
                    steps.push(Step::Remove { path: to.clone(), seen: at_target });
                }
                steps.push(Step::Rename { from: path.clone(), to: to.clone(), seen: seen(path) });
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::{parse, resolve_all};
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    /// Applies a patch in a folder; says what the model reads.
    fn patched(dir: &Path, body: &str) -> String {
        let patch = parse(&format!("*** Begin Patch\n{body}\n*** End Patch\n")).unwrap();
        let places = resolve_all(&patch, dir).unwrap();
        match apply(&patch, &places, &Roots::new([dir]), &mut Journal::none()) {
            Ok(summary) => {
                let mut lines = vec![summary.to_string()];
                lines.extend(summary.notes());
                lines.join("\n")
            }
            Err(refusal) => format!("{:?}: {refusal}", refusal.reason.unwrap()),
        }
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        dir
    }

    fn content(dir: &tempfile::TempDir, name: &str) -> String {
        std::fs::read_to_string(dir.path().join(name))
            .unwrap_or_else(|error| format!("{:?}", error.kind()))
    }

    #[test]
    fn a_patch_adds_changes_deletes_and_moves() {
        let dir = folder(&[("src/a", "1\n2\n"), ("old", "x\n"), ("from", "a\nb\n"), ("bin", "\0")]);
        let said = patched(
            dir.path(),
            "*** Add File: new/file\n+hi\n*** Update File: src/a\n-2\n+3\n*** Delete File: old\n\
             *** Update File: from\n*** Move to: to/there\n-b\n+c\n*** Update File: bin\n*** Move to: bin2",
        );
        assert_eq!(
            said,
            "A new/file\nM src/a\nD old\nM to/there\nM bin2\nto/there: moved from from\nbin2: moved from bin"
        );
        for (name, expected) in [
            ("new/file", "hi\n"),
            ("src/a", "1\n3\n"),
            ("old", "NotFound"),
            ("from", "NotFound"),
            ("to/there", "a\nc\n"),
            ("bin2", "\0"),
        ] {
            assert_eq!(content(&dir, name), expected, "{name}");
        }
    }

    #[test]
    fn what_changes_nothing_is_no_change() {
        let dir = folder(&[("a", "1\n2\n"), ("b", "x\n"), ("bin", "\0")]);
        let said = patched(
            dir.path(),
            "*** Update File: a\n 1\n-2\n+2\n*** Add File: b\n+x\n*** Add File: c\n+y\n\
             *** Update File: bin\n*** Move to: ./bin",
        );
        assert_eq!(
            said,
            "A c\na: nothing was changed, it is already as the patch makes it\n\
             b: was there already, with the same content\n\
             bin: nothing was changed, it is already as the patch makes it"
        );
        assert_eq!(content(&dir, "bin"), "\0");
    }

    #[test]
    fn one_section_that_does_not_fit_leaves_every_file_as_it_was() {
        let dir = folder(&[("a", "1\n"), ("b", "2\n")]);
        let said = patched(
            dir.path(),
            "*** Update File: a\n-1\n+one\n*** Add File: c\n+x\n*** Update File: b\n-two\n+3",
        );
        assert!(
            said.starts_with(
                "PatchMismatch: The patch was refused, no file was changed.\nb: these lines"
            ),
            "{said}"
        );
        assert_eq!(["a", "b", "c"].map(|name| content(&dir, name)), ["1\n", "2\n", "NotFound"]);
    }

    #[test]
    fn what_is_not_text_is_never_edited() {
        let dir = folder(&[("bin", "a\0b\n")]);
        std::fs::write(dir.path().join("latin"), b"caf\xe9\n").unwrap();
        for (name, why) in [("bin", "binary"), ("latin", "not UTF-8 text")] {
            let said = patched(dir.path(), &format!("*** Update File: {name}\n@@\n+x"));
            assert!(
                said.ends_with(&format!("{name}: this file is {why}, which a patch would damage")),
                "{said}"
            );
        }
    }

    #[test]
    fn a_file_and_then_a_folder_of_the_same_name_is_refused() {
        let dir = folder(&[("a", "1\n")]);
        let said = patched(dir.path(), "*** Delete File: a\n*** Add File: a/b\n+x");
        assert!(said.ends_with("/a is not a directory"), "{said}");
    }

    #[test]
    fn behind_a_link_the_file_is_changed_and_the_link_stays() {
        let dir = folder(&[("real", "1\n"), ("other", "")]);
        symlink("real", dir.path().join("link")).unwrap();
        assert_eq!(patched(dir.path(), "*** Update File: link\n-1\n+2"), "M link");
        assert_eq!(content(&dir, "real"), "2\n");
        assert!(dir.path().join("link").is_symlink());
        assert!(
            patched(dir.path(), "*** Update File: link\n*** Move to: x").contains("this is a link")
        );
        assert_eq!(patched(dir.path(), "*** Delete File: link"), "D link");
        assert_eq!(content(&dir, "real"), "2\n");
    }

    #[test]
    fn s13_nothing_outside_of_the_roots_is_changed() {
        let dir = folder(&[("in/a", "1\n"), ("out/b", "1\n")]);
        let inside = dir.path().join("in");
        symlink("../out", inside.join("away")).unwrap();
        symlink("../out/b", inside.join("link")).unwrap();
        let outside = dir.path().join("out/b");
        for path in ["../out/b", "away/b", "link", &outside.display().to_string()] {
            let said = patched(&inside, &format!("*** Update File: {path}\n-1\n+2"));
            assert!(said.starts_with("Sandbox: "), "{path}: {said}");
            assert!(said.contains("outside of what may be written"), "{path}: {said}");
        }
        for path in ["../out/new", "away/new"] {
            let said = patched(&inside, &format!("*** Add File: {path}\n+x"));
            assert!(said.contains("outside of what may be written"), "{path}: {said}");
            let said = patched(&inside, &format!("*** Update File: a\n*** Move to: {path}"));
            assert!(said.contains("outside of what may be written"), "{path}: {said}");
        }
        assert_eq!(content(&dir, "out/b"), "1\n");
        assert_eq!(content(&dir, "in/a"), "1\n");
        // The link itself is inside.
        assert_eq!(patched(&inside, "*** Delete File: link"), "D link");
        assert_eq!(content(&dir, "out/b"), "1\n");
    }

    #[test]
    fn s13_a_folder_swapped_for_a_link_after_the_paths_were_resolved_is_not_followed() {
        let dir = folder(&[("in/src/a", "1\n"), ("out/a", "1\n")]);
        let inside = dir.path().join("in");
        let patch =
            parse("*** Begin Patch\n*** Update File: src/a\n-1\n+2\n*** End Patch").unwrap();
        let places = resolve_all(&patch, &inside).unwrap();
        std::fs::rename(inside.join("src"), inside.join("gone")).unwrap();
        symlink("../out", inside.join("src")).unwrap();
        let refusal = apply(&patch, &places, &Roots::new([inside.as_path()]), &mut Journal::none())
            .unwrap_err();
        assert!(refusal.to_string().ends_with("/src is not a directory"), "{refusal}");
        assert_eq!(content(&dir, "out/a"), "1\n");
    }

    #[test]
    fn an_absolute_path_inside_the_roots_will_do() {
        let dir = folder(&[("a", "1\n")]);
        let path = dir.path().join("a");
        assert_eq!(
            patched(dir.path(), &format!("*** Update File: {}\n-1\n+2", path.display())),
            format!("M {}", path.display())
        );
        assert_eq!(content(&dir, "a"), "2\n");
    }

    #[test]
    fn what_the_screen_shows_are_the_real_differences() {
        let dir = folder(&[("a", "1\n2\n3"), ("gone", "x\n")]);
        let patch = "*** Begin Patch\n*** Update File: a\n*** Move to: b\n 2\n-3\n+4\n*** Delete File: gone\n*** End Patch";
        let patch = parse(patch).unwrap();
        let places = resolve_all(&patch, dir.path()).unwrap();
        let summary =
            apply(&patch, &places, &Roots::new([dir.path()]), &mut Journal::none()).unwrap();
        let changes = summary.file_changes();
        let diff = "@@ -1,3 +1,3 @@\n 1\n 2\n-3\n\\ No newline at end of file\n+4\n\\ No newline at end of file\n";
        assert_eq!(changes[0].diff.as_deref(), Some(diff));
        assert_eq!((changes[0].additions, changes[0].deletions), (Some(1), Some(1)));
        let root = std::fs::canonicalize(dir.path()).unwrap();
        assert_eq!(
            (&changes[0].path, &changes[0].move_path),
            (&root.join("a"), &Some(root.join("b")))
        );
        assert_eq!(changes[1].diff.as_deref(), Some("@@ -1 +0,0 @@\n-x\n"));
    }

    #[test]
    fn a_long_diff_is_cut() {
        let dir = folder(&[]);
        let lines = "+0123456789 and more\n".repeat(10_000);
        let patch =
            parse(&format!("*** Begin Patch\n*** Add File: a\n{lines}*** End Patch")).unwrap();
        let places = resolve_all(&patch, dir.path()).unwrap();
        let summary =
            apply(&patch, &places, &Roots::new([dir.path()]), &mut Journal::none()).unwrap();
        let change = &summary.file_changes()[0];
        assert!(change.diff_truncated && change.diff.as_ref().unwrap().len() == 64 << 10);
        assert_eq!(change.additions, Some(10_000));
    }
}
