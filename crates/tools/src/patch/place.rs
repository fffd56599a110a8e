//! Where the paths of a patch lead. They are resolved once, before the person is shown them; what is then done is
//! done at exactly these places, and a link that turns up on the way later is never followed (S13).

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::retry_on_intr;
use serde::{Deserialize, Serialize};

use super::parse::{Patch, Section};
use crate::files;

/// What one path of a patch stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Absolute; every folder on the way is a real one.
    pub(crate) path: PathBuf,
    /// `path` is a link, and this is the file it leads to.
    pub(crate) leads_to: Option<PathBuf>,
}

impl Place {
    /// The file that `section` changes: what is behind a link is edited, but the link itself is removed or moved.
    pub(crate) fn changed_by(&self, section: &Section) -> &PathBuf {
        match (section, &self.leads_to) {
            (Section::Update { move_to: None, .. }, Some(target))
                if !target.as_os_str().is_empty() =>
            {
                target
            }
            _ => &self.path,
        }
    }
}

/// The places of all paths of a patch, by the path as the model wrote it.
pub(crate) type Places = BTreeMap<String, Place>;

/// Resolves every path of a patch, from `cwd` on.
///
/// # Errors
/// A sentence on the first path that leads nowhere.
pub(crate) fn resolve_all(patch: &Patch, cwd: &Path) -> Result<Places, String> {
    let mut places = Places::new();
    for section in &patch.sections {
        let moved = match section {
            Section::Update { move_to, .. } => move_to.as_deref(),
            _ => None,
        };
        for shown in [Some(section.path()), moved].into_iter().flatten() {
            let place = resolve(cwd, shown).map_err(|problem| format!("{shown}: {problem}"))?;
            places.insert(shown.to_owned(), place);
        }
    }
    Ok(places)
}

/// Every file that a patch changes, with its path as the model wrote it; a file may come more than once.
pub(crate) fn changed<'a>(
    patch: &'a Patch,
    places: &'a Places,
) -> impl Iterator<Item = (&'a str, &'a PathBuf)> {
    patch.sections.iter().flat_map(|section| {
        let own =
            places.get(section.path()).map(|place| (section.path(), place.changed_by(section)));
        let moved = match section {
            Section::Update { move_to: Some(to), .. } => {
                places.get(to).map(|place| (to.as_str(), &place.path))
            }
            _ => None,
        };
        [own, moved].into_iter().flatten()
    })
}

fn resolve(cwd: &Path, shown: &str) -> Result<Place, String> {
    let path = cwd.join(shown);
    if shown.starts_with("~/") && !cwd.join("~").exists() {
        return Err("`~` is no home here: write its path in full".into());
    }
    let ends_in_name =
        matches!(Path::new(shown).components().next_back(), Some(Component::Normal(_)));
    let (Some(folder), Some(name), true) = (path.parent(), path.file_name(), ends_in_name) else {
        return Err("this path names no file".into());
    };
    if shown.ends_with('/') {
        return Err("this path names a directory".into());
    }
    let path = resolve_folder(folder)?.join(name);
    let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    let leads_to = is_link.then(|| std::fs::canonicalize(&path).unwrap_or_default());
    Ok(Place { path, leads_to })
}

/// The real path of a folder that need not exist yet.
fn resolve_folder(folder: &Path) -> Result<PathBuf, String> {
    match std::fs::canonicalize(folder) {
        Ok(real) => Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match (folder.parent(), folder.file_name()) {
                (Some(parent), Some(name)) => Ok(resolve_folder(parent)?.join(name)),
                _ => Err("`..` out of a directory that does not exist".into()),
            }
        }
        Err(error) => Err(files::trouble(&error)),
    }
}

/// The folders below which a patch may write.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Roots(Vec<PathBuf>);

/// The folder of a file, opened; and the name of the file in it.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) dir: File,
    pub(crate) path: PathBuf,
}

/// A folder on the way could not be opened.
#[derive(Debug)]
pub(crate) enum NoFolder {
    /// No root contains the path.
    Outside,
    /// It does not exist.
    Missing,
    /// At this path stands something else, or a link.
    InTheWay(PathBuf),
    /// What was this root is another directory now.
    Another(PathBuf),
    Io(io::Error),
}

/// What becomes of folders that are missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Fail,
    Make,
}

