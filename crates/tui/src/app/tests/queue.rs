//! What waits for the end of a turn: when it goes on, and how it is seen.

use super::*;
use crate::transcript::Notice;

/// A turn runs, and these wait for its end.
fn app_with_queue(keys: &str) -> App {
    let mut app = App::new(Theme::colourless(), 80, 24);
    app.update(Input::Prompts(vec![]));
    app.update(Input::Tick(10_000));
    happened(&mut app, thread_started());
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, heard("begin"));
    type_in(&mut app, keys);
    app
}

fn heard(text: &str) -> Event {
    let details = ItemDetails::UserMessage { text: text.into() };
    let item = ThreadItem { id: "u".into(), details, call_id: None, step: None, duration_ms: None };
    Event::ItemCompleted { item }
}

fn threads() -> Input {
    let choice = Choice { value: "0198".into(), label: "one".into(), ..Choice::default() };
    Input::Threads { how: GoOn::Resume, threads: vec![choice], unreadable: 0 }
}

#[test]
fn a_list_that_waited_opens_when_nothing_is_written_and_the_rest_waits_with_it() {
    for command in ["/model", "/effort", "/approvals", "/sandbox", "/rewind"] {
        let mut app = app_with_queue(&format!("{command}<enter>then this<tab>look"));
        assert!(turn_completes(&mut app).is_empty(), "{command}");
        assert!(type_in(&mut app, " at it").is_empty(), "{command}");
        let rows = shown(&mut app).1.join("\n");
        assert!(rows.contains("› look at it"), "{rows}");
        assert!(rows.contains("(waits until nothing is written)"), "{rows}");
        assert!(rows.contains("▌ then this (after that)"), "{rows}");
        type_in(&mut app, "<c-u>");
        assert!(app.is_covered(), "{command}");
        let effects = type_in(&mut app, "<esc>");
        if command == "/rewind" {
            assert_eq!((effects.len(), app.composer.text().as_str()), (0, "then this"));
            continue;
        }
        assert!(matches!(&effects[..], [Effect::Send(message)] if message.text() == "then this"));
    }
}

#[test]
fn what_is_typed_when_a_list_comes_up_is_what_one_writes() {
    let mut app = app_with_queue("/effort<enter>");
    assert!(turn_completes(&mut app).is_empty());
    shown(&mut app);
    assert!(app.is_covered());
    let effects = type_fast(&mut app, "look at it<enter>");
    assert!(matches!(&effects[..], [Effect::Send(message)] if message.text() == "look at it"));
    assert!(!app.is_covered());
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, heard("look at it"));
    turn_completes(&mut app);
    shown(&mut app);
    app.update(Input::Tick(app.now_ms + 1_000));
    assert_eq!(type_fast(&mut app, "high<enter>"), [Effect::UseEffort("high".into())]);
}

#[test]
fn what_is_pasted_when_a_list_comes_up_is_what_one_writes() {
    let mut app = app_with_queue("/effort<enter>");
    turn_completes(&mut app);
    app.update(Input::Paste("high".into()));
    assert_eq!(app.composer.text(), "high");
    assert!(!app.is_covered());
}

#[test]
fn a_list_that_is_found_later_waits_as_well_and_the_rest_with_it() {
    let mut app = app_with_queue("/resume<enter>then this<tab>");
    assert_eq!(turn_completes(&mut app), [Effect::FindThreads(GoOn::Resume)]);
    assert!(type_fast(&mut app, "look").is_empty());
    app.update(threads());
    assert!(!app.is_covered());
    assert_eq!(app.composer.text(), "look");
    assert_eq!(type_in(&mut app, "<c-u>"), [Effect::FindThreads(GoOn::Resume)]);
    app.update(threads());
    assert!(app.is_covered());
}

