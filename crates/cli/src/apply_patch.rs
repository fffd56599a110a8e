//! `agent apply-patch`: a patch from standard input, applied below one directory, all of it or nothing.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;

/// Where patches are noted while they are applied, below the state directory.
pub(crate) const JOURNALS: &str = "patches";

/// Applies it and returns what is to be printed: a line a file, then what was out of the ordinary. What an earlier one
/// left half done when it was killed is undone first.
///
/// # Errors
/// When standard input cannot be read, or the patch is refused; then no file was changed.
pub(crate) fn run(directory: &Path, state: Option<&Path>) -> anyhow::Result<String> {
    let mut patch = String::new();
    io::stdin().read_to_string(&mut patch).context("cannot read the patch from standard input")?;
    let _in_peace = crate::undisturbed()?;
    let journals = state.map(|state| state.join(JOURNALS));
    let undone =
        journals.as_deref().map(agent_tools::recover_patches_of_others).unwrap_or_default();
    let summary = agent_tools::apply_patch_to(directory, &patch, journals.as_deref())?;
    let mut text = summary.to_string();
    if !text.is_empty() {
        text.push('\n');
    }
    for note in undone.into_iter().chain(summary.notes()) {
        let _ = writeln!(text, "note: {note}");
    }
    Ok(agent_tui::exact(&text).into_owned())
}
