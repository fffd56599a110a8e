//! Rules changed on disk, for the person and by their word only. Whoever reads a file meanwhile sees it as it was or as it
//! is, and two agents that change one take turns.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use super::file::text_of;
use super::{Effect, Place, Rule, Rules, parse};

/// Appends a rule, as a statement says it, to the file at `path`, which is made when it is not there and then begins with
/// `heading`.
///
/// # Errors
/// When the statement is wrong, or as the file system says; then the file is as it was.
pub(crate) fn append(path: &Path, heading: &str, statement: &str) -> io::Result<Rule> {
    let rule = read_one(statement)?;
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    change(path, |text| {
        let mut text = text.unwrap_or_else(|| format!("# {heading}\n"));
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let line = 1 + text.matches('\n').count();
        let bytes = text.len()..text.len() + statement.len();
        text += &format!("{statement}\n");
        let file = Arc::new(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
        Ok((text, Rule { place: Place { file, line, bytes }, ..rule }))
    })
}

/// Takes a rule out of its file.
///
/// # Errors
/// When it is not there any more, or as the file system says; then the file is as it was.
pub(crate) fn remove(rule: &Rule) -> io::Result<()> {
    change(&rule.place.file, |text| {
        let text = text.ok_or_else(gone)?;
        let found = find(rule, &text)?;
        Ok((without(&text, &found.place), ()))
    })
}

/// Lets a rule say something else, where it stands; what else its statement says stays.
///
/// # Errors
/// When it is not there any more or its examples would not hold, or as the file system says; then the file is as it was.
pub(crate) fn rewrite(rule: &Rule, effect: Effect, pattern: &[Vec<String>]) -> io::Result<()> {
    change(&rule.place.file, |text| {
        let mut text = text.ok_or_else(gone)?;
        let bytes = find(rule, &text)?.place.bytes;
        let statement = said_anew(&text[bytes.clone()], rule, effect, pattern)?;
        text.replace_range(bytes, &statement);
        Ok((text, ()))
    })
}

/// The statement of a rule of a file as it is to be in another one.
///
/// # Errors
/// When it is not there any more or its examples would not hold, or as the file system says.
pub(crate) fn moved(rule: &Rule, effect: Effect, pattern: &[Vec<String>]) -> io::Result<String> {
    let text = text_of(&rule.place.file)?;
    let bytes = find(rule, &text)?.place.bytes;
    said_anew(&text[bytes], rule, effect, pattern)
}

/// The statement of `rule` with another effect and other words; its examples hold then, too.
fn said_anew(
    statement: &str,
    rule: &Rule,
    effect: Effect,
    pattern: &[Vec<String>],
) -> io::Result<String> {
    let parts = parse::parts(statement).ok_or_else(gone)?;
    let mut changes = Vec::new();
    if pattern != rule.pattern {
        changes.push((parts.pattern.clone(), listed(pattern)));
    }
    if effect != rule.effect {
        let after = parts.pattern.end;
        changes.push(match parts.decision {
            Some(bytes) => (bytes, decision(effect).to_owned()),
            None => (after..after, format!(", decision={}", decision(effect))),
        });
    }
    // The last comes first, so that the bytes before it stay where they are.
    changes.sort_by_key(|(bytes, _)| std::cmp::Reverse(bytes.start));
    let mut said = statement.to_owned();
    for (bytes, text) in changes {
        said.replace_range(bytes, &text);
    }
    read_one(&said)?;
    Ok(said)
}

/// The rule that a statement makes, which is in no file.
///
/// # Errors
/// When it is wrong, or its examples do not hold.
pub(crate) fn read_one(statement: &str) -> io::Result<Rule> {
    let (rules, errors) = Rules::parse(Path::new(""), statement);
    if let Some(error) = errors.into_iter().next() {
        return Err(io::Error::other(error.problem));
    }
    rules.rules.into_iter().next().ok_or_else(|| io::Error::other("it makes no rule"))
}

/// The words of a rule as a person types them: quoted as in a shell, `(a|b)` for either.
pub(crate) fn read_words(line: &str) -> io::Result<Vec<Vec<String>>> {
    let words = parse::split(line).ok_or_else(|| io::Error::other("a quote is not closed"))?;
    if let Some(c) = parse::operator(line) {
        let problem = format!(
            "a rule is about one command, and `{c}` is of the shell: quote it, if it is of a word"
        );
        return Err(io::Error::other(problem));
    }
    if words.is_empty() {
        return Err(io::Error::other("no word is given: it would be about every command"));
    }
    let alternatives = |word: String| {
        let either = word.strip_prefix('(').and_then(|word| word.strip_suffix(')'));
        match either.filter(|either| either.contains('|')) {
            Some(either) => either.split('|').map(str::to_owned).collect(),
            None => vec![word],
        }
    };
    Ok(words.into_iter().map(alternatives).collect())
}

fn gone() -> io::Error {
    io::Error::other("it is not in its file any more")
}

/// The rule as it stands in `text` now, which others may have changed.
fn find(rule: &Rule, text: &str) -> io::Result<Rule> {
    let (rules, _) = Rules::parse(&rule.place.file, text);
    let is_it = |other: &&Rule| {
        (&other.pattern, other.effect, &other.justification)
            == (&rule.pattern, rule.effect, &rule.justification)
    };
    let found = rules.rules.iter().filter(is_it);
    let nearest = found.min_by_key(|found| found.place.line.abs_diff(rule.place.line));
    nearest.cloned().ok_or_else(gone)
}

/// Without what stands there, and without its line when nothing else is on it.
fn without(text: &str, place: &Place) -> String {
    let (before, after) = (&text[..place.bytes.start], &text[place.bytes.end..]);
    let after = after.strip_prefix(';').unwrap_or(after);
    let begun = before.rfind('\n').map_or(0, |at| at + 1);
    let ends = after.find('\n').map_or(after.len(), |at| at + 1);
    if before[begun..].trim().is_empty() && after[..ends].trim().is_empty() {
        return format!("{}{}", &before[..begun], &after[ends..]);
    }
    format!("{before}{after}")
}

/// Makes a new text of that of the file at `path`; none where there is no file.
fn change<T>(
    path: &Path,
    make: impl FnOnce(Option<String>) -> io::Result<(String, T)>,
) -> io::Result<T> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join(".lock"))?;
    lock.lock()?;
    // A link to where the person keeps it stays one.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let text = match text_of(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let (text, made) = make(text)?;
    replace(path, &text)?;
    Ok(made)
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::Builder::new().prefix(".rules").tempfile_in(dir)?;
    let mode = fs::metadata(path).map_or(0o600, |old| old.permissions().mode());
    new.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_data()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(dir)?.sync_all()
}

/// The rule as a file says it.
pub(crate) fn statement(
    effect: Effect,
    pattern: &[Vec<String>],
    justification: Option<&str>,
) -> String {
    let why = justification.map(|why| format!(", justification={}", quoted(why)));
    let (pattern, why) = (listed(pattern), why.unwrap_or_default());
    format!("prefix_rule(pattern={pattern}, decision={}{why})", decision(effect))
}

fn decision(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "\"allow\"",
        Effect::Prompt => "\"prompt\"",
        Effect::Forbidden => "\"forbidden\"",
    }
}

fn listed(pattern: &[Vec<String>]) -> String {
    let words = pattern.iter().map(|any_of| match &any_of[..] {
        [word] => quoted(word),
        several => {
            let several: Vec<_> = several.iter().map(|word| quoted(word)).collect();
            format!("[{}]", several.join(", "))
        }
    });
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

fn quoted(word: &str) -> String {
    let escaped = word.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        '\r' => "\\r".to_owned(),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
