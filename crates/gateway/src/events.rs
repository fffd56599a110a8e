//! Composes the full sequence of server events of one response (protocol.md 4) from what a transport yields: items
//! are opened before their deltas (G4.2), responses are complete objects (G4.1), each event has its number and lane.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use agent_protocol::{DeltaPart, Item, ResponseEnd, Settings, Usage};
use serde_json::Value;

use crate::error::WireError;
use crate::json::{Object, array, quoted};

pub(crate) struct Composer {
    id: String,
    lane: Option<String>,
    previous: Option<String>,
    model: String,
    settings: Settings,
    created_at: u64,
    sequence: u64,
    created: bool,
    open: BTreeMap<u32, OpenItem>,
    done: BTreeMap<u32, Item>,
}

/// An item whose end has not come.
struct OpenItem {
    id: String,
    kind: String,
    name: Option<String>,
    /// The parts begun so far, with what of them was streamed.
    parts: Vec<(DeltaPart, String)>,
    /// The upstream began it anew: what comes now was said before.
    repeated: bool,
}

type Frames = Vec<String>;

impl Composer {
    pub(crate) fn new(lane: Option<String>, previous: Option<String>, settings: Settings) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            id: format!("resp_{}", uuid::Uuid::now_v7().simple()),
            lane,
            previous,
            model: settings.fields().model.clone(),
            settings,
            created_at: now.map_or(0, |time| time.as_secs()),
            sequence: 0,
            created: false,
            open: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    pub(crate) fn response_id(&self) -> &str {
        &self.id
    }

    pub(crate) fn lane(&self) -> Option<&str> {
        self.lane.as_deref()
    }

    pub(crate) fn is_created(&self) -> bool {
        self.created
    }

    /// The items that were completed, in their order.
    pub(crate) fn into_output(self) -> Vec<Item> {
        self.done.into_values().collect()
    }

    pub(crate) fn keepalive(&mut self) -> String {
        self.event(Object::of_type("keepalive"))
    }

    pub(crate) fn created(&mut self, model: Option<String>) -> Frames {
        if std::mem::replace(&mut self.created, true) {
            // The upstream tries again by itself: what is open comes once more.
            self.open.values_mut().for_each(|item| item.repeated = true);
            return Vec::new();
        }
        if let Some(model) = model {
            self.model = model;
        }
        let response = self.response("in_progress", None, None);
        ["response.created", "response.in_progress"]
            .map(|kind| self.event(Object::of_type(kind).raw("response", &response)))
            .into()
    }

    pub(crate) fn item_added(
        &mut self,
        index: u32,
        id: Option<String>,
        kind: &str,
        name: Option<&str>,
        call_id: Option<&str>,
    ) -> Frames {
        if self.open.contains_key(&index) || self.done.contains_key(&index) {
            return Vec::new();
        }
        let id =
            id.unwrap_or_else(|| format!("{}_{}", id_prefix(kind), uuid::Uuid::now_v7().simple()));
        let item = opened(&id, kind, name, call_id);
        self.open.insert(
            index,
            OpenItem {
                id,
                kind: kind.to_owned(),
                name: name.map(str::to_owned),
                parts: Vec::new(),
                repeated: false,
            },
        );
        let event =
            Object::of_type("response.output_item.added").number("output_index", index.into());
        vec![self.event(event.raw("item", &item))]
    }

    pub(crate) fn delta(&mut self, index: u32, part: DeltaPart, delta: &str) -> Frames {
        let mut frames = self.item_added(index, None, usual_kind(part), None, None);
        let Some(mut item) = self.open.remove(&index) else { return frames };
        if !item.repeated {
            if part == DeltaPart::ReasoningBreak {
                self.close_part(index, &item, &mut frames);
                self.open_part(index, &mut item, DeltaPart::ReasoningSummary, &mut frames);
            } else {
                if item.parts.last().is_none_or(|(open, _)| *open != part) {
                    self.close_part(index, &item, &mut frames);
                    self.open_part(index, &mut item, part, &mut frames);
                }
                frames.push(self.part_delta(index, &item, part, delta));
                if let Some((_, text)) = item.parts.last_mut() {
                    text.push_str(delta);
                }
            }
        }
        self.open.insert(index, item);
        frames
    }

