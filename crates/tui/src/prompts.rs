//! Prompts that people keep as files, offered as slash commands: what a file says, and what becomes of it with
//! arguments. Where the files are is not known here.

use std::borrow::Cow;

/// Whose a prompt is; the person's come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    #[default]
    Person,
    /// It came with the project, or was made in it.
    Project,
}

/// A prompt as its file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// What it is called by: the path of its file below its directory, its parts joined by `:`.
    pub name: String,
    pub description: String,
    /// What arguments it takes, as its author put it.
    pub argument_hint: String,
    pub origin: Origin,
    body: String,
}

impl Prompt {
    /// Reads a Markdown file with optional front matter; `path` is relative to the directory of prompts. Without a
    /// description, the first line of the text is one.
    pub fn markdown(path: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
        let (matter, body) = split_front_matter(&text);
        let mut prompt = Self { name: name(path), body: body.trim().to_owned(), ..Self::default() };
        for (key, value) in matter.lines().filter_map(|line| line.split_once(':')) {
            match key.trim() {
                "description" => prompt.description = unquoted(value),
                "argument-hint" => prompt.argument_hint = unquoted(value),
                _ => {}
            }
        }
        prompt.described()
    }

    /// A prompt whose parts another format gave: Gemini's `description` and `prompt`, say.
    pub fn of_parts(path: &str, description: &str, body: &str) -> Self {
        // Gemini's word for all arguments.
        let body = body.trim().replace("{{args}}", "$ARGUMENTS");
        let description = description.to_owned();
        Self { name: name(path), description, body, ..Self::default() }.described()
    }

    /// The same from elsewhere.
    #[must_use]
    pub fn of(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    fn described(mut self) -> Self {
        if self.description.is_empty() {
            let first = self.body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            self.description = first.trim_start_matches(['#', ' ']).to_owned();
        }
        self
    }

    fn declares(&self, name: &str) -> Declared {
        let sign = format!("{name}=");
        let mut found = self.argument_hint.match_indices(&sign);
        let before = |at: usize| self.argument_hint[..at].chars().next_back();
        found
            .find_map(|(at, _)| match before(at) {
                Some('[') => Some(Declared::Optional),
                Some(c) if c.is_ascii_alphanumeric() || c == '_' => None,
                _ => Some(Declared::Required),
            })
            .unwrap_or(Declared::Not)
    }

    /// The text with `arguments` in their places: `$1` to `$9`, `$ARGUMENTS` or `$@`, `$NAME` for `NAME=value`, and
    /// `$$` for a dollar sign. If it has no place for them they follow at its end, so that none is lost.
    ///
    /// # Errors
    /// The names that the hint requires (`FILE=<path>`, not `[FILE=<path>]`) and that are missing. A name that the
    /// hint does not have may be the shell's, and stays.
    pub fn expand(&self, arguments: &str) -> Result<String, Vec<String>> {
        let given = Arguments::parse(arguments);
        let mut text = String::with_capacity(self.body.len() + arguments.len());
        let mut missing: Vec<String> = Vec::new();
        let mut used = false;
        let mut rest = self.body.as_str();
        while let Some(at) = rest.find('$') {
            text.push_str(&rest[..at]);
            let (place, len) = Place::at(&rest[at + 1..]);
            let raw = &rest[at..=at + len];
            rest = &rest[at + 1 + len..];
            let value = match place {
                Place::Dollar => Some("$"),
                Place::None => Some(raw),
                Place::All => Some(given.all),
                // Positions are optional, as in a shell.
                Place::Position(index) => {
                    Some(given.words.get(index).map_or("", |word| word.as_ref()))
                }
                Place::Name(name) => given.named(name).or(match self.declares(name) {
                    Declared::Required => None,
                    Declared::Optional => Some(""),
                    Declared::Not => Some(raw),
                }),
            };
            used |= !matches!(place, Place::Dollar | Place::None) && value != Some(raw);
            match value {
                Some(value) => text.push_str(value),
                None if missing.iter().any(|name| name == &raw[1..]) => {}
                None => missing.push(raw[1..].to_owned()),
            }
        }
        text.push_str(rest);
        if !missing.is_empty() {
            return Err(missing);
        }
        if !used && !given.all.is_empty() {
            text.push_str("\n\n");
            text.push_str(given.all);
        }
        Ok(text)
    }
}

/// What the hint says of a name.
enum Declared {
    Required,
    Optional,
    Not,
}

/// What a dollar sign stands before.
#[derive(Clone, Copy)]
enum Place<'a> {
    Dollar,
    All,
    /// From 0.
    Position(usize),
    /// In capitals, as the author of the prompt chose it.
    Name(&'a str),
    /// Nothing of ours: shell variables and prices stay as they are.
    None,
}

impl<'a> Place<'a> {
    /// The place that `text` begins with, and its length.
    fn at(text: &'a str) -> (Self, usize) {
        match text.as_bytes().first() {
            Some(b'$') => return (Self::Dollar, 1),
            Some(b'@') => return (Self::All, 1),
            Some(digit @ b'1'..=b'9') => {
                let longer = text.as_bytes().get(1).is_some_and(u8::is_ascii_alphanumeric);
                let price = text[1..].starts_with(['.', ','])
                    && text[2..].starts_with(|c: char| c.is_ascii_digit());
                let position = Self::Position(usize::from(digit - b'1'));
                return if longer || price { (Self::None, 1) } else { (position, 1) };
            }
            _ => {}
        }
        let len =
            text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        let name = &text[..len];
        let capitals = name.starts_with(|c: char| c.is_ascii_uppercase())
            && !name.contains(|c: char| c.is_ascii_lowercase());
        match name {
            "ARGUMENTS" => (Self::All, len),
            _ if capitals => (Self::Name(name), len),
            _ => (Self::None, len),
        }
    }
}

/// Arguments as they were typed, and split as a shell would.
struct Arguments<'a> {
    all: &'a str,
    words: Vec<Cow<'a, str>>,
}

