//! The owner of one thread: it answers its front end's commands until the front end is gone. One task, no locks.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

use agent_protocol::{
    ApprovalPolicy, Asked, BudgetKind, Command, Content, Event, Header, Item, ItemDetails, Price,
    ROLLOUT_FORMAT, Record, SandboxMode, Settings, Status, ThreadItem, ThreadStarted,
    TransportKind,
};
use agent_tools::{Policy, Toolbox};
use agent_transport::{Control, ControlSender, Transport};
use tokio::sync::mpsc;

use crate::asides;
use crate::calls::{self, Bench};
use crate::compact::{self, CompactionStyle};
use crate::conversation::Conversation;
use crate::inbox::{Inbox, Task};
use crate::lookout::Lookout;
use crate::meter::TurnMeter;
use crate::own_line;
use crate::rollout::{Loaded, Rollout, RolloutError};
use crate::step::StepContext;
use crate::turn::{self, Stop};
use crate::undo::UndoConfig;

/// A thread's settings, fully resolved: nothing here is looked up anywhere else.
#[derive(Debug)]
pub struct ThreadConfig {
    /// UUID version 7; see [`new_thread_id`].
    pub thread_id: String,
    pub agent_version: String,
    pub provider: String,
    pub transport: TransportKind,
    pub cwd: PathBuf,
    pub sandbox: SandboxMode,
    pub approval_policy: ApprovalPolicy,
    /// Model, instructions and tools of every request.
    pub settings: Settings,
    /// What stands at the beginning of the window: facts about the surroundings, AGENTS.md.
    pub preamble: Vec<Item>,
    /// What the model must know when an earlier thread goes on under other rules, or in other surroundings.
    pub remarks: Vec<Item>,
    /// The thread this one goes on from, itself included.
    pub resumed_from: Option<String>,
    /// Warnings to be shown before the first turn.
    pub warnings: Vec<String>,
    pub limits: Limits,
    pub price: Option<Price>,
    pub answer_check: Option<AnswerCheck>,
    /// Someone watches the text as it comes: `item.delta` is published.
    pub live: bool,
    /// What commands leave running lives on until the thread ends, not just its turn.
    pub sessions_outlive_turns: bool,
    pub compaction: CompactionStyle,
    /// Where what turns change is kept, to be undone; none where nothing can change, or nothing is kept.
    pub undo: Option<UndoConfig>,
    /// Tokens of the window at which it is shortened before the next step; none: only when the model refuses it.
    pub compact_at: Option<u64>,
    /// When the process began, for the first turn's `startup_ms`.
    pub process_started: Instant,
}

/// What the model is told where none of its calls can tell it.
const BROKEN_OFF: &str = "The program ended in the middle of the turn before, while you were answering. What you had begun to \
                          say may have been seen, and is not part of the conversation.";

/// Where a turn stops; none is no limit.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    pub steps: Option<u32>,
    pub seconds: Option<f64>,
    /// Input and output tokens of the turn.
    pub tokens: Option<u64>,
    /// US dollars of the turn; needs a price.
    pub usd: Option<f64>,
}

/// Says what is wrong with an answer. The model is told once, and answers again.
pub struct AnswerCheck(Box<Check>);

type Check = dyn Fn(&str) -> Result<(), String> + Send;

impl AnswerCheck {
    pub fn new(check: impl Fn(&str) -> Result<(), String> + Send + 'static) -> Self {
        Self(Box::new(check))
    }

    pub(crate) fn check(&self, answer: &str) -> Result<(), String> {
        (self.0)(answer)
    }
}

impl std::fmt::Debug for AnswerCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnswerCheck")
    }
}

/// Where the thread's log comes from.
#[derive(Debug)]
pub enum Log {
    /// A new thread, kept in this directory of threads.
    New(PathBuf),
    /// A new thread of which nothing is kept.
    Ephemeral,
    /// An earlier thread, gone on with.
    Resumed(Rollout, Box<Loaded>),
}

