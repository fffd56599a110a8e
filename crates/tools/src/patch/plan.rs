//! What a patch makes of the files it names: pure. Its sections are applied one after the other to what was found
//! on disk, so that later ones see what earlier ones did; only the outcome is carried out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::hunks;
use super::parse::{Patch, Section};
use super::place::Places;
use super::text::TextFile;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Text(String),
    /// A file that a patch would damage: why.
    Opaque(&'static str),
    /// A link, by itself.
    Link,
    /// Something that is no file, or could not be looked at: a sentence.
    Barred(String),
}

/// One thing that is done, and shown as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
    /// As the model wrote it.
    pub(crate) shown: String,
    /// None where there was no text.
    pub(crate) before: Option<String>,
    /// None where there will be no text, or that of an untouched file.
    pub(crate) after: Option<String>,
    /// For the model.
    pub(crate) notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Add,
    Update,
    Delete,
    /// To another path; `after` is only there when the text changes on the way.
    Move {
        to: PathBuf,
        shown: String,
    },
}

impl Change {
    /// Nothing is to be written: the file is already as the patch wants it.
    pub(crate) fn is_done(&self) -> bool {
        self.kind == Kind::Update && self.before == self.after
    }
}

/// The outcome of all sections, in the order in which the patch first names the files.
///
/// # Errors
/// Every section that cannot be applied, each as a text that begins with its path.
pub(crate) fn plan(
    patch: &Patch,
    places: &Places,
    found: &BTreeMap<PathBuf, Found>,
) -> Result<Vec<Change>, Vec<String>> {
    let mut plan = Plan { found, files: BTreeMap::new(), order: Vec::new() };
    let mut problems = Vec::new();
    for section in &patch.sections {
        if let Err(messages) = plan.apply(section, places) {
            let of = |message| format!("{}: {message}", section.path());
            problems.extend(messages.into_iter().map(of));
        }
    }
    if problems.is_empty() { Ok(plan.changes()) } else { Err(problems) }
}

struct Plan<'a> {
    found: &'a BTreeMap<PathBuf, Found>,
    /// The files that are not as they were found.
    files: BTreeMap<PathBuf, File>,
    /// Every path that is touched, with its shown form.
    order: Vec<(PathBuf, String)>,
}

/// A file in the middle of the patch.
struct File {
    state: State,
    notes: Vec<String>,
}

enum State {
    /// `from` is the file on disk it began as; None for a new one.
    Text {
        text: String,
        from: Option<PathBuf>,
    },
    /// The file of another path, as it is.
    Moved {
        from: PathBuf,
    },
    Deleted,
    MovedTo(String),
    /// A section failed: what follows would only fail for the same reason.
    Failed,
}

/// The whole of a message, or several.
type Problems = Vec<String>;

fn problem(message: impl Into<String>) -> Problems {
    vec![message.into()]
}

