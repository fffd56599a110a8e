//! What is told of the terminal, and asked of it: colours, signs, links, titles, notifications, its alternate screen.

use super::*;

#[test]
fn who_looks_elsewhere_is_told_and_the_title_says_what_goes_on() {
    let (_scene, _server, mut screen) = start(ScriptedModel::new().says("Done."));
    wait_until_ready(&screen);
    screen.focus(false);
    screen.press("go<enter>");
    screen.wait_for("Done.");
    screen.wait_until("a notification", |screen| screen.notifications().1 == 1);
    assert_eq!(screen.notifications().0, ["agent: the turn is over, workspace"]);
    let titles = screen.titles();
    assert!(titles.contains(&"* workspace - agent".to_owned()), "{titles:?}");
    assert_eq!(titles.last().unwrap(), "workspace - agent");
    leave(screen);
}

/// The colour of the first cell of `text` on the screen.
fn colour_of(screen: &PtyScreen, text: &str) -> vt100::Color {
    let cells = screen.cells();
    let (row, line) =
        (0..).zip(cells.rows(0, COLUMNS)).find(|(_, line)| line.contains(text)).unwrap();
    let column = u16::try_from(line.find(text).unwrap()).unwrap();
    cells.cell(row, column).unwrap().fgcolor()
}

#[test]
fn it_looks_as_the_background_needs_it_which_the_terminal_is_asked_for() {
    const BLUE: vt100::Color = vt100::Color::Idx(4);
    const CYAN: vt100::Color = vt100::Color::Idx(6);
    let white = Some("rgb:ffff/ffff/ffff".to_owned());
    for (background, config, expected) in [
        (None, "", CYAN),
        (Some("rgb:0000/0000/0000".to_owned()), "", CYAN),
        (white.clone(), "", BLUE),
        (white.clone(), "tui.theme = \"dark\"", CYAN),
        (white, "tui.theme = \"none\"", vt100::Color::Default),
    ] {
        let server = ScriptedModel::new().says("Now `mark` it.").serve();
        let scene = Scene::new(AGENT).facing(&server).config(config);
        let answers = Answers { background, ..Answers::all() };
        let mut screen =
            scene.screen_answering(&["-m", "scripted", "-s", "read-only"], COLUMNS, ROWS, answers);
        // Its answers are given in order, and this is the last one.
        screen.wait_until("it was answered", |screen| screen.modes().keyboard == [5]);
        wait_until_ready(&screen);
        screen.press("go<enter>");
        screen.wait_for("Now mark it.");
        assert_eq!(colour_of(&screen, "mark"), expected, "{config}");
        leave(screen);
    }
}

#[test]
fn whoever_comes_back_to_another_background_finds_the_colours_for_it() {
    let model = ScriptedModel::new().says("Now `mark` it.").says("Then `sign` it.");
    let (_scene, _server, mut screen) = start(model);
    screen.wait_until("it was answered", |screen| screen.modes().keyboard == [5]);
    screen.focus(false);
    screen.repaint("rgb:ffff/ffff/ffff");
    screen.focus(true);
    let asks = |screen: &PtyScreen| String::from_utf8_lossy(&screen.log()).matches("]11;?").count();
    screen.wait_until("it is asked again", |screen| asks(screen) == 2);
    screen.press("go<enter>");
    screen.wait_for("Now mark it.");
    wait_until_ready(&screen);
    screen.press("on<enter>");
    screen.wait_for("Then sign it.");
    assert_eq!(colour_of(&screen, "sign"), vt100::Color::Idx(4));
    leave(screen);
}

#[test]
fn where_there_are_no_colours_a_theme_is_said_to_make_no_difference() {
    let server = ScriptedModel::new().serve();
    let scene = Scene::new(AGENT).env("NO_COLOR", "1").facing(&server);
    let mut screen = scene.screen(&["-m", "scripted", "-s", "read-only"], COLUMNS, ROWS);
    wait_until_ready(&screen);
    screen.press("/theme light<enter>");
    screen.wait_for("There are no colours here");
    leave(screen);
}

#[test]
fn without_unicode_our_signs_are_ascii() {
    let server = ScriptedModel::new().says("- one\n- two").serve();
    let scene = Scene::new(AGENT).facing(&server).env("LANG", "C");
    let mut screen = scene.screen(&["-m", "scripted", "-s", "read-only"], COLUMNS, ROWS);
    screen.wait_for("- read-only -");
    screen.press("go<enter>");
    screen.wait_for("* two");
    assert!(screen.screen().is_ascii(), "{}", screen.screen());
    leave(screen);
}

