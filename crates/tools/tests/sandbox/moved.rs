//! S9, S10: what lies on the way to something is moved, and with it what is known by its path alone: the workspace.
//! A command then writes to what nobody looks at any more.

use crate::git::{Plant, plant};

/// The workspace lies in it, and so does another one that takes its place. Then goes on in the moved one.
const MOVE: &str = r#"
    up=$(dirname "$PWD"); mv "$up" "$up.moved" && mkdir -p "$up/workspace" || exit
    cd "$up.moved/workspace" || exit
"#;

/// The person finds what was moved, and puts it back.
const FOUND: &str = r#"
    up=$(dirname "$PWD"); if [ -e "$up.moved" ]; then rm -r "$up"; mv "$up.moved" "$up"; fi
    cd "$up/workspace"; git status; [ ! -e .agent/config.toml ] || touch ~/mark
"#;

pub(crate) const PLANTS: &[Plant] = &[
    plant("s9_where_the_workspace_was_moved", "git config core.fsmonitor ./evil", FOUND).with(MOVE),
    plant(
        "s10_where_the_workspace_was_moved",
        "mkdir -p .agent; echo x >.agent/config.toml",
        FOUND,
    )
    .with(MOVE),
];
