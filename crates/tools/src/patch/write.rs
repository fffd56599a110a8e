//! A plan on its way to the disk: all of it or nothing. New contents are first written beside their targets; then
//! each takes its place in one step, and what it displaced is kept until all have. What fails half-way is undone
//! here, what a crash cut off by `journal`.

mod failure;
mod undo;

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
pub(crate) use failure::Failure;
use failure::blamed;
use undo::Undo;

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
                NoFolder::Missing | NoFolder::InTheWay(_) | NoFolder::Another(_) => {
                    Some(RejectReason::PatchMismatch)
                }
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
                    (Staged::InPlace(_), _) => Err(Failure::otherwise(&slot, seen)),
                    (Staged::Beside(staged), Found::Nothing) => self.put_new(slot, &staged),
                    (Staged::Beside(staged), _) => self.replace(slot, &staged, spare, seen),
                }
            }
            Ready::Remove { slot, spare, seen } => {
                unchanged(&slot, seen)?;
                let cannot = |error| Failure::at(&slot, "cannot be removed", &error);
                slot.rename_new(&spare).map_err(cannot)?;
                let now = Looked::in_slot(&spare);
                let otherwise = Failure::otherwise(&slot, &now);
                self.undo.push(Undo::Removed { slot, kept: spare });
                if now.holds_the_same_as(seen) { Ok(()) } else { Err(otherwise) }
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
        let now = Looked::in_slot(&kept);
        let otherwise = Failure::otherwise(&slot, &now);
        self.undo.push(Undo::Replaced { slot, kept, inode });
        if now.holds_the_same_as(seen) { Ok(()) } else { Err(otherwise) }
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

fn unchanged(slot: &Slot, seen: &Looked) -> Result<(), Failure> {
    let now = Looked::in_slot(slot);
    if now == *seen { Ok(()) } else { Err(Failure::otherwise(slot, &now)) }
}

#[cfg(test)]
mod tests;
