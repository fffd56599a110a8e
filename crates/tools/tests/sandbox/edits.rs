//! S13: edits that lead out of the workspace, or to what would be obeyed later. Each is first made as a careless tool
//! would make it, and has to do harm then.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agent_protocol::Action;
use agent_tools::Toolbox;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::place::{Host, Place};
use crate::{FAILED, Outcome, WORKED, agent};

/// What the model asks for. The working directory is the workspace.
enum Deed {
    /// A file, by adding it or changing all of it.
    Write(PathBuf),
    Delete(PathBuf),
    Move(PathBuf, PathBuf),
}

use Deed::{Delete, Move, Write};

/// An edit that would do harm if it were made where its path leads.
pub(crate) struct Edit {
    pub(crate) name: &'static str,
    /// Done beforehand, by a command or whoever made the repository.
    plant: fn(&Path) -> io::Result<()>,
    deed: fn(&Path) -> Deed,
    /// A command goes on exchanging `real` and `way`.
    turning: bool,
}

const fn edit(
    name: &'static str,
    plant: fn(&Path) -> io::Result<()>,
    deed: fn(&Path) -> Deed,
) -> Edit {
    Edit { name, plant, deed, turning: false }
}

impl Edit {
    const fn turning(self) -> Self {
        Self { turning: true, ..self }
    }
}

pub(crate) const EDITS: &[Edit] = &[
    edit("s13_an_absolute_path", nothing, |home| Write(home.join("victim"))),
    edit("s13_out_by_dots", nothing, |_| Write("../home/victim".into())),
    edit(
        "s13_dots_behind_a_link",
        |home| symlink(home.join("empty"), "way"),
        |_| Write("way/../victim".into()),
    ),
    edit("s13_a_link", |home| symlink(home.join("victim"), "way"), |_| Write("way".into())),
    edit("s13_a_link_by_dots", |_| symlink("../home/victim", "way"), |_| Write("./way".into())),
    edit(
        "s13_a_link_to_a_link",
        |home| {
            symlink(home.join("victim"), "far")?;
            symlink("far", "way")
        },
        |_| Write("way".into()),
    ),
    edit("s13_a_folder_that_is_a_link", way_home, |_| Write("way/victim".into())),
    edit("s13_a_new_file_in_a_folder_that_is_a_link", way_home, |_| Write("way/new".into())),
    edit("s13_a_new_folder_in_a_folder_that_is_a_link", way_home, |_| {
        Write("way/new/deep/file".into())
    }),
    edit(
        "s13_a_link_that_leads_nowhere_yet",
        |home| symlink(home.join("new"), "way"),
        |_| Write("way".into()),
    ),
    edit("s13_a_new_folder_outside", nothing, |_| Write("../home/new/file".into())),
    edit("s13_through_the_root_of_a_process", nothing, |home| {
        Write(
            Path::new("/proc/self/root")
                .join(home.strip_prefix("/").unwrap_or(home))
                .join("victim"),
        )
    }),
    edit("s13_through_the_directory_of_a_process", nothing, |_| {
        Write("/proc/self/cwd/../home/victim".into())
    }),
    edit(
        "s13_through_the_root_of_a_process_behind_a_link",
        |_| symlink("/proc/self/root", "way"),
        |home| Write(Path::new("way").join(home.strip_prefix("/").unwrap_or(home)).join("victim")),
    ),
    edit(
        "s13_another_name_of_a_file_outside",
        |home| fs::hard_link(home.join("victim"), "way"),
        |_| Write("way".into()),
    ),
    edit("s13_another_name_of_a_file_of_somebody_else", nothing, |_| Write("foreign".into())),
    edit("s13_a_secret", nothing, |home| Write(home.join(".ssh/id"))),
    edit(
        "s13_a_secret_behind_a_link",
        |home| symlink(home.join(".ssh"), "way"),
        |_| Write("way/id".into()),
    ),
    edit("s13_delete_outside", nothing, |home| Delete(home.join("victim"))),
    edit("s13_delete_in_a_folder_that_is_a_link", way_home, |_| Delete("way/victim".into())),
    edit("s13_move_out", mine, |home| Move("mine".into(), home.join("new"))),
    edit(
        "s13_move_into_a_folder_that_is_a_link",
        |home| {
            mine(home)?;
            way_home(home)
        },
        |_| Move("mine".into(), "way/new".into()),
    ),
    edit("s13_move_over_what_is_outside", mine, |home| Move("mine".into(), home.join("victim"))),
    edit("s13_move_in", nothing, |home| Move(home.join("victim"), "taken".into())),
    edit("s13_move_in_from_a_folder_that_is_a_link", way_home, |_| {
        Move("way/victim".into(), "taken".into())
    }),
    edit("s13_a_hook", repository, |_| Write(".git/hooks/pre-push".into())),
    edit("s13_a_hook_by_dots", repository, |_| Write("x/../.git/hooks/pre-push".into())),
    edit(
        "s13_a_hook_behind_a_link",
        |home| {
            repository(home)?;
            symlink(".git/hooks", "way")
        },
        |_| Write("way/pre-push".into()),
    ),
    edit(
        "s13_a_hook_by_another_name",
        |home| {
            repository(home)?;
            fs::hard_link(".git/hooks/pre-commit", "way")
        },
        |_| Write("way".into()),
    ),
    edit(
        "s13_a_hook_moved_there",
        |home| {
            repository(home)?;
            mine(home)
        },
        |_| Move("mine".into(), ".git/hooks/pre-push".into()),
    ),
    edit("s13_configuration_of_git", repository, |_| Write(".git/config".into())),
    edit("s13_configuration_of_the_project", nothing, |_| Write(".codex/config.toml".into())),
    edit("s13_instructions_of_the_project", nothing, |_| Write(".agents/skills/x".into())),
    edit(
        "s13_a_file_turned_into_a_link",
        |home| {
            fs::write("real", "precious")?;
            symlink(home.join("victim"), "way")
        },
        |_| Write("real".into()),
    )
    .turning(),
    edit("s13_a_folder_turned_into_a_link", turning_folder, |_| Write("real/victim".into()))
        .turning(),
    edit("s13_a_folder_turned_into_a_link_while_adding", turning_folder, |_| {
        Write("real/new".into())
    })
    .turning(),
    edit("s13_a_folder_turned_into_a_link_while_deleting", turning_folder, |_| {
        Delete("real/victim".into())
    })
    .turning(),
    edit(
        "s13_a_folder_turned_into_a_link_while_moving",
        |home| {
            mine(home)?;
            turning_folder(home)
        },
        |_| Move("mine".into(), "real/new".into()),
    )
    .turning(),
];

