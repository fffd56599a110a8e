//! What was drawn, as a terminal shows it.

mod sizes;

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use ratatui_core::style::{Color, Modifier};

const COLUMNS: u16 = 20;

/// As wide as it gets, and less.
const ROW: &str = "[ab ]{0,20}|[a한]{0,10}|(e\u{301}|a){0,20}";

fn size(cells: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(cells).unwrap()
}

fn region(rows: &[&str]) -> Buffer {
    let height = u16::try_from(rows.len()).unwrap();
    let mut buffer = Buffer::empty(Rect::new(0, 0, COLUMNS, height));
    for (y, row) in rows.iter().enumerate() {
        buffer.set_string(0, u16::try_from(y).unwrap(), row, Style::new());
    }
    buffer
}

fn at(cells: Buffer, cursor: Position) -> Region {
    Region { cells, links: vec![], cursor: Some(cursor) }
}

/// Everything a terminal of six rows has shown, scrolled away or not.
fn screen(bytes: &[u8]) -> String {
    let mut parser = vt100::Parser::new(size(6), size(COLUMNS), 100);
    parser.process(bytes);
    parser.screen_mut().set_scrollback(100);
    let hidden = parser.screen().scrollback();
    let mut rows: Vec<String> = Vec::new();
    for offset in (0..=hidden).rev() {
        parser.screen_mut().set_scrollback(offset);
        let visible: Vec<_> = parser.screen().rows(0, COLUMNS).collect();
        if offset == 0 { rows.extend(visible) } else { rows.push(visible[0].clone()) }
    }
    let rows: Vec<_> = rows.iter().map(|row| row.trim_end()).collect();
    rows.join("\n").trim_end().to_owned()
}

#[test]
fn each_finished_line_is_in_the_scrollback_once_and_the_region_below_it() {
    let mut bytes = Vec::new();
    let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
    for number in 0..12 {
        let finished = [Line::from(format!("line {number}"))];
        let typed = format!("> typed {number}");
        inline
            .draw(&finished, &[], at(region(&["working", &typed]), Position { x: 3, y: 1 }))
            .unwrap();
        // A change within the region touches nothing else.
        inline.draw(&[], &[], at(region(&["thinking", &typed]), Position { x: 3, y: 1 })).unwrap();
    }
    let expected: Vec<_> = (0..12).map(|number| format!("line {number}")).collect();
    assert_eq!(screen(&bytes), format!("{}\nthinking\n> typed 11", expected.join("\n")));
}

proptest! {
    #[test]
    fn whatever_came_before_the_terminal_shows_what_was_drawn(
        frames in vec((vec(ROW, 0..4), vec(ROW, 1..6)), 1..12)
    ) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for length in 1..=frames.len() {
            bytes.clear();
            expected.clear();
            let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
            for (finished, rows) in &frames[..length] {
                let lines: Vec<_> = finished.iter().map(|line| Line::from(line.as_str())).collect();
                let rows: Vec<_> = rows.iter().map(String::as_str).collect();
                inline.draw(&lines, &[], at(region(&rows), Position { x: 1, y: 0 })).unwrap();
                expected.extend(finished.iter().map(|line| line.trim_end().to_owned()));
            }
            expected.extend(frames[length - 1].1.iter().map(|row| row.trim_end().to_owned()));
            let expected = expected.join("\n");
            prop_assert_eq!(screen(&bytes), expected.trim_end());
        }
    }
}

#[test]
fn text_that_scrolls_is_not_written_again() {
    let mut bytes = Vec::new();
    let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
    let here = Position { x: 0, y: 4 };
    inline.draw(&[], &[], at(region(&["one", "two", "three", "four", "> "]), here)).unwrap();
    inline.draw(&[], &[], at(region(&["two", "three", "four", "five", "> "]), here)).unwrap();
    inline.draw(&[Line::from("two")], &[], at(region(&["three", "four", "> "]), here)).unwrap();
    assert_eq!(screen(&bytes), "two\nthree\nfour\n>");
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.matches("three").count(), 1, "{text:?}");
}

