//! A command line that calls `apply_patch` with a patch, as models write it for a shell: the patch is taken out of it.
//! No shell is asked, so that nothing in the patch is expanded.

use std::borrow::Cow;
use std::path::PathBuf;

const NAMES: [&str; 2] = ["apply_patch", "applypatch"];
const SHELLS: [&str; 4] = ["bash", "sh", "zsh", "dash"];

/// Whether a command line is such a call, or a patch and nothing else.
pub(crate) fn is_call(line: &str) -> bool {
    const BEGIN: &str = super::parse::BEGIN;
    if !line.contains(BEGIN) {
        return false;
    }
    let script = script(line);
    let (_, rest) = entered(&script);
    script.trim_start().starts_with(BEGIN) || argument(rest).is_some() || piped(rest).is_some()
}

/// A patch, and from where its paths begin, if not from where one is.
pub(super) struct Called<'a> {
    pub(super) patch: Cow<'a, str>,
    pub(super) directory: PathBuf,
}

/// The patch that a text has, with or without a command line around it.
///
/// # Errors
/// When other commands follow the patch: a sentence.
pub(super) fn patch_of(text: &str) -> Result<Called<'_>, String> {
    let script = script(text);
    let (directory, call) = entered(&script);
    let found = argument(call).map(given).or_else(|| piped(call));
    let Some((patch, after)) = found else {
        return Ok(Called { patch: script, directory: PathBuf::new() });
    };
    match after.trim() {
        "" => Ok(Called { patch: Cow::Owned(patch), directory: directory.unwrap_or_default() }),
        after => Err(format!(
            "a patch is sent alone, and after this one stands `{}`: send the patch, then the rest as a call of its own",
            crate::files::cut(after.lines().next().unwrap_or_default(), 100)
        )),
    }
}

/// What `cd DIR &&` enters, and what stands behind it; nothing where the shell would make something else of the name.
fn entered(script: &str) -> (Option<PathBuf>, &str) {
    let script = script.trim();
    let none = (None, script);
    let Some(rest) = script.strip_prefix("cd").filter(|rest| rest.starts_with([' ', '\t'])) else {
        return none;
    };
    let rest = rest.trim_start();
    let is_plain = |c: char| c.is_alphanumeric() || "_-./+@%,:=".contains(c);
    let bare = rest.find(|c: char| !is_plain(c)).filter(|end| *end > 0);
    let found = match bare {
        Some(end) => Some((rest[..end].to_owned(), &rest[end..])),
        None => word(rest),
    };
    let behind = |rest: &str| rest.trim_start().strip_prefix("&&").map(str::len);
    match found.and_then(|(name, rest)| Some((name, behind(rest)?))) {
        Some((name, length))
            if !name.starts_with('-') && !name.contains(['$', '`', '\\', '\0']) =>
        {
            (Some(name.into()), script[script.len() - length..].trim_start())
        }
        _ => none,
    }
}

/// What a call is given, and what stands behind that.
fn given(rest: &str) -> (String, &str) {
    let found = heredoc(rest).map(|Heredoc { body, behind, after }| {
        let more = if behind.is_empty() { after } else { behind };
        (body, more)
    });
    let found = found.or_else(|| in_substitution(rest)).or_else(|| word(rest));
    found.unwrap_or_else(|| (rest.to_owned(), ""))
}

/// `cat <<'EOF' | apply_patch`.
fn piped(script: &str) -> Option<(String, &str)> {
    let rest = script.strip_prefix("cat")?.trim_start();
    let Heredoc { body, behind, after } = heredoc(rest)?;
    let program = behind.strip_prefix('|')?.trim();
    NAMES.contains(&program).then_some((body, after))
}

/// What is behind the program's name.
fn argument(script: &str) -> Option<&str> {
    let script = script.trim();
    let rest = NAMES.iter().find_map(|name| script.strip_prefix(name))?;
    let rest_begins =
        rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '<' | '"' | '\''));
    rest_begins.then(|| rest.trim_start())
}

