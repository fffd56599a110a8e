//! The environment of what the agent starts itself, outside of the sandbox, for the person: their editor, `notify`, the
//! programs of the desktop, git, their login shell. Nothing in it leads a program to code or settings that the model or a
//! project may have put there. That of commands is none of this file's business.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::search_path::own_search_path;
use crate::shared::Shared;

type Variables = BTreeMap<OsString, OsString>;

/// By which programs find what they load or obey, each a list of paths or one (`*` stands for any end). What is not absolute
/// in one of them depends on where a program is started. Options count as such: they are missed less than they could do.
const LOADING: &[&str] = &[
    "LD_*",
    "DYLD_*",
    "GCONV_PATH",
    "LOCPATH",
    "NLSPATH",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "BASH_ENV",
    "CDPATH",
    "ENV",
    "FPATH",
    "ZDOTDIR",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONPYCACHEPREFIX",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PERL5*",
    "PERLLIB",
    "RUBYLIB",
    "RUBYOPT",
    "GEM_HOME",
    "GEM_PATH",
    "BUNDLE_GEMFILE",
    "BUNDLE_PATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "LUA_*",
    "CLASSPATH",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "TCLLIBPATH",
    "EMACSLOADPATH",
    "MYVIMRC",
    "VIM",
    "VIMRUNTIME",
    "XDG_CONFIG_HOME",
    "GIT_ASKPASS",
    "GIT_CONFIG",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_EXEC_PATH",
    "GIT_TEMPLATE_DIR",
    "SSH_ASKPASS",
];

/// Which name what a program talks to, or where the person's own things are. A project may be all of the home, or of `/tmp`.
const KEPT: &[&str] = &[
    "HOME",
    "TMPDIR",
    "TMP",
    "TEMP",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "ICEAUTHORITY",
    "SESSION_MANAGER",
    "TMUX",
    "STY",
    "NVIM",
    "NVIM_LISTEN_ADDRESS",
    "KITTY_LISTEN_ON",
    "VSCODE_IPC_HOOK*",
    "*_SOCK",
    // They count by their number only, which `git_settings` judges: git does not start when one is missing.
    "GIT_CONFIG_KEY_*",
    "GIT_CONFIG_VALUE_*",
];

/// Around a path in a text.
const SEPARATORS: &[u8] = b":;,= \t\n\"'`|&()<>";

/// What the person's own programs are started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEnvironment {
    variables: Variables,
    path: OsString,
    directory: PathBuf,
}

impl OwnEnvironment {
    /// What is left of `variables` where not only the person writes in what is `shared`.
    pub fn new(variables: &Variables, shared: &Shared) -> Self {
        let judge = Judge {
            shared,
            home: variables.get(OsStr::new("HOME")).map(PathBuf::from).unwrap_or_default(),
        };
        let has_git_settings = judge.leaves_git_settings(variables);
        let mut left: Variables = variables
            .iter()
            .filter(|(name, _)| has_git_settings || *name != "GIT_CONFIG_COUNT")
            .filter_map(|(name, value)| Some((name.clone(), judge.left(name, value)?)))
            .collect();
        let path = variables.get(OsStr::new("PATH")).map_or(OsStr::new(""), OsString::as_os_str);
        let path = own_search_path(path, shared);
        left.insert("PATH".into(), path.clone());
        let is_own = judge.home.is_absolute() && judge.home.is_dir() && !shared.holds(&judge.home);
        let directory = if is_own { judge.home } else { PathBuf::from("/") };
        Self { variables: left, path, directory }
    }

    /// The whole environment.
    pub fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }

    /// Along which programs are looked for.
    pub fn path(&self) -> &OsStr {
        &self.path
    }

    /// Where to start what does not have to be in the workspace: interpreters load what lies where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

struct Judge<'a> {
    shared: &'a Shared,
    home: PathBuf,
}

