//! What is searched in a pager, and what is found of it.

use super::*;
use ratatui_core::style::Modifier;

fn footer(app: &mut App) -> String {
    shown(app).1.last().cloned().unwrap()
}

fn says(app: &mut App, delta: &str) {
    let (item_id, field) = ("m9".to_owned(), DeltaField::Text);
    happened(app, Event::ItemDelta { item_id, field, delta: delta.into() });
}

/// What stands out on the screen.
fn marked(app: &mut App) -> Vec<String> {
    let Frame { region, .. } = app.draw();
    let row = |y: u16| -> String {
        let cells = (0..region.area.width).map(|x| &region[(x, y)]);
        let marked = cells.filter(|cell| cell.modifier.contains(Modifier::REVERSED));
        marked.map(|cell| cell.symbol()).collect()
    };
    (0..region.area.height).map(row).filter(|row| !row.is_empty()).collect()
}

#[test]
fn what_is_being_said_is_searched_too_and_leads_where_it_says() {
    let mut app = app();
    happened(&mut app, said_as("m1", "A needle, once."));
    happened(&mut app, Event::TurnStarted {});
    says(&mut app, "Here is another needle, see [it](https://example.com/).");
    type_in(&mut app, "<c-t>");
    let frame = app.draw();
    assert!(!frame.links.is_empty(), "what is not finished leads somewhere, too");
    type_in(&mut app, "/NEEDLE<enter>");
    assert!(footer(&mut app).contains("n N: 1 of 2"), "{}", footer(&mut app));
    type_in(&mut app, "n");
    assert!(footer(&mut app).contains("n N: 2 of 2"), "{}", footer(&mut app));
    says(&mut app, " And a third needle.");
    assert!(footer(&mut app).contains("n N: 2 of 3"), "{}", footer(&mut app));
    happened(&mut app, said_as("m9", "Here is another needle, and a third needle."));
    assert!(footer(&mut app).contains("n N: 2 of 3"), "{}", footer(&mut app));
}

#[test]
fn the_number_of_hits_follows_a_command_that_goes_on_printing() {
    let mut app = app();
    happened(&mut app, running("tick"));
    let prints = |app: &mut App, delta: &str| {
        let (item_id, field) = ("i9".to_owned(), DeltaField::Output);
        happened(app, Event::ItemDelta { item_id, field, delta: delta.into() });
    };
    prints(&mut app, "tick 1\ntick 2\n");
    type_in(&mut app, "<c-o>");
    shown(&mut app);
    type_in(&mut app, "/tick<enter>");
    assert!(footer(&mut app).contains("n N: 1 of 2"), "{}", footer(&mut app));
    prints(&mut app, "tick 3\n");
    assert!(footer(&mut app).contains("n N: 1 of 3"), "{}", footer(&mut app));
}

#[test]
fn what_is_found_does_not_depend_on_the_width_of_the_window() {
    let prose = "The quick brown fox jumps over the lazy dog. ".repeat(4);
    let long = "abcdefghij".repeat(12);
    let text = format!("{prose}\n\n> {prose}\n\n- {prose}\n\n{long}\n");
    for columns in (20..=70).chain([200]) {
        let mut app = app();
        app.update(Input::Resize { columns, rows: 60 });
        happened(&mut app, said_as("m1", &text));
        happened(&mut app, running("make"));
        type_in(&mut app, "<c-t>");
        shown(&mut app);
        for (query, count) in [("lazy dog", 12), ("brown fox jumps over", 12), ("hijabc", 11)] {
            type_in(&mut app, &format!("/{query}<enter>"));
            let of = format!("n N: 1 of {count}");
            assert!(footer(&mut app).contains(&of[5..]), "{columns}: {}", footer(&mut app));
        }
    }
}

#[test]
fn a_hit_that_was_broken_stands_out_in_both_rows() {
    let mut app = app();
    let text = format!("{} alpha beta.", "word ".repeat(6).trim());
    happened(&mut app, said_as("m1", &text));
    type_in(&mut app, "<c-t>");
    shown(&mut app);
    type_in(&mut app, "/alpha beta<enter>");
    assert_eq!(marked(&mut app), ["alpha", "beta"]);
    assert!(footer(&mut app).contains("1 of 1"), "{}", footer(&mut app));
}

#[test]
fn what_was_found_of_a_command_that_runs_stays_at_another_width_and_when_its_beginning_goes() {
    let mut app = app();
    happened(&mut app, running("tick"));
    let prints = |app: &mut App, rows: std::ops::Range<u32>| {
        let long = "word ".repeat(10);
        let delta = rows.map(|row| format!("tick {row} {long}end {row}\n")).collect();
        let (item_id, field) = ("i9".to_owned(), DeltaField::Output);
        happened(app, Event::ItemDelta { item_id, field, delta });
    };
    prints(&mut app, 0..800);
    type_in(&mut app, "<c-o>");
    shown(&mut app);
    type_in(&mut app, "/tick 700 word<enter>");
    for columns in [40, 30, 200] {
        app.update(Input::Resize { columns, rows: 12 });
        let rows = shown(&mut app).1;
        assert!(rows[1].starts_with("tick 700 word"), "{columns}: {rows:?}");
        assert!(rows[11].contains("1 of 1"), "{columns}: {rows:?}");
    }
    app.update(Input::Resize { columns: 30, rows: 12 });
    shown(&mut app);
    prints(&mut app, 800..900);
    let rows = shown(&mut app).1;
    assert!(rows[1].starts_with("tick 700 word") && rows[11].contains("1 of 1"), "{rows:?}");
    assert_eq!(marked(&mut app), ["tick 700 word"]);
    type_in(&mut app, "g");
    assert!(shown(&mut app).1[1].ends_with("lines before"), "its beginning has gone");
}
