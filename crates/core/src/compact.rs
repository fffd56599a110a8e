//! Shortening a conversation that nears the model's limit (protocol.md 5.6): by the server where it can, else by a
//! summary of the model's own. The old window stays in the rollout.

use std::time::Instant;

use agent_protocol::{Content, Event, Item, ItemDetails, ItemKind, Request, ResponseEvent, Role};
use agent_transport::TransportError;
use futures_util::StreamExt as _;

use crate::asides;
use crate::calls::Bench;
use crate::meter::{StepMeter, TurnMeter};
use crate::rollout::RolloutError;
use crate::thread::Thread;
use crate::turn::Stop;

/// What a provider can do about a long conversation, the best first (U17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompactionStyle {
    /// A `compaction_trigger` item on the running chain.
    Trigger,
    /// `POST /responses/compact`.
    Endpoint,
    /// An ordinary request for a summary.
    Summary,
}

impl CompactionStyle {
    /// What is tried where this one is refused.
    fn next(self) -> Option<Self> {
        match self {
            Self::Trigger => Some(Self::Endpoint),
            Self::Endpoint => Some(Self::Summary),
            Self::Summary => None,
        }
    }
}

/// What came of one try.
enum Tried {
    /// It stands for all that was said.
    Core(Item),
    /// A whole window, to be used as it is (protocol.md 5.6).
    Window(Vec<Item>),
    /// The provider does not know this style, or did not do as asked.
    Refused(String),
    /// It may succeed another time.
    Failed(String),
}

pub(crate) const ASKED_FOR: &str = "asked for";
pub(crate) const NEARLY_FULL: &str = "the context window is nearly full";

/// Tokens of the person's own messages that are kept word for word, the newest first.
const KEPT_MESSAGE_TOKENS: usize = 20_000;

const SUMMARY_REQUEST: &str = "\
Context is running out, so this conversation will be replaced by a summary that you write now. Do not call any tool. \
Write for yourself as the one who goes on: the task and its constraints in the person's own terms, what was found out \
(files, functions, commands and their results), every change made so far and its state, what failed and why, decisions \
taken, and the exact next steps. Name paths, identifiers and numbers exactly. Leave nothing out that would have to be \
found out again.";

const SUMMARY_HEADING: &str =
    "The conversation up to here was replaced by this summary, written by you. Go on from it.";

/// Replaces the window by a shorter one. Returns whether it did. What it asks of the model counts for the turn of `turn`.
///
/// # Errors
/// When the person stops it, or the log cannot be written. A model that cannot or will not is no error: `Ok(false)`.
pub(crate) async fn run(
    thread: &mut Thread,
    turn: &mut TurnMeter,
    reason: &str,
) -> Result<bool, Stop> {
    let before = thread.conversation.context_tokens();
    thread.conversation.publish(Event::ContextCompacting { reason: reason.to_owned() })?;
    let window = match shorter_window(thread, turn).await {
        Ok(Some(window)) => window,
        Ok(None) => {
            thread.conversation.publish(Event::ContextKept { stopped: false })?;
            return Ok(false);
        }
        Err(Stop::Log(error)) => return Err(error.into()),
        Err(stop) => {
            thread.conversation.publish(Event::ContextKept { stopped: true })?;
            return Err(stop);
        }
    };
    let after = settings_tokens(thread) + window.iter().map(estimated_tokens).sum::<usize>();
    let compacted = Event::ContextCompacted {
        before_tokens: before,
        after_tokens: after as u64,
        reason: reason.to_owned(),
    };
    thread.conversation.publish_with(compacted, window)?;
    Ok(true)
}

/// By the first style that works. One that was refused is not tried again in this thread.
async fn shorter_window(
    thread: &mut Thread,
    turn: &mut TurnMeter,
) -> Result<Option<Vec<Item>>, Stop> {
    let mut style = thread.compaction;
    loop {
        let problem = match by(thread, turn, style).await? {
            Tried::Core(core) => return Ok(Some(around(thread, core))),
            Tried::Window(items) => return Ok(Some(beside(thread, items))),
            Tried::Refused(problem) => {
                thread.compaction = style.next().unwrap_or(style);
                problem
            }
            Tried::Failed(problem) => problem,
        };
        let Some(next) = style.next() else {
            note(thread, &format!("the conversation could not be shortened: {problem}"))?;
            return Ok(None);
        };
        style = next;
    }
}

async fn by(
    thread: &mut Thread,
    turn: &mut TurnMeter,
    style: CompactionStyle,
) -> Result<Tried, Stop> {
    let asked = match style {
        CompactionStyle::Trigger => Asked::With(Item::compaction_trigger()),
        CompactionStyle::Endpoint => Asked::Endpoint,
        CompactionStyle::Summary => Asked::With(Item::user(&[Content::text(SUMMARY_REQUEST)])),
    };
    let items = match ask(thread, turn, asked).await? {
        Ok(items) => items,
        Err(error) if error.is_retryable() => return Ok(Tried::Failed(error.to_string())),
        Err(error) => return Ok(Tried::Refused(error.to_string())),
    };
    let core = match style {
        CompactionStyle::Trigger => {
            items.into_iter().find(|item| matches!(item.kind(), ItemKind::Compaction))
        }
        CompactionStyle::Endpoint if items.is_empty() => None,
        CompactionStyle::Endpoint => return Ok(Tried::Window(items)),
        CompactionStyle::Summary => summary_in(&items),
    };
    let nothing = || Tried::Refused("the model answered with something else".to_owned());
    Ok(core.map_or_else(nothing, Tried::Core))
}

