//! The question about trust: it takes nothing of what is being typed, and nothing that was sent is lost.

use super::*;

/// A screen that has to ask about a directory, or about the files of one.
fn app_in(is_new: bool) -> App {
    let mut app = App::new(Theme::colourless(), 80, 24);
    app.update(Input::Prompts(vec![]));
    app.update(Input::Tick(10_000));
    let directory = "/w".to_owned();
    let asks_trust = Some(TrustQuestion { directory, is_new, files: vec![] });
    app.update(Input::Facts(Facts { asks_trust, ..Facts::default() }));
    app
}

/// What begins when this key answers.
fn answered(app: &mut App, key: &str) -> (TrustAnswer, Vec<String>) {
    let mut effects = type_in(app, key);
    let Some(Effect::Open(Next::Trust { answer, then })) = effects.pop() else { panic!("{key}") };
    let text = |effect: &Effect| match effect {
        Effect::Send(message) => message.text(),
        other => panic!("{other:?}"),
    };
    (answer, then.iter().map(text).collect())
}

#[test]
fn s16_what_is_typed_ahead_answers_no_question_about_trust() {
    for (is_new, title) in [(true, "Do you trust"), (false, "Accept this project's")] {
        let mut app = app_in(is_new);
        assert!(type_fast(&mut app, "mend it<enter>").is_empty());
        assert!(shown(&mut app).1.join(" ").contains(title));
        assert!(type_fast(&mut app, "any way you like, not only here").is_empty(), "{title}");
        let rows = shown(&mut app).1.join("\n");
        assert!(rows.contains("› any way you like, not only here"), "{rows}");
        assert!(rows.contains("▌ mend it") && rows.contains("tab shows the question"), "{rows}");
        assert!(type_fast(&mut app, "<tab>").is_empty());
        assert!(shown(&mut app).1.join(" ").contains(title));
        assert_eq!(answered(&mut app, "y"), (TrustAnswer::All, vec!["mend it".to_owned()]));
        assert_eq!(app.composer.text(), "any way you like, not only here");
    }
}

#[test]
fn s16_a_question_about_trust_is_put_again_when_what_one_wrote_is_sent_and_both_begin_then() {
    let mut app = app_in(true);
    assert!(type_fast(&mut app, "mend it<enter>yes, all<enter>").is_empty());
    assert!(shown(&mut app).1.join(" ").contains("Do you trust"));
    let both = ["mend it", "yes, all"].map(str::to_owned);
    assert_eq!(answered(&mut app, "n"), (TrustAnswer::Nothing, both.to_vec()));
}

#[test]
fn s16_what_waits_for_a_word_about_trust_comes_back_to_who_has_none() {
    let mut app = app_in(true);
    type_fast(&mut app, "mend it<enter>yes, all<enter>");
    assert!(type_in(&mut app, "<esc>").is_empty());
    assert_eq!(app.composer.text(), "mend it\nyes, all");
    assert!(!shown(&mut app).1.join(" ").contains("question"));
    // And to who begins another thread instead.
    type_fast(&mut app, "<enter>/new<enter>");
    app.clear();
    assert_eq!(app.composer.text(), "mend it\nyes, all");
}

#[test]
fn s16_what_is_pasted_into_a_question_about_trust_is_what_one_writes() {
    let mut app = app_in(true);
    app.update(Input::Say(Message::from("mend it".to_owned())));
    shown(&mut app);
    app.update(Input::Tick(20_000));
    app.update(Input::Paste("yes".into()));
    assert_eq!(app.composer.text(), "yes");
    assert!(!app.is_covered());
}

#[test]
fn what_begins_after_the_question_about_trust_is_seen_until_it_is_heard() {
    let mut app = app_in(true);
    let held = vec![Effect::Send(Message::from("mend it".to_owned()))];
    assert_eq!(app.update(Input::Do(held.clone())), held);
    assert!(shown(&mut app).1.contains(&"▌ mend it".to_owned()));
}

#[test]
fn what_waited_for_the_answer_waits_no_more_once_it_is_heard() {
    let mut app = app_in(true);
    type_in(&mut app, "one<enter>");
    app.was_drawn();
    app.update(Input::Tick(app.now_ms + 1_000));
    let effects = type_in(&mut app, "y");
    let [Effect::Open(Next::Trust { then, .. })] = &effects[..] else { panic!("{effects:?}") };
    app.update(Input::Facts(Facts::default()));
    assert_eq!(app.update(Input::Do(then.clone())), *then);
    assert_eq!(app.outbox.all().count(), 1);
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, talking::heard("one"));
    assert_eq!(app.outbox.all().count(), 0);
}
