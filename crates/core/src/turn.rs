//! The agent loop: ask the model, do what it calls for, tell it what came of it, until it calls for nothing.

use std::time::{Duration, Instant};

use agent_protocol::{
    BudgetKind, Content, ErrorKind, Event, Item, ItemDetails, TurnCompleted, TurnError, TurnFailed,
};
use agent_transport::TransportError;

use crate::compact;
use crate::meter::{StepMeter, TurnMeter};
use crate::rollout::RolloutError;
use crate::step::{self, Outcome, StepEnd};
use crate::thread::Thread;

/// Why a turn stops before the model is done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error("interrupted")]
    Interrupted,
    #[error("{}", .0.message)]
    Failed(TurnError),
    /// The limit of seconds was reached, whatever was under way.
    #[error("out of time")]
    OutOfTime,
    /// Nothing may be done that cannot be recorded.
    #[error(transparent)]
    Log(#[from] RolloutError),
}

/// Steps in a row that a model may ask for without calling anything (C4.4).
const CONTINUATIONS: u32 = 20;

/// The last message of the model in a turn.
#[derive(Default)]
struct Answer {
    text: String,
    /// Whether it fits what was asked for; none when nothing was.
    is_valid: Option<bool>,
}

/// Runs one turn from the person's message to its terminal event. Where the log cannot be written the turn fails, and
/// the person has back what the model has not heard.
///
/// # Errors
/// None but those of the log, and when it cannot be written what is published is owed to it.
pub(crate) async fn run(thread: &mut Thread, message: Vec<Content>) -> Result<(), RolloutError> {
    let mut meter = TurnMeter::new(thread.process_started.take());
    let Err(error) = recorded(thread, message, &mut meter).await else { return Ok(()) };
    thread.conversation.stop_recording();
    thread.close_open_calls("interrupted: outcome unknown, it could not be recorded")?;
    thread.conversation.close_plan()?;
    if !thread.sessions_outlive_turns {
        thread.reap().await?;
    }
    let failure = TurnError {
        message: format!("{error}; nothing is done that cannot be recorded"),
        kind: ErrorKind::Internal,
        retryable: false,
        http_status: None,
        provider_code: None,
        request_id: None,
    };
    let failed = failed_turn(thread, failure, &meter);
    thread.conversation.publish(failed)?;
    thread.unrecorded = Some(error);
    thread.give_all_back()?;
    thread.lookout.turn_ends().await;
    Ok(())
}

fn failed_turn(thread: &Thread, error: TurnError, meter: &TurnMeter) -> Event {
    Event::TurnFailed(TurnFailed {
        error,
        usage: thread.conversation.usage(),
        turn_usage: meter.usage,
        duration_ms: meter.elapsed_ms(),
        steps: meter.steps,
        timing: meter.timing,
        network: meter.network,
    })
}

async fn recorded(
    thread: &mut Thread,
    message: Vec<Content>,
    meter: &mut TurnMeter,
) -> Result<(), RolloutError> {
    let begun = thread.conversation.record_again();
    let begun = begun.and_then(|()| thread.conversation.publish(Event::TurnStarted {}));
    if let Err(error) = begun {
        thread.inbox.put_back(message);
        return Err(error);
    }
    thread.unrecorded = None;
    let is_under_way = thread.toolbox().runs_something();
    thread.lookout.turn_begins(thread.conversation.turn(), is_under_way);
    let mut answer = Answer::default();
    thread
        .inbox
        .limit(thread.limits.seconds.and_then(|limit| Duration::try_from_secs_f64(limit).ok()));
    let mut end = steps(thread, message, meter, &mut answer).await;
    thread.inbox.limit(None);
    if let Err(Stop::OutOfTime) = end {
        let out_of_time = || Err(failed(ErrorKind::Budget, "stopped at the limit of seconds"));
        end = check_limits(thread, meter).and_then(|()| out_of_time());
    }
    thread.conversation.close_plan()?;
    if !thread.sessions_outlive_turns {
        thread.reap().await?;
    }
    // A turn may end before anybody looked for what is beside it.
    thread.see_to_asides()?;
    if let Some(message) = thread.lookout.take_trouble() {
        thread.conversation.publish_item(ItemDetails::Error { message }, vec![])?;
    }
    let closing = match end {
        Ok(()) => thread.conversation.publish(Event::TurnCompleted(TurnCompleted {
            usage: thread.conversation.usage(),
            turn_usage: meter.usage,
            cost_usd: thread.price.map(|price| price.of(&meter.usage)),
            duration_ms: meter.elapsed_ms(),
            steps: meter.steps,
            final_message: answer.text,
            timing: meter.timing,
            network: meter.network,
            schema_valid: answer.is_valid,
        })),
        Err(Stop::Log(error)) => return Err(error),
        Err(stop) => {
            let error = match stop {
                Stop::Failed(error) => error,
                _ => TurnError {
                    message: "interrupted".to_owned(),
                    kind: ErrorKind::Interrupted,
                    retryable: true,
                    http_status: None,
                    provider_code: None,
                    request_id: None,
                },
            };
            thread.close_open_calls("interrupted: this call was stopped before it was done")?;
            let failed = failed_turn(thread, error, meter);
            thread.conversation.publish(failed)
        }
    };
    closing?;
    thread.conversation.sync()?;
    thread.lookout.turn_ends().await;
    Ok(())
}

