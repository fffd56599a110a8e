//! The fold of a thread's events into what the screen shows. The same events give the same transcript, live or read
//! back from the rollout; what is only live is kept apart as previews. How a cell looks is `cell.rs`.

mod connection;
mod live;
mod together;

use std::path::Path;

use agent_protocol::{
    Action, BudgetKind, CommandExecution, Decision, ErrorKind, Event, Fill, ItemDetails, ShownRule,
    Status, ThreadItem, ThreadStarted, Todo, TurnCompleted, Usage,
};

use crate::filter::exact;
use crate::view::grouped;

pub use connection::{Bytes, Connection, Retry};
pub use live::{Draft, Live, Preview};
pub(crate) use together::together;

/// All that a thread has said.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    pub thread: Option<ThreadStarted>,
    pub cells: Vec<Cell>,
    /// So many of them were found finished: asking for it costs the same however many there are.
    settled: usize,
    /// The plan while its turn runs; then it is a cell.
    pub plan: Vec<Todo>,
    /// Unanswered, in the order they were asked.
    pub questions: Vec<Question>,
    /// For each turn that has begun, how many cells there were before.
    pub turns: Vec<usize>,
    /// A turn is under way.
    pub is_running: bool,
    /// The step whose request is under way, which need not be part of a turn.
    step: Option<u32>,
    /// Calls of it, by their ids, that nothing permits yet.
    unpermitted: Vec<String>,
    /// Of the thread so far.
    pub usage: Usage,
    pub cost_usd: Option<f64>,
    /// Of the window.
    pub fill: Fill,
    /// Bytes that were sent, and that a client without a chain would have sent.
    pub bytes: Bytes,
    pub connection: Connection,
    /// Why HTTP is tried instead of the socket, until something has come that way.
    fallback: Option<String>,
    /// Commands that go on in the background, as far as is known.
    pub processes: Vec<Process>,
    /// They had ended before it was known that they go on.
    ended_early: Vec<u32>,
    pub live: Live,
    /// As they were listed last.
    pub rules: Option<Rules>,
    /// The last trouble of the connection, until something comes again.
    pub retry: Option<Retry>,
}

/// One thing on the screen.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Item(Box<ThreadItem>),
    Notice(Notice),
}

/// A sentence of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    Said(String),
    Failed(String),
    /// What the person said why something was not to be done, which may be long.
    Refused(String),
}

/// A command in the background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub command: String,
    /// Of its call.
    pub item_id: String,
}

/// The rules about commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How often they were listed so far.
    pub count: usize,
    pub rules: Vec<ShownRule>,
    /// Why they are not what they were to become.
    pub failed: Option<String>,
}

/// A call that waits for the person.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub call_id: String,
    pub action: Action,
    pub reason: String,
    /// What of the confinement would not hold.
    pub lifts: Option<String>,
    /// The words that a lasting rule would begin with, if one is offered.
    pub prefix: Option<Vec<String>>,
}

/// The call of this command is over while itself was not.
pub(crate) fn goes_on(command: &CommandExecution) -> bool {
    command.status == Status::Completed && command.exit_code.is_none() && command.signal.is_none()
}

