//! How the tools that look at files open them: never a FIFO, socket or device (R16), and with a message the model
//! can act on when it does not work. Nothing here writes.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::retry_on_intr;

/// Opens a regular file for reading.
///
/// # Errors
/// A sentence naming `path` when there is no such file, it may not be read, or it is something else.
pub(crate) fn open_regular(path: &Path) -> Result<(File, Metadata), String> {
    let say = |error: io::Error| format!("{}: {}", path.display(), trouble(&error));
    // Looked at before it is opened, since opening alone does something to some devices; and again afterwards.
    regular(path, &path.metadata().map_err(say)?)?;
    open(path, OFlags::empty())
}

/// Opens what a directory lists as a regular file. Without the look beforehand, which doubles the time of many files;
/// whatever takes the file's place meanwhile is opened without an effect, but for a device.
///
/// # Errors
/// As [`open_regular`]'s.
pub(crate) fn open_listed(path: &Path) -> Result<(File, Metadata), String> {
    open(path, OFlags::NOFOLLOW)
}

fn open(path: &Path, more: OFlags) -> Result<(File, Metadata), String> {
    let say = |error: io::Error| format!("{}: {}", path.display(), trouble(&error));
    let flags = more | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open = || rustix::fs::open(path, flags, Mode::empty());
    let file = File::from(retry_on_intr(open).map_err(|errno| say(errno.into()))?);
    let metadata = file.metadata().map_err(say)?;
    regular(path, &metadata)?;
    Ok((file, metadata))
}

/// The paths in a directory, sorted; none where there is no directory of this name.
///
/// # Errors
/// When it cannot be read to its end: half of what is there must not be taken for all of it.
pub fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = loop {
        match std::fs::read_dir(dir) {
            Ok(entries) => break entries,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(error),
        }
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Where something that is open lies, without links; none when that cannot be found out.
#[cfg(not(target_os = "macos"))]
pub fn real_path(open: impl AsFd) -> Option<PathBuf> {
    use std::os::fd::AsRawFd as _;
    std::fs::read_link(format!("/proc/self/fd/{}", open.as_fd().as_raw_fd())).ok()
}

/// Where something that is open lies, without links; none when that cannot be found out.
#[cfg(target_os = "macos")]
pub fn real_path(open: impl AsFd) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = rustix::fs::getpath(open).ok()?;
    Some(std::ffi::OsString::from_vec(path.into_bytes()).into())
}

fn regular(path: &Path, metadata: &Metadata) -> Result<(), String> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = if metadata.is_dir() {
        "a directory"
    } else {
        "not a regular file (a pipe, socket or device)"
    };
    Err(format!("{} is {kind}", path.display()))
}

/// What went wrong, in words; the two commonest are the model's own to mend.
pub(crate) fn trouble(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied (by the file's mode or by the sandbox)".to_owned()
        }
        io::ErrorKind::NotADirectory => "a part of this path is not a directory".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "this is read-only here".to_owned(),
        _ => error.to_string(),
    }
}

/// `path` seen from `cwd`, without `.` and, as far as it exists, without links and `..`: what a person is shown
/// and the policy judges.
pub(crate) fn resolved(cwd: &Path, path: &Path) -> PathBuf {
    let path = cwd.join(path);
    std::fs::canonicalize(&path).unwrap_or_else(|_| plain(&path))
}

/// `path` without `.` and `..`, by its letters alone.
pub(crate) fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
        plain
    })
}

/// A file name or path as one line of text: what is not UTF-8 or would break the line is shown as a mark.
pub(crate) fn one_line(name: &Path) -> String {
    let name = name.to_string_lossy();
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `1 line`, `2 lines`, `more than 9 lines`: a number and what it counts.
pub(crate) fn count(number: &str, one: &str) -> String {
    let many = match one.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if one.ends_with("ch") => format!("{one}es"),
        None => format!("{one}s"),
    };
    format!("{number} {}", if number == "1" { one } else { &many })
}

/// The start of `text`, at most `max` bytes, never half a character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r16_only_regular_files_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, Mode::RWXU, 0)
            .unwrap();
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&fifo, &socket, Path::new("/dev/zero")] {
            assert!(open_regular(path).unwrap_err().contains("not a regular file"));
            // A socket cannot be opened at all.
            assert!(open_listed(path).is_err());
        }
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert!(open_regular(&link).is_ok() && open_listed(&file).is_ok());
        assert!(open_listed(&link).is_err(), "it was a file when it was listed");
        assert!(open_regular(dir.path()).unwrap_err().ends_with("is a directory"));
        let missing = open_regular(&dir.path().join("missing")).unwrap_err();
        assert!(missing.ends_with("missing: no such file or directory"), "{missing}");
    }

    #[test]
    fn a_path_is_made_plain_by_its_letters() {
        for (path, expected) in [("/a/./b/../c", "/a/c"), ("/../a", "/a"), ("a/..", "")] {
            assert_eq!(plain(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn a_cut_never_halves_a_character() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("a", 9), "a");
    }
}
