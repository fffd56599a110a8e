//! What helps while one writes: commands, files, earlier messages, an editor.

use super::*;
use crate::composer::{Image, Part};
use crate::prompts::Origin;

#[test]
fn commands_of_the_screen_are_not_sent() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "/permissions<enter>"), [Effect::ShowPermissions]);
    assert_eq!(type_in(&mut app, "/quit<enter>"), [Effect::Leave]);
    assert!(type_in(&mut app, "/help<enter>").is_empty());
}

#[test]
fn a_slash_offers_commands_and_tab_or_enter_takes_one() {
    let mut app = App::new(Theme::colourless(), 40, 12);
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    assert_eq!(type_in(&mut app, "/"), [Effect::FindPrompts]);
    assert!(shown(&mut app).1.iter().any(|row| row.contains("/new")));
    assert!(type_in(&mut app, "<enter>").is_empty(), "a lone slash means none of them");
    type_in(&mut app, "comp");
    assert!(shown(&mut app).1[0].starts_with("› /compact"));
    type_in(&mut app, "<tab>");
    assert_eq!(shown(&mut app).1[0], "› /compact");
    assert_eq!(type_in(&mut app, "<enter>"), [Effect::Compact]);
    assert_eq!(type_in(&mut app, "/comp<enter>"), [Effect::Compact]);
    let second = type_in(&mut app, "/<down><enter>");
    assert_eq!(second, [Effect::FindThreads(GoOn::Resume)]);
}

#[test]
fn an_unknown_command_names_the_nearest_and_can_be_mended() {
    let mut app = app();
    assert!(type_in(&mut app, "/copmact<esc><enter>").is_empty());
    let (finished, region) = shown(&mut app);
    let said = finished.join(" ");
    assert!(said.contains("/copmact") && said.contains("/compact"), "{said}");
    assert_eq!(region[0], "› /copmact");
}

#[test]
fn what_changes_the_thread_waits_for_the_end_of_the_turn() {
    let mut app = app();
    happened(&mut app, Event::TurnStarted {});
    assert!(type_in(&mut app, "/new<enter>").is_empty());
    let (finished, rows) = shown(&mut app);
    assert!(finished.is_empty(), "nothing is said above what goes on");
    assert!(rows.iter().any(|row| row.contains("/new (after this turn")), "{rows:?}");
    assert_eq!(type_in(&mut app, "/name it<enter>"), [Effect::Name("it".into())]);
    assert_eq!(turn_completes(&mut app), [Effect::Open(Next::New)]);
}

#[test]
fn models_that_are_found_later_join_the_open_list() {
    let mut app = app();
    happened(&mut app, thread_started());
    assert_eq!(type_in(&mut app, "/model<enter>"), [Effect::FindModels]);
    assert!(shown(&mut app).1.join(" ").contains("Which model?"), "nothing is waited for");
    app.update(Input::Models(vec!["gpt-6-sol".into(), "gpt-6-luna".into()]));
    let rows = shown(&mut app).1;
    let names = |name: &str| rows.iter().filter(|row| row.contains(name)).count();
    assert!(rows.contains(&"› gpt-6-sol".to_owned()), "{rows:?}");
    assert_eq!((names("gpt-6-luna"), names("› gpt-6-sol")), (1, 1), "{rows:?}");
    assert_eq!(type_in(&mut app, "luna<enter>"), [Effect::UseModel("gpt-6-luna".into())]);
}

#[test]
fn a_list_says_how_much_of_it_is_shown() {
    let mut app = app();
    type_in(&mut app, "/model<enter>");
    app.update(Input::Models((1..=30).map(|number| format!("model-{number}")).collect()));
    let mut says = |keys: &str, beginning: &str| {
        type_in(&mut app, keys);
        let rows = shown(&mut app).1;
        assert!(rows.iter().any(|row| row.starts_with(beginning)), "{beginning}: {rows:?}");
    };
    says("", "1 to 6 of 30 · enter takes it");
    says("<pagedown><down>", "9 to 14 of 30 · ");
    says("model-3", "enter takes it");
}

#[test]
fn what_ctrl_c_clears_is_found_by_going_back() {
    let mut app = app();
    type_in(&mut app, "a long draft<c-c><up>");
    assert!(shown(&mut app).1.contains(&"› a long draft".to_owned()), "{:?}", shown(&mut app).1);
}

#[test]
fn a_list_is_narrowed_by_typing_and_what_is_taken_is_the_argument() {
    let mut app = app();
    type_in(&mut app, "/sandbox<enter>");
    assert!(shown(&mut app).1.iter().any(|row| row.contains("read-only")));
    let next = Next::Sandbox(SandboxMode::WorkspaceWrite);
    assert_eq!(type_in(&mut app, "work<enter>"), [Effect::Open(next)]);
    assert_eq!(type_in(&mut app, "/effort high<enter>"), [Effect::UseEffort("high".into())]);
    assert!(type_in(&mut app, "/sandbox loose<enter>").is_empty());
    assert!(shown(&mut app).0.join(" ").contains("loose"));
}

#[test]
fn prompts_of_the_person_are_commands_too() {
    let mut app = app();
    let prompts = vec![Prompt::markdown("fix.md", "Fix $1 at once.")];
    type_in(&mut app, "/fi");
    app.update(Input::Prompts(prompts));
    assert!(shown(&mut app).1[0].contains("/fix"));
    let effects = type_in(&mut app, "x a.rs<enter>");
    assert!(
        matches!(&effects[..], [Effect::Send(message)] if message.text() == "Fix a.rs at once.")
    );
}

