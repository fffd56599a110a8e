//! A question that comes while something else is open: it takes no key of that, and is announced there.

use super::*;

/// Reads or chooses something while a turn runs.
fn app_open(keys: &str) -> App {
    let mut app = App::new(Theme::colourless(), 80, 24);
    app.update(Input::Prompts(vec![]));
    happened(&mut app, thread_started());
    happened(&mut app, said("One needle, and another needle."));
    step_started(&mut app);
    type_in(&mut app, keys);
    if keys.starts_with("/permissions") {
        app.update(Input::Permissions { about: "All.".into() });
    }
    shown(&mut app);
    app
}

fn last_row(app: &mut App) -> String {
    shown(app).1.into_iter().rfind(|row| row.contains("closes")).unwrap()
}

#[test]
fn a_question_takes_no_key_of_what_is_read_or_chosen_and_is_announced_there() {
    for (opens, keys) in
        [("<c-t>/needle<enter>", "nNy "), ("/theme<enter>", "n"), ("/permissions<enter>", "y")]
    {
        let mut app = app_open(opens);
        assert!(!last_row(&mut app).contains("question"), "{opens}");
        asks(&mut app, "git commit");
        assert!(app.state().asks, "who is away is told at once");
        assert!(last_row(&mut app).contains("a question waits"), "{opens}: {}", last_row(&mut app));
        app.update(Input::Tick(app.now_ms + 5_000));
        assert!(type_in(&mut app, keys).is_empty(), "{opens}");
        assert!(!shown(&mut app).1.join(" ").contains("Run this?"), "{opens}");
    }
}

#[test]
fn esc_closes_what_is_read_and_stops_nothing_and_then_the_question_is_there() {
    for opens in ["<c-t>", "/theme<enter>", "/permissions<enter>"] {
        let mut app = app_open(opens);
        asks(&mut app, "git commit");
        app.update(Input::Tick(app.now_ms + 5_000));
        let press = |app: &mut App, key: &str| app.update(Input::Key(keys(key).unwrap()[0]));
        assert!(press(&mut app, "<esc>").is_empty(), "{opens}");
        assert!(shown(&mut app).1.join(" ").contains("Run this?"), "{opens}");
        app.update(Input::Tick(app.now_ms + 300));
        assert!(press(&mut app, "n").is_empty(), "{opens}: it was not seen yet");
        assert_eq!(type_in(&mut app, "<bs>n").len(), 1, "{opens}");
    }
}

#[test]
fn a_page_that_comes_over_a_question_takes_the_keys_and_the_question_is_read_anew_after_it() {
    let mut app = app_open("");
    asks(&mut app, "git commit");
    shown(&mut app);
    app.update(Input::Tick(app.now_ms + 5_000));
    app.update(Input::Page { title: "Changes".into(), page: Page::Plain("none".into()) });
    assert!(last_row(&mut app).contains("a question waits"));
    let press = |app: &mut App, key: &str| app.update(Input::Key(keys(key).unwrap()[0]));
    press(&mut app, "q");
    app.update(Input::Tick(app.now_ms + 5_000));
    assert!(press(&mut app, "y").is_empty(), "it was not drawn again yet");
}

#[test]
fn a_hit_at_the_end_stays_while_more_comes_until_one_goes_to_the_end() {
    let mut app = app();
    let rows =
        |from: u32| (from..from + 30).map(|row| format!("row {row}\n\n")).collect::<String>();
    happened(&mut app, said(&(rows(0) + "the needle")));
    type_in(&mut app, "<c-t>");
    shown(&mut app);
    type_in(&mut app, "/needle<enter>");
    let has_needle = |app: &mut App| shown(app).1.contains(&"the needle".to_owned());
    assert!(has_needle(&mut app));
    happened(&mut app, said_as("j", &rows(30)));
    assert!(has_needle(&mut app));
    type_in(&mut app, "G");
    assert!(!has_needle(&mut app));
    happened(&mut app, said_as("k", "the end"));
    assert!(shown(&mut app).1.contains(&"the end".to_owned()));
}
