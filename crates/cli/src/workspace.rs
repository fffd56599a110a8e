//! The directory a run works in: whether it is there, the project it belongs to, and what git says of it. Git's own
//! files are read; no process is started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use agent_core::Opened;

/// The directory cannot be worked in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    #[error("there is no directory {}", .0.display())]
    Missing(PathBuf),
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    #[error("cannot use {}: {error}", path.display())]
    Closed { path: PathBuf, error: std::io::Error },
    #[error(
        "cannot work in {0:?}: its path is not UTF-8, which is all that threads and the sandbox are told in"
    )]
    NotUtf8(PathBuf),
    #[error("{} is not inside a git repository", .0.display())]
    NoRepository(PathBuf),
}

/// Where a run works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    /// Absolute, as the person names it.
    pub(crate) cwd: PathBuf,
    /// The nearest directory above with a marker of a project's root.
    pub(crate) root: Option<PathBuf>,
    pub(crate) repository: Option<Repository>,
    /// Where there is none: what might be one and cannot be looked at, and the number of the reason.
    unseen: Option<(PathBuf, i32)>,
}

/// A git work tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    /// The directory that holds `.git`.
    pub(crate) root: PathBuf,
    /// What belongs to this work tree alone; `.git` unless it is a linked one.
    pub(crate) git_dir: PathBuf,
    /// What all work trees share.
    pub(crate) common_dir: PathBuf,
}

/// What is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Branch(String),
    /// No branch; the commit's id.
    Detached(String),
}

impl Workspace {
    /// `directory`, checked and absolute.
    ///
    /// # Errors
    /// When it is missing, not a directory, or closed to us.
    pub(crate) fn check(directory: &Path) -> Result<PathBuf, WorkspaceError> {
        let closed = |error| WorkspaceError::Closed { path: directory.to_owned(), error };
        match fs::metadata(directory) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(WorkspaceError::NotADirectory(directory.to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(WorkspaceError::Missing(directory.to_owned()));
            }
            Err(error) => return Err(closed(error)),
        }
        if directory.components().any(|part| part == std::path::Component::ParentDir) {
            return directory.canonicalize().map_err(closed);
        }
        Ok(directory.components().collect())
    }

    /// Whether work can be done in `directory`, which exists.
    ///
    /// # Errors
    /// When its path, as it is named or where it leads, cannot be written down as text.
    pub(crate) fn check_utf8(directory: &Path) -> Result<(), WorkspaceError> {
        let real = directory.canonicalize().ok();
        let odd = [Some(directory.to_owned()), real].into_iter().flatten();
        let mut odd = odd.filter(|path| path.to_str().is_none());
        odd.next().map_or(Ok(()), |path| Err(WorkspaceError::NotUtf8(path)))
    }

    /// The workspace around `cwd`; a root is where one of `markers` stands.
    pub(crate) fn of(cwd: &Path, markers: &[String]) -> Self {
        let marked = |dir: &&Path| markers.iter().any(|marker| dir.join(marker).exists());
        let (repository, unseen) = match Repository::around(cwd) {
            Ok(repository) => (repository, None),
            Err(unseen) => (None, Some(unseen)),
        };
        Self {
            cwd: cwd.to_owned(),
            root: cwd.ancestors().find(marked).map(Path::to_owned),
            repository,
            unseen,
        }
    }

    /// The directories from the project's root down to the working directory; that alone without a root.
    pub(crate) fn root_to_cwd(&self) -> Vec<PathBuf> {
        let root = self.root.as_deref().unwrap_or(&self.cwd);
        let mut all: Vec<_> = self
            .cwd
            .ancestors()
            .take_while(|dir| dir.starts_with(root))
            .map(Path::to_owned)
            .collect();
        all.reverse();
        all
    }

    /// What is trusted, or is not: the whole repository, where there is one.
    pub(crate) fn trusted_as(&self) -> &Path {
        self.repository.as_ref().map_or(&self.cwd, |repository| &repository.root)
    }

    /// The paths under which a person may have called it trusted.
    pub(crate) fn names(&self) -> Vec<PathBuf> {
        let repository = self.repository.as_ref();
        let main_tree = repository
            .filter(|repository| repository.is_acknowledged())
            .and_then(|repository| repository.common_dir.parent());
        let mut names: Vec<PathBuf> = [
            Some(self.cwd.as_path()),
            self.root.as_deref(),
            repository.map(|repository| repository.root.as_path()),
            main_tree,
        ]
        .into_iter()
        .flatten()
        .flat_map(|path| [Some(path.to_owned()), path.canonicalize().ok()])
        .flatten()
        .collect();
        names.dedup();
        names
    }