/// What a shell is given to run in `bash -lc '…'`; else the line itself.
fn script(line: &str) -> Cow<'_, str> {
    given_to_shell(line.trim()).map_or(Cow::Borrowed(line), Cow::Owned)
}

fn given_to_shell(line: &str) -> Option<String> {
    let (program, rest) = line.split_once(char::is_whitespace)?;
    let name = program.rsplit('/').next()?;
    let (option, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    let runs = option.strip_prefix('-')?;
    if !SHELLS.contains(&name)
        || !runs.ends_with('c')
        || !runs.chars().all(|c| c.is_ascii_lowercase())
    {
        return None;
    }
    let (script, after) = word(rest.trim_start())?;
    after.trim().is_empty().then_some(script)
}

struct Heredoc<'a> {
    body: String,
    /// In its first line.
    behind: &'a str,
    /// Below its end.
    after: &'a str,
}

/// `<<'EOF'`, with what stands about it.
fn heredoc(text: &str) -> Option<Heredoc<'_>> {
    let text = text.strip_prefix("<<")?;
    let (first, mut rest) = text.split_once('\n')?;
    let first = first.strip_prefix('-').unwrap_or(first).trim();
    let end = first.split_whitespace().next()?;
    let behind = first[end.len()..].trim();
    let end = end.trim_matches(['\'', '"', '\\']);
    let lines = rest;
    while !rest.is_empty() {
        let (line, next) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.trim() == end {
            let body = lines[..lines.len() - rest.len()].to_owned();
            return Some(Heredoc { body, behind, after: next });
        }
        rest = next;
    }
    // The end may have been cut off; what there is says so itself.
    Some(Heredoc { body: lines.to_owned(), behind, after: "" })
}

/// `"$(cat <<'EOF' …)"`, with what stands behind it.
fn in_substitution(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix("\"$(")?.trim_start().strip_prefix("cat")?;
    let Heredoc { body, behind, after } = heredoc(text.trim_start())?;
    let rest = if behind.is_empty() { after } else { behind };
    let rest = rest.trim_start().strip_prefix(')')?.trim_start().strip_prefix('"')?;
    Some((body, rest))
}

/// A word in quotes, without them, and what stands behind it. In double quotes a backslash makes `"`, `$`, `` ` `` and
/// itself plain.
fn word(text: &str) -> Option<(String, &str)> {
    let mut plain = String::new();
    let mut rest = text;
    loop {
        let mut chars = rest.chars();
        match chars.next() {
            Some('\'') => {
                let (quoted, next) = chars.as_str().split_once('\'')?;
                plain.push_str(quoted);
                rest = next;
            }
            Some('"') => rest = in_double_quotes(chars.as_str(), &mut plain)?,
            Some('\\') => {
                plain.push(chars.next()?);
                rest = chars.as_str();
            }
            // The word has to begin with a quote: what else there is may be anything.
            _ if rest.len() == text.len() => return None,
            _ => return Some((plain, rest)),
        }
    }
}

