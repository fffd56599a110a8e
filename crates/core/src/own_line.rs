//! A command line of the person's own: run like the model's, in the sandbox, without a question; the model reads what
//! came of it with the next message.

use std::time::Instant;

use agent_protocol::{
    CallForm, Content, DeltaField, Event, Item, ItemDetails, Status, ThreadItem, ToolCall,
};
use agent_tools::{Prepared, Progress, ToolOutput};

use crate::rollout::RolloutError;
use crate::thread::Thread;

/// How long it may run before it goes on in the background.
const PATIENCE_MS: u64 = 120_000;

/// Runs it, until it ends or the person stops it.
///
/// # Errors
/// Only when the log cannot be written.
pub(crate) async fn run(thread: &mut Thread, line: String) -> Result<(), RolloutError> {
    thread.conversation.record_again()?;
    let id = thread.conversation.new_item_id();
    let input = serde_json::json!({"cmd": line, "yield_time_ms": PATIENCE_MS}).to_string();
    let call = ToolCall {
        call_id: format!("own-{id}"),
        name: "exec_command".to_owned(),
        namespace: None,
        form: CallForm::Function,
        input,
    };
    let prepared = match thread.toolbox().prepare(&call) {
        Ok(prepared) => prepared,
        Err(rejection) => {
            let details = ItemDetails::Error { message: rejection.message };
            return thread.conversation.publish_item(details, vec![]);
        }
    };
    let mut item = ThreadItem {
        id,
        details: prepared.details.clone(),
        call_id: None,
        step: None,
        duration_ms: None,
    };
    thread.conversation.publish(Event::ItemStarted { item: item.clone(), rule: None })?;
    let ended = perform(thread, &mut item, prepared, &line).await;
    if ended.is_err() {
        // It is shown as running, and the disk knows nothing of its end.
        thread.conversation.stop_recording();
        let output = stopped(&item, thread.conversation.printed(&item.id));
        record(thread, &mut item, output, &line)?;
    }
    ended?;
    thread.see_to_asides()
}

/// What was stopped has no time of its own, by which it is told from what failed.
async fn perform(
    thread: &mut Thread,
    item: &mut ThreadItem,
    prepared: Prepared,
    line: &str,
) -> Result<(), RolloutError> {
    thread.conversation.sync()?;
    let begun = Instant::now();
    let (says, mut said) = Progress::channel();
    let mut work = prepared.perform(says);
    let output = loop {
        tokio::select! {
            biased;
            asked = thread.inbox.attend() => match asked {
                Ok(()) => thread.see_to_asides()?,
                Err(_) => break stopped(item, thread.conversation.printed(&item.id)),
            },
            Some(Progress::Output(delta)) = said.recv() => {
                let item_id = item.id.clone();
                let delta = Event::ItemDelta { item_id, field: DeltaField::Output, delta };
                thread.conversation.publish(delta)?;
            }
            output = &mut work => {
                let took = begun.elapsed().as_millis();
                item.duration_ms = Some(u64::try_from(took).unwrap_or(u64::MAX));
                break output;
            }
        }
    };
    drop(work);
    record(thread, item, output, line)
}

fn record(
    thread: &mut Thread,
    item: &mut ThreadItem,
    mut output: ToolOutput,
    line: &str,
) -> Result<(), RolloutError> {
    thread.toolbox().secret_values().remove_from(&mut output);
    let text = output.content.iter().filter_map(|part| match part {
        Content::Text { text } => Some(text.as_str()),
        Content::Image { .. } => None,
    });
    let text = text.collect::<Vec<_>>().join("\n");
    let text = format!("I ran this command line myself:\n$ {line}\n{text}");
    item.details = output.details;
    let completed = Event::ItemCompleted { item: item.clone() };
    thread.conversation.publish_with(completed, vec![Item::user(&[Content::text(text)])])?;
    thread.conversation.sync()
}

fn stopped(item: &ThreadItem, printed: &str) -> ToolOutput {
    let mut details = item.details.clone();
    if let ItemDetails::CommandExecution(command) = &mut details {
        command.status = Status::Failed;
        printed.clone_into(&mut command.aggregated_output);
    }
    let text = match printed.trim_end() {
        "" => "I stopped it before it was done.".to_owned(),
        printed => format!("{printed}\nI stopped it before it was done."),
    };
    ToolOutput { content: vec![Content::text(text)], details, success: false, rejected: None }
}
