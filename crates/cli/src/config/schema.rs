//! The keys a configuration may have: what each must look like, and whether a project may set it. A table; reading
//! files is `layer.rs`.

use super::key::KeyPath;

/// One key; `*` in its pattern stands for any one part.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) pattern: &'static str,
    pub(crate) kind: Kind,
    pub(crate) project: Project,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    OneOf(&'static [&'static str]),
    /// A word, or a table `granular` of what is asked.
    Approval,
    Flag,
    /// A whole number, not negative.
    Count,
    /// Any number that is not negative.
    Amount,
    Texts,
    /// On, off, or on for these only.
    FlagOrTexts,
    /// A path; a relative one starts at the directory of the file it stands in.
    File,
    Files,
    /// Known, but without effect in this version; with all that lies below it.
    Unused,
}

/// What a configuration file inside the workspace may do with a key (S17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Project {
    /// Set it, once the person trusts the directory.
    May,
    /// Only make it stricter.
    Tighten,
    Never,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known {
    Key(&'static Key),
    /// Keys lie below it.
    Section,
    Unknown,
}

use Kind::{Amount, Approval, Count, File, Files, Flag, FlagOrTexts, OneOf, Text, Texts, Unused};
use Project::{May, Never, Tighten};

const fn key(pattern: &'static str, kind: Kind, project: Project) -> Key {
    Key { pattern, kind, project }
}

static KEYS: &[Key] = &[
    key("model", Text, May),
    key("model_provider", Text, Never),
    key("model_reasoning_effort", Text, May),
    key("model_reasoning_summary", OneOf(&["auto", "concise", "detailed", "none"]), May),
    key("model_verbosity", OneOf(&["low", "medium", "high"]), May),
    key("model_context_window", Count, May),
    key("model_auto_compact_token_limit", Count, May),
    key("tool_output_token_limit", Count, May),
    key("service_tier", OneOf(&["auto", "default", "flex", "priority", "scale"]), May),
    key("model_instructions_file", File, Never),
    key("developer_instructions", Text, May),
    key("oss_provider", OneOf(&["ollama", "lmstudio"]), Never),
    key("hide_agent_reasoning", Flag, May),
    key("model_providers.*.name", Text, Never),
    key("model_providers.*.base_url", Text, Never),
    key("model_providers.*.wire_api", OneOf(&["responses", "chat", "anthropic", "gemini"]), Never),
    key("model_providers.*.env_key", Text, Never),
    key("model_providers.*.env_key_instructions", Text, Never),
    key("model_providers.*.experimental_bearer_token", Text, Never),
    key("model_providers.*.requires_openai_auth", Flag, Never),
    key("model_providers.*.query_params.*", Text, Never),
    key("model_providers.*.http_headers.*", Text, Never),
    key("model_providers.*.env_http_headers.*", Text, Never),
    key("model_providers.*.request_max_retries", Count, Never),
    key("model_providers.*.stream_max_retries", Count, Never),
    key("model_providers.*.stream_idle_timeout_ms", Count, Never),
    key("model_providers.*.websocket_connect_timeout_ms", Count, Never),
    key("model_providers.*.supports_websockets", Flag, Never),
    key("model_providers.*.transport", OneOf(&["auto", "websocket", "http"]), Never),
    key("model_providers.*.ca_certificate", File, Never),
    key("model_providers.*.proxy", Text, Never),
    key("model_providers.*.auth", Unused, Never),
    key("model_providers.*.aws", Unused, Never),
    key("approval_policy", Approval, Tighten),
    key("sandbox_mode", OneOf(&["read-only", "workspace-write", "danger-full-access"]), Tighten),
    key("sandbox_workspace_write.writable_roots", Files, Never),
    key("sandbox_workspace_write.network_access", Flag, Tighten),
    key("sandbox_workspace_write.exclude_tmpdir_env_var", Unused, Tighten),
    key("sandbox_workspace_write.exclude_slash_tmp", Unused, Tighten),
    key("projects.*.trust_level", OneOf(&["trusted", "untrusted"]), Never),
    key("allow_login_shell", Flag, Tighten),
    key("shell_environment_policy.inherit", OneOf(&["all", "core", "none"]), Never),
    key("shell_environment_policy.ignore_default_excludes", Flag, Never),
    key("shell_environment_policy.exclude", Texts, Never),
    key("shell_environment_policy.include_only", Texts, Never),
    key("shell_environment_policy.set.*", Text, Never),
    key("shell_environment_policy.experimental_use_profile", Flag, Never),
    key("project_doc_max_bytes", Count, May),
    key("project_doc_fallback_filenames", Texts, May),
    key("project_root_markers", Texts, Never),
    key("history", Unused, Never),
    key("notify", Texts, Never),
    key("prices.*.input", Amount, Never),
    key("prices.*.cached_input", Amount, Never),
    key("prices.*.cache_write", Amount, Never),
    key("prices.*.output", Amount, Never),
    key("profile", Text, Never),
    // Codex has names of its own here: what we do not know is `auto`.
    key("tui.theme", Text, May),
    key("tui.notifications", FlagOrTexts, Never),
    key("tui.notification_method", OneOf(&["auto", "osc9", "bel"]), Never),
    key("tui.notification_condition", OneOf(&["unfocused", "always"]), Never),
    key("tui.alternate_screen", OneOf(&["auto", "always", "never"]), Never),
    key("tui.status_line", Texts, May),
    key("tui.vim_mode_default", Flag, May),
    key("tui.*", Unused, May),
];

/// Keys of Codex that this version knows of and does nothing with.
static UNUSED: &[&str] = &[
    "agents",
    "analytics",
    "approvals_reviewer",
    "apps",
    "audio",
    "background_terminal_max_timeout",
    "chatgpt_base_url",
    "check_for_update_on_startup",
    "cli_auth_credentials_store",
    "commit_attribution",
    "compact_prompt",
    "default_permissions",
    "disable_paste_burst",
    "disable_response_storage",
    "experimental_compact_prompt_file",
    "features",
    "feedback",
    "file_opener",
    "forced_chatgpt_workspace_id",
    "forced_login_method",
    "ghost_snapshot",
    "hooks",
    "include_apply_patch_tool",
    "log_dir",
    "marketplaces",
    "mcp_oauth_callback_port",
    "mcp_oauth_callback_url",
    "mcp_oauth_credentials_store",
    "mcp_servers",
    "memories",
    "model_catalog_json",
    "model_max_output_tokens",
    "model_supports_reasoning_summaries",
    "notice",
    "otel",
    "permissions",
    "personality",
    "plan_mode_reasoning_effort",
    "plugins",
    "preferred_auth_method",
    "review_model",
    "rules",
    "show_raw_agent_reasoning",
    "skills",
    "sqlite_home",
    "suppress_unstable_features_warning",
    "tools",
    "web_search",
    "windows",
    "windows_wsl_setup_acknowledged",
    "zsh_path",
];

static UNUSED_KEY: Key = key("", Unused, May);

/// What `path` names. A retired `profiles.NAME` holds the keys of the top.
pub(crate) fn lookup(path: &KeyPath) -> Known {
    let parts = match path.parts() {
        [profiles, inner @ ..] if profiles == "profiles" => match inner {
            [] | [_] => return Known::Section,
            [_, inner @ ..] => inner,
        },
        parts => parts,
    };
    for key in KEYS {
        match compare(key, parts) {
            Some(Fit::Whole) => return Known::Key(key),
            Some(Fit::Part) => return Known::Section,
            None => {}
        }
    }
    if parts.first().is_some_and(|first| UNUSED.contains(&first.as_str())) {
        return Known::Key(&UNUSED_KEY);
    }
    Known::Unknown
}

enum Fit {
    Whole,
    /// The path ends above the key.
    Part,
}

fn compare(key: &Key, parts: &[String]) -> Option<Fit> {
    let mut pattern = key.pattern.split('.');
    for part in parts {
        match pattern.next() {
            Some(expected) if expected == "*" || expected == part => {}
            // What lies below a key without effect has none either.
            None if key.kind == Unused => return Some(Fit::Whole),
            _ => return None,
        }
    }
    Some(if pattern.next().is_none() { Fit::Whole } else { Fit::Part })
}

/// The known key most like the last part of `path`, among those of its section.
pub(crate) fn nearest(path: &KeyPath) -> Option<String> {
    let (last, section) = path.parts().split_last()?;
    let siblings = KEYS.iter().filter_map(|key| {
        let mut pattern = key.pattern.split('.');
        let same = section.iter().all(|part| pattern.next().is_some_and(|p| p == "*" || p == part));
        pattern.next().filter(|next| same && *next != "*")
    });
    let unused = UNUSED.iter().copied().filter(|_| section.is_empty());
    siblings
        .chain(unused)
        .map(|name| (strsim::damerau_levenshtein(name, last), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 5)
        .min()
        .map(|(_, name)| name.to_owned())
}

/// Whether its value may be a credential and is never printed.
pub(crate) fn is_secret(path: &KeyPath) -> bool {
    match path.parts() {
        [section, _, name] if section == "model_providers" => name == "experimental_bearer_token",
        [section, _, name, _] if section == "model_providers" => {
            name == "http_headers" || name == "query_params"
        }
        [section, set, _] => section == "shell_environment_policy" && set == "set",
        [section, ..] => section == "mcp_servers",
        [] => false,
    }
}

impl Kind {
    /// Completes "it must be …".
    pub(crate) fn allowed(self) -> String {
        match self {
            Text => "a string".to_owned(),
            OneOf(words) => format!("one of {}", words.join(", ")),
            Approval => format!("one of {}, or {{ granular = {{ … }} }}", APPROVAL.join(", ")),
            Flag => "true or false".to_owned(),
            Count => "a whole number, not negative".to_owned(),
            Amount => "a number, not negative".to_owned(),
            Texts => "a list of strings".to_owned(),
            FlagOrTexts => "true, false or a list of strings".to_owned(),
            File => "a path".to_owned(),
            Files => "a list of paths".to_owned(),
            Unused => "anything".to_owned(),
        }
    }

    /// The names within a value of this kind that this version does not know.
    pub(crate) fn strangers(self, value: &toml::Value) -> Vec<&str> {
        let granular = value.get("granular").and_then(toml::Value::as_table);
        let names = granular.filter(|_| self == Approval).into_iter().flatten();
        names.map(|(name, _)| name.as_str()).filter(|name| !GRANULAR.contains(name)).collect()
    }

    pub(crate) fn takes(self, value: &toml::Value) -> bool {
        let texts = || value.as_array().is_some_and(|all| all.iter().all(toml::Value::is_str));
        match self {
            Text | File => value.is_str(),
            OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Approval => {
                value.as_str().is_some_and(|word| APPROVAL.contains(&word)) || is_granular(value)
            }
            Flag => value.is_bool(),
            Count => value.as_integer().is_some_and(|number| number >= 0),
            Amount => amount(value).is_some_and(|number| number >= 0.0),
            Texts | Files => texts(),
            FlagOrTexts => value.is_bool() || texts(),
            Unused => true,
        }
    }
}

const APPROVAL: &[&str] = &["untrusted", "on-request", "never"];

/// The kinds of questions that `granular` may name.
const GRANULAR: &[&str] =
    &["sandbox_approval", "rules", "mcp_elicitations", "request_permissions", "skill_approval"];

/// What of it this version does not know is no reason to refuse it.
fn is_granular(value: &toml::Value) -> bool {
    let table = value.as_table().filter(|table| table.len() == 1);
    let granular = table.and_then(|table| table.get("granular")?.as_table());
    granular.is_some_and(|asked| asked.values().all(toml::Value::is_bool))
}

/// A number, whether it is written with a point or without.
pub(crate) fn amount(value: &toml::Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sections_and_strangers_are_told_apart() {
        let found = |text: &str| match lookup(&KeyPath::parse(text).unwrap()) {
            Known::Key(key) => format!("{:?}", key.kind),
            Known::Section => "section".to_owned(),
            Known::Unknown => "unknown".to_owned(),
        };
        for (path, expected) in [
            ("model", "Text"),
            ("model_providers", "section"),
            ("model_providers.x", "section"),
            ("model_providers.x.base_url", "Text"),
            ("model_providers.x.auth.command", "Unused"),
            ("model_providers.x.base_uri", "unknown"),
            ("model.x", "unknown"),
            ("shell_environment_policy.set.ANY", "Text"),
            ("profiles.fast.model", "Text"),
            ("profiles.fast", "section"),
            ("profiles.fast.modell", "unknown"),
            ("tui.keymap.global.x", "Unused"),
            ("tui.theme", "Text"),
            ("tui.status_line", "Texts"),
            ("moddel", "unknown"),
        ] {
            assert_eq!(found(path), expected, "{path}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_finds_the_key_that_was_meant() {
        let near = |text: &str| nearest(&KeyPath::parse(text).unwrap());
        assert_eq!(near("modle").as_deref(), Some("model"));
        assert_eq!(near("model_providers.x.base_uri").as_deref(), Some("base_url"));
        assert_eq!(near("mcp_server").as_deref(), Some("mcp_servers"));
        assert_eq!(near("quantum"), None);
    }
}
