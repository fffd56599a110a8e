//! The TOML form of a script (`docs/script.md`): as written, checked, as meant.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use agent_protocol::{ApiError, Item, Phase, Usage};
use serde::Deserialize;
use toml::Spanned;

use super::{CallInput, End, Expect, Output, Pace, Script, ScriptedCall, Step, Take};

/// Why a script cannot be played.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    pub message: String,
}

pub(super) fn parse(text: &str) -> Result<Script, ScriptError> {
    let line_of = |offset: usize| {
        1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
    };
    let written: WrittenScript = toml::from_str(text).map_err(|error| ScriptError {
        line: line_of(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let mut labels = HashSet::new();
    let mut steps = Vec::new();
    for spanned in written.step {
        let line = line_of(spanned.span().start);
        let step = spanned
            .into_inner()
            .meant(line, written.pace, &mut labels)
            .map_err(|message| ScriptError { line, message })?;
        steps.push(step);
    }
    if steps.is_empty() {
        return Err(ScriptError { line: 1, message: "a script without any [[step]]".to_owned() });
    }
    Ok(Script::new(&written.name, steps))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScript {
    name: String,
    #[serde(default)]
    pace: WrittenPace,
    #[serde(default)]
    step: Vec<Spanned<WrittenStep>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenPace {
    first_token_ms: Option<u64>,
    between_items_ms: Option<u64>,
    tokens_per_second: Option<f64>,
}

impl WrittenPace {
    fn or(self, other: Self) -> Pace {
        let ms = |time: Option<u64>| Duration::from_millis(time.unwrap_or_default());
        let speed = self.tokens_per_second.or(other.tokens_per_second);
        Pace {
            first_token: ms(self.first_token_ms.or(other.first_token_ms)),
            between_items: ms(self.between_items_ms.or(other.between_items_ms)),
            tokens_per_second: speed.filter(|tokens| *tokens > 0.0),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    #[serde(default)]
    name: String,
    repeat: Option<usize>,
    #[serde(default)]
    starts_over: bool,
    #[serde(default)]
    expect: Expect,
    #[serde(default)]
    take: BTreeMap<String, WrittenTake>,
    #[serde(default)]
    pace: WrittenPace,
    think: Option<Text>,
    say: Option<Text>,
    #[serde(default)]
    call: Vec<WrittenCall>,
    #[serde(default)]
    item: Vec<WrittenItem>,
    usage: Option<WrittenUsage>,
    end_turn: Option<bool>,
    incomplete: Option<String>,
    refuse: Option<WrittenError>,
    fail: Option<WrittenError>,
    cut: Option<Cut>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTake {
    from: String,
    after: String,
}

/// As it stands, or of so many tokens.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Written(String),
    Generated { tokens: usize },
}

impl Text {
    fn into_string(self) -> String {
        const WORDS: [&str; 16] = [
            "the", "agent", "reads", "a", "file", "and", "writes", "down", "what", "it", "found",
            "then", "runs", "another", "test", "again",
        ];
        match self {
            Self::Written(text) => text,
            Self::Generated { tokens } => {
                (0..tokens).map(|n| WORDS[n % WORDS.len()]).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCall {
    tool: String,
    namespace: Option<String>,
    r#as: Option<String>,
    call_id: Option<String>,
    arguments: Option<serde_json::Value>,
    input: Option<String>,
}

impl WrittenCall {
    fn meant(self) -> Result<Output, String> {
        let input = match (self.arguments, self.input) {
            (Some(serde_json::Value::String(text)), None) => CallInput::ArgumentsText(text),
            (Some(table), None) if table.is_object() => CallInput::Arguments(table),
            (Some(_), None) => return Err("`arguments` is neither a table nor a string".to_owned()),
            (None, Some(text)) => CallInput::Free(text),
            (None, None) => CallInput::Arguments(serde_json::json!({})),
            (Some(_), Some(_)) => {
                return Err(format!(
                    "the call of `{}` has both `arguments` and `input`",
                    self.tool
                ));
            }
        };
        let Self { tool, namespace, r#as: label, call_id, .. } = self;
        Ok(Output::Call(ScriptedCall { tool, namespace, input, label, call_id }))
    }
}

/// One entry of a step whose items stand in an order of their own; exactly one of its keys is given.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenItem {
    Think(ThinkItem),
    Say(SayItem),
    Raw(RawItem),
    Wait(WaitItem),
    Call(WrittenCall),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThinkItem {
    think: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SayItem {
    say: Text,
    phase: Option<Phase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawItem {
    raw: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitItem {
    wait_ms: u64,
}

impl WrittenItem {
    fn meant(self) -> Result<Output, String> {
        Ok(match self {
            Self::Think(ThinkItem { think }) => Output::Think(think.into_string()),
            Self::Say(SayItem { say, phase }) => Output::Say { text: say.into_string(), phase },
            Self::Raw(RawItem { raw: serde_json::Value::String(json) }) => Output::Raw(json),
            Self::Raw(RawItem { raw }) => Output::Raw(raw.to_string()),
            Self::Wait(WaitItem { wait_ms }) => Output::Wait(Duration::from_millis(wait_ms)),
            Self::Call(call) => return call.meant(),
        })
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct WrittenUsage {
    input: u64,
    cached: u64,
    cache_write: u64,
    output: u64,
    reasoning: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenError {
    status: Option<u16>,
    code: Option<String>,
    r#type: Option<String>,
    #[serde(default)]
    message: String,
    param: Option<String>,
    retry_after: Option<f64>,
}

impl WrittenError {
    fn meant(self, after_created: bool) -> Result<ApiError, String> {
        let retry_after = self.retry_after.map(Duration::try_from_secs_f64).transpose();
        Ok(ApiError {
            status: self.status,
            code: self.code,
            kind: self.r#type,
            message: self.message,
            param: self.param,
            retry_after: retry_after.map_err(|error| format!("`retry_after`: {error}"))?,
            request_id: None,
            after_created,
        })
    }
}

#[derive(Deserialize)]
enum Cut {
    #[serde(rename = "after the items")]
    AfterItems,
    #[serde(rename = "in the last item")]
    InLastItem,
}

impl WrittenStep {
    fn meant(
        self,
        line: usize,
        pace: WrittenPace,
        labels: &mut HashSet<String>,
    ) -> Result<Step, String> {
        for label in self.expect.output.keys().chain(self.take.values().map(|take| &take.from)) {
            if !labels.contains(label) {
                return Err(format!("no earlier call is named `{label}` by `as`"));
            }
        }
        let repeat = self.repeat.unwrap_or(1);
        if repeat == 0 {
            return Err("`repeat` is 0".to_owned());
        }
        let end = end(self.end_turn, self.incomplete, self.refuse, self.fail, self.cut)?;
        let outputs = outputs(self.think, self.say, self.call, self.item)?;
        for output in &outputs {
            check(output, repeat, labels)?;
        }
        let step = Step {
            name: self.name,
            line: Some(line),
            repeat,
            expect: self.expect,
            takes: self
                .take
                .into_iter()
                .map(|(name, WrittenTake { from, after })| Take { name, from, after })
                .collect(),
            outputs,
            pace: self.pace.or(pace),
            usage: self.usage.map(|usage| Usage {
                input_tokens: usage.input,
                cached_input_tokens: usage.cached,
                cache_write_input_tokens: usage.cache_write,
                output_tokens: usage.output,
                reasoning_output_tokens: usage.reasoning,
            }),
            end,
            starts_over: self.starts_over,
        };
        let says_nothing = step.items().next().is_none();
        if says_nothing && matches!(step.end, End::Cut { in_last_item: true }) {
            return Err("`cut = \"in the last item\"` in a step without items".to_owned());
        }
        if !says_nothing && matches!(step.end, End::Refused(_)) {
            return Err("a step that refuses cannot say anything".to_owned());
        }
        Ok(step)
    }
}

fn end(
    end_turn: Option<bool>,
    incomplete: Option<String>,
    refuse: Option<WrittenError>,
    fail: Option<WrittenError>,
    cut: Option<Cut>,
) -> Result<End, String> {
    let ends = [
        end_turn.map(|end_turn| Ok(End::Completed { end_turn })),
        incomplete.map(|reason| Ok(End::Incomplete(reason))),
        refuse.map(|error| error.meant(false).map(End::Refused)),
        fail.map(|error| error.meant(true).map(End::Failed)),
        cut.map(|cut| Ok(End::Cut { in_last_item: matches!(cut, Cut::InLastItem) })),
    ];
    let mut ends = ends.into_iter().flatten();
    let end = ends.next().transpose()?.unwrap_or_default();
    match ends.next() {
        None => Ok(end),
        Some(_) => {
            Err("a step ends in one way: end_turn, incomplete, refuse, fail or cut".to_owned())
        }
    }
}

fn outputs(
    think: Option<Text>,
    say: Option<Text>,
    call: Vec<WrittenCall>,
    item: Vec<WrittenItem>,
) -> Result<Vec<Output>, String> {
    let mut outputs = Vec::new();
    outputs.extend(think.map(|text| Output::Think(text.into_string())));
    outputs.extend(say.map(|text| Output::Say { text: text.into_string(), phase: None }));
    for call in call {
        outputs.push(call.meant()?);
    }
    if !outputs.is_empty() && !item.is_empty() {
        return Err("a step has either think, say and call, or [[step.item]]s".to_owned());
    }
    for item in item {
        outputs.push(item.meant()?);
    }
    Ok(outputs)
}

fn check(output: &Output, repeat: usize, labels: &mut HashSet<String>) -> Result<(), String> {
    let stated = match output {
        Output::Call(call) => {
            if let Some(label) = &call.label
                && !labels.insert(label.clone())
            {
                return Err(format!("two calls are named `{label}`"));
            }
            call.call_id.is_some()
        }
        Output::Raw(json) => {
            Item::from_json(json).map_err(|error| format!("`raw` is not an item: {error}"))?;
            json.contains("\"id\"") || json.contains("\"call_id\"")
        }
        _ => false,
    };
    if stated && repeat > 1 {
        return Err("an id of its own in a step that is repeated".to_owned());
    }
    Ok(())
}
