//! What is read at leisure: the pager, whole outputs, what is taken elsewhere.

use super::*;

#[test]
fn the_pager_shows_all_and_finds_what_is_searched() {
    let mut app = app();
    let text: String = (0..50).map(|row| format!("row {row}\n")).collect();
    app.update(Input::Page { title: "Rows".into(), page: Page::Plain(text) });
    let frame = app.draw();
    assert_eq!((frame.place, frame.region.area.height), (Place::Whole, 12));
    assert_eq!(shown(&mut app).1[..2], ["Rows", "row 0"]);
    type_in(&mut app, "G");
    assert_eq!(shown(&mut app).1[10], "row 49");
    type_in(&mut app, "g/row 2<enter>");
    assert_eq!(shown(&mut app).1[1], "row 2");
    type_in(&mut app, "n");
    assert_eq!(shown(&mut app).1[1], "row 20");
    type_in(&mut app, "N<c-c>");
    assert_eq!(shown(&mut app).1[0], "›");
}

#[test]
fn the_whole_conversation_can_be_read_while_more_of_it_comes() {
    let mut app = app();
    happened(&mut app, said("The first answer."));
    type_in(&mut app, "<c-t>");
    happened(&mut app, said("Another one."));
    let (finished, region) = shown(&mut app);
    assert!(finished.is_empty(), "the scrollback waits");
    assert!(region.contains(&"Another one.".to_owned()), "{region:?}");
    type_in(&mut app, "q");
    assert!(shown(&mut app).0.contains(&"Another one.".to_owned()));
}

#[test]
fn s21_what_is_copied_holds_nothing_that_runs_or_turns_what_it_is_pasted_into() {
    let mut app = app();
    happened(
        &mut app,
        said(
            "ls\t-la \u{1b}[201~\u{7}\rrm\u{85}\u{202e}\u{2066}x\u{7f}\r\nنمی\u{200c}خواهم 👩\u{200d}🚀",
        ),
    );
    let copied = "ls\t-la [201~rmx\nنمی\u{200c}خواهم 👩\u{200d}🚀";
    assert_eq!(type_in(&mut app, "/copy<enter>"), [Effect::Copy(copied.into())]);
}

