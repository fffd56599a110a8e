//! The configuration of git that holds somewhere: the system's, the person's, the environment's or a repository's, with the
//! files it includes. What it names that git would run is kept as written; where that lies is found in `named.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::command_line::{self, Word};
use super::git_config;
use super::settings::{Entry, Settings};
use super::state::read_through;

/// Git goes no deeper.
const DEEPEST: usize = 10;
const MOST_FILES: usize = 1_000;
/// Bytes of a file that is included.
const MAX_FILE: u64 = 1 << 20;

/// Variables that hold a command line.
const PROGRAMS: &[&str] = &[
    "GIT_EDITOR",
    "GIT_SEQUENCE_EDITOR",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_PROXY_COMMAND",
    "GIT_ASKPASS",
];

#[derive(Debug, Default)]
pub(super) struct Holding {
    pub(super) home: Option<PathBuf>,
    /// That are included, or would be if they were there.
    pub(super) files: BTreeSet<PathBuf>,
    pub(super) hooks: Vec<Vec<u8>>,
    /// What new repositories are copied from.
    pub(super) templates: Vec<Vec<u8>>,
    pub(super) programs: Vec<Word>,
    /// Command lines that know passwords.
    pub(super) helpers: Vec<Vec<u8>>,
    /// As a repository may name them.
    pub(super) trees: Vec<Vec<u8>>,
}

impl Holding {
    /// Everywhere; `configs` are the files that git looks for.
    pub(super) fn everywhere(configs: &[PathBuf], env: &BTreeMap<OsString, OsString>) -> Self {
        let home = super::persons::variable(env, "HOME");
        let mut holding = Self { home, ..Self::default() };
        for path in configs {
            holding.read(path, 0);
        }
        // Who asks knows them.
        holding.files.retain(|path| !configs.contains(path));
        let entries = of_environment(env);
        holding.add(&Settings { entries, is_understood: true }, Path::new("/"), 0);
        let programs = PROGRAMS.iter().filter_map(|name| env.get(OsStr::new(name)));
        holding.programs.extend(programs.flat_map(|line| command_line::words(line.as_bytes())));
        holding
    }

    /// In one repository, by itself.
    pub(super) fn of_repository<'a>(
        texts: impl Iterator<Item = (&'a [u8], &'a Path)>,
        home: Option<&Path>,
    ) -> Self {
        let mut holding = Self { home: home.map(Path::to_owned), ..Self::default() };
        for (text, beside) in texts {
            holding.add(&Settings::read(text), beside, 0);
        }
        holding
    }

    fn read(&mut self, path: &Path, depth: usize) {
        if depth > DEEPEST || self.files.len() > MOST_FILES || !self.files.insert(path.to_owned()) {
            return;
        }
        if let Some(text) = read_through(path, MAX_FILE) {
            self.add(&Settings::read(&text), path.parent().unwrap_or(path), depth);
        }
    }

    /// Whether an include would be followed just now depends on too much to be asked.
    fn add(&mut self, settings: &Settings, beside: &Path, depth: usize) {
        let values = |pattern| git_config::values_in(settings, pattern).map(<[u8]>::to_vec);
        self.hooks.extend(values("core.hookspath"));
        self.templates.extend(values("init.templatedir"));
        self.trees.extend(values("core.worktree"));
        self.helpers.extend(values("credential.*.helper"));
        self.programs.extend(git_config::programs_in(settings).flat_map(command_line::words));
        for pattern in ["include.path", "includeif.*.path"] {
            for value in values(pattern) {
                let path = self.path(beside, &value);
                self.read(&path, depth + 1);
            }
        }
    }

    /// What a value names that is a path, seen from `base`.
    pub(super) fn path(&self, base: &Path, value: &[u8]) -> PathBuf {
        let of_home = ["~/", "$HOME/", "${HOME}/"];
        let in_home = of_home.iter().find_map(|home| value.strip_prefix(home.as_bytes()));
        match (in_home, &self.home) {
            (Some(rest), Some(home)) => home.join(OsStr::from_bytes(rest)),
            _ => base.join(OsStr::from_bytes(value)),
        }
    }
}

/// What variables set, as if it stood in a file.
fn of_environment(env: &BTreeMap<OsString, OsString>) -> Vec<Entry> {
    let variable = |name: &str| env.get(OsStr::new(name)).map(|value| value.as_bytes());
    let count = variable("GIT_CONFIG_COUNT").and_then(|count| std::str::from_utf8(count).ok());
    let count = count.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
    let mut entries: Vec<_> = (0..count.min(MOST_FILES))
        .filter_map(|number| {
            let key = variable(&format!("GIT_CONFIG_KEY_{number}"))?;
            Some((name(key), variable(&format!("GIT_CONFIG_VALUE_{number}")).map(<[u8]>::to_vec)))
        })
        .collect();
    let given = variable("GIT_CONFIG_PARAMETERS").unwrap_or_default();
    entries.extend(command_line::commands(given).concat().iter().map(|given| {
        let mut parts = given.splitn(2, |byte| *byte == b'=');
        (name(parts.next().unwrap_or_default()), parts.next().map(<[u8]>::to_vec))
    }));
    entries
}

/// All in small letters but for the middle part.
fn name(key: &[u8]) -> Vec<u8> {
    let dot = |from: Option<usize>| from.unwrap_or(key.len());
    let first = dot(key.iter().position(|byte| *byte == b'.'));
    let last = dot(key.iter().rposition(|byte| *byte == b'.'));
    let mut name = key.to_vec();
    name[..first].make_ascii_lowercase();
    name[last..].make_ascii_lowercase();
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_is_found_in_files_and_variables_and_whatever_they_include() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        std::fs::write(at("config"), "[include]\npath = sub/one\n[core]\nhooksPath = a\n").unwrap();
        std::fs::create_dir(at("sub")).unwrap();
        let one = "[includeIf \"onbranch:x\"]\npath = one\npath = ~/two\n[core]\nhooksPath = b\n";
        std::fs::write(at("sub/one"), one).unwrap();
        std::fs::write(at("two"), "[core]\nhooksPath = c\neditor = ./ed\n").unwrap();
        let env = [
            ("HOME", place.path().as_os_str()),
            ("GIT_CONFIG_COUNT", OsStr::new("2")),
            ("GIT_CONFIG_KEY_0", OsStr::new("CORE.HooksPath")),
            ("GIT_CONFIG_VALUE_0", OsStr::new("d")),
            ("GIT_CONFIG_KEY_1", OsStr::new("include.path")),
            ("GIT_CONFIG_VALUE_1", OsStr::new("~/absent")),
            ("GIT_CONFIG_PARAMETERS", OsStr::new("'core.hookspath=e' 'core.HooksPath'='f'")),
            ("GIT_EDITOR", OsStr::new("env ./other")),
        ];
        let env = env.map(|(name, value)| (name.into(), value.into())).into();
        let holding = Holding::everywhere(&[at("config")], &env);
        let hooks: Vec<_> = ["b", "c", "a", "d", "e", "f"].map(Vec::from).into();
        let mut found = holding.hooks.clone();
        found.sort();
        let mut wanted = hooks;
        wanted.sort();
        assert_eq!(found, wanted);
        let files = ["absent", "sub/one", "two"].map(at);
        assert_eq!(holding.files, files.into());
        let programs = ["./ed", "./other"].map(|path| Word::Path(path.into()));
        assert!(programs.iter().all(|program| holding.programs.contains(program)));
    }
}