impl Judge<'_> {
    /// What stays of a variable.
    fn left(&self, name: &OsStr, value: &OsStr) -> Option<OsString> {
        if is_among(KEPT, name) {
            return Some(value.to_owned());
        }
        if is_among(LOADING, name) {
            return self.left_of_list(value);
        }
        (!self.leads_there(value)).then(|| value.to_owned())
    }

    fn left_of_list(&self, value: &OsStr) -> Option<OsString> {
        let entries = value.as_bytes().split(|byte| *byte == b':');
        let own: Vec<_> = entries.filter(|entry| self.is_own(entry)).collect();
        (!own.is_empty()).then(|| OsString::from_vec(own.join(&b':')))
    }

    /// Some lists are divided in another way.
    fn is_own(&self, entry: &[u8]) -> bool {
        let is_shared = |entry: &[u8]| self.shared.holds(path(entry));
        let mut parts = entry.split(|byte| byte.is_ascii_whitespace() || *byte == b';');
        parts.all(|part| part.starts_with(b"/") && !is_shared(part)) && !is_shared(entry)
    }

    /// Whether a text names something of the project, at its beginning or anywhere within.
    fn leads_there(&self, text: &OsStr) -> bool {
        let entries = text.as_bytes().split(|byte| *byte == b':');
        // In another pass, as the name of a directory may hold such a byte.
        let words = text.as_bytes().split(|byte| SEPARATORS.contains(byte));
        let mut named = entries.chain(words).filter_map(|words| self.named_in(words));
        named.any(|path| self.shared.holds(&path))
    }

    /// The path that some words end with, as `-I/x` and `~/x` do.
    fn named_in(&self, words: &[u8]) -> Option<PathBuf> {
        let (before, rest) = words.split_at(memchr::memchr(b'/', words)?);
        let is_of_home =
            ["~", "$HOME", "${HOME}"].iter().any(|home| before.ends_with(home.as_bytes()));
        let rest = path(rest);
        if is_of_home {
            Some(self.home.join(rest.strip_prefix("/").ok()?))
        } else {
            Some(rest.to_owned())
        }
    }

    /// Whether the settings for git that are variables lead nowhere in the project, but to say whose it is.
    fn leaves_git_settings(&self, variables: &Variables) -> bool {
        variables.iter().all(|(name, value)| {
            let number = name.as_bytes().strip_prefix(b"GIT_CONFIG_VALUE_");
            number.is_none_or(|number| {
                let key = [b"GIT_CONFIG_KEY_", number].concat();
                let key = variables.get(OsStr::from_bytes(&key));
                key.is_some_and(|key| key.eq_ignore_ascii_case("safe.directory"))
                    || !self.leads_there(value)
            })
        })
    }
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn is_among(patterns: &[&str], name: &OsStr) -> bool {
    let name = name.as_bytes();
    patterns.iter().any(|pattern| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end.as_bytes()),
        (_, Some(beginning)) => name.starts_with(beginning.as_bytes()),
        (None, None) => name == pattern.as_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// What is left of a variable where the person works in `work`, a directory below the home.
    fn left(home: &Path, name: &str, value: &str) -> Option<String> {
        let home = home.to_owned();
        let variables = BTreeMap::from([
            ("HOME".into(), home.clone().into()),
            (name.into(), value.replace("HERE", home.to_str().unwrap()).into()),
        ]);
        let shared = Shared::new([home.join("work")]);
        let own = OwnEnvironment::new(&variables, &shared);
        let value = own.variables().get(OsStr::new(name))?.to_str().unwrap();
        Some(value.replace(home.to_str().unwrap(), "HERE"))
    }

    fn home() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for made in ["work/lib", "own lib"] {
            std::fs::create_dir_all(dir.path().join(made)).unwrap();
        }
        symlink(dir.path().join("work/lib"), dir.path().join("link")).unwrap();
        symlink("/usr/lib", dir.path().join("work/to-own")).unwrap();
        dir
    }

    #[test]
    fn s20_no_variable_leads_what_is_started_outside_into_the_project() {
        let home = home();
        for (name, value) in [
            ("VIRTUAL_ENV", "HERE/work/.venv"),
            ("ANYTHING", "HERE/work"),
            ("ANYTHING", "/usr/lib:HERE/link/x"),
            ("ANYTHING", "HERE/work/to-own"),
            ("LESSOPEN", "|HERE/work/open %s"),
            ("VIMINIT", "source ~/work/vimrc"),
            ("VIMINIT", "source ${HOME}/work/vimrc"),
            ("GREP_OPTIONS", "-e x -IHERE/work/lib"),
            ("SOMEWHERE", "file://HERE/work/lib"),
            ("GIT_CONFIG_PARAMETERS", "'include.path'='HERE/work/x'"),
            ("PWD", "HERE/work"),
        ] {
            assert_eq!(left(home.path(), name, value), None, "{name}={value}");
        }
    }

    #[test]
    fn s20_what_programs_load_by_is_absolute_and_the_persons() {
        let home = home();
        for (name, value, expected) in [
            ("LD_LIBRARY_PATH", "HERE/work/lib", None),
            ("LD_LIBRARY_PATH", "/opt/x/lib:", Some("/opt/x/lib")),
            ("LD_LIBRARY_PATH", "lib:HERE/link:/opt/x/lib:.", Some("/opt/x/lib")),
            ("LD_PRELOAD", "/opt/x.so lib/x.so", None),
            ("DYLD_INSERT_LIBRARIES", "x.dylib", None),
            ("PYTHONPATH", "src", None),
            ("PYTHONPATH", "HERE/own", Some("HERE/own")),
            ("BASH_ENV", "$PWD/.env.sh", None),
            ("BASH_ENV", "HERE/.rc", Some("HERE/.rc")),
            ("LUA_PATH", "./?.lua;;", None),
            ("LUA_PATH", "/opt/?.lua;./?.lua", None),
            ("PERL5OPT", "-Ilib -Mx", None),
            ("NODE_OPTIONS", "--require ./x.js", None),
            ("GIT_CONFIG_GLOBAL", ".gitconfig", None),
            ("XDG_CONFIG_HOME", "HERE/.config", Some("HERE/.config")),
        ] {
            assert_eq!(left(home.path(), name, value).as_deref(), expected, "{name}={value}");
        }
    }

    #[test]
    fn what_leads_nowhere_near_the_project_stays_as_it_is() {
        let home = home();
        for (name, value) in [
            ("EDITOR", "vim -u HERE/own/vimrc"),
            ("GOPATH", "HERE/go"),
            ("TZ", "Europe/Berlin"),
            ("GREETING", "work/lib: no/path"),
            ("PYTHONUNBUFFERED", "1"),
            ("XDG_DATA_DIRS", "/usr/share:"),
            ("NIX_PROFILES", "/nix/var/nix/profiles/default HERE/.nix-profile"),
            ("ANYTHING", "HERE/workshop"),
            ("EMPTY", ""),
            // Whatever lies there.
            ("SSH_AUTH_SOCK", "HERE/work/agent.sock"),
            ("TMPDIR", "HERE/work/tmp"),
        ] {
            assert_eq!(left(home.path(), name, value).as_deref(), Some(value), "{name}");
        }
    }

    #[test]
    fn s20_gits_settings_by_variables_lead_into_no_project_and_may_say_whose_it_is() {
        let settings = |key: &str| {
            let pairs = [
                ("GIT_CONFIG_COUNT", "1"),
                ("GIT_CONFIG_KEY_0", key),
                ("GIT_CONFIG_VALUE_0", "/no/such/work/x"),
            ];
            let variables = pairs.map(|(name, value)| (name.into(), value.into())).into();
            OwnEnvironment::new(&variables, &Shared::new(["/no/such/work".into()]))
        };
        let counts =
            |own: &OwnEnvironment| own.variables().contains_key(OsStr::new("GIT_CONFIG_COUNT"));
        assert!(!counts(&settings("include.path")));
        assert!(counts(&settings("safe.directory")));
    }

    #[test]
    fn s20_what_need_not_be_in_the_project_is_started_outside_of_it() {
        let home = home();
        let at = |project: &Path| {
            let variables = BTreeMap::from([("HOME".into(), home.path().into())]);
            let own = OwnEnvironment::new(&variables, &Shared::new([project.to_owned()]));
            own.directory().to_owned()
        };
        assert_eq!(at(&home.path().join("work")), home.path());
        assert_eq!(at(home.path()), Path::new("/"));
    }
}
