//! Trust of a project's configuration: it is for what the person was shown, and is asked again when that changes (S16).

use std::os::unix::fs::PermissionsExt as _;

use agent_testkit::{PtyScreen, Scene, ScriptedModel};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const CONFIG: &str = ".codex/config.toml";

fn says(what: &str) -> String {
    format!("developer_instructions = '{what}'\n")
}

#[tokio::test]
async fn s16_exec_uses_nothing_that_changed_says_which_files_and_waits_for_nobody() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "touch made"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server).unrehearsed().file(CONFIG, &says("FIRST WORD"));
    let heard = |word: &str| server.frames().last().unwrap().text.contains(word);

    let trusted = scene.run(&["trust"]).await.succeeded();
    assert!(trusted.stdout.contains("is trusted. Of its own configuration this counts"));
    assert!(trusted.stdout.contains(CONFIG), "{}", trusted.stdout);
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    assert!(server.frames()[0].text.contains("FIRST WORD"));
    assert!(!run.stderr.contains(CONFIG) && run.items("error").is_empty(), "{}", run.stderr);

    let forbids = "prefix_rule([\"touch\"], \"forbidden\")\n";
    let scene = scene.file(CONFIG, &says("SECOND WORD")).file(".codex/rules/x.rules", forbids);
    let seen = server.frames().len();
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "go"]).await.succeeded();
    let sent: String = server.frames()[seen..].iter().map(|frame| frame.text.clone()).collect();
    assert!(!sent.contains("SECOND WORD") && scene.read("made").is_some(), "{sent}");
    let line = run.stderr.lines().find(|line| line.contains("not as you accepted it")).unwrap();
    let errors = run.items("error");
    for said in [line, errors[0]["message"].as_str().unwrap()] {
        assert!(
            said.contains(&format!("{CONFIG} (changed), .codex/rules/x.rules (new)")),
            "{said}"
        );
        assert!(said.contains("`agent trust` accepts it as it is"), "{said}");
    }
    assert!(!heard("SECOND WORD"));

    scene.run(&["trust"]).await.succeeded();
    let seen = server.frames().len();
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "go"]).await.succeeded();
    assert!(server.frames()[seen].text.contains("SECOND WORD"));
    let rejected = run.event("tool.rejected");
    let rule =
        format!("project rule {}:1", scene.workspace().join(".codex/rules/x.rules").display());
    assert_eq!(rejected["rule"].as_str(), Some(rule.as_str()));
    assert!(heard("A rule of the project forbids this command"));

    let no = scene.run(&["trust", "no"]).await.succeeded();
    assert!(no.stdout.contains("is not trusted"), "{}", no.stdout);
    let broken = scene.file(CONFIG, "model = ");
    let explained = broken.run(&["config", "explain", "developer_instructions"]).await.succeeded();
    assert!(explained.stdout.contains("is not set"), "{}", explained.stdout);
}

#[tokio::test]
async fn s16_what_a_configuration_says_of_the_directory_stands_above_and_that_is_said() {
    let scene = Scene::new(AGENT);
    let directory = scene.workspace().canonicalize().unwrap();
    let scene = scene
        .config(&format!("[projects.{:?}]\ntrust_level = \"untrusted\"\n", directory.display()));
    let run = scene.run(&["trust"]).await;
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("trust_level` of your configuration stands above"),
        "{}",
        run.stderr
    );
}

fn leave(mut screen: PtyScreen) {
    screen.press("<c-c>");
    screen.wait_for("ctrl-c again leaves");
    screen.press("<c-c>");
    screen.finish().gave_the_terminal_back();
}

/// The turn is over.
fn wait_for_answer(screen: &PtyScreen) {
    screen.wait_until("it has answered", |screen| {
        let shown = screen.screen();
        shown.contains("Heard.") && !shown.contains("esc stops")
    });
}

#[test]
fn s16_the_screen_asks_again_when_a_projects_configuration_changed_and_names_what_did() {
    let server = ScriptedModel::new().says("Heard.").serve();
    let scene = Scene::new(AGENT).facing(&server).unrehearsed().file(CONFIG, &says("FIRST WORD"));
    let heard = |word: &str| server.frames().iter().any(|frame| frame.text.contains(word));
    let show = |scene: &Scene| scene.screen(&["-m", "scripted"], 100, 30);
    let mut screen = show(&scene);
    screen.wait_for("for commands");
    screen.press("go<enter>");
    screen.wait_for("Do you trust this directory?");
    screen.wait_for(".codex/config.toml  new");
    assert!(!heard("FIRST WORD"));
    screen.read_a_question();
    screen.press("y");
    wait_for_answer(&screen);
    assert!(heard("FIRST WORD"));
    leave(screen);

    let scene = scene.file(CONFIG, &says("SECOND WORD"));
    let mut screen = show(&scene);
    screen.wait_for("for commands");
    screen.press("go on<enter>");
    screen.wait_for("Accept this project's configuration?");
    screen.wait_for(".codex/config.toml  changed");
    screen.read_a_question();
    screen.press("n");
    wait_for_answer(&screen);
    screen.wait_for("Without effect, as you declined it: .codex/config.toml; /trust accepts it");
    assert!(!heard("SECOND WORD"));
    screen.press("/trust<enter>");
    screen.wait_for("configuration counts: .codex/config.toml.");
    leave(screen);
    let mut screen = show(&scene);
    screen.wait_for("for commands");
    screen.press("and now<enter>");
    wait_for_answer(&screen);
    assert!(heard("SECOND WORD"));
    leave(screen);
}

#[tokio::test]
async fn s22_what_everybody_can_write_decides_nothing() {
    let server = ScriptedModel::new().says("Done.").serve();
    let config = "developer_instructions = 'PLANTED'\n";
    let scene = Scene::new(AGENT).config(config).facing(&server).unrehearsed();
    let (home, codex) = (scene.home(), scene.home().with_file_name(".codex"));
    let own = |name: &str| home.join(name);
    std::fs::create_dir(own("threads")).unwrap();
    std::fs::create_dir(&codex).unwrap();
    std::fs::write(own("trust.json"), "{}").unwrap();
    std::fs::write(own("quick.config.toml"), config).unwrap();
    let files = ["config.toml", "quick.config.toml", "trust.json", "threads"].map(own);
    for path in [home.clone(), codex].into_iter().chain(files) {
        let mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(0o777);
        let run = scene.run(&["exec", "-p", "quick", "go"]).await;
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        let said = format!("everybody can write {}, so it is not used", path.display());
        assert!(run.stderr.contains(&said), "{}", run.stderr);
        let way_out = format!("chmod o-w {}", path.display());
        assert!(run.stderr.contains(&way_out), "{}", run.stderr);
        // A group may be the person's alone.
        mode(0o775);
    }
    assert!(server.frames().is_empty());
    scene.run(&["exec", "-p", "quick", "go"]).await.succeeded();
}
