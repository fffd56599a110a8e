//! Whatever happens, in whatever order and size: the screen can be drawn, and nothing steers the terminal.

use super::*;

/// Something that may happen at any time.
fn anything() -> impl proptest::strategy::Strategy<Value = Input> {
    use proptest::prelude::*;
    let key = proptest::sample::select(vec![
        "a",
        "y",
        "n",
        "t",
        "q",
        "/",
        "@",
        "!",
        "?",
        "g",
        "G",
        " ",
        "한",
        "<enter>",
        "<esc>",
        "<tab>",
        "<up>",
        "<down>",
        "<pageup>",
        "<pagedown>",
        "<bs>",
        "<c-c>",
        "<c-t>",
        "<c-o>",
        "<a-t>",
        "<c-r>",
        "<c-u>",
        "<c-g>",
        "<s-enter>",
        "<f2>",
        "<home>",
        "<end>",
    ]);
    let command = proptest::sample::select(vec![
        "new", "model", "sandbox", "status", "help", "keys", "ps", "rewind", "theme", "vim",
        "copy", "export x", "resume", "nonsense",
    ]);
    let event = proptest::sample::select(vec![
        thread_started(),
        Event::TurnStarted {},
        Event::StepStarted { step: 1 },
        delta(DeltaField::Text, "word *and* `more`\n\n- a list\n"),
        delta(DeltaField::Reasoning, "**Hm**\nthinking"),
        running("/bin/bash -c 'make'"),
        of_step("a", Status::InProgress),
        of_step("a", Status::Failed),
        of_step("b", Status::InProgress),
        of_step("b", Status::Completed),
        step_completed(1),
        said("It is so.\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
        Event::Error { message: "\u{1b}[31mno\n\u{202e}".into() },
        Event::ApprovalRequested {
            call_id: "c".into(),
            action: Action::Edit {
                paths: vec!["/a/b".into(); 30],
                beyond: vec![],
                changes: vec![agent_protocol::FileChange {
                    path: "/a/b".into(),
                    kind: agent_protocol::ChangeKind::Update,
                    additions: Some(1),
                    deletions: None,
                    diff: Some("@@ @@\n+\u{1b}[31mno\n\u{202e}\n@@ @@ x\n-y\n".into()),
                    diff_truncated: false,
                    move_path: Some("/c".into()),
                }],
            },
            reason: "Why not?".into(),
            rule: None,
            lifts: None,
            prefix: None,
        },
        Event::ApprovalResolved { call_id: "c".into(), decision: Decision::Once, rule: None },
        Event::TurnFailed(turn_failed(ErrorKind::Network)),
    ]);
    let record = |event| Record { seq: None, at: String::new(), event, wire: vec![] };
    prop_oneof![
        6 => key.prop_map(|key| Input::Key(keys(key).unwrap()[0])),
        1 => command.prop_map(|name| Input::Paste(format!("/{name}"))),
        4 => event.prop_map(move |event| Input::Record(Box::new(record(event)))),
        1 => (1_u16..130, 1_u16..45).prop_map(|(columns, rows)| Input::Resize { columns, rows }),
        1 => Just(files("", &["a.rs", "b c.rs"])),
        1 => Just(Input::Page { title: "T".into(), page: Page::Plain("row\n".repeat(60)) }),
        1 => (0_u64..100_000).prop_map(Input::Tick),
    ]
}

/// A command of the first step.
fn of_step(id: &str, status: Status) -> Event {
    let command = CommandExecution {
        status,
        aggregated_output: "a\n\nb\tc\n".repeat(9),
        ..CommandExecution::begun("make 한")
    };
    let (id, details) = (id.to_owned(), ItemDetails::CommandExecution(command));
    let item = ThreadItem { id, details, call_id: None, step: Some(1), duration_ms: Some(1) };
    match status {
        Status::InProgress => Event::ItemStarted { item, rule: None },
        _ => Event::ItemCompleted { item },
    }
}

proptest::proptest! {
    #[test]
    fn whatever_happens_it_can_be_drawn_and_fits(
        inputs in proptest::collection::vec(anything(), 0..60)
    ) {
        let mut app = App::new(Theme::default(), 80, 24);
        let (mut columns, mut rows) = (80, 24);
        for input in inputs {
            if let Input::Resize { columns: c, rows: r } = input {
                (columns, rows) = (c, r);
            }
            app.update(input);
            let Frame { region, cursor, .. } = app.draw();
            let area = region.area;
            proptest::prop_assert_eq!(area.width, columns);
            proptest::prop_assert!(area.height <= rows, "{} of {}", area.height, rows);
            proptest::prop_assert!(
                cursor.is_none_or(|cursor| cursor.x < columns && cursor.y < rows),
                "{cursor:?} in {area}"
            );
        }
    }
}

/// Each kind of item, with what would steer a terminal in each of its texts.
fn hostile() -> Vec<Event> {
    const EVIL: &str = "a\u{1b}[2Jb\u{1b}]0;t\u{7}c\u{9b}31m\u{202e}d\r\u{8}e\u{1b}";
    let evil = || EVIL.to_owned();
    let command = CommandExecution {
        aggregated_output: evil(),
        status: Status::Failed,
        exit_code: Some(1),
        ..CommandExecution::begun(format!("/bin/bash -c '{EVIL}'"))
    };
    let change = agent_protocol::FileChange {
        path: EVIL.into(),
        kind: agent_protocol::ChangeKind::Update,
        additions: Some(1),
        deletions: Some(1),
        diff: Some(format!("--- a/{EVIL}\n+++ b/{EVIL}\n@@ -1 +1 @@\n-{EVIL}\n+{EVIL}\n")),
        diff_truncated: false,
        move_path: None,
    };
    let todo = agent_protocol::Todo { text: evil(), completed: false, in_progress: true };
    let looks = ItemDetails::ToolCall {
        tool: "read_file".into(),
        subject: evil(),
        summary: evil(),
        status: Status::Completed,
    };
    let details = vec![
        ItemDetails::UserMessage { text: evil() },
        ItemDetails::AgentMessage {
            text: format!("{EVIL}\n\n`{EVIL}`\n"),
            phase: None,
            partial: false,
        },
        ItemDetails::Reasoning { text: evil() },
        ItemDetails::CommandExecution(command.clone()),
        ItemDetails::CommandExecution(command),
        looks.clone(),
        looks,
        ItemDetails::FileChange { changes: vec![change], status: Status::Completed },
        ItemDetails::ToolCall {
            tool: evil(),
            subject: evil(),
            summary: evil(),
            status: Status::Completed,
        },
        ItemDetails::WebSearch { query: evil(), action: "x".into(), search_id: evil() },
        ItemDetails::TodoList { items: vec![todo] },
        ItemDetails::Error { message: evil() },
    ];
    let item = |(number, details): (usize, ItemDetails)| {
        let id = format!("h{number}");
        ThreadItem { id, details, call_id: None, step: Some(1), duration_ms: None }
    };
    let items: Vec<_> = details.into_iter().enumerate().map(item).collect();
    let begun = items.iter().map(|item| Event::ItemStarted { item: item.clone(), rule: None });
    let done = items.iter().map(|item| Event::ItemCompleted { item: item.clone() });
    let Event::ThreadStarted(thread) = thread_started() else { unreachable!() };
    let thread = ThreadStarted { model: evil(), provider: evil(), cwd: EVIL.into(), ..thread };
    let failed = turn_failed(ErrorKind::Server);
    let error = TurnError { message: evil(), ..failed.error.clone() };
    let others = [
        Event::ThreadStarted(thread),
        Event::TurnStarted {},
        delta(DeltaField::Text, EVIL),
        delta(DeltaField::Reasoning, EVIL),
        super::patch_delta(0, EVIL, EVIL),
        Event::ToolRejected {
            call_id: evil(),
            tool: evil(),
            reason: agent_protocol::RejectReason::Policy,
            message: evil(),
            rule: Some(evil()),
        },
        Event::ProcessReaped { pid: 1, command: evil(), reason: evil() },
        Event::ApprovalRequested {
            call_id: "c".into(),
            action: Action::Run {
                command: evil(),
                cwd: EVIL.into(),
                escalated: true,
                justification: Some(evil()),
                terminal: false,
            },
            reason: evil(),
            rule: Some(evil()),
            lifts: Some(evil()),
            prefix: Some(vec![evil()]),
        },
        Event::ApprovalResolved { call_id: "c".into(), decision: Decision::Once, rule: None },
        Event::TransportRetry {
            attempt: 1,
            max: 2,
            delay_ms: 1,
            kind: ErrorKind::Network,
            message: evil(),
        },
        Event::TurnFailed(TurnFailed { error, ..failed }),
    ];
    others.into_iter().chain(begun).chain(done).collect()
}

#[test]
fn nothing_that_a_model_or_a_command_printed_steers_the_terminal() {
    for columns in [7, 40, 200] {
        let mut app = App::new(Theme::default(), columns, 24);
        let harmless = |text: &str| {
            assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        };
        let check = |app: &mut App| {
            let Frame { finished, region, .. } = app.draw();
            finished.iter().flat_map(|line| &line.spans).for_each(|span| harmless(&span.content));
            region.content.iter().for_each(|cell| harmless(cell.symbol()));
        };
        for event in hostile() {
            let record = Record { seq: None, at: String::new(), event, wire: vec![] };
            app.update(Input::Record(Box::new(record)));
            check(&mut app);
        }
        for keys in ["<c-t>", "<end>", "<esc>", "<c-o>", "q", "/status<enter>", "/rewind<enter>"] {
            type_in(&mut app, keys);
            check(&mut app);
        }
    }
}
