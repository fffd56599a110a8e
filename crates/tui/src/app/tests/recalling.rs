//! What was sent before: searched, and gone through.

use super::*;
use crate::composer::Image;

/// A screen on which these were sent before.
fn app_with(earlier: &[&str]) -> App {
    let mut app = app();
    let earlier = earlier.iter().map(|text| Message::from((*text).to_owned())).collect();
    app.update(Input::History(earlier));
    app
}

fn search_row(app: &mut App) -> Option<String> {
    shown(app).1.into_iter().find(|row| row.starts_with("search: "))
}

#[test]
fn ctrl_c_in_a_search_goes_back_to_what_was_written() {
    let mut app = app_with(&["fix the parser"]);
    assert!(type_in(&mut app, "a draft<c-r>parser").is_empty());
    assert_eq!(app.composer.text(), "fix the parser");
    assert!(type_in(&mut app, "<c-c>").is_empty());
    assert_eq!((app.composer.text().as_str(), search_row(&mut app)), ("a draft", None));
    type_in(&mut app, ", gone on with");
    assert_eq!(app.composer.text(), "a draft, gone on with");
    assert!(type_in(&mut app, "<c-r><c-c><c-c>").is_empty(), "the first closed the search");
}

#[test]
fn esc_in_a_search_stops_no_turn() {
    let mut app = app_with(&["fix the parser"]);
    step_started(&mut app);
    assert!(type_in(&mut app, "a draft<c-r>parser<esc>").is_empty());
    assert_eq!((app.composer.text().as_str(), search_row(&mut app)), ("a draft", None));
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
}

#[test]
fn a_question_mark_is_searched_as_any_other_letter() {
    let mut app = app_with(&["why not?", "fix the parser"]);
    type_in(&mut app, "<c-r>?");
    assert!(!app.is_covered());
    assert_eq!(app.composer.text(), "why not?");
}

#[test]
fn what_is_pasted_into_a_search_is_searched() {
    let mut app = app_with(&["fix the parser", "then test"]);
    type_in(&mut app, "a draft<c-r>");
    app.update(Input::Paste("the parser\n".into()));
    assert_eq!(app.composer.text(), "fix the parser");
    assert!(search_row(&mut app).unwrap().starts_with("search: the parser"));
    type_in(&mut app, "<esc>");
    assert_eq!(app.composer.text(), "a draft");
}

#[test]
fn a_question_waits_for_who_searches() {
    let mut app = app_with(&["fix the parser"]);
    step_started(&mut app);
    type_in(&mut app, "<c-r>");
    asks(&mut app, "make");
    assert!(!app.is_covered());
    type_in(&mut app, "yes<esc>");
    assert!(app.is_covered());
}

#[test]
fn what_comes_back_during_a_search_is_not_lost() {
    let mut app = app_with(&["fix the parser"]);
    step_started(&mut app);
    type_in(&mut app, "say it<enter><up><c-r>parser");
    happened(&mut app, Event::WaitingReturned { what: Unheard::Message });
    type_in(&mut app, "<esc>");
    assert_eq!(app.composer.text(), "say it");

    let mut app = app_with(&["fix the parser"]);
    type_in(&mut app, "see <c-r>parser");
    app.update(Input::Picture(Image::at("/tmp/a.png".into())));
    assert_eq!(app.composer.text(), "see [image a.png] ");
}

#[test]
fn what_was_sent_in_earlier_threads_may_come_while_one_searches() {
    let mut app = app();
    type_in(&mut app, "fix the parser<enter>then test<enter><c-r>e");
    app.update(Input::History(vec![Message::from("an earlier one".to_owned())]));
    type_in(&mut app, "<c-r><c-r>");
    assert_eq!(app.composer.text(), "an earlier one");
}

#[test]
fn nothing_is_searched_in_a_field_that_has_no_history() {
    let mut app = app_with(&["fix the parser"]);
    type_in(&mut app, "/effort<enter><c-r>high");
    assert_eq!(type_in(&mut app, "<enter>"), [Effect::UseEffort("high".into())]);
}

#[test]
fn esc_ends_a_command_of_vims_before_the_turn_and_ctrl_c_what_is_selected() {
    let mut app = app();
    type_in(&mut app, "/vim<enter>");
    step_started(&mut app);
    for begun in ["2d", "r", "/no such"] {
        type_in(&mut app, "itext<esc>");
        assert!(type_in(&mut app, &format!("{begun}<esc>")).is_empty(), "{begun}");
        assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt], "{begun}");
    }
    type_in(&mut app, "v<c-c>");
    assert!(shown(&mut app).1.last().unwrap().contains("ctrl-c again"));
    type_in(&mut app, "l");
    assert!(shown(&mut app).1.last().unwrap().starts_with("NORMAL"));
}

#[test]
fn a_draft_is_reached_from_what_was_recalled_and_changed() {
    let mut app = app_with(&["fix the parser"]);
    type_in(&mut app, "a draft<up>!");
    assert_eq!(app.composer.text(), "fix the parser!");
    type_in(&mut app, "<down>");
    assert_eq!(app.composer.text(), "a draft");
    type_in(&mut app, "<up>");
    assert_eq!(app.composer.text(), "fix the parser!", "nor is that lost");
    type_in(&mut app, "?<up>");
    assert_eq!(app.composer.text(), "a draft");
    type_in(&mut app, "<down>");
    assert_eq!(app.composer.text(), "fix the parser!?");
}
