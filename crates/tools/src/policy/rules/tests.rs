use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::policy::repository::Repository;

fn rules(text: &str) -> Rules {
    let (rules, errors) = Rules::parse(Path::new("my.rules"), text);
    assert_eq!(errors, [], "{text}");
    rules
}

fn error(text: &str) -> String {
    let (_, errors) = Rules::parse(Path::new("my.rules"), text);
    errors.first().map(ToString::to_string).unwrap_or_default()
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Where nothing is.
fn nowhere() -> Places<'static> {
    Places::of(Path::new("/dev/null"), &Repository::Nothing)
}

fn allow(path: &Path, heading: &str, prefix: &[String]) -> std::io::Result<Rule> {
    let pattern: Vec<_> = prefix.iter().map(|word| vec![word.clone()]).collect();
    append(path, heading, &statement(Effect::Allow, &pattern, None))
}

const WHOLE: &str = r#"
# What is mine.
prefix_rule(
    pattern = ["git", ["push", 'fetch']],   # alternatives
    decision = "prompt",
    justification = "It " + "talks to others.",
    match = [["git", "push", "x"], "git fetch 'a b'"],
    not_match = ["git status", [r"git\push"]],
)
prefix_rule(["cargo", "test"])
prefix_rule(pattern=["rm"], decision="forbidden", justification=None); host_executable(name="git", paths=["/opt/git"],)
network_rule(host="example.com", protocol="https", decision="allow")
"#;

#[test]
fn a_file_of_codex_is_read() {
    let rules = rules(WHOLE);
    let found: Vec<_> = rules.rules.iter().map(|rule| (rule.effect, rule.place.line)).collect();
    assert_eq!(found, [(Effect::Prompt, 3), (Effect::Allow, 10), (Effect::Forbidden, 11)]);
    assert_eq!(rules.rules[0].justification.as_deref(), Some("It talks to others."));
    assert_eq!(rules.rules[0].place.to_string(), "my.rules:3");
}

