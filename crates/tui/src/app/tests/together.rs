//! Calls of one step, shown as one.

use super::*;

/// What a step's calls do, one line each: `+ID COMMAND` begins, `?ID COMMAND` begins and waits for an answer, `>ID TEXT`
/// prints, `-ID CODE` ends; `r` instead of a number is a tool that looks at a file.
fn play(app: &mut App, step: u32, lines: &str) {
    for event in events(step, lines) {
        happened(app, event);
    }
}

fn events(step: u32, lines: &str) -> Vec<Event> {
    let mut begun = std::collections::HashMap::new();
    let event = |line: &str| {
        let (mark, rest) = line.split_at(1);
        let (id, text) = rest.split_once(' ').unwrap_or((rest, ""));
        match mark {
            "+" | "?" => {
                let item = call(id, step, text);
                begun.insert(id.to_owned(), item.clone());
                Event::ItemStarted { item, rule: (mark == "+").then(|| "the sandbox".into()) }
            }
            ">" => Event::ItemDelta {
                item_id: id.into(),
                field: DeltaField::Output,
                delta: format!("{}\n", text.replace('|', "\n")),
            },
            _ => Event::ItemCompleted { item: over(begun[id].clone(), text) },
        }
    };
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(event).collect()
}

fn call(id: &str, step: u32, text: &str) -> ThreadItem {
    let details = if id.starts_with('r') {
        ItemDetails::ToolCall {
            tool: "read_file".into(),
            subject: text.into(),
            summary: String::new(),
            status: Status::InProgress,
        }
    } else {
        ItemDetails::CommandExecution(CommandExecution::begun(format!("/bin/bash -c '{text}'")))
    };
    let call_id = Some(format!("c{id}"));
    ThreadItem { id: id.into(), details, call_id, step: Some(step), duration_ms: None }
}

/// What came of it: a code and what was printed, or how a file was looked at.
fn over(mut item: ThreadItem, text: &str) -> ThreadItem {
    item.duration_ms = Some(1_234);
    match &mut item.details {
        ItemDetails::CommandExecution(command) => {
            let (code, output) = text.split_once(' ').unwrap_or((text, ""));
            command.exit_code = code.parse().ok();
            command.aggregated_output = output.replace('|', "\n");
            command.status = match code {
                "0" => Status::Completed,
                "no" => Status::Declined,
                _ => Status::Failed,
            };
        }
        ItemDetails::ToolCall { summary, status, .. } => {
            text.clone_into(summary);
            let is_there = !text.starts_with("no such");
            *status = if is_there { Status::Completed } else { Status::Failed };
        }
        _ => unreachable!(),
    }
    item
}

const BEGUN: &str = "
    +1 cargo fmt --check
    +2 cargo clippy --all-targets
    +3 cargo test";

const ONE_FAILED: &str = "
    >1 Diff in src/lib.rs:3|-  a|+ a
    -1 1 Diff in src/lib.rs:3|-  a|+ a
    >2 Checking a v0.1.0|Checking b v0.1.0|Checking c v0.1.0|Checking d v0.1.0|Checking e v0.1.0|Checking f v0.1.0|Checking g v0.1.0
    ?4 git push";

const REST: &str = "
    -2 0 Checking g v0.1.0|Finished
    -4 no
    -3 0 running 2 tests|test a ... ok|test b ... ok|||test result: ok. 2 passed";

const LOOKS: &str = "
    +r1 src/main.rs
    +r2 src/a/module/that/lies/deep/within/the/tree.rs:1-400
    -r1 12 lines
    +r3 nowhere.rs";

fn under_way(app: &mut App) {
    app.update(Input::Tick(1_000));
    step_started(app);
    play(app, 1, BEGUN);
    app.update(Input::Tick(13_000));
}

fn one_failed(app: &mut App) {
    app.update(Input::Tick(1_000));
    step_started(app);
    play(app, 1, &format!("{BEGUN}{ONE_FAILED}"));
    app.update(Input::Tick(73_000));
}

fn finished(app: &mut App) {
    step_started(app);
    play(app, 1, &format!("{BEGUN}{ONE_FAILED}{REST}"));
    happened(app, said("So much for that."));
}

fn exploring(app: &mut App) {
    step_started(app);
    play(app, 1, LOOKS);
}