    /// # Errors
    /// When it is in no git repository, or that cannot be found out.
    pub(crate) fn require_repository(&self) -> Result<&Repository, WorkspaceError> {
        self.repository.as_ref().ok_or_else(|| match &self.unseen {
            None => WorkspaceError::NoRepository(self.cwd.clone()),
            Some((path, number)) => WorkspaceError::Closed {
                path: path.clone(),
                error: std::io::Error::from_raw_os_error(*number),
            },
        })
    }
}

impl Repository {
    /// The one that `cwd` is in now.
    ///
    /// # Errors
    /// Where there is none: what might be one and cannot be looked at, and the number of the reason.
    pub(crate) fn around(cwd: &Path) -> Result<Option<Self>, (PathBuf, i32)> {
        let mut unseen = None;
        let found = cwd.ancestors().find_map(|dir| {
            Self::at(dir).unwrap_or_else(|error| {
                unseen = error.raw_os_error().map(|number| (dir.join(".git"), number));
                None
            })
        });
        match (found, unseen) {
            (None, Some(unseen)) => Err(unseen),
            (found, _) => Ok(found),
        }
    }

    /// The repository whose work tree begins at `root`, if one does.
    fn at(root: &Path) -> io::Result<Option<Self>> {
        let dot_git = root.join(".git");
        match fs::metadata(&dot_git) {
            Ok(found) if found.is_dir() => Ok(Some(Self {
                root: root.to_owned(),
                git_dir: dot_git.clone(),
                common_dir: dot_git,
            })),
            Ok(_) => Ok(Self::linked(root, &dot_git)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn linked(root: &Path, dot_git: &Path) -> Option<Self> {
        // A linked work tree or a submodule: a file that says where.
        let line = read_line(dot_git)?;
        let git_dir = root.join(line.strip_prefix("gitdir:")?.trim());
        let common_dir = read_line(&git_dir.join("commondir"))
            .map_or_else(|| git_dir.clone(), |line| git_dir.join(line.trim()));
        let common_dir = common_dir.canonicalize().unwrap_or(common_dir);
        Some(Self { root: root.to_owned(), git_dir, common_dir })
    }

    /// Whether what all work trees share knows this one. A `.git` that came with somebody's files can point into any
    /// repository of the person's, whose trust is not theirs (S16).
    fn is_acknowledged(&self) -> bool {
        if self.git_dir == self.root.join(".git") {
            return true;
        }
        let back = read_line(&self.git_dir.join("gitdir"));
        let back = back.map(|line| self.git_dir.join(line.trim_end_matches(['\n', '\r'])));
        let leads_here = back.and_then(|path| path.canonicalize().ok())
            == self.root.join(".git").canonicalize().ok();
        let worktrees = self.common_dir.join("worktrees").canonicalize().ok();
        let git_dir = self.git_dir.canonicalize().ok();
        let lies_there = git_dir.as_deref().and_then(Path::parent) == worktrees.as_deref();
        leads_here && lies_there && worktrees.is_some()
    }

    /// What is checked out, if git's files say so plainly.
    pub(crate) fn head(&self) -> Option<Head> {
        let line = read_line(&self.git_dir.join("HEAD"))?;
        let line = line.trim();
        match line.strip_prefix("ref:") {
            Some(name) => {
                let name = name.trim();
                Some(Head::Branch(name.strip_prefix("refs/heads/").unwrap_or(name).to_owned()))
            }
            None if line.len() >= 40 && line.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Some(Head::Detached(line.to_owned()))
            }
            None => None,
        }
    }

    /// The operation that is half done in it.
    pub(crate) fn under_way(&self) -> Option<&'static str> {
        [
            ("rebase-merge", "rebase"),
            ("rebase-apply", "rebase"),
            ("MERGE_HEAD", "merge"),
            ("CHERRY_PICK_HEAD", "cherry-pick"),
            ("REVERT_HEAD", "revert"),
            ("BISECT_LOG", "bisect"),
        ]
        .into_iter()
        .find(|(file, _)| self.git_dir.join(file).exists())
        .map(|(_, operation)| operation)
    }
}

/// The first line of a small regular file.
fn read_line(path: &Path) -> Option<String> {
    let text = Opened::open(path).ok()?.text(4096).ok()?;
    text.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (dir, root)
    }

    fn markers() -> Vec<String> {
        vec![".git".to_owned()]
    }

