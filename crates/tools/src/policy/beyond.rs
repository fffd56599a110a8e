//! Arguments by which a program does more than its first words say: it runs what they name. A rule about the first words
//! does not allow that (S19); who wants it allowed has a rule that says it.

use super::known_safe;

/// Whether the words from `from` on have the command run something else.
pub(super) fn runs_something_else(words: &[String], from: usize) -> bool {
    let Some((program, arguments)) = words.split_first() else { return false };
    let name = program.rsplit('/').next().unwrap_or(program);
    let rest = words.get(from.max(1)..).unwrap_or(&[]);
    let any = |is: fn(&str) -> bool| rest.iter().any(|word| is(word));
    let option = |long, letters| rest.iter().any(|word| is_option(word, long, letters));
    match name {
        "git" => git(arguments, rest, from),
        "find" => any(|word| FIND.contains(&word)),
        "fd" | "fdfind" => option("exec exec-batch", "xX"),
        "rg" => option("pre hostname-bin", ""),
        "sort" => option("compress-program", ""),
        "tar" | "bsdtar" | "gtar" => {
            let old_style = rest.first().filter(|word| from <= 1 && !word.starts_with('-'));
            option(TAR, "IF") || old_style.is_some_and(|word| word.contains(['I', 'F']))
        }
        "rsync" => option("rsh rsync-path", "e"),
        "ssh" | "scp" | "sftp" => option("", "oFS"),
        "wget" => option("use-askpass execute", "e"),
        "zip" => option("unzip-command", "") || any(|word| word.starts_with("-TT")),
        "cargo" => option("config", ""),
        "npm" | "pnpm" | "yarn" => option("script-shell shell", ""),
        "go" => any(is_go_option),
        "make" | "gmake" => option("eval", "E") || any(is_odd_variable),
        "awk" | "gawk" | "mawk" | "nawk" => any(is_program_of_awk_that_does_more),
        "sed" | "gsed" => !is_harmless_sed(arguments),
        _ => false,
    }
}

const FIND: &[&str] =
    &["-exec", "-execdir", "-ok", "-okdir", "-fprint", "-fprint0", "-fprintf", "-fls"];

const TAR: &str = "\
    checkpoint-action info-script new-volume-script rmt-command rsh-command to-command \
    use-compress-program";

/// Long ones may be abbreviated; a letter may stand among others.
fn is_option(word: &str, long: &str, letters: &str) -> bool {
    let Some(option) = word.strip_prefix('-') else { return false };
    match option.strip_prefix('-') {
        Some(name) => {
            let name = name.split_once('=').map_or(name, |(name, _)| name);
            !name.is_empty() && long.split_whitespace().any(|known| known.starts_with(name))
        }
        None => option.contains(|letter| letters.contains(letter)),
    }
}

fn git(arguments: &[String], rest: &[String], from: usize) -> bool {
    // Another repository, or another configuration, says what git runs.
    let is_known = |word: &str| matches!(word, "--no-pager" | "--no-optional-locks");
    let before = arguments.iter().take_while(|word| word.starts_with('-'));
    let before: Vec<_> = before.collect();
    let may_be_rest = from <= before.len() + 1;
    if may_be_rest && before.iter().any(|word| !is_known(word)) {
        return true;
    }
    let command = arguments.get(before.len()).map_or("", String::as_str);
    if may_be_rest && GIT_RUNS.contains(&command) {
        return true;
    }
    let letters = match command {
        "archive" => "o",
        "clone" => "cu",
        "difftool" | "rebase" => "x",
        "grep" => "O",
        "ls-remote" => "u",
        "cherry-pick" | "merge" | "pull" | "revert" => "s",
        _ => "",
    };
    if rest.iter().any(|word| is_option(word, GIT_OPTIONS, letters)) {
        return true;
    }
    if command == "submodule" && rest.iter().any(|word| word == "foreach") {
        return true;
    }
    let connects = ["clone", "fetch", "ls-remote", "pull", "push", "remote", "submodule"];
    connects.contains(&command) && rest.iter().any(|word| is_near(word))
}

/// Subcommands that run, or have git run later, what their arguments say.
const GIT_RUNS: &[&str] =
    &["bisect", "config", "difftool", "filter-branch", "for-each-repo", "hook", "mergetool"];

const GIT_OPTIONS: &str = "\
    config exec ext-diff extcmd open-files-in-pager output receive-pack repo strategy template \
    upload-pack";

/// A repository on this machine has hooks of its own, and a transport with `::` is a program.
fn is_near(word: &str) -> bool {
    word.contains("::") || word.starts_with(['.', '/', '~']) || word.starts_with("file:")
}

fn is_go_option(word: &str) -> bool {
    let Some(option) = word.strip_prefix('-') else { return false };
    let option = option.strip_prefix('-').unwrap_or(option);
    let name = option.split_once('=').map_or(option, |(name, _)| name);
    matches!(name, "exec" | "toolexec" | "vettool" | "ldflags" | "gccgoflags" | "overlay")
}

/// Recipes hand variables to a shell.
fn is_odd_variable(word: &str) -> bool {
    let Some((name, value)) = word.split_once('=') else { return false };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.,/:+=".contains(c);
    name.contains("SHELL") || name.contains("MAKEFLAGS") || !value.chars().all(is_plain)
}

