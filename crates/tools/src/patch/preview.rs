//! A patch while the model writes it: what can be seen of it already, line by line. A piece costs the same however
//! long the patch has become, and what is no patch shows nothing. Whether the patch is right is found out when it is
//! complete.

use std::path::{Path, PathBuf};

use agent_protocol::{ChangeKind, FileChange};

use super::parse::{ADD, BEGIN, DELETE, END, END_OF_FILE, MOVE, UPDATE, is_marker, locator};
use super::unquote::Unquote;

/// Bytes of the call's input that are looked at; what comes after them is seen when it is complete.
const MOST: usize = 512 << 10;

/// The beginning of a patch, fed as it comes.
#[derive(Debug)]
pub struct PatchPreview {
    cwd: PathBuf,
    form: Form,
    taken: usize,
    /// The line that has not ended yet.
    line: String,
    place: Place,
    /// The change under way, the first line of which was met.
    current: Option<Current>,
    changes: u32,
}

/// More of one change of the patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewedChange {
    /// Counted from 0.
    pub index: u32,
    /// With what is new alone: whole lines, and their count.
    pub change: FileChange,
}

/// How the patch is written.
#[derive(Debug)]
enum Form {
    /// Nothing but white space has come.
    Unknown,
    Plain,
    /// As a text of a JSON object.
    Json(Unquote),
}

/// Where in the patch the next line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Above the patch: a fence, or a shell's line.
    Above,
    /// Between files.
    Between,
    /// In a new file.
    Added,
    /// In a changed file, where a hunk may begin.
    Changed,
    /// In a hunk of which something was shown.
    Hunk,
    /// It is no patch, or a very long one: nothing more is shown.
    Lost,
}

#[derive(Clone, Debug)]
struct Current {
    path: PathBuf,
    kind: ChangeKind,
    move_path: Option<PathBuf>,
    /// Above the hunk that comes.
    heading: String,
    /// Empty lines, which count only when something follows.
    held: String,
}

impl PatchPreview {
    /// Paths of the patch begin at `cwd`; the disk is not looked at.
    pub(crate) fn below(cwd: &Path) -> Self {
        Self {
            cwd: cwd.to_owned(),
            form: Form::Unknown,
            taken: 0,
            line: String::new(),
            place: Place::Above,
            current: None,
            changes: 0,
        }
    }

    /// Takes what has come of the call's input, and says what of it is new to see.
    pub fn push(&mut self, delta: &str) -> Vec<PreviewedChange> {
        self.taken += delta.len();
        if self.taken > MOST {
            self.place = Place::Lost;
        }
        if self.place == Place::Lost {
            self.line = String::new();
            return vec![];
        }
        let text = self.text(delta);
        let mut seen = Vec::new();
        let mut lines = text.split('\n');
        self.line.push_str(lines.next().unwrap_or_default());
        for next in lines {
            let line = std::mem::replace(&mut self.line, next.to_owned());
            seen.extend(self.take(line.strip_suffix('\r').unwrap_or(&line)));
        }
        if matches!(&self.form, Form::Json(unquote) if unquote.is_lost()) {
            self.place = Place::Lost;
        }
        merged(seen)
    }

    /// What of the patch's text has come.
    fn text(&mut self, delta: &str) -> String {
        if matches!(self.form, Form::Unknown) {
            self.form = match delta.trim_start().chars().next() {
                None => return String::new(),
                Some('{') => Form::Json(Unquote::default()),
                Some(_) => Form::Plain,
            };
        }
        match &mut self.form {
            Form::Json(unquote) => unquote.push(delta),
            Form::Plain | Form::Unknown => delta.to_owned(),
        }
    }

    fn take(&mut self, line: &str) -> Option<PreviewedChange> {
        match self.place {
            Place::Lost => None,
            Place::Above => {
                if line.trim() == BEGIN {
                    self.place = Place::Between;
                }
                None
            }
            Place::Between => self.marker(line),
            _ if is_marker(line) && line.trim() != END_OF_FILE => self.marker(line),
            Place::Added => self.new_line(line),
            Place::Changed | Place::Hunk => self.hunk_line(line),
        }
    }

    fn marker(&mut self, line: &str) -> Option<PreviewedChange> {
        let line = line.trim();
        if let Some(path) = line.strip_prefix(ADD) {
            self.begin(path, ChangeKind::Add, Place::Added)
        } else if let Some(path) = line.strip_prefix(UPDATE) {
            self.begin(path, ChangeKind::Update, Place::Changed)
        } else if let Some(path) = line.strip_prefix(DELETE) {
            self.begin(path, ChangeKind::Delete, Place::Between)
        } else if let Some(path) = line.strip_prefix(MOVE)
            && self.place == Place::Changed
        {
            let path = self.cwd.join(path.trim());
            self.current.as_mut()?.move_path = Some(path);
            self.show("")
        } else {
            let goes_on = line.is_empty() || line == BEGIN || line == END;
            self.place = if goes_on { Place::Between } else { Place::Lost };
            None
        }
    }

