//! S11: secrets that the model has read by a tool that only looks. Whoever reads the same path without the sandbox gets
//! the secret.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use agent_tools::Toolbox;

use crate::place::{Host, Place};
use crate::{FAILED, Outcome, WORKED, agent};

pub(crate) struct Look {
    pub(crate) name: &'static str,
    plant: fn(&Path) -> io::Result<()>,
    path: fn(&Path) -> PathBuf,
    /// What the person does after the first command.
    then: fn(&Path) -> io::Result<()>,
}

const fn look(
    name: &'static str,
    plant: fn(&Path) -> io::Result<()>,
    path: fn(&Path) -> PathBuf,
) -> Look {
    Look { name, plant, path, then: |_| Ok(()) }
}

impl Look {
    const fn then(self, then: fn(&Path) -> io::Result<()>) -> Self {
        Self { then, ..self }
    }
}

pub(crate) const LOOKS: &[Look] = &[
    look("s11_look_at_a_secret", |_| Ok(()), |home| home.join(".ssh/id")),
    look(
        "s11_look_at_what_rooms_remember",
        |home| {
            fs::create_dir_all(home.join(".local/state/agent"))?;
            fs::write(home.join(".local/state/agent/rooms"), SECRET)
        },
        |home| home.join(".local/state/agent/rooms"),
    ),
    // Whoever could open it could lock it, too, and the agent would wait for that before each turn.
    look(
        "s11_look_at_what_undo_remembers",
        |home| {
            fs::create_dir_all(home.join(".local/state/agent/shadows/one"))?;
            fs::write(home.join(".local/state/agent/shadows/one/lock"), SECRET)
        },
        |home| home.join(".local/state/agent/shadows/one/lock"),
    ),
    // Of any thread: a workspace may hold what its commands do not see.
    look(
        "s11_look_at_what_undo_keeps",
        |home| {
            fs::create_dir_all(home.join(".local/state/agent/undo/one/objects"))?;
            fs::write(home.join(".local/state/agent/undo/one/objects/it"), SECRET)
        },
        |home| home.join(".local/state/agent/undo/one/objects/it"),
    ),
    look("s11_look_by_dots", |_| Ok(()), |_| "../home/.ssh/id".into()),
    look("s11_look_through_a_link", |home| symlink(home.join(".ssh/id"), "way"), |_| "way".into()),
    look(
        "s11_look_in_a_linked_folder",
        |home| symlink(home.join(".ssh"), "way"),
        |_| "way/id".into(),
    ),
    look(
        "s11_look_through_the_root_of_a_process",
        |_| Ok(()),
        |home| {
            Path::new("/proc/self/root")
                .join(home.strip_prefix("/").unwrap_or(home))
                .join(".ssh/id")
        },
    ),
    look(
        "s11_look_through_the_directory_of_a_process",
        |_| Ok(()),
        |_| "/proc/self/cwd/../home/.ssh/id".into(),
    ),
    look("s11_look_at_a_secret_that_came_later", |_| Ok(()), |home| home.join(".netrc"))
        .then(|home| fs::write(home.join(".netrc"), SECRET)),
    look(
        "s11_look_at_a_secret_that_was_replaced",
        |home| fs::write(home.join(".netrc"), "an old secret"),
        |home| home.join(".netrc"),
    )
    .then(|home| {
        fs::write(home.join("new"), SECRET)?;
        fs::rename(home.join("new"), home.join(".netrc"))
    }),
    look("s11_look_in_a_folder_that_was_replaced", |_| Ok(()), |home| home.join(".ssh/other"))
        .then(|home| {
            fs::rename(home.join(".ssh"), home.join("empty"))?;
            fs::create_dir(home.join(".ssh"))?;
            fs::write(home.join(".ssh/other"), SECRET)
        }),
    look(
        "s11_look_in_a_folder_that_came_later",
        |_| Ok(()),
        |home| home.join(".config/gh/hosts.yml"),
    )
    .then(|home| {
        fs::create_dir_all(home.join(".config/gh"))?;
        fs::write(home.join(".config/gh/hosts.yml"), SECRET)
    }),
];

/// What the secret says.
const SECRET: &str = "secret";

impl Look {
    pub(crate) fn works(&self, user: u32, host: &Host) -> bool {
        Place::new(user, host).run(&["look", "none", "", self.name]).code == Some(WORKED)
    }

    pub(crate) fn outcome(&self, user: u32, tier: &str, mode: &str, host: &Host) -> Outcome {
        let ran = Place::new(user, host).run(&["look", tier, mode, self.name]);
        match ran.code {
            Some(FAILED) => Outcome::Held,
            code => Outcome::Trouble(format!("({tier}, {mode}) {code:?}\n{}", ran.said)),
        }
    }
}

/// Whether the secret was seen, by a careless tool or by one of ours.
pub(crate) fn look_at(name: &str, tier: &str, mode: &str, home: &Path) -> i32 {
    let look = LOOKS.iter().find(|look| look.name == name).expect("a known look");
    (look.plant)(home).expect("what is planted");
    let path = (look.path)(home);
    let seen = if tier == "none" {
        (look.then)(home).expect("what the person does");
        fs::read_to_string(&path).is_ok_and(|text| text.contains(SECRET))
    } else {
        agent::leave_only(tier);
        by_our_tools(look, &path, mode, home)
    };
    if seen { WORKED } else { FAILED }
}

fn by_our_tools(look: &Look, path: &Path, mode: &str, home: &Path) -> bool {
    let folder = path.parent().unwrap_or(path).display();
    let runtime = agent::runtime();
    let toolbox = Toolbox::new(agent::config(mode, home));
    let shown = path.display();
    let first = agent::prepared(&toolbox, "exec_command", r#"{"cmd": "true"}"#).expect("a command");
    runtime.block_on(agent::performed(first)).expect("its end");
    (look.then)(home).expect("what the person does");
    [
        ("read_file", format!(r#"{{"file_path": "{shown}"}}"#)),
        ("view_image", format!(r#"{{"path": "{shown}"}}"#)),
        ("grep_files", format!(r#"{{"pattern": "s.c", "path": "{shown}"}}"#)),
        ("grep_files", format!(r#"{{"pattern": "s.c", "path": "{folder}"}}"#)),
        ("exec_command", format!(r#"{{"cmd": "cat '{shown}'"}}"#)),
    ]
    .into_iter()
    .any(|(tool, input)| {
        let Ok(prepared) = agent::prepared(&toolbox, tool, &input) else { return false };
        let said = match runtime.block_on(agent::performed(prepared)) {
            Ok(said) | Err(said) => said,
        };
        let is_told = said.contains(SECRET);
        if is_told {
            println!("{tool} {input}: {said}");
        }
        is_told
    })
}
