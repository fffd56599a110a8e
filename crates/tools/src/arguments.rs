//! What the model passes to a function: JSON, parsed as a whole before anything is done (R22). A message about
//! wrong arguments says what is wrong and what the tool takes, so that the next call is right.

use agent_protocol::{CallForm, RejectReason, ToolCall, ToolSpec};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Rejection;

/// The arguments of `call`, as the tool described by `spec` takes them. No arguments at all stand for `{}`.
pub(crate) fn parse<T: DeserializeOwned>(call: &ToolCall, spec: &ToolSpec) -> Result<T, Rejection> {
    let input = if call.input.trim().is_empty() { "{}" } else { &call.input };
    let reject = |problem: String| Rejection {
        reason: RejectReason::BadArguments,
        message: format!("{}: {problem}. It takes {}.", spec.name(), takes(spec)),
    };
    if call.form == CallForm::Custom && !input.trim_start().starts_with('{') {
        return Err(reject("this tool is a function, its arguments are a JSON object".into()));
    }
    // serde would take an array for a struct.
    if !input.trim_start().starts_with('{') {
        return Err(reject("the arguments are not a JSON object".into()));
    }
    let parsed = serde_json::from_str(input);
    parsed.or_else(|error| with_whole_numbers(input, spec).ok_or(error)).map_err(|error| {
        let what =
            if error.is_data() { "wrong arguments" } else { "the arguments are not valid JSON" };
        reject(format!("{what}: {error}"))
    })
}

/// Once more, with `1000.0` for `1000` where the tool takes an integer: it is what some models write.
fn with_whole_numbers<T: DeserializeOwned>(input: &str, spec: &ToolSpec) -> Option<T> {
    /// Beyond it not every integer is a number of this kind.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let ToolSpec::Function { parameters, .. } = spec else { return None };
    let mut arguments: Value = serde_json::from_str(input).ok()?;
    for (name, value) in arguments.as_object_mut()? {
        let whole = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < EXACT);
        if let Some(number) =
            whole.filter(|_| value.is_f64() && parameters["properties"][name]["type"] == "integer")
        {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
            let number = number as i64;
            *value = number.into();
        }
    }
    serde_json::from_value(arguments).ok()
}

/// `{file_path: string, offset?: integer}`
fn takes(spec: &ToolSpec) -> String {
    let ToolSpec::Function { parameters, .. } = spec else {
        return "free text".into();
    };
    let required = |name: &str| {
        parameters["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name))
    };
    let fields =
        parameters["properties"].as_object().into_iter().flatten().map(|(name, schema)| {
            let mark = if required(name) { "" } else { "?" };
            format!("{name}{mark}: {}", kind(schema))
        });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

fn kind(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    match schema["type"].as_str() {
        Some("array") => format!("[{}]", kind(&schema["items"])),
        Some("object") => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            let fields: Vec<_> = fields.map(|(name, of)| format!("{name}: {}", kind(of))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Some(name) => name.to_owned(),
        None => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Args {
        path: String,
        limit: Option<u64>,
    }

    fn spec() -> ToolSpec {
        ToolSpec::Function {
            name: "look".into(),
            description: String::new(),
            strict: false,
            parameters: json!({"type": "object", "properties": {
                "path": {"type": "string"}, "limit": {"type": "integer"}}, "required": ["path"]}),
        }
    }

    fn parsed(input: &str) -> Result<Args, String> {
        let call = ToolCall {
            call_id: "c".into(),
            name: "look".into(),
            namespace: None,
            form: CallForm::Function,
            input: input.into(),
        };
        parse(&call, &spec()).map_err(|rejection| rejection.message)
    }

    #[test]
    fn optional_arguments_may_be_absent_or_null_and_unknown_ones_are_ignored() {
        let expected = Ok(Args { path: "a".into(), limit: None });
        assert_eq!(parsed(r#"{"path":"a"}"#), expected);
        assert_eq!(parsed(r#"{"path":"a","limit":null,"colour":1}"#), expected);
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_fraction() {
        let expected = Ok(Args { path: "a".into(), limit: Some(1000) });
        assert_eq!(parsed(r#"{"path":"a","limit":1000.0}"#), expected);
        assert_eq!(parsed(r#"{"path":"a","limit":1e3}"#), expected);
        for limit in ["1.5", "-1.0", "1e300", "\"1\""] {
            assert!(parsed(&format!(r#"{{"path":"a","limit":{limit}}}"#)).is_err(), "{limit}");
        }
    }

    #[test]
    fn r22_a_wrong_argument_is_named_with_all_the_tool_takes() {
        let takes = "It takes {path: string, limit?: integer}.";
        for (input, problem) in [
            ("", "missing field `path`"),
            (r#"{"path":1}"#, "invalid type: integer `1`, expected a string"),
            (r#"{"path":"a""#, "not valid JSON"),
            (r#"["a",1]"#, "not a JSON object"),
        ] {
            let message = parsed(input).unwrap_err();
            assert!(message.starts_with("look: ") && message.contains(problem), "{message}");
            assert!(message.ends_with(takes), "{message}");
        }
    }
}