impl Plan<'_> {
    fn apply(&mut self, section: &Section, places: &Places) -> Result<(), Problems> {
        let Some(place) = places.get(section.path()) else {
            return Err(problem("this path was not resolved"));
        };
        let path = place.changed_by(section);
        if matches!(self.files.get(path), Some(File { state: State::Failed, .. })) {
            return Ok(());
        }
        let done = match section {
            Section::Add { content, .. } => self.add(path, content),
            Section::Delete { .. } => self.delete(path),
            Section::Update { hunks, move_to, .. } => {
                let to = move_to.as_ref().map(|shown| (shown, places.get(shown)));
                match to {
                    None => self.update(path, hunks, None),
                    Some((shown, Some(to))) => self.update(path, hunks, Some((&to.path, shown))),
                    Some((_, None)) => Err(problem("the path it moves to was not resolved")),
                }
            }
        };
        self.touch(path, section.path());
        if done.is_err() {
            self.set(path, State::Failed);
        }
        done
    }

    fn touch(&mut self, path: &Path, shown: &str) {
        if !self.order.iter().any(|(known, _)| known == path) {
            self.order.push((path.to_owned(), shown.to_owned()));
        }
    }

    fn set(&mut self, path: &Path, state: State) {
        let notes = self.files.remove(path).map(|file| file.notes).unwrap_or_default();
        self.files.insert(path.to_owned(), File { state, notes });
    }

    fn note(&mut self, path: &Path, notes: Vec<String>) {
        if let Some(file) = self.files.get_mut(path) {
            file.notes.extend(notes);
        }
    }

    /// What is at a path after the sections so far.
    fn now(&self, path: &Path) -> Found {
        let found = |path: &Path| self.found.get(path).cloned().unwrap_or(Found::Nothing);
        match self.files.get(path).map(|file| &file.state) {
            None => found(path),
            Some(State::Text { text, .. }) => Found::Text(text.clone()),
            Some(State::Moved { from }) => found(from),
            Some(State::Deleted) => Found::Nothing,
            Some(State::MovedTo(to)) => Found::Barred(format!("this patch moved it to {to}")),
            Some(State::Failed) => Found::Barred("an earlier section failed".into()),
        }
    }

    /// The file on disk that the file at `path` began as.
    fn origin(&self, path: &Path) -> Option<PathBuf> {
        match self.files.get(path).map(|file| &file.state) {
            None => Some(path.to_owned()),
            Some(State::Text { from, .. }) => from.clone(),
            Some(State::Moved { from }) => Some(from.clone()),
            Some(State::Deleted | State::MovedTo(_) | State::Failed) => None,
        }
    }

    fn add(&mut self, path: &Path, content: &str) -> Result<(), Problems> {
        match self.now(path) {
            Found::Nothing => {
                self.free_way(path)?;
                self.set(path, State::Text { text: content.to_owned(), from: None });
                Ok(())
            }
            Found::Text(text) if text == content => {
                let from = self.origin(path);
                self.set(path, State::Text { text, from });
                self.note(path, vec!["was there already, with the same content".into()]);
                Ok(())
            }
            Found::Text(_) | Found::Opaque(_) | Found::Link => Err(problem(
                "this file exists already. To change it, use `*** Update File:`; to replace all of it, put \
                 `*** Delete File:` before the `*** Add File:` of the same path",
            )),
            Found::Barred(why) => Err(problem(why)),
        }
    }

    fn delete(&mut self, path: &Path) -> Result<(), Problems> {
        match self.now(path) {
            Found::Nothing => Err(problem("no such file")),
            Found::Barred(why) => Err(problem(why)),
            Found::Text(_) | Found::Opaque(_) | Found::Link => {
                self.set(path, State::Deleted);
                Ok(())
            }
        }
    }

    fn update(
        &mut self,
        path: &Path,
        hunks: &[super::parse::Hunk],
        to: Option<(&Path, &String)>,
    ) -> Result<(), Problems> {
        let to = to.filter(|(to, _)| *to != path);
        if let Some((to, shown)) = to {
            match self.now(to) {
                Found::Nothing => self.free_way(to)?,
                Found::Barred(why) => {
                    return Err(problem(format!("cannot be moved to {shown}: {why}")));
                }
                _ => {
                    return Err(problem(format!(
                        "cannot be moved to {shown}, which exists: delete that first"
                    )));
                }
            }
        }
        let origin = self.origin(path);
        let (state, notes) = match self.now(path) {
            Found::Nothing => {
                return Err(problem("no such file: use `*** Add File:` for a new one"));
            }
            Found::Barred(why) => return Err(problem(why)),
            Found::Link if to.is_none() => {
                return Err(problem("this is a link that leads nowhere"));
            }
            Found::Link => {
                return Err(problem(
                    "this is a link: move it with a command, and patch what it leads to",
                ));
            }
            Found::Opaque(why) if !hunks.is_empty() => {
                return Err(problem(format!("{why}, which a patch would damage")));
            }
            Found::Opaque(_) => match origin {
                Some(from) => (State::Moved { from }, vec![]),
                None => return Err(problem("no such file")),
            },
            Found::Text(text) => {
                let applied =
                    hunks::apply(&TextFile::parse(&text), hunks).map_err(|mismatches| {
                        mismatches.iter().map(ToString::to_string).collect::<Vec<_>>()
                    })?;
                (State::Text { text: applied.file.to_text(), from: origin }, applied.notes)
            }
        };
        let at = match to {
            None => path,
            Some((to, shown)) => {
                self.touch(to, shown);
                self.set(path, State::MovedTo(shown.clone()));
                to
            }
        };
        self.set(at, state);
        self.note(at, notes);
        Ok(())
    }

    /// No file that is made here stands where this one needs a folder, nor the other way round.
    fn free_way(&self, path: &Path) -> Result<(), Problems> {
        let made = self
            .files
            .iter()
            .filter(|(_, file)| matches!(file.state, State::Text { .. } | State::Moved { .. }));
        for (other, _) in made.filter(|(other, _)| other.as_path() != path) {
            if path.starts_with(other) || other.starts_with(path) {
                let message =
                    format!("this patch makes {} a file and a directory at once", path.display());
                return Err(problem(message));
            }
        }
        Ok(())
    }

    fn changes(mut self) -> Vec<Change> {
        let order = std::mem::take(&mut self.order);
        order.iter().filter_map(|(path, shown)| self.change(path, shown, &order)).collect()
    }

    fn change(&self, path: &Path, shown: &str, order: &[(PathBuf, String)]) -> Option<Change> {
        let file = self.files.get(path)?;
        let was = |path: &Path| self.found.get(path).cloned().unwrap_or(Found::Nothing);
        let text_of = |found| match found {
            Found::Text(text) => Some(text),
            _ => None,
        };
        let change = |kind, path: &Path, shown: &str, before, after| {
            let (path, shown, notes) = (path.to_owned(), shown.to_owned(), file.notes.clone());
            Some(Change { kind, path, shown, before, after, notes })
        };
        let moved = |from: &Path, after: Option<String>| {
            let origin =
                order.iter().find(|(path, _)| path == from).map_or(shown, |(_, shown)| shown);
            let before = text_of(was(from));
            let after = after.filter(|after| before.as_ref() != Some(after));
            change(
                Kind::Move { to: path.to_owned(), shown: shown.to_owned() },
                from,
                origin,
                before,
                after,
            )
        };
        match &file.state {
            State::Text { text, from: Some(from) } if from != path => {
                moved(from, Some(text.clone()))
            }
            // Onto itself.
            State::Moved { from } if from == path => change(Kind::Update, path, shown, None, None),
            State::Moved { from } => moved(from, None),
            State::Text { text, .. } => match was(path) {
                Found::Nothing => change(Kind::Add, path, shown, None, Some(text.clone())),
                found => change(Kind::Update, path, shown, text_of(found), Some(text.clone())),
            },
            State::Deleted | State::MovedTo(_) if self.moved_away(path) => None,
            State::Deleted | State::MovedTo(_) => match was(path) {
                Found::Nothing => None,
                found => change(Kind::Delete, path, shown, text_of(found), None),
            },
            State::Failed => None,
        }
    }

    fn moved_away(&self, path: &Path) -> bool {
        self.files.iter().any(|(at, file)| match &file.state {
            State::Text { from: Some(from), .. } | State::Moved { from } => {
                from == path && at != path
            }
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{parse, place};
    use super::*;

    /// Files as `name content`, outcome as lines.
    fn planned(files: &[(&str, Found)], body: &str) -> String {
        let patch = parse::parse(&format!("*** Begin Patch\n{body}\n*** End Patch")).unwrap();
        let root = Path::new("/nowhere/at/all");
        let places = place::resolve_all(&patch, root).unwrap();
        let found = files.iter().map(|(name, found)| (root.join(name), found.clone())).collect();
        let show = |change: Change| {
            let text =
                |text: Option<String>| text.map_or("-".to_owned(), |text| text.replace('\n', "/"));
            let to = match &change.kind {
                Kind::Move { shown, .. } => format!(" to {shown}"),
                _ => String::new(),
            };
            let kind = format!("{:?}", change.kind);
            let kind = kind.split(' ').next().unwrap();
            format!("{kind} {}{to}: {} > {}", change.shown, text(change.before), text(change.after))
        };
        match plan(&patch, &places, &found) {
            Ok(changes) => changes.into_iter().map(show).collect::<Vec<_>>().join("\n"),
            Err(problems) => problems.join("\n"),
        }
    }

    fn text(text: &str) -> Found {
        Found::Text(text.into())
    }

    #[test]
    fn each_section_becomes_a_change() {
        assert_eq!(
            planned(
                &[("a", text("1\n")), ("b", text("2\n")), ("c", text("3\n"))],
                "*** Add File: d/e\n+x\n*** Delete File: a\n*** Update File: b\n-2\n+4\n*** Update File: c\n*** Move to: f\n-3\n+5"
            ),
            "Add d/e: - > x/\nDelete a: 1/ > -\nUpdate b: 2/ > 4/\nMove c to f: 3/ > 5/"
        );
    }

    #[test]
    fn later_sections_see_what_earlier_ones_did() {
        for (body, expected) in [
            ("*** Update File: a\n-1\n+2\n*** Update File: a\n-2\n+3", "Update a: 1/ > 3/"),
            ("*** Delete File: a\n*** Add File: a\n+new", "Update a: 1/ > new/"),
            ("*** Add File: b\n+x\n*** Update File: b\n-x\n+y", "Add b: - > y/"),
            ("*** Add File: b\n+x\n*** Delete File: b", ""),
            (
                "*** Update File: a\n*** Move to: b\n*** Update File: b\n-1\n+2",
                "Move a to b: 1/ > 2/",
            ),
            ("*** Update File: a\n*** Move to: b\n*** Delete File: b", "Delete a: 1/ > -"),
            (
                "*** Update File: a\n*** Move to: b\n*** Update File: b\n*** Move to: c",
                "Move a to c: 1/ > -",
            ),
            ("*** Update File: a\n*** Move to: a\n-1\n+2", "Update a: 1/ > 2/"),
        ] {
            assert_eq!(planned(&[("a", text("1\n"))], body), expected, "{body}");
        }
        assert_eq!(
            planned(
                &[("a", text("1\n")), ("b", text("2\n"))],
                "*** Delete File: b\n*** Update File: a\n*** Move to: b"
            ),
            "Move a to b: 1/ > -"
        );
    }

    #[test]
    fn nothing_that_exists_is_lost_to_a_new_file_or_a_move() {
        let files = [
            ("a", text("1\n")),
            ("b", text("2\n")),
            ("bin", Found::Opaque("binary")),
            ("l", Found::Link),
        ];
        let exists = "this file exists already";
        for (body, expected) in [
            ("*** Add File: a\n+x", exists),
            ("*** Add File: bin\n+x", exists),
            ("*** Add File: l\n+x", exists),
            (
                "*** Update File: a\n*** Move to: b",
                "a: cannot be moved to b, which exists: delete that first",
            ),
            (
                "*** Update File: a\n*** Move to: c\n*** Add File: a\n+x",
                "a: this patch moved it to c",
            ),
            ("*** Add File: x\n+1\n*** Add File: x/y\n+2", "a file and a directory at once"),
            ("*** Add File: x/y\n+1\n*** Add File: x\n+2", "a file and a directory at once"),
        ] {
            let outcome = planned(&files, body);
            assert!(outcome.contains(expected), "{body}: {outcome}");
        }
        assert_eq!(
            planned(&files, "*** Add File: a\n+1"),
            "Update a: 1/ > 1/",
            "identical: nothing to do"
        );
    }

    #[test]
    fn what_is_no_text_is_moved_or_deleted_and_never_edited() {
        let files = [
            ("bin", Found::Opaque("this file is binary")),
            ("dir", Found::Barred("this is a directory".into())),
        ];
        for (body, expected) in [
            ("*** Update File: bin\n-a", "bin: this file is binary, which a patch would damage"),
            ("*** Update File: bin\n*** Move to: c", "Move bin to c: - > -"),
            ("*** Delete File: bin", "Delete bin: - > -"),
            ("*** Delete File: dir", "dir: this is a directory"),
            ("*** Delete File: gone", "gone: no such file"),
            ("*** Update File: gone\n-a", "gone: no such file: use `*** Add File:` for a new one"),
        ] {
            assert_eq!(planned(&files, body), expected, "{body}");
        }
    }

    #[test]
    fn every_section_that_fails_is_said_once() {
        let outcome = planned(
            &[("a", text("1\n")), ("b", text("2\n"))],
            "*** Update File: a\n-x\n*** Update File: a\n-y\n*** Update File: b\n-z\n*** Delete File: c",
        );
        let begins = |start| outcome.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(["a: ", "b: ", "c: "].map(begins), [1, 1, 1], "{outcome}");
    }
}
