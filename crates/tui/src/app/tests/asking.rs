//! Questions: nothing but an answer answers them, and nothing is hidden.

use super::*;
use agent_protocol::{ChangeKind, FileChange};

#[test]
fn a_question_shows_every_byte_and_takes_nothing_but_an_answer() {
    let mut app = app();
    let action = Action::Run {
        command: "make\u{202e} x".into(),
        cwd: "/w".into(),
        escalated: true,
        justification: None,
        terminal: false,
    };
    let (call_id, reason) = ("c".to_owned(), "It needs the network.".to_owned());
    happened(
        &mut app,
        Event::ApprovalRequested {
            call_id,
            action,
            reason,
            rule: None,
            lifts: Some("It could write everywhere.".to_owned()),
            prefix: None,
        },
    );
    let region = shown(&mut app).1.join("\n");
    assert!(region.contains("make<U+202E> x") && region.contains("outside"), "{region}");
    assert!(type_in(&mut app, "<enter><backspace>").is_empty());
    let once = Effect::Decide { call_id: "c".into(), decision: Decision::Once };
    assert_eq!(type_in(&mut app, "y"), [once]);
}

#[test]
fn a_letter_that_answers_nothing_begins_a_text_however_slowly_it_is_typed() {
    for text in ["sorry not yet", "what about y", "/approvals", "! a"] {
        let mut app = app();
        step_started(&mut app);
        asks(&mut app, "make");
        shown(&mut app);
        for key in keys(text).unwrap() {
            app.update(Input::Tick(app.now_ms + 1_000));
            assert!(app.update(Input::Key(key)).is_empty(), "{text}");
            shown(&mut app);
        }
        assert_eq!(app.composer.text(), text);
        // It is there again when nothing is written.
        type_in(&mut app, "<c-u>");
        assert!(matches!(&type_in(&mut app, "y")[..], [Effect::Decide { .. }]), "{text}");
    }
    let mut app = App::new(Theme::colourless(), 80, 24);
    app.update(Input::Facts(Facts { asks_trust: Some(is_trusted("/new")), ..Facts::default() }));
    assert!(type_in(&mut app, "mend it<enter>and my other wishes").is_empty());
    assert_eq!(app.composer.text(), "and my other wishes");
}

#[test]
fn nothing_is_allowed_before_all_of_it_was_seen() {
    let mut app = app();
    let command: Vec<_> = (0..20).map(|line| format!("line{line}")).collect();
    asks(&mut app, &command.join("\n"));
    assert!(shown(&mut app).1.iter().any(|row| row.contains("more rows")));
    for _ in 0..9 {
        if shown(&mut app).1.iter().any(|row| row.contains("line19")) {
            break;
        }
        assert!(type_in(&mut app, "y").is_empty(), "it was not seen yet");
    }
    let (_, region) = shown(&mut app);
    assert!(region.iter().any(|row| row.contains("line19")), "{region:?}");
    assert!(matches!(&type_in(&mut app, "y")[..], [Effect::Decide { .. }]));
}

#[test]
fn s20_what_was_not_seen_is_not_allowed_after_the_window_was_made_wider() {
    let mut app = App::new(Theme::colourless(), 24, 16);
    let steps: Vec<_> = (0..120).map(|n| format!("true step{n:03} xxxxxxxx")).collect();
    asks(&mut app, &steps.join("; "));
    let mut seen = String::new();
    let mut look = |app: &mut App| {
        // A word may be cut by the end of a row.
        let rows: String = shown(app).1.iter().map(|row| row.trim_start()).collect();
        let is_at_end = !rows.contains("more row");
        seen += &rows;
        (is_at_end, seen.contains("step119"))
    };
    look(&mut app);
    for _ in 0..12 {
        assert!(type_in(&mut app, " ").is_empty());
        look(&mut app);
    }
    app.update(Input::Resize { columns: 150, rows: 16 });
    assert_eq!(look(&mut app), (false, false), "it goes back to the beginning");
    for n in 0..120 {
        let (is_at_end, _) = look(&mut app);
        let effects = type_in(&mut app, "y");
        assert_eq!(!effects.is_empty(), is_at_end, "{n}");
        if is_at_end {
            break;
        }
    }
    let missing = steps.iter().enumerate().find(|(n, _)| !seen.contains(&format!("step{n:03}")));
    assert_eq!(missing, None);
}

