//! Repositories of this machine that a configuration says are pushed to or fetched from: git runs the hooks of those (S9).
//! Which settings are harmless by themselves is said in `git_config.rs`.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::settings::{Entry, Settings};
use super::state::read;
use super::{git_config, hooks, links, persons, repositories};
use crate::account::{field_of_account, home_of_account_called};

const CONFIGS: &[&str] = &["config", "config.worktree"];

/// Bytes of a configuration that is read.
const MAX_CONFIG: u64 = 1 << 20;

/// The person's home, as their own git has it: a world has no variables, and all its rooms are its children.
static HOME: OnceLock<Option<PathBuf>> = OnceLock::new();

pub(super) fn know_home(env: &BTreeMap<OsString, OsString>) {
    HOME.get_or_init(|| persons::variable(env, "HOME"));
}

/// The settings by which hooks of another repository would run: those that name one of this machine that has some.
pub(super) fn running(text: &[u8], git: &Path) -> Vec<Entry> {
    let settings = Settings::read(text);
    let here = Here::of(&settings, git);
    settings.entries.iter().filter(|entry| here.runs(entry)).cloned().collect()
}

/// Whether what is below `roots` decides where an address leads.
pub(super) fn leads_through(roots: &[PathBuf], entry: &Entry, text: &[u8], git: &Path) -> bool {
    let settings = Settings::read(text);
    let paths = Here::of(&settings, git).paths(entry);
    let is_below = |path: &PathBuf| roots.iter().any(|root| path.starts_with(root) && path != root);
    let entered = paths.iter().flat_map(|path| named(path)).flat_map(with_common);
    let all: Vec<_> = entered.chain(paths.iter().cloned()).collect();
    let mut ways = all.iter().map(|path| links::follow(path));
    ways.any(|way| is_below(&way.end) || way.links.iter().any(is_below))
}

