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
}

/// At the next start: until then, a process that was killed between two files may have left one of them.
fn check_that_all_went_on(scene: &Scene, after: &str) {
    check_that_nothing_ran_twice(scene, after);
    assert_eq!(
        scene.read("three").is_some(),
        scene.read("four").is_some(),
        "half a patch after {after}"
    );
}

#[tokio::test]
async fn r2_killed_after_any_event_it_goes_on_and_nothing_runs_twice() {
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
        check_that_all_went_on(&scene, &after);
    }
}

#[tokio::test]
async fn r1_cut_at_any_byte_a_rollout_is_gone_on_with_and_nothing_runs_twice() {
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
        check_that_all_went_on(&scene, &format!("a cut at byte {cut}"));
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
    check_that_all_went_on(&scene, &after);
}

#[tokio::test]
async fn r3_killed_at_any_moment_hundreds_of_times_it_goes_on_and_nothing_runs_twice() {
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
async fn r1_where_the_log_cannot_grow_the_turn_ends_in_order_and_goes_on_once_it_can() {
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

/// A change of many files, one after the other.
const FILES: usize = 30;

fn large_change() -> ScriptedServer {
    let files = (0..FILES).map(|n| {
        format!("*** Update File: old/{n}\n@@\n-old\n+new\n*** Add File: new/{n}\n+new\n")
    });
    let patch = format!("*** Begin Patch\n{}*** End Patch", files.collect::<String>());
    ScriptedModel::new().calls_freely("apply_patch", &patch).says("Done.").says("Done.").serve()
}

/// How many files are new by now, and how many of ours lie beside them.
fn progress(scene: &Scene) -> (usize, usize) {
    let entries =
        |name: &str| std::fs::read_dir(scene.workspace().join(name)).into_iter().flatten();
    let names: Vec<_> = ["old", "new"]
        .iter()
        .flat_map(|name| entries(name).flatten())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let ours = names.iter().filter(|name| name.starts_with('.')).count();
    let new =
        ["old", "new"].iter().flat_map(|folder| (0..FILES).map(move |n| format!("{folder}/{n}")));
    (new.filter(|path| scene.read(path).is_some_and(|text| text == "new\n")).count(), ours)
}

/// A process and all that descends from it.
fn family(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children =
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = children
        .flat_map(|text| text.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    children.into_iter().flat_map(family).chain([pid]).collect()
}

/// Kills a run with all its processes when its change has come so far; says how far it had come.
async fn kill_within_a_change(is_far: impl Fn((usize, usize)) -> bool) -> (Scene, (usize, usize)) {
    let server = large_change();
    let scene = (0..FILES)
        .fold(Scene::new(AGENT).unrehearsed(), |scene, n| scene.file(&format!("old/{n}"), "old\n"));
    let scene = scene.facing(&server);
    let mut run = scene.command(&["exec", "-s", "workspace-write", "go"]).spawn().unwrap();
    let pid = run.id().unwrap();
    while run.try_wait().unwrap().is_none() && !is_far(progress(&scene)) {
        tokio::task::yield_now().await;
    }
    for pid in family(pid) {
        let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    let _ = run.wait().await;
    let far = progress(&scene);
    (scene, far)
}

#[tokio::test]
async fn r5_killed_anywhere_within_a_change_of_many_files_it_is_all_or_nothing_at_the_next_start() {
    let mut halves = 0;
    let staged = (0..6).map(|step| (0, step * 8 + 1));
    let placed = (0..12).map(|step| (step * FILES / 6, 0));
    for (number, (new, ours)) in staged.chain(placed).enumerate() {
        let (scene, far) =
            kill_within_a_change(|(is_new, are_ours)| is_new >= new && are_ours >= ours).await;
        halves += usize::from(far != (0, 0) && far != (2 * FILES, 0));
        let server =
            ScriptedModel::new().says("Nothing.").says("Nothing.").says("Nothing.").serve();
        let scene = scene.facing(&server);
        // Whichever thread is next.
        let next =
            if number % 2 == 0 { &["exec", "hi"][..] } else { &["exec", "resume", "--last", "hi"] };
        let run = scene.run(next).await.succeeded();
        let after = progress(&scene);
        assert!(
            after == (0, 0) || after == (2 * FILES, 0),
            "killed at {far:?}, then {after:?}: {}",
            run.stderr
        );
        assert!(after.0 == 0 || far.0 == 2 * FILES, "what was begun is undone: {far:?}");
        assert_eq!(scene.workspace().join("new").exists(), after.0 > 0, "{far:?}");
        if far.0 > 0 && after.0 == 0 {
            assert!(run.stderr.contains("put back as it was"), "it is said: {}", run.stderr);
        }
    }
    assert!(halves >= 5, "the kills came within the change: {halves}");
}