fn nothing(_: &Path) -> io::Result<()> {
    fs::create_dir("x")
}

fn mine(_: &Path) -> io::Result<()> {
    fs::write("mine", "mine")
}

fn way_home(home: &Path) -> io::Result<()> {
    symlink(home, "way")
}

fn turning_folder(home: &Path) -> io::Result<()> {
    fs::create_dir("real")?;
    fs::write("real/victim", "precious")?;
    way_home(home)
}

fn repository(_: &Path) -> io::Result<()> {
    fs::create_dir_all(".git/hooks")?;
    fs::create_dir("x")?;
    fs::write(".git/config", "[core]\n")?;
    fs::write(".git/HEAD", "ref: refs/heads/main\n")?;
    fs::write(".git/hooks/pre-commit", "precious")
}

impl Edit {
    pub(crate) fn is_harmful(&self, user: u32, host: &Host) -> bool {
        let place = Place::new(user, host);
        self.harms(&place, &["write", self.name]).unwrap_or_default()
    }

    pub(crate) fn attempted(&self, user: u32, tier: &str, mode: &str, host: &Host) -> Outcome {
        let place = Place::new(user, host);
        match self.harms(&place, &["edit", tier, mode, self.name]) {
            Ok(false) => Outcome::Held,
            Ok(true) => Outcome::Trouble(format!("({tier}, {mode}) it did harm")),
            Err(said) => Outcome::Trouble(format!("({tier}, {mode}) {said}")),
        }
    }

    /// Whether anything is another than it was before, where nothing may be.
    fn harms(&self, place: &Place, part: &[&str]) -> Result<bool, String> {
        let planted = place.run(&["plant", self.name]);
        if planted.code != Some(WORKED) {
            return Err(format!("it could not be planted: {}", planted.said));
        }
        let before = guarded(place);
        let ran = place.run(part);
        match ran.code {
            Some(FAILED) => Ok(guarded(place) != before),
            code => Err(format!("{code:?} {}", ran.said)),
        }
    }
}

/// All that no edit may change, with its content.
fn guarded(place: &Place) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![place.home.clone()];
    open.extend([".git", ".codex", ".agents"].map(|name| place.workspace.join(name)));
    while let Some(path) = open.pop() {
        let entries = fs::read_dir(&path).into_iter().flatten().flatten();
        for entry in entries {
            let path = entry.path();
            // What we keep there ourselves.
            if path.ends_with("home/.local") {
                continue;
            }
            if path.is_dir() {
                open.push(path.clone());
            }
            let content = path.is_file().then(|| fs::read(&path).ok()).flatten();
            found.insert(path, content);
        }
    }
    found
}

fn known(name: &str) -> &'static Edit {
    EDITS.iter().find(|edit| edit.name == name).expect("a known edit")
}

