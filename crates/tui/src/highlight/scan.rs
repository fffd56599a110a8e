//! The scanner: a line in, its pieces out. What goes on in the next line is kept: a comment, or a string.

use super::{
    Token,
    languages::{Language, Look, Quote},
};

/// What the last line left open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Code,
    Comment,
    Quoted(&'static Quote),
    /// Within the angle brackets of markup.
    Tag,
}

type Sink<'a> = dyn FnMut(&str, Token) + 'a;

impl State {
    /// Hands the pieces of `line` to `sink` in their order.
    pub(super) fn scan(&mut self, language: &'static Language, line: &str, sink: &mut Sink<'_>) {
        if language.look == Look::Diff {
            return sink(line, diff_line(line));
        }
        let mut scanner = Scanner { language, state: *self, line, at: 0, plain: 0, sink };
        scanner.run();
        *self = match scanner.state {
            Self::Quoted(quote) if !quote.lines => Self::Code,
            state => state,
        };
    }
}

struct Scanner<'a, 's> {
    language: &'static Language,
    state: State,
    line: &'a str,
    at: usize,
    /// Where text begins that has not been handed out.
    plain: usize,
    sink: &'s mut Sink<'s>,
}

impl Scanner<'_, '_> {
    fn run(&mut self) {
        while self.at < self.line.len() {
            match self.state {
                State::Comment => self.comment(),
                State::Quoted(quote) => self.quoted(quote, self.at),
                State::Code | State::Tag => self.code(),
            }
        }
        self.hand_out_plain();
    }

    fn rest(&self) -> &str {
        &self.line[self.at..]
    }

    fn first(&self) -> char {
        self.rest().chars().next().unwrap_or_default()
    }

    /// Nothing but space stands before.
    fn at_line_start(&self) -> bool {
        self.line[..self.at].trim().is_empty()
    }

    fn after_space(&self) -> bool {
        self.line[..self.at].chars().next_back().is_none_or(char::is_whitespace)
    }

    fn hand_out_plain(&mut self) {
        if self.plain < self.at {
            (self.sink)(&self.line[self.plain..self.at], Token::Plain);
        }
        self.plain = self.at;
    }

    /// The next `len` bytes are `token`.
    fn emit(&mut self, len: usize, token: Token) {
        if token == Token::Plain {
            self.at += len;
            return;
        }
        self.hand_out_plain();
        (self.sink)(&self.line[self.at..self.at + len], token);
        self.at += len;
        self.plain = self.at;
    }

    fn code(&mut self) {
        let language = self.language;
        if let Some((open, _)) = language.block_comment
            && self.rest().starts_with(open)
        {
            self.state = State::Comment;
            return;
        }
        if self.begins_line_comment() {
            return self.emit(self.rest().len(), Token::Comment);
        }
        if self.lifetime_or_char() || self.attribute() || self.markup() {
            return;
        }
        if self.state == State::Code || language.look == Look::Markup {
            let in_text = language.look == Look::Markup && self.state == State::Code;
            if let Some(quote) =
                language.quotes.iter().find(|q| !in_text && self.rest().starts_with(q.open))
            {
                return self.quoted_from(quote);
            }
        }
        self.word();
    }

    fn begins_line_comment(&self) -> bool {
        let begins = |mark: &&str| {
            self.rest().starts_with(*mark) && (!mark.starts_with('#') || self.after_space())
        };
        self.language.line_comments.iter().any(begins)
    }

    fn comment(&mut self) {
        let (open, close) = self.language.block_comment.unwrap_or_default();
        let skip = if self.rest().starts_with(open) { open.len() } else { 0 };
        let end = self.rest()[skip..].find(close).map(|at| skip + at + close.len());
        if end.is_some() {
            self.state = State::Code;
        }
        self.emit(end.unwrap_or(self.rest().len()), Token::Comment);
    }

    fn quoted_from(&mut self, quote: &'static Quote) {
        self.quoted(quote, self.at + quote.open.len());
    }

    /// The string that is open here and whose text begins at `text`.
    fn quoted(&mut self, quote: &'static Quote, text: usize) {
        let inside = matches!(self.state, State::Tag) || self.language.look == Look::Markup;
        let end = quote.end(&self.line[text..]).map(|len| text + len);
        self.state = match end {
            None => State::Quoted(quote),
            Some(_) if inside => State::Tag,
            Some(_) => State::Code,
        };
        let len = end.unwrap_or(self.line.len()) - self.at;
        let is_key = self.language.look == Look::Keys
            && self.rest()[len..].trim_start().starts_with(self.language.key);
        self.emit(len, if is_key { Token::Key } else { Token::Text });
    }

    /// `'a` and `'c'`, in a language that has both.
    fn lifetime_or_char(&mut self) -> bool {
        if !self.language.lifetimes || !self.rest().starts_with('\'') {
            return false;
        }
        let mut chars = self.rest()[1..].char_indices();
        let (first, second) = (chars.next(), chars.next());
        match (first, second) {
            (Some((_, '\\')), Some((at, escaped))) => {
                let after = 1 + at + escaped.len_utf8();
                let len = self.rest()[after..].find('\'').map_or(after, |end| after + end + 1);
                self.emit(len, Token::Text);
            }
            (Some(_), Some((at, '\''))) => self.emit(at + 2, Token::Text),
            _ => {
                let len = 1 + word_len(&self.rest()[1..], "");
                self.emit(len, Token::Attribute);
            }
        }
        true
    }

