//! S9: what a command leaves behind for git to run later, outside the sandbox. Each plant is a script; without the
//! sandbox, what it plants has to grow: `evil` runs, and makes a mark outside the workspace.

use crate::place::{Host, Place};

/// Makes the repository ready, by its owner.
const SETUP: &str = include_str!("setup.sh");

/// What a person does sooner or later in all repositories that lie there.
const VISIT: &str = r#"
    find . -maxdepth 8 \( -name .git -o -name HEAD \) -not -path './.git/*' -printf '%h\n' | sort -u | while read -r place; do
      (cd "$place" && git status; git log -1 -p; git diff)
    done
    echo more >>a; git add -A; git commit -m more; git log -1 --show-signature
"#;

/// Makes the workspace a worktree of a repository outside of it.
pub(crate) const WORKTREE: &str = r#"
    [ -d .git ] || { git init -q -b main . && git -c user.name=A -c user.email=a@b commit -q --allow-empty -m zero; }
    mkdir ../main && mv .git ../main/.git && git -C ../main worktree add -q --detach ../tree &&
      mv ../tree/.git . && rm -r ../tree && git -C ../main worktree repair "$PWD"
"#;

/// Far from the command, deaf to all signals that can be ignored, and known by the lock it holds.
const OUTLIVE: &str = r#"
    (setsid bash -c 'trap "" TERM HUP INT; exec 9>lock; flock 9; touch locked; exec sleep 6' >/dev/null 2>&1 &)
    until [ -e locked ]; do :; done
"#;

/// Comes with a stranger's files: all of a repository but the name of one file.
pub(crate) const PARTS: &str = r#"
    mkdir -p v/data/objects v/data/refs v/data/hooks; echo 'ref: refs/heads/main' >v/data/HEAD.txt; cp evil v/
    printf '[core]\n\trepositoryformatversion = 0\n\tfsmonitor = ./evil\n' >v/data/config; cp evil v/data/hooks/pre-commit
"#;

/// The same, whole: of no work tree, so nobody meets it. With one that leads to it, and hooks; and a repository of the person's.
const STRANGERS: &str = r#"
    mkdir -p v/data/objects v/data/refs; echo 'ref: refs/heads/main' >v/data/HEAD; cp evil v/
    printf '[core]\n\trepositoryformatversion = 0\n\tfsmonitor = ./evil\n' >v/data/config
    mkdir a1 h; cp v/data/HEAD a1/; echo ../v/data >a1/commondir; cp evil h/pre-commit; git init -q k
"#;

/// The same beside a directory of the person's.
const STRANGERS_AND_MORE: &str = r#"
    mkdir -p src v/data/objects v/data/refs; echo 'ref: refs/heads/main' >v/data/HEAD
    printf '[core]\n\trepositoryformatversion = 0\n\tfsmonitor = ./evil\n\tworktree = .\n' >v/data/config
"#;

/// One without hooks and harmful settings, of which a part has them.
const WITH_A_PART: &str = r#"
    mkdir -p d/objects d/refs d/modules/x/objects d/modules/x/refs w/sub; cp .git/HEAD d/; cp .git/HEAD d/modules/x/
    printf '[core]\n\trepositoryformatversion = 0\n\tfsmonitor = ./evil\n' >d/modules/x/config; cp evil w/; cp evil w/sub/
"#;

/// A repository of the person's whose hooks lie in its tree, where its configuration names them.
const NAMING: &str = r#"
    git init -q n; mkdir n/h; printf '#!/bin/sh\n' >n/h/pre-commit; chmod +x n/h/pre-commit; git -C n config core.hooksPath h
    git -C n add -A; git -C n commit -qm n; touch n/f
"#;

pub(crate) struct Plant {
    pub(crate) name: &'static str,
    /// Done beforehand, by the person.
    before: &'static str,
    /// After that.
    and: &'static str,
    /// What the command does.
    script: &'static str,
    /// Before it, in the same script.
    with: &'static str,
    /// What another one does then.
    then: &'static str,
    /// What the person does later, beside the usual.
    later: &'static str,
    in_a_worktree: bool,
}

impl Plant {
    pub(crate) const fn in_a_worktree(self) -> Self {
        Self { in_a_worktree: true, ..self }
    }

    pub(crate) const fn after(self, before: &'static str) -> Self {
        Self { before, ..self }
    }

