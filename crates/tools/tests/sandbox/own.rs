//! What is the person's own, and has to be there after a command (S9, S15): however a repository lies in another one,
//! and whatever they did while the command ran.

use crate::Outcome;
use crate::place::{Host, Place};

/// All are scripts for bash.
pub(crate) struct Own {
    pub(crate) name: &'static str,
    /// Done by the person beforehand, and while the command runs.
    before: &'static str,
    meanwhile: &'static str,
    script: &'static str,
    /// What the command does after that.
    then: &'static str,
    /// Has to go well afterwards; `$tier` is the tier.
    check: &'static str,
    /// The workspace is the person's home.
    at_home: bool,
}

const fn own(
    name: &'static str,
    before: &'static str,
    script: &'static str,
    check: &'static str,
) -> Own {
    Own { name, before, meanwhile: "", script, then: "", check, at_home: false }
}

impl Own {
    const fn while_it_runs(self, meanwhile: &'static str) -> Self {
        Self { meanwhile, ..self }
    }

    const fn and_then(self, then: &'static str) -> Self {
        Self { then, ..self }
    }

    const fn at_home(self) -> Self {
        Self { at_home: true, ..self }
    }
}

const NESTED: &str = r#"
    git init -q -b main .; git init -q dep; cd dep
    printf '#!/bin/sh\n' >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit
    git config filter.lfs.clean cat; git config credential.helper store
"#;

/// Two repositories with a hook each, which are to be closed.
const CLOSED: &str = r#"
    git init -q -b main .; git init -q dep
    for git in .git dep/.git; do printf '#!/bin/sh\necho own >>own\n' >$git/hooks/pre-commit; chmod +x $git/hooks/pre-commit; done
"#;

const CLOSED_IS_THERE: &str = r#"
    chmod 700 .git/hooks dep/.git/hooks
    for tree in . dep; do (cd $tree; git -c user.name=A -c user.email=a@b commit -q --allow-empty -m x); done
    test "$(cat own dep/own)" = "$(printf 'own\nown')"; test ! -e mark; test ! -e dep/mark
"#;

const NESTED_IS_THERE: &str = r#"
    test -x dep/.git/hooks/pre-commit; test "$(git -C dep config filter.lfs.clean)" = cat
    test "$(git -C dep config credential.helper)" = store
"#;

const SUPER: &str = r#"
    git init -q -b main .; git init -q dep; git -C dep -c user.name=A -c user.email=a@b commit -q --allow-empty -m x
    git init -q super; cd super; git -c protocol.file.allow=always submodule --quiet add ../dep sub; cd .git/modules/sub
    printf '#!/bin/sh\n' >hooks/pre-commit; chmod +x hooks/pre-commit; git config -f config filter.lfs.clean cat
"#;

const NESTED_IS_MOVED: &str = r#"
    test ! -s said; test -x x/dep/.git/hooks/pre-commit; test "$(git -C x/dep config filter.lfs.clean)" = cat
"#;

const SKILLS: &str = r#"
    mkdir -p .codex/skills; for i in $(seq 700); do echo own >.codex/skills/$i; done; echo own >.codex/config.toml
"#;

