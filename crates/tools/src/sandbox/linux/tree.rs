//! The processes of a room: what became of them, and how all of them are ended.

use std::collections::{HashMap, HashSet};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, wait};

use super::asked::Patience;
use crate::sandbox::Exit;

/// # Errors
/// Where processes cannot be looked for: what a command started could then not be ended with it (R8).
pub(super) fn available() -> Result<(), String> {
    let own = std::fs::read_to_string("/proc/self/stat");
    own.map(drop).map_err(|error| format!("/proc does not tell of processes: {error}"))
}

/// What there is in a room beside its first process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Nothing,
    Something,
    /// Something, and what has ended is not all collected.
    MoreThatEnded,
}

/// How much that has ended is collected at a time: there may be more all the time, and the agent is to be heard meanwhile.
const AT_A_TIME: usize = 256;

/// Collects what has ended. Returns how `command` ended, if it is among it, and what is left.
pub(super) fn reap(command: Pid) -> (Option<Exit>, Rest) {
    let mut exit = None;
    for _ in 0..AT_A_TIME {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if status.stopped() => let_go_on(pid, status),
            Ok(Some((pid, status))) if pid == command => {
                exit = status
                    .exit_status()
                    .map(Exit::Code)
                    .or_else(|| status.terminating_signal().map(Exit::Signal))
                    .or(exit);
            }
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return (exit, Rest::Something),
            Err(_) => return (exit, Rest::Nothing),
        }
    }
    (exit, Rest::MoreThatEnded)
}

/// Who asks to be traced by its parent stands still at its next signal, and is told of like a child that has ended. Nobody
/// traces it here, so it gets the signal and goes on; but not the one by which an exec tells a tracer, which would end it.
#[allow(unsafe_code)]
fn let_go_on(pid: Pid, status: WaitStatus) {
    let signal = status.stopping_signal().filter(|signal| *signal != libc::SIGTRAP).unwrap_or(0);
    let (none, signal) = (std::ptr::null_mut::<u8>(), signal as usize);
    // SAFETY: no memory is involved. One that was ended meanwhile is refused.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, pid.as_raw_nonzero().get(), none, signal) };
}

/// How all processes of a room but its first are signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signals {
    /// At once, so that none is missed by moving on: this process's reach nobody else.
    Together,
    /// One after the other, as they are found.
    Singly,
}

/// Sends a signal to all processes of the room but its first.
pub(super) fn signal_all(signals: Signals, signal: Signal) {
    match signals {
        Signals::Together => signal_together(signal),
        Signals::Singly => signal_each(descendants(), signal),
    }
}

/// All that this process may signal but itself. The kernel lets no child be made meanwhile.
#[allow(unsafe_code)]
fn signal_together(signal: Signal) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(-1, signal.as_raw()) };
}

fn signal_each(found: impl IntoIterator<Item = Pid>, signal: Signal) {
    for pid in found {
        let _ = kill_process(pid, signal);
    }
}

