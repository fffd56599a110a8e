//! The conversation in the model API's own words. An [`Item`] keeps the JSON it came as, byte for byte, beside
//! a parsed view; what it looks like on a screen is `event.rs`.

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// One item of the conversation (protocol.md 3), cheap to clone.
///
/// Equality is equality of bytes: a later full send repeats exactly what was received, so that the provider's
/// prompt cache hits (C5.2).
#[derive(Clone)]
pub struct Item(Arc<Inner>);

struct Inner {
    raw: Box<RawValue>,
    kind: ItemKind,
}

/// What we understand of an item. Everything else of it stays in its JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    Message {
        role: Role,
        phase: Option<Phase>,
        text: String,
    },
    Reasoning {
        summary: String,
    },
    ToolCall(ToolCall),
    ToolOutput {
        call_id: String,
    },
    WebSearch(WebSearch),
    Compaction,
    /// A kind we do not know; sent back unharmed (protocol.md 0, rule 9).
    Other {
        kind: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    User,
    Assistant,
    System,
    Developer,
}

/// Of an assistant message: said between tool calls, or the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Commentary,
    FinalAnswer,
}

/// A call the model makes (protocol.md 3.2, 3.3). Joined to its output by `call_id`, never by the item's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    pub call_id: String,
    pub name: String,
    /// Present when the tool came from a `namespace`.
    pub namespace: Option<String>,
    pub form: CallForm,
    /// `arguments` (a JSON text, perhaps an invalid one) of a function, `input` (free text) of a custom tool.
    pub input: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallForm {
    Function,
    Custom,
    /// A call of a hosted design that we never offered (protocol.md 3.5), answered with an error of its own type.
    Foreign(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub struct WebSearch {
    pub id: String,
    pub query: String,
    pub action: serde_json::Value,
}

/// A part of a message or of a tool's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Content {
    #[serde(rename = "input_text")]
    Text { text: String },
    /// `image_url` is a data URL or https.
    #[serde(rename = "input_image")]
    Image { image_url: String, detail: ImageDetail },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageDetail {
    #[default]
    Auto,
    Low,
    High,
    Original,
}

impl Content {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

impl Item {
    /// Takes an item as it came over the wire. Line breaks between its tokens become spaces, since a record of the
    /// rollout is one line; nothing else of it changes.
    ///
    /// # Errors
    /// When it is not a JSON object, or a known kind lacks what makes it that kind (a call without `call_id`).
    pub fn from_raw(raw: Box<RawValue>) -> Result<Self, serde_json::Error> {
        let raw = if raw.get().contains(['\n', '\r']) {
            RawValue::from_string(raw.get().replace(['\n', '\r'], " "))?
        } else {
            raw
        };
        let kind = parse_kind(raw.get())?;
        Ok(Self(Arc::new(Inner { raw, kind })))
    }

    /// # Errors
    /// As [`Item::from_raw`], or when `json` is not JSON.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        Self::from_raw(RawValue::from_string(json.to_owned())?)
    }

    fn from_value(value: &impl Serialize) -> Self {
        let raw = serde_json::value::to_raw_value(value)
            .expect("our own item types serialise: string keys only");
        Self::from_raw(raw).expect("our own item types are complete items")
    }

    /// A message of the person.
    pub fn user(content: &[Content]) -> Self {
        Self::message("user", content)
    }

    /// Facts and rules from us: they stand above the person's messages.
    pub fn developer(text: &str) -> Self {
        Self::message("developer", &[Content::text(text)])
    }

    /// Asks the server to replace the conversation by a `compaction` item (protocol.md 3.7); the last item of a request.
    pub fn compaction_trigger() -> Self {
        Self::from_value(&serde_json::json!({"type": "compaction_trigger"}))
    }

    fn message(role: &'static str, content: &[Content]) -> Self {
        #[derive(Serialize)]
        struct Message<'a> {
            r#type: &'static str,
            role: &'static str,
            content: &'a [Content],
        }
        Self::from_value(&Message { r#type: "message", role, content })
    }

    /// The output of `call`, in the form that belongs to the call's (protocol.md 3.2, 3.3). A single text is sent
    /// as a plain string.
    pub fn output(call: &ToolCall, content: &[Content]) -> Self {
        #[derive(Serialize)]
        struct Output<'a> {
            r#type: &'a str,
            call_id: &'a str,
            output: OutputBody<'a>,
        }
        #[derive(Serialize)]
        #[serde(untagged)]
        enum OutputBody<'a> {
            Text(&'a str),
            Parts(&'a [Content]),
        }
        let r#type = match call.form {
            CallForm::Function => "function_call_output",
            CallForm::Custom => "custom_tool_call_output",
            CallForm::Foreign(output_type) => output_type,
        };
        let output = match content {
            [Content::Text { text }] => OutputBody::Text(text),
            parts => OutputBody::Parts(parts),
        };
        Self::from_value(&Output { r#type, call_id: &call.call_id, output })
    }

    /// The JSON, exactly as received or first written.
    pub fn json(&self) -> &str {
        self.0.raw.get()
    }

    pub fn kind(&self) -> &ItemKind {
        &self.0.kind
    }

    /// The parts of a message, but for those of a kind that is not known here.
    pub fn content(&self) -> Vec<Content> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            content: Vec<serde_json::Value>,
        }
        let body = serde_json::from_str::<Body>(self.json());
        let parts = body.map(|body| body.content).unwrap_or_default().into_iter();
        parts.filter_map(|part| serde_json::from_value(part).ok()).collect()
    }

    pub fn as_call(&self) -> Option<&ToolCall> {
        match self.kind() {
            ItemKind::ToolCall(call) => Some(call),
            _ => None,
        }
    }

    /// The call this item answers, if it is an output.
    pub fn answers(&self) -> Option<&str> {
        match self.kind() {
            ItemKind::ToolOutput { call_id } => Some(call_id),
            _ => None,
        }
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.json())
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_raw(Box::<RawValue>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The fields of all kinds we read, in one pass; unknown ones are skipped without being kept.
#[derive(Deserialize)]
struct Fields {
    r#type: Option<String>,
    role: Option<Role>,
    phase: Option<serde_json::Value>,
    content: Option<serde_json::Value>,
    summary: Option<serde_json::Value>,
    id: Option<serde_json::Value>,
    call_id: Option<String>,
    name: Option<String>,
    namespace: Option<String>,
    arguments: Option<serde_json::Value>,
    input: Option<serde_json::Value>,
    action: Option<serde_json::Value>,
}

fn parse_kind(json: &str) -> Result<ItemKind, serde_json::Error> {
    // serde would take an array for a struct.
    if !json.trim_start().starts_with('{') {
        return Err(serde_json::Error::custom("an item that is not a JSON object"));
    }
    let fields: Fields = serde_json::from_str(json)?;
    let kind = match (fields.r#type.as_deref(), fields.role) {
        (None, Some(_)) => "message",
        (None, None) => return Err(serde_json::Error::custom("an item without `type`")),
        (Some(kind), _) => kind,
    };
    let call = |form, input: Option<serde_json::Value>| {
        Ok::<_, serde_json::Error>(ItemKind::ToolCall(ToolCall {
            call_id: required(fields.call_id.clone().or(text_of(fields.id.clone())), "call_id")?,
            name: fields.name.clone().unwrap_or_else(|| kind.to_owned()),
            namespace: fields.namespace.clone(),
            form,
            input: match input {
                Some(serde_json::Value::String(text)) => text,
                Some(other) => other.to_string(),
                None => String::new(),
            },
        }))
    };
    Ok(match kind {
        "message" => ItemKind::Message {
            role: fields
                .role
                .ok_or_else(|| serde_json::Error::custom("a message without `role`"))?,
            phase: fields.phase.and_then(|phase| serde_json::from_value(phase).ok()),
            text: fields.content.map(|content| joined_text(&content, "")).unwrap_or_default(),
        },
        "reasoning" => {
            let summary =
                fields.summary.map(|summary| joined_text(&summary, "\n")).unwrap_or_default();
            let content = || fields.content.as_ref().map(|content| joined_text(content, "\n"));
            ItemKind::Reasoning {
                summary: if summary.is_empty() { content().unwrap_or_default() } else { summary },
            }
        }
        "function_call" => call(CallForm::Function, fields.arguments.clone())?,
        "custom_tool_call" => call(CallForm::Custom, fields.input.clone())?,
        "local_shell_call" => {
            call(CallForm::Foreign("local_shell_call_output"), fields.action.clone())?
        }
        "shell_call" => call(CallForm::Foreign("shell_call_output"), fields.action.clone())?,
        "apply_patch_call" => {
            call(CallForm::Foreign("apply_patch_call_output"), fields.action.clone())?
        }
        "function_call_output"
        | "custom_tool_call_output"
        | "local_shell_call_output"
        | "shell_call_output"
        | "apply_patch_call_output" => ItemKind::ToolOutput {
            call_id: required(fields.call_id.or(text_of(fields.id)), "call_id")?,
        },
        "web_search_call" => {
            let action = fields.action.unwrap_or_else(|| serde_json::json!({"type": "other"}));
            ItemKind::WebSearch(WebSearch {
                id: text_of(fields.id).unwrap_or_default(),
                query: action["query"]
                    .as_str()
                    .or(action["url"].as_str())
                    .unwrap_or_default()
                    .to_owned(),
                action,
            })
        }
        "compaction" => ItemKind::Compaction,
        other => ItemKind::Other { kind: other.to_owned() },
    })
}

fn required(value: Option<String>, name: &str) -> Result<String, serde_json::Error> {
    value
        .ok_or_else(|| serde_json::Error::custom(format!("a tool call or output without `{name}`")))
}

fn text_of(value: Option<serde_json::Value>) -> Option<String> {
    value.and_then(|value| value.as_str().map(str::to_owned))
}

/// The texts of a content array (or a plain string), whichever part type they stand in.
fn joined_text(content: &serde_json::Value, separator: &str) -> String {
    let text = |part: &serde_json::Value| {
        let text = part["text"].as_str().or(part["refusal"].as_str()).or(part.as_str());
        text.map(str::to_owned)
    };
    match content {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(parts) => {
            parts.iter().filter_map(text).collect::<Vec<_>>().join(separator)
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_item_goes_back_byte_for_byte_as_it_came() {
        let json = r#"{ "type":"function_call" , "zeta":1.0, "id":"fc_1","call_id":"c","name":"shell","arguments":"{}","alpha":1e2}"#;
        let item: Item = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&item).unwrap(), json);
        assert_eq!(item.as_call().unwrap().name, "shell");
    }

    #[test]
    fn an_item_of_several_lines_becomes_one_line() {
        let item = Item::from_json("{\n\"type\":\r\n\"x\", \"a\":\"\\n\"}").unwrap();
        assert_eq!(item.json(), "{ \"type\":  \"x\", \"a\":\"\\n\"}");
    }

    #[test]
    fn a_single_text_output_is_a_plain_string_and_follows_the_form_of_its_call() {
        let call = |form| ToolCall {
            call_id: "c1".into(),
            name: "t".into(),
            namespace: None,
            form,
            input: String::new(),
        };
        let output =
            |form, content: &[Content]| Item::output(&call(form), content).json().to_owned();
        assert_eq!(
            output(CallForm::Function, &[Content::text("ok")]),
            r#"{"type":"function_call_output","call_id":"c1","output":"ok"}"#
        );
        assert_eq!(
            output(CallForm::Custom, &[Content::text("ok")]),
            r#"{"type":"custom_tool_call_output","call_id":"c1","output":"ok"}"#
        );
        let image = Content::Image { image_url: "data:,".into(), detail: ImageDetail::Original };
        assert_eq!(
            output(CallForm::Function, &[Content::text("a"), image]),
            r#"{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:,","detail":"original"}]}"#
        );
    }

    #[test]
    fn the_view_of_each_kind() {
        let kind = |json: &str| Item::from_json(json).unwrap().kind().clone();
        assert_eq!(
            kind(r#"{"role":"user","content":"hi"}"#),
            ItemKind::Message { role: Role::User, phase: None, text: "hi".into() }
        );
        assert_eq!(
            kind(
                r#"{"type":"message","role":"assistant","phase":"final_answer","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"b"}]}"#
            ),
            ItemKind::Message {
                role: Role::Assistant,
                phase: Some(Phase::FinalAnswer),
                text: "ab".into()
            }
        );
        assert_eq!(
            kind(
                r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"x"},{"text":"y"}]}"#
            ),
            ItemKind::Reasoning { summary: "x\ny".into() }
        );
        assert_eq!(
            kind(r#"{"type":"moon_phase","x":1}"#),
            ItemKind::Other { kind: "moon_phase".into() }
        );
        assert!(Item::from_json(r#"{"type":"function_call","name":"x"}"#).is_err());
        assert!(Item::from_json("[]").is_err());
    }

    proptest! {
        #[test]
        fn no_json_text_makes_an_item_panic(json in "\\PC*") {
            let _ = Item::from_json(&json);
        }
    }
}
