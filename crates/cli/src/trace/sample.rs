//! Steps for the tests: a turn over one socket that is lost once.

use agent_protocol::{
    CommandExecution, Event, Header, ItemDetails, Network, Record, RejectReason, SendReason,
    Status, StepCompleted, ThreadItem, Timing, TransportKind, TurnCompleted, Usage,
};

use super::model::Trace;

pub(super) fn step(step: u32, reason: SendReason, up: u64, stateless: u64) -> StepCompleted {
    StepCompleted {
        step,
        response_id: format!("resp_{step}"),
        model: "m".into(),
        transport: TransportKind::Websocket,
        connection: 1,
        bytes_up: up,
        bytes_down: 2_000,
        bytes_stateless: stateless,
        incremental: reason == SendReason::Chained,
        reason,
        connect_ms: 0.0,
        ttfb_ms: 150.0,
        queue_ms: None,
        ttft_ms: Some(200.0),
        total_ms: 900.0,
        tool_wait_ms: 0.0,
        tool_ms: 0.0,
        overhead_ms: 0.6,
        usage: Usage {
            input_tokens: stateless / 4,
            cached_input_tokens: (stateless - up) / 4,
            output_tokens: 120,
            ..Usage::default()
        },
        cache_diagnostics: None,
        broken: false,
    }
}

pub(super) fn steps() -> Vec<StepCompleted> {
    let mut steps = vec![
        StepCompleted {
            connect_ms: 82.0,
            overhead_ms: 7.2,
            ..step(1, SendReason::First, 12_345, 12_345)
        },
        StepCompleted {
            tool_ms: 160.0,
            tool_wait_ms: 90.0,
            ..step(2, SendReason::Chained, 420, 14_100)
        },
        StepCompleted { broken: true, ttft_ms: None, ..step(3, SendReason::Chained, 388, 15_800) },
        StepCompleted { connection: 2, ..step(4, SendReason::AfterError, 15_900, 15_900) },
        step(5, SendReason::Chained, 512, 18_000),
    ];
    steps[3].total_ms = 1_432.0;
    steps
}

pub(super) fn header() -> Header {
    Header {
        format: 1,
        thread_id: "01993b2c-0000-7000-8000-000000000000".into(),
        created_at: at(0),
        agent_version: "0".into(),
        cwd: "/w".into(),
        provider: "openai".into(),
        model: "m".into(),
        forked_from: None,
        instructions: String::new(),
        tools: vec![],
    }
}

/// A turn of the steps above, with two commands at once and a question to the person, and one that failed.
pub(super) fn trace() -> Trace {
    let steps = steps();
    let records = [
        record(0, Event::TurnStarted {}),
        record(
            0,
            item(
                "i1",
                None,
                None,
                ItemDetails::UserMessage { text: "Mend the <parser> & test it".into() },
            ),
        ),
        record(989, Event::StepCompleted(steps[0].clone())),
        record(
            1_900,
            item("i2", Some("c2"), Some(60), command("/bin/bash -c 'cargo test'", Status::Failed)),
        ),
        record(
            1_980,
            item("i3", Some("c1"), Some(160), command("/bin/bash -c ls", Status::Completed)),
        ),
        record(1_980, rejected("c9")),
        record(1_981, Event::StepCompleted(steps[1].clone())),
        record(2_882, Event::StepCompleted(steps[2].clone())),
        record(3_500, fallback()),
        // A second passed between these steps: nobody knows where it went, so it counts as ours.
        record(5_315, Event::StepCompleted(steps[3].clone())),
        record(6_216, Event::StepCompleted(steps[4].clone())),
        record(6_217, Event::TurnCompleted(completed(6_217))),
        record(60_000, Event::TurnStarted {}),
        record(60_000, item("i9", None, None, ItemDetails::UserMessage { text: "Again".into() })),
        record(60_901, Event::StepCompleted(steps[4].clone())),
    ];
    Trace::of(&header(), &records)
}

fn at(ms: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(1_795_000_000_000 + ms).unwrap())
}

fn record(ms: i64, event: Event) -> Record {
    Record { seq: Some(1), at: at(ms), event, wire: vec![] }
}

fn item(id: &str, call_id: Option<&str>, duration_ms: Option<u64>, details: ItemDetails) -> Event {
    let call_id = call_id.map(str::to_owned);
    Event::ItemCompleted {
        item: ThreadItem { id: id.into(), details, call_id, step: Some(2), duration_ms },
    }
}

fn command(command: &str, status: Status) -> ItemDetails {
    ItemDetails::CommandExecution(CommandExecution {
        exit_code: Some(0),
        status,
        ..CommandExecution::begun(command)
    })
}

fn rejected(call_id: &str) -> Event {
    Event::ToolRejected {
        call_id: call_id.into(),
        tool: "fly".into(),
        reason: RejectReason::UnknownTool,
        message: "there is no tool `fly`".into(),
        rule: None,
    }
}

fn fallback() -> Event {
    Event::TransportFallback {
        from: TransportKind::Websocket,
        to: TransportKind::HttpSse,
        reason: "426".into(),
    }
}

fn completed(duration_ms: u64) -> TurnCompleted {
    TurnCompleted {
        usage: Usage::default(),
        turn_usage: Usage::default(),
        cost_usd: None,
        duration_ms,
        steps: 5,
        final_message: "Done.".into(),
        timing: Timing { startup_ms: 89.0, ..Timing::default() },
        network: Network {
            transport: TransportKind::Websocket,
            connects: 2,
            reconnects: 1,
            bytes_up: 1,
            bytes_down: 1,
        },
        schema_valid: None,
    }
}
