//! Where the commands of a line may run. A word that is the name of something there may mean that, and not what it
//! looks like: the one thing the policy looks for in the file system.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::known_safe;
use super::repository::Repository;
use crate::files::open_regular;

/// More places than a line with a few `cd` has; with more it is not known where a command runs.
const MOST: usize = 16;

/// What git writes into a file that names a directory is shorter.
const MOST_BYTES: u64 = 64 << 10;

/// All directories in which the next command of a line may run, as each `cd` before it may have failed.
#[derive(Clone, Debug)]
pub(crate) struct Places<'a> {
    /// None: it is not known where.
    all: Option<Vec<PathBuf>>,
    /// That of the thread.
    own: &'a Repository,
    /// Commands before it may have made other files there.
    may_have_changed: bool,
}

impl<'a> Places<'a> {
    /// A line that begins in `cwd`, in a thread whose repository is `own`.
    pub(crate) fn of(cwd: &Path, own: &'a Repository) -> Self {
        Self { all: Some(vec![cwd.to_owned()]), own, may_have_changed: false }
    }

    /// Goes on behind a command of the line.
    pub(crate) fn pass(&mut self, words: &[String]) {
        let Some(program) = words.first() else { return };
        self.may_have_changed |= !leaves_files(words);
        if !GOES_ELSEWHERE.contains(&program.as_str()) {
            return;
        }
        let Some(places) = self.all.take() else { return };
        // Without an argument and for `-` it depends on variables.
        if let [program, to] = words
            && program == "cd"
            && !to.is_empty()
            && !to.starts_with(['-', '~'])
            && places.len() < MOST
        {
            let further: Vec<_> = places.iter().map(|place| place.join(to)).collect();
            // What is made later is not seen now.
            self.may_have_changed |= !further.iter().all(|place| place.is_dir());
            self.all = Some([places, further].concat());
        }
    }

    /// Whether version control may obey another repository there than the thread's own.
    pub(crate) fn may_be_of_another_repository(&self) -> bool {
        let Some(places) = &self.all else { return true };
        let is_own = |place: &PathBuf| {
            self.own.is_found_in(place) && (!self.may_have_changed || self.own.begins_in(place))
        };
        !places.iter().all(is_own)
    }

    /// Whether something of this name is there or above, or may be: some commands of git go to where the work tree
    /// begins before they look.
    pub(crate) fn may_hold(&self, name: &str) -> bool {
        let Some(places) = &self.all else { return true };
        let is_in = |directory: &Path| directory.join(name).symlink_metadata().is_ok();
        places.iter().any(|place| or_above(place, is_in))
    }

    /// Whether a repository there has remotes in files of their own, as git kept them once and reads them still.
    pub(crate) fn may_have_remotes_in_files(&self) -> bool {
        let Some(places) = &self.all else { return true };
        let has = |directory: &Path| {
            let of_repository = [directory.to_owned(), directory.join(".git")];
            of_repository.into_iter().chain(git_dirs_of_file(&directory.join(".git"))).any(|git| {
                git.join("HEAD").symlink_metadata().is_ok()
                    && ["remotes", "branches"].iter().any(|name| has_entries(&git.join(name)))
            })
        };
        places.iter().any(|place| or_above(place, has))
    }
}

/// Where a shell is afterwards is known of `cd` alone.
const GOES_ELSEWHERE: &[&str] =
    &[".", "builtin", "cd", "command", "eval", "popd", "pushd", "source"];

/// Whether a command makes no files in the work tree, or at most what the person's own hooks make.
fn leaves_files(words: &[String]) -> bool {
    let is_git = |known: &[&str]| {
        words[0] == "git" && words.get(1).is_some_and(|word| known.contains(&word.as_str()))
    };
    known_safe::touches_nothing(words)
        || is_git(&["add", "commit", "diff", "fetch", "log", "push", "show", "status", "tag"])
}

