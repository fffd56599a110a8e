//! `agent apply-patch`: a patch from standard input, applied below one directory, all of it or nothing.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;

/// Applies it and returns what is to be printed: a line a file, then what was out of the ordinary.
///
/// # Errors
/// When standard input cannot be read, or the patch is refused; then no file was changed.
pub(crate) fn run(directory: &Path) -> anyhow::Result<String> {
    let mut patch = String::new();
    io::stdin().read_to_string(&mut patch).context("cannot read the patch from standard input")?;
    let _in_peace = crate::undisturbed()?;
    let summary = agent_tools::apply_patch_to(directory, &patch)?;
    let mut text = format!("{summary}\n");
    for note in summary.notes() {
        let _ = writeln!(text, "note: {note}");
    }
    Ok(agent_tui::plain(&text).into_owned())
}
