//! What we obey in a home of ours or of Codex, by its names and where links put it.

use std::path::{Path, PathBuf};

use super::linked::{can_be_closed, links_at};
use super::secrets::{each_once, resolve};

/// What is obeyed, beside profiles.
const OBEYED: &[&str] = &[
    "config.toml",
    "rules",
    "trust.json",
    "credentials.json",
    "AGENTS.md",
    "AGENTS.override.md",
    "skills",
    "prompts",
];

/// Of Codex's we take the key, too.
const OF_CODEX: &str = "auth.json";

/// How the names of profiles end, which may be called anything.
const PROFILE: &[u8] = b".config.toml";

/// The profiles that are in one of ours.
pub(super) fn profiles_in(home: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(home).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    let profiles = names.filter(|name| name.as_encoded_bytes().ends_with(PROFILE));
    profiles.map(|name| home.join(name)).collect()
}

/// What is obeyed in one of ours, beside profiles. Whether it is there or not.
pub(super) fn in_our_home(home: &Path) -> impl Iterator<Item = PathBuf> {
    OBEYED.iter().map(|name| home.join(name))
}

/// Files and directories that say what we may do, and lie elsewhere than in these `homes`, of ours or Codex's, because
/// links there lead to them. Not those in which the person works: what holds one of `roots`, and work trees.
pub fn obeyed_through_links(homes: &[PathBuf], roots: &[PathBuf]) -> Vec<PathBuf> {
    let roots: Vec<_> = roots.iter().map(|root| resolve(root)).collect();
    let obeyed = homes
        .iter()
        .flat_map(|home| in_our_home(home).chain(profiles_in(home)).chain([home.join(OF_CODEX)]));
    let ends = obeyed.flat_map(|path| links_at(&path)).map(|link| end(&link));
    each_once(ends.filter(|end| can_be_closed(end, &roots)).collect())
}

/// It may lead to what is not there yet.
fn end(link: &Path) -> PathBuf {
    match (link.canonicalize(), link.read_link(), link.parent()) {
        (Err(_), Ok(target), Some(parent)) => resolve(&resolve(parent).join(target)),
        _ => resolve(link),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn s20_what_says_what_we_may_do_is_known_where_links_lead() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let (home, dots) = (place.join("home"), place.join("dots"));
        for directory in ["home/rules/projects", "home/skills", "dots/prompts", "dots/tree/.git"] {
            fs::create_dir_all(place.join(directory)).unwrap();
        }
        for (link, end) in [
            ("config.toml", "c"),
            ("work.config.toml", "w"),
            ("rules/default.rules", "r"),
            ("rules/projects/a.rules", "p"),
            ("auth.json", "k"),
            ("prompts", "prompts"),
            ("skills/mine", "tree"),
            ("history.jsonl", "h"),
        ] {
            symlink(dots.join(end), home.join(link)).unwrap();
        }
        fs::write(dots.join("c"), "").unwrap();
        let known = |roots: &[PathBuf]| obeyed_through_links(std::slice::from_ref(&home), roots);
        let expected = ["c", "k", "p", "prompts", "r", "w"].map(|name| dots.join(name));
        assert_eq!(known(std::slice::from_ref(&dots)), expected);
        assert_eq!(known(&[dots.join("prompts")]).len(), expected.len() - 1);
    }
}
