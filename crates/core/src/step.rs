//! One step: a response of the model as it streams, and the calls it makes. What a step means for the turn is
//! `turn.rs`'s business.

use std::time::{Duration, Instant};

use agent_protocol::{
    DeltaField, DeltaPart, Event, Item, ItemDetails, ItemKind, MessagePhase, Phase, ResponseEvent,
    Role, SteerOutcome, ThreadItem,
};
use agent_transport::{Control, ControlSender, Steering, Transport, TransportError};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use crate::calls::{Bench, Calls};
use crate::drafts::Drafts;
use crate::inbox::Inbox;
use crate::meter::StepMeter;
use crate::turn::Stop;

/// A request that has not left by then waits for the network, and there is time for other things.
const PROMPTLY: Duration = Duration::from_millis(5);

/// How a step ended that was not stopped.
pub(crate) struct StepEnd {
    /// It made calls: the model waits for their outputs.
    pub(crate) made_calls: bool,
    /// The model wants to go on although it called nothing (C4.4).
    pub(crate) wants_to_continue: bool,
    /// The last message of the model in this step.
    pub(crate) message: Option<String>,
    /// Items that were completed.
    pub(crate) items: usize,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    Complete,
    /// The response was cut short by the server, for this reason.
    Incomplete(String),
    /// The response broke off; its completed items and their calls are recorded.
    Broken(TransportError),
}

/// Everything of the thread that a step works with.
pub(crate) struct StepContext<'a> {
    pub(crate) bench: Bench<'a>,
    pub(crate) transport: &'a mut dyn Transport,
    pub(crate) control: &'a mut Control,
    pub(crate) steering: &'a ControlSender,
    pub(crate) inbox: &'a mut Inbox,
    /// Someone watches the text as it comes.
    pub(crate) live: bool,
}

/// Asks the model once, and does what it calls for while it is still speaking.
pub(crate) async fn run(
    cx: &mut StepContext<'_>,
    step: u32,
    meter: &mut StepMeter,
) -> Result<StepEnd, Stop> {
    cx.bench.conversation.publish(Event::StepStarted { step })?;
    if let Some((rows, columns)) = cx.inbox.take_size() {
        cx.bench.toolbox.resize(rows, columns);
    }
    let mut calls = Calls::new(step);
    let mut speech = Speech::new(step, cx.live);
    let response = respond(cx, meter, &mut calls, &mut speech).await;
    cx.inbox.take_back();
    calls.see_to_asides(&mut cx.bench, cx.inbox)?;
    meter.response_over();
    let outcome = match response {
        Ok(outcome) => outcome,
        Err(stop) => {
            speech.break_off(&mut cx.bench)?;
            return Err(stop);
        }
    };
    if !matches!(outcome, Outcome::Complete) {
        speech.break_off(&mut cx.bench)?;
    }
    while !calls.all_done() {
        tokio::select! {
            biased;
            asked = cx.inbox.attend() => {
                asked?;
                calls.decide(&mut cx.bench, cx.inbox)?;
            }
            attended = calls.attend() => record_call(&mut calls, &mut cx.bench, attended, meter)?,
        }
    }
    Ok(StepEnd {
        made_calls: calls.count() > 0,
        wants_to_continue: speech.wants_to_continue,
        message: speech.message,
        items: speech.items,
        outcome,
    })
}