    fn begin(&mut self, path: &str, kind: ChangeKind, place: Place) -> Option<PreviewedChange> {
        self.place = place;
        self.changes += 1;
        self.current = Some(Current {
            path: self.cwd.join(path.trim()),
            kind,
            move_path: None,
            heading: "@@".to_owned(),
            held: String::new(),
        });
        self.show("")
    }

    fn new_line(&mut self, line: &str) -> Option<PreviewedChange> {
        let current = self.current.as_mut()?;
        if line.starts_with('+') {
            let held = std::mem::take(&mut current.held);
            return self.show(&format!("{held}{line}\n"));
        }
        if line.trim().is_empty() {
            current.held.push_str("+\n");
        } else {
            self.place = Place::Lost;
        }
        None
    }

    fn hunk_line(&mut self, line: &str) -> Option<PreviewedChange> {
        let current = self.current.as_mut()?;
        if line.trim() == END_OF_FILE {
            self.end_hunk();
            return None;
        }
        if let Some(text) = line.strip_prefix("@@") {
            if self.place == Place::Hunk || !current.held.is_empty() {
                self.end_hunk();
            }
            if let Some(locator) = locator(text) {
                self.current.as_mut()?.heading = format!("@@ {}", locator.text);
            }
            return None;
        }
        let line = match line.as_bytes().first() {
            None => " \n".to_owned(),
            Some(b' ' | b'-' | b'+') => format!("{line}\n"),
            Some(b'\t') => format!(" {line}\n"),
            Some(b'\\') => return None,
            Some(_) => {
                self.place = Place::Lost;
                return None;
            }
        };
        if self.place == Place::Hunk {
            return self.show(&line);
        }
        if line.trim().is_empty() {
            current.held.push_str(&line);
            return None;
        }
        let (heading, held) = (&current.heading, std::mem::take(&mut current.held));
        let begun = format!("{heading}\n{held}{line}");
        self.place = Place::Hunk;
        self.show(&begun)
    }

    fn end_hunk(&mut self) {
        self.place = Place::Changed;
        if let Some(current) = &mut self.current {
            "@@".clone_into(&mut current.heading);
            current.held.clear();
        }
    }

    /// More of the change under way.
    fn show(&self, diff: &str) -> Option<PreviewedChange> {
        let current = self.current.as_ref()?;
        let count = |mark| diff.lines().filter(|line: &&str| line.starts_with(mark)).count() as u64;
        Some(PreviewedChange {
            index: self.changes.checked_sub(1)?,
            change: FileChange {
                path: current.path.clone(),
                kind: current.kind,
                additions: Some(count('+')),
                deletions: Some(count('-')),
                diff: Some(diff.to_owned()),
                diff_truncated: false,
                move_path: current.move_path.clone(),
            },
        })
    }
}

