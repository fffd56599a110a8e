//! A picture goes with its message however that comes back to be sent: what looks like one is one.

use super::*;

const LABEL: &str = "[image a b.png]";

/// A scene with a picture outside the workspace, and its path.
fn with_picture(model: ScriptedModel) -> (Scene, ScriptedServer, std::path::PathBuf) {
    let (scene, server) = scene(model);
    let path = scene.home().join("a b.png");
    std::fs::write(&path, PICTURE).unwrap();
    (scene, server, path)
}

/// Writes `said` behind a picture that was dropped on the terminal.
fn write_with_picture(screen: &mut PtyScreen, picture: &std::path::Path, said: &str) {
    screen.paste(picture.to_str().unwrap());
    screen.wait_for(LABEL);
    screen.press(said);
    screen.wait_for(&format!("{LABEL} {said}"));
}

/// What was sent says this, and one picture went with it.
fn assert_sent_with_picture(said: &str, frames: usize, server: &ScriptedServer) {
    let sent = sent_after(frames, server);
    assert!(sent.contains(&format!("{LABEL} {said}")), "{sent}");
    assert_eq!(sent.matches("data:image/").count(), 1, "{sent}");
}

#[test]
fn a_message_that_was_gone_back_to_takes_its_picture_along() {
    let (scene, server, path) = with_picture(ScriptedModel::new().says("A dot."));
    let mut screen = show(&scene, &[]);
    write_with_picture(&mut screen, &path, "pic");
    screen.press("<enter>");
    screen.wait_for("A dot.");
    wait_until_ready(&screen);
    // Its bytes are in the rollout.
    std::fs::remove_file(&path).unwrap();
    screen.press("/rewind<enter>");
    screen.wait_for("Go back to before which message?");
    screen.press("<enter>");
    screen.wait_for("What goes back?");
    screen.press("<enter>");
    screen.wait_for("Back to before");
    screen.wait_for(&format!("› {LABEL} pic"));
    let before = server.frames().len();
    screen.press("<enter>");
    screen.wait_until("it is answered again", |screen| {
        screen.scrollback().iter().filter(|row| *row == "A dot.").count() == 2
    });
    wait_until_ready(&screen);
    assert_sent_with_picture("pic", before, &server);
    leave(screen);
    let before = server.frames().len();
    let mut screen = show(&scene, &[]);
    screen.press("<up>");
    screen.wait_for(&format!("› {LABEL} pic"));
    screen.press("<enter>");
    screen.wait_for("A dot.");
    wait_until_ready(&screen);
    assert_sent_with_picture("pic", before, &server);
    leave(screen);
}

#[test]
fn a_message_that_an_editor_went_on_with_keeps_its_picture() {
    let (scene, server, path) = with_picture(ScriptedModel::new().says("A dot."));
    let scene = scene.env("EDITOR", "printf ' more' >>");
    let mut screen = show(&scene, &[]);
    write_with_picture(&mut screen, &path, "pic");
    screen.press("<c-g>");
    screen.wait_for(&format!("{LABEL} pic more"));
    screen.press("<enter>");
    screen.wait_for("A dot.");
    wait_until_ready(&screen);
    assert_sent_with_picture("pic more", 0, &server);
    leave(screen);
}

#[test]
fn a_message_of_an_earlier_run_has_its_picture_and_its_paste() {
    let (scene, server, path) = with_picture(ScriptedModel::new().says("A dot."));
    let mut screen = show(&scene, &[]);
    write_with_picture(&mut screen, &path, "pic");
    screen.paste(&"row\n".repeat(2_000));
    screen.wait_for("pic[Pasted 2,000 lines]");
    screen.press("<enter>");
    screen.wait_for("A dot.");
    wait_until_ready(&screen);
    leave(screen);
    let before = server.frames().len();
    let mut screen = show(&scene, &[]);
    screen.press("<up>");
    screen.wait_for(&format!("› {LABEL} pic[Pasted 2,000 lines]"));
    screen.press("<enter>");
    screen.wait_for("A dot.");
    wait_until_ready(&screen);
    assert_sent_with_picture("picrow", before, &server);
    leave(screen);
}

#[test]
fn a_picture_that_cannot_go_along_keeps_the_message_back() {
    let (scene, server, path) = with_picture(ScriptedModel::new());
    let mut screen = show(&scene, &[]);
    screen.press("/review ");
    screen.paste(path.to_str().unwrap());
    screen.press("<enter>");
    screen.wait_for("A picture does not go with /review.");
    screen.wait_for(&format!("› /review {LABEL}"));
    screen.press("<c-c>");
    screen.paste(path.to_str().unwrap());
    screen.wait_for(&format!("› {LABEL}"));
    std::fs::remove_file(&path).unwrap();
    screen.press("<enter>");
    screen.wait_for("Not sent: ");
    screen.wait_for(&format!("› {LABEL}"));
    // Once it is gone its path is text.
    screen.press("<c-c>");
    screen.paste(path.to_str().unwrap());
    screen.wait_for("/a b.png");
    assert!(!sent_after(0, &server).contains("[image"));
    leave(screen);
}
