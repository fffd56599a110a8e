//! The agent: the loop over one session, the thread's state, its rollout. It never reads the environment, the
//! clock's zone or the terminal, and knows no front end: commands come in, records go out.

mod asides;
mod beneath;
mod calls;
mod changes;
mod compact;
mod conversation;
mod drafts;
mod history;
mod holder;
mod import;
mod inbox;
mod lookout;
mod meter;
mod opened;
mod own_line;
mod private;
mod prompt;
mod rollout;
mod step;
mod thread;
mod threads;
mod turn;
mod undo;

pub use beneath::copy_beneath;
pub use compact::CompactionStyle;
pub use history::History;
pub use holder::Holder;
pub use import::{CodexHome, Import, ImportError, Imported, import_codex};
pub use opened::Opened;
pub use private::{NotOurs, create_private_dir, replace, require_ours};
pub use prompt::{
    BASE_INSTRUCTIONS, DocSearch, Docs, GitFacts, Opening, Surroundings, approval_rule,
};
pub use rollout::{Loaded, Rollout, RolloutError, read_header, read_rollout};
pub use thread::{AnswerCheck, Limits, Log, Thread, ThreadConfig, ThreadHandle, new_thread_id};
pub use threads::{Among, Last, Listing, ThreadSummary, Threads, ThreadsError};
pub use undo::{
    Caps, Change, ChangeSet, Digest, Entry, EntryKind, Identity, Kept, KeptBecause, Origin, Plan,
    PlannedChange, RelativePath, Snapshots, UndoConfig, UndoError, UndoLog, UndoReport, Work,
};
