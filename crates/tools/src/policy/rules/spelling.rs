//! The commands of a line in every way in which a rule may name them: behind what carries them, without the options
//! before a subcommand, from a script in a word. Too many rather than too few: enough to forbid by, never to allow by.

use std::collections::HashSet;

use crate::policy::shell;

/// Programs that run what their arguments say.
const CARRIERS: &str = "\
    ash at bash batch builtin busybox bwrap caffeinate catchsegv chpst chroot chrt command coproc \
    cpulimit daemonize dash dbus-launch dbus-run-session doas dumb-init entr env eval exec expect \
    faketime fakeroot find firejail fish flock gdb gosu heaptrack hyperfine i386 ionice ksh linux32 \
    linux64 lldb ltrace mksh newgrp nice nodemon nohup nsenter numactl parallel pdksh \
    perf pkexec prlimit proot proxychains proxychains4 reptyr rlwrap rr run-parts runcon \
    runuser screen script setarch setpriv setsid sg sh softlimit ssh sshpass start-stop-daemon \
    stdbuf strace su su-exec sudo systemd-inhibit systemd-nspawn systemd-run taskset tcsh time \
    timeout tini tmux torify torsocks toybox trap tsocks unbuffer uname26 unshare valgrind watch \
    watchexec x86_64 xargs xvfb-run zsh";

/// Programs that do so behind one of [`CARRYING`].
const CARRIERS_BY_SUBCOMMAND: &str = "\
    asdf bundle bun conda devbox direnv docker fnm hatch kubectl mamba micromamba mise nix npm nvm \
    pdm pipenv pipx pixi pnpm podman poetry pyenv rbenv rtx rustup rye uv volta yarn";

const CARRYING: &[&str] = &["develop", "dlx", "exec", "run", "shell", "x"];

/// Options of git before its subcommand whose value is the next word.
const GIT_VALUED: &[&str] = &[
    "-C",
    "-c",
    "--attr-source",
    "--config-env",
    "--exec-path",
    "--git-dir",
    "--list-cmds",
    "--namespace",
    "--super-prefix",
    "--work-tree",
];

/// Words of a git command behind which another command stands.
const GIT_CARRIES: &[&str] = &["foreach", "run", "-x", "--exec"];

/// How deep scripts may lie in each other.
const DEPTH: usize = 4;

/// So many options before a subcommand are looked past.
const MOST_OPTIONS: usize = 32;

/// The commands of `line`, those that one of its programs would run included: of each the first `most` words.
pub(super) fn all_commands(line: &str, most: usize) -> Vec<Vec<String>> {
    let mut seen = HashSet::new();
    let mut found = Found { most, known: HashSet::new(), commands: Vec::new() };
    let mut commands = shell::commands(line).unwrap_or_else(|| shell::mentions(line));
    for _ in 0..DEPTH {
        let mut deeper = Vec::new();
        for words in commands.drain(..).filter(|words| seen.insert(words.clone())) {
            for at in starts(&words) {
                found.add_forms(&words[at..]);
            }
            deeper.extend(scripts(&words).iter().flat_map(|script| shell::mentions(script)));
        }
        commands = deeper;
    }
    found.commands
}

/// What was found so far, each once.
struct Found {
    most: usize,
    known: HashSet<Vec<String>>,
    commands: Vec<Vec<String>>,
}

impl Found {
    /// The command as it is, and without the options that stand before its subcommand.
    fn add_forms(&mut self, words: &[String]) {
        let Some((program, arguments)) = words.split_first() else { return };
        self.add(program, arguments);
        let without =
            if name(words) == "git" { git_subcommand(arguments) } else { subcommands(arguments) };
        without.into_iter().for_each(|arguments| self.add(program, arguments));
    }

    fn add(&mut self, program: &String, arguments: &[String]) {
        let words = std::iter::once(program).chain(arguments).take(self.most);
        let words: Vec<_> = words.cloned().collect();
        if self.known.insert(words.clone()) {
            self.commands.push(words);
        }
    }
}

/// Where in `words` a command may begin.
fn starts(words: &[String]) -> impl Iterator<Item = usize> {
    let end = if is_carrier(words) { words.len() } else { 1.min(words.len()) };
    (0..end).filter(|at| *at == 0 || !words[*at].starts_with('-'))
}

/// Whether the command runs another that stands in its arguments.
pub(crate) fn is_carrier(words: &[String]) -> bool {
    let name = name(words);
    let is_among = |names: &str| names.split_whitespace().any(|carrier| carrier == name);
    let says = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    is_among(CARRIERS)
        || (is_among(CARRIERS_BY_SUBCOMMAND) && says(CARRYING))
        || (name == "git" && says(GIT_CARRIES))
}

fn name(words: &[String]) -> &str {
    words.first().map_or("", |name| name.rsplit('/').next().unwrap_or(name))
}

/// What words of a command may be lines for a shell, or part of one.
fn scripts(words: &[String]) -> Vec<String> {
    let all: &[String] = if is_carrier(words) { words } else { &[] };
    let of_word = |word: &String| {
        // `-cSCRIPT`; what is behind two signs is a name.
        let behind_option = word.strip_prefix('-').filter(|option| !option.starts_with('-'));
        let behind_option = behind_option.and_then(|option| option.get(1..));
        let value = word.split_once('=').map(|(_, value)| value);
        [Some(word.as_str()), behind_option, value].map(|script| script.map(str::to_owned))
    };
    let configured = words.windows(2).filter(|pair| name(words) == "git" && pair[0] == "-c");
    let configured = configured.filter_map(|pair| {
        let (key, value) = pair[1].split_once('=')?;
        Some(match value.strip_prefix('!') {
            Some(script) => script.to_owned(),
            None if key.to_ascii_lowercase().starts_with("alias.") => format!("git {value}"),
            None => value.to_owned(),
        })
    });
    all.iter().flat_map(of_word).flatten().chain(configured).collect()
}

fn git_subcommand(arguments: &[String]) -> Vec<&[String]> {
    let mut rest = arguments;
    while let Some((option, after)) = rest.split_first().filter(|(word, _)| word.starts_with('-')) {
        rest = if GIT_VALUED.contains(&option.as_str()) {
            after.get(1..).unwrap_or(&[])
        } else {
            after
        };
    }
    if rest.len() == arguments.len() { vec![] } else { vec![rest] }
}

/// Of other programs it is not known which options take a value: the subcommand may stand behind each.
fn subcommands(arguments: &[String]) -> Vec<&[String]> {
    let mut found = Vec::new();
    let mut is_value = false;
    for (at, word) in arguments.iter().enumerate().take(MOST_OPTIONS) {
        let is_option = word.starts_with(['-', '+']);
        if !is_option && !is_value {
            break;
        }
        is_value = is_option;
        found.push(&arguments[at + 1..]);
    }
    found
}
