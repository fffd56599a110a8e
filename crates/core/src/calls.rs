//! The tool calls of one step: understood, permitted, performed, recorded. They start while the response still
//! streams and run at once, save that an edit has its place among them: what was called before it is over when it begins,
//! and what was called after it finds it done. What the person is asked about is in `questions.rs`.

mod questions;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_protocol::{
    Action, Content, DeltaField, Event, Item, ItemDetails, RejectReason, Status, ThreadItem,
    ToolCall,
};
use agent_tools::{Policy, Prepared, Progress, Question, ToolOutput, Toolbox, Verdict};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;

use crate::conversation::Conversation;
use crate::lookout::{Lookout, Watched};
use crate::rollout::RolloutError;
use crate::turn::Stop;
use crate::undo::Work;

/// What a call needs around it.
pub(crate) struct Bench<'a> {
    pub(crate) conversation: &'a mut Conversation,
    pub(crate) toolbox: &'a Toolbox,
    pub(crate) policy: &'a mut Policy,
    pub(crate) lookout: &'a mut Lookout,
}

/// Dropping it ends every call that runs.
pub(crate) struct Calls {
    step: u32,
    /// Need the person's word; asked one at a time, in call order.
    asked: VecDeque<(Call, Question)>,
    /// Permitted, but not before others are over.
    queued: VecDeque<Call>,
    running: FuturesUnordered<BoxFuture<'static, Finished>>,
    /// What is asked about, queued or running, in call order, and whether it edits files.
    open: BTreeMap<usize, bool>,
    progress: (mpsc::UnboundedSender<Said>, mpsc::UnboundedReceiver<Said>),
    count: usize,
}

struct Call {
    /// The how many-th of its step.
    number: usize,
    call: ToolCall,
    item: ThreadItem,
    prepared: Prepared,
}

struct Finished {
    number: usize,
    call: ToolCall,
    item: ThreadItem,
    output: ToolOutput,
    took: Duration,
    /// The time in which it may have changed something.
    working: Option<(usize, Arc<Work>)>,
}

/// Output of the call shown as the item of this id.
struct Said {
    item_id: String,
    text: String,
}

impl From<Said> for Event {
    fn from(Said { item_id, text }: Said) -> Self {
        Self::ItemDelta { item_id, field: DeltaField::Output, delta: text }
    }
}

impl Calls {
    pub(crate) fn new(step: u32) -> Self {
        Self {
            step,
            asked: VecDeque::new(),
            queued: VecDeque::new(),
            running: FuturesUnordered::new(),
            open: BTreeMap::new(),
            progress: mpsc::unbounded_channel(),
            count: 0,
        }
    }