#[test]
fn what_did_not_change_is_not_written_again() {
    let mut bytes = Vec::new();
    let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
    let here = Position { x: 0, y: 0 };
    inline.draw(&[], &[], at(region(&["aaaa", "bbbb"]), here)).unwrap();
    inline.draw(&[], &[], at(region(&["aaaa", "bbbb"]), here)).unwrap();
    inline.draw(&[], &[], at(region(&["aaaa", "bbxb"]), here)).unwrap();
    inline.clear().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let updates: Vec<_> = text.split("\x1b[?2026h").skip(1).collect();
    assert_eq!(updates.len(), 3, "{text:?}");
    assert!(updates[1].contains('x') && !updates[1].contains('a'), "{:?}", updates[1]);
    assert_eq!(screen(text.as_bytes()), "");
}

#[test]
fn of_a_finished_line_that_is_too_wide_nothing_is_cut() {
    let mut bytes = Vec::new();
    let mut inline = Inline::new(&mut bytes, COLUMNS, 8, true);
    let lines = ["one", "two three four five six seven", "eight"].map(Line::from);
    let link = Link { line: 2, columns: 0..5, target: "https://a.b".into() };
    inline.draw(&lines, &[link], at(region(&["> "]), Position { x: 2, y: 0 })).unwrap();
    assert_eq!(screen(&bytes), "one\ntwo three four five\nsix seven\neight\n>");
    assert!(String::from_utf8(bytes).unwrap().contains("\x1b]8;;https://a.b\x1b\\"));
}

