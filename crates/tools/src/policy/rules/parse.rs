//! The text of a `.rules` file: calls of `prefix_rule`, in a syntax that is a small part of Starlark. A statement that
//! cannot be read is an error of its own; those after it are read all the same, so that one slip lifts no ban.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::RuleError;
use super::{Author, Effect, Executable, Place, Rule, Rules};

/// The arguments of a rule, in the order in which they need no names.
const PREFIX_RULE: [&str; 5] = ["pattern", "decision", "match", "not_match", "justification"];

/// Reads the rules of `text`, which is that of `file`, and what is wrong with it.
pub(super) fn parse(file: &Path, text: &str) -> (Rules, Vec<RuleError>) {
    let file: Arc<PathBuf> = Arc::new(file.to_owned());
    let mut reading = Reading { text, at: 0 };
    let (mut rules, mut errors) = (Rules::default(), Vec::new());
    loop {
        reading.blanks();
        let begun = reading.at;
        if begun == text.len() {
            return (rules, errors);
        }
        if let Err(Slip { at, problem }) = statement(&mut reading, &file, &mut rules) {
            let (line, column) = position(text, at);
            errors.push(RuleError { file: file.as_ref().clone(), line, column, problem });
            reading.skip_statement(begun);
        }
    }
}

/// Where in the text of a rule's statement its values stand.
pub(super) struct Parts {
    pub(super) pattern: Range<usize>,
    pub(super) decision: Option<Range<usize>>,
}

/// The parts of one statement, if it is a rule's.
pub(super) fn parts(statement: &str) -> Option<Parts> {
    let mut reading = Reading { text: statement, at: 0 };
    let name = reading.name();
    let call = reading.call(name, &PREFIX_RULE).ok()?;
    Some(Parts { pattern: call.bytes("pattern")?, decision: call.bytes("decision") })
}

/// What is wrong, and at which byte.
struct Slip {
    at: usize,
    problem: String,
}

/// From 1; columns count characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
    (1 + before.matches('\n').count(), 1 + line.chars().count())
}

fn statement(
    reading: &mut Reading<'_>,
    file: &Arc<PathBuf>,
    rules: &mut Rules,
) -> Result<(), Slip> {
    let at = reading.at;
    let line = position(reading.text, at).0;
    let name = reading.name();
    match name {
        "prefix_rule" => {
            let call = reading.call(name, &PREFIX_RULE)?;
            let place = Place { file: file.clone(), line, bytes: at..reading.at };
            return prefix_rule(at, call, place, &mut rules.rules);
        }
        "host_executable" => {
            let mut call = reading.call(name, &["name", "paths"])?;
            let name = call.text("name")?.ok_or_else(|| call.lacks("name"))?;
            let paths = call.list("paths")?.ok_or_else(|| call.lacks("paths"))?;
            let paths = paths.into_iter().map(Value::into_text).collect::<Result<_, _>>()?;
            rules.executables.push(Executable { name, paths });
        }
        // Which hosts may be reached is not for rules about commands.
        "network_rule" => {
            reading.call(name, &["host", "protocol", "decision", "justification"])?;
            let place = Place { file: file.clone(), line, bytes: at..reading.at };
            rules.not_honoured.push(place);
        }
        "" => {
            return Err(Slip { at, problem: "a rule must begin here: `prefix_rule(…)`".into() });
        }
        other => {
            let problem =
                format!("`{other}` is not understood here; only calls of `prefix_rule` are");
            return Err(Slip { at, problem });
        }
    }
    Ok(())
}

/// A rule whose examples do not hold says something else than was meant: it does not allow, but it still forbids.
fn prefix_rule(at: usize, mut call: Call, place: Place, rules: &mut Vec<Rule>) -> Result<(), Slip> {
    let pattern = call.list("pattern")?.ok_or_else(|| call.lacks("pattern"))?;
    if pattern.is_empty() {
        return Err(Slip {
            at,
            problem: "`pattern` is empty: it would match every command".into(),
        });
    }
    let pattern = pattern.into_iter().map(Value::into_alternatives).collect::<Result<_, _>>()?;
    let effect = match call.value("decision") {
        None => Effect::Allow,
        Some(value) => {
            let at = value.at;
            match value.into_text()?.as_str() {
                "allow" => Effect::Allow,
                "prompt" => Effect::Prompt,
                "forbidden" => Effect::Forbidden,
                other => {
                    let problem = format!("`{other}` is not one of: allow, prompt, forbidden");
                    return Err(Slip { at, problem });
                }
            }
        }
    };
    let justification = call.text("justification")?.filter(|text| !text.trim().is_empty());
    let rule = Rule { pattern, effect, justification, place, author: Author::Person };
    let examples = check_examples(&rule, &mut call);
    if examples.is_ok() || effect != Effect::Allow {
        rules.push(rule);
    }
    examples
}

