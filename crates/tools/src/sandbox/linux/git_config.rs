//! Which settings of a repository cannot make code run (S9). What is not known to be harmless (`harmless.rs`) counts as
//! harmful, and so does a file that is not understood.

use super::harmless;
use super::settings::{Entry, Settings};

/// Addresses are harmless while they name no program to be started. `*` stands for the middle part.
pub(super) const ADDRESSES: &[&str] = &["remote.*.url", "remote.*.pushurl", "submodule.*.url"];

/// The name of a remote, for which git takes an address too.
pub(super) const REMOTES: &[&str] =
    &["remote.pushdefault", "branch.*.remote", "branch.*.pushremote"];

/// What runs a program, unless it is switched off.
const SWITCHES: &[&str] = &["core.fsmonitor", "commit.gpgsign", "tag.gpgsign"];

fn is_false(value: &[u8]) -> bool {
    [&b"false"[..], b"no", b"off", b"0"].iter().any(|off| value.eq_ignore_ascii_case(off))
}

/// Names of files that are read, not run. Attributes choose among programs that are named elsewhere.
const NO_PROGRAMS: &[&str] = &[
    "core.attributesfile",
    "core.excludesfile",
    "core.worktree",
    "commit.template",
    "blame.ignorerevsfile",
    "mailmap.file",
    "safe.directory",
    "maintenance.repo",
    "gpg.ssh.allowedsignersfile",
    "gpg.ssh.revocationfile",
    "user.signingkey",
    // What they name is judged by itself.
    "core.hookspath",
    "init.templatedir",
    "include.path",
    "includeif.*.path",
];

/// All settings that could make code run, in order. None when the file is not understood.
pub(super) fn harmful(text: &[u8]) -> Option<Vec<Entry>> {
    let Settings { mut entries, is_understood } = Settings::read(text);
    entries.retain(|entry| !is_harmless(entry));
    is_understood.then_some(entries)
}

/// The values of a setting that may be there more than once. What git would refuse is read as far as it can be.
pub(super) fn values(text: &[u8], pattern: &str) -> Vec<Vec<u8>> {
    values_in(&Settings::read(text), pattern).map(<[u8]>::to_vec).collect()
}

pub(super) fn values_in<'a>(
    settings: &'a Settings,
    pattern: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    let entries = settings.entries.iter().filter(move |(name, _)| matches(pattern, name));
    entries.filter_map(|(_, value)| value.as_deref())
}

/// The values that may be command lines: all that are not known to be harmless, or to be something else.
pub(super) fn programs_in(settings: &Settings) -> impl Iterator<Item = &[u8]> {
    let may_be = settings.entries.iter().filter(|entry| {
        !is_harmless(entry) && !NO_PROGRAMS.iter().any(|pattern| matches(pattern, &entry.0))
    });
    may_be.filter_map(|(name, value)| match value.as_deref()? {
        // The arguments of git's own commands.
        value if name.starts_with(b"alias.") => value.strip_prefix(b"!"),
        value => Some(value.strip_prefix(b"!").unwrap_or(value)),
    })
}

/// The file again with some of its settings.
pub(super) fn only(text: &[u8], is_kept: impl Fn(&Entry) -> bool) -> Vec<u8> {
    let entries = Settings::read(text).entries;
    entries.iter().filter(|entry| is_kept(entry)).flat_map(written).collect()
}

/// The file again with its harmless settings, and those harmful ones that were in another. None when one of them is not
/// understood.
pub(super) fn with_harmful_of(text: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let mut allowed = harmful(other)?;
    let mut kept = Settings::read(text);
    kept.entries.retain(|entry| {
        is_harmless(entry)
            || allowed
                .iter()
                .position(|known| known == entry)
                .map(|at| allowed.remove(at))
                .is_some()
    });
    kept.is_understood.then(|| kept.entries.iter().chain(&allowed).flat_map(written).collect())
}