#[test]
fn colours_and_wide_characters_come_out_as_they_were_drawn() {
    let mut bytes = Vec::new();
    let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
    let line = Line::styled("한글 ok", Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
    inline.draw(&[line], &[], at(region(&["> "]), Position { x: 2, y: 0 })).unwrap();
    let mut parser = vt100::Parser::new(size(6), size(COLUMNS), 0);
    parser.process(&bytes);
    let screen = parser.screen();
    assert_eq!(screen.contents(), "한글 ok\n>");
    let cell = screen.cell(0, 0).unwrap();
    assert!(cell.bold() && cell.fgcolor() == vt100::Color::Idx(1));
    assert_eq!(screen.cursor_position(), (1, 2));
}

#[test]
fn s21_a_finished_line_leads_where_its_link_does_if_that_is_a_page_or_an_address_of_mail() {
    let target = |target: &str| {
        let mut bytes = Vec::new();
        let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
        let link = Link { line: 0, columns: 4..7, target: target.into() };
        let line = [Line::from("see the page")];
        inline.draw(&line, &[link], at(region(&["> "]), Position { x: 2, y: 0 })).unwrap();
        assert!(screen(&bytes).starts_with("see the page\n"));
        String::from_utf8(bytes).unwrap()
    };
    for fine in ["https://a.b/c?d=e#f", "http://a.b", "mailto:a@b.c"] {
        let expected = format!("see \x1b]8;;{fine}\x1b\\the\x1b]8;;\x1b\\ page");
        assert!(target(fine).contains(&expected), "{fine}");
    }
    let long = format!("https://{}", "a".repeat(target::MAX_TARGET));
    let deceits =
        ["https://a.b/\x07x", "https://a.b/\u{202e}x", "https://аррӏе.com", "https://a b"];
    let others = [
        "javascript:x",
        "src/a.rs",
        "file:///tmp/x",
        "file://host/x",
        "mailto:a@b.c?attach=/x",
        "ssh://a",
        "https://",
        &long,
    ];
    for refused in deceits.iter().chain(&others) {
        assert!(!target(refused).contains("\x1b]8"), "{refused}");
    }
}

/// Of `https://example.com/`, in columns 2 to 5 of a row.
fn example(line: usize) -> Link {
    Link { line, columns: 2..6, target: "https://example.com/".into() }
}

#[test]
fn a_row_of_the_region_leads_somewhere_and_is_written_again_only_when_that_changes() {
    let mut bytes = Vec::new();
    let mut inline = Inline::new(&mut bytes, COLUMNS, 8, true);
    let rows = ["one", "two", "three", "to here", "four", "five", "> "];
    let linked = |rows: &[&str], line| Region {
        links: vec![example(line)],
        ..at(region(rows), Position::ORIGIN)
    };
    inline.draw(&[], &[], linked(&rows, 3)).unwrap();
    inline.draw(&[], &[], linked(&rows, 3)).unwrap();
    let moved = ["two", "three", "to here", "four", "five", "six", "> "];
    inline.draw(&[], &[], linked(&moved, 2)).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(text.matches("]8;;https://example.com/").count(), 1, "{text:?}");
    assert_eq!(screen(&bytes).lines().nth(2), Some("to here"));
    let mut inline = Inline::new(&mut bytes, COLUMNS, 8, true);
    inline.draw(&[], &[], linked(&moved, 2)).unwrap();
    inline.draw(&[], &[], at(region(&moved), Position::ORIGIN)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.rsplit("]8;;").next().is_some_and(|rest| rest.contains(" her")), "{text:?}");
}

#[test]
fn the_cursor_is_hidden_while_nothing_is_written() {
    let hidden = |cursor: &[Option<Position>]| {
        let mut bytes = Vec::new();
        let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
        for cursor in cursor {
            inline
                .draw(
                    &[],
                    &[],
                    Region { cursor: *cursor, ..at(region(&["y yes"]), Position::ORIGIN) },
                )
                .unwrap();
        }
        let mut parser = vt100::Parser::new(size(6), size(COLUMNS), 0);
        parser.process(&bytes);
        parser.screen().hide_cursor()
    };
    let shown = Some(Position::ORIGIN);
    assert!(hidden(&[None]) && hidden(&[shown, None]) && hidden(&[None, None]));
    assert!(!hidden(&[shown]) && !hidden(&[None, shown]));
}

#[test]
fn what_the_terminal_draws_wider_than_it_is_moves_nothing_and_leaves_nothing() {
    const JOINED: &str = "👩\u{200d}🚀";
    let mut bytes = Vec::new();
    let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
    let behind = |column| Position { x: column, y: 0 };
    inline.draw(&[], &[], at(region(&[JOINED]), behind(2))).unwrap();
    let cursor = |bytes: &[u8]| {
        let mut parser = vt100::Parser::new(size(6), size(COLUMNS), 0);
        parser.process(bytes);
        parser.screen().cursor_position()
    };
    assert_eq!(cursor(inline.out), (0, 2));
    inline.draw(&[], &[], at(region(&["xy"]), behind(2))).unwrap();
    assert_eq!(screen(inline.out), "xy");
    inline.draw(&[], &[], at(region(&[&format!("{JOINED}ab")]), behind(4))).unwrap();
    assert_eq!(cursor(inline.out), (0, 4));
    assert!(screen(inline.out).ends_with("ab"), "this one joins nothing: {}", screen(inline.out));
}

#[test]
fn a_row_that_becomes_shorter_is_begun_anew() {
    let mut bytes = Vec::new();
    let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
    inline.draw(&[], &[], at(region(&["a long row of it", "b"]), Position::ORIGIN)).unwrap();
    inline.out.clear();
    inline.draw(&[], &[], at(region(&["a long", "b"]), Position::ORIGIN)).unwrap();
    let written = String::from_utf8_lossy(inline.out).into_owned();
    let (_, after) = written.split_once("\x1b[K").expect("what was there is cleared");
    assert!(after.contains("a long"), "{written:?}");
}

#[test]
fn nothing_is_cleared_whole_from_where_the_screen_may_begin() {
    let mut bytes = Vec::new();
    let mut inline = Inline::new(&mut bytes, COLUMNS, 6, true);
    inline.draw(&[], &[], at(region(&["a", "b", "c"]), Position { x: 1, y: 2 })).unwrap();
    inline.out.clear();
    inline.resize(COLUMNS - 5, 6, None).unwrap();
    let written = String::from_utf8_lossy(inline.out).into_owned();
    assert!(written.contains("\r\x1b[2A\x1b[K\n\x1b[J\x1b[1A"), "{written:?}");
}
