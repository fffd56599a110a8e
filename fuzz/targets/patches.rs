//! Patches over several files, applied to a real folder: all is as a simple model says, or nothing has changed.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use agent_tools::apply_patch_to;

/// What may be there beforehand, each with its mode. The folders always are.
const FILES: [(&str, &str, u32); 6] = [
    ("a", "1\n2\n", 0o644),
    ("b", "1\nb\n", 0o755),
    ("binary", "\0", 0o600),
    ("locked", "1\n", 0o444),
    ("d/a", "deep\n", 0o640),
    ("d/e/b", "deeper", 0o664),
];
const FOLDERS: [&str; 2] = ["d", "d/e"];

/// As a patch spells them, and what they mean. The last is where nothing may be written.
const NAMES: [(&str, &str); 17] = [
    ("a", "a"),
    ("b", "b"),
    ("binary", "binary"),
    ("locked", "locked"),
    ("d/a", "d/a"),
    ("d/e/b", "d/e/b"),
    ("A", "A"),
    ("n", "n"),
    ("n/x", "n/x"),
    ("n/y/z", "n/y/z"),
    ("d/new", "d/new"),
    ("./a", "a"),
    ("d/../b", "b"),
    ("d", "d"),
    ("d/e", "d/e"),
    ("a/x", "a/x"),
    ("../out", "../out"),
];
const TEXTS: [&str; 4] = ["1\n", "1\n2\n", "x\n", "deep\n"];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, sections)) = data.split_first() else { return };
    // A patch names a file.
    if sections.len() < 3 {
        return;
    }
    let scratch = Scratch::new(*first);
    let mut model = Model::new(*first, scratch.new_mode);
    let mut patch = "*** Begin Patch\n".to_owned();
    let mut expected = Some(());
    for [kind, name, other] in sections.as_chunks().0.iter().take(12) {
        let section = Section::of(*kind, *name, *other);
        section.write(&model.now, &mut patch);
        expected = expected.and_then(|()| model.apply(&section));
    }
    patch.push_str("*** End Patch\n");
    let expected = expected.and_then(|()| model.outcome());

    let before = scratch.tree();
    let journals = scratch.root.join("journals");
    let outcome = apply_patch_to(
        &scratch.root.join("work"),
        &patch,
        (first & 64 == 0).then_some(journals.as_path()),
    );
    match (&outcome, expected) {
        (Ok(_), Some(expected)) => {
            assert_eq!(scratch.folders(), folders_of(&expected), "{patch}");
            assert_eq!(scratch.files(), expected, "{patch}");
        }
        (Err(_), None) => assert_eq!(scratch.tree(), before, "{patch}"),
        (outcome, expected) => panic!("{outcome:?} instead of {expected:?}:\n{patch}"),
    }
    // Whatever came of it, neither a journal nor anything else of ours is left.
    assert_eq!(scratch.tree().keys().filter(|path| !path.starts_with("work")).count(), 2);
});

enum Section {
    Add(Name, &'static str),
    Delete(Name),
    /// None: its text stays. `Some(None)`: what it replaces is not there.
    Update {
        name: Name,
        text: Option<Option<&'static str>>,
        to: Option<Name>,
    },
}

type Name = (&'static str, &'static str);

impl Section {
    fn of(kind: u8, name: u8, other: u8) -> Self {
        let text = TEXTS[usize::from(kind >> 3) % TEXTS.len()];
        let named = |byte: u8| NAMES[usize::from(byte) % NAMES.len()];
        let (name, to) = (named(name), Some(named(other)));
        match kind % 8 {
            0 | 1 => Self::Add(name, text),
            2 | 3 => Self::Delete(name),
            4 => Self::Update { name, text: Some(Some(text)), to: None },
            5 => Self::Update { name, text: None, to },
            6 => Self::Update { name, text: Some(Some(text)), to },
            _ => Self::Update { name, text: Some(None), to: to.filter(|_| kind > 127) },
        }
    }

    /// As a patch says it. What is replaced is the whole of the text there is by then.
    fn write(&self, now: &Files, patch: &mut String) {
        let lines = |patch: &mut String, marker: char, text: &str| {
            text.lines().for_each(|line| patch.extend([format!("{marker}{line}\n")]));
        };
        match self {
            Self::Add((name, _), text) => {
                let _ = writeln!(patch, "*** Add File: {name}");
                lines(patch, '+', text);
            }
            Self::Delete((name, _)) => {
                let _ = writeln!(patch, "*** Delete File: {name}");
            }
            Self::Update { name: (name, path), text, to } => {
                let _ = writeln!(patch, "*** Update File: {name}");
                if let Some((to, _)) = to {
                    let _ = writeln!(patch, "*** Move to: {to}");
                }
                if let Some(text) = text {
                    let there = now.get(*path).map_or("what\n", |file| &file.text);
                    patch.push_str("@@\n");
                    lines(patch, '-', text.map_or("neither\n", |_| there));
                    lines(patch, '+', text.unwrap_or("nor\n"));
                }
            }
        }
    }
}

type Files = BTreeMap<String, File>;
/// Texts and modes.
type Outcome = BTreeMap<String, (String, u32)>;

#[derive(Clone)]
struct File {
    text: String,
    /// The file that it was, whose mode it keeps.
    from: Option<&'static str>,
}

/// What docs/patches.md says of sections, without a disk.
struct Model {
    start: Files,
    now: Files,
    /// Named by the patch so far, and there.
    touched: BTreeSet<&'static str>,
    moved_away: BTreeSet<&'static str>,
    new_mode: u32,
}

impl Model {
    fn new(chosen: u8, new_mode: u32) -> Self {
        let start: Files = chosen_files(chosen)
            .map(|(path, text, _)| {
                (path.to_owned(), File { text: text.to_owned(), from: Some(path) })
            })
            .collect();
        let now = start.clone();
        Self { start, now, touched: BTreeSet::new(), moved_away: BTreeSet::new(), new_mode }
    }

