//! Keys that the person gave us to keep: one file of ours, which only they can read, and no command of the model's can
//! (threat-model S11 names it).

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use agent_core::Opened;

const FILE: &str = "credentials.json";

/// Where they are kept.
pub(crate) fn file(home: &Path) -> PathBuf {
    home.join(FILE)
}

/// What was found there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Nothing,
    Key(String),
    /// Others may have read or written the file, so that it does not count.
    Exposed,
}

/// The key that is kept for the provider of this id.
pub(crate) fn find(home: &Path, provider: &str) -> Kept {
    let file = file(home);
    let Some(mut keys) = read(&file) else { return Kept::Nothing };
    match keys.remove(provider).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()) {
        Some(_) if !is_private(&file) => Kept::Exposed,
        Some(key) => Kept::Key(key),
        None => Kept::Nothing,
    }
}

/// Keeps a key for the provider of this id, instead of the one before.
///
/// # Errors
/// When it cannot be written; then the file is as it was.
pub(crate) fn keep(home: &Path, provider: &str, key: &str) -> io::Result<()> {
    let file = file(home);
    let mut keys = read(&file).unwrap_or_default();
    keys.insert(provider.to_owned(), key.to_owned());
    agent_core::create_private_dir(home)?;
    // Made for its owner alone from its first byte on.
    let mut new = tempfile::NamedTempFile::new_in(home)?;
    serde_json::to_writer_pretty(&mut new, &keys)?;
    new.as_file().sync_data()?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

fn read(file: &Path) -> Option<BTreeMap<String, String>> {
    serde_json::from_slice(&Opened::open(file).ok()?.bytes(Opened::BY_HAND).ok()?).ok()
}

fn is_private(file: &Path) -> bool {
    let is_closed = std::fs::metadata(file).is_ok_and(|found| found.mode() & 0o077 == 0);
    is_closed && agent_core::require_ours(file).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_kept_for_its_provider_alone_and_only_for_the_person() {
        let scratch = tempfile::tempdir().unwrap();
        let home = scratch.path().join("agent");
        assert_eq!(find(&home, "openai"), Kept::Nothing);
        keep(&home, "openai", "one").unwrap();
        keep(&home, "xai", "other").unwrap();
        keep(&home, "openai", "two").unwrap();
        assert_eq!(find(&home, "openai"), Kept::Key("two".into()));
        assert_eq!(find(&home, "xai"), Kept::Key("other".into()));
        assert_eq!(find(&home, "azure"), Kept::Nothing);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&home), mode(&file(&home))), (0o700, 0o600));
        std::fs::set_permissions(file(&home), std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(find(&home, "openai"), Kept::Exposed);
    }
}