#[test]
fn rules_about_hosts_are_understood_and_said_to_do_nothing() {
    assert_eq!(
        rules(WHOLE).not_honoured(),
        [
            "my.rules: network_rule in line 12 is not honoured: commands reach no host, or with `network_access` every one"
        ]
    );
    let two = "network_rule(host=\"a\", protocol=\"https\", decision=\"allow\")\n".repeat(2);
    assert!(rules(&two).not_honoured()[0].contains("in lines 1, 2 are not"));
    assert!(error("network_rule(hosts=[])").contains("hosts"));
    assert_eq!(rules("prefix_rule([\"ls\"])").not_honoured(), [""; 0]);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, expected) in [
        (
            "\n  allow(x)",
            "my.rules:2:3: `allow` is not understood here; only calls of `prefix_rule` are",
        ),
        (
            "x = [\"a\"]",
            "my.rules:1:1: `x` is not understood here; only calls of `prefix_rule` are",
        ),
        ("prefix_rule", "my.rules:1:12: `prefix_rule` must be followed by `(`"),
        ("prefix_rule()", "my.rules:1:1: `prefix_rule` lacks `pattern`"),
        (
            "prefix_rule(pattern=[])",
            "my.rules:1:1: `pattern` is empty: it would match every command",
        ),
        ("prefix_rule(pattern=\"ls\")", "my.rules:1:21: this is a string; it must be a list"),
        (
            "prefix_rule(pattern=[[]])",
            "my.rules:1:22: this is a list; it must be a word or a list of words",
        ),
        ("prefix_rule(pattern=[[[\"a\"]]])", "my.rules:1:23: this is a list; it must be a string"),
        ("prefix_rule(pattern=[3])", "my.rules:1:22: a string or a list must stand here"),
        ("prefix_rule(pattern=[\"é\" \"b\"])", "my.rules:1:26: `,` or `]` is missing here"),
        (
            "prefix_rule(pattern=[\"a\"] decision=\"allow\")",
            "my.rules:1:27: `,` or `)` is missing here",
        ),
        ("prefix_rule(pattern=[\"a\n\"])", "my.rules:1:22: this string is not closed"),
        ("prefix_rule(pattern=[\"a\"", "my.rules:1:25: `,` or `]` is missing here"),
        (
            "prefix_rule(pattern=[\"\\q\"])",
            "my.rules:1:23: this escape is unknown; a backslash is written `\\\\`",
        ),
        (
            "prefix_rule(pattern=[\"a\"], decision=\"yes\")",
            "my.rules:1:37: `yes` is not one of: allow, prompt, forbidden",
        ),
        (
            "prefix_rule(patern=[\"a\"])",
            "my.rules:1:13: the argument `patern` is unknown; there are: pattern, decision, match, not_match, justification",
        ),
        (
            "prefix_rule([\"a\"], pattern=[\"a\"])",
            "my.rules:1:20: the argument `pattern` is given twice; there are: pattern, decision, match, not_match, justification",
        ),
        (
            "prefix_rule([\"a\"], match=[\"b c\"])",
            "my.rules:1:27: the rule does not match its example `b c`",
        ),
        (
            "prefix_rule([\"a\"], not_match=[\"x\", \"a c\"])",
            "my.rules:1:36: the rule matches its example `a c`",
        ),
        (
            "prefix_rule([\"a\"], match=[\"'a\"])",
            "my.rules:1:27: a quote in the example is not closed",
        ),
        ("prefix_rule([\"a\"], match=[\"\"])", "my.rules:1:27: the example is empty"),
        (
            "prefix_rule([[[[[[[[[[]]]]]]]]]])",
            "my.rules:1:21: lists lie too deep in each other here",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn one_slip_lifts_no_ban() {
    let text = "prefix_rule(pattern=[\"a\", decision=\"allow\")\nprefix_rule([\"rm\"], \"forbidden\")\n\
                prefix_rule([\"x\"], match=[\"y\"])\nprefix_rule([\"z\"], \"forbidden\", match=[\"y\"])\n";
    let (rules, errors) = Rules::parse(Path::new("my.rules"), text);
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(rules.against("rm a").is_some() && rules.against("z").is_some());
    assert!(
        rules.allowing(&words("x"), &nowhere()).is_none(),
        "its examples say that it is not as it was meant"
    );
}

#[test]
fn the_strictest_rule_that_matches_counts() {
    let rules = rules(
        "prefix_rule([\"git\"])\nprefix_rule([\"git\", \"push\"], \"prompt\")\n\
         prefix_rule([\"git\", \"push\", [\"-f\", \"--force\"]], \"forbidden\")\n",
    );
    let line = |line| rules.against(line).map(|rule| rule.place.line);
    assert_eq!(line("git status"), None);
    assert_eq!(line("git push"), Some(2));
    assert_eq!(line("git push --force x"), Some(3));
    assert_eq!(line("git push && git push -f"), Some(3));
    assert!(rules.allowing(&words("git status"), &nowhere()).is_some());
    assert!(rules.allowing(&words("gitk"), &nowhere()).is_none());
}

#[test]
fn what_is_forbidden_is_found_wherever_it_stands() {
    let rules = rules("prefix_rule([\"git\", \"push\"], \"forbidden\")");
    for line in [
        "git push",
        "ls && git push x",
        "/usr/bin/git push",
        "(git push)",
        "echo $(git push)",
        "A=1 git push $x",
        "if true; then git push; fi",
        "env A=1 git push",
        "sudo -u x git push",
        "timeout 5 git push",
        "bash -c 'cd x; git push'",
        "/bin/sh -c \"git push $x\"",
        "sudo bash -c 'git push'",
        "echo x | xargs git push",
        "find . -exec git push ';'",
        "git \\\n push",
    ] {
        assert!(rules.against(line).is_some(), "{line}");
    }
    for line in ["git pull", "echo 'a; git push'", "git log --grep push", "grep -r 'git push' ."] {
        assert!(rules.against(line).is_none(), "{line}");
    }
}

#[test]
fn an_option_of_another_program_is_not_what_is_forbidden() {
    let rules = rules("prefix_rule([\"rm\"], \"forbidden\")");
    for line in [
        "docker run --rm -it image ls",
        "podman run --rm image",
        "docker compose run --rm web",
        "kubectl run --rm -it p --image=a",
        "timeout 5 docker run --rm image",
    ] {
        assert!(rules.against(line).is_none(), "{line}");
    }
    for line in ["docker run --rm image rm x", "bash -crm", "env --split-string='rm x'"] {
        assert!(rules.against(line).is_some(), "{line}");
    }
}

#[test]
fn what_is_forbidden_is_found_however_it_is_spelt() {
    let rules = rules("prefix_rule([[\"git\", \"npm\"], \"commit\"], \"forbidden\")");
    for line in [
        "git -C . commit",
        "git -C 'a b' commit",
        "git -c a=b commit",
        "git --no-pager commit -m x",
        "git -P -p --bare commit",
        "git --git-dir=x --work-tree y commit",
        "git --exec-path=x --namespace n commit",
        "/usr/bin/git -C . commit",
        "git -c alias.x=commit x",
        "git -c alias.x='!git commit' x",
        "git -c core.pager='git commit' log",
        "git submodule foreach git commit",
        "git rebase -x 'git commit'",
        "time git commit",
        "time -p git commit",
        "time -p git -C 'a b' commit",
        "! time -p -- git commit",
        "command -p git commit",
        "env -u X git commit",
        "env -S'git commit'",
        "env --split-string='git commit'",
        "nice -n 5 git -C . commit",
        "timeout 5 git commit",
        "sudo -u x git -c a=b commit",
        "nohup git commit",
        "exec -a x git commit",
        "builtin command git commit",
        "bash -c 'sudo sh -c \"git -C . commit\"'",
        "$'git' commit",
        "$\"git\" commit",
        "$'\\x67it' $'comm\\151t'",
        "g$'i't -C $'a b' commit",
        "xargs -I{} git -C {} commit",
        "find . -type d -exec git -C '{}' commit ';'",
        "git -C \"$(git rev-parse --show-toplevel)\" commit",
        "git -C \"$(dirname \"$(pwd)\")\" commit",
        "git -C `pwd` commit",
        "git -C \"${X:-a b}\" commit",
        "git -C \"$PWD/a b\" commit",
        "npm --silent commit",
        "npm --prefix x commit",
        "A=1 git -C . commit > x",
    ] {
        assert!(rules.against(line).is_some(), "{line}");
    }
    for line in
        ["git log --grep commit", "git -C commit log", "git -c a=commit log", "npm run commit"]
    {
        assert!(rules.against(line).is_none(), "{line}");
    }
}

#[test]
fn a_line_of_many_carriers_is_looked_through_quickly() {
    let rules = rules("prefix_rule([\"git\", \"commit\"], \"forbidden\")");
    assert!(rules.against(&format!("{}git commit", "sudo ".repeat(4000))).is_some());
    assert!(rules.against(&"sudo -u 'env x' ".repeat(1000)).is_none());
    let options: String = (0..3000).map(|n| format!("a{n} -x{n} ")).collect();
    assert!(rules.against(&format!("sudo {options} $x git commit")).is_some());
}

#[test]
fn a_rule_about_the_first_words_does_not_allow_what_runs_something_else() {
    let rules = rules(
        "prefix_rule([\"git\", \"fetch\"])\nprefix_rule([\"tar\", \"xf\"])\n\
         prefix_rule([\"git\", \"push\", \"--exec=x\"])",
    );
    for line in ["git fetch origin", "tar xf a.tar", "git push --exec=x origin"] {
        assert!(rules.allowing(&words(line), &nowhere()).is_some(), "{line}");
    }
    for line in ["git fetch --upload-pack=x .", "tar xf a --to-command=x"] {
        assert!(rules.allowing(&words(line), &nowhere()).is_none(), "{line}");
        let checked = serde_json::to_value(rules.check(line, Path::new("/"))).unwrap();
        assert_eq!(checked["decision"], serde_json::Value::Null, "{line}");
    }
}

#[test]
fn a_program_elsewhere_of_the_same_name_is_not_allowed() {
    let rules =
        rules("prefix_rule([\"git\"])\nhost_executable(name=\"git\", paths=[\"/opt/git\"])");
    assert!(rules.allowing(&words("/opt/git push"), &nowhere()).is_some());
    assert!(rules.allowing(&words("/tmp/git push"), &nowhere()).is_none());
    assert!(rules.allowing(&words("./git push"), &nowhere()).is_none());
}

#[test]
fn what_is_allowed_can_be_told() {
    let rules = rules(
        "prefix_rule([\"npm\", \"run\", [\"build\", \"lint\"]])\nprefix_rule([\"rm\"], \"forbidden\")",
    );
    assert_eq!(rules.allowed(), ["npm run (build|lint)"]);
}

#[test]
fn s17_a_project_may_only_tighten() {
    let (rules, dropped) = rules(WHOLE).of_project();
    assert_eq!(dropped, 1);
    assert!(rules.allowing(&words("cargo test"), &nowhere()).is_none());
    assert!(rules.against("rm x").is_some() && rules.against("git push").is_some());
}

#[test]
fn an_appended_rule_is_read_back_and_the_rest_of_the_file_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/rules/default.rules");
    let odd = ["a \"b\"\\".to_owned(), "é\n\u{1b}".to_owned()];
    let first = allow(&path, "Made by a test.", &words("cargo test")).unwrap();
    assert_eq!(first.place.to_string(), format!("{}:2", path.display()));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.trim_end()).unwrap();
    let second = allow(&path, "Made by a test.", &odd).unwrap();
    let (rules, errors) = Rules::read(&path);
    assert_eq!(errors, []);
    assert_eq!(rules.rules, [first, second]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with(
            "# Made by a test.\nprefix_rule(pattern=[\"cargo\", \"test\"], decision=\"allow\")\n"
        ),
        "{text}"
    );
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
}

