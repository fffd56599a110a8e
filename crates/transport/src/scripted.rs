//! The scripted model: plays a [`Script`] as a transport. For the demo, the gateway's `--script` and tests.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent_protocol::{
    DeltaPart, Item, Phase, Request, ResponseEnd, ResponseEvent, SendReason, Sent, SteerOutcome,
    ToolSpec, TransportKind, Usage, stateless_len,
};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::script::{
    CallInput, End, Output, Position, Progress, Script, ScriptedCall, Step, excerpt,
    is_of_the_model, item_id, output_of, unpaired,
};
use crate::{Control, Steering, Transport, TransportError};

/// A model that says what its script says. Clones share what they have said.
#[derive(Clone, Debug)]
pub struct Scripted {
    script: Arc<Script>,
    /// By `prompt_cache_key`.
    progress: Arc<Mutex<HashMap<String, Progress>>>,
}

impl Scripted {
    pub fn new(script: Script) -> Self {
        Self { script: Arc::new(script), progress: Arc::default() }
    }

    pub fn script(&self) -> &Script {
        &self.script
    }

    fn progress<T>(&self, key: &str, change: impl FnOnce(&mut Progress) -> T) -> T {
        let mut all = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(key.to_owned()).or_default())
    }

    /// The answer to `request`, or what is wrong with it.
    fn answer(&self, request: &Request) -> Result<Answer, TransportError> {
        if let Some(error) = unpaired(&request.window) {
            return Err(TransportError::Api(error));
        }
        self.say(request).map_err(TransportError::Script)
    }

    fn say(&self, request: &Request) -> Result<Answer, String> {
        let key = &request.settings.fields().prompt_cache_key;
        let position =
            self.progress(key, |progress| Position::find(&self.script, request, progress));
        let Some((step, repetition)) = self.script.step(position.number) else {
            return Err(self.too_much(request));
        };
        step.expect
            .check(&self.script, request)
            .and_then(|()| Variables::read(&self.script, step, repetition, request))
            .map(|variables| {
                self.progress(key, |progress| progress.begin(position.number, request));
                Player::new(step, position, variables, request).play()
            })
            .map_err(|message| self.mismatch(step, position.number, &message))
    }

    fn mismatch(&self, step: &Step, number: usize, message: &str) -> String {
        let name =
            if step.name.is_empty() { String::new() } else { format!(" “{}”", step.name) };
        let line = step.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        format!("script “{}”, step {}{name}{line}: {message}", self.script.name(), number + 1)
    }

    fn too_much(&self, request: &Request) -> String {
        let last = (request.window.len().checked_sub(1))
            .and_then(|index| request.window.from(index).next())
            .map_or("nothing", Item::json);
        format!(
            "script “{}” ends after step {}, but the model was asked again; the conversation ends with {}",
            self.script.name(),
            self.script.len(),
            excerpt(last)
        )
    }
}

impl Transport for Scripted {
    fn respond<'a>(
        &'a mut self,
        request: &'a Request,
        control: &'a mut Control,
    ) -> BoxStream<'a, Result<ResponseEvent, TransportError>> {
        match self.answer(request) {
            Ok(answer) => {
                let playing =
                    Playing { model: self, request, control, answer, start: Instant::now() };
                stream::unfold(playing, |mut playing| async move {
                    let event = playing.next().await?;
                    Some((event, playing))
                })
                .boxed()
            }
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    fn warm_up(&mut self, _request: &Request) {}
}

/// All of one response, each event with the time after which it is due.
struct Answer {
    number: usize,
    response_id: String,
    events: VecDeque<(Duration, Result<ResponseEvent, TransportError>)>,
}

/// A response under way.
struct Playing<'a> {
    model: &'a Scripted,
    request: &'a Request,
    control: &'a mut Control,
    answer: Answer,
    start: Instant,
}

