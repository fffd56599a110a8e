//! A plan on its way to the disk: all of it or nothing. New contents are first written beside their targets; then
//! each takes its place in one step, and what it displaced is kept until all have. What fails half-way is undone
//! here, what a crash cut off by `journal`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use agent_protocol::RejectReason;

use super::journal::{Intent, Journal};
use super::look::{Attributes, Looked};
use super::place::{Missing, NoFolder, Roots};
use super::plan::Found;
use super::slot::{self, Slot};
use crate::files;

/// One thing done to the disk.
#[derive(Debug)]
pub(crate) enum Step {
    /// `text` at `path`, where `seen` was found. Without `like` the file is new in every respect.
    Write {
        path: PathBuf,
        text: String,
        seen: Looked,
        like: Option<Attributes>,
    },
    Remove {
        path: PathBuf,
        seen: Looked,
    },
    /// To a path where nothing is.
    Rename {
        from: PathBuf,
        to: PathBuf,
        seen: Looked,
    },
}

impl Step {
    /// The paths at which something changes.
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let (one, other) = match self {
            Self::Write { path, .. } | Self::Remove { path, .. } => (path, None),
            Self::Rename { from, to, .. } => (from, Some(to)),
        };
        [Some(one), other].into_iter().flatten()
    }
}

/// Nothing was done, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    /// None when the disk was to blame.
    pub(crate) reason: Option<RejectReason>,
    /// At worst: what was done before and could not be undone.
    pub(crate) left: Vec<String>,
}

impl Failure {
    fn at(slot: &Slot, what: &str, error: &io::Error) -> Self {
        let message = format!("{}: {what}: {}", slot.path().display(), files::trouble(error));
        Self { message, reason: blamed(error), left: vec![] }
    }

    fn changed(slot: &Slot) -> Self {
        let path = slot.path();
        let message =
            format!("{}: someone else changed it just now: read it again", path.display());
        Self { message, reason: Some(RejectReason::PatchMismatch), left: vec![] }
    }

    fn journal(error: &io::Error) -> Self {
        let message = format!("the journal that undoes a patch after a crash: {error}");
        Self { message, reason: None, left: vec![] }
    }
}

fn blamed(error: &io::Error) -> Option<RejectReason> {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some(RejectReason::Sandbox)
        }
        io::ErrorKind::AlreadyExists => Some(RejectReason::PatchMismatch),
        _ => None,
    }
}

/// Does all steps in their order; returns notes for the model.
///
/// # Errors
/// When a step cannot be done or finds something else than was seen; then the earlier ones are undone.
pub(crate) fn carry_out(
    roots: &Roots,
    steps: &[Step],
    journal: &mut Journal,
) -> Result<Vec<String>, Failure> {
    let mut work = Work::new(roots);
    let done = work.run(steps, journal);
    match done {
        Ok(()) => Ok(work.finish()),
        Err(mut failure) => {
            failure.left = work.roll_back();
            Err(failure)
        }
    }
}

/// A step whose new content is on disk already, though not yet in its place.
enum Ready<'a> {
    Write { slot: Slot, staged: Staged, spare: Slot, seen: &'a Looked, text: &'a str },
    Remove { slot: Slot, spare: Slot, seen: &'a Looked },
    Rename { from: Slot, to: Slot, seen: &'a Looked },
}

enum Staged {
    Beside(Slot),
    /// Its owner cannot be given to a new file: it is written over where it stands.
    InPlace(File),
}

impl Ready<'_> {
    /// What would have to be undone after a crash.
    fn intent(&self) -> Intent {
        let inode_of =
            |seen: &Looked| seen.file.map(|(identity, _)| identity.inode).unwrap_or_default();
        match self {
            Self::Write { slot, staged: Staged::InPlace(_), seen, .. } => Intent::Overwrite {
                path: slot.path(),
                inode: inode_of(seen),
                old: match &seen.found {
                    Found::Text(old) => old.clone(),
                    _ => String::new(),
                },
            },
            Self::Write { slot, staged: Staged::Beside(staged), spare, seen, .. } => Intent::Put {
                path: slot.path(),
                new: staged.inode().unwrap_or_default(),
                old: (seen.found != Found::Nothing).then(|| slot.inode().unwrap_or_default()),
                kept: vec![staged.path(), spare.path()],
            },
            Self::Remove { slot, spare, .. } => Intent::Remove {
                path: slot.path(),
                inode: slot.inode().unwrap_or_default(),
                kept: spare.path(),
            },
            Self::Rename { from, to, .. } => Intent::Rename {
                from: from.path(),
                to: to.path(),
                inode: from.inode().unwrap_or_default(),
            },
        }
    }
}

