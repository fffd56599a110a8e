//! What one can do on the screen beside talking: run, look for, go on with, go back, change, begin.

use agent_testkit::{PtyScreen, Scene, ScriptedModel, ScriptedServer, Step};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const COLUMNS: u16 = 90;
const ROWS: u16 = 30;

const PATCH: &str = "*** Begin Patch\n*** Add File: notes.md\n+one\n*** End Patch\n";

fn scene(model: ScriptedModel) -> (Scene, ScriptedServer) {
    let server = model.serve();
    let scene = Scene::new(AGENT).facing(&server);
    (scene, server)
}

fn show(scene: &Scene, args: &[&str]) -> PtyScreen {
    let args = [args, &["-m", "scripted", "-s", "workspace-write"]].concat();
    let screen = scene.screen(&args, COLUMNS, ROWS);
    wait_until_ready(&screen);
    screen
}

/// Nothing runs, and the person can write.
fn wait_until_ready(screen: &PtyScreen) {
    screen.wait_until("it is ready", |screen| {
        let shown = screen.screen();
        shown.contains("scripted") && !shown.contains("esc stops")
    });
}

fn leave(mut screen: PtyScreen) {
    screen.press("<c-c>");
    screen.wait_for("ctrl-c again leaves");
    screen.press("<c-c>");
    screen.finish().gave_the_terminal_back();
}

/// All that was sent to the model after so many frames: a request says only what is new.
fn sent_after(frames: usize, server: &ScriptedServer) -> String {
    server.frames().iter().skip(frames).map(|frame| frame.json.to_string()).collect()
}

#[test]
fn a_command_line_of_ones_own_runs_and_the_model_reads_of_it() {
    let (scene, server) = scene(ScriptedModel::new().says("I saw it."));
    let mut screen = show(&scene, &[]);
    screen.press("!echo made by hand > mine; cat mine<enter>");
    screen.wait_for("done in");
    assert_eq!(scene.read("mine").unwrap(), "made by hand\n");
    screen.press("look<enter>");
    screen.wait_for("I saw it.");
    let sent = sent_after(0, &server);
    assert!(sent.contains("I ran this command line myself"), "{sent}");
    leave(screen);
}

#[test]
fn a_file_is_found_by_a_few_letters_and_an_editor_goes_on_with_the_message() {
    let (scene, server) = scene(ScriptedModel::new().says("Yes."));
    let scene = scene.file("src/parser.rs", "").env("EDITOR", "printf ' and more' >>");
    let mut screen = show(&scene, &[]);
    screen.press("see @pars");
    screen.wait_for("› src/parser.rs");
    screen.press("<tab><c-g>");
    screen.wait_for("see src/parser.rs  and more");
    screen.press("<enter>");
    screen.wait_for("Yes.");
    assert!(sent_after(0, &server).contains("see src/parser.rs  and more"));
    leave(screen);
}

#[test]
fn an_earlier_thread_is_chosen_seen_as_it_was_and_gone_on_with() {
    let (scene, server) = scene(ScriptedModel::new().says("It is 42.").says("Still 42."));
    let mut screen = show(&scene, &[]);
    screen.press("what is it?<enter>");
    screen.wait_for("It is 42.");
    wait_until_ready(&screen);
    leave(screen);
    let before = server.frames().len();
    let mut screen = scene.screen(&["resume", "-m", "scripted", "-s", "read-only"], COLUMNS, ROWS);
    screen.wait_for("Go on with which thread?");
    screen.press("what<enter>");
    screen.wait_for("It is 42.");
    wait_until_ready(&screen);
    screen.press("and now?<enter>");
    screen.wait_for("Still 42.");
    let sent = sent_after(before, &server);
    assert!(sent.contains("what is it?") && sent.contains("read-only"), "{sent}");
    leave(screen);
    assert_eq!(scene.rollouts().len(), 1);
}

