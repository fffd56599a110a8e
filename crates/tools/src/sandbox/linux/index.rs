//! The index of a repository, as far as git follows it without a question: to where it writes the files that it takes out. An
//! index that git makes names nothing outside of the tree and nothing in a git directory; one that a command wrote may. And the
//! lists of packs that it removes by.

use std::path::Path;

use super::state::read;

/// Bytes that are read of all that is judged in one look: of a few million files.
pub(super) const MOST_READ: u64 = 512 << 20;
/// Bytes of an entry before its hash: times, numbers, mode, owner, size.
const BEFORE_HASH: usize = 40;
/// Of its flags: there are more of them, and the length of its path as far as it fits.
const EXTENDED: u16 = 0x4000;
const LENGTH: u16 = 0x0fff;
/// Bytes of the name and length of an extension.
const HEAD: usize = 8;
/// Extensions that git must not leave out: what is shared, and that directories stand for what is in them.
const KNOWN: [&[u8]; 2] = [b"link", b"sdir"];
/// Bytes that git looks for at the end of an index, whatever its hash: it was written for the shorter ones.
const SHORT_HASH: usize = 20;

/// Whether git would take files out by this index, or what others share of it, that belong to no tree. One that nobody
/// understands may be such a one, and one for which there is not enough `left`.
pub(super) fn leads_out(index: &Path, bytes_of_hash: usize, left: &mut u64) -> bool {
    leads(index, left, |text| holds_only_trees(text, bytes_of_hash))
}

/// Whether git would look for packs by this list of several, or remove them, where they are not its own.
pub(super) fn packs_lead_out(list: &Path, left: &mut u64) -> bool {
    leads(list, left, holds_only_names)
}

fn leads(path: &Path, left: &mut u64, is_good: impl FnOnce(&[u8]) -> Option<bool>) -> bool {
    if path.symlink_metadata().is_err() {
        return false;
    }
    let Some(text) = read(path, *left) else { return true };
    *left = left.saturating_sub(text.len() as u64);
    is_good(&text) != Some(true)
}

/// Of packs, in a list of them: a table of its parts, with an end, follows the head.
fn holds_only_names(text: &[u8]) -> Option<bool> {
    let mut rest = text;
    let (signature, counts) = (take(&mut rest, 4)?, take(&mut rest, 8)?);
    if signature != b"MIDX" {
        return None;
    }
    let parts: Option<Vec<_>> = (0..=usize::from(counts[2])).map(|_| part(&mut rest)).collect();
    let parts = parts?;
    let mut names = parts.windows(2).filter(|two| two[0].0 == b"PNAM");
    let is_of_names = |two: &[(&[u8], usize)]| {
        text.get(two[0].1..two[1].1).is_some_and(|names| !names.contains(&b'/'))
    };
    Some(names.all(is_of_names))
}

/// A part of a list of packs: its name, and where it begins.
fn part<'a>(text: &mut &'a [u8]) -> Option<(&'a [u8], usize)> {
    let name = take(text, 4)?;
    let at = u64::from_be_bytes(take(text, 8)?.try_into().ok()?);
    Some((name, usize::try_from(at).ok()?))
}

/// Where an entry begins, and how much of the path before it goes on in its own.
struct Begin {
    at: usize,
    kept: usize,
}

/// None, where that cannot be read.
fn holds_only_trees(text: &[u8], bytes_of_hash: usize) -> Option<bool> {
    let mut rest = text;
    let (signature, version, count) = (take(&mut rest, 4)?, number(&mut rest)?, number(&mut rest)?);
    if signature != b"DIRC" || !(2..=4).contains(&version) {
        return None;
    }
    let (mut path, mut begins) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let at = text.len() - rest.len();
        take(&mut rest, BEFORE_HASH + bytes_of_hash)?;
        let flags = u16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?);
        take(&mut rest, if flags & EXTENDED == 0 { 0 } else { 2 })?;
        let kept = if version == 4 { path.len().checked_sub(offset(&mut rest)?)? } else { 0 };
        path.truncate(kept);
        begins.push(Begin { at, kept });
        let end = rest.iter().position(|byte| *byte == 0)?;
        path.extend_from_slice(take(&mut rest, end)?);
        let length = usize::from(flags & LENGTH);
        if length < usize::from(LENGTH) && length != path.len() {
            return None;
        }
        let read = text.len() - rest.len() - at;
        // Of the last version one zero, of others up to the next multiple of 8.
        take(&mut rest, if version == 4 { 1 } else { 8 - read % 8 })?;
        if !is_of_tree(&path) {
            return Some(false);
        }
    }
    let end = text.len() - rest.len();
    let extensions = rest.get(..rest.len().checked_sub(bytes_of_hash)?)?;
    tables_are_true(text, end, extensions, &begins, bytes_of_hash)
}

