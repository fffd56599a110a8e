//! The prompts that are kept as files, the person's own and those of the project, in our folders and in those of other
//! programs: found, read, never written. A project's may have come with it from anybody, and a command may change them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use agent_core::Opened;
use agent_tools::Hidden;
use agent_tui::prompts::{Origin, Prompt};

use crate::config::{Environment, Homes};
use crate::session;
use crate::settings::Settings;

/// A file of more is no prompt.
const MAX_BYTES: u64 = 256 * 1024;
/// Of all prompts of one origin.
const MAX_BYTES_OF_ALL: u64 = 16 * 1024 * 1024;
/// Files and folders that are looked at for them.
const MAX_ENTRIES: usize = 10_000;
/// Folders below folders.
const MAX_DEPTH: usize = 4;

/// All of them: the person's own, and of a project that is trusted its own (S16). Of two with one name and one origin the
/// one nearer to the work.
pub(super) fn find(settings: &Settings, environment: &Environment) -> Vec<Prompt> {
    let own = own_folders(environment);
    let mut prompts = Search::of_person().through(&own);
    let levels = settings.workspace.root_to_cwd();
    if settings.permissions.trusted
        && let Some(root) = levels.first().and_then(|root| root.canonicalize().ok())
    {
        let own: HashSet<_> = own.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        let mut folders = project_folders(&levels);
        folders.retain(|folder| folder.canonicalize().is_ok_and(|real| !own.contains(&real)));
        // Where it cannot be told what is hidden, nothing runs either.
        let hidden = session::hidden(settings, environment).ok();
        let found = hidden.map(|hidden| Search::of_project(root, hidden).through(&folders));
        prompts.extend(found.into_iter().flatten());
    }
    prompts
}

fn own_folders(environment: &Environment) -> Vec<PathBuf> {
    let homes = Homes::of(environment);
    let homes = [homes.agent, homes.codex].into_iter().flatten().map(|home| home.join("prompts"));
    let others = [".claude/commands", ".gemini/commands"];
    let others = environment.home.iter().flat_map(|home| others.map(|name| home.join(name)));
    homes.chain(others).collect()
}

/// The nearest to the work first.
fn project_folders(levels: &[PathBuf]) -> Vec<PathBuf> {
    const NAMES: [&str; 4] =
        [".codex/prompts", ".claude/commands", ".opencode/command", ".gemini/commands"];
    levels.iter().rev().flat_map(|level| NAMES.map(|name| level.join(name))).collect()
}

/// A look through folders, which ends however many there are.
struct Search {
    /// A project's real path. None for the person's own, whose links may lead anywhere.
    project: Option<PathBuf>,
    /// What a project's own lead to no more than a command does.
    hidden: Hidden,
    entries_left: usize,
    bytes_left: u64,
    found: Vec<Prompt>,
}

impl Search {
    fn of_person() -> Self {
        Self {
            project: None,
            hidden: Hidden::default(),
            entries_left: MAX_ENTRIES,
            bytes_left: MAX_BYTES_OF_ALL,
            found: vec![],
        }
    }

    fn of_project(root: PathBuf, hidden: Hidden) -> Self {
        Self { project: Some(root), hidden, ..Self::of_person() }
    }

    /// What is in these folders, each name once.
    fn through(mut self, folders: &[PathBuf]) -> Vec<Prompt> {
        for folder in folders {
            let before = self.found.len();
            self.look_below(folder, folder, MAX_DEPTH);
            self.found[before..].sort_by(|a, b| a.name.cmp(&b.name));
        }
        let mut seen = HashSet::new();
        self.found.retain(|prompt| seen.insert(prompt.name.clone()));
        self.found
    }

    fn look_below(&mut self, folder: &Path, dir: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(dir) else { return };
        for entry in entries.flatten() {
            let Some(left) = self.entries_left.checked_sub(1) else { return };
            self.entries_left = left;
            let path = entry.path();
            if !path.is_dir() {
                let prompt = self.read(folder, &path);
                self.found.extend(prompt);
            } else if depth > 0 {
                self.look_below(folder, &path, depth - 1);
            }
        }
    }