#[test]
fn links_of_an_answer_can_be_opened_and_each_is_written_once() {
    let said = "Read [the book](https://doc.rust-lang.org/book/), not [this](javascript:alert).";
    let (_scene, _server, mut screen) = start(ScriptedModel::new().says(said));
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_until("it is finished", |screen| !screen.links().is_empty());
    wait_until_ready(&screen);
    let links = screen.links();
    // Its text, and its target beside it.
    assert!(links.iter().all(|link| link == "https://doc.rust-lang.org/book/"), "{links:?}");
    leave(screen);
}

#[test]
fn on_the_alternate_screen_pages_scroll_and_nothing_is_left_behind() {
    const COUNT: usize = 60;
    let server = ScriptedModel::new().says(&lines(COUNT)).serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen =
        scene.screen(&["--alt-screen", "-m", "scripted", "-s", "read-only"], COLUMNS, ROWS);
    wait_until_ready(&screen);
    assert!(screen.modes().alternate && screen.modes().mouse);
    screen.press("many<enter>");
    screen.wait_for(&format!("line {COUNT} of many."));
    wait_until_ready(&screen);
    screen.send(b"\x1b[<64;5;5M");
    screen.wait_for("3 lines below, pagedown or end");
    screen.send(b"\x1b[<65;5;5M");
    screen.wait_until("it is at its end", |screen| !screen.screen().contains("lines below"));
    screen.press("<c-t>");
    screen.wait_for("The conversation");
    screen.send(b"\x1b[<64;5;5M");
    screen.wait_until("the pager has scrolled", |screen| {
        !screen.screen().contains(&format!("line {COUNT} of many."))
    });
    screen.press("q");
    screen.wait_for(&format!("line {COUNT} of many."));
    screen.press("<pageup>");
    screen.wait_for("lines below, pagedown");
    assert!(!screen.screen().contains(&format!("line {COUNT} of many.")));
    // What was drawn for another width is drawn anew, where one was.
    screen.resize(50, 12);
    screen.wait_until("it is drawn anew", |screen| {
        let shown = screen.screen();
        let is_there = |text: &str| shown.contains(text);
        is_there("line 50 of many.") && is_there("lines below") && !is_there("line 44 of many.")
    });
    screen.press(&"<pageup>".repeat(COUNT));
    screen.wait_for("line 1 of many.");
    screen.press("half a message");
    screen.wait_for("half a message");
    assert!(screen.screen().contains("line 1 of many."), "typing leaves it where it is");
    screen.press("<c-c><c-c>");
    let left = screen.finish();
    left.gave_the_terminal_back();
    let [way_back] = &left.rows[..] else { panic!("{:#?}", left.rows) };
    assert!(way_back.starts_with("To go on: agent resume "), "{way_back}");
}

#[test]
fn in_every_script_the_cursor_stands_where_the_text_ends() {
    let (_scene, server, mut screen) = start(ScriptedModel::new().says("I can read that."));
    wait_until_ready(&screen);
    for (text, columns) in [
        ("plain", 5),
        ("한글", 4),
        ("かなカナ", 8),
        ("e\u{301}u\u{308}", 2),
        ("👩\u{200d}🚀", 2),
        ("👍🏽", 2),
        ("שלום", 4),
        ("مرحبا", 5),
    ] {
        screen.press(text);
        screen.wait_until(&format!("the cursor is behind {text:?}"), |screen| {
            screen.cells().cursor_position().1 == 2 + columns
        });
        screen.press("<c-u>");
        screen.wait_until("the row is empty", |screen| screen.cells().cursor_position().1 == 2);
    }
    screen.paste("a\tb");
    screen.wait_until("a tab is four columns wide", |screen| {
        screen.cells().cursor_position().1 == 2 + 6
    });
    let text = "한국어 문장이 여든 칸보다 길면 줄이 나뉘고, かなカナ漢字 שלום e\u{301} 도 그렇다: 그 끝까지 모두 있다.";
    screen.press(&format!("<c-u>{text}"));
    screen.wait_for("모두 있다.");
    let shown = screen.screen();
    let rows: Vec<_> = shown.lines().skip_while(|row| !row.starts_with('›')).take(2).collect();
    let joined = format!("{} {}", rows[0].trim_start_matches("› "), rows[1].trim());
    assert_eq!(joined, text);
    screen.press("<enter>");
    screen.wait_for("I can read that.");
    assert!(server.frames().last().unwrap().json.to_string().contains(text));
    wait_until_ready(&screen);
    let left = leave(screen);
    let at = left.rows.iter().position(|row| row.starts_with('▌')).unwrap();
    let said = format!("{} {}", left.rows[at].trim_start_matches("▌ "), left.rows[at + 1].trim());
    assert_eq!(said, text);
}
