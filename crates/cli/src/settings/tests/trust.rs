//! What of a project counts, and what is asked (S16).

use agent_tui::effect::{Change, Changed};

use super::*;

#[test]
fn s16_a_project_is_not_heard_before_it_is_trusted() {
    let place = Place::new().file("work/.codex/config.toml", "model = 'theirs'");
    assert_eq!(place.resolve("exec x").model.name, crate::providers::DEFAULT_MODEL);
    assert_snapshot!(place.notes("exec x"), @"/work is not trusted, so of its own configuration nothing is used: .codex/config.toml; `agent trust` trusts it, `--trust` does for one run");
    assert_eq!(place.resolve("exec x --trust").model.name, "theirs");
    assert!(place.resolve("exec x --trust").permissions.trusted);
}

/// A project that was trusted when it had one file of each kind.
fn trusted() -> Place {
    Place::new()
        .file("work/.codex/config.toml", "model = 'theirs'")
        .file("work/.codex/rules/x.rules", "prefix_rule([\"rm\"], \"forbidden\")")
        .accepted("")
}

fn model(place: &Place) -> String {
    place.resolve("exec x").model.name
}

fn has_rules(place: &Place) -> bool {
    place.resolve("exec x").rules != Rules::default()
}

/// What the screen asks about.
fn asked(place: &Place, arguments: &str) -> Vec<(String, Change)> {
    let question = place.resolve(arguments).asks_trust;
    let files = question.into_iter().flat_map(|question| question.files);
    files.map(|Changed { name, change }| (name, change)).collect()
}

fn changes<const N: usize>(all: [(&str, Change); N]) -> Vec<(String, Change)> {
    all.map(|(name, change)| (name.to_owned(), change)).into()
}

#[test]
fn s16_of_a_trusted_project_what_changes_or_comes_is_not_heard_before_it_is_accepted() {
    let place = trusted();
    assert_eq!((model(&place).as_str(), has_rules(&place)), ("theirs", true));
    assert_eq!((place.notes("exec x"), place.resolve("").asks_trust), (String::new(), None));

    let place = place
        .file("work/.codex/config.toml", "model = 'evil'")
        .file("work/.agent/rules/y.rules", "prefix_rule([\"ls\"], \"forbidden\")");
    let settings = place.resolve("exec x");
    assert_eq!(settings.model.name, crate::providers::DEFAULT_MODEL);
    assert_eq!(settings.permissions.sandbox, SandboxMode::ReadOnly);
    assert_eq!(settings.rules, trusted_rules(&place), "what was accepted still holds");
    assert_snapshot!(place.notes("exec x"), @"the configuration of /work is not used where it is not as you accepted it: .codex/config.toml (changed), .agent/rules/y.rules (new); `agent trust` accepts it as it is, `--trust` does for one run");
    let expected = [(".codex/config.toml", Change::Changed), (".agent/rules/y.rules", Change::New)];
    assert_eq!(asked(&place, ""), changes(expected));
    assert!(place.resolve("").permissions.trusted, "commands may still write in it");
    assert_eq!(asked(&place, "-s read-only"), changes(expected), "whatever is said of the sandbox");
    assert_eq!(place.resolve("exec x --trust").model.name, "evil");

    let place = place.accepted("");
    assert_eq!((model(&place).as_str(), asked(&place, "")), ("evil", vec![]));
}

/// Those of the one file that was accepted.
fn trusted_rules(place: &Place) -> Rules {
    let (rules, _) = Rules::read_dir(&place.path("work/.codex/rules"));
    rules.of_project().0
}

#[test]
fn s16_what_is_gone_is_asked_about_too_and_what_comes_back_is_what_was_accepted() {
    let place = trusted();
    let file = place.path("work/.codex/rules/x.rules");
    let text = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(asked(&place, ""), changes([(".codex/rules/x.rules", Change::Gone)]));
    assert!(place.notes("exec x").contains(".codex/rules/x.rules (gone)"));
    fs::write(&file, &text).unwrap();
    assert_eq!((asked(&place, ""), has_rules(&place)), (vec![], true));
    fs::remove_file(&file).unwrap();
    let place = place.accepted("");
    assert_eq!((asked(&place, ""), place.notes("exec x")), (vec![], String::new()));
    fs::write(&file, &text).unwrap();
    assert_eq!(asked(&place, ""), changes([(".codex/rules/x.rules", Change::New)]));
    assert!(!has_rules(&place));
}

#[test]
fn s16_who_trusts_a_project_without_configuration_is_asked_when_it_has_one() {
    let place = Place::new().accepted("");
    assert_eq!(place.resolve("").permissions.sandbox, SandboxMode::WorkspaceWrite);
    let place = place.file("work/.codex/config.toml", "model = 'later'");
    assert_eq!(model(&place), crate::providers::DEFAULT_MODEL);
    assert_eq!(asked(&place, ""), changes([(".codex/config.toml", Change::New)]));
}

/// Neither has seen a file: by an older version the directory alone was asked about, and so does Codex's key mean.
#[test]
fn s16_a_word_about_the_directory_alone_is_none_about_its_files() {
    let by_key = Place::new().trusting("");
    let by_an_older_version = {
        let place = Place::new();
        let text = format!("{{{:?}: true}}", place.path("work").display().to_string());
        place.file("home/.local/state/agent/trust.json", &text)
    };
    for place in [by_key, by_an_older_version] {
        let place = place.file("work/.codex/config.toml", "model = 'theirs'");
        let settings = place.resolve("");
        assert!(settings.permissions.trusted);
        assert_eq!(settings.permissions.sandbox, SandboxMode::WorkspaceWrite);
        assert_eq!(settings.model.name, crate::providers::DEFAULT_MODEL);
        assert_eq!(asked(&place, ""), changes([(".codex/config.toml", Change::New)]));
        let place = place.accepted("");
        assert_eq!((model(&place).as_str(), asked(&place, "")), ("theirs", vec![]));
    }
}