#[test]
fn the_last_answer_is_copied_and_the_conversation_exported() {
    let mut app = app();
    assert!(type_in(&mut app, "/copy<enter>").is_empty());
    happened(&mut app, said("Mended."));
    assert_eq!(type_in(&mut app, "/copy<enter>"), [Effect::Copy("Mended.".into())]);
    let effects = type_in(&mut app, "/export a.md<enter>");
    let [Effect::Write { path, text }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(path.as_deref(), Some(std::path::Path::new("a.md")));
    assert!(text.contains("Mended."));
}

#[test]
fn an_exported_conversation_steers_no_terminal() {
    let mut app = app();
    let evil = "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}1m\u{202e}";
    happened(&mut app, said(&format!("Said {evil}")));
    happened(&mut app, ran("1", &format!("printf {evil}"), &format!("one\rtwo {evil}\n"), false));
    app.update(Input::Notice(Notice::Failed(format!("No {evil}"))));
    let effects = type_in(&mut app, "/export<enter>");
    let [Effect::Write { text, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert!(text.chars().all(crate::filter::is_harmless), "{text:?}");
    assert!(text.contains("$ printf <U+001B>[2J") && text.contains("\ntwo "), "{text}");
}

fn ran(id: &str, line: &str, output: &str, truncated: bool) -> Event {
    let command = CommandExecution {
        aggregated_output: output.into(),
        exit_code: Some(0),
        status: Status::Completed,
        truncated,
        ..CommandExecution::begun(format!("/bin/bash -c '{line}'"))
    };
    let details = ItemDetails::CommandExecution(command);
    let call_id = Some(format!("call-{id}"));
    let item = ThreadItem { id: id.into(), details, call_id, step: None, duration_ms: None };
    Event::ItemCompleted { item }
}

#[test]
fn in_the_conversation_a_key_opens_all_that_a_command_printed() {
    let mut app = app();
    happened(&mut app, ran("1", "make", "a lot", true));
    for number in 0..9 {
        happened(&mut app, said_as(&format!("m{number}"), "A word."));
    }
    happened(&mut app, ran("2", "seq 2", "1\n2\n", false));
    happened(&mut app, ran("3", "seq 3", "1\n2\n3\n", false));
    type_in(&mut app, "<c-t>");
    shown(&mut app);
    type_in(&mut app, "<enter>");
    assert_eq!(shown(&mut app).1[0], "seq 2", "the first on the page");
    type_in(&mut app, "q<tab><tab><enter>");
    assert_eq!(shown(&mut app).1[0], "seq 3");
    type_in(&mut app, "q");
    assert_eq!(shown(&mut app).1[0], "The conversation", "it is still open");
    type_in(&mut app, "<s-tab><s-tab>");
    let (call_id, title, known) = ("call-1".into(), "make".into(), "a lot".into());
    assert_eq!(type_in(&mut app, "<enter>"), [Effect::ShowOutput { call_id, title, known }]);
}

#[test]
fn all_that_a_command_printed_can_be_read() {
    let mut app = app();
    happened(&mut app, ran("1", "make", "a lot", true));
    happened(&mut app, ran("2", "seq 3", "1\n2\n3\n", false));
    type_in(&mut app, "<c-o>");
    assert_eq!(shown(&mut app).1[..4], ["seq 3", "1", "2", "3"]);
    type_in(&mut app, "q/output<enter>");
    let effects = type_in(&mut app, "make<enter>");
    let (call_id, title, known) = ("call-1".into(), "make".into(), "a lot".into());
    assert_eq!(effects, [Effect::ShowOutput { call_id, title, known }]);
}

#[test]
fn links_lead_where_they_say_in_the_pager_too() {
    let mut app = app();
    for number in 0..9 {
        happened(&mut app, said_as(&format!("m{number}"), "A word."));
    }
    happened(&mut app, said_as("m", "See [it](https://example.com/)."));
    type_in(&mut app, "<c-t>");
    let links = |app: &mut App| {
        let Frame { links, region, .. } = app.draw();
        let text = |link: &crate::markdown::Link| -> String {
            let y = u16::try_from(link.line).unwrap();
            let columns = link.columns.clone().map(|x| u16::try_from(x).unwrap());
            columns.map(|x| region[(x, y)].symbol()).collect()
        };
        links.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(links(&mut app), ["it", "https://example.com/"]);
    type_in(&mut app, "g");
    assert!(links(&mut app).is_empty());
}

#[test]
fn wherever_a_command_line_is_named_it_is_as_it_ran() {
    let mut app = app();
    happened(&mut app, ran("1", "touch a #\rls", "1\n", false));
    let shown_line = "touch a #<U+000D>ls".to_owned();
    assert!(shown(&mut app).0.contains(&format!("$ {shown_line}")));
    type_in(&mut app, "<c-o>");
    assert_eq!(shown(&mut app).1[0], shown_line);
    type_in(&mut app, "q<c-t>");
    assert!(shown(&mut app).1.contains(&format!("$ {shown_line}")));
    type_in(&mut app, "q/output<enter>");
    assert!(shown(&mut app).1.iter().any(|row| row.contains(&shown_line)));
}

#[test]
fn on_few_columns_hints_are_left_out_whole_and_what_is_said_of_a_thing_stands_in() {
    let mut app = app();
    happened(&mut app, ran("1", "make", "1\n", false));
    let footer = |app: &mut App| shown(app).1.last().cloned().unwrap();
    type_in(&mut app, "<c-t>");
    assert_eq!(footer(&mut app), "4 of 4 · / searches · q closes");
    type_in(&mut app, "/make<enter>");
    assert_eq!(footer(&mut app), "4 of 4 · q closes · n N: 1 of 1, make");
    app.update(Input::Resize { columns: 80, rows: 12 });
    let all = "4 of 4 · / searches · q closes · n N: 1 of 1, make";
    assert_eq!(footer(&mut app), all);
    app.update(Input::Resize { columns: 40, rows: 12 });
    type_in(&mut app, "<esc>q/help<enter>");
    let rows = shown(&mut app).1;
    let said = rows[1..10].iter().filter(|row| !row.starts_with("  /"));
    assert!(
        said.clone().count() > 0 && said.clone().all(|row| row.starts_with("    ")),
        "{rows:#?}"
    );
    app.update(Input::Resize { columns: 56, rows: 60 });
    let rows = shown(&mut app).1;
    let at = rows.iter().position(|row| row.starts_with("  /trust")).unwrap();
    let column = rows[at].rfind("  ").unwrap() + 2;
    assert!(rows[at + 1].starts_with(&" ".repeat(column)), "{rows:#?}");
    assert!(rows[at + 1][column..].starts_with(|c: char| c != ' '), "{rows:#?}");
}

#[test]
fn a_search_says_which_hit_it_is_at_or_that_there_is_none() {
    let mut app = app();
    let text: String = (0..30).map(|row| format!("row {row}\n")).collect();
    app.update(Input::Page { title: "Rows".into(), page: Page::Plain(text) });
    shown(&mut app);
    let footer = |app: &mut App| shown(app).1.last().cloned().unwrap();
    type_in(&mut app, "/row 2<enter>");
    assert!(footer(&mut app).ends_with("n N: 1 of 11, row 2"), "{}", footer(&mut app));
    // Several of them are on the last page, which goes no further.
    for number in 2..=11 {
        type_in(&mut app, "n");
        assert!(footer(&mut app).contains(&format!("n N: {number} of 11")));
    }
    type_in(&mut app, "n");
    assert!(footer(&mut app).contains("n N: 1 of 11"), "it begins anew");
    type_in(&mut app, "N");
    assert!(footer(&mut app).contains("n N: 11 of 11"));
    for columns in [40, 80] {
        app.update(Input::Resize { columns, rows: 12 });
        type_in(&mut app, "/nowhere<enter>");
        assert!(footer(&mut app).ends_with("not found: nowhere"), "{}", footer(&mut app));
    }
    type_in(&mut app, "/row<c-c>");
    assert!(app.overlays.last_mut().unwrap().field().is_none(), "nothing is asked any more");
    assert_eq!(shown(&mut app).1[0], "Rows", "the page is still open");
}

fn prints(app: &mut App, rows: std::ops::Range<u32>) {
    let delta: String = rows.map(|row| format!("tick {row}\n")).collect();
    let field = DeltaField::Output;
    happened(app, Event::ItemDelta { item_id: "i9".into(), field, delta });
}

#[test]
fn the_output_of_a_command_that_runs_is_followed_by_who_sees_its_end() {
    let mut app = app();
    happened(&mut app, running("tick"));
    prints(&mut app, 0..5);
    type_in(&mut app, "<c-o>");
    assert_eq!(shown(&mut app).1[..2], ["tick", "tick 0"]);
    prints(&mut app, 5..20);
    assert_eq!(shown(&mut app).1[10], "tick 19");
    type_in(&mut app, "<up>");
    assert_eq!(shown(&mut app).1[10], "tick 18");
    prints(&mut app, 20..30);
    assert_eq!(shown(&mut app).1[10], "tick 18", "who looks at something keeps it");
    type_in(&mut app, "G");
    prints(&mut app, 30..40);
    assert_eq!(shown(&mut app).1[10], "tick 39");
    let output: String = (0..45).map(|row| format!("tick {row}\n")).collect();
    happened(&mut app, ran("i9", "tick", &output, false));
    let rows = shown(&mut app).1;
    assert_eq!((rows[10].as_str(), rows[11].starts_with("45 of 45")), ("tick 44", true));
}

#[test]
fn when_a_command_that_is_followed_ends_all_it_printed_comes_and_the_place_stays() {
    let output: String = (0..9_000).map(|row| format!("tick {row}\n")).collect();
    let line = |row: u32| format!("tick {row}");
    for scrolled in [false, true] {
        let mut app = app();
        happened(&mut app, running("tick"));
        type_in(&mut app, "<c-o>");
        // What comes faster than it can be passed on is left out.
        prints(&mut app, 0..1_000);
        prints(&mut app, 2_000..9_000);
        assert_eq!(shown(&mut app).1[10], line(8_999));
        type_in(&mut app, if scrolled { "<pageup><up>" } else { "" });
        let at = if scrolled { 8_988 } else { 8_999 };
        assert_eq!(shown(&mut app).1[10], line(at));
        let record = ran("i9", "tick", "tick 0\n[cut]\ntick 8999\n", true);
        let record = Record { seq: None, at: String::new(), event: record, wire: vec![] };
        let effects = app.update(Input::Record(Box::new(record)));
        let [Effect::FindOutput { item_id, call_id, .. }] = &effects[..] else {
            panic!("{effects:?}")
        };
        assert_eq!(call_id, "call-i9");
        assert_eq!(shown(&mut app).1[10], line(at), "until it comes");
        app.update(Input::Output { item_id: item_id.clone(), whole: output.clone() });
        let rows = shown(&mut app).1;
        assert_eq!(rows[10], line(at));
        assert!(rows[11].starts_with(&format!("{} of 9000", at + 1)), "{}", rows[11]);
        type_in(&mut app, "g");
        assert_eq!(shown(&mut app).1[1], line(0));
    }
}

#[test]
fn what_is_seen_of_a_command_that_runs_stays_when_its_beginning_goes() {
    let mut app = app();
    happened(&mut app, running("tick"));
    type_in(&mut app, "<c-o>");
    prints(&mut app, 0..3_000);
    shown(&mut app);
    type_in(&mut app, "/tick 2500<enter>");
    let before = shown(&mut app).1;
    assert_eq!(before[1], "tick 2500");
    prints(&mut app, 3_000..3_600);
    let after = shown(&mut app).1;
    assert_eq!(after[1..11], before[1..11]);
    assert!(after[11].contains("1 of 1"), "{}", after[11]);
}

#[test]
fn the_conversation_is_followed_by_who_sees_its_end() {
    let mut app = app();
    type_in(&mut app, "<c-t>");
    shown(&mut app);
    for number in 0..20 {
        happened(&mut app, said_as(&format!("m{number}"), &format!("Answer {number}.")));
    }
    assert_eq!(shown(&mut app).1[10], "Answer 19.");
    type_in(&mut app, "<pageup>");
    let before = shown(&mut app).1[10].clone();
    happened(&mut app, said_as("m20", "Answer 20."));
    assert_eq!(shown(&mut app).1[10], before);
}
