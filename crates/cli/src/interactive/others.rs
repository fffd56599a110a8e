//! The threads that can be gone on with, as the screen lists them.

use std::time::SystemTime;

use agent_core::Threads;
use agent_tui::effect::Choice;

use crate::settings::Settings;
use crate::threads::age;

/// All but `current`, those that were changed last first.
///
/// # Errors
/// When nothing is kept here, or the threads cannot be read.
pub(super) fn list(settings: &Settings, current: Option<&str>) -> anyhow::Result<Vec<Choice>> {
    let cwd = &settings.workspace.cwd;
    let now = SystemTime::now();
    let threads = Threads::under(crate::state_dir(settings)?).list()?.threads;
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
    Ok(others.map(choice).collect())
}