fn in_double_quotes<'a>(text: &'a str, plain: &mut String) -> Option<&'a str> {
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some(chars.as_str()),
            '\\' => match chars.next()? {
                '\n' => {}
                c @ ('"' | '$' | '`' | '\\') => plain.push(c),
                c => plain.extend(['\\', c]),
            },
            c => plain.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATCH: &str = "*** Begin Patch\n*** Add File: a\n+it's \"$x\"\n*** End Patch\n";

    #[test]
    fn a_patch_is_found_in_every_way_to_write_its_call() {
        let escaped = PATCH.replace('"', "\\\"").replace('$', "\\$");
        let single = PATCH.replace('\'', r"'\''");
        let heredoc = format!("apply_patch <<'EOF'\n{PATCH}EOF");
        let twice = heredoc.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
        for line in [
            heredoc.clone(),
            format!("{heredoc}\n\n"),
            format!(" apply_patch <<-\"END\"\n{PATCH}\tEND\n"),
            format!("applypatch << EOF \r\n{PATCH}EOF\r\n"),
            format!("apply_patch \"$(cat <<'EOF'\n{PATCH}EOF\n)\""),
            format!("apply_patch \"{escaped}\""),
            format!("apply_patch '{single}'"),
            format!("apply_patch\n{PATCH}"),
            format!("cat <<'EOF' | apply_patch\n{PATCH}EOF\n"),
            format!("bash -lc \"{twice}\""),
            format!("/bin/bash -c '{}'", heredoc.replace('\'', r"'\''")),
        ] {
            assert!(is_call(&line), "{line}");
            let called = patch_of(&line).unwrap();
            assert_eq!(called.patch.trim(), PATCH.trim(), "{line}");
            assert_eq!(called.directory, PathBuf::new(), "{line}");
        }
        assert_eq!(patch_of(PATCH).unwrap().patch, PATCH);
        let by_shell = format!("bash -lc '{}'", PATCH.replace('\'', r"'\''"));
        assert_eq!(patch_of(&by_shell).unwrap().patch, PATCH);
        assert!([PATCH, &by_shell].into_iter().all(is_call), "what else could it be");
    }

    #[test]
    fn a_directory_that_is_entered_first_is_where_the_paths_begin() {
        let call = |before: &str| format!("{before}apply_patch <<'EOF'\n{PATCH}EOF");
        for (before, directory) in [
            ("cd sub && ", "sub"),
            ("cd  /a/b.c/ &&\n", "/a/b.c/"),
            ("cd 'a b' && ", "a b"),
            ("cd \"a b\"&& ", "a b"),
        ] {
            let called = call(before);
            assert!(is_call(&called), "{before}");
            assert_eq!(patch_of(&called).unwrap().directory, PathBuf::from(directory), "{before}");
        }
        let called = format!("bash -lc '{}'", call("cd sub && ").replace('\'', r"'\''"));
        assert_eq!(patch_of(&called).unwrap().directory, PathBuf::from("sub"));
        for before in
            ["cd ~/x && ", "cd $x && ", "cd \"$x\" && ", "cd - && ", "cd a || ", "cd a; cd b && "]
        {
            assert!(!is_call(&call(before)), "{before}");
        }
    }

    #[test]
    fn what_follows_a_patch_is_named() {
        let patch_of = |line: &str| patch_of(line).map(|called| called.patch.into_owned());
        for after in ["\necho after", " && echo after", " # echo after"] {
            let line = match after.strip_prefix('\n') {
                Some(after) => format!("apply_patch <<EOF\n{PATCH}EOF\n{after}\n"),
                None => format!("apply_patch <<EOF{after}\n{PATCH}EOF\n"),
            };
            let said = patch_of(&line).unwrap_err();
            assert!(said.contains("sent alone") && said.contains("echo after`"), "{said}");
        }
        let piped = format!("cat <<'EOF' | apply_patch\n{PATCH}EOF\necho after");
        assert!(is_call(&piped) && patch_of(&piped).is_err());
        let argument = format!("apply_patch '{}' || true", PATCH.replace('\'', ""));
        assert!(patch_of(&argument).unwrap_err().contains("`|| true`"));
    }

    #[test]
    fn other_commands_are_no_call() {
        for line in [
            format!("cat <<EOF\n{PATCH}EOF"),
            format!("cat <<EOF | tee apply_patch\n{PATCH}EOF"),
            format!("cat <<EOF | apply_patch; ls\n{PATCH}EOF"),
            format!("cd a && cat <<EOF\n{PATCH}EOF"),
            format!("apply_patches <<EOF\n{PATCH}EOF"),
            format!("bash -x -c 'apply_patch <<EOF\n{}EOF'", PATCH.replace('\'', "")),
            "apply_patch --help".to_owned(),
            "bash -lc 'echo *** Begin Patch'".to_owned(),
        ] {
            assert!(!is_call(&line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(pieces in prop::collection::vec(
            "(apply_patch|cd |&&|cat|[|]|bash -lc|<<|\"\\$\\(cat|\\*\\*\\* Begin Patch|[ \n'\"\\\\)é-]|EOF){1,3}", 0..8)) {
            let text = pieces.concat();
            let _ = (is_call(&text), patch_of(&text).map(|called| called.patch.into_owned()));
        }
    }
}
