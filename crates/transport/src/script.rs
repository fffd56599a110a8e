//! What a scripted model says: steps, each one response. Played by `scripted.rs`; written as TOML
//! (`docs/script.md`) or built here, in Rust.

mod expect;
mod pairs;
mod parse;
mod position;

use std::collections::HashMap;
use std::time::Duration;

use agent_protocol::{ApiError, Phase, Usage};
use serde_json::Value;

pub(crate) use expect::excerpt;
pub use expect::{Expect, Expected};
pub(crate) use pairs::unpaired;
pub use parse::ScriptError;
use position::stated_ids as stated_ids_of;
pub(crate) use position::{Position, Progress, is_of_the_model, item_id, output_of};

/// A conversation as the model will lead it. Immutable once built; which step is next is read from each request.
#[derive(Clone, Debug)]
pub struct Script {
    name: String,
    steps: Vec<Step>,
    /// The number of the first response of each step, and behind them the number of all responses.
    starts: Vec<usize>,
    /// The ids it states itself, by which a conversation is found again.
    pub(crate) stated_ids: HashMap<String, (usize, usize)>,
}

/// One response, or `repeat` of them that differ in their number only.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub(crate) name: String,
    pub(crate) line: Option<usize>,
    pub(crate) repeat: usize,
    pub(crate) expect: Expect,
    pub(crate) takes: Vec<Take>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) pace: Pace,
    pub(crate) usage: Option<Usage>,
    pub(crate) end: End,
    pub(crate) starts_over: bool,
}

/// What one response consists of, in order.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// A reasoning item; blank lines separate the parts of its summary.
    Think(String),
    Say {
        text: String,
        /// None: `commentary` beside calls, else `final_answer`.
        phase: Option<Phase>,
    },
    Call(ScriptedCall),
    /// An item as it stands, a JSON object.
    Raw(String),
    /// Silence before the next item.
    Wait(Duration),
}

#[derive(Clone, Debug)]
pub(crate) struct ScriptedCall {
    pub(crate) tool: String,
    pub(crate) namespace: Option<String>,
    pub(crate) input: CallInput,
    /// The name by which later steps refer to its output.
    pub(crate) label: Option<String>,
    pub(crate) call_id: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum CallInput {
    Arguments(Value),
    /// Sent as they are, to say what is not JSON.
    ArgumentsText(String),
    /// Of a custom tool; becomes the argument `input` where the client offers a function of that name.
    Free(String),
}

/// A variable: the word behind a marker in an earlier output.
#[derive(Clone, Debug)]
pub(crate) struct Take {
    pub(crate) name: String,
    pub(crate) from: String,
    pub(crate) after: String,
}

/// How fast the model is. By default everything is there at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) first_token: Duration,
    pub(crate) between_items: Duration,
    pub(crate) tokens_per_second: Option<f64>,
}

#[derive(Clone, Debug)]
pub(crate) enum End {
    Completed {
        end_turn: bool,
    },
    Incomplete(String),
    /// Before anything of the response: an HTTP status and its body.
    Refused(ApiError),
    /// `response.failed`, after the items.
    Failed(ApiError),
    /// The stream breaks, after the items or before the last one is done.
    Cut {
        in_last_item: bool,
    },
}

impl Default for End {
    fn default() -> Self {
        Self::Completed { end_turn: true }
    }
}

impl Script {
    /// Reads the TOML form.
    ///
    /// # Errors
    /// When it is not TOML, a key is unknown, or a step cannot be played; with the line.
    pub fn parse(toml: &str) -> Result<Self, ScriptError> {
        parse::parse(toml)
    }

    pub fn new(name: &str, steps: impl IntoIterator<Item = Step>) -> Self {
        let steps: Vec<_> = steps.into_iter().collect();
        let mut starts = vec![0];
        for step in &steps {
            starts.push(starts[starts.len() - 1] + step.repeat.max(1));
        }
        let stated_ids = starts.iter().zip(&steps);
        let stated_ids =
            stated_ids.flat_map(|(number, step)| stated_ids_of(*number, step)).collect();
        Self { name: name.to_owned(), steps, starts, stated_ids }
    }

