//! What the agent starts itself, outside of the sandbox, is the person's own and loads nothing of the model's.

use std::path::Path;

use agent_testkit::{Scene, ScriptedModel, ScriptedServer};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

fn running(line: &str) -> ScriptedServer {
    ScriptedModel::new().calls("exec_command", json!({"cmd": line})).says("Done.").serve()
}

#[expect(clippy::disallowed_methods, reason = "git makes the repository")]
fn git(directory: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t"];
    let mut git = std::process::Command::new("git");
    git.arg("-C").arg(directory).args(identity).args(arguments);
    let output = git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The workspace is a work tree of the bare repository `project.git` beside it.
fn of_a_bare_repository(server: &ScriptedServer) -> Scene {
    let scene = Scene::new(AGENT).facing(server).outside_git().unrehearsed();
    let root = scene.workspace().parent().unwrap().to_owned();
    git(&root, &["init", "--quiet", "source"]);
    git(&root.join("source"), &["commit", "--quiet", "--allow-empty", "-m", "first"]);
    git(&root, &["clone", "--quiet", "--bare", "source", "project.git"]);
    git(&root.join("project.git"), &["worktree", "add", "--quiet", "--detach", "../workspace"]);
    scene
}

/// Puts a program of this name where commands may write, and leads the search path to it.
fn planting(name: &str) -> String {
    format!(
        "mkdir ../project.git/x && printf '#!/bin/sh\\n: >%s' \"$MARK\" >../project.git/x/{name} && \
         chmod +x ../project.git/x/{name} && ln -s ../project.git/x bin && bin/{name}; ls bin/{name}"
    )
}

/// Its search path begins in the workspace; programs of the model's leave `mark` behind, if they run outside.
fn searching(scene: Scene) -> Scene {
    let workspace = scene.workspace();
    let path = format!("{}/bin:/usr/bin:/bin", workspace.display());
    let mark = workspace.with_file_name("mark");
    scene.env("PATH", &path).env("MARK", mark.to_str().unwrap())
}

#[tokio::test]
async fn s20_a_directory_of_programs_that_a_command_makes_a_link_is_not_the_persons() {
    let server = running(&planting("of-the-model"));
    let scene = searching(of_a_bare_repository(&server));
    let scene = scene.config("notify = [\"of-the-model\"]\n");
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "go"]).await.succeeded();
    let planted = &run.items("command_execution")[0]["aggregated_output"];
    assert!(planted.as_str().unwrap().ends_with("bin/of-the-model\n"), "{planted}");
    assert!(run.stderr.contains("`notify` could not be started"), "{}", run.stderr);
    assert!(!scene.workspace().with_file_name("mark").exists());
}

#[tokio::test]
async fn s20_a_rule_lets_no_program_out_that_is_found_through_a_link_of_the_models() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "ln -s /usr/bin bin"}))
        .calls(
            "exec_command",
            json!({"cmd": "touch ../mark", "sandbox_permissions": "require_escalated"}),
        )
        .says("Done.")
        .serve();
    let scene = searching(Scene::new(AGENT).facing(&server).unrehearsed());
    let rules = scene.home().join("rules");
    std::fs::create_dir_all(&rules).unwrap();
    std::fs::write(rules.join("default.rules"), "prefix_rule([\"touch\"])\n").unwrap();
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    // It may lead elsewhere by the time it is looked along.
    assert!(!scene.workspace().with_file_name("mark").exists());
}

/// By which programs would load what lies in the workspace, and some that lead nowhere.
fn led_into_the_workspace(scene: Scene) -> Scene {
    let at = |name: &str| scene.workspace().join(name).display().to_string();
    let values = [
        ("LD_LIBRARY_PATH", format!("{}:/opt/lib", at("lib"))),
        ("PYTHONPATH", "src".to_owned()),
        ("BASH_ENV", at(".env.sh")),
        ("VIRTUAL_ENV", at(".venv")),
        ("GREETING", "hello/you".to_owned()),
    ];
    values.iter().fold(scene, |scene, (name, value)| scene.env(name, value))
}

/// Variables as `env` prints them.
fn assert_nothing_leads_there(scene: &Scene, seen: &str) {
    let lines: Vec<_> = seen.lines().collect();
    assert!(lines.contains(&"LD_LIBRARY_PATH=/opt/lib"), "{seen}");
    assert!(lines.contains(&"GREETING=hello/you"), "{seen}");
    assert!(!seen.contains("PYTHONPATH") && !seen.contains("BASH_ENV"), "{seen}");
    assert!(!seen.contains(scene.workspace().to_str().unwrap()), "{seen}");
}

#[tokio::test]
async fn s20_the_program_that_is_told_of_a_turn_loads_nothing_of_the_models_and_is_elsewhere() {
    let server = ScriptedModel::new().says("Done.").serve();
    let scene = led_into_the_workspace(Scene::new(AGENT).facing(&server).unrehearsed());
    let root = scene.workspace().parent().unwrap().to_owned();
    let told = root.join("told");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &told, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let config = format!("notify = [\"sh\", \"-c\", \"(pwd; env) >{}\"]\n", told.display());
    let reading = tokio::task::spawn_blocking(move || std::fs::read_to_string(told).unwrap());
    let scene = scene.config(&config);
    scene.run(&["exec", "go"]).await.succeeded();
    let seen = reading.await.unwrap();
    assert_eq!(seen.lines().next(), root.join("home").to_str());
    assert_nothing_leads_there(&scene, &seen);
}

#[tokio::test]
async fn s20_the_login_shell_loads_nothing_of_the_models_and_commands_keep_their_variables() {
    let server = running("echo \"$LD_LIBRARY_PATH $PYTHONPATH\"");
    let scene = Scene::new(AGENT).facing(&server).unrehearsed().env("SHELL", "/bin/sh");
    let scene = led_into_the_workspace(scene);
    let home = scene.workspace().with_file_name("home");
    std::fs::write(home.join(".profile"), "env >\"$HOME/seen\"\n").unwrap();
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    assert_nothing_leads_there(&scene, &std::fs::read_to_string(home.join("seen")).unwrap());
    let printed = &run.items("command_execution")[0]["aggregated_output"];
    let expected = format!("{}/lib:/opt/lib src\n", scene.workspace().display());
    assert_eq!(printed.as_str(), Some(&*expected));
}

#[tokio::test]
async fn s20_a_shell_of_the_project_is_asked_for_nothing() {
    let server = running("true");
    let scene = Scene::new(AGENT).facing(&server).unrehearsed().shadowing("sh");
    let shell = scene.workspace().join("bin/sh");
    let scene = scene.env("SHELL", shell.to_str().unwrap());
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    assert!(scene.read("ran-sh").is_none());
}
