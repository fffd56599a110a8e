//! `--worktree`: a work tree of git's for one thread, beside the repository and on a new branch. What is not committed stays
//! behind, but for what `.worktreeinclude` names (conventions.md 9).

mod git;
mod layout;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use agent_tools::{Hidden, OwnEnvironment};
use anyhow::Context as _;

use crate::say;
use crate::workspace::{Repository, Workspace};

use git::Git;

pub(crate) use layout::Links;

const INCLUDE: &str = ".worktreeinclude";

/// A new work tree.
pub(crate) struct Worktree {
    /// Where in it the thread works: what the directory it was asked from is there.
    pub(crate) directory: PathBuf,
    pub(crate) branch: String,
}

/// How it is made.
pub(crate) struct Terms<'a> {
    /// In which git is started.
    pub(crate) own: &'a OwnEnvironment,
    /// Not copied from commands to where they would see it.
    pub(crate) hidden: &'a Hidden,
    /// Of the repository, on the way to where git writes.
    pub(crate) links: Links,
}

impl Worktree {
    /// Makes one of what is checked out at `cwd`; a name is found when none is given.
    ///
    /// # Errors
    /// Outside a repository, for a name that is taken or is none, where a link leads out of git's directory, and when git
    /// fails. Then nothing is left.
    pub(crate) fn make(cwd: &Path, name: Option<&str>, terms: &Terms<'_>) -> anyhow::Result<Self> {
        let Terms { own, hidden, links } = *terms;
        let workspace = Workspace::of(cwd, &[]);
        let repository = workspace.repository.as_ref().with_context(|| {
            format!("{} is not inside a git repository, which `--worktree` needs", cwd.display())
        })?;
        let name = name.map_or_else(new_name, str::to_owned);
        anyhow::ensure!(
            is_name(&name),
            "`{name}` cannot be the name of a work tree: use letters, digits, `-`, `_` and `.`"
        );
        let place = place(repository, &name);
        anyhow::ensure!(
            fs::symlink_metadata(&place).is_err(),
            "there is something already at {}",
            place.display()
        );
        let branch = format!("agent/{name}");
        layout::check(&Git::at(&repository.root, own), &branch, links)
            .and_then(|()| add(repository, &place, &branch, own))
            .with_context(|| format!("cannot make a work tree at {}", place.display()))?;
        copy_included(repository, &place, own, hidden)
            .with_context(|| format!("cannot copy what {INCLUDE} names to {}", place.display()))?;
        let inner = cwd
            .strip_prefix(&repository.root)
            .map_or_else(|_| place.clone(), |inner| place.join(inner));
        Ok(Self { directory: if is_inside(&inner, &place) { inner } else { place }, branch })
    }
}

/// Whether it is a directory of the work tree's own: what was committed in its place may be a link to anywhere.
fn is_inside(directory: &Path, place: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    directory.is_dir()
        && real(place)
            .zip(real(directory))
            .is_some_and(|(place, directory)| directory.starts_with(place))
}

/// The end of a thread's id: no two begin with it.
fn new_name() -> String {
    let id = agent_core::new_thread_id();
    id.rsplit('-').next().unwrap_or(&id).to_owned()
}

/// What is one name of a directory and of a branch, on every system.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars().all(is_plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.ends_with('.')
        && !name.ends_with(".lock")
        && !name.contains("..")
}

/// Beside the main work tree, wherever it was asked from.
fn place(repository: &Repository, name: &str) -> PathBuf {
    let common = &repository.common_dir;
    let main = if common.ends_with(".git") { common.parent() } else { None }.unwrap_or(common);
    let mut folder = main.file_name().unwrap_or_default().to_owned();
    folder.push(".worktrees");
    main.with_file_name(folder).join(name)
}

/// Makes the work tree, then checks out the files: what filters the repository has for them is not known before, as its
/// settings may depend on the branch and on where the tree is.
fn add(
    repository: &Repository,
    place: &Path,
    branch: &str,
    own: &OwnEnvironment,
) -> anyhow::Result<()> {
    let (git, _) = Git::at(&repository.root, own).without_filters()?;
    git.run(["worktree", "add", "--quiet", "--no-checkout", "-b", branch], [place])?;
    check_out(place, own).inspect_err(|_| {
        // What went wrong is said; that nothing is left of it is all there is to do.
        let _ = git.run(["worktree", "remove", "--force"], [place]);
        let _ = git.run(["branch", "--quiet", "-D", branch], []);
    })
}

/// Checks out all files of a new work tree.
fn check_out(place: &Path, own: &OwnEnvironment) -> anyhow::Result<()> {
    let (git, filters) = Git::at(place, own).without_filters()?;
    git.run(["reset", "--hard", "--quiet", "--no-recurse-submodules"], [])?;
    for filter in filters {
        let why = "git took your own instead, if you have one of that name";
        say::note(format_args!(
            "note: the filter `{filter}` of the repository's own settings was not run; {why}"
        ));
    }
    Ok(())
}

/// Copies what git ignores and the file of the person names. What cannot be copied is no reason to fail, but is said.
/// The names are the repository's, and so are the links that were checked out: none of them is followed.
fn copy_included(
    repository: &Repository,
    place: &Path,
    own: &OwnEnvironment,
    hidden: &Hidden,
) -> anyhow::Result<()> {
    if !repository.root.join(INCLUDE).is_file() {
        return Ok(());
    }
    let git = Git::at(&repository.root, own);
    let list = |from: &str| -> anyhow::Result<BTreeSet<PathBuf>> {
        let said = git.run(["ls-files", "--others", "--ignored", "-z", from], [])?.stdout;
        let names = said.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| OsString::from_vec(name.to_vec()).into()).collect())
    };
    let (named, ignored) =
        (list(&format!("--exclude-from={INCLUDE}"))?, list("--exclude-standard")?);
    let (from, to) = (File::open(&repository.root)?, File::open(place)?);
    let root = repository.root.canonicalize()?;
    for name in named.intersection(&ignored) {
        let copied = if hidden.holds(&root.join(name)) {
            Err(io::Error::other("it is hidden from commands, which would see it there"))
        } else {
            agent_core::copy_beneath(&from, &to, name)
        };
        if let Err(error) = copied {
            let name = name.display();
            say::note(format_args!("note: {name} is not in the new work tree: {error}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_a_directory_and_of_a_branch() {
        for name in ["fix", "fix-2", "1.0_b", &new_name()] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "-x", ".x", "a..b", "a.lock", "a.", "a b", "é", "a\n"] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
