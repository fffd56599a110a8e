//! The rules about commands: which files count, and where new ones go (docs/permissions.md).

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use agent_tools::{RuleError, RuleFiles, Rules};

use crate::config::{ConfigError, Environment, Homes, Notes};
use crate::workspace::Workspace;

/// Ours and Codex's are the person's word. Those of a project count when it is trusted, and then only make stricter.
///
/// # Errors
/// When a file is wrong, with `--strict-config`.
pub(super) fn read(
    homes: &Homes,
    workspace: &Workspace,
    trusted: bool,
    environment: &Environment,
    notes: &mut Notes,
) -> Result<Rules, ConfigError> {
    let mut rules = Rules::default();
    let system = environment.system_config.parent();
    let homes_of = [system, homes.codex.as_deref(), homes.agent.as_deref()];
    let mut dirs: Vec<PathBuf> =
        homes_of.into_iter().flatten().map(|home| home.join("rules")).collect();
    dirs.dedup();
    for dir in &dirs {
        rules.extend(whole(Rules::read_dir(dir), notes)?);
    }
    if let Some(file) = files(homes, workspace).project {
        rules.extend(whole(Rules::read(&file), notes)?);
    }
    for directory in workspace.root_to_cwd() {
        for dir in [directory.join(".codex/rules"), directory.join(".agent/rules")] {
            // The home directory may be a project too; its rules are then the person's own.
            if dirs.contains(&dir) || !dir.is_dir() {
                continue;
            }
            if !trusted {
                notes.tell(format!(
                    "{} is ignored: this directory is not trusted; `--trust` trusts it for one run",
                    dir.display()
                ));
                continue;
            }
            let (stricter, dropped) = whole(Rules::read_dir(&dir), notes)?.of_project();
            if dropped > 0 {
                notes.tell(format!(
                    "{}: a project may not allow commands; {dropped} of its rules ignored",
                    dir.display()
                ));
            }
            rules.extend(stricter);
        }
    }
    rules.not_honoured().into_iter().for_each(|sentence| notes.tell(sentence));
    Ok(rules)
}

/// Where the rules go that the person makes by an answer. A project's are kept in our home too: what lies in the
/// project can be changed by others.
pub(super) fn files(homes: &Homes, workspace: &Workspace) -> RuleFiles {
    let Some(dir) = homes.agent.as_ref().map(|home| home.join("rules")) else {
        return RuleFiles::default();
    };
    let project = workspace.root.as_deref().unwrap_or(&workspace.cwd);
    RuleFiles {
        project: Some(dir.join("projects").join(file_name(project)))
            .filter(|file| file.file_name().is_some_and(|name| name.len() < 240)),
        always: Some(dir.join("default.rules")),
    }
}

/// `/home/me/app` as `+home+me+app.rules`: no two paths have the same.
fn file_name(project: &Path) -> String {
    let byte = |byte: &u8| match byte {
        b'/' => "+".to_owned(),
        b'-' | b'_' | b'.' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    project.as_os_str().as_bytes().iter().map(byte).collect::<String>() + ".rules"
}

fn whole(
    (rules, errors): (Rules, Vec<RuleError>),
    notes: &mut Notes,
) -> Result<Rules, ConfigError> {
    for error in errors {
        notes.object(format!("{error}; the other rules of the file count"))?;
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_projects_share_a_file() {
        for (path, name) in [
            ("/home/me/app", "+home+me+app.rules"),
            ("/a+b", "+a%2Bb.rules"),
            ("/a/b", "+a+b.rules"),
            ("/a%2Bb", "+a%252Bb.rules"),
            ("/é", "+%C3%A9.rules"),
        ] {
            assert_eq!(file_name(Path::new(path)), name);
        }
    }
}
