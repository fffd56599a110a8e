//! S9: repositories that git is told to push to, and whose hooks it runs. Each plant is as in `git.rs`.

use crate::git::{Plant, plant};

/// Came with the project.
const PUSHED_TO: &str = r#"
    git init -q --bare fixtures/evil.git; printf '#!/bin/sh\n%s/evil\n' "$PWD" >fixtures/evil.git/hooks/pre-receive
    chmod +x fixtures/evil.git/hooks/pre-receive
"#;

const REWRITTEN: &str = r#"
    git init -q --bare fixtures/evil.git; printf '#!/bin/sh\n%s/evil\n' "$PWD" >fixtures/evil.git/hooks/pre-receive
    chmod +x fixtures/evil.git/hooks/pre-receive; git config url.$PWD/fixtures/.insteadOf x:
"#;

/// What runs is elsewhere, and only its configuration names it.
const NAMED_BY_ANOTHER: &str = r#"
    git init -q --bare fixtures/evil.git; rm -r fixtures/evil.git/hooks; mkdir fixtures/h
    printf '#!/bin/sh\n%s/evil\n' "$PWD" >fixtures/h/pre-receive; chmod +x fixtures/h/pre-receive
    git config -f fixtures/evil.git/config core.hooksPath "$PWD/fixtures/h"
"#;

/// It shares what another one has.
const SHARING: &str = r#"
    mkdir fixtures/sharing; cp fixtures/evil.git/HEAD fixtures/sharing/; echo ../evil.git >fixtures/sharing/commondir
"#;

/// Pushes to the plant's remote.
const PUSH: &str = "git push far HEAD:refs/heads/x";

pub(crate) const PLANTS: &[Plant] = &[
    plant(
        "s9_hook_of_a_repository_that_is_pushed_to",
        "git remote add far fixtures/evil.git",
        "git push far HEAD:refs/heads/x",
    )
    .after(PUSHED_TO),
    plant(
        "s9_hook_of_a_repository_that_a_branch_is_pushed_to",
        "git config branch.$(git branch --show-current).pushRemote ./fixtures/evil",
        "git push",
    )
    .after(PUSHED_TO),
    plant(
        "s9_remote_in_a_file_of_its_own",
        "mkdir -p .git/remotes; echo 'URL: fixtures/evil.git' >.git/remotes/far",
        PUSH,
    )
    .after(PUSHED_TO),
    plant(
        "s9_remote_in_a_file_for_a_branch",
        "mkdir -p .git/branches; echo 'fixtures/evil.git#x' >.git/branches/far",
        PUSH,
    )
    .after(PUSHED_TO),
    plant(
        "s9_remote_in_a_file_of_a_repository_that_appears",
        "git clone -q . new; mkdir -p new/.git/remotes; echo 'URL: ../fixtures/evil.git' >new/.git/remotes/far",
        "cd new; git push far HEAD:refs/heads/x",
    )
    .after(PUSHED_TO),
    plant("s9_address_in_numbers", "git remote add far file://$PWD/fixtures/%65vil.git", PUSH)
        .after(PUSHED_TO),
    plant("s9_address_with_a_host", "git remote add far file://here$PWD/fixtures/evil.git", PUSH)
        .after(PUSHED_TO),
    plant(
        "s9_address_that_is_rewritten",
        "git remote add far x:evil.git",
        PUSH,
    )
    .after(REWRITTEN),
    plant("s9_address_in_the_home", "git remote add far '~/../workspace/fixtures/evil.git'", PUSH)
        .after(PUSHED_TO),
    plant(
        "s9_address_of_a_file_that_points",
        "echo \"gitdir: fixtures/evil.git\" >file; git remote add far ./file",
        PUSH,
    )
    .after(PUSHED_TO),
    plant("s9_address_with_slashes_behind_it", "git remote add far fixtures/evil//", PUSH)
        .after(PUSHED_TO),
    plant(
        "s9_address_that_is_called_like_a_remote",
        "git remote add fixtures/evil https://example.invalid/x; git remote add far fixtures/evil",
        PUSH,
    )
    .after(PUSHED_TO),
    plant(
        "s9_remote_with_a_long_configuration",
        "git remote add far fixtures/evil.git",
        PUSH,
    )
    .after_both(NAMED_BY_ANOTHER, "yes '#' | head -1000000 >>fixtures/evil.git/config"),
    plant(
        "s9_remote_with_a_linked_configuration",
        "git remote add far fixtures/evil.git",
        PUSH,
    )
    .after_both(NAMED_BY_ANOTHER, "mv fixtures/evil.git/config fixtures/c; ln -s ../c fixtures/evil.git/config"),
    plant(
        "s9_remote_with_a_configuration_for_one_worktree",
        "git remote add far fixtures/evil.git",
        PUSH,
    )
    .after_both(NAMED_BY_ANOTHER, r#"
        cd fixtures/evil.git; git config -f config.worktree core.hooksPath "$(git config -f config core.hooksPath)"
        git config -f config --unset core.hooksPath; git config -f config extensions.worktreeConfig true
    "#),
    plant("s9_remote_that_shares_hooks", "git remote add far fixtures/sharing", PUSH)
        .after_both(PUSHED_TO, SHARING),
    plant("s9_remote_that_shares_a_configuration", "git remote add far fixtures/sharing", PUSH)
        .after_both(NAMED_BY_ANOTHER, SHARING),
    plant("s9_address_that_leads_nowhere_yet", "git remote add far ./later/evil.git", PUSH)
        .then("ln -s fixtures later")
        .after(PUSHED_TO),
    plant(
        "s9_address_in_a_repository_that_appeared",
        "git clone -q . new; git -C new remote add far ../later/evil.git",
        "cd new; git push far HEAD:refs/heads/x",
    )
    .then("ln -s fixtures later")
    .after(PUSHED_TO),
    plant(
        "s9_remote_that_becomes_a_path",
        "git config branch.$(git branch --show-current).remote up",
        "git config push.default current; git push",
    )
    .then("ln -s fixtures/evil.git up")
    .after(PUSHED_TO),
    plant(
        "s9_remote_that_has_lost_its_address",
        "git config --unset remote.origin.url; ln -s fixtures/evil.git origin",
        "git config push.default current; git push",
    )
    .after(PUSHED_TO),
];
