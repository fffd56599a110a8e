//! What ignore files leave out of a walk, as git and ripgrep have it: read here, each once and as it was opened, because
//! who walks a workspace shares it with commands, and whatever is called an ignore file may be exchanged for what never
//! ends (R16). Patterns are matched by the crate `ignore`; the walks are their callers'.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, gitconfig_excludes_path};

/// Bytes of an ignore file; nobody has written a longer one.
const MOST: u64 = 1 << 20;

/// What all patterns of a walk may weigh: 10,000 with wildcards, which take 30 MB and a third of a second to be made ready.
/// Large repositories have some hundreds.
const MOST_WEIGHT: usize = 50_000;

/// What version control keeps for itself.
const STORES: [&str; 4] = [".git", ".hg", ".jj", ".svn"];

/// Whether version control keeps this for itself.
pub fn is_store(path: &Path) -> bool {
    path.file_name().is_some_and(|name| STORES.iter().any(|store| name == *store))
}

/// What becomes of a path in a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Seen,
    Ignored,
    /// An ignore file in this directory is none that could be read to its end, or has more patterns than fit, so that what
    /// it leaves out is not known.
    Closed,
}

/// The rules of one walk: those of its directories are read when they are met. By default none around them hold.
#[derive(Clone, Default)]
pub struct IgnoreRules(Arc<Rules>);

#[derive(Default)]
struct Rules {
    root: PathBuf,
    /// The same, links aside, where that is another path.
    canonical: Option<PathBuf>,
    /// Of the person, for everything.
    everywhere: Rule,
    /// By the directories that were met. Paths are bytes here: taken apart, each would cost as much as its rules.
    levels: RwLock<HashMap<OsString, Arc<Level>>>,
    /// Of the patterns that were met.
    weight: AtomicUsize,
}

/// What one directory adds to those around it.
#[derive(Default)]
struct Level {
    around: Option<Arc<Self>>,
    /// Of `.ignore`.
    plain: Rule,
    /// Of `.gitignore`.
    git: Rule,
    /// Of the repository's own list.
    exclude: Rule,
    /// Git's rules of the directories around it have no say in it.
    is_repository: bool,
}

type Rule = Option<Gitignore>;

/// An ignore file is none.
struct Unreadable;

impl IgnoreRules {
    /// Those that hold below `root`, which may be a link.
    ///
    /// # Errors
    /// With the directory, this one or one around it, whose ignore files cannot be read to their end, or with the person's
    /// own ignore file: what they leave out is not known.
    pub fn below(root: &Path) -> Result<Self, PathBuf> {
        let canonical = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let weight = AtomicUsize::new(0);
        let mut around = None;
        let above: Vec<_> = canonical.ancestors().collect();
        for directory in above.into_iter().rev() {
            let level = Level::of(directory, around, &weight);
            around = Some(level.map_err(|Unreadable| directory.to_owned())?);
        }
        // As the paths below it have it.
        let root: PathBuf = root.components().collect();
        let levels = around.map(|level| (root.clone().into_os_string(), level));
        let everywhere = match gitconfig_excludes_path() {
            // As people write that there is none.
            Some(path) if path != Path::new("/dev/null") => {
                rule(&canonical, &path, &weight).map_err(|Unreadable| path)?
            }
            _ => None,
        };
        Ok(Self(Arc::new(Rules {
            canonical: (canonical != root).then_some(canonical),
            root,
            everywhere,
            levels: RwLock::new(levels.into_iter().collect()),
            weight,
        })))
    }

    /// Whether a walk goes on with this path below the root: it is neither ignored nor kept by version control.
    pub fn sees(&self, path: &Path, is_directory: bool) -> bool {
        !is_store(path) && self.fate_of(path, is_directory) == Fate::Seen
    }

    /// What becomes of a path below the root. The directory that it lies in was seen before.
    pub fn fate_of(&self, path: &Path, is_directory: bool) -> Fate {
        let rules = &*self.0;
        if path == rules.root {
            return Fate::Seen;
        }
        let level = path.parent().and_then(|directory| rules.level(directory));
        let canonical = rules.canonical(path);
        if rules.leave_out(level.as_deref(), &canonical, is_directory) {
            return Fate::Ignored;
        }
        if !is_directory {
            return Fate::Seen;
        }
        match Level::of(&canonical, level, &rules.weight) {
            Ok(level) => {
                let mut levels = rules.levels.write().unwrap_or_else(PoisonError::into_inner);
                levels.insert(path.as_os_str().to_owned(), level);
                Fate::Seen
            }
            Err(Unreadable) => Fate::Closed,
        }
    }
}

impl Rules {
    fn level(&self, directory: &Path) -> Option<Arc<Level>> {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        levels.get(directory.as_os_str()).cloned()
    }

