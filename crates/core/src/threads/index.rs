//! The index of threads: what was told of each rollout when it was last read. Never the truth: it may be missing,
//! old or damaged at any time, and is then made anew.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::summary::Indexed;
use crate::private::replace;

/// Changes with the shape of [`Indexed`]: another one is not read.
const FORMAT: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Index {
    known: HashMap<String, Indexed>,
    current: Vec<Indexed>,
}

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    format: u32,
    threads: T,
}

impl Index {
    pub(super) fn read(path: &Path) -> Self {
        let stored = fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Stored<Vec<Indexed>>>(&bytes).ok());
        let threads = stored
            .filter(|stored| stored.format == FORMAT)
            .map(|stored| stored.threads)
            .unwrap_or_default();
        Self {
            known: threads.into_iter().map(|thread| (thread.id.clone(), thread)).collect(),
            current: Vec::new(),
        }
    }

    /// What is known of a thread that still exists; to be given back as it is now.
    pub(super) fn take(&mut self, id: &str) -> Option<Indexed> {
        self.known.remove(id)
    }

    pub(super) fn put(&mut self, thread: Indexed) {
        self.current.push(thread);
    }

    /// Whether it knows threads that exist no more.
    pub(super) fn has_stale(&self) -> bool {
        !self.known.is_empty()
    }

    /// Best effort: on a read-only disk there is just no index.
    pub(super) fn write(&self, path: &Path) {
        let stored = Stored { format: FORMAT, threads: &self.current };
        if let Ok(bytes) = serde_json::to_vec(&stored) {
            let _ = replace(path, &bytes);
        }
    }
}
