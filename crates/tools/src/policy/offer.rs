//! Which lasting rule the person is offered: the first words of the one command that is asked about, when a rule with
//! these words says little enough.

use std::path::Path;

use super::beyond::{self, runs_something_else, without_version};
use super::known_safe;
use super::places::{Places, in_their_places};
use super::repository::Repository;
use super::rules::{Rules, is_carrier};
use super::shell;

/// The words a rule would begin with; none when no rule should be made of `line`, which is to run in `cwd`, in a thread
/// whose repository is `own`.
pub(crate) fn prefix(
    line: &str,
    cwd: &Path,
    own: &Repository,
    rules: &Rules,
) -> Option<Vec<String>> {
    let commands = shell::commands(line)?;
    let mut open = in_their_places(&commands, cwd, own).filter(|(words, places)| {
        !known_safe::touches_nothing(words) && rules.allowing(words, places).is_none()
    });
    let (words, places) = open.next()?;
    let length = length(words)?;
    // Where the rule would not allow the command itself, it is of no use; and what runs something else is no less odd
    // for being said in full.
    let said = if length == words.len() { 1 } else { length };
    let is_allowed = |places: &Places| !runs_something_else(words, said, places);
    let all_allowed =
        is_allowed(&places) && open.all(|(other, places)| other == words && is_allowed(&places));
    all_allowed.then(|| words[..length].to_vec())
}

/// What the person has to know of a rule with these words beside that it allows whatever begins with them.
pub(crate) fn caution(prefix: &[String]) -> Option<String> {
    let name = prefix.first()?;
    let is_known = KNOWN.iter().any(|(known, _)| known == name) || beyond::knows(name);
    (!is_known).then(|| {
        format!(
            "By which arguments {name} runs something else is not known here: a lasting rule allows whatever is said behind its \
             words, outside the sandbox too."
        )
    })
}

/// How many of the words say what is done: of programs that are known up to their subcommand, of others all.
fn length(words: &[String]) -> Option<usize> {
    let name = words[0].as_str();
    if !is_name(name) || runs_anything(name) {
        return None;
    }
    let is_subcommand = |at: usize| words.get(at).is_some_and(|word| is_word(word));
    let Some((_, subcommands)) = KNOWN.iter().find(|(known, _)| *known == name) else {
        let carries = |word: &String| runs_anything(word) || CARRYING.contains(&word.as_str());
        return (!words[1..].iter().any(carries)).then_some(words.len());
    };
    let subcommand = words.get(1)?;
    let is_among = |names: &str| names.split_whitespace().any(|known| known == subcommand);
    if is_among(subcommands) {
        return Some(2);
    }
    (SCRIPTED.contains(&name) && subcommand == "run" && is_subcommand(2)).then_some(3)
}

fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'))
}

fn runs_anything(program: &str) -> bool {
    let name = without_version(program.rsplit('/').next().unwrap_or(program));
    RUNS_ANYTHING.split_whitespace().any(|known| known == name) || is_carrier(&[name.to_owned()])
}

fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
}

/// Programs of which the subcommand says what is done, with those. What git does with its own is what the words say.
/// Others run what else they name: an option of `fetch` and `push` is the program of the other side, a strategy of
/// `merge` is a program too.
const KNOWN: &[(&str, &str)] = &[
    (
        "cargo",
        "add audit bench build check clean clippy deny doc fetch fix fmt generate-lockfile \
         metadata nextest remove search test tree update vendor",
    ),
    ("composer", "dump-autoload install outdated remove require show update validate"),
    ("dotnet", "add build clean format list publish restore test"),
    ("git", "add checkout commit restore stash switch tag"),
    ("go", "build clean doc fix fmt get list mod test version vet work"),
    ("mix", "compile deps format test"),
    ("npm", NODE),
    ("pip", PIP),
    ("pip3", PIP),
    ("pnpm", NODE),
    ("poetry", "add build check install lock remove show sync update"),
    ("rustup", "check component show target update"),
    ("terraform", "fmt init plan show validate"),
    ("uv", "add lock remove sync tree"),
];

const NODE: &str = "\
    add audit build ci dedupe install list ls outdated prune remove start test uninstall update view";

const PIP: &str = "check download freeze install list show uninstall";

/// Of these the word behind `run` is the name of a script.
const SCRIPTED: &[&str] = &["npm", "pnpm"];

/// Subcommands behind which other programs stand, whatever program they are of.
const CARRYING: &[&str] = &["compose", "develop", "dlx", "eval", "exec", "repl", "run", "shell"];

