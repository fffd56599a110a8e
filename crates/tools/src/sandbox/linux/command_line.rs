//! What of a command line in git's configuration may be a file that is run: the words of it that could be paths.

/// Programs that run what their arguments name, be it without a directory.
const INTERPRETERS: &[&str] = &[
    ".", "ash", "bash", "busybox", "dash", "deno", "env", "exec", "fish", "ksh", "lua", "node",
    "perl", "php", "ruby", "sh", "source", "zsh",
];

/// A word that may name a file, as it is written there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// With a directory, so that it is one whether it is there yet or not.
    Path(Vec<u8>),
    /// One only if there is such a file.
    Name(Vec<u8>),
}

/// All of them, of all the commands in the line.
pub(super) fn words(line: &[u8]) -> Vec<Word> {
    let mut found = Vec::new();
    // Some programs are started without a shell.
    if line.contains(&b' ') {
        found.extend(word(line).filter(|word| matches!(word, Word::Path(_))));
    }
    for command in commands(line) {
        // What stands before the interpreter may be a program that starts it.
        let interpreter = command.iter().position(|program| is_interpreter(program));
        for (position, text) in command.iter().enumerate() {
            // One may be a line for another shell. It is shorter than this one by its quotes.
            if text.contains(&b' ') && text.len() < line.len() {
                found.extend(words(text));
            }
            let value = text.iter().position(|byte| *byte == b'=').map(|at| &text[at + 1..]);
            for text in [Some(&text[..]), value].into_iter().flatten() {
                let may_be_name = interpreter.is_some_and(|interpreter| position > interpreter);
                let word = word(text);
                found.extend(word.filter(|word| may_be_name || matches!(word, Word::Path(_))));
            }
        }
    }
    found
}

fn word(text: &[u8]) -> Option<Word> {
    let is_address = text.windows(3).any(|three| three == b"://");
    match text {
        [] | [b'-', ..] => None,
        _ if is_address => None,
        // References look like paths.
        text if text.starts_with(b"refs/") => None,
        text if text.contains(&b'/') => Some(Word::Path(text.to_vec())),
        text => Some(Word::Name(text.to_vec())),
    }
}

fn is_interpreter(program: &[u8]) -> bool {
    let name = program.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.starts_with(b"python") || INTERPRETERS.iter().any(|known| known.as_bytes() == name)
}

/// The words of each command, without their quotes, as the shell would split them if it put nothing in; but not the files
/// that are only written to.
pub(super) fn commands(line: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut commands = vec![vec![]];
    let mut word: Option<Vec<u8>> = None;
    let (mut quote, mut is_written) = (None, false);
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'\'' | b'"', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (byte, Some(open)) if byte == open => quote = None,
            (b'\\', None | Some(b'"')) => word.get_or_insert_default().extend(bytes.next()),
            (byte, None) if b" \t\n;|&()<>`".contains(&byte) => {
                let ended = word.take();
                let is_word = ended.is_some();
                let run = ended.filter(|_| !is_written);
                commands.last_mut().into_iter().for_each(|command| command.extend(run.clone()));
                is_written = byte == b'>' || (is_written && !is_word);
                if !b" \t<>".contains(&byte) {
                    commands.push(vec![]);
                }
            }
            (byte, _) => word.get_or_insert_default().push(byte),
        }
    }
    let run = word.filter(|_| !is_written);
    commands.last_mut().into_iter().for_each(|command| command.extend(run.clone()));
    commands
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn shown(line: &str) -> BTreeSet<String> {
        let text = |word| match word {
            Word::Path(text) => format!("/{}", String::from_utf8(text).unwrap()),
            Word::Name(text) => String::from_utf8(text).unwrap(),
        };
        words(line.as_bytes()).into_iter().map(text).collect()
    }

    #[test]
    fn words_that_may_be_files_are_found_however_they_are_quoted() {
        for (line, wanted) in [
            ("sub/mon.sh", &["/sub/mon.sh"][..]),
            ("'sub dir/mon.sh'", &["/sub dir/mon.sh"]),
            ("sub dir/mon.sh", &["/sub dir/mon.sh"]),
            ("sh mon", &["mon"]),
            (
                r#"f() { X=a/b "c/d"\ e "$@" && python3.1 g|./h; }; f"#,
                &["/a/b", "/c/d e", "g", "/./h"],
            ),
            ("env A=1 nice sh m.sh;./n > o/p 2>q/r <s/t", &["m.sh", "/./n", "/s/t"]),
            (r#"sh -c 'bash "a b.sh" c/d'"#, &["a b.sh", "/c/d"]),
            ("tool --file=x/y", &["/x/y"]),
        ] {
            let found = shown(line);
            assert!(wanted.iter().all(|word| found.contains(*word)), "{line}: {found:?}");
        }
    }

    #[test]
    fn words_that_are_no_files_that_are_run_are_left_out() {
        for line in
            ["vim", "git log -1 a.b", "cat a.b >>c.d", "x>o/p", "see https://a/b", "n refs/a/b"]
        {
            let found = shown(line);
            assert!(found.iter().all(|word| word.contains(' ')), "{line}: {found:?}");
        }
    }
}
