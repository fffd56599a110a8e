//! Rules on disk: read from directories of `.rules` files.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{Rules, parse};
use crate::files;

/// What is wrong with a file of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {problem}", file.display())]
pub struct RuleError {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
    pub problem: String,
}

impl RuleError {
    fn unreadable(path: &Path, error: &io::Error) -> Self {
        let problem = format!("it cannot be read: {error}");
        Self { file: path.to_owned(), line: 1, column: 1, problem }
    }
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
        let paths = match files::entries(dir) {
            Ok(paths) => paths,
            Err(error) => return (rules, vec![RuleError::unreadable(dir, &error)]),
        };
        let is_list = |path: &&PathBuf| path.extension().is_some_and(|end| end == "rules");
        for path in paths.iter().filter(is_list) {
            let (read, wrong) = Self::read(path);
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
            Err(error) => (Self::default(), vec![RuleError::unreadable(path, &error)]),
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

pub(super) fn text_of(path: &Path) -> io::Result<String> {
    let require_regular = |found: fs::Metadata| match found.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is not a regular file")),
    };
    // A pipe or a device would hold us up for ever, also one that takes the file's place after this look.
    require_regular(fs::metadata(path)?)?;
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = fs::File::options().read(true).custom_flags(flags).open(path)?;
    require_regular(file.metadata()?)?;
    let mut bytes = vec![];
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}
