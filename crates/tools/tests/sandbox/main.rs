//! Attacks on the sandbox, named after the promise each would break. Every attack has to succeed unsandboxed first, so
//! that a broken one cannot pass. This executable is its own helper, and plays the attacker too. Root tries all in both
//! tiers; another user does, too, but each of what is planted for git or us in one of them, by turns, as that takes long.

#![allow(unsafe_code, reason = "an attacker asks the kernel for what no library would")]
#![allow(clippy::print_stdout, reason = "it is its own test harness, and says what it found")]
#![allow(clippy::disallowed_methods, reason = "it is a program of its own, in a place of its own")]

mod abi;
mod agent;
mod attack;
mod beside;
mod disk;
mod edits;
mod ends;
mod environment;
mod expected;
mod failing;
mod files;
mod gate;
mod git;
mod going;
mod kernel;
mod local;
mod looks;
mod metadata;
mod mounted;
mod moved;
mod names;
mod nested;
mod network;
mod obeyed;
mod own;
mod place;
mod remotes;
mod terminal;
mod told;
mod ways;
mod work;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use attack::Attack;
use beside::Beside;
use disk::Disk;
use edits::Edit;
use ends::Crowd;
use expected::Expected;
use failing::Failing;
use files::WRITE_AT_HOME;
use git::Plant;
use going::Going;
use looks::Look;
use obeyed::Obeyed;
use own::Own;
use place::{Host, Place};
use terminal::Watched;
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
        [] => suite(""),
        [only] if !only.starts_with('-') && only != "stand" => suite(only),
        ref part => match played(part) {
            Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(99)),
            None => {
                println!("{USAGE}");
                suite("")
            }
        },
    }
}

/// The part this process has in an attack: attacker, agent under attack, or bystander. None: it has none.
fn played(part: &[&str]) -> Option<i32> {
    Some(match *part {
        ["prepare-and-try", name, home] => {
            (attack_of(name).before)(Path::new(home)).map_or(IMPOSSIBLE, |()| try_it(name, home))
        }
        ["try", name, home] => try_it(name, home),
        ["stand"] => {
            place::stand();
            WORKED
        }
        ["probe", tier, home] => agent::probes(tier, home),
        ["confined", tier, mode, name, home] => agent::runs_attack(tier, mode, name, home),
        ["line", tier, line, home] => agent::runs_line(tier, line, home),
        ["line-at-home", tier, line, _] => agent::runs_line(tier, line, "."),
        ["plant", name, home] => edits::plant(name, Path::new(home)),
        ["write", name, home] => edits::write(name, Path::new(home)),
        ["edit", tier, mode, name, home] => edits::attempt(name, tier, mode, Path::new(home)),
        ["look", tier, mode, name, home] => looks::look_at(name, tier, mode, Path::new(home)),
        ["disk", tier, name, home] => disk::plays(name, tier, Path::new(home)),
        ["limited", limit, tier, line, home] => disk::runs_limited(limit, tier, line, home),
        ["going", tier, name, home] => going::plays(name, tier, Path::new(home)),
        ["expected", tier, name, home] => expected::plays(name, tier, Path::new(home)),
        ["failing", name, home] => failing::tries(name, home),
        ["terminal", ref part @ .., home] => {
            // Its end would hang up on us.
            let watched = Box::leak(Box::new(Watched::take(Path::new(home)).expect("a terminal")));
            let code = played(&[part, &[home]].concat())?;
            if part[0] == "confined" && watched.shows_something() { WORKED } else { code }
        }
        _ => return None,
    })
}

fn attacks() -> Vec<Attack> {
    let parts = [
        files::ATTACKS,
        mounted::ATTACKS,
        metadata::ATTACKS,
        network::ATTACKS,
        names::ATTACKS,
        local::ATTACKS,
        kernel::ATTACKS,
        told::ATTACKS,
        abi::ATTACKS,
        terminal::ATTACKS,
        environment::ATTACKS,
    ];
    parts.concat().into_iter().chain([WRITE_AT_HOME]).collect()
}

fn attack_of(name: &str) -> Attack {
    attacks().into_iter().find(|attack| attack.name == name).expect("a known attack")
}

