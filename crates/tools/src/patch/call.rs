//! A command line that calls `apply_patch` with a patch, as models write it for a shell: the patch is taken out of it.
//! No shell is asked, so that nothing in the patch is expanded.

use std::borrow::Cow;

const NAMES: [&str; 2] = ["apply_patch", "applypatch"];
const SHELLS: [&str; 4] = ["bash", "sh", "zsh", "dash"];

/// Whether a command line is such a call.
pub(crate) fn is_call(line: &str) -> bool {
    line.contains(super::parse::BEGIN) && argument(&script(line)).is_some()
}

/// The patch that a text has, with or without a command line around it.
///
/// # Errors
/// When other commands follow the patch: a sentence.
pub(super) fn patch_of(text: &str) -> Result<Cow<'_, str>, String> {
    let script = script(text);
    let Some(rest) = argument(&script) else { return Ok(Cow::Borrowed(text)) };
    let (patch, after) =
        match heredoc(rest).or_else(|| in_substitution(rest)).or_else(|| word(rest)) {
            Some(found) => found,
            None => (rest.to_owned(), ""),
        };
    match after.trim() {
        "" => Ok(Cow::Owned(patch)),
        after => Err(format!(
            "a patch is sent alone, and after this one stands `{}`: send the patch, then the rest as a call of its own",
            crate::files::cut(after.lines().next().unwrap_or_default(), 100)
        )),
    }
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

/// `<<'EOF'`, the lines up to its end, and what stands behind it.
fn heredoc(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix("<<")?;
    let (first, mut rest) = text.split_once('\n')?;
    let first = first.strip_prefix('-').unwrap_or(first).trim();
    let end = first.split_whitespace().next()?;
    let behind = first[end.len()..].trim();
    let end = end.trim_matches(['\'', '"', '\\']);
    let body = rest;
    while !rest.is_empty() {
        let (line, next) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.trim() == end {
            let patch = body[..body.len() - rest.len()].to_owned();
            return Some((patch, if behind.is_empty() { next } else { behind }));
        }
        rest = next;
    }
    // The end may have been cut off; what there is says so itself.
    Some((body.to_owned(), behind))
}

/// `"$(cat <<'EOF' …)"`, with what stands behind it.
fn in_substitution(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix("\"$(")?.trim_start().strip_prefix("cat")?;
    let (patch, rest) = heredoc(text.trim_start())?;
    let rest = rest.trim_start().strip_prefix(')')?.trim_start().strip_prefix('"')?;
    Some((patch, rest))
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
            format!("bash -lc \"{twice}\""),
            format!("/bin/bash -c '{}'", heredoc.replace('\'', r"'\''")),
        ] {
            assert!(is_call(&line), "{line}");
            assert_eq!(patch_of(&line).unwrap().trim(), PATCH.trim(), "{line}");
        }
        assert_eq!(patch_of(PATCH).unwrap(), PATCH);
    }

    #[test]
    fn what_follows_a_patch_is_named() {
        for after in ["\necho after", " && echo after", " # echo after"] {
            let line = match after.strip_prefix('\n') {
                Some(after) => format!("apply_patch <<EOF\n{PATCH}EOF\n{after}\n"),
                None => format!("apply_patch <<EOF{after}\n{PATCH}EOF\n"),
            };
            let said = patch_of(&line).unwrap_err();
            assert!(said.contains("sent alone") && said.contains("echo after`"), "{said}");
        }
        let argument = format!("apply_patch '{}' || true", PATCH.replace('\'', ""));
        assert!(patch_of(&argument).unwrap_err().contains("`|| true`"));
    }

    #[test]
    fn other_commands_are_no_call() {
        for line in [
            format!("cat <<EOF\n{PATCH}EOF"),
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
            "(apply_patch|bash -lc|<<|\"\\$\\(cat|\\*\\*\\* Begin Patch|[ \n'\"\\\\)é-]|EOF){1,3}", 0..8)) {
            let text = pieces.concat();
            let _ = (is_call(&text), patch_of(&text).map(Cow::into_owned));
        }
    }
}
