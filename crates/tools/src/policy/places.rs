//! Where the commands of a line may run. A word that is the name of something there may mean that, and not what it
//! looks like: the one thing the policy looks for in the file system.

use std::path::{Path, PathBuf};

/// More places than a line with a few `cd` has; with more it is not known where a command runs.
const MOST: usize = 16;

/// All directories in which the next command of a line may run, as each `cd` before it may have failed.
#[derive(Clone, Debug)]
pub(crate) struct Places(Option<Vec<PathBuf>>);

impl Places {
    /// A line that begins in `cwd`.
    pub(crate) fn of(cwd: &Path) -> Self {
        Self(Some(vec![cwd.to_owned()]))
    }

    /// Goes on behind a command of the line.
    pub(crate) fn pass(&mut self, words: &[String]) {
        if words.first().is_none_or(|program| !matches!(program.as_str(), "cd" | "pushd" | "popd"))
        {
            return;
        }
        let Some(places) = self.0.take() else { return };
        // Without an argument and for `-` it depends on variables.
        if let [program, to] = words
            && program == "cd"
            && !to.is_empty()
            && !to.starts_with(['-', '~'])
            && places.len() < MOST
        {
            let further = places.iter().map(|place| place.join(to)).collect();
            self.0 = Some([places, further].concat());
        }
    }

    /// Whether something of this name is there or above, or may be: some commands of git go to where the work tree
    /// begins before they look.
    pub(crate) fn may_hold(&self, name: &str) -> bool {
        let Self(Some(places)) = self else { return true };
        let is_in = |directory: &Path| directory.join(name).symlink_metadata().is_ok();
        places.iter().any(|place| or_above(place, is_in))
    }

    /// Whether a repository there has remotes in files of their own, as git kept them once and reads them still.
    pub(crate) fn may_have_remotes_in_files(&self) -> bool {
        let Self(Some(places)) = self else { return true };
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

fn or_above(place: &Path, is: impl Fn(&Path) -> bool) -> bool {
    let real = place.canonicalize();
    place.ancestors().chain(real.iter().flat_map(|real| real.ancestors())).any(is)
}

/// That of a work tree beside the repository, and what it has in common with the others.
fn git_dirs_of_file(file: &Path) -> Vec<PathBuf> {
    let line = |path: &Path| {
        let is_file = path.metadata().is_ok_and(|found| found.is_file());
        is_file.then(|| std::fs::read_to_string(path).ok()).flatten()
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

/// Each command with where it may run.
pub(crate) fn in_their_places<'a>(
    commands: &'a [Vec<String>],
    cwd: &Path,
) -> impl Iterator<Item = (&'a Vec<String>, Places)> + use<'a> {
    let mut places = Places::of(cwd);
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
            let (_, places) = in_their_places(&commands, dir.path()).last().unwrap();
            assert_eq!(places.may_hold("repository"), may_hold, "{line}");
        }
    }
}