async fn respond(
    cx: &mut StepContext<'_>,
    meter: &mut StepMeter,
    calls: &mut Calls,
    speech: &mut Speech,
) -> Result<Outcome, Stop> {
    let StepContext { bench, transport, control, steering, inbox, .. } = cx;
    let request = bench.conversation.request();
    control.clear();
    let mut stream = transport.respond(&request, control);
    let mut connecting = std::pin::pin!(tokio::time::sleep(PROMPTLY));
    let mut is_warm = false;
    loop {
        tokio::select! {
            biased;
            asked = inbox.attend() => match asked {
                Ok(()) => {
                    calls.decide(bench, inbox)?;
                    let messages = inbox.steer();
                    if !messages.is_empty() {
                        steering.send(Steering::Steer(messages));
                    }
                }
                Err(stop) => {
                    steering.send(Steering::Interrupt);
                    let ending = end_of(&mut stream, meter, calls, bench, speech);
                    if let Ok(recorded) = tokio::time::timeout(INTERRUPT_GRACE, ending).await {
                        recorded?;
                    }
                    return Err(stop);
                }
            },
            attended = calls.attend() => record_call(calls, bench, attended, meter)?,
            () = &mut connecting, if !is_warm => {
                is_warm = true;
                bench.toolbox.warm_up();
            }
            event = stream.next() => {
                let event = match event {
                    Some(Ok(event)) => event,
                    Some(Err(error)) => return Ok(Outcome::Broken(error)),
                    None => return Ok(Outcome::Broken(TransportError::Dropped("the stream ended early".to_owned()))),
                };
                meter.observe(&event);
                // While the model thinks there is time for what its calls will need, and not before it is asked.
                if matches!(event, ResponseEvent::Sent(_)) && !std::mem::replace(&mut is_warm, true) {
                    bench.toolbox.warm_up();
                }
                match event {
                    ResponseEvent::ItemDone { output_index, item } => match item.kind() {
                        ItemKind::ToolCall(call) => {
                            speech.items += 1;
                            calls.accept(bench, &item, call, speech.drafts.end(output_index))?;
                        }
                        _ => speech.item_done(bench, output_index, &item)?,
                    },
                    ResponseEvent::Completed(end) => {
                        speech.wants_to_continue = end.wants_to_continue;
                        return Ok(Outcome::Complete);
                    }
                    ResponseEvent::Incomplete { reason, .. } => return Ok(Outcome::Incomplete(reason)),
                    ResponseEvent::Steer(SteerOutcome::Applied { items }) => {
                        let heard = inbox.heard(&items);
                        inbox.tell(bench.conversation, heard)?;
                    }
                    ResponseEvent::Steer(SteerOutcome::Failed { items, .. }) => {
                        inbox.refused(&items);
                        calls.see_to_asides(bench, inbox)?;
                    }
                    other => speech.hear(bench, other)?,
                }
            }
        }
    }
}

/// How long an interrupted response may take to end in order, which keeps the chain (protocol.md 2.5).
const INTERRUPT_GRACE: Duration = Duration::from_millis(80);

