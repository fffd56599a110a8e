//! A signal that ends us is heard also where the terminal reads no more, as over a connection that hangs: whoever writes to
//! it waits then, and the screen is one thread with all that the agent does.

use std::io;
use std::sync::Once;
use std::time::Duration;

use super::system::{ended, ends};
use crate::raw;

/// Between two looks at the terminal.
const PAUSE: Duration = Duration::from_millis(50);

/// A terminal that is only slow has read something by so many of them.
const PATIENCE: u32 = 10;

static BEGUN: Once = Once::new();

/// Begins to watch, for as long as the process lives. Where the system gives no thread, nobody does.
pub(super) fn begin() {
    BEGUN.call_once(|| {
        let named = std::thread::Builder::new().name("watch".to_owned());
        let _ = named.spawn(|| watch().ok());
    });
}

fn watch() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut ends = ends()?;
        loop {
            ended(&mut ends).await;
            let mut full = 0;
            while raw::may_wait() {
                full = if raw::is_full() { full + 1 } else { 0 };
                if full >= PATIENCE {
                    raw::make_room();
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    })
}
