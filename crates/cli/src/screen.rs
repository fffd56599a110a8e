//! What is known of standard output: whether a person reads it, how wide it is, whether it takes colours.

use std::io::{self, IsTerminal as _};

/// Where text that was asked for goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Columns.
    pub(crate) width: usize,
    pub(crate) coloured: bool,
    /// What is written there must not steer it.
    pub(crate) is_terminal: bool,
}

impl Screen {
    /// A pipe or a file.
    pub(crate) const PLAIN: Self = Self { width: 100, coloured: false, is_terminal: false };

    /// Standard output of this process.
    pub(crate) fn of_stdout() -> Self {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return Self::PLAIN;
        }
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let size = rustix::termios::tcgetwinsize(&stdout);
        let width = size.map_or(0, |size| usize::from(size.ws_col));
        Self {
            width: if width == 0 { Self::PLAIN.width } else { width },
            coloured: !is_set("NO_COLOR") && !is_dumb,
            is_terminal: true,
        }
    }

    /// `text` in the colour of this code, as `31`.
    pub(crate) fn paint(self, text: &str, code: &str) -> String {
        if self.coloured && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