#[test]
fn what_waits_behind_a_way_to_another_thread_that_is_not_gone_comes_back() {
    let comes_back = |app: &mut App| {
        assert_eq!(app.composer.text(), "then this");
        assert!(!shown(app).1.iter().any(|row| row.contains('▌')), "{:?}", shown(app).1);
    };
    // Nothing is chosen.
    let mut app = app_with_queue("/resume<enter>then this<tab>");
    turn_completes(&mut app);
    app.update(threads());
    shown(&mut app);
    assert!(type_in(&mut app, "<esc>").is_empty());
    comes_back(&mut app);
    // It cannot be opened.
    let mut app = app_with_queue("/resume other<enter>then this<tab>");
    assert!(matches!(turn_completes(&mut app)[..], [Effect::Open(_)]));
    app.update(Input::NotOpened(Notice::Failed("No.".into())));
    comes_back(&mut app);
    // There is none.
    let nothing = Input::Threads { how: GoOn::Resume, threads: vec![], unreadable: 0 };
    for nothing in [nothing, Input::NotShown(Notice::Failed("No.".into()))] {
        let mut app = app_with_queue("/resume<enter>then this<tab>");
        turn_completes(&mut app);
        assert!(app.update(nothing).is_empty());
        comes_back(&mut app);
    }
}

#[test]
fn what_is_done_while_a_list_waits_lets_nothing_behind_it_begin() {
    let mut app = app_with_queue("/resume<enter>then this<tab>");
    turn_completes(&mut app);
    app.update(threads());
    // It gives way to who writes, and is looked for again.
    let effects = type_fast(&mut app, "/name other<enter>");
    assert_eq!(effects, [Effect::Name("other".into()), Effect::FindThreads(GoOn::Resume)]);
    assert!(app.update(Input::Notice(Notice::Said("It has a name.".into()))).is_empty());
    app.update(threads());
    let rows = shown(&mut app).1.join("\n");
    assert!(app.is_covered() && rows.contains("▌ then this (after that)"), "{rows}");
}

#[test]
fn what_waits_goes_on_where_there_is_nothing_to_show() {
    let mut app = app_with_queue("/diff<tab>then this<tab>");
    turn_completes(&mut app);
    assert!(type_in(&mut app, "<down>").is_empty());
    let nothing = Input::NotShown(Notice::Said("No file was changed.".into()));
    assert!(matches!(app.update(nothing)[..], [Effect::Send(_)]));
}

#[test]
fn a_list_waits_until_what_is_read_is_closed() {
    let mut app = app_with_queue("/effort<enter><c-t>");
    turn_completes(&mut app);
    assert!(!shown(&mut app).1.join(" ").contains("How long"));
    type_in(&mut app, "q");
    assert!(shown(&mut app).1.join(" ").contains("How long"));
}