    /// How many calls the step made, refused ones included.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn all_done(&self) -> bool {
        self.asked.is_empty() && self.queued.is_empty() && self.running.is_empty()
    }

    /// Takes a call as its item arrives. It starts at once when nothing speaks against it; whatever does is the
    /// output the model reads. `drawn_as` is the id under which it was shown while it was written.
    pub(crate) fn accept(
        &mut self,
        bench: &mut Bench<'_>,
        item: &Item,
        call: &ToolCall,
        drawn_as: Option<String>,
    ) -> Result<(), Stop> {
        self.count += 1;
        if bench.conversation.knows_call(&call.call_id) {
            let message = format!(
                "a call with the id {} was made before; it did not run again",
                call.call_id
            );
            return reject(
                bench,
                Some(item),
                call,
                Refused::because(RejectReason::BadArguments, message),
            );
        }
        bench.toolbox.expect(&call.name);
        let prepared = match bench.toolbox.prepare(call) {
            Ok(prepared) => prepared,
            Err(rejection) => {
                let refused = Refused::because(rejection.reason, rejection.message);
                return reject(bench, Some(item), call, refused);
            }
        };
        if matches!(prepared.action, Action::Note) {
            return self.note(bench, item, call, prepared);
        }
        let (rule, question) = match bench.policy.judge(&prepared.action) {
            Verdict::Allow { rule } => (Some(rule), None),
            Verdict::Ask(question) => (None, Some(question)),
            Verdict::Deny { reason, rule, because } => {
                let refused = Refused { reason: because, message: reason, rule: Some(rule) };
                return reject(bench, Some(item), call, refused);
            }
        };
        let shown = ThreadItem {
            id: drawn_as.unwrap_or_else(|| bench.conversation.new_item_id()),
            details: prepared.details.clone(),
            call_id: Some(call.call_id.clone()),
            step: Some(self.step),
            duration_ms: None,
        };
        let started = Event::ItemStarted { item: shown.clone(), rule };
        bench.conversation.publish_with(started, vec![item.clone()])?;
        let call = Call { number: self.count, call: call.clone(), item: shown, prepared };
        self.open.insert(call.number, call.edits());
        let Some(question) = question else { return self.start(bench, call) };
        self.asked.push_back((call, question));
        if self.asked.len() == 1 { self.ask(bench) } else { Ok(()) }
    }

    /// A call that came after the person had stopped the response: it does not run.
    pub(crate) fn refuse_interrupted(
        &mut self,
        bench: &mut Bench<'_>,
        item: &Item,
        call: &ToolCall,
    ) -> Result<(), Stop> {
        self.count += 1;
        let message = "interrupted: this call did not run".to_owned();
        reject(bench, Some(item), call, Refused::because(RejectReason::Policy, message))
    }

    /// A call that only records something: done in the moment it is made. A plan is one item that lives as long as
    /// its turn (exec-json.md 3, `todo_list`).
    fn note(
        &mut self,
        bench: &mut Bench<'_>,
        item: &Item,
        call: &ToolCall,
        prepared: Prepared,
    ) -> Result<(), Stop> {
        let (progress, _) = Progress::channel();
        let Some(output) = prepared.perform(progress).now_or_never() else {
            let message = "this tool has to be waited for".to_owned();
            return reject(
                bench,
                Some(item),
                call,
                Refused::because(RejectReason::BadArguments, message),
            );
        };
        let wire = vec![item.clone(), Item::output(call, &output.content)];
        bench.conversation.publish_plan(output.details, self.step, wire)?;
        Ok(())
    }

    fn start(&mut self, bench: &mut Bench<'_>, call: Call) -> Result<(), Stop> {
        if !self.is_its_turn(&call) {
            self.queued.push_back(call);
            return Ok(());
        }
        let may_change = matches!(
            call.prepared.action,
            Action::Run { .. } | Action::Edit { .. } | Action::Attend { .. }
        );
        let watched = may_change.then(|| bench.lookout.before_change());
        if may_change {
            // R2: the intent is on the disk before anything that leaves a trace begins.
            bench.conversation.sync()?;
        }
        self.running.push(Box::pin(perform(call, self.progress.0.clone(), watched)));
        Ok(())
    }

    /// An edit waits for all calls before it, and all calls wait for the edits before them: whoever changes a file and
    /// then runs its tests means that order.
    fn is_its_turn(&self, call: &Call) -> bool {
        let mut earlier = self.open.range(..call.number);
        if call.edits() { earlier.next().is_none() } else { !earlier.any(|(_, edits)| *edits) }
    }

    /// A call is over, or will never run; what waited for it may begin.
    fn is_over(&mut self, bench: &mut Bench<'_>, number: usize) -> Result<(), Stop> {
        self.open.remove(&number);
        for call in std::mem::take(&mut self.queued) {
            self.start(bench, call)?;
        }
        Ok(())
    }

    /// Waits until a call is done or says something, and records it; pends while none runs. Returns how long the
    /// call took when one was done. Cancel safe.
    pub(crate) async fn attend(&mut self) -> Attended {
        let Self { running, progress, .. } = self;
        tokio::select! {
            biased;
            // First, as one that ends must not wait for others that print without end.
            Some(finished) = running.next(), if !running.is_empty() => Attended(Happened::Finished(Box::new(finished))),
            Some(said) = progress.1.recv() => Attended(Happened::Said(said)),
        }
    }

    /// Records what [`Calls::attend`] saw.
    pub(crate) fn record(
        &mut self,
        bench: &mut Bench<'_>,
        attended: Attended,
    ) -> Result<Option<Duration>, Stop> {
        let finished = match attended.0 {
            Happened::Said(said) => {
                bench.conversation.publish(said.into())?;
                return Ok(None);
            }
            Happened::Finished(finished) => *finished,
        };
        // What it said is said before it is over.
        while let Ok(said) = self.progress.1.try_recv() {
            bench.conversation.publish(said.into())?;
        }
        let Finished { number, call, item, mut output, took, working } = finished;
        // What goes on in the background is at work as long as the turn.
        if let Some((span, work)) = working.filter(|_| !bench.toolbox.runs_something()) {
            work.end(span);
        }
        bench.toolbox.secret_values().remove_from(&mut output);
        let item = ThreadItem {
            details: output.details,
            duration_ms: Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            ..item
        };
        let wire = vec![Item::output(&call, &output.content)];
        let remark = bench.toolbox.remark(&item.details);
        bench.conversation.publish_with(Event::ItemCompleted { item }, wire)?;
        if let Some(message) = remark {
            bench.conversation.publish_item(ItemDetails::Error { message }, vec![])?;
        }
        if let Some(reason) = output.rejected {
            reject(bench, None, &call, Refused::because(reason, text_of(&output.content)))?;
        }
        self.is_over(bench, number)?;
        Ok(Some(took))
    }
}