impl Playing<'_> {
    async fn next(&mut self) -> Option<Result<ResponseEvent, TransportError>> {
        let due = self.start + self.answer.events.front()?.0;
        if due > Instant::now() {
            tokio::select! {
                biased;
                wish = self.control.next() => return Some(Ok(self.obey(wish))),
                () = tokio::time::sleep_until(due) => {}
            }
        }
        let (_, event) = self.answer.events.pop_front()?;
        if self.answer.events.is_empty() {
            let key = &self.request.settings.fields().prompt_cache_key;
            self.model.progress(key, |progress| progress.end(self.answer.number));
        }
        Some(event)
    }

    fn obey(&mut self, wish: Steering) -> ResponseEvent {
        match wish {
            Steering::Interrupt => {
                self.answer.events.clear();
                let response_id = self.answer.response_id.clone();
                let end = ResponseEnd { response_id, ..ResponseEnd::default() };
                ResponseEvent::Incomplete { reason: "interrupted".to_owned(), end }
            }
            Steering::Steer(items) => ResponseEvent::Steer(SteerOutcome::Failed {
                items,
                message: "a scripted model cannot be steered".to_owned(),
            }),
        }
    }
}

/// What `{{name}}` stands for in a step.
struct Variables(Vec<(String, String)>);

impl Variables {
    fn read(
        script: &Script,
        step: &Step,
        repetition: usize,
        request: &Request,
    ) -> Result<Self, String> {
        let mut variables = vec![("n".to_owned(), repetition.to_string())];
        for take in &step.takes {
            let output = output_of(script, &take.from, request)
                .ok_or_else(|| format!("there is no output of the call `{}`", take.from))?;
            let word = output.split_once(&take.after).map(|(_, rest)| {
                let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
                let rest = rest.trim_start();
                rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())].to_owned()
            });
            let word = word.filter(|word| !word.is_empty()).ok_or_else(|| {
                format!("there is no word behind {:?} in the output of `{}`", take.after, take.from)
            })?;
            variables.push((take.name.clone(), word));
        }
        Ok(Self(variables))
    }

    fn fill(&self, text: &str) -> String {
        if !text.contains("{{") {
            return text.to_owned();
        }
        self.0.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{{{name}}}}}"), value)
        })
    }

    /// A string that is nothing but a variable becomes a number when its value is one.
    fn fill_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let filled = self.fill(text);
                let whole = text.starts_with("{{") && text.ends_with("}}");
                match filled.parse::<u64>() {
                    Ok(number) if whole => number.into(),
                    _ => filled.into(),
                }
            }
            Value::Array(values) => values.iter().map(|value| self.fill_value(value)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.fill_value(value))).collect()
            }
            other => other.clone(),
        }
    }
}

/// Turns a step into timed events.
struct Player<'a> {
    step: &'a Step,
    position: Position,
    variables: Variables,
    request: &'a Request,
    now: Duration,
    index: u32,
    tokens: u64,
    reasoning_tokens: u64,
    events: VecDeque<(Duration, Result<ResponseEvent, TransportError>)>,
}

impl<'a> Player<'a> {
    fn new(step: &'a Step, position: Position, variables: Variables, request: &'a Request) -> Self {
        Self {
            step,
            position,
            variables,
            request,
            now: Duration::ZERO,
            index: 0,
            tokens: 0,
            reasoning_tokens: 0,
            events: VecDeque::new(),
        }
    }

    fn play(mut self) -> Answer {
        let bytes = stateless_len(self.request);
        self.push(ResponseEvent::Sent(Sent {
            transport: TransportKind::Replay,
            connection: 0,
            incremental: false,
            reason: SendReason::Stateless,
            bytes_up: bytes,
            bytes_stateless: bytes,
            connect: Duration::ZERO,
        }));
        let response_id = format!("resp_{}", self.position.number + 1);
        if let End::Refused(error) = &self.step.end {
            self.now += self.step.pace.first_token;
            self.events.push_back((self.now, Err(TransportError::Api(error.clone()))));
        } else {
            let model = Some(self.request.settings.fields().model.clone());
            self.push(ResponseEvent::Created { response_id: response_id.clone(), model });
            self.now += self.step.pace.first_token;
            self.items();
            self.end(&response_id);
        }
        Answer { number: self.position.number, response_id, events: self.events }
    }