/// Kills until nothing is left.
pub(super) fn kill_all(signals: Signals) {
    loop {
        signal_all(signals, Signal::KILL);
        // One that forks and ends all the time is gone when it has been found among all others. Its child, an orphan,
        // is this process's by then: there it is caught, if not at once.
        for _ in 0..CHASES {
            if signals == Signals::Singly {
                signal_each(children(), Signal::KILL);
            }
            // All children were killed, so one ends soon.
            match wait(WaitOptions::empty()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
            forget_ended();
        }
    }
}

/// How often the children alone are looked at between two looks at all there are.
const CHASES: usize = 64;

/// Takes what has ended off the system's table, which others need as well; not all, where more ends all the time.
fn forget_ended() {
    let _ = (0..AT_A_TIME).all(|_| has_forgotten_one());
}

fn has_forgotten_one() -> bool {
    matches!(wait(WaitOptions::NOHANG), Ok(Some(_)) | Err(Errno::INTR))
}

/// What is found without a look at any other process, where the kernel can tell.
fn children() -> Vec<Pid> {
    let numbers: Vec<i32> = match std::fs::read_to_string("/proc/thread-self/children") {
        Ok(told) => told.split_ascii_whitespace().flat_map(str::parse).collect(),
        Err(_) => {
            let own = Some(getpid().as_raw_nonzero().get());
            processes().filter(|(_, stat)| parent_in(stat) == own).map(|(pid, _)| pid).collect()
        }
    };
    numbers.into_iter().filter_map(Pid::from_raw).collect()
}

/// Whether a process or thread descends from this one, as far as there is patience to find out.
pub(super) fn is_of_room(named: i32, patience: &mut Patience) -> bool {
    let own = getpid().as_raw_nonzero().get();
    let mut process = named;
    // Ends at the first process of all, whose parent is none; a line that is longer was never one.
    for _ in 0..1 << 16 {
        match parent_of(process).filter(|_| patience.lasts()) {
            Some(parent) if parent == own => return process != own,
            Some(parent) if parent > 0 => process = parent,
            _ => return false,
        }
    }
    false
}

/// Whether there is such a group of processes and all in it descend from this one. All are looked at once, not the line
/// of each: together those are as many as the square of what there is.
pub(super) fn is_group_of_room(group: i32, patience: &mut Patience) -> bool {
    let mut members = Vec::new();
    let mut children = Children::default();
    for (pid, stat) in processes() {
        if !patience.lasts() {
            return false;
        }
        if group_in(&stat) == Some(group) {
            members.push(pid);
        }
        children.add(pid, &stat);
    }
    let known: HashSet<i32> = children.of_this_process().into_iter().collect();
    // Whose parent ended meanwhile is found by another look.
    let is_known = |pid: &i32| known.contains(pid) || is_of_room(*pid, patience);
    !members.is_empty() && members.iter().all(is_known)
}

fn parent_of(process: i32) -> Option<i32> {
    parent_in(&stat(process)?)
}

/// All there are, each with what its `stat` says. A name need not be text.
fn processes() -> impl Iterator<Item = (i32, String)> {
    std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, stat(pid)?))
    })
}

fn stat(pid: i32) -> Option<String> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    Some(String::from_utf8_lossy(&stat).into_owned())
}

/// What a command has left running.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) names: Vec<String>,
    /// There was no time to find all of it.
    pub(super) is_cut: bool,
}

/// Those that run and descend from this one. What is about to be ended stands still from here on: where all of it runs,
/// little is left of the processors for a look at each. What has ended is not looked at.
pub(super) fn left_at_rest(signals: Signals) -> Left {
    signal_all(signals, Signal::STOP);
    let mut patience = Patience::new();
    while has_forgotten_one() && patience.lasts() {}
    let mut patience = Patience::new();
    let (mut children, mut names) = (Children::default(), HashMap::new());
    let mut is_cut = false;
    for (pid, stat) in processes() {
        if !patience.lasts() {
            is_cut = true;
            break;
        }
        children.add(pid, &stat);
        names.extend(name_in(&stat).map(|name| (pid, name)));
    }
    let found = children.of_this_process();
    Left { names: found.iter().filter_map(|pid| names.remove(pid)).collect(), is_cut }
}

/// All processes that descend from this one; as it is their subreaper, none escapes by losing its parent.
pub(super) fn descendants() -> Vec<Pid> {
    let mut children = Children::default();
    processes().for_each(|(pid, stat)| children.add(pid, &stat));
    children.of_this_process().into_iter().filter_map(Pid::from_raw).collect()
}

/// The same, unless there is no patience for it.
pub(super) fn descendants_within(patience: &mut Patience) -> Option<Vec<i32>> {
    let mut children = Children::default();
    for (pid, stat) in processes() {
        if !patience.lasts() {
            return None;
        }
        children.add(pid, &stat);
    }
    Some(children.of_this_process())
}