    /// The item as the client and the window get it is the last word, whatever was streamed of it.
    pub(crate) fn item_done(&mut self, index: u32, item: Item) -> Frames {
        if self.done.contains_key(&index) {
            return Vec::new();
        }
        let value: Value = serde_json::from_str(item.json()).unwrap_or_default();
        let kind = value["type"].as_str().unwrap_or("message");
        let known = |name: &str| value[name].as_str();
        let id = known("id").map(str::to_owned);
        let mut frames = self.item_added(index, id.clone(), kind, known("name"), known("call_id"));
        let Some(mut open) = self.open.remove(&index) else { return frames };
        // An upstream may change the id between beginning and end (C4.2); ours does not.
        let item = if id.is_none() { with_id(&item, &open.id) } else { item };
        for (place, (part, text)) in parts_of(&value).into_iter().enumerate() {
            match open.parts.get_mut(place) {
                Some((streamed, said)) if *streamed == part => text.clone_into(said),
                Some(_) => {}
                None => {
                    self.close_part(index, &open, &mut frames);
                    self.open_part(index, &mut open, part, &mut frames);
                    if !text.is_empty() {
                        frames.push(self.part_delta(index, &open, part, &text));
                    }
                    if let Some((_, said)) = open.parts.last_mut() {
                        *said = text;
                    }
                }
            }
        }
        self.close_part(index, &open, &mut frames);
        let event =
            Object::of_type("response.output_item.done").number("output_index", index.into());
        frames.push(self.event(event.raw("item", item.json())));
        self.done.insert(index, item);
        frames
    }

    pub(crate) fn completed(&mut self, end: &ResponseEnd) -> String {
        let response = self.response("completed", Some(end), None);
        self.event(Object::of_type("response.completed").raw("response", &response))
    }

    pub(crate) fn incomplete(&mut self, reason: &str, end: &ResponseEnd) -> String {
        let details = Object::new().text("reason", reason).finish();
        let response =
            self.response("incomplete", Some(end), Some(("incomplete_details", &details)));
        self.event(Object::of_type("response.incomplete").raw("response", &response))
    }

    pub(crate) fn failed(&mut self, error: &WireError) -> String {
        let response = self.response("failed", None, Some(("error", &error.failure())));
        self.event(Object::of_type("response.failed").raw("response", &response))
    }

    /// Stopped by the client; what is not complete is thrown away (G2.2).
    pub(crate) fn interrupted(&mut self) -> Frames {
        let accepted = Object::of_type("response.interrupt.accepted").text("response_id", &self.id);
        let mut frames = vec![self.event(accepted)];
        for (index, item) in std::mem::take(&mut self.open) {
            let event =
                Object::of_type("response.output_item.interrupted").text("response_id", &self.id);
            let event = event.text("item_id", &item.id).number("output_index", index.into());
            frames.push(self.event(event));
        }
        frames.push(self.incomplete("interrupted", &ResponseEnd::default()));
        frames
    }

    fn event(&mut self, event: Object) -> String {
        let event = event.number("sequence_number", self.sequence);
        self.sequence += 1;
        match &self.lane {
            Some(lane) => event.text("stream_id", lane).finish(),
            None => event.finish(),
        }
    }

    fn open_part(&mut self, index: u32, item: &mut OpenItem, part: DeltaPart, frames: &mut Frames) {
        let place = item.parts.len();
        item.parts.push((part, String::new()));
        let kind = match part {
            DeltaPart::Text | DeltaPart::Refusal => "response.content_part.added",
            DeltaPart::ReasoningSummary => "response.reasoning_summary_part.added",
            _ => return,
        };
        let event = located(kind, index, item, part, place).raw("part", &part_json(part, ""));
        frames.push(self.event(event));
    }

