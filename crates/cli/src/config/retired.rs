//! Keys and values of other versions (conventions.md 4): what each has become. A file that worked once keeps working.

use toml::Value;

use super::key::KeyPath;

/// What an entry of a file means today.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Translation {
    /// What it says.
    Same,
    /// This; the note says so, unless the old spelling is as good as the new.
    Now { key: KeyPath, value: Value, note: Option<String> },
    /// Nothing any more.
    Dropped { note: String },
}

/// Reads one entry as it stands in a file.
pub(crate) fn translate(key: &KeyPath, value: &Value) -> Translation {
    let (prefix, parts) = split_profile(key);
    let now = |parts: &[&str], value: Value, note: Option<String>| Translation::Now {
        key: prefix.iter().map(String::as_str).chain(parts.iter().copied()).collect(),
        value,
        note,
    };
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    match (parts.as_slice(), value) {
        (["approval_policy"], Value::String(policy)) if policy == "on-failure" => now(
            &["approval_policy"],
            "on-request".into(),
            Some("`on-failure` is retired and read as `on-request`".to_owned()),
        ),
        (["service_tier"], Value::String(tier)) if tier == "fast" => {
            now(&["service_tier"], "priority".into(), None)
        }
        (["openai_base_url"], value) => {
            now(&["model_providers", "openai", "base_url"], value.clone(), None)
        }
        (["experimental_instructions_file"], value) => now(
            &["model_instructions_file"],
            value.clone(),
            Some("`experimental_instructions_file` is now `model_instructions_file`".to_owned()),
        ),
        (["instructions"], value) => now(
            &["developer_instructions"],
            value.clone(),
            Some("`instructions` is now `developer_instructions`".to_owned()),
        ),
        (["tools", "web_search"] | ["features", "web_search_request"], Value::Boolean(on)) => now(
            &["web_search"],
            if *on { "live" } else { "disabled" }.into(),
            Some(format!("`{key}` is now `web_search`")),
        ),
        (["default_permissions"], Value::String(name)) if name == ":read-only" => {
            now(&["sandbox_mode"], "read-only".into(), None)
        }
        (["default_permissions"], _) => Translation::Dropped {
            note: "permission profiles are not understood by this version; `sandbox_mode` decides"
                .to_owned(),
        },
        ([name], _) if name.starts_with("experimental_use_") => {
            Translation::Dropped { note: format!("`{name}` is retired and has no effect") }
        }
        _ => Translation::Same,
    }
}

fn split_profile(key: &KeyPath) -> (&[String], &[String]) {
    match key.parts() {
        [profiles, _, inner @ ..] if profiles == "profiles" && !inner.is_empty() => {
            key.parts().split_at(2)
        }
        parts => (&[], parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_old_files_say_in_todays_words() {
        for (key, value, expected) in [
            ("approval_policy", "'on-failure'", "approval_policy = \"on-request\" (said)"),
            ("approval_policy", "{ granular = { rules = true } }", "same"),
            ("approval_policy", "'untrusted'", "same"),
            ("service_tier", "'fast'", "service_tier = \"priority\""),
            ("openai_base_url", "'http://x'", "model_providers.openai.base_url = \"http://x\""),
            ("instructions", "'be kind'", "developer_instructions = \"be kind\" (said)"),
            ("tools.web_search", "true", "web_search = \"live\" (said)"),
            ("features.web_search_request", "false", "web_search = \"disabled\" (said)"),
            ("experimental_use_rmcp_client", "true", "dropped"),
            ("profiles.x.service_tier", "'fast'", "profiles.x.service_tier = \"priority\""),
            ("default_permissions", "':read-only'", "sandbox_mode = \"read-only\""),
            ("default_permissions", "'mine'", "dropped"),
            ("model", "'m'", "same"),
        ] {
            let value: toml::Table = format!("v = {value}").parse().unwrap();
            let found = match translate(&KeyPath::parse(key).unwrap(), &value["v"]) {
                Translation::Same => "same".to_owned(),
                Translation::Now { key, value, note } => {
                    format!("{key} = {value}{}", if note.is_some() { " (said)" } else { "" })
                }
                Translation::Dropped { .. } => "dropped".to_owned(),
            };
            assert_eq!(found, expected, "{key}");
        }
    }
}
