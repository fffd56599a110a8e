use super::*;
use crate::patch::journal::{PatchJournal, recover_patches};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

struct Sample {
    _dir: tempfile::TempDir,
    root: PathBuf,
    roots: Roots,
}

impl Sample {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        for (name, content) in files {
            std::fs::write(root.join(name), content).unwrap();
        }
        let roots = Roots::new([root.as_path()]);
        Self { _dir: dir, root, roots }
    }

    fn seen(&self, name: &str) -> Looked {
        Looked::at(&self.roots, &self.root.join(name))
    }

    fn write(&self, name: &str, text: &str) -> Step {
        let seen = self.seen(name);
        let like = seen.file.map(|(_, attributes)| attributes);
        Step::Write { path: self.root.join(name), text: text.into(), seen, like }
    }

    fn remove(&self, name: &str) -> Step {
        Step::Remove { path: self.root.join(name), seen: self.seen(name) }
    }

    fn rename(&self, from: &str, to: &str) -> Step {
        Step::Rename { from: self.root.join(from), to: self.root.join(to), seen: self.seen(from) }
    }

    fn carry_out(&self, steps: &[Step]) -> Result<Vec<String>, String> {
        carry_out(&self.roots, steps, &mut Journal::none()).map_err(|failure| failure.message)
    }

    /// Every file below the root with its content, sorted.
    fn files(&self) -> Vec<(String, String)> {
        fn collect(dir: &Path, root: &Path, files: &mut Vec<(String, String)>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, root, files);
                }
                let name = path.strip_prefix(root).unwrap().display().to_string();
                files.push((name, std::fs::read_to_string(&path).unwrap_or_default()));
            }
        }
        let mut files = vec![];
        collect(&self.root, &self.root, &mut files);
        files.sort();
        files
    }
}

#[test]
fn steps_are_done_and_nothing_else_is_left() {
    let sample = Sample::new(&[("a", "1"), ("b", "2"), ("c", "3")]);
    let steps = [
        sample.write("a", "one"),
        sample.write("new/deep/d", "four"),
        sample.remove("b"),
        sample.rename("c", "new/e"),
    ];
    assert_eq!(sample.carry_out(&steps), Ok(vec![]));
    let files = sample.files();
    let files: Vec<_> = files.iter().map(|(name, content)| format!("{name}={content}")).collect();
    assert_eq!(files, ["a=one", "new=", "new/deep=", "new/deep/d=four", "new/e=3"]);
}

#[test]
fn r6_what_was_changed_since_it_was_seen_is_refused_and_all_else_undone() {
    let steps: [fn(&Sample) -> Step; 4] = [
        |sample| sample.write("z", "new"),
        |sample| sample.remove("z"),
        |sample| sample.rename("z", "elsewhere"),
        |sample| sample.write("absent", "new"),
    ];
    for step in steps {
        let sample = Sample::new(&[("a", "1"), ("b", "2"), ("c", "3"), ("z", "old")]);
        let steps = [
            sample.write("a", "one"),
            sample.write("made/x", "x"),
            sample.remove("b"),
            sample.rename("c", "moved/c"),
            step(&sample),
        ];
        std::fs::write(sample.root.join("z"), "theirs").unwrap();
        std::fs::write(sample.root.join("absent"), "theirs").unwrap();
        let before = sample.files();
        let inode = std::fs::metadata(sample.root.join("a")).unwrap().ino();
        let message = sample.carry_out(&steps).unwrap_err();
        assert!(message.ends_with("someone else changed it just now: read it again"), "{message}");
        assert_eq!(sample.files(), before);
        assert_eq!(
            std::fs::metadata(sample.root.join("a")).unwrap().ino(),
            inode,
            "the same file is back"
        );
    }
}

#[test]
fn nothing_is_written_over_by_a_new_file_or_a_move() {
    let sample = Sample::new(&[("a", "1"), ("b", "2")]);
    let new = Step::Write {
        path: sample.root.join("b"),
        text: "x".into(),
        seen: Looked::NOTHING,
        like: None,
    };
    assert!(sample.carry_out(&[new]).is_err());
    let message = sample.carry_out(&[sample.rename("a", "b")]).unwrap_err();
    assert!(message.contains("cannot be moved there"), "{message}");
    assert_eq!(sample.files(), [("a".into(), "1".into()), ("b".into(), "2".into())]);
}