/// Neighbouring pieces of one change as one.
fn merged(seen: Vec<PreviewedChange>) -> Vec<PreviewedChange> {
    let mut merged: Vec<PreviewedChange> = Vec::new();
    for piece in seen {
        match merged.last_mut() {
            Some(last) if last.index == piece.index => last.change.grow(piece.change),
            _ => merged.push(piece),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::parse::Section;
    use crate::patch::place::{Place as Resolved, Places};
    use crate::patch::{Patch, announced, parse};
    use proptest::prelude::*;

    /// What is seen of an input that comes in pieces of these sizes, over and over.
    fn seen(input: &str, sizes: &[usize]) -> Vec<FileChange> {
        let mut preview = PatchPreview::below(Path::new("/w"));
        let mut changes: Vec<FileChange> = Vec::new();
        let mut sizes = sizes.iter().copied().cycle();
        let mut rest = input;
        while !rest.is_empty() {
            let size = sizes.next().unwrap().clamp(1, rest.len());
            let cut = (size..=rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap();
            for PreviewedChange { index, change } in preview.push(&rest[..cut]) {
                match changes.get_mut(index as usize) {
                    Some(before) => before.grow(change),
                    None => changes.push(change),
                }
            }
            rest = &rest[cut..];
        }
        changes
    }

    /// What is shown of the patch when it is complete.
    fn whole(text: &str) -> Vec<FileChange> {
        let patch: Patch = parse(text).unwrap();
        let paths = patch.sections.iter().flat_map(|section| match section {
            Section::Update { path, move_to, .. } => [Some(path.clone()), move_to.clone()],
            other => [Some(other.path().to_owned()), None],
        });
        let place = |path: String| {
            (path.clone(), Resolved { path: Path::new("/w").join(path), leads_to: None })
        };
        let places: Places = paths.flatten().map(place).collect();
        announced(&patch, &places)
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[a-zé \\t]{0,12}", "@@ x", "\\*\\*\\* Add File: x", "[-+]{0,3}"]
    }

    fn added() -> impl Strategy<Value = String> {
        let line = prop_oneof![4 => text().prop_map(|text| format!("+{text}\n")), 1 => Just("\n".to_owned())];
        ("[a-c]/[a-z]{1,3}", prop::collection::vec(line, 0..6))
            .prop_map(|(path, lines)| format!("*** Add File: {path}\n{}", lines.concat()))
    }

    fn hunk() -> impl Strategy<Value = String> {
        let locators = prop::collection::vec(
            prop_oneof!["@@ [a-z(){} ]{1,9}", "@@ -1,2 \\+3 @@ fn", "@@"],
            0..3,
        );
        let line = prop_oneof![
            6 => ("[ +-]", text()).prop_map(|(mark, text)| format!("{mark}{text}\n")),
            1 => prop_oneof!["\n", "\tx\n", " \n", "\\\\ No newline at end of file\n"],
        ];
        let end = prop_oneof![3 => Just(""), 1 => Just("*** End of File\n")];
        (locators, prop::collection::vec(line, 0..6), end).prop_map(|(locators, lines, end)| {
            let locators: String = locators.iter().map(|locator| format!("{locator}\n")).collect();
            format!("{locators}{}-x\n{end}", lines.concat())
        })
    }

    fn updated() -> impl Strategy<Value = String> {
        let moved = prop_oneof![3 => Just(""), 1 => Just("*** Move to: new/place\n")];
        ("[a-c]/[a-z]{1,3}", moved, prop::collection::vec(hunk(), 1..4)).prop_map(
            |(path, moved, hunks)| format!("*** Update File: {path}\n{moved}{}", hunks.concat()),
        )
    }

    fn patch() -> impl Strategy<Value = String> {
        let deleted = "[a-z]{1,3}".prop_map(|path| format!("*** Delete File: {path}\n"));
        let section = prop_oneof![added(), updated(), deleted];
        prop::collection::vec(section, 1..5)
            .prop_map(|sections| format!("*** Begin Patch\n{}*** End Patch\n", sections.concat()))
    }

    proptest! {
        #[test]
        fn wherever_it_is_cut_in_the_end_all_of_the_patch_was_seen(
            patch in patch(),
            sizes in prop::collection::vec(1_usize..40, 1..4),
        ) {
            let whole = whole(&patch);
            prop_assert_eq!(&seen(&patch, &sizes), &whole);
            let json = serde_json::json!({"input": patch}).to_string();
            prop_assert_eq!(&seen(&json, &sizes), &whole);
        }

        #[test]
        fn no_text_makes_it_panic_and_what_is_seen_does_not_depend_on_the_pieces(
            text in "\\PC*|([-+ @*\\\\\"nuAddFile:{}]|\n|\\*\\*\\* Add File: x\n){0,40}",
            sizes in prop::collection::vec(1_usize..9, 1..3),
        ) {
            let json = format!("{{\"input\":\"*** Begin Patch\\n*** Add File: a\\n{text}");
            for text in [text.clone(), format!("*** Begin Patch\n{text}"), json] {
                prop_assert_eq!(seen(&text, &sizes), seen(&text, &[usize::MAX]));
            }
        }
    }

    #[test]
    fn a_line_is_seen_as_soon_as_it_has_ended() {
        let mut preview = PatchPreview::below(Path::new("/w"));
        assert_eq!(preview.push("*** Begin Patch\n*** Update File: src/a"), []);
        let begun = preview.push(".rs\n@@ fn a\n-old");
        assert_eq!(begun[0].change.path, Path::new("/w/src/a.rs"));
        assert_eq!(begun[0].change.diff.as_deref(), Some(""));
        let line = preview.push("\n+new\n+ne");
        assert_eq!(line[0].change.diff.as_deref(), Some("@@ fn a\n-old\n+new\n"));
        assert_eq!((line[0].change.additions, line[0].change.deletions), (Some(1), Some(1)));
    }

    #[test]
    fn what_is_no_patch_shows_nothing_and_what_is_too_long_no_more() {
        for garbage in ["rm -rf /\n\n", "{\"cmd\": \"*** Begin Patch\\n*** Add File: a\\n+x\\n\"}"]
        {
            assert_eq!(seen(garbage, &[3]), []);
        }
        let broken = "*** Begin Patch\n*** Add File: a\n+x\nno plus\n+y\n*** Add File: b\n+z\n";
        assert_eq!(seen(broken, &[5])[0].diff.as_deref(), Some("+x\n"));
        assert_eq!(seen(broken, &[5]).len(), 1);
        let long = format!("*** Begin Patch\n*** Add File: a\n{}", "+x\n".repeat(MOST));
        let shown = seen(&long, &[4096]);
        assert!(shown[0].diff.as_ref().unwrap().len() <= MOST);
    }
}