#[test]
fn s20_keys_that_come_before_it_is_drawn_pass_over_nothing() {
    let mut app = App::new(Theme::colourless(), 80, 16);
    let lines: Vec<_> = (0..60).map(|line| format!("line{line:02}")).collect();
    asks(&mut app, &lines.join("\n"));
    let mut seen = shown(&mut app).1.join("\n");
    while type_in(&mut app, "   y").is_empty() {
        seen += &shown(&mut app).1.join("\n");
    }
    assert_eq!(lines.iter().find(|line| !seen.contains(*line)), None);
}

/// A question about a patch of these lines, and nothing else said about it before.
fn asks_to_edit(app: &mut App, kind: ChangeKind, diff: String) {
    let change = FileChange {
        path: "/w/.git/hooks/pre-commit".into(),
        kind,
        additions: Some(2),
        deletions: Some(0),
        diff: Some(diff),
        diff_truncated: false,
        move_path: None,
    };
    let paths = vec![change.path.clone()];
    let action = Action::Edit { paths: paths.clone(), beyond: paths, changes: vec![change] };
    happened(
        app,
        Event::ApprovalRequested {
            call_id: "c".into(),
            action,
            reason: "Because.".into(),
            rule: None,
            lifts: None,
            prefix: None,
        },
    );
}

#[test]
fn a_question_about_an_edit_shows_every_line_of_it() {
    let mut app = App::new(Theme::colourless(), 40, 20);
    let diff = "@@ -0,0 +1,2 @@\n+#!/bin/sh\n+touch /tmp/x\u{202e}\r\n".to_owned();
    asks_to_edit(&mut app, ChangeKind::Add, diff);
    insta::assert_snapshot!(shown(&mut app).1.join("\n"));
    assert!(matches!(&type_in(&mut app, "y")[..], [Effect::Decide { .. }]));
    let mut app = App::new(Theme::colourless(), 40, 20);
    let diff = "@@ @@ fn main() {\n old\n-before\n+after\n".to_owned();
    asks_to_edit(&mut app, ChangeKind::Update, diff);
    insta::assert_snapshot!(shown(&mut app).1.join("\n"));
}

#[test]
fn an_edit_is_not_allowed_before_its_last_line_was_seen() {
    let mut app = app();
    let lines: String = (1..=62).map(|line| format!("+line{line}\n")).collect();
    asks_to_edit(&mut app, ChangeKind::Add, format!("@@ -0,0 +1,62 @@\n{lines}"));
    let mut seen = String::new();
    while !shown(&mut app).1.iter().any(|row| row.contains("Because.")) {
        seen.push_str(&shown(&mut app).1.join("\n"));
        assert!(type_in(&mut app, "y").is_empty(), "it was not seen yet");
        assert!(seen.len() < 100_000, "it does not go on");
    }
    seen.push_str(&shown(&mut app).1.join("\n"));
    assert!((1..=62).all(|line| seen.contains(&format!("+ line{line}"))), "{seen}");
    assert!(matches!(&type_in(&mut app, "y")[..], [Effect::Decide { .. }]));
}

/// What is shown of the question whether to type `input`.
fn asked_to_type(input: &str) -> String {
    let mut app = app();
    let action = Action::Attend {
        session_id: 3,
        command: Some("ssh host".into()),
        pid: Some(77),
        input: input.into(),
        escalated: true,
    };
    let (call_id, reason) = ("c".into(), "Because.".into());
    let asked =
        Event::ApprovalRequested { call_id, action, reason, rule: None, lifts: None, prefix: None };
    happened(&mut app, asked);
    shown(&mut app).1.join("\n")
}

#[test]
fn what_is_typed_is_asked_about_with_the_command_it_is_typed_into() {
    let region = asked_to_type("reboot");
    for part in ["session 3, process 77", "of ssh host", "> reboot"] {
        assert!(region.contains(part), "{region}");
    }
    assert!(!region.contains("Enter"), "{region}");
}

#[test]
fn s20_it_is_seen_whether_enter_is_typed_and_how_often() {
    let inputs = ["reboot", "reboot\n", "reboot\r", "reboot\n\n", "\nreboot"];
    let mut seen = inputs.map(asked_to_type);
    assert!(seen[1].contains("> reboot<U+000A>") && seen[1].contains("are Enter"), "{}", seen[1]);
    seen.sort();
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:#?}");
}