    pub(crate) const fn after_both(self, before: &'static str, and: &'static str) -> Self {
        Self { before, and, ..self }
    }

    pub(crate) const fn then(self, then: &'static str) -> Self {
        Self { then, ..self }
    }

    pub(crate) const fn with(self, with: &'static str) -> Self {
        Self { with, ..self }
    }
}

pub(crate) const fn plant(name: &'static str, script: &'static str, later: &'static str) -> Plant {
    Plant { name, before: "", and: "", script, with: "", then: "", later, in_a_worktree: false }
}

pub(crate) const PLANTS: &[Plant] = &[
    plant("s9_hook", "cp evil .git/hooks/pre-commit", ""),
    plant(
        "s9_hooks_of_all_names",
        "for h in post-checkout post-index-change pre-push post-merge pre-rebase reference-transaction; do cp evil .git/hooks/$h; done",
        "git checkout -q -b other",
    ),
    plant(
        "s9_hooks_moved_away",
        "mv .git/hooks .git/old; mkdir .git/hooks; cp evil .git/hooks/pre-commit",
        "",
    ),
    plant(
        "s9_hooks_behind_a_link",
        "rm -r .git/hooks; mkdir h; cp evil h/pre-commit; ln -s ../h .git/hooks",
        "",
    ),
    plant("s9_hook_by_rename", "cp evil .git/x; mv .git/x .git/hooks/pre-commit", ""),
    plant(
        "s9_hook_by_link",
        "ln evil .git/hooks/pre-commit || ln -s ../../evil .git/hooks/pre-commit",
        "",
    ),
    plant(
        "s9_configuration_in_a_directory_that_is_closed",
        "git config core.fsmonitor ./evil; chmod 500 .git",
        "",
    ),
    plant("s9_hooks_path", "git config core.hooksPath h; mkdir h; cp evil h/pre-commit", ""),
    plant("s9_fsmonitor", "git config core.fsmonitor ./evil", ""),
    plant(
        "s9_fsmonitor_written_oddly",
        "printf '[CORE] FSMonitor = \"./ev\"il ; x\\n' >>.git/config",
        "",
    ),
    plant(
        "s9_fsmonitor_over_two_lines",
        "printf '[core]\\nfsmonitor = ./ev\\\\\\nil\\n' >>.git/config",
        "",
    ),
    plant(
        "s9_fsmonitor_in_a_file_without_line_ends",
        "printf '[core]repositoryformatversion=0\\n[core]fsmonitor=./evil' >.git/config",
        "",
    ),
    plant(
        "s9_configuration_replaced",
        "cp .git/config c; printf '[core]\\nfsmonitor=./evil\\n' >>c; mv c .git/config",
        "",
    ),
    plant(
        "s9_configuration_behind_a_link",
        "cp .git/config c; printf '[core]\\nfsmonitor=./evil\\n' >>c; rm .git/config; ln -s ../c .git/config",
        "",
    ),
    plant("s9_pager", "git config core.pager ./evil", "script -qec 'git log -1' /dev/null"),
    plant(
        "s9_pager_of_one_command",
        "git config pager.log ./evil",
        "script -qec 'git log -1' /dev/null",
    ),
    plant("s9_editor", "git config core.editor ./evil", "git commit --amend"),
    plant("s9_editor_of_a_sequence", "git config sequence.editor ./evil", "git rebase -i HEAD~1"),
    plant("s9_ssh", "git config core.sshCommand ./evil", "git ls-remote ssh://127.0.0.1:1/x"),
    plant("s9_proxy", "git config core.gitProxy ./evil", "git ls-remote git://127.0.0.1:1/x"),
    plant("s9_filter", "git config filter.x.clean ./evil; echo 'a filter=x' >.gitattributes", ""),
    plant(
        "s9_filter_process",
        "git config filter.x.process ./evil; echo 'a filter=x' >.gitattributes",
        "",
    ),
    plant(
        "s9_filter_in_hidden_attributes",
        "git config filter.x.smudge ./evil; mkdir -p .git/info; echo 'a filter=x' >.git/info/attributes",
        "rm a; git checkout a",
    ),
    plant(
        "s9_textconv",
        "git config diff.x.textconv ./evil; echo 'a diff=x' >.gitattributes",
        "echo y >>a; git diff",
    ),
    plant(
        "s9_diff_of_one_kind",
        "git config diff.x.command ./evil; echo 'a diff=x' >.gitattributes",
        "echo y >>a; git diff",
    ),
    plant("s9_diff", "git config diff.external ./evil", "echo y >>a; git diff"),
    plant(
        "s9_difftool",
        "git config diff.tool x; git config difftool.x.cmd ./evil",
        "git difftool -y HEAD~1",
    ),
    plant(
        "s9_merge_driver",
        "git config merge.x.driver ./evil; echo 'a merge=x' >.gitattributes; git add .gitattributes; git commit -q -m attributes",
        "git merge side",
    ),
    plant(
        "s9_mergetool",
        "git config merge.tool x; git config mergetool.x.cmd ./evil",
        "git merge side; git mergetool -y",
    ),
    plant("s9_alias", "git config alias.st '!./evil'", "git st"),
    plant(
        "s9_credentials",
        "git config credential.helper \"$PWD/evil\"",
        "printf 'protocol=https\\nhost=x\\n\\n' | git credential fill",
    ),
    plant(
        "s9_askpass",
        "git config core.askPass ./evil",
        "printf 'protocol=https\\nhost=x\\n\\n' | GIT_TERMINAL_PROMPT=1 git credential fill",
    ),
    plant(
        "s9_include",
        "printf '[core]\\nfsmonitor=./evil\\n' >c; git config include.path ../c",
        "",
    ),
    plant(
        "s9_include_if",
        "printf '[core]\\nfsmonitor=./evil\\n' >c; git config includeIf.gitdir:**.path ../c",
        "",
    ),
    plant("s9_signature", "git config gpg.program ./evil; git config commit.gpgsign true", ""),
    plant("s9_upload_pack", "git config remote.origin.uploadpack ./evil", "git fetch"),
    plant(
        "s9_address_that_is_a_program",
        "git config remote.origin.url 'ext::sh -c ./evil'; git config protocol.ext.allow always",
        "git fetch",
    ),
    plant(
        "s9_address_rewritten",
        "git config url.'ext::sh -c ./evil '.insteadOf ../; git config protocol.ext.allow always",
        "git fetch",
    ),
    plant(
        "s9_trailer",
        "git config trailer.issue.cmd ./evil",
        "printf 'x\\n\\nIssue: 1\\n' | git interpret-trailers --trailer issue=1",
    ),
    plant(
        "s9_submodule_update",
        "git config submodule.sub.update '!../evil'; rm -rf sub/a; git update-index --cacheinfo 160000,$(git rev-parse HEAD~1),sub",
        "git submodule update --force",
    ),
    plant(
        "s9_configuration_of_the_worktree",
        "git config extensions.worktreeConfig true; git config --worktree core.fsmonitor ./evil",
        "",
    ),
    plant(
        "s9_common_directory",
        "cp -r .git common; printf '[core]\\nfsmonitor=./evil\\n' >>common/config; echo ../common >.git/commondir",
        "",
    ),
    plant(
        "s9_repository_replaced",
        "mv .git old; cp -r old .git; cp evil .git/hooks/pre-commit",
        "",
    ),
    plant(
        "s9_repository_behind_a_file",
        "mv .git old; cp evil old/hooks/pre-commit; echo 'gitdir: old' >.git",
        "",
    ),
    plant(
        "s9_repository_behind_a_link",
        "mv .git old; cp evil old/hooks/pre-commit; ln -s old .git",
        "",
    ),
    plant("s9_configuration_of_a_submodule", "git -C sub config core.fsmonitor ../evil", ""),
    plant(
        "s9_hook_of_a_submodule",
        "mkdir -p .git/modules/sub/hooks; cp evil .git/modules/sub/hooks/post-checkout; cp evil .git/modules/sub/hooks/post-index-change",
        "cd sub; touch -d \"2 days ago\" a; git status; git checkout -q -b other",
    ),
    plant(
        "s9_submodule_that_points_elsewhere",
        "cp -r .git/modules/sub elsewhere; git config -f elsewhere/config core.worktree ../sub; git config -f elsewhere/config core.fsmonitor ../evil; echo 'gitdir: ../elsewhere' >sub/.git",
        "",
    ),
    plant(
        "s9_repository_that_appears",
        "git init -q new; git -C new config core.fsmonitor ../evil",
        "",
    ),
    plant(
        "s9_hook_of_a_repository_that_appears",
        "git init -q new; cp evil new/.git/hooks/post-index-change; touch new/f; git -C new add f; touch -d yesterday new/f",
        "cd new; touch -d \"2 days ago\" f; git status",
    ),
    plant("s9_repository_by_two_names", "cd v; mv data/HEAD.txt data/HEAD; mv data .git", "").after(PARTS),
    plant(
        "s9_hook_of_a_repository_by_two_names",
        "cd v; mv data/HEAD.txt data/HEAD; git -C data config --unset core.fsmonitor; mv data .git",
        "cd v; touch f; git add f; git commit -m x",
    )
    .after(PARTS),
    plant("s9_repository_in_two_steps", "cd v; mv data .git", "")
        .then("cd v; mv .git/HEAD.txt .git/HEAD")
        .after(PARTS),
    plant(
        "s9_repository_by_a_name_elsewhere",
        "mkdir q; mv v q/v; cd q/v; mv data .git; mv .git/HEAD.txt .git/HEAD",
        "",
    )
    .after(PARTS),
    plant(
        "s9_repository_by_a_name_and_a_pointer",
        "cd v; mv data/HEAD.txt data/HEAD; echo 'gitdir: data' >.git",
        "",
    )
    .after(PARTS),
    plant(
        "s9_repository_by_a_name_and_a_link",
        "cd v; mv data/HEAD.txt data/HEAD; ln -s data .git",
        "",
    )
    .after(PARTS),
    plant(
        "s9_repository_by_a_name_that_is_shared",
        "cd v; mv data/HEAD.txt data/HEAD; mkdir .git; cp data/HEAD .git/; echo ../data >.git/commondir",
        "",
    )
    .after(PARTS),
    plant("s9_strangers_repository_by_its_name", "cd v; mv data .git", "").after(STRANGERS),
    plant("s9_strangers_repository_by_a_pointer", "cd v; echo 'gitdir: data' >.git", "")
        .after(STRANGERS),
    plant("s9_strangers_repository_by_a_link", "cd v; ln -s data .git", "").after(STRANGERS),
    plant(
        "s9_strangers_repository_where_a_link_leads",
        "ln -s v/data/objects src",
        "cd src; git update-ref refs/tags/x $(git hash-object -w /dev/null)",
    )
    .after("mkdir -p v/data/objects v/data/refs v/data/hooks; cp .git/HEAD v/data/; cp evil v/data/hooks/reference-transaction"),
    plant("s9_strangers_repository_that_is_moved", "mv v/data g; cd v; echo 'gitdir: ../g' >.git", "")
        .after(STRANGERS),
    plant("s9_strangers_repository_that_is_moved_behind_a_link", "mv v/data g; ln -s ../g v/.git", "")
        .after(STRANGERS),
    plant(
        "s9_strangers_repository_in_the_place_of_a_directory",
        "mv src old; mv v/data src; cp evil src/",
        "git -C src status",
    )
    .after(STRANGERS_AND_MORE),
    plant("s9_part_of_a_strangers_repository", "echo 'gitdir: ../d' >w/.git", "")
        .then("echo 'gitdir: ../../d/modules/x' >w/sub/.git")
        .after(WITH_A_PART),
    plant("s9_part_of_a_strangers_repository_by_its_name", "echo 'gitdir: ../d' >w/.git", "")
        .then("mv d/modules/x w/sub/.git")
        .after(WITH_A_PART),
    plant(
        "s9_module_that_is_no_repository_yet",
        "mkdir -p .git/modules/x/hooks new; cp evil .git/modules/x/hooks/pre-commit; git config -f .git/modules/x/config core.fsmonitor ./evil; cp evil new/",
        "",
    )
    .then("cd .git/modules/x; mkdir objects refs; cp ../../HEAD .; echo 'gitdir: ../.git/modules/x' >../../../new/.git"),
    plant(
        "s9_named_in_a_repository_that_is_moved",
        "mv n m; cp evil m/h/pre-commit",
        "cd m; git add f; git commit -m x",
    )
    .after(NAMING),
    plant(
        "s9_named_in_a_worktree",
        "git -C n worktree add -q ../m; cp evil m/h/pre-commit",
        "cd m; touch f; git add f; git commit -m x",
    )
    .after(NAMING),
    plant(
        "s9_named_in_another_tree",
        "mkdir -p sub/h; cp evil sub/h/pre-commit; echo 'gitdir: ../n/.git' >sub/.git",
        "cd sub; touch f; git add f; git commit -m x",
    )
    .after(NAMING),
    plant(
        "s9_named_everywhere_in_a_new_repository",
        "git init -q new; mkdir new/h; cp evil new/h/pre-commit",
        "cd new; touch f; git add f; git commit -m x",
    )
    .after("git config --global core.hooksPath h"),
    plant(
        "s9_linked_hook_of_a_repository_that_is_moved",
        "mv n m; cp evil m/h/pre-commit",
        "cd m; git add f; git commit -m x",
    )
    .after("git init -q n; mkdir n/h; printf '#!/bin/sh\\n' >n/h/pre-commit; chmod +x n/h/pre-commit; ln -s ../../h/pre-commit n/.git/hooks/pre-commit; touch n/f"),
    plant(
        "s9_strangers_repository_that_is_shared",
        "cd v; mkdir .git; cp data/HEAD .git/; echo ../data >.git/commondir",
        "",
    )
    .after(STRANGERS),
    plant(
        "s9_strangers_repository_with_a_worktree",
        r#"
        w=v/data/worktrees/s; mkdir -p src $w; cp evil src/; echo 'gitdir: ../v/data/worktrees/s' >src/.git
        echo ../.. >$w/commondir; cp v/data/HEAD $w/; echo "$PWD/src/.git" >$w/gitdir
    "#,
        "",
    )
    .after(STRANGERS),
    plant(
        "s9_strangers_repository_shared_by_a_moved_one",
        "mv k src; echo ../../v/data >src/.git/commondir; cp evil src/",
        "",
    )
    .after(STRANGERS),
    plant(
        "s9_strangers_repository_that_another_one_shares",
        "mkdir src; echo 'gitdir: ../a1' >src/.git; cp evil src/",
        "",
    )
    .after(STRANGERS),
    plant(
        "s9_strangers_repository_in_another_one",
        "mkdir src; echo 'gitdir: ../v/data' >src/.git; cp evil src/; touch v/HEAD; mkdir v/objects v/refs",
        "",
    )
    .after(STRANGERS),
    plant(
        "s9_strangers_repository_behind_a_space",
        r#"git init -q src; cp evil src/; cd src/.git; ln -s ../../v/data " x"; printf ' x\n' >commondir"#,
        "",
    )
    .after(STRANGERS),
    plant(
        "s9_old_hooks_that_are_moved",
        "rm -rf k/.git/hooks; mv h k/.git/hooks; mv k k2",
        "cd k2; touch f; git add f; git commit -m x",
    )
    .after(STRANGERS),
    plant("s9_strangers_repository_of_the_root", "mv v/x/.git .git", "").after(
        "rm -rf .git; git init -q v/x; git -C v/x config core.fsmonitor ./evil",
    ),
    plant(
        "s9_repository_of_two_threads",
        "mkdir two; echo 'ref: refs/heads/main' >two/HEAD; printf '[core]\\nrepositoryformatversion = 0\\nbare = false\\nworktree = .\\nfsmonitor = ../evil\\n' >two/config",
        "",
    )
    .then("mkdir two/objects two/refs"),
    plant(
        "s9_repository_that_appears_deep_down",
        "git init -q a1/b/c/d/e; git -C a1/b/c/d/e config core.fsmonitor \"$PWD/evil\"",
        "",
    ),
    plant(
        "s9_bare_repository",
        "git init -q --bare new; git -C new config core.bare false; git -C new config core.worktree .; git -C new config core.fsmonitor ../evil",
        "",
    ),
    plant(
        "s9_bare_repository_of_another_name",
        "git init -q new; git -C new config core.fsmonitor ../evil; mv new/.git new/store; echo 'gitdir: store' >new/.git",
        "",
    ),
    plant(
        "s9_directory_that_becomes_a_repository",
        "git init -q new; git -C new config core.fsmonitor ../evil; mv new/.git new/store; ln -s store new/.git",
        "",
    ),
    plant(
        "s9_worktree_that_points_elsewhere",
        "git worktree add -q tree; cp -r .git elsewhere; git config -f elsewhere/config core.fsmonitor ../evil; echo 'gitdir: ../elsewhere' >tree/.git",
        "",
    ),
    plant(
        "s9_worktree_with_another_common_directory",
        "git worktree add -q tree; cp -r .git elsewhere; git config -f elsewhere/config core.fsmonitor ../evil; echo \"$PWD/elsewhere\" >.git/worktrees/tree/commondir",
        "",
    ),
    plant(
        "s9_where_one_pushes",
        "git init -q --bare new; cp evil new/hooks/pre-receive; git config remote.origin.url ./new",
        "git push",
    ),
    plant("s9_hook_of_a_repository_outside", "cp evil $(git rev-parse --git-common-dir)/hooks/pre-commit", "")
        .in_a_worktree(),
    plant(
        "s9_configuration_of_a_repository_outside",
        "git config core.fsmonitor \"$PWD/evil\"",
        "cd ../main; git status",
    )
    .in_a_worktree(),
    plant(
        "s9_common_directory_of_a_worktree_outside",
        "cp -r ../main/.git elsewhere; git config -f elsewhere/config core.fsmonitor \"$PWD/evil\"; \
         echo \"$PWD/elsewhere\" >$(git rev-parse --git-dir)/commondir",
        "",
    )
    .in_a_worktree(),
    plant(
        "s9_configuration_of_one_worktree_outside",
        "git config extensions.worktreeConfig true; git config --worktree core.fsmonitor \"$PWD/evil\"",
        "",
    )
    .in_a_worktree(),
    // Our own configuration is obeyed as git's is.
    plant(
        "s10_configuration_of_ours",
        "mkdir .agent; echo x >.agent/config.toml",
        "[ ! -e .agent/config.toml ] || touch ~/mark",
    ),
    plant(
        "s10_configuration_behind_a_link",
        "mkdir c; echo x >c/config.toml; ln -s c .codex",
        "[ ! -e .codex/config.toml ] || touch ~/mark",
    ),
    plant(
        "s10_configuration_by_rename",
        "mkdir c; echo x >c/config.toml; mv c .agents",
        "[ ! -e .agents/config.toml ] || touch ~/mark",
    ),
    // No plant of git's, but the same in kind: what is left over runs on.
    plant("r8_outlive_the_command", OUTLIVE, "flock -w 2 lock true || touch ~/mark"),
];

