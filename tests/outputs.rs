//! What a command prints, until it is read: whole in a file where it was cut, and without secrets wherever it goes.

use agent_testkit::{Scene, ScriptedModel};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const KEY: &str = "tokvalue12345";

/// The files that hold what was too long, with what is in them.
fn kept(scene: &Scene) -> Vec<String> {
    let folder = scene.rollouts()[0].with_file_name("outputs");
    let files = std::fs::read_dir(folder).into_iter().flatten();
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

#[tokio::test]
async fn what_the_model_is_not_shown_is_in_a_file_however_short_it_is() {
    let line = "seq 1 3000; cat gate; seq 1 10";
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": line, "max_output_tokens": 100, "yield_time_ms": 250}))
        .calls("write_stdin", json!({"session_id": 1, "yield_time_ms": 60_000}))
        .calls("exec_command", json!({"cmd": "echo short", "max_output_tokens": 100}))
        .says("So.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    scene.fifo("gate");
    let mut run = scene.start(&["exec", "--json", "-s", "workspace-write", "go"]);
    run.until("item.completed command_execution").await;
    std::fs::write(scene.workspace().join("gate"), "").unwrap();
    run.finish().await.succeeded();
    let told = &server.frames()[1].text;
    let file = told.split("Whole output: ").nth(1).expect("the file is named");
    let file = file.split("\\n").next().unwrap();
    let lines = |last: u32| (1..=last).map(|line| format!("{line}\n")).collect::<String>();
    assert_eq!(std::fs::read_to_string(file).unwrap(), lines(3000) + &lines(10));
    assert_eq!(kept(&scene).len(), 1, "what is shown whole needs no file");
}

#[tokio::test]
async fn s23_a_secret_in_a_long_output_is_not_in_its_file_either() {
    // Its pieces are written one by one, and it lies across the bytes at which the file is begun.
    let line = "head -c 16380 /dev/zero | tr '\\0' x; printf tokv; printf 'alue12345\\n'; seq 1 3000; cat leaked";
    let server =
        ScriptedModel::new().calls("exec_command", json!({"cmd": line})).says("So.").serve();
    let scene = Scene::new(AGENT).file("leaked", KEY).facing(&server).env("MY_SERVICE_TOKEN", KEY);
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    let file = kept(&scene).pop().expect("a long output has a file");
    assert_eq!(file.matches("[secret removed]").count(), 2, "{} bytes", file.len());
    let told = &server.frames()[1].text;
    for text in [&file, told, &run.stdout] {
        assert!(!text.contains(KEY), "{} bytes", text.len());
    }
    assert!(file.contains("\n3000\n"), "all else is there");
}

#[tokio::test]
async fn s23_a_secret_that_comes_in_two_pieces_is_seen_in_none_of_them() {
    let server = ScriptedModel::new()
        .calls(
            "exec_command",
            json!({"cmd": "echo begun; printf tokval; cat gate; printf 'ue12345\\n'; echo over"}),
        )
        .calls(
            "exec_command",
            json!({"cmd": "printf tokval; cat later; printf ue12345", "yield_time_ms": 250}),
        )
        .calls("write_stdin", json!({"session_id": 1, "yield_time_ms": 60_000}))
        .says("So.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server).env("MY_SERVICE_TOKEN", KEY);
    for name in ["gate", "later"] {
        scene.fifo(name);
    }
    let mut run = scene.start(&["exec", "--json", "--stream", "-s", "workspace-write", "go"]);
    run.until("item.started command_execution").await;
    run.until("item.delta").await;
    std::fs::write(scene.workspace().join("gate"), "").unwrap();
    for _ in 0..2 {
        run.until("item.completed command_execution").await;
    }
    std::fs::write(scene.workspace().join("later"), "").unwrap();
    let run = run.finish().await.succeeded();
    let deltas = run.events().into_iter().filter(|event| event["type"] == "item.delta");
    let deltas: Vec<_> =
        deltas.filter_map(|event| event["delta"].as_str().map(str::to_owned)).collect();
    let told: Vec<_> = server.frames().into_iter().skip(2).map(|frame| frame.text).collect();
    for text in deltas.iter().chain(&told) {
        assert!(!text.contains("tokval") && !text.contains("ue12345"), "{text}");
    }
    let whole = &run.items("command_execution")[0]["aggregated_output"];
    assert_eq!(whole, "begun\n[secret removed]\nover\n");
    assert!(told[1].contains("[secret removed]"), "{}", told[1]);
}

#[tokio::test]
async fn s23_a_secret_that_a_command_prints_after_the_agent_is_gone_is_not_kept() {
    let line =
        "printf 'a tokval'; cat in; printf 'ue12345\\n'; echo tokvalue12345 tokval; echo > out";
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": line, "yield_time_ms": 250}))
        .says("It waits in the background.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server).env("MY_SERVICE_TOKEN", KEY);
    for name in ["in", "out"] {
        scene.fifo(name);
    }
    let flags = ["exec", "--json", "-s", "workspace-write", "--keep-background", "go"];
    scene.run(&flags).await.succeeded();
    let workspace = scene.workspace();
    let talk = tokio::task::spawn_blocking(move || {
        std::fs::write(workspace.join("in"), "").unwrap();
        std::fs::read(workspace.join("out")).unwrap()
    });
    talk.await.unwrap();
    let printed = async {
        // What the command printed reaches the file a moment after it was printed.
        while kept(&scene) != ["a [secret removed]\n[secret removed] tokval\n"] {
            tokio::task::yield_now().await;
        }
    };
    let printed = tokio::time::timeout(std::time::Duration::from_secs(10), printed).await;
    printed.unwrap_or_else(|_| panic!("{:?}", kept(&scene)));
}
