//! A plan on its way to the disk: all of it or nothing. New contents are first written beside their targets; then
//! each takes its place in one step, and what it displaced is kept until all have. What fails half-way is undone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, Write as _};
use std::path::PathBuf;

use rustix::fs::{Access, AtFlags, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::Errno;

use super::look::{Attributes, Looked, Slot};
use super::place::{Missing, NoFolder, Roots};
use super::plan::Found;
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

/// Nothing was done, and why; or, at worst, what could not be undone.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    /// The sandbox or the file's mode forbids it.
    pub(crate) forbidden: bool,
}

impl Failure {
    fn at(slot: &Slot, what: &str, error: &io::Error) -> Self {
        let message = format!("{}: {what}: {}", slot.path().display(), files::trouble(error));
        Self { message, forbidden: is_forbidden(error) }
    }

    fn changed(slot: &Slot) -> Self {
        let path = slot.path();
        let message =
            format!("{}: someone else changed it just now: read it again", path.display());
        Self { message, forbidden: false }
    }
}

/// Does all steps in their order; returns notes for the model.
///
/// # Errors
/// When a step cannot be done or finds something else than was seen; then the earlier ones are undone.
pub(crate) fn carry_out(roots: &Roots, steps: &[Step]) -> Result<Vec<String>, Failure> {
    let mut work = Work::new(roots);
    let done = work.stage(steps).and_then(|ready| work.apply(ready));
    match done {
        Ok(()) => Ok(work.finish()),
        Err(mut failure) => {
            let left = work.roll_back();
            if !left.is_empty() {
                failure.message.push_str("\nNot all that was done before could be undone:\n");
                failure.message.push_str(&left.join("\n"));
            }
            Err(failure)
        }
    }
}