#[test]
fn prompts_of_the_project_are_told_from_those_of_the_person() {
    let mut app = app();
    let own = Prompt::markdown("zfix.md", "Mine.");
    let theirs = |path| Prompt::markdown(path, "Theirs.").of(Origin::Project);
    type_in(&mut app, "/zf");
    app.update(Input::Prompts(vec![theirs("zfix.md"), theirs("zfold.md"), own]));
    let rows = shown(&mut app).1.join("\n");
    for row in [
        "/zfix          Mine.",
        "/project:zfix  the project's: T",
        "/zfold         the project's: T",
    ] {
        assert!(rows.contains(row), "{rows}");
    }
    type_in(&mut app, "<c-c>/help<enter>G");
    let rows = shown(&mut app).1.join("\n");
    let named = "Mine.\n\nPrompts of this project\n\n  /project:zfix\n    Theirs.\n";
    assert!(rows.contains(named), "{rows}");
}

#[test]
fn s16_what_prompts_there_are_is_found_anew_when_the_answer_about_trust_is_another() {
    let mut app = app();
    app.update(Input::Prompts(vec![Prompt::markdown("fix.md", "Fix").of(Origin::Project)]));
    app.update(Input::OtherPrompts);
    assert_eq!(type_in(&mut app, "/fix"), [Effect::FindPrompts]);
    assert!(type_in(&mut app, "<enter>").is_empty(), "it is none any more");
}

#[test]
fn an_at_sign_finds_a_file_and_what_comes_late_for_another_word_is_not_shown() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "see @"), [Effect::FindFiles(String::new())]);
    assert_eq!(
        type_in(&mut app, "ma"),
        [Effect::FindFiles("m".into()), Effect::FindFiles("ma".into())]
    );
    app.update(files("m", &["mod.rs"]));
    assert_eq!(shown(&mut app).1[0], "› see @ma");
    app.update(files("ma", &["src/main.rs", "a map.md"]));
    assert_eq!(shown(&mut app).1[..2], ["› src/main.rs", "  a map.md"]);
    assert!(type_in(&mut app, "<tab>").is_empty());
    assert_eq!(shown(&mut app).1[0], "› see src/main.rs");
    type_in(&mut app, "@a");
    app.update(files("a", &["a map.md"]));
    type_in(&mut app, "<enter>");
    assert_eq!(shown(&mut app).1[0], "› see src/main.rs 'a map.md'");
}

#[test]
fn messages_of_earlier_threads_are_a_key_away() {
    let mut app = app();
    let earlier = ["mend the parser", "go on"].map(|text| Message::from(text.to_owned()));
    app.update(Input::History(earlier.into()));
    type_in(&mut app, "<up><up>");
    assert_eq!(shown(&mut app).1[0], "› mend the parser");
    type_in(&mut app, "<c-u><c-r>on<enter>");
    assert_eq!(shown(&mut app).1[0], "› go on");
}

#[test]
fn an_editor_goes_on_with_what_is_written() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "so<c-g>").last(), Some(&Effect::Edit("so".into())));
    app.update(Input::Edited("so much more\n".into()));
    assert_eq!(shown(&mut app).1[0], "› so much more");
}

#[test]
fn with_vims_keys_esc_leaves_inserting_before_it_stops_anything() {
    let mut app = app();
    app.use_vim();
    happened(&mut app, Event::TurnStarted {});
    assert!(type_in(&mut app, "mend<esc>").is_empty());
    assert!(shown(&mut app).1.last().unwrap().starts_with("NORMAL"));
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Interrupt]);
}

#[test]
fn a_picture_of_the_clipboard_goes_with_the_message() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "see <c-v>").last(), Some(&Effect::TakePicture));
    app.update(Input::Picture(Image::at("/threads/1/images/clipboard-1.png".into())));
    assert_eq!(shown(&mut app).1[0], "› see [image clipboard-1.png]");
    let effects = type_in(&mut app, "<enter>");
    let [Effect::Send(message)] = &effects[..] else { panic!("{effects:?}") };
    assert!(matches!(message.parts[1], Part::Image(_)), "{message:?}");
}

#[test]
fn a_command_that_was_gone_back_to_offers_nothing_until_it_is_changed() {
    let mut app = app();
    type_in(&mut app, "mfirst<enter>/status<enter>");
    type_in(&mut app, "<up>");
    assert_eq!(app.composer.text(), "/status");
    type_in(&mut app, "<up>");
    assert_eq!(app.composer.text(), "mfirst");
    type_in(&mut app, "<down><backspace>");
    assert!(shown(&mut app).1.iter().any(|row| row.starts_with("› /status ")), "it is a draft");
}

#[test]
fn a_list_that_goes_on_says_how_far() {
    let mut app = App::new(Theme::colourless(), 80, 24);
    type_in(&mut app, "/");
    let more = crate::slash::TABLE.len() - 8;
    let row = format!("  … {more} more");
    assert!(shown(&mut app).1.contains(&row));
    type_in(&mut app, "<up>");
    assert!(!shown(&mut app).1.iter().any(|row| row.contains(" more")), "that is the last one");
}
