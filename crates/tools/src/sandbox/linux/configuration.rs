//! A repository's configuration that was changed, or whose addresses lead elsewhere by now: what has to become of it. What
//! single settings can do is said in `git_config.rs` and `addresses.rs`.

use std::path::{Path, PathBuf};

use super::settings::{Entry, Settings};
use super::state::State;
use super::{addresses, git_config, repositories};

/// The setting that says where a repository has its files.
const TREE: &[u8] = b"core.worktree";

const FORMAT: &[u8] = b"core.repositoryformatversion";
const BARE: &[u8] = b"core.bare";
const EXTENSIONS: &[&str] = &["noop", "preciousobjects", "partialclone", "worktreeconfig"];
/// Of that version alone.
const EXTENSIONS_OF_1: &[&str] = &[
    "noop-v1",
    "objectformat",
    "compatobjectformat",
    "refstorage",
    "relativeworktrees",
    "submodulepathconfig",
];

/// By what the configurations of a repository are judged.
pub(super) struct Judge<'a> {
    pub(super) git: &'a Path,
    pub(super) roots: &'a [PathBuf],
    /// Addresses that did lead to hooks before.
    pub(super) running: &'a [Entry],
}

impl Judge<'_> {
    /// What a configuration has to become, when it makes other code run than the one before did.
    pub(super) fn config_to(&self, before: &State, now: &State, is_same: bool) -> Option<State> {
        if *now == State::Absent && (before == now || !is_same) {
            return None;
        }
        let State::File { bytes, mode, .. } = now else {
            return (before != now).then(|| before.clone());
        };
        let old = before.bytes().unwrap_or_default();
        let was_there = Settings::read(old).entries;
        let running = self.running_by_now(bytes, &was_there);
        let harmful = self.harmful(bytes, bytes);
        // What git refused ran nothing.
        let is_refused_no_longer = is_refused(old) && !is_of_same_kind(old, bytes);
        let is_still_harmful = harmful.is_some() && harmful == self.harmful(old, bytes);
        let is_harmless = harmful.as_ref().is_some_and(Vec::is_empty);
        let is_as_harmful =
            before == now || (is_still_harmful && (is_harmless || !is_refused_no_longer));
        match before {
            State::Absent | State::File { .. } if is_as_harmful && running.is_empty() => None,
            // None was there, or that of another repository.
            State::Absent | State::File { .. } if *before == State::Absent || !is_same => {
                let is_kept = |entry: &Entry| {
                    let is_harmless = git_config::is_harmless(entry) || self.is_own_tree(entry);
                    (is_harmless || was_there.contains(entry)) && !running.contains(entry)
                };
                let bytes = git_config::only(bytes, is_kept);
                Some(State::file(bytes, mode | 0o600))
            }
            State::File { .. }
                if is_as_harmful && running.iter().all(|one| was_there.contains(one)) =>
            {
                let bytes = git_config::only(bytes, |entry| !running.contains(entry));
                Some(State::file(bytes, *mode))
            }
            State::File { mode, .. } if running.iter().any(|one| was_there.contains(one)) => {
                let bytes = git_config::only(old, |entry| !running.contains(entry));
                Some(State::file(bytes, *mode))
            }
            _ => Some(before.clone()),
        }
    }

    /// The addresses that lead to hooks and did not, by what was changed in the configuration or where they lead.
    fn running_by_now(&self, text: &[u8], before: &[Entry]) -> Vec<Entry> {
        let mut running = addresses::running(text, self.git);
        running.retain(|entry| {
            !self.running.contains(entry)
                && (!before.contains(entry)
                    || addresses::leads_through(self.roots, entry, text, self.git))
        });
        running
    }

    /// But for a tree that is set no longer in what there is `now`: a submodule that was moved has another one.
    fn harmful(&self, text: &[u8], now: &[u8]) -> Option<Vec<Entry>> {
        let mut harmful = git_config::harmful(text)?;
        let now = Settings::read(now).entries;
        let is_left = |entry: &Entry| entry.0 != TREE || now.contains(entry);
        harmful.retain(|entry| is_left(entry) && !self.is_own_tree(entry));
        Some(harmful)
    }

    /// A tree whose `.git` leads here would be this repository's without it: so submodules have it.
    fn is_own_tree(&self, (name, value): &Entry) -> bool {
        name == TREE
            && value.as_deref().is_some_and(|tree| repositories::is_tree_of(self.git, tree))
    }
}