    fn close_part(&mut self, index: u32, item: &OpenItem, frames: &mut Frames) {
        let Some((part, text)) = item.parts.last() else { return };
        let place = item.parts.len() - 1;
        let (kind, field, part_done) = match part {
            DeltaPart::Text => ("response.output_text.done", "text", "response.content_part.done"),
            DeltaPart::Refusal => {
                ("response.refusal.done", "refusal", "response.content_part.done")
            }
            DeltaPart::ReasoningText => ("response.reasoning_text.done", "text", ""),
            DeltaPart::CallInput if item.kind == "custom_tool_call" => {
                ("response.custom_tool_call_input.done", "input", "")
            }
            DeltaPart::CallInput => ("response.function_call_arguments.done", "arguments", ""),
            DeltaPart::ReasoningSummary | DeltaPart::ReasoningBreak => (
                "response.reasoning_summary_text.done",
                "text",
                "response.reasoning_summary_part.done",
            ),
        };
        let event = located(kind, index, item, *part, place).text(field, text);
        let event = match (part, &item.name) {
            (DeltaPart::Text, _) => event.raw("logprobs", "[]"),
            (DeltaPart::CallInput, Some(name)) if item.kind == "function_call" => {
                event.text("name", name)
            }
            _ => event,
        };
        frames.push(self.event(event));
        if !part_done.is_empty() {
            let event =
                located(part_done, index, item, *part, place).raw("part", &part_json(*part, text));
            frames.push(self.event(event));
        }
    }

    fn part_delta(&mut self, index: u32, item: &OpenItem, part: DeltaPart, delta: &str) -> String {
        let kind = match part {
            DeltaPart::Text => "response.output_text.delta",
            DeltaPart::Refusal => "response.refusal.delta",
            DeltaPart::ReasoningText => "response.reasoning_text.delta",
            DeltaPart::CallInput if item.kind == "custom_tool_call" => {
                "response.custom_tool_call_input.delta"
            }
            DeltaPart::CallInput => "response.function_call_arguments.delta",
            DeltaPart::ReasoningSummary | DeltaPart::ReasoningBreak => {
                "response.reasoning_summary_text.delta"
            }
        };
        let place = item.parts.len().saturating_sub(1);
        let event = located(kind, index, item, part, place).text("delta", delta);
        let event = if part == DeltaPart::Text { event.raw("logprobs", "[]") } else { event };
        self.event(event)
    }