impl<'a> Arguments<'a> {
    fn parse(text: &'a str) -> Self {
        let all = text.trim();
        let mut words = Vec::new();
        let mut rest = all;
        while !rest.is_empty() {
            let len = word_len(rest);
            words.push(without_quotes(&rest[..len]));
            rest = rest[len..].trim_start();
        }
        Self { all, words }
    }

    fn named(&self, name: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Up to the first space outside of quotes; a quote that is not closed is an apostrophe.
fn word_len(text: &str) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let after = at + c.len_utf8();
        match c {
            c if c.is_whitespace() => return at,
            '"' | '\'' => at = text[after..].find(c).map_or(after, |end| after + end + 1),
            _ => at = after,
        }
    }
    at
}

fn without_quotes(word: &str) -> Cow<'_, str> {
    let Some(at) = word.find(['"', '\'']) else { return Cow::Borrowed(word) };
    let quote = &word[at..=at];
    match word[at + 1..].find(quote) {
        Some(end) => {
            let end = at + 1 + end;
            let rest = without_quotes(&word[end + 1..]);
            Cow::Owned(format!("{}{}{rest}", &word[..at], &word[at + 1..end]))
        }
        None => Cow::Borrowed(word),
    }
}

/// `git/review.md` is `git:review`.
fn name(path: &str) -> String {
    let path = path.replace('\\', "/");
    let stem = path.rsplit_once('.').map_or(path.as_str(), |(stem, _)| stem);
    stem.trim_matches('/').replace('/', ":")
}

/// What stands between two lines of `---` at the beginning, and what follows.
fn split_front_matter(text: &str) -> (&str, &str) {
    let matter = text.strip_prefix("---\n").and_then(|rest| {
        let end = if rest.starts_with("---") { 0 } else { rest.find("\n---")? + 1 };
        let after = &rest[end + 3..];
        let body = after.split_once('\n').map_or("", |(_, body)| body);
        Some((&rest[..end], body))
    });
    matter.unwrap_or(("", text))
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner =
        ['"', '\''].iter().find_map(|&quote| value.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prompt(body: &str) -> Prompt {
        Prompt::markdown("x.md", body)
    }

    #[test]
    fn a_file_says_what_it_is() {
        let text = "\u{feff}---\r\ndescription: \"Review a change\"\r\nargument-hint: [FILE]\r\nmodel: x\r\n---\r\n\r\nLook at $1.\r\n";
        let prompt = Prompt::markdown("git/review.md", text);
        assert_eq!(prompt.name, "git:review");
        assert_eq!(prompt.description, "Review a change");
        assert_eq!(prompt.argument_hint, "[FILE]");
        assert_eq!(prompt.expand("a.rs"), Ok("Look at a.rs.".to_owned()));
        let bare = Prompt::markdown("explain.md", "\n# Explain this\nmore");
        assert_eq!((bare.name.as_str(), bare.description.as_str()), ("explain", "Explain this"));
        let unclosed = Prompt::markdown("a.md", "---\nnot: closed");
        assert_eq!(unclosed.expand(""), Ok("---\nnot: closed".to_owned()));
        assert_eq!(Prompt::markdown("a.md", "---\n---\nbody").expand(""), Ok("body".to_owned()));
        let gemini = Prompt::of_parts("git/fix.toml", "Fix it", "Fix {{args}} now");
        assert_eq!(gemini.expand("a b"), Ok("Fix a b now".to_owned()));
    }

    #[test]
    fn arguments_take_their_places() {
        for (body, arguments, expected) in [
            ("$1 and $2", "one two three", "one and two"),
            ("$1", "'one two' three", "one two"),
            ("[$2]", "one", "[]"),
            ("all: $ARGUMENTS.", " a  \"b c\" ", "all: a  \"b c\"."),
            ("$@", "a b", "a b"),
            ("$FILE in $MODE", "MODE=fast FILE=\"a b\"", "a b in fast"),
            ("it's $1", "it's", "it's it's"),
            ("costs $$5, $HOME_$1", "HOME_=x y", "costs $5, xHOME_=x"),
            ("$5.00 $12 $home ${X} $ 5$", "", "$5.00 $12 $home ${X} $ 5$"),
            ("no place", "for this", "no place\n\nfor this"),
            ("no place", "", "no place"),
            ("$1", "$2 $ARGUMENTS", "$2"),
        ] {
            assert_eq!(
                prompt(body).expand(arguments).as_deref(),
                Ok(expected),
                "{body:?} {arguments:?}"
            );
        }
        let hinted = "---\nargument-hint: A=<a> [B=<b>]\n---\n$A $B $PATH $A";
        assert_eq!(prompt(hinted).expand("B=1"), Err(vec!["A".to_owned()]));
        assert_eq!(prompt(hinted).expand("A=1"), Ok("1  $PATH 1".to_owned()));
        assert_eq!(prompt("echo $PATH").expand("x"), Ok("echo $PATH\n\nx".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_is_a_prompt(text in "[-$\"' \nA-Z1a:@=.한]{0,60}", arguments in "[ \"'A=1b한]{0,20}") {
            let _ = prompt(&text).expand(&arguments);
        }
    }
}