fn explored(app: &mut App) {
    step_started(app);
    play(app, 1, &format!("{LOOKS}\n-r3 no such file\n-r2 400 lines"));
    happened(app, said("So much for that."));
}

/// The screen while several calls are under way, and after.
pub(super) const STATES: [(&str, Play); 5] = [
    ("commands_at_a_time", under_way),
    ("commands_one_failed", one_failed),
    ("commands_finished", finished),
    ("looks_at_a_time", exploring),
    ("looks_finished", explored),
];

fn heading(rows: &[String]) -> Vec<&str> {
    let is_heading = |row: &&String| {
        ["Running", "Ran", "Explor", "$"].iter().any(|word| {
            row.trim_start_matches("• ").starts_with(word) && !row.contains("esc stops")
        })
    };
    rows.iter().filter(is_heading).map(String::as_str).collect()
}

#[test]
fn commands_of_a_step_are_one_cell_and_finished_once_when_its_step_is_over() {
    let mut app = app();
    step_started(&mut app);
    play(&mut app, 1, "+1 make a\n+2 make b\n-1 0 a");
    let (finished, region) = shown(&mut app);
    assert_eq!(heading(&region), ["• Running 2 commands, 1 done"]);
    assert!(finished.is_empty(), "{finished:#?}");
    play(&mut app, 1, "+3 make c\n-3 0 c\n+4 x\n-4 0 y");
    assert_eq!(heading(&shown(&mut app).1), ["• Running 4 commands, 3 done"]);
    happened(&mut app, over_event("2", "make b", "2 no rule"));
    let (finished, region) = shown(&mut app);
    assert_eq!(heading(&region), ["• Ran 4 commands, 1 failed"]);
    assert!(finished.is_empty(), "another may come: {finished:#?}");
    happened(&mut app, step_completed(1));
    let (finished, region) = shown(&mut app);
    assert_eq!(heading(&finished), ["• Ran 4 commands, 1 failed"]);
    assert!(heading(&region).is_empty(), "{region:#?}");
    assert!(shown(&mut app).0.is_empty(), "nothing is handed out twice");
}

fn over_event(id: &str, command: &str, text: &str) -> Event {
    Event::ItemCompleted { item: over(call(id, 1, command), text) }
}

#[test]
fn what_the_model_says_next_ends_the_cell_before_its_step_is_over() {
    let mut app = app();
    step_started(&mut app);
    play(&mut app, 1, "+1 make a\n+2 make b\n-1 0 a\n-2 0 b");
    assert!(shown(&mut app).0.is_empty());
    happened(&mut app, delta(DeltaField::Text, "Both "));
    assert_eq!(heading(&shown(&mut app).0), ["• Ran 2 commands"]);
    happened(&mut app, said("Both are made."));
    play(&mut app, 1, "+3 make c\n-3 0 c");
    happened(&mut app, step_completed(1));
    assert_eq!(heading(&shown(&mut app).0), ["$ make c"]);
}

#[test]
fn calls_of_other_steps_and_of_the_person_stand_for_themselves() {
    let mut app = app();
    step_started(&mut app);
    play(&mut app, 1, "+1 make a\n-1 0 a");
    happened(&mut app, step_completed(1));
    happened(&mut app, Event::StepStarted { step: 2 });
    play(&mut app, 2, "+2 make b\n-2 0 b\n+r1 a.rs\n-r1 1 line");
    happened(&mut app, step_completed(2));
    let own = ThreadItem { step: None, ..over(call("4", 2, "mine"), "0") };
    happened(&mut app, Event::ItemCompleted { item: own });
    let (finished, _) = shown(&mut app);
    assert_eq!(heading(&finished), ["$ make a", "$ make b", "$ mine"]);
    assert!(finished.contains(&"• Read a.rs: 1 line".to_owned()), "{finished:#?}");
}

