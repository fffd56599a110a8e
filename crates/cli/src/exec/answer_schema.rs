//! `--output-schema`: the form of the answer, asked for in the request and checked when it comes (exec-json.md 9, 12.10).

use std::path::Path;

use agent_core::AnswerCheck;
use anyhow::Context as _;
use jsonschema::Validator;
use serde_json::{Value, json};

/// A JSON Schema that the last message must fit.
pub(super) struct AnswerSchema {
    schema: Value,
    validator: Validator,
}

impl AnswerSchema {
    /// # Errors
    /// When the file cannot be read, or is no JSON Schema.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the schema {shown}"))?;
        let schema: Value = serde_json::from_str(&text)
            .with_context(|| format!("the schema {shown} is not JSON"))?;
        anyhow::ensure!(schema.is_object(), "the schema {shown} is not a JSON object");
        let validator = jsonschema::validator_for(&schema)
            .map_err(|error| anyhow::anyhow!("the schema {shown} is not a JSON Schema: {error}"))?;
        Ok(Self { schema, validator })
    }

    /// `text.format` of the requests.
    pub(super) fn format(&self) -> Value {
        json!({
            "type": "json_schema",
            "name": "codex_output_schema",
            "strict": true,
            "schema": self.schema
        })
    }

    pub(super) fn into_check(self) -> AnswerCheck {
        AnswerCheck::new(move |answer| self.check(answer))
    }

    fn check(&self, answer: &str) -> Result<(), String> {
        let answer: Value =
            serde_json::from_str(answer).map_err(|error| format!("it is not JSON: {error}"))?;
        self.validator.validate(&answer).map_err(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { "the whole".to_owned() } else { place };
            format!("{place}: {error}")
        })
    }
}