/// A front end's hold on a thread.
#[derive(Debug)]
pub struct ThreadHandle {
    pub commands: mpsc::UnboundedSender<Command>,
    pub records: mpsc::UnboundedReceiver<Record>,
}

/// One conversation, and all that it needs to go on.
pub struct Thread {
    /// As the thread began here, with the model that is asked now.
    started: ThreadStarted,
    pub(crate) conversation: Conversation,
    pub(crate) inbox: Inbox,
    pub(crate) limits: Limits,
    pub(crate) price: Option<Price>,
    pub(crate) answer_check: Option<AnswerCheck>,
    pub(crate) warned: HashSet<BudgetKind>,
    pub(crate) step: u32,
    pub(crate) process_started: Option<Instant>,
    transport: Box<dyn Transport>,
    toolbox: Toolbox,
    policy: Policy,
    control: Control,
    steering: ControlSender,
    live: bool,
    pub(crate) sessions_outlive_turns: bool,
    pub(crate) compaction: CompactionStyle,
    compact_at: Option<u64>,
    pub(crate) lookout: Lookout,
    /// Why the last turn failed, where its log could not be written.
    pub(crate) unrecorded: Option<RolloutError>,
}

/// An id for a new thread. It sorts by time.
pub fn new_thread_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// What the person was told in earlier processes.
fn said_before(loaded: &Loaded) -> impl Iterator<Item = &str> {
    loaded.records.iter().filter_map(|record| match &record.event {
        Event::ItemCompleted { item } => match &item.details {
            ItemDetails::Error { message } => Some(message.as_str()),
            _ => None,
        },
        _ => None,
    })
}

/// The process that worked on its last turn ended before that did, and nobody has gone on with it since.
fn is_broken_off(loaded: &Loaded) -> bool {
    let last = loaded.records.iter().rev().find(|record| {
        matches!(
            record.event,
            Event::TurnStarted {}
                | Event::TurnCompleted(_)
                | Event::TurnFailed(_)
                | Event::ThreadStarted(_)
        )
    });
    last.is_some_and(|record| matches!(record.event, Event::TurnStarted {}))
}

