//! Arguments by which a program does more than its first words say: it runs what they name. A rule about the first words
//! does not allow that (S19); who wants it allowed has a rule that says it.

mod git;
mod table;

use super::known_safe;
use super::places::Places;
use super::rules::is_carrier;
use table::{Program, TABLE};

/// Whether the words from `from` on have the command, or one that it carries, run something else. The first words are
/// those a rule says.
pub(super) fn runs_something_else(words: &[String], from: usize, places: &Places) -> bool {
    if words.is_empty() {
        return false;
    }
    let from = from.max(1);
    starts(words, from).any(|at| {
        let (words, from) = (&words[at..], from - at);
        does(words, from, places)
            || module(words, from).is_some_and(|(words, from)| does(&words, from, places))
    })
}

/// Where among the words that a rule says a program may stand.
fn starts(words: &[String], from: usize) -> impl Iterator<Item = usize> {
    let carries = is_carrier(words);
    (0..from.min(words.len()))
        .filter(move |at| *at == 0 || (carries && !words[*at].starts_with('-')))
}

/// The programs among the words that a rule says: what is carried is one, too.
pub(super) fn programs(words: &[String], from: usize) -> impl Iterator<Item = &str> {
    starts(words, from.max(1)).map(|at| words[at].as_str())
}

/// `python3 -m pytest -x` as `pytest -x`, where a rule says that much.
fn module(words: &[String], from: usize) -> Option<(Vec<String>, usize)> {
    if !matches!(without_version(name(&words[0])), "python" | "pypy" | "py") {
        return None;
    }
    let said = &words[..from.min(words.len())];
    let at = said.iter().position(|word| word.starts_with("-m"))?;
    let (name, behind) = match &said[at]["-m".len()..] {
        "" => (said.get(at + 1)?.as_str(), at + 2),
        name => (name, at + 1),
    };
    let words = std::iter::once(name.to_owned()).chain(words[behind..].iter().cloned());
    Some((words.collect(), from - behind + 1))
}

/// Whether it is known by which arguments this program runs something else, or that by none.
pub(super) fn knows(program: &str) -> bool {
    let name = name(program);
    let mut others = BY_ITSELF.split_whitespace().chain(NOTHING_ELSE.split_whitespace());
    others.any(|known| known == name) || TABLE.iter().any(|program| program.is_called(name))
}

/// What is known of them is in no table.
const BY_ITSELF: &str = "awk gawk git gsed mawk nawk screen sed xcodebuild";

/// These run nothing and write no text, whatever they are told.
const NOTHING_ELSE: &str = "\
    base64 basename cat cksum cmp comm cut date df diff dirname du echo grep head id jq ls md5sum mkdir mktemp od paste \
    pwd readlink realpath rmdir seq sha1sum sha256sum sha512sum stat tail touch tr uname wc which whoami";

fn does(words: &[String], from: usize, places: &Places) -> bool {
    let name = name(&words[0]);
    let rest = words.get(from..).unwrap_or(&[]);
    let any = |is: fn(&str) -> bool| rest.iter().any(|word| is(word));
    let by_table =
        TABLE.iter().any(|program| program.is_called(name) && program.is_told(words, from));
    by_table
        || obeys_another_repository(words, places)
        || match name {
            "git" => git::runs_something_else(words, from, places),
            "tar" | "bsdtar" | "gtar" => {
                let old_style = rest.first().filter(|word| from <= 1 && !word.starts_with('-'));
                old_style.is_some_and(|word| word.contains(['F', 'I', 'T']))
                    || (any(is_archive_of_another_host) && !words.iter().any(|word| word == LOCAL))
            }
            "cpio" => any(is_archive_of_another_host) && !words.iter().any(|word| word == LOCAL),
            "cargo" => rest.first().is_some_and(|word| word.starts_with('+') && word.contains('/')),
            "hg" => does_more_by_hg(words, rest),
            // Among other letters, too.
            "zip" => any(|word| word.starts_with('-') && word.contains("TT")),
            "svn" => any(is_repository_of_this_machine),
            "jj" => {
                let said = words.iter().take(3).any(|word| word == "clone" || word == "remote");
                said && any(is_no_address)
            }
            // What is no option is a program.
            "screen" => from > 1 && !rest.is_empty(),
            // What is behind it goes to git.
            "gh" => any(|word| word == "--"),
            "make" | "gmake" | "just" | "xcodebuild" => any(is_odd_variable),
            "cmake" => any(is_odd_variable) || any(|word| is_odd_property(word, "-D")),
            "meson" | "mvn" | "mvnd" | "mvnw" => {
                any(|word| is_odd_property(word, "-D")) || (name != "meson" && any(is_any_plug_in))
            }
            "gradle" | "gradlew" => {
                any(|word| is_odd_property(word, "-D") || is_odd_property(word, "-P"))
            }
            "awk" | "gawk" | "mawk" | "nawk" => any(is_program_of_awk_that_does_more),
            "sed" | "gsed" => !is_harmless_sed(&words[1..]),
            _ => false,
        }
}

