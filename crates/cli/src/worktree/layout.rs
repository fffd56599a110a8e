//! Where in git's own directory a new work tree is written, and that no link leads these writes elsewhere: what is
//! unpacked with its `.git` may have one anywhere. What git sets and runs is not looked at here.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::git::Git;

/// What is made of links in git's directory as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// They are followed: the person trusts the repository, and `repo` and `git new-workdir` share files by links.
    Followed,
    /// Such a repository is refused.
    Refused,
}

/// What git itself makes there and writes to.
const OF_GIT: [&str; 8] = [
    "refs",
    "refs/heads",
    "logs",
    "logs/refs",
    "logs/refs/heads",
    "packed-refs",
    "reftable",
    "worktrees",
];

/// Where the branch stands, and its log: nobody has links there.
const OF_BRANCHES: [&str; 2] = ["refs/heads", "logs/refs/heads"];

/// Looks for what would lead git out of its directory when it makes `branch`.
///
/// # Errors
/// When there is a link, and when git does not say where its directory is.
pub(super) fn check(git: &Git<'_>, branch: &str, links: Links) -> anyhow::Result<()> {
    // Not what we found ourselves: a `commondir` may name another one, also where git sees it and we do not.
    let said = git.run(["rev-parse", "--git-common-dir"], [])?.stdout;
    let said = said.strip_suffix(b"\n").unwrap_or(&said);
    let common = git.directory().join(OsStr::from_bytes(said));
    let found = written(branch, links).find(|name| is_link(&common.join(name)));
    if let Some(name) = found {
        let link = common.join(name);
        let way = match links {
            Links::Followed => "remove it",
            Links::Refused => {
                "remove it, or trust the repository with `agent trust` if it is yours"
            }
        };
        anyhow::bail!(
            "{} is a link, through which git would write elsewhere: {way}",
            link.display()
        );
    }
    Ok(())
}

fn written(branch: &str, links: Links) -> impl Iterator<Item = PathBuf> {
    let whole = matches!(links, Links::Refused);
    let of_git = OF_GIT.iter().filter(move |_| whole).map(PathBuf::from);
    of_git.chain(OF_BRANCHES.into_iter().flat_map(move |heads| of_branch(heads, branch)))
}

/// `agent/fix` below `heads`, and the directories to it.
fn of_branch(heads: &'static str, branch: &str) -> Vec<PathBuf> {
    let full = Path::new(heads).join(branch);
    full.ancestors().take_while(|path| *path != Path::new(heads)).map(Path::to_owned).collect()
}

/// What cannot be looked at is none: git cannot write through it either.
fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}
