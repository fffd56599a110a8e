use super::*;
use ApprovalPolicy::{Granular, Never, OnRequest, Untrusted};
use SandboxMode::{DangerFullAccess, ReadOnly, WorkspaceWrite};
use agent_protocol::{ChangeKind, FileChange};

fn run(escalated: bool) -> Action {
    let justification = escalated.then(|| "Fetch the packages?".to_owned());
    Action::Run {
        command: "make".into(),
        cwd: "/w".into(),
        escalated,
        justification,
        terminal: false,
    }
}

fn confined(command: &str, cwd: &str) -> Action {
    Action::Run {
        command: command.into(),
        cwd: cwd.into(),
        escalated: false,
        justification: None,
        terminal: false,
    }
}

fn typed(input: &str, escalated: bool) -> Action {
    let (command, input) = (Some("sh".into()), input.into());
    Action::Attend { session_id: 1, command, pid: Some(7), input, escalated }
}

fn edit() -> Action {
    Action::Edit { paths: vec!["/w/a".into()], beyond: vec![], changes: vec![] }
}

fn edit_beyond(path: &str) -> Action {
    let (paths, beyond) = (vec!["/w/a".into(), path.into()], vec![path.into()]);
    Action::Edit { paths, beyond, changes: vec![changing("+true\n")] }
}

fn changing(diff: &str) -> FileChange {
    FileChange {
        path: "/w/a".into(),
        kind: ChangeKind::Update,
        additions: None,
        deletions: None,
        diff: Some(diff.into()),
        diff_truncated: false,
        move_path: None,
    }
}

fn verdict(action: &Action, sandbox: SandboxMode, approval: ApprovalPolicy) -> &'static str {
    match Policy::new(approval, sandbox, "/w".into()).judge(action) {
        Verdict::Allow { .. } => "allow",
        Verdict::Ask { .. } => "ask",
        Verdict::Deny { .. } => "deny",
    }
}

#[test]
fn what_is_allowed_asked_and_denied() {
    let nothing = agent_protocol::Granular::default();
    let more = agent_protocol::Granular { sandbox_approval: true, ..nothing };
    for (action, sandbox, approval, expected) in [
        (Action::Note, ReadOnly, Untrusted, "allow"),
        (Action::Read { path: "/etc/hosts".into() }, ReadOnly, Untrusted, "allow"),
        (run(false), ReadOnly, Never, "allow"),
        (run(false), WorkspaceWrite, OnRequest, "allow"),
        (run(false), WorkspaceWrite, Untrusted, "ask"),
        (confined("ls | head", "/w"), ReadOnly, Untrusted, "allow"),
        (confined("ls -la", "/elsewhere"), WorkspaceWrite, Untrusted, "allow"),
        (confined("ls; make", "/w"), DangerFullAccess, Untrusted, "ask"),
        (run(true), WorkspaceWrite, OnRequest, "ask"),
        (run(true), WorkspaceWrite, Untrusted, "ask"),
        (run(true), WorkspaceWrite, Never, "deny"),
        (run(true), DangerFullAccess, Never, "allow"),
        (run(true), WorkspaceWrite, Granular(nothing), "deny"),
        (run(true), WorkspaceWrite, Granular(more), "ask"),
        (run(false), WorkspaceWrite, Granular(nothing), "allow"),
        (in_a_terminal("git log"), WorkspaceWrite, Untrusted, "ask"),
        (typed("", true), WorkspaceWrite, Never, "allow"),
        (typed("\u{3}", true), WorkspaceWrite, Untrusted, "allow"),
        (typed("!rm a\n", false), WorkspaceWrite, Untrusted, "ask"),
        (typed("!rm a\n", false), WorkspaceWrite, OnRequest, "allow"),
        (typed("!rm a\n", true), WorkspaceWrite, OnRequest, "ask"),
        (typed("!rm a\n", true), WorkspaceWrite, Never, "deny"),
        (typed("!rm a\n", true), DangerFullAccess, Never, "allow"),
        (edit_beyond("/w/a"), ReadOnly, OnRequest, "ask"),
        (edit_beyond("/w/a"), ReadOnly, Never, "deny"),
        (edit_beyond("/w/.git/hooks/x"), WorkspaceWrite, OnRequest, "ask"),
        (edit_beyond("/w/.git/hooks/x"), WorkspaceWrite, Untrusted, "ask"),
        (edit_beyond("/w/.git/hooks/x"), WorkspaceWrite, Granular(nothing), "deny"),
        (edit_beyond("/etc/x"), WorkspaceWrite, Never, "deny"),
        (edit(), WorkspaceWrite, Never, "allow"),
        (edit(), WorkspaceWrite, Untrusted, "ask"),
        (edit(), DangerFullAccess, OnRequest, "allow"),
    ] {
        assert_eq!(
            verdict(&action, sandbox, approval),
            expected,
            "{action:?} {sandbox} {approval}"
        );
    }
}

