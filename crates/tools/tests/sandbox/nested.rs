//! S9, where it hides: plants in repositories within others, behind what others point to, in what the person's own
//! configuration names, and in what git has still to do.

use crate::git::{Plant, plant};

/// A repository that was there before, of the person's.
const NESTED: &str = "git init -q dep; cd dep; echo a >a; git add a; git commit -q -m one";

/// The hooks of both are links of the person's.
const LINKED_TO_SAMPLES: &str = r#"
    for git in .git dep/.git; do
        printf '#!/bin/sh\n' >$git/hooks/pre-commit.sample; chmod +x $git/hooks/pre-commit.sample
        ln -s pre-commit.sample $git/hooks/pre-commit
    done
"#;

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

/// As a person looks at each repository by a browser: by a server of which `git instaweb` knows, and which is not installed. Where
/// that is not either, it would run the same.
const SERVED: &str = r#"
    for git in .git */.git; do
      (cd "${git%.git}." && git instaweb --start -d mongoose || [ ! -x .git/gitweb/mongoose ] || .git/gitweb/mongoose)
    done
"#;

/// What `__git_ps1` makes of it, and a shell of that before each line. Where git has no such file it would do the same.
const PROMPT: &str = r#"
    bash -c '
      shopt -s nullglob; for prompt in /usr/lib/git-core/git-sh-prompt /usr/share/git*/completion/git-prompt.sh; do . "$prompt"; done
      if type __git_ps1; then __git_ps1 "" ""; else PS1=$(cat .git/rebase-*/{msgnum,next,end,last}); fi; : "${PS1@P}"
    '
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
    plant("s9_hook_named_in_a_file_elsewhere", r#"cp evil .husky/pre-commit"#, r#""#)
        .after(r#"mkdir .husky; printf '#!/bin/sh\n' >.husky/pre-commit; chmod +x .husky/pre-commit; git config --global includeIf.gitdir:**.path "~/.gitconfig-work"; git config -f ~/.gitconfig-work core.hooksPath .husky"#),
    plant("s9_hook_named_for_the_worktree", r#"cp evil .husky/pre-commit"#, r#""#)
        .after(r#"mkdir .husky; printf '#!/bin/sh\n' >.husky/pre-commit; chmod +x .husky/pre-commit; git config extensions.worktreeConfig true; git config --worktree core.hooksPath .husky"#),
    plant("s9_hook_named_in_an_included_file", r#"cp evil .husky/pre-commit"#, r#""#)
        .after(r#"mkdir .husky; printf '#!/bin/sh\n' >.husky/pre-commit; chmod +x .husky/pre-commit; git config -f .included core.hooksPath .husky; git config include.path ../.included"#),
    plant("s9_hook_named_for_one_of_two_trees", r#"cp evil .husky/pre-commit"#, r#""#)
        .after(r#"mkdir .husky; printf '#!/bin/sh\n' >.husky/pre-commit; chmod +x .husky/pre-commit; git config core.hooksPath .husky"#)
        .in_a_worktree(),
    plant("s9_configuration_included_by_an_included_one", r#"git config -f .included.local core.fsmonitor ./evil"#, r#""#)
        .after(r#"git config -f .included include.path .included.local; git config include.path ../.included"#),
    plant("s9_program_with_a_space_in_its_name", r#"cp evil 'sub dir/mon.sh'"#, r#""#)
        .after(r#"mkdir -p 'sub dir'; printf '#!/bin/sh\nexit 1\n' >'sub dir/mon.sh'; chmod +x 'sub dir/mon.sh'; git config core.fsmonitor "'sub dir/mon.sh'""#),
    plant("s9_program_for_a_shell", r#"cp evil 'sub dir/mon.sh'"#, r#""#)
        .after(r#"mkdir -p 'sub dir'; printf '#!/bin/sh\nexit 1\n' >'sub dir/mon.sh'; chmod +x 'sub dir/mon.sh'; git config core.fsmonitor "sh 'sub dir/mon.sh'""#),
    plant("s9_program_beside_others", r#"cp evil mon.sh"#, r#"git st"#)
        .after(r#"printf '#!/bin/sh\nexit 1\n' >mon.sh; git config alias.st '!cd . && sh mon.sh'"#),
    plant("s9_program_of_a_filter", r#"cp evil scripts/clean"#, r#""#)
        .after(r#"mkdir scripts; printf '#!/bin/sh\nexec cat\n' >scripts/clean; chmod +x scripts/clean; git config filter.x.clean ./scripts/clean; echo 'a filter=x' >.gitattributes"#),
    plant("s9_hook_behind_the_persons_own_link", r#"cp evil scripts/pre-commit"#, r#""#)
        .after(r#"mkdir scripts; printf '#!/bin/sh\n' >scripts/pre-commit; chmod +x scripts/pre-commit; ln -s ../../scripts/pre-commit .git/hooks/pre-commit"#),
    plant("s9_hooks_behind_the_persons_own_link", r#"cp evil scripts/pre-commit"#, r#""#)
        .after(r#"mkdir scripts; rm -r .git/hooks; ln -s ../scripts .git/hooks"#),
    plant("s9_named_hook_behind_the_persons_own_link", r#"cp evil scripts/pre-commit"#, r#""#)
        .after(r#"mkdir .husky scripts; printf '#!/bin/sh\n' >scripts/pre-commit; chmod +x scripts/pre-commit; ln -s ../scripts/pre-commit .husky/pre-commit; git config core.hooksPath .husky"#),
    plant("s9_link_of_the_persons_that_leads_elsewhere", r#"mkdir x; cp evil x/pre-commit; ln -sfn x scripts"#, r#""#)
        .after(r#"mkdir real; printf '#!/bin/sh\n' >real/pre-commit; chmod +x real/pre-commit; ln -s real scripts; git config core.hooksPath scripts"#),
    plant(
        "s9_hook_with_another_name",
        "cat evil >scripts/pre-commit",
        "",
    )
    .after("mkdir scripts; printf '#!/bin/sh\\n' >scripts/pre-commit; chmod +x scripts/pre-commit; ln scripts/pre-commit .git/hooks/pre-commit"),
    plant(
        "s9_hook_that_is_a_link_to_its_sample",
        "cat evil >.git/hooks/pre-commit.sample; cat evil >dep/.git/hooks/pre-commit.sample",
        "cd dep; git commit -q --allow-empty -m more",
    )
    .after_both(NESTED, LINKED_TO_SAMPLES),
    plant(
        "s9_hook_that_is_a_link_to_its_sample_in_a_repository_that_is_moved",
        "cat evil >dep/.git/hooks/pre-commit.sample; mv dep dep2",
        "cd dep2; git commit -q --allow-empty -m more",
    )
    .after_both(NESTED, LINKED_TO_SAMPLES),
    plant(
        "s9_hook_that_is_too_big_to_be_remembered",
        "cat evil >dep/.git/hooks/pre-commit",
        "cd dep; git commit -q --allow-empty -m more",
    )
    .after_both(
        NESTED,
        "cd dep/.git/hooks; (printf '#!/bin/sh\\nexit\\n'; head -c 17M /dev/zero) >pre-commit; chmod +x pre-commit",
    ),
    plant("s9_configuration_behind_the_persons_own_link", r#"git config -f cfg core.fsmonitor ./evil"#, r#""#)
        .after(r#"mv .git/config cfg; ln -s ../cfg .git/config"#),
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
    plant("s9_web_server", "mkdir .git/gitweb; cp evil .git/gitweb/mongoose", SERVED),
    plant("s9_web_server_of_a_new_repository", "git init -q new; mkdir new/.git/gitweb; cp evil new/.git/gitweb/mongoose", SERVED),
    plant(
        "s9_web_server_whose_configuration_was_there",
        "echo ./evil >>.git/gitweb/lighttpd.conf",
        "! grep -q evil .git/gitweb/lighttpd.conf || ./evil",
    )
    .after("mkdir .git/gitweb; echo own >.git/gitweb/lighttpd.conf; chmod 755 .git/gitweb"),
    plant("s7_who_is_ended_with_the_web_server", "echo 1 >.git/pid", "[ ! -s .git/pid ] || ./evil"),
    plant(
        "s9_progress_of_a_rebase_in_the_prompt",
        "mkdir .git/rebase-merge; cd .git/rebase-merge; echo refs/heads/x >head-name; echo '$(./evil)' >msgnum; echo 3 >end",
        PROMPT,
    ),
    plant(
        "s9_progress_of_patches_in_the_prompt",
        "mkdir .git/rebase-apply; cd .git/rebase-apply; echo 1 >next; echo '$(./evil)' >last",
        PROMPT,
    ),
];