impl Transcript {
    /// Takes what happened next.
    pub fn apply(&mut self, event: &Event) {
        if !matches!(event, Event::TransportRetry { .. }) {
            self.retry = None;
        }
        self.settled = self.finished();
        self.fill.apply(event);
        self.note_fallback(event);
        match event {
            Event::ThreadStarted(thread) => {
                self.break_off();
                self.thread = Some(thread.clone());
            }
            Event::TurnStarted {} => {
                self.is_running = true;
                self.turns.push(self.cells.len());
            }
            Event::ItemStarted { item, rule } => {
                if rule.is_none() && item.step.is_some() {
                    self.unpermitted.extend(item.call_id.clone());
                }
                self.begin(item);
            }
            Event::ItemUpdated { item } => self.begin(item),
            Event::ItemCompleted { item } => self.complete(item),
            Event::ItemDelta { item_id, field, delta } => self.live.say(item_id, *field, delta),
            Event::PatchDelta { item_id, call_id, index, change } => {
                self.live.draw(item_id, call_id.as_deref(), *index, change);
            }
            Event::ToolRejected { call_id, tool, message, .. } => {
                self.live.refuse(call_id);
                self.notice(Notice::Failed(format!("{tool} was refused: {message}")));
            }
            Event::ApprovalRequested { call_id, action, reason, lifts, prefix, .. } => {
                self.questions.push(Question {
                    call_id: call_id.clone(),
                    action: action.clone(),
                    reason: reason.clone(),
                    lifts: lifts.clone(),
                    prefix: prefix.clone(),
                });
            }
            Event::ApprovalResolved { call_id, decision, .. } => {
                self.questions.retain(|question| question.call_id != *call_id);
                self.unpermitted.retain(|id| id != call_id);
                if let Decision::Deny { message: Some(message), unattended } = decision {
                    let who =
                        if *unattended { "Nobody was there to be asked." } else { "You said:" };
                    self.notice(Notice::Refused(format!("{who} {message}")));
                }
            }
            Event::StepCompleted(step) => {
                self.step = None;
                self.live.drafts.clear();
                self.bytes.sent += step.bytes_up;
                self.bytes.stateless += step.bytes_stateless;
                self.note_way(step);
            }
            Event::TransportRetry { attempt, max, kind, message, .. } => {
                self.live.begin_again();
                self.live.sent = None;
                self.note_trouble(*kind);
                let (attempt, max, kind, reason) = (*attempt, *max, *kind, message.clone());
                self.retry = Some(Retry { attempt, max, kind, reason });
            }
            Event::TransportFallback { reason, .. } => self.fallback = Some(reason.clone()),
            // What shortens the conversation may take another way than what comes after it.
            Event::RequestSent { transport } if !self.fill.is_compacting() => {
                self.live.sent = Some(*transport);
            }
            Event::ContextCompacted { before_tokens, after_tokens, .. } => {
                let (before, after) = (grouped(*before_tokens), grouped(*after_tokens));
                // Of little the summary may be longer than what it sums up.
                self.notice(Notice::Said(if after_tokens < before_tokens {
                    format!("The conversation was shortened from {before} to {after} tokens.")
                } else {
                    format!("The conversation was summed up and is no shorter for it: {after} tokens, {before} before.")
                }));
            }
            Event::Budget { kind, used, limit } => {
                self.notice(Notice::Said(budget(*kind, *used, *limit)));
            }
            Event::ProcessReaped { pid, command, reason } => self.reap(*pid, command, reason),
            Event::Error { message } => self.notice(Notice::Failed(message.clone())),
            Event::TurnCompleted(turn) => self.turn_completed(turn),
            Event::TurnFailed(turn) => {
                self.usage = turn.usage;
                self.note_trouble(turn.error.kind);
                self.notice(match turn.error.kind {
                    ErrorKind::Interrupted => Notice::Said("Stopped.".to_owned()),
                    _ => Notice::Failed(turn.error.message.clone()),
                });
                if let Some(next) = way_on(turn.error.kind) {
                    self.notice(Notice::Said(next.to_owned()));
                }
                self.turn_over();
            }
            Event::StepStarted { step } => {
                self.step = Some(*step);
                self.live.sent = None;
            }
            Event::RulesListed { rules, failed } => {
                let count = self.rules.as_ref().map_or(0, |listed| listed.count) + 1;
                self.rules = Some(Rules { count, rules: rules.clone(), failed: failed.clone() });
            }
            // In a turn its end says it.
            Event::ContextKept { stopped: true } if !self.is_running => {
                self.notice(Notice::Said("Stopped.".to_owned()));
            }
            Event::RequestSent { .. }
            | Event::ContextCompacting { .. }
            | Event::ContextKept { .. }
            | Event::WaitingReturned { .. }
            | Event::WireRecorded {} => {}
        }
    }

