//! Which settings of a repository cannot make code run (S9). A list of the harmless ones: what is not on it counts as
//! harmful, and so does a file that is not understood.

/// A setting: its name in small letters (the middle part as written), and its value as written.
pub(super) type Entry = (String, String);

/// `*` stands for the middle part, which may be missing.
const HARMLESS: &[&str] = &[
    "core.repositoryformatversion",
    "core.filemode",
    "core.bare",
    "core.logallrefupdates",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.symlinks",
    "core.autocrlf",
    "core.eol",
    "core.safecrlf",
    "core.quotepath",
    "core.sparsecheckout",
    "core.sparsecheckoutcone",
    "extensions.objectformat",
    "extensions.refstorage",
    // What is in that file is judged like this one.
    "extensions.worktreeconfig",
    "index.sparse",
    "user.name",
    "user.email",
    "init.defaultbranch",
    "push.default",
    "push.autosetupremote",
    "pull.rebase",
    "pull.ff",
    "merge.ff",
    "merge.conflictstyle",
    "rebase.autostash",
    "rebase.autosquash",
    "rerere.enabled",
    "fetch.prune",
    "gc.auto",
    "branch.*.remote",
    "branch.*.merge",
    "branch.*.rebase",
    "branch.*.pushremote",
    "branch.*.description",
    "remote.*.fetch",
    "remote.*.push",
    "remote.*.tagopt",
    "remote.*.prune",
    "remote.pushdefault",
    "submodule.active",
    "submodule.*.active",
    "submodule.*.branch",
];

/// Addresses are harmless while they name no program to be started.
const ADDRESSES: &[&str] = &["remote.*.url", "remote.*.pushurl", "submodule.*.url"];

/// All settings that could make code run, in order. None when the file is not understood.
pub(super) fn harmful(text: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = parse(text)?;
    entries.retain(|entry| !is_harmless(entry));
    Some(entries)
}

/// The values of a setting that may be there more than once, as git reads them. None of a file that is not understood.
pub(super) fn values(text: &[u8], pattern: &str) -> Vec<String> {
    let entries = parse(text).unwrap_or_default().into_iter();
    entries.filter(|(name, _)| matches(pattern, name)).map(|(_, value)| plain(&value)).collect()
}

/// Without quotes and what is said behind it.
fn plain(value: &str) -> String {
    let (mut plain, mut is_quoted) = (String::new(), false);
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => is_quoted = !is_quoted,
            '#' | ';' if !is_quoted => break,
            '\\' => plain.extend(chars.next()),
            _ => plain.push(char),
        }
    }
    plain.trim_end().to_owned()
}

/// The file again with nothing but its harmless settings.
pub(super) fn only_harmless(text: &[u8]) -> String {
    let mut kept = String::new();
    for (name, value) in parse(text).unwrap_or_default().into_iter().filter(is_harmless) {
        let (section, rest) = name.split_once('.').unwrap_or((&name, ""));
        let header = match rest.rsplit_once('.') {
            Some((middle, _)) => {
                format!("{section} \"{}\"", middle.replace('\\', "\\\\").replace('"', "\\\""))
            }
            None => section.to_owned(),
        };
        let key = name.rsplit('.').next().unwrap_or_default();
        kept.push_str(&format!("[{header}]\n\t{key} = {value}\n"));
    }
    kept
}

fn is_harmless((name, value): &Entry) -> bool {
    let is_among = |names: &[&str]| names.iter().any(|pattern| matches(pattern, name));
    is_among(HARMLESS)
        || (is_among(ADDRESSES)
            && !value.contains("::")
            && !value.contains(['"', '\\'])
            && !value.starts_with('-'))
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once(".*.") {
        Some((section, key)) => {
            name.strip_prefix(section).and_then(|rest| rest.strip_suffix(key)).is_some_and(
                |middle| middle.len() > 2 && middle.starts_with('.') && middle.ends_with('.'),
            )
        }
        None => pattern == name,
    }
}

/// Stricter than git: whatever it might read in another way than this does is not understood.
fn parse(text: &[u8]) -> Option<Vec<Entry>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut section = None;
    let mut entries = Vec::new();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        // A value that goes on in the next line, and characters that end one elsewhere.
        if line.ends_with('\\') || line.contains(['\r', '\0', '\u{b}', '\u{c}']) {
            return None;
        }
        let mut rest = line.trim_matches([' ', '\t']);
        if let Some(header) = rest.strip_prefix('[') {
            let (name, after) = parse_header(header)?;
            section = Some(name);
            rest = after.trim_start_matches([' ', '\t']);
        }
        if rest.is_empty() || rest.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
        let key = key.trim_matches([' ', '\t']).to_ascii_lowercase();
        if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return None;
        }
        entries.push((
            format!("{}.{key}", section.as_ref()?),
            value.trim_matches([' ', '\t']).to_owned(),
        ));
    }
    Some(entries)
}

/// After the bracket: the section, and what follows on the same line.
fn parse_header(text: &str) -> Option<(String, &str)> {
    let end = text.find(|char: char| !(char.is_ascii_alphanumeric() || "-.".contains(char)))?;
    let section = text[..end].to_ascii_lowercase();
    let rest = text[end..].trim_start_matches([' ', '\t']);
    if let Some(rest) = rest.strip_prefix(']') {
        return Some((section, rest));
    }
    let mut middle = String::new();
    let mut chars = rest.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => middle.push(chars.next()?),
            char => middle.push(char),
        }
    }
    Some((format!("{section}.{middle}"), chars.as_str().strip_prefix(']')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_writes_itself_is_harmless() {
        let text = b"[core]\n\tbare = false\n[remote \"origin\"]\n\turl = git@host:a/b.git\n\
            \tfetch = +refs/heads/*:refs/remotes/origin/*\n[branch \"a.b\"]\n\tmerge = refs/heads/a\n";
        assert_eq!(harmful(text), Some(vec![]));
        assert_eq!(harmful(only_harmless(text).as_bytes()), Some(vec![]));
        assert_eq!(parse(only_harmless(text).as_bytes()), parse(text));
    }

    #[test]
    fn values_are_those_git_reads() {
        let text = b"[core]\nhooksPath = \"a b\" ; note\n[includeIf \"x.y\"]\npath = c\n";
        assert_eq!(values(text, "core.hookspath"), ["a b"]);
        assert_eq!(values(text, "includeif.*.path"), ["c"]);
    }

    #[test]
    fn what_can_run_code_is_found_however_it_is_written() {
        for text in [
            "[core]\nfsmonitor = x",
            "[CORE] FsMonitor=x",
            "[core] # note\n\thooksPath = x",
            "[diff \"a\"]\ntextconv = x",
            "[diff.a]\ntextconv = x",
            "[include]\npath = x",
            "[alias]\nst = !x",
            "[remote \"a\"]\nurl = ext::sh -c x",
            "[remote \"a\"]\nurl = \"ext\"::x",
            "[remote \"a\"]\nurl = ext:\":\"x",
            "[remote \"a\"]\nuploadpack = x",
            "[core]\nworktree",
        ] {
            assert!(!harmful(text.as_bytes()).is_some_and(|found| found.is_empty()), "{text}");
            assert!(!only_harmless(text.as_bytes()).contains('x'), "{text}");
        }
    }
}