#[test]
fn what_waits_for_the_end_of_a_turn_goes_on_after_what_it_asks() {
    let mut app = app();
    happened(&mut app, thread_started());
    happened(&mut app, Event::TurnStarted {});
    type_in(&mut app, "/effort<enter>then this<tab>and this<tab>");
    assert!(turn_completes(&mut app).is_empty());
    assert!(app.is_covered(), "the list is open");
    let effects = type_in(&mut app, "high<enter>");
    let [Effect::UseEffort(level), Effect::Send(message)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((level.as_str(), message.text().as_str()), ("high", "then this"));
    app.clear();
    assert!(shown(&mut app).1.contains(&"› and this".to_owned()), "it is not lost");
}

#[test]
fn what_waits_for_a_command_line_of_ones_own_goes_on_after_it() {
    let mut app = app();
    happened(&mut app, thread_started());
    let Event::ItemStarted { mut item, rule } = running("sleep 9") else { unreachable!() };
    item.call_id = None;
    happened(&mut app, Event::ItemStarted { item: item.clone(), rule });
    assert!(type_in(&mut app, "/effort high<enter>").is_empty());
    // The end of a turn is not yet that of the command line.
    assert!(turn_completes(&mut app).is_empty());
    if let ItemDetails::CommandExecution(command) = &mut item.details {
        (command.status, command.exit_code) = (Status::Completed, Some(0));
    }
    let event = Event::ItemCompleted { item };
    let record = Record { seq: None, at: String::new(), event, wire: vec![] };
    let effects = app.update(Input::Record(Box::new(record)));
    assert_eq!(effects, [Effect::UseEffort("high".into())]);
}

#[test]
fn on_few_rows_what_waits_is_seen_with_how_many_more_there_are() {
    let mut app = App::new(Theme::colourless(), 40, 10);
    app.update(Input::Prompts(vec![]));
    happened(&mut app, Event::TurnStarted {});
    for number in 1..=6 {
        type_in(&mut app, &format!("number {number} of what is to be done after this<tab>"));
    }
    for draft in 0..6 {
        let (_, rows) = shown(&mut app);
        let is_named = |row: &String| row.contains("number") || row.contains("waiting");
        let others = ["waiting for", "connecting", "working", "›", "draft"];
        let tails = rows.iter().filter(|row| {
            !row.is_empty() && !is_named(row) && !others.iter().any(|other| row.contains(other))
        });
        assert_eq!(tails.count(), 0, "{rows:#?}");
        assert!(rows.iter().any(|row| row.contains("waiting")), "{rows:#?}");
        app.update(Input::Paste(format!("draft {draft}\n")));
    }
}

/// What waits, as it is shown.
fn waiting(app: &mut App) -> Vec<String> {
    shown(app).1.into_iter().filter(|row| row.starts_with('▌')).collect()
}

#[test]
fn up_and_down_go_through_what_waits_and_leave_each_in_its_place() {
    let mut app = app_with_queue("aaa<tab>bbb<tab>ccc<tab>");
    let all = ["▌ aaa (after this turn)", "▌ bbb (after this turn)"];
    assert_eq!(waiting(&mut app)[..2], all);
    assert_eq!(waiting(&mut app)[2], "▌ ccc (after this turn; up takes it back)");
    for (keys, written, others) in [
        ("<up>", "ccc", ["▌ aaa (after this turn)", "▌ bbb (after this turn; up takes it back)"]),
        ("<up>", "bbb", ["▌ aaa (after this turn; up takes it back)", "▌ ccc (after this turn)"]),
        ("<up>", "aaa", ["▌ bbb (after this turn)", "▌ ccc (after this turn)"]),
        ("<down>", "bbb", ["▌ aaa (after this turn; up takes it back)", "▌ ccc (after this turn)"]),
    ] {
        assert!(type_in(&mut app, keys).is_empty());
        assert_eq!(app.composer.text(), written);
        assert_eq!(waiting(&mut app), others);
    }
    type_in(&mut app, "<tab>");
    assert!(app.composer.is_empty());
    for next in ["aaa", "bbb", "ccc"] {
        let effects = turn_completes(&mut app);
        assert!(matches!(&effects[..], [Effect::Send(message)] if message.text() == next));
        happened(&mut app, Event::TurnStarted {});
        happened(&mut app, heard(next));
    }
    assert!(turn_completes(&mut app).is_empty());
}

#[test]
fn what_waits_is_not_gone_back_to_as_if_it_had_been_said() {
    let mut app = app_with_queue("said<enter>");
    happened(&mut app, heard("said"));
    type_in(&mut app, "aaa<tab>bbb<tab><up><up><up>");
    assert_eq!((app.composer.text().as_str(), waiting(&mut app).len()), ("said", 2));
    type_in(&mut app, "<down>");
    assert!(app.composer.is_empty());
    type_in(&mut app, "<up> mended<up>");
    assert_eq!(app.composer.text(), "said", "what was changed waits no more, nor is aaa offered");
    type_in(&mut app, "<down><c-u><c-r>a");
    assert_eq!(app.composer.search(), Some(("a", true)));
    assert_eq!(app.composer.text(), "said");
    type_in(&mut app, "aa");
    assert_eq!(app.composer.search(), Some(("aaa", false)));
    // Once it is said it is.
    type_in(&mut app, "<esc>");
    turn_completes(&mut app);
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, heard("aaa"));
    type_in(&mut app, "<up><up>");
    assert_eq!(app.composer.text(), "aaa");
}