fn in_a_terminal(command: &str) -> Action {
    Action::Run {
        command: command.into(),
        cwd: "/w".into(),
        escalated: false,
        justification: None,
        terminal: true,
    }
}

#[test]
fn s20_what_was_allowed_for_the_thread_is_not_asked_again_and_nothing_else_is_allowed_with_it() {
    let mut policy = Policy::new(OnRequest, WorkspaceWrite, "/w".into());
    assert!(matches!(policy.judge(&run(true)), Verdict::Ask(_)));
    policy.remember(&run(true));
    assert_eq!(policy.judge(&run(true)), allow(FOR_THIS_THREAD));
    let Action::Run { command, cwd, escalated, terminal, .. } = run(true) else { panic!() };
    let justification = Some("Other words.".to_owned());
    let said_otherwise = Action::Run {
        command: command.clone(),
        cwd: cwd.clone(),
        escalated,
        justification: justification.clone(),
        terminal,
    };
    assert_eq!(policy.judge(&said_otherwise), allow(FOR_THIS_THREAD));
    for (command, cwd, terminal) in [
        (format!("{command} x"), cwd.clone(), terminal),
        (format!("{command} "), cwd.clone(), terminal),
        (format!("{command}; rm x"), cwd.clone(), terminal),
        (command.clone(), "/elsewhere".into(), terminal),
        (command.clone(), cwd.clone(), true),
    ] {
        let justification = justification.clone();
        let other = Action::Run { command, cwd, escalated, justification, terminal };
        assert!(matches!(policy.judge(&other), Verdict::Ask(_)), "{other:?}");
    }
}

#[test]
fn s20_an_edit_that_was_allowed_is_that_edit_and_what_is_typed_goes_to_that_process() {
    let mut policy = Policy::new(OnRequest, WorkspaceWrite, "/w".into());
    let (edit, typing) = (edit_beyond("/w/.git/hooks/x"), typed("x\n", true));
    for allowed in [&edit, &typing] {
        policy.remember(allowed);
        assert_eq!(policy.judge(allowed), allow(FOR_THIS_THREAD));
    }
    let Action::Edit { paths, beyond, changes } = edit else { panic!() };
    let delete = FileChange { kind: ChangeKind::Delete, ..changes[0].clone() };
    for changes in [vec![], vec![changing("+touch x\n")], vec![delete]] {
        let other = Action::Edit { paths: paths.clone(), beyond: beyond.clone(), changes };
        assert!(matches!(policy.judge(&other), Verdict::Ask(_)), "{other:?}");
    }
    for (number, line, process) in [(2, "sh", 7), (1, "cat", 7), (1, "sh", 8)] {
        let mut other = typing.clone();
        let Action::Attend { session_id, command, pid, .. } = &mut other else { panic!() };
        (*session_id, *command, *pid) = (number, Some(line.into()), Some(process));
        assert!(matches!(policy.judge(&other), Verdict::Ask(_)), "{other:?}");
    }
}

