//! Colours for code, line by line, by words, strings, comments and numbers. No grammar is loaded and nothing is built:
//! what a language looks like is data. It never fails; what it does not know stays plain.

mod languages;
mod scan;

use ratatui_core::style::{Modifier, Style};

use crate::{theme::Theme, wrap::Styled};
use languages::Language;
use scan::State;

/// A longer line is data rather than code, and stays plain.
const MAX_LINE: usize = 4096;

/// What a piece of code is, as far as its colour goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Plain,
    Comment,
    Text,
    Number,
    Keyword,
    Constant,
    Type,
    Function,
    Attribute,
    Variable,
    Key,
    Added,
    Removed,
    Place,
}

/// Colours the lines of one piece of code in their order.
#[derive(Clone, Debug, Default)]
pub struct Highlighter {
    language: Option<&'static Language>,
    state: State,
}

impl Highlighter {
    /// For the language of this name, or with this file extension; unknown ones stay plain.
    pub fn new(language: &str) -> Self {
        Self { language: Language::named(language), state: State::default() }
    }

    /// For a file of this path.
    pub fn of_path(path: &str) -> Self {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let by_name = Language::named(name);
        let extension = || name.rsplit_once('.').and_then(|(_, end)| Language::named(end));
        Self { language: by_name.or_else(extension), state: State::default() }
    }

    /// The next line, coloured; it has no line break.
    pub fn line(&mut self, line: &str, theme: &Theme) -> Styled {
        let Some(language) = self.language.filter(|_| line.len() <= MAX_LINE) else {
            return Styled::new(line, theme.code_block);
        };
        let mut styled = Styled::default();
        self.state.scan(language, line, &mut |text, token| styled.push(text, token.style(theme)));
        styled
    }
}

impl Token {
    fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Plain | Self::Variable => theme.code_block,
            Self::Comment => theme.syntax.comment,
            Self::Text => theme.syntax.string,
            Self::Number | Self::Constant => theme.syntax.constant,
            Self::Keyword => theme.syntax.keyword,
            Self::Type | Self::Attribute => theme.syntax.r#type,
            Self::Function | Self::Key => theme.syntax.function,
            Self::Added => theme.added,
            Self::Removed => theme.removed,
            Self::Place => theme.syntax.keyword.add_modifier(Modifier::BOLD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `code` with every coloured piece in brackets behind the first letter of what it is.
    fn marked(language: &str, code: &str) -> String {
        let language = Language::named(language).expect("a language we know");
        let mut state = State::default();
        let mut shown = String::new();
        for line in code.split('\n') {
            if !shown.is_empty() {
                shown.push('\n');
            }
            state.scan(language, line, &mut |text, token| match token {
                Token::Plain => shown.push_str(text),
                token => {
                    let kind = format!("{token:?}");
                    shown.push_str(&format!("{}⟨{text}⟩", &kind[..1]));
                }
            });
        }
        shown
    }

    #[test]
    fn code_is_told_apart() {
        for (language, code, shown) in [
            (
                "rust",
                "let x: Vec<u8> = f(1.5); // n",
                "K⟨let⟩ x: T⟨Vec⟩<T⟨u8⟩> = F⟨f⟩(N⟨1.5⟩); C⟨// n⟩",
            ),
            ("rs", "#[test] fn a<'b>() { 'c' }", "A⟨#[test]⟩ K⟨fn⟩ a<A⟨'b⟩>() { T⟨'c'⟩ }"),
            ("rust", "r#\"a\"b\"# println!(\"\\\"\")", "T⟨r#\"a\"b\"#⟩ F⟨println!⟩(T⟨\"\\\"\"⟩)"),
            ("rust", "/* a\nb */ 0..2", "C⟨/* a⟩\nC⟨b */⟩ N⟨0⟩..N⟨2⟩"),
            (
                "python",
                "@x\ndef f(): \"\"\"a\nb\"\"\" # c",
                "A⟨@x⟩\nK⟨def⟩ F⟨f⟩(): T⟨\"\"\"a⟩\nT⟨b\"\"\"⟩ C⟨# c⟩",
            ),
            ("ts", "const a = `x\n${y}` ?? null", "K⟨const⟩ a = T⟨`x⟩\nT⟨${y}`⟩ ?? C⟨null⟩"),
            ("sh", "echo \"$A\" $B#x # c", "K⟨echo⟩ T⟨\"$A\"⟩ V⟨$B⟩#x C⟨# c⟩"),
            ("json", "{\"a\": [1, \"b\", true]}", "{K⟨\"a\"⟩: [N⟨1⟩, T⟨\"b\"⟩, C⟨true⟩]}"),
            ("yaml", "a-b: c # d", "K⟨a-b⟩: c C⟨# d⟩"),
            ("toml", "[a.b]\nc = 'd'", "A⟨[a.b]⟩\nK⟨c⟩ = T⟨'d'⟩"),
            ("sql", "SELECT a from b -- c", "K⟨SELECT⟩ a K⟨from⟩ b C⟨-- c⟩"),
            (
                "html",
                "<a href=\"x\">y</a><!-- z -->",
                "K⟨<a⟩ F⟨href⟩=T⟨\"x\"⟩K⟨>⟩yK⟨</a⟩K⟨>⟩C⟨<!-- z -->⟩",
            ),
            ("diff", "@@ -1 +1 @@\n-a\n+b\n c", "P⟨@@ -1 +1 @@⟩\nR⟨-a⟩\nA⟨+b⟩\n c"),
            ("go", "x := \"한글\" // 글", "x := T⟨\"한글\"⟩ C⟨// 글⟩"),
            ("c", "#include <x.h>\nchar c = '\\'';", "A⟨#include⟩ <x.h>\nT⟨char⟩ c = T⟨'\\''⟩;"),
        ] {
            assert_eq!(marked(language, code), shown, "{code:?}");
        }
    }

    #[test]
    fn a_language_is_known_by_name_extension_or_file() {
        assert!(Highlighter::new("Rust").language.is_some());
        assert!(Highlighter::new("c++").language.is_some());
        assert!(Highlighter::new("").language.is_none());
        assert!(Highlighter::of_path("a/b.TSX").language.is_some());
        assert!(Highlighter::of_path("Dockerfile").language.is_some());
        assert!(Highlighter::of_path("LICENSE").language.is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_lost(
            code in "[a-z'\"`#/*<>!@$\\\\{}(\\[\\]) \u{301}한0-9.=:-]{0,60}",
            index in 0..languages::LANGUAGES.len(),
        ) {
            let mut state = State::default();
            let mut whole = String::new();
            state.scan(&languages::LANGUAGES[index], &code, &mut |text, _| whole.push_str(text));
            proptest::prop_assert_eq!(whole, code);
        }
    }
}