impl Thread {
    /// Writes the beginning of the thread, or takes up an earlier one, and publishes `thread.started`.
    ///
    /// # Errors
    /// When the log of a new thread cannot be written: then nothing was sent anywhere.
    pub fn start(
        config: ThreadConfig,
        log: Log,
        transport: Box<dyn Transport>,
        toolbox: Toolbox,
        policy: Policy,
    ) -> Result<(Self, ThreadHandle), RolloutError> {
        let (records, watched) = mpsc::unbounded_channel();
        let (commands, inbox) = mpsc::unbounded_channel();
        let (steering, control) = Control::channel();
        let open = |rollout, loaded: Option<&Loaded>| {
            let (settings, secrets) = (config.settings.clone(), toolbox.secret_values().clone());
            let conversation = Conversation::new(rollout, settings, records.clone(), secrets);
            match loaded {
                Some(loaded) => conversation.resume(loaded),
                None => conversation,
            }
        };
        let was_broken_off = matches!(&log, Log::Resumed(_, loaded) if is_broken_off(loaded));
        let mut conversation = match log {
            Log::Ephemeral => open(None, None),
            Log::New(threads_dir) => {
                open(Some(Rollout::create(&threads_dir, &header(&config))?), None)
            }
            Log::Resumed(rollout, loaded) => {
                said_before(&loaded).for_each(|message| toolbox.hear(message));
                open(Some(rollout), Some(&loaded))
            }
        };
        let resumed = !conversation.window().is_empty();
        let started = ThreadStarted {
            thread_id: config.thread_id.clone(),
            schema_version: 1,
            agent_version: config.agent_version.clone(),
            model: config.settings.fields().model.clone(),
            provider: config.provider.clone(),
            transport: config.transport,
            cwd: config.cwd.clone(),
            sandbox: config.sandbox,
            approval_policy: config.approval_policy,
            resumed_from: config.resumed_from.clone(),
            session_path: conversation.rollout_path().map(std::path::Path::to_owned),
        };
        let begun = conversation.publish(Event::ThreadStarted(started.clone()));
        if begun.is_err() && resumed {
            // What was said is there to be read, and what is said next tries anew.
            conversation.stop_recording();
            conversation.publish(Event::ThreadStarted(started.clone()))?;
        } else {
            begun?;
        }
        for warning in &config.warnings {
            conversation.publish_item(ItemDetails::Error { message: warning.clone() }, vec![])?;
        }
        if !resumed && !config.preamble.is_empty() {
            conversation.publish_with(Event::WireRecorded {}, config.preamble.clone())?;
        }
        if resumed && !config.remarks.is_empty() {
            conversation.publish_with(Event::WireRecorded {}, config.remarks.clone())?;
        }
        // An open call gets an output that says it.
        if was_broken_off && conversation.open_calls().is_empty() {
            let remark = vec![Item::developer(BROKEN_OFF)];
            conversation.publish_with(Event::WireRecorded {}, remark)?;
        }
        // Where they end with the turn it is said then.
        let ends = if config.sessions_outlive_turns {
            toolbox.hear_ends()
        } else {
            mpsc::unbounded_channel().1
        };
        let mut thread = Self {
            started,
            conversation,
            inbox: Inbox::new(inbox, ends),
            limits: config.limits,
            price: config.price,
            answer_check: config.answer_check,
            warned: HashSet::new(),
            step: 0,
            process_started: Some(config.process_started),
            transport,
            toolbox,
            policy,
            control,
            steering,
            live: config.live,
            sessions_outlive_turns: config.sessions_outlive_turns,
            compaction: config.compaction,
            compact_at: config.compact_at,
            lookout: Lookout::new(config.undo),
            unrecorded: None,
        };
        thread.close_open_calls(
            "interrupted: outcome unknown, the program ended while this call was under way",
        )?;
        Ok((thread, ThreadHandle { commands, records: watched }))
    }

    /// Answers commands until the front end is gone or asks to end; then every process the thread started is ended.
    /// While the log cannot be written nothing is done, and each message tries anew.
    ///
    /// # Errors
    /// Only when the log could not be written for the last turn, or still cannot be at the end.
    pub async fn run(mut self) -> Result<(), RolloutError> {
        while let Some(task) = self.inbox.next_task().await {
            if let Err(error) = self.carry_out(task).await {
                self.conversation.stop_recording();
                let message = format!("{error}; nothing is done that cannot be recorded");
                self.conversation.publish(Event::Error { message })?;
                self.give_all_back()?;
            }
        }
        self.reap().await?;
        self.conversation.record_again()?;
        self.unrecorded.map_or(Ok(()), Err)
    }

    async fn carry_out(&mut self, task: Task) -> Result<(), RolloutError> {
        match task {
            Task::Turn(message) => turn::run(self, message).await,
            Task::Run(line) => own_line::run(self, line).await,
            Task::Aside => self.see_to_asides(),
            Task::Ask(asked) => self.ask(asked),
            Task::Compact => self.compact().await,
        }
    }

    /// Between two turns it counts for the thread alone.
    async fn compact(&mut self) -> Result<(), RolloutError> {
        self.conversation.record_again()?;
        let mut no_turn = TurnMeter::new(None);
        match compact::run(self, &mut no_turn, compact::ASKED_FOR).await {
            Err(Stop::Log(error)) => {
                self.conversation.stop_recording();
                self.conversation.publish(Event::ContextKept { stopped: true })?;
                Err(error)
            }
            // Stopped, or not possible, which was said.
            Ok(_) | Err(Stop::Interrupted | Stop::Failed(_) | Stop::OutOfTime) => Ok(()),
        }
    }

