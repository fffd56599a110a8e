//! What the model thinks: in a row, or in full.

use super::*;

const THOUGHT: &str = "**Looking at the tests**\n\nThe first one fails, and it looks as if `tr` were to blame.\n\n**Planning**\n\nRun it alone, then mend it.";

fn thinks(app: &mut App) {
    step_started(app);
    happened(app, delta(DeltaField::Reasoning, THOUGHT));
}

fn has_thought(app: &mut App) {
    step_started(app);
    happened(app, thought(THOUGHT));
    happened(app, said("So much for that."));
}

fn thought(text: &str) -> Event {
    let details = ItemDetails::Reasoning { text: text.into() };
    let item = ThreadItem { id: "t".into(), details, call_id: None, step: None, duration_ms: None };
    Event::ItemCompleted { item }
}

/// The screen while the model thinks, and after.
pub(super) const STATES: [(&str, Play); 4] = [
    ("thinking_in_a_row", thinks),
    ("thinking_in_full", |app| {
        type_in(app, "<a-t>");
        thinks(app);
    }),
    ("thought_in_a_row", has_thought),
    ("thought_in_full", |app| {
        type_in(app, "<a-t>");
        has_thought(app);
    }),
];

fn has(rows: &[String], text: &str) -> bool {
    rows.iter().any(|row| row.contains(text))
}

#[test]
fn a_key_unfolds_what_the_model_thinks_at_once_and_folds_it_again() {
    let mut app = App::new(Theme::colourless(), 80, 24);
    thinks(&mut app);
    let folded = shown(&mut app).1;
    assert!(has(&folded, "  Planning") && has(&folded, "alt-t unfolds"), "{folded:#?}");
    assert!(!has(&folded, "tr") && !has(&folded, "Run it alone"), "{folded:#?}");
    type_in(&mut app, "<a-t>");
    let unfolded = shown(&mut app).1;
    assert!(has(&unfolded, "`tr`") && has(&unfolded, "Run it alone"), "{unfolded:#?}");
    assert!(has(&unfolded, "alt-t folds it"), "{unfolded:#?}");
    assert!(has(&unfolded, "reasoning in full ·"), "{unfolded:#?}");
    type_in(&mut app, "<a-t>");
    let again = shown(&mut app).1;
    assert!(!has(&again, "Run it alone") && has(&again, "reasoning in a row ·"), "{again:#?}");
    type_in(&mut app, "x");
    assert!(!has(&shown(&mut app).1, "reasoning"), "it is said until the next key");
}

#[test]
fn it_holds_for_what_comes_after_and_what_is_in_the_scrollback_stays() {
    let mut app = App::new(Theme::colourless(), 80, 24);
    step_started(&mut app);
    happened(&mut app, thought(THOUGHT));
    let row = "• Looking at the tests; Planning (ctrl-t shows all, alt-t from here on)";
    assert_eq!(shown(&mut app).0, ["", row]);
    type_in(&mut app, "<a-t>");
    assert!(shown(&mut app).0.is_empty(), "nothing is handed out twice");
    let Event::ItemCompleted { item } = thought(THOUGHT) else { unreachable!() };
    let item = ThreadItem { id: "t2".into(), ..item };
    happened(&mut app, Event::ItemCompleted { item });
    let finished = shown(&mut app).0;
    assert!(has(&finished, "`tr`") && has(&finished, "Run it alone"), "{finished:#?}");
    assert!(!has(&finished, "ctrl-t"), "{finished:#?}");
}

#[test]
fn what_it_thinks_in_a_row_or_without_a_title_is_told_by_its_words() {
    let mut app = App::new(Theme::colourless(), 60, 24);
    step_started(&mut app);
    happened(&mut app, delta(DeltaField::Reasoning, "First I look.\nThen I see that"));
    assert!(has(&shown(&mut app).1, "  Then I see that"));
    happened(&mut app, thought("First I look.\nThen I see that it is so.\nSo it is."));
    let Event::ItemCompleted { item } = thought("Short.") else { unreachable!() };
    happened(&mut app, Event::ItemCompleted { item: ThreadItem { id: "t2".into(), ..item } });
    let finished = shown(&mut app).0;
    let row = "• First I look. (ctrl-t shows all, alt-t from here on)";
    assert_eq!(finished, ["", row, "", "• Short."]);
}
