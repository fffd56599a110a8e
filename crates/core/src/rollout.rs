//! A thread's append-only log on disk: one JSON object a line, a header first. Written before anything is acted
//! on or shown; what the lines mean is the folds' business.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use agent_protocol::{Header, ROLLOUT_FORMAT, Record};

use crate::holder::{self, Holder};
use crate::private::create_private_dir;

/// The open log of one thread. Its file is locked: nobody else appends to it.
#[derive(Debug)]
pub struct Rollout {
    file: File,
    path: PathBuf,
    line: Vec<u8>,
}

/// A rollout read back.
#[derive(Debug)]
pub struct Loaded {
    pub header: Header,
    pub records: Vec<Record>,
}

#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{}: line {line} is not a record: {message}", path.display())]
    Damaged { path: PathBuf, line: usize, message: String },
    #[error("{} is of format {format}; this version reads up to {ROLLOUT_FORMAT}", path.display())]
    TooNew { path: PathBuf, format: u32 },
    #[error("{holder} works on this thread: {}", path.display())]
    Locked { path: PathBuf, holder: Holder },
}

impl RolloutError {
    /// The log may be as good as ever; the disk or the system does not give it.
    pub fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Io { .. })
    }

    /// There is no log yet that anything could be in.
    pub fn begins_a_thread(&self) -> bool {
        matches!(self, Self::Io { what: MAKE | CREATE, .. })
    }

    /// The rollout.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::Damaged { path, .. }
            | Self::TooNew { path, .. }
            | Self::Locked { path, .. } => path,
        }
    }
}

const MAKE: &str = "make the directory";
const CREATE: &str = "create";

fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> RolloutError + 'a {
    move |source| RolloutError::Io { what, path: path.to_owned(), source }
}

/// For as long as the file is open.
fn hold(file: &File, path: &Path) -> Result<(), RolloutError> {
    holder::take(file)
        .map_err(io_error("lock", path))?
        .map_err(|holder| RolloutError::Locked { path: path.to_owned(), holder })
}

impl Rollout {
    /// Begins the log of a new thread in `threads_dir/<id>/rollout.jsonl`.
    ///
    /// # Errors
    /// When the directory or the file cannot be made or written.
    pub fn create(threads_dir: &Path, header: &Header) -> Result<Self, RolloutError> {
        let dir = threads_dir.join(&header.thread_id);
        create_private_dir(&dir).map_err(io_error(MAKE, &dir))?;
        let path = dir.join("rollout.jsonl");
        let mut options = OpenOptions::new();
        options.append(true).read(true).create_new(true).mode(0o600);
        let file = options.open(&path).map_err(io_error(CREATE, &path))?;
        hold(&file, &path)?;
        let mut rollout = Self { file, path, line: Vec::new() };
        rollout.write_line(header)?;
        Ok(rollout)
    }

    /// Opens the log of an earlier thread to go on with it. A torn last line, left by a crash, is set aside in
    /// `rollout.torn` beside it.
    ///
    /// # Errors
    /// When it cannot be read, is damaged before its end, is of a newer format, or somebody else has it open.
    pub fn open(path: &Path) -> Result<(Self, Loaded), RolloutError> {
        let mut file = OpenOptions::new()
            .append(true)
            .read(true)
            .open(path)
            .map_err(io_error("open", path))?;
        hold(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io_error("read", path))?;
        let (loaded, whole) = parse(path, &bytes)?;
        if whole < bytes.len() {
            let torn = path.with_extension("torn");
            let mut options = OpenOptions::new();
            options.create(true).append(true).mode(0o600);
            let mut aside = options.open(&torn).map_err(io_error("open", &torn))?;
            aside.write_all(&bytes[whole..]).map_err(io_error("write", &torn))?;
            file.set_len(whole as u64).map_err(io_error("shorten", path))?;
            file.seek(io::SeekFrom::End(0)).map_err(io_error("read", path))?;
        }
        Ok((Self { file, path: path.to_owned(), line: Vec::new() }, loaded))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one record with a single write.
    ///
    /// # Errors
    /// When it cannot be written; the thread must then stop.
    pub fn append(&mut self, record: &Record) -> Result<(), RolloutError> {
        self.write_line(record)
    }

    fn write_line(&mut self, value: &impl serde::Serialize) -> Result<(), RolloutError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)
            .map_err(|error| io_error("write", &self.path)(io::Error::other(error)))?;
        self.line.push(b'\n');
        let whole = self.file.metadata().map(|metadata| metadata.len());
        let written = self.file.write_all(&self.line);
        if written.is_err() {
            // A full disk may have taken half of the line; what comes later must not be glued to it.
            if let Ok(len) = whole {
                let _ = self.file.set_len(len);
            }
        }
        written.map_err(io_error("write", &self.path))
    }

    /// Returns when all that was appended is on the disk.
    ///
    /// # Errors
    /// As the disk says; the thread must then stop.
    pub fn sync(&self) -> Result<(), RolloutError> {
        self.file.sync_data().map_err(io_error("sync", &self.path))
    }
}

