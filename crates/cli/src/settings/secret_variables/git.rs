//! Settings of git that variables make: `GIT_CONFIG_COUNT` of them, each a `GIT_CONFIG_KEY_n` and a `GIT_CONFIG_VALUE_n`,
//! and all in one, `GIT_CONFIG_PARAMETERS`. CI hands git its token so, in a header or an address.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::{Variables, passwords_in};

const COUNT: &str = "GIT_CONFIG_COUNT";
const KEY: &str = "GIT_CONFIG_KEY_";
const VALUE: &str = "GIT_CONFIG_VALUE_";
const PARAMETERS: &str = "GIT_CONFIG_PARAMETERS";

/// Whether a variable of this name holds the name of a setting, which is no key. Without it git refuses to run at all, and
/// nobody knows what it sets.
pub(super) fn is_key(name: &str) -> bool {
    number(name, KEY).is_some()
}

/// Whether a variable holds settings of which one is a secret.
pub(super) fn holds_secret_setting(name: &str, value: &OsStr) -> bool {
    let value = value.to_string_lossy();
    name == PARAMETERS && (is_secret(&value, &value) || !passwords_in(&value).is_empty())
}

/// The variables without the settings that are secret. Git refuses to run when one of those it counts is missing, so the
/// others move up.
pub(super) fn without_secret_settings(mut variables: Variables) -> Variables {
    let settings = settings(&variables);
    if !settings.values().any(Setting::is_secret) {
        return variables;
    }
    let count = variables.get(OsStr::new(COUNT)).and_then(|count| count.to_str());
    let count = count.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
    variables.retain(|name, _| {
        let name = name.to_string_lossy();
        number(&name, KEY).is_none() && number(&name, VALUE).is_none()
    });
    let left =
        settings.into_iter().filter(|(number, setting)| *number < count && !setting.is_secret());
    let mut counted = 0;
    for (_, setting) in left {
        variables.insert(format!("{KEY}{counted}").into(), setting.key);
        variables.insert(format!("{VALUE}{counted}").into(), setting.value);
        counted += 1;
    }
    variables.insert(COUNT.into(), counted.to_string().into());
    variables
}

/// Headers and helpers that are secret, and the last word of each by itself, as it can be shown in another way.
pub(super) fn in_secret_settings(variables: &Variables) -> Vec<String> {
    let text = |value: OsString| value.into_string().ok();
    let mut values: Vec<_> = settings(variables)
        .into_values()
        .filter_map(|setting| Some((text(setting.key)?, text(setting.value)?)))
        .chain(
            variables
                .get(OsStr::new(PARAMETERS))
                .cloned()
                .and_then(text)
                .map(|all| (all.clone(), all)),
        )
        .filter(|(key, value)| is_secret(key, value))
        .map(|(_, value)| value)
        .collect();
    let last = |part: &str| part.split_whitespace().last().map(str::to_owned);
    let words: Vec<_> =
        values.iter().flat_map(|value| value.split('\'').filter_map(last)).collect();
    values.extend(words);
    values
}

struct Setting {
    key: OsString,
    value: OsString,
}

impl Setting {
    fn is_secret(&self) -> bool {
        let (key, value) = (self.key.to_string_lossy(), self.value.to_string_lossy());
        is_secret(&key, &value) || !passwords_in(&key).is_empty()
    }
}

/// A header goes with every request; a helper may say the password itself.
fn is_secret(key: &str, value: &str) -> bool {
    let (key, value) = (key.to_ascii_lowercase(), value.to_ascii_lowercase());
    (key.contains("http.") && key.contains("extraheader"))
        || (key.contains("credential.") && key.contains("helper") && value.contains("password"))
}

/// By their number.
fn settings(variables: &Variables) -> BTreeMap<usize, Setting> {
    let key = |(name, key): (&OsString, &OsString)| {
        let number = number(name.to_str()?, KEY)?;
        let value = variables.get(OsStr::new(&format!("{VALUE}{number}")))?;
        Some((number, Setting { key: key.clone(), value: value.clone() }))
    };
    variables.iter().filter_map(key).collect()
}

fn number(name: &str, before: &str) -> Option<usize> {
    let digits = name.strip_prefix(before)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}
