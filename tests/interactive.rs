//! What one can do on the screen beside talking: run, look for, go on with, go back, change, begin.

mod beginning;
mod full;
mod pictures;
mod threads;
mod tier;

use std::os::unix::fs::PermissionsExt as _;

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
fn that_ctrl_c_leaves_is_taken_back_after_a_while_on_an_idle_screen() {
    let (scene, _server) = scene(ScriptedModel::new());
    let mut screen = show(&scene, &[]);
    screen.press("<c-c>");
    screen.wait_for("ctrl-c again leaves");
    screen.wait_until("it was taken back", |screen| {
        !screen.screen().contains("again leaves") && screen.screen().contains("scripted")
    });
    screen.press("kept");
    screen.wait_for("kept");
    // The first clears what is written.
    screen.press("<c-c><c-c>");
    screen.finish().gave_the_terminal_back();
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

/// Prints a line, and another one once it may, and then fails.
const HALVES: &str = "echo one; until [ -e go ]; do sleep 0.05; done; echo two; exit 3";

#[test]
fn what_a_command_in_the_background_prints_is_followed_and_its_end_is_told() {
    let call = json!({"cmd": HALVES, "yield_time_ms": 250});
    let (scene, _server) = scene(ScriptedModel::new().calls("exec_command", call).says("It runs."));
    let mut screen = show(&scene, &[]);
    screen.press("begin<enter>");
    screen.wait_for("It runs.");
    screen.wait_for("1 in the background");
    screen.press("<c-o>");
    screen.wait_for("one\n");
    std::fs::write(scene.workspace().join("go"), "").unwrap();
    screen.wait_for("two\n");
    screen.press("q");
    screen.wait_for("exit code 3 after");
    screen.wait_until("none is left", |screen| !screen.screen().contains("1 in the background"));
    screen.press("/ps<enter>");
    screen.wait_for("Nothing runs in the background.");
    screen.press("<c-o>");
    screen.wait_for("one\ntwo\n");
    screen.press("q");
    leave(screen);
}

#[test]
fn the_end_of_a_command_in_the_background_is_told_once_when_the_model_reads_of_it() {
    let run = json!({"cmd": HALVES, "yield_time_ms": 250});
    let free = json!({"cmd": "touch go"});
    let wait = json!({"session_id": 1});
    let model = ScriptedModel::new()
        .calls("exec_command", run)
        .calls("exec_command", free)
        .calls("write_stdin", wait)
        .says("It is over.");
    let (scene, _server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("begin<enter>");
    screen.wait_for("It is over.");
    screen.wait_for("exit code 3 after");
    wait_until_ready(&screen);
    let rows = screen.scrollback().join("\n");
    assert_eq!(rows.matches("exit code 3 after").count(), 1, "{rows}");
    assert!(rows.contains("Went on with session 1 (echo one; until"), "{rows}");
    assert!(!screen.screen().contains("(/ps)"), "{}", screen.screen());
    leave(screen);
}

#[test]
fn who_follows_a_command_has_all_that_it_printed_when_it_is_over() {
    let line = "seq 90000; until [ -e go ]; do sleep 0.02; done; echo over";
    let call = json!({"cmd": line, "yield_time_ms": 60_000});
    let (scene, _server) =
        scene(ScriptedModel::new().calls("exec_command", call).says("I saw it."));
    let mut screen = show(&scene, &[]);
    for go_on in [&format!("!{line}<enter>"), "look<enter>"] {
        screen.press(go_on);
        screen.wait_for("running `seq");
        screen.press("<c-o>");
        screen.wait_for("q closes");
        std::fs::write(scene.workspace().join("go"), "").unwrap();
        screen.wait_for("90001 of 90001");
        screen.press("g");
        screen.wait_until("its beginning is there", |screen| screen.screen().contains("\n1\n2\n"));
        screen.press("q");
        wait_until_ready(&screen);
        std::fs::remove_file(scene.workspace().join("go")).unwrap();
    }
    screen.wait_for("I saw it.");
    leave(screen);
}

#[test]
fn a_command_line_of_ones_own_that_is_stopped_has_not_failed_also_for_the_model() {
    let (scene, server) = scene(ScriptedModel::new().says("I saw it."));
    let mut screen = show(&scene, &[]);
    screen.press("!printf 'be%s\\n' gun; sleep 1000<enter>");
    screen.wait_for("begun");
    screen.wait_for("esc stops");
    screen.press("<esc>");
    screen.wait_for("stopped after");
    wait_until_ready(&screen);
    screen.press("look<enter>");
    screen.wait_for("I saw it.");
    let sent = sent_after(0, &server);
    assert!(sent.contains(r"begun\nI stopped it before it was done."), "{sent}");
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
fn s20_the_persons_editor_and_the_programs_of_the_desktop_are_none_of_the_project() {
    let (scene, _server) = scene(ScriptedModel::new());
    let scene = scene.shadowing("of-the-project").shadowing("wl-paste");
    let scene = scene.env("EDITOR", "of-the-project").env("WAYLAND_DISPLAY", "wayland-0");
    let mut screen = show(&scene, &[]);
    screen.press("<c-g>");
    screen.wait_for("the editor `of-the-project` ended with exit status: 127");
    screen.press("<c-v>");
    screen.wait_for("was found: wl-paste (wl-clipboard)");
    assert!(scene.read("ran-of-the-project").is_none() && scene.read("ran-wl-paste").is_none());
    leave(screen);
}

#[test]
fn s20_the_persons_editor_loads_nothing_of_the_project() {
    let (scene, _server) = scene(ScriptedModel::new());
    let venv = scene.workspace().join(".venv").display().to_string();
    let scene = scene.env("PYTHONPATH", "src").env("VIRTUAL_ENV", &venv).env("GREETING", "hello");
    let scene = scene.env("EDITOR", "printf %s \"<$PYTHONPATH$VIRTUAL_ENV$GREETING>\" >>");
    let mut screen = show(&scene, &[]);
    screen.press("see <c-g>");
    screen.wait_for("see <hello>");
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
fn a_rule_with_examples_is_changed_on_the_screen_as_long_as_they_hold() {
    let (scene, _server) = scene(ScriptedModel::new());
    let file = scene.home().join("rules/default.rules");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let rule = |pattern: &str| format!("prefix_rule({pattern}, match=[\"make all\"])  # mine\n");
    std::fs::write(&file, rule("[\"make\"]")).unwrap();
    let mut screen = show(&scene, &[]);
    screen.press("/permissions<enter>");
    screen.wait_for("› allow  make");
    screen.press("<enter>");
    screen.wait_for("Change this rule");
    screen.press(" world<enter>");
    screen.wait_for("Not done: the rule does not match its example `make all`.");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), rule("[\"make\"]"));
    screen.press("<c-w>all<enter>");
    screen.wait_for("› allow  make all");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), rule("[\"make\", \"all\"]"));
    screen.press("<esc>");
    wait_until_ready(&screen);
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
    screen.wait_for("use the old one (heard at the next step; up takes it back)");
    screen.press("<up>");
    screen.wait_for("› use the old one");
    screen.press("<c-w><c-w>new one<enter>");
    screen.wait_for("use the new one (heard at the next step; up takes it back)");
    std::fs::write(scene.workspace().join("go"), "").unwrap();
    screen.wait_for("So it is.");
    let sent = sent_after(0, &server);
    assert!(sent.contains("use the new one") && !sent.contains("old one"), "{sent}");
    leave(screen);
}