/// Records what an interrupted response had completed. Nothing that it still calls for is run.
async fn end_of(
    stream: &mut BoxStream<'_, Result<ResponseEvent, TransportError>>,
    meter: &mut StepMeter,
    calls: &mut Calls,
    bench: &mut Bench<'_>,
    speech: &mut Speech,
) -> Result<(), Stop> {
    while let Some(Ok(event)) = stream.next().await {
        meter.observe(&event);
        match event {
            ResponseEvent::ItemDone { output_index, item } => match item.kind() {
                ItemKind::ToolCall(call) => calls.refuse_interrupted(bench, &item, call)?,
                _ => speech.item_done(bench, output_index, &item)?,
            },
            ResponseEvent::Completed(_) | ResponseEvent::Incomplete { .. } => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

fn record_call(
    calls: &mut Calls,
    bench: &mut Bench<'_>,
    attended: crate::calls::Attended,
    meter: &mut StepMeter,
) -> Result<(), Stop> {
    if let Some(took) = calls.record(bench, attended)? {
        meter.tool_took(took);
    }
    Ok(())
}

/// What the model says in a step, in its display form.
struct Speech {
    step: u32,
    live: bool,
    /// Messages and reasoning that have begun, by output index (C4.2).
    open: Vec<Open>,
    drafts: Drafts,
    message: Option<String>,
    items: usize,
    wants_to_continue: bool,
}

struct Open {
    output_index: u32,
    id: String,
    reasoning: bool,
    begun: Instant,
    /// The text of a message so far: kept should the connection break.
    text: String,
}

impl Speech {
    fn new(step: u32, live: bool) -> Self {
        Self {
            step,
            live,
            open: Vec::new(),
            drafts: Drafts::default(),
            message: None,
            items: 0,
            wants_to_continue: false,
        }
    }

    fn hear(&mut self, bench: &mut Bench<'_>, event: ResponseEvent) -> Result<(), Stop> {
        match event {
            ResponseEvent::ItemAdded { output_index, ref kind, .. }
                if kind == "message" || kind == "reasoning" =>
            {
                self.begin(bench, output_index, kind == "reasoning");
            }
            ResponseEvent::ItemAdded { name: Some(ref name), .. } => {
                bench.toolbox.expect(name);
                if self.live {
                    self.drafts.begin(bench, &event);
                }
            }
            ResponseEvent::Delta { output_index, part, delta } => {
                self.delta(bench, output_index, part, delta)?
            }
            ResponseEvent::Sent(sent) if self.live => {
                bench.conversation.publish(Event::RequestSent { transport: sent.transport })?;
            }
            ResponseEvent::Retry(retry) => {
                self.drafts.clear();
                bench.conversation.publish(Event::TransportRetry {
                    attempt: retry.attempt,
                    max: retry.max,
                    delay_ms: u64::try_from(retry.delay.as_millis()).unwrap_or(u64::MAX),
                    kind: retry.kind,
                    message: retry.message,
                })?
            }
            ResponseEvent::Fallback(fallback) => {
                bench.conversation.publish(Event::TransportFallback {
                    from: fallback.from,
                    to: fallback.to,
                    reason: fallback.reason,
                })?
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, bench: &mut Bench<'_>, output_index: u32, reasoning: bool) -> &mut Open {
        let id = bench.conversation.new_item_id();
        self.open.retain(|open| open.output_index != output_index);
        self.open.push(Open {
            output_index,
            id,
            reasoning,
            begun: Instant::now(),
            text: String::new(),
        });
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    fn delta(
        &mut self,
        bench: &mut Bench<'_>,
        output_index: u32,
        part: DeltaPart,
        mut delta: String,
    ) -> Result<(), Stop> {
        let field = match part {
            DeltaPart::Text | DeltaPart::Refusal => DeltaField::Text,
            DeltaPart::ReasoningSummary | DeltaPart::ReasoningText | DeltaPart::ReasoningBreak => {
                DeltaField::Reasoning
            }
            DeltaPart::CallInput => return Ok(self.drafts.delta(bench, output_index, &delta)?),
        };
        // A delta of an item that was never opened is only a preview that nobody sees.
        let Some(open) = self.open.iter_mut().find(|open| open.output_index == output_index) else {
            return Ok(());
        };
        if part == DeltaPart::ReasoningBreak {
            if open.text.is_empty() {
                return Ok(());
            }
            delta = "\n".to_owned();
        }
        open.text.push_str(&delta);
        if self.live {
            let item_id = open.id.clone();
            bench.conversation.publish(Event::ItemDelta { item_id, field, delta })?;
        }
        Ok(())
    }

    fn item_done(
        &mut self,
        bench: &mut Bench<'_>,
        output_index: u32,
        item: &Item,
    ) -> Result<(), Stop> {
        self.items += 1;
        let details = match item.kind() {
            ItemKind::Message { role: Role::Assistant, phase, text } => {
                self.message = Some(text.clone());
                let phase = phase.map(|phase| match phase {
                    Phase::Commentary => MessagePhase::Note,
                    Phase::FinalAnswer => MessagePhase::Final,
                });
                ItemDetails::AgentMessage { text: text.clone(), phase, partial: false }
            }
            ItemKind::Reasoning { summary } if !summary.is_empty() => {
                ItemDetails::Reasoning { text: summary.clone() }
            }
            ItemKind::WebSearch(search) => ItemDetails::WebSearch {
                query: search.query.clone(),
                action: search.action.clone(),
                search_id: search.id.clone(),
            },
            _ => {
                bench.conversation.publish_with(Event::WireRecorded {}, vec![item.clone()])?;
                return Ok(());
            }
        };
        let open = self.open.iter().position(|open| open.output_index == output_index);
        let open = open.map(|position| self.open.remove(position));
        let shown = ThreadItem {
            id: open
                .as_ref()
                .map_or_else(|| bench.conversation.new_item_id(), |open| open.id.clone()),
            details,
            call_id: None,
            step: Some(self.step),
            duration_ms: open
                .map(|open| u64::try_from(open.begun.elapsed().as_millis()).unwrap_or(u64::MAX)),
        };
        if matches!(shown.details, ItemDetails::WebSearch { .. }) {
            bench.conversation.publish(Event::ItemStarted { item: shown.clone(), rule: None })?;
        }
        bench
            .conversation
            .publish_with(Event::ItemCompleted { item: shown }, vec![item.clone()])?;
        Ok(())
    }

    /// The response is given up: what was shown of unfinished messages stays, marked. It does not enter the window.
    fn break_off(&mut self, bench: &mut Bench<'_>) -> Result<(), Stop> {
        for open in std::mem::take(&mut self.open) {
            if open.reasoning || open.text.is_empty() {
                continue;
            }
            let item = ThreadItem {
                id: open.id,
                details: ItemDetails::AgentMessage { text: open.text, phase: None, partial: true },
                call_id: None,
                step: Some(self.step),
                duration_ms: Some(
                    u64::try_from(open.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                ),
            };
            bench.conversation.publish(Event::ItemCompleted { item })?;
        }
        Ok(())
    }
}