#[test]
fn mode_and_attributes_stay_and_a_new_file_has_the_usual_ones() {
    let sample = Sample::new(&[("script", "1"), ("plain", "")]);
    let mode = |name: &str| {
        std::fs::metadata(sample.root.join(name)).unwrap().permissions().mode() & 0o7777
    };
    let path = sample.root.join("script");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o751)).unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    let has_attributes = rustix::fs::setxattr(&path, "user.tag", b"kept", flags).is_ok();
    sample.carry_out(&[sample.write("script", "2"), sample.write("new", "3")]).unwrap();
    assert_eq!(mode("script"), 0o751);
    assert_eq!(mode("new"), mode("plain"), "what the umask leaves");
    if has_attributes {
        let mut value = [0; 8];
        let len = rustix::fs::getxattr(&path, "user.tag", &mut value[..]).unwrap();
        assert_eq!(&value[..len], b"kept");
    }
}

#[test]
fn other_names_of_a_file_keep_the_old_content_and_that_is_said() {
    let sample = Sample::new(&[("a", "old")]);
    std::fs::hard_link(sample.root.join("a"), sample.root.join("b")).unwrap();
    let notes = sample.carry_out(&[sample.write("a", "new")]).unwrap();
    assert!(
        notes[0].ends_with("had other names (hard links): they keep the old content"),
        "{notes:?}"
    );
    assert_eq!(sample.files(), [("a".into(), "new".into()), ("b".into(), "old".into())]);
}

#[test]
fn a_file_written_in_place_is_put_back_when_a_later_step_fails() {
    let sample = Sample::new(&[("a", "old content")]);
    let mut work = Work::new(&sample.roots);
    let slot = work.open(&sample.root.join("a"), Missing::Fail).ok().unwrap();
    let file = slot.open_to_write().unwrap();
    work.overwrite(slot, file, "new", "old content".into()).ok().unwrap();
    assert_eq!(sample.files(), [("a".into(), "new".into())]);
    assert_eq!(work.roll_back(), [""; 0]);
    assert_eq!(sample.files(), [("a".into(), "old content".into())]);
}

#[test]
fn r6_what_someone_put_there_meanwhile_is_not_undone() {
    let sample = Sample::new(&[("a", "old"), ("theirs", "theirs")]);
    let mut work = Work::new(&sample.roots);
    let steps = [sample.write("a", "new")];
    let ready = work.stage(&steps).ok().unwrap();
    ready.into_iter().for_each(|ready| work.apply(ready).ok().unwrap());
    std::fs::rename(sample.root.join("theirs"), sample.root.join("a")).unwrap();
    let left = work.roll_back();
    assert!(left[0].contains("/a: changed since, and left so"), "{left:?}");
    let old = left[0].rsplit(' ').next().unwrap();
    assert_eq!(std::fs::read_to_string(old).unwrap(), "old");
    assert_eq!(std::fs::read_to_string(sample.root.join("a")).unwrap(), "theirs");
}

/// All kinds of steps, on the files of [`crashed`].
fn many_steps(sample: &Sample) -> Vec<Step> {
    vec![
        sample.write("a", "one"),
        sample.write("new/deep/d", "four"),
        sample.remove("b"),
        sample.rename("c", "new/e"),
        sample.write("new/f", "five"),
    ]
}

/// A process that died when `applied` of its steps were done.
fn crashed(sample: &Sample, journals: &Path, applied: usize, done: bool) {
    let patch_journal = PatchJournal::create(journals).unwrap();
    let mut journal = Journal::to(patch_journal.writer().unwrap());
    let steps = many_steps(sample);
    let mut work = Work::new(&sample.roots);
    let folders = steps.iter().flat_map(Step::paths).filter_map(|path| path.parent());
    journal.begin(&sample.roots, &work.token, folders).unwrap();
    let ready = work.stage(&steps).ok().unwrap();
    journal.intend(ready.iter().map(Ready::intent).collect()).unwrap();
    ready.into_iter().take(applied).for_each(|ready| work.apply(ready).ok().unwrap());
    if done {
        journal.done().unwrap();
    }
}

fn before_crash() -> (Sample, tempfile::TempDir) {
    let sample = Sample::new(&[("a", "1"), ("b", "2"), ("c", "3")]);
    (sample, tempfile::tempdir().unwrap())
}

