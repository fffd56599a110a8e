//! Frames and bodies that a client sends (protocol.md 2, 7).

use crate::{Item, Request};

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