#[test]
fn a_question_that_comes_while_one_writes_waits_until_that_is_done() {
    let mut app = app();
    step_started(&mut app);
    type_in(&mut app, "and then t");
    asks(&mut app, "make");
    assert!(type_in(&mut app, "ry that").is_empty());
    let (_, region) = shown(&mut app);
    assert!(region.contains(&"› and then try that".to_owned()), "{region:?}");
    assert!(region.iter().any(|row| row.contains("tab shows the")), "{region:?}");
    assert_eq!(type_in(&mut app, "<enter>").len(), 1, "the message");
    assert!(shown(&mut app).1.iter().any(|row| row.contains("$ make")));
    assert!(matches!(&type_in(&mut app, "y")[..], [Effect::Decide { .. }]));
}

#[test]
fn a_question_that_waits_is_shown_by_a_key() {
    let mut app = app();
    type_in(&mut app, "a draft");
    asks(&mut app, "make");
    assert!(type_in(&mut app, "<tab>").is_empty());
    assert!(matches!(&type_in(&mut app, "n")[..], [Effect::Decide { .. }]));
    assert!(shown(&mut app).1.contains(&"› a draft".to_owned()));
}

#[test]
fn a_refusal_can_say_what_to_do_instead() {
    let mut app = app();
    asks(&mut app, "rm -r target");
    let effects = type_in(&mut app, "tuse cargo clean<enter>");
    let message = Some("use cargo clean".to_owned());
    let decision = Decision::deny(message);
    let call_id = "c".to_owned();
    let expected = Effect::Decide { call_id: call_id.clone(), decision: decision.clone() };
    assert_eq!(effects, [expected]);
    happened(&mut app, Event::ApprovalResolved { call_id, decision, rule: None });
    let finished = shown(&mut app).0;
    assert!(finished.contains(&"• You said: use cargo clean".to_owned()), "{finished:?}");
}

#[test]
fn a_question_that_was_answered_elsewhere_is_gone() {
    let mut app = app();
    asks(&mut app, "make");
    let (call_id, decision) = ("c".to_owned(), Decision::Once);
    happened(&mut app, Event::ApprovalResolved { call_id, decision, rule: None });
    assert!(!shown(&mut app).1.iter().any(|row| row.contains("make")));
    assert!(type_in(&mut app, "y").is_empty());
}

/// It is asked whether to run what a lasting rule could allow.
fn offers(app: &mut App, prefix: &[String]) {
    let action = Action::Run {
        command: "make test".into(),
        cwd: "/w".into(),
        escalated: true,
        justification: None,
        terminal: false,
    };
    let asked = Event::ApprovalRequested {
        call_id: "c".into(),
        action,
        reason: "Because.".into(),
        rule: None,
        lifts: None,
        prefix: Some(prefix.to_vec()),
    };
    happened(app, asked);
}

#[test]
fn an_answer_that_lasts_is_given_only_where_its_words_are_offered() {
    let mut app = app();
    asks(&mut app, "make test");
    shown(&mut app);
    assert!(type_in(&mut app, "ep").is_empty(), "nothing was offered");
    let mut app = App::new(Theme::colourless(), 80, 24);
    let prefix = vec!["make".to_owned(), "test".to_owned()];
    offers(&mut app, &prefix);
    assert!(shown(&mut app).1.join("\n").contains("begins with make test"));
    app.update(Input::Resize { columns: 40, rows: 24 });
    let rows = shown(&mut app).1.join("\n");
    let narrow = "\n  p and e allow whatever begins with\n    make test\n";
    assert!(rows.contains(narrow), "{rows}");
    let decision = Decision::Always { prefix };
    assert_eq!(type_in(&mut app, "e"), [Effect::Decide { call_id: "c".into(), decision }]);
}

#[test]
fn the_words_of_an_offered_rule_are_told_apart() {
    let mut app = App::new(Theme::colourless(), 80, 24);
    offers(&mut app, &["mytool", "a b; rm", "it's", "", "-x=1"].map(str::to_owned));
    let rows = shown(&mut app).1.join("\n");
    assert!(rows.contains(r"begins with mytool 'a b; rm' 'it'\''s' '' -x=1"), "{rows}");
}

