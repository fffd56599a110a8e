//! One call of the model: what is asked. How it travels, and how much of it, is `agent-transport`'s business.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::{FrameStyle, Item, Window};

/// The whole conversation and the settings it is answered under. No `previous_response_id`: that is the
/// transport's. Cloning costs two reference counts.
#[derive(Clone, Debug)]
pub struct Request {
    pub settings: Settings,
    pub window: Window,
}

/// All that is asked beside the conversation (protocol.md 2.1), serialised once: these bytes stand in the
/// provider's cached prefix and must be identical in every frame of a thread (rule 12).
#[derive(Clone)]
pub struct Settings(Arc<Sealed>);

struct Sealed {
    fields: SettingsFields,
    json: String,
    /// The same for lean frames, made when first needed; `None` when they came from another client.
    lean: OnceLock<Option<Lean>>,
}

/// Settings without instructions and tools, and the items that say them.
struct Lean {
    json: String,
    items: String,
}

/// The fields of [`Settings`], in the order in which they are sent.
#[derive(Clone, Debug, Serialize)]
pub struct SettingsFields {
    pub model: String,
    pub instructions: String,
    pub tools: Vec<ToolSpec>,
    pub tool_choice: ToolChoice,
    pub parallel_tool_calls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<ReasoningOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextOptions>,
    pub store: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prompt_cache_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
}

impl Settings {
    pub fn new(fields: SettingsFields) -> Self {
        let json = serde_json::to_string(&fields).expect("settings have string keys only");
        Self(Arc::new(Sealed { fields, json, lean: OnceLock::new() }))
    }

    /// The settings of another client, as the gateway received them: `json`, an object without `input` and the
    /// fields of the transport, goes on byte for byte; the fields are what we understand of it.
    ///
    /// # Errors
    /// When `json` is not an object with a `model`, or a field we read has a wrong type.
    pub fn from_json(json: String) -> Result<Self, serde_json::Error> {
        let fields = serde_json::from_str::<ForeignFields>(&json)?.understood();
        Ok(Self(Arc::new(Sealed { fields, json, lean: OnceLock::from(None) })))
    }

    pub fn fields(&self) -> &SettingsFields {
        &self.0.fields
    }

    /// The fields as they are sent in `style`, and the JSON of the items that then stand before the window.
    pub(crate) fn in_style(&self, style: FrameStyle) -> (&str, &str) {
        let lean = match style {
            FrameStyle::Classic => None,
            FrameStyle::Lean => self.0.lean.get_or_init(|| Some(Lean::of(self.fields()))).as_ref(),
        };
        lean.map_or((self.json(), ""), |lean| (&lean.json, &lean.items))
    }

    /// Whether another client wrote them: they go on as they are.
    pub fn is_foreign(&self) -> bool {
        matches!(self.0.lean.get(), Some(None))
    }

    /// A JSON object of all fields that are set.
    pub fn json(&self) -> &str {
        &self.0.json
    }
}

impl Lean {
    fn of(fields: &SettingsFields) -> Self {
        let mut object = match serde_json::to_value(fields) {
            Ok(serde_json::Value::Object(object)) => object,
            // A struct with string keys is an object.
            _ => serde_json::Map::new(),
        };
        let tools = object.shift_remove("tools").filter(|_| !fields.tools.is_empty());
        object.shift_remove("instructions");
        let tools = tools.map(|tools| {
            serde_json::json!({"type": "additional_tools", "role": "developer", "tools": tools})
                .to_string()
        });
        let instructions = (!fields.instructions.is_empty())
            .then(|| Item::developer(&fields.instructions).json().to_owned());
        let items: Vec<String> = tools.into_iter().chain(instructions).collect();
        Self { json: serde_json::Value::Object(object).to_string(), items: items.join(",") }
    }
}

/// [`SettingsFields`] of a client that is not ours: everything but the model may be missing or null.
#[derive(Deserialize)]
struct ForeignFields {
    model: String,
    instructions: Option<String>,
    tools: Option<Vec<serde_json::Value>>,
    tool_choice: Option<serde_json::Value>,
    parallel_tool_calls: Option<bool>,
    reasoning: Option<ReasoningOptions>,
    text: Option<TextOptions>,
    store: Option<bool>,
    include: Option<Vec<String>>,
    service_tier: Option<String>,
    prompt_cache_key: Option<String>,
    max_output_tokens: Option<u64>,
}

impl ForeignFields {
    fn understood(self) -> SettingsFields {
        // A tool of a kind we do not know stays in the JSON only.
        let tools = self.tools.unwrap_or_default();
        let tools =
            tools.into_iter().filter_map(|tool| serde_json::from_value(tool).ok()).collect();
        let none = self.tool_choice.is_some_and(|choice| choice == "none");
        SettingsFields {
            model: self.model,
            instructions: self.instructions.unwrap_or_default(),
            tools,
            tool_choice: if none { ToolChoice::None } else { ToolChoice::Auto },
            parallel_tool_calls: self.parallel_tool_calls.unwrap_or(true),
            reasoning: self.reasoning,
            text: self.text,
            store: self.store.unwrap_or_default(),
            include: self.include.unwrap_or_default(),
            service_tier: self.service_tier,
            prompt_cache_key: self.prompt_cache_key.unwrap_or_default(),
            max_output_tokens: self.max_output_tokens,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.fields().fmt(f)
    }
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.json() == other.json()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasoningOptions {
    /// A free string: today `none minimal low medium high xhigh max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// `auto concise detailed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextOptions {
    /// `low medium high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<String>,
    /// `{"type":"json_schema",…}` when an answer of a given shape is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<serde_json::Value>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolChoice {
    #[default]
    Auto,
    None,
}

/// What the model is told of a tool (protocol.md 3.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ToolSpec {
    Function {
        name: String,
        description: String,
        strict: bool,
        parameters: serde_json::Value,
    },
    /// Its input is free text, held to `format` by the endpoint.
    Custom {
        name: String,
        description: String,
        format: CustomFormat,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum CustomFormat {
    Text,
    /// `syntax` is `lark` or `regex`.
    Grammar {
        syntax: String,
        definition: String,
    },
}

impl ToolSpec {
    pub fn name(&self) -> &str {
        match self {
            Self::Function { name, .. } | Self::Custom { name, .. } => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_another_client_go_on_as_they_came() {
        let json = r#"{"model":"m","temperature":1e0,"tools":[{"type":"web_search"},{"type":"custom","name":"p","description":"d","format":{"type":"text"}}],"reasoning":{"effort":"low","context":"all_turns"},"instructions":null}"#;
        let settings = Settings::from_json(json.to_owned()).unwrap();
        assert_eq!(settings.json(), json);
        assert_eq!(settings.fields().tools.iter().map(ToolSpec::name).collect::<Vec<_>>(), ["p"]);
        assert!(Settings::from_json("{}".to_owned()).is_err());
    }
}