fn or_above(place: &Path, is: impl Fn(&Path) -> bool) -> bool {
    let real = place.canonicalize();
    place.ancestors().chain(real.iter().flat_map(|real| real.ancestors())).any(is)
}

/// That of a work tree beside the repository, and what it has in common with the others.
fn git_dirs_of_file(file: &Path) -> Vec<PathBuf> {
    let line = |path: &Path| {
        let (file, _) = open_regular(path).ok()?;
        let mut text = String::new();
        file.take(MOST_BYTES).read_to_string(&mut text).ok()?;
        Some(text)
    };
    let Some(text) = line(file) else { return vec![] };
    let beside = file.parent().unwrap_or(file);
    let Some(git) = text.strip_prefix("gitdir:").map(|git| beside.join(git.trim())) else {
        return vec![];
    };
    let common = line(&git.join("commondir")).map(|common| git.join(common.trim()));
    [git].into_iter().chain(common).collect()
}

/// One that cannot be read may.
fn has_entries(directory: &Path) -> bool {
    match std::fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// Each command with where it may run, in a thread whose repository is `own`.
pub(crate) fn in_their_places<'a>(
    commands: &'a [Vec<String>],
    cwd: &Path,
    own: &'a Repository,
) -> impl Iterator<Item = (&'a Vec<String>, Places<'a>)> + use<'a> {
    let mut places = Places::of(cwd, own);
    commands.iter().map(move |words| {
        let here = places.clone();
        places.pass(words);
        (words, here)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_there_is_looked_for_wherever_the_command_may_run() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b/repository")).unwrap();
        for (line, may_hold) in [
            ("x", false),
            ("cd a; x", false),
            ("cd a && cd b && x", true),
            ("cd a || cd a/b; x", true),
            ("cd a/b; cd ..; x", true),
            ("cd b; x", false),
            ("cd a/b/c; x", true),
            ("cd; x", true),
            ("cd -; x", true),
            ("pushd a; x", true),
            ("cd a; cd a; cd a; cd a; cd a; x", true),
        ] {
            let commands = crate::policy::shell::commands(line).unwrap();
            let (_, places) =
                in_their_places(&commands, dir.path(), &Repository::Nothing).last().unwrap();
            assert_eq!(places.may_hold("repository"), may_hold, "{line}");
        }
    }

    #[test]
    fn s19_a_line_that_may_lead_into_another_repository_is_known() {
        let dir = tempfile::tempdir().unwrap();
        for directory in [".git", "sub", "evil/objects", "evil/refs"] {
            std::fs::create_dir_all(dir.path().join(directory)).unwrap();
        }
        std::fs::write(dir.path().join("evil/HEAD"), "").unwrap();
        let own = Repository::of(dir.path());
        for (line, may_be) in [
            ("git x", false),
            ("cd sub; git x", false),
            ("cd sub && git add . && git x", false),
            ("make; git x", false),
            ("cd evil && git x", true),
            ("cd evil; cd ..; git x", true),
            ("cd sub/../evil; git x", true),
            ("cd sub; cd ../evil; git x", true),
            // Each may fail.
            ("cd sub; cd ..; git x", true),
            // There, it may be by then.
            ("cd made; git x", true),
            ("cd sub && git checkout theirs && git x", true),
            ("cd sub && tar xf a.tar && git x", true),
            ("cd; git x", true),
            ("cd -; git x", true),
            ("cd -P evil; git x", true),
            ("cd -- evil; git x", true),
            ("pushd evil; git x", true),
            ("popd; git x", true),
            ("builtin cd evil; git x", true),
            ("command cd evil; git x", true),
            ("eval cd evil; git x", true),
            (". ./x; git x", true),
            ("cd /; git x", true),
        ] {
            let commands = crate::policy::shell::commands(line).unwrap();
            let (_, places) = in_their_places(&commands, dir.path(), &own).last().unwrap();
            assert_eq!(places.may_be_of_another_repository(), may_be, "{line}");
        }
    }
}
