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