fn check_examples(rule: &Rule, call: &mut Call) -> Result<(), Slip> {
    for (name, expected) in [("match", true), ("not_match", false)] {
        for example in call.list(name)?.unwrap_or_default() {
            let at = example.at;
            let words = example.into_command()?;
            if rule.matches(&words) != expected {
                let verb = if expected { "does not match" } else { "matches" };
                let problem = format!("the rule {verb} its example `{}`", words.join(" "));
                return Err(Slip { at, problem });
            }
        }
    }
    Ok(())
}

/// A value, and the bytes where it stands.
struct Value {
    at: usize,
    end: usize,
    kind: Kind,
}

enum Kind {
    Text(String),
    List(Vec<Value>),
    None,
}

impl Value {
    fn wrong(&self, expected: &str) -> Slip {
        let found = match &self.kind {
            Kind::Text(_) => "a string",
            Kind::List(_) => "a list",
            Kind::None => "None",
        };
        Slip { at: self.at, problem: format!("this is {found}; it must be {expected}") }
    }

    fn into_text(self) -> Result<String, Slip> {
        match self.kind {
            Kind::Text(text) => Ok(text),
            _ => Err(self.wrong("a string")),
        }
    }

    fn into_alternatives(self) -> Result<Vec<String>, Slip> {
        match self.kind {
            Kind::Text(text) => Ok(vec![text]),
            Kind::List(list) if !list.is_empty() => list.into_iter().map(Self::into_text).collect(),
            _ => Err(self.wrong("a word or a list of words")),
        }
    }

    /// An example is a list of words, or a line with quotes as in a shell.
    fn into_command(self) -> Result<Vec<String>, Slip> {
        let at = self.at;
        let words = match self.kind {
            Kind::List(list) => list.into_iter().map(Self::into_text).collect::<Result<_, _>>()?,
            Kind::Text(line) => split(&line).ok_or_else(|| Slip {
                at,
                problem: "a quote in the example is not closed".into(),
            })?,
            Kind::None => return Err(self.wrong("a command")),
        };
        let is_empty = |words: &Vec<String>| words.is_empty();
        Some(words)
            .filter(|words| !is_empty(words))
            .ok_or_else(|| Slip { at, problem: "the example is empty".into() })
    }
}

/// The arguments of one call.
struct Call {
    at: usize,
    name: String,
    arguments: Vec<(String, Value)>,
}

impl Call {
    fn lacks(&self, argument: &str) -> Slip {
        Slip { at: self.at, problem: format!("`{}` lacks `{argument}`", self.name) }
    }

    fn bytes(&self, name: &str) -> Option<Range<usize>> {
        let found = self.arguments.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.at..value.end)
    }

    /// Taken out; `None` is as good as absent.
    fn value(&mut self, name: &str) -> Option<Value> {
        let at = self.arguments.iter().position(|(given, _)| given == name)?;
        let (_, value) = self.arguments.remove(at);
        (!matches!(value.kind, Kind::None)).then_some(value)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Slip> {
        self.value(name).map(Value::into_text).transpose()
    }

    fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, Slip> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match value.kind {
            Kind::List(list) => Ok(Some(list)),
            _ => Err(value.wrong("a list")),
        }
    }
}

/// How deep lists may lie in each other.
const DEEPEST: usize = 8;

