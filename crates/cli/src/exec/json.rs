//! `agent exec --json`: each record as one line, numbered per process. With `--json-compat`, only the events and
//! fields that Codex prints (exec-json.md 1 to 6).

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Instant;

use agent_protocol::{Event, ItemDetails, Record};
use serde_json::{Map, Value, json};

use crate::json_line::json_line;

/// What is left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct JsonOptions {
    /// Print what the model says and commands print while it comes.
    pub(crate) stream: bool,
    pub(crate) compat: bool,
}

/// Prints records as lines of JSON.
pub(crate) struct JsonPrinter<W> {
    out: W,
    options: JsonOptions,
    started: Instant,
    seq: u64,
    /// `item_N` by the thread's own item ids.
    items: HashMap<String, usize>,
}

impl<W: Write> JsonPrinter<W> {
    pub(crate) fn new(out: W, options: JsonOptions, process_started: Instant) -> Self {
        Self { out, options, started: process_started, seq: 0, items: HashMap::new() }
    }

    /// # Errors
    /// When whoever reads has gone.
    pub(crate) fn print(&mut self, record: &Record) -> io::Result<()> {
        if !self.prints(&record.event) {
            return Ok(());
        }
        if self.options.compat {
            for line in self.compat_lines(&record.event) {
                self.line(&line)?;
            }
            return Ok(());
        }
        let mut line = self.numbered(&record.event);
        line.insert("seq".to_owned(), self.seq.into());
        line.insert("at".to_owned(), record.at.clone().into());
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        line.insert("t_ms".to_owned(), elapsed.into());
        self.seq += 1;
        self.line(&line)
    }

