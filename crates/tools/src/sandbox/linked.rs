//! Which links there are where programs look for the person's files: who keeps dotfiles in a directory of their own has a
//! link to each of them, and whoever can write in that directory says what is obeyed.

use std::fs;
use std::path::{Path, PathBuf};

/// How far below a place is looked: `nvim/lua/plugins/x.lua` is three below `nvim`.
const LEVELS: usize = 4;

/// Entries that are looked at below one place, the highest first.
const MOST_ENTRIES: usize = 2_000;

/// The links at `place` and below, also below what they lead to.
pub(super) fn links_at(place: &Path) -> Vec<PathBuf> {
    let mut links: Vec<_> = place.is_symlink().then(|| place.to_owned()).into_iter().collect();
    let (mut level, mut left) = (vec![place.to_owned()], MOST_ENTRIES);
    for _ in 0..LEVELS {
        let entries = level.iter().flat_map(fs::read_dir).flatten().flatten();
        let mut next = Vec::new();
        for entry in entries.take(left) {
            left -= 1;
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_symlink() {
                links.push(entry.path());
            }
            if (kind.is_symlink() || kind.is_dir()) && entry.file_name() != ".git" {
                next.push(entry.path());
            }
        }
        level = next;
    }
    links
}

/// Whether what a link leads to can be kept from being written as a whole. A work tree is there to be worked in.
pub(super) fn can_be_closed(end: &Path, others: &[PathBuf]) -> bool {
    !holds_one_of(others, end) && end.join(".git").symlink_metadata().is_err()
}

/// Whether a directory is one of `others`, the roots or the home, or holds one.
pub(super) fn holds_one_of(others: &[PathBuf], directory: &Path) -> bool {
    others.iter().any(|other| other.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_found_at_a_place_below_it_and_behind_links() {
        let place = tempfile::tempdir().unwrap();
        let at = |path: &str| place.path().join(path);
        fs::create_dir_all(at("nvim/lua/plugins/.git")).unwrap();
        fs::create_dir_all(at("dots")).unwrap();
        for link in ["nvim/init", "nvim/lua/plugins/x", "nvim/lua/plugins/.git/y", "dots/z"] {
            symlink("nowhere", at(link)).unwrap();
        }
        symlink("../dots", at("nvim/dots")).unwrap();
        symlink("nvim", at("way")).unwrap();
        let mut links = links_at(&at("way"));
        links.sort();
        let expected =
            ["way", "way/dots", "way/dots/z", "way/init", "way/lua/plugins/x"].map(at).to_vec();
        assert_eq!(links, expected);
    }

    #[test]
    fn a_place_without_end_is_looked_at_in_part() {
        let place = tempfile::tempdir().unwrap();
        symlink(".", place.path().join("round")).unwrap();
        for number in 0..MOST_ENTRIES {
            symlink("nowhere", place.path().join(number.to_string())).unwrap();
        }
        assert!(links_at(place.path()).len() <= MOST_ENTRIES);
    }
}