#[test]
fn going_back_takes_the_files_along_and_gives_the_message_back() {
    let model = ScriptedModel::new().calls_freely("apply_patch", PATCH).says("Noted.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("note one<enter>");
    screen.wait_for("Noted.");
    wait_until_ready(&screen);
    assert_eq!(scene.read("notes.md").unwrap(), "one\n");
    screen.press("<esc>");
    screen.wait_for("esc again");
    screen.press("<esc>");
    screen.wait_for("Go back to before which message?");
    screen.press("<enter>");
    screen.wait_for("What goes back?");
    screen.press("<enter>");
    screen.wait_for("Back to before");
    screen.wait_for("› note one");
    assert_eq!(scene.read("notes.md"), None);
    let before = server.frames().len();
    screen.press(" again<enter>");
    screen.wait_until("it is noted again", |_| scene.read("notes.md").is_some());
    wait_until_ready(&screen);
    let sent = sent_after(before, &server);
    assert!(sent.contains("note one again") && !sent.contains("Noted."), "{sent}");
    leave(screen);
    assert_eq!(scene.rollouts().len(), 2, "what came after it is kept");
}

#[test]
fn what_a_turn_changed_is_put_back_and_the_model_is_told() {
    let model = ScriptedModel::new()
        .calls_freely("apply_patch", PATCH)
        .says("Noted.")
        .says("I will look again.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("note one<enter>");
    screen.wait_for("Noted.");
    wait_until_ready(&screen);
    screen.press("/undo<enter>");
    screen.wait_for("Undid turn 1");
    assert_eq!(scene.read("notes.md"), None);
    wait_until_ready(&screen);
    screen.press("go on<enter>");
    screen.wait_for("I will look again.");
    assert!(sent_after(0, &server).contains("put back files"));
    leave(screen);
}

#[test]
fn the_thread_that_runs_is_changed_and_a_new_one_begun() {
    let (scene, server) = scene(ScriptedModel::new().says("First.").says("Second."));
    let mut screen = show(&scene, &[]);
    screen.press("one<enter>");
    screen.wait_for("First.");
    wait_until_ready(&screen);
    screen.press("/sandbox read-only<enter>");
    screen.wait_for("The sandbox is read-only from here on.");
    screen.press("the second message<enter>");
    screen.wait_for("Second.");
    wait_until_ready(&screen);
    let sent = sent_after(0, &server);
    assert!(sent.contains("`read-only` from here on"), "{sent}");
    let before = server.frames().len();
    // In one go: what is typed behind a command is said in the thread that it opens.
    screen.press("/new<enter>the third message<enter>");
    screen.wait_until("the new thread answers", |screen| {
        screen.scrollback().iter().filter(|row| *row == "First.").count() == 2
    });
    let sent = sent_after(before, &server);
    assert!(sent.contains("the third message") && !sent.contains("the second message"), "{sent}");
    leave(screen);
    assert_eq!(scene.rollouts().len(), 2);
}

#[test]
fn no_turn_begins_before_it_was_said_once_whether_the_directory_is_trusted() {
    let touch = json!({"cmd": "touch made"});
    let model = ScriptedModel::new().calls("exec_command", touch).says("Made.");
    let (scene, server) = scene(model);
    let mut screen = scene.screen(&["-m", "scripted"], COLUMNS, ROWS);
    screen.wait_for("for commands");
    screen.press("make it<enter>");
    screen.wait_for("Do you trust this directory?");
    assert!(!sent_after(0, &server).contains("make it"));
    screen.press("<esc>");
    screen.wait_for("› make it");
    screen.press(" now<enter>");
    screen.wait_for("n no, only look");
    screen.press("y");
    screen.wait_for("is trusted; the sandbox is workspace-write");
    screen.wait_for("Made.");
    wait_until_ready(&screen);
    assert!(scene.read("made").is_some());
    assert_eq!(sent_after(0, &server).matches("make it now").count(), 1);
    leave(screen);
    let mut screen = scene.screen(&["-m", "scripted"], COLUMNS, ROWS);
    screen.wait_for("workspace-write");
    screen.press("once more<enter>");
    screen.wait_for("Made.");
    leave(screen);
}

#[test]
fn a_directory_that_is_not_trusted_is_only_looked_at_and_not_asked_about_again() {
    let touch = || json!({"cmd": "touch made"});
    let model = ScriptedModel::new().calls("exec_command", touch()).says("It may only look.");
    let (scene, _server) = scene(model);
    let args = ["make it", "-m", "scripted"];
    let mut screen = scene.screen(&args, COLUMNS, ROWS);
    screen.wait_for("Do you trust this directory?");
    screen.press("n");
    screen.wait_for("is not trusted; the sandbox is read-only");
    screen.wait_for("It may only look.");
    wait_until_ready(&screen);
    assert_eq!(scene.read("made"), None);
    screen.press("/trust<enter>");
    screen.wait_for("is trusted; the sandbox is workspace-write");
    leave(screen);
}

#[test]
fn without_a_key_there_are_three_ways_to_go_on() {
    let scene = Scene::new(AGENT);
    let mut screen = scene.screen(&[], COLUMNS, ROWS);
    screen.wait_for("Welcome.");
    screen.wait_for("See the demo");
    screen.press("<esc>");
    let left = screen.finish();
    left.gave_the_terminal_back();
    assert_eq!(left.code, Some(0));
}

/// Everything below `dir` that contains `text`.
fn files_with(text: &str, dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| match path.symlink_metadata().unwrap().file_type() {
        kind if kind.is_dir() => files_with(text, &path),
        kind if kind.is_file() => {
            let holds = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(text);
            if holds { vec![path] } else { vec![] }
        }
        _ => vec![],
    });
    found.collect()
}

#[tokio::test]
async fn a_key_is_kept_if_the_person_says_so_and_stands_nowhere_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "cat \"$AGENT_HOME/credentials.json\"; env"}))
        .says("I see nothing.")
        .serve();
    let key = server.token();
    for (answer, keeps) in [("run", false), ("keep", true)] {
        // No such host: nothing is sent to anybody.
        let scene = Scene::new(AGENT).env("OPENAI_BASE_URL", "https://nowhere.invalid/v1");
        let mut screen = scene.screen(&["-m", "scripted"], COLUMNS, ROWS);
        screen.wait_for("Welcome.");
        screen.press("<enter>");
        screen.wait_for("it is not shown");
        screen.paste(key);
        screen.press("<enter>");
        screen.wait_for("Keep the key");
        screen.press(&format!("{answer}<enter>"));
        screen.wait_for("for commands");
        leave(screen);
        let file = scene.home().join("credentials.json");
        let expected = if keeps { vec![file.clone()] } else { vec![] };
        assert_eq!(files_with(key, scene.home().parent().unwrap()), expected);
        if keeps {
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            let scene = scene.env("OPENAI_BASE_URL", &server.base_url()).unrehearsed();
            let recording = scene.workspace().join("run.jsonl");
            let record = format!("--record={}", recording.display());
            let run = scene.run(&["exec", "--json", "-m", "scripted", &record, "look"]).await;
            let run = run.succeeded();
            let output = run.items("command_execution")[0]["aggregated_output"].to_string();
            assert!(output.contains("PATH") && !output.contains(key), "{output}");
            assert!(!run.stdout.contains(key) && !run.stderr.contains(key));
            assert!(recording.exists() && files_with(key, &scene.workspace()).is_empty());
            assert_eq!(files_with(key, &scene.home()), [file]);
        }
    }
}

