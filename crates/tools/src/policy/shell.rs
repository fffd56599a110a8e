//! What a command line is, as far as it can be known without running it. What its commands may do is not judged here.
//!
//! Read by a scanner of our own: tree-sitter's grammar of bash is wider than bash here and there (it skips `\ ` as
//! blank space, say), and with tree-sitter 0.27.1 and tree-sitter-bash 0.25.1 a test with arbitrary text ended in a
//! memory fault.

use std::iter::Peekable;
use std::str::Chars;

/// Longer lines are not understood.
const MOST_BYTES: usize = 8 * 1024;

/// The commands of `line`, each with its words as the program receives them, when it is nothing but plain commands
/// joined by `&&`, `||`, `;`, `|` and line ends: no expansion of any kind, no assignment, no redirect but to
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
                Some('#') => return None,
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Option<String> {
        let commands = commands(line)?;
        Some(commands.iter().map(|words| words.join("·")).collect::<Vec<_>>().join(" | "))
    }

    #[test]
    fn plain_commands_are_understood_word_for_word() {
        for (line, expected) in [
            ("ls", "ls"),
            ("  ls -la  src ", "ls·-la·src"),
            (
                "cat a b && grep -n x c || true; wc -l | sort",
                "cat·a·b | grep·-n·x·c | true | wc·-l | sort",
            ),
            ("cd a\nls\n", "cd·a | ls"),
            ("ls;", "ls"),
            ("a &&\n b", "a | b"),
            (r#"grep -rn "a b" 'c $d `e`' f"#, "grep·-rn·a b·c $d `e`·f"),
            (r#"echo "x \"y\" \$z \n""#, r#"echo·x "y" $z \n"#),
            (r"echo a\ b \; \$x", "echo·a b·;·$x"),
            (r#"e'c'"h"o a''b """#, "echo·ab·"),
            ("r\\m x", "rm·x"),
            ("git show HEAD~1:a/b HEAD^ a#b x=y 12 -3", "git·show·HEAD~1:a/b·HEAD^·a#b·x=y·12·-3"),
            ("ls >/dev/null 2>&1", "ls"),
            ("ls a 2> /dev/null | wc", "ls·a | wc"),
            ("ls >/dev/null x", "ls·x"),
            ("ls > \"/dev/null\"", "ls"),
            ("ls>/dev/null", "ls"),
            ("ls ''~", "ls·~"),
            ("ls a2>/dev/null", "ls·a2"),
            ("ls &>/dev/null", "ls"),
            ("cat </dev/null", "cat"),
            ("echo x >&2", "echo·x"),
            ("find . ! -name x", "find·.·!·-name·x"),
            ("git commit -m 'one\ntwo'", "git·commit·-m·one\ntwo"),
            ("echo 'é'", "echo·é"),
            ("[ -f x ] && ls ]; [ ]", "[·-f·x·] | ls·] | [·]"),
        ] {
            assert_eq!(words(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn everything_else_is_not_understood() {
        for line in [
            "",
            " ",
            "#x",
            "ls # x",
            "ls &",
            "ls & rm x",
            "(ls)",
            "{ ls; }",
            "! ls",
            "ls |& cat",
            // Expansions.
            "echo $x",
            "echo ${x}",
            "echo \"$x\"",
            "echo \"a ${x:-$(id)}\"",
            "echo $(id)",
            "echo `id`",
            "echo \"`id`\"",
            "echo $((1+1))",
            "echo $[1]",
            "echo $'a'",
            "echo $\"a\"",
            "ls *.rs",
            "ls a?",
            "ls [ab]",
            "ls {a,b}",
            "ls {1..3}",
            "ls ~",
            "ls ~root/x",
            "a=~/x",
            "x --dir=~/y",
            "echo a:~",
            "cat <(id)",
            "tee >(id)",
            "$x",
            "l$x",
            "echo ''$x",
            "l{s,x}",
            "echo x$",
            "ls =~",
            // Redirects.
            "ls > x",
            "ls >> x",
            "ls >| /dev/null",
            "ls > /dev/null/../../tmp/x",
            "ls > \"/dev/null\"x",
            "ls 2>x",
            "ls >& x",
            "ls &> x",
            "cat < x",
            "cat << E\nx\nE",
            "cat <<< x",
            "ls > /dev/nullx",
            "ls >/dev/null >x",
            "ls 2>&1 >x",
            "ls <> x",
            "ls {a}>/dev/null",
            "ls >&1x",
            "ls 2>/dev/null$x",
            "ls >&-",
            "ls 22>/dev/null",
            "ls 2>&10",
            "ls >/dev/nul",
            "> x",
            ">x ls",
            ">/dev/null",
            // Assignments and the shell's own words.
            "A=1 ls",
            "A=1",
            "PATH=. ls",
            "a[0]=1 ls",
            "A+=1 ls",
            "export A=1",
            "declare x",
            "unset x",
            "time ls",
            "%1",
            "% x",
            "coproc ls",
            "if true; then ls; fi",
            "for a in b; do ls; done",
            "while true; do ls; done",
            "case a in a) ls;; esac",
            "f() { ls; }; f",
            "function f { ls; }",
            "[-f x ]",
            "[ -f x]",
            "[[ -f x ]]",
            "((1))",
            "select a in b; do ls; done",
            "until ls; do ls; done",
            "''",
            "\"\" ls",
            // What is a blank for the grammar alone.
            "ls\rrm x",
            "ls\u{b}-a",
            "ls\u{c}-a",
            "ls\u{a0}-a",
            "ls\u{2003}x",
            "ls\\\nrm",
            "ls \\\n -a",
            "é",
            "ls é",
            "ls \\é",
            // Not whole.
            "ls '",
            "ls \"",
            "ls &&",
            "| ls",
            "ls ||",
            "ls \\",
            "ls )",
            "ls ;; ls",
            "ls ; ; ls",
            "'ls",
            "ls 'a'\"",
            "ls\0x",
            "ls 'a\u{1b}b'",
        ] {
            assert_eq!(words(line), None, "{line:?}");
        }
        assert_eq!(commands(&format!("echo {}", "x".repeat(MOST_BYTES))), None);
    }

    #[test]
    fn mentions_are_found_wherever_they_stand() {
        for (line, expected) in [
            ("git push $x", "git push"),
            ("echo $(git push)", "git push"),
            ("(cd x; git push) &", "git push"),
            ("if true; then git push; fi", "git push"),
            ("A=1 git push", "git push"),
            ("f() { git push; }; f", "git push"),
            ("\"git\" 'push' > x", "git push"),
            ("echo \"`git push`\"", "git push"),
            ("git>/dev/null push", "git push"),
            ("> x git push", "git push"),
            ("2>&1 git push", "git push"),
            ("ls &>x; git 2> x push", "git push"),
            ("cat <(git push)", "git push"),
            ("echo '2>>'|git push", "git push"),
            ("''16>&1 x", "16 x"),
            ("g\"\\\nit\" push $x", "git push"),
            ("$x; 'a b' c", "a b c"),
        ] {
            let found = mentions(line).iter().map(|words| words.join(" ")).collect::<Vec<_>>();
            assert!(found.iter().any(|words| words.starts_with(expected)), "{line}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_answered(line in r#"[a-c $"'`\\<>&|;(){}\[\]*?~=#!0-2\n\r\t/-]{0,60}"#) {
            commands(&line);
            mentions(&line);
        }

        #[test]
        fn any_text_is_answered(line in "\\PC{0,80}|(?s).{0,80}") {
            commands(&line);
            mentions(&line);
        }
    }

    /// bash itself is asked what it makes of lines that were understood: it tells each command it does not find.
    #[test]
    #[allow(clippy::disallowed_methods)]
    fn an_understood_line_means_to_bash_what_it_means_here() {
        const TELL: &str =
            "PATH=/nowhere; command_not_found_handle() { printf '%s\\0' \"$@\" END >&9; }; ";
        let here = tempfile::tempdir().unwrap();
        let told = here.path().join("told");
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let piece = prop_oneof![
            6 => r"[xyz]{1,3}", 4 => " ", 1 => " ?(;|&&|\\|) ?", 1 => "'[xyz $`\"~*]{0,3}'",
            1 => r#""[xyz ~*']{0,3}""#, 1 => r"\\[xyz ;$~'\x22]", 1 => "[-=~#!:@%^.,/]", 1 => "[\n\t*?{}\\[<>&$]",
        ];
        let line = proptest::collection::vec(piece, 1..14).prop_map(|pieces| pieces.concat());
        let mut compared = 0;
        for _ in 0..3000 {
            use proptest::strategy::{Strategy as _, ValueTree as _};
            let line = line.new_tree(&mut runner).unwrap().current();
            let Some(mut here_read) = commands(&line) else { continue };
            if here_read
                .iter()
                .any(|words| words[0].contains('/') || matches!(words[0].as_str(), "." | ":" | "["))
            {
                continue;
            }
            compared += 1;
            let script = format!("exec 9>told; {TELL}\n{line}");
            let mut bash = std::process::Command::new("bash");
            bash.args(["--norc", "-c", &script]).current_dir(here.path()).env_remove("BASH_ENV");
            let Ok(_) = bash.output() else { return eprintln!("not run: there is no bash") };
            let told = std::fs::read_to_string(&told).unwrap();
            let mut bash_read = told
                .split_terminator("END\0")
                .map(|words| words.split_terminator('\0').map(str::to_owned).collect())
                .collect::<Vec<Vec<String>>>();
            // The commands of a pipeline run side by side.
            here_read.sort();
            bash_read.sort();
            assert_eq!(here_read, bash_read, "{line:?}");
        }
        assert!(compared > 100, "only {compared} lines were understood");
    }
}
