//! Publish: write, apply, show. The only way a thread's state changes.

use std::collections::{HashMap, VecDeque};

use agent_protocol::{
    Content, DeltaField, Event, Item, ItemDetails, ReasoningOptions, Record, Request, Settings,
    SettingsFields, ThreadItem, ToolCall, Usage, Window,
};
use agent_tools::Secrets;
use tokio::sync::mpsc;

use crate::changes::Changes;
use crate::history::History;
use crate::rollout::{Loaded, Rollout, RolloutError};

/// One thread's log, its fold, and those who watch it.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// None when nothing is to be kept (`--ephemeral`).
    rollout: Option<Rollout>,
    /// What the disk has not taken, the first first; while there is such a list, all that is published goes in here.
    owed: Option<VecDeque<Record>>,
    history: History,
    changes: Changes,
    settings: Settings,
    watchers: mpsc::UnboundedSender<Record>,
    secrets: Secrets,
    /// Of the next durable record.
    seq: u64,
    next_item: u64,
    /// The plan of the turn under way.
    plan: Option<ThreadItem>,
    /// What the commands under way have printed, by their items: of each the end.
    printed: HashMap<String, String>,
}

/// So much is kept of what a command prints before it is over; what it printed is whole when it ends by itself.
const MOST_PRINTED: usize = 64 * 1024;

impl Conversation {
    pub(crate) fn new(
        rollout: Option<Rollout>,
        settings: Settings,
        watchers: mpsc::UnboundedSender<Record>,
        secrets: Secrets,
    ) -> Self {
        Self {
            rollout,
            owed: None,
            history: History::default(),
            changes: Changes::default(),
            settings,
            watchers,
            secrets,
            seq: 1,
            next_item: 0,
            plan: None,
            printed: HashMap::new(),
        }
    }

    /// Goes on from what a rollout holds; its records are shown to nobody again.
    pub(crate) fn resume(mut self, loaded: &Loaded) -> Self {
        for record in &loaded.records {
            self.history.apply(record);
            self.changes.apply(&record.event);
            self.seq = self.seq.max(record.seq.unwrap_or(0) + 1);
            if let Event::ItemStarted { item, .. } | Event::ItemCompleted { item } = &record.event {
                let number = item.id.trim_start_matches('i').parse::<u64>().unwrap_or(0);
                self.next_item = self.next_item.max(number + 1);
            }
        }
        self
    }

    /// Writes, applies, shows: in this order, so that nothing is seen or sent that a crash could take back.
    pub(crate) fn publish(&mut self, event: Event) -> Result<(), RolloutError> {
        self.publish_with(event, vec![])
    }

    /// Publishes an event with the items that enter the window with it.
    pub(crate) fn publish_with(
        &mut self,
        mut event: Event,
        wire: Vec<Item>,
    ) -> Result<(), RolloutError> {
        // Whatever a server says of a failure comes this way, and no other.
        self.secrets.remove_from_failure(&mut event);
        self.follow(&event);
        let durable = event.is_durable();
        let at = jiff::Timestamp::now();
        let at = format!("{at:.3}");
        let record = Record { seq: durable.then_some(self.seq), at, event, wire };
        if durable {
            match (&mut self.owed, &mut self.rollout) {
                (Some(owed), _) => owed.push_back(record.clone()),
                (None, Some(rollout)) => rollout.append(&record)?,
                (None, None) => {}
            }
            self.seq += 1;
            self.history.apply(&record);
            self.changes.apply(&record.event);
        }
        // Nobody may be watching any more; the log goes on.
        let _ = self.watchers.send(record);
        Ok(())
    }

    fn follow(&mut self, event: &Event) {
        match event {
            Event::ItemDelta { item_id, field: DeltaField::Output, delta } => {
                let printed = self.printed.entry(item_id.clone()).or_default();
                printed.push_str(delta);
                if printed.len() > 2 * MOST_PRINTED {
                    let begin = printed.len() - MOST_PRINTED;
                    let is_boundary = |at: &usize| printed.is_char_boundary(*at);
                    let begin = (begin..printed.len()).find(is_boundary).unwrap_or_default();
                    printed.drain(..begin);
                }
            }
            Event::ItemCompleted { item } => {
                self.printed.remove(&item.id);
            }
            _ => {}
        }
    }

    /// What the command that is shown as this item has printed so far, at least the end of it.
    pub(crate) fn printed(&self, item_id: &str) -> &str {
        self.printed.get(item_id).map_or("", String::as_str)
    }

    /// The log cannot be written now: what is still said is shown, and written by [`Conversation::record_again`]. Until
    /// then nothing may be done.
    pub(crate) fn stop_recording(&mut self) {
        self.owed.get_or_insert_default();
        // The server may know of an item that we could not take.
        self.history.new_epoch();
    }

