//! `agent demo`: the whole thing without a key or a network, and its events against their published schema.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use agent_protocol::Event;
use agent_testkit::Scene;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

#[tokio::test]
async fn it_mends_the_sample_and_shows_what_changed_and_what_it_cost() {
    let scene = Scene::new(AGENT);
    let run = scene.run(&["demo", "--keep"]).await.succeeded();
    assert!(run.stdout.starts_with("The test passes now."), "{}", run.stdout);
    for shown in ["tr -cs 'a-z0-9' '-'", "+++ b/slug.sh", "Where time and bytes went:"] {
        assert!(run.stderr.contains(shown), "{shown} is missing:\n{}", run.stderr);
    }
    let kept = run.stderr.lines().find_map(|line| line.strip_prefix("Kept: ")).unwrap();
    let mended = std::fs::read_to_string(Path::new(kept).join("workspace/slug.sh")).unwrap();
    assert!(mended.contains("sed 's/^-//; s/-$//'"), "{mended}");
    std::fs::remove_dir_all(kept).unwrap();
    assert!(scene.rollouts().is_empty(), "the person's own threads stay out of it");
}

#[tokio::test]
async fn without_a_terminal_the_screen_is_refused_with_the_way_out() {
    let run = Scene::new(AGENT).run(&["demo", "--tui"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("`agent demo` prints it line by line"), "{}", run.stderr);
}

#[tokio::test]
async fn its_events_are_what_the_schema_says() {
    let run = Scene::new(AGENT).run(&["demo", "--json"]).await.succeeded();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("events:/line", schema()).unwrap();
    let mut schemas = boon::Schemas::new();
    let line = compiler.compile("events:/line", &mut schemas).unwrap();
    for event in run.events() {
        schemas.validate(&event, line).unwrap_or_else(|error| panic!("{error}\n{event:#}"));
    }
    // A test that cannot fail proves nothing.
    let half = serde_json::json!({"type": "turn.completed"});
    assert!(schemas.validate(&half, line).is_err());
    assert_eq!(run.types().last().unwrap(), "turn.completed");
}

/// A line of `exec --json`.
#[derive(schemars::JsonSchema)]
#[schemars(title = "A line of `agent exec --json`")]
#[expect(dead_code, reason = "only its schema is wanted")]
struct Line {
    /// Without gaps, per process.
    seq: u64,
    /// RFC 3339 with milliseconds.
    at: String,
    /// Milliseconds since the process began.
    t_ms: u64,
    #[serde(flatten)]
    event: Event,
}

/// `docs/events.schema.json` is generated from the types; `UPDATE_SCHEMA=1 cargo test` writes it anew.
fn schema() -> serde_json::Value {
    let generated = schemars::schema_for!(Line);
    let generated = serde_json::to_string_pretty(&generated).unwrap() + "\n";
    let path = docs().join("events.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    assert_eq!(published, generated, "the events have changed: UPDATE_SCHEMA=1 cargo test demo");
    serde_json::from_str(&published).unwrap()
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[test]
fn the_page_on_events_names_each_event_item_and_field_of_the_schema() {
    let page = std::fs::read_to_string(docs().join("events.md")).unwrap();
    let mut names = BTreeSet::new();
    collect(&schema(), &mut names);
    assert!(names.contains("turn.completed") && names.contains("final_message"), "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !page.contains(&format!("`{name}"))).collect();
    assert!(missing.is_empty(), "docs/events.md says nothing of {missing:?}");
}

/// Names of fields, and the values of `type`.
fn collect(schema: &serde_json::Value, names: &mut BTreeSet<String>) {
    if let Some(name) = schema["properties"]["type"]["const"].as_str() {
        names.insert(name.to_owned());
    }
    if let Some(fields) = schema["properties"].as_object() {
        names.extend(fields.keys().cloned());
    }
    match schema {
        serde_json::Value::Object(map) => map.values().for_each(|value| collect(value, names)),
        serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, names)),
        _ => {}
    }
}