#[test]
fn a_question_before_there_is_a_thread_is_answered_or_left() {
    let mut app = app();
    let choice = |value: &str, label: &str| Choice {
        value: value.into(),
        label: label.into(),
        is_here: true,
        ..Choice::default()
    };
    let choices = vec![choice("key", "Give a key"), choice("demo", "See the demo")];
    let title = "Welcome. There is no key yet; nothing was sent.".into();
    let ask = Input::Ask { title, choices };
    app.update(ask.clone());
    let region = shown(&mut app).1;
    assert_eq!(region[..2], ["Welcome. There is no key yet; nothing", "was sent."]);
    assert_eq!(type_in(&mut app, "demo<enter>"), [Effect::Chosen("demo".into())]);
    app.update(ask.clone());
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Leave]);
    // A key that comes before it is asked for is neither shown nor an answer.
    app.update(ask);
    app.update(Input::Paste("sk-proj-1234567890".into()));
    for c in "demo-keys-6789".chars() {
        app.update(Input::Key(crate::key::KeyEvent::plain(crate::key::KeyCode::Char(c))));
        let region = shown(&mut app).1.join("\n");
        assert!(
            !region.contains("sk-") && !region.contains("› demo") && !region.contains("6"),
            "{region}"
        );
    }
    assert!(!format!("{app:?}").contains("67890"));
    assert_eq!(type_in(&mut app, "<enter>"), [Effect::Chosen("key".into())]);
}

#[test]
fn a_key_is_never_shown() {
    let mut app = app();
    app.update(Input::AskSecret { title: "The key:".into() });
    app.update(Input::Paste("sk-secret\n".into()));
    type_in(&mut app, "1");
    let region = shown(&mut app).1.join("\n");
    assert!(region.contains("**********") && !region.contains("secret"), "{region}");
    assert!(!format!("{app:?}").contains("secret"));
    assert_eq!(type_in(&mut app, "<enter>"), [Effect::Chosen("sk-secret1".into())]);
}

#[test]
fn what_can_be_no_key_is_refused_and_asked_for_again() {
    for (given, reason) in [
        ("sk-one sk-two", "! A key has no spaces"),
        ("sk-one\nsk-two", "! A key has no spaces"),
        ("sk-\tone", "! A key has no spaces"),
        ("", "! Nothing was given yet."),
        (" \n ", "! Nothing was given yet."),
    ] {
        let mut app = app();
        app.update(Input::AskSecret { title: "The key:".into() });
        app.update(Input::Paste(given.into()));
        assert!(type_in(&mut app, " <enter>").is_empty(), "{given:?}");
        let region = shown(&mut app).1;
        assert!(region.iter().any(|row| row.starts_with(reason)), "{given:?}: {region:#?}");
        assert!(!region.iter().any(|row| row.contains('*')), "{given:?}");
        assert_eq!(type_in(&mut app, " sk-1 <enter>"), [Effect::Chosen("sk-1".into())]);
    }
}

#[test]
fn a_command_is_shown_byte_for_byte_and_a_reason_broken_at_words() {
    let mut app = app();
    let action = Action::Run {
        command: format!("echo {}", "ab  cd ".repeat(8)),
        cwd: "/w".into(),
        escalated: false,
        justification: None,
        terminal: false,
    };
    let reason = "It needs the network, which the sandbox does not give.".to_owned();
    happened(
        &mut app,
        Event::ApprovalRequested {
            call_id: "c".into(),
            action,
            reason,
            rule: None,
            lifts: None,
            prefix: None,
        },
    );
    let region = shown(&mut app).1;
    assert!(region.contains(&"  It needs the network, which the".to_owned()), "{region:#?}");
    let shown: String =
        region[2..4].iter().map(|row| format!("{row:40}")[4..].to_owned()).collect();
    assert!(shown.starts_with(&format!("echo {}", "ab  cd ".repeat(8).trim_end())), "{shown:?}");
}

#[test]
fn while_a_question_is_open_there_is_no_cursor_but_where_something_is_written() {
    let mut app = app();
    assert!(app.draw().cursor.is_some());
    asks(&mut app, "make");
    assert_eq!(app.draw().cursor, None);
    type_in(&mut app, "t");
    assert!(app.draw().cursor.is_some());
    type_in(&mut app, "<esc>n");
    assert!(app.draw().cursor.is_some());
}