pub(crate) const OWN: &[Own] = &[
    own(
        "s9_own_clone_that_knows_where_it_is_from",
        "",
        "git init -q -b main a; git -C a -c user.name=A -c user.email=a@b commit -q --allow-empty -m x; git clone -q a b",
        r#"test "$(git -C b remote get-url origin)" = "$PWD/a"; git -C b pull -q"#,
    ),
    own(
        "s9_own_clones_of_a_repository_with_settings",
        r#"
        git init -q -b main a; git -C a -c user.name=A -c user.email=a@b commit -q --allow-empty -m x
        git -C a config uploadpack.allowFilter true; git -C a config receive.denyCurrentBranch updateInstead
        git -C a config core.sharedRepository group; git -C a config http.postBuffer 1000000
    "#,
        "git clone -q --filter=blob:none file://$PWD/a b; git clone -q --mirror a c; git clone -q --depth 1 file://$PWD/a d",
        r#"
        test ! -s said; for clone in b c d; do git -C $clone fetch -q; done; test "$(git -C c config remote.origin.mirror)" = true
        test "$(git -C b config remote.origin.promisor)" = true
    "#,
    ),
    own(
        "s9_own_submodule_that_a_command_adds",
        "git init -q -b main .; git init -q dep; git -C dep -c user.name=A -c user.email=a@b commit -q --allow-empty -m x",
        "git -c protocol.file.allow=always submodule --quiet add ./dep some/sub",
        r#"
        test "$(git -C some/sub config core.worktree)" = ../../../../some/sub
        test -z "$(find . -name '*.aside-*')"; test "$(git -C some/sub rev-parse --show-toplevel)" = "$PWD/some/sub"
    "#,
    ),
    own(
        "s9_own_nested_repository_that_is_touched",
        NESTED,
        "chmod -R u+w dep; touch dep/.git/config dep/.git/hooks/*",
        NESTED_IS_THERE,
    ),
    own(
        "s9_own_nested_repository_with_a_setting_more",
        NESTED,
        "git -C dep config user.name y",
        r#"test "$(git -C dep config user.name)" = y; test "$(git -C dep config filter.lfs.clean)" = cat"#,
    ),
    own(
        "s9_own_nested_repository_that_is_turned",
        NESTED,
        r#"
        git -C dep config core.fsmonitor ./evil; echo evil >>dep/.git/hooks/pre-commit
        cp dep/.git/hooks/pre-commit dep/.git/hooks/post-commit
    "#,
        r#"
        test -x dep/.git/hooks/pre-commit; test ! -e dep/.git/hooks/post-commit
        test "$(git -C dep config filter.lfs.clean)" = cat; test -z "$(git -C dep config core.fsmonitor)"
        test -z "$(grep evil dep/.git/hooks/pre-commit)"; grep -q evil dep/.git/pre-commit.aside-*
        grep -q fsmonitor dep/.git/config.aside-*; test ! -x dep/.git/post-commit.aside-*
    "#,
    ),
    own(
        "s9_own_repository_that_is_turned_and_closed",
        "git init -q -b main .; git config alias.st status",
        "git config core.fsmonitor ./evil; chmod 500 .git",
        r#"
        test -z "$(git config core.fsmonitor)"; test "$(git config alias.st)" = status
        grep -q fsmonitor .git/config.aside-*; test "$(stat -c %a .git)" = 500
    "#,
    ),
    own(
        "s9_own_hooks_in_directories_that_cannot_be_listed",
        CLOSED,
        r#"
        for git in .git dep/.git; do
            echo 'touch mark' >>$git/hooks/pre-commit; cp $git/hooks/pre-commit $git/hooks/post-commit; chmod 311 $git/hooks
        done
    "#,
        CLOSED_IS_THERE,
    ),
    own(
        "s9_own_hooks_in_directories_that_are_closed",
        CLOSED,
        r#"
        for git in .git dep/.git; do
            echo 'touch mark' >>$git/hooks/pre-commit; cp $git/hooks/pre-commit $git/hooks/post-commit; chmod 0 $git/hooks
        done
    "#,
        CLOSED_IS_THERE,
    ),
    own(
        "s9_own_directory_with_closed_hooks_is_left_alone",
        "git init -q -b main .; git init -q dep; chmod 311 dep/.git/hooks; chmod 0 .git/hooks",
        "touch a",
        "test ! -e .git/hooks.aside-*; test -z \"$(grep 'put back\\|took away' said)\"",
    ),
    own(
        "s9_own_directory_that_is_closed_over_a_plant",
        "git init -q -b main .; git init -q d/dep",
        r#"
        mkdir d/e; git init -q d/e/new
        for git in d/dep/.git d/e/new/.git; do
            git config -f $git/config core.fsmonitor "touch $PWD/mark; false"
            printf '#!/bin/sh\ntouch "%s/mark"\n' "$PWD" >$git/hooks/pre-commit; chmod +x $git/hooks/pre-commit
        done
        chmod 500 d/e/new/.git; chmod 311 d/e; chmod 600 d
    "#,
        r#"
        test "$(stat -c %a d)" = 600; chmod 700 d; test "$(stat -c %a d/e)" = 311; test "$(stat -c %a d/e/new/.git)" = 500
        chmod 700 d/e d/e/new/.git; test -z "$(grep 'could not put back' said)"
        for tree in d/dep d/e/new; do git -C $tree -c user.name=A -c user.email=a@b commit -q --allow-empty -m x; done; test ! -e mark
    "#,
    ),
    own(
        "s9_own_work_while_a_command_runs",
        "git init -q -b main .",
        "",
        r#"
        grep -qs 'st = status' .git/config .git/config.aside-*
        grep -qs own .agent/config.toml .agent.aside-*/config.toml
        cat new/.git/hooks/pre-commit new/.git/pre-commit.aside-* | grep -q own
        grep -q aside- said
    "#,
    )
    .while_it_runs(
        "git config alias.st status; mkdir .agent; echo own >.agent/config.toml; git init -q new; echo own >new/.git/hooks/pre-commit",
    ),
    own(
        "s9_own_files_that_no_command_can_change",
        "git init -q -b main .; mkdir .agent; echo old >.agent/config.toml; rm -f .git/hooks/*",
        "",
        r#"
        test $tier = reduced || grep -q own .agent/config.toml
        test $tier = reduced || test -x .git/hooks/pre-commit
        test $tier = reduced || test ! -s said
        grep -qs own .agent/config.toml config.toml.aside-*
        cat .git/hooks/pre-commit .git/pre-commit.aside-* | grep -q own
    "#,
    )
    .while_it_runs(
        "echo own >.agent/config.toml; echo own >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit",
    ),
    own(
        "s9_own_configuration_that_is_replaced_while_it_is_pinned",
        "git config --global alias.st status; git config --global user.name own",
        "",
        r#"
        test -z "$(git config --global core.fsmonitor)"; test "$(git config --global alias.st)" = status
        test "$(git config --global user.name)" = own; grep -q aside- said
        test $tier = reduced || test "$(git config --global user.email)" = own
        test $tier = reduced || grep -q fsmonitor .gitconfig.aside-*
    "#,
    )
    .while_it_runs("git config --global user.email own")
    .and_then("git config --global core.fsmonitor ./evil")
    .at_home(),
    own(
        "s9_own_configuration_that_is_replaced_and_left_alone",
        "git config --global alias.st status",
        "",
        r#"
        test $tier = reduced || test ! -s said
        test $tier = reduced || test "$(git config --global user.email)" = own
        test "$(git config --global alias.st)" = status
    "#,
    )
    .while_it_runs("git config --global user.email own")
    .at_home(),
    own(
        "s9_own_files_whose_place_is_taken",
        "git init -q -b main .; rm -f .git/hooks/*; mkdir .codex; echo own >.codex/config.toml; echo own >.bashrc",
        "",
        r#"
        test ! -e .git/hooks/pre-commit; test "$(cat .bashrc)" = own
        test "$(cat .codex/config.toml)" = own
        cat .bashrc.aside-* | grep -q evil
    "#,
    )
    .while_it_runs(
        "cp .bashrc x; mv x .bashrc; mv .codex old; cp -r old .codex; mv .git/hooks h; cp -r h .git/hooks",
    )
    .and_then("echo evil >>.bashrc; echo evil >.codex/config.toml; echo evil >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit")
    .at_home(),
    own(
        "s10_own_files_of_a_large_directory",
        SKILLS,
        "echo evil >.codex/skills/new || true; rm .codex/skills/7 || true",
        r#"
        test "$(ls .codex/skills | wc -l)" = 700; test ! -e .codex/skills/new
        test "$(cat .codex/config.toml .codex/skills/7)" = "$(printf 'own\nown')"
    "#,
    ),
    own(
        "s15_work_where_links_in_the_home_lead",
        r#"
        git init -q -b main .; git init -q dev/plugin; mkdir -p src $HOME/.vim/pack/own/start $HOME/.agents/skills
        ln -s $PWD/dev/plugin $HOME/.vim/pack/own/start/plugin; ln -s $PWD $HOME/.vim/here; ln -s $PWD/.. $HOME/.vim/above
        ln -s $HOME $HOME/.vim/home; echo own >gitignore; ln -s $PWD/gitignore $HOME/.vim/gitignore
    "#,
        r#"
        touch new src/new dev/new; cd dev/plugin; echo a >a; git add a
        git -c user.name=A -c user.email=a@b commit -q -m one; cd ../..; rm -r src; git add new
    "#,
        r#"
        test ! -s said; test -e new; test ! -e src; test "$(git -C dev/plugin log --format=%s)" = one; git ls-files | grep -q new
    "#,
    ),
    own(
        "s15_repository_behind_the_persons_own_link",
        "git init -q -b main .; mv .git store; ln -s store .git",
        "git -c user.name=A -c user.email=a@b commit -q --allow-empty -m one",
        "test \"$(git log --format=%s)\" = one; test ! -s said",
    ),
    own(
        "s9_own_nested_repository_that_is_moved",
        NESTED,
        "mkdir x; mv dep x/dep",
        NESTED_IS_MOVED,
    ),
    own(
        "s9_own_repository_that_is_moved_with_its_submodule",
        SUPER,
        "mv super super2",
        "test ! -s said; git=super2/.git/modules/sub; test -x $git/hooks/pre-commit; test \"$(git config -f $git/config filter.lfs.clean)\" = cat",
    ),
    // It may be a stranger's, among the files; what git has been led to is another thing.
    own(
        "s9_own_bare_repository_that_is_moved",
        "mkdir srv; git init -q --bare srv/r.git; printf '#!/bin/sh\\n' >srv/r.git/hooks/post-receive",
        "mv srv server",
        "grep -q aside- said; test -e server/r.git/post-receive.aside-*",
    ),
    own(
        "s9_own_repository_that_another_one_replaces",
        "git init -q a; git -C a config alias.st status; git init -q b; git -C b config remote.origin.url https://h/b; printf '#!/bin/sh\\n' >b/.git/hooks/pre-push",
        "mv a c; mv b a",
        r#"
        test ! -s said; test "$(git -C a config remote.origin.url)" = https://h/b; test -e a/.git/hooks/pre-push
        test -z "$(git -C a config alias.st)"; test "$(git -C c config alias.st)" = status
    "#,
    ),
    own(
        "s9_own_clone_in_the_place_of_another_repository",
        "git init -q up; git init -q n; git -C n config alias.st status; git -C n config remote.origin.url https://h/n",
        "rm -rf n; git clone -q up n",
        r#"test "$(git -C n config remote.origin.url)" = "$PWD/up"; test -z "$(git -C n config alias.st)""#,
    ),
    own(
        "s9_own_submodule_that_is_moved",
        "git init -q -b main .; git init -q dep; git -C dep -c user.name=A -c user.email=a@b commit -q --allow-empty -m x; git -c protocol.file.allow=always submodule --quiet add ./dep sub",
        "git mv sub sub2",
        "test ! -s said; git status; git -C sub2 log",
    ),
    own(
        "s9_own_repositories_of_which_not_all_can_be_remembered",
        r#"
        for name in a b c d; do git init -q $name; head -c 15000000 /dev/zero >$name/.git/hooks/pre-commit; done
        git -C d config alias.st status
    "#,
        "echo evil >d/.git/hooks/pre-push; chmod +x d/.git/hooks/pre-push",
        r#"
        test -s d/.git/hooks/pre-commit; test "$(git -C d config alias.st)" = status
        test ! -e d/.git/hooks/pre-push; test "$(grep -c aside- said)" = 1
    "#,
    ),
    own(
        "s9_own_tree_that_is_removed_with_what_is_named_in_it",
        "git init -q n; mkdir n/h; echo x >n/h/pre-commit; git -C n config core.hooksPath h",
        "rm -rf n",
        "test ! -s said; test ! -e n",
    ),
    own(
        "s9_own_tree_that_is_moved_from_its_repository",
        "mkdir store; git init -q --separate-git-dir=store/lib.git lib; printf '#!/bin/sh\\n' >store/lib.git/hooks/pre-commit",
        "mv lib lib2",
        "test ! -s said; git -C lib2 status; test -e store/lib.git/hooks/pre-commit",
    ),
    own(
        "s9_own_nested_repository_that_gets_a_worktree",
        NESTED,
        "cd dep; git -c user.name=A -c user.email=a@b commit -q --no-verify --allow-empty -m one; git worktree add -q ../w",
        "test ! -s said; git -C w status; test \"$(git -C w config filter.lfs.clean)\" = cat",
    ),
    own(
        "s15_hooks_that_nobody_may_read",
        r#"
        git init -q -b main .; git init -q dep
        for git in .git dep/.git; do
            echo '#!/bin/sh' >$git/hooks/pre-push; echo x >$git/info/attributes
            chmod 0111 $git/hooks/pre-push; chmod 0200 $git/info/attributes
        done
    "#,
        "echo a >a",
        "test ! -s said",
    ),
    own(
        "s15_settings_that_stay",
        "git init -q -b main .; mkdir src; echo a >src/a; git add src; git -c user.name=A -c user.email=a@b commit -q -m one",
        "git sparse-checkout set src",
        r#"test "$(git config core.sparseCheckout)" = true; git sparse-checkout list | grep -q src; test ! -s said"#,
    ),
];

