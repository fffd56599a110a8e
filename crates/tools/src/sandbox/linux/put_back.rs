//! Puts back what a command was not to change. What is in its place by then is laid aside, not deleted: it may be the
//! person's own, who works on while commands run. The person's old file is safe on the disk before that is touched.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FallocateFlags, RenameFlags, fallocate, renameat_with};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::closed::Opened;
use super::state::{MAX_FILE, State, now};

/// Bytes of a name that are left of it when it is laid aside.
const MOST_OF_NAME: usize = 200;
/// Bytes of a text that is told when there is no other place for it.
const MOST_TOLD: usize = 64 << 10;

/// Something to be put back.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    pub(super) to: State,
    /// The directory where what is there now can lie and mean nothing.
    pub(super) aside: PathBuf,
}

/// What became of what was there.
enum Done {
    NothingWasThere,
    LaidAside(PathBuf),
    /// It was the same, with other names.
    Parted,
    /// There was no room for both.
    Lost(Vec<u8>, io::Error),
    /// There was no room for what is to be there, and it is now aside.
    TakenAway(io::Error),
}

/// A limit of the person's shell ends whoever passes it, unless it is told otherwise.
#[allow(unsafe_code)]
pub(super) fn beyond_limits() {
    let limit = getrlimit(Resource::Fsize);
    let _ = setrlimit(Resource::Fsize, Rlimit { current: limit.maximum, ..limit });
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

impl Change {
    /// Does it, and says what was done. What is below one of the `secrets` is not told.
    pub(super) fn put_back(&self, secrets: &[PathBuf]) -> String {
        let path = self.path.display();
        let because = "it could make code run outside the sandbox";
        let opened = Opened::on_the_way_to(&self.path);
        let done = match &self.to {
            State::Absent | State::Other(..) => self.lay_aside(),
            _ => self.replace().or_else(|error| self.without_room(error)),
        };
        drop(opened);
        match (done, &self.to) {
            (Ok(Done::LaidAside(aside)), State::Other(..)) => {
                let aside = aside.display();
                format!(
                    "could not put back {path}, which was too big to be remembered or closed: {because}; what was there is now {aside}"
                )
            }
            (Ok(Done::NothingWasThere), State::Other(..)) => format!(
                "could not put back {path}, which was too big to be remembered or closed: nothing is there now"
            ),
            (Ok(Done::LaidAside(aside)), State::Absent) => {
                let aside = aside.display();
                format!("took away {path}, which was not there: {because}; it is now {aside}")
            }
            (Ok(Done::LaidAside(aside)), _) => {
                let aside = aside.display();
                format!("put back {path}: {because}; what was there is now {aside}")
            }
            (Ok(Done::Parted), _) => {
                format!("parted {path} from its other names: by those, {because}")
            }
            (Ok(Done::NothingWasThere), State::Absent) => {
                format!("{path} is gone, which was not there before: {because}")
            }
            (Ok(Done::NothingWasThere), _) => {
                format!("put back {path}: without it, code could run outside the sandbox")
            }
            (Ok(Done::Lost(was, error)), _) => format!(
                "put back {path}: {because}; what was there could not be kept ({error}){}",
                self.told(&was, secrets)
            ),
            (Ok(Done::TakenAway(error)), _) => format!(
                "could not put back {path} ({error}): {because}, and nothing is there now{}",
                self.told(self.old_bytes(), secrets)
            ),
            (Err(error), _) => format!("could not put back {path}: {because} ({error})"),
        }
    }

    fn replace(&self) -> io::Result<Done> {
        let new = self.name_beside();
        let done = self.write_beside(&new).and_then(|()| self.exchange(&new));
        if done.is_err() {
            let _ = clear(&new);
        }
        done
    }

    fn write_beside(&self, new: &Path) -> io::Result<()> {
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent)?;
        }
        self.to.write_new(new)
    }

    /// Puts what lies at `new` in its place.
    fn exchange(&self, new: &Path) -> io::Result<Done> {
        if !is_there(&self.path)? {
            fs::rename(new, &self.path)?;
            self.sync();
            return Ok(Done::NothingWasThere);
        }
        if self.to.parted(&State::of(&self.path)).as_ref() == Some(&self.to) {
            fs::rename(new, &self.path)?;
            self.sync();
            return Ok(Done::Parted);
        }
        forbid_execution(&self.path);
        let done = match renameat_with(CWD, new, CWD, &self.path, RenameFlags::EXCHANGE) {
            Ok(()) => Done::LaidAside(self.farther(new.to_owned())),
            // Not every file system can.
            Err(_) => {
                let done = self.lay_aside()?;
                fs::rename(new, &self.path)?;
                done
            }
        };
        self.sync();
        Ok(done)
    }

    /// The names of the directory, too, are safe on the disk; unless that cannot be had.
    fn sync(&self) {
        let parent = self.path.parent().map(File::open);
        let _ = parent.and_then(Result::ok).map(|parent| parent.sync_all());
    }

    /// Under a name that nobody looks for, and that cannot be executed.
    fn lay_aside(&self) -> io::Result<Done> {
        if !is_there(&self.path)? {
            return Ok(Done::NothingWasThere);
        }
        forbid_execution(&self.path);
        let beside = self.name_beside();
        match fs::rename(&self.path, &beside) {
            Err(error) if error.raw_os_error() == Some(libc::ENAMETOOLONG) => {
                self.rename_within(&beside)?;
                Ok(Done::LaidAside(beside))
            }
            renamed => renamed.map(|()| Done::LaidAside(self.farther(beside))),
        }
    }

    /// Where the new path is too long, and the names are not.
    fn rename_within(&self, beside: &Path) -> io::Result<()> {
        let parent = self.path.parent().map(File::open).transpose()?;
        let names = self.path.file_name().zip(beside.file_name());
        let ((old, new), parent) = names.zip(parent).ok_or(Errno::INVAL)?;
        Ok(renameat_with(&parent, old, &parent, new, RenameFlags::NOREPLACE)?)
    }

    /// From beside its place, out of a directory where its name may still mean something, if that can be.
    fn farther(&self, beside: PathBuf) -> PathBuf {
        let aside = self.name_in(&self.aside);
        let has_other_names =
            fs::symlink_metadata(&beside).is_ok_and(|found| found.is_file() && found.nlink() > 1);
        if !has_other_names && fs::rename(&beside, &aside).is_ok() {
            return aside;
        }
        // Before Linux 5.19, the walls let nothing be moved to another directory. And what has other names is still
        // executed by them.
        let copy = match State::of(&beside) {
            State::File { bytes, mode, .. } => State::file(bytes, mode & 0o666),
            other => other,
        };
        match copy.write_new(&aside) {
            Ok(()) => clear(&beside).map_or(beside, |()| aside),
            Err(_) => {
                let _ = clear(&aside);
                beside
            }
        }
    }

    /// What of the person's is to be there comes first, then that nothing of the command's is.
    fn without_room(&self, error: io::Error) -> io::Result<Done> {
        if let Ok(was) = self.write_over() {
            return Ok(Done::Lost(was, error));
        }
        match self.lay_aside() {
            Ok(_) => Ok(Done::TakenAway(error)),
            Err(_) => {
                let file = self.open()?;
                file.set_len(0)?;
                Ok(Done::TakenAway(error))
            }
        }
    }

    /// In the place that what is there now takes up. Returns what that was.
    fn write_over(&self) -> io::Result<Vec<u8>> {
        let State::File { bytes, mode, .. } = &self.to else { return Err(Errno::ISDIR.into()) };
        let (file, size) = (self.open()?, bytes.len() as u64);
        let found = file.metadata()?;
        if found.nlink() > 1 || found.len() > MAX_FILE {
            return Err(Errno::FBIG.into());
        }
        let mut was = Vec::new();
        (&file).read_to_end(&mut was)?;
        match fallocate(&file, FallocateFlags::KEEP_SIZE, 0, size.max(1)) {
            Err(Errno::OPNOTSUPP) if size <= found.len() => {}
            reserved => reserved?,
        }
        file.write_all_at(bytes, 0)?;
        file.set_len(size)?;
        file.set_permissions(fs::Permissions::from_mode(*mode))?;
        file.sync_all()?;
        Ok(was)
    }

    /// What is there, if it is a file.
    fn open(&self) -> io::Result<File> {
        let found = fs::symlink_metadata(&self.path)?;
        if !found.is_file() {
            return Err(Errno::INVAL.into());
        }
        let mode = (found.mode() & 0o7777) | 0o600;
        let _ = set_mode(&self.path, mode);
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        File::options().read(true).write(true).custom_flags(flags).open(&self.path)
    }

    fn old_bytes(&self) -> &[u8] {
        match &self.to {
            State::File { bytes, .. } => bytes,
            _ => &[],
        }
    }

    /// A text that would be lost otherwise. Any command could have read it, unless it is a secret.
    fn told(&self, bytes: &[u8], secrets: &[PathBuf]) -> String {
        let is_secret = secrets.iter().any(|secret| self.path.starts_with(secret));
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_empty() && text.len() <= MOST_TOLD && !is_secret => {
                format!("; it said:\n{text}")
            }
            _ => String::new(),
        }
    }

    /// Git takes it for no hook.
    fn name_beside(&self) -> PathBuf {
        let name = self.name_in(self.path.parent().unwrap_or(&self.aside));
        let mut name = name.into_os_string();
        name.push(".sample");
        name.into()
    }

    fn name_in(&self, directory: &Path) -> PathBuf {
        loop {
            let name = self.path.file_name().unwrap_or(OsStr::new("root")).as_bytes();
            let mut name = OsStr::from_bytes(&name[..name.len().min(MOST_OF_NAME)]).to_owned();
            name.push(format!(".aside-{}", now()));
            let path = directory.join(name);
            if fs::symlink_metadata(&path).is_err() {
                return path;
            }
        }
    }
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// What cannot be looked at may be there.
fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// By none of its names, of which there must be no other.
fn forbid_execution(path: &Path) {
    let Ok(found) = fs::symlink_metadata(path) else { return };
    if found.is_file() && found.nlink() == 1 {
        let _ = set_mode(path, found.mode() & 0o666);
    }
}

