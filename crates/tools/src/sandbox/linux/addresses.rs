//! Repositories of this machine that a configuration says are pushed to or fetched from: git runs the hooks of those (S9).
//! Which settings are harmless by themselves is said in `git_config.rs`.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::settings::{Entry, Settings};
use super::state::read;
use super::{git_config, links, repositories, repository};

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
    let settings = Settings::read(text);
    let here = Here::of(&settings, git);
    let places = settings.entries.iter().filter(|(name, _)| is_place(name));
    places.filter(|(_, value)| value.iter().any(|value| here.runs(value))).cloned().collect()
}

/// Whether what is below `roots` decides where an address leads.
pub(super) fn leads_through(
    roots: &[PathBuf],
    (_, value): &Entry,
    text: &[u8],
    git: &Path,
) -> bool {
    let settings = Settings::read(text);
    let paths = value.iter().flat_map(|value| Here::of(&settings, git).paths(value));
    let is_below = |path: &PathBuf| roots.iter().any(|root| path.starts_with(root) && path != root);
    paths
        .map(|path| links::follow(&path))
        .any(|way| is_below(&way.end) || way.links.iter().any(is_below))
}

fn is_place(name: &[u8]) -> bool {
    PLACES.iter().any(|pattern| git_config::matches(pattern, name))
}

/// What addresses mean in one configuration.
struct Here<'a> {
    settings: &'a Settings,
    git: &'a Path,
    /// Where git may be started: relative ones are seen from there. Most addresses are of other machines, and need none.
    bases: OnceCell<BTreeSet<PathBuf>>,
}

impl<'a> Here<'a> {
    fn of(settings: &'a Settings, git: &'a Path) -> Self {
        Self { settings, git, bases: OnceCell::new() }
    }

    fn bases(&self) -> &BTreeSet<PathBuf> {
        self.bases.get_or_init(|| {
            let named = git_config::values_in(self.settings, "core.worktree");
            let named = named.map(|tree| self.git.join(OsStr::from_bytes(tree)));
            let worktrees = repositories::within(self.git).into_iter();
            let worktrees = worktrees.filter_map(|one| repositories::tree_of_worktree(&one));
            let own = self.git.parent().into_iter().chain([self.git]).map(Path::to_owned);
            own.chain(named).chain(worktrees).collect()
        })
    }

    fn runs(&self, value: &[u8]) -> bool {
        self.paths(value).into_iter().flat_map(named).any(|found| {
            let config = read(&found.join("config"), MAX_CONFIG).unwrap_or_default();
            let is_plain = git_config::harmful(&config).is_some_and(|harmful| harmful.is_empty());
            !is_plain || repository::has_hooks(&found)
        })
    }

    fn paths(&self, value: &[u8]) -> Vec<PathBuf> {
        let addresses = if self.is_remote(value) { vec![] } else { self.rewritten(value) };
        let paths = addresses.iter().flat_map(|address| paths_in(address));
        paths.flat_map(|path| self.bases().iter().map(move |base| base.join(&path))).collect()
    }

    /// The name of one that has addresses of its own.
    fn is_remote(&self, value: &[u8]) -> bool {
        let name = [b"remote.", value, b".url"].concat();
        self.settings.entries.iter().any(|(known, value)| *known == name && value.is_some())
    }

    /// By itself, and as other settings have it rewritten.
    fn rewritten(&self, value: &[u8]) -> Vec<Vec<u8>> {
        let mut all = vec![value.to_vec()];
        for (name, start) in &self.settings.entries {
            let base = [&b".insteadof"[..], b".pushinsteadof"]
                .iter()
                .find_map(|end| name.strip_prefix(b"url.")?.strip_suffix(*end));
            let rest = start.as_ref().and_then(|start| value.strip_prefix(&**start));
            if let (Some(base), Some(rest)) = (base, rest) {
                all.push([base, rest].concat());
            }
        }
        all
    }
}

/// Those that an address may mean, if it is of this machine.
fn paths_in(address: &[u8]) -> Vec<PathBuf> {
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    let Some(rest) = address.strip_prefix(b"file://") else {
        let until_slash = address.split(|byte| *byte == b'/').next().unwrap_or_default();
        let is_far = address.windows(3).any(|three| three == b"://") || until_slash.contains(&b':');
        return if is_far || address.is_empty() { vec![] } else { vec![path(address)] };
    };
    // Of the host git takes no notice, not even of slashes in its brackets.
    let rest = decoded(rest);
    let behind = |start: usize| {
        let slash = rest[start..].iter().position(|byte| *byte == b'/')?;
        Some(path(&rest[start + slash..]))
    };
    let bracket = rest.iter().position(|byte| *byte == b']');
    [Some(0), bracket].into_iter().flatten().filter_map(behind).collect()
}

/// As git reads a URL: what is no number stays.
fn decoded(text: &[u8]) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::new(), text);
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let is_number = |digits: &&str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = digits.filter(is_number).and_then(|two| u8::from_str_radix(two, 16).ok());
        let number = number.filter(|number| *first == b'%' && *number != 0);
        decoded.push(number.unwrap_or(*first));
        rest = if number.is_some() { &after[2..] } else { after };
    }
    decoded
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
        for far in ["https://a/b", "git@a:b/c", "a:b", "ssh://a/b", "", "file://a"] {
            assert!(paths_in(far.as_bytes()).is_empty(), "{far}");
        }
        for (near, path) in [
            ("../a", "../a"),
            ("a/b:c", "a/b:c"),
            ("file:///a", "/a"),
            ("a", "a"),
            ("a%65", "a%65"),
            ("file:///%65%2fb%zz%", "/e/b%zz%"),
            ("file://host/a", "/a"),
        ] {
            assert_eq!(paths_in(near.as_bytes()), [Path::new(path)], "{near}");
        }
    }

    #[test]
    fn an_address_means_what_the_other_settings_make_of_it() {
        let text = b"[url \"/a/\"]\n\tinsteadOf = x:\n[remote \"up\"]\n\turl = x:b\n[core]\n\tworktree = ../t\n";
        let settings = Settings::read(text);
        let here = Here::of(&settings, Path::new("/g/.git"));
        let paths = |value: &[u8]| BTreeSet::from_iter(here.paths(value));
        assert_eq!(paths(b"x:b"), BTreeSet::from(["/a/b".into()]));
        assert_eq!(paths(b"up"), BTreeSet::new());
        let from = ["/g/.git/n", "/g/n", "/g/.git/../t/n"].map(PathBuf::from);
        assert_eq!(paths(b"n"), BTreeSet::from(from));
    }
}