/// Reads a rollout without touching or locking it.
///
/// # Errors
/// When it cannot be read, is damaged before its end, or is of a newer format.
pub fn read_rollout(path: &Path) -> Result<Loaded, RolloutError> {
    let bytes = std::fs::read(path).map_err(io_error("read", path))?;
    parse(path, &bytes).map(|(loaded, _)| loaded)
}

/// Reads only the first line.
///
/// # Errors
/// As [`read_rollout`].
pub fn read_header(path: &Path) -> Result<Header, RolloutError> {
    let file = File::open(path).map_err(io_error("open", path))?;
    let mut line = String::new();
    io::BufRead::read_line(&mut io::BufReader::new(file), &mut line)
        .map_err(io_error("read", path))?;
    read_first_line(path, line.as_bytes())
}

/// The first line, or what is wanted of it. What is of a newer format may be of any shape.
pub(crate) fn read_first_line<T: serde::de::DeserializeOwned>(
    path: &Path,
    line: &[u8],
) -> Result<T, RolloutError> {
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }
    let damaged = |error: serde_json::Error| RolloutError::Damaged {
        path: path.to_owned(),
        line: 1,
        message: error.to_string(),
    };
    let version: Version = serde_json::from_slice(line).map_err(damaged)?;
    if version.format > ROLLOUT_FORMAT {
        return Err(RolloutError::TooNew { path: path.to_owned(), format: version.format });
    }
    serde_json::from_slice(line).map_err(damaged)
}

/// The records, and how many bytes of the file are whole lines. Only what follows the last line break may be torn.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Loaded, usize), RolloutError> {
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |position| position + 1);
    let mut lines = bytes[..whole].split(|&byte| byte == b'\n').enumerate();
    let header = read_first_line(path, lines.next().map(|(_, line)| line).unwrap_or_default())?;
    let mut records = Vec::new();
    for (index, line) in lines {
        if line.is_empty() {
            continue;
        }
        records.push(serde_json::from_slice(line).map_err(|error| RolloutError::Damaged {
            path: path.to_owned(),
            line: index + 1,
            message: error.to_string(),
        })?);
    }
    Ok((Loaded { header, records }, whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_protocol::Event;

    fn header() -> Header {
        Header {
            format: ROLLOUT_FORMAT,
            thread_id: "t".into(),
            created_at: "2026-11-24T10:00:00Z".into(),
            agent_version: "0".into(),
            cwd: "/".into(),
            provider: "p".into(),
            model: "m".into(),
            forked_from: None,
            instructions: "i".into(),
            tools: vec![],
        }
    }

    fn error(message: &str) -> Record {
        let event = Event::Error { message: message.into() };
        Record { seq: Some(1), at: "now".into(), event, wire: vec![] }
    }

    #[test]
    fn r1_cut_at_any_byte_it_still_reads_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut rollout = Rollout::create(dir.path(), &header()).unwrap();
        let path = rollout.path().to_owned();
        for text in ["one", "two\nlines", "thrée"] {
            rollout.append(&error(text)).unwrap();
        }
        drop(rollout);
        let whole = std::fs::read(&path).unwrap();
        let header_len = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for cut in header_len..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut rollout, loaded) = Rollout::open(&path).unwrap();
            let expected = whole[header_len..cut].iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(loaded.records.len(), expected);
            rollout.append(&error("later")).unwrap();
            drop(rollout);
            assert_eq!(read_rollout(&path).unwrap().records.len(), expected + 1);
        }
    }

    #[test]
    fn r4_a_second_process_is_refused_and_so_is_a_newer_format() {
        let dir = tempfile::tempdir().unwrap();
        let rollout = Rollout::create(dir.path(), &header()).unwrap();
        assert!(matches!(Rollout::open(rollout.path()), Err(RolloutError::Locked { .. })));
        let path = rollout.path().to_owned();
        drop(rollout);
        std::fs::write(&path, "{\"format\":999,\"shape\":\"unknown\"}\n").unwrap();
        assert!(matches!(Rollout::open(&path), Err(RolloutError::TooNew { format: 999, .. })));
    }

    #[test]
    fn s22_directories_and_files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let rollout = Rollout::create(&dir.path().join("state/threads"), &header()).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(rollout.path()), 0o600);
        assert_eq!(mode(rollout.path().parent().unwrap()), 0o700);
        assert_eq!(mode(&dir.path().join("state")), 0o700);
    }
}