impl Own {
    pub(crate) fn works(&self, user: u32, host: &Host) -> bool {
        let place = Place::new(user, host);
        self.run_unconfined(&place, self.before);
        self.run_unconfined(
            &place,
            &format!("(set +e\n{}\n{}\n)\ntouch begun", self.script, self.then),
        );
        place.workspace.join("begun").exists()
    }

    pub(crate) fn outcome(&self, user: u32, tier: &str, host: &Host) -> Outcome {
        let place = Place::new(user, host);
        self.run_unconfined(&place, self.before);
        let waits = "touch begun; until [ -e done ]; do sleep 0.02; done";
        let waits = if self.meanwhile.is_empty() { "" } else { waits };
        let script = format!("{}\n{waits}\n{}", self.script, self.then);
        let part = if self.at_home { "line-at-home" } else { "line" };
        let ran = std::thread::scope(|scope| {
            if !self.meanwhile.is_empty() {
                scope.spawn(|| {
                    let waits = "until [ -e begun ]; do sleep 0.02; done";
                    let script = format!("{waits}\n{}\ntouch done", self.meanwhile);
                    self.run_unconfined(&place, &script);
                });
            }
            place.run(&[part, tier, &script])
        });
        std::fs::write(place.workspace.join("said"), &ran.said).expect("a file");
        let check = format!("exec >checked 2>&1; set -ex; tier={tier}\n{}\ntouch held", self.check);
        self.run_unconfined(&place, &check);
        if place.workspace.join("held").exists() {
            return Outcome::Held;
        }
        let checked = std::fs::read_to_string(place.workspace.join("checked")).unwrap_or_default();
        Outcome::Trouble(format!("({tier}) {}\n{checked}", ran.said))
    }

    fn run_unconfined(&self, place: &Place, script: &str) {
        let home = if self.at_home { "export HOME=$PWD\n" } else { "" };
        place.run_unconfined(&format!("{home}{script}"));
    }
}
