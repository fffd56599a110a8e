//! Threads: earlier ones, going back, names.

use super::*;

#[test]
fn an_earlier_thread_is_chosen_from_this_directory_first() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "/resume<enter>"), [Effect::FindThreads(GoOn::Resume)]);
    let thread = |value: &str, label: &str, is_here| Choice {
        value: value.into(),
        label: label.into(),
        is_here,
        ..Choice::default()
    };
    let threads = vec![thread("1", "mend the parser", true), thread("2", "elsewhere", false)];
    app.update(Input::Threads { how: GoOn::Resume, threads, unreadable: 0 });
    let (_, region) = shown(&mut app);
    assert!(region.contains(&"› mend the parser".to_owned()), "{region:?}");
    assert!(!region.iter().any(|row| row.contains("elsewhere")));
    let effects = type_in(&mut app, "<tab>else<enter>");
    assert_eq!(effects, [Effect::Open(Next::Earlier(GoOn::Resume, "2".into()))]);
}

#[test]
fn who_chooses_no_thread_to_begin_with_leaves() {
    let mut app = app();
    let threads = vec![Choice { label: "one".into(), is_here: true, ..Choice::default() }];
    app.update(Input::Threads { how: GoOn::Resume, threads, unreadable: 0 });
    assert_eq!(type_in(&mut app, "<esc>"), [Effect::Leave]);
}

#[test]
fn a_thread_that_is_gone_on_with_is_seen_as_it_was() {
    let record = |event| Record { seq: None, at: String::new(), event, wire: vec![] };
    let answer = |id: &str, text| match said(text) {
        Event::ItemCompleted { item } => {
            record(Event::ItemCompleted { item: ThreadItem { id: id.into(), ..item } })
        }
        other => panic!("{other:?}"),
    };
    let answers = [answer("1", "Mended."), answer("2", "Yes.")];
    let records =
        [&[record(Event::TurnStarted {})], &answers[..], &[record(turn_completed())]].concat();
    let mut app = app();
    app.remember(&records);
    assert!(app.has_turns() && !app.is_running());
    assert_eq!(shown(&mut app).0, ["", "Mended.", "", "Yes."]);
}

#[test]
fn one_goes_back_to_an_earlier_message_and_says_with_what() {
    let mut app = app();
    let message = |id: &str, text: &str| {
        let details = ItemDetails::UserMessage { text: text.into() };
        let item =
            ThreadItem { id: id.into(), details, call_id: None, step: None, duration_ms: None };
        Event::ItemCompleted { item }
    };
    type_in(&mut app, "<esc><esc>");
    assert!(shown(&mut app).1[0].starts_with('›'), "there is nothing to go back to");
    for (id, text) in [("1", "first"), ("2", "second")] {
        happened(&mut app, Event::TurnStarted {});
        happened(&mut app, message(id, text));
        happened(&mut app, Event::TurnFailed(turn_failed(ErrorKind::Interrupted)));
    }
    type_in(&mut app, "<esc>");
    assert!(shown(&mut app).1.last().unwrap().contains("esc again"));
    type_in(&mut app, "<esc>");
    assert!(shown(&mut app).1.iter().any(|row| row.starts_with("› second")));
    type_in(&mut app, "first<enter>");
    let effects = type_in(&mut app, "conv<enter>");
    let back = Next::Rewind { turn: 1, scope: Scope::Conversation };
    assert_eq!(effects, [Effect::Open(back)]);
}

#[test]
fn what_was_seen_live_is_what_is_seen_when_the_thread_is_read_back() {
    let record = |event: Event| Record { seq: None, at: String::new(), event, wire: vec![] };
    let command = |status, output: &str| {
        let command = CommandExecution {
            status,
            exit_code: (status == Status::Completed).then_some(0),
            aggregated_output: output.into(),
            ..CommandExecution::begun("/bin/bash -c 'make'")
        };
        let details = ItemDetails::CommandExecution(command);
        let call_id = Some("c".to_owned());
        ThreadItem { id: "i2".into(), details, call_id, step: Some(1), duration_ms: None }
    };
    let (call_id, reason) = ("c".to_owned(), "It wants more.".to_owned());
    let action = Action::Note;
    let events = [
        thread_started(),
        Event::TurnStarted {},
        Event::StepStarted { step: 1 },
        delta(DeltaField::Reasoning, "Hm"),
        Event::ItemStarted { item: command(Status::InProgress, ""), rule: None },
        Event::ApprovalRequested {
            call_id: call_id.clone(),
            action,
            reason,
            rule: None,
            lifts: None,
            prefix: None,
        },
        Event::ApprovalResolved { call_id, decision: Decision::Once, rule: None },
        Event::ItemDelta { item_id: "i2".into(), field: DeltaField::Output, delta: "cc".into() },
        Event::ItemCompleted { item: command(Status::Completed, "cc a.c\n") },
        delta(DeltaField::Text, "It "),
        said("It works."),
        Event::TurnFailed(turn_failed(ErrorKind::Interrupted)),
    ];
    let mut live = app();
    let mut lines = Vec::new();
    for event in &events {
        live.update(Input::Record(Box::new(record(event.clone()))));
        lines.extend(shown(&mut live).0);
    }
    let kept: Vec<_> =
        events.iter().filter(|event| event.is_durable()).cloned().map(record).collect();
    let mut read_back = app();
    read_back.remember(&kept);
    assert_eq!(shown(&mut read_back).0, lines);
    assert_eq!(shown(&mut read_back).1, shown(&mut live).1);
}

