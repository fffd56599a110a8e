//! What an attack is, and the few words the attacks share.

use std::io;
use std::path::{Path, PathBuf};

/// One try at breaking a promise. It is given the home: outside the roots, with things worth attacking; the working
/// directory is the workspace.
#[derive(Clone, Copy)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// The reduced tier does not promise it.
    pub(crate) on_full: bool,
    /// Nobody else could do it without a sandbox either.
    pub(crate) as_root: bool,
    /// Whoever runs it does so on a terminal (`terminal.rs`).
    pub(crate) on_terminal: bool,
    /// Writable roots beside the workspace.
    pub(crate) added: &'static [&'static str],
    /// Done without a sandbox in any case, by the process that begins one.
    pub(crate) before: fn(&Path) -> io::Result<()>,
    pub(crate) run: fn(&Path) -> io::Result<()>,
}

pub(crate) const fn attack(name: &'static str, run: fn(&Path) -> io::Result<()>) -> Attack {
    let before: fn(&Path) -> io::Result<()> = |_| Ok(());
    Attack { name, on_full: false, as_root: false, on_terminal: false, added: &[], before, run }
}

impl Attack {
    pub(crate) const fn on_full(self) -> Self {
        Self { on_full: true, ..self }
    }

    pub(crate) const fn as_root(self) -> Self {
        Self { as_root: true, ..self }
    }

    pub(crate) const fn with_roots(self, added: &'static [&'static str]) -> Self {
        Self { added, ..self }
    }

    pub(crate) const fn after(self, before: fn(&Path) -> io::Result<()>) -> Self {
        Self { before, ..self }
    }

    pub(crate) const fn on_terminal(self) -> Self {
        Self { on_terminal: true, ..self }
    }
}

/// What a system call said.
pub(crate) fn check(code: impl Into<i64>) -> io::Result<i64> {
    match code.into() {
        -1 => Err(io::Error::last_os_error()),
        code => Ok(code),
    }
}

/// It was not refused, but came to nothing.
pub(crate) fn unless(worked: bool) -> io::Result<()> {
    if worked { Ok(()) } else { Err(io::Error::other("to no effect")) }
}

/// This system cannot be attacked in that way.
pub(crate) fn impossible() -> io::Error {
    io::ErrorKind::Unsupported.into()
}

/// A number from one of the files that say where things are.
pub(crate) fn number(home: &Path, name: &str) -> io::Result<i32> {
    let text = std::fs::read_to_string(home.join(name))?;
    text.trim().parse().map_err(io::Error::other)
}

/// A name for something of the attacker's own: in the workspace, or where even `read-only` lets it write.
pub(crate) fn own(name: &str) -> PathBuf {
    let probe = Path::new(".probe");
    let writable = std::fs::write(probe, "").is_ok();
    let _ = std::fs::remove_file(probe);
    if writable { name.into() } else { Path::new("/tmp").join(name) }
}
