//! Frames of the server, read. Reading is tolerant: an unknown event is a value, never an error.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::ApiError;
use crate::{DeltaPart, Item, ResponseEnd, ResponseEvent, SteerOutcome, Usage};

/// One frame of the server, read.
#[derive(Clone, Debug)]
pub struct ServerFrame {
    /// The lane it belongs to; none is the default lane (protocol.md 5.8).
    pub stream_id: Option<String>,
    pub event: ServerEvent,
}

#[derive(Clone, Debug)]
pub enum ServerEvent {
    Response(ResponseEvent),
    /// An `error` event in any of its shapes, or `response.failed`: ends the step it belongs to.
    Error(ApiError),
    /// Says only that the server lives.
    Keepalive,
}

/// The fields of all server events that we read, in one pass; what they are not is skipped unread.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    stream_id: Option<String>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    output_index: Option<u32>,
    delta: Option<String>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    status_code: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    param: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
}

/// Reads one text frame, or the `data` of one SSE event.
///
/// # Errors
/// When it is not a JSON object with a `type`, or an event we act on lacks what makes it that event.
pub fn read_server_frame(text: &str) -> Result<ServerFrame, serde_json::Error> {
    let mut fields: Fields<'_> = serde_json::from_str(text)?;
    let index = fields.output_index.unwrap_or_default();
    let delta = fields.delta.take().unwrap_or_default();
    let delta =
        |part| ServerEvent::Response(ResponseEvent::Delta { output_index: index, part, delta });
    let event = match &*fields.r#type {
        "response.output_text.delta" => delta(DeltaPart::Text),
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            delta(DeltaPart::CallInput)
        }
        "response.reasoning_summary_text.delta" => delta(DeltaPart::ReasoningSummary),
        "response.reasoning_text.delta" => delta(DeltaPart::ReasoningText),
        "response.reasoning_summary_part.added" => delta(DeltaPart::ReasoningBreak),
        "response.refusal.delta" => delta(DeltaPart::Refusal),
        "response.output_item.added" => item_added(index, required(fields.item, "item")?)?,
        "response.output_item.done" => {
            let item = Item::from_raw(required(fields.item, "item")?.to_owned())?;
            ServerEvent::Response(ResponseEvent::ItemDone { output_index: index, item })
        }
        "response.created" => {
            let response = read_response(fields.response)?;
            ServerEvent::Response(ResponseEvent::Created {
                response_id: response.id.clone().unwrap_or_default(),
                model: response.model,
            })
        }
        // The latter two are not of this API; C4.3.
        "response.completed" | "response.done" => {
            ServerEvent::Response(ResponseEvent::Completed(read_response(fields.response)?.end()))
        }
        "response.incomplete" | "response.cancelled" => {
            let response = read_response(fields.response)?;
            let reason =
                response.incomplete_details.as_ref().and_then(|details| details.reason.clone());
            ServerEvent::Response(ResponseEvent::Incomplete {
                reason: reason.unwrap_or_else(|| "cancelled".to_owned()),
                end: response.end(),
            })
        }
        "response.failed" => ServerEvent::Error(read_response(fields.response)?.failure()),
        "error" | "response.error" => ServerEvent::Error(fields.error()),
        "response.steer.accepted" => steer(SteerOutcome::Accepted),
        "response.steer.pending" => steer(SteerOutcome::Pending),
        "response.steer.failed" => {
            steer(SteerOutcome::Failed { items: vec![], message: fields.error().message })
        }
        "keepalive" => ServerEvent::Keepalive,
        other => ServerEvent::Response(ResponseEvent::Other { kind: other.to_owned() }),
    };
    Ok(ServerFrame { stream_id: fields.stream_id, event })
}

/// Reads the answer to [`compact_body`](super::compact_body): the items of the new window, in their order, and what it cost.
///
/// # Errors
/// When it is not a `response.compaction` with an `output` of items.
pub fn read_compaction(text: &str) -> Result<(Vec<Item>, ResponseEnd), serde_json::Error> {
    #[derive(Deserialize)]
    struct Compaction {
        output: Vec<Item>,
    }
    let Compaction { output } = serde_json::from_str(text)?;
    Ok((output, serde_json::from_str::<Response>(text)?.end()))
}

fn steer(outcome: SteerOutcome) -> ServerEvent {
    ServerEvent::Response(ResponseEvent::Steer(outcome))
}

fn item_added(output_index: u32, item: &RawValue) -> Result<ServerEvent, serde_json::Error> {
    #[derive(Deserialize)]
    struct Head {
        id: Option<String>,
        r#type: Option<String>,
        name: Option<String>,
        call_id: Option<String>,
    }
    let head: Head = serde_json::from_str(item.get())?;
    Ok(ServerEvent::Response(ResponseEvent::ItemAdded {
        output_index,
        id: head.id,
        kind: head.r#type.unwrap_or_default(),
        name: head.name,
        call_id: head.call_id,
    }))
}

fn required<'a>(
    value: Option<&'a RawValue>,
    name: &str,
) -> Result<&'a RawValue, serde_json::Error> {
    value.ok_or_else(|| serde::de::Error::custom(format!("an event without `{name}`")))
}

/// The `response` object; every field may be missing (C4.1: even `usage` and `output`).
#[derive(Default, Deserialize)]
struct Response {
    id: Option<String>,
    model: Option<String>,
    usage: Option<WireUsage>,
    end_turn: Option<bool>,
    incomplete_details: Option<IncompleteDetails>,
    error: Option<serde_json::Value>,
    prompt_cache_diagnostics: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct IncompleteDetails {
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct WireUsage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Default, Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: u64,
    #[serde(default)]
    cache_write_tokens: u64,
}

#[derive(Default, Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: u64,
}

fn read_response(response: Option<&RawValue>) -> Result<Response, serde_json::Error> {
    response
        .map_or_else(|| Ok(Response::default()), |response| serde_json::from_str(response.get()))
}

impl Response {
    fn end(self) -> ResponseEnd {
        let usage = self.usage.unwrap_or_default();
        let input = usage.input_tokens_details.unwrap_or_default();
        ResponseEnd {
            response_id: self.id.unwrap_or_default(),
            usage: Usage {
                input_tokens: usage.input_tokens,
                cached_input_tokens: input.cached_tokens,
                cache_write_input_tokens: input.cache_write_tokens,
                output_tokens: usage.output_tokens,
                reasoning_output_tokens: usage
                    .output_tokens_details
                    .unwrap_or_default()
                    .reasoning_tokens,
            },
            wants_to_continue: self.end_turn == Some(false),
            bytes_down: 0,
            cache_diagnostics: self.prompt_cache_diagnostics,
        }
    }

    fn failure(self) -> ApiError {
        let mut failure = ApiError { after_created: true, ..ApiError::default() };
        if let Some(error) = &self.error {
            failure.take(error);
        }
        if failure.message.is_empty() {
            failure.message = "the server gave no reason".to_owned();
        }
        failure
    }
}

impl Fields<'_> {
    fn error(&self) -> ApiError {
        let value =
            |raw: Option<&RawValue>| raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let mut flat = serde_json::Map::new();
        let named = [
            ("status", self.status),
            ("status_code", self.status_code),
            ("code", self.code),
            ("message", self.message),
            ("param", self.param),
            ("headers", self.headers),
        ];
        for (name, raw) in named {
            if let Some(value) = value(raw) {
                flat.insert(name.to_owned(), value);
            }
        }
        let mut error = ApiError::default();
        error.take(&flat.into());
        if let Some(nested) = value(self.error) {
            error.take(&nested);
        }
        error
    }
}