    /// Writes what the disk did not take, if there is such; from then on all is written again as it is published.
    ///
    /// # Errors
    /// When it still cannot be written. Nothing of it is lost.
    pub(crate) fn record_again(&mut self) -> Result<(), RolloutError> {
        let (Some(owed), Some(rollout)) = (&mut self.owed, &mut self.rollout) else {
            return Ok(());
        };
        while let Some(record) = owed.front() {
            rollout.append(record)?;
            owed.pop_front();
        }
        rollout.sync()?;
        self.owed = None;
        Ok(())
    }

    /// The number of the turn under way, from 1.
    pub(crate) fn turn(&self) -> u32 {
        self.history.turns()
    }

    /// Returns when all that was published is on the disk (R2).
    pub(crate) fn sync(&self) -> Result<(), RolloutError> {
        match (&self.rollout, &self.owed) {
            (Some(rollout), None) => rollout.sync(),
            _ => Ok(()),
        }
    }

    /// An id for a display item, unique in the thread.
    pub(crate) fn new_item_id(&mut self) -> String {
        self.next_item += 1;
        format!("i{}", self.next_item)
    }

    /// A finished display item of its own.
    pub(crate) fn publish_item(
        &mut self,
        details: ItemDetails,
        wire: Vec<Item>,
    ) -> Result<(), RolloutError> {
        let id = self.new_item_id();
        let item = ThreadItem { id, details, call_id: None, step: None, duration_ms: None };
        self.publish_with(Event::ItemCompleted { item }, wire)
    }

    /// What the person says enters the conversation.
    pub(crate) fn publish_message(&mut self, content: &[Content]) -> Result<(), RolloutError> {
        let text = content.iter().map(|part| match part {
            Content::Text { text } => text.as_str(),
            Content::Image { .. } => "[image]",
        });
        let details = ItemDetails::UserMessage { text: text.collect::<Vec<_>>().join("\n") };
        self.publish_item(details, vec![Item::user(content)])
    }

    /// The plan as it now stands: begun with its first version, updated with each later one.
    pub(crate) fn publish_plan(
        &mut self,
        details: ItemDetails,
        step: u32,
        wire: Vec<Item>,
    ) -> Result<(), RolloutError> {
        let begun = self.plan.take();
        let is_new = begun.is_none();
        let id = begun.map_or_else(|| self.new_item_id(), |plan| plan.id);
        let item = ThreadItem { id, details, call_id: None, step: Some(step), duration_ms: None };
        self.plan = Some(item.clone());
        let event = if is_new {
            Event::ItemStarted { item, rule: None }
        } else {
            Event::ItemUpdated { item }
        };
        self.publish_with(event, wire)
    }

    /// The turn is over: so is its plan.
    pub(crate) fn close_plan(&mut self) -> Result<(), RolloutError> {
        match self.plan.take() {
            Some(item) => self.publish(Event::ItemCompleted { item }),
            None => Ok(()),
        }
    }

    pub(crate) fn request(&self) -> Request {
        Request { settings: self.settings.clone(), window: self.history.window() }
    }

    /// Asks this model, and lets it think so.
    pub(crate) fn ask(&mut self, model: &str, reasoning: Option<ReasoningOptions>) {
        let fields = self.settings.fields().clone();
        let model = model.to_owned();
        self.settings = Settings::new(SettingsFields { model, reasoning, ..fields });
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn window(&self) -> Window {
        self.history.window()
    }

    pub(crate) fn open_calls(&self) -> Vec<(ToolCall, Option<ThreadItem>)> {
        self.history.open_calls()
    }

    pub(crate) fn knows_call(&self, call_id: &str) -> bool {
        self.history.knows_call(call_id)
    }

    pub(crate) fn context_tokens(&self) -> u64 {
        self.history.context_tokens()
    }

    pub(crate) fn preamble_len(&self) -> usize {
        self.history.preamble_len()
    }

    /// Nothing that was asked is continued by what is asked next.
    pub(crate) fn new_epoch(&mut self) {
        self.history.new_epoch();
    }

    /// The plan as it now stands, in words for the model.
    pub(crate) fn plan_item(&self) -> Option<Item> {
        let ItemDetails::TodoList { items } = &self.plan.as_ref()?.details else { return None };
        let line = |todo: &agent_protocol::Todo| {
            format!("[{}] {}", if todo.completed { "x" } else { " " }, todo.text)
        };
        let lines: Vec<_> = items.iter().map(line).collect();
        Some(Item::developer(&format!("The plan as it stands:\n{}", lines.join("\n"))))
    }

    /// What patches have changed, in words for the model.
    pub(crate) fn changes_item(&self) -> Option<Item> {
        self.changes.item()
    }

    pub(crate) fn usage(&self) -> Usage {
        self.history.usage()
    }

    pub(crate) fn rollout_path(&self) -> Option<&std::path::Path> {
        self.rollout.as_ref().map(Rollout::path)
    }
}