    /// The `response` object: all fields that the SDKs require, without the tools, which nobody reads back.
    fn response(
        &self,
        status: &str,
        end: Option<&ResponseEnd>,
        extra: Option<(&str, &str)>,
    ) -> String {
        let fields = self.settings.fields();
        let extra = |name: &str| match extra {
            Some((given, json)) if given == name => json,
            _ => "null",
        };
        let reasoning = fields.reasoning.as_ref().map(|reasoning| {
            let effort = reasoning.effort.as_deref();
            Object::new()
                .optional("effort", effort)
                .optional("summary", reasoning.summary.as_deref())
                .finish()
        });
        let output = match end {
            Some(_) => array(self.done.values().map(Item::json)),
            None => "[]".to_owned(),
        };
        let max_output_tokens = fields.max_output_tokens.map(|tokens| tokens.to_string());
        let null = || "null".to_owned();
        let mut response = Object::new()
            .text("id", &self.id)
            .text("object", "response")
            .number("created_at", self.created_at)
            .text("status", status)
            .raw("background", "false")
            .raw("error", extra("error"))
            .raw("incomplete_details", extra("incomplete_details"))
            .raw("instructions", "null")
            .raw("max_output_tokens", &max_output_tokens.unwrap_or_else(null))
            .raw("metadata", "{}")
            .text("model", &self.model)
            .raw("output", &output)
            .raw("parallel_tool_calls", if fields.parallel_tool_calls { "true" } else { "false" })
            .optional("previous_response_id", self.previous.as_deref())
            .raw("reasoning", &reasoning.unwrap_or_else(null))
            .raw("store", "false")
            .raw("temperature", "null")
            .raw("text", r#"{"format":{"type":"text"}}"#)
            .text("tool_choice", "auto")
            .raw("tools", "[]")
            .raw("top_p", "null")
            .text("truncation", "disabled")
            .raw("usage", &end.map_or_else(null, |end| usage_json(&end.usage)));
        if !fields.prompt_cache_key.is_empty() {
            response = response.text("prompt_cache_key", &fields.prompt_cache_key);
        }
        if let Some(diagnostics) = end.and_then(|end| end.cache_diagnostics.as_ref()) {
            response = response.raw("prompt_cache_diagnostics", &diagnostics.to_string());
        }
        if end.is_some_and(|end| end.wants_to_continue) {
            response = response.raw("end_turn", "false");
        }
        response.finish()
    }
}

/// The head of an event about one part of an item; call inputs have no parts.
fn located(kind: &str, index: u32, item: &OpenItem, part: DeltaPart, place: usize) -> Object {
    // Summary and content of a reasoning item are counted apart.
    let is_summary = |part: DeltaPart| part == DeltaPart::ReasoningSummary;
    let before = item.parts[..place].iter();
    let place = before.filter(|(other, _)| is_summary(*other) == is_summary(part)).count();
    let event =
        Object::of_type(kind).text("item_id", &item.id).number("output_index", index.into());
    match part {
        DeltaPart::Text | DeltaPart::Refusal | DeltaPart::ReasoningText => {
            event.number("content_index", place as u64)
        }
        DeltaPart::ReasoningSummary | DeltaPart::ReasoningBreak => {
            event.number("summary_index", place as u64)
        }
        DeltaPart::CallInput => event,
    }
}

fn part_json(part: DeltaPart, text: &str) -> String {
    match part {
        DeltaPart::Text => Object::of_type("output_text")
            .text("text", text)
            .raw("annotations", "[]")
            .raw("logprobs", "[]")
            .finish(),
        DeltaPart::Refusal => Object::of_type("refusal").text("refusal", text).finish(),
        _ => Object::of_type("summary_text").text("text", text).finish(),
    }
}

/// The item at its beginning, empty.
fn opened(id: &str, kind: &str, name: Option<&str>, call_id: Option<&str>) -> String {
    let item = Object::new().text("id", id).text("type", kind);
    let item = match kind {
        "message" => {
            item.text("status", "in_progress").text("role", "assistant").raw("content", "[]")
        }
        "reasoning" => item.raw("summary", "[]"),
        "function_call" => item.text("status", "in_progress").text("arguments", ""),
        "custom_tool_call" => item.text("status", "in_progress").text("input", ""),
        "compaction" => item.text("encrypted_content", ""),
        _ => item.text("status", "in_progress"),
    };
    let item = name.into_iter().fold(item, |item, name| item.text("name", name));
    call_id.into_iter().fold(item, |item, call_id| item.text("call_id", call_id)).finish()
}

/// What of a complete item would have been streamed.
fn parts_of(item: &Value) -> Vec<(DeltaPart, String)> {
    let texts = |field: &str, part: DeltaPart| {
        let parts = item[field].as_array().map(Vec::as_slice).unwrap_or_default();
        let text = move |value: &Value| match value["refusal"].as_str() {
            Some(refusal) => (DeltaPart::Refusal, refusal.to_owned()),
            None => (part, value["text"].as_str().unwrap_or_default().to_owned()),
        };
        parts.iter().map(text).collect::<Vec<_>>()
    };
    let input = |field: &str| {
        vec![(DeltaPart::CallInput, item[field].as_str().unwrap_or_default().to_owned())]
    };
    match item["type"].as_str().unwrap_or("message") {
        "message" => texts("content", DeltaPart::Text),
        "reasoning" => {
            let mut parts = texts("summary", DeltaPart::ReasoningSummary);
            parts.extend(texts("content", DeltaPart::ReasoningText));
            parts
        }
        "function_call" => input("arguments"),
        "custom_tool_call" => input("input"),
        _ => Vec::new(),
    }
}

fn with_id(item: &Item, id: &str) -> Item {
    let rest = item.json().trim_start().trim_start_matches('{').trim_start();
    let comma = if rest.starts_with('}') { "" } else { "," };
    Item::from_json(&format!("{{\"id\":{}{comma}{rest}", quoted(id)))
        .unwrap_or_else(|_| item.clone())
}

fn usual_kind(part: DeltaPart) -> &'static str {
    match part {
        DeltaPart::Text | DeltaPart::Refusal => "message",
        DeltaPart::ReasoningSummary | DeltaPart::ReasoningText | DeltaPart::ReasoningBreak => {
            "reasoning"
        }
        DeltaPart::CallInput => "function_call",
    }
}

fn id_prefix(kind: &str) -> &'static str {
    match kind {
        "message" => "msg",
        "reasoning" => "rs",
        "function_call" => "fc",
        "custom_tool_call" => "ctc",
        "compaction" => "cmp",
        _ => "item",
    }
}

fn usage_json(usage: &Usage) -> String {
    format!(
        r#"{{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{},"cache_write_tokens":{}}},"output_tokens":{},"output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}}"#,
        usage.input_tokens,
        usage.cached_input_tokens,
        usage.cache_write_input_tokens,
        usage.output_tokens,
        usage.reasoning_output_tokens,
        usage.input_tokens + usage.output_tokens,
    )
}
