//! What git had still to do in a repository, half done: it goes on by what it finds in files of its own, which a command may
//! have written. And what its own programs run, obey or end by, of which a command has nothing to write.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::encoded::{Encoded, read_all, write_all};
use super::git_config;
use super::index::is_of_tree;
use super::put_back::Change;
use super::repositories;
use super::repository::{around_all, change};
use super::state::{Budget, MAX_FILE, State, read_through};

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
    // Until Git 2.39 `git bisect visualize` was a script, which took them for code.
    Kind { name: "BISECT_NAMES", to: |before, now| unless(are_quoted, before, now) },
    // How far it is, which a prompt of git's (`__git_ps1`) shows, and the shell expands.
    Kind { name: "rebase-merge/msgnum", to: |before, now| unless(is_number, before, now) },
    Kind { name: "rebase-merge/end", to: |before, now| unless(is_number, before, now) },
    Kind { name: "rebase-apply/next", to: |before, now| unless(is_number, before, now) },
    Kind { name: "rebase-apply/last", to: |before, now| unless(is_number, before, now) },
];

/// The web server of `git instaweb`, which is run from there.
pub(super) const WEB_SERVER: &str = "gitweb";

/// What is obeyed whatever it holds. What remembers other things for `git svn` makes any object of Perl's when it is read, and
/// what the web server is ended by may name anybody.
const OBEYED: &[&str] = &[WEB_SERVER, "pid", "svn/.caches"];

/// Not those that are scripts: they take their options for code.
const STRATEGIES: &[&str] = &["ort", "recursive", "ours", "subtree", ""];

/// A rebase or the like, and what is obeyed.
#[derive(Clone, Default)]
pub(super) struct Begun {
    steps: Vec<State>,
    obeyed: Vec<State>,
}

impl Begun {
    pub(super) fn of(git: &Path) -> Self {
        Self {
            steps: KINDS.iter().map(|kind| State::of(&git.join(kind.name))).collect(),
            obeyed: OBEYED.iter().map(|name| State::of(&git.join(name))).collect(),
        }
    }

    /// How many bytes are remembered of it.
    pub(super) fn size(&self) -> usize {
        self.steps.iter().chain(&self.obeyed).map(State::size).sum()
    }

    /// Without what is held by what is obeyed.
    pub(super) fn shorten(&mut self, git: &Path) {
        let there = self.obeyed.iter_mut().zip(OBEYED).filter(|(state, _)| state.size() > 0);
        there
            .for_each(|(state, name)| *state = State::within(&git.join(name), &mut Budget::none()));
    }

    /// What a command began may be gone on with, but runs nothing that was not to run before, and writes nothing elsewhere.
    pub(super) fn changes(&self, git: &Path) -> Vec<Change> {
        let steps = KINDS.iter().enumerate().filter_map(|(at, kind)| {
            let path = git.join(kind.name);
            let (before, now) = (self.steps.get(at).unwrap_or(&State::Absent), State::of(&path));
            if before.is_still(&now, &path) || now == State::Absent {
                return None;
            }
            let to = (kind.to)(before, &now).or_else(|| before.parted(&now))?;
            Some(change(git, &path, to))
        });
        steps.chain(self.changes_of_what_is_obeyed(git)).collect()
    }

    /// What is gone stays so: nothing is run or ended by it.
    fn changes_of_what_is_obeyed<'a>(&'a self, git: &'a Path) -> impl Iterator<Item = Change> + 'a {
        let there = OBEYED.iter().enumerate().map(|(at, name)| (at, git.join(name)));
        let there = there.filter(|(_, path)| fs::symlink_metadata(path).is_ok());
        there.flat_map(|(at, path)| {
            let before = self.obeyed.get(at).unwrap_or(&State::Absent);
            before.changes_at(&path, around_all(git))
        })
    }
}

impl Encoded for Begun {
    fn write(&self, to: &mut Vec<u8>) {
        write_all(self.steps.iter(), to, Encoded::write);
        write_all(self.obeyed.iter(), to, Encoded::write);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Self { steps: read_all(from)?, obeyed: read_all(from)? })
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

fn is_number(text: &[u8]) -> bool {
    text.trim_ascii().iter().all(u8::is_ascii_digit)
}

/// Words that a shell takes for nothing but words.
fn are_quoted(words: &[u8]) -> bool {
    let mut rest = words;
    while let Some((first, behind)) = rest.split_first() {
        let end = match first {
            b'\'' => behind.iter().position(|byte| *byte == b'\''),
            b'\\' if behind.starts_with(b"'") || behind.starts_with(b"!") => Some(0),
            _ if first.is_ascii_whitespace() => {
                rest = behind;
                continue;
            }
            _ => None,
        };
        let Some(end) = end else { return false };
        rest = &behind[end + 1..];
    }
    true
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
        assert!(is_number(b"12\n") && !is_number(b"$(x)\n"));
        for plain in ["\n", " 'a' 'b c'\n", " 'it'\\''s' '$(x)'\n", " 'wow'\\!'x'\n"] {
            assert!(are_quoted(plain.as_bytes()), "{plain}");
        }
        for odd in ["x", "'a';x'b'", "'a", "'a'\n'b' x", "$(x)", "'a'\\''b\n"] {
            assert!(!are_quoted(odd.as_bytes()), "{odd}");
        }
        assert!(are_beside_it(b"0x1-0x2-3.ref\n") && !are_beside_it(b"../../x.ref\n"));
    }
    #[test]
    fn s9_what_gits_programs_run_or_end_by_is_as_it_was_and_what_is_gone_stays_gone() {
        let place = tempfile::tempdir().unwrap();
        let git = place.path().canonicalize().unwrap();
        let before = Begun::of(&git);
        fs::create_dir_all(git.join("gitweb/lighttpd")).unwrap();
        fs::write(git.join("gitweb/lighttpd.conf"), "own").unwrap();
        fs::write(git.join("pid"), "1").unwrap();
        let changed = |begun: &Begun| {
            let changes = begun.changes(&git).into_iter();
            changes.map(|change| (change.path, change.to)).collect::<Vec<_>>()
        };
        let new = [(git.join("gitweb"), State::Absent), (git.join("pid"), State::Absent)];
        assert_eq!(changed(&before), new);
        let before = Begun::of(&git);
        assert!(changed(&before).is_empty());
        fs::write(git.join("gitweb/lighttpd.conf"), "other").unwrap();
        fs::write(git.join("gitweb/lighttpd/lighttpd"), "evil").unwrap();
        fs::remove_file(git.join("pid")).unwrap();
        let conf = before.obeyed[0].clone();
        let State::Directory(conf) = conf else { panic!("{conf:?}") };
        let to = [
            (git.join("gitweb/lighttpd/lighttpd"), State::Absent),
            (git.join("gitweb/lighttpd.conf"), conf[OsStr::new("lighttpd.conf")].clone()),
        ];
        assert_eq!(changed(&before), to);
    }
}