/// Several threads may read an index, each from where its tables say that entries begin.
fn tables_are_true(
    text: &[u8],
    end: usize,
    mut extensions: &[u8],
    begins: &[Begin],
    bytes_of_hash: usize,
) -> Option<bool> {
    // Where entries end is looked up at the end of all.
    for hash in [bytes_of_hash, SHORT_HASH] {
        let last = text.len().checked_sub(bytes_of_hash + hash + HEAD + 4)?;
        let mut table = &text[last..];
        if take(&mut table, 4)? == b"EOIE" && number(&mut table)? == hash + 4 {
            (number(&mut table)? == end).then_some(())?;
        }
    }
    while !extensions.is_empty() {
        let name = take(&mut extensions, 4)?;
        // Of others git needs to know what they are, or refuses the index.
        if !name[0].is_ascii_uppercase() && !KNOWN.contains(&name) {
            return None;
        }
        let length = number(&mut extensions)?;
        let mut table = take(&mut extensions, length)?;
        if name != b"IEOT" {
            continue;
        }
        take(&mut table, 4)?;
        let mut first = 0;
        while !table.is_empty() {
            let (at, count) = (number(&mut table)?, number(&mut table)?);
            let begin: &Begin = begins.get(first)?;
            if begin.at != at || begin.kept != 0 {
                return None;
            }
            first += count;
        }
    }
    Some(true)
}

fn take<'a>(text: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = text.split_at_checked(count)?;
    *text = rest;
    Some(taken)
}

