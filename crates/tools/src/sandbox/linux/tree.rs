//! The processes of a room: what became of them, and how all of them are ended.

use std::collections::HashMap;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, wait};

use crate::sandbox::{Exit, Tier};

/// # Errors
/// Where processes cannot be looked for: what a command started could then not be ended with it (R8).
pub(super) fn available() -> Result<(), String> {
    let own = std::fs::read_to_string("/proc/self/stat");
    own.map(drop).map_err(|error| format!("/proc does not tell of processes: {error}"))
}

/// Collects what has ended. Returns how `command` ended, if it is among it, and whether anything is left.
pub(super) fn reap(command: Pid) -> (Option<Exit>, bool) {
    let mut exit = None;
    loop {
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
            Ok(None) => return (exit, true),
            Err(_) => return (exit, false),
        }
    }
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

/// Sends a signal to all processes of the room but its first.
pub(super) fn signal_all(tier: Tier, signal: Signal) {
    if tier == Tier::Full {
        signal_namespace(signal);
        return;
    }
    for pid in descendants() {
        let _ = kill_process(pid, signal);
    }
}

/// The first process of a pid namespace reaches all others, and nothing else, by -1.
#[allow(unsafe_code)]
fn signal_namespace(signal: Signal) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(-1, signal.as_raw()) };
}

/// Kills until nothing is left. Without a namespace a process that forks all the time is stopped first, so that
/// the set comes to rest.
pub(super) fn kill_all(tier: Tier) {
    loop {
        if tier != Tier::Full {
            signal_all(tier, Signal::STOP);
        }
        signal_all(tier, Signal::KILL);
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Whether a process or thread descends from this one.
pub(super) fn is_of_room(named: i32) -> bool {
    let own = getpid().as_raw_nonzero().get();
    let mut process = named;
    // Ends at the first process of all, whose parent is none; a line that is longer was never one.
    for _ in 0..1 << 16 {
        match parent_of(process) {
            Some(parent) if parent == own => return process != own,
            Some(parent) if parent > 0 => process = parent,
            _ => return false,
        }
    }
    false
}

/// Whether there is such a group of processes and all in it descend from this one.
pub(super) fn is_group_of_room(group: i32) -> bool {
    let mut members = processes().filter(|(_, stat)| group_in(stat) == Some(group)).peekable();
    members.peek().is_some() && members.all(|(pid, _)| is_of_room(pid))
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

/// The names of those that run and descend from this one.
pub(super) fn names() -> Vec<String> {
    let name = |pid: Pid| name_in(&stat(pid.as_raw_nonzero().get())?);
    descendants().into_iter().filter_map(name).collect()
}

/// All processes that descend from this one; as it is their subreaper, none escapes by losing its parent.
pub(super) fn descendants() -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (pid, stat) in processes() {
        if let Some(parent) = parent_in(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![getpid().as_raw_nonzero().get()];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            open.push(child);
            found.extend(Pid::from_raw(child));
        }
    }
    found
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
    use super::*;

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