    fn canonical<'a>(&self, path: &'a Path) -> Cow<'a, Path> {
        let Some(root) = &self.canonical else { return Cow::Borrowed(path) };
        path.strip_prefix(&self.root).map_or(Cow::Borrowed(path), |rest| root.join(rest).into())
    }

    /// The nearest rule of each kind decides; of the kinds the first that has one.
    fn leave_out(&self, level: Option<&Level>, path: &Path, is_directory: bool) -> bool {
        let matched = |rule: &Rule| match rule {
            Some(rule) => rule.matched(path, is_directory).map(|_| ()),
            None => Match::None,
        };
        let (mut plain, mut git, mut exclude) = (Match::None, Match::None, Match::None);
        let mut git_counts = true;
        let mut next = level;
        while let Some(level) = next {
            if plain.is_none() {
                plain = matched(&level.plain);
            }
            if git_counts && git.is_none() {
                git = matched(&level.git);
            }
            if git_counts && exclude.is_none() {
                exclude = matched(&level.exclude);
            }
            git_counts &= !level.is_repository;
            next = level.around.as_deref();
        }
        let decided = plain.or(git).or(exclude);
        if decided.is_none() { matched(&self.everywhere).is_ignore() } else { decided.is_ignore() }
    }
}

impl Level {
    /// What holds in a directory; where it adds nothing, what holds around it.
    fn of(
        directory: &Path,
        around: Option<Arc<Self>>,
        weight: &AtomicUsize,
    ) -> Result<Arc<Self>, Unreadable> {
        let rule = |file: &Path| rule(directory, file, weight);
        let store = directory.join(".git");
        let is_repository = store.metadata().is_ok();
        let added = Self {
            plain: rule(&directory.join(".ignore"))?,
            git: rule(&directory.join(".gitignore"))?,
            exclude: match is_repository {
                true => rule(&common_directory(directory, store)?.join("info/exclude"))?,
                false => None,
            },
            is_repository,
            around: None,
        };
        let adds = added.is_repository || added.plain.is_some() || added.git.is_some();
        Ok(match around {
            Some(around) if !adds => around,
            around => Arc::new(Self { around, ..added }),
        })
    }
}

/// Where the list lies that git keeps of what this repository leaves out: a `.git` that is a file leads there.
fn common_directory(directory: &Path, store: PathBuf) -> Result<PathBuf, Unreadable> {
    if !store.is_file() {
        return Ok(store);
    }
    let text = text_of(&store)?.unwrap_or_default();
    let Some(git) = first_line(&text).strip_prefix("gitdir: ") else { return Ok(store) };
    let git = directory.join(git);
    Ok(match text_of(&git.join("commondir"))? {
        Some(common) => git.join(first_line(&common)),
        None => git,
    })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What a file leaves out of a directory; none, where it leaves out nothing.
fn rule(directory: &Path, file: &Path, weight: &AtomicUsize) -> Result<Rule, Unreadable> {
    let Some(text) = text_of(file)? else { return Ok(None) };
    let more: usize = text.lines().map(weight_of).sum();
    if weight.fetch_add(more, Ordering::Relaxed) + more > MOST_WEIGHT {
        return Err(Unreadable);
    }
    let mut builder = GitignoreBuilder::new(directory);
    for line in text.trim_start_matches('\u{feff}').lines() {
        // A line that is no pattern leaves out nothing.
        let _ = builder.add_line(None, line);
    }
    Ok(builder.build().ok().filter(|rule| !rule.is_empty()))
}

/// One with wildcards beyond its beginning is made ready with an expression.
fn weight_of(line: &str) -> usize {
    let rest = line.trim_start_matches(['!', '/']);
    let rest = rest.strip_prefix('*').unwrap_or(rest);
    if rest.contains(['*', '?', '[', '\\']) { 5 } else { 1 }
}

/// None, where there is nothing that git would read. Pipes and devices do not end, nor do some files of the kernel, which
/// say that they are empty.
fn text_of(file: &Path) -> Result<Option<String>, Unreadable> {
    match file.metadata() {
        Ok(found) if found.is_dir() => return Ok(None),
        Ok(found) if found.is_file() => {}
        // Not even opened: that alone does something to some devices.
        Ok(_) => return Err(Unreadable),
        Err(_) => return Ok(None),
    }
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let open = match File::options().read(true).custom_flags(flags).open(file) {
        Ok(open) => open,
        Err(error) => {
            let is_not_ours = error.kind() == ErrorKind::PermissionDenied;
            let says_nothing = is_not_ours || error.kind() == ErrorKind::NotFound;
            return if says_nothing { Ok(None) } else { Err(Unreadable) };
        }
    };
    let found = open.metadata().ok().filter(Metadata::is_file).ok_or(Unreadable)?;
    let mut bytes = Vec::new();
    let length = open.take(MOST + 1).read_to_end(&mut bytes).map_err(|_| Unreadable)?;
    let is_of_kernel = found.len() == 0 && length > 0;
    if is_of_kernel || length as u64 > MOST {
        return Err(Unreadable);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests;
