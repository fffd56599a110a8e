//! Tells a thread how large the person's terminal is.

use agent_protocol::Command;
use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::tcgetwinsize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

/// Tells it now, and again whenever that changes, until the thread is gone. Where there is no terminal, nothing is told.
pub(crate) fn tell(commands: &UnboundedSender<Command>) {
    let Some(now) = size() else { return };
    let _ = commands.send(now);
    let Ok(mut changed) = signal(SignalKind::window_change()) else { return };
    // It must not be what keeps the thread alive.
    let commands = commands.downgrade();
    tokio::spawn(async move {
        while changed.recv().await.is_some() {
            let Some(commands) = commands.upgrade() else { return };
            if size().is_some_and(|size| commands.send(size).is_err()) {
                return;
            }
        }
    });
}

/// Of the first of our streams that is a terminal; one that does not know its size counts as none.
fn size() -> Option<Command> {
    let size = [stdout(), stderr(), stdin()]
        .into_iter()
        .find_map(|stream| tcgetwinsize(stream).ok())
        .filter(|size| size.ws_row > 0 && size.ws_col > 0)?;
    Some(Command::Resize { rows: size.ws_row, columns: size.ws_col })
}