    /// None: it is refused, and all of the patch.
    fn apply(&mut self, section: &Section) -> Option<()> {
        match section {
            Section::Add((_, path), text) => {
                match self.now.get(*path) {
                    Some(file) if file.text == *text => {}
                    Some(_) => return None,
                    None => {
                        self.is_free(path)?;
                        let file = File { text: (*text).to_owned(), from: None };
                        self.now.insert((*path).to_owned(), file);
                    }
                }
                self.touched.insert(path);
            }
            Section::Delete((_, path)) => {
                self.now.remove(*path)?;
                self.touched.remove(path);
            }
            Section::Update { name: (_, path), text, to } => {
                let to = to.map(|(_, to)| to).filter(|to| to != path);
                if let Some(to) = to {
                    self.is_free(to)?;
                }
                let mut file = self.now.get(*path)?.clone();
                if let Some(text) = text {
                    (file.text != "\0").then_some(())?;
                    file.text = with_end_of(&file.text, (*text)?);
                }
                if to.is_some() {
                    self.now.remove(*path);
                    self.touched.remove(path);
                    self.moved_away.insert(path);
                }
                let at = to.unwrap_or(path);
                self.now.insert(at.to_owned(), file);
                self.touched.insert(at);
            }
        }
        Some(())
    }

    /// Whether a file can come to be at a path.
    fn is_free(&self, path: &'static str) -> Option<()> {
        let is_below = |below: &str, above: &str| {
            below.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
        };
        let is_taken = self.now.contains_key(path)
            || self.moved_away.contains(path)
            || path.starts_with("..")
            || FOLDERS.contains(&path)
            || self.start.keys().any(|file| is_below(path, file))
            || self.touched.iter().any(|file| is_below(path, file) || is_below(file, path));
        (!is_taken).then_some(())
    }

    /// Each file with its mode, unless one would have to be written that nobody may write.
    fn outcome(&self) -> Option<Outcome> {
        let file = |(path, file): (&String, &File)| {
            let origin = file.from.unwrap_or(path);
            let there = self.start.get(origin);
            let is_written = there.is_none_or(|there| there.text != file.text);
            if is_written && path == "locked" && self.start.contains_key(path) {
                return None;
            }
            let mode = FILES.iter().find(|(path, ..)| there.is_some() && *path == origin);
            let mode = mode.map_or(self.new_mode, |(.., mode)| *mode);
            Some((path.clone(), (file.text.clone(), mode)))
        };
        self.now.iter().map(file).collect()
    }
}

/// A text that takes the place of another: its last line ends as that one's did.
fn with_end_of(old: &str, new: &str) -> String {
    let end = if old.ends_with('\n') { "\n" } else { "" };
    format!("{}{end}", new.trim_end())
}

/// The folders there are then: an empty one stays.
fn folders_of(outcome: &Outcome) -> BTreeSet<PathBuf> {
    let made = outcome.keys().flat_map(|path| Path::new(path).ancestors().skip(1));
    let there = FOLDERS.into_iter().chain([""]).map(Path::new);
    made.chain(there).map(|folder| Path::new("work").join(folder)).collect()
}

fn chosen_files(chosen: u8) -> impl Iterator<Item = (&'static str, &'static str, u32)> {
    FILES.into_iter().enumerate().filter(move |(n, _)| chosen >> n & 1 == 0).map(|(_, file)| file)
}

/// A folder to work in, and beside it a file and a folder for journals.
struct Scratch {
    root: PathBuf,
    /// Of a file that is like no other.
    new_mode: u32,
}

impl Scratch {
    fn new(chosen: u8) -> Self {
        let root = std::env::temp_dir().join(format!("fuzz-patches-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for folder in ["work/d/e", "journals"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("out"), "out\n").unwrap();
        let new_mode = mode(&root.join("out"));
        for (path, text, mode) in chosen_files(chosen) {
            let path = root.join("work").join(path);
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        Self { root, new_mode }
    }

    /// All that is there: the text of files and the mode of everything.
    fn tree(&self) -> BTreeMap<PathBuf, (Option<String>, u32)> {
        let mut tree = BTreeMap::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let below = path.strip_prefix(&self.root).unwrap().to_owned();
                if path.is_dir() {
                    tree.insert(below, (None, mode(&path)));
                    folders.push(path);
                } else {
                    tree.insert(below, (Some(fs::read_to_string(&path).unwrap()), mode(&path)));
                }
            }
        }
        tree
    }

    fn folders(&self) -> BTreeSet<PathBuf> {
        let folders = self.tree().into_iter().filter(|(_, (text, _))| text.is_none());
        folders.map(|(path, _)| path).filter(|path| path.starts_with("work")).collect()
    }

    fn files(&self) -> Outcome {
        let below = |path: PathBuf| Some(path.strip_prefix("work").ok()?.to_str()?.to_owned());
        let files = self.tree().into_iter();
        files.filter_map(|(path, (text, mode))| Some((below(path)?, (text?, mode)))).collect()
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
