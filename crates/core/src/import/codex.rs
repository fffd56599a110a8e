//! The sessions of Codex as they stand on disk: `sessions/YYYY/MM/DD/rollout-*.jsonl`, lines of
//! `{timestamp, type, payload}`. Older ones have the items of the API as bare lines.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use agent_protocol::{
    CommandExecution, Content, Item, ItemDetails, ItemKind, MessagePhase, Phase, Role, Status,
    ToolCall,
};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The home of Codex, only read.
#[derive(Clone, Debug)]
pub struct CodexHome(PathBuf);

impl CodexHome {
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// All its sessions, archived ones too, the oldest first.
    pub fn rollouts(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for folder in ["sessions", "archived_sessions"] {
            collect(&self.0.join(folder), 0, &mut found);
        }
        // The name begins with the time.
        found.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
        found
    }

    /// What the person called sessions, by id.
    pub fn names(&self) -> HashMap<String, String> {
        #[derive(Deserialize)]
        struct Named {
            #[serde(alias = "thread_id", alias = "session_id")]
            id: String,
            #[serde(alias = "name")]
            thread_name: String,
        }
        let index = fs::read_to_string(self.0.join("session_index.jsonl")).unwrap_or_default();
        let named = index.lines().filter_map(|line| serde_json::from_str::<Named>(line).ok());
        named.map(|named| (named.id, named.thread_name)).collect()
    }
}

fn collect(dir: &Path, depth: u8, found: &mut Vec<PathBuf>) {
    const DEEPEST: u8 = 3;
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth < DEEPEST {
                collect(&path, depth + 1, found);
            }
        } else if name.starts_with("rollout-") && name.ends_with(".jsonl") {
            found.push(path);
        }
    }
}

/// A session, read.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) created_at: String,
    pub(super) version: String,
    pub(super) cwd: PathBuf,
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) instructions: String,
    /// A sub-agent's.
    pub(super) is_of_another: bool,
    pub(super) turns: Vec<Turn>,
    /// What the next request began with.
    pub(super) window: Vec<Item>,
    pub(super) skipped: u32,
    /// Calls that have no output yet.
    open: Vec<ToolCall>,
}

#[derive(Debug)]
pub(super) struct Turn {
    pub(super) at: String,
    /// When, what, and the call it shows.
    pub(super) shown: Vec<(String, ItemDetails, Option<String>)>,
}