    /// How many cells from the first on can change no more.
    pub fn finished(&self) -> usize {
        let mut finished = self.settled;
        loop {
            let rest = &self.cells[finished..];
            let (shown, after) = rest.split_at(together(rest));
            let may_grow = || after.is_empty() && shown.last().is_some_and(|it| self.may_grow(it));
            if shown.is_empty() || !shown.iter().all(Cell::is_finished) || may_grow() {
                return finished;
            }
            finished += shown.len();
        }
    }

    /// Another call may be shown together with this last one: its step goes on, and nothing else has begun in it.
    fn may_grow(&self, last: &Cell) -> bool {
        last.group().is_some_and(|(step, _)| self.step == Some(step)) && !self.live.is_speaking()
    }

    /// A call waits for the person's word.
    pub fn asks(&self) -> bool {
        !self.questions.is_empty()
    }

    /// The call waits for the person's word, or for that about another one.
    pub fn is_unpermitted(&self, item: &ThreadItem) -> bool {
        item.call_id.as_ref().is_some_and(|id| self.unpermitted.contains(id))
    }

    /// A call that ends while it is asked about has not been begun.
    fn is_asked_about(&self, call_id: Option<&str>) -> bool {
        let asked = |question: &Question| Some(question.call_id.as_str()) == call_id;
        self.questions.iter().any(asked)
    }

    /// Something is under way.
    pub fn is_busy(&self) -> bool {
        self.is_running
            || self.step.is_some()
            || self.fill.is_compacting()
            || self.finished() < self.cells.len()
    }

    /// What is shown of the item of this id.
    pub fn item(&self, id: &str) -> Option<&ThreadItem> {
        self.cells.iter().rev().find_map(|cell| match cell {
            Cell::Item(item) if item.id == id => Some(&**item),
            _ => None,
        })
    }

    /// The message that began the turn of this number, from 1.
    pub fn message_of(&self, turn: u32) -> Option<&str> {
        let at = usize::try_from(turn).ok()?.checked_sub(1)?;
        let cells = self.cells.get(*self.turns.get(at)?..)?;
        cells.iter().find_map(|cell| match cell {
            Cell::Item(item) => match &item.details {
                ItemDetails::UserMessage { text } => Some(text.as_str()),
                _ => None,
            },
            Cell::Notice(_) => None,
        })
    }

    /// The working directory; empty before there is a thread.
    pub fn cwd(&self) -> &Path {
        self.thread.as_ref().map_or(Path::new(""), |thread| &thread.cwd)
    }

    /// What of a command's output has come.
    pub fn tail_of(&self, item_id: &str) -> &str {
        self.live.said_of(item_id).0
    }

    /// How many lines came before that.
    pub fn lines_before_tail_of(&self, item_id: &str) -> usize {
        self.live.said_of(item_id).1
    }

    fn begin(&mut self, item: &ThreadItem) {
        self.live.drafts.retain(|draft| draft.item_id != item.id);
        if let ItemDetails::TodoList { items } = &item.details {
            self.plan.clone_from(items);
        } else {
            self.put(item);
        }
    }

    fn complete(&mut self, item: &ThreadItem) {
        self.live.complete(&item.id);
        self.note_process(item);
        if matches!(item.details, ItemDetails::TodoList { .. }) {
            self.plan.clear();
        }
        let mut item = item.clone();
        match &mut item.details {
            ItemDetails::FileChange { status, .. }
                if *status == Status::Failed && self.is_asked_about(item.call_id.as_deref()) =>
            {
                *status = Status::Declined;
            }
            ItemDetails::CommandExecution(command)
                if crate::cell::is_stopped(command, item.duration_ms)
                    && item.call_id.as_ref().is_some_and(|id| self.unpermitted.contains(id)) =>
            {
                command.status = Status::Declined;
            }
            _ => {}
        }
        self.put(&item);
    }

    /// A command whose call is over while itself is not goes on in the background.
    fn note_process(&mut self, item: &ThreadItem) {
        let ItemDetails::CommandExecution(command) = &item.details else { return };
        let Some(pid) = command.pid.filter(|_| goes_on(command)) else { return };
        if let Some(at) = self.ended_early.iter().position(|ended| *ended == pid) {
            self.ended_early.remove(at);
            return;
        }
        let command = crate::cell::bare(&command.command);
        self.processes.push(Process { pid, command, item_id: item.id.clone() });
    }

