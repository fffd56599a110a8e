//! One process at a time works on a thread: it holds a lock on the thread's log.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// The process that holds a file, as far as the system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}

/// Takes a file for this process, or says who has it.
///
/// # Errors
/// When the file system cannot lock.
pub(crate) fn take(file: &File) -> io::Result<Result<(), Holder>> {
    let begun = Instant::now();
    loop {
        let holder = match file.try_lock() {
            Ok(()) => return Ok(Ok(())),
            Err(TryLockError::WouldBlock) => Holder(holder_of(file)),
            Err(TryLockError::Error(error)) => return Err(error),
        };
        if holder.0.is_some() || begun.elapsed() > LET_GO {
            return Ok(Err(holder));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Of a process that was killed a child may be left that is just about to become another program, and holds the file
/// until then.
const LET_GO: Duration = Duration::from_millis(500);

/// Linux lists all locks, by the file's number within its device.
fn holder_of(file: &File) -> Option<u32> {
    let inode = file.metadata().ok()?.ino();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let mut holders = locks.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, place, ..] = fields.as_slice() else { return None };
        let (_, number) = place.rsplit_once(':')?;
        (number.parse() == Ok(inode)).then(|| pid.parse().ok())?
    });
    // On another device a file may have the same number; who is out of sight has none.
    let holder: u32 = holders.next()?;
    let is_alive = Path::new("/proc").join(holder.to_string()).exists();
    (is_alive && holders.next().is_none()).then_some(holder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let first = File::create(&path).unwrap();
        let second = File::open(&path).unwrap();
        assert_eq!(take(&first).unwrap(), Ok(()));
        let holder = take(&second).unwrap().unwrap_err();
        let expected = if cfg!(target_os = "linux") { Some(std::process::id()) } else { None };
        assert_eq!(holder, Holder(expected));
        drop(first);
        assert_eq!(take(&second).unwrap(), Ok(()));
    }
}
