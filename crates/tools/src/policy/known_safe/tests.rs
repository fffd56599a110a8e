use std::path::Path;

use super::only_read;
use crate::policy::shell;

fn only_reads(line: &str, git_is_known: bool) -> bool {
    let commands = shell::commands(line);
    let known = git_is_known.then_some(Path::new("/w"));
    commands.is_some_and(|commands| only_read(&commands, known).iter().all(|known| *known))
}

#[test]
fn s19_lines_that_only_read_are_known() {
    for line in [
        "ls",
        "ls -la --color=never src",
        "pwd; whoami; id",
        "cd src && ls",
        "cat Cargo.toml | head -n 5 | wc -l",
        "head -20 a && tail -n +3 b",
        "echo 'rm -rf /'",
        "true || false",
        "which cargo",
        "stat -c %s a",
        "file --mime-type a",
        "date; date -u +%F; date -d yesterday +%s; date -Iseconds",
        "sort -k2,2 -n -t , a; sort -ru; sort --key 2 --reverse",
        "uniq -c; uniq -f 2 a",
        "cut -d: -f1 a; tr a b; nl a; basename a; dirname a; realpath a; readlink -f a",
        "test -f a && [ -d b ] && [ 1 -lt 2 ]",
        "grep -rn --include='*.rs' 'fn main' src",
        "grep -A3 -e x a; grep -c -m1 x a; egrep -i 'a|b' c",
        "rg -n -g '!target' --type rust 'unsafe|unwrap' src",
        "rg --files | rg -c x; rg -A 3 -U --json x",
        "find . -name '*.rs' -type f -not -path './target/*' -mtime -3 -print0",
        "find . \\( -name a -o -name b \\) -maxdepth 2 -printf '%p\\n'",
        "sed -n 3p a; sed -n 1,200p a b; sed -n '7,$p' a",
        "sed -n '1,20p;30,40p; $p' a; sed -n -e 1p a",
        "tac a; seq 3; du -sh .; df -h; sha256sum a; command -v cargo; printf '%s\\n' a",
        "printf '%-5s|%05.2f %% %d%%\\n' a 3 4; ls",
        "ls -la # all of them\n# and\npwd",
        "cd /w && git status",
        "git remote -v; git stash list; git tag; git tag -l 'v1.*'; git worktree list --porcelain",
        "git rev-list --count HEAD; git ls-tree -r --name-only HEAD src; git merge-base main HEAD; git cat-file -p HEAD:a",
        "diff -ru a b; cmp a b; comm -12 a b",
        "ls > /dev/null 2>&1",
        "git status --short --branch; git status -sb; git status --porcelain=v2",
        "git log --oneline -20; git log -n 3 -p -- src; git log --since='2 days ago' --format='%h %s'",
        "git diff; git diff --stat HEAD~1; git diff --cached -U5 -- a; git --no-pager diff main...HEAD",
        "git show; git show HEAD~3:a/b; git show --stat -s HEAD",
        "git branch; git branch -a -vv; git branch --list 'f*'; git branch --contains abc; git branch --show-current",
        "git branch --sort=-committerdate; git branch --merged",
        "git branch --sort version:refname --format='%(refname:short)%(if)%(HEAD)%(then)*%(end) %(color:red)%(*objectname)'",
        "git blame -L 3,9 a; git grep -n -e x -- src; git ls-files -o --exclude-standard; git rev-parse --show-toplevel",
    ] {
        assert!(only_reads(line, true), "{line}");
    }
}

