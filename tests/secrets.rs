//! No secret of the person's environment reaches what the model runs, in whatever way it is run (S12). Commands write
//! what they see into files, as what they print has its secrets taken out in any case.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use agent_testkit::{Scene, ScriptedModel};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// Names as programs and people spell them.
const SECRET: [&str; 30] = [
    "OPENAI_API_KEY_2",
    "my_api_key",
    "ApiKey",
    "KEY",
    "KEYS_OF_ALL",
    "keyring",
    "TOKEN",
    "GitHub_Token_2",
    "npm_config__authToken",
    "x-token-x",
    "SECRET_THING",
    "aws_secret_access_key",
    "ClientSecret",
    "MYSQL_PASSWORD",
    "PASSWD",
    "pgpassword",
    "Vault.Passwort",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "credential",
    "SSH_AUTH_SOCK",
    "Ssh_Auth_Sock",
    "GPG_AGENT_INFO",
    "SSHPASS",
    "DB_PASS",
    "MYSQL_PWD",
    "RESTIC_PASSPHRASE",
    "DOCKER_AUTH_CONFIG",
    "NPM_CONFIG__AUTH",
    "GITHUB_PAT",
    "CI_JOB_JWT_V2",
];

const ORDINARY: &str = "MY_FAVOURITE_EDITOR";

fn scene() -> Scene {
    let scene = Scene::new(AGENT).unrehearsed().env(ORDINARY, "ed");
    SECRET.into_iter().fold(scene, |scene, name| scene.env(name, &format!("tell-nobody {name}")))
}

/// A file in which something wrote down all it saw of the environment.
fn assert_clean(scene: &Scene, name: &str) {
    let saw = scene.read(name).unwrap_or_else(|| panic!("{name} was not written"));
    assert!(saw.contains("MY_FAVOURITE_EDITOR=ed"), "{name}: ordinary variables are there:\n{saw}");
    assert_holds_none(name, &saw);
}

fn assert_holds_none(what: &str, saw: &str) {
    assert!(!saw.contains("tell-nobody"), "{what}:\n{saw}");
    for name in SECRET {
        assert!(!saw.contains(&format!("{name}=")), "{what}: {name}:\n{saw}");
    }
}

#[tokio::test]
async fn s12_commands_on_pipes_and_terminals_and_their_children_see_no_secret() {
    let server = ScriptedModel::new()
        .calls(
            "exec_command",
            json!({"cmd": "env > plain; cat /proc/$$/environ | tr '\\0' '\\n' > proc"}),
        )
        .calls("exec_command", json!({"cmd": "env > terminal", "tty": true}))
        .calls(
            "exec_command",
            json!({"cmd": "bash -lic env > login 2>&1; sh -c 'setsid env > session'"}),
        )
        .says("Done.")
        .serve();
    let scene = scene().facing(&server);
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    for name in ["plain", "proc", "terminal", "login", "session"] {
        assert_clean(&scene, name);
    }
}

#[tokio::test]
async fn s12_no_process_that_a_command_can_see_has_one_in_its_environment() {
    let look = "cat /proc/[0-9]*/environ /proc/[0-9]*/task/[0-9]*/environ 2> denied | tr '\\0' '\\n' > all; env >> all";
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "sleep 1000", "yield_time_ms": 50}))
        .calls("exec_command", json!({"cmd": look}))
        .says("Done.")
        .serve();
    let scene = scene().facing(&server);
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    assert_clean(&scene, "all");
}

#[tokio::test]
async fn s11_what_a_variable_names_is_hidden_although_no_command_gets_it_and_so_is_each_of_several()
{
    let look = "cat keys/google keys/one keys/two keys/gh/hosts keys/none > seen 2> denied; echo done >> seen";
    for inherit in ["all", "none"] {
        let server =
            ScriptedModel::new().calls("exec_command", json!({"cmd": look})).says("Done.").serve();
        let scene = ["google", "one", "two", "gh/hosts"].into_iter().fold(
            Scene::new(AGENT).unrehearsed().file("keys/none", "ordinary\n"),
            |scene, name| scene.file(&format!("keys/{name}"), "secret\n"),
        );
        let path = |name: &str| scene.workspace().join("keys").join(name).display().to_string();
        let named = [
            ("GOOGLE_APPLICATION_CREDENTIALS", path("google")),
            ("KUBECONFIG", format!("{}:{}", path("one"), path("two"))),
            ("GH_CONFIG_DIR", path("gh")),
        ];
        let scene = named.iter().fold(scene, |scene, (name, value)| scene.env(name, value));
        let scene = scene.facing(&server).config(&format!(
            "[shell_environment_policy]\ninherit = \"{inherit}\"\nset = {{ PATH = \"/usr/bin:/bin\" }}\n"
        ));
        scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
        assert_eq!(scene.read("seen").as_deref(), Some("ordinary\ndone\n"), "{inherit}");
    }
}