fn is_among(patterns: &[&str], name: &[u8]) -> bool {
    patterns.iter().any(|pattern| git_config::matches(pattern, name))
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

    fn runs(&self, entry: &Entry) -> bool {
        let is_unknown = |address: &Vec<u8>| !is_far(address) && homes_in(address).is_none();
        let paths = self.paths(entry);
        let entered = || paths.iter().flat_map(|path| named(path));
        self.addresses(entry).iter().any(is_unknown)
            || paths.iter().any(|path| links::is_unknowable(path))
            || entered().any(|found| runs_something(&found))
    }

    /// All that a setting may mean.
    fn addresses(&self, (name, value): &Entry) -> Vec<Vec<u8>> {
        let Some(value) = value else { return vec![] };
        let is_name = is_among(git_config::REMOTES, name);
        let is_place = is_among(git_config::ADDRESSES, name) || (is_name && !self.is_remote(value));
        if is_place { self.rewritten(value) } else { vec![] }
    }

    fn paths(&self, entry: &Entry) -> Vec<PathBuf> {
        let addresses = self.addresses(entry);
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
        return match homes_in(address) {
            _ if is_far(address) || address.is_empty() => vec![],
            Some(homes) if !homes.is_empty() => homes,
            _ => vec![path(address)],
        };
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

fn is_far(address: &[u8]) -> bool {
    let until_slash = address.split(|byte| *byte == b'/').next().unwrap_or_default();
    address.windows(3).any(|three| three == b"://") || until_slash.contains(&b':')
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

/// What an address is that begins with somebody's home; nothing, where none does. None: nobody here knows that home.
fn homes_in(address: &[u8]) -> Option<Vec<PathBuf>> {
    let Some(address) = address.strip_prefix(b"~") else { return Some(vec![]) };
    let end = address.iter().position(|byte| *byte == b'/').unwrap_or(address.len());
    let (name, rest) = address.split_at(end);
    let homes: Vec<_> = if name.is_empty() {
        let of_account = field_of_account(5).map(PathBuf::from);
        HOME.get().cloned().flatten().into_iter().chain(of_account).collect()
    } else {
        home_of_account_called(name).into_iter().collect()
    };
    let with_rest = |home: PathBuf| {
        let mut path = home.into_os_string();
        path.push(OsStr::from_bytes(rest));
        PathBuf::from(path)
    };
    (!homes.is_empty()).then(|| homes.into_iter().map(with_rest).collect())
}

/// Where git looks for a repository that is called so: for its directory, or a file that points to it.
fn named(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let name = OsStr::from_bytes(&bytes[..end]).to_owned();
    ["", "/.git", ".git", ".git/.git"].into_iter().filter_map(move |end| {
        let mut place = name.clone();
        place.push(end);
        let place = PathBuf::from(place);
        match place.is_file() {
            true => repositories::pointed_to(place.parent()?, &place),
            false => repositories::is_repository(&place).then_some(place),
        }
    })
}

/// And what it shares with others.
fn with_common(git: PathBuf) -> impl Iterator<Item = PathBuf> {
    let common = repositories::common_directory(&git);
    std::iter::once(git).chain(common)
}

/// Whether a repository that git is told to enter has hooks, or settings that are not known to be harmless. What cannot be read
/// may have.
fn runs_something(git: &Path) -> bool {
    let is_there = |path: &Path| {
        fs::symlink_metadata(path)
            .map_or_else(|error| error.kind() != ErrorKind::NotFound, |_| true)
    };
    let is_plain = |config: &Path| {
        let text = read(config, MAX_CONFIG);
        let harmful = text.and_then(|text| git_config::harmful(&text));
        // What is called by its name alone is not called here.
        harmful.is_some_and(|all| all.iter().all(|(name, _)| name.starts_with(b"alias.")))
    };
    let runs = |git: PathBuf| {
        let mut configs = CONFIGS.iter().map(|name| git.join(name));
        configs.any(|config| is_there(&config) && !is_plain(&config)) || hooks::has_hooks(&git)
    };
    let is_lost = is_there(&git.join("commondir")) && repositories::common_directory(git).is_none();
    is_lost || with_common(git.to_owned()).any(runs)
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
        let paths = |name: &str, value: &[u8]| {
            BTreeSet::from_iter(here.paths(&(name.into(), Some(value.to_vec()))))
        };
        assert_eq!(paths("remote.a.url", b"x:b"), BTreeSet::from(["/a/b".into()]));
        let from = |name: &str| {
            ["/g/.git", "/g", "/g/.git/../t"].map(|base| Path::new(base).join(name)).into()
        };
        assert_eq!(paths("branch.b.remote", b"n"), from("n"));
        assert_eq!(paths("branch.b.remote", b"up"), BTreeSet::new());
        assert_eq!(paths("remote.a.url", b"up"), from("up"));
        assert_eq!(paths("branch.b.merge", b"n"), BTreeSet::new());
    }

    #[test]
    fn an_address_may_begin_with_the_home_of_anybody() {
        let root = home_of_account_called(b"root").expect("an account");
        assert_eq!(paths_in(b"~root/a"), [root.join("a")]);
        assert_eq!(homes_in(b"~root"), Some(vec![root]));
        let own = field_of_account(5).map(PathBuf::from);
        assert!(own.is_none_or(|own| paths_in(b"~/a").contains(&own.join("a"))));
        assert_eq!(homes_in(b"~nobody knows/a"), None);
        assert_eq!(homes_in(b"a/~/b"), Some(vec![]));
        let text = b"[remote \"a\"]\n\turl = ~nobody knows/a\n";
        assert_eq!(running(text, Path::new("/g/.git")), Settings::read(text).entries);
    }

    /// One in which nothing would run.
    fn plain_repository(git: &Path) {
        for part in ["objects", "refs", "hooks"] {
            fs::create_dir_all(git.join(part)).unwrap();
        }
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(git.join("config"), "[core]\n\tbare = true\n").unwrap();
    }

    #[test]
    fn a_repository_that_cannot_be_judged_may_run_something() {
        let place = tempfile::tempdir().unwrap();
        let (git, shared) = (place.path().join("a"), place.path().join("b"));
        let is_plain = || !runs_something(&git);
        plain_repository(&git);
        plain_repository(&shared);
        assert!(is_plain());
        fs::write(git.join("hooks/update.sample"), "").unwrap();
        fs::write(git.join("hooks/pre-commit"), "").unwrap();
        fs::write(git.join("config.worktree"), "[alias]\n\tx = !y\n").unwrap();
        assert!(is_plain());

        let long = "#".repeat(usize::try_from(MAX_CONFIG).unwrap() + 1);
        fs::write(git.join("config.worktree"), long).unwrap();
        assert!(!is_plain());
        fs::write(git.join("config.worktree"), "[core]\n\thooksPath = x\n").unwrap();
        assert!(!is_plain());
        fs::remove_file(git.join("config.worktree")).unwrap();
        fs::remove_file(git.join("config")).unwrap();
        assert!(is_plain());
        std::os::unix::fs::symlink("../b/config", git.join("config")).unwrap();
        assert!(!is_plain());
        fs::remove_file(git.join("config")).unwrap();

        fs::write(git.join("commondir"), "../b\n").unwrap();
        assert!(is_plain());
        fs::write(shared.join("hooks/update"), "").unwrap();
        assert!(!is_plain());
        fs::write(git.join("commondir"), "../nowhere\n").unwrap();
        assert!(!is_plain());
    }

    #[test]
    fn a_repository_is_entered_as_git_does_it() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        plain_repository(&place.join("a.git"));
        fs::write(place.join("file"), "gitdir: a.git\n").unwrap();
        fs::create_dir(place.join("tree")).unwrap();
        fs::write(place.join("tree/.git"), "gitdir: ../a.git\n").unwrap();
        std::os::unix::fs::symlink("file", place.join("link")).unwrap();
        for name in ["a.git", "a", "a//", "file", "tree", "tree/.git", "link"] {
            let found: Vec<_> = named(&place.join(name)).collect();
            assert_eq!(found, [place.join("a.git")], "{name}");
        }
    }
}
