//! `--output-schema`: the form of the answer, asked for in the request and checked when it comes (exec-json.md 9, 12.10).

use std::path::Path;

use agent_core::{AnswerCheck, Opened};
use agent_tools::Hidden;
use anyhow::Context as _;
use boon::{Compiler, SchemaIndex, Schemas, SchemeUrlLoader};
use serde_json::{Value, json};

/// A JSON Schema that the last message must fit.
pub(super) struct AnswerSchema {
    schema: Value,
    compiled: Schemas,
    root: SchemaIndex,
}

impl AnswerSchema {
    /// # Errors
    /// When the file cannot be read, or is no JSON Schema, and when a link leads to it from elsewhere and it is `hidden`.
    pub(super) fn read(path: &Path, hidden: &Hidden) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = read(path, hidden).with_context(|| format!("cannot read the schema {shown}"))?;
        let schema: Value = serde_json::from_str(&text)
            .with_context(|| format!("the schema {shown} is not JSON"))?;
        anyhow::ensure!(schema.is_object(), "the schema {shown} is not a JSON object");
        let (compiled, root) = compile(&schema).map_err(|error| {
            anyhow::anyhow!("the schema {shown} is not a JSON Schema: {error:#}")
        })?;
        Ok(Self { schema, compiled, root })
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
        self.compiled.validate(&answer, self.root).map_err(|error| complaints(&error))
    }
}

/// All of a file that the model is to see, of a pipe too.
fn read(path: &Path, hidden: &Hidden) -> anyhow::Result<String> {
    let file = Opened::named(path)?;
    let is_behind = hidden.is_behind(&std::path::absolute(path)?, &file);
    anyhow::ensure!(!is_behind, "a link leads to what is hidden from commands");
    Ok(file.text(Opened::BY_HAND)?)
}

fn compile(schema: &Value) -> Result<(Schemas, SchemaIndex), boon::CompileError> {
    const HERE: &str = "schema:/answer";
    let mut compiler = Compiler::new();
    // A schema that refers to a file or an address elsewhere is refused: the model would not see what is meant.
    compiler.use_loader(Box::new(SchemeUrlLoader::new()));
    compiler.add_resource(HERE, schema.clone())?;
    let mut compiled = Schemas::new();
    let root = compiler.compile(HERE, &mut compiled)?;
    Ok((compiled, root))
}

/// Each place that does not fit, and why. The first line of what the validator says names the schema only.
fn complaints(error: &boon::ValidationError<'_, '_>) -> String {
    let said = error.to_string();
    let complaints = said.lines().skip(1).map(|line| line.trim_start_matches([' ', '-']));
    complaints.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &Value, answer: &str) -> Result<(), String> {
        let (compiled, root) = compile(schema).map_err(|error| format!("{error:#}"))?;
        AnswerSchema { schema: schema.clone(), compiled, root }.check(answer)
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let schema = json!({
            "type": "object",
            "properties": {"count": {"type": "integer", "minimum": 1}, "names": {"$ref": "#/$defs/names"}},
            "required": ["count"],
            "additionalProperties": false,
            "$defs": {"names": {"type": "array", "items": {"enum": ["a", "b"]}}}
        });
        assert_eq!(check(&schema, r#"{"count": 2, "names": ["a", "b"]}"#), Ok(()));
        let misfits = [
            "[]",
            "{}",
            r#"{"count": 0, "more": 1}"#,
            r#"{"count": "2", "names": ["a", "c"]}"#,
            "two",
        ];
        let said =
            misfits.map(|answer| format!("{answer}\n    {}", check(&schema, answer).unwrap_err()));
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn older_drafts_are_read_as_they_were_meant() {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {"pair": {"items": [{"type": "string"}, {"type": "number"}]}},
            "properties": {"it": {"$ref": "#/definitions/pair"}}
        });
        assert_eq!(check(&schema, r#"{"it": ["a", 1]}"#), Ok(()));
        assert!(check(&schema, r#"{"it": ["a", "b"]}"#).is_err());
    }

    #[test]
    fn what_refers_elsewhere_or_cannot_be_checked_is_no_schema_for_us() {
        for (schema, said) in [
            (json!({"$ref": "file:///etc/hostname"}), "file"),
            (json!({"$ref": "https://example.com/schema.json"}), "https"),
            (json!({"$ref": "#/$defs/none"}), "none"),
            (json!({"pattern": "("}), "regex"),
            (json!({"type": "strin"}), "type"),
        ] {
            let error = check(&schema, "{}").unwrap_err();
            assert!(error.contains(said), "{schema}: {error}");
        }
    }
}