#[test]
fn s16_what_was_declined_is_not_asked_about_again_until_it_changes() {
    let place = trusted().file("work/.codex/config.toml", "model = 'evil'");
    let settings = place.resolve("");
    let state = settings.state_dir.unwrap();
    settings.project.remember(&state, TrustAnswer::NotItsFiles).unwrap();
    assert_eq!((asked(&place, ""), has_rules(&place)), (vec![], true));
    assert_eq!(model(&place), crate::providers::DEFAULT_MODEL);
    assert!(place.notes("exec x").contains(".codex/config.toml (declined)"));
    let place = place.file("work/.codex/config.toml", "model = 'worse'");
    assert_eq!(asked(&place, ""), changes([(".codex/config.toml", Change::Changed)]));
    let place = place.file("work/.codex/config.toml", "model = 'theirs'");
    assert_eq!((model(&place).as_str(), asked(&place, "")), ("theirs", vec![]));
    let settings = place.resolve("");
    settings.project.remember(&state, TrustAnswer::Nothing).unwrap();
    assert_eq!(model(&place), crate::providers::DEFAULT_MODEL);
    assert!(!place.resolve("").permissions.trusted && place.resolve("").asks_trust.is_none());
}

#[test]
fn s16_what_is_accepted_is_what_was_read_and_not_what_is_there_by_then() {
    let place = Place::new().file("work/.codex/config.toml", "model = 'shown'");
    let shown = place.resolve("");
    let place = place.file("work/.codex/config.toml", "model = 'slipped in'");
    shown.project.remember(&shown.state_dir.unwrap(), TrustAnswer::All).unwrap();
    assert_eq!(model(&place), crate::providers::DEFAULT_MODEL);
    assert_eq!(asked(&place, ""), changes([(".codex/config.toml", Change::Changed)]));
    let place = place.file("work/.codex/config.toml", "model = 'shown'");
    assert_eq!(model(&place), "shown");
}

#[test]
fn s16_rules_that_came_during_the_run_do_not_count_in_its_next_thread() {
    let place = trusted();
    let settings = place.resolve("");
    let place = place
        .file("work/.codex/rules/y.rules", "prefix_rule([\"ls\"], \"prompt\")")
        .file("home/.config/agent/rules/mine.rules", "prefix_rule([\"make\"])");
    let later = settings.with_rules_of_now(&place.environment);
    assert_eq!(later.rules.allowed(), ["make"]);
    let mut expected = Rules::read_dir(&place.path("home/.config/agent/rules")).0;
    fs::remove_file(place.path("work/.codex/rules/y.rules")).unwrap();
    expected.extend(trusted_rules(&place));
    assert_eq!(later.rules, expected);
}

#[test]
fn s16_each_directory_below_the_root_is_asked_about_when_one_works_there() {
    let place = trusted().file("work/sub/.codex/config.toml", "model = 'nearer'");
    assert_eq!((model(&place).as_str(), asked(&place, "")), ("theirs", vec![]));
    assert_eq!(asked(&place, "-C sub"), changes([("sub/.codex/config.toml", Change::New)]));
    assert_eq!(place.resolve("exec x -C sub").model.name, "theirs");
    let place = place.accepted("-C sub");
    assert_eq!(place.resolve("exec x -C sub").model.name, "nearer");
    let place = place.accepted("");
    assert_eq!(place.resolve("exec x -C sub").model.name, "nearer", "the other answer stays");
}

#[test]
fn s16_a_linked_work_tree_has_what_was_accepted_of_its_main_tree_until_it_differs() {
    let place = trusted()
        .file("work/.git/worktrees/side/HEAD", "ref: refs/heads/side")
        .file("work/.git/worktrees/side/commondir", "../..\n")
        .file("side/.codex/config.toml", "model = 'theirs'");
    let git_dir = place.path("work/.git/worktrees/side");
    fs::write(git_dir.join("gitdir"), format!("{}\n", place.path("side/.git").display())).unwrap();
    let place = place.file("side/.git", &format!("gitdir: {}\n", git_dir.display()));
    let side = format!("-C {}", place.path("side").display());
    let model = |place: &Place| place.resolve(&format!("exec x {side}")).model.name;
    assert_eq!(model(&place), "theirs");
    assert_eq!(asked(&place, &side), changes([(".codex/rules/x.rules", Change::Gone)]));
    let place = place.accepted(&side);
    assert_eq!(asked(&place, &side), []);
    let place = place.file("side/.codex/config.toml", "model = 'other'");
    assert_eq!(model(&place), crate::providers::DEFAULT_MODEL);
    assert_eq!(self::model(&place), "theirs");
}

#[test]
fn s16_names_of_files_cannot_break_the_line_that_says_they_are_not_used() {
    let place = Place::new().file("work/.codex/rules/a\n\u{1b}[2J.rules", "");
    for number in 0..9 {
        fs::write(place.path(&format!("work/.codex/rules/{number}.rules")), "").unwrap();
    }
    let notes = place.notes("exec x");
    assert!(!notes.contains(['\n', '\u{1b}']) && notes.contains("and 2 more"), "{notes}");
    fs::remove_dir_all(place.path("work/.codex")).unwrap();
    let place = place.file("work/.codex/rules/a\n\u{1b}[2J.rules", "");
    assert!(place.notes("exec x").contains("a<U+000A><U+001B>[2J.rules"));
}
