use agent_protocol::{ApprovalPolicy, SandboxMode};

use super::*;
use crate::policy::{RuleFiles, Rules, Verdict};

struct Home {
    _dir: tempfile::TempDir,
    files: RuleFiles,
    codex: PathBuf,
}

fn home() -> Home {
    let dir = tempfile::tempdir().unwrap();
    let codex = dir.path().join("codex.rules");
    std::fs::write(&codex, "prefix_rule([\"cargo\", \"publish\"], \"forbidden\")\n").unwrap();
    let files = RuleFiles {
        always: Some(dir.path().join("rules/default.rules")),
        project: Some(dir.path().join("rules/projects/+w.rules")),
    };
    Home { _dir: dir, files, codex }
}

fn policy(home: &Home) -> Policy {
    let mut rules = Rules::default();
    rules.extend(Rules::read(&home.codex).0);
    rules.extend(Rules::read_dir(home.files.always.as_ref().unwrap().parent().unwrap()).0);
    rules.extend(Rules::read(home.files.project.as_ref().unwrap()).0);
    Policy::new(ApprovalPolicy::OnRequest, SandboxMode::WorkspaceWrite, "/w".into())
        .with_rules(rules, home.files.clone())
}

fn run(line: &str) -> Action {
    Action::Run {
        command: line.to_owned(),
        cwd: "/w".into(),
        escalated: true,
        justification: None,
        terminal: false,
    }
}

fn verdict(policy: &Policy, line: &str) -> &'static str {
    match policy.judge(&run(line)) {
        Verdict::Allow { .. } => "allow",
        Verdict::Ask(_) => "ask",
        Verdict::Deny { .. } => "deny",
    }
}

fn put(scope: RuleScope, effect: RuleEffect, words: &str) -> RuleChange {
    RuleChange::Put { old: None, scope, effect, words: words.to_owned() }
}

fn shown(policy: &Policy, words: &str) -> ShownRule {
    policy.shown_rules().into_iter().find(|rule| rule.words == words).unwrap()
}

#[test]
fn a_rule_holds_at_once_and_where_it_reaches_further_also_later() {
    let home = home();
    for (scope, lasts) in
        [(RuleScope::Thread, false), (RuleScope::Project, true), (RuleScope::Always, true)]
    {
        let mut policy = policy(&home);
        policy.change(put(scope, RuleEffect::Allow, "make world")).unwrap();
        assert_eq!(verdict(&policy, "make world -j2"), "allow", "{scope:?}");
        assert_eq!(shown(&policy, "make world").scope, Some(scope));
        let later = self::policy(&home);
        assert_eq!(verdict(&later, "make world") == "allow", lasts, "{scope:?}");
        policy.change(RuleChange::Remove(shown(&policy, "make world"))).unwrap();
        assert_eq!(verdict(&policy, "make world"), "ask", "{scope:?}");
        assert_eq!(verdict(&self::policy(&home), "make world"), "ask", "{scope:?}");
    }
}

#[test]
fn a_rule_is_changed_where_it_stands_or_goes_to_where_it_is_to_reach() {
    let home = home();
    let mut policy = policy(&home);
    policy.change(put(RuleScope::Always, RuleEffect::Allow, "make world")).unwrap();
    policy.change(put(RuleScope::Always, RuleEffect::Allow, "make peace")).unwrap();
    for (scope, effect, words, then) in [
        (RuleScope::Always, RuleEffect::Forbidden, "make world", "deny"),
        (RuleScope::Project, RuleEffect::Allow, "make world -j2", "allow"),
        (RuleScope::Thread, RuleEffect::Forbidden, "make", "deny"),
    ] {
        let old = policy.shown_rules().into_iter().find(|rule| rule.words.contains("world"));
        let words = words.to_owned();
        policy.change(RuleChange::Put { old, scope, effect, words: words.clone() }).unwrap();
        assert_eq!(verdict(&policy, "make world -j2"), then, "{words}");
        assert_eq!(shown(&policy, &words).scope, Some(scope));
        assert_eq!(policy.shown_rules().len(), 3, "one is Codex's, one was not touched");
    }
    assert_eq!(verdict(&self::policy(&home), "make world -j2"), "ask", "it is for this thread now");
}

