//! The patch tool's inside: what a patch says (`parse`), where it leads (`place`), what it makes of the files
//! (`plan` and what that stands on, all pure), and how that gets onto the disk (`look`, `write`, `slot`), also through a crash (`journal`). The tool itself is
//! `apply_patch.rs`.

mod apply;
mod call;
mod hunks;
mod journal;
mod look;
mod mismatch;
mod parse;
mod place;
mod plan;
mod preview;
mod reopened;
mod report;
mod seek;
mod shift;
mod slot;
mod text;
mod unified;
mod unquote;
mod wrapper;
mod write;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub(crate) use apply::apply;
pub(crate) use call::is_call;
#[cfg(feature = "fuzzing")]
pub(crate) use hunks::apply as apply_hunks;
pub(crate) use journal::{Journal, PatchJournal};
pub use journal::{recover_patches, recover_patches_of_others};
pub(crate) use parse::{GRAMMAR, Patch, parse};
#[cfg(feature = "fuzzing")]
pub(crate) use parse::{HunkLine, Section};
pub(crate) use place::{Places, Roots, changed, resolve_all};
pub use preview::{PatchPreview, PreviewedChange};
pub use report::{PatchRefusal, PatchSummary};
pub(crate) use report::{announced, to_be_judged};
#[cfg(feature = "fuzzing")]
pub(crate) use text::TextFile;
pub use unified::UnifiedDiff;

/// Reads a patch, also one that comes in a command line that calls `apply_patch`. Its paths begin at `cwd`, or where that
/// line goes first: at the directory that is returned.
///
/// # Errors
/// A sentence about what is wrong.
pub(crate) fn read(text: &str, cwd: &Path) -> Result<(Patch, PathBuf), String> {
    let called = call::patch_of(text)?;
    let patch = parse(&called.patch).map_err(|error| error.to_string())?;
    let directory = cwd.join(&called.directory);
    match std::fs::metadata(&directory) {
        Ok(found) if found.is_dir() => Ok((patch, directory)),
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(format!("cannot look at {}: {error}", directory.display()))
        }
        _ => Err(format!("there is no directory {}", directory.display())),
    }
}