#[test]
fn the_conversation_and_the_output_pages_show_each_command_in_full() {
    let mut app = App::new(Theme::colourless(), 40, 24);
    step_started(&mut app);
    play(&mut app, 1, "+1 make a\n+2 make b\n-1 0 1|2|3|4|5|6|7|8|9|10\n-2 0 b");
    happened(&mut app, step_completed(1));
    let (finished, _) = shown(&mut app);
    assert!(finished.contains(&"    … 5 lines before".to_owned()), "{finished:#?}");
    type_in(&mut app, "<c-t>g");
    let pager = shown(&mut app).1;
    assert!(pager.contains(&"$ make a".to_owned()) && pager.contains(&"  1".to_owned()));
    type_in(&mut app, "<tab><enter>");
    let page = shown(&mut app).1;
    assert_eq!((page[0].as_str(), page[1].as_str()), ("make a", "1"));
}

#[test]
fn of_many_commands_those_that_run_are_seen_on_few_rows() {
    let mut app = App::new(Theme::colourless(), 40, 14);
    step_started(&mut app);
    let begun: String = (1..=20).map(|id| format!("+{id} sleep {id}\n>{id} a|b\n")).collect();
    let over: String = (1..=15).map(|id| format!("-{id} 0\n")).collect();
    play(&mut app, 1, &(begun + &over));
    let (_, region) = shown(&mut app);
    let rows: Vec<_> = region.iter().take_while(|row| !row.is_empty()).collect();
    let expected =
        ["• Running 20 commands, 15 done", "  • sleep 16  0 s", "  • sleep 17  0 s", "  … 18 more"];
    assert_eq!(rows, expected);
}

fn todo(number: usize) -> agent_protocol::Todo {
    let (completed, in_progress) = (number < 3, number == 3);
    agent_protocol::Todo { text: format!("Step {number}"), completed, in_progress }
}

#[test]
fn who_reads_what_was_said_earlier_has_the_rows_for_it() {
    for (rows, live) in [(10, 1), (24, 4)] {
        let mut app = App::new(Theme::colourless(), 40, rows);
        step_started(&mut app);
        let begun: String = (1..=9).map(|id| format!("+{id} make {id}\n")).collect();
        play(&mut app, 1, &begun);
        let all = shown(&mut app).1.len();
        app.read_back(true);
        let rows = shown(&mut app).1.len();
        assert!(rows <= live + 4, "{rows}: beside activity, composer and facts");
        app.read_back(false);
        assert_eq!(shown(&mut app).1.len(), all);
    }
}

#[test]
fn on_few_rows_calls_and_plan_are_shortened_and_neither_is_pushed_away() {
    let mut app = App::new(Theme::colourless(), 40, 10);
    step_started(&mut app);
    let details = ItemDetails::TodoList { items: (1..=12).map(todo).collect() };
    let item = ThreadItem { id: "p".into(), details, call_id: None, step: None, duration_ms: None };
    happened(&mut app, Event::ItemUpdated { item });
    let begun: String = (1..=9).map(|id| format!("+{id} make {id}\n>{id} a|b{id}\n")).collect();
    play(&mut app, 1, &begun);
    let frame = |app: &mut App, rows| {
        app.update(Input::Resize { columns: 40, rows });
        let (_, region) = shown(app);
        region[..region.len() - 4].to_vec()
    };
    let small = [
        "• Running 9 commands",
        "  • make 1  0 s",
        "  … 8 more",
        "[>] Step 3 (3 of 12)",
        "[ ] Step 4",
    ];
    assert_eq!(frame(&mut app, 10), small);
    asks_about(&mut app, "c1", "make 1");
    app.update(Input::Resize { columns: 40, rows: 13 });
    let asking = shown(&mut app).1;
    let beside = ["• Running 9 commands", "  • make 1  0 s", "[>] Step 3 (3 of 12)"];
    assert_eq!(asking[..3], beside, "{asking:#?}");
    let decision = Decision::Once;
    happened(&mut app, Event::ApprovalResolved { call_id: "c1".into(), decision, rule: None });
    let larger = frame(&mut app, 20);
    assert!(larger.len() <= 8, "about half of the screen: {larger:#?}");
    let shown = ["[x] Step 2", "[>] Step 3 (3 of 12)", "[ ] Step 4"];
    assert!(shown.iter().all(|row| larger.contains(&(*row).to_owned())), "{larger:#?}");
    let whole = frame(&mut app, 80);
    assert!(whole.contains(&"[ ] Step 12".to_owned()), "{whole:#?}");
    assert!(whole.contains(&"    b9".to_owned()), "{whole:#?}");
}