#[tokio::test]
async fn s11_what_is_kept_to_undo_a_turn_is_hidden_wherever_a_version_of_ours_kept_it() {
    let look = "for dir in AT; do cat $dir/sets/* $dir/objects/*/*; done > seen 2> denied; echo done >> seen";
    let kept = |scene: &Scene| {
        let threads = scene.rollouts()[0].ancestors().nth(2).unwrap().to_owned();
        (threads.with_file_name("undo"), threads)
    };
    for is_of_earlier_version in [false, true] {
        let server = ScriptedModel::new()
            .calls("exec_command", json!({"cmd": "echo new > file"}))
            .says("Done.")
            .serve();
        let scene = Scene::new(AGENT).unrehearsed().file("file", "once\n").facing(&server);
        scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
        let (undo, threads) = kept(&scene);
        let own = fs::read_dir(&undo).unwrap().next().unwrap().unwrap();
        assert!(own.path().join("objects").exists());
        if is_of_earlier_version {
            fs::rename(own.path(), threads.join(own.file_name()).join("undo")).unwrap();
        }
        let at = format!("{}/* {}/*/undo", undo.display(), threads.display());
        let server = ScriptedModel::new()
            .calls("exec_command", json!({"cmd": look.replace("AT", &at)}))
            .says("Done.")
            .serve();
        let scene = scene.facing(&server);
        scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
        assert_eq!(scene.read("seen").as_deref(), Some("done\n"), "{is_of_earlier_version}");
        let id = own.file_name().into_string().unwrap();
        scene.run(&["undo", &id]).await.succeeded();
        assert_eq!(scene.read("file").as_deref(), Some("once\n"));
    }
}

#[tokio::test]
async fn s11_no_secret_is_kept_that_a_directory_led_to_which_became_a_link() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "rm -rf d && ln -s ~/.ssh d"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().file("d/id", "a template\n").facing(&server);
    fs::create_dir(scene.home().join(".ssh")).unwrap();
    fs::write(scene.home().join(".ssh/id"), "a secret\n").unwrap();
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    let diff = scene.run(&["diff"]).await.succeeded().stdout;
    assert!(diff.contains("-a template") && !diff.contains("a secret"), "{diff}");
}

#[tokio::test]
async fn s12_what_lives_on_in_the_background_sees_none_later_either() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "read -r _; env > later; echo written", "tty": true, "yield_time_ms": 50}))
        .calls("write_stdin", json!({"session_id": 1, "chars": "go\n", "yield_time_ms": 10_000}))
        .says("Done.")
        .serve();
    let scene = scene().facing(&server);
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    assert_clean(&scene, "later");
}

#[tokio::test]
async fn s12_tools_that_read_files_find_none_in_their_own_process() {
    let server = ScriptedModel::new()
        .calls("read_file", json!({"file_path": "/proc/self/environ"}))
        .calls("read_file", json!({"file_path": "/proc/1/environ"}))
        .calls("grep_files", json!({"pattern": "(?i)nobody|EDITOR", "path": "/proc/self/environ"}))
        .says("Done.")
        .serve();
    let scene = scene().facing(&server);
    scene.run(&["exec", "go"]).await.succeeded();
    let frames = server.frames();
    let outputs = frames.iter().flat_map(|frame| frame.json["input"].as_array().unwrap().clone());
    let outputs: Vec<_> = outputs.filter(|item| item["type"] == "function_call_output").collect();
    assert_eq!(outputs.len(), 3);
    for output in outputs {
        assert_holds_none("a tool", &output.to_string());
    }
}

#[tokio::test]
async fn s12_a_command_line_of_the_persons_own_in_the_sandbox_sees_none() {
    let scene = scene();
    scene.run(&["sandbox", "--", "sh", "-c", "env > sandboxed"]).await.succeeded();
    assert_clean(&scene, "sandboxed");
}

#[tokio::test]
async fn s12_a_token_that_git_is_handed_by_variables_reaches_no_command_and_git_still_runs() {
    let scene = [
        ("GIT_CONFIG_COUNT", "2"),
        ("GIT_CONFIG_KEY_0", "http.https://example.com/.extraheader"),
        ("GIT_CONFIG_VALUE_0", "AUTHORIZATION: basic tell-nobody"),
        ("GIT_CONFIG_KEY_1", "a.ordinary"),
        ("GIT_CONFIG_VALUE_1", "setting"),
    ]
    .into_iter()
    .fold(scene(), |scene, (name, value)| scene.env(name, value));
    let line = "env > sandboxed; git config --get-regexp . | grep -E '^(a|http)' > settings";
    scene.run(&["sandbox", "--", "sh", "-c", line]).await.succeeded();
    assert_clean(&scene, "sandboxed");
    assert_eq!(scene.read("settings").as_deref(), Some("a.ordinary setting\n"));
}

#[test]
fn s12_a_line_behind_an_exclamation_mark_sees_none() {
    let server = ScriptedModel::new().serve();
    let scene = scene().facing(&server);
    let mut screen = scene.screen(&["-m", "scripted", "-s", "workspace-write"], 90, 30);
    screen.wait_for("scripted");
    screen.press("!env > typed; echo all written<enter>");
    screen.wait_for("done in");
    assert_clean(&scene, "typed");
    screen.press("<c-c><c-c>");
    screen.finish();
}

#[tokio::test]
async fn s12_the_login_shell_that_is_asked_for_its_path_sees_none() {
    let server =
        ScriptedModel::new().calls("exec_command", json!({"cmd": "true"})).says("Done.").serve();
    let scene = scene().facing(&server);
    // It stands for the person's own.
    let shell = scene.home().join("bash");
    let saw = scene.workspace().join("asked");
    fs::write(&shell, format!("#!/bin/sh\nenv > '{}'\n", saw.display())).unwrap();
    fs::set_permissions(&shell, fs::Permissions::from_mode(0o755)).unwrap();
    let scene = scene.env("SHELL", shell.to_str().unwrap());
    scene.run(&["exec", "go"]).await.succeeded();
    assert_clean(&scene, "asked");
}
