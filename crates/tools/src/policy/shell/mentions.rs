//! What commands may stand in a line that is not understood.

use super::{End, RESERVED, Reading, named};

/// What commands may stand anywhere in `line`, understood or not. Too many rather than too few: enough to forbid by,
/// never to allow by.
pub(crate) fn mentions(line: &str) -> Vec<Vec<String>> {
    let mut mentioned = understood_parts(line);
    mentioned.extend(loose_words(line));
    mentioned
}

/// The commands that stand plainly in `line` among others that are not understood, these as far as they are.
fn understood_parts(line: &str) -> Vec<Vec<String>> {
    let mut reading = Reading { rest: line.chars().peekable(), words: vec![], redirects: false };
    let mut commands = Vec::new();
    loop {
        let end = reading.command();
        commands.extend(named(std::mem::take(&mut reading.words)));
        if end == Some(End::Line) {
            return commands;
        }
        if end.is_none() {
            while reading.rest.next_if(|c| !SEPARATORS.contains(c)).is_some() {}
            reading.rest.next();
        }
    }
}

/// What stands between what separates commands, with nothing taken for quoted: in quotes stands what another shell runs.
fn loose_words(line: &str) -> impl Iterator<Item = Vec<String>> {
    // A backslash may join two lines, or be one that is escaped itself.
    let unquoted = format!("{}\n{line}", line.replace("\\\n", " "));
    let unquoted = unquoted.replace(['"', '\'', '\\'], "");
    // What looks like a redirect, or its descriptor, may have been quoted, and then hides nothing: read all ways.
    let [with, without] =
        [true, false].map(|descriptors| without_redirects(&unquoted, descriptors));
    let unquoted = format!("{unquoted}\n{with}\n{without}");
    let words = unquoted.split(SEPARATORS).map(|segment| {
        let words = segment.split_whitespace().map(str::to_owned);
        words.skip_while(|word| RESERVED.contains(&word.as_str()) || word.contains('=')).collect()
    });
    let words: Vec<Vec<String>> = words.collect();
    words.into_iter().filter(|words| !words.is_empty())
}

/// What may stand before a command.
const SEPARATORS: [char; 9] = [';', '|', '&', '(', ')', '{', '}', '`', '\n'];

/// `git>x push` is `git push`: operators and the file behind them are left out, and with `descriptors` the number before.
fn without_redirects(line: &str, descriptors: bool) -> String {
    let mut kept = String::new();
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        if !matches!(c, '<' | '>') {
            kept.push(c);
            continue;
        }
        let before = kept.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_descriptor = before.is_empty()
            || before.ends_with(|c: char| c.is_whitespace() || ";|&(){}".contains(c));
        if descriptors && is_descriptor {
            kept.truncate(before.len());
        }
        if kept.ends_with('&') {
            kept.pop();
        }
        while rest.next_if(|c| matches!(c, '<' | '>' | '&' | '|')).is_some() {}
        kept.push(' ');
        // What stands in brackets is a command.
        while rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        while rest.next_if(|c| !c.is_whitespace() && !";|&()<>`".contains(*c)).is_some() {}
    }
    kept
}