/// A picture of one pixel.
pub(crate) const PICTURE: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\
    \x08\x02\x00\x00\x00\x90\x77\x53\xde\x00\x00\x00\x0c\x49\x44\x41\x54\x78\x9c\x63\xf8\xcf\xc0\x00\
    \x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

#[test]
fn the_conversation_is_written_to_a_new_file_and_the_answer_copied() {
    let (scene, _server) = scene(ScriptedModel::new().says("It is 42."));
    let mut screen = show(&scene, &[]);
    screen.press("what is it?<enter>");
    screen.wait_for("It is 42.");
    wait_until_ready(&screen);
    screen.press("/export said.md<enter>");
    screen.wait_for("Written to");
    assert_eq!(scene.read("said.md").unwrap(), "## what is it?\n\nIt is 42.\n\n");
    let mode = std::fs::metadata(scene.workspace().join("said.md")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "what was said may hold secrets");
    screen.press("/export said.md<enter>");
    screen.wait_for("is there already");
    screen.press("/export ~/said.md<enter>");
    screen.wait_until("it is in the home", |_| {
        scene.home().parent().unwrap().join("said.md").exists()
    });
    std::os::unix::fs::symlink(scene.home(), scene.workspace().join("build")).unwrap();
    screen.press("/export build/said.md<enter>");
    screen.wait_for("name that itself");
    assert!(!scene.home().join("said.md").exists());
    screen.press("/copy<enter>");
    screen.wait_for("Copied the last answer.");
    let copied = b"\x1b]52;c;SXQgaXMgNDIu\x07";
    screen.wait_until("it is in the clipboard", |screen| {
        screen.log().windows(copied.len()).any(|bytes| bytes == copied)
    });
    leave(screen);
}

