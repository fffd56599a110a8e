//! What a patch was about to do, on disk before it does it, so that a crash in the middle is undone at the next start
//! (R5). The confined process writes the journal through a descriptor it is given: it can reach no other file of ours.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::place::{NoFolder, Roots};
use super::reopened::{Directory, Reopened};
use super::slot::{self, Slot};
use crate::files;

/// One line of a journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    Begin {
        roots: Roots,
        /// What the roots are, in their order; earlier versions did not say.
        #[serde(default)]
        directories: Vec<Option<Directory>>,
        /// Names of our files in `folders` begin with it.
        token: String,
        folders: Vec<PathBuf>,
        /// Folders that did not exist, outermost first.
        made: Vec<PathBuf>,
    },
    /// Everything is staged; from here on targets change.
    Intend { intents: Vec<Intent> },
    /// Everything is in its place.
    Done,
}

/// A step, as far as it takes to undo it. Files are told by their inode, which survives a rename and a reboot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Intent {
    /// The file `new` gets the name `path`; `old`, if there was one, one of the names `kept`.
    Put {
        path: PathBuf,
        new: u64,
        old: Option<u64>,
        kept: Vec<PathBuf>,
    },
    Remove {
        path: PathBuf,
        inode: u64,
        kept: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
        inode: u64,
    },
    Overwrite {
        path: PathBuf,
        inode: u64,
        old: String,
    },
}

/// The writing end, in the process that applies the patch.
#[derive(Debug, Default)]
pub(crate) struct Journal(Option<File>);

impl Journal {
    /// Nothing is kept.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn to(file: File) -> Self {
        Self(Some(file))
    }

    pub(crate) fn begin<'a>(
        &mut self,
        roots: &Roots,
        token: &str,
        folders: impl Iterator<Item = &'a Path>,
    ) -> io::Result<()> {
        if self.0.is_none() {
            return Ok(());
        }
        let mut folders: Vec<_> = folders.map(Path::to_owned).collect();
        folders.sort();
        folders.dedup();
        let missing = folders.iter().flat_map(|folder| folder.ancestors());
        let mut made: Vec<_> = missing
            .filter(|folder| folder.symlink_metadata().is_err())
            .map(Path::to_owned)
            .collect();
        made.sort();
        made.dedup();
        let directories = roots.paths().map(|root| Directory::at(root)).collect();
        let (roots, token) = (roots.clone(), token.to_owned());
        self.write(&Line::Begin { roots, directories, token, folders, made })
    }

    /// After this, what is intended may be done.
    pub(crate) fn intend(&mut self, intents: Vec<Intent>) -> io::Result<()> {
        self.write(&Line::Intend { intents })
    }

    /// After this, what was displaced may go.
    pub(crate) fn done(&mut self) -> io::Result<()> {
        self.write(&Line::Done)
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        file.write_all(&bytes)?;
        file.sync_data()
    }
}

/// The journal of one patch, at its other end: made before the patch is given to the process that applies it.
#[derive(Debug)]
pub(crate) struct PatchJournal {
    path: PathBuf,
    file: File,
}

impl PatchJournal {
    /// # Errors
    /// When no file can be made in `dir`: then the patch must not be applied.
    pub(crate) fn create(dir: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let name = format!("{:x}-{}.jsonl", now.unwrap_or_default().as_nanos(), std::process::id());
        let path = dir.join(name);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        // Held by the process that applies the patch, too: until both are gone nobody undoes anything.
        file.try_lock()?;
        // Or a power cut takes the journal and leaves the half-done patch.
        File::open(dir)?.sync_all()?;
        Ok(Self { path, file })
    }

    /// For the process that applies the patch.
    pub(crate) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// The process is gone: undoes what it left half done, and says what that was.
    pub(crate) fn settle(self) -> Vec<String> {
        recover_one(&self.path)
    }
}

/// Undoes every patch that a crash cut off and whose journal is in `dir`; where a patch was complete, only what it had
/// displaced is cleared away. Says in sentences what was put back and what could not be. To be called before a
/// thread goes on; what an agent that was killed left running is waited for, and ends soon by itself. Calling it
/// again does nothing.
pub fn recover_patches(dir: &Path) -> Vec<String> {
    recover(dir, |journal| journal.lock().is_ok())
}

