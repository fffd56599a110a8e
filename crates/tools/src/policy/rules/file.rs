//! Rules on disk: read from directories of `.rules` files, and appended to one when the person decides for good.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Effect, Place, Rule, Rules, parse};

/// What is wrong with a file of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {problem}", file.display())]
pub struct RuleError {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
    pub problem: String,
}

/// Bytes of one file; more is no list of rules.
const MOST_BYTES: u64 = 1 << 20;

impl Rules {
    /// Reads the rules in `text`, which is that of `file`, and says what is wrong with it. What could be read counts.
    pub fn parse(file: &Path, text: &str) -> (Self, Vec<RuleError>) {
        parse::parse(file, text)
    }

    /// Reads the `.rules` files of a directory, in the order of their names; there may be none.
    pub fn read_dir(dir: &Path) -> (Self, Vec<RuleError>) {
        let (mut rules, mut errors) = (Self::default(), Vec::new());
        let Ok(entries) = fs::read_dir(dir) else { return (rules, errors) };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "rules")).collect();
        paths.sort();
        for path in paths {
            let (read, wrong) = Self::read(&path);
            rules.extend(read);
            errors.extend(wrong);
        }
        (rules, errors)
    }

    /// Reads one file; it need not be there. What others may have written allows nothing (S22).
    pub fn read(path: &Path) -> (Self, Vec<RuleError>) {
        match text_of(path) {
            Ok(text) if is_ours(path) => Self::parse(path, &text),
            Ok(text) => {
                let (rules, mut errors) = Self::parse(path, &text);
                let problem =
                    "others can write this file or its directory, so nothing is allowed by it; \
                               make them yours: chown, chmod o-w"
                        .to_owned();
                errors.push(RuleError { file: path.to_owned(), line: 1, column: 1, problem });
                (rules.that_tighten().0, errors)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Self::default(), vec![]),
            Err(error) => {
                let problem = format!("it cannot be read: {error}");
                let error = RuleError { file: path.to_owned(), line: 1, column: 1, problem };
                (Self::default(), vec![error])
            }
        }
    }
}

/// Whether the file and its directory belong to the person or to root, and nobody else may write there.
fn is_ours(path: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let is_ours = |path: &Path| {
        let metadata = fs::metadata(path);
        metadata.is_ok_and(|found| [0, own].contains(&found.uid()) && found.mode() & 0o002 == 0)
    };
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    is_ours(&path) && path.parent().is_none_or(is_ours)
}

fn text_of(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    // A pipe or a device would hold us up for ever.
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if found.len() > MOST_BYTES {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    String::from_utf8(fs::read(path)?).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// Appends a rule that allows what begins with `prefix` to the file at `path`, which is made when it is not there and
/// then begins with `heading`. Whoever reads the file meanwhile sees it with the rule or without.
///
/// # Errors
/// As the file system says; then the file is as it was.
pub(crate) fn append(path: &Path, heading: &str, prefix: &[String]) -> io::Result<Rule> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    // Two agents that append at once take turns.
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join(".lock"))?;
    lock.lock()?;
    // A link to where the person keeps it stays one.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut text = match text_of(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => format!("# {heading}\n"),
        Err(error) => return Err(error),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let line = 1 + text.matches('\n').count();
    text += &format!("prefix_rule(pattern=[{}], decision=\"allow\")\n", quoted(prefix));
    replace(path, &text)?;
    Ok(Rule {
        pattern: prefix.iter().map(|word| vec![word.clone()]).collect(),
        effect: Effect::Allow,
        justification: None,
        place: Place { file: Arc::new(path.clone()), line },
    })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::Builder::new().prefix(".rules").tempfile_in(dir)?;
    let mode = fs::metadata(path).map_or(0o600, |old| old.permissions().mode());
    new.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_data()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(dir)?.sync_all()
}

fn quoted(words: &[String]) -> String {
    let quoted = words.iter().map(|word| {
        let escaped = word.chars().map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            '\n' => "\\n".to_owned(),
            '\t' => "\\t".to_owned(),
            '\r' => "\\r".to_owned(),
            c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        });
        format!("\"{}\"", escaped.collect::<String>())
    });
    quoted.collect::<Vec<_>>().join(", ")
}