/// A step whose new content is on disk already, though not yet in its place.
enum Ready<'a> {
    Write { slot: Slot, staged: Staged, seen: &'a Looked, text: &'a str },
    Remove { slot: Slot, seen: &'a Looked },
    Rename { from: Slot, to: Slot, seen: &'a Looked },
}

enum Staged {
    Beside(Slot),
    /// Its owner cannot be given to a new file: it is written over where it stands.
    InPlace(File),
}

/// How a step is taken back.
enum Undo {
    Added {
        slot: Slot,
        inode: u64,
    },
    /// `kept` holds what was there.
    Replaced {
        slot: Slot,
        kept: Slot,
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
        let token =
            format!(".agent-patch-{:x}-{}", now.unwrap_or_default().as_nanos(), std::process::id());
        let (names, staged, made, undo, notes) = (0, vec![], vec![], vec![], vec![]);
        Self { roots, token, names, staged, made, undo, notes }
    }

    /// A name in the same folder that nobody has.
    fn own_name(&mut self, slot: &Slot) -> Slot {
        self.names += 1;
        slot.beside(&format!("{}-{}", self.token, self.names))
    }

    fn open(&mut self, path: &std::path::Path, missing: Missing) -> Result<Slot, Failure> {
        Slot::open(self.roots, path, missing, &mut self.made).map_err(|no_folder| {
            let message = format!("{}: {}", path.display(), no_folder.describe(self.roots));
            let forbidden = match &no_folder {
                NoFolder::Outside => true,
                NoFolder::Io(error) => is_forbidden(error),
                NoFolder::Missing | NoFolder::InTheWay(_) => false,
            };
            Failure { message, forbidden }
        })
    }

    fn stage<'s>(&mut self, steps: &'s [Step]) -> Result<Vec<Ready<'s>>, Failure> {
        steps.iter().map(|step| self.stage_one(step)).collect()
    }

    fn stage_one<'s>(&mut self, step: &'s Step) -> Result<Ready<'s>, Failure> {
        Ok(match step {
            Step::Remove { path, seen } => {
                Ready::Remove { slot: self.open(path, Missing::Fail)?, seen }
            }
            Step::Rename { from, to, seen } => {
                let from = self.open(from, Missing::Fail)?;
                Ready::Rename { from, to: self.open(to, Missing::Make)?, seen }
            }
            Step::Write { path, text, seen, like } => {
                let slot = self.open(path, Missing::Make)?;
                if seen.file.is_some() {
                    may_write(&slot)?;
                }
                let staged = self.stage_text(&slot, text, like.as_ref(), seen)?;
                Ready::Write { slot, staged, seen, text }
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
        let staged = self.own_name(slot);
        let say = |what: &'static str| move |error: io::Error| Failure::at(slot, what, &error);
        let mode = Mode::from_raw_mode(if like.is_some() { 0o600 } else { 0o666 });
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&staged.folder.dir, &staged.name, flags, mode);
        let mut file = File::from(file.map_err(|errno| say("cannot be written")(errno.into()))?);
        self.staged.push(staged.clone());
        if let Some(like) = like
            && !take_after(&file, like).map_err(say("its mode cannot be kept"))?
        {
            self.discard(&staged);
            return match seen.file {
                Some(_) => Ok(Staged::InPlace(open_in_place(slot)?)),
                None => Err(say("its owner cannot be kept")(Errno::PERM.into())),
            };
        }
        if like.is_some() {
            copy_extended(slot, &file);
        }
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(say("cannot be written"))?;
        Ok(Staged::Beside(staged))
    }

    fn discard(&mut self, slot: &Slot) {
        let _ = rustix::fs::unlinkat(&slot.folder.dir, &slot.name, AtFlags::empty());
        self.staged.retain(|staged| staged.name != slot.name);
    }

    fn apply(&mut self, ready: Vec<Ready<'_>>) -> Result<(), Failure> {
        ready.into_iter().try_for_each(|ready| self.apply_one(ready))
    }

    fn apply_one(&mut self, ready: Ready<'_>) -> Result<(), Failure> {
        match ready {
            Ready::Write { slot, staged, seen, text } => {
                unchanged(&slot, seen)?;
                match (staged, &seen.found) {
                    (Staged::InPlace(file), Found::Text(old)) => {
                        self.overwrite(slot, file, text, old.clone())
                    }
                    (Staged::InPlace(_), _) => Err(Failure::changed(&slot)),
                    (Staged::Beside(staged), Found::Nothing) => self.put_new(slot, &staged),
                    (Staged::Beside(staged), _) => self.replace(slot, staged, seen),
                }
            }
            Ready::Remove { slot, seen } => {
                unchanged(&slot, seen)?;
                let kept = self.own_name(&slot);
                rename_new(&slot, &kept)
                    .map_err(|error| Failure::at(&slot, "cannot be removed", &error))?;
                self.undo.push(Undo::Removed { slot, kept });
                Ok(())
            }
            Ready::Rename { from, to, seen } => {
                unchanged(&from, seen)?;
                rename_new(&from, &to)
                    .map_err(|error| Failure::at(&to, "cannot be moved there", &error))?;
                self.undo.push(Undo::Renamed { from, to });
                Ok(())
            }
        }
    }

    fn put_new(&mut self, slot: Slot, staged: &Slot) -> Result<(), Failure> {
        let inode = inode(staged).unwrap_or_default();
        rename_new(staged, &slot).map_err(|error| Failure::at(&slot, "cannot be added", &error))?;
        self.staged.retain(|other| other.name != staged.name);
        self.undo.push(Undo::Added { slot, inode });
        Ok(())
    }

    fn replace(&mut self, slot: Slot, staged: Slot, seen: &Looked) -> Result<(), Failure> {
        let say = |error: io::Error| Failure::at(&slot, "cannot be replaced", &error);
        let kept = match exchange(&staged, &slot) {
            Ok(()) => staged.clone(),
            Err(error) if is_unsupported(&error) => {
                let kept = self.own_name(&slot);
                link_or_rename(&slot, &kept).map_err(say)?;
                if let Err(error) = rename_over(&staged, &slot) {
                    let _ = rename_over(&kept, &slot);
                    return Err(say(error));
                }
                kept
            }
            Err(error) => return Err(say(error)),
        };
        self.staged.retain(|other| other.name != staged.name);
        let is_seen = Looked::in_slot(&kept).file.map(|(identity, _)| identity)
            == seen.file.map(|(identity, _)| identity);
        let changed = Failure::changed(&slot);
        if let Some((_, Attributes { links: 2.., .. })) = seen.file {
            let path = slot.path();
            self.notes.push(format!(
                "{} had other names (hard links): they keep the old content",
                path.display()
            ));
        }
        self.undo.push(Undo::Replaced { slot, kept });
        if is_seen { Ok(()) } else { Err(changed) }
    }

    fn overwrite(
        &mut self,
        slot: Slot,
        mut file: File,
        text: &str,
        old: String,
    ) -> Result<(), Failure> {
        let written = write_over(&mut file, text);
        let failure = written.map_err(|error| Failure::at(&slot, "cannot be written", &error));
        self.notes.push(format!(
            "{} belongs to another user or group and was written in place",
            slot.path().display()
        ));
        self.undo.push(Undo::Overwritten { slot, file, old });
        failure
    }

    /// All is in its place: makes it last, and lets go of what was displaced.
    fn finish(mut self) -> Vec<String> {
        let slots = self.undo.iter().flat_map(Undo::slots);
        let folders: BTreeMap<_, _> =
            slots.map(|slot| (&slot.folder.path, &slot.folder.dir)).collect();
        for folder in folders.values() {
            // Some file systems cannot; what they promise without it is all there is.
            let _ = folder.sync_all();
        }
        for undo in std::mem::take(&mut self.undo) {
            if let Undo::Replaced { kept, .. } | Undo::Removed { kept, .. } = undo
                && let Err(errno) =
                    rustix::fs::unlinkat(&kept.folder.dir, &kept.name, AtFlags::empty())
            {
                let error = files::trouble(&errno.into());
                self.notes
                    .push(format!("the old content is left at {}: {error}", kept.path().display()));
            }
        }
        self.notes
    }

    /// Takes back what was done, last first; returns what could not be.
    fn roll_back(mut self) -> Vec<String> {
        let mut left = Vec::new();
        for undo in std::mem::take(&mut self.undo).into_iter().rev() {
            let path = undo.slots().last().map(|slot| slot.path()).unwrap_or_default();
            if let Err(error) = undo.take_back() {
                left.push(format!("{}: {}", path.display(), files::trouble(&error)));
            }
        }
        for staged in std::mem::take(&mut self.staged) {
            self.discard(&staged);
        }
        for folder in self.made.iter().rev() {
            if let Ok(slot) = Slot::open(self.roots, folder, Missing::Fail, &mut vec![]) {
                let _ = rustix::fs::unlinkat(&slot.folder.dir, &slot.name, AtFlags::REMOVEDIR);
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
            Self::Added { slot, inode: ours } if inode(&slot) == Some(ours) => {
                Ok(rustix::fs::unlinkat(&slot.folder.dir, &slot.name, AtFlags::empty())?)
            }
            Self::Added { .. } => Ok(()),
            Self::Replaced { slot, kept } => rename_over(&kept, &slot),
            Self::Removed { slot, kept } => rename_new(&kept, &slot),
            Self::Renamed { from, to } => rename_new(&to, &from),
            Self::Overwritten { mut file, old, .. } => write_over(&mut file, &old),
        }
    }
}

fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// A file that is read-only is meant to be: that it could be replaced does not make it ours to change.
fn may_write(slot: &Slot) -> Result<(), Failure> {
    let allowed =
        rustix::fs::accessat(&slot.folder.dir, &slot.name, Access::WRITE_OK, AtFlags::EACCESS);
    allowed.map_err(|errno| Failure::at(slot, "cannot be written", &errno.into()))
}

fn unchanged(slot: &Slot, seen: &Looked) -> Result<(), Failure> {
    // Unreadable then as now: nothing can be compared.
    if Looked::in_slot(slot) == *seen { Ok(()) } else { Err(Failure::changed(slot)) }
}

/// Gives a new file owner, group and mode of the one it stands for; false when the owner cannot be given.
fn take_after(file: &File, like: &Attributes) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    if (metadata.uid(), metadata.gid()) != (like.owner, like.group) {
        let owner = (metadata.uid() != like.owner).then(|| Uid::from_raw(like.owner));
        if rustix::fs::fchown(file, owner, Some(Gid::from_raw(like.group))).is_err() {
            return Ok(false);
        }
    }
    // Rights to run as another user do not survive a change of content, as with any write.
    rustix::fs::fchmod(file, Mode::from_raw_mode((like.mode & 0o1777) as rustix::fs::RawMode))?;
    Ok(true)
}