fn try_it(name: &str, home: &str) -> i32 {
    match (attack_of(name).run)(Path::new(home)) {
        Ok(()) => WORKED,
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => IMPOSSIBLE,
        Err(_) => FAILED,
    }
}

/// One thing to be tried by one user.
struct Case {
    what: What,
    user: u32,
    /// The one tier in which it is tried.
    only: Option<&'static str>,
}

enum What {
    Attack(Attack),
    Plant(&'static Plant),
    Work(&'static Work),
    Edit(&'static Edit),
    Failing(&'static Failing),
    Crowd(&'static Crowd),
    Look(&'static Look),
    Obeyed(&'static Obeyed),
    Own(&'static Own),
    Disk(&'static Disk),
    Beside(&'static Beside),
    Going(&'static Going),
    Expected(&'static Expected),
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
            What::Edit(edit) => edit.name,
            What::Failing(failing) => failing.name,
            What::Crowd(crowd) => crowd.name,
            What::Look(look) => look.name,
            What::Obeyed(obeyed) => obeyed.name,
            What::Own(own) => own.name,
            What::Disk(disk) => disk.name,
            What::Beside(beside) => beside.name,
            What::Going(going) => going.name,
            What::Expected(expected) => expected.name,
        }
    }

    /// Without a sandbox first, then in each that is to be had.
    fn outcomes(&self, tiers: &[&str], host: &Host) -> Vec<Outcome> {
        let mut outcomes = match self.without(host) {
            Outcome::Held => vec![],
            Outcome::NotRun(why) => return vec![Outcome::NotRun(why)],
            trouble @ Outcome::Trouble(_) => vec![trouble],
        };
        let promised = tiers.iter().filter(|tier| **tier == "full" || !self.on_full());
        for tier in promised.filter(|tier| self.only.is_none_or(|only| only == **tier)) {
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
                What::Edit(edit) => outcomes.extend(
                    ["workspace-write", "read-only"]
                        .map(|mode| edit.attempted(self.user, tier, mode, host)),
                ),
                What::Look(look) => outcomes.extend(
                    ["workspace-write", "read-only"]
                        .map(|mode| look.outcome(self.user, tier, mode, host)),
                ),
                What::Obeyed(obeyed) => outcomes.push(obeyed.outcome(self.user, tier, host)),
                What::Own(own) => outcomes.push(own.outcome(self.user, tier, host)),
                What::Disk(disk) => outcomes.push(disk.outcome(self.user, tier, host)),
                What::Beside(beside) => outcomes.push(beside.outcome(self.user, tier, host)),
                What::Going(going) => outcomes.push(going.outcome(self.user, tier, host)),
                What::Expected(expected) => {
                    outcomes.push(expected.outcome(self.user, tier, host));
                }
                What::Crowd(crowd) => outcomes.extend(crowd.outcomes(self.user, tier, host)),
                What::Failing(failing) => {
                    if *tier == "full" {
                        outcomes.push(failing.outcome(self.user, host));
                    }
                }
            }
        }
        outcomes
    }

    fn on_full(&self) -> bool {
        match &self.what {
            What::Attack(attack) => attack.on_full,
            What::Work(work) => work.on_full,
            _ => false,
        }
    }

    fn without(&self, host: &Host) -> Outcome {
        let worked = match &self.what {
            What::Attack(attack) => {
                let part = ["terminal", "prepare-and-try", attack.name];
                let part = &part[usize::from(!attack.on_terminal)..];
                // A race may be lost now and then where much else goes on.
                let mut tries = (0..10).map(|_| Place::new(self.user, host).run(part).code);
                tries.find(|code| *code != Some(FAILED)).unwrap_or(Some(FAILED))
            }
            What::Plant(plant) => plant.grows(self.user, host).then_some(WORKED),
            What::Work(_) => Some(WORKED),
            What::Edit(edit) => edit.is_harmful(self.user, host).then_some(WORKED),
            What::Failing(_) => failing::works(self.user, host).then_some(WORKED),
            What::Crowd(crowd) => crowd.outlives(self.user, host).then_some(WORKED),
            What::Look(look) => look.works(self.user, host).then_some(WORKED),
            What::Obeyed(obeyed) => obeyed.works(self.user, host).then_some(WORKED),
            What::Own(own) => own.works(self.user, host).then_some(WORKED),
            What::Disk(disk) => disk.works(self.user, host),
            What::Beside(beside) => beside.grows(self.user, host).then_some(WORKED),
            What::Going(going) => going.works(self.user, host).then_some(WORKED),
            What::Expected(expected) => expected.grows(self.user, host).then_some(WORKED),
        };
        match worked {
            Some(WORKED) => Outcome::Held,
            Some(IMPOSSIBLE) => Outcome::NotRun("it is not to be had here".into()),
            code => Outcome::Trouble(format!("without a sandbox it does not work: {code:?}")),
        }
    }

    fn attacked(&self, attack: &Attack, tier: &str, mode: &str, host: &Host) -> Outcome {
        let place = Place::new(self.user, host);
        let part = ["terminal", "confined", tier, mode, attack.name];
        let ran = place.run(&part[usize::from(!attack.on_terminal)..]);
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
    let own = rustix::process::getuid().as_raw();
    let (held, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = |outcome: Outcome, name: &str, user: u32| match outcome {
        Outcome::Held => drop(held.fetch_add(1, Ordering::Relaxed)),
        Outcome::NotRun(why) if gate::may_be_missing(name, user, &why) => {}
        Outcome::NotRun(_) => drop(failed.fetch_add(1, Ordering::Relaxed)),
        Outcome::Trouble(why) => {
            failed.fetch_add(1, Ordering::Relaxed);
            println!("{name} (user {user}): {why}");
        }
    };
    if own != 0 {
        count(Outcome::NotRun("only root can be another user".into()), "all as root", own);
    }
    let users = if own == 0 { vec![0, 65534] } else { vec![own] };
    for user in users {
        let host = Host::new();
        let mut tiers = vec!["full", "reduced"];
        tiers.retain(|tier| {
            let ran = Place::new(user, &host).run(&["probe", tier]);
            let is_there = ran.code == Some(WORKED);
            if !is_there {
                count(Outcome::NotRun(ran.said.trim().into()), &format!("{tier} tier"), user);
            }
            is_there
        });
        let cases = cases(user, own);
        let cases: Vec<_> = cases
            .into_iter()
            .filter(|case| only.split(',').any(|only| case.name().contains(only)))
            .collect();
        in_parallel(&cases, |case| {
            for outcome in case.outcomes(&tiers, &host) {
                count(outcome, case.name(), user);
            }
        });
    }
    let (held, failed) = (held.into_inner(), failed.into_inner());
    println!("sandbox: {held} held, {failed} failed");
    ExitCode::from(u8::from(failed > 0 || held == 0))
}

/// All that this user tries. Plants take long, and are for git the same whoever plants them: who is not `own` tries each
/// in one tier, by turns.
fn cases(user: u32, own: u32) -> Vec<Case> {
    let attacks = attacks().into_iter().filter(|attack| user == 0 || !attack.as_root);
    let failing = failing::FAILING.iter().filter(|failing| failing.concerns(user));
    let plants = git::PLANTS
        .iter()
        .chain(nested::PLANTS)
        .chain(remotes::PLANTS)
        .chain(ways::PLANTS)
        .chain(moved::PLANTS);
    let plants = plants.map(What::Plant);
    let plants = plants.chain(beside::BESIDE.iter().map(What::Beside));
    let plants = plants.chain(going::GOING.iter().chain(moved::GOING).map(What::Going));
    let plants = plants.chain(expected::EXPECTED.iter().map(What::Expected));
    let by_turns = |turn: usize| ["full", "reduced"][turn % 2];
    let plants = plants.enumerate().map(|(turn, what)| Case {
        what,
        user,
        only: (user != own).then(|| by_turns(turn)),
    });
    let all = attacks.map(What::Attack).chain(work::WORK.iter().map(What::Work));
    let all = all.chain(edits::EDITS.iter().map(What::Edit)).chain(failing.map(What::Failing));
    let all = all.chain(ends::CROWDS.iter().map(What::Crowd));
    let all = all.chain(looks::LOOKS.iter().map(What::Look));
    let all = all.chain(own::OWN.iter().map(What::Own));
    let all = all.chain(disk::DISKS.iter().map(What::Disk));
    let all = all.chain(obeyed::OBEYED.iter().map(What::Obeyed));
    plants.chain(all.map(|what| Case { what, user, only: None })).collect()
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
