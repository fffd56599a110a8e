//! Where the prompt comes from, and that nothing waits for an input that never comes (exec-json.md 8 and 12.1).

use std::process::Stdio;

use agent_testkit::{Scene, ScriptedModel, ScriptedServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

fn listener() -> (ScriptedServer, Scene) {
    let server = ScriptedModel::new().says("Heard.").says("And that.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    (server, scene)
}

fn heard(server: &ScriptedServer) -> String {
    let frames = server.frames();
    let items = frames[0].json["input"].as_array().unwrap().clone();
    items.last().unwrap()["content"][0]["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn piped_input_is_the_prompt_when_there_is_none() {
    for arguments in [&["exec"][..], &["exec", "-"]] {
        let (server, scene) = listener();
        scene.run_with_input(arguments, "mend it\n").await.succeeded();
        assert_eq!(heard(&server), "mend it");
    }
}

/// A pipe may be the task of somebody who has forgotten `exec`.
#[tokio::test]
async fn without_a_terminal_the_screen_says_what_does_without_one() {
    let (_server, scene) = listener();
    for arguments in [&[][..], &["mend it"], &["resume"]] {
        let run = scene.run_with_input(arguments, "mend it\n").await;
        assert_eq!(run.code, Some(1), "{arguments:?}: {}", run.stderr);
        assert!(run.stdout.is_empty(), "{}", run.stdout);
        let says =
            "error: this needs a terminal; `agent exec` does without one, `agent exec -` takes";
        assert!(run.stderr.starts_with(says), "{}", run.stderr);
    }
}

#[tokio::test]
async fn piped_input_stands_below_a_prompt() {
    let (server, scene) = listener();
    scene.run_with_input(&["exec", "explain this"], "a log\n").await.succeeded();
    assert_eq!(heard(&server), "explain this\n\n<stdin>\na log\n\n</stdin>");
}

#[tokio::test]
async fn an_open_pipe_that_nobody_writes_to_holds_nothing_up() {
    let (server, scene) = listener();
    let mut command = scene.command(&["exec", "go"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let _open = child.stdin.take();
    let status = child.wait().await.unwrap();
    assert!(status.success());
    assert_eq!(heard(&server), "go");
    let mut said = String::new();
    child.stderr.unwrap().read_to_string(&mut said).await.unwrap();
    assert!(said.contains("standard input is open but silent"), "{said}");
}

#[tokio::test]
async fn what_is_not_text_is_refused_with_the_way_to_convert_it() {
    let (server, scene) = listener();
    let mut child = scene.command(&["exec"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"caf\xe9").await.unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("iconv"));
    assert!(server.frames().is_empty());
}