#[test]
fn what_is_said_on_the_command_line_is_said_first() {
    let (scene, _server) = scene(ScriptedModel::new().says("It fails because of a typo."));
    let screen =
        scene.screen(&["why does it fail?", "-m", "scripted", "-s", "read-only"], COLUMNS, ROWS);
    screen.wait_for("It fails because of a typo.");
    wait_until_ready(&screen);
    leave(screen);
}

#[test]
fn a_rule_made_on_the_screen_holds_at_once_is_kept_and_can_be_taken_away() {
    let touch = || json!({"cmd": "touch made"});
    let model = ScriptedModel::new()
        .calls("exec_command", touch())
        .says("It may not.")
        .calls("exec_command", touch())
        .says("It may.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("/permissions<enter>");
    screen.wait_for("No rule says anything");
    screen.press("a<tab><tab><down>touch<enter>");
    screen.wait_for("› forbid touch");
    let file = scene.home().join("rules/default.rules");
    let rules = || std::fs::read_to_string(&file).unwrap();
    assert!(rules().contains("pattern=[\"touch\"], decision=\"forbidden\""), "{}", rules());
    screen.press("<esc>go<enter>");
    screen.wait_for("It may not.");
    wait_until_ready(&screen);
    assert_eq!(scene.read("made"), None);
    assert!(sent_after(0, &server).contains("A rule of the person forbids this command"));
    screen.press("/effort low<enter>");
    screen.wait_for("with effort low");
    screen.press("/permissions<enter>");
    screen.wait_for("› forbid touch");
    screen.press("dd");
    screen.wait_for("No rule says anything");
    assert!(!rules().contains("touch"), "{}", rules());
    screen.press("<esc>again<enter>");
    screen.wait_for("It may.");
    wait_until_ready(&screen);
    assert!(scene.read("made").is_some());
    leave(screen);
}

#[test]
fn a_message_that_a_running_answer_may_not_hear_comes_back_while_it_goes_on() {
    let slowly = Step::new().says(&"word ".repeat(4000)).at_tokens_per_second(100.0);
    let (scene, _server) = scene(ScriptedModel::new().step(slowly));
    let mut screen = show(&scene, &[]);
    screen.press("tell me<enter>");
    screen.wait_for("writing");
    screen.press("not that<enter><up>");
    screen.wait_for("› not that");
    assert!(screen.screen().contains("esc stops"), "{}", screen.screen());
    screen.press("<esc>");
    screen.wait_for("Stopped.");
    leave(screen);
}

#[test]
fn a_message_that_was_not_heard_yet_is_taken_back_and_said_otherwise() {
    let model = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "until [ -e go ]; do sleep 0.02; done"}))
        .says("So it is.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("wait<enter>");
    screen.wait_for("running `until");
    screen.press("use the old one<enter>");
    screen.wait_for("use the old one (up takes it back)");
    screen.press("<up>");
    screen.wait_for("› use the old one");
    screen.press("<c-w><c-w>new one<enter>");
    screen.wait_for("use the new one (up takes it back)");
    std::fs::write(scene.workspace().join("go"), "").unwrap();
    screen.wait_for("So it is.");
    let sent = sent_after(0, &server);
    assert!(sent.contains("use the new one") && !sent.contains("old one"), "{sent}");
    leave(screen);
}

