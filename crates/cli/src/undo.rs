//! `agent undo` and `agent diff`: what the turns of a thread changed, shown and put back. How it is known and done is
//! `agent-core`'s business.

mod diff;
mod outside;

use std::fmt::Write as _;
use std::path::Path;
use std::str::FromStr;

use agent_core::{
    Caps, Change, ChangeSet, Kept, KeptBecause, Origin, PlannedChange, Snapshots, ThreadSummary,
    Threads, UndoConfig, UndoLog,
};
use agent_tui::exact;

use crate::screen::Screen;
use crate::threads::ThreadArg;
pub(crate) use outside::{Outside, outside};

/// `agent undo`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct UndoArgs {
    #[command(flatten)]
    pub(crate) thread: ThreadArg,
    /// Undo this turn, counted from 1, instead of the last one that is not undone.
    #[arg(long, value_name = "N")]
    pub(crate) turn: Option<u32>,
    /// This change set and no other; a turn that broke off may have several.
    #[arg(skip)]
    pub(crate) set: Option<u32>,
    /// Take the last undo back.
    #[arg(long, conflicts_with = "turn")]
    pub(crate) redo: bool,
    /// Also put back what was edited by somebody else.
    #[arg(long)]
    pub(crate) force: bool,
    /// Only show what would change.
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// `agent diff`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    pub(crate) thread: ThreadArg,
    /// Only what this turn changed: its number from 1, or `last`.
    #[arg(long, value_name = "N")]
    pub(crate) turn: Option<WhichTurn>,
    /// Only name the files.
    #[arg(long)]
    pub(crate) names: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhichTurn {
    Last,
    Number(u32),
}

impl FromStr for WhichTurn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            number => number
                .parse()
                .map(Self::Number)
                .map_err(|_| "neither a number nor `last`".to_owned()),
        }
    }
}

/// There is nothing to undo.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NothingToUndo {
    #[error("nothing left to undo")]
    Done,
    #[error("nothing was undone in this thread")]
    Undone,
    #[error("turn {0} of this thread changed no file that is known")]
    Turn(u32),
    /// It is not passed over: what is undone would be of another turn than the person thinks of.
    #[error(
        "turn {turn} changed files outside of the working directory alone, which undo does not put back: {paths}{earlier}"
    )]
    Outside { turn: u32, paths: String, earlier: String },
}

/// What `agent undo` has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undone {
    /// To be printed.
    pub(crate) text: String,
    /// How to take it back, from the shell; to be printed after it. Empty where there is nothing to take back.
    pub(crate) take_back: String,
    /// Nothing had to be left as it is.
    pub(crate) complete: bool,
}

