//! What a process of a room does last: it becomes a program as a shell would start it, or does its job. Its confinement is
//! in place by then, or is what the program puts in place.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr, OsString, c_char};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{DirectoryId, Errand, NotStarted};
use crate::job::Job;

/// Where programs are looked for when the environment does not say.
const USUAL_PATH: &str = "/bin:/usr/bin";

/// What runs a program that is text and does not say what runs it.
const SHELL: &CStr = c"/bin/sh";

/// Nothing blocked, nothing ignored.
#[allow(unsafe_code)]
pub(super) fn usual_signals() {
    // SAFETY: no handler is installed; the set is initialised by the first call.
    unsafe {
        let mut none = std::mem::MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
}

/// Goes to where the errand is done.
pub(super) fn enter(errand: &Errand) -> Result<(), NotStarted> {
    let Errand { cwd, directory, .. } = errand;
    let failed = |error: io::Error| format!("the working directory {}: {error}", cwd.display());
    rustix::process::chdir(cwd).map_err(|error| failed(error.into()))?;
    let Some(expected) = directory else { return Ok(()) };
    // Asked from within: what becomes of the path now changes nothing.
    let is_same = DirectoryId::of(&std::fs::metadata(".").map_err(failed)?) == *expected
        && rustix::process::getcwd(vec![])
            .is_ok_and(|path| path.to_bytes() == cwd.as_os_str().as_bytes());
    let changed =
        || format!("{} is not the directory any more that was asked about", cwd.display());
    if is_same { Ok(()) } else { Err(changed().into()) }
}

/// A program with its arguments and its environment, as the kernel takes them.
pub(super) struct Program {
    name: OsString,
    /// What it may be called by, the first before the others.
    files: Vec<PathBuf>,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Program {
    /// `environment` is all it gets; of two values for a name the later counts.
    pub(super) fn new(
        arguments: &[OsString],
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, NotStarted> {
        let name = arguments.first().ok_or("an empty command line")?;
        let environment: BTreeMap<_, _> = environment.into_iter().collect();
        let pairs = environment
            .iter()
            .map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()));
        let words = arguments.iter().map(|word| CString::new(word.as_bytes()));
        let no_string = |error: std::ffi::NulError| NotStarted::from(error.to_string());
        Ok(Self {
            name: name.clone(),
            files: files_called(name, environment.get(OsStr::new("PATH"))),
            arguments: words.collect::<Result<_, _>>().map_err(no_string)?,
            environment: pairs.collect::<Result<_, _>>().map_err(no_string)?,
        })
    }

    /// Becomes the program. Returns only when it fails, why.
    ///
    /// Not the C library's `execvp`: it gives what is no program of this machine to a shell to read, and a directory that
    /// is closed to us makes it say that a program is there.
    pub(super) fn execute(&self) -> NotStarted {
        let errors: Vec<_> = self.files.iter().map(|file| self.replace(file)).collect();
        let is_path = self.name.as_bytes().contains(&b'/');
        let is_absent = |error: &io::Error| {
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        };
        let mut tried = self.files.iter().zip(errors);
        let refused = tried.find(|(file, error)| file.is_file() || (is_path && !is_absent(error)));
        let name = self.name.to_string_lossy();
        match refused {
            None => NotStarted::NotFound(format!("{name}: there is no such program")),
            Some((_, error)) if error.kind() == ErrorKind::NotFound => NotStarted::NotExecutable(
                format!("{name}: what it names to be run by is not there"),
            ),
            Some((_, error)) => NotStarted::NotExecutable(format!("{name}: {error}")),
        }
    }

    /// Becomes what is in this file. Returns only when it fails, why.
    fn replace(&self, file: &Path) -> io::Error {
        let Ok(name) = CString::new(file.as_os_str().as_bytes()) else {
            return ErrorKind::InvalidInput.into();
        };
        let error = self.replace_by(&name, &self.arguments);
        if error.raw_os_error() != Some(libc::ENOEXEC) || !is_text(file) {
            return error;
        }
        let read = [SHELL.to_owned(), name];
        let rest = self.arguments.iter().skip(1).cloned();
        self.replace_by(SHELL, &read.into_iter().chain(rest).collect::<Vec<_>>())
    }

    #[allow(unsafe_code)]
    fn replace_by(&self, file: &CStr, arguments: &[CString]) -> io::Error {
        let (words, pairs) = (pointers(arguments), pointers(&self.environment));
        // SAFETY: the arrays end with a null pointer; they and what they point to outlive the call.
        unsafe { libc::execve(file.as_ptr(), words.as_ptr(), pairs.as_ptr()) };
        io::Error::last_os_error()
    }
}

/// The files that a program's name may mean.
fn files_called(program: &OsStr, path: Option<&OsString>) -> Vec<PathBuf> {
    if program.is_empty() {
        return vec![];
    }
    if program.as_bytes().contains(&b'/') {
        return vec![program.into()];
    }
    let path = path.map_or(OsStr::new(USUAL_PATH), |path| path);
    std::env::split_paths(path).map(|directory| directory.join(program)).collect()
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// As shells tell it: nothing in its first line is zero.
fn is_text(file: &Path) -> bool {
    let mut start = Vec::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(80).read_to_end(&mut start));
    let mut first_line = start.split(|byte| *byte == b'\n').next().unwrap_or_default().iter();
    read.is_ok() && !start.starts_with(b"\x7fELF") && first_line.all(|byte| *byte != 0)
}

/// Does a job and prints its output. Returns the exit code.
pub(super) fn serve(job: Job) -> i32 {
    // Standard error is the journal of an edit: no fault of ours is to be written into it.
    std::panic::set_hook(Box::new(|_| {}));
    let output = std::panic::catch_unwind(|| job.perform());
    let print = |json: Vec<u8>| {
        let mut output = std::io::stdout();
        output.write_all(&json).and_then(|()| output.flush())
    };
    match output.map(|output| serde_json::to_vec(&output).map(print)) {
        Ok(Ok(printed)) => i32::from(printed.is_err()),
        _ => 101,
    }
}
