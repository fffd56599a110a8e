//! The terminals that commands are given. They are as large as the person's, and stay so, unless the model says
//! otherwise.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::sandbox::WindowSize;

/// The usual size, where the person has no terminal.
const USUAL: WindowSize = WindowSize { rows: 24, columns: 80 };

/// The size of a terminal as far as the model has said it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AskedSize {
    rows: Option<u16>,
    columns: Option<u16>,
}

impl AskedSize {
    /// Lengths that programs can be expected to work with; what is beyond is taken for the nearest of them.
    const SIDE: std::ops::RangeInclusive<u64> = 1..=1000;

    pub(crate) fn of(rows: Option<u64>, columns: Option<u64>) -> Self {
        let side = |length: Option<u64>| {
            u16::try_from(length?.clamp(*Self::SIDE.start(), *Self::SIDE.end())).ok()
        };
        Self { rows: side(rows), columns: side(columns) }
    }

    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// What was asked for last, and else what before it.
    fn after(self, earlier: Self) -> Self {
        Self { rows: self.rows.or(earlier.rows), columns: self.columns.or(earlier.columns) }
    }

    fn on(self, screen: Option<WindowSize>) -> WindowSize {
        let screen = screen.unwrap_or(USUAL);
        WindowSize {
            rows: self.rows.unwrap_or(screen.rows),
            columns: self.columns.unwrap_or(screen.columns),
        }
    }
}

/// Those of all commands of a thread.
#[derive(Default)]
pub(crate) struct Terminals(Mutex<State>);

#[derive(Default)]
struct State {
    /// The person's terminal, where there is one.
    screen: Option<WindowSize>,
    open: Vec<Weak<Terminal>>,
}

/// One of them: our end.
pub(crate) struct Terminal {
    descriptor: Arc<AsyncFd<OwnedFd>>,
    asked: Mutex<AskedSize>,
}

impl Terminals {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The size of one of which the model has said this much.
    pub(crate) fn size(&self, asked: AskedSize) -> WindowSize {
        asked.on(self.state().screen)
    }

    /// Takes care of the size of a terminal for as long as it lives.
    pub(crate) fn open(
        &self,
        descriptor: Arc<AsyncFd<OwnedFd>>,
        asked: AskedSize,
    ) -> io::Result<Arc<Terminal>> {
        let terminal = Arc::new(Terminal { descriptor, asked: Mutex::new(asked) });
        let mut state = self.state();
        // The person's may have changed while this one was being made.
        terminal.set_size(state.screen)?;
        state.open.retain(|open| open.strong_count() > 0);
        state.open.push(Arc::downgrade(&terminal));
        Ok(terminal)
    }

    /// The person's terminal has this size now.
    pub(crate) fn follow(&self, screen: WindowSize) {
        let mut state = self.state();
        state.screen = Some(screen);
        for terminal in state.open.iter().filter_map(Weak::upgrade) {
            // One whose command is over needs none.
            let _ = terminal.set_size(Some(screen));
        }
    }

    /// Gives one the size that the model asks for. What runs in it is told by a signal.
    ///
    /// # Errors
    /// When its command is over.
    pub(crate) fn resize(&self, terminal: &Terminal, asked: AskedSize) -> io::Result<()> {
        let state = self.state();
        {
            let mut before = terminal.asked();
            *before = asked.after(*before);
        }
        terminal.set_size(state.screen)
    }
}

impl Terminal {
    fn asked(&self) -> MutexGuard<'_, AskedSize> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_size(&self, screen: Option<WindowSize>) -> io::Result<()> {
        let WindowSize { rows, columns } = self.asked().on(screen);
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(self.descriptor.get_ref(), size)?)
    }

    /// Types into it, counting in `typed` the bytes that found room. Pends for as long as what runs in it reads nothing.
    /// Cancel safe.
    ///
    /// # Errors
    /// When its command is over.
    pub(crate) async fn write(&self, bytes: &[u8], typed: &mut usize) -> io::Result<()> {
        while *typed < bytes.len() {
            *typed += self
                .descriptor
                .async_io(Interest::WRITABLE, |terminal| {
                    Ok(rustix::io::write(terminal, &bytes[*typed..])?)
                })
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_does_not_say_is_as_on_the_persons_screen() {
        let terminals = Terminals::default();
        let size = |rows, columns| terminals.size(AskedSize::of(rows, columns));
        let is = |rows, columns| WindowSize { rows, columns };
        assert_eq!(size(None, None), USUAL);
        terminals.follow(is(50, 132));
        for (rows, columns, expected) in [
            (None, None, is(50, 132)),
            (None, Some(100), is(50, 100)),
            (Some(30), Some(100), is(30, 100)),
            (Some(0), Some(u64::MAX), is(1, 1000)),
        ] {
            assert_eq!(size(rows, columns), expected);
        }
    }
}