    #[test]
    fn what_is_checked_out_is_read_from_gits_files() {
        let id = "0123456789012345678901234567890123456789";
        for (head, expected) in [
            ("ref: refs/heads/main\n", Some(Head::Branch("main".to_owned()))),
            ("ref: refs/heads/a/b", Some(Head::Branch("a/b".to_owned()))),
            (id, Some(Head::Detached(id.to_owned()))),
            ("nonsense", None),
            ("", None),
        ] {
            let (_dir, root) = tree(&[(".git/HEAD", head)]);
            assert_eq!(Workspace::of(&root, &[]).repository.unwrap().head(), expected, "{head}");
        }
    }

    #[test]
    fn a_linked_work_tree_has_a_head_of_its_own_and_shares_the_rest() {
        let (_dir, root) = tree(&[
            ("main/.git/HEAD", "ref: refs/heads/main"),
            ("main/.git/worktrees/side/HEAD", "ref: refs/heads/side"),
            ("main/.git/worktrees/side/commondir", "../..\n"),
            ("main/.git/worktrees/side/MERGE_HEAD", "x"),
            ("side/src/lib.rs", ""),
        ]);
        let pointer = format!("gitdir: {}\n", root.join("main/.git/worktrees/side").display());
        fs::write(root.join("side/.git"), pointer).unwrap();
        let back = format!("{}\n", root.join("side/.git").display());
        fs::write(root.join("main/.git/worktrees/side/gitdir"), back).unwrap();
        let workspace = Workspace::of(&root.join("side/src"), &markers());
        let repository = workspace.repository.clone().unwrap();
        assert_eq!(repository.root, root.join("side"));
        assert_eq!(repository.common_dir, root.join("main/.git"));
        assert_eq!(repository.head(), Some(Head::Branch("side".to_owned())));
        assert_eq!(repository.under_way(), Some("merge"));
        assert!(workspace.names().contains(&root.join("main")), "trust of the main tree counts");
    }

    #[test]
    fn s16_a_pointer_into_a_trusted_repository_does_not_make_its_directory_trusted() {
        let (_dir, root) = tree(&[
            ("main/.git/HEAD", "ref: refs/heads/main"),
            ("main/.git/worktrees/side/HEAD", "ref: refs/heads/side"),
            ("main/.git/worktrees/side/commondir", "../..\n"),
            ("side/.git", ""),
            ("evil/.git", ""),
            ("evil/own/HEAD", "ref: refs/heads/main"),
            ("evil/own/commondir", "../../main/.git"),
            ("evil/own/gitdir", "../.git"),
        ]);
        let (main, back) = (root.join("main"), root.join("side/.git"));
        fs::write(main.join(".git/worktrees/side/gitdir"), back.to_str().unwrap()).unwrap();
        let is_main = |tree: &str, git_dir: PathBuf| {
            let root = root.join(tree);
            fs::write(root.join(".git"), format!("gitdir: {}\n", git_dir.display())).unwrap();
            Workspace::of(&root, &markers()).names().contains(&main)
        };
        assert!(is_main("side", main.join(".git/worktrees/side")));
        assert!(!is_main("evil", main.join(".git")));
        assert!(!is_main("evil", main.join(".git/worktrees/side")));
        assert!(!is_main("evil", PathBuf::from("own")), "what came along acknowledges itself");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn r16_a_head_that_is_exchanged_for_a_pipe_meanwhile_holds_nobody_up() {
        use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, Ordering};
        let (_dir, root) = tree(&[(".git/HEAD", "ref: refs/heads/main")]);
        let (head, pipe) = (root.join(".git/HEAD"), root.join(".git/pipe"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let repository = Repository::around(&root).unwrap().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let exchanging = {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    renameat_with(CWD, &head, CWD, &pipe, RenameFlags::EXCHANGE).unwrap();
                }
            })
        };
        let (done, over) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let heads = (0..20_000).filter_map(|_| repository.head());
            done.send(heads.filter(|head| *head != Head::Branch("main".to_owned())).count())
        });
        let others = over.recv_timeout(std::time::Duration::from_secs(60));
        is_over.store(true, Ordering::Relaxed);
        exchanging.join().unwrap();
        assert_eq!(others, Ok(0), "it came to its end");
    }

    #[test]
    fn the_root_is_the_nearest_directory_with_a_marker() {
        let (_dir, root) = tree(&[(".git/HEAD", "x"), ("a/go.mod", ""), ("a/b/c/file", "")]);
        let cwd = root.join("a/b/c");
        assert_eq!(Workspace::of(&cwd, &markers()).root, Some(root.clone()));
        let nearer = Workspace::of(&cwd, &["go.mod".to_owned(), ".git".to_owned()]);
        assert_eq!(nearer.root_to_cwd(), [root.join("a"), root.join("a/b"), cwd.clone()]);
        let none = Workspace::of(&cwd, &[]);
        assert_eq!((none.root.clone(), none.root_to_cwd()), (None, vec![cwd]));
    }
}
