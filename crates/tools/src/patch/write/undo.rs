//! How what was done is taken back when something after it fails.

use std::fs::File;
use std::io;

use crate::patch::slot::{self, Slot};

/// How a step is taken back.
pub(super) enum Undo {
    Added {
        slot: Slot,
        inode: Option<u64>,
    },
    /// `kept` holds what was there; `inode` is that of what is there now.
    Replaced {
        slot: Slot,
        kept: Slot,
        inode: Option<u64>,
    },
    Removed {
        slot: Slot,
        kept: Slot,
    },
    Renamed {
        from: Slot,
        to: Slot,
    },
    Overwritten {
        slot: Slot,
        file: File,
        old: String,
    },
}

impl Undo {
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        let (one, other) = match self {
            Self::Added { slot, .. } | Self::Replaced { slot, .. } => (slot, None),
            Self::Removed { slot, .. } | Self::Overwritten { slot, .. } => (slot, None),
            Self::Renamed { from, to } => (from, Some(to)),
        };
        [Some(one), other].into_iter().flatten()
    }

    pub(super) fn take_back(self) -> io::Result<()> {
        match self {
            // Someone may have put another file there since.
            Self::Added { slot, inode } if slot.inode() != inode => Ok(()),
            Self::Added { slot, .. } => slot.remove(),
            Self::Replaced { slot, kept, inode } => put_back(&slot, kept, inode),
            Self::Removed { slot, kept } => kept.rename_new(&slot),
            Self::Renamed { from, to } => to.rename_new(&from),
            Self::Overwritten { mut file, old, .. } => slot::write_over(&mut file, &old),
        }
    }
}

/// Puts `kept` back in the place of our own file, and of no other: whoever put one there meanwhile keeps it.
fn put_back(slot: &Slot, kept: Slot, ours: Option<u64>) -> io::Result<()> {
    let others = |kept: &Slot| {
        let old = kept.path();
        io::Error::other(format!(
            "changed since, and left so; what it was before is {}",
            old.display()
        ))
    };
    if slot.inode() != ours {
        return Err(others(&kept));
    }
    let spare = kept.beside(&format!("{}-back", kept.name.to_string_lossy()));
    let displaced = kept.exchange(slot, spare)?;
    if displaced.inode() == ours {
        return displaced.remove();
    }
    // It came between the look and the exchange.
    let kept = displaced.exchange(slot, kept)?;
    Err(others(&kept))
}
