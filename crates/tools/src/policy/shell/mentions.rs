//! What commands may stand in a line that is not understood.

use std::iter::Peekable;
use std::str::Chars;

use super::{End, RESERVED, Reading, named};

/// What commands may stand anywhere in `line`, understood or not. Too many rather than too few: enough to forbid by,
/// never to allow by.
pub(crate) fn mentions(line: &str) -> Vec<Vec<String>> {
    let mut mentioned = understood_parts(line);
    mentioned.extend(loose_words(line));
    if let Some(line) = simplified(line) {
        mentioned.extend(understood_parts(&line));
        mentioned.extend(loose_words(&line));
    }
    mentioned
}

/// The commands that stand plainly in `line` among others that are not understood, these as far as they are.
fn understood_parts(line: &str) -> Vec<Vec<String>> {
    let mut reading = Reading { rest: line.chars().peekable(), words: vec![], redirects: false };
    let mut commands = Vec::new();
    loop {
        let end = reading.command();
        let words = std::mem::take(&mut reading.words);
        let begun = begun(&words);
        if begun.len() < words.len() && !begun.is_empty() {
            commands.push(begun.to_vec());
        }
        commands.extend(named(words));
        if end == Some(End::Line) {
            return commands;
        }
        if end.is_none() {
            while reading.rest.next_if(|c| !SEPARATORS.contains(c)).is_some() {}
            reading.rest.next();
        }
    }
}

/// Where the command begins behind `then`, `A=1`, `time -p` and their like.
fn begun(words: &[String]) -> &[String] {
    let mut rest = words;
    let mut is_led = false;
    while let Some((word, after)) = rest.split_first() {
        let leads = RESERVED.contains(&word.as_str())
            || word.contains('=')
            || (is_led && word.starts_with('-'));
        if !leads {
            break;
        }
        (is_led, rest) = (true, after);
    }
    rest
}

/// With `$'…'` and `$"…"` as the plain quotes that say the same, and a word in place of each `{}`, `$x` and `$(…)`: what
/// those stand for is not known, but what stands around them belongs together. None when there are none.
fn simplified(line: &str) -> Option<String> {
    if !line.contains(['$', '`']) && !line.contains("{}") {
        return None;
    }
    let mut text = String::new();
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('$', Some('"')) => {}
            ('$', Some('\'')) => {
                rest.next();
                let word = escaped(&mut rest);
                text.push_str(&format!("'{}'", word.replace('\'', r"'\''")));
            }
            ('$', Some('(')) => {
                skip_to_end(&mut rest, '(', ')');
                text.push('_');
            }
            ('$', Some('{')) | ('{', Some('}')) => {
                skip_to_end(&mut rest, '{', '}');
                text.push('_');
            }
            ('$', Some(_)) => {
                // A name, or a single sign as in `$?`.
                rest.next_if(|c| !c.is_whitespace() && !SEPARATORS.contains(c));
                while rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_').is_some() {}
                text.push('_');
            }
            ('`', _) => {
                rest.by_ref().find(|c| *c == '`');
                text.push('_');
            }
            _ => text.push(c),
        }
    }
    Some(text)
}

/// Behind the bracket that closes the one that is next, or that is open already.
fn skip_to_end(rest: &mut Peekable<Chars<'_>>, open: char, close: char) {
    let mut depth = usize::from(rest.peek() == Some(&close));
    for c in rest.by_ref() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return;
            }
        }
    }
}

/// What stands in `$'…'`, up to its end.
fn escaped(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(c) = rest.next() {
        match c {
            '\'' => break,
            '\\' => text.extend(escape(rest)),
            c => text.push(c),
        }
    }
    text
}

/// The character behind a backslash there.
fn escape(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    let c = rest.next()?;
    match c {
        'n' => Some('\n'),
        't' => Some('\t'),
        'x' => number(rest, 16, 2, 0),
        'u' => number(rest, 16, 4, 0),
        'U' => number(rest, 16, 8, 0),
        '0'..='7' => number(rest, 8, 2, c.to_digit(8)?),
        c => Some(c),
    }
}

fn number(rest: &mut Peekable<Chars<'_>>, radix: u32, most: usize, begun: u32) -> Option<char> {
    let mut number = begun;
    for _ in 0..most {
        let Some(digit) = rest.peek().and_then(|c| c.to_digit(radix)) else { break };
        rest.next();
        number = number.wrapping_mul(radix).wrapping_add(digit);
    }
    char::from_u32(number)
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
        let words: Vec<_> = segment.split_whitespace().map(str::to_owned).collect();
        begun(&words).to_vec()
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
