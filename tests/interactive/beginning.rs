//! How it begins: the key, the question of trust, what is said on the command line.

use super::*;

#[test]
fn s16_no_turn_begins_before_it_was_said_once_whether_the_directory_is_trusted() {
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
    screen.read_a_question();
    screen.press("y");
    screen.wait_for("is trusted; the sandbox is workspace-write");
    screen.wait_for("Made.");
    wait_until_ready(&screen);
    let shown = screen.screen();
    assert_eq!(shown.matches("make it now").count(), 1, "it waits no more:\n{shown}");
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
fn s16_what_is_typed_ahead_trusts_nothing() {
    let (scene, _server) = scene(ScriptedModel::new().says("It may only look."));
    let mut screen = scene.screen(&["-m", "scripted"], COLUMNS, ROWS);
    screen.wait_for("for commands");
    screen.press("make it<enter>yes, and not only here");
    screen.wait_for("› yes, and not only here");
    screen.wait_for("tab shows the question");
    screen.press("<tab>");
    screen.wait_for("Do you trust this directory?");
    screen.read_a_question();
    screen.press("n");
    screen.wait_for("is not trusted; the sandbox is read-only");
    screen.wait_for("It may only look.");
    screen.wait_for("› yes, and not only here");
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
    screen.read_a_question();
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
fn s16_the_prompts_of_a_project_are_offered_when_it_is_trusted_and_beside_the_persons_own() {
    let (scene, server) = scene(ScriptedModel::new().says("Heard."));
    let scene = scene.file(".claude/commands/zfix.md", "Do as the project says.");
    let scene = scene.file(".claude/commands/zmore.md", "Do more.");
    let own = scene.home().join("prompts");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("zfix.md"), "Do as I say.").unwrap();
    let mut screen = scene.screen(&["-m", "scripted"], COLUMNS, ROWS);
    screen.wait_for("for commands");
    screen.press("/z");
    screen.wait_for("Do as I say.");
    assert!(!screen.screen().contains("zmore"), "{}", screen.screen());
    screen.press("<c-u>/trust<enter>");
    screen.wait_for("is trusted; the sandbox is workspace-write");
    screen.press("/z");
    screen.wait_for("/zmore");
    screen.wait_for("/project:zfix");
    screen.press("<c-u>/zfix<enter>");
    screen.wait_for("Heard.");
    let sent = sent_after(0, &server);
    assert!(sent.contains("Do as I say.") && !sent.contains("the project says"), "{sent}");
    leave(screen);
}

#[test]
fn s11_no_prompt_of_a_project_is_a_file_that_is_hidden_from_commands() {
    let (scene, _server) = scene(ScriptedModel::new());
    let scene = scene.file(".claude/commands/zfix.md", "Mend it.").file("kube.md", "A secret.");
    let link = scene.workspace().join(".claude/commands/zkube.md");
    std::os::unix::fs::symlink("../../kube.md", link).unwrap();
    let kube = scene.workspace().join("kube.md").display().to_string();
    let scene = scene.env("KUBECONFIG", &kube);
    let mut screen = show(&scene, &["--trust"]);
    screen.press("/z");
    screen.wait_for("/zfix");
    assert!(!screen.screen().contains("kube"), "{}", screen.screen());
    screen.press("<c-u>");
    leave(screen);
}

#[test]
fn what_was_run_before_the_question_of_trust_is_read_and_the_message_is_seen() {
    for (key, says) in [("n", "is not trusted"), ("y", "is trusted")] {
        let (scene, server) = scene(ScriptedModel::new().says("It printed a word."));
        let mut screen = scene.screen(&["-m", "scripted"], COLUMNS, ROWS);
        screen.wait_for("for commands");
        screen.press("!echo SECRET''WORD<enter>");
        screen.wait_for("done in");
        screen.press("what did it print<enter>");
        screen.wait_for("Do you trust this directory?");
        screen.read_a_question();
        screen.press(key);
        screen.wait_for(says);
        screen.wait_for("It printed a word.");
        wait_until_ready(&screen);
        screen.wait_for("▌ what did it print");
        let sent = sent_after(0, &server);
        assert!(sent.contains("SECRETWORD") && sent.contains("what did it print"), "{sent}");
        leave(screen);
    }
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

#[test]
fn who_thinks_better_of_giving_a_key_has_the_other_ways_again() {
    let scene = Scene::new(AGENT);
    let mut screen = scene.screen(&[], COLUMNS, ROWS);
    screen.wait_for("See the demo");
    screen.press("<enter>");
    screen.wait_for("esc goes back");
    screen.press("half a key<esc>");
    screen.wait_for("See the demo");
    screen.press("<enter>");
    screen.wait_for("esc goes back");
    screen.signal(rustix::process::Signal::TERM);
    screen.finish().gave_the_terminal_back();
}

#[test]
fn a_model_server_that_does_not_run_is_told_at_once_with_how_to_start_it() {
    // The port is free again when the listener is gone.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let scene = Scene::new(AGENT)
        .config(&format!("[model_providers.ollama]\nbase_url = \"http://127.0.0.1:{port}/v1\"\n"));
    let mut screen = scene.screen(&[], COLUMNS, ROWS);
    screen.wait_for("Welcome.");
    screen.press("<down><enter>");
    screen.wait_for("Ollama does not run: nothing listens at");
    screen.wait_for("Start it with `ollama");
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
async fn s23_a_key_is_kept_if_the_person_says_so_and_stands_nowhere_else() {
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
fn s23_a_key_that_is_refused_gives_way_to_another_in_the_same_thread() {
    let server = ScriptedModel::new().says("Hello.").serve();
    let scene = Scene::new(AGENT).unrehearsed().env("OPENAI_BASE_URL", &server.base_url());
    let file = scene.home().join("credentials.json");
    let kept = |key: &str| format!("{{\n  \"openai\": \"{key}\"\n}}");
    std::fs::write(&file, kept("sk-wrong")).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut screen = show(&scene, &[]);
    screen.press("hello<enter>");
    screen.wait_for("/key takes another one");
    wait_until_ready(&screen);
    screen.press("/key<enter>");
    screen.wait_for("it is not shown");
    screen.paste(server.token());
    screen.press("<enter>");
    screen.wait_for("counts from here on. It is kept in");
    screen.press("<up><up>");
    screen.wait_for("› hello");
    screen.press("<enter>");
    screen.wait_for("Hello.");
    wait_until_ready(&screen);
    leave(screen);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), kept(server.token()));
    assert_eq!(files_with(server.token(), &scene.home()), [file]);
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
fn pictures_of_the_command_line_go_with_what_is_said_first() {
    let (scene, server) = scene(ScriptedModel::new().says("A red dot."));
    std::fs::write(scene.workspace().join("dot.png"), PICTURE).unwrap();
    let mut screen = show(&scene, &["what is this?", "-i", "dot.png"]);
    screen.wait_for("A red dot.");
    wait_until_ready(&screen);
    assert_eq!(sent_after(0, &server).matches("data:image/png;base64,").count(), 1);
    screen.press("<c-d>");
    screen.finish().gave_the_terminal_back();
    let frames = server.frames().len();
    let mut screen = show(&scene, &["-i", "dot.png"]);
    screen.wait_for("[image dot.png]");
    screen.press("and this?<enter>");
    screen.wait_for("A red dot.");
    assert!(sent_after(frames, &server).contains("data:image/png;base64,"));
    leave(screen);
    let screen = scene.screen(&["-i", "none.png", "-m", "scripted"], COLUMNS, ROWS);
    let left = screen.finish();
    left.gave_the_terminal_back();
    assert!(left.rows.join(" ").contains("none.png"), "{:?}", left.rows);
    assert_ne!(left.code, Some(0));
}
