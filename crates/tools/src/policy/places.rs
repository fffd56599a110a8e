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
        places.iter().any(|place| {
            let real = place.canonicalize();
            place.ancestors().chain(real.iter().flat_map(|real| real.ancestors())).any(is_in)
        })
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