#[test]
fn that_up_takes_something_back_is_said_only_where_it_does() {
    let mut app = app_with_queue("one<enter>two<tab>");
    assert_eq!(waiting(&mut app), ["▌ one", "▌ two (after this turn; up takes it back)"]);
    type_in(&mut app, "x");
    assert_eq!(waiting(&mut app), ["▌ one", "▌ two (after this turn)"]);
    type_in(&mut app, "<bs><up>");
    assert_eq!(waiting(&mut app), ["▌ one (heard at the next step; up takes it back)"]);
    assert_eq!(type_in(&mut app, "<up>"), [Effect::TakeBack(Unheard::Message)]);
    happened(&mut app, Event::WaitingReturned { what: Unheard::Message });
    assert_eq!(app.composer.text(), "one");
    assert_eq!(waiting(&mut app), ["▌ two (after this turn)"]);
}

#[test]
fn tab_keeps_a_command_that_is_written_to_its_end() {
    let mut app = app_with_queue("/compact<tab>then this<tab>");
    assert_eq!(waiting(&mut app)[0], "▌ /compact (after this turn)");
    type_in(&mut app, "/comp<tab>");
    assert_eq!(app.composer.text(), "/compact ");
}

#[test]
fn what_the_turn_said_last_is_printed_once_whatever_thread_comes_after_it() {
    for command in
        ["/new", "/resume 0199", "/fork", "/rewind 1 both", "/undo", "/sandbox read-only"]
    {
        let mut app = app();
        happened(&mut app, thread_started());
        happened(&mut app, Event::TurnStarted {});
        happened(&mut app, talking::heard("go"));
        happened(&mut app, delta(DeltaField::Text, "One.\n\nTwo."));
        type_in(&mut app, &format!("{command}<enter>! make<tab>and this<tab>"));
        let mut printed = shown(&mut app).0;
        happened(&mut app, said("One.\n\nTwo.\n\nThree."));
        let effects = turn_completes(&mut app);
        assert!(matches!(effects[..], [Effect::Open(_)]), "{command}: {effects:?}");
        app.clear();
        app.remember(&[]);
        app.skip_what_was_shown();
        app.update(Input::Notice(Notice::Said("Here it begins.".into())));
        printed.extend(shown(&mut app).0);
        let is_of_answer = |row: &&String| ["One.", "Two.", "Three."].contains(&row.as_str());
        let answer: Vec<_> = printed.iter().filter(is_of_answer).collect();
        assert_eq!(answer, ["One.", "Two.", "Three."], "{command}: {printed:#?}");
        assert!(printed.iter().any(|row| row.contains("was not done")), "{printed:#?}");
        assert!(printed.last().is_some_and(|row| row.contains("Here it begins.")), "{printed:#?}");
        assert!(shown(&mut app).0.is_empty(), "{command}");
    }
}

#[test]
fn an_answer_of_another_thread_does_not_go_on_with_that_of_the_one_before() {
    let mut app = app();
    happened(&mut app, Event::TurnStarted {});
    happened(&mut app, delta(DeltaField::Text, "One.\n\nTwo.\n\n"));
    shown(&mut app);
    app.clear();
    happened(&mut app, said("One.\n\nTwo.\n\nThree."));
    assert!(shown(&mut app).0.contains(&"One.".to_owned()));
}

/// What is handed back to who leaves, after this was heard until the thread has ended.
fn unsaid(app: &mut App, events: Vec<Event>) -> Vec<String> {
    app.leave();
    for event in events {
        let record = Record { seq: None, at: String::new(), event, wire: vec![] };
        assert!(app.update(Input::Record(Box::new(record))).is_empty(), "nothing begins any more");
    }
    app.take_unsaid().iter().map(Message::text).collect()
}

#[test]
fn who_leaves_has_back_what_nobody_has_heard_and_no_commands() {
    let mut app = app();
    happened(&mut app, thread_started());
    happened(&mut app, Event::TurnStarted {});
    type_in(&mut app, "heard<enter>sent<enter>/new<enter>/key sk-secret<tab>");
    type_in(&mut app, "kept<tab>! make<tab>a draft");
    happened(&mut app, talking::heard("heard"));
    let ended = Event::TurnFailed(turn_failed(ErrorKind::Interrupted));
    assert_eq!(unsaid(&mut app, vec![ended]), ["sent", "kept", "! make", "a draft"]);
    assert_eq!(app.take_unsaid(), []);
}

