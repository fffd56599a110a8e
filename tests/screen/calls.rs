//! Calls of one step: seen side by side while they run, and once in the scrollback.

use super::*;

/// Two commands, each of which waits until something is written into a pipe of its name.
fn two_that_wait() -> (Scene, ScriptedServer, PtyScreen) {
    let model = ScriptedModel::new()
        .calls_at_once([
            ("exec_command", json!({"cmd": "cat one"})),
            ("exec_command", json!({"cmd": "cat two; exit 3"})),
        ])
        .says("So much for both.");
    let server = model.serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.fifo("one");
    scene.fifo("two");
    let screen = scene.screen(&["-m", "scripted", "-s", "read-only"], COLUMNS, ROWS);
    (scene, server, screen)
}

/// A row that shows both of them, behind these signs.
fn beside(rows: &[String], one: &str, two: &str) -> usize {
    let is_it = |row: &&String| {
        row.contains(&format!("{one} cat one")) && row.contains(&format!("{two} cat two; exit 3"))
    };
    rows.iter().filter(is_it).count()
}

/// What is to be seen of it from here on.
fn after<'a>(rows: &'a [String], begin: &str) -> Vec<&'a String> {
    let rows = rows.iter().skip_while(|row| !row.starts_with(begin));
    rows.take_while(|row| !row.starts_with("So much") && !row.starts_with("I go on")).collect()
}

#[test]
fn commands_that_run_at_a_time_stand_side_by_side_and_read_back_they_look_the_same() {
    let (scene, _server, mut screen) = two_that_wait();
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_for("Running 2 commands");
    screen.wait_until("both are seen", |screen| beside(&rows(screen), "•", "•") == 1);
    std::fs::write(scene.workspace().join("two"), "second\n").unwrap();
    screen.wait_for("Running 2 commands, 1 failed");
    screen.wait_until("one runs", |screen| beside(&rows(screen), "•", "✗") == 1);
    std::fs::write(scene.workspace().join("one"), "first\n").unwrap();
    screen.wait_for("So much for both.");
    wait_until_ready(&screen);
    let left = leave(screen);
    let said = |text: &str| left.rows.iter().filter(|row| row.contains(text)).count();
    assert_eq!((said("Ran 2 commands, 1 failed"), said("Running")), (1, 0), "{:#?}", left.rows);
    assert_eq!(beside(&left.rows, "✓", "✗"), 1, "{:#?}", left.rows);

    let args = ["resume", "--last", "-m", "scripted", "-s", "read-only"];
    let screen = scene.screen(&args, COLUMNS, ROWS);
    screen.wait_for("So much for both.");
    let again = leave(screen);
    assert_eq!(after(&again.rows, "▌ go"), after(&left.rows, "▌ go"));
}

fn rows(screen: &PtyScreen) -> Vec<String> {
    screen.screen().lines().map(str::to_owned).collect()
}

#[test]
fn all_that_one_of_them_printed_is_opened_from_the_conversation() {
    let model = ScriptedModel::new()
        .calls_at_once([
            ("exec_command", json!({"cmd": "seq 1 30"})),
            ("exec_command", json!({"cmd": "seq 101 130"})),
        ])
        .says("So much for both.");
    let (_scene, _server, mut screen) = start(model);
    wait_until_ready(&screen);
    screen.press("go<enter>");
    screen.wait_for("So much for both.");
    wait_until_ready(&screen);
    assert!(!screen.scrollback().iter().any(|row| row.trim() == "101"), "a part is shown");
    screen.press("<c-t>");
    screen.wait_for("The conversation");
    screen.press("g<tab><tab><enter>");
    screen.wait_for("seq 101 130\n101\n102");
    screen.press("qq");
    wait_until_ready(&screen);
    leave(screen);
}

#[test]
fn r10_esc_ends_what_runs_and_what_it_changed_and_printed_stays() {
    let model = ScriptedModel::new()
        .calls_at_once([
            ("exec_command", json!({"cmd": "echo kept > kept; echo printed; exec sleep 1000"})),
            ("exec_command", json!({"cmd": "echo over"})),
        ])
        .says("I go on.");
    let server = model.serve();
    let scene = Scene::new(AGENT).facing(&server);
    let args = ["-m", "scripted", "-s", "workspace-write"];
    let mut screen = scene.screen(&args, COLUMNS, ROWS);
    screen.wait_for("· workspace-write ·");
    screen.press("go<enter>");
    screen.wait_for("Running 2 commands, 1 done");
    screen.wait_until("it has begun", |screen| {
        rows(screen).iter().any(|row| row.trim() == "printed")
    });
    screen.press("<esc>");
    screen.wait_for("• Stopped.");
    screen.wait_until("nothing of it runs", |_| {
        !scene.inhabitants().iter().any(|command| command.contains("sleep"))
    });
    assert_eq!(scene.read("kept").unwrap(), "kept\n");
    screen.press("and now?<enter>");
    screen.wait_for("I go on.");
    let sent = server.frames().last().unwrap().json.to_string();
    assert!(sent.contains("stopped before it was done") && sent.contains("over"), "{sent}");
    screen.wait_until("it is over", |screen| !screen.screen().contains(RUNNING));
    let left = leave(screen);
    let rows = after(&left.rows, "▌ go");
    let said = |text: &str| rows.iter().filter(|row| row.contains(text)).count();
    assert_eq!(said("Ran 2 commands, 1 stopped"), 1, "{rows:#?}");
    for (text, count) in [("    printed", 1), ("    over", 1), ("• Stopped.", 1)] {
        assert_eq!(said(text), count, "{text}: {rows:#?}");
    }

    let args = ["resume", "--last", "-m", "scripted", "-s", "workspace-write"];
    let screen = scene.screen(&args, COLUMNS, ROWS);
    screen.wait_for("I go on.");
    let again = leave(screen);
    // For how long it ran is known only to who watched.
    let timeless = |rows: &[&String]| -> Vec<String> {
        let line = |row: &&String| {
            let cut = row.split_once("stopped after ").map(|(line, _)| format!("{line}stopped"));
            cut.unwrap_or_else(|| (*row).clone())
        };
        rows.iter().map(line).collect()
    };
    assert_eq!(timeless(&after(&again.rows, "▌ go")), timeless(&rows));
}