#[test]
fn a_thread_is_given_a_name() {
    let mut app = app();
    assert_eq!(type_in(&mut app, "/name the parser<enter>"), [Effect::Name("the parser".into())]);
    assert_eq!(type_in(&mut app, "/clear<enter>"), [Effect::Open(Next::New)]);
}

#[test]
fn a_new_thread_is_kept_apart_from_what_was_said_before() {
    let mut app = app();
    happened(&mut app, said("Done."));
    shown(&mut app);
    assert_eq!(type_in(&mut app, "/new<enter>"), [Effect::Open(Next::New)]);
    app.clear();
    assert_eq!(shown(&mut app).0, ["", "• A new thread begins here."]);
    app.clear();
    assert!(shown(&mut app).0.is_empty(), "that was another command");
}

#[test]
fn a_tab_in_what_was_said_first_moves_no_column() {
    let mut app = App::new(Theme::colourless(), 60, 12);
    let thread = |label: &str| Choice {
        value: label.into(),
        label: label.into(),
        note: "1 turn".into(),
        is_here: true,
        is_current: false,
    };
    let threads = vec![thread("a\tb"), thread("a somewhat longer one")];
    app.update(Input::Threads { how: GoOn::Resume, threads, unreadable: 0 });
    let rows = shown(&mut app).1;
    let columns: Vec<_> = rows.iter().filter_map(|row| row.find("1 turn")).collect();
    assert!(columns.len() == 2 && columns[0] - "›".len() + 1 == columns[1], "{rows:#?}");
    assert!(!rows.join("").contains('\t'), "{rows:#?}");
}

#[test]
fn a_long_first_message_hides_nothing_of_what_is_said_of_any_thread() {
    let mut app = App::new(Theme::colourless(), 60, 12);
    let thread = |label: &str, note: &str| Choice {
        value: label.into(),
        label: label.into(),
        note: note.into(),
        ..Choice::default()
    };
    let long = "Mend the parser, and then look at each of its tests, one after the other";
    let threads =
        vec![thread(long, "/w, 3 turns, 2 h ago"), thread("short", "/v, 1 turn, 1 d ago")];
    app.update(Input::Threads { how: GoOn::Resume, threads, unreadable: 0 });
    let before = shown(&mut app).1;
    for text in ["Mend the parser, and", "… ", "/w, 3 turns, 2 h ago", "/v, 1 turn, 1 d ago"] {
        assert!(before.iter().any(|row| row.contains(text)), "{text}: {before:#?}");
    }
    type_in(&mut app, "<tab>");
    assert_eq!(shown(&mut app).1, before, "none is here, so that there is nowhere else");
}

#[test]
fn a_line_break_in_the_name_of_the_directory_is_seen() {
    let mut app = App::new(Theme::colourless(), 80, 24);
    let Event::ThreadStarted(thread) = thread_started() else { unreachable!() };
    let thread = ThreadStarted { cwd: "/home/me/a\nb".into(), ..thread };
    happened(&mut app, Event::ThreadStarted(thread));
    assert!(shown(&mut app).0.contains(&"/home/me/a<U+000A>b".to_owned()));
}

#[test]
fn threads_that_cannot_be_read_are_counted_where_one_is_chosen() {
    let mut app = App::new(Theme::colourless(), 100, 24);
    app.update(Input::Threads { how: GoOn::Resume, threads: vec![], unreadable: 1 });
    let said = shown(&mut app).0.join("\n");
    assert!(said.contains("1 cannot be read; `agent threads` says why."), "{said}");
    let threads = vec![Choice { label: "mend it".into(), is_here: true, ..Choice::default() }];
    app.update(Input::Threads { how: GoOn::Resume, threads, unreadable: 2 });
    let rows = shown(&mut app).1;
    let title = "Go on with which thread? 2 cannot be read; `agent threads` says why.";
    assert!(rows.contains(&title.to_owned()), "{rows:?}");
}
