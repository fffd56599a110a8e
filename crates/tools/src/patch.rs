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
mod report;
mod seek;
mod shift;
mod slot;
mod text;
mod unified;
mod unquote;
mod wrapper;
mod write;

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

/// Reads a patch, also one that comes in a command line that calls `apply_patch`.
///
/// # Errors
/// A sentence about what is wrong.
pub(crate) fn read(text: &str) -> Result<Patch, String> {
    parse(&call::patch_of(text)?).map_err(|error| error.to_string())
}
