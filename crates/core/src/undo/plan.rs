//! Putting back what a change set changed: first a plan that can be shown, then the deed. What somebody edited since
//! stays, and nothing is overwritten or removed whose content is not kept first: an undo can itself be undone.

use std::io;

use super::entry::{Entry, RelativePath};
use super::log::{Change, ChangeSet, Origin};
use super::place::{Place, Standing};
use super::{Snapshots, UndoError, now};

/// What an undo would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The change set to be undone.
    pub of: ChangeSet,
    /// Sorted by path.
    pub changes: Vec<PlannedChange>,
    pub kept: Vec<Kept>,
    force: bool,
}

/// A path that would be changed; `None` is that nothing stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedChange {
    pub path: RelativePath,
    pub now: Option<Entry>,
    pub then: Option<Entry>,
}

/// A path of the set that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub path: RelativePath,
    pub because: KeptBecause,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeptBecause {
    #[error("it was edited since")]
    EditedSince,
    #[error("it was edited while nothing of that turn ran")]
    EditedMeanwhile,
    #[error("its content was not kept")]
    NotCovered,
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("the directory holds something else")]
    NotEmpty,
    #[error("it could not be put back: {0}")]
    Failed(String),
}

/// What an undo has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoReport {
    /// Undoing it takes the undo back. None when nothing was changed.
    pub set: Option<ChangeSet>,
    pub kept: Vec<Kept>,
}

impl Snapshots {
    /// What undoing the change set of this number would do. Nothing is changed yet. With `force`, what was edited since
    /// is put back too.
    ///
    /// # Errors
    /// When there is no such set, or its workspace cannot be opened.
    pub fn plan(&self, number: u32, force: bool) -> Result<Plan, UndoError> {
        let of = self.log().set(number)?;
        let place = self.place(&of)?;
        let mut plan = Plan { changes: Vec::new(), kept: Vec::new(), force, of };
        for change in &plan.of.changes {
            match self.judge(&place, change, force) {
                Ok(None) => {}
                Ok(Some((planned, _))) => plan.changes.push(planned),
                Err(because) => plan.kept.push(Kept { path: change.path.clone(), because }),
            }
        }
        Ok(plan)
    }

    /// Does what was planned. What has changed since the plan was made stays.
    ///
    /// # Errors
    /// When what is to be overwritten cannot be kept first: then nothing was changed.
    pub fn undo(&self, plan: &Plan) -> Result<UndoReport, UndoError> {
        let place = self.place(&plan.of)?;
        let mut kept = plan.kept.clone();
        let mut deeds = Vec::new();
        for planned in &plan.changes {
            let Some(change) = plan.of.changes.iter().find(|change| change.path == planned.path)
            else {
                continue;
            };
            match self.judge(&place, change, plan.force) {
                Ok(None) => {}
                Ok(Some((deed, standing))) => {
                    if let Some((digest, bytes)) =
                        standing.and_then(|standing| standing.entry.content.zip(standing.bytes))
                    {
                        self.log().keep(digest, &bytes)?;
                    }
                    deeds.push(deed);
                }
                Err(because) => kept.push(Kept { path: change.path.clone(), because }),
            }
        }
        if deeds.is_empty() {
            return Ok(UndoReport { set: None, kept });
        }
        let undone = |deed: &PlannedChange| Change {
            path: deed.path.clone(),
            before: deed.now.clone(),
            after: deed.then.clone(),
            meanwhile: false,
        };
        let mut set = ChangeSet {
            number: self.log().next_number()?,
            origin: Origin::Undo(plan.of.number),
            at: now(),
            workspace: plan.of.workspace.clone(),
            directory: plan.of.directory.clone(),
            changes: deeds.iter().map(undone).collect(),
            interrupted: false,
            uncovered: 0,
        };
        // Before anything is done: after a crash in the middle it can be taken back as far as it got.
        self.log().put(&set)?;
        let failed = self.perform(&place, &deeds);
        if !failed.is_empty() {
            set.changes.retain(|change| failed.iter().all(|kept| kept.path != change.path));
            self.log().put(&set)?;
            kept.extend(failed);
        }
        Ok(UndoReport { set: Some(set), kept })
    }

