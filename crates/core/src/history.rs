//! The fold of a thread's records that becomes the next request: the window, and the calls still open. It never
//! looks at the display form, only at `wire`.

use std::collections::HashMap;

use agent_protocol::{Event, Fill, Item, ItemKind, Record, ToolCall, Usage, Window, WindowLog};

/// State of the conversation as of the last record. The same fold runs live and when a rollout is read back.
#[derive(Debug, Default)]
pub struct History {
    window: WindowLog,
    /// The calls of the step under way, in call order; their outputs wait here for those before them.
    calls: Vec<OpenCall>,
    /// The output of every call that was ever answered, by `call_id`: a call never runs twice (R3).
    answered: HashMap<String, Item>,
    usage: Usage,
    fill: Fill,
    /// How many items stand before anything that was said.
    preamble: usize,
    turns: u32,
}

#[derive(Debug)]
struct OpenCall {
    call: ToolCall,
    /// The display item that shows it, when it had begun.
    item: Option<agent_protocol::ThreadItem>,
    output: Option<Item>,
}

impl History {
    pub fn apply(&mut self, record: &Record) {
        self.fill.apply(&record.event);
        match &record.event {
            Event::WireRecorded {} => {
                record.wire.iter().for_each(|item| self.window.push(item.clone()));
                if self.turns == 0 {
                    self.preamble = self.window.window().len();
                }
            }
            Event::ContextCompacted { .. } => self.window.rewrite(record.wire.iter().cloned()),
            _ => record.wire.iter().for_each(|item| self.enter(item)),
        }
        match &record.event {
            Event::ItemStarted { item, .. } => self.note_begun(item),
            Event::StepCompleted(step) => {
                self.usage += step.usage;
                self.flush();
            }
            Event::TurnStarted {} => {
                self.turns += 1;
                // It begins with what a process that was killed had left open, closed meanwhile.
                self.flush();
            }
            Event::TurnCompleted(_) | Event::TurnFailed(_) => self.flush(),
            _ => {}
        }
    }

    fn enter(&mut self, item: &Item) {
        match item.kind() {
            ItemKind::ToolCall(call) => {
                self.window.push(item.clone());
                self.calls.push(OpenCall { call: call.clone(), item: None, output: None });
            }
            ItemKind::ToolOutput { call_id } => {
                // The last of that id: an earlier one of the same id has been answered before.
                let open = self.calls.iter_mut().rev().find(|open| open.call.call_id == *call_id);
                if let Some(open) = open.filter(|open| open.output.is_none()) {
                    open.output = Some(item.clone());
                    self.answered.insert(call_id.clone(), item.clone());
                }
            }
            _ => self.window.push(item.clone()),
        }
    }

    fn note_begun(&mut self, item: &agent_protocol::ThreadItem) {
        let Some(call_id) = &item.call_id else { return };
        if let Some(open) = self.calls.iter_mut().rev().find(|open| open.call.call_id == *call_id) {
            open.item = Some(item.clone());
        }
    }

    /// Outputs enter the window after all items of their response, in call order, whenever they came (C5.1).
    fn flush(&mut self) {
        for open in std::mem::take(&mut self.calls) {
            match open.output {
                Some(output) => self.window.push(output),
                None => self.calls.push(open),
            }
        }
    }

    pub fn window(&self) -> Window {
        self.window.window()
    }

    /// Calls without an output, in call order, each with the display item it had begun as.
    pub fn open_calls(&self) -> Vec<(ToolCall, Option<agent_protocol::ThreadItem>)> {
        let open = self.calls.iter().filter(|open| open.output.is_none());
        open.map(|open| (open.call.clone(), open.item.clone())).collect()
    }

    /// Whether a call of this id is open or was answered before.
    pub fn knows_call(&self, call_id: &str) -> bool {
        self.answered.contains_key(call_id)
            || self.calls.iter().any(|open| open.call.call_id == call_id)
    }

    /// How many turns have begun.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// Tokens of the whole thread.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Tokens the window took at the last response, its output included, or was shortened to since.
    pub fn context_tokens(&self) -> u64 {
        self.fill.tokens()
    }

    /// How many items stand before anything that was said: the instructions' share of the window.
    pub fn preamble_len(&self) -> usize {
        self.preamble
    }

