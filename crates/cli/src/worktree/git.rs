//! The person's own git, asked about a repository that may be anybody's: of that one's settings nothing runs here, where
//! no sandbox is around it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use agent_tools::OwnEnvironment;
use anyhow::Context as _;

/// Settings above all others: hooks, what is asked for changes, what git would do in submodules, and the logs of branches,
/// which may lead out of the repository.
const SETTINGS: [&str; 4] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "submodule.recurse=false",
    "core.logAllRefUpdates=false",
];

/// Who is said to have made a branch where it has a log all the same: the name in the settings may be a command line.
const COMMITTER: [(&str, &str); 2] =
    [("GIT_COMMITTER_NAME", "agent"), ("GIT_COMMITTER_EMAIL", "agent@localhost")];

/// What a hook around us may have left, so that git would look elsewhere.
const LEADING: [&str; 4] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"];

/// The keys of a filter, and what makes each do nothing.
const FILTER: [(&str, &str); 4] =
    [("clean", ""), ("smudge", ""), ("process", ""), ("required", "false")];

/// Git in one directory.
pub(super) struct Git<'a> {
    directory: &'a Path,
    /// In which it is looked for, and whatever it starts.
    own: &'a OwnEnvironment,
    /// What else is set for a command.
    overrides: Vec<OsString>,
}

impl<'a> Git<'a> {
    pub(super) fn at(directory: &'a Path, own: &'a OwnEnvironment) -> Self {
        Self { directory, own, overrides: Vec::new() }
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory
    }

    /// The same without the filters that the repository sets, and their names. Those of the person's own
    /// configuration, as git-lfs has them, go on.
    ///
    /// # Errors
    /// When they cannot be found out, or git cannot be told to leave one out.
    pub(super) fn without_filters(self) -> anyhow::Result<(Self, Vec<String>)> {
        let listed = self.run(["config", "--list", "-z", "--show-scope", "--includes"], [])?;
        let settings = Settings::read(&listed.stdout);
        let mut overrides = Vec::new();
        for name in &settings.filters {
            // Up to the first one is what git takes for the key.
            anyhow::ensure!(
                !name.contains(&b'='),
                "the repository has a filter with `=` in its name, which git cannot be told to leave out"
            );
            overrides.extend(settings.instead_of(name));
        }
        // Hooks that are settings, as newer versions of git have them.
        for name in &settings.hooks {
            let off = [b"hook.", &name[..], b".enabled=false"].concat();
            overrides.push(OsString::from_vec(off));
        }
        let names = settings.filters.iter().map(|name| String::from_utf8_lossy(name).into_owned());
        Ok((Self { overrides, ..self }, names.collect()))
    }

    /// Runs it. Nothing is fetched: what is missing in a partial clone would come through whatever programs it names.
    ///
    /// # Errors
    /// When it cannot be started or fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "the person asks for it, and nothing of the model's has a say in it"
    )]
    pub(super) fn run<'b>(
        &self,
        arguments: impl IntoIterator<Item = &'b str>,
        paths: impl IntoIterator<Item = &'b Path>,
    ) -> anyhow::Result<Output> {
        let mut command = std::process::Command::new("git");
        command.arg("-C").arg(self.directory).env_clear().envs(self.own.variables());
        let settings = SETTINGS.iter().map(OsStr::new);
        for setting in settings.chain(self.overrides.iter().map(OsString::as_os_str)) {
            command.arg("-c").arg(setting);
        }
        let arguments = arguments.into_iter().map(OsStr::new);
        command.args(arguments.chain(paths.into_iter().map(Path::as_os_str)));
        command.stdin(Stdio::null());
        for variable in LEADING {
            command.env_remove(variable);
        }
        command.envs(COMMITTER);
        // The second is for versions that do not know the first: no way of fetching has this name.
        command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "none");
        command.env("GIT_TERMINAL_PROMPT", "0");
        let output = command.output().context("git cannot be started")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            anyhow::bail!("git says: {}", agent_tui::plain(said.trim()));
        }
        Ok(output)
    }
}