    /// The same without any delay, for those who only want its words.
    #[must_use]
    pub fn without_delays(mut self) -> Self {
        for step in &mut self.steps {
            step.pace = Pace::default();
            step.outputs.retain(|output| !matches!(output, Output::Wait(_)));
        }
        self
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of responses it has to give.
    pub fn len(&self) -> usize {
        self.starts[self.steps.len()]
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The step of response `number` (from 0), and which repetition it is (from 1).
    pub(crate) fn step(&self, number: usize) -> Option<(&Step, usize)> {
        let index = self.starts.partition_point(|start| *start <= number) - 1;
        Some((self.steps.get(index)?, number - self.starts[index] + 1))
    }

    /// The responses that make the call of this label, and its place among their items.
    pub(crate) fn labelled(&self, label: &str) -> Option<(std::ops::Range<usize>, usize)> {
        self.steps.iter().enumerate().find_map(|(index, step)| {
            let place = step.items().position(|output| {
                matches!(output, Output::Call(call) if call.label.as_deref() == Some(label))
            })?;
            Some((self.starts[index]..self.starts[index + 1], place))
        })
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.starts.iter().copied().zip(&self.steps)
    }
}

/// Steps in Rust, for tests.
impl Step {
    pub fn new() -> Self {
        Self { repeat: 1, ..Self::default() }
    }

    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    #[must_use]
    pub fn thinks(mut self, text: &str) -> Self {
        self.outputs.push(Output::Think(text.to_owned()));
        self
    }

    #[must_use]
    pub fn says(mut self, text: &str) -> Self {
        self.outputs.push(Output::Say { text: text.to_owned(), phase: None });
        self
    }

    #[must_use]
    pub fn calls(self, tool: &str, arguments: Value) -> Self {
        self.call(tool, CallInput::Arguments(arguments))
    }

    /// Calls a function with arguments that need not be JSON.
    #[must_use]
    pub fn calls_with_text(self, tool: &str, arguments: &str) -> Self {
        self.call(tool, CallInput::ArgumentsText(arguments.to_owned()))
    }

    /// Calls a custom tool, whose input is free text.
    #[must_use]
    pub fn calls_freely(self, tool: &str, input: &str) -> Self {
        self.call(tool, CallInput::Free(input.to_owned()))
    }

    fn call(mut self, tool: &str, input: CallInput) -> Self {
        let tool = tool.to_owned();
        self.outputs.push(Output::Call(ScriptedCall {
            tool,
            namespace: None,
            input,
            label: None,
            call_id: None,
        }));
        self
    }

    /// Names the call made last, so that later steps can expect something of its output.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn labelled(mut self, label: &str) -> Self {
        let Some(Output::Call(call)) = self.outputs.last_mut() else {
            panic!("only a call can have the label {label}")
        };
        call.label = Some(label.to_owned());
        self
    }

    /// Yields this item, a JSON object, as it stands.
    #[must_use]
    pub fn yields(mut self, json: &str) -> Self {
        self.outputs.push(Output::Raw(json.to_owned()));
        self
    }

    #[must_use]
    pub fn waits(mut self, time: Duration) -> Self {
        self.outputs.push(Output::Wait(time));
        self
    }

    #[must_use]
    pub fn expecting(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    #[must_use]
    pub fn repeated(mut self, times: usize) -> Self {
        self.repeat = times.max(1);
        self
    }

    #[must_use]
    pub fn at_tokens_per_second(mut self, tokens: f64) -> Self {
        self.pace.tokens_per_second = Some(tokens);
        self
    }

    #[must_use]
    pub fn using(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// The model wants to go on although it called no tool (C4.4).
    #[must_use]
    pub fn and_goes_on(mut self) -> Self {
        self.end = End::Completed { end_turn: false };
        self
    }

    #[must_use]
    pub fn incomplete(mut self, reason: &str) -> Self {
        self.end = End::Incomplete(reason.to_owned());
        self
    }

    /// Refuses the request before a response begins.
    #[must_use]
    pub fn refuses(mut self, error: ApiError) -> Self {
        self.end = End::Refused(error);
        self
    }

    /// Ends, after the items, with `response.failed`.
    #[must_use]
    pub fn fails(mut self, error: ApiError) -> Self {
        self.end = End::Failed(ApiError { after_created: true, ..error });
        self
    }

    /// Breaks the stream after the items.
    #[must_use]
    pub fn is_cut(mut self) -> Self {
        self.end = End::Cut { in_last_item: false };
        self
    }

    /// Breaks the stream while the last item is under way.
    #[must_use]
    pub fn is_cut_in_the_last_item(mut self) -> Self {
        self.end = End::Cut { in_last_item: true };
        self
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = &Output> {
        self.outputs.iter().filter(|output| !matches!(output, Output::Wait(_)))
    }

    /// The number of items the client gets whole.
    pub(crate) fn completed_items(&self) -> usize {
        let all = self.items().count();
        match self.end {
            End::Refused(_) => 0,
            End::Cut { in_last_item: true } => all.saturating_sub(1),
            _ => all,
        }
    }

    pub(crate) fn has_calls(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output, Output::Call(_)))
    }
}