/// The same for a thread of somebody else, who may be at work on a patch: that is left alone.
pub fn recover_patches_of_others(dir: &Path) -> Vec<String> {
    recover(dir, |journal| journal.try_lock().is_ok())
}

fn recover(dir: &Path, is_ours: impl Fn(&File) -> bool) -> Vec<String> {
    let entries = match files::entries(dir) {
        Ok(entries) => entries,
        // What is not ours, or no folder, holds no journal of ours.
        Err(error) if matches!(error.kind(), PermissionDenied | NotADirectory) => return vec![],
        Err(error) => return vec![unknown(dir, &error)],
    };
    let mut said = vec![];
    // The newest first, as their names tell.
    let is_journal = |path: &&PathBuf| path.extension().is_some_and(|end| end == "jsonl");
    for path in entries.iter().rev().filter(is_journal) {
        match File::open(path) {
            Ok(journal) if is_ours(&journal) => said.extend(recover_one(path)),
            Ok(_) => {}
            // Somebody else was quicker.
            Err(error) if error.kind() == NotFound => {}
            Err(error) => said.push(unknown(path, &error)),
        }
    }
    said
}

fn unknown(path: &Path, error: &io::Error) -> String {
    format!("{}: whether a patch was cut off there is not known: {error}", path.display())
}

fn recover_one(path: &Path) -> Vec<String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == NotFound => return vec![],
        Err(error) => return vec![unknown(path, &error)],
    };
    // A torn last line is as good as none: nothing is done before its line is whole.
    let lines = text.lines().map_while(|line| serde_json::from_str(line).ok());
    let recovery = Recovery::new(lines);
    let outcome = recovery.run();
    if outcome.complete {
        let _ = std::fs::remove_file(path);
    }
    outcome.said
}

/// A journal read back.
#[derive(Default)]
struct Recovery {
    roots: Option<Roots>,
    directories: Vec<Option<Directory>>,
    token: String,
    folders: Vec<PathBuf>,
    made: Vec<PathBuf>,
    intents: Vec<Intent>,
    done: bool,
}

struct Outcome {
    said: Vec<String>,
    /// The journal is of no more use.
    complete: bool,
}

impl Recovery {
    fn new(lines: impl Iterator<Item = Line>) -> Self {
        let mut recovery = Self::default();
        for line in lines {
            match line {
                Line::Begin { roots, directories, token, folders, made } => {
                    let roots = Some(roots);
                    recovery = Self { roots, directories, token, folders, made, ..recovery };
                }
                Line::Intend { intents } => recovery.intents = intents,
                Line::Done => recovery.done = true,
            }
        }
        recovery
    }

    fn run(&self) -> Outcome {
        let mut outcome = Outcome { said: vec![], complete: true };
        let Some(named) = &self.roots else { return outcome };
        let roots = Reopened::new(named, &self.directories);
        let mut wanted = vec![];
        for intent in self.intents.iter().rev().filter(|_| !self.done) {
            let path = intent.path().display();
            match intent.undo(&roots) {
                Ok(Undone::Nothing) => {}
                Ok(Undone::PutBack) => outcome.said.push(format!("{path}: put back as it was")),
                Ok(Undone::Changed(old)) => {
                    let old_path = old.display();
                    outcome.said.push(format!(
                        "{path}: changed since, and left so; what it was before is {old_path}"
                    ));
                    wanted.push(old);
                }
                Ok(Undone::Lost) => {
                    outcome.said.push(format!("{path}: what it was before is lost"))
                }
                // It will be no other the next time.
                Err(NoFolder::Another(root)) => {
                    let why = NoFolder::Another(root).describe(named);
                    let sentence = format!("{why}; nothing is put back there");
                    if !outcome.said.contains(&sentence) {
                        outcome.said.push(sentence);
                    }
                }
                Err(no_folder) => {
                    outcome.complete = false;
                    let why = no_folder.describe(named);
                    outcome.said.push(format!("{path}: could not be put back: {why}"));
                }
            }
        }
        if outcome.complete {
            self.clear(&roots, &wanted);
        }
        outcome
    }

