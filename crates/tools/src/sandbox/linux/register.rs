//! The rooms that run for this person, in whatever world, and what each has remembered. A room that begins meanwhile goes
//! by that: what it finds itself may be what a command has just left there, to be put back when that one has ended.

use std::cell::Cell;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{MemfdFlags, memfd_create};

/// Whoever has locked this byte of the file may look for others and begin; the kernel unlocks it should that one die.
const TURN: i64 = 0;
/// Those behind it are locked by a running room each.
const PLACES: i64 = 250;
/// Bytes of the file for what one room remembers.
const MOST: u64 = 64 << 20;
/// Bytes that may lie there for nobody.
const LARGE: u64 = 4 << 20;

pub(super) struct Register {
    file: File,
    /// That of this room.
    place: Cell<Option<i64>>,
}

impl Register {
    /// In a file at `path`, that the other worlds open too; without one, or where it cannot be had, only for one world.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let file = match path.map(open) {
            Some(Ok(file)) => file,
            _ => File::from(memfd_create("rooms", MemfdFlags::CLOEXEC)?),
        };
        Ok(Self { file, place: Cell::new(None) })
    }

    /// From here on this room counts as running. What it remembers is made, as a value and as bytes, from what those have
    /// remembered that run by now.
    pub(super) fn enter<T>(&self, remember: impl FnOnce(Vec<Vec<u8>>) -> (T, Vec<u8>)) -> T {
        let turn = self.take_turn();
        let places = self.taken();
        if places.is_empty() && self.place.get().is_none() && self.is_large() {
            let _ = self.file.set_len(0);
        }
        let records = places.iter().filter_map(|place| self.record(*place)).collect();
        let (value, record) = remember(records);
        let place = self.place.get().or_else(|| (1..=PLACES).find(|place| !places.contains(place)));
        if let Some(place) = place
            && self.keep(place, &record).is_ok()
            && self.lock(libc::F_SETLK, libc::F_WRLCK, place, 1).is_ok()
        {
            self.place.set(Some(place));
        }
        drop(turn);
        value
    }

    /// Nobody goes by this room any more. What it remembered lies there until another takes its place: to free what a file
    /// takes on a disk takes longer than all else here.
    pub(super) fn leave(&self) {
        if let Some(place) = self.place.take() {
            let _ = self.lock(libc::F_SETLK, libc::F_UNLCK, place, 1);
        }
    }

    fn is_large(&self) -> bool {
        self.file.metadata().is_ok_and(|found| found.blocks() * 512 > LARGE)
    }

    fn take_turn(&self) -> impl Drop {
        struct Turn<'a>(&'a Register);
        impl Drop for Turn<'_> {
            fn drop(&mut self) {
                let _ = self.0.lock(libc::F_SETLK, libc::F_UNLCK, TURN, 1);
            }
        }
        while self
            .lock(libc::F_SETLKW, libc::F_WRLCK, TURN, 1)
            .is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
        {}
        Turn(self)
    }

    /// The places of other rooms.
    fn taken(&self) -> Vec<i64> {
        let (mut taken, mut open) = (vec![], vec![(1, PLACES)]);
        while let Some((first, count)) = open.pop().filter(|(_, count)| *count > 0) {
            let Some((from, length)) = self.first_locked(first, count) else { continue };
            let end = (from + length).min(first + count);
            taken.extend(from.max(first)..end);
            open.push((end, first + count - end));
            open.push((first, from - first));
        }
        taken
    }

    /// Some of others' that lie there.
    fn first_locked(&self, first: i64, count: i64) -> Option<(i64, i64)> {
        let found = self.lock(libc::F_GETLK, libc::F_WRLCK, first, count).ok()?;
        (i32::from(found.l_type) != libc::F_UNLCK).then_some((found.l_start, found.l_len))
    }

    #[allow(unsafe_code)]
    fn lock(&self, command: i32, kind: i32, first: i64, count: i64) -> io::Result<libc::flock> {
        // SAFETY: all-zero bytes are a valid structure, which outlives the call.
        unsafe {
            let mut lock: libc::flock = std::mem::zeroed();
            lock.l_type = kind as libc::c_short;
            lock.l_whence = libc::SEEK_SET as libc::c_short;
            (lock.l_start, lock.l_len) = (first, count);
            match libc::fcntl(self.file.as_raw_fd(), command, &raw mut lock) {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(lock),
            }
        }
    }

    fn record(&self, place: i64) -> Option<Vec<u8>> {
        let mut length = [0; 8];
        self.file.read_exact_at(&mut length, offset(place)).ok()?;
        let length = u64::from_ne_bytes(length);
        let mut record = vec![0; usize::try_from(length).ok().filter(|_| length < MOST)?];
        self.file.read_exact_at(&mut record, offset(place) + 8).ok()?;
        Some(record)
    }

    fn keep(&self, place: i64, record: &[u8]) -> io::Result<()> {
        if record.len() as u64 >= MOST - 8 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let bytes = [&(record.len() as u64).to_ne_bytes(), record].concat();
        without_being_ended(|| self.file.write_all_at(&bytes, offset(place)))
    }
}

fn offset(place: i64) -> u64 {
    place.unsigned_abs() * MOST
}

/// Nobody else's, and nobody else's to write to.
fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let found: fs::Metadata = file.metadata()?;
    let is_own = found.is_file() && found.uid() == rustix::process::geteuid().as_raw();
    if is_own && found.mode() & 0o077 == 0 && found.nlink() == 1 {
        return Ok(file);
    }
    Err(io::ErrorKind::PermissionDenied.into())
}

/// By the signal for files that become longer than a limit of the person's allows.
#[allow(unsafe_code)]
fn without_being_ended<T>(write: impl FnOnce() -> T) -> T {
    // SAFETY: all sets are initialised before they are used, and outlive the calls.
    unsafe {
        let (mut signal, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigemptyset(&raw mut signal);
        libc::sigaddset(&raw mut signal, libc::SIGXFSZ);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const signal, &raw mut before);
        let written = write();
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        libc::sigtimedwait(&raw const signal, std::ptr::null_mut(), &raw const at_once);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::linux::{Forked, fork};
    use std::io::{Read as _, Write as _};

    #[test]
    fn a_room_goes_by_what_those_remember_that_run_and_by_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/rooms");
        let (mut began, mut begun) = io::pipe().unwrap();
        let (mut ends, end) = io::pipe().unwrap();
        let register = Register::open(Some(&path)).unwrap();
        let child = match fork().unwrap() {
            Forked::Child => {
                drop(end);
                register.enter(|_| ((), b"first".to_vec()));
                begun.write_all(b"x").unwrap();
                let _ = ends.read(&mut [0]);
                // As if it had been killed.
                crate::sandbox::linux::room::leave(0)
            }
            Forked::Parent(pid) => pid,
        };
        began.read_exact(&mut [0]).unwrap();
        let others = Register::open(Some(&path)).unwrap();
        let found = others.enter(|records| (records, b"second".to_vec()));
        assert_eq!(found, [b"first"]);
        // What oneself remembers is nobody else's.
        assert_eq!(others.enter(|records| (records, vec![])), [b"first"]);
        others.leave();
        drop(end);
        let child = rustix::process::Pid::from_raw(child.cast_signed());
        rustix::process::waitpid(child, rustix::process::WaitOptions::empty()).unwrap();
        assert!(others.enter(|records| (records, vec![])).is_empty());
    }
}
