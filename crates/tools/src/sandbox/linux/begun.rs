//! What git had still to do in a repository, half done: it goes on by what it finds in files of its own, which a command may
//! have written.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::encoded::{Encoded, read_all, write_all};
use super::git_config;
use super::index::is_of_tree;
use super::put_back::Change;
use super::repositories;
use super::repository::change;
use super::state::{MAX_FILE, State, read_through};

/// One of those files.
struct Kind {
    name: &'static str,
    /// What has to become of it when it is no longer what it was; none, where git may go on by it.
    to: fn(&State, &State) -> Option<State>,
}

/// Of which files git remembers conflicts that are to be solved as before.
pub(super) const CONFLICTS: &str = "MERGE_RR";

/// In a certain order: so they are left to other rooms.
const KINDS: &[Kind] = &[
    Kind { name: "rebase-merge/git-rebase-todo", to: without_programs },
    // Of a merge, which is a program's name too.
    Kind { name: "rebase-merge/strategy", to: |before, now| unless(is_strategy, before, now) },
    Kind { name: "sequencer/opts", to: |before, now| unless(are_harmless, before, now) },
    Kind { name: "rebase-apply/apply-opt", to: |before, now| unless(are_plain, before, now) },
    Kind { name: CONFLICTS, to: |before, now| unless(name_files_of_tree, before, now) },
    Kind { name: "BISECT_START", to: |before, now| unless(is_name, before, now) },
    // Not half done, but what git removes by.
    Kind { name: "reftable/tables.list", to: |before, now| unless(are_beside_it, before, now) },
];

/// Not those that are scripts: they take their options for code.
const STRATEGIES: &[&str] = &["ort", "recursive", "ours", "subtree", ""];

/// A rebase or the like.
#[derive(Clone, Default)]
pub(super) struct Begun(Vec<State>);

impl Begun {
    pub(super) fn of(git: &Path) -> Self {
        Self(KINDS.iter().map(|kind| State::of(&git.join(kind.name))).collect())
    }

    /// What a command began may be gone on with, but runs nothing that was not to run before, and writes nothing elsewhere.
    pub(super) fn changes(&self, git: &Path) -> Vec<Change> {
        let changes = KINDS.iter().enumerate().filter_map(|(at, kind)| {
            let path = git.join(kind.name);
            let (before, now) = (self.0.get(at).unwrap_or(&State::Absent), State::of(&path));
            if before.is_still(&now, &path) || now == State::Absent {
                return None;
            }
            let to = (kind.to)(before, &now).or_else(|| before.parted(&now))?;
            Some(change(git, &path, to))
        });
        changes.collect()
    }
}

impl Encoded for Begun {
    fn write(&self, to: &mut Vec<u8>) {
        write_all(self.0.iter(), to, Encoded::write);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        read_all(from).map(Self)
    }
}

fn unless(may_stay: fn(&[u8]) -> bool, before: &State, now: &State) -> Option<State> {
    (!now.bytes().is_some_and(may_stay)).then(|| before.clone())
}

fn is_strategy(name: &[u8]) -> bool {
    STRATEGIES.iter().any(|known| known.as_bytes() == name.trim_ascii())
}

/// The options of a row of picks, as a configuration.
fn are_harmless(options: &[u8]) -> bool {
    let strategies = git_config::values(options, "options.strategy");
    git_config::harmful(options).is_some() && strategies.iter().all(|name| is_strategy(name))
}

/// Options for patches by which none is applied elsewhere, nor anything else written.
fn are_plain(options: &[u8]) -> bool {
    let mut words = options.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.all(|word| {
        let word = word.strip_prefix(b"'").and_then(|word| word.strip_suffix(b"'")).unwrap_or(word);
        let number = word.strip_prefix(b"-p").or_else(|| word.strip_prefix(b"-C"));
        let spaces = [&b"--ignore-whitespace"[..], b"--ignore-space-change"];
        number.is_some_and(|number| number.iter().all(u8::is_ascii_digit))
            || spaces.contains(&word)
            || word.strip_prefix(b"--whitespace=").is_some_and(|how| {
                how.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-')
            })
    })
}

