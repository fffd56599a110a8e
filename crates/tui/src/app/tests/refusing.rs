//! Where one writes why a call is not to be done, and which keys answer nothing.

use super::*;

fn denial(message: &str) -> Effect {
    let decision = Decision::deny(Some(message.into()));
    Effect::Decide { call_id: "c".into(), decision }
}

fn shows(app: &mut App, text: &str) -> bool {
    shown(app).1.iter().any(|row| row.contains(text))
}

#[test]
fn only_a_letter_alone_answers_and_alt_t_folds_what_the_model_thinks() {
    let mut app = app();
    asks(&mut app, "make");
    shown(&mut app);
    for keys in ["<a-y>", "<a-a>", "<a-n>", "<a-p>"] {
        assert!(type_in(&mut app, keys).is_empty(), "{keys}");
    }
    assert!(type_in(&mut app, "<a-t>").is_empty());
    assert_eq!(app.fold, Fold::Unfolded);
    assert!(app.is_asking(), "no reason is being written");
    assert_eq!(type_in(&mut app, "y").len(), 1);
    let mut app = self::app();
    let question = TrustQuestion { directory: "/w".into(), is_new: true, files: vec![] };
    app.update(Input::Facts(Facts { asks_trust: Some(question), ..Facts::default() }));
    type_in(&mut app, "hello<enter>");
    assert!(type_in(&mut app, "<a-y>").is_empty(), "nor is a directory trusted by it");
    type_in(&mut app, "<esc>");
    let mut app = self::app();
    app.update(Input::Page { title: "Rows".into(), page: Page::Plain("one\n".into()) });
    type_in(&mut app, "<a-q>");
    assert!(app.is_paging());
}

#[test]
fn a_reason_is_broken_where_the_window_ends() {
    for columns in [30, 120] {
        let mut app = app();
        app.update(Input::Resize { columns, rows: 20 });
        asks(&mut app, "make");
        let reason = "Nay. ".repeat(30);
        type_in(&mut app, &format!("t{reason}"));
        let Frame { region, cursor, .. } = app.draw();
        let rows = shown(&mut app).1;
        let written = rows.iter().filter(|row| row.contains("Nay.")).count();
        let room = usize::from(columns) - 3;
        assert!(written.abs_diff(reason.len().div_ceil(room - 3)) <= 1, "{columns}: {rows:#?}");
        assert!(cursor.is_some_and(|cursor| cursor.x < region.area.width), "{columns}");
    }
}

#[test]
fn what_is_searched_in_a_pager_is_broken_where_the_window_ends() {
    let mut app = app();
    app.update(Input::Page { title: "Rows".into(), page: Page::Plain("one\n".into()) });
    type_in(&mut app, &format!("/{}", "needle ".repeat(12)));
    let rows = shown(&mut app).1;
    let words: usize = rows.iter().map(|row| row.matches("needle").count()).sum();
    assert_eq!(words, 12, "{rows:#?}");
}

#[test]
fn the_path_of_a_picture_is_text_where_no_picture_can_go_along() {
    let mut app = app();
    asks(&mut app, "make");
    type_in(&mut app, "tlook at ");
    app.update(Input::Paste("/tmp/a.png".into()));
    assert_eq!(type_in(&mut app, "<enter>"), [denial("look at /tmp/a.png")]);
}

#[test]
fn a_reason_that_was_begun_is_gone_on_with() {
    let mut app = app();
    asks(&mut app, "make");
    type_in(&mut app, "tUse just<esc>");
    assert!(!shows(&mut app, "Use just"));
    type_in(&mut app, "t");
    assert!(shows(&mut app, "Use just"));
    type_in(&mut app, "<esc>");
    // The question is put off for something else, and comes again.
    app.update(Input::Paste("and then".into()));
    assert!(!app.is_covered());
    type_in(&mut app, "<enter>");
    assert_eq!(type_in(&mut app, "t.<enter>"), [denial("Use just.")]);
}

#[test]
fn keys_of_everywhere_count_where_a_reason_is_written() {
    let mut app = app();
    happened(&mut app, said("The first answer."));
    asks(&mut app, "make");
    type_in(&mut app, "tUse just<c-t>");
    assert!(app.is_paging() && shows(&mut app, "The first answer."));
    type_in(&mut app, "q");
    assert!(shows(&mut app, "Use just"));
    assert!(type_in(&mut app, "<c-c>").is_empty(), "it clears");
    assert!(!shows(&mut app, "Use just") && shows(&mut app, "ctrl-c again leaves"));
    assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Leave]);
}

#[test]
fn from_a_question_ctrl_c_twice_leaves_too() {
    for asked_again in [false, true] {
        let mut app = app();
        step_started(&mut app);
        asks(&mut app, "make");
        assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Interrupt]);
        if !asked_again {
            let decision = Decision::deny(None);
            happened(
                &mut app,
                Event::ApprovalResolved { call_id: "c".into(), decision, rule: None },
            );
        }
        assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Leave]);
    }
}

#[test]
fn a_long_reason_is_shortened_where_all_of_it_can_be_read_elsewhere() {
    let mut app = app();
    asks(&mut app, "make");
    let message = Some("Not that, please. ".repeat(40));
    let decision = Decision::deny(message);
    happened(&mut app, Event::ApprovalResolved { call_id: "c".into(), decision, rule: None });
    let finished = shown(&mut app).0;
    assert!(finished.len() < 10, "{finished:#?}");
    assert!(finished.iter().any(|row| row.contains("ctrl-t shows them")), "{finished:#?}");
    app.update(Input::Resize { columns: 40, rows: 40 });
    type_in(&mut app, "<c-t>");
    let all = shown(&mut app).1.join(" ");
    assert_eq!(all.matches("please.").count(), 40, "{all}");
}

#[test]
fn a_lone_mark_is_no_message_and_a_turn_that_is_not_there_is_said() {
    let mut app = app();
    assert!(type_in(&mut app, "!<enter>").is_empty());
    assert_eq!(app.composer.text(), "!");
    type_in(&mut app, "<c-u>");
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, talking::heard("mend it"));
    turn_completes(&mut app);
    assert!(type_in(&mut app, "/rewind 9<enter>").is_empty());
    let (printed, region) = shown(&mut app);
    assert!(printed.concat().contains("There is no turn `9` to go back to."), "{printed:?}");
    assert!(region.join(" ").contains("before which message"), "{region:?}");
}
