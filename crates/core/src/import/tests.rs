use super::*;

use agent_protocol::{CommandExecution, ItemKind, Status};
use serde_json::{Value, json};

use crate::history::History;
use crate::rollout::read_rollout;

const ID: &str = "01993b2c-7f2a-7d10-8a3b-0123456789ab";

fn line(at: &str, kind: &str, payload: Value) -> String {
    json!({"timestamp": format!("2026-03-01T10:00:{at}.000Z"), "type": kind, "payload": payload})
        .to_string()
        + "\n"
}

fn said(role: &str, text: &str) -> Value {
    let part = if role == "assistant" { "output_text" } else { "input_text" };
    json!({"type": "message", "role": role, "content": [{"type": part, "text": text}]})
}

fn call(id: &str, arguments: Value) -> Value {
    json!({"type": "function_call", "name": "shell", "arguments": arguments.to_string(), "call_id": id})
}

fn output(id: &str, text: &str) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": text})
}

/// A session with one of everything.
fn session() -> String {
    let meta = json!({
        "id": ID, "timestamp": "2026-03-01T10:00:00.000Z", "cwd": "/work", "originator": "codex_cli_rs",
        "cli_version": "0.169.0", "model_provider": "azure", "base_instructions": {"text": "Be Codex."}, "source": "cli",
    });
    let answer = json!({"output": "file\n", "metadata": {"exit_code": 2, "duration_seconds": 0.1}})
        .to_string();
    [
        line("00", "session_meta", meta),
        line("01", "response_item", said("developer", "<permissions instructions>")),
        line("01", "response_item", said("user", "<environment_context>\n</environment_context>")),
        line(
            "02",
            "turn_context",
            json!({"cwd": "/work", "model": "gpt-5.6", "approval_policy": "never"}),
        ),
        line("02", "response_item", said("user", "Look around")),
        line("02", "event_msg", json!({"type": "user_message", "message": "Look around"})),
        line(
            "03",
            "response_item",
            json!({"type": "reasoning", "summary": [], "encrypted_content": "xyz"}),
        ),
        line(
            "03",
            "response_item",
            call("c1", json!({"command": ["bash", "-lc", "ls"], "workdir": "/work"})),
        ),
        line("03", "response_item", call("c2", json!({"cmd": "sleep 9"}))),
        "not json at all\n".to_owned(),
        line("04", "response_item", output("c1", &answer)),
        line("04", "response_item", json!({"type": "ghost_snapshot", "ghost_commit": {}})),
        line("04", "world_state", json!({"anything": 1})),
        line("05", "response_item", said("assistant", "There is a file.")),
        line("30", "response_item", said("user", "Thanks")),
        line("31", "response_item", said("assistant", "Welcome.")),
    ]
    .concat()
}

struct Scene {
    dir: tempfile::TempDir,
    threads: Threads,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let threads = Threads::under(&dir.path().join("state"));
        Self { dir, threads }
    }

    fn import(&self, text: &str) -> Result<Import, ImportError> {
        let path = self.dir.path().join("rollout.jsonl");
        fs::write(&path, text).unwrap();
        let imported = import_codex(&path, None, &self.threads);
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "their file is only read");
        imported
    }

    fn window(&self) -> Vec<Item> {
        let loaded = read_rollout(&self.threads.find(ID).unwrap().path).unwrap();
        let mut history = History::default();
        loaded.records.iter().for_each(|record| history.apply(record));
        assert!(history.open_calls().is_empty());
        history.window().iter().cloned().collect()
    }
}

#[test]
fn a_session_of_codex_becomes_a_thread_that_can_go_on() {
    let scene = Scene::new();
    let imported = scene.import(&session()).unwrap();
    assert_eq!(
        imported,
        Import::Done(Imported { id: ID.into(), turns: 2, skipped: 1, repaired: 1 })
    );
    let thread = scene.threads.find(ID).unwrap();
    assert_eq!((thread.title(), thread.turns), ("Look around", 2));
    assert_eq!((thread.provider.as_str(), thread.model.as_str()), ("azure", "gpt-5.6"));
    assert_eq!(
        (thread.cwd.as_path(), thread.created_at.as_str()),
        (Path::new("/work"), "2026-03-01T10:00:00.000Z")
    );
    assert_eq!(Some(thread.changed), time("2026-03-01T10:00:31.000Z"));
    let kinds: Vec<_> = scene
        .window()
        .iter()
        .map(|item| match item.kind() {
            ItemKind::ToolCall(call) => call.call_id.clone(),
            ItemKind::ToolOutput { call_id } => format!("{call_id}!"),
            ItemKind::Message { text, .. } => text.chars().take(5).collect(),
            _ => "-".to_owned(),
        })
        .collect();
    assert_eq!(
        kinds,
        ["<perm", "<envi", "Look ", "-", "c1", "c2", "c2!", "c1!", "There", "Thank", "Welco"]
    );
    assert_eq!(scene.import(&session()).unwrap(), Import::Known { id: ID.into() });
    assert_eq!(scene.threads.list().unwrap().threads.len(), 1);
}