#[test]
fn on_few_rows_the_last_that_a_command_printed_is_seen_below_its_line() {
    let mut app = App::new(Theme::colourless(), 40, 10);
    step_started(&mut app);
    let line = format!("make {}", "it ".repeat(60));
    play(&mut app, 1, &format!("+1 {line}\n>1 a|b|c|d|e|f|g|h\n"));
    let (_, region) = shown(&mut app);
    let rows =
        ["$ make it it it it it it it it it it it", "  it it it it it it it it it it it it i…"];
    assert_eq!(region[..2], rows, "{region:#?}");
    assert_eq!(region[2..4], ["  … 7 lines before; ctrl-o shows them", "  h"], "{region:#?}");
}

/// What may happen in a thread, with its calls: some at a time, some not.
fn thread() -> impl proptest::strategy::Strategy<Value = Vec<Event>> {
    use proptest::prelude::*;
    let step = proptest::collection::vec(0_u8..8, 0..16);
    proptest::collection::vec(step, 1..5).prop_map(|steps| {
        let mut events = vec![Event::TurnStarted {}];
        for (step, choices) in (1..).zip(steps) {
            events.push(Event::StepStarted { step });
            one_step(step, &choices, &mut events);
            events.push(step_completed(step));
        }
        events.push(turn_completed());
        events
    })
}

fn one_step(step: u32, choices: &[u8], events: &mut Vec<Event>) {
    let mut open: Vec<ThreadItem> = vec![];
    for (number, choice) in choices.iter().enumerate() {
        let id = format!("{step}.{number}");
        match choice {
            0..=2 => open.push(call(&id, step, "make it")),
            3 => open.push(call(&format!("r{id}"), step, "a.rs")),
            4 => {
                events.push(Event::ItemDelta {
                    item_id: id.clone(),
                    field: DeltaField::Text,
                    delta: "It is\n\nso.".into(),
                });
                events.push(said_as(&id, "It is\n\nso."));
            }
            5 => events.push(Event::Error { message: "Hm.".into() }),
            _ if !open.is_empty() => {
                let item = open.remove(usize::from(*choice) % open.len());
                events.push(Event::ItemCompleted { item: over(item, "0 some|output") });
            }
            _ => {}
        }
        if let Some(item) = open.last().filter(|_| *choice <= 3) {
            let rule = Some("the sandbox".to_owned());
            events.push(Event::ItemStarted { item: item.clone(), rule });
        }
    }
    for item in open {
        events.push(Event::ItemCompleted { item: over(item, "1 some|output") });
    }
}

proptest::proptest! {
    /// Whenever a frame is drawn, what ends up in the scrollback is what a thread read back puts there.
    #[test]
    fn read_back_calls_stand_together_as_they_did(events in thread(), every in 1_usize..4) {
        let record = |event: Event| Record { seq: None, at: String::new(), event, wire: vec![] };
        let mut live = app();
        let mut seen = vec![];
        for (number, event) in events.iter().enumerate() {
            live.update(Input::Record(Box::new(record(event.clone()))));
            if number % every == 0 {
                seen.extend(live.draw().finished);
            }
        }
        seen.extend(live.draw().finished);
        let durable = events.into_iter().filter(Event::is_durable).map(record);
        let mut read_back = app();
        read_back.remember(&durable.collect::<Vec<_>>());
        proptest::prop_assert_eq!(seen, read_back.draw().finished);
    }
}

#[test]
fn of_several_questions_it_is_said_how_many_and_about_which_call() {
    let mut app = App::new(Theme::colourless(), 80, 24);
    step_started(&mut app);
    play(&mut app, 1, "?1 make a\n?2 make b");
    asks_about(&mut app, "c1", "make a");
    assert!(shown(&mut app).1.contains(&"Run this?".to_owned()), "one is not counted");
    asks_about(&mut app, "c2", "make b");
    let region = shown(&mut app).1.join("\n");
    for text in ["Run this? (1 of 2)", "make a  asked about below", "make b  waits for your"] {
        assert!(region.contains(text), "{text}: {region}");
    }
    let decision = Decision::Once;
    happened(&mut app, Event::ApprovalResolved { call_id: "c1".into(), decision, rule: None });
    assert!(shown(&mut app).1.contains(&"Run this?".to_owned()));
}