impl Roots {
    /// Roots that do not exist are left out. One whose real path cannot be found out stands as it is named: what is
    /// then tried there fails with the cause, or leads there.
    pub(crate) fn new<'a>(roots: impl IntoIterator<Item = &'a Path>) -> Self {
        let real = |root: &Path| match std::fs::canonicalize(root) {
            Ok(real) => Some(real),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) => Some(root.to_owned()),
        };
        Self(roots.into_iter().filter_map(real).collect())
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.iter()
    }

    pub(crate) fn contain(&self, path: &Path) -> bool {
        self.below(path).is_some()
    }

    /// `path` seen from the outermost root that contains it.
    pub(crate) fn below<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        let inside = self.0.iter().filter_map(|root| path.strip_prefix(root).ok());
        inside.max_by_key(|inside| inside.components().count())
    }

    /// Why a path that they do not contain is refused.
    pub(crate) fn refuse(&self, shown: &str, path: &Path) -> String {
        let leads = if path.ends_with(shown) {
            String::new()
        } else {
            format!(" leads to {}", path.display())
        };
        format!("{shown}{leads}: {}", NoFolder::Outside.describe(self))
    }

    /// Opens the folder of `path`, one step at a time from its root, through real folders only: whoever swaps one
    /// for a link meanwhile gets an error, not a file elsewhere. Folders it makes are added to `made`.
    pub(crate) fn open_folder(
        &self,
        path: &Path,
        missing: Missing,
        made: &mut Vec<PathBuf>,
    ) -> Result<Folder, NoFolder> {
        let inside = |root: &&PathBuf| path.starts_with(root) && path != root.as_path();
        let root = self.0.iter().filter(inside).max_by_key(|root| root.as_os_str().len());
        let root = root.ok_or(NoFolder::Outside)?;
        let folder = Folder { dir: open_root(root).map_err(NoFolder::Io)?, path: root.clone() };
        folder.on_the_way_to(path, missing, made)
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens a root, through links if it must be.
pub(crate) fn open_root(root: &Path) -> io::Result<File> {
    Ok(retry_on_intr(|| rustix::fs::open(root, FOLDER, Mode::empty()))?.into())
}

impl Folder {
    /// The folder of `path`, which lies below this one.
    pub(crate) fn on_the_way_to(
        self,
        path: &Path,
        missing: Missing,
        made: &mut Vec<PathBuf>,
    ) -> Result<Self, NoFolder> {
        let parent = path.parent().ok_or(NoFolder::Outside)?;
        let below = parent.strip_prefix(&self.path).map_err(|_| NoFolder::Outside)?.to_owned();
        let mut folder = self;
        for component in below.components() {
            let Component::Normal(name) = component else { return Err(NoFolder::Outside) };
            let path = folder.path.join(name);
            let flags = FOLDER | OFlags::NOFOLLOW;
            let open =
                || retry_on_intr(|| rustix::fs::openat(&folder.dir, name, flags, Mode::empty()));
            let dir = match open() {
                Err(rustix::io::Errno::NOENT) if missing == Missing::Make => {
                    let mode = Mode::from_raw_mode(0o777);
                    rustix::fs::mkdirat(&folder.dir, name, mode)
                        .map_err(|errno| NoFolder::Io(errno.into()))?;
                    made.push(path.clone());
                    open()
                }
                opened => opened,
            };
            let dir = dir.map_err(|errno| match errno {
                rustix::io::Errno::NOENT => NoFolder::Missing,
                rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => {
                    NoFolder::InTheWay(path.clone())
                }
                errno => NoFolder::Io(errno.into()),
            })?;
            folder = Self { dir: dir.into(), path };
        }
        Ok(folder)
    }
}

impl From<io::Error> for NoFolder {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl NoFolder {
    /// In words, for a message about the file.
    pub(crate) fn describe(&self, roots: &Roots) -> String {
        match self {
            Self::Outside => {
                let roots: Vec<_> = roots.0.iter().map(|root| root.display().to_string()).collect();
                format!("outside of what may be written ({})", roots.join(", "))
            }
            Self::Missing => "no such directory".into(),
            Self::InTheWay(path) => format!("{} is not a directory", path.display()),
            Self::Another(root) => {
                format!("{} is another directory now than the one that was patched", root.display())
            }
            Self::Io(error) => files::trouble(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn sample() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir_all(root.join("in/src")).unwrap();
        std::fs::create_dir(root.join("out")).unwrap();
        std::fs::write(root.join("in/src/a"), "").unwrap();
        std::fs::write(root.join("out/b"), "").unwrap();
        symlink("../out", root.join("in/away")).unwrap();
        symlink("src", root.join("in/there")).unwrap();
        symlink("src/a", root.join("in/link")).unwrap();
        symlink("gone", root.join("in/dangling")).unwrap();
        (dir, root)
    }

    #[test]
    fn a_path_is_resolved_to_where_it_really_leads() {
        let (_dir, root) = sample();
        let cwd = root.join("in");
        for (shown, path, leads_to) in [
            ("src/a", "in/src/a", None),
            ("./there/../new/deep/x", "in/new/deep/x", None),
            ("there/a", "in/src/a", None),
            ("away/b", "out/b", None),
            ("../out/b", "out/b", None),
            ("link", "in/link", Some(root.join("in/src/a"))),
            ("dangling", "in/dangling", Some(PathBuf::new())),
        ] {
            let place = resolve(&cwd, shown).unwrap();
            assert_eq!(place, Place { path: root.join(path), leads_to }, "{shown}");
        }
        for shown in ["", "..", "/", "src/", "a/..", "new/../../x", "src/a/x/y", "~/new"] {
            assert!(resolve(&cwd, shown).is_err(), "{shown}");
        }
        std::fs::create_dir(cwd.join("~")).unwrap();
        assert_eq!(resolve(&cwd, "~/new").unwrap().path, cwd.join("~/new"));
    }

    #[test]
    fn s13_a_folder_that_becomes_a_link_is_not_followed() {
        let (_dir, root) = sample();
        let roots = Roots::new([root.join("in").as_path()]);
        let open = |path: &str| roots.open_folder(&root.join(path), Missing::Fail, &mut vec![]);
        assert!(open("in/src/a").is_ok());
        assert!(matches!(open("out/b"), Err(NoFolder::Outside)));
        // As if the folder had been swapped after it was resolved.
        assert!(matches!(open("in/away/b"), Err(NoFolder::InTheWay(_))));
        assert!(matches!(open("in/src/a/x"), Err(NoFolder::InTheWay(_))));
        assert!(matches!(open("in/new/x"), Err(NoFolder::Missing)));
    }

    #[test]
    fn missing_folders_are_made_when_asked_and_said() {
        let (_dir, root) = sample();
        let roots = Roots::new([root.as_path()]);
        let mut made = vec![];
        let folder =
            roots.open_folder(&root.join("in/new/deep/x"), Missing::Make, &mut made).unwrap();
        assert_eq!(folder.path, root.join("in/new/deep"));
        assert_eq!(made, [root.join("in/new"), root.join("in/new/deep")]);
        assert!(root.join("in/new/deep").is_dir());
    }
}
