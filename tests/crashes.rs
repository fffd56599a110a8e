//! A process that is killed loses nothing that was done, does nothing twice, and its thread goes on (R1, R3, R5).

use agent_testkit::{Scene, ScriptedModel, ScriptedServer};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// Each call leaves a line behind, each time it runs.
fn three_calls() -> ScriptedServer {
    let call = |name: &str| json!({"cmd": format!("echo ran >> {name}")});
    ScriptedModel::new()
        .calls_at_once([("exec_command", call("one")), ("exec_command", call("two"))])
        .calls_freely(
            "apply_patch",
            "*** Begin Patch\n*** Add File: three\n+ran\n*** Add File: four\n+ran\n*** End Patch",
        )
        .calls("exec_command", call("five"))
        .says("Done.")
        .says("Done after all.")
        .serve()
}

fn check_that_nothing_ran_twice(scene: &Scene, after: &str) {
    for name in ["one", "two", "three", "four", "five"] {
        let lines = scene.read(name).unwrap_or_default();
        assert!(lines.is_empty() || lines == "ran\n", "{name} after {after}: {lines:?}");
    }
    assert_eq!(
        scene.read("three").is_some(),
        scene.read("four").is_some(),
        "half a patch after {after}"
    );
}

#[tokio::test]
async fn killed_after_any_event_it_goes_on_and_nothing_runs_twice() {
    let whole = three_calls();
    let scene = Scene::new(AGENT).facing(&whole);
    let run = scene.run(&["exec", "--json", "-s", "workspace-write", "go"]).await.succeeded();
    let count = run.types().len();
    assert!(count > 15, "{:?}", run.types());
    for event in 1..count {
        let server = three_calls();
        let scene = Scene::new(AGENT).unrehearsed().facing(&server);
        let mut run = scene.start(&["exec", "--json", "-s", "workspace-write", "go"]);
        run.events(event).await;
        run.signal("KILL").await;
        run.finish().await;
        let after = format!("event {event}");
        check_that_nothing_ran_twice(&scene, &after);
        let resumed =
            scene.run(&["exec", "-s", "workspace-write", "resume", "--last", "go on"]).await;
        assert_eq!(resumed.code, Some(0), "{after}: {}", resumed.stderr);
        assert!(resumed.stdout.starts_with("Done"), "{after}: {}", resumed.stdout);
        check_that_nothing_ran_twice(&scene, &after);
    }
}

#[tokio::test]
async fn cut_at_any_byte_a_rollout_is_gone_on_with_and_nothing_runs_twice() {
    const CUTS: usize = 60;
    let server = three_calls();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    let path = scene.rollouts()[0].clone();
    let whole = std::fs::read(&path).unwrap();
    // Its first line is the thread itself: without it there is none.
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for cut in (first..whole.len()).step_by((whole.len() - first) / CUTS) {
        let server = three_calls();
        let scene = Scene::new(AGENT).facing(&server);
        let folder = scene.home().join("threads").join(path.parent().unwrap().file_name().unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("rollout.jsonl"), &whole[..cut]).unwrap();
        let id = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let resumed = scene.run(&["exec", "-s", "workspace-write", "resume", &id, "go on"]).await;
        assert_eq!(resumed.code, Some(0), "cut at byte {cut}: {}", resumed.stderr);
        check_that_nothing_ran_twice(&scene, &format!("a cut at byte {cut}"));
    }
}

/// Kills a run as soon as its log has so many bytes, wherever it then is, and goes on with the thread.
async fn kill_at(bytes: u64) {
    let server = three_calls();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let mut run = scene.command(&["exec", "-s", "workspace-write", "go"]).spawn().unwrap();
    let written = || {
        let path = scene.rollouts().into_iter().next()?;
        Some(std::fs::metadata(path).ok()?.len())
    };
    while written().unwrap_or(0) < bytes && run.try_wait().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    run.kill().await.unwrap();
    let after = format!("{bytes} bytes");
    check_that_nothing_ran_twice(&scene, &after);
    let resumed = scene.run(&["exec", "-s", "workspace-write", "resume", "--last", "go on"]).await;
    assert_eq!(resumed.code, Some(0), "{after}: {}", resumed.stderr);
    assert!(resumed.stdout.starts_with("Done"), "{after}: {}", resumed.stdout);
    check_that_nothing_ran_twice(&scene, &after);
}

#[tokio::test]
async fn killed_at_any_moment_hundreds_of_times_it_goes_on_and_nothing_runs_twice() {
    const KILLS: u64 = 200;
    let server = three_calls();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", "-s", "workspace-write", "go"]).await.succeeded();
    let whole = std::fs::read(&scene.rollouts()[0]).unwrap();
    // Its first line is the thread itself: without it there is none.
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() as u64 + 1;
    let spread = whole.len() as u64 - first;
    let mut kills = tokio::task::JoinSet::new();
    for kill in 0..KILLS {
        if kills.len() == 3 {
            kills.join_next().await.unwrap().unwrap();
        }
        kills.spawn(kill_at(first + kill * spread / KILLS));
    }
    while let Some(killed) = kills.join_next().await {
        killed.unwrap();
    }
}

#[tokio::test]
async fn where_the_log_cannot_grow_the_turn_ends_in_order_and_goes_on_once_it_can() {
    let server = ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "echo one > one"}))
        .says(&"x".repeat(40_000))
        .says("It goes on.")
        .serve();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    // 512 bytes each: room for the beginning, and not for the end.
    let full = scene.after("ulimit -f 64");
    let run = full.run(&["exec", "--json", "-s", "workspace-write", "go"]).await;
    assert_eq!(run.code, Some(1));
    assert_eq!(full.read("one").unwrap(), "one\n");
    let failed = run.event("turn.failed");
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(message.contains("rollout.jsonl") && message.contains("too large"), "{message}");
    assert!(run.stderr.contains("agent exec resume --last"), "{}", run.stderr);
    let started = run.types().iter().filter(|kind| kind.starts_with("item.started")).count();
    let completed = run.types().iter().filter(|kind| kind.starts_with("item.completed")).count();
    assert!(completed >= started, "everything that was begun is closed: {:?}", run.types());
    let roomy = full.after("true");
    let run = roomy.run(&["exec", "resume", "--last", "--json", "go on"]).await.succeeded();
    assert_eq!(run.event("turn.completed")["final_message"], "It goes on.");
    assert_eq!(run.items("command_execution").len(), 0, "nothing ran twice");
}
