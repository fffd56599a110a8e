//! What no command can read comes to the model in no other way: the agent itself neither reads it because a file of the
//! project says so, nor copies it to where commands see it (S11).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use agent_testkit::{Scene, ScriptedModel, ScriptedServer};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");
const SECRET: &str = "tell-nobody";

/// A workspace with a file of secrets that a variable names, and one of settings that none does.
fn scene(server: &ScriptedServer) -> Scene {
    let scene = Scene::new(AGENT).unrehearsed().facing(server);
    let scene = scene.file("keys.json", &format!("{{\"key\": \"{SECRET}\"}}\n"));
    let keys = scene.workspace().join("keys.json").display().to_string();
    scene.file(".env", "MODE=test\n").env("GOOGLE_APPLICATION_CREDENTIALS", &keys)
}

fn answering(answer: &str) -> ScriptedServer {
    ScriptedModel::new().says(answer).serve()
}

/// All that the model was sent.
fn sent(server: &ScriptedServer) -> String {
    server.frames().iter().map(|frame| frame.json.to_string()).collect()
}

#[tokio::test]
async fn s11_a_document_brings_the_model_no_file_that_is_hidden_from_commands() {
    let server = answering("Done.");
    let scene = scene(&server).file("CLAUDE.md", "See @keys.json and @.env");
    fs::create_dir(scene.workspace().join("sub")).unwrap();
    symlink("../keys.json", scene.workspace().join("sub/AGENTS.md")).unwrap();
    let inner = scene.workspace().join("sub").display().to_string();
    let run = scene.run(&["exec", "-C", &inner, "go"]).await.succeeded();
    let sent = sent(&server);
    assert!(sent.contains("MODE=test") && !sent.contains(SECRET), "{sent}");
    for document in ["CLAUDE.md: @keys.json", "sub/AGENTS.md"] {
        let said = format!("{document} is hidden from commands");
        assert!(run.stderr.contains(&said), "{}", run.stderr);
    }
}

#[tokio::test]
async fn s11_nor_does_one_that_a_trusted_project_names_for_it() {
    let server = answering("Done.");
    let scene = scene(&server)
        .file(".codex/config.toml", "project_doc_fallback_filenames = [\"keys.json\"]\n");
    scene.run(&["trust"]).await.succeeded();
    let run = scene.run(&["exec", "go"]).await.succeeded();
    // Its path is the value of a variable that is a secret by its name.
    assert!(run.stderr.contains("] is hidden from commands"), "{}", run.stderr);
    assert!(!sent(&server).contains(SECRET));
}

#[tokio::test]
async fn s11_nor_anything_that_programs_keep_in_a_home_that_is_the_workspace() {
    const KEPT: [&str; 8] = [
        ".netrc",
        ".git-credentials",
        ".npmrc",
        ".pgpass",
        ".bash_history",
        ".claude.json",
        ".codex/auth.json",
        ".claude/.credentials.json",
    ];
    let server = answering("Done.");
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let home = scene.home().parent().unwrap().to_owned();
    let write = |name: &str, text: &str| {
        fs::create_dir_all(home.join(name).parent().unwrap()).unwrap();
        fs::write(home.join(name), text).unwrap();
    };
    KEPT.iter().for_each(|name| write(name, SECRET));
    write(".claude/style.md", "Use tabs.");
    write("CLAUDE.md", &format!("@.claude/style.md @{}", KEPT.join(" @")));
    let home = home.to_str().unwrap();
    scene.run(&["exec", "--skip-git-repo-check", "-C", home, "go"]).await.succeeded();
    let sent = sent(&server);
    assert!(sent.contains("Use tabs.") && !sent.contains(SECRET), "{sent}");
}

#[tokio::test]
async fn s11_a_schema_or_a_picture_is_not_one_that_a_link_in_its_place_leads_to() {
    const DOT: &[u8] = crate::interactive::PICTURE;
    let server = answering("{}");
    let scene = scene(&server);
    let at = |name: &str| scene.workspace().join(name);
    let pictures = scene.home().parent().unwrap().join(".thunderbird");
    fs::create_dir(&pictures).unwrap();
    fs::write(pictures.join("dot.png"), DOT).unwrap();
    symlink(pictures.join("dot.png"), at("dot.png")).unwrap();
    symlink("keys.json", at("schema.json")).unwrap();
    for arguments in [["--output-schema", "schema.json"], ["-i", "dot.png"]] {
        let run = scene.run(&[&["exec"], &arguments[..], &["go"]].concat()).await;
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains("a link leads to what is hidden"), "{}", run.stderr);
    }
    assert!(server.frames().is_empty());
    // Who says what they mean is not asked whether they mean it, and a link to anything else is one.
    fs::write(at("other.png"), DOT).unwrap();
    symlink("other.png", at("link.png")).unwrap();
    for named in [pictures.join("dot.png"), at("link.png")] {
        scene.run(&["exec", "-i", named.to_str().unwrap(), "go"]).await.succeeded();
    }
}

#[expect(clippy::disallowed_methods, reason = "git makes the repository")]
fn git(directory: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t"];
    let mut git = std::process::Command::new("git");
    git.arg("-C").arg(directory).args(identity).args(arguments);
    assert!(git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap().status.success());
}

#[tokio::test]
async fn s11_a_new_work_tree_has_no_copy_of_what_is_hidden_in_the_old_one() {
    let look = json!({"cmd": "cat keys.json .env; true"});
    let server = ScriptedModel::new().calls("exec_command", look).says("Done.").serve();
    let scene = scene(&server)
        .outside_git()
        .file(".gitignore", "keys.json\n.env\n")
        .file(".worktreeinclude", "keys.json\n.env\n");
    git(&scene.workspace(), &["init", "--quiet"]);
    git(&scene.workspace(), &["add", "--all"]);
    git(&scene.workspace(), &["commit", "--quiet", "-m", "first"]);
    let run = scene.run(&["exec", "--worktree=new", "go"]).await.succeeded();
    let said = "keys.json is not in the new work tree: it is hidden from commands";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    let sent = sent(&server);
    assert!(sent.contains("MODE=test") && !sent.contains(SECRET), "{sent}");
}

#[tokio::test]
async fn s11_nor_has_the_copy_in_which_a_recording_is_played_where_it_is_as_empty_as_before() {
    let look = json!({"cmd": "ls; cat keys.json keys/a plain; true"});
    let server = ScriptedModel::new().calls("exec_command", look).says("Done.").serve();
    let scene = scene(&server).file("keys/a", SECRET).file("plain", "plain\n");
    let keys = scene.workspace().join("keys").display().to_string();
    let scene = scene.env("GNUPGHOME", &keys);
    let recording = scene.workspace().with_file_name("run.rec").display().to_string();
    scene.run(&["exec", "--record", &recording, "go"]).await.succeeded();
    drop(server);
    let run = scene.run(&["replay", "--json", &recording]).await;
    for name in ["keys.json", "keys"] {
        let said = format!("note: {name} is empty in the copy of the workspace: it is hidden");
        assert_eq!(run.stderr.matches(&said).count(), 1, "{}", run.stderr);
    }
    let output = run.items("command_execution").pop().unwrap().to_string();
    assert!(output.contains("keys.json") && output.contains("plain"), "{output}");
    assert!(!output.contains(SECRET), "{output}");
}