/// What counts here of the settings that hold in a repository.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settings {
    /// The person's and the machine's, of all filters.
    own: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The repository's, of filters: their names, and all that it sets.
    filters: BTreeSet<Vec<u8>>,
    keys: BTreeSet<Vec<u8>>,
    /// The names of its hooks.
    hooks: BTreeSet<Vec<u8>>,
}

impl Settings {
    /// As `git config --list -z --show-scope` prints them: the scope, then the key and, in a line of its own, the value.
    fn read(listed: &[u8]) -> Self {
        let mut settings = Self::default();
        let mut parts = listed.split(|byte| *byte == 0);
        while let (Some(scope), Some(setting)) = (parts.next(), parts.next()) {
            let end = setting.iter().position(|byte| *byte == b'\n');
            let key = &setting[..end.unwrap_or(setting.len())];
            let is_own = matches!(scope, b"system" | b"global" | b"command");
            if let Some(name) = middle(key, b"filter.") {
                if is_own {
                    let value = end.map_or(&b"true"[..], |end| &setting[end + 1..]);
                    settings.own.insert(key.to_vec(), value.to_vec());
                } else {
                    settings.filters.insert(name.to_vec());
                    settings.keys.insert(key.to_vec());
                }
            } else if let Some(name) = middle(key, b"hook.").filter(|_| !is_own) {
                settings.hooks.insert(name.to_vec());
            }
        }
        settings
    }

    /// What stands above the settings of a filter: the person's where they have one of that name, else nothing.
    fn instead_of(&self, name: &[u8]) -> Vec<OsString> {
        let full = |key: &str| [b"filter.", name, b".", key.as_bytes()].concat();
        let is_persons = FILTER.iter().any(|(key, _)| self.own.contains_key(&full(key)));
        let setting = |(key, nothing): &(&str, &str)| {
            let key = full(key);
            // A `process` that is set to nothing is one, and hides `smudge`.
            let stays = is_persons && !self.keys.contains(&key);
            let nothing = (!stays).then_some(nothing.as_bytes());
            let value = self.own.get(&key).map(Vec::as_slice).or(nothing)?;
            Some(OsString::from_vec([&key[..], b"=", value].concat()))
        };
        FILTER.iter().filter_map(setting).collect()
    }
}

/// What a key has between its section and its last part.
fn middle<'a>(key: &'a [u8], section: &[u8]) -> Option<&'a [u8]> {
    let rest = key.strip_prefix(section)?;
    Some(&rest[..rest.iter().rposition(|byte| *byte == b'.')?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_of_the_repository_are_told_from_the_persons() {
        let listed = b"system\0core.bare\nfalse\0global\0filter.lfs.smudge\ngit-lfs smudge\0\
            global\0filter.lfs.required\0local\0filter.lfs.smudge\nevil\0local\0filter.a.b.process\nx\ny\0\
            worktree\0hook.x.command\nx\0global\0hook.own.command\nx\0";
        let settings = Settings::read(listed);
        let named = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
        assert_eq!(settings.filters, named(&["lfs", "a.b"]));
        assert_eq!(settings.hooks, named(&["x"]));
        let own = |key: &str| settings.own[key.as_bytes()].clone();
        assert_eq!(own("filter.lfs.smudge"), b"git-lfs smudge");
        assert_eq!(own("filter.lfs.required"), b"true");
        assert_eq!(settings.own.len(), 2);
        let lfs = ["filter.lfs.smudge=git-lfs smudge", "filter.lfs.required=true"];
        assert_eq!(settings.instead_of(b"lfs"), lfs);
        let nothing = ["clean=", "smudge=", "process=", "required=false"];
        assert_eq!(
            settings.instead_of(b"a.b"),
            nothing.map(|key| OsString::from(format!("filter.a.b.{key}")))
        );
    }
}