#[test]
fn s22_what_others_may_have_written_forbids_but_allows_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.rules");
    std::fs::write(&path, WHOLE).unwrap();
    assert!(Rules::read(&path).0.allowing(&words("cargo test"), &nowhere()).is_some());
    for (open, mode, closed) in [(path.as_path(), 0o666, 0o600), (dir.path(), 0o777, 0o700)] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(mode)).unwrap();
        let (rules, errors) = Rules::read(&path);
        assert!(errors[0].to_string().contains("others can write this file"), "{errors:?}");
        assert!(rules.allowing(&words("cargo test"), &nowhere()).is_none());
        assert!(rules.against("rm x").is_some());
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(closed)).unwrap();
    }
}

#[test]
fn a_file_that_is_none_is_said_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("default.rules");
    std::fs::write(&path, b"\xff").unwrap();
    assert!(allow(&path, "", &words("a b")).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"\xff");
    let (_, errors) = Rules::read_dir(dir.path());
    assert!(
        errors[0].to_string().ends_with("default.rules:1:1: it cannot be read: it is not UTF-8")
    );
    assert_eq!(Rules::read_dir(&dir.path().join("gone")), (Rules::default(), vec![]));
}

#[test]
fn a_rule_is_taken_out_or_says_something_else_and_the_rest_of_the_file_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my.rules");
    let text = "# Mine.\nprefix_rule([\"a\"]); prefix_rule(\n  [\"b\", [\"c\", \"d\"]],\n  \"prompt\",\n  \
                justification=\"Why.\",\n)  # of b\n\nprefix_rule([\"e\"])\n  prefix_rule([\"f\"], match=[\"f g\"])\n";
    std::fs::write(&path, text).unwrap();
    let (rules, _) = Rules::read(&path);
    let [a, b, e, _] = rules.all() else { panic!() };
    rewrite(b, Effect::Forbidden, &read_words("b (c|x)").unwrap()).unwrap();
    remove(e).unwrap();
    let now = std::fs::read_to_string(&path).unwrap();
    let forbids =
        "prefix_rule(\n  [\"b\", [\"c\", \"x\"]],\n  \"forbidden\",\n  justification=\"Why.\",\n)";
    let examples = "\n  prefix_rule([\"f\"], match=[\"f g\"])\n";
    assert_eq!(now, format!("# Mine.\nprefix_rule([\"a\"]); {forbids}  # of b\n{examples}"));
    remove(a).unwrap();
    let now = std::fs::read_to_string(&path).unwrap();
    assert_eq!(now, format!("# Mine.\n {forbids}  # of b\n{examples}"));
    assert!(remove(e).unwrap_err().to_string().contains("not in its file any more"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), now);
}

