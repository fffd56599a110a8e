//! Which lasting rule the person is offered: the first words of the one command that is asked about, when a rule with
//! these words says little enough.

use std::path::Path;

use super::beyond::runs_something_else;
use super::known_safe;
use super::places::{Places, in_their_places};
use super::rules::Rules;
use super::shell;

/// The words a rule would begin with; none when no rule should be made of `line`, which is to run in `cwd`.
pub(crate) fn prefix(line: &str, cwd: &Path, rules: &Rules) -> Option<Vec<String>> {
    let commands = shell::commands(line)?;
    let mut open = in_their_places(&commands, cwd).filter(|(words, places)| {
        !known_safe::touches_nothing(words) && rules.allowing(words, places).is_none()
    });
    let (words, places) = open.next()?;
    if open.any(|(other, _)| other != words) {
        return None;
    }
    beginning(words, &places)
}

fn beginning(words: &[String], places: &Places) -> Option<Vec<String>> {
    let name = words[0].as_str();
    let is_word = |word: &&String| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'))
    };
    if !is_name(name)
        || RUNS_ANYTHING.split_whitespace().any(|known| known == without_version(name))
    {
        return None;
    }
    let subcommand = words.get(1).filter(is_word);
    let length = match (name, subcommand.map(String::as_str)) {
        ("git", Some(command)) => GIT.contains(&command).then_some(2)?,
        ("git", None) => return None,
        (_, Some("exec" | "x" | "dlx" | "shell" | "eval" | "repl")) => return None,
        (_, Some("run" | "compose")) => words.get(2).filter(is_word).map(|_| 3)?,
        (_, Some(_)) => 2,
        (_, None) => words.len(),
    };
    // Where the rule would not allow the command itself, it is of no use.
    (!runs_something_else(words, length, places)).then(|| words[..length].to_vec())
}

fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
}

/// `python3.12` is python.
fn without_version(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}

/// What git does with these is what the words say. Others run what else they name: an option of `fetch` and `push` is the
/// program of the other side, a strategy of `merge` is a program too.
const GIT: &[&str] = &["add", "checkout", "commit", "restore", "stash", "switch", "tag"];

/// Programs that run or write what the rest of their words say, so that a rule about the first ones says nothing.
const RUNS_ANYTHING: &str = "\
    ash awk bash bsdtar builtin bun busybox chmod chown command cp csh curl dash dd deno doas docker ed \
    emacs env eval ex exec expect fd fdfind find fish gawk gdb gmake gsed gtar install ion irb java jshell julia kubectl ksh \
    less ln lua luajit make man mawk more mount mv nawk nc ncat nice node nohup npx nsenter nu \
    osascript parallel pdksh perl php pipx pnpx podman powershell psql pwsh pypy python rm rsync \
    rg ruby scp screen script sed setsid sftp sh socat sort sqlite ssh stdbuf strace su sudo systemctl \
    systemd-run tar tcsh tee time timeout tmux ts-node tsx unshare uvx vi view vim watch wget xargs \
    yarn zip zsh";

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(line: &str) -> Option<String> {
        let (rules, errors) = Rules::parse(Path::new("x"), "prefix_rule([\"npm\", \"ci\"])");
        assert_eq!(errors, []);
        Some(prefix(line, Path::new("/dev/null"), &rules)?.join("·"))
    }

    #[test]
    fn a_rule_is_offered_about_the_first_words_that_say_what_is_done() {
        for (line, expected) in [
            ("cargo test --workspace", "cargo·test"),
            ("git commit -m x", "git·commit"),
            ("npm run build -- --watch", "npm·run·build"),
            ("npm ci && npm run lint", "npm·run·lint"),
            ("cd sub && cargo test", "cargo·test"),
            ("cargo test && cargo test", "cargo·test"),
            ("go build ./...", "go·build"),
        ] {
            assert_eq!(offered(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn no_rule_is_offered_that_would_allow_anything() {
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