struct Reading<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reading<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn slip<T>(&self, problem: &str) -> Result<T, Slip> {
        Err(Slip { at: self.at, problem: problem.to_owned() })
    }

    /// Blanks, line ends, comments and semicolons.
    fn blanks(&mut self) {
        loop {
            let rest = self.rest();
            let bare = rest.trim_start_matches([' ', '\t', '\r', '\n', ';', '\u{feff}']);
            self.at += rest.len() - bare.len();
            if !bare.starts_with('#') {
                return;
            }
            self.at += bare.find('\n').unwrap_or(bare.len());
        }
    }

    fn take(&mut self, mark: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(mark);
        self.at += if found { mark.len() } else { 0 };
        found
    }

    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// The next statement begins where a line begins with a letter.
    fn skip_statement(&mut self, begun: usize) {
        let after = self.text[begun..].match_indices('\n').map(|(at, _)| begun + at + 1);
        let begins = |at: &usize| self.text[*at..].starts_with(|c: char| c.is_ascii_alphabetic());
        self.at = after.into_iter().find(begins).unwrap_or(self.text.len());
    }

    /// What follows the name of a call. `order` names its arguments where they are given without one.
    fn call(&mut self, name: &str, order: &[&str]) -> Result<Call, Slip> {
        let at = self.at - name.len();
        if !self.take("(") {
            return self.slip(&format!("`{name}` must be followed by `(`"));
        }
        let mut arguments: Vec<(String, Value)> = Vec::new();
        while !self.take(")") {
            let begun = self.at;
            let given = self.name();
            let given = if !given.is_empty() && self.take("=") {
                given
            } else {
                self.at = begun;
                order.get(arguments.len()).copied().unwrap_or_default()
            };
            let again = arguments.iter().any(|(earlier, _)| earlier == given);
            if again || !order.contains(&given) {
                let what = if again { "is given twice" } else { "is unknown" };
                let problem =
                    format!("the argument `{given}` {what}; there are: {}", order.join(", "));
                return Err(Slip { at: begun, problem });
            }
            let value = self.value(0)?;
            arguments.push((given.to_owned(), value));
            if !self.take(",") && !self.rest().starts_with(')') {
                return self.slip("`,` or `)` is missing here");
            }
        }
        Ok(Call { at, name: name.to_owned(), arguments })
    }

    fn value(&mut self, depth: usize) -> Result<Value, Slip> {
        self.blanks();
        let at = self.at;
        if self.rest().starts_with('[') {
            return self.list(depth);
        }
        if self.rest().starts_with("None") {
            self.at += "None".len();
            return Ok(Value { at, end: self.at, kind: Kind::None });
        }
        let mut text = self.string()?;
        let mut end = self.at;
        while self.take("+") {
            self.blanks();
            text += &self.string()?;
            end = self.at;
        }
        Ok(Value { at, end, kind: Kind::Text(text) })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Slip> {
        let at = self.at;
        self.at += 1;
        if depth == DEEPEST {
            return Err(Slip { at, problem: "lists lie too deep in each other here".into() });
        }
        let mut list = Vec::new();
        while !self.take("]") {
            list.push(self.value(depth + 1)?);
            if !self.take(",") && !self.rest().starts_with(']') {
                return self.slip("`,` or `]` is missing here");
            }
        }
        Ok(Value { at, end: self.at, kind: Kind::List(list) })
    }

    /// `"…"`, `'…'`, `"""…"""`, or with `r` before it without escapes.
    fn string(&mut self) -> Result<String, Slip> {
        let begun = self.at;
        let raw = self.rest().starts_with("r\"") || self.rest().starts_with("r'");
        self.at += usize::from(raw);
        let marks = ["\"\"\"", "'''", "\"", "'"];
        let Some(mark) = marks.into_iter().find(|mark| self.rest().starts_with(mark)) else {
            return self.slip("a string or a list must stand here");
        };
        self.at += mark.len();
        let mut text = String::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(mark) {
                self.at += mark.len();
                return Ok(text);
            }
            match rest.chars().next() {
                None => break,
                Some('\n') if mark.len() == 1 => break,
                Some('\\') if !raw => text.extend(self.escape()?),
                Some(c) => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        Err(Slip { at: begun, problem: "this string is not closed".into() })
    }

    fn escape(&mut self) -> Result<Option<char>, Slip> {
        let escaped = self.rest().chars().nth(1).unwrap_or_default();
        let digits = match escaped {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let code = self.rest().get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let meant = match escaped {
            '\n' => None,
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            '\\' | '\'' | '"' => Some(escaped),
            'x' | 'u' | 'U' if code.and_then(char::from_u32).is_some() => {
                code.and_then(char::from_u32)
            }
            _ => return self.slip("this escape is unknown; a backslash is written `\\\\`"),
        };
        self.at += 1 + escaped.len_utf8() + digits;
        Ok(meant)
    }
}

/// What is the shell's own in a line of words: `(a|b)` is one.
pub(super) fn operator(line: &str) -> Option<char> {
    let mut rest = line.chars();
    let (mut quote, mut depth) = (None, 0_usize);
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => drop(rest.next()),
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(c),
            ('(', None) => depth += 1,
            (')', None) => depth = depth.saturating_sub(1),
            ('|', None) if depth > 0 => {}
            (';' | '&' | '|' | '<' | '>' | '`', None) => return Some(c),
            _ => {}
        }
    }
    None
}

/// The words of an example; none where a quote is not closed.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_ascii_whitespace() => words.extend(word.take()),
            '\\' => word.get_or_insert_default().push(rest.next()?),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        end if end == c => break,
                        '\\' if c == '"' => word.push(rest.next()?),
                        inner => word.push(inner),
                    }
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}