/// Whether all by which git may refuse them is the same in both.
fn is_of_same_kind(one: &[u8], other: &[u8]) -> bool {
    let decides =
        |entry: &Entry| [FORMAT, BARE].contains(&&*entry.0) || entry.0.starts_with(b"extensions.");
    let [one, other] = [one, other].map(|text| Settings::read(text).entries);
    one.iter().filter(|entry| decides(entry)).eq(other.iter().filter(|entry| decides(entry)))
}

/// Whether git shows no files by it: it is of a version or has an extension that is not known, or says that there are none.
fn is_refused(text: &[u8]) -> bool {
    let entries = Settings::read(text).entries;
    let last = |key: &[u8]| entries.iter().rfind(|(name, _)| name == key)?.1.as_deref();
    let format = last(FORMAT).unwrap_or(b"0").trim_ascii();
    let extensions = entries.iter().filter_map(|(name, _)| name.strip_prefix(b"extensions."));
    let is_known = |name: &[u8]| match format {
        b"0" => !EXTENSIONS_OF_1.iter().any(|known| known.as_bytes() == name),
        _ => [EXTENSIONS, EXTENSIONS_OF_1].concat().iter().any(|known| known.as_bytes() == name),
    };
    let is_bare = last(BARE).is_some_and(|bare| bare.eq_ignore_ascii_case(b"true"));
    !matches!(format, b"0" | b"1") || is_bare || !extensions.into_iter().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_refused_does_not_begin_to_run() {
        let file = |format: &str, rest: &str| {
            State::file(format!("[core]\nrepositoryformatversion = {format}\n{rest}").into(), 0o644)
        };
        let judge = Judge { git: Path::new("/none"), roots: &[], running: &[] };
        let evil = "fsmonitor = x\n";
        let before = file("99", evil);
        assert_eq!(judge.config_to(&before, &file("0", evil), true), Some(before.clone()));
        assert_eq!(judge.config_to(&before, &file("0x0", evil), true), Some(before.clone()));
        assert_eq!(judge.config_to(&file("0", evil), &file("1", evil), true), None);
        assert_eq!(judge.config_to(&file("99", ""), &file("0", ""), true), None);
        for (refused, other) in [
            ("bare = true\n", "bare = false\n"),
            ("[extensions]\nother = 1\n", ""),
            ("[extensions]\nrefStorage = files\n[core]\nrepositoryformatversion = 0\n", ""),
        ] {
            let [before, now] = [refused, other].map(|rest| file("1", &format!("{evil}{rest}")));
            assert_eq!(judge.config_to(&before, &now, true), Some(before.clone()), "{refused}");
            assert_eq!(judge.config_to(&now, &now, true), None, "{other}");
        }
    }

    #[test]
    fn a_changed_configuration_that_cannot_be_read_is_put_back_and_a_new_one_emptied_of_what_is_harmful()
     {
        let file = |text: &str| State::file(text.into(), 0o644);
        let judge = Judge { git: Path::new("/none"), roots: &[], running: &[] };
        let before = file("[core]\nbare = false\n[alias]\nst = status\n");
        for odd in
            ["[core]\nfsmonitor = \"x\n", "[core]\nfsmonitor = x\0\n", "[core ]\nbare = false\n"]
        {
            assert_eq!(judge.config_to(&before, &file(odd), true), Some(before.clone()), "{odd}");
            let State::File { bytes, .. } =
                judge.config_to(&State::Absent, &file(odd), true).unwrap()
            else {
                panic!("no file")
            };
            assert_eq!(git_config::harmful(&bytes), Some(vec![]), "{odd}");
        }
        let same = file(
            "[core]\n\tbare = \"false\"\n[user]\nname = \\\nx\n[alias]\n\tst = sta\\\ntus # note\n",
        );
        assert_eq!(judge.config_to(&before, &same, true), None);
    }
}