impl Plant {
    /// Does it grow without a sandbox?
    pub(crate) fn grows(&self, user: u32, host: &Host) -> bool {
        let place = self.prepared(user, host);
        place.run_unconfined(&self.line());
        place.run_unconfined(self.then);
        self.visited(&place)
    }

    /// Does it grow when it was planted in the sandbox?
    pub(crate) fn grows_confined(&self, user: u32, tier: &str, host: &Host) -> bool {
        let place = self.prepared(user, host);
        place.run_line(tier, &self.line());
        if !self.then.is_empty() {
            place.run_line(tier, self.then);
        }
        self.visited(&place)
    }

    pub(crate) fn line(&self) -> String {
        format!("{}\n{}", self.with, self.script)
    }

    pub(crate) fn prepared(&self, user: u32, host: &Host) -> Place {
        let place = prepared(user, host);
        if self.in_a_worktree {
            place.run_unconfined(WORKTREE);
        }
        place.run_unconfined(self.before);
        place.run_unconfined(self.and);
        place
    }

    pub(crate) fn visited(&self, place: &Place) -> bool {
        place.run_unconfined(VISIT);
        place.run_unconfined(self.later);
        place.home.join("mark").exists()
    }
}

const CONFIGURATION: &str = "[user]\nname = A\nemail = a@b.c\n[safe]\ndirectory = *\n[core]\neditor = true\n[gc]\nauto = 0\n";

/// The repository is made once and copied.
pub(crate) fn prepared(user: u32, host: &Host) -> Place {
    let made = host.repository.get_or_init(|| {
        let place = Place::new(user, host);
        std::fs::write(place.home.join(".gitconfig"), CONFIGURATION).expect("a configuration");
        place.run_unconfined(SETUP);
        place
    });
    let place = Place::new(user, host);
    let from = made.home.parent().expect("its parent").display();
    place.run_unconfined(&format!("cp -a {from}/origin.git ..; cp -a {from}/workspace/. ."));
    std::fs::copy(made.home.join(".gitconfig"), place.home.join(".gitconfig")).expect("a copy");
    let mark = place.home.join("mark");
    let evil = format!("#!/bin/sh\ntouch '{}'\nexec timeout 1 cat\n", mark.display());
    std::fs::write(place.workspace.join("evil"), evil).expect("an evil program");
    place
}
