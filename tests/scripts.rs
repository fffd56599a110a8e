//! What scripts rely on: the form of the answer, limits, prices, reviews, forks, recordings.

use std::os::unix::fs::PermissionsExt as _;

use agent_testkit::{Finished, Scene, ScriptedModel, ScriptedServer};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const SCHEMA: &str = r#"{"type": "object", "properties": {"count": {"type": "integer"}},
    "required": ["count"], "additionalProperties": false}"#;

async fn asked_for_a_count(answers: &[&str], options: &[&str]) -> (ScriptedServer, Finished) {
    let model = answers.iter().fold(ScriptedModel::new(), |model, answer| model.says(answer));
    let server = model.serve();
    let scene = Scene::new(AGENT).file("schema.json", SCHEMA).facing(&server);
    let arguments = ["exec", "--json", "--output-schema", "schema.json"];
    let run = scene.run(&[&arguments, options, &["count the files"]].concat()).await;
    (server, run)
}

#[tokio::test]
async fn an_answer_that_fits_its_schema_is_taken() {
    let (server, run) = asked_for_a_count(&[r#"{"count": 3}"#], &[]).await;
    assert_eq!(run.succeeded().event("turn.completed")["schema_valid"], true);
    let format = &server.frames()[0].json["text"]["format"];
    assert_eq!((&format["type"], &format["strict"]), (&json!("json_schema"), &json!(true)));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_once_more() {
    let (server, run) = asked_for_a_count(&["There are 3.", r#"{"count": 3}"#], &[]).await;
    let turn = run.succeeded().event("turn.completed");
    assert_eq!(
        (&turn["schema_valid"], &turn["final_message"]),
        (&json!(true), &json!(r#"{"count": 3}"#))
    );
    assert!(server.frames()[1].text.contains("does not fit the JSON Schema"));
}

#[tokio::test]
async fn a_second_one_that_does_not_fit_is_reported_and_fails_only_where_that_is_asked_for() {
    let answers = ["There are 3.", r#"{"count": "three"}"#];
    let (_, run) = asked_for_a_count(&answers, &[]).await;
    assert_eq!(run.succeeded().event("turn.completed")["schema_valid"], false);
    let (_, run) = asked_for_a_count(&answers, &["--fail-on", "schema"]).await;
    assert_eq!(run.code, Some(1));
    let fine = ["--fail-on", "schema", "--exit-codes", "fine"];
    assert_eq!(asked_for_a_count(&answers, &fine).await.1.code, Some(7));
}

#[tokio::test]
async fn what_is_no_schema_is_refused_before_anything_is_sent() {
    let server = ScriptedModel::new().says("Never.").serve();
    for (text, problem) in [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        (r#"{"type": 7}"#, "is not a JSON Schema"),
    ] {
        let scene = Scene::new(AGENT).file("schema.json", text).facing(&server);
        let run = scene.run(&["exec", "--output-schema", "schema.json", "go"]).await;
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains(problem), "{}", run.stderr);
    }
    assert!(server.frames().is_empty());
}

#[tokio::test]
async fn a_turn_ends_when_it_has_cost_what_it_may() {
    let server =
        ScriptedModel::new().calls("exec_command", json!({"cmd": "true"})).says("Never.").serve();
    let scene =
        Scene::new(AGENT).config("[prices.m]\ninput = 1000\noutput = 1000.0\n").facing(&server);
    let run = scene.run(&["exec", "--json", "-m", "m", "--max-usd", "0.0001", "go"]).await;
    assert_eq!(run.event("turn.failed")["error"]["kind"], "budget");
    assert_eq!(run.event("budget")["kind"], "usd");
    let run = scene.run(&["exec", "-m", "other", "--max-usd", "1", "go"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("price of `other` is not known"), "{}", run.stderr);
}

#[tokio::test]
async fn what_a_turn_costs_is_said_where_the_price_is_known() {
    let server = ScriptedModel::new().says("Done.").serve();
    let scene = Scene::new(AGENT).config("[prices.m]\ninput = 2\noutput = 10\n").facing(&server);
    let turn =
        scene.run(&["exec", "--json", "-m", "m", "go"]).await.succeeded().event("turn.completed");
    assert!(turn["cost_usd"].as_f64().unwrap() > 0.0, "{turn}");
}

#[tokio::test]
async fn a_review_says_what_is_to_be_looked_at() {
    for (arguments, words) in [
        (&["review"][..], "git diff HEAD"),
        (&["review", "--base", "main"], "git merge-base main HEAD"),
        (&["review", "--commit", "abc123", "--title", "Mend it"], "git show abc123"),
        (&["review", "only the parser"], "only the parser"),
    ] {
        let server = ScriptedModel::new().says("Nothing to mend.").serve();
        let scene = Scene::new(AGENT).facing(&server);
        let run = scene.run(&[&["exec"], arguments].concat()).await.succeeded();
        assert_eq!(run.stdout, "Nothing to mend.\n");
        assert!(server.frames()[0].text.contains(words), "{words}");
    }
}

#[tokio::test]
async fn a_fork_begins_with_all_of_a_thread_and_leaves_it_as_it_is() {
    let server = ScriptedModel::new().says("I remember 7.").says("It was 7.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let first = scene.run(&["exec", "--json", "remember 7"]).await.succeeded();
    let id = first.event("thread.started")["thread_id"].clone();
    let rollout = std::fs::read(&scene.rollouts()[0]).unwrap();
    let fork = scene
        .run(&["exec", "fork", id.as_str().unwrap(), "--json", "what was it?"])
        .await
        .succeeded();
    let started = fork.event("thread.started");
    assert_ne!(started["thread_id"], id);
    assert_eq!(started["resumed_from"], id);
    assert_eq!(fork.event("turn.completed")["final_message"], "It was 7.");
    assert_eq!(scene.rollouts().len(), 2);
    assert_eq!(std::fs::read(&scene.rollouts()[0]).unwrap(), rollout);
}

fn reader() -> ScriptedModel {
    ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "cat a.txt; pwd"}))
        .says("It says text.")
}

#[tokio::test]
async fn a_recording_answers_in_place_of_the_model_without_a_network() {
    let server = reader().serve();
    let scene = Scene::new(AGENT).file("a.txt", "text\n").facing(&server);
    let recorded = scene.run(&["exec", "--record", "run.rec", "read it"]).await.succeeded();
    drop(server);
    // Elsewhere, without a key.
    let other = Scene::new(AGENT).file("a.txt", "text\n");
    std::fs::copy(scene.workspace().join("run.rec"), other.workspace().join("run.rec")).unwrap();
    let played = other.run(&["exec", "--replay", "run.rec", "--json", "read it"]).await.succeeded();
    assert_eq!(played.event("thread.started")["transport"], "replay");
    assert_eq!(
        format!("{}\n", played.event("turn.completed")["final_message"].as_str().unwrap()),
        recorded.stdout
    );
}

#[tokio::test]
async fn s1_a_recording_is_the_persons_alone_and_written_through_no_link() {
    let server = ScriptedModel::new().says("Done.").says("Done.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    std::os::unix::fs::symlink(scene.home(), scene.workspace().join("build")).unwrap();
    let run = scene.run(&["exec", "--record", "build/.zshrc", "go"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("build is a link to"), "{}", run.stderr);
    assert!(!scene.home().join(".zshrc").exists());
    scene.run(&["exec", "--record", "run.rec", "go"]).await.succeeded();
    let made = std::fs::metadata(scene.workspace().join("run.rec")).unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_request_that_differs_from_the_recorded_one_is_shown_by_its_first_difference() {
    let server = reader().serve();
    let scene = Scene::new(AGENT).file("a.txt", "text\n").facing(&server);
    scene.run(&["exec", "--record", "run.rec", "read it"]).await.succeeded();
    let scene = scene.file("a.txt", "other\n");
    let run = scene.run(&["exec", "--replay", "run.rec", "read it"]).await;
    assert_eq!(run.code, Some(1));
    for shown in ["request 2", "text", "other"] {
        assert!(run.stderr.contains(shown), "{shown} is missing: {}", run.stderr);
    }
}

#[tokio::test]
async fn s23_no_secret_enters_a_recording() {
    const SECRET: &str = "hunter2-hunter2-hunter2";
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "cat leaked"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).file("leaked", SECRET).facing(&server).env("DB_PASSWORD", SECRET);
    scene.run(&["exec", "--record", "run.rec", &format!("use {SECRET}")]).await.succeeded();
    let recording = scene.read("run.rec").unwrap();
    assert!(!recording.contains(SECRET) && !recording.contains(server.token()), "{recording}");
    assert!(recording.contains("cat leaked"));
}

#[tokio::test]
async fn a_replay_really_runs_the_tools_in_a_copy_of_the_workspace() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "cat a.txt && echo changed > a.txt"}))
        .says("Changed.")
        .serve();
    let scene = Scene::new(AGENT).file("a.txt", "text\n").facing(&server);
    scene.run(&["exec", "-s", "workspace-write", "--record", "run.rec", "go"]).await.succeeded();
    drop(server);
    let scene = scene.file("a.txt", "text\n");
    let run = scene.run(&["replay", "run.rec"]).await.succeeded();
    assert_eq!(run.stdout, "Changed.\n");
    assert!(run.stderr.contains("every request was as recorded"), "{}", run.stderr);
    assert_eq!(scene.read("a.txt").unwrap(), "text\n", "the workspace itself is left alone");
    let scene = scene.file("a.txt", "other\n");
    let run = scene.run(&["replay", "run.rec"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("request 2 is not the one of the recording"), "{}", run.stderr);
    // Where nothing is run, nothing differs.
    let run = scene.run(&["replay", "--stub-tools", "--json", "run.rec"]).await.succeeded();
    assert_eq!(run.items("command_execution")[0]["status"], "completed");
    assert_eq!(scene.read("a.txt").unwrap(), "other\n");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn r16_a_replay_that_hangs_in_a_pipe_while_it_copies_can_be_ended() {
    let server = reader().serve();
    let scene = Scene::new(AGENT).file("a.txt", "text\n").facing(&server);
    scene.run(&["exec", "--record", "run.rec", "read it"]).await.succeeded();
    // Where such a pipe cannot be seen before; in the workspace it would have to come at the right moment.
    scene.fifo("../home/.gitconfig");
    let run = scene.start(&["replay", "run.rec"]);
    let status = format!("/proc/{}/status", run.pid());
    let listens_to_term = || {
        let status = std::fs::read_to_string(&status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        u64::from_str_radix(caught, 16).unwrap() & (1 << 14) != 0
    };
    while !listens_to_term() {
        tokio::task::yield_now().await;
    }
    run.signal("TERM").await;
    assert_eq!(run.finish().await.code, Some(143));
    let temporary = scene.workspace().with_file_name("tmp");
    assert_eq!(std::fs::read_dir(temporary).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn s14_that_there_is_no_sandbox_is_for_the_person_to_say_and_for_no_recording() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "touch ~/outside && echo made"}))
        .says("Done.")
        .serve();
    let scene = Scene::new(AGENT).facing(&server);
    let outside = scene.home().with_file_name("outside");
    let record = ["exec", "-s", "danger-full-access", "--record", "run.rec", "go"];
    scene.run(&record).await.succeeded();
    std::fs::remove_file(&outside).unwrap();
    let run = scene.run(&["replay", "run.rec"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("`-s danger-full-access`"), "{}", run.stderr);
    scene.run(&["replay", "--stub-tools", "run.rec"]).await.succeeded();
    // What the person allows is what counts, also where it is less; the model was told another, so that it differs.
    let run = scene.run(&["replay", "-s", "workspace-write", "run.rec"]).await;
    assert!(run.stderr.contains("is not the one of the recording"), "{}", run.stderr);
    assert!(!outside.exists());
    for allowed in
        [&["replay", "-s", "danger-full-access", "run.rec"][..], &["--yolo", "replay", "run.rec"]]
    {
        scene.run(allowed).await.succeeded();
    }
}

#[tokio::test]
async fn s22_a_replay_is_in_a_folder_for_its_owner_alone_and_opens_no_pipe() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "stat -c mode=%a .. && ls closed"}))
        .says("Listed.")
        .serve();
    let scene = Scene::new(AGENT).file("closed/b.txt", "b\n").facing(&server).after("umask 000");
    // What is around the workspace is closed to others; so is to be what is around the copy.
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(scene.workspace().parent().unwrap(), closed).unwrap();
    let unconfined = ["exec", "-s", "danger-full-access", "--record", "run.rec", "go"];
    scene.run(&unconfined).await.succeeded();
    assert!(scene.read("run.rec").unwrap().contains("mode=700"));
    std::fs::create_dir(scene.workspace().join(".git/odd")).unwrap();
    scene.fifo(".git/odd/pipe");
    let replay = ["replay", "-s", "danger-full-access", "run.rec"];
    scene.run(&replay).await.succeeded();
    scene.fifo("closed/.gitignore");
    let run = scene.run(&replay).await;
    assert!(run.stderr.contains("request 2 is not the one of the recording"), "{}", run.stderr);
}
