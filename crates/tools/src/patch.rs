//! The patch tool's inside: what a patch says (`parse`), what it makes of the files (`plan` and what that stands
//! on, all pure), and how that gets onto the disk (`disk`). The tool itself is `apply_patch.rs`.

mod hunks;
mod parse;
mod place;
mod plan;
mod seek;
mod text;