pub(crate) fn plant(name: &str, home: &Path) -> i32 {
    match (known(name).plant)(home) {
        Ok(()) => WORKED,
        Err(error) => {
            println!("{error}");
            FAILED
        }
    }
}

/// As a careless tool does it.
pub(crate) fn write(name: &str, home: &Path) -> i32 {
    let edit = known(name);
    let attempt = || {
        let _ = match (edit.deed)(home) {
            Write(path) => {
                let _ = path.parent().map(fs::create_dir_all);
                fs::write(path, "changed")
            }
            Delete(path) => fs::remove_file(path),
            Move(from, to) => fs::rename(from, to),
        };
    };
    edit.again_and_again(home, attempt, || false);
    FAILED
}

/// As the agent does it when nobody is asked. What it would ask is another way to refuse.
pub(crate) fn attempt(name: &str, tier: &str, mode: &str, home: &Path) -> i32 {
    agent::leave_only(tier);
    let edit = known(name);
    let runtime = agent::runtime();
    let toolbox = Toolbox::new(agent::config(mode, home));
    let made = AtomicBool::new(false);
    let attempt = || {
        let prepared = agent::prepared(&toolbox, "apply_patch", &patch(&(edit.deed)(home)));
        let Ok(prepared) = prepared else { return };
        let Action::Edit { paths, beyond, .. } = &prepared.action else {
            panic!("{:?}", prepared.action)
        };
        if !edit.turning {
            assert!(paths.iter().all(|path| is_resolved(path)), "{paths:?}");
        }
        if beyond.is_empty() {
            let done = runtime.block_on(agent::performed(prepared));
            made.fetch_or(done.is_ok(), Ordering::Relaxed);
        }
    };
    // Without one that was made no edit ran into anything.
    let is_made = || mode == "read-only" || made.load(Ordering::Relaxed);
    edit.again_and_again(home, attempt, is_made);
    assert!(!edit.turning || is_made(), "no edit was made at all");
    FAILED
}

/// The person is shown where it really leads.
fn is_resolved(path: &Path) -> bool {
    let existing = path.ancestors().skip(1).find(|folder| folder.exists());
    existing.is_some_and(|folder| folder.canonicalize().is_ok_and(|real| real == folder))
}

fn patch(deed: &Deed) -> String {
    let body = match deed {
        Write(path) => match fs::read_to_string(path) {
            Ok(old) => format!("*** Update File: {}\n@@\n{}", path.display(), instead(&old)),
            Err(_) => format!("*** Add File: {}\n+changed\n", path.display()),
        },
        Delete(path) => format!("*** Delete File: {}\n", path.display()),
        Move(from, to) => {
            let old = fs::read_to_string(from).unwrap_or_else(|_| "mine".into());
            let (from, to) = (from.display(), to.display());
            format!("*** Update File: {from}\n*** Move to: {to}\n@@\n{}", instead(&old))
        }
    };
    format!("*** Begin Patch\n{body}*** End Patch")
}

fn instead(old: &str) -> String {
    let old: String = old.lines().map(|line| format!("-{line}\n")).collect();
    format!("{old}+changed\n")
}

/// How long a race goes on at least; careless tools lose it soon.
const PATIENCE: Duration = Duration::from_millis(600);
/// How long at most, on a machine that has other things to do.
const LAST: Duration = Duration::from_secs(30);

impl Edit {
    /// Once; but when somebody turns things meanwhile, until harm is done, or the patience ends and it was tried well
    /// enough. In between all is as it was planted.
    fn again_and_again(&self, home: &Path, attempt: impl Fn(), is_enough: impl Fn() -> bool) {
        if !self.turning {
            return attempt();
        }
        let (over, resting) = (AtomicBool::new(false), Mutex::new(()));
        let before = fs::read(home.join("victim")).ok();
        let is_harmed =
            || fs::read(home.join("victim")).ok() != before || home.join("new").exists();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let _turn = resting.lock();
                    let _ = renameat_with(CWD, "real", CWD, "way", RenameFlags::EXCHANGE);
                }
            });
            let begun = Instant::now();
            let goes_on = |gone: Duration| gone < PATIENCE || (!is_enough() && gone < LAST);
            while !is_harmed() && goes_on(begun.elapsed()) {
                let rest = resting.lock();
                self.replant(home);
                drop(rest);
                attempt();
            }
            over.store(true, Ordering::Relaxed);
        });
    }

    fn replant(&self, home: &Path) {
        for name in ["real", "way", "mine"] {
            let is_folder = fs::symlink_metadata(name).is_ok_and(|found| found.is_dir());
            let _ = if is_folder { fs::remove_dir_all(name) } else { fs::remove_file(name) };
        }
        (self.plant)(home).expect("what was planted before");
    }
}
