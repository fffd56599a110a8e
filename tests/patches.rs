//! A patch while the model writes it: whoever watches sees the diff grow, and nobody else hears of it.

use agent_testkit::{Finished, Scene, ScriptedModel, ScriptedServer};
use agent_transport::Step;
use serde_json::{Value, json};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const PATCH: &str = "*** Begin Patch
*** Update File: a.txt
@@ one
-two
+zwei
*** Add File: b.txt
+Ein neues Blatt
+mit zwei Zeilen
*** End Patch
";

fn scene(model: ScriptedModel) -> (Scene, ScriptedServer) {
    let server = model.says("Done.").serve();
    (Scene::new(AGENT).file("a.txt", "one\ntwo\n").facing(&server), server)
}

async fn run(model: ScriptedModel, flags: &[&str]) -> Finished {
    let (scene, _server) = scene(model);
    let flags = [&["exec", "-s", "workspace-write", "--json"], flags, &["translate"]].concat();
    scene.run(&flags).await.succeeded()
}

/// What was seen of the patch before it began, put together.
fn seen(run: &Finished) -> Vec<Value> {
    let mut changes: Vec<Value> = Vec::new();
    for event in run.events() {
        if event["type"] == "item.started" {
            break;
        }
        if event["type"] != "patch.delta" {
            continue;
        }
        let (index, change) = (event["index"].as_u64().unwrap() as usize, event["change"].clone());
        let Some(before) = changes.get_mut(index) else {
            changes.push(change);
            continue;
        };
        for count in ["additions", "deletions"] {
            before[count] =
                json!(before[count].as_u64().unwrap() + change[count].as_u64().unwrap());
        }
        let diff =
            format!("{}{}", before["diff"].as_str().unwrap(), change["diff"].as_str().unwrap());
        before["diff"] = json!(diff);
    }
    changes
}

#[tokio::test]
async fn a_patch_is_seen_before_it_is_complete_and_begins_as_it_was_seen() {
    let as_text = ScriptedModel::new().calls_freely("apply_patch", PATCH);
    let as_json = ScriptedModel::new().calls("apply_patch", json!({"input": PATCH}));
    for model in [as_text, as_json] {
        let run = run(model, &["--stream"]).await;
        let pieces = run.types().iter().filter(|kind| *kind == "patch.delta").count();
        assert!(pieces > 2, "it came at once: {}", run.stdout);
        let begun = run.event("item.started")["item"].clone();
        assert_eq!(Value::from(seen(&run)), begun["changes"]);
        let delta = run.event("patch.delta");
        assert_eq!((&delta["item_id"], &delta["call_id"]), (&begun["id"], &begun["call_id"]));
    }
}

#[tokio::test]
async fn whoever_does_not_watch_hears_nothing_of_it() {
    for flags in [&[][..], &["--json-compat"], &["--json-compat", "--stream"]] {
        let run = run(ScriptedModel::new().calls_freely("apply_patch", PATCH), flags).await;
        assert!(!run.stdout.contains("patch.delta"), "{}", run.stdout);
        assert_eq!(run.items("file_change").len(), 1);
    }
}

#[tokio::test]
async fn a_patch_that_becomes_none_is_refused_as_ever() {
    let broken =
        "*** Begin Patch\n*** Add File: c.txt\n+x\nthis is no line of a new file\n*** End Patch\n";
    let run = run(ScriptedModel::new().calls_freely("apply_patch", broken), &["--stream"]).await;
    assert_eq!(seen(&run)[0]["diff"], "+x\n");
    assert_eq!(run.event("tool.rejected")["call_id"], run.event("patch.delta")["call_id"]);
    assert!(!run.stdout.contains("item.started"), "{}", run.stdout);
}

#[test]
fn on_the_screen_the_diff_grows_until_the_patch_is_applied() {
    let lines: String = (1..=100).map(|number| format!("+line {number} of many\n")).collect();
    let patch = format!("*** Begin Patch\n*** Add File: b.txt\n{lines}*** End Patch\n");
    let slowly = Step::new().calls_freely("apply_patch", &patch).at_tokens_per_second(500.0);
    let (scene, _server) = scene(ScriptedModel::new().step(slowly));
    let mut screen = scene.screen(&["-m", "scripted", "-s", "workspace-write", "go"], 80, 24);
    screen.wait_for("Writing b.txt (+");
    assert_eq!(scene.read("b.txt"), None);
    screen.wait_for("Done.");
    assert!(!screen.screen().contains("Writing b.txt"), "{}", screen.screen());
    assert!(scene.read("b.txt").unwrap().ends_with("line 100 of many\n"));
    screen.press("<c-c><c-c>");
    screen.finish().gave_the_terminal_back();
}