    /// Removes files of ours, and folders that only a patch that is undone had needed.
    fn clear(&self, roots: &Reopened, wanted: &[PathBuf]) {
        for folder in self.folders.iter().filter(|_| !self.token.is_empty()) {
            let Ok(any) = roots.slot(&folder.join(&self.token)) else { continue };
            let names = rustix::fs::Dir::read_from(&any.folder.dir).into_iter().flatten().flatten();
            let names =
                names.filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned));
            let is_ours = |name: &String| {
                name.strip_prefix(&self.token).is_some_and(|rest| rest.starts_with('-'))
            };
            let ours = names.filter(is_ours).map(|name| any.beside(&name));
            for slot in ours.filter(|slot| !wanted.contains(&slot.path())) {
                let _ = slot.remove();
            }
        }
        for folder in self.made.iter().rev().filter(|_| !self.done) {
            if let Ok(slot) = roots.slot(folder) {
                let _ = slot.remove_folder();
            }
        }
    }
}

/// What came of undoing a step.
#[derive(Debug, PartialEq, Eq)]
enum Undone {
    /// It had not been done.
    Nothing,
    PutBack,
    /// Someone else's file is there now; this one holds the old content.
    Changed(PathBuf),
    Lost,
}

impl Intent {
    fn path(&self) -> &Path {
        match self {
            Self::Put { path, .. } | Self::Remove { path, .. } | Self::Overwrite { path, .. } => {
                path
            }
            Self::Rename { from, .. } => from,
        }
    }

    /// # Errors
    /// When it may work another time.
    fn undo(&self, roots: &Reopened) -> Result<Undone, NoFolder> {
        let slot = match roots.slot(self.path()) {
            // It was never made, or is gone with all that was in it.
            Err(NoFolder::Missing) => return Ok(Undone::Nothing),
            slot => slot?,
        };
        let now = slot.inode();
        match self {
            Self::Put { new, old: None, .. } if now == Some(*new) => slot.remove()?,
            Self::Put { old: Some(old), .. } if now != Some(*old) => {
                return self.put_back(roots, &slot);
            }
            Self::Remove { inode, kept, .. } if now != Some(*inode) => {
                let kept = roots.slot(kept)?;
                match (kept.inode() == Some(*inode), now) {
                    (false, _) => return Ok(Undone::Nothing),
                    (true, Some(_)) => return Ok(Undone::Changed(kept.path())),
                    (true, None) => kept.rename_new(&slot)?,
                }
            }
            Self::Rename { to, inode, .. } if now != Some(*inode) => {
                let to = roots.slot(to)?;
                match (to.inode() == Some(*inode), now) {
                    (false, _) => return Ok(Undone::Nothing),
                    (true, Some(_)) => return Ok(Undone::Changed(to.path())),
                    (true, None) => to.rename_new(&slot)?,
                }
            }
            Self::Overwrite { inode, old, .. } if now == Some(*inode) => {
                slot::write_over(&mut slot.open_to_write_over(*inode)?, old)?;
            }
            _ => return Ok(Undone::Nothing),
        }
        Ok(Undone::PutBack)
    }

    /// Gives the old file its name back, unless someone else's file has it now.
    fn put_back(&self, roots: &Reopened, slot: &Slot) -> Result<Undone, NoFolder> {
        let Self::Put { new, old, kept, .. } = self else { return Ok(Undone::Nothing) };
        let kept = kept.iter().filter_map(|path| roots.slot(path).ok());
        match (slot.inode(), kept.into_iter().find(|kept| kept.inode() == *old)) {
            (_, None) => Ok(Undone::Lost),
            (Some(other), Some(kept)) if other != *new => Ok(Undone::Changed(kept.path())),
            (_, Some(kept)) => {
                kept.rename_over(slot)?;
                Ok(Undone::PutBack)
            }
        }
    }
}