/// How a step is taken back.
enum Undo {
    Added {
        slot: Slot,
        inode: Option<u64>,
    },
    /// `kept` holds what was there; `inode` is that of what is there now.
    Replaced {
        slot: Slot,
        kept: Slot,
        inode: Option<u64>,
    },
    Removed {
        slot: Slot,
        kept: Slot,
    },
    Renamed {
        from: Slot,
        to: Slot,
    },
    Overwritten {
        slot: Slot,
        file: File,
        old: String,
    },
}

struct Work<'a> {
    roots: &'a Roots,
    /// Names of ours in this run begin with it.
    token: String,
    names: usize,
    /// Files of ours that are not in their place yet.
    staged: Vec<Slot>,
    made: Vec<PathBuf>,
    undo: Vec<Undo>,
    notes: Vec<String>,
}

impl<'a> Work<'a> {
    fn new(roots: &'a Roots) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_nanos();
        let token = format!(".agent-patch-{now:x}-{}", std::process::id());
        let (names, staged, made, undo, notes) = (0, vec![], vec![], vec![], vec![]);
        Self { roots, token, names, staged, made, undo, notes }
    }

    fn run(&mut self, steps: &[Step], journal: &mut Journal) -> Result<(), Failure> {
        let folders = steps.iter().flat_map(Step::paths).filter_map(|path| path.parent());
        let begun = journal.begin(self.roots, &self.token, folders);
        begun.map_err(|error| Failure::journal(&error))?;
        let ready = self.stage(steps)?;
        let intents = ready.iter().map(Ready::intent).collect();
        journal.intend(intents).map_err(|error| Failure::journal(&error))?;
        ready.into_iter().try_for_each(|ready| self.apply(ready))?;
        self.sync();
        journal.done().map_err(|error| Failure::journal(&error))
    }

    /// A name in the same folder that nobody has.
    fn own_name(&mut self, slot: &Slot) -> Slot {
        self.names += 1;
        slot.beside(&format!("{}-{}", self.token, self.names))
    }

    fn open(&mut self, path: &Path, missing: Missing) -> Result<Slot, Failure> {
        Slot::open(self.roots, path, missing, &mut self.made).map_err(|no_folder| {
            let message = format!("{}: {}", path.display(), no_folder.describe(self.roots));
            let reason = match &no_folder {
                NoFolder::Outside => Some(RejectReason::Sandbox),
                NoFolder::Io(error) => blamed(error),
                NoFolder::Missing | NoFolder::InTheWay(_) => Some(RejectReason::PatchMismatch),
            };
            Failure { message, reason, left: vec![] }
        })
    }