#[test]
fn commands_are_shown_with_what_came_of_them() {
    let scene = Scene::new();
    scene.import(&session()).unwrap();
    let loaded = read_rollout(&scene.threads.find(ID).unwrap().path).unwrap();
    let commands: Vec<_> = loaded
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::ItemCompleted { item } => match &item.details {
                ItemDetails::CommandExecution(CommandExecution {
                    command,
                    aggregated_output,
                    exit_code,
                    status,
                    ..
                }) => Some((command.as_str(), aggregated_output.as_str(), *exit_code, *status)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(
        commands,
        [("ls", "file\n", Some(2), Status::Failed), ("sleep 9", "", None, Status::Failed)]
    );
    assert_eq!(loaded.header.agent_version, "codex 0.169.0");
}

#[test]
fn a_compaction_leaves_what_codex_kept() {
    let scene = Scene::new();
    let kept =
        json!([said("user", "Look around"), {"type": "compaction", "encrypted_content": "short"}]);
    let compacted = line("40", "compacted", json!({"message": "", "replacement_history": kept}));
    scene
        .import(&(session() + &compacted + &line("41", "response_item", said("user", "Go on"))))
        .unwrap();
    let window = scene.window();
    assert_eq!(window.len(), 3);
    assert!(matches!(window[1].kind(), ItemKind::Compaction));
}

#[test]
fn an_old_session_has_its_items_bare() {
    let scene = Scene::new();
    let text = [
        json!({"id": ID, "timestamp": "2025-05-01T10:00:00.000Z", "instructions": null}),
        json!({"record_type": "state"}),
        said("user", "Hello"),
        said("assistant", "Hi."),
    ]
    .map(|line| line.to_string() + "\n")
    .concat();
    let imported = scene.import(&text).unwrap();
    assert_eq!(
        imported,
        Import::Done(Imported { id: ID.into(), turns: 1, skipped: 0, repaired: 0 })
    );
    assert_eq!(scene.threads.find(ID).unwrap().title(), "Hello");
}

#[test]
fn what_is_no_session_or_says_nothing_makes_no_thread() {
    let scene = Scene::new();
    for text in ["", "rubbish", "{}", "[1]\n", "{\"id\":\"../../x\",\"timestamp\":\"\"}\n"] {
        assert!(matches!(scene.import(text), Err(ImportError::Foreign(_))), "{text}");
    }
    let first = session().lines().next().unwrap().to_owned();
    assert!(matches!(scene.import(&first).unwrap(), Import::Nothing { .. }));
    let part = session().replacen("\"source\":\"cli\"", "\"source\":{\"subagent\":\"review\"}", 1);
    assert!(matches!(scene.import(&part).unwrap(), Import::Nothing { .. }));
    assert!(scene.threads.list().unwrap().threads.is_empty());
}

#[test]
fn cut_at_any_byte_it_is_imported_as_far_as_it_goes() {
    let text = session();
    let first = text.find('\n').unwrap();
    for cut in (first..text.len()).step_by(7) {
        let scene = Scene::new();
        scene.import(&text[..cut]).unwrap();
    }
}

#[test]
fn the_sessions_of_a_home_are_found_with_their_names() {
    let dir = tempfile::tempdir().unwrap();
    for path in [
        "sessions/2026/03/02/rollout-2026-03-02T10-00-00-b.jsonl",
        "sessions/2026/03/01/rollout-2026-03-01T10-00-00-a.jsonl",
        "archived_sessions/rollout-2025-01-01T10-00-00-z.jsonl",
        "sessions/2026/03/01/notes.txt",
    ] {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    fs::write(
        dir.path().join("session_index.jsonl"),
        "{\"id\":\"a\",\"thread_name\":\"mine\"}\nrubbish\n",
    )
    .unwrap();
    let home = CodexHome::at(dir.path());
    let names: Vec<_> =
        home.rollouts().iter().map(|path| path.file_stem().unwrap().to_owned()).collect();
    assert_eq!(
        names,
        [
            "rollout-2025-01-01T10-00-00-z",
            "rollout-2026-03-01T10-00-00-a",
            "rollout-2026-03-02T10-00-00-b"
        ]
    );
    assert_eq!(home.names().get("a").map(String::as_str), Some("mine"));
}
