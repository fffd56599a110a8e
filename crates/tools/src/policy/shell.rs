//! What a command line is, as far as it can be known without running it. What its commands may do is not judged here.
//!
//! Read by a scanner of our own: tree-sitter's grammar of bash is wider than bash here and there (it skips `\ ` as
//! blank space, say), and with tree-sitter 0.27.1 and tree-sitter-bash 0.25.1 a test with arbitrary text ended in a
//! memory fault.

mod mentions;

use std::iter::Peekable;
use std::str::Chars;

pub(crate) use mentions::mentions;

/// Longer lines are not understood.
const MOST_BYTES: usize = 8 * 1024;

/// The commands of `line`, each with its words as the program receives them, when it is nothing but plain commands
/// joined by `&&`, `||`, `;`, `|` and line ends, and comments: no expansion of any kind, no assignment, no redirect but to
/// `/dev/null` or of one descriptor to another. Of all other lines it is not known what they run.
pub(crate) fn commands(line: &str) -> Option<Vec<Vec<String>>> {
    if line.len() > MOST_BYTES {
        return None;
    }
    let mut reading = Reading { rest: line.chars().peekable(), words: vec![], redirects: false };
    let mut commands = Vec::new();
    let mut joined = false;
    loop {
        let end = reading.command()?;
        if !reading.words.is_empty() {
            commands.push(named(std::mem::take(&mut reading.words))?);
        } else if reading.redirects || end.needs_command() || (joined && end == End::Line) {
            return None;
        } else if end == End::NewLine {
            continue;
        }
        reading.redirects = false;
        joined = end == End::Operator;
        if end == End::Line {
            return (!commands.is_empty()).then_some(commands);
        }
    }
}

/// What ends a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// `&&`, `||` and `|`: another command follows.
    Operator,
    Semicolon,
    NewLine,
    Line,
}

impl End {
    fn needs_command(self) -> bool {
        matches!(self, Self::Operator | Self::Semicolon)
    }
}

/// `A=1` is an assignment, `%1` a job of the shell.
fn named(words: Vec<String>) -> Option<Vec<String>> {
    let name = words.first()?.as_str();
    let is_plain = !name.is_empty()
        && !name.contains('=')
        && !name.starts_with('%')
        && !RESERVED.contains(&name);
    is_plain.then_some(words)
}

/// What the shell reads otherwise than as the name of a program, and the builtins whose arguments are assignments.
const RESERVED: &[&str] = &[
    "!", "[[", "]]", "case", "coproc", "declare", "do", "done", "elif", "else", "esac", "export",
    "fi", "for", "function", "if", "in", "local", "readonly", "select", "then", "time", "typeset",
    "unset", "until", "while",
];

struct Reading<'a> {
    rest: Peekable<Chars<'a>>,
    words: Vec<String>,
    redirects: bool,
}

impl Reading<'_> {
    /// Reads the words of one command and what ends it.
    fn command(&mut self) -> Option<End> {
        loop {
            self.blanks();
            match self.rest.peek() {
                None => return Some(End::Line),
                Some('\n') => {
                    self.rest.next();
                    return Some(End::NewLine);
                }
                Some(';') => {
                    self.rest.next();
                    return Some(End::Semicolon);
                }
                Some('|') => {
                    self.rest.next();
                    self.rest.next_if_eq(&'|');
                    return (self.rest.peek() != Some(&'&')).then_some(End::Operator);
                }
                Some('&') => {
                    self.rest.next();
                    if self.rest.next_if_eq(&'&').is_some() {
                        return Some(End::Operator);
                    }
                    // In the background, unless it is `&>`.
                    (self.rest.peek() == Some(&'>')).then_some(())?;
                    self.redirect(false)?;
                }
                Some('<' | '>') => self.redirect(true)?,
                // What stands there is for who reads it.
                Some('#') => while self.rest.next_if(|c| *c != '\n').is_some() {},
                Some(_) => {
                    let word = self.word()?;
                    let is_descriptor = matches!(self.rest.peek(), Some('<' | '>'))
                        && word.is_bare
                        && word.text.bytes().all(|byte| byte.is_ascii_digit());
                    if !is_descriptor {
                        self.words.push(word.text);
                    } else if word.text.len() > 1 {
                        return None;
                    }
                }
            }
        }
    }

    /// One that neither reads nor writes a file.
    fn redirect(&mut self, may_copy: bool) -> Option<()> {
        self.redirects = true;
        let operator = self.rest.next()?;
        let copies = operator == '>' && may_copy && self.rest.next_if_eq(&'&').is_some();
        if !copies && operator == '>' {
            self.rest.next_if_eq(&'>');
        }
        self.blanks();
        let target = self.word()?.text;
        let is_harmless = match copies {
            true => target.len() == 1 && target.as_bytes()[0].is_ascii_digit(),
            false => target == "/dev/null",
        };
        is_harmless.then_some(())
    }

    fn is_at_blank(&mut self) -> bool {
        self.rest.peek().is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | ';' | '|' | '&'))
    }

    fn blanks(&mut self) {
        while self.rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
    }

    /// A word without expansions. Outside quotes only ASCII: which other bytes are blanks depends on the locale.
    fn word(&mut self) -> Option<Word> {
        let mut word = Word { text: String::new(), is_bare: true };
        let mut before = None;
        while let Some(&c) = self.rest.peek() {
            if matches!(c, ' ' | '\t' | '\n' | ';' | '|' | '&' | '<' | '>') {
                break;
            }
            self.rest.next();
            match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' => word.text.push(c),
                '_' | '-' | '.' | '/' | ':' | ',' | '=' | '+' | '@' | '%' | '^' | '!' => {
                    word.text.push(c);
                }
                '#' if before.is_some() => word.text.push(c),
                // The test; with anything beside it, it is a pattern.
                '[' | ']' if before.is_none() && self.is_at_blank() => word.text.push(c),
                // Somebody's home, unless it stands within a word, as in `HEAD~1`.
                '~' if before.is_some_and(|before| !matches!(before, '=' | ':')) => {
                    word.text.push(c)
                }
                '\\' => {
                    let escaped = self.rest.next_if(|c| c.is_ascii_graphic() || *c == ' ')?;
                    word.text.push(escaped);
                }
                '\'' => word.text.push_str(&self.single_quoted()?),
                '"' => word.text.push_str(&self.double_quoted()?),
                _ => return None,
            }
            word.is_bare &= !matches!(c, '\\' | '\'' | '"');
            before = Some(c);
        }
        before.is_some().then_some(word)
    }

    fn single_quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                '\'' => return is_printable(&text).then_some(text),
                c => text.push(c),
            }
        }
    }

    fn double_quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                '"' => return is_printable(&text).then_some(text),
                '$' | '`' => return None,
                '\\' => match self.rest.next()? {
                    c @ ('$' | '`' | '"' | '\\') => text.push(c),
                    '\n' => {}
                    c => text.extend(['\\', c]),
                },
                c => text.push(c),
            }
        }
    }
}

struct Word {
    text: String,
    /// Nothing of it was quoted.
    is_bare: bool,
}

fn is_printable(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control())
}

#[cfg(test)]
mod tests;