#[test]
fn s19_lines_that_could_do_more_are_not() {
    for line in [
        // Programs that are not listed.
        "rm a",
        "touch a",
        "sh -c ls",
        "bash a",
        "env ls",
        "sudo ls",
        "xargs ls",
        "python3 -c 1",
        "awk 1",
        "tee a",
        "less a",
        "printf -v PATH x; ls",
        "printf %n PATH; ls",
        "printf '%%%n' PATH; ls",
        "printf '..%-3.2n' PATH; ls",
        "printf '%ln' PATH; ls",
        "printf '%*n' 3 PATH; ls",
        "printf '%'",
        "eval ls",
        "exec ls",
        ". a",
        "source a",
        "alias ls=rm",
        "set -o allexport",
        "hash -p /tmp/x ls",
        "enable -f /tmp/x.so ls",
        "trap 'rm a' EXIT",
        "ls; rm a",
        "ls && rm a",
        "ls | sh",
        "ls\nrm a",
        "./ls",
        "/tmp/ls",
        "../cat a",
        "LS",
        // What the line itself does.
        "ls > a",
        "cat a >> b",
        "echo x >| a",
        "ls 2> a",
        "ls &> a",
        "cat <(rm a)",
        "ls >(sh)",
        "echo $(rm a)",
        "echo \"$(rm a)\"",
        "echo `rm a`",
        "echo ${x:=y}",
        "cat $HOME/.ssh/id_rsa",
        "cat ~/.ssh/id_rsa",
        "PATH=. ls",
        "LD_PRELOAD=/tmp/x.so ls",
        "GIT_EXTERNAL_DIFF=/tmp/x git diff",
        "x=1",
        "ls &",
        "(ls)",
        "{ ls; }",
        "ls() { rm a; }; ls",
        "if true; then ls; fi",
        "for x in a; do ls; done",
        "cat << E\n$(rm a)\nE",
        "ls *",
        "find . -name *.rs",
        // Builtins that evaluate their words.
        "test -v 'a[$(rm b)]'",
        "test 'a[$(rm b)]' -eq 1",
        "test -R x",
        "[ -v 'a[$(rm b)]' ]",
        "[ -f a",
        // Options that write, run or set.
        "find . -exec rm {} +",
        "find . -exec rm '{}' ';'",
        "find . -execdir rm a ';'",
        "find . -ok rm a ';'",
        "find . -okdir rm a ';'",
        "find . -delete",
        "find . -fprint a",
        "find . -fprint0 a",
        "find . -fprintf a %p",
        "find . -fls a",
        "sort -o a b",
        "sort -oa b",
        "sort b -o a",
        "sort -no a b",
        "sort --output=a b",
        "sort --outp=a b",
        "sort --compress-program=/tmp/x a",
        "sort --comp /tmp/x a",
        "sort -T /tmp/x a",
        "sort --key --output=a b",
        "uniq a b",
        "uniq -c a b",
        "uniq a -c",
        "uniq --skip-fields 1 a b",
        "uniq -- a b",
        "sed -i s/a/b/ c",
        "sed s/a/b/w\\ c d",
        "sed -n 'w a' b",
        "sed -n '1e rm a' b",
        "sed -n 1p a -i",
        "sed -n -i 1p a",
        "sed -n '1p;w a' b",
        "sed -n '1p;;2p' b",
        "sed -n -e 1p -e 1e b",
        "command ls",
        "command -p ls",
        "printf -v PATH x",
        "ls #\nrm a",
        "git remote add x y",
        "git remote show origin",
        "git remote update",
        "git stash",
        "git stash list -p --ext-diff",
        "git tag v1",
        "git tag -d v1",
        "git tag -l -d v1",
        "git tag --list --format='%(signature)'",
        "git worktree add x",
        "git cat-file --textconv HEAD:a",
        "git cat-file --filters HEAD:a",
        "git ls-tree --format='%(signature)' HEAD",
        "sed -n p a",
        "sed -n '1,p' a",
        "sed -ne 1p a",
        "sed -n 1p --in-place a",
        "date -s 2020-01-01",
        "date --set=2020-01-01",
        "date 010100002030",
        "date --se=2020-01-01",
        "date -us 2020-01-01",
        "file -C -m a",
        "file -z a",
        "file --compile -m a",
        "file --=x a",
        "find - -delete",
        "rg --pre /tmp/x a",
        "rg --pre=/tmp/x a",
        "rg -z a",
        "rg --search-zip a",
        "rg --hostname-bin /tmp/x a",
        "rg -nz a",
        "rg --regexp -- --pre=/tmp/x a",
        "rg -e -- --pre=/tmp/x a",
        "rg --color --pre=/tmp/x a",
        "grep --pager=/tmp/x a",
        "grep --filter=x:/tmp/x a",
        "grep -z a b",
        "diff -l a b",
        "diff --paginate a b",
        // git.
        "git",
        "git commit -m x",
        "git push",
        "git checkout .",
        "git config core.pager x",
        "git gc",
        "git fetch",
        "git -C /tmp/x status",
        "git -c core.fsmonitor=/tmp/x status",
        "git -c alias.status='!rm a' status",
        "git --git-dir=/tmp/x status",
        "git --work-tree=/tmp/x status",
        "git --exec-path=/tmp/x status",
        "git --config-env=core.pager=X log",
        "git -p log",
        "git --paginate log",
        "git diff --output=a",
        "git diff --outp=a",
        "git diff --output a",
        "git log --output=a -1",
        "git log -1 --ext-diff -p",
        "git show --output=a",
        "git show --textconv a",
        "git diff --ext-diff",
        "git log --show-signature",
        "git log --format=%G?",
        "git log --format '%GK'",
        "git log --format='%+GG'",
        "git show --format '%h%-G?'",
        "git log --pretty='format:%h% GS'",
        "git log --format='%<(9)%+GK'",
        "git blame --output=a b",
        "git blame --contents x b",
        "git grep -O/tmp/x a",
        "git grep --open-files-in-pager=/tmp/x a",
        "git grep --open=/tmp/x a",
        "git grep -nO a",
        "git branch --format='%(signature:grade)'",
        "git branch --list --format '%(refname) %(*signature)'",
        "git branch --format='%(refname'",
        "git branch --sort=signature",
        "git branch --sort=-signature:key",
        "git branch --list --sort signature",
        "git branch --sort=refname --sort='*signature'",
        "git branch a",
        "git branch -v a",
        "git branch -d a",
        "git branch -D a",
        "git branch -m a b",
        "git branch -f a b",
        "git branch -l a",
        "git branch --edit-description",
        "git branch --set-upstream-to=x",
        "git branch --sort --list a",
        "git branch --format --list a",
        "git branch a -- --list",
        "git branch --format=--list a",
        "git branch --delete --list a",
        "git branch --lis a",
        "git status --output=a",
        "cd a && git status",
        "cd /x && git status",
        "cd /w /x && git status",
        "cd -P /x && git status",
        "cd /w/../x && git status",
        "cd a | git log",
        "ls; cd a; ls; git diff",
    ] {
        assert!(!only_reads(line, true), "{line}");
    }
    assert!(!only_reads(&"ls;".repeat(4000), true), "too long");
}

