//! The files of a project that take effect once the person has accepted them (S16). Each is read once: the bytes that are
//! hashed are the bytes that are used.

use std::path::{Path, PathBuf};

use agent_core::Opened;
use ring::digest::{SHA256, digest};

use super::layer::is_absent;

/// Shared with Codex.
const CONFIG: &str = ".codex/config.toml";

/// Codex's and ours.
const RULES: [&str; 2] = [".codex/rules", ".agent/rules"];

/// Nobody has written one that is longer.
const MOST_BYTES: u64 = 1 << 20;

/// Of one directory of rules; more of them no person can have looked at.
const MOST_FILES: usize = 256;

/// What a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Config,
    Rules,
}

/// A file that lies in the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProjectFile {
    pub(crate) path: PathBuf,
    /// Its path below what is trusted, where it lies there.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// None when it cannot be read.
    pub(crate) content: Option<Content>,
}

/// What was in a file when it was read.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    pub(crate) hash: String,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.hash)
    }
}

/// Where in a directory such files lie.
pub(crate) fn places(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let config = Path::new(CONFIG).parent();
    config.into_iter().chain(RULES.map(Path::new)).map(|place| directory.join(place))
}

/// Those in `directory`, their names below `base`. What `is_own` knows is the person's, though it lies in a project.
pub(crate) fn read(
    directory: &Path,
    base: &Path,
    is_own: impl Fn(&Path) -> bool,
) -> Vec<ProjectFile> {
    let config = directory.join(CONFIG);
    let mut files = Vec::new();
    if !is_own(&config) {
        files.extend(ProjectFile::read(config, base, Kind::Config));
    }
    let dirs = RULES.map(|name| directory.join(name)).into_iter();
    for dir in dirs.filter(|dir| !is_own(dir) && dir.is_dir()) {
        files.extend(rules_in(&dir, base));
    }
    files
}

fn rules_in(dir: &Path, base: &Path) -> Vec<ProjectFile> {
    let unreadable = |path: &Path| ProjectFile::unreadable(path.to_owned(), base, Kind::Rules);
    let Ok(mut paths) = agent_tools::entries(dir) else { return vec![unreadable(dir)] };
    paths.retain(|path| path.extension().is_some_and(|end| end == "rules"));
    let further = paths.get(MOST_FILES).map(|path| unreadable(path));
    paths.truncate(MOST_FILES);
    let read = |path| ProjectFile::read(path, base, Kind::Rules);
    paths.into_iter().filter_map(read).chain(further).collect()
}

impl ProjectFile {
    /// None if there is no such file.
    fn read(path: PathBuf, base: &Path, kind: Kind) -> Option<Self> {
        match Opened::open(&path).and_then(|opened| opened.bytes(MOST_BYTES)) {
            Ok(bytes) => {
                let content = Some(Content { hash: hash(&bytes), bytes });
                Some(Self { content, ..Self::unreadable(path, base, kind) })
            }
            Err(error) if is_absent(&error) => None,
            Err(_) => Some(Self::unreadable(path, base, kind)),
        }
    }

    fn unreadable(path: PathBuf, base: &Path, kind: Kind) -> Self {
        Self { name: name(&path, base), path, kind, content: None }
    }
}

/// What a path is called in what was said. Two that are no text may share a name; then one of them
/// at most is taken for accepted.
pub(crate) fn name(path: &Path, base: &Path) -> String {
    let below = path.strip_prefix(base).unwrap_or(path).as_os_str();
    let escaped = || below.as_encoded_bytes().escape_ascii().to_string();
    below.to_str().map_or_else(escaped, str::to_owned)
}

fn hash(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn s16_what_is_read_is_every_file_that_can_have_effect_and_nothing_that_holds_us_up() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        for (path, text) in [
            (".codex/config.toml", "a"),
            (".codex/rules/x.rules", "b"),
            (".codex/rules/notes.md", "no"),
            (".agent/rules/y.rules", "c"),
            (".agent/config.toml", "nobody reads it"),
            ("AGENTS.md", "read without trust"),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let pipe = root.join(".agent/rules/z.rules");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let long = vec![b'#'; usize::try_from(MOST_BYTES).unwrap() + 1];
        fs::write(root.join(".codex/rules/long.rules"), long).unwrap();
        let files = read(root, root, |_| false);
        let found: Vec<_> = files
            .iter()
            .map(|file| (file.name.as_str(), file.content.as_ref().map(|it| it.bytes.as_slice())))
            .collect();
        let expected: [(&str, Option<&[u8]>); 5] = [
            (".codex/config.toml", Some(b"a")),
            (".codex/rules/long.rules", None),
            (".codex/rules/x.rules", Some(b"b")),
            (".agent/rules/y.rules", Some(b"c")),
            (".agent/rules/z.rules", None),
        ];
        assert_eq!(found, expected);
        let places: Vec<_> = places(root).collect();
        for file in &files {
            assert!(places.contains(&file.path.parent().unwrap().to_owned()), "{file:?}");
        }
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash(b"abc"), of_abc);
    }

    #[test]
    fn s16_of_more_files_than_a_person_looks_at_the_others_are_not_read() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join(".codex/rules");
        fs::create_dir_all(&dir).unwrap();
        for number in 0..MOST_FILES + 9 {
            fs::write(dir.join(format!("{number:04}.rules")), "").unwrap();
        }
        let files = read(scratch.path(), scratch.path(), |_| false);
        assert_eq!(files.len(), MOST_FILES + 1);
        assert_eq!(files.iter().filter(|file| file.content.is_none()).count(), 1);
    }
}
