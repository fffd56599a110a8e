//! Attacks on the sandbox, named after the promise each would break. Every attack has to succeed unsandboxed first, so
//! that a broken one cannot pass. This executable is its own helper, and plays the attacker too.

#![allow(unsafe_code, reason = "an attacker asks the kernel for what no library would")]
#![allow(clippy::print_stdout, reason = "it is its own test harness, and says what it found")]
#![allow(clippy::disallowed_methods, reason = "it is a program of its own, in a place of its own")]

mod attack;
mod files;
mod git;
mod kernel;
mod local;
mod network;
mod place;
mod work;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agent_protocol::SandboxMode;
use agent_tools::{Exit, Tier, ToolboxConfig, probe, run_confined};
use attack::Attack;
use files::WRITE_AT_HOME;
use git::Plant;
use place::{Host, Place};
use tokio::signal::unix::{SignalKind, signal};
use work::Work;

/// How a process of ours says what came of it.
const WORKED: i32 = 0;
const FAILED: i32 = 7;
const IMPOSSIBLE: i32 = 8;

const USAGE: &str =
    "sandbox: arguments of a test harness are not understood; the whole suite is run";

fn main() -> ExitCode {
    if let Some(code) = agent_tools::confined_main(std::env::args_os()) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["try", name, home] => code(try_it(name, Path::new(home))),
        ["stand"] => {
            place::stand();
            ExitCode::SUCCESS
        }
        ["probe", tier, home] => code(confined(tier, "workspace-write", None, home)),
        ["confined", tier, mode, name, home] => {
            let own = std::env::current_dir().expect("a directory").join("attacker");
            let argv = [own.into(), "try".into(), name.into(), home.into()];
            code(confined(tier, mode, Some(&argv), home))
        }
        ["line", tier, line, home] => {
            let argv = ["bash", "-c", line].map(std::ffi::OsString::from);
            code(confined(tier, "workspace-write", Some(&argv), home))
        }
        [] => suite(""),
        [only] if !only.starts_with('-') => suite(only),
        _ => {
            println!("{USAGE}");
            suite("")
        }
    }
}

fn code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(99))
}

fn attacks() -> Vec<Attack> {
    let parts = [files::ATTACKS, network::ATTACKS, local::ATTACKS, kernel::ATTACKS];
    parts.concat().into_iter().chain([WRITE_AT_HOME]).collect()
}

fn try_it(name: &str, home: &Path) -> i32 {
    let attack = attacks().into_iter().find(|attack| attack.name == name).expect("a known attack");
    match (attack.run)(home) {
        Ok(()) => WORKED,
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => IMPOSSIBLE,
        Err(_) => FAILED,
    }
}

/// Runs a command line in the sandbox of a tier, or only finds out whether there is one.
fn confined(tier: &str, mode: &str, argv: Option<&[std::ffi::OsString]>, home: &str) -> i32 {
    if tier == "reduced" {
        forbid_namespaces();
    }
    let cwd = std::env::current_dir().expect("a working directory");
    let config = ToolboxConfig {
        sandbox: if mode == "read-only" {
            SandboxMode::ReadOnly
        } else {
            SandboxMode::WorkspaceWrite
        },
        env: BTreeMap::from([
            ("HOME".into(), home.into()),
            ("PATH".into(), std::env::var_os("PATH").unwrap_or("/usr/bin:/bin".into())),
        ]),
        writable_roots: vec![],
        network: false,
        login_path: false,
        outputs_dir: cwd.clone(),
        journal_dir: None,
        keep_background: false,
        output_tokens: None,
        freeform_patch: false,
        helper: cwd.join("attacker"),
        cwd,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let Some(argv) = argv else {
            let found = probe(&config).await.expect("a sandbox");
            assert!(all_forgotten().await, "a helper ended and nobody waited for it");
            let wanted = if tier == "reduced" { Tier::Reduced } else { Tier::Full };
            if found.tier != wanted {
                println!("not run: {tier} tier: {:?}", found.reasons);
                return IMPOSSIBLE;
            }
            return WORKED;
        };
        match run_confined(&config, argv).await.expect("a command") {
            Exit::Code(code) => code,
            Exit::Signal(_) => 99,
        }
    })
}

/// Whether no child is left soon, not even in the system's table.
async fn all_forgotten() -> bool {
    let mut ended = signal(SignalKind::child()).expect("signals");
    let children = || std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let waiting = async {
        while !children().is_empty() {
            ended.recv().await;
            // Whoever waits for it has heard the same.
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), waiting).await.is_ok()
}

