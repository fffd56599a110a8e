//! What was before any command that still runs below the same roots, as the rooms of those have remembered it. What a room
//! that begins now finds in its place may be theirs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::arrivals::Led;
use super::encoded::{Encoded, read_all, write_all};
use super::repository::{self, Repository};
use super::state::State;

/// Nothing, where no other command runs.
#[derive(Default)]
pub(super) struct Earlier {
    /// When the first of them began, in nanoseconds by the clock of files.
    pub(super) began: Option<i64>,
    roots: Vec<PathBuf>,
    files: BTreeMap<PathBuf, State>,
    repositories: BTreeMap<PathBuf, Repository>,
    /// What there was below some of the roots.
    present: Vec<There>,
}

/// All repositories below `roots`, and all that led to them.
struct There {
    roots: Vec<PathBuf>,
    led: Led,
}

/// What one room leaves to those that begin while it runs.
pub(super) struct Record<'a> {
    pub(super) began: i64,
    pub(super) roots: &'a [PathBuf],
    pub(super) files: Vec<&'a (PathBuf, State)>,
    pub(super) repositories: &'a [Repository],
    /// All that there were, and all that led to them, if that is known.
    pub(super) present: Option<&'a Led>,
}

/// First in each record; to be raised when what follows is written in another way, as others may have another version.
const FORMAT: u64 = 7;

impl Record<'_> {
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        FORMAT.write(&mut bytes);
        self.began.write(&mut bytes);
        write_all(self.roots.iter(), &mut bytes, Encoded::write);
        write_all(self.files.iter(), &mut bytes, |file, to| file.write(to));
        write_all(self.repositories.iter(), &mut bytes, Encoded::write);
        let none = Led::default();
        let led = self.present.unwrap_or(&none);
        self.present.is_some().write(&mut bytes);
        write_all(led.gits.iter(), &mut bytes, Encoded::write);
        write_all(led.ways.iter(), &mut bytes, Encoded::write);
        bytes
    }
}

impl Earlier {
    /// Of the records, those from below `roots` or around them; where they differ, the first room knows best. One that says
    /// nothing may be of a room that has begun as early as `unknown`, and was below all roots.
    pub(super) fn of(records: &[Option<Vec<u8>>], roots: &[PathBuf], unknown: i64) -> Self {
        let somewhere =
            || Self { began: Some(unknown), roots: roots.to_owned(), ..Self::default() };
        let read = |record: &Option<Vec<u8>>| record.as_ref().and_then(|record| Self::read(record));
        let records = records.iter();
        let mut all: Vec<_> =
            records.map(|record| read(record).unwrap_or_else(somewhere)).collect();
        all.retain(|one| one.roots.iter().any(|root| roots.iter().any(|own| meet(root, own))));
        all.sort_by_key(|one| one.began);
        let mut earlier = Self::default();
        for one in all {
            earlier.began = earlier.began.or(one.began);
            earlier.roots.extend(one.roots);
            for (path, state) in one.files {
                earlier.files.entry(path).or_insert(state);
            }
            for (git, repository) in one.repositories {
                earlier.repositories.entry(git).or_insert(repository);
            }
            earlier.present.extend(one.present);
        }
        earlier
    }

    fn read(mut record: &[u8]) -> Option<Self> {
        let record = &mut record;
        let _ = u64::read(record).filter(|format| *format == FORMAT)?;
        let (began, roots) = (i64::read(record)?, read_all::<PathBuf>(record)?);
        let files = read_all(record)?.into_iter().collect();
        let repositories = read_all::<Repository>(record)?.into_iter();
        let repositories = repositories.map(|one| (one.git.clone(), one)).collect();
        let is_all = bool::read(record)?;
        let gits = read_all(record)?.into_iter().collect();
        let ways = read_all(record)?.into_iter().collect();
        let present = There { roots: roots.clone(), led: Led { gits, ways } };
        let present = if is_all { vec![present] } else { vec![] };
        Some(Self { began: Some(began), roots, files, repositories, present })
    }

    /// Whether it was not there yet when one of those began.
    pub(super) fn came_later(&self, git: &Path) -> bool {
        self.present.iter().any(|there| there.reaches(git) && !there.led.gits.contains(git))
    }

    /// The same of what leads to a repository.
    pub(super) fn way_came_later(&self, way: &(PathBuf, PathBuf)) -> bool {
        self.present.iter().any(|there| there.reaches(&way.1) && !there.led.ways.contains(way))
    }

    /// What was at `path`, where that is known. A file or link in the place of a repository came later.
    pub(super) fn state(&self, path: &Path) -> Option<State> {
        let was_repository = || self.repositories.contains_key(path).then_some(State::Absent);
        self.files.get(path).cloned().or_else(was_repository)
    }

    /// As it was; none where it came later, so that nobody knows how it was before: it is judged by itself then. Where there
    /// `is_room` for little only, of its hooks no more than whether they have changed.
    pub(super) fn repository(&mut self, git: &Path, is_room: bool) -> Option<Repository> {
        let is_reached = self.roots.iter().any(|root| git.starts_with(root));
        let remembered = || {
            let all = (!is_reached).then(|| Repository::remember(git.to_owned()));
            if is_room { all } else { all.map(Repository::shortened) }
        };
        self.moved_to(git).or_else(|| self.repositories.remove(git)).or_else(remembered)
    }

    /// As it was with another path, where git was led to it.
    fn moved_to(&self, git: &Path) -> Option<Repository> {
        let moved = repository::that_is_now_at(git, self.repositories.values())?;
        let is_own = || self.present.iter().any(|there| there.led.is_own(&moved.git));
        (moved.git != git && is_own()).then(|| moved.moved_to(git))
    }
}

impl There {
    fn reaches(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(root))
    }
}

fn meet(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}
