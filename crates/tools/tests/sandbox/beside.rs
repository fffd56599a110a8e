//! S9, S10: two commands at a time, each of another agent. What the first has planted the second finds as it begins, and it
//! ends last: it must not put that back.

use crate::Outcome;
use crate::git::{PLANTS, Plant};
use crate::place::Host;

pub(crate) struct Beside {
    pub(crate) name: &'static str,
    /// One of those in `git.rs`.
    plant: &'static str,
    /// What the second does when the first has ended; a script for bash.
    then: &'static str,
}

const fn beside(name: &'static str, plant: &'static str) -> Beside {
    Beside { name, plant, then: "" }
}

pub(crate) const BESIDE: &[Beside] = &[
    beside("s9_beside_a_hook", "s9_hook"),
    beside("s9_beside_a_configuration", "s9_fsmonitor"),
    Beside {
        then: "git config core.fsmonitor ./evil",
        ..beside("s9_beside_a_configuration_planted_again", "s9_fsmonitor")
    },
    beside("s9_beside_a_submodule", "s9_configuration_of_a_submodule"),
    beside("s9_beside_a_repository_that_appears", "s9_repository_that_appears"),
    Beside {
        then: "git -C new config core.fsmonitor ../evil",
        ..beside("s9_beside_a_repository_planted_again", "s9_repository_that_appears")
    },
    beside("s9_beside_a_repository_behind_a_file", "s9_repository_behind_a_file"),
    Beside {
        then: "cd v; echo 'gitdir: data' >.git",
        ..beside("s9_beside_a_pointer_planted_again", "s9_strangers_repository_by_a_pointer")
    },
    beside("s10_beside_a_configuration_of_ours", "s10_configuration_of_ours"),
    beside("s10_beside_a_configuration_behind_a_link", "s10_configuration_behind_a_link"),
];

impl Beside {
    pub(crate) fn grows(&self, user: u32, host: &Host) -> bool {
        self.plant().grows(user, host)
    }

    pub(crate) fn outcome(&self, user: u32, tier: &str, host: &Host) -> Outcome {
        let plant = self.plant();
        let place = plant.prepared(user, host);
        place.run_unconfined("mkfifo planted over began after");
        let wait = |name: &str| format!("timeout 20 bash -c 'read <{name}'");
        let first = format!("{}\necho >planted; {}", plant.line(), wait("over"));
        let second = format!("echo >began; {}\n{}", wait("after"), self.then);
        let said = std::thread::scope(|scope| {
            let place = &place;
            let run = |line| scope.spawn(move || place.run_line(tier, line));
            let first = run(&first);
            place.run_unconfined("read <planted");
            let second = run(&second);
            place.run_unconfined("read <began; echo >over");
            let first = first.join().expect("its end").said;
            place.run_unconfined("echo >after");
            first + &second.join().expect("its end").said
        });
        place.run_unconfined("rm planted over began after");
        match plant.visited(&place) {
            true => Outcome::Trouble(format!("it grew ({tier}):\n{said}")),
            false => Outcome::Held,
        }
    }

    fn plant(&self) -> &'static Plant {
        PLANTS.iter().find(|plant| plant.name == self.plant).expect("a known plant")
    }
}
