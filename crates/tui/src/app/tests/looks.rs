//! How it all looks.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Style};

use super::*;
use crate::theme::{Background, Colours, Look, Scheme};

#[test]
fn the_line_of_facts_says_what_the_person_wants_and_a_key_takes_it_away() {
    let mut app = app();
    happened(&mut app, thread_started());
    let last = |app: &mut App| shown(app).1.last().unwrap().clone();
    assert_eq!(last(&mut app), "gpt-6-sol · workspace-write · project");
    let names = ["git-branch", "no-such-thing", "weekly-limit", "model-with-reasoning"];
    let facts = Facts {
        effort: Some("high".into()),
        branch: Some("main".into()),
        status_line: Some(names.map(str::to_owned).into()),
        ..Facts::default()
    };
    app.update(Input::Facts(facts.clone()));
    let (finished, region) = shown(&mut app);
    assert_eq!(region.last().unwrap(), "main · gpt-6-sol high");
    let told = finished.join(" ");
    assert!(told.contains("`no-such-thing`") && told.contains("model, directory"), "{told}");
    assert!(!told.contains("weekly-limit"), "it is Codex's: {told}");
    app.update(Input::Facts(facts));
    assert!(shown(&mut app).0.is_empty(), "it is told once");
    let names = Some(vec!["connection".to_owned()]);
    app.update(Input::Facts(Facts { status_line: names, ..Facts::default() }));
    assert_eq!(last(&mut app), "", "nothing was sent yet");
    happened(&mut app, Event::RequestSent { transport: TransportKind::Websocket });
    assert_eq!(last(&mut app), "WebSocket");
    happened(
        &mut app,
        Event::TransportRetry {
            attempt: 1,
            max: 0,
            delay_ms: 0,
            kind: ErrorKind::Network,
            message: "it was reset".into(),
        },
    );
    assert_eq!(last(&mut app), "reconnecting");
    happened(&mut app, step_completed(1));
    assert_eq!(last(&mut app), "WebSocket");
    type_in(&mut app, "<f2>");
    assert_eq!(last(&mut app), "›");
    type_in(&mut app, "<c-c>");
    assert_eq!(last(&mut app), "ctrl-c again leaves");
}

/// A screen of this width to which something has happened.
fn played(columns: u16, theme: Theme, play: fn(&mut App)) -> App {
    let mut app = App::new(theme, columns, 24);
    app.update(Input::Prompts(vec![]));
    happened(&mut app, thread_started());
    play(&mut app);
    app
}

/// The region at a width, as it is drawn.
fn screen(columns: u16, play: fn(&mut App)) -> String {
    let (finished, region) = shown(&mut played(columns, Theme::default(), play));
    [finished, region].concat().join("\n")
}

/// The same, every styled piece in brackets behind its colours and modifiers.
fn styled_screen(columns: u16, theme: Theme, play: fn(&mut App)) -> String {
    let Frame { finished, region, .. } = played(columns, theme, play).draw();
    let rows = finished.iter().map(|line| {
        let mut row = Buffer::empty(Rect::new(0, 0, columns, 1));
        row.set_line(0, 0, line, columns);
        styled(&row, 0)
    });
    let rows: Vec<_> = rows.chain((0..region.area.height).map(|y| styled(&region, y))).collect();
    rows.join("\n")
}

fn styled(cells: &Buffer, y: u16) -> String {
    let mut pieces: Vec<(String, String)> = Vec::new();
    let mut x = 0;
    while x < cells.area.width {
        let cell = &cells[(x, y)];
        let marks = marks(cell.style());
        match pieces.last_mut() {
            Some((last, text)) if *last == marks => text.push_str(cell.symbol()),
            _ => pieces.push((marks, cell.symbol().to_owned())),
        }
        x += u16::try_from(crate::width::of(cell.symbol())).unwrap().max(1);
    }
    let piece = |(marks, text): &(String, String)| match marks.is_empty() {
        true => text.clone(),
        false => format!("[{marks}|{text}]"),
    };
    pieces.iter().map(piece).collect::<String>().trim_end().to_owned()
}

fn marks(style: Style) -> String {
    let colour = |lead: &str, colour: Option<Color>| {
        let colour = colour.filter(|colour| *colour != Color::Reset)?;
        Some(format!("{lead}{colour}").to_lowercase())
    };
    let modifiers = style.add_modifier.iter_names().map(|(name, _)| name.to_lowercase());
    let colours = [colour("", style.fg), colour("on ", style.bg)].into_iter().flatten();
    colours.chain(modifiers).collect::<Vec<_>>().join(" ")
}