/// Whether the command may run the hooks and settings of a repository that is not the thread's own.
pub(super) fn obeys_another_repository(words: &[String], places: &Places) -> bool {
    let is_of_version_control = |name: &str| {
        name.starts_with("git-") || OF_VERSION_CONTROL.split_whitespace().any(|it| it == name)
    };
    words.first().is_some_and(|program| is_of_version_control(name(program)))
        && places.may_be_of_another_repository()
}

const OF_VERSION_CONTROL: &str =
    "brz bzr chg darcs fossil gh git gitk gitui glab hg hub jj lazygit sl tig";

/// `python3.12` is python.
pub(super) fn without_version(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}

fn name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

impl Program {
    fn is_called(&self, name: &str) -> bool {
        let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
        self.names.split_whitespace().any(|known| {
            known == name
                || known == plain
                || plain.strip_suffix(known).is_some_and(|target| target.ends_with('-'))
        })
    }

    fn is_told(&self, words: &[String], from: usize) -> bool {
        let rest = words.get(from..).unwrap_or(&[]);
        let begins = |word: &str| self.begins.split_whitespace().any(|it| word.starts_with(it));
        let holds = |word: &str| {
            let word = word.to_lowercase();
            self.holds.split_whitespace().any(|part| word.contains(part))
        };
        let says_subcommand = from > 1 && words.get(1).is_some_and(|word| !word.starts_with('-'));
        let is_subcommand = |word: &str| {
            !says_subcommand && self.subcommands.split_whitespace().any(|known| known == word)
        };
        rest.iter().any(|word| {
            is_option(word, self.long, self.letters)
                || begins(word)
                || holds(word)
                || is_subcommand(word)
        })
    }
}

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

/// By what means something else with each subcommand, or is a repository.
fn does_more_by_hg(words: &[String], rest: &[String]) -> bool {
    let begins = |option: &str| rest.iter().any(|word| word.starts_with(option));
    match words.get(1).map_or("", String::as_str) {
        "bisect" => begins("-c"),
        "extdiff" => begins("-p") || begins("-o"),
        connecting if CONNECTING.contains(&connecting) => {
            rest.iter().any(|word| is_no_address(word))
        }
        _ => false,
    }
}

/// Subcommands of hg that take a repository.
const CONNECTING: &[&str] =
    &["clone", "id", "identify", "in", "incoming", "out", "outgoing", "pull", "push"];

/// A repository on this machine has hooks that run.
fn is_no_address(word: &str) -> bool {
    !word.starts_with('-') && (!word.contains("://") || word.starts_with("file:"))
}

/// The same, and what is reached by a program that the configuration names.
fn is_repository_of_this_machine(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    word.contains("file:") || word.contains("svn+")
}

const LOCAL: &str = "--force-local";

/// `HOST:FILE`, which is asked for by `rsh` or `ssh`; `HOST` may be an option of these.
fn is_archive_of_another_host(word: &str) -> bool {
    word.split_once(':').is_some_and(|(host, _)| !host.contains('/'))
}

/// Recipes hand variables to a shell, and include what they name. A number or a yes names nothing, where `make` itself
/// does not take it for a file.
fn is_odd_variable(word: &str) -> bool {
    let Some((name, value)) = word.split_once('=') else { return false };
    !word.starts_with('-')
        && (name.contains("SHELL") || name.contains("MAKE") || !is_harmless_value(value))
}

/// Behind `-D` or `-P`: a compiler, a library, a directory with more of the build. Alone it speaks of the next word.
fn is_odd_property(word: &str, option: &str) -> bool {
    word.strip_prefix(option).is_some_and(|property| match property.split_once('=') {
        // Names of tests.
        Some(("test" | "it.test", _)) => false,
        Some((_, value)) => !is_harmless_value(value),
        None => property.is_empty(),
    })
}

fn is_harmless_value(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit())
        || HARMLESS_VALUES.split_whitespace().any(|known| known.eq_ignore_ascii_case(value))
}

const HARMLESS_VALUES: &str =
    "debug false minsizerel n no off on release relwithdebinfo true y yes";

/// `GROUP:PLUGIN:VERSION:GOAL` of Maven, wherever that comes from; the short form names what Maven knows.
fn is_any_plug_in(word: &str) -> bool {
    !word.starts_with('-') && word.matches(':').count() > 1
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
mod tests;