/// Undoes, or shows what undoing would do.
///
/// # Errors
/// When there is no such thread or turn, or the workspace cannot be opened.
pub(crate) fn undo(
    args: &UndoArgs,
    state: &Path,
    cwd: &Path,
    screen: Screen,
) -> anyhow::Result<Undone> {
    let threads = Threads::under(state);
    let thread = args.thread.find(&threads, cwd)?;
    let snapshots = Snapshots::open(UndoConfig {
        undo_dir: threads.undo_dir(&thread.id),
        state_dir: state.to_owned(),
        workspace: thread.cwd.clone(),
        caps: Caps::default(),
    })?;
    snapshots.recover()?;
    let log = snapshots.log();
    let beyond = outside(&thread)?;
    let set = match (args.set, args.turn) {
        (Some(number), _) => log.set(number)?,
        (None, Some(turn)) => turn_set(log, turn)?,
        (None, None) if args.redo => log.last_undone()?.ok_or(NothingToUndo::Undone)?,
        (None, None) => last_done(log, &thread, &beyond)?,
    };
    let plan = snapshots.plan(set.number, args.force)?;
    let mut text = String::new();
    let mut is_done = true;
    if set.interrupted {
        text += "  The turn broke off; what you changed before now may be among this.\n";
    }
    let kept = if args.dry_run {
        plan.changes.iter().for_each(|change| text += &planned(change, screen));
        plan.kept
    } else {
        let report = snapshots.undo(&plan)?;
        is_done = report.set.as_ref().is_some_and(|set| !set.changes.is_empty())
            || report.kept.is_empty();
        let done = report.set.iter().flat_map(|set| &set.changes);
        for Change { path, before, after, .. } in done {
            let change =
                PlannedChange { path: path.clone(), now: before.clone(), then: after.clone() };
            text += &planned(&change, screen);
        }
        report.kept
    };
    text.insert_str(0, &format!("{}\n", screen.paint(&title(&set, args, is_done), "1")));
    kept.iter().for_each(|kept| text += &kept_line(kept, screen));
    let is_edited = |kept: &Kept| {
        matches!(kept.because, KeptBecause::EditedSince | KeptBecause::EditedMeanwhile)
    };
    let edited = kept.iter().any(is_edited);
    if edited {
        let turn = turn_of(log, &set)?.map(|turn| format!(" --turn {turn}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "To put back what was edited too: agent undo {}{turn} --force",
            thread.id
        );
    }
    let failed =
        |kept: &Kept| matches!(kept.because, KeptBecause::Unreadable(_) | KeptBecause::Failed(_));
    if kept.iter().any(failed)
        && let Some(turn) = turn_of(log, &set)?
        && !args.redo
    {
        let _ = writeln!(text, "To try the rest again: agent undo {} --turn {turn}", thread.id);
    }
    let take_back = if args.dry_run || args.redo || !is_done {
        String::new()
    } else {
        format!("To take this back: agent undo {} --redo\n", thread.id)
    };
    let left: String = beyond
        .iter()
        .filter(|outside| set.origin == Origin::Turn(outside.turn))
        .map(|outside| outside.lines("not undone", &thread.cwd))
        .collect();
    text += &left;
    let complete = left.is_empty() && kept.iter().all(|kept| kept.because == KeptBecause::NotEmpty);
    Ok(Undone { text, take_back, complete })
}

/// What is to be shown of changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) text: String,
    /// A line for each file that may have been changed and is not in it.
    pub(crate) left_out: String,
}

/// What a thread, or one turn of it, changed.
///
/// # Errors
/// When there is no such thread or turn.
pub(crate) fn diff(
    args: &DiffArgs,
    state: &Path,
    cwd: &Path,
    screen: Screen,
) -> anyhow::Result<Difference> {
    let threads = Threads::under(state);
    let thread = args.thread.find(&threads, cwd)?;
    let log = UndoLog::at(&threads.undo_dir(&thread.id));
    let (others, changes): (Vec<_>, Vec<_>) = match args.turn {
        Some(WhichTurn::Number(turn)) => turn_set(&log, turn)?.changes,
        Some(WhichTurn::Last) => {
            let sets = log.sets()?.into_iter().rev();
            let last = sets.into_iter().find(|set| matches!(set.origin, Origin::Turn(_)));
            last.map(|set| set.changes).unwrap_or_default()
        }
        None => altogether(log.sets()?),
    }
    .into_iter()
    .partition(|change| change.meanwhile);
    if args.names {
        let name = |change: &Change| {
            let change = PlannedChange {
                path: change.path.clone(),
                now: change.before.clone(),
                then: change.after.clone(),
            };
            diff::name_line(&change, screen)
        };
        let text = changes.iter().map(name).collect();
        return Ok(Difference { text, ..Difference::default() });
    }
    let text = diff::render(&changes, |digest| log.content(digest).ok(), screen);
    let mut left_out = String::new();
    for change in others {
        let path = change.path.to_string();
        let _ = writeln!(
            left_out,
            "  not shown {}: it was edited while nothing of the thread ran",
            exact(&path)
        );
    }
    let is_meant = |turn| match args.turn {
        None => true,
        Some(WhichTurn::Number(number)) => number == turn,
        // It may be a turn of which nothing else is known.
        Some(WhichTurn::Last) => false,
    };
    for outside in outside(&thread)?.iter().filter(|outside| is_meant(outside.turn)) {
        left_out += &outside.lines("not shown", &thread.cwd);
    }
    Ok(Difference { text, left_out })
}