    fn place(&self, set: &ChangeSet) -> Result<Place, UndoError> {
        let failed = || UndoError::io("open", &set.workspace);
        let place = Place::open(&set.workspace).map_err(failed())?;
        let is_it = place.identity().map_err(failed())?;
        if !is_it.is(set.directory.as_ref(), &set.workspace) {
            return Err(UndoError::AnotherDirectory(set.workspace.clone()));
        }
        Ok(place)
    }

    /// What is to be done about one change, and what stands there now. None: it is as it was before already.
    fn judge(
        &self,
        place: &Place,
        change: &Change,
        force: bool,
    ) -> Result<Option<(PlannedChange, Option<Standing>)>, KeptBecause> {
        let limit = self.config.caps.file;
        let unreadable = |error: io::Error| KeptBecause::Unreadable(error.to_string());
        let standing = place.look(&change.path, limit).map_err(unreadable)?;
        let now = standing.as_ref().map(|standing| standing.entry.clone());
        if now == change.before && now.as_ref().is_none_or(Entry::is_covered) {
            return Ok(None);
        }
        if !change.is_covered() || !now.as_ref().is_none_or(Entry::is_covered) {
            return Err(KeptBecause::NotCovered);
        }
        let is_untouched = now == change.after || are_dirs(now.as_ref(), change.after.as_ref());
        if !is_untouched && !force {
            return Err(KeptBecause::EditedSince);
        }
        if change.meanwhile && !force {
            return Err(KeptBecause::EditedMeanwhile);
        }
        if let Some(digest) = change.before.as_ref().and_then(|entry| entry.content)
            && !self.log().holds(digest).map_err(|error| KeptBecause::Failed(error.to_string()))?
        {
            return Err(KeptBecause::NotCovered);
        }
        let deed = PlannedChange { path: change.path.clone(), now, then: change.before.clone() };
        Ok(Some((deed, standing)))
    }

    /// Makes room first, then puts things back; what could not be done is returned.
    fn perform(&self, place: &Place, deeds: &[PlannedChange]) -> Vec<Kept> {
        let is_dir = |entry: &Option<Entry>| entry.as_ref().is_some_and(Entry::is_dir);
        let mut kept: Vec<Kept> = Vec::new();
        let mut note = |deed: &PlannedChange, done: Result<(), KeptBecause>| {
            let is_first = kept.iter().all(|kept| kept.path != deed.path);
            if let Some(because) = done.err().filter(|_| is_first) {
                kept.push(Kept { path: deed.path.clone(), because });
            }
        };
        let failed = |error: io::Error| KeptBecause::Failed(error.to_string());
        let goes =
            |deed: &&PlannedChange| deed.then.is_none() || is_dir(&deed.then) != is_dir(&deed.now);
        let (dirs, files): (Vec<_>, Vec<_>) =
            deeds.iter().filter(goes).partition(|deed| is_dir(&deed.now));
        for deed in files.into_iter().filter(|deed| deed.now.is_some()) {
            note(deed, place.remove(&deed.path).map_err(failed));
        }
        // What is in a directory sorts behind it.
        for deed in dirs.into_iter().rev() {
            note(
                deed,
                match place.remove_dir(&deed.path) {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(KeptBecause::NotEmpty),
                    Err(error) => Err(failed(error)),
                },
            );
        }
        let made = |deed: &'_ PlannedChange| deed.then.clone().filter(Entry::is_dir);
        for (deed, then) in deeds.iter().filter_map(|deed| Some((deed, made(deed)?))) {
            note(deed, place.put_dir(&deed.path, then.mode | 0o700).map_err(failed));
        }
        for deed in deeds {
            let then = deed.then.as_ref();
            let Some((then, digest)) = then.and_then(|then| Some((then, then.content?))) else {
                continue;
            };
            let put =
                self.log().content(digest).and_then(|bytes| place.put(&deed.path, then, &bytes));
            note(deed, put.map_err(failed));
        }
        for (deed, then) in deeds.iter().filter_map(|deed| Some((deed, made(deed)?))) {
            if then.mode & 0o700 != 0o700 {
                note(deed, place.put_dir(&deed.path, then.mode).map_err(failed));
            }
        }
        kept
    }
}

/// The mode of a directory alone is no edit worth keeping what is in it for.
fn are_dirs(now: Option<&Entry>, then: Option<&Entry>) -> bool {
    now.is_some_and(Entry::is_dir) && then.is_some_and(Entry::is_dir)
}
