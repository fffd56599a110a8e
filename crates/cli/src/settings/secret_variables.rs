//! Which variables hold secrets (S12, S23): by their names, by what they set for git, and passwords in addresses. What no
//! command gets and what no log has is told by the same tables.

mod git;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

type Variables = BTreeMap<OsString, OsString>;

/// Anywhere in a name. Names are compared without regard to case.
const PARTS: &[&str] = &[
    "CONNECTIONSTRING",
    "CONNECTION_STRING",
    "CONNSTR",
    "CREDENTIAL",
    "KEY",
    "PASSPHRASE",
    "PASSW",
    "SECRET",
    "TOKEN",
];

/// One of the words of a name, whatever number is behind it. `SSH_AUTH_SOCK` is among them, the socket that speaks for the
/// person, and `GIT_AUTHOR_NAME` is not.
const WORDS: &[&str] = &["AUTH", "AUTHORIZATION", "BEARER", "CRED", "CREDS", "JWT"];

/// The last word of a name.
const LAST: &[&str] = &["PAT", "PW"];

/// What the last word ends with, but for those that mean something else.
const ENDS: &[&str] = &["PASS", "PWD"];
const ORDINARY: &[&str] = &["ASKPASS", "BYPASS", "COMPASS", "OLDPWD"];

/// Names of sockets that speak for the person.
const AGENTS: &[&str] = &["GPG_AGENT_INFO"];

/// So many characters before the `@` of an address are no name of a person.
const LONG: usize = 20;

/// The variables without those that hold a secret.
pub(super) fn without_secrets(variables: Variables) -> Variables {
    let mut left = git::without_secret_settings(variables);
    left.retain(|name, value| !is_secret(name, value));
    left
}

/// What must not be seen: the values that no command gets, and the passwords in those that commands do get, as a proxy, a
/// registry or a database cannot be reached without.
pub(crate) fn secret_values(variables: &Variables) -> Vec<String> {
    let withheld = variables.iter().filter(|(name, value)| is_secret(name, value));
    let withheld = withheld.filter_map(|(_, value)| value.to_str().map(str::to_owned));
    let values = variables.values().filter_map(|value| value.to_str());
    let passwords = values.flat_map(passwords_in).map(str::to_owned);
    withheld.chain(git::in_secret_settings(variables)).chain(passwords).collect()
}

fn is_secret(name: &OsStr, value: &OsStr) -> bool {
    let name = name.to_string_lossy();
    // Some remember directories as the shell does in `PWD`.
    let is_directory =
        || name.ends_with("PWD") && Path::new(value).is_absolute() && Path::new(value).is_dir();
    git::holds_secret_setting(&name, value) || (is_secret_name(&name) && !is_directory())
}

fn is_secret_name(name: &str) -> bool {
    if git::is_key(name) {
        return false;
    }
    let name = name.to_uppercase();
    let words = name.split(|c: char| !c.is_alphanumeric());
    let words = words.map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()));
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let last = words.last().copied().unwrap_or_default();
    let ends = ENDS.iter().any(|end| last.ends_with(end)) && !ORDINARY.contains(&last);
    PARTS.iter().any(|part| name.contains(part))
        || words.iter().any(|word| WORDS.contains(word))
        || LAST.contains(&last)
        || (ends && name != "PWD")
        || AGENTS.contains(&name.as_str())
}

/// Before the `@` of each address in the text: the name with the password, as a program shows it, and the password alone.
/// One that is a word (`postgres`) would be found everywhere. A token may stand there without a name.
fn passwords_in(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("://") {
        let rest = &text[at + mark.len()..];
        let ends = |c: char| c.is_whitespace() || "/?#'\"".contains(c);
        let host = rest.split(ends).next().unwrap_or_default();
        let Some((user, _)) = host.rsplit_once('@') else { continue };
        match user.split_once(':') {
            Some((_, "")) => {}
            Some((_, password)) => {
                found.push(user);
                let is_word = password.chars().all(char::is_alphabetic);
                found.extend((!is_word).then_some(password));
            }
            None => found.extend((user.len() >= LONG).then_some(user)),
        }
    }
    found
}

#[cfg(test)]
mod tests;