    fn push(&mut self, event: ResponseEvent) {
        self.events.push_back((self.now, Ok(event)));
    }

    fn items(&mut self) {
        let mut place = 0;
        for output in &self.step.outputs {
            if let Output::Wait(time) = output {
                self.now += *time;
                continue;
            }
            if place >= self.position.done {
                if self.index > 0 {
                    self.now += self.step.pace.between_items;
                }
                self.item(output, place);
            }
            place += 1;
        }
    }

    fn item(&mut self, output: &Output, place: usize) {
        let number = self.position.number;
        match output {
            Output::Think(text) => self.think(&item_id("rs", number, place), text),
            Output::Say { text, phase } => self.say(&item_id("msg", number, place), text, *phase),
            Output::Call(call) => self.call(call, place),
            Output::Raw(json) => self.raw(json, place),
            Output::Wait(_) => {}
        }
        self.index += 1;
    }

    fn think(&mut self, id: &str, text: &str) {
        let text = self.variables.fill(text);
        self.added(id, "reasoning", None, None);
        let before = self.tokens;
        let mut summary = Vec::new();
        for part in text.split("\n\n") {
            self.delta(DeltaPart::ReasoningBreak, "");
            self.deltas(DeltaPart::ReasoningSummary, part);
            summary.push(json!({"type": "summary_text", "text": part}));
        }
        self.reasoning_tokens += self.tokens - before;
        let encrypted = format!("scripted:{id}");
        self.done(&json!({"type": "reasoning", "id": id, "summary": summary, "encrypted_content": encrypted}));
    }

    fn say(&mut self, id: &str, text: &str, phase: Option<Phase>) {
        let text = self.variables.fill(text);
        let usual = if self.step.has_calls() { Phase::Commentary } else { Phase::FinalAnswer };
        self.added(id, "message", None, None);
        self.deltas(DeltaPart::Text, &text);
        self.done(&json!({
            "type": "message", "id": id, "role": "assistant", "status": "completed",
            "phase": phase.unwrap_or(usual),
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
        }));
    }

    fn call(&mut self, call: &ScriptedCall, place: usize) {
        let number = self.position.number;
        let call_id = call.call_id.clone().unwrap_or_else(|| item_id("call", number, place));
        let (kind, prefix, field, input) = match &call.input {
            CallInput::Free(text) if self.is_function(&call.tool) => {
                let arguments = json!({"input": self.variables.fill(text)}).to_string();
                ("function_call", "fc", "arguments", arguments)
            }
            CallInput::Free(text) => {
                ("custom_tool_call", "ctc", "input", self.variables.fill(text))
            }
            CallInput::Arguments(value) => {
                ("function_call", "fc", "arguments", self.variables.fill_value(value).to_string())
            }
            CallInput::ArgumentsText(text) => {
                ("function_call", "fc", "arguments", self.variables.fill(text))
            }
        };
        let id = item_id(prefix, number, place);
        self.added(&id, kind, Some(&call.tool), Some(&call_id));
        self.deltas(DeltaPart::CallInput, &input);
        let mut item = json!({
            "type": kind, "id": id, "call_id": call_id, "name": call.tool, field: input, "status": "completed",
        });
        if let Some(namespace) = &call.namespace {
            item["namespace"] = namespace.as_str().into();
        }
        self.done(&item);
    }

    fn is_function(&self, tool: &str) -> bool {
        let tools = &self.request.settings.fields().tools;
        tools.iter().any(|spec| matches!(spec, ToolSpec::Function { name, .. } if name == tool))
    }

    fn raw(&mut self, json: &str, place: usize) {
        #[derive(serde::Deserialize)]
        struct Head {
            r#type: Option<String>,
            id: Option<String>,
            name: Option<String>,
            call_id: Option<String>,
        }
        let json = self.variables.fill(json);
        let Ok(head) = serde_json::from_str::<Head>(&json) else { return };
        let kind = head.r#type.unwrap_or_else(|| "message".to_owned());
        let (id, json) = match head.id {
            Some(id) => (id, json),
            None => {
                let id = item_id(id_prefix(&kind), self.position.number, place);
                let rest = json.trim_start().trim_start_matches('{');
                (id.clone(), format!("{{\"id\":\"{id}\",{rest}"))
            }
        };
        self.added(&id, &kind, head.name.as_deref(), head.call_id.as_deref());
        self.done_raw(&json);
    }