    fn reap(&mut self, pid: u32, command: &str, reason: &str) {
        let known = self.processes.iter().position(|process| process.pid == pid);
        let known = known.map(|at| self.processes.remove(at).command);
        if known.is_none() {
            self.ended_early.push(pid);
        }
        let command = Some(command.to_owned()).filter(|command| !command.is_empty()).or(known);
        let command = command.unwrap_or_else(|| format!("process {pid}"));
        let command = exact(&command).into_owned();
        self.notice(Notice::Said(format!("`{command}` in the background: {reason}.")));
    }

    fn put(&mut self, item: &ThreadItem) {
        let same = |cell: &&mut Cell| matches!(cell, Cell::Item(earlier) if earlier.id == item.id);
        match self.cells.iter_mut().rev().find(same) {
            Some(cell) => *cell = Cell::Item(Box::new(item.clone())),
            None => self.cells.push(Cell::Item(Box::new(item.clone()))),
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.cells.push(Cell::Notice(notice));
    }

    fn turn_completed(&mut self, turn: &TurnCompleted) {
        self.usage = turn.usage;
        self.cost_usd = turn.cost_usd.or(self.cost_usd);
        self.turn_over();
    }

    /// Nothing is under way: the process that did it is gone.
    pub fn rest(&mut self) {
        self.break_off();
        self.processes.clear();
        self.ended_early.clear();
        self.connection = Connection::Unknown;
    }

    /// What has begun and not ended did so with its process. What the model called for is told to be over by whoever goes on.
    fn break_off(&mut self) {
        for cell in &mut self.cells[self.settled..] {
            cell.stop_own_line();
        }
        self.plan.clear();
        let unpermitted = std::mem::take(&mut self.unpermitted);
        if self.is_running {
            self.notice(Notice::Said(BROKEN_OFF.to_owned()));
        }
        self.turn_over();
        // Of these it will be said that they never began.
        self.unpermitted = unpermitted;
    }

    fn turn_over(&mut self) {
        self.is_running = false;
        self.step = None;
        self.unpermitted.clear();
        self.live = Live::default();
        self.questions.clear();
    }
}

/// The log says nothing of the turn's end.
const BROKEN_OFF: &str = "Broken off: the agent ended before this turn did.";

/// What the person can do after a turn that failed so.
fn way_on(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Network | ErrorKind::Server | ErrorKind::Timeout => {
            "What was done is kept; whatever you say next tries again."
        }
        ErrorKind::RateLimit => "What was done is kept; wait a little, and say something to go on.",
        ErrorKind::Auth => "/key takes another one; then say it again (going back, Up, finds it).",
        ErrorKind::Quota => {
            "Plan and billing of the key are with the provider; what was done is kept."
        }
        _ => return None,
    })
}

impl Cell {
    /// Nobody says that a command line of the person's own is over whose process is gone.
    fn stop_own_line(&mut self) {
        if let Self::Item(item) = self
            && item.call_id.is_none()
            && let ItemDetails::CommandExecution(command) = &mut item.details
            && command.status == Status::InProgress
        {
            command.status = Status::Failed;
        }
    }

    fn is_finished(&self) -> bool {
        match self {
            Self::Notice(_) => true,
            Self::Item(item) => status(&item.details) != Some(Status::InProgress),
        }
    }
}

fn budget(kind: BudgetKind, used: f64, limit: f64) -> String {
    match kind {
        BudgetKind::Tokens => format!("{used} of {limit} tokens are used."),
        BudgetKind::Usd => format!("${used:.2} of ${limit:.2} are spent."),
        BudgetKind::Steps => format!("{used} of {limit} requests are made."),
        BudgetKind::Seconds => format!("{used:.0} of {limit:.0} seconds are over."),
    }
}

fn status(details: &ItemDetails) -> Option<Status> {
    match details {
        ItemDetails::CommandExecution(command) => Some(command.status),
        ItemDetails::FileChange { status, .. }
        | ItemDetails::McpToolCall { status, .. }
        | ItemDetails::ToolCall { status, .. } => Some(*status),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
