//! What each language looks like, as data. A new language is an entry here.

/// The look of one language, or of several that look alike.
#[derive(Debug)]
pub(super) struct Language {
    /// Its names and file extensions, in lower case.
    names: &'static str,
    pub(super) line_comments: &'static [&'static str],
    pub(super) block_comment: Option<(&'static str, &'static str)>,
    pub(super) quotes: &'static [Quote],
    keywords: &'static str,
    /// Names of types that are not written in capitals.
    type_names: &'static str,
    pub(super) look: Look,
    /// What follows a key, for [`Look::Keys`].
    pub(super) key: char,
    /// Words in capitals name types.
    pub(super) types: bool,
    /// A word before a parenthesis is called.
    pub(super) calls: bool,
    /// `@word` is an attribute.
    pub(super) decorators: bool,
    /// `$word` is a variable.
    pub(super) variables: bool,
    pub(super) lifetimes: bool,
    /// What words consist of beside letters and digits.
    pub(super) word_marks: &'static str,
    /// Keywords may be written in capitals.
    fold: bool,
}

/// What is special beyond the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Code,
    Rust,
    /// Lines that begin with `#` instruct the compiler.
    Directives,
    /// Keys and values.
    Keys,
    Markup,
    Diff,
}

/// A kind of string.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) open: &'static str,
    close: &'static str,
    /// A backslash takes the next character's meaning.
    escapes: bool,
    /// It may go on in the next line.
    pub(super) lines: bool,
}

impl Quote {
    /// Where `text`, which begins after the opening, is closed.
    pub(super) fn end(&self, text: &str) -> Option<usize> {
        let mut from = 0;
        loop {
            let close = text[from..].find(self.close).map(|at| from + at)?;
            let escape = text[from..close].find('\\').filter(|_| self.escapes).map(|at| from + at);
            match escape {
                Some(at) => from = at + 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
                None => return Some(close + self.close.len()),
            }
        }
    }
}

impl Language {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        let name = name.to_lowercase();
        LANGUAGES.iter().find(|language| has(language.names, &name))
    }

    pub(super) fn is_keyword(&self, word: &str) -> bool {
        if self.fold && word.bytes().any(|b| b.is_ascii_uppercase()) {
            return has(self.keywords, &word.to_ascii_lowercase());
        }
        has(self.keywords, word)
    }

    pub(super) fn is_type(&self, word: &str) -> bool {
        has(self.type_names, word)
    }

    pub(super) fn is_constant(&self, word: &str) -> bool {
        matches!(
            word,
            "true"
                | "false"
                | "null"
                | "nil"
                | "none"
                | "undefined"
                | "None"
                | "True"
                | "False"
                | "NULL"
                | "nullptr"
                | "NaN"
                | "iota"
        ) && self.look != Look::Markup
    }
}

fn has(words: &str, word: &str) -> bool {
    !word.is_empty() && words.split(' ').any(|w| w == word)
}

const fn quote(mark: &'static str) -> Quote {
    Quote { open: mark, close: mark, escapes: true, lines: false }
}

const fn lines(mark: &'static str) -> Quote {
    Quote { open: mark, close: mark, escapes: true, lines: true }
}

const fn raw(open: &'static str, close: &'static str) -> Quote {
    Quote { open, close, escapes: false, lines: true }
}

/// The common look: C's comments and strings.
const C: Language = Language {
    names: "",
    line_comments: &["//"],
    block_comment: Some(("/*", "*/")),
    quotes: &[quote("\""), quote("'")],
    keywords: "",
    type_names: "",
    look: Look::Code,
    key: ':',
    types: true,
    calls: true,
    decorators: false,
    variables: false,
    lifetimes: false,
    word_marks: "",
    fold: false,
};

/// The look of scripts: comments behind `#`.
const SCRIPT: Language = Language { line_comments: &["#"], block_comment: None, ..C };

