//! The rules about commands: which files count, and where new ones go (docs/permissions.md).

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use agent_tools::{RuleError, RuleFiles, Rules};

use crate::config::{ConfigError, Environment, Homes, Notes, Project, ProjectFileKind};
use crate::workspace::Workspace;

/// Ours and Codex's are the person's word. Those of a project count when they were accepted, and then only make stricter.
///
/// # Errors
/// When a file is wrong, with `--strict-config`.
pub(super) fn read(
    homes: &Homes,
    workspace: &Workspace,
    project: &Project,
    environment: &Environment,
    notes: &mut Notes,
) -> Result<Rules, ConfigError> {
    let mut rules = Rules::default();
    for dir in homes.rules(environment) {
        rules.extend(whole(Rules::read_dir(&dir), notes)?);
    }
    if let Some(file) = files(homes, workspace).project {
        rules.extend(whole(Rules::read(&file), notes)?);
    }
    for (path, bytes) in project.accepted(ProjectFileKind::Rules) {
        let (stricter, dropped) = whole(parse(path, bytes), notes)?.of_project();
        if dropped > 0 {
            notes.tell(format!(
                "{}: a project may not allow commands; {dropped} of its rules ignored",
                path.display()
            ));
        }
        rules.extend(stricter);
    }
    rules.not_honoured().into_iter().for_each(|sentence| notes.tell(sentence));
    Ok(rules)
}

fn parse(path: &Path, bytes: &[u8]) -> (Rules, Vec<RuleError>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => Rules::parse(path, text),
        Err(_) => {
            let (file, problem) = (path.to_owned(), "it is not UTF-8".to_owned());
            (Rules::default(), vec![RuleError { file, line: 1, column: 1, problem }])
        }
    }
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