#[test]
fn what_waits_does_not_begin_where_the_turn_ends_well_while_one_leaves() {
    let mut app = app();
    happened(&mut app, Event::TurnStarted {});
    type_in(&mut app, "kept<tab>");
    app.leave();
    assert!(turn_completes(&mut app).is_empty());
    assert_eq!(app.take_unsaid().iter().map(Message::text).collect::<Vec<_>>(), ["kept"]);
}

#[test]
fn what_came_back_when_the_turn_was_stopped_is_not_lost_by_who_leaves_then() {
    let mut app = app();
    happened(&mut app, Event::TurnStarted {});
    type_in(&mut app, "! make<tab>kept<tab>");
    let effects = type_in(&mut app, "<c-c>");
    assert_eq!(effects, [Effect::Interrupt]);
    assert_eq!(type_in(&mut app, "<c-c>"), [Effect::Leave]);
    assert_eq!(unsaid(&mut app, vec![]), ["! make", "kept"]);
}

#[test]
fn what_is_only_looked_at_of_what_was_sent_before_is_not_unsaid() {
    for keys in ["<up>", "<c-r>earl"] {
        let mut app = app();
        app.update(Input::History(vec![Message::from("earlier".to_owned())]));
        type_in(&mut app, keys);
        assert_eq!(unsaid(&mut app, vec![]), [""; 0], "{keys}");
    }
}

#[test]
fn what_waits_behind_what_opens_the_same_thread_again_is_done_in_it() {
    let mut app = app_with_queue("/fork<tab>then this<tab>and that<tab>");
    let effects = turn_completes(&mut app);
    assert!(matches!(effects[..], [Effect::Open(_)]), "{effects:?}");
    let effects = app.update(Input::Do(vec![]));
    assert!(matches!(&effects[..], [Effect::Send(message)] if message.text() == "then this"));
    assert_eq!(app.outbox.queued().len(), 1);
}

#[test]
fn what_waited_behind_a_way_back_is_named_and_found_and_not_lost() {
    let mut app = app_with_queue("/rewind 1 both<tab>important<tab>");
    let effects = turn_completes(&mut app);
    assert!(matches!(effects[..], [Effect::Open(_)]), "{effects:?}");
    app.clear();
    app.update(Input::SayAgain(Message::from("first".to_owned())));
    assert_eq!(app.composer.text(), "first");
    let printed = shown(&mut app).0.concat();
    assert!(printed.contains("“important” was not done"), "{printed}");
    app.leave();
    let unsaid: Vec<_> = app.take_unsaid().iter().map(Message::text).collect();
    assert!(unsaid.contains(&"important".to_owned()), "{unsaid:?}");
}

#[test]
fn what_was_not_done_is_named_after_the_answer_that_was_stopped() {
    let mut app = app_with_queue("/effort high<enter>look at it<tab>");
    happened(&mut app, delta(DeltaField::Text, "One.\n\nTwo.\n\nThr"));
    let mut printed = shown(&mut app).0;
    assert!(type_in(&mut app, "<esc>").contains(&Effect::Interrupt));
    printed.extend(shown(&mut app).0);
    happened(&mut app, said("One.\n\nTwo.\n\nThr"));
    happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    printed.extend(shown(&mut app).0);
    let at = |text: &str| printed.iter().position(|line| line.contains(text));
    assert!(at("Thr").is_some(), "{printed:?}");
    assert!(at("Thr") < at("“/effort high” was not done"), "{printed:?}");
}

#[test]
fn what_waits_for_what_is_open_says_that_it_comes_after_it() {
    let mut app = app_with_queue("/effort<enter>then this<tab>");
    turn_completes(&mut app);
    let rows = shown(&mut app).1.join("\n");
    assert!(app.is_covered() && rows.contains("▌ then this (after that)"), "{rows}");
}

#[test]
fn a_reason_that_is_being_written_is_named_when_the_agent_is_ended() {
    let mut app = app_with_queue("");
    asks(&mut app, "rm -r target");
    shown(&mut app);
    type_in(&mut app, "tuse cargo clean");
    app.leave();
    let unsaid: Vec<_> = app.take_unsaid().iter().map(Message::text).collect();
    assert_eq!(unsaid, ["use cargo clean"]);
}