async fn steps(
    thread: &mut Thread,
    message: Vec<Content>,
    meter: &mut TurnMeter,
    answer: &mut Answer,
) -> Result<(), Stop> {
    thread.tell(vec![message])?;
    let mut idle_since = Instant::now();
    // In a row: what is completed fills the patience up again (protocol.md 6.4).
    let mut breaks = 0;
    let mut continuations = 0;
    let mut overflowed = false;
    loop {
        check_limits(thread, meter)?;
        let asked_for = thread.inbox.take_compacts();
        if asked_for || thread.is_nearly_full() {
            let reason = if asked_for { compact::ASKED_FOR } else { compact::NEARLY_FULL };
            compact::run(thread, meter, reason).await?;
            check_limits(thread, meter)?;
        }
        let end = one_step(thread, meter, idle_since).await?;
        idle_since = Instant::now();
        if let Some(message) = end.message {
            answer.text = message;
        }
        let again = match end.outcome {
            Outcome::Complete => {
                breaks = 0;
                false
            }
            Outcome::Incomplete(reason) => resumes_after(&reason)?,
            Outcome::Broken(error) if error.kind() == ErrorKind::ContextOverflow && !overflowed => {
                overflowed = true;
                let reason = "the model refused the conversation as too long";
                if !compact::run(thread, meter, reason).await? {
                    return Err(Stop::Failed(turn_error(&error)));
                }
                true
            }
            Outcome::Broken(error) => {
                // Before its first item the transport has tried again by itself already. What the server may have finished
                // all the same cannot be fetched (C6.3): the model is asked anew.
                breaks += 1;
                let delay = error.wait_before(breaks).filter(|_| end.items > 0);
                let Some(delay) = delay else { return Err(Stop::Failed(turn_error(&error))) };
                thread.conversation.publish(Event::TransportRetry {
                    attempt: breaks,
                    max: 0,
                    delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                    kind: error.kind(),
                    message: error.to_string(),
                })?;
                wait(thread, delay).await?;
                true
            }
        };
        let messages = thread.inbox.take_messages();
        continuations =
            if end.wants_to_continue && !end.made_calls { continuations + 1 } else { 0 };
        let goes_on = end.wants_to_continue && continuations <= CONTINUATIONS;
        if !end.made_calls
            && messages.is_empty()
            && !goes_on
            && !again
            && !is_repaired(thread, answer)?
        {
            return Ok(());
        }
        thread.tell(messages)?;
    }
}

/// Checks the answer, and tells the model of a first one that does not fit. Whether it is to answer again.
fn is_repaired(thread: &mut Thread, answer: &mut Answer) -> Result<bool, Stop> {
    let Some(check) = &thread.answer_check else { return Ok(false) };
    let checked = check.check(&answer.text);
    let is_first = answer.is_valid.replace(checked.is_ok()).is_none();
    let Err(problem) = checked else { return Ok(false) };
    if is_first {
        let text = format!(
            "Your answer does not fit the JSON Schema that was asked for: {problem}\nAnswer again with the whole answer as JSON that fits, and nothing else."
        );
        thread.conversation.publish_with(Event::WireRecorded {}, vec![Item::developer(&text)])?;
    }
    Ok(is_first)
}

