//! One call of the model: what is asked. How it travels, and how much of it, is `agent-transport`'s business.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Window;

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
    pub include: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    pub prompt_cache_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
}

impl Settings {
    pub fn new(fields: SettingsFields) -> Self {
        let json = serde_json::to_string(&fields).expect("settings have string keys only");
        Self(Arc::new(Sealed { fields, json }))
    }

    pub fn fields(&self) -> &SettingsFields {
        &self.0.fields
    }

    /// A JSON object of all fields that are set.
    pub fn json(&self) -> &str {
        &self.0.json
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

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