/// A section for each setting.
fn written((name, value): &Entry) -> Vec<u8> {
    let mut parts = name.splitn(2, |byte| *byte == b'.');
    let (section, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (middle, key) = match rest.iter().rposition(|byte| *byte == b'.') {
        Some(dot) => (Some(&rest[..dot]), &rest[dot + 1..]),
        None => (None, rest),
    };
    let mut text = [b"[", section].concat();
    if let Some(middle) = middle {
        text.extend_from_slice(b" ");
        text.extend(quoted(middle, |byte| vec![b'\\', byte]));
    }
    text.extend_from_slice(b"]\n\t");
    text.extend_from_slice(key);
    if let Some(value) = value {
        text.extend_from_slice(b" = ");
        text.extend(quoted(value, |byte| match byte {
            b'\n' => b"\\n".to_vec(),
            byte => vec![b'\\', byte],
        }));
    }
    text.push(b'\n');
    text
}

fn quoted(text: &[u8], escape: fn(u8) -> Vec<u8>) -> Vec<u8> {
    let is_special = |byte: u8| matches!(byte, b'"' | b'\\' | b'\n');
    let inner = text.iter().flat_map(|byte| match *byte {
        byte if is_special(byte) => escape(byte),
        byte => vec![byte],
    });
    [b'"'].into_iter().chain(inner).chain([b'"']).collect()
}

pub(super) fn is_harmless((name, value): &Entry) -> bool {
    let is_among = |patterns: &[&str]| patterns.iter().any(|pattern| matches(pattern, name));
    let names_program = || {
        value.as_ref().is_some_and(|value| {
            value.windows(2).any(|two| two == b"::")
                || value.starts_with(b"ext://")
                || value.starts_with(b"-")
        })
    };
    let is_address = is_among(ADDRESSES) || is_among(REMOTES);
    let is_off = || is_among(SWITCHES) && value.as_deref().is_some_and(is_false);
    is_off() || (is_address && !names_program()) || harmless::is_known(name)
}

pub(super) fn matches(pattern: &str, name: &[u8]) -> bool {
    match pattern.split_once(".*.") {
        Some((section, key)) => name
            .strip_prefix(section.as_bytes())
            .and_then(|rest| rest.strip_suffix(key.as_bytes()))
            .is_some_and(|middle| {
                middle.len() > 2 && middle.starts_with(b".") && middle.ends_with(b".")
            }),
        None => pattern.as_bytes() == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_writes_itself_is_harmless() {
        let text = b"[core]\n\tbare = false\n[remote \"origin\"]\n\turl = git@host:a/b.git\n\
            \tfetch = +refs/heads/*:refs/remotes/origin/*\n[branch \"a.b\"]\n\tmerge = refs/heads/a\n";
        assert_eq!(harmful(text), Some(vec![]));
        assert_eq!(Settings::read(&only(text, is_harmless)), Settings::read(text));
    }

    #[test]
    fn what_runs_a_program_may_be_switched_off() {
        let text = b"[core]\nfsmonitor = false\n[commit]\ngpgSign = No\n[tag]\ngpgSign = 0\n";
        assert_eq!(harmful(text), Some(vec![]));
        for text in ["[core]\nfsmonitor", "[core]\nfsmonitor =", "[commit]\ngpgSign = true"] {
            assert_eq!(harmful(text.as_bytes()).map(|all| all.len()), Some(1), "{text}");
        }
    }

    #[test]
    fn what_is_kept_of_a_file_is_what_was_read_in_it() {
        let text = b"[core]\nbare\n[user]\nname = \"a \\\"b\\\\ \\n\\t\xe9 ; \"\n\
            [branch \"a\\\\.\\\"b\"]\nmerge = \"\"\n";
        assert_eq!(harmful(text), Some(vec![]));
        assert_eq!(Settings::read(&only(text, is_harmless)), Settings::read(text));
    }

    #[test]
    fn of_a_file_that_two_have_changed_only_what_is_harmless_is_new() {
        let old = b"[alias]\nst = status\nx = y\n[user]\nname = a\n";
        let new = b"[user]\nname = b\n[alias]\nx = y\nx = y\n[core]\nfsmonitor = evil\n";
        let wanted = b"[user]\nname = b\n[alias]\nx = y\nst = status\n";
        let kept = with_harmful_of(new, old).unwrap();
        assert_eq!(Settings::read(&kept), Settings::read(wanted));
        assert_eq!(with_harmful_of(b"[", old), None);
    }

    #[test]
    fn values_are_those_git_reads() {
        let text = b"[core]\nhooksPath = \"a b\" ; note\n[includeIf \"x.y\"]\npath = c\nodd\n?\n";
        assert_eq!(values(text, "core.hookspath"), [b"a b"]);
        assert_eq!(values(text, "includeif.*.path"), [b"c"]);
    }

    #[test]
    fn whatever_is_not_harmless_may_be_a_command_line() {
        let text =
            b"[core]\neditor = a\nexcludesFile = b\nbare = false\n[alias]\nst = status\nx = !c\n\
            [credential \"h\"]\nhelper = !d\n[filter \"f\"]\nclean = e %f\n[newly]\ninvented = f\n";
        let settings = Settings::read(text);
        let programs: Vec<_> = programs_in(&settings).collect();
        assert_eq!(programs, [&b"a"[..], b"c", b"d", b"e %f", b"f"]);
    }

    #[test]
    fn what_can_run_code_is_found_however_it_is_written() {
        for text in [
            "[core]\nfsmonitor = x",
            "[CORE] FsMonitor=x",
            "[core] fsmonitor # note\n\thooksPath = x",
            "[core] fsmonitor = \\\nx",
            "\u{feff}[core]\nfsmonitor = x",
            "[diff \"a\"]\ntextconv = x",
            "[diff.a]\ntextconv = x",
            "[include]\npath = x",
            "[alias]\nst = !x",
            "[remote \"a\"]\nurl = ext::sh -c x",
            "[remote \"a\"]\nurl = \"ext\"::x",
            "[remote \"a\"]\nurl = ext:\":\"x",
            "[remote \"a\"]\nurl = \"-x\"",
            "[remote \"a\"]\nurl = ext://x",
            "[branch \"a\"]\nremote = ext::x",
            "[remote]\npushDefault = ext::x",
            "[remote \"a\"]\nuploadpack = x",
            "[core]\nworktree",
        ] {
            assert!(!harmful(text.as_bytes()).is_some_and(|found| found.is_empty()), "{text}");
            assert!(!only(text.as_bytes(), is_harmless).contains(&b'x'), "{text}");
        }
    }
}
