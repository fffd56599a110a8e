//! The rooms that run for this person, in whatever world, and what each has remembered. A room that begins meanwhile goes
//! by that: what it finds itself may be what a command has just left there, to be put back when that one has ended.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, memfd_create};

use super::state::now;

/// Whoever has locked this byte of the file may look for others and begin; the kernel unlocks it should that one die.
const TURN: i64 = 0;
/// Where it is said when a command began or ended last.
const CHANGED: u64 = 8;
/// Those behind it are locked by a room each: for nobody else to be there when it runs, and for nobody to be alone there
/// when it only expects to.
const PLACES: i64 = 250;
/// Bytes of the file for what one room remembers.
const MOST: u64 = 64 << 20;
/// Bytes that may lie there for nobody.
const LARGE: u64 = 4 << 20;
/// How long a room waits for the others that begin, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_millis(5);

pub(super) struct Register {
    /// Of the world.
    file: File,
    /// The same, opened anew: locks are a description's, and stay whatever else of the file is closed.
    own: OnceCell<File>,
    /// That of this room.
    place: Cell<Option<i64>>,
    /// Its command has begun.
    runs: Cell<bool>,
}

/// How a room is in the register.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stay {
    /// Nobody goes by it yet: all is still the person's.
    Expects,
    Runs,
}

impl Stay {
    /// Of the lock on its place.
    fn kind(self) -> i32 {
        match self {
            Self::Expects => libc::F_RDLCK,
            Self::Runs => libc::F_WRLCK,
        }
    }
}

/// What a room leaves: all that it remembers or, where that is too much to be kept, as much as says that it runs.
pub(super) struct Records {
    pub(super) full: Vec<u8>,
    pub(super) short: Vec<u8>,
}