    fn line(&mut self, line: &Map<String, Value>) -> io::Result<()> {
        let mut text = json_line(line)?;
        text.push('\n');
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    fn prints(&self, event: &Event) -> bool {
        match event {
            Event::WireRecorded {} | Event::RequestSent { .. } => false,
            Event::ItemDelta { .. } | Event::PatchDelta { .. } => {
                self.options.stream && !self.options.compat
            }
            // Whoever reads this stream has said it.
            Event::ItemStarted { item, .. }
            | Event::ItemUpdated { item }
            | Event::ItemCompleted { item } => {
                !matches!(item.details, ItemDetails::UserMessage { .. })
            }
            _ => true,
        }
    }

    /// The event's fields, its item's id replaced by `item_N`.
    fn numbered(&mut self, event: &Event) -> Map<String, Value> {
        let Ok(Value::Object(mut line)) = serde_json::to_value(event) else { return Map::new() };
        if let Some(id) = line.get_mut("item").and_then(|item| item.get_mut("id")) {
            *id = self.number(id.as_str().unwrap_or_default());
        }
        if let Some(id) = line.get_mut("item_id") {
            *id = self.number(id.as_str().unwrap_or_default());
        }
        line
    }

    fn number(&mut self, id: &str) -> Value {
        let next = self.items.len();
        let number = *self.items.entry(id.to_owned()).or_insert(next);
        format!("item_{number}").into()
    }

    fn compat_lines(&mut self, event: &Event) -> Vec<Map<String, Value>> {
        let value = |value: Value| match value {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        match event {
            Event::ThreadStarted(started) => {
                vec![value(json!({"type": "thread.started", "thread_id": started.thread_id}))]
            }
            Event::TurnStarted {} => vec![value(json!({"type": "turn.started"}))],
            Event::TurnCompleted(turn) => {
                vec![value(json!({"type": "turn.completed", "usage": turn.usage}))]
            }
            Event::TurnFailed(turn) => vec![
                value(json!({"type": "error", "message": turn.error.message})),
                value(json!({"type": "turn.failed", "error": {"message": turn.error.message}})),
            ],
            Event::Error { message } => vec![value(json!({"type": "error", "message": message}))],
            Event::TransportRetry { attempt, max, message, .. } => {
                let message = format!("Reconnecting... {attempt}/{max} ({message})");
                vec![value(json!({"type": "error", "message": message}))]
            }
            Event::TransportFallback { reason, .. } => {
                let id = self.number(&format!("fallback {}", self.items.len()));
                let item = json!({"id": id, "type": "error", "message": reason});
                vec![value(json!({"type": "item.completed", "item": item}))]
            }
            Event::ItemStarted { item, .. }
            | Event::ItemUpdated { item }
            | Event::ItemCompleted { item } => {
                if matches!(item.details, ItemDetails::ToolCall { .. }) {
                    return vec![];
                }
                let mut line = self.numbered(event);
                line.remove("rule");
                if let Some(Value::Object(item)) = line.get_mut("item") {
                    strip(item);
                }
                vec![line]
            }
            _ => vec![],
        }
    }
}

/// Leaves an item the fields of exec-json.md 3 only.
fn strip(item: &mut Map<String, Value>) {
    let kind = item.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let fields: &[&str] = match kind.as_str() {
        "agent_message" | "reasoning" => &["text"],
        "command_execution" => &["command", "aggregated_output", "exit_code", "status"],
        "file_change" => &["changes", "status"],
        "mcp_tool_call" => &["server", "tool", "arguments", "result", "error", "status"],
        "web_search" => &["query", "action"],
        "todo_list" => &["items"],
        "error" => &["message"],
        _ => &[],
    };
    if kind == "web_search"
        && let Some(search_id) = item.get("search_id").cloned()
    {
        item.insert("id".to_owned(), search_id);
    }
    item.retain(|name, _| {
        matches!(name.as_str(), "id" | "type") || fields.contains(&name.as_str())
    });
    if let Some(Value::Array(changes)) = item.get_mut("changes") {
        for change in changes.iter_mut().filter_map(Value::as_object_mut) {
            change.retain(|name, _| matches!(name.as_str(), "path" | "kind"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_protocol::{CommandExecution, Status, ThreadItem};

    fn command(id: &str, exit_code: Option<i32>) -> ThreadItem {
        ThreadItem {
            id: id.into(),
            details: ItemDetails::CommandExecution(CommandExecution {
                exit_code,
                status: if exit_code.is_some() { Status::Completed } else { Status::InProgress },
                cwd: Some("/w".into()),
                ..CommandExecution::begun("/bin/bash -c 'echo hi'")
            }),
            call_id: Some("call_1".into()),
            step: Some(1),
            duration_ms: None,
        }
    }

    fn lines(options: JsonOptions, events: Vec<Event>) -> Vec<Value> {
        let mut out = Vec::new();
        let mut printer = JsonPrinter::new(&mut out, options, Instant::now());
        for event in events {
            printer.print(&Record { seq: None, at: "T".into(), event, wire: vec![] }).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn run() -> Vec<Event> {
        vec![
            Event::ItemCompleted {
                item: ThreadItem {
                    id: "i1".into(),
                    details: ItemDetails::UserMessage { text: "go".into() },
                    call_id: None,
                    step: None,
                    duration_ms: None,
                },
            },
            Event::ItemStarted { item: command("i7", None), rule: None },
            Event::ItemDelta {
                item_id: "i7".into(),
                field: agent_protocol::DeltaField::Output,
                delta: "hi".into(),
            },
            Event::WireRecorded {},
            Event::ItemCompleted { item: command("i7", Some(0)) },
        ]
    }

    #[test]
    fn items_are_numbered_per_process_and_events_without_a_gap() {
        let lines = lines(JsonOptions { stream: true, compat: false }, run());
        let seq: Vec<_> = lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
        assert_eq!(seq, [0, 1, 2]);
        assert_eq!(lines[0]["item"]["id"], "item_0");
        assert_eq!(lines[1]["item_id"], "item_0");
        assert_eq!(lines[2]["item"]["id"], "item_0");
        assert_eq!(lines[0]["item"]["exit_code"], Value::Null);
    }

    #[test]
    fn compat_prints_what_codex_prints_and_nothing_else() {
        let lines = lines(JsonOptions { stream: true, compat: true }, run());
        assert_eq!(
            lines[1],
            json!({"type": "item.completed", "item": {"id": "item_0", "type": "command_execution",
                "command": "/bin/bash -c 'echo hi'", "aggregated_output": "", "exit_code": 0, "status": "completed"}})
        );
        assert_eq!(lines.len(), 2);
    }
}
