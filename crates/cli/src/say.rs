//! The ways out for words that a person reads: whatever they quote, they pass the terminal's filter here (S21). What
//! programs read, and a command's own output, does not come this way.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Says it in a line on standard error. A reader that has gone is no failure.
pub(crate) fn note(text: impl Display) {
    progress(&format!("{}\n", agent_tui::written(&text.to_string())));
}

/// Says it on standard error, with its colours.
pub(crate) fn progress(text: &str) {
    let mut err = io::stderr();
    let _ = err.write_all(agent_tui::printable(text).as_bytes()).and_then(|()| err.flush());
}

/// Prints on standard output what was asked for, with its colours.
///
/// # Errors
/// When whoever reads has gone.
pub(crate) fn answer(text: &str) -> io::Result<()> {
    for_programs(&agent_tui::printable(text))
}

/// The same to the last byte: for what a program reads.
///
/// # Errors
/// When whoever reads has gone.
pub(crate) fn for_programs(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}
