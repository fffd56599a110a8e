//! What `agent config explain` says: the value of each key, who set it, and what that overrode.

use std::fmt::Write as _;

use super::key::KeyPath;
use super::layer::Entry;
use super::schema::{self, Kind, Known};
use super::{BadKey, Config};

/// Says what is in effect for `key` and below it, or for everything that is set.
///
/// # Errors
/// When `key` is none.
pub(crate) fn explain(config: &Config, key: Option<&str>) -> Result<String, BadKey> {
    let section = key.map_or_else(|| Ok(KeyPath::default()), KeyPath::parse)?;
    let mut text = String::new();
    for (key, stack) in config.stacks(&section) {
        let [overridden @ .., winner] = stack else { continue };
        let unused = match schema::lookup(key) {
            Known::Key(key) if key.kind == Kind::Unused => "  (without effect in this version)",
            _ => "",
        };
        let _ = writeln!(text, "{key} = {}  # {}{unused}", shown(winner), winner.origin);
        for entry in overridden.iter().rev() {
            let _ = writeln!(text, "    overrides {}  # {}", shown(entry), entry.origin);
        }
    }
    if text.is_empty() {
        text = match schema::lookup(&section) {
            Known::Key(_) | Known::Section => format!("{section} is not set\n"),
            Known::Unknown => {
                let near = schema::nearest(&section);
                let near = near.map(|name| format!("; `{name}` is near")).unwrap_or_default();
                format!("{section} is no key of the configuration{near}\n")
            }
        };
    }
    Ok(text)
}

/// A value as it is written in a file, unless it may be a secret.
fn shown(entry: &Entry) -> String {
    if schema::is_secret(&entry.key) { "\"…\"".to_owned() } else { entry.value.to_string() }
}
