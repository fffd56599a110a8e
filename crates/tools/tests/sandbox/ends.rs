//! R8, R9, R11: whatever a command started is gone soon after it, however it or the agent ends. All of it holds one
//! end of a pipe open; without the sandbox it holds it still when the command is over.

use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;
use crate::place::{Host, Place};

/// Processes that a command leaves behind.
pub(crate) struct Crowd {
    pub(crate) name: &'static str,
    /// For bash; each process it starts inherits descriptor 9.
    script: &'static str,
    /// What the agent is sent beside its worst end.
    signals: &'static [Signal],
}

pub(crate) const CROWDS: &[Crowd] = &[
    Crowd {
        name: "r8_in_the_background",
        script: "sleep 1000 & sleep 1000 &",
        signals: &[Signal::TERM, Signal::INT, Signal::HUP],
    },
    Crowd {
        name: "r8_in_another_session",
        script: "setsid sleep 1000 & (setsid sleep 1000 &) &",
        signals: &[Signal::TERM],
    },
    Crowd {
        name: "r8_deaf",
        script: "setsid bash -c 'trap \"\" TERM HUP INT QUIT; while :; do sleep 1000; done' &",
        signals: &[Signal::TERM],
    },
    Crowd {
        name: "r8_stopped",
        script: "sleep 1000 & kill -STOP $!; setsid sleep 1000 & kill -STOP $!",
        signals: &[Signal::TERM],
    },
    Crowd {
        name: "r8_orphans_of_orphans",
        script: "for i in 1 2 3; do ( ( ( (exec -a '(odd) name' sleep 1000) & ) & ) & ); done",
        signals: &[],
    },
    Crowd {
        name: "r8_with_a_name_that_is_no_text",
        script: "cp \"$(type -P sleep)\" $'\\xff'; setsid ./$'\\xff' 1000 &",
        signals: &[Signal::TERM],
    },
    Crowd {
        name: "r11_a_chain_that_never_stands_still",
        // Each link starts the next and ends: what is looked up is gone before it can be ended.
        script: "link() { sleep 0.01; link & }; for i in 1 2 3 4 5 6 7 8; do link & done",
        signals: &[Signal::TERM],
    },
    Crowd {
        name: "r11_hundreds_of_sleepers",
        script: "for i in $(seq 300); do sleep 1000 & done",
        signals: &[Signal::TERM],
    },
    Crowd {
        name: "r11_much_memory",
        script: "tail -c 200M /dev/zero & bash -c 'x=$(head -c 100M /dev/zero | tr \"\\0\" x); sleep 1000' &",
        signals: &[Signal::TERM],
    },
];

/// How long all of it may take to be gone; twice what is promised, on a machine that has other things to do.
const SOON: Duration = Duration::from_secs(4);

/// Tells that all are there by a byte, and stays or goes.
fn script(crowd: &Crowd, then: &str) -> String {
    format!("exec 9>alive >/dev/null 2>&1; {}\nprintf x >&9; {then}", crowd.script)
}

impl Crowd {
    /// Without the sandbox something is left when the command is over. All of it is ended here.
    pub(crate) fn outlives(&self, user: u32, host: &Host) -> bool {
        let place = Place::new(user, host);
        let watched = Watched::new(&place);
        let mut shell = place.command("bash".as_ref());
        shell.args(["-c", &script(self, "exit 0")]);
        shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let ended = shell.status().is_ok_and(|status| status.success());
        let outlived = ended && watched.is_begun() && !watched.is_over(Duration::from_millis(50));
        end_all_that_hold(&place, &watched);
        outlived
    }

    pub(crate) fn outcomes(&self, user: u32, tier: &str, host: &Host) -> Vec<Outcome> {
        let by_itself = self.outcome(user, tier, host, None);
        let signals = self.signals.iter().copied().chain([Signal::KILL]);
        let others = signals.map(|signal| self.outcome(user, tier, host, Some(signal)));
        std::iter::once(by_itself).chain(others).collect()
    }

    /// The command ends by itself, or the agent is sent a signal while it waits.
    fn outcome(&self, user: u32, tier: &str, host: &Host, signal: Option<Signal>) -> Outcome {
        let place = Place::new(user, host);
        let watched = Watched::new(&place);
        let then = if signal.is_some() { "read -r _ <never" } else { "exit 0" };
        let mut agent = self.start(&place, tier, then);
        if !watched.is_begun() {
            let _ = agent.kill().and_then(|()| agent.wait());
            return Outcome::Trouble(format!("({tier}) it did not begin"));
        }
        if let Some(signal) = signal {
            kill_process(Pid::from_child(&agent), signal).expect("the agent waits");
        } else {
            agent.wait().expect("its end");
        }
        let held = watched.is_over(SOON);
        let _ = agent.kill();
        let _ = agent.wait();
        if held {
            return Outcome::Held;
        }
        end_all_that_hold(&place, &watched);
        Outcome::Trouble(format!("({tier}, {signal:?}) something lives on"))
    }

    fn start(&self, place: &Place, tier: &str, then: &str) -> Child {
        let mut agent = place.command(&place.workspace.join("attacker"));
        agent.args(["line", tier, &script(self, then)]).arg(&place.home);
        agent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        agent.spawn().expect("the agent")
    }
}

/// The end of the pipe that tells when the last that held the other is gone.
struct Watched {
    begun: Receiver<()>,
    over: Receiver<()>,
}

impl Watched {
    fn new(place: &Place) -> Self {
        for name in ["alive", "never"] {
            let mode = rustix::fs::Mode::from_raw_mode(0o666);
            let path = place.workspace.join(name);
            let pipe = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, &path, pipe, mode, 0).expect("a pipe");
            rustix::fs::chmod(&path, mode).expect("open to all");
        }
        let path = place.workspace.join("alive");
        let ((begin, begun), (end, over)) = (channel(), channel());
        std::thread::spawn(move || {
            let Ok(mut pipe) = File::open(path) else { return };
            let mut byte = [0];
            while pipe.read(&mut byte).is_ok_and(|read| read > 0) {
                let _ = begin.send(());
            }
            let _ = end.send(());
        });
        Self { begun, over }
    }

    fn is_begun(&self) -> bool {
        self.begun.recv_timeout(Duration::from_secs(60)).is_ok()
    }

    fn is_over(&self, patience: Duration) -> bool {
        self.over.recv_timeout(patience).is_ok()
    }
}

/// Until none is left: they may multiply meanwhile.
fn end_all_that_hold(place: &Place, watched: &Watched) {
    let pipe = place.workspace.join("alive");
    while !watched.is_over(Duration::ZERO) {
        for signal in [Signal::STOP, Signal::KILL] {
            for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                let holds =
                    std::fs::read_link(process.path().join("fd/9")).is_ok_and(|to| to == pipe);
                let number = process.file_name().to_str().and_then(|name| name.parse().ok());
                if let Some(process) = number.and_then(Pid::from_raw).filter(|_| holds) {
                    let _ = kill_process(process, signal);
                }
            }
        }
    }
}