/// Whether the conflicts that are to be remembered are those of files of the tree.
fn name_files_of_tree(list: &[u8]) -> bool {
    conflicts(list).all(|(number, path)| {
        let is_of_number = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'.';
        number.iter().all(is_of_number) && path.is_some_and(is_of_tree)
    })
}

/// The number of each, and behind it a path.
fn conflicts(list: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    let entries = list.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
    entries.map(|entry| {
        let mut parts = entry.splitn(2, |byte| *byte == b'\t');
        (parts.next().unwrap_or_default(), parts.next())
    })
}

/// The numbers of those for which it is said how they are to be solved: git writes that where the file is, or where a link
/// leads that is there by then.
pub(super) fn conflicts_to_be_solved(git: &Path) -> Vec<OsString> {
    let Some(list) = read_through(&git.join(CONFLICTS), MAX_FILE) else { return vec![] };
    let solved = repositories::common_directory(git).unwrap_or(git.to_owned()).join("rr-cache");
    let numbers = conflicts(&list).map(|(number, _)| {
        OsStr::from_bytes(number.split(|byte| *byte == b'.').next().unwrap_or_default())
    });
    let is_solved = |number: &&OsStr| {
        let known = fs::read_dir(solved.join(number)).into_iter().flatten().flatten();
        known.into_iter().any(|file| file.file_name().as_bytes().starts_with(b"postimage"))
    };
    numbers.filter(is_solved).map(OsStr::to_owned).collect()
}

/// Files in the same directory.
fn are_beside_it(list: &[u8]) -> bool {
    !list.contains(&b'/')
}

/// And no option.
fn is_name(text: &[u8]) -> bool {
    !text.starts_with(b"-")
}

/// The steps without the commands among them that were not there before.
fn without_programs(before: &State, now: &State) -> Option<State> {
    let State::File { bytes, mode, .. } = now else { return Some(before.clone()) };
    let known: Vec<_> = match before {
        State::File { bytes, .. } => bytes.split(|byte| *byte == b'\n').collect(),
        _ => vec![],
    };
    let lines = bytes.split(|byte| *byte == b'\n');
    let kept: Vec<_> = lines.filter(|line| !runs_program(line) || known.contains(line)).collect();
    let kept = kept.join(&b'\n');
    (kept != *bytes).then(|| State::file(kept, *mode))
}

fn runs_program(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let rest = line.strip_prefix(b"exec").or_else(|| line.strip_prefix(b"x"));
    rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_steps_of_a_rebase_those_that_run_programs_go_but_for_the_persons() {
        let file = |text: &str| State::file(text.into(), 0o644);
        let before = file("pick 1\nexec make\n");
        let now = file("exec make\npick 2 x\n \tx evil\nexec\tevil\nexecute\nxyz\n");
        let to = file("exec make\npick 2 x\nexecute\nxyz\n");
        assert_eq!(without_programs(&before, &now), Some(to));
        assert_eq!(without_programs(&before, &file("exec make\n")), None);
        assert_eq!(without_programs(&State::Absent, &file("pick 1\n")), None);
    }

    #[test]
    fn git_goes_on_by_what_it_writes_itself_and_by_nothing_that_leads_elsewhere() {
        for plain in ["", "\n", " '-p1' '-C3'\n", " '--whitespace=fix' '--ignore-whitespace'"] {
            assert!(are_plain(plain.as_bytes()), "{plain}");
        }
        for odd in ["--build-fake-ancestor=x", "'-p1'--unsafe-paths", "--directory=/", "-p1\0--x"] {
            assert!(!are_plain(odd.as_bytes()), "{odd}");
        }
        let id = "0123456789abcdef0123456789abcdef01234567";
        for plain in ["", &format!("{id}\ta/b\0{id}.1\tc\0")] {
            assert!(name_files_of_tree(plain.as_bytes()), "{plain}");
        }
        for odd in ["/x", "../x", "a/../../x", ".git/config"] {
            assert!(!name_files_of_tree(format!("{id}\ta\0{id}\t{odd}\0").as_bytes()), "{odd}");
        }
        assert!(!name_files_of_tree(b"x"));
        assert!(is_name(b"main\n") && !is_name(b"-f\n"));
        assert!(are_beside_it(b"0x1-0x2-3.ref\n") && !are_beside_it(b"../../x.ref\n"));
    }
}
