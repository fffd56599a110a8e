//! A disk that is full for a while: nothing is done that cannot be recorded, and neither the screen nor a word is lost.

use agent_testkit::{PtyScreen, Scene, ScriptedModel};
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::json;

use super::{leave, sent_after, show, wait_until_ready};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// From now on no file of the agent's gets larger than this; none: as large as it will.
fn limit(screen: &PtyScreen, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(screen.pid()), Resource::Fsize, limit).unwrap();
}

/// The model has answered once, and nothing runs.
fn after_a_turn(scene: &Scene) -> PtyScreen {
    let mut screen = show(scene, &[]);
    screen.press("begin<enter>");
    screen.wait_for("First.");
    wait_until_ready(&screen);
    screen
}

fn rollout(scene: &Scene) -> String {
    std::fs::read_to_string(&scene.rollouts()[0]).unwrap()
}

#[test]
fn r14_a_message_that_cannot_be_recorded_is_there_again_and_is_sent_once_there_is_room() {
    let server = ScriptedModel::new().says("First.").says("Second.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = after_a_turn(&scene);
    let (frames, recorded) = (server.frames().len(), rollout(&scene));
    limit(&screen, Some(recorded.len() as u64));
    for tries in 1..=2 {
        screen.press(if tries == 1 { "carry on<enter>" } else { "<enter>" });
        screen.wait_until("it was said", |screen| {
            screen.scrollback().join("\n").matches("File too large").count() == tries
        });
        screen.wait_for("› carry on");
        assert_eq!(rollout(&scene), recorded);
    }
    // Nor is anything run.
    screen.press("<c-u>!touch made<enter>");
    screen.wait_until("it was said", |screen| {
        screen.scrollback().join("\n").matches("File too large").count() == 3
    });
    assert_eq!((scene.read("made"), server.frames().len()), (None, frames));
    limit(&screen, None);
    screen.press("carry on<enter>");
    screen.wait_for("Second.");
    wait_until_ready(&screen);
    leave(screen);
    let sent = sent_after(frames, &server);
    assert_eq!(sent.matches("carry on").count(), 1, "{sent}");
    let recorded = rollout(&scene);
    assert!(recorded.contains("File too large") && recorded.contains("Second."), "{recorded}");
}

#[test]
fn r14_other_threads_are_opened_or_not_and_the_screen_stays() {
    let server = ScriptedModel::new().says("First.").says("Second.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = after_a_turn(&scene);
    limit(&screen, Some(0));
    for (command, said) in [
        ("/new", "Cannot write"),
        ("/fork", "Cannot write"),
        ("/sandbox read-only", "The sandbox is read-only from here on."),
        ("/undo", "Nothing left to undo."),
        ("/rewind", "Cannot write"),
        ("/compact", "cannot write"),
    ] {
        screen.press(command);
        screen.press("<enter>");
        if command == "/rewind" {
            screen.wait_for("begin");
            screen.press("<enter><enter>");
        }
        screen.wait_for(said);
        wait_until_ready(&screen);
    }
    screen.press("carry on<enter>");
    screen.wait_for("What you sent was not heard; it is here again.");
    limit(&screen, None);
    screen.press("<enter>");
    screen.wait_for("Second.");
    wait_until_ready(&screen);
    leave(screen);
}

#[test]
fn r14_what_could_not_be_recorded_until_the_end_is_said_when_the_screen_is_gone() {
    let server = ScriptedModel::new().says("First.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let mut screen = after_a_turn(&scene);
    limit(&screen, Some(0));
    screen.press("carry on<enter>");
    screen.wait_for("What you sent was not heard; it is here again.");
    screen.press("<c-c><c-c>");
    let left = screen.finish();
    left.gave_the_terminal_back();
    assert_eq!(left.code, Some(1));
    let rows = left.rows.join("\n");
    assert!(rows.contains("error: cannot write") && rows.contains("resume --last"), "{rows}");
}

#[test]
fn r14_wherever_in_a_turn_the_disk_is_full_the_thread_goes_on_once_there_is_room() {
    let mut heard = 0;
    for more in (0..3_000).step_by(250) {
        let server = ScriptedModel::new()
            .says("First.")
            .calls("exec_command", json!({"cmd": "echo ran >> ran"}))
            .says("Second.")
            .says("Third.")
            .serve();
        let scene = Scene::new(AGENT).unrehearsed().facing(&server);
        let mut screen = after_a_turn(&scene);
        let recorded = rollout(&scene);
        limit(&screen, Some(recorded.len() as u64 + more));
        screen.press("carry on<enter>");
        screen.wait_for("File too large");
        wait_until_ready(&screen);
        assert!(rollout(&scene).starts_with(&recorded), "{more}");
        limit(&screen, None);
        let is_back = screen.screen().contains("› carry on");
        heard += usize::from(!is_back);
        screen.press(if is_back { "<enter>" } else { "and now<enter>" });
        screen.wait_until("it goes on", |screen| {
            ["Second.", "Third."].iter().any(|answer| screen.screen().contains(answer))
        });
        wait_until_ready(&screen);
        leave(screen);
        let records = rollout(&scene);
        for line in records.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        // As it is shown, and as it is sent.
        assert_eq!(records.matches("\"text\":\"carry on\"").count(), 2, "{more}");
        let ran = scene.read("ran").unwrap_or_default();
        assert!(ran.len() <= "ran\n".len(), "{more}: {ran}");
    }
    assert!(heard > 0);
}