fn summary_in(items: &[Item]) -> Option<Item> {
    let summary = items.iter().rev().find_map(|item| match item.kind() {
        ItemKind::Message { role: Role::Assistant, text, .. } if !text.trim().is_empty() => {
            Some(text)
        }
        _ => None,
    })?;
    Some(Item::user(&[Content::text(format!("{SUMMARY_HEADING}\n\n{summary}"))]))
}

/// How the endpoint is asked.
enum Asked {
    /// For an answer to the window with this item behind it.
    With(Item),
    /// For another window.
    Endpoint,
}

/// One request. What it answers does not enter the window.
async fn ask(
    thread: &mut Thread,
    turn: &mut TurnMeter,
    asked: Asked,
) -> Result<Result<Vec<Item>, TransportError>, Stop> {
    thread.step += 1;
    let step = thread.step;
    thread.conversation.publish(Event::StepStarted { step })?;
    let request = thread.conversation.request();
    let mut meter = StepMeter::new(step, &request.settings.fields().model, Instant::now());
    let answer = collect(thread, request, asked, &mut meter).await;
    meter.response_over();
    // The answer is no part of the conversation, so nothing may be chained to it.
    thread.conversation.new_epoch();
    let broken = !matches!(&answer, Ok(Ok(_)));
    let report = meter.report(broken);
    turn.add(&report);
    thread.conversation.publish(Event::StepCompleted(report))?;
    answer
}

async fn collect(
    thread: &mut Thread,
    mut request: Request,
    asked: Asked,
    meter: &mut StepMeter,
) -> Result<Result<Vec<Item>, TransportError>, Stop> {
    let mut cx = thread.step_context();
    let mut stream = match asked {
        Asked::With(last) => {
            request.window = request.window.with_last(last);
            cx.transport.respond(&request, cx.control)
        }
        Asked::Endpoint => cx.transport.compact(&request, cx.control),
    };
    let mut items = Vec::new();
    loop {
        tokio::select! {
            biased;
            asked = cx.inbox.attend() => {
                asked?;
                let Bench { conversation, toolbox, policy, .. } = &mut cx.bench;
                asides::see_to(conversation, toolbox, policy, cx.inbox)?;
            }
            event = stream.next() => {
                let event = match event {
                    Some(Ok(event)) => event,
                    Some(Err(error)) => return Ok(Err(error)),
                    None => return Ok(Ok(items)),
                };
                meter.observe(&event);
                match event {
                    ResponseEvent::ItemDone { item, .. } => items.push(item),
                    ResponseEvent::Completed(_) | ResponseEvent::Incomplete { .. } => return Ok(Ok(items)),
                    _ => {}
                }
            }
        }
    }
}

fn note(thread: &mut Thread, message: &str) -> Result<(), RolloutError> {
    thread.conversation.publish_item(ItemDetails::Error { message: message.to_owned() }, vec![])
}

/// Instructions word for word, the person's latest messages, what stands for the rest, and what was done so far.
fn around(thread: &Thread, core: Item) -> Vec<Item> {
    let mut window = preamble(thread);
    window.extend(latest_messages(thread));
    window.push(core);
    window.extend(state(thread));
    window
}

/// The endpoint's own window, whole and unchanged, and beside it whatever of ours it left out.
fn beside(thread: &Thread, items: Vec<Item>) -> Vec<Item> {
    let preamble = preamble(thread);
    let says = |item: &Item, other: &Item| item.kind() == other.kind();
    let is_kept = items.len() >= preamble.len()
        && preamble.iter().zip(&items).all(|(ours, theirs)| says(ours, theirs));
    let mut window = if is_kept { Vec::new() } else { preamble };
    let last = latest_messages(thread).pop();
    let last = last.filter(|last| !items.iter().any(|item| says(item, last)));
    window.extend(items);
    window.extend(last);
    window.extend(state(thread));
    window
}

fn preamble(thread: &Thread) -> Vec<Item> {
    let (window, preamble) = (thread.conversation.window(), thread.conversation.preamble_len());
    window.iter().take(preamble).cloned().collect()
}

/// The plan as it now is, and the diffs of what was patched.
fn state(thread: &Thread) -> impl Iterator<Item = Item> {
    let conversation = &thread.conversation;
    conversation.changes_item().into_iter().chain(conversation.plan_item())
}

/// Of the person's own messages the newest, in their order.
fn latest_messages(thread: &Thread) -> Vec<Item> {
    let old = thread.conversation.window();
    let preamble = thread.conversation.preamble_len();
    let mut messages = Vec::new();
    let mut room = KEPT_MESSAGE_TOKENS;
    let all: Vec<&Item> = old.from(preamble).filter(|item| is_from_person(item)).collect();
    for item in all.into_iter().rev() {
        let tokens = estimated_tokens(item);
        // What was asked for last stays, however long it is.
        if tokens > room && !messages.is_empty() {
            break;
        }
        room = room.saturating_sub(tokens);
        messages.push(item.clone());
    }
    messages.reverse();
    messages
}

fn is_from_person(item: &Item) -> bool {
    matches!(item.kind(), ItemKind::Message { role: Role::User, text, .. } if !text.starts_with(SUMMARY_HEADING))
}

/// What every request carries beside the window, instructions and tools above all: it is in the number before, so it has
/// to be in the one after.
fn settings_tokens(thread: &Thread) -> usize {
    estimated(thread.conversation.settings().json())
}

fn estimated_tokens(item: &Item) -> usize {
    estimated(item.json())
}

/// Four bytes a token: good enough to decide what to keep, and to say what is left.
fn estimated(json: &str) -> usize {
    json.len().div_ceil(4)
}