/// The last turn that is not undone, unless a later one changed only what is not put back.
fn last_done(
    log: &UndoLog,
    thread: &ThreadSummary,
    beyond: &[Outside],
) -> anyhow::Result<ChangeSet> {
    let last = log.last_done()?;
    let turn = last.as_ref().and_then(|set| turn_of(log, set).ok()?);
    let sets = log.sets()?;
    let changed = |set: &&ChangeSet| !set.changes.is_empty();
    let is_known = |turn| sets.iter().filter(changed).any(|set| set.origin == Origin::Turn(turn));
    let later = beyond
        .iter()
        .rfind(|outside| turn.is_none_or(|turn| outside.turn > turn) && !is_known(outside.turn));
    let Some(later) = later else { return Ok(last.ok_or(NothingToUndo::Done)?) };
    let paths: Vec<_> = later.paths.iter().map(|path| path.display().to_string()).collect();
    let earlier = turn.map(|turn| {
        format!(
            "; the turn before that changed files in it: agent undo {} --turn {turn}",
            thread.id
        )
    });
    let paths = exact(&paths.join(", ")).into_owned();
    let earlier = earlier.unwrap_or_default();
    Err(NothingToUndo::Outside { turn: later.turn, paths, earlier }.into())
}

/// The last change set of the turn: one that broke off may have been finished in pieces.
fn turn_set(log: &UndoLog, turn: u32) -> anyhow::Result<ChangeSet> {
    let set = log.sets()?.into_iter().rfind(|set| set.origin == Origin::Turn(turn));
    Ok(set.ok_or(NothingToUndo::Turn(turn))?)
}

/// The turn that a set changed, or that an undo is about.
fn turn_of(log: &UndoLog, set: &ChangeSet) -> anyhow::Result<Option<u32>> {
    Ok(match set.origin {
        Origin::Turn(turn) => Some(turn),
        Origin::Undo(number) => match log.set(number)?.origin {
            Origin::Turn(turn) => Some(turn),
            Origin::Undo(_) => None,
        },
    })
}

/// From before the first change of each path to after its last.
fn altogether(sets: Vec<ChangeSet>) -> Vec<Change> {
    let mut all = std::collections::BTreeMap::new();
    for change in sets.into_iter().flat_map(|set| set.changes) {
        let (after, meanwhile) = (change.after.clone(), change.meanwhile);
        let first = all.entry(change.path.clone()).or_insert(change);
        first.after = after;
        // Part of it is the thread's.
        first.meanwhile &= meanwhile;
    }
    all.into_values().filter(|change| change.before != change.after).collect()
}

fn title(set: &ChangeSet, args: &UndoArgs, is_done: bool) -> String {
    let (undo, take_back) = match (args.dry_run, is_done) {
        (true, _) => ("Would undo", "Would take back"),
        (false, true) => ("Undid", "Took back"),
        (false, false) => ("Undid nothing of", "Took back nothing of"),
    };
    let place = set.workspace.display().to_string();
    let place = exact(&place);
    match set.origin {
        Origin::Turn(turn) => format!("{undo} turn {turn} in {place}"),
        Origin::Undo(_) => format!("{take_back} the last undo in {place}"),
    }
}

fn planned(change: &PlannedChange, screen: Screen) -> String {
    let (word, colour) = match (&change.now, &change.then) {
        (_, None) => ("removed", "31"),
        (None, Some(_)) => ("restored", "32"),
        (Some(_), Some(_)) => ("put back", "33"),
    };
    format!(
        "  {} {}\n",
        screen.paint(&format!("{word:<9}"), colour),
        exact(&change.path.to_string())
    )
}

fn kept_line(kept: &Kept, screen: Screen) -> String {
    let path = kept.path.to_string();
    format!("  {} {}: {}\n", screen.paint("kept     ", "1"), exact(&path), kept.because)
}

#[cfg(test)]
mod tests;
