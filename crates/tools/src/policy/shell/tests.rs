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
        ("ls # a; rm x\n#\nwc '#' #x", "ls | wc·#"),
        ("ls;# x", "ls"),
        ("ls &&# x\npwd", "ls | pwd"),
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
        "ls &&# x",
        "ls ># x",
        "ls 2>#x",
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
        let mentioned = mentions(&format!("{line}\n$x"));
        for words in commands(&line).unwrap_or_default() {
            prop_assert!(mentioned.contains(&words), "{:?} is missed", words);
        }
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