#[test]
fn s19_git_is_not_known_where_the_repository_is_not() {
    assert!(!only_reads("git status", false));
    assert!(!only_reads("ls | git diff", false));
    assert!(only_reads("ls", false));
}

/// Each option of each program, wherever it may stand, with what follows it: what of it is known is done, and the folder
/// must be as it was.
#[test]
#[allow(clippy::disallowed_methods)]
fn s19_lines_that_only_read_change_nothing_when_they_run() {
    const PROGRAMS: &str = "date,diff a,file,find,grep x,rg x,sed -n,sort,uniq,git blame,git branch,git diff,\
        git grep x,git log,git show,git status";
    const LONG: &str = "-- - -delete -exec -execdir -fls -fprint -fprint0 -ok --compile \
        --compress-program=./x --contains --delete --exec=./x --ext-diff --format --in-place --list --merged \
        --open-files-in-pager=./x --open=./x --outp=w --output --output=w --pre --pre=./x --set=1 --sort";
    let here = tempfile::tempdir().unwrap();
    let bash = |line: &str| {
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "-c", line]).current_dir(here.path()).env_remove("BASH_ENV");
        bash.env("HOME", here.path()).stdin(std::process::Stdio::null()).output()
    };
    let made = bash(
        "printf 'b\\na\\n' > a; printf 'a\\nb\\n' > b; printf '#!/bin/sh\\ntouch ran\\n' > x; chmod +x x; \
         git init -q . && git add a && git -c user.name=n -c user.email=e@x commit -qm one; echo c >> a",
    );
    if !made.is_ok_and(|made| made.status.success()) {
        return eprintln!("not run: there is no bash or no git");
    }
    let state = || {
        let folders = ["", ".git/refs/heads", ".git/hooks"].map(|name| here.path().join(name));
        let entries =
            folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten());
        let paths =
            entries.map(|entry| entry.unwrap().path()).chain([here.path().join(".git/config")]);
        paths
            .map(|path| (std::fs::read(&path).ok(), path))
            .collect::<std::collections::BTreeSet<_>>()
    };
    let before = state();
    let letters = ('a'..='z').chain('A'..='Z').chain('0'..='9').map(|letter| format!("-{letter}"));
    let long = LONG.split_whitespace().map(str::to_owned);
    let options: Vec<_> = letters.chain(long).collect();
    for program in PROGRAMS.split(',') {
        let lines = options.iter().flat_map(|option| {
            let forms = ["{} w", "{}w", "a {} w"];
            forms.map(|form| format!("{program} {}", form.replace("{}", option)))
        });
        let known: Vec<_> = lines.filter(|line| only_reads(line, true)).collect();
        bash(&known.join("\n")).unwrap();
        assert!(state() == before, "one of these: {known:#?}");
    }
}