#[test]
fn s16_no_turn_begins_before_it_was_said_whether_the_directory_is_trusted() {
    let mut app = App::new(Theme::colourless(), 80, 24);
    let asks_trust = Some(is_trusted("/home/me/new\nline"));
    app.update(Input::Facts(Facts { asks_trust, ..Facts::default() }));
    assert_eq!(type_in(&mut app, "!ls<enter>"), [Effect::Run("ls".into())], "that is no turn");
    assert!(type_in(&mut app, "mend it<enter>").is_empty());
    let region = shown(&mut app).1.join("\n");
    assert!(region.contains("/home/me/new<U+000A>line"), "{region}");
    assert!(region.contains("/home/me/new") && region.contains("mend it"), "{region}");
    assert!(type_in(&mut app, "<enter><esc>").is_empty());
    assert_eq!(shown(&mut app).1[0], "› mend it");
    type_in(&mut app, "<enter>");
    let effects = type_in(&mut app, "n");
    let [Effect::Open(Next::Trust { answer: TrustAnswer::Nothing, then })] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(app.update(Input::Do(then.clone())), *then);
    assert!(matches!(&then[..], [Effect::Send(message)] if message.text() == "mend it"));
    app.update(Input::Facts(Facts::default()));
    assert_eq!(type_in(&mut app, "more<enter>").len(), 1, "it is asked once");
}

fn is_trusted(directory: &str) -> TrustQuestion {
    TrustQuestion { directory: directory.to_owned(), is_new: true, files: vec![] }
}

#[test]
fn s16_what_changed_of_a_projects_configuration_is_named_and_asked_about_apart() {
    let mut app = App::new(Theme::colourless(), 80, 30);
    let changed = |name: &str, change| Changed { name: name.to_owned(), change };
    let mut files = vec![
        changed(".codex/config.toml", Change::Changed),
        changed(".codex/rules/a\u{202e}\n.rules", Change::New),
        changed(".agent/rules/old.rules", Change::Gone),
    ];
    files.extend((0..7).map(|n| changed(&format!(".agent/rules/{n}.rules"), Change::New)));
    let asks_trust = TrustQuestion { is_new: false, files, ..is_trusted("/w") };
    app.update(Input::Facts(Facts { asks_trust: Some(asks_trust), ..Facts::default() }));
    assert!(type_in(&mut app, "mend it<enter>").is_empty());
    let region = shown(&mut app).1.join("\n");
    for row in [
        "Accept this project's configuration?",
        "  .codex/config.toml  changed",
        "  .codex/rules/a<U+202E><U+000A>.rules  new",
        "  .agent/rules/old.rules  gone",
        "  and 2 more",
    ] {
        assert!(region.contains(row), "{row}: {region}");
    }
    for (key, said) in [("n", TrustAnswer::NotItsFiles), ("y", TrustAnswer::All)] {
        let effects = type_in(&mut app, key);
        let [Effect::Open(Next::Trust { answer, .. })] = &effects[..] else {
            panic!("{effects:?}")
        };
        assert_eq!(*answer, said);
        type_in(&mut app, "mend it<enter>");
    }
    app.update(Input::Resize { columns: 40, rows: 12 });
    let region = shown(&mut app).1.join("\n");
    assert!(region.contains(" more\n") && region.contains("y yes"), "{region}");
}

#[test]
fn a_review_waits_for_that_too() {
    let mut app = app();
    let asks_trust = Some(is_trusted("/w"));
    app.update(Input::Facts(Facts { asks_trust, ..Facts::default() }));
    assert!(type_in(&mut app, "/review the tests<enter><esc>").is_empty());
    assert_eq!(shown(&mut app).1[0], "› /review the tests");
}

/// Each key so many milliseconds after the one before.
fn type_every(app: &mut App, ms: u64, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys(text).unwrap() {
        app.update(Input::Tick(app.now_ms + ms));
        effects.extend(app.update(Input::Key(key)));
    }
    effects
}

/// What was being typed when a question came up is what one was writing.
#[test]
fn a_question_that_comes_up_takes_nothing_of_what_is_typed() {
    for early_ms in [0, 10, 399, 599] {
        let mut app = app();
        app.update(Input::Tick(10_000));
        step_started(&mut app);
        asks(&mut app, "git commit");
        app.update(Input::Tick(10_000 + early_ms));
        assert!(type_every(&mut app, 0, "y").is_empty());
        assert!(type_every(&mut app, 150, "es a").is_empty());
        assert_eq!(app.composer.text(), "yes a", "{early_ms} ms");
        assert!(!app.is_covered());
        let (_, rows) = shown(&mut app);
        assert!(rows.join("\n").contains("tab shows the question"), "{rows:?}");
    }
}

