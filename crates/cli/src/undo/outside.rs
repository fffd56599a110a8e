//! What patches of a thread changed outside of its workspace: nothing is kept of it, so that it can be named, and not be
//! put back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use agent_core::{RolloutError, ThreadSummary, read_rollout};
use agent_protocol::{Event, ItemDetails, Status};
use agent_tui::exact;

/// Files that the turn of this number changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outside {
    /// Counted from 1.
    pub(crate) turn: u32,
    pub(crate) paths: BTreeSet<PathBuf>,
}

impl Outside {
    /// A line for each, with what became of it and why.
    pub(crate) fn lines(&self, became: &str, workspace: &Path) -> String {
        let workspace = workspace.display().to_string();
        let line = |path: &PathBuf| {
            let path = path.display().to_string();
            format!(
                "  {became} {}: turn {} changed it, outside of {}\n",
                exact(&path),
                self.turn,
                exact(&workspace)
            )
        };
        self.paths.iter().map(line).collect()
    }
}

/// For each turn that changed such, the first first. Of commands it is not known.
///
/// # Errors
/// When the rollout cannot be read.
pub(crate) fn outside(thread: &ThreadSummary) -> Result<Vec<Outside>, RolloutError> {
    let real = thread.cwd.canonicalize().ok();
    let is_inside = |path: &PathBuf| {
        path.starts_with(&thread.cwd) || real.as_ref().is_some_and(|real| path.starts_with(real))
    };
    let mut turn = 0;
    let mut found: Vec<Outside> = vec![];
    for record in read_rollout(&thread.path)?.records {
        let item = match record.event {
            Event::TurnStarted {} => {
                turn += 1;
                continue;
            }
            Event::ItemCompleted { item } => item,
            _ => continue,
        };
        let ItemDetails::FileChange { changes, status: Status::Completed } = item.details else {
            continue;
        };
        let paths = changes.into_iter().flat_map(|change| [Some(change.path), change.move_path]);
        let paths: BTreeSet<_> = paths.flatten().filter(|path| !is_inside(path)).collect();
        match found.last_mut().filter(|last| last.turn == turn) {
            _ if paths.is_empty() => {}
            Some(last) => last.paths.extend(paths),
            None => found.push(Outside { turn, paths }),
        }
    }
    Ok(found)
}
