//! What a configuration file inside the workspace may set (S17): taste, and what makes us stricter; never where
//! requests go, what stands for the person's word, or what runs outside the sandbox.

use super::layer::{Entry, Layer};
use super::schema::{self, Known, Project};
use super::{Config, Notes};

/// The entries of a trusted project's `layer` that it may set above `lower`; the others are noted.
pub(crate) fn permitted(layer: Layer, lower: &Config, notes: &mut Notes) -> Vec<Entry> {
    let may = |entry: &Entry| match schema::lookup(&entry.key) {
        Known::Key(key) => match key.project {
            Project::May => true,
            Project::Tighten => tightens(entry, lower),
            Project::Never => false,
        },
        Known::Section | Known::Unknown => false,
    };
    let (kept, refused): (Vec<_>, Vec<_>) = layer.entries.into_iter().partition(may);
    for Entry { key, origin, .. } in refused {
        notes.tell(format!("{origin}: a project may not set `{key}`; ignored"));
    }
    kept
}

/// Whether the entry leaves no more room than what is in effect without it.
fn tightens(entry: &Entry, lower: &Config) -> bool {
    let parts: Vec<_> = entry.key.parts().iter().map(String::as_str).collect();
    let current = lower.entry(&entry.key).map(|entry| &entry.value);
    match parts.as_slice() {
        ["sandbox_mode"] => {
            let room = |mode: &str| match mode {
                "read-only" => 0,
                "workspace-write" => 1,
                _ => 2,
            };
            let current = current.and_then(toml::Value::as_str).unwrap_or("read-only");
            entry.value.as_str().is_some_and(|new| room(new) <= room(current))
        }
        ["approval_policy"] => {
            entry.value.as_str() == Some("untrusted") || Some(&entry.value) == current
        }
        ["allow_login_shell"] | ["sandbox_workspace_write", "network_access"] => {
            entry.value.as_bool() == Some(false)
        }
        ["sandbox_workspace_write", ..] => entry.value.as_bool() == Some(true),
        _ => false,
    }
}