/// Access lists and a user's own attributes, where the file system has them.
fn copy_extended(slot: &Slot, to: &File) {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(from) = rustix::fs::openat(&slot.folder.dir, &slot.name, flags, Mode::empty()) else {
        return;
    };
    let mut names = vec![0_u8; 64 << 10];
    let Ok(len) = rustix::fs::flistxattr(&from, &mut names[..]) else { return };
    for name in names[..len].split(|byte| *byte == 0) {
        if !(name.starts_with(b"user.") || name == b"system.posix_acl_access") {
            continue;
        }
        let mut value = vec![0_u8; 64 << 10];
        if let Ok(len) = rustix::fs::fgetxattr(&from, name, &mut value[..]) {
            let _ = rustix::fs::fsetxattr(to, name, &value[..len], rustix::fs::XattrFlags::empty());
        }
    }
}

fn open_in_place(slot: &Slot) -> Result<File, Failure> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&slot.folder.dir, &slot.name, flags, Mode::empty());
    let file = file.map_err(|errno| Failure::at(slot, "cannot be written", &errno.into()))?;
    Ok(file.into())
}

fn write_over(file: &mut File, text: &str) -> io::Result<()> {
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

fn inode(slot: &Slot) -> Option<u64> {
    rustix::fs::statat(&slot.folder.dir, &slot.name, AtFlags::SYMLINK_NOFOLLOW)
        .ok()
        .map(|stat| stat.st_ino)
}

fn exchange(a: &Slot, b: &Slot) -> io::Result<()> {
    let flags = RenameFlags::EXCHANGE;
    Ok(rustix::fs::renameat_with(&a.folder.dir, &a.name, &b.folder.dir, &b.name, flags)?)
}

fn rename_over(from: &Slot, to: &Slot) -> io::Result<()> {
    Ok(rustix::fs::renameat(&from.folder.dir, &from.name, &to.folder.dir, &to.name)?)
}

/// Renames, but never over what is there.
fn rename_new(from: &Slot, to: &Slot) -> io::Result<()> {
    let flags = RenameFlags::NOREPLACE;
    match rustix::fs::renameat_with(&from.folder.dir, &from.name, &to.folder.dir, &to.name, flags) {
        Err(errno) if is_unsupported(&errno.into()) => {
            rustix::fs::linkat(
                &from.folder.dir,
                &from.name,
                &to.folder.dir,
                &to.name,
                AtFlags::empty(),
            )?;
            Ok(rustix::fs::unlinkat(&from.folder.dir, &from.name, AtFlags::empty())?)
        }
        done => Ok(done?),
    }
}

/// A second name for what is about to be replaced, so that its place is never empty; failing that, the first moves.
fn link_or_rename(slot: &Slot, kept: &Slot) -> io::Result<()> {
    let link = rustix::fs::linkat(
        &slot.folder.dir,
        &slot.name,
        &kept.folder.dir,
        &kept.name,
        AtFlags::empty(),
    );
    link.map_err(io::Error::from).or_else(|_| rename_over(slot, kept))
}

/// The file system has no such rename.
fn is_unsupported(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP]
        .iter()
        .any(|other| Some(other.raw_os_error()) == errno)
}

#[cfg(test)]
mod tests {
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
            carry_out(&self.roots, steps).map_err(|failure| failure.message)
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
        let file = open_in_place(&slot).ok().unwrap();
        work.overwrite(slot, file, "new", "old content".into()).ok().unwrap();
        assert_eq!(sample.files(), [("a".into(), "new".into())]);
        assert_eq!(work.roll_back(), [""; 0]);
        assert_eq!(sample.files(), [("a".into(), "old content".into())]);
    }

    #[test]
    fn where_files_cannot_be_exchanged_the_old_one_is_kept_under_another_name() {
        let sample = Sample::new(&[("a", "old")]);
        let work = Work::new(&sample.roots);
        let mut made = vec![];
        let slot =
            Slot::open(work.roots, &sample.root.join("a"), Missing::Fail, &mut made).unwrap();
        let kept = slot.beside("kept");
        link_or_rename(&slot, &kept).unwrap();
        assert_eq!(sample.files(), [("a".into(), "old".into()), ("kept".into(), "old".into())]);
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
        let failure = carry_out(&sample.roots, &[sample.write("a", "new")]).unwrap_err();
        assert!(
            failure.forbidden && failure.message.contains("permission denied"),
            "{}",
            failure.message
        );
    }
}