#[derive(Deserialize)]
struct Line {
    timestamp: Option<String>,
    r#type: Option<String>,
    payload: Option<Box<RawValue>>,
    /// Of the first line of an old session.
    id: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Meta {
    id: Option<String>,
    timestamp: Option<String>,
    cwd: Option<PathBuf>,
    cli_version: Option<String>,
    model_provider: Option<String>,
    instructions: Option<Value>,
    base_instructions: Option<Value>,
    source: Option<Value>,
}

#[derive(Deserialize)]
struct TurnContext {
    cwd: Option<PathBuf>,
    model: Option<String>,
}

#[derive(Deserialize)]
struct Compacted {
    #[serde(default)]
    message: String,
    replacement_history: Option<Vec<Box<RawValue>>>,
}

/// What Codex says in the person's name.
const NOT_SAID: [&str; 8] = [
    "<environment_context>",
    "<user_instructions>",
    "<permissions instructions>",
    "<turn_aborted>",
    "<user_shell_command>",
    "<skill>",
    "<collaboration_mode>",
    "# AGENTS.md instructions",
];

/// Items of Codex's own, which no API knows.
const OWN_ITEMS: [&str; 2] = ["ghost_snapshot", "other"];

impl Session {
    /// None when it is no session of Codex.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut session = Self { provider: "openai".to_owned(), ..Self::default() };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if session.line(line).is_none() {
                session.skipped += 1;
            }
        }
        let is_id = !session.id.is_empty()
            && session.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        session.close_open();
        is_id.then_some(session)
    }

    pub(super) fn last_at(&self) -> Option<&str> {
        let turn = self.turns.last()?;
        Some(turn.shown.last().map_or(&turn.at, |(at, ..)| at))
    }

    /// None when it was not understood.
    fn line(&mut self, text: &str) -> Option<()> {
        let line: Line = serde_json::from_str(text).ok()?;
        let at =
            line.timestamp.unwrap_or_else(|| self.last_at().unwrap_or(&self.created_at).to_owned());
        let Some(payload) = line.payload else {
            // As it was before there were payloads: the first line is about the session, others are items.
            return match (line.r#type, line.id) {
                (None, Some(_)) => self.meta(text, at),
                (Some(_), _) => self.item(&at, text),
                // `{"record_type":"state"}`.
                (None, None) => Some(()),
            };
        };
        match line.r#type.as_deref()? {
            "session_meta" => self.meta(payload.get(), at),
            "turn_context" => self.context(payload.get()),
            "response_item" => self.item(&at, payload.get()),
            "compacted" => self.compacted(payload.get()),
            // What these say, the items say too.
            _ => Some(()),
        }
    }

    fn meta(&mut self, json: &str, at: String) -> Option<()> {
        let meta: Meta = serde_json::from_str(json).ok()?;
        // A fork repeats that of its parent behind its own.
        if !self.id.is_empty() {
            return Some(());
        }
        self.id = meta.id?;
        self.created_at = meta.timestamp.unwrap_or(at);
        self.version = meta.cli_version.unwrap_or_default();
        self.cwd = meta.cwd.unwrap_or_default();
        self.provider = meta.model_provider.unwrap_or_else(|| self.provider.clone());
        let text = |value: Value| value.as_str().or(value["text"].as_str()).map(str::to_owned);
        self.instructions =
            meta.base_instructions.or(meta.instructions).and_then(text).unwrap_or_default();
        self.is_of_another = meta.source.is_some_and(|source| source.get("subagent").is_some());
        Some(())
    }

    fn context(&mut self, json: &str) -> Option<()> {
        let context: TurnContext = serde_json::from_str(json).ok()?;
        self.model = context.model.unwrap_or_else(|| self.model.clone());
        if self.cwd.as_os_str().is_empty() {
            self.cwd = context.cwd.unwrap_or_default();
        }
        Some(())
    }

    fn item(&mut self, at: &str, json: &str) -> Option<()> {
        let item = Item::from_json(json).ok()?;
        match item.kind() {
            ItemKind::Other { kind } if OWN_ITEMS.contains(&kind.as_str()) => return Some(()),
            ItemKind::Message { role: Role::User, text, .. } if is_said(text) => {
                self.begin_turn(at);
                self.show(at, ItemDetails::UserMessage { text: text.clone() }, None);
            }
            ItemKind::Message { role: Role::Assistant, phase, text } => {
                let phase = phase.map(|phase| match phase {
                    Phase::Commentary => MessagePhase::Note,
                    Phase::FinalAnswer => MessagePhase::Final,
                });
                self.show(
                    at,
                    ItemDetails::AgentMessage { text: text.clone(), phase, partial: false },
                    None,
                );
            }
            ItemKind::Reasoning { summary } if !summary.is_empty() => {
                self.show(at, ItemDetails::Reasoning { text: summary.clone() }, None);
            }
            ItemKind::WebSearch(search) => {
                let details = ItemDetails::WebSearch {
                    query: search.query.clone(),
                    action: search.action.clone(),
                    search_id: search.id.clone(),
                };
                self.show(at, details, None);
            }
            ItemKind::ToolCall(call) => self.open.push(call.clone()),
            ItemKind::ToolOutput { call_id } => {
                let open = self.open.iter().position(|call| call.call_id == *call_id);
                if let Some(open) = open {
                    let call = self.open.remove(open);
                    self.show(at, shown(&call, Some(&item)), Some(call.call_id));
                }
            }
            _ => {}
        }
        self.window.push(item);
        Some(())
    }

    /// The window begins anew, with what Codex kept; in older sessions that is what the person said, and a summary.
    fn compacted(&mut self, json: &str) -> Option<()> {
        let compacted: Compacted = serde_json::from_str(json).ok()?;
        self.close_open();
        self.window = match compacted.replacement_history {
            Some(items) => items.into_iter().filter_map(|item| Item::from_raw(item).ok()).collect(),
            None => {
                let kept = std::mem::take(&mut self.window).into_iter();
                let by_person = |item: &Item| {
                    matches!(
                        item.kind(),
                        ItemKind::Message { role: Role::User | Role::Developer, .. }
                    )
                };
                kept.filter(by_person)
                    .chain([Item::user(&[Content::text(compacted.message)])])
                    .collect()
            }
        };
        Some(())
    }

    /// A message while one is already heard belongs to the same turn.
    fn begin_turn(&mut self, at: &str) {
        self.close_open();
        let only_asked = |turn: &Turn| {
            turn.shown
                .iter()
                .all(|(_, details, _)| matches!(details, ItemDetails::UserMessage { .. }))
        };
        if !self.turns.last().is_some_and(only_asked) {
            self.turns.push(Turn { at: at.to_owned(), shown: Vec::new() });
        }
    }

    fn show(&mut self, at: &str, details: ItemDetails, call_id: Option<String>) {
        if let Some(turn) = self.turns.last_mut() {
            turn.shown.push((at.to_owned(), details, call_id));
        }
    }

    fn close_open(&mut self) {
        let at = self.last_at().unwrap_or_default().to_owned();
        for call in std::mem::take(&mut self.open) {
            self.show(&at, shown(&call, None), Some(call.call_id));
        }
    }
}

