//! Repositories of this machine that a configuration says are pushed to or fetched from: git runs the hooks of those (S9).
//! Which settings are harmless by themselves is said in `git_config.rs`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::settings::{Entry, Settings};
use super::state::read;
use super::{git_config, repositories, repository};

/// An address, or the name of a remote, for which git takes an address too.
const PLACES: &[&str] = &[
    "remote.*.url",
    "remote.*.pushurl",
    "remote.pushdefault",
    "submodule.*.url",
    "branch.*.remote",
    "branch.*.pushremote",
];

/// Bytes of a configuration that is read.
const MAX_CONFIG: u64 = 1 << 20;

/// The settings by which hooks of another repository would run: those that name one of this machine that has some.
pub(super) fn running(text: &[u8], git: &Path) -> Vec<Entry> {
    let entries = Settings::read(text).entries.into_iter();
    let places =
        entries.filter(|(name, _)| PLACES.iter().any(|pattern| git_config::matches(pattern, name)));
    places.filter(|(_, value)| value.as_deref().is_some_and(|value| runs(git, value))).collect()
}

fn runs(git: &Path, value: &[u8]) -> bool {
    let Some(path) = path_in(value) else { return false };
    // Relative to where git is started, which is most often the tree.
    let bases = git.parent().into_iter().chain([git]);
    bases.flat_map(|base| named(base.join(path))).any(|found| {
        let config = read(&found.join("config"), MAX_CONFIG).unwrap_or_default();
        let is_plain = git_config::harmful(&config).is_some_and(|harmful| harmful.is_empty());
        !is_plain || repository::has_hooks(&found)
    })
}

/// What is no address of another machine, and no name.
fn path_in(value: &[u8]) -> Option<&Path> {
    let local = value.strip_prefix(b"file://").unwrap_or(value);
    let until_slash = local.split(|byte| *byte == b'/').next().unwrap_or_default();
    let is_far = local.windows(3).any(|three| three == b"://") || until_slash.contains(&b':');
    (!is_far && !local.is_empty()).then(|| Path::new(OsStr::from_bytes(local)))
}

/// Where git looks for a repository that is called so.
fn named(path: PathBuf) -> impl Iterator<Item = PathBuf> {
    let places = ["", "/.git", ".git", ".git/.git"].map(|end| {
        let mut place = path.clone().into_os_string();
        place.push(end);
        PathBuf::from(place)
    });
    places.into_iter().filter(|place| repositories::is_repository(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_this_machine_is_a_path_that_no_host_is_named_before() {
        for far in ["https://a/b", "git@a:b/c", "a:b", "ssh://a/b", ""] {
            assert_eq!(path_in(far.as_bytes()), None, "{far}");
        }
        for (near, path) in [("../a", "../a"), ("a/b:c", "a/b:c"), ("file:///a", "/a"), ("a", "a")]
        {
            assert_eq!(path_in(near.as_bytes()), Some(Path::new(path)), "{near}");
        }
    }
}
