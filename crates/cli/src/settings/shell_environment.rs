//! Which environment variables commands get: `[shell_environment_policy]`, above the rule that secrets do not (S12).

use std::collections::BTreeMap;
use std::ffi::OsString;

use agent_tools::{LoginPolicy, LoginVariables};

use super::secret_variables::{secret_values, without_secrets};
use crate::config::Config;

/// What `inherit = "core"` keeps.
const CORE: [&str; 12] = [
    "PATH", "HOME", "SHELL", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "TERM", "LANG", "LC_*",
    "TZ",
];

/// The policy, resolved. Names are compared without regard to case; `*` and `?` stand for any text and any character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShellEnvironment {
    inherit: Inherit,
    /// Secrets stay out.
    excludes_secrets: bool,
    exclude: Vec<String>,
    /// Only these, when there are any.
    include_only: Vec<String>,
    set: BTreeMap<String, String>,
    /// The person's login shell may be started, and its profile counts.
    asks_login_shell: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inherit {
    All,
    Core,
    None,
}

impl ShellEnvironment {
    pub(super) fn read(config: &Config) -> Self {
        const SECTION: &str = "shell_environment_policy";
        let names = |key| config.texts([SECTION, key]).unwrap_or_default();
        Self {
            inherit: match config.text([SECTION, "inherit"]) {
                Some("core") => Inherit::Core,
                Some("none") => Inherit::None,
                _ => Inherit::All,
            },
            excludes_secrets: config.flag([SECTION, "ignore_default_excludes"]) != Some(true),
            exclude: names("exclude"),
            include_only: names("include_only"),
            set: config.text_map([SECTION, "set"]),
            asks_login_shell: config.flag(["allow_login_shell"]) != Some(false)
                && config.flag([SECTION, "experimental_use_profile"]) != Some(false),
        }
    }

    /// The whole environment of a command, made from ours. What is `set` counts last and always.
    pub(crate) fn apply(
        &self,
        variables: &BTreeMap<OsString, OsString>,
    ) -> BTreeMap<OsString, OsString> {
        let kept = variables.iter().filter(|(name, _)| self.keeps(&name.to_string_lossy()));
        let mut environment: BTreeMap<_, _> =
            kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        if self.excludes_secrets {
            environment = without_secrets(environment);
        }
        environment.extend(self.set.iter().map(|(name, value)| (name.into(), value.into())));
        environment
    }

    /// What commands get of the person's login shell beside `own` variables; none when it is not asked.
    pub(crate) fn login_policy(&self, own: &BTreeMap<OsString, OsString>) -> Option<LoginPolicy> {
        if !self.asks_login_shell || self.inherit == Inherit::None {
            return None;
        }
        let takes_path = self.keeps("PATH") && !self.set.keys().any(|name| name == "PATH");
        let (policy, own) = (self.clone(), own.clone());
        Some(LoginPolicy::new(takes_path, move |said| policy.judge_login(&own, said)))
    }

    /// Judged together with ours, as some secrets are told by several variables, and replacing none.
    fn judge_login(
        &self,
        own: &BTreeMap<OsString, OsString>,
        said: BTreeMap<OsString, OsString>,
    ) -> LoginVariables {
        let is_new = |name: &OsString| said.contains_key(name) && !own.contains_key(name);
        let mut all = said.clone();
        all.extend(own.clone());
        let mut given = self.apply(&all);
        given.retain(|name, _| is_new(name));
        LoginVariables { given, secret_values: secret_values(&all) }
    }

    fn keeps(&self, name: &str) -> bool {
        let is_one_of = |patterns: &[&str]| patterns.iter().any(|pattern| matches(pattern, name));
        let is_listed = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, name));
        let inherited = match self.inherit {
            Inherit::All => true,
            Inherit::Core => is_one_of(&CORE),
            Inherit::None => false,
        };
        inherited
            && !is_listed(&self.exclude)
            && (self.include_only.is_empty() || is_listed(&self.include_only))
    }
}

/// Whether `name` is what the pattern says.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.to_uppercase().chars().collect();
    let name: Vec<char> = name.to_uppercase().chars().collect();
    let (mut at, mut read) = (0, 0);
    // Where to go on after the last `*` if what follows it does not fit.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, read));
                at += 1;
            }
            Some(&c) if c == '?' || c == name[read] => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    at = after;
                    read = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_the_whole_name_whatever_its_case() {
        for (pattern, name, fits) in [
            ("PATH", "PATH", true),
            ("path", "PATH", true),
            ("PATH", "MYPATH", false),
            ("*KEY*", "OPENAI_API_KEY", true),
            ("*KEY*", "keyboard", true),
            ("LC_*", "LC_ALL", true),
            ("LC_*", "LC", false),
            ("A?C", "ABC", true),
            ("A?C", "AC", false),
            ("*A*B", "xAyAzB", true),
            ("*A*B", "xAyAzBc", false),
            ("*", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