fn is_said(text: &str) -> bool {
    let text = text.trim_start();
    !NOT_SAID.iter().any(|beginning| text.starts_with(beginning))
}

/// A call as a person sees it; without an output it was stopped.
fn shown(call: &ToolCall, output: Option<&Item>) -> ItemDetails {
    let arguments: Value = serde_json::from_str(&call.input).unwrap_or_default();
    let (text, exit_code) = output.map(outcome).unwrap_or_default();
    let failed = output.is_none() || exit_code.is_some_and(|code| code != 0);
    let status = if failed { Status::Failed } else { Status::Completed };
    if let Some(command) = command_line(&arguments) {
        return ItemDetails::CommandExecution(CommandExecution {
            aggregated_output: text,
            exit_code,
            status,
            cwd: arguments["workdir"].as_str().map(PathBuf::from),
            ..CommandExecution::begun(command)
        });
    }
    let line =
        |text: &str| text.lines().next().unwrap_or_default().chars().take(120).collect::<String>();
    ItemDetails::ToolCall {
        tool: call.name.clone(),
        subject: line(&call.input),
        summary: line(&text),
        status,
    }
}

/// Of the many tools Codex has had for it: `{"command": ["bash", "-lc", "…"]}`, `{"cmd": "…"}`.
fn command_line(arguments: &Value) -> Option<String> {
    let command = arguments.get("cmd").or_else(|| arguments.get("command"))?;
    match command {
        Value::String(command) => Some(command.clone()),
        Value::Array(words) => {
            let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
            match words.as_slice() {
                [_shell, "-lc" | "-c", script] => Some((*script).to_owned()),
                words => Some(words.join(" ")),
            }
        }
        _ => None,
    }
}

/// The text of an output, and the exit code when it is one of a command.
fn outcome(output: &Item) -> (String, Option<i32>) {
    let json: Value = serde_json::from_str(output.json()).unwrap_or_default();
    let body = &json["output"];
    let text = match body {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        other => other["content"].as_str().unwrap_or_default().to_owned(),
    };
    let code = |value: &Value| value.as_i64().and_then(|code| i32::try_from(code).ok());
    // `{"output": "…", "metadata": {"exit_code": 0}}` as a string.
    if let Ok(inner) = serde_json::from_str::<Value>(&text)
        && let Some(inner_text) = inner["output"].as_str()
    {
        return (inner_text.to_owned(), code(&inner["metadata"]["exit_code"]));
    }
    let stated = ["Exit code: ", "Process exited with code "].iter().find_map(|words| {
        let line = text.lines().take(6).find_map(|line| line.strip_prefix(words))?;
        line.trim().parse().ok()
    });
    (text, stated)
}