/// Who was whose child, at one look at all there are.
#[derive(Default)]
struct Children(HashMap<i32, Vec<i32>>);

impl Children {
    fn add(&mut self, pid: i32, stat: &str) {
        if let Some(parent) = parent_in(stat) {
            self.0.entry(parent).or_default().push(pid);
        }
    }

    fn of_this_process(mut self) -> Vec<i32> {
        let mut found = Vec::new();
        let mut open = vec![getpid().as_raw_nonzero().get()];
        while let Some(parent) = open.pop() {
            let children = self.0.remove(&parent).unwrap_or_default();
            open.extend(&children);
            found.extend(children);
        }
        found
    }
}

/// The name of a process may contain anything, brackets and spaces too; it ends at the last one.
fn parent_in(stat: &str) -> Option<i32> {
    number_in(stat, 1)
}

/// None of what has ended and is only waited for.
fn name_in(stat: &str) -> Option<String> {
    let (before, behind) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let runs = !behind.trim_start().starts_with(['Z', 'X']);
    runs.then(|| name.chars().filter(|c| !c.is_control()).collect())
}

fn group_in(stat: &str) -> Option<i32> {
    number_in(stat, 2)
}

/// Of those behind the name.
fn number_in(stat: &str, index: usize) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use super::*;
    use crate::sandbox::linux::connect::tests::in_a_process;
    use crate::sandbox::linux::{room, walls};

    /// Processes that a crowd makes in all, if it is let: not so many that others find no number left.
    const MOST: u32 = 16_000;
    /// Of them, those that there are before any is ended.
    const BEGUN: u32 = 50;

    /// Numbers that this process and all it starts see alike.
    #[allow(unsafe_code)]
    fn shared() -> &'static AtomicU32 {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping, which stays; zero is a valid number.
        unsafe {
            let made = libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0);
            assert_ne!(made, libc::MAP_FAILED);
            &*made.cast::<AtomicU32>()
        }
    }

    /// Whether this is the child; none, when no more are to be made.
    #[allow(unsafe_code)]
    fn fork_counted(made: &AtomicU32) -> Option<bool> {
        if made.fetch_add(1, Ordering::Relaxed) >= MOST {
            return None;
        }
        // SAFETY: the child makes system calls only, and ends.
        match unsafe { libc::fork() } {
            -1 => None,
            pid => Some(pid == 0),
        }
    }

    /// Each makes the next, and ends.
    fn comet(made: &AtomicU32) {
        while fork_counted(made) == Some(true) {}
    }

    /// The same in sessions of their own, by two forks.
    fn comet_of_daemons(made: &AtomicU32) {
        while fork_counted(made) == Some(true) {
            let _ = rustix::process::setsid();
            if fork_counted(made) != Some(true) {
                return;
            }
        }
    }

    fn comets(made: &AtomicU32) {
        for _ in 0..16 {
            if fork_counted(made) == Some(true) {
                return comet(made);
            }
        }
    }

    /// Whether it is over before it has made as many as it wants to.
    fn is_ended(crowd: Crowd, end: fn()) -> bool {
        let made = shared();
        let is_ours = rustix::process::set_child_subreaper(Some(getpid())).is_ok();
        if fork_counted(made) == Some(true) {
            crowd(made);
            room::leave(0);
        }
        let begun = Instant::now();
        while made.load(Ordering::Relaxed) < BEGUN && begun.elapsed().as_secs() < 30 {
            rustix::thread::sched_yield();
        }
        end();
        is_ours && made.load(Ordering::Relaxed) < MOST
    }

    type Crowd = fn(&AtomicU32);
    const CROWDS: [(&str, Crowd); 3] =
        [("a comet", comet), ("comets", comets), ("a comet of daemons", comet_of_daemons)];

    #[test]
    fn r11_what_forks_and_ends_all_the_time_is_ended_where_each_is_looked_for() {
        for (name, crowd) in CROWDS {
            assert!(in_a_process(|| is_ended(crowd, || kill_all(Signals::Singly))), "{name}");
        }
    }

    #[test]
    fn r11_what_forks_and_ends_all_the_time_is_ended_by_one_signal() {
        if !walls::guard_signals() {
            println!("not run: this kernel keeps no signals in");
            return;
        }
        for (name, crowd) in CROWDS {
            let once = || {
                signal_all(Signals::Together, Signal::KILL);
                while matches!(wait(WaitOptions::empty()), Ok(_) | Err(Errno::INTR)) {}
            };
            let is_ended = || walls::keep_signals_in() && is_ended(crowd, once);
            assert!(in_a_process(is_ended), "{name}");
        }
    }

    #[test]
    #[allow(unsafe_code)]
    fn r8_of_what_has_ended_so_much_is_collected_that_the_agent_is_heard_meanwhile() {
        let is_bounded = || {
            let mut ended = vec![];
            for _ in 0..=AT_A_TIME {
                // SAFETY: the child makes system calls only, and ends.
                match unsafe { libc::fork() } {
                    0 => room::leave(0),
                    pid => ended.push(pid),
                }
            }
            for pid in ended {
                let flags = libc::WEXITED | libc::WNOWAIT;
                // SAFETY: what is told of it is written where there is room for it.
                unsafe {
                    let mut told = std::mem::zeroed();
                    libc::waitid(libc::P_PID, pid.unsigned_abs(), &raw mut told, flags);
                }
            }
            let (first, then) = (reap(getpid()).1, reap(getpid()).1);
            first == Rest::MoreThatEnded && then == Rest::Nothing
        };
        assert!(in_a_process(is_bounded));
    }

    /// Each the child of the one before, in a group of their own; the last one says that all are there.
    #[allow(unsafe_code)]
    fn chain(links: u32) -> i32 {
        let made = shared();
        // SAFETY: the child makes system calls only, and ends.
        let first = unsafe { libc::fork() };
        if first == 0 {
            let _ = rustix::process::setpgid(None, None);
            // SAFETY: as above.
            while made.fetch_add(1, Ordering::Relaxed) + 1 < links && unsafe { libc::fork() } == 0 {
            }
            std::thread::sleep(std::time::Duration::from_secs(60));
            room::leave(0);
        }
        while made.load(Ordering::Relaxed) < links {
            rustix::thread::sched_yield();
        }
        first
    }

    #[test]
    fn r8_a_group_is_known_by_one_look_at_all_there_are() {
        const LINKS: u32 = 300;
        let is_known = || {
            let _ = rustix::process::set_child_subreaper(Some(getpid()));
            let group = chain(LINKS);
            let mut patience = Patience::of(std::time::Duration::from_secs(60));
            let of_room = is_group_of_room(group, &mut patience);
            // By the line of each it would be as many looks as half the square of the links.
            let looks = patience.looks();
            let mut none = Patience::of(std::time::Duration::ZERO);
            let without_patience = is_group_of_room(group, &mut none);
            let others = is_group_of_room(getpid().as_raw_nonzero().get(), &mut patience);
            kill_all(Signals::Singly);
            of_room && !without_patience && !others && looks < 40 * LINKS
        };
        assert!(in_a_process(is_known));
    }

    #[test]
    fn a_parent_is_found_behind_any_name() {
        assert_eq!(parent_in("12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in("12 (a) R 9) (b)) S 7 12"), Some(7));
        assert_eq!(group_in("12 (a) R 9) (b)) S 7 12 13"), Some(12));
        assert_eq!(parent_in(""), None);
        assert_eq!(name_in("12 (a) R 9) (b)) S 7 12").as_deref(), Some("a) R 9) (b)"));
        assert_eq!(name_in("12 (\u{1b}[2Ja\n) R 7 12").as_deref(), Some("[2Ja"));
        assert_eq!(name_in("12 (sh) Z 7 12"), None);
    }
}
