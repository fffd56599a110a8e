//! A project before the person: whether its directory is trusted, which of its files they accepted as they are, what is to
//! be asked, and what an answer makes of it (S16).

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use agent_tui::effect::{Change, Changed, TrustAnswer, TrustQuestion};

use super::project_files::{self, Content, Kind, ProjectFile};
use super::trust::{self, AllSaid, Answers, Said};
use crate::workspace::Workspace;

/// A project, its files as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Project {
    /// What is trusted, or is not.
    directory: PathBuf,
    pub(crate) trust: Trust,
    files: Vec<(Standing, ProjectFile)>,
    /// Names of files that were accepted and are not there any more.
    gone: Vec<String>,
    /// Names of the directories in which files of this run's directories lie.
    places: BTreeSet<String>,
    said: Said,
}

/// What was said of the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Nothing.
    #[default]
    Open,
    Trusted,
    Untrusted,
    /// It is for this run, with all that is in it.
    ThisRun,
}

/// What was said of a file as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Accepted,
    Declined,
    /// It was never there when the person was asked.
    New,
    /// What was accepted, or declined, is not what is there.
    Changed,
    Unreadable,
}

impl Project {
    /// Reads the files of the directories from the project's root to the working directory. What `is_own` knows is the
    /// person's, though it lies in a project.
    pub(crate) fn look(
        workspace: &Workspace,
        trust: Trust,
        all: &AllSaid,
        is_own: impl Fn(&Path) -> bool,
    ) -> Self {
        let directory = workspace.trusted_as();
        let levels = workspace.root_to_cwd();
        let places = levels.iter().flat_map(|level| project_files::places(level));
        let found = levels.iter().flat_map(|level| project_files::read(level, directory, &is_own));
        let said = said_of(workspace, all);
        let with_standing = |file| (standing(&file, said.files.as_ref(), trust), file);
        let mut project = Self {
            directory: directory.to_owned(),
            trust,
            files: found.map(with_standing).collect(),
            gone: vec![],
            places: places.map(|place| project_files::name(&place, directory)).collect(),
            said: said.clone(),
        };
        let accepted = said.files.into_iter().flat_map(|answers| answers.accepted.into_keys());
        let is_there = |name: &str| project.files.iter().any(|(_, file)| file.name == name);
        project.gone = accepted.filter(|name| project.lies_here(name) && !is_there(name)).collect();
        project
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn is_trusted(&self) -> bool {
        matches!(self.trust, Trust::Trusted | Trust::ThisRun)
    }

    /// The files of this kind that have effect, and the bytes that were accepted.
    pub(crate) fn accepted(&self, kind: Kind) -> impl Iterator<Item = (&Path, &[u8])> {
        self.counting().filter_map(move |file| {
            let content = file.content.as_ref().filter(|_| file.kind == kind)?;
            Some((file.path.as_path(), content.bytes.as_slice()))
        })
    }

    /// The names of those that have effect.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.counting().map(|file| file.name.as_str()).collect()
    }

    /// The names of those that the person has declined as they are.
    pub(crate) fn declined(&self) -> Vec<&str> {
        let declined = self.files.iter().filter(|(standing, _)| *standing == Standing::Declined);
        declined.map(|(_, file)| file.name.as_str()).collect()
    }

    fn counting(&self) -> impl Iterator<Item = &ProjectFile> {
        let files = self.files.iter().filter(|_| self.is_trusted());
        files.filter(|(standing, _)| *standing == Standing::Accepted).map(|(_, file)| file)
    }

    /// What is to be asked before the project's files have effect; none where all was said.
    pub(crate) fn question(&self) -> Option<TrustQuestion> {
        let files = self.changes();
        let is_new = self.trust == Trust::Open;
        let directory = self.directory.display().to_string();
        let asks = is_new || self.trust == Trust::Trusted && !files.is_empty();
        asks.then_some(TrustQuestion { directory, is_new, files })
    }

    /// What the person has not seen.
    fn changes(&self) -> Vec<Changed> {
        let change = |standing| match standing {
            Standing::New => Some(Change::New),
            Standing::Changed => Some(Change::Changed),
            Standing::Accepted | Standing::Declined | Standing::Unreadable => None,
        };
        let there = self.files.iter().filter_map(|(standing, file)| {
            Some(Changed { name: file.name.clone(), change: change(*standing)? })
        });
        let gone = self.gone.iter();
        let gone = gone.map(|name| Changed { name: name.clone(), change: Change::Gone });
        there.chain(if self.trust == Trust::ThisRun { vec![] } else { gone.collect() }).collect()
    }