fn states() -> Vec<(&'static str, Play)> {
    let mut states: Vec<(_, Play)> = vec![
        ("idle", |_| {}),
        ("at_work", |app| {
            type_in(app, "mend it<enter>");
            step_started(app);
            happened(app, running("/bin/bash -c 'cargo test'"));
            let output = delta(DeltaField::Output, "running 3 tests\ntest a ... ok\n");
            let Event::ItemDelta { field, delta, .. } = output else { unreachable!() };
            happened(app, Event::ItemDelta { item_id: "i9".into(), field, delta });
            type_in(app, "and then this<tab>");
        }),
        ("speaking", |app| {
            step_started(app);
            happened(app, delta(DeltaField::Text, "It fails because `tr` does\n\n- one\n- two"));
        }),
        ("writing_a_patch", |app| {
            step_started(app);
            let written = "@@ fn greet() {\n     let name = user();\n-    println!(\"Hi\");\n+    println!(\"Hi, {name}\");\n";
            happened(app, patch_delta(0, "/home/me/project/src/app.rs", written));
            happened(
                app,
                patch_delta(1, "/home/me/project/docs/greeting.md", &"+A line\n".repeat(20)),
            );
            happened(
                app,
                patch_delta(
                    1,
                    "/home/me/project/docs/greeting.md",
                    "+The \u{1b}[2Jlast one so far is long enough to be cut\n",
                ),
            );
        }),
        ("asking", |app| {
            step_started(app);
            happened(app, running("/bin/bash -c 'cargo publish'"));
            let action = Action::Run {
                command: "cargo publish --token \u{202e}x".into(),
                cwd: "/home/me/project".into(),
                escalated: true,
                justification: None,
                terminal: false,
            };
            let (call_id, reason) = ("c".into(), "May I publish this crate?".into());
            happened(
                app,
                Event::ApprovalRequested {
                    call_id,
                    action,
                    reason,
                    rule: None,
                    lifts: None,
                    prefix: None,
                },
            );
        }),
        ("completing", |app| {
            type_in(app, "/re");
        }),
        ("choosing", |app| {
            type_in(app, "/sandbox<enter>");
        }),
        ("status", |app| {
            type_in(app, "/status<enter>");
        }),
        ("waiting", |app| {
            step_started(app);
            type_in(app, "not like that<enter>one more<enter><up>");
            type_in(app, "and then this<tab>");
        }),
        ("patched", |app| {
            let diff = "@@ -1,2 +1,2 @@\n fn main() {\n-    let a = 1;\n+    let b = \"b\";\n";
            let Event::PatchDelta { change, .. } = patch_delta(0, "/home/me/project/a.rs", diff)
            else {
                unreachable!()
            };
            let details =
                ItemDetails::FileChange { changes: vec![change], status: Status::Completed };
            let call_id = Some("c".to_owned());
            let item =
                ThreadItem { id: "i5".into(), details, call_id, step: None, duration_ms: None };
            happened(app, Event::ItemCompleted { item });
            happened(app, said("Mended, see [the book](https://example.com/)."));
        }),
        ("trusting", |app| {
            let name = ".codex/config.toml".to_owned();
            let asks_trust = TrustQuestion {
                directory: "/home/me/project".to_owned(),
                is_new: true,
                files: vec![Changed { name, change: Change::New }],
            };
            app.update(Input::Facts(Facts { asks_trust: Some(asks_trust), ..Facts::default() }));
            type_in(app, "mend it<enter>");
        }),
        ("failed", |app| {
            step_started(app);
            let mut failed = turn_failed(ErrorKind::Network);
            failed.error.message = "the connection was refused".into();
            happened(app, Event::TurnFailed(failed));
        }),
    ];
    states.extend(super::thinking::STATES);
    states.extend(super::together::STATES);
    states
}

#[test]
fn the_screen_in_each_of_its_states() {
    for (name, play) in states() {
        for columns in [40, 80, 200] {
            insta::assert_snapshot!(format!("{name}_at_{columns}"), screen(columns, play));
        }
    }
}

#[test]
fn the_smallest_screen_in_each_of_its_states() {
    let state = |(name, play): (&str, Play)| {
        let mut app = App::new(Theme::default(), 40, 10);
        app.update(Input::Prompts(vec![]));
        happened(&mut app, thread_started());
        play(&mut app);
        let rows = shown(&mut app).1;
        assert!(rows.len() <= 10, "{name}: {rows:#?}");
        format!("== {name} ==\n{}\n", rows.join("\n"))
    };
    let all: String = states().into_iter().map(state).collect();
    insta::assert_snapshot!(all);
}

#[test]
fn of_the_facts_those_that_do_not_fit_are_left_out() {
    let mut app = App::new(Theme::colourless(), 24, 12);
    happened(&mut app, thread_started());
    assert_eq!(shown(&mut app).1.last().unwrap(), "gpt-6-sol");
}

#[test]
fn the_screen_in_each_of_its_looks() {
    let all = Look {
        colours: Colours::All,
        background: Background::Dark,
        scheme: Scheme::Auto,
        unicode: true,
    };
    let looks = [
        ("dark", all),
        ("light", Look { background: Background::Light, ..all }),
        ("sixteen", Look { colours: Colours::Sixteen, ..all }),
        ("colourless", Look { colours: Colours::None, ..all }),
        ("ascii", Look { colours: Colours::None, unicode: false, ..all }),
    ];
    for (name, look) in looks {
        for columns in [40, 80, 200] {
            let state = |(name, play): (&str, Play)| {
                format!("== {name} ==\n{}\n", styled_screen(columns, look.theme(), play))
            };
            let all: String = states().into_iter().map(state).collect();
            insta::assert_snapshot!(format!("{name}_at_{columns}"), all);
        }
    }
}