    fn read(&mut self, folder: &Path, path: &Path) -> Option<Prompt> {
        let name = path.strip_prefix(folder).ok()?.to_str()?;
        let is_of = |extension: &str| path.extension().is_some_and(|found| found == extension);
        if !is_of("md") && !is_of("toml") {
            return None;
        }
        let opened = Opened::open(path).ok().filter(|opened| self.may_be_read(opened, path))?;
        let text = opened.text(MAX_BYTES.min(self.bytes_left)).ok()?;
        self.bytes_left -= text.len() as u64;
        let origin = self.project.as_ref().map_or(Origin::Person, |_| Origin::Project);
        if is_of("md") {
            return Some(Prompt::markdown(name, &text).of(origin));
        }
        let table: toml::Table = text.parse().ok()?;
        let part = |key: &str| table.get(key).and_then(toml::Value::as_str);
        let description = part("description").unwrap_or_default();
        Some(Prompt::of_parts(name, description, part("prompt")?).of(origin))
    }

    /// A project must not be able to name the person's private files and have them sent (S11): its links stay in it, and
    /// lead to prompts that commands can read.
    fn may_be_read(&self, opened: &Opened, path: &Path) -> bool {
        let Some(project) = &self.project else { return true };
        let real = opened.real_path();
        real.is_some_and(|real| {
            real.starts_with(project)
                && real.extension() == path.extension()
                && !self.hidden.holds(&real)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(prompts: &[Prompt]) -> Vec<&str> {
        prompts.iter().map(|prompt| prompt.name.as_str()).collect()
    }

    #[test]
    fn prompts_of_every_format_are_found_and_other_files_are_not() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        fs::create_dir_all(root.join("git")).unwrap();
        fs::write(root.join("git/fix.md"), "Fix $1").unwrap();
        fs::write(root.join("plan.toml"), "description = \"Plan it\"\nprompt = \"Plan {{args}}\"")
            .unwrap();
        fs::write(root.join("broken.toml"), "prompt = ").unwrap();
        fs::write(root.join("notes.txt"), "no").unwrap();
        let found = Search::of_person().through(&[root.to_owned()]);
        assert_eq!(names(&found), ["git:fix", "plan"]);
    }

    #[test]
    fn s11_a_prompt_of_a_project_leads_to_no_file_but_a_prompt_in_it() {
        let scratch = tempfile::tempdir().unwrap();
        let scratch = scratch.path().canonicalize().unwrap();
        let (project, folder) = (scratch.join("project"), scratch.join("project/prompts"));
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir(scratch.join("elsewhere")).unwrap();
        fs::write(scratch.join("elsewhere/private.md"), "private").unwrap();
        fs::write(project.join(".env"), "KEY=private").unwrap();
        fs::write(project.join("shared.md"), "shared").unwrap();
        for (target, link) in [
            ("../../elsewhere/private.md", "file.md"),
            ("../../elsewhere", "folder"),
            ("../.env", "env.md"),
            ("/proc/self/environ", "environ.md"),
            ("../shared.md", "shared.md"),
        ] {
            symlink(target, folder.join(link)).unwrap();
        }
        let found =
            Search::of_project(project, Hidden::default()).through(std::slice::from_ref(&folder));
        assert_eq!(names(&found), ["shared"]);
        // The person's own links lead where the person wants.
        fs::remove_file(folder.join("environ.md")).unwrap();
        let found = Search::of_person().through(&[folder]);
        assert_eq!(names(&found), ["env", "file", "folder:private", "shared"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn r16_a_pipe_a_file_without_an_end_and_folders_without_one_hold_nobody_up() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().canonicalize().unwrap();
        mknodat(CWD, folder.join("pipe.md"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        symlink("/proc/self/pagemap", folder.join("endless.md")).unwrap();
        for link in 0..20 {
            symlink(".", folder.join(link.to_string())).unwrap();
        }
        fs::write(folder.join("long.md"), vec![b'x'; 1 << 20]).unwrap();
        fs::write(folder.join("all.md"), vec![b'x'; 200 << 10]).unwrap();
        let found = Search::of_person().through(&[folder]);
        assert!(found.iter().all(|prompt| prompt.name.ends_with("all")), "{:?}", names(&found));
        assert!(found.len() as u64 <= MAX_BYTES_OF_ALL / (200 << 10));
    }
}