#[test]
fn what_is_not_ours_stays_as_it_is_and_says_so() {
    let home = home();
    let mut policy = policy(&home);
    let theirs = shown(&policy, "cargo publish");
    assert_eq!((theirs.scope, theirs.effect), (None, RuleEffect::Forbidden));
    let refused = policy.change(RuleChange::Remove(theirs.clone())).unwrap_err().to_string();
    assert!(refused.contains("codex.rules:1, which is not ours"), "{refused}");
    let words = theirs.words.clone();
    let (scope, effect) = (RuleScope::Always, RuleEffect::Allow);
    policy.change(RuleChange::Put { old: Some(theirs), scope, effect, words }).unwrap_err();
    assert_eq!(verdict(&policy, "cargo publish"), "deny");
}

#[test]
fn what_was_allowed_for_the_thread_is_shown_and_can_be_asked_again() {
    let mut policy = policy(&home());
    policy.remember(&run("make all"));
    assert_eq!(verdict(&policy, "make all"), "allow");
    let answer = shown(&policy, "make all");
    policy.change(RuleChange::Remove(answer.clone())).unwrap();
    assert_eq!(verdict(&policy, "make all"), "ask");
    let gone = policy.change(RuleChange::Remove(answer)).unwrap_err().to_string();
    assert!(gone.contains("not there any more"), "{gone}");
}

#[test]
fn a_rule_that_another_has_moved_or_taken_away_is_found_or_missed() {
    let home = home();
    let mut policy = policy(&home);
    policy.change(put(RuleScope::Always, RuleEffect::Allow, "make world")).unwrap();
    policy.change(put(RuleScope::Always, RuleEffect::Allow, "make peace")).unwrap();
    let file = home.files.always.as_ref().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, format!("# More.\n\n{text}")).unwrap();
    policy.change(RuleChange::Remove(shown(&policy, "make world"))).unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    assert!(!text.contains("world") && text.contains("peace"), "{text}");
    std::fs::write(file, "").unwrap();
    policy.change(RuleChange::Remove(shown(&policy, "make peace"))).unwrap_err();
    assert_eq!(std::fs::read_to_string(file).unwrap(), "");
}

#[test]
fn a_rule_takes_its_reason_and_its_examples_along_if_they_hold() {
    let home = home();
    let always = home.files.always.as_ref().unwrap();
    std::fs::create_dir_all(always.parent().unwrap()).unwrap();
    let text = "prefix_rule([\"make\"], justification=\"Ours.\", match=[\"make all\"])\n";
    std::fs::write(always, text).unwrap();
    let mut policy = policy(&home);
    let put = |policy: &Policy, scope, words: &str| RuleChange::Put {
        old: policy.shown_rules().into_iter().find(|rule| rule.words.starts_with("make")),
        scope,
        effect: RuleEffect::Allow,
        words: words.to_owned(),
    };
    let change = put(&policy, RuleScope::Project, "make world");
    let refused = policy.change(change).unwrap_err().to_string();
    assert_eq!(refused, "the rule does not match its example `make all`");
    assert_eq!(std::fs::read_to_string(always).unwrap(), text);
    let change = put(&policy, RuleScope::Project, "make all");
    policy.change(change).unwrap();
    assert_eq!(std::fs::read_to_string(always).unwrap(), "");
    let project = std::fs::read_to_string(home.files.project.as_ref().unwrap()).unwrap();
    let moved = text.replace("[\"make\"]", "[\"make\", \"all\"]");
    assert!(project.ends_with(&moved), "{project}");
    let change = put(&policy, RuleScope::Thread, "make all");
    policy.change(change).unwrap();
    assert_eq!(shown(&policy, "make all").justification.as_deref(), Some("Ours."));
}
