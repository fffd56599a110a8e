//! The rules about commands: seen, made, changed, taken away.

use agent_protocol::{RuleChange, RuleEffect, RulePlace, RuleScope, ShownRule};

use super::*;

fn rule(words: &str, scope: Option<RuleScope>, at: RulePlace) -> ShownRule {
    let effect = RuleEffect::Allow;
    ShownRule { effect, words: words.into(), scope, at, justification: None }
}

fn file(path: &str, line: usize) -> RulePlace {
    RulePlace::File { path: path.into(), line }
}

fn mine() -> ShownRule {
    rule("cargo test", Some(RuleScope::Always), file("/home/me/rules/default.rules", 2))
}

fn listed(rules: &[ShownRule], failed: Option<&str>) -> Event {
    Event::RulesListed { rules: rules.to_vec(), failed: failed.map(str::to_owned) }
}

/// Opened, with these rules.
fn opened(rules: &[ShownRule]) -> App {
    let mut app = App::new(Theme::colourless(), 80, 24);
    app.update(Input::Prompts(vec![]));
    assert_eq!(type_in(&mut app, "/permissions<enter>"), [Effect::ShowPermissions]);
    app.update(Input::Permissions { about: "You are asked now and then.".into() });
    happened(&mut app, listed(rules, None));
    shown(&mut app);
    app
}

#[test]
fn each_rule_says_how_far_it_reaches_and_where_it_is() {
    let theirs = rule("git push", None, file("/home/me/.codex/rules/x.rules", 7));
    let answer = rule("make all", Some(RuleScope::Thread), RulePlace::Answer { number: 0 });
    let mut app = opened(&[mine(), theirs, answer]);
    insta::assert_snapshot!(shown(&mut app).1.join("\n"));
    type_in(&mut app, "<down>");
    assert!(shown(&mut app).1.contains(&"  /home/me/.codex/rules/x.rules:7".to_owned()));
    type_in(&mut app, "a");
    insta::assert_snapshot!("a_new_rule", shown(&mut app).1.join("\n"));
}

#[test]
fn what_the_list_cuts_is_marked_and_the_one_that_is_pointed_at_shown_to_its_end() {
    let answer =
        |words: &str, number| rule(words, Some(RuleScope::Thread), RulePlace::Answer { number });
    let long = |end: &str| format!("touch /var/tmp/trial_x  && {}ls {end}", "true; ".repeat(20));
    let mut app = opened(&[answer(&long("one"), 0), answer(&long("two"), 1), answer("a\nb", 2)]);
    let both = |app: &mut App| {
        let rows = shown(app).1;
        let listed: Vec<_> = rows.iter().filter(|row| row.contains("allow  touch")).collect();
        assert!(listed.len() == 2 && listed.iter().all(|row| row.contains('…')), "{rows:?}");
        let at = rows.iter().position(|row| row == "  your answer, exactly this:").unwrap();
        rows[at + 1..]
            .iter()
            .take_while(|row| row.starts_with("    "))
            .map(|row| &row[4..])
            .collect::<String>()
    };
    assert_eq!(both(&mut app), long("one"));
    type_in(&mut app, "<down>");
    assert_eq!(both(&mut app), long("two"));
    type_in(&mut app, "<down>");
    let rows = shown(&mut app).1.join("\n");
    assert!(rows.contains("exactly this:\n    a\n    b\n"), "{rows}");
    // Of one that is longer than the screen the end is shown, too.
    let mut app = opened(&[
        answer(&"true; ".repeat(400), 0),
        answer(&format!("{}x", "true; ".repeat(400)), 1),
    ]);
    type_in(&mut app, "<down>");
    let rows = shown(&mut app).1;
    let at = rows.iter().position(|row| row.contains("more rows")).unwrap();
    assert!(rows[at + 1].ends_with("true; x"), "{rows:?}");
    assert!(rows.iter().any(|row| row.contains("esc closes")), "{rows:?}");
}

#[test]
fn a_rule_is_made_of_what_commands_begin_with_what_becomes_of_them_and_how_far() {
    let mut app = opened(&[]);
    assert!(type_in(&mut app, "a<tab><tab><down>git push").is_empty());
    let region = shown(&mut app).1.join("\n");
    assert!(region.contains("›forbid") && region.contains("›everywhere"), "{region}");
    let (scope, effect) = (RuleScope::Always, RuleEffect::Forbidden);
    let words = "git push".to_owned();
    let change = RuleChange::Put { old: None, scope, effect, words };
    assert_eq!(type_in(&mut app, "<enter>"), [Effect::ChangeRules(change)]);
    happened(&mut app, listed(&[], Some("there is no file for them")));
    let region = shown(&mut app).1;
    assert!(region.iter().any(|row| row == "Not done: there is no file for them."), "{region:?}");
    assert!(region.contains(&"› git push".to_owned()), "it can be mended: {region:?}");
    happened(&mut app, listed(&[mine()], None));
    assert!(shown(&mut app).1.join("\n").contains("› allow  cargo test"));
}

#[test]
fn a_rule_of_ones_own_is_changed_and_taken_away() {
    let mut app = opened(&[mine()]);
    type_in(&mut app, "<enter>");
    shown(&mut app);
    let (scope, effect) = (RuleScope::Thread, RuleEffect::Prompt);
    let words = "cargo test --all".to_owned();
    let change = RuleChange::Put { old: Some(mine()), scope, effect, words };
    assert_eq!(type_in(&mut app, " --all<tab><down><enter>"), [Effect::ChangeRules(change)]);
    happened(&mut app, listed(&[mine()], None));
    shown(&mut app);
    assert!(type_in(&mut app, "dx").is_empty(), "another key keeps it");
    assert!(type_in(&mut app, "d").is_empty());
    assert!(shown(&mut app).1.join("\n").contains("d again takes it away"));
    assert_eq!(type_in(&mut app, "d"), [Effect::ChangeRules(RuleChange::Remove(mine()))]);
    assert!(type_in(&mut app, "<esc>").is_empty());
    assert_eq!(shown(&mut app).1[0], "›");
}

#[test]
fn a_rule_that_is_not_ours_stays_and_an_answer_is_only_taken_away() {
    let theirs = rule("git push", None, file("/etc/codex/rules/x.rules", 7));
    let answer = rule("make all", Some(RuleScope::Thread), RulePlace::Answer { number: 0 });
    let mut app = opened(&[theirs, answer.clone()]);
    for key in ["<enter>", "dd"] {
        assert!(type_in(&mut app, key).is_empty());
        let region = shown(&mut app).1.join("\n");
        assert!(region.contains("/etc/codex/rules/x.rules:7 is not ours"), "{region}");
    }
    assert!(type_in(&mut app, "<down><enter>").is_empty());
    assert!(shown(&mut app).1.join("\n").contains("exactly what was asked"));
    assert_eq!(type_in(&mut app, "dd"), [Effect::ChangeRules(RuleChange::Remove(answer))]);
}
