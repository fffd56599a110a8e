//! S9: commands of whom their room was told beforehand that one comes. It has looked already at what they may change; that
//! holds for what they plant, and for nothing that the person did before they came.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use agent_tools::Toolbox;
use serde_json::json;

use crate::git::{PLANTS, Plant};
use crate::place::Host;
use crate::{FAILED, Outcome, WORKED, agent};

pub(crate) struct Expected {
    pub(crate) name: &'static str,
    /// One of those in `git.rs`.
    plant: &'static str,
    course: Course,
}

#[derive(Clone, Copy)]
enum Course {
    /// The command comes while the look holds.
    Soon,
    /// The command comes when it does not hold any more; meanwhile the person has changed something.
    Late,
    /// It is not a command that comes, and then one does.
    Other,
    /// It comes in another thread, after the person has changed something.
    Elsewhere,
    /// Without a command: an edit of another thread makes a repository of what the first has left.
    Edit,
}

pub(crate) const EXPECTED: &[Expected] = &[
    Expected { name: "s9_expected_soon", plant: "s9_fsmonitor", course: Course::Soon },
    Expected {
        name: "s9_expected_soon_a_repository",
        plant: "s9_repository_that_appears",
        course: Course::Soon,
    },
    Expected { name: "s9_expected_late", plant: "s9_fsmonitor", course: Course::Late },
    Expected { name: "s9_expected_and_not_come", plant: "s9_fsmonitor", course: Course::Other },
    Expected { name: "s9_expected_elsewhere", plant: "s9_fsmonitor", course: Course::Elsewhere },
    Expected {
        name: "s9_edit_that_makes_a_repository",
        plant: "s9_repository_of_two_threads",
        course: Course::Edit,
    },
];

/// Far longer than a look takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the person puts there, which would be put back if a command had.
const OWN: &str = "[core]\n\tsshCommand = ./own\n";

impl Expected {
    fn plant(&self) -> &'static Plant {
        PLANTS.iter().find(|plant| plant.name == self.plant).expect("a known plant")
    }

    pub(crate) fn grows(&self, user: u32, host: &Host) -> bool {
        self.plant().grows(user, host)
    }

    pub(crate) fn outcome(&self, user: u32, tier: &str, host: &Host) -> Outcome {
        let place = self.plant().prepared(user, host);
        let ran = place.run(&["expected", tier, self.name]);
        match (ran.code, self.plant().visited(&place)) {
            (Some(FAILED), false) => Outcome::Held,
            (code, grew) => {
                Outcome::Trouble(format!("({tier}) {code:?}, grew {grew}\n{}", ran.said))
            }
        }
    }
}

pub(crate) fn plays(name: &str, tier: &str, home: &Path) -> i32 {
    let expected = EXPECTED.iter().find(|expected| expected.name == name).expect("a known one");
    agent::leave_only(tier);
    let toolbox = Toolbox::new(agent::config("workspace-write", home));
    let rooms = home.join(".local/state/agent/rooms");
    agent::runtime().block_on(async {
        let run = async |tool: &str, input: String| {
            let call = agent::prepared(&toolbox, tool, &input).expect("a call");
            println!("{:?}", agent::performed(call).await);
        };
        let command = |line: &str| json!({ "cmd": line }).to_string();
        // The next room is ready before its command is there.
        run("exec_command", command("true")).await;
        toolbox.warm_up();
        tokio::task::yield_now().await;
        toolbox.expect("exec_command");
        // The reduced tier looks when the command comes.
        let looks = tier == "full";
        if looks {
            let until = Instant::now() + PATIENCE;
            while !is_one_running(&rooms) {
                assert!(Instant::now() < until, "no room looks ahead");
                std::thread::yield_now();
            }
        }
        match expected.course {
            Course::Soon => {}
            Course::Edit => {
                let parts = "mv two/HEAD head; mkdir two/objects two/refs";
                let line = format!("{}\n{parts}", expected.plant().line());
                run("exec_command", command(&line)).await;
                return edits(&Toolbox::new(agent::config("workspace-write", home))).await;
            }
            Course::Late => {
                wait_until_none_runs(&rooms);
                return changes(&toolbox).await;
            }
            Course::Elsewhere => {
                return changes(&Toolbox::new(agent::config("workspace-write", home))).await;
            }
            Course::Other => {
                run("read_file", json!({ "path": "evil" }).to_string()).await;
                if is_one_running(&rooms) {
                    println!("it is still waited for");
                    return WORKED;
                }
            }
        }
        run("exec_command", command(&expected.plant().line())).await;
        FAILED
    })
}

/// Has the person change something, and then a command run that changes nothing.
async fn changes(toolbox: &Toolbox) -> i32 {
    std::fs::write(".git/config", OWN).expect("a configuration");
    let call = agent::prepared(toolbox, "exec_command", &json!({ "cmd": "true" }).to_string());
    println!("{:?}", agent::performed(call.expect("a call")).await);
    let is_there = std::fs::read_to_string(".git/config").expect("it") == OWN;
    if is_there { FAILED } else { WORKED }
}

/// Adds what is missing of a repository.
async fn edits(toolbox: &Toolbox) -> i32 {
    let patch = "*** Begin Patch\n*** Add File: two/HEAD\n+ref: refs/heads/main\n*** End Patch";
    let call = agent::prepared(toolbox, "apply_patch", patch).expect("a patch");
    let said = agent::performed(call).await;
    println!("{said:?}");
    let is_said = said.is_ok_and(|said| said.contains("two/config"));
    let config = std::fs::read_to_string("two/config").unwrap_or_default();
    if is_said && !config.contains("fsmonitor") { FAILED } else { WORKED }
}

/// Whether a room has a place in the register.
fn is_one_running(rooms: &Path) -> bool {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(rooms) else { return false };
    i32::from(lock(&file, libc::F_OFD_GETLK).l_type) != libc::F_UNLCK
}

fn wait_until_none_runs(rooms: &Path) {
    let file = OpenOptions::new().read(true).write(true).open(rooms).expect("the register");
    lock(&file, libc::F_OFD_SETLKW);
}

/// All places, but not the turn.
fn lock(file: &File, command: i32) -> libc::flock {
    // SAFETY: all-zero bytes are a valid structure, which outlives the call.
    unsafe {
        let mut lock: libc::flock = std::mem::zeroed();
        lock.l_type = libc::F_WRLCK as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        (lock.l_start, lock.l_len) = (1, 250);
        assert_eq!(libc::fcntl(file.as_raw_fd(), command, &raw mut lock), 0, "a lock");
        lock
    }
}