/// Programs that run or write what the rest of their words say, so that a rule about the first ones says nothing; and
/// those that carry other commands, which the rules know.
const RUNS_ANYTHING: &str = "\
    asdf awk bsdtar bun bundle bunx byobu chmod chown clisp conda cp crontab csh curl dc dd deno devbox direnv \
    docker docker-compose dotnet-script ed elixir emacs erl escript ex expect fd fdfind fnm gawk gdb gem ghci gitui \
    gmake gnuplot groovy gsed gtar guile hatch helm iex install ion irb java jshell julia just \
    kotlin kubectl lazygit less lldb ln lua luajit m4 make mamba man mawk micromamba mise mono more mount mv nano nawk \
    nc ncat nim nix nix-shell node npx nu nvm octave oil osascript osh pdm perl php pipenv pipx pixi pnpx \
    podman powershell psql pwsh pyenv pypy python R racket rbenv rg rm rsync rtx ruby runghc rye sbcl \
    scala scp screen sed sftp socat sort sqlite swift systemctl tar task tclsh tee tig tmux ts-node tsx uvx vi view vim \
    volta wget wine wish xonsh yarn zellij zig zip";

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(line: &str) -> Option<String> {
        let (rules, errors) = Rules::parse(Path::new("x"), "prefix_rule([\"npm\", \"ci\"])");
        assert_eq!(errors, []);
        Some(prefix(line, Path::new("/dev/null"), &Repository::Nothing, &rules)?.join("·"))
    }

    #[test]
    fn a_rule_is_offered_about_the_first_words_that_say_what_is_done() {
        for (line, expected) in [
            ("cargo test --workspace", "cargo·test"),
            ("git commit -m x", "git·commit"),
            ("npm run build -- --watch", "npm·run·build"),
            ("npm ci && npm run lint", "npm·run·lint"),
            ("cd sub && cargo test", "cargo·test"),
            ("cargo test 2>&1 | tail -20", "cargo·test"),
            ("cargo test && cargo test", "cargo·test"),
            ("go build ./...", "go·build"),
            ("rustup target add x", "rustup·target"),
            ("touch x", "touch·x"),
            ("not-known a b", "not-known·a·b"),
        ] {
            assert_eq!(offered(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn s19_no_rule_is_offered_that_would_allow_anything() {
        for line in [
            "bash -c ls",
            "sh x",
            "sh",
            "zsh -c ls",
            "python3 x.py",
            "python3.12 -c 1",
            "python -m http",
            "env A=1 x",
            "sudo apt install x",
            "git",
            "git -C x push",
            "git -c a.b=c push",
            "git config core.pager x",
            "git submodule foreach x",
            "git push origin main",
            "git fetch",
            "git pull",
            "git clone https://example.com/a.git",
            "git ls-remote",
            "git archive HEAD",
            "git merge x",
            "tar xf a.tar",
            "sed s/a/b/ x",
            "sort x",
            "make",
            "make -j4",
            "git bisect run x",
            "git rebase --exec x",
            "node x.js",
            "xargs rm",
            "find . -delete",
            "rm -rf target",
            "curl https://example.com",
            "npm run",
            "npm exec x",
            "pnpm dlx x",
            "docker run x",
            "flock lk make",
            "setarch x86_64 make",
            "rustup run stable make",
            "xvfb-run bash",
            "uv run python x.py",
            "chrt 1 make",
            "runuser me -c make",
            "poetry run x",
            "pipenv run x",
            "at now",
            "crontab x",
            "sg me make",
            "chroot x make",
            "taskset 1 make",
            "ionice make",
            "ltrace make",
            "perf stat make",
            "valgrind x",
            "entr make",
            "direnv exec dir make",
            "direnv allow",
            "nix run x",
            "nix develop x",
            "nix-shell x",
            "conda run x",
            "pyenv exec x",
            "rbenv exec x",
            "bundle exec rake",
            "npx tsc",
            "bunx tsc",
            "pnpm exec x",
            "yarn dlx x",
            "deno eval x",
            "docker exec x y",
            "docker-compose exec x y",
            "kubectl exec x",
            "systemd-run x",
            "busybox x",
            "toybox x",
            "dbus-run-session x",
            "fakeroot x",
            "proot x",
            "firejail x",
            "bwrap x",
            "ssh host x",
            "doas x",
            "pkexec x",
            "mise exec x",
            "asdf exec x",
            "hyperfine x",
            "just x",
            "task x",
            "tmux ls",
            "screen -ls",
            "hg push ./evil",
            "svn diff --diff-cmd x",
            "lazygit",
            "gdb a",
            "not-known bash",
            "not-known -x /bin/sh",
            "not-known run x",
            "not-known --flag exec x",
            "gh alias set x y",
            "npm config set x y",
            "cargo run",
            "/tmp/cargo test",
            "./configure",
            "cargo test; go build",
            "cargo test --config x",
            "cargo test $X",
            "cargo test > x",
            "ls *",
            "cd x",
            "npm ci",
            "",
        ] {
            assert_eq!(offered(line), None, "{line}");
        }
    }
}