    fn added(&mut self, id: &str, kind: &str, name: Option<&str>, call_id: Option<&str>) {
        self.push(ResponseEvent::ItemAdded {
            output_index: self.index,
            id: Some(id.to_owned()),
            kind: kind.to_owned(),
            name: name.map(str::to_owned),
            call_id: call_id.map(str::to_owned),
        });
    }

    fn delta(&mut self, part: DeltaPart, delta: &str) {
        self.push(ResponseEvent::Delta { output_index: self.index, part, delta: delta.to_owned() });
    }

    fn deltas(&mut self, part: DeltaPart, text: &str) {
        let pause =
            self.step.pace.tokens_per_second.map(|tokens| Duration::from_secs_f64(1.0 / tokens));
        for token in tokens(text) {
            self.now += pause.unwrap_or_default();
            self.tokens += 1;
            self.delta(part, token);
        }
    }

    fn done(&mut self, item: &Value) {
        self.done_raw(&item.to_string());
    }

    fn done_raw(&mut self, json: &str) {
        let event = match Item::from_json(json) {
            Ok(item) => Ok(ResponseEvent::ItemDone { output_index: self.index, item }),
            Err(error) => {
                Err(TransportError::Script(format!("an item that is none: {error}: {json}")))
            }
        };
        self.events.push_back((self.now, event));
    }

    fn end(&mut self, response_id: &str) {
        let end = ResponseEnd {
            response_id: response_id.to_owned(),
            usage: self.step.usage.unwrap_or_else(|| self.usual_usage()),
            wants_to_continue: matches!(self.step.end, End::Completed { end_turn: false }),
            ..ResponseEnd::default()
        };
        let last = match &self.step.end {
            End::Completed { .. } => Ok(ResponseEvent::Completed(end)),
            End::Incomplete(reason) => {
                Ok(ResponseEvent::Incomplete { reason: reason.clone(), end })
            }
            End::Failed(error) | End::Refused(error) => Err(TransportError::Api(error.clone())),
            End::Cut { in_last_item } => {
                if *in_last_item {
                    self.events.pop_back();
                }
                Err(TransportError::Dropped("the script cuts it here".to_owned()))
            }
        };
        self.events.push_back((self.now, last));
    }

    /// Four bytes make a token; cached is what the request before this one must have carried.
    fn usual_usage(&self) -> Usage {
        let (mut bytes, mut known) = (self.request.settings.json().len(), 0);
        for item in self.request.window.iter() {
            bytes += item.json().len();
            if is_of_the_model(item) {
                known = bytes;
            }
        }
        let tokens = |bytes: usize| bytes.div_ceil(4) as u64;
        Usage {
            input_tokens: tokens(bytes),
            cached_input_tokens: tokens(known),
            cache_write_input_tokens: tokens(bytes) - tokens(known),
            output_tokens: self.tokens,
            reasoning_output_tokens: self.reasoning_tokens,
        }
    }
}

fn id_prefix(kind: &str) -> &'static str {
    match kind {
        "message" => "msg",
        "reasoning" => "rs",
        "function_call" => "fc",
        "custom_tool_call" => "ctc",
        "compaction" => "cmp",
        _ => "item",
    }
}

/// Cuts a text as a model would say it: words with the space before them, long ones in pieces.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    const LONGEST: usize = 12;
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_space = |c: char| c.is_whitespace();
        let most = rest.char_indices().nth(LONGEST).map_or(rest.len(), |(cut, _)| cut);
        let word = rest[..most].find(|c| !is_space(c)).unwrap_or(most);
        let end = rest[word..most].find(is_space).map_or(most, |length| word + length);
        let (token, after) = rest.split_at(end);
        rest = after;
        (!token.is_empty()).then_some(token)
    })
}
