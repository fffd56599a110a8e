//! S9: what commands of a thread have left for git while the thread goes on, and with it what it has for itself: its
//! temporary directory.

use std::path::Path;
use std::process::{Command, Stdio};

use agent_tools::Toolbox;

use crate::git::PARTS;
use crate::place::Host;
use crate::{FAILED, Outcome, WORKED, agent, git, moved};

/// Both are scripts for bash.
pub(crate) struct Going {
    pub(crate) name: &'static str,
    /// What the person has there.
    pub(crate) before: &'static str,
    /// What commands do, one after the other.
    pub(crate) commands: &'static [&'static str],
    /// What the person does then.
    pub(crate) later: &'static str,
    /// Writable roots beside the workspace, in it.
    pub(crate) roots: &'static [&'static str],
    /// Each command is of a thread that begins with it.
    pub(crate) threads: bool,
}

const EVIL: &str =
    r#"git init -q "$TMPDIR/e"; git -C "$TMPDIR/e" config core.fsmonitor "$PWD/evil""#;
const POINTER: &str = r#"
    git init -q "$TMPDIR/e"; git -C "$TMPDIR/e" config core.fsmonitor "$PWD/evil"
    mkdir new; echo "gitdir: $TMPDIR/e/.git" >new/.git
"#;

pub(crate) const GOING: &[Going] = &[
    Going {
        name: "s9_going_on_with_a_repository_in_the_temporary_directory",
        before: "",
        commands: &[POINTER, "true"],
        later: "git -C new status",
        roots: &[],
        threads: false,
    },
    Going {
        name: "s9_going_on_with_a_repository_that_is_pointed_to_later",
        before: "",
        commands: &[EVIL, r#"mkdir new; ln -s "$TMPDIR/e/.git" new/.git"#],
        later: "git -C new status",
        roots: &[],
        threads: false,
    },
    Going {
        name: "s9_going_on_where_a_link_leads",
        before: "",
        commands: &[EVIL, r#"ln -s "$TMPDIR/e" new"#],
        later: "git -C new status",
        roots: &[],
        threads: false,
    },
    Going {
        name: "s9_going_on_with_a_link_in_a_repository_in_the_temporary_directory",
        before: "echo >~/.bashrc",
        commands: &[
            r#"git init -q "$TMPDIR/e"; git -C "$TMPDIR/e" commit -q --allow-empty -m zero; git -C "$TMPDIR/e" config user.name 'x;touch ~/mark;y'"#,
            r#"mkdir new; echo "gitdir: $TMPDIR/e/.git" >new/.git; ln -sf ~/.bashrc "$TMPDIR/e/.git/logs/HEAD""#,
        ],
        later: "git -C new commit -q --allow-empty -m x; bash --rcfile ~/.bashrc -ic true",
        roots: &[],
        threads: false,
    },
    Going {
        name: "s9_going_on_behind_a_closed_door",
        before: PARTS,
        commands: &["chmod 0 v", "chmod 755 v; cd v; mv data/HEAD.txt data/HEAD; mv data .git"],
        later: "git -C v status",
        roots: &[],
        threads: false,
    },
    Going {
        name: "s1_going_on_where_a_root_within_another_was",
        before: "mkdir sub",
        commands: &["mv sub x; ln -s ~ sub", "touch sub/mark", "touch ~/mark"],
        later: "true",
        roots: &["sub"],
        threads: false,
    },
    Going {
        name: "s1_going_on_where_a_root_is_to_be",
        before: "",
        commands: &["ln -s ~ sub", "touch sub/mark", "touch ~/mark"],
        later: "true",
        roots: &["sub"],
        threads: false,
    },
    Going {
        name: "s1_beginning_anew_where_a_root_within_another_was",
        before: "mkdir sub",
        commands: &["mv sub x; ln -s ~ sub", "touch sub/mark", "touch ~/mark"],
        later: "true",
        roots: &["sub"],
        threads: true,
    },
    Going {
        name: "s1_beginning_anew_where_a_root_is_to_be",
        before: "",
        commands: &["ln -s ~ sub", "touch sub/mark", "touch ~/mark"],
        later: "true",
        roots: &["sub"],
        threads: true,
    },
    // In the full tier it is memory of the world's own, as `/tmp` is.
    Going {
        name: "s7_shared_memory_of_another_thread",
        before: "",
        commands: &[
            r#"exec 3<>/dev/shm/agent-attacked; echo secret >&3"#,
            r#"for f in /tmp/agent-world-*/shm/* /dev/shm/agent-world-*/shm/* /dev/shm/agent-attacked
               do grep -qs secret $f && touch found; done; true"#,
        ],
        later: "rm -f /dev/shm/agent-attacked; if test -e found; then touch ~/mark; fi",
        roots: &[],
        threads: true,
    },
    // The room of the last command is built, and looks, while the one before runs.
    Going {
        name: "s9_going_on_with_what_was_there_for_a_moment",
        before: PARTS,
        commands: &[
            "cd v; mv data .git",
            ">v/.git/HEAD; sleep .2; rm v/.git/HEAD",
            "cd v; mv .git/HEAD.txt .git/HEAD",
        ],
        later: "git -C v status",
        roots: &[],
        threads: false,
    },
];

impl Going {
    pub(crate) fn works(&self, user: u32, host: &Host) -> bool {
        let place = git::prepared(user, host);
        place.run_unconfined(self.before);
        place.run(&["going", "none", self.name]).code == Some(WORKED)
    }

    pub(crate) fn outcome(&self, user: u32, tier: &str, host: &Host) -> Outcome {
        let place = git::prepared(user, host);
        place.run_unconfined(self.before);
        let ran = place.run(&["going", tier, self.name]);
        match ran.code {
            Some(FAILED) => Outcome::Held,
            code => Outcome::Trouble(format!("({tier}) {code:?}\n{}", ran.said)),
        }
    }
}

/// Whether the plant grows.
pub(crate) fn plays(name: &str, tier: &str, home: &Path) -> i32 {
    let mut all = GOING.iter().chain(moved::GOING);
    let going = all.find(|going| going.name == name).expect("a known one");
    if tier == "none" {
        // As the reduced tier has it.
        let temporary = home.join("empty");
        going.commands.iter().for_each(|script| bash(script, &temporary));
        bash(going.later, &temporary);
    } else {
        agent::leave_only(tier);
        let runtime = agent::runtime();
        let begin = || {
            let mut config = agent::config("workspace-write", home);
            config.writable_roots.extend(going.roots.iter().map(|root| config.cwd.join(root)));
            Toolbox::new(config)
        };
        let mut toolboxes = vec![begin()];
        for script in going.commands {
            if going.threads {
                toolboxes.push(begin());
            }
            let toolbox = toolboxes.last().expect("one");
            let input = serde_json::json!({ "cmd": script }).to_string();
            let call = agent::prepared(toolbox, "exec_command", &input).expect("a command");
            println!("{:?}", runtime.block_on(agent::performed(call)));
        }
        bash(going.later, home);
    }
    if home.join("mark").exists() { WORKED } else { FAILED }
}

fn bash(script: &str, temporary: &Path) {
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).env("TMPDIR", temporary).stdin(Stdio::null());
    bash.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("a shell");
}