fn clear(path: &Path) -> io::Result<()> {
    let is_directory = fs::symlink_metadata(path)?.is_dir();
    if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &Path) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_file())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                let name = name.split(".aside-").next().unwrap().to_owned();
                (name, fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn only_what_changed_is_put_back_and_nothing_is_lost() {
        let place = tempfile::tempdir().unwrap();
        let (place, own) = (place.path(), place.path().join("own"));
        fs::create_dir(&own).unwrap();
        for number in 0..700 {
            fs::write(own.join(format!("{number}")), "own").unwrap();
        }
        let before = State::of(&own);
        fs::write(own.join("7"), "other").unwrap();
        fs::write(own.join("new"), "new").unwrap();
        fs::remove_file(own.join("8")).unwrap();
        let changes = before.changes_at(&own, place);
        assert_eq!(changes.len(), 3);
        for change in changes {
            assert!(!change.put_back(&[]).starts_with("could not"));
        }
        assert!(State::of(&own) == before);
        let kept = [("7", "other"), ("new", "new")];
        assert_eq!(files(place), kept.map(|(name, text)| (name.into(), text.into())));
    }

    #[test]
    fn what_was_too_big_to_be_remembered_is_laid_aside_and_said() {
        let place = tempfile::tempdir().unwrap();
        let big = place.path().join("big");
        fs::File::create(&big).unwrap().set_len(MAX_FILE + 1).unwrap();
        let before = State::of(&big);
        assert!(before.changes_at(&big, place.path()).is_empty());
        fs::write(&big, "other").unwrap();
        let change = before.changes_at(&big, place.path()).remove(0);
        let said = change.put_back(&[]);
        assert!(said.starts_with("could not put back") && said.contains(".aside-"), "{said}");
        assert_eq!(files(place.path()), [("big".into(), "other".into())]);
        assert!(!big.exists());
        let said = change.put_back(&[]);
        assert!(said.ends_with("nothing is there now"), "{said}");
    }

    #[test]
    fn what_was_to_be_taken_away_and_is_gone_already_is_not_said_to_be_there() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("gone");
        let change = Change { to: State::Absent, aside: place.path().to_owned(), path };
        let said = change.put_back(&[]);
        assert!(said.contains("is gone") && !said.contains("put back"), "{said}");
    }

    #[test]
    fn what_has_a_name_or_a_path_that_can_be_no_longer_is_laid_aside_all_the_same() {
        let place = tempfile::tempdir().unwrap();
        let mut path = place.path().canonicalize().unwrap();
        while path.as_os_str().len() < 4_096 - 2 * 201 {
            path.push("d".repeat(200));
        }
        path.push("e".repeat(4_096 - 1 - 6 - path.as_os_str().len()));
        fs::create_dir_all(&path).unwrap();
        for path in [path.join(".git"), place.path().join("n".repeat(255))] {
            fs::write(&path, "other").unwrap();
            let change =
                Change { to: State::Absent, aside: path.parent().unwrap().to_owned(), path };
            let said = change.put_back(&[]);
            assert!(said.starts_with("took away") && !change.path.exists(), "{said}");
        }
    }

    #[test]
    fn what_is_put_back_below_closed_directories_leaves_them_closed() {
        let place = tempfile::tempdir().unwrap();
        let (outer, inner) = (place.path().join("a"), place.path().join("a/b"));
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), "other").unwrap();
        for (directory, mode) in [(&inner, 0o500), (&outer, 0o600)] {
            set_mode(directory, mode).unwrap();
        }
        let to = State::file(b"own".into(), 0o644);
        let change = Change { path: inner.join("file"), to, aside: inner.clone() };
        let said = change.put_back(&[]);
        assert!(said.contains("what was there is now"), "{said}");
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&outer), 0o600);
        set_mode(&outer, 0o700).unwrap();
        assert_eq!(mode(&inner), 0o500);
        assert_eq!(fs::read_to_string(inner.join("file")).unwrap(), "own");
        set_mode(&inner, 0o700).unwrap();
    }
}