/// One step with its place in the log: whatever happens in it, `step.completed` closes it.
async fn one_step(
    thread: &mut Thread,
    meter: &mut TurnMeter,
    idle_since: Instant,
) -> Result<StepEnd, Stop> {
    thread.step += 1;
    let step = thread.step;
    let model = thread.conversation.settings().fields().model.clone();
    let mut step_meter = StepMeter::new(step, &model, idle_since);
    let end = step::run(&mut thread.step_context(), step, &mut step_meter).await;
    if end.is_err() {
        thread.close_open_calls("interrupted: this call was stopped before it was done")?;
    }
    let broken = !matches!(&end, Ok(StepEnd { outcome: Outcome::Complete, .. }));
    let report = step_meter.report(broken);
    meter.add(&report);
    thread.conversation.publish(Event::StepCompleted(report))?;
    // R2: results are on the disk before they are sent.
    thread.conversation.sync()?;
    end
}

/// Waits as long as asked, unless the person stops it.
async fn wait(thread: &mut Thread, delay: Duration) -> Result<(), Stop> {
    let elapsed = tokio::time::sleep(delay);
    tokio::pin!(elapsed);
    loop {
        tokio::select! {
            () = &mut elapsed => return Ok(()),
            asked = thread.inbox.attend() => {
                asked?;
                thread.see_to_asides()?;
            }
        }
    }
}

/// Whether a response cut short for this reason is gone on with.
fn resumes_after(reason: &str) -> Result<bool, Stop> {
    match reason {
        "steered" | "interrupted" => Ok(true),
        "max_output_tokens" => Err(failed(
            ErrorKind::OutputTruncated,
            "the model's answer was cut off: it reached the limit of output tokens",
        )),
        other => {
            Err(failed(ErrorKind::Server, &format!("the server cut the answer short: {other}")))
        }
    }
}

fn failed(kind: ErrorKind, message: &str) -> Stop {
    Stop::Failed(TurnError {
        message: message.to_owned(),
        kind,
        retryable: false,
        http_status: None,
        provider_code: None,
        request_id: None,
    })
}

fn turn_error(error: &TransportError) -> TurnError {
    let api = error.api();
    TurnError {
        message: error.to_string(),
        kind: error.kind(),
        retryable: error.is_retryable(),
        http_status: api.and_then(|api| api.status),
        provider_code: api.map(|api| api.code().to_owned()).filter(|code| !code.is_empty()),
        request_id: api.and_then(|api| api.request_id.clone()),
    }
}

/// Stops the turn at a limit, and says so at 80 % of it.
fn check_limits(thread: &mut Thread, meter: &TurnMeter) -> Result<(), Stop> {
    let limits = thread.limits.clone();
    let tokens = meter.usage.input_tokens + meter.usage.output_tokens;
    let cost = thread.price.map_or(0.0, |price| price.of(&meter.usage));
    let used = [
        (BudgetKind::Steps, f64::from(meter.steps), limits.steps.map(f64::from), "steps"),
        (BudgetKind::Seconds, meter.elapsed().as_secs_f64(), limits.seconds, "seconds"),
        (BudgetKind::Tokens, tokens as f64, limits.tokens.map(|tokens| tokens as f64), "tokens"),
        (BudgetKind::Usd, cost, limits.usd, "US dollars"),
    ];
    for (kind, used, limit, word) in used {
        let Some(limit) = limit else { continue };
        if used >= limit {
            thread.conversation.publish(Event::Budget { kind, used, limit })?;
            let word = if limit == 1.0 { word.trim_end_matches('s') } else { word };
            return Err(failed(
                ErrorKind::Budget,
                &format!("stopped at the limit of {limit} {word}"),
            ));
        }
        if used >= 0.8 * limit && thread.warned.insert(kind) {
            thread.conversation.publish(Event::Budget { kind, used, limit })?;
        }
    }
    Ok(())
}