    /// Asks the model so from now on. Another one is told like one that an earlier thread goes on with.
    fn ask(&mut self, asked: Asked) -> Result<(), RolloutError> {
        let Asked { model, reasoning, price, compact_at } = asked;
        self.conversation.ask(&model, reasoning);
        (self.price, self.compact_at) = (price, compact_at);
        // That was of the model before.
        self.inbox.take_compact_at();
        if self.started.model != model {
            self.started.model = model;
            self.started.resumed_from = Some(self.started.thread_id.clone());
            self.conversation.publish(Event::ThreadStarted(self.started.clone()))?;
        }
        self.warm_up();
        Ok(())
    }

    /// Ends what commands have left running.
    pub(crate) async fn reap(&mut self) -> Result<(), RolloutError> {
        for reaped in self.toolbox.shutdown().await {
            self.conversation.publish(Event::ProcessReaped {
                pid: reaped.pid,
                command: reaped.command,
                reason: reaped.reason,
            })?;
        }
        Ok(())
    }

    /// The person has back all that waits to be heard.
    pub(crate) fn give_all_back(&mut self) -> Result<(), RolloutError> {
        self.inbox.give_all_back();
        self.see_to_asides()
    }

    /// The model is to read these next.
    pub(crate) fn tell(&mut self, messages: Vec<Vec<Content>>) -> Result<(), RolloutError> {
        self.inbox.tell(&mut self.conversation, messages)
    }

    /// Does what the person asks beside the conversation.
    pub(crate) fn see_to_asides(&mut self) -> Result<(), RolloutError> {
        let Self { conversation, toolbox, policy, inbox, .. } = self;
        asides::see_to(conversation, toolbox, policy, inbox).map(|_| ())
    }

    pub(crate) fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    /// Prepares connection and server state while the person types.
    pub fn warm_up(&mut self) {
        self.transport.warm_up(&self.conversation.request());
    }

    /// Answers every call that has no output: the API refuses a conversation with an open one (C3.1). The same
    /// after an interrupt and after a crash; nothing is run again.
    pub(crate) fn close_open_calls(&mut self, text: &str) -> Result<(), RolloutError> {
        for (call, item) in self.conversation.open_calls() {
            let mut item = item.unwrap_or_else(|| ThreadItem {
                id: self.conversation.new_item_id(),
                details: ItemDetails::ToolCall {
                    tool: call.name.clone(),
                    subject: String::new(),
                    summary: String::new(),
                    status: Status::InProgress,
                },
                call_id: Some(call.call_id.clone()),
                step: None,
                duration_ms: None,
            });
            if let ItemDetails::CommandExecution(command) = &mut item.details {
                // What was seen of it stays to be seen.
                self.conversation.printed(&item.id).clone_into(&mut command.aggregated_output);
            }
            calls::close(&mut self.conversation, &call, item, Status::Failed, text)?;
        }
        Ok(())
    }

    /// The window nears the model's limit.
    pub(crate) fn is_nearly_full(&mut self) -> bool {
        self.compact_at = self.inbox.take_compact_at().or(self.compact_at);
        self.compact_at.is_some_and(|limit| self.conversation.context_tokens() >= limit)
    }

    pub(crate) fn step_context(&mut self) -> StepContext<'_> {
        StepContext {
            bench: Bench {
                conversation: &mut self.conversation,
                toolbox: &self.toolbox,
                policy: &mut self.policy,
                lookout: &mut self.lookout,
            },
            transport: self.transport.as_mut(),
            control: &mut self.control,
            steering: &self.steering,
            inbox: &mut self.inbox,
            live: self.live,
        }
    }
}

fn header(config: &ThreadConfig) -> Header {
    let fields = config.settings.fields();
    Header {
        format: ROLLOUT_FORMAT,
        thread_id: config.thread_id.clone(),
        created_at: format!("{:.3}", jiff::Timestamp::now()),
        agent_version: config.agent_version.clone(),
        cwd: config.cwd.clone(),
        provider: config.provider.clone(),
        model: fields.model.clone(),
        forked_from: None,
        instructions: fields.instructions.clone(),
        tools: fields.tools.clone(),
    }
}