const RULES: &str = "\
prefix_rule([\"cargo\", \"test\"])
prefix_rule([\"git\", \"push\"], \"prompt\", justification=\"Others see it.\")
prefix_rule([\"rm\"], \"forbidden\", justification=\"Use trash.\")
";

fn with_rules(approval: ApprovalPolicy) -> Policy {
    let (rules, errors) = Rules::parse(Path::new("/r"), RULES);
    assert_eq!(errors, []);
    let files = RuleFiles { always: Some("/a".into()), project: Some("/p".into()) };
    Policy::new(approval, WorkspaceWrite, "/w".into()).with_rules(rules, files)
}

fn outside(command: &str) -> Action {
    let Action::Run { cwd, justification, terminal, .. } = confined(command, "/w") else {
        panic!()
    };
    Action::Run { command: command.into(), cwd, escalated: true, justification, terminal }
}

/// What is decided, and by what.
fn decided(policy: &Policy, action: &Action) -> String {
    match policy.judge(action) {
        Verdict::Allow { rule } => format!("allow: {rule}"),
        Verdict::Ask(question) => format!("ask: {}", question.rule),
        Verdict::Deny { rule, .. } => format!("deny: {rule}"),
    }
}

#[test]
fn s19_rules_decide_before_anything_else_and_only_about_whole_lines() {
    for (action, approval, expected) in [
        (outside("cargo test -p x"), OnRequest, "allow: rule /r:1"),
        (outside("cargo test -p x"), Never, "allow: rule /r:1"),
        (outside("cd x && cargo test"), OnRequest, "allow: rule /r:1"),
        (outside("cargo test 2>&1 | tail -20"), Never, "allow: rule /r:1"),
        (outside("cargo test | grep -c 'a b' | head -n 3"), Never, "allow: rule /r:1"),
        (outside("cargo test | wc -l; cargo test | tail"), Never, "allow: rule /r:1"),
        (outside("cargo test | tail -20 x"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo test | tail -f"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo test | wc --files0-from=x"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo test | grep -r x"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo test | grep -ex y"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo test | grep -f x y"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo test | grep x y"), OnRequest, "ask: approval policy on-request"),
        (outside("tail -3"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo test; make"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo test; cat /etc/shadow"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo test > x"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo test $(make)"), OnRequest, "ask: approval policy on-request"),
        (outside("cargo testing"), Never, "deny: approval policy never"),
        (outside("cat x"), OnRequest, "ask: approval policy on-request"),
        (outside("echo x; cd y"), OnRequest, "ask: approval policy on-request"),
        (confined("cargo test | tail -5", "/w"), Untrusted, "allow: rule /r:1"),
        (confined("cargo test; make", "/w"), Untrusted, "ask: approval policy untrusted"),
        (confined("ls; cat x", "/w"), Untrusted, "allow: known to change nothing"),
        (confined("git push", "/w"), OnRequest, "ask: rule /r:2"),
        (confined("git push", "/w"), Never, "deny: rule /r:2"),
        (
            confined("git push", "/w"),
            Granular(agent_protocol::Granular::default()),
            "deny: rule /r:2",
        ),
        (confined("ls && rm x", "/w"), OnRequest, "deny: rule /r:3"),
        (confined("git push && rm x", "/w"), OnRequest, "deny: rule /r:3"),
        (confined("bash -c 'rm x'", "/w"), Never, "deny: rule /r:3"),
    ] {
        assert_eq!(decided(&with_rules(approval), &action), expected, "{action:?} {approval}");
    }
    let Verdict::Deny { reason, .. } = with_rules(Never).judge(&confined("rm x", "/w")) else {
        panic!()
    };
    assert!(reason.contains("forbids this command. It says: Use trash."), "{reason}");
    let Verdict::Ask(question) = with_rules(OnRequest).judge(&outside("git push")) else {
        panic!()
    };
    assert_eq!(question.reason, "Others see it.");
    assert!(question.lifts.is_some() && question.prefix.is_none(), "{question:?}");
}

#[test]
fn s19_a_filter_of_the_project_is_not_run_outside_beside_what_a_rule_allows() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tail"), "").unwrap();
    let policy = |shared: &Path| {
        let shared = Shared::new([shared.to_owned()]);
        with_rules(Never).searching(dir.path().as_os_str(), shared)
    };
    let line = outside("cargo test | tail -5");
    assert_eq!(decided(&policy(dir.path()), &line), "deny: approval policy never");
    assert_eq!(decided(&policy(Path::new("/nowhere")), &line), "allow: rule /r:1");
}

#[test]
fn s19_a_rule_does_not_let_out_what_the_model_may_have_written_under_that_name() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for file in ["work/bin/git", "work/bin/cargo", "system/git", "system/cargo", "system/timeout"] {
        std::fs::create_dir_all(at(file).parent().unwrap()).unwrap();
        std::fs::write(at(file), "").unwrap();
    }
    let own = at("work/bin/git").display().to_string();
    let rules = format!(
        "prefix_rule([\"git\", \"commit\"])\nprefix_rule([\"timeout\", \"60\", \"cargo\"])\n\
         host_executable(name=\"git\", paths=[\"{own}\"])\nprefix_rule([\"./x\"])"
    );
    let (rules, errors) = Rules::parse(Path::new("/r"), &rules);
    assert_eq!(errors, []);
    let files = RuleFiles { always: Some("/a".into()), project: Some("/p".into()) };
    let searching = |entries: &[PathBuf]| {
        let path = std::env::join_paths(entries).unwrap();
        Policy::new(OnRequest, WorkspaceWrite, "/w".into())
            .with_rules(rules.clone(), files.clone())
            .searching(&path, Shared::new([at("work")]))
    };
    let shared_first = searching(&[at("work/bin"), at("system")]);
    let system_first = searching(&[at("system"), at("work/bin")]);
    let relative_first = searching(&["bin".into(), at("system")]);
    for (line, by) in [("git commit -m x", "1"), ("timeout 60 cargo test", "2")] {
        let action = outside(line);
        assert_eq!(decided(&system_first, &action), format!("allow: rule /r:{by}"), "{line}");
        for policy in [&shared_first, &relative_first] {
            assert_eq!(decided(policy, &action), "ask: approval policy on-request", "{line}");
            let Verdict::Deny { reason, .. } =
                (Policy { approval: Never, ..policy.clone() }).judge(&action)
            else {
                panic!("{line}")
            };
            assert!(reason.contains("the model or the project may have put it"), "{reason}");
        }
    }
    let Verdict::Ask(question) = shared_first.judge(&outside("make")) else { panic!() };
    assert!(!question.lifts.unwrap().contains("rule"), "there is none about it");
    // The person said which file.
    for (line, by) in [(format!("{own} commit"), "1"), ("./x".to_owned(), "4")] {
        assert_eq!(decided(&shared_first, &outside(&line)), format!("allow: rule /r:{by}"));
    }
    // One that would not count is not offered; in the sandbox it counts.
    let offered = |policy: &Policy, action: &Action| {
        let Verdict::Ask(question) = policy.judge(action) else { panic!("{action:?}") };
        question.prefix
    };
    assert_eq!(offered(&shared_first, &outside("cargo test")), None);
    assert!(offered(&system_first, &outside("cargo test")).is_some());
    let untrusted = Policy { approval: Untrusted, ..shared_first };
    assert!(offered(&untrusted, &confined("cargo test", "/w")).is_some());
}

#[test]
fn s17_what_a_rule_of_the_project_decides_is_said_to_be_the_projects() {
    let text = "prefix_rule([\"rm\"], \"forbidden\")\nprefix_rule([\"git\", \"push\"], \"prompt\")\n\
                prefix_rule([\"make\"], \"prompt\", justification=\"It is slow.\")";
    let read = || Rules::parse("/w/.codex/rules/x.rules".as_ref(), text).0;
    for (rules, author, log) in
        [(read(), "the person", "rule"), (read().of_project().0, "the project", "project rule")]
    {
        let judge = |line: &str, approval| {
            Policy::new(approval, WorkspaceWrite, "/w".into())
                .with_rules(rules.clone(), RuleFiles::default())
                .judge(&confined(line, "/w"))
        };
        let at = |line: usize| format!("{log} /w/.codex/rules/x.rules:{line}");
        let Verdict::Deny { reason, rule, .. } = judge("rm x", OnRequest) else { panic!() };
        assert!(reason.starts_with(&format!("A rule of {author} forbids")), "{reason}");
        assert_eq!(rule, at(1));
        let Verdict::Deny { reason, rule, .. } = judge("git push", Never) else { panic!() };
        assert!(reason.starts_with(&format!("A rule of {author} says to ask")), "{reason}");
        assert_eq!(rule, at(2));
        let Verdict::Ask(question) = judge("git push", OnRequest) else { panic!() };
        assert_eq!(question.reason, format!("a rule of {author} says to ask"));
        let Verdict::Ask(question) = judge("make", OnRequest) else { panic!() };
        assert_eq!(question.reason.contains("of the project says: It is slow."), log != "rule");
        assert_eq!(question.rule, at(3));
    }
}

#[test]
fn a_rule_that_is_offered_and_taken_is_written_down_and_holds_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let files = RuleFiles {
        always: Some(dir.path().join("rules/default.rules")),
        project: Some(dir.path().join("rules/projects/+w.rules")),
    };
    let mut policy = Policy::new(OnRequest, WorkspaceWrite, "/w".into())
        .with_rules(Rules::default(), files.clone());
    for (scope, line, file) in [
        (RuleScope::Always, "cargo build -q", files.always.as_ref().unwrap()),
        (RuleScope::Project, "npm run lint", files.project.as_ref().unwrap()),
    ] {
        let Verdict::Ask(question) = policy.judge(&outside(line)) else { panic!("{line}") };
        let prefix = question.prefix.unwrap();
        let rule = policy.keep(scope, &prefix).unwrap();
        assert_eq!(rule, format!("rule {}:2", file.display()));
        assert_eq!(decided(&policy, &outside(line)), format!("allow: {rule}"));
        let (read, errors) = Rules::read_dir(file.parent().unwrap());
        assert_eq!(errors, []);
        let later = Policy::new(OnRequest, WorkspaceWrite, "/w".into())
            .with_rules(read, RuleFiles::default());
        assert_eq!(decided(&later, &outside(line)), format!("allow: {rule}"));
    }
}

#[test]
fn s19_who_is_offered_a_rule_about_a_program_nothing_is_known_of_is_told_so() {
    let files = RuleFiles { always: Some("/a".into()), project: Some("/p".into()) };
    let policy = Policy::new(OnRequest, WorkspaceWrite, "/w".into())
        .with_rules(Rules::default(), files.clone());
    for (line, is_known) in [
        ("not-known a", false),
        ("cargo test", true),
        ("hg log", true),
        ("mkdir a", true),
        ("pytest -x", true),
    ] {
        let Verdict::Ask(question) = policy.judge(&outside(line)) else { panic!("{line}") };
        assert!(question.prefix.is_some(), "{line}");
        let lifts = question.lifts.unwrap();
        let is_told = lifts.contains("a lasting rule allows whatever is said behind its words");
        assert_eq!(is_told, !is_known, "{line}: {lifts}");
    }
    let Verdict::Ask(question) = policy.judge(&outside("bash x")) else { panic!() };
    assert!(question.prefix.is_none() && !question.lifts.unwrap().contains("lasting"));
    let untrusted =
        Policy::new(Untrusted, WorkspaceWrite, "/w".into()).with_rules(Rules::default(), files);
    let Verdict::Ask(question) = untrusted.judge(&confined("not-known a", "/w")) else { panic!() };
    assert!(question.lifts.unwrap().contains("lasting"));
}

#[test]
fn s19_a_rule_does_not_let_out_what_a_later_argument_would_run() {
    let (rules, errors) = Rules::parse(Path::new("/r"), "prefix_rule([\"git\", \"fetch\"])");
    assert_eq!(errors, []);
    let files = RuleFiles { always: Some("/a".into()), project: Some("/p".into()) };
    let policy = |approval| {
        Policy::new(approval, WorkspaceWrite, "/w".into()).with_rules(rules.clone(), files.clone())
    };
    let runs = "git fetch --upload-pack='touch PWNED; false' .";
    assert_eq!(decided(&policy(OnRequest), &outside("git fetch origin")), "allow: rule /r:1");
    assert_eq!(decided(&policy(OnRequest), &outside(runs)), "ask: approval policy on-request");
    assert_eq!(decided(&policy(Never), &outside(runs)), "deny: approval policy never");
    assert_eq!(
        decided(&policy(Untrusted), &confined(runs, "/w")),
        "ask: approval policy untrusted"
    );
    let here = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(here.path().join("sub/evil.git")).unwrap();
    for (line, expected) in [
        ("git fetch origin", "allow: rule /r:1"),
        ("cd sub; git fetch origin", "allow: rule /r:1"),
        ("git fetch sub/evil.git", "ask: approval policy on-request"),
        ("cd sub; git fetch evil", "ask: approval policy on-request"),
    ] {
        let mut action = outside(line);
        let Action::Run { cwd, .. } = &mut action else { panic!() };
        *cwd = here.path().to_owned();
        assert_eq!(decided(&policy(OnRequest), &action), expected, "{line}");
    }
    for line in [runs, "git push origin main", "tar xf a.tar"] {
        let Verdict::Ask(question) = policy(OnRequest).judge(&outside(line)) else { panic!() };
        assert_eq!(question.prefix, None, "{line}");
    }
}

#[test]
fn s19_a_rule_about_git_is_about_the_repository_of_the_thread() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().canonicalize().unwrap();
    for directory in [".git", "sub", "evil/objects", "evil/refs", "nested/.git"] {
        std::fs::create_dir_all(here.join(directory)).unwrap();
    }
    std::fs::write(here.join("evil/HEAD"), "").unwrap();
    let rules =
        Rules::parse(Path::new("/r"), "prefix_rule([\"git\", \"commit\"])\nprefix_rule([\"hg\"])")
            .0;
    let files = RuleFiles { always: Some("/a".into()), project: Some("/p".into()) };
    let policy = |approval, workspace: &Path| {
        Policy::new(approval, WorkspaceWrite, workspace.to_owned())
            .with_rules(rules.clone(), files.clone())
    };
    let at = |mut action: Action, place: &str| {
        let Action::Run { cwd, .. } = &mut action else { panic!() };
        *cwd = here.join(place);
        action
    };
    for (line, place, is_allowed) in [
        ("git commit -m x", "", true),
        ("git commit -m x", "sub", true),
        ("cd sub && git commit -m x", "", true),
        ("git commit -m x", "evil", false),
        ("git commit -m x", "nested", false),
        ("cd evil && git commit -m x", "", false),
        ("cd nested; git commit -m x", "sub/..", false),
        ("cd - && git commit -m x", "", false),
        ("hg commit", "evil", false),
        ("hg commit", "sub", true),
    ] {
        let program = &line[line.find("git").or(line.find("hg")).unwrap()..][..2];
        let by = if program == "gi" { "rule /r:1" } else { "rule /r:2" };
        let expected = |else_by: &str| {
            if is_allowed { format!("allow: {by}") } else { format!("ask: {else_by}") }
        };
        let outside = policy(OnRequest, &here).judge(&at(outside(line), place));
        if let Verdict::Ask(question) = outside {
            assert_eq!(question.prefix, None, "{line} in {place}");
            let says_why = question.lifts.unwrap().contains("may run in another one");
            assert!(says_why, "{line} in {place}");
        }
        let decided = |approval, action| decided(&policy(approval, &here), &at(action, place));
        assert_eq!(
            decided(OnRequest, super::tests::outside(line)),
            expected("approval policy on-request"),
            "{line} in {place}"
        );
        let confined = decided(Untrusted, confined(line, "/"));
        assert_eq!(confined, expected("approval policy untrusted"), "{line} in {place}");
    }
    // A bare one is nobody's, wherever the thread began, and what is made later is another.
    let inside = policy(OnRequest, &here.join("evil"));
    let commit = at(outside("git commit"), "evil");
    assert_eq!(decided(&inside, &commit), "ask: approval policy on-request");
    let early = policy(OnRequest, &here.join("sub"));
    std::fs::create_dir(here.join("sub/.git")).unwrap();
    assert_eq!(
        decided(&early, &at(outside("git commit"), "sub")),
        "ask: approval policy on-request"
    );
    let reads = at(confined("git status", "/"), "sub");
    let early = Policy { approval: Untrusted, ..early }.trusting_repository();
    assert_eq!(decided(&early, &reads), "ask: approval policy untrusted");
}