    /// Nothing is chained beyond this; see [`WindowLog::new_epoch`].
    pub fn new_epoch(&mut self) {
        self.window.new_epoch();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_protocol::{
        CallForm, Content, ItemDetails, SendReason, Status, StepCompleted, ThreadItem,
        TransportKind,
    };

    fn call(id: &str) -> Item {
        Item::from_json(&format!(
            r#"{{"type":"function_call","call_id":"{id}","name":"exec_command","arguments":"{{}}"}}"#
        ))
        .unwrap()
    }

    fn output(id: &str) -> Item {
        let call = ToolCall {
            call_id: id.into(),
            name: String::new(),
            namespace: None,
            form: CallForm::Function,
            input: String::new(),
        };
        Item::output(&call, &[Content::text(format!("output of {id}"))])
    }

    fn item(call_id: &str) -> ThreadItem {
        ThreadItem {
            id: format!("i-{call_id}"),
            details: ItemDetails::ToolCall {
                tool: String::new(),
                subject: String::new(),
                summary: String::new(),
                status: Status::InProgress,
            },
            call_id: Some(call_id.into()),
            step: None,
            duration_ms: None,
        }
    }

    fn record(event: Event, wire: Vec<Item>) -> Record {
        Record { seq: None, at: String::new(), event, wire }
    }

    fn started(id: &str) -> Record {
        record(Event::ItemStarted { item: item(id), rule: None }, vec![call(id)])
    }

    fn completed(id: &str) -> Record {
        record(Event::ItemCompleted { item: item(id) }, vec![output(id)])
    }

    fn said(text: &str) -> Record {
        let message = format!(r#"{{"type":"message","role":"assistant","content":"{text}"}}"#);
        record(Event::WireRecorded {}, vec![Item::from_json(&message).unwrap()])
    }

    fn step_completed() -> Record {
        let step = StepCompleted {
            step: 1,
            response_id: String::new(),
            model: String::new(),
            transport: TransportKind::Websocket,
            connection: 1,
            bytes_up: 0,
            bytes_down: 0,
            bytes_stateless: 0,
            incremental: false,
            reason: SendReason::First,
            connect_ms: 0.0,
            ttfb_ms: 0.0,
            queue_ms: None,
            ttft_ms: None,
            total_ms: 0.0,
            tool_wait_ms: 0.0,
            tool_ms: 0.0,
            overhead_ms: 0.0,
            usage: Usage::default(),
            cache_diagnostics: None,
            broken: false,
        };
        record(Event::StepCompleted(step), vec![])
    }

    fn window(records: &[Record]) -> Vec<String> {
        let mut history = History::default();
        records.iter().for_each(|record| history.apply(record));
        let name = |item: &Item| match item.kind() {
            ItemKind::ToolCall(call) => call.call_id.clone(),
            ItemKind::ToolOutput { call_id } => format!("{call_id}!"),
            ItemKind::Message { text, .. } => text.clone(),
            other => format!("{other:?}"),
        };
        history.window().iter().map(name).collect()
    }

    #[test]
    fn a_shortened_conversation_takes_the_place_of_the_old_one() {
        let compacted =
            Event::ContextCompacted { before_tokens: 9, after_tokens: 2, reason: String::new() };
        let short = said("short").wire;
        let records = [
            said("preamble"),
            record(Event::TurnStarted {}, vec![]),
            said("long"),
            record(compacted, short),
            said("then"),
        ];
        assert_eq!(window(&records), ["short", "then"]);
        let mut history = History::default();
        records.iter().for_each(|record| history.apply(record));
        assert_eq!((history.preamble_len(), history.context_tokens()), (1, 2));
    }

    #[test]
    fn r3_calls_a_killed_process_left_open_are_answered_before_the_next_message() {
        let begun = record(Event::TurnStarted {}, vec![]);
        assert_eq!(window(&[started("a"), completed("a"), begun, said("m")]), ["a", "a!", "m"]);
    }

    #[test]
    fn outputs_stand_after_all_items_of_their_response_in_call_order_whenever_they_came() {
        for records in [
            vec![
                started("a"),
                started("b"),
                said("m"),
                completed("a"),
                completed("b"),
                step_completed(),
            ],
            vec![
                started("a"),
                completed("a"),
                started("b"),
                said("m"),
                completed("b"),
                step_completed(),
            ],
            vec![
                started("a"),
                started("b"),
                completed("b"),
                completed("a"),
                said("m"),
                step_completed(),
            ],
        ] {
            let mut names = window(&records);
            assert_eq!(&names[names.len() - 2..], ["a!", "b!"]);
            names.sort();
            assert_eq!(names, ["a", "a!", "b", "b!", "m"]);
        }
    }

    #[test]
    fn an_output_of_an_unknown_call_and_a_second_output_do_not_enter_the_window() {
        let records =
            [started("a"), completed("zzz"), completed("a"), completed("a"), step_completed()];
        assert_eq!(window(&records), ["a", "a!"]);
    }

    #[test]
    fn a_call_without_output_stays_open_over_the_end_of_its_step() {
        let mut history = History::default();
        for record in [started("a"), started("b"), completed("b"), step_completed()] {
            history.apply(&record);
        }
        let open = history.open_calls();
        assert_eq!((open.len(), &*open[0].0.call_id), (1, "a"));
        assert_eq!(open[0].1.as_ref().unwrap().id, "i-a");
        assert!(history.knows_call("b") && !history.knows_call("c"));
    }
}
