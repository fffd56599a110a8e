//! The patch tool's inside: what a patch says (`parse`), where it leads (`place`), what it makes of the files
//! (`plan` and what that stands on, all pure), and how that gets onto the disk (`look`, `write`, `slot`), also through a crash (`journal`). The tool itself is
//! `apply_patch.rs`.

mod apply;
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
mod unquote;
mod wrapper;
mod write;

pub(crate) use apply::apply;
#[cfg(feature = "fuzzing")]
pub(crate) use hunks::apply as apply_hunks;
pub(crate) use journal::{Journal, PatchJournal};
pub use journal::{recover_patches, recover_patches_of_others};
pub(crate) use parse::{GRAMMAR, Patch, parse};
#[cfg(feature = "fuzzing")]
pub(crate) use parse::{HunkLine, Section};
pub(crate) use place::{Places, Roots, changed, resolve_all};
pub use preview::{PatchPreview, PreviewedChange};
pub(crate) use report::announced;
pub use report::{PatchRefusal, PatchSummary};
#[cfg(feature = "fuzzing")]
pub(crate) use text::TextFile;
