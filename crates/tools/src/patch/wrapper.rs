//! What stands around a patch: taken off before it is read.

use super::parse::{BEGIN, END, SyntaxError};

#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// Counted from 1, in the text as it was given.
    pub(super) number: usize,
    pub(super) text: &'a str,
}

impl Line<'_> {
    pub(super) fn error(self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { line: self.number, message: message.into() }
    }

    pub(super) fn path(self, path: &str) -> Result<String, SyntaxError> {
        let path = path.trim();
        if path.is_empty() || path.contains('\0') {
            return Err(self.error("the path is missing"));
        }
        Ok(path.to_owned())
    }
}

/// The lines between the first and the last marker.
pub(super) fn unwrapped(text: &str) -> Result<Vec<Line<'_>>, SyntaxError> {
    let lines = text.split('\n').zip(1..).map(|(text, number)| Line { number, text });
    let lines: Vec<_> = lines.collect();
    let mut lines = without_blank_ends(&lines);
    while let Some(inner) = without_wrapper(lines) {
        lines = without_blank_ends(inner);
    }
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Err(SyntaxError {
            line: 1,
            message: format!("it is empty; a patch begins with `{BEGIN}`"),
        });
    };
    if first.text.trim() != BEGIN {
        return Err(first.error(format!("a patch begins with `{BEGIN}`")));
    }
    if last.text.trim() != END || lines.len() == 1 {
        return Err(
            last.error(format!("a patch ends with `{END}`; this one may have been cut off"))
        );
    }
    Ok(plain(&lines[..lines.len() - 1]))
}

fn without_blank_ends<'a, 'b>(mut lines: &'b [Line<'a>]) -> &'b [Line<'a>] {
    while let [first, rest @ ..] = lines
        && first.text.trim().is_empty()
    {
        lines = rest;
    }
    while let [rest @ .., last] = lines
        && last.text.trim().is_empty()
    {
        lines = rest;
    }
    lines
}

/// What stands in a Markdown fence or in a heredoc of a shell.
fn without_wrapper<'a, 'b>(lines: &'b [Line<'a>]) -> Option<&'b [Line<'a>]> {
    let [first, inner @ .., last] = lines else { return None };
    let (first, last) = (first.text.trim(), last.text.trim());
    if first.starts_with("```") {
        return Some(if last.chars().all(|c| c == '`') { inner } else { &lines[1..] });
    }
    let (command, word) = first.split_once("<<")?;
    let word = word.trim_start_matches('-').trim().trim_matches(['\'', '"']);
    let fits = ["", "apply_patch", "applypatch"].contains(&command.trim()) && !word.is_empty();
    (fits && last == word).then_some(inner)
}

/// The lines without what the transport added: the indentation of the whole, and CR when the markers end in it. The
/// first line, the opening marker, goes.
fn plain<'a>(lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let opening = lines[0].text;
    let indent = &opening[..opening.len() - opening.trim_start().len()];
    let indented =
        lines.iter().all(|line| line.text.starts_with(indent) || line.text.trim().is_empty());
    let crlf = opening.ends_with('\r');
    let plain = |line: &Line<'a>| {
        let text = line.text;
        let text = if indented { text.strip_prefix(indent).unwrap_or_default() } else { text };
        let text = if crlf { text.strip_suffix('\r').unwrap_or(text) } else { text };
        Line { text, ..*line }
    };
    lines[1..].iter().map(plain).collect()
}
