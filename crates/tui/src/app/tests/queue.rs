//! What waits for the end of a turn: when it goes on, and how it is seen.

use super::*;

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
