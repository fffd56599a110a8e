//! Shortening a conversation that nears the model's limit (protocol.md 5.6): by the server where it can, else by a
//! summary of the model's own. The old window stays in the rollout.

use std::time::Instant;

use agent_protocol::{Content, Event, Item, ItemDetails, ItemKind, Request, ResponseEvent, Role};
use agent_transport::TransportError;
use futures_util::StreamExt as _;

use crate::meter::StepMeter;
use crate::rollout::RolloutError;
use crate::thread::Thread;
use crate::turn::Stop;

/// What a provider can do about a long conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompactionStyle {
    /// A `compaction_trigger` item on the running chain; a summary where the endpoint does not know it (U17).
    Trigger,
    /// An ordinary request for a summary.
    Summary,
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

/// Replaces the window by a shorter one. Returns whether it did.
///
/// # Errors
/// When the person stops it, or the log cannot be written. A model that cannot or will not is no error: `Ok(false)`.
pub(crate) async fn run(thread: &mut Thread, reason: &str) -> Result<bool, Stop> {
    let before = thread.conversation.context_tokens();
    let core = match thread.compaction {
        CompactionStyle::Trigger => match by_trigger(thread).await? {
            Some(item) => Some(item),
            None => {
                thread.compaction = CompactionStyle::Summary;
                by_summary(thread).await?
            }
        },
        CompactionStyle::Summary => by_summary(thread).await?,
    };
    let Some(core) = core else { return Ok(false) };
    let window = shorter_window(thread, core);
    let after = window.iter().map(estimated_tokens).sum::<usize>() as u64;
    let compacted = Event::ContextCompacted {
        before_tokens: before,
        after_tokens: after,
        reason: reason.to_owned(),
    };
    thread.conversation.publish_with(compacted, window)?;
    Ok(true)
}

async fn by_trigger(thread: &mut Thread) -> Result<Option<Item>, Stop> {
    let trigger = Item::compaction_trigger();
    let items = ask(thread, trigger).await?;
    Ok(items.into_iter().find(|item| matches!(item.kind(), ItemKind::Compaction)))
}

async fn by_summary(thread: &mut Thread) -> Result<Option<Item>, Stop> {
    let items = ask(thread, Item::user(&[Content::text(SUMMARY_REQUEST)])).await?;
    let summary = items.iter().rev().find_map(|item| match item.kind() {
        ItemKind::Message { role: Role::Assistant, text, .. } if !text.trim().is_empty() => {
            Some(text)
        }
        _ => None,
    });
    Ok(summary
        .map(|summary| Item::user(&[Content::text(format!("{SUMMARY_HEADING}\n\n{summary}"))])))
}

/// One request for the window and `last` behind it. What it answers does not enter the window; an empty list when
/// the endpoint refuses or breaks off.
async fn ask(thread: &mut Thread, last: Item) -> Result<Vec<Item>, Stop> {
    thread.step += 1;
    let step = thread.step;
    thread.conversation.publish(Event::StepStarted { step })?;
    let Request { settings, window } = thread.conversation.request();
    let mut meter = StepMeter::new(step, &settings.fields().model, Instant::now());
    let request = Request { settings, window: window.with_last(last) };
    let answer = collect(thread, &request, &mut meter).await;
    meter.response_over();
    // The answer is no part of the conversation, so nothing may be chained to it.
    thread.conversation.new_epoch();
    let broken = !matches!(&answer, Ok(Ok(_)));
    thread.conversation.publish(Event::StepCompleted(meter.report(broken)))?;
    match answer? {
        Ok(items) => Ok(items),
        Err(error) => {
            note(thread, &format!("the conversation could not be shortened: {error}"))?;
            Ok(Vec::new())
        }
    }
}

async fn collect(
    thread: &mut Thread,
    request: &Request,
    meter: &mut StepMeter,
) -> Result<Result<Vec<Item>, TransportError>, Stop> {
    let cx = thread.step_context();
    let mut stream = cx.transport.respond(request, cx.control);
    let mut items = Vec::new();
    loop {
        tokio::select! {
            biased;
            asked = cx.inbox.attend() => asked?,
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

/// Instructions word for word, the person's latest messages, what stands for the rest, and the plan as it now is.
fn shorter_window(thread: &Thread, core: Item) -> Vec<Item> {
    let old = thread.conversation.window();
    let preamble = thread.conversation.preamble_len();
    let mut window: Vec<Item> = old.iter().take(preamble).cloned().collect();
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
    window.extend(messages.into_iter().rev());
    window.push(core);
    window.extend(thread.conversation.plan_item());
    window
}

fn is_from_person(item: &Item) -> bool {
    matches!(item.kind(), ItemKind::Message { role: Role::User, text, .. } if !text.starts_with(SUMMARY_HEADING))
}

/// Four bytes a token: good enough to decide what to keep.
fn estimated_tokens(item: &Item) -> usize {
    item.json().len().div_ceil(4)
}