    fn attribute(&mut self) -> bool {
        let rest = self.rest();
        let len = match self.language.look {
            Look::Rust if rest.starts_with("#[") || rest.starts_with("#![") => {
                rest.find(']').map_or(rest.len(), |end| end + 1)
            }
            Look::Keys
                if self.language.key == '=' && rest.starts_with('[') && self.at_line_start() =>
            {
                rest.rfind(']').map_or(rest.len(), |end| end + 1)
            }
            Look::Directives if rest.starts_with('#') && self.at_line_start() => {
                1 + word_len(&rest[1..], "")
            }
            _ if self.language.decorators && rest.starts_with('@') => 1 + word_len(&rest[1..], "."),
            _ => return false,
        };
        self.emit(len, Token::Attribute);
        true
    }

    fn markup(&mut self) -> bool {
        if self.language.look != Look::Markup {
            return false;
        }
        if self.state == State::Tag {
            if self.rest().starts_with('>') || self.rest().starts_with("/>") {
                self.state = State::Code;
                self.emit(if self.rest().starts_with('>') { 1 } else { 2 }, Token::Keyword);
                return true;
            }
            let len = word_len(self.rest(), "-:@.");
            if len > 0 {
                self.emit(len, Token::Function);
                return true;
            }
            return false;
        }
        let skip = if self.rest().starts_with("</") { 2 } else { 1 };
        let starts = self.rest().starts_with('<')
            && self.rest()[skip..].starts_with(|c: char| c.is_alphabetic() || c == '!' || c == '?');
        if starts {
            let extra = self.rest()[skip..].starts_with(['!', '?']);
            let from = skip + usize::from(extra);
            let len = from + word_len(&self.rest()[from..], "-:.");
            self.state = State::Tag;
            self.emit(len, Token::Keyword);
        }
        starts
    }

    /// A word, a number, or one character of neither.
    fn word(&mut self) {
        let language = self.language;
        let first = self.first();
        if first.is_ascii_digit() {
            return self.emit(number_len(self.rest()), Token::Number);
        }
        if language.variables && first == '$' {
            let len = variable_len(self.rest());
            return self.emit(len, if len > 1 { Token::Variable } else { Token::Plain });
        }
        let len = word_len(self.rest(), language.word_marks);
        if len == 0 || (language.look == Look::Markup && self.state == State::Code) {
            return self.emit(len.max(first.len_utf8()), Token::Plain);
        }
        let (word, after) = self.rest().split_at(len);
        let token = self.meaning(word, after);
        let bang =
            language.look == Look::Rust && token == Token::Function && after.starts_with('!');
        self.emit(len + usize::from(bang), token);
    }

    fn meaning(&self, word: &str, after: &str) -> Token {
        let language = self.language;
        if language.look == Look::Keys && after.trim_start().starts_with(language.key) {
            let leads =
                self.line[..self.at].trim_start_matches([' ', '\t', '-', '{', ',']).is_empty();
            if leads {
                return Token::Key;
            }
        }
        let calls = after.starts_with('(')
            || (language.look == Look::Rust && after.starts_with('!') && !after.starts_with("!="));
        let named_type = language.types && word.starts_with(char::is_uppercase);
        match () {
            () if language.is_keyword(word) => Token::Keyword,
            () if language.is_constant(word) => Token::Constant,
            () if language.is_type(word) => Token::Type,
            () if named_type && word.contains(char::is_lowercase) => Token::Type,
            () if calls && language.calls => Token::Function,
            () => Token::Plain,
        }
    }
}

fn diff_line(line: &str) -> Token {
    match line.as_bytes() {
        [b'@', b'@', ..] => Token::Place,
        [b'+', b'+', b'+', b' ', ..] | [b'-', b'-', b'-', b' ', ..] => Token::Comment,
        [b'+', ..] => Token::Added,
        [b'-', ..] => Token::Removed,
        _ if line.starts_with("diff ") || line.starts_with("index ") => Token::Comment,
        _ => Token::Plain,
    }
}

fn word_len(text: &str, marks: &str) -> usize {
    let ends = |c: char| !(c.is_alphanumeric() || c == '_' || marks.contains(c));
    text.find(ends).unwrap_or(text.len())
}

/// A dot is part of a number only before a digit.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let goes_on = |at: usize| match bytes[at] {
        b'.' => bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        b => b.is_ascii_alphanumeric() || b == b'_',
    };
    (0..bytes.len()).find(|&at| !goes_on(at)).unwrap_or(bytes.len())
}

/// `$name`, `${name}`, `$1`, `$?`.
fn variable_len(text: &str) -> usize {
    match text[1..].chars().next() {
        Some('{') => text.find('}').map_or(text.len(), |end| end + 1),
        Some('?' | '!' | '#' | '@' | '*' | '$') => 2,
        _ => 1 + word_len(&text[1..], ""),
    }
}
