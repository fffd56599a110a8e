use super::*;

use std::time::Duration;

use agent_core::Rollout;
use agent_protocol::{Content, Header, Item, ROLLOUT_FORMAT, ThreadItem};

struct State {
    dir: tempfile::TempDir,
}

impl State {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn thread(&self, id: &str, cwd: &str, message: &str) {
        let header = Header {
            format: ROLLOUT_FORMAT,
            thread_id: id.into(),
            created_at: "2026-11-24T10:00:00.000Z".into(),
            agent_version: "0".into(),
            cwd: cwd.into(),
            provider: "openai".into(),
            model: "m".into(),
            forked_from: None,
            instructions: String::new(),
            tools: vec![],
        };
        let mut rollout = Rollout::create(&self.dir.path().join("threads"), &header).unwrap();
        let answer = ItemDetails::AgentMessage {
            text: "It is \x1b[2Jmended.".into(),
            phase: Some(MessagePhase::Final),
            partial: false,
        };
        for record in [
            record(Event::TurnStarted {}, vec![]),
            item(
                ItemDetails::UserMessage { text: message.into() },
                vec![Item::user(&[Content::text(message)])],
            ),
            record(Event::WireRecorded {}, vec![Item::developer("hidden")]),
            item(answer, vec![]),
        ] {
            rollout.append(&record).unwrap();
        }
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: ThreadsArgs,
        }
        let line = <Line as clap::Parser>::try_parse_from([&["threads"], arguments].concat())?;
        let now = SystemTime::now() + Duration::from_secs(7_300);
        let codex = self.dir.path().join("codex");
        run(&line.args, self.dir.path(), Some(&codex), Path::new("/w"), Screen::PLAIN, now)
    }
}

fn record(event: Event, wire: Vec<Item>) -> Record {
    Record { seq: Some(1), at: "2026-11-24T10:00:00.000Z".into(), event, wire }
}

fn item(details: ItemDetails, wire: Vec<Item>) -> Record {
    let item =
        ThreadItem { id: "i1".into(), details, call_id: None, step: None, duration_ms: None };
    record(Event::ItemCompleted { item }, wire)
}

#[test]
fn the_list_tells_threads_apart_by_as_little_of_their_ids_as_it_takes() {
    let state = State::new();
    assert_eq!(state.run(&[]).unwrap(), "No thread was kept yet.\n");
    state.thread("0123456789-aa", "/w", "Mend \x1b[31mit");
    assert_eq!(state.run(&[]).unwrap(), "01234567       2 h     1 turn  Mend <U+001B>[31mit  /w\n");
    state.thread("0123456789-ab", "/v", "Again");
    let list = state.run(&[]).unwrap();
    assert!(list.contains("0123456789-aa ") && list.contains("0123456789-ab "), "{list}");
    for line in state.run(&["--json"]).unwrap().lines() {
        let thread: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            thread["id"].is_string() && thread["changed_at"].as_str().unwrap().ends_with('Z'),
            "{line}"
        );
    }
}

#[test]
fn s21_a_thread_is_shown_as_it_was_seen_and_cannot_steer_the_terminal() {
    let state = State::new();
    state.thread("0123456789-aa", "/w", "Mend it");
    let shown = state.run(&["show"]).unwrap();
    assert!(shown.contains("› Mend it") && shown.contains("mended."), "{shown}");
    assert!(!shown.contains('\x1b') && !shown.contains("hidden"), "{shown}");
    let records = state.run(&["show", "--json", "0123"]).unwrap();
    assert_eq!(records.lines().count(), 3);
    assert!(!records.contains("\"wire\""));
}

#[test]
fn nothing_is_removed_when_one_of_the_names_is_wrong() {
    let state = State::new();
    state.thread("0123456789-aa", "/w", "One");
    state.thread("0123456789-ab", "/w", "Two");
    let error = state.run(&["rm", "one", "three"]).unwrap_err();
    assert_eq!(error.to_string(), "there is no thread `three`");
    state.run(&["name", "two", "zwei"]).unwrap();
    assert_eq!(
        state.run(&["rm", "one", "zwei"]).unwrap(),
        "removed 0123456789-aa  One\nremoved 0123456789-ab  zwei\n"
    );
    assert_eq!(state.run(&["show"]).unwrap_err().to_string(), "no thread was kept of /w");
    assert_eq!(state.run(&["show", "--all"]).unwrap_err().to_string(), "no thread was kept");
}

#[test]
fn sessions_of_codex_are_imported_once_and_keep_their_names() {
    let state = State::new();
    let folder = state.dir.path().join("codex/sessions/2026/03/01");
    std::fs::create_dir_all(&folder).unwrap();
    let session = [
        json!({"timestamp": "2026-03-01T10:00:00Z", "type": "session_meta", "payload": {"id": "abc-1", "cwd": "/w"}}),
        json!({"timestamp": "2026-03-01T10:00:01Z", "type": "response_item", "payload":
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}}),
    ];
    let session: String = session.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.join("rollout-2026-03-01T10-00-00-abc-1.jsonl"), session).unwrap();
    std::fs::write(folder.join("rollout-2026-03-01T10-00-00-abc-2.jsonl"), "rubbish").unwrap();
    let index = state.dir.path().join("codex/session_index.jsonl");
    std::fs::write(index, "{\"id\":\"abc-1\",\"thread_name\":\"greeting\"}\n").unwrap();
    let text = state.run(&["import", "--from", "codex"]).unwrap();
    assert!(text.starts_with("imported abc-1  1 turns\nleft out: "), "{text}");
    assert!(text.ends_with("1 imported, 0 were here already, 0 had nothing to import\n"), "{text}");
    assert!(
        state
            .run(&["import", "--from", "codex"])
            .unwrap()
            .contains("0 imported, 1 were here already")
    );
    assert!(state.run(&["show", "greeting"]).unwrap().contains("› Hello"));
    assert!(state.run(&["import", "--from", "elsewhere"]).is_err());
}
