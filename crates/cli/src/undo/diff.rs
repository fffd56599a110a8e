//! Changes as a patch that `git apply` takes, save for contents that are not text.

use std::fmt::Write as _;

use agent_core::{Change, Digest, Entry, EntryKind, PlannedChange};
use agent_tools::UnifiedDiff;
use agent_tui::exact;

use crate::screen::Screen;

/// `content` reads what was kept.
pub(super) fn render(
    changes: &[Change],
    content: impl Fn(Digest) -> Option<Vec<u8>>,
    screen: Screen,
) -> String {
    let mut text = String::new();
    let is_file = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| !entry.is_dir());
    for change in changes.iter().filter(|change| is_file(&change.before) || is_file(&change.after))
    {
        text += &one(change, &content, screen);
    }
    text
}

fn one(change: &Change, content: &impl Fn(Digest) -> Option<Vec<u8>>, screen: Screen) -> String {
    // A link that became a file, or the other way round, is removed and added.
    let file = |entry: &Option<Entry>| entry.clone().filter(|entry| !entry.is_dir());
    let (before, after) = (file(&change.before), file(&change.after));
    if let (Some(old), Some(new)) = (&before, &after)
        && old.kind != new.kind
    {
        let removed = Change { after: None, before: before.clone(), ..change.clone() };
        let added = Change { before: None, after: after.clone(), ..change.clone() };
        return one(&removed, content, screen) + &one(&added, content, screen);
    }
    let name = change.path.to_string();
    let (a, b) = (quoted("a/", &name), quoted("b/", &name));
    let mut head = format!("diff --git {a} {b}\n");
    match (&before, &after) {
        (None, Some(new)) => head += &format!("new file mode {}\n", mode(new)),
        (Some(old), None) => head += &format!("deleted file mode {}\n", mode(old)),
        (Some(old), Some(new)) if mode(old) != mode(new) => {
            let _ = write!(head, "old mode {}\nnew mode {}\n", mode(old), mode(new));
        }
        _ => {}
    }
    let from = if before.is_some() { a.clone() } else { "/dev/null".to_owned() };
    let to = if after.is_some() { b.clone() } else { "/dev/null".to_owned() };
    let body = match (side(&before, content), side(&after, content)) {
        (Side::Text(old), Side::Text(new)) if old == new => String::new(),
        (Side::Text(old), Side::Text(new)) => {
            format!("--- {from}\n+++ {to}\n{}", UnifiedDiff::new(&old, &new).text)
        }
        (Side::Unknown, _) | (_, Side::Unknown) => format!("Contents of {b} were not kept\n"),
        _ => format!("Binary files {from} and {to} differ\n"),
    };
    paint(&head, "1", screen) + &coloured(&body, screen)
}

/// `M name`, as git says it.
pub(super) fn name_line(change: &PlannedChange, screen: Screen) -> String {
    let (letter, colour) = match (&change.now, &change.then) {
        (None, _) => ("A", "32"),
        (_, None) => ("D", "31"),
        _ => ("M", "33"),
    };
    let is_dir = [&change.now, &change.then].into_iter().flatten().all(Entry::is_dir);
    let slash = if is_dir { "/" } else { "" };
    format!("{} {}{slash}\n", screen.paint(letter, colour), exact(&change.path.to_string()))
}

enum Side {
    Text(String),
    Binary,
    Unknown,
}

fn side(entry: &Option<Entry>, content: &impl Fn(Digest) -> Option<Vec<u8>>) -> Side {
    let Some(entry) = entry else { return Side::Text(String::new()) };
    let Some(bytes) = entry.content.and_then(content) else { return Side::Unknown };
    if bytes.contains(&0) {
        return Side::Binary;
    }
    String::from_utf8(bytes).map_or(Side::Binary, Side::Text)
}

/// As git has it: it knows executable and not, and links.
fn mode(entry: &Entry) -> &'static str {
    match entry.kind {
        EntryKind::Symlink => "120000",
        _ if entry.mode & 0o100 != 0 => "100755",
        _ => "100644",
    }
}

/// A name as git writes it: in quotes when it is not plain.
fn quoted(side: &str, name: &str) -> String {
    if name.chars().all(|c| !c.is_control() && c != '"' && c != '\\') {
        return format!("{side}{name}");
    }
    let escaped: String = name.chars().flat_map(char::escape_default).collect();
    format!("\"{side}{escaped}\"")
}

fn coloured(body: &str, screen: Screen) -> String {
    if !screen.is_terminal {
        return body.to_owned();
    }
    let line = |line: &str| {
        let colour = match line.as_bytes().first() {
            Some(b'+') => "32",
            Some(b'-') => "31",
            Some(b'@') => "36",
            _ => "",
        };
        paint(line, colour, screen)
    };
    body.split_inclusive('\n').map(line).collect()
}

/// Nothing of a content may steer the terminal; a file that is read gets it as it is.
fn paint(text: &str, code: &str, screen: Screen) -> String {
    if !screen.is_terminal {
        return text.to_owned();
    }
    let shown = exact(text);
    let (line, end) = shown.strip_suffix('\n').map_or((&*shown, ""), |line| (line, "\n"));
    if code.is_empty() { shown.clone().into_owned() } else { screen.paint(line, code) + end }
}
