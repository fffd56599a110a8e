//! S9, where it hides: plants in repositories within others, behind what others point to, in what the person's own
//! configuration names, and in what git has still to do.

use crate::git::{Plant, plant};

/// A repository that was there before, of the person's.
const NESTED: &str = "git init -q dep; cd dep; echo a >a; git add a; git commit -q -m one";

/// Makes `$e` the repository of `pot`, which git looks into as it is part of the repository around it.
const PART: &str = r#"
    mkdir -p .git/lfs pot; git init -q --bare "$e"
    (printf "gitdir: ../$e"; yes '' | head -6000) >pot/.git
    git --git-dir="$e" config core.bare false
    (cd pot; echo h >f; git add f; git commit -q -m one); git add pot
    git --git-dir="$e" config core.fsmonitor "$PWD/evil"
"#;

/// Copies what makes a repository, with a plant in it, to `$c` in the one of `dep`, and shares that.
const SHARED: &str = r#"
    mkdir -p "dep/.git/$c"; for part in $parts; do cp -r "dep/.git/$part" "dep/.git/$c"; done
    git config -f "dep/.git/$c/config" core.fsmonitor "$PWD/evil"
    (printf "$c"; yes '' | head -5000) >dep/.git/commondir
"#;

pub(crate) const PLANTS: &[Plant] = &[
    plant("s9_repository_behind_a_long_pointer", PART, "").with("e=.git/lfs/e"),
    plant("s9_repository_behind_odd_bytes", PART, "").with("e=.git/lfs/$(printf 'e\\377')"),
    plant(
        "s9_where_one_pushes_within_a_repository",
        "git init -q --bare .git/lfs/e; cp evil .git/lfs/e/hooks/pre-receive; git config remote.origin.url ./.git/lfs/e",
        "git push",
    ),
    plant(
        "s9_repository_where_only_objects_would_be",
        "mkdir -p t/objects t/refs pkg; touch t/HEAD; git init -q t/objects/proj; \
         git -C t/objects/proj config core.fsmonitor \"$PWD/evil\"; ln -s ../t/objects/proj pkg/lib",
        "cd pkg/lib; git status",
    ),
    plant("s9_common_directory_of_a_nested_repository", SHARED, "")
        .after(NESTED)
        .with("c=lfs/c parts='HEAD config objects refs'"),
    plant("s9_common_directory_without_a_head", SHARED, "")
        .after(NESTED)
        .with("c=objects/c parts='config objects/?? refs'; mkdir -p dep/.git/objects/c/objects"),
    plant(
        "s9_among_ten_thousand_directories",
        "git init -q pot; (cd pot; git commit -q --allow-empty -m one); git add pot; \
         git -C pot config core.fsmonitor \"$PWD/evil\"; mkdir z; cd z; seq -f ../%05g 10500 | xargs mkdir",
        "rmdir [0-9]*; git status",
    ),
    plant("s9_hook_where_hooks_are_looked_for", "cp evil .husky/pre-commit", "")
        .after("mkdir .husky; printf '#!/bin/sh\\n' >.husky/pre-commit; chmod +x .husky/pre-commit; git config core.hooksPath .husky"),
    plant("s9_hook_named_on_two_lines", "cp evil .husky/pre-commit", "")
        .after(r#"mkdir .husky; printf '#!/bin/sh\n' >.husky/pre-commit; chmod +x .husky/pre-commit; printf '[core]\n\thooksPath = .hus\\\nky\n' >>.git/config"#),
    plant("s9_hook_named_beside_what_is_no_text", "cp evil .husky/pre-commit", "")
        .after(r#"mkdir .husky; printf '#!/bin/sh\n' >.husky/pre-commit; chmod +x .husky/pre-commit; printf '[core]\n\thooksPath = .husky\n[user]\n\tname = Andr\351\n' >>.git/config"#),
    plant("s9_hook_named_beside_an_alias_of_two_lines", "cp evil .husky/pre-commit", "")
        .after(r#"mkdir .husky; printf '#!/bin/sh\n' >.husky/pre-commit; chmod +x .husky/pre-commit; printf '[core]\n\thooksPath = .husky\n[alias]\n\tx = "!f() { \\\n echo; }; f"\n' >>.git/config"#),
    plant("s9_hook_named_behind_a_mark_of_byte_order", "cp evil .husky/pre-commit", "")
        .after(r#"mkdir .husky; printf '#!/bin/sh\n' >.husky/pre-commit; chmod +x .husky/pre-commit; printf '\357\273\277' | cat - .git/config >c; printf '[core]\n\thooksPath = .husky\n' >>c; mv c .git/config"#),
    plant("s9_hook_put_where_hooks_are_looked_for", "cp evil .husky/post-commit", "")
        .after("mkdir .husky; git config core.hooksPath .husky"),
    plant(
        "s9_configuration_that_is_included",
        "git config -f .gitconfig core.fsmonitor ./evil",
        "",
    )
    .after("git config include.path ../.gitconfig"),
    plant(
        "s9_step_of_a_rebase",
        "GIT_SEQUENCE_EDITOR='printf \"break\\nexec ./evil\\n\" >' git rebase -q -i HEAD~1",
        "git rebase --continue",
    ),
    plant(
        "s9_step_of_a_rebase_in_a_nested_repository",
        "cd dep; GIT_SEQUENCE_EDITOR='printf \"break\\n\\tx ../evil\\n\" >' git rebase -q -i --root",
        "cd dep; git rebase --continue",
    )
    .after(NESTED),
];