pub(super) static LANGUAGES: &[Language] = &[
    Language {
        names: "rust rs",
        quotes: &[raw("r##\"", "\"##"), raw("r#\"", "\"#"), raw("r\"", "\""), lines("\"")],
        keywords: "as async await box break const continue crate dyn else enum extern fn for if impl in let loop match \
                   mod move mut pub ref return self static struct super trait type union unsafe use where while yield",
        type_names: "Self bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize",
        look: Look::Rust,
        lifetimes: true,
        ..C
    },
    Language {
        names: "python py pyi python3 bzl starlark rules",
        quotes: &[lines("\"\"\""), lines("'''"), quote("\""), quote("'")],
        keywords: "and as assert async await break case class continue def del elif else except finally for from global \
                   if import in is lambda match nonlocal not or pass raise return try while with yield self",
        type_names: "int str float bool list dict set tuple bytes object",
        decorators: true,
        ..SCRIPT
    },
    Language {
        names: "javascript js jsx mjs cjs typescript ts tsx mts cts node",
        quotes: &[lines("`"), quote("\""), quote("'")],
        keywords: "abstract as async await break case catch class const continue debugger declare default delete do else \
                   enum export extends finally for from function get if implements import in infer instanceof interface \
                   is keyof let namespace new of private protected public readonly return satisfies set static super \
                   switch this throw try type typeof var void while with yield",
        type_names: "any bigint boolean never number object string symbol unknown",
        decorators: true,
        word_marks: "$",
        ..C
    },
    Language {
        names: "go golang",
        quotes: &[raw("`", "`"), quote("\""), quote("'")],
        keywords: "break case chan const continue default defer else fallthrough for func go goto if import interface map \
                   package range return select struct switch type var",
        type_names: "any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune \
                     string uint uint8 uint16 uint32 uint64 uintptr",
        ..C
    },
    Language {
        names: "c h cpp c++ cc cxx hpp hh hxx objc objective-c m mm cuda cu ino",
        keywords: "alignas auto break case catch class co_await co_return const constexpr continue default delete do else \
                   enum explicit export extern final for friend goto if inline mutable namespace new noexcept operator \
                   override private protected public register return sizeof static struct switch template this throw try \
                   typedef typename union using virtual volatile while",
        type_names: "bool char double float int long short signed size_t ssize_t unsigned void wchar_t int8_t int16_t \
                     int32_t int64_t uint8_t uint16_t uint32_t uint64_t",
        look: Look::Directives,
        ..C
    },
    Language {
        names: "java kotlin kt kts scala groovy gradle dart",
        quotes: &[lines("\"\"\""), quote("\""), quote("'")],
        keywords: "abstract as assert async await break by case catch class companion const continue data def default do \
                   else enum export extends extension final finally for fun get given if implements implicit import in \
                   init inline instanceof interface internal is lateinit lazy let match mixin native new object open \
                   operator out override package part permits private protected public record required return sealed set \
                   static super suspend switch synchronized this throw throws trait transient try typealias val var \
                   volatile when where while with yield",
        type_names: "boolean byte char double float int long short void dynamic num",
        decorators: true,
        ..C
    },
    Language {
        names: "csharp cs c# fsharp fs f#",
        keywords: "abstract as async await base break case catch checked class const continue default delegate do else \
                   enum event explicit extern finally fixed for foreach from get goto group if implicit in init interface \
                   internal into is let lock match member module namespace new open operator orderby out override params \
                   partial private protected public readonly record ref required return sealed select set sizeof static \
                   struct switch this throw try type typeof unchecked unsafe using var virtual volatile when where while \
                   with yield",
        type_names: "bool byte char decimal double dynamic float int long object sbyte short string uint ulong ushort void",
        look: Look::Directives,
        ..C
    },
    Language {
        names: "swift",
        quotes: &[lines("\"\"\""), quote("\"")],
        keywords: "actor any as associatedtype async await break case catch class continue default defer deinit do else \
                   enum extension fallthrough fileprivate final for func get guard if import in indirect init inout \
                   internal is lazy let mutating open operator override private protocol public repeat required rethrows \
                   return self set some static struct subscript super switch throw throws try typealias unowned var weak \
                   where while",
        decorators: true,
        ..C
    },
    Language {
        names: "zig",
        quotes: &[quote("\""), quote("'")],
        keywords: "align and anytype async await break catch comptime const continue defer else enum errdefer error export \
                   extern fn for if inline noalias nosuspend or orelse packed pub resume return struct suspend switch test \
                   threadlocal try union unreachable usingnamespace var volatile while",
        type_names: "bool f16 f32 f64 i8 i16 i32 i64 isize type u8 u16 u32 u64 usize void anyerror noreturn",
        block_comment: None,
        decorators: true,
        ..C
    },
    Language {
        names: "ruby rb gemfile rakefile crystal elixir ex exs",
        quotes: &[lines("\"\"\""), lines("\""), lines("'")],
        keywords: "after alias and begin break case catch class cond def defmacro defmodule defp defstruct do else elsif end \
                   ensure fn for if import in include loop module next not or private protected public quote raise receive \
                   redo require require_relative rescue retry return self super then try undef unless until use when while \
                   with yield attr_accessor attr_reader",
        word_marks: "?",
        ..SCRIPT
    },
    Language {
        names: "php",
        line_comments: &["//", "#"],
        keywords: "abstract and array as break case catch class clone const continue declare default do echo else elseif \
                   enum extends final finally fn for foreach function global if implements include instanceof interface \
                   match namespace new or print private protected public readonly require require_once return static \
                   switch this throw trait try use var while xor yield",
        type_names: "bool float int iterable mixed object string void",
        variables: true,
        ..C
    },
    Language {
        names: "shell sh bash zsh fish console shellscript shell-session .bashrc .zshrc .profile pkgbuild",
        quotes: &[lines("\""), raw("'", "'"), lines("`")],
        keywords: "alias break case cd continue declare do done echo elif else esac eval exec exit export fi for function if \
                   in local printf read readonly return select set shift source sudo then trap unset until while",
        types: false,
        calls: false,
        variables: true,
        word_marks: "-",
        ..SCRIPT
    },
    Language {
        names: "powershell ps1 psm1 pwsh",
        block_comment: Some(("<#", "#>")),
        keywords: "begin break catch class continue do else elseif end enum exit filter finally for foreach from function if \
                   in param process return switch throw trap try until using while",
        variables: true,
        fold: true,
        word_marks: "-",
        ..SCRIPT
    },
    Language {
        names: "json jsonc json5 jsonl geojson webmanifest",
        quotes: &[quote("\""), quote("'")],
        look: Look::Keys,
        types: false,
        calls: false,
        ..C
    },
    Language {
        names: "yaml yml",
        quotes: &[quote("\""), raw("'", "'")],
        keywords: "yes no on off",
        look: Look::Keys,
        types: false,
        calls: false,
        word_marks: "-./",
        ..SCRIPT
    },
    Language {
        names: "toml ini cfg conf properties env dotenv editorconfig cargo.lock .gitconfig",
        line_comments: &["#", ";"],
        quotes: &[lines("\"\"\""), lines("'''"), quote("\""), quote("'")],
        look: Look::Keys,
        key: '=',
        types: false,
        calls: false,
        word_marks: "-.",
        ..SCRIPT
    },
    Language {
        names: "sql postgresql postgres mysql sqlite plsql",
        line_comments: &["--"],
        keywords: "add all alter and as asc begin between by case check column commit constraint create cross database \
                   default delete desc distinct drop else end except exists explain foreign from full group having if in \
                   index inner insert intersect into is join key left like limit not offset on or order outer over \
                   partition primary references returning right rollback select set table then transaction trigger truncate \
                   union unique update using values view when where with",
        type_names: "bigint boolean char date decimal float int integer jsonb numeric real serial text timestamp uuid varchar",
        types: false,
        fold: true,
        ..C
    },
    Language {
        names: "html xml svg vue svelte xhtml xsl xsd plist htm",
        line_comments: &[],
        block_comment: Some(("<!--", "-->")),
        look: Look::Markup,
        types: false,
        calls: false,
        ..C
    },
    Language {
        names: "css scss sass less",
        keywords: "important media import include mixin extend keyframes supports font-face use forward if else for each",
        decorators: true,
        types: false,
        word_marks: "-",
        ..C
    },
    Language {
        names: "lua luau",
        line_comments: &["--"],
        block_comment: Some(("--[[", "]]")),
        quotes: &[raw("[[", "]]"), quote("\""), quote("'")],
        keywords: "and break do else elseif end for function goto if in local not or repeat return then until while self",
        ..C
    },
    Language {
        names: "haskell hs elm purescript",
        line_comments: &["--"],
        block_comment: Some(("{-", "-}")),
        quotes: &[quote("\"")],
        keywords: "as case class data deriving do else forall foreign hiding if import in infix infixl infixr instance let \
                   module newtype of qualified then type where",
        word_marks: "'",
        ..C
    },
    Language {
        names: "ocaml ml mli",
        line_comments: &[],
        block_comment: Some(("(*", "*)")),
        quotes: &[quote("\"")],
        keywords: "and as begin class do done else end exception external for fun function functor if in include inherit let \
                   match method module mutable new object of open or private rec sig struct then to try type val virtual \
                   when while with",
        word_marks: "'",
        ..C
    },
    Language {
        names: "clojure clj cljs edn lisp el scheme scm racket rkt fennel",
        line_comments: &[";"],
        block_comment: None,
        quotes: &[lines("\"")],
        keywords: "and begin case cond define defmacro defn defun def do else fn for if lambda let let* loop ns or quote \
                   recur require set! setq try when",
        types: false,
        calls: false,
        word_marks: "-?!*+/<>=",
        ..C
    },
    Language {
        names: "dockerfile containerfile docker",
        keywords: "add arg as cmd copy entrypoint env expose from healthcheck label onbuild run shell stopsignal user volume \
                   workdir",
        types: false,
        calls: false,
        variables: true,
        fold: true,
        ..SCRIPT
    },
    Language {
        names: "makefile make mk gnumakefile justfile just cmake cmakelists.txt",
        keywords: "define else endef endif export ifdef ifeq ifndef ifneq include override set if elseif function \
                   endfunction foreach endforeach",
        types: false,
        variables: true,
        word_marks: "-",
        ..SCRIPT
    },
    Language {
        names: "nix",
        block_comment: Some(("/*", "*/")),
        quotes: &[raw("''", "''"), lines("\"")],
        keywords: "assert else if import in inherit let or rec then with",
        types: false,
        calls: false,
        word_marks: "-'",
        ..SCRIPT
    },
    Language {
        names: "hcl terraform tf tfvars",
        line_comments: &["#", "//"],
        keywords: "data dynamic for for_each if in locals module output provider resource terraform variable",
        types: false,
        word_marks: "-",
        ..C
    },
    Language {
        names: "perl pl pm",
        quotes: &[lines("\""), raw("'", "'")],
        keywords: "and die do else elsif eval for foreach if last local my next no or our package print redo require return \
                   say sub unless until use while",
        variables: true,
        ..SCRIPT
    },
    Language {
        names: "r julia jl",
        keywords: "abstract baremodule begin break catch const do else elseif end export finally for function global if \
                   import in let library local macro module mutable next quote repeat require return struct try type using \
                   where while",
        type_names: "TRUE FALSE NA",
        ..SCRIPT
    },
    Language {
        names: "protobuf proto graphql gql thrift",
        line_comments: &["//", "#"],
        keywords: "directive enum extend extends fragment implements import input interface message mutation on oneof option \
                   optional package query repeated required returns rpc scalar schema service stream subscription syntax \
                   type union",
        type_names: "bool bytes double fixed32 fixed64 float int32 int64 map string uint32 uint64",
        decorators: true,
        variables: true,
        ..C
    },
    Language { names: "diff patch udiff", look: Look::Diff, ..C },
];