/// A picture of one pixel.
const PICTURE: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\
    \x08\x02\x00\x00\x00\x90\x77\x53\xde\x00\x00\x00\x0c\x49\x44\x41\x54\x78\x9c\x63\xf8\xcf\xc0\x00\
    \x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// A scene in which a program of this name prints what is in the file `clip` of the workspace.
fn with_clipboard(scene: Scene, name: &str) -> Scene {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = scene.home().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let script = "#!/bin/sh\ncase \"$*\" in *image/png*) exec cat clip;; esac\nexit 1\n";
    std::fs::write(bin.join(name), script).unwrap();
    std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    scene.env("PATH", &path).env("WAYLAND_DISPLAY", "wayland-0")
}

#[test]
fn a_picture_of_the_clipboard_is_kept_with_the_thread_and_shown_to_the_model() {
    use std::os::unix::fs::PermissionsExt as _;
    let (scene, server) = scene(ScriptedModel::new().says("A red dot."));
    let scene = with_clipboard(scene, "wl-paste");
    let mut screen = show(&scene, &[]);
    screen.press("<c-v>");
    screen.wait_for("There is no picture in the clipboard");
    std::fs::write(scene.workspace().join("clip"), "no picture").unwrap();
    screen.press("<c-v>");
    screen.wait_for("The picture cannot be taken");
    std::fs::write(scene.workspace().join("clip"), PICTURE).unwrap();
    screen.press("what is this? <c-v>");
    screen.wait_for("[image clipboard-1.png]");
    let kept = scene.rollouts()[0].with_file_name("images/clipboard-1.png");
    assert_eq!(std::fs::read(&kept).unwrap(), PICTURE);
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    screen.press("<enter>");
    screen.wait_for("A red dot.");
    assert!(sent_after(0, &server).contains("data:image/png;base64,"));
    leave(screen);
}

#[test]
fn where_no_program_knows_the_clipboard_it_is_said_which_would() {
    let (scene, _server) = scene(ScriptedModel::new());
    let mut screen = show(&scene, &[]);
    screen.press("<c-v>");
    screen.wait_for("was found: wl-paste (wl-clipboard)");
    leave(screen);
}
