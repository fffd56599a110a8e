//! The prompts that a person keeps as files, ours and those of other programs: found, read, never written.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use agent_tui::prompts::Prompt;

use crate::config::{Environment, Homes};
use crate::settings::Settings;

/// A file of more is no prompt.
const MAX_BYTES: u64 = 256 * 1024;
/// Folders below folders.
const MAX_DEPTH: usize = 4;

/// All of them; of two with one name the one nearer to the work.
pub(super) fn find(settings: &Settings, environment: &Environment) -> Vec<Prompt> {
    let mut prompts = Vec::new();
    let mut seen = HashSet::new();
    for root in roots(settings, environment) {
        let mut found = Vec::new();
        read_below(&root, &root, MAX_DEPTH, &mut found);
        found.sort_by(|a: &Prompt, b| a.name.cmp(&b.name));
        prompts.extend(found.into_iter().filter(|prompt| seen.insert(prompt.name.clone())));
    }
    prompts
}

fn roots(settings: &Settings, environment: &Environment) -> Vec<PathBuf> {
    const OF_PROJECTS: [&str; 4] =
        [".codex/prompts", ".claude/commands", ".opencode/command", ".gemini/commands"];
    let mut roots: Vec<_> = settings
        .workspace
        .root_to_cwd()
        .into_iter()
        .rev()
        .flat_map(|dir| OF_PROJECTS.map(|name| dir.join(name)))
        .collect();
    let homes = Homes::of(environment);
    roots.extend([homes.agent, homes.codex].into_iter().flatten().map(|home| home.join("prompts")));
    if let Some(home) = &environment.home {
        roots.push(home.join(".claude/commands"));
        roots.push(home.join(".gemini/commands"));
    }
    roots
}

fn read_below(root: &Path, dir: &Path, depth: usize, found: &mut Vec<Prompt>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() && depth > 0 {
            read_below(root, &path, depth - 1, found);
        } else if metadata.is_file() && metadata.len() <= MAX_BYTES {
            found.extend(read(root, &path));
        }
    }
}

fn read(root: &Path, path: &Path) -> Option<Prompt> {
    let name = path.strip_prefix(root).ok()?.to_str()?;
    let is_of = |extension: &str| path.extension().is_some_and(|found| found == extension);
    if !is_of("md") && !is_of("toml") {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    if is_of("md") {
        return Some(Prompt::markdown(name, &text));
    }
    let table: toml::Table = text.parse().ok()?;
    let part = |key: &str| table.get(key).and_then(toml::Value::as_str);
    Some(Prompt::of_parts(name, part("description").unwrap_or_default(), part("prompt")?))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut found = Vec::new();
        read_below(root, root, MAX_DEPTH, &mut found);
        let mut names: Vec<_> = found.iter().map(|prompt| prompt.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["git:fix", "plan"]);
    }
}