fn is_program_of_awk_that_does_more(word: &str) -> bool {
    ["system", "getline", "|", ">", "@"].iter().any(|part| word.contains(part))
        || (word.starts_with('-') && !word.starts_with("-F") && !word.starts_with("-v"))
}

/// Lines printed, or one plain substitution.
fn is_harmless_sed(arguments: &[String]) -> bool {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    if known_safe::is_print_of_lines(&words) {
        return true;
    }
    let options = words.iter().take_while(|word| matches!(**word, "-n" | "-E" | "-r" | "-i"));
    let Some((script, files)) = words[options.count()..].split_first() else { return false };
    is_substitution(script) && files.iter().all(|file| !file.starts_with('-'))
}

/// `s/a/b/g`: with the flags `e` and `w` it runs and writes.
fn is_substitution(script: &str) -> bool {
    let Some(script) = script.strip_prefix('s') else { return false };
    let mut characters = script.chars();
    let Some(mark @ ('/' | '|' | '#' | ',')) = characters.next() else { return false };
    let mut marks = 1;
    while marks < 3 {
        match characters.next() {
            None | Some('\n') => return false,
            Some('\\') => {
                characters.next();
            }
            Some(c) if c == mark => marks += 1,
            Some(_) => {}
        }
    }
    characters.all(|flag| matches!(flag, 'g' | 'p' | 'i' | 'I' | '0'..='9'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beyond(line: &str, from: usize) -> bool {
        let commands = crate::policy::shell::commands(line).unwrap();
        runs_something_else(&commands[0], from)
    }

    #[test]
    fn arguments_that_run_something_are_known() {
        for (line, from) in [
            ("git fetch --upload-pack='touch x; false' .", 2),
            ("git fetch --upl=x origin", 2),
            ("git push --receive-pack x origin", 2),
            ("git push --exec=x origin", 2),
            ("git push ext::sh", 2),
            ("git push /tmp/with-hooks", 2),
            ("git pull ../with-hooks", 2),
            ("git pull -s x", 2),
            ("git clone --template=/tmp/x https://a/b", 2),
            ("git clone -c core.fsmonitor=x https://a/b", 2),
            ("git -c alias.x='!touch y' x", 1),
            ("git -C /tmp/other status", 1),
            ("git config core.pager x", 1),
            ("git submodule foreach 'touch x'", 2),
            ("git rebase -x 'touch x'", 2),
            ("git grep -Ox y", 2),
            ("git diff --output=/home/me/.bashrc", 2),
            ("find . -exec touch x ';'", 1),
            ("tar xf a --to-command=x", 2),
            ("tar --use-comp x -xf a", 1),
            ("tar -xIx -f a", 1),
            ("tar xIf x a", 1),
            ("tar xf a --checkpoint=1 --checkpoint-action=exec=x", 3),
            ("rsync -ave x a b", 1),
            ("ssh -oProxyCommand=x host", 1),
            ("cargo test --config x", 2),
            ("go test -exec x", 2),
            ("go build -toolexec=x", 2),
            ("npm run build --script-shell=x", 3),
            ("make SHELL=x", 1),
            ("make 'CC=touch x;'", 1),
            ("make --eval=x", 1),
            ("awk 'BEGIN{system(1)}'", 1),
            ("awk '{print | 1}' a", 1),
            ("sed -n '1e touch x' a", 1),
            ("sed s/a/b/e a", 1),
            ("sed 's/a/b/w x' a", 1),
            ("sort --compress-program=x a", 1),
            ("rg --pre x a", 1),
        ] {
            assert!(beyond(line, from), "{line}");
        }
    }

    #[test]
    fn what_a_rule_says_itself_and_ordinary_arguments_are_not() {
        for (line, from) in [
            ("git fetch --upload-pack=x origin", 4),
            ("git -C /tmp/other status", 3),
            ("git fetch origin main", 2),
            ("git fetch --all --prune", 2),
            ("git push -u origin feature/x", 2),
            ("git push --force-with-lease git@example.com:a/b", 2),
            ("git pull --rebase https://example.com/a.git", 2),
            ("git commit -sm x --amend", 2),
            ("git diff --oneline -O x", 2),
            ("git --no-pager log", 1),
            ("find . -name x -delete", 1),
            ("tar -xzf a.tar.gz -C out", 1),
            ("tar xzf a", 1),
            ("rsync -av --exclude x a b", 1),
            ("cargo test -p x -- --nocapture", 2),
            ("go test ./... -run X -count=1", 2),
            ("npm run build -- --watch", 3),
            ("make -j4 CC=clang all", 1),
            ("awk -F: '{print $1}' a", 1),
            ("sed -n 3,9p a", 1),
            ("sed -i 's/a\\/b/c/g' a b", 1),
            ("python3 -c 1", 1),
            ("ls", 1),
            ("", 1),
        ] {
            let commands = crate::policy::shell::commands(line).unwrap_or(vec![vec![]]);
            assert!(!runs_something_else(&commands[0], from), "{line}");
        }
    }
}
