//! The threads that can be gone on with, as the screen lists them.

use std::time::SystemTime;

use agent_core::{Listing, RolloutError, Threads};
use agent_tui::effect::Choice;

use crate::settings::Settings;
use crate::threads::age;

/// What there is beside the thread that is shown.
pub(super) struct Others {
    /// Those that were changed last come first.
    pub(super) threads: Vec<Choice>,
    pub(super) unreadable: Vec<RolloutError>,
}

/// All but `current`.
///
/// # Errors
/// When nothing is kept here, or the threads cannot be read.
pub(super) fn list(settings: &Settings, current: Option<&str>) -> anyhow::Result<Others> {
    let cwd = &settings.workspace.cwd;
    let now = SystemTime::now();
    let Listing { threads, unreadable } = Threads::under(crate::state_dir(settings)?).list()?;
    let others = threads
        .into_iter()
        .filter(|thread| thread.turns > 0 && current != Some(thread.id.as_str()));
    let choice = |thread: agent_core::ThreadSummary| {
        let age = age(now.duration_since(thread.changed).unwrap_or_default().as_secs());
        let is_here = thread.cwd == *cwd;
        let place = if is_here { String::new() } else { format!("{}, ", thread.cwd.display()) };
        let turns =
            if thread.turns == 1 { "1 turn".to_owned() } else { format!("{} turns", thread.turns) };
        Choice {
            label: thread.title().to_owned(),
            note: format!("{place}{turns}, {age}"),
            value: thread.id,
            is_here,
            is_current: false,
        }
    };
    Ok(Others { threads: others.map(choice).collect(), unreadable })
}