#[test]
fn r5_a_patch_that_a_crash_cut_off_is_undone_at_the_next_start() {
    for applied in 0..=5 {
        let (sample, journals) = before_crash();
        let before = sample.files();
        crashed(&sample, journals.path(), applied, false);
        assert_ne!(sample.files(), before, "what is staged is there");
        let said = recover_patches(journals.path());
        assert_eq!(sample.files(), before, "after {applied} steps");
        assert_eq!(said.len(), applied, "{said:?}");
        assert_eq!(std::fs::read_dir(journals.path()).unwrap().count(), 0);
        assert_eq!(recover_patches(journals.path()), [""; 0]);
    }
}

#[test]
fn r5_a_patch_that_was_complete_stays_and_what_it_displaced_goes() {
    let (sample, journals) = before_crash();
    crashed(&sample, journals.path(), 5, true);
    assert_eq!(recover_patches(journals.path()), [""; 0]);
    let files = sample.files();
    let files: Vec<_> = files.iter().map(|(name, content)| format!("{name}={content}")).collect();
    assert_eq!(files, ["a=one", "new=", "new/deep=", "new/deep/d=four", "new/e=3", "new/f=five"]);
}

#[test]
fn r5_a_journal_cut_off_at_any_byte_leaves_no_file_half_old_and_half_new() {
    let (sample, journals) = before_crash();
    let before = sample.files();
    // Nothing is applied before the line that says so is whole.
    crashed(&sample, journals.path(), 0, false);
    let path = std::fs::read_dir(journals.path()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&path).unwrap();
    for end in (0..=whole.len()).rev() {
        std::fs::write(&path, &whole[..end]).unwrap();
        assert_eq!(recover_patches(journals.path()), [""; 0]);
        assert_eq!(sample.files(), before);
        assert!(!path.exists());
    }
}

/// A patch in `in/n`, cut off after a file was put there; returns the sample and where its journal is.
fn cut_off_below_a_nested_root() -> (Sample, tempfile::TempDir) {
    let sample = Sample::new(&[]);
    std::fs::create_dir_all(sample.root.join("in/n")).unwrap();
    std::fs::write(sample.root.join("in/n/a"), "new").unwrap();
    let journals = tempfile::tempdir().unwrap();
    let patch_journal = PatchJournal::create(journals.path()).unwrap();
    let mut journal = Journal::to(patch_journal.writer().unwrap());
    let inner = sample.root.join("in");
    let roots = Roots::new([inner.as_path(), sample.root.as_path()]);
    let folders = [inner.join("n"), inner.join("n/made")];
    let token = ".agent-patch-x";
    journal.begin(&roots, token, folders.iter().map(PathBuf::as_path)).unwrap();
    std::fs::create_dir(&folders[1]).unwrap();
    std::fs::write(inner.join("n/.agent-patch-x-1"), "ours").unwrap();
    let (path, new) = (inner.join("n/a"), std::fs::metadata(inner.join("n/a")).unwrap().ino());
    journal.intend(vec![Intent::Put { path, new, old: None, kept: vec![] }]).unwrap();
    (sample, journals)
}

/// As a command in a directory above it can.
fn exchange_for_a_link(root: &Path) {
    let away = root.with_file_name("away");
    std::fs::rename(root, &away).unwrap();
    std::os::unix::fs::symlink(&away, root).unwrap();
}

/// As an earlier version wrote it.
fn forget_what_the_roots_were(journals: &Path) {
    let path = std::fs::read_dir(journals).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, rest) = text.split_once('\n').unwrap();
    let mut begin: serde_json::Value = serde_json::from_str(begin).unwrap();
    assert!(begin.as_object_mut().unwrap().remove("directories").is_some());
    std::fs::write(&path, format!("{begin}\n{rest}")).unwrap();
}

#[test]
fn s13_a_patch_that_was_cut_off_is_not_undone_where_its_root_became_a_link() {
    for is_of_earlier_version in [false, true] {
        let (sample, journals) = cut_off_below_a_nested_root();
        let root = sample.root.join("in");
        if is_of_earlier_version {
            forget_what_the_roots_were(journals.path());
        }
        std::fs::rename(&root, sample.root.join("first")).unwrap();
        std::fs::create_dir(&root).unwrap();
        let victim = |name: &str| root.join("n").join(name);
        std::fs::create_dir_all(victim("made")).unwrap();
        for name in ["a", ".agent-patch-x-1"] {
            // The same file, that a comparison of numbers alone would take for the one of the patch.
            std::fs::hard_link(sample.root.join("first/n").join(name), victim(name)).unwrap();
        }
        exchange_for_a_link(&root);
        let before = sample.files();
        let said = recover_patches(journals.path());
        let why =
            "is another directory now than the one that was patched; nothing is put back there";
        assert_eq!(said, [format!("{} {why}", root.display())]);
        assert_eq!(sample.files(), before);
        assert_eq!(recover_patches(journals.path()), [""; 0], "once is enough");
    }
}