#[test]
fn what_was_sent_in_another_thread_is_a_key_away_and_can_be_searched() {
    let (scene, _server) = scene(ScriptedModel::new().says("It is 42.").says("Still 42."));
    let mut screen = show(&scene, &[]);
    screen.press("what is it?<enter>");
    screen.wait_for("It is 42.");
    wait_until_ready(&screen);
    screen.press("and now?<enter>");
    screen.wait_for("Still 42.");
    wait_until_ready(&screen);
    leave(screen);
    let mut screen = show(&scene, &[]);
    screen.press("<up>");
    screen.wait_for("› and now?");
    screen.press("<up>");
    screen.wait_for("› what is it?");
    screen.press("<c-u><c-r>now");
    screen.wait_for("search: now");
    screen.press("<enter>");
    screen.wait_for("› and now?");
    wait_until_ready(&screen);
    leave(screen);
}

#[test]
fn a_prompt_in_a_file_is_a_command() {
    let (scene, server) = scene(ScriptedModel::new().says("Mended."));
    let scene = scene.file(".claude/commands/fix.md", "Fix $ARGUMENTS at once.");
    let mut screen = show(&scene, &["--trust"]);
    screen.press("/fi");
    screen.wait_for("/fix");
    screen.press("x src/parser.rs<enter>");
    screen.wait_for("Mended.");
    assert!(sent_after(0, &server).contains("Fix src/parser.rs at once."));
    leave(screen);
}

#[test]
fn a_review_and_a_page_for_newcomers_are_asked_of_the_model() {
    let (scene, server) = scene(ScriptedModel::new().says("No bug.").says("Written."));
    let mut screen = show(&scene, &[]);
    screen.press("/review the tests<enter>");
    screen.wait_for("No bug.");
    wait_until_ready(&screen);
    assert!(sent_after(0, &server).contains("the tests"));
    screen.press("/init<enter>");
    screen.wait_for("Written.");
    assert!(sent_after(0, &server).contains("Write a file AGENTS.md"));
    leave(screen);
}

/// A scene in which a program of this name prints what is in the file `clip` of the workspace.
fn with_clipboard(scene: Scene, name: &str) -> Scene {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = scene.home().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let clip = scene.workspace().join("clip").display().to_string();
    let script = format!("#!/bin/sh\ncase \"$*\" in *image/png*) exec cat {clip};; esac\nexit 1\n");
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

#[test]
fn an_edit_in_tmp_is_said_to_be_in_the_threads_own_to_the_model_and_to_the_person() {
    const SAYS: &str = "in this thread's own /tmp";
    let path = format!("/tmp/agent-own-{}/outside.txt", std::process::id());
    let outside = format!("*** Begin Patch\n*** Add File: {path}\n+one\n*** End Patch\n");
    let model = ScriptedModel::new()
        .calls_freely("apply_patch", PATCH)
        .says("Inside.")
        .calls_freely("apply_patch", &outside)
        .says("Outside.");
    let (scene, server) = scene(model);
    let mut screen = show(&scene, &[]);
    screen.press("inside<enter>");
    screen.wait_for("Inside.");
    wait_until_ready(&screen);
    assert!(!screen.screen().contains(SAYS) && !sent_after(0, &server).contains(SAYS));
    screen.press("outside<enter>");
    screen.wait_for("Outside.");
    wait_until_ready(&screen);
    screen.wait_for("outside.txt: in");
    assert!(sent_after(0, &server).contains(SAYS));
    assert!(!std::path::Path::new(&path).exists());
    leave(screen);
}