    fn stage<'s>(&mut self, steps: &'s [Step]) -> Result<Vec<Ready<'s>>, Failure> {
        steps.iter().map(|step| self.stage_one(step)).collect()
    }

    fn stage_one<'s>(&mut self, step: &'s Step) -> Result<Ready<'s>, Failure> {
        Ok(match step {
            Step::Remove { path, seen } => {
                let slot = self.open(path, Missing::Fail)?;
                Ready::Remove { spare: self.own_name(&slot), slot, seen }
            }
            Step::Rename { from, to, seen } => {
                let from = self.open(from, Missing::Fail)?;
                Ready::Rename { from, to: self.open(to, Missing::Make)?, seen }
            }
            Step::Write { path, text, seen, like } => {
                let slot = self.open(path, Missing::Make)?;
                if seen.file.is_some() {
                    let writable = slot.check_writable();
                    writable.map_err(|error| Failure::at(&slot, "cannot be written", &error))?;
                }
                let staged = self.stage_text(&slot, text, like.as_ref(), seen)?;
                Ready::Write { spare: self.own_name(&slot), slot, staged, seen, text }
            }
        })
    }

    fn stage_text(
        &mut self,
        slot: &Slot,
        text: &str,
        like: Option<&Attributes>,
        seen: &Looked,
    ) -> Result<Staged, Failure> {
        let cannot = |error: io::Error| Failure::at(slot, "cannot be written", &error);
        let staged = self.own_name(slot);
        let file = if like.is_some() { staged.create_private() } else { staged.create() };
        let mut file = file.map_err(cannot)?;
        self.staged.push(staged.clone());
        if let Some(like) = like {
            if !slot::take_after(&file, like).map_err(cannot)? {
                self.discard(&staged);
                return match seen.file {
                    // Its other names may be anywhere, also where nothing is to be written (S13).
                    Some((_, Attributes { links: 2.., .. })) => {
                        let message = format!(
                            "{}: it belongs to another user or group and has other names (hard links), which would \
                             change too",
                            slot.path().display()
                        );
                        Err(Failure { message, reason: Some(RejectReason::Sandbox), left: vec![] })
                    }
                    Some(_) => Ok(Staged::InPlace(slot.open_to_write().map_err(cannot)?)),
                    None => Err(Failure::at(
                        slot,
                        "its owner cannot be kept",
                        &rustix::io::Errno::PERM.into(),
                    )),
                };
            }
            slot.give_extended(&file);
        }
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
        Ok(Staged::Beside(staged))
    }

    fn discard(&mut self, slot: &Slot) {
        let _ = slot.remove();
        self.staged.retain(|staged| staged.name != slot.name);
    }

    fn apply(&mut self, ready: Ready<'_>) -> Result<(), Failure> {
        match ready {
            Ready::Write { slot, staged, spare, seen, text } => {
                unchanged(&slot, seen)?;
                match (staged, &seen.found) {
                    (Staged::InPlace(file), Found::Text(old)) => {
                        self.overwrite(slot, file, text, old.clone())
                    }
                    (Staged::InPlace(_), _) => Err(Failure::changed(&slot)),
                    (Staged::Beside(staged), Found::Nothing) => self.put_new(slot, &staged),
                    (Staged::Beside(staged), _) => self.replace(slot, &staged, spare, seen),
                }
            }
            Ready::Remove { slot, spare, seen } => {
                unchanged(&slot, seen)?;
                let cannot = |error| Failure::at(&slot, "cannot be removed", &error);
                slot.rename_new(&spare).map_err(cannot)?;
                let unchanged = Looked::in_slot(&spare).holds_the_same_as(seen);
                let changed = Failure::changed(&slot);
                self.undo.push(Undo::Removed { slot, kept: spare });
                if unchanged { Ok(()) } else { Err(changed) }
            }
            Ready::Rename { from, to, seen } => {
                unchanged(&from, seen)?;
                let cannot = |error| Failure::at(&to, "cannot be moved there", &error);
                from.rename_new(&to).map_err(cannot)?;
                self.undo.push(Undo::Renamed { from, to });
                Ok(())
            }
        }
    }

    fn put_new(&mut self, slot: Slot, staged: &Slot) -> Result<(), Failure> {
        let inode = staged.inode();
        let cannot = |error| Failure::at(&slot, "cannot be added", &error);
        staged.rename_new(&slot).map_err(cannot)?;
        self.staged.retain(|other| other.name != staged.name);
        self.undo.push(Undo::Added { slot, inode });
        Ok(())
    }

    fn replace(
        &mut self,
        slot: Slot,
        staged: &Slot,
        spare: Slot,
        seen: &Looked,
    ) -> Result<(), Failure> {
        let cannot = |error| Failure::at(&slot, "cannot be replaced", &error);
        let inode = staged.inode();
        let kept = staged.exchange(&slot, spare).map_err(cannot)?;
        self.staged.retain(|other| other.name != staged.name);
        if let Some((_, Attributes { links: 2.., .. })) = seen.file {
            let path = slot.path();
            self.notes.push(format!(
                "{} had other names (hard links): they keep the old content",
                path.display()
            ));
        }
        // Between the last look and the exchange, too, someone may have written.
        let unchanged = Looked::in_slot(&kept).holds_the_same_as(seen);
        let changed = Failure::changed(&slot);
        self.undo.push(Undo::Replaced { slot, kept, inode });
        if unchanged { Ok(()) } else { Err(changed) }
    }

    fn overwrite(
        &mut self,
        slot: Slot,
        mut file: File,
        text: &str,
        old: String,
    ) -> Result<(), Failure> {
        let written = slot::write_over(&mut file, text);
        let written = written.map_err(|error| Failure::at(&slot, "cannot be written", &error));
        self.notes.push(format!(
            "{} belongs to another user or group and was written in place",
            slot.path().display()
        ));
        self.undo.push(Undo::Overwritten { slot, file, old });
        written
    }

    /// Makes what was done last.
    fn sync(&self) {
        let slots = self.undo.iter().flat_map(Undo::slots);
        let folders: BTreeMap<_, _> =
            slots.map(|slot| (&slot.folder.path, &slot.folder.dir)).collect();
        for folder in folders.values() {
            // Some file systems cannot; what they promise without it is all there is.
            let _ = folder.sync_all();
        }
    }

    /// All is in its place: lets go of what was displaced.
    fn finish(mut self) -> Vec<String> {
        for undo in std::mem::take(&mut self.undo) {
            if let Undo::Replaced { kept, .. } | Undo::Removed { kept, .. } = undo
                && let Err(error) = kept.remove()
            {
                let (path, error) = (kept.path(), files::trouble(&error));
                self.notes.push(format!("the old content is left at {}: {error}", path.display()));
            }
        }
        self.notes
    }

    /// Takes back what was done, last first; returns what could not be.
    fn roll_back(mut self) -> Vec<String> {
        let mut left = Vec::new();
        for undo in std::mem::take(&mut self.undo).into_iter().rev() {
            let path = undo.slots().last().map(Slot::path).unwrap_or_default();
            if let Err(error) = undo.take_back() {
                left.push(format!("{}: {}", path.display(), files::trouble(&error)));
            }
        }
        for staged in std::mem::take(&mut self.staged) {
            self.discard(&staged);
        }
        for folder in self.made.iter().rev() {
            if let Ok(slot) = Slot::open(self.roots, folder, Missing::Fail, &mut vec![]) {
                let _ = slot.remove_folder();
            }
        }
        left
    }
}

