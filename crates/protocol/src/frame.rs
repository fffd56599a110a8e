//! The frames of the Responses API, in both directions, as text (protocol.md 2, 4, 6.1). Reading is tolerant:
//! an unknown event is a value, never an error.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{DeltaPart, Item, Request, ResponseEnd, ResponseEvent, SteerOutcome, Usage};

/// Where the answer to a `response.create` continues from, and what of the window it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continue<'a> {
    /// The whole window, no parent.
    FromNothing,
    /// The items from `start` on; the server has the ones before as the response of this id.
    After { response_id: &'a str, start: usize },
}

/// Where instructions and tools stand (protocol.md 2.3). A thread never changes it in the middle: that would be
/// another prefix for the provider's cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameStyle {
    /// As fields of every frame; every endpoint takes that.
    #[default]
    Classic,
    /// As the first two items of every full send, and nowhere else: a continuation is the smaller by all of them.
    Lean,
}

/// The `response.create` frame for `request` (protocol.md 2.1): never `stream`, never `background`.
pub fn response_create(request: &Request, from: Continue<'_>, style: FrameStyle) -> String {
    create_frame(request, from, style, "")
}

/// The warm-up frame: nothing is generated, the id of the answer is a normal parent (protocol.md 5.5).
pub fn response_warm_up(request: &Request, style: FrameStyle) -> String {
    create_frame(request, Continue::FromNothing, style, r#","generate":false"#)
}

fn create_frame(request: &Request, from: Continue<'_>, style: FrameStyle, tail: &str) -> String {
    let (settings, leading) = request.settings.in_style(style);
    let (start, leading) = match from {
        Continue::FromNothing => (0, leading),
        Continue::After { start, .. } => (start, ""),
    };
    let room = if start == 0 { request.window.json_len() + leading.len() } else { 1024 };
    let mut frame = String::with_capacity(settings.len() + room + 256);
    frame.push_str(r#"{"type":"response.create","#);
    frame.push_str(inner(settings));
    if let Continue::After { response_id, .. } = from {
        frame.push_str(r#","previous_response_id":"#);
        frame.push_str(&serde_json::Value::from(response_id).to_string());
    }
    push_input(&mut frame, leading, request.window.from(start));
    frame.push_str(tail);
    frame.push('}');
    frame
}

/// Makes a frame ask why the prompt cache missed since that response (protocol.md 5.7).
pub fn add_cache_comparison(frame: &mut String, response_id: &str) {
    if frame.pop().is_some() {
        let id = serde_json::Value::from(response_id);
        frame.push_str(&format!(r#","prompt_cache_options":{{"comparison_response_id":{id}}}}}"#));
    }
}

/// Adds messages of the person to the running response (protocol.md 2.4).
pub fn response_steer(response_id: &str, messages: &[Item]) -> String {
    let mut frame = r#"{"type":"response.steer","previous_response_id":"#.to_owned();
    frame.push_str(&serde_json::Value::from(response_id).to_string());
    push_input(&mut frame, "", messages.iter());
    frame.push('}');
    frame
}

/// Stops the running response and keeps its completed items (protocol.md 2.5).
pub fn response_interrupt(response_id: &str) -> String {
    let id = serde_json::Value::from(response_id);
    format!(r#"{{"type":"response.interrupt","response_id":{id},"mode":"discard_partial_items"}}"#)
}

/// The body of `POST /responses` (protocol.md 7): always the whole window.
pub fn http_body(request: &Request, style: FrameStyle) -> String {
    let (settings, leading) = request.settings.in_style(style);
    let room = request.window.json_len() + request.window.len() + leading.len();
    let mut body = String::with_capacity(settings.len() + room + 64);
    body.push('{');
    body.push_str(inner(settings));
    push_input(&mut body, leading, request.window.iter());
    body.push_str(r#","stream":true}"#);
    body
}

/// The body of `POST /responses/compact` (protocol.md 5.6): model, instructions and the whole window, nothing else.
pub fn compact_body(request: &Request) -> String {
    let fields = request.settings.fields();
    let mut body = String::with_capacity(request.window.json_len() + request.window.len() + 64);
    body.push_str(r#"{"model":"#);
    body.push_str(&serde_json::Value::from(&*fields.model).to_string());
    if !fields.instructions.is_empty() {
        body.push_str(r#","instructions":"#);
        body.push_str(&serde_json::Value::from(&*fields.instructions).to_string());
    }
    push_input(&mut body, "", request.window.iter());
    body.push('}');
    body
}

/// Reads the answer to [`compact_body`]: the items of the new window, in their order, and what it cost.
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

/// The length of the classic frame that a client without connection state would send, without building it.
pub fn stateless_len(request: &Request) -> u64 {
    let empty =
        r#"{"type":"response.create",,"input":[]}"#.len() + request.settings.json().len() - 2;
    let commas = request.window.len().saturating_sub(1);
    (empty + request.window.json_len() + commas) as u64
}

/// The fields of an object, without the braces around them.
fn inner(object: &str) -> &str {
    &object[1..object.len() - 1]
}

/// `leading` is the JSON of items that stand before the window's.
fn push_input<'a>(frame: &mut String, leading: &str, items: impl Iterator<Item = &'a Item>) {
    frame.push_str(r#","input":["#);
    frame.push_str(leading);
    for (index, item) in items.enumerate() {
        if index > 0 || !leading.is_empty() {
            frame.push(',');
        }
        frame.push_str(item.json());
    }
    frame.push(']');
}

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

/// An error as the API reports it, whatever its shape (protocol.md 6.1, C6.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    pub status: Option<u16>,
    pub code: Option<String>,
    /// `error.type`, such as `invalid_request_error`.
    pub kind: Option<String>,
    pub message: String,
    pub param: Option<String>,
    /// The wait the server asks for (protocol.md 6.4).
    pub retry_after: Option<Duration>,
    pub request_id: Option<String>,
    /// It came as `response.failed`: the response had begun.
    pub after_created: bool,
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

impl ApiError {
    /// Reads the JSON body of an HTTP error answer; text that is not one becomes the message.
    pub fn from_http(status: u16, retry_after: Option<Duration>, body: &str) -> Self {
        let mut error = Self { status: Some(status), retry_after, ..Self::default() };
        match serde_json::from_str::<serde_json::Value>(body) {
            Ok(value) if value["error"].is_object() => error.take(&value["error"]),
            Ok(value) => error.take(&value),
            Err(_) => {}
        }
        if error.message.is_empty() {
            error.message = match body.trim() {
                "" => format!("the server answered with status {status} and no explanation"),
                text => text.chars().take(500).collect(),
            };
        }
        error
    }

    /// Adds what `value` says; what it does not say stays.
    fn take(&mut self, value: &serde_json::Value) {
        if let Some(text) = value.as_str() {
            self.message = text.to_owned();
        }
        let text =
            |name: &str| value[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let status = |name: &str| match &value[name] {
            serde_json::Value::String(text) => text.parse().ok(),
            number => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        };
        self.status = status("status").or(status("status_code")).or(self.status);
        self.code = text("code").or(self.code.take());
        self.kind = text("type").or(self.kind.take());
        self.param = text("param").or(self.param.take());
        if let Some(message) = text("message") {
            self.message = message;
        }
        let headers = &value["headers"];
        self.retry_after = stated_wait(|name| {
            headers[name]
                .as_str()
                .map(str::to_owned)
                .or_else(|| headers[name].as_f64().map(|number| number.to_string()))
        })
        .or(self.retry_after)
        .or_else(|| wait_in_message(&self.message));
        self.request_id =
            headers["x-request-id"].as_str().map(str::to_owned).or(self.request_id.take());
    }

    /// The code, or the type that stands for one.
    pub fn code(&self) -> &str {
        self.code.as_deref().or(self.kind.as_deref()).unwrap_or_default()
    }
}

/// The wait stated by headers: `retry-after-ms`, else `retry-after` in seconds, perhaps with a fraction
/// (protocol.md 6.4). A date is not understood: `None`.
pub fn stated_wait(header: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let number = |name: &str| {
        header(name)?.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)
    };
    number("retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| number("retry-after"))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// `try again in 1.5s` in a message (protocol.md 6.4).
fn wait_in_message(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    let rest = lower[lower.find("try again in")? + "try again in".len()..].trim_start();
    let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let number: f64 = rest[..digits].parse().ok()?;
    let unit = rest[digits..].trim_start();
    let letters = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
    let seconds = match &unit[..letters] {
        "ms" | "millisecond" | "milliseconds" => number / 1000.0,
        "s" | "second" | "seconds" => number,
        "m" | "minute" | "minutes" => number * 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, SettingsFields, ToolChoice, ToolSpec};
    use proptest::prelude::*;

    fn request(items: impl IntoIterator<Item = Item>) -> Request {
        let settings = Settings::new(SettingsFields {
            model: "m".into(),
            instructions: "i".into(),
            tools: vec![],
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
            reasoning: None,
            text: None,
            store: false,
            include: vec!["reasoning.encrypted_content".into()],
            service_tier: None,
            prompt_cache_key: "thr".into(),
            max_output_tokens: None,
        });
        Request { settings, window: items.into_iter().collect() }
    }

    const BASE: &str = r#""model":"m","instructions":"i","tools":[],"tool_choice":"auto","parallel_tool_calls":true,"store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"thr""#;

    #[test]
    fn a_full_send_carries_the_window_and_no_parent() {
        let request = request([Item::developer("a"), Item::user(&[Content::text("b")])]);
        let frame = response_create(&request, Continue::FromNothing, FrameStyle::Classic);
        assert_eq!(
            frame,
            format!(
                r#"{{"type":"response.create",{BASE},"input":[{},{}]}}"#,
                Item::developer("a").json(),
                Item::user(&[Content::text("b")]).json()
            )
        );
        assert_eq!(stateless_len(&request), frame.len() as u64);
    }

    use crate::Content;

    #[test]
    fn a_continuation_carries_the_parent_and_only_the_delta() {
        let request = request([Item::developer("a"), Item::developer("b")]);
        assert_eq!(
            response_create(
                &request,
                Continue::After { response_id: "resp_1", start: 1 },
                FrameStyle::Classic
            ),
            format!(
                r#"{{"type":"response.create",{BASE},"previous_response_id":"resp_1","input":[{}]}}"#,
                Item::developer("b").json()
            )
        );
        let end = Continue::After { response_id: "resp_1", start: 2 };
        assert!(response_create(&request, end, FrameStyle::Classic).ends_with(r#""input":[]}"#));
    }

    #[test]
    fn a_running_response_is_steered_and_stopped_by_its_id() {
        let message = Item::user(&[Content::text("tabs")]);
        assert_eq!(
            response_steer("r\"1", std::slice::from_ref(&message)),
            format!(
                r#"{{"type":"response.steer","previous_response_id":"r\"1","input":[{}]}}"#,
                message.json()
            )
        );
        assert_eq!(
            response_interrupt("r1"),
            r#"{"type":"response.interrupt","response_id":"r1","mode":"discard_partial_items"}"#
        );
    }

    #[test]
    fn a_warm_up_generates_nothing_and_http_streams() {
        let request = request([]);
        assert!(
            response_warm_up(&request, FrameStyle::Classic)
                .ends_with(r#""input":[],"generate":false}"#)
        );
        assert_eq!(
            http_body(&request, FrameStyle::Classic),
            format!(r#"{{{BASE},"input":[],"stream":true}}"#)
        );
    }

    #[test]
    fn lean_frames_say_tools_and_instructions_once_before_the_window() {
        let mut fields = request([]).settings.fields().clone();
        fields.tools = vec![ToolSpec::Function {
            name: "t".into(),
            description: "d".into(),
            strict: false,
            parameters: serde_json::json!({}),
        }];
        let window = [Item::developer("a"), Item::developer("b")].into_iter().collect();
        let request = Request { settings: Settings::new(fields), window };
        let lean = r#""model":"m","tool_choice":"auto","parallel_tool_calls":true,"store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"thr""#;
        let leading = format!(
            r#"{{"type":"additional_tools","role":"developer","tools":[{{"type":"function","name":"t","description":"d","strict":false,"parameters":{{}}}}]}},{}"#,
            Item::developer("i").json()
        );
        let [a, b] = ["a", "b"].map(|text| Item::developer(text).json().to_owned());
        assert_eq!(
            response_create(&request, Continue::FromNothing, FrameStyle::Lean),
            format!(r#"{{"type":"response.create",{lean},"input":[{leading},{a},{b}]}}"#)
        );
        let after = Continue::After { response_id: "r", start: 1 };
        assert_eq!(
            response_create(&request, after, FrameStyle::Lean),
            format!(
                r#"{{"type":"response.create",{lean},"previous_response_id":"r","input":[{b}]}}"#
            )
        );
        assert_eq!(
            http_body(&request, FrameStyle::Lean),
            format!(r#"{{{lean},"input":[{leading},{a},{b}],"stream":true}}"#)
        );
        // What another client wrote is not rearranged.
        let settings = Settings::from_json(r#"{"model":"m","instructions":"i"}"#.into()).unwrap();
        let foreign = Request { settings, ..request };
        let frame = response_create(&foreign, Continue::FromNothing, FrameStyle::Lean);
        assert!(
            frame.starts_with(
                r#"{"type":"response.create","model":"m","instructions":"i","input":"#
            )
        );
    }

    fn error(text: &str) -> ApiError {
        match read_server_frame(text).unwrap().event {
            ServerEvent::Error(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_shape_of_an_error_is_read() {
        let wrapped = error(
            r#"{"type":"error","status":"429","error":{"type":"rate_limit_error","code":"rate_limit_exceeded","message":"Slow.","headers":{"retry-after":"2"}}}"#,
        );
        assert_eq!((wrapped.status, wrapped.code()), (Some(429), "rate_limit_exceeded"));
        assert_eq!(wrapped.retry_after, Some(Duration::from_secs(2)));
        let flat = error(r#"{"type":"error","code":"server_error","message":"Oops","param":null}"#);
        assert_eq!((flat.status, flat.code(), &*flat.message), (None, "server_error", "Oops"));
        let alias = error(
            r#"{"type":"response.error","status_code":503,"headers":{"retry-after-ms":1500}}"#,
        );
        assert_eq!(
            (alias.status, alias.retry_after),
            (Some(503), Some(Duration::from_millis(1500)))
        );
        let failed = error(
            r#"{"type":"response.failed","response":{"id":"r","error":{"code":"rate_limit_exceeded","message":"Please try again in 300 ms."}}}"#,
        );
        assert!(failed.after_created);
        assert_eq!(failed.retry_after, Some(Duration::from_millis(300)));
        assert!(
            !error(r#"{"type":"response.failed","response":{"error":null}}"#).message.is_empty()
        );
        assert_eq!(
            ApiError::from_http(502, None, "<html>bad gateway").message,
            "<html>bad gateway"
        );
    }

    #[test]
    fn a_stream_of_just_item_done_and_completed_is_enough() {
        let done = read_server_frame(
            r#"{"type":"response.output_item.done","item":{"type":"message","role":"assistant","content":[]}}"#,
        );
        assert!(matches!(
            done.unwrap().event,
            ServerEvent::Response(ResponseEvent::ItemDone { .. })
        ));
        let completed =
            read_server_frame(r#"{"type":"response.completed","response":{"id":"r"}}"#).unwrap();
        let ServerEvent::Response(ResponseEvent::Completed(end)) = completed.event else {
            panic!()
        };
        assert_eq!((&*end.response_id, end.usage), ("r", Usage::default()));
    }

    #[test]
    fn what_is_unknown_is_a_value() {
        for text in
            [r#"{"type":"codex.rate_limits","x":[1]}"#, r#"{"type":"response.in_progress"}"#]
        {
            let frame = read_server_frame(text).unwrap();
            assert!(matches!(frame.event, ServerEvent::Response(ResponseEvent::Other { .. })));
        }
        assert!(read_server_frame("{}").is_err());
        assert!(read_server_frame("garbage").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(text in "\\PC*", kind in "[a-z._]{0,20}") {
            let _ = read_server_frame(&text);
            let _ = read_server_frame(&format!(r#"{{"type":"{kind}","response":{text:?},"error":{text:?}}}"#));
            let _ = wait_in_message(&text);
            let _ = wait_in_message(&format!("try again in {text}"));
        }
    }
}