impl Register {
    /// In a file at `path`, that the other worlds open too; without one, or where it cannot be had, only for one world.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let file = match path.map(open) {
            Some(Ok(file)) if has_locks(&file) => file,
            _ => File::from(memfd_create("rooms", MemfdFlags::CLOEXEC)?),
        };
        Ok(Self { file, own: OnceCell::new(), place: Cell::new(None), runs: Cell::new(false) })
    }

    /// From here on this room counts as running, or as one that will. What it remembers is made, as a value and as bytes, from what those have
    /// remembered that run by now; of some nothing may be known but that they do.
    ///
    /// # Errors
    /// When another room takes too long over it, or no place is left.
    pub(super) fn enter<T>(
        &self,
        stay: Stay,
        remember: impl FnOnce(Vec<Option<Vec<u8>>>) -> (T, Records),
    ) -> io::Result<T> {
        let turn = self.take_turn()?;
        let places = self.taken()?;
        if places.is_empty() && self.place.get().is_none() && self.is_large() {
            let _ = self.own()?.set_len(offset(1));
        }
        let running = places.iter().filter(|(_, stay)| **stay == Stay::Runs);
        let records = running.map(|(place, _)| self.record(*place)).collect();
        let is_free = |place: &i64| !places.contains_key(place);
        let place = self.place.get().or_else(|| (1..=PLACES).find(is_free));
        let place = place.ok_or_else(|| io::Error::other("too many commands run at one time"))?;
        self.lock(libc::F_OFD_SETLK, stay.kind(), place, 1)?;
        self.place.set(Some(place));
        let (value, Records { full, short }) = remember(records);
        if self.keep(place, &full).is_err() && self.keep(place, &short).is_err() {
            // Whatever was there is not of this room.
            self.blank(place)?;
        }
        if stay == Stay::Runs {
            self.begin()?;
        }
        drop(turn);
        Ok(value)
    }

    /// The room that expected to run does.
    ///
    /// # Errors
    /// When another room takes too long to begin.
    pub(super) fn run(&self) -> io::Result<()> {
        let Some(place) = self.place.get() else { return Ok(()) };
        // Who begins at this time sees either that it runs, or all as it was before.
        let turn = self.take_turn()?;
        self.lock(libc::F_OFD_SETLK, Stay::Runs.kind(), place, 1)?;
        self.begin()?;
        drop(turn);
        Ok(())
    }

    /// When a command of anybody's began or ended last, if that is known: what was seen before may have been a command's.
    pub(super) fn changed(&self) -> Option<i64> {
        let mut last = [0; 8];
        self.file.read_exact_at(&mut last, CHANGED).ok()?;
        Some(i64::from_ne_bytes(last)).filter(|last| *last != 0)
    }

    fn begin(&self) -> io::Result<()> {
        self.runs.set(true);
        self.change()
    }

    fn change(&self) -> io::Result<()> {
        let written = without_being_ended(|| self.file.write_all_at(&now().to_ne_bytes(), CHANGED));
        // A limit of the person's may keep it from being written, but not from being taken away.
        written.or_else(|_| clear(&self.file, CHANGED, 8))
    }

    /// Nobody goes by this room any more. What it remembered lies there until another takes its place: to free what a file
    /// takes on a disk takes longer than all else here.
    pub(super) fn leave(&self) {
        if let Some(place) = self.place.take() {
            // Before others can take it for over. Who only expected to run has changed nothing, and loses nobody a look.
            if self.runs.take() {
                let _ = self.change();
            }
            let _ = self.lock(libc::F_OFD_SETLK, libc::F_UNLCK, place, 1);
        }
    }

    /// The world's description is every room's; this one no other process has opened.
    fn own(&self) -> io::Result<&File> {
        if let Some(own) = self.own.get() {
            return Ok(own);
        }
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let own = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(self.own.get_or_init(|| own))
    }

    fn is_large(&self) -> bool {
        self.file.metadata().is_ok_and(|found| found.blocks() * 512 > LARGE)
    }

    fn take_turn(&self) -> io::Result<impl Drop> {
        struct Turn<'a>(&'a Register);
        impl Drop for Turn<'_> {
            fn drop(&mut self) {
                let _ = self.0.lock(libc::F_OFD_SETLK, libc::F_UNLCK, TURN, 1);
            }
        }
        let until = Instant::now() + PATIENCE;
        let mut pause = SHORTEST;
        // Not by a call that waits: nobody would end it.
        loop {
            match self.lock(libc::F_OFD_SETLK, libc::F_WRLCK, TURN, 1) {
                Ok(_) => return Ok(Turn(self)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if Instant::now() > until {
                        return Err(io::Error::other("another command takes too long to begin"));
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The places of other rooms.
    fn taken(&self) -> io::Result<BTreeMap<i64, Stay>> {
        let (mut taken, mut open) = (BTreeMap::new(), vec![(1, PLACES)]);
        while let Some((first, count)) = open.pop() {
            let end = first + count;
            if count <= 0 {
                continue;
            }
            let Some((from, length, stay)) = self.first_locked(first, count)? else { continue };
            // Without a length it goes to the end.
            let until = if length == 0 { end } else { (from + length).min(end) };
            taken.extend((from.max(first)..until).map(|place| (place, stay)));
            open.push((until, end - until));
            open.push((first, from - first));
        }
        Ok(taken)
    }

    /// Some of others' that lie there.
    fn first_locked(&self, first: i64, count: i64) -> io::Result<Option<(i64, i64, Stay)>> {
        let found = self.lock(libc::F_OFD_GETLK, libc::F_WRLCK, first, count)?;
        let stay = match i32::from(found.l_type) {
            libc::F_UNLCK => return Ok(None),
            libc::F_RDLCK => Stay::Expects,
            _ => Stay::Runs,
        };
        Ok(Some((found.l_start, found.l_len, stay)))
    }

    fn lock(&self, command: i32, kind: i32, first: i64, count: i64) -> io::Result<libc::flock> {
        lock(self.own()?, command, kind, first, count)
    }

    fn record(&self, place: i64) -> Option<Vec<u8>> {
        let mut length = [0; 8];
        self.file.read_exact_at(&mut length, offset(place)).ok()?;
        let length = u64::from_ne_bytes(length);
        let mut record =
            vec![0; usize::try_from(length).ok().filter(|_| (1..MOST).contains(&length))?];
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

    fn blank(&self, place: i64) -> io::Result<()> {
        clear(&self.file, offset(place), MOST)
    }
}

#[allow(unsafe_code)]
fn lock(file: &File, command: i32, kind: i32, first: i64, count: i64) -> io::Result<libc::flock> {
    // SAFETY: all-zero bytes are a valid structure, which outlives the call.
    unsafe {
        let mut lock: libc::flock = std::mem::zeroed();
        lock.l_type = kind as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        (lock.l_start, lock.l_len) = (first, count);
        match libc::fcntl(file.as_raw_fd(), command, &raw mut lock) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(lock),
        }
    }
}

/// Not all that can be written to has.
fn has_locks(file: &File) -> bool {
    lock(file, libc::F_OFD_GETLK, libc::F_WRLCK, TURN, 1).is_ok()
}

/// Makes zeroes of it, where there is anything.
fn clear(file: &File, from: u64, length: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(file, flags, from, length)?)
}

fn offset(place: i64) -> u64 {
    place.unsigned_abs() * MOST
}

/// Makes the file that registers are opened in, and the directories it is in. Who may outlive the agent must not: by
/// then they may have been taken away.
pub(super) fn make(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    options().create(true).mode(0o600).open(path).map(drop)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options
}

/// Nobody else's, and nobody else's to write to.
fn open(path: &Path) -> io::Result<File> {
    let file = options().open(path)?;
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
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
    use std::io::{Read as _, Write as _};

    fn opened(path: &Path) -> Register {
        make(path).unwrap();
        Register::open(Some(path)).unwrap()
    }

    fn records(full: &[u8]) -> Records {
        Records { full: full.to_vec(), short: b"short".to_vec() }
    }

    /// A room in a process of its own, with its place, that remembers something until it is killed.
    struct Other(Pid);

    impl Other {
        fn enters(path: &Path, remembers: &[u8]) -> Self {
            let (mut began, mut begun) = io::pipe().unwrap();
            let pid = match fork().unwrap() {
                Forked::Child => {
                    let register = opened(path);
                    register.enter(Stay::Runs, |_| ((), records(remembers))).unwrap();
                    begun.write_all(b"x").unwrap();
                    loop {
                        std::thread::park();
                    }
                }
                Forked::Parent(pid) => pid,
            };
            drop(begun);
            began.read_exact(&mut [0]).unwrap();
            Self(Pid::from_raw(pid.cast_signed()).unwrap())
        }

        fn kill(self) {
            kill_process(self.0, Signal::KILL).unwrap();
            waitpid(Some(self.0), WaitOptions::empty()).unwrap();
        }
    }

    #[test]
    fn a_room_goes_by_what_those_remember_that_run_and_by_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new/rooms");
        let others = [b"one".as_slice(), b"two", b"three"].map(|it| Other::enters(&path, it));
        let register = opened(&path);
        let known = |name: &[u8]| Some(name.to_vec());
        let found = register.enter(Stay::Runs, |records| (records, self::records(b"own"))).unwrap();
        assert_eq!(found, [known(b"one"), known(b"two"), known(b"three")]);
        // Whatever else of the file this process closes, it is still there for those that come.
        drop(File::open(&path).unwrap());
        let late = opened(&path);
        let found = late.enter(Stay::Runs, |records| (records, self::records(b"late"))).unwrap();
        assert_eq!(found.last(), Some(&known(b"own")));
        // What oneself remembers is nobody else's.
        let found = register.enter(Stay::Runs, |records| (records, self::records(b""))).unwrap();
        assert_eq!(found.last(), Some(&known(b"late")));
        late.leave();
        let [first, rest @ ..] = others;
        first.kill();
        let found = register.enter(Stay::Runs, |records| (records, self::records(b""))).unwrap();
        assert_eq!(found, [known(b"two"), known(b"three")]);
        rest.into_iter().for_each(Other::kill);
        assert!(
            register.enter(Stay::Runs, |records| (records, self::records(b""))).unwrap().is_empty()
        );
    }

    #[test]
    fn of_a_room_that_cannot_keep_what_it_remembers_it_is_known_that_it_runs() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("rooms");
        let [large, other] = [(); 2].map(|()| opened(&path));
        let much = usize::try_from(MOST).unwrap();
        large.enter(Stay::Runs, |_| ((), records(&vec![b'x'; much]))).unwrap();
        let found = other.enter(Stay::Runs, |records| (records, self::records(b""))).unwrap();
        assert_eq!(found, [Some(b"short".to_vec())]);
        large.blank(1).unwrap();
        let found = other.enter(Stay::Runs, |records| (records, self::records(b""))).unwrap();
        assert_eq!(found, [None]);
    }

    #[test]
    fn where_the_agent_has_made_none_a_world_has_its_own_and_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("gone/rooms");
        let register = Register::open(Some(&path)).unwrap();
        register.enter(Stay::Runs, |_| ((), records(b"own"))).unwrap();
        assert!(!place.path().join("gone").exists());
    }
}
