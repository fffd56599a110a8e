//! S9, S10, S11: what lies on the way to something is moved, and with it what is known by its path alone: the workspace, or
//! a secret. A command then writes to, or reads, what nobody looks at any more.

use crate::git::{Plant, plant};
use crate::going::Going;

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

/// What is said of a secret by whoever has read it.
const TOLD: &str = "if grep -qs secret found; then touch ~/mark; fi";

/// The home, as a writable root.
const HOME: &[&str] = &["../home"];

const SECRETS: &str = r#"
    mkdir -p ~/.docker ~/.config/gh; echo secret >~/.docker/config.json; echo secret >~/.config/gh/hosts.yml
"#;

const MOVED: &[&str] = &[
    "mv ~/.ssh ~/s; mv ~/.docker ~/d; mv ~/.config ~/c; mkdir ~/.ssh ~/.docker ~/.config",
    "cat ~/s/id ~/d/config.json ~/c/gh/hosts.yml >found",
];

/// In the full tier nothing of it can be moved.
const FURTHER: &[&str] = &[
    "mkdir ~/x; mv ~/.ssh ~/x; mv ~/.docker ~/x; mv ~/.config ~/x",
    "cat ~/x/.ssh/id ~/x/.docker/config.json ~/x/.config/gh/hosts.yml >found",
];

const LED: &str = r#"
    mkdir ~/dotfiles; mv ~/.ssh ~/dotfiles/ssh; ln -s dotfiles/ssh ~/.ssh
    mkdir ~/dotfiles/config ~/dotfiles/config/gh; echo secret >~/dotfiles/config/gh/hosts.yml; ln -s dotfiles/config ~/.config
"#;

const WITHOUT_LINKS: &[&str] = &[
    "rm ~/.ssh; mv ~/.config ~/c; echo >~/.config",
    "cat ~/dotfiles/ssh/id ~/dotfiles/config/gh/hosts.yml >found",
];

const fn going(
    name: &'static str,
    before: &'static str,
    commands: &'static [&'static str],
) -> Going {
    Going { name, before, commands, later: TOLD, roots: HOME, threads: false }
}

const fn anew(going: Going) -> Going {
    Going { threads: true, ..going }
}

pub(crate) const GOING: &[Going] = &[
    going("s11_going_on_where_secrets_were_moved", SECRETS, MOVED),
    anew(going("s11_beginning_anew_where_secrets_were_moved", SECRETS, MOVED)),
    going("s11_going_on_where_secrets_were_moved_further", SECRETS, FURTHER),
    anew(going("s11_beginning_anew_where_secrets_were_moved_further", SECRETS, FURTHER)),
    going("s11_going_on_where_links_led_to_secrets", LED, WITHOUT_LINKS),
    anew(going("s11_beginning_anew_where_links_led_to_secrets", LED, WITHOUT_LINKS)),
    // The room of the last command is built while the one before runs.
    going(
        "s11_going_on_while_secrets_are_elsewhere",
        SECRETS,
        &[
            "true",
            "mv ~/.ssh ~/s; mv ~/.config ~/c; sleep .3",
            "cat ~/s/id ~/c/gh/hosts.yml ~/.ssh/id ~/.config/gh/hosts.yml >found",
        ],
    ),
    going(
        "s11_going_on_by_another_name_of_a_secret",
        "echo secret >~/.netrc",
        &["ln ~/.netrc ~/n || cp ~/.netrc ~/n", "cat ~/n >found"],
    ),
];
