//! How it all looks.

use super::*;

#[test]
fn the_line_of_facts_says_what_the_person_wants_and_a_key_takes_it_away() {
    let mut app = app();
    happened(&mut app, thread_started());
    let last = |app: &mut App| shown(app).1.last().unwrap().clone();
    assert_eq!(last(&mut app), "gpt-6-sol · workspace-write · project");
    let names = ["git-branch", "no-such-thing", "model-with-reasoning"].map(str::to_owned);
    app.update(Input::Facts(Facts {
        effort: Some("high".into()),
        branch: Some("main".into()),
        status_line: Some(names.into()),
        ..Facts::default()
    }));
    assert_eq!(last(&mut app), "main · gpt-6-sol high");
    type_in(&mut app, "<f2>");
    assert_eq!(last(&mut app), "›");
    type_in(&mut app, "<c-c>");
    assert_eq!(last(&mut app), "ctrl-c again leaves");
}

/// The region at a width, as it is drawn.
fn screen(columns: u16, play: impl Fn(&mut App)) -> String {
    let mut app = App::new(Theme::default(), columns, 24);
    app.update(Input::Prompts(vec![]));
    happened(&mut app, thread_started());
    play(&mut app);
    let (finished, region) = shown(&mut app);
    [finished, region].concat().join("\n")
}

#[test]
fn the_screen_in_each_of_its_states() {
    type Play = fn(&mut App);
    let states: [(&str, Play); 9] = [
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
        ("thinking", |app| {
            step_started(app);
            happened(
                app,
                delta(DeltaField::Reasoning, "**Look**\nfirst, then\nrun, then\nmend it"),
            );
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
    ];
    for (name, play) in states {
        for columns in [40, 80, 200] {
            insta::assert_snapshot!(format!("{name}_at_{columns}"), screen(columns, play));
        }
    }
}

#[test]
fn of_the_facts_those_that_do_not_fit_are_left_out() {
    let mut app = App::new(Theme::colourless(), 24, 12);
    happened(&mut app, thread_started());
    assert_eq!(shown(&mut app).1.last().unwrap(), "gpt-6-sol");
}