#[test]
fn s13_a_patch_that_was_cut_off_is_undone_where_its_root_is_the_same() {
    for is_of_earlier_version in [false, true] {
        let (sample, journals) = cut_off_below_a_nested_root();
        if is_of_earlier_version {
            forget_what_the_roots_were(journals.path());
        } else {
            // The person has moved it, and led there from where it was.
            exchange_for_a_link(&sample.root.join("in"));
        }
        let path = sample.root.join("in/n/a");
        assert_eq!(
            recover_patches(journals.path()),
            [format!("{}: put back as it was", path.display())]
        );
        assert_eq!(std::fs::read_dir(sample.root.join("in/n")).unwrap().count(), 0);
    }
}

#[test]
fn what_the_person_changed_since_the_crash_is_left_to_them() {
    let (sample, journals) = before_crash();
    crashed(&sample, journals.path(), 1, false);
    std::fs::write(sample.root.join("theirs"), "theirs").unwrap();
    std::fs::rename(sample.root.join("theirs"), sample.root.join("a")).unwrap();
    let said = recover_patches(journals.path());
    assert!(said[0].contains("/a: changed since, and left so; what it was before is "), "{said:?}");
    let old = said[0].rsplit(' ').next().unwrap();
    assert_eq!(std::fs::read_to_string(old).unwrap(), "1");
    assert_eq!(std::fs::read_to_string(sample.root.join("a")).unwrap(), "theirs");
}

#[test]
fn a_file_that_was_being_written_in_place_gets_its_old_content_back() {
    let (sample, journals) = before_crash();
    let patch_journal = PatchJournal::create(journals.path()).unwrap();
    let mut journal = Journal::to(patch_journal.writer().unwrap());
    journal.begin(&sample.roots, ".agent-patch-x", std::iter::empty()).unwrap();
    let path = sample.root.join("a");
    let inode = std::fs::metadata(&path).unwrap().ino();
    journal.intend(vec![Intent::Overwrite { path: path.clone(), inode, old: "1".into() }]).unwrap();
    std::fs::write(&path, "hal").unwrap();
    assert_eq!(patch_journal.settle(), [format!("{}: put back as it was", path.display())]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "1");
}

#[test]
fn a_patch_that_failed_by_itself_leaves_nothing_to_recover() {
    let (sample, journals) = before_crash();
    let before = sample.files();
    let patch_journal = PatchJournal::create(journals.path()).unwrap();
    let mut steps = many_steps(&sample);
    steps.push(Step::Remove { path: sample.root.join("gone"), seen: sample.seen("a") });
    let mut journal = Journal::to(patch_journal.writer().unwrap());
    assert!(carry_out(&sample.roots, &steps, &mut journal).is_err());
    assert_eq!(patch_journal.settle(), [""; 0]);
    assert_eq!(sample.files(), before);
}

#[test]
fn a_read_only_file_is_left_alone() {
    let sample = Sample::new(&[("a", "old")]);
    std::fs::set_permissions(sample.root.join("a"), PermissionsExt::from_mode(0o444)).unwrap();
    let failure =
        carry_out(&sample.roots, &[sample.write("a", "new")], &mut Journal::none()).unwrap_err();
    assert!(
        failure.reason == Some(RejectReason::Sandbox)
            && failure.message.contains("permission denied"),
        "{}",
        failure.message
    );
}

#[test]
fn a_journal_that_cannot_be_read_is_said() {
    let (_sample, journals) = before_crash();
    let path = journals.path().join("1-1.jsonl");
    // A folder can be opened and not be read, by nobody.
    std::fs::create_dir(&path).unwrap();
    let [said] = &recover_patches(journals.path())[..] else { panic!("it is said once") };
    assert!(said.contains("1-1.jsonl") && said.contains("Is a directory"), "{said}");
}