#[test]
fn s19_git_is_known_to_only_read_in_the_repository_of_a_trusted_directory_alone() {
    let untrusted = Policy::new(Untrusted, ReadOnly, "/w".into());
    let trusted = untrusted.clone().trusting_repository();
    let (asked, known) = ("ask: approval policy untrusted", "allow: known to change nothing");
    for (line, cwd, without, with) in [
        ("git status", "/w", asked, known),
        ("git --no-pager diff | head", "/w", asked, known),
        ("git status", "/w/sub", asked, asked),
        ("git commit -m x", "/w", asked, asked),
        ("ls | head", "/w", known, known),
    ] {
        assert_eq!(decided(&untrusted, &confined(line, cwd)), without, "{line} in {cwd}");
        assert_eq!(decided(&trusted, &confined(line, cwd)), with, "{line} in {cwd}, trusted");
    }
}

#[test]
fn s20_what_says_what_we_may_do_is_never_written() {
    let policy = Policy::new(OnRequest, WorkspaceWrite, "/w".into()).guarding(vec!["/home".into()]);
    for path in ["/home/rules/default.rules", "/home/config.toml"] {
        assert_eq!(decided(&policy, &edit_beyond(path)), "deny: the agent's own files");
    }
    assert_eq!(decided(&policy, &edit_beyond("/home2/x")), "ask: sandbox workspace-write");
}