impl Call {
    fn edits(&self) -> bool {
        matches!(self.prepared.action, Action::Edit { .. })
    }
}

/// Something a running call did.
pub(crate) struct Attended(Happened);

enum Happened {
    Said(Said),
    Finished(Box<Finished>),
}

async fn perform(
    call: Call,
    progress: mpsc::UnboundedSender<Said>,
    watched: Option<Watched>,
) -> Finished {
    let mut working = None;
    if let Some(Watched { before, work }) = watched {
        before.await;
        working = Some((work.begin(), work));
    }
    let Call { number, call, item, prepared } = call;
    let begun = Instant::now();
    let (says, mut said) = Progress::channel();
    let mut work = prepared.perform(says);
    let pass_on = |Progress::Output(text)| {
        let _ = progress.send(Said { item_id: item.id.clone(), text });
    };
    let output = loop {
        tokio::select! {
            biased;
            // First, as its time may be up while it says more and more.
            output = &mut work => break output,
            Some(more) = said.recv() => pass_on(more),
        }
    };
    while let Ok(more) = said.try_recv() {
        pass_on(more);
    }
    Finished { number, call, item, output, took: begun.elapsed(), working }
}

fn text_of(content: &[Content]) -> String {
    let text = content.iter().filter_map(|part| match part {
        Content::Text { text } => Some(text.as_str()),
        Content::Image { .. } => None,
    });
    text.collect::<Vec<_>>().join("\n")
}

/// Why a call does not run.
struct Refused {
    reason: RejectReason,
    message: String,
    /// Of the policy.
    rule: Option<String>,
}

impl Refused {
    fn because(reason: RejectReason, message: String) -> Self {
        Self { reason, message, rule: None }
    }
}

/// Refuses a call aloud. With its `item` the call itself enters the window here, together with the answer.
fn reject(
    bench: &mut Bench<'_>,
    item: Option<&Item>,
    call: &ToolCall,
    refused: Refused,
) -> Result<(), Stop> {
    let Refused { reason, message, rule } = refused;
    let wire = item.map_or_else(Vec::new, |item| {
        vec![item.clone(), Item::output(call, &[Content::text(message.clone())])]
    });
    let rejected = Event::ToolRejected {
        call_id: call.call_id.clone(),
        tool: call.name.clone(),
        reason,
        message,
        rule,
    };
    bench.conversation.publish_with(rejected, wire)?;
    Ok(())
}

/// Ends the command of this process id that was left running, for the person.
pub(crate) fn stop(
    conversation: &mut Conversation,
    toolbox: &Toolbox,
    pid: u32,
) -> Result<(), RolloutError> {
    let command = toolbox.end(pid).unwrap_or_default();
    let reason = if command.is_empty() { "it had ended already" } else { "you stopped it" };
    let reason = reason.to_owned();
    conversation.publish(Event::ProcessReaped { pid, command, reason })
}

/// Ends a call that has not run to its end, with `text` as what the model reads of it.
pub(crate) fn close(
    conversation: &mut Conversation,
    call: &ToolCall,
    mut item: ThreadItem,
    status: Status,
    text: &str,
) -> Result<(), RolloutError> {
    match &mut item.details {
        ItemDetails::CommandExecution(command) => command.status = status,
        ItemDetails::FileChange { status: shown, .. }
        | ItemDetails::McpToolCall { status: shown, .. } => {
            *shown = status;
        }
        ItemDetails::ToolCall { status: shown, summary, .. } => {
            *shown = status;
            text.clone_into(summary);
        }
        _ => {}
    }
    let wire = vec![Item::output(call, &[Content::text(text)])];
    conversation.publish_with(Event::ItemCompleted { item }, wire)
}