/// A burst that goes on for long does not become an answer by that.
#[test]
fn typing_is_no_answer_however_long_ago_the_question_came_up() {
    let mut app = app();
    app.update(Input::Tick(10_000));
    asks(&mut app, "git commit");
    shown(&mut app);
    type_every(&mut app, 5_000, "<up>");
    assert!(type_every(&mut app, 399, "yaaay").is_empty());
    assert!(app.is_covered(), "one reads it, and was too quick");
    assert!(app.composer.is_empty());
    assert_eq!(type_every(&mut app, 400, "y").len(), 1);
}

#[test]
fn an_answer_counts_once_the_question_was_seen() {
    let mut app = app();
    app.update(Input::Tick(10_000));
    type_every(&mut app, 0, "<up>");
    asks(&mut app, "git commit");
    shown(&mut app);
    let effects = type_every(&mut app, 600, "y");
    assert!(matches!(&effects[..], [Effect::Decide { decision: Decision::Once, .. }]));
}

#[test]
fn a_question_is_seen_when_it_was_drawn_not_when_it_came() {
    let mut app = app();
    app.update(Input::Tick(10_000));
    asks(&mut app, "git commit");
    app.update(Input::Tick(20_000));
    shown(&mut app);
    assert!(type_every(&mut app, 599, "y").is_empty());
    assert_eq!(app.composer.text(), "y");
}

#[test]
fn the_conversation_can_be_read_before_a_question_is_answered() {
    let mut app = App::new(Theme::colourless(), 40, 12);
    happened(&mut app, said("It is called parser."));
    asks(&mut app, "git commit");
    shown(&mut app);
    type_every(&mut app, 700, "<c-t>");
    let rows = shown(&mut app).1.join("\n");
    assert!(rows.contains("It is called parser.") && !rows.contains("Run this?"), "{rows}");
    assert!(type_every(&mut app, 700, "q").is_empty());
    assert!(shown(&mut app).1.join("\n").contains("Run this?"));
    assert!(matches!(type_every(&mut app, 700, "y")[..], [Effect::Decide { .. }]));
}

#[test]
fn a_key_too_soon_after_one_is_back_at_a_question_is_not_what_one_writes() {
    for away in ["t<esc>", "<c-t>q"] {
        let mut app = app();
        asks(&mut app, "git commit");
        shown(&mut app);
        type_every(&mut app, 700, away);
        shown(&mut app);
        assert!(type_every(&mut app, 300, "n").is_empty());
        assert!(app.is_covered() && app.composer.is_empty(), "{away}");
        assert!(matches!(type_every(&mut app, 700, "n")[..], [Effect::Decide { .. }]), "{away}");
    }
}

/// Scrolling on is reading, and Esc stops at any time.
#[test]
fn keys_that_allow_nothing_need_no_time() {
    let mut app = app();
    asks(&mut app, "git commit");
    shown(&mut app);
    assert!(type_every(&mut app, 700, "<space>").is_empty());
    assert!(type_every(&mut app, 30, "<space><space><down>").is_empty());
    assert!(app.composer.is_empty());
    assert_eq!(type_every(&mut app, 1, "<esc>"), [Effect::Interrupt]);
}

#[test]
fn what_is_pasted_while_a_question_is_open_is_what_one_writes() {
    let mut app = app();
    asks(&mut app, "git commit");
    app.update(Input::Tick(5_000));
    app.update(Input::Paste("y".into()));
    assert_eq!(app.composer.text(), "y");
    assert!(!app.is_covered());
    type_every(&mut app, 700, "<tab>");
    assert!(app.is_covered());
}

#[test]
fn what_a_long_command_is_for_is_read_before_it() {
    let mut app = app();
    asks(&mut app, &"make\n".repeat(20));
    let region = shown(&mut app).1;
    let at = |text: &str| region.iter().position(|row| row.contains(text));
    assert!(at("Because.") < at("$ make") && at("It could write").is_some(), "{region:#?}");
    assert!(at("Because.").is_some());
}

/// The screen stood still while it was typed.
#[test]
fn what_was_typed_while_nothing_could_be_drawn_is_no_answer() {
    let mut app = app();
    asks(&mut app, "git commit");
    shown(&mut app);
    app.update(Input::Tick(app.now_ms + 5_000));
    app.typed_at_once();
    assert!(type_every(&mut app, 0, "yes").is_empty());
    assert_eq!(app.composer.text(), "yes");
}