impl Undo {
    fn slots(&self) -> impl Iterator<Item = &Slot> {
        let (one, other) = match self {
            Self::Added { slot, .. } | Self::Replaced { slot, .. } => (slot, None),
            Self::Removed { slot, .. } | Self::Overwritten { slot, .. } => (slot, None),
            Self::Renamed { from, to } => (from, Some(to)),
        };
        [Some(one), other].into_iter().flatten()
    }

    fn take_back(self) -> io::Result<()> {
        match self {
            // Someone may have put another file there since.
            Self::Added { slot, inode } if slot.inode() != inode => Ok(()),
            Self::Added { slot, .. } => slot.remove(),
            Self::Replaced { slot, kept, inode } => put_back(&slot, kept, inode),
            Self::Removed { slot, kept } => kept.rename_new(&slot),
            Self::Renamed { from, to } => to.rename_new(&from),
            Self::Overwritten { mut file, old, .. } => slot::write_over(&mut file, &old),
        }
    }
}

/// Puts `kept` back in the place of our own file, and of no other: whoever put one there meanwhile keeps it.
fn put_back(slot: &Slot, kept: Slot, ours: Option<u64>) -> io::Result<()> {
    let others = |kept: &Slot| {
        let old = kept.path();
        io::Error::other(format!(
            "changed since, and left so; what it was before is {}",
            old.display()
        ))
    };
    if slot.inode() != ours {
        return Err(others(&kept));
    }
    let spare = kept.beside(&format!("{}-back", kept.name.to_string_lossy()));
    let displaced = kept.exchange(slot, spare)?;
    if displaced.inode() == ours {
        return displaced.remove();
    }
    // It came between the look and the exchange.
    let kept = displaced.exchange(slot, kept)?;
    Err(others(&kept))
}

fn unchanged(slot: &Slot, seen: &Looked) -> Result<(), Failure> {
    if Looked::in_slot(slot) == *seen { Ok(()) } else { Err(Failure::changed(slot)) }
}

#[cfg(test)]
mod tests {
    use super::super::journal::{PatchJournal, recover_patches};
    use super::*;
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
            Step::Rename {
                from: self.root.join(from),
                to: self.root.join(to),
                seen: self.seen(from),
            }
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
        let files: Vec<_> =
            files.iter().map(|(name, content)| format!("{name}={content}")).collect();
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
            assert!(
                message.ends_with("someone else changed it just now: read it again"),
                "{message}"
            );
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
        let files: Vec<_> =
            files.iter().map(|(name, content)| format!("{name}={content}")).collect();
        assert_eq!(
            files,
            ["a=one", "new=", "new/deep=", "new/deep/d=four", "new/e=3", "new/f=five"]
        );
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

    #[test]
    fn what_the_person_changed_since_the_crash_is_left_to_them() {
        let (sample, journals) = before_crash();
        crashed(&sample, journals.path(), 1, false);
        std::fs::write(sample.root.join("theirs"), "theirs").unwrap();
        std::fs::rename(sample.root.join("theirs"), sample.root.join("a")).unwrap();
        let said = recover_patches(journals.path());
        assert!(
            said[0].contains("/a: changed since, and left so; what it was before is "),
            "{said:?}"
        );
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
        journal
            .intend(vec![Intent::Overwrite { path: path.clone(), inode, old: "1".into() }])
            .unwrap();
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
        // Root may write to anything.
        if rustix::process::geteuid().is_root() {
            println!("not run: only an ordinary user is held back by modes");
            return;
        }
        let sample = Sample::new(&[("a", "old")]);
        std::fs::set_permissions(sample.root.join("a"), PermissionsExt::from_mode(0o444)).unwrap();
        let failure = carry_out(&sample.roots, &[sample.write("a", "new")], &mut Journal::none())
            .unwrap_err();
        assert!(
            failure.reason == Some(RejectReason::Sandbox)
                && failure.message.contains("permission denied"),
            "{}",
            failure.message
        );
    }
}