#[test]
fn a_rule_with_examples_is_changed_as_long_as_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my.rules");
    let text = |pattern, decision| {
        format!(
            "prefix_rule(\n  match=[\"git push x\", [\"git\", \"push\"]],  # ours\n  pattern={pattern}{decision},\n  \
             not_match=[\"git status\"],\n)  # so\n"
        )
    };
    for (before, effect, line, expected) in [
        ("", Effect::Allow, "git push", Ok(("[\"git\", \"push\"]", ""))),
        ("", Effect::Prompt, "git push", Ok(("[\"git\", \"push\"]", ", decision=\"prompt\""))),
        (
            ", decision=\"allow\"",
            Effect::Forbidden,
            "git (push|pull)",
            Ok(("[\"git\", [\"push\", \"pull\"]]", ", decision=\"forbidden\"")),
        ),
        ("", Effect::Allow, "git push x", Err("the rule does not match its example `git push`")),
        ("", Effect::Forbidden, "git", Err("the rule matches its example `git status`")),
    ] {
        let old = text("[\"git\", \"push\"]", before);
        std::fs::write(&path, &old).unwrap();
        let (rules, _) = Rules::read(&path);
        let done = rewrite(&rules.all()[0], effect, &read_words(line).unwrap());
        let now = std::fs::read_to_string(&path).unwrap();
        match expected {
            Ok((pattern, decision)) => {
                done.unwrap();
                assert_eq!(now, text(pattern, decision), "{line}");
                assert_eq!(Rules::read(&path).1, [], "{now}");
            }
            Err(why) => {
                assert_eq!(done.unwrap_err().to_string(), why);
                assert_eq!(now, old, "the file is as it was");
            }
        }
    }
}