fn number(text: &mut &[u8]) -> Option<usize> {
    let bytes = take(text, 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

/// A number as git's packs have it: seven bits a byte, each but the last with the eighth, and one more for each.
fn offset(text: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    loop {
        let byte = *take(text, 1)?.first()?;
        value = value.checked_add(usize::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        value = value.checked_add(1)?.checked_mul(1 << 7)?;
    }
}

/// As git asks it of a path before it adds one. Directories of an index that is sparse end with a slash; what replaces an
/// entry of a shared index has no path.
pub(super) fn is_of_tree(path: &[u8]) -> bool {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.is_empty() || path.split(|byte| *byte == b'/').all(is_name)
}

/// Not of the directory itself, the one around it, or a git directory, by any name that it has on some file system.
fn is_name(part: &[u8]) -> bool {
    let stem = part.split(|byte| matches!(byte, b':' | b'\\')).next().unwrap_or_default();
    let end = stem.iter().rposition(|byte| !matches!(byte, b' ' | b'.'));
    let stem = &stem[..end.map_or(0, |last| last + 1)];
    let is_git = [&b".git"[..], b"git~1"].iter().any(|name| stem.eq_ignore_ascii_case(name));
    !part.is_empty() && part != b"." && part != b".." && !is_git
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[allow(clippy::disallowed_methods, reason = "git makes an index, no command is run")]
    fn git(directory: &Path, line: &str) {
        let made = Command::new("git").args(line.split(' ')).current_dir(directory).output();
        let made = made.unwrap();
        assert!(made.status.success(), "{line}: {}", String::from_utf8_lossy(&made.stderr));
    }

    fn leads_out(index: &Path, bytes_of_hash: usize) -> bool {
        super::leads_out(index, bytes_of_hash, &mut MOST_READ.clone())
    }

    /// A repository with files of many names.
    fn repository(format: &str) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        git(place.path(), &format!("init -q --object-format={format}"));
        for name in ["a", "ab/cd", "ab/ce", ".gitignore", "x.git/y", "..a/b", "git", "\u{e9}/ \n"] {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let long = place.path().join("d".repeat(250)).join("e".repeat(250));
        std::fs::create_dir_all(&long).unwrap();
        (0..20).for_each(|at| std::fs::write(long.join(at.to_string()), "").unwrap());
        git(place.path(), "add -A");
        place
    }

    #[test]
    fn an_index_that_git_made_is_understood_whatever_its_version() {
        for (format, hash) in [("sha1", 20), ("sha256", 32)] {
            let place = repository(format);
            let index = place.path().join(".git/index");
            for line in [
                "update-index --index-version 2",
                "update-index --index-version 3",
                "update-index --index-version 4",
                "add -N -- a",
                "rm -q --cached a",
                "add -N -- a",
                "update-index --index-version 2",
            ] {
                git(place.path(), line);
                assert!(!leads_out(&index, hash), "{format}: {line}");
            }
            git(place.path(), "update-index --split-index");
            std::fs::write(place.path().join("a"), "more").unwrap();
            git(place.path(), "add a");
            for entry in std::fs::read_dir(place.path().join(".git")).unwrap().flatten() {
                if entry.file_name().to_string_lossy().contains("index") {
                    assert!(!leads_out(&entry.path(), hash), "{format}: {:?}", entry.path());
                }
            }
        }
    }

    #[test]
    fn what_belongs_to_no_tree_is_found_at_any_place() {
        let place = repository("sha1");
        let index = place.path().join(".git/index");
        let made = std::fs::read(&index).unwrap();
        let at = made.windows(5).position(|part| part == b"ab/cd").unwrap();
        for other in [b"a/../", b".git/", b".GIT/", b"/a/bc", b"a//bc", b"./abc", b"a/b/."] {
            let mut text = made.clone();
            text[at..at + other.len()].copy_from_slice(other);
            std::fs::write(&index, &text).unwrap();
            assert!(leads_out(&index, 20), "{}", String::from_utf8_lossy(other));
        }
        std::fs::write(&index, &made[..made.len() / 2]).unwrap();
        assert!(leads_out(&index, 20));
        std::fs::remove_file(&index).unwrap();
        assert!(!leads_out(&index, 20));
        std::os::unix::fs::symlink("HEAD", &index).unwrap();
        assert!(leads_out(&index, 20));
    }

    #[test]
    fn a_large_index_is_read_as_its_tables_say() {
        let place = tempfile::tempdir().unwrap();
        git(place.path(), "init -q");
        for number in 0..25_000 {
            std::fs::write(place.path().join(number.to_string()), "").unwrap();
        }
        for version in [2, 4] {
            git(place.path(), &format!("-c index.threads=4 -c index.version={version} add -A"));
            git(
                place.path(),
                &format!("-c index.threads=4 update-index --index-version {version}"),
            );
            let index = place.path().join(".git/index");
            assert!(!leads_out(&index, 20), "{version}");
            let mut text = std::fs::read(&index).unwrap();
            let at = text.windows(4).rposition(|part| part == b"IEOT").unwrap();
            text[at + 15] ^= 1;
            std::fs::write(&index, text).unwrap();
            assert!(leads_out(&index, 20), "{version}");
            std::fs::remove_file(&index).unwrap();
        }
    }

    #[test]
    fn a_list_of_packs_names_those_beside_it() {
        let place = repository("sha1");
        let author = "-c user.name=a -c user.email=b";
        git(place.path(), &format!("{author} commit -qm x"));
        git(place.path(), "repack -adq");
        git(place.path(), "multi-pack-index write");
        let list = place.path().join(".git/objects/pack/multi-pack-index");
        let leads_out = || packs_lead_out(&list, &mut MOST_READ.clone());
        assert!(!leads_out());
        let mut text = std::fs::read(&list).unwrap();
        let at = text.windows(5).position(|part| part == b"pack-").unwrap();
        text[at..at + 3].copy_from_slice(b"../");
        std::fs::write(&list, &text).unwrap();
        assert!(leads_out());
        std::fs::write(&list, &text[..20]).unwrap();
        assert!(leads_out());
    }

    #[test]
    fn what_is_left_to_be_read_is_left_for_all_together() {
        let place = repository("sha1");
        let index = place.path().join(".git/index");
        let length = index.metadata().unwrap().len();
        let mut left = length + 1;
        assert!(!super::leads_out(&index, 20, &mut left));
        assert!(super::leads_out(&index, 20, &mut left));
    }

    #[test]
    fn a_git_directory_is_told_by_all_of_its_names() {
        for bad in
            [".git", ".GiT", "git~1", ".git. ", ".git::$INDEX_ALLOCATION", ".git\\x", "..", "."]
        {
            assert!(!is_of_tree(format!("a/{bad}/b").as_bytes()), "{bad}");
        }
        for good in [".gitignore", "git", "x.git", "...", "git~10", ".git-x", "a b"] {
            assert!(is_of_tree(format!("a/{good}/b").as_bytes()), "{good}");
        }
    }
}
