//! What the system tells of the terminal: its size, and signals.

use std::io;

use rustix::process::Signal as Number;
use rustix::stdio::stdout;
use rustix::termios::tcgetwinsize;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that mean something here.
pub(super) struct Signals {
    ends: Ends,
    resized: Signal,
    goes_on: Signal,
}

/// What a signal means.
pub(super) enum Told {
    Resized,
    /// After a stop that was not our doing.
    GoesOn,
    Ended(Number),
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            ends: ends()?,
            resized: signal(SignalKind::window_change())?,
            goes_on: signal(SignalKind::from_raw(Number::CONT.as_raw()))?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.resized.recv() => Told::Resized,
            _ = self.goes_on.recv() => Told::GoesOn,
            number = ended(&mut self.ends) => Told::Ended(number),
        }
    }
}

/// The signals that end us.
pub(super) type Ends = [(Signal, Number); 4];

pub(super) fn ends() -> io::Result<Ends> {
    let end = |number: Number| {
        signal(SignalKind::from_raw(number.as_raw())).map(|signal| (signal, number))
    };
    Ok([end(Number::TERM)?, end(Number::HUP)?, end(Number::INT)?, end(Number::QUIT)?])
}

/// Waits for the next of them.
pub(super) async fn ended([terminate, hang_up, interrupt, quit]: &mut Ends) -> Number {
    tokio::select! {
        _ = terminate.0.recv() => terminate.1,
        _ = hang_up.0.recv() => hang_up.1,
        _ = interrupt.0.recv() => interrupt.1,
        _ = quit.0.recv() => quit.1,
    }
}

/// Columns and rows; a terminal that does not know is taken for the usual one.
pub(super) fn size() -> (u16, u16) {
    let size = tcgetwinsize(stdout()).map_or((0, 0), |size| (size.ws_col, size.ws_row));
    if size.0 == 0 || size.1 == 0 { (80, 24) } else { size }
}