#[test]
fn words_are_typed_as_in_a_shell() {
    let read = |line| read_words(line).map_err(|error| error.to_string());
    for (line, operator) in [
        ("git status; rm", ';'),
        ("echo a && rm", '&'),
        ("ls|wc", '|'),
        ("cat > x", '>'),
        ("a `b`", '`'),
    ] {
        let refused = read(line).unwrap_err();
        assert!(refused.contains(&format!("`{operator}` is of the shell")), "{line}: {refused}");
    }
    for line in ["git commit -m 'a; b'", "git (add|rm)", "echo \"a > b\" c\\;"] {
        assert!(read(line).is_ok(), "{line}");
    }
    let words = |line: &[&[&str]]| -> Vec<Vec<String>> {
        line.iter().map(|any| any.iter().map(|word| (*word).to_owned()).collect()).collect()
    };
    assert_eq!(read("npm run (build|lint)"), Ok(words(&[&["npm"], &["run"], &["build", "lint"]])));
    assert_eq!(read("  a 'b c' "), Ok(words(&[&["a"], &["b c"]])));
    assert!(read(" ").unwrap_err().contains("every command"));
    assert!(read("a 'b").unwrap_err().contains("quote"));
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,80}") {
        let _ = Rules::parse(Path::new("x"), &text);
    }

    #[test]
    fn what_is_forbidden_is_found_in_any_surroundings(
        before in "(sudo|time -p|env|[a-c $'`(){};|-]){0,20}", options in "( -C x| -c 'a=b c'| --x| -P| --git-dir=[$]x){0,4}"
    ) {
        let rules = rules("prefix_rule([\"git\", \"commit\"], \"forbidden\")");
        rules.against(&format!("{before} git{options} commit"));
        let line = format!("{before}\ngit{options} commit");
        if !before.contains(['\'', '`', '(', '{', '$']) {
            prop_assert!(rules.against(&line).is_some(), "{}", line);
        }
    }

    #[test]
    fn anything_like_rules_is_answered(
        text in "(prefix_rule|\\(|\\)|\\[|\\]|,|=|pattern|match|decision|\"|'|r\"|\\\\|\\+|#|\n|é| |None|allow){0,40}"
    ) {
        let (rules, errors) = Rules::parse(Path::new("x"), &text);
        prop_assert!(rules.rules.iter().all(|rule| !rule.pattern.is_empty()));
        prop_assert!(errors.iter().all(|error| error.line >= 1 && error.column >= 1));
    }

    #[test]
    fn any_words_survive_the_file(prefix in proptest::collection::vec("\\PC{1,8}|[\"'\\\\\n\t a]{1,8}", 1..4)) {
        let dir = tempfile::tempdir().unwrap();
        let rule = allow(&dir.path().join("a.rules"), "x", &prefix).unwrap();
        let (rules, errors) = Rules::read_dir(dir.path());
        prop_assert_eq!(errors, vec![]);
        prop_assert_eq!(rules.rules, vec![rule]);
    }
}