    /// What has no effect and how it gets one, in a line; none where everything has.
    pub(crate) fn not_used(&self) -> Option<String> {
        let directory = agent_tui::exact_name(&self.directory.display().to_string()).into_owned();
        if !self.is_trusted() {
            let names = self.files.iter().map(|(_, file)| file.name.clone());
            let files = listed(names)?;
            return Some(format!(
                "{directory} is not trusted, so of its own configuration nothing is used: {files}; \
                 `agent trust` trusts it, `--trust` does for one run"
            ));
        }
        let why = |standing| match standing {
            Standing::Accepted => None,
            Standing::Declined => Some("declined"),
            Standing::New => Some("new"),
            Standing::Changed => Some("changed"),
            Standing::Unreadable => Some("it cannot be read"),
        };
        let files = self
            .files
            .iter()
            .filter_map(|(standing, file)| Some(format!("{} ({})", file.name, why(*standing)?)));
        let is_for_this_run = self.trust == Trust::ThisRun;
        let gone = self.gone.iter().filter(|_| !is_for_this_run);
        let files = listed(files.chain(gone.map(|name| format!("{name} (gone)"))))?;
        Some(format!(
            "the configuration of {directory} is not used where it is not as you accepted it: {files}; `agent trust` \
             accepts it as it is, `--trust` does for one run"
        ))
    }

    /// Remembers an answer about the files as they were read, whatever is on the disk by now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn remember(&self, state: &Path, answer: TrustAnswer) -> io::Result<()> {
        trust::remember(state, &self.directory, self.after(answer))
    }

    fn after(&self, answer: TrustAnswer) -> Said {
        let mut answers = self.said.files.clone().unwrap_or_default();
        answers.declined.retain(|name, _| !self.lies_here(name));
        match answer {
            TrustAnswer::Nothing => Said { trusted: Some(false), files: None },
            TrustAnswer::All => {
                answers.accepted.retain(|name, _| !self.lies_here(name));
                answers.accepted.extend(self.hashes(|_| true));
                Said { trusted: Some(true), files: Some(answers) }
            }
            TrustAnswer::NotItsFiles => {
                answers.accepted.retain(|name, _| !self.gone.contains(name));
                answers.declined.extend(self.hashes(|standing| standing != Standing::Accepted));
                Said { trusted: self.said.trusted, files: Some(answers) }
            }
        }
    }

    /// The names and hashes of the files of which this holds.
    fn hashes(&self, of: impl Fn(Standing) -> bool) -> impl Iterator<Item = (String, String)> {
        let files = self.files.iter().filter(move |(standing, _)| of(*standing));
        files.filter_map(|(_, file)| Some((file.name.clone(), file.content.as_ref()?.hash.clone())))
    }

    /// Whether a file of this name is among those that this run looks for: others belong to other directories.
    fn lies_here(&self, name: &str) -> bool {
        let place = Path::new(name).parent().and_then(Path::to_str);
        place.is_some_and(|place| self.places.contains(place))
    }
}

/// What was said of the directory itself, else under another name it has: a linked work tree is its main tree's in what
/// was accepted, until something is said of it.
fn said_of(workspace: &Workspace, all: &AllSaid) -> Said {
    let own = all.get(workspace.trusted_as());
    let names = workspace.names();
    let others = names.iter().filter_map(|name| all.get(name));
    let with_files = own.into_iter().chain(others).find(|said| said.files.is_some());
    Said {
        trusted: own.and_then(|said| said.trusted),
        files: with_files.and_then(|said| said.files.clone()),
    }
}

fn standing(file: &ProjectFile, answers: Option<&Answers>, trust: Trust) -> Standing {
    let Some(Content { hash, .. }) = &file.content else { return Standing::Unreadable };
    if trust == Trust::ThisRun {
        return Standing::Accepted;
    }
    let Some(answers) = answers else { return Standing::New };
    let (accepted, declined) = (answers.accepted.get(&file.name), answers.declined.get(&file.name));
    if accepted == Some(hash) {
        Standing::Accepted
    } else if declined == Some(hash) {
        Standing::Declined
    } else if accepted.or(declined).is_some() {
        Standing::Changed
    } else {
        Standing::New
    }
}

/// More of them nobody reads in a line.
const MOST_NAMED: usize = 8;

/// Some of these and the number of the others; none where there is nothing.
fn listed(all: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<_> = all.map(|name| agent_tui::exact_name(&name).into_owned()).collect();
    let named = all.len().min(MOST_NAMED);
    let more = match all.len() - named {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (named > 0).then(|| all[..named].join(", ") + &more)
}