/// As a container does it.
fn forbid_namespaces() {
    let step = |code: u32, k: u32, jt, jf| libc::sock_filter { code: code as u16, k, jt, jf };
    let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned();
    let program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_unshare as u32, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, refused, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    rustix::thread::set_no_new_privs(true).expect("no_new_privs");
    let filter = libc::sock_fprog { len: 4, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel only reads the program, which outlives the call.
    assert_eq!(unsafe { libc::syscall(libc::SYS_seccomp, 1, 0, &raw const filter) }, 0);
}

/// One thing to be tried by one user.
struct Case {
    what: What,
    user: u32,
}

enum What {
    Attack(Attack),
    Plant(&'static Plant),
    Work(&'static Work),
}

/// What came of a try.
pub(crate) enum Outcome {
    Held,
    NotRun(String),
    Trouble(String),
}

impl Case {
    fn name(&self) -> &'static str {
        match &self.what {
            What::Attack(attack) => attack.name,
            What::Plant(plant) => plant.name,
            What::Work(work) => work.name,
        }
    }

    /// Without a sandbox first, then in each that is to be had.
    fn outcomes(&self, tiers: &[&str], host: &Host) -> Vec<Outcome> {
        let mut outcomes = match self.without(host) {
            Outcome::Held => vec![],
            Outcome::NotRun(why) => return vec![Outcome::NotRun(why)],
            trouble @ Outcome::Trouble(_) => vec![trouble],
        };
        for tier in tiers.iter().filter(|tier| **tier == "full" || !self.on_full()) {
            match &self.what {
                What::Attack(attack) => outcomes.extend(
                    ["workspace-write", "read-only"]
                        .map(|mode| self.attacked(attack, tier, mode, host)),
                ),
                What::Plant(plant) => {
                    outcomes.push(match plant.grows_confined(self.user, tier, host) {
                        true => Outcome::Trouble(format!("it grew ({tier})")),
                        false => Outcome::Held,
                    })
                }
                What::Work(work) => outcomes.push(work.done(self.user, tier, host)),
            }
        }
        outcomes
    }

    fn on_full(&self) -> bool {
        match &self.what {
            What::Attack(attack) => attack.on_full,
            What::Plant(_) => false,
            What::Work(work) => work.on_full,
        }
    }

    fn without(&self, host: &Host) -> Outcome {
        let worked = match &self.what {
            What::Attack(attack) => Place::new(self.user, host).run(&["try", attack.name]).code,
            What::Plant(plant) => plant.grows(self.user, host).then_some(WORKED),
            What::Work(_) => Some(WORKED),
        };
        match worked {
            Some(WORKED) => Outcome::Held,
            Some(IMPOSSIBLE) => Outcome::NotRun("it is not to be had here".into()),
            code => Outcome::Trouble(format!("without a sandbox it does not work: {code:?}")),
        }
    }

    fn attacked(&self, attack: &Attack, tier: &str, mode: &str, host: &Host) -> Outcome {
        let place = Place::new(self.user, host);
        let ran = place.run(&["confined", tier, mode, attack.name]);
        let allowed = attack.name == WRITE_AT_HOME.name && mode == "workspace-write";
        let held = match ran.code {
            Some(WORKED) => allowed,
            Some(FAILED | IMPOSSIBLE) => !allowed,
            _ => false,
        };
        match (held, place.is_intact()) {
            (true, true) => Outcome::Held,
            (_, intact) => {
                Outcome::Trouble(format!("({tier}, {mode}) {:?}, intact {intact}", ran.code))
            }
        }
    }
}

/// Tries all whose names contain `only`, or one of several parts between commas.
fn suite(only: &str) -> ExitCode {
    let host = Host::new();
    let own = rustix::process::getuid().as_raw();
    let users = if own == 0 { vec![0, 65534] } else { vec![own] };
    let (held, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    for user in users {
        let mut tiers = vec!["full", "reduced"];
        tiers.retain(|tier| {
            let ran = Place::new(user, &host).run(&["probe", tier]);
            print!("{}", ran.said);
            ran.code == Some(WORKED)
        });
        let attacks = attacks().into_iter().filter(|attack| user == 0 || !attack.as_root);
        let attacks = attacks.map(What::Attack);
        // Who it is makes no difference to git.
        let plants = git::PLANTS.iter().filter(|_| user == own).map(What::Plant);
        let all = attacks.chain(plants).chain(work::WORK.iter().map(What::Work));
        let cases = all.map(|what| Case { what, user });
        let cases: Vec<_> =
            cases.filter(|case| only.split(',').any(|only| case.name().contains(only))).collect();
        in_parallel(&cases, |case| {
            for outcome in case.outcomes(&tiers, &host) {
                match outcome {
                    Outcome::Held => drop(held.fetch_add(1, Ordering::Relaxed)),
                    Outcome::NotRun(why) => {
                        println!("not run: {} (user {user}): {why}", case.name());
                    }
                    Outcome::Trouble(why) => {
                        failed.fetch_add(1, Ordering::Relaxed);
                        println!("{} (user {user}): {why}", case.name());
                    }
                }
            }
        });
    }
    let (held, failed) = (held.into_inner(), failed.into_inner());
    println!("sandbox: {held} held, {failed} failed");
    ExitCode::from(u8::from(failed > 0 || held == 0))
}

/// As many at a time as there are processors.
fn in_parallel<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(one);
                }
            });
        }
    });
}