#[test]
fn s20_what_says_what_we_may_do_is_never_written_where_a_link_leads_be_it_the_workspace() {
    let own = "deny: the agent's own files";
    let linked = || vec!["/w/dots/config.toml".into(), "/w/dots/rules".into()];
    for (sandbox, path, expected) in [
        (WorkspaceWrite, "/w/dots/config.toml", own),
        (WorkspaceWrite, "/w/dots/rules/default.rules", own),
        (WorkspaceWrite, "/w/dots/config.toml2", "allow: sandbox workspace-write"),
        (ReadOnly, "/w/dots/config.toml", own),
        (DangerFullAccess, "/w/dots/config.toml", "allow: sandbox danger-full-access"),
    ] {
        let policy = Policy::new(OnRequest, sandbox, "/w".into()).guarding_linked(linked());
        let beyond = if sandbox == ReadOnly { vec![path.into()] } else { vec![] };
        let edit = Action::Edit { paths: vec![path.into()], beyond, changes: vec![] };
        assert_eq!(decided(&policy, &edit), expected, "{sandbox} {path}");
    }
}

#[test]
fn where_no_rule_could_be_kept_none_is_offered() {
    let policy = Policy::new(OnRequest, WorkspaceWrite, "/w".into());
    let Verdict::Ask(question) = policy.judge(&outside("cargo test")) else { panic!() };
    assert_eq!(question.prefix, None);
}
